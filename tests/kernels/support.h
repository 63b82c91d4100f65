/* What the kernel tests share: reproducible numbers, aligned buffers, packing, and the element
 * types seen from outside. */
#ifndef RW_TESTS_KERNELS_SUPPORT_H
#define RW_TESTS_KERNELS_SUPPORT_H

#include <check.h>

#include "core/kernels/kernels.h"

Suite *gemm_suite(void);
Suite *rows_suite(void);
Suite *quantised_suite(void);
Suite *attention_suite(void);
Suite *team_suite(void);

#define FOR_EACH_TABLE(t) \
    for (const struct rw_kernels *const *t = rw_kernels_available(); *t != NULL; t++)
#define FOR_EACH_DTYPE(d) for (enum rw_dtype d = RW_DTYPE_F32; d < RW_DTYPE_COUNT; d++)
/* Those that values have between GEMMs. */
#define FOR_EACH_STATE(d) for (enum rw_dtype d = RW_DTYPE_F32; d < RW_DTYPE_STATES; d++)

/* Under emulation (tests/cross) cases of more products than this are left out. */
#ifndef RW_TEST_PRODUCTS_MAX
#define RW_TEST_PRODUCTS_MAX 1e18
#endif

/* Uniform in [-1, 1], the same sequence in every run. */
void random_seed(uint64_t seed);
float random_unit(void);
void random_fill(float *out, size_t n);

/* Zeroed, aligned to RW_ALIGN, exactly `bytes` long for the address sanitizer; free() it. */
void *aligned_zero(size_t bytes);

/* Element `at` of a row of act, as a double. */
double act_row_get(enum rw_dtype dtype, const void *row, uint32_t k_padded, size_t at);
/* The same for memory of a state type, where rows need not be known. */
double act_get(enum rw_dtype dtype, const void *act, size_t at);
void act_set(enum rw_dtype dtype, void *act, size_t at, float value);
/* The value as the type holds it. */
float act_round(enum rw_dtype dtype, float value);

/* Fails the test when this thread has AMX tile registers in use: a kernel that leaves them so makes
 * every context switch dearer, and what it believes of their setup goes wrong when others use them.
 */
void check_tiles_released(void);

/* A packed linear of random weights (bias too when asked for); `weights` receives the values as
 * packed, [n_out, n_in]. */
struct rw_linear linear_random(enum rw_dtype dtype, uint32_t n_out, uint32_t n_in, bool bias,
                               float *weights);
void linear_free(struct rw_linear *linear);

#endif
