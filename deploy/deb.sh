#!/bin/sh
# deb.sh DIR: builds the Debian package of this tree into DIR. Needs debhelper and what `deps.sh
# build` installs; CC may name another compiler.
set -eu

[ $# -eq 1 ] || {
    echo "usage: deb.sh DIR" >&2
    exit 2
}
top=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$1"
into=$(cd "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The files of the tree as they are now, without build folders.
mkdir "$work/rewardd"
cd "$top"
git ls-files -z --cached --others --exclude-standard | xargs -0 tar -cf "$work/tree.tar"
tar -xf "$work/tree.tar" -C "$work/rewardd"
cd "$work/rewardd"
cp -R deploy/debian debian
cp deploy/rewardd.service debian/rewardd.service
dpkg-buildpackage -b -us -uc >"$work/log" 2>&1 || {
    tail -n 40 "$work/log" >&2
    exit 1
}
cp "$work"/*.deb "$work"/*.changes "$work"/*.buildinfo "$into"
ls "$into"
