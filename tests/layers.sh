#!/bin/sh
# The arrows of DESIGN.md section 1, and what may not be called anywhere. Prints every offence.
set -u
cd "$(dirname "$0")/.." || exit 1
bad=0

# forbid WHERE PATTERN WHY
forbid() {
    # shellcheck disable=SC2086 # WHERE is a list of folders
    if grep -rnE --include='*.[ch]' --include='*.inc' "$2" $1 2>/dev/null; then
        echo "layers: $3"
        bad=1
    fi
}

forbid core '#include *["<](proto|server|clients|tests)/' 'core knows neither proto nor server'
forbid core '#include *["<](uv|llhttp|cJSON|cjson/cJSON)\.h' 'core: no libuv, llhttp, cJSON'
forbid proto '#include *["<](server|clients|tests)/' 'proto knows no server'
forbid proto '#include *["<]core/(io|text|kernels|model|engine|shortcut|rw_engine)' \
    'proto knows only core/base'
forbid proto '#include *["<](uv|llhttp)\.h' 'proto: no sockets'
forbid server '#include *["<]tests/' 'server knows no tests'
forbid clients '#include *["<](core|proto|server|tests)/' 'clients know the wire protocol only'

all='core proto server clients'
forbid "$all" '(^|[^_[:alnum:]])(strcpy|strcat|sprintf|vsprintf|strtok|gets|atoi|atol|alloca) *\(' \
    'forbidden function'
forbid "$all" '(^|[^_[:alnum:]])assert *\(' 'use rw_assert: it stays on'
# Only core/base/alloc.c may touch the heap itself.
heap='(^|[^_[:alnum:]])(malloc|calloc|realloc|free|strdup|strndup) *\('
if grep -rnE --include='*.[ch]' "$heap" core proto server | grep -vE '^core/base/alloc\.c:|: *\*|/\*'; then
    echo 'layers: allocate with rw_alloc, so that the tests can make it fail'
    bad=1
fi

[ "$bad" -eq 0 ] && echo "layers: the arrows hold"
exit "$bad"
