/* INT8 and Q4: rows and weights against the definition, and one instruction set against another,
 * which must agree in every bit. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/half.h"
#include "core/base/util.h"
#include "tests/kernels/support.h"

enum {
    N_MAX = 4896,
    ROW_BYTES = N_MAX + RW_ALIGN,
};

static const uint32_t SIZES[] = {1, 8, 24, 40, 63, 64, 896, 1536, 4864};

static uint32_t padded_of(uint32_t n)
{
    return (n + RW_K_ALIGN - 1) / RW_K_ALIGN * RW_K_ALIGN;
}

static float row_scale(const uint8_t *row, uint32_t padded)
{
    float scale;
    memcpy(&scale, row + padded, sizeof scale);
    return scale;
}

/* Every value within half a step (and a rounding of the step), the largest at 127 steps, the
 * padding at zero, nothing behind the scale. */
static void check_row(const uint8_t *row, const double *want, uint32_t n, const char *name)
{
    uint32_t padded = padded_of(n);
    double scale = row_scale(row, padded), largest = 0;
    for (uint32_t i = 0; i < n; i++) {
        largest = fmax(largest, fabs(want[i]));
    }
    ck_assert_msg(fabs(scale - largest / 127) <= 1e-6 * largest, "%s: %g", name, scale);
    for (uint32_t i = 0; i < padded; i++) {
        double got = scale * (row[i] - 128), value = i < n ? want[i] : 0;
        if (!(fabs(got - value) <= scale * 0.5001)) {
            ck_abort_msg("%s %u: %g, want %g", name, i, got, value);
        }
    }
    for (uint32_t i = padded + sizeof(float); i < padded + RW_ALIGN; i++) {
        ck_assert_int_eq(row[i], 0x5A);
    }
}

START_TEST(rows_are_within_half_a_step)
{
    static float x[N_MAX], w[N_MAX];
    static uint16_t half[N_MAX];
    static double want[3][N_MAX];
    random_seed(21);
    random_fill(x, N_MAX);
    random_fill(w, N_MAX);
    for (size_t s = 0; s < RW_COUNT(SIZES); s++) {
        uint32_t n = SIZES[s], padded = padded_of(n);
        double square = 0;
        for (uint32_t i = 0; i < n; i++) {
            square += (double)x[i] * x[i] / n;
        }
        for (uint32_t i = 0; i < n; i++) {
            half[i] = rw_bf16_from_f32(x[i]);
            want[0][i] = x[i] * w[i] / sqrt(square + 1e-6);
            want[1][i] = 0.75 * x[i];
            want[2][i] = rw_bf16_to_f32(half[i]);
        }
        FOR_EACH_TABLE(table)
        {
            static uint8_t row[3][ROW_BYTES];
            memset(row, 0x5A, sizeof row);
            (*table)->rms_norm(x, w, n, padded, 1e-6f, RW_DTYPE_INT8, row[0]);
            (*table)->to_act(x, n, padded, 0.75f, RW_DTYPE_Q4, row[1]);
            (*table)->quantise(half, n, padded, row[2]);
            for (int i = 0; i < 3; i++) {
                check_row(row[i], want[i], n, (*table)->name);
            }
        }
    }
}
END_TEST

START_TEST(tables_agree_in_every_byte_of_a_row)
{
    static float x[N_MAX];
    static uint16_t half[N_MAX];
    static uint8_t first[2][ROW_BYTES], row[2][ROW_BYTES];
    random_seed(22);
    random_fill(x, N_MAX);
    for (uint32_t i = 0; i < N_MAX; i++) {
        half[i] = rw_bf16_from_f32(x[i]);
    }
    for (size_t s = 0; s < RW_COUNT(SIZES); s++) {
        uint32_t n = SIZES[s];
        memset(first, 0, sizeof first);
        rw_kernels_pick("generic")->to_act(x, n, padded_of(n), 1.5f, RW_DTYPE_INT8, first[0]);
        rw_kernels_pick("generic")->quantise(half, n, padded_of(n), first[1]);
        FOR_EACH_TABLE(table)
        {
            memset(row, 0, sizeof row);
            (*table)->to_act(x, n, padded_of(n), 1.5f, RW_DTYPE_INT8, row[0]);
            (*table)->quantise(half, n, padded_of(n), row[1]);
            ck_assert_mem_eq(first, row, sizeof row);
        }
    }
}
END_TEST

START_TEST(a_row_that_is_not_finite_has_no_scale)
{
    static const float bad[] = {NAN, INFINITY, -INFINITY};
    FOR_EACH_TABLE(table)
    {
        for (size_t b = 0; b < RW_COUNT(bad); b++) {
            for (uint32_t at = 0; at < 45; at += 4) {
                float x[64] = {0.5f, -2.0f};
                uint16_t half[64] = {0x3F80};
                uint8_t row[64 + RW_ALIGN];
                x[at] = bad[b];
                half[at] = rw_bf16_from_f32(bad[b]);
                (*table)->to_act(x, 45, 64, 1.0f, RW_DTYPE_INT8, row);
                ck_assert(isnan(row_scale(row, 64)));
                (*table)->quantise(half, 45, 64, row);
                ck_assert(isnan(row_scale(row, 64)));
            }
        }
        float zero[32] = {0};
        uint8_t row[32 + RW_ALIGN];
        (*table)->to_act(zero, 32, 32, 1.0f, RW_DTYPE_INT8, row);
        ck_assert(row_scale(row, 32) >= 0 && row_scale(row, 32) < 1e-30f);
        for (int i = 0; i < 32; i++) {
            ck_assert_int_eq(row[i], 128);
        }
    }
}
END_TEST

/* What a packed row stands for, against the row: INT8 within half a step of 1/127 of the largest;
 * Q4 within half a step of its block, which is at most 1/7 of the block's largest plus one 1/105
 * of the row's, except where clipping that largest paid. */
START_TEST(packed_weights_are_near)
{
    static float w[N_MAX], back[N_MAX];
    random_seed(23);
    for (size_t s = 0; s < RW_COUNT(SIZES); s++) {
        uint32_t n = SIZES[s];
        for (int kind = 0; kind < 2; kind++) {
            enum rw_dtype dtype = kind == 0 ? RW_DTYPE_INT8 : RW_DTYPE_Q4;
            struct rw_linear l = {.dtype = dtype, .n_out = 70, .n_in = n, .panels = 2};
            l.k_padded = padded_of(n);
            l.packed = aligned_zero(rw_linear_bytes(dtype, 70, n));
            for (uint32_t o = 0; o < 70; o += 23) {
                random_fill(w, n);
                rw_linear_pack_row(&l, o, w);
                rw_linear_unpack_row(&l, o, back);
                double largest = 0, error = 0, square = 0;
                for (uint32_t i = 0; i < n; i++) {
                    largest = fmax(largest, fabs(w[i]));
                    square += (double)w[i] * w[i];
                    error += (w[i] - back[i]) * (double)(w[i] - back[i]);
                }
                for (uint32_t i = 0; i < n; i++) {
                    double step = kind == 0 ? 1.0 / 127 : 1.0 / 7 + 1.0 / 105;
                    double most = kind == 0 ? 0.5001 : 1.5; /* steps; 1.5 when clipped */
                    ck_assert_double_le(fabs(w[i] - back[i]), most * step * largest);
                }
                /* uniform values: an error of step / sqrt(12), a value of 1 / sqrt(3) */
                double relative = sqrt(error / square);
                ck_assert_double_le(relative, kind == 0 ? 0.006 : 0.11);
            }
            free(l.packed);
        }
    }
}
END_TEST

START_TEST(zero_weights_stay_zero)
{
    for (int kind = 0; kind < 2; kind++) {
        enum rw_dtype dtype = kind == 0 ? RW_DTYPE_INT8 : RW_DTYPE_Q4;
        float weights[64 * 33];
        struct rw_linear l = linear_random(dtype, 64, 33, false, weights);
        float zero[33] = {0}, back[33];
        rw_linear_pack_row(&l, 5, zero);
        rw_linear_unpack_row(&l, 5, back);
        for (int i = 0; i < 33; i++) {
            ck_assert(back[i] == 0.0f);
        }
        rw_linear_unpack_row(&l, 6, back);
        ck_assert_mem_eq(back, weights + (size_t)6 * 33,
                         sizeof back); /* the neighbour is as it was */
        linear_free(&l);
    }
}
END_TEST

/* Integer sums are exact and the epilogue rounds alike: no table may differ in a bit. The extremes
 * 255 * 127 would saturate 16-bit sums. */
START_TEST(tables_agree_in_every_bit_of_a_product)
{
    static const struct {
        uint32_t rows, n_out, n_in;
        bool extreme;
    } shapes[] = {{13, 130, 896, false},
                  {7, 70, 4864, false},
                  {6, 64, 4864, true},
                  {5, 65, 100, false},
                  {2, 64, 500, true}};
    random_seed(24);
    for (size_t s = 0; s < 2 * RW_COUNT(shapes); s++) {
        double products = (double)shapes[s / 2].rows * shapes[s / 2].n_out * shapes[s / 2].n_in;
        if (products > RW_TEST_PRODUCTS_MAX) {
            continue;
        }
        enum rw_dtype dtype = s % 2 == 0 ? RW_DTYPE_INT8 : RW_DTYPE_Q4;
        uint32_t rows = shapes[s / 2].rows, n_out = shapes[s / 2].n_out, n_in = shapes[s / 2].n_in;
        float *weights = aligned_zero((size_t)n_out * n_in * sizeof(float));
        struct rw_linear l = linear_random(dtype, n_out, n_in, true, weights);
        for (uint32_t o = 0; shapes[s / 2].extreme && o < n_out; o++) {
            for (uint32_t k = 0; k < n_in; k++) {
                weights[(size_t)o * n_in + k] = o % 2 == 0 ? 1.0f : -1.0f;
            }
            rw_linear_pack_row(&l, o, weights + (size_t)o * n_in);
        }
        size_t stride = rw_act_bytes(dtype, l.k_padded), bytes = (size_t)rows * n_out * 4;
        uint8_t *x = aligned_zero(rows * stride);
        float *row = aligned_zero(n_in * sizeof(float));
        for (uint32_t r = 0; r < rows; r++) {
            random_fill(row, n_in);
            for (uint32_t k = 0; shapes[s / 2].extreme && k < n_in; k++) {
                row[k] = r % 2 == 0 ? 1.0f : -1.0f;
            }
            rw_kernels_pick("generic")->to_act(row, n_in, l.k_padded, 1.0f, dtype, x + r * stride);
        }
        float *first = aligned_zero(bytes), *out = aligned_zero(bytes);
        struct rw_gemm call = {&l, x, stride, rows, RW_EPILOGUE_STORE, out, n_out * sizeof(float)};
        FOR_EACH_TABLE(table)
        {
            void *scratch = aligned_zero((*table)->gemm_scratch_bytes(dtype, rows));
            memset(out, 0, bytes);
            (*table)->gemm(&call, 0, l.panels, scratch);
            check_tiles_released();
            if (table == rw_kernels_available()) {
                memcpy(first, out, bytes);
            }
            ck_assert_msg(memcmp(first, out, bytes) == 0, "%s differs, %s", (*table)->name,
                          rw_dtype_name(dtype));
            free(scratch);
        }
        free(first);
        free(out);
        free(row);
        free(x);
        linear_free(&l);
        free(weights);
    }
}
END_TEST

Suite *quantised_suite(void)
{
    Suite *suite = suite_create("quantised");
    TCase *tc = tcase_create("quantised");
    tcase_add_test(tc, rows_are_within_half_a_step);
    tcase_add_test(tc, tables_agree_in_every_byte_of_a_row);
    tcase_add_test(tc, a_row_that_is_not_finite_has_no_scale);
    tcase_add_test(tc, packed_weights_are_near);
    tcase_add_test(tc, zero_weights_stay_zero);
    tcase_add_test(tc, tables_agree_in_every_bit_of_a_product);
    suite_add_tcase(suite, tc);
    return suite;
}
