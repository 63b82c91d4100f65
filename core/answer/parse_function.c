/* Functions, roots, fractions and what else a LaTeX command begins. */
#include "core/answer/parse_rules.h"
#include "core/base/scan.h"
#include "core/base/util.h"

static const char *const FUNCTIONS[] = {
    "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh", "sech", "csch", "coth", "sqrt",
    "sin",    "cos",    "tan",    "cot",  "sec",  "csc",  "log",  "exp",  "ln",   "lg"};

size_t rw_parse_function_name(const struct rw_lexeme *x)
{
    struct rw_str word = x->name;
    for (size_t i = 0; i < RW_COUNT(FUNCTIONS) && x->kind == RW_LEXEME_WORD; i++) {
        struct rw_str name = rw_str_from(FUNCTIONS[i]);
        if (!rw_str_starts(word, name) || word.len > name.len + 1) {
            continue;
        }
        /* "sinx" is the sine of x; "logs", "cost" and "tank" are words. */
        bool variable = word.len == name.len || strchr("xyz", word.ptr[name.len]) != NULL;
        return variable ? name.len : 0;
    }
    return 0;
}

/* Of a command: \sin, \lfloor. */
static bool known_function(struct rw_str name)
{
    for (size_t i = 0; i < RW_COUNT(FUNCTIONS); i++) {
        if (rw_str_is(name, FUNCTIONS[i])) {
            return true;
        }
    }
    return rw_str_is(name, "lfloor") || rw_str_is(name, "lceil");
}

static bool function_begins(const struct rw_parser *p)
{
    const struct rw_lexeme *x = rw_rule_peek(p);
    return rw_rule_is_command(x, RW_COMMAND_FUNCTION) ||
           (p->inside == 0 && rw_parse_function_name(x) > 0);
}

/* {...}, or the number, letter or command that follows. */
struct rw_node *rw_rule_group(struct rw_parser *p)
{
    if (rw_rule_is(p, '{')) {
        size_t close = p->match[p->at];
        p->at++;
        p->groups++;
        struct rw_node *node = rw_rule_inside(p);
        p->groups--;
        if (p->failed || p->at != close) {
            return rw_parse_fail(p);
        }
        p->at++;
        return node;
    }
    const struct rw_lexeme *x = rw_rule_peek(p);
    if (x->kind == RW_LEXEME_NUMBER && x->name.len > 1 && x->decimals == 0) {
        return rw_rule_digit(p);
    }
    p->groups++;
    struct rw_node *node = rw_rule_power(p);
    p->groups--;
    return node;
}

/* "\sin 2x": the factors up to the next sign, bracket or function. */
static struct rw_node *bare_argument(struct rw_parser *p)
{
    bool minus = rw_rule_take(p, '-');
    struct rw_node *value = rw_rule_power(p);
    while (!p->failed && !function_begins(p) && !rw_rule_is(p, '(') && !rw_rule_is(p, '[') &&
           rw_rule_factor_follows(p, value, false)) {
        struct rw_node *right = rw_rule_power(p);
        value = rw_rule_binary(p, RW_NODE_PRODUCT, value, right);
    }
    if (rw_rule_is(p, '/')) { /* \sin\pi/6 is a sine of 30 degrees; \sin x/2 may be a half of one */
        bool closed = (value->flags & RW_NODE_CLOSED) != 0;
        p->loose = p->loose || !closed;
        if (closed && rw_parse_at(p, p->at + 1)->kind == RW_LEXEME_NUMBER) {
            p->at++;
            struct rw_node *den = rw_rule_power(p);
            value = rw_rule_binary(p, RW_NODE_QUOTIENT, value, den);
        }
    }
    p->loose = p->loose || rw_rule_is(p, '(');
    return minus ? rw_rule_negative(p, value) : value;
}

static struct rw_node *argument(struct rw_parser *p)
{
    if (!rw_rule_is(p, '(') || p->match[p->at] == 0) {
        return bare_argument(p);
    }
    size_t close = p->match[p->at];
    p->at++;
    p->brackets++;
    struct rw_node *value = rw_parse_sum(p);
    p->brackets--;
    if (p->failed || p->at != close) {
        return rw_parse_fail(p);
    }
    p->at++;
    p->loose = p->loose || rw_rule_is(p, '^'); /* \ln(x)^2 */
    return value;
}

/* \sin^22x is a square: TeX takes one digit. */
static struct rw_node *function_exponent(struct rw_parser *p)
{
    const struct rw_lexeme *x = rw_rule_peek(p);
    bool digits = x->kind == RW_LEXEME_NUMBER && x->decimals == 0 && x->name.len > 1;
    return rw_rule_is(p, '{') || digits ? rw_rule_group(p) : rw_rule_power(p);
}

struct rw_node *rw_rule_call_function(struct rw_parser *p, struct rw_str name)
{
    struct rw_node *base = NULL;
    struct rw_node *exponent = NULL;
    for (int i = 0; i < 2; i++) {
        if (rw_rule_take(p, '_')) {
            base = rw_rule_group(p);
        } else if (rw_rule_take(p, '^')) {
            exponent = function_exponent(p);
        }
    }
    struct rw_node *node = rw_parse_node(p, RW_NODE_FUNCTION);
    node->name = name;
    node->key = rw_parse_mix(node->key, rw_parse_hash(name));
    bool inverse = exponent != NULL && exponent->kind == RW_NODE_NEGATIVE;
    if (inverse) { /* \sin^{-1} is the inverse function */
        node->sign = 1;
        node->key = rw_parse_mix(node->key, 1);
    }
    rw_parse_add(p, node, argument(p));
    if (base != NULL) {
        rw_parse_add(p, node, base);
    }
    return exponent != NULL && !inverse ? rw_rule_binary(p, RW_NODE_POWER, node, exponent) : node;
}

struct rw_node *rw_rule_root(struct rw_parser *p)
{
    struct rw_node *index = NULL;
    if (rw_rule_is(p, '[') && p->match[p->at] != 0) {
        size_t close = p->match[p->at];
        p->at++;
        p->groups++;
        index = rw_parse_sum(p);
        p->groups--;
        if (p->failed || p->at != close) {
            return rw_parse_fail(p);
        }
        p->at++;
    }
    const struct rw_lexeme *x = rw_rule_peek(p);
    bool digits = x->kind == RW_LEXEME_NUMBER && x->name.len > 1;
    struct rw_node *radicand = rw_rule_is(p, '{') ? rw_rule_group(p) : rw_rule_power(p);
    /* \sqrt12, and \sqrt 2x for \sqrt{2x} */
    const struct rw_lexeme *behind = rw_rule_peek(p);
    bool short_bar = x->kind == RW_LEXEME_NUMBER && behind->kind == RW_LEXEME_LETTER &&
                     (behind->flags & (RW_LEXEME_SPACED | RW_LEXEME_TEXT)) == 0;
    p->loose = p->loose || digits || short_bar;
    struct rw_node *node = rw_rule_unary(p, RW_NODE_ROOT, radicand);
    if (index != NULL) {
        rw_parse_add(p, node, index);
    }
    return node;
}

/* \sum_{k=1}^{n} k: what it ranges over is known by its signs only. */
static struct rw_node *big(struct rw_parser *p, struct rw_str name)
{
    struct rw_node *node = rw_parse_node(p, RW_NODE_OPAQUE);
    node->name = name;
    node->key = rw_parse_mix(rw_parse_mix(node->key, rw_parse_hash(name)), 1);
    for (int i = 0; i < 2 && (rw_rule_is(p, '_') || rw_rule_is(p, '^')); i++) {
        uint64_t which = p->l->at[p->at].sign;
        size_t begin = ++p->at;
        bool braces = rw_rule_is(p, '{') && p->match[begin] != 0;
        size_t end = braces ? p->match[begin] + 1u : begin + 1;
        uint64_t limits = rw_parse_signs(p, begin + braces, end - braces);
        /* The order of the two limits says nothing. */
        node->key += rw_parse_mix(which, limits);
        p->at = RW_MIN(end, p->end);
    }
    rw_parse_add(p, node, rw_rule_product(p));
    return node;
}

bool rw_rule_times_ten(const struct rw_parser *p)
{
    const struct rw_lexeme *x = rw_rule_peek(p);
    const struct rw_lexeme *ten = rw_parse_at(p, p->at + 1);
    return p->at > 0 && x->kind == RW_LEXEME_LETTER &&
           p->l->at[p->at - 1].kind == RW_LEXEME_NUMBER &&
           (rw_str_is(x->name, "x") || rw_str_is(x->name, "X")) && ten->kind == RW_LEXEME_NUMBER &&
           rw_str_is(ten->name, "10") && rw_parse_is(p, p->at + 2, '^');
}

/* d, d^2, or a product that one of them begins. */
static bool differential(const struct rw_node *node, bool alone)
{
    bool product = node->kind == RW_NODE_PRODUCT;
    node = product ? node->first : node;
    node = node->kind == RW_NODE_POWER ? node->first : node;
    return (product || alone) && node->kind == RW_NODE_SYMBOL &&
           (rw_str_is(node->name, "d") || rw_str_is(node->name, "partial"));
}

struct rw_node *rw_rule_quotient(struct rw_parser *p, struct rw_node *a, struct rw_node *b)
{
    if (p->failed || !differential(a, true) || !differential(b, false)) {
        return rw_rule_binary(p, RW_NODE_QUOTIENT, a, b);
    }
    struct rw_node *node = rw_rule_binary(p, RW_NODE_OPAQUE, a, b);
    node->name = RW_STR("derivative");
    return node;
}

static struct rw_node *fraction(struct rw_parser *p, enum rw_node_kind kind)
{
    struct rw_node *top = rw_rule_group(p);
    struct rw_node *bottom = rw_rule_group(p);
    return p->inside > 0              ? rw_parse_fail(p)
           : kind == RW_NODE_QUOTIENT ? rw_rule_quotient(p, top, bottom)
                                      : rw_rule_binary(p, kind, top, bottom);
}

struct rw_node *rw_rule_command(struct rw_parser *p)
{
    const struct rw_lexeme *x = rw_rule_peek(p);
    p->at++;
    switch (x->sign) {
    case RW_COMMAND_FRAC:
        return fraction(p, RW_NODE_QUOTIENT);
    case RW_COMMAND_BINOM:
        return fraction(p, RW_NODE_BINOMIAL);
    case RW_COMMAND_SQRT:
        return rw_rule_root(p);
    case RW_COMMAND_FUNCTION: {
        if (known_function(x->name)) {
            return rw_rule_call_function(p, x->name);
        }
        struct rw_node *node = rw_parse_node(p, RW_NODE_OPAQUE); /* \max(a, b), \gcd(a, b) */
        node->name = x->name;
        node->key = rw_parse_mix(node->key, rw_parse_hash(x->name));
        node->residue = node->key;
        if (!rw_rule_is(p, '(') || p->match[p->at] == 0) {
            return rw_parse_fail(p);
        }
        rw_rule_arguments(p, node);
        return node;
    }
    case RW_COMMAND_BIG:
        return big(p, x->name);
    case RW_COMMAND_OVERLINE: {
        struct rw_node *node = rw_rule_unary(p, RW_NODE_OPAQUE, rw_rule_group(p));
        node->name = x->name;
        node->key = rw_parse_mix(node->key, rw_parse_hash(x->name));
        return node;
    }
    case RW_COMMAND_VULGAR:
        return rw_rule_small_number(p, x->exponent / 16, x->exponent % 16);
    default:
        return rw_parse_fail(p);
    }
}
