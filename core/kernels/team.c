/* A region and a barrier are the same event: all members arrive, then all go on. `phase` counts
 * those events; the last to arrive moves it. Region n begins when the caller publishes the work and
 * moves `region`; it ends with a barrier of all members.
 *
 * A member may also raise a counter that others await, without anybody arriving anywhere.
 *
 * Waiting: spin for SPIN_NS, then sleep on a condition variable. A waiter counts itself in
 * `sleepers` before it looks at the counter for the last time, and a waker moves the counter before
 * it looks at `sleepers`; both in sequentially consistent order, so one of them sees the other. */
#include "core/kernels/team.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/alloc.h"
#include "core/base/assert.h"
#include "core/base/clock.h"
#include "core/base/thread.h"
#include "core/base/util.h"

enum {
    SPIN_NS = 100 * 1000,  /* longer than a barrier between GEMMs, shorter than anyone's patience */
    SPIN_CLOCK_EVERY = 64, /* pauses between two looks at the clock */
    CACHE_LINE = 64,
};

struct member {
    struct rw_team *team;
    unsigned index;
    pthread_t thread;
};

/* Counters that are spun on and counters that are written often must not share a cache line. */
struct spread_counter {
    unsigned char apart[CACHE_LINE - sizeof(atomic_uint)];
    atomic_uint value;
};

struct rw_team {
    unsigned size;
    unsigned started; /* threads that exist, for an orderly end */
    bool crowded;     /* more members than processors: spinning would only delay the others */
    rw_team_fn fn;    /* written by the caller before `region` moves */
    void *arg;
    bool stop;
    atomic_bool in_region; /* of rw_team_run: two callers would overwrite each other's fn */
    pthread_mutex_t lock;
    pthread_cond_t moved; /* region, phase, or a counter of rw_team_raise */
    atomic_ullong cpu_ns;
    struct member *members; /* [size]; member 0 is whoever calls rw_team_run */
    struct spread_counter region;
    struct spread_counter phase;
    struct spread_counter arrived;
    struct spread_counter sleepers;
};

static void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* A pass has several barriers per layer, and the others arrive soon: sleeping and being woken would
 * cost more than the wait. So it is spun for first, and only for SPIN_NS. */
static bool spin_until_moved(atomic_uint *counter, unsigned old)
{
    uint64_t end = rw_clock_now(&RW_CLOCK_SYSTEM) + SPIN_NS;
    do {
        for (int i = 0; i < SPIN_CLOCK_EVERY; i++) {
            if (atomic_load_explicit(counter, memory_order_acquire) != old) {
                return true;
            }
            relax();
        }
    } while (rw_clock_now(&RW_CLOCK_SYSTEM) < end);
    return false;
}

static void wait_until_moved(struct rw_team *team, atomic_uint *counter, unsigned old)
{
    if (!team->crowded && spin_until_moved(counter, old)) {
        return;
    }
    pthread_mutex_lock(&team->lock);
    atomic_fetch_add(&team->sleepers.value, 1);
    /* Looked at again under the lock: a waker that saw no sleeper has moved it before. */
    while (atomic_load(counter) == old) {
        pthread_cond_wait(&team->moved, &team->lock);
    }
    atomic_fetch_sub(&team->sleepers.value, 1);
    pthread_mutex_unlock(&team->lock);
}

static void move(struct rw_team *team, atomic_uint *counter)
{
    atomic_fetch_add(counter, 1);
    if (atomic_load(&team->sleepers.value) > 0) {
        pthread_mutex_lock(&team->lock);
        pthread_cond_broadcast(&team->moved);
        pthread_mutex_unlock(&team->lock);
    }
}

void rw_team_barrier(struct rw_team *team, unsigned member)
{
    rw_assert(member < team->size);
    if (team->size == 1) {
        return;
    }
    unsigned phase = atomic_load(&team->phase.value);
    unsigned arrived = atomic_fetch_add(&team->arrived.value, 1) + 1;
    rw_assert(arrived <= team->size); /* nobody twice, and nobody from outside */
    if (arrived == team->size) {
        /* Before the phase moves: who is let go may be at the next barrier at once. */
        atomic_store(&team->arrived.value, 0);
        move(team, &team->phase.value);
        return;
    }
    wait_until_moved(team, &team->phase.value, phase);
}

void rw_team_raise(struct rw_team *team, atomic_uint *counter)
{
    move(team, counter);
}

void rw_team_await(struct rw_team *team, atomic_uint *counter, unsigned value)
{
    unsigned seen;
    while ((seen = atomic_load(counter)) < value) {
        wait_until_moved(team, counter, seen);
    }
}

/* The share of one member in a region, its end included. */
static void take_part(struct rw_team *team, unsigned index)
{
    /* CPU time, not wall time: what `cpu_ms` of a reply says must not grow when a neighbour on the
     * machine takes the processor away. */
    uint64_t before = RW_CLOCK_SYSTEM.thread_cpu_ns(RW_CLOCK_SYSTEM.ctx);
    team->fn(team->arg, index, team->size);
    uint64_t after = RW_CLOCK_SYSTEM.thread_cpu_ns(RW_CLOCK_SYSTEM.ctx);
    atomic_fetch_add(&team->cpu_ns, after - before);
    rw_team_barrier(team, index);
}

static void *member_main(void *arg)
{
    struct member *me = arg;
    struct rw_team *team = me->team;
    rw_thread_be_patient();
    unsigned region = 0;
    while (true) {
        wait_until_moved(team, &team->region.value, region);
        region++;
        if (team->stop) {
            return NULL;
        }
        take_part(team, me->index);
    }
}

/* Between regions nobody is at a barrier: the one that ends a region let all of them go. */
static void check_between_regions(struct rw_team *team)
{
    rw_assert(atomic_load(&team->arrived.value) == 0);
    rw_assert(team->started + 1 == team->size);
}

void rw_team_run(struct rw_team *team, rw_team_fn fn, void *arg)
{
    rw_assert(fn != NULL && !team->stop);
    rw_assert(!atomic_exchange(&team->in_region, true));
    check_between_regions(team);
    team->fn = fn;
    team->arg = arg;
    if (team->size > 1) {
        move(team, &team->region.value);
    }
    take_part(team, 0);
    atomic_store(&team->in_region, false);
}

/* Signals belong to the loop thread. */
static int start_thread(struct member *member)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&member->thread, NULL, member_main, member);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

static rw_status start_members(struct rw_team *team, struct rw_error *err)
{
    for (unsigned i = 1; i < team->size; i++) {
        struct member *member = &team->members[i];
        *member = (struct member){.team = team, .index = i};
        if (start_thread(member) != 0) {
            return rw_fail(err, RW_NO_MEMORY, "the system refused thread %u of %u", i, team->size);
        }
        team->started++;
    }
    return RW_OK;
}

rw_status rw_team_create(unsigned threads, struct rw_team **out, struct rw_error *err)
{
    unsigned processors = rw_team_processors();
    *out = NULL;
    if (threads > RW_TEAM_MAX) {
        return rw_fail(err, RW_CONFIG, "%u threads, at most %d are possible", threads, RW_TEAM_MAX);
    }
    unsigned size = threads > 0 ? threads : processors;
    size = RW_MIN(size, RW_TEAM_MAX);
    struct rw_team *team = rw_alloc_zero(1, sizeof *team);
    struct member *members = rw_alloc_zero(size, sizeof *members);
    if (team == NULL || members == NULL) {
        rw_free(members);
        rw_free(team);
        return rw_fail(err, RW_NO_MEMORY, "no memory for a team of %u threads", size);
    }
    team->members = members;
    team->size = size;
    team->crowded = size > processors;
    pthread_mutex_init(&team->lock, NULL);
    pthread_cond_init(&team->moved, NULL);
    rw_status status = start_members(team, err);
    if (status != RW_OK) {
        rw_team_destroy(team);
        return status;
    }
    *out = team;
    return RW_OK;
}

void rw_team_destroy(struct rw_team *team)
{
    if (team == NULL) {
        return;
    }
    rw_assert(!atomic_load(&team->in_region));
    team->stop = true;
    move(team, &team->region.value);
    for (unsigned i = 1; i <= team->started; i++) {
        pthread_join(team->members[i].thread, NULL);
    }
    pthread_cond_destroy(&team->moved);
    pthread_mutex_destroy(&team->lock);
    rw_free(team->members);
    rw_free(team);
}

unsigned rw_team_size(const struct rw_team *team)
{
    return team->size;
}

unsigned long long rw_team_cpu_ns(const struct rw_team *team)
{
    return atomic_load(&team->cpu_ns);
}
