/* KServe's and Triton's inference protocol, POST /v2/models/{id}/infer: two inputs named "prompt"
 * and "response" of the same length are pairs; one input is texts in the policy's chat template.
 * One output "reward". The path names the model. Errors are {"error": text}, as the protocol has
 * it. */
#include <stdio.h>
#include <string.h>

#include "core/base/util.h"
#include "proto/emit.h"
#include "proto/wire_item.h"

/* What comes back in the reply. */
struct kept {
    struct rw_str id; /* of the request; ptr NULL = none */
};

static const cJSON *input_named(const cJSON *inputs, const char *name)
{
    for (const cJSON *one = inputs->child; one != NULL; one = one->next) {
        const cJSON *own = cJSON_GetObjectItemCaseSensitive(one, "name");
        if (cJSON_IsString(own) && strcmp(own->valuestring, name) == 0) {
            return cJSON_GetObjectItemCaseSensitive(one, "data");
        }
    }
    return NULL;
}

/* [n,1] may nest its data. */
static const cJSON *flat(const cJSON *node)
{
    return cJSON_IsArray(node) && node->child != NULL ? node->child : node;
}

static rw_status read_data(const struct rw_wire_input *in, const cJSON *prompts, const cJSON *data,
                           struct rw_request *out, struct rw_error *err)
{
    struct rw_path path = {NULL, "inputs", -1};
    size_t n = 0;
    rw_status status =
        rw_tree_want_list(data, &path, in->limits->traces_max, "--traces-max", &n, err);
    if (status == RW_OK && prompts != NULL &&
        (!cJSON_IsArray(prompts) || (size_t)cJSON_GetArraySize(prompts) != n)) {
        return rw_path_fail(&path, err, RW_INVALID_REQUEST,
                            "\"prompt\" and \"response\" differ in length");
    }
    if (status == RW_OK) {
        status = rw_wire_items(in, n, out, err);
    }
    const cJSON *text = status == RW_OK ? data->child : NULL;
    const cJSON *prompt = prompts != NULL ? prompts->child : NULL;
    for (size_t i = 0; i < n && status == RW_OK; i++, text = text->next) {
        struct rw_path here = {NULL, "inputs", (long)i};
        struct rw_str question, answer;
        if (prompt == NULL) {
            status = rw_wire_conversation_node(in, flat(text), &here, &out->items[i], err);
            continue;
        }
        status = rw_tree_want_text(flat(prompt), &here, &question, err);
        if (status == RW_OK) {
            status = rw_tree_want_text(flat(text), &here, &answer, err);
        }
        if (status == RW_OK) {
            status = rw_wire_prompt_text(in, question, &here, &out->items[i], err);
        }
        if (status == RW_OK) {
            status =
                rw_wire_trace_text(in, answer, &here, rw_tree_hidden(text), &out->items[i], err);
        }
        prompt = prompt->next;
    }
    return status;
}

static rw_status read_kserve(const struct rw_wire_input *in, struct rw_request *out, void **state,
                             struct rw_error *err)
{
    struct rw_path path = {NULL, "inputs", -1};
    cJSON *root = NULL;
    size_t n = 0;
    rw_wire_request_init(out);
    struct kept *kept = rw_arena_array(in->arena, 1, sizeof *kept);
    *state = kept;
    if (kept == NULL) {
        return rw_wire_no_memory(in->arena, err);
    }
    rw_status status = rw_wire_json(in, &root, err);
    const cJSON *inputs = status == RW_OK ? cJSON_GetObjectItemCaseSensitive(root, "inputs") : NULL;
    if (status == RW_OK) {
        status = rw_tree_want_list(inputs, &path, 2, NULL, &n, err);
    }
    if (status != RW_OK) {
        return status;
    }
    const cJSON *id = cJSON_GetObjectItemCaseSensitive(root, "id");
    kept->id = cJSON_IsString(id) ? rw_str_from(id->valuestring) : kept->id;
    const cJSON *prompts = input_named(inputs, "prompt");
    const cJSON *data = n == 2 ? input_named(inputs, "response")
                               : cJSON_GetObjectItemCaseSensitive(inputs->child, "data");
    if (n == 2 && (prompts == NULL || data == NULL)) {
        return rw_path_fail(&path, err, RW_INVALID_REQUEST,
                            "two inputs must be named \"prompt\" and \"response\"");
    }
    /* /v2/models/NAME/infer names the model. */
    size_t begin = sizeof "/v2/models/" - 1;
    size_t end = rw_str_find(in->path, RW_STR("/"), RW_MIN(begin, in->path.len));
    if (begin < end) {
        out->any_model = rw_str_slice(in->path, begin, end);
    }
    return read_data(in, n == 2 ? prompts : NULL, data, out, err);
}

static void write_kserve(const struct rw_wire_reply *reply, struct rw_buf *out)
{
    const struct kept *kept = reply->state;
    rw_emit_open(out, '{');
    rw_emit_text_field(out, "model_name", rw_wire_model_name(reply));
    if (kept->id.ptr != NULL) {
        rw_emit_name(out, "id");
        rw_emit_text(out, kept->id);
    }
    rw_emit_name(out, "outputs");
    rw_emit_open(out, '[');
    rw_emit_open(out, '{');
    rw_emit_text_field(out, "name", "reward");
    rw_emit_text_field(out, "datatype", "FP32");
    rw_emit_name(out, "shape");
    rw_emit_open(out, '[');
    rw_emit_unsigned(out, reply->n);
    rw_emit_close(out, ']');
    rw_emit_name(out, "data");
    rw_emit_open(out, '[');
    for (size_t i = 0; i < reply->n; i++) {
        rw_emit_float(out, rw_wire_row_value(&reply->rows[i], reply->options->which, false));
    }
    rw_emit_close(out, ']');
    rw_emit_close(out, '}');
    rw_emit_close(out, ']');
    rw_emit_close(out, '}');
}

/* {"error": text}, as the protocol has it. */
static void write_kserve_error(const struct rw_error *error, int http_status,
                               const char *request_id, struct rw_buf *out)
{
    (void)http_status;
    (void)request_id;
    char text[RW_ERROR_MESSAGE_MAX + RW_ERROR_HINT_MAX + 4];
    snprintf(text, sizeof text, "%s%s%s", error->message, error->hint[0] != '\0' ? "; " : "",
             error->hint);
    rw_emit_open(out, '{');
    rw_emit_text_field(out, "error", text);
    rw_emit_close(out, '}');
}

const struct rw_wire RW_WIRE_KSERVE = {
    .path = {"/v2/models/{id}/infer"},
    .read = read_kserve,
    .write = write_kserve,
    .write_error = write_kserve_error,
    .lost = RW_WIRE_LOST_FAILS,
    .hold = true,
    .one_model = true,
    .which = RW_WIRE_OUTCOME,
};
