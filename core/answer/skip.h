/* Most bytes of a trace begin nothing: which ones may, a block at a time. Pure; any thread. */
#ifndef RW_ANSWER_SKIP_H
#define RW_ANSWER_SKIP_H

#include <stdbool.h>

#include "core/base/str.h"

/* The first byte from `at` on that may begin evidence of an answer: \boxed, \fbox, ####, a tag,
 * "answer", "A:", its Chinese name; with `lines` also the end of a line, where another question may
 * follow. s.len: none. */
size_t rw_skip(struct rw_str s, size_t at, bool lines);

#endif
