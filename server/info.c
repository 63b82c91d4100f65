#include "server/info.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "proto/emit.h"
#include "proto/reply.h"
#include "server/access.h"
#include "server/example.h"
#include "server/http/http_chars.h"
#include "server/metrics_page.h"
#include "server/openapi.h"
#include "server/openmetrics.h"
#include "server/ui/ui.h"
#include "server/version.h"

enum {
    PAGE_MAX = 1024 * 1024, /* bytes */
    HOST_SHOWN_MAX = 256,   /* bytes of a Host that `/` repeats */
};

static const char TEXT[] = "text/plain; charset=utf-8";

/* The name we were called by, where it is safe inside a command line; a Host may hold quotes. */
static struct rw_str host_to_show(const struct rw_exchange *ex)
{
    struct rw_str host = rw_exchange_header(ex, RW_HEADER_HOST);
    for (size_t i = 0; i < host.len; i++) {
        unsigned char c = (unsigned char)host.ptr[i];
        if (!rw_http_is_alnum(c) && strchr(".-_:[]", c) == NULL) {
            return RW_STR("HOST");
        }
    }
    return host.len > 0 && host.len <= HOST_SHOWN_MAX ? host : RW_STR("HOST");
}

/* A POST that brings no JSON gets back what was read of its body: whoever doubts a proxy or a
 * client sees the bytes that arrive here. Text, whatever it is; a browser shows it as that and no
 * more (nosniff). */
static void give_back(struct rw_exchange *ex)
{
    rw_exchange_reply(ex, 200, TEXT, rw_buf_str(&ex->body), NULL);
}

void rw_info_root(struct rw_service *service, struct rw_exchange *ex)
{
    if (rw_str_is(ex->in->request.method, "POST")) {
        give_back(ex);
        return;
    }
    if (rw_ui_is_wanted(ex)) {
        rw_ui_page(service, ex);
        return;
    }
    struct rw_str host = host_to_show(ex);
    char page[2048];
    int n = snprintf(page, sizeof page,
                     "rewardd " RW_VERSION " is running.\n\n"
                     "POST /v1/rewards    score traces, step by step\n"
                     "POST /get_reward    the same for OpenRLHF\n"
                     "POST /v1/verify     answers beside references, without a model\n"
                     "GET  /v1/models     what is loaded\n"
                     "GET  /v1/runs       training runs that are watched\n"
                     "GET  /ui            a page for people\n"
                     "GET  /readyz        may traffic come?\n"
                     "GET  /metrics       Prometheus\n"
                     "GET  /openapi.json  the whole interface\n\n"
                     "try  curl -s http%s://%.*s/v1/rewards -H 'Accept: text/plain' "
                     "-d '" RW_EXAMPLE_BODY "'\n",
                     (rw_exchange_via(ex) & RW_VIA_TLS) != 0 ? "s" : "", RW_STR_ARG(host));
    rw_exchange_reply(ex, 200, TEXT, (struct rw_str){page, (size_t)n}, NULL);
}

/* The star is for what SDKs send beside (x-stainless-*, affinity headers); it never stands for
 * Authorization (Fetch standard, CORS-safelisted and wildcard names).
 *
 * OPTIONS: what a route knows; and to a browser that asks before it asks (the CORS preflight of the
 * Fetch standard, for a page that rw_access_check let in), what that page may send. */
void rw_info_options(struct rw_service *service, struct rw_exchange *ex)
{
    char extra[512];
    snprintf(extra, sizeof extra, "Allow: %s\r\n%s", ex->allow,
             !rw_access_is_preflight(service, ex)
                 ? ""
                 : "Access-Control-Allow-Methods: GET, HEAD, POST, PUT, DELETE\r\n"
                   "Access-Control-Allow-Headers: Authorization, Content-Type, Accept, "
                   "X-Request-Id, Last-Event-ID, traceparent, *\r\n"
                   "Access-Control-Allow-Private-Network: true\r\n"
                   "Access-Control-Max-Age: 600\r\n");
    rw_exchange_reply_empty(ex, extra);
}

void rw_info_livez(struct rw_service *service, struct rw_exchange *ex)
{
    (void)service;
    rw_exchange_reply(ex, 200, TEXT, RW_STR("alive\n"), NULL);
}

void rw_info_readyz(struct rw_service *service, struct rw_exchange *ex)
{
    struct rw_error err = {0};
    switch (service->phase) {
    case RW_SERVICE_READY:
        rw_exchange_reply(ex, 200, TEXT, RW_STR("ready\n"), NULL);
        return;
    case RW_SERVICE_LOADING:
        rw_fail(&err, RW_NOT_READY, "models are being loaded, %.0f %% of the current one is read",
                100.0 * rw_bridge_progress(service->scoring.bridge));
        break;
    default:
        rw_fail(&err, RW_DRAINING, "the server is shutting down");
    }
    rw_exchange_fail(ex, &err);
}

/* The false-alarm rate that a group of n clean traces gives at the default alpha: what is realised
 * varies from bank to bank, and a group under RW_BANK_N_MIN ranks nothing. */
static void write_group(struct rw_buf *out, const struct rw_bank_group *group)
{
    double mean = 0;
    double deviation = 0;
    rw_emit_open(out, '{');
    rw_emit_name(out, "domain");
    rw_emit_text(out, group->domain);
    rw_emit_name(out, "group");
    rw_emit_text(out, group->group);
    rw_emit_unsigned_field(out, "traces", group->traces);
    if (group->traces >= RW_BANK_N_MIN) {
        rw_bank_spread(group->traces, RW_FLAG_ALPHA_DEFAULT, &mean, &deviation);
        rw_emit_double_field(out, "false_alarm_rate", mean);
        rw_emit_double_field(out, "false_alarm_deviation", deviation);
    } else {
        rw_emit_text_field(out, "false_alarm_rate", NULL);
        rw_emit_text_field(out, "false_alarm_deviation", NULL);
    }
    rw_emit_close(out, '}');
}

/* Whether its flags are calibrated, and if not, why; beside which groups, and how often a flag
 * fires on clean traces. */
static void write_calibration(struct rw_buf *out, const struct rw_bank_slot *slot)
{
    struct rw_bank_group group[RW_BANK_DOMAINS_MAX];
    const struct rw_bank *bank = slot != NULL ? slot->bank : NULL;
    size_t n = bank != NULL ? rw_bank_groups(bank, group) : 0;
    rw_emit_name(out, "calibration");
    rw_emit_open(out, '{');
    rw_emit_unsigned_field(out, "traces", bank != NULL ? rw_bank_rows(bank) : 0);
    rw_emit_text_field(out, "missing", slot == NULL || bank != NULL ? NULL : slot->error.message);
    rw_emit_double_field(out, "alpha", RW_FLAG_ALPHA_DEFAULT);
    rw_emit_name(out, "groups");
    rw_emit_open(out, '[');
    for (size_t i = 0; i < n; i++) {
        write_group(out, &group[i]);
    }
    rw_emit_close(out, ']');
    struct rw_str tag[RW_BANK_DOMAINS_MAX];
    size_t n_tags = bank != NULL ? rw_bank_tags(bank, tag, RW_BANK_DOMAINS_MAX) : 0;
    rw_emit_name(out, "domains");
    rw_emit_open(out, '[');
    for (size_t i = 0; i < n_tags; i++) {
        rw_emit_text(out, tag[i]);
    }
    rw_emit_close(out, ']');
    rw_emit_close(out, '}');
}

/* Quantised weights only; null elsewhere, and where it was not measured. */
static void write_agreement(struct rw_buf *out, const struct rw_model_agreement *agreement)
{
    if (agreement->reads == 0) {
        rw_emit_text_field(out, "bf16_agreement", NULL);
        return;
    }
    rw_emit_name(out, "bf16_agreement");
    rw_emit_open(out, '{');
    rw_emit_unsigned_field(out, "reads", agreement->reads);
    rw_emit_unsigned_field(out, "equal_verdicts", agreement->equal);
    rw_emit_double_field(out, "worst_difference", (double)agreement->worst);
    rw_emit_unsigned_field(out, "tokens", agreement->tokens);
    rw_emit_double_field(out, "ms", agreement->ms);
    rw_emit_close(out, '}');
}

static void write_figure(struct rw_buf *out, const char *name, double value)
{
    rw_emit_name(out, name);
    if (isfinite(value)) {
        rw_emit_double(out, value);
    } else {
        rw_emit_raw(out, "null");
    }
}

static void write_verdict(struct rw_buf *out, const struct rw_audit_note_verdict *v)
{
    rw_emit_open(out, '{');
    rw_emit_text_field(out, "property", v->property);
    rw_emit_text_field(out, "means", v->means);
    rw_emit_text_field(out, "verdict", v->verdict);
    rw_emit_text_field(out, "sentence", v->sentence);
    rw_emit_text_field(out, "rule", v->rule);
    rw_emit_text_field(out, "intervention", v->intervention);
    rw_emit_text_field(out, "figure", v->figure);
    write_figure(out, "value", v->value);
    write_figure(out, "low", v->low);
    write_figure(out, "high", v->high);
    write_figure(out, "no", v->no);
    write_figure(out, "yes", v->yes);
    rw_emit_unsigned_field(out, "traces", v->traces);
    rw_emit_close(out, '}');
}

/* What `rewardd audit --save` left in the folder. Verdicts about other weights are told as that:
 * the digest says whose they are. */
static void write_audit(struct rw_buf *out, const struct rw_audit_note *note)
{
    enum rw_audit_note_state state = note != NULL ? note->state : RW_AUDIT_NOTE_NONE;
    bool known = state == RW_AUDIT_NOTE_CURRENT || state == RW_AUDIT_NOTE_OTHER_WEIGHTS;
    rw_emit_name(out, "audit");
    rw_emit_open(out, '{');
    rw_emit_text_field(out, "state", rw_audit_note_state_name(state));
    rw_emit_text_field(out, "problem",
                       state == RW_AUDIT_NOTE_UNREADABLE ? note->error.message : NULL);
    if (known) {
        rw_emit_text_field(out, "digest", note->digest);
        rw_emit_text_field(out, "dtype", note->dtype);
        rw_emit_text_field(out, "rewardd", note->rewardd);
        rw_emit_text_field(out, "traces_file", note->traces_file);
        rw_emit_unsigned_field(out, "traces", note->traces);
        rw_emit_unsigned_field(out, "questions", note->questions);
    }
    rw_emit_name(out, "verdicts");
    rw_emit_open(out, '[');
    for (size_t i = 0; known && i < note->n; i++) {
        write_verdict(out, &note->verdict[i]);
    }
    rw_emit_close(out, ']');
    rw_emit_close(out, '}');
}

/* How a text becomes its steps, and what its prompt has a place for. */
static void write_layout(struct rw_buf *out, const struct rw_model_info *info)
{
    rw_emit_name(out, "split");
    rw_emit_open(out, '[');
    for (size_t i = 0; i < info->n_split; i++) {
        rw_emit_text(out, info->split[i]);
    }
    rw_emit_close(out, ']');
    rw_emit_name(out, "marker");
    if (info->marker.len > 0) {
        rw_emit_text(out, info->marker);
    } else {
        rw_emit_raw(out, "null");
    }
    rw_emit_name(out, "roles");
    rw_emit_open(out, '{');
    rw_emit_text_field(out, "system",
                       !info->places.system      ? "none"
                       : info->places.own_system ? "own"
                                                 : "client");
    rw_emit_bool_field(out, "turns", info->places.turns);
    rw_emit_close(out, '}');
}

static void write_model(struct rw_buf *out, const struct rw_model_info *info,
                        const struct rw_bank_slot *slot, const struct rw_audit_note *audit)
{
    static const char *const LANGUAGE[] = {
        [RW_LANGUAGE_NONE] = "none",
        [RW_LANGUAGE_NOT_LOADED] = "not_loaded",
        [RW_LANGUAGE_LOADED] = "loaded",
    };
    rw_emit_open(out, '{');
    rw_emit_text_field(out, "id", info->name);
    rw_emit_text_field(out, "object", "model");
    rw_emit_text_field(out, "kind", info->kind == RW_KIND_PROCESS ? "process" : "outcome");
    rw_emit_text_field(out, "digest", info->digest);
    rw_emit_text_field(out, "purpose", info->purpose);
    rw_emit_text_field(out, "preset", info->preset);
    rw_emit_text_field(out, "preset_evidence", info->evidence);
    rw_emit_text_field(out, "architecture", info->architecture);
    rw_emit_text_field(out, "template_date", info->template_date);
    rw_emit_text_field(out, "dtype", info->dtype);
    rw_emit_text_field(out, "aggregate", rw_aggregate_name(info->aggregate));
    rw_emit_unsigned_field(out, "context_tokens", info->context_max);
    rw_emit_unsigned_field(out, "parameters", info->parameters);
    rw_emit_unsigned_field(out, "weight_bytes", info->weight_bytes);
    rw_emit_text_field(out, "language_head", LANGUAGE[info->language_head]);
    rw_emit_unsigned_field(out, "language_head_bytes", info->language_head_bytes);
    write_layout(out, info);
    rw_emit_unsigned_field(out, "golden_vectors", info->golden_vectors);
    write_agreement(out, &info->agreement);
    write_calibration(out, slot);
    write_audit(out, audit);
    rw_emit_double_field(out, "load_ms", info->load_ms);
    rw_emit_close(out, '}');
}

void rw_info_models(struct rw_service *service, struct rw_exchange *ex)
{
    const struct rw_model *model[RW_SERVER_MODELS_MAX];
    size_t n = rw_bridge_models(service->scoring.bridge, model);
    struct rw_buf out;
    rw_buf_init(&out, PAGE_MAX);
    rw_emit_open(&out, '{');
    rw_emit_text_field(&out, "object", "list");
    rw_emit_name(&out, "data");
    rw_emit_open(&out, '[');
    for (size_t i = 0; i < n; i++) {
        write_model(&out, rw_model_info(model[i]),
                    rw_bridge_bank_slot(service->scoring.bridge, model[i]),
                    rw_bridge_audit(service->scoring.bridge, model[i]));
    }
    rw_emit_close(&out, ']');
    rw_emit_close(&out, '}');
    rw_buf_append_char(&out, '\n');
    rw_exchange_reply_buf(ex, 200, "application/json", &out, NULL);
    rw_buf_fini(&out);
}

void rw_info_metrics(struct rw_service *service, struct rw_exchange *ex)
{
    struct rw_buf page;
    struct rw_buf open;
    bool wants_open = rw_reply_wants_openmetrics(rw_exchange_header(ex, RW_HEADER_ACCEPT));
    rw_buf_init(&page, PAGE_MAX);
    rw_buf_init(&open, PAGE_MAX);
    rw_metrics_page_write(&page, service);
    if (wants_open) {
        rw_openmetrics_write(&open, rw_buf_str(&page));
        open.failed = open.failed || page.failed;
    }
    rw_exchange_reply_buf(
        ex, 200, wants_open ? RW_OPENMETRICS_TYPE : "text/plain; version=0.0.4; charset=utf-8",
        wants_open ? &open : &page, "Vary: Accept\r\n");
    rw_buf_fini(&page);
    rw_buf_fini(&open);
}

void rw_info_openapi(struct rw_service *service, struct rw_exchange *ex)
{
    (void)service;
    rw_exchange_reply(ex, 200, "application/json", rw_openapi_document(), NULL);
}
