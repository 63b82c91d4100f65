#include "tests/sim/whole.h"

#include <string.h>

#include "core/base/assert.h"
#include "core/base/util.h"
#include "server/router.h"
#include "tests/sim/engine.h"

enum {
    HOLD_MS = 20000,
    DRAIN_DELAY_MS = 5000,
    DRAIN_TIMEOUT_MS = 25000,
};

/* ---- the daemon that does not change --------------------------------------------------------- */

static void on_loaded(void *ctx, rw_status status, const struct rw_error *err)
{
    (void)err;
    rw_assert(status == RW_OK);
    ((struct whole *)ctx)->loaded = true;
}

static void read_options(struct whole *w)
{
    static const char *const ARGV[] = {"rewardd",     "--model",      "process",
                                       "--model",     "outcome",      "--listen",
                                       "127.0.0.1:0", "--access-log", "off"};
    char *none[] = {NULL};
    struct rw_error err = {0};
    rw_assert(rw_options_parse(&w->options, RW_COUNT(ARGV), (char *const *)(uintptr_t)ARGV, none,
                               &err) == RW_OK);
}

void whole_open(struct whole *w)
{
    struct rw_error err = {0};
    struct rw_scoring *s = &w->service.scoring;
    struct rw_bridge_events events = {on_loaded, w};
    memset(w, 0, sizeof *w);
    read_options(w);
    uv_loop_init(&w->loop);
    sim_init(&w->sim, NULL);
    rw_assert(rw_bridge_open(&w->loop, &w->options, &w->sim.clock, &w->sim.turns, &events,
                             &s->bridge, &err) == RW_OK);
    rw_assert(rw_prepare_start(&w->loop, &w->sim.turns, 1, &s->prepare, &err) == RW_OK);
    rw_assert(rw_bridge_load(s->bridge, &err) == RW_OK);
    while (!w->loaded) {
        uv_run(&w->loop, UV_RUN_ONCE);
    }
}

void whole_close(struct whole *w)
{
    rw_prepare_stop(w->service.scoring.prepare);
    rw_bridge_close(w->service.scoring.bridge);
    uv_run(&w->loop, UV_RUN_DEFAULT);
    rw_prepare_free(w->service.scoring.prepare);
    rw_bridge_free(w->service.scoring.bridge);
    uv_loop_close(&w->loop);
    rw_options_fini(&w->options);
}

struct rw_engine *whole_engine(struct whole *w)
{
    return rw_bridge_engine(w->service.scoring.bridge);
}

/* ---- a world --------------------------------------------------------------------------------- */

static rw_status on_head(void *ctx, struct rw_exchange *ex, uint64_t *body_max,
                         struct rw_error *err)
{
    struct whole *w = ctx;
    return w->routed.head(w->routed.ctx, ex, body_max, err);
}

static void on_request(void *ctx, struct rw_exchange *ex)
{
    struct whole *w = ctx;
    w->asked++;
    w->routed.request(w->routed.ctx, ex);
}

static void on_finished(void *ctx, const struct rw_exchange *ex, bool lost)
{
    struct whole *w = ctx;
    w->answered++;
    w->routed.finished(w->routed.ctx, ex, lost);
}

void whole_begin(struct whole *w, uint64_t queue_tokens, uint64_t bodies_bytes)
{
    struct rw_service *s = &w->service;
    const struct rw_options *o = &w->options;
    struct rw_bridge *bridge = s->scoring.bridge;
    struct rw_prepare *prepare = s->scoring.prepare;
    memset(s, 0, sizeof *s);
    s->options = o;
    s->phase = RW_SERVICE_READY;
    rw_router_init(s, &w->routed);
    const struct rw_handlers ours = {on_head, on_request, on_finished, NULL, w};
    rw_assert(!rw_turns_any(&w->sim.turns));
    sim_init(&w->sim, &ours);
    rw_shares_init(&w->sim.all.bodies, bodies_bytes);
    s->clock = &w->sim.clock;
    rw_watch_init(&s->watch, s->clock);
    s->id_seed = 1;
    s->scoring = (struct rw_scoring){.clock = &w->sim.clock,
                                     .hold_ms = HOLD_MS,
                                     .turns = &w->sim.turns,
                                     .metrics = &s->metrics,
                                     .bridge = bridge,
                                     .prepare = prepare};
    s->scoring.limits = (struct rw_limits){.body_bytes_max = o->body_max,
                                           .text_bytes_max = o->text_max,
                                           .items_max = o->items_max,
                                           .traces_max = o->traces_max,
                                           .steps_max = o->steps_max,
                                           .messages_max = o->messages_max,
                                           .trace_tokens_max = o->tokens_max,
                                           .arena_bytes_max = o->request_memory};
    rw_admission_init(&s->scoring.admission, queue_tokens, 0, w->sim.now_ns);
    w->ended_ns = 0;
    w->asked = 0;
    w->answered = 0;
}

void whole_settle(struct whole *w)
{
    do {
        if (sim_engine_notified(whole_engine(w))) {
            uv_run(&w->loop, UV_RUN_NOWAIT);
        }
        sim_settle(&w->sim);
    } while (sim_engine_notified(whole_engine(w)) || rw_turns_any(&w->sim.turns));
}

/* server/lifecycle.c: after the delay nothing idle stays, after the patience nothing does. */
static void drain_on(struct whole *w, uint64_t before_ns)
{
    const uint64_t delay = w->ended_ns + DRAIN_DELAY_MS * (uint64_t)RW_NS_PER_MS;
    const uint64_t over = delay + DRAIN_TIMEOUT_MS * (uint64_t)RW_NS_PER_MS;
    struct rw_error err = {0};
    if (before_ns < delay && w->sim.now_ns >= delay) {
        w->service.phase = RW_SERVICE_ENDING;
        rw_connections_close_idle(&w->sim.all);
    }
    if (before_ns < over && w->sim.now_ns >= over) {
        rw_fail(&err, RW_DRAINING, "the server is shutting down, and --drain-timeout is over");
        rw_connections_abort_all(&w->sim.all, &err);
    }
}

void whole_pass(struct whole *w, uint64_t ms)
{
    for (uint64_t t = 0; t < ms; t += SIM_TICK_MS) {
        uint64_t before = w->sim.now_ns;
        sim_run(&w->sim, SIM_TICK_MS);
        rw_scoring_tick(&w->service.scoring, w->sim.now_ns);
        if (w->ended_ns != 0) {
            drain_on(w, before);
        }
        whole_settle(w);
    }
}

void whole_drain(struct whole *w)
{
    if (w->ended_ns == 0) {
        w->ended_ns = w->sim.now_ns;
        w->service.phase = RW_SERVICE_DRAINING;
        w->sim.all.draining = true;
    }
}
