/* The arithmetic of a forward pass, one table of functions per instruction set.
 *
 * One algorithm file (algorithm.inc.h) is included by one .c file per ISA; rw_kernels_pick chooses
 * at run time. Every kernel is bit-exact against itself: the result of a row depends on that row
 * (and, in attention, on the keys before it) only; never on how many rows, threads or chunks the
 * call had. So a GEMM is split over outputs, never over K, K is accumulated in one fixed order, and
 * attention walks the keys in blocks that are aligned to absolute positions.
 *
 * Elements: `act` means the type that enters a GEMM: float for F32, bfloat16 bits (uint16_t) for
 * BF16, bytes for INT8 and Q4: a row of uint8_t q + 128, q in [-127, 127], and behind the row (at
 * byte k_padded) the float that a q of one stands for. `state` means the type of values between
 * GEMMs, in attention and in the KV cache: float for F32, bfloat16 for all others. Shapes are
 * checked by assertions at every entry. Nothing here allocates. */
#ifndef RW_KERNELS_KERNELS_H
#define RW_KERNELS_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/util.h"

/* Weights of a linear. INT8 and Q4 are integers times one scale per output; a Q4 weight is 4 bits
 * times a whole multiplier of its block of 32 inputs, which makes it an INT8 weight again: both go
 * through the same integer products, so every instruction set gets the same integers. */
enum rw_dtype {
    RW_DTYPE_F32,
    RW_DTYPE_BF16,
    RW_DTYPE_STATES, /* those before this may be the state */
    RW_DTYPE_INT8 = RW_DTYPE_STATES,
    RW_DTYPE_Q4,
    RW_DTYPE_COUNT,
};

enum {
    RW_PANEL = 64,   /* output columns of one packed weight panel; keys of one KV block */
    RW_K_ALIGN = 32, /* n_in is padded to this with zeros, in weights and activations */
    RW_ALIGN = 64,   /* bytes: packed weights, KV blocks and scratch start at a multiple of it */
    RW_HEAD_DIM_MAX = 256,
    RW_K_MAX = 1 << 17,     /* n_in */
    RW_QUANT_K_MAX = 65536, /* n_in of INT8 and Q4: 255 * 127 * n_in stays below 2^31 */
};

static inline bool rw_dtype_is_quantised(enum rw_dtype dtype)
{
    return dtype >= RW_DTYPE_STATES;
}

/* Bytes of one element of act. */
static inline size_t rw_dtype_bytes(enum rw_dtype dtype)
{
    return dtype == RW_DTYPE_F32 ? 4 : dtype == RW_DTYPE_BF16 ? 2 : 1;
}

/* Type of values between GEMMs. */
static inline enum rw_dtype rw_dtype_state(enum rw_dtype dtype)
{
    return dtype == RW_DTYPE_F32 ? RW_DTYPE_F32 : RW_DTYPE_BF16;
}

/* Bytes of a row of act that enters a linear of k_padded inputs: the elements, and room for the
 * scale of a quantised row. */
static inline size_t rw_act_bytes(enum rw_dtype dtype, size_t k_padded)
{
    return k_padded * rw_dtype_bytes(dtype) + (rw_dtype_is_quantised(dtype) ? RW_ALIGN : 0);
}

const char *rw_dtype_name(enum rw_dtype dtype); /* "f32", "bf16", "int8", "q4" */

/* y[T, n_out] = x[T, n_in] @ W[n_out, n_in]^T (+ bias), W packed once at load.
 * Layout: panels of 64 outputs; inside a panel k runs in groups of 4 bytes (1 float, 2 bfloat16 or
 * 4 int8), and a group holds those bytes of all 64 outputs. n_out is padded to 64, n_in to
 * RW_K_ALIGN. Quantised panels end with their scales and column sums: core/kernels/layout.h. */
struct rw_linear {
    enum rw_dtype dtype;
    uint32_t n_out;
    uint32_t n_in;
    uint32_t panels;   /* ceil(n_out / 64) */
    uint32_t k_padded; /* n_in rounded up to RW_K_ALIGN */
    void *packed;      /* rw_linear_bytes, aligned to RW_ALIGN */
    float *bias;       /* panels * 64 floats, or NULL */
};

size_t rw_linear_bytes(enum rw_dtype dtype, uint32_t n_out, uint32_t n_in);
/* Writes output row `out_index` from w[n_in]; packed memory must have been zero before. For BF16
 * the values are rounded to nearest even; for INT8 to 254 steps of the row's largest magnitude; for
 * Q4 as pack_quantised.c says. Rows may be packed by several threads at once. */
void rw_linear_pack_row(struct rw_linear *linear, uint32_t out_index, const float *w);
/* Several rows, w[rows, n_in]: faster, the more of them are neighbours. */
void rw_linear_pack_rows(struct rw_linear *linear, const uint32_t *out_indices, uint32_t rows,
                         const float *w);
/* The values that a packed row stands for, into w[n_in]: for tests and accuracy reports. */
void rw_linear_unpack_row(const struct rw_linear *linear, uint32_t out_index, float *w);
/* Gate and up projections share one linear so that SwiGLU is done in the tile: packed row of gate
 * output i is 64 * (i / 32) + i % 32, of up output i is that + 32. Its n_out is therefore
 * 64 * ceil(intermediate / 32); outputs past `intermediate` have zero weights and come out as
 * zeros, which is the padding the next GEMM wants. */
static inline uint32_t rw_swiglu_row(uint32_t i, bool up)
{
    return 64 * (i / 32) + i % 32 + (up ? 32 : 0);
}

enum rw_epilogue {
    RW_EPILOGUE_STORE,  /* out float[T, n_out]  = y */
    RW_EPILOGUE_ADD,    /* out float[T, n_out] += y (residual) */
    RW_EPILOGUE_SWIGLU, /* out state[T, n_out / 2] = silu(gate) * up */
};

struct rw_gemm {
    const struct rw_linear *linear;
    const void *x;   /* act[rows, k_padded]; columns from n_in on are zero */
    size_t x_stride; /* bytes between rows, a multiple of 4, rw_act_bytes or more */
    uint32_t rows;
    enum rw_epilogue epilogue;
    void *out;
    size_t out_stride; /* bytes between rows, a multiple of 4 (SWIGLU to bfloat16: of 2) */
};

/* Heads of one token, one behind the other, on their way into attention: y = x / sqrt(mean(x^2) +
 * eps) * norm per head (Qwen3; norm NULL: y = x), then rotate-half RoPE, then times factor. */
struct rw_heads {
    const float *x; /* [n, head_dim] */
    uint32_t n;
    uint32_t head_dim; /* multiple of 8, <= RW_HEAD_DIM_MAX */
    const float *norm; /* [head_dim] or NULL */
    float eps;
    const float *cos; /* [head_dim / 2] of the token's position */
    const float *sin;
    float factor;
    enum rw_dtype dtype; /* a state type: F32 or BF16 */
    void *out;           /* state[n, head_dim_padded]; of F32 it may be x */
};

/* Attention of `rows` consecutive queries of one sequence for the query heads that share one KV
 * head. */
struct rw_attention {
    enum rw_dtype dtype; /* a state type: F32 or BF16 */
    uint32_t head_dim;   /* multiple of 8, <= RW_HEAD_DIM_MAX */
    uint32_t group;      /* query heads per KV head */
    const void *q; /* state[rows, group, head_dim_padded], roped, times log2(e) / sqrt(head_dim) */
    uint32_t rows;
    uint32_t position;           /* absolute position of the first row */
    const void *const *k_blocks; /* one per 64 absolute positions, for this layer and KV head */
    const void *const *v_blocks;
    uint32_t window;   /* keys seen, the query's own included; 0 = all before it */
    void *out;         /* state[rows][group, head_dim] at out + row * out_stride */
    size_t out_stride; /* bytes */
};

/* Bytes of one KV block (64 positions) of one layer and one KV head; K and V have the same size.
 * A block must be all zeros at birth and is then written by kv_store (or copied) only; it may be
 * reused for another sequence as it is: slots that a query may not see are exact no-ops for it,
 * even when they hold NaN. */
size_t rw_kernels_kv_block_bytes(enum rw_dtype dtype, uint32_t head_dim);
/* Elements between the heads of a row of q: head_dim rounded up so that rows stay 4-byte groups. */
uint32_t rw_kernels_head_dim_padded(uint32_t head_dim);

struct rw_kernels {
    const char *name; /* "generic", "avx2", "avx512", "avx512-vnni", "amx", "neon", ... */

    /* Panels [begin, end) of the product. scratch: gemm_scratch_bytes, one per thread. */
    void (*gemm)(const struct rw_gemm *gemm, uint32_t panel_begin, uint32_t panel_end,
                 void *scratch);
    size_t (*gemm_scratch_bytes)(enum rw_dtype dtype, uint32_t rows);

    /* y = x / sqrt(mean(x^2) + eps) * w, one row of n floats, written as act with zero padding up
     * to n_padded. */
    void (*rms_norm)(const float *x, const float *w, uint32_t n, uint32_t n_padded, float eps,
                     enum rw_dtype dtype, void *out);
    /* The same in place on float, for q/k norms and before a head. */
    void (*rms_norm_f32)(float *x, const float *w, uint32_t n, float eps);

    /* Norm, rotation and factor, from float to state. */
    void (*turn_heads)(const struct rw_heads *heads);

    /* Float to act with a factor (query scale); pads with zeros up to n_padded. */
    void (*to_act)(const float *x, uint32_t n, uint32_t n_padded, float factor, enum rw_dtype dtype,
                   void *out);
    /* One row of bfloat16 (attention, SwiGLU) to the bytes that enter the next quantised GEMM. */
    void (*quantise)(const uint16_t *x, uint32_t n, uint32_t n_padded, void *out);

    /* Stores one key and one value row (float[head_dim]) at slot 0..63 of a KV block. */
    void (*kv_store)(const float *k, const float *v, uint32_t head_dim, enum rw_dtype dtype,
                     void *k_block, void *v_block, uint32_t slot);

    /* scratch: attention_scratch_bytes(rows * group, head_dim), one per thread. */
    void (*attention)(const struct rw_attention *attention, void *scratch);
    size_t (*attention_scratch_bytes)(uint32_t q_rows, uint32_t head_dim);

    /* sum_k x[k] * w[k] in float, fixed order: heads. */
    float (*dot)(const float *x, const float *w, uint32_t n);
};

/* The best table this processor runs (name NULL), or the one named (tests, --kernel); NULL when the
 * name is unknown or the processor lacks it. */
const struct rw_kernels *rw_kernels_pick(const char *name);
/* All tables compiled in that this processor can run, best first; NULL-terminated. */
const struct rw_kernels *const *rw_kernels_available(void);

#endif
