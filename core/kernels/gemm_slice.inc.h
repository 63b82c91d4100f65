/* One slice of K of one panel, and the vector tiles' way through it.
 *
 * A panel of a large linear (64 outputs by 4,864 inputs in bfloat16: 608 KiB) does not fit beside
 * the next one in L2, and a block of 512 rows passes over it. So K is cut into slices that do: all
 * rows meet the first slice, then all rows the second one. Between slices the sums of a row wait in
 * scratch as they are, in the type of the tile, so that cutting K changes no bit of them. */
enum {
    GEMM_ROWS_MAX = 512, /* rows done before the next panel: x of a block stays near */
    GEMM_SLICE_BYTES_MAX = 320 * 1024, /* of a panel: it and the next one stay in L2 of 1 MiB */
    GEMM_EXPANDED_BYTES = 256 * 1024,  /* the same of an expanded Q4 panel */
};

/* A slice, as the tile reads it. */
struct slice {
    uint32_t panel;
    const char *x; /* of the first row */
    size_t x_stride;
    size_t steps; /* of K */
    const char *weights;
    const char *next;      /* what memory holds behind the slice: it is wanted next */
    unsigned next_smaller; /* its bytes: those of the slice >> this (1: the slice was widened) */
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

/* Groups of one slice of a panel: slices are of equal size, whole blocks of Q4, and depend on the
 * shape of the linear and the form of its operands only. */
static size_t slice_groups(const struct rw_linear *l, size_t groups, size_t steps_of_group)
{
    size_t most = l->dtype == RW_DTYPE_Q4 ? GEMM_EXPANDED_BYTES : GEMM_SLICE_BYTES_MAX;
    size_t bytes = groups * steps_of_group * RW_PANEL_STEP;
    size_t slices = (bytes + most - 1) / most;
    return rw_round_up((groups + slices - 1) / slices, RW_Q4_BLOCK / RW_GROUP_BYTES);
}

/* Each tile asks for an equal part of the memory that is wanted next, so that it arrives in L2
 * while the block of rows passes over this slice and no tile waits for it. With `tiles` tiles the
 * part is 2^-n of the slice, 2^n the largest power of two that is no more than `tiles`: the parts
 * together cover the next slice, and at most as much again. It is a power of two because the tile
 * then finds the byte of its step k by a shift (tile.inc.h). Lines behind the last panel are asked
 * for too: a prefetch of memory that is not there does nothing. */
static unsigned ahead_shift(uint32_t rows)
{
    unsigned shift = 0;
    while (RW_TILE_ROWS << (shift + 1) <= rows) {
        shift++;
    }
    return shift;
}

/* The vector way through one slice of a panel: tiles of RW_TILE_ROWS rows, one below the other.
 *
 * `sums` is one tile, used again and again, where the whole of K is one slice; else the sums of all
 * rows wait there for the next slice. */
static void gemm_slice(const struct rw_gemm *g, const struct slice *s, uint32_t begin, uint32_t end,
                       float *sums)
{
    const struct rw_linear *l = g->linear;
    bool held = !s->first || !s->last;
    unsigned shift = ahead_shift(end - begin) + s->next_smaller;
    size_t share = s->steps * RW_PANEL_STEP >> shift;
    for (uint32_t row = begin; row < end; row += RW_TILE_ROWS) {
        int rows = end - row < RW_TILE_ROWS ? (int)(end - row) : RW_TILE_ROWS;
        size_t done = row - begin;
        float *c = sums + (held ? done * RW_PANEL : 0);
        struct tile_start start = {s->first ? NULL : c, RW_PANEL};
        if (s->first && starts_with_sums(l->dtype)) {
            const char *tail = panel_tail(l, s->panel); /* 64 scales, then 64 sums */
            start = (struct tile_start){(const float *)(const void *)tail + RW_PANEL, 0};
        }
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
