#include "proto/tree.h"

#include <math.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "core/base/assert.h"
#include "proto/suggest.h"

static const double WHOLE_NUMBER_MAX = 9007199254740992.0; /* 2^53 */

enum {
    NUMBER_UNSURE = INT32_MIN,
    CJSON_NUMBER_BYTES_MAX = 63, /* its buffer; what is longer, it would cut */
    NUMBER_SHOWN_DIGITS = 16,
};

/* ---- cJSON on an arena ----------------------------------------------------------------------- */

/* cJSON's hooks take no context; parsing is one call, so that the arena can be the thread's. */
static _Thread_local struct rw_arena *current_arena;
static _Thread_local bool refused;

static void *arena_malloc(size_t bytes)
{
    rw_assert(current_arena != NULL);
    void *ptr = rw_arena_alloc(current_arena, bytes);
    refused = refused || ptr == NULL;
    return ptr;
}

static void arena_free(void *ptr)
{
    (void)ptr; /* with the arena */
}

static void install_hooks(void)
{
    cJSON_Hooks hooks = {.malloc_fn = arena_malloc, .free_fn = arena_free};
    cJSON_InitHooks(&hooks);
}

static cJSON *parse_into(const char *body, size_t len, struct rw_arena *arena)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, install_hooks);
    current_arena = arena;
    refused = false;
    cJSON *root = cJSON_ParseWithLengthOpts(body, len, NULL, false);
    current_arena = NULL;
    return root;
}

/* ---- hidden text ----------------------------------------------------------------------------- */

struct marker {
    const struct rw_guard_report *report;
    size_t next;     /* record of the report */
    uint32_t string; /* strings seen so far */
};

static uint32_t mark_one(struct marker *m)
{
    uint32_t count = 0;
    if (m->next < m->report->n_hidden && m->report->hidden[m->next].string == m->string) {
        count = m->report->hidden[m->next++].count;
    }
    m->string++;
    return count;
}

/* The guard numbers strings in document order, and so does this walk. cJSON uses `valueint` for
 * numbers only: for strings it is ours. The depth is the guard's. */
static void mark_hidden(cJSON *node, struct marker *m)
{
    for (; node != NULL; node = node->next) {
        if (node->string != NULL) {
            mark_one(m);
        }
        if (cJSON_IsString(node)) {
            node->valueint = (int)mark_one(m);
        } else {
            mark_hidden(node->child, m);
        }
    }
}

/* Where some number of the body has a fraction or an exponent, no whole number of it is known to be
 * one: 1.0 and 1 are the same double. `valueint` of numbers is nobody's else. */
static void mark_numbers(cJSON *node)
{
    for (; node != NULL; node = node->next) {
        if (cJSON_IsNumber(node)) {
            node->valueint = NUMBER_UNSURE;
        } else if (!cJSON_IsString(node)) {
            mark_numbers(node->child);
        }
    }
}

bool rw_tree_number_is_sure(const cJSON *node)
{
    double value = node->valuedouble;
    return value != floor(value) ||
           (node->valueint != NUMBER_UNSURE && fabs(value) < WHOLE_NUMBER_MAX);
}

size_t rw_tree_hidden(const cJSON *node)
{
    if (cJSON_IsString(node)) {
        return (size_t)node->valueint;
    }
    size_t total = 0;
    for (const cJSON *child = node->child; child != NULL; child = child->next) {
        total += rw_tree_hidden(child);
    }
    return total;
}

rw_status rw_tree_parse(char *body, size_t len, const struct rw_guard_options *options,
                        struct rw_arena *arena, cJSON **root, struct rw_error *err)
{
    struct rw_guard_report report;
    rw_status status = rw_guard_check(body, len, options, arena, &report, err);
    if (status != RW_OK) {
        return status;
    }
    if (report.number_bytes_max > CJSON_NUMBER_BYTES_MAX) {
        return rw_fail(err, RW_LIMIT_EXCEEDED, "a number of %zu characters; the limit is %d",
                       report.number_bytes_max, CJSON_NUMBER_BYTES_MAX);
    }
    *root = parse_into(body, len, arena);
    if (*root == NULL) {
        if (refused) {
            rw_fail(err, RW_NO_MEMORY, "the request does not fit its memory of %zu bytes",
                    arena->max_bytes);
            rw_error_hint(err, "send smaller batches, or raise --request-memory");
            return RW_NO_MEMORY;
        }
        return rw_fail(err, RW_INTERNAL, "the guard and the parser disagree about the body");
    }
    if (report.fractions) {
        mark_numbers(*root);
    }
    if (report.n_hidden > 0) {
        struct marker marker = {.report = &report};
        mark_hidden(*root, &marker);
        rw_assert(marker.next == report.n_hidden && marker.string == report.strings);
    }
    return RW_OK;
}

/* ---- paths ----------------------------------------------------------------------------------- */

static size_t render_path(const struct rw_path *path, char *to, size_t size)
{
    size_t used = path->up != NULL ? render_path(path->up, to, size) : 0;
    if (used >= size) {
        return used;
    }
    int n = snprintf(to + used, size - used, "%s%s", used > 0 ? "." : "", path->name);
    used += (size_t)n;
    if (path->index >= 0 && used < size) {
        used += (size_t)snprintf(to + used, size - used, "[%ld]", path->index);
    }
    return used;
}

static void set_param(const struct rw_path *path, struct rw_error *err)
{
    if (path == NULL || err == NULL) {
        return;
    }
    char text[RW_ERROR_PARAM_MAX];
    render_path(path, text, sizeof text);
    rw_error_param(err, "%s", text);
}

rw_status rw_path_fail(const struct rw_path *path, struct rw_error *err, rw_status status,
                       const char *format, ...)
{
    char message[RW_ERROR_MESSAGE_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    rw_fail(err, status, "%s", message);
    set_param(path, err);
    return status;
}

/* ---- getters --------------------------------------------------------------------------------- */

const char *rw_tree_type_name(const cJSON *node)
{
    switch (node->type & 0xFF) {
    case cJSON_String:
        return "a string";
    case cJSON_Number:
        return "a number";
    case cJSON_Array:
        return "a list";
    case cJSON_Object:
        return "an object";
    case cJSON_NULL:
        return "null";
    default:
        return "a boolean";
    }
}

static rw_status fail_type(const cJSON *node, const struct rw_path *path, const char *wanted,
                           struct rw_error *err)
{
    if (path == NULL) {
        return rw_fail(err, RW_INVALID_REQUEST, "the body must be %s, not %s", wanted,
                       rw_tree_type_name(node));
    }
    if (node == NULL) {
        return rw_path_fail(path, err, RW_INVALID_REQUEST, "%s is missing; it must be %s",
                            path->name, wanted);
    }
    return rw_path_fail(path, err, RW_INVALID_REQUEST, "%s must be %s, not %s", path->name, wanted,
                        rw_tree_type_name(node));
}

rw_status rw_tree_want_text(const cJSON *node, const struct rw_path *path, struct rw_str *out,
                            struct rw_error *err)
{
    if (!cJSON_IsString(node)) {
        return fail_type(node, path, "a string", err);
    }
    *out = rw_str_from(node->valuestring);
    return RW_OK;
}

rw_status rw_tree_want_bool(const cJSON *node, const struct rw_path *path, bool *out,
                            struct rw_error *err)
{
    if (!cJSON_IsBool(node)) {
        return fail_type(node, path, "true or false", err);
    }
    *out = cJSON_IsTrue(node);
    return RW_OK;
}

rw_status rw_tree_want_number(const cJSON *node, const struct rw_path *path, double min, double max,
                              double *out, struct rw_error *err)
{
    if (!cJSON_IsNumber(node)) {
        return fail_type(node, path, "a number", err);
    }
    double value = node->valuedouble;
    if (!isfinite(value) || value < min || value > max) {
        return rw_path_fail(path, err, RW_INVALID_REQUEST, "%s must be from %.*g to %.*g",
                            path->name, NUMBER_SHOWN_DIGITS, min, NUMBER_SHOWN_DIGITS, max);
    }
    *out = value;
    return RW_OK;
}

rw_status rw_tree_want_integer(const cJSON *node, const struct rw_path *path, int64_t min,
                               int64_t max, int64_t *out, struct rw_error *err)
{
    double value = 0;
    rw_status status = rw_tree_want_number(node, path, (double)min, (double)max, &value, err);
    if (status != RW_OK) {
        return status;
    }
    if (value != floor(value)) {
        return rw_path_fail(path, err, RW_INVALID_REQUEST, "%s must be a whole number, not %g",
                            path->name, value);
    }
    *out = (int64_t)value;
    return RW_OK;
}

rw_status rw_tree_want_object(const cJSON *node, const struct rw_path *path, struct rw_error *err)
{
    return cJSON_IsObject(node) ? RW_OK : fail_type(node, path, "an object", err);
}

rw_status rw_tree_want_list(const cJSON *node, const struct rw_path *path, size_t max,
                            const char *option, size_t *count, struct rw_error *err)
{
    if (!cJSON_IsArray(node)) {
        return fail_type(node, path, "a list", err);
    }
    *count = (size_t)cJSON_GetArraySize(node);
    if (*count == 0) {
        return rw_path_fail(path, err, RW_INVALID_REQUEST, "%s is empty: an entry is needed",
                            path->name);
    }
    if (*count > max) {
        rw_path_fail(path, err, RW_LIMIT_EXCEEDED, "%s has %zu entries; the limit is %zu",
                     path->name, *count, max);
        if (option != NULL) {
            rw_error_hint(err, "send smaller batches, or raise %s", option);
        }
        return RW_LIMIT_EXCEEDED;
    }
    return RW_OK;
}

rw_status rw_tree_want_word(const cJSON *node, const struct rw_path *path, const char *const *words,
                            size_t n, size_t *out, struct rw_error *err)
{
    struct rw_str text;
    rw_status status = rw_tree_want_text(node, path, &text, err);
    if (status != RW_OK) {
        return status;
    }
    for (size_t i = 0; i < n; i++) {
        if (rw_str_is(text, words[i])) {
            *out = i;
            return RW_OK;
        }
    }
    rw_path_fail(path, err, RW_INVALID_REQUEST, "%s cannot be \"%.48s\"", path->name,
                 node->valuestring);
    rw_suggest(text, words, n, err);
    return RW_INVALID_REQUEST;
}
