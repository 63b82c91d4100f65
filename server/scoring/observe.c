#include "server/scoring/observe.h"

#include <math.h>
#include <string.h>

#include "core/base/hash.h"
#include "core/base/util.h"
#include "server/runs/runs.h"

enum {
    STEPS_MAX = 4096, /* of the surface measure; the rest of a longer trace is not looked at */
};

_Static_assert((int)RW_FEATURE_DIM == (int)RW_RUN_FEATURES, "one feature, two names");

static const uint64_t PROMPT_SEED = 0x70726F6D7074;
static const uint64_t TRACE_SEED = 0x7472616365;
static const double PROBABILITY_MIN = 1.0 / 512; /* clip of a logit, as in the signals */

uint64_t rw_observe_prompt(const struct rw_request_item *item)
{
    uint64_t h = PROMPT_SEED;
    for (size_t i = 0; i < item->n_messages; i++) {
        const struct rw_request_message *m = &item->messages[i];
        h = rw_hash64(m->content.ptr, m->content.len, h + (uint64_t)m->role);
    }
    return h;
}

static double logit(double p)
{
    p = p < PROBABILITY_MIN ? PROBABILITY_MIN : p;
    p = p > 1 - PROBABILITY_MIN ? 1 - PROBABILITY_MIN : p;
    return log(p / (1 - p));
}

void rw_observe_text(struct rw_call_trace *trace, const struct rw_str *steps, size_t n)
{
    struct rw_call_text *text = trace->text;
    if (text == NULL) {
        return;
    }
    size_t looked_at = RW_MIN(n, STEPS_MAX);
    text->hash = TRACE_SEED;
    for (size_t i = 0; i < looked_at; i++) {
        text->hash = rw_hash64(steps[i].ptr, steps[i].len, text->hash);
        text->bytes += (double)steps[i].len;
    }
    text->steps = (double)n;
    rw_surface_measure(steps, looked_at, text->surface);
    text->known = true;
}

static void take_text(const struct rw_call_text *text, struct rw_run_trace *out)
{
    out->prompt = text->prompt;
    out->trace = text->hash;
    out->steps = text->steps;
    out->bytes = text->bytes;
    memcpy(out->surface, text->surface, sizeof out->surface);
}

static void take_process(const struct rw_call_trace *trace, struct rw_run_trace *out)
{
    const struct rw_call_part *part = &trace->part[RW_PART_PROCESS];
    uint32_t ready = rw_call_steps_ready(trace);
    if (!part->asked || part->error != NULL || ready == 0) {
        return;
    }
    const struct rw_score *scores = rw_job_scores(part->job);
    float *rewards = (float *)trace->call->steps; /* the writers' scratch */
    double least = INFINITY;
    for (uint32_t i = 0; i < ready; i++) {
        rewards[i] = scores[i].reward;
        least = logit((double)scores[i].reward) < least ? logit((double)scores[i].reward) : least;
    }
    out->reward[RW_RUN_PROCESS] =
        (double)rw_aggregate_rewards(trace->call->aggregate, rewards, ready);
    out->score[RW_RUN_MIN_LOGIT] = least;
    const float *features = rw_job_features(part->job);
    if (features != NULL) {
        out->has_features = true;
        memcpy(out->features, features + (size_t)(ready - 1) * RW_FEATURE_DIM,
               sizeof out->features);
    }
}

static void take_outcome(const struct rw_call_trace *trace, struct rw_run_trace *out)
{
    const struct rw_call_part *part = &trace->part[RW_PART_OUTCOME];
    if (part->asked && part->error == NULL && part->view.scores_ready == 1) {
        out->reward[RW_RUN_OUTCOME] = (double)rw_job_scores(part->job)->reward;
    }
}

/* What the flags found: scores are oriented so that low is suspicious. */
static void take_flags(const struct rw_call_trace *trace, struct rw_run_trace *out)
{
    static const struct {
        enum rw_run_score score;
        enum rw_signal_id signal;
    } SCORE[] = {
        {RW_RUN_PROMPT_GAP, RW_SIGNAL_GAP_FIRST},
        {RW_RUN_STEP_REDUNDANT, RW_SIGNAL_REDUNDANT},
        {RW_RUN_LATENT_OUTLIER, RW_SIGNAL_LATENT_D2},
    };
    const struct rw_trace_flags *flags = trace->flags;
    if (flags == NULL || !flags->computed) {
        return;
    }
    if (flags->verified != RW_VERIFIED_UNKNOWN) {
        out->verified = flags->verified == RW_VERIFIED_RIGHT ? 1 : 0;
    }
    for (int id = 0; id < RW_FLAGS && id < RW_RUN_FLAG_KINDS; id++) {
        out->flags |= flags->states.fired[id] ? UINT32_C(1) << id : 0;
    }
    for (size_t i = 0; flags->signals != NULL && i < RW_COUNT(SCORE); i++) {
        const struct rw_signal *signal = &flags->signals->of[SCORE[i].signal];
        if (signal->known) {
            out->score[SCORE[i].score] = -rw_signal_strangeness(SCORE[i].signal, signal->value);
        }
    }
}

void rw_observe_trace(const struct rw_call_trace *trace)
{
    static struct rw_run_trace t; /* loop thread */
    const struct rw_call *call = trace->call;
    const struct rw_request_run *run = &call->request.run;
    if (run->id.ptr == NULL || call->phase == RW_CALL_ENDING) {
        return; /* a cancelled trace failed for no fault of the policy's */
    }
    if (trace->text == NULL || !trace->text->known) { /* no memory to look at it */
        rw_runs_drop(call->scoring->runs);
        return;
    }
    memset(&t, 0, sizeof t);
    t.reward[RW_RUN_PROCESS] = NAN;
    t.reward[RW_RUN_OUTCOME] = NAN;
    t.verified = NAN;
    for (int s = 0; s < RW_RUN_SCORES; s++) {
        t.score[s] = NAN;
    }
    memcpy(t.label.request, call->id, sizeof t.label.request - 1);
    t.label.item = trace->item;
    t.label.trace = trace->index;
    t.label.step = run->step;
    t.label.sample_index = run->sample_index;
    t.group_size = run->rollout_n > 0                  ? (uint64_t)run->rollout_n
                   : trace->request_item->n_traces > 1 ? trace->request_item->n_traces
                                                       : 0;
    t.validate = run->validate;
    take_text(trace->text, &t);
    take_process(trace, &t);
    take_outcome(trace, &t);
    take_flags(trace, &t);
    (void)rw_runs_observe(call->scoring->runs, run->id, &t); /* a drop is counted */
}
