#include <stdio.h>
#include <string.h>

#include "core/answer/alternatives.h"
#include "core/answer/answer.h"
#include "core/base/mix.h"
#include "core/base/utf8.h"
#include "core/base/util.h"
#include "core/shortcut/bluff.h"
#include "core/shortcut/edit.h"
#include "server/commands/audit.h"

const struct rw_audit_edit_info RW_AUDIT_EDIT[RW_AUDIT_EDITS] = {
#define XX(name, text, what, wanted) {text, what, RW_AUDIT_WANT_##wanted},
    RW_AUDIT_MAP(XX)
#undef XX
};

/* What an edit reads and where it writes. */
struct editing {
    const struct rw_sample *sample;
    const struct rw_sample *other;
    uint64_t seed;
    struct rw_arena *arena;
    struct rw_sample *out;
    struct rw_error *err;
};

/* The answer as the trace states it, or a wrong one of the same form. */
static rw_status find_answer(const struct editing *e, bool wrong, struct rw_str *out)
{
    int64_t step;
    struct rw_alternatives others;
    *out = rw_answer_extract(e->sample->steps, e->sample->n_steps, &step);
    if (out->len == 0) {
        return RW_NOT_FOUND;
    }
    if (!wrong) {
        return RW_OK;
    }
    rw_status status = rw_alternatives_make(*out, e->arena, &others, e->err);
    if (status != RW_OK || others.n == 0) {
        return status == RW_NO_MEMORY ? status : RW_NOT_FOUND; /* words have no neighbour */
    }
    *out = others.other[rw_mix(e->seed, 1) % others.n];
    return RW_OK;
}

static bool wants_wrong_answer(enum rw_audit_edit_id id)
{
    return id == RW_AUDIT_HINT_WRONG || id == RW_AUDIT_PROSE_WRONG || id == RW_AUDIT_GRADER_WRONG;
}

static rw_status edit_answer(enum rw_audit_edit_id id, const struct editing *e,
                             struct rw_steps *steps)
{
    struct rw_str answer;
    struct rw_steps in = {e->sample->steps, e->sample->n_steps};
    rw_status status = find_answer(e, wants_wrong_answer(id), &answer);
    if (status != RW_OK) {
        return status;
    }
    switch (id) {
    case RW_AUDIT_ANSWER_ONLY:
        return rw_edit_answer_only(answer, e->arena, steps, e->err);
    case RW_AUDIT_ANSWER_FIRST:
        return rw_edit_answer_first(in, answer, e->arena, steps, e->err);
    case RW_AUDIT_PROSE_WRONG:
    case RW_AUDIT_GRADER_WRONG:
        status = rw_bluff_prose(e->sample->prompt, answer, e->seed, e->arena, steps, e->err);
        return status == RW_OK && id == RW_AUDIT_GRADER_WRONG
                   ? rw_bluff_address(*steps, rw_mix(e->seed, 2), e->arena, steps, e->err)
                   : status;
    case RW_AUDIT_NAMES_SWAPPED: {
        const struct rw_bluff_source from = {e->other->prompt,
                                             {e->other->steps, e->other->n_steps}};
        const struct rw_bluff_source to = {e->sample->prompt, in};
        return rw_bluff_copy(&from, &to, answer, e->arena, steps, e->err);
    }
    default:
        return rw_edit_hint(e->sample->prompt, answer, e->arena, &e->out->prompt, steps, e->err);
    }
}

static rw_status edit_steps(enum rw_audit_edit_id id, const struct editing *e,
                            struct rw_steps *steps)
{
    struct rw_steps in = {e->sample->steps, e->sample->n_steps};
    size_t at;
    switch (id) {
    case RW_AUDIT_STEP_NUMBER:
        if (rw_edit_corruptible(in, e->seed, &at, 1) == 0) {
            return RW_NOT_FOUND;
        }
        return rw_edit_corrupt(in, at, e->seed, e->arena, steps, e->err);
    case RW_AUDIT_SUM_DISGUISED:
        return rw_bluff_disguise(in, e->seed, e->arena, steps, e->err);
    case RW_AUDIT_STEPS_DROPPED:
        /* Neither the first nor the last. */
        return in.n < 3
                   ? RW_NOT_FOUND
                   : rw_edit_drop(in, 1 + (size_t)(e->seed % (in.n - 2)), e->arena, steps, e->err);
    case RW_AUDIT_STEPS_SHUFFLED:
        return rw_edit_shuffle(in, e->seed, e->arena, steps, e->err);
    case RW_AUDIT_STEPS_REPEATED:
        return rw_edit_repeat(in, e->arena, steps, e->err);
    case RW_AUDIT_GRADER_ADDRESSED:
        return rw_bluff_address(in, e->seed, e->arena, steps, e->err);
    case RW_AUDIT_FORMAT_STRIPPED:
        return rw_edit_strip(in, e->arena, steps, e->err);
    default:
        return rw_bluff_fill(in, (size_t)(id - RW_AUDIT_FILLER_01), e->arena, steps, e->err);
    }
}

rw_status rw_audit_edit(enum rw_audit_edit_id id, const struct rw_sample *sample,
                        const struct rw_sample *other, uint64_t seed, struct rw_arena *arena,
                        struct rw_sample *out, struct rw_error *err)
{
    struct rw_steps steps = {sample->steps, sample->n_steps};
    const struct editing e = {sample, other, seed, arena, out, err};
    rw_status status = RW_OK;
    *out = *sample;
    switch (id) {
    case RW_AUDIT_QUESTION_REMOVED:
        out->prompt = RW_STR("");
        return RW_OK;
    case RW_AUDIT_QUESTION_SWAPPED:
        out->prompt = other->prompt;
        return rw_str_equal(other->prompt, sample->prompt) ? RW_NOT_FOUND : RW_OK;
    case RW_AUDIT_QUESTION_NUMBER:
        return rw_edit_number(sample->prompt, seed, arena, &out->prompt, err);
    case RW_AUDIT_ANSWER_ONLY:
    case RW_AUDIT_ANSWER_FIRST:
    case RW_AUDIT_HINT_COPIED:
    case RW_AUDIT_HINT_WRONG:
    case RW_AUDIT_PROSE_WRONG:
    case RW_AUDIT_GRADER_WRONG:
        status = edit_answer(id, &e, &steps);
        break;
    case RW_AUDIT_NAMES_SWAPPED:
        status = rw_str_equal(other->prompt, sample->prompt) ? RW_NOT_FOUND
                                                             : edit_answer(id, &e, &steps);
        break;
    default:
        status = edit_steps(id, &e, &steps);
    }
    out->steps = steps.steps;
    out->n_steps = steps.n;
    return status;
}

/* ---- an example, for people ------------------------------------------------------------------ */

/* A text that takes no more than it may. */
struct shown {
    char *to;
    size_t n;
    bool full;
};

static void show_bytes(struct shown *s, const char *bytes, size_t n)
{
    s->full = s->full || s->n + n > RW_AUDIT_EXAMPLE_MAX;
    if (!s->full) {
        memcpy(s->to + s->n, bytes, n);
        s->n += n;
    }
}

/* Characters without a picture of their own, or that move others: shown by their code. */
static bool is_unseen(int32_t c)
{
    return c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0xAD || (c >= 0x200B && c <= 0x200F) ||
           (c >= 0x2028 && c <= 0x202E) || (c >= 0x2060 && c <= 0x206F) || c == 0xFEFF ||
           (c >= 0xFE00 && c <= 0xFE0F) || (c >= 0xFFF9 && c <= 0xFFFB) ||
           (c >= 0xE0000 && c <= 0xE0FFF);
}

static void show_text(struct shown *s, struct rw_str text)
{
    size_t advance = 0;
    for (size_t i = 0; i < text.len && !s->full; i += advance) {
        int32_t c = rw_utf8_decode(text, i, &advance);
        char code[16];
        if (c == '\n') {
            show_bytes(s, " ", 1);
        } else if (c < 0 || is_unseen(c)) {
            int n = snprintf(code, sizeof code, "[U+%04X]", c < 0 ? 0xFFFDU : (unsigned)c);
            show_bytes(s, code, (size_t)n);
        } else {
            show_bytes(s, text.ptr + i, advance);
        }
    }
}

static void show_sample(const struct rw_sample *sample, bool question, size_t from, size_t to,
                        char out[RW_AUDIT_EXAMPLE_MAX + 16])
{
    struct shown s = {.to = out};
    if (question) {
        show_text(&s, RW_STR("Question: "));
        show_text(&s, sample->prompt.len > 0 ? sample->prompt : RW_STR("(none)"));
    }
    for (size_t i = from; i < to; i++) {
        char label[32];
        int n = snprintf(label, sizeof label, "%s%zu: ", s.n > 0 ? " / step " : "Step ", i + 1);
        show_bytes(&s, label, (size_t)n);
        show_text(&s, sample->steps[i]);
    }
    memcpy(out + s.n, s.full ? " ..." : "", s.full ? 5 : 1);
}

/* Only what changed: the question if it did, and the steps between the equal ends of both. */
void rw_audit_make_example(const struct rw_sample *before, const struct rw_sample *after,
                           struct rw_audit_example *out)
{
    bool question = !rw_str_equal(before->prompt, after->prompt);
    size_t least = RW_MIN(before->n_steps, after->n_steps);
    size_t from = 0;
    while (from < least && rw_str_equal(before->steps[from], after->steps[from])) {
        from++;
    }
    size_t same = 0;
    while (same < least - from && rw_str_equal(before->steps[before->n_steps - 1 - same],
                                               after->steps[after->n_steps - 1 - same])) {
        same++;
    }
    show_sample(before, question, from, before->n_steps - same, out->before);
    show_sample(after, question, from, after->n_steps - same, out->after);
    out->known = true;
}
