/* A safetensors file of any bytes: refused, or every tensor lies inside the file. */
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/base/assert.h"
#include "core/io/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    rw_assert(fd >= 0);
    long written = size > 0 ? write(fd, data, size) : 0;
    rw_assert(written == (long)size);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);

    struct rw_arena arena;
    struct rw_safetensors file;
    struct rw_error err;
    rw_arena_init(&arena, 64 << 20);
    if (rw_safetensors_open(path, &arena, &file, &err) == RW_OK) {
        for (size_t i = 0; i < file.count; i++) {
            rw_assert(file.tensors[i].offset_bytes <= size);
            rw_assert(file.tensors[i].bytes <= size - file.tensors[i].offset_bytes);
        }
        rw_safetensors_close(&file);
    }
    rw_arena_fini(&arena);
    close(fd);
    return 0;
}
