#include "server/check.h"

#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/alloc.h"
#include "core/base/util.h"
#include "server/auth.h"
#include "server/http/listener.h"
#include "server/http/tls.h"
#include "server/model_choice.h"
#include "server/runs/keep.h"
#include "server/runs/runs.h"
#include "server/runs/store.h"
#include "server/scoring/bridge.h"

enum {
    ARENA_BYTES = 1 << 20,
    PATH_BYTES = 4096,
};

struct checking {
    const struct rw_options *options;
    int (*complain)(const struct rw_error *err);
    size_t faults;
    struct rw_arena arena;
};

/* ---- options beside each other --------------------------------------------------------------- */

static rw_status check_reach(const struct rw_options *options, const char *address,
                             struct rw_arena *arena, struct rw_error *err)
{
    const char *host;
    uint16_t port;
    rw_status status = rw_options_address(address, arena, &host, &port, err);
    if (status == RW_OK && !rw_listener_is_loopback(host) && options->api_key_file == NULL &&
        !options->insecure) {
        status = rw_fail(err, RW_CONFIG,
                         "%s is reachable from other machines and no API key is set", address);
        rw_error_hint(err, "give --api-key-file FILE, or say --insecure");
    }
    return status;
}

static rw_status check_models_given(const struct rw_options *options, struct rw_error *err)
{
    if (options->model.n == 0) {
        rw_fail(err, RW_CONFIG, "no model is given");
        rw_error_hint(err, "--model DIR names a Hugging Face folder of a reward model");
        return RW_CONFIG;
    }
    return options->model.n <= RW_SERVER_MODELS_MAX
               ? RW_OK
               : rw_fail(err, RW_CONFIG, "over %d models", RW_SERVER_MODELS_MAX);
}

static rw_status check_run_bounds(const struct rw_options *options, struct rw_error *err)
{
    bool good = options->runs_window >= RW_RUN_WINDOW_MIN &&
                options->runs_window <= RW_RUN_WINDOW_MAX && options->runs_memory >= 1 &&
                options->runs_memory <= 4096 && options->runs_kept >= options->runs_memory;
    if (options->runs_fast_window > 0 && options->runs_fast_window < RW_RUN_WINDOW_MIN) {
        return rw_fail(err, RW_CONFIG, "--runs-fast-window is 0, or %d and more",
                       RW_RUN_WINDOW_MIN);
    }
    if (options->runs_keep_traces > RW_KEEP_PER_RUN_MAX) {
        return rw_fail(err, RW_CONFIG, "--runs-keep-traces is %d at most", RW_KEEP_PER_RUN_MAX);
    }
    return good ? RW_OK
                : rw_fail(err, RW_CONFIG,
                          "--runs-window is %d to %d, --runs-memory 1 to 4096, and --runs-kept at "
                          "least as many",
                          RW_RUN_WINDOW_MIN, RW_RUN_WINDOW_MAX);
}

static rw_status check_tls_pair(const struct rw_options *options, struct rw_error *err)
{
    return (options->tls_cert == NULL) == (options->tls_key == NULL)
               ? RW_OK
               : rw_fail(err, RW_CONFIG, "--tls-cert and --tls-key go together");
}

rw_status rw_check_options(const struct rw_options *options, struct rw_error *err)
{
    struct rw_arena arena;
    rw_status status = RW_OK;
    rw_arena_init(&arena, ARENA_BYTES);
    for (size_t i = 0; i < options->listen.n && status == RW_OK; i++) {
        status = check_reach(options, options->listen.items[i], &arena, err);
    }
    rw_arena_fini(&arena);
    if (status == RW_OK) {
        status = check_tls_pair(options, err);
    }
    if (status == RW_OK) {
        status = check_models_given(options, err);
    }
    return status == RW_OK ? check_run_bounds(options, err) : status;
}

/* ---- what a start would meet ----------------------------------------------------------------- */

static void note(struct checking *c, rw_status status, const struct rw_error *err)
{
    if (status != RW_OK) {
        c->complain(err);
        c->faults++;
    }
}

static void check_engine(struct checking *c)
{
    struct rw_error err = {0};
    struct rw_engine *engine;
    struct rw_engine_options options = rw_bridge_engine_options(c->options);
    bool known = options.kernel == NULL;
    for (size_t i = 0; !known && rw_engine_kernel_name(i) != NULL; i++) {
        known = strcmp(options.kernel, rw_engine_kernel_name(i)) == 0;
    }
    if (!known) {
        rw_fail(&err, RW_CONFIG, "kernel %s is unknown or not for this processor", options.kernel);
        rw_error_hint(&err, "rewardd --version lists the kernels of this processor");
        note(c, RW_CONFIG, &err);
    }
    options.kernel = NULL; /* what else there is to refuse */
    options.clock = &RW_CLOCK_SYSTEM;
    rw_status status = rw_engine_create(&options, &engine, &err);
    note(c, status, &err);
    if (status == RW_OK) {
        rw_engine_destroy(engine);
    }
}

/* The folder in which `path` would be made. */
static rw_status check_parent(const char *path, const char *what, struct rw_error *err)
{
    char copy[PATH_BYTES];
    if ((size_t)snprintf(copy, sizeof copy, "%s", path) >= sizeof copy) {
        return rw_fail(err, RW_CONFIG, "%s: the path is too long", what);
    }
    const char *dir = dirname(copy);
    struct stat at;
    if (stat(dir, &at) != 0 || !S_ISDIR(at.st_mode)) {
        return rw_fail(err, RW_CONFIG, "%s %s: there is no folder %s", what, path, dir);
    }
    return access(dir, W_OK | X_OK) == 0
               ? RW_OK
               : rw_fail(err, RW_CONFIG, "%s %s: the folder %s cannot be written to", what, path,
                         dir);
}

/* A socket file is not made: that would replace one left behind. */
static rw_status check_socket_path(const char *path, struct rw_error *err)
{
    struct stat at;
    if (path[0] == '\0' || strlen(path) >= RW_UNIX_PATH_MAX) {
        return rw_fail(err, RW_CONFIG, "listen: the path of a Unix socket has 1 to %d bytes",
                       RW_UNIX_PATH_MAX - 1);
    }
    if (lstat(path, &at) == 0 && !S_ISSOCK(at.st_mode)) {
        return rw_fail(err, RW_CONFIG, "listen unix:%s: a file that is no socket lies there", path);
    }
    return check_parent(path, "listen", err);
}

static void check_address(struct checking *c, const char *address, bool metrics,
                          struct rw_listeners *all, uv_loop_t *loop)
{
    static const struct rw_str UNIX = {"unix:", 5};
    struct rw_error err = {0};
    const char *host;
    uint16_t port;
    if (rw_options_address(address, &c->arena, &host, &port, NULL) != RW_OK) {
        return; /* the reader of options has said so */
    }
    if (!metrics) {
        note(c, check_reach(c->options, address, &c->arena, &err), &err);
    }
    rw_status status = rw_str_starts(rw_str_from(host), UNIX)
                           ? check_socket_path(host + UNIX.len, &err)
                           : rw_listeners_open(all, loop, host, port, 0, &err);
    note(c, status, &err);
}

/* All at once: two of them may be the same. */
static void check_addresses(struct checking *c)
{
    uv_loop_t loop;
    struct rw_listeners *all = rw_alloc_zero(1, sizeof *all);
    if (all == NULL || uv_loop_init(&loop) != 0) {
        rw_free(all);
        return;
    }
    for (size_t i = 0; i < c->options->listen.n; i++) {
        check_address(c, c->options->listen.items[i], false, all, &loop);
    }
    for (size_t i = 0; i < c->options->metrics_listen.n; i++) {
        check_address(c, c->options->metrics_listen.items[i], true, all, &loop);
    }
    rw_listeners_close(all);
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
    rw_free(all);
}

static void check_keys(struct checking *c)
{
    struct rw_error err = {0};
    const char *path = c->options->api_key_file;
    struct rw_auth *auth = path != NULL ? rw_alloc_zero(1, sizeof *auth) : NULL;
    if (auth != NULL) {
        note(c, rw_auth_load(auth, path, &err), &err);
        rw_free(auth);
    }
}

static void check_tls(struct checking *c)
{
    struct rw_error err = {0};
    struct rw_tls *tls = NULL;
    const struct rw_options *o = c->options;
    rw_status status = check_tls_pair(o, &err);
    if (status == RW_OK && o->tls_cert != NULL) {
        status = rw_tls_new(o->tls_cert, o->tls_key, NULL, &RW_CLOCK_SYSTEM, 0, &tls, &err);
    }
    note(c, status, &err);
    rw_tls_free(tls);
}

/* A database that is not there yet is not made. */
static void check_runs(struct checking *c)
{
    struct rw_error err = {0};
    struct rw_store *store = NULL;
    const char *path = c->options->runs_db;
    note(c, check_run_bounds(c->options, &err), &err);
    if (path == NULL || path[0] == ':') {
        return;
    }
    struct stat at;
    bool there = stat(path, &at) == 0;
    rw_status status =
        there ? rw_store_open(path, &store, &err) : check_parent(path, "--runs-db", &err);
    note(c, status, &err);
    rw_store_close(status == RW_OK ? store : NULL);
}

/* ---- models ---------------------------------------------------------------------------------- */

void rw_check_print_date(const char *date)
{
    if (date != NULL && date[0] != '\0') {
        printf("         its chat template asks for the date and is told %s (--template-date)\n",
               date);
    }
}

static rw_status check_model(struct checking *c, const char *value, char name[RW_MODEL_NAME_MAX],
                             struct rw_error *err)
{
    struct rw_model_choice choice;
    struct rw_model_options model;
    struct rw_model_outline outline;
    name[0] = '\0';
    if (rw_model_choice_read(value, c->options, &c->arena, &choice, &model, NULL) != RW_OK) {
        return RW_OK; /* the reader of options has said so */
    }
    rw_status status = rw_model_name(&model, name, err);
    note(c, status, err);
    status = rw_model_check(&model, &outline, err);
    if (status == RW_OK) {
        printf("model    %s: %s reward, preset %s (%s), %s, %.1f MB, context %u, digest %.12s, "
               "%u golden vectors\n",
               choice.dir, outline.kind == RW_KIND_PROCESS ? "process" : "outcome", outline.preset,
               outline.evidence, outline.architecture, (double)outline.stored_bytes / 1e6,
               outline.context_max, outline.digest, outline.golden_vectors);
        rw_check_print_date(outline.template_date);
        status = rw_banks_check(&outline, err);
    }
    if (status != RW_OK) {
        rw_error_prefix(err, "--model %s", choice.dir);
    }
    return status;
}

static void check_models(struct checking *c)
{
    const struct rw_options *o = c->options;
    struct rw_error err = {0};
    char(*name)[RW_MODEL_NAME_MAX] = rw_alloc_zero(o->model.n + 1, sizeof *name);
    note(c, check_models_given(o, &err), &err);
    for (size_t i = 0; name != NULL && i < o->model.n; i++) {
        err = (struct rw_error){0};
        note(c, check_model(c, o->model.items[i], name[i], &err), &err);
        for (size_t k = 0; k < i && name[i][0] != '\0'; k++) {
            if (strcmp(name[k], name[i]) == 0) {
                rw_fail(&err, RW_CONFIG, "two models are named %s", name[i]);
                rw_error_hint(&err, "--model DIR=NAME gives one of them another name");
                note(c, RW_CONFIG, &err);
                break;
            }
        }
    }
    rw_free(name);
}

size_t rw_check_everything(const struct rw_options *options,
                           int (*complain)(const struct rw_error *err))
{
    struct checking c = {.options = options, .complain = complain};
    rw_arena_init(&c.arena, ARENA_BYTES);
    check_engine(&c);
    check_addresses(&c);
    check_keys(&c);
    check_tls(&c);
    check_runs(&c);
    check_models(&c);
    rw_arena_fini(&c.arena);
    return c.faults;
}
