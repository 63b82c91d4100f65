/* What can be seen of a prompt without reading it, and what a request gives with it. The run
 * monitor asks of these whether the prompts have changed, before it says that the policy has. Pure,
 * any thread. */
#ifndef RW_RUN_PROMPT_H
#define RW_RUN_PROMPT_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/str.h"

enum rw_prompt {
    RW_PROMPT_BYTES,  /* log2(1 + bytes of all messages) */
    RW_PROMPT_DIGITS, /* log2(1 + numbers) */
    RW_PROMPT_MARKUP, /* share of bytes that are neither letter, digit, space nor . , ? ! ' " */
    RW_PROMPT_WORD,   /* mean bytes of a word */
    RW_PROMPT_WORDS,  /* words hashed to signs: their mean, two hashes; near the same for one */
    RW_PROMPT_WORDS2, /* domain and way of asking, another for the next */
    RW_PROMPT_GIVEN,  /* hash in 0..1 of what comes with it: number of messages, reference, tag */
    RW_PROMPT_DIM
};

/* `given` is any hash of what the request gives beside the text. No text: all zero but the last. */
void rw_prompt_measure(const struct rw_str *texts, size_t n, uint64_t given,
                       double out[RW_PROMPT_DIM]);
const char *rw_prompt_name(enum rw_prompt feature);

#endif
