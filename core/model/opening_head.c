#include "core/model/opening.h"

#include <stdio.h>
#include <string.h>

#include "core/base/util.h"

static rw_status find_tensor(struct rw_opening *o, const char *name, uint32_t dims,
                             const struct rw_tensor **out)
{
    *out = rw_checkpoint_find(o->package->checkpoint, name);
    if (*out == NULL) {
        rw_fail(o->err, RW_MODEL_CORRUPT, "the head's tensor \"%s\" is not in the checkpoint",
                name);
        rw_error_param(o->err, "head");
        return RW_MODEL_CORRUPT;
    }
    if ((*out)->dims != dims) {
        return rw_fail(o->err, RW_MODEL_CORRUPT, "tensor \"%s\" has %u dimensions, not %u", name,
                       (*out)->dims, dims);
    }
    return RW_OK;
}

/* weight[rows, cols] and, if named, bias[rows]; *rows is read from the weight. */
static rw_status check_linear(struct rw_opening *o, const char *weight, char *bias, uint64_t cols,
                              uint64_t rows_max, uint64_t *rows)
{
    const struct rw_tensor *tensor;
    rw_status status = find_tensor(o, weight, 2, &tensor);
    if (status != RW_OK) {
        return status;
    }
    *rows = tensor->shape[0];
    if (tensor->shape[1] != cols || *rows < 1 || *rows > rows_max) {
        return rw_fail(o->err, RW_MODEL_CORRUPT,
                       "tensor \"%s\" has shape [%llu, %llu]; [1..%llu, %llu] is expected", weight,
                       (unsigned long long)*rows, (unsigned long long)tensor->shape[1],
                       (unsigned long long)rows_max, (unsigned long long)cols);
    }
    if (o->manifest.optional_bias && rw_checkpoint_find(o->package->checkpoint, bias) == NULL) {
        bias[0] = '\0';
    }
    if (bias[0] == '\0') {
        return RW_OK;
    }
    status = find_tensor(o, bias, 1, &tensor);
    if (status == RW_OK && tensor->shape[0] != *rows) {
        return rw_fail(o->err, RW_MODEL_CORRUPT, "tensor \"%s\" does not fit \"%s\"", bias, weight);
    }
    return status;
}

/* OpenRLHF names the head in config.json: "{value_head_prefix}.weight". */
static void expand_prefix(const struct rw_config *config, char name[RW_TENSOR_NAME_MAX])
{
    static const struct rw_str MARK = {"{value_head_prefix}", 19};
    if (rw_str_starts(rw_str_from(name), MARK)) {
        char full[RW_TENSOR_NAME_MAX];
        snprintf(full, sizeof full, "%s%.24s", config->value_head_prefix, name + MARK.len);
        memcpy(name, full, sizeof full);
    }
}

static rw_status check_rows(struct rw_opening *o)
{
    struct rw_package *package = o->package;
    struct rw_head_spec *head = &o->manifest.recipe.head;
    static const char *const EMBEDDING[] = {"model.embed_tokens.weight",
                                            "model.tok_embeddings.weight"};
    if (head->weight[0] == '\0') {
        bool internlm = package->config.backbone == RW_BACKBONE_INTERNLM2;
        const char *untied = internlm ? "output.weight" : "lm_head.weight";
        snprintf(head->weight, sizeof head->weight, "%s",
                 package->config.tied_embeddings ? EMBEDDING[internlm] : untied);
    }
    const struct rw_tensor *tensor;
    rw_status status = find_tensor(o, head->weight, 2, &tensor);
    if (status != RW_OK) {
        return status;
    }
    for (uint32_t i = 0; i < head->n_out; i++) {
        if ((uint64_t)head->rows[i] >= tensor->shape[0] ||
            tensor->shape[1] != package->config.hidden) {
            return rw_fail(o->err, RW_MODEL_CORRUPT, "tensor \"%s\" has no row %d of %u values",
                           head->weight, head->rows[i], package->config.hidden);
        }
    }
    return RW_OK;
}

rw_status rw_opening_check_head(struct rw_opening *o)
{
    struct rw_head_spec *head = &o->manifest.recipe.head;
    const struct rw_config *config = &o->package->config;
    uint64_t rows = head->n_out;
    rw_status status;
    if (head->type == RW_HEAD_LM_ROWS) {
        return check_rows(o);
    }
    expand_prefix(config, head->weight);
    expand_prefix(config, head->bias);
    bool mlp = head->type == RW_HEAD_MLP_RELU;
    status = check_linear(o, head->weight, head->bias, config->hidden,
                          mlp ? RW_HIDDEN_MAX : RW_HEAD_OUT_MAX, &rows);
    if (status == RW_OK && mlp) {
        status = check_linear(o, head->out_weight, head->out_bias, rows, RW_HEAD_OUT_MAX, &rows);
    }
    head->n_out = (uint32_t)rows;
    if (status == RW_OK && config->labels != 0 && head->n_out != config->labels) {
        status = rw_fail(o->err, RW_MODEL_CORRUPT, "config.json says %u labels, the head has %u",
                         config->labels, head->n_out);
    }
    return status;
}

static rw_status refuse_labels(struct rw_opening *o)
{
    rw_fail(o->err, RW_MODEL_UNSUPPORTED,
            "the names in id2label do not say which class is the good one");
    rw_error_param(o->err, "id2label");
    rw_error_hint(o->err, "say it in rewardd.json: \"post\":{\"type\":\"softmax\",\"good\":1}");
    return RW_MODEL_UNSUPPORTED;
}

/* id2label names the good class where it has names; LABEL_0 and LABEL_1 leave it to the preset. */
static rw_status read_labels(struct rw_opening *o)
{
    struct rw_recipe *recipe = &o->manifest.recipe;
    const struct rw_config *config = &o->package->config;
    uint32_t n[RW_LABEL_OTHER + 1] = {0};
    uint32_t good = 0, not_bad = 0;
    for (uint32_t i = 0; i < config->labels && i < RW_LABELS_MAX; i++) {
        n[config->label_sense[i]]++;
        good = config->label_sense[i] == RW_LABEL_GOOD ? i : good;
        not_bad = config->label_sense[i] != RW_LABEL_BAD ? i : not_bad;
    }
    if (o->own_post || o->preset == NULL || recipe->head.type == RW_HEAD_LM_ROWS) {
        return RW_OK;
    }
    if (recipe->post != RW_POST_SOFTMAX) {
        return n[RW_LABEL_BAD] > 0 ? refuse_labels(o) : RW_OK;
    }
    if (n[RW_LABEL_PLAIN] == config->labels) {
        return RW_OK;
    }
    if (n[RW_LABEL_GOOD] != 1 && n[RW_LABEL_BAD] + 1 != config->labels) {
        return refuse_labels(o);
    }
    recipe->good = n[RW_LABEL_GOOD] == 1 ? good : not_bad;
    return RW_OK;
}

rw_status rw_opening_check_post(struct rw_opening *o)
{
    struct rw_recipe *recipe = &o->manifest.recipe;
    const struct rw_config *config = &o->package->config;
    rw_status status = read_labels(o);
    if (status != RW_OK) {
        return status;
    }
    if (recipe->post == RW_POST_SIGMOID && config->normalize_reward) {
        recipe->post = RW_POST_NORMALIZED;
        recipe->mean = config->reward_mean;
        recipe->std = config->reward_std;
    }
    bool softmax = recipe->post == RW_POST_SOFTMAX;
    if (softmax ? recipe->head.n_out < 2 || recipe->good >= recipe->head.n_out
                : recipe->head.n_out != 1) {
        rw_fail(o->err, RW_MODEL_UNSUPPORTED, "preset %s reads %s; the head has %u outputs",
                recipe->preset, softmax ? "a softmax over two or more outputs" : "one output",
                recipe->head.n_out);
        rw_error_hint(o->err, "name another preset, or write rewardd.json");
        return RW_MODEL_UNSUPPORTED;
    }
    return RW_OK;
}
