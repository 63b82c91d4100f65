/* Files of traces in, reports out. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/file.h"
#include "core/base/util.h"
#include "core/io/json.h"
#include "proto/message.h"
#include "proto/request.h"
#include "server/commands/offline.h"

enum {
    FILE_BYTES_MAX = 1 << 30,
    PATH_BYTES_MAX = 4096,
    PROMPT_TURNS_MAX = 256, /* of a prompt in a chat template */
};

struct reader {
    const struct rw_offline *o;
    struct rw_arena *arena;
    struct rw_error *err;
};

static rw_status no_memory(struct reader *r)
{
    return rw_fail(r->err, RW_NO_MEMORY, "no memory left for the traces");
}

static bool is_string(const struct rw_json *value)
{
    return value != NULL && value->type == RW_JSON_STRING;
}

static rw_status read_steps(struct reader *r, const struct rw_json *list, struct rw_sample *out)
{
    struct rw_str *steps = rw_arena_array(r->arena, list->count + 1, sizeof *steps);
    size_t n = 0;
    if (steps == NULL) {
        return no_memory(r);
    }
    RW_JSON_EACH (step, list) {
        if (!is_string(step) || step->text.len == 0) {
            return rw_fail(r->err, RW_INVALID_REQUEST, "step %zu is not a text", n);
        }
        steps[n++] = step->text;
    }
    out->steps = steps;
    out->n_steps = n;
    return n > 0 ? RW_OK : rw_fail(r->err, RW_EMPTY_TRACE, "the trace has no step");
}

/* Cut by the model's rule, as the daemon would. */
static rw_status split_text(struct reader *r, struct rw_str text, struct rw_sample *out)
{
    const struct rw_model *model =
        rw_offline_process(r->o) != NULL ? rw_offline_process(r->o) : rw_offline_outcome(r->o);
    struct rw_message message = {RW_ROLE_USER, out->prompt};
    struct rw_trace_source source = {.messages = &message,
                                     .n_messages = 1,
                                     .is_text = true,
                                     .text = text,
                                     .steps_max = RW_OFFLINE_STEPS_MAX,
                                     .tokens_max = RW_OFFLINE_TOKENS_MAX};
    struct rw_input input;
    rw_status status = rw_model_build_input(model, &source, r->arena, &input, r->err);
    if (status != RW_OK) {
        return status;
    }
    size_t n = input.n_steps > 0 ? input.n_steps : 1;
    struct rw_str *steps = rw_arena_array(r->arena, n, sizeof *steps);
    if (steps == NULL) {
        return no_memory(r);
    }
    for (size_t i = 0; i < n; i++) {
        steps[i] = input.n_steps == 0
                       ? text
                       : rw_str_slice(text, input.steps[i].byte_begin, input.steps[i].byte_end);
    }
    out->steps = steps;
    out->n_steps = n;
    return RW_OK;
}

/* These commands ask with a question alone. One in a chat template is taken out of it; what stands
 * beside it there has no place here, and would be scored as words of the question. */
static rw_status read_prompt(struct reader *r, struct rw_str text, struct rw_str *out)
{
    struct rw_path path = {NULL, "prompt", -1};
    struct rw_request_item item = {0};
    rw_status status = text.len == 0 ? RW_OK
                                     : rw_message_from_prompt(text, &path, PROMPT_TURNS_MAX,
                                                              r->arena, &item, r->err);
    if (status != RW_OK) {
        return status;
    }
    if (item.n_messages > 1 || (item.n_messages == 1 && item.messages[0].role != RW_REQUEST_USER)) {
        return rw_fail(r->err, RW_INVALID_REQUEST,
                       "the prompt is a conversation; give the question alone");
    }
    *out = item.n_messages == 1 ? item.messages[0].content : text;
    return RW_OK;
}

static rw_status read_sample(struct reader *r, const struct rw_json *root, struct rw_sample *out)
{
    const struct rw_json *prompt = rw_json_get(root, "prompt");
    const struct rw_json *steps = rw_json_get(root, "steps");
    const struct rw_json *text = rw_json_get(root, "text");
    const struct rw_json *domain = rw_json_get(root, "domain");
    const struct rw_json *group = rw_json_get(root, "group");
    const struct rw_json *reference = rw_json_get(root, "reference");
    if (!is_string(prompt)) {
        return rw_fail(r->err, RW_INVALID_REQUEST, "a trace needs a \"prompt\"");
    }
    *out = (struct rw_sample){0};
    rw_status status = read_prompt(r, prompt->text, &out->prompt);
    if (status != RW_OK) {
        return status;
    }
    if (is_string(domain)) {
        out->domain = domain->text;
    }
    if (is_string(group)) {
        out->group = group->text;
    }
    if (reference != NULL &&
        (reference->type == RW_JSON_STRING || reference->type == RW_JSON_NUMBER)) {
        out->reference = reference->text;
    }
    if (steps != NULL && steps->type == RW_JSON_ARRAY) {
        return read_steps(r, steps, out);
    }
    if (is_string(text) && text->text.len > 0) {
        return split_text(r, text->text, out);
    }
    return rw_fail(r->err, RW_INVALID_REQUEST, "a trace needs \"steps\" (a list) or a \"text\"");
}

static rw_status read_line(struct reader *r, struct rw_str line, struct rw_sample *out)
{
    const struct rw_json *root;
    rw_status status = rw_json_parse(r->arena, line, &root, r->err);
    if (status == RW_OK && root->type != RW_JSON_OBJECT) {
        return rw_fail(r->err, RW_INVALID_REQUEST, "a line is one JSON object");
    }
    return status == RW_OK ? read_sample(r, root, out) : status;
}

static size_t count_lines(struct rw_str text)
{
    size_t n = 1;
    for (size_t i = 0; i < text.len; i++) {
        n += text.ptr[i] == '\n' ? 1 : 0;
    }
    return n;
}

rw_status rw_offline_read(const struct rw_offline *o, const char *path, size_t max,
                          struct rw_arena *arena, struct rw_sample **out, size_t *n,
                          struct rw_error *err)
{
    struct reader r = {o, arena, err};
    struct rw_str text;
    rw_status status = rw_file_read_all(path, FILE_BYTES_MAX, arena, &text, err);
    if (status != RW_OK) {
        return status;
    }
    size_t lines = count_lines(text);
    size_t number = 0;
    *n = 0;
    *out = rw_arena_array(arena, RW_MIN(lines, max), sizeof **out);
    if (*out == NULL) {
        return no_memory(&r);
    }
    for (size_t at = 0; at < text.len && *n < max; number++) {
        size_t end = rw_str_find(text, RW_STR("\n"), at);
        struct rw_str line = rw_str_trim(rw_str_slice(text, at, end));
        at = end + 1;
        if (line.len == 0) {
            continue;
        }
        status = read_line(&r, line, &(*out)[*n]);
        if (status != RW_OK) {
            rw_error_prefix(err, "%s line %zu", path, number + 1);
            return status;
        }
        (*n)++;
    }
    return *n > 0 ? RW_OK : rw_fail(err, RW_INVALID_REQUEST, "%s holds no trace", path);
}

rw_status rw_offline_write(const char *path, struct rw_str text, struct rw_error *err)
{
    char part[PATH_BYTES_MAX];
    if ((size_t)snprintf(part, sizeof part, "%s.part", path) >= sizeof part) {
        return rw_fail(err, RW_LIMIT_EXCEEDED, "the path is too long");
    }
    FILE *file = fopen(part, "wb");
    if (file == NULL) {
        return rw_fail(err, RW_IO, "%s: %s", part, strerror(errno));
    }
    bool written = fwrite(text.ptr, 1, text.len, file) == text.len && fflush(file) == 0 &&
                   fsync(fileno(file)) == 0;
    int code = errno;
    written = fclose(file) == 0 && written;
    if (!written || rename(part, path) != 0) {
        code = written ? errno : code;
        unlink(part);
        return rw_fail(err, RW_IO, "%s: %s", path, strerror(code));
    }
    return RW_OK;
}
