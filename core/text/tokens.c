#include "core/text/tokens.h"

#include "core/base/alloc.h"
#include "core/base/assert.h"
#include "core/base/util.h"

enum {
    TOKENS_SIZE_FIRST = 256,
};

void rw_tokens_init(struct rw_tokens *tokens, size_t max)
{
    *tokens = (struct rw_tokens){.max = max};
}

void rw_tokens_fini(struct rw_tokens *tokens)
{
    rw_free(tokens->ids);
    rw_free(tokens->ends);
    rw_tokens_init(tokens, tokens->max);
}

static bool tokens_grow(struct rw_tokens *tokens)
{
    size_t size = tokens->size > 0 ? 2 * tokens->size : TOKENS_SIZE_FIRST;
    size = RW_MIN(size, tokens->max);
    if (!rw_alloc_resize(&tokens->ids, size, sizeof *tokens->ids) ||
        !rw_alloc_resize(&tokens->ends, size, sizeof *tokens->ends)) {
        return false;
    }
    tokens->size = size;
    return true;
}

bool rw_tokens_push(struct rw_tokens *tokens, int32_t id, uint32_t end)
{
    rw_assert(tokens->count <= tokens->size && tokens->size <= tokens->max);
    if (tokens->count == tokens->max) {
        return false;
    }
    if (tokens->count == tokens->size && !tokens_grow(tokens)) {
        return false;
    }
    tokens->ids[tokens->count] = id;
    tokens->ends[tokens->count] = end;
    tokens->count++;
    return true;
}
