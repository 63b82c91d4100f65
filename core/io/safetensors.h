/* One safetensors file: eight bytes of header length, a JSON header, the data of all tensors.
 * Internal to core/io; the rest of the core sees core/io/checkpoint.h.
 *
 * The rules are those of the reference implementation (safetensors/src/tensor.rs): header of at
 * most 100,000,000 bytes, shapes multiplied with overflow checks, data offsets contiguous from zero
 * to the end of the file. Stricter in one point: a name that occurs twice is refused. */
#ifndef RW_IO_SAFETENSORS_H
#define RW_IO_SAFETENSORS_H

#include "core/base/arena.h"
#include "core/base/file.h"
#include "core/base/hash.h"
#include "core/io/tensor.h"

enum {
    RW_SAFETENSORS_HEADER_MAX = 100000000, /* bytes, the limit of the reference implementation */
};

struct rw_safetensors {
    struct rw_file file;
    struct rw_tensor *tensors; /* in the caller's arena, in order of offset; shard is 0 */
    size_t count;
    unsigned char header_digest[RW_SHA256_BYTES]; /* of the length, the header, the file size */
};

/* Opens and checks all of it. Tensors and names live in `arena`; on failure nothing stays open. */
rw_status rw_safetensors_open(const char *path, struct rw_arena *arena, struct rw_safetensors *out,
                              struct rw_error *err);
void rw_safetensors_close(struct rw_safetensors *safetensors);

#endif
