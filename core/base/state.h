/* A state machine as data: names of its states, and for each the states it may move to.
 *
 * Every long-lived machine of the program (connection, request, job, service, HTTP reader) is one
 * constant of this type, drawn above its enum; a move that the table does not have is a programmer
 * error and ends the process with both names. Every move is noted with its thread
 * (core/base/assert.h), so that the line of any crash says what happened just before.
 *
 * Any thread; the state itself is the caller's field, under the caller's lock. */
#ifndef RW_BASE_STATE_H
#define RW_BASE_STATE_H

#include <stdbool.h>
#include <stdint.h>

enum {
    RW_STATES_MAX = 32, /* of one machine: a set of states is a word */
};

/* The set that holds one state; sets are joined with |. */
#define RW_STATE(state) (UINT32_C(1) << (state))

struct rw_state {
    const char *name;     /* of the state */
    uint32_t may_move_to; /* set; 0 = final */
};

struct rw_machine {
    const char *name;
    const struct rw_state *state; /* [n], indexed by the enum */
    unsigned n;
};

bool rw_machine_allows(const struct rw_machine *machine, unsigned from, unsigned to);
/* Returns `to`, so that callers write `x->state = rw_machine_move(&X, x, x->state, TO)`. `who`
 * tells machines of one kind apart in the notes and is never followed. */
unsigned rw_machine_move(const struct rw_machine *machine, const void *who, unsigned from,
                         unsigned to);

#endif
