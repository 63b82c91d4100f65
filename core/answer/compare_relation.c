/* Equations, inequalities in several variables, and names for values. */
#include "core/answer/compare.h"
#include "core/answer/lexeme.h"
#include "core/answer/residue.h"

static bool closed(const struct rw_node *node)
{
    return (node->flags & RW_NODE_CLOSED) != 0;
}

/* The sides and the sign of "a = b"; false when it is no such thing. */
struct equation {
    const struct rw_node *left;
    const struct rw_node *right;
    int sign;
};

static bool read_equation(const struct rw_node *node, struct equation *out)
{
    if (node->kind == RW_NODE_ASSIGN) {
        *out = (struct equation){node->first, node->last, '='};
    } else if (node->kind == RW_NODE_RELATION && node->n == 2) {
        *out = (struct equation){node->first->first, node->last->first, node->last->sign};
    } else {
        return false;
    }
    return true;
}

/* left - right */
static bool difference(const struct equation *e, struct rw_node node[4], struct rw_evaluation *out)
{
    if (!rw_node_scalar(e->left) || !rw_node_scalar(e->right)) {
        return false;
    }
    node[0] = *e->left;
    node[1] = *e->right;
    node[1].next = NULL;
    node[2] =
        (struct rw_node){.kind = RW_NODE_NEGATIVE, .first = &node[1], .last = &node[1], .n = 1};
    node[0].next = &node[2];
    node[3] = (struct rw_node){.kind = RW_NODE_SUM, .first = &node[0], .last = &node[2], .n = 2};
    node[3].key = e->left->key * 31 + e->right->key;
    rw_evaluate(&node[3], 1, out);
    return out->readable;
}

/* f = 0 and k f = 0 are the same equation. */
static bool proportional(const struct equation *a, const struct equation *b)
{
    static const struct rw_rational SAME = {1, 1, true};
    static const struct rw_rational OPPOSITE = {-1, 1, true};
    struct rw_node na[4];
    struct rw_node nb[4];
    struct rw_evaluation x;
    struct rw_evaluation y;
    if (a->sign != '=' || b->sign != '=' || !difference(a, na, &x) || !difference(b, nb, &y)) {
        return false;
    }
    if (x.modular && y.modular) {
        bool zero = x.residue[0] == 0 || y.residue[0] == 0;
        return !zero && rw_residue_multiply(x.residue[0], y.residue[1]) ==
                            rw_residue_multiply(x.residue[1], y.residue[0]);
    }
    return rw_evaluate_like(&x, &y, SAME) == RW_LIKE ||
           rw_evaluate_like(&x, &y, OPPOSITE) == RW_LIKE;
}

/* a < b is b > a. */
static void turn(struct equation *e)
{
    int sign = e->sign == '>' ? '<' : e->sign == RW_SIGN_GE ? RW_SIGN_LE : 0;
    if (sign != 0) {
        const struct rw_node *left = e->left;
        e->left = e->right;
        e->right = left;
        e->sign = sign;
    }
}

static enum rw_verified equations(struct rw_compare *c, struct equation a, struct equation b)
{
    turn(&a);
    turn(&b);
    bool symmetric = a.sign == '=' || a.sign == RW_SIGN_NE;
    if (a.sign != b.sign) {
        return rw_compare_say(c, RW_VERIFIED_UNKNOWN, RW_ANSWER_RULE_EQUATION);
    }
    for (int i = 0; i < (symmetric ? 2 : 1); i++) {
        const struct rw_node *left = i == 0 ? b.left : b.right;
        const struct rw_node *right = i == 0 ? b.right : b.left;
        if (rw_compare(c, a.left, left) == RW_VERIFIED_RIGHT &&
            rw_compare(c, a.right, right) == RW_VERIFIED_RIGHT) {
            return rw_compare_say(c, RW_VERIFIED_RIGHT, RW_ANSWER_RULE_EQUATION);
        }
    }
    return rw_compare_say(c, proportional(&a, &b) ? RW_VERIFIED_RIGHT : RW_VERIFIED_UNKNOWN,
                          RW_ANSWER_RULE_EQUATION);
}

/* k = 3 beside m = 3 is not decided; beside m = 4 it is wrong. */
static enum rw_verified names(struct rw_compare *c, const struct rw_node *a,
                              const struct rw_node *b)
{
    if (a->first->key == b->first->key) {
        return rw_compare(c, a->last, b->last);
    }
    struct equation x;
    struct equation y;
    read_equation(a, &x);
    read_equation(b, &y);
    bool numbers = closed(a->last) && closed(b->last);
    if (!numbers && proportional(&x, &y)) {
        return rw_compare_say(c, RW_VERIFIED_RIGHT, RW_ANSWER_RULE_EQUATION);
    }
    bool letters = a->first->kind == RW_NODE_SYMBOL && b->first->kind == RW_NODE_SYMBOL;
    enum rw_verified v = rw_compare(c, a->last, b->last);
    bool wrong = v == RW_VERIFIED_WRONG && letters && numbers;
    return rw_compare_say(c, wrong ? v : RW_VERIFIED_UNKNOWN, RW_ANSWER_RULE_LABEL);
}

/* Chains: a < b < c, side by side. */
static enum rw_verified chains(struct rw_compare *c, const struct rw_node *a,
                               const struct rw_node *b)
{
    const struct rw_node *y = b->first;
    if (a->n != b->n) {
        return rw_compare_say(c, RW_VERIFIED_UNKNOWN, RW_ANSWER_RULE_EQUATION);
    }
    RW_NODE_EACH (x, a) {
        if (x->sign != y->sign || rw_compare(c, x->first, y->first) != RW_VERIFIED_RIGHT) {
            return rw_compare_say(c, RW_VERIFIED_UNKNOWN, RW_ANSWER_RULE_EQUATION);
        }
        y = y->next;
    }
    return rw_compare_say(c, RW_VERIFIED_RIGHT, RW_ANSWER_RULE_EQUATION);
}

/* Coordinates: "x + y = 5" is a line. */
static bool has_coordinates(const struct rw_node *node)
{
    if (node->kind == RW_NODE_SYMBOL) {
        return rw_str_is(node->name, "x") || rw_str_is(node->name, "y") ||
               rw_str_is(node->name, "z");
    }
    RW_NODE_EACH (child, node) {
        if (has_coordinates(child)) {
            return true;
        }
    }
    return false;
}

/* "m + n = 17" says 17; "2m = 5" and "m + 3 = 5" leave m to be found. */
static bool is_total(const struct equation *e)
{
    const struct rw_node *sum = e->left;
    bool zero = e->right->kind == RW_NODE_NUMBER && e->right->v == 0; /* an equation: a + b = 0 */
    if (e->sign != '=' || sum->kind != RW_NODE_SUM || !closed(e->right) || zero) {
        return false;
    }
    RW_NODE_EACH (child, sum) {
        bool multiple =
            child->kind == RW_NODE_PRODUCT && child->n == 2 && child->first->kind == RW_NODE_NUMBER;
        const struct rw_node *letter = multiple ? child->last : child;
        if (letter->kind != RW_NODE_SYMBOL) {
            return false;
        }
    }
    return !has_coordinates(sum);
}

enum rw_verified rw_compare_relations(struct rw_compare *c, const struct rw_node *a,
                                      const struct rw_node *b)
{
    bool assign_a = a->kind == RW_NODE_ASSIGN;
    bool assign_b = b->kind == RW_NODE_ASSIGN;
    struct equation x;
    struct equation y;
    if (assign_a && assign_b) {
        return names(c, a, b);
    }
    bool related =
        (assign_a || a->kind == RW_NODE_RELATION) && (assign_b || b->kind == RW_NODE_RELATION);
    if (related) {
        return read_equation(a, &x) && read_equation(b, &y) ? equations(c, x, y)
               : !assign_a && !assign_b
                   ? chains(c, a, b)
                   : rw_compare_say(c, RW_VERIFIED_UNKNOWN, RW_ANSWER_RULE_EQUATION);
    }
    const struct rw_node *relation = assign_a || a->kind == RW_NODE_RELATION ? a : b;
    const struct rw_node *other = relation == a ? b : a;
    if (relation->kind != RW_NODE_ASSIGN) {
        bool right = read_equation(relation, &x) && is_total(&x) &&
                     rw_compare(c, x.right, other) == RW_VERIFIED_RIGHT;
        return rw_compare_say(c, right ? RW_VERIFIED_RIGHT : RW_VERIFIED_UNKNOWN,
                              RW_ANSWER_RULE_EQUATION);
    }
    return rw_compare(c, relation->last, other);
}
