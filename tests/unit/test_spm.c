/* SentencePiece tokenizers: as tokenizer.json with pieces, and as tokenizer.model. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/util.h"
#include "core/text/protobuf.h"
#include "tests/lib/suite.h"
#include "tests/unit/tokenizer_cases.h"

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
    struct rw_tokenizer *tokenizer = tok_open(rw_buf_str(&buf));
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
    tok_expect(t, "ab a", "5:1 4:2 5:4");
    tok_expect(t, " ab", "2:0 5:2 4:3");
    tok_expect(t, "a<s>a", "5:1 1:4 5:5"); /* a prefix behind the special token, too */
    tok_expect(t, "\xC3\xA9", "2:0 205:1 179:2");
    tok_expect(t, "", "");
    rw_tokenizer_close(t);
}
END_TEST

START_TEST(test_metaspace_first_and_unknown)
{
    struct rw_tokenizer *t =
        open_pieces("\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"" MARK
                    "\",\"prepend_scheme\":\"first\",\"split\":false}",
                    "\"byte_fallback\":false,\"fuse_unk\":true", false);
    tok_expect(t, "a<s>a", "5:1 1:4 3:5");
    tok_expect(t, "axyb", "5:1 0:3 4:4");
    rw_tokenizer_close(t);
    t = open_pieces("\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"" MARK
                    "\",\"prepend_scheme\":\"never\",\"split\":true}",
                    "\"byte_fallback\":false,\"fuse_unk\":false", false);
    tok_expect(t, "axy a", "3:1 0:2 0:3 5:5");
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
        tok_expect(t, "ab", "3:0 6:2");
        tok_expect(t, "abb", "3:0 6:2 5:3"); /* ab has the higher score */
        tok_expect(t, "aa", "7:1 4:2");
        tok_expect(t, "xy", "3:0 9:2");
        tok_expect(t, "xqz", "3:0 0:1 0:3");
        tok_expect(t, "aUDb<s>b", "7:1 2:3 5:4 1:7 3:7 5:8");
        tok_expect(t, " a  a ", squeeze ? "7:2 7:5" : "3:0 7:2 3:3 7:5 3:6");
        tok_expect(t, "a " MARK " " MARK, squeeze ? "7:1" : "7:1 3:2 3:5 3:6 3:9");
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
    for (size_t i = 0; i < RW_COUNT(BAD); i++) {
        struct rw_pb pb = {.rest = {BAD[i].bytes, BAD[i].len}};
        struct rw_pb_field field;
        while (rw_pb_next(&pb, &field)) {
        }
        ck_assert_msg(pb.malformed, "case %zu", i);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("spm");
    TCase *c = tcase_create("all");
    tcase_add_test(c, test_sentencepiece_legacy);
    tcase_add_test(c, test_metaspace_first_and_unknown);
    tcase_add_test(c, test_spm_model);
    tcase_add_test(c, test_protobuf_refuses);
    suite_add_tcase(s, c);
    return rw_test_run(s);
}
