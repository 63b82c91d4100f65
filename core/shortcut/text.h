/* What the text of a trace says without any model: steps said twice, repeated phrases, the answer
 * given before the work, odd shape. Internal to core/shortcut. Near-linear in the bytes. */
#ifndef RW_SHORTCUT_TEXT_H
#define RW_SHORTCUT_TEXT_H

#include "core/shortcut/signal.h"

enum {
    RW_TEXT_DUPLICATE_MIN = 12,   /* bytes after normalisation: "So:" may come twice */
    RW_TEXT_TOKENS_MAX = 1 << 18, /* words and signs looked at for repetition */
    RW_TEXT_GRAMS_MIN = 8,        /* fewer 4-grams say nothing */
    RW_TEXT_ANSWER_MIN = 3,       /* bytes of an answer that counts wherever it stands */
};

/* Share of steps that equal an earlier one when case, spaces and closing punctuation are ignored;
 * .step is the first. NO_MEMORY. */
rw_status rw_text_duplicate(const struct rw_str *steps, size_t n_steps, struct rw_arena *arena,
                            struct rw_signal *out, struct rw_error *err);
/* Share of repeated 4-grams of tokens (words or single signs): 1 - different / all. NO_MEMORY. */
rw_status rw_text_repetition(const struct rw_str *steps, size_t n_steps, struct rw_arena *arena,
                             struct rw_signal *out, struct rw_error *err);
/* Where in the trace, 0..1 of its bytes, the answer is first seen. The answer is the reference, or
 * the one the trace boxes or announces. Unknown when there is none, when it stands in the
 * question, and when it is shorter than RW_TEXT_ANSWER_MIN and not announced ("the answer is 7"):
 * without these guards 4-7 % of clean traces have it early. */
void rw_text_answer_first(const struct rw_signal_trace *trace, struct rw_signal *out);
/* STEPS, STEP_SHARE, BYTES. */
void rw_text_shape(const struct rw_str *steps, size_t n_steps, struct rw_signals *out);

#endif
