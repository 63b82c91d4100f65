#include "core/io/torch_file.h"

#include "core/base/util.h"
#include "core/io/pickle.h"
#include "core/io/zip.h"

enum {
    SCRATCH_BYTES_MAX = 512 * 1024 * 1024, /* directory, pickle and its values */
    NAME_SHOWN = 100,
};

struct opening {
    struct rw_safetensors *out;
    struct rw_arena *arena;
    struct rw_arena *scratch;
    struct rw_zip zip;
    struct rw_str folder; /* of the members, with its slash: "archive/" */
    struct rw_error *err;
};

static rw_status no_memory(const struct opening *o)
{
    return rw_fail(o->err, RW_NO_MEMORY, "no memory for the tensors of %s", o->out->file.name);
}

/* The one member that is called data.pkl. The folder before it is called after the file it was
 * first saved as, so it can be anything. */
static const struct rw_zip_member *find_pickle(struct opening *o)
{
    static const struct rw_str PICKLE = RW_STR("/data.pkl");
    const struct rw_zip_member *found = NULL;
    for (size_t i = 0; i < o->zip.count; i++) {
        struct rw_str name = o->zip.members[i].name;
        if (!rw_str_ends(name, PICKLE)) {
            continue;
        }
        if (found != NULL) {
            return NULL; /* torch takes one of them by a rule of its own */
        }
        found = &o->zip.members[i];
        o->folder = rw_str_slice(name, 0, name.len - PICKLE.len + 1);
    }
    return found;
}

static const struct rw_zip_member *find_member(struct opening *o, const char *what,
                                               struct rw_str key)
{
    char name[512];
    size_t len = o->folder.len + strlen(what) + key.len;
    if (len >= sizeof name) {
        return NULL;
    }
    memcpy(name, o->folder.ptr, o->folder.len);
    memcpy(name + o->folder.len, what, strlen(what));
    memcpy(name + o->folder.len + strlen(what), key.ptr, key.len);
    return rw_zip_find(&o->zip, (struct rw_str){name, len});
}

/* torch writes the order of bytes since 2.1; before, it was that of the machine. */
static rw_status check_byte_order(struct opening *o)
{
    const struct rw_zip_member *order = find_member(o, "byteorder", RW_STR(""));
    char text[8] = "";
    if (order == NULL) {
        return RW_OK;
    }
    rw_status status = rw_file_read(&o->out->file, order->offset_bytes, text,
                                    (size_t)RW_MIN(order->bytes, sizeof text - 1), o->err);
    if (status == RW_OK && strcmp(text, "little") != 0) {
        return rw_fail(o->err, RW_MODEL_UNSUPPORTED, "%s: its numbers are not little-endian",
                       o->out->file.name);
    }
    return status;
}

static rw_status place(struct opening *o, const struct rw_pickle_tensor *from, struct rw_tensor *to)
{
    const struct rw_zip_member *member = find_member(o, "data/", from->storage);
    int shown = (int)RW_MIN(from->tensor.name.len, (size_t)NAME_SHOWN);
    uint64_t bytes;
    if (from->strided) {
        rw_fail(o->err, RW_MODEL_UNSUPPORTED,
                "%s: tensor \"%.*s\" is stored transposed or with gaps", o->out->file.name, shown,
                from->tensor.name.ptr);
        rw_error_hint(o->err, "save it again with .contiguous(), or as safetensors");
        return RW_MODEL_UNSUPPORTED;
    }
    if (member == NULL ||
        __builtin_mul_overflow(from->storage_elements, (uint64_t)from->element_bytes, &bytes) ||
        bytes > member->bytes) {
        return rw_fail(o->err, RW_MODEL_CORRUPT,
                       "%s: tensor \"%.*s\": its storage is missing or too short",
                       o->out->file.name, shown, from->tensor.name.ptr);
    }
    *to = from->tensor; /* inside its storage: pickle.c checked it */
    to->name = rw_arena_copy(o->arena, from->tensor.name);
    to->bytes = from->tensor.elements * from->element_bytes;
    to->offset_bytes = member->offset_bytes + from->first * from->element_bytes;
    return to->name.ptr != NULL ? RW_OK : no_memory(o);
}

/* What stands for the header of safetensors: the pickle names every tensor, and the size of the
 * file tells archives apart that have the same names. rw_checkpoint_digest samples the values. */
static void digest(struct opening *o, struct rw_str text)
{
    struct rw_sha256 sha;
    uint64_t len = text.len;
    rw_sha256_init(&sha);
    rw_sha256_update(&sha, &len, sizeof len);
    rw_sha256_update(&sha, text.ptr, text.len);
    rw_sha256_update(&sha, &o->out->file.size_bytes, sizeof o->out->file.size_bytes);
    rw_sha256_final(&sha, o->out->header_digest);
}

static rw_status read_tensors(struct opening *o, struct rw_str text)
{
    struct rw_pickle_tensors found;
    rw_status status = rw_pickle_read(text, o->out->file.name, o->scratch, &found, o->err);
    if (status != RW_OK) {
        return status;
    }
    o->out->tensors = rw_arena_array(o->arena, found.count, sizeof *o->out->tensors);
    if (o->out->tensors == NULL) {
        return no_memory(o);
    }
    for (size_t i = 0; i < found.count && status == RW_OK; i++) {
        status = place(o, &found.items[i], &o->out->tensors[i]);
        o->out->count += status == RW_OK;
    }
    digest(o, text);
    return status;
}

static rw_status load(struct opening *o)
{
    const struct rw_file *file = &o->out->file;
    if (!rw_zip_is(file)) {
        rw_fail(o->err, RW_MODEL_UNSUPPORTED,
                "%s is no zip archive: torch before 1.6 wrote it, or it is not of torch",
                file->name);
        rw_error_hint(o->err, "convert it where you trust it: "
                              "torch.save(torch.load('pytorch_model.bin'), 'pytorch_model.bin')");
        return RW_MODEL_UNSUPPORTED;
    }
    rw_status status = rw_zip_open(file, o->scratch, &o->zip, o->err);
    if (status != RW_OK) {
        return status;
    }
    const struct rw_zip_member *pickle = find_pickle(o);
    if (pickle == NULL || pickle->bytes > RW_PICKLE_BYTES_MAX) {
        return rw_fail(o->err, RW_MODEL_CORRUPT,
                       "%s: data.pkl is missing, there twice, or over %d bytes", file->name,
                       RW_PICKLE_BYTES_MAX);
    }
    char *text = rw_arena_alloc(o->scratch, (size_t)pickle->bytes);
    if (text == NULL) {
        return no_memory(o);
    }
    status = check_byte_order(o);
    if (status == RW_OK) {
        status = rw_file_read(file, pickle->offset_bytes, text, (size_t)pickle->bytes, o->err);
    }
    return status == RW_OK ? read_tensors(o, (struct rw_str){text, (size_t)pickle->bytes}) : status;
}

rw_status rw_torch_file_open(const char *path, struct rw_arena *arena, struct rw_safetensors *out,
                             struct rw_error *err)
{
    struct rw_arena scratch;
    *out = (struct rw_safetensors){.file.fd = -1};
    rw_status status = rw_file_open(path, &out->file, err);
    if (status != RW_OK) {
        return status;
    }
    rw_arena_init(&scratch, SCRATCH_BYTES_MAX);
    struct opening o = {.out = out, .arena = arena, .scratch = &scratch, .err = err};
    status = load(&o);
    rw_arena_fini(&scratch);
    if (status != RW_OK) {
        rw_safetensors_close(out);
    }
    return status;
}
