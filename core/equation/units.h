/* Sets of units: which of the units of a piece occur in a number, a side, a clause. */
#ifndef RW_EQUATION_UNITS_H
#define RW_EQUATION_UNITS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/equation/arithmetic_token.h"

/* Bits of the units of a piece, each by its number there. */
struct rw_units {
    uint64_t bits[RW_TOKENS_MAX / 64];
};

void rw_units_add(struct rw_units *set, uint16_t unit);
void rw_units_join(struct rw_units *set, const struct rw_units *other);
bool rw_units_same(const struct rw_units *a, const struct rw_units *b);
bool rw_units_none(const struct rw_units *set);
bool rw_units_disjoint(const struct rw_units *a, const struct rw_units *b);

#endif
