/* Renders chat templates for tests/oracle/test_templates.py: lines of
 * {"template":TEXT,"context":{...}} in, {"text":TEXT} or {"error":CODE,"message":TEXT} out. Texts
 * of "messages" count as a client's: "origin" in the reply is 1 where a byte of the result is one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text/jinja.h"

enum {
    ARENA_BYTES = 256 << 20,
};

static void print_text(struct rw_str text)
{
    putchar('"');
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c == '"' || c == '\\') {
            printf("\\%c", c);
        } else if (c < 0x20) {
            printf("\\u%04x", c);
        } else {
            putchar(c);
        }
    }
    putchar('"');
}

static rw_status render(const struct rw_json *line, struct rw_arena *arena,
                        struct rw_jinja_text *out, struct rw_error *err)
{
    const struct rw_json *source = rw_json_get(line, "template");
    const struct rw_json *globals = rw_json_get(line, "context");
    const struct rw_jinja *jinja;
    if (source == NULL || globals == NULL) {
        return rw_fail(err, RW_INVALID_REQUEST, "template and context are wanted");
    }
    rw_status status = rw_jinja_parse(source->text, arena, &jinja, err);
    if (status != RW_OK) {
        return status;
    }
    const struct tm now = {
        .tm_year = 124, .tm_mon = 6, .tm_mday = 26, .tm_wday = 5, .tm_yday = 207};
    const struct rw_jinja_context context = {rw_jinja_from_json(arena, globals), &now};
    return context.globals != NULL ? rw_jinja_render(jinja, &context, arena, out, err)
                                   : rw_fail(err, RW_NO_MEMORY, "the context");
}

static void answer(struct rw_str text)
{
    struct rw_arena arena;
    struct rw_error err = {0};
    const struct rw_json *root;
    struct rw_jinja_text out = {0};
    rw_arena_init(&arena, ARENA_BYTES);
    rw_status status = rw_json_parse(&arena, text, &root, &err);
    status = status == RW_OK ? render(root, &arena, &out, &err) : status;
    if (status == RW_OK) {
        printf("{\"text\":");
        print_text((struct rw_str){out.ptr, out.len});
    } else {
        printf("{\"error\":\"%s\",\"message\":", rw_status_code(status));
        print_text(rw_str_from(err.message));
    }
    printf("}\n");
    fflush(stdout);
    rw_arena_fini(&arena);
}

int main(void)
{
    char *line = NULL;
    size_t size = 0;
    ssize_t n;
    while ((n = getline(&line, &size, stdin)) > 0) {
        answer((struct rw_str){line, (size_t)n});
    }
    free(line);
    return 0;
}
