#include "core/engine/pass.h"

#include <math.h>

#include "core/base/alloc.h"
#include "core/base/assert.h"
#include "core/engine/cache.h"
#include "core/model/flops.h"

rw_status rw_pass_init(struct rw_pass *p, uint32_t chunk_tokens, struct rw_error *err)
{
    size_t n = chunk_tokens;
    *p = (struct rw_pass){.chunk_tokens = chunk_tokens};
    p->slices = rw_alloc_array(n, sizeof *p->slices);
    p->outcomes = rw_alloc_array(n, sizeof *p->outcomes);
    p->seqs = rw_alloc_array(n, sizeof *p->seqs);
    p->wanted = rw_alloc_array(n, sizeof *p->wanted);
    p->wanted_of = rw_alloc_array(n, sizeof *p->wanted_of);
    p->scores = rw_alloc_array(n, sizeof *p->scores);
    p->statuses = rw_alloc_array(n, sizeof *p->statuses);
    p->values = rw_alloc_array(n * RW_HEAD_OUT_MAX, sizeof *p->values);
    p->answer_rows = rw_alloc_array(n, sizeof *p->answer_rows);
    p->answer_ids = rw_alloc_array(n, sizeof *p->answer_ids);
    p->answer_log_p = rw_alloc_array(n, sizeof *p->answer_log_p);
    if (p->slices == NULL || p->outcomes == NULL || p->seqs == NULL || p->wanted == NULL ||
        p->wanted_of == NULL || p->scores == NULL || p->statuses == NULL || p->values == NULL ||
        p->answer_rows == NULL || p->answer_ids == NULL || p->answer_log_p == NULL) {
        rw_pass_fini(p);
        return rw_fail(err, RW_NO_MEMORY, "workspace of %u tokens", chunk_tokens);
    }
    return RW_OK;
}

void rw_pass_fini(struct rw_pass *p)
{
    rw_free(p->slices);
    rw_free(p->outcomes);
    rw_free(p->seqs);
    rw_free(p->wanted);
    rw_free(p->wanted_of);
    rw_free(p->scores);
    rw_free(p->statuses);
    rw_free(p->values);
    rw_free(p->answer_rows);
    rw_free(p->answer_ids);
    rw_free(p->answer_log_p);
    *p = (struct rw_pass){0};
}

/* Rows of the slice that a head reads, as rows of the chunk that starts at `row`. */
static uint32_t want_rows(const struct rw_slice *slice, uint32_t row, uint32_t *wanted)
{
    const struct rw_job *job = slice->job;
    uint32_t end = job->tokens_done + slice->tokens, n = 0;
    for (uint32_t s = job->scores_done; s < job->n_scores; s++) {
        uint32_t at = rw_job_position(job, s);
        if (at >= end) {
            break;
        }
        wanted[n++] = row + at - job->tokens_done;
    }
    return n;
}

void rw_pass_prepare(struct rw_pass *p)
{
    for (uint32_t i = 0; i < p->n_slices; i++) {
        rw_cache_prepare(p->slices[i].job, p->slices[i].tokens);
    }
}

static struct rw_forward_batch plan(struct rw_pass *p, const struct rw_model *model)
{
    uint32_t row = 0, n_wanted = 0;
    for (uint32_t i = 0; i < p->n_slices; i++) {
        struct rw_job *job = p->slices[i].job;
        rw_assert(job->model == model);
        p->seqs[i] = (struct rw_forward_seq){
            .kv = &job->kv,
            .ids = job->input->ids + job->tokens_done,
            .position = job->tokens_done,
            .n = p->slices[i].tokens,
            .stored = rw_cache_stored(job),
        };
        rw_assert(!p->seqs[i].stored || p->seqs[i].n == 1);
        p->wanted_of[i] = want_rows(&p->slices[i], row, p->wanted + n_wanted);
        n_wanted += p->wanted_of[i];
        row += p->slices[i].tokens;
    }
    p->tokens = row;
    return (struct rw_forward_batch){model->kv, p->seqs, p->n_slices, p->wanted, n_wanted};
}

static double slice_flops(const struct rw_job *job, const struct rw_forward_seq *seq,
                          uint32_t scores)
{
    const struct rw_model *model = job->model;
    double language = job->is_answer ? rw_language_flops(&model->weights->language) : 0;
    return seq->n * model->info.flops_per_token +
           scores * (rw_flops_per_score(model->weights) + language) +
           rw_flops_of_attention(&model->weights->config, seq->position, seq->n, scores);
}

/* Features of the rows of each slice whose job wants them, from its next score on. */
static void project(struct rw_pass *p, const struct rw_model *model, const float *hidden,
                    size_t stride)
{
    uint32_t row = 0;
    for (uint32_t i = 0; i < p->n_slices; i++) {
        struct rw_job *job = p->slices[i].job;
        for (uint32_t s = 0; s < p->wanted_of[i] && job->features != NULL; s++) {
            rw_feature_project(hidden + (row + s) * stride, model->weights->config.hidden,
                               job->features + (size_t)(job->scores_done + s) * RW_FEATURE_DIM);
        }
        row += p->wanted_of[i];
    }
}

/* Rows of answers get log-probabilities in place of the rewards that were read there with all
 * others: a head costs nothing beside the vocabulary. */
static void read_answers(struct rw_pass *p, const struct rw_model *model, const float *hidden,
                         size_t stride)
{
    uint32_t row = 0, n = 0;
    for (uint32_t i = 0; i < p->n_slices; i++) {
        const struct rw_job *job = p->slices[i].job;
        for (uint32_t s = 0; s < p->wanted_of[i] && job->is_answer; s++) {
            uint32_t token = job->input->answer_begin + job->scores_done + s;
            p->answer_rows[n] = row + s;
            p->answer_ids[n++] = job->input->ids[token];
        }
        row += p->wanted_of[i];
    }
    if (n == 0) {
        return;
    }
    rw_language_run(model->language, hidden, stride, p->answer_rows, p->answer_ids, n,
                    p->answer_log_p);
    for (uint32_t i = 0; i < n; i++) {
        double log_p = p->answer_log_p[i];
        p->scores[p->answer_rows[i]] =
            (struct rw_score){.raw = (float)log_p, .reward = (float)exp(log_p)};
        p->statuses[p->answer_rows[i]] = isfinite((float)log_p) ? RW_OK : RW_NOT_FINITE;
    }
}

/* Takes over the scores of one slice, in order, up to the first that ends the job. */
static struct rw_outcome settle(struct rw_job *job, const struct rw_score *scores,
                                const rw_status *statuses, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if (statuses[i] != RW_OK) {
            return (struct rw_outcome){true, statuses[i]};
        }
        if (rw_job_take_score(job, &scores[i], NULL)) {
            break;
        }
    }
    return (struct rw_outcome){job->stopped || job->scores_done == job->n_scores, RW_OK};
}

/* CPU time is shared out by operations: members of the team work on rows of several slices. */
static void charge(struct rw_pass *p)
{
    p->flops = 0;
    for (uint32_t i = 0; i < p->n_slices; i++) {
        p->flops += slice_flops(p->slices[i].job, &p->seqs[i], p->wanted_of[i]);
    }
    for (uint32_t i = 0; i < p->n_slices; i++) {
        struct rw_job_cost *spent = &p->slices[i].job->spent;
        double flops = slice_flops(p->slices[i].job, &p->seqs[i], p->wanted_of[i]);
        spent->tokens += p->seqs[i].n;
        spent->flops += flops;
        spent->cpu_ns += (uint64_t)((double)p->cpu_ns * flops / p->flops);
    }
}

void rw_pass_run(struct rw_pass *p, const struct rw_model_host *host)
{
    rw_assert(p->n_slices > 0);
    const struct rw_model *model = p->slices[0].job->model;
    struct rw_forward_batch batch = plan(p, model);
    size_t stride;
    rw_gate_enter(host->gate);
    uint64_t cpu_before = rw_team_cpu_ns(host->team);
    const float *hidden = rw_forward_run(model->forward, &batch, &stride);
    rw_model_read_scores(model, hidden, stride, batch.n_wanted, p->values, p->scores, p->statuses);
    read_answers(p, model, hidden, stride);
    p->cpu_ns = rw_team_cpu_ns(host->team) - cpu_before;
    project(p, model, hidden, stride);
    rw_gate_leave(host->gate);
    charge(p);
    uint32_t first = 0;
    for (uint32_t i = 0; i < p->n_slices; i++) {
        struct rw_job *job = p->slices[i].job;
        uint32_t begin = job->tokens_done, first_score = job->scores_done;
        job->tokens_done += p->slices[i].tokens;
        p->outcomes[i] = settle(job, p->scores + first, p->statuses + first, p->wanted_of[i]);
        rw_cache_settle(job, begin, first_score);
        first += p->wanted_of[i];
    }
}
