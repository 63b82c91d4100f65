/* Outcome of every fallible call, and the record that carries its details.
 *
 * A status says *what kind* of failure; the error record says *which* field, limit or file, in
 * words a person can act on. The table that maps a status to an HTTP status and wire code lives in
 * proto/. */
#ifndef RW_BASE_STATUS_H
#define RW_BASE_STATUS_H

#include <stdarg.h>
#include <stdbool.h>

/* XX(NAME, "wire_code", "what it means") */
#define RW_STATUS_MAP(XX)                                                                         \
    XX(OK, "ok", "success")                                                                       \
    /* input of a client */                                                                       \
    XX(INVALID_JSON, "invalid_json", "the body is not one well-formed JSON value")                \
    XX(INVALID_UTF8, "invalid_utf8", "text is not valid UTF-8")                                   \
    XX(INVALID_REQUEST, "invalid_request", "a field is missing, unknown, or of the wrong type")   \
    XX(LIMIT_EXCEEDED, "limit_exceeded", "a count or size is over a configured limit")            \
    XX(REQUEST_TOO_LARGE, "request_too_large", "the request needs more than its working memory")  \
    XX(BODY_TOO_LARGE, "body_too_large", "the request body is over its limit")                    \
    XX(HEADERS_TOO_LARGE, "headers_too_large", "the request head is over its limit")              \
    XX(CONTEXT_EXCEEDED, "context_exceeded", "the trace does not fit the context of the model")   \
    XX(EMPTY_TRACE, "empty_trace", "the trace has no step, or a step has no token")               \
    XX(STEP_MISMATCH, "step_mismatch", "located positions and steps differ in number")            \
    XX(MODEL_NOT_FOUND, "model_not_found", "no model of that name is loaded")                     \
    XX(MODEL_KIND, "model_kind", "the model cannot do what was asked of it")                      \
    /* HTTP and access */                                                                         \
    XX(BAD_HTTP, "bad_http", "the request is not acceptable HTTP/1.1")                            \
    XX(NOT_FOUND, "not_found", "no such route")                                                   \
    XX(GONE, "run_forgotten", "the run was known once, and is not kept any more")                 \
    XX(METHOD_NOT_ALLOWED, "method_not_allowed", "the route does not know this method")           \
    XX(NOT_ACCEPTABLE, "not_acceptable", "no representation matches Accept")                      \
    XX(UNSUPPORTED_MEDIA, "unsupported_media_type", "the content type or coding is not accepted") \
    XX(EXPECTATION_FAILED, "expectation_failed", "the Expect header asks for something unknown")  \
    XX(NOT_IMPLEMENTED, "not_implemented", "the method or transfer coding is not implemented")    \
    XX(MISDIRECTED, "misdirected", "the Host header names another server")                        \
    XX(HTTP_VERSION, "http_version", "the HTTP version is not supported")                         \
    XX(UNAUTHORIZED, "unauthorized", "an API key is missing or wrong")                            \
    XX(FORBIDDEN, "forbidden", "the request is not allowed from there")                           \
    XX(REQUEST_TIMEOUT, "request_timeout", "the request did not arrive in time")                  \
    /* capacity and lifecycle */                                                                  \
    XX(OVERLOADED, "overloaded", "the queue is full")                                             \
    XX(DRAINING, "draining", "the server is shutting down")                                       \
    XX(NOT_READY, "not_ready", "models are still being loaded")                                   \
    XX(DEADLINE, "deadline_exceeded", "the deadline passed before the score was computed")        \
    XX(CANCELLED, "cancelled", "the client went away")                                            \
    /* models and files */                                                                        \
    XX(MODEL_UNSUPPORTED, "model_unsupported", "the model needs something we do not implement")   \
    XX(MODEL_CORRUPT, "model_corrupt", "a model file contradicts itself or another")              \
    XX(SELF_TEST_FAILED, "self_test_failed", "golden vectors of the model do not match")          \
    XX(IO, "io_error", "the operating system refused a read or a write")                          \
    XX(NO_MEMORY, "out_of_memory", "an allocation was refused")                                   \
    XX(CONFIG, "invalid_configuration", "an option has an unusable value")                        \
    /* scoring */                                                                                 \
    XX(NOT_FINITE, "score_not_finite", "the model produced NaN or infinity")                      \
    XX(STOPPED, "stopped_below", "an earlier step fell under stop_below")                         \
    XX(NOT_APPLICABLE, "not_applicable", "the trace has nothing that this measures")              \
    XX(NOT_CALIBRATED, "not_calibrated", "the model has no calibration bank for this")            \
    XX(OUTSIDE_BANK, "outside_bank", "the calibration bank holds nothing like this trace")        \
    XX(UNAVAILABLE, "unavailable", "no served model can compute this")                            \
    XX(INTERNAL, "internal_error", "a defect in rewardd")

typedef enum rw_status {
#define XX(name, code, text) RW_##name,
    RW_STATUS_MAP(XX)
#undef XX
    RW_STATUS_COUNT
} rw_status;

enum {
    RW_ERROR_PARAM_MAX = 96,    /* bytes, path into the request: traces[3].steps[17] */
    RW_ERROR_MESSAGE_MAX = 384, /* bytes */
    RW_ERROR_HINT_MAX = 384,    /* bytes; the longest is the list of presets */
};

/* Filled by the callee that fails, owned by the caller. All strings are NUL-terminated UTF-8, cut
 * at their maximum. A zeroed record means "no error". */
struct rw_error {
    rw_status status;
    char param[RW_ERROR_PARAM_MAX];
    char message[RW_ERROR_MESSAGE_MAX];
    char hint[RW_ERROR_HINT_MAX];
};

/* "context_exceeded"; stable, part of the wire contract. */
const char *rw_status_code(rw_status status);
/* One sentence without details. */
const char *rw_status_text(rw_status status);

/* Fills `err` (which may be NULL) and returns `status`, so that callers write `return
 * rw_fail(...)`. */
rw_status rw_fail(struct rw_error *err, rw_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* NO_MEMORY, "no memory for WHAT". */
rw_status rw_fail_memory(struct rw_error *err, const char *what);
/* Adds to an error already set; both do nothing when `err` is NULL. */
void rw_error_param(struct rw_error *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void rw_error_hint(struct rw_error *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Puts "prefix: " before the message, for callers that know the file or the tensor. */
void rw_error_prefix(struct rw_error *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
