/* core/base: status, arena, buffer, UTF-8, hash, file. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/alloc.h"
#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/date.h"
#include "core/base/file.h"
#include "core/base/hash.h"
#include "core/base/status.h"
#include "core/base/utf8.h"
#include "core/base/util.h"
#include "tests/lib/suite.h"

START_TEST(error_record_is_cut_at_a_character)
{
    struct rw_error err;
    char text[2 * RW_ERROR_MESSAGE_MAX] = "";
    for (size_t i = 0; i + 3 < sizeof text; i += 3) {
        memcpy(text + i, "\xE2\x82\xAC", 4); /* three-byte characters never end at byte 383 */
    }
    ck_assert_int_eq(rw_fail(&err, RW_IO, "x%s", text), RW_IO);
    struct rw_str message = rw_str_from(err.message);
    ck_assert_uint_eq(rw_utf8_check(message), message.len);
    ck_assert_uint_gt(message.len, RW_ERROR_MESSAGE_MAX - 5);
    rw_error_prefix(&err, "%s", "file");
    ck_assert(rw_str_starts(rw_str_from(err.message), RW_STR("file: x")));
}
END_TEST

START_TEST(every_status_has_a_code)
{
    for (int s = 0; s < RW_STATUS_COUNT; s++) {
        ck_assert_uint_gt(strlen(rw_status_code((rw_status)s)), 1);
        ck_assert_uint_gt(strlen(rw_status_text((rw_status)s)), 1);
    }
}
END_TEST

START_TEST(arena_refuses_over_its_cap)
{
    struct rw_arena arena;
    rw_arena_init(&arena, 100000);
    unsigned char *a = rw_arena_alloc(&arena, 60000);
    ck_assert_ptr_nonnull(a);
    for (size_t i = 0; i < 60000; i++) {
        ck_assert_uint_eq(a[i], 0);
    }
    ck_assert_ptr_null(rw_arena_alloc(&arena, 60000));
    ck_assert_ptr_nonnull(rw_arena_alloc(&arena, 39000));
    ck_assert_ptr_null(rw_arena_array(&arena, (size_t)-1, 16));
    struct rw_str copy = rw_arena_copy(&arena, RW_STR("a\0b"));
    ck_assert_uint_eq(copy.len, 3);
    ck_assert_mem_eq(copy.ptr, "a\0b\0", 4);
    rw_arena_fini(&arena);
}
END_TEST

START_TEST(buffer_failure_sticks)
{
    struct rw_buf buf;
    rw_buf_init(&buf, 1000);
    for (int i = 0; i < 100; i++) {
        ck_assert(rw_buf_append(&buf, "0123456789", 10) == (i < 100));
    }
    ck_assert(!rw_buf_append_char(&buf, 'x'));
    ck_assert(buf.failed);
    rw_buf_consume(&buf, 500);
    ck_assert(!rw_buf_append_char(&buf, 'x'));
    rw_buf_clear(&buf);
    ck_assert(rw_buf_printf(&buf, "%d-%s", 42, "y"));
    ck_assert(rw_str_is(rw_buf_str(&buf), "42-y"));
    rw_buf_fini(&buf);
}
END_TEST

START_TEST(utf8_boundaries)
{
    static const struct {
        const char *bytes;
        size_t valid; /* leading valid bytes */
    } CASE[] = {
        {"", 0},
        {"a", 1},
        {"\xC2\x80", 2},
        {"\xC1\xBF", 0},
        {"\xE0\xA0\x80", 3},
        {"\xE0\x9F\xBF", 0},
        {"\xED\x9F\xBF", 3},
        {"\xED\xA0\x80", 0},
        {"\xF0\x90\x80\x80", 4},
        {"\xF4\x8F\xBF\xBF", 4},
        {"\xF4\x90\x80\x80", 0},
        {"ok\xFF", 2},
        {"ok\xE2\x82", 2},
    };
    for (size_t i = 0; i < RW_COUNT(CASE); i++) {
        ck_assert_uint_eq(rw_utf8_check(rw_str_from(CASE[i].bytes)), CASE[i].valid);
    }
    for (uint32_t code = 0; code <= 0x10FFFF; code += 7) {
        if (code >= 0xD800 && code <= 0xDFFF) {
            continue;
        }
        char bytes[RW_UTF8_MAX_BYTES];
        size_t n = rw_utf8_encode(code, bytes);
        size_t advance;
        ck_assert_int_eq(rw_utf8_decode((struct rw_str){bytes, n}, 0, &advance), (int32_t)code);
        ck_assert_uint_eq(advance, n);
    }
}
END_TEST

/* Published values: the draft of Fowler, Noll, Vo and Eastlake. */
START_TEST(fnv1a_known_answers)
{
    ck_assert_uint_eq(rw_hash_fnv1a(RW_FNV1A_START, "", 0), UINT64_C(0xCBF29CE484222325));
    ck_assert_uint_eq(rw_hash_fnv1a(RW_FNV1A_START, "a", 1), UINT64_C(0xAF63DC4C8601EC8C));
    uint64_t two_parts = rw_hash_fnv1a(rw_hash_fnv1a(RW_FNV1A_START, "foo", 3), "bar", 3);
    ck_assert_uint_eq(two_parts, UINT64_C(0x85944171F73967E8));
}
END_TEST

START_TEST(sha256_known_answers)
{
    static const char *const CASE[][2] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    };
    for (size_t i = 0; i < 3; i++) {
        struct rw_sha256 sha;
        unsigned char out[RW_SHA256_BYTES];
        char hex[2 * RW_SHA256_BYTES + 1];
        rw_sha256_init(&sha);
        for (const char *p = CASE[i][0]; *p != '\0'; p++) {
            rw_sha256_update(&sha, p, 1); /* byte by byte: block borders are crossed */
        }
        rw_sha256_final(&sha, out);
        rw_hash_hex(out, sizeof out, hex);
        ck_assert_str_eq(hex, CASE[i][1]);
    }
}
END_TEST

START_TEST(file_shorter_than_promised_is_an_error)
{
    char path[] = "/tmp/rewardd-test-XXXXXX";
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, "hello", 5), 5);
    struct rw_file file;
    struct rw_error err;
    char bytes[5];
    ck_assert_int_eq(rw_file_open(path, &file, &err), RW_OK);
    ck_assert_int_eq(rw_file_read(&file, 0, bytes, 5, &err), RW_OK);
    ck_assert_mem_eq(bytes, "hello", 5);
    ck_assert_int_eq(ftruncate(fd, 3), 0);
    ck_assert_int_eq(rw_file_read(&file, 0, bytes, 5, &err), RW_MODEL_CORRUPT);
    rw_file_close(&file);
    close(fd);
    unlink(path);
    ck_assert_int_eq(rw_file_open(path, &file, &err), RW_NOT_FOUND);
}
END_TEST

START_TEST(large_allocation_is_aligned_and_released)
{
    size_t bytes = ((size_t)5 << 20) + 123;
    unsigned char *p = rw_alloc_large(bytes);
    ck_assert_ptr_nonnull(p);
    ck_assert_uint_eq((size_t)p % ((size_t)2 << 20), 0);
    p[0] = 1;
    p[bytes - 1] = 2;
    rw_free_large(p, bytes);
    ck_assert_ptr_null(rw_alloc_large((size_t)-1));
}
END_TEST

START_TEST(dates_are_those_of_the_calendar)
{
    static const struct {
        const char *text;
        int weekday; /* 0 = Sunday; -1 = no date */
        int of_year;
    } CASE[] = {
        {"2024-07-26", 5, 207}, {"2000-02-29", 2, 59},
        {"1999-12-31", 5, 364}, {"1900-01-01", 1, 0},
        {"2026-11-29", 0, 332}, {"9999-12-31", 5, 364},
        {"1900-02-29", -1, 0},  {"2025-02-29", -1, 0},
        {"2025-00-10", -1, 0},  {"2025-04-31", -1, 0},
        {"2025-01-00", -1, 0},  {"1899-12-31", -1, 0},
        {"2025-1-01", -1, 0},   {"2025-01-01 ", -1, 0},
        {"2025/01/01", -1, 0},  {"", -1, 0},
        {"20250-1-01", -1, 0},
    };
    for (size_t i = 0; i < RW_COUNT(CASE); i++) {
        struct tm date;
        char again[RW_DATE_BYTES];
        bool good = rw_date_parse(rw_str_from(CASE[i].text), &date);
        ck_assert_msg(good == (CASE[i].weekday >= 0), "%s", CASE[i].text);
        if (good) {
            ck_assert_int_eq(date.tm_wday, CASE[i].weekday);
            ck_assert_int_eq(date.tm_yday, CASE[i].of_year);
            rw_date_write(&date, again);
            ck_assert_str_eq(again, CASE[i].text);
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base");
    TCase *tcase = tcase_create("base");
    tcase_add_test(tcase, error_record_is_cut_at_a_character);
    tcase_add_test(tcase, every_status_has_a_code);
    tcase_add_test(tcase, arena_refuses_over_its_cap);
    tcase_add_test(tcase, buffer_failure_sticks);
    tcase_add_test(tcase, utf8_boundaries);
    tcase_add_test(tcase, sha256_known_answers);
    tcase_add_test(tcase, fnv1a_known_answers);
    tcase_add_test(tcase, dates_are_those_of_the_calendar);
    tcase_add_test(tcase, file_shorter_than_promised_is_an_error);
    tcase_add_test(tcase, large_allocation_is_aligned_and_released);
    suite_add_tcase(suite, tcase);
    return rw_test_run(suite);
}
