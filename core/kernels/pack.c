/* Layouts that all instruction sets share: packed weights and KV blocks. */
#include <string.h>

#include "core/base/assert.h"
#include "core/base/half.h"
#include "core/kernels/kernels.h"
#include "core/kernels/layout.h"
#include "core/kernels/pack_quantised.h"

enum {
    PACK_INPUTS = 64, /* even: the lines of 64 bfloat16 rows are 8 KiB */
};

const char *rw_dtype_name(enum rw_dtype dtype)
{
    static const char *const NAMES[RW_DTYPE_COUNT] = {
        [RW_DTYPE_F32] = "f32",
        [RW_DTYPE_BF16] = "bf16",
        [RW_DTYPE_INT8] = "int8",
        [RW_DTYPE_Q4] = "q4",
    };
    rw_assert(dtype < RW_DTYPE_COUNT);
    return NAMES[dtype];
}

size_t rw_linear_bytes(enum rw_dtype dtype, uint32_t n_out, uint32_t n_in)
{
    rw_assert(dtype < RW_DTYPE_COUNT && n_out > 0 && n_in > 0);
    size_t panels = rw_round_up(n_out, RW_PANEL) / RW_PANEL;
    return panels * rw_panel_bytes(dtype, rw_round_up(n_in, RW_K_ALIGN));
}

/* Inputs [begin, end) of one output row, whose k-th input is w[k]. */
static void pack_f32(struct rw_linear *linear, uint32_t out_index, const float *w, uint32_t begin,
                     uint32_t end)
{
    size_t panel_values = (size_t)RW_PANEL * linear->k_padded;
    float *to =
        (float *)linear->packed + out_index / RW_PANEL * panel_values + out_index % RW_PANEL;
    for (size_t k = begin; k < end; k++) {
        to[k * RW_PANEL] = w[k];
    }
}

static void pack_bf16(struct rw_linear *linear, uint32_t out_index, const float *w, uint32_t begin,
                      uint32_t end)
{
    size_t panel_values = (size_t)RW_PANEL * linear->k_padded;
    uint16_t *to = (uint16_t *)linear->packed + out_index / RW_PANEL * panel_values +
                   (size_t)2 * (out_index % RW_PANEL);
    rw_assert(begin % 2 == 0);
    for (size_t k = begin; k < end; k += 2) {
        float second = k + 1 < end ? w[k + 1] : 0.0f;
        uint16_t group[2] = {rw_bf16_from_f32(w[k]), rw_bf16_from_f32(second)};
        memcpy(to + k * RW_PANEL, group, sizeof group);
    }
}

/* A row touches every line of its panel and fills a sixteenth of each: rows that share lines go
 * through a stretch of inputs together, while those lines are in the L1 cache. */
static void pack_state_rows(struct rw_linear *linear, const uint32_t *out_indices, uint32_t rows,
                            const float *w)
{
    uint32_t n_in = linear->n_in;
    for (uint32_t k = 0; k < n_in; k += PACK_INPUTS) {
        uint32_t end = n_in - k < PACK_INPUTS ? n_in : k + PACK_INPUTS;
        for (uint32_t i = 0; i < rows; i++) {
            const float *row = w + (size_t)i * n_in;
            if (linear->dtype == RW_DTYPE_F32) {
                pack_f32(linear, out_indices[i], row, k, end);
            } else {
                pack_bf16(linear, out_indices[i], row, k, end);
            }
        }
    }
}

void rw_linear_pack_rows(struct rw_linear *linear, const uint32_t *out_indices, uint32_t rows,
                         const float *w)
{
    rw_assert(linear->dtype < RW_DTYPE_COUNT);
    rw_assert(linear->k_padded == rw_round_up(linear->n_in, RW_K_ALIGN));
    for (uint32_t i = 0; i < rows; i++) {
        rw_assert(out_indices[i] < linear->n_out);
    }
    if (!rw_dtype_is_quantised(linear->dtype)) {
        pack_state_rows(linear, out_indices, rows, w);
        return;
    }
    for (uint32_t i = 0; i < rows; i++) {
        const float *row = w + (size_t)i * linear->n_in;
        if (linear->dtype == RW_DTYPE_INT8) {
            rw_pack_quantised_int8(linear, out_indices[i], row);
        } else {
            rw_pack_quantised_q4(linear, out_indices[i], row);
        }
    }
}

void rw_linear_pack_row(struct rw_linear *linear, uint32_t out_index, const float *w)
{
    rw_linear_pack_rows(linear, &out_index, 1, w);
}

void rw_linear_unpack_row(const struct rw_linear *linear, uint32_t out_index, float *w)
{
    rw_assert(out_index < linear->n_out && linear->dtype < RW_DTYPE_COUNT);
    if (rw_dtype_is_quantised(linear->dtype)) {
        rw_pack_quantised_undo(linear, out_index, w);
        return;
    }
    size_t panel = out_index / RW_PANEL * (size_t)RW_PANEL * linear->k_padded;
    size_t column = out_index % RW_PANEL;
    for (size_t k = 0; k < linear->n_in; k++) {
        w[k] = linear->dtype == RW_DTYPE_F32
                   ? ((const float *)linear->packed)[panel + k * RW_PANEL + column]
                   : rw_bf16_to_f32(
                         ((const uint16_t *)
                              linear->packed)[panel + k / 2 * 2 * RW_PANEL + 2 * column + k % 2]);
    }
}

size_t rw_kernels_kv_block_bytes(enum rw_dtype dtype, uint32_t head_dim)
{
    rw_assert(dtype < RW_DTYPE_STATES);
    rw_assert(head_dim > 0 && head_dim % 8 == 0 && head_dim <= RW_HEAD_DIM_MAX);
    return rw_kv_flags_offset(dtype, head_dim) + RW_PANEL;
}

uint32_t rw_kernels_head_dim_padded(uint32_t head_dim)
{
    rw_assert(head_dim > 0 && head_dim % 8 == 0 && head_dim <= RW_HEAD_DIM_MAX);
    return head_dim; /* a multiple of 8 is whole 4-byte groups in every type */
}
