#include "proto/wire_item.h"

#include <math.h>
#include <stdio.h>

#include "core/base/util.h"
#include "proto/chat_template.h"
#include "proto/message.h"

enum {
    NUMBER_BYTES = 32,
};

rw_status rw_wire_items(const struct rw_wire_input *in, size_t n, struct rw_request *out,
                        struct rw_error *err)
{
    if (n > in->limits->traces_max) {
        rw_fail(err, RW_LIMIT_EXCEEDED, "%zu traces; the limit is %zu", n, in->limits->traces_max);
        rw_error_hint(err, "raise --traces-max");
        return RW_LIMIT_EXCEEDED;
    }
    out->items = rw_arena_array(in->arena, n + 1, sizeof *out->items);
    struct rw_request_trace *traces = rw_arena_array(in->arena, n + 1, sizeof *traces);
    if (out->items == NULL || traces == NULL) {
        return rw_wire_no_memory(in->arena, err);
    }
    for (size_t i = 0; i < n; i++) {
        out->items[i].traces = &traces[i];
        out->items[i].n_traces = 1;
    }
    out->n_items = out->n_traces = n;
    return RW_OK;
}

rw_status rw_wire_prompt_text(const struct rw_wire_input *in, struct rw_str text,
                              const struct rw_path *path, struct rw_request_item *item,
                              struct rw_error *err)
{
    rw_status status =
        rw_message_from_prompt(text, path, in->limits->messages_max, in->arena, item, err);
    return status == RW_NO_MEMORY ? rw_wire_no_memory(in->arena, err) : status;
}

rw_status rw_wire_conversation_text(const struct rw_wire_input *in, struct rw_str text,
                                    const struct rw_path *path, struct rw_request_item *item,
                                    struct rw_error *err)
{
    struct rw_chat_turns chat;
    bool refused;
    text = rw_chat_template_strip_end(text);
    bool known = rw_chat_template_parse(text, in->limits->messages_max, in->arena, &chat, &refused);
    if (refused) {
        return rw_wire_no_memory(in->arena, err);
    }
    if (!known || chat.n_messages == 0 ||
        chat.messages[chat.n_messages - 1].role != RW_REQUEST_ASSISTANT) {
        rw_path_fail(path, err, RW_INVALID_REQUEST, "cannot tell prompt from response: %s",
                     known ? "the text does not end in an assistant turn"
                           : "the chat template is not a known one");
        rw_error_hint(err,
                      "proto/README.md lists the templates that are known; other clients may send "
                      "messages");
        return RW_INVALID_REQUEST;
    }
    item->messages = chat.messages;
    item->n_messages = chat.n_messages - 1;
    struct rw_str answer = chat.messages[chat.n_messages - 1].content;
    return rw_wire_trace_text(in, answer, path, 0, item, err);
}

rw_status rw_wire_conversation_node(const struct rw_wire_input *in, const cJSON *node,
                                    const struct rw_path *path, struct rw_request_item *item,
                                    struct rw_error *err)
{
    struct rw_str text;
    rw_status status = rw_tree_want_text(node, path, &text, err);
    if (status == RW_OK) {
        status = rw_wire_conversation_text(in, text, path, item, err);
    }
    if (status == RW_OK) {
        item->traces[0].hidden_texts = rw_tree_hidden(node);
    }
    return status;
}

rw_status rw_wire_texts(const struct rw_wire_input *in, const cJSON *root, const char *name,
                        rw_wire_text_reader read, struct rw_request *out, struct rw_error *err)
{
    struct rw_path path = {NULL, name, -1};
    const cJSON *node = cJSON_GetObjectItemCaseSensitive(root, name);
    size_t n = 1;
    rw_status status = RW_OK;
    if (cJSON_IsArray(node)) {
        status = rw_tree_want_list(node, &path, in->limits->traces_max, "--traces-max", &n, err);
    }
    if (status == RW_OK) {
        status = rw_wire_items(in, n, out, err);
    }
    const cJSON *one = cJSON_IsArray(node) ? node->child : node;
    for (size_t i = 0; i < n && status == RW_OK; i++) {
        struct rw_path here = {NULL, name, cJSON_IsArray(node) ? (long)i : -1};
        status = read(in, one, &here, &out->items[i], err);
        one = one != NULL ? one->next : NULL;
    }
    return status;
}

rw_status rw_wire_document(const cJSON *node, const struct rw_path *path, struct rw_str *out,
                           struct rw_error *err)
{
    struct rw_path inner = {path, "text", -1};
    if (cJSON_IsObject(node)) {
        return rw_tree_want_text(cJSON_GetObjectItemCaseSensitive(node, "text"), &inner, out, err);
    }
    return rw_tree_want_text(node, path, out, err);
}

/* ---- messages -------------------------------------------------------------------------------- */

rw_status rw_wire_messages(const struct rw_wire_input *in, const cJSON *node,
                           const struct rw_path *path, struct rw_request_item *item,
                           struct rw_request_message *last, struct rw_error *err)
{
    size_t n = 0;
    rw_status status =
        rw_tree_want_list(node, path, in->limits->messages_max, "--messages-max", &n, err);
    if (status != RW_OK) {
        return status;
    }
    item->messages = rw_arena_array(in->arena, n, sizeof *item->messages);
    if (item->messages == NULL) {
        return rw_wire_no_memory(in->arena, err);
    }
    long i = 0;
    for (const cJSON *one = node->child; one != NULL && status == RW_OK; one = one->next, i++) {
        struct rw_path here = {path->up, path->name, i};
        status = rw_message_read(one, &here, false, in->arena, &item->messages[i], err);
        struct rw_path content = {&here, "content", -1};
        if (status == RW_OK && item->messages[i].content.len > in->limits->text_bytes_max) {
            rw_path_fail(&content, err, RW_LIMIT_EXCEEDED, "a text of %zu bytes; the limit is %zu",
                         item->messages[i].content.len, in->limits->text_bytes_max);
            rw_error_hint(err, "raise --text-max");
            status = RW_LIMIT_EXCEEDED;
        }
    }
    item->n_messages = n;
    if (status == RW_OK && last != NULL) {
        *last = item->messages[--item->n_messages];
    }
    return status;
}

/* ---- traces ---------------------------------------------------------------------------------- */

rw_status rw_wire_trace_text(const struct rw_wire_input *in, struct rw_str text,
                             const struct rw_path *path, size_t hidden,
                             struct rw_request_item *item, struct rw_error *err)
{
    (void)err;
    struct rw_request_trace *trace = &item->traces[0];
    struct rw_str bare = rw_chat_template_strip_end(text);
    bool ended = rw_str_trim(rw_str_slice(text, bare.len, text.len)).len > 0;
    *trace = (struct rw_request_trace){
        .is_text = true, .text = bare, .ended = ended, .hidden_texts = hidden};
    if (text.len > in->limits->text_bytes_max) {
        rw_path_fail(path, &trace->error, RW_LIMIT_EXCEEDED,
                     "a response of %zu bytes; the limit is %zu", text.len,
                     in->limits->text_bytes_max);
        rw_error_hint(&trace->error, "raise --text-max");
    } else if (rw_str_trim(trace->text).len == 0) {
        rw_path_fail(path, &trace->error, RW_EMPTY_TRACE, "the response is empty");
    }
    return RW_OK;
}

static size_t count_marks(struct rw_str text, struct rw_str marker)
{
    size_t n = 0;
    for (size_t at = rw_str_find(text, marker, 0); at < text.len;
         at = rw_str_find(text, marker, at + marker.len)) {
        n++;
    }
    return n;
}

rw_status rw_wire_trace_marked(const struct rw_wire_input *in, struct rw_str text,
                               struct rw_str marker, size_t hidden, struct rw_request_item *item,
                               struct rw_error *err)
{
    size_t n = marker.len > 0 ? count_marks(text, marker) : 0;
    struct rw_request_trace *trace = &item->traces[0];
    *trace = (struct rw_request_trace){.hidden_texts = hidden};
    if (n > in->limits->steps_max) {
        rw_fail(err, RW_LIMIT_EXCEEDED, "%zu step markers; the limit is %zu steps", n,
                in->limits->steps_max);
        rw_error_hint(err, "raise --steps-max");
        return RW_LIMIT_EXCEEDED;
    }
    trace->steps = rw_arena_array(in->arena, RW_MAX(n, 1), sizeof *trace->steps);
    if (trace->steps == NULL) {
        return rw_wire_no_memory(in->arena, err);
    }
    size_t begin = 0;
    for (size_t i = 0; i < n; i++) {
        size_t end = rw_str_find(text, marker, begin);
        trace->steps[i] = rw_str_slice(text, begin, end);
        begin = end + marker.len;
    }
    if (n == 0) { /* one step, and its marker is the model's to add */
        trace->steps[0] = text;
    }
    trace->n_steps = RW_MAX(n, 1);
    for (size_t i = 0; i < trace->n_steps && trace->error.status == RW_OK; i++) {
        if (trace->steps[i].len == 0) {
            rw_fail(&trace->error, RW_EMPTY_TRACE, "step %zu is empty", i);
        }
    }
    return RW_OK;
}

rw_status rw_wire_reference(const struct rw_wire_input *in, const cJSON *label,
                            struct rw_request_item *item, struct rw_error *err)
{
    if (cJSON_IsString(label) && label->valuestring[0] != '\0') {
        item->reference = rw_str_from(label->valuestring);
    } else if (cJSON_IsNumber(label) && isfinite(label->valuedouble)) {
        char text[NUMBER_BYTES];
        int n = snprintf(text, sizeof text, "%.15g", label->valuedouble);
        item->reference = rw_arena_copy(in->arena, (struct rw_str){text, (size_t)n});
        if (item->reference.ptr == NULL) {
            return rw_wire_no_memory(in->arena, err);
        }
    }
    item->traces[0].reference = item->reference;
    return RW_OK;
}
