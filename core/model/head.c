#include "core/model/head.h"

#include "core/base/assert.h"

/* y[rows, n_out] = x[rows, n_in] @ w[n_out, n_in]^T + b. Outputs run outside so that a weight row
 * is read once for all positions.
 *
 * A dot product per value and no GEMM: a head has one to a few outputs, of which a panel of the
 * GEMM would waste 60 of 64 columns; and its weights stay float32 in every mode, because the last
 * sum of a score is the one whose rounding nobody averages away. The order inside `dot` is fixed
 * per instruction set, so a score has the same bits whatever else is in the pass. */
static void dense(const struct rw_kernels *kernels, const float *x, size_t x_stride, uint32_t rows,
                  const float *w, const float *b, uint32_t n_out, uint32_t n_in, float *y)
{
    for (uint32_t o = 0; o < n_out; o++) {
        const float *row = w + (size_t)o * n_in;
        float bias = b != NULL ? b[o] : 0.0f;
        for (uint32_t r = 0; r < rows; r++) {
            y[(size_t)r * n_out + o] = kernels->dot(x + r * x_stride, row, n_in) + bias;
        }
    }
}

/* The hidden layer of an MLP head (Qwen2ForRewardModel) is as wide as the model. */
size_t rw_head_scratch_floats(const struct rw_head *head, uint32_t rows)
{
    return head->type == RW_HEAD_MLP_RELU ? (size_t)rows * head->hidden : 0;
}

static void relu(float *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        /* Written so that NaN stays NaN: it must reach the check, not become a zero. */
        x[i] = x[i] < 0.0f ? 0.0f : x[i];
    }
}

void rw_head_apply(const struct rw_head *head, const struct rw_kernels *kernels,
                   const float *hidden, size_t stride, uint32_t rows, float *scratch, float *values)
{
    rw_assert(head->n_out > 0 && head->n_out <= RW_HEAD_OUT_MAX && stride >= head->hidden);
    /* Rows of the language head are such a linear too: binding.c took the rows out of it. */
    if (head->type != RW_HEAD_MLP_RELU) {
        dense(kernels, hidden, stride, rows, head->w, head->b, head->n_out, head->hidden, values);
        return;
    }
    rw_assert(scratch != NULL);
    dense(kernels, hidden, stride, rows, head->w, head->b, head->hidden, head->hidden, scratch);
    relu(scratch, (size_t)rows * head->hidden);
    dense(kernels, scratch, head->hidden, rows, head->w_out, head->b_out, head->n_out, head->hidden,
          values);
}

/* Multiplications and additions of one position, for the reply's `flops`; activations are not
 * counted, as in the literature. */
double rw_head_flops(const struct rw_head *head)
{
    double inner = head->type == RW_HEAD_MLP_RELU ? (double)head->hidden * head->hidden : 0;
    return 2.0 * (inner + (double)head->n_out * head->hidden);
}
