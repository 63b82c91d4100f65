/* A uniform sample of a window: the RW_RUN_POINTS traces with the lowest priorities, which are
 * hashes. The union of two such samples, cut again, is that of the joint stream. */
#include <math.h>
#include <string.h>

#include "core/run/run_parts.h"

#include "core/base/util.h"

static void swap_points(struct rw_run_sample *s, uint32_t a, uint32_t b)
{
    int16_t x[RW_RUN_FEATURES];
    struct rw_run_point point = s->point[a];
    s->point[a] = s->point[b];
    s->point[b] = point;
    if (s->x != NULL) {
        int16_t *xa = s->x + (size_t)a * RW_RUN_FEATURES;
        int16_t *xb = s->x + (size_t)b * RW_RUN_FEATURES;
        memcpy(x, xa, sizeof x);
        memcpy(xa, xb, sizeof x);
        memcpy(xb, x, sizeof x);
    }
}

static void sift_up(struct rw_run_sample *s, uint32_t at)
{
    while (at > 0 && s->point[at].priority > s->point[(at - 1) / 2].priority) {
        swap_points(s, at, (at - 1) / 2);
        at = (at - 1) / 2;
    }
}

static void sift_down(struct rw_run_sample *s)
{
    for (uint32_t at = 0;;) {
        uint32_t child = 2 * at + 1;
        if (child >= s->n) {
            return;
        }
        if (child + 1 < s->n && s->point[child + 1].priority > s->point[child].priority) {
            child++;
        }
        if (s->point[child].priority <= s->point[at].priority) {
            return;
        }
        swap_points(s, at, child);
        at = child;
    }
}

static void put(struct rw_run_sample *s, uint32_t at, const struct rw_run_point *point,
                const int16_t x[RW_RUN_FEATURES])
{
    s->point[at] = *point;
    if (s->x != NULL) {
        memcpy(s->x + (size_t)at * RW_RUN_FEATURES, x, RW_RUN_FEATURES * sizeof *x);
    }
}

void rw_run_sample_add(struct rw_run_sample *s, const struct rw_run_point *point,
                       const int16_t x[RW_RUN_FEATURES])
{
    if (s->n < s->max) {
        put(s, s->n, point, x);
        s->n++;
        sift_up(s, s->n - 1);
    } else if (point->priority < s->point[0].priority) {
        put(s, 0, point, x);
        sift_down(s);
    }
}

/* ---- features -------------------------------------------------------------------------------- */

static const double SCALE = 32767;

bool rw_run_features_pack(const float *in, int16_t *out)
{
    double sum = 0;
    for (int i = 0; i < RW_RUN_FEATURES; i++) {
        sum += (double)in[i] * (double)in[i];
    }
    bool good = isfinite(sum) && sum > 0;
    double scale = good ? SCALE / sqrt(sum) : 0;
    for (int i = 0; i < RW_RUN_FEATURES; i++) {
        out[i] = good ? (int16_t)lround((double)in[i] * scale) : 0;
    }
    return good;
}

void rw_run_features_unpack(const int16_t *in, size_t points, float *out)
{
    for (size_t i = 0; i < points * RW_RUN_FEATURES; i++) {
        out[i] = (float)((double)in[i] / SCALE);
    }
}

struct rw_run_sample rw_run_sample_of(struct rw_run *run, enum rw_run_span span)
{
    bool slow = span == RW_RUN_SLOW;
    return (struct rw_run_sample){.n = run->course[span].n,
                                  .max = slow ? RW_RUN_POINTS : RW_RUN_FAST_POINTS,
                                  .point = slow ? run->slow_point : run->fast_point,
                                  .x = slow ? run->slow_x : NULL};
}

/* ---- order ----------------------------------------------------------------------------------- */

static bool before(const struct rw_run_point *a, const struct rw_run_point *b)
{
    if (a->has_features != b->has_features) {
        return a->has_features;
    }
    return a->priority < b->priority;
}

/* Shell sort (gaps of Ciura): in place, because a second sample is 400 kB. */
uint32_t rw_run_sample_sort(struct rw_run_sample *s)
{
    static const uint32_t GAP[] = {701, 301, 132, 57, 23, 10, 4, 1};
    for (size_t g = 0; g < RW_COUNT(GAP); g++) {
        for (uint32_t i = GAP[g]; i < s->n; i++) {
            for (uint32_t j = i; j >= GAP[g] && before(&s->point[j], &s->point[j - GAP[g]]);
                 j -= GAP[g]) {
                swap_points(s, j, j - GAP[g]);
            }
        }
    }
    uint32_t featured = 0;
    while (featured < s->n && s->point[featured].has_features) {
        featured++;
    }
    return featured;
}
