/* Calculator notes of GSM8K, <<30+20=50>>: blanked out, so that nobody reads them. Linear; pure but
 * for the arena. */
#ifndef RW_ANSWER_NOTES_H
#define RW_ANSWER_NOTES_H

#include <stdbool.h>

#include "core/base/arena.h"
#include "core/base/str.h"

/* The text itself when it has none, else a copy with spaces; a result that is not written behind
 * its note stays. *failed: no memory. */
struct rw_str rw_notes_blanked(struct rw_str s, struct rw_arena *arena, bool *failed);

#endif
