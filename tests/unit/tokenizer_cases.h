/* Tokenizers small enough to compute by hand, and what they must make of a text: shared by the
 * tests of core/text. */
#ifndef RW_TEST_TOKENIZER_CASES_H
#define RW_TEST_TOKENIZER_CASES_H

#include <stddef.h>

#include "core/base/buf.h"
#include "core/text/tokenizer.h"

enum {
    JSON_BYTES_MAX = 1 << 20,
    TOKENS_MAX = 1 << 22,
};

/* An added token of tokenizer.json. */
#define SPECIAL(id, content) \
    "{\"id\":" #id ",\"content\":\"" content "\",\"special\":true,\"normalized\":false}"

/* A tokenizer.json into buf. Ids 0..255 are the bytes; `more` continues with 256. */
struct rw_str tok_byte_level_json(struct rw_buf *buf, const char *normalizer, const char *pre,
                                  const char *more, const char *merges, const char *options,
                                  const char *added);
struct rw_tokenizer *tok_open_byte_level(const char *normalizer, const char *pre, const char *more,
                                         const char *merges, const char *options,
                                         const char *added);
struct rw_tokenizer *tok_open(struct rw_str json);

/* `want`: "id:end id:end ..." of one encode call. */
void tok_expect_segments(const struct rw_tokenizer *tokenizer, const struct rw_segment *segments,
                         size_t n, const char *want);
/* The same for one trusted text. */
void tok_expect(const struct rw_tokenizer *tokenizer, const char *text, const char *want);

#endif
