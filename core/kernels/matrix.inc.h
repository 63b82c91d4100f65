/* Tiles of AMX: c[rows, 64] = start + a[rows, K] @ panel[K, 64] with up to 32 rows at a time, for
 * bfloat16 and int8.
 *
 * A tile register holds 16 rows of 64 bytes. As right-hand side those are 16 groups of 4 bytes of
 * 16 columns: what a panel holds anyway, at a stride of 256 bytes; as left-hand side 16 rows of
 * activations, which need no packing either. Registers: 0 to 3 are the sums of 32 rows by 32
 * columns (0 and 1 the upper 16 rows), 4 and 5 two tiles of a, 6 and 7 two of the panel: four loads
 * for four products. A panel is therefore done in two halves.
 *
 * The products of a row are added in the order of K whatever rows are beside it, so all rules of
 * README.md hold. Fewer than 32 rows are told to the hardware (another configuration), rows beyond
 * are neither read nor written. */
enum {
    MATRIX_ROWS = 32,
    MATRIX_SIDE = 16,    /* rows of a register */
    MATRIX_BYTES = 64,   /* of each */
    MATRIX_GROUPS = 16,  /* of 4 bytes: depth of one product */
    MATRIX_COLUMNS = 32, /* done at a time */
    MATRIX_PALETTE = 1,
    MATRIX_REGISTERS = 8,
};

/* What ldtilecfg reads. */
struct matrix_config {
    uint8_t palette;
    uint8_t start_row; /* 0: no tile instruction was interrupted */
    uint8_t reserved[14];
    uint16_t bytes[16];
    uint8_t rows[16];
};

/* Rows that the registers of this thread are set up for; 0: not in use. */
static _Thread_local int matrix_rows;

static void matrix_configure(int rows)
{
    struct matrix_config c = {.palette = MATRIX_PALETTE, .start_row = 0};
    int upper = RW_MIN(rows, MATRIX_SIDE);
    int lower = rows > MATRIX_SIDE ? rows - MATRIX_SIDE : MATRIX_SIDE; /* unused: any will do */
    const int of[MATRIX_REGISTERS] = {upper, upper, lower,       lower,
                                      upper, lower, MATRIX_SIDE, MATRIX_SIDE};
    for (int i = 0; i < MATRIX_REGISTERS; i++) {
        c.bytes[i] = MATRIX_BYTES;
        c.rows[i] = (uint8_t)of[i];
    }
    _tile_loadconfig(&c);
    matrix_rows = rows;
}

/* Tile registers that are in use make every context switch dearer. */
RW_INLINE void matrix_release(void)
{
    if (matrix_rows != 0) {
        _tile_release();
        matrix_rows = 0;
    }
}

/* Operands of up to 32 rows and 32 columns. Strides in bytes. */
struct matrix {
    const char *a; /* rows of K bytes */
    size_t a_stride;
    const char *panel;  /* first column of the half */
    const float *start; /* sums to begin with, NULL: zeros */
    size_t start_stride;
    float *c;
    size_t c_stride;
};

#define MATRIX_DOT(ints, c, a, b)    \
    do {                             \
        if (ints) {                  \
            _tile_dpbusd(c, a, b);   \
        } else {                     \
            _tile_dpbf16ps(c, a, b); \
        }                            \
    } while (0)

/* One product of depth 16 groups from `a` and `b`. */
RW_INLINE void matrix_step(const bool ints, const bool pair, const char *a, size_t a_stride,
                           const char *b, size_t b_stride)
{
    _tile_loadd(6, b, b_stride);
    _tile_loadd(4, a, a_stride);
    MATRIX_DOT(ints, 0, 4, 6);
    _tile_loadd(7, b + MATRIX_BYTES, b_stride);
    MATRIX_DOT(ints, 1, 4, 7);
    if (pair) {
        _tile_loadd(5, a + MATRIX_SIDE * a_stride, a_stride);
        MATRIX_DOT(ints, 2, 5, 6);
        MATRIX_DOT(ints, 3, 5, 7);
    }
}

/* The last groups where K is no multiple of 16 of them: copies with zeros behind. */
static void matrix_rest(const bool ints, const bool pair, const struct matrix *m, int rows,
                        size_t from, uint32_t groups)
{
    char a[MATRIX_ROWS * MATRIX_BYTES] __attribute__((aligned(RW_ALIGN))) = {0};
    char b[MATRIX_GROUPS * 2 * MATRIX_BYTES] __attribute__((aligned(RW_ALIGN))) = {0};
    for (int i = 0; i < rows; i++) {
        memcpy(a + i * MATRIX_BYTES, m->a + (size_t)i * m->a_stride + from * RW_GROUP_BYTES,
               groups * RW_GROUP_BYTES);
    }
    for (uint32_t g = 0; g < groups; g++) {
        memcpy(b + (size_t)g * 2 * MATRIX_BYTES, m->panel + (from + g) * RW_PANEL_STEP,
               (size_t)2 * MATRIX_BYTES);
    }
    __asm__ volatile("" ::: "memory"); /* GCC does not know that a tile load reads memory */
    matrix_step(ints, pair, a, MATRIX_BYTES, b, (size_t)2 * MATRIX_BYTES);
}

/* Memory that will be read next, to be brought into L2 meanwhile. */
struct matrix_ahead {
    const char *from;
    unsigned lines; /* a step */
};

RW_INLINE void matrix_half(const bool ints, const bool pair, const struct matrix *m, int rows,
                           uint32_t groups, struct matrix_ahead ahead)
{
    const size_t lower = MATRIX_SIDE;
    if (m->start != NULL) {
        const char *from = (const char *)m->start;
        _tile_loadd(0, from, m->start_stride);
        _tile_loadd(1, from + MATRIX_BYTES, m->start_stride);
        if (pair) {
            _tile_loadd(2, from + lower * m->start_stride, m->start_stride);
            _tile_loadd(3, from + lower * m->start_stride + MATRIX_BYTES, m->start_stride);
        }
    } else {
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
    }
    uint32_t k = 0;
    for (; k + MATRIX_GROUPS <= groups; k += MATRIX_GROUPS) {
        matrix_step(ints, pair, m->a + (size_t)k * RW_GROUP_BYTES, m->a_stride,
                    m->panel + (size_t)k * RW_PANEL_STEP, RW_PANEL_STEP);
        for (unsigned line = 0; line < ahead.lines; line++, ahead.from += RW_ALIGN) {
            __builtin_prefetch(ahead.from, 0, 2);
        }
    }
    if (k < groups) {
        matrix_rest(ints, pair, m, rows, k, groups - k);
    }
    char *to = (char *)m->c;
    _tile_stored(0, to, m->c_stride);
    _tile_stored(1, to + MATRIX_BYTES, m->c_stride);
    if (pair) {
        _tile_stored(2, to + lower * m->c_stride, m->c_stride);
        _tile_stored(3, to + lower * m->c_stride + MATRIX_BYTES, m->c_stride);
    }
}

/* Sums of up to 32 rows and one half of a panel over `groups` groups of K. */
static void matrix_product(const bool ints, const struct matrix *m, int rows, uint32_t groups,
                           struct matrix_ahead ahead)
{
    if (matrix_rows != rows) {
        matrix_configure(rows);
    }
    __asm__ volatile("" ::: "memory"); /* GCC does not know that a tile load reads memory */
    if (ints && rows > MATRIX_SIDE) {
        matrix_half(true, true, m, rows, groups, ahead);
    } else if (ints) {
        matrix_half(true, false, m, rows, groups, ahead);
    } else if (rows > MATRIX_SIDE) {
        matrix_half(false, true, m, rows, groups, ahead);
    } else {
        matrix_half(false, false, m, rows, groups, ahead);
    }
}

/* As the tiles of tile.inc.h, for attention. */
static void matrix_tile_bf16(struct tile_size size, const char *a, size_t a_stride,
                             const char *panel, float *c, size_t c_stride, struct tile_start start,
                             struct tile_ahead ahead)
{
    (void)ahead;
    for (int at = 0; at < size.columns; at += MATRIX_COLUMNS) {
        struct matrix m = {.a = a,
                           .a_stride = a_stride,
                           .panel = panel + at * RW_GROUP_BYTES,
                           .start = start.sums != NULL ? start.sums + at : NULL,
                           .start_stride = start.stride * sizeof(float),
                           .c = c + at,
                           .c_stride = c_stride * sizeof(float)};
        matrix_product(false, &m, size.rows, size.steps, (struct matrix_ahead){NULL, 0});
    }
}
