/* Read-only files, read with pread: a file truncated under us gives a short read and an error,
 * where a mapping would give SIGBUS. The system calls are a table so that tests can make the n-th
 * read fail. */
#ifndef RW_BASE_FILE_H
#define RW_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/status.h"
#include "core/base/str.h"

struct rw_file {
    int fd;
    uint64_t size_bytes; /* at the time of opening */
    char name[256];      /* base name, for messages */
};

struct rw_file_ops {
    int (*open)(const char *path);                                  /* fd or -1 with errno */
    long (*read_at)(int fd, void *to, size_t len, uint64_t offset); /* as pread */
    bool (*exists)(const char *path); /* NULL: the real file system is asked */
};

/* For the whole process, before threads exist (NULL: the real calls). */
void rw_file_set_ops(const struct rw_file_ops *ops);

/* False only when there is no such file: one that cannot be opened exists, and opening says why. */
bool rw_file_exists(const char *path);
rw_status rw_file_open(const char *path, struct rw_file *file, struct rw_error *err);
void rw_file_close(struct rw_file *file);
/* Exactly `len` bytes or an error (IO, or MODEL_CORRUPT when the file is shorter). Thread-safe. */
rw_status rw_file_read(const struct rw_file *file, uint64_t offset, void *to, size_t len,
                       struct rw_error *err);
/* The whole file into the arena, NUL behind it; refused when larger than max_bytes. */
rw_status rw_file_read_all(const char *path, size_t max_bytes, struct rw_arena *arena,
                           struct rw_str *out, struct rw_error *err);

#endif
