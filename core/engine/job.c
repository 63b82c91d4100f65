#include "core/engine/job.h"

#include <math.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/assert.h"
#include "core/base/state.h"
#include "core/base/util.h"
#include "core/engine/model.h"

enum {
    JOB_ALIGN = 16, /* bytes: as from the allocator */
};

/* Jobs that were submitted together, behind this. Their owner lets them go about together too, and
 * a thousand allocations of 80 kB that are freed one by one come back to the system all at once,
 * when the last of them does: 40 ms of the loop, measured. One of a megabyte is a mapping of its
 * own. */
struct rw_job_block {
    _Alignas(JOB_ALIGN) size_t jobs; /* not destroyed yet; the owner's */
};

/* The drawing in the header, as data. */
static const struct rw_state JOB_STATE[] = {
    [RW_JOB_QUEUED] = {"QUEUED", RW_STATE(RW_JOB_RUNNING) | RW_STATE(RW_JOB_FAILED) |
                                     RW_STATE(RW_JOB_CANCELLED)},
    [RW_JOB_RUNNING] = {"RUNNING", RW_STATE(RW_JOB_DONE) | RW_STATE(RW_JOB_FAILED) |
                                       RW_STATE(RW_JOB_CANCELLED)},
    [RW_JOB_DONE] = {"DONE", 0},
    [RW_JOB_FAILED] = {"FAILED", 0},
    [RW_JOB_CANCELLED] = {"CANCELLED", 0},
};
static const struct rw_machine JOB = {"job", JOB_STATE, RW_COUNT(JOB_STATE)};

void rw_job_move(struct rw_job *job, enum rw_job_state to)
{
    job->view.state = (enum rw_job_state)rw_machine_move(&JOB, job, job->view.state, to);
}

bool rw_job_is_final(enum rw_job_state state)
{
    return state == RW_JOB_DONE || state == RW_JOB_FAILED || state == RW_JOB_CANCELLED;
}

static uint32_t score_position(const struct rw_input *input, enum rw_model_kind kind, uint32_t i)
{
    if (input->answer_begin > 0) {
        return input->answer_begin - 1 + i; /* what is after it says how likely the token is */
    }
    return kind == RW_KIND_OUTCOME ? input->outcome_position : input->steps[i].position;
}

static uint32_t count_scores(const struct rw_input *input, enum rw_model_kind kind)
{
    if (input->answer_begin > 0) {
        return input->n_tokens > input->answer_begin ? input->n_tokens - input->answer_begin : 0;
    }
    return kind == RW_KIND_OUTCOME ? 1 : input->n_scored_steps;
}

uint32_t rw_job_position(const struct rw_job *job, uint32_t score)
{
    return score_position(job->input, rw_model_recipe(job->model)->kind, score);
}

bool rw_job_take_score(struct rw_job *job, const struct rw_score *score, const float *feature)
{
    uint32_t i = job->scores_done++;
    rw_assert(i < job->n_scores);
    job->scores[i] = *score;
    if (feature != NULL && job->features != NULL) {
        memcpy(job->features + (size_t)i * RW_FEATURE_DIM, feature,
               RW_FEATURE_DIM * sizeof *feature);
    }
    /* Comparison with NaN (no threshold) is false. */
    job->stopped = score->reward < job->stop_below && job->scores_done < job->n_scores;
    return job->stopped;
}

static rw_status check_ids(const struct rw_input *input, uint32_t vocab, struct rw_error *err)
{
    for (uint32_t i = 0; i < input->n_tokens; i++) {
        if (input->ids[i] < 0 || (uint32_t)input->ids[i] >= vocab) {
            return rw_fail(err, RW_INVALID_REQUEST,
                           "token %u has id %d, the model's vocabulary has %u entries", i,
                           input->ids[i], vocab);
        }
    }
    return RW_OK;
}

static rw_status check_positions(const struct rw_input *input, enum rw_model_kind kind,
                                 uint32_t n_scores, struct rw_error *err)
{
    for (uint32_t i = 0; i < n_scores; i++) {
        uint32_t at = score_position(input, kind, i);
        if (at >= input->n_tokens || (i > 0 && at <= score_position(input, kind, i - 1))) {
            return rw_fail(err, RW_INTERNAL, "score %u is read at token %u of %u, out of order", i,
                           at, input->n_tokens);
        }
    }
    return RW_OK;
}

static rw_status check_size(const struct rw_model *model, const struct rw_input *input,
                            struct rw_error *err)
{
    uint32_t context = rw_model_info(model)->context_max;
    if (input->n_tokens > context) {
        return rw_fail(err, RW_CONTEXT_EXCEEDED, "the trace has %u tokens, the model takes %u",
                       input->n_tokens, context);
    }
    uint32_t blocks = rw_model_kv_blocks_max(model);
    if (rw_kv_blocks_of(input->n_tokens) > blocks) {
        rw_fail(err, RW_LIMIT_EXCEEDED,
                "the trace has %u tokens, the KV memory holds %u of this model", input->n_tokens,
                blocks * RW_KV_BLOCK_POSITIONS);
        rw_error_hint(err, "the operator can raise the KV memory limit");
        return RW_LIMIT_EXCEEDED;
    }
    return RW_OK;
}

static rw_status check(const struct rw_job_spec *spec, uint32_t n_scores, struct rw_error *err)
{
    const struct rw_input *input = spec->input;
    if (input->n_tokens == 0 || n_scores == 0) {
        return rw_fail(err, RW_EMPTY_TRACE, "the trace has no token at which a reward is read");
    }
    if (input->answer_begin > 0 && spec->model->language == NULL) {
        return rw_fail(err, RW_MODEL_KIND, "the language head of the model is not loaded");
    }
    rw_status status = check_size(spec->model, input, err);
    if (status == RW_OK) {
        status = check_ids(input, rw_model_vocab(spec->model), err);
    }
    if (status == RW_OK) {
        status = check_positions(input, rw_model_recipe(spec->model)->kind, n_scores, err);
    }
    return status;
}

/* What a job of a spec that was checked takes. */
struct shape {
    uint32_t n_scores;
    uint32_t needed; /* tokens */
    uint32_t n_blocks;
    size_t n_features;
    size_t bytes; /* of the record, its scores, features and block table */
};

static struct shape shape_of(const struct rw_job_spec *spec)
{
    enum rw_model_kind kind = rw_model_recipe(spec->model)->kind;
    struct shape s = {.n_scores = count_scores(spec->input, kind)};
    bool features = spec->want_features && spec->input->answer_begin == 0;
    s.needed = score_position(spec->input, kind, s.n_scores - 1) + 1;
    s.n_blocks = rw_kv_blocks_of(s.needed);
    s.n_features = features ? (size_t)s.n_scores * RW_FEATURE_DIM : 0;
    size_t bytes = sizeof(struct rw_job) + s.n_scores * sizeof(struct rw_score) +
                   s.n_features * sizeof(float) + s.n_blocks * sizeof(uint32_t);
    s.bytes = (bytes + JOB_ALIGN - 1) / JOB_ALIGN * JOB_ALIGN;
    return s;
}

/* `job`: s->bytes of zeros. */
static void place(struct rw_job *job, const struct rw_job_spec *spec, const struct shape *s,
                  uint64_t now_ns)
{
    bool is_answer = spec->input->answer_begin > 0;
    bool process = rw_model_recipe(spec->model)->kind == RW_KIND_PROCESS;
    job->scores = (struct rw_score *)(job + 1);
    float *features = (float *)(job->scores + s->n_scores);
    job->features = s->n_features > 0 ? features : NULL;
    job->kv.blocks = (uint32_t *)(features + s->n_features);
    job->kv.max_blocks = s->n_blocks;
    job->n_scores = s->n_scores;
    job->model = spec->model;
    job->radix = spec->alone ? NULL : spec->model->radix;
    job->input = spec->input;
    job->is_answer = is_answer;
    job->stop_below = process && !is_answer ? spec->stop_below : NAN;
    job->deadline_ns = spec->deadline_ns;
    job->tag = spec->tag;
    job->client = spec->client;
    job->priority = spec->priority;
    job->submitted_ns = now_ns;
    job->tokens_needed = s->needed;
    job->kv_bytes = s->n_blocks * rw_kv_bytes_per_block(spec->model->kv);
    job->view.state = RW_JOB_QUEUED;
}

rw_status rw_jobs_create(const struct rw_job_spec *specs, size_t n, uint64_t now_ns,
                         struct rw_job **jobs, struct rw_error *err)
{
    size_t bytes = sizeof(struct rw_job_block);
    for (size_t i = 0; i < n; i++) {
        enum rw_model_kind kind = rw_model_recipe(specs[i].model)->kind;
        rw_status status = check(&specs[i], count_scores(specs[i].input, kind), err);
        if (status != RW_OK) {
            return status;
        }
        bytes += shape_of(&specs[i]).bytes;
    }
    struct rw_job_block *block = rw_alloc_zero(1, bytes);
    if (block == NULL) {
        return rw_fail(err, RW_NO_MEMORY, "%zu jobs", n);
    }
    block->jobs = n;
    unsigned char *at = (unsigned char *)(block + 1);
    for (size_t i = 0; i < n; i++) {
        struct shape shape = shape_of(&specs[i]);
        jobs[i] = (struct rw_job *)at;
        place(jobs[i], &specs[i], &shape, now_ns);
        jobs[i]->block = block;
        at += shape.bytes;
    }
    return RW_OK;
}

void rw_job_destroy(struct rw_job *job)
{
    if (--job->block->jobs == 0) {
        rw_free(job->block);
    }
}

void *rw_job_tag(const struct rw_job *job)
{
    return job->tag;
}

const struct rw_score *rw_job_scores(const struct rw_job *job)
{
    return job->scores;
}

const float *rw_job_features(const struct rw_job *job)
{
    return job->features;
}
