#include "core/answer/evaluate.h"

#include <math.h>

#include "core/answer/evaluate_points.h"
#include "core/answer/residue.h"
#include "core/base/util.h"

enum {
    FACTORIAL_MAX = 20000, /* multiplications */
    EXACT_FACTORIAL_MAX = 33,
    LOG_MAX = 126, /* powers that are tried: \log_2 8 is 3 */
};

static struct rw_rational rational(long n, long d)
{
    return rw_rational_make(n, d);
}

static struct rw_rational unknown(void)
{
    return (struct rw_rational){0, 1, false};
}

/* ---- exact ----------------------------------------------------------------------------------- */

struct exact_context {
    int side;
    uint64_t symbol;          /* the variable that has a value, or 0 */
    struct rw_rational value; /* its value */
};

static struct rw_rational exact(const struct rw_node *node, const struct exact_context *c);

static struct rw_rational exact_all(const struct rw_node *node, const struct exact_context *c)
{
    bool sum = node->kind == RW_NODE_SUM;
    struct rw_rational all = rational(sum ? 0 : 1, 1);
    RW_NODE_EACH (child, node) {
        struct rw_rational x = exact(child, c);
        all = sum ? rw_rational_add(all, x) : rw_rational_multiply(all, x);
    }
    return all;
}

/* |x| and \sqrt{x^2} are straight where they are looked at, and bend elsewhere. */
static bool bends(const struct rw_node *node, const struct exact_context *c)
{
    return c->symbol != 0 && (node->flags & RW_NODE_CLOSED) == 0;
}

static bool small_whole(struct rw_rational x, long most)
{
    return x.known && x.den == 1 && x.num >= -most && x.num <= most;
}

static struct rw_rational exact_power(struct rw_rational a, struct rw_rational b)
{
    if (!a.known || !b.known || (a.num == 0 && b.num <= 0)) {
        return unknown();
    }
    if (b.den == 1) {
        return rw_rational_power(a, b);
    }
    if (b.den > 16 || a.num < 0) {
        return unknown();
    }
    struct rw_rational root = rw_rational_root(a, (int)b.den);
    return root.known ? rw_rational_power(root, rw_rational_make(b.num, 1)) : root;
}

static struct rw_rational exact_root(struct rw_rational a, struct rw_rational n)
{
    if (!a.known || !small_whole(n, 64) || n.num < 1) {
        return unknown();
    }
    bool odd = n.num % 2 == 1 && a.num < 0; /* the real root */
    struct rw_rational root = rw_rational_root(odd ? rw_rational_negate(a) : a, (int)n.num);
    return odd ? rw_rational_negate(root) : root;
}

static struct rw_rational exact_factorial(struct rw_rational a)
{
    if (!small_whole(a, EXACT_FACTORIAL_MAX) || a.num < 0) {
        return unknown();
    }
    struct rw_rational all = rational(1, 1);
    for (long i = 2; i <= (long)a.num; i++) {
        all = rw_rational_multiply(all, rational(i, 1));
    }
    return all;
}

static struct rw_rational exact_binomial(struct rw_rational n, struct rw_rational k)
{
    if (!small_whole(n, FACTORIAL_MAX) || !small_whole(k, 64) || n.num < 0 || k.num < 0) {
        return unknown();
    }
    struct rw_rational all = rational(1, 1);
    for (long i = 0; i < (long)k.num; i++) {
        all = rw_rational_multiply(all, rational((long)n.num - i, i + 1));
    }
    return all;
}

/* The whole number below, or above. */
static struct rw_rational exact_floor(struct rw_rational x, bool up)
{
    if (!x.known) {
        return x;
    }
    rw_int128 whole = x.num / x.den;
    bool exact = whole * x.den == x.num;
    whole += !exact && up && x.num > 0;
    whole -= !exact && !up && x.num < 0;
    return rw_rational_make(whole, 1);
}

/* \log_2 8 */
static struct rw_rational exact_log(struct rw_rational x, struct rw_rational base)
{
    if (!x.known || !base.known || x.num <= 0 || base.num <= 0 ||
        rw_rational_equal(base, rational(1, 1))) {
        return unknown();
    }
    struct rw_rational up = rational(1, 1);
    struct rw_rational down = up;
    for (long k = 0; k <= LOG_MAX; k++) {
        if (rw_rational_equal(up, x) || rw_rational_equal(down, x)) {
            return rational(rw_rational_equal(up, x) ? k : -k, 1);
        }
        up = rw_rational_multiply(up, base);
        down = rw_rational_divide(down, base);
        if (!up.known && !down.known) {
            break;
        }
    }
    return unknown();
}

static struct rw_rational exact_function(const struct rw_node *node, const struct exact_context *c)
{
    const struct rw_node *a = node->first;
    bool up = rw_str_is(node->name, "lceil");
    if (up || rw_str_is(node->name, "lfloor")) {
        return bends(node, c) ? unknown() : exact_floor(exact(a, c), up);
    }
    return node->n > 1 && rw_str_is(node->name, "log")
               ? exact_log(exact(a, c), exact(node->last, c))
               : unknown();
}

static struct rw_rational exact(const struct rw_node *node, const struct exact_context *c)
{
    const struct rw_node *a = node->first;
    switch (node->kind) {
    case RW_NODE_NUMBER:
        return node->exact;
    case RW_NODE_SYMBOL:
        return c->symbol != 0 && node->key == c->symbol ? c->value : unknown();
    case RW_NODE_SUM:
    case RW_NODE_PRODUCT:
        return exact_all(node, c);
    case RW_NODE_QUOTIENT:
        return rw_rational_divide(exact(a, c), exact(node->last, c));
    case RW_NODE_POWER: {
        struct rw_rational e = exact(node->last, c);
        return bends(node, c) && e.den != 1 ? unknown() : exact_power(exact(a, c), e);
    }
    case RW_NODE_NEGATIVE:
        return rw_rational_negate(exact(a, c));
    case RW_NODE_PLUS_MINUS: {
        struct rw_rational x = exact(a, c);
        return (c->side > 0) == (node->sign == 0) ? x : rw_rational_negate(x);
    }
    case RW_NODE_ROOT:
        return bends(node, c)
                   ? unknown()
                   : exact_root(exact(a, c), node->n > 1 ? exact(node->last, c) : rational(2, 1));
    case RW_NODE_ABSOLUTE: {
        struct rw_rational x = bends(node, c) ? unknown() : exact(a, c);
        return x.num < 0 ? rw_rational_negate(x) : x;
    }
    case RW_NODE_FACTORIAL:
        return exact_factorial(exact(a, c));
    case RW_NODE_BINOMIAL:
        return exact_binomial(exact(a, c), exact(node->last, c));
    case RW_NODE_PERCENT:
        return rw_rational_multiply(exact(a, c), rational(1, 100));
    case RW_NODE_FUNCTION:
        return exact_function(node, c);
    default:
        return unknown();
    }
}

/* ---- modulo a prime -------------------------------------------------------------------------- */

struct residue_context {
    int side;
    uint64_t seed;
    bool failed;
};

static uint64_t residue(const struct rw_node *node, struct residue_context *c);

static uint64_t residue_fail(struct residue_context *c)
{
    c->failed = true;
    return 0;
}

static uint64_t residue_all(const struct rw_node *node, struct residue_context *c)
{
    bool sum = node->kind == RW_NODE_SUM;
    uint64_t all = sum ? 0 : 1;
    RW_NODE_EACH (child, node) {
        uint64_t x = residue(child, c);
        all = sum ? rw_residue_add(all, x) : rw_residue_multiply(all, x);
    }
    return all;
}

static uint64_t residue_negative(uint64_t x)
{
    return x == 0 ? 0 : RW_RESIDUE_PRIME - x;
}

static uint64_t residue_over(uint64_t a, uint64_t b, struct residue_context *c)
{
    return b == 0 ? residue_fail(c) : rw_residue_divide(a, b);
}

static uint64_t residue_power(const struct rw_node *node, struct residue_context *c)
{
    const struct exact_context plain = {.side = c->side};
    struct rw_rational e = exact(node->last, &plain);
    if (!e.known || e.den != 1 || e.num > INT64_MAX || e.num < -INT64_MAX) {
        return residue_fail(c);
    }
    uint64_t base = residue(node->first, c);
    if (base == 0 && e.num <= 0) {
        return residue_fail(c);
    }
    uint64_t power = rw_residue_power(base, (uint64_t)(e.num < 0 ? -e.num : e.num));
    return e.num < 0 ? residue_over(1, power, c) : power;
}

static uint64_t residue_factorial(const struct rw_node *node, struct residue_context *c)
{
    const struct exact_context plain = {.side = c->side};
    struct rw_rational n = exact(node->first, &plain);
    struct rw_rational k = exact(node->last, &plain);
    bool binomial = node->kind == RW_NODE_BINOMIAL;
    if (!small_whole(n, FACTORIAL_MAX) || n.num < 0 || !small_whole(k, FACTORIAL_MAX) ||
        k.num < 0) {
        return residue_fail(c);
    }
    uint64_t all = 1;
    for (long i = 0; i < (long)(binomial ? k.num : n.num); i++) {
        long factor = binomial ? (long)n.num - i : i + 1;
        if (factor <= 0) {
            return 0;
        }
        all = rw_residue_multiply(all, (uint64_t)factor);
        all = binomial ? rw_residue_divide(all, (uint64_t)i + 1) : all;
    }
    return all;
}

static uint64_t residue_of(uint64_t key, uint64_t seed)
{
    return rw_evaluate_mix(key, seed) % RW_RESIDUE_PRIME;
}

uint64_t rw_evaluate_opaque(const struct rw_node *node, int side)
{
    if (node->residue == 0) {
        return node->key;
    }
    struct residue_context c = {.side = side, .seed = 7};
    uint64_t key = node->residue;
    RW_NODE_EACH (child, node) {
        c.failed = false;
        uint64_t x = residue(child, &c);
        key = rw_evaluate_mix(key, c.failed ? child->key : x);
    }
    return key;
}

/* A root that is rational is known; others are not in the field. */
static uint64_t residue_root(const struct rw_node *node, struct residue_context *c)
{
    const struct exact_context plain = {.side = c->side};
    struct rw_rational x = exact(node, &plain);
    if (!x.known) {
        return residue_fail(c);
    }
    rw_int128 num = x.num % (rw_int128)RW_RESIDUE_PRIME;
    num = num < 0 ? num + (rw_int128)RW_RESIDUE_PRIME : num;
    return residue_over((uint64_t)num, (uint64_t)(x.den % (rw_int128)RW_RESIDUE_PRIME), c);
}

static uint64_t residue(const struct rw_node *node, struct residue_context *c)
{
    if (c->failed) {
        return 0;
    }
    switch (node->kind) {
    case RW_NODE_NUMBER:
        return node->residue;
    case RW_NODE_SYMBOL:
        return rw_str_is(node->name, "i") ? RW_RESIDUE_I : residue_of(node->key, c->seed);
    case RW_NODE_PI:
        return residue_of(RW_NODE_PI, c->seed);
    case RW_NODE_OPAQUE:
        return residue_of(rw_evaluate_opaque(node, c->side), c->seed);
    case RW_NODE_SUM:
    case RW_NODE_PRODUCT:
        return residue_all(node, c);
    case RW_NODE_QUOTIENT: {
        uint64_t a = residue(node->first, c);
        return residue_over(a, residue(node->last, c), c);
    }
    case RW_NODE_POWER:
        return residue_power(node, c);
    case RW_NODE_NEGATIVE:
        return residue_negative(residue(node->first, c));
    case RW_NODE_PLUS_MINUS: {
        uint64_t x = residue(node->first, c);
        return (c->side > 0) == (node->sign == 0) ? x : residue_negative(x);
    }
    case RW_NODE_PERCENT:
        return residue_over(residue(node->first, c), 100, c);
    case RW_NODE_FACTORIAL:
    case RW_NODE_BINOMIAL:
        return residue_factorial(node, c);
    case RW_NODE_ROOT:
    case RW_NODE_ABSOLUTE:
    case RW_NODE_FUNCTION:
        return residue_root(node, c);
    default:
        return residue_fail(c);
    }
}

/* ---- what occurs ----------------------------------------------------------------------------- */

static void add_symbol(struct rw_evaluation *e, uint64_t key)
{
    for (size_t i = 0; i < e->n_symbols; i++) {
        if (e->symbol[i] == key) {
            return;
        }
    }
    if (e->n_symbols == RW_EVALUATE_SYMBOLS_MAX) {
        e->loose = true;
        return;
    }
    e->symbol[e->n_symbols++] = key;
}

/* An angle without a degree sign or pi: degrees or radians? */
static bool doubtful_angle(const struct rw_node *f)
{
    const struct rw_node *a = f->first;
    bool circular = strchr("sct", f->name.ptr[0]) != NULL && f->sign == 0;
    return circular && a->kind == RW_NODE_NUMBER && a->v != 0;
}

/* "x^2 + C": who leaves the constant of integration out, or calls it c, means the same. */
static bool adds_constant(const struct rw_node *sum)
{
    RW_NODE_EACH (child, sum) {
        if (child->kind == RW_NODE_SYMBOL &&
            (rw_str_is(child->name, "C") || rw_str_is(child->name, "c"))) {
            return true;
        }
    }
    return false;
}

static void survey(const struct rw_node *node, struct rw_evaluation *e)
{
    bool constant = rw_str_is(node->name, "e") || rw_str_is(node->name, "i");
    e->loose = e->loose || (node->flags & RW_NODE_LOOSE) != 0;
    switch (node->kind) {
    case RW_NODE_SYMBOL:
        if (!constant) {
            add_symbol(e, node->key);
        }
        return;
    case RW_NODE_OPAQUE:
        e->n_opaque++;
        e->opaque += rw_evaluate_opaque(node, e->side);
        return;
    case RW_NODE_SUM:
        e->constant = e->constant || adds_constant(node);
        break;
    case RW_NODE_ELLIPSIS:
    case RW_NODE_INFINITY:
        e->readable = false;
        return;
    case RW_NODE_FUNCTION:
        e->loose =
            e->loose || (rw_str_is(node->name, "log") && node->n == 1) || doubtful_angle(node);
        break;
    default:
        break;
    }
    RW_NODE_EACH (child, node) {
        bool base = node->kind == RW_NODE_POWER && child == node->first;
        bool euler = child->kind == RW_NODE_SYMBOL && rw_str_is(child->name, "e");
        e->euler = e->euler || (euler && !base);
        survey(child, e);
    }
}

bool rw_evaluate_has_sides(const struct rw_node *node)
{
    if (node->kind == RW_NODE_PLUS_MINUS) {
        return true;
    }
    RW_NODE_EACH (child, node) {
        if (rw_evaluate_has_sides(child)) {
            return true;
        }
    }
    return false;
}

void rw_evaluate(const struct rw_node *node, int side, struct rw_evaluation *out)
{
    *out = (struct rw_evaluation){.node = node, .side = side, .readable = rw_node_scalar(node)};
    if (!out->readable) {
        return;
    }
    survey(node, out);
    if (!out->readable) {
        return;
    }
    if ((node->flags & RW_NODE_CLOSED) != 0) {
        const struct exact_context c = {.side = side};
        out->exact = exact(node, &c);
        out->rational = out->exact.known;
    }
    out->modular = true;
    for (int i = 0; i < RW_EVALUATE_RESIDUES; i++) {
        struct residue_context c = {.side = side, .seed = 7 + (uint64_t)i};
        out->residue[i] = residue(node, &c);
        out->modular = out->modular && !c.failed;
    }
}

/* ---- comparing ------------------------------------------------------------------------------- */

/* Do differing values contradict each other? */
static bool comparable(const struct rw_evaluation *a, const struct rw_evaluation *b)
{
    size_t common = 0;
    if (a->loose || b->loose || a->euler != b->euler || a->n_opaque != b->n_opaque ||
        a->opaque != b->opaque) {
        return false;
    }
    for (size_t i = 0; i < a->n_symbols; i++) {
        for (size_t k = 0; k < b->n_symbols; k++) {
            common += a->symbol[i] == b->symbol[k];
        }
    }
    bool none = a->n_symbols == 0 && b->n_symbols == 0;
    bool same = common == a->n_symbols && common == b->n_symbols;
    return none || same || (common > 0 && !a->constant && !b->constant);
}

static uint64_t factor_residue(struct rw_rational f)
{
    rw_int128 num = f.num < 0 ? f.num + (rw_int128)RW_RESIDUE_PRIME : f.num;
    return rw_residue_divide((uint64_t)num, (uint64_t)f.den);
}

static enum rw_likeness like(const struct rw_evaluation *a, const struct rw_evaluation *b,
                             struct rw_rational factor)
{
    if (a->rational && b->rational) {
        struct rw_rational scaled = rw_rational_multiply(a->exact, factor);
        if (scaled.known) {
            return rw_rational_equal(scaled, b->exact) ? RW_LIKE : RW_UNLIKE;
        }
    }
    if (a->modular && b->modular) {
        uint64_t f = factor_residue(factor);
        bool same = true;
        for (int i = 0; i < RW_EVALUATE_RESIDUES; i++) {
            same = same && rw_residue_multiply(a->residue[i], f) == b->residue[i];
        }
        return same ? RW_LIKE : RW_UNLIKE;
    }
    return rw_evaluate_points_like(a, b, (double)factor.num / (double)factor.den);
}

enum rw_likeness rw_evaluate_like(const struct rw_evaluation *a, const struct rw_evaluation *b,
                                  struct rw_rational factor)
{
    bool one = factor.num == 1 && factor.den == 1;
    if (one && a->node->key == b->node->key && a->side == b->side) {
        return RW_LIKE;
    }
    if (!a->readable || !b->readable) {
        return RW_UNSURE;
    }
    enum rw_likeness l = like(a, b, factor);
    return l == RW_UNLIKE && !comparable(a, b) ? RW_UNSURE : l;
}

double rw_evaluate_double(const struct rw_evaluation *e)
{
    if (!e->readable || e->n_symbols > 0 || e->n_opaque > 0) {
        return NAN;
    }
    if (e->rational) {
        return (double)e->exact.num / (double)e->exact.den;
    }
    return rw_evaluate_points_real(e);
}

/* A polynomial of degree one is straight: f(0), f(1), f(2) and f(5) lie on a line. */
bool rw_evaluate_linear(const struct rw_node *node, uint64_t symbol, struct rw_rational *p,
                        struct rw_rational *q)
{
    static const long AT[] = {0, 1, 2, 5};
    struct rw_rational f[RW_COUNT(AT)];
    for (size_t i = 0; i < RW_COUNT(AT); i++) {
        const struct exact_context c = {.side = 1, .symbol = symbol, .value = rational(AT[i], 1)};
        f[i] = exact(node, &c);
        if (!f[i].known) {
            return false;
        }
    }
    *q = f[0];
    *p = rw_rational_add(f[1], rw_rational_negate(f[0]));
    for (size_t i = 2; i < RW_COUNT(AT); i++) {
        struct rw_rational there =
            rw_rational_add(*q, rw_rational_multiply(*p, rational(AT[i], 1)));
        if (!rw_rational_equal(there, f[i])) {
            return false;
        }
    }
    return true;
}
