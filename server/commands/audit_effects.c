#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "server/commands/audit.h"

const char *rw_audit_head_name(enum rw_audit_head head)
{
    return head == RW_AUDIT_PROCESS ? "process" : "outcome";
}

const char *rw_audit_grade_name(enum rw_audit_grade grade)
{
    static const char *const NAME[] = {"unknown", "no", "partly", "yes"};
    return NAME[grade];
}

/* ---- statistics ------------------------------------------------------------------------------ */

/* Sums of one question's traces: enough for every mean that is reported. */
struct sums {
    double n, before, after, falls;
    double was, stayed; /* at .5 or over before; and after */
};

enum statistic {
    BEFORE,
    AFTER,
    DELTA,
    FALLS,
    KEPT,
    STATISTICS,
};

static void add_sums(struct sums *to, const struct sums *from)
{
    to->n += from->n;
    to->before += from->before;
    to->after += from->after;
    to->falls += from->falls;
    to->was += from->was;
    to->stayed += from->stayed;
}

/* NaN where nothing was counted. */
static double read_sums(const struct sums *s, enum statistic which)
{
    switch (which) {
    case BEFORE:
        return s->n > 0 ? s->before / s->n : NAN;
    case AFTER:
        return s->n > 0 ? s->after / s->n : NAN;
    case DELTA:
        return s->n > 0 ? (s->after - s->before) / s->n : NAN;
    case FALLS:
        return s->n > 0 ? s->falls / s->n : NAN;
    default:
        return s->was > 0 ? s->stayed / s->was : NAN;
    }
}

/* splitmix64 (Steele, Lea, Flood 2014). */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Percentiles of `draws` (NaN left out), linear between ranks as numpy's default. */
static void percentiles(double *draw, size_t n, struct rw_audit_interval *out)
{
    size_t known = 0;
    for (size_t i = 0; i < n; i++) {
        if (!isnan(draw[i])) {
            draw[known++] = draw[i];
        }
    }
    out->low = out->high = NAN;
    if (known == 0) {
        return;
    }
    qsort(draw, known, sizeof *draw, compare_doubles);
    double at[2] = {0.025 * (double)(known - 1), 0.975 * (double)(known - 1)};
    double *to[2] = {&out->low, &out->high};
    for (int i = 0; i < 2; i++) {
        size_t below = (size_t)at[i];
        size_t above = below + 1 < known ? below + 1 : below;
        double share = at[i] - (double)below;
        *to[i] = draw[below] + share * (draw[above] - draw[below]);
    }
}

/* Questions, not traces, are drawn with replacement: traces of one question are not independent. */
static rw_status bootstrap(const struct sums *group, size_t n_groups,
                           struct rw_audit_interval *const out[STATISTICS], struct rw_error *err)
{
    double *draw = rw_alloc_array(STATISTICS * RW_AUDIT_DRAWS, sizeof *draw);
    uint64_t state = 1;
    if (draw == NULL) {
        return rw_fail_memory(err, "the bootstrap");
    }
    for (size_t d = 0; d < RW_AUDIT_DRAWS; d++) {
        struct sums total = {0};
        for (size_t i = 0; i < n_groups; i++) {
            add_sums(&total, &group[next_random(&state) % n_groups]);
        }
        for (int s = 0; s < STATISTICS; s++) {
            draw[(size_t)s * RW_AUDIT_DRAWS + d] = read_sums(&total, (enum statistic)s);
        }
    }
    for (int s = 0; s < STATISTICS; s++) {
        percentiles(draw + (size_t)s * RW_AUDIT_DRAWS, RW_AUDIT_DRAWS, out[s]);
    }
    rw_free(draw);
    return RW_OK;
}

static void add_pair(struct sums *to, const struct rw_audit_value *before,
                     const struct rw_audit_value *after)
{
    bool was = before->reward >= 0.5;
    to->n += 1;
    to->before += before->reward;
    to->after += after->reward;
    to->falls += after->raw < before->raw ? 1 : after->raw > before->raw ? 0 : 0.5;
    to->was += was ? 1 : 0;
    to->stayed += was && after->reward >= 0.5 ? 1 : 0;
}

/* d_z of Lakens 2013: mean of the differences over their standard deviation. */
static double effect_size(const struct rw_audit_value *before, const struct rw_audit_value *after,
                          size_t n)
{
    double count = 0;
    double mean = 0;
    double squares = 0;
    for (size_t i = 0; i < n; i++) {
        if (before[i].known && after[i].known) { /* Welford 1962 */
            double d = after[i].raw - before[i].raw;
            count += 1;
            double off = d - mean;
            mean += off / count;
            squares += off * (d - mean);
        }
    }
    double deviation = count > 1 ? sqrt(squares / (count - 1)) : 0;
    return deviation > 0 ? mean / deviation : 0;
}

rw_status rw_audit_effect(const struct rw_audit_value *before, const struct rw_audit_value *after,
                          const uint32_t *group, size_t n, size_t n_groups,
                          struct rw_audit_effect *out, struct rw_error *err)
{
    struct sums *sums = rw_alloc_zero(n_groups + 1, sizeof *sums);
    struct sums total = {0};
    *out = (struct rw_audit_effect){0};
    if (sums == NULL) {
        return rw_fail_memory(err, "the effects");
    }
    for (size_t i = 0; i < n; i++) {
        if (before[i].known && after[i].known) {
            add_pair(&sums[group[i]], &before[i], &after[i]);
            out->n++;
        }
    }
    for (size_t g = 0; g < n_groups; g++) {
        add_sums(&total, &sums[g]);
    }
    struct rw_audit_interval *const to[STATISTICS] = {&out->before, &out->after, &out->delta,
                                                      &out->falls, &out->kept};
    for (int s = 0; s < STATISTICS; s++) {
        to[s]->value = read_sums(&total, (enum statistic)s);
    }
    out->n_kept = (size_t)total.was;
    out->effect_size = effect_size(before, after, n);
    rw_status status = n_groups > 0 ? bootstrap(sums, n_groups, to, err) : RW_OK;
    rw_free(sums);
    return status;
}
