/* Inside a calibration bank. Internal to bank*.c. */
#ifndef RW_SHORTCUT_BANK_PARTS_H
#define RW_SHORTCUT_BANK_PARTS_H

#include "core/shortcut/bank.h"

struct bank_values {
    float *strangeness; /* [n], ascending, finite */
    size_t n;
    double tail;        /* 95 % quantile */
    double tail_rarity; /* -log10 of the share above it */
    double tail_mean;   /* mean excess of those; 0 = too few of them, no tail */
    double high;        /* 99 % quantile */
};

struct bank_bin {
    uint64_t bytes_min; /* traces of at least that many bytes, up to the next bin's */
    struct bank_values of[RW_SIGNALS];
};

struct bank_domain {
    struct rw_str tag;   /* empty = the pool of all traces; its groups come first */
    struct rw_str group; /* traces of the domain that belong to it */
    struct bank_bin bins[RW_BANK_BINS_MAX];
    size_t n_bins;
};

struct bank_latent {
    struct rw_str tag; /* empty = the pool */
    double mean[RW_SIGNAL_FEATURES];
    double factor[RW_SIGNAL_FEATURES * RW_SIGNAL_FEATURES]; /* lower Cholesky factor */
    float *neighbours;                                      /* [n][RW_SIGNAL_FEATURES], length 1 */
    size_t n_neighbours;
};

struct rw_bank {
    struct rw_arena arena; /* everything below, and this */
    struct rw_bank_version version;
    uint64_t rows;
    struct bank_domain domains[RW_BANK_DOMAINS_MAX];
    size_t n_domains;
    struct bank_latent *latent; /* the pool's first, then those of domains; NULL = none */
    size_t n_latent;
};

/* The latent statistics of one tag, and the distances of its traces to statistics that did not see
 * them. The pool comes first: without statistics of the pool there are none of a domain, and a
 * domain too small for its own keeps the distances that the pool gave its traces. Borrowed. */
struct bank_latent_build {
    struct rw_bank *bank; /* latent has room for RW_BANK_LATENT_MAX */
    struct rw_arena *scratch;
    const struct rw_bank_row *rows;
    size_t n;
    struct rw_signals *signals; /* [n]; LATENT_* of the tag's rows are filled in */
    struct rw_str tag;
    struct rw_error *err;
};

rw_status rw_bank_fit_latent(const struct bank_latent_build *build); /* bank_latent.c */
/* What ranks rely on: values in ascending order, bins from 0 upwards, the pool first. A bank is
 * immutable once made, so whoever makes one, and who writes it, asserts it. */
bool rw_bank_is_sound(const struct rw_bank *bank);
rw_status rw_bank_new(struct rw_bank **out, struct rw_error *err);
const struct bank_bin *rw_bank_bin(const struct bank_domain *domain, uint64_t trace_bytes);
void rw_bank_fit_tail(struct bank_values *values); /* once the values are in order */

#endif
