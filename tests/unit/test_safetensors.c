/* core/io/checkpoint and core/io/safetensors: the reference implementation's own bad files, lying
 * headers, hostile indexes, exact conversion. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/base/half.h"
#include "core/base/util.h"
#include "core/io/checkpoint.h"
#include "core/io/json.h"
#include "core/io/safetensors.h"
#include "tests/lib/data.h"
#include "tests/lib/suite.h"

#define SINGLE "model.safetensors"
#define INDEX  "model.safetensors.index.json"

static char dir[RW_TEST_PATH_MAX];
static struct rw_error err;
static struct rw_checkpoint *checkpoint;

static void setup(void)
{
    rw_test_dir_make(dir);
}

static void teardown(void)
{
    rw_checkpoint_close(checkpoint);
    checkpoint = NULL;
    rw_test_dir_remove(dir);
}

static rw_status reopen(void)
{
    rw_checkpoint_close(checkpoint);
    memset(&err, 0, sizeof err);
    rw_status status = rw_checkpoint_open(dir, &checkpoint, &err);
    ck_assert_int_eq(status == RW_OK, checkpoint != NULL);
    ck_assert_int_eq(err.status, status);
    return status;
}

/* length, header, `data_len` bytes of data (zeros when data is NULL) */
static void write_file(const char *name, const char *header, const void *data, size_t data_len)
{
    uint64_t length = strlen(header);
    size_t total = 8 + (size_t)length + data_len;
    char *bytes = calloc(1, total);
    ck_assert_ptr_nonnull(bytes);
    memcpy(bytes, &length, 8);
    memcpy(bytes + 8, header, (size_t)length);
    if (data != NULL) {
        memcpy(bytes + 8 + length, data, data_len);
    }
    rw_test_write(dir, name, bytes, total);
    free(bytes);
}

static rw_status open_header(const char *header, size_t data_len)
{
    write_file(SINGLE, header, NULL, data_len);
    return reopen();
}

/* What our message says for each error name of the reference implementation. */
static const struct {
    const char *name;
    const char *message;
} REFERENCE_ERRORS[] = {
    {"HeaderTooSmall", "too short for a header"},
    {"HeaderTooLarge", "over the limit 100000000"},
    {"InvalidHeaderLength", "longer than the file"},
    {"InvalidHeader", "JSON"},
    {"InvalidHeaderDeserialization", "JSON"},
    {"TensorInvalidInfo", "do not match data_offsets"},
    {"ValidationOverflow", "overflow"},
    {"MetadataIncompleteBuffer", "tensors end at"},
};

static const char *message_of(struct rw_str reference_error)
{
    for (size_t i = 0; i < RW_COUNT(REFERENCE_ERRORS); i++) {
        if (rw_str_is(reference_error, REFERENCE_ERRORS[i].name)) {
            return REFERENCE_ERRORS[i].message;
        }
    }
    ck_abort_msg("unknown error name");
}

START_TEST(reference_files)
{
    char folder[RW_TEST_PATH_MAX];
    char path[RW_TEST_PATH_MAX];
    if (!rw_test_data_path("malformed/safetensors/cases", folder) ||
        !rw_test_data_path("malformed/safetensors/manifest.json", path)) {
        return;
    }
    struct rw_arena arena;
    rw_arena_init(&arena, 1 << 20);
    const struct rw_json *manifest;
    ck_assert_int_eq(rw_json_parse(&arena, rw_test_read(path, &arena), &manifest, &err), RW_OK);
    ck_assert_uint_eq(manifest->count, 16);
    RW_JSON_EACH (entry, manifest) {
        struct rw_str name = rw_json_get(entry, "file")->text;
        struct rw_str expect = rw_json_get(entry, "expect")->text;
        char file[2 * RW_TEST_PATH_MAX];
        snprintf(file, sizeof file, "%s/%.*s", folder, RW_STR_ARG(name));
        struct rw_str bytes = rw_test_read(file, &arena);
        rw_test_write(dir, SINGLE, bytes.ptr, bytes.len);
        rw_status status = reopen();
        if (rw_str_is(expect, "ok")) {
            ck_assert_msg(status == RW_OK, "%s: %s", file, err.message);
        } else {
            ck_assert_msg(strstr(err.message, message_of(expect)) != NULL, "%s: %s", file,
                          err.message);
        }
    }
    rw_arena_fini(&arena);
}
END_TEST

START_TEST(fields_of_a_tensor)
{
    static const float DATA[7] = {1, 2, 3, 4, 5, 6, -0.5F};
    write_file(SINGLE,
               "{\"__metadata__\":{\"format\":\"pt\"},"
               "\"scalar\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[24,28]},"
               "\"empty\":{\"dtype\":\"I64\",\"shape\":[0,7],\"data_offsets\":[24,24]},"
               "\"a.weight\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]}}  ",
               DATA, sizeof DATA);
    ck_assert_int_eq(reopen(), RW_OK);
    ck_assert_uint_eq(rw_checkpoint_count(checkpoint), 3);
    ck_assert(rw_str_is(rw_checkpoint_at(checkpoint, 0)->name, "a.weight"));
    ck_assert(rw_str_is(rw_checkpoint_at(checkpoint, 2)->name, "scalar"));
    const struct rw_tensor *a = rw_checkpoint_find(checkpoint, "a.weight");
    ck_assert_int_eq(a->type, RW_TENSOR_F32);
    ck_assert_uint_eq(a->dims, 2);
    ck_assert_uint_eq(a->shape[0], 2);
    ck_assert_uint_eq(a->shape[1], 3);
    ck_assert_uint_eq(a->shape[2], 1);
    ck_assert_uint_eq(a->elements, 6);
    ck_assert_uint_eq(a->bytes, 24);
    const struct rw_tensor *empty = rw_checkpoint_find(checkpoint, "empty");
    ck_assert_uint_eq(empty->elements, 0);
    ck_assert_int_eq(empty->type, RW_TENSOR_OTHER);
    ck_assert_ptr_null(rw_checkpoint_find(checkpoint, "a.weigh"));
    ck_assert_ptr_null(rw_checkpoint_find(checkpoint, ""));

    float out[4] = {0};
    ck_assert_int_eq(rw_checkpoint_read_f32(checkpoint, a, 1, 4, out, &err), RW_OK);
    ck_assert_mem_eq(out, DATA + 1, sizeof out);
    const struct rw_tensor *scalar = rw_checkpoint_find(checkpoint, "scalar");
    ck_assert_uint_eq(scalar->dims, 0);
    ck_assert_int_eq(rw_checkpoint_read_f32(checkpoint, scalar, 0, 1, out, &err), RW_OK);
    ck_assert_float_eq(out[0], -0.5F);
    ck_assert_int_eq(rw_checkpoint_read_f32(checkpoint, empty, 0, 0, out, &err),
                     RW_MODEL_UNSUPPORTED);
}
END_TEST

#define T(dtype, shape, begin, end) \
    "{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":[" begin "," end "]}"

START_TEST(lying_headers)
{
    static const struct {
        const char *header;
        size_t data_len;
        const char *message; /* part of it; NULL: accepted */
    } CASES[] = {
        {"{\"a\":" T("F32", "[2]", "0", "8") "}", 8, NULL},
        {"{\"a\":" T("F32", "[2]", "0", "8") "}", 9, "end at byte 8 of the data, the file at 9"},
        {"{\"a\":" T("F32", "[2]", "0", "8") "}", 7, "the file at 7"},
        {"{\"a\":" T("F32", "[3]", "0", "8") "}", 8, "do not match"},
        {"{\"a\":" T("F16", "[2]", "0", "8") "}", 8, "do not match"},
        {"{\"a\":" T("F32", "[2]", "4", "12") "}", 12, "hole or overlap"},
        {"{\"a\":" T("F32", "[2]", "8", "0") "}", 8, "before they begin"},
        {"{\"a\":" T("F32", "[2]", "-8", "0") "}", 8, "pair of sizes"},
        {"{\"a\":" T("F32", "[2]", "0.0", "8") "}", 8, "pair of sizes"},
        {"{\"a\":" T("F32", "[2]", "0", "18446744073709551616") "}", 8, "pair of sizes"},
        {"{\"a\":" T("F32", "[2]", "0", "18446744073709551615") "}", 8, "do not match"},
        {"{\"a\":" T("F32", "[-2]", "0", "8") "}", 8, "no size"},
        {"{\"a\":" T("F32", "[2.0]", "0", "8") "}", 8, "no size"},
        {"{\"a\":" T("F32", "[\"2\"]", "0", "8") "}", 8, "no size"},
        {"{\"a\":" T("F32", "2", "0", "8") "}", 8, "shape is missing"},
        {"{\"a\":" T("F32", "[4294967296,4294967296]", "0", "8") "}", 8, "overflows"},
        {"{\"a\":" T("F32", "[4294967296,4294967296,0]", "0", "0") "}", 0, "overflows"},
        {"{\"a\":" T("F32", "[4611686018427387905]", "0", "4") "}", 4, "overflows"},
        {"{\"a\":" T("F99", "[2]", "0", "8") "}", 8, "dtype"},
        {"{\"a\":" T("f32", "[2]", "0", "8") "}", 8, "dtype"},
        {"{\"a\":" T("F4", "[3]", "0", "1") "}", 1, "do not match"},
        {"{\"a\":" T("F4", "[2]", "0", "1") "}", 1, NULL},
        {"{\"a\":{\"shape\":[],\"data_offsets\":[0,4]}}", 4, "dtype is missing"},
        {"{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4, "shape is missing"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[]}}", 4, "pair of sizes"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4,4]}}", 4, "pair of sizes"},
        {"{\"a\":[]}", 0, "not described"},
        {"[]", 0, "not an object"},
        {"{\"__metadata__\":{\"a\":1}}", 0, "map of strings"},
        {"{\"__metadata__\":[]}", 0, "map of strings"},
        {"{\"__metadata__\":null}", 0, NULL},
        {"{}", 0, NULL},
        {"", 0, "JSON"},
        /* overlap: both claim the same bytes; twice the same name */
        {"{\"a\":" T("F32", "[2]", "0", "8") ",\"b\":" T("F32", "[2]", "0", "8") "}", 8,
         "hole or overlap"},
        {"{\"a\":" T("F32", "[2]", "0", "8") ",\"b\":" T("F32", "[2]", "4", "12") "}", 12,
         "hole or overlap"},
        {"{\"a\":" T("F32", "[2]", "0", "8") ",\"a\":" T("F32", "[2]", "8", "16") "}", 16, "twice"},
        {"{\"b\":" T("F32", "[1]", "4", "8") ",\"a\":" T("F32", "[1]", "0", "4") "}", 8, NULL},
        {"{\"a\":" T("F32", "[1,1,1,1,2]", "0", "8") "}", 8, NULL},
    };
    for (size_t i = 0; i < RW_COUNT(CASES); i++) {
        rw_status status = open_header(CASES[i].header, CASES[i].data_len);
        if (CASES[i].message == NULL) {
            ck_assert_msg(status == RW_OK, "%s: %s", CASES[i].header, err.message);
        } else {
            ck_assert_msg(status != RW_OK, "%s", CASES[i].header);
            ck_assert_msg(strstr(err.message, CASES[i].message) != NULL, "%s: %s", CASES[i].header,
                          err.message);
        }
    }
    /* The last case: five dimensions may lie there, but are not readable as weights. */
    const struct rw_tensor *five = rw_checkpoint_find(checkpoint, "a");
    ck_assert_uint_eq(five->dims, 5);
    ck_assert_int_eq(five->type, RW_TENSOR_OTHER);
}
END_TEST

/* A header length just over the limit in a (sparse) file that is long enough for it. */
START_TEST(header_over_the_limit)
{
    uint64_t length = RW_SAFETENSORS_HEADER_MAX + 1;
    rw_test_write(dir, SINGLE, &length, sizeof length);
    char path[RW_TEST_PATH_MAX + 32];
    snprintf(path, sizeof path, "%s/" SINGLE, dir);
    ck_assert_int_eq(truncate(path, (off_t)length + 8), 0);
    ck_assert_int_eq(reopen(), RW_MODEL_CORRUPT);
    ck_assert_ptr_nonnull(strstr(err.message, "over the limit"));
}
END_TEST

START_TEST(folder_without_weights)
{
    ck_assert_int_eq(reopen(), RW_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(err.hint, "converted"));
    char nowhere[RW_TEST_PATH_MAX + 32];
    snprintf(nowhere, sizeof nowhere, "%s/absent", dir);
    struct rw_checkpoint *none;
    ck_assert_int_eq(rw_checkpoint_open(nowhere, &none, &err), RW_NOT_FOUND);
    ck_assert_ptr_null(none);
}
END_TEST

static void write_shards(void)
{
    static const float A[] = {1, 2};
    static const float B[] = {3};
    write_file("model-00001-of-00002.safetensors", "{\"a\":" T("F32", "[2]", "0", "8") "}", A,
               sizeof A);
    write_file("model-00002-of-00002.safetensors", "{\"b\":" T("F32", "[1]", "0", "4") "}", B,
               sizeof B);
}

static rw_status open_index(const char *index)
{
    rw_test_write(dir, INDEX, index, strlen(index));
    return reopen();
}

START_TEST(shards)
{
    write_shards();
    ck_assert_int_eq(open_index("{\"metadata\":{\"total_size\":12},\"weight_map\":{"
                                "\"b\":\"model-00002-of-00002.safetensors\","
                                "\"a\":\"model-00001-of-00002.safetensors\"}}"),
                     RW_OK);
    ck_assert_uint_eq(rw_checkpoint_count(checkpoint), 2);
    float value;
    const struct rw_tensor *b = rw_checkpoint_find(checkpoint, "b");
    ck_assert_int_eq(rw_checkpoint_read_f32(checkpoint, b, 0, 1, &value, &err), RW_OK);
    ck_assert_float_eq(value, 3);
    const struct rw_tensor *a = rw_checkpoint_find(checkpoint, "a");
    ck_assert_int_eq(rw_checkpoint_read_f32(checkpoint, a, 1, 1, &value, &err), RW_OK);
    ck_assert_float_eq(value, 2);
}
END_TEST

START_TEST(hostile_indexes)
{
    static const struct {
        const char *index;
        const char *message;
    } CASES[] = {
        {"{\"weight_map\":{\"a\":\"model-00003-of-00002.safetensors\"}}", "cannot open"},
        {"{\"weight_map\":{\"z\":\"model-00001-of-00002.safetensors\"}}", "not in its shard"},
        {"{\"weight_map\":{\"a\":\"model-00001-of-00002.safetensors\","
         "\"b\":\"model-00001-of-00002.safetensors\"}}",
         "not in its shard"},
        {"{\"weight_map\":{\"a\":\"model-00002-of-00002.safetensors\","
         "\"b\":\"model-00001-of-00002.safetensors\"}}",
         "not in its shard"},
        {"{\"weight_map\":{\"a\":\"../model-00001-of-00002.safetensors\"}}", "plain"},
        {"{\"weight_map\":{\"a\":\"/etc/x.safetensors\"}}", "plain"},
        {"{\"weight_map\":{\"a\":\"sub/x.safetensors\"}}", "plain"},
        {"{\"weight_map\":{\"a\":\"..\\\\x.safetensors\"}}", "plain"},
        {"{\"weight_map\":{\"a\":\".safetensors\"}}", "plain"},
        {"{\"weight_map\":{\"a\":\"\"}}", "plain"},
        {"{\"weight_map\":{\"a\":\"/etc/passwd\"}}", "plain"},
        {"{\"weight_map\":{\"a\":1}}", "plain"},
        {"{\"weight_map\":{}}", "no weight_map"},
        {"{\"weight_map\":[]}", "no weight_map"},
        {"{}", "no weight_map"},
        {"[]", "no weight_map"},
        {"{", "JSON"},
        {"{\"weight_map\":{\"a\":\"copy.safetensors\",\"b\":\"model-00002-of-00002.safetensors\","
         "\"c\":\"model-00001-of-00002.safetensors\"}}",
         "\"a\" is in "},
    };
    write_shards();
    write_file("copy.safetensors", "{\"a\":" T("F32", "[2]", "0", "8") "}", NULL, 8);
    for (size_t i = 0; i < RW_COUNT(CASES); i++) {
        ck_assert_msg(open_index(CASES[i].index) != RW_OK, "%s", CASES[i].index);
        ck_assert_msg(strstr(err.message, CASES[i].message) != NULL, "%s: %s", CASES[i].index,
                      err.message);
    }
}
END_TEST

START_TEST(too_many_shards)
{
    static char index[64 * (RW_SHARDS_MAX + 2)];
    size_t at = (size_t)snprintf(index, sizeof index, "{\"weight_map\":{\"z\":\"z.safetensors\"");
    for (int i = 0; i < RW_SHARDS_MAX; i++) {
        at += (size_t)snprintf(index + at, sizeof index - at, ",\"t%d\":\"%d.safetensors\"", i, i);
    }
    snprintf(index + at, sizeof index - at, "}}");
    ck_assert_int_eq(open_index(index), RW_LIMIT_EXCEEDED);
}
END_TEST

/* A mapping would die of SIGBUS here. */
START_TEST(file_truncated_after_opening)
{
    write_file(SINGLE, "{\"a\":" T("F32", "[4096]", "0", "16384") "}", NULL, 16384);
    ck_assert_int_eq(reopen(), RW_OK);
    char path[RW_TEST_PATH_MAX + 32];
    snprintf(path, sizeof path, "%s/" SINGLE, dir);
    ck_assert_int_eq(truncate(path, 1000), 0);
    static float out[4096];
    char digest[65];
    const struct rw_tensor *a = rw_checkpoint_find(checkpoint, "a");
    ck_assert_int_eq(rw_checkpoint_read_f32(checkpoint, a, 0, 4096, out, &err), RW_MODEL_CORRUPT);
    ck_assert_ptr_nonnull(strstr(err.message, "early"));
    ck_assert_int_eq(rw_checkpoint_digest(checkpoint, digest, &err), RW_MODEL_CORRUPT);
}
END_TEST

START_TEST(digest_tells_weights_apart)
{
    static unsigned char data[65536];
    char first[65];
    char again[65];
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (unsigned char)(i * 7);
    }
    static const char HEADER[] = "{\"a\":" T("BF16", "[32768]", "0", "65536") "}";
    write_file(SINGLE, HEADER, data, sizeof data);
    ck_assert_int_eq(reopen(), RW_OK);
    ck_assert_int_eq(rw_checkpoint_digest(checkpoint, first, &err), RW_OK);
    ck_assert_uint_eq(strlen(first), 64);
    ck_assert_int_eq(reopen(), RW_OK);
    ck_assert_int_eq(rw_checkpoint_digest(checkpoint, again, &err), RW_OK);
    ck_assert_str_eq(first, again);
    data[sizeof data - 1] ^= 1; /* the header stays the same */
    write_file(SINGLE, HEADER, data, sizeof data);
    ck_assert_int_eq(reopen(), RW_OK);
    ck_assert_int_eq(rw_checkpoint_digest(checkpoint, again, &err), RW_OK);
    ck_assert_str_ne(first, again);
}
END_TEST

/* The value by its definition, IEEE 754-2008 section 3.4: no code shared with the conversion. */
static double f16_by_definition(unsigned half)
{
    int exponent = (int)(half >> 10 & 31);
    double fraction = half & 1023;
    double magnitude = exponent == 31  ? (fraction == 0 ? INFINITY : NAN)
                       : exponent == 0 ? ldexp(fraction, -24)
                                       : ldexp(1024 + fraction, exponent - 25);
    return (half & 0x8000) != 0 ? -magnitude : magnitude;
}

static double bf16_by_definition(unsigned half)
{
    int exponent = (int)(half >> 7 & 255);
    double fraction = half & 127;
    double magnitude = exponent == 255 ? (fraction == 0 ? INFINITY : NAN)
                       : exponent == 0 ? ldexp(fraction, -133)
                                       : ldexp(128 + fraction, exponent - 134);
    return (half & 0x8000) != 0 ? -magnitude : magnitude;
}

static void check_same(float got, double expected, unsigned half)
{
    if (isnan(expected)) {
        ck_assert_msg(isnan(got), "0x%04x", half);
    } else {
        ck_assert_msg(got == expected && !signbit(got) == !signbit(expected),
                      "0x%04x: %a instead of %a", half, (double)got, expected);
    }
}

/* Every sixteen-bit value, through the file. */
START_TEST(halves_convert_exactly)
{
    static uint16_t halves[2 * 65536];
    static float out[65536];
    for (size_t i = 0; i < RW_COUNT(halves); i++) {
        halves[i] = (uint16_t)i;
    }
    write_file(SINGLE,
               "{\"h\":" T("F16", "[256,256]", "0", "131072") ",\"b\":" T("BF16", "[65536]",
                                                                          "131072", "262144") "}",
               halves, sizeof halves);
    ck_assert_int_eq(reopen(), RW_OK);
    const struct rw_tensor *h = rw_checkpoint_find(checkpoint, "h");
    ck_assert_int_eq(rw_checkpoint_read_f32(checkpoint, h, 0, 65536, out, &err), RW_OK);
    for (unsigned i = 0; i < 65536; i++) {
        check_same(out[i], f16_by_definition(i), i);
    }
    const struct rw_tensor *b = rw_checkpoint_find(checkpoint, "b");
    ck_assert_int_eq(rw_checkpoint_read_f32(checkpoint, b, 0, 65536, out, &err), RW_OK);
    for (unsigned i = 0; i < 65536; i++) {
        check_same(out[i], bf16_by_definition(i), i);
    }
    ck_assert_int_eq(rw_checkpoint_read_f32(checkpoint, b, 0x3F80, 1, out, &err), RW_OK);
    ck_assert_float_eq(out[0], 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("safetensors");
    TCase *tc = tcase_create("safetensors");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, fields_of_a_tensor);
    tcase_add_test(tc, lying_headers);
    tcase_add_test(tc, header_over_the_limit);
    tcase_add_test(tc, folder_without_weights);
    tcase_add_test(tc, shards);
    tcase_add_test(tc, hostile_indexes);
    tcase_add_test(tc, too_many_shards);
    tcase_add_test(tc, file_truncated_after_opening);
    tcase_add_test(tc, digest_tells_weights_apart);
    tcase_add_test(tc, halves_convert_exactly);
    suite_add_tcase(suite, tc);
    tc = tcase_create("vectors");
    tcase_set_tags(tc, "vectors");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, reference_files);
    suite_add_tcase(suite, tc);
    return rw_test_run(suite);
}
