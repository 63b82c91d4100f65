/* The register tile: c[rows, columns] = start + a[rows, K] @ panel[K, 64], rows <= RW_TILE_ROWS.
 *
 * One step is one group of k: 4 bytes of each row of `a`, 256 bytes of the panel. With vectors of
 * 512 bits a strip is the whole panel:
 *
 *                        w[0]      w[1]      w[2]      w[3]      4 registers: the group, 4 bytes of
 *                                                                64 columns, loaded as they lie
 *   row 0   broadcast    acc[0][0] acc[0][1] acc[0][2] acc[0][3]
 *   row 1   of 4 bytes   acc[1][0] acc[1][1] acc[1][2] acc[1][3] 24 registers: the sums, which stay
 *    ...    of the row:   ...                                    there for the whole of K
 *   row 5   1 register   acc[5][0] acc[5][1] acc[5][2] acc[5][3]
 *
 * That is 29 of 32 registers, 10 loads for 24 products. With 16 registers (AVX2) a strip has two
 * vectors: 12 sums, 2 weights, 1 activation; the panel is done in 4 strips, 8 where a vector has 4
 * lanes. `a` needs no packing: a broadcast reads a row where it lies.
 *
 * This file is included once per element type. The including file defines
 *   TILE_NAME, TILE_VALUE (type of a loaded operand), TILE_SUM (f or i: sums are floats, or int32
 * in the same memory), TILE_LOAD(p), TILE_BROADCAST(p), TILE_DOT(acc, a, b), and TILE_NARROW as 1
 * where half a strip is to be done when no more columns are wanted. The number of rows is a
 * constant in each copy of the loop, and every copy does the same operations on a row in the same
 * order: this is what makes a row independent of its neighbours. */
#ifndef TILE_NARROW
#define TILE_NARROW 0
#endif
#define TILE_PASTE_(a, b) a##b
#define TILE_PASTE(a, b)  TILE_PASTE_(a, b)
#define TILE_ROWS_FN      TILE_PASTE(TILE_NAME, _rows)
#define TILE_STRIP_FN     TILE_PASTE(TILE_NAME, _strip)
#define TILE_ACC          TILE_PASTE(v, TILE_SUM)
#define TILE_STRIP        (RW_TILE_VECS * RW_VL) /* columns done at a time */

RW_INLINE void TILE_ROWS_FN(const int rows, const int vecs, uint32_t steps, const char *a,
                            size_t a_stride, const char *panel, float *c, size_t c_stride,
                            struct tile_start start, struct tile_ahead ahead)
{
    TILE_ACC acc[RW_TILE_ROWS][RW_TILE_VECS];
    const char *row[RW_TILE_ROWS];
#pragma GCC unroll 6
    for (int i = 0; i < rows; i++) {
        row[i] = a + (size_t)i * a_stride;
#pragma GCC unroll 4
        for (int j = 0; j < vecs; j++) {
            acc[i][j] = (TILE_ACC){0};
            if (start.sums != NULL) {
                const float *from = start.sums + (size_t)i * start.stride + j * RW_VL;
                memcpy(&acc[i][j], from, sizeof acc[i][j]);
            }
        }
    }
    for (uint32_t k = 0; k < steps; k++) {
        const char *step = panel + (size_t)k * RW_PANEL_STEP;
        /* Of a line that several steps name, only the first request does anything; with fewer than
         * four tiles in a block (shift < 2) a step names only one of its lines. */
        __builtin_prefetch(ahead.from + ((size_t)k * RW_PANEL_STEP >> ahead.shift), 0, 2);
        TILE_VALUE w[RW_TILE_VECS];
#pragma GCC unroll 4
        for (int j = 0; j < vecs; j++) {
            w[j] = TILE_LOAD(step + j * RW_VL * RW_GROUP_BYTES);
        }
#pragma GCC unroll 6
        for (int i = 0; i < rows; i++) {
            TILE_VALUE x = TILE_BROADCAST(row[i] + (size_t)k * RW_GROUP_BYTES);
#pragma GCC unroll 4
            for (int j = 0; j < vecs; j++) {
                acc[i][j] = TILE_DOT(acc[i][j], x, w[j]);
            }
        }
    }
#pragma GCC unroll 6
    for (int i = 0; i < rows; i++) {
#pragma GCC unroll 4
        for (int j = 0; j < vecs; j++) {
            memcpy(c + (size_t)i * c_stride + j * RW_VL, &acc[i][j], sizeof acc[i][j]);
        }
    }
}

/* One strip. */
RW_INLINE void TILE_STRIP_FN(const int vecs, struct tile_size size, const char *a, size_t a_stride,
                             const char *panel, float *c, size_t c_stride, struct tile_start start,
                             struct tile_ahead ahead)
{
    switch (size.rows) {
    case 6:
        TILE_ROWS_FN(6, vecs, size.steps, a, a_stride, panel, c, c_stride, start, ahead);
        break;
    case 5:
        TILE_ROWS_FN(5, vecs, size.steps, a, a_stride, panel, c, c_stride, start, ahead);
        break;
    case 4:
        TILE_ROWS_FN(4, vecs, size.steps, a, a_stride, panel, c, c_stride, start, ahead);
        break;
    case 3:
        TILE_ROWS_FN(3, vecs, size.steps, a, a_stride, panel, c, c_stride, start, ahead);
        break;
    case 2:
        TILE_ROWS_FN(2, vecs, size.steps, a, a_stride, panel, c, c_stride, start, ahead);
        break;
    default:
        TILE_ROWS_FN(1, vecs, size.steps, a, a_stride, panel, c, c_stride, start, ahead);
        break;
    }
}

/* a_stride in bytes, c_stride in floats; start.sums may be c. */
static void TILE_NAME(struct tile_size size, const char *a, size_t a_stride, const char *panel,
                      float *c, size_t c_stride, struct tile_start start, struct tile_ahead ahead)
{
    for (int at = 0; at < size.columns; at += TILE_STRIP) {
        const char *strip = panel + at * RW_GROUP_BYTES;
        struct tile_start from = {start.sums != NULL ? start.sums + at : NULL, start.stride};
        if (TILE_NARROW && size.columns - at <= TILE_STRIP / 2) {
            TILE_STRIP_FN(RW_TILE_VECS / 2, size, a, a_stride, strip, c + at, c_stride, from,
                          ahead);
        } else {
            TILE_STRIP_FN(RW_TILE_VECS, size, a, a_stride, strip, c + at, c_stride, from, ahead);
        }
    }
}

#undef TILE_NAME
#undef TILE_NARROW
#undef TILE_VALUE
#undef TILE_LOAD
#undef TILE_BROADCAST
#undef TILE_DOT
#undef TILE_SUM
#undef TILE_ACC
#undef TILE_ROWS_FN
#undef TILE_STRIP_FN
#undef TILE_STRIP
#undef TILE_PASTE
#undef TILE_PASTE_
