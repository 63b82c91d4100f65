/* Ids of events: what was told is read back from any of them, and nothing else is. */
#include <check.h>
#include <string.h>

#include "core/base/util.h"
#include "server/scoring/resume.h"
#include "tests/lib/suite.h"

enum {
    TRACES_MAX = 200,
    STEPS_MAX = 5,
    RUNS = 20,
};

static uint64_t state = 1;

static uint32_t below(uint32_t n)
{
    state = state * UINT64_C(6364136223846793005) + 1442695040888963407U;
    return (uint32_t)(state >> 33) % n;
}

static void same(const struct rw_resume *a, const struct rw_resume *b)
{
    ck_assert_uint_eq(a->tag, b->tag);
    ck_assert_uint_eq(a->base, b->base);
    for (size_t i = a->base; i < rw_resume_end(a); i++) {
        size_t slot = i - a->base;
        ck_assert_int_eq(rw_resume_is_told(a, i), rw_resume_is_told(b, i));
        ck_assert(rw_resume_is_told(a, i) || a->steps[slot] == b->steps[slot]);
    }
}

/* Traces end in any order inside the window. */
START_TEST(every_id_is_read_back)
{
    for (int run = 0; run < RUNS; run++) {
        size_t traces = 1 + below(TRACES_MAX);
        uint8_t steps[TRACES_MAX] = {0};
        struct rw_resume r;
        rw_resume_init(&r, 0x1234, traces);
        while (r.base < traces) {
            size_t i = r.base + below((uint32_t)(rw_resume_end(&r) - r.base));
            if (rw_resume_is_told(&r, i)) {
                continue;
            }
            if (steps[i] < STEPS_MAX && below(4) > 0) {
                rw_resume_tell_step(&r, i);
                steps[i]++;
            } else {
                rw_resume_tell_trace(&r, i);
            }
            char id[RW_RESUME_ID_MAX];
            struct rw_resume read;
            struct rw_error err = {0};
            rw_resume_write(&r, id);
            rw_resume_init(&read, 0x1234, traces);
            ck_assert_int_eq(rw_resume_read(&read, rw_str_from(id), &err), RW_OK);
            same(&r, &read);
        }
    }
}
END_TEST

START_TEST(other_ids_are_refused)
{
    static const char *const BAD[] = {
        "",
        "0",
        "0.1.2",
        "00000000000000ab",
        "00000000000000ab.",
        "00000000000000ab.01",
        "00000000000000ab.4",
        "00000000000000ab.-1",
        "00000000000000ab.18446744073709551616",
        "00000000000000ab.0.",
        "00000000000000ab.0.1.",
        "00000000000000ab.0.X",
        "00000000000000ab.0.x.x.x.x",
        "00000000000000ab.1.0.0.1",
        "00000000000000ab.3.0",
        "00000000000000ab.0.4294967296",
        "00000000000000ac.0",
        "00000000000000AB.0",
        " 00000000000000ab.0",
    };
    for (size_t i = 0; i < RW_COUNT(BAD); i++) {
        struct rw_resume r;
        struct rw_resume before;
        struct rw_error err = {0};
        rw_resume_init(&r, 0xab, 3);
        before = r;
        ck_assert_int_eq(rw_resume_read(&r, rw_str_from(BAD[i]), &err), RW_INVALID_REQUEST);
        ck_assert_str_eq(err.param, "Last-Event-ID");
        same(&before, &r);
    }
}
END_TEST

START_TEST(good_ids)
{
    struct rw_resume r;
    struct rw_error err = {0};
    rw_resume_init(&r, 0xab, 3);
    ck_assert_int_eq(rw_resume_read(&r, RW_STR("00000000000000ab.0.x.7.x"), &err), RW_OK);
    ck_assert_uint_eq(r.base, 1);
    ck_assert_uint_eq(r.steps[0], 7);
    ck_assert(rw_resume_is_told(&r, 2) && !rw_resume_is_told(&r, 1));
    ck_assert_int_eq(rw_resume_read(&r, RW_STR("00000000000000ab.3"), &err), RW_OK);
    ck_assert_uint_eq(r.base, 3);
    ck_assert_uint_eq(rw_resume_end(&r), 3);
}
END_TEST

/* 64 traces with the most steps there can be. */
START_TEST(the_longest_id_fits)
{
    struct rw_resume r;
    char id[RW_RESUME_ID_MAX];
    rw_resume_init(&r, UINT64_MAX, SIZE_MAX);
    r.base = SIZE_MAX - RW_RESUME_WINDOW;
    for (int i = 0; i < RW_RESUME_WINDOW; i++) {
        r.steps[i] = UINT32_MAX;
    }
    rw_resume_write(&r, id);
    ck_assert_uint_lt(strlen(id), RW_RESUME_ID_MAX);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("resume");
    TCase *tc = tcase_create("resume");
    tcase_add_test(tc, every_id_is_read_back);
    tcase_add_test(tc, other_ids_are_refused);
    tcase_add_test(tc, good_ids);
    tcase_add_test(tc, the_longest_id_fits);
    suite_add_tcase(suite, tc);
    return rw_test_run(suite);
}
