/* Between parse_item.c and parse_relation.c: ranges of lexemes, words, names. */
#ifndef RW_ANSWER_ITEM_PARTS_H
#define RW_ANSWER_ITEM_PARTS_H

#include "core/answer/parse_parts.h"

static inline const struct rw_lexeme *rw_item_lexeme(const struct rw_parser *p, size_t at)
{
    return &p->l->at[at];
}

static inline bool rw_item_is(const struct rw_parser *p, size_t at, int sign)
{
    return rw_item_lexeme(p, at)->kind == RW_LEXEME_SIGN && rw_item_lexeme(p, at)->sign == sign;
}

/* Behind the bracket that opens here, or the next lexeme. */
static inline size_t rw_item_past(const struct rw_parser *p, size_t at)
{
    return p->match[at] > at ? p->match[at] + 1u : at + 1;
}

/* parse_relation.c */
struct rw_node *rw_item_unread(struct rw_parser *p, size_t begin, size_t end);
struct rw_node *rw_item_text(struct rw_parser *p, size_t begin, size_t end);
bool rw_item_all_words(const struct rw_parser *p, size_t begin, size_t end);
/* x = 5 as a name and a value. */
struct rw_node *rw_item_assign(struct rw_parser *p, struct rw_node *name, struct rw_node *value);
/* "Total: 5", "A: 3"; "2x < 3"; "B", "(B) forty". NULL: no such. */
struct rw_node *rw_item_colon(struct rw_parser *p, size_t begin, size_t end);
struct rw_node *rw_item_relation(struct rw_parser *p, size_t begin, size_t end);
struct rw_node *rw_item_choice(struct rw_parser *p, size_t begin, size_t end);

#endif
