/* A loaded model: package, weights, workspace, KV pool. Internal to core/engine.
 *
 * Everything but the workspace and the KV pool is immutable after loading; those two belong to
 * whoever is inside the engine's gate. */
#ifndef RW_ENGINE_MODEL_H
#define RW_ENGINE_MODEL_H

#include "core/base/date.h"
#include "core/engine/gate.h"
#include "core/kernels/team.h"
#include "core/model/forward.h"
#include "core/model/kv.h"
#include "core/model/language.h"
#include "core/model/package.h"
#include "core/model/weights.h"
#include "core/rw_engine.h"

struct rw_radix; /* core/engine/radix.h */

struct rw_model {
    uint32_t index; /* in the engine, in loading order */
    char name[RW_MODEL_NAME_MAX];
    char template_date[RW_DATE_BYTES];
    const struct rw_package *package;
    void (*package_close)(struct rw_package *package); /* NULL: the package is borrowed */
    struct rw_weights *weights;
    struct rw_forward *forward;
    struct rw_kv_pool *kv;
    struct rw_radix *radix; /* NULL: no prefix cache */
    const struct rw_kernels *kernels;
    float *head_scratch;          /* for a whole chunk of positions */
    struct rw_language *language; /* NULL: not loaded */
    struct rw_model_info info;
};

/* What a model borrows from its engine. */
struct rw_model_host {
    const struct rw_kernels *kernels;
    struct rw_team *team;
    struct rw_gate *gate;
    struct rw_kv_budget *kv;
    bool prefix_cache;
    const struct rw_clock *clock;
    uint32_t chunk_tokens;
};

/* Loads the weights of an opened package and runs its self-test. On success with package_close set
 * the model owns the package; on failure it stays the caller's. */
rw_status rw_model_create(const struct rw_model_host *host, const struct rw_model_options *options,
                          const struct rw_package *package, struct rw_model **out,
                          struct rw_error *err);
void rw_model_destroy(struct rw_model *model); /* NULL is fine */

static inline const struct rw_recipe *rw_model_recipe(const struct rw_model *model)
{
    return &model->package->recipe;
}

static inline uint32_t rw_model_vocab(const struct rw_model *model)
{
    return model->weights->config.vocab;
}

static inline uint32_t rw_model_kv_blocks_max(const struct rw_model *model)
{
    return rw_kv_pool_blocks_max(model->kv);
}

/* Head and POST of n positions. statuses[i] is NOT_FINITE when scores[i] is none.
 * values: scratch of n * RW_HEAD_OUT_MAX floats. */
void rw_model_read_scores(const struct rw_model *model, const float *hidden, size_t stride,
                          uint32_t n, float *values, struct rw_score *scores, rw_status *statuses);

/* Scores the package's golden vectors; SELF_TEST_FAILED names the first that does not match. */
rw_status rw_model_self_test(const struct rw_model *model, const struct rw_model_host *host,
                             struct rw_error *err);

#endif
