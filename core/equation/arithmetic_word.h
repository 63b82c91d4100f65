/* What a word beside a number does to it, as bits. Internal to arithmetic*.c. */
#ifndef RW_EQUATION_ARITHMETIC_WORD_H
#define RW_EQUATION_ARITHMETIC_WORD_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/str.h"

enum {
    RW_WORD_BINDS = 1 << 0,  /* the number is a part of more: "of", "choose", "squared" */
    RW_WORD_PREFIX = 1 << 1, /* changes the number behind it: "triple", "log", "about" */
    RW_WORD_PASSED = 1 << 2, /* may stand between such a word and its number: "the", "value" */
    RW_WORD_JOINS = 1 << 3,  /* ends what stands before it; no unit: "because" */
    RW_WORD_COUNT = 1 << 4,  /* a unit of so many: "pairs", "fives", "quarters" */
    RW_WORD_MONEY = 1 << 5,  /* units of one quantity have ratios among them */
    RW_WORD_LENGTH = 1 << 6,
    RW_WORD_WEIGHT = 1 << 7,
    RW_WORD_VOLUME = 1 << 8,
    RW_WORD_TIME = 1 << 9,
    RW_WORD_AREA = 1 << 10,
    RW_WORD_LABEL = 1 << 11,   /* "pages 1-2" are no difference */
    RW_WORD_NUMERAL = 1 << 12, /* "twenty 5", "2 ten dollar bills" */
    RW_WORD_EACH = 1 << 13,    /* a product in words: "10 tickets at $3" */
    RW_WORD_TO = 1 << 14,      /* "10 to the 2", but "adds up to 3 + 4" */
    RW_WORD_DENIES =
        1 << 15, /* the equation beside it is not stated, or not as exact: "not", "if" */
    RW_WORD_SPEED = 1 << 16,
    RW_WORD_OTHER = 1 << 17,  /* data, energy, temperature */
    RW_WORD_SPOKEN = 1 << 18, /* of a sign: it was written as a word, "times" */
    RW_WORD_QUANTITY = RW_WORD_MONEY | RW_WORD_LENGTH | RW_WORD_WEIGHT | RW_WORD_VOLUME |
                       RW_WORD_TIME | RW_WORD_AREA | RW_WORD_SPEED | RW_WORD_OTHER,
};

uint32_t rw_arithmetic_word_class(struct rw_str word);
/* "seven" -> 7, "half" -> 1/2, "third" -> 3 (a source of the number 3); false when it is none. */
bool rw_arithmetic_word_source(struct rw_str word, int64_t *num, int64_t *den);

#endif
