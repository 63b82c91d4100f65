#include "proto/request_parse.h"

#include <math.h>

#include "core/base/assert.h"
#include "core/base/util.h"
#include "proto/request_item.h"
#include "proto/run_labels.h"

static const int64_t INTEGER_MAX = (int64_t)1 << 53; /* what a double holds exactly */
static const double DEADLINE_MS_MAX = 24 * 3600e3;
static const double DEADLINE_MS_MIN = 1;

/* Top-level fields in the order of the documentation. The first five are those of an item. */
static const char *const FIELD[] = {
    "prompt",     "messages",
    "trace",      "traces",
    "reference",  "items",
    "model",      "outcome_model",
    "aggregate",  "flags",
    "flags_all",  "gate",
    "domain",     "prompt_gap",
    "stop_below", "deadline_ms",
    "overlong",   "roles",
    "split",      "run",
    "stream",     "allow_special_tokens",
    "tools",      "verify",
    "checked",
};

const char *const RW_REQUEST_ROLES[RW_REQUEST_ROLES_COUNT] = {
    [RW_REQUEST_ROLES_AUTO] = "auto",
    [RW_REQUEST_ROLES_POLICY] = "policy",
    [RW_REQUEST_ROLES_ERROR] = "error",
};
const char *const RW_REQUEST_SPLIT[RW_REQUEST_SPLIT_WORDS] = {
    [RW_REQUEST_SPLIT_MODEL] = "model", [RW_REQUEST_SPLIT_PARAGRAPH] = "paragraph",
    [RW_REQUEST_SPLIT_LINE] = "line",   [RW_REQUEST_SPLIT_SENTENCE] = "sentence",
    [RW_REQUEST_SPLIT_NONE] = "none",
};

/* ---- options --------------------------------------------------------------------------------- */

typedef rw_status (*option_reader)(const cJSON *node, const struct rw_path *path,
                                   struct rw_request *out, struct rw_error *err);

static rw_status read_name(const cJSON *node, const struct rw_path *path, struct rw_str *out,
                           struct rw_error *err)
{
    rw_status status = rw_tree_want_text(node, path, out, err);
    if (status == RW_OK && out->len == 0) {
        return rw_path_fail(path, err, RW_INVALID_REQUEST, "%s is empty; null means none",
                            path->name);
    }
    return status;
}

/* null is a value here: no such model, please. */
static rw_status read_model(const cJSON *node, const struct rw_path *path, struct rw_request *out,
                            struct rw_error *err)
{
    out->no_process = cJSON_IsNull(node);
    return out->no_process ? RW_OK : read_name(node, path, &out->model, err);
}

static rw_status read_outcome_model(const cJSON *node, const struct rw_path *path,
                                    struct rw_request *out, struct rw_error *err)
{
    out->no_outcome = cJSON_IsNull(node);
    return out->no_outcome ? RW_OK : read_name(node, path, &out->outcome_model, err);
}

static rw_status read_aggregate(const cJSON *node, const struct rw_path *path,
                                struct rw_request *out, struct rw_error *err)
{
    static const char *const WORD[] = {"min", "product", "mean", "last"};
    size_t which;
    rw_status status = rw_tree_want_word(node, path, WORD, RW_COUNT(WORD), &which, err);
    return status == RW_OK ? rw_tree_want_text(node, path, &out->aggregate, err) : status;
}

static rw_status read_flags(const cJSON *node, const struct rw_path *path, struct rw_request *out,
                            struct rw_error *err)
{
    static const char *const WORD[] = {"off", "free", "cheap", "deep"};
    size_t tier;
    rw_status status = rw_tree_want_word(node, path, WORD, RW_COUNT(WORD), &tier, err);
    if (status == RW_OK) {
        out->flags = (enum rw_flags_tier)tier;
        out->flags_set = true;
    }
    return status;
}

static rw_status read_flags_all(const cJSON *node, const struct rw_path *path,
                                struct rw_request *out, struct rw_error *err)
{
    return rw_tree_want_bool(node, path, &out->flags_all, err);
}

static rw_status read_prompt_gap(const cJSON *node, const struct rw_path *path,
                                 struct rw_request *out, struct rw_error *err)
{
    static const char *const WORD[] = {"start", "full"};
    size_t form;
    rw_status status = rw_tree_want_word(node, path, WORD, RW_COUNT(WORD), &form, err);
    if (status == RW_OK) {
        out->prompt_gap = (enum rw_prompt_gap_form)form;
    }
    return status;
}

static rw_status add_gate(const cJSON *node, const struct rw_path *path, struct rw_request *out,
                          struct rw_error *err)
{
    struct rw_str name;
    rw_status status = read_name(node, path, &name, err);
    for (size_t i = 0; status == RW_OK && i < out->n_gates; i++) {
        if (rw_str_equal(name, out->gates[i])) {
            return rw_path_fail(path, err, RW_INVALID_REQUEST, "gate \"%.*s\" is given twice",
                                RW_STR_ARG(name));
        }
    }
    if (status == RW_OK) {
        out->gates[out->n_gates++] = name;
    }
    return status;
}

/* One name or a list of names. */
static rw_status read_gate(const cJSON *node, const struct rw_path *path, struct rw_request *out,
                           struct rw_error *err)
{
    if (!cJSON_IsArray(node)) {
        return add_gate(node, path, out, err);
    }
    size_t n;
    rw_status status = rw_tree_want_list(node, path, RW_GATES_MAX, "no option", &n, err);
    const cJSON *name = node->child;
    for (size_t i = 0; status == RW_OK && i < n; i++, name = name->next) {
        struct rw_path at = {NULL, "gate", (long)i};
        status = add_gate(name, &at, out, err);
    }
    return status;
}

static rw_status read_domain(const cJSON *node, const struct rw_path *path, struct rw_request *out,
                             struct rw_error *err)
{
    return rw_request_item_domain(node, path, &out->domain, err);
}

static rw_status add_separator(struct rw_request *request, struct rw_str separator,
                               struct rw_error *err)
{
    if (separator.len == 0 || separator.len > RW_REQUEST_SEPARATOR_BYTES_MAX) {
        return rw_fail(err, RW_INVALID_REQUEST, "a separator has 1 to %d bytes",
                       RW_REQUEST_SEPARATOR_BYTES_MAX);
    }
    if (request->n_separators == RW_REQUEST_SEPARATORS_MAX) {
        return rw_fail(err, RW_INVALID_REQUEST, "%d separators at most", RW_REQUEST_SEPARATORS_MAX);
    }
    request->split = RW_REQUEST_SPLIT_LIST;
    request->separators[request->n_separators++] = separator;
    return RW_OK;
}

static rw_status read_separators(const cJSON *list, const struct rw_path *path,
                                 struct rw_request *out, struct rw_error *err)
{
    long i = 0;
    if (list->child == NULL) {
        return rw_path_fail(path, err, RW_INVALID_REQUEST, "split has no separators");
    }
    for (const cJSON *node = list->child; node != NULL; node = node->next, i++) {
        struct rw_path at = {path->up, path->name, i};
        struct rw_str text;
        rw_status status = rw_tree_want_text(node, &at, &text, err);
        if (status != RW_OK) {
            return status;
        }
        status = add_separator(out, text, err);
        if (status != RW_OK) {
            rw_error_param(err, "split[%ld]", i);
            return status;
        }
    }
    return RW_OK;
}

static rw_status read_split(const cJSON *node, const struct rw_path *path, struct rw_request *out,
                            struct rw_error *err)
{
    if (cJSON_IsArray(node)) {
        return read_separators(node, path, out, err);
    }
    size_t which = 0;
    rw_status status =
        rw_tree_want_word(node, path, RW_REQUEST_SPLIT, RW_REQUEST_SPLIT_WORDS, &which, err);
    out->split = (enum rw_request_split)which;
    return status;
}

static rw_status read_roles(const cJSON *node, const struct rw_path *path, struct rw_request *out,
                            struct rw_error *err)
{
    size_t which = 0;
    rw_status status =
        rw_tree_want_word(node, path, RW_REQUEST_ROLES, RW_REQUEST_ROLES_COUNT, &which, err);
    out->roles = (enum rw_request_roles)which;
    return status;
}

static rw_status read_overlong(const cJSON *node, const struct rw_path *path,
                               struct rw_request *out, struct rw_error *err)
{
    static const char *const WORD[] = {"error", "drop_steps"};
    size_t policy;
    rw_status status = rw_tree_want_word(node, path, WORD, RW_COUNT(WORD), &policy, err);
    if (status == RW_OK) {
        out->overlong = (enum rw_overlong_policy)policy;
    }
    return status;
}

static rw_status read_verify(const cJSON *node, const struct rw_path *path, struct rw_request *out,
                             struct rw_error *err)
{
    return rw_request_item_verify(node, path, &out->verify, err);
}

static rw_status read_stop_below(const cJSON *node, const struct rw_path *path,
                                 struct rw_request *out, struct rw_error *err)
{
    return rw_tree_want_number(node, path, 0, 1, &out->stop_below, err);
}

static rw_status read_deadline(const cJSON *node, const struct rw_path *path,
                               struct rw_request *out, struct rw_error *err)
{
    return rw_tree_want_number(node, path, DEADLINE_MS_MIN, DEADLINE_MS_MAX, &out->deadline_ms,
                               err);
}

static rw_status read_stream(const cJSON *node, const struct rw_path *path, struct rw_request *out,
                             struct rw_error *err)
{
    return rw_tree_want_bool(node, path, &out->stream, err);
}

static rw_status read_checked(const cJSON *node, const struct rw_path *path, struct rw_request *out,
                              struct rw_error *err)
{
    return rw_tree_want_bool(node, path, &out->checked, err);
}

static rw_status read_allow_special(const cJSON *node, const struct rw_path *path,
                                    struct rw_request *out, struct rw_error *err)
{
    return rw_tree_want_bool(node, path, &out->allow_special_tokens, err);
}

/* It is a path segment, a key of a database and a name in logs. */
static rw_status read_run_id(const cJSON *node, const struct rw_path *path, struct rw_str *out,
                             struct rw_error *err)
{
    rw_status status = read_name(node, path, out, err);
    return status == RW_OK ? rw_run_labels_check_id(*out, path, err) : status;
}

static rw_status read_labels(const cJSON *node, const struct rw_path *path,
                             struct rw_request_run *run, struct rw_error *err)
{
    rw_status status = rw_tree_want_object(node, path, err);
    for (const cJSON *m = node->child; m != NULL && status == RW_OK; m = m->next) {
        struct rw_path at = {path, m->string, -1};
        struct rw_str value;
        status = rw_tree_want_text(m, &at, &value, err);
        if (status == RW_OK) {
            status = rw_run_labels_add(run, rw_str_from(m->string), value, &at, err);
        }
    }
    return status;
}

/* Traces of a kind are no training traces, whatever `validate` says. */
static rw_status read_kind(const cJSON *node, const struct rw_path *path,
                           struct rw_request_run *run, struct rw_error *err)
{
    struct rw_str kind;
    rw_status status = rw_tree_want_text(node, path, &kind, err);
    bool fits = status == RW_OK && kind.len > 0 && kind.len < sizeof run->kind;
    for (size_t i = 0; fits && i < kind.len; i++) {
        unsigned char c = (unsigned char)kind.ptr[i];
        fits = c - 'a' < 26U || c - '0' < 10U || c == '_';
    }
    if (status == RW_OK && !fits) {
        return rw_path_fail(path, err, RW_INVALID_REQUEST,
                            "a kind has 1 to %zu small letters, digits or '_', as wrong_hint",
                            sizeof run->kind - 1);
    }
    if (status == RW_OK) {
        memcpy(run->kind, kind.ptr, kind.len);
        run->kind[kind.len] = '\0';
    }
    return status;
}

static rw_status read_run(const cJSON *node, const struct rw_path *path, struct rw_request *out,
                          struct rw_error *err)
{
    static const char *const WORD[] = {"id",       "step", "sample_index", "rollout_n",
                                       "validate", "kind", "labels"};
    int64_t *const NUMBER[] = {NULL, &out->run.step, &out->run.sample_index, &out->run.rollout_n};
    rw_status status = rw_tree_want_object(node, path, err);
    for (const cJSON *m = node->child; m != NULL && status == RW_OK; m = m->next) {
        struct rw_path at = {path, m->string, -1};
        size_t i = 0;
        while (i < RW_COUNT(WORD) && !rw_str_is(rw_str_from(m->string), WORD[i])) {
            i++;
        }
        if (i == RW_COUNT(WORD)) {
            return rw_request_item_unknown(path, m, WORD, RW_COUNT(WORD), err);
        }
        if (cJSON_IsNull(m)) {
            continue;
        }
        if (i == 0) {
            status = read_run_id(m, &at, &out->run.id, err);
        } else if (i < RW_COUNT(NUMBER)) {
            status = rw_tree_want_integer(m, &at, 0, INTEGER_MAX, NUMBER[i], err);
        } else if (i == RW_COUNT(NUMBER)) {
            status = rw_tree_want_bool(m, &at, &out->run.validate, err);
        } else if (i == RW_COUNT(NUMBER) + 1) {
            status = read_kind(m, &at, &out->run, err);
        } else {
            status = read_labels(m, &at, &out->run, err);
        }
    }
    out->run.validate = out->run.validate || out->run.kind[0] != '\0';
    return status;
}

static const struct {
    const char *name;
    bool null_is_value; /* else null means absent */
    option_reader read;
} OPTION[] = {
    {"model", true, read_model},
    {"outcome_model", true, read_outcome_model},
    {"aggregate", false, read_aggregate},
    {"flags", false, read_flags},
    {"flags_all", false, read_flags_all},
    {"gate", false, read_gate},
    {"domain", false, read_domain},
    {"prompt_gap", false, read_prompt_gap},
    {"stop_below", false, read_stop_below},
    {"deadline_ms", false, read_deadline},
    {"overlong", false, read_overlong},
    {"roles", false, read_roles},
    {"split", false, read_split},
    {"run", false, read_run},
    {"stream", false, read_stream},
    {"allow_special_tokens", false, read_allow_special},
    {"verify", false, read_verify},
    {"checked", false, read_checked},
};

static rw_status read_option(const cJSON *member, struct rw_request *out, struct rw_error *err)
{
    struct rw_str name = rw_str_from(member->string);
    for (size_t i = 0; i < RW_COUNT(OPTION); i++) {
        if (!rw_str_is(name, OPTION[i].name)) {
            continue;
        }
        struct rw_path path = {NULL, OPTION[i].name, -1};
        bool absent = cJSON_IsNull(member) && !OPTION[i].null_is_value;
        return absent ? RW_OK : OPTION[i].read(member, &path, out, err);
    }
    return rw_request_item_unknown(NULL, member, FIELD, RW_COUNT(FIELD), err);
}

/* ---- items ----------------------------------------------------------------------------------- */

static rw_status read_listed_item(struct rw_request_reader *r, const cJSON *node, size_t index)
{
    static const char *const ITEM_FIELD[] = {"prompt", "tools",     "messages", "trace",
                                             "traces", "reference", "domain",   "sample_index"};
    struct rw_path path = {NULL, "items", (long)index};
    rw_status status = rw_tree_want_object(node, &path, r->err);
    struct rw_item_nodes nodes = {0};
    for (const cJSON *m = node->child; m != NULL && status == RW_OK; m = m->next) {
        if (rw_str_is(rw_str_from(m->string), "domain")) {
            nodes.domain = cJSON_IsNull(m) ? NULL : m;
        } else if (rw_str_is(rw_str_from(m->string), "sample_index")) {
            nodes.sample_index = cJSON_IsNull(m) ? NULL : m;
        } else if (!rw_request_item_take(m, &nodes)) {
            status = rw_request_item_unknown(&path, m, ITEM_FIELD, RW_COUNT(ITEM_FIELD), r->err);
        }
    }
    if (status != RW_OK) {
        return status;
    }
    return rw_request_item_read(r, &path, &nodes, &r->request->items[index]);
}

static rw_status make_items(struct rw_request_reader *r, size_t n)
{
    r->request->items = rw_arena_array(r->arena, n, sizeof *r->request->items);
    if (r->request->items == NULL) {
        return rw_fail(r->err, RW_NO_MEMORY, "no memory for %zu items", n);
    }
    r->request->n_items = n;
    return RW_OK;
}

static rw_status read_items(struct rw_request_reader *r, const cJSON *list)
{
    struct rw_path path = {NULL, "items", -1};
    size_t n;
    rw_status status =
        rw_tree_want_list(list, &path, r->limits->items_max, "--items-max", &n, r->err);
    if (status == RW_OK) {
        status = make_items(r, n);
    }
    const cJSON *node = list->child;
    for (size_t i = 0; status == RW_OK && i < n; i++, node = node->next) {
        status = read_listed_item(r, node, i);
    }
    return status;
}

static bool any_node(const struct rw_item_nodes *nodes)
{
    return nodes->prompt != NULL || nodes->messages != NULL || nodes->trace != NULL ||
           nodes->traces != NULL || nodes->reference != NULL || nodes->tools != NULL;
}

static rw_status read_content(struct rw_request_reader *r, const cJSON *items,
                              const struct rw_item_nodes *nodes)
{
    if (items == NULL) {
        rw_status status = make_items(r, 1);
        return status == RW_OK ? rw_request_item_read(r, NULL, nodes, &r->request->items[0])
                               : status;
    }
    if (any_node(nodes)) {
        struct rw_path path = {NULL, "items", -1};
        return rw_path_fail(
            &path, r->err, RW_INVALID_REQUEST,
            "beside \"items\", prompt, messages, trace, traces and reference belong "
            "inside the items");
    }
    return read_items(r, items);
}

static rw_status read_body(struct rw_request_reader *r, const cJSON *root)
{
    rw_status status = rw_tree_want_object(root, NULL, r->err);
    struct rw_item_nodes nodes = {0};
    const cJSON *items = NULL;
    for (const cJSON *m = root->child; m != NULL && status == RW_OK; m = m->next) {
        if (rw_request_item_take(m, &nodes)) {
            continue;
        }
        if (rw_str_is(rw_str_from(m->string), "items")) {
            items = cJSON_IsNull(m) ? NULL : m;
        } else {
            status = read_option(m, r->request, r->err);
        }
    }
    if (status != RW_OK) {
        return status;
    }
    if (r->request->no_process && r->request->no_outcome) {
        struct rw_path path = {NULL, "model", -1};
        return rw_path_fail(&path, r->err, RW_INVALID_REQUEST,
                            "model and outcome_model are both null: nothing would be scored");
    }
    return read_content(r, items, &nodes);
}

rw_status rw_request_parse(char *body, size_t len, const struct rw_limits *limits,
                           struct rw_arena *arena, struct rw_request *out, struct rw_error *err)
{
    *out = (struct rw_request){
        .stop_below = NAN,
        .deadline_ms = NAN,
        .run = {.step = -1, .sample_index = -1, .rollout_n = -1},
    };
    if (len > limits->body_bytes_max) {
        rw_fail(err, RW_BODY_TOO_LARGE, "the body has %zu bytes; the limit is %zu", len,
                limits->body_bytes_max);
        rw_error_hint(err, "send smaller batches, or raise --body-max");
        return RW_BODY_TOO_LARGE;
    }
    const struct rw_guard_options options = {.depth_max = RW_JSON_BODY_DEPTH_MAX};
    cJSON *root;
    rw_status status = rw_tree_parse(body, len, &options, arena, &root, err);
    if (status != RW_OK) {
        return status;
    }
    struct rw_request_reader reader = {limits, arena, out, err};
    return read_body(&reader, root);
}
