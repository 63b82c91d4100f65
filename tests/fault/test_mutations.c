/* Mutated model files under the sanitizers: each is refused with an error or read completely, never
 * out of bounds. The numbers are fixed, the seed too. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/util.h"
#include "core/io/checkpoint.h"
#include "tests/lib/data.h"
#include "tests/lib/mutate.h"
#include "tests/lib/suite.h"

enum {
    FILE_MUTATIONS = 20000,
    INDEX_MUTATIONS = 5000,
    FILE_BYTES_MAX = 4096,
};

#define INDEX "model.safetensors.index.json"
#define T(dtype, shape, begin, end) \
    "{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":[" begin "," end "]}"

static const char *const HEADERS[] = {
    "{\"a\":" T("F32", "[2,3]", "0", "24") "}",
    "{\"__metadata__\":{\"format\":\"pt\"},\"w\":" T("BF16", "[4,3]", "0", "24") "}   ",
    "{\"h\":" T("F16", "[2]", "0", "4") ",\"b\":" T("BF16", "[2]", "4", "8") ",\"i\":" T(
        "I64", "[2]", "8", "24") ",\"\\u20ac\":" T("F32", "[0]", "24", "24") "}",
    "{\"model.layers.0.self_attn.q_proj.weight\":" T(
        "F32", "[2,2]", "0",
        "16") ","
              "\"model.norm.weight\":" T("F32", "[]", "16", "20") ",\"lm_head\":" T("U8", "[4]",
                                                                                    "20", "24") "}",
};

static char dir[RW_TEST_PATH_MAX];

static void setup(void)
{
    rw_test_dir_make(dir);
}

static void teardown(void)
{
    rw_test_dir_remove(dir);
}

static size_t make_file(const char *header, unsigned char bytes[FILE_BYTES_MAX])
{
    uint64_t length = strlen(header);
    ck_assert_uint_lt(8 + length + 24, FILE_BYTES_MAX);
    memcpy(bytes, &length, 8);
    memcpy(bytes + 8, header, (size_t)length);
    memset(bytes + 8 + length, 0x3F, 24);
    return 8 + (size_t)length + 24;
}

static void read_all(const struct rw_checkpoint *checkpoint)
{
    struct rw_error err;
    char digest[65];
    ck_assert_int_eq(rw_checkpoint_digest(checkpoint, digest, &err), RW_OK);
    for (size_t i = 0; i < rw_checkpoint_count(checkpoint); i++) {
        const struct rw_tensor *tensor = rw_checkpoint_at(checkpoint, i);
        ck_assert_uint_le(tensor->bytes, FILE_BYTES_MAX);
        float out[FILE_BYTES_MAX];
        rw_status expected = tensor->type == RW_TENSOR_OTHER ? RW_MODEL_UNSUPPORTED : RW_OK;
        if (tensor->elements <= FILE_BYTES_MAX) {
            ck_assert_int_eq(
                rw_checkpoint_read_f32(checkpoint, tensor, 0, tensor->elements, out, &err),
                expected);
        } else {
            ck_assert_int_eq(expected, RW_MODEL_UNSUPPORTED); /* less than a byte per element */
        }
    }
}

/* Opens the folder; on success reads everything. True when it was accepted. */
static bool try_folder(void)
{
    struct rw_checkpoint *checkpoint;
    struct rw_error err = {.status = RW_OK};
    rw_status status = rw_checkpoint_open(dir, &checkpoint, &err);
    ck_assert_int_eq(status, err.status);
    if (status != RW_OK) {
        ck_assert_int_ne(status, RW_NO_MEMORY); /* nothing big is asked for on a file's word */
        ck_assert_ptr_null(checkpoint);
        return false;
    }
    read_all(checkpoint);
    rw_checkpoint_close(checkpoint);
    return true;
}

/* Half of them keep a true header length, so that the mutations get past the first check; the very
 * first of each kind stay whole. */
static size_t make_mutated(int number, unsigned char bytes[FILE_BYTES_MAX])
{
    const int kinds = RW_COUNT(HEADERS);
    struct rw_mutator mutator = {.state = (uint64_t)number};
    const char *header = HEADERS[number % kinds];
    if (number < kinds) {
        return make_file(header, bytes);
    }
    if (number / kinds % 2 == 0) {
        return rw_mutate(&mutator, bytes, make_file(header, bytes), FILE_BYTES_MAX);
    }
    unsigned char text[FILE_BYTES_MAX / 2] = {0};
    memcpy(text, header, strlen(header));
    text[rw_mutate(&mutator, text, strlen(header), sizeof text - 1)] = '\0';
    return make_file((const char *)text, bytes);
}

START_TEST(mutated_files)
{
    int accepted = 0;
    for (int i = 0; i < FILE_MUTATIONS; i++) {
        unsigned char bytes[FILE_BYTES_MAX];
        size_t len = make_mutated(i, bytes);
        rw_test_write(dir, "model.safetensors", bytes, len);
        accepted += try_folder();
    }
    printf("mutated safetensors: %d, accepted %d\n", FILE_MUTATIONS, accepted);
    ck_assert_int_gt(accepted, FILE_MUTATIONS / 100); /* flips in names and data are harmless */
    ck_assert_int_lt(accepted, FILE_MUTATIONS / 2);
}
END_TEST

START_TEST(mutated_indexes)
{
    static const char MAP[] = "{\"metadata\":{\"total_size\":48},\"weight_map\":{"
                              "\"a\":\"1.safetensors\",\"w\":\"2.safetensors\"}}";
    unsigned char bytes[FILE_BYTES_MAX];
    rw_test_write(dir, "1.safetensors", bytes, make_file(HEADERS[0], bytes));
    rw_test_write(dir, "2.safetensors", bytes, make_file(HEADERS[1], bytes));
    int accepted = 0;
    for (int i = 0; i < INDEX_MUTATIONS; i++) {
        struct rw_mutator mutator = {.state = (uint64_t)i};
        memcpy(bytes, MAP, sizeof MAP - 1);
        size_t len =
            i == 0 ? sizeof MAP - 1 : rw_mutate(&mutator, bytes, sizeof MAP - 1, sizeof bytes);
        rw_test_write(dir, INDEX, bytes, len);
        accepted += try_folder();
    }
    printf("mutated indexes: %d, accepted %d\n", INDEX_MUTATIONS, accepted);
    ck_assert_int_gt(accepted, 0);
    ck_assert_int_lt(accepted, INDEX_MUTATIONS / 2);
}
END_TEST

/* Archives of torch.save under mutation; the corpus of the fuzz target is where they begin. */
START_TEST(mutated_pickles)
{
    static const char *const FILES[] = {"state.bin", "nested.bin", "strided.bin", "module.bin"};
    unsigned char whole[RW_COUNT(FILES)][FILE_BYTES_MAX];
    size_t len[RW_COUNT(FILES)];
    struct rw_arena arena;
    rw_arena_init(&arena, 1 << 20);
    for (size_t i = 0; i < RW_COUNT(FILES); i++) {
        char path[RW_TEST_PATH_MAX];
        char name[64];
        snprintf(name, sizeof name, "tests/fuzz/corpus/pickle/%s", FILES[i]);
        rw_test_source_path(name, path);
        struct rw_str text = rw_test_read(path, &arena);
        ck_assert_uint_le(text.len, FILE_BYTES_MAX);
        memcpy(whole[i], text.ptr, text.len);
        len[i] = text.len;
    }
    rw_arena_fini(&arena);
    int accepted = 0;
    for (int i = 0; i < FILE_MUTATIONS; i++) {
        size_t kind = (size_t)i % RW_COUNT(FILES);
        unsigned char bytes[FILE_BYTES_MAX];
        struct rw_mutator mutator = {.state = (uint64_t)i};
        memcpy(bytes, whole[kind], len[kind]);
        size_t n = i < (int)RW_COUNT(FILES) ? len[kind]
                                            : rw_mutate(&mutator, bytes, len[kind], sizeof bytes);
        rw_test_write(dir, "pytorch_model.bin", bytes, n);
        accepted += try_folder();
    }
    printf("mutated pickles: %d, accepted %d\n", FILE_MUTATIONS, accepted);
    ck_assert_int_gt(accepted, FILE_MUTATIONS / 100);
    ck_assert_int_lt(accepted, FILE_MUTATIONS / 2);
}
END_TEST

/* Bytes of a base and of an adapter for it; the mutation goes into the config or the weights. */
START_TEST(mutated_adapters)
{
    static const char BASE[] = "{\"model.a.weight\":" T("F32", "[2,3]", "0", "24") "}";
    static const char FACTORS[] = "{\"base_model.model.model.a.lora_A.weight\":" T(
        "F32", "[1,3]", "0",
        "12") ",\"base_model.model.model.a.lora_B.weight\":" T("F32", "[2,1]", "12",
                                                               "20") ",\"base_model.model."
                                                                     "score.weight\":" T(
                                                                         "F32", "[1]", "20",
                                                                         "24") "}";
    static const char CONFIG[] =
        "{\"peft_type\":\"LORA\",\"task_type\":\"SEQ_CLS\",\"r\":1,\"lora_alpha\":2,"
        "\"target_modules\":[\"a\"],\"modules_to_save\":[\"score\"],\"rank_pattern\":{\"a\":1},"
        "\"alpha_pattern\":{\".*[a-c]\\\\.?x+\":4},\"use_dora\":false}";
    unsigned char bytes[FILE_BYTES_MAX];
    rw_test_write(dir, "model.safetensors", bytes, make_file(BASE, bytes));
    int accepted = 0;
    for (int i = 0; i < FILE_MUTATIONS; i++) {
        struct rw_mutator mutator = {.state = (uint64_t)i};
        unsigned char config[FILE_BYTES_MAX];
        size_t len = make_file(FACTORS, bytes), config_len = sizeof CONFIG - 1;
        memcpy(config, CONFIG, config_len);
        if (i > 0 && i % 2 == 0) {
            len = rw_mutate(&mutator, bytes, len, sizeof bytes);
        } else if (i > 0) {
            config_len = rw_mutate(&mutator, config, config_len, sizeof config);
        }
        rw_test_write(dir, "adapter_model.safetensors", bytes, len);
        rw_test_write(dir, "adapter_config.json", config, config_len);
        bool whole = try_folder();
        ck_assert(whole || i > 0);
        accepted += whole;
    }
    printf("mutated adapters: %d, accepted %d\n", FILE_MUTATIONS, accepted);
    ck_assert_int_gt(accepted, FILE_MUTATIONS / 100);
    ck_assert_int_lt(accepted, FILE_MUTATIONS / 2);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mutations");
    TCase *tc = tcase_create("mutations");
    tcase_set_timeout(tc, 100); /* seconds; the sanitizers take a few on a busy machine */
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, mutated_files);
    tcase_add_test(tc, mutated_indexes);
    tcase_add_test(tc, mutated_pickles);
    tcase_add_test(tc, mutated_adapters);
    suite_add_tcase(suite, tc);
    return rw_test_run(suite);
}
