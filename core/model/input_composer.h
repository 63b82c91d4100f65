/* One input while it is built: what input.c and its two helpers share.
 *
 * Texts are collected into a run; a token, a cut or the end of the input tokenises it as one text
 * (input_composer.c). Which texts come when, is input.c; what the finished ids must fulfil,
 * input_result.c. Lives within one call of rw_input_build. */
#ifndef RW_MODEL_INPUT_COMPOSER_H
#define RW_MODEL_INPUT_COMPOSER_H

#include "core/model/input.h"
#include "core/model/layout.h"
#include "core/model/package.h"

/* Something to be found in the ids of a run: what ends at a byte offset of its text. */
struct rw_composer_mark {
    size_t offset;
    uint32_t step;
    bool is_score; /* else: the first step begins here */
};

struct rw_composer {
    const struct rw_package *package;
    const struct rw_layout *layout;
    const struct rw_trace_source *source;
    struct rw_arena *arena;
    struct rw_error *err;
    struct rw_input *out;
    struct rw_str prompt; /* of the last user message */
    struct rw_str response;
    const struct rw_str *steps;
    size_t n_steps;
    struct rw_tokens tokens;
    struct rw_segment *segments; /* of the run */
    size_t n_segments;
    size_t segments_size;
    size_t run_bytes;
    struct rw_composer_mark *marks; /* of the run, rising */
    size_t n_marks;
    size_t marks_size;
    uint32_t *positions; /* one per step, or one for an outcome */
    size_t n_positions;
};

/* `trusted`: special tokens in it are recognised. */
rw_status rw_composer_text(struct rw_composer *c, struct rw_str text, bool trusted);
rw_status rw_composer_token(struct rw_composer *c, int32_t id);
/* A reward of `step` is read at the token that ends here, or the first step begins here. */
rw_status rw_composer_mark(struct rw_composer *c, bool is_score, size_t step);
/* Special tokens typed inside content are reported, whether or not they are parsed. */
rw_status rw_composer_count_special(struct rw_composer *c, struct rw_str text);
/* Conversation and trace, as the folder's chat template lays them out (input_template.c). */
rw_status rw_composer_template(struct rw_composer *c);
/* What the layout does to the end of the whole text. */
rw_status rw_composer_end(struct rw_composer *c);
/* Tokens of the tokenizer's post-processor, before (or behind) everything. */
rw_status rw_composer_around(struct rw_composer *c, bool before);
/* Tokenises the run. */
rw_status rw_composer_flush(struct rw_composer *c);

/* Errors; each returns its status. */
rw_status rw_composer_no_memory(struct rw_composer *c);
rw_status rw_composer_mismatch(struct rw_composer *c, size_t step, const char *why);
rw_status rw_composer_empty(struct rw_composer *c, const char *message, size_t step, bool of_step);

/* From all ids and positions to the result, checked and fitted into the context. */
rw_status rw_composer_finish(struct rw_composer *c);

#endif
