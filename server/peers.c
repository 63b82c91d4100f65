#include "server/peers.h"

#include <stdio.h>

#include "core/base/utf8.h"
#include "core/base/util.h"
#include "proto/emit.h"
#include "server/http/transport.h"
#include "server/service.h"
#include "server/version.h"

enum {
    PAGE_MAX = 64 * 1024, /* bytes */
};

static const char JSON[] = "application/json";

static void reply(struct rw_exchange *ex, struct rw_buf *page)
{
    rw_exchange_reply_buf(ex, 200, JSON, page, NULL);
    rw_buf_fini(page);
}

/* ---- FastChat -------------------------------------------------------------------------------- */

void rw_peers_worker_address(struct rw_service *service, struct rw_exchange *ex)
{
    (void)service;
    struct rw_str host = rw_exchange_header(ex, RW_HEADER_HOST);
    struct rw_buf page;
    rw_buf_init(&page, PAGE_MAX);
    rw_emit_open(&page, '{');
    rw_emit_name(&page, "address");
    char address[512];
    int n = snprintf(address, sizeof address, "http%s://%.*s",
                     (rw_exchange_via(ex) & RW_VIA_TLS) != 0 ? "s" : "", RW_STR_ARG(host));
    struct rw_str text = {address, RW_MIN((size_t)n, sizeof address - 1)};
    rw_emit_text(&page, rw_utf8_check(text) == text.len ? text : RW_STR(""));
    rw_emit_close(&page, '}');
    reply(ex, &page);
}

void rw_peers_list_models(struct rw_service *service, struct rw_exchange *ex)
{
    const struct rw_model *model[RW_SERVER_MODELS_MAX];
    size_t n = rw_bridge_models(service->scoring.bridge, model);
    struct rw_buf page;
    rw_buf_init(&page, PAGE_MAX);
    rw_emit_open(&page, '{');
    rw_emit_name(&page, "models");
    rw_emit_open(&page, '[');
    for (size_t i = 0; i < n; i++) {
        rw_emit_text(&page, rw_str_from(rw_model_info(model[i])->name));
    }
    rw_emit_close(&page, ']');
    rw_emit_close(&page, '}');
    reply(ex, &page);
}

/* ---- KServe ---------------------------------------------------------------------------------- */

static void say(struct rw_exchange *ex, const char *name, bool value)
{
    struct rw_buf page;
    rw_buf_init(&page, PAGE_MAX);
    rw_emit_open(&page, '{');
    rw_emit_bool_field(&page, name, value);
    rw_emit_close(&page, '}');
    rw_exchange_reply_buf(ex, value ? 200 : 503, JSON, &page, NULL);
    rw_buf_fini(&page);
}

void rw_peers_kserve_server(struct rw_service *service, struct rw_exchange *ex)
{
    (void)service;
    struct rw_buf page;
    rw_buf_init(&page, PAGE_MAX);
    rw_emit_open(&page, '{');
    rw_emit_text_field(&page, "name", "rewardd");
    rw_emit_text_field(&page, "version", RW_VERSION);
    rw_emit_name(&page, "extensions");
    rw_emit_raw(&page, "[]");
    rw_emit_close(&page, '}');
    reply(ex, &page);
}

void rw_peers_kserve_live(struct rw_service *service, struct rw_exchange *ex)
{
    (void)service;
    say(ex, "live", true);
}

void rw_peers_kserve_ready(struct rw_service *service, struct rw_exchange *ex)
{
    say(ex, "ready", service->phase == RW_SERVICE_READY);
}

static void write_tensor(struct rw_buf *page, const char *list, const char *const *names, size_t n,
                         const char *type)
{
    rw_emit_name(page, list);
    rw_emit_open(page, '[');
    for (size_t i = 0; i < n; i++) {
        rw_emit_open(page, '{');
        rw_emit_text_field(page, "name", names[i]);
        rw_emit_text_field(page, "datatype", type);
        rw_emit_name(page, "shape");
        rw_emit_raw(page, "[-1]");
        rw_emit_close(page, '}');
    }
    rw_emit_close(page, ']');
}

/* The name between "/v2/models/" and the next slash. */
static struct rw_str model_named(struct rw_str target)
{
    size_t begin = sizeof "/v2/models/" - 1;
    size_t mark = rw_str_find(target, RW_STR("?"), 0);
    size_t end = rw_str_find(target, RW_STR("/"), RW_MIN(begin, target.len));
    return rw_str_slice(target, RW_MIN(begin, target.len), RW_MIN(end, mark));
}

void rw_peers_kserve_model(struct rw_service *service, struct rw_exchange *ex)
{
    static const char *const IN[] = {"prompt", "response"};
    static const char *const OUT[] = {"reward"};
    const struct rw_model *model[RW_SERVER_MODELS_MAX];
    struct rw_str target = ex->in->request.target;
    struct rw_str name = model_named(target);
    size_t n = rw_bridge_models(service->scoring.bridge, model);
    size_t i = 0;
    while (i < n && !rw_str_is(name, rw_model_info(model[i])->name)) {
        i++;
    }
    if (i == n) {
        struct rw_error err = {0};
        rw_fail(&err, RW_MODEL_NOT_FOUND, "no model of that name is loaded");
        rw_error_hint(&err, "GET /v1/models lists what is loaded");
        rw_exchange_fail(ex, &err);
        return;
    }
    if (rw_str_find(target, RW_STR("/ready"), sizeof "/v2/models/" - 1) < target.len) {
        say(ex, "ready", service->phase == RW_SERVICE_READY);
        return;
    }
    struct rw_buf page;
    rw_buf_init(&page, PAGE_MAX);
    rw_emit_open(&page, '{');
    rw_emit_text_field(&page, "name", rw_model_info(model[i])->name);
    rw_emit_text_field(&page, "platform", "rewardd");
    write_tensor(&page, "inputs", IN, RW_COUNT(IN), "BYTES");
    write_tensor(&page, "outputs", OUT, RW_COUNT(OUT), "FP32");
    rw_emit_close(&page, '}');
    reply(ex, &page);
}
