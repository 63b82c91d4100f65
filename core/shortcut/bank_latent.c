#include <math.h>

#include "core/base/util.h"
#include "core/shortcut/bank_parts.h"
#include "core/shortcut/linalg.h"

/* ---- distances ------------------------------------------------------------------------------- */

/* Distance to the RW_BANK_K-th neighbour: the K smallest kept in order. */
static double kth_distance(const struct bank_latent *latent, const float *unit)
{
    double best[RW_BANK_K];
    size_t n = 0;
    for (size_t i = 0; i < latent->n_neighbours; i++) {
        double d2 = rw_linalg_distance2(unit, latent->neighbours + i * RW_SIGNAL_FEATURES,
                                        RW_SIGNAL_FEATURES);
        if (n == RW_BANK_K && d2 >= best[n - 1]) {
            continue;
        }
        size_t at = n < RW_BANK_K ? n++ : n - 1;
        for (; at > 0 && best[at - 1] > d2; at--) {
            best[at] = best[at - 1];
        }
        best[at] = d2;
    }
    return sqrt(best[n - 1]);
}

static bool distances(const struct bank_latent *latent, const float *feature, double *d2,
                      double *knn)
{
    double z[RW_SIGNAL_FEATURES];
    float unit[RW_SIGNAL_FEATURES];
    for (size_t j = 0; j < RW_SIGNAL_FEATURES; j++) {
        z[j] = (double)feature[j] - latent->mean[j];
        unit[j] = feature[j];
    }
    rw_linalg_normalise(unit, RW_SIGNAL_FEATURES);
    *d2 = rw_linalg_mahalanobis2(latent->factor, RW_SIGNAL_FEATURES, z);
    *knn = kth_distance(latent, unit);
    return isfinite(*d2) && isfinite(*knn);
}

bool rw_bank_latent(const struct rw_bank *bank, struct rw_str domain, const float *feature,
                    double *d2, double *knn)
{
    if (bank->n_latent == 0) {
        return false;
    }
    const struct bank_latent *latent = &bank->latent[0];
    for (size_t i = 1; i < bank->n_latent; i++) {
        latent = rw_str_equal(bank->latent[i].tag, domain) ? &bank->latent[i] : latent;
    }
    return distances(latent, feature, d2, knn);
}

/* ---- fitting --------------------------------------------------------------------------------- */

enum {
    FEATURES_MIN = 2 * RW_SIGNAL_FEATURES, /* behind any statistics */
    DOMAIN_FEATURES_MIN = 20 * RW_SIGNAL_FEATURES,
};

/* The rows that are left out together: those of `group`, of a fold only every
 * RW_BANK_FOLDS-th row from `number` on. */
struct part {
    struct rw_str group;
    bool fold;
    size_t number;
};

static bool of_tag(const struct bank_latent_build *b, size_t row)
{
    return b->rows[row].features != NULL &&
           (b->tag.len == 0 || rw_str_equal(b->tag, b->rows[row].domain));
}

static bool in_part(const struct bank_latent_build *b, const struct part *part, size_t row)
{
    return rw_str_equal(b->rows[row].group, part->group) &&
           (!part->fold || row % RW_BANK_FOLDS == part->number);
}

/* Features of the tag's rows that are not in the part (NULL: of all), one after the other in x. */
static size_t gather(const struct bank_latent_build *b, const struct part *without, float *x)
{
    size_t n = 0;
    for (size_t i = 0; i < b->n; i++) {
        if (!of_tag(b, i) || (without != NULL && in_part(b, without, i))) {
            continue;
        }
        if (x != NULL) {
            memcpy(x + n * RW_SIGNAL_FEATURES, b->rows[i].features,
                   b->rows[i].n_features * RW_SIGNAL_FEATURES * sizeof(float));
        }
        n += b->rows[i].n_features;
    }
    return n;
}

/* False when the features are constant. latent->neighbours has room for as many as are kept. */
static bool fit(const float *x, size_t n, struct bank_latent *latent)
{
    rw_linalg_mean(x, n, RW_SIGNAL_FEATURES, latent->mean);
    rw_linalg_ledoit_wolf(x, n, RW_SIGNAL_FEATURES, latent->mean, latent->factor);
    if (!rw_linalg_cholesky(latent->factor, RW_SIGNAL_FEATURES)) {
        return false;
    }
    size_t keep = RW_MIN(n, RW_BANK_NEIGHBOURS_MAX);
    for (size_t k = 0; k < keep; k++) {
        float *row = latent->neighbours + k * RW_SIGNAL_FEATURES;
        memcpy(row, x + k * n / keep * RW_SIGNAL_FEATURES, RW_SIGNAL_FEATURES * sizeof(float));
        rw_linalg_normalise(row, RW_SIGNAL_FEATURES);
    }
    latent->n_neighbours = keep;
    return true;
}

/* The largest distances over the steps of one row. */
static void measure(const struct bank_latent *latent, const struct rw_bank_row *row,
                    struct rw_signal *d2, struct rw_signal *knn)
{
    for (size_t t = 0; t < row->n_features; t++) {
        double now[2];
        if (!distances(latent, row->features + t * RW_SIGNAL_FEATURES, &now[0], &now[1])) {
            return;
        }
        d2->value = t == 0 || now[0] > d2->value ? now[0] : d2->value;
        knn->value = t == 0 || now[1] > knn->value ? now[1] : knn->value;
        d2->known = knn->known = true;
    }
}

/* Statistics without the part, and the distances of its rows. x has room for all features. */
static void leave_out(const struct bank_latent_build *b, const struct part *part, float *x,
                      struct bank_latent *latent)
{
    size_t n = gather(b, part, x);
    if (n < FEATURES_MIN || !fit(x, n, latent)) {
        return;
    }
    for (size_t i = 0; i < b->n; i++) {
        if (of_tag(b, i) && in_part(b, part, i)) {
            measure(latent, &b->rows[i], &b->signals[i].of[RW_SIGNAL_LATENT_D2],
                    &b->signals[i].of[RW_SIGNAL_LATENT_KNN]);
        }
    }
}

static void leave_out_group(const struct bank_latent_build *b, struct rw_str group, float *x,
                            struct bank_latent *latent)
{
    struct part part = {.group = group};
    if (group.len > 0 && gather(b, &part, NULL) >= DOMAIN_FEATURES_MIN) {
        leave_out(b, &part, x, latent);
        return;
    }
    part.fold = true;
    for (; part.number < RW_BANK_FOLDS; part.number++) {
        leave_out(b, &part, x, latent);
    }
}

/* Every group of the tag once. */
static void calibrate(const struct bank_latent_build *b, float *x, struct bank_latent *latent)
{
    for (size_t d = 0; d < b->bank->n_domains; d++) {
        if (rw_str_equal(b->bank->domains[d].tag, b->tag)) {
            leave_out_group(b, b->bank->domains[d].group, x, latent);
        }
    }
}

/* Room for every feature of the tag and for one set of statistics that is thrown away. */
static rw_status fit_tag(const struct bank_latent_build *b, size_t n)
{
    struct rw_bank *bank = b->bank;
    struct bank_latent *latent = &bank->latent[bank->n_latent];
    struct bank_latent *spare = rw_arena_array(b->scratch, 1, sizeof *spare);
    float *x = rw_arena_array(b->scratch, n, RW_SIGNAL_FEATURES * sizeof(float));
    size_t keep = RW_MIN(n, RW_BANK_NEIGHBOURS_MAX);
    latent->neighbours = rw_arena_array(&bank->arena, keep, RW_SIGNAL_FEATURES * sizeof(float));
    if (spare == NULL || x == NULL || latent->neighbours == NULL) {
        return rw_fail(b->err, RW_NO_MEMORY, "no memory to build a calibration bank");
    }
    spare->neighbours = latent->neighbours; /* overwritten by the last fit, that of all rows */
    for (size_t i = 0; i < b->n; i++) {
        if (of_tag(b, i)) {
            b->signals[i].of[RW_SIGNAL_LATENT_D2] = (struct rw_signal){.step = -1};
            b->signals[i].of[RW_SIGNAL_LATENT_KNN] = (struct rw_signal){.step = -1};
        }
    }
    calibrate(b, x, spare);
    gather(b, NULL, x);
    if (fit(x, n, latent)) {
        latent->tag = b->tag;
        bank->n_latent++;
    }
    return RW_OK;
}

rw_status rw_bank_fit_latent(const struct bank_latent_build *b)
{
    size_t n_latent = b->bank->n_latent;
    if (n_latent == RW_BANK_LATENT_MAX || (b->tag.len > 0) != (n_latent > 0)) {
        return RW_OK;
    }
    size_t n = gather(b, NULL, NULL);
    return n < (b->tag.len > 0 ? DOMAIN_FEATURES_MIN : FEATURES_MIN) ? RW_OK : fit_tag(b, n);
}
