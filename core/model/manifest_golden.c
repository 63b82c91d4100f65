/* The golden vectors of rewardd.json, in the file or beside it. */
#include "core/model/manifest_parts.h"

#include <stdio.h>

#include "core/base/file.h"

enum {
    GOLDEN_FILE_MAX = 16 << 20, /* bytes */
    PATH_BYTES_MAX = 4096,
};

static rw_status take_golden(struct rw_manifest *m, const struct rw_json *value,
                             struct rw_golden *out, struct rw_error *err)
{
    const struct rw_json *ids = rw_json_get(value, "ids");
    const struct rw_json *positions = rw_json_get(value, "positions");
    const struct rw_json *raw = rw_json_get(value, "raw");
    if (ids == NULL || positions == NULL || raw == NULL || ids->type != RW_JSON_ARRAY ||
        positions->type != RW_JSON_ARRAY || raw->type != RW_JSON_ARRAY || ids->count == 0 ||
        ids->count > m->config->context_max || positions->count == 0 ||
        positions->count != raw->count || positions->count > ids->count) {
        return rw_manifest_bad(err, "golden",
                               "a vector needs ids, positions and raw of fitting lengths");
    }
    int32_t *to_ids = rw_arena_array(m->arena, ids->count, sizeof *to_ids);
    uint32_t *to_positions = rw_arena_array(m->arena, raw->count, sizeof *to_positions);
    float *to_raw = rw_arena_array(m->arena, raw->count, sizeof *to_raw);
    if (to_ids == NULL || to_positions == NULL || to_raw == NULL) {
        return rw_manifest_no_memory(err);
    }
    size_t n = 0;
    uint64_t number;
    RW_JSON_EACH (item, ids) {
        if (!rw_json_u64(item, &number) || number >= m->config->vocab) {
            return rw_manifest_bad(err, "golden.ids", "not an id of the vocabulary");
        }
        to_ids[n++] = (int32_t)number;
    }
    n = 0;
    const struct rw_json *value_of = raw->child;
    RW_JSON_EACH (item, positions) {
        if (!rw_json_u64(item, &number) || number >= ids->count ||
            (n > 0 && number <= to_positions[n - 1]) || value_of->type != RW_JSON_NUMBER) {
            return rw_manifest_bad(err, "golden.positions", "not rising positions of the vector");
        }
        to_raw[n] = (float)value_of->number;
        to_positions[n++] = (uint32_t)number;
        value_of = value_of->next;
    }
    *out = (struct rw_golden){to_ids, (uint32_t)ids->count, to_positions, to_raw, (uint32_t)n};
    return RW_OK;
}

static rw_status take_vectors(struct rw_manifest *m, const struct rw_json *vectors,
                              struct rw_error *err)
{
    if (vectors == NULL || vectors->type != RW_JSON_ARRAY || vectors->count == 0 ||
        vectors->count > RW_GOLDEN_MAX) {
        return rw_manifest_bad(err, "golden.vectors", "not a list of 1 to 256 vectors");
    }
    struct rw_golden *golden = rw_arena_array(m->arena, vectors->count, sizeof *golden);
    if (golden == NULL) {
        return rw_manifest_no_memory(err);
    }
    size_t n = 0;
    RW_JSON_EACH (item, vectors) {
        rw_status status = take_golden(m, item, &golden[n++], err);
        if (status != RW_OK) {
            return status;
        }
    }
    m->golden = golden;
    m->n_golden = n;
    return RW_OK;
}

/* A file name inside the package, never a path out of it. */
static rw_status read_golden_file(struct rw_manifest *m, const struct rw_json *file,
                                  const struct rw_json **root, struct rw_error *err)
{
    char path[PATH_BYTES_MAX];
    struct rw_str text;
    if (file->type != RW_JSON_STRING || file->text.len == 0 || file->text.ptr[0] == '.' ||
        memchr(file->text.ptr, '/', file->text.len) != NULL ||
        (size_t)snprintf(path, sizeof path, "%s/%.*s", m->dir, RW_STR_ARG(file->text)) >=
            sizeof path) {
        return rw_manifest_bad(err, "golden.file", "not the name of a file in the package");
    }
    rw_status status = rw_file_read_all(path, GOLDEN_FILE_MAX, m->arena, &text, err);
    if (status == RW_OK) {
        status = rw_json_parse(m->arena, text, root, err);
    }
    return status;
}

rw_status rw_manifest_apply_golden(struct rw_manifest *m, const struct rw_json *value,
                                   struct rw_error *err)
{
    const struct rw_json *tolerance = rw_json_get(value, "tolerance");
    const struct rw_json *file = rw_json_get(value, "file");
    const struct rw_json *vectors = rw_json_get(value, "vectors");
    if (tolerance == NULL || tolerance->type != RW_JSON_NUMBER || !(tolerance->number > 0) ||
        (file == NULL) == (vectors == NULL) || value->count != 2) {
        return rw_manifest_bad(err, "golden", "needs a tolerance, and either file or vectors");
    }
    m->golden_tolerance = (float)tolerance->number;
    if (file == NULL) {
        return take_vectors(m, vectors, err);
    }
    const struct rw_json *root;
    rw_status status = read_golden_file(m, file, &root, err);
    return status == RW_OK ? take_vectors(m, rw_json_get(root, "vectors"), err) : status;
}
