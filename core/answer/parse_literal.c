/* Digits that are no numbers: ratios, dates, telephone numbers. */
#include "core/answer/parse_parts.h"
#include "core/base/scan.h"
#include "core/base/util.h"

enum {
    NAME_LETTERS_MIN = 3, /* "Mar", "Mon" */
    DATE_LEXEMES_MAX = 10,
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
    uint16_t groups = tight && sign == '-' ? RW_LEXEME_GROUPED : 0; /* "1,800-2,000" */
    for (size_t i = begin; i < end; i++) {
        const struct rw_lexeme *x = lexeme(p, i);
        bool spaced = i > begin && (x->flags & RW_LEXEME_SPACED) != 0;
        bool number = (i - begin) % 2 == 0;
        struct rw_lexeme plain = *x;
        plain.flags &= (uint16_t)~groups;
        if ((tight && spaced) || (number ? !whole_number(&plain) : !is_sign(p, i, sign))) {
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

static bool begins_name(const struct rw_lexeme *x, const char *const *names, size_t n, size_t *at)
{
    for (size_t i = 0; i < n && x->kind == RW_LEXEME_WORD; i++) {
        struct rw_str name = rw_str_from(names[i]);
        if (x->name.len >= NAME_LETTERS_MIN && x->name.len <= name.len &&
            rw_scan_equal(x->name, rw_str_slice(name, 0, x->name.len))) {
            *at = i;
            return true;
        }
    }
    return false;
}

static int month_of(const struct rw_lexeme *x)
{
    static const char *const MONTHS[] = {"january",   "february", "march",    "april",
                                         "may",       "june",     "july",     "august",
                                         "september", "october",  "november", "december"};
    size_t at;
    return begins_name(x, MONTHS, RW_COUNT(MONTHS), &at) ? (int)at + 1 : 0;
}

static bool is_weekday(const struct rw_lexeme *x)
{
    static const char *const DAYS[] = {"monday", "tuesday",  "wednesday", "thursday",
                                       "friday", "saturday", "sunday"};
    size_t at;
    return begins_name(x, DAYS, RW_COUNT(DAYS), &at);
}

/* The "th" of "4th", "of" in "4th of July", the point of "Mar.", commas. */
static size_t past_silent(const struct rw_parser *p, size_t at, size_t end)
{
    static const char *const SILENT[] = {"th", "st", "nd", "rd", "of", "the"};
    for (bool silent = true; silent && at < end;) {
        silent = is_sign(p, at, ',') || is_sign(p, at, '.');
        for (size_t i = 0; i < RW_COUNT(SILENT) && !silent; i++) {
            silent = rw_scan_equal(lexeme(p, at)->name, rw_str_from(SILENT[i]));
        }
        at += silent;
    }
    return at;
}

/* "May 6, 2024", "6 May 2024", "May 6", "the 6th of May", "Monday, May 6". The day of the week says
 * nothing beside the date. */
struct rw_node *rw_parse_month_date(struct rw_parser *p, size_t begin, size_t end)
{
    if (end - begin < 2 || end - begin > DATE_LEXEMES_MAX) {
        return NULL;
    }
    size_t at = past_silent(p, begin, end);
    at = at < end && is_weekday(lexeme(p, at)) ? past_silent(p, at + 1, end) : at;
    int month = at < end ? month_of(lexeme(p, at)) : 0;
    at = month > 0 ? past_silent(p, at + 1, end) : at;
    if (at >= end || !whole_number(lexeme(p, at))) {
        return NULL;
    }
    int day = value_of(lexeme(p, at));
    at = past_silent(p, at + 1, end);
    if (month == 0) {
        month = at < end ? month_of(lexeme(p, at)) : 0;
        at = month > 0 ? past_silent(p, at + 1, end) : at;
    }
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
    if ((hyphens == 3 || slashes == 3) && lexeme(p, begin)->name.len == 4) {
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

/* "PM", "p.m.", "pm" up to the end: 2, "AM": 1; 0: neither. */
static int half_day(const struct rw_parser *p, size_t at, size_t end)
{
    char letters[3] = {0};
    size_t n = 0;
    for (; at < end; at++) {
        const struct rw_lexeme *x = lexeme(p, at);
        bool word = x->kind == RW_LEXEME_WORD || x->kind == RW_LEXEME_LETTER;
        if (is_sign(p, at, '.')) {
            continue;
        }
        for (size_t k = 0; k < x->name.len; k++) {
            if (!word || n == 2) {
                return 0;
            }
            letters[n++] = rw_scan_lower(x->name.ptr[k]);
        }
    }
    bool known = n == 2 && letters[1] == 'm';
    return known && letters[0] == 'a' ? 1 : known && letters[0] == 'p' ? 2 : 0;
}

/* 3:30 PM; its `sign` is the half of the day. */
static struct rw_node *time_of_day(struct rw_parser *p, size_t begin, size_t end)
{
    bool hour_only =
        begin + 1 < end && whole_number(lexeme(p, begin)) && !is_sign(p, begin + 1, ':');
    size_t digits = hour_only ? begin + 1 : begin + 3;
    int half = digits < end ? half_day(p, digits, end) : 0;
    if (half == 0 || (!hour_only && joined(p, begin, digits, ':', false) != 2)) {
        return NULL;
    }
    struct rw_node *node = rw_parse_node(p, RW_NODE_RATIO);
    rw_parse_add(p, node, number_child(p, value_of(lexeme(p, begin))));
    rw_parse_add(p, node, number_child(p, hour_only ? 0 : value_of(lexeme(p, begin + 2))));
    node->sign = (uint8_t)half;
    node->key = rw_parse_mix(node->key, (uint64_t)half);
    return node;
}

/* 1:\sqrt{3}: terms without variables. */
static struct rw_node *ratio_of_terms(struct rw_parser *p, size_t begin, size_t end)
{
    bool colon = false;
    for (size_t i = begin; i < end && !colon; i++) {
        colon = is_sign(p, i, ':');
    }
    if (!colon) {
        return NULL; /* most are none, and would be read twice */
    }
    struct rw_node *node = rw_parse_node(p, RW_NODE_RATIO);
    size_t term = begin;
    for (size_t i = begin; i <= end; i = p->match[i] > i && i < end ? p->match[i] + 1u : i + 1) {
        if (i < end && !is_sign(p, i, ':')) {
            continue;
        }
        struct rw_node *value = term < i ? rw_parse_quantity(p, term, i) : NULL;
        if (value == NULL || !rw_node_scalar(value) || (value->flags & RW_NODE_CLOSED) == 0) {
            return NULL;
        }
        rw_parse_add(p, node, value);
        term = i + 1;
    }
    return node->n > 1 && !p->failed ? node : NULL;
}

struct rw_node *rw_parse_ratio(struct rw_parser *p, size_t begin, size_t end)
{
    struct rw_node *time = time_of_day(p, begin, end);
    if (time != NULL || joined(p, begin, end, ':', false) < 2) {
        return time != NULL ? time : ratio_of_terms(p, begin, end);
    }
    struct rw_node *node = rw_parse_node(p, RW_NODE_RATIO);
    for (size_t i = begin; i < end; i += 2) {
        rw_parse_add(p, node, number_child(p, value_of(lexeme(p, i))));
    }
    return node;
}
