/* The whole life of an engine with a default model: created, loaded, one trace scored, destroyed;
 * every allocation fails once, reads fail at many places. A run without a fault gives the same
 * bits as the first. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/engine/engine.h"
#include "tests/lib/data.h"
#include "tests/lib/fault.h"
#include "tests/lib/suite.h"

enum {
    POLL_US = 200,
    READ_STRIDE = 23, /* every 23rd read: a load has hundreds */
};

static char dir[RW_TEST_PATH_MAX];
static float first_scores[2];
static bool have_first;

static void wake(void *ctx)
{
    (void)ctx; /* the body polls */
}

static rw_status wait_for(struct rw_engine *engine, struct rw_job *job, struct rw_error *err)
{
    struct rw_job_view view;
    do {
        struct rw_job *changed;
        while (rw_engine_poll(engine, &changed, 1) > 0) {
        }
        rw_job_view(job, &view);
        usleep(POLL_US);
    } while (view.state == RW_JOB_QUEUED || view.state == RW_JOB_RUNNING);
    struct rw_job *changed;
    while (rw_engine_poll(engine, &changed, 1) > 0) {
    }
    if (view.state == RW_JOB_FAILED) {
        *err = view.error;
        return view.error.status;
    }
    ck_assert_int_eq(view.state, RW_JOB_DONE);
    ck_assert_uint_eq(view.scores_ready, 2);
    for (int i = 0; i < 2; i++) {
        float raw = rw_job_scores(job)[i].raw;
        if (!have_first) {
            first_scores[i] = raw;
        }
        ck_assert(isfinite(raw) && memcmp(&raw, &first_scores[i], sizeof raw) == 0);
    }
    have_first = true;
    return RW_OK;
}

static rw_status score(struct rw_engine *engine, const struct rw_model *model,
                       struct rw_arena *arena, struct rw_error *err)
{
    const struct rw_message question = {RW_ROLE_USER, RW_STR("What is 12 + 30?")};
    const struct rw_str steps[] = {RW_STR("12 + 30 = 42."), RW_STR("The answer is 42.")};
    struct rw_trace_source source = {
        .messages = &question,
        .n_messages = 1,
        .steps = steps,
        .n_steps = 2,
        .steps_max = 100,
        .tokens_max = 1000,
    };
    struct rw_input input;
    rw_status status = rw_model_build_input(model, &source, arena, &input, err);
    if (status != RW_OK) {
        return status;
    }
    struct rw_job_spec spec = {.model = model, .input = &input, .stop_below = NAN};
    struct rw_job *job;
    status = rw_engine_submit(engine, &spec, 1, &job, err);
    if (status != RW_OK) {
        return status;
    }
    status = wait_for(engine, job, err);
    rw_job_release(engine, job);
    return status;
}

/* ctx: NULL to score too, anything else: loading is the end. */
static rw_status life(void *ctx, struct rw_error *err)
{
    struct rw_engine_options options = {
        .threads = 2,
        .kv_bytes_max = 64 << 20,
        .prefix_cache_bytes = 32 << 20,
        .jobs_max = 4,
        .queued_tokens_max = 10000,
        .clock = &RW_CLOCK_SYSTEM,
        .notify = wake,
    };
    struct rw_engine *engine;
    rw_status status = rw_engine_create(&options, &engine, err);
    if (status != RW_OK) {
        return status;
    }
    struct rw_model_options load = {
        .skip_agreement = true, .dir = dir, .skip_self_test = ctx != NULL};
    const struct rw_model *model;
    status = rw_engine_load(engine, &load, &model, err);
    if (status == RW_OK && ctx == NULL) {
        struct rw_arena arena;
        rw_arena_init(&arena, 16 << 20);
        status = score(engine, model, &arena, err);
        rw_arena_fini(&arena);
    }
    rw_engine_destroy(engine);
    return status;
}

static void setup(void)
{
    rw_test_source_path("deploy/models/rewardd-prm-small", dir);
    have_first = false;
}

/* An answer behind the first step, asked of a model with a language head. */
static rw_status ask(struct rw_engine *engine, const struct rw_model *model, struct rw_arena *arena,
                     struct rw_error *err)
{
    const struct rw_message question = {RW_ROLE_USER, RW_STR("What is 12 + 30?")};
    const struct rw_str step = RW_STR("12 + 30 = 42.");
    struct rw_trace_source source = {.messages = &question,
                                     .n_messages = 1,
                                     .steps = &step,
                                     .n_steps = 1,
                                     .steps_max = 100,
                                     .tokens_max = 1000};
    const struct rw_suffix_source answer = {
        .lead = RW_STR("\n\nThe final answer is "), .answer = RW_STR("4"), .tail = RW_STR("\n")};
    struct rw_input trace, input;
    struct rw_suffix suffix;
    rw_status status = rw_model_build_input(model, &source, arena, &trace, err);
    if (status == RW_OK) {
        status = rw_model_build_suffix(model, &answer, arena, &suffix, err);
    }
    if (status == RW_OK) {
        status = rw_suffix_join(&trace, 1, &suffix, 1000, arena, &input, err);
    }
    if (status != RW_OK) {
        return status;
    }
    struct rw_job_spec spec = {.model = model, .input = &input, .stop_below = NAN};
    struct rw_job *job;
    status = rw_engine_submit(engine, &spec, 1, &job, err);
    if (status == RW_OK) {
        status = wait_for(engine, job, err);
        rw_job_release(engine, job);
    }
    return status;
}

static rw_status life_of_an_answer(void *ctx, struct rw_error *err)
{
    struct rw_engine_options options = {.threads = 2,
                                        .kv_bytes_max = 64 << 20,
                                        .prefix_cache_bytes = 32 << 20,
                                        .clock = &RW_CLOCK_SYSTEM,
                                        .notify = wake};
    struct rw_engine *engine;
    struct rw_package *package = ctx;
    rw_status status = rw_engine_create(&options, &engine, err);
    if (status != RW_OK) {
        return status;
    }
    struct rw_model_options load = {
        .skip_agreement = true, .dir = dir, .skip_self_test = true, .language_head = true};
    const struct rw_model *model;
    status = rw_engine_adopt(engine, &load, package, NULL, &model, err);
    if (status == RW_OK) {
        struct rw_arena arena;
        rw_arena_init(&arena, 16 << 20);
        status = ask(engine, model, &arena, err);
        rw_arena_fini(&arena);
    }
    rw_engine_destroy(engine);
    return status;
}

START_TEST(allocations_of_an_answer)
{
    struct rw_package *package;
    struct rw_error error = {0};
    ck_assert_int_eq(rw_package_open(dir, NULL, &package, &error), RW_OK);
    package->config.tied_embeddings = true;
    snprintf(package->config.architecture, sizeof package->config.architecture, "Qwen3ForCausalLM");
    ck_assert_int_ge(rw_fault_each(RW_FAULT_ALLOC, life_of_an_answer, package), 20);
    rw_package_close(package);
}
END_TEST

START_TEST(allocations)
{
    ck_assert_int_ge(rw_fault_each(RW_FAULT_ALLOC, life, NULL), 20);
}
END_TEST

START_TEST(allocations_from_one_on)
{
    ck_assert_int_ge(rw_fault_some(RW_FAULT_ALLOC_FROM, 3, life, NULL), 7);
}
END_TEST

START_TEST(reads)
{
    ck_assert_int_ge(rw_fault_each(RW_FAULT_OPEN, life, dir), 3);
    ck_assert_int_ge(rw_fault_some(RW_FAULT_READ, READ_STRIDE, life, dir), 3);
    ck_assert_int_ge(rw_fault_some(RW_FAULT_READ_END, READ_STRIDE, life, dir), 3);
    ck_assert_int_ge(rw_fault_some(RW_FAULT_READ_EINTR, 5 * READ_STRIDE, life, dir), 1);
    ck_assert_int_ge(rw_fault_some(RW_FAULT_READ_ONE, 5 * READ_STRIDE, life, dir), 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("engine faults");
    TCase *tc = tcase_create("engine faults");
    tcase_add_checked_fixture(tc, setup, NULL);
    tcase_add_test(tc, allocations_of_an_answer);
    tcase_add_test(tc, allocations);
    tcase_add_test(tc, allocations_from_one_on);
    tcase_add_test(tc, reads);
    suite_add_tcase(suite, tc);
    return rw_test_run(suite);
}
