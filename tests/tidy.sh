#!/bin/sh
# What is too slow for tests/run.sh: clang-tidy over the tree, and valgrind over the unit tests and
# a daemon.
#
#   sh tests/tidy.sh              both
#   sh tests/tidy.sh tidy         clang-tidy-14 with .clang-tidy: about 5 minutes of one core
#   sh tests/tidy.sh valgrind     about 10 minutes of one core
#
# A finding of clang-tidy that was looked at and is none stands in tests/tidy.known, with its source
# line, so that it comes back when that line changes. Fails on any other. Build folders: build-test/
# in the tree.
set -eu

top=$(cd "$(dirname "$0")/.." && pwd)
cd "$top"
out=$top/build-test
what=${1:-tidy valgrind}
mkdir -p "$out"
sh deploy/deps.sh tidy

setup() {
    [ -f "$out/$1/build.ninja" ] ||
        env CC="$2" meson setup "$out/$1" -Dbuildtype=debugoptimized >/dev/null
}

# "path|check|source line", which does not change when lines are added above.
findings() {
    warning='^\([^:]*\):\([0-9]*\):[0-9]*: warning: .*\[\([^]]*\)\]$'
    sed -n "s|^$top/||; s|^[^:]*[.][.]/||; s|$warning|\\1 \\2 \\3|p" |
        sort -u | while read -r file line check; do
        printf '%s|%s|%s\n' "$file" "$check" "$(sed -n "${line}{s/^ *//;p;}" "$file")"
    done | sort -u
}

tidy() {
    setup tidy clang
    ninja -C "$out/tidy" server/openapi.c >/dev/null # the one generated source
    run-clang-tidy-14 -quiet -p "$out/tidy" '/(core|proto|server|tests)/.*[.]c$' \
        >"$out/tidy.log" 2>&1 || true
    grep -q '^' "$out/tidy.log" || return 1
    sed 's/\x1b\[[0-9;]*m//g' "$out/tidy.log" | findings >"$out/tidy.found"
    grep -v '^#' tests/tidy.known | sort -u >"$out/tidy.expected"
    new=$(comm -23 "$out/tidy.found" "$out/tidy.expected")
    gone=$(comm -13 "$out/tidy.found" "$out/tidy.expected")
    [ -z "$gone" ] || printf 'no longer found, may leave tests/tidy.known:\n%s\n' "$gone"
    [ -z "$new" ] || printf 'new:\n%s\n' "$new"
    count=$(printf '%s' "$new" | grep -c . || true)
    echo "clang-tidy: $(wc -l <"$out/tidy.found") findings, $count of them new"
    [ -z "$new" ]
}

memcheck="valgrind -q --error-exitcode=99 --leak-check=full"
memcheck="$memcheck --errors-for-leak-kinds=definite,indirect"

# One process per suite: CK_FORK=no, so that what a test leaves is seen. Suites that compute for
# minutes under valgrind (cache, engine, kernels, reply's floats, scheduler, shortcut) are left to
# ASan; the engine and the writers run in the daemon below.
units="access answer base config gate guard json layout openrlhf recipe request run safetensors spm
sim-connection tokenizer"

valgrind_units() {
    bad=0
    for name in $units; do
        code=0
        CK_FORK=no $memcheck "$out/valgrind/tests/test-$name" \
            >"$out/valgrind/$name.log" 2>&1 || code=$?
        [ $code -eq 0 ] || [ $code -eq 77 ] || {
            bad=$((bad + 1))
            echo "FAILED: $name"
            tail -n 30 "$out/valgrind/$name.log"
        }
    done
    [ $bad -eq 0 ]
}

# The daemon with the default models: scores, streams, a bad body, a drain.
valgrind_daemon() {
    port=7399
    url=http://127.0.0.1:$port
    $memcheck "$out/valgrind/server/rewardd" --log-level error --listen 127.0.0.1:$port \
        --drain-delay 0 --threads 1 --sandbox off --runs-db "$out/valgrind/runs.db" \
        --model deploy/models/rewardd-prm-small \
        --model deploy/models/rewardd-orm-small >"$out/valgrind/daemon.log" 2>&1 &
    pid=$!
    curl -s --retry 900 --retry-delay 1 --retry-all-errors "$url/readyz" >/dev/null
    traces='[{"steps":["2+3=5","so 5"]},{"text":"5\n\n6"},[]]'
    body='{"prompt":"2+3?","traces":'$traces',"flags":"deep","run":{"id":"v"}}'
    for accept in application/json text/event-stream application/x-ndjson text/plain; do
        curl -s "$url/v1/rewards" -H "Accept: $accept" -d "$body" >/dev/null
    done
    curl -s "$url/v1/rewards" -d '{"prompt":' >/dev/null
    curl -s "$url/get_reward" -d '{"query":["qa"],"prompts":["q"]}' >/dev/null
    for path in /metrics /v1/models /v1/runs/v /openapi.json /nowhere; do
        curl -s "$url$path" >/dev/null
    done
    kill "$pid"
    code=0
    wait "$pid" || code=$?
    [ $code -eq 0 ] || cat "$out/valgrind/daemon.log"
    return $code
}

for step in $what; do
    case $step in
    tidy) tidy ;;
    valgrind)
        setup valgrind gcc
        ninja -C "$out/valgrind" >/dev/null
        valgrind_units
        valgrind_daemon
        echo "valgrind: no error, no leak"
        ;;
    *)
        echo "usage: tidy.sh [tidy|valgrind]" >&2
        exit 2
        ;;
    esac
done
