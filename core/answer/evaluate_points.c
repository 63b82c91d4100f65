#include "core/answer/evaluate_points.h"

#include <complex.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "core/base/util.h"

/* Errors are bounds to first order, in units of the last place; measured ones stay far below. */
static const double EPS = DBL_EPSILON;
static const double SAME_FACTOR = 8;        /* of the error: nearer is the same */
static const double DIFFERENT_FACTOR = 1e3; /* of that: farther is different */
static const double IMPRECISE = 1e-9;       /* relative: such agreement says nothing */
static const double ABSOLUTE = 1e-12;       /* but near zero it does */
static const double COINCIDENCE = 1e9;      /* e^{pi sqrt 163} is nearly whole, and is not */

enum {
    POINTS_MIN = 3, /* at which both are defined */
    FAR_POINTS = 4, /* beyond the largest constant, where |x - 100| is 100 - x no more */
    WHOLE_POWER_MAX = 1024,
    ROOT_MAX = 64,
};

struct approx {
    double complex v;
    double err; /* absolute */
};

struct context {
    int side;
    unsigned point;
    double far; /* 0, or how far from zero the variables are; on which side `point` says */
};

static struct approx value(const struct rw_node *node, const struct context *c);

static struct approx undefined(void)
{
    return (struct approx){NAN, 0};
}

static bool is_real(struct approx a)
{
    return cimag(a.v) == 0;
}

static struct approx real_value(double v, double err)
{
    return (struct approx){v, err};
}

uint64_t rw_evaluate_mix(uint64_t a, uint64_t b)
{
    uint64_t x = a ^ (b * UINT64_C(0x9E3779B97F4A7C15) + UINT64_C(0xD1B54A32D192ED03));
    x = (x ^ (x >> 32)) * UINT64_C(0xD6E8FEB86659FD93);
    x = (x ^ (x >> 32)) * UINT64_C(0xD6E8FEB86659FD93);
    return x ^ (x >> 32);
}

/* All positive, all negative, and both ways mixed. */
static struct approx far_variable(uint64_t key, const struct context *c)
{
    uint64_t h = rw_evaluate_mix(key, 90 + (c->point & 2));
    double v = c->far * (1 + (double)(h >> 40) / 16777216.0); /* 2^24 */
    bool negative = c->point < 2 ? c->point == 1 : ((h ^ c->point) & 1) != 0;
    return real_value(negative ? -v : v, 0);
}

/* Of the variable with this key; the same on every machine. */
static struct approx variable(uint64_t key, const struct context *c)
{
    unsigned point = c->point;
    if (c->far > 0) {
        return far_variable(key, c);
    }
    static const double SPAN[RW_EVALUATE_POINTS] = {2.2, 6.3, 11.7, 0.9, 3.1, 7.9, 2.7, 13.3};
    uint64_t h = rw_evaluate_mix(key, 100 + point);
    double u = ((double)(h >> 12) + 0.5) / 4503599627370496.0; /* 2^52 */
    double v = 0.3 + SPAN[point] * u;
    bool negative = point >= RW_EVALUATE_POINTS / 2 && (h & 1) != 0;
    return real_value(negative ? -v : v, 0);
}

/* ---- arithmetic ------------------------------------------------------------------------------ */

static struct approx add(struct approx a, struct approx b)
{
    double complex v = a.v + b.v;
    return (struct approx){v, a.err + b.err + EPS * cabs(v)};
}

static struct approx multiply(struct approx a, struct approx b)
{
    double complex v = a.v * b.v;
    double err = cabs(a.v) * b.err + cabs(b.v) * a.err + a.err * b.err;
    return (struct approx){v, err + 2 * EPS * cabs(v)};
}

static struct approx divide(struct approx a, struct approx b)
{
    double size = cabs(b.v);
    if (!(size > 2 * b.err) || size == 0) {
        return undefined();
    }
    double complex v = a.v / b.v;
    return (struct approx){v, (a.err + cabs(v) * b.err) / (size - b.err) + 2 * EPS * cabs(v)};
}

static struct approx whole_power(struct approx a, long n)
{
    struct approx power = real_value(1, 0);
    for (unsigned long e = (unsigned long)labs(n); e > 0; e >>= 1) {
        power = e & 1 ? multiply(power, a) : power;
        a = e > 1 ? multiply(a, a) : a;
    }
    return n < 0 ? divide(real_value(1, 0), power) : power;
}

static struct approx root(struct approx a, long n)
{
    double size = cabs(a.v);
    if (n < 1 || n > ROOT_MAX) {
        return undefined();
    }
    if (size <= 2 * a.err) {
        return (struct approx){0, pow(3 * a.err, 1.0 / (double)n)};
    }
    double complex v;
    if (is_real(a)) {
        double r = n == 2 ? sqrt(size) : pow(size, 1.0 / (double)n);
        bool negative = creal(a.v) < 0;
        v = !negative    ? r
            : n % 2 == 1 ? -r /* the real root */
                         : r * cexp(I * M_PI / (double)n);
        v = negative && n == 2 ? I * r : v;
    } else {
        v = n == 2 ? csqrt(a.v) : cpow(a.v, 1.0 / (double)n);
    }
    return (struct approx){v, cabs(v) * (a.err / ((double)n * size) + 4 * EPS)};
}

static struct approx power(struct approx a, struct approx b)
{
    double e = creal(b.v);
    if (is_real(b) && e == rint(e) && b.err <= EPS * fabs(e) && fabs(e) <= WHOLE_POWER_MAX) {
        return e == 0 && cabs(a.v) <= a.err ? undefined() : whole_power(a, (long)e);
    }
    double size = cabs(a.v);
    if (size <= 2 * a.err) {
        return undefined();
    }
    if (is_real(a) && creal(a.v) < 0 && is_real(b)) { /* a real root where there is one */
        for (long n = 3; n <= 9; n += 2) {
            double m = rint(e * (double)n);
            if (fabs(e * (double)n - m) < 1e-12 && fabs(m) <= WHOLE_POWER_MAX) {
                return whole_power(root(a, n), (long)m);
            }
        }
        return undefined(); /* a branch would have to be chosen */
    }
    double complex l = is_real(a) && creal(a.v) > 0 ? log(creal(a.v)) : clog(a.v);
    double complex v =
        is_real(a) && creal(a.v) > 0 && is_real(b) ? pow(creal(a.v), e) : cexp(b.v * l);
    double relative = cabs(b.v) * a.err / size + cabs(l) * b.err + 4 * EPS * (1 + cabs(b.v * l));
    return (struct approx){v, cabs(v) * relative};
}

/* ---- functions ------------------------------------------------------------------------------- */

/* v = f(a), whose slope there is about `slope`. */
static struct approx image(double complex v, double slope, struct approx a)
{
    return (struct approx){v, slope * a.err + 4 * EPS * cabs(v)};
}

static struct approx logarithm(struct approx a)
{
    double size = cabs(a.v);
    if (size <= 2 * a.err) {
        return undefined();
    }
    double complex v = is_real(a) && creal(a.v) > 0 ? log(creal(a.v)) : clog(a.v);
    struct approx out = image(v, 1 / size, a);
    out.err += EPS;
    return out;
}

static struct approx sine(struct approx a)
{
    return image(is_real(a) ? sin(creal(a.v)) : csin(a.v), cabs(ccos(a.v)), a);
}

static struct approx cosine(struct approx a)
{
    return image(is_real(a) ? cos(creal(a.v)) : ccos(a.v), cabs(csin(a.v)), a);
}

/* Slopes are steep at the ends of the arc functions: there the error is its square root. */
static struct approx arc(double complex v, double complex square, struct approx a)
{
    double d = cabs(csqrt(square));
    double err = RW_MIN(a.err / RW_MAX(d, DBL_MIN), 2 * sqrt(a.err));
    return (struct approx){v, err + 4 * EPS * (1 + cabs(v))};
}

static struct approx hyperbola(struct rw_str name, struct approx a)
{
    char c = name.ptr[0];
    double complex v = c == 's' ? csinh(a.v) : c == 'c' ? ccosh(a.v) : ctanh(a.v);
    double slope = c == 's' ? cabs(ccosh(a.v)) : c == 'c' ? cabs(csinh(a.v)) : 1;
    return image(v, slope, a);
}

/* Nothing is said where it jumps. */
static struct approx whole_part(struct approx a, bool up)
{
    double x = creal(a.v);
    if (!is_real(a) || fabs(x - rint(x)) <= 1e3 * a.err + EPS) {
        return undefined();
    }
    return real_value(up ? ceil(x) : floor(x), 0);
}

static struct approx circular(struct rw_str name, bool inverse, struct approx a)
{
    struct approx one = real_value(1, 0);
    bool arcs = rw_str_starts(name, RW_STR("arc"));
    char c = name.ptr[arcs ? 3 : 0];
    bool hyperbolic = name.len == 4 && name.ptr[3] == 'h';
    bool turned = rw_str_is(name, "sech") || rw_str_is(name, "csch") || rw_str_is(name, "coth");
    if (turned) {
        static const char *const OF[] = {"cosh", "sinh", "tanh"};
        struct rw_str of = rw_str_from(OF[c == 's' ? 0 : name.ptr[1] == 's' ? 1 : 2]);
        return inverse ? undefined() : divide(one, hyperbola(of, a));
    }
    if (hyperbolic) {
        return inverse ? undefined() : hyperbola(name, a);
    }
    bool secant = rw_str_is(name, "sec") || rw_str_is(name, "csc") || rw_str_is(name, "cot");
    if ((arcs || inverse) && secant) {
        return undefined();
    }
    if (arcs || inverse) {
        bool inside = is_real(a) && fabs(creal(a.v)) <= 1;
        double x = creal(a.v);
        if (c == 't') {
            return arc(is_real(a) ? atan(x) : catan(a.v), (1 + a.v * a.v) * (1 + a.v * a.v), a);
        }
        double complex v =
            c == 's' ? (inside ? asin(x) : casin(a.v)) : (inside ? acos(x) : cacos(a.v));
        return arc(v, 1 - a.v * a.v, a);
    }
    if (rw_str_is(name, "sin") || rw_str_is(name, "csc")) {
        return name.ptr[0] == 's' ? sine(a) : divide(one, sine(a));
    }
    if (rw_str_is(name, "cos") || rw_str_is(name, "sec")) {
        return name.ptr[0] == 'c' ? cosine(a) : divide(one, cosine(a));
    }
    return name.ptr[0] == 't' ? divide(sine(a), cosine(a)) : divide(cosine(a), sine(a));
}

static struct approx function(const struct rw_node *node, const struct context *c)
{
    struct approx a = value(node->first, c);
    if (rw_str_is(node->name, "exp")) {
        double complex v = cexp(a.v);
        return image(v, cabs(v), a);
    }
    if (rw_str_is(node->name, "ln")) {
        return logarithm(a);
    }
    if (rw_str_is(node->name, "lfloor") || rw_str_is(node->name, "lceil")) {
        return whole_part(a, rw_str_is(node->name, "lceil"));
    }
    if (rw_str_is(node->name, "lg")) {
        return divide(logarithm(a), real_value(log(10), EPS));
    }
    if (rw_str_is(node->name, "log")) { /* without a base: some constant times \ln */
        struct approx base =
            node->n > 1 ? logarithm(value(node->last, c)) : real_value(1.2716534889, 0);
        return divide(logarithm(a), base);
    }
    return circular(node->name, node->sign != 0, a);
}

/* ---- all ------------------------------------------------------------------------------------- */

static struct approx factorial(struct approx a)
{
    double x = creal(a.v);
    double pole = x < 0 ? fabs(x - rint(x)) : 1;
    if (!is_real(a) || pole <= 1e3 * a.err || pole == 0) {
        return undefined();
    }
    double v = tgamma(x + 1);
    return real_value(v, fabs(v) *
                             (64 * EPS + (a.err + EPS * fabs(x)) * (log(fabs(x) + 2) + 1 / pole)));
}

static struct approx binomial(struct approx n, struct approx k)
{
    struct approx diff = add(n, multiply(k, real_value(-1, 0)));
    return divide(factorial(n), multiply(factorial(k), factorial(diff)));
}

static struct approx symbol(const struct rw_node *node, const struct context *c)
{
    if (rw_str_is(node->name, "e")) {
        return real_value(M_E, EPS * M_E);
    }
    return rw_str_is(node->name, "i") ? (struct approx){I, 0} : variable(node->key, c);
}

static struct approx absolute(struct approx a)
{
    double v = is_real(a) ? fabs(creal(a.v)) : cabs(a.v);
    return real_value(v, a.err + EPS * v);
}

static struct approx all(const struct rw_node *node, const struct context *c)
{
    bool sum = node->kind == RW_NODE_SUM;
    struct approx total = real_value(sum ? 0 : 1, 0);
    RW_NODE_EACH (child, node) {
        struct approx x = value(child, c);
        total = sum ? add(total, x) : multiply(total, x);
    }
    return total;
}

static struct approx scaled(struct approx a, double factor)
{
    return multiply(a, real_value(factor, EPS * fabs(factor)));
}

static struct approx value(const struct rw_node *node, const struct context *c)
{
    const struct rw_node *a = node->first;
    switch (node->kind) {
    case RW_NODE_NUMBER:
        return real_value(node->v, 2 * EPS * fabs(node->v));
    case RW_NODE_SYMBOL:
        return symbol(node, c);
    case RW_NODE_PI:
        return real_value(M_PI, EPS * M_PI);
    case RW_NODE_OPAQUE:
        return variable(rw_evaluate_opaque(node, c->side), c);
    case RW_NODE_SUM:
    case RW_NODE_PRODUCT:
        return all(node, c);
    case RW_NODE_QUOTIENT: {
        struct approx top = value(a, c);
        return divide(top, value(node->last, c));
    }
    case RW_NODE_POWER: {
        struct approx base = value(a, c);
        return power(base, value(node->last, c));
    }
    case RW_NODE_NEGATIVE: {
        struct approx x = value(a, c);
        return (struct approx){is_real(x) ? -creal(x.v) : -x.v, x.err};
    }
    case RW_NODE_PLUS_MINUS: {
        struct approx x = value(a, c);
        bool plus = (c->side > 0) == (node->sign == 0);
        return plus ? x : (struct approx){is_real(x) ? -creal(x.v) : -x.v, x.err};
    }
    case RW_NODE_ROOT: {
        double n = node->n > 1 ? creal(value(node->last, c).v) : 2;
        return n == rint(n) && fabs(n) <= ROOT_MAX ? root(value(a, c), (long)n) : undefined();
    }
    case RW_NODE_FUNCTION:
        return function(node, c);
    case RW_NODE_ABSOLUTE:
        return absolute(value(a, c));
    case RW_NODE_FACTORIAL:
        return factorial(value(a, c));
    case RW_NODE_BINOMIAL: {
        struct approx n = value(a, c);
        return binomial(n, value(node->last, c));
    }
    case RW_NODE_DEGREE:
        return scaled(value(a, c), M_PI / 180);
    case RW_NODE_PERCENT:
        return scaled(value(a, c), 0.01);
    default:
        return undefined();
    }
}

/* ---- comparing ------------------------------------------------------------------------------- */

static bool is_finite(struct approx a)
{
    return isfinite(creal(a.v)) && isfinite(cimag(a.v)) && isfinite(a.err);
}

static enum rw_likeness near(struct approx a, struct approx b, bool mixed)
{
    double apart = cabs(a.v - b.v);
    double size = RW_MAX(cabs(a.v), cabs(b.v));
    double bound = SAME_FACTOR * (a.err + b.err) + DBL_MIN;
    if (apart <= bound) {
        bool vague = bound > IMPRECISE * size && bound > ABSOLUTE;
        return vague || (mixed && size > COINCIDENCE) ? RW_UNSURE : RW_LIKE;
    }
    return apart > DIFFERENT_FACTOR * bound ? RW_UNLIKE : RW_UNSURE;
}

/* Has it a part with variables whose formula depends on where they are: an absolute value, a root,
 * a power that is no whole number? *reach becomes the largest number in it. */
static bool branches(const struct rw_node *node, double *reach)
{
    bool open = (node->flags & RW_NODE_CLOSED) == 0;
    const struct rw_node *e = node->kind == RW_NODE_POWER ? node->last : NULL;
    e = e != NULL && e->kind == RW_NODE_NEGATIVE ? e->first : e;
    bool whole = e == NULL || (e->kind == RW_NODE_NUMBER && e->exact.known && e->exact.den == 1);
    bool found = open && (node->kind == RW_NODE_ABSOLUTE || node->kind == RW_NODE_ROOT || !whole);
    if (node->kind == RW_NODE_NUMBER) {
        *reach = RW_MAX(*reach, fabs(node->v));
    }
    RW_NODE_EACH (child, node) {
        found = branches(child, reach) || found;
    }
    return found;
}

/* What is said far from zero: count[] of it. Overflow and lost digits say nothing there. */
static void look_far(const struct rw_evaluation *a, const struct rw_evaluation *b, double factor,
                     int count[RW_LIKE + 1])
{
    double reach = 1;
    bool there = branches(a->node, &reach);
    if (!branches(b->node, &reach) && !there) {
        return;
    }
    for (unsigned k = 0; k < FAR_POINTS; k++) {
        const struct context ca = {a->side, k, 3 * reach};
        const struct context cb = {b->side, k, 3 * reach};
        struct approx x = scaled(value(a->node, &ca), factor);
        struct approx y = value(b->node, &cb);
        enum rw_likeness l = is_finite(x) && is_finite(y) ? near(x, y, false) : RW_UNSURE;
        count[l] += l != RW_UNSURE;
    }
}

enum rw_likeness rw_evaluate_points_like(const struct rw_evaluation *a,
                                         const struct rw_evaluation *b, double factor)
{
    bool open = a->n_symbols > 0 || b->n_symbols > 0 || a->n_opaque > 0 || b->n_opaque > 0;
    int points = open ? RW_EVALUATE_POINTS : 1;
    int count[RW_LIKE + 1] = {0};
    bool lost = false;
    for (int k = 0; k < points; k++) {
        const struct context ca = {a->side, (unsigned)k, 0};
        const struct context cb = {b->side, (unsigned)k, 0};
        struct approx x = scaled(value(a->node, &ca), factor);
        struct approx y = value(b->node, &cb);
        if (is_finite(x) && is_finite(y)) {
            count[near(x, y, a->rational != b->rational)]++;
        } else {
            lost = lost || is_finite(x) != is_finite(y);
        }
    }
    if (open && count[RW_LIKE] > 0) {
        look_far(a, b, factor, count);
    }
    int valid = count[RW_UNLIKE] + count[RW_UNSURE] + count[RW_LIKE];
    if (valid < (open ? POINTS_MIN : 1) || lost) {
        return RW_UNSURE;
    }
    return count[RW_LIKE] == valid ? RW_LIKE : count[RW_UNLIKE] == valid ? RW_UNLIKE : RW_UNSURE;
}

double rw_evaluate_points_real(const struct rw_evaluation *e)
{
    const struct context c = {e->side, 0, 0};
    struct approx x = value(e->node, &c);
    return is_finite(x) && fabs(cimag(x.v)) <= 2 * x.err ? creal(x.v) : (double)NAN;
}
