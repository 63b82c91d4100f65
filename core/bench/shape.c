#include "core/bench/shape.h"

#include <stdio.h>
#include <string.h>

#include "core/kernels/kernels.h"

static const char *const NAMES[] = {
    "qwen2.5-0.5b", "qwen2.5-1.5b", "qwen2.5-7b-layers", "qwen2.5-7b", "default", NULL,
};

/* config.json of Qwen/Qwen2.5-*; "layers" has four of the 28; "default" is what deploy/models
 * ships. */
static const struct rw_bench_shape SHAPES[] = {
    {896, 24, 4864, 14, 2, 64, false},   {1536, 28, 8960, 12, 2, 128, false},
    {3584, 4, 18944, 28, 4, 128, false}, {3584, 28, 18944, 28, 4, 128, false},
    {256, 6, 768, 8, 4, 32, true},
};

enum {
    HIDDEN_MAX = 16384,
    INTERMEDIATE_MAX = 65536,
    LAYERS_MAX = 128,
    HEADS_MAX = 256,
};

static rw_status check(const struct rw_bench_shape *s, struct rw_error *err)
{
    /* Bounds of the kernels and of memory: a typing error must not ask for a terabyte of random
     * weights. */
    bool sizes = s->hidden > 0 && s->hidden <= HIDDEN_MAX && s->layers > 0 &&
                 s->layers <= LAYERS_MAX && s->intermediate > 0 &&
                 s->intermediate <= INTERMEDIATE_MAX;
    bool heads = s->heads > 0 && s->heads <= HEADS_MAX && s->kv_heads > 0 &&
                 s->heads % s->kv_heads == 0 && s->head_dim > 0 && s->head_dim % 8 == 0 &&
                 s->head_dim <= RW_HEAD_DIM_MAX;
    return sizes && heads
               ? RW_OK
               : rw_fail(err, RW_CONFIG,
                         "shape: hidden <= %d, layers <= %d, intermediate <= %d, kv "
                         "heads that divide heads <= %d, head_dim a multiple of 8 <= %d",
                         HIDDEN_MAX, LAYERS_MAX, INTERMEDIATE_MAX, HEADS_MAX, RW_HEAD_DIM_MAX);
}

rw_status rw_bench_shape_parse(const char *text, struct rw_bench_shape *out, struct rw_error *err)
{
    for (size_t i = 0; NAMES[i] != NULL; i++) {
        if (strcmp(text, NAMES[i]) == 0) {
            *out = SHAPES[i];
            return RW_OK;
        }
    }
    struct rw_bench_shape s = {0};
    int end = 0;
    int n = sscanf(text, "%u,%u,%u,%u,%u,%u%n", &s.hidden, &s.layers, &s.intermediate, &s.heads,
                   &s.kv_heads, &s.head_dim, &end);
    if (n != 6 || text[end] != '\0') {
        rw_fail(err, RW_CONFIG, "shape: \"%s\" is not known", text);
        rw_error_hint(err, "known are qwen2.5-0.5b, qwen2.5-1.5b, qwen2.5-7b-layers, qwen2.5-7b, "
                           "default, or H,L,I,heads,kv,head_dim");
        return RW_CONFIG;
    }
    *out = s;
    return check(out, err);
}
