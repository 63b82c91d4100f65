/* What can be seen of a trace without reading it: length, shape, characters. The run monitor asks
 * how much of the reward these explain (DESIGN.md section 6, screening). Pure, any thread. */
#ifndef RW_RUN_SURFACE_H
#define RW_RUN_SURFACE_H

#include <stddef.h>

#include "core/base/str.h"

enum rw_surface {
    RW_SURFACE_STEPS,      /* log(1 + steps) */
    RW_SURFACE_BYTES,      /* log(1 + bytes of all steps) */
    RW_SURFACE_STEP_BYTES, /* log(1 + bytes per step) */
    RW_SURFACE_LARGEST,    /* share of the longest step, 0..1 */
    RW_SURFACE_DIGITS,     /* shares of the bytes, 0..1 */
    RW_SURFACE_LETTERS,
    RW_SURFACE_SPACES,
    RW_SURFACE_MARKUP,   /* \ $ * # _ ` { } */
    RW_SURFACE_EQUALS,   /* "=" per step, log(1 + x) */
    RW_SURFACE_DISTINCT, /* distinct words / words, of the first RW_SURFACE_WORDS_MAX; 1 if none */
    RW_SURFACE_DIM
};

enum {
    RW_SURFACE_WORDS_MAX = 1024,
};

void rw_surface_measure(const struct rw_str *steps, size_t n, double out[RW_SURFACE_DIM]);

#endif
