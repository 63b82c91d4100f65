/* The conversation and the trace through the folder's own chat template.
 *
 * The template sees the messages and an assistant's turn: the response, or the steps with what the
 * layout puts around them. Every byte of the clients' text and of the layout's literals is
 * numbered; the rendered text brings the numbers back, wherever the template moved, stripped or
 * split. So the runs of the result are known to be the template's (special tokens count), the
 * layout's (so do theirs) or a client's (plain text), and a mark behind the k-th byte of the trace
 * is found again. A template that writes the answer twice, or leaves out what a mark stands behind,
 * fails the trace. */
#include <string.h>

#include "core/base/util.h"
#include "core/io/json.h"
#include "core/model/input_composer.h"
#include "core/text/jinja.h"

enum {
    MARKS_FIRST = 16,
};

/* A reward is read behind that many bytes of the assistant's turn. */
struct mark {
    size_t behind;
    uint32_t step;
};

/* The assistant's turn: what the client wrote and what the layout put around it. */
struct turn {
    char *ptr;
    bool *trusted; /* [len] */
    size_t len;
    size_t size;
    struct mark *marks;
    size_t n_marks;
    size_t marks_size;
};

/* ---- the assistant's turn -------------------------------------------------------------------- */

static bool grow(struct rw_composer *c, struct turn *t, size_t more)
{
    if (t->len + more <= t->size) {
        return true;
    }
    size_t size = RW_MAX(2 * t->size, t->len + more);
    char *ptr = rw_arena_array(c->arena, size, 1);
    bool *trusted = rw_arena_array(c->arena, size, sizeof *trusted);
    if (ptr == NULL || trusted == NULL) {
        return false;
    }
    if (t->len > 0) {
        memcpy(ptr, t->ptr, t->len);
        memcpy(trusted, t->trusted, t->len * sizeof *trusted);
    }
    t->ptr = ptr;
    t->trusted = trusted;
    t->size = size;
    return true;
}

static rw_status turn_text(struct rw_composer *c, struct turn *t, struct rw_str text, bool trusted)
{
    if (!grow(c, t, text.len + 1)) {
        return rw_composer_no_memory(c);
    }
    if (text.len > 0) {
        memcpy(t->ptr + t->len, text.ptr, text.len);
        memset(t->trusted + t->len, trusted, text.len * sizeof *t->trusted);
    }
    t->len += text.len;
    return RW_OK;
}

static rw_status turn_mark(struct rw_composer *c, struct turn *t, size_t step)
{
    if (t->n_marks == t->marks_size) {
        size_t size = RW_MAX(2 * t->marks_size, MARKS_FIRST);
        struct mark *more = rw_arena_array(c->arena, size, sizeof *more);
        if (more == NULL) {
            return rw_composer_no_memory(c);
        }
        if (t->n_marks > 0) {
            memcpy(more, t->marks, t->n_marks * sizeof *more);
        }
        t->marks = more;
        t->marks_size = size;
    }
    t->marks[t->n_marks++] = (struct mark){t->len, (uint32_t)step};
    return RW_OK;
}

/* Pieces that stand inside a rendered text; tokens and cuts have no place there, and the manifest
 * refuses them. */
static rw_status turn_section(struct rw_composer *c, struct turn *t, enum rw_section_id id,
                              struct rw_str content, size_t step)
{
    const struct rw_section *section = &c->layout->section[id];
    rw_status status = RW_OK;
    for (size_t i = 0; i < section->count && status == RW_OK; i++) {
        const struct rw_layout_piece *piece = &section->pieces[i];
        if (piece->type == RW_PIECE_TEXT) {
            status = turn_text(c, t, piece->text, true);
        } else if (piece->type == RW_PIECE_CONTENT) {
            struct rw_str text = rw_layout_trim(rw_layout_part(content, piece->part), piece->trim);
            status = turn_text(c, t, text, c->source->parse_special);
        } else if (piece->type == RW_PIECE_SCORE) {
            status = turn_mark(c, t, step);
        }
    }
    return status;
}

static rw_status fill_turn(struct rw_composer *c, struct turn *t)
{
    rw_status status = RW_OK;
    if (c->response.len > 0) {
        status = rw_composer_count_special(c, c->response);
        return status == RW_OK ? turn_text(c, t, c->response, c->source->parse_special) : status;
    }
    for (size_t i = 0; i < c->n_steps && status == RW_OK; i++) {
        struct rw_str step = c->steps[i];
        bool first = i == 0 && c->layout->section[RW_SECTION_FIRST_STEP].present;
        if (!c->layout->keep_empty_steps && rw_layout_trim(step, RW_TRIM_NONE).len == 0) {
            return rw_composer_empty(c, "the step is empty", i, true);
        }
        status = rw_composer_count_special(c, step);
        if (status == RW_OK && i > 0) {
            status = turn_section(c, t, RW_SECTION_BETWEEN, (struct rw_str){0}, i);
        }
        if (status == RW_OK) {
            status = turn_section(c, t, first ? RW_SECTION_FIRST_STEP : RW_SECTION_STEP, step, i);
        }
    }
    return status;
}

/* ---- what the template sees ------------------------------------------------------------------ */

static bool put_message(struct rw_arena *arena, struct rw_jinja_value *messages, const char *role,
                        struct rw_str content, uint32_t origin)
{
    struct rw_jinja_value *message = rw_jinja_dict(arena);
    return rw_jinja_put(arena, message, "role", rw_jinja_str(arena, rw_str_from(role), 0)) &&
           rw_jinja_put(arena, message, "content", rw_jinja_str(arena, content, origin)) &&
           rw_jinja_append(arena, messages, message);
}

/* Names under which a message's reasoning is passed, the first that is there counts (transformers,
 * _REASONING_FIELDS). */
static const struct rw_json *reasoning_of(const struct rw_json *message)
{
    static const char *const NAME[] = {"reasoning_content", "thinking", "reasoning"};
    for (size_t i = 0; i < RW_COUNT(NAME); i++) {
        const struct rw_json *value = rw_json_get(message, NAME[i]);
        if (value != NULL && value->type != RW_JSON_NULL) {
            return value;
        }
    }
    return NULL;
}

static bool put_json(struct rw_arena *arena, struct rw_jinja_value *dict, struct rw_str key,
                     const struct rw_json *value, uint32_t *origin)
{
    const char *name = rw_arena_copy(arena, key).ptr; /* the dict keeps it */
    return name != NULL &&
           rw_jinja_put(arena, dict, name, rw_jinja_from_client(arena, value, origin));
}

/* As apply_chat_template passes it on: members that are null are left out, and the reasoning is
 * there under the two names that templates read. */
static bool put_whole(struct rw_arena *arena, struct rw_jinja_value *messages,
                      const struct rw_json *whole, uint32_t *origin)
{
    struct rw_jinja_value *message = rw_jinja_dict(arena);
    const struct rw_json *reasoning = reasoning_of(whole);
    bool good =
        reasoning == NULL || put_json(arena, message, RW_STR("thinking"), reasoning, origin);
    RW_JSON_EACH (member, whole) {
        if (member->type != RW_JSON_NULL) {
            good = good && put_json(arena, message, member->key, member, origin);
        }
    }
    good = good && (reasoning == NULL ||
                    put_json(arena, message, RW_STR("reasoning_content"), reasoning, origin));
    return good && rw_jinja_append(arena, messages, message);
}

/* Messages are numbered from 1 on, the turn behind them; *first is its first number. */
static const struct rw_jinja_value *make_context(struct rw_composer *c, const struct turn *t,
                                                 uint32_t *first)
{
    static const char *const ROLE[] = {
        [RW_ROLE_SYSTEM] = "system", [RW_ROLE_USER] = "user", [RW_ROLE_ASSISTANT] = "assistant"};
    struct rw_arena *arena = c->arena;
    struct rw_jinja_value *globals = rw_jinja_dict(arena);
    struct rw_jinja_value *messages = rw_jinja_list(arena);
    uint32_t origin = 1;
    bool good = globals != NULL && messages != NULL;
    for (size_t i = 0; i < c->source->n_messages && good; i++) {
        const struct rw_message *m = &c->source->messages[i];
        if (m->whole != NULL) {
            good = put_whole(arena, messages, m->whole, &origin);
            continue;
        }
        good = put_message(arena, messages, ROLE[m->role], m->content, origin);
        origin += (uint32_t)m->content.len;
    }
    const struct rw_jinja_value *tools =
        c->source->tools != NULL ? rw_jinja_from_client(arena, c->source->tools, &origin)
                                 : rw_jinja_none(arena);
    *first = origin;
    good =
        good && put_message(arena, messages, "assistant", (struct rw_str){t->ptr, t->len}, origin);
    good = good && rw_jinja_put(arena, globals, "messages", messages) &&
           rw_jinja_put(arena, globals, "tools", tools) &&
           rw_jinja_put(arena, globals, "documents", rw_jinja_none(arena)) &&
           rw_jinja_put(arena, globals, "add_generation_prompt", rw_jinja_bool(arena, false));
    for (size_t i = 0; i < c->layout->n_special && good; i++) {
        good = rw_jinja_put(arena, globals, c->layout->special[i].name,
                            rw_jinja_str(arena, c->layout->special[i].text, 0));
    }
    return good ? globals : NULL;
}

/* ---- what came out --------------------------------------------------------------------------- */

/* The rendered text, cut into runs and marks. */
struct reader {
    struct rw_composer *c;
    const struct turn *turn;
    struct rw_jinja_text text;
    uint32_t first;  /* number of the turn's first byte */
    size_t expected; /* bytes of the turn that were met, or left out */
    size_t mark;     /* the next one */
    bool begun;
};

static bool in_turn(const struct reader *r, size_t at)
{
    uint32_t origin = r->text.origin != NULL ? r->text.origin[at] : 0;
    return origin >= r->first && origin - r->first < r->turn->len;
}

static bool is_trusted(const struct reader *r, size_t at)
{
    uint32_t origin = r->text.origin != NULL ? r->text.origin[at] : 0;
    if (origin == 0 || r->c->source->parse_special) {
        return true;
    }
    return in_turn(r, at) && r->turn->trusted[origin - r->first];
}

static rw_status refuse(struct reader *r, const char *why)
{
    rw_fail(r->c->err, RW_INVALID_REQUEST, "the model's chat template %s", why);
    rw_error_param(r->c->err, "messages");
    return RW_INVALID_REQUEST;
}

/* The byte at `at` is the k-th of the turn: marks that stand before it must have been met. */
static rw_status meet(struct reader *r, size_t at)
{
    size_t k = r->text.origin[at] - r->first;
    if (k < r->expected) {
        return refuse(r, "writes the answer more than once, or out of order");
    }
    r->expected = k + 1;
    rw_status status = RW_OK;
    if (!r->begun && r->c->layout->cut_answer) {
        status = rw_composer_flush(r->c);
    }
    if (status == RW_OK && !r->begun) {
        status = rw_composer_mark(r->c, false, 0);
    }
    r->begun = true;
    return status;
}

/* Behind the byte that was met last: the marks that stand there. */
static rw_status place_marks(struct reader *r)
{
    rw_status status = RW_OK;
    while (status == RW_OK && r->mark < r->turn->n_marks &&
           r->turn->marks[r->mark].behind == r->expected) {
        status = rw_composer_mark(r->c, true, r->turn->marks[r->mark++].step);
    }
    if (status == RW_OK && r->mark < r->turn->n_marks &&
        r->turn->marks[r->mark].behind < r->expected) {
        return rw_composer_mismatch(r->c, r->turn->marks[r->mark].step,
                                    "the chat template leaves out what its reward is read behind");
    }
    return status;
}

static bool has_mark(const struct reader *r, size_t behind)
{
    return r->mark < r->turn->n_marks && r->turn->marks[r->mark].behind <= behind;
}

/* Runs of one kind, cut where marks stand. */
static rw_status read_text(struct reader *r)
{
    size_t begin = 0;
    rw_status status = RW_OK;
    for (size_t at = 0; at < r->text.len && status == RW_OK; at++) {
        bool turn = in_turn(r, at);
        status = turn ? meet(r, at) : RW_OK;
        bool ends = at + 1 == r->text.len || is_trusted(r, at + 1) != is_trusted(r, at) ||
                    in_turn(r, at + 1) != turn || (turn && has_mark(r, r->expected));
        if (status != RW_OK || !ends) {
            continue;
        }
        struct rw_str run = {r->text.ptr + begin, at + 1 - begin};
        status = rw_composer_text(r->c, run, is_trusted(r, at));
        status = status == RW_OK && turn ? place_marks(r) : status;
        begin = at + 1;
    }
    return status;
}

static rw_status check_conversation(struct rw_composer *c)
{
    const struct rw_trace_source *source = c->source;
    if (source->n_messages == 0) {
        return RW_OK;
    }
    const struct rw_message *last = &source->messages[source->n_messages - 1];
    const char *why = last->role != RW_ROLE_USER
                          ? "the last message before a trace must be the user's"
                      : last->content.len == 0 && last->whole == NULL && !source->no_question
                          ? "the prompt is empty"
                          : NULL;
    if (why == NULL) {
        rw_status status = RW_OK;
        for (size_t i = 0; i < source->n_messages && status == RW_OK; i++) {
            status = rw_composer_count_special(c, source->messages[i].content);
        }
        return status;
    }
    rw_fail(c->err, RW_INVALID_REQUEST, "%s", why);
    rw_error_param(c->err, "messages[%zu]", source->n_messages - 1);
    return RW_INVALID_REQUEST;
}

rw_status rw_composer_template(struct rw_composer *c)
{
    struct turn turn = {0};
    struct reader r = {.c = c, .turn = &turn};
    rw_status status = check_conversation(c);
    status = status == RW_OK ? fill_turn(c, &turn) : status;
    if (status != RW_OK) {
        return status;
    }
    const struct rw_jinja_context context = {make_context(c, &turn, &r.first), &c->package->now};
    if (context.globals == NULL) {
        return rw_composer_no_memory(c);
    }
    const struct rw_jinja *jinja = c->source->tools != NULL && c->layout->jinja_tools != NULL
                                       ? c->layout->jinja_tools
                                       : c->layout->jinja;
    status = rw_jinja_render(jinja, &context, c->arena, &r.text, c->err);
    if (status == RW_OK) {
        c->tokens.max += 2 * r.text.len; /* the template's own words, and what NFC makes of them */
        status = read_text(&r);
    }
    if (status == RW_OK && (!r.begun || r.mark < turn.n_marks)) {
        status = refuse(&r, "leaves out the answer, or the end of it");
    }
    return status;
}
