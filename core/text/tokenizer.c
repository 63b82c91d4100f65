#include "core/text/tokenizer.h"

#include "core/base/alloc.h"
#include "core/base/util.h"
#include "core/text/tokenizer_parts.h"

bool rw_rewrites_add(struct rw_rewrites *steps, struct rw_rewrite step)
{
    if (steps->count == RW_TOKENIZER_STEPS_MAX) {
        return false;
    }
    steps->step[steps->count++] = step;
    return true;
}

void rw_tokenizer_close(struct rw_tokenizer *tokenizer)
{
    if (tokenizer != NULL) {
        rw_arena_fini(&tokenizer->arena);
        rw_free(tokenizer);
    }
}

int32_t rw_tokenizer_find(const struct rw_tokenizer *tokenizer, struct rw_str content)
{
    for (size_t i = 0; i < tokenizer->added_count; i++) {
        if (rw_str_equal(tokenizer->added[i].content, content)) {
            return tokenizer->added[i].id;
        }
    }
    int32_t id = rw_vocab_find(&tokenizer->vocab, content);
    return id >= 0 && (size_t)id < tokenizer->emit_size ? id : -1;
}

size_t rw_tokenizer_plain_size(const struct rw_tokenizer *tokenizer)
{
    size_t size = RW_MIN(tokenizer->emit_size, tokenizer->vocab.size);
    for (size_t i = 0; i < tokenizer->added_count; i++) {
        const struct rw_added *token = &tokenizer->added[i];
        size_t need = token->special || token->pattern.len == 0 ? 0 : (size_t)token->id + 1;
        size = RW_MAX(size, need);
    }
    return size;
}

const struct rw_around *rw_tokenizer_around(const struct rw_tokenizer *tokenizer)
{
    return &tokenizer->around;
}

size_t rw_tokenizer_size(const struct rw_tokenizer *tokenizer)
{
    return tokenizer->size;
}
