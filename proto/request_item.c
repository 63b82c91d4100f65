#include "proto/request_item.h"

#include <math.h>

#include "core/base/assert.h"
#include "core/base/util.h"
#include "proto/emit.h"
#include "proto/message.h"
#include "proto/suggest.h"

static const int64_t SAMPLE_INDEX_MAX = (int64_t)1 << 53; /* what a double holds exactly */
static const double REFERENCE_MAX = 9007199254740992.0;   /* 2^53: what 2^53 + 1 is read as */

/* ---- unknown fields -------------------------------------------------------------------------- */

/* What other reward servers and data sets call the same things. */
static const struct {
    const char *theirs;
    const char *hint;
} FOREIGN[] = {
    {"problem", "\"prompt\": \"...\""},
    {"question", "\"prompt\": \"...\""},
    {"query", "\"prompt\": \"...\", or POST to /get_reward for OpenRLHF's wire"},
    {"prompts", "\"items\": [{\"prompt\": \"...\", \"traces\": [...]}, ...]"},
    {"steps", "\"trace\": {\"steps\": [...]}"},
    {"text", "\"trace\": {\"text\": \"...\"}"},
    {"response", "\"trace\": {\"text\": \"...\"}"},
    {"completion", "\"trace\": {\"text\": \"...\"}"},
    {"solution", "\"trace\": {\"text\": \"...\"}"},
    {"responses", "\"traces\": [...]"},
    {"completions", "\"traces\": [...]"},
    {"answer", "\"reference\": \"...\""},
    {"label", "\"reference\": \"...\""},
    {"timeout_ms", "\"deadline_ms\": ..."},
    {"timeout", "\"deadline_ms\": ..."},
    {"process_model", "\"model\": \"...\""},
    {"orm", "\"outcome_model\": \"...\""},
    {"truncation", "\"overlong\": \"drop_steps\""},
};

rw_status rw_request_item_unknown(const struct rw_path *up, const cJSON *member,
                                  const char *const *known, size_t n_known, struct rw_error *err)
{
    struct rw_path path = {up, member->string, -1};
    rw_path_fail(&path, err, RW_INVALID_REQUEST, "unknown field \"%.48s\"", member->string);
    struct rw_str name = rw_str_from(member->string);
    for (size_t i = 0; i < RW_COUNT(FOREIGN); i++) {
        if (up == NULL && rw_str_is(name, FOREIGN[i].theirs)) {
            rw_error_hint(err, "here it is %s", FOREIGN[i].hint);
            return RW_INVALID_REQUEST;
        }
    }
    rw_suggest(name, known, n_known, err);
    return RW_INVALID_REQUEST;
}

bool rw_request_item_take(const cJSON *member, struct rw_item_nodes *nodes)
{
    const struct {
        const char *name;
        const cJSON **slot;
    } SLOT[] = {
        {"prompt", &nodes->prompt}, {"messages", &nodes->messages},   {"trace", &nodes->trace},
        {"traces", &nodes->traces}, {"reference", &nodes->reference}, {"tools", &nodes->tools},
    };
    struct rw_str name = rw_str_from(member->string);
    for (size_t i = 0; i < RW_COUNT(SLOT); i++) {
        if (rw_str_is(name, SLOT[i].name)) {
            *SLOT[i].slot = cJSON_IsNull(member) ? NULL : member;
            return true;
        }
    }
    return false;
}

static rw_status no_memory(struct rw_request_reader *r)
{
    rw_fail(r->err, RW_NO_MEMORY, "the request does not fit its memory of %zu bytes",
            r->arena->max_bytes);
    rw_error_hint(r->err, "send smaller batches, or raise --request-memory");
    return RW_NO_MEMORY;
}

/* ---- text ------------------------------------------------------------------------------------ */

/* What makes one text unusable, as an error of that text alone. */
static rw_status check_text(const struct rw_limits *limits, struct rw_str text,
                            const struct rw_path *path, struct rw_error *err)
{
    if (text.len == 0) {
        return rw_path_fail(path, err, RW_EMPTY_TRACE, "%s is empty", path->name);
    }
    if (text.len > limits->text_bytes_max) {
        rw_path_fail(path, err, RW_LIMIT_EXCEEDED, "%s has %zu bytes; the limit of one text is %zu",
                     path->name, text.len, limits->text_bytes_max);
        rw_error_hint(err, "raise --text-max");
        return RW_LIMIT_EXCEEDED;
    }
    return RW_OK;
}

/* A prompt is no trace: its own words and status. */
static rw_status check_prompt_text(const struct rw_limits *limits, struct rw_str text,
                                   const struct rw_path *path, struct rw_error *err)
{
    if (text.len == 0) {
        return rw_path_fail(path, err, RW_INVALID_REQUEST,
                            "%s is empty: a reward model needs the question", path->name);
    }
    return check_text(limits, text, path, err);
}

/* ---- prompt and messages --------------------------------------------------------------------- */

/* The first unusable content goes to `unusable`; wrong types fail. */
static rw_status read_messages(struct rw_request_reader *r, const cJSON *list,
                               const struct rw_path *up, struct rw_request_item *item,
                               struct rw_error *unusable)
{
    struct rw_path path = {up, "messages", -1};
    rw_status status = rw_tree_want_list(list, &path, r->limits->messages_max, "--messages-max",
                                         &item->n_messages, r->err);
    if (status != RW_OK) {
        return status;
    }
    item->messages = rw_arena_array(r->arena, item->n_messages, sizeof *item->messages);
    if (item->messages == NULL) {
        return no_memory(r);
    }
    size_t i = 0;
    for (const cJSON *node = list->child; node != NULL; node = node->next, i++) {
        struct rw_path at = {up, "messages", (long)i};
        status = rw_message_read(node, &at, true, r->arena, &item->messages[i], r->err);
        if (status != RW_OK) {
            return status;
        }
        struct rw_str content = item->messages[i].content;
        struct rw_path where = {&at, "content", -1};
        if (content.len > 0 && unusable->status == RW_OK) {
            check_text(r->limits, content, &where, unusable);
        }
    }
    return RW_OK;
}

/* A text in a policy's chat template is turned back into its messages: the model has a layout of
 * its own, and would read the marks as part of the question. With allow_special_tokens the client
 * lays the text out itself. */
static rw_status read_prompt(struct rw_request_reader *r, const cJSON *node,
                             const struct rw_path *up, struct rw_request_item *item,
                             struct rw_error *unusable)
{
    struct rw_path path = {up, "prompt", -1};
    struct rw_str text;
    if (cJSON_IsArray(node)) {
        rw_path_fail(&path, r->err, RW_INVALID_REQUEST, "prompt must be a string, not a list");
        rw_error_hint(r->err, "chat messages go into \"messages\", several prompts into \"items\"");
        return RW_INVALID_REQUEST;
    }
    rw_status status = rw_tree_want_text(node, &path, &text, r->err);
    if (status != RW_OK) {
        return status;
    }
    bool usable = check_prompt_text(r->limits, text, &path, unusable) == RW_OK;
    if (usable && !r->request->allow_special_tokens) {
        status =
            rw_message_from_prompt(text, &path, r->limits->messages_max, r->arena, item, unusable);
        return status == RW_NO_MEMORY ? no_memory(r) : RW_OK;
    }
    item->messages = rw_arena_array(r->arena, 1, sizeof *item->messages);
    if (item->messages == NULL) {
        return no_memory(r);
    }
    item->messages[0] = (struct rw_request_message){.role = RW_REQUEST_USER, .content = text};
    item->n_messages = 1;
    return RW_OK;
}

static rw_status read_question(struct rw_request_reader *r, const struct rw_path *path,
                               const struct rw_item_nodes *nodes, struct rw_request_item *item,
                               struct rw_error *unusable)
{
    if ((nodes->prompt != NULL) == (nodes->messages != NULL)) {
        const char *what = nodes->prompt != NULL
                               ? "give either \"prompt\" or \"messages\", not both"
                               : "a \"prompt\" (a string) or \"messages\" (a list) is needed";
        return rw_path_fail(path, r->err, RW_INVALID_REQUEST, "%s", what);
    }
    if (nodes->tools != NULL) {
        struct rw_path at = {path, "tools", -1};
        rw_status status = rw_message_tools(nodes->tools, &at, r->arena, &item->tools, r->err);
        if (status != RW_OK) {
            return status;
        }
    }
    return nodes->prompt != NULL ? read_prompt(r, nodes->prompt, path, item, unusable)
                                 : read_messages(r, nodes->messages, path, item, unusable);
}

/* ---- traces ---------------------------------------------------------------------------------- */

static rw_status read_steps(struct rw_request_reader *r, const cJSON *list,
                            const struct rw_path *up, struct rw_request_trace *out)
{
    struct rw_path path = {up, "steps", -1};
    if (!cJSON_IsArray(list)) {
        return rw_path_fail(&path, r->err, RW_INVALID_REQUEST,
                            "steps must be a list of strings, not %s", rw_tree_type_name(list));
    }
    size_t n = (size_t)cJSON_GetArraySize(list);
    if (n == 0) {
        rw_path_fail(&path, &out->error, RW_EMPTY_TRACE, "the trace has no step");
        return RW_OK;
    }
    if (n > r->limits->steps_max) {
        rw_path_fail(&path, &out->error, RW_LIMIT_EXCEEDED,
                     "the trace has %zu steps; the limit is %zu", n, r->limits->steps_max);
        rw_error_hint(&out->error, "raise --steps-max");
        return RW_OK;
    }
    out->steps = rw_arena_array(r->arena, n, sizeof *out->steps);
    if (out->steps == NULL) {
        return no_memory(r);
    }
    for (const cJSON *node = list->child; node != NULL; node = node->next) {
        struct rw_path at = {up, "steps", (long)out->n_steps};
        struct rw_str *step = &out->steps[out->n_steps++];
        rw_status status = rw_tree_want_text(node, &at, step, r->err);
        if (status != RW_OK) {
            return status;
        }
        if (step->len > 0 && out->error.status == RW_OK) { /* some models score empty steps */
            check_text(r->limits, *step, &at, &out->error);
        }
    }
    return RW_OK;
}

static rw_status read_trace_text(struct rw_request_reader *r, const cJSON *node,
                                 const struct rw_path *path, struct rw_request_trace *out)
{
    rw_status status = rw_tree_want_text(node, path, &out->text, r->err);
    if (status == RW_OK) {
        out->is_text = true;
        check_text(r->limits, out->text, path, &out->error);
    }
    return status;
}

/* An answer is text, or a number as the client wrote it down in JSON: the shortest decimal of its
 * double, so that 42 is "42". */
static rw_status read_reference(struct rw_request_reader *r, const struct rw_path *path,
                                const cJSON *node, struct rw_str *out)
{
    if (node == NULL) {
        return RW_OK;
    }
    if (cJSON_IsNumber(node)) {
        if (fabs(node->valuedouble) >= REFERENCE_MAX) {
            rw_path_fail(path, r->err, RW_INVALID_REQUEST,
                         "a number this large is not exact in JSON");
            rw_error_hint(r->err, "send the reference as a string");
            return RW_INVALID_REQUEST;
        }
        struct rw_buf text;
        rw_buf_init(&text, RW_EMIT_FLOAT_BYTES);
        rw_emit_double(&text, node->valuedouble);
        *out = rw_arena_copy(r->arena, rw_buf_str(&text));
        bool failed = text.failed || out->ptr == NULL;
        rw_buf_fini(&text);
        return failed ? no_memory(r) : RW_OK;
    }
    if (!cJSON_IsString(node)) {
        return rw_path_fail(path, r->err, RW_INVALID_REQUEST,
                            "reference must be a string or a number, not %s",
                            rw_tree_type_name(node));
    }
    rw_status status = rw_tree_want_text(node, path, out, r->err);
    return status == RW_OK && out->len > 0 ? check_text(r->limits, *out, path, r->err) : status;
}

rw_status rw_request_item_domain(const cJSON *node, const struct rw_path *path, struct rw_str *out,
                                 struct rw_error *err)
{
    rw_status status = rw_tree_want_text(node, path, out, err);
    bool good = out->len > 0 && out->len <= RW_DOMAIN_BYTES_MAX;
    for (size_t i = 0; status == RW_OK && good && i < out->len; i++) {
        unsigned char c = (unsigned char)out->ptr[i];
        unsigned char lower = c | 0x20;
        good = (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
               c == '.' || c == '/';
    }
    return status != RW_OK || good
               ? status
               : rw_path_fail(path, err, RW_INVALID_REQUEST,
                              "a domain has 1 to %d letters, digits, '_', '-', '.' or '/'",
                              RW_DOMAIN_BYTES_MAX);
}

static rw_status read_trace_object(struct rw_request_reader *r, const cJSON *node,
                                   const struct rw_path *path, struct rw_request_trace *out)
{
    static const char *const FIELD[] = {"steps", "text", "reference"};
    const cJSON *steps = NULL;
    const cJSON *text = NULL;
    const cJSON *reference = NULL;
    for (const cJSON *m = node->child; m != NULL; m = m->next) {
        struct rw_str name = rw_str_from(m->string);
        if (rw_str_is(name, "steps")) {
            steps = cJSON_IsNull(m) ? NULL : m;
        } else if (rw_str_is(name, "text")) {
            text = cJSON_IsNull(m) ? NULL : m;
        } else if (rw_str_is(name, "reference")) {
            reference = cJSON_IsNull(m) ? NULL : m;
        } else {
            return rw_request_item_unknown(path, m, FIELD, RW_COUNT(FIELD), r->err);
        }
    }
    if ((steps != NULL) == (text != NULL)) {
        return rw_path_fail(path, r->err, RW_INVALID_REQUEST,
                            "a trace has either \"steps\" or \"text\"");
    }
    struct rw_path reference_at = {path, "reference", -1};
    rw_status status = read_reference(r, &reference_at, reference, &out->reference);
    if (status != RW_OK) {
        return status;
    }
    struct rw_path at = {path, "text", -1};
    return steps != NULL ? read_steps(r, steps, path, out) : read_trace_text(r, text, &at, out);
}

/* {"steps": [...]}, {"text": "..."}, "..." or ["...", ...] */
static rw_status read_trace(struct rw_request_reader *r, const cJSON *node,
                            const struct rw_path *path, struct rw_request_trace *out)
{
    out->hidden_texts = rw_tree_hidden(node);
    if (cJSON_IsObject(node)) {
        return read_trace_object(r, node, path, out);
    }
    if (cJSON_IsString(node)) {
        return read_trace_text(r, node, path, out);
    }
    if (cJSON_IsArray(node)) {
        return read_steps(r, node, path, out);
    }
    return rw_path_fail(path, r->err, RW_INVALID_REQUEST,
                        "a trace is an object with \"steps\" or \"text\", a string, or a list of "
                        "strings, not %s",
                        rw_tree_type_name(node));
}

static rw_status read_traces(struct rw_request_reader *r, const struct rw_path *up,
                             const struct rw_item_nodes *nodes, struct rw_request_item *item)
{
    bool many = nodes->traces != NULL;
    if (many == (nodes->trace != NULL)) {
        return rw_path_fail(up, r->err, RW_INVALID_REQUEST, "%s",
                            many ? "give either \"trace\" or \"traces\", not both"
                                 : "a \"trace\" or a list of \"traces\" is needed");
    }
    struct rw_path path = {up, "traces", -1};
    size_t n = 1;
    size_t left = r->limits->traces_max - r->request->n_traces;
    rw_status status =
        many ? rw_tree_want_list(nodes->traces, &path, left, "--traces-max", &n, r->err) : RW_OK;
    if (status == RW_OK && left == 0) {
        rw_path_fail(up, r->err, RW_LIMIT_EXCEEDED, "more traces than the limit of %zu",
                     r->limits->traces_max);
        rw_error_hint(r->err, "send smaller batches, or raise --traces-max");
        return RW_LIMIT_EXCEEDED;
    }
    if (status != RW_OK) {
        return status;
    }
    item->traces = rw_arena_array(r->arena, n, sizeof *item->traces);
    if (item->traces == NULL) {
        return no_memory(r);
    }
    const cJSON *node = many ? nodes->traces->child : nodes->trace;
    for (size_t i = 0; i < n && status == RW_OK; i++, node = node->next) {
        struct rw_path at = {up, many ? "traces" : "trace", many ? (long)i : -1};
        status = read_trace(r, node, &at, &item->traces[i]);
    }
    item->n_traces = n;
    r->request->n_traces += n;
    return status;
}

/* What all traces of the item share. */
static rw_status read_labels(struct rw_request_reader *r, const struct rw_path *up,
                             const struct rw_item_nodes *nodes, struct rw_request_item *item)
{
    struct rw_path reference = {up, "reference", -1};
    struct rw_path domain = {up, "domain", -1};
    rw_status status = read_reference(r, &reference, nodes->reference, &item->reference);
    for (size_t i = 0; status == RW_OK && i < item->n_traces; i++) {
        if (item->traces[i].reference.ptr == NULL) {
            item->traces[i].reference = item->reference;
        }
    }
    if (status == RW_OK && nodes->domain != NULL) {
        status = rw_request_item_domain(nodes->domain, &domain, &item->domain, r->err);
    }
    if (status == RW_OK && nodes->sample_index != NULL) {
        struct rw_path sample = {up, "sample_index", -1};
        item->has_sample_index = true;
        status = rw_tree_want_integer(nodes->sample_index, &sample, 0, SAMPLE_INDEX_MAX,
                                      &item->sample_index, r->err);
    }
    return status;
}

rw_status rw_request_item_read(struct rw_request_reader *reader, const struct rw_path *path,
                               const struct rw_item_nodes *nodes, struct rw_request_item *item)
{
    struct rw_error unusable = {0};
    rw_status status = read_question(reader, path, nodes, item, &unusable);
    if (status == RW_OK) {
        status = read_traces(reader, path, nodes, item);
    }
    if (status == RW_OK) {
        status = read_labels(reader, path, nodes, item);
    }
    if (status != RW_OK || unusable.status == RW_OK) {
        return status;
    }
    if (path == NULL) {
        if (reader->err != NULL) {
            *reader->err = unusable;
        }
        return unusable.status;
    }
    for (size_t i = 0; i < item->n_traces; i++) {
        if (item->traces[i].error.status == RW_OK) {
            item->traces[i].error = unusable;
        }
    }
    return RW_OK;
}

/* ---- how answers are compared ---------------------------------------------------------------- */

static const double TOLERANCE_MAX = 0.5;

rw_status rw_request_item_verify(const cJSON *node, const struct rw_path *path,
                                 struct rw_verify_options *out, struct rw_error *err)
{
    static const char *const FIELDS[] = {"tolerance", "rounding", "ordered",
                                         "units",     "any_box",  "read_thinking"};
    bool *const SWITCH[] = {NULL,        &out->rounding, &out->ordered,
                            &out->units, &out->any_box,  &out->read_thinking};
    rw_status status = rw_tree_want_object(node, path, err);
    for (const cJSON *m = node->child; m != NULL && status == RW_OK; m = m->next) {
        struct rw_path at = {path, m->string, -1};
        size_t i = 0;
        while (i < RW_COUNT(FIELDS) && !rw_str_is(rw_str_from(m->string), FIELDS[i])) {
            i++;
        }
        if (i == RW_COUNT(FIELDS)) {
            return rw_request_item_unknown(path, m, FIELDS, RW_COUNT(FIELDS), err);
        }
        if (cJSON_IsNull(m)) {
            continue;
        }
        status = i == 0 ? rw_tree_want_number(m, &at, 0, TOLERANCE_MAX, &out->tolerance, err)
                        : rw_tree_want_bool(m, &at, SWITCH[i], err);
    }
    return status;
}
