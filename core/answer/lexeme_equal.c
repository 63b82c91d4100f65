/* The same signs in the same order. */
#include "core/answer/lexeme.h"
#include "core/base/scan.h"

/* A brace around one lexeme says nothing. */
static size_t past_braces(const struct rw_lexemes *l, size_t at)
{
    for (;;) {
        const struct rw_lexeme *x = &l->at[at];
        bool opens = x->kind == RW_LEXEME_SIGN && x->sign == '{' && at + 2 < l->n &&
                     l->at[at + 2].kind == RW_LEXEME_SIGN && l->at[at + 2].sign == '}';
        bool closes = x->kind == RW_LEXEME_SIGN && x->sign == '}' && at >= 2 &&
                      l->at[at - 2].kind == RW_LEXEME_SIGN && l->at[at - 2].sign == '{';
        if (at >= l->n || !(opens || closes)) {
            return at;
        }
        at++;
    }
}

static bool same(const struct rw_lexemes *a, const struct rw_lexeme *x, const struct rw_lexemes *b,
                 const struct rw_lexeme *y)
{
    enum {
        CASE_COUNTS = 3, /* bytes: variables and short units: M and m, mW and MW */
    };
    if (x->kind != y->kind || x->sign != y->sign) {
        return false;
    }
    if (x->kind == RW_LEXEME_NUMBER) {
        struct rw_lexeme_number p;
        struct rw_lexeme_number q;
        rw_lexeme_number(a, x, &p);
        rw_lexeme_number(b, y, &q);
        return p.residue == q.residue && x->decimals == y->decimals &&
               (x->flags & RW_LEXEME_PADDED) == (y->flags & RW_LEXEME_PADDED);
    }
    bool plain = x->kind == RW_LEXEME_SIGN && x->sign != RW_SIGN_CURRENCY;
    bool word = x->kind == RW_LEXEME_WORD && x->name.len > CASE_COUNTS;
    return plain || rw_str_equal(x->name, y->name) || (word && rw_scan_equal(x->name, y->name));
}

bool rw_lexemes_equal(const struct rw_lexemes *a, const struct rw_lexemes *b)
{
    size_t i = past_braces(a, 0);
    size_t j = past_braces(b, 0);
    while (i < a->n && j < b->n) {
        if (!same(a, &a->at[i], b, &b->at[j])) {
            return false;
        }
        i = past_braces(a, i + 1);
        j = past_braces(b, j + 1);
    }
    return i >= a->n && j >= b->n;
}
