#!/bin/sh
# Fuzzes each target for a while with libFuzzer, ASan and UBSan.
#   sh tests/fuzz/run.sh [SECONDS-PER-TARGET] [TARGET...]
# New inputs go to build-fuzz/corpus/TARGET, findings to build-fuzz/crash-*. Copy what is worth
# keeping to tests/fuzz/corpus/TARGET: the unit suite replays it.
set -eu
cd "$(dirname "$0")/../.."
seconds=${1:-60}
[ $# -eq 0 ] || shift
[ $# -gt 0 ] ||
    set -- answer safetensors json template tokenizer tokenizer_text request get_reward wires http

if [ ! -f build-fuzz/build.ninja ]; then
    CC=clang meson setup build-fuzz -Dfuzz=true -Dbuildtype=debugoptimized -Db_lundef=false \
        -Db_sanitize=address,undefined -Dc_args=-fsanitize=fuzzer-no-link
fi
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
for target in "$@"; do
    ninja -C build-fuzz "tests/fuzz/fuzz-$target"
    mkdir -p "build-fuzz/corpus/$target"
    more=
    [ ! -f "tests/fuzz/$target.dict" ] || more="-dict=tests/fuzz/$target.dict"
    [ "$target" != answer ] || more="$more -entropic=0 -max_len=160" # see README.md
    # shellcheck disable=SC2086
    "build-fuzz/tests/fuzz/fuzz-$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 \
        -artifact_prefix="build-fuzz/$target-" -print_final_stats=1 $more \
        "build-fuzz/corpus/$target" "tests/fuzz/corpus/$target"
done
