/* Validation traces, watched on their own by kind.
 *
 * The traces of one kind from one training step are a batch. Its lag is how far it is behind the
 * training traces of the latest window:
 *
 *      with answers      training accuracy - accuracy of the batch
 *      without answers   mean reward of the batch - that of the training traces
 *
 * (a counterfactual prompt that has no right answer, such as one whose question was removed, must
 * not be accepted). The rule rings when the lag has surely grown since the first batch. */
#include <math.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/util.h"
#include "core/run/run_parts.h"

static const double LAG_RISE = 0.1;

static struct rw_run_stream *find_stream(struct rw_run *run, const char *kind)
{
    for (uint32_t i = 0; i < run->n_streams; i++) {
        if (strcmp(run->stream[i].kind, kind) == 0) {
            return &run->stream[i];
        }
    }
    if (run->n_streams == RW_RUN_KINDS) {
        return NULL;
    }
    struct rw_run_stream *s = &run->stream[run->n_streams++];
    *s = (struct rw_run_stream){.step = -1};
    memcpy(s->kind, kind, strnlen(kind, sizeof s->kind - 1));
    return s;
}

struct figures {
    double value[RW_RUN_BATCH_MAX];
    uint64_t prompt[RW_RUN_BATCH_MAX];
    uint32_t order[RW_RUN_BATCH_MAX];
};

static void describe(const struct rw_run_stream *s, struct figures *k, struct rw_run_batch *b)
{
    for (uint32_t i = 0; i < s->n; i++) {
        k->prompt[i] = s->waiting[i].prompt;
    }
    rw_coverage_order(k->prompt, s->n, k->order);
    for (int r = 0; r < RW_RUN_REWARDS; r++) {
        for (uint32_t i = 0; i < s->n; i++) {
            k->value[i] = (double)s->waiting[i].reward[r];
        }
        b->reward[r] = rw_coverage_cluster_mean(k->value, k->prompt, s->n, k->order);
    }
    for (uint32_t i = 0; i < s->n; i++) {
        k->value[i] = (double)s->waiting[i].verified;
    }
    b->accuracy = rw_coverage_cluster_mean(k->value, k->prompt, s->n, k->order);
}

/* The latest window of training traces, a fast one if there are such. */
static const struct rw_run_window *training(struct rw_run *run)
{
    for (int k = RW_RUN_SPANS - 1; k >= 0; k--) {
        if (run->course[k].windows > 0 && run->course[k].history_count > 0) {
            return rw_run_history(run, (enum rw_run_span)k, run->course[k].history_count - 1);
        }
    }
    return NULL;
}

static struct rw_interval lag_of(const struct rw_run_batch *b, const struct rw_run_window *now)
{
    if (now == NULL) {
        return (struct rw_interval){NAN, NAN};
    }
    if (!isnan(b->accuracy.value)) {
        return rw_run_change(b->accuracy, now->accuracy);
    }
    int r = isnan(b->reward[RW_RUN_OUTCOME].value) ? RW_RUN_PROCESS : RW_RUN_OUTCOME;
    return rw_run_change(now->reward[r], b->reward[r]);
}

static void check(struct rw_run *run, struct rw_run_stream *s, const struct rw_run_batch *b,
                  struct rw_run_news *news)
{
    bool plain = s->kind[0] == '\0';
    enum rw_run_rule rule = plain ? RW_RUN_RULE_VALIDATION : RW_RUN_RULE_COUNTERFACTUAL;
    struct rw_interval rise = rw_run_change(s->first.lag, b->lag);
    double alpha = rw_run_alpha((double)s->batches - 1) / RW_RUN_KINDS;
    double z = rw_run_quantile(alpha, (double)RW_MIN(b->traces, s->first.traces));
    if (s->rang || !(rise.value >= LAG_RISE) || !(rise.value - z * rise.error > 0)) {
        return;
    }
    s->rang = true;
    struct rw_run_alarm *a = rw_run_ring(run, rule, rise.value, LAG_RISE);
    bool answers = !isnan(b->accuracy.value);
    int r = isnan(b->reward[RW_RUN_OUTCOME].value) ? RW_RUN_PROCESS : RW_RUN_OUTCOME;
    rw_run_say(a,
               "%s%s: their %s is %.3f, was %.3f in their first batch; against the training traces "
               "of the same time they %s by %.3f [%.3f, %.3f] more than then (%llu traces of step "
               "%lld). %s",
               plain ? "Validation traces fall behind" : "Counterfactual traces part, kind ",
               s->kind, answers ? "accuracy" : "mean reward",
               answers ? b->accuracy.value : b->reward[r].value,
               answers ? s->first.accuracy.value : s->first.reward[r].value,
               answers ? "are behind" : "are accepted", rise.value, rise.value - z * rise.error,
               rise.value + z * rise.error, (unsigned long long)b->traces, (long long)b->step,
               plain ? "What training still gains does not carry over."
                     : "The policy does what its training prompts let it do, and no reward of a "
                       "training trace can show it.");
    rw_run_publish(a, news);
}

static void end_batch(struct rw_run *run, struct rw_run_stream *s, struct rw_run_news *news)
{
    struct figures k;
    struct rw_run_batch b = {.at = run->traces, .step = s->step, .traces = s->n};
    describe(s, &k, &b);
    b.lag = lag_of(&b, training(run));
    s->n = 0;
    if (s->batches == 0) {
        s->first = b;
    } else if (isnan(s->first.lag.value)) {
        s->first = b; /* the training traces had no window yet */
    }
    s->batch[s->batches % RW_RUN_BATCHES] = b;
    s->batches++;
    news->stream = s;
    if (s->batches >= 2) {
        check(run, s, &b, news);
    }
}

void rw_run_end_batches(struct rw_run *run, struct rw_run_news *news)
{
    for (uint32_t i = 0; i < run->n_streams; i++) {
        struct rw_run_stream *s = &run->stream[i];
        if (s->step >= 0 && s->step < run->step && s->n >= RW_RUN_BATCH_MIN) {
            end_batch(run, s, news);
        }
    }
}

void rw_run_take_validation(struct rw_run *run, const struct rw_run_trace *t,
                            struct rw_run_news *news)
{
    struct rw_run_stream *s = find_stream(run, t->kind);
    if (s == NULL) {
        run->stray_kinds++;
        return;
    }
    s->traces++;
    if (isnan(t->reward[RW_RUN_PROCESS]) && isnan(t->reward[RW_RUN_OUTCOME]) &&
        isnan(t->verified)) {
        return;
    }
    if (t->label.step != s->step && s->n >= RW_RUN_BATCH_MIN) {
        end_batch(run, s, news);
    }
    if (s->n == 0 || t->label.step > s->step) {
        s->step = t->label.step;
    }
    s->waiting[s->n].prompt = t->prompt;
    s->waiting[s->n].verified = (float)t->verified;
    for (int r = 0; r < RW_RUN_REWARDS; r++) {
        s->waiting[s->n].reward[r] = (float)t->reward[r];
    }
    s->n++;
    if (s->n == RW_RUN_BATCH_MAX) {
        end_batch(run, s, news);
    }
}

void rw_run_join_stream(struct rw_run *run, struct rw_run_stream *a, const struct rw_run_stream *b,
                        struct rw_run_news *news)
{
    uint64_t traces = a->traces + b->traces;
    if (b->batches > a->batches) {
        a->batches = b->batches;
        a->first = b->first;
        memcpy(a->batch, b->batch, sizeof a->batch);
    }
    a->rang = a->rang || b->rang;
    a->step = RW_MAX(a->step, b->step);
    for (uint32_t i = 0; i < b->n; i++) {
        a->waiting[a->n++] = b->waiting[i];
        if (a->n == RW_RUN_BATCH_MAX) {
            end_batch(run, a, news);
        }
    }
    a->traces = traces;
}
