/* Sums, products and what they are made of. */
#include "core/answer/parse_parts.h"
#include "core/answer/residue.h"
#include "core/answer/word.h"
#include "core/base/scan.h"
#include "core/base/util.h"

enum {
    LETTERS_MAX = 3, /* side by side in a product: "2xyz" */
    SLASHES_MAX = 24,
};

static struct rw_node *power(struct rw_parser *p);
static struct rw_node *product(struct rw_parser *p);

static const struct rw_lexeme *peek(const struct rw_parser *p)
{
    return rw_parse_at(p, p->at);
}

static bool is(const struct rw_parser *p, int sign)
{
    return p->inside == 0 && rw_parse_is(p, p->at, sign);
}

static bool take(struct rw_parser *p, int sign)
{
    bool there = is(p, sign);
    p->at += there;
    return there;
}

static bool is_command(const struct rw_lexeme *x, enum rw_lexeme_command which)
{
    return x->kind == RW_LEXEME_COMMAND && x->sign == which;
}

static struct rw_node *unary(struct rw_parser *p, enum rw_node_kind kind, struct rw_node *a)
{
    struct rw_node *node = rw_parse_node(p, kind);
    rw_parse_add(p, node, a);
    return node;
}

static struct rw_node *binary(struct rw_parser *p, enum rw_node_kind kind, struct rw_node *a,
                              struct rw_node *b)
{
    struct rw_node *node = unary(p, kind, a);
    rw_parse_add(p, node, b);
    return node;
}

static struct rw_node *negative(struct rw_parser *p, struct rw_node *a)
{
    return unary(p, RW_NODE_NEGATIVE, a);
}

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

static struct rw_node *small_number(struct rw_parser *p, int num, int den)
{
    return number_node(p, rw_rational_make(num, den),
                       rw_residue_divide((uint64_t)num, (uint64_t)den), (double)num / den);
}

/* One digit of a number: the argument of \frac12. */
static struct rw_node *digit(struct rw_parser *p)
{
    const struct rw_lexeme *x = peek(p);
    char c = x->name.ptr[p->inside++];
    if (p->inside == x->name.len) {
        p->inside = 0;
        p->at++;
    }
    return rw_scan_digit(c) ? small_number(p, c - '0', 1) : rw_parse_fail(p);
}

static struct rw_node *number(struct rw_parser *p)
{
    const struct rw_lexeme *x = peek(p);
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
    if (!is(p, '_')) {
        return node;
    }
    /* 204_5: digits in another base. */
    size_t begin = ++p->at;
    size_t end =
        rw_parse_is(p, begin, '{') && p->match[begin] != 0 ? p->match[begin] + 1u : begin + 1;
    struct rw_node *based = unary(p, RW_NODE_OPAQUE, node);
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

/* ---- symbols --------------------------------------------------------------------------------- */

/* Does f( begin a call? Of a function letter always; else where a product says nothing: y(0). */
static bool is_call(const struct rw_parser *p, const struct rw_node *symbol, bool primes)
{
    const struct rw_lexeme *x = peek(p);
    if (!is(p, '(') || p->match[p->at] == 0 || rw_str_is(symbol->name, "e") ||
        rw_str_is(symbol->name, "i")) {
        return false;
    }
    bool function = symbol->name.len == 1 && strchr("fghFGHP", symbol->name.ptr[0]) != NULL;
    if (primes || (function && (x->flags & RW_LEXEME_SPACED) == 0)) {
        return true;
    }
    size_t close = p->match[p->at];
    bool one = close == p->at + 2 && (rw_parse_at(p, p->at + 1)->kind == RW_LEXEME_NUMBER ||
                                      rw_parse_at(p, p->at + 1)->kind == RW_LEXEME_LETTER);
    bool comma = false;
    for (size_t i = p->at + 1; i < close; i++) {
        comma = comma || rw_parse_is(p, i, ',');
    }
    return (x->flags & RW_LEXEME_SPACED) == 0 && (one || comma);
}

/* The arguments of a call, as children. */
static void arguments(struct rw_parser *p, struct rw_node *call)
{
    size_t close = p->match[p->at];
    p->at++;
    p->brackets++;
    do {
        rw_parse_add(p, call, rw_parse_sum(p));
    } while (!p->failed && (take(p, ',') || take(p, ';')));
    p->brackets--;
    if (p->failed || p->at != close) {
        rw_parse_fail(p);
        return;
    }
    p->at++;
}

static struct rw_node *symbol(struct rw_parser *p, struct rw_str name)
{
    struct rw_node *node = rw_parse_node(p, RW_NODE_SYMBOL);
    node->name = name;
    node->key = rw_parse_mix(RW_NODE_SYMBOL, rw_parse_hash(name));
    if (p->inside > 0) {
        return node;
    }
    bool primes = false;
    if (take(p, '_')) {
        size_t begin = p->at;
        bool group = is(p, '{') && p->match[begin] != 0;
        size_t end = group ? p->match[begin] + 1u : begin + 1;
        if (begin >= p->end || peek(p)->kind == RW_LEXEME_UNKNOWN) {
            return rw_parse_fail(p);
        }
        node->key = rw_parse_mix(node->key, rw_parse_signs(p, begin + group, end - group));
        node->name = rw_str_slice(p->l->text, (size_t)0, (size_t)0);
        p->at = RW_MIN(end, p->end);
    }
    while (take(p, '\'')) {
        primes = true;
        node->key = rw_parse_mix(node->key, '\'');
    }
    if (!is_call(p, node, primes)) {
        return node;
    }
    node->kind = RW_NODE_OPAQUE;
    node->key = rw_parse_mix(node->key, '(');
    node->residue = node->key;
    arguments(p, node);
    return node;
}

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
    return p->groups > 0 || (x->flags & RW_LEXEME_MATH) != 0 || tight || left || right || powered;
}

/* ---- functions ------------------------------------------------------------------------------- */

static const char *const FUNCTIONS[] = {"arcsin", "arccos", "arctan", "sinh", "cosh", "tanh",
                                        "sqrt",   "sin",    "cos",    "tan",  "cot",  "sec",
                                        "csc",    "log",    "exp",    "ln",   "lg"};

size_t rw_parse_function_name(struct rw_str word)
{
    for (size_t i = 0; i < RW_COUNT(FUNCTIONS); i++) {
        struct rw_str name = rw_str_from(FUNCTIONS[i]);
        if (rw_str_starts(word, name) && word.len <= name.len + 1) {
            return name.len;
        }
    }
    return 0;
}

static bool function_begins(const struct rw_parser *p)
{
    const struct rw_lexeme *x = peek(p);
    return is_command(x, RW_COMMAND_FUNCTION) ||
           (x->kind == RW_LEXEME_WORD && p->inside == 0 && rw_parse_function_name(x->name) > 0);
}

static bool factor_follows(struct rw_parser *p, const struct rw_node *before, bool powered);

/* {...}, or the number, letter or command that follows. */
static struct rw_node *group(struct rw_parser *p)
{
    if (is(p, '{')) {
        size_t close = p->match[p->at];
        p->at++;
        p->groups++;
        struct rw_node *node = rw_parse_sum(p);
        p->groups--;
        if (p->failed || p->at != close) {
            return rw_parse_fail(p);
        }
        p->at++;
        return node;
    }
    const struct rw_lexeme *x = peek(p);
    if (x->kind == RW_LEXEME_NUMBER && x->name.len > 1 && x->decimals == 0) {
        return digit(p);
    }
    p->groups++;
    struct rw_node *node = power(p);
    p->groups--;
    return node;
}

/* "\sin 2x": the factors up to the next sign, bracket or function. */
static struct rw_node *bare_argument(struct rw_parser *p)
{
    bool minus = take(p, '-');
    struct rw_node *value = power(p);
    while (!p->failed && !function_begins(p) && !is(p, '(') && !is(p, '[') &&
           factor_follows(p, value, false)) {
        struct rw_node *right = power(p);
        value = binary(p, RW_NODE_PRODUCT, value, right);
    }
    if (is(p, '/')) { /* \sin\pi/6 is a sine of 30 degrees; \sin x/2 may be a half of one */
        bool closed = (value->flags & RW_NODE_CLOSED) != 0;
        p->loose = p->loose || !closed;
        if (closed && rw_parse_at(p, p->at + 1)->kind == RW_LEXEME_NUMBER) {
            p->at++;
            struct rw_node *den = power(p);
            value = binary(p, RW_NODE_QUOTIENT, value, den);
        }
    }
    p->loose = p->loose || is(p, '(');
    return minus ? negative(p, value) : value;
}

static struct rw_node *argument(struct rw_parser *p)
{
    if (!is(p, '(') || p->match[p->at] == 0) {
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
    p->loose = p->loose || is(p, '^'); /* \ln(x)^2 */
    return value;
}

static struct rw_node *call_function(struct rw_parser *p, struct rw_str name)
{
    struct rw_node *base = NULL;
    struct rw_node *exponent = NULL;
    for (int i = 0; i < 2; i++) {
        if (take(p, '_')) {
            base = group(p);
        } else if (take(p, '^')) {
            exponent = is(p, '{') ? group(p) : power(p);
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
    return exponent != NULL && !inverse ? binary(p, RW_NODE_POWER, node, exponent) : node;
}

static struct rw_node *root(struct rw_parser *p)
{
    struct rw_node *index = NULL;
    if (is(p, '[') && p->match[p->at] != 0) {
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
    const struct rw_lexeme *x = peek(p);
    bool digits = x->kind == RW_LEXEME_NUMBER && x->name.len > 1;
    struct rw_node *radicand = is(p, '{') ? group(p) : power(p);
    p->loose = p->loose || digits; /* \sqrt12 */
    struct rw_node *node = unary(p, RW_NODE_ROOT, radicand);
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
    for (int i = 0; i < 2 && (is(p, '_') || is(p, '^')); i++) {
        uint64_t which = p->l->at[p->at].sign;
        size_t begin = ++p->at;
        bool braces = is(p, '{') && p->match[begin] != 0;
        size_t end = braces ? p->match[begin] + 1u : begin + 1;
        uint64_t limits = rw_parse_signs(p, begin + braces, end - braces);
        /* The order of the two limits says nothing. */
        node->key += rw_parse_mix(which, limits);
        p->at = RW_MIN(end, p->end);
    }
    rw_parse_add(p, node, product(p));
    return node;
}

static struct rw_node *fraction(struct rw_parser *p, enum rw_node_kind kind)
{
    struct rw_node *top = group(p);
    struct rw_node *bottom = group(p);
    return p->inside > 0 ? rw_parse_fail(p) : binary(p, kind, top, bottom);
}

static struct rw_node *command(struct rw_parser *p)
{
    const struct rw_lexeme *x = peek(p);
    p->at++;
    switch (x->sign) {
    case RW_COMMAND_FRAC:
        return fraction(p, RW_NODE_QUOTIENT);
    case RW_COMMAND_BINOM:
        return fraction(p, RW_NODE_BINOMIAL);
    case RW_COMMAND_SQRT:
        return root(p);
    case RW_COMMAND_FUNCTION: {
        bool known = rw_parse_function_name(x->name) == x->name.len;
        if (known) {
            return call_function(p, x->name);
        }
        struct rw_node *node = rw_parse_node(p, RW_NODE_OPAQUE); /* \max(a, b), \gcd(a, b) */
        node->name = x->name;
        node->key = rw_parse_mix(node->key, rw_parse_hash(x->name));
        node->residue = node->key;
        if (!is(p, '(') || p->match[p->at] == 0) {
            return rw_parse_fail(p);
        }
        arguments(p, node);
        return node;
    }
    case RW_COMMAND_BIG:
        return big(p, x->name);
    case RW_COMMAND_OVERLINE: {
        struct rw_node *node = unary(p, RW_NODE_OPAQUE, group(p));
        node->name = x->name;
        node->key = rw_parse_mix(node->key, rw_parse_hash(x->name));
        return node;
    }
    case RW_COMMAND_VULGAR:
        return small_number(p, x->exponent / 16, x->exponent % 16);
    default:
        return rw_parse_fail(p);
    }
}

/* ---- primaries ------------------------------------------------------------------------------- */

static struct rw_node *bracketed(struct rw_parser *p)
{
    size_t close = p->match[p->at];
    if (close == 0) {
        return rw_parse_fail(p);
    }
    bool brace = is(p, '{');
    p->at++;
    p->brackets += !brace;
    p->groups += brace;
    struct rw_node *node = rw_parse_sum(p);
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
    return take(p, '|') ? unary(p, RW_NODE_ABSOLUTE, node) : rw_parse_fail(p);
}

/* A word: a function, a constant, or letters that are multiplied. */
static struct rw_node *word(struct rw_parser *p)
{
    const struct rw_lexeme *x = peek(p);
    if (p->inside == 0) {
        size_t name = rw_parse_function_name(x->name);
        if (name > 0) {
            struct rw_str function = rw_str_slice(x->name, 0, name);
            p->inside = name < x->name.len ? name : 0;
            p->at += p->inside == 0;
            return rw_str_is(function, "sqrt") ? root(p) : call_function(p, function);
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
    return symbol(p, letter);
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
    const struct rw_lexeme *x = peek(p);
    switch (x->kind) {
    case RW_LEXEME_NUMBER:
        return number(p);
    case RW_LEXEME_LETTER:
        p->at++;
        return symbol(p, x->name);
    case RW_LEXEME_WORD:
        return word(p);
    case RW_LEXEME_COMMAND:
        return command(p);
    case RW_LEXEME_SIGN:
        return sign_primary(p, x);
    default:
        return rw_parse_fail(p);
    }
}

/* "^\circ" and "^{\circ}". */
static bool degree(struct rw_parser *p)
{
    if (take(p, RW_SIGN_DEGREE)) {
        return true;
    }
    if (is(p, '^') && rw_parse_is(p, p->at + 1, RW_SIGN_DEGREE)) {
        p->at += 2;
        return true;
    }
    if (is(p, '^') && rw_parse_is(p, p->at + 1, '{') && rw_parse_is(p, p->at + 2, RW_SIGN_DEGREE) &&
        rw_parse_is(p, p->at + 3, '}')) {
        p->at += 4;
        return true;
    }
    return false;
}

static struct rw_node *exponent(struct rw_parser *p)
{
    if (is(p, '{')) {
        return group(p);
    }
    bool minus = take(p, '-');
    take(p, '+');
    p->groups++;
    struct rw_node *node = power(p);
    p->groups--;
    return minus ? negative(p, node) : node;
}

static struct rw_node *power(struct rw_parser *p)
{
    if (p->failed || p->depth >= RW_PARSE_DEPTH_MAX) {
        return rw_parse_fail(p);
    }
    p->depth++;
    struct rw_node *value = primary(p);
    while (!p->failed && p->inside == 0) {
        if (degree(p)) {
            value = unary(p, RW_NODE_DEGREE, value);
        } else if (take(p, '^')) {
            struct rw_node *right = exponent(p);
            value = binary(p, RW_NODE_POWER, value, right);
        } else if (is(p, '!') && (value->flags & RW_NODE_CLOSED) + (p->at + 1 < p->end) +
                                         (value->kind != RW_NODE_NUMBER) >
                                     0) {
            p->at++;
            value = unary(p, RW_NODE_FACTORIAL, value);
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
    const struct rw_lexeme *x = peek(p);
    bool sum = x->kind == RW_LEXEME_NUMBER && (x->flags & RW_LEXEME_SPACED) != 0 &&
               rw_parse_is(p, p->at + 1, '/') &&
               rw_parse_at(p, p->at + 2)->kind == RW_LEXEME_NUMBER;
    bool vulgar = is_command(x, RW_COMMAND_VULGAR);
    if (!sum && !vulgar && !is_command(x, RW_COMMAND_FRAC)) {
        return false;
    }
    struct rw_node *part;
    if (sum) {
        struct rw_node *top = number(p);
        p->at++;
        struct rw_node *bottom = number(p);
        part = binary(p, RW_NODE_QUOTIENT, top, bottom);
    } else {
        part = command(p);
    }
    if (p->failed) {
        return true;
    }
    bool numeric =
        part->kind == RW_NODE_QUOTIENT && whole_number(part->first) && whole_number(part->last);
    if (vulgar || proper(part)) {
        *value = binary(p, RW_NODE_SUM, *value, part);
    } else if (numeric) {
        rw_parse_fail(p); /* "1 5/2" is nothing */
    } else {
        *value = binary(p, RW_NODE_PRODUCT, *value, part);
    }
    return true;
}

/* "(0.5)" behind a number and a space, at the end of an item, may be a note: not a factor. */
static bool note_follows(const struct rw_parser *p, const struct rw_node *before)
{
    const struct rw_lexeme *x = peek(p);
    size_t close = p->match[p->at];
    if (!is(p, '(') || close == 0 || (before->flags & RW_NODE_CLOSED) == 0 || p->brackets > 0 ||
        p->groups > 0 || (x->flags & RW_LEXEME_SPACED) == 0 || close + 1 < p->end) {
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
static bool factor_follows(struct rw_parser *p, const struct rw_node *before, bool powered)
{
    const struct rw_lexeme *x = peek(p);
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
    case RW_LEXEME_LETTER:
        return !(closed && p->groups == 0 && rw_parse_unit_follows(p, p->at));
    case RW_LEXEME_WORD:
        if (closed && p->groups == 0 && rw_parse_unit_follows(p, p->at)) {
            return false;
        }
        return rw_parse_function_name(x->name) > 0 || rw_scan_equal(x->name, RW_STR("pi")) ||
               is_product(p, x);
    case RW_LEXEME_COMMAND:
        return x->sign != RW_COMMAND_BEGIN && x->sign != RW_COMMAND_END;
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
        if (is(p, '*') || is(p, '/')) {
            bool over = p->l->at[p->at++].sign == '/';
            bool minus = take(p, '-');
            struct rw_node *right = power(p);
            right = minus ? negative(p, right) : right;
            divided = over;
            if (over && ++slashes > SLASHES_MAX) {
                return rw_parse_fail(p);
            }
            powered = right->kind == RW_NODE_POWER;
            if (!over && value->kind == RW_NODE_PRODUCT && value->sign == 1) {
                rw_parse_add(p, value, right);
            } else {
                value = binary(p, over ? RW_NODE_QUOTIENT : RW_NODE_PRODUCT, value, right);
                value->sign = !over;
            }
        } else if (take(p, '%')) {
            value = unary(p, RW_NODE_PERCENT, value);
        } else if (factor_follows(p, value, powered)) {
            struct rw_node *right = power(p);
            doubtful(p, value, begin);
            p->loose = p->loose || divided; /* a/bc */
            powered = right->kind == RW_NODE_POWER;
            if (value->kind == RW_NODE_PRODUCT && value->sign == 1) {
                rw_parse_add(p, value, right);
            } else {
                value = binary(p, RW_NODE_PRODUCT, value, right);
                value->sign = 1;
            }
        } else {
            break;
        }
    }
    return value;
}

static struct rw_node *product(struct rw_parser *p)
{
    bool minus = false;
    while (is(p, '-') || is(p, '+')) {
        minus ^= p->l->at[p->at++].sign == '-';
    }
    struct rw_node *value = power(p);
    if (!p->failed && p->inside == 0 && whole_number(value)) {
        mixed(p, &value);
    }
    value = factors(p, value);
    return minus ? negative(p, value) : value;
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
        bool plus = is(p, '+');
        bool minus = is(p, '-');
        bool either = is(p, RW_SIGN_PM) || is(p, RW_SIGN_MP);
        bool other = is(p, RW_SIGN_MP);
        if (!first && !plus && !minus && !either) {
            break;
        }
        p->at += either || (!first && (plus || minus));
        struct rw_node *term = product(p);
        term = !first && minus ? negative(p, term) : term;
        if (either) {
            term = unary(p, RW_NODE_PLUS_MINUS, term);
            term->sign = other;
            term->key = rw_parse_mix(term->key, other);
        }
        if (first) {
            value = term;
        } else if (sum == NULL) {
            value = sum = binary(p, RW_NODE_SUM, value, term);
        } else {
            rw_parse_add(p, sum, term);
        }
    }
    p->depth--;
    return p->failed ? rw_parse_fail(p) : value;
}
