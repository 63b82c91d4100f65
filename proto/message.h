/* One message of a conversation, as trainers and chat libraries write it: roles of other names, a
 * content that is missing, null or a list of text parts, and fields that say nothing of the text.
 */
#ifndef RW_PROTO_MESSAGE_H
#define RW_PROTO_MESSAGE_H

#include "proto/request.h"
#include "proto/tree.h"

/* `developer` is system, the turn of a tool or function is read as the user's. Parts are joined
 * without anything between, as transformers joins them; another part than text is refused.
 * `strict`: so is a field that no chat library writes. What this reading loses is kept in `whole`
 * for models whose recipe is a chat template. */
rw_status rw_message_read(const cJSON *node, const struct rw_path *path, bool strict,
                          struct rw_arena *arena, struct rw_request_message *out,
                          struct rw_error *err);

/* Tools as JSON in the arena. INVALID_REQUEST for what is no list. */
rw_status rw_message_tools(const cJSON *node, const struct rw_path *path, struct rw_arena *arena,
                           struct rw_str *out, struct rw_error *err);

/* A prompt as one text: its messages where it is in a known chat template (an open assistant turn
 * at its end is left out), else one message. INVALID_REQUEST for what looks like a template that is
 * not known, or has no turn but the open one: scored as it is, it would be another question. */
rw_status rw_message_from_prompt(struct rw_str text, const struct rw_path *path,
                                 size_t messages_max, struct rw_arena *arena,
                                 struct rw_request_item *out, struct rw_error *err);

#endif
