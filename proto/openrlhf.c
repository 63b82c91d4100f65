#include "proto/openrlhf.h"

#include <math.h>

#include "core/base/util.h"
#include "proto/chat_template.h"
#include "proto/emit.h"
#include "proto/tree.h"

struct reader {
    struct rw_str marker;
    const struct rw_limits *limits;
    struct rw_arena *arena;
    struct rw_error *err;
};

struct lists {
    const cJSON *query; /* a list, or one string */
    const cJSON *prompts;
    const cJSON *labels;
    size_t n;
};

/* ---- request --------------------------------------------------------------------------------- */

static rw_status no_memory(struct reader *r)
{
    rw_fail(r->err, RW_NO_MEMORY, "the request does not fit its memory of %zu bytes",
            r->arena->max_bytes);
    rw_error_hint(r->err, "raise --request-memory");
    return RW_NO_MEMORY;
}

/* The list itself, or NULL for absent, null and empty. */
static rw_status check_list(struct reader *r, const cJSON **list, const char *name, size_t n)
{
    struct rw_path path = {NULL, name, -1};
    if (*list == NULL || cJSON_IsNull(*list) || (cJSON_IsArray(*list) && (*list)->child == NULL)) {
        *list = NULL;
        return RW_OK;
    }
    if (cJSON_IsArray(*list) && (size_t)cJSON_GetArraySize(*list) != n) {
        return rw_path_fail(&path, r->err, RW_INVALID_REQUEST,
                            "%s has %d entries, but query has %zu", name, cJSON_GetArraySize(*list),
                            n);
    }
    if (!cJSON_IsArray(*list) && n != 1) {
        return rw_path_fail(&path, r->err, RW_INVALID_REQUEST, "%s must be a list, not %s", name,
                            rw_tree_type_name(*list));
    }
    return RW_OK;
}

static rw_status read_lists(struct reader *r, const cJSON *root, struct lists *out)
{
    struct rw_path path = {NULL, "query", -1};
    rw_status status = rw_tree_want_object(root, NULL, r->err);
    if (status != RW_OK) {
        return status;
    }
    out->query = cJSON_GetObjectItemCaseSensitive(root, "query");
    out->prompts = cJSON_GetObjectItemCaseSensitive(root, "prompts");
    out->labels = cJSON_GetObjectItemCaseSensitive(root, "labels");
    if (out->query == NULL || !(cJSON_IsArray(out->query) || cJSON_IsString(out->query))) {
        return rw_path_fail(&path, r->err, RW_INVALID_REQUEST,
                            "query must be a string or a list of strings");
    }
    out->n = cJSON_IsString(out->query) ? 1 : (size_t)cJSON_GetArraySize(out->query);
    if (out->n > r->limits->traces_max) {
        rw_path_fail(&path, r->err, RW_LIMIT_EXCEEDED, "query has %zu entries; the limit is %zu",
                     out->n, r->limits->traces_max);
        rw_error_hint(r->err, "raise --traces-max");
        return RW_LIMIT_EXCEEDED;
    }
    status = check_list(r, &out->prompts, "prompts", out->n);
    return status == RW_OK ? check_list(r, &out->labels, "labels", out->n) : status;
}

static const cJSON *first_of(const cJSON *list)
{
    return list != NULL && cJSON_IsArray(list) ? list->child : list;
}

static rw_status set_prompt(struct reader *r, struct rw_str text, struct rw_request_item *item)
{
    struct rw_chat_turns chat;
    bool refused;
    if (rw_chat_template_parse(text, r->limits->messages_max, r->arena, &chat, &refused)) {
        item->messages = chat.messages;
        item->n_messages = chat.n_messages - (chat.open ? 1 : 0);
        return RW_OK;
    }
    item->messages = refused ? NULL : rw_arena_array(r->arena, 1, sizeof *item->messages);
    if (item->messages == NULL) {
        return no_memory(r);
    }
    item->messages[0] =
        (struct rw_request_message){RW_REQUEST_USER, rw_chat_template_skip_begin(text)};
    item->n_messages = 1;
    return RW_OK;
}

static rw_status split_by_template(struct reader *r, struct rw_str query,
                                   const struct rw_path *path, struct rw_request_item *item,
                                   struct rw_str *response)
{
    struct rw_chat_turns chat;
    bool refused;
    query = rw_chat_template_strip_end(query);
    bool parsed = rw_chat_template_parse(query, r->limits->messages_max, r->arena, &chat, &refused);
    if (refused) {
        return no_memory(r);
    }
    if (!parsed || chat.n_answers != 1) {
        rw_path_fail(path, r->err, RW_INVALID_REQUEST, "cannot tell prompt from response: %s",
                     parsed ? "the query does not have exactly one assistant turn"
                            : "no prompt is a prefix, and the chat template is not a known one");
        rw_error_hint(r->err, "send \"prompts\" (OpenRLHF 0.5.8 or later), or configure the "
                              "response marker");
        return RW_INVALID_REQUEST;
    }
    item->messages = chat.messages;
    item->n_messages = chat.messages_before_answer;
    *response = rw_str_slice(query, chat.answer_begin, query.len);
    return RW_OK;
}

static rw_status split_query(struct reader *r, struct rw_str query, struct rw_str prompt,
                             const struct rw_path *path, struct rw_request_item *item,
                             struct rw_str *response)
{
    struct rw_str bare_query = rw_chat_template_skip_begin(query);
    struct rw_str bare_prompt = rw_chat_template_skip_begin(prompt);
    if (bare_prompt.len > 0 && rw_str_starts(bare_query, bare_prompt)) {
        *response = rw_str_slice(bare_query, bare_prompt.len, bare_query.len);
        return set_prompt(r, bare_prompt, item);
    }
    size_t at = r->marker.len > 0 ? rw_str_find(query, r->marker, 0) : query.len;
    if (at < query.len) {
        *response = rw_str_slice(query, at + r->marker.len, query.len);
        return set_prompt(r, prompt.len > 0 ? prompt : rw_str_slice(query, 0, at), item);
    }
    return split_by_template(r, query, path, item, response);
}

static rw_status check_texts(struct reader *r, const struct rw_request_item *item,
                             struct rw_str response, const struct rw_path *path)
{
    size_t longest = response.len;
    size_t prompt_bytes = 0;
    for (size_t i = 0; i < item->n_messages; i++) {
        prompt_bytes += item->messages[i].content.len;
        longest = RW_MAX(item->messages[i].content.len, longest);
    }
    if (longest > r->limits->text_bytes_max) {
        rw_path_fail(path, r->err, RW_LIMIT_EXCEEDED, "a text of %zu bytes; the limit is %zu",
                     longest, r->limits->text_bytes_max);
        rw_error_hint(r->err, "raise --text-max");
        return RW_LIMIT_EXCEEDED;
    }
    if (prompt_bytes == 0) {
        return rw_path_fail(path, r->err, RW_INVALID_REQUEST, "the prompt is empty");
    }
    if (rw_str_trim(response).len == 0) {
        return rw_path_fail(path, r->err, RW_EMPTY_TRACE, "the response is empty");
    }
    return RW_OK;
}

static rw_status read_query(struct reader *r, size_t i, const cJSON *query, const cJSON *prompt,
                            const cJSON *label, struct rw_request_item *item)
{
    struct rw_path path = {NULL, "query", (long)i};
    struct rw_path prompt_path = {NULL, "prompts", (long)i};
    struct rw_str text;
    struct rw_str before = {NULL, 0};
    struct rw_str response = {NULL, 0};
    rw_status status = rw_tree_want_text(query, &path, &text, r->err);
    if (status == RW_OK && prompt != NULL && !cJSON_IsNull(prompt)) {
        status = rw_tree_want_text(prompt, &prompt_path, &before, r->err);
    }
    if (status == RW_OK) {
        status = split_query(r, text, before, &path, item, &response);
    }
    bool ended = false;
    if (status == RW_OK) {
        struct rw_str whole = response;
        response = rw_chat_template_strip_end(whole);
        ended = rw_str_trim(rw_str_slice(whole, response.len, whole.len)).len > 0;
        status = check_texts(r, item, response, &path);
    }
    item->traces = status == RW_OK ? rw_arena_array(r->arena, 1, sizeof *item->traces) : NULL;
    if (item->traces == NULL) {
        return status == RW_OK ? no_memory(r) : status;
    }
    item->traces[0] = (struct rw_request_trace){
        .is_text = true, .text = response, .ended = ended, .hidden_texts = rw_tree_hidden(query)};
    item->n_traces = 1;
    if (cJSON_IsString(label)) {
        item->reference = rw_str_from(label->valuestring);
    }
    return RW_OK;
}

static rw_status read_queries(struct reader *r, const struct lists *lists, struct rw_request *out)
{
    out->items = rw_arena_array(r->arena, lists->n, sizeof *out->items);
    if (out->items == NULL) {
        return no_memory(r);
    }
    const cJSON *query = first_of(lists->query);
    const cJSON *prompt = first_of(lists->prompts);
    const cJSON *label = first_of(lists->labels);
    for (size_t i = 0; i < lists->n; i++) {
        rw_status status = read_query(r, i, query, prompt, label, &out->items[i]);
        if (status != RW_OK) {
            return status;
        }
        query = query->next;
        prompt = prompt != NULL ? prompt->next : NULL;
        label = label != NULL ? label->next : NULL;
    }
    out->n_items = out->n_traces = lists->n;
    return RW_OK;
}

rw_status rw_openrlhf_parse(char *body, size_t len, struct rw_str marker,
                            const struct rw_limits *limits, struct rw_arena *arena,
                            struct rw_request *out, struct rw_error *err)
{
    *out = (struct rw_request){
        .stop_below = NAN,
        .deadline_ms = NAN,
        .run = {.step = -1, .sample_index = -1, .rollout_n = -1},
    };
    const struct rw_guard_options options = {.depth_max = RW_JSON_BODY_DEPTH_MAX};
    struct reader reader = {marker, limits, arena, err};
    struct lists lists = {0};
    cJSON *root = NULL;
    if (len > limits->body_bytes_max) {
        rw_fail(err, RW_BODY_TOO_LARGE, "the body has %zu bytes; the limit is %zu", len,
                limits->body_bytes_max);
        rw_error_hint(err, "raise --body-max");
        return RW_BODY_TOO_LARGE;
    }
    rw_status status = rw_tree_parse(body, len, &options, arena, &root, err);
    if (status == RW_OK) {
        status = read_lists(&reader, root, &lists);
    }
    return status == RW_OK ? read_queries(&reader, &lists, out) : status;
}

/* ---- reply ----------------------------------------------------------------------------------- */

typedef float (*column)(const struct rw_openrlhf_row *row);

static float reward_of(const struct rw_openrlhf_row *row)
{
    return row->reward;
}

static float score_of(const struct rw_openrlhf_row *row)
{
    return row->score;
}

static float process_of(const struct rw_openrlhf_row *row)
{
    return row->process;
}

static float mean_of(const struct rw_openrlhf_row *row)
{
    return row->mean;
}

static float steps_of(const struct rw_openrlhf_row *row)
{
    return (float)row->n_steps;
}

static float first_bad_of(const struct rw_openrlhf_row *row)
{
    return (float)row->first_bad_step;
}

static float outcome_of(const struct rw_openrlhf_row *row)
{
    return row->outcome;
}

static void write_column(struct rw_buf *out, const char *name, column value,
                         const struct rw_openrlhf_row *rows, size_t n)
{
    rw_emit_name(out, name);
    rw_emit_open(out, '[');
    for (size_t i = 0; i < n; i++) {
        rw_emit_float(out, value(&rows[i]));
    }
    rw_emit_close(out, ']');
}

void rw_openrlhf_write(struct rw_buf *out, const struct rw_openrlhf_row *rows, size_t n,
                       bool has_process, bool has_outcome)
{
    rw_emit_open(out, '{');
    write_column(out, "rewards", reward_of, rows, n);
    write_column(out, "scores", score_of, rows, n);
    rw_emit_name(out, "extra_logs");
    rw_emit_open(out, '{');
    if (has_process) {
        write_column(out, "prm_reward", process_of, rows, n);
        write_column(out, "prm_mean", mean_of, rows, n);
        write_column(out, "n_steps", steps_of, rows, n);
        write_column(out, "first_bad_step", first_bad_of, rows, n);
    }
    if (has_outcome) {
        write_column(out, "orm_reward", outcome_of, rows, n);
    }
    rw_emit_close(out, '}');
    rw_emit_close(out, '}');
}
