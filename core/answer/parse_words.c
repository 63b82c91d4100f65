/* Numbers in words: "one hundred and twenty", "two-thirds", "two and a half". */
#include "core/answer/parse_parts.h"
#include "core/answer/residue.h"
#include "core/answer/word.h"
#include "core/base/scan.h"
#include "core/base/util.h"

enum {
    HUNDRED = 100,
    THOUSAND = 1000,
};

/* A number that grows word by word: 2 thousand | 3 hundred 15. */
struct cardinal {
    int64_t total; /* whole groups of a thousand, a million, ... */
    int64_t group; /* below a thousand; -1: none begun */
    int64_t scale; /* of the last whole group; the next one is smaller */
};

static const struct rw_lexeme *word_at(const struct rw_parser *p, size_t at)
{
    const struct rw_lexeme *x = rw_parse_at(p, at);
    return x->kind == RW_LEXEME_WORD ? x : NULL;
}

static bool is_word(const struct rw_parser *p, size_t at, const char *word)
{
    const struct rw_lexeme *x = rw_parse_at(p, at);
    return (x->kind == RW_LEXEME_WORD || x->kind == RW_LEXEME_LETTER) &&
           rw_scan_equal(x->name, rw_str_from(word));
}

struct rw_node *rw_parse_whole(struct rw_parser *p, int64_t value)
{
    struct rw_node *node = rw_parse_node(p, RW_NODE_NUMBER);
    node->exact = rw_rational_make(value, 1);
    node->residue = (uint64_t)value % RW_RESIDUE_PRIME;
    node->v = (double)value;
    node->flags |= RW_NODE_CLOSED;
    node->key = rw_parse_mix(rw_parse_mix(RW_NODE_NUMBER, node->residue), 0);
    return node;
}

/* Takes a word of the number; false when it does not go on with it. */
static bool grow(struct cardinal *c, struct rw_str word)
{
    int small = rw_word_number(word);
    int64_t scale = rw_word_scale(word);
    if (small >= 0) {
        bool ones = c->group % 10 == 0 && c->group % HUNDRED >= 20 && small >= 1 && small <= 9;
        bool tens = c->group > 0 && c->group % HUNDRED == 0 && small >= 1;
        if (c->group >= 0 && !ones && !tens) {
            return false;
        }
        c->group = RW_MAX(c->group, 0) + small;
        return true;
    }
    if (scale == HUNDRED) {
        bool first = c->group < 0 && c->total == 0;
        if (!first && (c->group < 1 || c->group > 9)) {
            return false;
        }
        c->group = (first ? 1 : c->group) * HUNDRED;
        return true;
    }
    bool first = c->group < 0 && c->total == 0;
    if (scale < THOUSAND || (c->group < 1 && !first) || (c->scale > 0 && scale >= c->scale)) {
        return false;
    }
    c->total += (first ? 1 : c->group) * scale;
    c->group = -1;
    c->scale = scale;
    return true;
}

/* What a part is one of: "half", "third", "quarters"; 0 for other words. */
static int denominator(struct rw_str word, bool one)
{
    static const char *const NAMES[] = {"half",  "third",   "quarter", "fourth", "fifth",
                                        "sixth", "seventh", "eighth",  "ninth",  "tenth"};
    static const int VALUES[] = {2, 3, 4, 4, 5, 6, 7, 8, 9, 10};
    bool plural = word.len > 1 && rw_scan_lower(word.ptr[word.len - 1]) == 's';
    struct rw_str stem = rw_str_slice(word, 0, word.len - plural);
    if (rw_scan_equal(word, RW_STR("halves"))) {
        return one ? 0 : 2;
    }
    for (size_t i = 0; i < RW_COUNT(NAMES) && plural != one; i++) {
        if (rw_scan_equal(stem, rw_str_from(NAMES[i]))) {
            return VALUES[i];
        }
    }
    return 0;
}

static struct rw_node *part(struct rw_parser *p, int64_t num, int den)
{
    struct rw_node *node = rw_parse_node(p, RW_NODE_QUOTIENT);
    rw_parse_add(p, node, rw_parse_whole(p, num));
    rw_parse_add(p, node, rw_parse_whole(p, den));
    return node;
}

/* "half", "a third", "two thirds", "three-quarters" at p->at; NULL: none stands here. */
static struct rw_node *fraction(struct rw_parser *p)
{
    const struct rw_lexeme *x = word_at(p, p->at);
    bool article = is_word(p, p->at, "a") || is_word(p, p->at, "an");
    bool before = p->at > 0 && (rw_str_is(p->l->at[p->at - 1].name, "a") ||
                                rw_str_is(p->l->at[p->at - 1].name, "an"));
    if (x != NULL && (before || rw_scan_equal(x->name, RW_STR("half")))) {
        int den = denominator(x->name, true);
        p->at += den > 0;
        return den > 0 ? part(p, 1, den) : NULL;
    }
    size_t hyphen = x != NULL ? rw_str_find(x->name, RW_STR("-"), 0) : 0;
    bool joined = x != NULL && hyphen < x->name.len;
    int num = article ? 1 : x == NULL ? -1 : rw_word_number(rw_str_slice(x->name, 0, hyphen));
    const struct rw_lexeme *next = word_at(p, p->at + 1);
    struct rw_str name = joined         ? rw_str_slice(x->name, hyphen + 1, x->name.len)
                         : next != NULL ? next->name
                                        : RW_STR("");
    int den = num >= 1 && name.len > 0 ? denominator(name, num == 1) : 0;
    p->at += den == 0 ? 0 : joined ? 1 : 2;
    return den > 0 ? part(p, num, den) : NULL;
}

/* "two and a half": behind "and" a fraction. */
static struct rw_node *with_fraction(struct rw_parser *p, struct rw_node *whole)
{
    size_t begin = p->at;
    if (!is_word(p, begin, "and")) {
        return whole;
    }
    p->at++;
    struct rw_node *rest = fraction(p);
    if (rest == NULL) {
        p->at = begin;
        return whole;
    }
    struct rw_node *sum = rw_parse_node(p, RW_NODE_SUM);
    rw_parse_add(p, sum, whole);
    rw_parse_add(p, sum, rest);
    return sum;
}

struct rw_node *rw_parse_number_words(struct rw_parser *p)
{
    size_t begin = p->at;
    struct rw_node *alone = fraction(p);
    if (alone != NULL || p->failed) {
        return alone;
    }
    struct cardinal c = {.group = -1};
    const struct rw_lexeme *scale = word_at(p, begin + 1);
    if (is_word(p, begin, "a") && scale != NULL && rw_word_scale(scale->name) > 0) {
        p->at++;
        if (rw_word_scale(scale->name) < HUNDRED) {
            return rw_parse_whole(p, 1); /* "a dozen" */
        }
    }
    for (const struct rw_lexeme *x; (x = word_at(p, p->at)) != NULL; p->at++) {
        const struct rw_lexeme *next = word_at(p, p->at + 1);
        bool joins = rw_scan_equal(x->name, RW_STR("and")) && p->at > begin && next != NULL &&
                     rw_word_number(next->name) > 0 &&
                     rw_word_scale(p->l->at[p->at - 1].name) >= HUNDRED;
        if (!joins && !grow(&c, x->name)) {
            break;
        }
    }
    int64_t value = c.total + RW_MAX(c.group, 0);
    if (p->at == begin) {
        return NULL;
    }
    return with_fraction(p, rw_parse_whole(p, value));
}
