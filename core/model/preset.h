/* The recipes of public reward models, by name, in the format of rewardd.json. Sources: the models'
 * own cards and code, listed in core/MODEL.md. Which folder gets which: recognise.h. */
#ifndef RW_MODEL_PRESET_H
#define RW_MODEL_PRESET_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/str.h"

struct rw_preset {
    const char *name;
    const char *text; /* a rewardd.json */
};

/* NULL when there is none of that name. */
const struct rw_preset *rw_preset_find(struct rw_str name);
/* NULL-terminated, in the order help shows them. */
const char *const *rw_preset_names(void);
/* The i-th for people: name, kind, head, aggregate. False past the last. */
bool rw_preset_line(size_t i, char *line, size_t size);

#endif
