/* How a model turns hidden states into rewards: one descriptor for every public reward model.
 *
 *     score(trace) = POST( HEAD( hidden[pos] ) ) for pos in LOCATE(ids), then AGGREGATE
 *
 * A recipe comes from a preset (recognised from config.json and the tensors), or from rewardd.json
 * of the package. It is plain data; nothing in the engine knows a model by name. */
#ifndef RW_MODEL_RECIPE_H
#define RW_MODEL_RECIPE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/status.h"
#include "core/base/str.h"

enum {
    RW_HEAD_OUT_MAX = 16,    /* outputs of a head */
    RW_TENSOR_NAME_MAX = 96, /* bytes */
};

enum rw_model_kind {
    RW_KIND_PROCESS, /* a reward for every step */
    RW_KIND_OUTCOME, /* one reward for the trace */
};

/* hidden = output of the final RMSNorm. */
enum rw_head_type {
    RW_HEAD_LM_ROWS,  /* logit_c = W_lm[rows[c]] . h */
    RW_HEAD_LINEAR,   /* W[n_out, hidden] h (+ b) */
    RW_HEAD_MLP_RELU, /* W2 relu(W0 h + b0) + b2 */
};

struct rw_head_spec {
    enum rw_head_type type;
    uint32_t n_out;
    int32_t rows[RW_HEAD_OUT_MAX];   /* LM_ROWS: token ids */
    char weight[RW_TENSOR_NAME_MAX]; /* LINEAR: W; MLP_RELU: W0; LM_ROWS: lm_head or embedding */
    char bias[RW_TENSOR_NAME_MAX];   /* empty = none */
    char out_weight[RW_TENSOR_NAME_MAX]; /* MLP_RELU: W2 */
    char out_bias[RW_TENSOR_NAME_MAX];
};

/* raw and probability of a position from the n_out values of the head, in float32. */
enum rw_post {
    RW_POST_SOFTMAX, /* p = softmax(z)[good]; raw = log(p / (1 - p)) = z_good - logsumexp(others) */
    RW_POST_SIGMOID, /* raw = z_0; p = 1 / (1 + exp(-z_0)) */
    RW_POST_NORMALIZED /* raw = (z_0 - mean) / std; p = sigmoid(raw) */
};

enum rw_aggregate {
    RW_AGGREGATE_MIN,
    RW_AGGREGATE_PRODUCT,
    RW_AGGREGATE_MEAN,
    RW_AGGREGATE_LAST,
    RW_AGGREGATE_COUNT,
};

struct rw_recipe {
    char preset[48]; /* "qwen2.5-math-prm"; "package" when rewardd.json spells it out */
    enum rw_model_kind kind;
    struct rw_head_spec head;
    enum rw_post post;
    uint32_t good; /* SOFTMAX: index of the "good" class */
    double mean;   /* NORMALIZED */
    double std;
    enum rw_aggregate aggregate; /* default of the model */
};

struct rw_score {
    float raw;    /* log-odds, logit or (normalised) scalar: see enum rw_post */
    float reward; /* probability in [0, 1] */
};

/* NOT_FINITE when any of the values is NaN or infinite. values[n_out] */
rw_status rw_recipe_post(const struct rw_recipe *recipe, const float *values, struct rw_score *out);

/* Of n >= 1 finite step rewards. */
float rw_aggregate_rewards(enum rw_aggregate how, const float *rewards, uint32_t n);
const char *rw_aggregate_name(enum rw_aggregate how);
bool rw_aggregate_parse(struct rw_str name, enum rw_aggregate *out);

#endif
