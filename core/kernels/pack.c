/* Layouts that all instruction sets share: packed weights and KV blocks. */
#include "core/base/assert.h"
#include "core/kernels/bf16.h"
#include "core/kernels/kernels.h"
#include "core/kernels/layout.h"
#include "core/kernels/pack_quantised.h"

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

static void pack_f32_row(struct rw_linear *linear, uint32_t out_index, const float *w)
{
    size_t panel_values = (size_t)RW_PANEL * linear->k_padded;
    float *to =
        (float *)linear->packed + out_index / RW_PANEL * panel_values + out_index % RW_PANEL;
    for (size_t k = 0; k < linear->n_in; k++) {
        to[k * RW_PANEL] = w[k];
    }
}

static void pack_bf16_row(struct rw_linear *linear, uint32_t out_index, const float *w)
{
    size_t panel_values = (size_t)RW_PANEL * linear->k_padded;
    uint16_t *to = (uint16_t *)linear->packed + out_index / RW_PANEL * panel_values +
                   (size_t)2 * (out_index % RW_PANEL);
    for (size_t k = 0; k < linear->n_in; k++) {
        to[k / 2 * 2 * RW_PANEL + k % 2] = rw_bf16_from_f32(w[k]);
    }
}

void rw_linear_pack_row(struct rw_linear *linear, uint32_t out_index, const float *w)
{
    rw_assert(out_index < linear->n_out && linear->dtype < RW_DTYPE_COUNT);
    rw_assert(linear->k_padded == rw_round_up(linear->n_in, RW_K_ALIGN));
    static void (*const PACK[RW_DTYPE_COUNT])(struct rw_linear *, uint32_t, const float *) = {
        [RW_DTYPE_F32] = pack_f32_row,
        [RW_DTYPE_BF16] = pack_bf16_row,
        [RW_DTYPE_INT8] = rw_pack_int8_row,
        [RW_DTYPE_Q4] = rw_pack_q4_row,
    };
    PACK[linear->dtype](linear, out_index, w);
}

void rw_linear_unpack_row(const struct rw_linear *linear, uint32_t out_index, float *w)
{
    rw_assert(out_index < linear->n_out && linear->dtype < RW_DTYPE_COUNT);
    if (rw_dtype_is_quantised(linear->dtype)) {
        rw_unpack_quantised_row(linear, out_index, w);
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

size_t rw_kv_block_bytes(enum rw_dtype dtype, uint32_t head_dim)
{
    rw_assert(dtype < RW_DTYPE_STATES);
    rw_assert(head_dim > 0 && head_dim % 8 == 0 && head_dim <= RW_HEAD_DIM_MAX);
    return rw_kv_flags_offset(dtype, head_dim) + RW_PANEL;
}

uint32_t rw_head_dim_padded(uint32_t head_dim)
{
    rw_assert(head_dim > 0 && head_dim % 8 == 0 && head_dim <= RW_HEAD_DIM_MAX);
    return head_dim; /* a multiple of 8 is whole 4-byte groups in every type */
}
