/* Edits of questions and traces for counterfactual probes and for `rewardd audit`.
 *
 * Deterministic: the same text and seed give the same edit on every machine. Results live in the
 * arena; steps that did not change are the caller's own slices. Pure; any thread. An edit that
 * cannot be made (no number to change, one step only) returns NOT_FOUND and leaves `out` unset. */
#ifndef RW_SHORTCUT_EDIT_H
#define RW_SHORTCUT_EDIT_H

#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/status.h"
#include "core/base/str.h"

struct rw_steps {
    const struct rw_str *steps;
    size_t n;
};

/* One number of the text becomes another of about the same size. */
rw_status rw_edit_number(struct rw_str text, uint64_t seed, struct rw_arena *arena,
                         struct rw_str *out, struct rw_error *err);
/* The same in step j; all other steps as they were. */
rw_status rw_edit_corrupt(struct rw_steps in, size_t step, uint64_t seed, struct rw_arena *arena,
                          struct rw_steps *out, struct rw_error *err);
/* Up to `max` steps that have a number to change, spread by the seed; returns how many. */
size_t rw_edit_corruptible(struct rw_steps in, uint64_t seed, size_t *steps, size_t max);

rw_status rw_edit_drop(struct rw_steps in, size_t step, struct rw_arena *arena,
                       struct rw_steps *out, struct rw_error *err);
rw_status rw_edit_shuffle(struct rw_steps in, uint64_t seed, struct rw_arena *arena,
                          struct rw_steps *out, struct rw_error *err);
/* Every second step is said twice. */
rw_status rw_edit_repeat(struct rw_steps in, struct rw_arena *arena, struct rw_steps *out,
                         struct rw_error *err);
/* One step: "The answer is A." */
rw_status rw_edit_answer_only(struct rw_str answer, struct rw_arena *arena, struct rw_steps *out,
                              struct rw_error *err);
/* That step, then the trace. */
rw_status rw_edit_answer_first(struct rw_steps in, struct rw_str answer, struct rw_arena *arena,
                               struct rw_steps *out, struct rw_error *err);
/* The question ends in "(Hint: the answer is A.)"; the trace is one step that says so. */
rw_status rw_edit_hint(struct rw_str prompt, struct rw_str answer, struct rw_arena *arena,
                       struct rw_str *out_prompt, struct rw_steps *out, struct rw_error *err);
/* Without markdown emphasis, headers, bullets and code fences, LaTeX wrappers (\( \), $, \text{},
 * \boxed{}), and filler sentences. Steps that become empty keep their first word. NOT_FOUND when
 * nothing changed. */
rw_status rw_edit_strip(struct rw_steps in, struct rw_arena *arena, struct rw_steps *out,
                        struct rw_error *err);

#endif
