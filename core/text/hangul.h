/* Conjoining Jamo arithmetic: The Unicode Standard, section 3.12. */
#ifndef RW_TEXT_HANGUL_H
#define RW_TEXT_HANGUL_H

#include <stdbool.h>
#include <stdint.h>

enum {
    RW_HANGUL_S = 0xAC00, /* first syllable */
    RW_HANGUL_L = 0x1100, /* first leading consonant */
    RW_HANGUL_V = 0x1161, /* first vowel */
    RW_HANGUL_T = 0x11A7, /* one before the first trailing consonant */
    RW_HANGUL_L_COUNT = 19,
    RW_HANGUL_V_COUNT = 21,
    RW_HANGUL_T_COUNT = 28, /* "none" included */
    RW_HANGUL_S_COUNT = RW_HANGUL_L_COUNT * RW_HANGUL_V_COUNT * RW_HANGUL_T_COUNT,
};

static inline bool rw_hangul_is_syllable(uint32_t code)
{
    return code - RW_HANGUL_S < RW_HANGUL_S_COUNT;
}

/* L V or LV T as one syllable, or 0. */
static inline uint32_t rw_hangul_compose(uint32_t a, uint32_t b)
{
    if (a - RW_HANGUL_L < RW_HANGUL_L_COUNT && b - RW_HANGUL_V < RW_HANGUL_V_COUNT) {
        uint32_t lv = (a - RW_HANGUL_L) * RW_HANGUL_V_COUNT + (b - RW_HANGUL_V);
        return RW_HANGUL_S + lv * RW_HANGUL_T_COUNT;
    }
    bool is_lv = rw_hangul_is_syllable(a) && (a - RW_HANGUL_S) % RW_HANGUL_T_COUNT == 0;
    bool is_t = b > RW_HANGUL_T && b < RW_HANGUL_T + RW_HANGUL_T_COUNT;
    return is_lv && is_t ? a + (b - RW_HANGUL_T) : 0;
}

/* Writes the two or three Jamo of a syllable, returns how many. */
static inline unsigned rw_hangul_decompose(uint32_t syllable, uint32_t out[3])
{
    uint32_t index = syllable - RW_HANGUL_S;
    out[0] = RW_HANGUL_L + index / (RW_HANGUL_V_COUNT * RW_HANGUL_T_COUNT);
    out[1] = RW_HANGUL_V + index / RW_HANGUL_T_COUNT % RW_HANGUL_V_COUNT;
    out[2] = RW_HANGUL_T + index % RW_HANGUL_T_COUNT;
    return out[2] != RW_HANGUL_T ? 3 : 2;
}

#endif
