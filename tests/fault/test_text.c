/* Every allocation, open and read fails once: opening each kind of tokenizer, encoding with it. */
#include <check.h>
#include <stdio.h>

#include "core/base/util.h"
#include "core/text/tokenizer.h"
#include "tests/lib/data.h"
#include "tests/lib/fault.h"
#include "tests/lib/suite.h"

static const char *const TOKENIZERS[] = {"qwen", "llama3", "mistral", "internlm2"};

static rw_status open_and_encode(void *ctx, struct rw_error *err)
{
    struct rw_tokenizer *tokenizer;
    rw_status status = rw_tokenizer_open(ctx, &tokenizer, err);
    if (status != RW_OK) {
        return status;
    }
    static const char TEXT[] = "Step 1: 12 + 30 = 42.\n\nIt\xCC\x81 \xE2\x82\xAC \xF0\x9F\x98\x80";
    struct rw_segment segments[] = {
        {RW_STR("<|im_start|>"), true},
        {rw_str_from(TEXT), false},
    };
    struct rw_tokens tokens;
    rw_tokens_init(&tokens, 10000);
    status = rw_tokenizer_encode(tokenizer, segments, 2, &tokens, err);
    rw_tokens_fini(&tokens);
    rw_tokenizer_close(tokenizer);
    return status;
}

START_TEST(tokenizer_faults)
{
    char name[128];
    char dir[RW_TEST_PATH_MAX];
    snprintf(name, sizeof name, "tests/golden/tokenizers/%s", TOKENIZERS[_i]);
    rw_test_source_path(name, dir);
    ck_assert_int_ge(rw_fault_each(RW_FAULT_ALLOC, open_and_encode, dir), 3);
    ck_assert_int_ge(rw_fault_each(RW_FAULT_ALLOC_FROM, open_and_encode, dir), 3);
    ck_assert_int_ge(rw_fault_each(RW_FAULT_OPEN, open_and_encode, dir), 1);
    ck_assert_int_ge(rw_fault_each(RW_FAULT_READ, open_and_encode, dir), 1);
    ck_assert_int_ge(rw_fault_each(RW_FAULT_READ_END, open_and_encode, dir), 1);
    ck_assert_int_ge(rw_fault_each(RW_FAULT_READ_EINTR, open_and_encode, dir), 1);
    ck_assert_int_ge(rw_fault_each(RW_FAULT_READ_ONE, open_and_encode, dir), 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("text faults");
    TCase *tc = tcase_create("text faults");
    tcase_add_loop_test(tc, tokenizer_faults, 0, RW_COUNT(TOKENIZERS));
    suite_add_tcase(suite, tc);
    return rw_test_run(suite);
}
