/* Sets of numbers by their bounds: intervals, unions of them, inequalities in one variable. */
#include <math.h>

#include "core/answer/compare.h"
#include "core/answer/lexeme.h"
#include "core/base/util.h"

enum {
    SPANS_MAX = 24,
};

static const double TOUCH = 1e-12; /* relative: bounds this near are one */

/* A bound: an expression, a rational number, or infinite. */
struct bound {
    const struct rw_node *node; /* NULL: the number */
    struct rw_rational exact;
    double v; /* for the order; NaN: not known */
    bool closed;
};

struct span {
    struct bound low;
    struct bound high;
};

struct spans {
    struct span at[SPANS_MAX];
    size_t n;
    uint64_t symbol; /* the variable of an inequality; 0 = none said */
    bool sure;       /* it is a set of numbers: not a pair that looks like an interval */
};

/* ---- reading --------------------------------------------------------------------------------- */

static struct bound infinite(int sign)
{
    return (struct bound){.v = sign * (double)INFINITY};
}

static bool bound_of(const struct rw_node *node, bool is_closed, struct bound *out)
{
    bool minus = node->kind == RW_NODE_NEGATIVE && node->first->kind == RW_NODE_INFINITY;
    if (minus || node->kind == RW_NODE_INFINITY) {
        *out = infinite(minus ? -1 : 1);
        return true;
    }
    if (!rw_node_scalar(node) || rw_evaluate_has_sides(node)) {
        return false;
    }
    struct rw_evaluation e;
    rw_evaluate(node, 1, &e);
    *out = (struct bound){.node = node, .closed = is_closed, .v = rw_evaluate_double(&e)};
    return true;
}

static bool add_span(struct spans *s, struct bound low, struct bound high)
{
    if (s->n == SPANS_MAX) {
        return false;
    }
    s->at[s->n++] = (struct span){low, high};
    return true;
}

static bool read_brackets(const struct rw_node *node, struct spans *out)
{
    struct bound low;
    struct bound high;
    if (node->n != 2 || !bound_of(node->first, node->open == '[', &low) ||
        !bound_of(node->last, node->close == ']', &high)) {
        return false;
    }
    bool half = (node->open == '(') != (node->close == ')');
    out->sure = out->sure || half || isinf(low.v) || isinf(high.v);
    return add_span(out, low, high);
}

/* The only variable of both sides; 0 when there are none or several. */
static uint64_t variable(const struct rw_node *a, const struct rw_node *b)
{
    struct rw_evaluation x;
    struct rw_evaluation y;
    rw_evaluate(a, 1, &x);
    rw_evaluate(b, 1, &y);
    bool ok = x.readable && y.readable && x.n_opaque == 0 && y.n_opaque == 0 && x.n_symbols <= 1 &&
              y.n_symbols <= 1 && x.n_symbols + y.n_symbols >= 1;
    if (!ok || (x.n_symbols == 1 && y.n_symbols == 1 && x.symbol[0] != y.symbol[0])) {
        return 0;
    }
    return x.n_symbols == 1 ? x.symbol[0] : y.symbol[0];
}

/* Where x stands against the bound: x < b is -1, x > b is 1. */
static bool half_line(struct spans *out, int side, struct bound b)
{
    return side < 0 ? add_span(out, infinite(-1), b) : add_span(out, b, infinite(1));
}

/* a < b with one variable: its bound and its side of it; false when it is not linear. */
static bool solve(const struct rw_node *a, int sign, const struct rw_node *b, struct bound *out,
                  int *side, uint64_t *symbol)
{
    bool less = sign == '<' || sign == RW_SIGN_LE;
    bool with = sign == RW_SIGN_LE || sign == RW_SIGN_GE;
    *symbol = variable(a, b);
    if (*symbol == 0) {
        return false;
    }
    *side = less ? -1 : 1;
    if (a->kind == RW_NODE_SYMBOL && b->kind != RW_NODE_SYMBOL) {
        struct rw_evaluation e;
        rw_evaluate(b, 1, &e);
        if (e.n_symbols == 0) {
            return bound_of(b, with, out);
        }
    }
    if (b->kind == RW_NODE_SYMBOL && a->kind != RW_NODE_SYMBOL) {
        struct rw_evaluation e;
        rw_evaluate(a, 1, &e);
        if (e.n_symbols == 0) {
            *side = -*side;
            return bound_of(a, with, out);
        }
    }
    struct rw_rational p;
    struct rw_rational q;
    struct rw_rational r;
    struct rw_rational s;
    if (!rw_evaluate_linear(a, *symbol, &p, &q) || !rw_evaluate_linear(b, *symbol, &r, &s)) {
        return false;
    }
    struct rw_rational slope = rw_rational_add(p, rw_rational_negate(r));
    struct rw_rational at = rw_rational_divide(rw_rational_add(s, rw_rational_negate(q)), slope);
    if (!at.known) {
        return false;
    }
    *side = slope.num < 0 ? -*side : *side;
    *out = (struct bound){.exact = at, .v = (double)at.num / (double)at.den, .closed = with};
    return true;
}

static bool inequality_sign(int sign)
{
    return sign == '<' || sign == '>' || sign == RW_SIGN_LE || sign == RW_SIGN_GE;
}

/* |p x + q| < c: between two bounds; > c: outside them. c is positive. */
static bool read_absolute(const struct rw_node *a, int sign, const struct rw_node *b,
                          struct spans *out)
{
    bool left = a->kind == RW_NODE_ABSOLUTE;
    const struct rw_node *inner = left ? a->first : b->first;
    const struct rw_node *other = left ? b : a;
    bool less = (sign == '<' || sign == RW_SIGN_LE) == left;
    bool with = sign == RW_SIGN_LE || sign == RW_SIGN_GE;
    struct rw_evaluation e;
    struct rw_rational p;
    struct rw_rational q;
    out->symbol = variable(a, b);
    rw_evaluate(other, 1, &e);
    if (out->symbol == 0 || !e.rational || e.exact.num <= 0 ||
        !rw_evaluate_linear(inner, out->symbol, &p, &q)) {
        return false;
    }
    struct bound at[2];
    for (int i = 0; i < 2; i++) {
        struct rw_rational c = i == 0 ? rw_rational_negate(e.exact) : e.exact;
        struct rw_rational x = rw_rational_divide(rw_rational_add(c, rw_rational_negate(q)), p);
        if (!x.known) {
            return false;
        }
        at[i] = (struct bound){.exact = x, .v = (double)x.num / (double)x.den, .closed = with};
    }
    struct bound low = at[at[0].v > at[1].v];
    struct bound high = at[at[0].v <= at[1].v];
    return less ? add_span(out, low, high)
                : add_span(out, infinite(-1), low) && add_span(out, high, infinite(1));
}

static bool read_two_sides(const struct rw_node *node, struct spans *out)
{
    const struct rw_node *a = node->first->first;
    const struct rw_node *b = node->last->first;
    int sign = node->last->sign;
    struct bound at;
    int side;
    if (!rw_node_scalar(a) || !rw_node_scalar(b)) {
        return false;
    }
    if ((a->kind == RW_NODE_ABSOLUTE || b->kind == RW_NODE_ABSOLUTE) && inequality_sign(sign)) {
        return read_absolute(a, sign, b, out);
    }
    if (sign == RW_SIGN_NE) { /* all numbers but one */
        return solve(a, '<', b, &at, &side, &out->symbol) && half_line(out, -1, at) &&
               half_line(out, 1, at);
    }
    return inequality_sign(sign) && solve(a, sign, b, &at, &side, &out->symbol) &&
           half_line(out, side, at);
}

/* 1 < x <= 2 */
static bool read_three_sides(const struct rw_node *node, struct spans *out)
{
    const struct rw_node *first = node->first;
    const struct rw_node *middle = first->next;
    const struct rw_node *last = node->last;
    struct bound low;
    struct bound high;
    int s = middle->sign;
    int t = last->sign;
    bool up = (s == '<' || s == RW_SIGN_LE) && (t == '<' || t == RW_SIGN_LE);
    bool down = (s == '>' || s == RW_SIGN_GE) && (t == '>' || t == RW_SIGN_GE);
    bool with_s = s == RW_SIGN_LE || s == RW_SIGN_GE;
    bool with_t = t == RW_SIGN_LE || t == RW_SIGN_GE;
    bool name = middle->first->kind == RW_NODE_SYMBOL ||
                (middle->first->kind == RW_NODE_OPAQUE && middle->first->residue != 0);
    if ((!up && !down) || !name || !bound_of(first->first, with_s, up ? &low : &high) ||
        !bound_of(last->first, with_t, up ? &high : &low)) {
        return false;
    }
    out->symbol = middle->first->key;
    return add_span(out, low, high);
}

static bool read_spans(const struct rw_node *node, struct spans *out, int depth);

static bool read_relation(const struct rw_node *node, struct spans *out)
{
    out->sure = true;
    return node->n == 2 ? read_two_sides(node, out) : node->n == 3 && read_three_sides(node, out);
}

static bool read_children(const struct rw_node *node, struct spans *out, int depth)
{
    uint64_t symbol = 0;
    RW_NODE_EACH (child, node) {
        out->symbol = 0;
        if (!read_spans(child, out, depth + 1) ||
            (symbol != 0 && out->symbol != 0 && symbol != out->symbol)) {
            return false;
        }
        symbol = out->symbol != 0 ? out->symbol : symbol;
    }
    out->symbol = symbol;
    return true;
}

/* "x > 1 and x < 3": two half lines that overlap are a span. */
static bool intersect(struct spans *s)
{
    if (s->n != 2) {
        return false;
    }
    struct span *a = &s->at[0];
    struct span *b = &s->at[1];
    struct span *low = isinf(a->high.v) ? a : b;
    struct span *high = low == a ? b : a;
    if (!isinf(low->high.v) || !isinf(high->low.v) || !(low->low.v < high->high.v)) {
        return false;
    }
    struct span both = {low->low, high->high};
    s->at[0] = both;
    s->n = 1;
    return true;
}

static bool all_relations(const struct rw_node *node)
{
    RW_NODE_EACH (child, node) {
        if (child->kind != RW_NODE_RELATION) {
            return false;
        }
    }
    return node->n > 1;
}

static bool read_set(const struct rw_node *node, struct spans *out)
{
    RW_NODE_EACH (child, node) {
        struct bound point;
        if (!bound_of(child, true, &point) || isinf(point.v) || !add_span(out, point, point)) {
            return false;
        }
    }
    out->sure = true;
    return true;
}

/* Takes a point out of the span it lies in. */
static bool without_point(struct spans *s, struct bound point)
{
    point.closed = false;
    for (size_t i = 0; i < s->n; i++) {
        struct span *x = &s->at[i];
        double size = TOUCH * RW_MAX(fabs(point.v), 1);
        if (fabs(x->low.v - point.v) <= size) {
            x->low.closed = false;
        } else if (fabs(x->high.v - point.v) <= size) {
            x->high.closed = false;
        } else if (x->low.v < point.v && point.v < x->high.v) {
            struct bound high = x->high;
            x->high = point;
            return add_span(s, point, high);
        } else if (!(x->low.v > point.v || x->high.v < point.v)) {
            return false; /* not known */
        }
    }
    return true;
}

/* \mathbb{R} \setminus \{0, 1\} */
static bool read_difference(const struct rw_node *node, struct spans *out, int depth)
{
    if (node->n != 2 || node->last->kind != RW_NODE_SET ||
        !read_spans(node->first, out, depth + 1)) {
        return false;
    }
    RW_NODE_EACH (child, node->last) {
        struct bound point;
        if (!bound_of(child, true, &point) || isnan(point.v) || isinf(point.v) ||
            !without_point(out, point)) {
            return false;
        }
    }
    return true;
}

static bool read_spans(const struct rw_node *node, struct spans *out, int depth)
{
    if (depth > RW_COMPARE_DEPTH_MAX) {
        return false;
    }
    switch (node->kind) {
    case RW_NODE_BRACKETS:
        return read_brackets(node, out);
    case RW_NODE_RELATION:
        return read_relation(node, out);
    case RW_NODE_UNION:
        out->sure = true;
        return node->sign == RW_SIGN_WITHOUT
                   ? read_difference(node, out, depth)
                   : node->sign == RW_SIGN_CUP && read_children(node, out, depth);
    case RW_NODE_SET:
        return depth > 0 && read_set(node, out);
    case RW_NODE_SYMBOL:
        out->sure = true;
        return rw_str_is(node->name, "~R") && add_span(out, infinite(-1), infinite(1));
    case RW_NODE_LIST:
        if (!all_relations(node) || !read_children(node, out, depth)) {
            return false;
        }
        return (node->flags & RW_NODE_EITHER) != 0 || intersect(out);
    case RW_NODE_ASSIGN: {
        bool set = node->last->kind == RW_NODE_BRACKETS || node->last->kind == RW_NODE_UNION ||
                   node->last->kind == RW_NODE_SYMBOL;
        out->symbol = node->first->key;
        return set && read_spans(node->last, out, depth + 1);
    }
    default:
        return false;
    }
}

/* ---- order ----------------------------------------------------------------------------------- */

static bool ordered(const struct spans *s)
{
    for (size_t i = 0; i < s->n; i++) {
        if (isnan(s->at[i].low.v) || isnan(s->at[i].high.v)) {
            return false;
        }
    }
    return true;
}

/* By their lower bounds, and those that touch or overlap as one. All bounds are known. */
static void normalise(struct spans *s)
{
    for (size_t i = 1; i < s->n; i++) {
        struct span x = s->at[i];
        size_t k = i;
        for (; k > 0 && s->at[k - 1].low.v > x.low.v; k--) {
            s->at[k] = s->at[k - 1];
        }
        s->at[k] = x;
    }
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++) {
        struct span *last = n > 0 ? &s->at[n - 1] : NULL;
        const struct span *x = &s->at[i];
        double gap = last != NULL ? x->low.v - last->high.v : 1;
        double size = RW_MAX(fabs(x->low.v), 1);
        bool touch =
            last != NULL &&
            (gap < -TOUCH * size || (gap <= TOUCH * size && (x->low.closed || last->high.closed)));
        if (!touch) {
            s->at[n++] = *x;
            continue;
        }
        if (x->high.v > last->high.v + TOUCH * size) {
            last->high = x->high;
        } else if (fabs(x->high.v - last->high.v) <= TOUCH * size) {
            last->high.closed = last->high.closed || x->high.closed;
        }
        if (fabs(x->low.v - last->low.v) <= TOUCH * size) {
            last->low.closed = last->low.closed || x->low.closed;
        }
    }
    s->n = n;
}

/* ---- comparing ------------------------------------------------------------------------------- */

static struct rw_node number_node(struct rw_rational exact)
{
    return (struct rw_node){.kind = RW_NODE_NUMBER,
                            .exact = exact,
                            .v = (double)exact.num / (double)exact.den,
                            .flags = RW_NODE_CLOSED};
}

static enum rw_verified bounds(struct rw_compare *c, const struct bound *a, const struct bound *b)
{
    if (isinf(a->v) || isinf(b->v)) {
        bool same = isinf(a->v) && isinf(b->v) && (a->v > 0) == (b->v > 0);
        return same ? RW_VERIFIED_RIGHT : RW_VERIFIED_WRONG;
    }
    c->work++;
    if (a->node != NULL && b->node != NULL) {
        enum rw_verified v = rw_compare_quantities(c, (struct rw_compare_item){a->node, 1},
                                                   (struct rw_compare_item){b->node, 1});
        return v == RW_VERIFIED_RIGHT && a->closed != b->closed ? RW_VERIFIED_WRONG : v;
    }
    struct rw_node x = a->node != NULL ? *a->node : number_node(a->exact);
    struct rw_node y = b->node != NULL ? *b->node : number_node(b->exact);
    /* A number that was computed has no residue: doubles stand in for it where roots are met. */
    struct rw_evaluation p;
    struct rw_evaluation q;
    rw_evaluate(&x, 1, &p);
    rw_evaluate(&y, 1, &q);
    p.modular = p.modular && a->node != NULL && b->node != NULL;
    static const struct rw_rational ONE = {1, 1, true};
    enum rw_likeness l = rw_evaluate_like(&p, &q, ONE);
    if (l == RW_LIKE) {
        return a->closed == b->closed ? RW_VERIFIED_RIGHT : RW_VERIFIED_WRONG;
    }
    return l == RW_UNLIKE ? RW_VERIFIED_WRONG : RW_VERIFIED_UNKNOWN;
}

static enum rw_verified compare_span(struct rw_compare *c, const struct span *a,
                                     const struct span *b)
{
    enum rw_verified low = bounds(c, &a->low, &b->low);
    enum rw_verified high = bounds(c, &a->high, &b->high);
    if (low == RW_VERIFIED_WRONG || high == RW_VERIFIED_WRONG) {
        return RW_VERIFIED_WRONG;
    }
    return low == RW_VERIFIED_RIGHT ? high : low;
}

static enum rw_verified in_order(struct rw_compare *c, const struct spans *a, const struct spans *b)
{
    if (a->n != b->n) {
        return RW_VERIFIED_WRONG;
    }
    enum rw_verified all = RW_VERIFIED_RIGHT;
    for (size_t i = 0; i < a->n && all != RW_VERIFIED_WRONG; i++) {
        enum rw_verified now = compare_span(c, &a->at[i], &b->at[i]);
        all = now == RW_VERIFIED_RIGHT ? all : now;
    }
    return all;
}

static bool spans_may_be(const struct rw_node *node)
{
    return node->kind == RW_NODE_BRACKETS || node->kind == RW_NODE_RELATION ||
           node->kind == RW_NODE_UNION || node->kind == RW_NODE_LIST ||
           node->kind == RW_NODE_ASSIGN ||
           (node->kind == RW_NODE_SYMBOL && rw_str_is(node->name, "~R"));
}

bool rw_compare_spans(struct rw_compare *c, const struct rw_node *a, const struct rw_node *b,
                      enum rw_verified *out)
{
    struct spans x = {.n = 0};
    struct spans y = {.n = 0};
    if (!spans_may_be(a) || !spans_may_be(b) || !read_spans(a, &x, 0) || !read_spans(b, &y, 0) ||
        (!x.sure && !y.sure) || x.n == 0 || y.n == 0) {
        return false;
    }
    bool known = ordered(&x) && ordered(&y);
    if (known) {
        normalise(&x);
        normalise(&y);
    }
    enum rw_verified v = in_order(c, &x, &y);
    v = v == RW_VERIFIED_WRONG && !known && (x.n > 1 || y.n > 1) ? RW_VERIFIED_UNKNOWN : v;
    bool names = x.symbol != 0 && y.symbol != 0 && x.symbol != y.symbol;
    v = names && v == RW_VERIFIED_RIGHT ? RW_VERIFIED_UNKNOWN : v;
    *out = rw_compare_say(
        c, v, names && v == RW_VERIFIED_UNKNOWN ? RW_ANSWER_RULE_LABEL : RW_ANSWER_RULE_INTERVAL);
    return true;
}
