/* core/engine/cache, radix and core/model/kv against a reference: KV memory that holds, at every
 * position, a hash of the whole prefix. Whatever was shared, copied, extended, evicted or left half
 * done, a job must find the hash of its own prefix before each position it computes, and get the
 * scores of it. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/hash.h"
#include "core/base/util.h"
#include "core/engine/cache.h"
#include "core/engine/model.h"
#include "tests/lib/suite.h"

enum {
    JOBS = 24, /* that run at once, at most */
    TOKENS_MAX = 330,
    SEEN_MAX = 1 << 16,
};

static uint64_t random_state;

static uint32_t rnd(uint32_t n)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state >> 33) % n;
}

/* ---- the reference --------------------------------------------------------------------------- */

static uint64_t prefix_hash(const struct rw_job *job, uint32_t position)
{
    return rw_hash64(job->input->ids, (position + 1) * sizeof(int32_t), 7) | 1;
}

static struct rw_score score_of(uint64_t hash)
{
    float reward = (float)(hash % 1000) / 1000.0f;
    return (struct rw_score){.raw = (float)(hash % 65521), .reward = reward};
}

static void feature_of(uint64_t hash, float *feature)
{
    for (int i = 0; i < RW_FEATURE_DIM; i++) {
        feature[i] = (float)((hash >> (i % 32)) & 0xFFFF);
    }
}

static uint64_t seen[SEEN_MAX]; /* distinct prefixes of all jobs */
static size_t n_seen;

static void see(uint64_t hash)
{
    size_t at = hash % SEEN_MAX;
    while (seen[at] != 0 && seen[at] != hash) {
        at = (at + 1) % SEEN_MAX;
    }
    n_seen += seen[at] == 0;
    ck_assert_uint_lt(n_seen, SEEN_MAX / 2);
    seen[at] = hash;
}

/* ---- a model without weights ----------------------------------------------------------------- */

struct world {
    struct rw_package package;
    struct rw_weights weights;
    struct rw_model model;
    struct rw_kv_budget budget;
    struct rw_prefix_cache cache;
    struct rw_job *jobs[JOBS];
    struct rw_input inputs[JOBS];
    uint64_t tokens_computed;
    uint64_t tokens_cached;
    uint64_t waits;
    uint64_t stored; /* tokens that were read again only */
    uint64_t jobs_done;
};

static void open_world(struct world *w, uint32_t blocks, uint32_t cached_blocks)
{
    *w = (struct world){0};
    w->package.recipe.kind = RW_KIND_PROCESS;
    w->weights.config.layers = 1;
    w->weights.config.kv_heads = 1;
    w->weights.config.head_dim = 16;
    w->weights.config.vocab = 100;
    w->weights.dtype = RW_DTYPE_F32;
    w->model.package = &w->package;
    w->model.weights = &w->weights;
    w->model.info.context_max = 100000;
    size_t block_bytes = rw_kv_pool_block_bytes(&w->weights.config, RW_DTYPE_F32);
    w->budget.max_bytes = blocks * block_bytes;
    rw_prefix_cache_init(&w->cache, &w->budget, cached_blocks * block_bytes);
    ck_assert_int_eq(
        rw_kv_pool_create(&w->budget, &w->weights.config, RW_DTYPE_F32, &w->model.kv, NULL), RW_OK);
    if (cached_blocks > 0) {
        ck_assert_int_eq(rw_radix_create(w->model.kv, &w->model.radix, NULL), RW_OK);
    }
    memset(seen, 0, sizeof seen);
    n_seen = 0;
}

static void close_world(struct world *w)
{
    ck_assert_uint_eq(w->budget.reserved_bytes, 0);
    rw_prefix_cache_clear(&w->cache);
    ck_assert_uint_eq(w->budget.cached_bytes, 0);
    rw_radix_destroy(w->model.radix);
    rw_kv_pool_destroy(w->model.kv);
    ck_assert_uint_eq(w->budget.resident_bytes, 0);
}

/* ---- jobs ------------------------------------------------------------------------------------ */

struct habits {
    bool markers;  /* steps end at token 0 and at the end: the same for equal prefixes */
    bool features; /* some want them */
    bool stops;
    bool cancels;
    uint32_t letters;
};

static uint32_t free_slot(const struct world *w)
{
    uint32_t i = 0;
    while (i < JOBS && w->jobs[i] != NULL) {
        i++;
    }
    return i;
}

/* A walk that branches now and then from a fixed text, so that prefixes of all lengths are shared.
 */
static void make_ids(struct rw_input *in, const struct habits *habits)
{
    uint32_t path = 0;
    for (uint32_t i = 0; i < in->n_tokens; i++) {
        path = rnd(40) == 0 ? path + 1 + rnd(3) : path;
        in->ids[i] = (int32_t)((i * 7 + i / 5 + path * 3) % habits->letters);
    }
    in->ids[in->n_tokens - 1] = 0;
}

static void make_steps(struct rw_input *in, const struct habits *habits)
{
    for (uint32_t i = 0; i < in->n_tokens; i++) {
        bool end = habits->markers ? in->ids[i] == 0 : rnd(12) == 0;
        if (end || i + 1 == in->n_tokens) {
            in->steps[in->n_steps++].position = i;
        }
    }
    in->n_scored_steps = in->n_steps;
}

static struct rw_job *make_job(struct world *w, uint32_t slot, uint32_t n,
                               const struct habits *habits)
{
    struct rw_input *in = &w->inputs[slot];
    *in = (struct rw_input){.n_tokens = n};
    in->ids = rw_alloc_array(n, sizeof *in->ids);
    in->steps = rw_alloc_zero(n, sizeof *in->steps);
    make_ids(in, habits);
    make_steps(in, habits);
    struct rw_job_spec spec = {.model = &w->model, .input = in, .stop_below = NAN};
    spec.stop_below = habits->stops && rnd(3) == 0 ? 0.1f : NAN;
    spec.want_features = habits->features && rnd(2) == 0;
    struct rw_job *job;
    ck_assert_int_eq(rw_jobs_create(&spec, 1, 0, &job, NULL), RW_OK);
    for (uint32_t i = 0; i < n; i++) {
        see(prefix_hash(job, i));
    }
    return job;
}

static void check_result(const struct rw_job *job)
{
    for (uint32_t s = 0; s < job->scores_done; s++) {
        uint64_t hash = prefix_hash(job, rw_job_position(job, s));
        struct rw_score want = score_of(hash);
        ck_assert(job->scores[s].raw == want.raw && job->scores[s].reward == want.reward);
        if (job->features != NULL) {
            float feature[RW_FEATURE_DIM];
            feature_of(hash, feature);
            ck_assert_mem_eq(job->features + s * RW_FEATURE_DIM, feature, sizeof feature);
        }
    }
}

static void end_job(struct world *w, uint32_t slot, bool complete)
{
    struct rw_job *job = w->jobs[slot];
    check_result(job);
    if (complete) {
        ck_assert(job->stopped || job->scores_done == job->n_scores);
        ck_assert_uint_eq(job->spent.tokens + job->spent.cached_tokens, job->tokens_done);
        w->jobs_done++;
    }
    w->tokens_cached += job->spent.cached_tokens;
    rw_cache_release(&w->cache, job);
    ck_assert_uint_le(w->budget.cached_bytes, w->cache.max_bytes);
    rw_job_destroy(job);
    rw_free(w->inputs[slot].ids);
    rw_free(w->inputs[slot].steps);
    w->jobs[slot] = NULL;
}

/* ---- a pass ---------------------------------------------------------------------------------- */

static uint64_t *slot_of(const struct rw_job *job, uint32_t position)
{
    uint64_t *block = rw_kv_block(job->model->kv, job->kv.blocks[position / 64], 0, 0, false);
    return block + position % 64;
}

/* What attention would read. */
static void check_prefix(const struct rw_job *job)
{
    for (uint32_t i = 0; i < job->tokens_done; i++) {
        if (*slot_of(job, i) != prefix_hash(job, i)) { /* an assertion each would take minutes */
            ck_abort_msg("token %u of the prefix is another one's", i);
        }
    }
}

static void compute(struct world *w, struct rw_job *job, uint32_t n)
{
    uint32_t begin = job->tokens_done, first = job->scores_done;
    bool stored = rw_cache_stored(job);
    ck_assert(!stored || n == 1);
    w->stored += stored;
    for (uint32_t i = begin; i < begin + n; i++) {
        uint64_t hash = prefix_hash(job, i);
        if (stored) { /* read again, not written */
            ck_assert_uint_eq(*slot_of(job, i), hash);
        }
        *slot_of(job, i) = hash;
        if (!job->stopped && job->scores_done < job->n_scores &&
            rw_job_position(job, job->scores_done) == i) {
            struct rw_score score = score_of(hash);
            float feature[RW_FEATURE_DIM];
            feature_of(hash, feature);
            rw_job_take_score(job, &score, feature);
        }
    }
    job->tokens_done += n;
    job->spent.tokens += n;
    w->tokens_computed += n;
    rw_cache_settle(job, begin, first);
}

static bool is_running(const struct world *w, const struct rw_job *job)
{
    for (uint32_t i = 0; i < JOBS; i++) {
        if (w->jobs[i] == job) {
            return true;
        }
    }
    return false;
}

/* The last block that attention reads for n more tokens. */
static uint32_t last_block(const struct rw_job *job, uint32_t n)
{
    return (job->tokens_done + n - 1) / 64;
}

/* Slices of a pass are computed at the same time: what one writes no other may read. */
static void check_writer(const struct world *w, uint32_t writer, const uint32_t *slices)
{
    const struct rw_job *job = w->jobs[writer];
    for (uint32_t i = 0; i < JOBS && !rw_cache_stored(job); i++) {
        const struct rw_job *other = w->jobs[i];
        if (slices[i] == 0 || i == writer) {
            continue;
        }
        uint32_t end = last_block(job, slices[writer]), read = last_block(other, slices[i]);
        for (uint32_t b = job->tokens_done / 64; b <= end && b <= read; b++) {
            if (other->kv.blocks[b] == job->kv.blocks[b]) {
                ck_abort_msg("block %u is written and read in one pass", b);
            }
        }
    }
}

/* One pass over the running jobs in random order, of `budget` tokens. */
static void pass(struct world *w, uint32_t budget)
{
    uint32_t slices[JOBS] = {0}, order[JOBS], n_order = 0, first = rnd(JOBS);
    uint32_t done[JOBS], n_done = 0;
    bool any = false;
    for (uint32_t k = 0; k < JOBS && budget > 0; k++) {
        uint32_t i = (first + k) % JOBS, max;
        struct rw_job *owner = NULL;
        if (w->jobs[i] == NULL) {
            continue;
        }
        any = true;
        enum rw_cache_step step = rw_cache_advance(&w->cache, w->jobs[i], &max, &owner);
        if (step == RW_CACHE_WAIT) {
            ck_assert(owner != w->jobs[i] && is_running(w, owner));
            w->waits++;
            continue;
        }
        if (step == RW_CACHE_DONE) {
            done[n_done++] = i;
            continue;
        }
        uint32_t n = 1 + rnd(RW_MIN(max, budget));
        ck_assert_uint_ge(max, 1);
        slices[i] = n;
        order[n_order++] = i;
        budget -= n;
    }
    ck_assert(n_order + n_done > 0 || !any); /* nobody waits for ever */
    for (uint32_t k = 0; k < n_order; k++) {
        rw_cache_prepare(w->jobs[order[k]], slices[order[k]]);
    }
    for (uint32_t k = 0; k < n_done; k++) {
        end_job(w, done[k], true);
    }
    for (uint32_t k = 0; k < n_order; k++) {
        check_prefix(w->jobs[order[k]]);
        check_writer(w, order[k], slices);
    }
    for (uint32_t k = 0; k < n_order; k++) {
        struct rw_job *job = w->jobs[order[k]];
        compute(w, job, slices[order[k]]);
        if (job->stopped || job->scores_done == job->n_scores) {
            end_job(w, order[k], true);
        }
    }
}

static uint32_t n_running(const struct world *w)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < JOBS; i++) {
        n += w->jobs[i] != NULL;
    }
    return n;
}

static bool try_start(struct world *w, struct rw_job *job, uint32_t slot)
{
    size_t cached = w->budget.cached_bytes, held = w->budget.reserved_bytes;
    bool nobody = n_running(w) == 0;
    if (rw_cache_start(&w->cache, job)) {
        w->jobs[slot] = job;
        return true;
    }
    ck_assert_uint_eq(w->budget.cached_bytes, cached);
    ck_assert_uint_eq(w->budget.reserved_bytes, held);
    /* The cache never keeps a job out that would fit into empty memory. */
    ck_assert(!nobody);
    return false;
}

static void run(struct world *w, uint32_t n_jobs, uint32_t blocks, const struct habits *habits)
{
    uint32_t begun = 0, longest = blocks * 64 < TOKENS_MAX ? blocks * 64 : TOKENS_MAX;
    struct rw_job *waiting = NULL;
    uint32_t slot = 0;
    while (begun < n_jobs || waiting != NULL || n_running(w) > 0) {
        for (uint32_t tries = 1 + rnd(5); tries > 0; tries--) {
            if (waiting == NULL && begun < n_jobs && free_slot(w) < JOBS) {
                slot = free_slot(w);
                waiting = make_job(w, slot, 1 + rnd(longest), habits);
                begun++;
            }
            if (waiting != NULL && try_start(w, waiting, slot)) {
                waiting = NULL;
            }
        }
        ck_assert_uint_le(w->budget.reserved_bytes + w->budget.cached_bytes, w->budget.max_bytes);
        pass(w, 1 + rnd(400));
        ck_assert_uint_le(w->budget.resident_bytes, w->budget.max_bytes);
        uint32_t victim = rnd(JOBS);
        if (habits->cancels && rnd(5) == 0 && w->jobs[victim] != NULL) {
            end_job(w, victim, false);
        }
    }
}

/* Room for everything: what is computed is exactly what is distinct. */
START_TEST(each_token_once)
{
    const struct habits habits = {.markers = true, .features = _i % 2 == 1, .letters = 5};
    static struct world w;
    random_state = 1000 + (uint64_t)_i;
    open_world(&w, 4000, 4000);
    run(&w, 150, 4000, &habits);
    if (!habits.features) {
        ck_assert_uint_eq(w.tokens_computed, n_seen);
        ck_assert_uint_eq(w.stored, 0);
    } else {
        ck_assert_uint_gt(w.stored, 0);
    }
    /* A feature that was not read the first time costs its row: at most one per step. */
    ck_assert_uint_ge(w.tokens_computed, n_seen);
    ck_assert_uint_le(w.tokens_computed, n_seen + n_seen / 3);
    ck_assert_uint_eq(w.jobs_done, 150);
    ck_assert_uint_gt(w.waits, 0);
    close_world(&w);
}
END_TEST

/* Everything at random: tight memory, steps anywhere, stops, cancelled owners. */
START_TEST(whatever_happens_the_prefix_is_right)
{
    static struct world w;
    random_state = 77 + (uint64_t)_i * 7919;
    uint32_t blocks = 6 + rnd(60);
    struct habits habits = {.markers = rnd(2) == 0,
                            .features = rnd(2) == 0,
                            .stops = rnd(2) == 0,
                            .cancels = rnd(2) == 0,
                            .letters = 2 + rnd(6)};
    open_world(&w, blocks, _i % 10 == 9 ? 0 : 1 + rnd(blocks));
    run(&w, 120, blocks, &habits);
    ck_assert_uint_gt(w.jobs_done, 20);
    close_world(&w);
}
END_TEST

/* ---- single cases ---------------------------------------------------------------------------- */

static uint32_t add_spec(struct world *w, const int32_t *ids, uint32_t n, struct rw_job_spec spec)
{
    uint32_t slot = free_slot(w);
    struct rw_input *in = &w->inputs[slot];
    *in = (struct rw_input){.n_tokens = n};
    in->ids = rw_alloc_array(n, sizeof *in->ids);
    in->steps = rw_alloc_zero(n, sizeof *in->steps);
    memcpy(in->ids, ids, n * sizeof *ids);
    for (uint32_t i = 0; i < n; i++) {
        if (ids[i] == 0 || i + 1 == n) {
            in->steps[in->n_steps++].position = i;
        }
    }
    in->n_scored_steps = in->n_steps;
    spec.model = &w->model;
    spec.input = in;
    spec.stop_below = NAN;
    ck_assert_int_eq(rw_jobs_create(&spec, 1, 0, &w->jobs[slot], NULL), RW_OK);
    ck_assert(rw_cache_start(&w->cache, w->jobs[slot]));
    return slot;
}

static uint32_t add_job(struct world *w, const int32_t *ids, uint32_t n, bool features)
{
    return add_spec(w, ids, n, (struct rw_job_spec){.want_features = features});
}

static uint64_t cost_spec(struct world *w, const int32_t *ids, uint32_t n, struct rw_job_spec spec)
{
    uint64_t before = w->tokens_computed;
    uint32_t slot = add_spec(w, ids, n, spec);
    while (w->jobs[slot] != NULL) {
        pass(w, 512);
    }
    return w->tokens_computed - before;
}

static uint64_t cost_of(struct world *w, const int32_t *ids, uint32_t n, bool features)
{
    return cost_spec(w, ids, n, (struct rw_job_spec){.want_features = features});
}

static uint64_t cost_alone(struct world *w, const int32_t *ids, uint32_t n)
{
    return cost_spec(w, ids, n, (struct rw_job_spec){.alone = true});
}

START_TEST(a_growing_trace_pays_for_its_new_steps)
{
    static struct world w;
    int32_t ids[500];
    open_world(&w, 100, 100);
    random_state = 5;
    for (int i = 0; i < 500; i++) {
        ids[i] = i % 10 == 9 ? 0 : 1 + (i * 31) % 97;
    }
    ck_assert_uint_eq(cost_of(&w, ids, 200, false), 200);
    for (uint32_t n = 210; n <= 500; n += 10) {
        ck_assert_uint_eq(cost_of(&w, ids, n, false), 10);
    }
    ck_assert_uint_eq(w.cache.idle, 8); /* blocks extended in place: 500 / 64 rounded up */
    ck_assert_uint_eq(cost_of(&w, ids, 500, false), 0);
    ck_assert_uint_eq(cost_of(&w, ids, 300, false), 0); /* a step that is a prefix */
    ck_assert_uint_eq(cost_of(&w, ids, 500, true), 50); /* its features were never read */
    ck_assert_uint_eq(cost_of(&w, ids, 500, true), 0);
    ids[495]++;
    ck_assert_uint_eq(cost_of(&w, ids, 500, false), 5); /* another last step: from a copy */
    close_world(&w);
}
END_TEST

START_TEST(a_job_alone_neither_takes_nor_leaves)
{
    static struct world w;
    static const int32_t ids[3] = {5, 6, 7};
    open_world(&w, 100, 100);
    random_state = 7;
    for (int again = 0; again < 3; again++) {
        ck_assert_uint_eq(cost_alone(&w, ids, 3), 3);
        ck_assert_uint_eq(w.cache.idle, 0);
    }
    ck_assert_uint_eq(cost_of(&w, ids, 3, false), 3);
    ck_assert_uint_eq(cost_of(&w, ids, 3, false), 0);
    ck_assert_uint_eq(cost_alone(&w, ids, 3), 3);
    ck_assert_uint_eq(w.cache.idle, 1);
    close_world(&w);
}
END_TEST

START_TEST(a_group_at_once_computes_its_prompt_once)
{
    static struct world w;
    static int32_t ids[2048 + 20 + 256];
    uint64_t unique = 2048 + 16 * 256;
    open_world(&w, 800, 400);
    random_state = 6;
    for (int prompt = 2048 - 20; prompt <= 2048 + 20; prompt += 20) { /* mid-block or not */
        uint64_t before = w.tokens_computed;
        for (int i = 0; i < prompt; i++) {
            ids[i] = 1 + (i * 31 + prompt) % 97;
        }
        for (int t = 0; t < 16; t++) {
            for (int i = prompt; i < prompt + 256; i++) {
                ids[i] = 1 + (i * 17 + t * 7) % 97;
            }
            add_job(&w, ids, (uint32_t)prompt + 256, false);
        }
        uint64_t done = w.jobs_done;
        while (w.jobs_done < done + 16) {
            pass(&w, 512);
        }
        uint64_t computed = w.tokens_computed - before;
        ck_assert_uint_le(computed, unique + 20); /* exactly what is distinct */
        ck_assert_uint_gt(w.waits, 0);
    }
    close_world(&w);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cache");
    TCase *tc = tcase_create("cache");
    tcase_set_timeout(tc, 100);
    tcase_add_loop_test(tc, each_token_once, 0, 10);
    tcase_add_loop_test(tc, whatever_happens_the_prefix_is_right, 0, 100);
    tcase_add_test(tc, a_growing_trace_pays_for_its_new_steps);
    tcase_add_test(tc, a_job_alone_neither_takes_nor_leaves);
    tcase_add_test(tc, a_group_at_once_computes_its_prompt_once);
    suite_add_tcase(suite, tc);
    return rw_test_run(suite);
}
