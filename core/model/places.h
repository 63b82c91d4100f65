/* What a model's layout has a place for, besides the question and the trace.
 *
 * Policies are prompted with system texts and earlier turns; many reward models were trained on a
 * question and its steps only. A layout of sections says what it has; a chat template is asked: a
 * short conversation goes through it when the model is opened, and what comes out is looked at. */
#ifndef RW_MODEL_PLACES_H
#define RW_MODEL_PLACES_H

#include <stdbool.h>
#include <time.h>

#include "core/base/arena.h"
#include "core/model/layout.h"

struct rw_places {
    bool system;     /* a system turn of the client's, in front */
    bool own_system; /* a system text of the recipe's own, which the client's would replace */
    bool turns;      /* earlier turns of user and assistant */
    bool repeats;    /* two turns of the user in a row */
    bool whole;      /* a template lays messages out as they were sent: tool turns, parts */
};

/* Memory of the arena is only for the time of the call. Without memory a place is none. */
struct rw_places rw_places_find(const struct rw_layout *layout, const struct tm *now,
                                struct rw_arena *arena);

#endif
