#include "server/status_page.h"

#include "core/base/util.h"
#include "proto/emit.h"
#include "server/process.h"
#include "server/service.h"
#include "server/version.h"

enum {
    STATUS_MAX = 1024 * 1024, /* bytes; a thousand keys are 200 kB */
};

static void open_object(struct rw_buf *out, const char *name)
{
    rw_emit_name(out, name);
    rw_emit_open(out, '{');
}

static void figure(struct rw_buf *out, const char *name, uint64_t value)
{
    rw_emit_unsigned_field(out, name, value);
}

/* Not measured yet is null, never 0. */
static void measured(struct rw_buf *out, const char *name, bool known, double value)
{
    rw_emit_name(out, name);
    if (known) {
        rw_emit_double(out, value);
    } else {
        rw_emit_raw(out, "null");
    }
}

static void write_queue(struct rw_buf *out, const struct rw_service *s,
                        const struct rw_engine_stats *stats)
{
    const struct rw_admission *a = &s->scoring.admission;
    double rate = a->tokens_per_s;
    bool known = rate > 0 || a->tokens.held == 0;
    open_object(out, "queue");
    measured(out, "seconds", known, rate > 0 ? (double)a->tokens.held / rate : 0);
    measured(out, "tokens_per_second", rate > 0, rate);
    figure(out, "admitted_tokens", a->tokens.held);
    figure(out, "admitted_tokens_limit", a->tokens.max);
    figure(out, "requests_in_flight", s->scoring.calls);
    figure(out, "requests_waiting", a->waiting);
    figure(out, "jobs_waiting", stats->jobs_queued);
    figure(out, "jobs_running", stats->jobs_running);
    figure(out, "refused", s->metrics.refused_overload);
    rw_emit_close(out, '}');
}

static void write_work(struct rw_buf *out, const struct rw_metrics *m)
{
    open_object(out, "work");
    figure(out, "traces_scored", m->traces_scored);
    figure(out, "traces_failed", m->traces_failed);
    figure(out, "steps_scored", m->steps_scored);
    figure(out, "prompt_tokens", m->prompt_tokens);
    figure(out, "scored_tokens", m->scored_tokens);
    figure(out, "cached_tokens", m->cached_tokens);
    rw_emit_double_field(out, "flops", m->flops);
    rw_emit_double_field(out, "cpu_seconds", m->cpu_seconds);
    rw_emit_close(out, '}');
}

static void write_cache(struct rw_buf *out, const struct rw_engine_stats *stats)
{
    uint64_t looked = stats->cache_lookup_tokens;
    open_object(out, "cache");
    figure(out, "lookup_tokens", looked);
    figure(out, "hit_tokens", stats->cache_hit_tokens);
    measured(out, "hit_share", looked > 0,
             looked > 0 ? (double)stats->cache_hit_tokens / (double)looked : 0);
    figure(out, "bytes", stats->cache_bytes);
    figure(out, "bytes_limit", stats->cache_bytes_max);
    figure(out, "evictions", stats->cache_evictions);
    rw_emit_close(out, '}');
}

static void write_connections(struct rw_buf *out, const struct rw_service *s)
{
    open_object(out, "connections");
    figure(out, "open", s->connections.open);
    figure(out, "accepted", s->accepted);
    figure(out, "refused", s->refused);
    figure(out, "received_bytes", s->connections.bytes_in);
    figure(out, "sent_bytes", s->connections.bytes_out);
    figure(out, "event_streams", s->desk.n_subscribers);
    rw_emit_close(out, '}');
}

static void write_memory(struct rw_buf *out, const struct rw_service *s,
                         const struct rw_engine_stats *stats)
{
    open_object(out, "memory");
    figure(out, "resident_bytes", (uint64_t)rw_process_resident_bytes());
    figure(out, "kv_bytes", stats->kv_bytes_used);
    figure(out, "kv_bytes_limit", stats->kv_bytes_max);
    figure(out, "body_bytes", s->connections.bodies.held);
    figure(out, "open_files", (uint64_t)rw_process_open_files());
    rw_emit_close(out, '}');
}

static void write_runs(struct rw_buf *out, const struct rw_service *s)
{
    struct rw_runs_stats runs = {0};
    if (s->desk.runs != NULL) {
        rw_runs_stats(s->desk.runs, &runs);
    }
    open_object(out, "runs");
    figure(out, "in_memory", runs.in_memory);
    figure(out, "known", runs.stored);
    figure(out, "open_alarms", runs.open_alarms);
    figure(out, "observed", runs.observed);
    figure(out, "dropped", runs.dropped);
    figure(out, "texts_dropped", runs.texts_dropped);
    figure(out, "failed", runs.failed);
    rw_emit_bool_field(out, "durable", runs.durable);
    rw_emit_close(out, '}');
}

static void write_counts(struct rw_buf *out, const struct rw_metrics *m)
{
    open_object(out, "errors");
    for (int e = 1; e < RW_STATUS_COUNT; e++) {
        if (m->errors[e] > 0) {
            figure(out, rw_status_code((rw_status)e), m->errors[e]);
        }
    }
    rw_emit_close(out, '}');
    open_object(out, "flags");
    for (int id = 0; id < RW_FLAGS; id++) {
        if (m->flags_fired[id] > 0) {
            figure(out, rw_flag_info((enum rw_flag_id)id)->name, m->flags_fired[id]);
        }
    }
    rw_emit_close(out, '}');
}

static void write_models(struct rw_buf *out, const struct rw_service *s)
{
    const struct rw_model *model[RW_SERVER_MODELS_MAX];
    size_t n = rw_bridge_models(s->scoring.bridge, model);
    rw_emit_name(out, "models");
    rw_emit_open(out, '[');
    for (size_t i = 0; i < RW_MIN(n, (size_t)RW_METRIC_MODELS_MAX); i++) {
        rw_emit_open(out, '{');
        rw_emit_text_field(out, "id", rw_model_info(model[i])->name);
        figure(out, "traces", s->metrics.model[i].traces);
        figure(out, "failed", s->metrics.model[i].failed);
        rw_emit_close(out, '}');
    }
    rw_emit_close(out, ']');
}

static void write_keys(struct rw_buf *out, const struct rw_auth *auth)
{
    rw_emit_name(out, "keys");
    rw_emit_open(out, '[');
    for (size_t i = 0; i < auth->accounts; i++) {
        const struct rw_account *account = &auth->account[i];
        if (!account->live && account->held == 0) {
            continue;
        }
        rw_emit_open(out, '{');
        rw_emit_text_field(out, "name", account->name);
        figure(out, "requests", account->requests);
        figure(out, "refused", account->refused);
        figure(out, "tokens", account->tokens);
        figure(out, "in_flight", account->in_flight);
        measured(out, "concurrency_limit", account->concurrency_max > 0,
                 (double)account->concurrency_max);
        measured(out, "tokens_per_minute_limit", account->tokens_per_minute > 0,
                 (double)account->tokens_per_minute);
        rw_emit_close(out, '}');
    }
    rw_emit_close(out, ']');
}

void rw_status_page_reply(struct rw_service *s, struct rw_exchange *ex)
{
    static const char *const PHASE[] = {"loading", "ready", "draining", "ending"};
    struct rw_engine_stats stats = {0};
    struct rw_buf out;
    rw_buf_init(&out, STATUS_MAX);
    rw_engine_stats(rw_bridge_engine(s->scoring.bridge), &stats);
    rw_emit_open(&out, '{');
    rw_emit_text_field(&out, "object", "status");
    rw_emit_text_field(&out, "version", RW_VERSION);
    rw_emit_text_field(&out, "kernel", rw_engine_kernel(rw_bridge_engine(s->scoring.bridge)));
    rw_emit_text_field(&out, "phase", PHASE[s->phase]);
    rw_emit_double_field(&out, "started", s->metrics.started_unix);
    write_queue(&out, s, &stats);
    write_work(&out, &s->metrics);
    write_cache(&out, &stats);
    write_connections(&out, s);
    write_memory(&out, s, &stats);
    rw_emit_name(&out, "loop");
    rw_emit_open(&out, '{');
    rw_emit_double_field(&out, "longest_stall_seconds", s->watch.longest);
    rw_emit_close(&out, '}');
    write_runs(&out, s);
    write_counts(&out, &s->metrics);
    write_models(&out, s);
    write_keys(&out, &s->auth);
    rw_emit_close(&out, '}');
    rw_buf_append_char(&out, '\n');
    rw_exchange_reply_buf(ex, 200, "application/json", &out, NULL);
    rw_buf_fini(&out);
}
