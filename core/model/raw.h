/* An input that the client made itself: token ids, or text whose special tokens are meant.
 *
 * For wires of inference servers, whose clients lay out and tokenise a conversation on their own.
 * Rewards are read where the model's own marker stands (process models that are located by a marker
 * token), at every token (a client that picks its own), or at the end (outcome models). The steps
 * have no spans: there is no submitted text they could point into. Pure, any thread. */
#ifndef RW_MODEL_RAW_H
#define RW_MODEL_RAW_H

#include "core/model/input.h"

struct rw_raw_source {
    const int32_t *ids; /* [n_ids]; NULL: `text` */
    size_t n_ids;
    struct rw_str text;
    bool add_special;  /* text: what the tokenizer's post-processor adds, unless it is there */
    bool every_token;  /* process models: read at every token */
    size_t tokens_max; /* never over the model's context */
};

/* Errors: EMPTY_TRACE, CONTEXT_EXCEEDED, INVALID_REQUEST (an id the model does not have),
 * MODEL_KIND (this process model has no marker token), STEP_MISMATCH (no marker in the input),
 * NO_MEMORY. Arrays live in the arena. */
rw_status rw_raw_build(const struct rw_package *package, const struct rw_raw_source *source,
                       struct rw_arena *arena, struct rw_input *out, struct rw_error *err);

#endif
