/* Texts in which "=" means what it means in plain sums. */
#ifndef RW_EQUATION_ARITHMETIC_PLAIN_H
#define RW_EQUATION_ARITHMETIC_PLAIN_H

#include <stdbool.h>

#include "core/base/str.h"

/* False with words that give "=" another meaning: mod, base, ... */
bool rw_arithmetic_plain(struct rw_str text);

#endif
