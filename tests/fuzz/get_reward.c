/* The body of POST /get_reward: guard, cJSON, the six eras of OpenRLHF's wire and the cutting of
 * queries by chat templates, on any bytes. The first byte chooses whether a marker is configured.
 */
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

static void check_item(const struct rw_request_item *item)
{
    for (size_t i = 0; i < item->n_messages; i++) {
        check_text(item->messages[i].content);
    }
    rw_assert(item->n_traces == 1); /* one query, one trace, one reward */
    if (item->traces[0].error.status == RW_OK) {
        rw_assert(item->traces[0].is_text);
        check_text(item->traces[0].text);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rw_arena arena;
    struct rw_request request;
    struct rw_error err = {0};
    if (size < 1) {
        return 0;
    }
    struct rw_str marker = data[0] % 2 == 1 ? RW_STR("assistant\n") : RW_STR("");
    char *body = malloc(size); /* one more than the body, so that an empty one is a block, too */
    rw_assert(body != NULL);
    memcpy(body + 1, data + 1, size - 1); /* ends where the block ends: the sanitizer sees it */
    rw_arena_init(&arena, RW_LIMITS_DEFAULT.arena_bytes_max);
    struct rw_wire_options options;
    void *state = NULL;
    if (wire_read(&RW_WIRE_OPENRLHF, RW_STR("/get_reward"), RW_STR(""), body + 1, size - 1, marker,
                  &arena, &options, &request, &state, &err) == RW_OK) {
        for (size_t i = 0; i < request.n_items; i++) {
            check_item(&request.items[i]);
        }
        rw_assert(request.n_traces == request.n_items);
    } else {
        rw_assert(err.status != RW_OK && err.message[0] != '\0');
    }
    rw_arena_fini(&arena);
    free(body);
    return 0;
}
