/* One tile per element type, and the table that picks it. */
enum {
    RW_TILE_ROWS = 6,
    TILE_PREFETCH_BYTES = 4096, /* ahead in the panel: 16 steps */
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

#define TILE_NAME               tile_f32
#define TILE_HALVES             1
#define TILE_VALUE              vf
#define TILE_LOAD(p, half)      vf_load(p)
#define TILE_BROADCAST(p, half) vf_set1(rw_f32_at(p))
#define TILE_DOT(acc, a, b)     vf_fma(a, b, acc)
#include "core/kernels/tile.inc.h"

#ifdef RW_NATIVE_BF16

#define TILE_NAME               tile_bf16
#define TILE_HALVES             1
#define TILE_VALUE              vu
#define TILE_LOAD(p, half)      vu_load(p)
#define TILE_BROADCAST(p, half) vu_set1(rw_u32_at(p))
#define TILE_DOT(acc, a, b)     vf_dot_bf16(acc, a, b)
#include "core/kernels/tile.inc.h"

#else

/* A bfloat16 is the upper half of a float: the even one of a pair is shifted up, the odd one is
 * there already. */
RW_INLINE vf vf_widen(vu pair, int half)
{
    return half == 0 ? (vf)(pair << 16) : (vf)(pair & 0xFFFF0000U);
}

RW_INLINE vf vf_widen_at(const char *p, int half)
{
    uint32_t pair = rw_u32_at(p);
    uint32_t bits = half == 0 ? pair << 16 : pair & 0xFFFF0000U;
    return (vf)vu_set1(bits);
}

#define TILE_NAME               tile_bf16
#define TILE_HALVES             2
#define TILE_VALUE              vf
#define TILE_LOAD(p, half)      vf_widen(vu_load(p), half)
#define TILE_BROADCAST(p, half) vf_widen_at(p, half)
#define TILE_DOT(acc, a, b)     vf_fma(a, b, acc)
#include "core/kernels/tile.inc.h"

#endif

typedef void (*rw_tile_fn)(int rows, uint32_t groups, const char *a, size_t a_stride,
                           const char *panel, float *c, size_t c_stride, bool accumulate);

static const rw_tile_fn TILES[RW_DTYPE_COUNT] = {
    [RW_DTYPE_F32] = tile_f32,
    [RW_DTYPE_BF16] = tile_bf16,
};
