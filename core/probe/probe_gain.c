#include "core/probe/probe_gain.h"

#include "core/answer/alternatives.h"
#include "core/base/assert.h"
#include "core/base/util.h"

enum {
    ANSWER_TOKENS_MAX = 64,
    INPUT_TOKENS_MAX = 128 * 1024, /* of all probes of a trace: half a MiB of ids */
};

/* The text around an answer is part of what a bank was made with: a change is a new version of the
 * flag. The line feed ends the answer: without it the probability of "4" holds that of "42". */
static const struct rw_str LEAD = {"\n\nThe final answer is ", 22};
static const struct rw_str TAIL = {"\n", 1};

struct gain {
    const struct rw_probe_source *source;
    struct rw_arena *arena;
    struct rw_probe_plan *plan;
    struct rw_error *err;
    struct rw_suffix suffix[1 + RW_PROBE_ALTERNATIVES]; /* the reference, alternatives */
    size_t n;
    size_t tokens; /* of the longest */
};

static rw_status lack(struct gain *g, rw_status status, const char *why)
{
    g->plan->lacks[RW_FLAG_INFO_GAIN] = status;
    g->plan->why_no_gain = why;
    return RW_OK;
}

/* Only memory ends the plan. */
static rw_status refuse(struct gain *g, rw_status status, const char *why)
{
    return status == RW_NO_MEMORY
               ? rw_fail(g->err, status, "no memory left for the probes of this request")
               : lack(g, status, why);
}

static const char *missing_model(const struct rw_model *process)
{
    if (process == NULL) {
        return "it needs a process model";
    }
    return rw_model_info(process)->language_head == RW_LANGUAGE_NONE
               ? "it needs a process model with a language head; this one has none"
               : "the language head of the model is not loaded (--model DIR,language_head=true)";
}

/* ---- the answers ----------------------------------------------------------------------------- */

static rw_status tokenise(struct gain *g, struct rw_str answer, struct rw_suffix *out)
{
    struct rw_error err = {0};
    const struct rw_suffix_source source = {LEAD, answer, TAIL, g->source->parse_special};
    return rw_model_build_suffix(g->source->process, &source, g->arena, out, &err);
}

static size_t answer_tokens(const struct rw_suffix *suffix)
{
    return suffix->n - suffix->answer;
}

static void take(struct gain *g, const struct rw_suffix *suffix)
{
    g->suffix[g->n++] = *suffix;
    g->tokens = RW_MAX(suffix->n, g->tokens);
}

/* Alternatives of as many tokens as the reference come first: every token more makes an answer less
 * likely, whatever it says. */
static rw_status choose_answers(struct gain *g, const struct rw_alternatives *found)
{
    struct rw_suffix own, other[RW_ALTERNATIVES_MAX];
    rw_status status = tokenise(g, found->answer, &own);
    for (size_t i = 0; status == RW_OK && i < found->n; i++) {
        status = tokenise(g, found->other[i], &other[i]);
    }
    if (status != RW_OK) {
        return status;
    }
    take(g, &own);
    for (int equal = 1; equal >= 0; equal--) {
        for (size_t i = 0; i < found->n && g->n <= RW_PROBE_ALTERNATIVES; i++) {
            if ((answer_tokens(&other[i]) == answer_tokens(&own)) == (equal == 1)) {
                take(g, &other[i]);
            }
        }
    }
    return answer_tokens(&own) <= ANSWER_TOKENS_MAX ? RW_OK : RW_LIMIT_EXCEEDED;
}

static rw_status find_answers(struct gain *g)
{
    struct rw_alternatives found;
    struct rw_error err = {0};
    rw_status status = rw_alternatives_make(g->source->reference, g->arena, &found, &err);
    return status == RW_OK ? choose_answers(g, &found) : status;
}

/* ---- the prefixes ---------------------------------------------------------------------------- */

/* How many behind the bare question; 0 when there is no room for two. */
static size_t count_prefixes(const struct gain *g, size_t n_steps)
{
    size_t longest = g->source->input->n_tokens + g->tokens;
    size_t room = INPUT_TOKENS_MAX / (longest * g->n);
    size_t n = RW_MIN(n_steps, RW_PROBE_PREFIXES);
    n = room < n + 1 ? room - (room > 0) : n;
    return n < 2 ? 0 : n;
}

static rw_status add(struct gain *g, size_t n_steps, size_t answer)
{
    const struct rw_probe_source *s = g->source;
    struct rw_probe *probe = &g->plan->probe[g->plan->n];
    struct rw_error err = {0};
    uint32_t context = rw_model_info(s->process)->context_max;
    size_t tokens_max = RW_MIN(s->tokens_max, context);
    rw_assert(g->plan->n < RW_PROBES_MAX);
    *probe = (struct rw_probe){
        .kind = RW_PROBE_ANSWER, .model = s->process, .step = n_steps, .answer = answer};
    rw_status status = rw_suffix_join(s->input, n_steps, &g->suffix[answer], tokens_max, g->arena,
                                      &probe->input, &err);
    if (status == RW_OK) {
        g->plan->tokens += probe->input.n_tokens;
        g->plan->n++;
    }
    return status;
}

static rw_status add_all(struct gain *g, size_t n_steps, size_t prefixes)
{
    size_t n = g->plan->n;
    uint64_t tokens = g->plan->tokens;
    rw_status status = RW_OK;
    for (size_t i = 0; status == RW_OK && i <= prefixes; i++) {
        for (size_t m = 0; status == RW_OK && m < g->n; m++) {
            status = add(g, i * n_steps / prefixes, m);
        }
    }
    if (status != RW_OK) {
        g->plan->n = n;
        g->plan->tokens = tokens;
    }
    return status;
}

rw_status rw_probe_gain_plan(const struct rw_probe_source *source, struct rw_arena *arena,
                             struct rw_probe_plan *plan, struct rw_error *err)
{
    struct gain g = {.source = source, .arena = arena, .plan = plan, .err = err};
    const struct rw_model *process = source->process;
    if (process == NULL && source->process_status != RW_UNAVAILABLE) {
        return lack(&g, source->process_status, NULL);
    }
    if (process == NULL || rw_model_info(process)->language_head != RW_LANGUAGE_LOADED) {
        return lack(&g, RW_UNAVAILABLE, missing_model(process));
    }
    if (source->reference.len == 0) {
        return lack(&g, RW_NOT_APPLICABLE, "the request has no reference answer");
    }
    size_t n_steps = source->input->n_scored_steps;
    if (n_steps < 2) {
        return lack(&g, RW_NOT_APPLICABLE, "the trace has too few steps");
    }
    rw_status status = find_answers(&g);
    if (status == RW_NOT_FOUND || status == RW_EMPTY_TRACE) {
        return lack(&g, RW_NOT_APPLICABLE,
                    "the reference is no number, no choice and not yes or no");
    }
    if (status != RW_OK) {
        return refuse(&g, status, "the reference answer is too long");
    }
    size_t prefixes = count_prefixes(&g, n_steps);
    if (prefixes == 0) {
        return lack(&g, RW_LIMIT_EXCEEDED, "the trace is too long to ask for its answer");
    }
    return refuse(&g, add_all(&g, n_steps, prefixes), NULL);
}

/* ---- filling --------------------------------------------------------------------------------- */

bool rw_probe_gain_fill(const struct rw_probe_plan *plan, struct rw_arena *arena,
                        struct rw_signal_trace *trace)
{
    size_t n = 0;
    struct rw_answer_gain *gain = rw_arena_array(arena, RW_PROBE_PREFIXES + 1, sizeof *gain);
    for (size_t i = 0; gain != NULL && i < plan->n;) {
        const struct rw_probe *probe = &plan->probe[i];
        size_t others = 0;
        double sum = 0;
        if (probe->kind != RW_PROBE_ANSWER) {
            i++;
            continue;
        }
        for (i++; i < plan->n && plan->probe[i].step == probe->step; i++) {
            sum += plan->probe[i].log_p;
            others++;
        }
        rw_assert(probe->answer == 0 && others > 0 && n <= RW_PROBE_PREFIXES);
        gain[n++] = (struct rw_answer_gain){probe->step, probe->log_p - sum / (double)others};
    }
    trace->answer_gain = gain;
    trace->n_answer_gain = gain != NULL ? n : 0;
    return gain != NULL;
}
