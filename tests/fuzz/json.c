/* The JSON reader of model files: any bytes give an error or a tree that agrees with itself. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "core/base/assert.h"
#include "core/base/utf8.h"
#include "core/io/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct rw_json *value, int depth)
{
    size_t children = 0;
    rw_assert(depth <= RW_JSON_DEPTH_MAX);
    rw_assert(rw_utf8_check(value->text) == value->text.len);
    rw_assert(rw_utf8_check(value->key) == value->key.len);
    rw_assert(isfinite(value->number));
    RW_JSON_EACH (child, value) {
        check(child, depth + 1);
        children++;
    }
    rw_assert(children == value->count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rw_arena arena;
    struct rw_error err;
    const struct rw_json *root;
    rw_arena_init(&arena, 64 << 20);
    if (rw_json_parse(&arena, (struct rw_str){(const char *)data, size}, &root, &err) == RW_OK) {
        check(root, 0);
    } else {
        rw_assert(err.message[0] != '\0');
    }
    rw_arena_fini(&arena);
    return 0;
}
