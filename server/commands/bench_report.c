/* What `rewardd bench` prints: one table of figures, as text or as JSON. */
#include "core/base/buf.h"
#include "proto/emit.h"
#include "server/commands/bench_command.h"
#include "server/commands/bench_http.h"
#include "server/version.h"

enum {
    REPORT_BYTES_MAX = 1 << 20,
};

/* What both forms show, computed once. */
struct figures {
    double tokens_per_s, traces_per_s, gflops, percent, percent_cpu, batch_percent;
    double bytes_per_weight, unique_tokens, group_speedup, group_token_ratio;
};

static double percent_of(double part, double whole)
{
    return whole > 0 ? 100 * part / whole : 0;
}

static struct figures figures_of(const struct rw_bench_result *r)
{
    double seconds = 1 / rw_samples_median(&r->tokens_per_s) * (double)r->trace.tokens;
    double limit_s = rw_bench_limit_s(r, &r->trace);
    double cpu_s = rw_samples_median(&r->cpu_seconds_per_trace) / r->threads;
    double batch_s = (double)r->trace.tokens / rw_samples_median(&r->batch_tokens_per_s);
    struct figures f = {
        .tokens_per_s = rw_samples_median(&r->tokens_per_s),
        .traces_per_s = rw_samples_median(&r->batch_traces_per_s),
        .gflops = (r->trace.linear_ops + r->trace.attention_ops) / seconds / 1e9,
        .percent = percent_of(limit_s, seconds),
        .percent_cpu = percent_of(limit_s, cpu_s),
        .batch_percent = percent_of(limit_s, batch_s),
        .bytes_per_weight = (double)r->model.weight_bytes / (double)r->model.parameters,
    };
    if (r->group > 0) {
        f.unique_tokens = r->group_prompt + (double)r->group * r->group_own;
        f.group_speedup =
            r->group * rw_samples_median(&r->alone_s) / rw_samples_median(&r->group_s);
        f.group_token_ratio = (double)r->group_jobs.tokens / f.unique_tokens;
    }
    return f;
}

/* ---- JSON ----------------------------------------------------------------------------------- */

static void put(struct rw_buf *b, const char *name, double value)
{
    rw_emit_double_field(b, name, value);
}

static void put_count(struct rw_buf *b, const char *name, uint64_t value)
{
    rw_emit_unsigned_field(b, name, value);
}

static void put_text(struct rw_buf *b, const char *name, const char *value)
{
    rw_emit_text_field(b, name, value);
}

/* {"median": m, "runs": [...]}, every value times `factor`. */
static void put_samples(struct rw_buf *b, const char *name, const struct rw_samples *s,
                        double factor)
{
    rw_emit_name(b, name);
    rw_emit_open(b, '{');
    put(b, "median", factor * rw_samples_median(s));
    rw_emit_name(b, "runs");
    rw_emit_open(b, '[');
    for (uint32_t i = 0; i < s->n; i++) {
        rw_emit_double(b, factor * s->value[i]);
    }
    rw_emit_close(b, ']');
    rw_emit_close(b, '}');
}

static void put_quantiles(struct rw_buf *b, const char *name, const struct rw_samples *s)
{
    rw_emit_name(b, name);
    rw_emit_open(b, '{');
    put(b, "p50", 1e3 * rw_samples_quantile(s, 0.50));
    put(b, "p99", 1e3 * rw_samples_quantile(s, 0.99));
    put(b, "max", 1e3 * rw_samples_quantile(s, 1.0));
    put_count(b, "n", s->n);
    rw_emit_close(b, '}');
}

static void put_kernels(struct rw_buf *b, const struct rw_bench_result *r)
{
    size_t n;
    const struct rw_kernel_case *k = rw_kernel_timing_cases(r->kernels, &n);
    rw_emit_name(b, "kernels");
    rw_emit_open(b, '[');
    for (size_t i = 0; i < n; i++) {
        rw_emit_open(b, '{');
        put_text(b, "name", k[i].name);
        put_text(b, "dtype", k[i].dtype);
        put_samples(b, "gflops", &k[i].rate, 1e-9);
        put(b, "percent_of_peak",
            percent_of(rw_samples_median(&k[i].rate), rw_bench_ceiling(r, k[i].peak)));
        rw_emit_close(b, '}');
    }
    rw_emit_close(b, ']');
}

static void put_group(struct rw_buf *b, const struct rw_bench_result *r, const struct figures *f)
{
    rw_emit_name(b, "group");
    if (r->group == 0) {
        rw_emit_raw(b, "null");
        return;
    }
    rw_emit_open(b, '{');
    put_count(b, "traces", r->group);
    put_count(b, "prompt_tokens", r->group_prompt);
    put_count(b, "own_tokens", r->group_own);
    put(b, "unique_tokens", f->unique_tokens);
    put_count(b, "computed_tokens", r->group_jobs.tokens);
    put_count(b, "cached_tokens", r->group_jobs.cached);
    put(b, "computed_per_unique", f->group_token_ratio);
    put_samples(b, "seconds", &r->group_s, 1);
    put_samples(b, "alone_seconds", &r->alone_s, 1);
    put(b, "speedup", f->group_speedup);
    rw_emit_close(b, '}');
}

static void put_http(struct rw_buf *b, const struct rw_bench_http *h)
{
    rw_emit_name(b, "http");
    if (h->requests == 0) {
        rw_emit_raw(b, "null");
        return;
    }
    rw_emit_open(b, '{');
    put_count(b, "requests", h->requests);
    put_count(b, "connections", RW_BENCH_CONNECTIONS);
    put_count(b, "tokens", h->tokens);
    put_count(b, "body_bytes", h->body_bytes);
    put(b, "requests_per_s", h->requests / h->seconds);
    put(b, "loop_cpu_us_per_request", 1e6 * h->loop_cpu_s / h->requests);
    put(b, "total_cpu_us_per_request", 1e6 * h->total_cpu_s / h->requests);
    put(b, "compute_cpu_us_per_request", 1e6 * h->reported_cpu_s / h->requests);
    put(b, "overhead_percent", percent_of(h->loop_cpu_s, h->total_cpu_s));
    put_quantiles(b, "latency_ms", &h->latency_s);
    rw_emit_close(b, '}');
}

static void put_peaks(struct rw_buf *b, const struct rw_bench_result *r)
{
    rw_emit_name(b, "peaks_gflops");
    rw_emit_open(b, '{');
    for (int p = 0; p < RW_PEAK_COUNT; p++) {
        put_samples(b, rw_peak_name((enum rw_peak)p), &r->peak[p], 1e-9);
    }
    rw_emit_close(b, '}');
}

static void put_model(struct rw_buf *b, const struct rw_bench_options *o,
                      const struct rw_bench_result *r, const struct figures *f)
{
    put_text(b, "version", RW_VERSION);
    put_text(b, "kernel", r->kernel);
    put_text(b, "shape", o->shape);
    put_text(b, "model", o->model);
    put_text(b, "dtype", r->model.dtype);
    put_count(b, "threads", r->threads);
    put_count(b, "tokens", o->tokens);
    put_count(b, "parameters", r->model.parameters);
    put_count(b, "weight_bytes", r->model.weight_bytes);
    put(b, "bytes_per_weight", f->bytes_per_weight);
    put(b, "load_ms", r->model.load_ms);
    put_count(b, "resident_bytes", r->resident_bytes);
    put_count(b, "kv_bytes_max", r->kv_bytes_max);
}

static void put_speed(struct rw_buf *b, const struct rw_bench_result *r, const struct figures *f)
{
    put(b, "tokens_per_s", f->tokens_per_s);
    put(b, "gflops", f->gflops);
    put(b, "percent_of_peak", f->percent);
    put(b, "percent_of_peak_cpu_time", f->percent_cpu);
    put(b, "traces_per_s", f->traces_per_s);
    put(b, "limit_ms_per_trace", 1e3 * rw_bench_limit_s(r, &r->trace));
    put(b, "linear_gflop_per_trace", r->trace.linear_ops / 1e9);
    put(b, "attention_gflop_per_trace", r->trace.attention_ops / 1e9);
    put_samples(b, "single_tokens_per_s", &r->tokens_per_s, 1);
    put_samples(b, "cpu_ms_per_trace", &r->cpu_seconds_per_trace, 1e3);
    put_quantiles(b, "latency_ms", &r->latency_s);
    put_quantiles(b, "first_step_ms", &r->first_step_s);
    rw_emit_name(b, "batch");
    rw_emit_open(b, '{');
    put_count(b, "traces", r->batch_jobs);
    put_samples(b, "tokens_per_s", &r->batch_tokens_per_s, 1);
    put_samples(b, "traces_per_s", &r->batch_traces_per_s, 1);
    put(b, "percent_of_peak", f->batch_percent);
    rw_emit_close(b, '}');
}

void rw_bench_command_json(const struct rw_bench_options *o, const struct rw_bench_result *r,
                           const struct rw_bench_http *http, FILE *to)
{
    struct figures f = figures_of(r);
    struct rw_buf b;
    rw_buf_init(&b, REPORT_BYTES_MAX);
    rw_emit_open(&b, '{');
    put_model(&b, o, r, &f);
    put_peaks(&b, r);
    put_speed(&b, r, &f);
    put_kernels(&b, r);
    put_group(&b, r, &f);
    put_http(&b, http);
    rw_emit_close(&b, '}');
    if (!b.failed) {
        fprintf(to, "%.*s\n", (int)b.len, b.ptr);
    }
    rw_buf_fini(&b);
}

/* ---- text ----------------------------------------------------------------------------------- */

static void print_group(const struct rw_bench_result *r, const struct figures *f, FILE *to)
{
    if (r->group == 0) {
        return;
    }
    fprintf(to,
            "group        %u traces of %u tokens on a prompt of %u: %.1f times as fast as one by "
            "one;\n             %llu tokens computed, %.0f are unique (%.3f)\n",
            r->group, r->group_own, r->group_prompt, f->group_speedup,
            (unsigned long long)r->group_jobs.tokens, f->unique_tokens, f->group_token_ratio);
}

static void print_http(const struct rw_bench_http *h, FILE *to)
{
    if (h->requests > 0) {
        fprintf(to,
                "http         %.1f requests/s of %u tokens, %u bytes: HTTP, JSON and tokenising "
                "take %.0f us,\n             %.2f %% of the daemon's CPU time\n",
                h->requests / h->seconds, h->tokens, h->body_bytes,
                1e6 * h->loop_cpu_s / h->requests, percent_of(h->loop_cpu_s, h->total_cpu_s));
    }
}

static void print_kernels(const struct rw_bench_result *r, FILE *to)
{
    size_t n;
    const struct rw_kernel_case *k = rw_kernel_timing_cases(r->kernels, &n);
    fprintf(to, "peaks       ");
    for (int p = 0; p < RW_PEAK_COUNT; p++) {
        fprintf(to, " %s %.1f", rw_peak_name((enum rw_peak)p),
                rw_samples_median(&r->peak[p]) / 1e9);
    }
    fprintf(to, " GFLOP/s, %u thread%s\n", r->threads, r->threads == 1 ? "" : "s");
    for (size_t i = 0; i < n; i++) {
        double rate = rw_samples_median(&k[i].rate);
        fprintf(to, "  %-10s %-5s %8.1f GFLOP/s %6.1f %% of peak\n", k[i].name, k[i].dtype,
                rate / 1e9, percent_of(rate, rw_bench_ceiling(r, k[i].peak)));
    }
}

void rw_bench_command_text(const struct rw_bench_options *o, const struct rw_bench_result *r,
                           const struct rw_bench_http *http, FILE *to)
{
    struct figures f = figures_of(r);
    fprintf(to, "%s   %s   kernel %s   %llu tokens   medians of %u interleaved runs\n",
            o->model != NULL ? o->model : o->shape, r->model.dtype, r->kernel,
            (unsigned long long)o->tokens, r->tokens_per_s.n);
    print_kernels(r, to);
    fprintf(to,
            "one trace    %.1f tokens/s   %.1f GFLOP/s   %.1f %% of the limit (%.1f %% in CPU "
            "time)\n",
            f.tokens_per_s, f.gflops, f.percent, f.percent_cpu);
    fprintf(to, "latency      p50 %.2f ms   p99 %.2f ms   first step p50 %.2f ms   (%u traces)\n",
            1e3 * rw_samples_quantile(&r->latency_s, 0.5),
            1e3 * rw_samples_quantile(&r->latency_s, 0.99),
            1e3 * rw_samples_median(&r->first_step_s), r->latency_s.n);
    fprintf(to, "batch of %-3u %.1f tokens/s   %.2f traces/s   %.1f %% of the limit\n",
            r->batch_jobs, rw_samples_median(&r->batch_tokens_per_s), f.traces_per_s,
            f.batch_percent);
    print_group(r, &f, to);
    print_http(http, to);
    fprintf(to, "memory       weights %.1f MiB (%.2f bytes per weight)   resident %.1f MiB\n",
            (double)r->model.weight_bytes / 1048576.0, f.bytes_per_weight,
            (double)r->resident_bytes / 1048576.0);
}
