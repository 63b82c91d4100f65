/* Every allocation, open and read in loading JSON and checkpoints fails once. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/buf.h"
#include "core/base/file.h"
#include "core/io/checkpoint.h"
#include "core/io/json.h"
#include "tests/lib/data.h"
#include "tests/lib/fault.h"
#include "tests/lib/suite.h"

#define INDEX "model.safetensors.index.json"

static char dir[RW_TEST_PATH_MAX];

static void write_shard(const char *name, const char *tensor)
{
    char file[256] = {0};
    static const char FORMAT[] =
        "{\"%s\":{\"dtype\":\"BF16\",\"shape\":[4,5],\"data_offsets\":[0,40]}}";
    int header = snprintf(file + 8, sizeof file - 8, FORMAT, tensor);
    file[0] = (char)header;
    rw_test_write(dir, name, file, 8 + (size_t)header + 40);
}

/* Three shards, their index, and a JSON file with every kind of value. */
static void setup(void)
{
    static const char MAP[] = "{\"weight_map\":{\"a\":\"1.safetensors\",\"b\":\"2.safetensors\","
                              "\"c\":\"3.safetensors\"}}";
    rw_test_dir_make(dir);
    write_shard("1.safetensors", "a");
    write_shard("2.safetensors", "b");
    write_shard("3.safetensors", "c");
    rw_test_write(dir, INDEX, MAP, strlen(MAP));

    struct rw_buf text;
    rw_buf_init(&text, 1 << 20);
    rw_buf_printf(&text, "{\"number\": 1.%0100d, \"escape\\n\": \"\\u20ac\", \"map\": {", 0);
    for (int i = 0; i < 5000; i++) {
        rw_buf_printf(&text, "\"key %d\": [%d], ", i, i);
    }
    rw_buf_printf(&text, "\"\": null}}");
    rw_test_write(dir, "big.json", text.ptr, text.len);
    rw_buf_fini(&text);
}

static void teardown(void)
{
    rw_test_dir_remove(dir);
}

static rw_status parse_json(void *ctx, struct rw_error *err)
{
    (void)ctx;
    char path[RW_TEST_PATH_MAX + 16];
    struct rw_arena arena;
    struct rw_str text;
    snprintf(path, sizeof path, "%s/big.json", dir);
    rw_arena_init(&arena, 64 << 20);
    rw_status status = rw_file_read_all(path, 1 << 20, &arena, &text, err);
    if (status == RW_OK) {
        const struct rw_json *root;
        status = rw_json_parse(&arena, text, &root, err);
    }
    rw_arena_fini(&arena);
    return status;
}

static rw_status load_checkpoint(void *ctx, struct rw_error *err)
{
    (void)ctx;
    struct rw_checkpoint *checkpoint;
    rw_status status = rw_checkpoint_open(dir, &checkpoint, err);
    if (status != RW_OK) {
        return status;
    }
    char digest[65];
    status = rw_checkpoint_digest(checkpoint, digest, err);
    for (size_t i = 0; status == RW_OK && i < rw_checkpoint_count(checkpoint); i++) {
        float out[20];
        status =
            rw_checkpoint_read_f32(checkpoint, rw_checkpoint_at(checkpoint, i), 0, 20, out, err);
    }
    rw_checkpoint_close(checkpoint);
    return status;
}

START_TEST(json_faults)
{
    /* arena blocks and the table of keys */
    ck_assert_int_ge(rw_fault_each(RW_FAULT_ALLOC, parse_json, NULL), 3);
    ck_assert_int_ge(rw_fault_each(RW_FAULT_ALLOC_FROM, parse_json, NULL), 3);
    ck_assert_int_eq(rw_fault_each(RW_FAULT_OPEN, parse_json, NULL), 1);
    ck_assert_int_eq(rw_fault_each(RW_FAULT_READ, parse_json, NULL), 1);
    ck_assert_int_eq(rw_fault_each(RW_FAULT_READ_END, parse_json, NULL), 1);
    ck_assert_int_ge(rw_fault_each(RW_FAULT_READ_EINTR, parse_json, NULL), 1);
    ck_assert_int_ge(rw_fault_each(RW_FAULT_READ_ONE, parse_json, NULL), 1);
}
END_TEST

START_TEST(checkpoint_faults)
{
    ck_assert_int_ge(rw_fault_each(RW_FAULT_ALLOC, load_checkpoint, NULL), 6);
    ck_assert_int_ge(rw_fault_each(RW_FAULT_ALLOC_FROM, load_checkpoint, NULL), 6);
    ck_assert_int_eq(rw_fault_each(RW_FAULT_OPEN, load_checkpoint, NULL), 4);
    /* the index; per shard: length, header, four samples, the tensor */
    ck_assert_int_eq(rw_fault_each(RW_FAULT_READ, load_checkpoint, NULL), 1 + 3 * 7);
    ck_assert_int_eq(rw_fault_each(RW_FAULT_READ_END, load_checkpoint, NULL), 1 + 3 * 7);
    ck_assert_int_ge(rw_fault_each(RW_FAULT_READ_EINTR, load_checkpoint, NULL), 22);
    ck_assert_int_ge(rw_fault_each(RW_FAULT_READ_ONE, load_checkpoint, NULL), 22);
}
END_TEST

/* The checkpoint of another folder, all of it. */
static rw_status load_folder(void *ctx, struct rw_error *err)
{
    struct rw_checkpoint *checkpoint;
    rw_status status = rw_checkpoint_open(ctx, &checkpoint, err);
    for (size_t i = 0; status == RW_OK && i < rw_checkpoint_count(checkpoint); i++) {
        float out[64];
        const struct rw_tensor *tensor = rw_checkpoint_at(checkpoint, i);
        ck_assert_uint_le(tensor->elements, 64);
        if (tensor->type != RW_TENSOR_OTHER) {
            status = rw_checkpoint_read_f32(checkpoint, tensor, 0, tensor->elements, out, err);
        }
    }
    rw_checkpoint_close(checkpoint); /* NULL when it was not opened */
    return status;
}

static void fail_each(char *folder)
{
    struct rw_error err = {0};
    ck_assert_msg(load_folder(folder, &err) == RW_OK, "%s", err.message);
    ck_assert_int_ge(rw_fault_each(RW_FAULT_ALLOC, load_folder, folder), 3);
    ck_assert_int_ge(rw_fault_each(RW_FAULT_ALLOC_FROM, load_folder, folder), 3);
    ck_assert_int_ge(rw_fault_each(RW_FAULT_OPEN, load_folder, folder), 1);
    ck_assert_int_ge(rw_fault_each(RW_FAULT_READ, load_folder, folder), 6);
    ck_assert_int_ge(rw_fault_each(RW_FAULT_READ_END, load_folder, folder), 6);
    ck_assert_int_ge(rw_fault_each(RW_FAULT_READ_EINTR, load_folder, folder), 6);
    ck_assert_int_ge(rw_fault_each(RW_FAULT_READ_ONE, load_folder, folder), 6);
    rw_test_dir_remove(folder);
}

START_TEST(torch_faults)
{
    char folder[RW_TEST_PATH_MAX], path[RW_TEST_PATH_MAX];
    struct rw_arena arena;
    rw_arena_init(&arena, 1 << 20);
    rw_test_dir_make(folder);
    rw_test_source_path("tests/fuzz/corpus/pickle/state.bin", path);
    struct rw_str text = rw_test_read(path, &arena);
    rw_test_write(folder, "pytorch_model.bin", text.ptr, text.len);
    rw_arena_fini(&arena);
    fail_each(folder);
}
END_TEST

static void write_safetensors(const char *folder, const char *name, const char *header,
                              size_t data_bytes)
{
    unsigned char bytes[1024] = {0};
    uint64_t len = strlen(header);
    ck_assert_uint_le(8 + len + data_bytes, sizeof bytes);
    memcpy(bytes, &len, 8);
    memcpy(bytes + 8, header, len);
    rw_test_write(folder, name, bytes, 8 + len + data_bytes);
}

START_TEST(adapter_faults)
{
    static const char CONFIG[] = "{\"peft_type\":\"LORA\",\"r\":1,\"target_modules\":[\"a\"],"
                                 "\"alpha_pattern\":{\"a+\":3}}";
    char folder[RW_TEST_PATH_MAX];
    rw_test_dir_make(folder);
    write_safetensors(folder, "model.safetensors",
                      "{\"_orig_mod.a.weight\":{\"dtype\":\"F32\",\"shape\":[2,3],"
                      "\"data_offsets\":[0,24]}}",
                      24);
    write_safetensors(folder, "adapter_model.safetensors",
                      "{\"base_model.model.a.lora_A.weight\":{\"dtype\":\"F32\",\"shape\":[1,3],"
                      "\"data_offsets\":[0,12]},\"base_model.model.a.lora_B.weight\":{\"dtype\":"
                      "\"F32\",\"shape\":[2,1],\"data_offsets\":[12,20]}}",
                      20);
    rw_test_write(folder, "adapter_config.json", CONFIG, sizeof CONFIG - 1);
    fail_each(folder);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("file faults");
    TCase *tc = tcase_create("file faults");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, json_faults);
    tcase_add_test(tc, checkpoint_faults);
    tcase_add_test(tc, torch_faults);
    tcase_add_test(tc, adapter_faults);
    suite_add_tcase(suite, tc);
    return rw_test_run(suite);
}
