#include "core/base/status.h"

#include <stdio.h>
#include <string.h>

#include "core/base/assert.h"

static const struct {
    const char *code;
    const char *text;
} STATUS[RW_STATUS_COUNT] = {
#define XX(name, code, text) [RW_##name] = {code, text},
    RW_STATUS_MAP(XX)
#undef XX
};

const char *rw_status_code(rw_status status)
{
    rw_assert((unsigned)status < RW_STATUS_COUNT);
    return STATUS[status].code;
}

const char *rw_status_text(rw_status status)
{
    rw_assert((unsigned)status < RW_STATUS_COUNT);
    return STATUS[status].text;
}

/* vsnprintf cuts at a byte; a cut UTF-8 sequence at the end would make the reply invalid JSON. */
static void trim_partial_utf8(char *text)
{
    size_t len = strlen(text);
    size_t back = 0;
    while (back < len && back < 4 && ((unsigned char)text[len - 1 - back] & 0xC0) == 0x80) {
        back++;
    }
    if (back >= len) {
        return;
    }
    unsigned char lead = (unsigned char)text[len - 1 - back];
    size_t need = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : lead >= 0xC0 ? 1 : 0;
    if (need > back) {
        text[len - 1 - back] = '\0';
    }
}

__attribute__((format(printf, 3, 0))) static void format_into(char *to, size_t to_max,
                                                              const char *format, va_list args)
{
    int n = vsnprintf(to, to_max, format, args);
    if (n >= (int)to_max) {
        trim_partial_utf8(to);
    }
}

rw_status rw_fail(struct rw_error *err, rw_status status, const char *format, ...)
{
    rw_assert(status != RW_OK);
    if (err == NULL) {
        return status;
    }
    memset(err, 0, sizeof *err);
    err->status = status;
    va_list args;
    va_start(args, format);
    format_into(err->message, sizeof err->message, format, args);
    va_end(args);
    return status;
}

rw_status rw_fail_memory(struct rw_error *err, const char *what)
{
    return rw_fail(err, RW_NO_MEMORY, "no memory for %s", what);
}

void rw_error_param(struct rw_error *err, const char *format, ...)
{
    if (err == NULL) {
        return;
    }
    va_list args;
    va_start(args, format);
    format_into(err->param, sizeof err->param, format, args);
    va_end(args);
}

void rw_error_hint(struct rw_error *err, const char *format, ...)
{
    if (err == NULL) {
        return;
    }
    va_list args;
    va_start(args, format);
    format_into(err->hint, sizeof err->hint, format, args);
    va_end(args);
}

void rw_error_prefix(struct rw_error *err, const char *format, ...)
{
    if (err == NULL) {
        return;
    }
    char old[RW_ERROR_MESSAGE_MAX];
    memcpy(old, err->message, sizeof old);
    va_list args;
    va_start(args, format);
    format_into(err->message, sizeof err->message, format, args);
    va_end(args);
    size_t used = strlen(err->message);
    int n = snprintf(err->message + used, sizeof err->message - used, ": %s", old);
    if (n >= (int)(sizeof err->message - used)) {
        trim_partial_utf8(err->message);
    }
}
