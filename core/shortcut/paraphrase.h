/* The same question in other words: a frame around it, and words of questions replaced by others
 * that mean the same there. Numbers, names and formulas stay. Deterministic; pure, any thread. */
#ifndef RW_SHORTCUT_PARAPHRASE_H
#define RW_SHORTCUT_PARAPHRASE_H

#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/status.h"
#include "core/base/str.h"

/* NOT_FOUND for an empty text. */
rw_status rw_paraphrase(struct rw_str text, uint64_t seed, struct rw_arena *arena,
                        struct rw_str *out, struct rw_error *err);

#endif
