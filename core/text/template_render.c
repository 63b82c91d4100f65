/* One render: its failures and limits, the values it makes, its globals. */
#include <stdarg.h>
#include <stdio.h>

#include "core/base/util.h"
#include "core/text/template_eval.h"

/* ---- failures and limits --------------------------------------------------------------------- */

struct rw_tval rw_trender_fail_as(struct rw_trender *r, rw_status status, const char *text)
{
    if (r->status == RW_OK) {
        r->status = rw_fail(r->err, status, "the chat template, line %u: %s", r->line, text);
        rw_error_param(r->err, "messages");
    }
    return RW_TVAL_OF_UNDEFINED;
}

struct rw_tval rw_trender_fail(struct rw_trender *r, const char *format, ...)
{
    char text[RW_ERROR_MESSAGE_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return rw_trender_fail_as(r, RW_INVALID_REQUEST, text);
}

struct rw_tval rw_trender_no_memory(struct rw_trender *r)
{
    return r->arena->over_cap
               ? rw_trender_fail_as(r, RW_LIMIT_EXCEEDED, "it needs more than its memory")
               : rw_trender_fail_as(r, RW_NO_MEMORY, "no memory");
}

bool rw_trender_spend(struct rw_trender *r, size_t steps)
{
    r->steps += steps;
    if (r->steps > RW_TEMPLATE_STEPS_MAX) {
        rw_trender_fail_as(r, RW_LIMIT_EXCEEDED, "it needs too many steps");
    }
    return r->status == RW_OK;
}

struct rw_tval rw_trender_text(struct rw_trender *r, const struct rw_tbuild *b)
{
    struct rw_tstr *s = b->failed ? NULL : rw_arena_alloc(r->arena, sizeof *s);
    if (s == NULL || !rw_trender_spend(r, b->len / 64)) {
        return rw_trender_no_memory(r);
    }
    *s = rw_tbuild_take(b);
    return (struct rw_tval){.type = RW_TVAL_STRING, .string = s};
}

struct rw_tval rw_trender_string(struct rw_trender *r, struct rw_tval v)
{
    if (v.type == RW_TVAL_STRING) {
        return v;
    }
    struct rw_tbuild b;
    rw_tbuild_init(&b, r->arena);
    const char *why = rw_tval_str(&b, v);
    return why != NULL ? rw_trender_fail(r, "%s", why) : rw_trender_text(r, &b);
}

struct rw_tval rw_trender_list_of(struct rw_trender *r, const struct rw_tval *items, size_t count,
                                  enum rw_tlist_kind kind)
{
    struct rw_tval out;
    struct rw_tlist *list = rw_arena_alloc(r->arena, sizeof *list);
    bool *used = rw_arena_alloc(r->arena, sizeof *used);
    if (list == NULL || used == NULL || !rw_trender_spend(r, count / 16) ||
        !rw_tval_list(r->arena, items, count, &out)) {
        return rw_trender_no_memory(r);
    }
    *list = *out.list;
    list->kind = kind;
    list->used = used;
    out.list = list;
    return out;
}

struct rw_tval rw_trender_list(struct rw_trender *r, const struct rw_tval *items, size_t count)
{
    return rw_trender_list_of(r, items, count, RW_TLIST_PLAIN);
}

static bool characters(struct rw_trender *r, const struct rw_tstr *s, const struct rw_tval **items,
                       size_t *count)
{
    struct rw_tval *chars = rw_arena_array(r->arena, s->len + 1, sizeof *chars);
    struct rw_tstr *parts = rw_arena_array(r->arena, s->len + 1, sizeof *parts);
    if (chars == NULL || parts == NULL || !rw_trender_spend(r, s->len)) {
        rw_trender_no_memory(r);
        return false;
    }
    *count = 0;
    for (size_t at = 0; at < s->len;) {
        size_t end = at + 1;
        while (end < s->len && ((unsigned char)s->ptr[end] & 0xC0) == 0x80) {
            end++;
        }
        rw_tstr_slice(r->arena, s, at, end, &parts[*count]); /* of one run: takes no memory */
        chars[*count] = (struct rw_tval){.type = RW_TVAL_STRING, .string = &parts[*count]};
        (*count)++;
        at = end;
    }
    *items = chars;
    return true;
}

bool rw_trender_items(struct rw_trender *r, struct rw_tval v, const struct rw_tval **items,
                      size_t *count)
{
    *items = NULL;
    *count = 0;
    switch (v.type) {
    case RW_TVAL_UNDEFINED:
        return r->status == RW_OK;
    case RW_TVAL_LIST:
        if (v.list->kind == RW_TLIST_LAZY && *v.list->used) {
            rw_trender_fail(r, "a lazy sequence is read twice");
            return false;
        }
        if (v.list->kind == RW_TLIST_LAZY) {
            *v.list->used = true;
        }
        *items = v.list->items;
        *count = v.list->count;
        return true;
    case RW_TVAL_TUPLE:
        *items = v.list->items;
        *count = v.list->count;
        return true;
    case RW_TVAL_DICT:
        *items = v.dict->keys;
        *count = v.dict->count;
        return true;
    case RW_TVAL_STRING:
        return characters(r, v.string, items, count);
    default:
        rw_trender_fail(r, "'%s' cannot be iterated", rw_tval_type_name(v));
        return false;
    }
}

/* ---- the whole ------------------------------------------------------------------------------- */

static bool set_globals(struct rw_trender *r)
{
    const struct rw_template *t = r->template_of;
    r->globals = rw_arena_array(r->arena, t->n_names + 1, sizeof *r->globals);
    if (r->globals == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < t->n_names; i++) {
        const struct rw_tval *given = rw_tval_get_text(r->input->variables.dict, t->names[i]);
        int function = rw_tfunction_find(t->names[i]);
        if (given != NULL) {
            r->globals[i] = *given;
        } else if (function >= 0) {
            r->globals[i] = (struct rw_tval){.type = RW_TVAL_FUNCTION, .number = function};
        }
        if (rw_str_is(t->names[i], "loop")) {
            r->loop_name = i;
        }
    }
    for (const struct rw_tunset *unset = t->unset; unset != NULL; unset = unset->next) {
        r->globals[unset->name] = RW_TVAL_OF_UNDEFINED;
    }
    return true;
}

rw_status rw_template_render(const struct rw_template *template_of,
                             const struct rw_template_input *input, struct rw_arena *arena,
                             struct rw_tstr *out, struct rw_error *err)
{
    struct rw_tbuild b;
    struct rw_trender r = {.template_of = template_of,
                           .input = input,
                           .arena = arena,
                           .err = err,
                           .out = &b,
                           .loop_name = -1};
    rw_tbuild_init(&b, arena);
    if (!set_globals(&r)) {
        rw_trender_no_memory(&r);
        return r.status;
    }
    rw_trun(&r, NULL, template_of->body);
    if (r.status == RW_OK && b.failed) {
        rw_trender_no_memory(&r);
    }
    *out = rw_tbuild_take(&b);
    return r.status;
}
