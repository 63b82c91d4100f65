/* Text to token ids, exactly as Hugging Face tokenizers does it.
 *
 * Supported: tokenizer.json with model BPE, either byte-level (pre-tokenizers of GPT-2, Llama 3,
 * Qwen2; normalizer NFC or none; ignore_merges) or SentencePiece style (metaspace, byte fallback);
 * and tokenizer.model (SentencePiece BPE). Anything else is refused with its name.
 *
 * Trust: the input is a list of segments. In a `trusted` segment (template literals) special tokens
 * are recognised; in the others (prompt and step text) they are plain text, because step text is
 * written by a policy that is rewarded for fooling us. Neighbouring segments are one text for
 * pre-tokenizer, normalizer and merges, as they are for the reference implementation, which sees
 * one string. Added tokens that are not special are recognised everywhere, as the reference does.
 * BOS, EOS and post-processor templates are never added here; the layout places them.
 *
 * A tokenizer is immutable after opening; encode may run on any thread, memory comes from the
 * caller. */
#ifndef RW_TEXT_TOKENIZER_H
#define RW_TEXT_TOKENIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/status.h"
#include "core/base/str.h"
#include "core/text/tokens.h"

struct rw_tokenizer;
struct rw_around; /* core/text/around.h */

struct rw_segment {
    struct rw_str text; /* valid UTF-8 */
    bool trusted;       /* special tokens are recognised */
};

/* `dir` holds tokenizer.json (preferred) or tokenizer.model. */
rw_status rw_tokenizer_open(const char *dir, struct rw_tokenizer **out, struct rw_error *err);
/* From text in memory (tokenizer.json), for tests and fuzzing. */
rw_status rw_tokenizer_parse(struct rw_str json, struct rw_tokenizer **out, struct rw_error *err);
void rw_tokenizer_close(struct rw_tokenizer *tokenizer); /* NULL is fine */

/* Appends to `out`. LIMIT_EXCEEDED when out->max is reached, INVALID_UTF8, NO_MEMORY. Cost is
 * O(n log n) in the bytes whatever the text. */
rw_status rw_tokenizer_encode(const struct rw_tokenizer *tokenizer,
                              const struct rw_segment *segments, size_t n_segments,
                              struct rw_tokens *out, struct rw_error *err);

/* Id of a token by its exact content (added tokens as written, "<|im_end|>"), or -1. */
int32_t rw_tokenizer_find(const struct rw_tokenizer *tokenizer, struct rw_str content);
/* One more than the largest id. */
size_t rw_tokenizer_size(const struct rw_tokenizer *tokenizer);
/* One more than the largest id that text can become in which no special token is recognised. */
size_t rw_tokenizer_plain_size(const struct rw_tokenizer *tokenizer);
/* What the post-processor puts around a text. */
/* What a token stands for, appended: the text of an added token, the bytes of a plain one (of a
 * byte-level or <0xNN> token perhaps a part of a character). False for an id without a token. */
bool rw_tokenizer_bytes(const struct rw_tokenizer *tokenizer, int32_t id, struct rw_buf *out);
const struct rw_around *rw_tokenizer_around(const struct rw_tokenizer *tokenizer);
/* Adds to *count how many special tokens the text would contain if it were trusted. INVALID_UTF8,
 * LIMIT_EXCEEDED, NO_MEMORY: then it is not known, which is not the same as none. */
rw_status rw_tokenizer_count_special(const struct rw_tokenizer *tokenizer, struct rw_str text,
                                     size_t *count, struct rw_error *err);

struct rw_json;
/* A token as tokenizer_config.json writes it: a string, or an object with "content"; else empty. */
struct rw_str rw_tokenizer_content(const struct rw_json *token);

#endif
