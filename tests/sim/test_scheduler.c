/* The scheduler under a virtual clock: scripted clients, the real prefix cache and KV memory, and a
 * forward pass that only takes time. Every run is the same, so bounds can be asserted.
 *
 * A pass of n tokens takes PASS_MS + n * TOKEN_MS: about a 0.5B model in BF16 on two cores. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/util.h"
#include "core/engine/model.h"
#include "core/engine/scheduler.h"
#include "tests/lib/suite.h"

enum {
    CHUNK = 512,
    MODELS = 2,
    JOBS_MAX = 20000,
    CLIENTS_MAX = 64,
};

static const double PASS_MS = 40, TOKEN_MS = 1.7;

struct task {
    struct rw_job *job;
    struct rw_input input;
    uint32_t client;
    double submitted_ms;
    double ended_ms;
    bool ended;
};

struct sim {
    struct rw_package package;
    struct rw_weights weights;
    struct rw_model model[MODELS];
    struct rw_kv_budget budget;
    struct rw_prefix_cache cache;
    struct rw_scheduler scheduler;
    struct rw_scheduler_host host;
    double now_ms;
    double pass_ms;     /* of the last one */
    struct task *tasks; /* [JOBS_MAX] */
    uint32_t n_tasks;
    uint32_t n_open;
    uint64_t served[CLIENTS_MAX]; /* tokens computed */
    uint64_t served_low;
    uint64_t served_all;
    uint64_t passes;
};

static struct sim sim;

static bool host_start(void *ctx, struct rw_job *job)
{
    struct sim *s = ctx;
    return rw_cache_start(&s->cache, job);
}

static enum rw_cache_step host_advance(void *ctx, struct rw_job *job, uint32_t *tokens_max,
                                       struct rw_job **owner)
{
    struct sim *s = ctx;
    return rw_cache_advance(&s->cache, job, tokens_max, owner);
}

static void sim_open(uint32_t blocks, bool with_cache)
{
    struct sim *s = &sim;
    *s = (struct sim){0};
    s->package.recipe.kind = RW_KIND_PROCESS;
    s->weights.config.layers = 1;
    s->weights.config.kv_heads = 1;
    s->weights.config.head_dim = 16;
    s->weights.config.vocab = 1u << 30;
    s->weights.dtype = RW_DTYPE_F32;
    size_t block_bytes = rw_kv_pool_block_bytes(&s->weights.config, RW_DTYPE_F32);
    s->budget.max_bytes = blocks * block_bytes;
    rw_prefix_cache_init(&s->cache, &s->budget, with_cache ? s->budget.max_bytes : 0);
    for (uint32_t i = 0; i < MODELS; i++) {
        struct rw_model *m = &s->model[i];
        m->index = i;
        m->package = &s->package;
        m->weights = &s->weights;
        m->info.context_max = 1 << 20;
        m->info.flops_per_token = 1e9;
        ck_assert_int_eq(
            rw_kv_pool_create(&s->budget, &s->weights.config, RW_DTYPE_F32, &m->kv, NULL), RW_OK);
        if (with_cache) {
            ck_assert_int_eq(rw_radix_create(m->kv, &m->radix, NULL), RW_OK);
        }
    }
    s->host = (struct rw_scheduler_host){host_start, host_advance, s, s->budget.max_bytes,
                                         &s->budget.reserved_bytes};
    ck_assert_int_eq(rw_scheduler_init(&s->scheduler, &s->host, CHUNK, NULL), RW_OK);
    s->tasks = calloc(JOBS_MAX, sizeof *s->tasks);
}

static void sim_close(void)
{
    ck_assert_uint_eq(sim.n_open, 0);
    rw_scheduler_fini(&sim.scheduler);
    ck_assert_uint_eq(sim.budget.reserved_bytes, 0);
    rw_prefix_cache_clear(&sim.cache);
    for (uint32_t i = 0; i < MODELS; i++) {
        rw_radix_destroy(sim.model[i].radix);
        rw_kv_pool_destroy(sim.model[i].kv);
    }
    free(sim.tasks);
}

struct order {
    uint32_t client;
    uint32_t tokens;
    uint32_t model;
    enum rw_job_priority priority;
    uint32_t text; /* equal texts begin alike; 0: like no other */
};

static uint32_t submit(struct order o)
{
    ck_assert_uint_lt(sim.n_tasks, JOBS_MAX);
    uint32_t id = sim.n_tasks++;
    struct task *t = &sim.tasks[id];
    t->input = (struct rw_input){.n_tokens = o.tokens, .n_steps = 1, .n_scored_steps = 1};
    t->input.ids = rw_alloc_array(o.tokens, sizeof *t->input.ids);
    t->input.steps = rw_alloc_zero(1, sizeof *t->input.steps);
    for (uint32_t i = 0; i < o.tokens; i++) {
        t->input.ids[i] = (int32_t)(i + 5000 * (o.text > 0 ? o.text : id + 1000));
    }
    t->input.steps[0].position = o.tokens - 1;
    struct rw_job_spec spec = {.model = &sim.model[o.model],
                               .input = &t->input,
                               .stop_below = NAN,
                               .client = o.client,
                               .priority = o.priority,
                               .tag = t};
    ck_assert_int_eq(rw_jobs_create(&spec, 1, 0, &t->job, NULL), RW_OK);
    t->client = o.client;
    t->submitted_ms = sim.now_ms;
    rw_scheduler_add(&sim.scheduler, t->job);
    sim.n_open++;
    return id;
}

static void end_task(struct rw_job *job)
{
    struct task *t = job->tag;
    ck_assert_uint_eq(job->tokens_done, job->tokens_needed);
    rw_cache_release(&sim.cache, job);
    rw_job_destroy(job);
    rw_free(t->input.ids);
    rw_free(t->input.steps);
    t->job = NULL;
    t->ended = true;
    t->ended_ms = sim.now_ms;
    sim.n_open--;
}

static void run_slice(const struct rw_slice *slice)
{
    struct rw_job *job = slice->job;
    uint32_t begin = job->tokens_done, first = job->scores_done;
    job->tokens_done += slice->tokens;
    if (job->tokens_done == job->tokens_needed) {
        rw_job_take_score(job, &(struct rw_score){.raw = 1, .reward = 0.5f}, NULL);
    }
    rw_cache_settle(job, begin, first);
    sim.served[job->client % CLIENTS_MAX] += slice->tokens;
    sim.served_low += job->priority == RW_PRIORITY_LOW ? slice->tokens : 0;
    sim.served_all += slice->tokens;
    if (job->tokens_done == job->tokens_needed) {
        rw_scheduler_remove(&sim.scheduler, job);
        end_task(job);
    }
}

/* What holds for every pass. */
static uint32_t check_pass(const struct rw_slice *slices, uint32_t n)
{
    uint32_t tokens = 0;
    for (uint32_t i = 0; i < n; i++) {
        ck_assert_ptr_eq(slices[i].job->model, slices[0].job->model);
        ck_assert_uint_ge(slices[i].tokens, 1);
        ck_assert_uint_le(slices[i].tokens, slices[i].tokens_max);
        for (uint32_t k = 0; k < i; k++) {
            ck_assert_ptr_ne(slices[i].job, slices[k].job);
        }
        tokens += slices[i].tokens;
    }
    ck_assert_uint_le(tokens, CHUNK);
    ck_assert_uint_le(sim.budget.reserved_bytes + sim.budget.cached_bytes, sim.budget.max_bytes);
    return tokens;
}

/* As rw_engine's turn: false when there was nothing to do. */
static bool turn(void)
{
    static struct rw_slice slices[CHUNK];
    struct rw_job_list done = {0};
    rw_scheduler_begin(&sim.scheduler);
    while (rw_scheduler_start(&sim.scheduler) != NULL) {
    }
    uint32_t n = rw_scheduler_fill(&sim.scheduler, slices, &done);
    bool any = n > 0 || done.head != NULL;
    uint32_t tokens = check_pass(slices, n);
    for (uint32_t i = 0; i < n; i++) {
        rw_cache_prepare(slices[i].job, slices[i].tokens);
    }
    for (struct rw_job *job; (job = rw_job_list_pop(&done)) != NULL;) {
        end_task(job);
    }
    sim.pass_ms = n > 0 ? PASS_MS + TOKEN_MS * tokens : 0;
    sim.now_ms += sim.pass_ms;
    for (uint32_t i = 0; i < n; i++) {
        run_slice(&slices[i]);
    }
    sim.passes += n > 0;
    return any;
}

static void finish_all(void)
{
    while (turn()) {
    }
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* p99 of `n` traces of 300 tokens, one after the other, each as soon as the last has its reward and
 * `pause_ms` have passed; `feed` keeps the background going. */
static double p99_of_300(uint32_t client, int n, double pause_ms, void (*feed)(void))
{
    double *took = calloc((size_t)n, sizeof *took), p99;
    for (int i = 0; i < n; i++) {
        double until = sim.now_ms + pause_ms * (1 + i % 7) / 4;
        while (sim.now_ms < until) {
            feed();
            if (!turn()) {
                sim.now_ms = until;
            }
        }
        /* It comes at any moment of the pass under way: the clock stands at its end already. */
        uint32_t id = submit((struct order){.client = client, .tokens = 300});
        sim.tasks[id].submitted_ms -= sim.pass_ms * (i % 10 + 1) / 10;
        while (!sim.tasks[id].ended) {
            feed();
            turn();
        }
        took[i] = sim.tasks[id].ended_ms - sim.tasks[id].submitted_ms;
    }
    qsort(took, (size_t)n, sizeof *took, by_value);
    p99 = took[(n * 99 + 99) / 100 - 1];
    free(took);
    return p99;
}

/* ---- cases ----------------------------------------------------------------------------------- */

static void feed_nothing(void)
{
}

static uint32_t background_clients; /* that keep jobs of 4,096 tokens waiting */
static uint32_t background_depth;

static void feed_long(void)
{
    while (sim.n_open < background_clients * background_depth) {
        submit((struct order){.client = 1 + sim.n_tasks % background_clients, .tokens = 4096});
    }
}

static double unloaded_p99(void)
{
    sim_open(4000, true);
    double p99 = p99_of_300(50, 50, 500, feed_nothing);
    sim_close();
    return p99;
}

/* The promise: p99 of a 300-token trace under saturation is at most four times the unloaded one,
 * whether the background is one client with many traces or many with one. Here the worst arrival,
 * right after a pass has begun, is every tenth. */
START_TEST(short_traces_are_not_stuck_behind_long_ones)
{
    static const uint32_t shapes[][2] = {{1, 8}, {1, 200}, {8, 1}, {16, 4}, {40, 1}};
    double unloaded = unloaded_p99();
    ck_assert(fabs(unloaded - (PASS_MS + 300 * TOKEN_MS)) < PASS_MS + CHUNK * TOKEN_MS + 1);
    unloaded = PASS_MS + 300 * TOKEN_MS;
    background_clients = shapes[_i][0];
    background_depth = shapes[_i][1];
    sim_open(4000, true);
    feed_long();
    for (int i = 0; i < 50; i++) {
        turn();
    }
    double p99 = p99_of_300(50, 200, 300, feed_long);
    printf("background %2u x %3u: p99 %.0f ms, %.2f x unloaded\n", background_clients,
           background_depth, p99, p99 / unloaded);
    ck_assert(p99 <= 4 * unloaded);
    finish_all();
    sim_close();
}
END_TEST

/* The same client sends the long ones: shortest first, and the oldest is not forgotten. */
START_TEST(within_one_client_too)
{
    background_clients = 1;
    background_depth = 100;
    sim_open(8000, true);
    feed_long();
    double p99 = p99_of_300(1, 100, 300, feed_long);
    ck_assert(p99 <= 4 * (PASS_MS + 300 * TOKEN_MS));
    finish_all();
    sim_close();
}
END_TEST

/* Clients that always have work get equal work, whatever the size of their traces and however many
 * they have waiting. */
START_TEST(equal_shares)
{
    static const uint32_t tokens[] = {40, 300, 600, 4096, 1500};
    static const uint32_t depth[] = {2000, 20, 1, 30, 3};
    uint32_t open[5] = {0}, first[5] = {0};
    sim_open(6000, true);
    for (int round = 0; round < 1200; round++) {
        for (uint32_t c = 0; c < 5; c++) {
            open[c] = 0;
            for (uint32_t i = first[c]; i < sim.n_tasks; i++) {
                bool mine = sim.tasks[i].client == c + 1;
                open[c] += mine && !sim.tasks[i].ended;
                first[c] = open[c] == 0 ? i : first[c];
            }
            while (open[c] < depth[c] && sim.n_tasks < JOBS_MAX) {
                submit((struct order){.client = c + 1, .tokens = tokens[c]});
                open[c]++;
            }
        }
        turn();
    }
    uint64_t least = UINT64_MAX, most = 0;
    for (uint32_t c = 1; c <= 5; c++) {
        printf("client %u: %llu\n", c, (unsigned long long)sim.served[c]);
        least = RW_MIN(sim.served[c], least);
        most = RW_MAX(sim.served[c], most);
    }
    printf("5 clients: %llu to %llu tokens each\n", (unsigned long long)least,
           (unsigned long long)most);
    ck_assert_uint_le(most - least, 4 * CHUNK);
    finish_all();
    sim_close();
}
END_TEST

/* Thousands of traces of one client, then another comes with ten: it is through in about twice the
 * time it would take alone. */
START_TEST(a_flood_does_not_starve_another)
{
    sim_open(4000, true);
    for (int i = 0; i < 5000; i++) {
        submit((struct order){.client = 1, .tokens = 150});
    }
    for (int i = 0; i < 10; i++) {
        turn();
    }
    double begin = sim.now_ms, end = 0;
    uint32_t first = sim.n_tasks;
    for (int i = 0; i < 10; i++) {
        submit((struct order){.client = 2, .tokens = 150});
    }
    while (!sim.tasks[first + 9].ended) {
        turn();
    }
    end = sim.now_ms;
    double alone = 3 * PASS_MS + 1500 * TOKEN_MS;
    ck_assert(end - begin <= 2 * alone + PASS_MS + CHUNK * TOKEN_MS);
    finish_all();
    sim_close();
}
END_TEST

/* Many passers-by, each with one short trace, against one client that always has work: they go
 * first, with half of the work at most, and 60 of them come around. Its share is a 61st at least;
 * it gets more, for only eight are there at a time. */
START_TEST(passers_by_do_not_starve_a_regular)
{
    sim_open(4000, true);
    uint32_t next = 10, id = submit((struct order){.client = 1, .tokens = 4096});
    for (int i = 0; i < 400 && !sim.tasks[id].ended; i++) {
        while (sim.n_open < 9) {
            submit((struct order){.client = 2 + next++ % 60, .tokens = 400});
        }
        turn();
    }
    ck_assert(sim.tasks[id].ended);
    printf("a regular among passers-by: 1/%.1f of the work\n", (double)sim.served_all / 4096);
    ck_assert_uint_le(sim.served_all, 24 * 4096);
    finish_all();
    sim_close();
}
END_TEST

/* Inside one client an endless row of short traces does not starve a long one: at least every
 * fourth slice is the oldest's. */
START_TEST(the_oldest_of_a_client_comes_through)
{
    sim_open(4000, true);
    uint32_t id = submit((struct order){.client = 1, .tokens = 4096});
    while (!sim.tasks[id].ended) {
        while (sim.n_open < 30) {
            submit((struct order){.client = 1, .tokens = 100});
        }
        turn();
        ck_assert_uint_le(sim.served_all, 8 * 4096);
    }
    finish_all();
    sim_close();
}
END_TEST

START_TEST(low_priority_has_a_sixteenth_and_what_is_left)
{
    sim_open(4000, true);
    background_clients = 2;
    background_depth = 10;
    submit((struct order){.client = 9, .tokens = 2000, .priority = RW_PRIORITY_LOW});
    while (turn()) { /* alone it has everything */
    }
    ck_assert_uint_eq(sim.served_low, 2000);
    for (int i = 0; i < 40; i++) {
        submit((struct order){.client = 9, .tokens = 2000, .priority = RW_PRIORITY_LOW});
    }
    uint64_t before = sim.served_all;
    sim.served_low = 0;
    for (int i = 0; i < 1000; i++) {
        while (sim.n_open < 60) {
            submit((struct order){.client = 1 + sim.n_tasks % 2, .tokens = 700});
        }
        turn();
    }
    double share = (double)sim.served_low / (double)(sim.served_all - before);
    printf("low priority under saturation: %.3f of the work\n", share);
    ck_assert(share > 0.9 / 17 && share < 1.2 / 17);
    finish_all();
    sim_close();
}
END_TEST

/* A normal job waits for a block that a low one computes: the low one goes on in its name. */
START_TEST(who_waits_passes_his_turn_on)
{
    sim_open(4000, true);
    uint32_t low =
        submit((struct order){.client = 9, .tokens = 3000, .priority = RW_PRIORITY_LOW, .text = 7});
    turn();
    uint32_t normal = submit((struct order){.client = 1, .tokens = 2500, .text = 7});
    background_clients = 3;
    background_depth = 4;
    double begin = sim.now_ms;
    while (!sim.tasks[normal].ended) {
        feed_long();
        turn();
    }
    /* A quarter of the work was its share; at a sixteenth it would have taken four times as long.
     */
    ck_assert(sim.now_ms - begin < 1.6 * 4 * 2500 * (TOKEN_MS + PASS_MS / CHUNK * 2));
    (void)low;
    finish_all();
    sim_close();
}
END_TEST

/* Memory of 128 blocks: a job of 100 blocks comes while small ones keep coming. It starts, and they
 * are not stuck meanwhile. */
START_TEST(large_and_small_share_memory)
{
    sim_open(128, _i == 1);
    for (int i = 0; i < 16; i++) {
        submit((struct order){.client = 2, .tokens = 400});
    }
    turn();
    uint32_t large = submit((struct order){.client = 1, .tokens = 64 * (_i == 2 ? 128 : 90)});
    double worst = 0;
    uint32_t seen = 0;
    for (int i = 0; i < 3000 && !sim.tasks[large].ended; i++) {
        while (sim.n_open < 17) {
            submit((struct order){.client = 2, .tokens = 400});
        }
        turn();
        for (; seen < sim.n_tasks && sim.tasks[seen].ended; seen++) {
            double took = sim.tasks[seen].ended_ms - sim.tasks[seen].submitted_ms;
            worst = RW_MAX(took, worst);
        }
    }
    ck_assert(sim.tasks[large].ended);
    printf("large job of %d blocks of 128: %.1f s\n", _i == 2 ? 128 : 90,
           sim.tasks[large].ended_ms / 1000);
    finish_all();
    sim_close();
}
END_TEST

/* Anything at all: every job ends, and every pass is a legal one (check_pass). */
START_TEST(anything)
{
    uint64_t state = 88172645463325252u + (uint64_t)_i * 7919;
    sim_open(200 + 100 * (uint32_t)(_i % 5), _i % 3 != 0);
    for (int i = 0; i < 600; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        uint32_t r = (uint32_t)(state >> 24);
        submit((struct order){.client = r % 7,
                              .tokens = 1 + (r >> 3) % (r % 11 == 0 ? 5000 : 500),
                              .model = (r >> 5) % MODELS,
                              .priority = r % 5 == 0 ? RW_PRIORITY_LOW : RW_PRIORITY_NORMAL,
                              .text = r % 3 == 0 ? 1 + r % 4 : 0});
        for (uint32_t k = r % 4; k > 0; k--) {
            turn();
        }
    }
    finish_all();
    for (uint32_t i = 0; i < sim.n_tasks; i++) {
        ck_assert(sim.tasks[i].ended);
    }
    sim_close();
}
END_TEST

/* More clients than flows: strangers share, nobody is lost. */
START_TEST(more_clients_than_flows)
{
    sim_open(4000, true);
    for (uint32_t i = 0; i < 2 * RW_FLOWS_MAX; i++) {
        submit((struct order){.client = i, .tokens = 20});
    }
    finish_all();
    ck_assert_uint_eq(sim.served_all, 2 * RW_FLOWS_MAX * 20);
    sim_close();
}
END_TEST

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    Suite *suite = suite_create("scheduler");
    TCase *tc = tcase_create("scheduler");
    tcase_set_timeout(tc, 100);
    tcase_add_loop_test(tc, short_traces_are_not_stuck_behind_long_ones, 0, 5);
    tcase_add_test(tc, within_one_client_too);
    tcase_add_test(tc, equal_shares);
    tcase_add_test(tc, a_flood_does_not_starve_another);
    tcase_add_test(tc, passers_by_do_not_starve_a_regular);
    tcase_add_test(tc, the_oldest_of_a_client_comes_through);
    tcase_add_test(tc, low_priority_has_a_sixteenth_and_what_is_left);
    tcase_add_test(tc, who_waits_passes_his_turn_on);
    tcase_add_loop_test(tc, large_and_small_share_memory, 0, 3);
    tcase_add_loop_test(tc, anything, 0, 20);
    tcase_add_test(tc, more_clients_than_flows);
    suite_add_tcase(suite, tc);
    return rw_test_run(suite);
}
