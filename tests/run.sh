#!/bin/sh
# Installs what is missing, builds, and runs every test.
#   sh tests/run.sh [--quick] [--no-install]
#     --quick        release build and unit tests only
#     --no-install   install nothing; what is missing is skipped with a message
# Builds lie in build/, build-asan/, build-clang/. $REWARDD_DATA: the shared test data (default
# ../shared/data). The last line is "N passed, N failed, N skipped"; the exit status is 0 when
# nothing failed.
set -u

root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root" || exit 1
quick=no
install=yes
for word in "$@"; do
    case $word in
    --quick) quick=yes ;;
    --no-install) install=no ;;
    *) sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 2 ;;
    esac
done

cache=${REWARDD_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/rewardd}
python=$cache/venv/bin/python
if [ -z "${REWARDD_DATA-}" ] && [ -d "$root/../shared/data" ]; then
    REWARDD_DATA=$root/../shared/data
fi
export REWARDD_DATA="${REWARDD_DATA-}"
export REWARDD_BIN="$root/build/server/rewardd" REWARDD_CACHE="$cache" PYTHONDONTWRITEBYTECODE=1
export NODE_PATH="${NODE_PATH:-$cache/npm/node_modules}"
export ASAN_OPTIONS="${ASAN_OPTIONS-detect_leaks=1}"
export UBSAN_OPTIONS="${UBSAN_OPTIONS-halt_on_error=1:print_stacktrace=1}"

results=$(mktemp -d) || exit 1
trap 'rm -rf "$results"' EXIT
extra_passed=0
extra_failed=0
extra_skipped=0

# phase NAME COMMAND...: one step that counts as one test when COMMAND gives no counts of its own
phase() {
    name=$1
    shift
    began=$(date +%s)
    echo "== $name"
    "$@"
    status=$?
    echo "== $name: $(($(date +%s) - began)) s$([ "$status" -eq 0 ] || echo ', FAILED')"
    return "$status"
}

check() {
    if phase "$@"; then
        extra_passed=$((extra_passed + 1))
    else
        extra_failed=$((extra_failed + 1))
    fi
}

skip() {
    echo "== SKIPPED $*"
    extra_skipped=$((extra_skipped + 1))
}

# build DIR CC MESON-OPTIONS...
build() {
    dir=$1
    cc=$2
    shift 2
    if [ ! -f "$dir/build.ninja" ]; then
        CC=$cc meson setup "$dir" -Dwerror=true "$@" >"$results/setup.log" 2>&1 || {
            tail -20 "$results/setup.log"
            return 1
        }
    fi
    ninja -C "$dir" >"$results/build.log" 2>&1 || {
        grep -E 'error|warning|FAILED' "$results/build.log" | head -30
        return 1
    }
}

# meson_tests DIR SUITE...; failures show in the log, counts come from it
meson_tests() {
    dir=$1
    shift
    suites=
    for suite in "$@"; do
        suites="$suites --suite $suite"
    done
    # shellcheck disable=SC2086 # a list of options
    timeout 3000 meson test -C "$dir" --no-rebuild -q --print-errorlogs $suites
    status=$?
    cp "$dir/meson-logs/testlog.json" "$results/$dir.json" 2>/dev/null || return 1
    return "$status"
}

# python_tests FOLDER
python_tests() {
    report=$results/$(echo "$1" | tr / -).xml
    timeout 3000 "$python" -m pytest -q -p no:cacheprovider --junitxml="$report" "$1" </dev/null
    status=$?
    [ -f "$report" ] || extra_failed=$((extra_failed + 1))
    return "$status"
}

format_check() {
    git ls-files '*.c' '*.h' | xargs clang-format-14 --dry-run -Werror
}

scripts_check() {
    git ls-files '*.sh' .ci/run | xargs shellcheck
}

finish() {
    # shellcheck disable=SC2046 # three numbers
    set -- $(python3 tests/lib/count.py "$results"/*.json "$results"/*.xml 2>/dev/null || echo 0 0 0)
    echo "$(($1 + extra_passed)) passed, $(($2 + extra_failed)) failed," \
        "$(($3 + extra_skipped)) skipped"
    [ "$(($2 + extra_failed))" -eq 0 ]
    exit
}

[ "$install" = no ] || phase "install" sh deploy/deps.sh "$([ $quick = yes ] && echo build || echo test)"

check "layers" sh tests/layers.sh
if ! phase "build: gcc, release" build build gcc; then
    extra_failed=$((extra_failed + 1))
    finish
fi
if [ $quick = yes ]; then
    phase "unit" meson_tests build unit
    finish
fi
phase "unit, kernels, fault" meson_tests build unit kernels fault

for folder in tests/oracle tests/golden tests/invariance tests/e2e clients/python; do
    found=$(find "$folder" -name 'test_*.py' 2>/dev/null | head -1)
    if [ -z "$found" ]; then
        continue
    elif [ -x "$python" ] && "$python" -c 'import pytest' 2>/dev/null; then
        phase "pytest $folder" python_tests "$folder"
    else
        skip "pytest $folder: no Python packages in $cache"
    fi
done

if phase "build: gcc, ASan and UBSan" build build-asan gcc -Dbuildtype=debugoptimized \
    -Db_sanitize=address,undefined; then
    phase "unit, kernels, fault with ASan and UBSan" meson_tests build-asan unit kernels fault
else
    extra_failed=$((extra_failed + 1))
fi
if command -v clang >/dev/null; then
    check "build: clang" build build-clang clang
else
    skip "clang is not installed"
fi
if command -v clang-format-14 >/dev/null && git rev-parse --git-dir >/dev/null 2>&1; then
    check "format" format_check
else
    skip "clang-format-14 or git is not there"
fi
if command -v shellcheck >/dev/null && git rev-parse --git-dir >/dev/null 2>&1; then
    check "scripts" scripts_check
else
    skip "shellcheck or git is not there"
fi
finish
