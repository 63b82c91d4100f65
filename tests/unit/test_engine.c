/* core/engine: life of a job, admission, memory, several models, failures that stay their own. */
#include <check.h>
#include <math.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/engine/job.h"
#include "core/engine/model.h"
#include "tests/lib/scoring.h"
#include "tests/lib/suite.h"

static struct rw_job_view view_of(const struct rw_job *job)
{
    struct rw_job_view view;
    rw_job_view(job, &view);
    return view;
}

static _Atomic uint64_t virtual_ns = 1;

static uint64_t virtual_now(void *ctx)
{
    (void)ctx;
    return virtual_ns;
}

static const struct rw_clock VIRTUAL = {virtual_now, virtual_now, NULL};

START_TEST(scores_become_visible_and_stay)
{
    struct rw_engine *e =
        rw_test_engine(&(struct rw_engine_options){.threads = 2, .chunk_tokens = 32});
    const struct rw_model *m = rw_test_model(e, RW_TEST_PRM, NULL, RW_WEIGHTS_AUTO);
    struct rw_input in;
    rw_test_input(&in, rw_test_vocab(m), 200, 20, 1);
    struct rw_job *job = rw_test_submit(e, m, &in, NAN, 0);
    rw_test_await(e, 1);
    struct rw_job_view v = view_of(job);
    ck_assert_int_eq(v.state, RW_JOB_DONE);
    ck_assert_uint_eq(v.scores_ready, 10);
    ck_assert_uint_eq(v.cost.tokens, 200);
    ck_assert(v.cost.flops > 200 * rw_model_info(m)->flops_per_token);
    ck_assert(v.cost.total_ns > v.cost.queue_ns && v.cost.cpu_ns > 0);
    ck_assert(!v.stopped);
    ck_assert_ptr_null(rw_job_features(job));
    for (uint32_t i = 0; i < 10; i++) {
        ck_assert(rw_job_scores(job)[i].reward >= 0 && rw_job_scores(job)[i].reward <= 1);
    }
    rw_engine_cancel(e, job); /* safe on a final one */
    ck_assert_uint_eq(rw_engine_poll(e, &job, 1), 0);
    rw_job_release(e, job);
    rw_test_input_free(&in);
    rw_engine_destroy(e);
}
END_TEST

/* Between a poll and a look at the view the job may end; the owner hears of it by the next poll,
 * or it would see the end twice and release what poll still holds. */
START_TEST(end_is_seen_after_poll_only)
{
    struct rw_engine *e =
        rw_test_engine(&(struct rw_engine_options){.threads = 1, .chunk_tokens = 16});
    const struct rw_model *m = rw_test_model(e, RW_TEST_PRM, NULL, RW_WEIGHTS_AUTO);
    struct rw_input in;
    rw_test_input(&in, rw_test_vocab(m), 500, 5, 1);
    bool caught = false;
    for (int i = 0; i < 50 && !caught; i++) {
        struct rw_job *job = rw_test_submit(e, m, &in, NAN, 0);
        struct rw_job *changed = NULL;
        while (rw_engine_poll(e, &changed, 1) == 0) {
            poll(NULL, 0, 1);
        }
        caught = view_of(job).state == RW_JOB_RUNNING;
        struct rw_engine_stats stats = {.jobs_running = 1};
        while (stats.jobs_running > 0) {
            rw_engine_stats(e, &stats);
        }
        if (caught) {
            ck_assert_int_eq(view_of(job).state, RW_JOB_RUNNING);
            ck_assert_uint_eq(rw_engine_poll(e, &changed, 1), 1);
        }
        ck_assert_int_eq(view_of(job).state, RW_JOB_DONE);
        ck_assert_uint_eq(rw_engine_poll(e, &changed, 1), 0);
        rw_job_release(e, job);
    }
    ck_assert(caught);
    rw_test_input_free(&in);
    rw_engine_destroy(e);
}
END_TEST

/* Steps behind the first reward under the threshold are never reported, whatever the chunking. */
START_TEST(stop_below_is_a_prefix)
{
    static const uint32_t chunks[] = {5, 64, 512};
    for (int c = 0; c < 3; c++) {
        struct rw_engine *e =
            rw_test_engine(&(struct rw_engine_options){.threads = 1, .chunk_tokens = chunks[c]});
        const struct rw_model *m = rw_test_model(e, RW_TEST_PRM, NULL, RW_WEIGHTS_AUTO);
        struct rw_input in;
        rw_test_input(&in, rw_test_vocab(m), 300, 10, 2);
        struct rw_job *all = rw_test_submit(e, m, &in, NAN, 0);
        rw_test_await(e, 1);
        float threshold = 0;
        uint32_t expected = 30;
        for (uint32_t i = 0; i < 15; i++) { /* the lowest of the first half is met somewhere */
            float r = rw_job_scores(all)[i].reward;
            threshold = i == 0 || r < threshold ? r : threshold;
        }
        threshold = nextafterf(threshold, 1.0f);
        for (uint32_t i = 0; i < 30; i++) {
            if (rw_job_scores(all)[i].reward < threshold) {
                expected = i + 1;
                break;
            }
        }
        struct rw_job *part = rw_test_submit(e, m, &in, threshold, 0);
        rw_test_await(e, 1);
        ck_assert_int_eq(view_of(part).state, RW_JOB_DONE);
        ck_assert(view_of(part).stopped);
        ck_assert_uint_eq(view_of(part).scores_ready, expected);
        ck_assert_mem_eq(rw_job_scores(part), rw_job_scores(all),
                         expected * sizeof(struct rw_score));
        rw_job_release(e, all);
        rw_job_release(e, part);
        rw_test_input_free(&in);
        rw_engine_destroy(e);
    }
}
END_TEST

START_TEST(cancel_queued_and_running)
{
    struct rw_engine *e =
        rw_test_engine(&(struct rw_engine_options){.threads = 1, .chunk_tokens = 8});
    const struct rw_model *m = rw_test_model(e, RW_TEST_PRM, NULL, RW_WEIGHTS_AUTO);
    struct rw_input in;
    struct rw_job *jobs[40];
    rw_test_input(&in, rw_test_vocab(m), 400, 40, 3);
    for (int i = 0; i < 40; i++) {
        jobs[i] = rw_test_submit(e, m, &in, NAN, 0);
    }
    for (int i = 0; i < 39; i++) { /* some run (at most RW_RUNNING_MIN), the others wait */
        rw_engine_cancel(e, jobs[i]);
    }
    rw_test_await(e, 40);
    int cancelled = 0;
    for (int i = 0; i < 39; i++) {
        struct rw_job_view v = view_of(jobs[i]);
        ck_assert(v.state == RW_JOB_CANCELLED || v.state == RW_JOB_DONE);
        cancelled += v.state == RW_JOB_CANCELLED;
    }
    ck_assert_int_ge(cancelled, 38);
    ck_assert_int_eq(view_of(jobs[39]).state, RW_JOB_DONE);
    for (int i = 0; i < 40; i++) {
        rw_job_release(e, jobs[i]);
    }
    struct rw_engine_stats stats;
    rw_engine_stats(e, &stats);
    ck_assert_uint_eq(stats.jobs_running + stats.jobs_queued + stats.queued_tokens, 0);
    rw_test_input_free(&in);
    rw_engine_destroy(e);
}
END_TEST

START_TEST(deadline_fails_the_job_alone)
{
    virtual_ns = 1000;
    struct rw_engine *e = rw_test_engine(
        &(struct rw_engine_options){.threads = 1, .chunk_tokens = 4, .clock = &VIRTUAL});
    const struct rw_model *m = rw_test_model(e, RW_TEST_PRM, NULL, RW_WEIGHTS_AUTO);
    struct rw_input in;
    rw_test_input(&in, rw_test_vocab(m), 300, 10, 4);
    struct rw_job *late = rw_test_submit(e, m, &in, NAN, 1000); /* has passed already */
    struct rw_job *soon = rw_test_submit(e, m, &in, NAN, 5000);
    struct rw_job *free_of = rw_test_submit(e, m, &in, NAN, 0);
    virtual_ns = 6000;
    rw_test_await(e, 3);
    ck_assert_int_eq(view_of(late).state, RW_JOB_FAILED);
    ck_assert_int_eq(view_of(late).error.status, RW_DEADLINE);
    ck_assert_uint_eq(view_of(late).cost.tokens, 0);
    ck_assert_int_eq(view_of(soon).state, RW_JOB_FAILED);
    ck_assert_int_eq(view_of(free_of).state, RW_JOB_DONE);
    rw_job_release(e, late);
    rw_job_release(e, soon);
    rw_job_release(e, free_of);
    rw_test_input_free(&in);
    rw_engine_destroy(e);
}
END_TEST

START_TEST(budgets_take_all_or_none)
{
    struct rw_engine *e = rw_test_engine(
        &(struct rw_engine_options){.threads = 1, .jobs_max = 3, .queued_tokens_max = 1000});
    const struct rw_model *m = rw_test_model(e, RW_TEST_PRM, NULL, RW_WEIGHTS_AUTO);
    struct rw_input in;
    rw_test_input(&in, rw_test_vocab(m), 100, 100, 5);
    struct rw_job_spec specs[11];
    struct rw_job *jobs[11];
    struct rw_error err = {0};
    for (int i = 0; i < 11; i++) {
        specs[i] = (struct rw_job_spec){.model = m, .input = &in, .stop_below = NAN};
    }
    ck_assert_int_eq(rw_engine_submit(e, specs, 4, jobs, &err), RW_OVERLOADED);
    ck_assert_int_eq(rw_engine_submit(e, specs, 3, jobs, &err), RW_OK);
    rw_test_await(e, 3);
    struct rw_job *more;
    ck_assert_int_eq(rw_engine_submit(e, specs, 1, &more, &err), RW_OVERLOADED);
    for (int i = 0; i < 3; i++) {
        rw_job_release(e, jobs[i]);
    }
    rw_engine_destroy(e);
    e = rw_test_engine(&(struct rw_engine_options){.threads = 1, .queued_tokens_max = 1000});
    m = rw_test_model(e, RW_TEST_PRM, NULL, RW_WEIGHTS_AUTO);
    for (int i = 0; i < 11; i++) {
        specs[i].model = m;
    }
    ck_assert_int_eq(rw_engine_submit(e, specs, 11, jobs, &err), RW_OVERLOADED);
    rw_test_input_free(&in);
    rw_engine_destroy(e);
}
END_TEST

START_TEST(inputs_that_cannot_run_are_refused)
{
    struct rw_engine *e = rw_test_engine(&(struct rw_engine_options){.threads = 1});
    const struct rw_model *m = rw_test_model(e, RW_TEST_PRM, NULL, RW_WEIGHTS_AUTO);
    struct rw_input in;
    struct rw_job *job;
    struct rw_error err = {0};
    struct rw_job_spec spec = {.model = m, .input = &in, .stop_below = NAN};
    rw_test_input(&in, rw_test_vocab(m), rw_model_info(m)->context_max + 1, 50, 6);
    ck_assert_int_eq(rw_engine_submit(e, &spec, 1, &job, &err), RW_CONTEXT_EXCEEDED);
    in.n_tokens = 60;
    in.n_scored_steps = 1;
    in.ids[7] = (int32_t)rw_test_vocab(m);
    ck_assert_int_eq(rw_engine_submit(e, &spec, 1, &job, &err), RW_INVALID_REQUEST);
    in.ids[7] = -1;
    ck_assert_int_eq(rw_engine_submit(e, &spec, 1, &job, &err), RW_INVALID_REQUEST);
    in.ids[7] = 0;
    in.steps[0].position = 60;
    ck_assert_int_eq(rw_engine_submit(e, &spec, 1, &job, &err), RW_INTERNAL);
    in.n_scored_steps = 0;
    ck_assert_int_eq(rw_engine_submit(e, &spec, 1, &job, &err), RW_EMPTY_TRACE);
    rw_test_input_free(&in);
    rw_engine_destroy(e);
}
END_TEST

/* Memory for two jobs at a time: the others wait and all of them get the same bits. */
START_TEST(jobs_wait_for_kv_memory)
{
    struct rw_engine *e = rw_test_engine(&(struct rw_engine_options){.threads = 1});
    const struct rw_model *m = rw_test_model(e, RW_TEST_PRM, NULL, RW_WEIGHTS_AUTO);
    size_t block = rw_kv_pool_block_bytes(&m->weights->config, m->weights->dtype);
    rw_engine_destroy(e);
    e = rw_test_engine(&(struct rw_engine_options){.threads = 1, .kv_bytes_max = 4 * block});
    m = rw_test_model(e, RW_TEST_PRM, NULL, RW_WEIGHTS_AUTO);
    const struct rw_model *other = rw_test_model(e, RW_TEST_PRM, "other", RW_WEIGHTS_F32);
    struct rw_input in, large;
    rw_test_input(&in, rw_test_vocab(m), 120, 30, 7);
    rw_test_input(&large, rw_test_vocab(m), 64 * 4 + 1, 30, 7);
    struct rw_job_spec spec = {.model = m, .input = &large, .stop_below = NAN};
    struct rw_error err = {0};
    struct rw_job *jobs[10];
    ck_assert_int_eq(rw_engine_submit(e, &spec, 1, jobs, &err), RW_LIMIT_EXCEEDED);
    for (int i = 0; i < 10; i++) {
        bool second = i % 2 == 1 && rw_model_kv_blocks_max(other) >= 2;
        jobs[i] = rw_test_submit(e, second ? other : m, &in, NAN, 0);
    }
    rw_test_await(e, 10);
    for (int i = 0; i < 10; i++) {
        ck_assert_int_eq(view_of(jobs[i]).state, RW_JOB_DONE);
        ck_assert_mem_eq(rw_job_scores(jobs[i]), rw_job_scores(jobs[jobs[i]->model == m ? 0 : 1]),
                         4 * sizeof(struct rw_score));
    }
    for (int i = 0; i < 10; i++) {
        rw_job_release(e, jobs[i]);
    }
    rw_test_input_free(&in);
    rw_test_input_free(&large);
    rw_engine_destroy(e);
}
END_TEST

START_TEST(process_and_outcome_models_side_by_side)
{
    struct rw_engine *e = rw_test_engine(&(struct rw_engine_options){.threads = 2});
    const struct rw_model *prm = rw_test_model(e, RW_TEST_PRM, "prm", RW_WEIGHTS_AUTO);
    const struct rw_model *orm = rw_test_model(e, RW_TEST_ORM, "orm", RW_WEIGHTS_AUTO);
    const struct rw_model *listed[4];
    ck_assert_uint_eq(rw_engine_models(e, listed, 4), 2);
    ck_assert_ptr_eq(listed[1], orm);
    struct rw_input a, b;
    rw_test_input(&a, rw_test_vocab(prm), 90, 30, 8);
    rw_test_input(&b, rw_test_vocab(orm), 90, 30, 9);
    struct rw_job *x = rw_test_submit(e, prm, &a, NAN, 0), *y = rw_test_submit(e, orm, &b, NAN, 0);
    rw_test_await(e, 2);
    ck_assert_uint_eq(view_of(x).scores_ready, 3);
    ck_assert_uint_eq(view_of(y).scores_ready, 1);
    rw_job_release(e, x);
    rw_job_release(e, y);
    rw_test_input_free(&a);
    rw_test_input_free(&b);
    rw_engine_destroy(e);
}
END_TEST

/* One trace meets NaN weights; its neighbours in the same passes keep their bits, and so does the
 * next trace that gets its KV blocks; with a prefix cache too. */
START_TEST(not_finite_stays_its_own)
{
    struct rw_engine *e = rw_test_engine(
        &(struct rw_engine_options){.threads = 2, .prefix_cache_bytes = (size_t)_i << 24});
    const struct rw_model *m = rw_test_model(e, RW_TEST_PRM, NULL, RW_WEIGHTS_F32);
    struct rw_input good, bad;
    rw_test_input(&good, rw_test_vocab(m), 150, 30, 10);
    rw_test_input(&bad, rw_test_vocab(m), 150, 30, 11);
    for (uint32_t i = 0; i < 150; i++) {
        good.ids[i] = good.ids[i] == 5 ? 6 : good.ids[i];
        bad.ids[i] = i == 70 ? 5 : bad.ids[i] == 5 ? 6 : bad.ids[i];
    }
    struct rw_job *alone = rw_test_submit(e, m, &good, NAN, 0);
    rw_test_await(e, 1);
    uint32_t hidden = m->weights->config.hidden;
    size_t element = rw_dtype_bytes(m->weights->embed_dtype);
    memset((char *)m->weights->embed + 5 * hidden * element, 0xFF, hidden * element);
    struct rw_job *b = rw_test_submit(e, m, &bad, NAN, 0), *g = rw_test_submit(e, m, &good, NAN, 0);
    rw_test_await(e, 2);
    struct rw_job *after = rw_test_submit(e, m, &good, NAN, 0);
    rw_test_await(e, 1);
    ck_assert_int_eq(view_of(b).state, RW_JOB_FAILED);
    ck_assert_int_eq(view_of(b).error.status, RW_NOT_FINITE);
    ck_assert_uint_eq(view_of(b).scores_ready, 2); /* at 29 and 59, before token 70 */
    ck_assert_mem_eq(rw_job_scores(g), rw_job_scores(alone), 5 * sizeof(struct rw_score));
    ck_assert_mem_eq(rw_job_scores(after), rw_job_scores(alone), 5 * sizeof(struct rw_score));
    struct rw_job *jobs[] = {alone, b, g, after};
    for (int i = 0; i < 4; i++) {
        rw_job_release(e, jobs[i]);
    }
    rw_test_input_free(&good);
    rw_test_input_free(&bad);
    rw_engine_destroy(e);
}
END_TEST

/* A group of 16 traces on one prompt, submitted at once: what is computed is what is distinct. The
 * second time nothing is. */
START_TEST(a_group_shares_its_prompt)
{
    enum {
        PROMPT = 1500,
        TRACE = 100,
        GROUP = 16,
    };
    struct rw_engine *e = rw_test_engine(
        &(struct rw_engine_options){.threads = 2, .prefix_cache_bytes = (size_t)1 << 30});
    const struct rw_model *m = rw_test_model(e, RW_TEST_PRM, NULL, RW_WEIGHTS_AUTO);
    struct rw_input in[GROUP];
    struct rw_job_spec specs[GROUP];
    struct rw_job *jobs[GROUP];
    for (uint32_t t = 0; t < GROUP; t++) {
        rw_test_input(&in[t], rw_test_vocab(m), PROMPT + TRACE, PROMPT + TRACE, 20);
        for (uint32_t i = PROMPT; i < PROMPT + TRACE; i++) {
            in[t].ids[i] = (int32_t)((i + 3 * t) % 50);
        }
        specs[t] = (struct rw_job_spec){.model = m, .input = &in[t], .stop_below = NAN};
    }
    struct rw_engine_stats stats = {0};
    double flops = 0;
    for (int round = 0; round < 2; round++) {
        uint64_t before = stats.tokens_total, tokens = 0, cached = 0;
        ck_assert_int_eq(rw_engine_submit(e, specs, GROUP, jobs, NULL), RW_OK);
        rw_test_await(e, GROUP);
        for (uint32_t t = 0; t < GROUP; t++) {
            struct rw_job_view v = view_of(jobs[t]);
            ck_assert_int_eq(v.state, RW_JOB_DONE);
            ck_assert_uint_eq(v.cost.tokens + v.cost.cached_tokens, PROMPT + TRACE);
            ck_assert(round == 0 ? v.cost.flops > 0 : v.cost.flops == 0);
            tokens += v.cost.tokens;
            cached += v.cost.cached_tokens;
            flops += v.cost.flops;
            rw_job_release(e, jobs[t]);
        }
        rw_engine_stats(e, &stats);
        ck_assert_uint_eq(stats.tokens_total - before, tokens);
        ck_assert_uint_eq(tokens, round == 0 ? PROMPT + GROUP * TRACE : 0);
        ck_assert_uint_eq(tokens + cached, GROUP * (PROMPT + TRACE));
        ck_assert_uint_eq(stats.cache_lookup_tokens, (round + 1) * GROUP * (PROMPT + TRACE));
    }
    ck_assert(flops == stats.flops_total);
    ck_assert_uint_gt(stats.cache_bytes, 0);
    ck_assert_uint_eq(stats.kv_bytes_used, 0);
    for (uint32_t t = 0; t < GROUP; t++) {
        rw_test_input_free(&in[t]);
    }
    rw_engine_destroy(e);
}
END_TEST

/* Equal traces in flight are computed once, and the one that computes may be cancelled. */
START_TEST(equal_traces_in_flight_are_one)
{
    struct rw_engine *e = rw_test_engine(&(struct rw_engine_options){
        .threads = 1, .chunk_tokens = 16, .prefix_cache_bytes = (size_t)1 << 30});
    const struct rw_model *m = rw_test_model(e, RW_TEST_PRM, NULL, RW_WEIGHTS_AUTO);
    struct rw_input in;
    struct rw_job *jobs[10];
    rw_test_input(&in, rw_test_vocab(m), 400, 40, 21);
    struct rw_job_spec spec = {.model = m, .input = &in, .stop_below = NAN};
    struct rw_job_spec specs[10];
    for (int i = 0; i < 10; i++) {
        specs[i] = spec;
    }
    ck_assert_int_eq(rw_engine_submit(e, specs, 10, jobs, NULL), RW_OK);
    rw_engine_cancel(e, jobs[0]); /* it was first: now or later */
    rw_test_await(e, 10);
    for (int i = 1; i < 10; i++) {
        ck_assert_int_eq(view_of(jobs[i]).state, RW_JOB_DONE);
        ck_assert_mem_eq(rw_job_scores(jobs[i]), rw_job_scores(jobs[1]),
                         10 * sizeof(struct rw_score));
    }
    struct rw_engine_stats stats;
    rw_engine_stats(e, &stats);
    ck_assert_uint_eq(stats.tokens_total, 400);
    for (int i = 0; i < 10; i++) {
        rw_job_release(e, jobs[i]);
    }
    rw_test_input_free(&in);
    rw_engine_destroy(e);
}
END_TEST

/* Memory for little more than one trace: the cache gives way, every trace is scored. */
START_TEST(a_full_cache_keeps_no_job_out)
{
    struct rw_engine *e = rw_test_engine(&(struct rw_engine_options){.threads = 1});
    const struct rw_model *m = rw_test_model(e, RW_TEST_PRM, NULL, RW_WEIGHTS_AUTO);
    size_t block = rw_kv_pool_block_bytes(&m->weights->config, m->weights->dtype);
    rw_engine_destroy(e);
    e = rw_test_engine(&(struct rw_engine_options){
        .threads = 1, .kv_bytes_max = 5 * block, .prefix_cache_bytes = 5 * block});
    m = rw_test_model(e, RW_TEST_PRM, NULL, RW_WEIGHTS_AUTO);
    struct rw_input in[12];
    struct rw_job *jobs[12];
    for (uint32_t t = 0; t < 12; t++) {
        rw_test_input(&in[t], rw_test_vocab(m), 64 * (1 + t % 5), 32, 30 + t % 3);
        jobs[t] = rw_test_submit(e, m, &in[t], NAN, 0);
    }
    rw_test_await(e, 12);
    for (uint32_t t = 0; t < 12; t++) {
        ck_assert_int_eq(view_of(jobs[t]).state, RW_JOB_DONE);
        rw_job_release(e, jobs[t]);
        rw_test_input_free(&in[t]);
    }
    struct rw_engine_stats stats;
    rw_engine_stats(e, &stats);
    ck_assert_uint_gt(stats.cache_evictions, 0);
    ck_assert_uint_le(stats.cache_bytes, 5 * block);
    rw_engine_destroy(e);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("engine");
    TCase *tc = tcase_create("engine");
    tcase_set_timeout(tc, 100);
    tcase_add_test(tc, scores_become_visible_and_stay);
    tcase_add_test(tc, end_is_seen_after_poll_only);
    tcase_add_test(tc, stop_below_is_a_prefix);
    tcase_add_test(tc, cancel_queued_and_running);
    tcase_add_test(tc, deadline_fails_the_job_alone);
    tcase_add_test(tc, budgets_take_all_or_none);
    tcase_add_test(tc, inputs_that_cannot_run_are_refused);
    tcase_add_test(tc, jobs_wait_for_kv_memory);
    tcase_add_test(tc, process_and_outcome_models_side_by_side);
    tcase_add_loop_test(tc, not_finite_stays_its_own, 0, 2);
    tcase_add_test(tc, a_group_shares_its_prompt);
    tcase_add_test(tc, equal_traces_in_flight_are_one);
    tcase_add_test(tc, a_full_cache_keeps_no_job_out);
    suite_add_tcase(suite, tc);
    return rw_test_run(suite);
}
