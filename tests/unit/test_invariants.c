/* A structure that was broken ends the process where it is used next, and not in a score: one field
 * is overwritten in a child, and the assertion that fails must be that of the structure's check.
 * The same calls on the structure as it was go through first. */
#include <check.h>
#include <math.h>
#include <string.h>

#include "core/base/hash.h"
#include "core/engine/model.h"
#include "core/engine/scheduler.h"
#include "core/kernels/team.h"
#include "core/run/run_parts.h"
#include "core/shortcut/bank_parts.h"
#include "tests/lib/crash.h"
#include "tests/lib/suite.h"

static struct rw_error err;

/* ---- one model without weights, its cache and scheduler -------------------------------------- */

enum {
    CHUNK = 64,
    TOKENS = 100, /* of a job: two blocks */
    BLOCKS = 8,
};

static struct rw_package package;
static struct rw_weights weights;
static struct rw_model model;
static struct rw_kv_budget budget;
static struct rw_prefix_cache cache;
static struct rw_scheduler scheduler;
static struct rw_scheduler_host host;
static int32_t ids[TOKENS];
static struct rw_input_step step = {.position = TOKENS - 1};
static struct rw_input input = {
    .ids = ids, .n_tokens = TOKENS, .steps = &step, .n_steps = 1, .n_scored_steps = 1};
static struct rw_job *job;

static bool host_start(void *ctx, struct rw_job *started)
{
    (void)ctx;
    return rw_cache_start(&cache, started);
}

static enum rw_cache_step host_advance(void *ctx, struct rw_job *advanced, uint32_t *tokens_max,
                                       struct rw_job **owner)
{
    (void)ctx;
    return rw_cache_advance(&cache, advanced, tokens_max, owner);
}

static struct rw_job *new_job(void)
{
    struct rw_job *out;
    struct rw_job_spec spec = {.model = &model, .input = &input, .stop_below = NAN};
    ck_assert_int_eq(rw_jobs_create(&spec, 1, 0, &out, &err), RW_OK);
    return out;
}

static void setup(void)
{
    package.recipe.kind = RW_KIND_PROCESS;
    weights.config = (struct rw_config){.layers = 1, .kv_heads = 1, .head_dim = 16, .vocab = 1};
    weights.dtype = RW_DTYPE_F32;
    model.package = &package;
    model.weights = &weights;
    model.info.context_max = TOKENS;
    budget.max_bytes = BLOCKS * rw_kv_pool_block_bytes(&weights.config, RW_DTYPE_F32);
    rw_prefix_cache_init(&cache, &budget, budget.max_bytes);
    ck_assert_int_eq(rw_kv_pool_create(&budget, &weights.config, RW_DTYPE_F32, &model.kv, &err),
                     RW_OK);
    ck_assert_int_eq(rw_radix_create(model.kv, &model.radix, &err), RW_OK);
    host = (struct rw_scheduler_host){host_start, host_advance, NULL, budget.max_bytes,
                                      &budget.reserved_bytes};
    ck_assert_int_eq(rw_scheduler_init(&scheduler, &host, CHUNK, &err), RW_OK);
    job = new_job();
}

/* ---- prefix cache ---------------------------------------------------------------------------- */

static struct rw_radix_node *first_node(void)
{
    return &model.radix->nodes[job->kv.blocks[0]];
}

static void advance(void)
{
    uint32_t tokens_max;
    struct rw_job *owner;
    ck_assert_int_eq(rw_cache_advance(&cache, job, &tokens_max, &owner), RW_CACHE_COMPUTE);
}

static void compute(void)
{
    uint32_t begin = job->tokens_done;
    rw_cache_prepare(job, TOKENS - begin);
    job->tokens_done = TOKENS;
    rw_cache_settle(job, begin, job->scores_done);
}

static void nothing(void)
{
}

static void claim_uncomputed(void)
{
    first_node()->computed = 1; /* of a fresh node that is no copy */
}

static void claim_too_much(void)
{
    first_node()->computed = RW_NODE_TOKENS + 1;
    first_node()->copy_from = job->kv.blocks[0];
}

static void lose_the_parent(void)
{
    first_node()->parent = BLOCKS - 1; /* which nobody holds */
}

static void run_cache(void *ctx)
{
    void (*break_it)(void) = *(void (**)(void))ctx;
    ck_assert(rw_cache_start(&cache, job));
    advance();
    break_it();
    compute();
    rw_cache_release(&cache, job);
}

START_TEST(a_node_that_contradicts_itself_aborts)
{
    static void (*const BREAKS[])(void) = {claim_uncomputed, claim_too_much, lose_the_parent};
    for (size_t i = 0; i < RW_COUNT(BREAKS); i++) {
        rw_test_dies_in("check_node", run_cache, (void *)&BREAKS[i]);
    }
    void (*intact)(void) = nothing;
    run_cache((void *)&intact);
    ck_assert_uint_eq(cache.idle, 2);
}
END_TEST

static void give_an_idle_node_an_owner(void *ctx)
{
    struct rw_job *next = ctx;
    cache.oldest->owner = job;
    rw_cache_start(&cache, next);
}

static void miscount_idle_nodes(void *ctx)
{
    struct rw_job *next = ctx;
    cache.idle = 0;
    rw_cache_start(&cache, next);
}

START_TEST(an_idle_node_belongs_to_nobody)
{
    void (*intact)(void) = nothing;
    run_cache((void *)&intact);
    static struct rw_job *next; /* as job, it lives until the process of this test ends */
    next = new_job();
    rw_test_dies_in("check_node", give_an_idle_node_an_owner, next);
    rw_test_dies_in("check_idle", miscount_idle_nodes, next);
    ck_assert(rw_cache_start(&cache, next));
    ck_assert_uint_eq(cache.idle, 0);
}
END_TEST

/* ---- KV blocks ------------------------------------------------------------------------------- */

static uint32_t table[BLOCKS];
static struct rw_kv_seq seq = {.blocks = table, .max_blocks = BLOCKS};

static void overdraw(void *ctx)
{
    (void)ctx;
    budget.cached_bytes = budget.max_bytes;
    rw_kv_take(model.kv, &seq);
}

static void take_past_the_table(void *ctx)
{
    (void)ctx;
    seq.max_blocks = seq.n_blocks;
    rw_kv_take(model.kv, &seq);
}

static void drop_a_block_twice(void *ctx)
{
    (void)ctx;
    rw_kv_pop(model.kv, &seq);
    seq.n_blocks++;
    rw_kv_pop(model.kv, &seq);
}

static void destroy_a_pool_in_use(void *ctx)
{
    (void)ctx;
    rw_kv_pool_destroy(model.kv);
}

START_TEST(kv_blocks_are_accounted_for)
{
    ck_assert(rw_kv_reserve(model.kv, &seq, 3));
    rw_kv_take(model.kv, &seq);
    rw_test_dies_in("check_budget", overdraw, NULL);
    rw_test_dies_in("rw_kv_take", take_past_the_table, NULL);
    rw_test_dies_in("rw_kv_pop", drop_a_block_twice, NULL);
    rw_test_dies_in("rw_kv_pool_destroy", destroy_a_pool_in_use, NULL);
    rw_kv_take(model.kv, &seq);
    rw_kv_release(model.kv, &seq);
    ck_assert_uint_eq(budget.reserved_bytes, 0);
}
END_TEST

/* ---- scheduler ------------------------------------------------------------------------------- */

static void turn(void *ctx)
{
    (void)ctx;
    struct rw_slice slices[CHUNK];
    struct rw_job_list done = {0};
    rw_scheduler_begin(&scheduler);
    ck_assert_ptr_eq(rw_scheduler_start(&scheduler), job);
    ck_assert_uint_eq(rw_scheduler_fill(&scheduler, slices, &done), 1);
}

static void miscount_waiting(void *ctx)
{
    job->flow->n_waiting++;
    turn(ctx);
}

static void forget_tokens(void *ctx)
{
    job->flow->tokens = 0;
    turn(ctx);
}

static void serve_infinity(void *ctx)
{
    job->flow->served = INFINITY;
    turn(ctx);
}

static void lose_a_flow(void *ctx)
{
    scheduler.n_spare--;
    turn(ctx);
}

static void overdraw_light_credit(void *ctx)
{
    scheduler.light_credit = 100 * CHUNK;
    turn(ctx);
}

/* The host promises more tokens than the job has. */
static enum rw_cache_step advance_too_far(void *ctx, struct rw_job *advanced, uint32_t *tokens_max,
                                          struct rw_job **owner)
{
    enum rw_cache_step out = host_advance(ctx, advanced, tokens_max, owner);
    *tokens_max = TOKENS + 1;
    return out;
}

static void grant_too_much(void *ctx)
{
    host.advance = advance_too_far;
    turn(ctx);
}

START_TEST(flows_and_credits_are_accounted_for)
{
    rw_scheduler_add(&scheduler, job);
    rw_test_dies_in("check_flow", miscount_waiting, NULL);
    rw_test_dies_in("check_flow", forget_tokens, NULL);
    rw_test_dies_in("check_flow", serve_infinity, NULL);
    rw_test_dies_in("check_scheduler", lose_a_flow, NULL);
    rw_test_dies_in("check_scheduler", overdraw_light_credit, NULL);
    rw_test_dies_in("check_pass", grant_too_much, NULL);
    turn(NULL);
}
END_TEST

/* ---- run monitor ----------------------------------------------------------------------------- */

static struct rw_run *run;
static struct rw_run_trace trace;

static void observe(void *ctx)
{
    (void)ctx;
    struct rw_run_news news;
    ck_assert_int_eq(rw_run_observe(run, &trace, &news, &err), RW_OK);
}

static void miscount_failed(void *ctx)
{
    run->course[RW_RUN_SLOW].failed_in_window = run->course[RW_RUN_SLOW].in_window + 1;
    observe(ctx);
}

static void overfill_the_sample(void *ctx)
{
    run->course[RW_RUN_FAST].n = RW_RUN_FAST_POINTS + 1;
    observe(ctx);
}

static void refer_to_nothing(void *ctx)
{
    run->has_reference = true;
    observe(ctx);
}

START_TEST(a_run_counts_no_more_than_it_saw)
{
    run = rw_run_create(RW_STR("run"), &(struct rw_run_options){.window = RW_RUN_WINDOW_MIN});
    trace.label.step = -1;
    for (int i = 0; i < 10; i++) {
        observe(NULL);
    }
    rw_test_dies_in("rw_run_observe", miscount_failed, NULL);
    rw_test_dies_in("rw_run_observe", overfill_the_sample, NULL);
    rw_test_dies_in("rw_run_observe", refer_to_nothing, NULL);
    observe(NULL);
    rw_run_destroy(run);
}
END_TEST

/* The same in stored bytes is no programmer's error: they are refused, however good their digest.
 */
START_TEST(a_stored_run_that_counts_more_is_refused)
{
    enum {
        VALIDATION_AT = 4 + 4 + 4 + 3 + 6 * 8, /* behind mark, version, "run" and six numbers */
        SUM_BYTES = 16,
    };
    struct rw_buf bytes;
    struct rw_run *out = NULL;
    run = rw_run_create(RW_STR("run"), &(struct rw_run_options){.window = RW_RUN_WINDOW_MIN});
    rw_buf_init(&bytes, RW_RUN_BYTES_MAX);
    for (int lie = 0; lie < 2; lie++) {
        rw_buf_clear(&bytes);
        rw_run_encode(run, &bytes);
        bytes.ptr[VALIDATION_AT] += (char)lie; /* of no traces */
        struct rw_sha256 sha;
        unsigned char sum[RW_SHA256_BYTES];
        rw_sha256_init(&sha);
        rw_sha256_update(&sha, bytes.ptr, bytes.len - SUM_BYTES);
        rw_sha256_final(&sha, sum);
        memcpy(bytes.ptr + bytes.len - SUM_BYTES, sum, SUM_BYTES);
        ck_assert_int_eq(rw_run_decode(rw_buf_str(&bytes), &out, &err), lie ? RW_IO : RW_OK);
        if (!lie) {
            rw_run_destroy(out);
        }
    }
    ck_assert_ptr_nonnull(strstr(err.message, "contradicts itself"));
    rw_run_destroy(run);
    rw_buf_fini(&bytes);
}
END_TEST

/* ---- calibration bank ------------------------------------------------------------------------ */

static struct rw_bank *bank;

static void write_bank(void *ctx)
{
    (void)ctx;
    struct rw_buf out;
    rw_buf_init(&out, 1 << 20);
    rw_bank_write(bank, &out);
    ck_assert(!out.failed);
    rw_buf_fini(&out);
}

static void swap_values(void *ctx)
{
    float *values = bank->domains[0].bins[0].of[0].strangeness;
    values[0] = values[bank->domains[0].bins[0].of[0].n - 1] + 1;
    write_bank(ctx);
}

static void lose_all_bins(void *ctx)
{
    bank->domains[0].n_bins = 0;
    write_bank(ctx);
}

static void begin_behind_the_shortest(void *ctx)
{
    bank->domains[0].bins[0].bytes_min = 1;
    write_bank(ctx);
}

START_TEST(a_bank_out_of_order_is_never_written)
{
    static struct rw_bank_row rows[RW_BANK_N_MIN];
    static const struct rw_bank_version VERSION = {.model = "model"};
    for (size_t i = 0; i < RW_BANK_N_MIN; i++) {
        rows[i].signals.trace_bytes = 100;
        rows[i].signals.of[0] = (struct rw_signal){.known = true, .value = (double)i, .step = -1};
    }
    ck_assert_int_eq(rw_bank_build(&VERSION, rows, RW_BANK_N_MIN, &bank, &err), RW_OK);
    ck_assert_uint_eq(bank->domains[0].bins[0].of[0].n, RW_BANK_N_MIN);
    rw_test_dies_in("rw_bank_write", swap_values, NULL);
    rw_test_dies_in("rw_bank_write", lose_all_bins, NULL);
    rw_test_dies_in("rw_bank_write", begin_behind_the_shortest, NULL);
    write_bank(NULL);
    rw_bank_free(bank);
}
END_TEST

/* ---- compute team ---------------------------------------------------------------------------- */

static void idle(void *team, unsigned member, unsigned members)
{
    (void)team;
    (void)member;
    (void)members;
}

static void run_inside(void *team, unsigned member, unsigned members)
{
    (void)members;
    if (member == 0) {
        rw_team_run(team, idle, team);
    }
}

static void run_a_region_in_a_region(void *ctx)
{
    (void)ctx;
    struct rw_team *team;
    ck_assert_int_eq(rw_team_create(1, &team, &err), RW_OK);
    rw_team_run(team, idle, team);
    rw_team_run(team, run_inside, team);
}

START_TEST(a_team_has_one_caller_at_a_time)
{
    rw_test_dies_in("rw_team_run", run_a_region_in_a_region, NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("invariants");
    TCase *engine = tcase_create("engine");
    tcase_add_checked_fixture(engine, setup, NULL);
    tcase_add_test(engine, a_node_that_contradicts_itself_aborts);
    tcase_add_test(engine, an_idle_node_belongs_to_nobody);
    tcase_add_test(engine, kv_blocks_are_accounted_for);
    tcase_add_test(engine, flows_and_credits_are_accounted_for);
    suite_add_tcase(suite, engine);
    TCase *others = tcase_create("others");
    tcase_add_test(others, a_run_counts_no_more_than_it_saw);
    tcase_add_test(others, a_stored_run_that_counts_more_is_refused);
    tcase_add_test(others, a_bank_out_of_order_is_never_written);
    tcase_add_test(others, a_team_has_one_caller_at_a_time);
    suite_add_tcase(suite, others);
    return rw_test_run(suite);
}
