/* server/scoring/prepare.h without threads: tasks run when the simulation says so. */
#include "server/scoring/prepare.h"

#include "core/base/alloc.h"
#include "core/base/assert.h"
#include "tests/sim/engine.h"

enum {
    LANES_MAX = 4096,
};

struct rw_prepare {
    struct rw_lane *lane[LANES_MAX]; /* with something in it */
    size_t n;
};

rw_status rw_prepare_start(uv_loop_t *loop, struct rw_turns *turns, unsigned threads,
                           struct rw_prepare **out, struct rw_error *err)
{
    (void)loop, (void)turns, (void)threads;
    *out = rw_alloc_zero(1, sizeof **out);
    return *out != NULL ? RW_OK : rw_fail_memory(err, "the prepare threads");
}

void rw_prepare_more(struct rw_prepare *p, struct rw_lane *lane, struct rw_task *task)
{
    task->next = NULL;
    if (lane->first == NULL) {
        rw_assert(p->n < LANES_MAX);
        p->lane[p->n++] = lane;
        lane->end = &lane->first;
    }
    *lane->end = task;
    lane->end = &task->next;
}

rw_status rw_prepare_body(struct rw_prepare *p, struct rw_lane *lane, struct rw_task *task,
                          struct rw_error *err)
{
    (void)err;
    rw_assert(lane->first == NULL);
    rw_prepare_more(p, lane, task);
    return RW_OK;
}

size_t sim_prepare_waiting(const struct rw_prepare *p)
{
    return p->n;
}

void sim_prepare_step(struct rw_prepare *p, size_t i)
{
    rw_assert(i < p->n);
    struct rw_lane *lane = p->lane[i];
    struct rw_task *task = lane->first;
    lane->first = task->next;
    if (lane->first == NULL) {
        lane->end = &lane->first;
        p->lane[i] = p->lane[--p->n];
    }
    task->run(task);
    task->done(task);
}

void rw_prepare_stop(struct rw_prepare *p)
{
    rw_assert(p->n == 0);
}

void rw_prepare_free(struct rw_prepare *p)
{
    rw_free(p);
}
