/* What a client of the simulation has read, as replies: for the checks of test_whole.c. */
#ifndef RW_SIM_REPLIES_H
#define RW_SIM_REPLIES_H

#include <stdbool.h>

#include "core/base/arena.h"
#include "core/base/str.h"

struct sim_reply {
    int status;         /* never 100: those are skipped */
    bool whole;         /* as long as its head says */
    bool closes;        /* says Connection: close */
    struct rw_str head; /* with the empty line */
    struct rw_str body; /* without chunks' framing */
};

/* The next reply of *rest, which is taken off; false when nothing is left. Asserts that what is
 * there is HTTP. A reply that is cut short ends at the end of *rest. */
bool sim_reply_next(struct rw_str *rest, struct rw_arena *arena, struct sim_reply *out);

#endif
