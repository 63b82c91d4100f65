/* The first step of a trace that states a false equation, as a reader sees the text.
 *
 * A model may be combined with it as a reward of its own name: zero from that step on. It abstains
 * under a question that gives "=" another meaning (core/equation/arithmetic_plain.h). Pure; any
 * thread; linear in the bytes. */
#ifndef RW_SHORTCUT_FIRST_FALSE_H
#define RW_SHORTCUT_FIRST_FALSE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/status.h"
#include "core/base/str.h"

struct rw_first_false {
    bool read;      /* false: the question gives "=" another meaning */
    size_t checked; /* equations that could be decided, up to the false one */
    int64_t step;   /* -1 = no equation is false */
    size_t begin;   /* its bytes [begin, end) in the step as it was sent */
    size_t end;
};

/* NO_MEMORY. */
rw_status rw_first_false(struct rw_str prompt, const struct rw_str *steps, size_t n_steps,
                         struct rw_arena *arena, struct rw_first_false *out, struct rw_error *err);

#endif
