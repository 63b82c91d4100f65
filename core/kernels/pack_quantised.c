/* Weights to integers: INT8 with one scale per output; Q4 with a whole multiplier per block of 32
 * inputs on top of it, so that 4-bit weights are INT8 weights of a coarser grid ("progressive"
 * quantisation, as in QServe, arXiv 2405.04532). */
#include "core/kernels/pack_quantised.h"

#include <math.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/base/util.h"
#include "core/kernels/layout.h"

enum {
    INT8_STEPS = 127,
    Q4_STEPS = 7, /* largest magnitude of both signs; -8 is used where it fits better */
    Q4_LEAST = -8,
    MULTIPLIERS_TRIED = 3,
};

/* A panel and where one of its columns lies in it. */
struct column {
    uint8_t *panel;
    size_t index;
    float *scale;
    int32_t *sum;
};

static struct column column_of(const struct rw_linear *l, uint32_t out_index)
{
    rw_assert(rw_dtype_is_quantised(l->dtype) && l->k_padded <= RW_QUANT_K_MAX);
    uint8_t *panel =
        (uint8_t *)l->packed + out_index / RW_PANEL * rw_panel_bytes(l->dtype, l->k_padded);
    uint8_t *tail = panel + rw_panel_weight_bytes(l->dtype, l->k_padded);
    struct column c = {.panel = panel, .index = out_index % RW_PANEL};
    c.scale = (float *)(void *)tail + c.index;
    c.sum = (int32_t *)(void *)tail + RW_PANEL + c.index;
    return c;
}

static float largest_magnitude(const float *w, uint32_t n)
{
    float top = 0.0f;
    for (uint32_t k = 0; k < n; k++) {
        float magnitude = fabsf(w[k]); /* finite: the loader refuses others */
        top = RW_MAX(magnitude, top);
    }
    return top;
}

/* Nearest whole number, ties to even, held to [least, most]. Adding 1.5 * 2^23 rounds |x| < 2^22; a
 * call of lrintf for each weight took most of the time of loading. */
static int to_step(float x, int least, int most)
{
    const float magic = 12582912.0f;
    int q = (int)((x + magic) - magic);
    return q < least ? least : q > most ? most : q;
}

/* Steps per unit of weight; 0 for a row of zeros (or of denormals, which nothing can tell). */
static float steps_per_unit(float top, int steps)
{
    return top > 1e-30f ? (float)steps / top : 0.0f;
}

void rw_pack_quantised_int8(struct rw_linear *linear, uint32_t out_index, const float *w)
{
    struct column c = column_of(linear, out_index);
    float top = largest_magnitude(w, linear->n_in);
    float factor = steps_per_unit(top, INT8_STEPS);
    int8_t *to = (int8_t *)c.panel + c.index * RW_GROUP_BYTES;
    int32_t sum = 0;
    for (size_t k = 0; k < linear->n_in; k++) {
        int q = to_step(w[k] * factor, -INT8_STEPS, INT8_STEPS);
        to[k / RW_GROUP_BYTES * RW_PANEL_STEP + k % RW_GROUP_BYTES] = (int8_t)q;
        sum += q;
    }
    *c.scale = factor > 0 ? top / INT8_STEPS : 0.0f;
    *c.sum = -RW_INT8_OFFSET * sum;
}

/* Squared error of a block of weights in steps when its multiplier is m. */
static float block_error(const float *steps, uint32_t n, int m)
{
    float error = 0.0f, inverse = 1.0f / (float)m;
    for (uint32_t k = 0; k < n; k++) {
        float miss = steps[k] - (float)(m * to_step(steps[k] * inverse, Q4_LEAST, Q4_STEPS));
        error += miss * miss;
    }
    return error;
}

/* The multiplier with the least squared error: the least that clips nothing, or one of the two
 * below it, which clip the largest weight and are finer for the others. */
static int best_multiplier(const float *steps, uint32_t n)
{
    int most = (int)ceilf(largest_magnitude(steps, n) / Q4_STEPS);
    most = most < 1 ? 1 : most > RW_Q4_MULTIPLIER_MAX ? RW_Q4_MULTIPLIER_MAX : most;
    int best = most;
    float least = block_error(steps, n, most);
    for (int m = most - 1; m >= 1 && m > most - MULTIPLIERS_TRIED; m--) {
        float error = block_error(steps, n, m);
        if (error < least) {
            least = error;
            best = m;
        }
    }
    return best;
}

/* Byte of element k of a block inside its 1,024 bytes, and whether it is the upper half of it. */
static size_t q4_byte(size_t column, size_t k, bool *upper)
{
    size_t at = k / RW_GROUP_BYTES * RW_PANEL_STEP + column * RW_GROUP_BYTES + k % RW_GROUP_BYTES;
    *upper = at >= RW_Q4_HALF_BYTES;
    return at % RW_Q4_HALF_BYTES;
}

static int32_t pack_block(uint8_t *block, size_t column, const float *steps, uint32_t n)
{
    int m = best_multiplier(steps, n);
    int32_t sum = 0;
    block[RW_Q4_HALF_BYTES + column] = (uint8_t)m;
    for (uint32_t k = 0; k < RW_Q4_BLOCK; k++) {
        int q = k < n ? to_step(steps[k] / (float)m, Q4_LEAST, Q4_STEPS) : 0;
        bool upper;
        uint8_t *byte = &block[q4_byte(column, k, &upper)];
        unsigned bits = (unsigned)(q - Q4_LEAST);
        *byte = (uint8_t)(upper ? (*byte & 0x0FU) | bits << 4 : (*byte & 0xF0U) | bits);
        sum += m * q;
    }
    return sum;
}

void rw_pack_quantised_q4(struct rw_linear *linear, uint32_t out_index, const float *w)
{
    struct column c = column_of(linear, out_index);
    const int steps_max = Q4_STEPS * RW_Q4_MULTIPLIER_MAX;
    float top = largest_magnitude(w, linear->n_in);
    float factor = steps_per_unit(top, steps_max);
    int32_t sum = 0;
    for (uint32_t k = 0; k < linear->k_padded; k += RW_Q4_BLOCK) {
        float steps[RW_Q4_BLOCK];
        uint32_t n = linear->n_in - k < RW_Q4_BLOCK ? linear->n_in - k : RW_Q4_BLOCK;
        for (uint32_t i = 0; i < n; i++) {
            steps[i] = w[k + i] * factor;
        }
        sum += pack_block(c.panel + k / RW_Q4_BLOCK * RW_Q4_BLOCK_BYTES, c.index, steps, n);
    }
    *c.scale = factor > 0 ? top / (float)steps_max : 0.0f;
    *c.sum = -RW_INT8_OFFSET * sum;
}

static int unpacked_step(const struct rw_linear *l, const struct column *c, size_t k)
{
    if (l->dtype == RW_DTYPE_INT8) {
        const int8_t *from = (const int8_t *)c->panel + c->index * RW_GROUP_BYTES;
        return from[k / RW_GROUP_BYTES * RW_PANEL_STEP + k % RW_GROUP_BYTES];
    }
    const uint8_t *block = c->panel + k / RW_Q4_BLOCK * RW_Q4_BLOCK_BYTES;
    bool upper;
    unsigned byte = block[q4_byte(c->index, k % RW_Q4_BLOCK, &upper)];
    int q = (int)(upper ? byte >> 4 : byte & 0x0FU) + Q4_LEAST;
    return q * block[RW_Q4_HALF_BYTES + c->index];
}

void rw_pack_quantised_undo(const struct rw_linear *linear, uint32_t out_index, float *w)
{
    struct column c = column_of(linear, out_index);
    for (uint32_t k = 0; k < linear->n_in; k++) {
        w[k] = (float)unpacked_step(linear, &c, k) * *c.scale;
    }
}
