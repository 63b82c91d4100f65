/* proto/guard and proto/tree: JSONTestSuite, UTF-8, duplicate names, hidden text, limits. */
#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/file.h"
#include "core/base/util.h"
#include "proto/guard.h"
#include "proto/tree.h"
#include "tests/lib/data.h"
#include "tests/lib/suite.h"

enum {
    ARENA_BYTES = 16 << 20,
};

static const struct rw_guard_options STRICT = {.depth_max = RW_JSON_BODY_DEPTH_MAX};
static const struct rw_guard_options GRAMMAR = {
    .depth_max = RW_JSON_BODY_DEPTH_MAX,
    .allow_duplicate_names = true,
};

static struct rw_arena arena;
static struct rw_guard_report report;
static struct rw_error err;

static void setup(void)
{
    rw_arena_init(&arena, ARENA_BYTES);
    memset(&err, 0, sizeof err);
}

static void teardown(void)
{
    rw_arena_fini(&arena);
}

/* The guard may write and must not read past the end: every text gets its own exact allocation. */
static rw_status check_bytes(const char *bytes, size_t len, const struct rw_guard_options *options,
                             char *rewritten)
{
    char *copy = malloc(len > 0 ? len : 1);
    memcpy(copy, bytes, len);
    rw_status status = rw_guard_check(copy, len, options, &arena, &report, &err);
    if (rewritten != NULL) {
        memcpy(rewritten, copy, len);
        rewritten[len] = '\0';
    }
    free(copy);
    return status;
}

static rw_status check_text(const char *text)
{
    return check_bytes(text, strlen(text), &STRICT, NULL);
}

/* What we decide where RFC 8259 leaves it open (files named i_*): text in another encoding, lone
 * bytes that are no UTF-8, byte-order marks and 500 levels are refused; numbers of any size are
 * grammar (a typed getter refuses what is not finite), lone surrogate escapes become U+FFFD. */
static bool open_case_accepted(const char *name)
{
    static const char *const ACCEPTED[] = {
        "i_number_",
        "i_object_key_lone_2nd_surrogate",
        "i_string_1st_",
        "i_string_incomplete_surrogate",
        "i_string_invalid_lonely_surrogate",
        "i_string_invalid_surrogate",
        "i_string_inverted_surrogates",
        "i_string_lone_second",
    };
    for (size_t i = 0; i < RW_COUNT(ACCEPTED); i++) {
        if (strncmp(name, ACCEPTED[i], strlen(ACCEPTED[i])) == 0) {
            return true;
        }
    }
    return false;
}

static void check_suite_file(const char *dir, const char *name)
{
    char path[RW_TEST_PATH_MAX + 256];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    struct rw_str text;
    struct rw_arena file_arena;
    rw_arena_init(&file_arena, ARENA_BYTES);
    ck_assert_int_eq(rw_file_read_all(path, ARENA_BYTES / 2, &file_arena, &text, &err), RW_OK);
    bool accepted = check_bytes(text.ptr, text.len, &GRAMMAR, NULL) == RW_OK;
    bool wanted = name[0] == 'y' || (name[0] == 'i' && open_case_accepted(name));
    ck_assert_msg(accepted == wanted, "%s: %s (%s)", name, accepted ? "accepted" : "refused",
                  err.message);
    if (accepted && report.number_bytes_max <= 63) { /* what we let through, cJSON must take */
        cJSON *root;
        char *body = malloc(text.len + 1);
        memcpy(body, text.ptr, text.len);
        ck_assert_msg(rw_tree_parse(body, text.len, &GRAMMAR, &arena, &root, &err) == RW_OK,
                      "%s: %s", name, err.message);
        free(body);
    }
    rw_arena_fini(&file_arena);
}

START_TEST(json_test_suite)
{
    char path[RW_TEST_PATH_MAX];
    if (!rw_test_data_path("malformed/JSONTestSuite/test_parsing", path)) {
        return;
    }
    DIR *dir = opendir(path);
    ck_assert_ptr_nonnull(dir);
    size_t files = 0;
    for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
        if (strchr("yni", e->d_name[0]) != NULL && e->d_name[1] == '_') {
            check_suite_file(path, e->d_name);
            files++;
        }
    }
    closedir(dir);
    ck_assert_uint_gt(files, 300);
}
END_TEST

START_TEST(duplicate_names_are_refused)
{
    ck_assert_int_eq(check_text("{\"a\":1,\"b\":{\"a\":2},\"c\":[{\"a\":1},{\"a\":1}]}"), RW_OK);
    ck_assert_int_eq(check_text("{\"a\":1,\"b\":2,\"a\":3}"), RW_INVALID_REQUEST);
    ck_assert_str_eq(err.param, "a");
    ck_assert_int_eq(check_text("{\"prompt\":1,\"\\u0070rompt\":2}"), RW_INVALID_REQUEST);
    ck_assert_str_eq(err.param, "prompt");
    ck_assert_int_eq(check_text("{\"\\ud83d\\ude00\":1,\"\xF0\x9F\x98\x80\":2}"),
                     RW_INVALID_REQUEST);
    ck_assert_int_eq(check_text("{\"\\n\":1,\"n\":2,\"\\\\\":3,\"\\/\":4}"), RW_OK);
    ck_assert_int_eq(check_text("{\"x\":{\"x\":{\"x\":1}}}"), RW_OK);
    const char *twice = "{\"a\":1,\"a\":1}";
    ck_assert_int_eq(check_bytes(twice, strlen(twice), &GRAMMAR, NULL), RW_OK);
}
END_TEST

START_TEST(members_are_bounded)
{
    for (int n = RW_GUARD_NAMES_MAX - 1; n <= RW_GUARD_NAMES_MAX + 1; n++) {
        char text[4096];
        size_t len = 0;
        for (int i = 0; i < n; i++) {
            len += (size_t)snprintf(text + len, sizeof text - len, "%s\"k%d\":1", i > 0 ? "," : "{",
                                    i);
        }
        text[len++] = '}';
        ck_assert_int_eq(check_bytes(text, len, &STRICT, NULL),
                         n <= RW_GUARD_NAMES_MAX ? RW_OK : RW_LIMIT_EXCEEDED);
    }
}
END_TEST

START_TEST(depth_is_bounded)
{
    for (size_t depth = RW_JSON_BODY_DEPTH_MAX; depth <= RW_JSON_BODY_DEPTH_MAX + 1; depth++) {
        char text[2 * (RW_JSON_BODY_DEPTH_MAX + 1)];
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        ck_assert_int_eq(check_bytes(text, 2 * depth, &STRICT, NULL),
                         depth <= RW_JSON_BODY_DEPTH_MAX ? RW_OK : RW_LIMIT_EXCEEDED);
    }
    struct rw_guard_options shallow = {.depth_max = 1};
    ck_assert_int_eq(check_bytes("[1]", 3, &shallow, NULL), RW_OK);
    ck_assert_int_eq(check_bytes("[[1]]", 5, &shallow, NULL), RW_LIMIT_EXCEEDED);
}
END_TEST

START_TEST(hidden_text_becomes_a_replacement)
{
    static const struct {
        const char *before;
        const char *after;
        size_t hidden;
    } CASE[] = {
        {"[\"a\\u0000b\"]", "[\"a\\ufffdb\"]", 1},
        {"[\"\\ud800\"]", "[\"\\ufffd\"]", 1},
        {"[\"\\uDFFFx\\u0000\"]", "[\"\\ufffdx\\ufffd\"]", 2},
        {"[\"\\ud83d\\ude00\"]", "[\"\\ud83d\\ude00\"]", 0},
        {"[\"\\ud800\\ud83d\\ude00\"]", "[\"\\ufffd\\ud83d\\ude00\"]", 1},
        {"[\"\\ud800\\u0041\"]", "[\"\\ufffd\\u0041\"]", 1},
        {"[\"\\ud800\\n\"]", "[\"\\ufffd\\n\"]", 1},
        {"[\"\\ude00\\ud83d\"]", "[\"\\ufffd\\ufffd\"]", 2},
        {"[\"\\\\u0000\"]", "[\"\\\\u0000\"]", 0}, /* an escaped backslash, then text */
        {"[\"\\u0001\\uffff\"]", "[\"\\u0001\\uffff\"]", 0},
    };
    for (size_t i = 0; i < RW_COUNT(CASE); i++) {
        char after[64];
        ck_assert_int_eq(check_bytes(CASE[i].before, strlen(CASE[i].before), &STRICT, after),
                         RW_OK);
        ck_assert_str_eq(after, CASE[i].after);
        ck_assert_uint_eq(report.hidden_texts, CASE[i].hidden);
    }
}
END_TEST

START_TEST(hidden_text_is_counted_where_it_is)
{
    char text[] =
        "{\"k\\u0000\":\"plain\",\"list\":[\"x\\u0000y\\ud800\",[\"z\"],{\"n\":\"\\udc00\"}],"
        "\"last\":\"\\u0000\"}";
    cJSON *root;
    ck_assert_int_eq(rw_tree_parse(text, strlen(text), &STRICT, &arena, &root, &err), RW_OK);
    const cJSON *first = root->child;
    ck_assert_str_eq(first->string, "k\xEF\xBF\xBD");
    ck_assert_uint_eq(rw_tree_hidden(first), 0);
    const cJSON *list = first->next;
    ck_assert_uint_eq(rw_tree_hidden(list), 3);
    ck_assert_uint_eq(rw_tree_hidden(list->child), 2);
    ck_assert_str_eq(list->child->valuestring, "x\xEF\xBF\xBDy\xEF\xBF\xBD");
    ck_assert_uint_eq(rw_tree_hidden(list->child->next), 0);
    ck_assert_uint_eq(rw_tree_hidden(list->next), 1);
}
END_TEST

START_TEST(many_hidden_texts)
{
    enum {
        N = 1000
    };
    char *text = malloc(16 * N);
    size_t len = 0;
    text[len++] = '[';
    for (int i = 0; i < N; i++) {
        len += (size_t)snprintf(text + len, 16, "%s\"%s\"", i > 0 ? "," : "",
                                i % 3 == 0 ? "\\u0000" : "a");
    }
    text[len++] = ']';
    cJSON *root;
    ck_assert_int_eq(rw_tree_parse(text, len, &STRICT, &arena, &root, &err), RW_OK);
    free(text);
    size_t i = 0;
    for (const cJSON *node = root->child; node != NULL; node = node->next, i++) {
        ck_assert_uint_eq(rw_tree_hidden(node), i % 3 == 0);
    }
    ck_assert_uint_eq(i, N);
}
END_TEST

/* Each byte value alone in a string, at every alignment of the eight-byte loop. */
START_TEST(every_byte_in_a_string)
{
    for (int c = 0; c < 256; c++) {
        for (size_t pad = 0; pad < 20; pad++) {
            char text[64] = "\"";
            memset(text + 1, 'x', pad);
            text[1 + pad] = (char)c;
            memset(text + 2 + pad, 'y', 20);
            text[22 + pad] = '"';
            rw_status status = check_bytes(text, 23 + pad, &STRICT, NULL);
            rw_status wanted = c < 0x20 || c == '"' || c == '\\' ? RW_INVALID_JSON
                               : c >= 0x80                       ? RW_INVALID_UTF8
                                                                 : RW_OK;
            ck_assert_msg(status == wanted, "byte %02X pad %zu: %d", c, pad, status);
        }
    }
}
END_TEST

START_TEST(utf8_is_checked_inside_strings_only)
{
    ck_assert_int_eq(check_text("\"\xE4\xB8\xAD\xF0\x9F\x98\x80\xC3\xA9\""), RW_OK);
    ck_assert_int_eq(check_text("\"\xC0\xAF\""), RW_INVALID_UTF8);
    ck_assert_int_eq(check_text("\"\xED\xA0\x80\""), RW_INVALID_UTF8);
    ck_assert_int_eq(check_text("\"\xF4\x90\x80\x80\""), RW_INVALID_UTF8);
    ck_assert_int_eq(check_text("\"abc\xE4\xB8\""), RW_INVALID_UTF8);
    ck_assert_int_eq(check_text("\xEF\xBB\xBF{}"), RW_INVALID_JSON);
    ck_assert(strstr(err.hint, "byte-order") != NULL);
    ck_assert_int_eq(check_text("{}\xC2\xA0"), RW_INVALID_JSON);
}
END_TEST

START_TEST(errors_say_where)
{
    ck_assert_int_eq(check_text(""), RW_INVALID_JSON);
    ck_assert(strstr(err.message, "ends at byte 0") != NULL);
    ck_assert_int_eq(check_text("{\"a\":NaN}"), RW_INVALID_JSON);
    ck_assert(strstr(err.message, "'N' at byte 5") != NULL);
    ck_assert(strstr(err.hint, "NaN") != NULL);
    ck_assert_int_eq(check_text("[1,]"), RW_INVALID_JSON);
    ck_assert(strstr(err.message, "']' at byte 3") != NULL);
    ck_assert_int_eq(check_text("[1] trailing"), RW_INVALID_JSON);
    ck_assert(strstr(err.message, "end of the body") != NULL);
    ck_assert_int_eq(check_text("{'a':1}"), RW_INVALID_JSON);
    ck_assert_int_eq(check_bytes("[1]\0", 4, &STRICT, NULL), RW_INVALID_JSON);
}
END_TEST

/* Every prefix of a valid document is refused, and none reads past its end (under ASan). */
START_TEST(prefixes_are_refused)
{
    static const char TEXT[] = " {\"a\\u0041\\ud83d\\ude00\": [1, -2.5e+3, true, false, null, "
                               "\"\xE4\xB8\xAD\"], \"b\": {}} ";
    size_t len = strlen(TEXT);
    for (size_t n = 0; n < len - 1; n++) {
        ck_assert_int_ne(check_bytes(TEXT, n, &STRICT, NULL), RW_OK);
    }
    ck_assert_int_eq(check_bytes(TEXT, len - 1, &STRICT, NULL), RW_OK);
    ck_assert_int_eq(check_bytes(TEXT, len, &STRICT, NULL), RW_OK);
}
END_TEST

START_TEST(long_numbers_are_not_cut)
{
    char text[128] = "[";
    memset(text + 1, '1', 63);
    text[64] = ']';
    cJSON *root;
    ck_assert_int_eq(rw_tree_parse(text, 65, &STRICT, &arena, &root, &err), RW_OK);
    memset(text + 1, '1', 64);
    text[65] = ']';
    ck_assert_int_eq(rw_tree_parse(text, 66, &STRICT, &arena, &root, &err), RW_LIMIT_EXCEEDED);
}
END_TEST

START_TEST(memory_is_the_arenas)
{
    struct rw_arena small;
    rw_arena_init(&small, 200);
    char text[] = "[1,2,3,4,5,6,7,8]";
    cJSON *root;
    ck_assert_int_eq(rw_tree_parse(text, strlen(text), &STRICT, &small, &root, &err), RW_NO_MEMORY);
    ck_assert(strstr(err.hint, "--request-memory") != NULL);
    rw_arena_fini(&small);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("guard");
    TCase *tc = tcase_create("guard");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, duplicate_names_are_refused);
    tcase_add_test(tc, members_are_bounded);
    tcase_add_test(tc, depth_is_bounded);
    tcase_add_test(tc, hidden_text_becomes_a_replacement);
    tcase_add_test(tc, hidden_text_is_counted_where_it_is);
    tcase_add_test(tc, many_hidden_texts);
    tcase_add_test(tc, every_byte_in_a_string);
    tcase_add_test(tc, utf8_is_checked_inside_strings_only);
    tcase_add_test(tc, errors_say_where);
    tcase_add_test(tc, prefixes_are_refused);
    tcase_add_test(tc, long_numbers_are_not_cut);
    tcase_add_test(tc, memory_is_the_arenas);
    suite_add_tcase(suite, tc);
    tc = tcase_create("vectors");
    tcase_set_tags(tc, "vectors");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, json_test_suite);
    suite_add_tcase(suite, tc);
    return rw_test_run(suite);
}
