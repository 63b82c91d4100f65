#include "core/model/language.h"

#include <math.h>
#include <stdatomic.h>

#include "core/base/alloc.h"
#include "core/base/assert.h"
#include "core/base/util.h"
#include "core/model/carve.h"

enum {
    GROUP_PANELS = RW_LANGUAGE_GROUP / RW_PANEL,
};

/* sum_v exp(z_v) of a group is sum * exp(max). */
struct part {
    float max;
    float sum;
};

struct rw_language {
    const struct rw_linear *linear;
    const struct rw_kernels *kernels;
    struct rw_team *team;
    uint32_t groups;
    size_t act_stride;      /* bytes */
    size_t panel_bytes;     /* of the packed matrix */
    size_t scratch_bytes;   /* of the GEMM, per member */
    unsigned char *act;     /* act[ROWS, hidden] */
    struct part *parts;     /* [ROWS, groups] */
    float *target;          /* [ROWS] logit of the id that is asked for */
    float *logits;          /* [members, ROWS, GROUP] */
    unsigned char *scratch; /* [members] at scratch_bytes */
    void *memory;
    size_t memory_bytes;
    atomic_uint ticket;

    /* of the run under way */
    const int32_t *ids;
    uint32_t n;
};

static void carve(struct rw_language *l, struct rw_carve *c)
{
    size_t members = rw_team_size(l->team);
    l->act = rw_carve(c, RW_LANGUAGE_ROWS, l->act_stride);
    l->parts = rw_carve(c, (size_t)RW_LANGUAGE_ROWS * l->groups, sizeof *l->parts);
    l->target = rw_carve(c, RW_LANGUAGE_ROWS, sizeof *l->target);
    l->logits = rw_carve(c, members * RW_LANGUAGE_ROWS * RW_LANGUAGE_GROUP, sizeof *l->logits);
    l->scratch = rw_carve(c, members, l->scratch_bytes);
}

rw_status rw_language_create(const struct rw_linear *linear, const struct rw_kernels *kernels,
                             struct rw_team *team, struct rw_language **out, struct rw_error *err)
{
    *out = NULL;
    struct rw_language *l = rw_alloc_zero(1, sizeof *l);
    if (l == NULL) {
        return rw_fail(err, RW_NO_MEMORY, "language head");
    }
    size_t gemm = kernels->gemm_scratch_bytes(linear->dtype, RW_LANGUAGE_ROWS);
    l->linear = linear;
    l->kernels = kernels;
    l->team = team;
    l->groups = (linear->panels + GROUP_PANELS - 1) / GROUP_PANELS;
    l->act_stride = rw_act_bytes(linear->dtype, linear->k_padded);
    l->panel_bytes = rw_linear_bytes(linear->dtype, RW_PANEL, linear->n_in);
    l->scratch_bytes = (gemm + RW_ALIGN - 1) / RW_ALIGN * RW_ALIGN;
    struct rw_carve measure = {NULL, 0, false};
    carve(l, &measure);
    l->memory = measure.overflow ? NULL : rw_alloc_large(measure.used);
    if (l->memory == NULL) {
        rw_free(l);
        return rw_fail(err, RW_NO_MEMORY, "workspace of the language head");
    }
    l->memory_bytes = measure.used;
    struct rw_carve assign = {l->memory, 0, false};
    carve(l, &assign);
    rw_assert(assign.used == measure.used);
    *out = l;
    return RW_OK;
}

void rw_language_destroy(struct rw_language *language)
{
    if (language != NULL) {
        rw_free_large(language->memory, language->memory_bytes);
        rw_free(language);
    }
}

/* A NaN among the logits makes the sum one. */
static struct part sum_up(const float *z, uint32_t n)
{
    struct part part = {-INFINITY, 0};
    for (uint32_t i = 0; i < n; i++) {
        part.max = RW_MAX(z[i], part.max);
    }
    for (uint32_t i = 0; i < n; i++) {
        part.sum += expf(z[i] - part.max);
    }
    return part;
}

/* Logits of one group for all rows, and what is left of them. */
static void run_group(struct rw_language *l, uint32_t group, float *logits, void *scratch)
{
    uint32_t first = group * GROUP_PANELS, base = group * RW_LANGUAGE_GROUP;
    struct rw_linear part = *l->linear;
    part.panels =
        l->linear->panels - first < GROUP_PANELS ? l->linear->panels - first : GROUP_PANELS;
    part.n_out =
        l->linear->n_out - base < RW_LANGUAGE_GROUP ? l->linear->n_out - base : RW_LANGUAGE_GROUP;
    part.packed = (unsigned char *)l->linear->packed + first * l->panel_bytes;
    struct rw_gemm gemm = {
        .linear = &part,
        .x = l->act,
        .x_stride = l->act_stride,
        .rows = l->n,
        .epilogue = RW_EPILOGUE_STORE,
        .out = logits,
        .out_stride = RW_LANGUAGE_GROUP * sizeof *logits,
    };
    l->kernels->gemm(&gemm, 0, part.panels, scratch);
    for (uint32_t r = 0; r < l->n; r++) {
        const float *z = logits + (size_t)r * RW_LANGUAGE_GROUP;
        uint32_t id = (uint32_t)l->ids[r];
        l->parts[(size_t)r * l->groups + group] = sum_up(z, part.n_out);
        if (id >= base && id - base < part.n_out) {
            l->target[r] = z[id - base];
        }
    }
}

static void region(void *arg, unsigned member, unsigned members)
{
    struct rw_language *l = arg;
    float *logits = l->logits + (size_t)member * RW_LANGUAGE_ROWS * RW_LANGUAGE_GROUP;
    void *scratch = l->scratch + member * l->scratch_bytes;
    uint32_t group;
    (void)members;
    while ((group = atomic_fetch_add_explicit(&l->ticket, 1, memory_order_relaxed)) < l->groups) {
        run_group(l, group, logits, scratch);
    }
}

/* log sum exp over the groups of a row. */
static double total(const struct rw_language *l, uint32_t row)
{
    const struct part *parts = l->parts + (size_t)row * l->groups;
    double max = -INFINITY;
    double sum = 0;
    for (uint32_t g = 0; g < l->groups; g++) {
        max = RW_MAX((double)parts[g].max, max);
    }
    for (uint32_t g = 0; g < l->groups; g++) {
        sum += (double)parts[g].sum * exp((double)parts[g].max - max);
    }
    return max + log(sum);
}

static void run_rows(struct rw_language *l, const float *hidden, size_t stride,
                     const uint32_t *rows, const int32_t *ids, uint32_t n, double *log_p)
{
    const struct rw_linear *linear = l->linear;
    l->ids = ids;
    l->n = n;
    for (uint32_t r = 0; r < n; r++) {
        rw_assert(ids[r] >= 0 && (uint32_t)ids[r] < linear->n_out);
        l->kernels->to_act(hidden + rows[r] * stride, linear->n_in, linear->k_padded, 1.0f,
                           linear->dtype, l->act + r * l->act_stride);
    }
    atomic_store_explicit(&l->ticket, 0, memory_order_relaxed);
    rw_team_run(l->team, region, l);
    for (uint32_t r = 0; r < n; r++) {
        log_p[r] = (double)l->target[r] - total(l, r);
    }
    l->ids = NULL;
}

void rw_language_run(struct rw_language *language, const float *hidden, size_t stride,
                     const uint32_t *rows, const int32_t *ids, uint32_t n, double *log_p)
{
    for (uint32_t at = 0; at < n; at += RW_LANGUAGE_ROWS) {
        uint32_t some = n - at < RW_LANGUAGE_ROWS ? n - at : RW_LANGUAGE_ROWS;
        run_rows(language, hidden, stride, rows + at, ids + at, some, log_p + at);
    }
}

double rw_language_flops(const struct rw_linear *linear)
{
    return 2.0 * linear->n_out * linear->n_in;
}
