/* The int8 tile on SMMLA: one instruction multiplies 2 rows of 8 bytes with 2 columns of 8 bytes,
 * twice the products of SDOT. Two groups of a panel, zipped, are the 8 bytes of each of 4 columns;
 * a pair of rows is put together from 8 bytes of each. Sums of a pair of rows wait as 2 x 2
 * squares, [row 0, row 1] x [column 0, column 1], and are taken apart at the end. */
enum {
    I8MM_PAIRS = RW_TILE_ROWS / 2,
    I8MM_SQUARES = RW_TILE_VECS * RW_VL / 2, /* side by side in a strip of 16 columns */
};

RW_INLINE int8x16_t i8mm_rows(const char *upper, const char *lower)
{
    int64_t both[2];
    memcpy(&both[0], upper, sizeof both[0]);
    memcpy(&both[1], lower, sizeof both[1]);
    int8x16_t unsigned_bytes = vreinterpretq_s8_s64(vld1q_s64(both));
    return veorq_s8(unsigned_bytes, vdupq_n_s8(-128));
}

/* Squares of columns [4 j, 4 j + 4) from two rows of sums, or zeros. */
RW_INLINE void i8mm_begin(int32x4_t *square, const float *upper, const float *lower)
{
    int32x4_t u = vdupq_n_s32(0), l = u;
    if (upper != NULL) {
        memcpy(&u, upper, sizeof u);
        memcpy(&l, lower, sizeof l);
    }
    square[0] = vcombine_s32(vget_low_s32(u), vget_low_s32(l));
    square[1] = vcombine_s32(vget_high_s32(u), vget_high_s32(l));
}

RW_INLINE void i8mm_end(const int32x4_t *square, float *upper, float *lower, bool both)
{
    int32x4_t u = vcombine_s32(vget_low_s32(square[0]), vget_low_s32(square[1]));
    int32x4_t l = vcombine_s32(vget_high_s32(square[0]), vget_high_s32(square[1]));
    memcpy(upper, &u, sizeof u);
    if (both) {
        memcpy(lower, &l, sizeof l);
    }
}

/* 16 columns of up to 6 rows; where rows are odd, the last one is its own partner. */
RW_INLINE void i8mm_strip(const int pairs, int rows, uint32_t groups, const char *a,
                          size_t a_stride, const char *panel, float *c, size_t c_stride,
                          struct tile_start start, struct tile_ahead ahead)
{
    int32x4_t sum[I8MM_PAIRS][I8MM_SQUARES];
    size_t row[RW_TILE_ROWS];
#pragma GCC unroll 3
    for (int p = 0; p < pairs; p++) {
        row[2 * p] = (size_t)2 * (size_t)p;
        row[2 * p + 1] = (size_t)(2 * p + 1 < rows ? 2 * p + 1 : 2 * p);
#pragma GCC unroll 4
        for (int j = 0; j < RW_TILE_VECS; j++) {
            const float *from = start.sums != NULL ? start.sums + j * RW_VL : NULL;
            i8mm_begin(&sum[p][2 * j], from != NULL ? from + row[2 * p] * start.stride : NULL,
                       from != NULL ? from + row[2 * p + 1] * start.stride : NULL);
        }
    }
    for (uint32_t k = 0; k < groups; k += 2) {
        const char *step = panel + (size_t)k * RW_PANEL_STEP;
        __builtin_prefetch(ahead.from + ((size_t)k * RW_PANEL_STEP >> ahead.shift), 0, 2);
        int8x16_t x[I8MM_PAIRS];
#pragma GCC unroll 3
        for (int p = 0; p < pairs; p++) {
            const char *at = a + (size_t)k * RW_GROUP_BYTES;
            x[p] = i8mm_rows(at + row[2 * p] * a_stride, at + row[2 * p + 1] * a_stride);
        }
#pragma GCC unroll 4
        for (int j = 0; j < RW_TILE_VECS; j++) {
            vu first = vu_load(step + j * RW_VL * RW_GROUP_BYTES);
            vu second = vu_load(step + RW_PANEL_STEP + j * RW_VL * RW_GROUP_BYTES);
            int8x16_t w0 = (int8x16_t)vzip1q_u32((uint32x4_t)first, (uint32x4_t)second);
            int8x16_t w1 = (int8x16_t)vzip2q_u32((uint32x4_t)first, (uint32x4_t)second);
#pragma GCC unroll 3
            for (int p = 0; p < pairs; p++) {
                sum[p][2 * j] = vmmlaq_s32(sum[p][2 * j], x[p], w0);
                sum[p][2 * j + 1] = vmmlaq_s32(sum[p][2 * j + 1], x[p], w1);
            }
        }
    }
#pragma GCC unroll 3
    for (int p = 0; p < pairs; p++) {
#pragma GCC unroll 4
        for (int j = 0; j < RW_TILE_VECS; j++) {
            float *to = c + row[2 * p] * c_stride + j * RW_VL;
            i8mm_end(&sum[p][2 * j], to, to + c_stride, 2 * p + 1 < rows);
        }
    }
}

static void tile_int8(struct tile_size size, const char *a, size_t a_stride, const char *panel,
                      float *c, size_t c_stride, struct tile_start start, struct tile_ahead ahead)
{
    const int rows = size.rows;
    const uint32_t groups = size.steps;
    rw_assert(groups % 2 == 0); /* K is padded to 32 bytes */
    for (int at = 0; at < size.columns; at += RW_TILE_VECS * RW_VL) {
        const char *strip = panel + at * RW_GROUP_BYTES;
        struct tile_start from = {start.sums != NULL ? start.sums + at : NULL, start.stride};
        if (rows > 4) {
            i8mm_strip(3, rows, groups, a, a_stride, strip, c + at, c_stride, from, ahead);
        } else if (rows > 2) {
            i8mm_strip(2, rows, groups, a, a_stride, strip, c + at, c_stride, from, ahead);
        } else {
            i8mm_strip(1, rows, groups, a, a_stride, strip, c + at, c_stride, from, ahead);
        }
    }
}
