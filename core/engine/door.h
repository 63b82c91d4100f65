/* The engine's lock, with a way past its thread.
 *
 * What the engine thread does under the lock grows with the number of jobs: a thousand that end
 * together are a thousand of list work, and the owner, which is the loop of a server, would stand
 * at the lock for all of it; a plain mutex would even let the engine thread in again before the
 * owner has woken up. So the engine thread calls rw_door_let_in behind every single job, where its
 * lists are whole, and whoever waits goes first. */
#ifndef RW_ENGINE_DOOR_H
#define RW_ENGINE_DOOR_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/clock.h"

struct rw_door {
    pthread_mutex_t lock; /* the engine thread takes it as it is */
    pthread_cond_t passed;
    atomic_uint waiting; /* at rw_door_enter */
    bool aside;          /* the engine thread waits for them; under the lock */
    const struct rw_clock *clock;
    uint64_t wait_ns_max; /* the longest anyone waited; under the lock */
};

void rw_door_init(struct rw_door *door, const struct rw_clock *clock);
void rw_door_fini(struct rw_door *door);
/* Every thread but the engine's. */
void rw_door_enter(struct rw_door *door);
void rw_door_leave(struct rw_door *door);
/* The engine thread, with the lock held: it is released for as long as somebody waits. */
void rw_door_let_in(struct rw_door *door);

#endif
