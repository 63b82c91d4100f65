#!/bin/sh
# collect-image.sh BUILD SOURCE IMAGE: lays out the root of the container image under IMAGE: the
# stripped daemon, the shared libraries it loads (as the loader names them), the default models
# where it looks for them, an empty configuration, and the licence.
set -eu

build=$1
source=$2
image=$3

mkdir -p "$image/usr/bin" "$image/etc/rewardd" "$image/usr/share/rewardd/models" "$image/tmp"
install -s -m 755 "$build/server/rewardd" "$image/usr/bin/rewardd"
install -m 644 "$source/LICENSE" "$image/usr/share/rewardd/LICENSE"

# `ldd` prints "name => path (address)" for libraries and "path (address)" for the loader itself.
ldd "$build/server/rewardd" | awk '$2 == "=>" { print $3 } $1 ~ /^\// { print $1 }' |
    while read -r library; do
        mkdir -p "$image$(dirname "$library")"
        cp -L "$library" "$image$library"
    done

: >"$image/etc/rewardd/rewardd.conf"
for manifest in "$source"/deploy/models/*/rewardd.json; do
    [ -e "$manifest" ] || continue
    folder=$(dirname "$manifest")
    name=$(basename "$folder")
    cp -R "$folder" "$image/usr/share/rewardd/models/$name"
done
