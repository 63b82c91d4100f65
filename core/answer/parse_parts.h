/* Between the files of parse.h: the parser, and the two halves of the grammar. */
#ifndef RW_ANSWER_PARSE_PARTS_H
#define RW_ANSWER_PARSE_PARTS_H

#include "core/answer/parse.h"

struct rw_parser {
    const struct rw_lexemes *l;
    struct rw_arena *arena;
    size_t at;
    size_t end;    /* of the range that is read */
    size_t inside; /* letters or digits of l->at[at] that are behind us */
    int depth;
    int groups; /* LaTeX arguments and exponents: letters in them are variables */
    int bars;   /* open |...| */
    int brackets;
    int slashes;   /* of the product that is read */
    bool relation; /* a side of a relation: sums are meant */
    bool latex;    /* there are commands: letters side by side are a product */
    bool loose;    /* read in one of several ways */
    bool failed;
    bool no_memory;
    uint8_t currency; /* lexeme index + 1 of the first currency sign met inside the expression */
    uint16_t match[RW_LEXEMES_MAX + 1]; /* of a bracket: the other one; else 0 */
    struct rw_node *nothing;            /* what a failed rule returns */
};

/* ---- making nodes ---- */
struct rw_node *rw_parse_node(struct rw_parser *p, enum rw_node_kind kind);
void rw_parse_add(struct rw_parser *p, struct rw_node *parent, struct rw_node *child);
struct rw_node *rw_parse_fail(struct rw_parser *p);
uint64_t rw_parse_mix(uint64_t a, uint64_t b);
uint64_t rw_parse_hash(struct rw_str s);

/* ---- looking ---- */
static inline const struct rw_lexeme *rw_parse_at(const struct rw_parser *p, size_t at)
{
    return &p->l->at[at < p->end ? at : p->l->n];
}

static inline bool rw_parse_is(const struct rw_parser *p, size_t at, int sign)
{
    const struct rw_lexeme *x = rw_parse_at(p, at);
    return x->kind == RW_LEXEME_SIGN && x->sign == sign;
}

/* parse_expression.c: a sum from p->at on; p->failed when there is none. */
struct rw_node *rw_parse_sum(struct rw_parser *p);
/* Does the word name a function ("sin", "sqrt", "lnx")? The bytes of its name; 0 when not. */
size_t rw_parse_function_name(const struct rw_lexeme *x);
/* The hash of lexemes [begin, end): their signs only. */
uint64_t rw_parse_signs(const struct rw_parser *p, size_t begin, size_t end);
/* A unit begins at `at`, behind a number without variables. */
bool rw_parse_unit_follows(const struct rw_parser *p, size_t at);

/* parse_words.c: a whole number as a node; one in words from p->at on, NULL when none stands here.
 */
struct rw_node *rw_parse_whole(struct rw_parser *p, int64_t value);
struct rw_node *rw_parse_number_words(struct rw_parser *p);
/* parse_quantity.c: the whole range [begin, end) as a quantity; NULL when it is none. */
struct rw_node *rw_parse_quantity(struct rw_parser *p, size_t begin, size_t end);
/* parse_literal.c: 3:4; "May 6, 2024"; 2024-05-06 and digits that are no number. NULL: no such. */
struct rw_node *rw_parse_ratio(struct rw_parser *p, size_t begin, size_t end);
struct rw_node *rw_parse_month_date(struct rw_parser *p, size_t begin, size_t end);
struct rw_node *rw_parse_literal(struct rw_parser *p, size_t begin, size_t end);
/* parse_item.c: the range as one item or several. */
struct rw_node *rw_parse_item(struct rw_parser *p, size_t begin, size_t end);
struct rw_node *rw_parse_list(struct rw_parser *p, size_t begin, size_t end);

#endif
