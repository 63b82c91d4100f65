#include "core/engine/gate.h"

#include "core/base/assert.h"

void rw_gate_init(struct rw_gate *gate)
{
    gate->next = 0;
    gate->serving = 0;
    int rc = pthread_mutex_init(&gate->lock, NULL);
    rw_assert(rc == 0);
    rc = pthread_cond_init(&gate->moved, NULL);
    rw_assert(rc == 0);
}

void rw_gate_fini(struct rw_gate *gate)
{
    rw_assert(gate->next == gate->serving);
    pthread_cond_destroy(&gate->moved);
    pthread_mutex_destroy(&gate->lock);
}

void rw_gate_enter(struct rw_gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    uint64_t ticket = gate->next++;
    while (gate->serving != ticket) {
        pthread_cond_wait(&gate->moved, &gate->lock);
    }
    pthread_mutex_unlock(&gate->lock);
}

void rw_gate_leave(struct rw_gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    gate->serving++;
    pthread_cond_broadcast(&gate->moved);
    pthread_mutex_unlock(&gate->lock);
}
