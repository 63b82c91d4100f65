/* Sums, products and what they are made of. */
#include "core/answer/parse_rules.h"
#include "core/answer/residue.h"
#include "core/answer/word.h"
#include "core/base/scan.h"
#include "core/base/util.h"

enum {
    LETTERS_MAX = 3, /* side by side in a product: "2xyz" */
    SLASHES_MAX = 24,
};

/* ---- numbers --------------------------------------------------------------------------------- */

static struct rw_node *number_node(struct rw_parser *p, struct rw_rational exact, uint64_t residue,
                                   double v)
{
    struct rw_node *node = rw_parse_node(p, RW_NODE_NUMBER);
    node->exact = exact;
    node->residue = residue;
    node->v = v;
    node->flags |= RW_NODE_CLOSED;
    node->key = rw_parse_mix(RW_NODE_NUMBER, residue);
    return node;
}

struct rw_node *rw_rule_small_number(struct rw_parser *p, int num, int den)
{
    return number_node(p, rw_rational_make(num, den),
                       rw_residue_divide((uint64_t)num, (uint64_t)den), (double)num / den);
}

/* One digit of a number: the argument of \frac12. */
struct rw_node *rw_rule_digit(struct rw_parser *p)
{
    const struct rw_lexeme *x = rw_rule_peek(p);
    char c = x->name.ptr[p->inside++];
    if (p->inside == x->name.len) {
        p->inside = 0;
        p->at++;
    }
    return rw_scan_digit(c) ? rw_rule_small_number(p, c - '0', 1) : rw_parse_fail(p);
}

static struct rw_node *number(struct rw_parser *p)
{
    const struct rw_lexeme *x = rw_rule_peek(p);
    struct rw_lexeme_number value;
    if (p->inside > 0) {
        return rw_parse_fail(p);
    }
    rw_lexeme_number(p->l, x, &value);
    struct rw_node *node = number_node(p, value.exact, value.residue, value.v);
    node->decimals = x->repeats > 0 ? 0 : x->decimals;
    node->exponent = x->exponent;
    node->powered = (x->flags & RW_LEXEME_POWERED) != 0;
    node->key = rw_parse_mix(node->key, node->decimals);
    bool grouped = (x->flags & (RW_LEXEME_GROUPED | RW_LEXEME_LOOSE)) != 0;
    node->flags |= grouped ? RW_NODE_GROUPED : 0;
    p->at++;
    if (!rw_rule_is(p, '_')) {
        return node;
    }
    /* 204_5: digits in another base. */
    size_t begin = ++p->at;
    size_t end =
        rw_parse_is(p, begin, '{') && p->match[begin] != 0 ? p->match[begin] + 1u : begin + 1;
    struct rw_node *based = rw_rule_unary(p, RW_NODE_OPAQUE, node);
    based->name = RW_STR("base");
    const struct rw_lexeme *base = rw_parse_at(p, begin + (end > begin + 1));
    based->sign = base->kind == RW_LEXEME_NUMBER && base->name.len <= 2
                      ? (uint8_t)(10 * (base->name.len > 1 ? base->name.ptr[0] - '0' : 0) +
                                  base->name.ptr[base->name.len - 1] - '0')
                      : 0;
    based->key = rw_parse_mix(rw_parse_mix(based->key, rw_parse_hash(x->name)),
                              rw_parse_signs(p, begin, end));
    p->at = RW_MIN(end, p->end);
    return based;
}

/* ---- letters ------------------------------------------------------------------------------- */

/* Letters that are words although they stand where a product might. */
static bool is_product(const struct rw_parser *p, const struct rw_lexeme *x)
{
    if (x->name.len > LETTERS_MAX || (x->flags & RW_LEXEME_TEXT) != 0 || rw_word_plain(x->name) ||
        (unsigned char)x->name.ptr[0] >= 0x80) {
        return false;
    }
    const struct rw_lexeme *before = p->at > 0 ? &p->l->at[p->at - 1] : NULL;
    const struct rw_lexeme *after = rw_parse_at(p, p->at + 1);
    bool tight = before != NULL && (x->flags & RW_LEXEME_SPACED) == 0 &&
                 (before->kind == RW_LEXEME_NUMBER ||
                  (before->kind == RW_LEXEME_SIGN && strchr(")}", before->sign) != NULL));
    bool left = before != NULL && before->kind == RW_LEXEME_SIGN && before->sign < 128 &&
                strchr("+-*/^=<>", before->sign) != NULL;
    bool right = after->kind == RW_LEXEME_SIGN && after->sign < 128 &&
                 strchr("+-*/^=<>", after->sign) != NULL && after->sign != 0;
    bool powered = rw_parse_is(p, p->at + 1, ')') && rw_parse_is(p, p->at + 2, '^');
    return p->groups > 0 || p->latex || (x->flags & RW_LEXEME_MATH) != 0 || tight || left ||
           right || powered;
}

/* ---- primaries ------------------------------------------------------------------------------- */

struct rw_node *rw_rule_inside(struct rw_parser *p)
{
    struct rw_node *left = rw_parse_sum(p);
    const struct rw_lexeme *x = rw_rule_peek(p);
    if (p->failed || !rw_rule_is_command(x, RW_COMMAND_INFIX)) {
        return left;
    }
    p->at++;
    struct rw_node *right = rw_parse_sum(p);
    return rw_rule_binary(p, rw_str_is(x->name, "over") ? RW_NODE_QUOTIENT : RW_NODE_BINOMIAL, left,
                          right);
}

static struct rw_node *bracketed(struct rw_parser *p)
{
    size_t close = p->match[p->at];
    if (close == 0) {
        return rw_parse_fail(p);
    }
    bool brace = rw_rule_is(p, '{');
    p->at++;
    p->brackets += !brace;
    p->groups += brace;
    struct rw_node *node = rw_rule_inside(p);
    p->brackets -= !brace;
    p->groups -= brace;
    if (p->failed || p->at != close) {
        return rw_parse_fail(p);
    }
    p->at++;
    return node;
}

static struct rw_node *bars(struct rw_parser *p)
{
    p->at++;
    p->bars++;
    struct rw_node *node = rw_parse_sum(p);
    p->bars--;
    return rw_rule_take(p, '|') ? rw_rule_unary(p, RW_NODE_ABSOLUTE, node) : rw_parse_fail(p);
}

/* A word: a function, a constant, or letters that are multiplied. */
static struct rw_node *word(struct rw_parser *p)
{
    const struct rw_lexeme *x = rw_rule_peek(p);
    if (p->inside == 0) {
        size_t name = rw_parse_function_name(x);
        if (name > 0) {
            struct rw_str function = rw_str_slice(x->name, 0, name);
            p->inside = name < x->name.len ? name : 0;
            p->at += p->inside == 0;
            return rw_str_is(function, "sqrt") ? rw_rule_root(p)
                                               : rw_rule_call_function(p, function);
        }
        if (rw_scan_equal(x->name, RW_STR("pi"))) {
            p->at++;
            struct rw_node *node = rw_parse_node(p, RW_NODE_PI);
            node->flags |= RW_NODE_CLOSED;
            return node;
        }
        if (rw_scan_equal(x->name, RW_STR("infinity"))) {
            p->at++;
            return rw_parse_node(p, RW_NODE_INFINITY);
        }
        if (!is_product(p, x)) {
            return rw_parse_fail(p);
        }
    }
    struct rw_str letter = rw_str_slice(x->name, p->inside, p->inside + 1);
    p->inside++;
    if (p->inside == x->name.len) {
        p->inside = 0;
        p->at++;
    }
    return rw_rule_symbol(p, letter);
}

static struct rw_node *constant(struct rw_parser *p, enum rw_node_kind kind)
{
    p->at++;
    struct rw_node *node = rw_parse_node(p, kind);
    node->flags |= kind == RW_NODE_PI ? RW_NODE_CLOSED : 0;
    return node;
}

static struct rw_node *sign_primary(struct rw_parser *p, const struct rw_lexeme *x)
{
    switch (x->sign) {
    case '(':
    case '[':
    case '{':
        return bracketed(p);
    case '|':
        return p->bars > 0 ? rw_parse_fail(p) : bars(p);
    case RW_SIGN_PI:
        return constant(p, RW_NODE_PI);
    case RW_SIGN_INFINITY:
        return constant(p, RW_NODE_INFINITY);
    case RW_SIGN_ELLIPSIS:
        return constant(p, RW_NODE_ELLIPSIS);
    case RW_SIGN_CURRENCY: /* "$5 + $3": the unit is the item's business */
        if (!p->relation || rw_parse_at(p, p->at + 1)->kind != RW_LEXEME_NUMBER) {
            return rw_parse_fail(p);
        }
        p->at++;
        return number(p);
    default:
        return rw_parse_fail(p);
    }
}

static struct rw_node *primary(struct rw_parser *p)
{
    const struct rw_lexeme *x = rw_rule_peek(p);
    switch (x->kind) {
    case RW_LEXEME_NUMBER:
        return number(p);
    case RW_LEXEME_LETTER:
        p->at++;
        return rw_rule_symbol(p, x->name);
    case RW_LEXEME_WORD:
        return word(p);
    case RW_LEXEME_COMMAND:
        return rw_rule_command(p);
    case RW_LEXEME_SIGN:
        return sign_primary(p, x);
    default:
        return rw_parse_fail(p);
    }
}

/* "^\circ" and "^{\circ}". */
static bool degree(struct rw_parser *p)
{
    if (rw_rule_take(p, RW_SIGN_DEGREE)) {
        return true;
    }
    if (rw_rule_is(p, '^') && rw_parse_is(p, p->at + 1, RW_SIGN_DEGREE)) {
        p->at += 2;
        return true;
    }
    if (rw_rule_is(p, '^') && rw_parse_is(p, p->at + 1, '{') &&
        rw_parse_is(p, p->at + 2, RW_SIGN_DEGREE) && rw_parse_is(p, p->at + 3, '}')) {
        p->at += 4;
        return true;
    }
    return false;
}

static struct rw_node *exponent(struct rw_parser *p)
{
    if (rw_rule_is(p, '{')) {
        return rw_rule_group(p);
    }
    bool minus = rw_rule_take(p, '-');
    rw_rule_take(p, '+');
    p->groups++;
    struct rw_node *node = rw_rule_power(p);
    p->groups--;
    return minus ? rw_rule_negative(p, node) : node;
}

struct rw_node *rw_rule_power(struct rw_parser *p)
{
    if (p->failed || p->depth >= RW_PARSE_DEPTH_MAX) {
        return rw_parse_fail(p);
    }
    p->depth++;
    struct rw_node *value = primary(p);
    while (!p->failed && p->inside == 0) {
        if (degree(p)) {
            value = rw_rule_unary(p, RW_NODE_DEGREE, value);
        } else if (rw_rule_take(p, '^')) {
            struct rw_node *right = exponent(p);
            value = rw_rule_binary(p, RW_NODE_POWER, value, right);
        } else if (rw_rule_is(p, '!') && (value->flags & RW_NODE_CLOSED) + (p->at + 1 < p->end) +
                                                 (value->kind != RW_NODE_NUMBER) >
                                             0) {
            p->at++;
            if (rw_rule_is(p, '!') || value->kind == RW_NODE_FACTORIAL) {
                rw_parse_fail(p); /* 5!! is 5 times 3 */
            }
            value = rw_rule_unary(p, RW_NODE_FACTORIAL, value);
        } else {
            break;
        }
    }
    p->depth--;
    return value;
}

/* ---- products -------------------------------------------------------------------------------- */

static bool whole_number(const struct rw_node *node)
{
    return node->kind == RW_NODE_NUMBER && node->decimals == 0 && !node->powered;
}

/* The fraction of a mixed number is positive, below one, and made of whole numbers. */
static bool proper(const struct rw_node *node)
{
    return node->kind == RW_NODE_QUOTIENT && whole_number(node->first) &&
           whole_number(node->last) && node->first->v < node->last->v && node->first->v > 0;
}

/* "1 1/2", "1\frac{1}{2}" and "5½" are sums; false when something else follows the number. */
static bool mixed(struct rw_parser *p, struct rw_node **value)
{
    const struct rw_lexeme *x = rw_rule_peek(p);
    bool sum = x->kind == RW_LEXEME_NUMBER && (x->flags & RW_LEXEME_SPACED) != 0 &&
               rw_parse_is(p, p->at + 1, '/') &&
               rw_parse_at(p, p->at + 2)->kind == RW_LEXEME_NUMBER;
    bool vulgar = rw_rule_is_command(x, RW_COMMAND_VULGAR);
    if (!sum && !vulgar && !rw_rule_is_command(x, RW_COMMAND_FRAC)) {
        return false;
    }
    struct rw_node *part;
    if (sum) {
        struct rw_node *top = number(p);
        p->at++;
        struct rw_node *bottom = number(p);
        part = rw_rule_binary(p, RW_NODE_QUOTIENT, top, bottom);
    } else {
        part = rw_rule_command(p);
    }
    if (p->failed) {
        return true;
    }
    bool numeric =
        part->kind == RW_NODE_QUOTIENT && whole_number(part->first) && whole_number(part->last);
    if (vulgar || proper(part)) {
        *value = rw_rule_binary(p, RW_NODE_SUM, *value, part);
    } else if (numeric) {
        rw_parse_fail(p); /* "1 5/2" is nothing */
    } else {
        *value = rw_rule_binary(p, RW_NODE_PRODUCT, *value, part);
    }
    return true;
}

/* "(0.5)" behind a number and a space, at the end of an item, may be a note: not a factor. */
static bool note_follows(const struct rw_parser *p, const struct rw_node *before)
{
    const struct rw_lexeme *x = rw_rule_peek(p);
    size_t close = p->match[p->at];
    if (!rw_rule_is(p, '(') || close == 0 || (before->flags & RW_NODE_CLOSED) == 0 ||
        p->brackets > 0 || p->groups > 0 || (x->flags & RW_LEXEME_SPACED) == 0 ||
        close + 1 < p->end) {
        return false;
    }
    for (size_t i = p->at + 1; i < close; i++) {
        const struct rw_lexeme *inner = &p->l->at[i];
        if (inner->kind == RW_LEXEME_LETTER && (inner->flags & RW_LEXEME_TEXT) == 0) {
            return false; /* 5 (x + 1) */
        }
    }
    return true;
}

/* A factor without a sign before it. "x3" and "2{3}" are not said. */
bool rw_rule_factor_follows(struct rw_parser *p, const struct rw_node *before, bool powered)
{
    const struct rw_lexeme *x = rw_rule_peek(p);
    const struct rw_lexeme *last = p->at > 0 ? &p->l->at[p->at - 1] : x;
    bool closed = (before->flags & RW_NODE_CLOSED) != 0;
    if (p->inside > 0) {
        return true;
    }
    switch (x->kind) {
    case RW_LEXEME_NUMBER: {
        bool bracket = last->kind == RW_LEXEME_SIGN && strchr(")]}", last->sign) != NULL &&
                       (last->sign != '}' || (last->flags & RW_LEXEME_BRACE) != 0);
        return bracket || (powered && (x->flags & RW_LEXEME_SPACED) != 0);
    }
    case RW_LEXEME_LETTER: {
        bool scale = before->kind == RW_NODE_DEGREE &&
                     (rw_str_is(x->name, "C") || rw_str_is(x->name, "F")); /* 98.6°F */
        return !scale && !(closed && p->groups == 0 && rw_parse_unit_follows(p, p->at));
    }
    case RW_LEXEME_WORD:
        if (closed && p->groups == 0 && rw_parse_unit_follows(p, p->at)) {
            return false;
        }
        return rw_parse_function_name(x) > 0 || rw_scan_equal(x->name, RW_STR("pi")) ||
               is_product(p, x);
    case RW_LEXEME_COMMAND:
        return x->sign != RW_COMMAND_BEGIN && x->sign != RW_COMMAND_END &&
               x->sign != RW_COMMAND_INFIX;
    case RW_LEXEME_SIGN:
        break;
    default:
        return false;
    }
    switch (x->sign) {
    case '(':
        return !note_follows(p, before);
    case '[':
        return (x->flags & RW_LEXEME_SPACED) == 0 && p->match[p->at] != 0;
    case '{': {
        bool digits =
            last->kind == RW_LEXEME_NUMBER && rw_parse_at(p, p->at + 1)->kind == RW_LEXEME_NUMBER;
        return !digits;
    }
    case '|':
        return p->bars == 0;
    case RW_SIGN_ELLIPSIS:
        return last->kind != RW_LEXEME_NUMBER &&
               (last->kind != RW_LEXEME_SIGN || last->sign != ',');
    default:
        return x->sign == RW_SIGN_PI || x->sign == RW_SIGN_INFINITY;
    }
}

/* "12(12)" is a product, or a number and a note: neither is taken for granted. */
static void doubtful(struct rw_parser *p, const struct rw_node *left, size_t begin)
{
    bool bracket = rw_parse_is(p, begin, '(') && (left->flags & RW_NODE_CLOSED) != 0;
    bool number = bracket && p->match[begin] == begin + 2 &&
                  rw_parse_at(p, begin + 1)->kind == RW_LEXEME_NUMBER;
    if (number && left->kind == RW_NODE_NUMBER) {
        struct rw_lexeme_number inner;
        rw_lexeme_number(p->l, rw_parse_at(p, begin + 1), &inner);
        if (inner.residue == left->residue) {
            rw_parse_fail(p);
        }
    } else if (number && p->at == p->end && left->kind != RW_NODE_FUNCTION) {
        rw_parse_fail(p); /* 1/2(0.5) */
    }
}

static struct rw_node *factors(struct rw_parser *p, struct rw_node *value)
{
    bool powered = value->kind == RW_NODE_POWER;
    int slashes = 0;
    bool divided = false;
    while (!p->failed) {
        size_t begin = p->at;
        if (rw_rule_is(p, '*') || rw_rule_is(p, '/') || rw_rule_times_ten(p)) {
            bool over = p->l->at[p->at++].sign == '/';
            bool minus = rw_rule_take(p, '-');
            struct rw_node *right = rw_rule_power(p);
            right = minus ? rw_rule_negative(p, right) : right;
            divided = over;
            if (over && ++slashes > SLASHES_MAX) {
                return rw_parse_fail(p);
            }
            powered = right->kind == RW_NODE_POWER;
            if (!over && value->kind == RW_NODE_PRODUCT && value->sign == 1) {
                rw_parse_add(p, value, right);
            } else {
                value = over ? rw_rule_quotient(p, value, right)
                             : rw_rule_binary(p, RW_NODE_PRODUCT, value, right);
                value->sign = !over;
            }
        } else if (rw_rule_take(p, '%')) {
            value = rw_rule_unary(p, RW_NODE_PERCENT, value);
        } else if (rw_rule_factor_follows(p, value, powered)) {
            struct rw_node *right = rw_rule_power(p);
            doubtful(p, value, begin);
            p->loose = p->loose || divided; /* a/bc */
            powered = right->kind == RW_NODE_POWER;
            if (value->kind == RW_NODE_PRODUCT && value->sign == 1) {
                rw_parse_add(p, value, right);
            } else {
                value = rw_rule_binary(p, RW_NODE_PRODUCT, value, right);
                value->sign = 1;
            }
        } else {
            break;
        }
    }
    return value;
}

struct rw_node *rw_rule_product(struct rw_parser *p)
{
    bool minus = false;
    while (rw_rule_is(p, '-') || rw_rule_is(p, '+')) {
        minus ^= p->l->at[p->at++].sign == '-';
    }
    struct rw_node *value = rw_rule_power(p);
    if (!p->failed && p->inside == 0 && whole_number(value)) {
        mixed(p, &value);
    }
    value = factors(p, value);
    return minus ? rw_rule_negative(p, value) : value;
}

struct rw_node *rw_parse_sum(struct rw_parser *p)
{
    if (p->failed || p->depth >= RW_PARSE_DEPTH_MAX) {
        return rw_parse_fail(p);
    }
    p->depth++;
    struct rw_node *sum = NULL;
    struct rw_node *value = NULL;
    for (bool first = true; !p->failed; first = false) {
        bool plus = rw_rule_is(p, '+');
        bool minus = rw_rule_is(p, '-');
        bool either = rw_rule_is(p, RW_SIGN_PM) || rw_rule_is(p, RW_SIGN_MP);
        bool other = rw_rule_is(p, RW_SIGN_MP);
        if (!first && !plus && !minus && !either) {
            break;
        }
        p->at += either || (!first && (plus || minus));
        struct rw_node *term = rw_rule_product(p);
        term = !first && minus ? rw_rule_negative(p, term) : term;
        if (either) {
            term = rw_rule_unary(p, RW_NODE_PLUS_MINUS, term);
            term->sign = other;
            term->key = rw_parse_mix(term->key, other);
        }
        if (first) {
            value = term;
        } else if (sum == NULL) {
            value = sum = rw_rule_binary(p, RW_NODE_SUM, value, term);
        } else {
            rw_parse_add(p, sum, term);
        }
    }
    p->depth--;
    return p->failed ? rw_parse_fail(p) : value;
}
