/* Properties of code points, as the reference tokenizer knows them.
 *
 * Not a Unicode library: the tables are read off Hugging Face tokenizers (unicode_tables.py), which
 * mixes Unicode 16 for its regular expressions with Unicode 9 for NFC. A system library, whose
 * version changes with the distribution, would change token ids and thereby scores. */
#ifndef RW_TEXT_UNICODE_H
#define RW_TEXT_UNICODE_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/str.h"

enum {
    RW_UNICODE_BLOCK = 128, /* code points per block of the two-stage table */
    RW_UNICODE_MAX = 0x10FFFF,
    /* Low two bits of the flags: which of \p{L}, \p{N}, \s holds; they exclude each other. */
    RW_UNICODE_OTHER = 0,
    RW_UNICODE_LETTER = 1,
    RW_UNICODE_NUMBER = 2,
    RW_UNICODE_SPACE = 3,
    RW_UNICODE_CLASS = 3,     /* mask */
    RW_UNICODE_WORD = 4,      /* \w */
    RW_UNICODE_NFC_CHECK = 8, /* combining class is not 0, or NFC_Quick_Check is not Yes */
};

/* Canonical combining class of first..last; 0 for all code points not listed. */
struct rw_unicode_ccc {
    uint32_t first;
    uint32_t last;
    uint32_t value;
};

/* One canonical (de)composition: whole = a b; b is 0 when the decomposition is a single code. */
struct rw_unicode_pair {
    uint32_t whole;
    uint32_t a;
    uint32_t b;
};

extern const uint8_t rw_unicode_index[(RW_UNICODE_MAX + 1) / RW_UNICODE_BLOCK];
extern const uint8_t rw_unicode_blocks[][RW_UNICODE_BLOCK];
extern const size_t rw_unicode_ccc_count;
extern const struct rw_unicode_ccc rw_unicode_ccc[]; /* by first */
extern const size_t rw_unicode_decompose_count;
extern const struct rw_unicode_pair rw_unicode_decompose[]; /* by whole */
extern const size_t rw_unicode_compose_count;
extern const struct rw_unicode_pair rw_unicode_compose[]; /* by (a, b) */

/* code <= RW_UNICODE_MAX. */
static inline unsigned rw_unicode_flags(uint32_t code)
{
    return rw_unicode_blocks[rw_unicode_index[code / RW_UNICODE_BLOCK]][code % RW_UNICODE_BLOCK];
}

/* The character at `at` of text already known to be valid UTF-8; *next is the offset behind it. */
static inline uint32_t rw_unicode_at(struct rw_str text, size_t at, size_t *next)
{
    const unsigned char *p = (const unsigned char *)text.ptr + at;
    if (p[0] < 0x80) {
        *next = at + 1;
        return p[0];
    }
    if (p[0] < 0xE0) {
        *next = at + 2;
        return (uint32_t)(p[0] & 0x1F) << 6 | (p[1] & 0x3F);
    }
    if (p[0] < 0xF0) {
        *next = at + 3;
        return (uint32_t)(p[0] & 0x0F) << 12 | (uint32_t)(p[1] & 0x3F) << 6 | (p[2] & 0x3F);
    }
    *next = at + 4;
    return (uint32_t)(p[0] & 0x07) << 18 | (uint32_t)(p[1] & 0x3F) << 12 |
           (uint32_t)(p[2] & 0x3F) << 6 | (p[3] & 0x3F);
}

/* Offset of the character that ends just before `at` (at > 0) of valid UTF-8. */
static inline size_t rw_unicode_before(struct rw_str text, size_t at)
{
    do {
        at--;
    } while (at > 0 && ((unsigned char)text.ptr[at] & 0xC0) == 0x80);
    return at;
}

/* Canonical combining class. */
unsigned rw_unicode_combining(uint32_t code);
/* The pair that `code` decomposes into in one step, or NULL. Hangul syllables are not listed. */
const struct rw_unicode_pair *rw_unicode_decomposition(uint32_t code);
/* The character composed of a and b, Hangul included, or 0. */
uint32_t rw_unicode_composition(uint32_t a, uint32_t b);

#endif
