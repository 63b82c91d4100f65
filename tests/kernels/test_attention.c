/* kv_store and attention: against float64, under every chunking, across block borders and windows,
 * and with rubbish in every slot that may not be seen. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/kernels/support.h"

#include "core/base/util.h"

enum {
    TOKENS_MAX = 200,
    BLOCKS_MAX = (TOKENS_MAX + RW_PANEL - 1) / RW_PANEL,
};

struct shape {
    uint32_t head_dim, group, tokens, window;
};

static const struct shape SHAPES[] = {
    {8, 1, 5, 0},    {16, 2, 70, 0},   {32, 3, 64, 10},   {64, 7, 150, 0}, {80, 1, 66, 64},
    {96, 2, 130, 1}, {128, 6, 200, 0}, {128, 2, 200, 65}, {256, 1, 90, 0}, {64, 100, 3, 2},
};

static double products(struct shape s)
{
    return (double)s.tokens * s.tokens * s.head_dim * s.group;
}

/* One sequence of one KV head: keys and values as stored, queries as given. */
struct sequence {
    struct shape shape;
    enum rw_dtype dtype;
    void *q;
    float *k; /* [tokens, head_dim], rounded as stored */
    float *v;
    void *k_blocks[BLOCKS_MAX];
    void *v_blocks[BLOCKS_MAX];
    void *out;
    size_t out_stride; /* bytes */
};

static void fill_rounded(enum rw_dtype dtype, float *to, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        to[i] = act_round(dtype, random_unit());
    }
}

static struct sequence sequence_make(enum rw_dtype dtype, struct shape shape)
{
    struct sequence s = {.shape = shape, .dtype = dtype};
    size_t n = (size_t)shape.tokens * shape.head_dim;
    s.k = aligned_zero(n * sizeof(float));
    s.v = aligned_zero(n * sizeof(float));
    fill_rounded(dtype, s.k, n);
    fill_rounded(dtype, s.v, n);
    size_t heads = (size_t)shape.tokens * shape.group;
    s.q = aligned_zero(heads * rw_kernels_head_dim_padded(shape.head_dim) * rw_dtype_bytes(dtype));
    for (size_t i = 0; i < heads * rw_kernels_head_dim_padded(shape.head_dim); i++) {
        act_set(dtype, s.q, i, random_unit());
    }
    for (size_t b = 0; b < BLOCKS_MAX; b++) {
        s.k_blocks[b] = aligned_zero(rw_kernels_kv_block_bytes(dtype, shape.head_dim));
        s.v_blocks[b] = aligned_zero(rw_kernels_kv_block_bytes(dtype, shape.head_dim));
    }
    s.out_stride = ((size_t)shape.group * shape.head_dim + 2) * rw_dtype_bytes(dtype);
    s.out = aligned_zero(shape.tokens * s.out_stride);
    return s;
}

static void sequence_free(struct sequence *s)
{
    free(s->q);
    free(s->k);
    free(s->v);
    free(s->out);
    for (size_t b = 0; b < BLOCKS_MAX; b++) {
        free(s->k_blocks[b]);
        free(s->v_blocks[b]);
    }
}

static void store_token(const struct rw_kernels *t, struct sequence *s, uint32_t token)
{
    size_t at = (size_t)token * s->shape.head_dim;
    t->kv_store(s->k + at, s->v + at, s->shape.head_dim, s->dtype, s->k_blocks[token / RW_PANEL],
                s->v_blocks[token / RW_PANEL], token % RW_PANEL);
}

/* The state a block has after a sequence that went wrong: NaN in every slot. */
static void store_rubbish(const struct rw_kernels *t, struct sequence *s)
{
    float nan[RW_HEAD_DIM_MAX];
    for (size_t d = 0; d < RW_HEAD_DIM_MAX; d++) {
        nan[d] = d % 2 == 0 ? NAN : INFINITY;
    }
    for (uint32_t i = 0; i < BLOCKS_MAX * RW_PANEL; i++) {
        t->kv_store(nan, nan, s->shape.head_dim, s->dtype, s->k_blocks[i / RW_PANEL],
                    s->v_blocks[i / RW_PANEL], i % RW_PANEL);
    }
}

static void attend(const struct rw_kernels *t, struct sequence *s, uint32_t first, uint32_t rows)
{
    size_t q_row = (size_t)s->shape.group * rw_kernels_head_dim_padded(s->shape.head_dim) *
                   rw_dtype_bytes(s->dtype);
    struct rw_attention call = {
        .dtype = s->dtype,
        .head_dim = s->shape.head_dim,
        .group = s->shape.group,
        .q = (char *)s->q + first * q_row,
        .rows = rows,
        .position = first,
        .k_blocks = (const void *const *)s->k_blocks,
        .v_blocks = (const void *const *)s->v_blocks,
        .window = s->shape.window,
        .out = (char *)s->out + first * s->out_stride,
        .out_stride = s->out_stride,
    };
    uint32_t q_rows = rows * s->shape.group;
    void *scratch = aligned_zero(t->attention_scratch_bytes(q_rows, s->shape.head_dim));
    memset(scratch, 0xFF, t->attention_scratch_bytes(q_rows, s->shape.head_dim)); /* NaN */
    t->attention(&call, scratch);
    check_tiles_released();
    free(scratch);
}

static double query(const struct sequence *s, uint32_t token, uint32_t head, uint32_t d)
{
    size_t row = (size_t)token * s->shape.group + head;
    return act_get(s->dtype, s->q, row * rw_kernels_head_dim_padded(s->shape.head_dim) + d);
}

/* out[head_dim] of one query by the textbook. */
static void expect(const struct sequence *s, uint32_t token, uint32_t head, double *out)
{
    uint32_t dim = s->shape.head_dim;
    uint32_t window = s->shape.window;
    double total = 0;
    memset(out, 0, dim * sizeof *out);
    for (uint32_t key = 0; key <= token; key++) {
        if (window > 0 && key + window <= token) {
            continue;
        }
        double score = 0;
        for (uint32_t d = 0; d < dim; d++) {
            score += query(s, token, head, d) * s->k[(size_t)key * dim + d];
        }
        double weight = exp2(score);
        total += weight;
        for (uint32_t d = 0; d < dim; d++) {
            out[d] += weight * s->v[(size_t)key * dim + d];
        }
    }
    for (uint32_t d = 0; d < dim; d++) {
        out[d] /= total;
    }
}

/* Values are within [-1, 1]. F32: the error of a score grows with its terms. BF16 rounds each
 * weight and each output to 8 bits. */
static double allowed(enum rw_dtype dtype, uint32_t head_dim)
{
    return dtype == RW_DTYPE_F32 ? 1e-6 + 4e-8 * head_dim : 8e-3;
}

static void check_all(const struct sequence *s, const char *name)
{
    double want[RW_HEAD_DIM_MAX];
    for (uint32_t token = 0; token < s->shape.tokens; token++) {
        for (uint32_t head = 0; head < s->shape.group; head++) {
            expect(s, token, head, want);
            const char *row = (const char *)s->out + token * s->out_stride;
            for (uint32_t d = 0; d < s->shape.head_dim; d++) {
                double got = act_get(s->dtype, row, (size_t)head * s->shape.head_dim + d);
                if (!(fabs(got - want[d]) <= allowed(s->dtype, s->shape.head_dim))) {
                    ck_abort_msg("%s dim %u group %u token %u head %u: %.9g, want %.9g", name,
                                 s->shape.head_dim, s->shape.group, token, head, got, want[d]);
                }
            }
        }
    }
}

START_TEST(attention_matches_float64)
{
    random_seed(8);
    for (size_t i = 0; i < RW_COUNT(SHAPES); i++) {
        if (products(SHAPES[i]) > RW_TEST_PRODUCTS_MAX) {
            continue;
        }
        FOR_EACH_STATE(dtype)
        {
            struct sequence s = sequence_make(dtype, SHAPES[i]);
            FOR_EACH_TABLE(table)
            {
                store_rubbish(*table, &s);
                for (uint32_t t = 0; t < s.shape.tokens; t++) {
                    store_token(*table, &s, t);
                }
                memset(s.out, 0, s.shape.tokens * s.out_stride);
                attend(*table, &s, 0, s.shape.tokens);
                check_all(&s, (*table)->name);
            }
            sequence_free(&s);
        }
    }
}
END_TEST

/* In chunks, with only the keys of the chunk stored and NaN behind them, and the last token of each
 * chunk once more alone: the bits of the whole. */
static void run_in_chunks(const struct rw_kernels *t, struct sequence *s, uint32_t chunk)
{
    store_rubbish(t, s);
    for (uint32_t first = 0; first < s->shape.tokens; first += chunk) {
        uint32_t rows = s->shape.tokens - first < chunk ? s->shape.tokens - first : chunk;
        for (uint32_t i = 0; i < rows; i++) {
            store_token(t, s, first + i);
        }
        attend(t, s, first, rows);
        attend(t, s, first + rows - 1, 1);
    }
}

START_TEST(chunks_do_not_change_a_bit)
{
    static const uint32_t chunks[] = {1, 7, 63, 64, 65};
    random_seed(9);
    for (size_t i = 0; i < RW_COUNT(SHAPES); i++) {
        if (products(SHAPES[i]) > RW_TEST_PRODUCTS_MAX) {
            continue;
        }
        FOR_EACH_STATE(dtype)
        {
            struct sequence s = sequence_make(dtype, SHAPES[i]);
            size_t bytes = s.shape.tokens * s.out_stride;
            void *whole = aligned_zero(bytes);
            FOR_EACH_TABLE(table)
            {
                for (uint32_t t = 0; t < s.shape.tokens; t++) {
                    store_token(*table, &s, t);
                }
                attend(*table, &s, 0, s.shape.tokens);
                memcpy(whole, s.out, bytes);
                for (size_t c = 0; c < RW_COUNT(chunks); c++) {
                    memset(s.out, 0, bytes);
                    run_in_chunks(*table, &s, chunks[c]);
                    ck_assert_mem_eq(whole, s.out, bytes);
                }
            }
            free(whole);
            sequence_free(&s);
        }
    }
}
END_TEST

START_TEST(a_nan_reaches_exactly_the_queries_that_see_it)
{
    enum {
        BAD = 70
    };
    random_seed(10);
    for (int in_value = 0; in_value < 2; in_value++) {
        FOR_EACH_STATE(dtype)
        {
            struct sequence s = sequence_make(dtype, (struct shape){64, 2, 140, 20});
            (in_value ? s.v : s.k)[BAD * 64 + 3] = NAN;
            FOR_EACH_TABLE(table)
            {
                for (uint32_t t = 0; t < s.shape.tokens; t++) {
                    store_token(*table, &s, t);
                }
                attend(*table, &s, 0, s.shape.tokens);
                for (uint32_t t = 0; t < s.shape.tokens; t++) {
                    double y = act_get(dtype, (char *)s.out + t * s.out_stride, 3);
                    ck_assert_int_eq(isnan(y) != 0, t >= BAD && t < BAD + 20);
                }
            }
            sequence_free(&s);
        }
    }
}
END_TEST

/* Two keys with scores 0 and x and values 0 and 1: out = 2^x / (1 + 2^x). */
START_TEST(exp2_is_accurate)
{
    struct sequence s = sequence_make(RW_DTYPE_F32, (struct shape){8, 1, 2, 0});
    memset(s.k, 0, 16 * sizeof(float));
    memset(s.v, 0, 16 * sizeof(float));
    s.v[8] = 1.0f;
    act_set(RW_DTYPE_F32, s.q, 8, 1.0f);
    for (int i = 0; i < 3000; i++) {
        float x = -(float)i * 0.0371f;
        s.k[8] = x;
        FOR_EACH_TABLE(table)
        {
            store_token(*table, &s, 0);
            store_token(*table, &s, 1);
            attend(*table, &s, 1, 1);
            double want = 1 / (1 + exp2(-(double)x));
            double got = act_get(RW_DTYPE_F32, (char *)s.out + s.out_stride, 0);
            ck_assert_msg(fabs(got - want) <= 3.2e-7 * want, "%s 2^%g: %.9g, want %.9g",
                          (*table)->name, (double)x, got, want);
        }
    }
    sequence_free(&s);
}
END_TEST

Suite *attention_suite(void)
{
    Suite *suite = suite_create("attention");
    TCase *tc = tcase_create("attention");
    tcase_add_test(tc, attention_matches_float64);
    tcase_add_test(tc, chunks_do_not_change_a_bit);
    tcase_add_test(tc, a_nan_reaches_exactly_the_queries_that_see_it);
    tcase_add_test(tc, exp2_is_accurate);
    suite_add_tcase(suite, tc);
    return suite;
}
