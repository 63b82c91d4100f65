#include "core/answer/answer.h"
#include "core/shortcut/edit.h"
#include "server/commands/audit.h"

const struct rw_audit_edit_info RW_AUDIT_EDIT[RW_AUDIT_EDITS] = {
#define XX(name, text, what, wanted) {text, what, RW_AUDIT_WANT_##wanted},
    RW_AUDIT_MAP(XX)
#undef XX
};

static rw_status edit_answer(enum rw_audit_edit_id id, const struct rw_sample *sample,
                             struct rw_arena *arena, struct rw_sample *out, struct rw_steps *steps,
                             struct rw_error *err)
{
    int64_t step;
    struct rw_str answer = rw_answer_extract(sample->steps, sample->n_steps, &step);
    struct rw_steps in = {sample->steps, sample->n_steps};
    if (answer.len == 0) {
        return RW_NOT_FOUND;
    }
    if (id == RW_AUDIT_ANSWER_ONLY) {
        return rw_edit_answer_only(answer, arena, steps, err);
    }
    if (id == RW_AUDIT_ANSWER_FIRST) {
        return rw_edit_answer_first(in, answer, arena, steps, err);
    }
    return rw_edit_hint(sample->prompt, answer, arena, &out->prompt, steps, err);
}

static rw_status edit_steps(enum rw_audit_edit_id id, const struct rw_sample *sample, uint64_t seed,
                            struct rw_arena *arena, struct rw_steps *steps, struct rw_error *err)
{
    struct rw_steps in = {sample->steps, sample->n_steps};
    size_t at;
    switch (id) {
    case RW_AUDIT_STEP_NUMBER:
        if (rw_edit_corruptible(in, seed, &at, 1) == 0) {
            return RW_NOT_FOUND;
        }
        return rw_edit_corrupt(in, at, seed, arena, steps, err);
    case RW_AUDIT_STEPS_DROPPED:
        /* Neither the first nor the last. */
        return in.n < 3 ? RW_NOT_FOUND
                        : rw_edit_drop(in, 1 + (size_t)(seed % (in.n - 2)), arena, steps, err);
    case RW_AUDIT_STEPS_SHUFFLED:
        return rw_edit_shuffle(in, seed, arena, steps, err);
    case RW_AUDIT_STEPS_REPEATED:
        return rw_edit_repeat(in, arena, steps, err);
    case RW_AUDIT_STEPS_PADDED:
        return rw_edit_pad(in, seed, arena, steps, err);
    default:
        return rw_edit_strip(in, arena, steps, err);
    }
}

rw_status rw_audit_edit(enum rw_audit_edit_id id, const struct rw_sample *sample,
                        const struct rw_sample *other, uint64_t seed, struct rw_arena *arena,
                        struct rw_sample *out, struct rw_error *err)
{
    struct rw_steps steps = {sample->steps, sample->n_steps};
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
        status = edit_answer(id, sample, arena, out, &steps, err);
        break;
    default:
        status = edit_steps(id, sample, seed, arena, &steps, err);
    }
    out->steps = steps.steps;
    out->n_steps = steps.n;
    return status;
}
