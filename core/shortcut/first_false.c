#include "core/shortcut/first_false.h"

#include "core/base/visible.h"
#include "core/equation/arithmetic.h"
#include "core/equation/arithmetic_plain.h"

rw_status rw_first_false(struct rw_str prompt, const struct rw_str *steps, size_t n_steps,
                         struct rw_arena *arena, struct rw_first_false *out, struct rw_error *err)
{
    struct rw_visible text;
    *out = (struct rw_first_false){.step = -1};
    rw_status status = rw_visible_text(prompt, arena, &text, err);
    if (status != RW_OK || !rw_arithmetic_plain(text.text)) {
        return status;
    }
    out->read = true;
    for (size_t t = 0; t < n_steps; t++) {
        struct rw_arithmetic found;
        status = rw_visible_text(steps[t], arena, &text, err);
        if (status != RW_OK) {
            return status;
        }
        rw_arithmetic_check(text.text, &found);
        out->checked += found.checked;
        if (found.wrong > 0) {
            out->step = (int64_t)t;
            out->begin = rw_visible_source(steps[t], found.begin);
            out->end = rw_visible_source(steps[t], found.end);
            return RW_OK;
        }
    }
    return RW_OK;
}
