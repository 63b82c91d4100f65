#include "core/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int system_open(const char *path)
{
    return open(path, O_RDONLY | O_CLOEXEC);
}

static long system_read_at(int fd, void *to, size_t len, uint64_t offset)
{
    return pread(fd, to, len, (off_t)offset);
}

static const struct rw_file_ops SYSTEM = {system_open, system_read_at, NULL};
static const struct rw_file_ops *ops = &SYSTEM;

void rw_file_set_ops(const struct rw_file_ops *replacement)
{
    ops = replacement != NULL ? replacement : &SYSTEM;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL && slash[1] != '\0' ? slash + 1 : path;
}

bool rw_file_exists(const char *path)
{
    if (ops->exists != NULL) {
        return ops->exists(path);
    }
    return access(path, F_OK) == 0 || errno != ENOENT;
}

rw_status rw_file_open(const char *path, struct rw_file *file, struct rw_error *err)
{
    *file = (struct rw_file){.fd = -1};
    snprintf(file->name, sizeof file->name, "%s", base_name(path));
    int fd = ops->open(path);
    if (fd < 0) {
        rw_status status = errno == ENOENT ? RW_NOT_FOUND : RW_IO;
        return rw_fail(err, status, "cannot open %s: %s", path, strerror(errno));
    }
    struct stat info;
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        close(fd);
        return rw_fail(err, RW_IO, "%s is not a regular file", path);
    }
    file->fd = fd;
    file->size_bytes = (uint64_t)info.st_size;
    return RW_OK;
}

void rw_file_close(struct rw_file *file)
{
    if (file->fd >= 0) {
        close(file->fd);
        file->fd = -1;
    }
}

rw_status rw_file_read(const struct rw_file *file, uint64_t offset, void *to, size_t len,
                       struct rw_error *err)
{
    unsigned char *at = to;
    while (len > 0) {
        long n = ops->read_at(file->fd, at, len, offset);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return rw_fail(err, RW_IO, "reading %s: %s", file->name, strerror(errno));
        }
        if (n == 0) {
            return rw_fail(err, RW_MODEL_CORRUPT, "%s ends %zu bytes early", file->name, len);
        }
        at += n;
        offset += (uint64_t)n;
        len -= (size_t)n;
    }
    return RW_OK;
}

rw_status rw_file_read_all(const char *path, size_t max_bytes, struct rw_arena *arena,
                           struct rw_str *out, struct rw_error *err)
{
    struct rw_file file;
    rw_status status = rw_file_open(path, &file, err);
    if (status != RW_OK) {
        return status;
    }
    char *text = NULL;
    if (file.size_bytes > max_bytes) {
        status = rw_fail(err, RW_LIMIT_EXCEEDED, "%s has %llu bytes, the limit is %zu", file.name,
                         (unsigned long long)file.size_bytes, max_bytes);
        goto out;
    }
    text = rw_arena_alloc(arena, (size_t)file.size_bytes + 1);
    if (text == NULL) {
        status = rw_fail(err, RW_NO_MEMORY, "no memory to read %s", file.name);
        goto out;
    }
    status = rw_file_read(&file, 0, text, (size_t)file.size_bytes, err);
    *out = (struct rw_str){text, (size_t)file.size_bytes};
out:
    rw_file_close(&file);
    return status;
}
