#include "server/scoring/prepare.h"

#include "core/base/alloc.h"
#include "core/base/assert.h"

enum {
    THREADS_MAX = 64,
};

struct list {
    struct rw_task *first;
    struct rw_task **end;
};

struct rw_prepare {
    uv_mutex_t lock; /* queue, queued, stopping, finished */
    uv_cond_t news;
    uv_async_t wake;
    struct list queue;
    struct list finished;
    unsigned queued;
    bool stopping;
    uv_thread_t thread[THREADS_MAX];
    unsigned threads;
};

static void push(struct list *list, struct rw_task *task)
{
    task->next = NULL;
    *list->end = task;
    list->end = &task->next;
}

static struct rw_task *take_all(struct list *list)
{
    struct rw_task *first = list->first;
    list->first = NULL;
    list->end = &list->first;
    return first;
}

static struct rw_task *take_one(struct list *list)
{
    struct rw_task *task = list->first;
    if (task != NULL) {
        list->first = task->next;
        if (list->first == NULL) {
            list->end = &list->first;
        }
    }
    return task;
}

static void work(void *ctx)
{
    struct rw_prepare *p = ctx;
    uv_mutex_lock(&p->lock);
    for (;;) {
        struct rw_task *task = take_one(&p->queue);
        if (task == NULL && p->stopping) {
            break;
        }
        if (task == NULL) {
            uv_cond_wait(&p->news, &p->lock);
            continue;
        }
        p->queued--;
        uv_mutex_unlock(&p->lock);
        task->run(task);
        uv_mutex_lock(&p->lock);
        push(&p->finished, task);
        uv_async_send(&p->wake);
    }
    uv_mutex_unlock(&p->lock);
}

static void deliver(struct rw_prepare *p)
{
    uv_mutex_lock(&p->lock);
    struct rw_task *task = take_all(&p->finished);
    uv_mutex_unlock(&p->lock);
    while (task != NULL) {
        struct rw_task *next = task->next;
        task->done(task);
        task = next;
    }
}

static void on_wake(uv_async_t *handle)
{
    deliver(handle->data);
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

rw_status rw_prepare_start(uv_loop_t *loop, unsigned threads, struct rw_prepare **out,
                           struct rw_error *err)
{
    rw_assert(threads >= 1 && threads <= THREADS_MAX);
    struct rw_prepare *p = rw_alloc_zero(1, sizeof *p);
    if (p == NULL) {
        return rw_fail(err, RW_NO_MEMORY, "no memory for the prepare threads");
    }
    p->queue.end = &p->queue.first;
    p->finished.end = &p->finished.first;
    p->wake.data = p;
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

rw_status rw_prepare_submit(struct rw_prepare *p, struct rw_task *task, struct rw_error *err)
{
    uv_mutex_lock(&p->lock);
    bool room = p->queued < RW_PREPARE_QUEUE_MAX && !p->stopping;
    if (room) {
        push(&p->queue, task);
        p->queued++;
        uv_cond_signal(&p->news);
    }
    uv_mutex_unlock(&p->lock);
    return room ? RW_OK
                : rw_fail(err, RW_OVERLOADED, "over %d requests wait to be parsed",
                          RW_PREPARE_QUEUE_MAX);
}

void rw_prepare_stop(struct rw_prepare *p)
{
    join(p);
    deliver(p);
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
