#include "core/run/surface.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "core/base/hash.h"
#include "core/base/util.h"

enum {
    SLOTS = 2 * RW_SURFACE_WORDS_MAX, /* open addressing, half full at most */
};

struct counts {
    double bytes;
    double largest;
    double digits;
    double letters;
    double spaces;
    double markup;
    double equals;
};

struct words {
    uint64_t slot[SLOTS]; /* 0 = free */
    size_t seen;
    size_t distinct;
};

static bool is_space(unsigned char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_letter(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static void count_bytes(struct rw_str step, struct counts *c)
{
    for (size_t i = 0; i < step.len; i++) {
        unsigned char b = (unsigned char)step.ptr[i];
        c->digits += b >= '0' && b <= '9' ? 1 : 0;
        c->letters += is_letter(b) ? 1 : 0;
        c->spaces += is_space(b) ? 1 : 0;
        c->markup += b != 0 && strchr("\\$*#_`{}", b) != NULL ? 1 : 0;
        c->equals += b == '=' ? 1 : 0;
    }
    c->bytes += (double)step.len;
    c->largest = RW_MAX((double)step.len, c->largest);
}

static void take_word(struct rw_str word, struct words *w)
{
    uint64_t h = rw_hash64(word.ptr, word.len, 1) | 1;
    size_t at = (size_t)(h >> 32) % SLOTS;
    w->seen++;
    while (w->slot[at] != 0 && w->slot[at] != h) {
        at = (at + 1) % SLOTS;
    }
    w->distinct += w->slot[at] == 0 ? 1 : 0;
    w->slot[at] = h;
}

static void count_words(struct rw_str step, struct words *w)
{
    size_t i = 0;
    while (i < step.len && w->seen < RW_SURFACE_WORDS_MAX) {
        while (i < step.len && is_space((unsigned char)step.ptr[i])) {
            i++;
        }
        size_t begin = i;
        while (i < step.len && !is_space((unsigned char)step.ptr[i])) {
            i++;
        }
        if (i > begin) {
            take_word(rw_str_slice(step, begin, i), w);
        }
    }
}

void rw_surface_measure(const struct rw_str *steps, size_t n, double out[RW_SURFACE_DIM])
{
    struct counts c = {0};
    struct words w = {.seen = 0};
    for (size_t i = 0; i < n; i++) {
        count_bytes(steps[i], &c);
        count_words(steps[i], &w);
    }
    double bytes = c.bytes > 0 ? c.bytes : 1;
    double count = n > 0 ? (double)n : 1;
    out[RW_SURFACE_STEPS] = log1p((double)n);
    out[RW_SURFACE_BYTES] = log1p(c.bytes);
    out[RW_SURFACE_STEP_BYTES] = log1p(c.bytes / count);
    out[RW_SURFACE_LARGEST] = c.largest / bytes;
    out[RW_SURFACE_DIGITS] = c.digits / bytes;
    out[RW_SURFACE_LETTERS] = c.letters / bytes;
    out[RW_SURFACE_SPACES] = c.spaces / bytes;
    out[RW_SURFACE_MARKUP] = c.markup / bytes;
    out[RW_SURFACE_EQUALS] = log1p(c.equals / count);
    out[RW_SURFACE_DISTINCT] = w.seen > 0 ? (double)w.distinct / (double)w.seen : 1;
}
