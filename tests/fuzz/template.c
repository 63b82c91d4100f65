/* Chat templates: any bytes are refused with a line, or render within their limits to text whose
 * origins are those of its messages. */
#include <stdint.h>
#include <stdlib.h>

#include "core/base/assert.h"
#include "core/base/utf8.h"
#include "core/text/jinja.h"

enum {
    PARSE_BYTES = 64 << 20,
    RENDER_BYTES = 32 << 20,
};

static const char MESSAGES[] =
    "{\"messages\":[{\"role\":\"system\",\"content\":\"Be "
    "brief.\"},{\"role\":\"user\",\"content\":["
    "{\"type\":\"text\",\"text\":\"2+3?\"}]},{\"role\":\"assistant\",\"content\":\"\","
    "\"tool_calls\":[{\"function\":{\"name\":\"add\",\"arguments\":{\"a\":2,\"b\":2.5,\"c\":null}}}"
    "]}"
    ",{\"role\":\"tool\",\"content\":\"5\"}],\"tools\":null,\"bos_token\":\"<s>\",\"n\":3,"
    "\"xs\":[1,\"b\",[true]]}";
static const char ANSWER[] = "<think>\nh\xC3\xA9\n</think>\n\n 2+3 = 5. \xF0\x9F\x99\x82 ";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct rw_jinja_text *text)
{
    rw_assert(rw_utf8_check((struct rw_str){text->ptr, text->len}) == text->len);
    for (size_t i = 0; i < text->len; i++) {
        uint32_t origin = text->origin[i];
        bool known = origin >= 1 && origin < sizeof ANSWER;
        rw_assert(origin == 0 || known || origin == UINT32_MAX);
        /* A known byte is the byte that was given, or the other case of its letter. */
        rw_assert(!known || (ANSWER[origin - 1] | 32) == (text->ptr[i] | 32));
    }
}

static const struct rw_jinja_value *make_context(struct rw_arena *arena)
{
    struct rw_error err;
    const struct rw_json *json;
    rw_assert(rw_json_parse(arena, rw_str_from(MESSAGES), &json, &err) == RW_OK);
    struct rw_jinja_value *context = rw_jinja_from_json(arena, json);
    struct rw_jinja_value *messages = rw_jinja_from_json(arena, rw_json_get(json, "messages"));
    struct rw_jinja_value *turn = rw_jinja_dict(arena);
    rw_assert(rw_jinja_put(arena, turn, "role", rw_jinja_str(arena, RW_STR("assistant"), 0)) &&
              rw_jinja_put(arena, turn, "content", rw_jinja_str(arena, rw_str_from(ANSWER), 1)) &&
              rw_jinja_append(arena, messages, turn) &&
              rw_jinja_put(arena, context, "messages", messages));
    return context;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rw_arena arena;
    struct rw_arena scratch;
    struct rw_error err = {0};
    const struct rw_jinja *jinja;
    struct rw_jinja_text text;
    const struct tm now = {.tm_year = 124, .tm_mon = 6, .tm_mday = 26, .tm_wday = 5};
    rw_arena_init(&arena, PARSE_BYTES);
    rw_arena_init(&scratch, RENDER_BYTES);
    if (rw_jinja_parse((struct rw_str){(const char *)data, size}, &arena, &jinja, &err) == RW_OK) {
        const struct rw_jinja_context context = {make_context(&scratch), &now};
        if (rw_jinja_render(jinja, &context, &scratch, &text, &err) == RW_OK) {
            check(&text);
        } else {
            rw_assert(err.message[0] != '\0');
        }
    } else {
        rw_assert(err.message[0] != '\0');
    }
    rw_arena_fini(&scratch);
    rw_arena_fini(&arena);
    return 0;
}
