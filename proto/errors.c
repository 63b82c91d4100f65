#include "proto/errors.h"

#include "core/base/assert.h"
#include "proto/emit.h"

#define BAD    "invalid_request"
#define AUTH   "authentication"
#define BUSY   "overloaded"
#define SERVER "server_error"
#define MODEL  "model"

/* 400 the bytes are wrong, 422 the content cannot be scored, 413/431 over a limit of the carrier.
 * `retryable` means: the same bytes may succeed later, without anyone changing anything. */
static const struct rw_error_entry ENTRY[RW_STATUS_COUNT] = {
    [RW_OK] = {200, "ok", false},
    [RW_INVALID_JSON] = {400, BAD, false},
    [RW_INVALID_UTF8] = {400, BAD, false},
    [RW_INVALID_REQUEST] = {400, BAD, false},
    [RW_LIMIT_EXCEEDED] = {422, BAD, false},
    [RW_REQUEST_TOO_LARGE] = {413, BAD, false},
    [RW_BODY_TOO_LARGE] = {413, BAD, false},
    [RW_HEADERS_TOO_LARGE] = {431, BAD, false},
    [RW_CONTEXT_EXCEEDED] = {422, BAD, false},
    [RW_EMPTY_TRACE] = {422, BAD, false},
    [RW_STEP_MISMATCH] = {422, MODEL, false},
    [RW_MODEL_NOT_FOUND] = {404, BAD, false},
    [RW_MODEL_KIND] = {422, BAD, false},
    [RW_BAD_HTTP] = {400, BAD, false},
    [RW_NOT_FOUND] = {404, BAD, false},
    [RW_GONE] = {410, BAD, false},
    [RW_METHOD_NOT_ALLOWED] = {405, BAD, false},
    [RW_NOT_ACCEPTABLE] = {406, BAD, false},
    [RW_UNSUPPORTED_MEDIA] = {415, BAD, false},
    [RW_EXPECTATION_FAILED] = {417, BAD, false},
    [RW_NOT_IMPLEMENTED] = {501, BAD, false},
    [RW_MISDIRECTED] = {421, AUTH, false},
    [RW_HTTP_VERSION] = {505, BAD, false},
    [RW_UNAUTHORIZED] = {401, AUTH, false},
    [RW_FORBIDDEN] = {403, AUTH, false},
    [RW_REQUEST_TIMEOUT] = {408, BAD, true},
    [RW_OVERLOADED] = {429, BUSY, true},
    [RW_DRAINING] = {503, BUSY, true},
    [RW_NOT_READY] = {503, BUSY, true},
    [RW_DEADLINE] = {504, BUSY, true},
    [RW_CANCELLED] = {499, BAD, true},
    [RW_MODEL_UNSUPPORTED] = {500, MODEL, false},
    [RW_MODEL_CORRUPT] = {500, MODEL, false},
    [RW_SELF_TEST_FAILED] = {503, MODEL, false},
    [RW_IO] = {500, SERVER, true},
    [RW_NO_MEMORY] = {503, BUSY, true},
    [RW_CONFIG] = {500, SERVER, false},
    [RW_NOT_FINITE] = {500, MODEL, false},
    [RW_STOPPED] = {200, "ok", false},
    [RW_NOT_APPLICABLE] = {200, "ok", false},
    [RW_NOT_CALIBRATED] = {422, MODEL, false},
    [RW_OUTSIDE_BANK] = {422, MODEL, false},
    [RW_UNAVAILABLE] = {422, MODEL, false},
    [RW_INTERNAL] = {500, SERVER, false},
};

const struct rw_error_entry *rw_error_entry(rw_status status)
{
    rw_assert((unsigned)status < RW_STATUS_COUNT);
    rw_assert(ENTRY[status].type != NULL);
    return &ENTRY[status];
}

static void write_or_null(struct rw_buf *out, const char *name, const char *text)
{
    rw_emit_name(out, name);
    if (text[0] != '\0') {
        rw_emit_text(out, rw_str_from(text));
    } else {
        rw_emit_raw(out, "null");
    }
}

static void write_object(struct rw_buf *out, const struct rw_error *error, int http_status,
                         const char *request_id)
{
    const struct rw_error_entry *entry = rw_error_entry(error->status);
    rw_emit_open(out, '{');
    rw_emit_name(out, "code");
    rw_emit_text(out, rw_str_from(rw_status_code(error->status)));
    rw_emit_name(out, "type");
    rw_emit_text(out, rw_str_from(entry->type));
    rw_emit_unsigned_field(out, "status", (uint64_t)http_status);
    write_or_null(out, "param", error->param);
    rw_emit_name(out, "message");
    const char *message =
        error->message[0] != '\0' ? error->message : rw_status_text(error->status);
    rw_emit_text(out, rw_str_from(message));
    write_or_null(out, "hint", error->hint);
    rw_emit_name(out, "retryable");
    rw_emit_raw(out, entry->retryable ? "true" : "false");
    if (request_id != NULL) {
        rw_emit_name(out, "request_id");
        rw_emit_text(out, rw_str_from(request_id));
    }
    rw_emit_close(out, '}');
}

void rw_error_write_object(struct rw_buf *out, const struct rw_error *error, const char *request_id)
{
    write_object(out, error, rw_error_entry(error->status)->http_status, request_id);
}

void rw_error_write_body(struct rw_buf *out, const struct rw_error *error, int http_status,
                         const char *request_id)
{
    rw_emit_open(out, '{');
    rw_emit_name(out, "error");
    write_object(out, error, http_status, request_id);
    rw_emit_close(out, '}');
}
