/* server/default_models: which folders beside the program are models. */
#include <check.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "server/default_models.h"
#include "server/scoring/bridge.h"
#include "tests/lib/data.h"
#include "tests/lib/suite.h"

static char dir[RW_TEST_PATH_MAX];
static struct rw_arena arena;
static struct rw_text_list list;
static struct rw_error err;
static char made[RW_SERVER_MODELS_MAX + 4][RW_TEST_PATH_MAX + 16];
static size_t n_made;

static void setup(void)
{
    rw_test_dir_make(dir);
    rw_arena_init(&arena, 1 << 20);
}

static void teardown(void)
{
    rw_arena_fini(&arena);
    while (n_made > 0) {
        rw_test_dir_remove(made[--n_made]);
    }
    rw_test_dir_remove(dir);
}

static void make(const char *name, const char *file)
{
    char *path = made[n_made++];
    snprintf(path, sizeof made[0], "%s/%s", dir, name);
    ck_assert_int_eq(mkdir(path, 0755), 0);
    rw_test_write(path, file, "{}", 2);
}

static void find(size_t n)
{
    ck_assert_int_eq(rw_default_models_in(dir, &arena, &list, &err), RW_OK);
    ck_assert_uint_eq(list.n, n);
}

START_TEST(models_are_found_by_their_manifest)
{
    make("zebra", "rewardd.json");
    make("ant", "rewardd.json");
    make("notes", "README.md");
    make(".hidden", "rewardd.json");
    find(2);
    ck_assert_str_eq(strrchr(list.items[0], '/'), "/ant");
    ck_assert_str_eq(strrchr(list.items[1], '/'), "/zebra");
}
END_TEST

START_TEST(more_than_can_be_served_are_cut)
{
    for (int i = 0; i < RW_SERVER_MODELS_MAX + 3; i++) {
        char name[16];
        snprintf(name, sizeof name, "m%d", i);
        make(name, "rewardd.json");
    }
    find(RW_SERVER_MODELS_MAX);
}
END_TEST

START_TEST(no_folder_is_no_model)
{
    ck_assert_int_eq(rw_default_models_in("/nonexistent", &arena, &list, &err), RW_OK);
    ck_assert_uint_eq(list.n, 0);
    find(0);
}
END_TEST

START_TEST(what_is_given_stays)
{
    const char *given[] = {"mine"};
    struct rw_options options = {.model = {given, 1}};
    ck_assert_int_eq(rw_default_models_add(&options, &err), RW_OK);
    ck_assert_uint_eq(options.model.n, 1);
    ck_assert_str_eq(options.model.items[0], "mine");
}
END_TEST

START_TEST(no_memory_is_said)
{
    struct rw_arena none;
    make("ant", "rewardd.json");
    rw_arena_init(&none, 1);
    ck_assert_int_eq(rw_default_models_in(dir, &none, &list, &err), RW_NO_MEMORY);
    rw_arena_fini(&none);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("default models");
    TCase *tc = tcase_create("folders");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, models_are_found_by_their_manifest);
    tcase_add_test(tc, more_than_can_be_served_are_cut);
    tcase_add_test(tc, no_folder_is_no_model);
    tcase_add_test(tc, what_is_given_stays);
    tcase_add_test(tc, no_memory_is_said);
    suite_add_tcase(suite, tc);
    return rw_test_run(suite);
}
