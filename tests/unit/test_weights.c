/* Filling weights from a checkpoint: the same bytes by any number of threads, progress that reaches
 * its end, and of several broken tensors always the same one named. */
#include <check.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "core/base/util.h"
#include "core/model/package.h"
#include "core/model/weights.h"
#include "tests/lib/data.h"
#include "tests/lib/suite.h"

#define MODEL "deploy/models/rewardd-prm-small"

enum {
    FILE_BYTES_MAX = 64 << 20,
    ROUNDS = 20,
};

static struct {
    uint64_t calls;
    uint64_t done;
    uint64_t total;
} progress;

static void on_progress(void *ctx, uint64_t done, uint64_t total)
{
    (void)ctx;
    ck_assert_uint_ge(done, progress.done);
    ck_assert_uint_le(done, total);
    progress.calls++;
    progress.done = done;
    progress.total = total;
}

static rw_status load(const struct rw_package *package, enum rw_weights_wish wish,
                      struct rw_weights **out, struct rw_error *err)
{
    struct rw_weights_request request = {.config = &package->config,
                                         .recipe = &package->recipe,
                                         .checkpoint = package->checkpoint,
                                         .wish = wish,
                                         .progress = on_progress};
    memset(&progress, 0, sizeof progress);
    return rw_weights_load(&request, out, err);
}

static struct rw_package *open_package(const char *dir)
{
    struct rw_package *package = NULL;
    struct rw_error err = {0};
    ck_assert_msg(rw_package_open(dir, NULL, &package, &err) == RW_OK, "%s", err.message);
    return package;
}

START_TEST(threads_change_no_byte)
{
    static const enum rw_weights_wish WISHES[] = {RW_WISH_F32, RW_WISH_BF16, RW_WISH_INT8,
                                                  RW_WISH_Q4};
    char dir[RW_TEST_PATH_MAX];
    struct rw_weights *one = NULL, *many = NULL;
    struct rw_error err = {0};
    rw_test_source_path(MODEL, dir);
    struct rw_package *package = open_package(dir);
    ck_assert_msg(load(package, WISHES[_i], &many, &err) == RW_OK, "%s", err.message);
    ck_assert_uint_eq(progress.done, progress.total);
    ck_assert_uint_gt(progress.calls, 50);

    cpu_set_t all, first;
    ck_assert_int_eq(sched_getaffinity(0, sizeof all, &all), 0);
    CPU_ZERO(&first);
    for (int cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&first) == 0; cpu++) {
        if (CPU_ISSET(cpu, &all)) {
            CPU_SET(cpu, &first);
        }
    }
    ck_assert_int_eq(sched_setaffinity(0, sizeof first, &first), 0); /* one processor: one thread */
    ck_assert_msg(load(package, WISHES[_i], &one, &err) == RW_OK, "%s", err.message);
    ck_assert_uint_eq(progress.done, progress.total);
    ck_assert_int_eq(sched_setaffinity(0, sizeof all, &all), 0);

    ck_assert_uint_eq(one->parameters, many->parameters);
    ck_assert_uint_eq(one->memory_bytes, many->memory_bytes);
    ck_assert(memcmp(one->memory, many->memory, one->memory_bytes) == 0);
    rw_weights_free(one);
    rw_weights_free(many);
    rw_package_close(package);
}
END_TEST

/* Makes element `at` of a BF16 tensor a NaN. */
static void spoil(const struct rw_package *package, const char *tensor, uint64_t at, char *file)
{
    const struct rw_tensor *t = rw_checkpoint_find(package->checkpoint, tensor);
    ck_assert_ptr_nonnull(t);
    ck_assert(t->type == RW_TENSOR_BF16 && at < t->elements);
    memset(file + t->offset_bytes + 2 * at, 0xFF, 2);
}

/* A copy of the model in `dir`; its weights, to be changed before they are written there. */
static struct rw_str copy_model(const char *dir, struct rw_arena *arena)
{
    static const char *const NAMES[] = {
        "config.json",
        "rewardd.json",
        "tokenizer.json",
        "golden.json",
    };
    char path[RW_TEST_PATH_MAX], relative[256];
    for (size_t i = 0; i < RW_COUNT(NAMES); i++) {
        snprintf(relative, sizeof relative, "%s/%s", MODEL, NAMES[i]);
        rw_test_source_path(relative, path);
        struct rw_str file = rw_test_read(path, arena);
        rw_test_write(dir, NAMES[i], file.ptr, file.len);
    }
    rw_test_source_path(MODEL "/model.safetensors", path);
    return rw_test_read(path, arena);
}

START_TEST(the_first_broken_tensor_is_named)
{
    char dir[RW_TEST_PATH_MAX], source[RW_TEST_PATH_MAX];
    struct rw_arena arena;
    rw_arena_init(&arena, FILE_BYTES_MAX);
    rw_test_dir_make(dir);
    struct rw_str weights = copy_model(dir, &arena);
    char *file = rw_arena_alloc(&arena, weights.len);
    ck_assert_ptr_nonnull(file);
    memcpy(file, weights.ptr, weights.len);
    rw_test_source_path(MODEL, source);
    struct rw_package *package = open_package(source);
    spoil(package, "model.layers.0.mlp.down_proj.weight", 70000, file);
    spoil(package, "model.layers.1.self_attn.q_proj.weight", 0, file);
    spoil(package, "model.layers.4.mlp.up_proj.weight", 5, file);
    rw_package_close(package);
    rw_test_write(dir, "model.safetensors", file, weights.len);

    package = open_package(dir);
    for (int round = 0; round < ROUNDS; round++) {
        struct rw_weights *w = NULL;
        struct rw_error err = {0};
        ck_assert_int_eq(load(package, RW_WISH_BF16, &w, &err), RW_MODEL_CORRUPT);
        ck_assert_ptr_null(w);
        ck_assert_str_eq(err.message,
                         "tensor model.layers.0.mlp.down_proj.weight holds NaN or infinity");
    }
    rw_package_close(package);
    rw_test_dir_remove(dir);
    rw_arena_fini(&arena);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("weights");
    TCase *tc = tcase_create("weights");
    tcase_add_loop_test(tc, threads_change_no_byte, 0, 4);
    tcase_add_test(tc, the_first_broken_tensor_is_named);
    suite_add_tcase(suite, tc);
    return rw_test_run(suite);
}
