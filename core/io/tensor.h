/* One tensor of a checkpoint: what a file says of it. Checked before anybody sees it. */
#ifndef RW_IO_TENSOR_H
#define RW_IO_TENSOR_H

#include <stdint.h>

#include "core/base/str.h"

enum {
    RW_TENSOR_DIMS_MAX = 4,
};

enum rw_tensor_type {
    RW_TENSOR_F32,
    RW_TENSOR_F16,
    RW_TENSOR_BF16,
    RW_TENSOR_OTHER, /* present in the file, not readable as weights (or over 4 dimensions) */
};

/* A low-rank addition of a LoRA adapter: W[out, in] + scale * B[out, rank] A[rank, in], made row by
 * row while W is read. */
struct rw_delta {
    const struct rw_tensor *a;
    const struct rw_tensor *b;
    uint32_t rank;
    float scale;
};

struct rw_tensor {
    struct rw_str name;
    enum rw_tensor_type type;
    uint32_t dims;
    uint64_t shape[RW_TENSOR_DIMS_MAX]; /* row-major; unused entries are 1 */
    uint64_t elements;
    uint32_t shard;
    uint64_t offset_bytes; /* in the shard's file */
    uint64_t bytes;
    const struct rw_delta *delta; /* NULL for nearly all */
};

#endif
