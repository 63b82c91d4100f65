/* A conversation made to fit a model that has no place for parts of it.
 *
 * What happens to a turn without a place is the client's choice (enum rw_roles); what happened is
 * counted in the result, so that nothing is left out or moved without a word. Pure; any thread. */
#ifndef RW_MODEL_INPUT_CONVERSATION_H
#define RW_MODEL_INPUT_CONVERSATION_H

#include "core/model/input.h"
#include "core/model/places.h"

struct rw_conversation {
    const struct rw_message *messages;
    size_t n;
    uint32_t dropped; /* system turns left out */
    uint32_t folded;  /* turns that stand as text in front of a later one */
};

/* `out` borrows what it can; the rest is the arena's. NO_MEMORY. A conversation that does not end
 * in a user's turn comes back as it is: the layout says what is wrong with it. */
rw_status rw_conversation_fit(const struct rw_places *places, enum rw_roles roles,
                              const struct rw_message *messages, size_t n, struct rw_arena *arena,
                              struct rw_conversation *out);

#endif
