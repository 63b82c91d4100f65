/* A number as it is written: digits, thousands between commas, a fraction, an exponent. Internal to
 * answer*.c. */
#ifndef RW_ANSWER_NUMBER_H
#define RW_ANSWER_NUMBER_H

#include "core/answer/exact.h"
#include "core/base/str.h"

struct rw_answer_number {
    double v;
    struct rw_exact exact; /* not known: it does not fit */
    size_t end;            /* behind its last byte */
};

/* The number at `at`. False: there is none, or it has more digits than doubles have room for. In
 * brackets a comma separates elements. */
bool rw_answer_number(struct rw_str text, size_t at, bool brackets, struct rw_answer_number *out);
/* Digits from `at` on. */
size_t rw_answer_digits(struct rw_str text, size_t at);

#endif
