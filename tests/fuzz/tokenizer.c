/* tokenizer.json of any bytes: refused, or usable on awkward text with ids inside the vocabulary.
 */
#include <stdint.h>

#include "core/base/assert.h"
#include "core/text/tokenizer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rw_tokenizer *tokenizer;
    struct rw_error err;
    struct rw_str json = {(const char *)data, size};
    if (rw_tokenizer_parse(json, &tokenizer, &err) != RW_OK) {
        rw_assert(tokenizer == NULL);
        return 0;
    }
    static const char TEXT[] = "Step 1:  12+30 = 42\r\n\n\te\xCC\x81 \xED\x95\x9C\xEA\xB8\x80 "
                               "<|im_start|> don't \xF0\x9F\x98\x80";
    struct rw_segment segments[] = {
        {rw_str_from(TEXT), true},
        {rw_str_from(TEXT), false},
    };
    struct rw_tokens tokens;
    rw_tokens_init(&tokens, 4096);
    if (rw_tokenizer_encode(tokenizer, segments, 2, &tokens, &err) == RW_OK) {
        for (size_t i = 0; i < tokens.count; i++) {
            rw_assert(tokens.ids[i] >= 0);
            rw_assert((size_t)tokens.ids[i] < rw_tokenizer_size(tokenizer));
            rw_assert(tokens.ends[i] <= 2 * (sizeof TEXT - 1));
        }
    }
    rw_tokens_fini(&tokens);
    rw_tokenizer_close(tokenizer);
    return 0;
}
