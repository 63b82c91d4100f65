/* Methods of text, dicts and lists. */
#include "core/base/utf8.h"
#include "core/base/util.h"
#include "core/text/template_parts.h"
#include "core/text/unicode.h"

enum {
    PARAMS_MAX = 4,
};

struct call {
    struct rw_trender *r;
    const struct rw_tstr *s; /* self of a string method */
    struct rw_tval self;
    struct rw_tval arg[PARAMS_MAX];
    bool given[PARAMS_MAX];
    int mode; /* distinguishes functions that share their code */
};

/* Text of an argument; false after a failure. */
static bool text_arg(struct call *c, int i, const struct rw_tstr **out)
{
    if (!c->given[i] || c->arg[i].type != RW_TVAL_STRING) {
        rw_trender_fail(c->r, "an argument that is no text");
        return false;
    }
    *out = c->arg[i].string;
    return true;
}

static bool int_arg(struct call *c, int i, int64_t fallback, int64_t *out)
{
    *out = fallback;
    if (!c->given[i] || rw_tval_index(c->arg[i], out)) {
        return true;
    }
    rw_trender_fail(c->r, "an argument that is no whole number");
    return false;
}

static struct rw_tval cut(struct call *c, size_t begin, size_t end)
{
    struct rw_tstr *out = rw_arena_alloc(c->r->arena, sizeof *out);
    if (out == NULL || !rw_tstr_slice(c->r->arena, c->s, begin, end, out)) {
        return rw_trender_no_memory(c->r);
    }
    return (struct rw_tval){.type = RW_TVAL_STRING, .safe = c->self.safe, .string = out};
}

/* A list that grows while text is split. */
struct items {
    struct rw_tval *items;
    size_t count;
    size_t size;
};

static bool add_item(struct call *c, struct items *list, struct rw_tval v)
{
    if (list->count == list->size) {
        size_t size = list->size == 0 ? 8 : 2 * list->size;
        struct rw_tval *more = rw_arena_array(c->r->arena, size, sizeof *more);
        if (more == NULL) {
            rw_trender_no_memory(c->r);
            return false;
        }
        if (list->count > 0) {
            memcpy(more, list->items, list->count * sizeof *more);
        }
        list->items = more;
        list->size = size;
    }
    list->items[list->count++] = v;
    return rw_trender_spend(c->r, 1);
}

/* ---- strip, split, partition ----------------------------------------------------------------- */

static struct rw_tval strip(struct call *c)
{
    struct rw_str chars;
    const struct rw_tstr *text = NULL;
    bool some = c->given[0] && c->arg[0].type != RW_TVAL_NONE;
    if (some && !text_arg(c, 0, &text)) {
        return RW_TVAL_OF_UNDEFINED;
    }
    chars = some ? rw_tstr_text(text) : (struct rw_str){0};
    size_t begin;
    size_t end;
    rw_tstr_strip(c->s, some ? &chars : NULL, c->mode != 'r', c->mode != 'l', &begin, &end);
    return cut(c, begin, end);
}

static size_t find_back(struct rw_str text, struct rw_str needle, size_t end)
{
    if (needle.len > end) {
        return text.len + 1;
    }
    for (size_t at = end - needle.len + 1; at-- > 0;) {
        if (memcmp(text.ptr + at, needle.ptr, needle.len) == 0) {
            return at;
        }
    }
    return text.len + 1; /* none */
}

/* Words between white space; the last one runs to the end when the limit was reached. */
static struct rw_tval split_words(struct call *c, int64_t limit)
{
    struct items list = {0};
    struct rw_str text = rw_tstr_text(c->s);
    size_t at = 0;
    size_t advance;
    for (;;) {
        while (at < text.len && rw_tstr_is_space(rw_utf8_decode(text, at, &advance))) {
            at += advance;
        }
        if (at >= text.len) {
            break;
        }
        size_t begin = at;
        bool last = limit >= 0 && (int64_t)list.count == limit;
        while (at < text.len && (last || !rw_tstr_is_space(rw_utf8_decode(text, at, &advance)))) {
            at += last ? 1 : advance;
        }
        size_t end = at;
        if (!add_item(c, &list, cut(c, begin, end))) {
            break;
        }
    }
    return rw_trender_list(c->r, list.items, list.count);
}

static struct rw_tval split(struct call *c)
{
    const struct rw_tstr *by = NULL;
    struct items list = {0};
    int64_t limit;
    if (!int_arg(c, 1, -1, &limit)) {
        return RW_TVAL_OF_UNDEFINED;
    }
    if (!c->given[0] || c->arg[0].type == RW_TVAL_NONE) {
        return c->mode == 'r' && limit >= 0 ? rw_trender_fail(c->r, "rsplit by words with a limit")
                                            : split_words(c, limit);
    }
    if (!text_arg(c, 0, &by) || by->len == 0) {
        return rw_trender_fail(c->r, "an empty separator");
    }
    struct rw_str text = rw_tstr_text(c->s);
    struct rw_str needle = rw_tstr_text(by);
    if (c->mode == 'r' && limit >= 0) { /* from the end: found backwards, then turned */
        size_t end = text.len;
        while ((int64_t)list.count < limit) {
            size_t at = find_back(text, needle, end);
            if (at > text.len || !add_item(c, &list, cut(c, at + needle.len, end))) {
                break;
            }
            end = at;
        }
        add_item(c, &list, cut(c, 0, end));
        for (size_t i = 0; i < list.count / 2; i++) {
            struct rw_tval other = list.items[i];
            list.items[i] = list.items[list.count - 1 - i];
            list.items[list.count - 1 - i] = other;
        }
        return rw_trender_list(c->r, list.items, list.count);
    }
    size_t begin = 0;
    for (;;) {
        bool more = limit < 0 || (int64_t)list.count < limit;
        size_t at = more ? rw_str_find(text, needle, begin) : text.len;
        bool found = more && at < text.len;
        if (!add_item(c, &list, cut(c, begin, found ? at : text.len)) || !found) {
            break;
        }
        begin = at + needle.len;
    }
    return rw_trender_list(c->r, list.items, list.count);
}

static struct rw_tval split_lines(struct call *c)
{
    struct items list = {0};
    struct rw_str text = rw_tstr_text(c->s);
    bool keep = c->given[0] && rw_tval_truth(c->arg[0]);
    size_t end;
    for (size_t begin = 0, at = 0; rw_tstr_line(text, &at, &end); begin = at) {
        if (!add_item(c, &list, cut(c, begin, keep ? at : end))) {
            break;
        }
    }
    return rw_trender_list(c->r, list.items, list.count);
}

static struct rw_tval partition(struct call *c)
{
    const struct rw_tstr *by;
    if (!text_arg(c, 0, &by) || by->len == 0) {
        return rw_trender_fail(c->r, "an empty separator");
    }
    struct rw_str text = rw_tstr_text(c->s);
    size_t at = c->mode == 'r' ? find_back(text, rw_tstr_text(by), text.len)
                               : rw_str_find(text, rw_tstr_text(by), 0);
    bool found = at < text.len;
    size_t behind = found ? at + by->len : text.len;
    at = found ? at : text.len;
    struct rw_tval part[3] = {cut(c, 0, at), cut(c, at, behind), cut(c, behind, text.len)};
    if (!found && c->mode == 'r') {
        part[2] = part[0];
        part[0] = part[1];
    }
    struct rw_tval out = rw_trender_list(c->r, part, 3);
    out.type = c->r->status == RW_OK ? RW_TVAL_TUPLE : out.type;
    return out;
}

/* ---- search and replace ---------------------------------------------------------------------- */

static bool matches_end(struct rw_str text, struct rw_str part, int mode)
{
    return mode == 's' ? rw_str_starts(text, part) : rw_str_ends(text, part);
}

static struct rw_tval starts_or_ends(struct call *c)
{
    struct rw_str text = rw_tstr_text(c->s);
    if (!c->given[0] || c->given[1] || c->given[2]) {
        return rw_trender_fail(c->r, "startswith or endswith with a range");
    }
    if (c->arg[0].type == RW_TVAL_TUPLE) {
        bool any = false;
        for (size_t i = 0; i < c->arg[0].list->count; i++) {
            struct rw_tval part = c->arg[0].list->items[i];
            if (part.type != RW_TVAL_STRING) {
                return rw_trender_fail(c->r, "an argument that is no text");
            }
            any = any || matches_end(text, rw_tstr_text(part.string), c->mode);
        }
        return RW_TVAL_OF_BOOL(any);
    }
    const struct rw_tstr *part;
    return text_arg(c, 0, &part) ? RW_TVAL_OF_BOOL(matches_end(text, rw_tstr_text(part), c->mode))
                                 : RW_TVAL_OF_UNDEFINED;
}

static struct rw_tval remove_end(struct call *c)
{
    const struct rw_tstr *part;
    if (!text_arg(c, 0, &part)) {
        return RW_TVAL_OF_UNDEFINED;
    }
    size_t len = matches_end(rw_tstr_text(c->s), rw_tstr_text(part), c->mode) ? part->len : 0;
    return c->mode == 's' ? cut(c, len, c->s->len) : cut(c, 0, c->s->len - len);
}

/* replace('', to): before every character and at the end. */
static struct rw_tval replace_nothing(struct call *c, const struct rw_tstr *to, int64_t limit)
{
    struct rw_tbuild b;
    rw_tbuild_init(&b, c->r->arena);
    size_t at = 0;
    for (int64_t n = 0; n != limit && rw_trender_spend(c->r, 1); n++) {
        size_t advance = 0;
        rw_tbuild_string(&b, to);
        if (at >= c->s->len) {
            break;
        }
        rw_utf8_decode(rw_tstr_text(c->s), at, &advance);
        rw_tbuild_slice(&b, c->s, at, at + advance);
        at += advance;
    }
    rw_tbuild_slice(&b, c->s, at, c->s->len);
    return rw_trender_text(c->r, &b);
}

static struct rw_tval replace(struct call *c)
{
    const struct rw_tstr *from;
    const struct rw_tstr *to;
    int64_t limit;
    if (!text_arg(c, 0, &from) || !text_arg(c, 1, &to) || !int_arg(c, 2, -1, &limit)) {
        return RW_TVAL_OF_UNDEFINED;
    }
    struct rw_str text = rw_tstr_text(c->s);
    struct rw_tbuild b;
    rw_tbuild_init(&b, c->r->arena);
    if (from->len == 0) {
        return replace_nothing(c, to, limit);
    }
    size_t begin = 0;
    for (int64_t n = 0; n != limit && rw_trender_spend(c->r, 1); n++) {
        size_t at = rw_str_find(text, rw_tstr_text(from), begin);
        if (at >= text.len) {
            break;
        }
        rw_tbuild_slice(&b, c->s, begin, at);
        rw_tbuild_string(&b, to);
        begin = at + from->len;
    }
    rw_tbuild_slice(&b, c->s, begin, text.len);
    return rw_trender_text(c->r, &b);
}

static struct rw_tval find(struct call *c)
{
    const struct rw_tstr *part;
    if (!text_arg(c, 0, &part) || c->given[1] || c->given[2]) {
        return rw_trender_fail(c->r, "find with a range");
    }
    struct rw_str text = rw_tstr_text(c->s);
    size_t at = c->mode == 'r' ? find_back(text, rw_tstr_text(part), text.len)
                               : rw_str_find(text, rw_tstr_text(part), 0);
    bool found = at < text.len || (at == text.len && part->len == 0);
    if (!found && c->mode == 'i') {
        return rw_trender_fail(c->r, "the text is not found");
    }
    return RW_TVAL_OF_INT(found ? (int64_t)rw_utf8_count(rw_str_slice(text, 0, at)) : -1);
}

static struct rw_tval count(struct call *c)
{
    const struct rw_tstr *part;
    if (!text_arg(c, 0, &part) || part->len == 0 || c->given[1]) {
        return rw_trender_fail(c->r, "a count of nothing, or in a range");
    }
    struct rw_str text = rw_tstr_text(c->s);
    int64_t n = 0;
    for (size_t at = rw_str_find(text, rw_tstr_text(part), 0); at < text.len; n++) {
        at = rw_str_find(text, rw_tstr_text(part), at + part->len);
    }
    return RW_TVAL_OF_INT(n);
}

/* ---- case and classes ------------------------------------------------------------------------ */

static struct rw_tval change_case(struct call *c)
{
    return rw_tmethod_case(c->r, c->self, (char)c->mode);
}

static bool is_class(int32_t code, int mode)
{
    unsigned class_of = rw_unicode_flags((uint32_t)code) & RW_UNICODE_CLASS;
    switch (mode) {
    case 'd':
        return code >= '0' && code <= '9';
    case 'a':
        return class_of == RW_UNICODE_LETTER;
    default:
        return rw_tstr_is_space(code);
    }
}

static struct rw_tval all_of_class(struct call *c)
{
    struct rw_str text = rw_tstr_text(c->s);
    size_t advance;
    bool all = text.len > 0;
    for (size_t at = 0; at < text.len && all; at += advance) {
        int32_t code = rw_utf8_decode(text, at, &advance);
        if (c->mode == 'd' && code >= 0x80 &&
            (rw_unicode_flags((uint32_t)code) & RW_UNICODE_CLASS) == RW_UNICODE_NUMBER) {
            return rw_trender_fail(c->r, "isdigit beyond ASCII");
        }
        all = is_class(code, c->mode);
    }
    return RW_TVAL_OF_BOOL(all);
}

static struct rw_tval is_cased(struct call *c)
{
    bool any = false;
    for (size_t i = 0; i < c->s->len; i++) {
        char at = c->s->ptr[i];
        if ((unsigned char)at >= 0x80) {
            return rw_trender_fail(c->r, "upper and lower case beyond ASCII");
        }
        bool upper = at >= 'A' && at <= 'Z';
        bool lower = at >= 'a' && at <= 'z';
        if (c->mode == 'u' ? lower : upper) {
            return RW_TVAL_OF_BOOL(false);
        }
        any = any || upper || lower;
    }
    return RW_TVAL_OF_BOOL(any);
}

static struct rw_tval zfill(struct call *c)
{
    int64_t width;
    if (!int_arg(c, 0, 0, &width) || width > 4096) {
        return rw_trender_fail(c->r, "zfill of such a width");
    }
    struct rw_tbuild b;
    rw_tbuild_init(&b, c->r->arena);
    size_t sign = c->s->len > 0 && (c->s->ptr[0] == '-' || c->s->ptr[0] == '+');
    rw_tbuild_slice(&b, c->s, 0, sign);
    for (int64_t n = (int64_t)rw_utf8_count(rw_tstr_text(c->s)); n < width; n++) {
        rw_tbuild_bytes(&b, RW_STR("0"), RW_ORIGIN_TEMPLATE);
    }
    rw_tbuild_slice(&b, c->s, sign, c->s->len);
    return rw_trender_text(c->r, &b);
}

static struct rw_tval join(struct call *c)
{
    const struct rw_tval *items;
    size_t n;
    struct rw_tbuild b;
    rw_tbuild_init(&b, c->r->arena);
    if (!rw_trender_items(c->r, c->arg[0], &items, &n)) {
        return RW_TVAL_OF_UNDEFINED;
    }
    for (size_t i = 0; i < n; i++) {
        if (items[i].type != RW_TVAL_STRING) {
            return rw_trender_fail(c->r, "'%s' is joined as text", rw_tval_type_name(items[i]));
        }
        if (i > 0) {
            rw_tbuild_string(&b, c->s);
        }
        rw_tbuild_string(&b, items[i].string);
    }
    return rw_trender_text(c->r, &b);
}

static struct rw_tval by_format(struct call *c)
{
    return c->self; /* rw_tmethod_call passes its arguments on as they are */
}

/* ---- dicts and lists ------------------------------------------------------------------------- */

static struct rw_tval dict_get(struct call *c)
{
    const struct rw_tval *found = c->given[0] ? rw_tval_get(c->self.dict, c->arg[0]) : NULL;
    if (!c->given[0] || !rw_tval_hashable(c->arg[0])) {
        return rw_trender_fail(c->r, "get without a key that a dict can have");
    }
    return found != NULL ? *found : c->given[1] ? c->arg[1] : RW_TVAL_OF_NONE;
}

static struct rw_tval dict_view(struct call *c)
{
    const struct rw_tdict *dict = c->self.dict;
    struct rw_tval *items = rw_arena_array(c->r->arena, dict->count + 1, sizeof *items);
    if (items == NULL) {
        return rw_trender_no_memory(c->r);
    }
    for (size_t i = 0; i < dict->count && c->r->status == RW_OK; i++) {
        items[i] = c->mode == 'k' ? dict->keys[i] : dict->values[i];
        if (c->mode == 'i') {
            struct rw_tval pair[2] = {dict->keys[i], dict->values[i]};
            items[i] = rw_trender_list(c->r, pair, 2);
            items[i].type = c->r->status == RW_OK ? RW_TVAL_TUPLE : items[i].type;
        }
    }
    return rw_trender_list_of(c->r, items, dict->count, RW_TLIST_VIEW);
}

static struct rw_tval dict_copy(struct call *c)
{
    return c->self; /* nothing can change it */
}

static struct rw_tval list_count(struct call *c)
{
    int64_t n = 0;
    for (size_t i = 0; i < c->self.list->count; i++) {
        n += c->given[0] && rw_tval_equal(c->self.list->items[i], c->arg[0]);
        if (c->mode == 'i' && n > 0) {
            return RW_TVAL_OF_INT((int64_t)i);
        }
    }
    return c->mode == 'i' || !c->given[0] ? rw_trender_fail(c->r, "the item is not in the list")
                                          : RW_TVAL_OF_INT(n);
}

/* ---- the table ------------------------------------------------------------------------------- */

static const struct {
    enum rw_tval_type type;
    const char *name;
    struct rw_tval (*call)(struct call *c);
    int mode;
    const char *params[PARAMS_MAX];
} METHOD[] = {
    {RW_TVAL_STRING, "strip", strip, 'b', {"chars"}},
    {RW_TVAL_STRING, "lstrip", strip, 'l', {"chars"}},
    {RW_TVAL_STRING, "rstrip", strip, 'r', {"chars"}},
    {RW_TVAL_STRING, "split", split, 'l', {"sep", "maxsplit"}},
    {RW_TVAL_STRING, "rsplit", split, 'r', {"sep", "maxsplit"}},
    {RW_TVAL_STRING, "splitlines", split_lines, 0, {"keepends"}},
    {RW_TVAL_STRING, "partition", partition, 'l', {"sep"}},
    {RW_TVAL_STRING, "rpartition", partition, 'r', {"sep"}},
    {RW_TVAL_STRING, "startswith", starts_or_ends, 's', {"prefix", "start", "end"}},
    {RW_TVAL_STRING, "endswith", starts_or_ends, 'e', {"suffix", "start", "end"}},
    {RW_TVAL_STRING, "removeprefix", remove_end, 's', {"prefix"}},
    {RW_TVAL_STRING, "removesuffix", remove_end, 'e', {"suffix"}},
    {RW_TVAL_STRING, "replace", replace, 0, {"old", "new", "count"}},
    {RW_TVAL_STRING, "find", find, 'f', {"sub", "start", "end"}},
    {RW_TVAL_STRING, "rfind", find, 'r', {"sub", "start", "end"}},
    {RW_TVAL_STRING, "index", find, 'i', {"sub", "start", "end"}},
    {RW_TVAL_STRING, "count", count, 0, {"sub", "start"}},
    {RW_TVAL_STRING, "upper", change_case, 'u', {NULL}},
    {RW_TVAL_STRING, "lower", change_case, 'l', {NULL}},
    {RW_TVAL_STRING, "title", change_case, 't', {NULL}},
    {RW_TVAL_STRING, "capitalize", change_case, 'c', {NULL}},
    {RW_TVAL_STRING, "isdigit", all_of_class, 'd', {NULL}},
    {RW_TVAL_STRING, "isalpha", all_of_class, 'a', {NULL}},
    {RW_TVAL_STRING, "isspace", all_of_class, 's', {NULL}},
    {RW_TVAL_STRING, "isupper", is_cased, 'u', {NULL}},
    {RW_TVAL_STRING, "islower", is_cased, 'l', {NULL}},
    {RW_TVAL_STRING, "zfill", zfill, 0, {"width"}},
    {RW_TVAL_STRING, "join", join, 0, {"iterable"}},
    {RW_TVAL_STRING, "format", by_format, 0, {NULL}},
    {RW_TVAL_DICT, "get", dict_get, 0, {"key", "default"}},
    {RW_TVAL_DICT, "items", dict_view, 'i', {NULL}},
    {RW_TVAL_DICT, "keys", dict_view, 'k', {NULL}},
    {RW_TVAL_DICT, "values", dict_view, 'v', {NULL}},
    {RW_TVAL_DICT, "copy", dict_copy, 0, {NULL}},
    {RW_TVAL_LIST, "count", list_count, 'c', {"value"}},
    {RW_TVAL_LIST, "index", list_count, 'i', {"value"}},
    {RW_TVAL_TUPLE, "count", list_count, 'c', {"value"}},
    {RW_TVAL_TUPLE, "index", list_count, 'i', {"value"}},
};

/* What Python's types have beside these: refused, where an unknown name is only undefined. */
static const char *const OTHERS[][40] = {
    [RW_TVAL_STRING] = {"casefold", "center", "encode", "expandtabs", "format_map", "isalnum",
                        "isascii", "isdecimal", "isidentifier", "isnumeric", "isprintable",
                        "istitle", "ljust", "maketrans", "rindex", "rjust", "swapcase",
                        "translate"},
    [RW_TVAL_DICT] = {"pop", "popitem", "update", "clear", "setdefault", "fromkeys"},
    [RW_TVAL_LIST] = {"append", "extend", "insert", "pop", "remove", "reverse", "sort", "clear",
                      "copy"},
    [RW_TVAL_INT] = {"real", "imag", "numerator", "denominator", "bit_length", "bit_count",
                     "conjugate", "to_bytes", "from_bytes", "as_integer_ratio", "is_integer"},
    [RW_TVAL_FLOAT] = {"real", "imag", "hex", "fromhex", "conjugate", "as_integer_ratio",
                       "is_integer"},
};

/* Values whose attributes we do not list: each may be there or not. */
static bool has_others(struct rw_tval v)
{
    return v.safe || v.type == RW_TVAL_MACRO || v.type == RW_TVAL_FUNCTION ||
           (v.type == RW_TVAL_LIST && v.list->kind != RW_TLIST_PLAIN);
}

int rw_tmethod_find(struct rw_tval v, struct rw_str name)
{
    enum rw_tval_type type = v.type == RW_TVAL_BOOL ? RW_TVAL_INT : v.type;
    if (has_others(v)) {
        return -2;
    }
    for (size_t i = 0; i < RW_COUNT(METHOD); i++) {
        if (METHOD[i].type == type && rw_str_is(name, METHOD[i].name)) {
            return (int)i;
        }
    }
    for (size_t i = 0; type < RW_COUNT(OTHERS) && i < RW_COUNT(OTHERS[0]); i++) {
        if (OTHERS[type][i] != NULL && rw_str_is(name, OTHERS[type][i])) {
            return -2;
        }
    }
    return rw_str_starts(name, RW_STR("__")) ? -2 : -1;
}

struct rw_tval rw_tmethod_call(struct rw_trender *r, int method, struct rw_tval self,
                               const struct rw_targs *args)
{
    struct call c = {.r = r, .self = self, .mode = METHOD[method].mode};
    if (METHOD[method].call == by_format) {
        return rw_tmethod_format(r, self.string, args);
    }
    c.s = self.type == RW_TVAL_STRING ? self.string : NULL;
    rw_trender_spend(r, self.type == RW_TVAL_STRING ? self.string->len / 64 : 1);
    for (size_t i = 0; i < args->count; i++) {
        if (args->keyword[i].len > 0 && METHOD[method].call != split &&
            METHOD[method].call != split_lines) {
            return rw_trender_fail(r, "a keyword for a method that takes none");
        }
    }
    if (!rw_targs_bind(r, args, METHOD[method].params, PARAMS_MAX, c.arg, c.given)) {
        return RW_TVAL_OF_UNDEFINED;
    }
    return METHOD[method].call(&c);
}
