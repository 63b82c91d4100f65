/* Texts with origins, and how values are printed. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/utf8.h"
#include "core/base/util.h"
#include "core/text/jinja_parts.h"

enum {
    WRITER_FIRST = 1024, /* bytes */
    NUMBER_BYTES = 40,
};

struct rw_jinja_text rw_jinja_literal(const char *text)
{
    return (struct rw_jinja_text){text, NULL, strlen(text)};
}

struct rw_jinja_text rw_jinja_cut(struct rw_jinja_text text, size_t begin, size_t end)
{
    return (struct rw_jinja_text){text.ptr + begin,
                                  text.origin != NULL ? text.origin + begin : NULL, end - begin};
}

struct rw_str rw_jinja_plain(struct rw_jinja_text text)
{
    return (struct rw_str){text.ptr, text.len};
}

size_t rw_jinja_characters(struct rw_str text)
{
    return text.len > 0 ? rw_utf8_count(text) : 0;
}

size_t rw_jinja_offset(struct rw_str text, size_t i)
{
    size_t at = 0;
    while (i > 0 && at < text.len) {
        size_t len = 1;
        rw_utf8_decode(text, at, &len);
        at += len;
        i--;
    }
    return at;
}

/* White space of Python's str.isspace. */
static bool is_space(int32_t c)
{
    return (c >= 9 && c <= 13) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 ||
           c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 ||
           c == 0x202F || c == 0x205F || c == 0x3000;
}

static bool is_stripped(struct rw_str text, size_t at, size_t len, struct rw_str set)
{
    if (set.ptr == NULL) {
        size_t unused;
        return is_space(rw_utf8_decode(text, at, &unused));
    }
    struct rw_str one = rw_str_slice(text, at, at + len);
    for (size_t i = 0; i < set.len;) {
        size_t width = 1;
        rw_utf8_decode(set, i, &width);
        if (rw_str_equal(one, rw_str_slice(set, i, i + width))) {
            return true;
        }
        i += width;
    }
    return false;
}

struct rw_jinja_text rw_jinja_strip(struct rw_jinja_text text, struct rw_str set, bool left,
                                    bool right)
{
    struct rw_str plain = rw_jinja_plain(text);
    size_t begin = 0, end = plain.len;
    while (left && begin < end) {
        size_t len = 1;
        rw_utf8_decode(plain, begin, &len);
        if (!is_stripped(plain, begin, len, set)) {
            break;
        }
        begin += len;
    }
    while (right && end > begin) {
        size_t last = end - 1;
        while (last > begin && ((unsigned char)plain.ptr[last] & 0xC0) == 0x80) {
            last--;
        }
        if (!is_stripped(plain, last, end - last, set)) {
            break;
        }
        end = last;
    }
    return rw_jinja_cut(text, begin, end);
}

/* ---- writing --------------------------------------------------------------------------------- */

static rw_status reserve(struct rw_jinja_run *r, struct rw_jinja_writer *w, size_t more)
{
    if (w->len + more > RW_JINJA_OUTPUT_MAX) {
        return rw_fail(r->err, RW_LIMIT_EXCEEDED, "the chat template writes more than %d bytes",
                       RW_JINJA_OUTPUT_MAX);
    }
    if (w->len + more <= w->size) {
        return RW_OK;
    }
    size_t size = RW_MAX(RW_MAX(2 * w->size, WRITER_FIRST), w->len + more);
    char *bytes = rw_arena_array(r->arena, size, 1);
    uint32_t *origin = rw_arena_array(r->arena, size, sizeof *origin);
    if (bytes == NULL || origin == NULL) {
        return rw_jinja_no_memory(r);
    }
    if (w->len > 0) {
        memcpy(bytes, w->ptr, w->len);
        memcpy(origin, w->origin, w->len * sizeof *origin);
    }
    w->ptr = bytes;
    w->origin = origin;
    w->size = size;
    return RW_OK;
}

rw_status rw_jinja_write(struct rw_jinja_run *r, struct rw_jinja_writer *w,
                         struct rw_jinja_text text)
{
    if (text.len == 0) {
        return RW_OK;
    }
    rw_status status = reserve(r, w, text.len);
    if (status != RW_OK) {
        return status;
    }
    memcpy(w->ptr + w->len, text.ptr, text.len);
    if (text.origin != NULL) {
        memcpy(w->origin + w->len, text.origin, text.len * sizeof *text.origin);
    } else {
        memset(w->origin + w->len, 0, text.len * sizeof *w->origin);
    }
    w->len += text.len;
    return rw_jinja_step(r, text.len / 256);
}

rw_status rw_jinja_write_literal(struct rw_jinja_run *r, struct rw_jinja_writer *w,
                                 const char *text)
{
    return rw_jinja_write(r, w, rw_jinja_literal(text));
}

struct rw_jinja_text rw_jinja_written(const struct rw_jinja_writer *w)
{
    return (struct rw_jinja_text){w->ptr != NULL ? w->ptr : "", w->origin, w->len};
}

/* A few bytes made of one byte of the text: they come from where it came from. */
static rw_status write_from(struct rw_jinja_run *r, struct rw_jinja_writer *w, const char *bytes,
                            struct rw_jinja_text text, size_t at)
{
    size_t begin = w->len;
    rw_status status = rw_jinja_write_literal(r, w, bytes);
    for (size_t i = begin; status == RW_OK && text.origin != NULL && i < w->len; i++) {
        w->origin[i] = text.origin[at];
    }
    return status;
}

/* ---- str and repr ---------------------------------------------------------------------------- */

/* The shortest decimal that reads back, in Python's form. */
static void format_real(double value, char out[NUMBER_BYTES])
{
    if (isnan(value) || isinf(value)) {
        snprintf(out, NUMBER_BYTES, "%s", isnan(value) ? "nan" : value > 0 ? "inf" : "-inf");
        return;
    }
    char digits[NUMBER_BYTES];
    int precision = 1;
    do {
        snprintf(digits, sizeof digits, "%.*e", precision - 1, value);
    } while (precision++ < 17 && strtod(digits, NULL) != value);
    int exponent = (int)strtol(strchr(digits, 'e') + 1, NULL, 10);
    if (exponent < -4 || exponent >= 16) {
        char *e = strchr(digits, 'e');
        *e = '\0';
        snprintf(out, NUMBER_BYTES, "%.24se%c%02d", digits, exponent < 0 ? '-' : '+',
                 abs(exponent) % 1000);
        return;
    }
    int decimals = RW_MAX(precision - 2 - exponent, 0);
    snprintf(out, NUMBER_BYTES, "%.*f", decimals, value);
    if (strchr(out, '.') == NULL) {
        strncat(out, ".0", NUMBER_BYTES - strlen(out) - 1);
    }
}

/* As repr() quotes: ' unless the text holds it and no ". */
static rw_status print_quoted(struct rw_jinja_run *r, struct rw_jinja_writer *w,
                              struct rw_jinja_text text)
{
    bool single = memchr(text.ptr, '\'', text.len) != NULL;
    bool both = single && memchr(text.ptr, '"', text.len) != NULL;
    char quote[2] = {single && !both ? '"' : '\'', '\0'};
    rw_status status = rw_jinja_write_literal(r, w, quote);
    for (size_t i = 0; i < text.len && status == RW_OK; i++) {
        char c = text.ptr[i];
        char escape[8] = {c, '\0'};
        if (c == '\\' || c == quote[0]) {
            snprintf(escape, sizeof escape, "\\%c", c);
        } else if (c == '\n' || c == '\r' || c == '\t') {
            snprintf(escape, sizeof escape, "\\%c", c == '\n' ? 'n' : c == '\r' ? 'r' : 't');
        } else if ((unsigned char)c < 0x20 || c == 0x7F) {
            snprintf(escape, sizeof escape, "\\x%02x", (unsigned char)c);
        }
        status = c == '\0' ? write_from(r, w, "\\x00", text, i) : write_from(r, w, escape, text, i);
    }
    return status == RW_OK ? rw_jinja_write_literal(r, w, quote) : status;
}

static rw_status print_items(struct rw_jinja_run *r, struct rw_jinja_writer *w,
                             const struct rw_jinja_value *value)
{
    bool tuple = value->type == RW_JINJA_TUPLE;
    rw_status status = rw_jinja_write_literal(r, w, tuple ? "(" : "[");
    for (size_t i = 0; i < value->items->n && status == RW_OK; i++) {
        status = i > 0 ? rw_jinja_write_literal(r, w, ", ") : RW_OK;
        status = status == RW_OK ? rw_jinja_print(r, w, &value->items->at[i], true) : status;
    }
    const char *end = !tuple ? "]" : value->items->n == 1 ? ",)" : ")";
    return status == RW_OK ? rw_jinja_write_literal(r, w, end) : status;
}

static rw_status print_pairs(struct rw_jinja_run *r, struct rw_jinja_writer *w,
                             const struct rw_jinja_value *value)
{
    rw_status status = rw_jinja_write_literal(r, w, "{");
    for (size_t i = 0; i < value->pairs->n && status == RW_OK; i++) {
        status = i > 0 ? rw_jinja_write_literal(r, w, ", ") : RW_OK;
        status = status == RW_OK ? rw_jinja_print(r, w, &value->pairs->at[i].key, true) : status;
        status = status == RW_OK ? rw_jinja_write_literal(r, w, ": ") : status;
        status = status == RW_OK ? rw_jinja_print(r, w, &value->pairs->at[i].value, true) : status;
    }
    return status == RW_OK ? rw_jinja_write_literal(r, w, "}") : status;
}

static rw_status deeper(struct rw_jinja_run *r)
{
    if (++r->depth > RW_JINJA_DEPTH_MAX) {
        return rw_fail(r->err, RW_LIMIT_EXCEEDED, "the chat template nests deeper than %d",
                       RW_JINJA_DEPTH_MAX);
    }
    return RW_OK;
}

rw_status rw_jinja_print(struct rw_jinja_run *r, struct rw_jinja_writer *w,
                         const struct rw_jinja_value *value, bool quoted)
{
    char number[NUMBER_BYTES];
    rw_status status = deeper(r);
    switch (status == RW_OK ? value->type : RW_JINJA_UNDEFINED) {
    case RW_JINJA_UNDEFINED:
        break;
    case RW_JINJA_NONE:
        status = rw_jinja_write_literal(r, w, "None");
        break;
    case RW_JINJA_BOOL:
        status = rw_jinja_write_literal(r, w, value->truth ? "True" : "False");
        break;
    case RW_JINJA_INT:
        snprintf(number, sizeof number, "%lld", (long long)value->integer);
        status = rw_jinja_write_literal(r, w, number);
        break;
    case RW_JINJA_FLOAT:
        format_real(value->real, number);
        status = rw_jinja_write_literal(r, w, number);
        break;
    case RW_JINJA_STR:
        status = quoted ? print_quoted(r, w, value->text) : rw_jinja_write(r, w, value->text);
        break;
    case RW_JINJA_LIST:
    case RW_JINJA_TUPLE:
        status = print_items(r, w, value);
        break;
    case RW_JINJA_DICT:
        status = print_pairs(r, w, value);
        break;
    default:
        status = rw_jinja_fail(r, "a %s cannot be written", rw_jinja_type_name(value->type));
    }
    r->depth--;
    return status;
}

rw_status rw_jinja_to_text(struct rw_jinja_run *r, const struct rw_jinja_value *value,
                           struct rw_jinja_text *out)
{
    if (value->type == RW_JINJA_STR) {
        *out = value->text;
        return RW_OK;
    }
    struct rw_jinja_writer w = {0};
    rw_status status = rw_jinja_print(r, &w, value, false);
    *out = rw_jinja_written(&w);
    return status;
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static rw_status json_text(struct rw_jinja_run *r, struct rw_jinja_writer *w,
                           struct rw_jinja_text text, bool ascii)
{
    static const char FROM[] = "\"\\\b\f\n\r\t";
    static const char TO[] = "\"\\bfnrt";
    struct rw_str plain = rw_jinja_plain(text);
    rw_status status = rw_jinja_write_literal(r, w, "\"");
    for (size_t i = 0; i < text.len && status == RW_OK;) {
        unsigned char c = (unsigned char)text.ptr[i];
        const char *found = c != '\0' ? strchr(FROM, c) : NULL;
        char escape[16];
        size_t len = 1;
        int32_t code = ascii && c >= 0x80 ? rw_utf8_decode(plain, i, &len) : -1;
        if (found != NULL) {
            snprintf(escape, sizeof escape, "\\%c", TO[found - FROM]);
        } else if (c < 0x20) {
            snprintf(escape, sizeof escape, "\\u%04x", c);
        } else if (code > 0xFFFF) {
            unsigned rest = (unsigned)code - 0x10000;
            snprintf(escape, sizeof escape, "\\u%04x\\u%04x", 0xD800 + (rest >> 10),
                     0xDC00 + (rest & 0x3FF));
        } else if (code >= 0) {
            snprintf(escape, sizeof escape, "\\u%04x", (unsigned)code);
        } else {
            size_t end = i;
            while (end < text.len && (unsigned char)text.ptr[end] >= 0x20 && text.ptr[end] != '"' &&
                   text.ptr[end] != '\\' && !(ascii && (unsigned char)text.ptr[end] >= 0x80)) {
                end++;
            }
            status = rw_jinja_write(r, w, rw_jinja_cut(text, i, end));
            i = end;
            continue;
        }
        status = write_from(r, w, escape, text, i);
        i += len;
    }
    return status == RW_OK ? rw_jinja_write_literal(r, w, "\"") : status;
}

static rw_status json_line(struct rw_jinja_run *r, struct rw_jinja_writer *w, int indent, int level)
{
    if (indent < 0) {
        return RW_OK;
    }
    rw_status status = rw_jinja_write_literal(r, w, "\n");
    for (int i = 0; i < indent * level && status == RW_OK; i++) {
        status = rw_jinja_write_literal(r, w, " ");
    }
    return status;
}

static rw_status json_literal(struct rw_jinja_run *r, struct rw_jinja_writer *w, struct rw_str text)
{
    return rw_jinja_write(r, w, (struct rw_jinja_text){text.ptr, NULL, text.len});
}

/* Keys are texts; numbers and constants become what JSON calls them. */
static rw_status json_key(struct rw_jinja_run *r, struct rw_jinja_writer *w,
                          const struct rw_jinja_value *key, const struct rw_jinja_json *form)
{
    if (key->type == RW_JINJA_STR) {
        return json_text(r, w, key->text, form->ascii);
    }
    if (key->type == RW_JINJA_TUPLE) {
        return rw_jinja_fail(r, "keys must be str, int, float, bool or None, not tuple");
    }
    rw_status status = rw_jinja_write_literal(r, w, "\"");
    status = status == RW_OK ? rw_jinja_print_json(r, w, key, form, 0) : status;
    return status == RW_OK ? rw_jinja_write_literal(r, w, "\"") : status;
}

/* Positions of the pairs, by key where they are to be sorted. */
static rw_status pair_order(struct rw_jinja_run *r, const struct rw_jinja_pairs *pairs, bool sort,
                            size_t **out)
{
    size_t *order = rw_arena_array(r->arena, pairs->n + 1, sizeof *order);
    *out = order;
    if (order == NULL) {
        return rw_jinja_no_memory(r);
    }
    for (size_t i = 0; i < pairs->n; i++) {
        order[i] = i;
        for (size_t j = i; sort && j > 0; j--) {
            int less = 0;
            rw_status status = rw_jinja_step(r, 1);
            if (status == RW_OK) {
                status = rw_jinja_order(r, &pairs->at[order[j]].key, &pairs->at[order[j - 1]].key,
                                        &less);
            }
            if (status != RW_OK) {
                return status;
            }
            if (less >= 0) {
                break;
            }
            size_t kept = order[j];
            order[j] = order[j - 1];
            order[j - 1] = kept;
        }
    }
    return RW_OK;
}

static rw_status json_pairs(struct rw_jinja_run *r, struct rw_jinja_writer *w,
                            const struct rw_jinja_pairs *pairs, const struct rw_jinja_json *form,
                            int level)
{
    size_t *order;
    rw_status status = pair_order(r, pairs, form->sort_keys, &order);
    status = status == RW_OK ? rw_jinja_write_literal(r, w, "{") : status;
    for (size_t i = 0; i < pairs->n && status == RW_OK; i++) {
        const struct rw_jinja_pair *pair = &pairs->at[order[i]];
        status = i > 0 ? json_literal(r, w, form->item) : RW_OK;
        status = status == RW_OK ? json_line(r, w, form->indent, level + 1) : status;
        status = status == RW_OK ? json_key(r, w, &pair->key, form) : status;
        status = status == RW_OK ? json_literal(r, w, form->colon) : status;
        status =
            status == RW_OK ? rw_jinja_print_json(r, w, &pair->value, form, level + 1) : status;
    }
    if (status == RW_OK && pairs->n > 0) {
        status = json_line(r, w, form->indent, level);
    }
    return status == RW_OK ? rw_jinja_write_literal(r, w, "}") : status;
}

static rw_status json_items(struct rw_jinja_run *r, struct rw_jinja_writer *w,
                            const struct rw_jinja_items *items, const struct rw_jinja_json *form,
                            int level)
{
    rw_status status = rw_jinja_write_literal(r, w, "[");
    for (size_t i = 0; i < items->n && status == RW_OK; i++) {
        status = i > 0 ? json_literal(r, w, form->item) : RW_OK;
        status = status == RW_OK ? json_line(r, w, form->indent, level + 1) : status;
        status =
            status == RW_OK ? rw_jinja_print_json(r, w, &items->at[i], form, level + 1) : status;
    }
    if (status == RW_OK && items->n > 0) {
        status = json_line(r, w, form->indent, level);
    }
    return status == RW_OK ? rw_jinja_write_literal(r, w, "]") : status;
}

rw_status rw_jinja_print_json(struct rw_jinja_run *r, struct rw_jinja_writer *w,
                              const struct rw_jinja_value *value, const struct rw_jinja_json *form,
                              int level)
{
    rw_status status = deeper(r);
    switch (status == RW_OK ? value->type : RW_JINJA_FUNCTION) {
    case RW_JINJA_NONE:
        status = rw_jinja_write_literal(r, w, "null");
        break;
    case RW_JINJA_BOOL:
        status = rw_jinja_write_literal(r, w, value->truth ? "true" : "false");
        break;
    case RW_JINJA_INT:
    case RW_JINJA_FLOAT:
        status = rw_jinja_print(r, w, value, false);
        break;
    case RW_JINJA_STR:
        status = json_text(r, w, value->text, form->ascii);
        break;
    case RW_JINJA_LIST:
    case RW_JINJA_TUPLE:
        status = json_items(r, w, value->items, form, level);
        break;
    case RW_JINJA_DICT:
        status = json_pairs(r, w, value->pairs, form, level);
        break;
    default:
        status = status != RW_OK ? status
                                 : rw_jinja_fail(r, "Object of type %s is not JSON serializable",
                                                 rw_jinja_type_name(value->type));
    }
    r->depth--;
    return status;
}
