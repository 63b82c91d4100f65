/* The reward wires of vLLM and SGLang: reward_hub, xtuner, POLAR's client, verl's reward model
 * worker, prm-toolkit and everybody's requests.post scripts.
 *
 * - POST /pooling: {"messages":[..]} or {"input": text | [text] | [id] | [[id]]}. data[i].data of a
 *   process model is a row [1-p, p] for every step marker, of an outcome model [[raw]].
 * - POST or PUT /classify. vLLM's body is that of /pooling: data[i] has label, probs and
 *   num_classes. SGLang's has "text" or "input_ids": {"embedding":[raw],"meta_info"}, or a list.
 * - POST /v1/embeddings: data[i].embedding is [raw] of an outcome model, or the raw score at every
 *   token of a process model, of which the client picks its own.
 *
 * A text is tokenised as it is, special tokens included: these clients template themselves.
 * Messages are laid out by the model's own recipe; the last one is the assistant's, and the steps
 * of a process model are what stands between the model's own markers in it. `model` names a loaded
 * model of either kind; ?model= in the address beats it. Nothing here answers with an invented
 * number: one input that cannot be scored fails its request. */
#include <stdio.h>

#include "core/base/util.h"
#include "proto/emit.h"
#include "proto/wire_item.h"

/* What the writers need to know of the request. */
struct pooled {
    bool sglang;
    bool single; /* SGLang: one object, not a list of one */
    bool raw;    /* vLLM: use_activation false */
};

/* ---- inputs ---------------------------------------------------------------------------------- */

static rw_status read_ids(const struct rw_wire_input *in, const cJSON *list,
                          const struct rw_path *path, struct rw_request_trace *out,
                          struct rw_error *err)
{
    size_t n = 0;
    rw_status status =
        rw_tree_want_list(list, path, in->limits->trace_tokens_max, "--tokens-max", &n, err);
    int32_t *ids = status == RW_OK ? rw_arena_array(in->arena, n, sizeof *ids) : NULL;
    if (status == RW_OK && ids == NULL) {
        return rw_wire_no_memory(in->arena, err);
    }
    size_t i = 0;
    for (const cJSON *node = list->child; i < n && status == RW_OK; node = node->next, i++) {
        struct rw_path here = {path, "", (long)i};
        int64_t id = 0;
        status = rw_tree_want_integer(node, &here, 0, INT32_MAX, &id, err);
        ids[i] = (int32_t)id;
    }
    *out = (struct rw_request_trace){.raw = RW_RAW_IDS, .ids = ids, .n_ids = n};
    return status;
}

static rw_status read_text(const struct rw_wire_input *in, const cJSON *node,
                           const struct rw_path *path, bool add_special,
                           struct rw_request_trace *out, struct rw_error *err)
{
    struct rw_str text;
    rw_status status = rw_tree_want_text(node, path, &text, err);
    if (status != RW_OK) {
        return status;
    }
    if (text.len > in->limits->text_bytes_max) {
        rw_path_fail(path, err, RW_LIMIT_EXCEEDED, "a text of %zu bytes; the limit is %zu",
                     text.len, in->limits->text_bytes_max);
        rw_error_hint(err, "raise --text-max");
        return RW_LIMIT_EXCEEDED;
    }
    *out = (struct rw_request_trace){.raw = RW_RAW_TEXT,
                                     .text = text,
                                     .is_text = true,
                                     .add_special = add_special,
                                     .hidden_texts = rw_tree_hidden(node)};
    return RW_OK;
}

static bool is_ids(const cJSON *list)
{
    return cJSON_IsArray(list) && cJSON_IsNumber(list->child);
}

/* text | [text] | [id] | [[id]]; *single: one, not in a list. */
static rw_status read_inputs(const struct rw_wire_input *in, const cJSON *node, const char *name,
                             bool add_special, struct rw_request *out, bool *single,
                             struct rw_error *err)
{
    struct rw_path path = {NULL, name, -1};
    size_t n = 1;
    rw_status status = RW_OK;
    *single = !cJSON_IsArray(node) || is_ids(node);
    if (!*single) {
        status = rw_tree_want_list(node, &path, in->limits->traces_max, "--traces-max", &n, err);
    }
    if (status == RW_OK) {
        status = rw_wire_items(in, n, out, err);
    }
    const cJSON *one = *single || status != RW_OK ? node : node->child;
    for (size_t i = 0; i < n && status == RW_OK; i++) {
        struct rw_path here = {NULL, name, *single ? -1 : (long)i};
        struct rw_request_trace *trace = &out->items[i].traces[0];
        status = cJSON_IsArray(one) ? read_ids(in, one, &here, trace, err)
                                    : read_text(in, one, &here, add_special, trace, err);
        one = status == RW_OK ? one->next : NULL;
    }
    return status;
}

static rw_status read_conversation(const struct rw_wire_input *in, const cJSON *node,
                                   struct rw_str marker, struct rw_request *out,
                                   struct rw_error *err)
{
    struct rw_path path = {NULL, "messages", -1};
    struct rw_request_message last;
    rw_status status = rw_wire_items(in, 1, out, err);
    struct rw_request_item *item = out->items;
    if (status == RW_OK) {
        status = rw_wire_messages(in, node, &path, item, &last, err);
    }
    if (status != RW_OK) {
        return status;
    }
    if (last.role != RW_REQUEST_ASSISTANT) {
        return rw_path_fail(&path, err, RW_INVALID_REQUEST,
                            "the last message must be the assistant's: it is what is scored");
    }
    bool marked = marker.len > 0 && rw_str_find(last.content, marker, 0) < last.content.len;
    size_t hidden = rw_tree_hidden(node);
    return marked ? rw_wire_trace_marked(in, last.content, marker, hidden, item, err)
                  : rw_wire_trace_text(in, last.content, &path, hidden, item, err);
}

/* ---- the fields that all three share ----------------------------------------------------------
 */

static rw_status read_flag(const cJSON *root, const char *name, bool *out, struct rw_error *err)
{
    struct rw_path path = {NULL, name, -1};
    const cJSON *node = cJSON_GetObjectItemCaseSensitive(root, name);
    return node == NULL || cJSON_IsNull(node) ? RW_OK : rw_tree_want_bool(node, &path, out, err);
}

static rw_status read_model(const cJSON *root, struct rw_request *out, struct rw_error *err)
{
    struct rw_path path = {NULL, "model", -1};
    const cJSON *node = cJSON_GetObjectItemCaseSensitive(root, "model");
    if (node == NULL || cJSON_IsNull(node)) {
        return RW_OK;
    }
    struct rw_str name;
    rw_status status = rw_tree_want_text(node, &path, &name, err);
    if (status == RW_OK && name.len > 0) {
        out->any_model = name;
    }
    return status;
}

/* base64 would need another reply; the OpenAI client asks for it and takes a list of numbers. */
static rw_status check_encoding(const cJSON *root, bool base64_taken, struct rw_error *err)
{
    static const char *const WORD[] = {"float", "base64"};
    struct rw_path path = {NULL, "encoding_format", -1};
    const cJSON *node = cJSON_GetObjectItemCaseSensitive(root, "encoding_format");
    size_t which = 0;
    if (node == NULL || cJSON_IsNull(node)) {
        return RW_OK;
    }
    return rw_tree_want_word(node, &path, WORD, base64_taken ? 2 : 1, &which, err);
}

/* The model whose markers count: the address's, else the body's. */
static struct rw_str marker_of(const struct rw_wire_input *in, const struct rw_request *request)
{
    struct rw_str name = in->options->model.ptr != NULL ? in->options->model : request->any_model;
    return in->step_marker(in->ctx, name);
}

static rw_status begin(const struct rw_wire_input *in, struct rw_request *out, void **state,
                       cJSON **root, struct rw_error *err)
{
    rw_wire_request_init(out);
    *state = rw_arena_array(in->arena, 1, sizeof(struct pooled));
    if (*state == NULL) {
        return rw_wire_no_memory(in->arena, err);
    }
    rw_status status = rw_wire_json(in, root, err);
    return status == RW_OK ? read_model(*root, out, err) : status;
}

static rw_status read_vllm(const struct rw_wire_input *in, const cJSON *root,
                           struct rw_request *out, struct rw_error *err)
{
    struct rw_path path = {NULL, "input", -1};
    const cJSON *input = cJSON_GetObjectItemCaseSensitive(root, "input");
    const cJSON *messages = cJSON_GetObjectItemCaseSensitive(root, "messages");
    bool add_special = true, single = false;
    rw_status status = read_flag(root, "add_special_tokens", &add_special, err);
    if (status != RW_OK) {
        return status;
    }
    if ((input == NULL) == (messages == NULL)) {
        return rw_path_fail(&path, err, RW_INVALID_REQUEST,
                            "one of \"input\" and \"messages\" is needed");
    }
    return input != NULL ? read_inputs(in, input, "input", add_special, out, &single, err)
                         : read_conversation(in, messages, marker_of(in, out), out, err);
}

static rw_status read_pooling(const struct rw_wire_input *in, struct rw_request *out, void **state,
                              struct rw_error *err)
{
    cJSON *root = NULL;
    rw_status status = begin(in, out, state, &root, err);
    if (status == RW_OK) {
        status = check_encoding(root, false, err);
    }
    return status == RW_OK ? read_vllm(in, root, out, err) : status;
}

static rw_status read_classify(const struct rw_wire_input *in, struct rw_request *out, void **state,
                               struct rw_error *err)
{
    static const char *const SGLANG[] = {"text", "input_ids"};
    static const char *const ACTIVATION[] = {"use_activation", "activation", "softmax"};
    cJSON *root = NULL;
    rw_status status = begin(in, out, state, &root, err);
    struct pooled *kept = *state;
    out->no_process = in->options->which != RW_WIRE_PROCESS && out->any_model.ptr == NULL &&
                      in->options->model.ptr == NULL;
    for (size_t i = 0; i < RW_COUNT(SGLANG) && status == RW_OK; i++) {
        const cJSON *node = cJSON_GetObjectItemCaseSensitive(root, SGLANG[i]);
        if (node != NULL) {
            kept->sglang = true;
            return read_inputs(in, node, SGLANG[i], true, out, &kept->single, err);
        }
    }
    bool activation = true;
    for (size_t i = 0; i < RW_COUNT(ACTIVATION) && status == RW_OK; i++) {
        status = read_flag(root, ACTIVATION[i], &activation, err);
    }
    kept->raw = !activation;
    return status == RW_OK ? read_vllm(in, root, out, err) : status;
}

static rw_status read_embeddings(const struct rw_wire_input *in, struct rw_request *out,
                                 void **state, struct rw_error *err)
{
    cJSON *root = NULL;
    bool single;
    rw_status status = begin(in, out, state, &root, err);
    if (status == RW_OK) {
        status = check_encoding(root, true, err);
    }
    const cJSON *input = status == RW_OK ? cJSON_GetObjectItemCaseSensitive(root, "input") : NULL;
    if (status == RW_OK) {
        status = read_inputs(in, input, "input", true, out, &single, err);
    }
    for (size_t i = 0; i < out->n_items && status == RW_OK; i++) {
        out->items[i].traces[0].every_token = true;
    }
    return status;
}

/* ---- replies --------------------------------------------------------------------------------- */

static void write_list_head(const struct rw_wire_reply *reply, const char *prefix,
                            struct rw_buf *out)
{
    rw_wire_write_id(reply, prefix, out);
    rw_emit_text_field(out, "object", "list");
    rw_emit_name(out, "created");
    rw_emit_signed(out, reply->created);
    rw_emit_text_field(out, "model", rw_wire_model_name(reply));
    rw_emit_name(out, "data");
    rw_emit_open(out, '[');
}

static void write_list_tail(const struct rw_wire_reply *reply, struct rw_buf *out)
{
    rw_emit_close(out, ']');
    rw_wire_write_usage(reply, out);
    rw_emit_close(out, '}');
}

static void write_pooling(const struct rw_wire_reply *reply, struct rw_buf *out)
{
    write_list_head(reply, "pool-", out);
    for (size_t i = 0; i < reply->n; i++) {
        const struct rw_wire_row *row = &reply->rows[i];
        rw_emit_open(out, '{');
        rw_emit_unsigned_field(out, "index", i);
        rw_emit_text_field(out, "object", "pooling");
        rw_emit_name(out, "data");
        rw_emit_open(out, '[');
        for (uint32_t s = 0; row->has_process && s < row->n_steps; s++) {
            rw_emit_open(out, '[');
            rw_emit_float(out, 1 - row->steps[s].reward);
            rw_emit_float(out, row->steps[s].reward);
            rw_emit_close(out, ']');
        }
        if (!row->has_process) {
            rw_emit_open(out, '[');
            rw_emit_float(out, row->outcome_raw);
            rw_emit_close(out, ']');
        }
        rw_emit_close(out, ']');
        rw_emit_close(out, '}');
    }
    write_list_tail(reply, out);
}

static void write_sglang(const struct rw_wire_row *row, size_t index,
                         const struct rw_wire_reply *reply, struct rw_buf *out)
{
    rw_emit_open(out, '{');
    rw_emit_name(out, "embedding");
    rw_emit_open(out, '[');
    rw_emit_float(out, rw_wire_row_value(row, reply->options->which, true));
    rw_emit_close(out, ']');
    rw_emit_name(out, "meta_info");
    rw_emit_open(out, '{');
    rw_emit_name(out, "id");
    rw_buf_append_str(out, RW_STR("\""));
    rw_buf_append_str(out, rw_str_from(reply->request_id));
    rw_buf_append_str(out, RW_STR("-"));
    char number[24];
    int n = snprintf(number, sizeof number, "%zu", index);
    rw_buf_append_str(out, (struct rw_str){number, (size_t)n});
    rw_buf_append_str(out, RW_STR("\""));
    rw_emit_unsigned_field(out, "prompt_tokens", row->tokens);
    rw_emit_close(out, '}');
    rw_emit_close(out, '}');
}

static void write_classify(const struct rw_wire_reply *reply, struct rw_buf *out)
{
    const struct pooled *kept = reply->state;
    if (kept->sglang && kept->single) {
        write_sglang(&reply->rows[0], 0, reply, out);
        return;
    }
    if (kept->sglang) {
        rw_emit_open(out, '[');
    } else {
        write_list_head(reply, "classify-", out);
    }
    for (size_t i = 0; i < reply->n; i++) {
        const struct rw_wire_row *row = &reply->rows[i];
        if (kept->sglang) {
            write_sglang(row, i, reply, out);
            continue;
        }
        rw_emit_open(out, '{');
        rw_emit_unsigned_field(out, "index", i);
        rw_emit_text_field(out, "label", "LABEL_0");
        rw_emit_name(out, "probs");
        rw_emit_open(out, '[');
        rw_emit_float(out, rw_wire_row_value(row, reply->options->which, kept->raw));
        rw_emit_close(out, ']');
        rw_emit_unsigned_field(out, "num_classes", 1);
        rw_emit_close(out, '}');
    }
    if (kept->sglang) {
        rw_emit_close(out, ']');
    } else {
        write_list_tail(reply, out);
    }
}

static void write_embeddings(const struct rw_wire_reply *reply, struct rw_buf *out)
{
    write_list_head(reply, "embd-", out);
    for (size_t i = 0; i < reply->n; i++) {
        const struct rw_wire_row *row = &reply->rows[i];
        rw_emit_open(out, '{');
        rw_emit_text_field(out, "object", "embedding");
        rw_emit_unsigned_field(out, "index", i);
        rw_emit_name(out, "embedding");
        rw_emit_open(out, '[');
        for (uint32_t s = 0; row->has_process && s < row->n_steps; s++) {
            rw_emit_float(out, row->steps[s].raw);
        }
        if (!row->has_process) {
            rw_emit_float(out, row->outcome_raw);
        }
        rw_emit_close(out, ']');
        rw_emit_close(out, '}');
    }
    write_list_tail(reply, out);
}

const struct rw_wire RW_WIRE_POOLING = {
    .path = {"/pooling"},
    .read = read_pooling,
    .write = write_pooling,
    .write_error = rw_wire_write_error_openai,
    .lost = RW_WIRE_LOST_FAILS,
    .hold = true,
    .reads_steps = true,
    .one_model = true,
    .counts_steps = true,
    .which = RW_WIRE_PROCESS,
};
const struct rw_wire RW_WIRE_CLASSIFY = {
    .path = {"/classify"},
    .put = true,
    .read = read_classify,
    .write = write_classify,
    .write_error = rw_wire_write_error_openai,
    .lost = RW_WIRE_LOST_FAILS,
    .hold = true,
    .one_model = true,
    .which = RW_WIRE_OUTCOME,
};
const struct rw_wire RW_WIRE_EMBEDDINGS = {
    .path = {"/v1/embeddings", "/embeddings"},
    .read = read_embeddings,
    .write = write_embeddings,
    .write_error = rw_wire_write_error_openai,
    .lost = RW_WIRE_LOST_FAILS,
    .hold = true,
    .reads_steps = true,
    .one_model = true,
    .which = RW_WIRE_PROCESS,
};
