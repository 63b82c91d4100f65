/* Cuts text into the words inside which BPE merges, as the regular expressions of the supported
 * tokenizers do. Each pattern is a hand-written matcher: linear time, no regex library.
 *
 * The patterns differ in three choices only, so one matcher serves them all. */
#ifndef RW_TEXT_PRETOKENIZE_H
#define RW_TEXT_PRETOKENIZE_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/str.h"

enum rw_pattern {
    RW_PATTERN_NONE,      /* the whole text is one word */
    RW_PATTERN_GPT2,      /* ByteLevel with use_regex */
    RW_PATTERN_QWEN2,     /* one digit per word */
    RW_PATTERN_LLAMA3,    /* up to three digits per word */
    RW_PATTERN_METASPACE, /* a word starts at each U+2581 */
};

/* The pattern with exactly this source text; false when we have no matcher for it. */
bool rw_pretokenize_known(struct rw_str regex, enum rw_pattern *out);

/* End of the word that starts at `at`; at < text.len, text is valid UTF-8. */
size_t rw_pretokenize_next(enum rw_pattern pattern, struct rw_str text, size_t at);

#endif
