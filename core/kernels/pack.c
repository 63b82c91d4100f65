/* Layouts that all instruction sets share: packed weights and KV blocks. */
#include "core/base/assert.h"
#include "core/kernels/bf16.h"
#include "core/kernels/kernels.h"
#include "core/kernels/layout.h"

size_t rw_linear_bytes(enum rw_dtype dtype, uint32_t n_out, uint32_t n_in)
{
    rw_assert(dtype < RW_DTYPE_COUNT && n_out > 0 && n_in > 0);
    size_t panels = rw_round_up(n_out, RW_PANEL) / RW_PANEL;
    return panels * RW_PANEL * rw_round_up(n_in, RW_K_ALIGN) * rw_dtype_bytes(dtype);
}

void rw_linear_pack_row(struct rw_linear *linear, uint32_t out_index, const float *w)
{
    rw_assert(out_index < linear->n_out);
    rw_assert(linear->k_padded == rw_round_up(linear->n_in, RW_K_ALIGN));
    size_t panel_values = (size_t)RW_PANEL * linear->k_padded;
    size_t column = out_index % RW_PANEL;
    if (linear->dtype == RW_DTYPE_F32) {
        float *to = (float *)linear->packed + out_index / RW_PANEL * panel_values + column;
        for (size_t k = 0; k < linear->n_in; k++) {
            to[k * RW_PANEL] = w[k];
        }
        return;
    }
    rw_assert(linear->dtype == RW_DTYPE_BF16);
    uint16_t *to = (uint16_t *)linear->packed + out_index / RW_PANEL * panel_values + 2 * column;
    for (size_t k = 0; k < linear->n_in; k++) {
        to[k / 2 * 2 * RW_PANEL + k % 2] = rw_bf16_from_f32(w[k]);
    }
}

size_t rw_kv_block_bytes(enum rw_dtype dtype, uint32_t head_dim)
{
    rw_assert(dtype < RW_DTYPE_COUNT);
    rw_assert(head_dim > 0 && head_dim % 8 == 0 && head_dim <= RW_HEAD_DIM_MAX);
    return rw_kv_flags_offset(dtype, head_dim) + RW_PANEL;
}

uint32_t rw_head_dim_padded(uint32_t head_dim)
{
    rw_assert(head_dim > 0 && head_dim % 8 == 0 && head_dim <= RW_HEAD_DIM_MAX);
    return head_dim; /* a multiple of 8 is whole 4-byte groups in every type */
}
