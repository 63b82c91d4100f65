#include "core/shortcut/bank.h"

#include <math.h>

#include "core/base/alloc.h"
#include "core/base/assert.h"
#include "core/base/util.h"
#include "core/shortcut/bank_parts.h"

enum {
    BANK_ARENA_MAX = 256 << 20, /* bytes */
};

rw_status rw_bank_new(struct rw_bank **out, struct rw_error *err)
{
    struct rw_bank *bank = rw_alloc_zero(1, sizeof *bank);
    if (bank == NULL) {
        return rw_fail_memory(err, "a calibration bank");
    }
    rw_arena_init(&bank->arena, BANK_ARENA_MAX);
    *out = bank;
    return RW_OK;
}

void rw_bank_free(struct rw_bank *bank)
{
    if (bank != NULL) {
        rw_arena_fini(&bank->arena);
        rw_free(bank);
    }
}

static bool are_values_sound(const struct bank_values *values, uint64_t rows)
{
    bool sound = values->n <= rows && (values->n == 0 || values->strangeness != NULL);
    for (size_t i = 0; sound && i < values->n; i++) {
        sound = isfinite(values->strangeness[i]) &&
                (i == 0 || values->strangeness[i - 1] <= values->strangeness[i]);
    }
    return sound;
}

static bool is_domain_sound(const struct bank_domain *domain, uint64_t rows)
{
    bool sound = domain->n_bins > 0 && domain->n_bins <= RW_BANK_BINS_MAX;
    for (size_t k = 0; sound && k < domain->n_bins; k++) {
        const struct bank_bin *bin = &domain->bins[k];
        sound = k == 0 ? bin->bytes_min == 0 : bin->bytes_min > bin[-1].bytes_min;
        for (int id = 0; sound && id < RW_SIGNALS; id++) {
            sound = are_values_sound(&bin->of[id], rows);
        }
    }
    return sound;
}

bool rw_bank_is_sound(const struct rw_bank *bank)
{
    bool sound = bank->rows > 0 && bank->rows <= RW_BANK_ROWS_MAX && bank->n_domains > 0 &&
                 bank->n_domains <= RW_BANK_DOMAINS_MAX && bank->domains[0].tag.len == 0;
    for (size_t i = 0; sound && i < bank->n_domains; i++) {
        sound = is_domain_sound(&bank->domains[i], bank->rows);
    }
    sound = sound && bank->n_latent <= RW_BANK_LATENT_MAX;
    for (size_t i = 0; sound && i < bank->n_latent; i++) {
        size_t n = bank->latent[i].n_neighbours;
        sound = n > 0 && n <= RW_BANK_NEIGHBOURS_MAX;
    }
    return sound;
}

static rw_status same(const char *what, const char *then, const char *now, struct rw_error *err)
{
    if (strcmp(then, now) == 0) {
        return RW_OK;
    }
    rw_fail(err, RW_CONFIG, "the calibration bank was built for another %s (%.20s, now %.20s)",
            what, then, now);
    rw_error_hint(err, "rebuild it with rewardd calibrate");
    return RW_CONFIG;
}

rw_status rw_bank_check(const struct rw_bank *bank, const struct rw_bank_version *now,
                        bool *same_outcome, struct rw_error *err)
{
    rw_status status = same("model", bank->version.model, now->model, err);
    if (status == RW_OK) {
        status = same("template", bank->version.layout, now->layout, err);
    }
    if (status == RW_OK) {
        status = same("splitter", bank->version.splitter, now->splitter, err);
    }
    if (same_outcome != NULL) {
        *same_outcome = strcmp(bank->version.outcome, now->outcome) == 0;
    }
    return status;
}

const struct bank_bin *rw_bank_bin(const struct bank_domain *domain, uint64_t trace_bytes)
{
    size_t bin = 0;
    while (bin + 1 < domain->n_bins && trace_bytes >= domain->bins[bin + 1].bytes_min) {
        bin++;
    }
    return &domain->bins[bin];
}

/* Past the 95 % quantile q the excess is taken for exponential with the mean m that is seen there:
 * the maximum-likelihood fit, and the limit law of excesses over a high threshold for tails that
 * are neither bounded nor heavy (Pickands 1975; Balkema and de Haan 1974). Ranks end where the bank
 * ends; the tail tells a trace a little beyond it from one far out, and only orders them (bank.h).
 * With fewer than four excesses m is luck, and ranks alone are used. */
void rw_bank_fit_tail(struct bank_values *values)
{
    enum {
        TAIL_VALUES_MIN = 4
    };
    values->tail_mean = 0;
    if (values->n < RW_BANK_N_MIN) {
        return;
    }
    values->tail = (double)values->strangeness[(values->n - 1) * 95 / 100];
    values->high = (double)values->strangeness[(values->n - 1) * 99 / 100];
    size_t n = 0;
    double sum = 0;
    for (size_t i = values->n; i > 0 && (double)values->strangeness[i - 1] > values->tail; i--) {
        sum += (double)values->strangeness[i - 1] - values->tail;
        n++;
    }
    if (n >= TAIL_VALUES_MIN) {
        values->tail_mean = sum / (double)n;
        values->tail_rarity = -log10((double)n / (double)values->n);
    }
}

/* -log10 P(excess > s - q) P(> q) = tail_rarity + (s - q) / (m ln 10), never under what the rank
 * says. */
static double rarity(const struct bank_values *values, double strangeness, double p)
{
    double from_rank = -log10(p);
    double out = from_rank;
    if (values->tail_mean > 0 && strangeness > values->tail) {
        double excess = (strangeness - values->tail) / values->tail_mean;
        double from_tail = values->tail_rarity + excess * 0.43429448190325182; /* log10 e */
        out = RW_MAX(from_tail, from_rank);
    }
    return RW_MIN(out, RW_BANK_RARITY_MAX);
}

/* Values at least as strange. */
static size_t count_above(const struct bank_values *values, float strangeness)
{
    size_t low = 0;
    size_t high = values->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (values->strangeness[middle] < strangeness) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return values->n - low;
}

/* (1 + #{values at least as strange}) / (n + 1): with the trace itself among them, its rank is
 * uniform if it is exchangeable with them. A trace that is in the group is counted there already:
 * (1 + others) / (others + 1). */
static double p_in(const struct bank_values *values, float strangeness, bool inside)
{
    double above = (double)count_above(values, strangeness) + (inside ? 0 : 1);
    double p = above / ((double)values->n + (inside ? 0 : 1));
    return p > 0 ? p : 1 / (double)values->n;
}

/* A group without a value so strange says only that it is small: `unseen` stands for its p. */
static void rank_in(const struct bank_values *values, float strangeness, bool inside, double unseen,
                    struct rw_bank_rank *out)
{
    bool seen = count_above(values, strangeness) > (inside ? 1 : 0);
    out->n_cal = values->n;
    out->p = p_in(values, strangeness, inside);
    out->rarity = rarity(values, (double)strangeness, seen ? out->p : unseen);
}

/* 95 % quantile of Student's t with n - 1 degrees of freedom; that of ten for more of them. */
static double student(size_t n)
{
    static const double QUANTILE[] = {6.314, 2.920, 2.353, 2.132, 2.015,
                                      1.943, 1.895, 1.860, 1.833, 1.812};
    size_t freedom = n - 1;
    size_t last = RW_COUNT(QUANTILE);
    return QUANTILE[(RW_MIN(freedom, last)) - 1];
}

/* How many times as far as the farthest group of the tag a group may lie that the bank does not
 * know: the upper 95 % prediction limit of log q, q the 99 % quantile of a group with a name,
 * normal over groups, beside the largest q. The group without a name was in the statistics and only
 * counts among the largest. 1 with fewer than two groups: their spread is not known. */
static double widening(const struct rw_bank *bank, struct rw_str tag, uint64_t trace_bytes,
                       enum rw_signal_id id)
{
    size_t n = 0;
    double sum = 0, squares = 0, largest = 0;
    for (size_t i = 0; i < bank->n_domains; i++) {
        const struct bank_domain *domain = &bank->domains[i];
        const struct bank_values *values = &rw_bank_bin(domain, trace_bytes)->of[id];
        if (!rw_str_equal(domain->tag, tag) || values->n < RW_BANK_N_MIN || values->high <= 0) {
            continue;
        }
        largest = RW_MAX(values->high, largest);
        if (domain->group.len > 0) {
            double q = log(values->high);
            n++;
            sum += q;
            squares += q * q;
        }
    }
    if (n < 2) {
        return 1;
    }
    double mean = sum / (double)n;
    double variance = (squares - sum * mean) / (double)(n - 1);
    double spread = sqrt((RW_MAX(variance, 0)) * (1 + 1 / (double)n));
    double limit = exp(mean + student(n) * spread);
    return limit > largest ? limit / largest : 1;
}

static struct rw_str tag_of(const struct rw_bank *bank, struct rw_str domain)
{
    for (size_t i = 0; i < bank->n_domains; i++) {
        if (rw_str_equal(bank->domains[i].tag, domain)) {
            return domain;
        }
    }
    return RW_STR(""); /* unknown: the pool */
}

/* Half of the group's right traces have no step that the model calls wrong. */
static bool is_sane(const struct bank_domain *domain, uint64_t trace_bytes)
{
    const struct bank_values *values = &rw_bank_bin(domain, trace_bytes)->of[RW_SIGNAL_MIN_LOGIT];
    return values->n >= RW_BANK_N_MIN && values->strangeness[values->n / 2] <= 0;
}

/* Groups of the tag whose process rewards mean something; false also when no group's do, and then
 * all count. */
static bool has_sane_group(const struct rw_bank *bank, struct rw_str tag, uint64_t trace_bytes)
{
    bool sane = false;
    for (size_t i = 0; i < bank->n_domains; i++) {
        sane = sane ||
               (rw_str_equal(bank->domains[i].tag, tag) && is_sane(&bank->domains[i], trace_bytes));
    }
    return sane;
}

bool rw_bank_covers(const struct rw_bank *bank, const struct rw_bank_place *place,
                    const struct rw_signals *signals)
{
    const double other_script = 0.8; /* share of letters: the trace is not in Latin script */
    const double some_script = 0.5;
    const struct rw_signal *letters = &signals->of[RW_SIGNAL_FOREIGN_LETTERS];
    struct rw_str tag = tag_of(bank, place->domain);
    double longest = 0;
    double most_letters = 0;
    for (size_t i = 0; i < bank->n_domains; i++) {
        const struct bank_domain *domain = &bank->domains[i];
        for (size_t k = 0; rw_str_equal(domain->tag, tag) && k < domain->n_bins; k++) {
            const struct bank_values *bytes = &domain->bins[k].of[RW_SIGNAL_BYTES];
            const struct bank_values *share = &domain->bins[k].of[RW_SIGNAL_FOREIGN_LETTERS];
            double most = bytes->n > 0 ? -(double)bytes->strangeness[0] : 0; /* LOW: -bytes */
            longest = RW_MAX(longest, most);
            most_letters = RW_MAX(most_letters, share->high);
        }
    }
    bool too_long = longest > 0 && (double)signals->trace_bytes > RW_BANK_REACH * longest;
    bool unread = letters->known && letters->value >= other_script && most_letters < some_script;
    return !too_long && !unread;
}

/* The p of a value that is stranger than all groups of the tag, which count as one. */
static double p_unseen(const struct rw_bank *bank, struct rw_str tag, uint64_t trace_bytes,
                       enum rw_signal_id id, bool inside)
{
    size_t n = 0;
    for (size_t i = 0; i < bank->n_domains; i++) {
        const struct bank_domain *domain = &bank->domains[i];
        const struct bank_values *values = &rw_bank_bin(domain, trace_bytes)->of[id];
        n += rw_str_equal(domain->tag, tag) && values->n >= RW_BANK_N_MIN ? values->n : 0;
    }
    return 1 / ((double)n + (inside ? 0 : 1));
}

void rw_bank_rank(const struct rw_bank *bank, const struct rw_bank_place *place,
                  uint64_t trace_bytes, enum rw_signal_id id, double value,
                  struct rw_bank_rank *out)
{
    rw_assert(isfinite(value) && id >= 0 && id < RW_SIGNALS);
    float strangeness = (float)rw_signal_strangeness(id, value); /* as the bank keeps them */
    struct rw_str tag = tag_of(bank, place->domain);
    bool process = id == RW_SIGNAL_MIN_LOGIT || id == RW_SIGNAL_MEAN_LOGIT;
    bool only_sane = process && tag.len > 0 && has_sane_group(bank, tag, trace_bytes);
    bool distance = id == RW_SIGNAL_LATENT_D2 || id == RW_SIGNAL_LATENT_KNN;
    double wider = distance ? widening(bank, tag, trace_bytes, id) : 1;
    double unseen = p_unseen(bank, tag, trace_bytes, id, place->inside);
    *out = (struct rw_bank_rank){.p = NAN};
    for (size_t i = 0; i < bank->n_domains; i++) {
        const struct bank_domain *domain = &bank->domains[i];
        const struct bank_values *values = &rw_bank_bin(domain, trace_bytes)->of[id];
        if (!rw_str_equal(domain->tag, tag) || (only_sane && !is_sane(domain, trace_bytes))) {
            continue;
        }
        if (values->n < RW_BANK_N_MIN) {
            out->n_cal = isnan(out->p) && values->n > out->n_cal ? values->n : out->n_cal;
            continue;
        }
        struct rw_bank_rank now;
        bool inside = place->inside && rw_str_equal(domain->group, place->group);
        rank_in(values, strangeness, inside, unseen, &now);
        double least = isnan(out->p) || now.rarity < out->rarity ? now.rarity : out->rarity;
        if (wider > 1) {
            now.p = p_in(values, (float)((double)strangeness / wider), inside);
        }
        if (isnan(out->p) || now.p > out->p) {
            *out = now;
        }
        out->rarity = least;
    }
}

uint64_t rw_bank_rows(const struct rw_bank *bank)
{
    return bank->rows;
}

static uint64_t most_values(const struct bank_domain *domain)
{
    uint64_t most = 0;
    for (size_t s = 0; s < RW_SIGNALS; s++) {
        uint64_t n = 0;
        for (size_t b = 0; b < domain->n_bins; b++) {
            n += domain->bins[b].of[s].n;
        }
        most = n > most ? n : most;
    }
    return most;
}

size_t rw_bank_groups(const struct rw_bank *bank, struct rw_bank_group out[RW_BANK_DOMAINS_MAX])
{
    for (size_t i = 0; i < bank->n_domains; i++) {
        const struct bank_domain *d = &bank->domains[i];
        out[i] = (struct rw_bank_group){d->tag, d->group, most_values(d)};
    }
    return bank->n_domains;
}

static bool in_list(struct rw_str tag, const struct rw_str *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (rw_str_equal(list[i], tag)) {
            return true;
        }
    }
    return false;
}

size_t rw_bank_tags(const struct rw_bank *bank, struct rw_str *out, size_t max)
{
    size_t n = 0;
    for (size_t i = 0; i < bank->n_domains && n < max; i++) {
        struct rw_str tag = bank->domains[i].tag;
        if (tag.len > 0 && !in_list(tag, out, n)) {
            out[n++] = tag;
        }
    }
    return n;
}

bool rw_bank_has_tag(const struct rw_bank *bank, struct rw_str tag)
{
    struct rw_str tags[RW_BANK_DOMAINS_MAX];
    return in_list(tag, tags, rw_bank_tags(bank, tags, RW_BANK_DOMAINS_MAX));
}

void rw_bank_spread(uint64_t n, double alpha, double *mean, double *deviation)
{
    /* Beta(a, b), a = k = floor(alpha (n + 1)), b = n + 1 - k. */
    double a = floor(alpha * ((double)n + 1));
    double sum = (double)n + 1;
    double b = sum - a;
    *mean = a / sum;
    *deviation = sqrt(a * b / (sum * sum * (sum + 1)));
}
