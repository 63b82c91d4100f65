#include "core/text/tokenizer.h"

#include <string.h>

#include "core/base/alloc.h"
#include "core/base/util.h"
#include "core/text/tokenizer_parts.h"

bool rw_rewrites_add(struct rw_rewrites *steps, struct rw_rewrite step)
{
    if (steps->count == RW_TOKENIZER_STEPS_MAX) {
        return false;
    }
    steps->step[steps->count++] = step;
    return true;
}

void rw_tokenizer_close(struct rw_tokenizer *tokenizer)
{
    if (tokenizer != NULL) {
        rw_arena_fini(&tokenizer->arena);
        rw_free(tokenizer);
    }
}

int32_t rw_tokenizer_find(const struct rw_tokenizer *tokenizer, struct rw_str content)
{
    for (size_t i = 0; i < tokenizer->added_count; i++) {
        if (rw_str_equal(tokenizer->added[i].content, content)) {
            return tokenizer->added[i].id;
        }
    }
    int32_t id = rw_vocab_find(&tokenizer->vocab, content);
    return id >= 0 && (size_t)id < tokenizer->emit_size ? id : -1;
}

size_t rw_tokenizer_plain_size(const struct rw_tokenizer *tokenizer)
{
    size_t size = RW_MIN(tokenizer->emit_size, tokenizer->vocab.size);
    for (size_t i = 0; i < tokenizer->added_count; i++) {
        const struct rw_added *token = &tokenizer->added[i];
        size_t need = token->special || token->pattern.len == 0 ? 0 : (size_t)token->id + 1;
        size = RW_MAX(size, need);
    }
    return size;
}

/* Each character of a byte-level content is one byte. */
static void append_byte_level(const struct rw_tokenizer *tokenizer, struct rw_str content,
                              struct rw_buf *out)
{
    for (size_t at = 0; at < content.len;) {
        size_t len = (unsigned char)content.ptr[at] < 0x80 ? 1 : 2; /* the alphabet has no more */
        int byte = 0;
        while (byte < 256 &&
               (tokenizer->byte_char[byte].len != len || at + len > content.len ||
                memcmp(tokenizer->byte_char[byte].bytes, content.ptr + at, len) != 0)) {
            byte++;
        }
        rw_buf_append_char(out, byte < 256 ? (char)byte : '?');
        at += len;
    }
}

/* SentencePiece writes a blank as U+2581, and a byte as <0xNN>. */
static void append_character_level(const struct rw_tokenizer *tokenizer, int32_t id,
                                   struct rw_str content, struct rw_buf *out)
{
    static const struct rw_str BLANK = {"\xE2\x96\x81", 3};
    for (int byte = 0; byte < 256; byte++) {
        if (tokenizer->byte_id[byte] == id) {
            rw_buf_append_char(out, (char)byte);
            return;
        }
    }
    for (size_t at = 0; at < content.len;) {
        bool blank = rw_str_starts(rw_str_slice(content, at, content.len), BLANK);
        rw_buf_append_char(out, blank ? ' ' : content.ptr[at]);
        at += blank ? BLANK.len : 1;
    }
}

bool rw_tokenizer_bytes(const struct rw_tokenizer *tokenizer, int32_t id, struct rw_buf *out)
{
    for (size_t i = 0; i < tokenizer->added_count; i++) {
        if (tokenizer->added[i].id == id) {
            rw_buf_append_str(out, tokenizer->added[i].content);
            return true;
        }
    }
    if (id < 0 || (size_t)id >= tokenizer->vocab.size || tokenizer->vocab.content[id].ptr == NULL) {
        return false;
    }
    struct rw_str content = tokenizer->vocab.content[id];
    if (tokenizer->byte_level) {
        append_byte_level(tokenizer, content, out);
    } else {
        append_character_level(tokenizer, id, content, out);
    }
    return true;
}

const struct rw_around *rw_tokenizer_around(const struct rw_tokenizer *tokenizer)
{
    return &tokenizer->around;
}

size_t rw_tokenizer_size(const struct rw_tokenizer *tokenizer)
{
    return tokenizer->size;
}
