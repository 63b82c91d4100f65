#include "core/bench/kernel_timing.h"

#include <stdatomic.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/assert.h"
#include "core/base/clock.h"
#include "core/base/util.h"
#include "core/bench/text.h"
#include "core/engine/model.h"
#include "core/kernels/gemm_share.h"
#include "core/model/carve.h"

enum {
    LINEARS = 4, /* of a layer */
    TILE_QUERIES =
        96,          /* query rows of one attention task over the heads of a group, as in a pass */
    GEMM_ROWS = 512, /* rows per call, as in a pass */
    REPEAT_NS = 20000000, /* a sample takes at least this long */
};

struct rw_kernel_timing {
    const struct rw_model *model;
    struct rw_team *team;
    struct rw_kernel_case cases[RW_KERNEL_CASES_MAX];
    size_t n_cases;
    uint32_t rows;
    uint32_t tokens;

    float *x;        /* [rows, widest input] */
    void *act;       /* the same as act of the model's dtype */
    float *out;      /* room for the result of any case */
    void **k_blocks; /* one per 64 positions, shared by all KV heads */
    void **v_blocks;
    uint32_t n_blocks;
    void *scratch[RW_TEAM_MAX];
    void *memory; /* one block behind all of these */
    size_t memory_bytes;

    /* the case that runs */
    size_t running;
    uint32_t layer;
    atomic_uint next_task;
};

static const struct rw_linear *linear_of(const struct rw_kernel_timing *t, size_t which)
{
    const struct rw_layer *layer = &t->model->weights->layers[t->layer];
    const struct rw_linear *const LIST[LINEARS] = {&layer->qkv, &layer->o, &layer->gate_up,
                                                   &layer->down};
    return LIST[which];
}

/* Keys and values are never narrower than bfloat16. */
static enum rw_dtype attention_dtype(const struct rw_kernel_timing *t)
{
    return rw_dtype_state(t->model->weights->dtype);
}

static uint32_t query_rows(const struct rw_kernel_timing *t)
{
    const struct rw_config *c = &t->model->weights->config;
    uint32_t group = c->heads / c->kv_heads;
    return group < TILE_QUERIES ? TILE_QUERIES / group : 1;
}

static uint32_t widest_input(const struct rw_kernel_timing *t)
{
    const struct rw_config *c = &t->model->weights->config;
    uint32_t widest = RW_MAX(c->intermediate, c->hidden);
    uint32_t q = c->heads * rw_kernels_head_dim_padded(c->head_dim);
    widest = RW_MAX(q, widest);
    return (widest + RW_K_ALIGN - 1) / RW_K_ALIGN * RW_K_ALIGN;
}

/* ---- the work of one call ------------------------------------------------------------------- */

static void run_gemm(void *arg, unsigned member, unsigned members)
{
    static const enum rw_epilogue EPILOGUE[LINEARS] = {RW_EPILOGUE_STORE, RW_EPILOGUE_ADD,
                                                       RW_EPILOGUE_SWIGLU, RW_EPILOGUE_ADD};
    struct rw_kernel_timing *t = arg;
    const struct rw_linear *l = linear_of(t, t->running);
    struct rw_gemm gemm = {
        .linear = l,
        .x = t->act,
        .x_stride = rw_act_bytes(l->dtype, l->k_padded),
        .rows = t->rows,
        .epilogue = EPILOGUE[t->running],
        .out = t->out,
        .out_stride = l->n_out * sizeof(float),
    };
    rw_gemm_share(t->model->kernels, &gemm, &t->next_task, members, t->scratch[member]);
}

/* Tasks from the longest to the shortest, each a block of queries of one KV head. */
static void run_attention(void *arg, unsigned member, unsigned members)
{
    (void)members;
    struct rw_kernel_timing *t = arg;
    const struct rw_config *c = &t->model->weights->config;
    enum rw_dtype dtype = attention_dtype(t);
    uint32_t group = c->heads / c->kv_heads;
    size_t row_bytes = (size_t)group * c->head_dim * rw_dtype_bytes(dtype);
    uint32_t rows = query_rows(t);
    unsigned blocks = (t->tokens + rows - 1) / rows;
    unsigned task;
    while ((task = atomic_fetch_add(&t->next_task, 1)) < blocks * c->kv_heads) {
        uint32_t first = (blocks - 1 - task / c->kv_heads) * rows;
        uint32_t left = t->tokens - first;
        struct rw_attention call = {
            .dtype = dtype,
            .head_dim = c->head_dim,
            .group = group,
            .q = t->act,
            .rows = RW_MIN(left, rows),
            .position = first,
            .k_blocks = (const void *const *)t->k_blocks,
            .v_blocks = (const void *const *)t->v_blocks,
            .out = (char *)t->out + (size_t)member * rows * row_bytes,
            .out_stride = row_bytes,
        };
        t->model->kernels->attention(&call, t->scratch[member]);
    }
}

/* What enters the case, as its type wants it. Queries are already times log2(e) / sqrt(head_dim).
 */
static void prepare(struct rw_kernel_timing *t, size_t which)
{
    static const float QUERY_FACTOR = 0.15f;
    bool is_linear = which < LINEARS;
    const struct rw_linear *l = linear_of(t, is_linear ? which : 0);
    uint32_t widest = widest_input(t);
    uint32_t n = is_linear ? l->n_in : widest, padded = is_linear ? l->k_padded : widest;
    enum rw_dtype dtype = is_linear ? l->dtype : attention_dtype(t);
    for (uint32_t r = 0; r < t->rows; r++) {
        t->model->kernels->to_act(t->x + (size_t)r * widest, n, padded,
                                  is_linear ? 1.0f : QUERY_FACTOR, dtype,
                                  (char *)t->act + r * rw_act_bytes(dtype, padded));
    }
}

static void run_case(struct rw_kernel_timing *t, size_t which)
{
    struct rw_kernel_case *k = &t->cases[which];
    const struct rw_clock *clock = &RW_CLOCK_SYSTEM;
    t->running = which;
    t->layer = 0;
    prepare(t, which);
    uint64_t begin = rw_clock_now(clock), spent;
    uint32_t calls = 0;
    do {
        /* A layer's weights come from memory in a pass, so take another layer each time. */
        t->layer = calls % t->model->weights->config.layers;
        atomic_store(&t->next_task, 0);
        rw_team_run(t->team, which < LINEARS ? run_gemm : run_attention, t);
        calls++;
        spent = rw_clock_now(clock) - begin;
    } while (spent < REPEAT_NS);
    rw_samples_add(&k->rate, calls * k->operations / (1e-9 * (double)spent));
}

void rw_kernel_timing_run(struct rw_kernel_timing *t)
{
    for (size_t i = 0; i < t->n_cases; i++) {
        run_case(t, i);
    }
}

/* ---- life ----------------------------------------------------------------------------------- */

static void list_cases(struct rw_kernel_timing *t)
{
    static const char *const NAME[LINEARS] = {"qkv", "o", "gate_up", "down"};
    const struct rw_config *c = &t->model->weights->config;
    for (size_t i = 0; i < LINEARS; i++) {
        const struct rw_linear *l = linear_of(t, i);
        enum rw_peak peak = rw_peak_of(l->dtype);
        t->cases[i].name = NAME[i];
        t->cases[i].peak = peak;
        t->cases[i].dtype = rw_dtype_name(l->dtype);
        t->cases[i].operations = 2.0 * t->rows * l->n_out * l->n_in;
    }
    struct rw_kernel_case *a = &t->cases[LINEARS];
    a->name = "attention";
    a->peak = rw_peak_of(attention_dtype(t));
    a->dtype = rw_dtype_name(attention_dtype(t));
    /* Causal: half of the square, twice (QK and PV), 2 operations each. */
    a->operations = 2.0 * t->tokens * (t->tokens + 1.0) * c->heads * c->head_dim;
    t->n_cases = LINEARS + 1;
}

static size_t scratch_bytes(const struct rw_kernel_timing *t)
{
    const struct rw_config *c = &t->model->weights->config;
    const struct rw_kernels *k = t->model->kernels;
    size_t gemm = k->gemm_scratch_bytes(t->model->weights->dtype, t->rows);
    size_t attention =
        k->attention_scratch_bytes(query_rows(t) * (c->heads / c->kv_heads), c->head_dim);
    return ((RW_MAX(gemm, attention)) + RW_ALIGN - 1) / RW_ALIGN * RW_ALIGN;
}

/* Everything in one block: measured first, then placed. */
static void place(struct rw_kernel_timing *t, struct rw_carve *carve)
{
    const struct rw_config *c = &t->model->weights->config;
    unsigned members = rw_team_size(t->team);
    uint32_t widest = widest_input(t);
    size_t values = (size_t)t->rows * widest;
    t->x = rw_carve(carve, values, sizeof(float));
    t->act = rw_carve(carve, values + (size_t)t->rows * RW_ALIGN, sizeof(float));
    /* SwiGLU needs two columns per input of the next linear, qkv at most three. */
    t->out = rw_carve(carve, 3 * values + (size_t)members * query_rows(t) * widest, sizeof(float));
    size_t block = rw_kernels_kv_block_bytes(attention_dtype(t), c->head_dim);
    t->n_blocks = (t->tokens + RW_PANEL - 1) / RW_PANEL;
    t->k_blocks = rw_carve(carve, t->n_blocks, sizeof *t->k_blocks);
    t->v_blocks = rw_carve(carve, t->n_blocks, sizeof *t->v_blocks);
    for (uint32_t i = 0; i < 2 * t->n_blocks; i++) {
        void *at = rw_carve(carve, block, 1);
        if (carve->base != NULL) {
            (i % 2 == 0 ? t->k_blocks : t->v_blocks)[i / 2] = at;
        }
    }
    for (unsigned i = 0; i < members; i++) {
        t->scratch[i] = rw_carve(carve, scratch_bytes(t), 1);
    }
}

static bool allocate(struct rw_kernel_timing *t)
{
    struct rw_carve measure = {NULL, 0, false};
    place(t, &measure);
    t->memory = measure.overflow ? NULL : rw_alloc_large(measure.used);
    t->memory_bytes = measure.used;
    if (t->memory == NULL) {
        return false;
    }
    struct rw_carve assign = {t->memory, 0, false};
    place(t, &assign);
    rw_assert(assign.used == measure.used);
    return true;
}

static float uniform(uint64_t seed, uint64_t i)
{
    return (float)(int64_t)(rw_bench_random(seed, i) >> 40) / 8388608.0f - 1.0f;
}

static void fill(struct rw_kernel_timing *t)
{
    const struct rw_config *c = &t->model->weights->config;
    const struct rw_kernels *k = t->model->kernels;
    uint32_t widest = widest_input(t);
    for (uint32_t r = 0; r < t->rows; r++) {
        float *x = t->x + (size_t)r * widest;
        for (uint32_t i = 0; i < widest; i++) {
            x[i] = uniform(r, i);
        }
    }
    for (uint32_t p = 0; p < t->tokens; p++) {
        const float *key = t->x + (size_t)(p % t->rows) * widest;
        k->kv_store(key, key + c->hidden / 2, c->head_dim, attention_dtype(t),
                    t->k_blocks[p / RW_PANEL], t->v_blocks[p / RW_PANEL], p % RW_PANEL);
    }
}

rw_status rw_kernel_timing_create(const struct rw_model *model, struct rw_team *team,
                                  uint32_t tokens, struct rw_kernel_timing **out,
                                  struct rw_error *err)
{
    rw_assert(tokens > 0);
    *out = NULL;
    struct rw_kernel_timing *t = rw_alloc_zero(1, sizeof *t);
    if (t == NULL) {
        return rw_fail(err, RW_NO_MEMORY, "timing of the kernels");
    }
    t->model = model;
    t->team = team;
    t->tokens = tokens;
    t->rows = RW_MIN(tokens, GEMM_ROWS);
    if (!allocate(t)) {
        rw_kernel_timing_destroy(t);
        return rw_fail(err, RW_NO_MEMORY, "buffers to time the kernels with");
    }
    list_cases(t);
    fill(t);
    *out = t;
    return RW_OK;
}

void rw_kernel_timing_release(struct rw_kernel_timing *t)
{
    if (t != NULL) {
        rw_free_large(t->memory, t->memory_bytes);
        t->memory = NULL;
        t->team = NULL;
    }
}

void rw_kernel_timing_destroy(struct rw_kernel_timing *t)
{
    rw_kernel_timing_release(t);
    rw_free(t);
}

const struct rw_kernel_case *rw_kernel_timing_cases(const struct rw_kernel_timing *timing,
                                                    size_t *n)
{
    *n = timing->n_cases;
    return timing->cases;
}

enum rw_peak rw_kernel_peak(const struct rw_model *model)
{
    return rw_peak_of(model->weights->dtype);
}
