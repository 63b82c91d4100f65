/* An answer put behind some steps of a trace, to ask a model with a language head how likely it is.
 *
 *     ids of the trace up to the token at which step t's reward is read   (t = 0: of the prompt)
 *     lead      "\n\nThe final answer is "      ours, trusted
 *     answer    "42"                            the client's, untrusted: special tokens are text
 *     tail      "\n"                            ours, trusted; may be empty
 *
 * The three are tokenised as one text, apart from what stands before them: so the ids of the
 * trace are its own, whatever follows, and the prefix cache has them. The answer begins with the
 * first token that holds a byte of it and goes to the end of the tail: with a tail "4" is not the
 * beginning of "42".
 *
 * Pure; any thread. */
#ifndef RW_MODEL_SUFFIX_H
#define RW_MODEL_SUFFIX_H

#include "core/model/input.h"

struct rw_tokenizer;

enum {
    RW_SUFFIX_BYTES_MAX = 4096, /* lead, answer and tail */
};

struct rw_suffix_source {
    struct rw_str lead;
    struct rw_str answer;
    struct rw_str tail;
    bool parse_special; /* compat: as in struct rw_trace_source */
};

struct rw_suffix {
    int32_t *ids;
    uint32_t n;
    uint32_t answer; /* ids[answer .. n) hold it and the tail; at least one */
};

/* EMPTY_TRACE (no answer), LIMIT_EXCEEDED, INVALID_UTF8, NO_MEMORY. ids live in the arena. */
rw_status rw_suffix_build(const struct rw_tokenizer *tokenizer,
                          const struct rw_suffix_source *source, struct rw_arena *arena,
                          struct rw_suffix *out, struct rw_error *err);

/* `trace` is an input of a process model, n_steps at most its n_scored_steps. CONTEXT_EXCEEDED when
 * the result has over tokens_max tokens, EMPTY_TRACE when nothing would stand before the suffix,
 * NO_MEMORY. */
rw_status rw_suffix_join(const struct rw_input *trace, size_t n_steps,
                         const struct rw_suffix *suffix, size_t tokens_max, struct rw_arena *arena,
                         struct rw_input *out, struct rw_error *err);

#endif
