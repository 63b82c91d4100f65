#include "core/engine/model.h"

#include <stdio.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/assert.h"
#include "core/base/date.h"
#include "core/engine/model_agreement.h"
#include "core/engine/radix.h"
#include "core/model/binding.h"
#include "core/model/flops.h"
#include "core/model/layout.h"

/* No `default`: a dtype that is added and not listed here is an error of the compiler. */
static enum rw_weights_wish wish_of(enum rw_weights_dtype dtype)
{
    switch (dtype) {
    case RW_WEIGHTS_F32:
        return RW_WISH_F32;
    case RW_WEIGHTS_BF16:
        return RW_WISH_BF16;
    case RW_WEIGHTS_INT8:
        return RW_WISH_INT8;
    case RW_WEIGHTS_Q4:
        return RW_WISH_Q4;
    case RW_WEIGHTS_AUTO:
        break;
    }
    return RW_WISH_STORED;
}

rw_status rw_model_name(const struct rw_model_options *options, char name[RW_MODEL_NAME_MAX],
                        struct rw_error *err)
{
    struct rw_str text = rw_str_from(options->name != NULL ? options->name : options->dir);
    if (options->name == NULL) {
        while (text.len > 1 && text.ptr[text.len - 1] == '/') {
            text.len--;
        }
        size_t begin = text.len;
        while (begin > 0 && text.ptr[begin - 1] != '/') {
            begin--;
        }
        text = rw_str_slice(text, begin, text.len);
    }
    if (text.len == 0 || text.len >= RW_MODEL_NAME_MAX) {
        return rw_fail(err, RW_CONFIG, "a model name has 1 to %d bytes", RW_MODEL_NAME_MAX - 1);
    }
    memcpy(name, text.ptr, text.len);
    name[text.len] = '\0';
    return RW_OK;
}

static rw_status load_weights(struct rw_model *m, const struct rw_model_options *options,
                              struct rw_error *err)
{
    struct rw_weights_request request = {
        .config = &m->package->config,
        .recipe = &m->package->recipe,
        .checkpoint = m->package->checkpoint,
        .wish = wish_of(options->dtype),
        .language = options->language_head,
        .progress = options->progress,
        .progress_ctx = options->progress_ctx,
    };
    return rw_weights_load(&request, &m->weights, err);
}

static rw_status make_workspace(struct rw_model *m, const struct rw_model_host *host,
                                struct rw_error *err)
{
    size_t floats = rw_head_scratch_floats(&m->weights->head, host->chunk_tokens);
    m->head_scratch = rw_alloc_array(floats, sizeof(float));
    if (m->head_scratch == NULL) {
        return rw_fail(err, RW_NO_MEMORY, "scratch of the head");
    }
    rw_status status = RW_OK;
    if (m->weights->language.packed != NULL) {
        status =
            rw_language_create(&m->weights->language, host->kernels, host->team, &m->language, err);
    }
    if (status != RW_OK) {
        return status;
    }
    status = rw_forward_create(m->weights, host->kernels, host->team, host->chunk_tokens,
                               m->info.context_max, &m->forward, err);
    if (status != RW_OK) {
        return status;
    }
    status = rw_kv_pool_create(host->kv, &m->weights->config, m->weights->dtype, &m->kv, err);
    if (status != RW_OK || !host->prefix_cache) {
        return status;
    }
    return rw_radix_create(m->kv, &m->radix, err);
}

static uint32_t context_of(const struct rw_package *package, uint32_t asked)
{
    return asked > 0 && asked < package->context_max ? asked : package->context_max;
}

static void fill_info(struct rw_model *m)
{
    const struct rw_package *p = m->package;
    m->info.name = m->name;
    m->info.dir = p->dir;
    m->info.digest = p->digest;
    m->info.preset = p->recipe.preset;
    m->info.evidence = p->evidence;
    m->info.architecture = p->config.architecture;
    m->info.purpose = p->purpose[0] != '\0' ? p->purpose : NULL;
    if (p->uses_date) {
        rw_date_write(&p->now, m->template_date);
        m->info.template_date = m->template_date;
    }
    m->info.kind = p->recipe.kind;
    m->info.split = p->layout->split;
    m->info.n_split = p->layout->n_split;
    m->info.places = p->places;
    m->info.marker = p->layout->marker_text;
    m->info.dtype = rw_dtype_name(m->weights->dtype);
    m->info.aggregate = p->recipe.aggregate;
    m->info.parameters = m->weights->parameters;
    m->info.weight_bytes = m->weights->bytes;
    if (m->language != NULL) {
        const struct rw_linear *linear = &m->weights->language;
        m->info.language_head = RW_LANGUAGE_LOADED;
        m->info.language_head_bytes = rw_linear_bytes(linear->dtype, linear->n_out, linear->n_in);
    } else if (rw_binding_language(&p->config, &p->recipe, p->checkpoint) != NULL) {
        m->info.language_head = RW_LANGUAGE_NOT_LOADED;
    }
    m->info.flops_per_token = rw_flops_per_token(m->weights);
}

/* Cheap checks first, then what reads gigabytes. The self test needs everything else. Agreement of
 * quantised weights comes last: it is measured on weights that are known to be right. */
static rw_status load(struct rw_model *m, const struct rw_model_host *host,
                      const struct rw_model_options *options, struct rw_error *err)
{
    rw_status status = rw_model_name(options, m->name, err);
    m->info.context_max = context_of(m->package, options->context_max);
    if (status == RW_OK && m->info.context_max == 0) {
        status = rw_fail(err, RW_MODEL_CORRUPT, "the model states a context of 0 tokens");
    }
    if (status == RW_OK) {
        status = load_weights(m, options, err);
    }
    if (status == RW_OK) {
        status = make_workspace(m, host, err);
    }
    if (status == RW_OK) {
        fill_info(m);
    }
    if (status == RW_OK && !options->skip_self_test) {
        status = rw_model_self_test(m, host, err);
        m->info.golden_vectors = status == RW_OK ? (uint32_t)m->package->n_golden : 0;
    }
    if (status == RW_OK && rw_dtype_is_quantised(m->weights->dtype) && !options->skip_agreement) {
        uint64_t begin_ns = rw_clock_now(host->clock);
        status = rw_model_agreement_measure(m, host, &m->info.agreement, err);
        m->info.agreement.ms = (double)(rw_clock_now(host->clock) - begin_ns) / 1e6;
    }
    return status;
}

rw_status rw_model_create(const struct rw_model_host *host, const struct rw_model_options *options,
                          const struct rw_package *package, struct rw_model **out,
                          struct rw_error *err)
{
    *out = NULL;
    uint64_t begin_ns = rw_clock_now(host->clock);
    struct rw_model *m = rw_alloc_zero(1, sizeof *m);
    if (m == NULL) {
        return rw_fail(err, RW_NO_MEMORY, "model record");
    }
    m->package = package;
    m->kernels = host->kernels;
    rw_status status = load(m, host, options, err);
    if (status != RW_OK) {
        rw_model_destroy(m);
        return status;
    }
    m->info.load_ms = (double)(rw_clock_now(host->clock) - begin_ns) / 1e6;
    *out = m;
    return RW_OK;
}

void rw_model_destroy(struct rw_model *model)
{
    if (model == NULL) {
        return;
    }
    /* The radix tree holds blocks of the pool; the forward pass reads the weights. */
    rw_radix_destroy(model->radix);
    rw_kv_pool_destroy(model->kv);
    rw_language_destroy(model->language);
    rw_forward_destroy(model->forward);
    rw_free(model->head_scratch);
    rw_weights_free(model->weights);
    if (model->package_close != NULL) {
        model->package_close((struct rw_package *)model->package);
    }
    rw_free(model);
}

const struct rw_model_info *rw_model_info(const struct rw_model *model)
{
    return &model->info;
}

void rw_model_read_scores(const struct rw_model *model, const float *hidden, size_t stride,
                          uint32_t n, float *values, struct rw_score *scores, rw_status *statuses)
{
    const struct rw_head *head = &model->weights->head;
    rw_head_apply(head, model->kernels, hidden, stride, n, model->head_scratch, values);
    for (uint32_t i = 0; i < n; i++) {
        statuses[i] =
            rw_recipe_post(&model->package->recipe, values + (size_t)i * head->n_out, &scores[i]);
    }
}
