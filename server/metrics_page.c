#include "server/metrics_page.h"

#include <stddef.h>
#include <stdio.h>

#include "core/base/util.h"
#include "server/process.h"
#include "server/service.h"
#include "server/version.h"

static void head(struct rw_buf *out, const char *name, const char *type, const char *help)
{
    rw_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void number(struct rw_buf *out, const char *name, const char *type, const char *help,
                   double value)
{
    head(out, name, type, help);
    rw_buf_printf(out, "%s %.17g\n", name, value);
}

/* A label's value: backslash, quote and line feed would end it (exposition format, "Comments, help
 * text, and type information"); what is not UTF-8 or another control byte never gets here. */
static void label(struct rw_buf *out, const char *name, const char *value)
{
    rw_buf_printf(out, "%s=\"", name);
    for (; *value != '\0'; value++) {
        if (*value == '\n') {
            rw_buf_append(out, "\\n", 2);
        } else {
            if (*value == '"' || *value == '\\') {
                rw_buf_append_char(out, '\\');
            }
            rw_buf_append_char(out, *value);
        }
    }
    rw_buf_append_char(out, '"');
}

/* One series of a histogram; `key` NULL = without a label. */
static void series(struct rw_buf *out, const char *name, const char *key, const char *value,
                   enum rw_metric_scale scale, const struct rw_histogram *h)
{
    struct rw_buf text;
    rw_buf_init(&text, 4096);
    if (key != NULL) {
        label(&text, key, value);
    }
    const char *comma = key != NULL ? "," : "";
    uint64_t below = 0;
    for (size_t i = 0; i < RW_METRIC_BUCKETS && RW_METRIC_BOUND[scale][i] > 0; i++) {
        below += h->bucket[i];
        rw_buf_printf(out, "%s_bucket{%.*s%sle=\"%g\"} %llu\n", name, RW_STR_ARG(rw_buf_str(&text)),
                      comma, RW_METRIC_BOUND[scale][i], (unsigned long long)below);
    }
    rw_buf_printf(out, "%s_bucket{%.*s%sle=\"+Inf\"} %llu\n", name, RW_STR_ARG(rw_buf_str(&text)),
                  comma, (unsigned long long)h->count);
    const char *open = key != NULL ? "{" : "";
    const char *close = key != NULL ? "}" : "";
    rw_buf_printf(out, "%s_sum%s%.*s%s %.9g\n%s_count%s%.*s%s %llu\n", name, open,
                  RW_STR_ARG(rw_buf_str(&text)), close, h->sum, name, open,
                  RW_STR_ARG(rw_buf_str(&text)), close, (unsigned long long)h->count);
    rw_buf_fini(&text);
}

static void histogram(struct rw_buf *out, const char *name, const char *help,
                      const struct rw_histogram *h)
{
    head(out, name, "histogram", help);
    series(out, name, NULL, NULL, RW_METRIC_SECONDS, h);
}

static void labelled(struct rw_buf *out, const char *name, const char *key, const char *value,
                     double number)
{
    rw_buf_printf(out, "%s{", name);
    label(out, key, value);
    rw_buf_printf(out, "} %.17g\n", number);
}

static const char *route_name(const struct rw_service *s, size_t route)
{
    return route < s->n_routes ? s->routes[route].path : "none";
}

static void write_http(struct rw_buf *out, const struct rw_service *s)
{
    const struct rw_metrics *m = &s->metrics;
    head(out, "rewardd_http_requests_total", "counter", "Requests answered.");
    for (size_t r = 0; r <= s->n_routes; r++) {
        for (size_t c = 0; c < RW_METRIC_CODES; c++) {
            if (m->requests[r][c] > 0) {
                rw_buf_printf(out, "rewardd_http_requests_total{route=\"%s\",code=\"%d\"} %llu\n",
                              route_name(s, r), RW_METRIC_CODE[c],
                              (unsigned long long)m->requests[r][c]);
            }
        }
    }
    head(out, "rewardd_http_requests_lost_total", "counter",
         "Requests whose client went away before the reply ended.");
    for (size_t r = 0; r < s->n_routes; r++) {
        if (s->routes[r].scoring || m->lost[r] > 0) {
            rw_buf_printf(out, "rewardd_http_requests_lost_total{route=\"%s\"} %llu\n",
                          route_name(s, r), (unsigned long long)m->lost[r]);
        }
    }
    number(out, "rewardd_http_connections", "gauge", "Open connections.",
           (double)s->connections.open);
    number(out, "rewardd_http_connections_accepted_total", "counter", "Connections accepted.",
           (double)s->accepted);
    number(out, "rewardd_http_connections_refused_total", "counter",
           "Connections closed at once, over --connections-max.", (double)s->refused);
    number(out, "rewardd_http_received_bytes_total", "counter", "Bytes received.",
           (double)s->connections.bytes_in);
    number(out, "rewardd_http_sent_bytes_total", "counter", "Bytes sent.",
           (double)s->connections.bytes_out);
    number(out, "rewardd_http_body_bytes", "gauge", "Bytes of request bodies in memory.",
           (double)s->connections.bodies.held);
    static const char *const KIND[] = {"none",  "idle",      "header", "body",
                                       "write", "heartbeat", "probe",  "linger"};
    head(out, "rewardd_http_timeouts_total", "counter",
         "Connections ended by a timeout; probe: a peer found gone.");
    for (int k = RW_DEADLINE_IDLE; k < RW_DEADLINE_KINDS; k++) {
        if (k != RW_DEADLINE_HEARTBEAT) {
            rw_buf_printf(out, "rewardd_http_timeouts_total{kind=\"%s\"} %llu\n", KIND[k],
                          (unsigned long long)s->connections.timeouts[k]);
        }
    }
}

static void write_errors(struct rw_buf *out, const struct rw_metrics *m)
{
    head(out, "rewardd_errors_total", "counter", "Failures of requests and of single traces.");
    for (int e = 1; e < RW_STATUS_COUNT; e++) {
        if (m->errors[e] > 0) {
            rw_buf_printf(out, "rewardd_errors_total{code=\"%s\"} %llu\n",
                          rw_status_code((rw_status)e), (unsigned long long)m->errors[e]);
        }
    }
}

static void write_scoring(struct rw_buf *out, const struct rw_service *s)
{
    const struct rw_metrics *m = &s->metrics;
    head(out, "rewardd_traces_total", "counter", "Traces by outcome.");
    rw_buf_printf(out,
                  "rewardd_traces_total{outcome=\"scored\"} %llu\n"
                  "rewardd_traces_total{outcome=\"failed\"} %llu\n",
                  (unsigned long long)m->traces_scored, (unsigned long long)m->traces_failed);
    number(out, "rewardd_steps_scored_total", "counter", "Steps that got a reward.",
           (double)m->steps_scored);
    number(out, "rewardd_prompt_tokens_total", "counter", "Tokens before the first step.",
           (double)m->prompt_tokens);
    number(out, "rewardd_scored_tokens_total", "counter", "Tokens that entered a forward pass.",
           (double)m->scored_tokens);
    number(out, "rewardd_cached_tokens_total", "counter", "Tokens found in the prefix cache.",
           (double)m->cached_tokens);
    number(out, "rewardd_flops_total", "counter", "Floating-point operations of scoring.",
           m->flops);
    number(out, "rewardd_cpu_seconds_total", "counter", "CPU time of the compute team.",
           m->cpu_seconds);
    number(out, "rewardd_jobs_submitted_total", "counter", "Jobs given to the engine.",
           (double)m->jobs_submitted);
    number(out, "rewardd_jobs_cancelled_total", "counter",
           "Jobs ended early because their client went away.", (double)m->jobs_cancelled);
    number(out, "rewardd_overload_refused_total", "counter", "Requests refused for lack of room.",
           (double)m->refused_overload);
    number(out, "rewardd_overload_held_total", "counter",
           "Trainers' requests that had to wait for room.", (double)m->held);
    head(out, "rewardd_roles_total", "counter",
         "Turns of prompts that a model had no place for, by what became of them.");
    rw_buf_printf(out, "rewardd_roles_total{became=\"system_dropped\"} %llu\n",
                  (unsigned long long)m->system_dropped);
    rw_buf_printf(out, "rewardd_roles_total{became=\"turns_folded\"} %llu\n",
                  (unsigned long long)m->turns_folded);
    number(out, "rewardd_requests_in_flight", "gauge", "Scoring requests being worked on.",
           (double)s->scoring.calls);
    head(out, "rewardd_request_duration_seconds", "histogram",
         "Scoring requests, first byte received to last byte sent.");
    for (size_t r = 0; r < s->n_routes; r++) {
        if (s->routes[r].scoring) {
            series(out, "rewardd_request_duration_seconds", "route", route_name(s, r),
                   RW_METRIC_SECONDS, &m->duration[r]);
        }
    }
    histogram(out, "rewardd_queue_duration_seconds", "Jobs, submitted to first pass.", &m->queue);
    histogram(out, "rewardd_prepare_duration_seconds", "Parsing and tokenising a request.",
              &m->prepare);
}

static void write_flags(struct rw_buf *out, const struct rw_metrics *m)
{
    head(out, "rewardd_flags_fired_total", "counter", "Shortcut flags that fired, by name.");
    for (int id = 0; id < RW_FLAGS; id++) {
        if (m->flags_fired[id] > 0) {
            rw_buf_printf(out, "rewardd_flags_fired_total{flag=\"%s\"} %llu\n",
                          rw_flag_info((enum rw_flag_id)id)->name,
                          (unsigned long long)m->flags_fired[id]);
        }
    }
}

static void write_engine(struct rw_buf *out, struct rw_service *s)
{
    struct rw_engine_stats stats = {0};
    rw_engine_stats(rw_bridge_engine(s->scoring.bridge), &stats);
    number(out, "rewardd_requests_queued", "gauge", "Jobs waiting for their first pass.",
           (double)stats.jobs_queued + (double)s->scoring.admission.waiting);
    number(out, "rewardd_requests_running", "gauge", "Jobs being computed.",
           (double)stats.jobs_running);
    number(out, "rewardd_kv_cache_usage_ratio", "gauge", "Share of --kv-memory in use.",
           stats.kv_bytes_max > 0 ? (double)stats.kv_bytes_used / (double)stats.kv_bytes_max : 0);
    number(out, "rewardd_kv_bytes", "gauge", "Keys and values of running jobs.",
           (double)stats.kv_bytes_used);
    number(out, "rewardd_kv_limit_bytes", "gauge", "--kv-memory.", (double)stats.kv_bytes_max);
    number(out, "rewardd_prefix_cache_lookup_tokens_total", "counter",
           "Tokens of jobs that started with the prefix cache on.",
           (double)stats.cache_lookup_tokens);
    number(out, "rewardd_prefix_cache_hit_tokens_total", "counter",
           "Of them, tokens that were not computed again.", (double)stats.cache_hit_tokens);
    number(out, "rewardd_prefix_cache_blocks", "gauge",
           "Blocks of 64 tokens kept for later jobs and in no job's use.",
           (double)stats.cache_blocks);
    number(out, "rewardd_prefix_cache_bytes", "gauge", "Memory of these blocks.",
           (double)stats.cache_bytes);
    number(out, "rewardd_prefix_cache_limit_bytes", "gauge", "The most they may take.",
           (double)stats.cache_bytes_max);
    number(out, "rewardd_prefix_cache_evictions_total", "counter",
           "Blocks given up, least recently used first.", (double)stats.cache_evictions);
    number(out, "rewardd_engine_lock_wait_seconds_max", "gauge",
           "The longest that the loop waited for the engine thread.",
           (double)stats.lock_wait_ns_max / RW_NS_PER_S);
    number(out, "rewardd_queued_tokens", "gauge", "Tokens of jobs waiting for their first pass.",
           (double)stats.queued_tokens);
    number(out, "rewardd_admitted_tokens", "gauge", "Tokens admitted and not yet scored.",
           (double)s->scoring.admission.tokens.held);
    number(out, "rewardd_admitted_tokens_limit", "gauge",
           "What they may be: --queue-seconds at the rate measured, --queue-tokens at most.",
           (double)s->scoring.admission.tokens.max);
    number(out, "rewardd_scoring_tokens_per_second", "gauge",
           "Admitted tokens scored per second of work; 0: not measured yet.",
           s->scoring.admission.tokens_per_s);
    number(out, "rewardd_forward_passes_total", "counter", "Forward passes.",
           (double)stats.passes_total);
}

static void write_process(struct rw_buf *out, struct rw_service *s)
{
    const struct rw_model *model[RW_SERVER_MODELS_MAX];
    size_t n = rw_bridge_models(s->scoring.bridge, model);
    head(out, "rewardd_build_info", "gauge", "Version of this daemon and kernel in use.");
    rw_buf_printf(out, "rewardd_build_info{version=\"%s\",kernel=\"%s\"} 1\n", RW_VERSION,
                  rw_engine_kernel(rw_bridge_engine(s->scoring.bridge)));
    head(out, "rewardd_model_info", "gauge", "Models in memory.");
    for (size_t i = 0; i < n; i++) {
        const struct rw_model_info *info = rw_model_info(model[i]);
        rw_buf_printf(out, "rewardd_model_info{");
        label(out, "model", info->name);
        rw_buf_printf(out, ",kind=\"%s\",digest=\"%.12s\"} 1\n",
                      info->kind == RW_KIND_PROCESS ? "process" : "outcome", info->digest);
    }
    number(out, "rewardd_ready", "gauge", "1 while /readyz says yes.",
           s->phase == RW_SERVICE_READY ? 1 : 0);
    number(out, "process_start_time_seconds", "gauge", "Start, in seconds since 1970.",
           s->metrics.started_unix);
    number(out, "process_resident_memory_bytes", "gauge", "Resident memory.",
           rw_process_resident_bytes());
    number(out, "process_open_fds", "gauge", "Open file descriptors.", rw_process_open_files());
}

/* One family per figure, one series per model: the distributions of what was scored. */
static void write_models(struct rw_buf *out, struct rw_service *s)
{
    static const struct {
        const char *name;
        const char *help;
        enum rw_metric_scale scale;
        size_t offset;
    } FAMILY[] = {
        {"rewardd_reward", "Rewards of steps; of an outcome model: of traces.", RW_METRIC_REWARD,
         offsetof(struct rw_model_metrics, reward)},
        {"rewardd_trace_steps", "Scores of a trace.", RW_METRIC_COUNT,
         offsetof(struct rw_model_metrics, steps)},
        {"rewardd_trace_tokens", "Tokens of a trace with its prompt.", RW_METRIC_COUNT,
         offsetof(struct rw_model_metrics, tokens)},
    };
    const struct rw_model *model[RW_SERVER_MODELS_MAX];
    size_t n = rw_bridge_models(s->scoring.bridge, model);
    n = RW_MIN(n, (size_t)RW_METRIC_MODELS_MAX);
    for (size_t f = 0; f < RW_COUNT(FAMILY); f++) {
        head(out, FAMILY[f].name, "histogram", FAMILY[f].help);
        for (size_t i = 0; i < n; i++) {
            const char *at = (const char *)&s->metrics.model[i] + FAMILY[f].offset;
            series(out, FAMILY[f].name, "model", rw_model_info(model[i])->name, FAMILY[f].scale,
                   (const struct rw_histogram *)at);
        }
    }
    head(out, "rewardd_model_traces_total", "counter", "Traces that a model was asked about.");
    for (size_t i = 0; i < n; i++) {
        labelled(out, "rewardd_model_traces_total", "model", rw_model_info(model[i])->name,
                 (double)s->metrics.model[i].traces);
    }
    head(out, "rewardd_model_failed_total", "counter", "Of them, those it could not score.");
    for (size_t i = 0; i < n; i++) {
        labelled(out, "rewardd_model_failed_total", "model", rw_model_info(model[i])->name,
                 (double)s->metrics.model[i].failed);
    }
}

static void write_keys(struct rw_buf *out, const struct rw_auth *auth)
{
    static const struct {
        const char *name;
        const char *type;
        const char *help;
        size_t offset;
    } FAMILY[] = {
        {"rewardd_key_requests_total", "counter", "Scoring requests let in, by key.",
         offsetof(struct rw_account, requests)},
        {"rewardd_key_refused_total", "counter", "Scoring requests over a limit of the key.",
         offsetof(struct rw_account, refused)},
        {"rewardd_key_tokens_total", "counter", "Tokens scored, by key.",
         offsetof(struct rw_account, tokens)},
        {"rewardd_key_requests_in_flight", "gauge", "Scoring requests being worked on, by key.",
         offsetof(struct rw_account, in_flight)},
    };
    for (size_t f = 0; f < RW_COUNT(FAMILY); f++) {
        head(out, FAMILY[f].name, FAMILY[f].type, FAMILY[f].help);
        for (size_t i = 0; i < auth->accounts; i++) {
            const struct rw_account *account = &auth->account[i];
            const char *at = (const char *)account + FAMILY[f].offset;
            if (account->live || account->held > 0) {
                labelled(out, FAMILY[f].name, "key", account->name, (double)*(const uint64_t *)at);
            }
        }
    }
}

/* Of the loop between two waits for events; /livez waits as long as one of these. */
static void write_loop(struct rw_buf *out, const struct rw_watch *watch)
{
    static const char NAME[] = "rewardd_loop_stall_seconds";
    uint64_t below = 0;
    head(out, NAME, "histogram", "Work of the event loop between two looks at its sockets.");
    for (size_t i = 0; i < RW_WATCH_BUCKETS; i++) {
        below += watch->bucket[i];
        rw_buf_printf(out, "%s_bucket{le=\"%g\"} %llu\n", NAME, RW_WATCH_BOUND[i],
                      (unsigned long long)below);
    }
    rw_buf_printf(out, "%s_bucket{le=\"+Inf\"} %llu\n%s_sum %.9g\n%s_count %llu\n", NAME,
                  (unsigned long long)watch->rounds, NAME, watch->seconds, NAME,
                  (unsigned long long)watch->rounds);
    number(out, "rewardd_loop_stall_seconds_max", "gauge", "The longest of them since the start.",
           watch->longest);
    number(out, "rewardd_loop_cpu_seconds_max", "gauge",
           "The most processor time of one of them: the rest went to other threads and programs.",
           watch->longest_cpu);
}

static void write_runs(struct rw_buf *out, struct rw_service *s)
{
    struct rw_runs_stats runs = {0};
    if (s->desk.runs != NULL) {
        rw_runs_stats(s->desk.runs, &runs);
    }
    number(out, "rewardd_runs_in_memory", "gauge", "Training runs in memory.",
           (double)runs.in_memory);
    number(out, "rewardd_runs_stored", "gauge", "Training runs known, stored ones included.",
           (double)runs.stored);
    number(out, "rewardd_run_observations_total", "counter", "Traces given to run monitors.",
           (double)runs.observed);
    number(out, "rewardd_run_observations_dropped_total", "counter",
           "Traces that run monitors did not get: their queue was full.", (double)runs.dropped);
    number(out, "rewardd_run_observations_failed_total", "counter",
           "Traces that a run monitor refused.", (double)runs.failed);
    number(out, "rewardd_run_event_streams", "gauge", "Open event streams of runs.",
           (double)s->desk.n_subscribers);
    number(out, "rewardd_run_alarms_open", "gauge",
           "Alarms of the runs that nobody has acknowledged.", (double)runs.open_alarms);
    head(out, "rewardd_run_alarms_total", "counter", "Alarms of run monitors, by rule.");
    for (int i = 0; i < RW_RUN_RULES; i++) {
        rw_buf_printf(out, "rewardd_run_alarms_total{rule=\"%s\"} %llu\n",
                      rw_run_rule_info((enum rw_run_rule)i)->name,
                      (unsigned long long)runs.alarms[i]);
    }
}

static void write_tls(struct rw_buf *out, const struct rw_tls *tls)
{
    if (tls == NULL) {
        return;
    }
    const struct rw_tls_stats *t = rw_tls_stats(tls);
    const struct {
        const char *result;
        uint64_t n;
    } ROW[] = {{"done", t->done}, {"failed", t->failed}, {"late", t->late}, {"plain", t->plain}};
    head(out, "rewardd_tls_handshakes_total", "counter", "TLS handshakes by how they ended.");
    for (size_t i = 0; i < RW_COUNT(ROW); i++) {
        labelled(out, "rewardd_tls_handshakes_total", "result", ROW[i].result, (double)ROW[i].n);
    }
    number(out, "rewardd_tls_certificate_end_seconds", "gauge",
           "When the certificate in use ends, in seconds since 1970.", (double)t->not_after);
}

void rw_metrics_page_write(struct rw_buf *out, struct rw_service *service)
{
    write_process(out, service);
    write_http(out, service);
    write_tls(out, service->tls);
    write_scoring(out, service);
    write_errors(out, &service->metrics);
    write_flags(out, &service->metrics);
    write_engine(out, service);
    write_models(out, service);
    write_keys(out, &service->auth);
    write_runs(out, service);
    write_loop(out, &service->watch);
}
