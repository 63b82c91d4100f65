/* y[T, O] = x[T, I] @ W[O, I]^T: loops over rows, panels and slices of K around the tile, and the
 * epilogues that end a tile. */
enum {
    GEMM_ROWS_MAX = 512, /* rows done before the next panel: x of a block stays near */
    GEMM_SLICE_BYTES_MAX = 320 * 1024, /* of a panel: it and the next one stay in L2 of 1 MiB */
    GEMM_EXPANDED_BYTES = 256 * 1024,  /* the same of an expanded Q4 panel */
};

#include "core/kernels/wide.inc.h"

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

/* Writes n values of a row of state, from element `at` on. */
RW_INLINE void act_store(enum rw_dtype dtype, void *out, size_t at, vf v, int n)
{
    if (dtype == RW_DTYPE_F32) {
        vf_store_n((float *)out + at, v, n);
        return;
    }
    vh half = vf_round_bf16(v);
    memcpy((uint16_t *)out + at, &half, n == RW_VL ? sizeof half : 2 * (size_t)n);
}

/* How the sums of a panel become numbers. Copies of the loops are made for the usual combinations,
 * with these as constants; `full` means that all 64 columns are real. */
struct finish {
    bool quantised, biased, full;
    enum rw_epilogue epilogue;
    enum rw_dtype state;
    const float *bias;   /* of the panel */
    const float *scales; /* of the panel, quantised linears */
    float row_scale;
};

/* Columns [j, j + RW_VL) of a row of sums. Every step is rounded on its own and the same in all
 * instruction sets, so equal integers give equal floats. */
RW_INLINE vf finish_value(const struct finish *f, const float *c, int j)
{
    vf y = vf_load(c + j);
    if (f->quantised) {
        y = __builtin_convertvector((vi)y, vf) * vf_load(f->scales + j) * vf_set1(f->row_scale);
    }
    return f->biased ? y + vf_load(f->bias + j) : y;
}

/* One row of a panel to float, added to what is there when ADD. */
RW_INLINE void finish_f32(const struct finish *f, const float *c, int columns, float *out)
{
    bool add = f->epilogue == RW_EPILOGUE_ADD;
    if (f->full) {
#pragma GCC unroll 4
        for (int j = 0; j < RW_PANEL; j += RW_VL) {
            vf y = finish_value(f, c, j);
            vf_store(out + j, add ? y + vf_load(out + j) : y);
        }
        return;
    }
    for (int j = 0; j < columns; j += RW_VL) {
        vf y = finish_value(f, c, j);
        int n = columns - j < RW_VL ? columns - j : RW_VL;
        vf_store_n(out + j, add ? y + vf_load_n(out + j, n) : y, n);
    }
}

/* One row of a panel of 32 gates and 32 ups to 32 activations. */
RW_INLINE void finish_swiglu(const struct finish *f, const float *c, void *out, size_t at)
{
#pragma GCC unroll 2
    for (int j = 0; j < RW_PANEL / 2; j += RW_VL) {
        vf gate = finish_value(f, c, j);
        vf up = finish_value(f, c, j + RW_PANEL / 2);
        gate = f->state == RW_DTYPE_F32 ? vf_silu(gate) : vf_silu_coarse(gate);
        act_store(f->state, out, at + (size_t)j, gate * up, RW_VL);
    }
}

RW_INLINE void finish_rows_of(const struct rw_gemm *g, struct finish f, uint32_t column,
                              uint32_t first_row, int rows, const float *c)
{
    char *out = (char *)g->out + first_row * g->out_stride;
    const char *scale = (const char *)g->x + first_row * g->x_stride + g->linear->k_padded;
    uint32_t left = g->linear->n_out - column;
    for (int i = 0; i < rows; i++) {
        f.row_scale = f.quantised ? rw_f32_at(scale) : 0.0f;
        if (f.epilogue == RW_EPILOGUE_SWIGLU) {
            finish_swiglu(&f, c, out, column / 2);
        } else {
            finish_f32(&f, c, left < RW_PANEL ? (int)left : RW_PANEL, (float *)out + column);
        }
        c += RW_PANEL;
        out += g->out_stride;
        scale += g->x_stride;
    }
}

/* Scales of a quantised panel; its sums follow. */
static const char *panel_tail(const struct rw_linear *l, uint32_t panel)
{
    return (const char *)l->packed + panel * rw_panel_bytes(l->dtype, l->k_padded) +
           rw_panel_weight_bytes(l->dtype, l->k_padded);
}

/* A copy for each usual combination: what is compared here is a constant there. */
#define FINISH_COPY(is_quantised, is_biased, its_epilogue, its_state)                  \
    if (f.full && f.quantised == (is_quantised) && f.biased == (is_biased) &&          \
        f.epilogue == (its_epilogue) && f.state == (its_state)) {                      \
        struct finish copy = {is_quantised, is_biased, true, its_epilogue, its_state}; \
        copy.bias = f.bias;                                                            \
        copy.scales = f.scales;                                                        \
        finish_rows_of(g, copy, column, first_row, rows, c);                           \
        return;                                                                        \
    }

static void finish_rows(const struct rw_gemm *g, uint32_t panel, uint32_t first_row, int rows,
                        const float *c)
{
    const struct rw_linear *l = g->linear;
    uint32_t column = panel * RW_PANEL;
    struct finish f = {.quantised = rw_dtype_is_quantised(l->dtype),
                       .biased = l->bias != NULL,
                       .full = l->n_out - column >= RW_PANEL,
                       .epilogue = g->epilogue,
                       .state = rw_dtype_state(l->dtype)};
    f.bias = f.biased ? l->bias + column : NULL;
    f.scales = f.quantised ? (const float *)(const void *)panel_tail(l, panel) : NULL;
    FINISH_COPY(true, false, RW_EPILOGUE_SWIGLU, RW_DTYPE_BF16)
    FINISH_COPY(true, false, RW_EPILOGUE_ADD, RW_DTYPE_BF16)
    FINISH_COPY(true, true, RW_EPILOGUE_STORE, RW_DTYPE_BF16)
    FINISH_COPY(true, false, RW_EPILOGUE_STORE, RW_DTYPE_BF16)
    FINISH_COPY(false, false, RW_EPILOGUE_SWIGLU, RW_DTYPE_BF16)
    FINISH_COPY(false, false, RW_EPILOGUE_ADD, RW_DTYPE_BF16)
    FINISH_COPY(false, false, RW_EPILOGUE_SWIGLU, RW_DTYPE_F32)
    FINISH_COPY(false, false, RW_EPILOGUE_ADD, RW_DTYPE_F32)
    finish_rows_of(g, f, column, first_row, rows, c);
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

/* Groups of one slice of a panel: slices are of equal size, whole blocks of Q4, and depend on the
 * shape of the linear and the form of its operands only. */
static size_t slice_groups(const struct rw_linear *l, size_t groups, size_t steps_of_group)
{
    size_t most = l->dtype == RW_DTYPE_Q4 ? GEMM_EXPANDED_BYTES : GEMM_SLICE_BYTES_MAX;
    size_t bytes = groups * steps_of_group * RW_PANEL_STEP;
    size_t slices = (bytes + most - 1) / most;
    return rw_round_up((groups + slices - 1) / slices, RW_Q4_BLOCK / RW_GROUP_BYTES);
}

/* The output of a tile is not in the cache when its sums are done, unless asked for before. */
static void prefetch_out(const struct rw_gemm *g, uint32_t panel, uint32_t row, int rows)
{
    bool swiglu = g->epilogue == RW_EPILOGUE_SWIGLU;
    size_t element = swiglu ? rw_dtype_bytes(rw_dtype_state(g->linear->dtype)) : sizeof(float);
    size_t bytes = (swiglu ? RW_PANEL / 2 : RW_PANEL) * element;
    for (int i = 0; i < rows; i++) {
        const char *out = (const char *)g->out + (row + (size_t)i) * g->out_stride + panel * bytes;
        for (size_t at = 0; at < bytes; at += RW_ALIGN) {
            __builtin_prefetch(out + at, 1, 3);
        }
    }
}

/* One slice of K of one panel, as the tile reads it. */
struct slice {
    uint32_t panel;
    const char *x; /* of the first row */
    size_t x_stride;
    size_t steps; /* of K */
    const char *weights;
    const char *next;      /* what memory holds behind the slice: it is wanted next */
    unsigned next_smaller; /* its bytes: those of the slice >> this */
    bool first, last;      /* of the panel */
};

/* What makes up for the offset of the activations; a tile that takes it away itself needs none. */
static bool starts_with_sums(enum rw_dtype dtype)
{
#ifdef RW_SIGNED_ACTIVATION
    (void)dtype;
    return false;
#else
    return rw_dtype_is_quantised(dtype);
#endif
}

static void gemm_slice(const struct rw_gemm *g, const struct slice *s, uint32_t begin, uint32_t end,
                       float *sums)
{
    const struct rw_linear *l = g->linear;
    bool held = !s->first || !s->last; /* sums of all rows wait for the next slice */
    unsigned shift = 0;
    while (RW_TILE_ROWS << (shift + 1) <= end - begin) {
        shift++;
    }
    shift += s->next_smaller;
    for (uint32_t row = begin; row < end; row += RW_TILE_ROWS) {
        int rows = end - row < RW_TILE_ROWS ? (int)(end - row) : RW_TILE_ROWS;
        size_t done = row - begin;
        float *c = sums + (held ? done * RW_PANEL : 0);
        struct tile_start start = {s->first ? NULL : c, RW_PANEL};
        if (s->first && starts_with_sums(l->dtype)) {
            const char *tail = panel_tail(l, s->panel);
            start = (struct tile_start){(const float *)(const void *)tail + RW_PANEL, 0};
        }
        size_t share = s->steps * RW_PANEL_STEP >> shift;
        struct tile_ahead ahead = {s->next + done / RW_TILE_ROWS * share, shift};
        if (s->last) {
            prefetch_out(g, s->panel, row, rows);
        }
        struct tile_size size = {rows, RW_PANEL, (uint32_t)s->steps};
        TILES[l->dtype](size, s->x + done * s->x_stride, s->x_stride, s->weights, c, RW_PANEL,
                        start, ahead);
        if (s->last) {
            finish_rows(g, s->panel, row, rows, c);
        }
    }
}

#ifdef RW_MATRIX_TILES
#include "core/kernels/gemm_matrix.inc.h"
#endif

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
