/* bfloat16, the upper half of a float32, one value at a time: for packing and for loaders. */
#ifndef RW_KERNELS_BF16_H
#define RW_KERNELS_BF16_H

#include <stdint.h>
#include <string.h>

static inline float rw_bf16_to_f32(uint16_t bits)
{
    uint32_t wide = (uint32_t)bits << 16;
    float value;
    memcpy(&value, &wide, sizeof value);
    return value;
}

/* Nearest, ties to even; a NaN stays a NaN (rounding its bits could carry into infinity). */
static inline uint16_t rw_bf16_from_f32(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    if (value != value) {
        return (uint16_t)((bits >> 16) | 0x40);
    }
    return (uint16_t)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
}

#endif
