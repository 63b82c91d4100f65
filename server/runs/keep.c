#include "server/runs/keep.h"

#include <math.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/assert.h"

struct rw_keep {
    struct rw_keep_trace ring[RW_KEEP_TRACES_MAX];
    size_t first;
    size_t n;
    uint64_t bytes;
};

static struct rw_keep_trace *at(struct rw_keep *k, size_t i)
{
    return &k->ring[(k->first + i) % RW_KEEP_TRACES_MAX];
}

static void drop_first(struct rw_keep *k)
{
    struct rw_keep_trace *t = at(k, 0);
    k->bytes -= t->len;
    rw_free(t->data);
    t->data = NULL;
    k->first = (k->first + 1) % RW_KEEP_TRACES_MAX;
    k->n--;
}

struct rw_keep *rw_keep_create(void)
{
    return rw_alloc_zero(1, sizeof(struct rw_keep));
}

void rw_keep_destroy(struct rw_keep *k)
{
    while (k != NULL && k->n > 0) {
        drop_first(k);
    }
    rw_free(k);
}

void rw_keep_add(struct rw_keep *k, const struct rw_keep_trace *trace)
{
    while (k->n > 0 && (k->n == RW_KEEP_TRACES_MAX || k->bytes + trace->len > RW_KEEP_BYTES_MAX)) {
        drop_first(k);
    }
    *at(k, k->n) = *trace;
    k->n++;
    k->bytes += trace->len;
    rw_assert(k->n <= RW_KEEP_TRACES_MAX);
}

static bool same_label(const struct rw_run_label *a, const struct rw_run_label *b)
{
    return a->item == b->item && a->trace == b->trace && strcmp(a->request, b->request) == 0;
}

const struct rw_keep_trace *rw_keep_find(const struct rw_keep *k, uint64_t run,
                                         const struct rw_run_label *label)
{
    for (size_t i = k->n; i-- > 0;) {
        const struct rw_keep_trace *t = &k->ring[(k->first + i) % RW_KEEP_TRACES_MAX];
        if (t->run == run && same_label(&t->label, label)) {
            return t;
        }
    }
    return NULL;
}

const struct rw_keep_trace *rw_keep_nearest(const struct rw_keep *k, uint64_t run, uint64_t from,
                                            enum rw_run_reward reward, double value)
{
    const struct rw_keep_trace *best = NULL;
    for (size_t i = k->n; i-- > 0;) {
        const struct rw_keep_trace *t = &k->ring[(k->first + i) % RW_KEEP_TRACES_MAX];
        if (t->run != run || !isfinite(t->reward[reward])) {
            continue;
        }
        if (t->at <= from) {
            break; /* traces of a run stand in its order */
        }
        if (best == NULL || fabs(t->reward[reward] - value) < fabs(best->reward[reward] - value)) {
            best = t;
        }
    }
    return best;
}
