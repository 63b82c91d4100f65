/* Digits that are no numbers: ratios, dates, telephone numbers. */
#include "core/answer/parse_parts.h"
#include "core/base/scan.h"
#include "core/base/util.h"

enum {
    MONTH_LETTERS_MIN = 3,
};

static const struct rw_lexeme *lexeme(const struct rw_parser *p, size_t at)
{
    return &p->l->at[at];
}

static bool is_sign(const struct rw_parser *p, size_t at, int sign)
{
    return lexeme(p, at)->kind == RW_LEXEME_SIGN && lexeme(p, at)->sign == sign;
}

static bool whole_number(const struct rw_lexeme *x)
{
    return x->kind == RW_LEXEME_NUMBER && x->decimals == 0 &&
           (x->flags & (RW_LEXEME_POWERED | RW_LEXEME_GROUPED | RW_LEXEME_LOOSE)) == 0;
}

/* Numbers joined by `sign`, without spaces when `tight`; how many, 0 when it is something else. */
static size_t joined(const struct rw_parser *p, size_t begin, size_t end, int sign, bool tight)
{
    for (size_t i = begin; i < end; i++) {
        const struct rw_lexeme *x = lexeme(p, i);
        bool spaced = i > begin && (x->flags & RW_LEXEME_SPACED) != 0;
        bool number = (i - begin) % 2 == 0;
        if ((tight && spaced) || (number ? !whole_number(x) : !is_sign(p, i, sign))) {
            return 0;
        }
    }
    return (end - begin) % 2 == 1 ? (end - begin + 1) / 2 : 0;
}

static int value_of(const struct rw_lexeme *x)
{
    int value = 0;
    for (size_t i = 0; i < x->name.len && value < 100000; i++) {
        value = value * 10 + (x->name.ptr[i] - '0');
    }
    return value;
}

static struct rw_node *number_child(struct rw_parser *p, int value)
{
    struct rw_node *node = rw_parse_node(p, RW_NODE_NUMBER);
    node->exact = rw_rational_make(value, 1);
    node->residue = (uint64_t)value;
    node->v = value;
    node->flags |= RW_NODE_CLOSED;
    node->key = rw_parse_mix(node->key, (uint64_t)value);
    return node;
}

static struct rw_node *date(struct rw_parser *p, int year, int month, int day)
{
    struct rw_node *node = rw_parse_node(p, RW_NODE_DATE);
    rw_parse_add(p, node, number_child(p, year));
    rw_parse_add(p, node, number_child(p, month));
    rw_parse_add(p, node, number_child(p, day));
    return node;
}

static int month_of(const struct rw_lexeme *x)
{
    static const char *const MONTHS[] = {"january",   "february", "march",    "april",
                                         "may",       "june",     "july",     "august",
                                         "september", "october",  "november", "december"};
    for (size_t i = 0; i < RW_COUNT(MONTHS) && x->kind == RW_LEXEME_WORD; i++) {
        struct rw_str name = rw_str_from(MONTHS[i]);
        if (x->name.len >= MONTH_LETTERS_MIN && x->name.len <= name.len &&
            rw_scan_equal(x->name, rw_str_slice(name, 0, x->name.len))) {
            return (int)i + 1;
        }
    }
    return 0;
}

/* "May 6, 2024", "6 May 2024", "May 6". */
struct rw_node *rw_parse_month_date(struct rw_parser *p, size_t begin, size_t end)
{
    if (end - begin < 2 || end - begin > 4) {
        return NULL;
    }
    size_t at = begin;
    int month = month_of(lexeme(p, at));
    int day = 0;
    if (month > 0) {
        at++;
    }
    if (!whole_number(lexeme(p, at))) {
        return NULL;
    }
    day = value_of(lexeme(p, at++));
    if (month == 0) {
        month = at < end ? month_of(lexeme(p, at++)) : 0;
    }
    at += at < end && is_sign(p, at, ',');
    int year = 0;
    if (at < end && whole_number(lexeme(p, at))) {
        year = value_of(lexeme(p, at++));
    }
    return at == end && month > 0 && day >= 1 && day <= 31 ? date(p, year, month, day) : NULL;
}

/* A difference of digits without spaces may be a date, a telephone number or a range. */
struct rw_node *rw_parse_literal(struct rw_parser *p, size_t begin, size_t end)
{
    size_t hyphens = joined(p, begin, end, '-', true);
    size_t slashes = joined(p, begin, end, '/', true);
    bool doubtful = hyphens >= 2 || slashes >= 3;
    if (!doubtful || p->relation) {
        return NULL;
    }
    if (hyphens == 3 && lexeme(p, begin)->name.len == 4) {
        int month = value_of(lexeme(p, begin + 2));
        int day = value_of(lexeme(p, begin + 4));
        if (month >= 1 && month <= 12 && day >= 1 && day <= 31) {
            return date(p, value_of(lexeme(p, begin)), month, day);
        }
    }
    struct rw_node *node = rw_parse_node(p, RW_NODE_LITERAL);
    node->key = rw_parse_mix(RW_NODE_LITERAL, rw_parse_signs(p, begin, end));
    return node;
}

struct rw_node *rw_parse_ratio(struct rw_parser *p, size_t begin, size_t end)
{
    if (joined(p, begin, end, ':', false) < 2) {
        return NULL;
    }
    struct rw_node *node = rw_parse_node(p, RW_NODE_RATIO);
    for (size_t i = begin; i < end; i += 2) {
        rw_parse_add(p, node, number_child(p, value_of(lexeme(p, i))));
    }
    return node;
}
