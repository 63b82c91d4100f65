/* Verdicts on answers: between core/answer and the wire, for the replies of scored traces, for
 * POST /v1/verify and for `rewardd verify-answers`. */
#ifndef RW_SERVER_VERIFY_VERDICT_H
#define RW_SERVER_VERIFY_VERDICT_H

#include "core/answer/answer.h"
#include "proto/verify.h"

/* A verdict as its reply shows it; the slices are shared. Any thread. */
void rw_verdict_view(const struct rw_verdict *verdict, struct rw_reply_verdict *out);
/* The options of the wire as core/answer takes them. */
struct rw_answer_options rw_verdict_options(const struct rw_verify_options *options);
/* The verdict on one item. Any thread. */
void rw_verdict_of(const struct rw_verify_options *how, const struct rw_verify_item *item,
                   struct rw_reply_verdict *out);

#endif
