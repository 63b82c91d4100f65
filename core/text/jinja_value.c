#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/utf8.h"
#include "core/base/util.h"
#include "core/text/jinja_parts.h"

enum {
    ITEMS_FIRST = 8,
};

/* ---- making ---------------------------------------------------------------------------------- */

struct rw_jinja_value rw_jinja_make_str(struct rw_jinja_text text)
{
    return (struct rw_jinja_value){.type = RW_JINJA_STR, .text = text};
}

struct rw_jinja_value rw_jinja_make_literal(const char *text)
{
    return rw_jinja_make_str(rw_jinja_literal(text));
}

struct rw_jinja_value rw_jinja_make_int(int64_t value)
{
    return (struct rw_jinja_value){.type = RW_JINJA_INT, .integer = value};
}

struct rw_jinja_value rw_jinja_make_bool(bool value)
{
    return (struct rw_jinja_value){.type = RW_JINJA_BOOL, .truth = value};
}

struct rw_jinja_value rw_jinja_make_undefined(struct rw_str name)
{
    return (struct rw_jinja_value){.type = RW_JINJA_UNDEFINED, .text = {name.ptr, NULL, name.len}};
}

static bool grow_items(struct rw_arena *arena, struct rw_jinja_items *items, size_t size)
{
    struct rw_jinja_value *more = rw_arena_array(arena, size, sizeof *more);
    if (more != NULL && items->n > 0) {
        memcpy(more, items->at, items->n * sizeof *more);
    }
    if (more != NULL) {
        items->at = more;
        items->size = size;
    }
    return more != NULL;
}

static bool add_item(struct rw_arena *arena, struct rw_jinja_items *items,
                     const struct rw_jinja_value *item)
{
    if (items->n == items->size &&
        !grow_items(arena, items, RW_MAX(2 * items->size, ITEMS_FIRST))) {
        return false;
    }
    items->at[items->n++] = *item;
    return true;
}

static bool add_pair(struct rw_arena *arena, struct rw_jinja_pairs *pairs,
                     const struct rw_jinja_value *key, const struct rw_jinja_value *value)
{
    for (size_t i = 0; i < pairs->n; i++) {
        if (rw_jinja_equal(&pairs->at[i].key, key)) {
            pairs->at[i].value = *value;
            return true;
        }
    }
    if (pairs->n == pairs->size) {
        size_t size = RW_MAX(2 * pairs->size, ITEMS_FIRST);
        struct rw_jinja_pair *more = rw_arena_array(arena, size, sizeof *more);
        if (more == NULL) {
            return false;
        }
        if (pairs->n > 0) {
            memcpy(more, pairs->at, pairs->n * sizeof *more);
        }
        pairs->at = more;
        pairs->size = size;
    }
    pairs->at[pairs->n++] = (struct rw_jinja_pair){*key, *value};
    return true;
}

rw_status rw_jinja_make_items(struct rw_jinja_run *r, enum rw_jinja_type type, size_t room,
                              struct rw_jinja_value *out)
{
    struct rw_jinja_items *items = rw_arena_alloc(r->arena, sizeof *items);
    *out = (struct rw_jinja_value){.type = type, .items = items};
    rw_status status = rw_jinja_step(r, room);
    if (status != RW_OK) {
        return status;
    }
    bool good = items != NULL && (room == 0 || grow_items(r->arena, items, room));
    return good ? RW_OK : rw_jinja_no_memory(r);
}

rw_status rw_jinja_make_pairs(struct rw_jinja_run *r, enum rw_jinja_type type,
                              struct rw_jinja_value *out)
{
    struct rw_jinja_pairs *pairs = rw_arena_alloc(r->arena, sizeof *pairs);
    *out = (struct rw_jinja_value){.type = type, .pairs = pairs};
    return pairs != NULL ? RW_OK : rw_jinja_no_memory(r);
}

rw_status rw_jinja_add(struct rw_jinja_run *r, struct rw_jinja_value *list,
                       const struct rw_jinja_value *item)
{
    return add_item(r->arena, list->items, item) ? rw_jinja_step(r, 1) : rw_jinja_no_memory(r);
}

rw_status rw_jinja_store(struct rw_jinja_run *r, struct rw_jinja_value *dict,
                         const struct rw_jinja_value *key, const struct rw_jinja_value *value)
{
    bool hashable = key->type == RW_JINJA_STR || key->type == RW_JINJA_INT ||
                    key->type == RW_JINJA_BOOL || key->type == RW_JINJA_NONE ||
                    key->type == RW_JINJA_FLOAT || key->type == RW_JINJA_TUPLE;
    if (!hashable) {
        return rw_jinja_fail(r, "a %s cannot be a key", rw_jinja_type_name(key->type));
    }
    rw_status status = rw_jinja_step(r, dict->pairs->n + 1);
    if (status != RW_OK) {
        return status;
    }
    return add_pair(r->arena, dict->pairs, key, value) ? RW_OK : rw_jinja_no_memory(r);
}

static struct rw_jinja_value *keep(struct rw_arena *arena, struct rw_jinja_value value)
{
    struct rw_jinja_value *out = rw_arena_alloc(arena, sizeof *out);
    if (out != NULL) {
        *out = value;
    }
    return out;
}

struct rw_jinja_value *rw_jinja_none(struct rw_arena *arena)
{
    return keep(arena, (struct rw_jinja_value){.type = RW_JINJA_NONE});
}

struct rw_jinja_value *rw_jinja_bool(struct rw_arena *arena, bool value)
{
    return keep(arena, rw_jinja_make_bool(value));
}

struct rw_jinja_value *rw_jinja_text_value(struct rw_arena *arena, struct rw_jinja_text text)
{
    return keep(arena, rw_jinja_make_str(text));
}

struct rw_jinja_value *rw_jinja_str(struct rw_arena *arena, struct rw_str text, uint32_t origin)
{
    struct rw_jinja_text numbered = {text.ptr != NULL ? text.ptr : "", NULL, text.len};
    if (origin != 0) {
        uint32_t *origins = rw_arena_array(arena, text.len + 1, sizeof *origins);
        if (origins == NULL) {
            return NULL;
        }
        for (size_t i = 0; i < text.len; i++) {
            origins[i] = origin + (uint32_t)i;
        }
        numbered.origin = origins;
    }
    return rw_jinja_text_value(arena, numbered);
}

struct rw_jinja_value *rw_jinja_list(struct rw_arena *arena)
{
    struct rw_jinja_items *items = rw_arena_alloc(arena, sizeof *items);
    return items == NULL
               ? NULL
               : keep(arena, (struct rw_jinja_value){.type = RW_JINJA_LIST, .items = items});
}

struct rw_jinja_value *rw_jinja_dict(struct rw_arena *arena)
{
    struct rw_jinja_pairs *pairs = rw_arena_alloc(arena, sizeof *pairs);
    return pairs == NULL
               ? NULL
               : keep(arena, (struct rw_jinja_value){.type = RW_JINJA_DICT, .pairs = pairs});
}

bool rw_jinja_append(struct rw_arena *arena, struct rw_jinja_value *list,
                     const struct rw_jinja_value *item)
{
    return list != NULL && item != NULL && add_item(arena, list->items, item);
}

bool rw_jinja_put(struct rw_arena *arena, struct rw_jinja_value *dict, const char *key,
                  const struct rw_jinja_value *value)
{
    const struct rw_jinja_value name = rw_jinja_make_literal(key);
    return dict != NULL && value != NULL && add_pair(arena, dict->pairs, &name, value);
}

static bool json_value(struct rw_arena *arena, const struct rw_json *json, int depth,
                       struct rw_jinja_value *out);

static bool json_members(struct rw_arena *arena, const struct rw_json *json, int depth,
                         struct rw_jinja_value *out)
{
    bool object = json->type == RW_JSON_OBJECT;
    struct rw_jinja_value *made = object ? rw_jinja_dict(arena) : rw_jinja_list(arena);
    bool good = made != NULL;
    for (const struct rw_json *item = json->child; item != NULL && good; item = item->next) {
        struct rw_jinja_value value;
        good = json_value(arena, item, depth + 1, &value);
        if (good && object) {
            struct rw_jinja_value key =
                rw_jinja_make_str((struct rw_jinja_text){item->key.ptr, NULL, item->key.len});
            good = add_pair(arena, made->pairs, &key, &value);
        } else if (good) {
            good = add_item(arena, made->items, &value);
        }
    }
    if (good) {
        *out = *made;
    }
    return good;
}

static bool json_value(struct rw_arena *arena, const struct rw_json *json, int depth,
                       struct rw_jinja_value *out)
{
    if (depth > RW_JINJA_DEPTH_MAX) {
        return false;
    }
    double number = 0;
    switch (json->type) {
    case RW_JSON_NULL:
        *out = (struct rw_jinja_value){.type = RW_JINJA_NONE};
        return true;
    case RW_JSON_TRUE:
    case RW_JSON_FALSE:
        *out = rw_jinja_make_bool(json->type == RW_JSON_TRUE);
        return true;
    case RW_JSON_STRING:
        *out = rw_jinja_make_str((struct rw_jinja_text){json->text.ptr, NULL, json->text.len});
        return true;
    case RW_JSON_NUMBER: {
        bool whole = true;
        for (size_t i = 0; i < json->text.len; i++) {
            whole = whole && strchr(".eE", json->text.ptr[i]) == NULL;
        }
        number = json->number;
        *out = whole && fabs(number) < 9e15
                   ? rw_jinja_make_int((int64_t)number)
                   : (struct rw_jinja_value){.type = RW_JINJA_FLOAT, .real = number};
        return true;
    }
    default:
        return json_members(arena, json, depth, out);
    }
}

struct rw_jinja_value *rw_jinja_from_json(struct rw_arena *arena, const struct rw_json *json)
{
    struct rw_jinja_value value;
    return json_value(arena, json, 0, &value) ? keep(arena, value) : NULL;
}

/* ---- asking ---------------------------------------------------------------------------------- */

struct rw_str rw_jinja_bytes(const struct rw_jinja_value *text)
{
    return rw_jinja_plain(text->text);
}

bool rw_jinja_is_text(const struct rw_jinja_value *value, const char *text)
{
    return value != NULL && value->type == RW_JINJA_STR && rw_str_is(rw_jinja_bytes(value), text);
}

const struct rw_jinja_value *rw_jinja_find(const struct rw_jinja_value *dict,
                                           const struct rw_jinja_value *key)
{
    for (size_t i = 0; i < dict->pairs->n; i++) {
        if (rw_jinja_equal(&dict->pairs->at[i].key, key)) {
            return &dict->pairs->at[i].value;
        }
    }
    return NULL;
}

const struct rw_jinja_value *rw_jinja_find_text(const struct rw_jinja_value *dict,
                                                struct rw_str key)
{
    const struct rw_jinja_value value =
        rw_jinja_make_str((struct rw_jinja_text){key.ptr, NULL, key.len});
    return rw_jinja_find(dict, &value);
}

bool rw_jinja_truth(const struct rw_jinja_value *value)
{
    switch (value->type) {
    case RW_JINJA_UNDEFINED:
    case RW_JINJA_NONE:
        return false;
    case RW_JINJA_BOOL:
        return value->truth;
    case RW_JINJA_INT:
        return value->integer != 0;
    case RW_JINJA_FLOAT:
        return value->real != 0;
    case RW_JINJA_STR:
        return value->text.len > 0;
    case RW_JINJA_LIST:
    case RW_JINJA_TUPLE:
        return value->items->n > 0;
    case RW_JINJA_DICT:
        return value->pairs->n > 0;
    default:
        return true;
    }
}

bool rw_jinja_number(const struct rw_jinja_value *value, double *out)
{
    *out = value->type == RW_JINJA_FLOAT  ? value->real
           : value->type == RW_JINJA_INT  ? (double)value->integer
           : value->type == RW_JINJA_BOOL ? (double)value->truth
                                          : NAN;
    return value->type == RW_JINJA_FLOAT || value->type == RW_JINJA_INT ||
           value->type == RW_JINJA_BOOL;
}

static bool equal_items(const struct rw_jinja_items *a, const struct rw_jinja_items *b)
{
    if (a->n != b->n) {
        return false;
    }
    for (size_t i = 0; i < a->n; i++) {
        if (!rw_jinja_equal(&a->at[i], &b->at[i])) {
            return false;
        }
    }
    return true;
}

static bool equal_pairs(const struct rw_jinja_value *a, const struct rw_jinja_value *b)
{
    if (a->pairs->n != b->pairs->n) {
        return false;
    }
    for (size_t i = 0; i < a->pairs->n; i++) {
        const struct rw_jinja_value *other = rw_jinja_find(b, &a->pairs->at[i].key);
        if (other == NULL || !rw_jinja_equal(&a->pairs->at[i].value, other)) {
            return false;
        }
    }
    return true;
}

bool rw_jinja_equal(const struct rw_jinja_value *a, const struct rw_jinja_value *b)
{
    double x, y;
    if (a->type == RW_JINJA_INT && b->type == RW_JINJA_INT) {
        return a->integer == b->integer;
    }
    if (rw_jinja_number(a, &x) && rw_jinja_number(b, &y)) {
        return x == y;
    }
    if (a->type != b->type) {
        return false;
    }
    switch (a->type) {
    case RW_JINJA_NONE:
    case RW_JINJA_UNDEFINED:
        return true;
    case RW_JINJA_STR:
        return rw_str_equal(rw_jinja_bytes(a), rw_jinja_bytes(b));
    case RW_JINJA_LIST:
    case RW_JINJA_TUPLE:
        return equal_items(a->items, b->items);
    case RW_JINJA_DICT:
        return equal_pairs(a, b);
    case RW_JINJA_NAMESPACE:
        return a->pairs == b->pairs;
    default:
        return false;
    }
}

rw_status rw_jinja_order(struct rw_jinja_run *r, const struct rw_jinja_value *a,
                         const struct rw_jinja_value *b, int *out)
{
    double x, y;
    *out = 0;
    if (a->type == RW_JINJA_INT && b->type == RW_JINJA_INT) {
        *out = (a->integer > b->integer) - (a->integer < b->integer);
        return RW_OK;
    }
    if (rw_jinja_number(a, &x) && rw_jinja_number(b, &y)) {
        *out = (x > y) - (x < y);
        return RW_OK;
    }
    if (a->type == RW_JINJA_STR && b->type == RW_JINJA_STR) {
        size_t n = RW_MIN(a->text.len, b->text.len);
        int order = n > 0 ? memcmp(a->text.ptr, b->text.ptr, n) : 0; /* as by code points */
        *out = order != 0 ? (order > 0) - (order < 0)
                          : (a->text.len > b->text.len) - (a->text.len < b->text.len);
        return RW_OK;
    }
    bool lists = a->type == b->type && (a->type == RW_JINJA_LIST || a->type == RW_JINJA_TUPLE);
    for (size_t i = 0; lists && i < a->items->n && i < b->items->n; i++) {
        rw_status status = rw_jinja_order(r, &a->items->at[i], &b->items->at[i], out);
        if (status != RW_OK || *out != 0) {
            return status;
        }
    }
    if (lists) {
        *out = (a->items->n > b->items->n) - (a->items->n < b->items->n);
        return RW_OK;
    }
    return rw_jinja_fail(r, "%s and %s have no order", rw_jinja_type_name(a->type),
                         rw_jinja_type_name(b->type));
}

const char *rw_jinja_type_name(enum rw_jinja_type type)
{
    static const char *const NAME[] = {"Undefined", "None",     "bool",  "int",  "float",
                                       "str",       "list",     "tuple", "dict", "namespace",
                                       "macro",     "function", "method"};
    return NAME[type];
}

static rw_status iterate_text(struct rw_jinja_run *r, struct rw_jinja_text text,
                              struct rw_jinja_value *out)
{
    struct rw_str plain = rw_jinja_plain(text);
    rw_status status = rw_jinja_make_items(r, RW_JINJA_LIST, rw_jinja_characters(plain), out);
    for (size_t at = 0; at < plain.len && status == RW_OK;) {
        size_t len = 1;
        rw_utf8_decode(plain, at, &len);
        struct rw_jinja_value one = rw_jinja_make_str(rw_jinja_cut(text, at, at + len));
        status = rw_jinja_add(r, out, &one);
        at += len;
    }
    return status;
}

rw_status rw_jinja_iterate(struct rw_jinja_run *r, const struct rw_jinja_value *value,
                           struct rw_jinja_value *out)
{
    switch (value->type) {
    case RW_JINJA_UNDEFINED:
        return rw_jinja_make_items(r, RW_JINJA_LIST, 0, out);
    case RW_JINJA_LIST:
    case RW_JINJA_TUPLE:
        *out = *value;
        return rw_jinja_step(r, value->items->n);
    case RW_JINJA_STR:
        return iterate_text(r, value->text, out);
    case RW_JINJA_DICT: {
        rw_status status = rw_jinja_make_items(r, RW_JINJA_LIST, value->pairs->n, out);
        for (size_t i = 0; i < value->pairs->n && status == RW_OK; i++) {
            status = rw_jinja_add(r, out, &value->pairs->at[i].key);
        }
        return status;
    }
    default:
        return rw_jinja_fail(r, "a %s cannot be iterated", rw_jinja_type_name(value->type));
    }
}

rw_status rw_jinja_length(struct rw_jinja_run *r, const struct rw_jinja_value *value, size_t *out)
{
    switch (value->type) {
    case RW_JINJA_UNDEFINED:
        *out = 0;
        return RW_OK;
    case RW_JINJA_LIST:
    case RW_JINJA_TUPLE:
        *out = value->items->n;
        return RW_OK;
    case RW_JINJA_DICT:
        *out = value->pairs->n;
        return RW_OK;
    case RW_JINJA_STR:
        *out = rw_jinja_characters(rw_jinja_bytes(value));
        return rw_jinja_step(r, value->text.len / 64);
    default:
        return rw_jinja_fail(r, "a %s has no length", rw_jinja_type_name(value->type));
    }
}
