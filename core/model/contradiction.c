#include "core/model/contradiction.h"

#include <stdio.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/util.h"
#include "core/model/binding.h"

enum {
    SAMPLED_ROWS = 64, /* of a stored output matrix: one trained apart differs in every row */
};

static const struct rw_tensor *find(const struct rw_contradiction_files *f, const char *name)
{
    return rw_checkpoint_find(f->checkpoint, name);
}

static rw_status rows_differ(const struct rw_contradiction_files *f, const struct rw_tensor *a,
                             const struct rw_tensor *b, uint64_t row, float *scratch, bool *differ,
                             struct rw_error *err)
{
    uint64_t cols = f->config->hidden;
    rw_status status = rw_checkpoint_read_f32(f->checkpoint, a, row * cols, cols, scratch, err);
    if (status == RW_OK) {
        status = rw_checkpoint_read_f32(f->checkpoint, b, row * cols, cols, scratch + cols, err);
    }
    *differ = status == RW_OK && memcmp(scratch, scratch + cols, cols * sizeof *scratch) != 0;
    return status;
}

/* Rows that the head reads, and some of all others (the language head reads every one). */
static rw_status check_tied(const struct rw_contradiction_files *f, struct rw_error *err)
{
    bool internlm2 = f->config->backbone == RW_BACKBONE_INTERNLM2;
    const struct rw_tensor *stored = find(f, internlm2 ? "output.weight" : "lm_head.weight");
    const struct rw_tensor *embedding =
        find(f, internlm2 ? "model.tok_embeddings.weight" : "model.embed_tokens.weight");
    bool read = f->recipe->head.type == RW_HEAD_LM_ROWS ||
                strstr(f->config->architecture, "ForCausalLM") != NULL;
    if (!f->config->tied_embeddings || stored == NULL || embedding == NULL || !read ||
        stored->dims != 2 || embedding->dims != 2 || stored->shape[1] != f->config->hidden ||
        embedding->shape[1] != f->config->hidden) {
        return RW_OK;
    }
    uint64_t rows = RW_MIN(stored->shape[0], embedding->shape[0]);
    float *scratch = rw_alloc_array(2 * (size_t)f->config->hidden, sizeof *scratch);
    if (scratch == NULL) {
        return rw_fail_memory(err, "the model package");
    }
    rw_status status = RW_OK;
    bool differ = stored->shape[0] != embedding->shape[0];
    uint32_t wanted = f->recipe->head.type == RW_HEAD_LM_ROWS ? f->recipe->head.n_out : 0;
    for (uint32_t i = 0; i < wanted + SAMPLED_ROWS && status == RW_OK && !differ; i++) {
        uint64_t row =
            i < wanted ? (uint64_t)f->recipe->head.rows[i] : (i - wanted) * rows / SAMPLED_ROWS;
        status = row < rows ? rows_differ(f, stored, embedding, row, scratch, &differ, err) : RW_OK;
    }
    rw_free(scratch);
    if (status == RW_OK && differ) {
        rw_fail(err, RW_MODEL_CORRUPT,
                "config.json ties the output matrix to the embedding, but \"%.*s\" is stored with "
                "other values",
                RW_STR_ARG(stored->name));
        rw_error_param(err, "tie_word_embeddings");
        rw_error_hint(err, "set tie_word_embeddings to false, or remove the tensor");
        return RW_MODEL_CORRUPT;
    }
    return status;
}

/* A class without a bias drops a stored one; whoever trained with it did not. */
static rw_status check_bias(const struct rw_contradiction_files *f, struct rw_error *err)
{
    const struct rw_head_spec *head = &f->recipe->head;
    struct rw_str weight = rw_str_from(head->weight);
    static const struct rw_str SUFFIX = {".weight", 7};
    if (head->type != RW_HEAD_LINEAR || head->bias[0] != '\0' || !rw_str_ends(weight, SUFFIX)) {
        return RW_OK;
    }
    char name[RW_TENSOR_NAME_MAX];
    snprintf(name, sizeof name, "%.*s.bias", (int)(weight.len - SUFFIX.len), weight.ptr);
    if (find(f, name) == NULL) {
        return RW_OK;
    }
    rw_fail(err, RW_MODEL_CORRUPT, "the checkpoint holds \"%s\"; %s has no bias there", name,
            f->config->architecture);
    rw_error_param(err, "head");
    rw_error_hint(err,
                  "if it was trained with that bias, say so in rewardd.json: \"head\":"
                  "{\"type\":\"linear\",\"weight\":\"%s\",\"bias\":\"%s\"}",
                  head->weight, name);
    return RW_MODEL_CORRUPT;
}

static rw_status check_vocabulary(const struct rw_contradiction_files *f, struct rw_error *err)
{
    size_t size = rw_tokenizer_plain_size(f->tokenizer);
    if (size <= f->config->vocab) {
        return RW_OK;
    }
    rw_fail(err, RW_MODEL_CORRUPT, "the tokenizer makes ids up to %zu; the model has %u embeddings",
            size - 1, f->config->vocab);
    rw_error_param(err, "vocab_size");
    rw_error_hint(err, "tokenizer and weights belong to different models");
    return RW_MODEL_CORRUPT;
}

rw_status rw_contradiction_gathered(const struct rw_config *config,
                                    const struct rw_checkpoint *checkpoint, struct rw_error *err)
{
    const char *name = rw_binding_embedding(config);
    const struct rw_tensor *tensor = rw_checkpoint_find(checkpoint, name);
    for (uint32_t d = 0; tensor != NULL && d < tensor->dims; d++) {
        if (tensor->shape[d] == 0) {
            rw_fail(err, RW_MODEL_CORRUPT, "tensor \"%s\" is empty", name);
            rw_error_hint(
                err, "saved under DeepSpeed ZeRO-3 without gathering: its checkpoint folder has "
                     "zero_to_fp32.py, which writes the whole model");
            return RW_MODEL_CORRUPT;
        }
    }
    return RW_OK;
}

rw_status rw_contradiction_check(const struct rw_contradiction_files *files, struct rw_error *err)
{
    rw_status status = check_tied(files, err);
    if (status == RW_OK) {
        status = check_bias(files, err);
    }
    return status == RW_OK ? check_vocabulary(files, err) : status;
}
