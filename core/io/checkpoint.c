#include "core/io/checkpoint.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/alloc.h"
#include "core/base/assert.h"
#include "core/base/file.h"
#include "core/base/half.h"
#include "core/base/util.h"
#include "core/io/adapter.h"
#include "core/io/checkpoint_parts.h"
#include "core/io/json.h"
#include "core/io/tensor_names.h"
#include "core/io/torch_file.h"

enum {
    PATH_BYTES_MAX = RW_CHECKPOINT_PATH_MAX,
    INDEX_BYTES_MAX = 16 * 1024 * 1024,       /* the index of a 70B model has 60 kB */
    INDEX_TREE_BYTES_MAX = 256 * 1024 * 1024, /* its parsed form, with the text */
    TENSORS_BYTES_MAX = 256 * 1024 * 1024,    /* records and names of all tensors */
    CONVERT_BYTES = 16 * 1024,                /* read at once, on the stack of the caller */
    SAMPLE_BYTES = 4096,                      /* digest: bytes per sample */
    SAMPLES_PER_TENSOR = 4,                   /* digest: first, last and two between */
    NAME_SHOWN_MAX = RW_CHECKPOINT_NAME_SHOWN,
};

#define INDEX_SUFFIX ".index.json"

/* In the order of transformers: safetensors before pickles, the single file before the index. */
static const struct format {
    const char *single; /* its index is called so too, with INDEX_SUFFIX behind */
} FORMATS[] = {
    {"model.safetensors"},
    {"pytorch_model.bin"},
};

static int shown(struct rw_str name)
{
    return name.len < NAME_SHOWN_MAX ? (int)name.len : NAME_SHOWN_MAX;
}

rw_status rw_checkpoint_path(const char *dir, struct rw_str name, char path[PATH_BYTES_MAX],
                             struct rw_error *err)
{
    int n = snprintf(path, PATH_BYTES_MAX, "%s/%.*s", dir, (int)name.len, name.ptr);
    if (n < 0 || n >= PATH_BYTES_MAX) {
        return rw_fail(err, RW_LIMIT_EXCEEDED, "the path of the model is over %d bytes",
                       PATH_BYTES_MAX);
    }
    return RW_OK;
}

/* A shard lies in the folder itself; the index of a downloaded model must not name other files. */
static bool is_shard_name(const struct rw_json *file)
{
    return file->type == RW_JSON_STRING && file->text.len < PATH_BYTES_MAX &&
           (rw_str_ends(file->text, RW_STR(".safetensors")) ||
            rw_str_ends(file->text, RW_STR(".bin"))) &&
           file->text.ptr[0] != '.' && memchr(file->text.ptr, '/', file->text.len) == NULL &&
           memchr(file->text.ptr, '\\', file->text.len) == NULL;
}

struct shard_names {
    struct rw_str name[RW_SHARDS_MAX];
    size_t count;
};

static bool knows(const struct shard_names *names, struct rw_str wanted)
{
    for (size_t i = names->count; i > 0; i--) { /* maps list a shard's tensors side by side */
        if (rw_str_equal(names->name[i - 1], wanted)) {
            return true;
        }
    }
    return false;
}

static rw_status collect_shards(const struct rw_json *weight_map, struct shard_names *names,
                                struct rw_error *err)
{
    RW_JSON_EACH (file, weight_map) {
        if (!is_shard_name(file)) {
            return rw_fail(err, RW_MODEL_CORRUPT,
                           "index: tensor \"%.*s\" has no plain .safetensors or .bin file name",
                           shown(file->key), file->key.ptr);
        }
        if (knows(names, file->text)) {
            continue;
        }
        if (names->count == RW_SHARDS_MAX) {
            return rw_fail(err, RW_LIMIT_EXCEEDED, "index: more than %d shards", RW_SHARDS_MAX);
        }
        names->name[names->count++] = file->text;
    }
    return RW_OK;
}

static int by_bytes(const void *left, const void *right)
{
    const struct rw_str *a = left;
    const struct rw_str *b = right;
    size_t common = RW_MIN(a->len, b->len);
    int order = common > 0 ? memcmp(a->ptr, b->ptr, common) : 0;
    return order != 0 ? order : (a->len > b->len) - (a->len < b->len);
}

int rw_checkpoint_by_name(const void *left, const void *right)
{
    const struct rw_tensor *a = left;
    const struct rw_tensor *b = right;
    return by_bytes(&a->name, &b->name);
}

/* By its name: safetensors, or what torch.save writes. */
static rw_status open_file(const char *path, struct rw_arena *arena, struct rw_safetensors *out,
                           struct rw_error *err)
{
    return rw_str_ends(rw_str_from(path), RW_STR(".bin"))
               ? rw_torch_file_open(path, arena, out, err)
               : rw_safetensors_open(path, arena, out, err);
}

/* Opens all shards; what was opened before a failure is counted, and closed with the checkpoint. */
static rw_status open_shards(struct rw_checkpoint *checkpoint, const char *dir,
                             const struct shard_names *names, struct rw_error *err)
{
    checkpoint->shards = rw_arena_array(
        &checkpoint->arena, names->count + RW_CHECKPOINT_EXTRA_SHARDS, sizeof *checkpoint->shards);
    if (checkpoint->shards == NULL) {
        return rw_fail_memory(err, "the list of tensors");
    }
    for (size_t i = 0; i < names->count; i++) {
        char path[PATH_BYTES_MAX];
        rw_status status = rw_checkpoint_path(dir, names->name[i], path, err);
        if (status == RW_OK) {
            status = open_file(path, &checkpoint->arena, &checkpoint->shards[i], err);
        }
        if (status != RW_OK) {
            return status;
        }
        checkpoint->shard_count++;
        checkpoint->count += checkpoint->shards[i].count;
    }
    return RW_OK;
}

rw_status rw_checkpoint_sort(struct rw_checkpoint *checkpoint, struct rw_error *err)
{
    struct rw_tensor *all = checkpoint->tensors;
    qsort(all, checkpoint->count, sizeof *all, rw_checkpoint_by_name);
    for (size_t i = 1; i < checkpoint->count; i++) {
        if (rw_str_equal(all[i - 1].name, all[i].name)) {
            return rw_fail(err, RW_MODEL_CORRUPT, "tensor \"%.*s\" is in %s and in %s",
                           shown(all[i].name), all[i].name.ptr,
                           checkpoint->shards[all[i - 1].shard].file.name,
                           checkpoint->shards[all[i].shard].file.name);
        }
    }
    return RW_OK;
}

/* One list of all tensors, sorted for the search; a name in two shards is refused. */
static rw_status merge_tensors(struct rw_checkpoint *checkpoint, struct rw_error *err)
{
    struct rw_tensor *all =
        rw_arena_array(&checkpoint->arena, checkpoint->count, sizeof *checkpoint->tensors);
    if (all == NULL) {
        return rw_fail_memory(err, "the list of tensors");
    }
    size_t used = 0;
    for (size_t shard = 0; shard < checkpoint->shard_count; shard++) {
        for (size_t i = 0; i < checkpoint->shards[shard].count; i++) {
            all[used] = checkpoint->shards[shard].tensors[i];
            all[used++].shard = (uint32_t)shard;
        }
    }
    checkpoint->tensors = all;
    return rw_checkpoint_sort(checkpoint, err);
}

struct rw_tensor *rw_checkpoint_lookup(const struct rw_checkpoint *checkpoint, struct rw_str name)
{
    struct rw_tensor wanted = {.name = name};
    return checkpoint->count == 0 ? NULL
                                  : bsearch(&wanted, checkpoint->tensors, checkpoint->count,
                                            sizeof wanted, rw_checkpoint_by_name);
}

static rw_status check_index(const struct rw_checkpoint *checkpoint,
                             const struct shard_names *names, const struct rw_json *weight_map,
                             struct rw_error *err)
{
    RW_JSON_EACH (file, weight_map) {
        const struct rw_tensor *tensor = rw_checkpoint_lookup(checkpoint, file->key);
        if (tensor == NULL || !rw_str_equal(names->name[tensor->shard], file->text)) {
            return rw_fail(err, RW_MODEL_CORRUPT,
                           "index: tensor \"%.*s\" is not in its shard \"%.*s\"", shown(file->key),
                           file->key.ptr, shown(file->text), file->text.ptr);
        }
    }
    return RW_OK;
}

static rw_status read_index(const char *path, struct rw_arena *scratch,
                            const struct rw_json **weight_map, struct rw_error *err)
{
    struct rw_str text;
    rw_status status = rw_file_read_all(path, INDEX_BYTES_MAX, scratch, &text, err);
    if (status != RW_OK) {
        return status;
    }
    const struct rw_json *root;
    status = rw_json_parse(scratch, text, &root, err);
    if (status != RW_OK) {
        rw_error_prefix(err, "index");
        return status;
    }
    *weight_map = rw_json_get(root, "weight_map");
    if (*weight_map == NULL || (*weight_map)->type != RW_JSON_OBJECT || (*weight_map)->count == 0) {
        return rw_fail(err, RW_MODEL_CORRUPT, "the index has no weight_map");
    }
    return RW_OK;
}

static rw_status load_indexed(struct rw_checkpoint *checkpoint, const char *dir, const char *path,
                              struct rw_error *err)
{
    struct rw_arena scratch;
    struct shard_names names = {.count = 0};
    const struct rw_json *weight_map = NULL;
    rw_arena_init(&scratch, INDEX_TREE_BYTES_MAX);
    rw_status status = read_index(path, &scratch, &weight_map, err);
    if (status == RW_OK) {
        status = collect_shards(weight_map, &names, err);
    }
    if (status == RW_OK) {
        qsort(names.name, names.count, sizeof names.name[0], by_bytes);
        status = open_shards(checkpoint, dir, &names, err);
    }
    if (status == RW_OK) {
        status = merge_tensors(checkpoint, err);
    }
    if (status == RW_OK) {
        status = check_index(checkpoint, &names, weight_map, err);
    }
    rw_arena_fini(&scratch);
    return status;
}

static rw_status load_single(struct rw_checkpoint *checkpoint, const char *dir, const char *file,
                             struct rw_error *err)
{
    struct shard_names names = {.name = {rw_str_from(file)}, .count = 1};
    rw_status status = open_shards(checkpoint, dir, &names, err);
    return status == RW_OK ? merge_tensors(checkpoint, err) : status;
}

static rw_status load(struct rw_checkpoint *checkpoint, const char *dir, struct rw_error *err)
{
    char path[PATH_BYTES_MAX];
    for (size_t i = 0; i < RW_COUNT(FORMATS); i++) {
        rw_status status = rw_checkpoint_path(dir, rw_str_from(FORMATS[i].single), path, err);
        if (status != RW_OK) {
            return status;
        }
        if (rw_file_exists(path)) {
            return load_single(checkpoint, dir, FORMATS[i].single, err);
        }
        char index[64];
        int n = snprintf(index, sizeof index, "%s" INDEX_SUFFIX, FORMATS[i].single);
        status = rw_checkpoint_path(dir, (struct rw_str){index, (size_t)n}, path, err);
        if (status != RW_OK) {
            return status;
        }
        if (rw_file_exists(path)) {
            rw_status loaded = load_indexed(checkpoint, dir, path, err);
            if (loaded != RW_OK) {
                rw_error_prefix(err, "%s", index);
            }
            return loaded;
        }
    }
    rw_fail(err, RW_NOT_FOUND,
            "%s has neither model.safetensors nor pytorch_model.bin, nor an index of one", dir);
    rw_error_hint(err,
                  "weights in other formats (GGUF, .pth, .pt) must be converted to safetensors "
                  "first: save_pretrained of transformers does");
    return RW_NOT_FOUND;
}

rw_status rw_checkpoint_add_file(struct rw_checkpoint *checkpoint, const char *path,
                                 struct rw_error *err)
{
    rw_status status =
        open_file(path, &checkpoint->arena, &checkpoint->shards[checkpoint->shard_count], err);
    checkpoint->shard_count += status == RW_OK;
    return status;
}

void rw_checkpoint_say(struct rw_checkpoint *checkpoint, const char *format, ...)
{
    size_t used = strlen(checkpoint->note);
    char *to = checkpoint->note + used;
    size_t room = sizeof checkpoint->note - used;
    int n = used > 0 ? snprintf(to, room, "; ") : 0;
    va_list arguments;
    va_start(arguments, format);
    if (n >= 0 && (size_t)n < room) {
        vsnprintf(to + n, room - (size_t)n, format, arguments);
    }
    va_end(arguments);
}

/* LLaMA-Factory keeps the head of a reward model in a file of its own. */
static rw_status add_value_head(struct rw_checkpoint *checkpoint, const char *dir,
                                struct rw_error *err)
{
    static const char *const FILES[] = {"value_head.safetensors", "value_head.bin"};
    char path[PATH_BYTES_MAX];
    for (size_t i = 0; i < RW_COUNT(FILES); i++) {
        rw_status status = rw_checkpoint_path(dir, rw_str_from(FILES[i]), path, err);
        if (status != RW_OK || !rw_file_exists(path)) {
            if (status != RW_OK) {
                return status;
            }
            continue;
        }
        status = rw_checkpoint_add_file(checkpoint, path, err);
        if (status == RW_OK) {
            const struct rw_safetensors *head = &checkpoint->shards[checkpoint->shard_count - 1];
            checkpoint->count += head->count;
            rw_checkpoint_say(checkpoint, "%s: %zu tensors added", FILES[i], head->count);
            status = merge_tensors(checkpoint, err);
        }
        return status;
    }
    return RW_OK;
}

bool rw_checkpoint_is_adapter(const char *dir)
{
    char path[PATH_BYTES_MAX];
    return rw_checkpoint_path(dir, RW_STR("adapter_config.json"), path, NULL) == RW_OK &&
           rw_file_exists(path);
}

enum rw_checkpoint_task rw_checkpoint_task(const struct rw_checkpoint *checkpoint)
{
    return checkpoint->task;
}

const char *rw_checkpoint_note(const struct rw_checkpoint *checkpoint)
{
    return checkpoint->note;
}

static rw_status load_all(struct rw_checkpoint *checkpoint, const char *dir,
                          const char *adapter_dir, struct rw_error *err)
{
    rw_status status = load(checkpoint, dir, err);
    if (status == RW_OK) {
        status = add_value_head(checkpoint, dir, err);
    }
    if (status == RW_OK) {
        status = rw_tensor_names_normalise(checkpoint, err);
    }
    if (status == RW_OK && adapter_dir == NULL && rw_checkpoint_is_adapter(dir)) {
        adapter_dir = dir;
    }
    return status == RW_OK && adapter_dir != NULL ? rw_adapter_attach(checkpoint, adapter_dir, err)
                                                  : status;
}

rw_status rw_checkpoint_open(const char *dir, struct rw_checkpoint **out, struct rw_error *err)
{
    return rw_checkpoint_open_adapted(dir, NULL, out, err);
}

rw_status rw_checkpoint_open_adapted(const char *dir, const char *adapter_dir,
                                     struct rw_checkpoint **out, struct rw_error *err)
{
    *out = NULL;
    struct rw_checkpoint *checkpoint = rw_alloc_zero(1, sizeof *checkpoint);
    if (checkpoint == NULL) {
        return rw_fail_memory(err, "the list of tensors");
    }
    rw_arena_init(&checkpoint->arena, TENSORS_BYTES_MAX);
    rw_status status = load_all(checkpoint, dir, adapter_dir, err);
    if (status != RW_OK) {
        rw_checkpoint_close(checkpoint);
        return status;
    }
    *out = checkpoint;
    return RW_OK;
}

void rw_checkpoint_close(struct rw_checkpoint *checkpoint)
{
    if (checkpoint == NULL) {
        return;
    }
    for (size_t i = 0; i < checkpoint->shard_count; i++) {
        rw_safetensors_close(&checkpoint->shards[i]);
    }
    rw_arena_fini(&checkpoint->arena);
    rw_free(checkpoint);
}

const struct rw_tensor *rw_checkpoint_find(const struct rw_checkpoint *checkpoint, const char *name)
{
    return rw_checkpoint_lookup(checkpoint, rw_str_from(name));
}

size_t rw_checkpoint_count(const struct rw_checkpoint *checkpoint)
{
    return checkpoint->count;
}

const struct rw_tensor *rw_checkpoint_at(const struct rw_checkpoint *checkpoint, size_t index)
{
    rw_assert(index < checkpoint->count);
    return &checkpoint->tensors[index];
}

static void convert(enum rw_tensor_type type, const uint16_t *from, size_t count, float *to)
{
    if (type == RW_TENSOR_BF16) {
        for (size_t i = 0; i < count; i++) {
            to[i] = rw_bf16_to_f32(from[i]);
        }
    } else {
        for (size_t i = 0; i < count; i++) {
            to[i] = rw_f16_to_f32(from[i]);
        }
    }
}

/* Stored values as float32. Halves go through a buffer on the stack: threads that fill read at the
 * same time, and none of them may need memory for it. */
static rw_status read_stored(const struct rw_checkpoint *checkpoint, const struct rw_tensor *tensor,
                             uint64_t first, uint64_t count, float *to, struct rw_error *err)
{
    rw_assert(first <= tensor->elements && count <= tensor->elements - first);
    if (tensor->type == RW_TENSOR_OTHER) {
        return rw_fail(err, RW_MODEL_UNSUPPORTED,
                       "tensor \"%.*s\" is neither F32 nor F16 nor BF16 of up to %d dimensions",
                       shown(tensor->name), tensor->name.ptr, RW_TENSOR_DIMS_MAX);
    }
    const struct rw_file *file = &checkpoint->shards[tensor->shard].file;
    if (tensor->type == RW_TENSOR_F32) {
        return rw_file_read(file, tensor->offset_bytes + first * sizeof *to, to,
                            (size_t)count * sizeof *to, err);
    }
    uint16_t halves[CONVERT_BYTES / sizeof(uint16_t)];
    uint64_t offset = tensor->offset_bytes + first * sizeof halves[0];
    while (count > 0) {
        size_t n = RW_COUNT(halves);
        n = count < n ? (size_t)count : n;
        rw_status status = rw_file_read(file, offset, halves, n * sizeof halves[0], err);
        if (status != RW_OK) {
            return status;
        }
        convert(tensor->type, halves, n, to);
        offset += n * sizeof halves[0];
        to += n;
        count -= n;
    }
    return RW_OK;
}

/* Adds scale * B A to elements [first, first + count): one row of A at a time, and the rows of B
 * that these elements lie in. */
static rw_status add_delta(const struct rw_checkpoint *checkpoint, const struct rw_tensor *tensor,
                           uint64_t first, uint64_t count, float *to, struct rw_error *err)
{
    const struct rw_delta *d = tensor->delta;
    uint64_t cols = tensor->shape[1];
    uint64_t row = first / cols, rows = (first + count - 1) / cols - row + 1;
    float *a = rw_alloc_array(cols + rows * d->rank, sizeof *a);
    if (a == NULL) {
        return rw_fail_memory(err, "a row of the adapter");
    }
    float *b = a + cols;
    rw_status status = read_stored(checkpoint, d->b, row * d->rank, rows * d->rank, b, err);
    for (uint64_t k = 0; k < d->rank && status == RW_OK; k++) {
        status = read_stored(checkpoint, d->a, k * cols, cols, a, err);
        for (uint64_t r = 0; r < rows && status == RW_OK; r++) {
            uint64_t begin = RW_MAX((row + r) * cols, first);
            uint64_t end = RW_MIN((row + r + 1) * cols, first + count);
            /* peft computes (B A) * scale; here scale goes into B, which differs by one rounding
             * of float32 and saves a pass over the row. */
            float factor = d->scale * b[r * d->rank + k];
            for (uint64_t i = begin; i < end; i++) {
                to[i - first] += factor * a[i - (row + r) * cols];
            }
        }
    }
    rw_free(a);
    return status;
}

rw_status rw_checkpoint_read_f32(const struct rw_checkpoint *checkpoint,
                                 const struct rw_tensor *tensor, uint64_t first, uint64_t count,
                                 float *to, struct rw_error *err)
{
    rw_status status = read_stored(checkpoint, tensor, first, count, to, err);
    return status == RW_OK && tensor->delta != NULL && count > 0
               ? add_delta(checkpoint, tensor, first, count, to, err)
               : status;
}

/* Evenly spread, the last bytes included: training touches all of a tensor, so a few places tell
 * two checkpoints apart, and a digest of everything would read the weights a second time. */
static rw_status sample_tensor(const struct rw_file *file, const struct rw_tensor *tensor,
                               struct rw_sha256 *sha, struct rw_error *err)
{
    unsigned char sample[SAMPLE_BYTES];
    size_t len = tensor->bytes < sizeof sample ? (size_t)tensor->bytes : sizeof sample;
    uint64_t stride = (tensor->bytes - len) / (SAMPLES_PER_TENSOR - 1);
    for (uint64_t i = 0; i < SAMPLES_PER_TENSOR; i++) {
        uint64_t at =
            i == SAMPLES_PER_TENSOR - 1 ? tensor->bytes - len : i * stride; /* the very last */
        rw_status status = rw_file_read(file, tensor->offset_bytes + at, sample, len, err);
        if (status != RW_OK) {
            return status;
        }
        rw_sha256_update(sha, sample, len);
    }
    return RW_OK;
}

rw_status rw_checkpoint_digest(const struct rw_checkpoint *checkpoint, char out[65],
                               struct rw_error *err)
{
    struct rw_sha256 sha;
    unsigned char digest[RW_SHA256_BYTES];
    rw_sha256_init(&sha);
    for (size_t i = 0; i < checkpoint->shard_count; i++) {
        rw_sha256_update(&sha, checkpoint->shards[i].header_digest, RW_SHA256_BYTES);
    }
    for (size_t i = 0; i < checkpoint->count; i++) {
        const struct rw_tensor *tensor = &checkpoint->tensors[i];
        rw_status status =
            sample_tensor(&checkpoint->shards[tensor->shard].file, tensor, &sha, err);
        if (status != RW_OK) {
            return status;
        }
    }
    for (size_t i = 0; i < checkpoint->factor_count; i++) {
        const struct rw_tensor *factor = &checkpoint->factors[i];
        rw_status status =
            sample_tensor(&checkpoint->shards[factor->shard].file, factor, &sha, err);
        if (status != RW_OK) {
            return status;
        }
    }
    rw_sha256_update(&sha, checkpoint->adapter_text.ptr, checkpoint->adapter_text.len);
    rw_sha256_final(&sha, digest);
    rw_hash_hex(digest, sizeof digest, out);
    return RW_OK;
}
