/* Inside core/kernels only: sizes that packing and the kernels must agree on.
 *
 * Everything that a tile reads as its right-hand side is a row of panels, a panel is 64 columns,
 * and inside a panel k runs in groups of 4 bytes (1 float, 2 bfloat16, 4 int8):
 *   weights   column = output, k = input
 *   K block   column = key slot, k = element of the head          (one panel)
 *   V block   column = element of the head, k = key slot          (ceil(head_dim / 64) panels)
 * A quantised weight panel ends with 64 float scales and 64 int32 sums, one per column. A weight is
 * scale * w, w in [-127, 127], an activation row_scale * (u - 128): since
 * sum (u - 128) w = sum u w - 128 sum w, the column's sum is -128 sum w: what a tile begins with.
 * A Q4 panel holds, per block of 32 inputs, 1,024 bytes and 64 multipliers m in [1, 15]: byte i of
 * the first has w / m + 8 of byte i of the INT8 block in its lower half, of byte 1,024 + i in its
 * upper half. m * (0..15) fits a byte, so 4 weights are expanded by one 32-bit product.
 * Behind the panels of a V block follow 64 flags, one per slot: not zero when that value holds a
 * NaN or an infinity, so that attention knows when "weight 0 times value" is not a no-op. */
#ifndef RW_KERNELS_LAYOUT_H
#define RW_KERNELS_LAYOUT_H

#include "core/kernels/kernels.h"

enum {
    RW_GROUP_BYTES = 4,
    RW_PANEL_STEP = RW_PANEL * RW_GROUP_BYTES, /* bytes of one k group of a panel */
    RW_PANEL_TAIL = 2 * RW_PANEL * 4,          /* scales and sums of a quantised panel */
    RW_Q4_BLOCK = 32,                          /* inputs that share a multiplier */
    RW_Q4_HALF_BYTES = RW_Q4_BLOCK * RW_PANEL / 2,
    RW_Q4_BLOCK_BYTES = RW_Q4_HALF_BYTES + RW_PANEL,
    RW_Q4_MULTIPLIER_MAX = 15,
    RW_INT8_OFFSET = 128,
};

static inline size_t rw_round_up(size_t n, size_t to)
{
    return (n + to - 1) / to * to;
}

/* Bytes of the weights of one panel, its tail left out, and with it. */
static inline size_t rw_panel_weight_bytes(enum rw_dtype dtype, size_t k_padded)
{
    return dtype == RW_DTYPE_Q4 ? k_padded / RW_Q4_BLOCK * RW_Q4_BLOCK_BYTES
                                : k_padded * RW_PANEL * rw_dtype_bytes(dtype);
}

static inline size_t rw_panel_bytes(enum rw_dtype dtype, size_t k_padded)
{
    size_t tail = rw_dtype_is_quantised(dtype) ? RW_PANEL_TAIL : 0;
    return rw_panel_weight_bytes(dtype, k_padded) + tail;
}

static inline size_t rw_kv_flags_offset(enum rw_dtype dtype, uint32_t head_dim)
{
    return rw_round_up(head_dim, RW_PANEL) * RW_PANEL * rw_dtype_bytes(dtype);
}

/* Where element d of the value in `slot` lies, as an index into the typed V block. */
static inline size_t rw_v_index(enum rw_dtype dtype, size_t d, size_t slot)
{
    size_t panel = d / RW_PANEL * RW_PANEL * RW_PANEL;
    if (dtype == RW_DTYPE_F32) {
        return panel + slot * RW_PANEL + d % RW_PANEL;
    }
    return panel + slot / 2 * 2 * RW_PANEL + d % RW_PANEL * 2 + slot % 2;
}

#endif
