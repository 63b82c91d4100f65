/* str(), repr() and json.dumps() of template values, as Python writes them. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/utf8.h"
#include "core/base/util.h"
#include "core/text/template_value.h"
#include "core/text/unicode.h"

static const char TOO_DEEP[] = "a value is nested too deeply";
static const char NO_FORM[] = "a function or loop cannot be printed";

/* str.isprintable, where our tables know: letters and numbers are, and these ranges of marks,
 * punctuation and symbols, all of whose code points are assigned. */
static int is_printable(int32_t c)
{
    static const int32_t YES[][2] = {
        {0xA1, 0xAC},     {0xAE, 0xFF},     {0x300, 0x36F},   {0x2010, 0x2027},
        {0x2030, 0x205E}, {0x20A0, 0x20C0}, {0x2190, 0x2426}, {0x2500, 0x2B73},
        {0x3001, 0x303F}, {0xFF01, 0xFFBE}, {0xFE00, 0xFE0F}, {0x1F300, 0x1F64F},
    };
    if (c < 0x7F) {
        return c >= 0x20;
    }
    if (c < 0xA1 || c == 0xAD) {
        return 0;
    }
    for (size_t i = 0; i < RW_COUNT(YES); i++) {
        if (c >= YES[i][0] && c <= YES[i][1]) {
            return 1;
        }
    }
    unsigned class_of = rw_unicode_flags((uint32_t)c) & RW_UNICODE_CLASS;
    if (class_of == RW_UNICODE_SPACE) {
        return 0;
    }
    return class_of == RW_UNICODE_OTHER ? -1 : 1;
}

static void repr_escape(struct rw_tbuild *b, int32_t c, uint32_t origin)
{
    char text[16];
    const char *short_form = c == '\n' ? "\\n" : c == '\r' ? "\\r" : c == '\t' ? "\\t" : NULL;
    if (short_form != NULL) {
        snprintf(text, sizeof text, "%s", short_form);
    } else {
        snprintf(text, sizeof text,
                 c < 0x100     ? "\\x%02x"
                 : c < 0x10000 ? "\\u%04x"
                               : "\\U%08x",
                 (unsigned)c);
    }
    rw_tbuild_bytes(b, rw_str_from(text), origin);
}

static const char *repr_string(struct rw_tbuild *b, const struct rw_tstr *s)
{
    struct rw_str text = rw_tstr_text(s);
    uint32_t origin = rw_tstr_trust(s);
    bool single = text.len > 0 && memchr(text.ptr, '\'', text.len) != NULL;
    bool twice = text.len > 0 && memchr(text.ptr, '"', text.len) != NULL;
    const char *quote = single && !twice ? "\"" : "'";
    rw_tbuild_bytes(b, rw_str_from(quote), RW_ORIGIN_TEMPLATE);
    size_t advance;
    for (size_t at = 0; at < text.len && !b->failed; at += advance) {
        int32_t c = rw_utf8_decode(text, at, &advance);
        int printable = is_printable(c);
        if (printable < 0) {
            return "whether Python prints a rare character or its number is not known here";
        }
        if (c == quote[0] || c == '\\') {
            rw_tbuild_bytes(b, RW_STR("\\"), origin);
        }
        if (printable == 0) {
            repr_escape(b, c, origin);
        } else {
            rw_tbuild_slice(b, s, at, at + advance);
        }
    }
    rw_tbuild_bytes(b, rw_str_from(quote), RW_ORIGIN_TEMPLATE);
    return NULL;
}

/* repr(v): lists and dictionaries print what they hold with it. */
static const char *repr(struct rw_tbuild *b, struct rw_tval v, unsigned depth);

static const char *repr_list(struct rw_tbuild *b, struct rw_tval v, unsigned depth)
{
    bool tuple = v.type == RW_TVAL_TUPLE;
    rw_tbuild_format(b, "%s", tuple ? "(" : "[");
    for (size_t i = 0; i < v.list->count; i++) {
        rw_tbuild_format(b, "%s", i > 0 ? ", " : "");
        const char *why = repr(b, v.list->items[i], depth + 1);
        if (why != NULL) {
            return why;
        }
    }
    rw_tbuild_format(b, "%s", tuple && v.list->count == 1 ? ",)" : tuple ? ")" : "]");
    return NULL;
}

static const char *repr_dict(struct rw_tbuild *b, const struct rw_tdict *dict, unsigned depth)
{
    rw_tbuild_format(b, "{");
    for (size_t i = 0; i < dict->count; i++) {
        rw_tbuild_format(b, "%s", i > 0 ? ", " : "");
        const char *why = repr(b, dict->keys[i], depth + 1);
        rw_tbuild_format(b, ": ");
        why = why == NULL ? repr(b, dict->values[i], depth + 1) : why;
        if (why != NULL) {
            return why;
        }
    }
    rw_tbuild_format(b, "}");
    return NULL;
}

static void write_scalar(struct rw_tbuild *b, struct rw_tval v, const char *yes, const char *no,
                         const char *none)
{
    char text[40];
    if (v.type == RW_TVAL_INT) {
        rw_tbuild_format(b, "%lld", (long long)v.number);
    } else if (v.type == RW_TVAL_FLOAT) {
        rw_tval_format_real(v.real, text);
        rw_tbuild_format(b, "%s", text);
    } else {
        rw_tbuild_format(b, "%s", v.type == RW_TVAL_NONE ? none : v.truth ? yes : no);
    }
}

static const char *repr(struct rw_tbuild *b, struct rw_tval v, unsigned depth)
{
    if (depth > RW_TVAL_DEPTH_MAX) {
        return TOO_DEEP;
    }
    switch (v.type) {
    case RW_TVAL_UNDEFINED:
        rw_tbuild_format(b, "Undefined");
        return NULL;
    case RW_TVAL_NONE:
    case RW_TVAL_BOOL:
    case RW_TVAL_INT:
    case RW_TVAL_FLOAT:
        write_scalar(b, v, "True", "False", "None");
        return NULL;
    case RW_TVAL_STRING:
        return v.safe ? "text marked safe has another form inside a list"
                      : repr_string(b, v.string);
    case RW_TVAL_LIST:
    case RW_TVAL_TUPLE:
        return v.list->kind != RW_TLIST_PLAIN ? "a lazy sequence cannot be printed"
                                              : repr_list(b, v, depth);
    case RW_TVAL_DICT:
        return repr_dict(b, v.dict, depth);
    default:
        return NO_FORM;
    }
}

const char *rw_tval_str(struct rw_tbuild *b, struct rw_tval v)
{
    if (v.type == RW_TVAL_STRING) {
        rw_tbuild_string(b, v.string);
        return NULL;
    }
    return v.type == RW_TVAL_UNDEFINED ? NULL : repr(b, v, 0);
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static void json_escape(struct rw_tbuild *b, int32_t c, uint32_t origin)
{
    static const char FROM[] = "\"\\\n\r\t\f\b";
    static const char TO[] = "\"\\nrtfb";
    char text[16];
    const char *at = c != 0 && c < 0x80 ? strchr(FROM, c) : NULL;
    if (at != NULL) {
        snprintf(text, sizeof text, "\\%c", TO[at - FROM]);
    } else if (c < 0x10000) {
        snprintf(text, sizeof text, "\\u%04x", (unsigned)c);
    } else {
        unsigned rest = (unsigned)c - 0x10000;
        snprintf(text, sizeof text, "\\u%04x\\u%04x", 0xD800 + (rest >> 10),
                 0xDC00 + (rest & 0x3FF));
    }
    rw_tbuild_bytes(b, rw_str_from(text), origin);
}

static void json_string(struct rw_tbuild *b, const struct rw_tstr *s, bool ascii)
{
    struct rw_str text = rw_tstr_text(s);
    uint32_t origin = rw_tstr_trust(s);
    rw_tbuild_format(b, "\"");
    size_t begin = 0;
    size_t advance;
    for (size_t at = 0; at < text.len && !b->failed; at += advance) {
        int32_t c = rw_utf8_decode(text, at, &advance);
        if (c < 0x20 || c == '"' || c == '\\' || (ascii && c > 0x7E)) {
            rw_tbuild_slice(b, s, begin, at);
            json_escape(b, c, origin);
            begin = at + advance;
        }
    }
    rw_tbuild_slice(b, s, begin, text.len);
    rw_tbuild_format(b, "\"");
}

static void json_line(struct rw_tbuild *b, const struct rw_tjson *how, unsigned depth)
{
    if (how->indent >= 0) {
        rw_tbuild_format(b, "\n%*s", RW_MIN(how->indent * (int)depth, 400), "");
    }
}

static const char *json_list(struct rw_tbuild *b, const struct rw_tlist *list,
                             const struct rw_tjson *how, unsigned depth)
{
    rw_tbuild_format(b, "[");
    for (size_t i = 0; i < list->count; i++) {
        if (i > 0) {
            rw_tbuild_bytes(b, how->item_separator, RW_ORIGIN_TEMPLATE);
        }
        json_line(b, how, depth + 1);
        const char *why = rw_tval_json(b, list->items[i], how, depth + 1);
        if (why != NULL) {
            return why;
        }
    }
    if (list->count > 0) {
        json_line(b, how, depth);
    }
    rw_tbuild_format(b, "]");
    return NULL;
}

static const char *json_key(struct rw_tbuild *b, struct rw_tval key, const struct rw_tjson *how)
{
    if (key.type == RW_TVAL_STRING) {
        json_string(b, key.string, how->ascii);
        return NULL;
    }
    if (key.type != RW_TVAL_NONE && !rw_tval_is_number(key)) {
        return "a key of a dict is neither text nor a number";
    }
    rw_tbuild_format(b, "\"");
    write_scalar(b, key, "true", "false", "null");
    rw_tbuild_format(b, "\"");
    return NULL;
}

static int by_key(const struct rw_tval *a, const struct rw_tval *b)
{
    size_t n = RW_MIN(a->string->len, b->string->len);
    int order = n > 0 ? memcmp(a->string->ptr, b->string->ptr, n) : 0;
    return order != 0 ? order
                      : (a->string->len > b->string->len) - (a->string->len < b->string->len);
}

/* Position of the entry that comes next after `last` in the order of keys. */
static size_t next_sorted(const struct rw_tdict *dict, size_t last)
{
    size_t best = dict->count;
    for (size_t i = 0; i < dict->count; i++) {
        if ((last == dict->count || by_key(&dict->keys[i], &dict->keys[last]) > 0) &&
            (best == dict->count || by_key(&dict->keys[i], &dict->keys[best]) < 0)) {
            best = i;
        }
    }
    return best;
}

static const char *json_dict(struct rw_tbuild *b, const struct rw_tdict *dict,
                             const struct rw_tjson *how, unsigned depth)
{
    for (size_t i = 0; how->sorted && i < dict->count; i++) {
        if (dict->keys[i].type != RW_TVAL_STRING) {
            return "keys that are not text cannot be sorted";
        }
    }
    rw_tbuild_format(b, "{");
    size_t at = dict->count;
    for (size_t i = 0; i < dict->count; i++) {
        at = how->sorted ? next_sorted(dict, at) : i;
        if (i > 0) {
            rw_tbuild_bytes(b, how->item_separator, RW_ORIGIN_TEMPLATE);
        }
        json_line(b, how, depth + 1);
        const char *why = json_key(b, dict->keys[at], how);
        rw_tbuild_bytes(b, how->key_separator, RW_ORIGIN_TEMPLATE);
        why = why == NULL ? rw_tval_json(b, dict->values[at], how, depth + 1) : why;
        if (why != NULL) {
            return why;
        }
    }
    if (dict->count > 0) {
        json_line(b, how, depth);
    }
    rw_tbuild_format(b, "}");
    return NULL;
}

const char *rw_tval_json(struct rw_tbuild *b, struct rw_tval v, const struct rw_tjson *how,
                         unsigned depth)
{
    if (depth > RW_TVAL_DEPTH_MAX) {
        return TOO_DEEP;
    }
    switch (v.type) {
    case RW_TVAL_FLOAT:
        if (!isfinite(v.real)) {
            rw_tbuild_format(b, "%s",
                             isnan(v.real) ? "NaN"
                             : v.real > 0  ? "Infinity"
                                           : "-Infinity");
            return NULL;
        }
        write_scalar(b, v, "true", "false", "null");
        return NULL;
    case RW_TVAL_NONE:
    case RW_TVAL_BOOL:
    case RW_TVAL_INT:
        write_scalar(b, v, "true", "false", "null");
        return NULL;
    case RW_TVAL_STRING:
        json_string(b, v.string, how->ascii);
        return NULL;
    case RW_TVAL_LIST:
    case RW_TVAL_TUPLE:
        return v.list->kind != RW_TLIST_PLAIN ? "a lazy sequence is not JSON"
                                              : json_list(b, v.list, how, depth);
    case RW_TVAL_DICT:
        return json_dict(b, v.dict, how, depth);
    default:
        return v.type == RW_TVAL_UNDEFINED ? "an undefined value is not JSON" : NO_FORM;
    }
}
