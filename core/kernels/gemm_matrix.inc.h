/* GEMM on matrix tiles: the order in which a slice of a panel meets its rows. A half of a part of
 * the slice stays in L1 while a block of rows passes over it from L2; all their sums wait in
 * scratch until the last part of K.
 *
 *                     64 columns of the panel: two halves of 32
 *                    +---------+---------+
 *      K  part 0     |  1      |  4      |    One square: 128 groups (16 KiB), in L1. For each the
 *         part 1     |  2      |  5      |    rows of a block (128) go by, 32 at a time; then the
 *         part 2     |  3      |  6      |    next square, in the order of the numbers.
 *                    +---------+---------+
 *
 *      inside a square, for 32 rows:            four accumulators: 2 x 2 tiles of 16 x 16 sums
 *           B0      B1     16 columns each
 *         +-------+-------+                     per 16 groups of K: load A0, A1 (rows, from L2)
 *      A0 |  C00  |  C01  |  16 rows            and B0, B1 (weights, from L1), four products
 *         +-------+-------+
 *      A1 |  C10  |  C11  |                     4 loads for 4 products: one fewer row or column
 *         +-------+-------+                     tile would load 3 for 2
 *
 * Why this order: a load from L2 takes 6 to 9 ns, from L1 3 to 6, a product 4.9 (README), so the
 * operand that is met again soonest must be the one in L1; and the halves come before the parts
 * inside, because the sums of a half of a block (16 KiB) then stay in L1 too. */
enum {
    MATRIX_BLOCK_ROWS = 128,
    MATRIX_PART_GROUPS = 128, /* of a slice: 16 KiB of one half */
    MATRIX_LINES_MAX = 16,    /* prefetched in one step */
    MATRIX_X_BYTES = 1 << 20, /* of x that should stay in L2 from panel to panel */
};

/* As many rows as keep x in half of an L2 of 2 MiB: the panels pass over the same rows one after
 * the other, and each would fetch them again. Never fewer than a block, or a panel's weights would
 * be read from memory for too few rows. */
static uint32_t gemm_matrix_rows_max(size_t bytes_per_row)
{
    size_t rows = MATRIX_X_BYTES / bytes_per_row / MATRIX_ROWS * MATRIX_ROWS;
    return rows < MATRIX_BLOCK_ROWS ? MATRIX_BLOCK_ROWS
           : rows < GEMM_ROWS_MAX   ? (uint32_t)rows
                                    : GEMM_ROWS_MAX;
}

/* One part of K and one half of the panel for `rows` rows of x; c: their sums. */
static void gemm_matrix_part(const struct rw_linear *l, const struct slice *s, size_t from, int at,
                             const char *x, uint32_t rows, float *c, struct matrix_ahead *ahead)
{
    size_t left = s->steps - from;
    uint32_t groups = (uint32_t)(RW_MIN(left, MATRIX_PART_GROUPS));
    bool first = s->first && from == 0;
    bool ints = l->dtype != RW_DTYPE_BF16;
    for (uint32_t row = 0; row < rows; row += MATRIX_ROWS, c += MATRIX_ROWS * RW_PANEL) {
        int now = rows - row < MATRIX_ROWS ? (int)(rows - row) : MATRIX_ROWS;
        struct matrix m = {.a = x + row * s->x_stride + from * RW_GROUP_BYTES,
                           .a_stride = s->x_stride,
                           .panel = s->weights + from * RW_PANEL_STEP + at * RW_GROUP_BYTES,
                           .start = c + at,
                           .start_stride = RW_PANEL * sizeof(float),
                           .c = c + at,
                           .c_stride = RW_PANEL * sizeof(float)};
        /* The first part begins with what is added to every row: the correction of unsigned rows
         * (int8), or nothing. Stride 0: the same line for all rows. */
        if (first) {
            const char *tail = panel_tail(l, s->panel);
            m.start = ints ? (const float *)(const void *)tail + RW_PANEL + at : NULL;
            m.start_stride = 0;
        }
        matrix_product(ints, &m, now, groups, *ahead);
        ahead->from += (size_t)(groups / MATRIX_GROUPS) * ahead->lines * RW_ALIGN;
    }
}

/* The next slice is asked for while this one is computed, a few lines per step: all at once they
 * would fill the line-fill buffers and stall the loads that the products wait for. */
static struct matrix_ahead gemm_matrix_ahead(const struct slice *s, uint32_t rows)
{
    size_t steps = 2 * ((rows + MATRIX_ROWS - 1) / MATRIX_ROWS) * (s->steps / MATRIX_GROUPS + 1);
    size_t lines = (s->steps * RW_PANEL_STEP / RW_ALIGN + steps - 1) / steps;
    return (struct matrix_ahead){s->next, (unsigned)(RW_MIN(lines, MATRIX_LINES_MAX))};
}

static void gemm_matrix_slice(const struct rw_gemm *g, const struct slice *s, uint32_t begin,
                              uint32_t end, float *sums)
{
    struct matrix_ahead ahead = gemm_matrix_ahead(s, end - begin);
    for (uint32_t block = begin; block < end; block += MATRIX_BLOCK_ROWS) {
        uint32_t past = end - block < MATRIX_BLOCK_ROWS ? end : block + MATRIX_BLOCK_ROWS;
        float *c = sums + (size_t)(block - begin) * RW_PANEL;
        const char *x = s->x + (block - begin) * s->x_stride;
        for (int at = 0; at < RW_PANEL; at += MATRIX_COLUMNS) {
            for (size_t k = 0; k < s->steps; k += MATRIX_PART_GROUPS) {
                gemm_matrix_part(g->linear, s, k, at, x, past - block, c, &ahead);
            }
        }
        if (s->last) {
            finish_rows(g, s->panel, block, (int)(past - block), c);
        }
    }
}
