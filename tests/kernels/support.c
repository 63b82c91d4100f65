#include "tests/kernels/support.h"

#include <stdlib.h>
#include <string.h>

#ifdef __x86_64__
#include <cpuid.h>
#endif

#include "core/base/half.h"

static uint64_t random_state = 1;

void random_seed(uint64_t seed)
{
    random_state = seed * 0x9E3779B97F4A7C15U + 1;
}

float random_unit(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (float)((int64_t)random_state >> 40) / 8388608.0f;
}

void random_fill(float *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        out[i] = random_unit();
    }
}

void *aligned_zero(size_t bytes)
{
    void *ptr = NULL;
    ck_assert_int_eq(posix_memalign(&ptr, RW_ALIGN, bytes > 0 ? bytes : 1), 0);
    memset(ptr, 0, bytes);
    return ptr;
}

double act_get(enum rw_dtype dtype, const void *act, size_t at)
{
    if (dtype == RW_DTYPE_F32) {
        return ((const float *)act)[at];
    }
    return rw_bf16_to_f32(((const uint16_t *)act)[at]);
}

void act_set(enum rw_dtype dtype, void *act, size_t at, float value)
{
    if (dtype == RW_DTYPE_F32) {
        ((float *)act)[at] = value;
    } else {
        ((uint16_t *)act)[at] = rw_bf16_from_f32(value);
    }
}

double act_row_get(enum rw_dtype dtype, const void *row, uint32_t k_padded, size_t at)
{
    if (!rw_dtype_is_quantised(dtype)) {
        return act_get(dtype, row, at);
    }
    float scale;
    memcpy(&scale, (const uint8_t *)row + k_padded, sizeof scale);
    return (double)scale * (((const uint8_t *)row)[at] - 128);
}

float act_round(enum rw_dtype dtype, float value)
{
    return dtype == RW_DTYPE_F32 ? value : rw_bf16_to_f32(rw_bf16_from_f32(value));
}

struct rw_linear linear_random(enum rw_dtype dtype, uint32_t n_out, uint32_t n_in, bool bias,
                               float *weights)
{
    struct rw_linear l = {.dtype = dtype, .n_out = n_out, .n_in = n_in};
    l.panels = (n_out + RW_PANEL - 1) / RW_PANEL;
    l.k_padded = (n_in + RW_K_ALIGN - 1) / RW_K_ALIGN * RW_K_ALIGN;
    l.packed = aligned_zero(rw_linear_bytes(dtype, n_out, n_in));
    for (uint32_t o = 0; o < n_out; o++) {
        float *row = weights + (size_t)o * n_in;
        random_fill(row, n_in);
        rw_linear_pack_row(&l, o, row);
        rw_linear_unpack_row(&l, o, row);
    }
    if (bias) {
        l.bias = aligned_zero(l.panels * RW_PANEL * sizeof(float));
        random_fill(l.bias, n_out);
    }
    return l;
}

void linear_free(struct rw_linear *linear)
{
    free(linear->packed);
    free(linear->bias);
}

#ifdef __x86_64__

/* XGETBV with argument 1: the state components that are not in their initial state. */
void check_tiles_released(void)
{
    const unsigned tile_data = 1U << 18, can_tell = 1U << 2;
    unsigned eax, ebx, ecx, edx;
    if (!__get_cpuid_count(0xD, 1, &eax, &ebx, &ecx, &edx) || (eax & can_tell) == 0) {
        return;
    }
    __asm__ volatile("xgetbv" : "=a"(eax), "=d"(edx) : "c"(1));
    ck_assert_uint_eq(eax & tile_data, 0);
}

#else

void check_tiles_released(void)
{
}

#endif
