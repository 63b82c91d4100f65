/* `rewardd calibrate`: scores clean traces and writes the calibration bank of a model. */
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/util.h"
#include "core/probe/banks.h"
#include "server/commands/arguments.h"
#include "server/commands/command.h"
#include "server/commands/offline.h"

enum {
    CHUNK_TRACES = 512,      /* scored and forgotten together */
    SAMPLES_BYTES = INT_MAX, /* the file, its traces and the kept features */
    CHUNK_BYTES = 1 << 30,   /* inputs, probes and scores of a chunk */
    TRACES_DEFAULT = 20000,
    DEEP_DEFAULT = 400,
    PATH_BYTES_MAX = 4096,
};

struct calibrate {
    struct rw_offline_set set;
    size_t deep;
    struct rw_bank_row *row;
    size_t n_rows;
    size_t unclean; /* the final answer is not the reference */
    size_t failed;
    char first_failure[RW_ERROR_MESSAGE_MAX];
    struct rw_error err;
};

/* A clean trace is right by declaration; its reference, if any, must agree. */
static rw_status keep_row(struct calibrate *c, const struct rw_offline_score *score,
                          struct rw_arena *scratch)
{
    static struct rw_flag_result result; /* one thread; too large for a stack frame */
    const struct rw_sample *sample = score->sample;
    struct rw_probe_plan plan = score->plan;
    struct rw_flag_trace trace = {
        .prompt = sample->prompt,
        .steps = sample->steps,
        .n_steps = sample->n_steps,
        .scores = score->scores,
        .n_scores = score->scores != NULL ? sample->n_steps : 0,
        .features = score->features,
        .process_status = score->scores != NULL ? RW_OK : RW_UNAVAILABLE,
        .outcome = score->has_outcome ? (double)score->outcome.reward : NAN,
        .outcome_status = score->has_outcome ? RW_OK : RW_UNAVAILABLE,
        .reference = sample->reference,
        .probes = &plan,
        .tier = RW_FLAG_DEEP,
        .clean = true,
    };
    rw_flags_compute(&trace, scratch, &result);
    if (result.status != RW_OK) {
        c->err = result.error;
        return result.status;
    }
    if (sample->reference.len > 0 && result.answer == RW_VERIFIED_WRONG) {
        c->unclean++;
        return RW_OK;
    }
    struct rw_bank_row *row = &c->row[c->n_rows];
    *row = (struct rw_bank_row){
        .domain = sample->domain, .group = sample->group, .signals = result.signals};
    if (score->features != NULL) {
        size_t bytes = sample->n_steps * RW_SIGNAL_FEATURES * sizeof *score->features;
        float *features = rw_arena_alloc(&c->set.arena, bytes);
        if (features == NULL) {
            return rw_fail(&c->err, RW_NO_MEMORY, "no memory for the features; use --max");
        }
        memcpy(features, score->features, bytes);
        row->features = features;
        row->n_features = sample->n_steps;
    }
    c->n_rows++;
    return RW_OK;
}

static rw_status score_chunk(struct calibrate *c, size_t begin, size_t n, struct rw_arena *scratch)
{
    bool deep = begin < c->deep;
    struct rw_offline_work work = {
        .tier = deep ? RW_FLAG_DEEP : RW_FLAG_CHEAP, .full_gap = true, .features = true};
    struct rw_offline_score *score = rw_arena_array(scratch, n, sizeof *score);
    if (score == NULL) {
        return rw_fail_memory(&c->err, "the scores");
    }
    for (size_t i = 0; i < n; i++) {
        score[i].sample = &c->set.sample[begin + i];
    }
    rw_status status = rw_offline_score(c->set.offline, &work, score, n, scratch, &c->err);
    for (size_t i = 0; status == RW_OK && i < n; i++) {
        if (score[i].status == RW_OK) {
            status = keep_row(c, &score[i], scratch);
        } else if (c->failed++ == 0) {
            snprintf(c->first_failure, sizeof c->first_failure, "%s", score[i].error.message);
        }
    }
    return status;
}

static rw_status score_all(struct calibrate *c)
{
    rw_status status = RW_OK;
    c->row = rw_alloc_zero(c->set.n, sizeof *c->row);
    if (c->row == NULL) {
        return rw_fail(&c->err, RW_NO_MEMORY, "no memory for %zu traces", c->set.n);
    }
    for (size_t at = 0; status == RW_OK && at < c->set.n;) {
        size_t end = at < c->deep && c->deep < at + CHUNK_TRACES ? c->deep : at + CHUNK_TRACES;
        end = RW_MIN(end, c->set.n);
        struct rw_arena scratch;
        rw_arena_init(&scratch, CHUNK_BYTES);
        status = score_chunk(c, at, end - at, &scratch);
        rw_arena_fini(&scratch);
        at = end;
        fprintf(stderr, "\r%zu of %zu traces", at, c->set.n);
    }
    fputc('\n', stderr);
    return status;
}

/* ---- the report ------------------------------------------------------------------------------ */

static size_t count_known(const struct calibrate *c, int signal)
{
    size_t n = 0;
    for (size_t i = 0; i < c->n_rows; i++) {
        n += c->row[i].signals.of[signal].known ? 1 : 0;
    }
    return n;
}

/* The conformal p-value is valid on average over banks; one bank's own rate varies. */
static void print_spread(const struct calibrate *c)
{
    printf("\n%-20s %8s   false alarms at p <= %.2f, expected of this bank\n", "signal", "traces",
           RW_FLAG_ALPHA_DEFAULT);
    for (int id = 0; id < RW_SIGNALS; id++) {
        size_t n = count_known(c, id);
        double mean;
        double deviation;
        if (n == 0) {
            continue;
        }
        rw_bank_spread(n, RW_FLAG_ALPHA_DEFAULT, &mean, &deviation);
        printf("%-20s %8zu   %s", rw_signal_name((enum rw_signal_id)id), n,
               n < RW_BANK_N_MIN ? "too few: never fires\n" : "");
        if (n >= RW_BANK_N_MIN) {
            printf("%.2f %% +- %.2f\n", 100 * mean, 100 * deviation);
        }
    }
}

static rw_status write_bank(struct calibrate *c, const struct rw_bank *bank)
{
    char path[PATH_BYTES_MAX];
    struct rw_buf out;
    int used = c->set.out != NULL
                   ? snprintf(path, sizeof path, "%s", c->set.out)
                   : snprintf(path, sizeof path, "%s/%s",
                              c->set.model != NULL ? c->set.model : c->set.outcome, RW_BANK_FILE);
    if (used < 0 || (size_t)used >= sizeof path) {
        return rw_fail(&c->err, RW_LIMIT_EXCEEDED, "the path is too long");
    }
    rw_buf_init(&out, RW_BANK_FILE_MAX);
    rw_bank_write(bank, &out);
    rw_status status = out.failed
                           ? rw_fail(&c->err, RW_LIMIT_EXCEEDED, "the bank is too large; use --max")
                           : rw_offline_write(path, rw_buf_str(&out), &c->err);
    if (status == RW_OK) {
        printf("%zu traces of %zu -> %s (%.1f kB)\n", c->n_rows, c->set.n, path,
               (double)out.len / 1e3);
    }
    rw_buf_fini(&out);
    return status;
}

static rw_status build(struct calibrate *c)
{
    struct rw_bank_version version;
    struct rw_bank *bank = NULL;
    const struct rw_model *process = rw_offline_process(c->set.offline);
    const struct rw_model *outcome = rw_offline_outcome(c->set.offline);
    if (c->n_rows == 0) {
        return rw_fail(&c->err, RW_INVALID_REQUEST, "no trace could be used%s%s",
                       c->failed > 0 ? ": " : "", c->first_failure);
    }
    rw_banks_version_of(process != NULL ? process : outcome, process != NULL ? outcome : NULL,
                        &version);
    rw_status status = rw_bank_build(&version, c->row, c->n_rows, &bank, &c->err);
    if (status == RW_OK) {
        status = write_bank(c, bank);
    }
    rw_bank_free(bank);
    if (status != RW_OK) {
        return status;
    }
    if (c->unclean > 0) {
        printf("%zu traces left out: the final answer is not the reference\n", c->unclean);
    }
    if (c->failed > 0) {
        printf("%zu traces left out: not scored (first: %s)\n", c->failed, c->first_failure);
    }
    print_spread(c);
    return RW_OK;
}

static rw_status calibrate(struct calibrate *c)
{
    if ((c->set.model == NULL && c->set.outcome == NULL) || c->set.traces == NULL) {
        return rw_fail(&c->err, RW_CONFIG, "--model (or --outcome) and --traces are needed");
    }
    rw_status status = rw_offline_begin(&c->set, &c->err);
    if (status == RW_OK) {
        status = score_all(c);
    }
    return status == RW_OK ? build(c) : status;
}

int rw_command_calibrate(int argc, char **argv)
{
    struct calibrate c = {.set.max = TRACES_DEFAULT, .deep = DEEP_DEFAULT};
    bool help = false;
    const struct rw_argument table[] = {
        {"model", RW_ARGUMENT_TEXT, &c.set.model, "DIR",
         "process model; the bank is written into DIR"},
        {"outcome", RW_ARGUMENT_TEXT, &c.set.outcome, "DIR", "outcome model served beside it"},
        {"traces", RW_ARGUMENT_TEXT, &c.set.traces, "FILE",
         "clean traces, one JSON object per line: prompt, steps or text, domain, group, reference"},
        {"out", RW_ARGUMENT_TEXT, &c.set.out, "FILE", "write the bank here instead"},
        {"max", RW_ARGUMENT_COUNT, &c.set.max, "N", "read at most N traces (20000)"},
        {"deep", RW_ARGUMENT_COUNT, &c.deep, "N", "calibrate deep flags on the first N (400)"},
        {"threads", RW_ARGUMENT_COUNT, &c.set.threads, "N", "compute threads; 0 = all"},
        {"skip-self-test", RW_ARGUMENT_SWITCH, &c.set.skip_self_test, "", "as of the daemon"},
    };
    size_t n = RW_COUNT(table);
    rw_arena_init(&c.set.arena, SAMPLES_BYTES);
    rw_status status = rw_arguments_parse(table, n, argc, argv, &help, &c.err);
    if (status == RW_OK && help) {
        rw_arguments_help(table, n, "calibrate --model DIR [--outcome DIR] --traces FILE",
                          "Scores clean traces and writes the calibration bank of a model: what "
                          "its flags' p-values are\nmeasured against. Clean means verified right, "
                          "written by the policy before training.\nA \"group\" (a family of "
                          "templates, a source) is ranked apart; a trace's p is the largest over\n"
                          "the groups of its domain.");
    } else if (status == RW_OK) {
        status = calibrate(&c);
    }
    rw_free(c.row);
    rw_offline_end(&c.set);
    return status == RW_OK ? 0 : rw_arguments_complain("calibrate", &c.err);
}
