/* Between parse_expression.c and parse_function.c: one recursion in two files. */
#ifndef RW_ANSWER_PARSE_RULES_H
#define RW_ANSWER_PARSE_RULES_H

#include "core/answer/parse_parts.h"

static inline const struct rw_lexeme *rw_rule_peek(const struct rw_parser *p)
{
    return rw_parse_at(p, p->at);
}

static inline bool rw_rule_is(const struct rw_parser *p, int sign)
{
    return p->inside == 0 && rw_parse_is(p, p->at, sign);
}

static inline bool rw_rule_take(struct rw_parser *p, int sign)
{
    bool there = rw_rule_is(p, sign);
    p->at += there;
    return there;
}

static inline bool rw_rule_is_command(const struct rw_lexeme *x, enum rw_lexeme_command which)
{
    return x->kind == RW_LEXEME_COMMAND && x->sign == which;
}

static inline struct rw_node *rw_rule_unary(struct rw_parser *p, enum rw_node_kind kind,
                                            struct rw_node *a)
{
    struct rw_node *node = rw_parse_node(p, kind);
    rw_parse_add(p, node, a);
    return node;
}

static inline struct rw_node *rw_rule_binary(struct rw_parser *p, enum rw_node_kind kind,
                                             struct rw_node *a, struct rw_node *b)
{
    struct rw_node *node = rw_rule_unary(p, kind, a);
    rw_parse_add(p, node, b);
    return node;
}

static inline struct rw_node *rw_rule_negative(struct rw_parser *p, struct rw_node *a)
{
    return rw_rule_unary(p, RW_NODE_NEGATIVE, a);
}

/* parse_expression.c */
struct rw_node *rw_rule_power(struct rw_parser *p);
struct rw_node *rw_rule_product(struct rw_parser *p);
/* A factor without a sign before it stands here; `before` is what it multiplies. */
bool rw_rule_factor_follows(struct rw_parser *p, const struct rw_node *before, bool powered);
/* One digit of a number: the argument of \frac12. */
struct rw_node *rw_rule_digit(struct rw_parser *p);
struct rw_node *rw_rule_small_number(struct rw_parser *p, int num, int den);
/* What stands inside brackets or braces: a sum, or "a \over b". */
struct rw_node *rw_rule_inside(struct rw_parser *p);

/* parse_symbol.c */
struct rw_node *rw_rule_symbol(struct rw_parser *p, struct rw_str name);
/* The arguments of a call, as children. */
void rw_rule_arguments(struct rw_parser *p, struct rw_node *call);

/* parse_function.c */
/* The letter of "2 x 10^3" stands here. */
bool rw_rule_times_ten(const struct rw_parser *p);
/* a / b; dy/dx is no quotient of products. */
struct rw_node *rw_rule_quotient(struct rw_parser *p, struct rw_node *a, struct rw_node *b);
/* {...}, or the number, letter or command that follows. */
struct rw_node *rw_rule_group(struct rw_parser *p);
struct rw_node *rw_rule_call_function(struct rw_parser *p, struct rw_str name);
struct rw_node *rw_rule_root(struct rw_parser *p);
struct rw_node *rw_rule_command(struct rw_parser *p);

#endif
