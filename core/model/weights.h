/* The weights of one model in the layout the kernels want, read once from a checkpoint.
 *
 * Names and shapes per family: core/MODEL.md. Every shape is checked against config.json before a
 * byte is allocated; weights are then streamed row by row into their packed place (weights_fill.h),
 * so that loading needs no second copy. A weight that is NaN or infinite is refused with the name
 * of its tensor. Immutable after loading; any thread may read. */
#ifndef RW_MODEL_WEIGHTS_H
#define RW_MODEL_WEIGHTS_H

#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/status.h"
#include "core/io/checkpoint.h"
#include "core/kernels/kernels.h"
#include "core/model/config.h"
#include "core/model/head.h"
#include "core/model/recipe.h"

struct rw_layer {
    float *attn_norm; /* [hidden] */
    float *mlp_norm;  /* [hidden] */
    float *q_norm;    /* [head_dim] or NULL */
    float *k_norm;
    struct rw_linear qkv;     /* rows: query heads, key heads, value heads */
    struct rw_linear o;       /* [hidden, heads * head_dim] */
    struct rw_linear gate_up; /* rows by rw_swiglu_row */
    struct rw_linear down;    /* [hidden, intermediate] */
};

struct rw_weights {
    struct rw_config config;
    enum rw_dtype dtype;     /* of the linears; embedding, norms and head are finer */
    struct rw_layer *layers; /* [config.layers] */
    void *embed;             /* [vocab, hidden] of embed_dtype */
    enum rw_dtype embed_dtype;
    float *final_norm; /* [hidden] */
    struct rw_head head;
    struct rw_linear language; /* [vocab, hidden] of the state's type; packed NULL = not loaded */
    uint64_t parameters;       /* that were read */
    uint64_t bytes;            /* resident */
    void *memory;              /* one block behind all pointers but `layers` */
    size_t memory_bytes;
};

enum rw_weights_wish {
    RW_WISH_STORED, /* BF16 when every linear weight of the backbone is stored so, else F32 */
    RW_WISH_F32,
    RW_WISH_BF16,
    RW_WISH_INT8, /* quantised row by row while loading, whatever is stored */
    RW_WISH_Q4,
};

struct rw_weights_request {
    const struct rw_config *config;
    const struct rw_recipe *recipe;
    const struct rw_checkpoint *checkpoint;
    enum rw_weights_wish wish;
    bool language; /* load the language head too: vocab * hidden more values */
    /* By any of the threads that fill, one at a time; may be NULL. */
    void (*progress)(void *ctx, uint64_t done_bytes, uint64_t total_bytes);
    void *progress_ctx;
};

/* MODEL_CORRUPT names the tensor and both shapes, MODEL_UNSUPPORTED its storage type. */
rw_status rw_weights_load(const struct rw_weights_request *request, struct rw_weights **out,
                          struct rw_error *err);
/* Weights of one layer that is filled anew for each layer of the checkpoint, in BF16: a model whose
 * weights are kept smaller is compared with itself so, in the memory of a layer. `config` and
 * `head` are the whole model's; the embedding is `rows` rows of float32 that the caller fills, the
 * last norm is the caller's too. */
rw_status rw_weights_open_layer(const struct rw_weights_request *request, uint32_t rows,
                                struct rw_weights **out, struct rw_error *err);
rw_status rw_weights_fill_layer(const struct rw_weights_request *request, uint32_t layer,
                                struct rw_weights *weights, struct rw_error *err);
void rw_weights_free(struct rw_weights *weights); /* NULL is fine */

#endif
