/* The interpreter as models use it: values made from outside, a template, its text with origins. */
#include "core/text/jinja.h"

#include "core/text/template.h"

struct rw_jinja {
    struct rw_template *parsed;
};

struct rw_jinja_value {
    struct rw_tval value;
    struct rw_tlist *list; /* of a LIST, while it grows */
    size_t size;
};

rw_status rw_jinja_parse(struct rw_str source, struct rw_arena *arena, const struct rw_jinja **out,
                         struct rw_error *err)
{
    struct rw_jinja *jinja = rw_arena_alloc(arena, sizeof *jinja);
    *out = NULL;
    if (jinja == NULL) {
        return rw_fail_memory(err, "the chat template");
    }
    rw_status status = rw_template_parse(source, arena, &jinja->parsed, err);
    *out = status == RW_OK ? jinja : NULL;
    return status;
}

bool rw_jinja_uses_date(const struct rw_jinja *jinja)
{
    return rw_template_uses_date(jinja->parsed);
}

static struct rw_jinja_value *wrap(struct rw_arena *arena, struct rw_tval value)
{
    struct rw_jinja_value *out = rw_arena_alloc(arena, sizeof *out);
    if (out != NULL) {
        out->value = value;
    }
    return out;
}

struct rw_jinja_value *rw_jinja_none(struct rw_arena *arena)
{
    return wrap(arena, RW_TVAL_OF_NONE);
}

struct rw_jinja_value *rw_jinja_bool(struct rw_arena *arena, bool value)
{
    return wrap(arena, RW_TVAL_OF_BOOL(value));
}

struct rw_jinja_value *rw_jinja_str(struct rw_arena *arena, struct rw_str text, uint32_t origin)
{
    struct rw_tval value;
    struct rw_str copy = rw_arena_copy(arena, text);
    return copy.ptr != NULL && rw_tval_string(arena, copy, origin, &value) ? wrap(arena, value)
                                                                           : NULL;
}

struct rw_jinja_value *rw_jinja_list(struct rw_arena *arena)
{
    struct rw_jinja_value *out = wrap(arena, RW_TVAL_OF_NONE);
    struct rw_tlist *list = rw_arena_alloc(arena, sizeof *list);
    if (out == NULL || list == NULL) {
        return NULL;
    }
    out->list = list;
    out->value = (struct rw_tval){.type = RW_TVAL_LIST, .list = list};
    return out;
}

struct rw_jinja_value *rw_jinja_dict(struct rw_arena *arena)
{
    struct rw_tval value;
    return rw_tval_dict(arena, &value) ? wrap(arena, value) : NULL;
}

bool rw_jinja_append(struct rw_arena *arena, struct rw_jinja_value *list,
                     const struct rw_jinja_value *item)
{
    if (list == NULL || item == NULL) {
        return false;
    }
    struct rw_tlist *to = list->list;
    if (to->count == list->size) {
        size_t size = list->size == 0 ? 8 : 2 * list->size;
        struct rw_tval *more = rw_arena_array(arena, size, sizeof *more);
        if (more == NULL) {
            return false;
        }
        if (to->count > 0) {
            memcpy(more, to->items, to->count * sizeof *more);
        }
        to->items = more;
        list->size = size;
    }
    to->items[to->count++] = item->value;
    return true;
}

bool rw_jinja_put(struct rw_arena *arena, struct rw_jinja_value *dict, const char *key,
                  const struct rw_jinja_value *value)
{
    return dict != NULL && value != NULL && rw_tval_put(arena, dict->value, key, value->value);
}

/* `origin` NULL: the template's own. */
static struct rw_jinja_value *convert(struct rw_arena *arena, const struct rw_json *json,
                                      uint32_t *origin);

static uint32_t number_of(uint32_t *origin, struct rw_str text)
{
    uint32_t first = origin != NULL ? *origin : RW_ORIGIN_TEMPLATE;
    if (origin != NULL) {
        *origin += (uint32_t)text.len;
    }
    return first;
}

static struct rw_jinja_value *from_members(struct rw_arena *arena, const struct rw_json *json,
                                           uint32_t *origin)
{
    bool array = json->type == RW_JSON_ARRAY;
    struct rw_jinja_value *out = array ? rw_jinja_list(arena) : rw_jinja_dict(arena);
    bool good = out != NULL;
    RW_JSON_EACH (child, json) {
        uint32_t name = array || !good ? 0 : number_of(origin, child->key);
        struct rw_jinja_value *item = good ? convert(arena, child, origin) : NULL;
        struct rw_tval key;
        good = item != NULL && (array ? rw_jinja_append(arena, out, item)
                                      : rw_tval_string(arena, child->key, name, &key) &&
                                            rw_tval_set(arena, out->value.dict, key, item->value));
    }
    return good ? out : NULL;
}

static struct rw_jinja_value *convert(struct rw_arena *arena, const struct rw_json *json,
                                      uint32_t *origin)
{
    int64_t whole;
    switch (json->type) {
    case RW_JSON_NULL:
        return rw_jinja_none(arena);
    case RW_JSON_FALSE:
    case RW_JSON_TRUE:
        return rw_jinja_bool(arena, json->type == RW_JSON_TRUE);
    case RW_JSON_NUMBER:
        return wrap(arena, rw_json_i64(json, &whole) ? RW_TVAL_OF_INT(whole)
                                                     : RW_TVAL_OF_FLOAT(json->number));
    case RW_JSON_STRING:
        return rw_jinja_str(arena, json->text, number_of(origin, json->text));
    default:
        return from_members(arena, json, origin);
    }
}

struct rw_jinja_value *rw_jinja_from_json(struct rw_arena *arena, const struct rw_json *json)
{
    return convert(arena, json, NULL);
}

struct rw_jinja_value *rw_jinja_from_client(struct rw_arena *arena, const struct rw_json *json,
                                            uint32_t *origin)
{
    return convert(arena, json, origin);
}

static uint32_t *origins(struct rw_arena *arena, const struct rw_tstr *text)
{
    uint32_t *origin = rw_arena_array(arena, text->len + 1, sizeof *origin);
    size_t begin = 0;
    for (size_t i = 0; origin != NULL && i < (text->n_runs > 0 ? text->n_runs : 1); i++) {
        size_t end = text->n_runs > 0 ? text->runs[i].end : text->len;
        uint32_t first = text->n_runs > 0 ? text->runs[i].origin : text->origin;
        bool counts = first != RW_ORIGIN_TEMPLATE && first != RW_ORIGIN_CLIENT;
        for (size_t at = begin; at < end; at++) {
            origin[at] = counts ? first + (uint32_t)(at - begin) : first;
        }
        begin = end;
    }
    return origin;
}

rw_status rw_jinja_render(const struct rw_jinja *jinja, const struct rw_jinja_context *context,
                          struct rw_arena *arena, struct rw_jinja_text *out, struct rw_error *err)
{
    struct rw_template_input input = {context->globals->value, context->now};
    struct rw_tstr text;
    rw_status status = rw_template_render(jinja->parsed, &input, arena, &text, err);
    *out = (struct rw_jinja_text){0};
    if (status != RW_OK) {
        return status;
    }
    *out = (struct rw_jinja_text){text.ptr, origins(arena, &text), text.len};
    return out->origin != NULL ? RW_OK : rw_fail_memory(err, "a chat");
}
