/* Does the reference stand before an unmarked answer? Then the last number may be another one than
 * the answer, and that it differs says nothing. Pure; any thread. Linear in the last two steps. */
#ifndef RW_ANSWER_SAID_H
#define RW_ANSWER_SAID_H

#include "core/answer/choose.h"

/* True when something else than the answer in the last steps is the reference, or could be: a
 * number that equals it, in digits or words; a formula that is not worked out; any formula when the
 * reference is no whole number. */
bool rw_said_before(const struct rw_found *f, const struct rw_choice *c,
                    const struct rw_reading *reference);

#endif
