/* Methods of texts and dicts, and the functions that a template may call. */
#include <stdio.h>
#include <string.h>

#include "core/base/utf8.h"
#include "core/base/util.h"
#include "core/text/jinja_parts.h"

typedef rw_status (*method)(struct rw_jinja_run *r, const struct rw_jinja_value *self,
                            const struct rw_jinja_args *args, struct rw_jinja_value *out);

/* ---- arguments ------------------------------------------------------------------------------- */

/* A text argument; `missing` where it is absent or None. */
static rw_status text_arg(struct rw_jinja_run *r, const struct rw_jinja_args *args, size_t i,
                          const char *name, struct rw_str missing, struct rw_str *out)
{
    const struct rw_jinja_value *value = rw_jinja_arg(args, i, name);
    *out = missing;
    if (value == NULL || value->type == RW_JINJA_NONE) {
        return RW_OK;
    }
    if (value->type != RW_JINJA_STR) {
        return rw_jinja_fail(r, "a text is wanted, not %s", rw_jinja_type_name(value->type));
    }
    *out = rw_jinja_bytes(value);
    return RW_OK;
}

static rw_status int_arg(struct rw_jinja_run *r, const struct rw_jinja_args *args, size_t i,
                         const char *name, int64_t missing, int64_t *out)
{
    const struct rw_jinja_value *value = rw_jinja_arg(args, i, name);
    *out = missing;
    if (value == NULL || value->type == RW_JINJA_NONE) {
        return RW_OK;
    }
    if (value->type != RW_JINJA_INT) {
        return rw_jinja_fail(r, "a number is wanted, not %s", rw_jinja_type_name(value->type));
    }
    *out = value->integer;
    return RW_OK;
}

/* ---- texts ----------------------------------------------------------------------------------- */

static rw_status strip_ends(struct rw_jinja_run *r, const struct rw_jinja_value *self,
                            const struct rw_jinja_args *args, bool left, bool right,
                            struct rw_jinja_value *out)
{
    struct rw_str set;
    rw_status status = text_arg(r, args, 0, NULL, (struct rw_str){NULL, 0}, &set);
    *out = rw_jinja_make_str(rw_jinja_strip(self->text, set, left, right));
    return status;
}

static rw_status text_strip(struct rw_jinja_run *r, const struct rw_jinja_value *self,
                            const struct rw_jinja_args *args, struct rw_jinja_value *out)
{
    return strip_ends(r, self, args, true, true, out);
}

static rw_status text_lstrip(struct rw_jinja_run *r, const struct rw_jinja_value *self,
                             const struct rw_jinja_args *args, struct rw_jinja_value *out)
{
    return strip_ends(r, self, args, true, false, out);
}

static rw_status text_rstrip(struct rw_jinja_run *r, const struct rw_jinja_value *self,
                             const struct rw_jinja_args *args, struct rw_jinja_value *out)
{
    return strip_ends(r, self, args, false, true, out);
}

static rw_status push_cut(struct rw_jinja_run *r, struct rw_jinja_value *list,
                          struct rw_jinja_text text, size_t begin, size_t end)
{
    const struct rw_jinja_value part = rw_jinja_make_str(rw_jinja_cut(text, begin, end));
    return rw_jinja_add(r, list, &part);
}

/* split() without a separator: at runs of white space, none at the ends. */
static rw_status split_words(struct rw_jinja_run *r, struct rw_jinja_text text, int64_t most,
                             struct rw_jinja_value *out)
{
    static const struct rw_str SPACE = {NULL, 0};
    rw_status status = rw_jinja_make_items(r, RW_JINJA_LIST, 0, out);
    text = rw_jinja_strip(text, SPACE, true, most < 0);
    while (status == RW_OK && text.len > 0) {
        size_t end = 0;
        bool last = most == 0;
        while (!last && end < text.len) {
            size_t len = 1;
            rw_utf8_decode(rw_jinja_plain(text), end, &len);
            if (rw_jinja_strip(rw_jinja_cut(text, end, end + len), SPACE, true, false).len == 0) {
                break;
            }
            end += len;
        }
        end = last ? text.len : end;
        status = push_cut(r, out, text, 0, end);
        most -= most > 0;
        text = rw_jinja_strip(rw_jinja_cut(text, end, text.len), SPACE, true, false);
    }
    return status;
}

static rw_status text_split(struct rw_jinja_run *r, const struct rw_jinja_value *self,
                            const struct rw_jinja_args *args, struct rw_jinja_value *out)
{
    struct rw_str by;
    int64_t most = -1;
    rw_status status = text_arg(r, args, 0, "sep", (struct rw_str){NULL, 0}, &by);
    status = status == RW_OK ? int_arg(r, args, 1, "maxsplit", -1, &most) : status;
    if (status != RW_OK || by.ptr == NULL) {
        return status == RW_OK ? split_words(r, self->text, most, out) : status;
    }
    if (by.len == 0) {
        return rw_jinja_fail(r, "empty separator");
    }
    struct rw_str plain = rw_jinja_bytes(self);
    size_t at = 0;
    status = rw_jinja_make_items(r, RW_JINJA_LIST, 0, out);
    status = status == RW_OK ? rw_jinja_step(r, plain.len / 16) : status;
    while (status == RW_OK) {
        size_t end = most == 0 ? plain.len : rw_str_find(plain, by, at);
        status = push_cut(r, out, self->text, at, end);
        if (end == plain.len) {
            break;
        }
        at = end + by.len;
        most -= most > 0;
    }
    return status;
}

static bool find_last(struct rw_str text, struct rw_str by, size_t end, size_t *out)
{
    for (size_t at = end >= by.len ? end - by.len + 1 : 0; at-- > 0;) {
        if (memcmp(text.ptr + at, by.ptr, by.len) == 0) {
            *out = at;
            return true;
        }
    }
    return false;
}

static rw_status text_rsplit(struct rw_jinja_run *r, const struct rw_jinja_value *self,
                             const struct rw_jinja_args *args, struct rw_jinja_value *out)
{
    struct rw_str by;
    int64_t most = -1;
    rw_status status = text_arg(r, args, 0, "sep", (struct rw_str){NULL, 0}, &by);
    status = status == RW_OK ? int_arg(r, args, 1, "maxsplit", -1, &most) : status;
    if (status != RW_OK || by.ptr == NULL || most < 0) {
        bool words = status == RW_OK && by.ptr == NULL && most >= 0;
        return words ? rw_jinja_fail(r, "rsplit needs a separator")
                     : text_split(r, self, args, out);
    }
    if (by.len == 0) {
        return rw_jinja_fail(r, "empty separator");
    }
    struct rw_str plain = rw_jinja_bytes(self);
    struct rw_jinja_value turned;
    size_t end = plain.len, at = 0;
    status = rw_jinja_make_items(r, RW_JINJA_LIST, 0, &turned);
    status = status == RW_OK ? rw_jinja_step(r, plain.len / 16) : status;
    for (; status == RW_OK && most > 0 && find_last(plain, by, end, &at); most--) {
        status = push_cut(r, &turned, self->text, at + by.len, end);
        end = at;
    }
    status = status == RW_OK ? push_cut(r, &turned, self->text, 0, end) : status;
    status = status == RW_OK ? rw_jinja_make_items(r, RW_JINJA_LIST, 0, out) : status;
    for (size_t i = turned.items->n; i-- > 0 && status == RW_OK;) {
        status = rw_jinja_add(r, out, &turned.items->at[i]);
    }
    return status;
}

static rw_status text_splitlines(struct rw_jinja_run *r, const struct rw_jinja_value *self,
                                 const struct rw_jinja_args *args, struct rw_jinja_value *out)
{
    const struct rw_jinja_value *keep = rw_jinja_arg(args, 0, "keepends");
    bool ends = keep != NULL && rw_jinja_truth(keep);
    struct rw_str plain = rw_jinja_bytes(self);
    rw_status status = rw_jinja_make_items(r, RW_JINJA_LIST, 0, out);
    for (size_t at = 0; at < plain.len && status == RW_OK;) {
        size_t end = at;
        while (end < plain.len && strchr("\n\r\v\f\x1C\x1D\x1E", plain.ptr[end]) == NULL) {
            end++;
        }
        size_t next = end;
        if (next < plain.len) {
            bool pair =
                plain.ptr[next] == '\r' && next + 1 < plain.len && plain.ptr[next + 1] == '\n';
            next += 1 + pair;
        }
        status = push_cut(r, out, self->text, at, ends ? next : end);
        at = next;
    }
    return status;
}

/* startswith and endswith take a text or a tuple of them. */
static rw_status has_end(struct rw_jinja_run *r, const struct rw_jinja_value *self,
                         const struct rw_jinja_args *args, bool start, struct rw_jinja_value *out)
{
    const struct rw_jinja_value *given = rw_jinja_arg(args, 0, NULL);
    struct rw_jinja_items one = {.n = 1};
    bool found = false;
    if (given == NULL || (given->type != RW_JINJA_STR && given->type != RW_JINJA_TUPLE)) {
        return rw_jinja_fail(r, "a text or a tuple of texts is wanted");
    }
    struct rw_jinja_value copy = *given;
    one.at = &copy;
    const struct rw_jinja_items *all = given->type == RW_JINJA_TUPLE ? given->items : &one;
    for (size_t i = 0; i < all->n && !found; i++) {
        if (all->at[i].type != RW_JINJA_STR) {
            return rw_jinja_fail(r, "a tuple of texts is wanted");
        }
        struct rw_str text = rw_jinja_bytes(self), part = rw_jinja_bytes(&all->at[i]);
        found = start ? rw_str_starts(text, part) : rw_str_ends(text, part);
    }
    *out = rw_jinja_make_bool(found);
    return RW_OK;
}

static rw_status text_startswith(struct rw_jinja_run *r, const struct rw_jinja_value *self,
                                 const struct rw_jinja_args *args, struct rw_jinja_value *out)
{
    return has_end(r, self, args, true, out);
}

static rw_status text_endswith(struct rw_jinja_run *r, const struct rw_jinja_value *self,
                               const struct rw_jinja_args *args, struct rw_jinja_value *out)
{
    return has_end(r, self, args, false, out);
}

static rw_status remove_end(struct rw_jinja_run *r, const struct rw_jinja_value *self,
                            const struct rw_jinja_args *args, bool start,
                            struct rw_jinja_value *out)
{
    struct rw_str part;
    struct rw_str text = rw_jinja_bytes(self);
    rw_status status = text_arg(r, args, 0, NULL, RW_STR(""), &part);
    bool there = start ? rw_str_starts(text, part) : rw_str_ends(text, part);
    size_t begin = there && start ? part.len : 0;
    size_t end = text.len - (there && !start ? part.len : 0);
    *out = rw_jinja_make_str(rw_jinja_cut(self->text, begin, end));
    return status;
}

static rw_status text_removeprefix(struct rw_jinja_run *r, const struct rw_jinja_value *self,
                                   const struct rw_jinja_args *args, struct rw_jinja_value *out)
{
    return remove_end(r, self, args, true, out);
}

static rw_status text_removesuffix(struct rw_jinja_run *r, const struct rw_jinja_value *self,
                                   const struct rw_jinja_args *args, struct rw_jinja_value *out)
{
    return remove_end(r, self, args, false, out);
}

/* What is put in has the origin of the argument: a policy's text stays a policy's. */
static rw_status text_replace(struct rw_jinja_run *r, const struct rw_jinja_value *self,
                              const struct rw_jinja_args *args, struct rw_jinja_value *out)
{
    const struct rw_jinja_value *to = rw_jinja_arg(args, 1, "new");
    struct rw_str from;
    int64_t most = -1;
    rw_status status = text_arg(r, args, 0, "old", (struct rw_str){NULL, 0}, &from);
    status = status == RW_OK ? int_arg(r, args, 2, "count", -1, &most) : status;
    if (status == RW_OK && (from.ptr == NULL || to == NULL || to->type != RW_JINJA_STR)) {
        return rw_jinja_fail(r, "replace takes two texts");
    }
    struct rw_jinja_writer w = {0};
    struct rw_str plain = rw_jinja_bytes(self);
    size_t at = 0;
    status = status == RW_OK ? rw_jinja_step(r, plain.len / 16) : status;
    while (status == RW_OK && most != 0) {
        size_t end = from.len > 0 ? rw_str_find(plain, from, at) : at;
        bool found = end < plain.len || (from.len == 0 && end == plain.len);
        if (!found) {
            break;
        }
        status = rw_jinja_write(r, &w, rw_jinja_cut(self->text, at, end));
        status = status == RW_OK ? rw_jinja_write(r, &w, to->text) : status;
        at = end + from.len;
        most -= most > 0;
        if (from.len == 0) { /* between all characters, as Python does */
            size_t len = 1;
            if (at == plain.len) {
                break;
            }
            rw_utf8_decode(plain, at, &len);
            status = status == RW_OK ? rw_jinja_write(r, &w, rw_jinja_cut(self->text, at, at + len))
                                     : status;
            at += len;
        }
    }
    status =
        status == RW_OK ? rw_jinja_write(r, &w, rw_jinja_cut(self->text, at, plain.len)) : status;
    *out = rw_jinja_make_str(rw_jinja_written(&w));
    return status;
}

/* ASCII letters; others would need the whole of Unicode's case tables and are refused, so that no
 * template is laid out otherwise than its reference does. */
enum letter_case {
    CASE_UPPER,
    CASE_LOWER,
    CASE_TITLE,
    CASE_FIRST,
};

static rw_status change_case(struct rw_jinja_run *r, struct rw_jinja_text text,
                             enum letter_case how, struct rw_jinja_value *out)
{
    char *to = rw_arena_array(r->arena, text.len + 1, 1);
    bool inside = false;
    if (to == NULL) {
        return rw_jinja_no_memory(r);
    }
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        bool letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
        if (c >= 0x80) {
            return rw_jinja_fail(r, "the case of letters beyond ASCII is not supported");
        }
        bool upper =
            how == CASE_UPPER || (how == CASE_TITLE && !inside) || (how == CASE_FIRST && i == 0);
        to[i] = (char)(!letter ? c : upper ? c & ~0x20 : c | 0x20);
        inside = letter;
    }
    *out = rw_jinja_make_str((struct rw_jinja_text){to, text.origin, text.len});
    return rw_jinja_step(r, text.len / 64);
}

static rw_status text_upper(struct rw_jinja_run *r, const struct rw_jinja_value *self,
                            const struct rw_jinja_args *args, struct rw_jinja_value *out)
{
    (void)args;
    return change_case(r, self->text, CASE_UPPER, out);
}

static rw_status text_lower(struct rw_jinja_run *r, const struct rw_jinja_value *self,
                            const struct rw_jinja_args *args, struct rw_jinja_value *out)
{
    (void)args;
    return change_case(r, self->text, CASE_LOWER, out);
}

static rw_status text_title(struct rw_jinja_run *r, const struct rw_jinja_value *self,
                            const struct rw_jinja_args *args, struct rw_jinja_value *out)
{
    (void)args;
    return change_case(r, self->text, CASE_TITLE, out);
}

static rw_status text_capitalize(struct rw_jinja_run *r, const struct rw_jinja_value *self,
                                 const struct rw_jinja_args *args, struct rw_jinja_value *out)
{
    (void)args;
    return change_case(r, self->text, CASE_FIRST, out);
}

static rw_status text_join(struct rw_jinja_run *r, const struct rw_jinja_value *self,
                           const struct rw_jinja_args *args, struct rw_jinja_value *out)
{
    const struct rw_jinja_value *given = rw_jinja_arg(args, 0, NULL);
    struct rw_jinja_value items;
    struct rw_jinja_writer w = {0};
    if (given == NULL) {
        return rw_jinja_fail(r, "join takes a list");
    }
    rw_status status = rw_jinja_iterate(r, given, &items);
    for (size_t i = 0; status == RW_OK && i < items.items->n; i++) {
        if (items.items->at[i].type != RW_JINJA_STR) {
            return rw_jinja_fail(r, "sequence item %zu: expected str instance", i);
        }
        status = i > 0 ? rw_jinja_write(r, &w, self->text) : RW_OK;
        status = status == RW_OK ? rw_jinja_write(r, &w, items.items->at[i].text) : status;
    }
    *out = rw_jinja_make_str(rw_jinja_written(&w));
    return status;
}

static rw_status find_part(struct rw_jinja_run *r, const struct rw_jinja_value *self,
                           const struct rw_jinja_args *args, bool last, struct rw_jinja_value *out)
{
    struct rw_str part;
    struct rw_str text = rw_jinja_bytes(self);
    rw_status status = text_arg(r, args, 0, NULL, RW_STR(""), &part);
    if (status == RW_OK && args->n > 1) {
        return rw_jinja_fail(r, "find with a range is not supported");
    }
    size_t at = text.len;
    bool found = part.len == 0;
    if (last && part.len > 0) {
        found = find_last(text, part, text.len, &at);
    } else if (part.len > 0) {
        at = rw_str_find(text, part, 0);
        found = at < text.len;
    } else if (!last) {
        at = 0;
    }
    *out = rw_jinja_make_int(found ? (int64_t)rw_jinja_characters(rw_str_slice(text, 0, at)) : -1);
    return status == RW_OK ? rw_jinja_step(r, text.len / 16) : status;
}

static rw_status text_find(struct rw_jinja_run *r, const struct rw_jinja_value *self,
                           const struct rw_jinja_args *args, struct rw_jinja_value *out)
{
    return find_part(r, self, args, false, out);
}

static rw_status text_rfind(struct rw_jinja_run *r, const struct rw_jinja_value *self,
                            const struct rw_jinja_args *args, struct rw_jinja_value *out)
{
    return find_part(r, self, args, true, out);
}

static rw_status text_index(struct rw_jinja_run *r, const struct rw_jinja_value *self,
                            const struct rw_jinja_args *args, struct rw_jinja_value *out)
{
    rw_status status = find_part(r, self, args, false, out);
    return status == RW_OK && out->integer < 0 ? rw_jinja_fail(r, "substring not found") : status;
}

static rw_status text_count(struct rw_jinja_run *r, const struct rw_jinja_value *self,
                            const struct rw_jinja_args *args, struct rw_jinja_value *out)
{
    struct rw_str part;
    struct rw_str text = rw_jinja_bytes(self);
    rw_status status = text_arg(r, args, 0, NULL, RW_STR(""), &part);
    int64_t n = part.len == 0 ? (int64_t)rw_jinja_characters(text) + 1 : 0;
    for (size_t at = 0; part.len > 0 && (at = rw_str_find(text, part, at)) < text.len; n++) {
        at += part.len;
    }
    *out = rw_jinja_make_int(n);
    return status == RW_OK ? rw_jinja_step(r, text.len / 16) : status;
}

static bool all_bytes(struct rw_str text, bool digits)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        char lower = (char)(c | 0x20);
        if (digits ? c < '0' || c > '9' : lower < 'a' || lower > 'z') {
            return false;
        }
    }
    return text.len > 0;
}

static rw_status text_isdigit(struct rw_jinja_run *r, const struct rw_jinja_value *self,
                              const struct rw_jinja_args *args, struct rw_jinja_value *out)
{
    (void)args;
    *out = rw_jinja_make_bool(all_bytes(rw_jinja_bytes(self), true));
    return rw_jinja_step(r, self->text.len / 64);
}

static rw_status text_isalpha(struct rw_jinja_run *r, const struct rw_jinja_value *self,
                              const struct rw_jinja_args *args, struct rw_jinja_value *out)
{
    (void)args;
    for (size_t i = 0; i < self->text.len; i++) {
        if ((unsigned char)self->text.ptr[i] >= 0x80) {
            return rw_jinja_fail(r, "isalpha beyond ASCII is not supported");
        }
    }
    *out = rw_jinja_make_bool(all_bytes(rw_jinja_bytes(self), false));
    return rw_jinja_step(r, self->text.len / 64);
}

static rw_status text_isspace(struct rw_jinja_run *r, const struct rw_jinja_value *self,
                              const struct rw_jinja_args *args, struct rw_jinja_value *out)
{
    (void)args;
    struct rw_jinja_text rest = rw_jinja_strip(self->text, (struct rw_str){NULL, 0}, true, false);
    *out = rw_jinja_make_bool(self->text.len > 0 && rest.len == 0);
    return rw_jinja_step(r, self->text.len / 64);
}

static rw_status partition(struct rw_jinja_run *r, const struct rw_jinja_value *self,
                           const struct rw_jinja_args *args, bool last, struct rw_jinja_value *out)
{
    struct rw_str by;
    struct rw_str text = rw_jinja_bytes(self);
    rw_status status = text_arg(r, args, 0, NULL, (struct rw_str){NULL, 0}, &by);
    if (status == RW_OK && by.len == 0) {
        return rw_jinja_fail(r, "empty separator");
    }
    size_t at = text.len;
    bool found = status == RW_OK && (last ? find_last(text, by, text.len, &at)
                                          : (at = rw_str_find(text, by, 0)) < text.len);
    size_t begin = found ? at : last ? 0 : text.len;
    size_t end = found ? at + by.len : begin;
    status = status == RW_OK ? rw_jinja_make_items(r, RW_JINJA_TUPLE, 0, out) : status;
    status = status == RW_OK ? push_cut(r, out, self->text, 0, begin) : status;
    status = status == RW_OK ? push_cut(r, out, self->text, begin, end) : status;
    return status == RW_OK ? push_cut(r, out, self->text, end, text.len) : status;
}

static rw_status text_partition(struct rw_jinja_run *r, const struct rw_jinja_value *self,
                                const struct rw_jinja_args *args, struct rw_jinja_value *out)
{
    return partition(r, self, args, false, out);
}

static rw_status text_rpartition(struct rw_jinja_run *r, const struct rw_jinja_value *self,
                                 const struct rw_jinja_args *args, struct rw_jinja_value *out)
{
    return partition(r, self, args, true, out);
}

/* {} {0} {name} without conversions or formats. */
static rw_status text_format(struct rw_jinja_run *r, const struct rw_jinja_value *self,
                             const struct rw_jinja_args *args, struct rw_jinja_value *out)
{
    struct rw_jinja_writer w = {0};
    struct rw_str text = rw_jinja_bytes(self);
    size_t next = 0;
    rw_status status = RW_OK;
    for (size_t i = 0; i < text.len && status == RW_OK; i++) {
        char c = text.ptr[i];
        bool twice = (c == '{' || c == '}') && i + 1 < text.len && text.ptr[i + 1] == c;
        if (c != '{' || twice) {
            status = rw_jinja_write(r, &w, rw_jinja_cut(self->text, i, i + 1));
            i += twice;
            continue;
        }
        size_t end = rw_str_find(text, RW_STR("}"), i);
        struct rw_str field = rw_str_slice(text, i + 1, RW_MAX(end, i + 1));
        char name[64];
        snprintf(name, sizeof name, "%.*s", (int)RW_MIN(field.len, sizeof name - 1), field.ptr);
        unsigned long long index = 0;
        bool number = rw_str_to_u64(field, &index);
        const struct rw_jinja_value *value = rw_jinja_arg(args,
                                                          field.len == 0 ? next++
                                                          : number       ? (size_t)index
                                                                         : SIZE_MAX,
                                                          number || field.len == 0 ? NULL : name);
        struct rw_jinja_text printed;
        if (end == text.len || value == NULL) {
            return rw_jinja_fail(r, "the format \"{%s}\" is not supported", name);
        }
        status = rw_jinja_to_text(r, value, &printed);
        status = status == RW_OK ? rw_jinja_write(r, &w, printed) : status;
        i = end;
    }
    *out = rw_jinja_make_str(rw_jinja_written(&w));
    return status;
}

/* ---- dicts ----------------------------------------------------------------------------------- */

static rw_status dict_get(struct rw_jinja_run *r, const struct rw_jinja_value *self,
                          const struct rw_jinja_args *args, struct rw_jinja_value *out)
{
    const struct rw_jinja_value *key = rw_jinja_arg(args, 0, NULL);
    const struct rw_jinja_value *missing = rw_jinja_arg(args, 1, NULL);
    if (key == NULL) {
        return rw_jinja_fail(r, "get takes a key");
    }
    const struct rw_jinja_value *found = rw_jinja_find(self, key);
    *out = found != NULL     ? *found
           : missing != NULL ? *missing
                             : (struct rw_jinja_value){.type = RW_JINJA_NONE};
    return rw_jinja_step(r, self->pairs->n);
}

static rw_status dict_items(struct rw_jinja_run *r, const struct rw_jinja_value *self,
                            const struct rw_jinja_args *args, struct rw_jinja_value *out)
{
    (void)args;
    rw_status status = rw_jinja_make_items(r, RW_JINJA_LIST, self->pairs->n, out);
    for (size_t i = 0; i < self->pairs->n && status == RW_OK; i++) {
        struct rw_jinja_value pair;
        status = rw_jinja_make_items(r, RW_JINJA_TUPLE, 2, &pair);
        status = status == RW_OK ? rw_jinja_add(r, &pair, &self->pairs->at[i].key) : status;
        status = status == RW_OK ? rw_jinja_add(r, &pair, &self->pairs->at[i].value) : status;
        status = status == RW_OK ? rw_jinja_add(r, out, &pair) : status;
    }
    return status;
}

static rw_status dict_keys(struct rw_jinja_run *r, const struct rw_jinja_value *self,
                           const struct rw_jinja_args *args, struct rw_jinja_value *out)
{
    (void)args;
    return rw_jinja_iterate(r, self, out);
}

static rw_status dict_values(struct rw_jinja_run *r, const struct rw_jinja_value *self,
                             const struct rw_jinja_args *args, struct rw_jinja_value *out)
{
    (void)args;
    rw_status status = rw_jinja_make_items(r, RW_JINJA_LIST, self->pairs->n, out);
    for (size_t i = 0; i < self->pairs->n && status == RW_OK; i++) {
        status = rw_jinja_add(r, out, &self->pairs->at[i].value);
    }
    return status;
}

/* ---- lists ----------------------------------------------------------------------------------- */

static rw_status list_index(struct rw_jinja_run *r, const struct rw_jinja_value *self,
                            const struct rw_jinja_args *args, struct rw_jinja_value *out)
{
    const struct rw_jinja_value *what = rw_jinja_arg(args, 0, NULL);
    for (size_t i = 0; what != NULL && i < self->items->n; i++) {
        if (rw_jinja_equal(&self->items->at[i], what)) {
            *out = rw_jinja_make_int((int64_t)i);
            return rw_jinja_step(r, i);
        }
    }
    return rw_jinja_fail(r, "the value is not in the list");
}

static rw_status list_count(struct rw_jinja_run *r, const struct rw_jinja_value *self,
                            const struct rw_jinja_args *args, struct rw_jinja_value *out)
{
    const struct rw_jinja_value *what = rw_jinja_arg(args, 0, NULL);
    int64_t n = 0;
    for (size_t i = 0; what != NULL && i < self->items->n; i++) {
        n += rw_jinja_equal(&self->items->at[i], what);
    }
    *out = rw_jinja_make_int(n);
    return rw_jinja_step(r, self->items->n);
}

/* Jinja's sandbox forbids what would change a message. */
static rw_status forbidden(struct rw_jinja_run *r, const struct rw_jinja_value *self,
                           const struct rw_jinja_args *args, struct rw_jinja_value *out)
{
    (void)self;
    (void)args;
    (void)out;
    return rw_jinja_fail(r, "a method that changes its object is not safely callable");
}

static const struct {
    enum rw_jinja_type type;
    const char *name;
    method call;
} METHOD[] = {
    {RW_JINJA_STR, "strip", text_strip},
    {RW_JINJA_STR, "lstrip", text_lstrip},
    {RW_JINJA_STR, "rstrip", text_rstrip},
    {RW_JINJA_STR, "split", text_split},
    {RW_JINJA_STR, "rsplit", text_rsplit},
    {RW_JINJA_STR, "splitlines", text_splitlines},
    {RW_JINJA_STR, "startswith", text_startswith},
    {RW_JINJA_STR, "endswith", text_endswith},
    {RW_JINJA_STR, "removeprefix", text_removeprefix},
    {RW_JINJA_STR, "removesuffix", text_removesuffix},
    {RW_JINJA_STR, "replace", text_replace},
    {RW_JINJA_STR, "upper", text_upper},
    {RW_JINJA_STR, "lower", text_lower},
    {RW_JINJA_STR, "title", text_title},
    {RW_JINJA_STR, "capitalize", text_capitalize},
    {RW_JINJA_STR, "join", text_join},
    {RW_JINJA_STR, "find", text_find},
    {RW_JINJA_STR, "rfind", text_rfind},
    {RW_JINJA_STR, "index", text_index},
    {RW_JINJA_STR, "count", text_count},
    {RW_JINJA_STR, "isdigit", text_isdigit},
    {RW_JINJA_STR, "isnumeric", text_isdigit},
    {RW_JINJA_STR, "isdecimal", text_isdigit},
    {RW_JINJA_STR, "isalpha", text_isalpha},
    {RW_JINJA_STR, "isspace", text_isspace},
    {RW_JINJA_STR, "partition", text_partition},
    {RW_JINJA_STR, "rpartition", text_rpartition},
    {RW_JINJA_STR, "format", text_format},
    {RW_JINJA_DICT, "get", dict_get},
    {RW_JINJA_DICT, "items", dict_items},
    {RW_JINJA_DICT, "keys", dict_keys},
    {RW_JINJA_DICT, "values", dict_values},
    {RW_JINJA_DICT, "pop", forbidden},
    {RW_JINJA_DICT, "update", forbidden},
    {RW_JINJA_DICT, "setdefault", forbidden},
    {RW_JINJA_DICT, "clear", forbidden},
    {RW_JINJA_DICT, "popitem", forbidden},
    {RW_JINJA_LIST, "index", list_index},
    {RW_JINJA_LIST, "count", list_count},
    {RW_JINJA_LIST, "append", forbidden},
    {RW_JINJA_LIST, "extend", forbidden},
    {RW_JINJA_LIST, "insert", forbidden},
    {RW_JINJA_LIST, "pop", forbidden},
    {RW_JINJA_LIST, "remove", forbidden},
    {RW_JINJA_LIST, "reverse", forbidden},
    {RW_JINJA_LIST, "sort", forbidden},
    {RW_JINJA_LIST, "clear", forbidden},
    {RW_JINJA_TUPLE, "index", list_index},
    {RW_JINJA_TUPLE, "count", list_count},
};

static method find_method(enum rw_jinja_type type, struct rw_str name)
{
    for (size_t i = 0; i < RW_COUNT(METHOD); i++) {
        if (METHOD[i].type == type && rw_str_is(name, METHOD[i].name)) {
            return METHOD[i].call;
        }
    }
    return NULL;
}

bool rw_jinja_has_method(enum rw_jinja_type type, struct rw_str name)
{
    return find_method(type, name) != NULL;
}

rw_status rw_jinja_method(struct rw_jinja_run *r, struct rw_str name,
                          const struct rw_jinja_value *self, const struct rw_jinja_args *args,
                          struct rw_jinja_value *out)
{
    return find_method(self->type, name)(r, self, args, out);
}

/* ---- functions ------------------------------------------------------------------------------- */

static rw_status make_named(struct rw_jinja_run *r, enum rw_jinja_type type,
                            const struct rw_jinja_args *args, struct rw_jinja_value *out)
{
    rw_status status = rw_jinja_make_pairs(r, type, out);
    for (size_t i = 0; i < args->n && status == RW_OK; i++) {
        bool named = args->name[i].ptr != NULL;
        struct rw_jinja_value key =
            rw_jinja_make_str((struct rw_jinja_text){args->name[i].ptr, NULL, args->name[i].len});
        if (!named && args->at[i].type != RW_JINJA_DICT) {
            return rw_jinja_fail(r, "a dict or names are wanted");
        }
        if (named) {
            status = rw_jinja_store(r, out, &key, &args->at[i]);
        }
        for (size_t k = 0; !named && k < args->at[i].pairs->n && status == RW_OK; k++) {
            const struct rw_jinja_pair *pair = &args->at[i].pairs->at[k];
            status = rw_jinja_store(r, out, &pair->key, &pair->value);
        }
    }
    return status;
}

static rw_status make_range(struct rw_jinja_run *r, const struct rw_jinja_args *args,
                            struct rw_jinja_value *out)
{
    int64_t begin, end, step;
    rw_status status = int_arg(r, args, 0, NULL, 0, &begin);
    status = status == RW_OK ? int_arg(r, args, 1, NULL, 0, &end) : status;
    status = status == RW_OK ? int_arg(r, args, 2, NULL, 1, &step) : status;
    if (status == RW_OK && (args->n == 0 || step == 0)) {
        return rw_jinja_fail(r, "range takes one to three numbers, and a step that is not 0");
    }
    if (args->n == 1) {
        end = begin;
        begin = 0;
    }
    status = status == RW_OK ? rw_jinja_make_items(r, RW_JINJA_LIST, 0, out) : status;
    for (int64_t i = begin; status == RW_OK && (step > 0 ? i < end : i > end);) {
        const struct rw_jinja_value one = rw_jinja_make_int(i);
        status = rw_jinja_add(r, out, &one);
        if (__builtin_add_overflow(i, step, &i)) {
            break;
        }
    }
    return status;
}

static rw_status raise_exception(struct rw_jinja_run *r, const struct rw_jinja_args *args)
{
    struct rw_str words;
    rw_status status = text_arg(r, args, 0, "message", RW_STR("it raised an exception"), &words);
    if (status != RW_OK) {
        return status;
    }
    rw_fail(r->err, RW_INVALID_REQUEST, "the model's chat template refuses this conversation: %.*s",
            (int)RW_MIN(words.len, 250), words.ptr);
    rw_error_param(r->err, "messages");
    return RW_INVALID_REQUEST;
}

/* The format is the template's own: what a template wants of a date is the point. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"

static rw_status format_now(struct rw_jinja_run *r, const struct rw_jinja_args *args,
                            struct rw_jinja_value *out)
{
    char format[128], text[256];
    struct rw_str given;
    rw_status status = text_arg(r, args, 0, "format", (struct rw_str){NULL, 0}, &given);
    if (status != RW_OK || given.len == 0 || given.len >= sizeof format || r->now == NULL) {
        return status != RW_OK ? status : rw_jinja_fail(r, "strftime_now takes a short format");
    }
    memcpy(format, given.ptr, given.len);
    format[given.len] = '\0';
    size_t n = strftime(text, sizeof text, format, r->now);
    struct rw_str copy = rw_arena_copy(r->arena, (struct rw_str){text, n});
    *out = rw_jinja_make_str((struct rw_jinja_text){copy.ptr, NULL, copy.len});
    return copy.ptr != NULL ? RW_OK : rw_jinja_no_memory(r);
}

#pragma GCC diagnostic pop

bool rw_jinja_is_function(struct rw_str name)
{
    static const char *const NAME[] = {"namespace", "dict", "range", "raise_exception",
                                       "strftime_now"};
    for (size_t i = 0; i < RW_COUNT(NAME); i++) {
        if (rw_str_is(name, NAME[i])) {
            return true;
        }
    }
    return false;
}

rw_status rw_jinja_function(struct rw_jinja_run *r, struct rw_str name,
                            const struct rw_jinja_args *args, struct rw_jinja_value *out)
{
    if (rw_str_is(name, "namespace")) {
        return make_named(r, RW_JINJA_NAMESPACE, args, out);
    }
    if (rw_str_is(name, "dict")) {
        return make_named(r, RW_JINJA_DICT, args, out);
    }
    if (rw_str_is(name, "range")) {
        return make_range(r, args, out);
    }
    return rw_str_is(name, "raise_exception") ? raise_exception(r, args) : format_now(r, args, out);
}
