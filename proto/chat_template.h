/* Back from a policy's chat template to messages: trainers send the text the policy saw, while the
 * reward model lays out the conversation in a template of its own.
 *
 * Families are recognised by their first mark, after any begin-of-text or padding tokens; their
 * marks are a table in chat_template.c. An open assistant turn at the end is the place of the
 * response. Roles other than system, user and assistant (tool results) are read as user; developer
 * is system, model is assistant. Text without an opening mark is no template. */
#ifndef RW_PROTO_CHAT_TEMPLATE_H
#define RW_PROTO_CHAT_TEMPLATE_H

#include "proto/request.h"

struct rw_chat_turns {
    struct rw_request_message *messages; /* in the arena; contents borrowed from the text */
    size_t n_messages;
    size_t n_answers;    /* assistant turns, the open one included */
    size_t answer_begin; /* offset of the first assistant turn's content, or the text's length */
    size_t messages_before_answer;
    bool open; /* ends inside an assistant turn */
};

/* False when the text is in no known template. `*no_memory` tells a refused allocation. */
bool rw_chat_template_parse(struct rw_str text, size_t messages_max, struct rw_arena *arena,
                            struct rw_chat_turns *out, bool *no_memory);

/* Whether a text that is in no known template seems to be in one all the same: it begins or ends
 * with a mark such as <|name|> or [NAME], as a rendered prompt does. Read as the words of a user it
 * would be scored as something that nobody said. */
bool rw_chat_template_suspect(struct rw_str text);

/* Without leading begin-of-text and padding tokens. */
struct rw_str rw_chat_template_skip_begin(struct rw_str text);
/* Without end-of-turn, end-of-text and padding tokens at the end, and the white space among them.
 */
struct rw_str rw_chat_template_strip_end(struct rw_str text);

#endif
