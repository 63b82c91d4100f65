/* Causal attention in blocks of 64 keys with an online softmax (Milakov and Gimelshein, arXiv
 * 1805.02867), so that no rows x keys matrix exists.
 *
 * For each block of keys, per query row: scores s = q K^T (base-2 logarithms, the scale is in q);
 * m' = max(m, s); O = O 2^(m - m') + 2^(s - m') V; l likewise; at the end out = O / l. Blocks start
 * at absolute multiples of 64, a row meets exactly the blocks that hold a key it sees, in ascending
 * order, and always all 64 slots of them with weight 0 for the hidden ones: nothing depends on how
 * the rows were cut into calls and tiles. The maximum is let grow by 2^LAZY before O and l are
 * rescaled (weights up to 2^LAZY are as exact as those up to 1); the total is kept lane by lane and
 * summed once at the end. */
enum {
    ATTENTION_LAZY = 8,      /* binary orders of magnitude */
    ATTENTION_ROWS_MAX = 96, /* query rows that meet a block before the next: O stays in L1 */
};

struct attend {
    const struct rw_attention *in;
    uint64_t first; /* flattened query rows (row * group + head) [first, end) of this pass */
    uint64_t end;
    size_t width;   /* head_dim rounded up to a panel */
    float *sums;    /* O[rows, width] */
    float *highest; /* m[rows] */
    float *total;   /* l[rows, RW_VL] */
    char *values;   /* a V block, for values that may not be multiplied with a weight of zero */
    /* As the tiles read them: the state itself, or its floats in scratch (wide.inc.h). */
    enum rw_dtype form;
    const char *q; /* of `first` */
    const char *k_block;
    const char *v_block;
    char *wide_q, *wide_k, *wide_v;
};

enum {
#ifdef RW_WIDE_BF16
    ATTENTION_WIDENS = 1, /* bfloat16 */
#else
    ATTENTION_WIDENS = 0,
#endif
};

/* One query row against one block. The weights of a row may not depend on which rows share its
 * tile: hence all 64 slots, and zeros beyond `end` wherever the longest row of the tile ends. */
struct score_row {
    float *scores;  /* [64] in: s of the visible slots; out: weights for the F32 tile */
    uint16_t *bf16; /* [64] out: weights for the BF16 tile; NULL: rounded as for it, in scores */
    float *sums;    /* O of the row */
    int begin;      /* slots [begin, end) are visible, at least one */
    int end;
};

RW_INLINE uint64_t row_position(const struct rw_attention *in, uint64_t row)
{
    return in->position + row / in->group;
}

RW_INLINE vi visible_lanes(const struct score_row *r, int at)
{
    vi slot = vi_count_from(at);
    return (vi)(slot >= r->begin) & (vi)(slot < r->end);
}

/* O and l of a row, when its maximum has grown by more than 2^LAZY: times 2^(old - new). Rare:
 * after the first blocks of a row its maximum hardly grows, and at the first one old is -infinity,
 * so that the factor is 0 and clears what was there (zeros). */
static void rescale(float *sums, size_t width, float *total, float by)
{
    vf factor = vf_exp2(vf_set1(by));
    for (size_t d = 0; d < width; d += RW_VL) {
        vf_store(sums + d, vf_load(sums + d) * factor);
    }
    vf_store(total, vf_load(total) * factor);
}

/* A weight as the second product reads it. Where bfloat16 is widened to float, the weight is
 * rounded to bfloat16 all the same: tables with and without the instruction then multiply the same
 * numbers. */
RW_INLINE void store_weights(const struct score_row *r, bool coarse, int at, vf p)
{
    if (!coarse) {
        vf_store(r->scores + at, p);
    } else if (ATTENTION_WIDENS && r->bf16 == NULL) {
        vf_store(r->scores + at, (vf)(__builtin_convertvector(vf_round_bf16(p), vu) << 16));
    } else {
        act_store(RW_DTYPE_BF16, r->bf16, (size_t)at, p, RW_VL);
    }
}

/* Scores to weights, with the running maximum and total brought up to date. */
RW_INLINE void soften_row(const struct score_row *r, bool coarse, bool partial, size_t width,
                          float *highest, float *total)
{
    vf s[RW_PANEL / RW_VL], top = vf_set1(-INFINITY);
#pragma GCC unroll 16
    for (int j = 0; j < RW_PANEL / RW_VL; j++) {
        s[j] = vf_load(r->scores + j * RW_VL);
        if (partial) {
            s[j] = vf_pick(visible_lanes(r, j * RW_VL), s[j], vf_set1(-INFINITY));
        }
        top = vf_max(top, s[j]);
    }
    if (vf_any_above(top, *highest + (float)ATTENTION_LAZY)) {
        float block_highest = vf_highest(top);
        rescale(r->sums, width, total, *highest - block_highest);
        *highest = block_highest;
    }
    vf sum = vf_load(total), base = vf_set1(*highest);
#pragma GCC unroll 16
    for (int j = 0; j < RW_PANEL / RW_VL; j++) {
        vf p = coarse ? vf_exp2_coarse(s[j] - base) : vf_exp2(s[j] - base);
        if (partial) { /* where the maximum is infinite, hidden scores are not minus infinity */
            p = vf_pick(visible_lanes(r, j * RW_VL), p, vf_set1(0.0f));
        }
        sum = sum + p;
        store_weights(r, coarse, j * RW_VL, p);
    }
    vf_store(total, sum);
}

static void soften_any(const struct score_row *r, enum rw_dtype dtype, size_t width, float *highest,
                       float *total)
{
    bool coarse = dtype == RW_DTYPE_BF16;
    if (r->begin > 0 || r->end < RW_PANEL) {
        soften_row(r, coarse, true, width, highest, total);
    } else if (coarse) {
        soften_row(r, true, false, width, highest, total);
    } else {
        soften_row(r, false, false, width, highest, total);
    }
}

/* Asked once per tile: one comparison of 64 bytes instead of a look at 64 values of 64 slots. */
static bool block_has_special(enum rw_dtype dtype, uint32_t head_dim, const void *v_block)
{
    static const unsigned char none[RW_PANEL];
    return memcmp((const char *)v_block + rw_kv_flags_offset(dtype, head_dim), none, RW_PANEL) != 0;
}

/* Copies a V block with zeros in the slots outside [begin, end). */
static void copy_visible(const struct rw_attention *in, const void *v_block, int begin, int end,
                         void *copy)
{
    memcpy(copy, v_block, rw_kv_flags_offset(in->dtype, in->head_dim));
    size_t bytes = rw_dtype_bytes(in->dtype);
    for (int slot = 0; slot < RW_PANEL; slot++) {
        for (uint32_t d = 0; (slot < begin || slot >= end) && d < in->head_dim; d++) {
            memset((char *)copy + rw_v_index(in->dtype, d, (size_t)slot) * bytes, 0, bytes);
        }
    }
}

/* O[rows, width] += P[rows, end] @ V[end, width]: weights from `end` on are zeros. */
static void add_values(const struct attend *a, int rows, int end, const char *weights,
                       const char *v_block, float *sums)
{
    size_t element = rw_dtype_bytes(a->form);
    size_t stride = RW_PANEL * element;
    size_t keys = rw_round_up((size_t)end, tile_keys(a->form));
    uint32_t groups = (uint32_t)(keys * element / RW_GROUP_BYTES);
    for (size_t d = 0; d < a->width; d += RW_PANEL) {
        size_t left = a->in->head_dim - d;
        struct tile_size size = {rows, left < RW_PANEL ? (int)left : RW_PANEL, groups};
        const char *panel = v_block + d * stride;
        struct tile_start start = {sums + d, a->width};
        TILES[a->form](size, weights, stride, panel, sums + d, a->width, start,
                       (struct tile_ahead){panel + stride * RW_PANEL, 0});
    }
}

/* A state block of head_dim or 64 rows of panels, in the form that the tiles read. */
static const char *in_form(const struct attend *a, const void *block, size_t groups, char *wide)
{
    if (a->form == a->in->dtype) {
        return block;
    }
    widen_panel(a->in->dtype, block, groups, wide);
    return wide;
}

static const char *values_in_form(const struct attend *a, const void *v_block)
{
    return in_form(a, v_block, a->width / 2, a->wide_v);
}

/* The rows of a tile whose block has a value that a hidden slot must not multiply, one by one. */
static void add_visible(const struct attend *a, const struct score_row *r, int rows,
                        const char *weights, const void *v_block)
{
    size_t stride = RW_PANEL * rw_dtype_bytes(a->form);
    for (int i = 0; i < rows; i++) {
        copy_visible(a->in, v_block, r[i].begin, r[i].end, a->values);
        add_values(a, 1, r[i].end, weights + (size_t)i * stride, values_in_form(a, a->values),
                   r[i].sums);
    }
    values_in_form(a, v_block); /* the tiles to come read the block as it is */
}

/* Up to tile_rows rows from `row` on, each of which sees a key of the block. */
static void attend_tile(const struct attend *a, uint64_t row, int rows, uint64_t block)
{
    const struct rw_attention *in = a->in;
    float scores[RW_TILE_ROWS_MAX * RW_PANEL] __attribute__((aligned(RW_ALIGN)));
    uint16_t bf16[RW_TILE_ROWS_MAX * RW_PANEL] __attribute__((aligned(RW_ALIGN)));
    struct score_row r[RW_TILE_ROWS_MAX];
    size_t at = (size_t)(row - a->first);
    size_t q_stride = rw_kernels_head_dim_padded(in->head_dim) * rw_dtype_bytes(a->form);
    uint32_t groups = (uint32_t)(in->head_dim * rw_dtype_bytes(a->form) / RW_GROUP_BYTES);
    uint64_t seen = row_position(in, row + (uint64_t)rows - 1) + 1 - block * RW_PANEL;
    struct tile_size size = {rows, seen < RW_PANEL ? (int)seen : RW_PANEL, groups};
    TILES[a->form](size, a->q + at * q_stride, q_stride, a->k_block, scores, RW_PANEL,
                   (struct tile_start){0}, (struct tile_ahead){a->v_block, 0});
    bool partial = false;
    for (int i = 0; i < rows; i++) {
        uint64_t seen_end = row_position(in, row + (uint64_t)i) + 1 - block * RW_PANEL;
        r[i].end = seen_end < RW_PANEL ? (int)seen_end : RW_PANEL;
        r[i].begin = in->window > 0 && seen_end > in->window ? (int)(seen_end - in->window) : 0;
        r[i].scores = scores + i * RW_PANEL;
        r[i].bf16 = a->form == RW_DTYPE_BF16 ? bf16 + i * RW_PANEL : NULL;
        r[i].sums = a->sums + (at + (size_t)i) * a->width;
        soften_any(&r[i], in->dtype, a->width, &a->highest[at + (size_t)i],
                   a->total + (at + (size_t)i) * RW_VL);
        partial = partial || r[i].begin > 0 || r[i].end < RW_PANEL;
    }
    const char *weights = a->form == RW_DTYPE_F32 ? (const char *)scores : (const char *)bf16;
    const void *v_block = in->v_blocks[block];
    if (partial && block_has_special(in->dtype, in->head_dim, v_block)) {
        add_visible(a, r, rows, weights, v_block);
    } else {
        add_values(a, rows, r[rows - 1].end, weights, a->v_block, r[0].sums);
    }
}

/* Rows of this pass that see a key of the block: they are consecutive. Flattened rows count query
 * heads inside positions, so a position is `group` of them. The first row that sees the block is at
 * its first key (causal); the last one is the last whose window reaches back to its last key. */
static void attend_block(struct attend *a, uint64_t block)
{
    const struct rw_attention *in = a->in;
    uint64_t key = block * RW_PANEL;
    uint64_t begin = key > in->position ? (key - in->position) * in->group : 0;
    uint64_t end = a->end;
    if (in->window > 0) {
        uint64_t past = key + RW_PANEL - 1 + in->window; /* first position that sees none of it */
        uint64_t last = past > in->position ? (past - in->position) * in->group : 0;
        end = RW_MIN(last, end);
    }
    begin = RW_MAX(begin, a->first);
    a->k_block = in_form(a, in->k_blocks[block], in->head_dim / 2, a->wide_k);
    a->v_block = values_in_form(a, in->v_blocks[block]);
    uint64_t most = (uint64_t)tile_rows(in->dtype);
    for (uint64_t row = begin; row < end; row += most) {
        int rows = (int)(end - row < most ? end - row : most);
        attend_tile(a, row, rows, block);
    }
}

/* Nothing seen yet: O = 0, l = 0, m = -infinity. The queries are widened here, once for all blocks.
 */
static void attend_begin(struct attend *a)
{
    size_t rows = (size_t)(a->end - a->first);
    memset(a->sums, 0, rows * a->width * sizeof(float));
    memset(a->total, 0, rows * RW_VL * sizeof(float));
    for (size_t i = 0; i < rows; i++) {
        a->highest[i] = -INFINITY;
    }
    const struct rw_attention *in = a->in;
    size_t row = rw_kernels_head_dim_padded(in->head_dim);
    a->q = (const char *)in->q + (size_t)a->first * row * rw_dtype_bytes(in->dtype);
    a->form = in->dtype;
    if (is_widened(in->dtype)) {
        widen_row(in->dtype, a->q, rows * row, a->wide_q);
        a->q = a->wide_q;
        a->form = RW_DTYPE_F32;
    }
}

/* out = O / l. The lanes of l are summed only here, in one fixed order. */
static void attend_finish(const struct attend *a)
{
    const struct rw_attention *in = a->in;
    for (uint64_t row = a->first; row < a->end; row++) {
        size_t at = (size_t)(row - a->first);
        char *out = (char *)in->out + row / in->group * in->out_stride;
        size_t element = row % in->group * in->head_dim;
        vf total = vf_set1(vf_sum(vf_load(a->total + at * RW_VL)));
        for (uint32_t d = 0; d < in->head_dim; d += RW_VL) {
            vf y = vf_load(a->sums + at * a->width + d) / total;
            act_store(in->dtype, out, element + d, y, lanes_left(in->head_dim, d));
        }
    }
}

/* As kernel_attention divides it: a V block, O[rows, width], l[rows, RW_VL], m[rows], then the
 * widened queries and blocks where there are any. */
static size_t kernel_attention_scratch_bytes(uint32_t q_rows, uint32_t head_dim)
{
    size_t rows = RW_MIN(q_rows, ATTENTION_ROWS_MAX);
    rows = rw_round_up(rows, RW_PANEL / sizeof(float));
    size_t width = rw_round_up(head_dim, RW_PANEL);
    size_t wide = ATTENTION_WIDENS ? rows * width * sizeof(float) : 0;
    return rows * (width + RW_VL + 1) * sizeof(float) + wide +
           (1 + 2 * ATTENTION_WIDENS) * rw_kernels_kv_block_bytes(RW_DTYPE_F32, head_dim);
}

static void kernel_attention(const struct rw_attention *in, void *scratch)
{
    rw_assert(in->dtype < RW_DTYPE_STATES && in->group > 0);
    rw_assert(in->head_dim > 0 && in->head_dim % 8 == 0 && in->head_dim <= RW_HEAD_DIM_MAX);
    rw_assert(in->out_stride >= (size_t)in->group * in->head_dim * rw_dtype_bytes(in->dtype));
    rw_assert(in->rows > 0 && in->rows <= UINT32_MAX - in->position);
    rw_assert((uintptr_t)scratch % RW_ALIGN == 0);
    uint64_t q_rows = (uint64_t)in->rows * in->group;
    uint64_t held = RW_MIN(q_rows, ATTENTION_ROWS_MAX);
    held = rw_round_up(held, RW_PANEL / sizeof(float)); /* keeps what follows aligned */
    struct attend a = {.in = in, .width = rw_round_up(in->head_dim, RW_PANEL)};
    a.values = scratch;
    a.sums = (float *)((char *)scratch + rw_kernels_kv_block_bytes(RW_DTYPE_F32, in->head_dim));
    a.total = a.sums + held * a.width;
    a.highest = a.total + held * RW_VL;
    if (ATTENTION_WIDENS) {
        a.wide_q = (char *)(a.highest + held);
        a.wide_k = a.wide_q + held * a.width * sizeof(float);
        a.wide_v = a.wide_k + rw_kernels_kv_block_bytes(RW_DTYPE_F32, in->head_dim);
    }
    for (a.first = 0; a.first < q_rows; a.first = a.end) {
        a.end = q_rows - a.first < ATTENTION_ROWS_MAX ? q_rows : a.first + ATTENTION_ROWS_MAX;
        uint64_t oldest = row_position(in, a.first);
        oldest = in->window > 0 && oldest >= in->window ? oldest + 1 - in->window : 0;
        attend_begin(&a);
        for (uint64_t b = oldest / RW_PANEL; b <= row_position(in, a.end - 1) / RW_PANEL; b++) {
            attend_block(&a, b);
        }
        attend_finish(&a);
    }
    TILES_DONE();
}
