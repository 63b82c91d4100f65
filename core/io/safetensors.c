#include "core/io/safetensors.h"

#include <stdlib.h>

#include "core/base/assert.h"
#include "core/base/util.h"
#include "core/io/json.h"

enum {
    LENGTH_BYTES = 8,                          /* little-endian header length at the start */
    HEADER_TREE_BYTES_MAX = 256 * 1024 * 1024, /* parsed header; real ones need under 1 MiB */
    NAME_SHOWN_MAX = 100,                      /* bytes of a name in a message */
    BITS_PER_BYTE = 8,
};

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "safetensors data is little-endian");

#define METADATA_KEY "__metadata__"

/* Every type name of the format; the first three are weights to us. */
static const struct type_name {
    const char *name;
    unsigned bits;
    enum rw_tensor_type type;
} TYPES[] = {
    {"F32", 32, RW_TENSOR_F32},      {"F16", 16, RW_TENSOR_F16},
    {"BF16", 16, RW_TENSOR_BF16},    {"F64", 64, RW_TENSOR_OTHER},
    {"I64", 64, RW_TENSOR_OTHER},    {"U64", 64, RW_TENSOR_OTHER},
    {"C64", 64, RW_TENSOR_OTHER},    {"I32", 32, RW_TENSOR_OTHER},
    {"U32", 32, RW_TENSOR_OTHER},    {"I16", 16, RW_TENSOR_OTHER},
    {"U16", 16, RW_TENSOR_OTHER},    {"I8", 8, RW_TENSOR_OTHER},
    {"U8", 8, RW_TENSOR_OTHER},      {"BOOL", 8, RW_TENSOR_OTHER},
    {"F8_E4M3", 8, RW_TENSOR_OTHER}, {"F8_E5M2", 8, RW_TENSOR_OTHER},
    {"F8_E8M0", 8, RW_TENSOR_OTHER}, {"F6_E2M3", 6, RW_TENSOR_OTHER},
    {"F6_E3M2", 6, RW_TENSOR_OTHER}, {"F4", 4, RW_TENSOR_OTHER},
};

struct context {
    struct rw_safetensors *out;
    struct rw_arena *arena;
    struct rw_error *err;
    uint64_t data_bytes; /* behind the header */
};

static rw_status fail_tensor(const struct context *c, struct rw_str name, const char *what)
{
    size_t shown = RW_MIN(name.len, NAME_SHOWN_MAX);
    return rw_fail(c->err, RW_MODEL_CORRUPT, "%s: tensor \"%.*s\": %s", c->out->file.name,
                   (int)shown, name.ptr, what);
}

static const struct type_name *type_by_name(const struct rw_json *value)
{
    for (size_t i = 0; i < RW_COUNT(TYPES); i++) {
        if (rw_json_is_string(value, TYPES[i].name)) {
            return &TYPES[i];
        }
    }
    return NULL;
}

static rw_status read_shape(const struct context *c, const struct rw_json *shape,
                            struct rw_tensor *tensor)
{
    if (shape == NULL || shape->type != RW_JSON_ARRAY) {
        return fail_tensor(c, tensor->name, "shape is missing or not an array");
    }
    tensor->elements = 1;
    tensor->dims = (uint32_t)shape->count;
    for (size_t i = 0; i < RW_TENSOR_DIMS_MAX; i++) {
        tensor->shape[i] = 1;
    }
    size_t i = 0;
    RW_JSON_EACH (extent, shape) {
        uint64_t value;
        if (!rw_json_u64(extent, &value)) {
            return fail_tensor(c, tensor->name, "shape has an entry that is no size");
        }
        if (__builtin_mul_overflow(tensor->elements, value, &tensor->elements)) {
            return fail_tensor(c, tensor->name, "shape overflows 64 bits");
        }
        if (i < RW_TENSOR_DIMS_MAX) {
            tensor->shape[i++] = value;
        }
    }
    return RW_OK;
}

static rw_status read_offsets(const struct context *c, const struct rw_json *offsets,
                              struct rw_tensor *tensor)
{
    uint64_t begin;
    uint64_t end;
    if (offsets == NULL || offsets->type != RW_JSON_ARRAY || offsets->count != 2 ||
        !rw_json_u64(offsets->child, &begin) || !rw_json_u64(offsets->child->next, &end)) {
        return fail_tensor(c, tensor->name, "data_offsets is not a pair of sizes");
    }
    if (begin > end) {
        return fail_tensor(c, tensor->name, "data_offsets end before they begin");
    }
    tensor->offset_bytes = begin; /* from the data section for now */
    tensor->bytes = end - begin;
    return RW_OK;
}

static rw_status read_tensor(const struct context *c, const struct rw_json *entry,
                             struct rw_tensor *tensor)
{
    tensor->name = rw_arena_copy(c->arena, entry->key);
    if (tensor->name.ptr == NULL) {
        return rw_fail(c->err, RW_NO_MEMORY, "no memory for the tensors of %s", c->out->file.name);
    }
    if (entry->type != RW_JSON_OBJECT) {
        return fail_tensor(c, tensor->name, "is not described by an object");
    }
    const struct type_name *type = type_by_name(rw_json_get(entry, "dtype"));
    if (type == NULL) {
        return fail_tensor(c, tensor->name, "dtype is missing or unknown");
    }
    rw_status status = read_shape(c, rw_json_get(entry, "shape"), tensor);
    if (status == RW_OK) {
        status = read_offsets(c, rw_json_get(entry, "data_offsets"), tensor);
    }
    if (status != RW_OK) {
        return status;
    }
    uint64_t bits;
    if (__builtin_mul_overflow(tensor->elements, (uint64_t)type->bits, &bits)) {
        return fail_tensor(c, tensor->name, "shape overflows 64 bits");
    }
    if (bits % BITS_PER_BYTE != 0 || bits / BITS_PER_BYTE != tensor->bytes) {
        return fail_tensor(c, tensor->name, "shape and dtype do not match data_offsets");
    }
    /* Nothing we score has more dimensions; such a tensor may lie in the file unread. */
    tensor->type = tensor->dims <= RW_TENSOR_DIMS_MAX ? type->type : RW_TENSOR_OTHER;
    return RW_OK;
}

static rw_status check_metadata(const struct context *c, const struct rw_json *metadata)
{
    if (metadata->type == RW_JSON_NULL) {
        return RW_OK;
    }
    bool strings = metadata->type == RW_JSON_OBJECT;
    RW_JSON_EACH (value, metadata) {
        strings = strings && value->type == RW_JSON_STRING;
    }
    return strings ? RW_OK
                   : rw_fail(c->err, RW_MODEL_CORRUPT, "%s: %s is not a map of strings",
                             c->out->file.name, METADATA_KEY);
}

static rw_status read_tensors(const struct context *c, const struct rw_json *header)
{
    if (header->type != RW_JSON_OBJECT) {
        return rw_fail(c->err, RW_MODEL_CORRUPT, "%s: header is not an object", c->out->file.name);
    }
    c->out->tensors = rw_arena_array(c->arena, header->count, sizeof *c->out->tensors);
    if (c->out->tensors == NULL) {
        return rw_fail(c->err, RW_NO_MEMORY, "no memory for the tensors of %s", c->out->file.name);
    }
    RW_JSON_EACH (entry, header) {
        rw_status status;
        if (rw_str_is(entry->key, METADATA_KEY)) {
            status = check_metadata(c, entry);
        } else {
            status = read_tensor(c, entry, &c->out->tensors[c->out->count++]);
        }
        if (status != RW_OK) {
            return status;
        }
    }
    return RW_OK;
}

/* By begin, then by end, so that empty tensors stand before the one that begins there. */
static int by_offset(const void *left, const void *right)
{
    const struct rw_tensor *a = left;
    const struct rw_tensor *b = right;
    if (a->offset_bytes != b->offset_bytes) {
        return a->offset_bytes < b->offset_bytes ? -1 : 1;
    }
    return (a->bytes > b->bytes) - (a->bytes < b->bytes);
}

/* Contiguous from 0 to the end: no overlap (a small file could claim terabytes), no hole (another
 * format could hide there). Turns offsets into offsets of the file. */
static rw_status check_layout(const struct context *c)
{
    struct rw_safetensors *out = c->out;
    uint64_t expected = 0;
    uint64_t data_begin = out->file.size_bytes - c->data_bytes;
    qsort(out->tensors, out->count, sizeof *out->tensors, by_offset);
    for (size_t i = 0; i < out->count; i++) {
        struct rw_tensor *tensor = &out->tensors[i];
        if (tensor->offset_bytes != expected) {
            return fail_tensor(c, tensor->name, "data_offsets leave a hole or overlap");
        }
        expected += tensor->bytes; /* the end of this tensor, so it cannot overflow */
    }
    if (expected != c->data_bytes) {
        return rw_fail(c->err, RW_MODEL_CORRUPT,
                       "%s: tensors end at byte %llu of the data, the file at %llu", out->file.name,
                       (unsigned long long)expected, (unsigned long long)c->data_bytes);
    }
    for (size_t i = 0; i < out->count; i++) {
        out->tensors[i].offset_bytes += data_begin;
    }
    return RW_OK;
}

/* Header length and text, checked against the size of the file before anything is allocated. */
static rw_status read_header(struct rw_safetensors *out, struct rw_arena *scratch,
                             struct rw_str *text, struct rw_error *err)
{
    const struct rw_file *file = &out->file;
    uint64_t length;
    if (file->size_bytes < LENGTH_BYTES) {
        return rw_fail(err, RW_MODEL_CORRUPT, "%s is too short for a header", file->name);
    }
    rw_status status = rw_file_read(file, 0, &length, LENGTH_BYTES, err);
    if (status != RW_OK) {
        return status;
    }
    if (length > RW_SAFETENSORS_HEADER_MAX) {
        return rw_fail(err, RW_MODEL_CORRUPT, "%s: header length %llu is over the limit %d",
                       file->name, (unsigned long long)length, RW_SAFETENSORS_HEADER_MAX);
    }
    if (length > file->size_bytes - LENGTH_BYTES) {
        return rw_fail(err, RW_MODEL_CORRUPT, "%s: header length %llu is longer than the file",
                       file->name, (unsigned long long)length);
    }
    char *bytes = rw_arena_alloc(scratch, (size_t)length);
    if (bytes == NULL) {
        return rw_fail(err, RW_NO_MEMORY, "no memory for the header of %s", file->name);
    }
    *text = (struct rw_str){bytes, (size_t)length};
    status = rw_file_read(file, LENGTH_BYTES, bytes, text->len, err);
    if (status != RW_OK) {
        return status;
    }
    struct rw_sha256 sha;
    rw_sha256_init(&sha);
    rw_sha256_update(&sha, &length, LENGTH_BYTES);
    rw_sha256_update(&sha, text->ptr, text->len);
    rw_sha256_update(&sha, &file->size_bytes, sizeof file->size_bytes);
    rw_sha256_final(&sha, out->header_digest);
    return RW_OK;
}

static rw_status load(struct rw_safetensors *out, struct rw_arena *arena, struct rw_arena *scratch,
                      struct rw_error *err)
{
    struct rw_str text;
    rw_status status = read_header(out, scratch, &text, err);
    if (status != RW_OK) {
        return status;
    }
    const struct rw_json *header;
    status = rw_json_parse(scratch, text, &header, err);
    if (status != RW_OK) {
        rw_error_prefix(err, "%s: header", out->file.name);
        return status;
    }
    struct context c = {
        .out = out,
        .arena = arena,
        .err = err,
        .data_bytes = out->file.size_bytes - LENGTH_BYTES - text.len,
    };
    status = read_tensors(&c, header);
    return status == RW_OK ? check_layout(&c) : status;
}

rw_status rw_safetensors_open(const char *path, struct rw_arena *arena, struct rw_safetensors *out,
                              struct rw_error *err)
{
    *out = (struct rw_safetensors){.file.fd = -1};
    rw_status status = rw_file_open(path, &out->file, err);
    if (status != RW_OK) {
        return status;
    }
    struct rw_arena scratch;
    rw_arena_init(&scratch, HEADER_TREE_BYTES_MAX);
    status = load(out, arena, &scratch, err);
    rw_arena_fini(&scratch);
    if (status != RW_OK) {
        rw_safetensors_close(out);
    }
    return status;
}

void rw_safetensors_close(struct rw_safetensors *safetensors)
{
    rw_file_close(&safetensors->file);
}
