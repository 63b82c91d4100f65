/* One table from status to HTTP status, wire code and type, and the one JSON shape of an error. */
#ifndef RW_PROTO_ERRORS_H
#define RW_PROTO_ERRORS_H

#include <stdbool.h>

#include "core/base/buf.h"
#include "core/base/status.h"

struct rw_error_entry {
    int http_status;
    const char
        *type; /* "invalid_request", "authentication", "overloaded", "server_error", "model" */
    bool retryable;
};

const struct rw_error_entry *rw_error_entry(rw_status status);
/* {"code":…,"type":…,"status":…,"param":…,"message":…,"hint":…,"retryable":…,"request_id":…};
 * request_id may be NULL (then the member is left out, as inside a batch). */
void rw_error_write_object(struct rw_buf *out, const struct rw_error *error,
                           const char *request_id);
/* {"error":{…}}; "status" in it is `http_status`, which a route may choose. */
void rw_error_write_body(struct rw_buf *out, const struct rw_error *error, int http_status,
                         const char *request_id);

#endif
