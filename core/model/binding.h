/* Which tensor of a checkpoint goes where: the list of all tensors a model needs, by family.
 *
 * Internal to weights.c. Making the list touches no weight and allocates only the list, so that
 * shapes can be checked before memory is asked for. */
#ifndef RW_MODEL_BINDING_H
#define RW_MODEL_BINDING_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/io/checkpoint.h"
#include "core/model/config.h"
#include "core/model/recipe.h"

/* The bias of a linear follows its weight. */
enum rw_target {
    RW_TARGET_EMBED,
    RW_TARGET_FINAL_NORM,
    RW_TARGET_ATTN_NORM,
    RW_TARGET_MLP_NORM,
    RW_TARGET_Q_NORM,
    RW_TARGET_K_NORM,
    RW_TARGET_QKV,
    RW_TARGET_QKV_BIAS,
    RW_TARGET_O,
    RW_TARGET_O_BIAS,
    RW_TARGET_GATE_UP,
    RW_TARGET_GATE_UP_BIAS,
    RW_TARGET_DOWN,
    RW_TARGET_DOWN_BIAS,
    RW_TARGET_HEAD_W,
    RW_TARGET_HEAD_B,
    RW_TARGET_HEAD_W_OUT,
    RW_TARGET_HEAD_B_OUT,
    RW_TARGET_LANGUAGE,
};

/* How row r of the tensor maps to a row of the target. */
enum rw_row_map {
    RW_ROWS_OFFSET, /* offset + r */
    RW_ROWS_GATE,   /* rw_swiglu_row(r, false) */
    RW_ROWS_UP,     /* rw_swiglu_row(r, true) */
    RW_ROWS_WQKV,   /* InternLM2: per KV group its query heads, its key, its value */
    RW_ROWS_PICK,   /* LM_ROWS head: row head.rows[i] of the tensor to row i */
};

struct rw_binding {
    const struct rw_tensor *tensor;
    enum rw_target target;
    enum rw_row_map map;
    uint32_t layer;
    uint32_t offset;
    uint32_t rows; /* of the tensor that are read; 1 for a vector that fills a row */
    uint32_t cols;
};

struct rw_bindings {
    struct rw_binding *items;
    uint32_t count;
    uint64_t stored_bytes; /* of all bound tensors, for progress */
    bool linears_bf16;     /* every RW_TARGET_{QKV,O,GATE_UP,DOWN} is stored as BF16 */
    bool embed_bf16;
};

/* `language`: the language head is bound too; MODEL_UNSUPPORTED when there is none. */
rw_status rw_bindings_make(const struct rw_config *config, const struct rw_recipe *recipe,
                           const struct rw_checkpoint *checkpoint, bool language,
                           struct rw_arena *arena, struct rw_bindings *out, struct rw_error *err);

/* The same for one layer of the checkpoint, as layer 0 of weights that have no other. */
rw_status rw_bindings_make_layer(const struct rw_config *config,
                                 const struct rw_checkpoint *checkpoint, uint32_t layer,
                                 struct rw_arena *arena, struct rw_bindings *out,
                                 struct rw_error *err);
const char *rw_binding_embedding(const struct rw_config *config);

/* Tensor of the language head: what LM_ROWS reads, an output matrix of its own, or the tied
 * embedding of a causal model. NULL when there is none. A classifier that says its embeddings are
 * tied inherited the word from the model it was made of, and has no language head. */
const char *rw_binding_language(const struct rw_config *config, const struct rw_recipe *recipe,
                                const struct rw_checkpoint *checkpoint);

/* Row of the target that row r of the binding's tensor fills. */
uint32_t rw_binding_row(const struct rw_binding *binding, const struct rw_config *config,
                        uint32_t r);

#endif
