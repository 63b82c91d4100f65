/* Pieces of text for edit*.c. */
#ifndef RW_SHORTCUT_EDIT_TEXT_H
#define RW_SHORTCUT_EDIT_TEXT_H

#include "core/base/arena.h"

/* All parts after one another; false when the arena is full. */
bool rw_edit_join(const struct rw_str *parts, size_t n, struct rw_arena *arena, struct rw_str *out);

#endif
