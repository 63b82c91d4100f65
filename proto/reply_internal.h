/* The two families of reply writers behind proto/reply.h. */
#ifndef RW_PROTO_REPLY_INTERNAL_H
#define RW_PROTO_REPLY_INTERNAL_H

#include "proto/reply.h"

/* JSON objects, shared by the document and the events. */
void rw_reply_json_head(struct rw_buf *out, const struct rw_reply_head *head); /* members only */
void rw_reply_json_step(struct rw_buf *out, const struct rw_reply_step *step); /* members only */
/* `with_steps` false: events carry the steps already, the trace event only counts them. */
void rw_reply_json_trace(struct rw_buf *out, const struct rw_reply_trace *trace, bool with_steps);
void rw_reply_json_usage(struct rw_buf *out, const struct rw_reply_usage *usage);

/* The table. */
void rw_reply_text_head(struct rw_buf *out, const struct rw_reply_head *head);
void rw_reply_text_trace(struct rw_buf *out, const struct rw_reply_trace *trace, bool first);
void rw_reply_text_usage(struct rw_buf *out, const struct rw_reply_usage *usage);
void rw_reply_text_error(struct rw_buf *out, const struct rw_error *error);

#endif
