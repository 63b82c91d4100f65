/* Numbers and expressions, with units, percentages and roundings. */
#include <math.h>

#include "core/answer/compare.h"
#include "core/answer/word.h"
#include "core/base/util.h"

static const double HALF = 0.5000001; /* of the last digit: a correct rounding */
static const double CLOSE = 1e-9;     /* relative: of factors between units */
static const double ABOUT = 0.05;     /* relative: "about 3" does not contradict 3.1 */

struct quantity {
    const struct rw_node *node; /* the expression */
    struct rw_str unit;
    bool percent;
    uint16_t flags;
    const struct rw_node *note;
    struct rw_evaluation e;
    double v;                  /* NaN: has variables */
    double unit_of_last_place; /* 0: exact */
};

/* ---- reading --------------------------------------------------------------------------------- */

static bool power_of_ten(const struct rw_node *node, double *out)
{
    if (node->kind != RW_NODE_POWER || node->first->kind != RW_NODE_NUMBER ||
        node->first->v != 10) {
        return false;
    }
    struct rw_evaluation e;
    rw_evaluate(node->last, 1, &e);
    if (!e.rational || e.exact.den != 1 || fabs((double)e.exact.num) > 300) {
        return false;
    }
    *out = pow(10, (double)e.exact.num);
    return true;
}

/* What the last digit is worth: of 6.67, 0.01; of 1.5 million, 100000; 0 when it is exact. */
static double last_place(const struct rw_node *node, bool percent)
{
    double factor = 1;
    while (node->kind == RW_NODE_NEGATIVE) {
        node = node->first;
    }
    if (node->kind == RW_NODE_PRODUCT && node->n == 2 && node->first->kind == RW_NODE_NUMBER) {
        const struct rw_node *right = node->last;
        bool scale = right->kind == RW_NODE_NUMBER && right->decimals == 0 && right->v >= 12 &&
                     node->first->decimals > 0;
        if (!power_of_ten(right, &factor)) {
            if (!scale) {
                return 0;
            }
            factor = right->v;
        }
        return factor * pow(10, node->first->exponent - (double)node->first->decimals);
    }
    if (node->kind != RW_NODE_NUMBER || (node->decimals == 0 && !node->powered && !percent)) {
        return 0;
    }
    return pow(10, node->exponent - (double)node->decimals);
}

static void read_quantity(struct rw_compare_item item, struct quantity *q)
{
    const struct rw_node *node = item.node;
    *q = (struct quantity){.node = node, .flags = node->flags};
    if (node->kind == RW_NODE_QUANTITY) {
        q->node = node->first;
        q->unit = node->name;
        q->percent = node->percent;
        q->note = node->n > 1 ? node->last : NULL;
        q->flags |= q->node->flags;
    }
    rw_evaluate(q->node, item.side, &q->e);
    q->v = rw_evaluate_double(&q->e);
    q->unit_of_last_place = last_place(q->node, q->percent);
}

/* ---- comparing values ------------------------------------------------------------------------ */

/* Values on one scale: a * fa beside b * fb, one of the factors 1. */
struct pair {
    const struct quantity *a;
    const struct quantity *b;
    double fa;
    double fb;
};

/* r * fr is e * fe, rounded to its last digit. */
static bool rounding_of(const struct quantity *r, double fr, const struct quantity *e, double fe)
{
    double place = r->unit_of_last_place * fr;
    bool finer = e->unit_of_last_place == 0 || e->unit_of_last_place * fe < place * 0.99;
    if ((r->flags & RW_NODE_OPEN) != 0 && place > 0) { /* 0.333...: not below it, and not past it */
        double rest = fabs(e->v * fe) - fabs(r->v * fr);
        return rest >= -CLOSE * place && rest <= place * (1 + CLOSE) && e->v * r->v >= 0;
    }
    return place > 0 && finer && fabs(r->v * fr - e->v * fe) <= HALF * place;
}

static bool roundings(const struct pair *p)
{
    return rounding_of(p->a, p->fa, p->b, p->fb) || rounding_of(p->b, p->fb, p->a, p->fa);
}

/* A rounding to so many digits is meant as the number. */
static bool exact_to_the_eye(const struct pair *p)
{
    static const double DIGITS = 1e-11; /* of the last place, relative to the number */
    double size = RW_MAX(fabs(p->a->v * p->fa), fabs(p->b->v * p->fb));
    double place = RW_MAX(p->a->unit_of_last_place * p->fa, p->b->unit_of_last_place * p->fb);
    bool both = p->a->unit_of_last_place > 0 && p->b->unit_of_last_place > 0;
    return !both && place > 0 && place <= DIGITS * size && roundings(p);
}

static bool within(const struct pair *p, double tolerance)
{
    double x = p->a->v * p->fa;
    double y = p->b->v * p->fb;
    return fabs(x - y) <= tolerance * RW_MAX(fabs(x), fabs(y));
}

static enum rw_likeness like(const struct pair *p)
{
    static const struct rw_rational ONE = {1, 1, true};
    static const struct rw_rational HUNDREDTH = {1, 100, true};
    if (p->fb != 1) {
        return rw_evaluate_like(&p->b->e, &p->a->e, HUNDREDTH);
    }
    return rw_evaluate_like(&p->a->e, &p->b->e, p->fa != 1 ? HUNDREDTH : ONE);
}

/* 0.333... and 0.1818...: what the digits that are not written add, in units of the last place;
 * 0 when the last ones do not repeat. */
static double repeated(const struct quantity *q)
{
    double digits = rint(fabs(q->v) / q->unit_of_last_place);
    if (!(digits < 1e15)) {
        return 0;
    }
    int64_t tail = (int64_t)digits % 10000;
    bool one = tail % 1000 == tail % 10 * 111;
    bool two = tail == tail % 100 * 101;
    return one ? (double)(tail % 10) / 9 : two ? (double)(tail % 100) / 99 : 0;
}

static bool repeats_to(const struct quantity *q, double fq, const struct quantity *e, double fe)
{
    double place = q->unit_of_last_place * fq;
    if ((q->flags & RW_NODE_OPEN) == 0 || (e->flags & RW_NODE_OPEN) != 0 || !(place > 0) ||
        !e->e.rational || e->unit_of_last_place > 0 || e->v * q->v < 0) {
        return false;
    }
    double rest = (fabs(e->v * fe) - fabs(q->v * fq)) / place;
    double added = repeated(q);
    return added > 0 && fabs(rest - added) < 1e-6;
}

/* RIGHT, WRONG or UNKNOWN on one scale. */
static enum rw_verified values(struct rw_compare *c, const struct pair *p)
{
    const struct rw_answer_options *o = c->options;
    bool open = ((p->a->flags ^ p->b->flags) & RW_NODE_OPEN) != 0;
    bool about = ((p->a->flags | p->b->flags) & RW_NODE_APPROX) != 0;
    enum rw_likeness l = like(p);
    bool number = p->a->e.rational && p->b->e.rational;
    if (l == RW_LIKE) {
        return open ? rw_compare_say(c, RW_VERIFIED_UNKNOWN, RW_ANSWER_RULE_ROUNDING)
                    : rw_compare_say(c, RW_VERIFIED_RIGHT,
                                     number ? RW_ANSWER_RULE_NUMBER : RW_ANSWER_RULE_EXPRESSION);
    }
    if (o->tolerance > 0 && within(p, o->tolerance)) {
        return rw_compare_say(c, RW_VERIFIED_RIGHT, RW_ANSWER_RULE_TOLERANCE);
    }
    if (exact_to_the_eye(p) || repeats_to(p->a, p->fa, p->b, p->fb) ||
        repeats_to(p->b, p->fb, p->a, p->fa)) {
        return rw_compare_say(c, RW_VERIFIED_RIGHT, RW_ANSWER_RULE_ROUNDING);
    }
    if (roundings(p)) {
        return rw_compare_say(c, o->rounding && !open ? RW_VERIFIED_RIGHT : RW_VERIFIED_UNKNOWN,
                              RW_ANSWER_RULE_ROUNDING);
    }
    if (about && within(p, ABOUT)) {
        return rw_compare_say(c, RW_VERIFIED_UNKNOWN, RW_ANSWER_RULE_ROUNDING);
    }
    return rw_compare_say(c, l == RW_UNLIKE ? RW_VERIFIED_WRONG : RW_VERIFIED_UNKNOWN,
                          l != RW_UNLIKE ? RW_ANSWER_RULE_UNDECIDED
                          : number       ? RW_ANSWER_RULE_NUMBER
                                         : RW_ANSWER_RULE_EXPRESSION);
}

/* 50 % is written 50 and 0.5; beside 0.5 % a bare 0.5 is more likely a half. */
static enum rw_verified percent(struct rw_compare *c, const struct quantity *a,
                                const struct quantity *b)
{
    double hundredth = 0.01;
    const struct pair scaled = {a, b, a->percent ? hundredth : 1, b->percent ? hundredth : 1};
    const struct pair bare = {a, b, 1, 1};
    enum rw_verified v = values(c, &scaled);
    if (v == RW_VERIFIED_RIGHT) {
        return rw_compare_say(c, v, RW_ANSWER_RULE_PERCENT);
    }
    double other = fabs(a->percent ? b->v : a->v);
    enum rw_verified w = values(c, &bare);
    bool half = w == RW_VERIFIED_RIGHT && other <= 1 && other > 0;
    if (w == RW_VERIFIED_RIGHT && !half) {
        return rw_compare_say(c, w, RW_ANSWER_RULE_PERCENT);
    }
    bool unknown = half || v == RW_VERIFIED_UNKNOWN || w == RW_VERIFIED_UNKNOWN;
    return rw_compare_say(c, unknown ? RW_VERIFIED_UNKNOWN : RW_VERIFIED_WRONG,
                          RW_ANSWER_RULE_PERCENT);
}

/* ---- units ----------------------------------------------------------------------------------- */

/* "2 hours" and "120", "90 deg" and "\pi/2": one side may have converted. */
static bool converted(double x, double y)
{
    static const double FACTORS[] = {10,
                                     100,
                                     1000,
                                     1e4,
                                     1e5,
                                     1e6,
                                     1e9,
                                     60,
                                     3600,
                                     24,
                                     1440,
                                     7,
                                     12,
                                     365,
                                     52,
                                     86400,
                                     3,
                                     36,
                                     5280,
                                     16,
                                     2000,
                                     1024,
                                     0.017453292519943295};
    x = fabs(x);
    y = fabs(y);
    for (size_t i = 0; i < RW_COUNT(FACTORS); i++) {
        if (fabs(x * FACTORS[i] - y) <= CLOSE * y || fabs(y * FACTORS[i] - x) <= CLOSE * x) {
            return true;
        }
    }
    return false;
}

static bool is_unit(const struct quantity *q, const char *name)
{
    return rw_str_is(q->unit, name);
}

/* Cents beside dollars are exact; other currencies and other units are not converted. */
static bool cents(const struct quantity *a, const struct quantity *b)
{
    return is_unit(a, "\xC2\xA2") && is_unit(b, "$");
}

/* "5m" beside "5 m": five times m, or five metres. RIGHT or UNKNOWN. */
static enum rw_verified letter_unit(struct rw_compare *c, const struct quantity *with,
                                    const struct quantity *without)
{
    struct rw_node letter = {.kind = RW_NODE_SYMBOL, .name = with->unit};
    struct rw_node number = *with->node;
    struct rw_node product = {.kind = RW_NODE_PRODUCT, .first = &number, .last = &letter, .n = 2};
    struct rw_evaluation e;
    static const struct rw_rational ONE = {1, 1, true};
    for (size_t i = 0; i < without->e.n_symbols && with->unit.len == 1; i++) {
        letter.key = without->e.symbol[i];
        number.next = &letter;
        rw_evaluate(&product, 1, &e);
        const struct rw_node *found = without->node;
        bool same = found->kind == RW_NODE_PRODUCT && found->last->kind == RW_NODE_SYMBOL &&
                    rw_str_equal(found->last->name, with->unit);
        if (same && rw_evaluate_like(&e, &without->e, ONE) == RW_LIKE) {
            return rw_compare_say(c, RW_VERIFIED_RIGHT, RW_ANSWER_RULE_UNIT);
        }
    }
    return rw_compare_say(c, RW_VERIFIED_UNKNOWN, RW_ANSWER_RULE_UNIT);
}

static enum rw_verified both_units(struct rw_compare *c, const struct quantity *a,
                                   const struct quantity *b)
{
    const struct pair plain = {a, b, 1, 1};
    if (rw_str_equal(a->unit, b->unit)) {
        return values(c, &plain);
    }
    bool pounds = (is_unit(a, "lb") && is_unit(b, "\xC2\xA3")) ||
                  (is_unit(b, "lb") && is_unit(a, "\xC2\xA3"));
    if (pounds) { /* "18 pounds" are money beside a sign of it */
        return values(c, &plain);
    }
    if (cents(a, b) || cents(b, a)) {
        const struct pair scaled = {a, b, cents(a, b) ? 0.01 : 1, cents(a, b) ? 1 : 0.01};
        return values(c, &scaled);
    }
    return rw_compare_say(c, RW_VERIFIED_UNKNOWN, RW_ANSWER_RULE_UNIT);
}

static enum rw_verified one_unit(struct rw_compare *c, const struct quantity *with,
                                 const struct quantity *without)
{
    if (without->percent != with->percent) {
        return rw_compare_say(c, RW_VERIFIED_UNKNOWN, RW_ANSWER_RULE_UNIT);
    }
    if (without->e.n_symbols > 0) {
        return letter_unit(c, with, without);
    }
    const struct pair plain = {with, without, 1, 1};
    enum rw_verified v = values(c, &plain);
    if (v == RW_VERIFIED_RIGHT && c->options->units) {
        return rw_compare_say(c, RW_VERIFIED_UNKNOWN, RW_ANSWER_RULE_UNIT);
    }
    if (v == RW_VERIFIED_WRONG && rw_word_measures(with->unit) && converted(with->v, without->v)) {
        return rw_compare_say(c, RW_VERIFIED_UNKNOWN, RW_ANSWER_RULE_UNIT);
    }
    return v;
}

/* ---- all ------------------------------------------------------------------------------------- */

/* "1/2 (0.5)": the note says the same, or the whole is not understood. */
static bool note_holds(struct rw_compare *c, const struct quantity *q)
{
    if (q->note == NULL) {
        return true;
    }
    static const struct rw_answer_options PLAIN = {.tolerance = 0};
    struct rw_compare inner = {.options = &PLAIN, .arena = c->arena, .depth = c->depth + 1};
    struct rw_node number = *q->node;
    struct rw_node head = {
        .kind = RW_NODE_QUANTITY, .first = &number, .last = &number, .n = 1, .percent = q->percent};
    number.next = NULL;
    if (inner.depth > RW_COMPARE_DEPTH_MAX) {
        return false;
    }
    enum rw_verified v = rw_compare_quantities(&inner, (struct rw_compare_item){&head, 1},
                                               (struct rw_compare_item){q->note, 1});
    return v == RW_VERIFIED_RIGHT ||
           (v == RW_VERIFIED_UNKNOWN && inner.rule == RW_ANSWER_RULE_ROUNDING);
}

static int infinite_sign(const struct rw_node *node)
{
    bool minus = node->kind == RW_NODE_NEGATIVE;
    node = minus ? node->first : node;
    return node->kind != RW_NODE_INFINITY ? 0 : minus ? -1 : 1;
}

/* Two infinities, or one and a number. False: neither. */
static bool infinities(struct rw_compare *c, const struct rw_node *a, const struct rw_node *b,
                       enum rw_verified *out)
{
    int sa = infinite_sign(a);
    int sb = infinite_sign(b);
    const struct rw_node *other = sa != 0 ? b : a;
    bool number = other->kind == RW_NODE_NUMBER || (sa != 0 && sb != 0);
    if ((sa == 0 && sb == 0) || !number) {
        return false;
    }
    *out =
        rw_compare_say(c, sa == sb ? RW_VERIFIED_RIGHT : RW_VERIFIED_WRONG, RW_ANSWER_RULE_NUMBER);
    return true;
}

/* The whole number that digits say in their base; -1 when they say none. */
static int64_t based_value(const struct rw_node *node)
{
    const struct rw_node *digits = node->first;
    int base = node->sign;
    if (node->kind != RW_NODE_OPAQUE || base < 2 || base > 10 || digits == NULL ||
        digits->kind != RW_NODE_NUMBER || !digits->exact.known || digits->exact.den != 1 ||
        digits->exact.num >= (rw_int128)1e15) {
        return -1;
    }
    int64_t value = 0;
    int64_t place = 1;
    for (int64_t left = (int64_t)digits->exact.num; left > 0; left /= 10) {
        if (left % 10 >= base) {
            return -1;
        }
        value += left % 10 * place;
        place *= base;
    }
    return value;
}

/* 1011_2 beside 11_{10}; false: not digits in two bases. */
static bool bases(struct rw_compare *c, const struct rw_node *a, const struct rw_node *b,
                  enum rw_verified *out)
{
    int64_t va = based_value(a);
    int64_t vb = based_value(b);
    if (va < 0 || vb < 0) {
        return false;
    }
    *out =
        rw_compare_say(c, va == vb ? RW_VERIFIED_RIGHT : RW_VERIFIED_WRONG, RW_ANSWER_RULE_NUMBER);
    return true;
}

enum rw_verified rw_compare_quantities(struct rw_compare *c, struct rw_compare_item a,
                                       struct rw_compare_item b)
{
    struct quantity x;
    struct quantity y;
    enum rw_verified v;
    if (infinities(c, a.node, b.node, &v) || bases(c, a.node, b.node, &v)) {
        return v;
    }
    bool based = a.node->kind == RW_NODE_OPAQUE && b.node->kind == RW_NODE_OPAQUE &&
                 a.node->sign != 0 && a.node->sign == b.node->sign;
    if (based) { /* digits in the same base */
        a.node = a.node->first;
        b.node = b.node->first;
    }
    read_quantity(a, &x);
    read_quantity(b, &y);
    if (!note_holds(c, &x) || !note_holds(c, &y)) {
        return rw_compare_say(c, RW_VERIFIED_UNKNOWN, RW_ANSWER_RULE_NOTE);
    }
    if (x.unit.len > 0 && y.unit.len > 0) {
        return both_units(c, &x, &y);
    }
    if (x.unit.len > 0 || y.unit.len > 0) {
        return x.unit.len > 0 ? one_unit(c, &x, &y) : one_unit(c, &y, &x);
    }
    if (x.percent != y.percent) {
        return percent(c, &x, &y);
    }
    const struct pair plain = {&x, &y, 1, 1};
    return values(c, &plain);
}
