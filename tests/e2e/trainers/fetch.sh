#!/bin/sh
# fetch.sh: the trainers and clients that these tests run, each version into a folder of its own
# under $REWARDD_CACHE/trainers, without their dependencies. Run again, it does nothing.
set -u

cache=${REWARDD_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/rewardd}
pip=$cache/venv/bin/pip
here=$(dirname "$0")

# Names and versions: one a line in versions.txt. What the SDKs import is fetched beside them.
grep -v '^#' "$here/versions.txt" | while read -r name version beside; do
    folder=$cache/trainers/$name-$version
    [ ! -e "$folder/.whole" ] || continue
    rm -rf "$folder"
    mkdir -p "$folder"
    set -- "$name==$version"
    for package in $beside; do
        set -- "$@" "$package"
    done
    # Single files are loaded: what a package wants of its Python (nemo-gym: 3.12) is no matter.
    if "$pip" install -q --no-deps --no-compile --disable-pip-version-check --only-binary :all: \
        --ignore-requires-python \
        --target "$folder" "$@" >"$folder/fetch.log" 2>&1; then
        touch "$folder/.whole"
    else
        echo "$name $version is not to be had: its tests are skipped"
        tail -n 1 "$folder/fetch.log"
    fi
done
