#include "tests/unit/tokenizer_cases.h"

#include <check.h>
#include <stdio.h>

#include "core/text/byte_level.h"

/* Ids 0..255 are the bytes; `more` continues with 256. */
struct rw_str tok_byte_level_json(struct rw_buf *buf, const char *normalizer, const char *pre,
                                  const char *more, const char *merges, const char *options,
                                  const char *added)
{
    struct rw_byte_char alphabet[256];
    rw_byte_level_alphabet(alphabet);
    rw_buf_init(buf, JSON_BYTES_MAX);
    rw_buf_printf(buf, "{\"normalizer\":%s,\"pre_tokenizer\":%s,\"added_tokens\":[%s],", normalizer,
                  pre, added);
    rw_buf_printf(buf, "\"model\":{\"type\":\"BPE\",%s\"merges\":[%s],\"vocab\":{", options,
                  merges);
    for (int i = 0; i < 256; i++) {
        bool quote = alphabet[i].bytes[0] == '"' || alphabet[i].bytes[0] == '\\';
        rw_buf_printf(buf, "%s\"%s%.*s\":%d", i > 0 ? "," : "", quote ? "\\" : "",
                      (int)alphabet[i].len, alphabet[i].bytes, i);
    }
    rw_buf_printf(buf, "%s%s}}}", more[0] != '\0' ? "," : "", more);
    ck_assert(!buf->failed);
    return rw_buf_str(buf);
}

struct rw_tokenizer *tok_open(struct rw_str json)
{
    struct rw_tokenizer *tokenizer = NULL;
    struct rw_error err = {0};
    rw_status status = rw_tokenizer_parse(json, &tokenizer, &err);
    ck_assert_msg(status == RW_OK, "%s", err.message);
    return tokenizer;
}

struct rw_tokenizer *tok_open_byte_level(const char *normalizer, const char *pre, const char *more,
                                         const char *merges, const char *options, const char *added)
{
    struct rw_buf buf;
    struct rw_str json = tok_byte_level_json(&buf, normalizer, pre, more, merges, options, added);
    struct rw_tokenizer *tokenizer = tok_open(json);
    rw_buf_fini(&buf);
    return tokenizer;
}

/* "id:end id:end ..." of one encode call. */
static void encode(const struct rw_tokenizer *tokenizer, const struct rw_segment *segments,
                   size_t n, char *out, size_t out_size)
{
    struct rw_tokens tokens;
    struct rw_error err = {0};
    rw_tokens_init(&tokens, TOKENS_MAX);
    rw_status status = rw_tokenizer_encode(tokenizer, segments, n, &tokens, &err);
    ck_assert_msg(status == RW_OK, "%s", err.message);
    size_t at = 0;
    out[0] = '\0';
    for (size_t i = 0; i < tokens.count; i++) {
        at += (size_t)snprintf(out + at, out_size - at, "%s%d:%u", i > 0 ? " " : "",
                               (int)tokens.ids[i], tokens.ends[i]);
        ck_assert(at < out_size);
    }
    rw_tokens_fini(&tokens);
}

void tok_expect_segments(const struct rw_tokenizer *tokenizer, const struct rw_segment *segments,
                         size_t n, const char *want)
{
    char got[4096];
    encode(tokenizer, segments, n, got, sizeof got);
    ck_assert_str_eq(got, want);
}

void tok_expect(const struct rw_tokenizer *tokenizer, const char *text, const char *want)
{
    struct rw_segment segment = {rw_str_from(text), true};
    tok_expect_segments(tokenizer, &segment, 1, want);
}
