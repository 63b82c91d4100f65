/* How answers are compared: the object `options` of POST /v1/verify, `verify` of POST /v1/rewards.
 * All zero is the default; what each option means is in core/answer/answer.h. Pure, any thread. */
#ifndef RW_PROTO_VERIFY_OPTIONS_H
#define RW_PROTO_VERIFY_OPTIONS_H

#include <stdbool.h>

struct rw_verify_options {
    double tolerance; /* relative */
    bool rounding;
    bool ordered;
    bool units;
    bool any_box;
    bool read_thinking;
};

#endif
