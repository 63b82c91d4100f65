/* A uniform sample of a window: the RW_RUN_POINTS traces with the lowest priorities, which are
 * hashes. The union of two such samples, cut again, is that of the joint stream. */
#include <string.h>

#include "core/run/run_parts.h"

#include "core/base/util.h"

static void swap_points(struct rw_run_sample *s, uint32_t a, uint32_t b)
{
    struct rw_run_point point = s->point[a];
    float x[RW_RUN_FEATURES];
    float *xa = s->x + (size_t)a * RW_RUN_FEATURES;
    float *xb = s->x + (size_t)b * RW_RUN_FEATURES;
    s->point[a] = s->point[b];
    s->point[b] = point;
    memcpy(x, xa, sizeof x);
    memcpy(xa, xb, sizeof x);
    memcpy(xb, x, sizeof x);
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
                const float x[RW_RUN_FEATURES])
{
    s->point[at] = *point;
    memcpy(s->x + (size_t)at * RW_RUN_FEATURES, x, RW_RUN_FEATURES * sizeof *x);
}

void rw_run_sample_add(struct rw_run_sample *s, const struct rw_run_point *point,
                       const float x[RW_RUN_FEATURES])
{
    if (s->n < RW_RUN_POINTS) {
        put(s, s->n, point, x);
        s->n++;
        sift_up(s, s->n - 1);
    } else if (point->priority < s->point[0].priority) {
        put(s, 0, point, x);
        sift_down(s);
    }
}

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
