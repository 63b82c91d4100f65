/* What is asked of callers at the entries of kernels, engine, packages, team and codecs: one size
 * or one owner is made wrong in a child, and the assertion that fails must be that of the entry.
 * The same call as it should be goes through first. */
#include <check.h>
#include <math.h>
#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "core/base/buf.h"
#include "core/base/clock.h"
#include "core/base/util.h"
#include "core/kernels/kernels.h"
#include "core/kernels/team.h"
#include "core/model/package.h"
#include "core/rw_engine.h"
#include "proto/emit.h"
#include "tests/lib/crash.h"
#include "tests/lib/data.h"
#include "tests/lib/suite.h"

static struct rw_error err;

/* ---- packages -------------------------------------------------------------------------------- */

static struct rw_package *package;

static void without_layout(void)
{
    package->layout = NULL;
}

static void class_beyond_the_head(void)
{
    package->recipe.post = RW_POST_SOFTMAX;
    package->recipe.good = package->recipe.head.n_out;
}

static void head_without_tensor(void)
{
    package->recipe.head.weight[0] = '\0';
}

static void context_beyond_the_model(void)
{
    package->context_max = package->config.context_max + 1;
}

static void vectors_that_are_not_there(void)
{
    package->golden = NULL;
    package->n_golden = 1;
}

static void half_a_digest(void)
{
    package->digest[32] = '\0';
}

static void check_broken(void *ctx)
{
    (*(void (**)(void))ctx)();
    rw_package_check(package);
}

START_TEST(a_package_that_contradicts_itself_aborts)
{
    static void (*const BREAK[])(void) = {
        without_layout,           class_beyond_the_head,      head_without_tensor,
        context_beyond_the_model, vectors_that_are_not_there, half_a_digest};
    char dir[RW_TEST_PATH_MAX];
    rw_test_source_path("deploy/models/rewardd-prm-small", dir);
    ck_assert_int_eq(rw_package_open(dir, NULL, &package, &err), RW_OK);
    rw_package_check(package);
    for (size_t i = 0; i < RW_COUNT(BREAK); i++) {
        void (*break_it)(void) = BREAK[i];
        rw_test_dies_in("rw_package_check", check_broken, &break_it);
    }
    rw_package_close(package);
}
END_TEST

/* ---- team ------------------------------------------------------------------------------------ */

static atomic_bool arriving;

static void idle(void *arg, unsigned member, unsigned members)
{
    (void)arg;
    (void)member;
    (void)members;
}

static void *wait_at_the_barrier(void *team)
{
    atomic_store(&arriving, true);
    rw_team_barrier(team, 1);
    return NULL;
}

static void run_while_somebody_waits(void *ctx)
{
    (void)ctx;
    struct rw_team *team;
    pthread_t stranger;
    ck_assert_int_eq(rw_team_create(2, &team, &err), RW_OK);
    rw_team_run(team, idle, NULL);
    ck_assert_int_eq(pthread_create(&stranger, NULL, wait_at_the_barrier, team), 0);
    while (!atomic_load(&arriving)) {
        usleep(1000);
    }
    usleep(200 * 1000); /* from the flag to the barrier are two instructions */
    rw_team_run(team, idle, NULL);
}

START_TEST(nobody_is_at_the_barrier_between_regions)
{
    rw_test_dies_in("check_between_regions", run_while_somebody_waits, NULL);
}
END_TEST

/* ---- kernels --------------------------------------------------------------------------------- */

enum {
    ROWS = 2,
    N_IN = 64,
    N_OUT = 128,
    HEAD_DIM = 16,
};

static alignas(64) char packed[N_OUT * N_IN * sizeof(float)];
static alignas(64) char scratch[1 << 20];
static float x[ROWS * N_IN];
static float y[ROWS * N_OUT];
static struct rw_linear linear;
static struct rw_gemm gemm;
static struct rw_attention attention;
static const struct rw_kernels *kernels;

static void set_kernels(void)
{
    kernels = rw_kernels_pick("generic");
    linear = (struct rw_linear){RW_DTYPE_F32, N_OUT, N_IN, N_OUT / RW_PANEL, N_IN, packed, NULL};
    gemm = (struct rw_gemm){.linear = &linear,
                            .x = x,
                            .x_stride = N_IN * sizeof(float),
                            .rows = ROWS,
                            .out = y,
                            .out_stride = N_OUT * sizeof(float)};
    static alignas(64) char k[1 << 15], v[1 << 15];
    static const void *k_blocks[] = {k};
    static const void *v_blocks[] = {v};
    ck_assert_uint_le(rw_kernels_kv_block_bytes(RW_DTYPE_F32, HEAD_DIM), sizeof k);
    attention = (struct rw_attention){.dtype = RW_DTYPE_F32,
                                      .head_dim = HEAD_DIM,
                                      .group = 1,
                                      .q = x,
                                      .rows = ROWS,
                                      .k_blocks = k_blocks,
                                      .v_blocks = v_blocks,
                                      .out = y,
                                      .out_stride = HEAD_DIM * sizeof(float)};
    ck_assert_uint_le(kernels->gemm_scratch_bytes(RW_DTYPE_F32, ROWS), sizeof scratch);
    ck_assert_uint_le(kernels->attention_scratch_bytes(ROWS, HEAD_DIM), sizeof scratch);
}

static void misaligned_weights(void)
{
    linear.packed = packed + 4;
}

static void another_depth(void)
{
    linear.k_padded = N_IN / 2;
}

static void rows_that_overlap(void)
{
    gemm.x_stride = N_IN * sizeof(float) - 4;
}

static void results_that_overlap(void)
{
    gemm.out_stride = N_OUT * sizeof(float) - 4;
}

static void run_gemm(void *ctx)
{
    (*(void (**)(void))ctx)();
    kernels->gemm(&gemm, 0, linear.panels, scratch);
}

static void run_gemm_beyond_its_panels(void *ctx)
{
    (void)ctx;
    kernels->gemm(&gemm, 0, linear.panels + 1, scratch);
}

static void run_gemm_in_misaligned_scratch(void *ctx)
{
    (void)ctx;
    kernels->gemm(&gemm, 0, linear.panels, scratch + 4);
}

START_TEST(a_gemm_of_the_wrong_size_aborts)
{
    static void (*const BREAK[])(void) = {misaligned_weights, another_depth, rows_that_overlap,
                                          results_that_overlap};
    set_kernels();
    kernels->gemm(&gemm, 0, linear.panels, scratch);
    for (size_t i = 0; i < RW_COUNT(BREAK); i++) {
        void (*break_it)(void) = BREAK[i];
        rw_test_dies_in("gemm_check", run_gemm, &break_it);
    }
    rw_test_dies_in("gemm_check", run_gemm_beyond_its_panels, NULL);
    rw_test_dies_in("kernel_gemm", run_gemm_in_misaligned_scratch, NULL);
}
END_TEST

static void odd_heads(void)
{
    attention.head_dim = HEAD_DIM - 4;
}

static void no_rows(void)
{
    attention.rows = 0;
}

static void heads_that_overlap(void)
{
    attention.out_stride = HEAD_DIM * sizeof(float) - 4;
}

static void run_attention(void *ctx)
{
    (*(void (**)(void))ctx)();
    kernels->attention(&attention, scratch);
}

START_TEST(attention_of_the_wrong_size_aborts)
{
    static void (*const BREAK[])(void) = {odd_heads, no_rows, heads_that_overlap};
    set_kernels();
    kernels->attention(&attention, scratch);
    for (size_t i = 0; i < RW_COUNT(BREAK); i++) {
        void (*break_it)(void) = BREAK[i];
        rw_test_dies_in("kernel_attention", run_attention, &break_it);
    }
}
END_TEST

/* ---- engine and codecs ----------------------------------------------------------------------- */

static void submit_nothing(void *engine)
{
    struct rw_job *jobs[1];
    rw_engine_submit(engine, NULL, 0, jobs, &err);
}

START_TEST(the_engine_takes_one_job_at_least)
{
    struct rw_engine *engine;
    struct rw_engine_options options = {.threads = 1, .clock = &RW_CLOCK_SYSTEM};
    ck_assert_int_eq(rw_engine_create(&options, &engine, &err), RW_OK);
    rw_test_dies_in("rw_engine_submit", submit_nothing, engine);
    rw_engine_destroy(engine);
}
END_TEST

static void write_float(void *value)
{
    struct rw_buf out;
    rw_buf_init(&out, 4096);
    rw_emit_float(&out, *(float *)value);
    rw_buf_fini(&out);
}

START_TEST(what_is_not_finite_is_never_written)
{
    float values[] = {NAN, INFINITY, -INFINITY};
    float good = 0.5F;
    write_float(&good);
    for (size_t i = 0; i < RW_COUNT(values); i++) {
        rw_test_dies_in("rw_emit_format_float", write_float, &values[i]);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("entries");
    TCase *entries = tcase_create("entries");
    tcase_add_test(entries, a_package_that_contradicts_itself_aborts);
    tcase_add_test(entries, nobody_is_at_the_barrier_between_regions);
    tcase_add_test(entries, a_gemm_of_the_wrong_size_aborts);
    tcase_add_test(entries, attention_of_the_wrong_size_aborts);
    tcase_add_test(entries, the_engine_takes_one_job_at_least);
    tcase_add_test(entries, what_is_not_finite_is_never_written);
    suite_add_tcase(suite, entries);
    return rw_test_run(suite);
}
