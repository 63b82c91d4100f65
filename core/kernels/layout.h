/* Inside core/kernels only: sizes that packing and the kernels must agree on.
 *
 * Everything that a tile reads as its right-hand side is a row of panels, a panel is 64 columns,
 * and inside a panel k runs in groups of 4 bytes (1 float, 2 bfloat16):
 *   weights   column = output, k = input
 *   K block   column = key slot, k = element of the head          (one panel)
 *   V block   column = element of the head, k = key slot          (ceil(head_dim / 64) panels)
 * Behind the panels of a V block follow 64 flags, one per slot: not zero when that value holds a
 * NaN or an infinity, so that attention knows when "weight 0 times value" is not a no-op. */
#ifndef RW_KERNELS_LAYOUT_H
#define RW_KERNELS_LAYOUT_H

#include "core/kernels/kernels.h"

enum {
    RW_GROUP_BYTES = 4,
    RW_PANEL_STEP = RW_PANEL * RW_GROUP_BYTES, /* bytes of one k group of a panel */
};

static inline size_t rw_round_up(size_t n, size_t to)
{
    return (n + to - 1) / to * to;
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
