/* Words, numbers and signs of a step, for the equations in it. Internal to arithmetic*.c. */
#ifndef RW_EQUATION_ARITHMETIC_TOKEN_H
#define RW_EQUATION_ARITHMETIC_TOKEN_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/str.h"

enum {
    RW_TOKENS_MAX = 512, /* read at a time; a piece ends at a break when it can */
};

enum rw_token_kind {
    RW_TOKEN_BREAK, /* ends a clause: . , ; : ? line ends, "=>" */
    RW_TOKEN_BAD,   /* a letter that is a variable, a power, any sign not known here */
    RW_TOKEN_WORD,
    RW_TOKEN_NUMBER,
    RW_TOKEN_PERCENT,
    RW_TOKEN_PLUS,
    RW_TOKEN_MINUS,
    RW_TOKEN_TIMES,
    RW_TOKEN_OVER,
    RW_TOKEN_EQUAL,
    RW_TOKEN_OPEN,
    RW_TOKEN_CLOSE,
    RW_TOKEN_FRAC,
};

struct rw_token {
    enum rw_token_kind kind;
    size_t begin; /* bytes of the step */
    size_t end;
    int64_t num; /* NUMBER: num / den, den a power of ten */
    int64_t den;
    int decimals;
    uint16_t unit; /* WORD, NUMBER with a currency: its number in the piece, from 1; 0 = none */
    /* WORD: RW_WORD_*. NUMBER: BINDS when it is none ("0730"), MONEY. BREAK: DENIES when "?". */
    uint32_t classes;
    bool about; /* EQUAL: only nearly, U+2248 */
    bool fresh; /* \( or \[ or $ stands before it: it does not go on with what was before */
};

/* Sums in words: "three times two equals six" has the tokens of 3 * 2 = 6. In place; returns how
 * many are left. Words that belong to no sum stay words. */
size_t rw_tokens_spoken(struct rw_str step, struct rw_token *token, size_t n);

/* Tokens of the next piece of the step; *at moves on by one byte at least. */
size_t rw_tokens_read(struct rw_str step, size_t *at, struct rw_token token[RW_TOKENS_MAX]);

#endif
