#include "core/model/raw.h"

#include <string.h>

#include "core/base/assert.h"
#include "core/model/layout.h"
#include "core/model/package.h"
#include "core/text/around.h"
#include "core/text/tokenizer.h"

/* ---- ids ------------------------------------------------------------------------------------- */

static rw_status too_long(const struct rw_raw_source *source, size_t n, struct rw_error *err)
{
    return rw_fail(err, RW_CONTEXT_EXCEEDED, "the input has %s%zu tokens; the limit is %zu",
                   n > source->tokens_max ? "" : "over ", n, source->tokens_max);
}

static rw_status copy_ids(const struct rw_raw_source *source, struct rw_arena *arena,
                          struct rw_input *out, struct rw_error *err)
{
    if (source->n_ids > source->tokens_max) {
        return too_long(source, source->n_ids, err);
    }
    out->ids = rw_arena_array(arena, source->n_ids + 1, sizeof *out->ids);
    if (out->ids == NULL) {
        return rw_fail_memory(err, "the ids of this input");
    }
    if (source->n_ids > 0) {
        memcpy(out->ids, source->ids, source->n_ids * sizeof *out->ids);
    }
    out->n_tokens = (uint32_t)source->n_ids;
    return RW_OK;
}

/* The text's own tokens, and what the tokenizer's post-processor puts around a text; never twice.
 */
static rw_status lay_out(const struct rw_raw_source *source, const struct rw_around *around,
                         const struct rw_tokens *tokens, struct rw_arena *arena,
                         struct rw_input *out, struct rw_error *err)
{
    size_t before = source->add_special ? around->n_begin : 0;
    size_t behind = source->add_special ? around->n_end : 0;
    size_t n = tokens->count;
    if (before <= n && memcmp(tokens->ids, around->begin, before * sizeof *tokens->ids) == 0) {
        before = 0;
    }
    if (behind <= n && n > 0 &&
        memcmp(tokens->ids + n - behind, around->end, behind * sizeof *tokens->ids) == 0) {
        behind = 0;
    }
    if (before + n + behind > source->tokens_max) {
        return too_long(source, before + n + behind, err);
    }
    out->ids = rw_arena_array(arena, before + n + behind + 1, sizeof *out->ids);
    if (out->ids == NULL) {
        return rw_fail_memory(err, "the ids of this input");
    }
    memcpy(out->ids, around->begin, before * sizeof *out->ids);
    if (n > 0) {
        memcpy(out->ids + before, tokens->ids, n * sizeof *out->ids);
    }
    memcpy(out->ids + before + n, around->end, behind * sizeof *out->ids);
    out->n_tokens = (uint32_t)(before + n + behind);
    return RW_OK;
}

static rw_status encode(const struct rw_package *package, const struct rw_raw_source *source,
                        struct rw_arena *arena, struct rw_input *out, struct rw_error *err)
{
    struct rw_tokens tokens;
    const struct rw_segment segment = {source->text, true};
    rw_tokens_init(&tokens, source->tokens_max);
    rw_status status = rw_tokenizer_encode(package->tokenizer, &segment, 1, &tokens, err);
    if (status == RW_LIMIT_EXCEEDED) {
        status = too_long(source, source->tokens_max, err);
    } else if (status == RW_OK && tokens.count == 0) {
        status = rw_fail(err, RW_EMPTY_TRACE, "the input has no token");
    } else if (status == RW_OK) {
        const struct rw_around *around = rw_tokenizer_around(package->tokenizer);
        status = lay_out(source, around, &tokens, arena, out, err);
    }
    rw_tokens_fini(&tokens);
    return status;
}

static rw_status check_ids(const struct rw_package *package, const struct rw_input *input,
                           struct rw_error *err)
{
    for (uint32_t i = 0; i < input->n_tokens; i++) {
        if (input->ids[i] < 0 || (uint32_t)input->ids[i] >= package->config.vocab) {
            return rw_fail(err, RW_INVALID_REQUEST, "token %u has id %d; the model has ids 0 to %u",
                           i, input->ids[i], package->config.vocab - 1);
        }
    }
    return input->n_tokens > 0 ? RW_OK : rw_fail(err, RW_EMPTY_TRACE, "the input has no token");
}

/* ---- where it is read ------------------------------------------------------------------------ */

static uint32_t count_marks(const struct rw_input *input, int32_t marker)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < input->n_tokens; i++) {
        n += input->ids[i] == marker;
    }
    return n;
}

/* A marker that also occurs as ordinary text (a line feed) would be read where no step ends, so
 * only models whose reference locates by the token's id are taken. */
static rw_status place_steps(const struct rw_package *package, const struct rw_raw_source *source,
                             struct rw_arena *arena, struct rw_input *out, struct rw_error *err)
{
    const struct rw_layout *layout = package->layout;
    bool located = layout->marker >= 0 && layout->count_marker;
    if (!source->every_token && !located) {
        rw_fail(err, RW_MODEL_KIND, "this process model has no step marker of its own");
        rw_error_hint(err, "send its traces as steps to /v1/rewards");
        return RW_MODEL_KIND;
    }
    uint32_t n = source->every_token ? out->n_tokens : count_marks(out, layout->marker);
    if (n == 0) {
        rw_fail(err, RW_STEP_MISMATCH, "the model's step marker (id %d) is not in the input",
                layout->marker);
        return RW_STEP_MISMATCH;
    }
    out->steps = rw_arena_array(arena, n, sizeof *out->steps);
    if (out->steps == NULL) {
        return rw_fail_memory(err, "the steps of this input");
    }
    uint32_t step = 0, begin = 0;
    for (uint32_t i = 0; i < out->n_tokens; i++) {
        if (source->every_token || out->ids[i] == layout->marker) {
            out->steps[step++] = (struct rw_input_step){.position = i, .tokens = i + 1 - begin};
            begin = i + 1;
        }
    }
    rw_assert(step == n);
    out->n_steps = out->n_scored_steps = n;
    return RW_OK;
}

rw_status rw_raw_build(const struct rw_package *package, const struct rw_raw_source *source,
                       struct rw_arena *arena, struct rw_input *out, struct rw_error *err)
{
    *out = (struct rw_input){0};
    rw_status status = source->ids != NULL ? copy_ids(source, arena, out, err)
                                           : encode(package, source, arena, out, err);
    if (status == RW_OK) {
        status = check_ids(package, out, err);
    }
    if (status == RW_OK && package->recipe.kind == RW_KIND_PROCESS) {
        return place_steps(package, source, arena, out, err);
    }
    if (status == RW_OK) { /* the client laid it out: its last token is what it wants read */
        out->outcome_position = out->n_tokens - 1;
    }
    return status;
}
