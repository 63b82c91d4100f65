/* Inside of a forward pass, for forward*.c only: its workspaces, and the phases of a layer.
 *
 *     tokens ---embed--> x[rows, hidden]                        the residual stream, in float
 *     per layer:
 *       x --norm--> norm --GEMM--> qkv --norm, rotate--> q, KV blocks --attention--> attn
 *       attn (--quantise--> act) --GEMM, + x--> x
 *       x --norm--> norm --GEMM, SwiGLU--> mlp (--quantise--> act) --GEMM, + x--> x
 *     in the last layer only of the rows that are read: y instead of x, then the final norm
 *
 * Names in the drawing are those of the fields. What is in `act` or `state` is said in
 * core/kernels/kernels.h. */
#ifndef RW_MODEL_FORWARD_PARTS_H
#define RW_MODEL_FORWARD_PARTS_H

#include "core/model/forward.h"
#include "core/model/forward_plan.h"

/* Steps of one layer; each has its own ticket counter and ends with a barrier of those who work on
 * the share. */
enum rw_forward_phase {
    PHASE_ATTN_NORM,
    PHASE_QKV,
    PHASE_ROPE,
    PHASE_ATTENTION,
    PHASE_QUANTISE_O, /* of quantised models only */
    PHASE_O,
    PHASE_MLP_NORM,
    PHASE_GATE_UP,
    PHASE_QUANTISE_DOWN,
    PHASE_DOWN,
    RW_FORWARD_PHASES,
};

struct rw_forward {
    const struct rw_weights *weights;
    const struct rw_kernels *kernels;
    struct rw_team *team;
    unsigned members;
    uint32_t chunk;      /* rows of the workspaces */
    uint32_t blocks_max; /* KV blocks of the longest sequence */
    uint32_t tile_rows;
    enum rw_dtype state; /* of values between GEMMs, see kernels.h */
    size_t element;      /* bytes of one */
    uint32_t group;      /* query heads per KV head */
    uint32_t head_dim_padded;
    float query_factor; /* log2(e) / sqrt(head_dim): softmax runs on exp2 */
    float frequencies[RW_HEAD_DIM_MAX / 2];

    size_t memory_bytes;
    void *memory;
    size_t x_stride;        /* floats */
    size_t qkv_stride;      /* floats */
    size_t norm_stride;     /* bytes */
    size_t attn_stride;     /* state elements */
    size_t mlp_stride;      /* state elements */
    size_t act_stride;      /* bytes */
    float *x;               /* [chunk, hidden] residual stream */
    float *y;               /* [wanted, hidden] the same in the last layer, then the result */
    unsigned char *norm;    /* act[chunk, hidden] */
    float *qkv;             /* [chunk, (heads + 2 kv_heads) * head_dim] */
    unsigned char *q;       /* state[kv_heads, chunk, group, head_dim_padded] */
    unsigned char *attn;    /* state[chunk, heads * head_dim] */
    unsigned char *mlp;     /* state[chunk, intermediate] */
    unsigned char *act;     /* of quantised models: attn, then mlp, as they enter the GEMM */
    float *cosines, *sines; /* [chunk, head_dim / 2] */
    unsigned char *scratch; /* [members] at scratch_bytes */
    size_t scratch_bytes;
    const void **block_ptrs; /* [members, 2, blocks_max] */

    /* of the pass under way */
    const struct rw_forward_batch *batch;
    struct rw_plan plan;
};

/* forward_phases.c: the part of one member of the team in a pass. arg: the forward. */
void rw_forward_region(void *arg, unsigned index, unsigned members);

#endif
