/* Lists, sets, tuples, matrices: by their elements. */
#include "core/answer/compare.h"
#include "core/base/util.h"

/* The elements of one side. */
struct items {
    struct rw_compare_item at[RW_COMPARE_ITEMS_MAX];
    size_t n;
    bool full;     /* there are more */
    bool ellipsis; /* and it goes on: "1, 2, 3, ..." */
};

/* How many coordinates of a tuple have a plus-minus. */
static size_t signed_coordinates(const struct rw_node *node)
{
    size_t n = 0;
    if (node->kind == RW_NODE_BRACKETS) {
        RW_NODE_EACH (child, node) {
            n += rw_compare_is_quantity(child) && rw_evaluate_has_sides(child);
        }
    }
    return n;
}

/* "\pm 3" is two elements, "(\pm 3, 4)" too; "(\pm 3, \pm 4)" is two or four. */
static void add(struct items *out, const struct rw_node *node)
{
    bool sides = (rw_compare_is_quantity(node) && rw_evaluate_has_sides(node)) ||
                 signed_coordinates(node) == 1;
    out->ellipsis = out->ellipsis || node->kind == RW_NODE_ELLIPSIS;
    for (int side = 1; side >= (sides ? -1 : 1); side -= 2) {
        if (out->n == RW_COMPARE_ITEMS_MAX) {
            out->full = true;
            return;
        }
        out->at[out->n++] = (struct rw_compare_item){node, side};
    }
}

static bool collection(const struct rw_node *node)
{
    return node->kind >= RW_NODE_LIST && node->kind <= RW_NODE_SET;
}

static void gather(const struct rw_node *node, bool alone, struct items *out)
{
    out->n = 0;
    out->full = out->ellipsis = false;
    if (!collection(node) || alone) {
        add(out, node);
        return;
    }
    RW_NODE_EACH (child, node) {
        add(out, child);
    }
}

static enum rw_verified tuples_with_sides(struct rw_compare *c, struct rw_compare_item a,
                                          struct rw_compare_item b)
{
    bool both = a.node->kind == RW_NODE_BRACKETS && b.node->kind == RW_NODE_BRACKETS;
    if (!both || a.node->n != b.node->n || a.node->open != b.node->open ||
        a.node->close != b.node->close || signed_coordinates(a.node) > 1 ||
        signed_coordinates(b.node) > 1) {
        return rw_compare_say(c, RW_VERIFIED_UNKNOWN, RW_ANSWER_RULE_AMBIGUOUS);
    }
    enum rw_verified all = RW_VERIFIED_RIGHT;
    const struct rw_node *y = b.node->first;
    RW_NODE_EACH (x, a.node) {
        bool numbers = rw_compare_is_quantity(x) && rw_compare_is_quantity(y);
        enum rw_verified now = numbers
                                   ? rw_compare_quantities(c, (struct rw_compare_item){x, a.side},
                                                           (struct rw_compare_item){y, b.side})
                                   : rw_compare(c, x, y);
        all = now == RW_VERIFIED_WRONG || all == RW_VERIFIED_WRONG ? RW_VERIFIED_WRONG
              : now == RW_VERIFIED_RIGHT                           ? all
                                                                   : now;
        y = y->next;
    }
    return rw_compare_say(c, all, RW_ANSWER_RULE_TUPLE);
}

static enum rw_verified compare_items(struct rw_compare *c, struct rw_compare_item a,
                                      struct rw_compare_item b)
{
    if (rw_compare_is_quantity(a.node) && rw_compare_is_quantity(b.node)) {
        if (++c->work > RW_COMPARE_WORK_MAX) {
            return rw_compare_say(c, RW_VERIFIED_UNKNOWN, RW_ANSWER_RULE_UNREAD);
        }
        return rw_compare_quantities(c, a, b);
    }
    /* One of two signs beside a ratio or a date: both signs again would be looked at, and again. */
    bool one = rw_compare_is_quantity(a.node) != rw_compare_is_quantity(b.node);
    const struct rw_node *quantity = rw_compare_is_quantity(a.node) ? a.node : b.node;
    const struct rw_node *other = quantity == a.node ? b.node : a.node;
    if (one && !collection(other) && rw_evaluate_has_sides(quantity)) {
        c->work++;
        return rw_compare_say(c, RW_VERIFIED_UNKNOWN, RW_ANSWER_RULE_KINDS);
    }
    if (signed_coordinates(a.node) + signed_coordinates(b.node) > 0 && a.node->key != b.node->key) {
        c->work++;
        return tuples_with_sides(c, a, b);
    }
    return rw_compare(c, a.node, b.node);
}

/* ---- in order -------------------------------------------------------------------------------- */

static enum rw_verified in_order(struct rw_compare *c, const struct items *a, const struct items *b,
                                 enum rw_answer_rule rule)
{
    if (a->n != b->n) {
        bool open = a->ellipsis || b->ellipsis || a->full || b->full;
        return rw_compare_say(c, open ? RW_VERIFIED_UNKNOWN : RW_VERIFIED_WRONG, rule);
    }
    enum rw_verified all = a->full || b->full ? RW_VERIFIED_UNKNOWN : RW_VERIFIED_RIGHT;
    enum rw_answer_rule why = rule;
    for (size_t i = 0; i < a->n && all != RW_VERIFIED_WRONG; i++) {
        enum rw_verified now = compare_items(c, a->at[i], b->at[i]);
        why = now == RW_VERIFIED_UNKNOWN ? c->rule : why;
        all = now == RW_VERIFIED_RIGHT ? all : now;
    }
    return rw_compare_say(c, all, all == RW_VERIFIED_UNKNOWN ? why : rule);
}

/* ---- in any order ---------------------------------------------------------------------------- */

/* Without elements that say the same as one before them: {1, 2, 2} is {1, 2}. */
static void unify(struct rw_compare *c, struct items *x)
{
    size_t n = 0;
    for (size_t i = 0; i < x->n; i++) {
        bool before = false;
        for (size_t k = 0; k < n && !before; k++) {
            before = compare_items(c, x->at[i], x->at[k]) == RW_VERIFIED_RIGHT;
        }
        if (!before) {
            x->at[n++] = x->at[i];
        }
    }
    x->n = n;
}

/* RIGHT when the elements can be paired off; WRONG when an element of either side has no chance. */
static enum rw_verified pair_off(struct rw_compare *c, const struct items *a, const struct items *b)
{
    bool taken[RW_COMPARE_ITEMS_MAX] = {false};
    bool chance[2][RW_COMPARE_ITEMS_MAX] = {{false}};
    size_t paired = 0;
    for (size_t i = 0; i < a->n; i++) {
        bool found = false;
        for (size_t k = 0; k < b->n; k++) {
            enum rw_verified now = compare_items(c, a->at[i], b->at[k]);
            bool named =
                (a->at[i].node->kind == RW_NODE_ASSIGN) != (b->at[k].node->kind == RW_NODE_ASSIGN);
            if (named && now == RW_VERIFIED_RIGHT) {
                now = RW_VERIFIED_UNKNOWN; /* "2, T: 3" and "3, T: 2" */
            }
            bool may = now != RW_VERIFIED_WRONG;
            chance[0][i] = chance[0][i] || may;
            chance[1][k] = chance[1][k] || may;
            if (now == RW_VERIFIED_RIGHT && !taken[k] && !found) {
                taken[k] = found = true;
                paired++;
            }
        }
    }
    if (paired == a->n && paired == b->n) {
        return RW_VERIFIED_RIGHT;
    }
    for (size_t i = 0; i < RW_MAX(a->n, b->n); i++) {
        bool lost = (i < a->n && !chance[0][i]) || (i < b->n && !chance[1][i]);
        if (lost && !a->full && !b->full && !a->ellipsis && !b->ellipsis) {
            return RW_VERIFIED_WRONG;
        }
    }
    return RW_VERIFIED_UNKNOWN;
}

/* Sets do not count how often; of bare lists that is not sure. */
static enum rw_verified any_order(struct rw_compare *c, struct items *a, struct items *b, bool set,
                                  enum rw_answer_rule rule)
{
    enum rw_verified v = pair_off(c, a, b);
    if (v == RW_VERIFIED_UNKNOWN && a->n != b->n) {
        unify(c, a);
        unify(c, b);
        enum rw_verified again = pair_off(c, a, b);
        v = again == RW_VERIFIED_RIGHT && set ? again : v;
    }
    return rw_compare_say(c, v, rule);
}

/* ---- names ----------------------------------------------------------------------------------- */

/* x = 1, y = 2: values by name. */
static bool is_record(const struct rw_node *node)
{
    if (!collection(node) || node->n < 2) {
        return false;
    }
    RW_NODE_EACH (child, node) {
        if (child->kind != RW_NODE_ASSIGN) {
            return false;
        }
        for (const struct rw_node *other = child->next; other != NULL; other = other->next) {
            if (other->kind == RW_NODE_ASSIGN && other->first->key == child->first->key) {
                return false;
            }
        }
    }
    return true;
}

static enum rw_verified records(struct rw_compare *c, const struct rw_node *a,
                                const struct rw_node *b)
{
    enum rw_verified all = RW_VERIFIED_RIGHT;
    size_t found = 0;
    RW_NODE_EACH (x, a) {
        RW_NODE_EACH (y, b) {
            if (x->first->key == y->first->key) {
                enum rw_verified now = rw_compare(c, x->last, y->last);
                all = now == RW_VERIFIED_RIGHT || all == RW_VERIFIED_WRONG ? all : now;
                found++;
            }
        }
    }
    bool same = found == a->n && found == b->n;
    return rw_compare_say(c, same || all == RW_VERIFIED_WRONG ? all : RW_VERIFIED_UNKNOWN,
                          RW_ANSWER_RULE_LABEL);
}

/* (1, 2) beside x = 1, y = 2: in the order written; another order may be meant. */
static enum rw_verified record_and_tuple(struct rw_compare *c, const struct rw_node *record,
                                         const struct rw_node *other)
{
    struct items x = {.n = 0};
    struct items y;
    RW_NODE_EACH (child, record) {
        add(&x, child->last);
    }
    gather(other, false, &y);
    enum rw_verified ordered = in_order(c, &x, &y, RW_ANSWER_RULE_TUPLE);
    if (ordered == RW_VERIFIED_RIGHT) {
        return ordered;
    }
    enum rw_verified v = any_order(c, &x, &y, false, RW_ANSWER_RULE_TUPLE);
    return v == RW_VERIFIED_WRONG ? v
                                  : rw_compare_say(c, RW_VERIFIED_UNKNOWN, RW_ANSWER_RULE_LABEL);
}

/* ---- kinds ----------------------------------------------------------------------------------- */

/* 2,100 may be a list, and 3,14 a decimal. */
static bool doubtful(const struct rw_node *number, const struct rw_node *list)
{
    const struct rw_node *first = list->first;
    bool grouped = (number->flags & RW_NODE_GROUPED) != 0;
    if (collection(number) || first == NULL || (list->kind != RW_NODE_LIST && !grouped)) {
        return false;
    }
    first = first->kind == RW_NODE_NEGATIVE ? first->first : first;
    bool whole = first->kind == RW_NODE_NUMBER && first->decimals == 0;
    return whole && (list->n == 2 || grouped);
}

static bool has_units(const struct rw_node *list)
{
    RW_NODE_EACH (child, list) {
        if (child->kind == RW_NODE_QUANTITY && child->name.len > 0) {
            return true;
        }
    }
    return false;
}

static bool half_open(const struct rw_node *b)
{
    return (b->open == '(') != (b->close == ')');
}

static enum rw_verified brackets(struct rw_compare *c, const struct rw_node *a,
                                 const struct rw_node *b, const struct items *x,
                                 const struct items *y)
{
    if ((signed_coordinates(a) > 0) != (signed_coordinates(b) > 0)) { /* two beside one */
        return rw_compare_say(c, RW_VERIFIED_UNKNOWN, RW_ANSWER_RULE_AMBIGUOUS);
    }
    enum rw_verified v = in_order(c, x, y, RW_ANSWER_RULE_TUPLE);
    bool same = a->open == b->open && a->close == b->close;
    if (v == RW_VERIFIED_RIGHT && !same) {
        bool interval = x->n == 2 && (half_open(a) || half_open(b));
        v = interval ? RW_VERIFIED_WRONG : RW_VERIFIED_UNKNOWN;
        return rw_compare_say(c, v, interval ? RW_ANSWER_RULE_INTERVAL : RW_ANSWER_RULE_AMBIGUOUS);
    }
    return v;
}

/* Elements without brackets beside a tuple, which may be an interval. */
static enum rw_verified bare_and_brackets(struct rw_compare *c, const struct rw_node *tuple,
                                          struct items *bare, struct items *x)
{
    enum rw_verified v = in_order(c, bare, x, RW_ANSWER_RULE_TUPLE);
    bool sure = x->n > 2 || c->depth > 1; /* in a list of pairs there are pairs */
    bool round = tuple->open == '(' && tuple->close == ')';
    if (v == RW_VERIFIED_RIGHT) {
        return sure && round ? v : rw_compare_say(c, RW_VERIFIED_UNKNOWN, RW_ANSWER_RULE_AMBIGUOUS);
    }
    v = any_order(c, bare, x, false, RW_ANSWER_RULE_TUPLE);
    return v == RW_VERIFIED_WRONG
               ? v
               : rw_compare_say(c, RW_VERIFIED_UNKNOWN, RW_ANSWER_RULE_AMBIGUOUS);
}

static enum rw_verified with_one(struct rw_compare *c, const struct rw_node *one,
                                 const struct rw_node *list, struct items *x, struct items *y)
{
    if ((x->n == 1 && doubtful(one, list)) || has_units(list)) {
        return rw_compare_say(c, RW_VERIFIED_UNKNOWN, RW_ANSWER_RULE_AMBIGUOUS);
    }
    enum rw_verified v = any_order(c, x, y, true, RW_ANSWER_RULE_LIST);
    bool tuple = list->kind == RW_NODE_BRACKETS;
    return tuple && v == RW_VERIFIED_RIGHT ? RW_VERIFIED_UNKNOWN : v;
}

/* Solutions: that one is said twice is no other answer. */
static bool all_tuples(const struct rw_node *list)
{
    RW_NODE_EACH (child, list) {
        if (child->kind != RW_NODE_BRACKETS || list->kind != RW_NODE_LIST) {
            return false;
        }
    }
    return list->n > 0;
}

/* A tuple beside a list or set of tuples is one element. */
static bool one_of_tuples(const struct rw_node *tuple, const struct rw_node *list)
{
    bool tuples = tuple->kind == RW_NODE_BRACKETS && list->n > 0 &&
                  (list->kind == RW_NODE_LIST || list->kind == RW_NODE_SET);
    RW_NODE_EACH (child, list) {
        tuples = tuples && child->kind == RW_NODE_BRACKETS;
    }
    RW_NODE_EACH (child, tuple) {
        tuples = tuples && rw_node_scalar(child);
    }
    return tuples;
}

static enum rw_verified collections(struct rw_compare *c, const struct rw_node *a,
                                    const struct rw_node *b)
{
    struct items x;
    struct items y;
    if (is_record(a) || is_record(b)) {
        return is_record(a) && is_record(b) ? records(c, a, b)
               : is_record(a)               ? record_and_tuple(c, a, b)
                                            : record_and_tuple(c, b, a);
    }
    bool among_b = one_of_tuples(a, b);
    bool among_a = one_of_tuples(b, a);
    gather(a, among_b, &x);
    gather(b, among_a, &y);
    if (among_a || among_b) {
        return any_order(c, &x, &y, true, RW_ANSWER_RULE_LIST);
    }
    bool bracket_a = a->kind == RW_NODE_BRACKETS;
    bool bracket_b = b->kind == RW_NODE_BRACKETS;
    if (bracket_a && bracket_b) {
        return brackets(c, a, b, &x, &y);
    }
    if (collection(a) != collection(b)) {
        return collection(b) ? with_one(c, a, b, &x, &y) : with_one(c, b, a, &y, &x);
    }
    bool set = a->kind == RW_NODE_SET || b->kind == RW_NODE_SET || (all_tuples(a) && all_tuples(b));
    if (bracket_a || bracket_b) {
        if (!set) {
            return bracket_a ? bare_and_brackets(c, a, &y, &x) : bare_and_brackets(c, b, &x, &y);
        }
        enum rw_verified v = any_order(c, &x, &y, false, RW_ANSWER_RULE_SET);
        return v == RW_VERIFIED_RIGHT
                   ? rw_compare_say(c, RW_VERIFIED_UNKNOWN, RW_ANSWER_RULE_AMBIGUOUS)
                   : v;
    }
    if (c->options->ordered) {
        return in_order(c, &x, &y, RW_ANSWER_RULE_LIST);
    }
    return any_order(c, &x, &y, set, set ? RW_ANSWER_RULE_SET : RW_ANSWER_RULE_LIST);
}

static bool has(const struct rw_node *node, enum rw_node_kind kind)
{
    RW_NODE_EACH (child, node) {
        if (collection(node) && child->kind == kind) {
            return true;
        }
    }
    return false;
}

/* Something in them was not read, or only one of them has names ("x=1,y=2 or x=3,y=4"). */
static bool undecided(const struct rw_node *a, const struct rw_node *b)
{
    return has(a, RW_NODE_UNREAD) || has(b, RW_NODE_UNREAD) ||
           (has(a, RW_NODE_ASSIGN) != has(b, RW_NODE_ASSIGN) && !is_record(a) && !is_record(b));
}

enum rw_verified rw_compare_collections(struct rw_compare *c, const struct rw_node *a,
                                        const struct rw_node *b)
{
    enum rw_verified v = collections(c, a, b);
    if (v == RW_VERIFIED_WRONG && undecided(a, b)) {
        return rw_compare_say(c, RW_VERIFIED_UNKNOWN, RW_ANSWER_RULE_UNREAD);
    }
    return v;
}

/* ---- matrices -------------------------------------------------------------------------------- */

/* A row, a column or a matrix as one row of elements. */
static void flatten(const struct rw_node *matrix, struct items *out)
{
    out->n = 0;
    out->full = out->ellipsis = false;
    RW_NODE_EACH (row, matrix) {
        RW_NODE_EACH (element, row) {
            add(out, element);
        }
    }
}

static bool has_rows(const struct rw_node *node)
{
    bool rows = node->kind == RW_NODE_BRACKETS && node->n > 1 && !half_open(node);
    RW_NODE_EACH (child, node) {
        rows = rows && child->kind == RW_NODE_BRACKETS && child->n == node->first->n &&
               !half_open(child);
    }
    return rows;
}

static bool is_vector(const struct rw_node *m)
{
    return m->n == 1 || m->first->n == 1;
}

enum rw_verified rw_compare_matrices(struct rw_compare *c, const struct rw_node *a,
                                     const struct rw_node *b)
{
    struct items x;
    struct items y;
    if (a->kind == RW_NODE_MATRIX && b->kind == RW_NODE_MATRIX) {
        flatten(a, &x);
        flatten(b, &y);
        if (a->n != b->n) { /* a row and a column may be the same vector */
            bool turned = is_vector(a) && is_vector(b) && x.n == y.n;
            return rw_compare_say(c, turned ? RW_VERIFIED_UNKNOWN : RW_VERIFIED_WRONG,
                                  RW_ANSWER_RULE_MATRIX);
        }
        return in_order(c, &x, &y, RW_ANSWER_RULE_MATRIX);
    }
    const struct rw_node *matrix = a->kind == RW_NODE_MATRIX ? a : b;
    const struct rw_node *other = matrix == a ? b : a;
    if (has_rows(other)) { /* [[1, 2], [3, 4]] */
        flatten(matrix, &x);
        flatten(other, &y);
        bool shape = matrix->n == other->n && matrix->first->n == other->first->n;
        return shape ? in_order(c, &x, &y, RW_ANSWER_RULE_MATRIX)
                     : rw_compare_say(c, RW_VERIFIED_UNKNOWN, RW_ANSWER_RULE_KINDS);
    }
    if (other->kind != RW_NODE_BRACKETS || !is_vector(matrix) || half_open(other)) {
        return rw_compare_say(c, RW_VERIFIED_UNKNOWN, RW_ANSWER_RULE_KINDS);
    }
    flatten(matrix, &x);
    gather(other, false, &y);
    return in_order(c, &x, &y, RW_ANSWER_RULE_MATRIX);
}
