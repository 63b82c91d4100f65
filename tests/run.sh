#!/bin/sh
# The test command: installs what is missing, builds, and passes every test.
#
#   sh tests/run.sh               gcc, clang, ASan+UBSan; all suites; format and rules
#   sh tests/run.sh --quick       gcc only, the unit suite
#   sh tests/run.sh --long        also what takes a build of its own (the stranger's test), and 1e5
#                                 simulated days of the server
#   sh tests/run.sh --no-install  what is missing is skipped
#
# Ends with one line: N passed, N failed, N skipped. Build folders and logs: build-test/ in the
# tree.
set -u

top=$(cd "$(dirname "$0")/.." && pwd)
cd "$top" || exit 1
out=$top/build-test
cache=${REWARDD_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/rewardd}
quick=
long=
install=yes
for argument in "$@"; do
    case $argument in
    --quick) quick=yes ;;
    --long) export REWARDD_LONG=1 long=yes ;;
    --no-install) install= ;;
    *)
        echo "usage: run.sh [--quick | --long] [--no-install]" >&2
        exit 2
        ;;
    esac
done

passed=0
failed=0
skipped=0

say() {
    printf '== %s (%s s)\n' "$1" "$(($(date +%s) - started))"
}

# check NAME COMMAND...: one test of its own.
check() {
    name=$1
    shift
    if "$@" >"$out/$name.log" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: $name"
        tail -n 40 "$out/$name.log"
    fi
    say "$name"
}

# Counts from "Ok: N", "Fail: N", ... that meson test prints.
count_meson() {
    sum() { sed -n "s/^$1: *\\([0-9][0-9]*\\).*/\\1/p" "$2" | tail -n 1; }
    ok=$(sum Ok "$1")
    bad=$(sum Fail "$1")
    late=$(sum Timeout "$1")
    bad=$((${bad:-0} + ${late:-0})) # a build that failed leaves no counts; it is counted itself
    skip=$(sum Skipped "$1")
    passed=$((passed + ${ok:-0}))
    failed=$((failed + bad))
    skipped=$((skipped + ${skip:-0}))
    grep -E ' SKIP ' "$1"
    [ "$bad" -eq 0 ] || grep -E 'FAIL|TIMEOUT' "$1"
}

# build NAME CC MESON-OPTIONS...
build() {
    name=$1
    compiler=$2
    shift 2
    if [ -f "$out/$name/build.ninja" ]; then
        check "build-$name" ninja -C "$out/$name"
    else
        # shellcheck disable=SC2016
        check "build-$name" env CC="$compiler" sh -c \
            'dir=$1; shift; meson setup "$dir" "$@" && ninja -C "$dir"' \
            sh "$out/$name" -Dwerror=true "$@"
    fi
}

# suites NAME MESON-TEST-OPTIONS...
suites() {
    name=$1
    shift
    log=$out/suites-$name.log
    meson test -C "$out/$name" --no-rebuild --print-errorlogs "$@" >"$log" 2>&1 ||
        grep -qE '^Fail: *[1-9]|^Timeout: *[1-9]' "$log" || {
        failed=$((failed + 1))
        tail -n 20 "$log"
    }
    count_meson "$log"
    [ "$bad" -eq 0 ] || tail -n 60 "$log"
    say "suites of $name"
}

# The Python suites run beside the builds and suites between these two.
start_python() {
    python=$cache/venv/bin/python
    [ -x "$python" ] || python=python3
    python_process=
    if ! "$python" -c 'import pytest' >/dev/null 2>&1; then
        return
    fi
    REWARDD_BIN=$out/gcc/server/rewardd REWARDD_BUILD=$out/gcc REWARDD_CACHE=$cache \
        "$python" -m pytest -q -rs -p no:cacheprovider tests clients deploy/models \
        >"$out/pytest.log" 2>&1 &
    python_process=$!
    trap 'kill "$python_process" 2>/dev/null; exit 130' INT TERM
}

await_python() {
    log=$out/pytest.log
    if [ -z "$python_process" ]; then
        echo "skipped: the Python suites need pytest"
        skipped=$((skipped + 1))
        return
    fi
    wait "$python_process"
    status=$?
    line=$(grep -E '(passed|failed|error|skipped|no tests ran)' "$log" | tail -n 1)
    number() { # before the word, in ", 12 passed, 3 failed"
        echo " $line" | sed -n "s/.*[^0-9]\\([0-9][0-9]*\\) $1.*/\\1/p"
    }
    p=$(number passed)
    f=$(number failed)
    e=$(number error)
    s=$(number skipped)
    passed=$((passed + ${p:-0}))
    failed=$((failed + ${f:-0} + ${e:-0}))
    skipped=$((skipped + ${s:-0}))
    if [ $status -ne 0 ] && [ $status -ne 5 ]; then
        [ $((${f:-0} + ${e:-0})) -gt 0 ] || failed=$((failed + 1))
        tail -n 80 "$log"
    fi
    grep -E '^SKIPPED' "$log" | head -n 20
    say "Python suites"
}

started=$(date +%s)
mkdir -p "$out"
[ -z "$install" ] || sh deploy/deps.sh test || exit 1
[ -z "$install" ] || [ -z "$long" ] || sh deploy/deps.sh packages || exit 1
say "dependencies"

build gcc gcc
if [ -n "$quick" ]; then
    suites gcc --suite unit
else
    suites gcc
    start_python
    build asan gcc -Db_sanitize=address,undefined -Db_lundef=false -Dbuildtype=debugoptimized
    ASAN_OPTIONS=detect_leaks=1:abort_on_error=1 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 \
        CK_TIMEOUT_MULTIPLIER=4 suites asan --timeout-multiplier 4
    build clang clang
    suites clang --suite unit
    if [ -n "$install" ] || command -v qemu-aarch64 >/dev/null 2>&1; then
        check aarch64 sh tests/cross/aarch64.sh "$out/aarch64"
    else
        echo "skipped: AArch64 needs a cross compiler and an emulator"
        skipped=$((skipped + 1))
    fi
    await_python
    [ -z "${REWARDD_LONG:-}" ] ||
        check simulation "$out/gcc/tests/test-sim-whole" --seed 1000000 --seeds 100000
    check format sh -c 'git ls-files "*.c" "*.h" | xargs clang-format-14 --dry-run -Werror'
    check house python3 tests/house.py
    if [ -x "$cache/venv/bin/ruff" ]; then
        # shellcheck disable=SC2016
        check ruff sh -c '"$1" check . && "$1" format --check .' sh "$cache/venv/bin/ruff"
        check mypy "$cache/venv/bin/mypy" --strict clients/python/rewardd
    else
        echo "skipped: ruff and mypy are not installed"
        skipped=$((skipped + 1))
    fi
    check shellcheck sh -c 'git ls-files "*.sh" .ci/run | xargs shellcheck'
fi

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
