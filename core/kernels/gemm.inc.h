/* y[T, O] = x[T, I] @ W[O, I]^T: the loops over rows, panels and slices of K.
 *
 *                     K, in slices                      a panel: 64 outputs, k in groups of 4 bytes
 *             +--------+--------+--------+              +----------------------------+
 *   x         |        |        |        | 6 rows       | group 0: 64 x 4 bytes      | 256 bytes:
 *   begin..end|        |        |        |  = a tile    | group 1                    | a step of
 *   (<= 512)  |        |        |        |              |  ...                       | the tile
 *             +--------+--------+--------+              | (quantised: scales, sums)  |
 *             :  slice : <= 320 KiB of the panel        +----------------------------+
 *
 *   for each block of rows            <- x of the block comes from L2 or L3 once per panel
 *     for each panel                  <- a thread's panels; threads divide outputs and never K
 *       for each slice of its K       <- the slice comes from memory once and stays in L2
 *         for each tile of 6 rows     <- sums in registers (tile.inc.h), the slice from L2
 *       finish: scales, bias, residual or SwiGLU (gemm_finish.inc.h)
 *
 * Blocks of 144 to 258 rows, which would stay in L2 whole, gave 0.99 to 1.01 of the speed; two or
 * three panels in turn for each tile gained 1 % in one type and lost it in another (README.md,
 * "Tried on Zen 4 and left"). */
#include "core/kernels/gemm_finish.inc.h"
#include "core/kernels/gemm_slice.inc.h"
#include "core/kernels/wide.inc.h"
#ifdef RW_MATRIX_TILES
#include "core/kernels/gemm_matrix.inc.h"
#endif

/* Scratch of one thread. */
struct gemm_scratch {
    char *expanded; /* a slice of Q4 weights as int8 */
    struct wide wide;
    float *sums; /* [rows held, 64] */
};

static size_t expanded_bytes(enum rw_dtype dtype)
{
    return dtype == RW_DTYPE_Q4 ? GEMM_EXPANDED_BYTES : 0;
}

/* Q4 blocks to the int8 groups of the tile: value = m * bits - 8 m, four at a time, since neither
 * product leaves its byte. */
static void expand_q4(const char *packed, size_t blocks, char *out)
{
    for (size_t b = 0; b < blocks; b++, packed += RW_Q4_BLOCK_BYTES) {
        for (int at = 0; at < RW_PANEL; at += RW_VL) {
            vq bytes;
            memcpy(&bytes, packed + RW_Q4_HALF_BYTES + at, sizeof bytes);
            vu m = __builtin_convertvector(bytes, vu);
            vbytes eights = (vbytes)(m * 0x08080808U);
            for (int g = 0; g < RW_Q4_HALF_BYTES; g += RW_PANEL_STEP) {
                vu bits = vu_load(packed + g + at * RW_GROUP_BYTES);
                vbytes low = (vbytes)((bits & 0x0F0F0F0FU) * m) - eights;
                vbytes high = (vbytes)(((bits >> 4) & 0x0F0F0F0FU) * m) - eights;
                memcpy(out + g + at * RW_GROUP_BYTES, &low, sizeof low);
                memcpy(out + RW_Q4_HALF_BYTES + g + at * RW_GROUP_BYTES, &high, sizeof high);
            }
        }
        out += 2 * RW_Q4_HALF_BYTES;
    }
}

static void gemm_any_slice(const struct rw_gemm *g, const struct slice *s, uint32_t begin,
                           uint32_t end, float *sums)
{
#ifdef RW_MATRIX_TILES
    if (g->linear->dtype != RW_DTYPE_F32) {
        gemm_matrix_slice(g, s, begin, end, sums);
        return;
    }
#endif
    gemm_slice(g, s, begin, end, sums);
}

/* Rows [begin, end) times one panel. Between slices of K the sums wait as they are. */
static void gemm_panel(const struct rw_gemm *g, uint32_t panel, uint32_t begin, uint32_t end,
                       const struct operand *x, const struct gemm_scratch *scratch)
{
    const struct rw_linear *l = g->linear;
    size_t groups = l->k_padded * rw_dtype_bytes(l->dtype) / RW_GROUP_BYTES;
    size_t most = slice_groups(l, groups, x->steps_of_group);
    const char *packed = (const char *)l->packed + panel * rw_panel_bytes(l->dtype, l->k_padded);
    struct slice s = {.panel = panel, .x = x->rows, .x_stride = x->stride};
    for (size_t k = 0; k < groups; k += most) {
        size_t n = groups - k < most ? groups - k : most;
        s.steps = n * x->steps_of_group;
        s.first = k == 0;
        s.last = k + n == groups;
        s.weights = packed;
        packed += n * RW_PANEL_STEP;
        if (l->dtype == RW_DTYPE_Q4) {
            size_t blocks = n * RW_GROUP_BYTES / RW_Q4_BLOCK;
            packed = s.weights + blocks * RW_Q4_BLOCK_BYTES;
            expand_q4(s.weights, blocks, scratch->expanded);
            s.weights = scratch->expanded;
        }
        if (x->steps_of_group > 1) {
            widen_panel(l->dtype, s.weights, n, scratch->wide.panel);
            s.weights = scratch->wide.panel;
            s.next_smaller = 1;
        }
        s.next = packed;
        gemm_any_slice(g, &s, begin, end, scratch->sums);
        s.x += s.steps * RW_GROUP_BYTES;
    }
}

/* What a GEMM reads of a row. */
static size_t x_bytes(const struct rw_linear *l)
{
    size_t scale = rw_dtype_is_quantised(l->dtype) ? sizeof(float) : 0;
    return l->k_padded * rw_dtype_bytes(l->dtype) + scale;
}

static void gemm_check(const struct rw_gemm *g, uint32_t panel_begin, uint32_t panel_end)
{
    const struct rw_linear *l = g->linear;
    size_t state = rw_dtype_bytes(rw_dtype_state(l->dtype));
    rw_assert(l->dtype < RW_DTYPE_COUNT && l->packed != NULL);
    rw_assert((uintptr_t)l->packed % RW_ALIGN == 0); /* a group is 4 whole cache lines */
    rw_assert(l->n_out > 0 && l->panels == rw_round_up(l->n_out, RW_PANEL) / RW_PANEL);
    rw_assert(l->n_in > 0 && l->n_in <= RW_K_MAX);
    rw_assert(l->k_padded == rw_round_up(l->n_in, RW_K_ALIGN));
    rw_assert(!rw_dtype_is_quantised(l->dtype) || l->k_padded <= RW_QUANT_K_MAX);
    rw_assert(panel_begin <= panel_end && panel_end <= l->panels);
    rw_assert(g->x_stride % RW_GROUP_BYTES == 0 && g->x_stride >= x_bytes(l));
    if (g->epilogue == RW_EPILOGUE_SWIGLU) {
        rw_assert(l->n_out % RW_PANEL == 0);
        rw_assert(g->out_stride % state == 0 && g->out_stride >= l->n_out / 2 * state);
    } else {
        rw_assert(g->out_stride % sizeof(float) == 0);
        rw_assert(g->out_stride >= l->n_out * sizeof(float));
    }
}

static size_t kernel_gemm_scratch_bytes(enum rw_dtype dtype, uint32_t rows)
{
    size_t held = RW_MIN(rows, GEMM_ROWS_MAX);
    return expanded_bytes(dtype) + wide_bytes(dtype) +
           (held + RW_TILE_ROWS) * RW_PANEL * sizeof(float);
}

static struct gemm_scratch gemm_scratch_of(const struct rw_gemm *g, char *memory)
{
    struct gemm_scratch s = {.expanded = memory};
    memory += expanded_bytes(g->linear->dtype);
    s.wide = wide_at(memory);
    memory += wide_bytes(g->linear->dtype);
    s.sums = (float *)(void *)memory;
    return s;
}

static uint32_t gemm_rows_max(const struct rw_linear *l)
{
#ifdef RW_MATRIX_TILES
    if (l->dtype != RW_DTYPE_F32) {
        return gemm_matrix_rows_max(x_bytes(l));
    }
#endif
    return is_widened(l->dtype) ? wide_rows(l) : GEMM_ROWS_MAX;
}

static void kernel_gemm(const struct rw_gemm *g, uint32_t panel_begin, uint32_t panel_end,
                        void *scratch)
{
    gemm_check(g, panel_begin, panel_end);
    rw_assert((uintptr_t)scratch % RW_ALIGN == 0);
    if (panel_begin == panel_end) {
        return;
    }
    struct gemm_scratch s = gemm_scratch_of(g, scratch);
    uint32_t most = gemm_rows_max(g->linear);
    for (uint32_t begin = 0; begin < g->rows; begin += most) {
        uint32_t end = g->rows - begin < most ? g->rows : begin + most;
        struct operand x = operand_of(g, begin, end, &s.wide);
        for (uint32_t panel = panel_begin; panel < panel_end; panel++) {
            gemm_panel(g, panel, begin, end, &x, &s);
        }
    }
    TILES_DONE();
}
