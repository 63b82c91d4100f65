/* The reward head: hidden state of one position to n_out values.
 *
 * Head weights stay float32 whatever the backbone's type, and every sum runs in the kernel table's
 * one fixed order, so the values of a position depend on its hidden state only. What the values
 * mean (softmax pair, logit, ...) is the recipe's: rw_recipe_post. */
#ifndef RW_MODEL_HEAD_H
#define RW_MODEL_HEAD_H

#include <stdint.h>

#include "core/kernels/kernels.h"
#include "core/model/recipe.h"

struct rw_head {
    enum rw_head_type type;
    uint32_t hidden;
    uint32_t n_out;
    float *w;     /* LM_ROWS, LINEAR: [n_out, hidden]; MLP_RELU: W0[hidden, hidden] */
    float *b;     /* LINEAR: [n_out] or NULL; MLP_RELU: b0[hidden] or NULL */
    float *w_out; /* MLP_RELU: W2[n_out, hidden] */
    float *b_out; /* MLP_RELU: [n_out] or NULL */
};

/* Floats of scratch rw_head_apply needs for `rows` positions. */
size_t rw_head_scratch_floats(const struct rw_head *head, uint32_t rows);
/* values[rows, n_out] from hidden[rows] at `stride` floats. */
void rw_head_apply(const struct rw_head *head, const struct rw_kernels *kernels,
                   const float *hidden, size_t stride, uint32_t rows, float *scratch,
                   float *values);
/* Operations of one position: 2 per weight. */
double rw_head_flops(const struct rw_head *head);

#endif
