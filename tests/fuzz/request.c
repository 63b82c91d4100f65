/* The body of POST /v1/rewards: guard, cJSON and request parser on any bytes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/base/utf8.h"
#include "proto/request_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(struct rw_str text)
{
    rw_assert(rw_utf8_check(text) == text.len);
    rw_assert(text.len == 0 || memchr(text.ptr, '\0', text.len) == NULL);
}

static void check_trace(const struct rw_request_trace *trace)
{
    if (trace->error.status != RW_OK) {
        return;
    }
    if (trace->is_text) {
        check_text(trace->text);
    }
    for (size_t i = 0; i < trace->n_steps; i++) {
        check_text(trace->steps[i]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rw_arena arena;
    struct rw_request request;
    struct rw_error err;
    char *body = malloc(size > 0 ? size : 1); /* exact: the sanitizer sees one byte too many */
    rw_assert(body != NULL);
    if (size > 0) {
        memcpy(body, data, size);
    }
    rw_arena_init(&arena, RW_LIMITS_DEFAULT.arena_bytes_max);
    if (rw_request_parse(body, size, &RW_LIMITS_DEFAULT, &arena, &request, &err) == RW_OK) {
        for (size_t i = 0; i < request.n_items; i++) {
            for (size_t t = 0; t < request.items[i].n_traces; t++) {
                check_trace(&request.items[i].traces[t]);
            }
        }
    }
    rw_arena_fini(&arena);
    free(body);
    return 0;
}
