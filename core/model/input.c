#include "core/model/input.h"

#include <stdio.h>

#include "core/base/alloc.h"
#include "core/base/assert.h"
#include "core/base/utf8.h"
#include "core/model/layout.h"
#include "core/model/package.h"
#include "core/model/split.h"

enum {
    NFC_GROWTH_MAX = 3,  /* bytes out per byte in: the most that NFC can grow UTF-8 */
    TOKENS_SPARE = 4096, /* literals of the layout around one step are far below this */
    SEGMENTS_FIRST = 64,
    NUMBER_BYTES_MAX = 24, /* decimal digits of a step's number */
};

/* Something to be found in the ids of a run: what ends at a byte offset of its text. */
struct mark {
    size_t offset;
    uint32_t step;
    bool is_score; /* else: the first step begins here */
};

/* Builds one input. Texts are collected into a run; a token, a cut or the end tokenises it. */
struct composer {
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
    struct mark *marks; /* of the run, rising */
    size_t n_marks;
    size_t marks_size;
    uint32_t *positions; /* one per step, or one for an outcome */
    size_t n_positions;
};

static rw_status no_memory(struct composer *c)
{
    return rw_fail(c->err, RW_NO_MEMORY, "no memory for the input of a trace");
}

static rw_status mismatch(struct composer *c, size_t step, const char *why)
{
    rw_fail(c->err, RW_STEP_MISMATCH, "step %zu: %s", step, why);
    rw_error_param(c->err, "steps[%zu]", step);
    rw_error_hint(c->err, "the step holds text that the model's tokenizer merges with its step "
                          "marker, or the marker itself");
    return RW_STEP_MISMATCH;
}

/* ---- runs ------------------------------------------------------------------------------------ */

static void set_position(struct composer *c, const struct mark *mark, size_t tokens)
{
    if (mark->is_score) {
        c->positions[mark->step] = (uint32_t)(tokens - 1);
        c->n_positions++;
    } else {
        c->out->prompt_tokens = (uint32_t)tokens;
    }
}

/* Tokens first .. count were made from the run; marks and ends both rise. A token that ends inside
 * a character counts as ending before it, so the token that reaches a mark is the first one there:
 * the next ones at the same offset are pieces of the character behind it. */
static rw_status place_marks(struct composer *c, size_t first)
{
    size_t at = first;
    for (size_t i = 0; i < c->n_marks; i++) {
        const struct mark *mark = &c->marks[i];
        while (at < c->tokens.count && c->tokens.ends[at] < mark->offset) {
            at++;
        }
        bool reached = at < c->tokens.count && c->tokens.ends[at] == mark->offset;
        if (mark->is_score && !reached) {
            return mismatch(c, mark->step, "no token ends where its reward is read");
        }
        set_position(c, mark, at + reached);
    }
    return RW_OK;
}

static rw_status flush(struct composer *c)
{
    size_t first = c->tokens.count;
    rw_status status = RW_OK;
    if (c->run_bytes > 0) {
        status = rw_tokenizer_encode(c->package->tokenizer, c->segments, c->n_segments, &c->tokens,
                                     c->err);
        if (status == RW_OK) {
            status = place_marks(c, first);
        }
    }
    c->n_segments = 0;
    c->n_marks = 0;
    c->run_bytes = 0;
    return status;
}

static rw_status add_text(struct composer *c, struct rw_str text, bool trusted)
{
    if (text.len == 0) {
        return RW_OK;
    }
    if (c->n_segments == c->segments_size) {
        size_t size = c->segments_size == 0 ? SEGMENTS_FIRST : 2 * c->segments_size;
        struct rw_segment *more = rw_realloc_array(c->segments, size, sizeof *more);
        if (more == NULL) {
            return no_memory(c);
        }
        c->segments = more;
        c->segments_size = size;
    }
    c->segments[c->n_segments++] = (struct rw_segment){.text = text, .trusted = trusted};
    c->run_bytes += text.len;
    return RW_OK;
}

static rw_status add_token(struct composer *c, int32_t id)
{
    rw_status status = flush(c);
    if (status == RW_OK && !rw_tokens_push(&c->tokens, id, 0)) {
        status = no_memory(c);
    }
    return status;
}

static rw_status add_mark(struct composer *c, bool is_score, size_t step)
{
    struct mark mark = {.offset = c->run_bytes, .step = (uint32_t)step, .is_score = is_score};
    if (c->run_bytes == 0) { /* a token or a cut came last: its index is known already */
        if (is_score && c->tokens.count == 0) {
            return mismatch(c, step, "there is no token before its reward");
        }
        set_position(c, &mark, c->tokens.count);
        return RW_OK;
    }
    if (c->n_marks == c->marks_size) {
        size_t size = c->marks_size == 0 ? SEGMENTS_FIRST : 2 * c->marks_size;
        struct mark *more = rw_realloc_array(c->marks, size, sizeof *more);
        if (more == NULL) {
            return no_memory(c);
        }
        c->marks = more;
        c->marks_size = size;
    }
    c->marks[c->n_marks++] = mark;
    return RW_OK;
}

/* ---- sections -------------------------------------------------------------------------------- */

/* "Step 3: ", unless the step was written with it. */
static rw_status add_number(struct composer *c, const struct rw_piece *piece, struct rw_str step,
                            size_t index)
{
    size_t max = piece->text.len + piece->tail.len + NUMBER_BYTES_MAX;
    char *text = rw_arena_alloc(c->arena, max);
    if (text == NULL) {
        return no_memory(c);
    }
    int n = snprintf(text, max, "%.*s%zu%.*s", RW_STR_ARG(piece->text), index + 1,
                     RW_STR_ARG(piece->tail));
    struct rw_str literal = {text, (size_t)n};
    return rw_str_starts(step, literal) ? RW_OK : add_text(c, literal, true);
}

/* `trusted`: content that is the layout's own, or that the client asked to be parsed. */
static rw_status add_section(struct composer *c, enum rw_section_id id, struct rw_str content,
                             bool trusted, size_t step)
{
    const struct rw_section *section = &c->layout->section[id];
    rw_status status = RW_OK;
    for (size_t i = 0; i < section->count && status == RW_OK; i++) {
        const struct rw_piece *piece = &section->pieces[i];
        switch (piece->type) {
        case RW_PIECE_TEXT:
            status = add_text(c, piece->text, true);
            break;
        case RW_PIECE_CONTENT:
            status = add_text(c, rw_layout_trim(rw_layout_part(content, piece->part), piece->trim),
                              trusted);
            break;
        case RW_PIECE_TOKEN:
            status = add_token(c, piece->id);
            break;
        case RW_PIECE_NUMBER:
            status = add_number(c, piece, content, step);
            break;
        case RW_PIECE_CUT:
            status = flush(c);
            break;
        case RW_PIECE_SCORE:
            status = add_mark(c, true, step);
            break;
        }
    }
    return status;
}

static rw_status refuse_message(struct composer *c, size_t index, const char *why)
{
    rw_fail(c->err, RW_INVALID_REQUEST, "messages[%zu]: %s", index, why);
    rw_error_param(c->err, "messages[%zu]", index);
    return RW_INVALID_REQUEST;
}

/* Special tokens typed inside content are reported, whether or not they are parsed. */
static rw_status count_special(struct composer *c, struct rw_str text)
{
    return rw_tokenizer_count_special(c->package->tokenizer, text, &c->out->special_token_texts,
                                      c->err);
}

static rw_status add_message(struct composer *c, size_t index)
{
    static const enum rw_section_id SECTION[] = {
        [RW_ROLE_SYSTEM] = RW_SECTION_SYSTEM,
        [RW_ROLE_USER] = RW_SECTION_USER,
        [RW_ROLE_ASSISTANT] = RW_SECTION_ASSISTANT,
    };
    const struct rw_message *message = &c->source->messages[index];
    enum rw_section_id id = SECTION[message->role];
    if (!c->layout->section[id].present) {
        return refuse_message(c, index, "the prompt of this model has no place for such a message");
    }
    if (message->role == RW_ROLE_SYSTEM && index > 0) {
        return refuse_message(c, index, "a system message must come first");
    }
    rw_status status = count_special(c, message->content);
    return status == RW_OK ? add_section(c, id, message->content, c->source->parse_special, 0)
                           : status;
}

static rw_status add_system_default(struct composer *c)
{
    const struct rw_trace_source *source = c->source;
    if (!c->layout->has_system_default ||
        (source->n_messages > 0 && source->messages[0].role == RW_ROLE_SYSTEM)) {
        return RW_OK;
    }
    return add_section(c, RW_SECTION_SYSTEM, c->layout->system_default, true, 0);
}

/* Earlier turns, then the last user message as the prompt. No message at all is an empty prompt. */
static rw_status add_conversation(struct composer *c)
{
    const struct rw_trace_source *source = c->source;
    rw_status status = add_section(c, RW_SECTION_BEGIN, (struct rw_str){0}, false, 0);
    if (status == RW_OK) {
        status = add_system_default(c);
    }
    size_t last = source->n_messages;
    if (last > 0) {
        last--;
        c->prompt = source->messages[last].content;
        if (source->messages[last].role != RW_ROLE_USER) {
            return refuse_message(c, last, "the last message before a trace must be the user's");
        }
        if (c->prompt.len == 0 && !source->no_question) {
            return refuse_message(c, last, "the prompt is empty");
        }
    }
    for (size_t i = 0; i < last && status == RW_OK; i++) {
        status = add_message(c, i);
    }
    if (status != RW_OK) {
        return status;
    }
    status = count_special(c, c->prompt);
    if (status != RW_OK) {
        return status;
    }
    enum rw_section_id id =
        c->layout->section[RW_SECTION_PROMPT].present ? RW_SECTION_PROMPT : RW_SECTION_USER;
    status = add_section(c, id, c->prompt, source->parse_special, 0);
    if (status == RW_OK) {
        status = add_section(c, RW_SECTION_OPEN, (struct rw_str){0}, false, 0);
    }
    return status == RW_OK ? add_mark(c, false, 0) : status;
}

static rw_status empty_trace(struct composer *c, const char *message, size_t step, bool of_step)
{
    rw_fail(c->err, RW_EMPTY_TRACE, "%s", message);
    if (of_step) {
        rw_error_param(c->err, "steps[%zu]", step);
    } else {
        rw_error_param(c->err, "%s", c->source->is_text ? "text" : "steps");
    }
    return RW_EMPTY_TRACE;
}

/* The step as its section renders it, to know whether anything of it is left. */
static bool step_is_empty(const struct composer *c, enum rw_section_id id, struct rw_str step)
{
    const struct rw_section *section = &c->layout->section[id];
    for (size_t i = 0; i < section->count; i++) {
        const struct rw_piece *piece = &section->pieces[i];
        if (piece->type == RW_PIECE_CONTENT &&
            rw_layout_trim(rw_layout_part(step, piece->part), piece->trim).len > 0) {
            return false;
        }
    }
    return true;
}

static rw_status add_step(struct composer *c, size_t index)
{
    struct rw_str step = c->steps[index];
    struct rw_str suffix = c->layout->drop_suffix;
    if (suffix.len > 0 && rw_str_ends(step, suffix)) {
        step.len -= suffix.len;
    }
    bool first = index == 0 && c->layout->section[RW_SECTION_FIRST_STEP].present;
    enum rw_section_id id = first ? RW_SECTION_FIRST_STEP : RW_SECTION_STEP;
    if (!c->layout->keep_empty_steps && step_is_empty(c, id, step)) {
        return empty_trace(c, "the step is empty", index, true);
    }
    rw_status status = count_special(c, step);
    if (status == RW_OK && index > 0) {
        status = add_section(c, RW_SECTION_BETWEEN, (struct rw_str){0}, false, index);
    }
    return status == RW_OK ? add_section(c, id, step, c->source->parse_special, index) : status;
}

/* ---- the trace ------------------------------------------------------------------------------- */

static rw_status take_steps(struct composer *c)
{
    const struct rw_trace_source *source = c->source;
    if (source->is_text) {
        struct rw_split split;
        rw_status status =
            rw_split_text(c->layout, source->text, source->steps_max, c->arena, &split, c->err);
        if (status != RW_OK) {
            return status;
        }
        c->steps = split.steps;
        c->n_steps = split.n_steps;
        c->out->split = split.separator;
    } else {
        c->steps = source->steps;
        c->n_steps = source->n_steps;
        if (c->n_steps > source->steps_max) {
            rw_fail(c->err, RW_LIMIT_EXCEEDED, "%zu steps are over the limit of %zu", c->n_steps,
                    source->steps_max);
            rw_error_param(c->err, "steps");
            return RW_LIMIT_EXCEEDED;
        }
    }
    return c->n_steps > 0 ? RW_OK : empty_trace(c, "the trace has no step", 0, false);
}

/* Without every occurrence of layout.remove; copied only when there is one. */
static rw_status remove_text(struct composer *c, struct rw_str *text)
{
    struct rw_str mark = c->layout->remove;
    if (mark.len == 0 || rw_str_find(*text, mark, 0) == text->len) {
        return RW_OK;
    }
    char *to = rw_arena_alloc(c->arena, text->len + 1);
    if (to == NULL) {
        return no_memory(c);
    }
    size_t n = 0;
    for (size_t at = 0; at < text->len;) {
        size_t end = rw_str_find(*text, mark, at);
        memcpy(to + n, text->ptr + at, end - at);
        n += end - at;
        at = end < text->len ? end + mark.len : end;
    }
    *text = (struct rw_str){to, n};
    return RW_OK;
}

/* The whole answer as one text: as submitted, or the steps with layout.join between them. */
static rw_status take_response(struct composer *c)
{
    const struct rw_trace_source *source = c->source;
    if (source->is_text) {
        c->response = source->text;
    } else {
        size_t bytes = 1;
        for (size_t i = 0; i < source->n_steps; i++) {
            bytes += source->steps[i].len + c->layout->join.len;
        }
        char *to = rw_arena_alloc(c->arena, bytes);
        if (to == NULL) {
            return no_memory(c);
        }
        size_t n = 0;
        for (size_t i = 0; i < source->n_steps; i++) {
            struct rw_str part[] = {i > 0 ? c->layout->join : (struct rw_str){0}, source->steps[i]};
            for (int k = 0; k < 2; k++) {
                if (part[k].len > 0) {
                    memcpy(to + n, part[k].ptr, part[k].len);
                    n += part[k].len;
                }
            }
        }
        c->response = (struct rw_str){to, n};
    }
    return c->response.len > 0 ? remove_text(c, &c->response)
                               : empty_trace(c, "the trace has no text", 0, false);
}

static rw_status add_trace(struct composer *c)
{
    rw_status status = RW_OK;
    for (size_t i = 0; i < c->n_steps && status == RW_OK; i++) {
        status = add_step(c, i);
    }
    if (status == RW_OK && c->response.len > 0) {
        status = count_special(c, c->response);
    }
    if (status == RW_OK && c->response.len > 0) {
        status = add_section(c, RW_SECTION_RESPONSE, c->response, c->source->parse_special, 0);
    }
    if (status == RW_OK) {
        status = add_section(c, RW_SECTION_CLOSE, (struct rw_str){0}, false, 0);
    }
    return status == RW_OK ? flush(c) : status;
}

/* ---- checks and results ---------------------------------------------------------------------- */

static rw_status check_ids(struct composer *c)
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
static rw_status check_positions(struct composer *c)
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
            return mismatch(c, i, "its marker was merged with text by the tokenizer");
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

static uint32_t outcome_position(const struct composer *c)
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

static rw_status fill_steps(struct composer *c)
{
    struct rw_input *out = c->out;
    out->steps = rw_arena_array(c->arena, c->n_steps, sizeof *out->steps);
    if (out->steps == NULL) {
        return no_memory(c);
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
static rw_status fit_context(struct composer *c)
{
    struct rw_input *out = c->out;
    size_t max = c->source->tokens_max < c->package->context_max ? c->source->tokens_max
                                                                 : c->package->context_max;
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

static rw_status finish(struct composer *c)
{
    struct rw_input *out = c->out;
    bool process = c->package->recipe.kind == RW_KIND_PROCESS;
    if (c->tokens.count == 0) {
        return empty_trace(c, "the trace has no token", 0, false);
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
        return no_memory(c);
    }
    memcpy(out->ids, c->tokens.ids, out->n_tokens * sizeof *out->ids);
    return RW_OK;
}

/* Bytes the client sent; 0 when the sum is too large for offsets of 32 bits. */
static size_t source_bytes(const struct rw_trace_source *source)
{
    size_t bytes = source->is_text ? source->text.len : 0;
    for (size_t i = 0; i < source->n_messages; i++) {
        bytes += source->messages[i].content.len;
    }
    for (size_t i = 0; !source->is_text && i < source->n_steps; i++) {
        bytes += source->steps[i].len;
    }
    return bytes < UINT32_MAX / 4 ? bytes + 1 : 0;
}

static rw_status compose(struct composer *c)
{
    bool by_steps =
        c->package->recipe.kind == RW_KIND_PROCESS || c->layout->section[RW_SECTION_STEP].present;
    rw_status status = by_steps ? take_steps(c) : take_response(c);
    if (status != RW_OK) {
        return status;
    }
    c->positions = rw_arena_array(c->arena, c->n_steps + 1, sizeof *c->positions);
    if (c->positions == NULL) {
        return no_memory(c);
    }
    status = add_conversation(c);
    if (status == RW_OK) {
        status = add_trace(c);
    }
    return status == RW_OK ? finish(c) : status;
}

rw_status rw_input_build(const struct rw_package *package, const struct rw_trace_source *source,
                         struct rw_arena *arena, struct rw_input *out, struct rw_error *err)
{
    *out = (struct rw_input){0};
    size_t bytes = source_bytes(source);
    if (bytes == 0) {
        return rw_fail(err, RW_LIMIT_EXCEEDED, "a trace of over 1 GiB");
    }
    struct composer c = {
        .package = package,
        .layout = package->layout,
        .source = source,
        .arena = arena,
        .err = err,
        .out = out,
    };
    /* Enough for every token of this text, so that an overlong trace is refused with its length. */
    rw_tokens_init(&c.tokens, NFC_GROWTH_MAX * bytes + TOKENS_SPARE * (source->n_steps + 2) +
                                  TOKENS_SPARE * source->n_messages);
    rw_status status = compose(&c);
    rw_tokens_fini(&c.tokens);
    rw_free(c.segments);
    rw_free(c.marks);
    return status;
}
