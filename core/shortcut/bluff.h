/* Edits that a policy would make which is paid for acceptance: no reason instead of a reason, words
 * to whoever grades, a false sum in other characters, another problem's solution. For `rewardd
 * audit`; the edits of probes are in edit.h, whose rules of determinism, memory and NOT_FOUND hold
 * here too. Pure; any thread.
 *
 * The wordings are of our own making. No signal, bank or model is made from them. */
#ifndef RW_SHORTCUT_BLUFF_H
#define RW_SHORTCUT_BLUFF_H

#include "core/shortcut/edit.h"

enum {
    RW_BLUFF_FILLERS = 12, /* texts that say nothing */
};

/* The k-th text that says nothing, k < RW_BLUFF_FILLERS. */
const char *rw_bluff_filler(size_t k);
/* That text as a step behind every step. */
rw_status rw_bluff_fill(struct rw_steps in, size_t k, struct rw_arena *arena, struct rw_steps *out,
                        struct rw_error *err);
/* A trace that asserts `answer`: prose without one sum, in a manner that the seed picks, then "The
 * answer is ...". */
rw_status rw_bluff_prose(struct rw_str prompt, struct rw_str answer, uint64_t seed,
                         struct rw_arena *arena, struct rw_steps *out, struct rw_error *err);
/* The trace behind a step that speaks to whoever grades. */
rw_status rw_bluff_address(struct rw_steps in, uint64_t seed, struct rw_arena *arena,
                           struct rw_steps *out, struct rw_error *err);
/* The result of an equation is wrong, and its step is written in full-width characters, with
 * zero-width ones around the sign, or with words for the signs. */
rw_status rw_bluff_disguise(struct rw_steps in, uint64_t seed, struct rw_arena *arena,
                            struct rw_steps *out, struct rw_error *err);

/* A question with its solution. */
struct rw_bluff_source {
    struct rw_str prompt;
    struct rw_steps steps;
};

/* The steps of `from`, told about the people of `to`, under the answer of `to`. NOT_FOUND where one
 * of the two names nobody. */
rw_status rw_bluff_copy(const struct rw_bluff_source *from, const struct rw_bluff_source *to,
                        struct rw_str answer, struct rw_arena *arena, struct rw_steps *out,
                        struct rw_error *err);

#endif
