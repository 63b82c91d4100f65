/* The directory of a zip archive whose members are stored, not compressed: what torch.save writes.
 *
 * Internal to core/io. Format: PKWARE APPNOTE 6.3, sections 4.3.7, 4.3.12, 4.3.14 to 4.3.16
 * (zip64). The central directory is the truth; every member's local header is read for where its
 * bytes begin and must name the same member. Nothing is ever decompressed. */
#ifndef RW_IO_ZIP_H
#define RW_IO_ZIP_H

#include "core/base/arena.h"
#include "core/base/file.h"

enum {
    RW_ZIP_MEMBERS_MAX = 1 << 16,            /* a 70B model in one file has 723 */
    RW_ZIP_DIRECTORY_MAX = 64 * 1024 * 1024, /* bytes */
};

struct rw_zip_member {
    struct rw_str name;
    uint64_t offset_bytes; /* of the data, in the file */
    uint64_t bytes;
};

struct rw_zip {
    struct rw_zip_member *members; /* in the arena, sorted by name */
    size_t count;
};

/* True when the file begins as a zip archive does. */
bool rw_zip_is(const struct rw_file *file);
/* Names live in the arena. MODEL_CORRUPT, MODEL_UNSUPPORTED (compressed, encrypted, split), IO. */
rw_status rw_zip_open(const struct rw_file *file, struct rw_arena *arena, struct rw_zip *out,
                      struct rw_error *err);
const struct rw_zip_member *rw_zip_find(const struct rw_zip *zip, struct rw_str name);

#endif
