/* Reads one test case {"messages":[{"role","content"}], "steps":[...] | "text": "..."} written by
 * the oracle. For test drivers only. */
#ifndef RW_TESTS_CASE_JSON_H
#define RW_TESTS_CASE_JSON_H

#include <stdio.h>
#include <string.h>

#include "core/base/arena.h"
#include "core/io/json.h"
#include "core/model/input.h"

static inline enum rw_role case_role(const struct rw_json *role)
{
    return rw_json_is_string(role, "system")      ? RW_ROLE_SYSTEM
           : rw_json_is_string(role, "assistant") ? RW_ROLE_ASSISTANT
                                                  : RW_ROLE_USER;
}

/* False when memory is refused or the shape is wrong. */
static inline bool case_read(const struct rw_json *root, struct rw_arena *arena,
                             struct rw_trace_source *out)
{
    const struct rw_json *messages = rw_json_get(root, "messages");
    const struct rw_json *steps = rw_json_get(root, "steps");
    const struct rw_json *text = rw_json_get(root, "text");
    *out = (struct rw_trace_source){.steps_max = 100000, .tokens_max = SIZE_MAX};
    out->parse_special = rw_json_get(root, "parse_special") != NULL;
    out->overlong =
        rw_json_get(root, "drop_steps") != NULL ? RW_OVERLONG_DROP_STEPS : RW_OVERLONG_ERROR;
    uint64_t max;
    if (rw_json_u64(rw_json_get(root, "tokens_max"), &max)) {
        out->tokens_max = (size_t)max;
    }
    struct rw_message *to = rw_arena_array(arena, messages ? messages->count + 1 : 1, sizeof *to);
    struct rw_str *list = rw_arena_array(arena, steps ? steps->count + 1 : 1, sizeof *list);
    if (to == NULL || list == NULL) {
        return false;
    }
    RW_JSON_EACH (item, messages) {
        const struct rw_json *content = rw_json_get(item, "content");
        if (content == NULL) {
            return false;
        }
        to[out->n_messages++] =
            (struct rw_message){case_role(rw_json_get(item, "role")), content->text};
    }
    RW_JSON_EACH (item, steps) {
        list[out->n_steps++] = item->text;
    }
    out->messages = to;
    out->steps = list;
    out->is_text = text != NULL;
    out->text = text != NULL ? text->text : (struct rw_str){0};
    return true;
}

#endif
