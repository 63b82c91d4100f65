/* GEMM and its epilogues: against float64, against itself under every cut, and at the edges. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/kernels/support.h"

#include "core/base/util.h"

/* Of sum |x w| + |bias|: float accumulation in a fixed order, at most a few thousand terms. */
static const double GEMM_ERROR_MAX = 1e-6;
static const float UNTOUCHED = 12345.0f;

struct shape {
    uint32_t rows, n_out, n_in;
};

static const struct shape SHAPES[] = {
    {1, 64, 32},    {6, 24, 40},  {7, 40, 24},  {5, 1, 8},     {13, 200, 896}, {3, 65, 4864},
    {12, 896, 896}, {2, 127, 33}, {8, 128, 63}, {600, 70, 17}, {40, 65, 4864}, {60, 2, 20000},
};

static double products(struct shape s)
{
    return (double)s.rows * s.n_out * s.n_in;
}

struct problem {
    struct rw_linear linear;
    float *weights; /* as packed */
    void *x;
    size_t x_stride;
    uint32_t rows;
    float *out;
    size_t columns; /* of out, more than n_out so that overruns show */
};

static void problem_set_row(struct problem *p, size_t row, const float *x)
{
    rw_kernels_pick("generic")->to_act(x, p->linear.n_in, p->linear.k_padded, 1.0f, p->linear.dtype,
                                       (char *)p->x + row * p->x_stride);
}

static struct problem problem_make(enum rw_dtype dtype, struct shape s, bool bias)
{
    struct problem p = {.rows = s.rows, .columns = s.n_out + 3};
    p.weights = aligned_zero((size_t)s.n_out * s.n_in * sizeof(float));
    p.linear = linear_random(dtype, s.n_out, s.n_in, bias, p.weights);
    p.x_stride = rw_act_bytes(dtype, p.linear.k_padded) + 8;
    p.x = aligned_zero(s.rows * p.x_stride);
    float *row = aligned_zero(s.n_in * sizeof(float));
    for (uint32_t r = 0; r < s.rows; r++) {
        random_fill(row, s.n_in);
        problem_set_row(&p, r, row);
    }
    free(row);
    p.out = aligned_zero(p.rows * p.columns * sizeof(float));
    for (size_t i = 0; i < p.rows * p.columns; i++) {
        p.out[i] = UNTOUCHED;
    }
    return p;
}

static void problem_free(struct problem *p)
{
    linear_free(&p->linear);
    free(p->weights);
    free(p->x);
    free(p->out);
}

static struct rw_gemm problem_call(const struct problem *p, enum rw_epilogue epilogue)
{
    return (struct rw_gemm){
        .linear = &p->linear,
        .x = p->x,
        .x_stride = p->x_stride,
        .rows = p->rows,
        .epilogue = epilogue,
        .out = p->out,
        .out_stride = p->columns * sizeof(float),
    };
}

static void run_panels(const struct rw_kernels *k, const struct rw_gemm *call, uint32_t begin,
                       uint32_t end)
{
    void *scratch = aligned_zero(k->gemm_scratch_bytes(call->linear->dtype, call->rows));
    k->gemm(call, begin, end, scratch);
    check_tiles_released();
    free(scratch);
}

static void run(const struct rw_kernels *k, const struct rw_gemm *call)
{
    run_panels(k, call, 0, call->linear->panels);
}

static double expect(const struct problem *p, size_t row, size_t o, double *magnitude)
{
    double sum = p->linear.bias != NULL ? p->linear.bias[o] : 0;
    *magnitude = fabs(sum);
    for (size_t k = 0; k < p->linear.n_in; k++) {
        double x =
            act_row_get(p->linear.dtype, (char *)p->x + row * p->x_stride, p->linear.k_padded, k);
        double term = x * p->weights[o * p->linear.n_in + k];
        sum += term;
        *magnitude += fabs(term);
    }
    return sum;
}

static void check_store(const struct problem *p, double added, const char *name)
{
    for (size_t r = 0; r < p->rows; r++) {
        for (size_t o = 0; o < p->columns; o++) {
            double got = p->out[r * p->columns + o];
            if (o >= p->linear.n_out) {
                if (got != UNTOUCHED) {
                    ck_abort_msg("%s row %zu: %zu was written", name, r, o);
                }
                continue;
            }
            double magnitude;
            double want = expect(p, r, o, &magnitude) + added;
            double allowed = GEMM_ERROR_MAX * (magnitude + fabs(added));
            if (!(fabs(got - want) <=
                  allowed)) { /* an assertion each would take most of the time */
                ck_abort_msg("%s row %zu out %zu: %.9g, want %.9g", name, r, o, got, want);
            }
        }
    }
}

START_TEST(store_and_add_match_float64)
{
    random_seed(1);
    for (size_t i = 0; i < RW_COUNT(SHAPES); i++) {
        if (products(SHAPES[i]) > RW_TEST_PRODUCTS_MAX) {
            continue;
        }
        FOR_EACH_DTYPE(dtype)
        {
            struct problem p = problem_make(dtype, SHAPES[i], i % 2 == 0);
            FOR_EACH_TABLE(table)
            {
                struct rw_gemm store = problem_call(&p, RW_EPILOGUE_STORE);
                run(*table, &store);
                check_store(&p, 0, (*table)->name);
                for (size_t r = 0; r < p.rows; r++) {
                    for (size_t o = 0; o < p.linear.n_out; o++) {
                        p.out[r * p.columns + o] = 2.5f;
                    }
                }
                struct rw_gemm add = problem_call(&p, RW_EPILOGUE_ADD);
                run(*table, &add);
                check_store(&p, 2.5, (*table)->name);
            }
            problem_free(&p);
        }
    }
}
END_TEST

/* The same row must have the same bits alone, in any place of any batch, and under any cut of the
 * panels. */
START_TEST(a_row_does_not_know_its_neighbours)
{
    static const struct shape shapes[] = {{19, 200, 896}, {530, 65, 40},  {9, 130, 4864},
                                          {9, 65, 40},    {40, 65, 4864}, {60, 2, 20000}};
    random_seed(2);
    for (size_t i = 0; i < RW_COUNT(shapes); i++) {
        if (products(shapes[i]) > RW_TEST_PRODUCTS_MAX) {
            continue;
        }
        FOR_EACH_DTYPE(dtype)
        {
            struct problem p = problem_make(dtype, shapes[i], true);
            size_t bytes = p.rows * p.columns * sizeof(float);
            float *whole = aligned_zero(bytes);
            FOR_EACH_TABLE(table)
            {
                struct rw_gemm call = problem_call(&p, RW_EPILOGUE_STORE);
                run(*table, &call);
                memcpy(whole, p.out, bytes);
                for (uint32_t panel = 0; panel < p.linear.panels; panel++) {
                    run_panels(*table, &call, panel, panel + 1);
                }
                ck_assert_mem_eq(whole, p.out, bytes);
                for (uint32_t first = 0; first < p.rows; first += call.rows) {
                    call.rows = 1 + first % 8 < p.rows - first ? 1 + first % 8 : p.rows - first;
                    call.x = (char *)p.x + first * p.x_stride;
                    call.out = p.out + first * p.columns;
                    run(*table, &call);
                }
                ck_assert_mem_eq(whole, p.out, bytes);
            }
            free(whole);
            problem_free(&p);
        }
    }
}
END_TEST

START_TEST(a_nan_stays_in_its_row_and_stays_nan)
{
    random_seed(3);
    FOR_EACH_DTYPE(dtype)
    {
        struct problem p = problem_make(dtype, (struct shape){7, 64, 32}, false);
        float row[32] = {1.0f};
        row[5] = NAN;
        problem_set_row(&p, 3, row);
        row[5] = INFINITY;
        problem_set_row(&p, 4, row);
        bool quantised = rw_dtype_is_quantised(dtype); /* has no infinity */
        FOR_EACH_TABLE(table)
        {
            struct rw_gemm call = problem_call(&p, RW_EPILOGUE_STORE);
            run(*table, &call);
            for (size_t r = 0; r < p.rows; r++) {
                for (size_t o = 0; o < p.linear.n_out; o++) {
                    float y = p.out[r * p.columns + o];
                    ck_assert_int_eq(isnan(y) != 0, r == 3 || (quantised && r == 4));
                    ck_assert_int_eq(isinf(y) != 0, r == 4 && !quantised);
                }
            }
        }
        problem_free(&p);
    }
}
END_TEST

static double silu(double x)
{
    return x / (1 + exp(-x));
}

START_TEST(swiglu_matches_float64)
{
    enum {
        INTER = 40,
        PADDED = 64,
        ROWS = 9,
        N_IN = 24
    };
    random_seed(4);
    FOR_EACH_DTYPE(dtype)
    {
        struct problem p = problem_make(dtype, (struct shape){ROWS, 2 * PADDED, N_IN}, false);
        memset(p.linear.packed, 0, rw_linear_bytes(dtype, 2 * PADDED, N_IN));
        for (uint32_t i = 0; i < INTER; i++) {
            float *gate = p.weights + i * N_IN, *up = p.weights + (PADDED + i) * N_IN;
            rw_linear_pack_row(&p.linear, rw_swiglu_row(i, false), gate);
            rw_linear_unpack_row(&p.linear, rw_swiglu_row(i, false), gate);
            rw_linear_pack_row(&p.linear, rw_swiglu_row(i, true), up);
            rw_linear_unpack_row(&p.linear, rw_swiglu_row(i, true), up);
        }
        enum rw_dtype state = rw_dtype_state(dtype);
        void *act = aligned_zero(ROWS * PADDED * rw_dtype_bytes(state));
        FOR_EACH_TABLE(table)
        {
            struct rw_gemm call = problem_call(&p, RW_EPILOGUE_SWIGLU);
            call.out = act;
            call.out_stride = PADDED * rw_dtype_bytes(state);
            run(*table, &call);
            for (size_t r = 0; r < ROWS; r++) {
                for (size_t i = 0; i < PADDED; i++) {
                    double got = act_get(state, act, r * PADDED + i);
                    double unused;
                    double want = i < INTER ? silu(expect(&p, r, i, &unused)) *
                                                  expect(&p, r, PADDED + i, &unused)
                                            : 0;
                    double allowed = dtype == RW_DTYPE_F32 ? 3e-6 : fabs(want) / 256 + 3e-6;
                    ck_assert_msg(fabs(got - want) <= allowed, "%s %zu,%zu: %.9g want %.9g",
                                  (*table)->name, r, i, got, want);
                }
            }
        }
        free(act);
        problem_free(&p);
    }
}
END_TEST

/* Gate weight 1 and up bias 1 make the epilogue return silu(x) itself. */
START_TEST(silu_is_accurate_over_its_range)
{
    enum {
        ROWS = 4001
    };
    struct problem p = problem_make(RW_DTYPE_F32, (struct shape){ROWS, 64, 32}, true);
    float one = 1.0f;
    p.linear.n_in = 1;
    memset(p.linear.packed, 0, rw_linear_bytes(RW_DTYPE_F32, 64, 32));
    rw_linear_pack_row(&p.linear, rw_swiglu_row(0, false), &one);
    memset(p.linear.bias, 0, 64 * sizeof(float));
    p.linear.bias[rw_swiglu_row(0, true)] = 1.0f;
    memset(p.x, 0, ROWS * p.x_stride);
    for (size_t r = 0; r < ROWS; r++) {
        act_set(RW_DTYPE_F32, (char *)p.x + r * p.x_stride, 0, ((float)r - 2000.0f) * 0.0425f);
    }
    FOR_EACH_TABLE(table)
    {
        struct rw_gemm call = problem_call(&p, RW_EPILOGUE_SWIGLU);
        run(*table, &call);
        for (size_t r = 0; r < ROWS; r++) {
            double want = silu(act_get(RW_DTYPE_F32, (char *)p.x + r * p.x_stride, 0));
            double got = p.out[r * p.columns];
            ck_assert_msg(fabs(got - want) <= 4e-7 * fabs(want), "%s: %.9g want %.9g",
                          (*table)->name, got, want);
        }
    }
    problem_free(&p);
}
END_TEST

Suite *gemm_suite(void)
{
    Suite *suite = suite_create("gemm");
    TCase *tc = tcase_create("gemm");
    tcase_add_test(tc, store_and_add_match_float64);
    tcase_add_test(tc, a_row_does_not_know_its_neighbours);
    tcase_add_test(tc, a_nan_stays_in_its_row_and_stays_nan);
    tcase_add_test(tc, swiglu_matches_float64);
    tcase_add_test(tc, silu_is_accurate_over_its_range);
    suite_add_tcase(suite, tc);
    return suite;
}
