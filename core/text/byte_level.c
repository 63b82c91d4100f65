#include "core/text/byte_level.h"

#include <stdio.h>
#include <string.h>

#include "core/base/utf8.h"

void rw_byte_level_alphabet(struct rw_byte_char alphabet[256])
{
    uint32_t next = 256;
    for (unsigned byte = 0; byte < 256; byte++) {
        bool printable = (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte != 0xAD);
        char utf8[RW_UTF8_MAX_BYTES];
        size_t len = rw_utf8_encode(printable ? byte : next++, utf8); /* below U+0800: <= 2 */
        memcpy(alphabet[byte].bytes, utf8, len);
        alphabet[byte].len = (uint8_t)len;
    }
}

static bool occurs_in_utf8(unsigned byte)
{
    return byte != 0xC0 && byte != 0xC1 && byte <= 0xF4;
}

static int32_t find_byte(const struct rw_tokenizer *t, unsigned byte)
{
    if (t->byte_level) {
        const struct rw_byte_char *c = &t->byte_char[byte];
        return rw_vocab_find(&t->vocab, (struct rw_str){c->bytes, c->len});
    }
    char name[8];
    int len = snprintf(name, sizeof name, "<0x%02X>", byte & 0xFF);
    return rw_vocab_find(&t->vocab, (struct rw_str){name, (size_t)len});
}

rw_status rw_byte_level_resolve(struct rw_tokenizer *t, struct rw_error *err)
{
    for (unsigned byte = 0; byte < 256; byte++) {
        t->byte_id[byte] = find_byte(t, byte);
        if (t->byte_id[byte] < 0 && occurs_in_utf8(byte)) {
            rw_fail(err, RW_MODEL_UNSUPPORTED, "the vocabulary has no token for byte 0x%02X", byte);
            rw_error_hint(err, "a vocabulary must cover all bytes, else text would be dropped");
            return RW_MODEL_UNSUPPORTED;
        }
    }
    return RW_OK;
}
