/* Rerank APIs (Cohere, Jina, vLLM, TEI, LiteLLM) as one group of traces.
 *
 *     POST /rerank, /v1/rerank, /v2/rerank
 *     {"query":text,"documents":[text or {"text"}],"top_n":n?,"return_documents":b?}
 *     -> {"id","model","results":[{"index","relevance_score","document":{"text"}?}],"usage"}
 *
 * The query is the prompt, a document is a trace: so a GRPO group is one call. relevance_score is
 * the outcome probability, or the process aggregate with ?which=process or without an outcome
 * model; results are sorted, best first. A document that cannot be scored is left out, never a
 * zero. */
#include "core/base/util.h"
#include "proto/emit.h"
#include "proto/wire_item.h"

struct rerank {
    size_t top_n;
    bool with_text;
    bool text_given; /* return_documents was given */
    size_t *order;   /* [n], for sorting in the writer */
    struct rw_str *texts;
};

static rw_status read_numbers(const cJSON *root, size_t n, struct rerank *out, struct rw_error *err)
{
    struct rw_path path = {NULL, "top_n", -1};
    const cJSON *top = cJSON_GetObjectItemCaseSensitive(root, "top_n");
    const cJSON *with = cJSON_GetObjectItemCaseSensitive(root, "return_documents");
    int64_t count = (int64_t)n;
    rw_status status = RW_OK;
    if (top != NULL && !cJSON_IsNull(top)) {
        status = rw_tree_want_integer(top, &path, 1, INT32_MAX, &count, err);
    }
    out->top_n = RW_MIN((size_t)count, n);
    out->with_text = true;
    if (status == RW_OK && with != NULL && !cJSON_IsNull(with)) {
        struct rw_path name = {NULL, "return_documents", -1};
        status = rw_tree_want_bool(with, &name, &out->with_text, err);
    }
    return status;
}

/* All documents are traces of one item: the prompt is computed once. */
static rw_status read_documents(const struct rw_wire_input *in, const cJSON *list, size_t n,
                                struct rerank *state, struct rw_request *out, struct rw_error *err)
{
    struct rw_request_item *item = &out->items[0];
    item->traces = rw_arena_array(in->arena, n, sizeof *item->traces);
    state->texts = rw_arena_array(in->arena, n, sizeof *state->texts);
    state->order = rw_arena_array(in->arena, n, sizeof *state->order);
    if (item->traces == NULL || state->texts == NULL || state->order == NULL) {
        return rw_wire_no_memory(in->arena, err);
    }
    const cJSON *node = list->child;
    rw_status status = RW_OK;
    for (size_t i = 0; i < n && status == RW_OK; i++, node = node->next) {
        struct rw_path path = {NULL, "documents", (long)i};
        struct rw_request_item one = {.traces = &item->traces[i]};
        status = rw_wire_document(node, &path, &state->texts[i], err);
        if (status == RW_OK) {
            status =
                rw_wire_trace_text(in, state->texts[i], &path, rw_tree_hidden(node), &one, err);
        }
    }
    item->n_traces = out->n_traces = n;
    return status;
}

static rw_status read_rerank(const struct rw_wire_input *in, struct rw_request *out, void **state,
                             struct rw_error *err)
{
    struct rw_path query_path = {NULL, "query", -1};
    struct rw_path list_path = {NULL, "documents", -1};
    cJSON *root = NULL;
    size_t n = 0;
    struct rw_str query;
    rw_wire_request_init(out);
    rw_status status = rw_wire_json(in, &root, err);
    struct rerank *kept = rw_arena_array(in->arena, 1, sizeof *kept);
    if (status == RW_OK && kept == NULL) {
        return rw_wire_no_memory(in->arena, err);
    }
    *state = kept;
    if (status == RW_OK) {
        status = rw_tree_want_text(cJSON_GetObjectItemCaseSensitive(root, "query"), &query_path,
                                   &query, err);
    }
    const cJSON *list =
        status == RW_OK ? cJSON_GetObjectItemCaseSensitive(root, "documents") : NULL;
    if (status == RW_OK) {
        status =
            rw_tree_want_list(list, &list_path, in->limits->traces_max, "--traces-max", &n, err);
    }
    if (status == RW_OK) {
        status = rw_wire_items(in, 1, out, err);
    }
    if (status == RW_OK) {
        status = rw_wire_prompt_text(in, query, &query_path, &out->items[0], err);
    }
    if (status == RW_OK) {
        status = read_numbers(root, n, kept, err);
    }
    return status == RW_OK ? read_documents(in, list, n, kept, out, err) : status;
}

/* Best first; ties keep the order of the request. */
static bool before(const struct rw_wire_reply *reply, size_t a, size_t b)
{
    float x = rw_wire_row_value(&reply->rows[a], reply->options->which, false);
    float y = rw_wire_row_value(&reply->rows[b], reply->options->which, false);
    return x > y || (x == y && a < b);
}

static void sift(const struct rw_wire_reply *reply, size_t *heap, size_t root, size_t n)
{
    for (size_t child = 2 * root + 1; child < n; child = 2 * root + 1) {
        if (child + 1 < n && before(reply, heap[child], heap[child + 1])) {
            child++;
        }
        if (!before(reply, heap[root], heap[child])) {
            return;
        }
        size_t kept = heap[root];
        heap[root] = heap[child];
        heap[child] = kept;
        root = child;
    }
}

/* Heap sort: the heap's top is the worst, so the order comes out best first. */
static size_t sort_scored(const struct rw_wire_reply *reply, size_t *order)
{
    size_t n = 0;
    for (size_t i = 0; i < reply->n; i++) {
        if (reply->rows[i].error == NULL) {
            order[n++] = i;
        }
    }
    for (size_t i = n / 2; i-- > 0;) {
        sift(reply, order, i, n);
    }
    for (size_t end = n; end > 1; end--) {
        size_t kept = order[0];
        order[0] = order[end - 1];
        order[end - 1] = kept;
        sift(reply, order, 0, end - 1);
    }
    return n;
}

static void write_rerank(const struct rw_wire_reply *reply, struct rw_buf *out)
{
    const struct rerank *state = reply->state;
    size_t n = RW_MIN(sort_scored(reply, state->order), state->top_n);
    rw_wire_write_id(reply, "rerank-", out);
    rw_emit_text_field(out, "model", rw_wire_model_name(reply));
    rw_emit_name(out, "results");
    rw_emit_open(out, '[');
    for (size_t i = 0; i < n; i++) {
        size_t at = state->order[i];
        rw_emit_open(out, '{');
        rw_emit_unsigned_field(out, "index", at);
        rw_emit_float_field(out, "relevance_score",
                            rw_wire_row_value(&reply->rows[at], reply->options->which, false));
        if (state->with_text) {
            rw_emit_name(out, "document");
            rw_emit_open(out, '{');
            rw_emit_name(out, "text");
            rw_emit_text(out, state->texts[at]);
            rw_emit_close(out, '}');
        }
        rw_emit_close(out, '}');
    }
    rw_emit_close(out, ']');
    rw_wire_write_usage(reply, out);
    rw_emit_close(out, '}');
}

const struct rw_wire RW_WIRE_RERANK = {
    .path = {"/rerank", "/v1/rerank", "/v2/rerank"},
    .read = read_rerank,
    .write = write_rerank,
    .lost = RW_WIRE_LOST_LEFT_OUT,
    .hold = true,
    .one_value = true,
    .which = RW_WIRE_OUTCOME,
};
