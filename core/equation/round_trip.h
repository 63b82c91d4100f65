/* Sums that are taken back: "20 * 10 = 200 cents", later "200 / 10 = 20". Such a pair brings the
 * trace back to where it was.
 *
 * Read are equations of two numbers and a sign, with the words of their units. A pair counts when
 * the later one starts from the earlier one's result, undoes it with the same number and states the
 * number the earlier one began with. Honest traces check a result this way now and then; how often
 * is for a bank to say.
 *
 * Pure; any thread. At most RW_ROUND_TRIP_SUMS equations are remembered, the latest ones. */
#ifndef RW_EQUATION_ROUND_TRIP_H
#define RW_EQUATION_ROUND_TRIP_H

#include <stdint.h>

#include "core/base/str.h"

enum {
    RW_ROUND_TRIP_SUMS = 64,
};

struct rw_round_trips {
    size_t sums;  /* equations of two numbers that were read */
    size_t pairs; /* of them, undone later */
    int64_t step; /* of the first sum that undoes another, or -1 */
    size_t begin; /* its bytes [begin, end) in that step */
    size_t end;
};

void rw_round_trips(const struct rw_str *steps, size_t n_steps, struct rw_round_trips *out);

#endif
