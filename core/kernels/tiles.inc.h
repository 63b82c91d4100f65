/* One tile per element type, and the table that picks it. */
#ifdef RW_MATRIX_TILES
#define RW_TILE_ROWS_MAX 32
#define TILES_DONE()     matrix_release()
#else
#define RW_TILE_ROWS_MAX RW_TILE_ROWS
#define TILES_DONE()     (void)0
#endif

enum {
    RW_TILE_ROWS = 6, /* of a tile in vector registers */
};

/* Where a strip is a whole panel, attention has a use for half of it: the diagonal, heads of 32. */
#define RW_TILE_NARROW (RW_TILE_VECS * RW_VL == RW_PANEL)

/* What a tile does: columns are rounded up to what it does at once. */
struct tile_size {
    int rows;
    int columns;    /* of 64 */
    uint32_t steps; /* of K */
};

/* Sums (of the tile's type) that a tile begins with: [rows, 64] at `stride` floats; NULL: zeros. */
struct tile_start {
    const float *sums;
    size_t stride;
};

/* Memory that the next tiles will read, to be brought into L2 meanwhile: step k of a tile fetches
 * the line of byte (256 k) >> shift. */
struct tile_ahead {
    const char *from;
    unsigned shift;
};

RW_INLINE float rw_f32_at(const char *p)
{
    float value;
    memcpy(&value, p, sizeof value);
    return value;
}

RW_INLINE uint32_t rw_u32_at(const char *p)
{
    uint32_t value;
    memcpy(&value, p, sizeof value);
    return value;
}

#define TILE_NAME           tile_f32
#define TILE_NARROW         RW_TILE_NARROW
#define TILE_VALUE          vf
#define TILE_SUM            f
#define TILE_LOAD(p)        vf_load(p)
#define TILE_BROADCAST(p)   vf_set1(rw_f32_at(p))
#define TILE_DOT(acc, a, b) vf_fma(a, b, acc)
#include "core/kernels/tile.inc.h"

#if defined(RW_MATRIX_TILES)

#include "core/kernels/matrix.inc.h"
#define tile_bf16 matrix_tile_bf16

#elif defined(RW_NATIVE_BF16)

#define TILE_NAME           tile_bf16
#define TILE_NARROW         RW_TILE_NARROW
#define TILE_VALUE          vu
#define TILE_SUM            f
#define TILE_LOAD(p)        vu_load(p)
#define TILE_BROADCAST(p)   vu_set1(rw_u32_at(p))
#define TILE_DOT(acc, a, b) vf_dot_bf16(acc, a, b)
#include "core/kernels/tile.inc.h"

#else

#define RW_WIDE_BF16 1 /* wide.inc.h */
#define tile_bf16    tile_f32

#endif

#if defined(RW_MATRIX_TILES)

#define tile_int8 NULL /* gemm_matrix.inc.h goes past it */

#elif defined(RW_NATIVE_I8MM)

#include "core/kernels/neon_i8mm.inc.h"

#elif defined(RW_NATIVE_INT8) && defined(RW_SIGNED_ACTIVATION)

#define TILE_NAME           tile_int8
#define TILE_VALUE          vu
#define TILE_SUM            i
#define TILE_LOAD(p)        vu_load(p)
#define TILE_BROADCAST(p)   vu_set1(rw_u32_at(p) ^ 0x80808080U)
#define TILE_DOT(acc, a, b) vi_dot_s8s8(acc, a, b)
#include "core/kernels/tile.inc.h"

#elif defined(RW_NATIVE_INT8)

#define TILE_NAME           tile_int8
#define TILE_VALUE          vu
#define TILE_SUM            i
#define TILE_LOAD(p)        vu_load(p)
#define TILE_BROADCAST(p)   vu_set1(rw_u32_at(p))
#define TILE_DOT(acc, a, b) vi_dot_u8s8(acc, a, b)
#include "core/kernels/tile.inc.h"

#else

/* Two int16 per lane: products of uint8 and int8 fit an int16 and their sums an int32, so nothing
 * saturates. */
#define RW_WIDE_INT8        1 /* wide.inc.h */
#define TILE_NAME           tile_int8
#define TILE_VALUE          vshorts
#define TILE_SUM            i
#define TILE_LOAD(p)        (vshorts) vu_load(p)
#define TILE_BROADCAST(p)   (vshorts) vu_set1(rw_u32_at(p))
#define TILE_DOT(acc, a, b) vi_dot_pairs(acc, a, b)
#include "core/kernels/tile.inc.h"

#endif

typedef void (*rw_tile_fn)(struct tile_size size, const char *a, size_t a_stride, const char *panel,
                           float *c, size_t c_stride, struct tile_start start,
                           struct tile_ahead ahead);

static const rw_tile_fn TILES[RW_DTYPE_COUNT] = {
    [RW_DTYPE_F32] = tile_f32,
    [RW_DTYPE_BF16] = tile_bf16,
    [RW_DTYPE_INT8] = tile_int8,
    [RW_DTYPE_Q4] = tile_int8, /* of the expanded slice */
};

/* Rows of one call of such a tile. */
static int tile_rows(enum rw_dtype dtype)
{
    return dtype == RW_DTYPE_F32 ? RW_TILE_ROWS : RW_TILE_ROWS_MAX;
}

/* Keys that such a tile takes at once: weights of zero fill them up. */
static size_t tile_keys(enum rw_dtype dtype)
{
    return dtype == RW_DTYPE_F32 || RW_TILE_ROWS_MAX == RW_TILE_ROWS ? 2 : 32;
}
