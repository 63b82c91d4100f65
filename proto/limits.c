#include "proto/limits.h"

#define MIB ((size_t)1 << 20)

/* Old OpenRLHF posts a whole rollout in one body, hence the generous body and trace counts; one
 * trace is bounded by the context of its model long before it meets these. */
const struct rw_limits RW_LIMITS_DEFAULT = {
    .body_bytes_max = 64 * MIB,
    .text_bytes_max = 4 * MIB,
    .items_max = 4096,
    .traces_max = 16384,
    .steps_max = 4096,
    .messages_max = 256,
    .trace_tokens_max = 131072,
    .arena_bytes_max = 512 * MIB,
};
