/* Functions that every template may call, and how arguments meet parameters. */
#include <time.h>

#include "core/base/util.h"
#include "core/text/template_parts.h"

enum {
    DATE_BYTES_MAX = 512, /* of what strftime_now gives */
    RANGE_FIRST = 16,     /* items */
};

bool rw_targs_bind(struct rw_trender *r, const struct rw_targs *args, const char *const *names,
                   size_t n, struct rw_tval *out, bool *given)
{
    size_t position = 0;
    for (size_t i = 0; i < n; i++) {
        out[i] = RW_TVAL_OF_UNDEFINED;
        given[i] = false;
    }
    for (size_t i = 0; i < args->count; i++) {
        size_t at = 0;
        if (args->keyword[i].len == 0) {
            at = position++;
        } else {
            while (at < n && (names[at] == NULL || !rw_str_is(args->keyword[i], names[at]))) {
                at++;
            }
        }
        if (at >= n || names[at] == NULL || given[at]) {
            rw_trender_fail(r, "an argument that is not taken");
            return false;
        }
        out[at] = args->value[i];
        given[at] = true;
    }
    return true;
}

/* ---- functions ------------------------------------------------------------------------------- */

static struct rw_tval make_range(struct rw_trender *r, const struct rw_targs *args)
{
    int64_t value[3] = {0, 0, 1};
    if (args->count < 1 || args->count > 3) {
        return rw_trender_fail(r, "range with %zu arguments", args->count);
    }
    for (size_t i = 0; i < args->count; i++) {
        size_t at = args->count == 1 ? 1 : i;
        if (args->keyword[i].len > 0 || !rw_tval_index(args->value[i], &value[at])) {
            return rw_trender_fail(r, "range of what is no whole number");
        }
    }
    struct rw_tval *items = rw_arena_array(r->arena, RANGE_FIRST, sizeof *items);
    size_t count = 0;
    size_t size = RANGE_FIRST;
    for (int64_t at = value[0]; value[2] != 0 && (value[2] > 0 ? at < value[1] : at > value[1]);) {
        if (items != NULL && count == size) {
            struct rw_tval *more = rw_arena_array(r->arena, 2 * size, sizeof *more);
            if (more != NULL) {
                memcpy(more, items, count * sizeof *more);
            }
            items = more;
            size *= 2;
        }
        if (items == NULL || !rw_trender_spend(r, 1)) {
            return rw_trender_no_memory(r);
        }
        items[count++] = RW_TVAL_OF_INT(at);
        if (count > RW_TEMPLATE_RANGE_MAX || __builtin_add_overflow(at, value[2], &at)) {
            return rw_trender_fail(r, "a range of over %d items", RW_TEMPLATE_RANGE_MAX);
        }
    }
    return value[2] == 0 ? rw_trender_fail(r, "a range with step 0")
                         : rw_trender_list_of(r, items, count, RW_TLIST_RANGE);
}

static struct rw_tval make_dict(struct rw_trender *r, const struct rw_targs *args,
                                enum rw_tval_type type)
{
    struct rw_tval out;
    if (!rw_tval_dict(r->arena, &out)) {
        return rw_trender_no_memory(r);
    }
    for (size_t i = 0; i < args->count; i++) {
        struct rw_tval key;
        if (args->keyword[i].len == 0) {
            const struct rw_tval *from = &args->value[i];
            for (size_t k = 0; from->type == RW_TVAL_DICT && k < from->dict->count; k++) {
                if (!rw_tval_set(r->arena, out.dict, from->dict->keys[k], from->dict->values[k])) {
                    return rw_trender_no_memory(r);
                }
            }
            if (from->type != RW_TVAL_DICT || i > 0) {
                return rw_trender_fail(r, "a dict or namespace of '%s'", rw_tval_type_name(*from));
            }
        } else if (type == RW_TVAL_NAMESPACE && args->keyword[i].ptr[0] == '_') {
            return rw_trender_fail(r, "an attribute of a namespace that begins with _");
        } else if (!rw_tval_string(r->arena, args->keyword[i], RW_ORIGIN_TEMPLATE, &key) ||
                   !rw_tval_set(r->arena, out.dict, key, args->value[i])) {
            return rw_trender_no_memory(r);
        }
    }
    out.type = type;
    return out;
}

static struct rw_tval raise_exception(struct rw_trender *r, const struct rw_targs *args)
{
    struct rw_tval text = args->count == 1 ? rw_trender_string(r, args->value[0])
                                           : rw_trender_fail(r, "raise_exception without a text");
    if (r->status != RW_OK) {
        return text;
    }
    return rw_trender_fail(r, "the template refuses these messages: %.*s",
                           RW_STR_ARG(rw_tstr_text(text.string)));
}

/* Directives that C and Python write alike, with at most one of glibc's flags; %z and %Z are empty
 * for a time without a zone. The rest (%f, %s, %E..., %O...) asks for more than a day. */
static bool plain_format(struct rw_str format, char out[static 128])
{
    size_t n = 0;
    for (size_t at = 0; at < format.len; at++) {
        char c = format.ptr[at];
        if (c == '\0') {
            return false;
        }
        out[n++] = c;
        if (c != '%') {
            continue;
        }
        bool flag = at + 1 < format.len && strchr("-_0^#", format.ptr[at + 1]) != NULL;
        if (flag) {
            out[n++] = format.ptr[++at];
        }
        c = ++at < format.len ? format.ptr[at] : '\0';
        if (!flag && (c == 'z' || c == 'Z')) {
            n--;
        } else if (c != '\0' && strchr("aAbBcdHIjmMpSUwWxXyYGuVDeFhnRrtTCgklP%", c) != NULL) {
            out[n++] = c;
        } else {
            return false;
        }
    }
    out[n] = '\0';
    return true;
}

static struct rw_tval date(struct rw_trender *r, const struct rw_targs *args)
{
    char format[128];
    char text[DATE_BYTES_MAX];
    struct tm when = *r->input->now;
    if (args->count != 1 || args->value[0].type != RW_TVAL_STRING ||
        args->value[0].string->len >= sizeof format ||
        !plain_format(rw_tstr_text(args->value[0].string), format)) {
        return rw_trender_fail(r, "strftime_now of such a format");
    }
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    size_t n = strftime(text, sizeof text, format, &when); /* bounded; C locale */
#pragma GCC diagnostic pop
    struct rw_tbuild b;
    rw_tbuild_init(&b, r->arena);
    rw_tbuild_bytes(&b, (struct rw_str){text, n}, RW_ORIGIN_TEMPLATE);
    return rw_trender_text(r, &b);
}

/* The last three are there in Jinja, so they are defined; none of them is called here. */
static const char *const FUNCTION[] = {"range",        "dict",   "namespace", "raise_exception",
                                       "strftime_now", "cycler", "joiner",    "lipsum"};

int rw_tfunction_find(struct rw_str name)
{
    for (size_t i = 0; i < RW_COUNT(FUNCTION); i++) {
        if (rw_str_is(name, FUNCTION[i])) {
            return (int)i;
        }
    }
    return -1;
}

struct rw_tval rw_tfunction_call(struct rw_trender *r, struct rw_tval f,
                                 const struct rw_targs *args)
{
    switch (f.number) {
    case 0:
        return make_range(r, args);
    case 1:
        return make_dict(r, args, RW_TVAL_DICT);
    case 2:
        return make_dict(r, args, RW_TVAL_NAMESPACE);
    case 3:
        return raise_exception(r, args);
    case 4:
        return date(r, args);
    default:
        return rw_trender_fail(r, "the function %s", FUNCTION[f.number]);
    }
}
