/* Where a sentence ends: '.', '!' or '?' before white space, the full stops of Chinese and
 * Japanese, a blank line, a line before an item of a list.
 *
 * A point is none behind an abbreviation ("e.g.", "Fig."), an initial ("A. Turing"), the number of
 * an item, or before a small letter. Numbers ("3.5") have no white space behind the point. */
#ifndef RW_MODEL_SENTENCE_H
#define RW_MODEL_SENTENCE_H

#include <stddef.h>

#include "core/base/str.h"

/* When a sentence that began at `begin` ends at `at`, or behind marks that stand there: *end is its
 * end, and the offset of the next one is returned. Else 0. */
size_t rw_sentence_end(struct rw_str text, size_t begin, size_t at, size_t *end);

#endif
