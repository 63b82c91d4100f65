/* Tokenizers small enough to compute by hand. Equality with the reference on real vocabularies is
 * the business of tests/oracle/tokenizer_diff.py. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/buf.h"
#include "core/base/util.h"
#include "core/text/nfc.h"
#include "core/text/pretokenize.h"
#include "tests/lib/fault.h"
#include "tests/lib/suite.h"
#include "tests/unit/tokenizer_cases.h"

#define QWEN_REGEX                                                          \
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?\\\\p{L}+|" \
    "\\\\p{N}| ?[^\\\\s\\\\p{L}\\\\p{N}]+[\\\\r\\\\n]*|\\\\s*[\\\\r\\\\n]+|\\\\s+(?!\\\\S)|\\\\s+"
#define QWEN_PRE                                                                               \
    "{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\",\"pattern\":{\"Regex\":"    \
    "\"" QWEN_REGEX "\"},\"behavior\":\"Isolated\",\"invert\":false},{\"type\":\"ByteLevel\"," \
    "\"add_prefix_space\":false,\"use_regex\":false}]}"
#define NO_PRE "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"use_regex\":false}"

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
        tok_open_byte_level("{\"type\":\"NFC\"}", QWEN_PRE, "\"\xC3\x83\xC2\xA9\":256",
                            "\"\xC3\x83 \xC2\xA9\"", "", "");
    tok_expect(t, "e\xCC\x81", "256:3");
    tok_expect(t, "xe\xCC\x81y", "120:1 256:4 121:5");
    /* U+0227 = a with dot: two byte tokens; the first ends where the character begins. */
    tok_expect(t, "xa\xCC\x87", "120:1 200:1 167:4");
    rw_tokenizer_close(t);
}
END_TEST

/* ---- merging ---- */

static struct rw_tokenizer *open_doubling(const char *options)
{
    return tok_open_byte_level("null", NO_PRE, "\"aa\":256,\"aaaa\":257,\"ab\":258,\"abc\":259",
                               "\"a a\",\"aa aa\",[\"a\",\"b\"]", options, "");
}

START_TEST(test_merge_order)
{
    struct rw_tokenizer *t = open_doubling("");
    tok_expect(t, "aaaaab", "257:4 258:6");
    tok_expect(t, "aaab", "256:2 258:4");
    tok_expect(t, "aab", "256:2 98:3"); /* a a has the lower rank */
    tok_expect(t, "abc", "258:2 99:3"); /* abc is a token, no merge makes it */
    tok_expect(t, "", "");
    rw_tokenizer_close(t);
    t = open_doubling("\"ignore_merges\":true,");
    tok_expect(t, "abc", "259:3");
    tok_expect(t, "aab", "256:2 98:3");
    rw_tokenizer_close(t);
}
END_TEST

/* The scan and the heap must agree, and a megabyte of one letter must not take a minute. */
START_TEST(test_merge_lengths)
{
    struct rw_tokenizer *t = open_doubling("");
    static const size_t LENGTHS[] = {1, 2, 3, 23, 24, 25, 26, 27, 28, 100, 1023, 1000003};
    for (size_t k = 0; k < RW_COUNT(LENGTHS); k++) {
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

START_TEST(test_trust)
{
    struct rw_tokenizer *t = tok_open_byte_level(
        "null", NO_PRE, "", "", "",
        SPECIAL(256, "<s>") ",{\"id\":257,\"content\":\"<t>\",\"special\":false,"
                            "\"normalized\":false}");
    tok_expect(t, "a<s>b<t>", "97:1 256:4 98:5 257:8");
    struct rw_segment untrusted = {RW_STR("<s><t>"), false};
    tok_expect_segments(t, &untrusted, 1, "60:1 115:2 62:3 257:6");
    struct rw_segment split[] = {{RW_STR("<s"), false}, {RW_STR(">"), true}};
    tok_expect_segments(t, split, 2, "60:1 115:2 62:3");
    struct rw_segment inverse[] = {{RW_STR("<"), true}, {RW_STR("s>"), false}};
    tok_expect_segments(t, inverse, 2, "60:1 115:2 62:3");
    struct rw_segment joined[] = {{RW_STR("x<"), true}, {RW_STR(""), false}, {RW_STR("s>"), true}};
    tok_expect_segments(t, joined, 3, "120:1 256:4");
    struct rw_segment mixed[] = {
        {RW_STR("<s>"), true}, {RW_STR("<s>"), false}, {RW_STR("<s>"), true}};
    tok_expect_segments(t, mixed, 3, "256:3 60:4 115:5 62:6 256:9");
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
    tok_expect_segments(t, halves, 2, "256:2");
    rw_tokenizer_close(t);
}
END_TEST

START_TEST(test_added_flags)
{
    struct rw_tokenizer *t = tok_open_byte_level(
        "null", NO_PRE, "", "", "",
        "{\"id\":256,\"content\":\"LL\",\"lstrip\":true,\"normalized\":false},"
        "{\"id\":257,\"content\":\"RR\",\"rstrip\":true,\"normalized\":false},"
        "{\"id\":258,\"content\":\"word\",\"single_word\":true,\"normalized\":false},"
        "{\"id\":259,\"content\":\"LLong\",\"normalized\":false}");
    tok_expect(t, "a \tLL b", "97:1 256:5 32:6 98:7");
    tok_expect(t, "RR  b", "257:4 98:5");
    tok_expect(t, "RR  LL", "257:4 256:6");
    tok_expect(t, "word", "258:4");
    tok_expect(t, "(word)", "40:1 258:5 41:6");
    tok_expect(t, "words", "119:1 111:2 114:3 100:4 115:5");
    tok_expect(t, "LLongLL", "259:5 256:7"); /* the longest wins */
    rw_tokenizer_close(t);
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
    for (size_t i = 0; i < RW_COUNT(CASES); i++) {
        struct rw_buf buf;
        struct rw_str json = tok_byte_level_json(&buf, CASES[i].normalizer, CASES[i].pre, "", "",
                                                 CASES[i].options, "");
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
    for (size_t i = 0; i < RW_COUNT(CASES); i++) {
        struct rw_buf buf;
        struct rw_str json = tok_byte_level_json(&buf, "null", NO_PRE, CASES[i].more,
                                                 CASES[i].merges, "", CASES[i].added);
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
    struct rw_str json =
        tok_byte_level_json(&buf, "{\"type\":\"NFC\"}", QWEN_PRE, "\"ab\":256", "\"a b\"",
                            "\"ignore_merges\":true,", SPECIAL(257, "<s>"));
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
    tcase_add_test(c, test_unsupported_is_named);
    tcase_add_test(c, test_corrupt_is_refused);
    tcase_add_test(c, test_encode_errors);
    tcase_add_test(c, test_every_allocation_fails_once);
    suite_add_tcase(s, c);
    return s;
}

int main(void)
{
    return rw_test_run(suite());
}
