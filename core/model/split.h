/* A trace sent as one text, cut into steps by the model's own rule.
 *
 * The first separator of the layout that occurs in the text is used; when none does, the text is
 * one step. Steps are slices of the text, so their spans are known. */
#ifndef RW_MODEL_SPLIT_H
#define RW_MODEL_SPLIT_H

#include "core/base/arena.h"
#include "core/base/status.h"
#include "core/model/layout.h"

struct rw_split {
    struct rw_str *steps; /* slices of the text; separators are in none of them */
    size_t n_steps;
    struct rw_str separator; /* that was used; empty when the text is one step */
};

/* LIMIT_EXCEEDED over steps_max, NO_MEMORY. No steps is not an error here. */
rw_status rw_split_text(const struct rw_layout *layout, struct rw_str text, size_t steps_max,
                        struct rw_arena *arena, struct rw_split *out, struct rw_error *err);

#endif
