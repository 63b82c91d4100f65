#include "server/lifecycle.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "core/base/alloc.h"
#include "core/base/log.h"
#include "core/base/state.h"
#include "core/base/util.h"
#include "server/banner.h"
#include "server/http/listener.h"
#include "server/router.h"
#include "server/sandbox.h"
#include "server/service.h"
#include "server/version.h"

enum {
    TICK_MS = 100,
    KEYS_LOOK_MS = 1000, /* between looks at the key file */
};

struct daemon {
    struct rw_service service;
    struct rw_listeners listeners;
    uv_loop_t loop;
    uv_signal_t sigterm;
    uv_signal_t sigint;
    uv_signal_t sighup;
    uv_timer_t tick;
    uv_timer_t drain;    /* end of the delay, then end of patience */
    uv_idle_t round;     /* active while turns wait */
    uv_prepare_t before; /* the loop's wait for events */
    uint64_t round_ns;   /* when it last waited */
    uint64_t idle_ns;    /* how long it has waited, ever */
    uint64_t cpu_ns;     /* how long it had the processor, ever */
    uint64_t start_ns;
    uint64_t keys_seen_ns;
    bool keys_complained; /* that they cannot be read */
    bool certificate_complained;
    int landlock_abi; /* 0 = files are not confined */
    bool store_on_disk;
    int exit_code;
    bool ended;
};

#define TO(phase) RW_STATE(RW_SERVICE_##phase)

/* The drawing in service.h, as data. */
static const struct rw_state SERVICE_PHASE[] = {
    [RW_SERVICE_LOADING] = {"LOADING", TO(READY) | TO(DRAINING) | TO(ENDING)},
    [RW_SERVICE_READY] = {"READY", TO(DRAINING)},
    [RW_SERVICE_DRAINING] = {"DRAINING", TO(ENDING)},
    [RW_SERVICE_ENDING] = {"ENDING", 0},
};
static const struct rw_machine SERVICE = {"service", SERVICE_PHASE, RW_COUNT(SERVICE_PHASE)};

static void enter_phase(struct daemon *d, enum rw_service_phase next)
{
    struct rw_service *s = &d->service;
    s->phase = (enum rw_service_phase)rw_machine_move(&SERVICE, s, s->phase, next);
}

/* ---- the end --------------------------------------------------------------------------------- */

/* No connection and no call is left: close what keeps the loop alive. */
static void end(struct daemon *d)
{
    if (d->ended) {
        return;
    }
    d->ended = true;
    uv_close((uv_handle_t *)&d->tick, NULL);
    uv_close((uv_handle_t *)&d->drain, NULL);
    uv_close((uv_handle_t *)&d->round, NULL);
    uv_close((uv_handle_t *)&d->before, NULL);
    uv_close((uv_handle_t *)&d->sigterm, NULL);
    uv_close((uv_handle_t *)&d->sigint, NULL);
    uv_close((uv_handle_t *)&d->sighup, NULL);
    rw_listeners_close(&d->listeners);
    rw_prepare_stop(d->service.scoring.prepare);
    rw_runs_stop(d->service.desk.runs);
    rw_bridge_close(d->service.scoring.bridge);
}

static void end_if_idle(struct daemon *d)
{
    if (d->service.phase == RW_SERVICE_ENDING && d->service.connections.open == 0 &&
        d->service.scoring.calls == 0) {
        end(d);
    }
}

static void on_patience_over(uv_timer_t *timer)
{
    struct daemon *d = timer->data;
    rw_log(RW_LOG_WARN, "drain_timeout", "connections=%llu requests=%llu",
           (unsigned long long)d->service.connections.open,
           (unsigned long long)d->service.scoring.calls);
    d->exit_code = d->service.scoring.calls > 0 ? 1 : 0;
    struct rw_error err = {0};
    rw_fail(&err, RW_DRAINING, "the server is shutting down, and --drain-timeout is over");
    rw_connections_abort_all(&d->service.connections, &err);
}

/* Balancers have had their time to notice: no new connections, no idle ones, finish the rest. */
static void stop_accepting(struct daemon *d)
{
    enter_phase(d, RW_SERVICE_ENDING);
    rw_listeners_close(&d->listeners);
    rw_connections_close_idle(&d->service.connections);
    uv_timer_start(&d->drain, on_patience_over, d->service.options->drain_timeout, 0);
    rw_log(RW_LOG_INFO, "drain", "phase=finishing connections=%llu requests=%llu",
           (unsigned long long)d->service.connections.open,
           (unsigned long long)d->service.scoring.calls);
    end_if_idle(d);
}

static void on_delay_over(uv_timer_t *timer)
{
    stop_accepting(timer->data);
}

static void drain(struct daemon *d, uint64_t delay_ms)
{
    enter_phase(d, RW_SERVICE_DRAINING);
    d->service.connections.draining = true;
    d->service.desk.draining = true;
    rw_run_desk_wake(&d->service.desk);
    rw_log(RW_LOG_INFO, "drain", "phase=announcing delay_ms=%llu", (unsigned long long)delay_ms);
    if (delay_ms == 0) {
        stop_accepting(d);
    } else {
        uv_timer_start(&d->drain, on_delay_over, delay_ms, 0);
    }
}

/* A second signal, or models that cannot be loaded. */
static void end_at_once(struct daemon *d)
{
    if (d->service.phase != RW_SERVICE_ENDING) {
        enter_phase(d, RW_SERVICE_ENDING);
    }
    d->exit_code = 1;
    rw_listeners_close(&d->listeners);
    rw_connections_close_all(&d->service.connections);
    end_if_idle(d);
}

static void on_stop_signal(uv_signal_t *handle, int number)
{
    struct daemon *d = handle->data;
    if (d->service.phase >= RW_SERVICE_DRAINING) {
        rw_log(RW_LOG_WARN, "fast_exit", "reason=\"second signal\" requests=%llu",
               (unsigned long long)d->service.scoring.calls);
        end_at_once(d);
        return;
    }
    drain(d, number == SIGTERM ? d->service.options->drain_delay : 0);
}

/* What fails for no fault of the files is tried again every second, and said once. */
static void complain(bool *complained, const char *event, const struct rw_error *err)
{
    if (!*complained || err->status == RW_CONFIG) {
        rw_log(RW_LOG_ERROR, event, "reason=\"%s\"", err->message);
    }
    *complained = true;
}

static void load_keys(struct daemon *d)
{
    struct rw_error err = {0};
    if (rw_auth_load(&d->service.auth, d->service.options->api_key_file, &err) != RW_OK) {
        complain(&d->keys_complained, "keys_kept", &err);
    } else {
        d->keys_complained = false;
        rw_log(RW_LOG_INFO, "keys_loaded", "keys=%zu", d->service.auth.n);
    }
}

static void load_certificate(struct daemon *d)
{
    struct rw_error err = {0};
    if (rw_tls_reload(d->service.tls, &err) != RW_OK) {
        complain(&d->certificate_complained, "certificate_kept", &err);
    } else {
        d->certificate_complained = false;
        rw_log(RW_LOG_INFO, "certificate_loaded", "file=\"%s\"", d->service.options->tls_cert);
    }
}

static void on_hangup(uv_signal_t *handle, int number)
{
    (void)number;
    struct daemon *d = handle->data;
    d->keys_complained = false; /* who asks is told */
    d->certificate_complained = false;
    if (d->service.options->api_key_file != NULL) {
        load_keys(d);
    }
    if (d->service.tls != NULL) {
        load_certificate(d);
    }
}

/* Whoever replaces a file, or the Secret behind a folder, does not always send a signal. */
static void look_at_keys(struct daemon *d, uint64_t now_ns)
{
    const char *path = d->service.options->api_key_file;
    if (now_ns - d->keys_seen_ns < KEYS_LOOK_MS * (uint64_t)RW_NS_PER_MS) {
        return;
    }
    d->keys_seen_ns = now_ns;
    if (path != NULL && rw_auth_changed(&d->service.auth, path)) {
        load_keys(d);
    }
    if (d->service.tls != NULL && rw_tls_changed(d->service.tls)) {
        load_certificate(d);
    }
}

static void on_tick(uv_timer_t *timer)
{
    struct daemon *d = timer->data;
    rw_connections_tick(&d->service.connections);
    if (d->service.tls != NULL) {
        rw_tls_tick(d->service.tls);
    }
    rw_scoring_tick(&d->service.scoring, rw_clock_now(d->service.clock));
    d->service.accepted = d->listeners.accepted;
    d->service.refused = d->listeners.refused;
    look_at_keys(d, rw_clock_now(d->service.clock));
    end_if_idle(d);
}

static int report(const struct rw_error *err)
{
    fprintf(stderr, "rewardd: %s\n", err->message);
    if (err->hint[0] != '\0') {
        fprintf(stderr, "hint: %s\n", err->hint);
    }
    return 1;
}

/* ---- the start ------------------------------------------------------------------------------- */

static void on_loaded(void *ctx, rw_status status, const struct rw_error *err)
{
    struct daemon *d = ctx;
    if (status != RW_OK) {
        report(err);
        end_at_once(d);
        return;
    }
    if (d->service.phase != RW_SERVICE_LOADING) {
        return;
    }
    enter_phase(d, RW_SERVICE_READY);
    struct rw_error refused = {0};
    if (rw_listeners_begin(&d->listeners, 0, &refused) != RW_OK) {
        report(&refused);
        end_at_once(d);
        return;
    }
    rw_banner_print(&d->service, &d->listeners, rw_clock_now(d->service.clock) - d->start_ns);
}

static void set_limits(struct rw_service *s)
{
    const struct rw_options *o = s->options;
    s->scoring.limits = (struct rw_limits){.body_bytes_max = o->body_max,
                                           .text_bytes_max = o->text_max,
                                           .items_max = o->items_max,
                                           .traces_max = o->traces_max,
                                           .steps_max = o->steps_max,
                                           .messages_max = o->messages_max,
                                           .trace_tokens_max = o->tokens_max,
                                           .arena_bytes_max = o->request_memory};
    struct rw_deadlines *t = &s->connections.deadlines;
    rw_deadlines_set(t, RW_DEADLINE_IDLE, o->idle_timeout);
    rw_deadlines_set(t, RW_DEADLINE_HEADER, o->header_timeout);
    rw_deadlines_set(t, RW_DEADLINE_BODY, o->body_timeout);
    rw_deadlines_set(t, RW_DEADLINE_WRITE, o->write_timeout);
    rw_shares_init(&s->connections.bodies, o->bodies_memory);
}

static void init_scoring(struct rw_service *s)
{
    const struct rw_options *o = s->options;
    s->scoring = (struct rw_scoring){.clock = s->clock,
                                     .hold_ms = o->hold,
                                     .response_marker = o->response_marker,
                                     .turns = &s->turns,
                                     .metrics = &s->metrics};
    rw_admission_init(&s->scoring.admission, o->queue_tokens, (double)o->queue_time / 1e3,
                      rw_clock_now(s->clock));
}

/* ---- the loop's own time --------------------------------------------------------------------- */

/* An idle handle makes libuv look at its sockets without waiting, so rounds of turns and events
 * alternate until the line is empty. */
static void on_round(uv_idle_t *idle)
{
    struct daemon *d = idle->data;
    if (!rw_turns_run(&d->service.turns)) {
        uv_idle_stop(idle);
        end_if_idle(d);
    }
}

static void on_turns_wait(void *ctx)
{
    struct daemon *d = ctx;
    uv_idle_start(&d->round, on_round);
}

static uint64_t thread_cpu_ns(void)
{
    struct timespec cpu = {0};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu);
    return (uint64_t)cpu.tv_sec * RW_NS_PER_S + (uint64_t)cpu.tv_nsec;
}

/* Just before the loop waits: what it did since it stopped waiting. */
static void on_wait(uv_prepare_t *prepare)
{
    struct daemon *d = prepare->data;
    uint64_t now = rw_clock_now(d->service.clock);
    uint64_t idle = uv_metrics_idle_time(&d->loop);
    uint64_t waited = idle - d->idle_ns;
    uint64_t passed = now - d->round_ns;
    uint64_t cpu = thread_cpu_ns();
    rw_watch_round(&d->service.watch, passed > waited ? passed - waited : 0, cpu - d->cpu_ns);
    d->cpu_ns = cpu;
    d->round_ns = now;
    d->idle_ns = idle;
    end_if_idle(d); /* what kept it may be gone since */
}

static void init_service(struct daemon *d, const struct rw_options *options)
{
    struct rw_service *s = &d->service;
    struct timespec now;
    s->options = options;
    s->clock = &RW_CLOCK_SYSTEM;
    s->phase = RW_SERVICE_LOADING;
    d->start_ns = rw_clock_now(s->clock);
    rw_router_init(s, &s->handlers);
    rw_turns_init(&s->turns, s->clock);
    rw_watch_init(&s->watch, s->clock);
    s->turns.watch = &s->watch;
    s->turns.wake = on_turns_wait;
    s->turns.ctx = d;
    rw_connections_init(&s->connections, s->clock, &s->turns, &s->handlers, options->header_max);
    init_scoring(s);
    set_limits(s);
    if (getrandom(&s->id_seed, sizeof s->id_seed, 0) != sizeof s->id_seed) {
        s->id_seed = d->start_ns;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    s->metrics.started_unix = (double)now.tv_sec + (double)now.tv_nsec / 1e9;
    d->listeners.connections = &s->connections;
    d->listeners.connections_max = rw_listener_connections_max(options->connections_max);
    if (d->listeners.connections_max < options->connections_max) {
        rw_log(RW_LOG_INFO, "connections_limited", "connections_max=%llu open_files_allow=%llu",
               (unsigned long long)options->connections_max,
               (unsigned long long)d->listeners.connections_max);
    }
}

static void init_loop(struct daemon *d)
{
    setenv("UV_USE_IO_URING", "0", 1); /* calls no filter could look into; libuv 1.45 and later */
    uv_loop_init(&d->loop);
    uv_loop_configure(&d->loop, UV_METRICS_IDLE_TIME);
    uv_idle_init(&d->loop, &d->round);
    uv_prepare_init(&d->loop, &d->before);
    d->round.data = d;
    d->before.data = d;
    d->round_ns = rw_clock_now(d->service.clock);
    d->cpu_ns = thread_cpu_ns();
    uv_prepare_start(&d->before, on_wait);
    uv_timer_init(&d->loop, &d->tick);
    uv_timer_init(&d->loop, &d->drain);
    uv_signal_init(&d->loop, &d->sigterm);
    uv_signal_init(&d->loop, &d->sigint);
    uv_signal_init(&d->loop, &d->sighup);
    d->tick.data = d;
    d->drain.data = d;
    d->sigterm.data = d;
    d->sigint.data = d;
    d->sighup.data = d;
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file at its size limit is EFBIG, which the run store reports */
    uv_timer_start(&d->tick, on_tick, TICK_MS, TICK_MS);
    uv_signal_start(&d->sigterm, on_stop_signal, SIGTERM);
    uv_signal_start(&d->sigint, on_stop_signal, SIGINT);
    uv_signal_start(&d->sighup, on_hangup, SIGHUP);
}

static void on_run_news(void *ctx)
{
    rw_run_desk_wake(ctx);
}

static rw_status start_runs(struct daemon *d, struct rw_error *err)
{
    const struct rw_options *o = d->service.options;
    struct rw_runs_options options = {
        .path = o->runs_db,
        .run = {.window = o->runs_window, .warm = o->runs_warm, .fast = o->runs_fast_window},
        .memory_max = o->runs_memory,
        .kept_max = o->runs_kept,
        .keep_traces = o->runs_keep_traces};
    rw_status status = rw_runs_start(&d->loop, &options, on_run_news, &d->service.desk,
                                     &d->service.desk.runs, err);
    d->service.scoring.runs = d->service.desk.runs;
    return status;
}

static rw_status open_listeners(struct daemon *d, const struct rw_text_list *list, unsigned via,
                                struct rw_error *err)
{
    struct rw_arena arena;
    rw_status status = RW_OK;
    rw_arena_init(&arena, 64 * 1024);
    for (size_t i = 0; i < list->n && status == RW_OK; i++) {
        const char *host;
        uint16_t port;
        status = rw_options_address(list->items[i], &arena, &host, &port, err);
        if (status == RW_OK) {
            status = rw_listeners_open(&d->listeners, &d->loop, host, port, via, err);
        }
    }
    rw_arena_fini(&arena);
    return status;
}

static rw_status give_up_calls(struct daemon *d, struct rw_error *err);

static rw_status listen_at_start(struct daemon *d, struct rw_error *err)
{
    const struct rw_options *o = d->service.options;
    rw_status status = open_listeners(d, &o->listen, 0, err);
    if (status == RW_OK) {
        status = open_listeners(d, &o->metrics_listen, RW_VIA_METRICS, err);
    }
    if (status == RW_OK) {
        status = give_up_calls(d, err);
    }
    if (status == RW_OK) {
        status = rw_listeners_begin(&d->listeners, RW_VIA_METRICS, err);
    }
    if (status == RW_OK && strcmp(o->listen_when, "start") == 0) {
        status = rw_listeners_begin(&d->listeners, 0, err);
    }
    return status;
}

static rw_status start_tls(struct daemon *d, struct rw_error *err)
{
    const struct rw_options *o = d->service.options;
    rw_status status = rw_tls_new(o->tls_cert, o->tls_key, &d->service.turns, d->service.clock,
                                  o->header_timeout, &d->service.tls, err);
    d->listeners.tls = d->service.tls;
    return status;
}

static enum rw_sandbox_mode sandbox_mode(const struct rw_options *o)
{
    enum rw_sandbox_mode mode = RW_SANDBOX_AUTO;
    rw_sandbox_mode(o->sandbox, &mode); /* checked with the options */
    return mode;
}

/* Before there is a second thread: Landlock binds the one that asks, and those it makes. */
static rw_status give_up_files(struct daemon *d, struct rw_error *err)
{
    const struct rw_options *o = d->service.options;
    const char *sockets[RW_LISTENERS_MAX];
    struct rw_sandbox_paths paths = {.store = o->runs_db, .sockets = sockets};
    const struct rw_text_list *const lists[] = {&o->listen, &o->metrics_listen};
    for (size_t l = 0; l < RW_COUNT(lists); l++) {
        for (size_t i = 0; i < lists[l]->n && paths.n_sockets < RW_LISTENERS_MAX; i++) {
            if (strncmp(lists[l]->items[i], "unix:", 5) == 0) {
                sockets[paths.n_sockets++] = lists[l]->items[i] + 5;
            }
        }
    }
    if (paths.store != NULL && strcmp(paths.store, ":memory:") == 0) {
        paths.store = NULL;
    }
    d->store_on_disk = paths.store != NULL;
    return rw_sandbox_files(sandbox_mode(o), &paths, &d->landlock_abi, err);
}

/* Addresses are bound, threads run: the calls that start-up alone needs are given up. */
static rw_status give_up_calls(struct daemon *d, struct rw_error *err)
{
    enum rw_sandbox_mode mode = sandbox_mode(d->service.options);
    bool entered = false;
    rw_status status = rw_sandbox_calls(mode, d->store_on_disk, &entered, err);
    if (status == RW_OK && mode != RW_SANDBOX_OFF) {
        rw_log(entered && d->landlock_abi > 0 ? RW_LOG_INFO : RW_LOG_WARN, "sandbox",
               "seccomp=%s landlock_abi=%d%s", entered ? "yes" : "no", d->landlock_abi,
               rw_sandbox_built() ? "" : " reason=\"built under a sanitizer\"");
    }
    return status;
}

static rw_status start(struct daemon *d, struct rw_error *err)
{
    const struct rw_options *o = d->service.options;
    rw_status status = RW_OK;
    if (o->api_key_file != NULL) {
        status = rw_auth_load(&d->service.auth, o->api_key_file, err);
    }
    if (status == RW_OK && o->tls_cert != NULL) {
        status = start_tls(d, err);
    }
    if (status == RW_OK) {
        status = listen_at_start(d, err);
    }
    return status == RW_OK ? rw_bridge_load(d->service.scoring.bridge, err) : status;
}

int rw_lifecycle_run(const struct rw_options *options)
{
    struct rw_error err = {0};
    struct daemon *d = rw_alloc_zero(1, sizeof *d);
    if (d == NULL) {
        rw_fail(&err, RW_NO_MEMORY, "no memory");
        return report(&err);
    }
    init_service(d, options);
    init_loop(d);
    struct rw_bridge_events events = {on_loaded, d};
    rw_status status = give_up_files(d, &err);
    if (status == RW_OK) {
        status = rw_bridge_open(&d->loop, options, d->service.clock, &d->service.turns, &events,
                                &d->service.scoring.bridge, &err);
    }
    if (status == RW_OK) {
        status = rw_prepare_start(&d->loop, &d->service.turns, (unsigned)options->prepare_threads,
                                  &d->service.scoring.prepare, &err);
    }
    if (status == RW_OK) {
        status = start_runs(d, &err);
    }
    if (status != RW_OK) {
        return report(&err); /* nothing has begun; the process ends */
    }
    status = start(d, &err);
    if (status != RW_OK) {
        d->exit_code = report(&err);
        end(d);
    }
    uv_run(&d->loop, UV_RUN_DEFAULT);
    int exit_code = d->exit_code;
    rw_prepare_free(d->service.scoring.prepare);
    rw_runs_free(d->service.desk.runs);
    rw_bridge_free(d->service.scoring.bridge);
    rw_tls_free(d->service.tls);
    uv_loop_close(&d->loop);
    rw_free(d);
    return exit_code;
}
