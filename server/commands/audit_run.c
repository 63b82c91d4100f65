/* The runs of an audit: clean traces, then each edit of them, scored by the daemon's engine. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/base/hash.h"
#include "core/base/util.h"
#include "proto/emit.h"
#include "server/commands/audit.h"

enum {
    SCRATCH_BYTES = 1 << 30, /* one intervention on all traces */
};

struct auditing {
    struct rw_offline_set *set;
    struct rw_audit *audit;
    uint32_t *group; /* number of each trace's question */
    struct rw_audit_value *before[RW_AUDIT_HEADS];
    struct rw_audit_value *after[RW_AUDIT_EDITS][RW_AUDIT_HEADS];
    struct rw_error *err;
};

static rw_status no_memory(struct auditing *a)
{
    return rw_fail(a->err, RW_NO_MEMORY, "no memory left; use --max");
}

/* ---- rewards --------------------------------------------------------------------------------- */

static void read_values(const struct rw_offline_score *score, struct rw_audit_value *process,
                        struct rw_audit_value *outcome)
{
    *process = (struct rw_audit_value){0};
    *outcome = (struct rw_audit_value){0};
    if (score->status != RW_OK) {
        return;
    }
    if (score->has_outcome) {
        *outcome = (struct rw_audit_value){true, (double)score->outcome.reward,
                                           (double)score->outcome.raw};
    }
    for (size_t i = 0; score->scores != NULL && i < score->sample->n_steps; i++) {
        const struct rw_score *s = &score->scores[i];
        if (!process->known || (double)s->raw < process->raw) {
            *process = (struct rw_audit_value){true, (double)s->reward, (double)s->raw};
        }
    }
}

static void count_bin(const struct rw_audit_value *value, uint32_t bins[RW_AUDIT_BINS])
{
    if (value->known) {
        int bin = (int)(value->reward * RW_AUDIT_BINS);
        bins[bin < RW_AUDIT_BINS ? bin : RW_AUDIT_BINS - 1]++;
    }
}

/* Scores those of samples[n] that exist; values of the others stay unknown. */
static rw_status score(struct auditing *a, const struct rw_sample *samples, const bool *exists,
                       struct rw_arena *scratch, struct rw_audit_value *const values[])
{
    const struct rw_offline_work work = {.tier = RW_FLAG_FREE};
    struct rw_offline_score *scores = rw_arena_array(scratch, a->set->n, sizeof *scores);
    size_t n = 0;
    if (scores == NULL) {
        return no_memory(a);
    }
    for (size_t i = 0; i < a->set->n; i++) {
        if (exists[i]) {
            scores[n++].sample = &samples[i];
        }
    }
    rw_status status = rw_offline_score(a->set->offline, &work, scores, n, scratch, a->err);
    n = 0;
    for (size_t i = 0; status == RW_OK && i < a->set->n; i++) {
        values[RW_AUDIT_PROCESS][i].known = values[RW_AUDIT_OUTCOME][i].known = false;
        if (exists[i]) {
            read_values(&scores[n++], &values[RW_AUDIT_PROCESS][i], &values[RW_AUDIT_OUTCOME][i]);
        }
    }
    return status;
}

/* ---- interventions --------------------------------------------------------------------------- */

/* A trace of another question, half the file away. */
static const struct rw_sample *other_sample(const struct auditing *a, size_t i)
{
    for (size_t k = 0; k < a->set->n; k++) {
        const struct rw_sample *other = &a->set->sample[(i + a->set->n / 2 + k) % a->set->n];
        if (!rw_str_equal(other->prompt, a->set->sample[i].prompt)) {
            return other;
        }
    }
    return &a->set->sample[i];
}

static rw_status measure(struct auditing *a, int edit)
{
    for (int h = 0; h < RW_AUDIT_HEADS; h++) {
        for (size_t i = 0; i < a->set->n; i++) {
            if (a->before[h][i].known) {
                count_bin(&a->after[edit][h][i], a->audit->after[edit][h]);
            }
        }
        rw_status status =
            rw_audit_effect(a->before[h], a->after[edit][h], a->group, a->set->n,
                            a->audit->n_questions, &a->audit->effect[edit][h], a->err);
        if (status != RW_OK) {
            return status;
        }
    }
    return RW_OK;
}

/* The first edited trace that has its rewards. */
static void keep_example(struct auditing *a, enum rw_audit_edit_id edit,
                         const struct rw_sample *edited, const bool *exists)
{
    struct rw_audit_example *example = &a->audit->example[edit];
    for (size_t i = 0; i < a->set->n && !example->known; i++) {
        bool scored = false;
        for (int h = 0; h < RW_AUDIT_HEADS; h++) {
            scored = scored || (a->before[h][i].known && a->after[edit][h][i].known);
        }
        if (exists[i] && scored) {
            rw_audit_make_example(&a->set->sample[i], &edited[i], example);
            for (int h = 0; h < RW_AUDIT_HEADS; h++) {
                example->value[h][0] = a->before[h][i];
                example->value[h][1] = a->after[edit][h][i];
            }
        }
    }
}

static rw_status intervene(struct auditing *a, enum rw_audit_edit_id edit, struct rw_arena *scratch)
{
    struct rw_sample *samples = rw_arena_array(scratch, a->set->n, sizeof *samples);
    bool *exists = rw_arena_array(scratch, a->set->n, sizeof *exists);
    rw_status status = samples == NULL || exists == NULL ? no_memory(a) : RW_OK;
    for (size_t i = 0; status == RW_OK && i < a->set->n; i++) {
        bool known = a->before[RW_AUDIT_PROCESS][i].known || a->before[RW_AUDIT_OUTCOME][i].known;
        if (known) {
            rw_status made =
                rw_audit_edit(edit, &a->set->sample[i], other_sample(a, i),
                              i * UINT64_C(0x9E3779B97F4A7C15) + 1, scratch, &samples[i], a->err);
            exists[i] = made == RW_OK;
            status = made == RW_NOT_FOUND ? RW_OK : made;
        }
    }
    if (status == RW_OK) {
        status = score(a, samples, exists, scratch, a->after[edit]);
    }
    if (status == RW_OK) {
        keep_example(a, edit, samples, exists);
        status = measure(a, (int)edit);
    }
    return status;
}

static rw_status score_clean(struct auditing *a)
{
    struct rw_arena scratch;
    rw_arena_init(&scratch, SCRATCH_BYTES);
    bool *exists = rw_arena_array(&scratch, a->set->n, sizeof *exists);
    if (exists != NULL) {
        memset(exists, 1, a->set->n * sizeof *exists);
    }
    rw_status status =
        exists != NULL ? score(a, a->set->sample, exists, &scratch, a->before) : no_memory(a);
    rw_arena_fini(&scratch);
    for (size_t i = 0; status == RW_OK && i < a->set->n; i++) {
        bool lost = true;
        for (int h = 0; h < RW_AUDIT_HEADS; h++) {
            count_bin(&a->before[h][i], a->audit->before[h]);
            lost = lost && !a->before[h][i].known;
        }
        a->audit->n_failed += lost ? 1 : 0;
    }
    if (status == RW_OK && a->audit->n_failed == a->set->n) {
        return rw_fail(a->err, RW_INVALID_REQUEST, "none of the %zu traces could be scored",
                       a->set->n);
    }
    return status;
}

/* Quadratic in the questions of a file of a few thousand traces; hashes first. */
static rw_status number_questions(struct auditing *a)
{
    uint64_t *hash = rw_arena_array(&a->set->arena, a->set->n, sizeof *hash);
    a->group = rw_arena_array(&a->set->arena, a->set->n, sizeof *a->group);
    if (hash == NULL || a->group == NULL) {
        return no_memory(a);
    }
    for (size_t i = 0; i < a->set->n; i++) {
        hash[i] = rw_hash64(a->set->sample[i].prompt.ptr, a->set->sample[i].prompt.len, 0);
        size_t k = 0;
        while (k < i && (hash[k] != hash[i] ||
                         !rw_str_equal(a->set->sample[k].prompt, a->set->sample[i].prompt))) {
            k++;
        }
        a->group[i] = k < i ? a->group[k] : (uint32_t)a->audit->n_questions++;
    }
    return RW_OK;
}

static rw_status run_all(struct auditing *a)
{
    rw_status status = number_questions(a);
    for (int h = 0; status == RW_OK && h < RW_AUDIT_HEADS; h++) {
        a->before[h] = rw_arena_array(&a->set->arena, a->set->n, sizeof *a->before[h]);
        status = a->before[h] != NULL ? RW_OK : no_memory(a);
        for (int e = 0; status == RW_OK && e < RW_AUDIT_EDITS; e++) {
            a->after[e][h] = rw_arena_array(&a->set->arena, a->set->n, sizeof *a->after[e][h]);
            status = a->after[e][h] != NULL ? RW_OK : no_memory(a);
        }
    }
    if (status == RW_OK) {
        status = score_clean(a);
    }
    for (int edit = 0; status == RW_OK && edit < RW_AUDIT_EDITS; edit++) {
        struct rw_arena scratch;
        fprintf(stderr, "\r%2d of %d interventions: %-20s", edit + 1, RW_AUDIT_EDITS,
                RW_AUDIT_EDIT[edit].name);
        rw_arena_init(&scratch, SCRATCH_BYTES);
        status = intervene(a, (enum rw_audit_edit_id)edit, &scratch);
        rw_arena_fini(&scratch);
    }
    fputc('\n', stderr);
    return status;
}

static void write_value(struct rw_buf *out, const char *name, const struct rw_audit_value *value)
{
    if (value->known) {
        rw_emit_name(out, name);
        rw_emit_open(out, '[');
        rw_emit_double(out, value->reward);
        rw_emit_double(out, value->raw);
        rw_emit_close(out, ']');
    }
}

/* [reward, raw] of every trace before and after every edit, for whoever wants other statistics. */
static void write_values(const struct auditing *a, struct rw_buf *out)
{
    for (size_t i = 0; i < a->set->n; i++) {
        rw_emit_open(out, '{');
        rw_emit_unsigned_field(out, "question", a->group[i]);
        for (int h = 0; h < RW_AUDIT_HEADS; h++) {
            rw_emit_name(out, rw_audit_head_name((enum rw_audit_head)h));
            rw_emit_open(out, '{');
            write_value(out, "clean", &a->before[h][i]);
            for (int e = 0; e < RW_AUDIT_EDITS; e++) {
                write_value(out, RW_AUDIT_EDIT[e].name, &a->after[e][h][i]);
            }
            rw_emit_close(out, '}');
        }
        rw_emit_close(out, '}');
        rw_buf_append_char(out, '\n');
    }
}

static void describe(const struct rw_model *model, struct rw_audit_model *out)
{
    if (model != NULL) {
        const struct rw_model_info *info = rw_model_info(model);
        out->present = true;
        snprintf(out->name, sizeof out->name, "%s", info->name);
        snprintf(out->digest, sizeof out->digest, "%s", info->digest);
        snprintf(out->dtype, sizeof out->dtype, "%s", info->dtype);
        snprintf(out->dir, sizeof out->dir, "%s", info->dir);
    }
}

rw_status rw_audit_run(struct rw_offline_set *set, struct rw_audit *audit, struct rw_buf *values,
                       struct rw_error *err)
{
    struct auditing a = {.set = set, .audit = audit, .err = err};
    audit->n_traces = set->n;
    describe(rw_offline_process(set->offline), &audit->model[RW_AUDIT_PROCESS]);
    describe(rw_offline_outcome(set->offline), &audit->model[RW_AUDIT_OUTCOME]);
    rw_status status = run_all(&a);
    if (status == RW_OK) {
        rw_audit_judge(audit);
        if (values != NULL) {
            write_values(&a, values);
            status = values->failed ? no_memory(&a) : RW_OK;
        }
    }
    return status;
}
