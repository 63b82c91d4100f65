/* A calibration bank: how rare is this value among clean traces?
 *
 * Values of every signal on clean traces, sorted, per domain tag and length bin; and the mean,
 * shrunk covariance and neighbours of step-boundary features. Conformal p-value of a value v:
 *     p = (1 + #{calibration values at least as strange as v}) / (n + 1)
 * which is valid for any distribution as long as the trace is exchangeable with the bank's (Vovk
 * et al.). Traces may belong to groups (template families, sources): within each the rank is taken
 * apart, and p is the largest. A value is then strange only where it is strange beside every group,
 * so a new family may resemble any one of them, and no large group hides a small one. Of LATENT_*
 * the groups differ themselves, and a new one may lie beyond all of them: its distances are divided
 * by the factor that the spread between the groups predicts (README.md). At p <= alpha
 * the realised false-alarm rate of one bank varies as Beta(k, n + 1 - k), k = floor(alpha (n + 1)).
 *
 * A bank belongs to one model, template, splitter and version of the signals, and is refused with
 * any other. It lives in the model's folder as RW_BANK_FILE. The file is hostile: parsing is
 * bounded. Immutable once made: any thread may read it. */
#ifndef RW_SHORTCUT_BANK_H
#define RW_SHORTCUT_BANK_H

#include "core/base/buf.h"
#include "core/shortcut/signal.h"

#define RW_BANK_FILE "calibration.json"

enum {
    RW_BANK_FILE_MAX = 32 << 20,  /* bytes */
    RW_BANK_ROWS_MAX = 100000,    /* traces of one bank */
    RW_BANK_DOMAINS_MAX = 64,     /* domains times groups, the pool's included */
    RW_BANK_BINS_MAX = 4,         /* length bins of one domain */
    RW_BANK_BIN_ROWS_MIN = 400,   /* traces; smaller bins are merged with a neighbour */
    RW_BANK_N_MIN = 99,           /* values behind any p; fewer = not calibrated */
    RW_BANK_NEIGHBOURS_MAX = 512, /* features kept for kNN, per domain */
    RW_BANK_LATENT_MAX = 8, /* domains with latent statistics of their own, the pool included */
    RW_BANK_FOLDS = 5,      /* of the rows without a group */
    RW_BANK_REACH = 2,      /* times the longest trace: beyond, nothing is alike */
    RW_BANK_K = 10,         /* the neighbour whose distance counts */
    RW_BANK_TAG_MAX = 64,   /* bytes of a tag, a group and each version string */
    RW_BANK_RARITY_MAX = 8, /* -log10 p; no trace is stranger */
};

/* What a bank is bound to. Strings are NUL-terminated; any may be empty, and then must be equal. */
struct rw_bank_version {
    char model[65];                 /* digest of the model the bank belongs to */
    char outcome[65];               /* digest of the outcome model beside it, or empty */
    char layout[RW_BANK_TAG_MAX];   /* template version */
    char splitter[RW_BANK_TAG_MAX]; /* how traces were cut into steps */
};

/* ---- use ------------------------------------------------------------------------------------- */

/* Reads and checks a bank. `text` is borrowed for the call. INVALID_JSON, MODEL_CORRUPT,
 * LIMIT_EXCEEDED, NO_MEMORY. */
rw_status rw_bank_parse(struct rw_str text, struct rw_bank **out, struct rw_error *err);
/* dir/calibration.json. NOT_FOUND when there is none: the model is uncalibrated. */
rw_status rw_bank_open(const char *dir, struct rw_bank **out, struct rw_error *err);
void rw_bank_free(struct rw_bank *bank); /* NULL is fine */

/* CONFIG with the name of what changed when the bank is for something else. An outcome model that
 * differs is no error: *same_outcome says so, and then EARLY_COMMIT must not be given. */
rw_status rw_bank_check(const struct rw_bank *bank, const struct rw_bank_version *now,
                        bool *same_outcome, struct rw_error *err);

/* Where a trace is ranked. */
struct rw_bank_place {
    struct rw_str domain; /* tag; unknown or empty = the pool */
    bool inside;          /* a trace of the bank itself is not ranked against itself: */
    struct rw_str group;  /* then its group */
};

struct rw_bank_rank {
    double p;       /* NaN when fewer than RW_BANK_N_MIN values */
    uint64_t n_cal; /* values of the group it comes from */
    /* The least over the groups of: -log10 p there (of LATENT_*: of the distance itself), and past
     * the group's 95 % quantile q at least -log10 P(> q) + (v - q) / (m ln 10), m the mean excess
     * over q: an exponential tail. Where a group has nothing as strange, p is 1 / (N + 1), N the
     * values of all groups: that the group is small is no evidence. It orders traces that are
     * stranger than all of the bank; no false-alarm rate is read from it. At most
     * RW_BANK_RARITY_MAX. */
    double rarity;
};

/* False where a rank would say nothing: the trace is more than RW_BANK_REACH times as long as the
 * longest of its domain, or it is written in another script than Latin and they are not. A trace
 * that is too short is ranked: to be short is one of the things that flags look for. */
bool rw_bank_covers(const struct rw_bank *bank, const struct rw_bank_place *place,
                    const struct rw_signals *signals);

/* Of the groups of the domain (in the length bin of trace_bytes) the one with the largest p. For
 * MIN_LOGIT and MEAN_LOGIT a tag leaves out the groups that the model misjudges: those where half
 * of the right traces have a step under 1/2 say how the model fails and not what is rare. The pool
 * keeps them, since nobody said that the trace is not of that kind. */
void rw_bank_rank(const struct rw_bank *bank, const struct rw_bank_place *place,
                  uint64_t trace_bytes, enum rw_signal_id id, double value,
                  struct rw_bank_rank *out);

/* Latent outlier statistics of one feature [RW_SIGNAL_FEATURES] beside the traces of its domain (of
 * the pool, when the domain is unknown or small); false when the bank has none.
 * d2 = (z - mu)^T Sigma^-1 (z - mu), knn = distance of z/|z| to its k-th neighbour. */
bool rw_bank_latent(const struct rw_bank *bank, struct rw_str domain, const float *feature,
                    double *d2, double *knn);

uint64_t rw_bank_rows(const struct rw_bank *bank); /* traces it was built from */

/* Beside which traces a value is ranked. */
struct rw_bank_group {
    struct rw_str domain; /* empty = the pool of all domains */
    struct rw_str group;  /* empty = the one without a name */
    uint64_t traces;      /* values of the signal that has the most */
};
/* How many; the first of them go into `out`. Borrowed from the bank. */
size_t rw_bank_groups(const struct rw_bank *bank, struct rw_bank_group out[RW_BANK_DOMAINS_MAX]);
/* Tags of its domains without the pool, each once; returns how many, at most `max`. Borrowed. */
size_t rw_bank_tags(const struct rw_bank *bank, struct rw_str *out, size_t max);
bool rw_bank_has_tag(const struct rw_bank *bank, struct rw_str tag);
/* Realised false-alarm rate at alpha with n values: mean and standard deviation of
 * Beta(k, n + 1 - k). */
void rw_bank_spread(uint64_t n, double alpha, double *mean, double *deviation);

/* ---- build ----------------------------------------------------------------------------------- */

/* One clean trace. Features of its steps are borrowed until rw_bank_build returns. */
struct rw_bank_row {
    struct rw_str domain;      /* empty = only in the pool */
    struct rw_str group;       /* empty = the group without a name */
    struct rw_signals signals; /* computed without a bank; LATENT_* are filled by the build */
    const float *features;     /* [n_features][RW_SIGNAL_FEATURES], or NULL */
    size_t n_features;
};

/* All features make mean, covariance and neighbours. The LATENT_* a row calibrates with come from
 * statistics that did not see it: made without its group, as a new group will meet them; a row
 * without a group, or whose group is nearly all there is, is left out with every RW_BANK_FOLDS-th
 * row. LIMIT_EXCEEDED, INVALID_REQUEST (no rows), NO_MEMORY. */
rw_status rw_bank_build(const struct rw_bank_version *version, const struct rw_bank_row *rows,
                        size_t n_rows, struct rw_bank **out, struct rw_error *err);
/* Appends the file; the buffer's own limit bounds it. */
void rw_bank_write(const struct rw_bank *bank, struct rw_buf *out);

#endif
