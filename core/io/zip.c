#include "core/io/zip.h"

#include <stdlib.h>

#include "core/base/util.h"

enum {
    LOCAL_BYTES = 30,
    CENTRAL_BYTES = 46,
    END_BYTES = 22,
    END64_BYTES = 56,
    LOCATOR_BYTES = 20,
    COMMENT_MAX = 65535, /* behind the end record */
    EXTRA_ZIP64 = 1,
    SIGNATURE_BYTES = 4,
};

#define MAGIC_LOCAL   0x04034b50u
#define MAGIC_CENTRAL 0x02014b50u
#define MAGIC_END     0x06054b50u
#define MAGIC_END64   0x06064b50u
#define MAGIC_LOCATOR 0x07064b50u
#define WIDE32        0xffffffffu
#define WIDE16        0xffffu

struct directory {
    uint64_t offset;
    uint64_t bytes;
    uint64_t members;
};

struct reader {
    const struct rw_file *file;
    struct rw_arena *arena;
    struct rw_error *err;
};

static uint64_t le(const unsigned char *at, unsigned bytes)
{
    uint64_t value = 0;
    for (unsigned i = bytes; i > 0; i--) {
        value = value << 8 | at[i - 1];
    }
    return value;
}

static rw_status corrupt(const struct reader *r, const char *what)
{
    return rw_fail(r->err, RW_MODEL_CORRUPT, "%s: %s", r->file->name, what);
}

bool rw_zip_is(const struct rw_file *file)
{
    unsigned char head[SIGNATURE_BYTES];
    return file->size_bytes >= END_BYTES &&
           rw_file_read(file, 0, head, sizeof head, NULL) == RW_OK && le(head, 4) == MAGIC_LOCAL;
}

static rw_status read_end64(const struct reader *r, uint64_t locator, struct directory *out)
{
    unsigned char at[END64_BYTES];
    rw_status status = rw_file_read(r->file, locator, at, LOCATOR_BYTES, r->err);
    if (status != RW_OK) {
        return status;
    }
    uint64_t end = le(at + 8, 8);
    if (le(at, 4) != MAGIC_LOCATOR || end > locator || locator - end < END64_BYTES) {
        return corrupt(r, "the zip64 locator is wrong");
    }
    status = rw_file_read(r->file, end, at, END64_BYTES, r->err);
    if (status == RW_OK && le(at, 4) != MAGIC_END64) {
        return corrupt(r, "the zip64 end record is wrong");
    }
    *out = (struct directory){le(at + 48, 8), le(at + 40, 8), le(at + 32, 8)};
    return status;
}

/* The end record, searched from behind over the longest comment. */
static rw_status find_directory(const struct reader *r, struct directory *out)
{
    uint64_t size = r->file->size_bytes;
    size_t len = (size_t)RW_MIN(size, (uint64_t)(END_BYTES + COMMENT_MAX));
    unsigned char *tail = rw_arena_alloc(r->arena, len);
    if (tail == NULL) {
        return rw_fail(r->err, RW_NO_MEMORY, "no memory for the directory of %s", r->file->name);
    }
    rw_status status = rw_file_read(r->file, size - len, tail, len, r->err);
    size_t at = len >= END_BYTES ? len - END_BYTES + 1 : 0;
    while (status == RW_OK && at > 0) {
        at--;
        /* The four bytes may occur inside the comment: the record must also reach no further than
         * the file. The last one that fits counts. */
        if (le(tail + at, 4) != MAGIC_END || le(tail + at + 20, 2) > len - at - END_BYTES) {
            continue;
        }
        const unsigned char *end = tail + at;
        uint64_t where = size - len + at;
        *out = (struct directory){le(end + 16, 4), le(end + 12, 4), le(end + 10, 2)};
        bool wide = out->offset == WIDE32 || out->bytes == WIDE32 || out->members == WIDE16;
        if (wide && where >= LOCATOR_BYTES) {
            return read_end64(r, where - LOCATOR_BYTES, out);
        }
        return wide ? corrupt(r, "the zip archive has no zip64 record") : RW_OK;
    }
    return status != RW_OK ? status : corrupt(r, "the zip archive has no end: it is cut off");
}

/* Sizes of 32 bits that are all ones stand in the extra field. */
static bool widen(const unsigned char *extra, size_t len, uint64_t *stored, uint64_t *packed,
                  uint64_t *offset)
{
    uint64_t *fields[] = {stored, packed, offset};
    for (size_t at = 0; at + 4 <= len;) {
        size_t id = le(extra + at, 2), bytes = le(extra + at + 2, 2);
        at += 4;
        if (bytes > len - at) {
            return false;
        }
        if (id == EXTRA_ZIP64) {
            size_t used = 0;
            for (size_t i = 0; i < RW_COUNT(fields); i++) {
                if (*fields[i] == WIDE32) {
                    if (used + 8 > bytes) {
                        return false;
                    }
                    *fields[i] = le(extra + at + used, 8);
                    used += 8;
                }
            }
            return true;
        }
        at += bytes;
    }
    return *stored != WIDE32 && *packed != WIDE32 && *offset != WIDE32;
}

/* Where the data of a member begins: behind its own header, whose extra field may differ. */
static rw_status read_local(const struct reader *r, uint64_t at, struct rw_zip_member *m)
{
    unsigned char head[LOCAL_BYTES];
    uint64_t size = r->file->size_bytes;
    if (at > size || size - at < LOCAL_BYTES) {
        return corrupt(r, "a member of the zip archive lies outside the file");
    }
    rw_status status = rw_file_read(r->file, at, head, LOCAL_BYTES, r->err);
    if (status != RW_OK) {
        return status;
    }
    /* torch pads the extra field of this header so that data begin at a multiple of 64: its
     * length is not that of the directory's. Sizes in this header may be zero (streamed
     * archives); those of the directory count. */
    uint64_t begin = at + LOCAL_BYTES + le(head + 26, 2) + le(head + 28, 2);
    if (le(head, 4) != MAGIC_LOCAL || le(head + 26, 2) != m->name.len || begin > size ||
        m->bytes > size - begin) {
        return corrupt(r, "a member of the zip archive contradicts its directory");
    }
    m->offset_bytes = begin;
    return RW_OK;
}

static rw_status read_member(const struct reader *r, const unsigned char *entry, size_t left,
                             struct rw_zip_member *m, size_t *used)
{
    if (left < CENTRAL_BYTES || le(entry, 4) != MAGIC_CENTRAL) {
        return corrupt(r, "the directory of the zip archive is cut off");
    }
    size_t name = le(entry + 28, 2), extra = le(entry + 30, 2), comment = le(entry + 32, 2);
    *used = CENTRAL_BYTES + name + extra + comment;
    if (*used > left) {
        return corrupt(r, "the directory of the zip archive is cut off");
    }
    uint64_t packed = le(entry + 20, 4), stored = le(entry + 24, 4), offset = le(entry + 42, 4);
    if (!widen(entry + CENTRAL_BYTES + name, extra, &stored, &packed, &offset)) {
        return corrupt(r, "a member of the zip archive has no size");
    }
    if (le(entry + 10, 2) != 0 || (le(entry + 8, 2) & 1) != 0 || packed != stored) {
        return rw_fail(r->err, RW_MODEL_UNSUPPORTED,
                       "%s: the zip archive is compressed or encrypted; torch.save stores only",
                       r->file->name);
    }
    m->name = (struct rw_str){(const char *)entry + CENTRAL_BYTES, name};
    m->bytes = stored;
    return read_local(r, offset, m);
}

static int by_name(const void *left, const void *right)
{
    const struct rw_zip_member *a = left;
    const struct rw_zip_member *b = right;
    size_t common = RW_MIN(a->name.len, b->name.len);
    int order = common > 0 ? memcmp(a->name.ptr, b->name.ptr, common) : 0;
    return order != 0 ? order : (a->name.len > b->name.len) - (a->name.len < b->name.len);
}

rw_status rw_zip_open(const struct rw_file *file, struct rw_arena *arena, struct rw_zip *out,
                      struct rw_error *err)
{
    struct reader r = {file, arena, err};
    struct directory d = {0};
    *out = (struct rw_zip){0};
    rw_status status = find_directory(&r, &d);
    if (status != RW_OK) {
        return status;
    }
    if (d.offset > file->size_bytes || d.bytes > file->size_bytes - d.offset ||
        d.bytes > RW_ZIP_DIRECTORY_MAX || d.members > RW_ZIP_MEMBERS_MAX ||
        d.members * CENTRAL_BYTES > d.bytes) {
        return corrupt(&r, "the directory of the zip archive does not fit the file");
    }
    unsigned char *text = rw_arena_alloc(arena, (size_t)d.bytes);
    out->members = rw_arena_array(arena, (size_t)d.members, sizeof *out->members);
    if (text == NULL || out->members == NULL) {
        return rw_fail(err, RW_NO_MEMORY, "no memory for the directory of %s", file->name);
    }
    status = rw_file_read(file, d.offset, text, (size_t)d.bytes, err);
    size_t at = 0, used = 0;
    for (uint64_t i = 0; i < d.members && status == RW_OK; i++, at += used) {
        status = read_member(&r, text + at, (size_t)d.bytes - at, &out->members[i], &used);
        out->count += status == RW_OK;
    }
    if (status != RW_OK) {
        return status;
    }
    /* Sorted for bsearch; two members of one name would be two readings of one file. */
    qsort(out->members, out->count, sizeof *out->members, by_name);
    for (size_t i = 1; i < out->count; i++) {
        if (rw_str_equal(out->members[i - 1].name, out->members[i].name)) {
            return corrupt(&r, "a member of the zip archive is there twice");
        }
    }
    return RW_OK;
}

const struct rw_zip_member *rw_zip_find(const struct rw_zip *zip, struct rw_str name)
{
    struct rw_zip_member wanted = {.name = name};
    return zip->count == 0 ? NULL
                           : bsearch(&wanted, zip->members, zip->count, sizeof wanted, by_name);
}
