/* Threads that parse and tokenise large bodies away from the event loop: a bounded queue in, a list
 * and one uv_async out. Not libuv's pool, which is shared with name look-ups and files.
 *
 * The owner of a task keeps it alive until `done`. `run` is called on a worker, `done` on the loop.
 */
#ifndef RW_SERVER_SCORING_PREPARE_H
#define RW_SERVER_SCORING_PREPARE_H

#include <stdbool.h>

#include <uv.h>

#include "core/base/status.h"

enum {
    RW_PREPARE_QUEUE_MAX = 4096,
};

struct rw_task {
    void (*run)(struct rw_task *task);
    void (*done)(struct rw_task *task);
    struct rw_task *next;
};

struct rw_prepare;

rw_status rw_prepare_start(uv_loop_t *loop, unsigned threads, struct rw_prepare **out,
                           struct rw_error *err);
/* OVERLOADED when the queue is full. */
rw_status rw_prepare_submit(struct rw_prepare *p, struct rw_task *task, struct rw_error *err);
/* Finishes what is queued, joins the threads and closes the handle; the loop must run once more
 * before rw_prepare_free. */
void rw_prepare_stop(struct rw_prepare *p);
void rw_prepare_free(struct rw_prepare *p);

#endif
