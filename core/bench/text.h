/* Text to measure with: sentences of common words and a little arithmetic, and a byte-level BPE
 * whose merges build those words, so that parsing and tokenising do the work they do in earnest
 * (about 5 bytes per token). The sentences mean nothing. */
#ifndef RW_BENCH_TEXT_H
#define RW_BENCH_TEXT_H

#include <stdint.h>

#include "core/base/buf.h"

enum {
    RW_BENCH_VOCAB = 4096, /* ids below it are valid; the tokenizer uses fewer */
};

/* Appends sentence `index` of the text with that seed: 12 words and a sum, no line end. */
void rw_bench_sentence(uint64_t seed, uint32_t index, struct rw_buf *out);
/* tokenizer.json: GPT-2 alphabet, Qwen2's split, <|question|> = 1 and <|step|> = 2. */
void rw_bench_tokenizer_json(struct rw_buf *out);

/* Counter-based: the i-th 64-bit number of a stream (splitmix64, Steele et al. 2014). */
static inline uint64_t rw_bench_random(uint64_t seed, uint64_t i)
{
    uint64_t z = seed * 0xD1342543DE82EF95u + (i + 1) * 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

#endif
