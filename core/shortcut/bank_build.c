#include <math.h>
#include <stdlib.h>

#include "core/base/assert.h"
#include "core/base/util.h"
#include "core/shortcut/bank_parts.h"
#include "core/shortcut/flag.h"

/* Working memory of one build. */
struct build {
    struct rw_bank *bank;
    struct rw_arena *scratch;
    const struct rw_bank_row *rows;
    size_t n;
    struct rw_signals *signals; /* [n], LATENT_* and COMBINED* filled in */
    uint64_t *bytes;            /* [n] */
    struct rw_error *err;
};

static int compare_floats(const void *a, const void *b)
{
    float x = *(const float *)a;
    float y = *(const float *)b;
    return x < y ? -1 : x > y;
}

static int compare_u64(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static bool belongs(const struct bank_domain *domain, const struct rw_bank_row *row)
{
    return (domain->tag.len == 0 || rw_str_equal(domain->tag, row->domain)) &&
           rw_str_equal(domain->group, row->group);
}

static rw_status add_domain(struct build *b, struct rw_str tag, struct rw_str group)
{
    struct rw_bank *bank = b->bank;
    for (size_t i = 0; i < bank->n_domains; i++) {
        if (rw_str_equal(bank->domains[i].tag, tag) &&
            rw_str_equal(bank->domains[i].group, group)) {
            return RW_OK;
        }
    }
    if (bank->n_domains == RW_BANK_DOMAINS_MAX || tag.len >= RW_BANK_TAG_MAX ||
        group.len >= RW_BANK_TAG_MAX) {
        return rw_fail(b->err, RW_LIMIT_EXCEEDED,
                       "more than %d groups in all domains, or a tag of %zu bytes",
                       RW_BANK_DOMAINS_MAX, RW_MAX(tag.len, group.len));
    }
    struct bank_domain *domain = &bank->domains[bank->n_domains++];
    domain->tag = rw_arena_copy(&bank->arena, tag);
    domain->group = rw_arena_copy(&bank->arena, group);
    return domain->tag.ptr != NULL && domain->group.ptr != NULL
               ? RW_OK
               : rw_fail_memory(b->err, "a calibration bank");
}

static bool has_tag(const struct rw_bank *bank, struct rw_str tag)
{
    for (size_t i = 0; i < bank->n_domains; i++) {
        if (rw_str_equal(bank->domains[i].tag, tag)) {
            return true;
        }
    }
    return false;
}

/* The pool's groups first, then those of each domain, side by side. */
static rw_status add_domains(struct build *b)
{
    rw_status status = RW_OK;
    for (size_t i = 0; i < b->n && status == RW_OK; i++) {
        status = add_domain(b, RW_STR(""), b->rows[i].group);
    }
    for (size_t i = 0; i < b->n && status == RW_OK; i++) {
        if (b->rows[i].domain.len == 0 || has_tag(b->bank, b->rows[i].domain)) {
            continue;
        }
        for (size_t k = i; k < b->n && status == RW_OK; k++) {
            if (rw_str_equal(b->rows[k].domain, b->rows[i].domain)) {
                status = add_domain(b, b->rows[i].domain, b->rows[k].group);
            }
        }
    }
    return status;
}

/* As many bins as have RW_BANK_BIN_ROWS_MIN traces each, cut at quantiles of the length. */
static void cut_bins(struct build *b, struct bank_domain *domain)
{
    size_t n = 0;
    for (size_t i = 0; i < b->n; i++) {
        if (belongs(domain, &b->rows[i])) {
            b->bytes[n++] = b->rows[i].signals.trace_bytes;
        }
    }
    qsort(b->bytes, n, sizeof *b->bytes, compare_u64);
    size_t bins = n / RW_BANK_BIN_ROWS_MIN;
    bins = bins < 1 ? 1 : bins > RW_BANK_BINS_MAX ? RW_BANK_BINS_MAX : bins;
    domain->n_bins = 1;
    for (size_t k = 1; k < bins; k++) {
        uint64_t edge = b->bytes[n * k / bins];
        if (edge > domain->bins[domain->n_bins - 1].bytes_min) {
            domain->bins[domain->n_bins++].bytes_min = edge;
        }
    }
}

static rw_status fill_bin(struct build *b, const struct bank_domain *domain, struct bank_bin *bin,
                          enum rw_signal_id id)
{
    struct bank_values *values = &bin->of[id];
    for (int fill = 0; fill < 2; fill++) {
        size_t n = 0;
        for (size_t i = 0; i < b->n; i++) {
            const struct rw_signals *s = &b->signals[i];
            if (!s->of[id].known || !belongs(domain, &b->rows[i]) ||
                rw_bank_bin(domain, s->trace_bytes) != bin) {
                continue;
            }
            if (fill) {
                values->strangeness[n] = (float)rw_signal_strangeness(id, s->of[id].value);
            }
            n++;
        }
        values->n = n;
        if (!fill) {
            values->strangeness = rw_arena_array(&b->bank->arena, n + 1, sizeof(float));
            if (values->strangeness == NULL) {
                return rw_fail_memory(b->err, "a calibration bank");
            }
        }
    }
    qsort(values->strangeness, values->n, sizeof(float), compare_floats);
    rw_bank_fit_tail(values);
    return RW_OK;
}

/* The fused values of the bank's own traces. */
static void fill_combined(struct build *b, const struct bank_domain *domain)
{
    const struct rw_bank_place place = {domain->tag, true, domain->group};
    for (size_t i = 0; i < b->n; i++) {
        struct rw_signals *s = &b->signals[i];
        for (int k = 0; k < 2; k++) {
            struct rw_signal *out = &s->of[k == 0 ? RW_SIGNAL_COMBINED : RW_SIGNAL_COMBINED_CHEAP];
            *out = (struct rw_signal){.step = -1};
            if (belongs(domain, &b->rows[i])) {
                out->known = rw_flag_combine(k == 0 ? RW_FLAG_FREE : RW_FLAG_CHEAP, s, b->bank,
                                             &place, &out->value);
            }
        }
    }
}

static rw_status fill(struct build *b, struct bank_domain *domain, enum rw_signal_id first,
                      enum rw_signal_id end)
{
    rw_status status = RW_OK;
    for (size_t k = 0; k < domain->n_bins; k++) {
        for (int id = (int)first; id < (int)end && status == RW_OK; id++) {
            status = fill_bin(b, domain, &domain->bins[k], (enum rw_signal_id)id);
        }
    }
    return status;
}

/* One tag with all its groups: latent statistics, every signal's values, then what is made of the
 * ranks among these. Groups of a tag stand side by side from `first` on. */
static rw_status build_tag(struct build *b, size_t first, size_t end)
{
    struct bank_domain *domain = b->bank->domains;
    const struct bank_latent_build latent = {b->bank,    b->scratch,        b->rows, b->n,
                                             b->signals, domain[first].tag, b->err};
    rw_status status = rw_bank_fit_latent(&latent);
    for (size_t d = first; d < end && status == RW_OK; d++) {
        cut_bins(b, &domain[d]);
        status = fill(b, &domain[d], (enum rw_signal_id)0, RW_SIGNAL_COMBINED);
    }
    for (size_t d = first; d < end && status == RW_OK; d++) {
        fill_combined(b, &domain[d]);
        status = fill(b, &domain[d], RW_SIGNAL_COMBINED, RW_SIGNALS);
    }
    return status;
}

static rw_status build(struct build *b)
{
    struct rw_bank *bank = b->bank;
    rw_status status = add_domains(b);
    for (size_t i = 0; i < b->n; i++) {
        b->signals[i] = b->rows[i].signals;
    }
    bank->latent = rw_arena_array(&bank->arena, RW_BANK_LATENT_MAX, sizeof *bank->latent);
    if (bank->latent == NULL) {
        return rw_fail_memory(b->err, "a calibration bank");
    }
    for (size_t first = 0; first < bank->n_domains && status == RW_OK;) {
        size_t end = first + 1;
        while (end < bank->n_domains &&
               rw_str_equal(bank->domains[end].tag, bank->domains[first].tag)) {
            end++;
        }
        status = build_tag(b, first, end);
        first = end;
    }
    return status;
}

rw_status rw_bank_build(const struct rw_bank_version *version, const struct rw_bank_row *rows,
                        size_t n_rows, struct rw_bank **out, struct rw_error *err)
{
    enum {
        SCRATCH_BYTES_MAX = 1 << 30
    };
    if (n_rows == 0) {
        return rw_fail(err, RW_INVALID_REQUEST, "a calibration bank needs clean traces");
    }
    if (n_rows > RW_BANK_ROWS_MAX) {
        return rw_fail(err, RW_LIMIT_EXCEEDED, "%zu traces, at most %d", n_rows, RW_BANK_ROWS_MAX);
    }
    struct rw_arena scratch;
    rw_arena_init(&scratch, SCRATCH_BYTES_MAX);
    struct build b = {.scratch = &scratch, .rows = rows, .n = n_rows, .err = err};
    b.signals = rw_arena_array(&scratch, n_rows, sizeof *b.signals);
    b.bytes = rw_arena_array(&scratch, n_rows, sizeof *b.bytes);
    rw_status status = b.signals != NULL && b.bytes != NULL
                           ? rw_bank_new(&b.bank, err)
                           : rw_fail_memory(err, "a calibration bank");
    if (status == RW_OK) {
        b.bank->version = *version;
        b.bank->rows = n_rows;
        status = build(&b);
    }
    rw_arena_fini(&scratch);
    if (status != RW_OK) {
        rw_bank_free(b.bank);
        return status;
    }
    rw_assert(rw_bank_is_sound(b.bank));
    *out = b.bank;
    return RW_OK;
}
