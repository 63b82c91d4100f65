#include "core/model/rope.h"

#include <math.h>

#include "core/base/assert.h"

static const double PI = 3.14159265358979323846;

/* Llama 3.1: long wavelengths are stretched by `factor`, short ones kept, those between blended:
 *
 *     wavelength(f) = 2 pi / f
 *     kept       where wavelength < context / high_freq_factor   (turns often within the old
 * context) f / factor where wavelength > context / low_freq_factor    (had not turned once within
 * it) between:   s = (context / wavelength - low) / (high - low), (1 - s) f / factor + s f
 *
 * In float32, because transformers computes it so: exact angles would differ by 1.3e-4 on raw at
 * 4,096 tokens of a random model (core/MODEL.md). */
static float llama3_frequency(const struct rw_rope *rope, float f)
{
    double low_wavelength = rope->original_context / rope->low_freq_factor;
    double high_wavelength = rope->original_context / rope->high_freq_factor;
    float wavelength = (float)(2.0 * PI) / f;
    float stretched = f / (float)rope->factor;
    if (wavelength < (float)high_wavelength) {
        return f;
    }
    if (wavelength > (float)low_wavelength) {
        return stretched;
    }
    float smooth = ((float)rope->original_context / wavelength - (float)rope->low_freq_factor) /
                   (float)(rope->high_freq_factor - rope->low_freq_factor);
    return (1.0f - smooth) * stretched + smooth * f;
}

/* f_i = theta^(-2i / head_dim), rounded to float where the reference rounds. */
void rw_rope_frequencies(const struct rw_rope *rope, uint32_t head_dim, float *frequencies)
{
    rw_assert(head_dim % 2 == 0 && head_dim <= RW_HEAD_DIM_MAX && rope->theta > 0);
    for (uint32_t i = 0; i < head_dim / 2; i++) {
        float exponent = (float)(2 * i) / (float)head_dim;
        float f = 1.0f / (float)pow(rope->theta, exponent);
        if (rope->type == RW_ROPE_LINEAR) {
            f /= (float)rope->factor;
        } else if (rope->type == RW_ROPE_LLAMA3) {
            f = llama3_frequency(rope, f);
        }
        frequencies[i] = f;
    }
}

/* The angle is a float32 product, as in the reference. Its sine and cosine are taken in double and
 * rounded, because float versions of different C libraries differ in the last bit. */
void rw_rope_angles(const float *frequencies, uint32_t n, uint32_t position, float *cosines,
                    float *sines)
{
    for (uint32_t i = 0; i < n; i++) {
        float angle = (float)position * frequencies[i];
        double s, c;
        sincos(angle, &s, &c);
        sines[i] = (float)s;
        cosines[i] = (float)c;
    }
}
