/* Chat templates and special tokens of a folder, where transformers' tokenizers look for them:
 * tokenizer_config.json, chat_template.jinja, additional_chat_templates/NAME.jinja, and
 * special_tokens_map.json of older folders. */
#ifndef RW_MODEL_CHAT_FILES_H
#define RW_MODEL_CHAT_FILES_H

#include "core/model/chat.h"
#include "core/model/config.h"
#include "core/text/tokenizer.h"

struct rw_chat_files {
    const char *dir; /* the folder that the tokenizer came from; files of another are not its */
    const struct rw_config *config;
    const struct rw_tokenizer *tokenizer;
    struct rw_arena *arena; /* owns what `chat` then points to */
};

/* Fills `chat` but for its date. A folder without a template is OK and has none; MODEL_CORRUPT for
 * what is no JSON. */
rw_status rw_chat_files_read(const struct rw_chat_files *files, struct rw_chat *chat,
                             struct rw_error *err);

#endif
