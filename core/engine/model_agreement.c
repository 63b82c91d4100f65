#include "core/engine/model_agreement.h"

#include <math.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/util.h"
#include "core/model/binding.h"

enum {
    TEXTS = 6,
    STEPS = 3,
    OUTCOME_READS = 8, /* of a text: at its last tokens, as if it ended there */
    READS_MAX = TEXTS * OUTCOME_READS,
    TOKENS_MAX = 96,        /* of all texts together; what does not fit is left out, but for ... */
    FIRST_TOKENS_MAX = 384, /* ... the first: a long template is no reason to measure nothing */
    ARENA_BYTES_MAX = 8 << 20,
};

/* Short traces, right and wrong ones, in the order in which they are taken. */
static const struct {
    const char *question;
    const char *step[STEPS];
} TEXT[TEXTS] = {
    {"What is 4 * 5?", {"4 * 5 = 20.", "So 20.", "20"}},
    {"What is 4 * 5?", {"4 + 5 = 9.", "So 9.", "9"}},
    {"Solve x + 5 = 12.", {"x = 12 - 5.", "x = 7.", "7"}},
    {"Solve x + 5 = 12.", {"Add 5.", "x = 17.", "17"}},
    {"Is 7 prime?", {"No divisors.", "Yes.", "Yes"}},
    {"Is 9 prime?", {"It is odd.", "Yes.", "Yes"}},
};

struct bench {
    const struct rw_model *model;
    const struct rw_model_host *host;
    struct rw_arena arena;
    uint32_t n_texts;
    struct rw_input input[TEXTS];
    uint32_t n_tokens; /* of all texts */
    uint32_t n_reads;
    uint32_t read[READS_MAX]; /* rows, rising */
    uint32_t *rows;           /* [n_tokens]: every row */
    struct rw_kv_seq kv[TEXTS];
    float *hidden; /* [n_tokens, hidden]: the residual stream between two layers */
    float *values;
    struct rw_score score[READS_MAX];
    rw_status status[READS_MAX];
};

/* ---- inputs ---------------------------------------------------------------------------------- */

static rw_status add_text(struct bench *b, uint32_t index, bool *fits)
{
    struct rw_str steps[STEPS];
    for (int i = 0; i < STEPS; i++) {
        steps[i] = rw_str_from(TEXT[index].step[i]);
    }
    const struct rw_message question = {RW_ROLE_USER, rw_str_from(TEXT[index].question)};
    struct rw_trace_source source = {.messages = &question,
                                     .n_messages = 1,
                                     .steps = steps,
                                     .n_steps = STEPS,
                                     .steps_max = STEPS,
                                     .tokens_max = b->model->info.context_max};
    struct rw_input *input = &b->input[b->n_texts];
    rw_status status = rw_input_build(b->model->package, &source, &b->arena, input, NULL);
    uint32_t most = b->n_texts == 0 ? FIRST_TOKENS_MAX : TOKENS_MAX;
    uint32_t room = RW_MIN(most, b->host->chunk_tokens);
    *fits = status == RW_OK && b->n_tokens + input->n_tokens <= room;
    if (!*fits) {
        return status == RW_NO_MEMORY ? status : RW_OK; /* a recipe may refuse such a text */
    }
    bool process = b->model->package->recipe.kind == RW_KIND_PROCESS;
    for (uint32_t i = 0; process && i < input->n_scored_steps; i++) {
        b->read[b->n_reads++] = b->n_tokens + input->steps[i].position;
    }
    uint32_t last = input->outcome_position;
    for (uint32_t i = RW_MIN((uint32_t)OUTCOME_READS, last + 1); !process && i > 0; i--) {
        b->read[b->n_reads++] = b->n_tokens + last + 1 - i;
    }
    b->n_tokens += input->n_tokens;
    b->n_texts++;
    return RW_OK;
}

static rw_status prepare(struct bench *b, struct rw_error *err)
{
    bool fits = true;
    rw_status status = RW_OK;
    for (uint32_t i = 0; i < TEXTS && fits && status == RW_OK; i++) {
        status = add_text(b, i, &fits);
    }
    size_t hidden = b->model->weights->config.hidden;
    b->rows = rw_alloc_array(b->n_tokens + 1, sizeof *b->rows);
    b->hidden = rw_alloc_array(((size_t)b->n_tokens + 1) * hidden, sizeof(float));
    b->values = rw_alloc_array((size_t)READS_MAX * RW_HEAD_OUT_MAX, sizeof(float));
    if (status != RW_OK || b->rows == NULL || b->hidden == NULL || b->values == NULL) {
        return rw_fail(err, RW_NO_MEMORY, "agreement with BF16");
    }
    for (uint32_t i = 0; i < b->n_tokens; i++) {
        b->rows[i] = i;
    }
    for (uint32_t i = 0; i < b->n_texts; i++) {
        b->kv[i].max_blocks = rw_kv_blocks_of(b->input[i].n_tokens);
        b->kv[i].blocks = rw_alloc_array(b->kv[i].max_blocks, sizeof *b->kv[i].blocks);
        if (b->kv[i].blocks == NULL) {
            return rw_fail(err, RW_NO_MEMORY, "agreement with BF16");
        }
    }
    return RW_OK;
}

static void release(struct bench *b)
{
    for (uint32_t i = 0; i < b->n_texts; i++) {
        rw_free(b->kv[i].blocks);
    }
    rw_free(b->rows);
    rw_free(b->hidden);
    rw_free(b->values);
    rw_arena_fini(&b->arena);
}

/* ---- passes ---------------------------------------------------------------------------------- */

/* All texts in one pass; `ids` are their tokens one behind the other. The rows of `wanted` come
 * back at `stride` floats. A pool of its own: the engine's belongs to the engine thread. */
static rw_status run(struct bench *b, const struct rw_weights *weights, struct rw_forward *forward,
                     const int32_t *ids, const uint32_t *wanted, uint32_t n_wanted,
                     bool before_norm, const float **out, size_t *stride, struct rw_error *err)
{
    struct rw_kv_budget budget = {0};
    struct rw_kv_pool *pool = NULL;
    struct rw_forward_seq seq[TEXTS];
    uint32_t blocks = 0;
    for (uint32_t i = 0; i < b->n_texts; i++) {
        blocks += b->kv[i].max_blocks;
    }
    budget.max_bytes = blocks * rw_kv_pool_block_bytes(&weights->config, weights->dtype);
    rw_status status = rw_kv_pool_create(&budget, &weights->config, weights->dtype, &pool, err);
    if (status != RW_OK) {
        return status;
    }
    for (uint32_t i = 0; i < b->n_texts; i++) {
        uint32_t n = b->input[i].n_tokens;
        if (!rw_kv_reserve(pool, &b->kv[i], b->kv[i].max_blocks)) {
            status = rw_fail(err, RW_NO_MEMORY, "agreement with BF16");
        } else {
            rw_kv_grow(pool, &b->kv[i], n);
        }
        seq[i] = (struct rw_forward_seq){.kv = &b->kv[i], .ids = ids, .n = n};
        ids += n;
    }
    struct rw_forward_batch batch = {.kv = pool,
                                     .seqs = seq,
                                     .n_seqs = b->n_texts,
                                     .wanted = wanted,
                                     .n_wanted = n_wanted,
                                     .before_norm = before_norm};
    if (status == RW_OK) {
        rw_gate_enter(b->host->gate);
        *out = rw_forward_run(forward, &batch, stride);
        rw_gate_leave(b->host->gate);
    }
    for (uint32_t i = 0; i < b->n_texts; i++) {
        rw_kv_release(pool, &b->kv[i]);
    }
    rw_kv_pool_destroy(pool);
    return status;
}

static void read_scores(struct bench *b, const float *hidden, size_t stride)
{
    for (uint32_t i = 0; i < b->n_reads;
         i++) { /* one at a time: the scratch of the head is small */
        rw_model_read_scores(b->model, hidden + i * stride, stride, 1, b->values, &b->score[i],
                             &b->status[i]);
    }
}

static rw_status read_embeddings(struct bench *b, struct rw_error *err)
{
    const struct rw_package *package = b->model->package;
    const struct rw_tensor *tensor =
        rw_checkpoint_find(package->checkpoint, rw_binding_embedding(&package->config));
    size_t hidden = package->config.hidden;
    float *to = b->hidden;
    rw_status status = RW_OK;
    for (uint32_t i = 0; i < b->n_texts; i++) {
        for (uint32_t k = 0; k < b->input[i].n_tokens && status == RW_OK; k++, to += hidden) {
            uint64_t row = (uint64_t)b->input[i].ids[k];
            status =
                rw_checkpoint_read_f32(package->checkpoint, tensor, row * hidden, hidden, to, err);
        }
    }
    return status;
}

/* The rows of the residual stream are the "embedding" of the next layer: token i is row i. */
static rw_status run_layers(struct bench *b, const struct rw_weights_request *request,
                            struct rw_weights *layer, struct rw_forward *forward,
                            struct rw_error *err)
{
    size_t hidden = layer->config.hidden, stride = 0;
    const float *out = NULL;
    uint32_t layers = request->config->layers;
    rw_status status = read_embeddings(b, err);
    layer->final_norm = b->model->weights->final_norm;
    for (uint32_t l = 0; l < layers && status == RW_OK; l++) {
        bool last = l + 1 == layers;
        memcpy(layer->embed, b->hidden, b->n_tokens * hidden * sizeof(float));
        status = rw_weights_fill_layer(request, l, layer, err);
        if (status == RW_OK) {
            status = run(b, layer, forward, (const int32_t *)b->rows, last ? b->read : b->rows,
                         last ? b->n_reads : b->n_tokens, !last, &out, &stride, err);
        }
        for (uint32_t i = 0; i < b->n_tokens && status == RW_OK && !last; i++) {
            memcpy(b->hidden + i * hidden, out + i * stride, hidden * sizeof(float));
        }
    }
    if (status == RW_OK) {
        read_scores(b, out, stride);
    }
    return status;
}

static rw_status run_bf16(struct bench *b, struct rw_error *err)
{
    const struct rw_package *package = b->model->package;
    struct rw_weights_request request = {
        .config = &package->config, .recipe = &package->recipe, .checkpoint = package->checkpoint};
    struct rw_weights *layer;
    struct rw_forward *forward = NULL;
    rw_status status = rw_weights_open_layer(&request, b->n_tokens, &layer, err);
    if (status == RW_OK) {
        status = rw_forward_create(layer, b->model->kernels, b->host->team, b->n_tokens,
                                   b->n_tokens, &forward, err);
    }
    if (status == RW_OK) {
        status = run_layers(b, &request, layer, forward, err);
    }
    rw_forward_destroy(forward);
    rw_weights_free(layer);
    return status;
}

static rw_status run_loaded(struct bench *b, struct rw_error *err)
{
    int32_t *ids = rw_alloc_array(b->n_tokens, sizeof *ids);
    const float *out;
    size_t stride;
    if (ids == NULL) {
        return rw_fail(err, RW_NO_MEMORY, "agreement with BF16");
    }
    uint32_t n = 0;
    for (uint32_t i = 0; i < b->n_texts; i++) {
        memcpy(ids + n, b->input[i].ids, b->input[i].n_tokens * sizeof *ids);
        n += b->input[i].n_tokens;
    }
    rw_status status = run(b, b->model->weights, b->model->forward, ids, b->read, b->n_reads, false,
                           &out, &stride, err);
    if (status == RW_OK) {
        read_scores(b, out, stride);
    }
    rw_free(ids);
    return status;
}

/* A read without a finite value on one side only is a verdict that differs. */
static void compare(const struct bench *b, const struct rw_score *loaded, const rw_status *status,
                    struct rw_model_agreement *out)
{
    out->reads = b->n_reads;
    out->tokens = b->n_tokens;
    for (uint32_t i = 0; i < b->n_reads; i++) {
        bool both = status[i] == RW_OK && b->status[i] == RW_OK;
        float a = loaded[i].reward, c = b->score[i].reward;
        out->equal += both ? (a >= 0.5f) == (c >= 0.5f) : status[i] == b->status[i];
        if (both) {
            out->worst = fmaxf(out->worst, fabsf(a - c));
        }
    }
}

rw_status rw_model_agreement_measure(const struct rw_model *model, const struct rw_model_host *host,
                                     struct rw_model_agreement *out, struct rw_error *err)
{
    struct bench b = {.model = model, .host = host};
    struct rw_score loaded[READS_MAX];
    rw_status status_loaded[READS_MAX];
    *out = (struct rw_model_agreement){0};
    rw_arena_init(&b.arena, ARENA_BYTES_MAX);
    rw_status status = prepare(&b, err);
    if (status == RW_OK && b.n_reads > 0) {
        status = run_loaded(&b, err);
        memcpy(loaded, b.score, sizeof loaded);
        memcpy(status_loaded, b.status, sizeof status_loaded);
        if (status == RW_OK) {
            status = run_bf16(&b, err);
        }
        if (status == RW_OK) {
            compare(&b, loaded, status_loaded, out);
        }
    }
    release(&b);
    return status;
}
