/* rw-shortcut: one case per line from stdin, one JSON object per line out. For tests/oracle.
 *   {"steps":[..],"prompt":"..","reference":"..","own":[..],"no_prompt":[..]} -> signals, verified
 *   {"answer":"..","reference":".."}                                         -> verified
 *   {"groups":[[..],..],"values":[..],"distances":B} -> p and rarity of each value in that bank: of
 *       `repetition`, or of `latent_d2`, and then the first group has no name
 *   {"traces":[{"domain":"..","group":"..","features":[..]},..]} -> the file of the bank they make
 *   {"rows":[..],"d":D,"z":[..]}      -> Ledoit-Wolf shrinkage, covariance, distance of z */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/answer/answer.h"
#include "core/equation/arithmetic.h"
#include "core/io/json.h"
#include "core/shortcut/bank.h"
#include "core/shortcut/linalg.h"
#include "core/shortcut/redundancy.h"
#include "core/shortcut/signal.h"

static struct rw_arena arena;

static struct rw_str text_of(const struct rw_json *object, const char *key)
{
    const struct rw_json *value = rw_json_get(object, key);
    return value != NULL ? value->text : (struct rw_str){NULL, 0};
}

static float *floats_of(const struct rw_json *object, const char *key, size_t *n)
{
    const struct rw_json *value = rw_json_get(object, key);
    float *to = rw_arena_array(&arena, value != NULL ? value->count + 1 : 1, sizeof *to);
    *n = 0;
    RW_JSON_EACH (item, value) {
        to[(*n)++] = (float)item->number;
    }
    return to;
}

static void matrix(const struct rw_json *root)
{
    size_t n;
    size_t d;
    float *rows = floats_of(root, "rows", &n);
    float *z = floats_of(root, "z", &d);
    double *mean = rw_arena_array(&arena, d, sizeof *mean);
    double *cov = rw_arena_array(&arena, d * d, sizeof *cov);
    double *diff = rw_arena_array(&arena, d, sizeof *diff);
    rw_linalg_mean(rows, n / d, d, mean);
    double shrinkage = rw_linalg_ledoit_wolf(rows, n / d, d, mean, cov);
    printf("{\"shrinkage\":%.17g,\"covariance\":[", shrinkage);
    for (size_t i = 0; i < d * d; i++) {
        printf("%s%.17g", i > 0 ? "," : "", cov[i]);
    }
    for (size_t i = 0; i < d; i++) {
        diff[i] = (double)z[i] - mean[i];
    }
    bool positive = rw_linalg_cholesky(cov, d);
    printf("],\"d2\":%.17g}\n", positive ? rw_linalg_mahalanobis2(cov, d, diff) : -1.0);
}

static void ranks(const struct rw_json *root)
{
    static const struct rw_bank_version VERSION = {"m", "", "l", "s"};
    const struct rw_json *groups = rw_json_get(root, "groups");
    struct rw_bank_row *rows = rw_arena_array(&arena, RW_BANK_ROWS_MAX, sizeof *rows);
    struct rw_bank *bank = NULL;
    struct rw_error err;
    const struct rw_json *asked = rw_json_get(root, "distances");
    bool distances = asked != NULL && asked->type == RW_JSON_TRUE;
    enum rw_signal_id id = distances ? RW_SIGNAL_LATENT_D2 : RW_SIGNAL_REPETITION;
    size_t n = 0;
    char name[2] = {distances ? 0 : 'a'};
    RW_JSON_EACH (group, groups) {
        RW_JSON_EACH (item, group) {
            rows[n] = (struct rw_bank_row){.group = rw_arena_copy(&arena, rw_str_from(name))};
            rows[n].signals.trace_bytes = 100;
            rows[n++].signals.of[id] = (struct rw_signal){.known = true, .value = item->number};
        }
        name[0] = name[0] == 0 ? 'a' : (char)(name[0] + 1);
    }
    if (rw_bank_build(&VERSION, rows, n, &bank, &err) != RW_OK) {
        printf("{\"error\":\"%s\"}\n", err.message);
        return;
    }
    bool first = true;
    printf("{\"ranks\":[");
    RW_JSON_EACH (item, rw_json_get(root, "values")) {
        struct rw_bank_rank rank;
        rw_bank_rank(bank, &(struct rw_bank_place){.inside = false}, 100, id, item->number, &rank);
        printf("%s[%.17g,%.17g,%llu]", first ? "" : ",", rank.p, rank.rarity,
               (unsigned long long)rank.n_cal);
        first = false;
    }
    printf("]}\n");
    rw_bank_free(bank);
}

static void bank_of_features(const struct rw_json *root)
{
    static const struct rw_bank_version VERSION = {"m", "", "l", "s"};
    const struct rw_json *list = rw_json_get(root, "traces");
    struct rw_bank_row *rows = rw_arena_array(&arena, list->count + 1, sizeof *rows);
    struct rw_bank *bank = NULL;
    struct rw_error err;
    struct rw_buf out;
    size_t n = 0;
    RW_JSON_EACH (item, list) {
        size_t floats;
        rows[n] = (struct rw_bank_row){.domain = text_of(item, "domain"),
                                       .group = text_of(item, "group"),
                                       .signals = {.trace_bytes = 100}};
        rows[n].features = floats_of(item, "features", &floats);
        rows[n++].n_features = floats / RW_SIGNAL_FEATURES;
    }
    if (rw_bank_build(&VERSION, rows, n, &bank, &err) != RW_OK) {
        printf("{\"error\":\"%s\"}\n", err.message);
        return;
    }
    rw_buf_init(&out, RW_BANK_FILE_MAX);
    rw_bank_write(bank, &out);
    for (size_t i = 0; i < out.len; i++) {
        putchar(rw_buf_str(&out).ptr[i] == '\n' ? ' ' : rw_buf_str(&out).ptr[i]);
    }
    putchar('\n');
    rw_buf_fini(&out);
    rw_bank_free(bank);
}

static void signals(const struct rw_json *root)
{
    const struct rw_json *list = rw_json_get(root, "steps");
    struct rw_str *steps = rw_arena_array(&arena, list->count + 1, sizeof *steps);
    double *cost = rw_arena_array(&arena, list->count + 1, sizeof *cost);
    struct rw_signal_trace trace = {.steps = steps,
                                    .outcome = NAN,
                                    .prompt = text_of(root, "prompt"),
                                    .reference = text_of(root, "reference")};
    RW_JSON_EACH (item, list) {
        steps[trace.n_steps++] = item->text;
    }
    trace.own.probability = floats_of(root, "own", &trace.own.n);
    trace.no_prompt.probability = floats_of(root, "no_prompt", &trace.no_prompt.n);
    struct rw_signals out;
    struct rw_error err;
    if (rw_signals_compute(&trace, NULL, &arena, &out, &err) != RW_OK ||
        rw_redundancy(steps, trace.n_steps, &arena, cost, &err) != RW_OK) {
        printf("{\"error\":\"%s\"}\n", err.message);
        return;
    }
    struct rw_verdict verdict;
    rw_answer_verify(steps, trace.n_steps, trace.reference, NULL, &verdict);
    printf("{\"verified\":%d,\"rule\":\"%s\",\"evidence\":\"%s\"", (int)verdict.verified,
           rw_answer_rule_name(verdict.rule), rw_answer_evidence_name(verdict.evidence));
    for (int i = 0; i < RW_SIGNALS; i++) {
        if (out.of[i].known) {
            printf(",\"%s\":%.17g", rw_signal_name((enum rw_signal_id)i), out.of[i].value);
        }
    }
    struct rw_arithmetic sums = {0};
    size_t checked = 0;
    for (size_t t = 0; t < trace.n_steps; t++) {
        rw_arithmetic_check(steps[t], &sums);
        checked += sums.checked;
    }
    const struct rw_signal *wrong = &out.of[RW_SIGNAL_ARITHMETIC];
    printf(",\"checked\":%zu,\"false\":[%lld,%u,%u]", checked, (long long)wrong->step,
           wrong->span_begin, wrong->span_end);
    printf(",\"costs\":[");
    for (size_t t = 0; t < trace.n_steps; t++) {
        printf(isnan(cost[t]) ? "%snull" : "%s%.17g", t > 0 ? "," : "", cost[t]);
    }
    printf("]}\n");
}

int main(void)
{
    char *line = NULL;
    size_t size = 0;
    long len;
    while ((len = getline(&line, &size, stdin)) > 0) {
        const struct rw_json *root;
        struct rw_error err;
        rw_arena_init(&arena, (size_t)512 << 20);
        if (rw_json_parse(&arena, (struct rw_str){line, (size_t)len}, &root, &err) != RW_OK) {
            printf("{\"error\":\"%s\"}\n", err.message);
        } else if (rw_json_get(root, "groups") != NULL) {
            ranks(root);
        } else if (rw_json_get(root, "traces") != NULL) {
            bank_of_features(root);
        } else if (rw_json_get(root, "rows") != NULL) {
            matrix(root);
        } else if (rw_json_get(root, "steps") != NULL) {
            signals(root);
        } else {
            printf("{\"verified\":%d}\n",
                   (int)rw_answer_equal(text_of(root, "answer"), text_of(root, "reference")));
        }
        rw_arena_fini(&arena);
    }
    free(line);
    return 0;
}
