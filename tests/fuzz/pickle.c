/* Any bytes as data.pkl, and as an archive of torch.save: refused, or every tensor lies inside. */
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/base/assert.h"
#include "core/io/pickle.h"
#include "core/io/torch_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void as_pickle(const uint8_t *data, size_t size)
{
    struct rw_arena arena;
    struct rw_pickle_tensors out;
    struct rw_error err = {0};
    rw_arena_init(&arena, 64 << 20);
    rw_status status =
        rw_pickle_read((struct rw_str){(const char *)data, size}, "fuzz", &arena, &out, &err);
    rw_assert(status == err.status);
    for (size_t i = 0; status == RW_OK && i < out.count; i++) {
        const struct rw_pickle_tensor *t = &out.items[i];
        rw_assert(t->strided || (t->first <= t->storage_elements &&
                                 t->tensor.elements <= t->storage_elements - t->first));
    }
    rw_arena_fini(&arena);
}

static void as_file(const uint8_t *data, size_t size)
{
    char path[64];
    struct rw_arena arena;
    struct rw_safetensors file;
    struct rw_error err;
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    rw_assert(fd >= 0);
    long written = size > 0 ? write(fd, data, size) : 0;
    rw_assert(written == (long)size);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    rw_arena_init(&arena, 64 << 20);
    if (rw_torch_file_open(path, &arena, &file, &err) == RW_OK) {
        for (size_t i = 0; i < file.count; i++) {
            rw_assert(file.tensors[i].offset_bytes <= size);
            rw_assert(file.tensors[i].bytes <= size - file.tensors[i].offset_bytes);
        }
        rw_safetensors_close(&file);
    }
    rw_arena_fini(&arena);
    close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    as_pickle(data, size);
    as_file(data, size);
    return 0;
}
