/* tokenizer.json and tokenizer.model are hostile files, and so is the text they are applied to.
 *
 * Input: the file, one byte 0x00, the text. A file that starts with '{' is JSON, any other a
 * SentencePiece model. The text is encoded as trusted and untrusted halves; what comes out must
 * keep its promises: ids in range, ends in order and inside the text. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/text/tokenizer.h"
#include "core/text/tokenizer_parts.h"

enum {
    TOKENS_MAX = 1 << 16,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_tokens(const struct rw_tokenizer *tokenizer, const struct rw_tokens *tokens,
                         size_t bytes)
{
    for (size_t i = 0; i < tokens->count; i++) {
        rw_assert(tokens->ids[i] >= 0);
        rw_assert((size_t)tokens->ids[i] < rw_tokenizer_size(tokenizer));
        rw_assert(tokens->ends[i] <= bytes);
        rw_assert(i == 0 || tokens->ends[i - 1] <= tokens->ends[i]);
    }
}

static void encode(const struct rw_tokenizer *tokenizer, struct rw_str text)
{
    struct rw_segment segments[] = {
        {rw_str_slice(text, 0, text.len / 2), true},
        {rw_str_slice(text, text.len / 2, text.len), false},
    };
    struct rw_tokens tokens;
    struct rw_error err = {0};
    rw_tokens_init(&tokens, TOKENS_MAX);
    if (rw_tokenizer_encode(tokenizer, segments, 2, &tokens, &err) == RW_OK) {
        check_tokens(tokenizer, &tokens, text.len);
    } else {
        rw_assert(err.status != RW_OK && tokens.count == 0);
    }
    size_t specials = 0;
    (void)rw_tokenizer_count_special(tokenizer, text, &specials, &err);
    rw_tokens_fini(&tokens);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *cut = size > 0 ? memchr(data, 0, size) : NULL;
    /* A SentencePiece model holds zero bytes: there the text is what follows the last one. */
    bool json = size > 0 && data[0] == '{';
    if (!json && size > 0) {
        cut = memrchr(data, 0, size);
    }
    size_t file_len = cut != NULL ? (size_t)(cut - data) : size;
    struct rw_str file = {(const char *)data, file_len};
    struct rw_str text = {NULL, 0};
    if (cut != NULL) {
        text = (struct rw_str){(const char *)cut + 1, size - file_len - 1};
    }
    struct rw_tokenizer *tokenizer = NULL;
    struct rw_error err = {0};
    rw_status status = json ? rw_tokenizer_parse(file, &tokenizer, &err)
                            : rw_tokenizer_parse_spm(file, &tokenizer, &err);
    if (status == RW_OK) {
        encode(tokenizer, text);
    } else {
        rw_assert(tokenizer == NULL && err.status == status);
    }
    rw_tokenizer_close(tokenizer);
    return 0;
}
