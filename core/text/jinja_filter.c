/* Filters. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/util.h"
#include "core/text/jinja_parts.h"

typedef rw_status (*filter)(struct rw_jinja_run *r, const struct rw_jinja_value *self,
                            const struct rw_jinja_args *args, struct rw_jinja_value *out);

static bool flag(const struct rw_jinja_args *args, size_t i, const char *name)
{
    const struct rw_jinja_value *value = rw_jinja_arg(args, i, name);
    return value != NULL && rw_jinja_truth(value);
}

/* Filters on text take the text of any value, as Jinja's do. */
static rw_status as_method(struct rw_jinja_run *r, const char *name,
                           const struct rw_jinja_value *self, const struct rw_jinja_args *args,
                           struct rw_jinja_value *out)
{
    struct rw_jinja_text text;
    rw_status status = rw_jinja_to_text(r, self, &text);
    const struct rw_jinja_value value = rw_jinja_make_str(text);
    return status == RW_OK ? rw_jinja_method(r, rw_str_from(name), &value, args, out) : status;
}

#define METHOD_FILTER(function, name)                                                       \
    static rw_status function(struct rw_jinja_run *r, const struct rw_jinja_value *self,    \
                              const struct rw_jinja_args *args, struct rw_jinja_value *out) \
    {                                                                                       \
        return as_method(r, name, self, args, out);                                         \
    }

METHOD_FILTER(filter_trim, "strip")
METHOD_FILTER(filter_upper, "upper")
METHOD_FILTER(filter_lower, "lower")
METHOD_FILTER(filter_title, "title")
METHOD_FILTER(filter_capitalize, "capitalize")
METHOD_FILTER(filter_replace, "replace")

static rw_status filter_length(struct rw_jinja_run *r, const struct rw_jinja_value *self,
                               const struct rw_jinja_args *args, struct rw_jinja_value *out)
{
    size_t n = 0;
    (void)args;
    rw_status status = rw_jinja_length(r, self, &n);
    *out = rw_jinja_make_int((int64_t)n);
    return status;
}

static rw_status filter_default(struct rw_jinja_run *r, const struct rw_jinja_value *self,
                                const struct rw_jinja_args *args, struct rw_jinja_value *out)
{
    const struct rw_jinja_value *other = rw_jinja_arg(args, 0, "default_value");
    bool missing =
        self->type == RW_JINJA_UNDEFINED || (flag(args, 1, "boolean") && !rw_jinja_truth(self));
    (void)r;
    *out = !missing ? *self : other != NULL ? *other : rw_jinja_make_literal("");
    return RW_OK;
}

static rw_status end_of(struct rw_jinja_run *r, const struct rw_jinja_value *self, bool last,
                        struct rw_jinja_value *out)
{
    struct rw_jinja_value items;
    rw_status status = rw_jinja_iterate(r, self, &items);
    if (status == RW_OK && items.items->n == 0) {
        *out = rw_jinja_make_undefined(RW_STR("an item of an empty sequence"));
    } else if (status == RW_OK) {
        *out = items.items->at[last ? items.items->n - 1 : 0];
    }
    return status;
}

static rw_status filter_first(struct rw_jinja_run *r, const struct rw_jinja_value *self,
                              const struct rw_jinja_args *args, struct rw_jinja_value *out)
{
    (void)args;
    return end_of(r, self, false, out);
}

static rw_status filter_last(struct rw_jinja_run *r, const struct rw_jinja_value *self,
                             const struct rw_jinja_args *args, struct rw_jinja_value *out)
{
    (void)args;
    return end_of(r, self, true, out);
}

static rw_status filter_list(struct rw_jinja_run *r, const struct rw_jinja_value *self,
                             const struct rw_jinja_args *args, struct rw_jinja_value *out)
{
    (void)args;
    rw_status status = rw_jinja_iterate(r, self, out);
    out->type = RW_JINJA_LIST;
    return status;
}

static rw_status filter_items(struct rw_jinja_run *r, const struct rw_jinja_value *self,
                              const struct rw_jinja_args *args, struct rw_jinja_value *out)
{
    if (self->type == RW_JINJA_UNDEFINED) {
        return rw_jinja_make_items(r, RW_JINJA_LIST, 0, out);
    }
    if (self->type != RW_JINJA_DICT) {
        return rw_jinja_fail(r, "Can only get item pairs from a mapping.");
    }
    return rw_jinja_method(r, RW_STR("items"), self, args, out);
}

/* "a.b.0" of a value, as map and select take it. */
static rw_status dotted(struct rw_jinja_run *r, const struct rw_jinja_value *self,
                        const struct rw_jinja_value *path, struct rw_jinja_value *out)
{
    *out = *self;
    if (path->type == RW_JINJA_INT) {
        return rw_jinja_item(r, self, path, out);
    }
    struct rw_str text = rw_jinja_bytes(path);
    rw_status status = RW_OK;
    for (size_t at = 0; at <= text.len && status == RW_OK;) {
        size_t end = rw_str_find(text, RW_STR("."), at);
        struct rw_str name = rw_str_slice(text, at, end);
        struct rw_jinja_value from = *out;
        unsigned long long index;
        struct rw_jinja_value key =
            rw_jinja_make_str((struct rw_jinja_text){name.ptr, NULL, name.len});
        if (rw_str_to_u64(name, &index)) {
            key = rw_jinja_make_int((int64_t)index);
        }
        status = rw_jinja_item(r, &from, &key, out);
        at = end + 1;
    }
    return status;
}

static rw_status filter_join(struct rw_jinja_run *r, const struct rw_jinja_value *self,
                             const struct rw_jinja_args *args, struct rw_jinja_value *out)
{
    const struct rw_jinja_value *by = rw_jinja_arg(args, 0, "d");
    const struct rw_jinja_value *attribute = rw_jinja_arg(args, 1, "attribute");
    struct rw_jinja_value items;
    struct rw_jinja_text between = {"", NULL, 0};
    struct rw_jinja_writer w = {0};
    rw_status status = rw_jinja_iterate(r, self, &items);
    status = status == RW_OK && by != NULL ? rw_jinja_to_text(r, by, &between) : status;
    for (size_t i = 0; status == RW_OK && i < items.items->n; i++) {
        struct rw_jinja_value item = items.items->at[i];
        struct rw_jinja_text text = {"", NULL, 0};
        if (attribute != NULL) {
            status = dotted(r, &items.items->at[i], attribute, &item);
        }
        status = status == RW_OK ? rw_jinja_to_text(r, &item, &text) : status;
        status = status == RW_OK && i > 0 ? rw_jinja_write(r, &w, between) : status;
        status = status == RW_OK ? rw_jinja_write(r, &w, text) : status;
    }
    *out = rw_jinja_make_str(rw_jinja_written(&w));
    return status;
}

static rw_status filter_string(struct rw_jinja_run *r, const struct rw_jinja_value *self,
                               const struct rw_jinja_args *args, struct rw_jinja_value *out)
{
    struct rw_jinja_text text = {"", NULL, 0};
    (void)args;
    rw_status status = rw_jinja_to_text(r, self, &text);
    *out = rw_jinja_make_str(text);
    return status;
}

/* The number a text is, as int() and float() read it; NaN: none. */
static double number_of(struct rw_jinja_text text)
{
    char copy[64];
    text = rw_jinja_strip(text, (struct rw_str){NULL, 0}, true, true);
    if (text.len == 0 || text.len >= sizeof copy) {
        return NAN;
    }
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    if (strpbrk(copy, "xXpPnN") != NULL) { /* hexadecimal and the like are not Python's */
        return NAN;
    }
    char *end;
    double value = strtod(copy, &end);
    return *end == '\0' ? value : NAN;
}

static rw_status to_number(struct rw_jinja_run *r, const struct rw_jinja_value *self,
                           const struct rw_jinja_args *args, bool whole, struct rw_jinja_value *out)
{
    const struct rw_jinja_value *missing = rw_jinja_arg(args, 0, "default");
    double value = NAN;
    if (self->type == RW_JINJA_STR) {
        value = number_of(self->text);
    } else if (!rw_jinja_number(self, &value)) {
        value = NAN;
    }
    if (isnan(value) || (whole && fabs(value) > 9e15)) {
        *out = missing != NULL ? *missing
               : whole         ? rw_jinja_make_int(0)
                               : (struct rw_jinja_value){.type = RW_JINJA_FLOAT};
        return fabs(value) > 9e15 ? rw_jinja_fail(r, "a number that is too large") : RW_OK;
    }
    *out = whole ? rw_jinja_make_int((int64_t)value)
                 : (struct rw_jinja_value){.type = RW_JINJA_FLOAT, .real = value};
    return RW_OK;
}

static rw_status filter_int(struct rw_jinja_run *r, const struct rw_jinja_value *self,
                            const struct rw_jinja_args *args, struct rw_jinja_value *out)
{
    return to_number(r, self, args, true, out);
}

static rw_status filter_float(struct rw_jinja_run *r, const struct rw_jinja_value *self,
                              const struct rw_jinja_args *args, struct rw_jinja_value *out)
{
    return to_number(r, self, args, false, out);
}

static rw_status filter_abs(struct rw_jinja_run *r, const struct rw_jinja_value *self,
                            const struct rw_jinja_args *args, struct rw_jinja_value *out)
{
    (void)args;
    *out = *self;
    if (self->type == RW_JINJA_INT && self->integer != INT64_MIN) {
        out->integer = llabs(self->integer);
        return RW_OK;
    }
    out->real = fabs(self->real);
    return self->type == RW_JINJA_FLOAT
               ? RW_OK
               : rw_jinja_fail(r, "a %s has no absolute value", rw_jinja_type_name(self->type));
}

/* ---- JSON, escapes, layout ------------------------------------------------------------------- */

static rw_status filter_tojson(struct rw_jinja_run *r, const struct rw_jinja_value *self,
                               const struct rw_jinja_args *args, struct rw_jinja_value *out)
{
    const struct rw_jinja_value *indent = rw_jinja_arg(args, 1, "indent");
    const struct rw_jinja_value *separators = rw_jinja_arg(args, 2, "separators");
    if (indent == NULL && args->n > 0 && args->name[0].ptr == NULL && args->n == 1) {
        indent = NULL; /* the first by position is ensure_ascii */
    }
    struct rw_jinja_json form = {.indent = -1,
                                 .ascii = flag(args, 0, "ensure_ascii"),
                                 .sort_keys = flag(args, 3, "sort_keys"),
                                 .item = RW_STR(", "),
                                 .colon = RW_STR(": ")};
    if (indent != NULL && indent->type == RW_JINJA_INT) {
        form.indent = (int)RW_MAX(0, RW_MIN(indent->integer, 32));
        form.item = RW_STR(",");
    }
    if (separators != NULL &&
        (separators->type == RW_JINJA_TUPLE || separators->type == RW_JINJA_LIST) &&
        separators->items->n == 2 && separators->items->at[0].type == RW_JINJA_STR &&
        separators->items->at[1].type == RW_JINJA_STR) {
        form.item = rw_jinja_bytes(&separators->items->at[0]);
        form.colon = rw_jinja_bytes(&separators->items->at[1]);
    }
    struct rw_jinja_writer w = {0};
    rw_status status = rw_jinja_print_json(r, &w, self, &form, 0);
    *out = rw_jinja_make_str(rw_jinja_written(&w));
    return status;
}

static rw_status filter_safe(struct rw_jinja_run *r, const struct rw_jinja_value *self,
                             const struct rw_jinja_args *args, struct rw_jinja_value *out)
{
    return filter_string(r, self, args, out);
}

static rw_status filter_escape(struct rw_jinja_run *r, const struct rw_jinja_value *self,
                               const struct rw_jinja_args *args, struct rw_jinja_value *out)
{
    static const char FROM[] = "&<>'\"";
    static const char *const TO[] = {"&amp;", "&lt;", "&gt;", "&#39;", "&#34;"};
    struct rw_jinja_text text = {"", NULL, 0};
    struct rw_jinja_writer w = {0};
    (void)args;
    rw_status status = rw_jinja_to_text(r, self, &text);
    for (size_t i = 0; i < text.len && status == RW_OK; i++) {
        const char *found = text.ptr[i] != '\0' ? strchr(FROM, text.ptr[i]) : NULL;
        status = found != NULL ? rw_jinja_write_literal(r, &w, TO[found - FROM])
                               : rw_jinja_write(r, &w, rw_jinja_cut(text, i, i + 1));
    }
    *out = rw_jinja_make_str(rw_jinja_written(&w));
    return status;
}

static rw_status filter_indent(struct rw_jinja_run *r, const struct rw_jinja_value *self,
                               const struct rw_jinja_args *args, struct rw_jinja_value *out)
{
    const struct rw_jinja_value *width = rw_jinja_arg(args, 0, "width");
    bool first = flag(args, 1, "first"), blank = flag(args, 2, "blank");
    struct rw_jinja_text text = {"", NULL, 0};
    struct rw_jinja_writer w = {0}, by = {0};
    rw_status status = rw_jinja_to_text(r, self, &text);
    if (width != NULL && width->type == RW_JINJA_STR) {
        status = status == RW_OK ? rw_jinja_write(r, &by, width->text) : status;
    } else {
        int64_t n = width != NULL && width->type == RW_JINJA_INT ? width->integer : 4;
        for (int64_t i = 0; i < RW_MIN(n, 256) && status == RW_OK; i++) {
            status = rw_jinja_write_literal(r, &by, " ");
        }
    }
    bool begin = true;
    for (size_t at = 0; at < text.len && status == RW_OK; begin = false) {
        size_t end = rw_str_find(rw_jinja_plain(text), RW_STR("\n"), at);
        size_t next = RW_MIN(end + 1, text.len);
        if (begin ? first : blank || end > at) {
            status = rw_jinja_write(r, &w, rw_jinja_written(&by));
        }
        status = status == RW_OK ? rw_jinja_write(r, &w, rw_jinja_cut(text, at, next)) : status;
        at = next;
    }
    *out = rw_jinja_make_str(rw_jinja_written(&w));
    return status;
}

/* ---- sequences ------------------------------------------------------------------------------- */

static rw_status filter_reverse(struct rw_jinja_run *r, const struct rw_jinja_value *self,
                                const struct rw_jinja_args *args, struct rw_jinja_value *out)
{
    struct rw_jinja_value items;
    struct rw_jinja_writer w = {0};
    (void)args;
    rw_status status = rw_jinja_iterate(r, self, &items);
    status = status == RW_OK ? rw_jinja_make_items(r, RW_JINJA_LIST, 0, out) : status;
    for (size_t i = status == RW_OK ? items.items->n : 0; i-- > 0 && status == RW_OK;) {
        status = self->type == RW_JINJA_STR ? rw_jinja_write(r, &w, items.items->at[i].text)
                                            : rw_jinja_add(r, out, &items.items->at[i]);
    }
    if (self->type == RW_JINJA_STR) {
        *out = rw_jinja_make_str(rw_jinja_written(&w));
    }
    return status;
}

static rw_status filter_unique(struct rw_jinja_run *r, const struct rw_jinja_value *self,
                               const struct rw_jinja_args *args, struct rw_jinja_value *out)
{
    struct rw_jinja_value items;
    (void)args;
    rw_status status = rw_jinja_iterate(r, self, &items);
    status = status == RW_OK ? rw_jinja_make_items(r, RW_JINJA_LIST, 0, out) : status;
    for (size_t i = 0; status == RW_OK && i < items.items->n; i++) {
        bool seen = false;
        for (size_t k = 0; k < out->items->n && !seen; k++) {
            seen = rw_jinja_equal(&out->items->at[k], &items.items->at[i]);
        }
        status = rw_jinja_step(r, out->items->n);
        status = status == RW_OK && !seen ? rw_jinja_add(r, out, &items.items->at[i]) : status;
    }
    return status;
}

/* Stable; keys are compared as they are (Jinja folds the case of texts unless told otherwise). */
static rw_status sort_by(struct rw_jinja_run *r, struct rw_jinja_value *items,
                         const struct rw_jinja_value *path, bool fold, bool reverse)
{
    struct rw_jinja_value *at = items->items->at;
    for (size_t i = 1; i < items->items->n; i++) {
        for (size_t k = i; k > 0; k--) {
            struct rw_jinja_value key[2] = {at[k - 1], at[k]};
            int order = 0;
            rw_status status = rw_jinja_step(r, 1);
            for (int s = 0; s < 2 && status == RW_OK; s++) {
                if (path != NULL) {
                    status = dotted(r, &at[k - 1 + s], path, &key[s]);
                }
                if (status == RW_OK && fold && key[s].type == RW_JINJA_STR) {
                    const struct rw_jinja_value text = key[s];
                    const struct rw_jinja_args none = {.n = 0};
                    status = rw_jinja_method(r, RW_STR("lower"), &text, &none, &key[s]);
                }
            }
            status = status == RW_OK ? rw_jinja_order(r, &key[0], &key[1], &order) : status;
            if (status != RW_OK) {
                return status;
            }
            if (reverse ? order >= 0 : order <= 0) {
                break;
            }
            const struct rw_jinja_value kept = at[k];
            at[k] = at[k - 1];
            at[k - 1] = kept;
        }
    }
    return RW_OK;
}

static rw_status copy_items(struct rw_jinja_run *r, const struct rw_jinja_value *self,
                            struct rw_jinja_value *out)
{
    struct rw_jinja_value items;
    rw_status status = rw_jinja_iterate(r, self, &items);
    status = status == RW_OK ? rw_jinja_make_items(r, RW_JINJA_LIST, 0, out) : status;
    for (size_t i = 0; status == RW_OK && i < items.items->n; i++) {
        status = rw_jinja_add(r, out, &items.items->at[i]);
    }
    return status;
}

static rw_status filter_sort(struct rw_jinja_run *r, const struct rw_jinja_value *self,
                             const struct rw_jinja_args *args, struct rw_jinja_value *out)
{
    rw_status status = copy_items(r, self, out);
    return status == RW_OK ? sort_by(r, out, rw_jinja_arg(args, 2, "attribute"),
                                     !flag(args, 1, "case_sensitive"), flag(args, 0, "reverse"))
                           : status;
}

static rw_status filter_dictsort(struct rw_jinja_run *r, const struct rw_jinja_value *self,
                                 const struct rw_jinja_args *args, struct rw_jinja_value *out)
{
    const struct rw_jinja_args none = {.n = 0};
    const struct rw_jinja_value *by = rw_jinja_arg(args, 1, "by");
    const struct rw_jinja_value position =
        rw_jinja_make_int(by != NULL && rw_jinja_is_text(by, "value") ? 1 : 0);
    if (self->type != RW_JINJA_DICT) {
        return rw_jinja_fail(r, "dictsort takes a dict");
    }
    rw_status status = rw_jinja_method(r, RW_STR("items"), self, &none, out);
    return status == RW_OK ? sort_by(r, out, &position, !flag(args, 0, "case_sensitive"),
                                     flag(args, 2, "reverse"))
                           : status;
}

/* ---- map and select -------------------------------------------------------------------------- */

static void shift(const struct rw_jinja_args *args, size_t by, struct rw_jinja_args *out)
{
    out->n = 0;
    for (size_t i = by; i < args->n; i++) {
        out->at[out->n] = args->at[i];
        out->name[out->n++] = args->name[i];
    }
}

static rw_status map_one(struct rw_jinja_run *r, const struct rw_jinja_value *item,
                         const struct rw_jinja_args *args, struct rw_jinja_args *rest,
                         struct rw_jinja_value *out)
{
    const struct rw_jinja_value *attribute = rw_jinja_arg(args, SIZE_MAX, "attribute");
    const struct rw_jinja_value *missing = rw_jinja_arg(args, SIZE_MAX, "default");
    if (attribute != NULL) {
        rw_status status = dotted(r, item, attribute, out);
        if (status == RW_OK && out->type == RW_JINJA_UNDEFINED && missing != NULL) {
            *out = *missing;
        }
        return status;
    }
    const struct rw_jinja_value *name = rw_jinja_arg(args, 0, NULL);
    if (name == NULL || name->type != RW_JINJA_STR || !rw_jinja_has_filter(rw_jinja_bytes(name))) {
        return rw_jinja_fail(r, "map takes an attribute or the name of a filter");
    }
    shift(args, 1, rest);
    return rw_jinja_filter(r, rw_jinja_bytes(name), item, rest, out);
}

static rw_status filter_map(struct rw_jinja_run *r, const struct rw_jinja_value *self,
                            const struct rw_jinja_args *args, struct rw_jinja_value *out)
{
    struct rw_jinja_value items;
    struct rw_jinja_args *rest = rw_arena_alloc(r->arena, sizeof *rest);
    if (rest == NULL) {
        return rw_jinja_no_memory(r);
    }
    rw_status status = rw_jinja_iterate(r, self, &items);
    status = status == RW_OK ? rw_jinja_make_items(r, RW_JINJA_LIST, 0, out) : status;
    for (size_t i = 0; status == RW_OK && i < items.items->n; i++) {
        struct rw_jinja_value one;
        status = map_one(r, &items.items->at[i], args, rest, &one);
        status = status == RW_OK ? rw_jinja_add(r, out, &one) : status;
    }
    return status;
}

/* select, reject, and both by an attribute. */
static rw_status choose(struct rw_jinja_run *r, const struct rw_jinja_value *self,
                        const struct rw_jinja_args *args, bool attribute, bool keep,
                        struct rw_jinja_value *out)
{
    const struct rw_jinja_value *path = attribute ? rw_jinja_arg(args, 0, NULL) : NULL;
    const struct rw_jinja_value *test = rw_jinja_arg(args, attribute ? 1 : 0, NULL);
    struct rw_jinja_value items;
    struct rw_jinja_args *rest = rw_arena_alloc(r->arena, sizeof *rest);
    if (rest == NULL) {
        return rw_jinja_no_memory(r);
    }
    bool known =
        test == NULL || (test->type == RW_JINJA_STR && rw_jinja_has_test(rw_jinja_bytes(test)));
    if ((attribute && path == NULL) || !known) {
        return rw_jinja_fail(r, "select takes the name of a test");
    }
    shift(args, (size_t)attribute + 1, rest);
    rw_status status = rw_jinja_iterate(r, self, &items);
    status = status == RW_OK ? rw_jinja_make_items(r, RW_JINJA_LIST, 0, out) : status;
    for (size_t i = 0; status == RW_OK && i < items.items->n; i++) {
        struct rw_jinja_value value = items.items->at[i];
        bool holds = false;
        status = path != NULL ? dotted(r, &items.items->at[i], path, &value) : RW_OK;
        if (status == RW_OK && test != NULL) {
            status = rw_jinja_test(r, rw_jinja_bytes(test), &value, rest, &holds);
        } else {
            holds = rw_jinja_truth(&value);
        }
        if (status == RW_OK && holds == keep) {
            status = rw_jinja_add(r, out, &items.items->at[i]);
        }
    }
    return status;
}

#define CHOOSE_FILTER(function, attribute, keep)                                            \
    static rw_status function(struct rw_jinja_run *r, const struct rw_jinja_value *self,    \
                              const struct rw_jinja_args *args, struct rw_jinja_value *out) \
    {                                                                                       \
        return choose(r, self, args, attribute, keep, out);                                 \
    }

CHOOSE_FILTER(filter_select, false, true)
CHOOSE_FILTER(filter_reject, false, false)
CHOOSE_FILTER(filter_selectattr, true, true)
CHOOSE_FILTER(filter_rejectattr, true, false)

static const struct {
    const char *name;
    filter call;
} FILTER[] = {
    {"trim", filter_trim},
    {"upper", filter_upper},
    {"lower", filter_lower},
    {"title", filter_title},
    {"capitalize", filter_capitalize},
    {"replace", filter_replace},
    {"length", filter_length},
    {"count", filter_length},
    {"default", filter_default},
    {"d", filter_default},
    {"first", filter_first},
    {"last", filter_last},
    {"list", filter_list},
    {"items", filter_items},
    {"join", filter_join},
    {"string", filter_string},
    {"int", filter_int},
    {"float", filter_float},
    {"abs", filter_abs},
    {"tojson", filter_tojson},
    {"safe", filter_safe},
    {"escape", filter_escape},
    {"e", filter_escape},
    {"indent", filter_indent},
    {"reverse", filter_reverse},
    {"unique", filter_unique},
    {"sort", filter_sort},
    {"dictsort", filter_dictsort},
    {"map", filter_map},
    {"select", filter_select},
    {"reject", filter_reject},
    {"selectattr", filter_selectattr},
    {"rejectattr", filter_rejectattr},
};

static filter find_filter(struct rw_str name)
{
    for (size_t i = 0; i < RW_COUNT(FILTER); i++) {
        if (rw_str_is(name, FILTER[i].name)) {
            return FILTER[i].call;
        }
    }
    return NULL;
}

bool rw_jinja_has_filter(struct rw_str name)
{
    return find_filter(name) != NULL;
}

rw_status rw_jinja_filter(struct rw_jinja_run *r, struct rw_str name,
                          const struct rw_jinja_value *self, const struct rw_jinja_args *args,
                          struct rw_jinja_value *out)
{
    return find_filter(name)(r, self, args, out);
}
