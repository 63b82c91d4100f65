#include "core/answer/parse.h"

#include "core/answer/parse_parts.h"
#include "core/base/util.h"

/* ---- nodes ----------------------------------------------------------------------------------- */

/* The finalizer of splitmix64 over both. */
uint64_t rw_parse_mix(uint64_t a, uint64_t b)
{
    uint64_t x = a * UINT64_C(0x9E3779B97F4A7C15) + b + UINT64_C(0x632BE59BD9B4E019);
    x = (x ^ (x >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94D049BB133111EB);
    return x ^ (x >> 31);
}

uint64_t rw_parse_hash(struct rw_str s)
{
    uint64_t h = s.len;
    for (size_t i = 0; i < s.len; i++) {
        h = (h ^ (unsigned char)s.ptr[i]) * UINT64_C(0x100000001b3);
    }
    return rw_parse_mix(h, s.len);
}

struct rw_node *rw_parse_fail(struct rw_parser *p)
{
    p->failed = true;
    return p->nothing;
}

struct rw_node *rw_parse_node(struct rw_parser *p, enum rw_node_kind kind)
{
    struct rw_node *node = p->no_memory ? NULL : rw_arena_alloc(p->arena, sizeof *node);
    if (node == NULL) {
        p->no_memory = true;
        return rw_parse_fail(p);
    }
    node->kind = (uint8_t)kind;
    node->key = rw_parse_mix(kind, 0);
    node->exact.den = 1;
    bool closed = kind >= RW_NODE_SUM && kind <= RW_NODE_PERCENT;
    node->flags = closed ? RW_NODE_CLOSED : 0;
    return node;
}

void rw_parse_add(struct rw_parser *p, struct rw_node *parent, struct rw_node *child)
{
    if (p->failed) {
        return;
    }
    if (parent->last != NULL) {
        parent->last->next = child;
    } else {
        parent->first = child;
    }
    parent->last = child;
    parent->n++;
    parent->key = rw_parse_mix(parent->key, child->key);
    if (rw_node_scalar(parent) && (child->flags & RW_NODE_CLOSED) == 0) {
        parent->flags &= (uint16_t)~RW_NODE_CLOSED;
    }
}

/* ---- signs ----------------------------------------------------------------------------------- */

uint64_t rw_parse_signs(const struct rw_parser *p, size_t begin, size_t end)
{
    uint64_t key = 0;
    for (size_t i = begin; i < end && i < p->l->n; i++) {
        const struct rw_lexeme *x = &p->l->at[i];
        bool brace = x->kind == RW_LEXEME_SIGN && (x->sign == '{' || x->sign == '}');
        if (brace && (p->match[i] == i + 2 || (size_t)p->match[i] + 2 == i)) {
            continue; /* around one lexeme braces say nothing */
        }
        bool named = x->kind != RW_LEXEME_SIGN || x->sign == RW_SIGN_CURRENCY;
        key = rw_parse_mix(key, (uint64_t)x->kind << 8 | x->sign);
        key = named ? rw_parse_mix(key, rw_parse_hash(x->name)) : key;
    }
    return key;
}

static bool opens(const struct rw_lexeme *x)
{
    return (x->kind == RW_LEXEME_SIGN &&
            (x->sign == '(' || x->sign == '[' || x->sign == '{' || x->sign == RW_SIGN_SET)) ||
           (x->kind == RW_LEXEME_COMMAND && x->sign == RW_COMMAND_BEGIN);
}

static bool closes(const struct rw_lexeme *x)
{
    return (x->kind == RW_LEXEME_SIGN &&
            (x->sign == ')' || x->sign == ']' || x->sign == '}' || x->sign == RW_SIGN_SET_END)) ||
           (x->kind == RW_LEXEME_COMMAND && x->sign == RW_COMMAND_END);
}

/* Which brackets may end what this one begins: an interval is closed by either kind. */
static bool pairs(const struct rw_lexeme *a, const struct rw_lexeme *b)
{
    if (a->kind != b->kind) {
        return false;
    }
    if (a->kind == RW_LEXEME_COMMAND) {
        return rw_str_equal(a->name, b->name);
    }
    switch (a->sign) {
    case '(':
    case '[':
        return b->sign == ')' || b->sign == ']';
    case '{':
        return b->sign == '}';
    default:
        return b->sign == RW_SIGN_SET_END;
    }
}

/* "A)" and "B) 42": the bracket of a choice opens nowhere. */
static bool choice_bracket(const struct rw_parser *p, size_t at)
{
    const struct rw_lexeme *x = &p->l->at[0];
    return at == 1 && x->kind == RW_LEXEME_LETTER && x->name.len == 1 && x->name.ptr[0] >= 'A' &&
           x->name.ptr[0] <= 'J' && p->l->at[1].sign == ')';
}

/* Pairs brackets off; false when they do not. */
static bool match_brackets(struct rw_parser *p)
{
    uint16_t open[RW_LEXEMES_MAX];
    size_t n = 0;
    for (size_t i = 0; i < p->l->n; i++) {
        const struct rw_lexeme *x = &p->l->at[i];
        p->match[i] = 0;
        if (opens(x)) {
            open[n++] = (uint16_t)i;
        } else if (closes(x) && !(n == 0 && choice_bracket(p, i))) {
            if (n == 0 || !pairs(&p->l->at[open[n - 1]], x)) {
                return false;
            }
            n--;
            p->match[open[n]] = (uint16_t)i;
            p->match[i] = open[n];
        }
    }
    p->match[p->l->n] = 0;
    return n == 0;
}

/* ---- all ------------------------------------------------------------------------------------- */

/* Marks around an answer that say nothing: the full stop, a colon, "=" in front. */
static void trim(const struct rw_lexemes *l, size_t *begin, size_t *end)
{
    while (*begin < *end) {
        const struct rw_lexeme *first = &l->at[*begin];
        const struct rw_lexeme *last = &l->at[*end - 1];
        bool lead = (first->kind == RW_LEXEME_SIGN && first->sign < 128 && first->sign != 0 &&
                     strchr(":=,.;*", first->sign) != NULL);
        if (lead) {
            ++*begin;
        } else if (last->kind == RW_LEXEME_SIGN && last->sign < 128 && last->sign != 0 &&
                   strchr(".,;:*", last->sign) != NULL) {
            --*end;
        } else {
            break;
        }
    }
}

static bool has_commands(const struct rw_lexemes *l, size_t begin, size_t end)
{
    for (size_t i = begin; i < end; i++) {
        if (l->at[i].kind == RW_LEXEME_COMMAND) {
            return true;
        }
    }
    return false;
}

static bool unknown(const struct rw_lexemes *l, size_t begin, size_t end)
{
    for (size_t i = begin; i < end; i++) {
        if (l->at[i].kind == RW_LEXEME_UNKNOWN) {
            return true;
        }
    }
    return false;
}

const struct rw_node *rw_parse_answer(const struct rw_lexemes *lexemes, struct rw_arena *arena)
{
    struct rw_parser p;
    p = (struct rw_parser){.l = lexemes, .arena = arena, .end = lexemes->n};
    p.nothing = rw_arena_alloc(arena, sizeof *p.nothing);
    if (p.nothing == NULL) {
        return NULL;
    }
    size_t begin = 0;
    size_t end = lexemes->n;
    trim(lexemes, &begin, &end);
    struct rw_node *node = NULL;
    p.latex = has_commands(lexemes, begin, end);
    if (begin < end && match_brackets(&p) && !unknown(lexemes, begin, end)) {
        node = rw_parse_list(&p, begin, end);
    }
    if (node == NULL && !p.no_memory) {
        p.failed = false;
        node = rw_parse_node(&p, RW_NODE_UNREAD);
        node->key = rw_parse_mix(RW_NODE_UNREAD, rw_parse_signs(&p, begin, end));
    }
    return p.no_memory ? NULL : node;
}
