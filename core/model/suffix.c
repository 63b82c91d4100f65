#include "core/model/suffix.h"

#include <string.h>

#include "core/base/assert.h"
#include "core/text/tokenizer.h"

/* As of a step's end in an input: the token that reaches the offset is the first one there, since a
 * token that ends inside a character counts as ending before it. */
static size_t answer_begin(const struct rw_tokens *tokens, size_t offset)
{
    size_t at = 0;
    while (at < tokens->count && tokens->ends[at] < offset) {
        at++;
    }
    bool reached = offset > 0 && at < tokens->count && tokens->ends[at] == offset;
    return at + reached;
}

static rw_status keep(const struct rw_tokens *tokens, size_t lead_bytes, struct rw_arena *arena,
                      struct rw_suffix *out, struct rw_error *err)
{
    size_t begin = answer_begin(tokens, lead_bytes);
    if (begin >= tokens->count) {
        return rw_fail(err, RW_EMPTY_TRACE, "the answer has no token");
    }
    out->ids = rw_arena_array(arena, tokens->count, sizeof *out->ids);
    if (out->ids == NULL) {
        return rw_fail_memory(err, "an answer");
    }
    memcpy(out->ids, tokens->ids, tokens->count * sizeof *out->ids);
    out->n = (uint32_t)tokens->count;
    out->answer = (uint32_t)begin;
    return RW_OK;
}

rw_status rw_suffix_build(const struct rw_tokenizer *tokenizer,
                          const struct rw_suffix_source *source, struct rw_arena *arena,
                          struct rw_suffix *out, struct rw_error *err)
{
    *out = (struct rw_suffix){0};
    if (source->answer.len == 0) {
        return rw_fail(err, RW_EMPTY_TRACE, "the answer is empty");
    }
    size_t around = source->lead.len + source->tail.len;
    if (around > RW_SUFFIX_BYTES_MAX || source->answer.len > RW_SUFFIX_BYTES_MAX - around) {
        return rw_fail(err, RW_LIMIT_EXCEEDED, "an answer of %zu bytes; the most is %d",
                       source->answer.len, RW_SUFFIX_BYTES_MAX);
    }
    const struct rw_segment segments[] = {
        {source->lead, true}, {source->answer, source->parse_special}, {source->tail, true}};
    size_t n = source->tail.len == 0 ? 2 : 3;
    size_t skip = source->lead.len == 0 ? 1 : 0;
    struct rw_tokens tokens;
    rw_tokens_init(&tokens, (size_t)4 * RW_SUFFIX_BYTES_MAX); /* NFC grows, and a dummy prefix */
    rw_status status = rw_tokenizer_encode(tokenizer, segments + skip, n - skip, &tokens, err);
    if (status == RW_OK) {
        status = keep(&tokens, source->lead.len, arena, out, err);
    }
    rw_tokens_fini(&tokens);
    return status;
}

rw_status rw_suffix_join(const struct rw_input *trace, size_t n_steps,
                         const struct rw_suffix *suffix, size_t tokens_max, struct rw_arena *arena,
                         struct rw_input *out, struct rw_error *err)
{
    rw_assert(n_steps <= trace->n_scored_steps && suffix->answer < suffix->n);
    size_t before =
        n_steps > 0 ? (size_t)trace->steps[n_steps - 1].position + 1 : trace->prompt_tokens;
    size_t n = before + suffix->n;
    *out = (struct rw_input){0};
    if (before + suffix->answer == 0) {
        return rw_fail(err, RW_EMPTY_TRACE, "nothing stands before the answer");
    }
    if (n > tokens_max) {
        return rw_fail(err, RW_CONTEXT_EXCEEDED,
                       "the answer ends at token %zu, the model takes %zu", n, tokens_max);
    }
    out->ids = rw_arena_array(arena, n, sizeof *out->ids);
    if (out->ids == NULL) {
        return rw_fail_memory(err, "an answer");
    }
    memcpy(out->ids, trace->ids, before * sizeof *out->ids);
    memcpy(out->ids + before, suffix->ids, suffix->n * sizeof *out->ids);
    out->n_tokens = (uint32_t)n;
    out->answer_begin = (uint32_t)(before + suffix->answer);
    return RW_OK;
}
