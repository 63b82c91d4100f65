/* The engine's inside, shared by engine.c and load.c; tests use rw_engine_adopt. */
#ifndef RW_ENGINE_ENGINE_H
#define RW_ENGINE_ENGINE_H

#include <pthread.h>
#include <stdatomic.h>

#include "core/engine/cache.h"
#include "core/engine/gate.h"
#include "core/engine/model.h"
#include "core/engine/pass.h"
#include "core/engine/scheduler.h"
#include "core/rw_engine.h"

struct rw_engine {
    struct rw_engine_options options;
    struct rw_model_host host;
    struct rw_team *team;
    struct rw_gate gate; /* one caller of the team at a time; taken without holding the lock */
    pthread_t thread;

    /* engine thread */
    struct rw_scheduler_host scheduler_host;
    struct rw_scheduler scheduler;
    struct rw_pass pass;
    struct rw_kv_budget kv;
    struct rw_prefix_cache cache;
    uint64_t deadline_ns; /* the next one of an unfinished job, or earlier; 0: none */

    atomic_bool sweep_asked; /* a job was cancelled */
    uint32_t jobs_alive;     /* submitted and not released; the owner's */

    /* under the lock */
    pthread_mutex_t lock;
    pthread_cond_t work;
    bool stopping;
    struct rw_job_list submitted;
    uint64_t submitted_deadline_ns; /* the first of theirs; 0: none */
    struct rw_job *changed_head;
    struct rw_job *changed_tail;
    bool notify_due;
    struct rw_engine_stats stats;
    struct rw_model *models[RW_ENGINE_MODELS_MAX];
    uint32_t n_models;
};

/* The lock, and how long anyone ever waited for it (stats.lock_wait_ns_max): every section is a few
 * stores, but for the owner's own lists. */
void rw_engine_enter(struct rw_engine *e);
void rw_engine_leave(struct rw_engine *e);

/* Makes a model of an opened package visible. The package is borrowed until the engine is
 * destroyed, or, with package_close, belongs to the engine from success on. */
rw_status rw_engine_adopt(struct rw_engine *engine, const struct rw_model_options *options,
                          const struct rw_package *package,
                          void (*package_close)(struct rw_package *package),
                          const struct rw_model **out, struct rw_error *err);

static inline uint64_t rw_engine_earlier(uint64_t a, uint64_t b)
{
    return a == 0 || (b > 0 && b < a) ? b : a;
}

#endif
