#include "server/scoring/bridge.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/assert.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/thread.h"
#include "core/base/util.h"
#include "proto/suggest.h"
#include "server/model_choice.h"

enum {
    POLL_JOBS = 256, /* handed out in one step; about 1 us each */
    PROGRESS_SCALE = 1000,
};

static const uint64_t PROGRESS_EVERY_NS = 1000 * 1000 * 1000; /* lines in the log, at most */

struct rw_bridge {
    const struct rw_options *options;
    struct rw_bridge_events events;
    struct rw_engine *engine;
    struct rw_turns *turns;
    struct rw_turn news; /* of the engine, being handed out */
    uv_async_t engine_wake;
    uv_async_t load_wake;
    uv_thread_t loader;
    bool loading; /* the thread exists */
    struct rw_arena arena;
    struct rw_error load_error;
    rw_status load_status;
    atomic_uint progress; /* of the model being read, per mille */
    uint64_t logged_ns;   /* in on_progress: when it was last logged */
    const char *reading;  /* loading thread: name of that model */
    /* In loading order. A slot is written before its model can be found: the engine shows a model
     * when loading returns, and requests wait until all are loaded. */
    struct rw_bank_slot bank[RW_SERVER_MODELS_MAX];
    struct rw_audit_note *note[RW_SERVER_MODELS_MAX]; /* of the same model; NULL = no memory */
    size_t n_banks;
};

static bool hand_out_news(struct rw_turn *turn)
{
    struct rw_bridge *b = RW_CONTAINER_OF(turn, struct rw_bridge, news);
    struct rw_job *changed[POLL_JOBS];
    size_t n = rw_engine_poll(b->engine, changed, POLL_JOBS);
    for (size_t i = 0; i < n; i++) {
        struct rw_job_owner *owner = rw_job_tag(changed[i]);
        owner->news(owner, changed[i]);
    }
    return n > 0;
}

static void on_engine_wake(uv_async_t *handle)
{
    struct rw_bridge *b = handle->data;
    rw_turns_add(b->turns, &b->news);
}

/* Engine thread. */
static void notify(void *ctx)
{
    struct rw_bridge *b = ctx;
    uv_async_send(&b->engine_wake);
}

static void on_load_wake(uv_async_t *handle)
{
    struct rw_bridge *b = handle->data;
    if (b->loading) {
        uv_thread_join(&b->loader);
        b->loading = false;
        b->events.loaded(b->events.ctx, b->load_status, &b->load_error);
    }
}

static size_t prefix_cache_bytes(const struct rw_options *options)
{
    uint64_t percent = RW_MIN(options->prefix_cache, 100);
    return (size_t)(options->kv_memory / 100 * percent);
}

struct rw_engine_options rw_bridge_engine_options(const struct rw_options *options)
{
    return (struct rw_engine_options){.threads = (unsigned)options->threads,
                                      .kernel = options->kernel,
                                      .kv_bytes_max = options->kv_memory,
                                      .prefix_cache_bytes = prefix_cache_bytes(options),
                                      .chunk_tokens = (uint32_t)options->chunk_tokens,
                                      .jobs_max = RW_JOBS_MAX,
                                      /* admission.h holds the budget */
                                      .queued_tokens_max = UINT64_MAX / 2};
}

rw_status rw_bridge_open(uv_loop_t *loop, const struct rw_options *options,
                         const struct rw_clock *clock, struct rw_turns *turns,
                         const struct rw_bridge_events *events, struct rw_bridge **out,
                         struct rw_error *err)
{
    struct rw_bridge *b = rw_alloc_zero(1, sizeof *b);
    if (b == NULL) {
        return rw_fail_memory(err, "the engine");
    }
    b->options = options;
    b->events = *events;
    b->turns = turns;
    b->news = (struct rw_turn){.step = hand_out_news, .name = "news of the engine"};
    rw_arena_init(&b->arena, 1024 * 1024);
    struct rw_engine_options engine = rw_bridge_engine_options(options);
    engine.clock = clock;
    engine.notify = notify;
    engine.notify_ctx = b;
    b->engine_wake.data = b;
    b->load_wake.data = b;
    uv_async_init(loop, &b->engine_wake, on_engine_wake);
    uv_async_init(loop, &b->load_wake, on_load_wake);
    *out = b;
    return rw_engine_create(&engine, &b->engine, err);
}

/* ---- loading --------------------------------------------------------------------------------- */

static void on_progress(void *ctx, uint64_t done, uint64_t total)
{
    struct rw_bridge *b = ctx;
    double share = total > 0 ? (double)done / (double)total : 1.0;
    atomic_store(&b->progress, (unsigned)(share * PROGRESS_SCALE));
    uint64_t now = rw_clock_now(&RW_CLOCK_SYSTEM);
    if (now - b->logged_ns >= PROGRESS_EVERY_NS) {
        b->logged_ns = now;
        rw_log(RW_LOG_INFO, "model_loading", "model=%s percent=%u bytes=%llu", b->reading,
               (unsigned)(share * 100.0), (unsigned long long)total);
    }
}

static rw_status load_one(struct rw_bridge *b, const char *value, struct rw_error *err)
{
    struct rw_model_choice choice;
    struct rw_model_options options;
    rw_status status = rw_model_choice_read(value, b->options, &b->arena, &choice, &options, err);
    if (status != RW_OK) {
        return status;
    }
    options.skip_self_test = b->options->skip_self_test;
    options.skip_agreement = b->options->skip_agreement;
    options.progress = on_progress;
    options.progress_ctx = b;
    b->reading = choice.name != NULL ? choice.name : choice.dir;
    b->logged_ns = rw_clock_now(&RW_CLOCK_SYSTEM);
    const struct rw_model *model = NULL;
    status = rw_engine_load(b->engine, &options, &model, err);
    if (status != RW_OK) {
        rw_error_prefix(err, "--model %s", choice.dir);
    } else if (b->n_banks < RW_SERVER_MODELS_MAX) {
        const struct rw_model_info *info = rw_model_info(model);
        struct rw_audit_note *note = rw_alloc_zero(1, sizeof *note);
        if (note != NULL) {
            rw_audit_note_open(note, info->dir, info->digest);
        }
        b->note[b->n_banks] = note;
        rw_bank_slot_open(&b->bank[b->n_banks++], info->dir, model);
    }
    return status;
}

static void load_all(void *ctx)
{
    struct rw_bridge *b = ctx;
    rw_thread_be_patient();
    b->load_status = RW_OK;
    for (size_t i = 0; i < b->options->model.n && b->load_status == RW_OK; i++) {
        b->load_status = load_one(b, b->options->model.items[i], &b->load_error);
    }
    uv_async_send(&b->load_wake);
}

rw_status rw_bridge_load(struct rw_bridge *b, struct rw_error *err)
{
    b->loading = true;
    if (uv_thread_create(&b->loader, load_all, b) != 0) {
        b->loading = false;
        return rw_fail(err, RW_NO_MEMORY, "cannot start the loading thread");
    }
    return RW_OK;
}

void rw_bridge_close(struct rw_bridge *b)
{
    if (b->loading) {
        uv_thread_join(&b->loader);
        b->loading = false;
    }
    rw_turns_remove(b->turns, &b->news);
    rw_engine_destroy(b->engine);
    b->engine = NULL;
    while (b->n_banks > 0) {
        rw_bank_slot_close(&b->bank[--b->n_banks]);
        rw_free(b->note[b->n_banks]);
    }
    uv_close((uv_handle_t *)&b->engine_wake, NULL);
    uv_close((uv_handle_t *)&b->load_wake, NULL);
}

void rw_bridge_free(struct rw_bridge *b)
{
    if (b != NULL) {
        rw_arena_fini(&b->arena);
        rw_free(b);
    }
}

/* ---- models ---------------------------------------------------------------------------------- */

struct rw_engine *rw_bridge_engine(struct rw_bridge *b)
{
    return b->engine;
}

double rw_bridge_progress(const struct rw_bridge *b)
{
    return (double)atomic_load(&b->progress) / PROGRESS_SCALE;
}

size_t rw_bridge_models(struct rw_bridge *b, const struct rw_model *out[RW_SERVER_MODELS_MAX])
{
    return rw_engine_models(b->engine, out, RW_SERVER_MODELS_MAX);
}

const struct rw_model *rw_bridge_default(struct rw_bridge *b, enum rw_model_kind kind)
{
    const struct rw_model *model[RW_SERVER_MODELS_MAX];
    size_t n = rw_bridge_models(b, model);
    for (size_t i = 0; i < n; i++) {
        if (rw_model_info(model[i])->kind == kind) {
            return model[i];
        }
    }
    return NULL;
}

const struct rw_bank_slot *rw_bridge_bank_slot(struct rw_bridge *b, const struct rw_model *model)
{
    for (size_t i = 0; i < b->n_banks; i++) {
        if (b->bank[i].model == model) {
            return &b->bank[i];
        }
    }
    return NULL;
}

const struct rw_audit_note *rw_bridge_audit(struct rw_bridge *b, const struct rw_model *model)
{
    for (size_t i = 0; i < b->n_banks; i++) {
        if (b->bank[i].model == model) {
            return b->note[i];
        }
    }
    return NULL;
}

const struct rw_bank *rw_bridge_bank(struct rw_bridge *b, const struct rw_model *model,
                                     const struct rw_model *outcome, bool *other_outcome)
{
    const struct rw_bank_slot *slot = rw_bridge_bank_slot(b, model);
    *other_outcome = slot != NULL && slot->bank != NULL && !rw_bank_slot_outcome(slot, outcome);
    return slot != NULL ? slot->bank : NULL;
}

static const char *kind_name(enum rw_model_kind kind)
{
    return kind == RW_KIND_PROCESS ? "process" : "outcome";
}

const struct rw_model *rw_bridge_find(struct rw_bridge *b, struct rw_str name,
                                      enum rw_model_kind kind, struct rw_error *err)
{
    const struct rw_model *model[RW_SERVER_MODELS_MAX];
    const char *names[RW_SERVER_MODELS_MAX];
    size_t n = rw_bridge_models(b, model);
    size_t candidates = 0;
    for (size_t i = 0; i < n; i++) {
        const struct rw_model_info *info = rw_model_info(model[i]);
        if (rw_str_is(name, info->name)) {
            if (info->kind == kind) {
                return model[i];
            }
            rw_fail(err, RW_MODEL_KIND, "\"%s\" is a %s model, not a %s model", info->name,
                    kind_name(info->kind), kind_name(kind));
            return NULL;
        }
        if (info->kind == kind) {
            names[candidates++] = info->name;
        }
    }
    rw_fail(err, RW_MODEL_NOT_FOUND, "no %s model \"%.*s\" is loaded", kind_name(kind),
            RW_STR_ARG(name));
    if (candidates > 0) {
        rw_suggest(name, names, candidates, err);
    } else {
        rw_error_hint(err, "no %s model is loaded at all; GET /v1/models lists what is",
                      kind_name(kind));
    }
    return NULL;
}
