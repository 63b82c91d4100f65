/* Between the event loop and the engine: the only module that sees both libuv and rw_engine.h.
 *
 * The engine's thread wakes the loop with one uv_async; the loop then polls, a bounded number per
 * turn, and hands every job with news to its owner. Models are loaded on a thread of their own.
 * Loop thread only, but for the loading thread inside. */
#ifndef RW_SERVER_SCORING_BRIDGE_H
#define RW_SERVER_SCORING_BRIDGE_H

#include <stdbool.h>

#include <uv.h>

#include "core/probe/audit_note.h"
#include "core/probe/banks.h"
#include "core/rw_engine.h"
#include "server/base/turns.h"
#include "server/options.h"

enum {
    RW_SERVER_MODELS_MAX = 32,
    RW_JOBS_MAX = 65536, /* queued and running, over all requests */
};

/* What the tag of a job points to. */
struct rw_job_owner {
    void (*news)(struct rw_job_owner *owner, struct rw_job *job);
};

struct rw_bridge;

struct rw_bridge_events {
    /* All models are loaded, or the first failure. */
    void (*loaded)(void *ctx, rw_status status, const struct rw_error *err);
    void *ctx;
};

/* What --kv-memory, --chunk-tokens and the like ask of an engine; without clock and news. */
struct rw_engine_options rw_bridge_engine_options(const struct rw_options *options);
rw_status rw_bridge_open(uv_loop_t *loop, const struct rw_options *options,
                         const struct rw_clock *clock, struct rw_turns *turns,
                         const struct rw_bridge_events *events, struct rw_bridge **out,
                         struct rw_error *err);
/* Starts the loading thread; `loaded` comes once. */
rw_status rw_bridge_load(struct rw_bridge *b, struct rw_error *err);
/* No job is left. Waits for the loading thread and the engine; the loop must run once more before
 * rw_bridge_free. */
void rw_bridge_close(struct rw_bridge *b);
void rw_bridge_free(struct rw_bridge *b);

struct rw_engine *rw_bridge_engine(struct rw_bridge *b);
/* Share of the weights read so far, 0..1. */
double rw_bridge_progress(const struct rw_bridge *b);
/* Empty name: the first loaded model of that kind. NULL with MODEL_NOT_FOUND or MODEL_KIND. */
const struct rw_model *rw_bridge_find(struct rw_bridge *b, struct rw_str name,
                                      enum rw_model_kind kind, struct rw_error *err);
/* NULL when no model of that kind is loaded. */
const struct rw_model *rw_bridge_default(struct rw_bridge *b, enum rw_model_kind kind);
/* The calibration bank of a loaded model, NULL when it has none; *other_outcome says whether it was
 * made beside another outcome model than this one. Any thread. */
const struct rw_bank *rw_bridge_bank(struct rw_bridge *b, const struct rw_model *model,
                                     const struct rw_model *outcome, bool *other_outcome);
/* Its slot, with the reason when there is no bank; NULL for a model that is not loaded. */
const struct rw_bank_slot *rw_bridge_bank_slot(struct rw_bridge *b, const struct rw_model *model);
/* The audit in its folder, read when it was loaded; NULL as above, or without memory. */
const struct rw_audit_note *rw_bridge_audit(struct rw_bridge *b, const struct rw_model *model);
size_t rw_bridge_models(struct rw_bridge *b, const struct rw_model *out[RW_SERVER_MODELS_MAX]);

#endif
