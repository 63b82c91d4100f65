#!/bin/sh
# From a fresh checkout to a running daemon: installs what is missing, builds, starts rewardd.
#   sh deploy/quickstart.sh [--model DIR] [any option of rewardd]
# Without --model it loads every model under deploy/models/. REWARDD_LISTEN=host:port moves it.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
build=$root/build

has_model_option() {
    for word in "$@"; do
        case $word in
        --model | --model=* | --help | --version | --config | --config=*) return 0 ;;
        esac
    done
    [ -n "${REWARDD_MODEL-}" ] || [ -n "${REWARDD_CONFIG-}" ]
}

if ! has_model_option "$@"; then
    found=
    for manifest in "$root"/deploy/models/*/rewardd.json; do
        if [ -f "$manifest" ]; then
            set -- --model "$(dirname "$manifest")" "$@"
            found=yes
        fi
    done
    if [ -z "$found" ]; then
        echo "quickstart: no default models in deploy/models; name one: --model DIR" >&2
        exit 2
    fi
fi

sh "$root/deploy/deps.sh" build
if [ ! -f "$build/build.ninja" ]; then
    meson setup "$build" "$root" --buildtype=release >&2
fi
ninja -C "$build" server/rewardd >&2
exec "$build/server/rewardd" "$@"
