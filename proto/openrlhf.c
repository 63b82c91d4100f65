#include "proto/openrlhf.h"

#include <math.h>

#include "core/base/utf8.h"
#include "proto/emit.h"
#include "proto/tree.h"

struct fields {
    const cJSON *query;
    const cJSON *prompts;
    const cJSON *labels;
};

static rw_status count_list(const cJSON *node, const char *name, size_t *count,
                            struct rw_error *err)
{
    struct rw_path path = {NULL, name, -1};
    if (!cJSON_IsArray(node)) {
        return rw_path_fail(&path, err, RW_INVALID_REQUEST, "a list of texts is needed, not %s",
                            node != NULL ? rw_tree_type_name(node) : "nothing");
    }
    *count = (size_t)cJSON_GetArraySize(node);
    return RW_OK;
}

/* `prompts` and `labels` may be absent or null (older eras), else as long as `query`. */
static rw_status check_lengths(const struct fields *f, size_t *n, const struct rw_limits *limits,
                               struct rw_error *err)
{
    size_t other = 0;
    rw_status status = count_list(f->query, "query", n, err);
    if (status != RW_OK) {
        return status;
    }
    if (*n > limits->traces_max) {
        rw_fail(err, RW_LIMIT_EXCEEDED, "query has %zu texts, the limit is %zu", *n,
                limits->traces_max);
        rw_error_hint(err, "--traces-max raises it");
        return RW_LIMIT_EXCEEDED;
    }
    const cJSON *both[] = {f->prompts, f->labels};
    static const char *const NAME[] = {"prompts", "labels"};
    for (int i = 0; i < 2; i++) {
        if (both[i] == NULL || cJSON_IsNull(both[i])) {
            continue;
        }
        status = count_list(both[i], NAME[i], &other, err);
        if (status == RW_OK && other != *n) {
            struct rw_path path = {NULL, NAME[i], -1};
            status = rw_path_fail(&path, err, RW_INVALID_REQUEST,
                                  "%s has %zu entries, query has %zu", NAME[i], other, *n);
        }
        if (status != RW_OK) {
            return status;
        }
    }
    return RW_OK;
}

/* What chat templates and tokenizers put behind an answer. */
static struct rw_str without_tail(struct rw_str text)
{
    static const struct rw_str TAIL[] = {
        {"<|im_end|>", 10},
        {"<|endoftext|>", 13},
        {"<|eot_id|>", 10},
        {"</s>", 4},
        {"<|end_of_text|>", 15},
        {"<pad>", 5},
        {"[PAD]", 5},
        {"<eos>", 5},
        {"<end_of_turn>", 13},
        {"<|end|>", 7},
        {"<｜end▁of▁sentence｜>", 25},
    };
    bool cut = true;
    while (cut) {
        cut = false;
        text = rw_str_trim(text);
        for (size_t i = 0; i < sizeof TAIL / sizeof TAIL[0]; i++) {
            if (rw_str_ends(text, TAIL[i])) {
                text.len -= TAIL[i].len;
                cut = true;
            }
        }
    }
    return text;
}

/* Where an assistant's turn begins in the common templates; the last one counts. */
static size_t answer_begin(struct rw_str query)
{
    static const struct rw_str MARK[] = {
        {"<|im_start|>assistant\n", 22},
        {"<|start_header_id|>assistant<|end_header_id|>\n\n", 47},
        {"[/INST]", 7},
        {"<|assistant|>\n", 14},
        {"<start_of_turn>model\n", 21},
    };
    size_t begin = 0;
    for (size_t i = 0; i < sizeof MARK / sizeof MARK[0]; i++) {
        for (size_t at = rw_str_find(query, MARK[i], 0); at < query.len;
             at = rw_str_find(query, MARK[i], at + 1)) {
            begin = at + MARK[i].len > begin ? at + MARK[i].len : begin;
        }
    }
    return begin;
}

/* The question without the template around it: from the last user mark to the answer's mark. */
static struct rw_str bare_question(struct rw_str prompt)
{
    static const struct rw_str MARK[] = {
        {"<|im_start|>user\n", 17},
        {"<|start_header_id|>user<|end_header_id|>\n\n", 42},
        {"[INST]", 6},
        {"<|user|>\n", 9},
        {"<start_of_turn>user\n", 20},
    };
    static const struct rw_str END[] = {
        {"<|im_end|>", 10},    {"<|eot_id|>", 10},    {"[/INST]", 7},
        {"<|assistant|>", 13}, {"<end_of_turn>", 13},
    };
    for (size_t i = 0; i < sizeof MARK / sizeof MARK[0]; i++) {
        size_t last = prompt.len;
        for (size_t at = rw_str_find(prompt, MARK[i], 0); at < prompt.len;
             at = rw_str_find(prompt, MARK[i], at + 1)) {
            last = at;
        }
        if (last < prompt.len) {
            size_t begin = last + MARK[i].len;
            return rw_str_trim(rw_str_slice(prompt, begin, rw_str_find(prompt, END[i], begin)));
        }
    }
    return rw_str_trim(prompt);
}

static void take_apart(struct rw_str query, struct rw_str prompt, struct rw_request_item *item)
{
    struct rw_request_trace *trace = item->traces;
    size_t begin = answer_begin(query);
    if (prompt.len > 0 && rw_str_starts(query, prompt)) {
        begin = prompt.len;
    } else if (prompt.len == 0) {
        prompt = rw_str_slice(query, 0, begin);
    }
    item->messages[0].content = bare_question(prompt);
    trace->text = without_tail(rw_str_slice(query, begin, query.len));
    if (trace->text.len == 0) {
        rw_fail(&trace->error, RW_EMPTY_TRACE, "the query has no response after its prompt");
    }
}

static const cJSON *entry(const cJSON *list, const cJSON *previous)
{
    return !cJSON_IsArray(list) ? NULL : previous == NULL ? list->child : previous->next;
}

static rw_status read_item(const cJSON *query, const cJSON *prompt, const cJSON *label, long index,
                           const struct rw_limits *limits, struct rw_arena *arena,
                           struct rw_request_item *item, struct rw_error *err)
{
    struct rw_path query_path = {NULL, "query", index};
    struct rw_path prompt_path = {NULL, "prompts", index};
    struct rw_str text = {NULL, 0};
    struct rw_str prefix = {NULL, 0};
    item->messages = rw_arena_array(arena, 1, sizeof *item->messages);
    item->traces = rw_arena_array(arena, 1, sizeof *item->traces);
    if (item->messages == NULL || item->traces == NULL) {
        return rw_fail(err, RW_NO_MEMORY, "no memory for the request");
    }
    item->n_messages = 1;
    item->n_traces = 1;
    item->messages[0].role = RW_REQUEST_USER;
    item->traces[0].is_text = true;
    rw_status status = rw_tree_want_text(query, &query_path, &text, err);
    if (status == RW_OK && prompt != NULL && !cJSON_IsNull(prompt)) {
        status = rw_tree_want_text(prompt, &prompt_path, &prefix, err);
    }
    if (status != RW_OK) {
        return status;
    }
    if (cJSON_IsString(label)) {
        item->reference = rw_str_from(label->valuestring);
    }
    item->traces[0].hidden_texts = rw_tree_hidden(query);
    if (text.len > limits->text_bytes_max) {
        rw_fail(&item->traces[0].error, RW_LIMIT_EXCEEDED,
                "the query has %zu bytes, the limit is "
                "%zu",
                text.len, limits->text_bytes_max);
        rw_error_hint(&item->traces[0].error, "--text-max raises it");
        return RW_OK;
    }
    take_apart(text, prefix, item);
    return RW_OK;
}

rw_status rw_openrlhf_parse(char *body, size_t len, const struct rw_limits *limits,
                            struct rw_arena *arena, struct rw_request *out, struct rw_error *err)
{
    cJSON *root = NULL;
    struct rw_guard_options guard = {.depth_max = RW_JSON_BODY_DEPTH_MAX,
                                     .allow_duplicate_names = false};
    struct rw_path top = {NULL, "body", -1};
    *out = (struct rw_request){.stop_below = NAN, .deadline_ms = NAN, .run = {.step = -1}};
    rw_status status = rw_tree_parse(body, len, &guard, arena, &root, err);
    if (status == RW_OK) {
        status = rw_tree_want_object(root, &top, err);
    }
    if (status != RW_OK) {
        return status;
    }
    struct fields f = {cJSON_GetObjectItemCaseSensitive(root, "query"),
                       cJSON_GetObjectItemCaseSensitive(root, "prompts"),
                       cJSON_GetObjectItemCaseSensitive(root, "labels")};
    status = check_lengths(&f, &out->n_items, limits, err);
    if (status != RW_OK) {
        return status;
    }
    out->items = rw_arena_array(arena, out->n_items + 1, sizeof *out->items);
    if (out->items == NULL) {
        return rw_fail(err, RW_NO_MEMORY, "no memory for the request");
    }
    const cJSON *query = NULL;
    const cJSON *prompt = NULL;
    const cJSON *label = NULL;
    for (size_t i = 0; i < out->n_items && status == RW_OK; i++) {
        query = entry(f.query, query);
        prompt = entry(f.prompts, prompt);
        label = entry(f.labels, label);
        status = read_item(query, prompt, label, (long)i, limits, arena, &out->items[i], err);
    }
    out->n_traces = out->n_items;
    return status;
}

enum log_column {
    LOG_PROCESS,
    LOG_MEAN,
    LOG_STEPS,
    LOG_FIRST_BAD,
    LOG_OUTCOME,
    LOG_COLUMNS,
};

static double log_value(const struct rw_openrlhf_row *row, enum log_column column)
{
    switch (column) {
    case LOG_PROCESS:
        return (double)row->process;
    case LOG_MEAN:
        return (double)row->mean;
    case LOG_STEPS:
        return row->n_steps;
    case LOG_FIRST_BAD:
        return (double)row->first_bad_step;
    default:
        return (double)row->outcome;
    }
}

void rw_openrlhf_write(struct rw_buf *out, const struct rw_openrlhf_row *rows, size_t n,
                       bool has_process, bool has_outcome)
{
    static const char *const NAME[] = {"prm_reward", "prm_mean", "n_steps", "first_bad_step",
                                       "orm_reward"};
    static const char *const LIST[] = {"rewards", "scores"};
    rw_emit_open(out, '{');
    for (int list = 0; list < 2; list++) {
        rw_emit_name(out, LIST[list]);
        rw_emit_open(out, '[');
        for (size_t i = 0; i < n; i++) {
            rw_emit_float(out, rows[i].reward);
        }
        rw_emit_close(out, ']');
    }
    rw_emit_name(out, "extra_logs");
    rw_emit_open(out, '{');
    for (int column = 0; column < LOG_COLUMNS; column++) {
        if (column == LOG_OUTCOME ? !has_outcome : !has_process) {
            continue;
        }
        rw_emit_name(out, NAME[column]);
        rw_emit_open(out, '[');
        for (size_t i = 0; i < n; i++) {
            rw_emit_float(out, (float)log_value(&rows[i], (enum log_column)column));
        }
        rw_emit_close(out, ']');
    }
    rw_emit_close(out, '}');
    rw_emit_close(out, '}');
}
