/* Kernels on one row: norms, RoPE, conversion, dot; packing of bfloat16. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/kernels/bf16.h"
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
    for (size_t s = 0; s < sizeof SIZES / sizeof *SIZES; s++) {
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

START_TEST(rope_rotates_the_halves)
{
    static const uint32_t dims[] = {8, 16, 64, 80, 96, 128, 256};
    random_seed(6);
    for (size_t s = 0; s < sizeof dims / sizeof *dims; s++) {
        uint32_t half = dims[s] / 2;
        float head[256], before[256], c[128], sn[128];
        for (uint32_t i = 0; i < half; i++) {
            c[i] = (float)cos(0.37 * i);
            sn[i] = (float)sin(0.37 * i);
        }
        random_fill(before, 256);
        FOR_EACH_TABLE(table)
        {
            memcpy(head, before, sizeof head);
            (*table)->rope(head, c, sn, dims[s]);
            for (uint32_t i = 0; i < half; i++) {
                double a = before[i], b = before[i + half];
                ck_assert_double_le(fabs(head[i] - (a * c[i] - b * sn[i])), 2.5e-7);
                ck_assert_double_le(fabs(head[i + half] - (b * c[i] + a * sn[i])), 2.5e-7);
            }
            ck_assert_mem_eq(head + 2 * half, before + 2 * half, sizeof head - 8 * half);
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
        N = sizeof in / sizeof *in,
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
    for (size_t s = 0; s < sizeof SIZES / sizeof *SIZES; s++) {
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
    tcase_add_test(tc, rope_rotates_the_halves);
    tcase_add_test(tc, to_act_rounds_and_pads);
    tcase_add_test(tc, bf16_ties_go_to_even_and_nan_stays);
    tcase_add_test(tc, dot_matches_float64);
    tcase_add_test(tc, tables_can_be_named);
    suite_add_tcase(suite, tc);
    return suite;
}
