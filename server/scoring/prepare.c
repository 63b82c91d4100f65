#include "server/scoring/prepare.h"

#include "core/base/alloc.h"
#include "core/base/assert.h"
#include "core/base/thread.h"
#include "core/base/util.h"

enum {
    THREADS_MAX = 64,
    DELIVERED_PER_STEP = 64, /* tasks whose `done` is called before the loop looks elsewhere */
};

/* Lanes with work, served in turn. */
struct ring {
    struct rw_lane *first;
    struct rw_lane **end;
};

struct rw_prepare {
    uv_mutex_t lock; /* rings, bodies, flags_next, stopping, finished; lanes' tasks */
    uv_cond_t news;
    uv_async_t wake;
    struct ring bodies; /* lanes whose task is a body */
    struct ring others;
    unsigned n_bodies;
    bool others_next; /* whose turn it is when both have work */
    bool stopping;
    struct rw_task *finished;
    struct rw_task **finished_end;
    /* the loop's own */
    struct rw_turns *turns;
    struct rw_turn turn;
    struct rw_task *delivering; /* taken from `finished` */
    uv_thread_t thread[THREADS_MAX];
    unsigned threads;
};

/* ---- lanes (under the lock) ------------------------------------------------------------------ */

static void ring_push(struct ring *ring, struct rw_lane *lane)
{
    lane->next = NULL;
    *ring->end = lane;
    ring->end = &lane->next;
}

static struct rw_lane *ring_pop(struct ring *ring)
{
    struct rw_lane *lane = ring->first;
    ring->first = lane->next;
    if (ring->first == NULL) {
        ring->end = &ring->first;
    }
    return lane;
}

static void check_lane(const struct rw_lane *lane)
{
    rw_assert((lane->first == NULL) == (lane->end == NULL || lane->end == &lane->first));
}

/* True when the lane was empty: its owner has to put it into a ring. */
static bool lane_push(struct rw_lane *lane, struct rw_task *task)
{
    bool empty = lane->first == NULL;
    check_lane(lane);
    if (empty) {
        lane->end = &lane->first;
    }
    task->next = NULL;
    *lane->end = task;
    lane->end = &task->next;
    return empty;
}

static struct rw_task *lane_pop(struct rw_lane *lane)
{
    struct rw_task *task = lane->first;
    lane->first = task->next;
    if (lane->first == NULL) {
        lane->end = &lane->first;
    }
    return task;
}

/* The next task of the next lane; NULL when nothing waits. */
static struct rw_task *take(struct rw_prepare *p)
{
    bool other = p->others.first != NULL && (p->others_next || p->bodies.first == NULL);
    p->others_next = !other;
    if (other) {
        struct rw_lane *lane = ring_pop(&p->others);
        struct rw_task *task = lane_pop(lane);
        if (lane->first != NULL) {
            ring_push(&p->others, lane);
        }
        return task;
    }
    if (p->bodies.first == NULL) {
        return NULL;
    }
    p->n_bodies--;
    return lane_pop(ring_pop(&p->bodies));
}

/* ---- workers --------------------------------------------------------------------------------- */

static void work(void *ctx)
{
    struct rw_prepare *p = ctx;
    rw_thread_be_patient();
    uv_mutex_lock(&p->lock);
    for (;;) {
        struct rw_task *task = take(p);
        if (task == NULL && p->stopping) {
            break;
        }
        if (task == NULL) {
            uv_cond_wait(&p->news, &p->lock);
            continue;
        }
        uv_mutex_unlock(&p->lock);
        task->run(task);
        uv_mutex_lock(&p->lock);
        bool first = p->finished == NULL;
        task->next = NULL;
        *p->finished_end = task;
        p->finished_end = &task->next;
        if (first) { /* the loop takes the whole list when it wakes: one wake is enough */
            uv_async_send(&p->wake);
        }
    }
    uv_mutex_unlock(&p->lock);
}

/* ---- the loop's side ------------------------------------------------------------------------- */

static bool deliver(struct rw_turn *turn)
{
    struct rw_prepare *p = RW_CONTAINER_OF(turn, struct rw_prepare, turn);
    for (int i = 0; i < DELIVERED_PER_STEP; i++) {
        if (p->delivering == NULL) {
            uv_mutex_lock(&p->lock);
            p->delivering = p->finished;
            p->finished = NULL;
            p->finished_end = &p->finished;
            uv_mutex_unlock(&p->lock);
        }
        struct rw_task *task = p->delivering;
        if (task == NULL) {
            return false;
        }
        p->delivering = task->next;
        task->done(task);
    }
    return true;
}

static void on_wake(uv_async_t *handle)
{
    struct rw_prepare *p = handle->data;
    rw_turns_add(p->turns, &p->turn);
}

static void join(struct rw_prepare *p)
{
    uv_mutex_lock(&p->lock);
    p->stopping = true;
    uv_cond_broadcast(&p->news);
    uv_mutex_unlock(&p->lock);
    for (unsigned i = 0; i < p->threads; i++) {
        uv_thread_join(&p->thread[i]);
    }
    p->threads = 0;
}

rw_status rw_prepare_start(uv_loop_t *loop, struct rw_turns *turns, unsigned threads,
                           struct rw_prepare **out, struct rw_error *err)
{
    rw_assert(threads >= 1 && threads <= THREADS_MAX);
    struct rw_prepare *p = rw_alloc_zero(1, sizeof *p);
    if (p == NULL) {
        return rw_fail_memory(err, "the prepare threads");
    }
    p->bodies.end = &p->bodies.first;
    p->others.end = &p->others.first;
    p->finished_end = &p->finished;
    p->wake.data = p;
    p->turns = turns;
    p->turn = (struct rw_turn){.step = deliver, .name = "prepared"};
    if (uv_mutex_init(&p->lock) != 0) {
        goto err_after_alloc;
    }
    if (uv_cond_init(&p->news) != 0) {
        goto err_after_lock;
    }
    if (uv_async_init(loop, &p->wake, on_wake) != 0) {
        goto err_after_cond;
    }
    while (p->threads < threads && uv_thread_create(&p->thread[p->threads], work, p) == 0) {
        p->threads++;
    }
    *out = p;
    if (p->threads == threads) {
        return RW_OK;
    }
    /* The handle belongs to the loop now: the caller stops and frees as usual. */
    return rw_fail(err, RW_NO_MEMORY, "cannot start %u prepare threads", threads);
err_after_cond:
    uv_cond_destroy(&p->news);
err_after_lock:
    uv_mutex_destroy(&p->lock);
err_after_alloc:
    rw_free(p);
    return rw_fail(err, RW_NO_MEMORY, "cannot start the prepare threads");
}

rw_status rw_prepare_body(struct rw_prepare *p, struct rw_lane *lane, struct rw_task *task,
                          struct rw_error *err)
{
    uv_mutex_lock(&p->lock);
    bool room = p->n_bodies < RW_PREPARE_BODIES_MAX && !p->stopping;
    if (room) {
        bool empty = lane_push(lane, task);
        rw_assert(empty);
        ring_push(&p->bodies, lane);
        p->n_bodies++;
        uv_cond_signal(&p->news);
    }
    uv_mutex_unlock(&p->lock);
    return room ? RW_OK
                : rw_fail(err, RW_OVERLOADED, "over %d requests wait to be parsed",
                          RW_PREPARE_BODIES_MAX);
}

void rw_prepare_more(struct rw_prepare *p, struct rw_lane *lane, struct rw_task *task)
{
    uv_mutex_lock(&p->lock);
    rw_assert(!p->stopping); /* the daemon stops when no request is left */
    if (lane_push(lane, task)) {
        ring_push(&p->others, lane);
    }
    uv_cond_signal(&p->news);
    uv_mutex_unlock(&p->lock);
}

void rw_prepare_stop(struct rw_prepare *p)
{
    join(p);
    while (deliver(&p->turn)) {
    }
    rw_turns_remove(p->turns, &p->turn);
    uv_close((uv_handle_t *)&p->wake, NULL);
}

void rw_prepare_free(struct rw_prepare *p)
{
    if (p == NULL) {
        return;
    }
    uv_cond_destroy(&p->news);
    uv_mutex_destroy(&p->lock);
    rw_free(p);
}
