#include "core/text/template_value.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/util.h"

enum {
    DICT_FIRST = 8, /* entries of a new dict */
};

bool rw_tval_string(struct rw_arena *arena, struct rw_str text, uint32_t origin,
                    struct rw_tval *out)
{
    struct rw_tstr *s = rw_arena_alloc(arena, sizeof *s);
    if (s == NULL) {
        return false;
    }
    *s = (struct rw_tstr){.ptr = text.len > 0 ? text.ptr : "", .len = text.len, .origin = origin};
    *out = (struct rw_tval){.type = RW_TVAL_STRING, .string = s};
    return true;
}

bool rw_tval_list(struct rw_arena *arena, const struct rw_tval *items, size_t count,
                  struct rw_tval *out)
{
    struct rw_tlist *list = rw_arena_alloc(arena, sizeof *list);
    struct rw_tval *copy = rw_arena_array(arena, count + 1, sizeof *copy);
    if (list == NULL || copy == NULL) {
        return false;
    }
    if (count > 0) {
        memcpy(copy, items, count * sizeof *copy);
    }
    *list = (struct rw_tlist){.items = copy, .count = count};
    *out = (struct rw_tval){.type = RW_TVAL_LIST, .list = list};
    return true;
}

bool rw_tval_dict(struct rw_arena *arena, struct rw_tval *out)
{
    struct rw_tdict *dict = rw_arena_alloc(arena, sizeof *dict);
    if (dict == NULL) {
        return false;
    }
    *out = (struct rw_tval){.type = RW_TVAL_DICT, .dict = dict};
    return true;
}

static size_t find_key(const struct rw_tdict *dict, struct rw_tval key)
{
    size_t i = 0;
    while (i < dict->count && !rw_tval_equal(dict->keys[i], key)) {
        i++;
    }
    return i;
}

bool rw_tval_set(struct rw_arena *arena, struct rw_tdict *dict, struct rw_tval key,
                 struct rw_tval value)
{
    size_t at = find_key(dict, key);
    if (at < dict->count) {
        dict->values[at] = value;
        return true;
    }
    if (dict->count == dict->size) {
        size_t size = dict->size == 0 ? DICT_FIRST : 2 * dict->size;
        struct rw_tval *keys = rw_arena_array(arena, size, sizeof *keys);
        struct rw_tval *values = rw_arena_array(arena, size, sizeof *values);
        if (keys == NULL || values == NULL) {
            return false;
        }
        if (dict->count > 0) {
            memcpy(keys, dict->keys, dict->count * sizeof *keys);
            memcpy(values, dict->values, dict->count * sizeof *values);
        }
        dict->keys = keys;
        dict->values = values;
        dict->size = size;
    }
    dict->keys[dict->count] = key;
    dict->values[dict->count++] = value;
    return true;
}

bool rw_tval_put(struct rw_arena *arena, struct rw_tval dict, const char *key, struct rw_tval value)
{
    struct rw_tval name;
    return rw_tval_string(arena, rw_str_from(key), RW_ORIGIN_TEMPLATE, &name) &&
           rw_tval_set(arena, dict.dict, name, value);
}

const struct rw_tval *rw_tval_get(const struct rw_tdict *dict, struct rw_tval key)
{
    size_t at = find_key(dict, key);
    return at < dict->count ? &dict->values[at] : NULL;
}

const struct rw_tval *rw_tval_get_text(const struct rw_tdict *dict, struct rw_str key)
{
    struct rw_tstr text = {.ptr = key.ptr, .len = key.len};
    return rw_tval_get(dict, (struct rw_tval){.type = RW_TVAL_STRING, .string = &text});
}

bool rw_tval_is_number(struct rw_tval v)
{
    return v.type == RW_TVAL_BOOL || v.type == RW_TVAL_INT || v.type == RW_TVAL_FLOAT;
}

double rw_tval_real(struct rw_tval v)
{
    return v.type == RW_TVAL_FLOAT  ? v.real
           : v.type == RW_TVAL_BOOL ? (double)v.truth
                                    : (double)v.number;
}

long double rw_tval_exact(struct rw_tval v)
{
    return v.type == RW_TVAL_FLOAT  ? (long double)v.real
           : v.type == RW_TVAL_BOOL ? (long double)v.truth
                                    : (long double)v.number;
}

bool rw_tval_hashable(struct rw_tval v)
{
    bool all = v.type == RW_TVAL_TUPLE;
    for (size_t i = 0; all && i < v.list->count; i++) {
        all = v.list->items[i].type != RW_TVAL_TUPLE && rw_tval_hashable(v.list->items[i]);
    }
    return all || (v.type != RW_TVAL_TUPLE && v.type != RW_TVAL_LIST && v.type != RW_TVAL_DICT);
}

bool rw_tval_truth(struct rw_tval v)
{
    switch (v.type) {
    case RW_TVAL_UNDEFINED:
    case RW_TVAL_NONE:
        return false;
    case RW_TVAL_BOOL:
        return v.truth;
    case RW_TVAL_INT:
        return v.number != 0;
    case RW_TVAL_FLOAT:
        return v.real != 0;
    case RW_TVAL_STRING:
        return v.string->len > 0;
    case RW_TVAL_LIST:
    case RW_TVAL_TUPLE:
        return v.list->count > 0 || v.list->kind == RW_TLIST_LAZY;
    case RW_TVAL_DICT:
        return v.dict->count > 0;
    default:
        return true;
    }
}

static bool equal(struct rw_tval a, struct rw_tval b, unsigned depth);

/* Generators and views equal only themselves; a range equals a range, and no list. */
static bool equal_lists(const struct rw_tlist *a, const struct rw_tlist *b, unsigned depth)
{
    bool comparable = a->kind == RW_TLIST_PLAIN || a->kind == RW_TLIST_RANGE;
    if (a->kind != b->kind || !comparable || a->count != b->count) {
        return a == b;
    }
    for (size_t i = 0; i < a->count; i++) {
        if (!equal(a->items[i], b->items[i], depth)) {
            return false;
        }
    }
    return true;
}

static bool equal_dicts(const struct rw_tdict *a, const struct rw_tdict *b, unsigned depth)
{
    if (a->count != b->count) {
        return false;
    }
    for (size_t i = 0; i < a->count; i++) {
        const struct rw_tval *other = rw_tval_get(b, a->keys[i]);
        if (other == NULL || !equal(a->values[i], *other, depth)) {
            return false;
        }
    }
    return true;
}

static bool equal(struct rw_tval a, struct rw_tval b, unsigned depth)
{
    if (rw_tval_is_number(a) && rw_tval_is_number(b)) {
        return rw_tval_exact(a) == rw_tval_exact(b);
    }
    if (a.type != b.type || depth > RW_TVAL_DEPTH_MAX) {
        return false;
    }
    switch (a.type) {
    case RW_TVAL_UNDEFINED:
    case RW_TVAL_NONE:
        return true;
    case RW_TVAL_STRING:
        return rw_str_equal(rw_tstr_text(a.string), rw_tstr_text(b.string));
    case RW_TVAL_LIST:
    case RW_TVAL_TUPLE:
        return equal_lists(a.list, b.list, depth + 1);
    case RW_TVAL_DICT:
        return equal_dicts(a.dict, b.dict, depth + 1);
    default:
        return a.other == b.other;
    }
}

bool rw_tval_equal(struct rw_tval a, struct rw_tval b)
{
    return equal(a, b, 0);
}

const char *rw_tval_type_name(struct rw_tval v)
{
    static const char *const NAME[] = {
        "Undefined", "NoneType", "bool",      "int",   "float",    "str",    "list",
        "tuple",     "dict",     "Namespace", "macro", "function", "method", "LoopContext",
    };
    return NAME[v.type];
}

void rw_tval_format_real(double value, char out[40])
{
    if (isnan(value) || isinf(value)) {
        snprintf(out, 40, "%s", isnan(value) ? "nan" : value > 0 ? "inf" : "-inf");
        return;
    }
    int digits = 1;
    do { /* 17 digits always read back */
        snprintf(out, 40, "%.*e", digits - 1, value);
    } while (strtod(out, NULL) != value && ++digits <= 17);
    int exponent = (int)strtol(strchr(out, 'e') + 1, NULL, 10);
    if (exponent < -4 || exponent >= 16) { /* 1e-05: Python pads the exponent to two digits too */
        return;
    }
    int decimals = RW_MAX(digits - 1 - exponent, 0);
    snprintf(out, 40, "%.*f", decimals, value);
    if (decimals == 0) {
        size_t len = strlen(out);
        snprintf(out + len, 40 - len, ".0");
    }
}
