/* Every wire of proto/wires.c on any bytes: the first chooses the wire, a line is the query string,
 * the rest is the body. What is read is well-formed text, one trace or more an item; what is not is
 * an error with a sentence. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/base/utf8.h"
#include "tests/lib/wire_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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
        for (size_t i = 0; i < trace->n_steps; i++) {
            check_text(trace->steps[i]);
        }
    }
}

static void check_request(const struct rw_request *request)
{
    size_t n = 0;
    for (size_t i = 0; i < request->n_items; i++) {
        const struct rw_request_item *item = &request->items[i];
        for (size_t m = 0; m < item->n_messages; m++) {
            check_text(item->messages[m].content);
        }
        for (size_t t = 0; t < item->n_traces; t++) {
            check_trace(&item->traces[t]);
        }
        n += item->n_traces;
    }
    rw_assert(n == request->n_traces);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rw_arena arena;
    struct rw_wire_options options;
    struct rw_request request;
    struct rw_error err = {0};
    void *state = NULL;
    size_t wires = 0;
    while (RW_WIRES[wires] != NULL) {
        wires++;
    }
    const uint8_t *line = size > 0 ? memchr(data, '\n', size) : NULL;
    if (line == NULL || line == data) {
        return 0;
    }
    const struct rw_wire *wire = RW_WIRES[data[0] % wires];
    size_t query = (size_t)(line - data) - 1, len = size - query - 2;
    char *body = malloc(len + 1); /* ends where the block ends: the sanitizer sees it */
    rw_assert(body != NULL);
    memcpy(body + 1, line + 1, len);
    rw_arena_init(&arena, RW_LIMITS_DEFAULT.arena_bytes_max);
    rw_status status =
        wire_read(wire, rw_str_from(wire->path[0]), (struct rw_str){(const char *)data + 1, query},
                  body + 1, len, RW_STR(""), &arena, &options, &request, &state, &err);
    if (status == RW_OK) {
        check_request(&request);
    } else {
        rw_assert(err.status != RW_OK && err.message[0] != '\0');
    }
    rw_arena_fini(&arena);
    free(body);
    return 0;
}
