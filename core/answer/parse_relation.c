/* Equations, inequalities, chains of them, names for values, choices. */
#include "core/answer/item_parts.h"
#include "core/answer/word.h"
#include "core/base/scan.h"
#include "core/base/util.h"

enum {
    LABEL_WORDS_MAX = 5,
    SIDES_MAX = 16,
};

struct rw_node *rw_item_unread(struct rw_parser *p, size_t begin, size_t end)
{
    struct rw_node *node = rw_parse_node(p, RW_NODE_UNREAD);
    node->key = rw_parse_mix(RW_NODE_UNREAD, rw_parse_signs(p, begin, end));
    return node;
}

/* ---- words ----------------------------------------------------------------------------------- */

/* "No" and "Dog": of short words AB and Ab are names, and other ones than ab. */
static bool capitalised(struct rw_str name)
{
    bool small = name.len > 1;
    for (size_t i = 1; i < name.len; i++) {
        small = small && name.ptr[i] >= 'a' && name.ptr[i] <= 'z';
    }
    return small;
}

struct rw_node *rw_item_text(struct rw_parser *p, size_t begin, size_t end)
{
    struct rw_node *node = rw_parse_node(p, RW_NODE_TEXT);
    for (size_t i = begin; i < end; i++) {
        struct rw_str name = rw_item_lexeme(p, i)->name;
        bool lower = name.len > 3 || capitalised(name);
        uint64_t h = name.len;
        for (size_t k = 0; k < name.len; k++) {
            char c = lower ? rw_scan_lower(name.ptr[k]) : name.ptr[k];
            h = (h ^ (unsigned char)c) * UINT64_C(0x100000001b3);
        }
        node->key = rw_parse_mix(node->key, h);
    }
    node->name =
        rw_str_slice(p->l->text, rw_item_lexeme(p, begin)->begin, rw_item_lexeme(p, end - 1)->end);
    return node;
}

bool rw_item_all_words(const struct rw_parser *p, size_t begin, size_t end)
{
    for (size_t i = begin; i < end; i++) {
        if (rw_item_lexeme(p, i)->kind != RW_LEXEME_WORD &&
            rw_item_lexeme(p, i)->kind != RW_LEXEME_LETTER) {
            return false;
        }
    }
    return begin < end;
}

/* "the square of x" is a name of something else than x; "the value of x" is x. */
static bool names_a_variable(const struct rw_parser *p, size_t begin, size_t end)
{
    static const char *const SILENT[] = {"the",  "value",     "values", "of",    "so",
                                         "thus", "is",        "find",   "then",  "hence",
                                         "have", "therefore", "we",     "get",   "that",
                                         "for",  "solution",  "m",      "angle", "measure"};
    if (end < begin + 2 || rw_item_lexeme(p, end - 1)->kind != RW_LEXEME_LETTER) {
        return true;
    }
    for (size_t i = begin; i + 1 < end; i++) {
        bool silent = false;
        for (size_t k = 0; k < RW_COUNT(SILENT) && !silent; k++) {
            silent = rw_scan_equal(rw_item_lexeme(p, i)->name, rw_str_from(SILENT[k]));
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
    if (!rw_item_all_words(p, begin, end) || end - begin > LABEL_WORDS_MAX ||
        !names_a_variable(p, begin, end)) {
        return NULL;
    }
    for (size_t i = begin; i < end; i++) {
        struct rw_str word = rw_item_lexeme(p, i)->name;
        /* "We find that $x$ < 3" is prose before a formula. */
        bool mixed =
            (rw_item_lexeme(p, i)->flags ^ rw_item_lexeme(p, begin)->flags) & RW_LEXEME_MATH;
        if (mixed || rw_word_changes(word) || rw_scan_equal(word, RW_STR("all"))) {
            return NULL;
        }
    }
    return rw_item_text(p, begin, end);
}

/* ---- relations ------------------------------------------------------------------------------- */

static bool relation_sign(const struct rw_parser *p, size_t i)
{
    const struct rw_lexeme *x = rw_item_lexeme(p, i);
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
    struct rw_str name = rw_item_lexeme(p, begin)->name;
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] < 'A' || name.ptr[i] > 'Z') {
            return false;
        }
    }
    return end == begin + 1 && rw_item_lexeme(p, begin)->kind == RW_LEXEME_WORD && name.len <= 4;
}

/* "AB/CD", "|AB|", "V_1 : V_2": names of what is measured, and no products. */
static bool measured(const struct rw_parser *p, size_t begin, size_t end)
{
    bool sure = false;
    for (size_t i = begin; i < end; i++) {
        const struct rw_lexeme *x = rw_item_lexeme(p, i);
        bool capitals = x->kind == RW_LEXEME_WORD || x->kind == RW_LEXEME_LETTER;
        for (size_t k = 0; capitals && k < x->name.len; k++) {
            capitals = x->name.ptr[k] >= 'A' && x->name.ptr[k] <= 'Z';
        }
        bool command = x->kind == RW_LEXEME_COMMAND &&
                       (x->sign == RW_COMMAND_FRAC || x->sign == RW_COMMAND_OVERLINE);
        bool joins = x->kind == RW_LEXEME_SIGN && x->sign < 128 && x->sign != 0 &&
                     strchr("{}|/:_", x->sign) != NULL;
        bool brace = i > begin + 1 && rw_item_is(p, i - 1, '{') && rw_item_is(p, i - 2, '_');
        bool index =
            x->kind == RW_LEXEME_NUMBER && (brace || (i > begin && rw_item_is(p, i - 1, '_')));
        if (!capitals && !command && !joins && !index) {
            return false;
        }
        sure = sure || (capitals && x->name.len > 1) || rw_item_is(p, i, ':');
    }
    return sure;
}

static struct rw_node *measure_node(struct rw_parser *p, size_t begin, size_t end)
{
    struct rw_node *node = rw_item_text(p, begin, end);
    node->key = rw_parse_mix(rw_parse_mix(RW_NODE_TEXT, 1), rw_parse_signs(p, begin, end));
    return node;
}

static bool read_sides(struct rw_parser *p, size_t begin, size_t end, struct sides *out)
{
    size_t item = begin;
    uint8_t sign = 0;
    for (size_t i = begin; i <= end; i = i < end ? rw_item_past(p, i) : i + 1) {
        if (i < end && !relation_sign(p, i)) {
            continue;
        }
        if (i == begin && rw_item_lexeme(p, i)->sign == RW_SIGN_ABOUT && i < end) {
            continue; /* "about" in front is no relation */
        }
        if (item == i || out->n == SIDES_MAX) {
            return false;
        }
        bool names = out->n == 0 && i < end;
        struct rw_node *side = names && segment(p, item, i)    ? rw_item_text(p, item, i)
                               : names && measured(p, item, i) ? measure_node(p, item, i)
                                                               : rw_parse_item(p, item, i);
        bool words = side == NULL || side->kind == RW_NODE_TEXT || side->kind == RW_NODE_CHOICE;
        if (words && names && !(side != NULL && measured(p, item, i))) {
            struct rw_node *name = rw_item_all_words(p, item, i) ? label(p, item, i) : NULL;
            bool letter = side != NULL && side->kind == RW_NODE_CHOICE;
            side = letter ? rw_parse_quantity(p, item, i) : name;
        }
        if (side == NULL || (side->kind == RW_NODE_TEXT && !names)) {
            return false;
        }
        out->sign[out->n] = sign;
        out->side[out->n++] = side;
        sign = i < end ? rw_item_lexeme(p, i)->sign : 0;
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

struct rw_node *rw_item_assign(struct rw_parser *p, struct rw_node *name, struct rw_node *value)
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
        return rw_item_assign(p, s->side[0], s->side[1]);
    }
    if (equations && is_label(s->side[0]) && (values || s->n == 2)) {
        return rw_item_assign(p, s->side[0], last_side(p, s));
    }
    bool all_closed = true;
    for (size_t i = 0; i < s->n; i++) {
        all_closed = all_closed && closed(s->side[i]);
    }
    if (equations && all_closed) {
        return last_side(p, s); /* 3 + 4 = 7 */
    }
    if (equations && s->n == 2 && is_label(s->side[1]) && closed(s->side[0])) {
        return rw_item_assign(p, s->side[1], s->side[0]);
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
struct rw_node *rw_item_colon(struct rw_parser *p, size_t begin, size_t end)
{
    size_t at = begin;
    while (at < end && !rw_item_is(p, at, ':')) {
        at = rw_item_past(p, at);
    }
    if (at >= end || at == begin || at + 1 >= end) {
        return NULL;
    }
    bool letter = at == begin + 1 && rw_item_lexeme(p, begin)->kind == RW_LEXEME_LETTER;
    struct rw_node *name = letter ? rw_parse_quantity(p, begin, at) : label(p, begin, at);
    struct rw_node *value = name != NULL ? rw_parse_item(p, at + 1, end) : NULL;
    bool ratio = letter && value != NULL && rw_node_scalar(value) && !closed(value); /* x:y */
    return value != NULL && !ratio ? rw_item_assign(p, name, value) : NULL;
}

struct rw_node *rw_item_relation(struct rw_parser *p, size_t begin, size_t end)
{
    bool any = false;
    for (size_t i = begin + 1; i < end; i = rw_item_past(p, i)) {
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
    return read && !p->no_memory ? relation_node(p, &s) : rw_item_unread(p, begin, end);
}

/* ---- choices --------------------------------------------------------------------------------- */

/* What may stand behind a choice: its text, and no further choice or operation. */
static bool closes_choice(const struct rw_parser *p, size_t at, size_t end)
{
    const struct rw_lexeme *x = rw_item_lexeme(p, at);
    bool joins = x->kind == RW_LEXEME_WORD &&
                 (rw_scan_equal(x->name, RW_STR("or")) || rw_scan_equal(x->name, RW_STR("and")));
    bool operation = x->kind == RW_LEXEME_SIGN && x->sign < 128 && x->sign != 0 &&
                     strchr("+*/^=<>,;", x->sign) != NULL;
    if ((x->flags & RW_LEXEME_SPACED) == 0 || joins || operation) {
        return false;
    }
    for (size_t i = at; i + 1 < end; i++) {
        const struct rw_lexeme *letter = rw_item_lexeme(p, i);
        bool capital = letter->kind == RW_LEXEME_LETTER && letter->name.len == 1 &&
                       letter->name.ptr[0] >= 'A' && letter->name.ptr[0] <= 'Z';
        bool closes = rw_item_is(p, i + 1, ')') && p->match[i + 1] == 0;
        if (capital && (rw_item_is(p, i + 1, ':') || rw_item_is(p, i + 1, '=') || closes)) {
            return false;
        }
    }
    return true;
}

/* "A", "(A)", "A.", "(B) forty", "C: 10 km". */
struct rw_node *rw_item_choice(struct rw_parser *p, size_t begin, size_t end)
{
    bool bracket = rw_item_is(p, begin, '(') && p->match[begin] == begin + 2;
    const struct rw_lexeme *x = rw_item_lexeme(p, begin + bracket);
    if (x->kind != RW_LEXEME_LETTER || x->name.len != 1 || x->name.ptr[0] < 'A' ||
        x->name.ptr[0] > 'J' || begin + bracket >= end) {
        return NULL;
    }
    size_t at = begin + 1 + 2 * bracket;
    bool mark = bracket;
    while (at < end &&
           (rw_item_is(p, at, '.') || rw_item_is(p, at, ':') || rw_item_is(p, at, ')'))) {
        mark = true;
        at++;
    }
    if (at < end && (!mark || !closes_choice(p, at, end))) {
        return NULL;
    }
    struct rw_node *rest = NULL;
    if (at < end) {
        rest = rw_parse_list(p, at, end);
        rest = rest != NULL ? rest : rw_item_unread(p, at, end);
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
