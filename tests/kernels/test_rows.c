/* Kernels on one row: norms, heads, conversion, dot; packing of bfloat16. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/half.h"
#include "core/base/util.h"
#include "tests/kernels/support.h"

enum {
    N_MAX = 4096
};

static const uint32_t SIZES[] = {1, 8, 24, 40, 63, 64, 896, 1536, 4095};

static double mean_square(const float *x, uint32_t n)
{
    double sum = 0;
    for (uint32_t i = 0; i < n; i++) {
        sum += (double)x[i] * x[i];
    }
    return sum / n;
}

START_TEST(rms_norm_matches_float64_and_pads)
{
    static float x[N_MAX], w[N_MAX], y[N_MAX];
    random_seed(5);
    random_fill(x, N_MAX);
    random_fill(w, N_MAX);
    for (size_t s = 0; s < RW_COUNT(SIZES); s++) {
        uint32_t n = SIZES[s];
        uint32_t padded = (n + RW_K_ALIGN - 1) / RW_K_ALIGN * RW_K_ALIGN;
        double factor = 1 / sqrt(mean_square(x, n) + 1e-6);
        FOR_EACH_TABLE(table)
        {
            FOR_EACH_STATE(dtype)
            {
                void *act = aligned_zero(padded * rw_dtype_bytes(dtype));
                memset(act, 0x5A, padded * rw_dtype_bytes(dtype));
                (*table)->rms_norm(x, w, n, padded, 1e-6f, dtype, act);
                for (uint32_t i = 0; i < padded; i++) {
                    double want = i < n ? x[i] * factor * w[i] : 0;
                    double error = fabs(act_get(dtype, act, i) - want);
                    ck_assert_double_le(error, fabs(want) * (dtype == RW_DTYPE_F32 ? 1e-6 : 4e-3));
                }
                free(act);
            }
            memcpy(y, x, sizeof y);
            (*table)->rms_norm_f32(y, w, n, 1e-6f);
            for (uint32_t i = 0; i < N_MAX; i++) {
                double want = i < n ? x[i] * factor * w[i] : x[i];
                ck_assert_double_le(fabs(y[i] - want), fabs(want) * 1e-6);
            }
        }
    }
}
END_TEST

enum {
    HEADS = 3
};

/* What turn_heads makes of one head, in float64. */
static void turned(const struct rw_heads *h, const float *x, double *want)
{
    uint32_t half = h->head_dim / 2;
    double factor = h->norm != NULL ? 1 / sqrt(mean_square(x, h->head_dim) + (double)h->eps) : 1;
    for (uint32_t i = 0; i < half; i++) {
        double a = x[i] * factor, b = x[i + half] * factor;
        if (h->norm != NULL) {
            a *= h->norm[i];
            b *= h->norm[i + half];
        }
        want[i] = (a * h->cos[i] - b * h->sin[i]) * h->factor;
        want[i + half] = (b * h->cos[i] + a * h->sin[i]) * h->factor;
    }
}

static void check_heads(const struct rw_kernels *table, struct rw_heads h)
{
    double want[RW_HEAD_DIM_MAX];
    double error = h.dtype == RW_DTYPE_BF16 ? 4e-3 : 2e-6;
    size_t element = rw_dtype_bytes(h.dtype);
    unsigned char *out = aligned_zero((HEADS + 1) * h.head_dim * element);
    memset(out, 0x5A, (HEADS + 1) * h.head_dim * element);
    h.out = out;
    table->turn_heads(&h);
    for (uint32_t i = 0; i < HEADS; i++) {
        turned(&h, h.x + i * h.head_dim, want);
        for (uint32_t d = 0; d < h.head_dim; d++) {
            double got = act_get(h.dtype, out, (size_t)i * h.head_dim + d);
            /* Sums of two products: what cancels still has the error of the products. */
            ck_assert_msg(fabs(got - want[d]) <= error * (fabs(want[d]) + 0.25),
                          "%s, dim %u, head %u, %u: %g, want %g", table->name, h.head_dim, i, d,
                          got, want[d]);
        }
    }
    for (size_t i = HEADS * h.head_dim * element; i < (HEADS + 1) * h.head_dim * element; i++) {
        ck_assert_uint_eq(out[i], 0x5A);
    }
    free(out);
}

START_TEST(heads_are_normed_and_rotated)
{
    static const uint32_t DIMS[] = {8, 16, 24, 32, 64, 80, 96, 128, 256};
    static float x[HEADS * RW_HEAD_DIM_MAX], norm[RW_HEAD_DIM_MAX];
    float c[RW_HEAD_DIM_MAX / 2], sn[RW_HEAD_DIM_MAX / 2];
    random_seed(6);
    random_fill(x, HEADS * RW_HEAD_DIM_MAX);
    random_fill(norm, RW_HEAD_DIM_MAX);
    for (uint32_t i = 0; i < RW_HEAD_DIM_MAX / 2; i++) {
        c[i] = (float)cos(0.37 * i);
        sn[i] = (float)sin(0.37 * i);
    }
    for (size_t s = 0; s < RW_COUNT(DIMS); s++) {
        struct rw_heads h = {.x = x, .n = HEADS, .head_dim = DIMS[s], .eps = 1e-6f, .cos = c};
        h.sin = sn;
        h.factor = 0.75f;
        FOR_EACH_TABLE(table)
        {
            FOR_EACH_STATE(dtype)
            {
                h.dtype = dtype;
                h.norm = NULL;
                check_heads(*table, h);
                h.norm = norm;
                check_heads(*table, h);
            }
        }
    }
}
END_TEST

/* The same bits as out of place, and a head with a NaN stays a matter of that head. */
START_TEST(heads_turn_in_place)
{
    static const uint32_t DIMS[] = {8, 32, 64, 96, 128};
    float x[HEADS * 128], apart[HEADS * 128], w[128], c[64], sn[64];
    random_seed(7);
    random_fill(w, 128);
    random_fill(c, 64);
    random_fill(sn, 64);
    for (size_t s = 0; s < RW_COUNT(DIMS); s++) {
        FOR_EACH_TABLE(table)
        {
            uint32_t n = DIMS[s];
            random_fill(x, HEADS * 128);
            x[n] = NAN; /* in the second */
            struct rw_heads h = {.x = x, .n = HEADS, .head_dim = n, .norm = w, .eps = 1e-6f};
            h.cos = c;
            h.sin = sn;
            h.factor = 1.0f;
            h.dtype = RW_DTYPE_F32;
            h.out = apart;
            (*table)->turn_heads(&h);
            h.out = x;
            (*table)->turn_heads(&h);
            for (uint32_t i = 0; i < HEADS * n; i++) {
                bool second = i >= n && i < 2 * n;
                ck_assert_int_eq(isnan(x[i]) != 0, second);
                ck_assert(second || x[i] == apart[i]);
            }
        }
    }
}
END_TEST

START_TEST(to_act_rounds_and_pads)
{
    static const float in[] = {1.0f,     1.00390625f, 1.01171875f, -1.00390625f, 3.0e38f,
                               INFINITY, -INFINITY,   NAN,         0.0f,         -0.0f,
                               1.0e-3f,  65504.0f,    0.3333333f};
    enum {
        N = RW_COUNT(in),
        PADDED = 32
    };
    FOR_EACH_TABLE(table)
    {
        FOR_EACH_STATE(dtype)
        {
            void *act = aligned_zero(PADDED * rw_dtype_bytes(dtype));
            memset(act, 0x7F, PADDED * rw_dtype_bytes(dtype));
            (*table)->to_act(in, N, PADDED, 0.5f, dtype, act);
            for (size_t i = 0; i < PADDED; i++) {
                double got = act_get(dtype, act, i);
                double want = i < N ? act_round(dtype, in[i] * 0.5f) : 0;
                ck_assert_msg(got == want || (isnan(got) && isnan(want)), "%s %zu: %g, want %g",
                              (*table)->name, i, got, want);
            }
            free(act);
        }
    }
}
END_TEST

START_TEST(bf16_ties_go_to_even_and_nan_stays)
{
    ck_assert_uint_eq(rw_bf16_from_f32(1.00390625f), 0x3F80); /* half way, even below */
    ck_assert_uint_eq(rw_bf16_from_f32(1.01171875f), 0x3F82); /* half way, even above */
    ck_assert_uint_eq(rw_bf16_from_f32(-1.0039064f), 0xBF81);
    ck_assert_uint_eq(rw_bf16_from_f32(3.4e38f), 0x7F80);
    uint32_t bits = 0x7FFFFFFF; /* rounding its bits would carry into the sign */
    float nan;
    memcpy(&nan, &bits, sizeof nan);
    ck_assert(isnan(rw_bf16_to_f32(rw_bf16_from_f32(nan))));
    bits = 0x7F800001; /* a NaN whose upper half alone is infinity */
    memcpy(&nan, &bits, sizeof nan);
    ck_assert(isnan(rw_bf16_to_f32(rw_bf16_from_f32(nan))));
}
END_TEST

START_TEST(dot_matches_float64)
{
    static float x[N_MAX], w[N_MAX];
    random_seed(7);
    random_fill(x, N_MAX);
    random_fill(w, N_MAX);
    for (size_t s = 0; s < RW_COUNT(SIZES); s++) {
        double want = 0, magnitude = 0;
        for (uint32_t i = 0; i < SIZES[s]; i++) {
            want += (double)x[i] * w[i];
            magnitude += fabs((double)x[i] * w[i]);
        }
        FOR_EACH_TABLE(table)
        {
            double got = (*table)->dot(x, w, SIZES[s]);
            ck_assert_double_le(fabs(got - want), 1e-6 * magnitude);
        }
    }
}
END_TEST

START_TEST(tables_can_be_named)
{
    ck_assert_ptr_eq(rw_kernels_pick(NULL), rw_kernels_available()[0]);
    ck_assert_ptr_null(rw_kernels_pick("abacus"));
    ck_assert_ptr_nonnull(rw_kernels_pick("generic"));
    FOR_EACH_TABLE(table)
    {
        ck_assert_ptr_eq(rw_kernels_pick((*table)->name), *table);
    }
}
END_TEST

Suite *rows_suite(void)
{
    Suite *suite = suite_create("rows");
    TCase *tc = tcase_create("rows");
    tcase_add_test(tc, rms_norm_matches_float64_and_pads);
    tcase_add_test(tc, heads_are_normed_and_rotated);
    tcase_add_test(tc, heads_turn_in_place);
    tcase_add_test(tc, to_act_rounds_and_pads);
    tcase_add_test(tc, bf16_ties_go_to_even_and_nan_stays);
    tcase_add_test(tc, dot_matches_float64);
    tcase_add_test(tc, tables_can_be_named);
    suite_add_tcase(suite, tc);
    return suite;
}
