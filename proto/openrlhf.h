/* POST /get_reward: the wire of OpenRLHF's remote reward model, in all its eras.
 *
 *   v0.4.0   {"query":[text]}                                         {"rewards":[number]}
 *   v0.5.8   {"query":[text],"prompts":[text]}                        the same
 *   v0.6.0   {"query":[text],"prompts":[text],"labels":[text|null]}   the same
 *   v0.8.3   the same                    {"rewards":[...],"scores":[...],"extra_logs":{name:[...]}}
 *   v0.9.1   one sample per request; empty lists are sent to all servers but the first
 *
 * `query` is prompt and response in the policy's own chat template, special tokens and all. The
 * response is what follows the prompt, less the template's tail. Unknown fields are passed over:
 * forks add their own. Any thread. */
#ifndef RW_PROTO_OPENRLHF_H
#define RW_PROTO_OPENRLHF_H

#include "core/base/buf.h"
#include "proto/request.h"

/* One item with one text trace per query. A query that cannot be taken apart, or is over a limit,
 * is an error of its trace. */
rw_status rw_openrlhf_parse(char *body, size_t len, const struct rw_limits *limits,
                            struct rw_arena *arena, struct rw_request *out, struct rw_error *err);

struct rw_openrlhf_row {
    float reward;  /* what the training uses: the outcome reward, or the process aggregate */
    float process; /* aggregate over the steps; NaN = no process model */
    float outcome; /* NaN = no outcome model */
    float mean;    /* of the step rewards; NaN as process */
    uint32_t n_steps;
    int64_t first_bad_step; /* first step under one half; -1 = none */
};

/* The whole reply. extra_logs holds numbers only, and the same names in every reply of one daemon:
 * the trainer stacks them. */
void rw_openrlhf_write(struct rw_buf *out, const struct rw_openrlhf_row *rows, size_t n,
                       bool has_process, bool has_outcome);

#endif
