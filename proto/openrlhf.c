/* OpenRLHF's remote reward model, POST /get_reward, in all six eras of its wire (v0.4.0 to
 * v0.11.2):
 *
 *     {"query":[...], "prompts":[...], "labels":[...]}  ->  {"rewards":[...], "scores":[...],
 *                                                            "extra_logs":{name:[...]}}
 *
 * `prompts` and `labels` may be missing (older eras), `query` may be one string, unknown fields are
 * ignored, and empty lists are answered with empty lists: with several URLs the newer client sends
 * those to all but the first.
 *
 * `query` is prompt and response in the policy's chat template, special tokens included. The
 * response is, in this order: what follows prompts[i] when that is a prefix of the query (tokens
 * that begin a text or pad it set aside); what follows the first occurrence of the configured
 * marker; the only assistant turn of a recognised template (proto/chat_template.h). A query with
 * several assistant turns and no usable prompt is refused rather than guessed at. End and padding
 * tokens are stripped from the response; prompts in a known template become messages again.
 *
 * rewards: the aggregate of the process model if one took part, else the raw outcome value, as
 * OpenRLHF's own server gives it (?which= chooses). scores: the same in [0, 1], for dynamic
 * filtering. extra_logs: numbers only, the same names in every reply of one daemon, because the
 * trainer stacks them; -1 stands for what is unknown (verified, shortcut_p) or not scored.
 *
 * A sample that cannot be scored (empty, over-long) fails its request, which names all of them: a
 * missing reward ends the training run either way, and a zero would poison it. With ?unscorable=N
 * the user has chosen N for them; `scored` in extra_logs says which. Any thread. */
#include <math.h>

#include "core/base/util.h"
#include "proto/chat_template.h"
#include "proto/emit.h"
#include "proto/tree.h"
#include "proto/wire_item.h"

struct reader {
    const struct rw_wire_input *in;
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
    return rw_wire_no_memory(r->in->arena, r->err);
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
    if (out->n > r->in->limits->traces_max) {
        rw_path_fail(&path, r->err, RW_LIMIT_EXCEEDED, "query has %zu entries; the limit is %zu",
                     out->n, r->in->limits->traces_max);
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

/* Whether the marker is part of a known template's own header. */
static bool is_open(struct reader *r, struct rw_str text)
{
    struct rw_chat_turns chat;
    bool refused;
    return rw_chat_template_parse(text, r->in->limits->messages_max, r->in->arena, &chat,
                                  &refused) &&
           chat.open;
}

static rw_status split_by_template(struct reader *r, struct rw_str query,
                                   const struct rw_path *path, struct rw_request_item *item,
                                   struct rw_str *response)
{
    struct rw_chat_turns chat;
    bool refused;
    query = rw_chat_template_strip_end(query);
    bool parsed =
        rw_chat_template_parse(query, r->in->limits->messages_max, r->in->arena, &chat, &refused);
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
        return rw_wire_prompt_text(r->in, bare_prompt, path, item, r->err);
    }
    size_t at =
        r->in->response_marker.len > 0 ? rw_str_find(query, r->in->response_marker, 0) : query.len;
    if (at < query.len) {
        size_t behind = at + r->in->response_marker.len;
        bool part = prompt.len == 0 && is_open(r, rw_str_slice(query, 0, behind));
        struct rw_str before = rw_str_slice(query, 0, part ? behind : at);
        *response = rw_str_slice(query, behind, query.len);
        return rw_wire_prompt_text(r->in, prompt.len > 0 ? prompt : before, path, item, r->err);
    }
    return split_by_template(r, query, path, item, response);
}

static rw_status check_prompt(struct reader *r, const struct rw_request_item *item,
                              const struct rw_path *path)
{
    size_t longest = 0;
    size_t bytes = 0;
    for (size_t i = 0; i < item->n_messages; i++) {
        bytes += item->messages[i].content.len;
        longest = RW_MAX(item->messages[i].content.len, longest);
    }
    if (longest > r->in->limits->text_bytes_max) {
        rw_path_fail(path, r->err, RW_LIMIT_EXCEEDED, "a message of %zu bytes; the limit is %zu",
                     longest, r->in->limits->text_bytes_max);
        rw_error_hint(r->err, "raise --text-max");
        return RW_LIMIT_EXCEEDED;
    }
    return bytes > 0 ? RW_OK
                     : rw_path_fail(path, r->err, RW_INVALID_REQUEST, "the prompt is empty");
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
    if (status == RW_OK) {
        status = check_prompt(r, item, &path);
    }
    if (status == RW_OK) {
        status = rw_wire_trace_text(r->in, response, &path, rw_tree_hidden(query), item, r->err);
    }
    return status == RW_OK ? rw_wire_reference(r->in, label, item, r->err) : status;
}

static rw_status read_queries(struct reader *r, const struct lists *lists, struct rw_request *out)
{
    rw_status status = rw_wire_items(r->in, lists->n, out, r->err);
    const cJSON *query = first_of(lists->query);
    const cJSON *prompt = first_of(lists->prompts);
    const cJSON *label = first_of(lists->labels);
    for (size_t i = 0; i < lists->n && status == RW_OK; i++) {
        status = read_query(r, i, query, prompt, label, &out->items[i]);
        query = query->next;
        prompt = prompt != NULL ? prompt->next : NULL;
        label = label != NULL ? label->next : NULL;
    }
    return status;
}

static rw_status read_body(const struct rw_wire_input *in, struct rw_request *out, void **state,
                           struct rw_error *err)
{
    (void)state;
    rw_wire_request_init(out);
    struct reader reader = {in, err};
    struct lists lists = {0};
    cJSON *root = NULL;
    rw_status status = rw_wire_json(in, &root, err);
    if (status == RW_OK) {
        status = read_lists(&reader, root, &lists);
    }
    return status == RW_OK ? read_queries(&reader, &lists, out) : status;
}

/* ---- reply ----------------------------------------------------------------------------------- */

/* A column of extra_logs. `value` of a row that could not be scored is never asked. */
struct column {
    const char *name;
    float (*value)(const struct rw_wire_row *row);
    bool process; /* only where such a model took part */
    bool outcome;
};

static float process_of(const struct rw_wire_row *row)
{
    return row->process;
}

static float mean_of(const struct rw_wire_row *row)
{
    return row->mean;
}

static float steps_of(const struct rw_wire_row *row)
{
    return (float)row->n_steps;
}

static float first_bad_of(const struct rw_wire_row *row)
{
    return (float)row->first_bad_step;
}

static float outcome_of(const struct rw_wire_row *row)
{
    return row->has_outcome ? row->outcome : -1;
}

static float verified_of(const struct rw_wire_row *row)
{
    return row->verified == RW_REPLY_VERIFIED_RIGHT   ? 1
           : row->verified == RW_REPLY_VERIFIED_WRONG ? 0
                                                      : -1;
}

static float shortcut_p_of(const struct rw_wire_row *row)
{
    return isnan(row->shortcut_p) ? -1 : row->shortcut_p;
}

static float fired_of(const struct rw_wire_row *row)
{
    return (float)row->fired;
}

static const struct column COLUMN[] = {
    {"prm_reward", process_of, true, false},     {"prm_mean", mean_of, true, false},
    {"n_steps", steps_of, true, false},          {"first_bad_step", first_bad_of, true, false},
    {"orm_reward", outcome_of, false, true},     {"verified", verified_of, false, false},
    {"shortcut_p", shortcut_p_of, false, false}, {"flags_fired", fired_of, false, false},
};

static void write_column(struct rw_buf *out, const struct rw_wire_reply *reply,
                         const struct column *column)
{
    rw_emit_name(out, column->name);
    rw_emit_open(out, '[');
    for (size_t i = 0; i < reply->n; i++) {
        const struct rw_wire_row *row = &reply->rows[i];
        rw_emit_float(out, row->error == NULL ? column->value(row) : -1);
    }
    rw_emit_close(out, ']');
}

/* rewards: the process aggregate, or the raw outcome score, as OpenRLHF's own server gives it. */
static void write_values(struct rw_buf *out, const struct rw_wire_reply *reply, const char *name,
                         bool raw)
{
    rw_emit_name(out, name);
    rw_emit_open(out, '[');
    for (size_t i = 0; i < reply->n; i++) {
        const struct rw_wire_row *row = &reply->rows[i];
        rw_emit_float(out, row->error == NULL ? rw_wire_row_value(row, reply->options->which, raw)
                                              : (float)reply->options->unscorable);
    }
    rw_emit_close(out, ']');
}

static void write_scored(struct rw_buf *out, const struct rw_wire_reply *reply)
{
    rw_emit_name(out, "scored");
    rw_emit_open(out, '[');
    for (size_t i = 0; i < reply->n; i++) {
        rw_emit_unsigned(out, reply->rows[i].error == NULL ? 1 : 0);
    }
    rw_emit_close(out, ']');
}

static void write_reply(const struct rw_wire_reply *reply, struct rw_buf *out)
{
    rw_emit_open(out, '{');
    write_values(out, reply, "rewards", true);
    write_values(out, reply, "scores", false);
    rw_emit_name(out, "extra_logs");
    rw_emit_open(out, '{');
    for (size_t c = 0; c < RW_COUNT(COLUMN); c++) {
        bool there = (!COLUMN[c].process || reply->has_process) &&
                     (!COLUMN[c].outcome || reply->has_outcome);
        if (there) {
            write_column(out, reply, &COLUMN[c]);
        }
    }
    write_scored(out, reply);
    rw_emit_close(out, '}');
    rw_emit_close(out, '}');
}

const struct rw_wire RW_WIRE_OPENRLHF = {
    .path = {"/get_reward"},
    .read = read_body,
    .write = write_reply,
    .lost = RW_WIRE_LOST_FAILS,
    .takes_unscorable = true,
    .hold = true,
    .flags = true,
};
