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
for target in "$@"; do
    ninja -C build-fuzz "tests/fuzz/fuzz-$target"
    mkdir -p "build-fuzz/corpus/$target"
    "build-fuzz/tests/fuzz/fuzz-$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 \
        -artifact_prefix="build-fuzz/$target-" -print_final_stats=1 \
        "build-fuzz/corpus/$target" "tests/fuzz/corpus/$target"
done
