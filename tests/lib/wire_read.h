/* What a test needs to read a body through a wire. */
#ifndef RW_TESTS_LIB_WIRE_READ_H
#define RW_TESTS_LIB_WIRE_READ_H

#include "proto/wire.h"

static inline struct rw_str wire_marker(void *ctx, struct rw_str model)
{
    (void)ctx;
    (void)model;
    return RW_STR("<extra_0>");
}

/* Options from `query`, then the body, then what the options say of the request. */
static inline rw_status wire_read(const struct rw_wire *wire, struct rw_str path,
                                  struct rw_str query, char *body, size_t len,
                                  struct rw_str response_marker, struct rw_arena *arena,
                                  struct rw_wire_options *options, struct rw_request *out,
                                  void **state, struct rw_error *err)
{
    rw_status status = rw_wire_options_parse(query, arena, options, err);
    const struct rw_wire_input in = {.body = body,
                                     .len = len,
                                     .path = path,
                                     .limits = &RW_LIMITS_DEFAULT,
                                     .arena = arena,
                                     .options = options,
                                     .response_marker = response_marker,
                                     .step_marker = wire_marker};
    if (status == RW_OK) {
        status = wire->read(&in, out, state, err);
    }
    if (status == RW_OK) {
        rw_wire_options_apply(options, out);
    }
    return status;
}

#endif
