/* Lists, sets, intervals, relations, and the answers that are no numbers. */
#include "core/answer/parse_parts.h"
#include "core/answer/word.h"
#include "core/base/scan.h"
#include "core/base/util.h"

enum {
    LABEL_WORDS_MAX = 5,
    SIDES_MAX = 16,
};

static const struct rw_lexeme *lexeme(const struct rw_parser *p, size_t at)
{
    return &p->l->at[at];
}

static bool is_sign(const struct rw_parser *p, size_t at, int sign)
{
    return lexeme(p, at)->kind == RW_LEXEME_SIGN && lexeme(p, at)->sign == sign;
}

/* Behind the bracket that opens here, or the next lexeme. */
static size_t past(const struct rw_parser *p, size_t at)
{
    return p->match[at] > at ? p->match[at] + 1u : at + 1;
}

static struct rw_node *unread(struct rw_parser *p, size_t begin, size_t end)
{
    struct rw_node *node = rw_parse_node(p, RW_NODE_UNREAD);
    node->key = rw_parse_mix(RW_NODE_UNREAD, rw_parse_signs(p, begin, end));
    return node;
}

/* ---- words ----------------------------------------------------------------------------------- */

static struct rw_node *text_node(struct rw_parser *p, size_t begin, size_t end)
{
    struct rw_node *node = rw_parse_node(p, RW_NODE_TEXT);
    for (size_t i = begin; i < end; i++) {
        struct rw_str name = lexeme(p, i)->name;
        uint64_t h = name.len;
        for (size_t k = 0; k < name.len; k++) {
            char c = name.len > 3 ? rw_scan_lower(name.ptr[k]) : name.ptr[k];
            h = (h ^ (unsigned char)c) * UINT64_C(0x100000001b3);
        }
        node->key = rw_parse_mix(node->key, h);
    }
    node->name = rw_str_slice(p->l->text, lexeme(p, begin)->begin, lexeme(p, end - 1)->end);
    return node;
}

static bool all_words(const struct rw_parser *p, size_t begin, size_t end)
{
    for (size_t i = begin; i < end; i++) {
        if (lexeme(p, i)->kind != RW_LEXEME_WORD && lexeme(p, i)->kind != RW_LEXEME_LETTER) {
            return false;
        }
    }
    return begin < end;
}

static struct rw_node *words(struct rw_parser *p, size_t begin, size_t end)
{
    static const char *const YES[] = {"yes", "true", "\xE6\x98\xAF"};
    static const char *const NO[] = {"no", "false", "\xE5\x90\xA6"};
    if (!all_words(p, begin, end)) {
        return NULL;
    }
    struct rw_str word = lexeme(p, begin)->name;
    for (size_t i = 0; i < RW_COUNT(YES) && end == begin + 1; i++) {
        bool yes = rw_scan_equal(word, rw_str_from(YES[i]));
        if (yes || rw_scan_equal(word, rw_str_from(NO[i]))) {
            struct rw_node *node = rw_parse_node(p, RW_NODE_TRUTH);
            node->sign = yes;
            node->key = rw_parse_mix(node->key, yes);
            return node;
        }
    }
    return text_node(p, begin, end);
}

/* "the square of x" is a name of something else than x; "the value of x" is x. */
static bool names_a_variable(const struct rw_parser *p, size_t begin, size_t end)
{
    static const char *const SILENT[] = {"the", "value", "values", "of",    "so",      "thus",
                                         "is",  "find",  "then",   "hence", "have",    "therefore",
                                         "we",  "get",   "that",   "for",   "solution"};
    if (end < begin + 2 || lexeme(p, end - 1)->kind != RW_LEXEME_LETTER) {
        return true;
    }
    for (size_t i = begin; i + 1 < end; i++) {
        bool silent = false;
        for (size_t k = 0; k < RW_COUNT(SILENT) && !silent; k++) {
            silent = rw_scan_equal(lexeme(p, i)->name, rw_str_from(SILENT[k]));
        }
        if (!silent) {
            return false;
        }
    }
    return true;
}

/* "total cost" of "total cost = 5": a name, and nothing that changes what is said. */
static struct rw_node *label(struct rw_parser *p, size_t begin, size_t end)
{
    if (!all_words(p, begin, end) || end - begin > LABEL_WORDS_MAX ||
        !names_a_variable(p, begin, end)) {
        return NULL;
    }
    for (size_t i = begin; i < end; i++) {
        struct rw_str word = lexeme(p, i)->name;
        /* "We find that $x$ < 3" is prose before a formula. */
        bool mixed = (lexeme(p, i)->flags ^ lexeme(p, begin)->flags) & RW_LEXEME_MATH;
        if (mixed || rw_word_changes(word) || rw_scan_equal(word, RW_STR("all"))) {
            return NULL;
        }
    }
    return text_node(p, begin, end);
}

/* ---- brackets -------------------------------------------------------------------------------- */

static struct rw_node *adopt(struct rw_parser *p, enum rw_node_kind kind,
                             const struct rw_node *list)
{
    struct rw_node *node = rw_parse_node(p, kind);
    for (struct rw_node *child = list->first; child != NULL && !p->failed;) {
        struct rw_node *next = child->next;
        child->next = NULL;
        rw_parse_add(p, node, child);
        child = next;
    }
    return node;
}

/* {x | x > 0}, {x : x > 0}: the condition is the set. */
static size_t builder(const struct rw_parser *p, size_t begin, size_t end)
{
    if (begin + 2 >= end || lexeme(p, begin)->kind != RW_LEXEME_LETTER) {
        return begin;
    }
    size_t at = begin + 1;
    bool reals =
        is_sign(p, at, RW_SIGN_IN) && at + 2 < end && rw_str_is(lexeme(p, at + 1)->name, "~R");
    at += reals ? 2 : 0;
    return is_sign(p, at, '|') || is_sign(p, at, ':') ? at + 1 : begin;
}

static struct rw_node *set(struct rw_parser *p, size_t begin, size_t end)
{
    if (begin == end) {
        return rw_parse_node(p, RW_NODE_SET);
    }
    size_t condition = builder(p, begin, end);
    if (condition > begin && condition < end) {
        return rw_parse_item(p, condition, end);
    }
    struct rw_node *inner = rw_parse_list(p, begin, end);
    if (inner == NULL) {
        return NULL;
    }
    if (inner->kind == RW_NODE_LIST) {
        return adopt(p, RW_NODE_SET, inner);
    }
    struct rw_node *node = rw_parse_node(p, RW_NODE_SET);
    rw_parse_add(p, node, inner);
    return node;
}

/* Rows between "\\", elements between "&". */
static struct rw_node *matrix(struct rw_parser *p, size_t begin, size_t end)
{
    struct rw_node *node = rw_parse_node(p, RW_NODE_MATRIX);
    struct rw_node *row = NULL;
    size_t item = begin;
    for (size_t i = begin; i <= end && !p->failed; i = i < end ? past(p, i) : i + 1) {
        bool next_row = i == end || is_sign(p, i, RW_SIGN_ROW);
        if (!next_row && !is_sign(p, i, '&')) {
            continue;
        }
        if (i == end && item == end && row == NULL) {
            break; /* "\\" behind the last row */
        }
        struct rw_node *element = item < i ? rw_parse_item(p, item, i) : NULL;
        if (element == NULL) {
            return NULL;
        }
        if (row == NULL) {
            row = rw_parse_node(p, RW_NODE_LIST);
        }
        rw_parse_add(p, row, element);
        if (next_row) {
            rw_parse_add(p, node, row);
            row = NULL;
        }
        item = i + 1;
    }
    return node->n > 0 ? node : NULL;
}

/* The range is one pair of brackets with all of the rest inside. */
static struct rw_node *enclosed(struct rw_parser *p, size_t begin, size_t end)
{
    const struct rw_lexeme *open = lexeme(p, begin);
    const struct rw_lexeme *close = lexeme(p, end - 1);
    if (open->kind == RW_LEXEME_COMMAND) {
        return matrix(p, begin + 1, end - 1);
    }
    if (open->sign == RW_SIGN_SET) {
        return set(p, begin + 1, end - 1);
    }
    if (begin + 1 == end - 1) {
        return NULL;
    }
    struct rw_node *inner = rw_parse_list(p, begin + 1, end - 1);
    if (inner == NULL) {
        return NULL;
    }
    if (inner->kind != RW_NODE_LIST) {
        bool plain = open->sign == '{' || (open->sign == '(') == (close->sign == ')');
        return plain ? inner : NULL;
    }
    if (open->sign == '{') {
        return adopt(p, RW_NODE_SET, inner);
    }
    struct rw_node *node = adopt(p, RW_NODE_BRACKETS, inner);
    node->open = open->sign;
    node->close = close->sign;
    node->key = rw_parse_mix(node->key, (uint64_t)open->sign << 8 | close->sign);
    return node;
}

static bool union_sign(const struct rw_parser *p, size_t i)
{
    const struct rw_lexeme *x = lexeme(p, i);
    bool letter = x->kind == RW_LEXEME_LETTER && rw_str_is(x->name, "U") && i > 0 &&
                  (is_sign(p, i - 1, ')') || is_sign(p, i - 1, ']')) &&
                  (is_sign(p, i + 1, '(') || is_sign(p, i + 1, '['));
    return letter || is_sign(p, i, RW_SIGN_CUP) || is_sign(p, i, RW_SIGN_CAP) ||
           is_sign(p, i, RW_SIGN_WITHOUT);
}

static struct rw_node *set_operation(struct rw_parser *p, size_t begin, size_t end)
{
    size_t n = 0;
    uint8_t sign = 0;
    for (size_t i = begin; i < end; i = past(p, i)) {
        if (union_sign(p, i)) {
            uint8_t now = lexeme(p, i)->kind == RW_LEXEME_SIGN ? lexeme(p, i)->sign : RW_SIGN_CUP;
            if (n++ > 0 && now != sign) {
                return NULL; /* mixed: not read */
            }
            sign = now;
        }
    }
    if (n == 0) {
        return NULL;
    }
    struct rw_node *node = rw_parse_node(p, RW_NODE_UNION);
    node->sign = sign;
    node->key = rw_parse_mix(node->key, sign);
    size_t item = begin;
    for (size_t i = begin; i <= end && !p->failed; i = i < end ? past(p, i) : i + 1) {
        if (i == end || union_sign(p, i)) {
            struct rw_node *operand = item < i ? rw_parse_item(p, item, i) : NULL;
            if (operand == NULL) {
                return NULL;
            }
            rw_parse_add(p, node, operand);
            item = i + 1;
        }
    }
    return node;
}

/* ---- relations ------------------------------------------------------------------------------- */

static bool relation_sign(const struct rw_parser *p, size_t i)
{
    const struct rw_lexeme *x = lexeme(p, i);
    if (x->kind != RW_LEXEME_SIGN) {
        return false;
    }
    switch (x->sign) {
    case '=':
    case '<':
    case '>':
    case RW_SIGN_LE:
    case RW_SIGN_GE:
    case RW_SIGN_NE:
    case RW_SIGN_ABOUT:
    case RW_SIGN_IN:
    case RW_SIGN_EQUIVALENT:
        return true;
    default:
        return false;
    }
}

/* The sides of a relation, and the sign before each. */
struct sides {
    struct rw_node *side[SIDES_MAX];
    uint8_t sign[SIDES_MAX];
    size_t n;
};

/* "AB" of "AB = 5" names a segment; it is no product. */
static bool segment(const struct rw_parser *p, size_t begin, size_t end)
{
    struct rw_str name = lexeme(p, begin)->name;
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] < 'A' || name.ptr[i] > 'Z') {
            return false;
        }
    }
    return end == begin + 1 && lexeme(p, begin)->kind == RW_LEXEME_WORD && name.len <= 4;
}

/* "AB/CD", "|AB|", "V_1 : V_2": names of what is measured, and no products. */
static bool measured(const struct rw_parser *p, size_t begin, size_t end)
{
    bool sure = false;
    for (size_t i = begin; i < end; i++) {
        const struct rw_lexeme *x = lexeme(p, i);
        bool capitals = x->kind == RW_LEXEME_WORD || x->kind == RW_LEXEME_LETTER;
        for (size_t k = 0; capitals && k < x->name.len; k++) {
            capitals = x->name.ptr[k] >= 'A' && x->name.ptr[k] <= 'Z';
        }
        bool command = x->kind == RW_LEXEME_COMMAND &&
                       (x->sign == RW_COMMAND_FRAC || x->sign == RW_COMMAND_OVERLINE);
        bool joins = x->kind == RW_LEXEME_SIGN && x->sign < 128 && x->sign != 0 &&
                     strchr("{}|/:_", x->sign) != NULL;
        bool index = x->kind == RW_LEXEME_NUMBER && i > begin &&
                     (is_sign(p, i - 1, '_') || (is_sign(p, i - 1, '{') && is_sign(p, i - 2, '_')));
        if (!capitals && !command && !joins && !index) {
            return false;
        }
        sure = sure || (capitals && x->name.len > 1) || is_sign(p, i, ':');
    }
    return sure;
}

static struct rw_node *measure_node(struct rw_parser *p, size_t begin, size_t end)
{
    struct rw_node *node = text_node(p, begin, end);
    node->key = rw_parse_mix(rw_parse_mix(RW_NODE_TEXT, 1), rw_parse_signs(p, begin, end));
    return node;
}

static bool read_sides(struct rw_parser *p, size_t begin, size_t end, struct sides *out)
{
    size_t item = begin;
    uint8_t sign = 0;
    for (size_t i = begin; i <= end; i = i < end ? past(p, i) : i + 1) {
        if (i < end && !relation_sign(p, i)) {
            continue;
        }
        if (i == begin && lexeme(p, i)->sign == RW_SIGN_ABOUT && i < end) {
            continue; /* "about" in front is no relation */
        }
        if (item == i || out->n == SIDES_MAX) {
            return false;
        }
        bool names = out->n == 0 && i < end;
        struct rw_node *side = names && segment(p, item, i)    ? text_node(p, item, i)
                               : names && measured(p, item, i) ? measure_node(p, item, i)
                                                               : rw_parse_item(p, item, i);
        bool words = side == NULL || side->kind == RW_NODE_TEXT || side->kind == RW_NODE_CHOICE;
        if (words && names && !(side != NULL && measured(p, item, i))) {
            struct rw_node *name = all_words(p, item, i) ? label(p, item, i) : NULL;
            bool letter = side != NULL && side->kind == RW_NODE_CHOICE;
            side = letter ? rw_parse_quantity(p, item, i) : name;
        }
        if (side == NULL || (side->kind == RW_NODE_TEXT && !names)) {
            return false;
        }
        out->sign[out->n] = sign;
        out->side[out->n++] = side;
        sign = i < end ? lexeme(p, i)->sign : 0;
        item = i + 1;
    }
    return true;
}

static bool all_symbols(const struct rw_node *node)
{
    RW_NODE_EACH (child, node) {
        if (child->kind != RW_NODE_SYMBOL) {
            return false;
        }
    }
    return true;
}

/* What may be a name: x, f(x), (p, q), words. */
static bool is_label(const struct rw_node *node)
{
    if (node->kind == RW_NODE_BRACKETS) {
        return all_symbols(node);
    }
    bool change = node->kind == RW_NODE_PRODUCT && node->n == 2 &&
                  node->first->kind == RW_NODE_SYMBOL && rw_str_is(node->first->name, "Delta") &&
                  node->last->kind == RW_NODE_SYMBOL; /* \Delta p */
    return change || node->kind == RW_NODE_SYMBOL || node->kind == RW_NODE_TEXT ||
           (node->kind == RW_NODE_OPAQUE && node->n > 0 && node->name.len > 0 &&
            node->first->kind != RW_NODE_ELLIPSIS);
}

static bool closed(const struct rw_node *node)
{
    return (node->flags & RW_NODE_CLOSED) != 0;
}

static struct rw_node *assign(struct rw_parser *p, struct rw_node *name, struct rw_node *value)
{
    struct rw_node *node = rw_parse_node(p, RW_NODE_ASSIGN);
    rw_parse_add(p, node, name);
    rw_parse_add(p, node, value);
    return node;
}

/* The value a chain of equations ends in: the last side, before the rounding of it. */
static struct rw_node *last_side(struct rw_parser *p, const struct sides *s)
{
    size_t last = s->n - 1;
    while (last > 1 && s->sign[last] == RW_SIGN_ABOUT) {
        last--;
    }
    struct rw_node *value = s->side[last];
    if (s->sign[last] != RW_SIGN_ABOUT) {
        return value;
    }
    if (s->n == 2 && closed(s->side[0])) {
        return s->side[0]; /* 1/3 = about 0.333 */
    }
    struct rw_node *about = rw_parse_node(p, RW_NODE_QUANTITY);
    rw_parse_add(p, about, value);
    about->flags |= (uint16_t)(RW_NODE_APPROX | (value->flags & RW_NODE_CLOSED));
    return rw_node_scalar(value) ? about : value;
}

static struct rw_node *relation_node(struct rw_parser *p, const struct sides *s)
{
    bool equations = true;
    bool values = true;
    bool in = s->n == 2 && s->sign[1] == RW_SIGN_IN;
    for (size_t i = 1; i < s->n; i++) {
        equations = equations && (s->sign[i] == '=' || s->sign[i] == RW_SIGN_ABOUT);
        values = values && !is_label(s->side[i]);
    }
    if (in && is_label(s->side[0])) {
        return assign(p, s->side[0], s->side[1]);
    }
    if (equations && is_label(s->side[0]) && (values || s->n == 2)) {
        return assign(p, s->side[0], last_side(p, s));
    }
    bool all_closed = true;
    for (size_t i = 0; i < s->n; i++) {
        all_closed = all_closed && closed(s->side[i]);
    }
    if (equations && all_closed) {
        return last_side(p, s); /* 3 + 4 = 7 */
    }
    if (equations && s->n == 2 && is_label(s->side[1]) && closed(s->side[0])) {
        return assign(p, s->side[1], s->side[0]);
    }
    struct rw_node *node = rw_parse_node(p, RW_NODE_RELATION);
    for (size_t i = 0; i < s->n; i++) {
        node->key = rw_parse_mix(node->key, s->sign[i]);
        struct rw_node *side = rw_parse_node(p, RW_NODE_LIST); /* holds the sign */
        side->sign = s->sign[i];
        rw_parse_add(p, side, s->side[i]);
        rw_parse_add(p, node, side);
    }
    return node;
}

/* "Total: 5", "A: 3". */
static struct rw_node *colon(struct rw_parser *p, size_t begin, size_t end)
{
    size_t at = begin;
    while (at < end && !is_sign(p, at, ':')) {
        at = past(p, at);
    }
    if (at >= end || at == begin || at + 1 >= end) {
        return NULL;
    }
    bool letter = at == begin + 1 && lexeme(p, begin)->kind == RW_LEXEME_LETTER;
    struct rw_node *name = letter ? rw_parse_quantity(p, begin, at) : label(p, begin, at);
    struct rw_node *value = name != NULL ? rw_parse_item(p, at + 1, end) : NULL;
    return value != NULL ? assign(p, name, value) : NULL;
}

static struct rw_node *relation(struct rw_parser *p, size_t begin, size_t end)
{
    bool any = false;
    for (size_t i = begin + 1; i < end; i = past(p, i)) {
        any = any || relation_sign(p, i);
    }
    if (!any) {
        return NULL;
    }
    struct sides s = {.n = 0};
    bool outer = p->relation;
    p->relation = true;
    bool read = read_sides(p, begin, end, &s) && s.n >= 2;
    p->relation = outer;
    return read && !p->no_memory ? relation_node(p, &s) : unread(p, begin, end);
}

/* ---- choices --------------------------------------------------------------------------------- */

/* What may stand behind a choice: its text, and no further choice or operation. */
static bool closes_choice(const struct rw_parser *p, size_t at, size_t end)
{
    const struct rw_lexeme *x = lexeme(p, at);
    bool joins = x->kind == RW_LEXEME_WORD &&
                 (rw_scan_equal(x->name, RW_STR("or")) || rw_scan_equal(x->name, RW_STR("and")));
    bool operation = x->kind == RW_LEXEME_SIGN && x->sign < 128 && x->sign != 0 &&
                     strchr("+*/^=<>,;", x->sign) != NULL;
    if ((x->flags & RW_LEXEME_SPACED) == 0 || joins || operation) {
        return false;
    }
    for (size_t i = at; i + 1 < end; i++) {
        const struct rw_lexeme *letter = lexeme(p, i);
        bool capital = letter->kind == RW_LEXEME_LETTER && letter->name.len == 1 &&
                       letter->name.ptr[0] >= 'A' && letter->name.ptr[0] <= 'Z';
        bool closes = is_sign(p, i + 1, ')') && p->match[i + 1] == 0;
        if (capital && (is_sign(p, i + 1, ':') || is_sign(p, i + 1, '=') || closes)) {
            return false;
        }
    }
    return true;
}

/* "A", "(A)", "A.", "(B) forty", "C: 10 km". */
static struct rw_node *choice(struct rw_parser *p, size_t begin, size_t end)
{
    bool bracket = is_sign(p, begin, '(') && p->match[begin] == begin + 2;
    const struct rw_lexeme *x = lexeme(p, begin + bracket);
    if (x->kind != RW_LEXEME_LETTER || x->name.len != 1 || x->name.ptr[0] < 'A' ||
        x->name.ptr[0] > 'J' || begin + bracket >= end) {
        return NULL;
    }
    size_t at = begin + 1 + 2 * bracket;
    bool mark = bracket;
    while (at < end && (is_sign(p, at, '.') || is_sign(p, at, ':') || is_sign(p, at, ')'))) {
        mark = true;
        at++;
    }
    if (at < end && (!mark || !closes_choice(p, at, end))) {
        return NULL;
    }
    struct rw_node *rest = NULL;
    if (at < end) {
        rest = rw_parse_list(p, at, end);
        rest = rest != NULL ? rest : unread(p, at, end);
    }
    struct rw_node *node = rw_parse_node(p, RW_NODE_CHOICE);
    node->sign = (uint8_t)x->name.ptr[0];
    node->open = bracket;
    node->key = rw_parse_mix(node->key, node->sign);
    if (rest != NULL) {
        rw_parse_add(p, node, rest);
    }
    return node;
}

/* ---- items and lists ------------------------------------------------------------------------- */

static struct rw_node *item(struct rw_parser *p, size_t begin, size_t end)
{
    typedef struct rw_node *rule(struct rw_parser *, size_t, size_t);
    static rule *const RULES[] = {
        choice,           set_operation,     relation, colon, rw_parse_ratio, rw_parse_month_date,
        rw_parse_literal, rw_parse_quantity, words};
    if (p->match[begin] == end - 1) {
        struct rw_node *node = enclosed(p, begin, end);
        if (node != NULL) {
            return node;
        }
    }
    if (begin + 1 == end && is_sign(p, begin, RW_SIGN_EMPTY_SET)) {
        return rw_parse_node(p, RW_NODE_SET);
    }
    if (begin + 1 == end && is_sign(p, begin, RW_SIGN_ELLIPSIS)) {
        return rw_parse_node(p, RW_NODE_ELLIPSIS);
    }
    for (size_t i = 0; i < RW_COUNT(RULES) && !p->no_memory; i++) {
        struct rw_node *node = RULES[i](p, begin, end);
        if (node != NULL) {
            return node;
        }
    }
    return NULL;
}

struct rw_node *rw_parse_item(struct rw_parser *p, size_t begin, size_t end)
{
    while (begin < end && is_sign(p, end - 1, '.')) {
        end--;
    }
    if (begin >= end || p->depth >= RW_PARSE_DEPTH_MAX) {
        return NULL;
    }
    p->depth++;
    struct rw_node *node = item(p, begin, end);
    p->depth--;
    return p->no_memory ? NULL : node;
}

static bool conjunction(const struct rw_lexeme *x, bool *either)
{
    static const char *const OR[] = {"or", "\xE6\x88\x96", "\xE6\x88\x96\xE8\x80\x85"};
    static const char *const AND[] = {"and", "\xE5\x92\x8C", "\xE5\x8F\x8A", "\xE4\xB8\x8E"};
    for (size_t i = 0; i < RW_COUNT(OR) && x->kind == RW_LEXEME_WORD; i++) {
        if (rw_scan_equal(x->name, rw_str_from(OR[i]))) {
            *either = true;
            return true;
        }
    }
    for (size_t i = 0; i < RW_COUNT(AND) && x->kind == RW_LEXEME_WORD; i++) {
        if (rw_scan_equal(x->name, rw_str_from(AND[i]))) {
            return true;
        }
    }
    return x->kind == RW_LEXEME_SIGN && x->sign == '&';
}

/* x = 1, x = 2 and x = 1, 2 are one name for a list; a = 1, b = 2 are two. */
static struct rw_node *common_label(struct rw_parser *p, struct rw_node *list)
{
    struct rw_node *first = list->first;
    if (first == NULL || first->kind != RW_NODE_ASSIGN || list->n < 2) {
        return list;
    }
    for (struct rw_node *child = first->next; child != NULL; child = child->next) {
        bool same = child->kind == RW_NODE_ASSIGN && child->first->key == first->first->key;
        bool bare = rw_node_scalar(child) || child->kind == RW_NODE_QUANTITY ||
                    child->kind == RW_NODE_BRACKETS;
        if (!same && !bare) {
            return list;
        }
    }
    struct rw_node *values = rw_parse_node(p, RW_NODE_LIST);
    values->flags |= list->flags & RW_NODE_EITHER;
    for (struct rw_node *child = first; child != NULL && !p->failed;) {
        struct rw_node *next = child->next;
        struct rw_node *value = child->kind == RW_NODE_ASSIGN ? child->last : child;
        value->next = NULL;
        rw_parse_add(p, values, value);
        child = next;
    }
    struct rw_node *name = first->first;
    name->next = NULL;
    return assign(p, name, values);
}

/* The items of [begin, end) between `sign` and, for commas, conjunctions. */
static struct rw_node *split(struct rw_parser *p, size_t begin, size_t end, int sign)
{
    struct rw_node *list = rw_parse_node(p, RW_NODE_LIST);
    size_t from = begin;
    bool comma = false;
    bool either = false;
    for (size_t i = begin; i <= end && !p->no_memory; i = i < end ? past(p, i) : i + 1) {
        bool joins = i < end && sign == ',' && conjunction(lexeme(p, i), &either);
        bool separates = i == end || is_sign(p, i, sign) || joins;
        if (!separates) {
            continue;
        }
        if (from == i && joins && comma) { /* "1, 2, and 3" */
            from = i + 1;
            continue;
        }
        bool clause = list->n > 0 && from < i && lexeme(p, from)->kind == RW_LEXEME_WORD &&
                      rw_word_clause(lexeme(p, from)->name);
        if (clause && rw_scan_equal(lexeme(p, from)->name, RW_STR("so")) && from + 1 < i &&
            (rw_scan_equal(lexeme(p, from + 1)->name, RW_STR("on")) ||
             rw_scan_equal(lexeme(p, from + 1)->name, RW_STR("forth")))) {
            rw_parse_add(p, list, rw_parse_node(p, RW_NODE_ELLIPSIS));
            break;
        }
        if (clause) { /* "72, which is the total" */
            break;
        }
        if (from == i || list->n == RW_PARSE_ELEMENTS_MAX) {
            return NULL;
        }
        struct rw_node *element =
            sign == ';' ? rw_parse_list(p, from, i) : rw_parse_item(p, from, i);
        rw_parse_add(p, list, element != NULL ? element : unread(p, from, i));
        comma = i < end && is_sign(p, i, sign);
        from = i + 1;
    }
    list->flags |= either ? RW_NODE_EITHER : 0;
    if (p->no_memory || p->failed) {
        return NULL;
    }
    return list->n == 1 ? list->first : common_label(p, list);
}

struct rw_node *rw_parse_list(struct rw_parser *p, size_t begin, size_t end)
{
    bool semicolon = false;
    bool several = false;
    bool unused = false;
    while (begin + 1 < end && lexeme(p, begin)->kind == RW_LEXEME_WORD &&
           rw_word_lead(lexeme(p, begin)->name)) {
        begin++;
    }
    if (begin >= end || p->depth >= RW_PARSE_DEPTH_MAX) {
        return NULL;
    }
    for (size_t i = begin; i < end; i = past(p, i)) {
        semicolon = semicolon || is_sign(p, i, ';');
        several = several || is_sign(p, i, ',') || conjunction(lexeme(p, i), &unused);
    }
    p->depth++;
    struct rw_node *node = rw_parse_month_date(p, begin, end);
    if (node == NULL) {
        node = choice(p, begin, end);
    }
    if (node == NULL) {
        node = semicolon ? split(p, begin, end, ';')
               : several ? split(p, begin, end, ',')
                         : rw_parse_item(p, begin, end);
    }
    p->depth--;
    return p->no_memory ? NULL : node;
}
