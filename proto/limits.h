/* Every limit of the wire, with its unit and the option that raises it. Filled from the server's
 * options; the codecs only read it. */
#ifndef RW_PROTO_LIMITS_H
#define RW_PROTO_LIMITS_H

#include <stddef.h>
#include <stdint.h>

enum {
    RW_JSON_BODY_DEPTH_MAX = 32, /* nested arrays and objects in a request body */
};

struct rw_limits {
    size_t body_bytes_max;   /* --body-max */
    size_t text_bytes_max;   /* one prompt, message, trace or step; --text-max */
    size_t items_max;        /* items of a batch; --items-max */
    size_t traces_max;       /* traces of a request, over all items; --traces-max */
    size_t steps_max;        /* steps of one trace; --steps-max */
    size_t messages_max;     /* messages of one prompt; --messages-max */
    size_t trace_tokens_max; /* tokens of one trace with its prompt; --tokens-max */
    size_t arena_bytes_max;  /* memory of one request; --request-memory */
};

extern const struct rw_limits RW_LIMITS_DEFAULT;

#endif
