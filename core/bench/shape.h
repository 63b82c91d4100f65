/* Shapes of well-known backbones, by name or spelled out. */
#ifndef RW_BENCH_SHAPE_H
#define RW_BENCH_SHAPE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/status.h"

struct rw_bench_shape {
    uint32_t hidden;
    uint32_t layers;
    uint32_t intermediate;
    uint32_t heads;
    uint32_t kv_heads;
    uint32_t head_dim;
    bool qk_norm; /* Qwen3; else Qwen2, with biases on q, k and v */
};

/* A name of rw_bench_shape_names(), or H,L,I,heads,kv,head_dim. CONFIG otherwise. */
rw_status rw_bench_shape_parse(const char *text, struct rw_bench_shape *out, struct rw_error *err);

#endif
