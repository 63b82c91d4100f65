#!/bin/sh
# The arrows of DESIGN.md section 1 and the functions we do not call, held by grep.
#   server -> proto -> core/base, server -> core; core knows neither sockets nor wire JSON.
set -u
cd "$(dirname "$0")/.." || exit 1
failed=0

# refuse WHAT PATTERN PATH...
refuse() {
    what=$1
    pattern=$2
    shift 2
    if hits=$(grep -rnE --include='*.c' --include='*.h' --include='*.def' "$pattern" "$@" 2>/dev/null); then
        printf '%s:\n%s\n' "$what" "$hits"
        failed=1
    fi
}

refuse 'core includes the server side' \
    '#[[:space:]]*include[[:space:]]+["<](uv\.h|llhttp\.h|cJSON\.h|cjson/|server/|proto/)' core
refuse 'proto includes sockets or models' \
    '#[[:space:]]*include[[:space:]]+["<](uv\.h|llhttp\.h|server/|core/(rw_engine|io|text|model|kernels|engine|shortcut|answer|equation|run|probe))' proto
refuse 'core/base includes a higher layer' \
    '#[[:space:]]*include[[:space:]]+"core/(io|text|model|kernels|engine|shortcut|answer|equation|run|probe)' core/base
refuse 'core/io includes a higher layer' \
    '#[[:space:]]*include[[:space:]]+"core/(text|model|kernels|engine|shortcut|answer|equation|run|probe)' core/io
refuse 'a function we do not call' \
    '^[^/*]*[^_[:alnum:]](strcpy|strcat|sprintf|strtok|gets|atoi|alloca)[[:space:]]*\(' core proto server
refuse 'assert() that NDEBUG can remove; use rw_assert' \
    '^[^/*]*[^_[:alnum:]]assert[[:space:]]*\(|#[[:space:]]*include[[:space:]]+<assert\.h>' core proto server
refuse 'clients include the server' '#[[:space:]]*include[[:space:]]+["<](core|proto|server|tests)/' clients

# Only core/base/alloc.c touches the heap: elsewhere fault injection would not see it.
if hits=$(grep -rnE --include='*.c' --include='*.h' \
    '^[^/*"]*[^_[:alnum:]](malloc|calloc|realloc|free|strdup|strndup)[[:space:]]*\(' core proto server |
    grep -v '^core/base/alloc\.c:'); then
    printf 'the heap without rw_alloc:\n%s\n' "$hits"
    failed=1
fi
exit $failed
