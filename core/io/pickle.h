/* An unpickler that knows the tensors of a state_dict and nothing else.
 *
 * Internal to core/io. Nothing is imported or called: a GLOBAL must be in a short list (rebuild
 * functions of tensors, storages, OrderedDict, dtypes), and what it "does" is written out here. Any
 * other is refused by name, and so is every opcode that state_dicts do not use. Protocols 2 to 4.
 * Source of the format: CPython Lib/pickletools.py; of the calls: torch/_utils.py,
 * torch/serialization.py. */
#ifndef RW_IO_PICKLE_H
#define RW_IO_PICKLE_H

#include <stdbool.h>

#include "core/base/arena.h"
#include "core/base/status.h"
#include "core/base/str.h"
#include "core/io/tensor.h"

enum {
    RW_PICKLE_BYTES_MAX = 64 * 1024 * 1024, /* data.pkl; a 70B model has 200 kB */
    RW_PICKLE_STACK_MAX = 1 << 16,          /* values; a batch of SETITEMS has 2,000 */
    RW_PICKLE_MEMO_MAX = 1 << 20,           /* entries */
};

/* One named tensor, not yet looked up in the archive. */
struct rw_pickle_tensor {
    struct rw_tensor tensor;   /* name, type, shape, elements; bytes of the elements */
    struct rw_str storage;     /* key of the archive member */
    uint64_t storage_elements; /* as the pickle says */
    uint64_t first;            /* storage_offset, elements */
    uint32_t element_bytes;
    bool strided; /* not row-major: RW_TENSOR_OTHER, never read */
};

struct rw_pickle_tensors {
    struct rw_pickle_tensor *items; /* in the arena */
    size_t count;
};

/* `name` is the file, for messages; everything lives in the arena. A dictionary under "state_dict"
 * or "module" of the root is taken in its place. MODEL_CORRUPT, MODEL_UNSUPPORTED (names what),
 * LIMIT_EXCEEDED, NO_MEMORY. */
rw_status rw_pickle_read(struct rw_str text, const char *name, struct rw_arena *arena,
                         struct rw_pickle_tensors *out, struct rw_error *err);

#endif
