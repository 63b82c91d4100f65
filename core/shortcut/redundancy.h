/* Conditional compression: how many bytes does a step cost once the steps before it are known?
 *     C(s_t | s_<t) = (|z(s_<t s_t)| - |z(s_<t)|) / |s_t|
 * with z = zlib at level 6 and a line feed between steps. A step that repeats, rephrases or pads
 * costs next to nothing. (Conditional Kolmogorov complexity by a real compressor: Li et al., "The
 * similarity metric", 2004.)
 *
 * One deflate stream takes the steps as they come; at each boundary a copy of its state is finished
 * to learn |z(s_<=t)|. So time is near-linear, where compressing each prefix anew is quadratic. */
#ifndef RW_SHORTCUT_REDUNDANCY_H
#define RW_SHORTCUT_REDUNDANCY_H

#include "core/base/arena.h"
#include "core/base/status.h"
#include "core/base/str.h"

enum {
    RW_REDUNDANCY_STEP_MIN = 16,         /* bytes; a shorter step has no C */
    RW_REDUNDANCY_BYTES_MAX = 8 << 20,   /* of a trace; steps behind are not looked at */
    RW_REDUNDANCY_SCRATCH_MAX = 1 << 20, /* bytes of the arena: two deflate states */
};

/* C of every step into value[n_steps]; NaN for the first step that has text, for short steps, and
 * behind the limit. NO_MEMORY. */
rw_status rw_redundancy(const struct rw_str *steps, size_t n_steps, struct rw_arena *arena,
                        double *value, struct rw_error *err);

#endif
