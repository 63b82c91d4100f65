/* "did you mean": the hint of an error about a misspelt name. Pure, any thread. */
#ifndef RW_PROTO_SUGGEST_H
#define RW_PROTO_SUGGEST_H

#include <stddef.h>

#include "core/base/status.h"
#include "core/base/str.h"

/* Index of the word nearest to `text` by edit distance (insert, delete, replace, swap of
 * neighbours), or -1 when none is near: more than a third of the letters would have to change. */
long rw_suggest_nearest(struct rw_str text, const char *const *words, size_t n);

/* Sets the hint: the nearest word if there is one, else all of them. */
void rw_suggest(struct rw_str text, const char *const *words, size_t n, struct rw_error *err);

#endif
