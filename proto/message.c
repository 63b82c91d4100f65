#include "proto/message.h"

#include "core/base/util.h"
#include "proto/chat_template.h"
#include "proto/emit.h"
#include "proto/suggest.h"

static rw_status read_role(const cJSON *node, const struct rw_path *path, enum rw_request_role *out,
                           struct rw_error *err)
{
    static const char *const WORD[] = {"system", "user",     "assistant",
                                       "tool",   "function", "developer"};
    static const enum rw_request_role ROLE[] = {RW_REQUEST_SYSTEM,    RW_REQUEST_USER,
                                                RW_REQUEST_ASSISTANT, RW_REQUEST_USER,
                                                RW_REQUEST_USER,      RW_REQUEST_SYSTEM};
    size_t which = 0;
    rw_status status = rw_tree_want_word(node, path, WORD, RW_COUNT(WORD), &which, err);
    *out = ROLE[which];
    return status;
}

static rw_status part_text(const cJSON *part, const struct rw_path *path, struct rw_str *out,
                           struct rw_error *err)
{
    const cJSON *type = cJSON_GetObjectItemCaseSensitive(part, "type");
    const cJSON *text = cJSON_GetObjectItemCaseSensitive(part, "text");
    bool right = type == NULL || (cJSON_IsString(type) && strcmp(type->valuestring, "text") == 0);
    if (cJSON_IsString(part)) {
        *out = rw_str_from(part->valuestring);
        return RW_OK;
    }
    if (!right || !cJSON_IsString(text)) {
        return rw_path_fail(path, err, RW_INVALID_REQUEST,
                            "only parts of text can be read: {\"type\":\"text\",\"text\":...}");
    }
    *out = rw_str_from(text->valuestring);
    return RW_OK;
}

static rw_status join_parts(const cJSON *list, const struct rw_path *path, struct rw_arena *arena,
                            struct rw_str *out, struct rw_error *err)
{
    size_t bytes = 0;
    long i = 0;
    for (const cJSON *part = list->child; part != NULL; part = part->next) {
        struct rw_path here = {path->up, path->name, i++};
        struct rw_str text;
        rw_status status = part_text(part, &here, &text, err);
        if (status != RW_OK) {
            return status;
        }
        bytes += text.len;
    }
    char *to = rw_arena_array(arena, bytes + 1, 1);
    if (to == NULL) {
        return rw_fail(err, RW_NO_MEMORY, "no memory for a message");
    }
    size_t at = 0;
    for (const cJSON *part = list->child; part != NULL; part = part->next) {
        struct rw_str text = {NULL, 0};
        (void)part_text(part, path, &text, NULL);
        if (text.len > 0) {
            memcpy(to + at, text.ptr, text.len);
        }
        at += text.len;
    }
    *out = (struct rw_str){to, at};
    return RW_OK;
}

/* ---- as it was sent -------------------------------------------------------------------------- */

static void write_json(const cJSON *node, struct rw_buf *out, bool *sure)
{
    if (cJSON_IsObject(node) || cJSON_IsArray(node)) {
        rw_emit_open(out, cJSON_IsObject(node) ? '{' : '[');
        for (const cJSON *child = node->child; child != NULL; child = child->next) {
            if (cJSON_IsObject(node)) {
                rw_emit_name_text(out, rw_str_from(child->string));
            }
            write_json(child, out, sure); /* the guard bounds the depth */
        }
        rw_emit_close(out, cJSON_IsObject(node) ? '}' : ']');
    } else if (cJSON_IsString(node)) {
        rw_emit_text(out, rw_str_from(node->valuestring));
    } else if (cJSON_IsNumber(node)) {
        *sure = *sure && rw_tree_number_is_sure(node);
        rw_emit_double(out, node->valuedouble);
    } else if (cJSON_IsNull(node)) {
        rw_emit_raw(out, "null");
    } else {
        rw_emit_bool(out, cJSON_IsTrue(node));
    }
}

/* Templates write numbers as Python does: 1 and 1.0 differ there, and cJSON knows doubles only. */
static rw_status keep_json(const cJSON *node, const struct rw_path *path, struct rw_arena *arena,
                           struct rw_str *out, struct rw_error *err)
{
    struct rw_buf text;
    bool sure = true;
    rw_buf_init(&text, arena->max_bytes);
    write_json(node, &text, &sure);
    *out = rw_arena_copy(arena, rw_buf_str(&text));
    bool failed = text.failed || out->ptr == NULL;
    rw_buf_fini(&text);
    if (failed) {
        return rw_fail(err, RW_NO_MEMORY, "no memory for a message");
    }
    if (!sure) {
        rw_path_fail(path, err, RW_INVALID_REQUEST,
                     "%s holds a number that cannot be told from another one", path->name);
        rw_error_hint(err, "beside numbers with a fraction send whole ones as text, and whole ones "
                           "beyond 2^53 always");
        return RW_INVALID_REQUEST;
    }
    return RW_OK;
}

rw_status rw_message_tools(const cJSON *node, const struct rw_path *path, struct rw_arena *arena,
                           struct rw_str *out, struct rw_error *err)
{
    return cJSON_IsArray(node)
               ? keep_json(node, path, arena, out, err)
               : rw_path_fail(path, err, RW_INVALID_REQUEST, "tools must be a list, not %s",
                              rw_tree_type_name(node));
}

static bool is_plain(const cJSON *node)
{
    for (const cJSON *m = node->child; m != NULL; m = m->next) {
        struct rw_str name = rw_str_from(m->string);
        bool role = rw_str_is(name, "role") && cJSON_IsString(m) &&
                    (strcmp(m->valuestring, "system") == 0 || strcmp(m->valuestring, "user") == 0 ||
                     strcmp(m->valuestring, "assistant") == 0);
        bool text = rw_str_is(name, "content") && cJSON_IsString(m);
        /* A null content is an empty one, unless tool calls stand beside it: templates that add it
         * to a text would fail, and others write "None". */
        if (!role && !text && !cJSON_IsNull(m)) {
            return false;
        }
    }
    return true;
}

/* What says nothing of the text that is scored. */
static bool is_beside(struct rw_str name)
{
    static const char *const WORD[] = {"name",          "tool_calls",  "tool_call_id",
                                       "function_call", "refusal",     "reasoning",
                                       "weight",        "annotations", "reasoning_content",
                                       "audio",         "prefix",      "thinking",
                                       "channel",       "id",          "type",
                                       "metadata",      "train",       "loss"};
    for (size_t i = 0; i < RW_COUNT(WORD); i++) {
        if (rw_str_is(name, WORD[i])) {
            return true;
        }
    }
    return false;
}

rw_status rw_message_read(const cJSON *node, const struct rw_path *path, bool strict,
                          struct rw_arena *arena, struct rw_request_message *out,
                          struct rw_error *err)
{
    static const char *const FIELD[] = {"role", "content"};
    rw_status status = rw_tree_want_object(node, path, err);
    bool has_role = false;
    *out = (struct rw_request_message){.role = RW_REQUEST_USER, .content = {"", 0}};
    for (const cJSON *m = node->child; m != NULL && status == RW_OK; m = m->next) {
        struct rw_path at = {path, m->string, -1};
        struct rw_str name = rw_str_from(m->string);
        if (rw_str_is(name, "role")) {
            status = read_role(m, &at, &out->role, err);
            has_role = true;
        } else if (rw_str_is(name, "content") && cJSON_IsArray(m)) {
            status = join_parts(m, &at, arena, &out->content, err);
        } else if (rw_str_is(name, "content")) {
            status = cJSON_IsNull(m) ? RW_OK : rw_tree_want_text(m, &at, &out->content, err);
        } else if (strict && !is_beside(name)) {
            status =
                rw_path_fail(&at, err, RW_INVALID_REQUEST, "unknown field \"%.48s\"", m->string);
            rw_suggest(name, FIELD, RW_COUNT(FIELD), err);
        }
    }
    if (status == RW_OK && !has_role) {
        return rw_path_fail(path, err, RW_INVALID_REQUEST, "a message needs \"role\"");
    }
    return status == RW_OK && !is_plain(node) ? keep_json(node, path, arena, &out->whole, err)
                                              : status;
}

rw_status rw_message_from_prompt(struct rw_str text, const struct rw_path *path,
                                 size_t messages_max, struct rw_arena *arena,
                                 struct rw_request_item *out, struct rw_error *err)
{
    struct rw_chat_turns chat;
    bool refused;
    if (rw_chat_template_parse(text, messages_max, arena, &chat, &refused)) {
        out->messages = chat.messages;
        out->n_messages = chat.n_messages - (chat.open ? 1 : 0);
        return out->n_messages > 0
                   ? RW_OK
                   : rw_path_fail(path, err, RW_INVALID_REQUEST, "the prompt has no question");
    }
    if (!refused && rw_chat_template_suspect(text)) {
        rw_path_fail(path, err, RW_INVALID_REQUEST,
                     "the prompt looks like a chat template, but like none that is known");
        rw_error_hint(err, "send messages, or the question alone");
        return RW_INVALID_REQUEST;
    }
    out->messages = refused ? NULL : rw_arena_array(arena, 1, sizeof *out->messages);
    if (out->messages == NULL) {
        return rw_fail(err, RW_NO_MEMORY, "no memory for a prompt");
    }
    out->messages[0] = (struct rw_request_message){.role = RW_REQUEST_USER,
                                                   .content = rw_chat_template_skip_begin(text)};
    out->n_messages = 1;
    return RW_OK;
}
