/* Lists, sets, intervals, unions, matrices, words. */
#include "core/answer/item_parts.h"
#include "core/answer/word.h"
#include "core/base/scan.h"
#include "core/base/util.h"

/* ---- words ---------------------------------------------------------------------------------- */

static struct rw_node *words(struct rw_parser *p, size_t begin, size_t end)
{
    static const char *const YES[] = {"yes", "true", "\xE6\x98\xAF"};
    static const char *const NO[] = {"no", "false", "\xE5\x90\xA6"};
    if (!rw_item_all_words(p, begin, end)) {
        return NULL;
    }
    struct rw_str word = rw_item_lexeme(p, begin)->name;
    for (size_t i = 0; i < RW_COUNT(YES) && end == begin + 1; i++) {
        bool yes = rw_scan_equal(word, rw_str_from(YES[i]));
        if (yes || rw_scan_equal(word, rw_str_from(NO[i]))) {
            struct rw_node *node = rw_parse_node(p, RW_NODE_TRUTH);
            node->sign = yes;
            node->key = rw_parse_mix(node->key, yes);
            return node;
        }
    }
    return rw_item_text(p, begin, end);
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
    if (begin + 2 >= end || rw_item_lexeme(p, begin)->kind != RW_LEXEME_LETTER) {
        return begin;
    }
    size_t at = begin + 1;
    bool reals = rw_item_is(p, at, RW_SIGN_IN) && at + 2 < end &&
                 rw_str_is(rw_item_lexeme(p, at + 1)->name, "~R");
    at += reals ? 2 : 0;
    return rw_item_is(p, at, '|') || rw_item_is(p, at, ':') ? at + 1 : begin;
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
    for (size_t i = begin; i <= end && !p->failed; i = i < end ? rw_item_past(p, i) : i + 1) {
        bool next_row = i == end || rw_item_is(p, i, RW_SIGN_ROW);
        if (!next_row && !rw_item_is(p, i, '&')) {
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
    const struct rw_lexeme *open = rw_item_lexeme(p, begin);
    const struct rw_lexeme *close = rw_item_lexeme(p, end - 1);
    if (open->kind == RW_LEXEME_COMMAND) {
        bool number = rw_str_is(open->name, "vmatrix") || rw_str_is(open->name, "Vmatrix");
        return number ? NULL : matrix(p, begin + 1, end - 1); /* a determinant is no matrix */
    }
    bool set_of = open->sign == '{' && builder(p, begin + 1, end - 1) > begin + 1;
    if (open->sign == RW_SIGN_SET || set_of) {
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
        if (inner->kind == RW_NODE_SYMBOL) {
            inner->open = open->sign == '('; /* "(c)" may be a choice */
        }
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
    const struct rw_lexeme *x = rw_item_lexeme(p, i);
    bool letter = x->kind == RW_LEXEME_LETTER && rw_str_is(x->name, "U") && i > 0 &&
                  (rw_item_is(p, i - 1, ')') || rw_item_is(p, i - 1, ']')) &&
                  (rw_item_is(p, i + 1, '(') || rw_item_is(p, i + 1, '['));
    return letter || rw_item_is(p, i, RW_SIGN_CUP) || rw_item_is(p, i, RW_SIGN_CAP) ||
           rw_item_is(p, i, RW_SIGN_WITHOUT);
}

static struct rw_node *set_operation(struct rw_parser *p, size_t begin, size_t end)
{
    size_t n = 0;
    uint8_t sign = 0;
    for (size_t i = begin; i < end; i = rw_item_past(p, i)) {
        if (union_sign(p, i)) {
            uint8_t now = rw_item_lexeme(p, i)->kind == RW_LEXEME_SIGN ? rw_item_lexeme(p, i)->sign
                                                                       : RW_SIGN_CUP;
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
    for (size_t i = begin; i <= end && !p->failed; i = i < end ? rw_item_past(p, i) : i + 1) {
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

/* "(i) 3", "(a) 5 (b) 6": the name of a part is no factor. */
static bool part_label(const struct rw_parser *p, size_t begin, size_t end)
{
    const struct rw_lexeme *x = rw_item_lexeme(p, begin + 1);
    size_t close = p->match[begin];
    bool name = x->kind == RW_LEXEME_LETTER && x->name.len == 1 && x->name.ptr[0] >= 'a' &&
                (x->name.ptr[0] <= 'e' || x->name.ptr[0] == 'i');
    return rw_item_is(p, begin, '(') && close == begin + 2 && close + 1 < end && name &&
           rw_item_lexeme(p, close + 1)->kind == RW_LEXEME_NUMBER &&
           (rw_item_lexeme(p, close + 1)->flags & RW_LEXEME_SPACED) != 0;
}

/* "5 ft 6 in", "2 hours 30 minutes": quantities side by side, as a list. */
static struct rw_node *compound(struct rw_parser *p, size_t begin, size_t end)
{
    struct rw_node *list = rw_parse_node(p, RW_NODE_LIST);
    size_t from = begin;
    for (size_t i = begin + 1; i <= end && !p->failed; i++) {
        bool next = i < end && rw_item_lexeme(p, i)->kind == RW_LEXEME_NUMBER &&
                    rw_item_lexeme(p, i - 1)->kind == RW_LEXEME_WORD;
        if (i < end && !next) {
            continue;
        }
        struct rw_node *part = rw_item_lexeme(p, from)->kind == RW_LEXEME_NUMBER
                                   ? rw_parse_quantity(p, from, i)
                                   : NULL;
        if (part == NULL || part->kind != RW_NODE_QUANTITY || !rw_word_measures(part->name)) {
            return NULL;
        }
        rw_parse_add(p, list, part);
        from = i;
    }
    return list->n > 1 && !p->failed ? list : NULL;
}

/* ---- items and lists ------------------------------------------------------------------------- */

static struct rw_node *item(struct rw_parser *p, size_t begin, size_t end)
{
    typedef struct rw_node *rule(struct rw_parser *, size_t, size_t);
    static rule *const RULES[] = {
        rw_item_choice,      set_operation,    rw_item_relation,  rw_item_colon, rw_parse_ratio,
        rw_parse_month_date, rw_parse_literal, rw_parse_quantity, compound,      words};
    if (p->match[begin] == end - 1) {
        struct rw_node *node = enclosed(p, begin, end);
        if (node != NULL) {
            return node;
        }
    }
    if (begin + 1 == end && rw_item_is(p, begin, RW_SIGN_EMPTY_SET)) {
        return rw_parse_node(p, RW_NODE_SET);
    }
    if (begin + 1 == end && rw_item_is(p, begin, RW_SIGN_ELLIPSIS)) {
        return rw_parse_node(p, RW_NODE_ELLIPSIS);
    }
    if (part_label(p, begin, end)) {
        return NULL;
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
    while (begin < end && rw_item_is(p, end - 1, '.')) {
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
    return rw_item_assign(p, name, values);
}

/* "which is the total", "I hope it is correct". */
static bool begins_clause(const struct rw_parser *p, size_t at, size_t end)
{
    const struct rw_lexeme *x = rw_item_lexeme(p, at);
    bool person = x->kind == RW_LEXEME_LETTER && rw_str_is(x->name, "I") && at + 1 < end &&
                  rw_item_lexeme(p, at + 1)->kind == RW_LEXEME_WORD;
    return person || (x->kind == RW_LEXEME_WORD && rw_word_clause(x->name));
}

/* What follows may be the answer itself. */
static bool concludes(const struct rw_lexeme *x)
{
    static const char *const WORDS[] = {"so",    "therefore", "thus",   "hence",
                                        "after", "making",    "giving", "assuming"};
    for (size_t i = 0; i < RW_COUNT(WORDS); i++) {
        if (rw_scan_equal(x->name, rw_str_from(WORDS[i]))) {
            return true;
        }
    }
    return false;
}

/* The items of [begin, end) between `sign` and, for commas, conjunctions. */
static struct rw_node *split(struct rw_parser *p, size_t begin, size_t end, int sign)
{
    struct rw_node *list = rw_parse_node(p, RW_NODE_LIST);
    size_t from = begin;
    bool comma = false;
    bool either = false;
    for (size_t i = begin; i <= end && !p->no_memory; i = i < end ? rw_item_past(p, i) : i + 1) {
        bool joins = i < end && sign == ',' && conjunction(rw_item_lexeme(p, i), &either);
        bool separates = i == end || rw_item_is(p, i, sign) || joins;
        if (!separates) {
            continue;
        }
        if (from == i && joins && comma) { /* "1, 2, and 3" */
            from = i + 1;
            continue;
        }
        bool clause = list->n > 0 && from < i && begins_clause(p, from, i);
        if (clause && rw_scan_equal(rw_item_lexeme(p, from)->name, RW_STR("so")) && from + 1 < i &&
            (rw_scan_equal(rw_item_lexeme(p, from + 1)->name, RW_STR("on")) ||
             rw_scan_equal(rw_item_lexeme(p, from + 1)->name, RW_STR("forth")))) {
            rw_parse_add(p, list, rw_parse_node(p, RW_NODE_ELLIPSIS));
            break;
        }
        if (clause && concludes(rw_item_lexeme(p, from))) { /* "3 boxes of 4, so 12" */
            rw_parse_add(p, list, rw_item_unread(p, from, end));
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
        rw_parse_add(p, list, element != NULL ? element : rw_item_unread(p, from, i));
        comma = i < end && rw_item_is(p, i, sign);
        from = i + 1;
    }
    list->flags |= either ? RW_NODE_EITHER : 0;
    if (p->no_memory || p->failed) {
        return NULL;
    }
    return list->n == 1 ? list->first : common_label(p, list);
}

/* "the", "a total of" */
static bool leads(const struct rw_parser *p, size_t at)
{
    const struct rw_lexeme *x = rw_item_lexeme(p, at);
    const struct rw_lexeme *next = rw_item_lexeme(p, at + 1);
    bool total = at > 0 && rw_scan_equal(rw_item_lexeme(p, at - 1)->name, RW_STR("total"));
    bool article = x->kind == RW_LEXEME_LETTER && rw_str_is(x->name, "a");
    static const char *const PAIRS[][2] = {{"equal", "to"}, {"given", "by"}};
    for (size_t i = 0; i < RW_COUNT(PAIRS); i++) {
        bool second = at > 0 && rw_str_is(x->name, PAIRS[i][1]) &&
                      rw_scan_equal(rw_item_lexeme(p, at - 1)->name, rw_str_from(PAIRS[i][0]));
        if (second || (rw_scan_equal(x->name, rw_str_from(PAIRS[i][0])) &&
                       rw_str_is(next->name, PAIRS[i][1]))) {
            return true;
        }
    }
    return (x->kind == RW_LEXEME_WORD &&
            (rw_word_lead(x->name) || (total && rw_scan_equal(x->name, RW_STR("of"))))) ||
           (article && rw_scan_equal(next->name, RW_STR("total")));
}

/* "one hundred and twenty" is no list. */
static struct rw_node *in_words(struct rw_parser *p, size_t begin, size_t end)
{
    struct rw_str word = rw_item_lexeme(p, begin)->name;
    bool number = rw_word_number(word) >= 0 || rw_word_scale(word) > 0;
    return number ? rw_parse_quantity(p, begin, end) : NULL;
}

struct rw_node *rw_parse_list(struct rw_parser *p, size_t begin, size_t end)
{
    bool semicolon = false;
    bool several = false;
    bool unused = false;
    while (begin + 1 < end && leads(p, begin)) {
        begin++;
    }
    if (begin >= end || p->depth >= RW_PARSE_DEPTH_MAX) {
        return NULL;
    }
    for (size_t i = begin; i < end; i = rw_item_past(p, i)) {
        semicolon = semicolon || rw_item_is(p, i, ';');
        several = several || rw_item_is(p, i, ',') || conjunction(rw_item_lexeme(p, i), &unused);
    }
    p->depth++;
    struct rw_node *node = rw_parse_month_date(p, begin, end);
    if (node == NULL) {
        node = rw_item_choice(p, begin, end);
    }
    if (node == NULL && several && rw_item_lexeme(p, begin)->kind == RW_LEXEME_WORD) {
        node = in_words(p, begin, end);
    }
    if (node == NULL) {
        node = semicolon ? split(p, begin, end, ';')
               : several ? split(p, begin, end, ',')
                         : rw_parse_item(p, begin, end);
    }
    p->depth--;
    return p->no_memory ? NULL : node;
}
