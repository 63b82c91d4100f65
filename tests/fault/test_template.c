/* Chat templates under the sanitizers: mutated ones are refused or render within their limits, and
 * every allocation fails once. The checks are those of the fuzz target. */
#include <check.h>
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>

#include "core/text/jinja.h"
#include "tests/lib/data.h"
#include "tests/lib/fault.h"
#include "tests/lib/mutate.h"
#include "tests/lib/suite.h"

enum {
    MUTATIONS = 20000,
    TEMPLATE_BYTES_MAX = 1 << 16,
    TEMPLATES_MAX = 64,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size); /* tests/fuzz/template.c */

static struct rw_arena arena;
static struct rw_str templates[TEMPLATES_MAX];
static size_t n_templates;

static void setup(void)
{
    char folder[RW_TEST_PATH_MAX];
    rw_test_source_path("tests/fuzz/corpus/template", folder);
    rw_arena_init(&arena, (size_t)64 << 20);
    DIR *dir = opendir(folder);
    ck_assert_ptr_nonnull(dir);
    n_templates = 0;
    for (struct dirent *entry = readdir(dir); entry != NULL && n_templates < TEMPLATES_MAX;
         entry = readdir(dir)) {
        char path[2 * RW_TEST_PATH_MAX];
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (entry->d_name[0] != '.') {
            templates[n_templates++] = rw_test_read(path, &arena);
        }
    }
    closedir(dir);
    ck_assert_uint_gt(n_templates, 10);
}

static void teardown(void)
{
    rw_arena_fini(&arena);
}

START_TEST(mutated_templates)
{
    static unsigned char bytes[TEMPLATE_BYTES_MAX];
    for (int i = 0; i < MUTATIONS; i++) {
        struct rw_mutator mutator = {.state = (uint64_t)i};
        struct rw_str from = templates[(size_t)i % n_templates];
        ck_assert_uint_lt(from.len, sizeof bytes);
        memcpy(bytes, from.ptr, from.len);
        LLVMFuzzerTestOneInput(bytes, rw_mutate(&mutator, bytes, from.len, sizeof bytes));
    }
}
END_TEST

static rw_status parse_and_render(void *ctx, struct rw_error *err)
{
    struct rw_arena own;
    const struct rw_jinja *jinja;
    struct rw_jinja_text text;
    const struct tm now = {.tm_year = 124, .tm_mon = 6, .tm_mday = 26, .tm_wday = 5};
    rw_arena_init(&own, (size_t)16 << 20);
    rw_status status = rw_jinja_parse(*(const struct rw_str *)ctx, &own, &jinja, err);
    if (status == RW_OK) {
        struct rw_jinja_value *globals = rw_jinja_dict(&own);
        struct rw_jinja_value *messages = rw_jinja_list(&own);
        bool made = true;
        for (int i = 0; i < 200; i++) { /* enough that rendering asks for blocks of its own */
            struct rw_jinja_value *turn = rw_jinja_dict(&own);
            made = made &&
                   rw_jinja_put(&own, turn, "content", rw_jinja_str(&own, RW_STR("x y"), 9)) &&
                   rw_jinja_append(&own, messages, turn);
        }
        made = made && rw_jinja_put(&own, globals, "messages", messages);
        const struct rw_jinja_context context = {globals, &now};
        status = made ? rw_jinja_render(jinja, &context, &own, &text, err)
                      : rw_fail(err, RW_NO_MEMORY, "no memory for the messages");
    }
    rw_arena_fini(&own);
    return status;
}

START_TEST(template_faults)
{
    struct rw_str text = RW_STR(
        "{% macro f(c) %}{{ c.split(' ') | join('-') | upper }}{% endmacro %}"
        "{% set ns = namespace(all=[]) %}{% for m in messages %}{% set ns.all = ns.all + "
        "[m.content] %}"
        "<{{ m.content | trim ~ f(m.content) }}{{ m | tojson }}{{ loop.index }}>{% endfor %}"
        "{{ ns.all }}{{ strftime_now('%Y') }}{{ messages | map(attribute='content') | join }}");
    ck_assert_int_ge(rw_fault_each(RW_FAULT_ALLOC, parse_and_render, &text), 4);
    ck_assert_int_ge(rw_fault_each(RW_FAULT_ALLOC_FROM, parse_and_render, &text), 4);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("templates");
    TCase *tc = tcase_create("templates");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, mutated_templates);
    tcase_add_test(tc, template_faults);
    suite_add_tcase(suite, tc);
    return rw_test_run(suite);
}
