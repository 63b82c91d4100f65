/* Score APIs (vLLM, Jina), POST /score and /v1/score:
 *
 *     {"text_1":text or [..],"text_2":text or [..]}  or  {"queries":..,"documents":..}
 *     -> {"id","object":"list","model","data":[{"index","object":"score","score"}],"usage"}
 *
 * The first text is the prompt, the second the trace: one against many, or pair by pair. A score is
 * the outcome probability, or the process aggregate with ?which=process or without an outcome
 * model. There is one for every pair, so a trace that cannot be scored fails the request. */
#include "core/base/util.h"
#include "proto/emit.h"
#include "proto/wire_item.h"

static size_t length(const cJSON *node)
{
    return cJSON_IsArray(node) ? (size_t)cJSON_GetArraySize(node) : 1;
}

static const cJSON *first(const cJSON *node)
{
    return cJSON_IsArray(node) ? node->child : node;
}

/* One text against one, one against many, or pair by pair. */
static rw_status pair_up(const struct rw_wire_input *in, const cJSON *left, const cJSON *right,
                         const char *const names[2], struct rw_request *out, struct rw_error *err)
{
    size_t n_left = length(left), n_right = length(right);
    struct rw_path right_path = {NULL, names[1], -1};
    if (n_right == 0 || n_left == 0 || (n_left > 1 && n_left != n_right)) {
        return rw_path_fail(&right_path, err, RW_INVALID_REQUEST,
                            "%s has %zu texts and %s has %zu: give one against many, or as many",
                            names[0], n_left, names[1], n_right);
    }
    rw_status status = rw_wire_items(in, n_right, out, err);
    const cJSON *a = first(left), *b = first(right);
    for (size_t i = 0; i < n_right && status == RW_OK; i++) {
        struct rw_path at_left = {NULL, names[0], n_left > 1 ? (long)i : -1};
        struct rw_path at_right = {NULL, names[1], (long)i};
        struct rw_str prompt, text;
        status = rw_wire_document(a, &at_left, &prompt, err);
        if (status == RW_OK) {
            status = rw_wire_document(b, &at_right, &text, err);
        }
        if (status == RW_OK) {
            status = rw_wire_prompt_text(in, prompt, &at_left, &out->items[i], err);
        }
        if (status == RW_OK) {
            status =
                rw_wire_trace_text(in, text, &at_right, rw_tree_hidden(b), &out->items[i], err);
        }
        a = n_left > 1 ? a->next : a;
        b = b->next;
    }
    return status;
}

static rw_status read_score(const struct rw_wire_input *in, struct rw_request *out, void **state,
                            struct rw_error *err)
{
    static const char *const NAMES[][2] = {
        {"text_1", "text_2"}, {"queries", "documents"}, {"queries", "items"}};
    (void)state;
    cJSON *root = NULL;
    rw_wire_request_init(out);
    rw_status status = rw_wire_json(in, &root, err);
    for (size_t i = 0; i < RW_COUNT(NAMES) && status == RW_OK; i++) {
        const cJSON *left = cJSON_GetObjectItemCaseSensitive(root, NAMES[i][0]);
        const cJSON *right = cJSON_GetObjectItemCaseSensitive(root, NAMES[i][1]);
        if (left != NULL && right != NULL) {
            return pair_up(in, left, right, NAMES[i], out, err);
        }
    }
    if (status == RW_OK) {
        rw_fail(err, RW_INVALID_REQUEST,
                "two texts or lists of texts are needed: text_1 and text_2, or queries and "
                "documents");
        rw_error_param(err, "text_1");
        return RW_INVALID_REQUEST;
    }
    return status;
}

static void write_score(const struct rw_wire_reply *reply, struct rw_buf *out)
{
    rw_wire_write_id(reply, "score-", out);
    rw_emit_text_field(out, "object", "list");
    rw_emit_name(out, "created");
    rw_emit_signed(out, reply->created);
    rw_emit_text_field(out, "model", rw_wire_model_name(reply));
    rw_emit_name(out, "data");
    rw_emit_open(out, '[');
    for (size_t i = 0; i < reply->n; i++) {
        rw_emit_open(out, '{');
        rw_emit_unsigned_field(out, "index", i);
        rw_emit_text_field(out, "object", "score");
        rw_emit_float_field(out, "score",
                            rw_wire_row_value(&reply->rows[i], reply->options->which, false));
        rw_emit_close(out, '}');
    }
    rw_emit_close(out, ']');
    rw_wire_write_usage(reply, out);
    rw_emit_close(out, '}');
}

const struct rw_wire RW_WIRE_SCORE = {
    .path = {"/score", "/v1/score"},
    .read = read_score,
    .write = write_score,
    .write_error = rw_wire_write_error_openai,
    .lost = RW_WIRE_LOST_FAILS,
    .hold = true,
    .one_value = true,
    .which = RW_WIRE_OUTCOME,
};
