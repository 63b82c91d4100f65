/* OpenRLHF's remote reward model, POST /get_reward, in all five eras of its wire (v0.4.0 to
 * v0.11.0):
 *
 *     {"query":[...], "prompts":[...], "labels":[...]}  ->  {"rewards":[...], "scores":[...],
 *                                                            "extra_logs":{name:[...]}}
 *
 * `prompts` and `labels` may be missing (older eras), `query` may be one string, unknown fields are
 * ignored, and empty lists are answered with empty lists: with several URLs the newer client sends
 * those to all but the first.
 *
 * `query` is prompt and response in the policy's chat template, special tokens included. The
 * response is, in this order: what follows prompts[i] when that is a prefix of the query (tokens
 * that begin a text or pad it set aside); what follows the first occurrence of the configured
 * marker; the only assistant turn of a recognised template (proto/chat_template.h). A query with
 * several assistant turns and no usable prompt is refused rather than guessed at. End and padding
 * tokens are stripped from the response; prompts in a known template become messages again.
 *
 * rewards: the aggregate of the process model if one took part, else the raw outcome value, as
 * OpenRLHF's own server gives it. scores: the same in [0, 1], for dynamic filtering. extra_logs:
 * numbers only, the same names in every reply of one daemon, because the trainer stacks them.
 *
 * A query that cannot be scored fails its request, here or later: a missing reward ends the
 * training run either way, and a zero would poison it. Any thread. */
#ifndef RW_PROTO_OPENRLHF_H
#define RW_PROTO_OPENRLHF_H

#include "core/base/buf.h"
#include "proto/request.h"

/* One item with one text trace per query, in order; n_items may be 0. `marker` may be empty.
 * `body` is rewritten in place. */
rw_status rw_openrlhf_parse(char *body, size_t len, struct rw_str marker,
                            const struct rw_limits *limits, struct rw_arena *arena,
                            struct rw_request *out, struct rw_error *err);

struct rw_openrlhf_row {
    float reward;  /* what the training uses */
    float score;   /* the same in [0, 1] */
    float process; /* aggregate over the steps; unused without a process model */
    float mean;    /* of the step rewards */
    uint32_t n_steps;
    int64_t first_bad_step; /* first step under one half; -1 = none */
    float outcome;          /* probability; unused without an outcome model */
};

/* The whole reply; every row has all of its numbers. */
void rw_openrlhf_write(struct rw_buf *out, const struct rw_openrlhf_row *rows, size_t n,
                       bool has_process, bool has_outcome);

#endif
