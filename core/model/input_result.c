/* The second half of rw_input_build: what the ids must fulfil, and what becomes of them. */
#include "core/base/utf8.h"
#include "core/base/util.h"
#include "core/model/input_composer.h"

/* ---- checks and results ---------------------------------------------------------------------- */

static rw_status check_ids(struct rw_composer *c)
{
    for (size_t i = 0; i < c->tokens.count; i++) {
        if ((uint32_t)c->tokens.ids[i] >= c->package->config.vocab) {
            return rw_fail(c->err, RW_MODEL_CORRUPT,
                           "the tokenizer made id %d; the model has %u embeddings",
                           c->tokens.ids[i], c->package->config.vocab);
        }
    }
    return RW_OK;
}

/* Contract 1: K steps in, K rewards out, or an error. */
static rw_status check_positions(struct rw_composer *c)
{
    size_t wanted = c->package->recipe.kind == RW_KIND_PROCESS ? c->n_steps : c->n_positions;
    int32_t marker = c->layout->marker;
    if (c->n_positions != wanted) {
        return rw_fail(c->err, RW_STEP_MISMATCH, "%zu steps have %zu positions", wanted,
                       c->n_positions);
    }
    if (marker < 0) {
        return RW_OK;
    }
    for (size_t i = 0; i < c->n_positions; i++) {
        if (c->tokens.ids[c->positions[i]] != marker) {
            return rw_composer_mismatch(c, i, "its marker was merged with text by the tokenizer");
        }
    }
    size_t found = 0;
    for (size_t i = 0; i < c->tokens.count; i++) {
        found += c->tokens.ids[i] == marker;
    }
    if (c->layout->count_marker && found != wanted) {
        rw_fail(c->err, RW_STEP_MISMATCH,
                "the model's step marker (id %d) occurs %zu times for %zu steps", marker, found,
                wanted);
        rw_error_hint(c->err, "prompt or steps hold the marker themselves");
        return RW_STEP_MISMATCH;
    }
    return RW_OK;
}

static uint32_t outcome_position(const struct rw_composer *c)
{
    if (c->n_positions > 0) {
        return c->positions[0];
    }
    size_t last = c->tokens.count - 1;
    int32_t pad = c->package->config.pad_id;
    if (c->layout->last_not_pad && pad >= 0) {
        size_t at = last;
        while (at > 0 && c->tokens.ids[at] == pad) {
            at--;
        }
        last = c->tokens.ids[at] != pad ? at : 0;
    }
    return (uint32_t)last;
}

static rw_status fill_steps(struct rw_composer *c)
{
    struct rw_input *out = c->out;
    out->steps = rw_arena_array(c->arena, c->n_steps, sizeof *out->steps);
    if (out->steps == NULL) {
        return rw_composer_no_memory(c);
    }
    size_t bytes = 0;
    size_t chars = 0;
    const char *text = c->source->text.ptr;
    for (size_t i = 0; i < c->n_steps; i++) {
        struct rw_input_step *step = &out->steps[i];
        if (c->source->is_text) { /* what stands between two steps counts */
            size_t begin = (size_t)(c->steps[i].ptr - text);
            chars += rw_utf8_count(rw_str_slice(c->source->text, bytes, begin));
            bytes = begin;
        }
        step->position = c->positions[i];
        step->tokens =
            step->position + 1 - (i > 0 ? c->positions[i - 1] + 1 : c->out->prompt_tokens);
        step->byte_begin = (uint32_t)bytes;
        step->char_begin = (uint32_t)chars;
        bytes += c->steps[i].len;
        chars += rw_utf8_count(c->steps[i]);
        step->byte_end = (uint32_t)bytes;
        step->char_end = (uint32_t)chars;
    }
    out->n_steps = (uint32_t)c->n_steps;
    out->n_scored_steps = out->n_steps;
    return RW_OK;
}

/* Attention is causal: a prefix that ends at a score position gives that step the same reward as
 * the whole trace would. So dropping steps is cutting the ids behind the last position that fits.
 */
static rw_status fit_context(struct rw_composer *c)
{
    struct rw_input *out = c->out;
    size_t max = RW_MIN(c->source->tokens_max, c->package->context_max);
    if (out->n_tokens <= max) {
        return RW_OK;
    }
    bool drop =
        c->source->overlong == RW_OVERLONG_DROP_STEPS && c->package->recipe.kind == RW_KIND_PROCESS;
    uint32_t fit = 0;
    while (drop && fit < out->n_steps && out->steps[fit].position < max) {
        fit++;
    }
    if (fit == 0) {
        rw_fail(c->err, RW_CONTEXT_EXCEEDED, "the trace has %u tokens; %zu fit%s", out->n_tokens,
                max, drop ? ", and not even the first step does" : "");
        rw_error_hint(c->err, "shorten it, or send \"overlong\":\"drop_steps\" to score the steps "
                              "that fit (process models)");
        return RW_CONTEXT_EXCEEDED;
    }
    out->n_scored_steps = fit;
    out->n_tokens = out->steps[fit - 1].position + 1;
    out->truncated = true;
    return RW_OK;
}

rw_status rw_composer_finish(struct rw_composer *c)
{
    struct rw_input *out = c->out;
    bool process = c->package->recipe.kind == RW_KIND_PROCESS;
    if (c->tokens.count == 0) {
        return rw_composer_empty(c, "the trace has no token", 0, false);
    }
    rw_status status = check_ids(c);
    if (status == RW_OK) {
        status = check_positions(c);
    }
    if (status != RW_OK) {
        return status;
    }
    out->n_tokens = (uint32_t)c->tokens.count;
    out->outcome_position = process ? 0 : outcome_position(c);
    if (process) {
        status = fill_steps(c);
    }
    if (status == RW_OK) {
        status = fit_context(c);
    }
    if (status != RW_OK) {
        return status;
    }
    out->ids = rw_arena_array(c->arena, out->n_tokens, sizeof *out->ids);
    if (out->ids == NULL) {
        return rw_composer_no_memory(c);
    }
    memcpy(out->ids, c->tokens.ids, out->n_tokens * sizeof *out->ids);
    return RW_OK;
}
