/* The same trace gets the same bits whatever the batch, the threads and the chunks: for every
 * kernel table of this processor and every type of weights. Under the address sanitizer, which
 * makes this ten times as slow, for the best table only: what it could find here is in the engine,
 * and every table runs under it in tests/kernels and tests/golden.
 *
 * Three programs in one, so that they run beside each other: CK_RUN_CASE picks. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/base/util.h"
#include "core/kernels/kernels.h"
#include "tests/lib/scoring.h"
#include "tests/lib/suite.h"

enum {
    TRACES = 6,
    STEPS_MAX = 64,
};

#ifndef TABLES_MAX
#define TABLES_MAX SIZE_MAX
#endif

/* `name` is the table of kernels. */
#define FOR_EACH_TABLE(name) \
    for (size_t table = 0; table < TABLES_MAX && (name = table_name(table)) != NULL; table++)

static const char *table_name(size_t table)
{
    const struct rw_kernels *const *tables = rw_kernels_available();
    return tables[table] != NULL ? tables[table]->name : NULL;
}

static const uint32_t LENGTHS[TRACES] = {1, 37, 64, 65, 130, 200};

struct result {
    struct rw_score scores[TRACES][STEPS_MAX];
    float features[TRACES][STEPS_MAX][RW_FEATURE_DIM];
    uint32_t n[TRACES];
};

struct schedule {
    unsigned threads;
    uint32_t chunk;
    bool alone; /* one trace after the other */
};

static const struct schedule SCHEDULES[] = {
    {1, 512, true}, {1, 512, false}, {2, 512, false}, {3, 512, true},
    {3, 64, false}, {2, 50, true},   {1, 7, false},   {1, 1, true},
};

static void collect(struct rw_engine *e, struct rw_job *job, struct result *out, uint32_t t)
{
    struct rw_job_view view;
    rw_job_view(job, &view);
    ck_assert_int_eq(view.state, RW_JOB_DONE);
    out->n[t] = view.scores_ready;
    ck_assert_uint_le(view.scores_ready, STEPS_MAX);
    memcpy(out->scores[t], rw_job_scores(job), view.scores_ready * sizeof(struct rw_score));
    memcpy(out->features[t], rw_job_features(job), view.scores_ready * sizeof *out->features[t]);
    rw_job_release(e, job);
}

static void score_all(const char *kernel, enum rw_weights_dtype dtype, const struct schedule *how,
                      struct result *out)
{
    struct rw_engine_options options = {
        .threads = how->threads, .kernel = kernel, .chunk_tokens = how->chunk};
    struct rw_engine *e = rw_test_engine(&options);
    const struct rw_model *m = rw_test_model(e, RW_TEST_PRM, NULL, dtype);
    struct rw_input inputs[TRACES];
    struct rw_job *jobs[TRACES];
    memset(out, 0, sizeof *out);
    for (uint32_t t = 0; t < TRACES; t++) {
        rw_test_input(&inputs[t], rw_test_vocab(m), LENGTHS[t], 9, t);
        jobs[t] = rw_test_submit_features(e, m, &inputs[t]);
        if (how->alone) {
            rw_test_await(e, 1);
        }
    }
    if (!how->alone) {
        rw_test_await(e, TRACES);
    }
    for (uint32_t t = 0; t < TRACES; t++) {
        collect(e, jobs[t], out, t);
        rw_test_input_free(&inputs[t]);
    }
    rw_engine_destroy(e);
}

START_TEST(bits_do_not_depend_on_the_schedule)
{
    static const char *const DTYPES[] = {"f32", "bf16", "int8", "q4"};
    enum rw_weights_dtype dtype;
    ck_assert(rw_weights_dtype_named(rw_str_from(DTYPES[_i]), &dtype));
    const char *kernel;
    FOR_EACH_TABLE(kernel)
    {
        static struct result first, other;
        score_all(kernel, dtype, &SCHEDULES[0], &first);
        for (size_t s = 1; s < RW_COUNT(SCHEDULES); s++) {
            score_all(kernel, dtype, &SCHEDULES[s], &other);
            ck_assert_msg(memcmp(&first, &other, sizeof first) == 0, "%s %s schedule %zu", kernel,
                          DTYPES[_i], s);
        }
        printf("%s %s: %zu schedules, same bits\n", kernel, DTYPES[_i], RW_COUNT(SCHEDULES));
    }
}
END_TEST

/* ---- the prefix cache ---- */

enum {
    SHARERS = 12,
    LONGEST = 300,
};

struct shared {
    struct rw_score scores[SHARERS][LONGEST];
    float features[SHARERS][LONGEST][RW_FEATURE_DIM];
    uint32_t n[SHARERS];
};

/* Traces that share prefixes of all kinds: growing ones, other tails, other steps, equal ones. */
static void make_sharers(struct rw_input *inputs, uint32_t vocab)
{
    static const uint32_t length[SHARERS] = {300, 100, 101, 150, 300, 300,
                                             64,  128, 230, 300, 20,  300};
    for (uint32_t t = 0; t < SHARERS; t++) {
        uint32_t stride = t == 5 ? 7 : 9; /* steps where no other trace has them */
        rw_test_input(&inputs[t], vocab, length[t], stride, 42);
    }
    inputs[4].ids[299] ^= 1; /* the last token differs */
    inputs[8].ids[200] ^= 1; /* inside a block */
    inputs[9].ids[128] ^= 1; /* at its begin */
}

static struct rw_job *submit_sharer(struct rw_engine *e, const struct rw_model *m,
                                    const struct rw_input *in, bool features)
{
    return features ? rw_test_submit_features(e, m, in) : rw_test_submit(e, m, in, NAN, 0);
}

static void keep(struct rw_engine *e, struct rw_job *job, struct shared *out, uint32_t t)
{
    struct rw_job_view view;
    rw_job_view(job, &view);
    ck_assert_int_eq(view.state, RW_JOB_DONE);
    out->n[t] = view.scores_ready;
    memcpy(out->scores[t], rw_job_scores(job), view.scores_ready * sizeof(struct rw_score));
    if (rw_job_features(job) != NULL) {
        memcpy(out->features[t], rw_job_features(job),
               view.scores_ready * sizeof *out->features[t]);
    }
    rw_job_release(e, job);
}

static void score_sharers(struct rw_engine *e, const struct rw_model *m, struct rw_input *inputs,
                          bool at_once, bool features, struct shared *out)
{
    struct rw_job *jobs[SHARERS];
    memset(out, 0, sizeof *out);
    for (uint32_t t = 0; t < SHARERS; t++) {
        jobs[t] = submit_sharer(e, m, &inputs[t], features);
        if (!at_once) {
            rw_test_await(e, 1);
        }
    }
    if (at_once) {
        rw_test_await(e, SHARERS);
    }
    for (uint32_t t = 0; t < SHARERS; t++) {
        keep(e, jobs[t], out, t);
    }
}

/* Cold once, then with a cache: at once, one by one, warm; with features not wanted the first time.
 */
static void warm_is_cold(const char *kernel, const char *path, enum rw_weights_dtype dtype)
{
    static struct shared cold, warm;
    static const uint32_t chunks[] = {512, 50};
    struct rw_input inputs[SHARERS];
    struct rw_engine *e =
        rw_test_engine(&(struct rw_engine_options){.threads = 1, .kernel = kernel});
    const struct rw_model *m = rw_test_model(e, path, NULL, dtype);
    make_sharers(inputs, rw_test_vocab(m));
    score_sharers(e, m, inputs, false, true, &cold);
    rw_engine_destroy(e);
    for (int c = 0; c < 2; c++) {
        e = rw_test_engine(&(struct rw_engine_options){.threads = 2,
                                                       .kernel = kernel,
                                                       .chunk_tokens = chunks[c],
                                                       .prefix_cache_bytes = (size_t)1 << 30});
        m = rw_test_model(e, path, NULL, dtype);
        for (int round = 0; round < 4; round++) {
            bool features = round > 1 || c == 1; /* in the first chunk size: none, none, then all */
            score_sharers(e, m, inputs, round % 2 == c, features, &warm);
            ck_assert_msg(memcmp(cold.n, warm.n, sizeof cold.n) == 0 &&
                              memcmp(cold.scores, warm.scores, sizeof cold.scores) == 0,
                          "scores: %s %s dtype %d chunk %u round %d", kernel, path, dtype,
                          chunks[c], round);
            ck_assert_msg(!features ||
                              memcmp(cold.features, warm.features, sizeof cold.features) == 0,
                          "features: %s %s dtype %d chunk %u round %d", kernel, path, dtype,
                          chunks[c], round);
        }
        struct rw_engine_stats stats;
        rw_engine_stats(e, &stats);
        ck_assert_uint_gt(stats.cache_hit_tokens, stats.tokens_total);
        rw_engine_destroy(e);
    }
    for (uint32_t t = 0; t < SHARERS; t++) {
        rw_test_input_free(&inputs[t]);
    }
}

START_TEST(a_warm_cache_changes_no_bit)
{
    static const char *const DTYPES[] = {"f32", "bf16", "int8", "q4", "bf16"};
    const char *path = _i < 4 ? RW_TEST_PRM : RW_TEST_ORM;
    enum rw_weights_dtype dtype;
    ck_assert(rw_weights_dtype_named(rw_str_from(DTYPES[_i]), &dtype));
    const char *kernel;
    FOR_EACH_TABLE(kernel)
    {
        warm_is_cold(kernel, path, dtype);
    }
}
END_TEST

/* ---- answers ---- */

enum {
    ANSWERS = 8,
    ANSWER_TOKENS = 5,
};

struct answered {
    struct rw_score scores[ANSWERS][ANSWER_TOKENS];
};

/* Answers behind a shared context, behind a prefix of it, and alike up to some token. */
static void make_answers(struct rw_input *inputs, uint32_t vocab)
{
    static const uint32_t length[ANSWERS] = {130, 130, 130, 130, 64, 65, 200, 7};
    for (uint32_t t = 0; t < ANSWERS; t++) {
        rw_test_input(&inputs[t], vocab, length[t], 9, 42);
        inputs[t].answer_begin = length[t] - ANSWER_TOKENS;
    }
    inputs[1].ids[129] ^= 1;
    inputs[2].ids[126] ^= 1;
    inputs[3].ids[125] ^= 1;
}

/* Rewards of the same tokens beside the answers: what a head reads there must not be mixed up. */
static void answer_all(struct rw_engine *e, const struct rw_model *m, struct rw_input *inputs,
                       bool at_once, struct answered *out)
{
    struct rw_job *jobs[ANSWERS + 1];
    struct rw_input plain = inputs[0];
    plain.answer_begin = 0;
    for (uint32_t t = 0; t <= ANSWERS; t++) {
        jobs[t] = rw_test_submit(e, m, t < ANSWERS ? &inputs[t] : &plain, NAN, 0);
        if (!at_once) {
            rw_test_await(e, 1);
        }
    }
    if (at_once) {
        rw_test_await(e, ANSWERS + 1);
    }
    for (uint32_t t = 0; t < ANSWERS; t++) {
        struct rw_job_view view;
        rw_job_view(jobs[t], &view);
        ck_assert_int_eq(view.state, RW_JOB_DONE);
        ck_assert_uint_eq(view.scores_ready, ANSWER_TOKENS);
        memcpy(out->scores[t], rw_job_scores(jobs[t]), sizeof out->scores[t]);
        for (int i = 0; i < ANSWER_TOKENS; i++) {
            ck_assert(isfinite(out->scores[t][i].raw) && out->scores[t][i].raw < 0);
        }
    }
    for (uint32_t t = 0; t <= ANSWERS; t++) {
        rw_job_release(e, jobs[t]);
    }
}

static void answers_are_equal(const char *kernel, enum rw_weights_dtype dtype)
{
    static struct answered first, other;
    struct rw_input inputs[ANSWERS];
    for (size_t s = 0; s < RW_COUNT(SCHEDULES); s++) {
        bool cache = s % 2 == 1;
        struct rw_engine_options options = {.threads = SCHEDULES[s].threads,
                                            .kernel = kernel,
                                            .chunk_tokens = SCHEDULES[s].chunk,
                                            .prefix_cache_bytes = cache ? (size_t)1 << 28 : 0};
        struct rw_engine *e = rw_test_engine(&options);
        const struct rw_model *m = rw_test_language_model(e, dtype);
        make_answers(inputs, rw_test_vocab(m));
        for (int round = 0; round < (cache ? 2 : 1); round++) {
            answer_all(e, m, inputs, !SCHEDULES[s].alone, s == 0 ? &first : &other);
            ck_assert_msg(s == 0 || memcmp(&first, &other, sizeof first) == 0,
                          "%s dtype %d schedule %zu round %d", kernel, dtype, s, round);
        }
        rw_engine_destroy(e);
        for (uint32_t t = 0; t < ANSWERS; t++) {
            rw_test_input_free(&inputs[t]);
        }
    }
}

START_TEST(answers_have_the_same_bits)
{
    static const char *const DTYPES[] = {"f32", "bf16", "int8", "q4"};
    enum rw_weights_dtype dtype;
    ck_assert(rw_weights_dtype_named(rw_str_from(DTYPES[_i]), &dtype));
    const char *kernel;
    FOR_EACH_TABLE(kernel)
    {
        answers_are_equal(kernel, dtype);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("invariance");
    TCase *schedules = tcase_create("schedules");
    TCase *cache = tcase_create("cache");
    TCase *answers = tcase_create("answers");
    tcase_set_timeout(schedules, 500);
    tcase_set_timeout(cache, 500);
    tcase_set_timeout(answers, 500);
    tcase_add_loop_test(schedules, bits_do_not_depend_on_the_schedule, 0, 4);
    tcase_add_loop_test(cache, a_warm_cache_changes_no_bit, 0, 5);
    tcase_add_loop_test(answers, answers_have_the_same_bits, 0, 4);
    suite_add_tcase(suite, schedules);
    suite_add_tcase(suite, cache);
    suite_add_tcase(suite, answers);
    return rw_test_run(suite);
}
