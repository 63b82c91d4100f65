/* Sixteen-bit floats. To float32 exactly: every value of both formats is a float32. NaN keeps its
 * payload, subnormals become normal, whatever the flush-to-zero mode of the thread. */
#ifndef RW_BASE_HALF_H
#define RW_BASE_HALF_H

#include <stdint.h>
#include <string.h>

static inline float rw_bf16_to_f32(uint16_t half)
{
    uint32_t bits = (uint32_t)half << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
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

static inline float rw_f16_to_f32(uint16_t half)
{
    enum {
        REBIAS = (127 - 15) << 23, /* exponent biases of float32 and float16 */
        ONE = 1 << 23,             /* one step of the float32 exponent */
    };
    uint32_t sign = (uint32_t)(half & 0x8000) << 16;
    uint32_t exponent = half & 0x7C00;
    uint32_t bits = ((uint32_t)(half & 0x7FFF) << 13) + REBIAS;
    if (exponent == 0x7C00) {
        bits += REBIAS; /* infinity and NaN: the largest exponent here too */
    } else if (exponent == 0) {
        /* Subnormal: f * 2^-24 = (2^-14 + f * 2^-24) - 2^-14, and both sides are exact. */
        float value;
        bits += ONE;
        memcpy(&value, &bits, sizeof value);
        value -= 0x1p-14f;
        memcpy(&bits, &value, sizeof bits);
    }
    bits |= sign;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

#endif
