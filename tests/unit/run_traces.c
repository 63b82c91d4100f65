#include "tests/unit/run_traces.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/base/mix.h"

double run_uniform(uint64_t *seed)
{
    *seed += 1;
    return rw_mix_unit(rw_mix(99, *seed));
}

double run_normal(uint64_t *seed)
{
    return sqrt(-2 * log(run_uniform(seed))) * cos(6.283185307179586 * run_uniform(seed));
}

void run_trace(struct rw_run_trace *t, uint64_t i, double shift)
{
    uint64_t seed = i * 1000003 + 17;
    memset(t, 0, sizeof *t);
    snprintf(t->label.request, sizeof t->label.request, "req-%llu", (unsigned long long)i);
    t->label.step = (int64_t)(i / 64);
    t->label.sample_index = (int64_t)(i % 64);
    t->prompt = i;
    t->trace = rw_mix(i, 5);
    t->group_size = 1;
    t->has_features = true;
    t->verified = run_uniform(&seed) < 0.5 ? 1 : 0;
    t->steps = 3 + floor(run_uniform(&seed) * 6);
    t->bytes = t->steps * (40 + floor(run_uniform(&seed) * 40));
    for (int r = 0; r < RW_RUN_REWARDS; r++) {
        t->reward[r] = 1 / (1 + exp(-run_normal(&seed) - shift));
    }
    for (int s = 0; s < RW_RUN_TRACE_SCORES; s++) {
        t->score[s] = run_normal(&seed) - 3 * shift;
    }
    for (int f = 0; f < RW_PROMPT_DIM; f++) {
        t->prompt_x[f] = run_normal(&seed);
    }
    t->gate = NAN;
    t->has_flags = true;
    t->answer = t->trace;
    for (int k = 0; k < RW_SURFACE_DIM; k++) {
        t->surface[k] = run_normal(&seed);
    }
    for (int k = 0; k < RW_RUN_FEATURES; k++) {
        t->features[k] = (float)(run_normal(&seed) * (shift > 0 && k > 2 ? 0.05 : 1));
    }
    t->flags = i % 10 == 0 ? 5 : 0;
}

struct rw_run *run_create(uint64_t window, uint64_t warm)
{
    struct rw_run_options options = {window, warm, window > 64 ? 64 : 0};
    struct rw_run *run = rw_run_create(RW_STR("a run"), &options);
    ck_assert_ptr_nonnull(run);
    return run;
}

uint32_t run_observe(struct rw_run *run, uint64_t from, uint64_t to, double shift)
{
    static struct rw_run_trace t;
    static struct rw_run_news news;
    struct rw_error err = {0};
    uint32_t rang = 0;
    for (uint64_t i = from; i < to; i++) {
        run_trace(&t, i, shift);
        ck_assert_int_eq(rw_run_observe(run, &t, &news, &err), RW_OK);
        for (uint32_t k = 0; k < news.n_alarms; k++) {
            rang |= UINT32_C(1) << news.alarm[k].rule;
            ck_assert_uint_gt(strlen(news.alarm[k].sentence), 20);
            ck_assert_uint_lt(strlen(news.alarm[k].sentence), RW_RUN_SENTENCE_MAX - 1);
        }
    }
    return rang;
}

void run_ck_same(const struct rw_run *a, const struct rw_run *b)
{
    struct rw_buf x;
    struct rw_buf y;
    rw_buf_init(&x, RW_RUN_BYTES_MAX);
    rw_buf_init(&y, RW_RUN_BYTES_MAX);
    rw_run_encode(a, &x);
    rw_run_encode(b, &y);
    ck_assert(!x.failed && !y.failed);
    ck_assert_uint_eq(x.len, y.len);
    ck_assert_int_eq(memcmp(x.ptr, y.ptr, x.len), 0);
    rw_buf_fini(&x);
    rw_buf_fini(&y);
}

struct rw_run *run_round_trip(const struct rw_run *run)
{
    struct rw_buf bytes;
    struct rw_run *out = NULL;
    struct rw_error err = {0};
    rw_buf_init(&bytes, RW_RUN_BYTES_MAX);
    rw_run_encode(run, &bytes);
    ck_assert_int_eq(rw_run_decode(rw_buf_str(&bytes), &out, &err), RW_OK);
    rw_buf_fini(&bytes);
    return out;
}
