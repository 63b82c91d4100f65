#include "core/engine/door.h"

#include "core/base/assert.h"
#include "core/base/util.h"

void rw_door_init(struct rw_door *door, const struct rw_clock *clock)
{
    *door = (struct rw_door){.clock = clock};
    int rc = pthread_mutex_init(&door->lock, NULL);
    rw_assert(rc == 0);
    rc = pthread_cond_init(&door->passed, NULL);
    rw_assert(rc == 0);
}

void rw_door_fini(struct rw_door *door)
{
    rw_assert(atomic_load(&door->waiting) == 0 && !door->aside);
    pthread_cond_destroy(&door->passed);
    pthread_mutex_destroy(&door->lock);
}

void rw_door_enter(struct rw_door *door)
{
    if (pthread_mutex_trylock(&door->lock) == 0) {
        return;
    }
    uint64_t begin_ns = rw_clock_now(door->clock);
    atomic_fetch_add(&door->waiting, 1);
    pthread_mutex_lock(&door->lock);
    atomic_fetch_sub(&door->waiting, 1);
    uint64_t wait_ns = rw_clock_now(door->clock) - begin_ns;
    door->wait_ns_max = RW_MAX(door->wait_ns_max, wait_ns);
}

void rw_door_leave(struct rw_door *door)
{
    if (door->aside && atomic_load(&door->waiting) == 0) {
        pthread_cond_signal(&door->passed);
    }
    pthread_mutex_unlock(&door->lock);
}

void rw_door_let_in(struct rw_door *door)
{
    if (atomic_load_explicit(&door->waiting, memory_order_relaxed) == 0) {
        return;
    }
    door->aside = true;
    while (atomic_load(&door->waiting) > 0) {
        pthread_cond_wait(&door->passed, &door->lock);
    }
    door->aside = false;
}
