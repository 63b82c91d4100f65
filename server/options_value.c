/* Options whose value has parts: a model, a date, an address. */
#include <string.h>

#include "core/base/date.h"
#include "core/base/util.h"
#include "server/options_parts.h"

static rw_status model_part(struct rw_str part, struct rw_arena *arena, struct rw_model_choice *out,
                            struct rw_error *err)
{
    size_t equals = rw_str_find(part, RW_STR("="), 0);
    struct rw_str key = rw_str_slice(part, 0, equals);
    struct rw_str value = rw_str_slice(part, equals < part.len ? equals + 1 : equals, part.len);
    const char *text = rw_arena_copy(arena, value).ptr;
    unsigned long long number = 0;
    if (value.len > 0 && rw_str_is(key, "preset")) {
        out->preset = text;
    } else if (value.len > 0 && rw_str_is(key, "base")) {
        out->base = text;
    } else if (value.len > 0 && rw_str_is(key, "name")) {
        out->name = text;
    } else if (rw_str_is(key, "dtype") && rw_options_dtype_is_known(value)) {
        out->dtype = text;
    } else if (rw_str_is(key, "date")) {
        struct tm date;
        out->date = text;
        return text != NULL ? rw_options_date(text, &date, err)
                            : rw_fail_memory(err, "the options");
    } else if (rw_str_is(key, "context") && rw_str_to_u64(value, &number) && number > 0 &&
               number <= UINT32_MAX) {
        out->context_max = (uint32_t)number;
    } else if (rw_str_is(key, "language_head") &&
               (rw_str_is(value, "true") || rw_str_is(value, "false"))) {
        out->language_head = rw_str_is(value, "true");
    } else {
        rw_fail(err, RW_CONFIG, "model: cannot use \"%.*s\"", RW_STR_ARG(part));
        rw_error_hint(err,
                      "known are name=TEXT, base=DIR, preset=TEXT, dtype=auto|f32|bf16|int8|q4, "
                      "context=N, date=YYYY-MM-DD, language_head=true|false");
        return RW_CONFIG;
    }
    return RW_OK;
}

rw_status rw_options_model(const char *value, struct rw_arena *arena, struct rw_model_choice *out,
                           struct rw_error *err)
{
    *out = (struct rw_model_choice){0};
    struct rw_str text = rw_str_from(value);
    size_t end = rw_str_find(text, RW_STR(","), 0);
    struct rw_str head = rw_str_slice(text, 0, end);
    size_t equals = rw_str_find(head, RW_STR("="), 0);
    out->dir = rw_arena_copy(arena, rw_str_slice(head, 0, equals)).ptr;
    if (equals == 0) {
        return rw_fail(err, RW_CONFIG, "model: \"%s\" names no folder", value);
    }
    if (rw_str_find(head, RW_STR("="), equals + 1) < head.len) {
        return rw_fail(err, RW_CONFIG, "model: \"%s\" has two names", value);
    }
    if (equals + 1 < head.len) {
        out->name = rw_arena_copy(arena, rw_str_slice(head, equals + 1, head.len)).ptr;
    }
    rw_status status = RW_OK;
    while (status == RW_OK && end < text.len) {
        size_t next = rw_str_find(text, RW_STR(","), end + 1);
        status = model_part(rw_str_slice(text, end + 1, next), arena, out, err);
        end = next;
    }
    return status;
}

rw_status rw_options_date(const char *value, struct tm *out, struct rw_error *err)
{
    const char *text = value != NULL ? value : ""; /* an option set to nothing */
    return rw_date_parse(rw_str_from(text), out)
               ? RW_OK
               : rw_fail(err, RW_CONFIG, "\"%s\" is no date YYYY-MM-DD", text);
}

rw_status rw_options_address(const char *value, struct rw_arena *arena, const char **host,
                             uint16_t *port, struct rw_error *err)
{
    struct rw_str text = rw_str_from(value);
    if (rw_str_starts(text, RW_STR("unix:"))) {
        *port = 0;
        *host = rw_arena_copy(arena, text).ptr;
        return *host != NULL ? RW_OK : rw_fail_memory(err, "the options");
    }
    size_t colon = text.len;
    while (colon > 0 && text.ptr[colon - 1] != ':') {
        colon--;
    }
    struct rw_str name = rw_str_slice(text, 0, colon > 0 ? colon - 1 : 0);
    if (name.len >= 2 && name.ptr[0] == '[' && name.ptr[name.len - 1] == ']') {
        name = rw_str_slice(name, 1, name.len - 1);
    }
    unsigned long long number = 0;
    if (!rw_str_to_u64(rw_str_slice(text, colon, text.len), &number) || number > 65535) {
        return rw_fail(err, RW_CONFIG, "listen: \"%s\" is not HOST:PORT or unix:/path", value);
    }
    *port = (uint16_t)number;
    *host = name.len > 0 ? rw_arena_copy(arena, name).ptr : "127.0.0.1";
    return *host != NULL ? RW_OK : rw_fail_memory(err, "the options");
}
