/* A list of token ids with the place where each ends: what encoding produces. */
#ifndef RW_TEXT_TOKENS_H
#define RW_TEXT_TOKENS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Growable, with a cap in tokens; owned by the caller. */
struct rw_tokens {
    int32_t *ids;
    uint32_t *ends; /* offset just behind each token, in bytes of the concatenated segments of the
                       encode call that made it; a character that normalisation changed belongs to
                       the token in which its normalised form ends */
    size_t count;
    size_t size;
    size_t max;
};

void rw_tokens_init(struct rw_tokens *tokens, size_t max);
void rw_tokens_fini(struct rw_tokens *tokens);
/* False when the cap or memory is reached. */
bool rw_tokens_push(struct rw_tokens *tokens, int32_t id, uint32_t end);

#endif
