#include "proto/wire.h"

#include <math.h>
#include <stdlib.h>

#include "core/base/util.h"
#include "proto/emit.h"
#include "proto/errors.h"
#include "proto/suggest.h"
#include "proto/tree.h"

enum {
    QUERY_BYTES_MAX = 8192,
    NUMBER_BYTES_MAX = 32, /* of a number in the query */
};

/* ---- the query string ------------------------------------------------------------------------ */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* Percent escapes and "+" (a blank, as forms and requests write it) undone, in the arena. */
static rw_status decode(struct rw_str text, struct rw_arena *arena, struct rw_str *out,
                        struct rw_error *err)
{
    char *to = rw_arena_array(arena, text.len + 1, 1);
    if (to == NULL) {
        return rw_wire_no_memory(arena, err);
    }
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '%') {
            int high = i + 2 < text.len + 0 ? hex_digit(text.ptr[i + 1]) : -1;
            int low = high >= 0 ? hex_digit(text.ptr[i + 2]) : -1;
            if (low < 0) {
                return rw_fail(err, RW_INVALID_REQUEST, "a bad percent escape in the query string");
            }
            c = (char)(high * 16 + low);
            i += 2;
        } else if (c == '+') {
            c = ' ';
        }
        to[n++] = c;
    }
    *out = (struct rw_str){to, n};
    return RW_OK;
}

struct option {
    const char *name;
    rw_status (*read)(struct rw_str value, struct rw_wire_options *out, struct rw_error *err);
};

static rw_status not_among(const char *name, struct rw_str value, const char *const *words,
                           size_t n, struct rw_error *err)
{
    rw_fail(err, RW_INVALID_REQUEST, "%s: \"%.*s\" is not a known value", name, RW_STR_ARG(value));
    rw_suggest(value, words, n, err);
    rw_error_param(err, "?%s", name);
    return RW_INVALID_REQUEST;
}

/* Index of the word; not_among's error else. */
static rw_status word_of(const char *name, struct rw_str value, const char *const *words, size_t n,
                         size_t *out, struct rw_error *err)
{
    for (size_t i = 0; i < n; i++) {
        if (rw_str_is(value, words[i])) {
            *out = i;
            return RW_OK;
        }
    }
    return not_among(name, value, words, n, err);
}

static rw_status named(const char *name, struct rw_str value, size_t max, struct rw_str *out,
                       struct rw_error *err)
{
    if (value.len == 0 || value.len > max) {
        rw_fail(err, RW_INVALID_REQUEST, "%s: between 1 and %zu bytes", name, max);
        rw_error_param(err, "?%s", name);
        return RW_INVALID_REQUEST;
    }
    *out = value;
    return RW_OK;
}

static rw_status read_model(struct rw_str value, struct rw_wire_options *out, struct rw_error *err)
{
    return named("model", value, QUERY_BYTES_MAX, &out->model, err);
}

static rw_status read_outcome_model(struct rw_str value, struct rw_wire_options *out,
                                    struct rw_error *err)
{
    return named("outcome_model", value, QUERY_BYTES_MAX, &out->outcome_model, err);
}

static rw_status read_aggregate(struct rw_str value, struct rw_wire_options *out,
                                struct rw_error *err)
{
    static const char *const WORD[] = {"min", "product", "mean", "last"};
    size_t which;
    out->aggregate = value;
    return word_of("aggregate", value, WORD, RW_COUNT(WORD), &which, err);
}

static rw_status read_run(struct rw_str value, struct rw_wire_options *out, struct rw_error *err)
{
    return named("run", value, RW_REQUEST_RUN_ID_MAX, &out->run, err);
}

static rw_status read_flags(struct rw_str value, struct rw_wire_options *out, struct rw_error *err)
{
    static const char *const WORD[] = {"off", "free", "cheap", "deep"};
    size_t tier = 0;
    rw_status status = word_of("flags", value, WORD, RW_COUNT(WORD), &tier, err);
    out->flags = (enum rw_flags_tier)tier;
    out->flags_set = true;
    return status;
}

static rw_status read_overlong(struct rw_str value, struct rw_wire_options *out,
                               struct rw_error *err)
{
    static const char *const WORD[] = {"error", "drop_steps"};
    size_t which = 0;
    rw_status status = word_of("overlong", value, WORD, RW_COUNT(WORD), &which, err);
    out->drop_steps = which == 1;
    return status;
}

static rw_status read_unscorable(struct rw_str value, struct rw_wire_options *out,
                                 struct rw_error *err)
{
    if (rw_str_is(value, "fail")) {
        out->has_unscorable = false;
        return RW_OK;
    }
    char text[NUMBER_BYTES_MAX] = {0};
    char *end = text;
    if (value.len > 0 && value.len < sizeof text) {
        memcpy(text, value.ptr, value.len);
        out->unscorable = strtod(text, &end);
    }
    if (end == text || *end != '\0' || !isfinite(out->unscorable) || text[0] == ' ') {
        rw_fail(err, RW_INVALID_REQUEST, "unscorable: \"%.*s\" is neither \"fail\" nor a number",
                RW_STR_ARG(value));
        rw_error_hint(err, "unscorable=fail, the default, answers 422 and names every trace; "
                           "unscorable=-1 is your own choice of a reward for them");
        rw_error_param(err, "?unscorable");
        return RW_INVALID_REQUEST;
    }
    out->has_unscorable = true;
    return RW_OK;
}

static rw_status read_roles(struct rw_str value, struct rw_wire_options *out, struct rw_error *err)
{
    size_t which = 0;
    rw_status status =
        word_of("roles", value, RW_REQUEST_ROLES, RW_REQUEST_ROLES_COUNT, &which, err);
    out->roles = (enum rw_request_roles)which;
    return status;
}

static rw_status read_split(struct rw_str value, struct rw_wire_options *out, struct rw_error *err)
{
    size_t which = 0;
    rw_status status =
        word_of("split", value, RW_REQUEST_SPLIT, RW_REQUEST_SPLIT_WORDS, &which, err);
    out->split = (enum rw_request_split)which;
    if (status != RW_OK) {
        rw_error_hint(err, "model, paragraph, line, sentence or none; &separator=TEXT, once or "
                           "more, cuts at texts of your own");
    }
    return status;
}

static rw_status read_separator(struct rw_str value, struct rw_wire_options *out,
                                struct rw_error *err)
{
    if (out->n_separators == RW_REQUEST_SEPARATORS_MAX) {
        rw_fail(err, RW_INVALID_REQUEST, "%d separators at most", RW_REQUEST_SEPARATORS_MAX);
        rw_error_param(err, "?separator");
        return RW_INVALID_REQUEST;
    }
    out->split = RW_REQUEST_SPLIT_LIST;
    return named("separator", value, RW_REQUEST_SEPARATOR_BYTES_MAX,
                 &out->separators[out->n_separators++], err);
}

static rw_status read_which(struct rw_str value, struct rw_wire_options *out, struct rw_error *err)
{
    static const char *const WORD[] = {"process", "outcome"};
    size_t which = 0;
    rw_status status = word_of("which", value, WORD, RW_COUNT(WORD), &which, err);
    out->which = which == 0 ? RW_WIRE_PROCESS : RW_WIRE_OUTCOME;
    return status;
}

static rw_status read_bare(struct rw_str value, struct rw_wire_options *out, struct rw_error *err)
{
    static const char *const WORD[] = {"0", "1", "false", "true"};
    size_t which = 0;
    rw_status status = word_of("bare", value, WORD, RW_COUNT(WORD), &which, err);
    out->bare = which % 2 == 1;
    return status;
}

static const struct option OPTION[] = {
    {"model", read_model},
    {"outcome_model", read_outcome_model},
    {"aggregate", read_aggregate},
    {"flags", read_flags},
    {"run", read_run},
    {"overlong", read_overlong},
    {"unscorable", read_unscorable},
    {"roles", read_roles},
    {"system", read_roles}, /* its older name */
    {"split", read_split},
    {"separator", read_separator},
    {"which", read_which},
    {"bare", read_bare},
};

static rw_status read_option(struct rw_str name, struct rw_str value, struct rw_wire_options *out,
                             struct rw_error *err)
{
    const char *words[RW_COUNT(OPTION)];
    for (size_t i = 0; i < RW_COUNT(OPTION); i++) {
        words[i] = OPTION[i].name;
        if (rw_str_is(name, OPTION[i].name)) {
            return OPTION[i].read(value, out, err);
        }
    }
    rw_fail(err, RW_INVALID_REQUEST, "unknown option \"%.*s\" in the query string",
            RW_STR_ARG(name));
    rw_suggest(name, words, RW_COUNT(words), err);
    rw_error_param(err, "?%.*s", RW_STR_ARG(name));
    return RW_INVALID_REQUEST;
}

rw_status rw_wire_options_parse(struct rw_str query, struct rw_arena *arena,
                                struct rw_wire_options *out, struct rw_error *err)
{
    *out = (struct rw_wire_options){0};
    if (query.len > QUERY_BYTES_MAX) {
        return rw_fail(err, RW_LIMIT_EXCEEDED, "a query string of %zu bytes; the limit is %d",
                       query.len, QUERY_BYTES_MAX);
    }
    rw_status status = RW_OK;
    for (size_t at = 0; at < query.len && status == RW_OK;) {
        size_t end = rw_str_find(query, RW_STR("&"), at);
        struct rw_str pair = rw_str_slice(query, at, end);
        size_t equals = rw_str_find(pair, RW_STR("="), 0);
        struct rw_str name, value;
        at = end + 1;
        if (pair.len == 0) {
            continue;
        }
        status = decode(rw_str_slice(pair, 0, equals), arena, &name, err);
        if (status == RW_OK) {
            size_t begin = RW_MIN(equals + 1, pair.len);
            status = decode(rw_str_slice(pair, begin, pair.len), arena, &value, err);
        }
        if (status == RW_OK) {
            status = read_option(name, value, out, err);
        }
    }
    return status;
}

void rw_wire_options_apply(const struct rw_wire_options *options, struct rw_request *request)
{
    if (options->model.ptr != NULL || options->outcome_model.ptr != NULL) {
        request->any_model = (struct rw_str){NULL, 0}; /* the address beats the body */
    }
    request->model = options->model;
    request->outcome_model = options->outcome_model;
    request->aggregate = options->aggregate;
    request->run.id = request->run.id.ptr != NULL ? request->run.id : options->run;
    if (options->flags_set) {
        request->flags = options->flags;
        request->flags_set = true;
    }
    if (options->drop_steps) {
        request->overlong = RW_REQUEST_OVERLONG_DROP_STEPS;
    }
    request->roles = options->roles;
    request->split = options->split;
    request->n_separators = options->n_separators;
    memcpy(request->separators, options->separators, sizeof request->separators);
}

/* ---- bodies and rows ------------------------------------------------------------------------- */

void rw_wire_request_init(struct rw_request *out)
{
    *out = (struct rw_request){
        .stop_below = NAN,
        .deadline_ms = NAN,
        .run = {.step = -1, .sample_index = -1, .rollout_n = -1},
    };
}

rw_status rw_wire_no_memory(const struct rw_arena *arena, struct rw_error *err)
{
    rw_fail(err, RW_NO_MEMORY, "the request does not fit its memory of %zu bytes",
            arena->max_bytes);
    rw_error_hint(err, "raise --request-memory");
    return RW_NO_MEMORY;
}

rw_status rw_wire_json(const struct rw_wire_input *in, cJSON **root, struct rw_error *err)
{
    const struct rw_guard_options options = {.depth_max = RW_JSON_BODY_DEPTH_MAX};
    if (in->len > in->limits->body_bytes_max) {
        rw_fail(err, RW_BODY_TOO_LARGE, "the body has %zu bytes; the limit is %zu", in->len,
                in->limits->body_bytes_max);
        rw_error_hint(err, "raise --body-max");
        return RW_BODY_TOO_LARGE;
    }
    rw_status status = rw_tree_parse(in->body, in->len, &options, in->arena, root, err);
    return status == RW_OK ? rw_tree_want_object(*root, NULL, err) : status;
}

float rw_wire_row_value(const struct rw_wire_row *row, enum rw_wire_which which, bool raw)
{
    bool process = which == RW_WIRE_OUTCOME ? !row->has_outcome : row->has_process;
    if (process) {
        return row->process;
    }
    return raw ? row->outcome_raw : row->outcome;
}

const char *rw_wire_model_name(const struct rw_wire_reply *reply)
{
    bool process = reply->options->which != RW_WIRE_OUTCOME || reply->outcome_name == NULL;
    return process && reply->process_name != NULL ? reply->process_name : reply->outcome_name;
}

void rw_wire_write_id(const struct rw_wire_reply *reply, const char *prefix, struct rw_buf *out)
{
    rw_emit_open(out, '{');
    rw_emit_name(out, "id");
    rw_buf_append_str(out, RW_STR("\""));
    rw_buf_append_str(out, rw_str_from(prefix));
    rw_buf_append_str(out, rw_str_from(reply->request_id));
    rw_buf_append_str(out, RW_STR("\""));
}

void rw_wire_write_usage(const struct rw_wire_reply *reply, struct rw_buf *out)
{
    rw_emit_name(out, "usage");
    rw_emit_open(out, '{');
    rw_emit_unsigned_field(out, "prompt_tokens", reply->prompt_tokens);
    rw_emit_unsigned_field(out, "total_tokens", reply->prompt_tokens);
    rw_emit_close(out, '}');
}

void rw_wire_write_error_openai(const struct rw_error *error, int http_status,
                                const char *request_id, struct rw_buf *out)
{
    rw_emit_open(out, '{');
    rw_emit_name(out, "error");
    rw_emit_open(out, '{');
    rw_emit_text_field(out, "message", error->message);
    rw_emit_text_field(out, "type", rw_error_entry(error->status)->type);
    rw_emit_text_field(out, "param", error->param[0] != '\0' ? error->param : NULL);
    rw_emit_unsigned_field(out, "code", (uint64_t)http_status);
    rw_emit_text_field(out, "reason", rw_status_code(error->status));
    rw_emit_text_field(out, "hint", error->hint[0] != '\0' ? error->hint : NULL);
    rw_emit_bool_field(out, "retryable", rw_error_entry(error->status)->retryable);
    rw_emit_text_field(out, "request_id", request_id);
    rw_emit_close(out, '}');
    rw_emit_close(out, '}');
}
