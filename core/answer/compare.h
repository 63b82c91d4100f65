/* Two answers that were read: do they say the same? The table of kinds is in answer.h.
 *
 * Symmetric: the order of the sides says nothing. At most RW_COMPARE_WORK_MAX pairs of elements are
 * looked at; then the verdict is UNKNOWN. Pure; any thread. */
#ifndef RW_ANSWER_COMPARE_H
#define RW_ANSWER_COMPARE_H

#include "core/answer/evaluate.h"
#include "core/answer/verdict.h"
#include "core/base/arena.h"

enum {
    RW_COMPARE_WORK_MAX = 8192, /* pairs of elements */
    RW_COMPARE_ITEMS_MAX = 96,  /* of a list, plus-minus counted twice */
    RW_COMPARE_DEPTH_MAX = 6,   /* lists in lists */
};

struct rw_compare {
    const struct rw_answer_options *options;
    struct rw_arena *arena;
    enum rw_answer_rule rule; /* the last one that decided */
    size_t work;
    int depth;
    bool no_memory;
};

enum rw_verified rw_compare(struct rw_compare *c, const struct rw_node *a, const struct rw_node *b);

/* ---- between the files of this module ---- */

/* An element: an expression with a plus-minus is two. */
struct rw_compare_item {
    const struct rw_node *node;
    int side;
};

/* Says the rule and the verdict. */
static inline enum rw_verified rw_compare_say(struct rw_compare *c, enum rw_verified v,
                                              enum rw_answer_rule rule)
{
    c->rule = rule;
    return v;
}

/* compare_quantity.c: scalars and QUANTITY. */
enum rw_verified rw_compare_quantities(struct rw_compare *c, struct rw_compare_item a,
                                       struct rw_compare_item b);
static inline bool rw_compare_is_quantity(const struct rw_node *node)
{
    return rw_node_scalar(node) || node->kind == RW_NODE_QUANTITY;
}

/* compare_list.c: lists, sets, brackets, matrices. */
enum rw_verified rw_compare_collections(struct rw_compare *c, const struct rw_node *a,
                                        const struct rw_node *b);
enum rw_verified rw_compare_matrices(struct rw_compare *c, const struct rw_node *a,
                                     const struct rw_node *b);
/* compare_span.c: sets of numbers by their bounds; false when one of them is none. */
bool rw_compare_spans(struct rw_compare *c, const struct rw_node *a, const struct rw_node *b,
                      enum rw_verified *out);
/* compare_relation.c: equations and names. */
enum rw_verified rw_compare_relations(struct rw_compare *c, const struct rw_node *a,
                                      const struct rw_node *b);

#endif
