#!/bin/sh
# Fuzzes each target for a while with libFuzzer, ASan and UBSan.
#   sh tests/fuzz/run.sh [--minutes N] [TARGET...]
# N minutes each, 1 unless said. New inputs go to build-fuzz/corpus/TARGET, findings to
# build-fuzz/TARGET-*, and a line for the table of tests/fuzz/README.md to the terminal. Copy what
# is worth keeping to tests/fuzz/corpus/TARGET: the unit suite replays it.
set -eu
cd "$(dirname "$0")/../.."
minutes=1
if [ "${1:-}" = --minutes ]; then
    minutes=$2
    shift 2
fi
wires=$(sed -n 's/^RW_WIRE(RW_WIRE_\([A-Z0-9_]*\))$/wire_\1/p' proto/wires.def | tr 'A-Z\n' 'a-z ')
# shellcheck disable=SC2086
[ $# -gt 0 ] || set -- answer signals bank manifest run safetensors pickle json template tokenizer \
    tokenizer_text request http $wires

if [ ! -f build-fuzz/build.ninja ]; then
    CC=clang meson setup build-fuzz -Dfuzz=true -Dbuildtype=debugoptimized -Db_lundef=false \
        -Db_sanitize=address,undefined -Dc_args=-fsanitize=fuzzer-no-link
fi
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
for target in "$@"; do
    ninja -C build-fuzz "tests/fuzz/fuzz-$target" >/dev/null
    mkdir -p "build-fuzz/corpus/$target"
    log=build-fuzz/$target.log
    status=0
    more=
    seeds=
    [ ! -f "tests/fuzz/$target.dict" ] || more="-dict=tests/fuzz/$target.dict"
    case $target in wire_*)
        more=-dict=tests/fuzz/wires.dict
        seeds=tests/fuzz/corpus/wires
        ;;
    esac
    [ ! -d "tests/fuzz/corpus/$target" ] || seeds="$seeds tests/fuzz/corpus/$target"
    [ "$target" != answer ] || more="$more -entropic=0 -max_len=160" # see README.md
    # shellcheck disable=SC2086
    "build-fuzz/tests/fuzz/fuzz-$target" -max_total_time="$((minutes * 60))" -timeout=10 \
        -rss_limit_mb=2048 -artifact_prefix="build-fuzz/$target-" -print_final_stats=1 $more \
        "build-fuzz/corpus/$target" $seeds >"$log" 2>&1 || status=$?
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    echo "$target: ${runs:-0} executions in $minutes min, $([ $status -eq 0 ] && echo no finding ||
        echo "a finding, see $log")"
    [ $status -eq 0 ] || exit $status
done
