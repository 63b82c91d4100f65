#include "core/equation/units.h"

#include <string.h>

#include "core/base/util.h"

void rw_units_add(struct rw_units *set, uint16_t unit)
{
    if (unit > 0) {
        set->bits[(unit - 1) / 64] |= UINT64_C(1) << ((unit - 1) % 64);
    }
}

void rw_units_join(struct rw_units *set, const struct rw_units *other)
{
    for (size_t i = 0; i < RW_COUNT(set->bits); i++) {
        set->bits[i] |= other->bits[i];
    }
}

bool rw_units_same(const struct rw_units *a, const struct rw_units *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

bool rw_units_none(const struct rw_units *set)
{
    static const struct rw_units NONE;
    return rw_units_same(set, &NONE);
}

bool rw_units_disjoint(const struct rw_units *a, const struct rw_units *b)
{
    uint64_t common = 0;
    for (size_t i = 0; i < RW_COUNT(a->bits); i++) {
        common |= a->bits[i] & b->bits[i];
    }
    return common == 0;
}
