/* core/io/json: JSONTestSuite, the UTF-8 lines, limits, and large maps. */
#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/buf.h"
#include "core/base/util.h"
#include "core/io/json.h"
#include "tests/lib/data.h"
#include "tests/lib/suite.h"

enum {
    ARENA_MAX = 256 * 1024 * 1024,
    COPIES_MAX = 1000, /* texts parsed by one test */
};

static struct rw_arena arena;
static struct rw_error err;
static void *copies[COPIES_MAX];
static size_t copy_count;

static void setup(void)
{
    rw_arena_init(&arena, ARENA_MAX);
}

static void teardown(void)
{
    rw_arena_fini(&arena);
    while (copy_count > 0) {
        free(copies[--copy_count]);
    }
}

static rw_status parse(struct rw_str text, const struct rw_json **root)
{
    /* An exact copy on the heap, so that the address sanitizer sees one byte too many. */
    char *copy = malloc(text.len > 0 ? text.len : 1);
    ck_assert_ptr_nonnull(copy);
    ck_assert_uint_lt(copy_count, COPIES_MAX);
    copies[copy_count++] = copy;
    if (text.len > 0) {
        memcpy(copy, text.ptr, text.len);
    }
    rw_status status = rw_json_parse(&arena, (struct rw_str){copy, text.len}, root, &err);
    if (status != RW_OK) {
        ck_assert_ptr_null(*root);
        ck_assert_int_eq(err.status, status);
        ck_assert_uint_gt(strlen(err.message), 0);
    }
    return status;
}

static rw_status parse_text(const char *text, const struct rw_json **root)
{
    return parse(rw_str_from(text), root);
}

START_TEST(values_and_structure)
{
    const struct rw_json *root;
    ck_assert_int_eq(
        parse_text(" {\"a\": [1, -2.5e1, true, false, null], \"b\\n\\u20ac\": \"x\\ud83d\\ude00y\","
                   "\"c\": {}, \"d\": [], \"e\": \"\"}\n",
                   &root),
        RW_OK);
    ck_assert_int_eq(root->type, RW_JSON_OBJECT);
    ck_assert_uint_eq(root->count, 5);
    const struct rw_json *a = rw_json_get(root, "a");
    ck_assert_uint_eq(a->count, 5);
    const struct rw_json *item = a->child;
    ck_assert_double_eq(item->number, 1);
    item = item->next;
    ck_assert_double_eq(item->number, -25);
    ck_assert(rw_str_is(item->text, "-2.5e1"));
    item = item->next;
    ck_assert_int_eq(item->type, RW_JSON_TRUE);
    item = item->next;
    ck_assert_int_eq(item->type, RW_JSON_FALSE);
    item = item->next;
    ck_assert_int_eq(item->type, RW_JSON_NULL);
    ck_assert_ptr_null(item->next);
    ck_assert(rw_json_is_string(rw_json_get(root, "b\n\xE2\x82\xAC"), "x\xF0\x9F\x98\x80y"));
    ck_assert_uint_eq(rw_json_get(root, "c")->count, 0);
    ck_assert_uint_eq(rw_json_get(root, "d")->count, 0);
    ck_assert(rw_json_is_string(rw_json_get(root, "e"), ""));
    ck_assert_ptr_null(rw_json_get(root, "f"));
    ck_assert_ptr_null(rw_json_get(a, "a"));
    ck_assert_ptr_null(rw_json_get(NULL, "a"));
    ck_assert(!rw_json_is_string(NULL, "a"));
}
END_TEST

START_TEST(integers)
{
    static const struct {
        const char *text;
        bool is_u64;
        uint64_t u64;
        bool is_i64;
        int64_t i64;
        double number;
    } CASES[] = {
        {"0", true, 0, true, 0, 0},
        {"-0", false, 0, true, 0, 0},
        {"42", true, 42, true, 42, 42},
        {"-7", false, 0, true, -7, -7},
        {"123456789012345", true, 123456789012345, true, 123456789012345, 123456789012345.0},
        {"9223372036854775807", true, INT64_MAX, true, INT64_MAX, 9223372036854775807.0},
        {"9223372036854775808", true, (uint64_t)INT64_MAX + 1, false, 0, 9223372036854775808.0},
        {"-9223372036854775808", false, 0, true, INT64_MIN, -9223372036854775808.0},
        {"-9223372036854775809", false, 0, false, 0, -9223372036854775809.0},
        {"18446744073709551615", true, UINT64_MAX, false, 0, 18446744073709551615.0},
        {"18446744073709551616", false, 0, false, 0, 18446744073709551616.0},
        {"1.0", false, 0, false, 0, 1},
        {"1e2", false, 0, false, 0, 100},
        {"0.1", false, 0, false, 0, 0.1},
        {"1e-400", false, 0, false, 0, 0},
        {"\"1\"", false, 0, false, 0, 0},
    };
    for (size_t i = 0; i < RW_COUNT(CASES); i++) {
        const struct rw_json *root;
        uint64_t u64 = 99;
        int64_t i64 = 99;
        ck_assert_int_eq(parse_text(CASES[i].text, &root), RW_OK);
        ck_assert_msg(root->number == CASES[i].number, "%s", CASES[i].text);
        ck_assert_msg(rw_json_u64(root, &u64) == CASES[i].is_u64, "%s", CASES[i].text);
        ck_assert_msg(rw_json_i64(root, &i64) == CASES[i].is_i64, "%s", CASES[i].text);
        ck_assert_uint_eq(u64, CASES[i].is_u64 ? CASES[i].u64 : 99);
        ck_assert_int_eq(i64, CASES[i].is_i64 ? CASES[i].i64 : 99);
    }
    uint64_t u64;
    ck_assert(!rw_json_u64(NULL, &u64));
}
END_TEST

START_TEST(long_number_literals)
{
    char text[2000];
    memset(text, '0', sizeof text);
    memcpy(text, "1.5", 3);
    const struct rw_json *root;
    ck_assert_int_eq(parse((struct rw_str){text, sizeof text}, &root), RW_OK);
    ck_assert_double_eq(root->number, 1.5);
    memset(text, '9', sizeof text);
    ck_assert_int_eq(parse((struct rw_str){text, sizeof text}, &root), RW_INVALID_JSON);
    ck_assert_int_eq(parse_text("1e400", &root), RW_INVALID_JSON);
    ck_assert_int_eq(parse_text("[-1e400]", &root), RW_INVALID_JSON);
}
END_TEST

START_TEST(refused_with_its_status)
{
    static const struct {
        struct rw_str text;
        rw_status status;
        const char *message; /* part of it */
    } CASES[] = {
        {RW_STR(""), RW_INVALID_JSON, "line 1 column 1: ends"},
        {RW_STR("{} x"), RW_INVALID_JSON, "line 1 column 4: bytes behind"},
        {RW_STR("[1,\n 2,]"), RW_INVALID_JSON, "line 2 column 4: expected a value"},
        {RW_STR("\xEF\xBB\xBF{}"), RW_INVALID_JSON, "expected a value"},
        {RW_STR("\"a\\u0000b\""), RW_INVALID_JSON, "column 3: \\u escape"},
        {RW_STR("\"\\ud800\""), RW_INVALID_JSON, "surrogate"},
        {RW_STR("\"\\ud800\\u0041\""), RW_INVALID_JSON, "surrogate"},
        {RW_STR("\"\\udc00\""), RW_INVALID_JSON, "surrogate"},
        {RW_STR("\"\\u12\""), RW_INVALID_JSON, "escape"},
        {RW_STR("\"\\ud800\\u12\""), RW_INVALID_JSON, "escape"},
        {RW_STR("\"\\x41\""), RW_INVALID_JSON, "unknown escape"},
        {RW_STR("\"\\\0\""), RW_INVALID_JSON, "unknown escape"},
        {RW_STR("\"a\0b\""), RW_INVALID_JSON, "control character"},
        {RW_STR("\"a\\"), RW_INVALID_JSON, "no end"},
        {RW_STR("\"a"), RW_INVALID_JSON, "no end"},
        {RW_STR("\"\xED\xA0\x80\""), RW_INVALID_UTF8, "column 2"},
        {RW_STR("\"abc\xFF\""), RW_INVALID_UTF8, "column 5"},
        {RW_STR("{\"a\":1,\"a\":1}"), RW_INVALID_JSON, "key \"a\" twice"},
        {RW_STR("{\"a\":1,\"\\u0061\":2}"), RW_INVALID_JSON, "key \"a\" twice"},
        {RW_STR("[01]"), RW_INVALID_JSON, "expected ',' or ']'"},
        {RW_STR("[1.]"), RW_INVALID_JSON, "malformed number"},
        {RW_STR("[-]"), RW_INVALID_JSON, "malformed number"},
        {RW_STR("[+1]"), RW_INVALID_JSON, "expected a value"},
        {RW_STR("[tru]"), RW_INVALID_JSON, "expected a value"},
    };
    for (size_t i = 0; i < RW_COUNT(CASES); i++) {
        const struct rw_json *root;
        ck_assert_msg(parse(CASES[i].text, &root) == CASES[i].status, "%s", CASES[i].text.ptr);
        ck_assert_msg(strstr(err.message, CASES[i].message) != NULL, "%s: %s", CASES[i].text.ptr,
                      err.message);
    }
}
END_TEST

START_TEST(depth_limit)
{
    char text[2 * RW_JSON_DEPTH_MAX + 2];
    memset(text, '[', RW_JSON_DEPTH_MAX);
    memset(text + RW_JSON_DEPTH_MAX, ']', RW_JSON_DEPTH_MAX);
    const struct rw_json *root;
    ck_assert_int_eq(parse((struct rw_str){text, (size_t)2 * RW_JSON_DEPTH_MAX}, &root), RW_OK);
    memset(text, '[', RW_JSON_DEPTH_MAX + 1);
    memset(text + RW_JSON_DEPTH_MAX + 1, ']', RW_JSON_DEPTH_MAX + 1);
    ck_assert_int_eq(parse((struct rw_str){text, sizeof text}, &root), RW_LIMIT_EXCEEDED);
}
END_TEST

START_TEST(memory_is_bounded_by_the_arena)
{
    struct rw_buf text;
    rw_buf_init(&text, 1 << 20);
    rw_buf_append_char(&text, '[');
    for (int i = 0; i < 100000; i++) {
        rw_buf_append(&text, "0,", 2);
    }
    rw_buf_append(&text, "0]", 2);
    struct rw_arena small;
    rw_arena_init(&small, 1 << 20);
    const struct rw_json *root;
    ck_assert_int_eq(rw_json_parse(&small, rw_buf_str(&text), &root, &err), RW_LIMIT_EXCEEDED);
    ck_assert_uint_le(small.used_bytes, 1 << 20);
    rw_arena_fini(&small);
    ck_assert_int_eq(rw_json_parse(&arena, rw_buf_str(&text), &root, &err), RW_OK);
    ck_assert_uint_eq(root->count, 100001);
    rw_buf_fini(&text);
}
END_TEST

/* A vocabulary: the duplicate is found wherever it stands, and quickly. */
START_TEST(large_maps)
{
    struct rw_buf text;
    rw_buf_init(&text, 16 << 20);
    for (int duplicate = 0; duplicate < 2; duplicate++) {
        rw_buf_clear(&text);
        rw_buf_append_char(&text, '{');
        for (int i = 0; i < 150000; i++) {
            rw_buf_printf(&text, "\"token %d\": %d, ", i, i);
        }
        rw_buf_printf(&text, "\"token %d\": 0}", duplicate ? 1234 : -1);
        const struct rw_json *root;
        rw_status status = rw_json_parse(&arena, rw_buf_str(&text), &root, &err);
        ck_assert_int_eq(status, duplicate ? RW_INVALID_JSON : RW_OK);
    }
    ck_assert_ptr_nonnull(strstr(err.message, "\"token 1234\" twice"));
    rw_buf_fini(&text);
}
END_TEST

/* Files the grammar accepts and we refuse, each for a rule in the header. */
static bool refused_by_policy(const char *name)
{
    static const char *const NAMES[] = {
        "y_object_duplicated_key.json",
        "y_object_duplicated_key_and_value.json",
        "y_object_escaped_null_in_key.json",
        "y_string_null_escape.json",
    };
    for (size_t i = 0; i < RW_COUNT(NAMES); i++) {
        if (strcmp(name, NAMES[i]) == 0) {
            return true;
        }
    }
    return false;
}

START_TEST(json_test_suite)
{
    char folder[RW_TEST_PATH_MAX];
    if (!rw_test_data_path("malformed/JSONTestSuite/test_parsing", folder)) {
        return;
    }
    DIR *dir = opendir(folder);
    ck_assert_ptr_nonnull(dir);
    int accepted = 0;
    int refused = 0;
    int policy = 0;
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        if (entry->d_name[0] == '.') {
            continue;
        }
        char path[RW_TEST_PATH_MAX + 256];
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        const struct rw_json *root;
        rw_status status = parse(rw_test_read(path, &arena), &root);
        if (refused_by_policy(entry->d_name)) {
            ck_assert_msg(status == RW_INVALID_JSON, "%s", entry->d_name);
            policy++;
        } else if (entry->d_name[0] == 'y') {
            ck_assert_msg(status == RW_OK, "%s: %s", entry->d_name, err.message);
            accepted++;
        } else if (entry->d_name[0] == 'n') {
            ck_assert_msg(status != RW_OK, "%s", entry->d_name);
            refused++;
        }
    }
    closedir(dir);
    ck_assert_int_eq(accepted + policy, 95);
    ck_assert_int_eq(policy, 4);
    ck_assert_int_eq(refused, 188);
}
END_TEST

static size_t unhex(const char *hex, unsigned char *out)
{
    size_t n = 0;
    while (*hex != '\0' && *hex != ':' && *hex != '\n') {
        if (*hex == ' ') {
            hex++;
            continue;
        }
        unsigned value;
        ck_assert_int_eq(sscanf(hex, "%2x", &value), 1);
        out[n++] = (unsigned char)value;
        hex += 2;
    }
    return n;
}

/* Each line of the UTF-8 tests as the text of a string. */
START_TEST(utf8_lines)
{
    char path[RW_TEST_PATH_MAX];
    if (!rw_test_data_path("malformed/utf8tests/utf8tests.txt", path)) {
        return;
    }
    FILE *file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    char line[4096];
    int valid = 0;
    int invalid = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        const char *kind = strchr(line, ':');
        if (line[0] == '#' || kind == NULL) {
            continue;
        }
        const char *hex = strstr(kind, "valid hex:");
        if (hex == NULL) {
            continue; /* plain ASCII */
        }
        unsigned char text[2048] = {'"'};
        size_t len = unhex(hex + strlen("valid hex:"), text + 1);
        text[len + 1] = '"';
        if (memchr(text, '\0', len + 1) != NULL) {
            continue; /* may be fine as UTF-8, never as JSON */
        }
        bool good = hex[-1] != 'n'; /* else "invalid hex:" */
        const struct rw_json *root;
        rw_status status = parse((struct rw_str){(char *)text, len + 2}, &root);
        ck_assert_msg((status == RW_OK) == good, "%s: %s", line, err.message);
        valid += good;
        invalid += !good;
    }
    fclose(file);
    ck_assert_int_gt(valid, 15);
    ck_assert_int_gt(invalid, 130);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("json");
    TCase *tc = tcase_create("json");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, values_and_structure);
    tcase_add_test(tc, integers);
    tcase_add_test(tc, long_number_literals);
    tcase_add_test(tc, refused_with_its_status);
    tcase_add_test(tc, depth_limit);
    tcase_add_test(tc, memory_is_bounded_by_the_arena);
    tcase_add_test(tc, large_maps);
    suite_add_tcase(suite, tc);
    tc = tcase_create("vectors");
    tcase_set_tags(tc, "vectors");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, json_test_suite);
    tcase_add_test(tc, utf8_lines);
    suite_add_tcase(suite, tc);
    return rw_test_run(suite);
}
