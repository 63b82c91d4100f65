#include "core/model/input.h"

#include <stdio.h>

#include "core/base/alloc.h"
#include "core/io/json.h"
#include "core/model/input_composer.h"
#include "core/model/input_conversation.h"
#include "core/model/split.h"

enum {
    NFC_GROWTH_MAX = 3,    /* bytes out per byte in: the most that NFC can grow UTF-8 */
    TOKENS_SPARE = 4096,   /* literals of the layout around one step are far below this */
    NUMBER_BYTES_MAX = 24, /* decimal digits of a step's number */
};

/* ---- sections -------------------------------------------------------------------------------- */

/* "Step 3: ", unless the step was written with it. */
static rw_status add_number(struct rw_composer *c, const struct rw_layout_piece *piece,
                            struct rw_str step, size_t index)
{
    size_t max = piece->text.len + piece->tail.len + NUMBER_BYTES_MAX;
    char *text = rw_arena_alloc(c->arena, max);
    if (text == NULL) {
        return rw_composer_no_memory(c);
    }
    int n = snprintf(text, max, "%.*s%zu%.*s", RW_STR_ARG(piece->text), index + 1,
                     RW_STR_ARG(piece->tail));
    struct rw_str literal = {text, (size_t)n};
    return rw_str_starts(step, literal) ? RW_OK : rw_composer_text(c, literal, true);
}

/* `trusted`: content that is the layout's own, or that the client asked to be parsed. */
static rw_status add_section(struct rw_composer *c, enum rw_section_id id, struct rw_str content,
                             bool trusted, size_t step)
{
    const struct rw_section *section = &c->layout->section[id];
    rw_status status = RW_OK;
    for (size_t i = 0; i < section->count && status == RW_OK; i++) {
        const struct rw_layout_piece *piece = &section->pieces[i];
        switch (piece->type) {
        case RW_PIECE_TEXT:
            status = rw_composer_text(c, piece->text, true);
            break;
        case RW_PIECE_CONTENT:
            status = rw_composer_text(
                c, rw_layout_trim(rw_layout_part(content, piece->part), piece->trim), trusted);
            break;
        case RW_PIECE_TOKEN:
            status = rw_composer_token(c, piece->id);
            break;
        case RW_PIECE_NUMBER:
            status = add_number(c, piece, content, step);
            break;
        case RW_PIECE_CUT:
            status = rw_composer_flush(c);
            break;
        case RW_PIECE_SCORE:
            status = rw_composer_mark(c, true, step);
            break;
        }
    }
    return status;
}

static rw_status refuse_message(struct rw_composer *c, size_t index, const char *why)
{
    rw_fail(c->err, RW_INVALID_REQUEST, "messages[%zu]: %s", index, why);
    rw_error_param(c->err, "messages[%zu]", index);
    return RW_INVALID_REQUEST;
}

static rw_status add_message(struct rw_composer *c, size_t index)
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
    rw_status status = rw_composer_count_special(c, message->content);
    return status == RW_OK ? add_section(c, id, message->content, c->source->parse_special, 0)
                           : status;
}

static rw_status add_system_default(struct rw_composer *c)
{
    const struct rw_trace_source *source = c->source;
    if (!c->layout->has_system_default ||
        (source->n_messages > 0 && source->messages[0].role == RW_ROLE_SYSTEM)) {
        return RW_OK;
    }
    return add_section(c, RW_SECTION_SYSTEM, c->layout->system_default, true, 0);
}

/* Earlier turns, then the last user message as the prompt. No message at all is an empty prompt. */
static rw_status add_conversation(struct rw_composer *c)
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
    status = rw_composer_count_special(c, c->prompt);
    if (status != RW_OK) {
        return status;
    }
    enum rw_section_id id =
        c->layout->section[RW_SECTION_PROMPT].present ? RW_SECTION_PROMPT : RW_SECTION_USER;
    status = add_section(c, id, c->prompt, source->parse_special, 0);
    if (status == RW_OK) {
        status = add_section(c, RW_SECTION_OPEN, (struct rw_str){0}, false, 0);
    }
    if (status == RW_OK && c->layout->cut_answer) {
        status = rw_composer_flush(c);
    }
    return status == RW_OK ? rw_composer_mark(c, false, 0) : status;
}

/* The step as its section renders it, to know whether anything of it is left. */
static bool step_is_empty(const struct rw_composer *c, enum rw_section_id id, struct rw_str step)
{
    const struct rw_section *section = &c->layout->section[id];
    for (size_t i = 0; i < section->count; i++) {
        const struct rw_layout_piece *piece = &section->pieces[i];
        if (piece->type == RW_PIECE_CONTENT &&
            rw_layout_trim(rw_layout_part(step, piece->part), piece->trim).len > 0) {
            return false;
        }
    }
    return true;
}

static rw_status add_step(struct rw_composer *c, size_t index)
{
    struct rw_str step = c->steps[index];
    struct rw_str suffix = c->layout->drop_suffix;
    if (suffix.len > 0 && rw_str_ends(step, suffix)) {
        step.len -= suffix.len;
    }
    bool first = index == 0 && c->layout->section[RW_SECTION_FIRST_STEP].present;
    enum rw_section_id id = first ? RW_SECTION_FIRST_STEP : RW_SECTION_STEP;
    if (!c->layout->keep_empty_steps && step_is_empty(c, id, step)) {
        return rw_composer_empty(c, "the step is empty", index, true);
    }
    rw_status status = rw_composer_count_special(c, step);
    if (status == RW_OK && index > 0) {
        status = add_section(c, RW_SECTION_BETWEEN, (struct rw_str){0}, false, index);
    }
    return status == RW_OK ? add_section(c, id, step, c->source->parse_special, index) : status;
}

/* ---- the trace ------------------------------------------------------------------------------- */

static rw_status take_steps(struct rw_composer *c)
{
    const struct rw_trace_source *source = c->source;
    if (source->is_text) {
        struct rw_split split;
        rw_status status = rw_split_text(c->layout, &source->split, source->text, source->steps_max,
                                         c->arena, &split, c->err);
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
    return c->n_steps > 0 ? RW_OK : rw_composer_empty(c, "the trace has no step", 0, false);
}

/* Without every occurrence of layout.remove; copied only when there is one. */
static rw_status remove_text(struct rw_composer *c, struct rw_str *text)
{
    struct rw_str mark = c->layout->remove;
    if (mark.len == 0 || rw_str_find(*text, mark, 0) == text->len) {
        return RW_OK;
    }
    char *to = rw_arena_alloc(c->arena, text->len + 1);
    if (to == NULL) {
        return rw_composer_no_memory(c);
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
static rw_status take_response(struct rw_composer *c)
{
    const struct rw_trace_source *source = c->source;
    if (source->is_text) {
        c->response = source->text;
    } else {
        size_t bytes = 1;
        for (size_t i = 0; i < source->n_steps; i++) {
            if (source->steps[i].len == 0) {
                return rw_composer_empty(c, "the step is empty", i, true);
            }
            bytes += source->steps[i].len + c->layout->join.len;
        }
        char *to = rw_arena_alloc(c->arena, bytes);
        if (to == NULL) {
            return rw_composer_no_memory(c);
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
    rw_status status = remove_text(c, &c->response);
    return status != RW_OK || c->response.len > 0
               ? status
               : rw_composer_empty(c, "the trace has no text", 0, false);
}

static rw_status add_trace(struct rw_composer *c)
{
    rw_status status = RW_OK;
    for (size_t i = 0; i < c->n_steps && status == RW_OK; i++) {
        status = add_step(c, i);
    }
    if (status == RW_OK && c->response.len > 0) {
        status = rw_composer_count_special(c, c->response);
    }
    if (status == RW_OK && c->response.len > 0) {
        status = add_section(c, RW_SECTION_RESPONSE, c->response, c->source->parse_special, 0);
    }
    return status == RW_OK ? add_section(c, RW_SECTION_CLOSE, (struct rw_str){0}, false, 0)
                           : status;
}

static rw_status add_end(struct rw_composer *c)
{
    rw_status status = rw_composer_end(c);
    if (status == RW_OK) {
        status = rw_composer_around(c, false);
    }
    return status == RW_OK ? rw_composer_flush(c) : status;
}

/* ---- the whole ------------------------------------------------------------------------------- */

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

static rw_status compose(struct rw_composer *c)
{
    bool by_steps =
        c->package->recipe.kind == RW_KIND_PROCESS || c->layout->section[RW_SECTION_STEP].present;
    rw_status status = by_steps ? take_steps(c) : take_response(c);
    if (status != RW_OK) {
        return status;
    }
    c->positions = rw_arena_array(c->arena, c->n_steps + 1, sizeof *c->positions);
    if (c->positions == NULL) {
        return rw_composer_no_memory(c);
    }
    status = rw_composer_around(c, true);
    if (status == RW_OK && c->layout->jinja != NULL) {
        status = rw_composer_template(c);
    } else if (status == RW_OK) {
        status = add_conversation(c);
        status = status == RW_OK ? add_trace(c) : status;
    }
    if (status == RW_OK) {
        status = add_end(c);
    }
    return status == RW_OK ? rw_composer_finish(c) : status;
}

/* Sections hold texts of three roles; only a template lays tools out. */
static rw_status check_tools(const struct rw_package *package, const struct rw_trace_source *source,
                             struct rw_error *err)
{
    if (package->layout->jinja != NULL || source->tools == NULL) {
        return RW_OK;
    }
    rw_fail(err, RW_INVALID_REQUEST, "the recipe of this model has no place for tools");
    rw_error_param(err, "tools");
    return RW_INVALID_REQUEST;
}

/* What the model has no place for, where the client chose that it is no error. */
static rw_status fit_conversation(const struct rw_package *package, struct rw_trace_source *source,
                                  struct rw_arena *arena, struct rw_input *out)
{
    struct rw_conversation fit;
    rw_status status = rw_conversation_fit(&package->places, source->roles, source->messages,
                                           source->n_messages, arena, &fit);
    if (status == RW_OK) {
        source->messages = fit.messages;
        source->n_messages = fit.n;
        out->system_dropped = fit.dropped;
        out->turns_folded = fit.folded;
    }
    return status;
}

rw_status rw_input_json(struct rw_str text, struct rw_arena *arena, const struct rw_json **out)
{
    return rw_json_parse(arena, text, out, NULL);
}

rw_status rw_input_build(const struct rw_package *package, const struct rw_trace_source *source,
                         struct rw_arena *arena, struct rw_input *out, struct rw_error *err)
{
    *out = (struct rw_input){0};
    rw_status plain = check_tools(package, source, err);
    if (plain != RW_OK) {
        return plain;
    }
    size_t bytes = source_bytes(source);
    if (bytes == 0) {
        return rw_fail(err, RW_LIMIT_EXCEEDED, "a trace of over 1 GiB");
    }
    struct rw_trace_source fitted = *source;
    if (fit_conversation(package, &fitted, arena, out) != RW_OK) {
        return rw_fail_memory(err, "the conversation");
    }
    struct rw_composer c = {
        .package = package,
        .layout = package->layout,
        .source = &fitted,
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
