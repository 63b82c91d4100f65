/* POST /v1/verify: answers beside references, without a model. From the bytes of a body to one
 * plain struct, and from verdicts to the reply. `rewardd verify-answers` reads its lines with it
 * too.
 *
 *     {"items": [{"text": "... \\boxed{5}", "reference": "5"}, ...],
 *      "options": {"tolerance": 1e-3}}
 *     {"answer": "1/2", "reference": "0.5"}                          one item is the body itself
 *
 * An item has `text` or `steps` (a trace, whose answer is looked for) or `answer` (an answer and
 * nothing else). Strings live as long as the arena. Pure, any thread. */
#ifndef RW_PROTO_VERIFY_H
#define RW_PROTO_VERIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/status.h"
#include "core/base/str.h"
#include "proto/limits.h"
#include "proto/reply.h"
#include "proto/verify_options.h"

enum {
    RW_VERIFY_ITEMS_MAX = 65536, /* of a request */
};

struct rw_verify_item {
    bool given; /* `steps` is one text that is an answer and nothing else */
    const struct rw_str *steps;
    size_t n_steps;
    struct rw_str reference; /* ptr NULL: none */
};

struct rw_verify_request {
    struct rw_verify_item *items;
    size_t n;
    struct rw_verify_options options;
};

/* `lenient`: names that nobody knows are passed over, not refused. */
rw_status rw_verify_parse(char *body, size_t len, const struct rw_limits *limits, bool lenient,
                          struct rw_arena *arena, struct rw_verify_request *out,
                          struct rw_error *err);

/* "verified":true,"reason":{...} into an open object; `reason` is its name there. */
void rw_verify_emit(struct rw_buf *out, const char *verified, const char *reason,
                    const struct rw_reply_verdict *verdict);

#endif
