/* Threads for what a request costs besides scoring: parsing, tokenising and flags, away from the
 * event loop. Lanes of tasks in, a list and one uv_async out. Not libuv's pool, which is shared
 * with name look-ups and files.
 *
 * A request has one lane; a free thread takes one task of the next lane. So a request of a thousand
 * traces delays another by one task, not by a thousand. Lanes that have a body to parse are served
 * in turn with those that have flags to compute: new requests get in while flags pile up, and flags
 * get done while bodies pour in.
 *
 * The owner of a task and its lane keeps both alive until `done`. `run` is called on a worker,
 * `done` on the loop, a bounded number per round of the loop (server/base/turns.h). Finished tasks
 * of one lane may come back in another order. */
#ifndef RW_SERVER_SCORING_PREPARE_H
#define RW_SERVER_SCORING_PREPARE_H

#include <stdbool.h>

#include <uv.h>

#include "core/base/status.h"
#include "server/base/turns.h"

enum {
    RW_PREPARE_BODIES_MAX = 4096, /* waiting to be parsed; beyond: OVERLOADED */
};

struct rw_task {
    void (*run)(struct rw_task *task);
    void (*done)(struct rw_task *task);
    struct rw_task *next;
};

/* Tasks of one request that wait, first to last; under the lock of the pool. Zeroed: empty. */
struct rw_lane {
    struct rw_task *first;
    struct rw_task **end;
    struct rw_lane *next; /* in the ring it stands in */
};

struct rw_prepare;

rw_status rw_prepare_start(uv_loop_t *loop, struct rw_turns *turns, unsigned threads,
                           struct rw_prepare **out, struct rw_error *err);
/* A body, on a lane that is empty. OVERLOADED when too many wait. */
rw_status rw_prepare_body(struct rw_prepare *p, struct rw_lane *lane, struct rw_task *task,
                          struct rw_error *err);
/* Anything after it. Bounded by its owner, whose memory the task is. */
void rw_prepare_more(struct rw_prepare *p, struct rw_lane *lane, struct rw_task *task);
/* Finishes what waits, joins the threads and closes the handle; the loop must run once more before
 * rw_prepare_free. */
void rw_prepare_stop(struct rw_prepare *p);
void rw_prepare_free(struct rw_prepare *p);

#endif
