/* First come, first served access to the compute team, which takes one caller at a time.
 *
 * The engine thread would win every race for a plain mutex, because it locks again right after it
 * unlocks; a model that is loaded beside traffic would then never get to its self-test. */
#ifndef RW_ENGINE_GATE_H
#define RW_ENGINE_GATE_H

#include <pthread.h>
#include <stdint.h>

struct rw_gate {
    pthread_mutex_t lock;
    pthread_cond_t moved;
    uint64_t next;    /* ticket of the next to come */
    uint64_t serving; /* ticket that may be inside */
};

void rw_gate_init(struct rw_gate *gate);
void rw_gate_fini(struct rw_gate *gate);
void rw_gate_enter(struct rw_gate *gate);
void rw_gate_leave(struct rw_gate *gate);

#endif
