#include "core/probe/probe.h"

#include <math.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/base/hash.h"
#include "core/base/util.h"
#include "core/probe/probe_gain.h"
#include "core/shortcut/edit.h"

/* Questions of question_swap: ordinary, short, about other things than one another. They are fixed,
 * because a bank was made with them: a change is a new RW_FLAG version of question_swap. */
static const char *const QUESTION[] = {
    "A bakery sells 14 loaves of bread in the morning and 9 in the afternoon. Each loaf costs $3. "
    "How much money does the bakery take in?",
    "Solve for x: 5x + 7 = 42.",
    "A train travels 180 miles in 3 hours. At the same speed, how many miles does it travel in 7 "
    "hours?",
    "Maria has 48 stickers. She gives a quarter of them to her brother and 6 to a friend. How many "
    "stickers are left?",
    "What is the area of a rectangle whose length is 12 and whose width is 8?",
    "A tank holds 250 litres of water. A pump removes 15 litres per minute. How many litres are "
    "left after 6 minutes?",
    "Compute 17 * 6 - 45 / 9.",
    "Tom is 4 years older than twice the age of his sister, who is 9. How old is Tom?",
};

enum {
    QUESTIONS = RW_COUNT(QUESTION),
};

struct planner {
    const struct rw_probe_source *source;
    struct rw_arena *arena;
    struct rw_probe_plan *plan;
    uint64_t seed;
    struct rw_error *err;
};

enum rw_flag_id rw_probe_flag(enum rw_probe_kind kind)
{
    static const enum rw_flag_id FLAG[] = {
        [RW_PROBE_NO_PROMPT] = RW_FLAG_PROMPT_GAP,  [RW_PROBE_EARLY] = RW_FLAG_EARLY_COMMIT,
        [RW_PROBE_SWAP] = RW_FLAG_QUESTION_SWAP,    [RW_PROBE_CORRUPT] = RW_FLAG_CORRUPTION_BLIND,
        [RW_PROBE_ABLATE] = RW_FLAG_STEP_ABLATION,  [RW_PROBE_STRIP] = RW_FLAG_FORMAT_INVARIANCE,
        [RW_PROBE_OTHER] = RW_FLAG_ENSEMBLE_SPREAD, [RW_PROBE_ANSWER] = RW_FLAG_INFO_GAIN,
    };
    return FLAG[kind];
}

void rw_probe_done(struct rw_probe *probe, const struct rw_score *scores, size_t n)
{
    bool answer = probe->kind == RW_PROBE_ANSWER;
    probe->status = RW_OK;
    probe->scores = answer ? NULL : scores;
    probe->n_scores = n;
    probe->log_p = 0;
    for (size_t i = 0; answer && i < n; i++) {
        probe->log_p += (double)scores[i].raw;
    }
}

/* The same on every machine and in every version, unlike rw_hash64. */
static uint64_t text_seed(uint64_t seed, struct rw_str text)
{
    return rw_hash_fnv1a(seed, text.ptr, text.len);
}

struct rw_str rw_probe_question(const struct rw_message *messages, size_t n, struct rw_arena *arena)
{
    size_t bytes = 0;
    const struct rw_message *only = NULL;
    size_t users = 0;
    for (size_t i = 0; i < n; i++) {
        if (messages[i].role == RW_ROLE_USER) {
            bytes += messages[i].content.len + 1;
            only = &messages[i];
            users++;
        }
    }
    if (users == 1) {
        return only->content;
    }
    char *text = rw_arena_alloc(arena, bytes + 1);
    size_t at = 0;
    for (size_t i = 0; text != NULL && i < n; i++) {
        if (messages[i].role == RW_ROLE_USER && messages[i].content.len > 0) {
            if (at > 0) {
                text[at++] = '\n';
            }
            memcpy(text + at, messages[i].content.ptr, messages[i].content.len);
            at += messages[i].content.len;
        }
    }
    return (struct rw_str){text, text != NULL ? at : 0};
}

/* ---- building -------------------------------------------------------------------------------- */

static void lack(struct planner *p, enum rw_probe_kind kind, rw_status status)
{
    p->plan->lacks[rw_probe_flag(kind)] = status;
}

/* What is scored: steps under messages. */
struct content {
    const struct rw_message *messages;
    size_t n_messages;
    struct rw_steps steps;
    struct rw_str text; /* instead of the steps, when not empty */
};

/* A refused input (context, an empty step) is a lack of that flag; only memory ends the plan. */
static rw_status add(struct planner *p, enum rw_probe_kind kind, const struct rw_model *model,
                     size_t step, const struct content *content)
{
    struct rw_probe *probe = &p->plan->probe[p->plan->n];
    struct rw_error err = {0};
    struct rw_trace_source source = {
        .messages = content->messages,
        .n_messages = content->n_messages,
        .is_text = content->text.len > 0,
        .text = content->text,
        .split = p->source->split,
        .steps = content->steps.steps,
        .n_steps = content->steps.n,
        .no_question = kind == RW_PROBE_NO_PROMPT,
        .parse_special = p->source->parse_special,
        .overlong = RW_OVERLONG_ERROR,
        .roles = p->source->roles,
        .steps_max = p->source->steps_max * 2, /* padding and repeats are ours */
        .tokens_max = p->source->tokens_max,
    };
    uint32_t context = rw_model_info(model)->context_max;
    if (context > 0 && source.tokens_max > context) {
        source.tokens_max = context;
    }
    rw_assert(p->plan->n < RW_PROBE_EDITS_MAX);
    *probe = (struct rw_probe){.kind = kind, .model = model, .step = step};
    rw_status status = rw_model_build_input(model, &source, p->arena, &probe->input, &err);
    if (status == RW_NO_MEMORY) {
        return rw_fail(p->err, RW_NO_MEMORY, "no memory left for the probes of this request");
    }
    if (status != RW_OK) {
        lack(p, kind, status);
        return RW_OK;
    }
    p->plan->tokens += probe->input.n_tokens;
    p->plan->n++;
    return RW_OK;
}

static struct content own_content(const struct planner *p)
{
    return (struct content){.messages = p->source->messages,
                            .n_messages = p->source->n_messages,
                            .steps = {p->source->steps, p->source->n_steps}};
}

/* The conversation with another question: system messages, then this one as the user's only
 * message. What an assistant said before would give the question away. */
static rw_status ask(struct planner *p, struct rw_str question, struct content *out)
{
    const struct rw_probe_source *s = p->source;
    struct rw_message *messages = rw_arena_array(p->arena, s->n_messages + 1, sizeof *messages);
    if (messages == NULL) {
        return rw_fail(p->err, RW_NO_MEMORY, "no memory left for the probes of this request");
    }
    size_t n = 0;
    for (size_t i = 0; i < s->n_messages; i++) {
        if (s->messages[i].role == RW_ROLE_SYSTEM) {
            messages[n++] = s->messages[i];
        }
    }
    messages[n++] = (struct rw_message){RW_ROLE_USER, question};
    *out = own_content(p);
    out->messages = messages;
    out->n_messages = n;
    return RW_OK;
}

/* Edits give NOT_FOUND where there is nothing to edit. */
static rw_status edited(struct planner *p, enum rw_probe_kind kind, rw_status status)
{
    if (status == RW_NOT_FOUND) {
        lack(p, kind, RW_NOT_APPLICABLE);
        return RW_OK;
    }
    return status == RW_NO_MEMORY
               ? rw_fail(p->err, RW_NO_MEMORY, "no memory left for the probes of this request")
               : status;
}

/* ---- the probes ------------------------------------------------------------------------------ */

static rw_status plan_no_prompt(struct planner *p)
{
    struct content content;
    if (p->source->process == NULL) {
        lack(p, RW_PROBE_NO_PROMPT, p->source->process_status);
        return RW_OK;
    }
    rw_status status = ask(p, RW_STR(""), &content);
    if (status == RW_OK && !p->source->full_gap && content.steps.n > RW_PROBE_GAP_STEPS) {
        content.steps.n = RW_PROBE_GAP_STEPS;
    }
    return status == RW_OK ? add(p, RW_PROBE_NO_PROMPT, p->source->process, 0, &content) : status;
}

/* The outcome of what was written after 1/4, 2/4 and 3/4 of the steps. The end of such a prefix is
 * read exactly as the end of a whole trace is, and the prefix cache makes it a fork of a few
 * tokens.
 */
static rw_status plan_early(struct planner *p)
{
    const struct rw_probe_source *s = p->source;
    rw_status status = RW_OK;
    size_t before = 0;
    if (s->outcome == NULL || s->n_steps < 2) {
        lack(p, RW_PROBE_EARLY, s->outcome == NULL ? s->outcome_status : RW_NOT_APPLICABLE);
        return RW_OK;
    }
    for (size_t i = 1; status == RW_OK && i <= RW_PROBE_BOUNDARIES; i++) {
        size_t n = (i * s->n_steps + RW_PROBE_BOUNDARIES) / (RW_PROBE_BOUNDARIES + 1);
        if (n == before || n >= s->n_steps) {
            continue;
        }
        before = n;
        struct content content = own_content(p);
        content.steps.n = n;
        if (s->is_text) {
            content.text = rw_str_slice(s->text, 0, s->step_end[n - 1]);
        }
        status = add(p, RW_PROBE_EARLY, s->outcome, n, &content);
    }
    return status;
}

static rw_status plan_swap(struct planner *p)
{
    struct content content;
    rw_status status = RW_OK;
    size_t first = p->seed % QUESTIONS;
    for (size_t i = 0; status == RW_OK && i < RW_PROBE_QUESTIONS; i++) {
        /* 3 is odd, QUESTIONS even: always another one. */
        status = ask(p, rw_str_from(QUESTION[(first + 3 * i) % QUESTIONS]), &content);
        status = status == RW_OK ? add(p, RW_PROBE_SWAP, p->source->process, i, &content) : status;
    }
    struct rw_str changed;
    if (status == RW_OK &&
        rw_edit_number(p->source->prompt, p->seed, p->arena, &changed, NULL) == RW_OK) {
        status = ask(p, changed, &content);
        status = status == RW_OK
                     ? add(p, RW_PROBE_SWAP, p->source->process, RW_PROBE_QUESTIONS, &content)
                     : status;
    }
    return status;
}

static rw_status plan_corrupt(struct planner *p)
{
    size_t step[RW_PROBE_CORRUPTIONS];
    struct content content = own_content(p);
    struct rw_steps own = content.steps;
    rw_status status = RW_OK;
    size_t n = rw_edit_corruptible(own, p->seed, step, RW_PROBE_CORRUPTIONS);
    if (n == 0) {
        lack(p, RW_PROBE_CORRUPT, RW_NOT_APPLICABLE);
    }
    for (size_t i = 0; status == RW_OK && i < n; i++) {
        rw_status made =
            rw_edit_corrupt(own, step[i], p->seed + i, p->arena, &content.steps, p->err);
        status = made == RW_OK ? add(p, RW_PROBE_CORRUPT, p->source->process, step[i], &content)
                               : edited(p, RW_PROBE_CORRUPT, made);
    }
    return status;
}

static rw_status plan_ablate(struct planner *p)
{
    struct content content = own_content(p);
    struct rw_steps own = content.steps;
    rw_status status = RW_OK;
    /* Leaving out the last step changes nothing behind it. */
    size_t candidates = own.n - 1;
    size_t n = RW_MIN(candidates, RW_PROBE_ABLATIONS);
    if (n == 0) {
        lack(p, RW_PROBE_ABLATE, RW_NOT_APPLICABLE);
    }
    for (size_t i = 0; status == RW_OK && i < n; i++) {
        size_t step = i * candidates / n;
        rw_status made = rw_edit_drop(own, step, p->arena, &content.steps, p->err);
        status = made == RW_OK ? add(p, RW_PROBE_ABLATE, p->source->process, step, &content)
                               : edited(p, RW_PROBE_ABLATE, made);
    }
    return status;
}

static rw_status plan_strip(struct planner *p)
{
    struct content content = own_content(p);
    rw_status made = rw_edit_strip(content.steps, p->arena, &content.steps, p->err);
    return made == RW_OK ? add(p, RW_PROBE_STRIP, p->source->process, 0, &content)
                         : edited(p, RW_PROBE_STRIP, made);
}

static rw_status plan_others(struct planner *p)
{
    rw_status status = RW_OK;
    struct content content = own_content(p);
    for (size_t i = 0; status == RW_OK && i < p->source->n_others && i < RW_PROBE_OTHERS; i++) {
        status = add(p, RW_PROBE_OTHER, p->source->others[i], i, &content);
    }
    return status;
}

static rw_status plan_deep(struct planner *p)
{
    static rw_status (*const PLAN[])(struct planner *) = {plan_swap, plan_corrupt, plan_ablate,
                                                          plan_strip, plan_others};
    rw_status status = RW_OK;
    for (size_t i = 0; status == RW_OK && i < RW_COUNT(PLAN); i++) {
        status = PLAN[i](p);
    }
    return status;
}

rw_status rw_probe_plan(const struct rw_probe_source *source, struct rw_arena *arena,
                        struct rw_probe_plan *out, struct rw_error *err)
{
    *out = (struct rw_probe_plan){0};
    if (source->tier < RW_FLAG_CHEAP || source->n_steps == 0) {
        return RW_OK;
    }
    bool answers = source->tier >= RW_FLAG_DEEP && source->reference.len > 0;
    out->probe =
        rw_arena_array(arena, answers ? RW_PROBES_MAX : RW_PROBE_EDITS_MAX, sizeof *out->probe);
    if (out->probe == NULL) {
        return rw_fail(err, RW_NO_MEMORY, "no memory left for the probes of this request");
    }
    struct planner p = {.source = source, .arena = arena, .plan = out, .seed = RW_FNV1A_START};
    p.err = err;
    p.seed = text_seed(p.seed, source->prompt);
    p.seed = text_seed(p.seed, source->steps[0]);
    rw_status status = plan_no_prompt(&p);
    if (status == RW_OK) {
        status = plan_early(&p);
    }
    if (status != RW_OK || source->tier < RW_FLAG_DEEP) {
        return status;
    }
    if (source->process == NULL) {
        static const enum rw_probe_kind DEEP[] = {RW_PROBE_SWAP, RW_PROBE_CORRUPT, RW_PROBE_ABLATE,
                                                  RW_PROBE_STRIP};
        for (size_t i = 0; i < RW_COUNT(DEEP); i++) {
            lack(&p, DEEP[i], source->process_status);
        }
        return rw_probe_gain_plan(source, arena, out, err); /* says so too */
    }
    status = plan_deep(&p);
    return status == RW_OK ? rw_probe_gain_plan(source, arena, out, err) : status;
}

/* ---- filling --------------------------------------------------------------------------------- */

struct filler {
    const struct rw_probe_plan *plan;
    struct rw_arena *arena;
    bool failed; /* an allocation was refused */
};

static void *array(struct filler *f, size_t n, size_t size)
{
    void *out = rw_arena_array(f->arena, n + 1, size);
    f->failed = f->failed || out == NULL;
    return out;
}

static struct rw_step_scores to_pass(struct filler *f, const struct rw_probe *probe)
{
    float *out = array(f, probe->n_scores, sizeof *out);
    for (size_t i = 0; out != NULL && i < probe->n_scores; i++) {
        out[i] = probe->scores[i].reward;
    }
    return (struct rw_step_scores){out, out != NULL ? probe->n_scores : 0};
}

/* The prefixes' outcomes in order, the whole trace's own behind them. */
static void fill_early(struct filler *f, struct rw_signal_trace *trace)
{
    float *value = array(f, RW_PROBE_BOUNDARIES + 1, sizeof *value);
    size_t *steps = array(f, RW_PROBE_BOUNDARIES + 1, sizeof *steps);
    size_t n = 0;
    for (size_t i = 0; value != NULL && steps != NULL && i < f->plan->n; i++) {
        const struct rw_probe *probe = &f->plan->probe[i];
        if (probe->kind == RW_PROBE_EARLY) {
            steps[n] = probe->step;
            value[n++] = probe->scores[0].reward;
        }
    }
    if (n > 0 && !isnan(trace->outcome)) {
        steps[n] = trace->n_steps;
        value[n++] = (float)trace->outcome;
        trace->early = (struct rw_step_scores){value, n};
        trace->early_steps = steps;
    }
}

static void fill_edited(struct filler *f, enum rw_probe_kind kind,
                        const struct rw_edited_pass **out, size_t *n_out)
{
    struct rw_edited_pass *list = array(f, f->plan->n, sizeof *list);
    size_t n = 0;
    for (size_t i = 0; list != NULL && i < f->plan->n; i++) {
        const struct rw_probe *probe = &f->plan->probe[i];
        if (probe->kind == kind) {
            list[n++] = (struct rw_edited_pass){probe->step, to_pass(f, probe)};
        }
    }
    *out = list;
    *n_out = n;
}

static void fill_passes(struct filler *f, enum rw_probe_kind kind,
                        const struct rw_step_scores **out, size_t *n_out)
{
    struct rw_step_scores *list = array(f, f->plan->n, sizeof *list);
    size_t n = 0;
    for (size_t i = 0; list != NULL && i < f->plan->n; i++) {
        if (f->plan->probe[i].kind == kind) {
            list[n++] = to_pass(f, &f->plan->probe[i]);
        }
    }
    *out = list;
    *n_out = n;
}

static bool usable(const struct filler *f, enum rw_probe_kind kind)
{
    return f->plan->lacks[rw_probe_flag(kind)] == RW_OK;
}

static void fill_one(struct filler *f, enum rw_probe_kind kind, struct rw_step_scores *out)
{
    for (size_t i = 0; usable(f, kind) && i < f->plan->n; i++) {
        if (f->plan->probe[i].kind == kind) {
            *out = to_pass(f, &f->plan->probe[i]);
        }
    }
}

rw_status rw_probe_fill(struct rw_probe_plan *plan, struct rw_arena *arena,
                        struct rw_signal_trace *trace, struct rw_error *err)
{
    struct filler f = {plan, arena, false};
    for (size_t i = 0; i < plan->n; i++) {
        const struct rw_probe *probe = &plan->probe[i];
        rw_assert(probe->status != RW_OK || probe->n_scores > 0);
        if (probe->status != RW_OK) {
            plan->lacks[rw_probe_flag(probe->kind)] = probe->status;
        }
    }
    fill_one(&f, RW_PROBE_NO_PROMPT, &trace->no_prompt);
    fill_one(&f, RW_PROBE_STRIP, &trace->stripped);
    if (usable(&f, RW_PROBE_EARLY)) {
        fill_early(&f, trace);
    }
    if (usable(&f, RW_PROBE_SWAP)) {
        fill_passes(&f, RW_PROBE_SWAP, &trace->swapped, &trace->n_swapped);
    }
    if (usable(&f, RW_PROBE_OTHER)) {
        fill_passes(&f, RW_PROBE_OTHER, &trace->others, &trace->n_others);
    }
    if (usable(&f, RW_PROBE_CORRUPT)) {
        fill_edited(&f, RW_PROBE_CORRUPT, &trace->corrupted, &trace->n_corrupted);
    }
    if (usable(&f, RW_PROBE_ABLATE)) {
        fill_edited(&f, RW_PROBE_ABLATE, &trace->ablated, &trace->n_ablated);
    }
    if (usable(&f, RW_PROBE_ANSWER) && !rw_probe_gain_fill(plan, arena, trace)) {
        f.failed = true;
    }
    return f.failed ? rw_fail_memory(err, "the flags of this trace") : RW_OK;
}
