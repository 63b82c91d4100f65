/* The same trace gets the same bits whatever the batch, the threads and the chunks: for every
 * kernel table of this processor and every type of weights. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/kernels/kernels.h"
#include "tests/lib/scoring.h"

enum {
    TRACES = 6,
    STEPS_MAX = 64,
};

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
    {1, 512, true}, {1, 512, false}, {2, 512, false}, {3, 64, false},
    {2, 50, true},  {1, 7, false},   {1, 1, true},
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
    for (const struct rw_kernels *const *k = rw_kernels_available(); *k != NULL; k++) {
        static struct result first, other;
        score_all((*k)->name, dtype, &SCHEDULES[0], &first);
        for (size_t s = 1; s < sizeof SCHEDULES / sizeof *SCHEDULES; s++) {
            score_all((*k)->name, dtype, &SCHEDULES[s], &other);
            ck_assert_msg(memcmp(&first, &other, sizeof first) == 0, "%s %s schedule %zu",
                          (*k)->name, DTYPES[_i], s);
        }
        printf("%s %s: %zu schedules, same bits\n", (*k)->name, DTYPES[_i],
               sizeof SCHEDULES / sizeof *SCHEDULES);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("invariance");
    TCase *tc = tcase_create("invariance");
    tcase_set_timeout(tc, 500);
    tcase_add_loop_test(tc, bits_do_not_depend_on_the_schedule, 0, 4);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
