#include "server/scoring/call_state.h"

#include <math.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/assert.h"
#include "core/base/hash.h"
#include "core/base/state.h"
#include "core/base/util.h"

#define TO(phase) RW_STATE(RW_CALL_##phase)

/* The drawing in the header, as data. */
static const struct rw_state CALL_PHASE[] = {
    [RW_CALL_PREPARE] = {"PREPARE", TO(WAIT) | TO(RUN) | TO(ENDING)},
    [RW_CALL_WAIT] = {"WAIT", TO(RUN) | TO(ENDING)},
    [RW_CALL_RUN] = {"RUN", TO(ENDING)},
    [RW_CALL_ENDING] = {"ENDING", 0},
};
static const struct rw_machine CALL = {"call", CALL_PHASE, RW_COUNT(CALL_PHASE)};

/* Holds for every call between two events of the loop. */
static void check_call(const struct rw_call *call)
{
    rw_assert(!call->preparing || call->out == 1);
    rw_assert(!call->preparing || call->tokens_held == 0);
    if (call->preparing) {
        return; /* the rest is with the thread */
    }
    rw_assert(call->n_complete <= call->n_traces);
    rw_assert(call->n_failed <= call->n_complete);
    rw_assert(call->tokens_held <= call->tokens || call->tokens == 0);
    rw_assert((call->ex == NULL) == (call->phase == RW_CALL_ENDING));
    rw_assert(call->tokens_held == 0 || call->phase == RW_CALL_RUN ||
              call->phase == RW_CALL_ENDING);
    rw_assert(!call->begun || call->phase >= RW_CALL_RUN);
    rw_assert((call->fresh == NULL) == (call->fresh_end == &call->fresh));
}

struct rw_call *rw_call_create(struct rw_scoring *scoring)
{
    struct rw_call *call = rw_alloc_zero(1, sizeof *call);
    if (call != NULL) {
        scoring->calls++;
        call->scoring = scoring;
        call->fresh_end = &call->fresh;
        rw_arena_init(&call->arena, scoring->limits.arena_bytes_max);
    }
    return call;
}

void rw_call_enter(struct rw_call *call, enum rw_call_phase next)
{
    call->phase = (enum rw_call_phase)rw_machine_move(&CALL, call, call->phase, next);
    if (next == RW_CALL_ENDING) {
        call->ex = NULL;
        atomic_store(&call->flags.gone, true); /* for threads that still work on it */
    }
    check_call(call);
}

void rw_call_sent(struct rw_call *call, size_t n)
{
    call->out += n;
}

void rw_call_back(struct rw_call *call)
{
    rw_assert(call->out > 0);
    call->out--;
    if (call->out == 0 && call->phase == RW_CALL_ENDING) {
        rw_turns_add(call->scoring->turns, &call->turn);
    }
}

/* ---- tokens ---------------------------------------------------------------------------------- */

void rw_call_hold_tokens(struct rw_call *call)
{
    rw_assert(call->tokens_held == 0);
    call->tokens_held = call->tokens;
}

void rw_call_give_tokens(struct rw_call *call, uint64_t tokens)
{
    tokens = RW_MIN(tokens, call->tokens_held);
    if (tokens > 0) {
        call->tokens_held -= tokens;
        rw_admission_release(&call->scoring->admission, call->client, tokens,
                             rw_clock_now(call->scoring->clock));
    }
}

/* ---- news ------------------------------------------------------------------------------------ */

void rw_call_account(struct rw_call *call, const struct rw_job_cost *cost)
{
    struct rw_metrics *m = call->scoring->metrics;
    call->usage.scored_tokens += cost->tokens;
    call->usage.cached_tokens += cost->cached_tokens;
    call->usage.flops += cost->flops;
    call->usage.cpu_ms += (double)cost->cpu_ns / RW_NS_PER_MS;
    call->queue_ns_max = RW_MAX(cost->queue_ns, call->queue_ns_max);
    m->scored_tokens += cost->tokens;
    if (call->ex != NULL) {
        call->ex->tally.tokens += cost->tokens;
    }
    m->cached_tokens += cost->cached_tokens;
    m->flops += cost->flops;
    m->cpu_seconds += (double)cost->cpu_ns / RW_NS_PER_S;
    rw_histogram_add(&m->queue, RW_METRIC_SECONDS, (double)cost->queue_ns / RW_NS_PER_S);
}

void rw_call_mark_fresh(struct rw_call_trace *trace)
{
    struct rw_call *call = trace->call;
    if (!trace->fresh) {
        trace->fresh = true;
        trace->next_fresh = NULL;
        *call->fresh_end = trace;
        call->fresh_end = &trace->next_fresh;
    }
    rw_turns_add(call->scoring->turns, &call->turn);
}

/* The distributions of a model, for the metrics. */
static void count_part(struct rw_call *call, int p, const struct rw_call_part *part)
{
    const struct rw_model *loaded[RW_SERVER_MODELS_MAX];
    size_t n = part->asked ? rw_bridge_models(call->scoring->bridge, loaded) : 0;
    for (size_t i = 0; i < n && i < RW_METRIC_MODELS_MAX; i++) {
        if (loaded[i] != call->model[p]) {
            continue;
        }
        struct rw_model_metrics *m = &call->scoring->metrics->model[i];
        m->traces++;
        if (part->error != NULL || part->job == NULL) {
            m->failed++;
            return;
        }
        const struct rw_score *score = rw_job_scores(part->job);
        for (uint32_t k = 0; k < part->view.scores_ready; k++) {
            rw_histogram_add(&m->reward, RW_METRIC_REWARD, (double)score[k].reward);
        }
        rw_histogram_add(&m->steps, RW_METRIC_COUNT, (double)part->view.scores_ready);
        rw_histogram_add(&m->tokens, RW_METRIC_COUNT, (double)part->input.n_tokens);
    }
}

/* For the access log and the account of the key, which see the exchange only. */
static void note(struct rw_call *call, bool failed)
{
    if (call->ex == NULL) {
        return;
    }
    struct rw_exchange_tally *tally = &call->ex->tally;
    struct rw_str run = call->request.run.id;
    tally->traces++;
    tally->failed += failed ? 1 : 0;
    if (run.len > 0 && tally->run_len == 0) {
        tally->run_len = RW_MIN(run.len, sizeof tally->run);
        memcpy(tally->run, run.ptr, tally->run_len);
    }
}

void rw_call_end_trace(struct rw_call_trace *trace)
{
    struct rw_call *call = trace->call;
    struct rw_metrics *m = call->scoring->metrics;
    bool failed = false;
    rw_assert(!trace->complete);
    for (int p = 0; p < RW_PARTS; p++) {
        const struct rw_call_part *part = &trace->part[p];
        rw_assert(part->final);
        m->system_dropped += part->input.system_dropped;
        m->turns_folded += part->input.turns_folded;
        if (part->asked && part->error != NULL) {
            m->errors[part->error->status]++;
            failed = true;
        }
    }
    trace->complete = true;
    call->n_complete++;
    call->n_failed += failed ? 1 : 0;
    m->traces_scored += failed ? 0 : 1;
    m->traces_failed += failed ? 1 : 0;
    m->steps_scored += rw_call_steps_ready(trace);
    note(call, failed);
    for (int p = 0; p < RW_PARTS; p++) {
        count_part(call, p, &trace->part[p]);
    }
    rw_call_mark_fresh(trace);
    check_call(call);
}

/* ---- what it says of itself ------------------------------------------------------------------ */

uint64_t rw_call_deadline(const struct rw_call *call)
{
    return isnan(call->request.deadline_ms)
               ? 0
               : call->start_ns + (uint64_t)(call->request.deadline_ms * RW_NS_PER_MS);
}

uint64_t rw_call_client(const struct rw_call *call)
{
    struct rw_str run = call->request.run.id;
    return run.len > 0 ? rw_hash64(run.ptr, run.len, call->client) : call->client;
}

struct rw_split_rule rw_call_split(const struct rw_call *call)
{
    static const enum rw_split_kind KIND[] = {
        [RW_REQUEST_SPLIT_MODEL] = RW_SPLIT_MODEL,
        [RW_REQUEST_SPLIT_PARAGRAPH] = RW_SPLIT_PARAGRAPH,
        [RW_REQUEST_SPLIT_LINE] = RW_SPLIT_LINE,
        [RW_REQUEST_SPLIT_SENTENCE] = RW_SPLIT_SENTENCE,
        [RW_REQUEST_SPLIT_NONE] = RW_SPLIT_NONE,
        [RW_REQUEST_SPLIT_LIST] = RW_SPLIT_LIST,
    };
    const struct rw_request *r = &call->request;
    return (struct rw_split_rule){KIND[r->split], r->separators, r->n_separators};
}

enum rw_roles rw_call_roles(const struct rw_call *call)
{
    static const enum rw_roles ROLES[] = {
        [RW_REQUEST_ROLES_AUTO] = RW_ROLES_AUTO,
        [RW_REQUEST_ROLES_POLICY] = RW_ROLES_POLICY,
        [RW_REQUEST_ROLES_ERROR] = RW_ROLES_ERROR,
    };
    return ROLES[call->request.roles];
}

struct rw_engine *rw_call_engine(const struct rw_call *call)
{
    return rw_bridge_engine(call->scoring->bridge);
}

int64_t rw_call_sample_index(const struct rw_call_trace *trace)
{
    const struct rw_request_item *item = trace->request_item;
    return item->has_sample_index ? item->sample_index : trace->call->request.run.sample_index;
}

uint32_t rw_call_steps_ready(const struct rw_call_trace *trace)
{
    const struct rw_call_part *part = &trace->part[RW_PART_PROCESS];
    return part->job != NULL && part->error == NULL ? part->view.scores_ready : 0;
}

rw_status rw_call_part_status(const struct rw_call_part *part)
{
    return !part->asked ? RW_UNAVAILABLE : part->error != NULL ? part->error->status : RW_OK;
}

const struct rw_input *rw_call_stepped_input(const struct rw_call_trace *trace)
{
    for (int p = 0; p < RW_PARTS; p++) {
        const struct rw_call_part *part = &trace->part[p];
        if (part->asked && part->input.n_steps > 0) {
            return &part->input;
        }
    }
    return NULL;
}

const struct rw_str *rw_call_step_texts(const struct rw_call_trace *trace, struct rw_arena *arena,
                                        size_t *n)
{
    const struct rw_request_trace *request = trace->request;
    const struct rw_input *input = rw_call_stepped_input(trace);
    if (!request->is_text) {
        *n = request->n_steps;
        return request->steps;
    }
    *n = input != NULL ? input->n_steps : 1;
    struct rw_str *steps = rw_arena_array(arena, *n, sizeof *steps);
    for (size_t i = 0; steps != NULL && i < *n; i++) {
        steps[i] = input == NULL ? request->text
                                 : rw_str_slice(request->text, input->steps[i].byte_begin,
                                                input->steps[i].byte_end);
    }
    return steps;
}
