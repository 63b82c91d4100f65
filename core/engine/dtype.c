/* Names of weight types, for options. */
#include "core/rw_engine.h"

#include "core/base/util.h"

bool rw_weights_dtype_named(struct rw_str name, enum rw_weights_dtype *out)
{
    static const char *const NAMES[] = {
        [RW_WEIGHTS_AUTO] = "auto", [RW_WEIGHTS_F32] = "f32", [RW_WEIGHTS_BF16] = "bf16",
        [RW_WEIGHTS_INT8] = "int8", [RW_WEIGHTS_Q4] = "q4",
    };
    for (size_t i = 0; i < RW_COUNT(NAMES); i++) {
        if (rw_str_is(name, NAMES[i])) {
            *out = (enum rw_weights_dtype)i;
            return true;
        }
    }
    return false;
}
