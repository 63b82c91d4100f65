#include "server/router.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/base/assert.h"
#include "core/base/hash.h"
#include "core/base/log.h"
#include "core/base/util.h"
#include "proto/errors.h"
#include "proto/wire.h"
#include "server/access.h"
#include "server/http/listener.h"
#include "server/info.h"
#include "server/peers.h"
#include "server/scoring/wires.h"
#include "server/status_page.h"
#include "server/ui/ui.h"

enum {
    BODY_OF_GET_MAX = 64 * 1024, /* bytes; some clients send one, nobody reads it */
};

#define GET_ONLY  "GET, HEAD, OPTIONS"
#define POST_ONLY "POST, OPTIONS"

static void verify(struct rw_service *s, struct rw_exchange *ex)
{
    rw_verify_start(&s->scoring, ex);
}

static void rewards(struct rw_service *s, struct rw_exchange *ex)
{
    rw_rewards_start(&s->scoring, ex);
}

static void wire(struct rw_service *s, struct rw_exchange *ex)
{
    rw_wires_start(&s->scoring, ex);
}

static void runs(struct rw_service *s, struct rw_exchange *ex)
{
    rw_run_desk_list(&s->desk, ex);
}

static void run(struct rw_service *s, struct rw_exchange *ex)
{
    rw_run_desk_show(&s->desk, ex);
}

static void run_traces(struct rw_service *s, struct rw_exchange *ex)
{
    rw_run_desk_traces(&s->desk, ex);
}

static void run_events(struct rw_service *s, struct rw_exchange *ex)
{
    rw_run_desk_events(&s->desk, ex);
}

static void run_reset(struct rw_service *s, struct rw_exchange *ex)
{
    rw_run_desk_reset(&s->desk, ex);
}

static void run_baseline(struct rw_service *s, struct rw_exchange *ex)
{
    rw_run_desk_baseline(&s->desk, ex);
}

static void run_acknowledge(struct rw_service *s, struct rw_exchange *ex)
{
    rw_run_desk_acknowledge(&s->desk, ex);
}

static const struct rw_route ROUTE[] = {
    {"GET, HEAD, POST, OPTIONS", "*", rw_info_options,
     .open = true}, /* of the server, and of every route */
    {"GET, HEAD, POST, OPTIONS", "/", rw_info_root, .open = true, .not_json = true},
    {GET_ONLY, "/ui", rw_ui_page, .open = true}, /* the page itself holds nothing secret */
    {GET_ONLY, "/ui/", rw_ui_page, .open = true},
    {GET_ONLY, "/ui/{id}", rw_ui_page, .open = true},
    {GET_ONLY, "/livez", rw_info_livez, .open = true, .metrics = true},
    {GET_ONLY, "/readyz", rw_info_readyz, .open = true, .metrics = true},
    {GET_ONLY, "/healthz", rw_info_readyz, .open = true, .metrics = true},
    {GET_ONLY, "/health", rw_info_readyz, .open = true, .metrics = true},
    {GET_ONLY, "/metrics", rw_info_metrics, .metrics = true},
    {GET_ONLY, "/openapi.json", rw_info_openapi},
    {GET_ONLY, "/v1/models", rw_info_models},
    {POST_ONLY, "/get_worker_address", rw_peers_worker_address, .body = true},
    {POST_ONLY, "/list_models", rw_peers_list_models},
    {GET_ONLY, "/v2", rw_peers_kserve_server},
    {GET_ONLY, "/v2/health/live", rw_peers_kserve_live, .open = true},
    {GET_ONLY, "/v2/health/ready", rw_peers_kserve_ready, .open = true},
    {GET_ONLY, "/v2/models/{id}", rw_peers_kserve_model},
    {GET_ONLY, "/v2/models/{id}/ready", rw_peers_kserve_model},
    {GET_ONLY, "/v1/status", rw_status_page_reply},
    {GET_ONLY, "/v1/runs", runs},
    {"GET, HEAD, DELETE, OPTIONS", "/v1/runs/{id}", run},
    {GET_ONLY, "/v1/runs/{id}/traces", run_traces},
    {GET_ONLY, "/v1/runs/{id}/events", run_events},
    {POST_ONLY, "/v1/runs/{id}/acknowledge", run_acknowledge},
    {POST_ONLY, "/v1/runs/{id}/reset", run_reset},
    {POST_ONLY, "/v1/runs/{id}/baseline", run_baseline},
    {POST_ONLY, "/v1/rewards", rewards, .ready = true, .body = true, .scoring = true},
    {POST_ONLY, "/v1/verify", verify, .body = true},
};

/* The wires of proto/wires.def. */
static size_t add_wires(struct rw_route *route, size_t n)
{
    for (size_t i = 0; RW_WIRES[i] != NULL; i++) {
        const struct rw_wire *w = RW_WIRES[i];
        for (int p = 0; p < RW_WIRE_PATHS_MAX && w->path[p] != NULL; p++) {
            rw_assert(n < RW_METRIC_ROUTES_MAX);
            route[n++] = (struct rw_route){
                .methods = w->put ? "POST, PUT, OPTIONS" : POST_ONLY,
                .path = w->path[p],
                .handle = wire,
                .ready = true,
                .body = true,
                .scoring = true,
                .patient = w->hold,
                .write_error = w->write_error,
            };
        }
    }
    return n;
}

/* ---- request ids ----------------------------------------------------------------------------- */

static bool usable_id(struct rw_str id)
{
    if (id.len == 0 || id.len >= RW_REQUEST_ID_MAX) {
        return false;
    }
    for (size_t i = 0; i < id.len; i++) {
        char c = id.ptr[i];
        bool word = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        if (!word && (c == '\0' || strchr("-_.:", c) == NULL)) {
            return false; /* it is echoed in a header and in logs */
        }
    }
    return true;
}

static void name_request(struct rw_service *s, struct rw_exchange *ex)
{
    struct rw_str given = rw_exchange_header(ex, RW_HEADER_X_REQUEST_ID);
    if (usable_id(given)) {
        memcpy(ex->request_id, given.ptr, given.len);
        ex->request_id[given.len] = '\0';
        return;
    }
    s->id_count++;
    snprintf(ex->request_id, sizeof ex->request_id, "%016llx",
             (unsigned long long)(s->id_seed + s->id_count * UINT64_C(0x9E3779B97F4A7C15)));
}

/* ---- what the head asks for ------------------------------------------------------------------ */

static bool media_is(struct rw_str value, const char *type)
{
    size_t semicolon = rw_str_find(value, RW_STR(";"), 0);
    struct rw_str bare = rw_str_trim(rw_str_slice(value, 0, semicolon));
    return bare.len == strlen(type) && strncasecmp(bare.ptr, type, bare.len) == 0;
}

/* `curl -d` says application/x-www-form-urlencoded. A page elsewhere could say so too without
 * asking first, which is why Origin is checked for every request. */
static rw_status check_media(struct rw_exchange *ex, struct rw_error *err)
{
    struct rw_str type = rw_exchange_header(ex, RW_HEADER_CONTENT_TYPE);
    struct rw_str coding = rw_exchange_header(ex, RW_HEADER_CONTENT_ENCODING);
    if (coding.ptr != NULL && !media_is(coding, "identity")) {
        rw_fail(err, RW_UNSUPPORTED_MEDIA, "Content-Encoding \"%.*s\" is not accepted",
                RW_STR_ARG(coding));
        rw_error_hint(err, "send the body as it is");
        return RW_UNSUPPORTED_MEDIA;
    }
    if (type.ptr == NULL || media_is(type, "application/json") || media_is(type, "text/json") ||
        media_is(type, "application/x-www-form-urlencoded")) {
        return RW_OK;
    }
    rw_fail(err, RW_UNSUPPORTED_MEDIA, "Content-Type \"%.*s\" is not accepted", RW_STR_ARG(type));
    rw_error_hint(err, "send JSON with Content-Type: application/json");
    return RW_UNSUPPORTED_MEDIA;
}

static rw_status check_expect(const struct rw_exchange *ex, struct rw_error *err)
{
    struct rw_str expect = rw_exchange_header(ex, RW_HEADER_EXPECT);
    if (expect.ptr == NULL ||
        (expect.len == 12 && strncasecmp(expect.ptr, "100-continue", 12) == 0)) {
        return RW_OK;
    }
    return rw_fail(err, RW_EXPECTATION_FAILED, "only Expect: 100-continue is understood");
}

/* ---- routing --------------------------------------------------------------------------------- */

/* "{id}" in a route stands for one segment that is not empty. */
static bool path_fits(struct rw_str path, struct rw_str route)
{
    size_t open = rw_str_find(route, RW_STR("{id}"), 0);
    struct rw_str before = rw_str_slice(route, 0, open);
    if (open == route.len || !rw_str_starts(path, before)) {
        return rw_str_equal(path, route);
    }
    size_t end = rw_str_find(path, RW_STR("/"), open);
    return end > open && rw_str_equal(rw_str_slice(path, end, path.len),
                                      rw_str_slice(route, open + 4, route.len));
}

static const struct rw_route *find_route(const struct rw_service *s, struct rw_str path, bool json)
{
    for (size_t i = 0; i < s->n_routes; i++) {
        const struct rw_route *route = &s->routes[i];
        if (!(json && route->not_json) && path_fits(path, rw_str_from(route->path))) {
            return route;
        }
    }
    return NULL;
}

static bool brings_json(const struct rw_exchange *ex)
{
    struct rw_str type = rw_exchange_header(ex, RW_HEADER_CONTENT_TYPE);
    return rw_str_is(ex->in->request.method, "POST") &&
           (media_is(type, "application/json") || media_is(type, "text/json"));
}

/* Methods of RFC 9110 section 9 and RFC 5789. CONNECT is left out: it names no resource, and no
 * tunnel is made here. */
static bool method_known(struct rw_str method)
{
    static const char *const METHOD[] = {"GET",    "HEAD",    "POST",  "PUT",
                                         "DELETE", "OPTIONS", "TRACE", "PATCH"};
    for (size_t i = 0; i < RW_COUNT(METHOD); i++) {
        if (rw_str_is(method, METHOD[i])) {
            return true;
        }
    }
    return false;
}

/* `methods`: a list such as "GET, HEAD". */
static bool method_fits(const char *methods, struct rw_str method)
{
    struct rw_str list = rw_str_from(methods);
    for (size_t at = 0; at < list.len;) {
        size_t end = rw_str_find(list, RW_STR(", "), at);
        if (rw_str_equal(rw_str_slice(list, at, end), method)) {
            return true;
        }
        at = end + 2;
    }
    return false;
}

static rw_status route_method(struct rw_exchange *ex, struct rw_error *err)
{
    struct rw_str method = ex->in->request.method;
    ex->allow = ex->route->methods;
    if (!method_fits(ex->route->methods, method)) {
        rw_fail(err, RW_METHOD_NOT_ALLOWED, "%s does not know %.*s", ex->route->path,
                RW_STR_ARG(method));
        rw_error_hint(err, "it knows %s", ex->route->methods);
        return RW_METHOD_NOT_ALLOWED;
    }
    return RW_OK;
}

/* By --metrics-listen: probes and figures, and nothing that needs a key. */
static bool for_metrics(const struct rw_exchange *ex)
{
    return (rw_exchange_via(ex) & RW_VIA_METRICS) != 0;
}

static rw_status route_request(const struct rw_service *s, struct rw_exchange *ex,
                               struct rw_error *err)
{
    struct rw_str target = ex->in->request.target;
    struct rw_str method = ex->in->request.method;
    if (!method_known(method)) {
        ex->close_after = true; /* what follows may be in a protocol of its own */
        return rw_fail(err, RW_NOT_IMPLEMENTED, "the method %.*s is not implemented",
                       RW_STR_ARG(method));
    }
    struct rw_str path = rw_str_slice(target, 0, rw_str_find(target, RW_STR("?"), 0));
    ex->route = find_route(s, path, brings_json(ex));
    if (ex->route != NULL && for_metrics(ex) && !ex->route->metrics) {
        ex->route = NULL;
    }
    ex->write_error = ex->route != NULL ? ex->route->write_error : NULL;
    if (ex->route == NULL) {
        rw_fail(err, RW_NOT_FOUND, "there is nothing at %.*s", RW_STR_ARG(path));
        rw_error_hint(err, "POST /v1/rewards scores; /v1/models, /readyz, /metrics, /openapi.json");
        return RW_NOT_FOUND;
    }
    return route_method(ex, err);
}

static rw_status check_phase(struct rw_service *s, const struct rw_route *route,
                             struct rw_error *err)
{
    if (route->ready && s->phase == RW_SERVICE_LOADING) {
        rw_fail(err, RW_NOT_READY, "models are being loaded, %.0f %% of the current one is read",
                100.0 * rw_bridge_progress(s->scoring.bridge));
        rw_error_hint(err, "GET /readyz says when");
        return RW_NOT_READY;
    }
    return RW_OK;
}

/* The key, before anything else is told: strangers do not learn the routes. */
static rw_status check_key(struct rw_service *s, struct rw_exchange *ex, struct rw_error *err)
{
    if ((ex->route != NULL && ex->route->open) || for_metrics(ex) ||
        rw_access_is_preflight(s, ex)) {
        return RW_OK;
    }
    struct rw_account *account = NULL;
    rw_status status =
        rw_auth_check(&s->auth, rw_exchange_header(ex, RW_HEADER_AUTHORIZATION), &account, err);
    ex->account = account;
    if (account != NULL) {
        account->held++;
    }
    return status;
}

static rw_status check_head(struct rw_service *s, struct rw_exchange *ex, struct rw_error *err)
{
    rw_status status = check_expect(ex, err);
    if (status == RW_OK && rw_str_is(ex->in->request.method, "OPTIONS")) {
        ex->route = &s->routes[0]; /* ex->allow keeps what the route named knows */
        return RW_OK;
    }
    if (status == RW_OK && ex->route->body) {
        status = check_media(ex, err);
    }
    if (status == RW_OK) {
        status = check_phase(s, ex->route, err);
    }
    if (status == RW_OK && ex->route->scoring && ex->account != NULL) {
        status = rw_account_enter(ex->account, rw_clock_now(s->clock), err);
        ex->entered = status == RW_OK;
        ex->retry_after_s = ex->entered ? 0 : (unsigned)rw_account_wait_s(ex->account);
    }
    return status;
}

static void leave_account(const struct rw_exchange *ex)
{
    struct rw_account *account = ex->account;
    if (account != NULL) {
        account->held--;
        if (ex->entered) {
            rw_account_leave(account, ex->tally.tokens);
        }
    }
}

/* Who asks, for fairness: the account of a key, whichever of its spellings came; else the address.
 */
static uint64_t client_of(const struct rw_service *s, const struct rw_exchange *ex)
{
    const struct rw_account *account = ex->account;
    uint64_t peer = rw_exchange_peer(ex);
    return account != NULL ? rw_hash64(account->name, strlen(account->name), s->id_seed)
                           : rw_hash64(&peer, sizeof peer, s->id_seed);
}

static rw_status on_head(void *ctx, struct rw_exchange *ex, uint64_t *body_max,
                         struct rw_error *err)
{
    struct rw_service *s = ctx;
    struct rw_error routing = {0};
    name_request(s, ex);
    rw_access_note_page(s, ex);
    rw_status routed = route_request(s, ex, &routing);
    rw_status status = check_key(s, ex, err);
    if (status == RW_OK) {
        status = rw_access_check(s, ex, err);
    }
    bool asks = routed == RW_NOT_FOUND && rw_access_is_preflight(s, ex);
    if (asks) { /* 204: a browser that is refused here never sees the 404 */
        ex->allow = ROUTE[0].methods;
    } else if (status == RW_OK && routed != RW_OK) {
        *err = routing;
        status = routed;
    }
    if (status == RW_OK) {
        status = check_head(s, ex, err);
    }
    ex->client = client_of(s, ex);
    ex->patient = ex->route != NULL && ex->route->patient;
    *body_max =
        ex->route != NULL && ex->route->body ? s->scoring.limits.body_bytes_max : BODY_OF_GET_MAX;
    return status;
}

static void on_request(void *ctx, struct rw_exchange *ex)
{
    struct rw_service *s = ctx;
    const struct rw_route *route = ex->route; /* the exchange may be over behind the handler */
    struct rw_watch_span span = rw_watch_enter(&s->watch, route->path);
    route->handle(s, ex);
    rw_watch_leave(&s->watch, span);
}

/* ---- after the exchange ---------------------------------------------------------------------- */

/* Trace id of a traceparent header (W3C Trace Context, section 3.2): version, 32 hex digits of
 * trace, 16 of parent, flags; lower case. Empty when it is not one: it goes into logs as it is. */
static struct rw_str trace_id(struct rw_str header)
{
    enum {
        TRACE_BEGIN = 3,
        TRACE_END = 35,
        PARENT_END = 52,
        LEN = 55
    };
    bool zero = true;
    if (header.len < LEN || (header.len > LEN && header.ptr[LEN] != '-')) {
        return (struct rw_str){NULL, 0};
    }
    for (size_t i = 0; i < LEN; i++) {
        char c = header.ptr[i];
        bool dash = i == TRACE_BEGIN - 1 || i == TRACE_END || i == PARENT_END;
        bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
        if (dash ? c != '-' : !hex) {
            return (struct rw_str){NULL, 0};
        }
        zero = zero && (i < TRACE_BEGIN || i >= TRACE_END || c == '0');
    }
    bool forbidden = rw_str_starts(header, RW_STR("ff"));
    return rw_str_slice(header, TRACE_BEGIN, zero || forbidden ? TRACE_BEGIN : TRACE_END);
}

/* Names and ids of clients inside quotes: a quote of theirs must not end the value. */
static void quoted(char out[RW_ERROR_PARAM_MAX], struct rw_str text)
{
    size_t n = 0;
    for (; n < text.len && n + 1 < RW_ERROR_PARAM_MAX; n++) {
        char c = text.ptr[n];
        out[n] = c == '"' || c == '\\' || (unsigned char)c < 0x20 ? '_' : c;
    }
    out[n] = '\0';
}

/* A 200 whose traces failed is an error too: that is where null rewards come from. */
static void log_access(struct rw_service *s, const struct rw_exchange *ex, bool lost, double ms)
{
    const char *which = s->options->access_log;
    const struct rw_exchange_tally *t = &ex->tally;
    const struct rw_account *account = ex->account;
    bool bad = ex->status >= 400 || lost || t->failed > 0;
    if (strcmp(which, "off") == 0 || (strcmp(which, "errors") == 0 && !bad)) {
        return;
    }
    char param[RW_ERROR_PARAM_MAX];
    char run[RW_ERROR_PARAM_MAX];
    char key[RW_ERROR_PARAM_MAX];
    quoted(param, rw_str_from(t->param));
    quoted(run, (struct rw_str){t->run, t->run_len});
    quoted(key, rw_str_from(account != NULL ? account->name : ""));
    struct rw_str method = ex->in->request.method;
    struct rw_str trace = trace_id(rw_exchange_header(ex, RW_HEADER_TRACEPARENT));
    trace = trace.len > 0 ? trace : RW_STR("-");
    rw_log(bad ? RW_LOG_WARN : RW_LOG_INFO, "request",
           "id=\"%s\" trace_id=%.*s method=%.*s route=%s status=%d error=\"%s\" "
           "param=\"%s\" lost=%s client=\"%016llx\" key=\"%s\" run=\"%s\" traces=%llu failed=%llu "
           "tokens=%llu body_bytes=%llu reply_bytes=%llu ms=%.1f",
           ex->request_id[0] != '\0' ? ex->request_id : "-", RW_STR_ARG(trace),
           method.len < 16 ? (int)method.len : 0, method.ptr != NULL ? method.ptr : "",
           ex->route != NULL ? ex->route->path : "-", ex->status,
           t->error != RW_OK ? rw_status_code(t->error) : "", param, lost ? "yes" : "no",
           (unsigned long long)ex->client, key, run, (unsigned long long)t->traces,
           (unsigned long long)t->failed, (unsigned long long)t->tokens,
           (unsigned long long)ex->in->body_bytes, (unsigned long long)ex->reply_bytes, ms);
}

static void on_finished(void *ctx, const struct rw_exchange *ex, bool lost)
{
    struct rw_service *s = ctx;
    leave_account(ex);
    if (lost && ex->route == NULL) {
        return; /* a connection that ended inside a request head */
    }
    size_t route = ex->route != NULL ? (size_t)(ex->route - s->routes) : s->n_routes;
    double seconds = (double)(rw_clock_now(s->clock) - ex->start_ns) / 1e9;
    rw_metrics_request(&s->metrics, route, ex->status, lost);
    if (ex->route != NULL && ex->route->scoring && ex->status == 200 && !lost) {
        rw_histogram_add(&s->metrics.duration[route], RW_METRIC_SECONDS, seconds);
    }
    log_access(s, ex, lost, seconds * 1e3);
}

static void on_closed(void *ctx, struct rw_connection *c)
{
    (void)ctx;
    rw_listener_free_connection(c);
}

void rw_router_init(struct rw_service *service, struct rw_handlers *handlers)
{
    memcpy(service->routes, ROUTE, sizeof ROUTE);
    service->n_routes = add_wires(service->routes, RW_COUNT(ROUTE));
    rw_assert(service->n_routes < RW_METRIC_ROUTES_MAX); /* one more counts what found none */
    *handlers = (struct rw_handlers){on_head, on_request, on_finished, on_closed, service};
}
