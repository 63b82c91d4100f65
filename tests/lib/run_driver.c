/* Driver of tests/oracle/test_run.py and of the figures of the run monitor: reads one command line
 * and then float64 numbers on standard input, prints JSON lines.
 *
 *   martingale SEED WARM N      scores[N]                       p of each, capitals
 *   coverage NB NW D            promptB[NB] B[NB D] promptW[NW] W[NW D]
 *   participation N D           prompt[N] x[N D]
 *   screen N                    rows of RW_SURFACE_DIM features and y
 *   mean N                      prompt[N] value[N]
 *   run ID WINDOW WARM FAST N        rows of struct row; window and alarm lines, then the state
 *   merge ID WINDOW WARM FAST N M    N rows for one replica, M for the other: state of the union
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/util.h"
#include "core/run/martingale.h"
#include "core/run/run.h"
#include "core/run/screen.h"

enum {
    PROMPT_AT = 13 + RW_RUN_TRACE_SCORES + RW_SURFACE_DIM + RW_RUN_FEATURES,
    ROW = PROMPT_AT + RW_PROMPT_DIM + 4,
};

static double *numbers(size_t n)
{
    double *x = rw_alloc_array(n + 1, sizeof *x);
    if (x == NULL || fread(x, sizeof *x, n, stdin) != n) {
        fprintf(stderr, "run_driver: %zu numbers expected\n", n);
        exit(2);
    }
    return x;
}

static void put(const char *name, double v)
{
    if (isfinite(v)) {
        printf("\"%s\":%.17g", name, v);
    } else {
        printf("\"%s\":null", name);
    }
}

static void put_list(const char *name, const double *v, size_t n)
{
    printf("\"%s\":[", name);
    for (size_t i = 0; i < n; i++) {
        printf(isfinite(v[i]) ? "%s%.17g" : "%snull", i > 0 ? "," : "", v[i]);
    }
    printf("]");
}

static void put_interval(const char *name, struct rw_interval v)
{
    put_list(name, (double[]){v.value, v.error}, 2);
}

static void martingale(uint64_t seed, uint64_t warm, size_t n)
{
    double *x = numbers(n);
    static struct rw_martingale m;
    rw_martingale_init(&m);
    double *p = rw_alloc_array(n + 1, sizeof *p);
    double *capital = rw_alloc_array(n + 1, sizeof *capital);
    double *plain = rw_alloc_array(n + 1, sizeof *plain);
    size_t bets = 0;
    for (size_t i = 0; i < n; i++) {
        if (m.n < warm) {
            rw_martingale_learn(&m, x[i]);
            continue;
        }
        p[bets] = rw_martingale_observe(&m, x[i], false, seed);
        capital[bets] = rw_capital_log(&m.money);
        plain[bets++] = rw_capital_log_plain(&m.money);
    }
    printf("{");
    put_list("p", p, bets);
    printf(",");
    put_list("log_capital", capital, bets);
    printf(",");
    put_list("log_plain", plain, bets);
    printf("}\n");
    rw_free(x);
    rw_free(p);
    rw_free(capital);
    rw_free(plain);
}

static float *to_floats(const double *x, size_t n)
{
    float *f = rw_alloc_array(n + 1, sizeof *f);
    for (size_t i = 0; i < n; i++) {
        f[i] = (float)x[i];
    }
    return f;
}

static uint64_t *to_keys(const double *x, size_t n)
{
    uint64_t *k = rw_alloc_array(n + 1, sizeof *k);
    for (size_t i = 0; i < n; i++) {
        k[i] = (uint64_t)x[i] * UINT64_C(0xD1B54A32D192ED03);
    }
    return k;
}

static void coverage(size_t nb, size_t nw, size_t d)
{
    double *raw = numbers(nb + nb * d + nw + nw * d);
    struct rw_points b = {to_floats(raw + nb, nb * d), to_keys(raw, nb), nb, d};
    const double *rest = raw + nb + nb * d;
    struct rw_points w = {to_floats(rest + nw, nw * d), to_keys(rest, nw), nw, d};
    struct rw_nearest *loo = rw_alloc_array(nb + 1, sizeof *loo);
    struct rw_nearest *near = rw_alloc_array(nb + 1, sizeof *near);
    uint32_t *order = rw_alloc_array(nb + 1, sizeof *order);
    float *scratch = rw_alloc_array(3 * nb + 1, sizeof *scratch);
    double radii[RW_COVERAGE_RADII] = {0};
    struct rw_coverage base;
    struct rw_coverage now;
    rw_coverage_nearest(&b, &b, 1, loo);
    int good = rw_coverage_radii(loo, nb, radii, scratch);
    rw_coverage_nearest(&b, &w, 0, near);
    rw_coverage_order(b.prompt, nb, order);
    rw_coverage_measure(loo, b.prompt, nb, radii, order, rw_coverage_folds(&b), 1, scratch, &base);
    rw_coverage_measure(near, b.prompt, nb, radii, order, rw_coverage_folds(&w), 2, scratch, &now);
    struct rw_interval change =
        rw_coverage_change(near, loo, b.prompt, nb, radii, order,
                           base.jackknife_variance + now.jackknife_variance, 3, scratch);
    printf("{\"good\":%d,", good);
    put_list("radii", radii, RW_COVERAGE_RADII);
    printf(",");
    put_list("base_eta", base.eta, RW_COVERAGE_RADII);
    printf(",");
    put_list("eta", now.eta, RW_COVERAGE_RADII);
    printf(",");
    put("r95", now.r95);
    printf(",");
    put("jackknife_variance", now.jackknife_variance);
    printf(",");
    put_interval("eta_bar", now.eta_bar);
    printf(",");
    put_interval("change", change);
    printf("}\n");
    rw_free(raw);
    rw_free((void *)b.x);
    rw_free((void *)b.prompt);
    rw_free((void *)w.x);
    rw_free((void *)w.prompt);
    rw_free(loo);
    rw_free(near);
    rw_free(order);
    rw_free(scratch);
}

static void participation(size_t n, size_t d)
{
    double *raw = numbers(n + n * d);
    struct rw_points p = {to_floats(raw + n, n * d), to_keys(raw, n), n, d};
    double *scratch = rw_alloc_array(d + d * d, sizeof *scratch);
    printf("{");
    put_interval("participation", rw_coverage_jackknife(&p, scratch));
    printf("}\n");
    rw_free(raw);
    rw_free((void *)p.x);
    rw_free((void *)p.prompt);
    rw_free(scratch);
}

static void screen(size_t n)
{
    double *raw = numbers(n * (RW_SCREEN_DIM + 1));
    struct rw_screen s;
    double c[RW_SCREEN_DIM + 1] = {0};
    rw_screen_init(&s);
    for (size_t i = 0; i < n; i++) {
        const double *row = raw + i * (RW_SCREEN_DIM + 1);
        rw_screen_observe(&s, row, row[RW_SCREEN_DIM]);
    }
    int good = rw_screen_solve(&s, c);
    printf("{\"good\":%d,", good);
    put_list("coefficients", c, RW_SCREEN_DIM + 1);
    printf(",");
    put("r2", rw_screen_r2(&s));
    printf("}\n");
    rw_free(raw);
}

static void mean(size_t n)
{
    double *raw = numbers(2 * n);
    uint64_t *key = to_keys(raw, n);
    uint32_t *order = rw_alloc_array(n + 1, sizeof *order);
    float *value = to_floats(raw + n, n);
    rw_coverage_order(key, n, order);
    printf("{");
    put_interval("cluster", rw_coverage_cluster_mean(raw + n, key, n, order));
    printf(",");
    put_interval("bootstrap", rw_coverage_bootstrap_mean(value, key, n, order, 7));
    printf("}\n");
    rw_free(raw);
    rw_free(key);
    rw_free(order);
    rw_free(value);
}

/* ---- whole runs ------------------------------------------------------------------------------ */

/* prompt trace step sample_index group_size item validate has_features process outcome verified
 * steps bytes, scores, surface, features, prompt_x, answer flags kind gate; a NaN flag is one that
 * was not looked for */
static void to_trace(const double *row, struct rw_run_trace *t)
{
    *t = (struct rw_run_trace){.prompt = (uint64_t)row[0] * UINT64_C(0xD1B54A32D192ED03),
                               .trace = (uint64_t)row[1],
                               .group_size = (uint64_t)row[4],
                               .validate = row[6] != 0,
                               .has_features = row[7] != 0,
                               .reward = {row[8], row[9]},
                               .verified = row[10],
                               .steps = row[11],
                               .bytes = row[12]};
    t->label.step = (int64_t)row[2];
    t->label.sample_index = (int64_t)row[3];
    t->label.item = (uint32_t)row[5];
    t->label.trace = 0;
    snprintf(t->label.request, sizeof t->label.request, "r%.0f", row[1]);
    memcpy(t->score, row + 13, sizeof t->score);
    memcpy(t->surface, row + 13 + RW_RUN_TRACE_SCORES, sizeof t->surface);
    memcpy(t->prompt_x, row + PROMPT_AT, sizeof t->prompt_x);
    const double *rest = row + PROMPT_AT + RW_PROMPT_DIM;
    t->answer = isnan(rest[0]) ? 0 : (uint64_t)rest[0];
    t->has_flags = !isnan(rest[1]);
    t->flags = t->has_flags ? (uint32_t)rest[1] : 0;
    t->gate = rest[3];
    if (rest[2] > 0) {
        snprintf(t->kind, sizeof t->kind, "kind%.0f", rest[2]);
    }
    for (int i = 0; i < RW_RUN_FEATURES; i++) {
        t->features[i] = (float)row[13 + RW_RUN_TRACE_SCORES + RW_SURFACE_DIM + i];
    }
}

static void put_window(const struct rw_run_window *w)
{
    printf("{\"%s\":%" PRIu64 ",\"end\":%" PRIu64 ",\"traces\":%" PRIu64 ",\"prompts\":%" PRIu64
           ",",
           w->span == RW_RUN_FAST ? "fast" : "window", w->index, w->end, w->traces, w->prompts);
    put_interval("process", w->reward[RW_RUN_PROCESS]);
    printf(",");
    put_interval("outcome", w->reward[RW_RUN_OUTCOME]);
    printf(",");
    put_interval("gap", w->gap);
    printf(",");
    put_interval("accuracy", w->accuracy);
    printf(",");
    put_list("agreement", w->agreement, RW_RUN_REWARDS);
    printf(",");
    put_list("length_correlation", w->length_correlation, RW_RUN_REWARDS);
    printf(",");
    put_list("length_slope", w->length_slope, RW_RUN_REWARDS);
    printf(",");
    put_list("screening", w->screening, RW_RUN_REWARDS);
    printf(",");
    put_interval("steps", w->steps);
    printf(",");
    put_interval("step_bytes", w->step_bytes);
    printf(",");
    put_list("eta", w->coverage.eta, RW_COVERAGE_RADII);
    printf(",");
    put_interval("eta_bar", w->coverage.eta_bar);
    printf(",");
    put("r95", w->coverage.r95);
    printf(",");
    put_interval("eta_change", w->eta_change);
    printf(",");
    put_interval("participation", w->participation);
    for (int d = 0; d < RW_RUN_DIVERSITIES; d++) {
        printf(",");
        put_interval(rw_run_diversity_name((enum rw_run_diversity)d), w->diversity[d]);
    }
    for (int f = 0; f < RW_PROMPT_DIM; f++) {
        printf(",");
        put_interval(rw_prompt_name((enum rw_prompt)f), w->prompt_x[f]);
    }
    printf("}\n");
}

static void put_batch(const struct rw_run_stream *s)
{
    const struct rw_run_batch *b =
        rw_run_batch(s, (uint32_t)(RW_MIN(s->batches, RW_RUN_BATCHES)) - 1);
    printf("{\"batch\":\"%s\",\"traces\":%" PRIu64 ",\"step\":%" PRId64 ",", s->kind, b->traces,
           b->step);
    put_interval("accuracy", b->accuracy);
    printf(",");
    put_interval("lag", b->lag);
    printf("}\n");
}

static void put_alarm(const struct rw_run_alarm *a)
{
    printf("{\"alarm\":\"%s\",\"span\":\"%s\",\"at\":%" PRIu64 ",", rw_run_rule_info(a->rule)->name,
           !a->has_span             ? ""
           : a->span == RW_RUN_FAST ? "fast"
                                    : "slow",
           a->at);
    put("value", a->value);
    printf(",");
    put("limit", a->limit);
    printf(",\"suspects\":[");
    for (uint32_t i = 0; i < a->n_suspects; i++) {
        printf("%s\"%s\"", i > 0 ? "," : "", a->suspect[i].request);
    }
    printf("],\"sentence\":\"%s\"}\n", a->sentence);
}

static void put_state(const struct rw_run *run)
{
    struct rw_run_view v;
    rw_run_view(run, &v);
    printf("{\"traces\":%" PRIu64 ",\"failed\":%" PRIu64 ",\"validation\":%" PRIu64
           ",\"in_window\":%" PRIu64 ",\"reference\":%" PRIu64 ",",
           v.traces, v.failed, v.validation, v.in_window, v.reference);
    for (int s = 0; s < RW_RUN_SCORES; s++) {
        const struct rw_run_score_view *m = &v.score[s];
        printf("\"%s\":[%" PRIu64 ",%" PRIu64 ",%.17g,%.17g],",
               rw_run_score_name((enum rw_run_score)s), m->ranked, m->bets, m->log10_plain,
               m->log10_capital);
    }
    put_list("radii", v.radii, RW_COVERAGE_RADII);
    printf("}\n");
}

static void feed(struct rw_run *run, size_t n, bool loud)
{
    static double row[ROW];
    static struct rw_run_trace t;
    static struct rw_run_news news;
    struct rw_error err = {0};
    for (size_t i = 0; i < n; i++) {
        if (fread(row, sizeof row[0], ROW, stdin) != ROW) {
            exit(2);
        }
        to_trace(row, &t);
        if (rw_run_observe(run, &t, &news, &err) != RW_OK) {
            exit(3);
        }
        if (loud && news.window != NULL) {
            put_window(news.window);
        }
        if (loud && news.fast != NULL) {
            put_window(news.fast);
        }
        if (loud && news.stream != NULL) {
            put_batch(news.stream);
        }
        for (uint32_t k = 0; loud && k < news.n_alarms; k++) {
            put_alarm(&news.alarm[k]);
        }
    }
}

static void run(const char *id, uint64_t window, uint64_t warm, uint64_t fast, size_t n,
                size_t other)
{
    struct rw_run_options options = {window, warm, fast};
    struct rw_error err = {0};
    struct rw_run *a = rw_run_create(rw_str_from(id), &options);
    feed(a, n, other == SIZE_MAX);
    if (other != SIZE_MAX) {
        struct rw_run *b = rw_run_create(rw_str_from(id), &options);
        feed(b, other, false);
        if (rw_run_merge(a, b, &err) != RW_OK) {
            exit(4);
        }
        rw_run_destroy(b);
    }
    put_state(a);
    rw_run_destroy(a);
}

int main(void)
{
    char line[256];
    /* Several commands may follow each other: a thousand runs in one process. */
    while (fgets(line, sizeof line, stdin) != NULL) {
        char word[32];
        char id[128];
        unsigned long long a = 0;
        unsigned long long b = 0;
        unsigned long long c = 0;
        unsigned long long d = 0;
        unsigned long long e = 0;
        if (sscanf(line, "martingale %llu %llu %llu", &a, &b, &c) == 3) {
            martingale(a, b, c);
        } else if (sscanf(line, "coverage %llu %llu %llu", &a, &b, &c) == 3) {
            coverage(a, b, c);
        } else if (sscanf(line, "participation %llu %llu", &a, &b) == 2) {
            participation(a, b);
        } else if (sscanf(line, "screen %llu", &a) == 1) {
            screen(a);
        } else if (sscanf(line, "mean %llu", &a) == 1) {
            mean(a);
        } else if (sscanf(line, "run %127s %llu %llu %llu %llu", id, &a, &b, &c, &d) == 5) {
            run(id, a, b, c, d, SIZE_MAX);
        } else if (sscanf(line, "merge %127s %llu %llu %llu %llu %llu", id, &a, &b, &c, &d, &e) ==
                   6) {
            run(id, a, b, c, d, e);
        } else {
            fprintf(stderr, "run_driver: what is %s?\n",
                    sscanf(line, "%31s", word) == 1 ? word : "");
            return 2;
        }
        printf("{\"end\":true}\n");
        fflush(stdout);
    }
    return 0;
}
