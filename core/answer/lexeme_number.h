/* A number as it is written. Internal to lexeme.c. */
#ifndef RW_ANSWER_LEXEME_NUMBER_H
#define RW_ANSWER_LEXEME_NUMBER_H

#include "core/answer/lexeme.h"

/* The number at `at`, where a digit or a point stands: fills end, flags, decimals, repeats and
 * exponent. In brackets a comma separates elements, elsewhere it may stand between thousands. */
void rw_lexeme_number_scan(struct rw_str text, size_t at, bool brackets, struct rw_lexeme *out);

#endif
