/* Golden vectors of a package, scored at load through the same forward pass that serves. */
#include <math.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/assert.h"
#include "core/base/util.h"
#include "core/engine/model.h"

/* Rounded weights move a raw value of a sound model by about a hundredth of its scale (BF16), a few
 * hundredths (INT8: 0.22 at most over the oracle's random models) or a fifth (Q4: 1.46, on values
 * up to 10); a wrong tensor, norm or rotation moves it by its whole scale. Between the two lies
 * this: absolute + relative * |golden|. */
static const struct {
    float absolute, relative;
} ROUNDED[RW_DTYPE_COUNT] = {
    [RW_DTYPE_BF16] = {0.15f, 0.05f},
    [RW_DTYPE_INT8] = {0.5f, 0.15f},
    [RW_DTYPE_Q4] = {1.5f, 0.4f},
};
static const float F32_DEFAULT = 1e-3f; /* when the package states no tolerance */

struct self_test {
    const struct rw_model *model;
    const struct rw_model_host *host;
    struct rw_kv_budget budget; /* its own: the engine's belongs to the engine thread */
    struct rw_kv_pool *pool;
    struct rw_kv_seq seq;
    uint32_t *wanted; /* [chunk_tokens] */
    float *values;    /* [chunk_tokens, RW_HEAD_OUT_MAX] */
    struct rw_score *scores;
    rw_status *statuses;
};

static float tolerance(const struct rw_model *model, float golden)
{
    float stated = model->package->golden_tolerance;
    float base = stated > 0 ? stated : F32_DEFAULT;
    enum rw_dtype dtype = model->weights->dtype;
    return fmaxf(base, ROUNDED[dtype].absolute + ROUNDED[dtype].relative * fabsf(golden));
}

static rw_status compare(const struct self_test *t, const struct rw_golden *golden, size_t index,
                         uint32_t first, uint32_t n, struct rw_error *err)
{
    for (uint32_t i = 0; i < n; i++) {
        float want = golden->raw[first + i];
        float got = t->scores[i].raw;
        float limit = tolerance(t->model, want);
        if (t->statuses[i] != RW_OK || !(fabsf(got - want) <= limit)) {
            return rw_fail(err, RW_SELF_TEST_FAILED,
                           "golden vector %zu, position %u: raw %.6g, expected %.6g within %.2g",
                           index, golden->positions[first + i],
                           t->statuses[i] == RW_OK ? (double)got : (double)NAN, (double)want,
                           (double)limit);
        }
    }
    return RW_OK;
}

static rw_status check_vector(const struct self_test *t, const struct rw_golden *g, size_t index,
                              struct rw_error *err)
{
    bool sound = g->n_tokens > 0 && g->n_tokens <= t->model->info.context_max && g->n_positions > 0;
    for (uint32_t i = 0; sound && i < g->n_tokens; i++) {
        sound = g->ids[i] >= 0 && (uint32_t)g->ids[i] < rw_model_vocab(t->model);
    }
    for (uint32_t i = 0; sound && i < g->n_positions; i++) {
        sound = g->positions[i] < g->n_tokens && (i == 0 || g->positions[i] > g->positions[i - 1]);
    }
    if (!sound) {
        return rw_fail(err, RW_MODEL_CORRUPT, "golden vector %zu has ids or positions out of range",
                       index);
    }
    return RW_OK;
}

/* One chunk of a golden vector, and the values of the positions in it. */
static rw_status run_chunk(struct self_test *t, const struct rw_golden *g, size_t index,
                           uint32_t begin, uint32_t n, uint32_t *done, struct rw_error *err)
{
    uint32_t n_wanted = 0;
    while (*done + n_wanted < g->n_positions && g->positions[*done + n_wanted] < begin + n) {
        t->wanted[n_wanted] = g->positions[*done + n_wanted] - begin;
        n_wanted++;
    }
    struct rw_forward_seq seq = {.kv = &t->seq, .ids = g->ids + begin, .position = begin, .n = n};
    struct rw_forward_batch batch = {t->pool, &seq, 1, t->wanted, n_wanted};
    rw_kv_grow(t->pool, &t->seq, begin + n);
    size_t stride;
    rw_gate_enter(t->host->gate);
    const float *hidden = rw_forward_run(t->model->forward, &batch, &stride);
    rw_model_read_scores(t->model, hidden, stride, n_wanted, t->values, t->scores, t->statuses);
    rw_gate_leave(t->host->gate);
    rw_status status = compare(t, g, index, *done, n_wanted, err);
    *done += n_wanted;
    return status;
}

static rw_status run_vector(struct self_test *t, size_t index, struct rw_error *err)
{
    const struct rw_golden *g = &t->model->package->golden[index];
    rw_status status = check_vector(t, g, index, err);
    if (status != RW_OK) {
        return status;
    }
    bool fits = rw_kv_reserve(t->pool, &t->seq, rw_kv_blocks_of(g->n_tokens));
    rw_assert(fits);
    uint32_t done = 0, chunk = t->host->chunk_tokens;
    for (uint32_t at = 0; at < g->n_tokens && status == RW_OK; at += chunk) {
        uint32_t n = g->n_tokens - at < chunk ? g->n_tokens - at : chunk;
        status = run_chunk(t, g, index, at, n, &done, err);
    }
    rw_kv_release(t->pool, &t->seq);
    return status;
}

static rw_status prepare(struct self_test *t, struct rw_error *err)
{
    const struct rw_weights *weights = t->model->weights;
    uint32_t longest = 1, chunk = t->host->chunk_tokens;
    for (size_t i = 0; i < t->model->package->n_golden; i++) {
        uint32_t n = t->model->package->golden[i].n_tokens;
        longest = RW_MAX(n, longest);
    }
    longest = RW_MIN(longest, t->model->info.context_max);
    t->seq.max_blocks = rw_kv_blocks_of(longest);
    t->budget.max_bytes =
        t->seq.max_blocks * rw_kv_pool_block_bytes(&weights->config, weights->dtype);
    t->seq.blocks = rw_alloc_array(t->seq.max_blocks, sizeof *t->seq.blocks);
    t->wanted = rw_alloc_array(chunk, sizeof *t->wanted);
    t->values = rw_alloc_array((size_t)chunk * RW_HEAD_OUT_MAX, sizeof *t->values);
    t->scores = rw_alloc_array(chunk, sizeof *t->scores);
    t->statuses = rw_alloc_array(chunk, sizeof *t->statuses);
    if (t->seq.blocks == NULL || t->wanted == NULL || t->values == NULL || t->scores == NULL ||
        t->statuses == NULL) {
        return rw_fail(err, RW_NO_MEMORY, "self-test");
    }
    return rw_kv_pool_create(&t->budget, &weights->config, weights->dtype, &t->pool, err);
}

rw_status rw_model_self_test(const struct rw_model *model, const struct rw_model_host *host,
                             struct rw_error *err)
{
    if (model->package->n_golden == 0) {
        return RW_OK;
    }
    struct self_test t = {.model = model, .host = host};
    rw_status status = prepare(&t, err);
    for (size_t i = 0; i < model->package->n_golden && status == RW_OK; i++) {
        status = run_vector(&t, i, err);
    }
    rw_kv_pool_destroy(t.pool);
    rw_free(t.seq.blocks);
    rw_free(t.wanted);
    rw_free(t.values);
    rw_free(t.scores);
    rw_free(t.statuses);
    return status;
}
