#!/bin/sh
# Installs what is missing, builds rewardd and starts it. Arguments go to the daemon.
#
#   sh deploy/quickstart.sh [--model DIR] ...      set REWARDD_LISTEN=host:port to listen elsewhere
set -eu

top=$(cd "$(dirname "$0")/.." && pwd)
build=$top/build
cd "$top"

sh deploy/deps.sh build
[ -f "$build/build.ninja" ] || meson setup "$build" >/dev/null
ninja -C "$build" server/rewardd >/dev/null

# Without a --model of the caller's the default models are loaded.
has_model=${REWARDD_MODEL:-}
for argument in "$@"; do
    case $argument in
    --model | --model=*) has_model=yes ;;
    esac
done
if [ -z "$has_model" ]; then
    for manifest in deploy/models/*/rewardd.json; do
        [ -e "$manifest" ] && set -- "$@" --model "$(dirname "$manifest")"
    done
fi
exec "$build/server/rewardd" "$@"
