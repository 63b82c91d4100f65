/* Filters of a template over lists and dicts. */
#include "core/base/utf8.h"
#include "core/base/util.h"
#include "core/text/template_filter.h"

struct rw_tval rw_tsequence_length(struct rw_tfilter_args *c)
{
    switch (c->v.type) {
    case RW_TVAL_UNDEFINED:
        return RW_TVAL_OF_INT(0);
    case RW_TVAL_STRING:
        return RW_TVAL_OF_INT((int64_t)rw_utf8_count(rw_tstr_text(c->v.string)));
    case RW_TVAL_DICT:
        return RW_TVAL_OF_INT((int64_t)c->v.dict->count);
    case RW_TVAL_LIST:
    case RW_TVAL_TUPLE:
        if (c->v.list->kind != RW_TLIST_LAZY) {
            return RW_TVAL_OF_INT((int64_t)c->v.list->count);
        }
        break;
    default:
        break;
    }
    return rw_tfilter_fail(c);
}

struct rw_tval rw_tsequence_first_or_last(struct rw_tfilter_args *c)
{
    const struct rw_tval *items;
    size_t n;
    bool lazy = c->v.type == RW_TVAL_LIST && c->v.list->kind == RW_TLIST_LAZY;
    if (c->mode == 'l' && lazy) {
        return rw_tfilter_fail(c);
    }
    if (!rw_trender_items(c->r, c->v, &items, &n)) {
        return RW_TVAL_OF_UNDEFINED;
    }
    return n == 0 ? RW_TVAL_OF_UNDEFINED : items[c->mode == 'l' ? n - 1 : 0];
}

struct rw_tval rw_tsequence_to_list(struct rw_tfilter_args *c)
{
    const struct rw_tval *items;
    size_t n;
    return rw_trender_items(c->r, c->v, &items, &n) ? rw_trender_list(c->r, items, n)
                                                    : RW_TVAL_OF_UNDEFINED;
}

struct rw_tval rw_tsequence_reverse(struct rw_tfilter_args *c)
{
    const struct rw_tval *items;
    size_t n;
    struct rw_tval part[3] = {RW_TVAL_OF_NONE, RW_TVAL_OF_NONE, RW_TVAL_OF_INT(-1)};
    if (c->v.type == RW_TVAL_STRING) {
        return rw_tslice(c->r, c->v, part);
    }
    if (!rw_trender_items(c->r, c->v, &items, &n)) {
        return RW_TVAL_OF_UNDEFINED;
    }
    struct rw_tval list = rw_tslice(c->r, rw_trender_list(c->r, items, n), part);
    return c->r->status == RW_OK
               ? rw_trender_list_of(c->r, list.list->items, list.list->count, RW_TLIST_LAZY)
               : list;
}

/* Strings without regard to case, as Jinja sorts and compares them. */
static struct rw_tval fold(struct rw_tfilter_args *c, struct rw_tval v, bool case_sensitive)
{
    return v.type == RW_TVAL_STRING && !case_sensitive ? rw_tmethod_case(c->r, v, 'l') : v;
}

struct rw_tval rw_tsequence_path(struct rw_tfilter_args *c, struct rw_tval v, struct rw_tval path)
{
    if (path.type != RW_TVAL_STRING) {
        return rw_trender_item(c->r, v, path);
    }
    struct rw_str rest = rw_tstr_text(path.string);
    for (;;) {
        size_t end = rw_str_find(rest, RW_STR("."), 0);
        struct rw_str name = rw_str_slice(rest, 0, RW_MIN(end, rest.len));
        unsigned long long number;
        struct rw_tval key;
        if (name.len > 0 && name.ptr[0] >= '0' && name.ptr[0] <= '9' &&
            rw_str_to_u64(name, &number) && number < 1000000) {
            key = RW_TVAL_OF_INT((int64_t)number);
        } else if (!rw_tval_string(c->r->arena, name, RW_ORIGIN_TEMPLATE, &key)) {
            return rw_trender_no_memory(c->r);
        }
        v = rw_trender_item(c->r, v, key);
        if (end >= rest.len || c->r->status != RW_OK) {
            return v;
        }
        rest = rw_str_slice(rest, end + 1, rest.len);
    }
}

/* Stable insertion by keys; short lists only, which a step for each move bounds. */
static struct rw_tval sort_by(struct rw_tfilter_args *c, const struct rw_tval *items,
                              struct rw_tval *keys, size_t n, bool reversed)
{
    struct rw_tval list = rw_trender_list(c->r, items, n);
    for (size_t i = 1; i < n && c->r->status == RW_OK; i++) {
        struct rw_tval item = list.list->items[i];
        struct rw_tval key = keys[i];
        size_t at = i;
        while (at > 0 && rw_trender_spend(c->r, 1)) {
            int order = rw_trender_order(c->r, keys[at - 1], key);
            if (reversed ? order >= 0 : order <= 0) {
                break;
            }
            keys[at] = keys[at - 1];
            list.list->items[at] = list.list->items[at - 1];
            at--;
        }
        keys[at] = key;
        list.list->items[at] = item;
    }
    return list;
}

struct rw_tval rw_tsequence_sort(struct rw_tfilter_args *c)
{
    /* sort(reverse=False, case_sensitive=False, attribute=None) */
    const struct rw_tval *items;
    size_t n;
    if (!rw_trender_items(c->r, c->v, &items, &n)) {
        return RW_TVAL_OF_UNDEFINED;
    }
    struct rw_tval *keys = rw_arena_array(c->r->arena, n + 1, sizeof *keys);
    if (keys == NULL) {
        return rw_trender_no_memory(c->r);
    }
    for (size_t i = 0; i < n && c->r->status == RW_OK; i++) {
        struct rw_tval v =
            rw_tfilter_some(c, 2) ? rw_tsequence_path(c, items[i], c->arg[2]) : items[i];
        keys[i] = fold(c, v, rw_tfilter_flag(c, 1));
    }
    return c->r->status == RW_OK ? sort_by(c, items, keys, n, rw_tfilter_flag(c, 0))
                                 : RW_TVAL_OF_UNDEFINED;
}

static struct rw_tval pairs(struct rw_tfilter_args *c, struct rw_tval *keys, bool by_value,
                            bool sensitive)
{
    const struct rw_tdict *dict = c->v.dict;
    struct rw_tval *items = rw_arena_array(c->r->arena, dict->count + 1, sizeof *items);
    if (items == NULL) {
        return rw_trender_no_memory(c->r);
    }
    for (size_t i = 0; i < dict->count && c->r->status == RW_OK; i++) {
        struct rw_tval pair[2] = {dict->keys[i], dict->values[i]};
        items[i] = rw_trender_list(c->r, pair, 2);
        items[i].type = c->r->status == RW_OK ? RW_TVAL_TUPLE : items[i].type;
        if (keys != NULL) {
            keys[i] = fold(c, pair[by_value], sensitive);
        }
    }
    return rw_trender_list_of(c->r, items, dict->count, RW_TLIST_LAZY);
}

struct rw_tval rw_tsequence_dict_sort(struct rw_tfilter_args *c)
{
    /* dictsort(case_sensitive=False, by='key', reverse=False) */
    bool by_value = c->given[1] && c->arg[1].type == RW_TVAL_STRING &&
                    rw_str_is(rw_tstr_text(c->arg[1].string), "value");
    if (c->v.type != RW_TVAL_DICT) {
        return rw_tfilter_fail(c);
    }
    struct rw_tval *keys = rw_arena_array(c->r->arena, c->v.dict->count + 1, sizeof *keys);
    if (keys == NULL) {
        return rw_trender_no_memory(c->r);
    }
    struct rw_tval list = pairs(c, keys, by_value, rw_tfilter_flag(c, 0));
    return c->r->status == RW_OK
               ? sort_by(c, list.list->items, keys, list.list->count, rw_tfilter_flag(c, 2))
               : list;
}

struct rw_tval rw_tsequence_items_of(struct rw_tfilter_args *c)
{
    if (c->v.type == RW_TVAL_UNDEFINED) {
        return rw_trender_list_of(c->r, NULL, 0, RW_TLIST_LAZY);
    }
    return c->v.type == RW_TVAL_DICT ? pairs(c, NULL, false, true) : rw_tfilter_fail(c);
}

struct rw_tval rw_tsequence_unique(struct rw_tfilter_args *c)
{
    /* unique(case_sensitive=False, attribute=None) */
    const struct rw_tval *items;
    size_t n;
    if (!rw_trender_items(c->r, c->v, &items, &n)) {
        return RW_TVAL_OF_UNDEFINED;
    }
    struct rw_tval *keys = rw_arena_array(c->r->arena, n + 1, sizeof *keys);
    struct rw_tval *kept = rw_arena_array(c->r->arena, n + 1, sizeof *kept);
    size_t count = 0;
    for (size_t i = 0; i < n && keys != NULL && kept != NULL && c->r->status == RW_OK; i++) {
        struct rw_tval v =
            rw_tfilter_some(c, 1) ? rw_tsequence_path(c, items[i], c->arg[1]) : items[i];
        keys[count] = fold(c, v, rw_tfilter_flag(c, 0));
        if (!rw_tval_hashable(v)) {
            return rw_tfilter_fail(c);
        }
        size_t at = 0;
        while (!rw_tval_equal(keys[at], keys[count]) && rw_trender_spend(c->r, 1)) {
            at++;
        }
        kept[count] = items[i];
        count += at == count;
    }
    return kept == NULL || keys == NULL ? rw_trender_no_memory(c->r)
                                        : rw_trender_list_of(c->r, kept, count, RW_TLIST_LAZY);
}

struct rw_tval rw_tsequence_extreme(struct rw_tfilter_args *c)
{
    /* min, max(case_sensitive=False, attribute=None); 's': sum(attribute=None, start=0) */
    const struct rw_tval *items;
    size_t n;
    struct rw_tval best = c->mode == 's' ? RW_TVAL_OF_INT(0) : RW_TVAL_OF_UNDEFINED;
    if (!rw_trender_items(c->r, c->v, &items, &n) || (c->mode != 's' && rw_tfilter_flag(c, 0)) ||
        (c->mode == 's' && c->given[1])) {
        return rw_trender_fail(c->r, "such arguments of min, max or sum");
    }
    bool by_path = rw_tfilter_some(c, c->mode == 's' ? 0 : 1);
    struct rw_tval best_key = best;
    for (size_t i = 0; i < n && c->r->status == RW_OK; i++) {
        struct rw_tval v =
            by_path ? rw_tsequence_path(c, items[i], c->arg[c->mode == 's' ? 0 : 1]) : items[i];
        if (c->mode == 's') {
            best = rw_toperator(c->r, '+', best, v);
            continue;
        }
        struct rw_tval key = fold(c, v, false);
        int order = i > 0 ? rw_trender_order(c->r, key, best_key) : 0;
        if (i == 0 || (c->mode == 'a' ? order > 0 : order < 0)) {
            best = items[i];
            best_key = key;
        }
    }
    return best;
}

/* The arguments behind the first `skip`, for a filter or test called by name. */
static void rest_of(const struct rw_targs *args, size_t skip, struct rw_targs *out)
{
    out->count = 0;
    for (size_t i = skip; i < args->count; i++) {
        out->keyword[out->count] = args->keyword[i];
        out->value[out->count++] = args->value[i];
    }
}

static struct rw_tval map_by_attribute(struct rw_tfilter_args *c, const struct rw_tval *items,
                                       size_t n, struct rw_tval *out)
{
    static const char *const NAMES[] = {"attribute", "default"};
    struct rw_tval arg[2];
    bool given[2];
    if (!rw_targs_bind(c->r, c->args, NAMES, 2, arg, given) || !given[0]) {
        return rw_trender_fail(c->r, "such arguments of map");
    }
    for (size_t i = 0; i < n && c->r->status == RW_OK; i++) {
        out[i] = rw_tsequence_path(c, items[i], arg[0]);
        out[i] = out[i].type == RW_TVAL_UNDEFINED && given[1] ? arg[1] : out[i];
    }
    return rw_trender_list_of(c->r, out, n, RW_TLIST_LAZY);
}

struct rw_tval rw_tsequence_map(struct rw_tfilter_args *c)
{
    const struct rw_tval *items;
    size_t n;
    struct rw_targs rest;
    if (!rw_trender_items(c->r, c->v, &items, &n)) {
        return RW_TVAL_OF_UNDEFINED;
    }
    struct rw_tval *out = rw_arena_array(c->r->arena, n + 1, sizeof *out);
    if (out == NULL) {
        return rw_trender_no_memory(c->r);
    }
    if (c->args->count > 0 && c->args->keyword[0].len > 0) {
        return map_by_attribute(c, items, n, out);
    }
    int filter = c->args->count > 0 && c->args->value[0].type == RW_TVAL_STRING
                     ? rw_tfilter_find(rw_tstr_text(c->args->value[0].string))
                     : -1;
    if (filter < 0) {
        return rw_trender_fail(c->r, "map with a filter that is not known");
    }
    rest_of(c->args, 1, &rest);
    if (c->r->depth == RW_TEMPLATE_DEPTH_MAX) {
        return rw_trender_fail(c->r, "maps nested too deeply");
    }
    c->r->depth++;
    for (size_t i = 0; i < n && rw_trender_spend(c->r, 1); i++) {
        out[i] = rw_tfilter_call(c->r, filter, items[i], &rest);
    }
    c->r->depth--;
    return rw_trender_list_of(c->r, out, n, RW_TLIST_LAZY);
}

/* select, reject and, with an attribute first, selectattr, rejectattr. */
struct rw_tval rw_tsequence_choose(struct rw_tfilter_args *c)
{
    bool by_attribute = c->mode == 'S' || c->mode == 'R';
    bool wanted = c->mode == 's' || c->mode == 'S';
    size_t skip = by_attribute ? 1 : 0;
    const struct rw_tval *items;
    size_t n;
    struct rw_targs rest;
    int test = -1;
    if (c->args->count > skip) {
        struct rw_tval name = c->args->value[skip];
        test = name.type == RW_TVAL_STRING ? rw_ttest_find(rw_tstr_text(name.string)) : -1;
        if (test < 0) {
            return rw_trender_fail(c->r, "a choice by a test that is not known");
        }
    }
    if (c->args->count < skip || !rw_trender_items(c->r, c->v, &items, &n)) {
        return rw_trender_fail(c->r, "a choice without an attribute, or of '%s'",
                               rw_tval_type_name(c->v));
    }
    rest_of(c->args, skip + 1, &rest);
    struct rw_tval *kept = rw_arena_array(c->r->arena, n + 1, sizeof *kept);
    size_t count = 0;
    for (size_t i = 0; i < n && kept != NULL && rw_trender_spend(c->r, 1); i++) {
        struct rw_tval v =
            by_attribute ? rw_tsequence_path(c, items[i], c->args->value[0]) : items[i];
        bool yes = test >= 0 ? rw_ttest_call(c->r, test, v, &rest) : rw_tval_truth(v);
        kept[count] = items[i];
        count += yes == wanted;
    }
    return kept == NULL ? rw_trender_no_memory(c->r)
                        : rw_trender_list_of(c->r, kept, count, RW_TLIST_LAZY);
}
