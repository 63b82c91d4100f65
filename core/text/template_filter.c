/* Filters of a template over text and numbers, as Jinja's (and transformers' own tojson), and the
 * table of all. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "core/base/utf8.h"
#include "core/base/util.h"
#include "core/text/template_filter.h"

enum {
    INDENT_MAX = 4096, /* spaces */
};

struct rw_tval rw_tfilter_fail(struct rw_tfilter_args *c)
{
    return rw_trender_fail(c->r, "a filter does not take '%s'", rw_tval_type_name(c->v));
}

/* soft_str: text stays as it is (marked safe, too), anything else is str(v). */
static bool as_text(struct rw_tfilter_args *c)
{
    c->v = rw_trender_string(c->r, c->v);
    return c->r->status == RW_OK;
}

bool rw_tfilter_flag(struct rw_tfilter_args *c, int i)
{
    return c->given[i] && rw_tval_truth(c->arg[i]);
}

bool rw_tfilter_some(struct rw_tfilter_args *c, int i)
{
    return c->given[i] && c->arg[i].type != RW_TVAL_NONE;
}

/* ---- text ------------------------------------------------------------------------------------ */

static struct rw_tval trim(struct rw_tfilter_args *c)
{
    struct rw_targs args = {.count = rw_tfilter_some(c, 0)};
    if (!as_text(c)) {
        return c->v;
    }
    args.value[0] = c->arg[0]; /* no text: strip refuses it */
    bool safe = c->v.safe;
    c->v.safe = false;
    struct rw_tval out = rw_tmethod_call(c->r, rw_tmethod_find(c->v, RW_STR("strip")), c->v, &args);
    out.safe = safe && out.type == RW_TVAL_STRING;
    return out;
}

static struct rw_tval change_case(struct rw_tfilter_args *c)
{
    if (!as_text(c)) {
        return c->v;
    }
    if (c->mode == 't') { /* Jinja's title splits at white space and brackets, not at letters */
        struct rw_tval out = rw_tmethod_case(c->r, c->v, 'l');
        bool begin = true;
        for (size_t i = 0; out.type == RW_TVAL_STRING && i < out.string->len; i++) {
            char *at = (char *)out.string->ptr + i; /* made just now, by us */
            if (begin && *at >= 'a' && *at <= 'z') {
                *at = (char)(*at - 32);
            }
            begin = (*at != '\0' && strchr("-([{<", *at) != NULL) || rw_tstr_is_space(*at);
        }
        return out;
    }
    return rw_tmethod_case(c->r, c->v, (char)c->mode);
}

static struct rw_tval to_string(struct rw_tfilter_args *c)
{
    return as_text(c) ? c->v : RW_TVAL_OF_UNDEFINED;
}

static struct rw_tval mark_safe(struct rw_tfilter_args *c)
{
    if (as_text(c)) {
        c->v.safe = true;
    }
    return c->v;
}

static struct rw_tval escape(struct rw_tfilter_args *c)
{
    if (!as_text(c) || c->v.safe) {
        return c->v;
    }
    const struct rw_tstr *s = c->v.string;
    static const char FROM[] = "&<>'\"";
    static const char *const TO[] = {"&amp;", "&lt;", "&gt;", "&#39;", "&#34;"};
    struct rw_tbuild b;
    rw_tbuild_init(&b, c->r->arena);
    for (size_t i = 0; i < s->len && !b.failed; i++) {
        const char *at = s->ptr[i] != '\0' ? strchr(FROM, s->ptr[i]) : NULL;
        if (at != NULL) {
            rw_tbuild_bytes(&b, rw_str_from(TO[at - FROM]), rw_tstr_trust(s));
        } else {
            rw_tbuild_slice(&b, s, i, i + 1);
        }
    }
    struct rw_tval out = rw_trender_text(c->r, &b);
    out.safe = out.type == RW_TVAL_STRING;
    return out;
}

static struct rw_tval replace(struct rw_tfilter_args *c)
{
    if (!as_text(c)) {
        return c->v;
    }
    c->v.safe = false;
    struct rw_targs args = {.count = 2};
    args.value[0] = rw_trender_string(c->r, c->arg[0]);
    args.value[1] = rw_trender_string(c->r, c->arg[1]);
    if (c->given[2] && c->arg[2].type != RW_TVAL_NONE) {
        args.value[args.count++] = c->arg[2];
    }
    if (!c->given[0] || !c->given[1] || c->r->status != RW_OK) {
        return rw_trender_fail(c->r, "replace takes two texts");
    }
    return rw_tmethod_call(c->r, rw_tmethod_find(c->v, RW_STR("replace")), c->v, &args);
}

static struct rw_tval join(struct rw_tfilter_args *c)
{
    const struct rw_tval *items;
    size_t n;
    struct rw_tbuild b;
    struct rw_tval by = c->given[0] ? rw_trender_string(c->r, c->arg[0]) : RW_TVAL_OF_UNDEFINED;
    rw_tbuild_init(&b, c->r->arena);
    if (!rw_trender_items(c->r, c->v, &items, &n)) {
        return RW_TVAL_OF_UNDEFINED;
    }
    for (size_t i = 0; i < n && c->r->status == RW_OK; i++) {
        struct rw_tval item =
            rw_tfilter_some(c, 1) ? rw_tsequence_path(c, items[i], c->arg[1]) : items[i];
        if (i > 0 && by.type == RW_TVAL_STRING) {
            rw_tbuild_string(&b, by.string);
        }
        const char *why = rw_tval_str(&b, item);
        if (why != NULL) {
            return rw_trender_fail(c->r, "%s", why);
        }
    }
    return rw_trender_text(c->r, &b);
}

/* Lines of the text and one line break, as splitlines cuts them, put together with line feeds: all
 * but the first are indented, empty ones where `blank` says so, the first where `first` does. */
static struct rw_tval indent(struct rw_tfilter_args *c)
{
    int64_t width = 4;
    if ((c->given[0] && !rw_tval_index(c->arg[0], &width)) || width > INDENT_MAX ||
        c->v.type != RW_TVAL_STRING) {
        return rw_trender_fail(c->r, "an indent of '%s', or of such a width",
                               rw_tval_type_name(c->v));
    }
    struct rw_tbuild b;
    struct rw_tbuild whole;
    rw_tbuild_init(&b, c->r->arena);
    rw_tbuild_init(&whole, c->r->arena);
    rw_tbuild_string(&whole, c->v.string);
    rw_tbuild_bytes(&whole, RW_STR("\n"), RW_ORIGIN_TEMPLATE);
    struct rw_tval all = rw_trender_text(c->r, &whole);
    if (all.type != RW_TVAL_STRING) {
        return all;
    }
    size_t end;
    size_t begin = 0;
    size_t at = 0;
    for (size_t line = 0;
         rw_tstr_line(rw_tstr_text(all.string), &at, &end) && rw_trender_spend(c->r, 1); line++) {
        bool pad = line == 0 ? rw_tfilter_flag(c, 1) : end > begin || rw_tfilter_flag(c, 2);
        rw_tbuild_bytes(&b, line > 0 ? RW_STR("\n") : (struct rw_str){0}, RW_ORIGIN_TEMPLATE);
        for (int64_t i = 0; pad && i < width && !b.failed; i++) {
            rw_tbuild_bytes(&b, RW_STR(" "), RW_ORIGIN_TEMPLATE);
        }
        rw_tbuild_slice(&b, all.string, begin, end);
        begin = at;
    }
    struct rw_tval out = rw_trender_text(c->r, &b);
    out.safe = c->v.safe && out.type == RW_TVAL_STRING;
    return out;
}

static struct rw_tval to_json(struct rw_tfilter_args *c)
{
    /* tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False) */
    struct rw_tjson how = {
        .indent = -1, .ascii = rw_tfilter_flag(c, 0), .sorted = rw_tfilter_flag(c, 3)};
    int64_t width;
    if (c->given[1] && rw_tval_index(c->arg[1], &width)) {
        how.indent = (int)RW_MAX(RW_MIN(width, 32), 0);
        if (width > 32) {
            return rw_trender_fail(c->r, "tojson with such an indent");
        }
    } else if (c->given[1] && c->arg[1].type != RW_TVAL_NONE) {
        return rw_trender_fail(c->r, "tojson with such an indent");
    }
    how.item_separator = how.indent >= 0 ? RW_STR(",") : RW_STR(", ");
    how.key_separator = RW_STR(": ");
    if (c->given[2] && c->arg[2].type != RW_TVAL_NONE) {
        const struct rw_tval *items;
        size_t n;
        if (!rw_trender_items(c->r, c->arg[2], &items, &n) || n != 2 ||
            items[0].type != RW_TVAL_STRING || items[1].type != RW_TVAL_STRING) {
            return rw_trender_fail(c->r, "tojson with such separators");
        }
        how.item_separator = rw_tstr_text(items[0].string);
        how.key_separator = rw_tstr_text(items[1].string);
    }
    struct rw_tbuild b;
    rw_tbuild_init(&b, c->r->arena);
    const char *why = rw_tval_json(&b, c->v, &how, 0);
    return why != NULL ? rw_trender_fail(c->r, "tojson: %s", why) : rw_trender_text(c->r, &b);
}

/* ---- numbers and the rest -------------------------------------------------------------------- */

static struct rw_tval use_default(struct rw_tfilter_args *c)
{
    bool missing =
        c->v.type == RW_TVAL_UNDEFINED || (rw_tfilter_flag(c, 1) && !rw_tval_truth(c->v));
    struct rw_tval empty;
    if (missing && !c->given[0]) {
        return rw_tval_string(c->r->arena, (struct rw_str){0}, RW_ORIGIN_TEMPLATE, &empty)
                   ? empty
                   : rw_trender_no_memory(c->r);
    }
    return missing ? c->arg[0] : c->v;
}

/* int(default=0, base=10), float(default=0.0). Text in a form that is not plainly a number in both
 * languages is refused rather than guessed at. */
static struct rw_tval to_number(struct rw_tfilter_args *c)
{
    bool whole = c->mode == 'i';
    struct rw_tval other = c->given[0] ? c->arg[0]
                           : whole     ? RW_TVAL_OF_INT(0)
                                       : RW_TVAL_OF_FLOAT(0);
    if (c->given[1]) {
        return rw_trender_fail(c->r, "int with a base");
    }
    if (rw_tval_is_number(c->v)) {
        double value = rw_tval_real(c->v);
        int64_t exact;
        if (whole && rw_tval_index(c->v, &exact)) {
            return RW_TVAL_OF_INT(exact);
        }
        if (whole && !(fabs(value) < 9e18)) {
            return rw_trender_fail(c->r, "a number too large");
        }
        return whole ? RW_TVAL_OF_INT((int64_t)value) : RW_TVAL_OF_FLOAT(value);
    }
    if (c->v.type != RW_TVAL_STRING) {
        return c->v.type == RW_TVAL_UNDEFINED
                   ? rw_trender_fail(c->r, "a number of an undefined value")
                   : other;
    }
    char text[64];
    size_t begin;
    size_t end;
    rw_tstr_strip(c->v.string, NULL, true, true, &begin, &end);
    if (end - begin == 0) {
        return other;
    }
    if (end - begin >= sizeof text) {
        return rw_trender_fail(c->r, "a number of over 63 characters");
    }
    memcpy(text, c->v.string->ptr + begin, end - begin);
    text[end - begin] = '\0';
    bool plain = strspn(text, "0123456789+-.eE") == end - begin;
    bool digits = strspn(text, "0123456789+-") == end - begin;
    bool ascii = true; /* digits of other scripts are digits in Python */
    for (size_t i = 0; i < end - begin; i++) {
        ascii = ascii && text[i] > 0;
    }
    char *stop;
    if (!plain && ascii && strpbrk(text, "0123456789_") == NULL &&
        strspn(text, "nNiIaAfFtTyY+-") < end - begin) {
        return other; /* no digit, and neither nan nor inf */
    }
    if (!plain) {
        return rw_trender_fail(c->r, "a number in a form that is not known");
    }
    if (whole && digits) {
        errno = 0;
        long long value = strtoll(text, &stop, 10);
        return errno != 0      ? rw_trender_fail(c->r, "a number too large")
               : *stop == '\0' ? RW_TVAL_OF_INT(value)
                               : other;
    }
    double value = strtod(text, &stop);
    if (*stop != '\0' || stop == text) {
        return other;
    }
    if (whole && !(fabs(value) < 9e18)) {
        return rw_trender_fail(c->r, "a number too large");
    }
    return whole ? RW_TVAL_OF_INT((int64_t)value) : RW_TVAL_OF_FLOAT(value);
}

static struct rw_tval absolute(struct rw_tfilter_args *c)
{
    if (!rw_tval_is_number(c->v)) {
        return rw_tfilter_fail(c);
    }
    int64_t value;
    if (rw_tval_index(c->v, &value)) {
        return value == INT64_MIN ? rw_tfilter_fail(c) : RW_TVAL_OF_INT(value < 0 ? -value : value);
    }
    return RW_TVAL_OF_FLOAT(fabs(c->v.real));
}

/* round(value, 0, 'common') of Jinja is Python's round: to even, and a float. */
static struct rw_tval round_off(struct rw_tfilter_args *c)
{
    if (!rw_tval_is_number(c->v) || c->given[0] || c->given[1]) {
        return rw_trender_fail(c->r, "round with a precision, or of '%s'", rw_tval_type_name(c->v));
    }
    int64_t whole;
    return rw_tval_index(c->v, &whole) ? RW_TVAL_OF_INT(whole)
                                       : RW_TVAL_OF_FLOAT(nearbyint(c->v.real));
}

/* ---- the tables ------------------------------------------------------------------------------ */

static const struct {
    const char *name;
    struct rw_tval (*call)(struct rw_tfilter_args *c);
    int mode;
    bool passes_on; /* takes any arguments itself */
    const char *params[RW_TFILTER_PARAMS_MAX];
} FILTER[] = {
    {"abs", absolute, 0, false, {NULL}},
    {"capitalize", change_case, 'c', false, {NULL}},
    {"count", rw_tsequence_length, 0, false, {NULL}},
    {"d", use_default, 0, false, {"default_value", "boolean"}},
    {"default", use_default, 0, false, {"default_value", "boolean"}},
    {"dictsort", rw_tsequence_dict_sort, 0, false, {"case_sensitive", "by", "reverse"}},
    {"e", escape, 0, false, {NULL}},
    {"escape", escape, 0, false, {NULL}},
    {"first", rw_tsequence_first_or_last, 'f', false, {NULL}},
    {"float", to_number, 'f', false, {"default"}},
    {"indent", indent, 0, false, {"width", "first", "blank"}},
    {"int", to_number, 'i', false, {"default", "base"}},
    {"items", rw_tsequence_items_of, 0, false, {NULL}},
    {"join", join, 0, false, {"d", "attribute"}},
    {"last", rw_tsequence_first_or_last, 'l', false, {NULL}},
    {"length", rw_tsequence_length, 0, false, {NULL}},
    {"list", rw_tsequence_to_list, 0, false, {NULL}},
    {"lower", change_case, 'l', false, {NULL}},
    {"map", rw_tsequence_map, 0, true, {NULL}},
    {"max", rw_tsequence_extreme, 'a', false, {"case_sensitive", "attribute"}},
    {"min", rw_tsequence_extreme, 'i', false, {"case_sensitive", "attribute"}},
    {"reject", rw_tsequence_choose, 'r', true, {NULL}},
    {"rejectattr", rw_tsequence_choose, 'R', true, {NULL}},
    {"replace", replace, 0, false, {"old", "new", "count"}},
    {"reverse", rw_tsequence_reverse, 0, false, {NULL}},
    {"round", round_off, 0, false, {"precision", "method"}},
    {"safe", mark_safe, 0, false, {NULL}},
    {"select", rw_tsequence_choose, 's', true, {NULL}},
    {"selectattr", rw_tsequence_choose, 'S', true, {NULL}},
    {"sort", rw_tsequence_sort, 0, false, {"reverse", "case_sensitive", "attribute"}},
    {"string", to_string, 0, false, {NULL}},
    {"sum", rw_tsequence_extreme, 's', false, {"attribute", "start"}},
    {"title", change_case, 't', false, {NULL}},
    {"tojson", to_json, 0, false, {"ensure_ascii", "indent", "separators", "sort_keys"}},
    {"trim", trim, 0, false, {"chars"}},
    {"unique", rw_tsequence_unique, 0, false, {"case_sensitive", "attribute"}},
    {"upper", change_case, 'u', false, {NULL}},
};

int rw_tfilter_find(struct rw_str name)
{
    for (size_t i = 0; i < RW_COUNT(FILTER); i++) {
        if (rw_str_is(name, FILTER[i].name)) {
            return (int)i;
        }
    }
    return -1;
}

struct rw_tval rw_tfilter_call(struct rw_trender *r, int filter, struct rw_tval v,
                               const struct rw_targs *args)
{
    struct rw_tfilter_args c = {.r = r, .v = v, .mode = FILTER[filter].mode, .args = args};
    if (!rw_trender_spend(r, v.type == RW_TVAL_STRING ? v.string->len / 64 : 1) ||
        (!FILTER[filter].passes_on &&
         !rw_targs_bind(r, args, FILTER[filter].params, RW_TFILTER_PARAMS_MAX, c.arg, c.given))) {
        return RW_TVAL_OF_UNDEFINED;
    }
    return FILTER[filter].call(&c);
}
