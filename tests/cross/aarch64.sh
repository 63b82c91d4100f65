#!/bin/sh
# The core for AArch64: built with a cross compiler, its kernel tests run under user-mode emulation
# with every NEON table. Exit 77 where compiler or emulator are missing.
#
#   sh tests/cross/aarch64.sh OUT     programs and objects go to the folder OUT
#
# Only the C library is needed: check.h beside this script stands for libcheck.
set -eu

top=$(cd "$(dirname "$0")/../.." && pwd)
out=${1:?usage: aarch64.sh OUT}
compiler=${AARCH64_CC:-aarch64-linux-gnu-gcc}
emulator=${AARCH64_RUN:-qemu-aarch64}
if ! command -v "$compiler" >/dev/null || ! command -v "$emulator" >/dev/null; then
    echo "skipped: needs $compiler and $emulator"
    exit 77
fi

flags="-std=c11 -D_GNU_SOURCE -O2 -Wall -Wextra -Werror -Wno-missing-field-initializers
-Wno-sign-compare -ffp-contract=off -pthread" # as meson.build, and nothing of the daemon
mkdir -p "$out"
cd "$top"

# object SOURCE FLAGS...: prints the name of the object, made anew.
object() {
    name=$out/$(echo "$1" | tr / _).o
    source=$1
    shift
    # shellcheck disable=SC2086
    "$compiler" $flags "$@" -Itests/cross -I. -c "$source" -o "$name"
    echo "$name"
}

objects=
for source in core/base/*.c core/kernels/*.c; do
    case $source in
    *avx* | *amx*) continue ;;
    *neon_dotprod.c) objects="$objects $(object "$source" -march=armv8.2-a+dotprod)" ;;
    *neon_i8mm.c) objects="$objects $(object "$source" -march=armv8.2-a+dotprod+bf16+i8mm)" ;;
    *neon_bf16.c) objects="$objects $(object "$source" -march=armv8.2-a+dotprod+bf16)" ;;
    *) objects="$objects $(object "$source")" ;;
    esac
done
for source in tests/kernels/*.c; do
    objects="$objects $(object "$source" -include check.h -DRW_TEST_PRODUCTS_MAX=2e5)"
done
# shellcheck disable=SC2086
"$compiler" -static -pthread $objects -lm -o "$out/test-kernels"

# `max` has the products of Armv8.2 and 8.6; cortex-a72 has neither, so its best table is "neon".
for pair in max:neon-i8mm cortex-a72:neon; do
    processor=${pair%:*}
    echo "== $processor"
    "$emulator" -cpu "$processor" "$out/test-kernels" | tee "$out/$processor.log"
    tail -n 1 "$out/$processor.log" | grep -q '^ok quota' # a pipe hides the status of the program
    [ "$(head -n 1 "$out/$processor.log")" = "table ${pair#*:}" ]
done
