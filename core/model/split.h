/* A trace sent as one text, cut into steps by the model's own rule or by the client's.
 *
 * The model's rule is that of its reference: the first separator of the layout that occurs in the
 * text is used; when none does, the text is one step. The rules a client may choose instead know
 * what a step must not be cut inside of (core/model/block.h). Steps are slices of the text, so
 * their spans are known. */
#ifndef RW_MODEL_SPLIT_H
#define RW_MODEL_SPLIT_H

#include "core/base/arena.h"
#include "core/base/status.h"
#include "core/model/layout.h"

enum rw_split_kind {
    RW_SPLIT_MODEL,     /* the model's own rule, as its reference cuts */
    RW_SPLIT_PARAGRAPH, /* at blank lines */
    RW_SPLIT_LINE,
    RW_SPLIT_SENTENCE,
    RW_SPLIT_NONE, /* the text is one step */
    RW_SPLIT_LIST, /* at every one of some separators */
};

/* How a text becomes steps. */
struct rw_split_rule {
    enum rw_split_kind kind;
    const struct rw_str *list; /* [n_list], of RW_SPLIT_LIST */
    size_t n_list;
};

struct rw_split {
    struct rw_str *steps; /* slices of the text; separators are in none of them */
    size_t n_steps;
    struct rw_str separator; /* that was used; empty when the text is one step, or cut by sentences
                                or by several separators */
};

/* LIMIT_EXCEEDED over steps_max, NO_MEMORY. No steps is not an error here. */
rw_status rw_split_text(const struct rw_layout *layout, const struct rw_split_rule *rule,
                        struct rw_str text, size_t steps_max, struct rw_arena *arena,
                        struct rw_split *out, struct rw_error *err);

#endif
