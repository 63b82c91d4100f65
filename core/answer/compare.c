#include "core/answer/compare.h"

#include <math.h>

/* What one of these says beside another kind is not decided. */
static bool words(const struct rw_node *node)
{
    return node->kind >= RW_NODE_LITERAL;
}

static enum rw_verified choices(struct rw_compare *c, const struct rw_node *a,
                                const struct rw_node *b)
{
    bool texts = a->n > 0 && b->n > 0;
    enum rw_verified v = texts ? rw_compare(c, a->first, b->first) : RW_VERIFIED_UNKNOWN;
    if (a->sign != b->sign) { /* the same text behind other letters: which one is meant? */
        return rw_compare_say(c, v == RW_VERIFIED_RIGHT ? RW_VERIFIED_UNKNOWN : RW_VERIFIED_WRONG,
                              RW_ANSWER_RULE_CHOICE);
    }
    return rw_compare_say(c,
                          texts && v != RW_VERIFIED_RIGHT ? RW_VERIFIED_UNKNOWN : RW_VERIFIED_RIGHT,
                          RW_ANSWER_RULE_CHOICE);
}

/* A year that one side leaves out may be the other's. */
static enum rw_verified dates(struct rw_compare *c, const struct rw_node *a,
                              const struct rw_node *b)
{
    const struct rw_node *year_a = a->first;
    const struct rw_node *year_b = b->first;
    bool day = year_a->next->key == year_b->next->key && a->last->key == b->last->key;
    bool said = year_a->v != 0 && year_b->v != 0;
    enum rw_verified v = !day ? RW_VERIFIED_WRONG
                         : year_a->v != 0 || year_b->v != 0
                             ? (said ? RW_VERIFIED_WRONG : RW_VERIFIED_UNKNOWN)
                             : RW_VERIFIED_RIGHT;
    v = day && said && year_a->key == year_b->key ? RW_VERIFIED_RIGHT : v;
    return rw_compare_say(c, v, RW_ANSWER_RULE_DATE);
}

/* The hour of 3:30 PM out of 24; of 3:30 alone it is not known. */
static double hour(const struct rw_node *time)
{
    double h = time->first->v;
    return time->sign == 2 && h < 12 ? h + 12 : time->sign == 1 && h == 12 ? 0 : h;
}

/* 3:30 PM beside 15:30 is the same; beside 3:30 it may be. */
static enum rw_verified times(struct rw_compare *c, const struct rw_node *a,
                              const struct rw_node *b)
{
    bool minutes = a->last->v == b->last->v;
    bool half = a->sign == 0 || b->sign == 0;
    enum rw_verified v = !minutes                             ? RW_VERIFIED_WRONG
                         : hour(a) == hour(b)                 ? RW_VERIFIED_RIGHT
                         : half && a->first->v == b->first->v ? RW_VERIFIED_UNKNOWN
                                                              : RW_VERIFIED_WRONG;
    return rw_compare_say(c, v, RW_ANSWER_RULE_RATIO);
}

static double term(const struct rw_node *node)
{
    struct rw_evaluation e;
    rw_evaluate(node, 1, &e);
    return rw_evaluate_double(&e);
}

/* 2:4 beside 1:2 may be a time of day. */
static enum rw_verified ratios(struct rw_compare *c, const struct rw_node *a,
                               const struct rw_node *b)
{
    static const double NEAR = 1e-9;
    if (a->n != b->n) {
        return rw_compare_say(c, RW_VERIFIED_UNKNOWN, RW_ANSWER_RULE_RATIO);
    }
    if (a->sign != 0 || b->sign != 0) {
        return times(c, a, b);
    }
    enum rw_verified all = RW_VERIFIED_RIGHT;
    bool proportional = true;
    const struct rw_node *y = b->first;
    RW_NODE_EACH (x, a) {
        enum rw_verified now = rw_compare(c, x, y);
        all = now == RW_VERIFIED_RIGHT || all == RW_VERIFIED_WRONG ? all : now;
        double left = term(x) * term(b->first);
        double right = term(y) * term(a->first);
        proportional = proportional && left != 0 && fabs(left - right) <= NEAR * fabs(left);
        y = y->next;
    }
    all = all == RW_VERIFIED_WRONG && proportional ? RW_VERIFIED_UNKNOWN : all;
    return rw_compare_say(c, all, RW_ANSWER_RULE_RATIO);
}

/* 3:4 and \\frac{3}{4}: term by term; a fraction in other terms may be meant, or a time of day. */
static enum rw_verified ratio_and_fraction(struct rw_compare *c, const struct rw_node *ratio,
                                           const struct rw_node *fraction)
{
    bool same = ratio->n == 2 && ratio->sign == 0 && fraction->kind == RW_NODE_QUOTIENT &&
                rw_compare(c, ratio->first, fraction->first) == RW_VERIFIED_RIGHT &&
                rw_compare(c, ratio->last, fraction->last) == RW_VERIFIED_RIGHT;
    return rw_compare_say(c, same ? RW_VERIFIED_RIGHT : RW_VERIFIED_UNKNOWN, RW_ANSWER_RULE_RATIO);
}

static enum rw_verified same_kind(struct rw_compare *c, const struct rw_node *a,
                                  const struct rw_node *b)
{
    switch (a->kind) {
    case RW_NODE_CHOICE:
        return choices(c, a, b);
    case RW_NODE_TRUTH:
        return rw_compare_say(c, a->sign == b->sign ? RW_VERIFIED_RIGHT : RW_VERIFIED_WRONG,
                              RW_ANSWER_RULE_TRUTH);
    case RW_NODE_DATE:
        return dates(c, a, b);
    case RW_NODE_RATIO:
        return ratios(c, a, b);
    default:
        return rw_compare_say(c, RW_VERIFIED_UNKNOWN, RW_ANSWER_RULE_KINDS);
    }
}

/* "(c)" beside "C": the letter of a choice when one of them stands in brackets. */
static bool small_choice(struct rw_compare *c, const struct rw_node *a, const struct rw_node *b,
                         enum rw_verified *out)
{
    const struct rw_node *choice = a->kind == RW_NODE_CHOICE ? a : b;
    const struct rw_node *letter = choice == a ? b : a;
    bool small = choice->kind == RW_NODE_CHOICE && letter->kind == RW_NODE_SYMBOL &&
                 letter->name.len == 1 && letter->name.ptr[0] >= 'a' && letter->name.ptr[0] <= 'j';
    if (!small || (choice->open == 0 && letter->open == 0)) {
        return false;
    }
    bool same = letter->name.ptr[0] - 'a' == choice->sign - 'A';
    *out = rw_compare_say(c, same ? RW_VERIFIED_RIGHT : RW_VERIFIED_WRONG, RW_ANSWER_RULE_CHOICE);
    return true;
}

static bool related(const struct rw_node *node)
{
    return node->kind == RW_NODE_RELATION || node->kind == RW_NODE_ASSIGN;
}

static bool collection(const struct rw_node *node)
{
    return node->kind >= RW_NODE_LIST && node->kind <= RW_NODE_SET;
}

static bool lone(const struct rw_node *node)
{
    return node->kind >= RW_NODE_CHOICE && node->kind <= RW_NODE_DATE;
}

static enum rw_verified dispatch(struct rw_compare *c, const struct rw_node *a,
                                 const struct rw_node *b)
{
    enum rw_verified v;
    if (words(a) || words(b)) {
        bool unread = a->kind == RW_NODE_UNREAD || b->kind == RW_NODE_UNREAD;
        return rw_compare_say(c, RW_VERIFIED_UNKNOWN,
                              unread ? RW_ANSWER_RULE_UNREAD : RW_ANSWER_RULE_TEXT);
    }
    bool sides = (rw_compare_is_quantity(a) && rw_evaluate_has_sides(a)) ||
                 (rw_compare_is_quantity(b) && rw_evaluate_has_sides(b));
    if (rw_compare_is_quantity(a) && rw_compare_is_quantity(b) && !sides) {
        return rw_compare_quantities(c, (struct rw_compare_item){a, 1},
                                     (struct rw_compare_item){b, 1});
    }
    bool named = a->kind == RW_NODE_ASSIGN || b->kind == RW_NODE_ASSIGN;
    if (!named && (a->kind == RW_NODE_MATRIX || b->kind == RW_NODE_MATRIX)) {
        return rw_compare_matrices(c, a, b);
    }
    if (small_choice(c, a, b, &v) || rw_compare_spans(c, a, b, &v)) {
        return v;
    }
    if (related(a) || related(b)) {
        return rw_compare_relations(c, a, b);
    }
    bool list_a = collection(a) || rw_compare_is_quantity(a) || lone(a);
    bool list_b = collection(b) || rw_compare_is_quantity(b) || lone(b);
    if (list_a && list_b && (collection(a) || collection(b) || sides)) {
        return rw_compare_collections(c, a, b);
    }
    if (a->kind == b->kind) {
        return same_kind(c, a, b);
    }
    if (a->kind == RW_NODE_RATIO || b->kind == RW_NODE_RATIO) {
        return a->kind == RW_NODE_RATIO ? ratio_and_fraction(c, a, b) : ratio_and_fraction(c, b, a);
    }
    return rw_compare_say(c, RW_VERIFIED_UNKNOWN, RW_ANSWER_RULE_KINDS);
}

enum rw_verified rw_compare(struct rw_compare *c, const struct rw_node *a, const struct rw_node *b)
{
    if (++c->work > RW_COMPARE_WORK_MAX || c->depth > RW_COMPARE_DEPTH_MAX) {
        return rw_compare_say(c, RW_VERIFIED_UNKNOWN, RW_ANSWER_RULE_UNREAD);
    }
    if (a->kind == b->kind && a->key == b->key) {
        return rw_compare_say(c, RW_VERIFIED_RIGHT, RW_ANSWER_RULE_SAME_TEXT);
    }
    c->depth++;
    enum rw_verified v = dispatch(c, a, b);
    c->depth--;
    return v;
}
