#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "core/base/utf8.h"
#include "core/base/util.h"
#include "proto/run_labels.h"
#include "proto/suggest.h"
#include "proto/wire.h"

enum {
    QUERY_BYTES_MAX = 8192,
    NUMBER_BYTES_MAX = 32, /* of a number in the query */
};

static const int64_t INTEGER_MAX = (int64_t)1 << 53; /* as in /v1/rewards */

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
            int high = i + 2 < text.len ? hex_digit(text.ptr[i + 1]) : -1;
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
    return rw_utf8_check(*out) == n
               ? RW_OK
               : rw_fail(err, RW_INVALID_UTF8, "the query string is not UTF-8");
}

struct option {
    const char *name;
    rw_status (*read)(struct rw_str value, struct rw_wire_options *out, struct rw_error *err);
    bool repeats;
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
    struct rw_path path = {NULL, "?run", -1};
    out->run.id = value;
    return rw_run_labels_check_id(value, &path, err);
}

static rw_status integer(const char *name, struct rw_str value, int64_t *out, struct rw_error *err)
{
    *out = 0;
    bool good = value.len > 0 && value.len <= NUMBER_BYTES_MAX;
    for (size_t i = 0; i < value.len && good; i++) {
        good = value.ptr[i] >= '0' && value.ptr[i] <= '9' && *out <= INTEGER_MAX / 10;
        *out = good ? *out * 10 + (value.ptr[i] - '0') : 0;
    }
    if (!good || *out > INTEGER_MAX) {
        rw_fail(err, RW_INVALID_REQUEST, "%s: a whole number from 0 to 2^53", name);
        rw_error_param(err, "?%s", name);
        return RW_INVALID_REQUEST;
    }
    return RW_OK;
}

static rw_status read_step(struct rw_str value, struct rw_wire_options *out, struct rw_error *err)
{
    return integer("step", value, &out->run.step, err);
}

static rw_status read_sample_index(struct rw_str value, struct rw_wire_options *out,
                                   struct rw_error *err)
{
    return integer("sample_index", value, &out->run.sample_index, err);
}

static rw_status read_rollout_n(struct rw_str value, struct rw_wire_options *out,
                                struct rw_error *err)
{
    return integer("rollout_n", value, &out->run.rollout_n, err);
}

static rw_status truth(const char *name, struct rw_str value, bool *out, struct rw_error *err)
{
    static const char *const WORD[] = {"0", "1", "false", "true"};
    size_t which = 0;
    rw_status status = word_of(name, value, WORD, RW_COUNT(WORD), &which, err);
    *out = which % 2 == 1;
    return status;
}

static rw_status read_validate(struct rw_str value, struct rw_wire_options *out,
                               struct rw_error *err)
{
    return truth("validate", value, &out->run.validate, err);
}

/* label=NAME=VALUE */
static rw_status read_label(struct rw_str value, struct rw_wire_options *out, struct rw_error *err)
{
    struct rw_path path = {NULL, "?label", -1};
    size_t equals = rw_str_find(value, RW_STR("="), 0);
    struct rw_str name = rw_str_slice(value, 0, equals);
    value = rw_str_slice(value, RW_MIN(equals + 1, value.len), value.len);
    return rw_run_labels_add(&out->run, name, value, &path, err);
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
    /* Rewards are float32: what is none is no number here either. */
    if (end == text || *end != '\0' || !(fabs(out->unscorable) <= (double)FLT_MAX) ||
        text[0] == ' ') {
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
    return truth("bare", value, &out->bare, err);
}

static const struct option OPTION[] = {
    {"model", read_model, false},
    {"outcome_model", read_outcome_model, false},
    {"aggregate", read_aggregate, false},
    {"flags", read_flags, false},
    {"run", read_run, false},
    {"step", read_step, false},
    {"sample_index", read_sample_index, false},
    {"rollout_n", read_rollout_n, false},
    {"validate", read_validate, false},
    {"label", read_label, true},
    {"overlong", read_overlong, false},
    {"unscorable", read_unscorable, false},
    {"roles", read_roles, false},
    {"system", read_roles, false}, /* its older name */
    {"split", read_split, false},
    {"separator", read_separator, true},
    {"which", read_which, false},
    {"bare", read_bare, false},
};

/* *seen: a bit for each option, since of two values one would be ignored. */
static rw_status read_option(struct rw_str name, struct rw_str value, uint32_t *seen,
                             struct rw_wire_options *out, struct rw_error *err)
{
    const char *words[RW_COUNT(OPTION)];
    for (size_t i = 0; i < RW_COUNT(OPTION); i++) {
        words[i] = OPTION[i].name;
        if (!rw_str_is(name, OPTION[i].name)) {
            continue;
        }
        bool twice = (*seen >> i & 1) != 0 && !OPTION[i].repeats;
        *seen |= UINT32_C(1) << i;
        if (!twice) {
            return OPTION[i].read(value, out, err);
        }
        rw_fail(err, RW_INVALID_REQUEST, "%s is given twice", OPTION[i].name);
        rw_error_param(err, "?%s", OPTION[i].name);
        return RW_INVALID_REQUEST;
    }
    rw_fail(err, RW_INVALID_REQUEST, "unknown option \"%.*s\" in the query string",
            RW_STR_ARG(name));
    rw_suggest(name, words, RW_COUNT(words), err);
    rw_error_param(err, "?%.*s", RW_STR_ARG(name));
    return RW_INVALID_REQUEST;
}

static rw_status check_together(const struct rw_wire_options *o, struct rw_error *err)
{
    const struct rw_request_run *run = &o->run;
    const char *lonely = run->id.ptr != NULL      ? NULL
                         : run->step >= 0         ? "step"
                         : run->sample_index >= 0 ? "sample_index"
                         : run->rollout_n >= 0    ? "rollout_n"
                         : run->validate          ? "validate"
                         : run->n_labels > 0      ? "label"
                                                  : NULL;
    if (lonely != NULL) {
        rw_fail(err, RW_INVALID_REQUEST, "%s is of a training run, and none is named", lonely);
        rw_error_hint(err, "add &run=NAME");
        rw_error_param(err, "?%s", lonely);
        return RW_INVALID_REQUEST;
    }
    return RW_OK;
}

rw_status rw_wire_options_parse(struct rw_str query, struct rw_arena *arena,
                                struct rw_wire_options *out, struct rw_error *err)
{
    *out = (struct rw_wire_options){.run = {.step = -1, .sample_index = -1, .rollout_n = -1}};
    if (query.len > QUERY_BYTES_MAX) {
        return rw_fail(err, RW_LIMIT_EXCEEDED, "a query string of %zu bytes; the limit is %d",
                       query.len, QUERY_BYTES_MAX);
    }
    uint32_t seen = 0;
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
            status = read_option(name, value, &seen, out, err);
        }
    }
    return status == RW_OK ? check_together(out, err) : status;
}

void rw_wire_options_apply(const struct rw_wire_options *options, struct rw_request *request)
{
    if (options->model.ptr != NULL || options->outcome_model.ptr != NULL) {
        request->any_model = (struct rw_str){NULL, 0}; /* the address beats the body */
    }
    request->model = options->model;
    request->outcome_model = options->outcome_model;
    request->aggregate = options->aggregate;
    request->run = options->run;
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
