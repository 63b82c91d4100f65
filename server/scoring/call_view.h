/* A call's state in the words of the reply (proto/reply.h). Nothing here turns a failure into a
 * number. Arrays in a view stay valid until the next view of the same call; loop thread only. */
#ifndef RW_SERVER_SCORING_CALL_VIEW_H
#define RW_SERVER_SCORING_CALL_VIEW_H

#include "proto/reply.h"
#include "server/scoring/call.h"

void rw_call_view_head(const struct rw_call *call, struct rw_reply_head *out);
void rw_call_view_trace(struct rw_call_trace *trace, struct rw_reply_trace *out);
void rw_call_view_usage(const struct rw_call *call, struct rw_reply_usage *out);
/* Of a stream: the next step about which something can be said now (its reward, or why it will have
 * none); false when there is none. Each is given once. */
bool rw_call_view_next_step(struct rw_call_trace *trace, struct rw_reply_trace *of,
                            struct rw_reply_step *out);
/* Of a stream that goes on: `n` steps were given before. False when the trace cannot have so many.
 */
bool rw_call_view_skip_steps(struct rw_call_trace *trace, uint32_t n);
/* The header line, for replies whose costs are known when the head is written. */
void rw_call_view_server_timing(const struct rw_call *call, char *out, size_t size);

#endif
