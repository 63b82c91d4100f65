/* Prompts and traces as the wires of trainers bring them, made into items of a request.
 *
 * These wires are lenient where /v1/rewards is strict: a prompt may be text in the policy's chat
 * template (turned back into messages), content may be null, missing or a list of text parts,
 * `developer` is system, and a tool's turn is read as the user's. */
#ifndef RW_PROTO_WIRE_ITEM_H
#define RW_PROTO_WIRE_ITEM_H

#include "proto/tree.h"
#include "proto/wire.h"

/* n items of one trace each; out->items and the counts are set. NO_MEMORY. */
rw_status rw_wire_items(const struct rw_wire_input *in, size_t n, struct rw_request *out,
                        struct rw_error *err);

/* A text, in a known chat template or plain; an open assistant turn at its end is left out. What
 * looks like a template that is not known is refused. */
rw_status rw_wire_prompt_text(const struct rw_wire_input *in, struct rw_str text,
                              const struct rw_path *path, struct rw_request_item *item,
                              struct rw_error *err);

/* A whole conversation as one templated text: the last assistant turn is the trace. INVALID_REQUEST
 * when the template is not known or there is no such turn. */
rw_status rw_wire_conversation_text(const struct rw_wire_input *in, struct rw_str text,
                                    const struct rw_path *path, struct rw_request_item *item,
                                    struct rw_error *err);

/* The same from a node that has to be a text. */
rw_status rw_wire_conversation_node(const struct rw_wire_input *in, const cJSON *node,
                                    const struct rw_path *path, struct rw_request_item *item,
                                    struct rw_error *err);

typedef rw_status (*rw_wire_text_reader)(const struct rw_wire_input *in, const cJSON *node,
                                         const struct rw_path *path, struct rw_request_item *item,
                                         struct rw_error *err);
/* Member `name`: one text, or a list of them; each becomes an item. */
rw_status rw_wire_texts(const struct rw_wire_input *in, const cJSON *root, const char *name,
                        rw_wire_text_reader read, struct rw_request *out, struct rw_error *err);

/* A document of a reranker: a text, or {"text"}. */
rw_status rw_wire_document(const cJSON *node, const struct rw_path *path, struct rw_str *out,
                           struct rw_error *err);

/* A list of messages, all of them the prompt; *last gets its last message's role and content too
 * when not NULL, and is not part of the prompt then. */
rw_status rw_wire_messages(const struct rw_wire_input *in, const cJSON *node,
                           const struct rw_path *path, struct rw_request_item *item,
                           struct rw_request_message *last, struct rw_error *err);

/* The item's one trace. A response that is empty or over its limit is an error of this trace alone;
 * end tokens are stripped. */
rw_status rw_wire_trace_text(const struct rw_wire_input *in, struct rw_str text,
                             const struct rw_path *path, size_t hidden,
                             struct rw_request_item *item, struct rw_error *err);

/* Steps between (and before) the model's own marker, in place: "a<extra_0>b<extra_0>" is two. Text
 * behind the last marker is no step unless it is all there is. */
rw_status rw_wire_trace_marked(const struct rw_wire_input *in, struct rw_str text,
                               struct rw_str marker, size_t hidden, struct rw_request_item *item,
                               struct rw_error *err);

/* A reference answer: a text or a number; other kinds are the trainer's own business. */
rw_status rw_wire_reference(const struct rw_wire_input *in, const cJSON *label,
                            struct rw_request_item *item, struct rw_error *err);

#endif
