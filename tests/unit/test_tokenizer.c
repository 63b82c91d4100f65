/* Tokenizers small enough to compute by hand. Equality with the reference on real vocabularies is
 * the business of tests/oracle/tokenizer_diff.py. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/buf.h"
#include "core/text/byte_level.h"
#include "core/text/nfc.h"
#include "core/text/pretokenize.h"
#include "core/text/protobuf.h"
#include "core/text/tokenizer.h"
#include "tests/lib/fault.h"

enum {
    JSON_BYTES_MAX = 1 << 20,
    TOKENS_MAX = 1 << 22,
};

#define QWEN_REGEX                                                          \
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?\\\\p{L}+|" \
    "\\\\p{N}| ?[^\\\\s\\\\p{L}\\\\p{N}]+[\\\\r\\\\n]*|\\\\s*[\\\\r\\\\n]+|\\\\s+(?!\\\\S)|\\\\s+"
#define QWEN_PRE                                                                               \
    "{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\",\"pattern\":{\"Regex\":"    \
    "\"" QWEN_REGEX "\"},\"behavior\":\"Isolated\",\"invert\":false},{\"type\":\"ByteLevel\"," \
    "\"add_prefix_space\":false,\"use_regex\":false}]}"
#define NO_PRE "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"use_regex\":false}"

/* ---- building tokenizer.json ---- */

/* Ids 0..255 are the bytes; `more` continues with 256. */
static struct rw_str byte_level_json(struct rw_buf *buf, const char *normalizer, const char *pre,
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

static struct rw_tokenizer *open_json(struct rw_str json)
{
    struct rw_tokenizer *tokenizer = NULL;
    struct rw_error err = {0};
    rw_status status = rw_tokenizer_parse(json, &tokenizer, &err);
    ck_assert_msg(status == RW_OK, "%s", err.message);
    return tokenizer;
}

static struct rw_tokenizer *open_byte_level(const char *normalizer, const char *pre,
                                            const char *more, const char *merges,
                                            const char *options, const char *added)
{
    struct rw_buf buf;
    struct rw_str json = byte_level_json(&buf, normalizer, pre, more, merges, options, added);
    struct rw_tokenizer *tokenizer = open_json(json);
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

static void expect_segments(const struct rw_tokenizer *tokenizer, const struct rw_segment *segments,
                            size_t n, const char *want)
{
    char got[4096];
    encode(tokenizer, segments, n, got, sizeof got);
    ck_assert_str_eq(got, want);
}

static void expect(const struct rw_tokenizer *tokenizer, const char *text, const char *want)
{
    struct rw_segment segment = {rw_str_from(text), true};
    expect_segments(tokenizer, &segment, 1, want);
}

/* ---- pre-tokenizers ---- */

static void expect_words(enum rw_pattern pattern, const char *text, const char *want)
{
    char got[512];
    size_t len = 0;
    struct rw_str all = rw_str_from(text);
    size_t at = 0;
    while (at < all.len) {
        size_t end = rw_pretokenize_next(pattern, all, at);
        ck_assert(end > at && end <= all.len);
        len += (size_t)snprintf(got + len, sizeof got - len, "%s%.*s", at > 0 ? "|" : "",
                                (int)(end - at), text + at);
        at = end;
    }
    ck_assert_str_eq(got, want);
}

START_TEST(test_words_qwen2)
{
    expect_words(RW_PATTERN_QWEN2, "It's 12 o'clock", "It|'s| |1|2| o|'clock");
    expect_words(RW_PATTERN_QWEN2, "a  b\n\n c", "a| | b|\n\n| c");
    expect_words(RW_PATTERN_QWEN2, "x = 3;\r\n  y", "x| =| |3|;\r\n| | y");
    expect_words(RW_PATTERN_QWEN2, "end.  ", "end|.|  ");
    expect_words(RW_PATTERN_QWEN2, "a \n \n b", "a| \n \n| b");
    expect_words(RW_PATTERN_QWEN2, "\tif(x)", "\tif|(x|)");
    expect_words(RW_PATTERN_QWEN2, "WE'LL it'\xC5\xBF", "WE|'LL| it|'\xC5\xBF");
    expect_words(RW_PATTERN_QWEN2, "\xC2\xBD\xD9\xA3", "\xC2\xBD|\xD9\xA3");
}
END_TEST

START_TEST(test_words_llama3)
{
    expect_words(RW_PATTERN_LLAMA3, "1234567 89", "123|456|7| |89");
    expect_words(RW_PATTERN_LLAMA3, "$1,000.50", "$|1|,|000|.|50");
}
END_TEST

START_TEST(test_words_gpt2)
{
    expect_words(RW_PATTERN_GPT2, "It'S 12 we're", "It|'|S| 12| we|'re");
    expect_words(RW_PATTERN_GPT2, "a\n\nb  c", "a|\n|\n|b| | c");
    expect_words(RW_PATTERN_GPT2, " !?x", " !?|x");
}
END_TEST

START_TEST(test_words_metaspace)
{
    expect_words(RW_PATTERN_METASPACE,
                 "\xE2\x96\x81"
                 "a\xE2\x96\x81\xE2\x96\x81"
                 "b",
                 "\xE2\x96\x81"
                 "a|\xE2\x96\x81|\xE2\x96\x81"
                 "b");
    expect_words(RW_PATTERN_NONE, "a b", "a b");
}
END_TEST

/* ---- NFC ---- */

static void expect_nfc(const char *text, const char *want)
{
    struct rw_mapped to;
    rw_mapped_init(&to);
    struct rw_piece piece = {.text = rw_str_from(text)};
    ck_assert(rw_nfc(&piece, &to));
    ck_assert_msg(rw_str_is(piece.text, want), "%s", text);
    ck_assert(piece.text.len == 0 || rw_piece_end(&piece, piece.text.len - 1) == strlen(text));
    rw_mapped_fini(&to);
}

START_TEST(test_nfc)
{
    expect_nfc("plain", "plain");
    expect_nfc("cafe\xCC\x81!", "caf\xC3\xA9!");
    expect_nfc("\xE1\x84\x80\xE1\x85\xA1\xE1\x86\xA8", "\xEA\xB0\x81"); /* Jamo L V T */
    expect_nfc("\xEA\xB0\x80\xE1\x86\xA8", "\xEA\xB0\x81");             /* LV T */
    expect_nfc("\xE2\x84\xAB", "\xC3\x85");                             /* singleton: Angstrom */
    expect_nfc("q\xCC\x87\xCC\xA3", "q\xCC\xA3\xCC\x87");               /* reordered */
    expect_nfc("s\xCC\x87\xCC\xA3", "\xE1\xB9\xA9");                    /* and composed twice */
    expect_nfc("\xE0\xA5\x98", "\xE0\xA4\x95\xE0\xA4\xBC");             /* composition exclusion */
    expect_nfc("\xCC\x81\xCC\x81", "\xCC\x81\xCC\x81");
}
END_TEST

START_TEST(test_nfc_is_not_quadratic)
{
    enum {
        PAIRS = 300000,
    };
    char *text = malloc(4 * PAIRS);
    for (size_t i = 0; i < PAIRS; i++) {
        memcpy(text + 4 * i, "\xCC\x87\xCC\xA3", 4);
    }
    struct rw_mapped to;
    rw_mapped_init(&to);
    struct rw_piece piece = {.text = {text, 4 * PAIRS}};
    ck_assert(rw_nfc(&piece, &to));
    ck_assert_uint_eq(piece.text.len, 4 * PAIRS);
    ck_assert(memcmp(piece.text.ptr, "\xCC\xA3\xCC\xA3", 4) == 0);
    ck_assert(memcmp(piece.text.ptr + piece.text.len - 4, "\xCC\x87\xCC\x87", 4) == 0);
    rw_mapped_fini(&to);
    free(text);
}
END_TEST

START_TEST(test_nfc_ends)
{
    struct rw_tokenizer *t =
        open_byte_level("{\"type\":\"NFC\"}", QWEN_PRE, "\"\xC3\x83\xC2\xA9\":256",
                        "\"\xC3\x83 \xC2\xA9\"", "", "");
    expect(t, "e\xCC\x81", "256:3");
    expect(t, "xe\xCC\x81y", "120:1 256:4 121:5");
    /* U+0227 = a with dot: two byte tokens; the first ends where the character begins. */
    expect(t, "xa\xCC\x87", "120:1 200:1 167:4");
    rw_tokenizer_close(t);
}
END_TEST

/* ---- merging ---- */

static struct rw_tokenizer *open_doubling(const char *options)
{
    return open_byte_level("null", NO_PRE, "\"aa\":256,\"aaaa\":257,\"ab\":258,\"abc\":259",
                           "\"a a\",\"aa aa\",[\"a\",\"b\"]", options, "");
}

START_TEST(test_merge_order)
{
    struct rw_tokenizer *t = open_doubling("");
    expect(t, "aaaaab", "257:4 258:6");
    expect(t, "aaab", "256:2 258:4");
    expect(t, "aab", "256:2 98:3"); /* a a has the lower rank */
    expect(t, "abc", "258:2 99:3"); /* abc is a token, no merge makes it */
    expect(t, "", "");
    rw_tokenizer_close(t);
    t = open_doubling("\"ignore_merges\":true,");
    expect(t, "abc", "259:3");
    expect(t, "aab", "256:2 98:3");
    rw_tokenizer_close(t);
}
END_TEST

/* The scan and the heap must agree, and a megabyte of one letter must not take a minute. */
START_TEST(test_merge_lengths)
{
    struct rw_tokenizer *t = open_doubling("");
    static const size_t LENGTHS[] = {1, 2, 3, 23, 24, 25, 26, 27, 28, 100, 1023, 1000003};
    for (size_t k = 0; k < sizeof LENGTHS / sizeof LENGTHS[0]; k++) {
        size_t n = LENGTHS[k];
        char *text = malloc(n);
        memset(text, 'a', n);
        struct rw_tokens tokens;
        rw_tokens_init(&tokens, TOKENS_MAX);
        struct rw_segment segment = {{text, n}, false};
        ck_assert(rw_tokenizer_encode(t, &segment, 1, &tokens, NULL) == RW_OK);
        size_t fours = n / 4;
        ck_assert_uint_eq(tokens.count, fours + (n % 4 + 1) / 2);
        for (size_t i = 0; i < fours; i++) {
            ck_assert_int_eq(tokens.ids[i], 257);
            ck_assert_uint_eq(tokens.ends[i], 4 * (i + 1));
        }
        ck_assert_uint_eq(tokens.ends[tokens.count - 1], n);
        rw_tokens_fini(&tokens);
        free(text);
    }
    rw_tokenizer_close(t);
}
END_TEST

/* ---- added tokens and trust ---- */

#define SPECIAL(id, content) \
    "{\"id\":" #id ",\"content\":\"" content "\",\"special\":true,\"normalized\":false}"

START_TEST(test_trust)
{
    struct rw_tokenizer *t =
        open_byte_level("null", NO_PRE, "", "", "",
                        SPECIAL(256, "<s>") ",{\"id\":257,\"content\":\"<t>\",\"special\":false,"
                                            "\"normalized\":false}");
    expect(t, "a<s>b<t>", "97:1 256:4 98:5 257:8");
    struct rw_segment untrusted = {RW_STR("<s><t>"), false};
    expect_segments(t, &untrusted, 1, "60:1 115:2 62:3 257:6");
    struct rw_segment split[] = {{RW_STR("<s"), false}, {RW_STR(">"), true}};
    expect_segments(t, split, 2, "60:1 115:2 62:3");
    struct rw_segment inverse[] = {{RW_STR("<"), true}, {RW_STR("s>"), false}};
    expect_segments(t, inverse, 2, "60:1 115:2 62:3");
    struct rw_segment joined[] = {{RW_STR("x<"), true}, {RW_STR(""), false}, {RW_STR("s>"), true}};
    expect_segments(t, joined, 3, "120:1 256:4");
    struct rw_segment mixed[] = {
        {RW_STR("<s>"), true}, {RW_STR("<s>"), false}, {RW_STR("<s>"), true}};
    expect_segments(t, mixed, 3, "256:3 60:4 115:5 62:6 256:9");
    size_t specials = 0;
    ck_assert_int_eq(rw_tokenizer_count_special(t, RW_STR("<s>a<s><t><s"), &specials, NULL), RW_OK);
    ck_assert_uint_eq(specials, 2);
    ck_assert_int_eq(rw_tokenizer_find(t, RW_STR("<s>")), 256);
    ck_assert_int_eq(rw_tokenizer_find(t, RW_STR("a")), 97);
    ck_assert_int_eq(rw_tokenizer_find(t, RW_STR("<u>")), -1);
    ck_assert_uint_eq(rw_tokenizer_size(t), 258);
    rw_tokenizer_close(t);
}
END_TEST

START_TEST(test_segments_are_one_text)
{
    struct rw_tokenizer *t = open_doubling("");
    struct rw_segment halves[] = {{RW_STR("a"), true}, {RW_STR("a"), false}};
    expect_segments(t, halves, 2, "256:2");
    rw_tokenizer_close(t);
}
END_TEST

START_TEST(test_added_flags)
{
    struct rw_tokenizer *t = open_byte_level(
        "null", NO_PRE, "", "", "",
        "{\"id\":256,\"content\":\"LL\",\"lstrip\":true,\"normalized\":false},"
        "{\"id\":257,\"content\":\"RR\",\"rstrip\":true,\"normalized\":false},"
        "{\"id\":258,\"content\":\"word\",\"single_word\":true,\"normalized\":false},"
        "{\"id\":259,\"content\":\"LLong\",\"normalized\":false}");
    expect(t, "a \tLL b", "97:1 256:5 32:6 98:7");
    expect(t, "RR  b", "257:4 98:5");
    expect(t, "RR  LL", "257:4 256:6");
    expect(t, "word", "258:4");
    expect(t, "(word)", "40:1 258:5 41:6");
    expect(t, "words", "119:1 111:2 114:3 100:4 115:5");
    expect(t, "LLongLL", "259:5 256:7"); /* the longest wins */
    rw_tokenizer_close(t);
}
END_TEST

/* ---- SentencePiece style ---- */

#define MARK "\xE2\x96\x81"

/* Appends <0x00>..<0xFF> as ids 10..265. */
static void append_byte_tokens(struct rw_buf *buf)
{
    for (int i = 0; i < 256; i++) {
        rw_buf_printf(buf, ",\"<0x%02X>\":%d", i, 10 + i);
    }
}

static struct rw_tokenizer *open_pieces(const char *stages, const char *options, bool bytes)
{
    struct rw_buf buf;
    rw_buf_init(&buf, JSON_BYTES_MAX);
    rw_buf_printf(
        &buf,
        "{%s,\"added_tokens\":[" SPECIAL(1, "<s>") "],\"model\":{\"type\":\"BPE\","
                                                   "\"unk_token\":\"<unk>\",%s,\"merges\":[[\"" MARK
                                                   "\",\"a\"],[\"a\",\"b\"]],"
                                                   "\"vocab\":{\"<unk>\":0,\"<s>\":1,\"" MARK
                                                   "\":2,\"a\":3,\"b\":4,\"" MARK "a\":5,\"ab\":6",
        stages, options);
    if (bytes) {
        append_byte_tokens(&buf);
    }
    rw_buf_printf(&buf, "}}}");
    struct rw_tokenizer *tokenizer = open_json(rw_buf_str(&buf));
    rw_buf_fini(&buf);
    return tokenizer;
}

START_TEST(test_sentencepiece_legacy)
{
    struct rw_tokenizer *t = open_pieces(
        "\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"Prepend\",\"prepend\":"
        "\"" MARK "\"},{\"type\":\"Replace\",\"pattern\":{\"String\":\" \"},\"content\":\"" MARK
        "\"}]}",
        "\"byte_fallback\":true,\"fuse_unk\":true", true);
    expect(t, "ab a", "5:1 4:2 5:4");
    expect(t, " ab", "2:0 5:2 4:3");
    expect(t, "a<s>a", "5:1 1:4 5:5"); /* a prefix behind the special token, too */
    expect(t, "\xC3\xA9", "2:0 205:1 179:2");
    expect(t, "", "");
    rw_tokenizer_close(t);
}
END_TEST

START_TEST(test_metaspace_first_and_unknown)
{
    struct rw_tokenizer *t =
        open_pieces("\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"" MARK
                    "\",\"prepend_scheme\":\"first\",\"split\":false}",
                    "\"byte_fallback\":false,\"fuse_unk\":true", false);
    expect(t, "a<s>a", "5:1 1:4 3:5");
    expect(t, "axyb", "5:1 0:3 4:4");
    rw_tokenizer_close(t);
    t = open_pieces("\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"" MARK
                    "\",\"prepend_scheme\":\"never\",\"split\":true}",
                    "\"byte_fallback\":false,\"fuse_unk\":false", false);
    expect(t, "axy a", "3:1 0:2 0:3 5:5");
    rw_tokenizer_close(t);
}
END_TEST

/* ---- tokenizer.model ---- */

static void put_piece(struct rw_buf *buf, const char *content, float score, int type)
{
    size_t len = strlen(content);
    unsigned char head[] = {0x0A, (unsigned char)(len + 9), 0x0A, (unsigned char)len};
    rw_buf_append(buf, head, sizeof head);
    rw_buf_append(buf, content, len);
    unsigned char tail[] = {0x15, 0, 0, 0, 0, 0x18, (unsigned char)type};
    memcpy(tail + 1, &score, 4);
    rw_buf_append(buf, tail, sizeof tail);
}

/* type_of_model 2 is BPE; the normalizer is identity, with or without removal of extra spaces. */
static void build_model(struct rw_buf *buf, int type_of_model, bool squeeze)
{
    rw_buf_init(buf, JSON_BYTES_MAX);
    put_piece(buf, "<unk>", 0, 2);
    put_piece(buf, "<s>", 0, 3);
    put_piece(buf, "UD", 0, 4);
    put_piece(buf, MARK, -10, 1);
    put_piece(buf, "a", -11, 1);
    put_piece(buf, "b", -12, 1);
    put_piece(buf, "ab", -1, 1);
    put_piece(buf, MARK "a", -2, 1);
    put_piece(buf, "bb", -2, 1);
    put_piece(buf, "xy", -3, 1); /* x and y are no pieces */
    unsigned char trainer[] = {0x12, 2, 0x18, (unsigned char)type_of_model};
    rw_buf_append(buf, trainer, sizeof trainer);
    unsigned char normalizer[] = {0x1A, 4, 0x18, 1, 0x20, squeeze};
    rw_buf_append(buf, normalizer, sizeof normalizer);
}

START_TEST(test_spm_model)
{
    for (int squeeze = 0; squeeze < 2; squeeze++) {
        struct rw_buf buf;
        build_model(&buf, 2, squeeze != 0);
        char dir[] = "/tmp/rewardd-test-XXXXXX";
        ck_assert_ptr_nonnull(mkdtemp(dir));
        char path[128];
        snprintf(path, sizeof path, "%s/tokenizer.model", dir);
        FILE *file = fopen(path, "wb");
        ck_assert_ptr_nonnull(file);
        ck_assert_uint_eq(fwrite(buf.ptr, 1, buf.len, file), buf.len);
        fclose(file);
        struct rw_tokenizer *t = NULL;
        struct rw_error err = {0};
        ck_assert_msg(rw_tokenizer_open(dir, &t, &err) == RW_OK, "%s", err.message);
        expect(t, "ab", "3:0 6:2");
        expect(t, "abb", "3:0 6:2 5:3"); /* ab has the higher score */
        expect(t, "aa", "7:1 4:2");
        expect(t, "xy", "3:0 9:2");
        expect(t, "xqz", "3:0 0:1 0:3");
        expect(t, "aUDb<s>b", "7:1 2:3 5:4 1:7 3:7 5:8");
        expect(t, " a  a ", squeeze ? "7:2 7:5" : "3:0 7:2 3:3 7:5 3:6");
        expect(t, "a " MARK " " MARK, squeeze ? "7:1" : "7:1 3:2 3:5 3:6 3:9");
        ck_assert_uint_eq(rw_tokenizer_size(t), 10);
        ck_assert_int_eq(rw_tokenizer_find(t, RW_STR("x")), -1);
        rw_tokenizer_close(t);
        remove(path);
        remove(dir);
        rw_buf_fini(&buf);
    }
}
END_TEST

START_TEST(test_protobuf_refuses)
{
    static const struct {
        const char *bytes;
        size_t len;
    } BAD[] = {
        {"\x0A", 1}, /* length missing */
        {"\x0A\x05"
         "ab",
         4},                                                  /* longer than the file */
        {"\x08\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 11}, /* varint without end */
        {"\x0D\x00\x00", 3},                                  /* short fixed32 */
        {"\x0B", 1},                                          /* group */
        {"\x00\x00", 2},                                      /* field 0 */
    };
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        struct rw_pb pb = {.rest = {BAD[i].bytes, BAD[i].len}};
        struct rw_pb_field field;
        while (rw_pb_next(&pb, &field)) {
        }
        ck_assert_msg(pb.malformed, "case %zu", i);
    }
}
END_TEST

/* ---- refusals ---- */

static void expect_refused(struct rw_str json, rw_status want, const char *word)
{
    struct rw_tokenizer *t = NULL;
    struct rw_error err = {0};
    rw_status status = rw_tokenizer_parse(json, &t, &err);
    ck_assert_msg(status == want, "%s: %s", word, rw_status_code(status));
    ck_assert_ptr_null(t);
    ck_assert_msg(strstr(err.message, word) != NULL, "%s lacks %s", err.message, word);
}

START_TEST(test_unsupported_is_named)
{
    static const struct {
        const char *normalizer;
        const char *pre;
        const char *options;
        const char *word;
    } CASES[] = {
        {"{\"type\":\"NFKC\"}", NO_PRE, "", "NFKC"},
        {"{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"Lowercase\"}]}", NO_PRE, "",
         "Lowercase"},
        {"{\"type\":\"Replace\",\"pattern\":{\"Regex\":\"a+\"},\"content\":\"\"}", NO_PRE, "",
         "a+"},
        {"null", "{\"type\":\"Whitespace\"}", "", "Whitespace"},
        {"null",
         "{\"type\":\"Split\",\"pattern\":{\"Regex\":\"\\\\w+\"},\"behavior\":\"Isolated\"}", "",
         "\\w+"},
        {"null", NO_PRE, "\"dropout\":0.1,", "dropout"},
        {"null", NO_PRE, "\"end_of_word_suffix\":\"</w>\",", "end_of_word_suffix"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct rw_buf buf;
        struct rw_str json =
            byte_level_json(&buf, CASES[i].normalizer, CASES[i].pre, "", "", CASES[i].options, "");
        expect_refused(json, RW_MODEL_UNSUPPORTED, CASES[i].word);
        rw_buf_fini(&buf);
    }
    expect_refused(RW_STR("{\"model\":{\"type\":\"Unigram\",\"vocab\":[]}}"), RW_MODEL_UNSUPPORTED,
                   "Unigram");
    expect_refused(RW_STR("{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[]}}"),
                   RW_MODEL_UNSUPPORTED, "unk_token");
}
END_TEST

START_TEST(test_corrupt_is_refused)
{
    static const struct {
        const char *more;
        const char *merges;
        const char *added;
        const char *word;
    } CASES[] = {
        {"", "\"a b\"", "", "merges[0]"},
        {"\"ab\":256", "\"ab\"", "", "merges[0]"},
        {"\"ab\":256", "\"a b c\"", "", "merges[0]"},
        {"\"ab\":255", "", "", "255"},
        {"\"ab\":-1", "", "", "id"},
        {"\"ab\":99999999999", "", "", "id"},
        {"\"ab\":256", "", SPECIAL(257, "ab"), "257"},
        {"\"ab\":256", "", SPECIAL(256, "cd"), "256"},
        {"", "", "{\"id\":256,\"content\":\"\"}", "256"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct rw_buf buf;
        struct rw_str json = byte_level_json(&buf, "null", NO_PRE, CASES[i].more, CASES[i].merges,
                                             "", CASES[i].added);
        expect_refused(json, RW_MODEL_CORRUPT, CASES[i].word);
        rw_buf_fini(&buf);
    }
}
END_TEST

START_TEST(test_encode_errors)
{
    struct rw_tokenizer *t = open_doubling("");
    struct rw_tokens tokens;
    struct rw_error err = {0};
    rw_tokens_init(&tokens, 3);
    ck_assert(rw_tokens_push(&tokens, 7, 0));
    struct rw_segment segment = {RW_STR("bcd"), true};
    ck_assert_int_eq(rw_tokenizer_encode(t, &segment, 1, &tokens, &err), RW_LIMIT_EXCEEDED);
    ck_assert_uint_eq(tokens.count, 1);
    segment.text = RW_STR("a\xFF");
    ck_assert_int_eq(rw_tokenizer_encode(t, &segment, 1, &tokens, &err), RW_INVALID_UTF8);
    segment.text = RW_STR("\0b");
    ck_assert_int_eq(rw_tokenizer_encode(t, &segment, 1, &tokens, &err), RW_OK);
    ck_assert_uint_eq(tokens.count, 3);
    ck_assert_int_eq(tokens.ids[1], 0); /* NUL is a byte like any other */
    rw_tokens_fini(&tokens);
    rw_tokenizer_close(t);
}
END_TEST

/* ---- out of memory ---- */

struct fault_case {
    struct rw_str json;
    struct rw_str text;
};

static rw_status load_and_encode(void *ctx, struct rw_error *err)
{
    const struct fault_case *what = ctx;
    struct rw_tokenizer *t = NULL;
    rw_status status = rw_tokenizer_parse(what->json, &t, err);
    struct rw_tokens tokens;
    rw_tokens_init(&tokens, TOKENS_MAX);
    if (status == RW_OK) {
        struct rw_segment segments[] = {{what->text, true}, {what->text, false}};
        status = rw_tokenizer_encode(t, segments, 2, &tokens, err);
        ck_assert(status == RW_OK || tokens.count == 0);
    }
    rw_tokens_fini(&tokens);
    rw_tokenizer_close(t);
    return status;
}

START_TEST(test_every_allocation_fails_once)
{
    struct rw_buf buf;
    struct rw_str json = byte_level_json(&buf, "{\"type\":\"NFC\"}", QWEN_PRE, "\"ab\":256",
                                         "\"a b\"", "\"ignore_merges\":true,", SPECIAL(257, "<s>"));
    struct fault_case what = {{malloc(json.len), json.len},
                              RW_STR("ab e\xCC\x81 <s> aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")};
    memcpy((char *)what.json.ptr, json.ptr, json.len);
    rw_buf_fini(&buf);
    ck_assert_int_gt(rw_fault_each(RW_FAULT_ALLOC, load_and_encode, &what), 10);
    ck_assert_int_gt(rw_fault_each(RW_FAULT_ALLOC_FROM, load_and_encode, &what), 10);
    free((char *)what.json.ptr);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("tokenizer");
    TCase *c = tcase_create("all");
    tcase_add_test(c, test_words_qwen2);
    tcase_add_test(c, test_words_llama3);
    tcase_add_test(c, test_words_gpt2);
    tcase_add_test(c, test_words_metaspace);
    tcase_add_test(c, test_nfc);
    tcase_add_test(c, test_nfc_is_not_quadratic);
    tcase_add_test(c, test_nfc_ends);
    tcase_add_test(c, test_merge_order);
    tcase_add_test(c, test_merge_lengths);
    tcase_add_test(c, test_trust);
    tcase_add_test(c, test_segments_are_one_text);
    tcase_add_test(c, test_added_flags);
    tcase_add_test(c, test_sentencepiece_legacy);
    tcase_add_test(c, test_metaspace_first_and_unknown);
    tcase_add_test(c, test_spm_model);
    tcase_add_test(c, test_protobuf_refuses);
    tcase_add_test(c, test_unsupported_is_named);
    tcase_add_test(c, test_corrupt_is_refused);
    tcase_add_test(c, test_encode_errors);
    tcase_add_test(c, test_every_allocation_fails_once);
    suite_add_tcase(s, c);
    return s;
}

int main(void)
{
    SRunner *runner = srunner_create(suite());
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
