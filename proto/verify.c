#include "proto/verify.h"

#include "core/base/util.h"
#include "proto/emit.h"
#include "proto/request_item.h"
#include "proto/tree.h"

enum {
    NUMBER_BYTES = 32, /* of a reference that is a number */
};

static const double WHOLE_MAX = 9007199254740991.0; /* 2^53 - 1 */

struct reader {
    const struct rw_limits *limits;
    struct rw_arena *arena;
    struct rw_error *err;
    bool lenient;
};

static rw_status no_memory(struct reader *r)
{
    return rw_fail_memory(r->err, "the request");
}

static rw_status read_text(struct reader *r, const cJSON *node, const struct rw_path *path,
                           struct rw_str *out)
{
    rw_status status = rw_tree_want_text(node, path, out, r->err);
    if (status == RW_OK && out->len > r->limits->text_bytes_max) {
        rw_path_fail(path, r->err, RW_LIMIT_EXCEEDED, "%s has %zu bytes; the limit is %zu",
                     path->name, out->len, r->limits->text_bytes_max);
        rw_error_hint(r->err, "raise --text-max");
        return RW_LIMIT_EXCEEDED;
    }
    return status;
}

/* A number means its shortest decimal. */
static rw_status read_reference(struct reader *r, const cJSON *node, const struct rw_path *path,
                                struct rw_str *out)
{
    if (cJSON_IsNull(node)) {
        return RW_OK;
    }
    if (!cJSON_IsNumber(node)) {
        return read_text(r, node, path, out);
    }
    double value = 0;
    rw_status status = rw_tree_want_number(node, path, -WHOLE_MAX, WHOLE_MAX, &value, r->err);
    char *text = rw_arena_alloc(r->arena, NUMBER_BYTES);
    if (status != RW_OK || text == NULL) {
        return status != RW_OK ? status : no_memory(r);
    }
    struct rw_buf buf;
    rw_buf_init(&buf, NUMBER_BYTES);
    rw_emit_double(&buf, value);
    if (buf.failed) {
        rw_buf_fini(&buf);
        return no_memory(r);
    }
    memcpy(text, buf.ptr, buf.len);
    *out = (struct rw_str){text, buf.len};
    rw_buf_fini(&buf);
    return RW_OK;
}

static rw_status read_steps(struct reader *r, const cJSON *node, const struct rw_path *path,
                            struct rw_verify_item *out)
{
    size_t n = 0;
    rw_status status =
        rw_tree_want_list(node, path, r->limits->steps_max, "--steps-max", &n, r->err);
    struct rw_str *steps = status == RW_OK ? rw_arena_array(r->arena, n + 1, sizeof *steps) : NULL;
    if (steps == NULL) {
        return status != RW_OK ? status : no_memory(r);
    }
    struct rw_path at = {path->up, path->name, 0};
    for (const cJSON *step = node->child; step != NULL && status == RW_OK;
         step = step->next, at.index++) {
        status = read_text(r, step, &at, &steps[at.index]);
    }
    out->steps = steps;
    out->n_steps = n;
    return status;
}

static rw_status read_one(struct reader *r, const cJSON *node, const struct rw_path *path,
                          struct rw_verify_item *out)
{
    struct rw_str *text = rw_arena_alloc(r->arena, sizeof *text);
    if (text == NULL) {
        return no_memory(r);
    }
    out->steps = text;
    out->n_steps = 1;
    return read_text(r, node, path, text);
}

static const char *const ITEM_FIELDS[] = {"answer", "text", "steps", "reference"};

/* One member of an item; *sources counts what says the answer. */
static rw_status read_member(struct reader *r, const cJSON *m, const struct rw_path *up,
                             struct rw_verify_item *out, int *sources)
{
    struct rw_str name = rw_str_from(m->string);
    struct rw_path path = {up, m->string, -1};
    if (rw_str_is(name, "reference")) {
        return read_reference(r, m, &path, &out->reference);
    }
    bool steps = rw_str_is(name, "steps");
    bool answer = rw_str_is(name, "answer");
    if (steps || answer || rw_str_is(name, "text")) {
        ++*sources;
        out->given = answer;
        return steps ? read_steps(r, m, &path, out) : read_one(r, m, &path, out);
    }
    return r->lenient ? RW_OK
                      : rw_request_item_unknown(up, m, ITEM_FIELDS, RW_COUNT(ITEM_FIELDS), r->err);
}

static rw_status read_item(struct reader *r, const cJSON *node, const struct rw_path *path,
                           struct rw_verify_item *out)
{
    int sources = 0;
    rw_status status = rw_tree_want_object(node, path, r->err);
    for (const cJSON *m = node->child; m != NULL && status == RW_OK; m = m->next) {
        bool options = path == NULL && rw_str_is(rw_str_from(m->string), "options");
        status = options ? RW_OK : read_member(r, m, path, out, &sources);
    }
    if (status == RW_OK && sources != 1) {
        rw_fail(r->err, RW_INVALID_REQUEST, "an item needs exactly one of text, steps and answer");
        rw_error_hint(r->err, "text or steps: a trace; answer: an answer and nothing else");
        return RW_INVALID_REQUEST;
    }
    return status;
}

static rw_status read_items(struct reader *r, const cJSON *list, struct rw_verify_request *out)
{
    struct rw_path path = {NULL, "items", -1};
    size_t n = 0;
    rw_status status =
        rw_tree_want_list(list, &path, RW_VERIFY_ITEMS_MAX, "the number of requests", &n, r->err);
    out->items = status == RW_OK ? rw_arena_array(r->arena, n, sizeof *out->items) : NULL;
    if (out->items == NULL) {
        return status != RW_OK ? status : no_memory(r);
    }
    path.index = 0;
    for (const cJSON *item = list->child; item != NULL && status == RW_OK;
         item = item->next, path.index++) {
        status = read_item(r, item, &path, &out->items[path.index]);
    }
    out->n = n;
    return status;
}

static rw_status read_body(struct reader *r, const cJSON *root, struct rw_verify_request *out)
{
    static const char *const FIELDS[] = {"items", "options", "answer",
                                         "text",  "steps",   "reference"};
    rw_status status = rw_tree_want_object(root, NULL, r->err);
    if (status != RW_OK) {
        return status;
    }
    const cJSON *items = cJSON_GetObjectItemCaseSensitive(root, "items");
    const cJSON *options = cJSON_GetObjectItemCaseSensitive(root, "options");
    if (options != NULL && !cJSON_IsNull(options)) {
        struct rw_path path = {NULL, "options", -1};
        status = rw_request_item_verify(options, &path, &out->options, r->err);
    }
    if (items != NULL) {
        for (const cJSON *m = root->child; m != NULL && status == RW_OK; m = m->next) {
            bool known = m == items || m == options;
            status =
                known || r->lenient ? RW_OK : rw_request_item_unknown(NULL, m, FIELDS, 2, r->err);
        }
        return status == RW_OK ? read_items(r, items, out) : status;
    }
    out->items = rw_arena_alloc(r->arena, sizeof *out->items);
    out->n = 1;
    if (out->items == NULL) {
        return no_memory(r);
    }
    return status == RW_OK ? read_item(r, root, NULL, out->items) : status;
}

rw_status rw_verify_parse(char *body, size_t len, const struct rw_limits *limits, bool lenient,
                          struct rw_arena *arena, struct rw_verify_request *out,
                          struct rw_error *err)
{
    const struct rw_guard_options options = {.depth_max = RW_JSON_BODY_DEPTH_MAX};
    struct reader r = {limits, arena, err, lenient};
    cJSON *root = NULL;
    *out = (struct rw_verify_request){.n = 0};
    if (len > limits->body_bytes_max) {
        rw_fail(err, RW_BODY_TOO_LARGE, "the body has %zu bytes; the limit is %zu", len,
                limits->body_bytes_max);
        rw_error_hint(err, "send smaller batches, or raise --body-max");
        return RW_BODY_TOO_LARGE;
    }
    rw_status status = rw_tree_parse(body, len, &options, arena, &root, err);
    return status == RW_OK ? read_body(&r, root, out) : status;
}

/* ---- reply ----------------------------------------------------------------------------------- */

static void write_slice(struct rw_buf *out, const char *name, struct rw_str text)
{
    rw_emit_name(out, name);
    if (text.ptr == NULL || text.len == 0) {
        rw_emit_raw(out, "null");
    } else {
        rw_emit_text(out, text);
    }
}

void rw_verify_emit(struct rw_buf *out, const char *verified, const char *reason,
                    const struct rw_reply_verdict *verdict)
{
    rw_emit_name(out, verified);
    if (verdict->verified == RW_REPLY_VERIFIED_UNKNOWN) {
        rw_emit_raw(out, "null");
    } else {
        rw_emit_bool(out, verdict->verified == RW_REPLY_VERIFIED_RIGHT);
    }
    rw_emit_name(out, reason);
    if (verdict->rule == NULL) {
        rw_emit_raw(out, "null");
        return;
    }
    rw_emit_open(out, '{');
    rw_emit_text_field(out, "rule", verdict->rule);
    rw_emit_text_field(out, "message", verdict->message);
    rw_emit_text_field(out, "evidence", verdict->evidence);
    write_slice(out, "answer", verdict->answer);
    write_slice(out, "reference", verdict->reference);
    rw_emit_name(out, "step");
    if (verdict->step < 0) {
        rw_emit_raw(out, "null");
        rw_emit_name(out, "bytes");
        rw_emit_raw(out, "null");
    } else {
        rw_emit_unsigned(out, (uint64_t)verdict->step);
        rw_emit_name(out, "bytes");
        rw_emit_span(out, verdict->begin, verdict->end);
    }
    rw_emit_close(out, '}');
}
