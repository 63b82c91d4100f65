/* One wire (WIRE, one of proto/wires.def) on any bytes: a byte that chooses the scene, a line that
 * is the query string, the rest is the body.
 *
 * What is read is well-formed text. What is refused has the wire's own form of an error and no
 * status of ours (5xx). What is accepted is answered: rows are made up, some of them lost, and
 * every number that was "not computed" is POISON. It must never be in a reply. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/base/utf8.h"
#include "core/base/util.h"
#include "proto/errors.h"
#include "proto/tree.h"
#include "tests/lib/wire_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    STEPS_MAX = 64, /* of a made-up row */
    REPLY_BYTES_MAX = 64 << 20,
};

/* Bits of the first byte. */
enum {
    SCENE_MARKER = 1,     /* --response-marker is configured */
    SCENE_NO_PROCESS = 2, /* which models took part, where the wire leaves it open */
    SCENE_NO_OUTCOME = 4,
    SCENE_LOSSES = 8, /* every second trace is over the context */
};

#define POISON 777.25F

struct scene {
    const struct rw_wire *wire;
    unsigned bits;
    struct rw_arena arena;
    struct rw_wire_options options;
    struct rw_request request;
    void *state;
};

static const struct rw_error LOST = {.status = RW_CONTEXT_EXCEEDED, .message = "made up"};

/* ---- what was read --------------------------------------------------------------------------- */

static void check_text(struct rw_str text)
{
    rw_assert(rw_utf8_check(text) == text.len);
}

static void check_trace(const struct rw_request_trace *trace)
{
    if (trace->error.status != RW_OK) {
        rw_assert(trace->error.message[0] != '\0');
        return;
    }
    if (trace->raw == RW_RAW_IDS) {
        for (size_t i = 0; i < trace->n_ids; i++) {
            rw_assert(trace->ids[i] >= 0);
        }
    } else if (trace->is_text) {
        check_text(trace->text);
    } else {
        rw_assert(trace->n_steps > 0);
        for (size_t i = 0; i < trace->n_steps; i++) {
            check_text(trace->steps[i]);
        }
    }
}

static void check_request(const struct scene *s)
{
    size_t n = 0;
    for (size_t i = 0; i < s->request.n_items; i++) {
        const struct rw_request_item *item = &s->request.items[i];
        for (size_t m = 0; m < item->n_messages; m++) {
            check_text(item->messages[m].content);
        }
        for (size_t t = 0; t < item->n_traces; t++) {
            check_trace(&item->traces[t]);
        }
        rw_assert(item->n_traces == 1 || s->wire->lost == RW_WIRE_LOST_LEFT_OUT);
        n += item->n_traces;
    }
    rw_assert(n == s->request.n_traces);
}

/* ---- rows ------------------------------------------------------------------------------------ */

static bool process_takes_part(const struct scene *s)
{
    if (s->request.no_outcome || s->request.no_process) {
        return !s->request.no_process;
    }
    return (s->bits & SCENE_NO_PROCESS) == 0;
}

static bool outcome_takes_part(const struct scene *s)
{
    bool asked = !s->request.no_outcome && (s->bits & SCENE_NO_OUTCOME) == 0;
    return !process_takes_part(s) || (asked && !s->wire->one_model);
}

static uint32_t steps_of(const struct rw_request_trace *trace)
{
    size_t n = trace->raw == RW_RAW_IDS ? trace->n_ids : trace->is_text ? 2 : trace->n_steps;
    return (uint32_t)RW_MIN(RW_MAX(n, 1), STEPS_MAX);
}

static struct rw_wire_row row_of(const struct scene *s, const struct rw_request_trace *trace,
                                 size_t at)
{
    static const struct rw_reply_flag FLAG[] = {{.name = "shortcut", .fired = true, .p = 0.5},
                                                {.name = "other", .fired = true, .p = NAN}};
    static struct rw_reply_step good[STEPS_MAX], poison[STEPS_MAX];
    for (size_t i = 0; i < STEPS_MAX; i++) {
        good[i] = (struct rw_reply_step){.scored = true, .reward = 0.25F, .raw = -1};
        poison[i] = (struct rw_reply_step){.scored = true, .reward = POISON, .raw = POISON};
    }
    bool lost = trace->error.status != RW_OK || ((s->bits & SCENE_LOSSES) != 0 && at % 2 == 1);
    bool process = process_takes_part(s), outcome = outcome_takes_part(s);
    bool has_process = process && !lost, has_outcome = outcome && !lost;
    return (struct rw_wire_row){
        .error = trace->error.status != RW_OK ? &trace->error
                 : lost                       ? &LOST
                                              : NULL,
        .has_process = process,
        .has_outcome = outcome,
        .process = has_process ? 0.25F : POISON,
        .mean = has_process ? 0.5F : POISON,
        .outcome = has_outcome ? 0.75F : POISON,
        .outcome_raw = has_outcome ? 1.5F : POISON,
        .first_bad_step = 0,
        .steps = has_process ? good : poison,
        .n_steps = steps_of(trace),
        .verified = (enum rw_reply_verified)(at % 3),
        .shortcut_p = at % 2 == 0 ? NAN : 0.5F,
        .flags = FLAG,
        .n_flags = RW_COUNT(FLAG),
        .fired = RW_COUNT(FLAG),
        .tokens = 7,
    };
}

static struct rw_wire_row *rows_of(const struct scene *s)
{
    struct rw_wire_row *rows = calloc(s->request.n_traces + 1, sizeof *rows);
    rw_assert(rows != NULL);
    size_t n = 0;
    for (size_t i = 0; i < s->request.n_items; i++) {
        for (size_t t = 0; t < s->request.items[i].n_traces; t++, n++) {
            rows[n] = row_of(s, &s->request.items[i].traces[t], n);
        }
    }
    return rows;
}

/* ---- what is said ---------------------------------------------------------------------------- */

static const cJSON *parse(struct scene *s, struct rw_buf *text)
{
    const struct rw_guard_options options = {.depth_max = RW_JSON_BODY_DEPTH_MAX};
    struct rw_error err = {0};
    cJSON *root = NULL;
    rw_assert(!text->failed);
    rw_assert(rw_tree_parse(text->ptr, text->len, &options, &s->arena, &root, &err) == RW_OK);
    return root;
}

static void check_error(struct scene *s, const struct rw_error *error)
{
    struct rw_buf text;
    int status = rw_error_entry(error->status)->http_status;
    rw_assert(error->message[0] != '\0');
    rw_assert(status >= 400 && status < 500);
    rw_buf_init(&text, REPLY_BYTES_MAX);
    if (s->wire->write_error != NULL) {
        s->wire->write_error(error, status, "r", &text);
    } else {
        rw_error_write_body(&text, error, status, "r");
    }
    const cJSON *said = cJSON_GetObjectItemCaseSensitive(parse(s, &text), "error");
    const cJSON *message =
        cJSON_IsString(said) ? said : cJSON_GetObjectItemCaseSensitive(said, "message");
    rw_assert(cJSON_IsString(message) && message->valuestring[0] != '\0');
    if (s->wire->write_error == rw_wire_write_error_openai) {
        rw_assert(cJSON_GetObjectItemCaseSensitive(said, "code")->valuedouble == status);
    }
    rw_buf_fini(&text);
}

/* No number that was not computed, and no null where a client reads one. */
static void check_values(const cJSON *node)
{
    for (; node != NULL; node = node->next) {
        rw_assert(!cJSON_IsNumber(node) || node->valuedouble != (double)POISON);
        rw_assert(!cJSON_IsNull(node) || strcmp(node->string, "verified") == 0 ||
                  strcmp(node->string, "p") == 0);
        if (!cJSON_IsString(node)) {
            check_values(node->child);
        }
    }
}

/* What has no score is left out, and nothing else is said twice. */
static void check_left_out(const cJSON *root, const struct rw_wire_row *rows, size_t n)
{
    size_t said = 0, scored = 0;
    for (size_t i = 0; i < n; i++) {
        scored += rows[i].error == NULL;
    }
    const cJSON *results = cJSON_GetObjectItemCaseSensitive(root, "results");
    for (const cJSON *one = results->child; one != NULL; one = one->next, said++) {
        double index = cJSON_GetObjectItemCaseSensitive(one, "index")->valuedouble;
        rw_assert(index >= 0 && index < (double)n && rows[(size_t)index].error == NULL);
    }
    rw_assert(said <= scored && (said > 0 || scored == 0));
}

static void check_reply(struct scene *s, const struct rw_wire_row *rows)
{
    struct rw_buf text;
    const struct rw_wire_reply reply = {
        .rows = rows,
        .n = s->request.n_traces,
        .has_process = process_takes_part(s),
        .has_outcome = outcome_takes_part(s),
        .request_id = "r",
        .process_name = process_takes_part(s) ? "prm" : NULL,
        .outcome_name = outcome_takes_part(s) ? "orm" : NULL,
        .prompt_tokens = 7,
        .created = 5,
        .options = &s->options,
        .state = s->state,
    };
    rw_buf_init(&text, REPLY_BYTES_MAX);
    s->wire->write(&reply, &text);
    const cJSON *root = parse(s, &text);
    if (s->options.unscorable != (double)POISON) { /* the user's own number */
        check_values(root);
    }
    if (s->wire->lost == RW_WIRE_LOST_LEFT_OUT) {
        check_left_out(root, rows, reply.n);
    }
    rw_buf_fini(&text);
}

/* As server/scoring/wires.c: a lost trace fails its request where a client reads numbers only. */
static void answer(struct scene *s)
{
    struct rw_wire_row *rows = rows_of(s);
    const struct rw_error *lost = NULL;
    bool excused = s->options.has_unscorable && s->wire->takes_unscorable;
    if (s->options.which == RW_WIRE_EITHER) {
        s->options.which = s->wire->which;
    }
    for (size_t i = 0; i < s->request.n_traces && lost == NULL; i++) {
        lost = excused || s->wire->lost != RW_WIRE_LOST_FAILS ? NULL : rows[i].error;
    }
    if (lost != NULL) {
        check_error(s, lost);
    } else {
        check_reply(s, rows);
    }
    free(rows);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct scene s;
    struct rw_error err = {0};
    const uint8_t *line = size > 0 ? memchr(data, '\n', size) : NULL;
    if (line == NULL || line == data) {
        return 0;
    }
    s = (struct scene){.wire = &WIRE, .bits = data[0]};
    struct rw_str marker = (s.bits & SCENE_MARKER) != 0 ? RW_STR("assistant\n") : RW_STR("");
    size_t query = (size_t)(line - data) - 1, len = size - query - 2;
    char *body = malloc(len + 1); /* ends where the block ends: the sanitizer sees it */
    rw_assert(body != NULL);
    memcpy(body + 1, line + 1, len);
    rw_arena_init(&s.arena, RW_LIMITS_DEFAULT.arena_bytes_max);
    rw_status status = wire_read(s.wire, rw_str_from(s.wire->path[0]),
                                 (struct rw_str){(const char *)data + 1, query}, body + 1, len,
                                 marker, &s.arena, &s.options, &s.request, &s.state, &err);
    if (status == RW_OK) {
        check_request(&s);
        answer(&s);
    } else {
        rw_assert(err.status == status);
        check_error(&s, &err);
    }
    rw_arena_fini(&s.arena);
    free(body);
    return 0;
}
