#include "tests/lib/fault.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/base/alloc.h"
#include "core/base/assert.h"
#include "core/base/file.h"

enum {
    FAULTS_MAX = 1000000, /* a body that reaches more calls loops for ever */
};

static atomic_int armed;
static atomic_long countdown;
static atomic_bool met;
static atomic_long live;

/* Does this call, of the family that serves `kind`, fail? */
static bool strikes(enum rw_fault_kind kind)
{
    if ((enum rw_fault_kind)atomic_load(&armed) != kind) {
        return false;
    }
    long left = atomic_fetch_sub(&countdown, 1);
    bool now = left == 1 || (left < 1 && kind == RW_FAULT_ALLOC_FROM);
    if (now) {
        atomic_store(&met, true);
    }
    return now;
}

static bool refuses_memory(void)
{
    return strikes(RW_FAULT_ALLOC) || strikes(RW_FAULT_ALLOC_FROM);
}

static void *fault_alloc(void *ctx, size_t bytes)
{
    (void)ctx;
    void *ptr = refuses_memory() ? NULL : malloc(bytes);
    atomic_fetch_add(&live, ptr != NULL);
    return ptr;
}

static void *fault_resize(void *ctx, void *old, size_t bytes)
{
    (void)ctx;
    void *ptr = refuses_memory() ? NULL : realloc(old, bytes);
    atomic_fetch_add(&live, ptr != NULL && old == NULL);
    return ptr;
}

static void fault_release(void *ctx, void *ptr)
{
    (void)ctx;
    atomic_fetch_sub(&live, ptr != NULL);
    free(ptr);
}

static int fault_open(const char *path)
{
    if (strikes(RW_FAULT_OPEN)) {
        errno = EMFILE;
        return -1;
    }
    return open(path, O_RDONLY | O_CLOEXEC);
}

static long fault_read_at(int fd, void *to, size_t len, uint64_t offset)
{
    if (strikes(RW_FAULT_READ)) {
        errno = EIO;
        return -1;
    }
    if (strikes(RW_FAULT_READ_EINTR)) {
        errno = EINTR;
        return -1;
    }
    if (strikes(RW_FAULT_READ_END)) {
        return 0;
    }
    return pread(fd, to, strikes(RW_FAULT_READ_ONE) ? 1 : len, (off_t)offset);
}

void rw_fault_install(void)
{
    static const struct rw_allocator ALLOCATOR = {fault_alloc, fault_resize, fault_release, NULL};
    static const struct rw_file_ops FILES = {fault_open, fault_read_at, NULL};
    atomic_store(&armed, RW_FAULT_NONE);
    atomic_store(&live, 0);
    rw_alloc_set(&ALLOCATOR);
    rw_file_set_ops(&FILES);
}

void rw_fault_uninstall(void)
{
    rw_alloc_set(NULL);
    rw_file_set_ops(NULL);
}

void rw_fault_arm(enum rw_fault_kind kind, long nth)
{
    atomic_store(&countdown, nth);
    atomic_store(&met, false);
    atomic_store(&armed, (int)kind);
}

bool rw_fault_met(void)
{
    return atomic_load(&met);
}

long rw_fault_live_allocations(void)
{
    return atomic_load(&live);
}

static long open_files(void)
{
    long count = 0;
    DIR *dir = opendir("/proc/self/fd");
    rw_assert(dir != NULL);
    while (readdir(dir) != NULL) {
        count++;
    }
    closedir(dir);
    return count;
}

/* Whether the fault was met. */
static bool run_once(enum rw_fault_kind kind, long nth, rw_fault_body body, void *ctx)
{
    struct rw_error err = {.status = RW_OK};
    long files = open_files();
    rw_fault_arm(kind, nth);
    rw_status status = body(ctx, &err);
    bool was_met = rw_fault_met();
    rw_fault_arm(RW_FAULT_NONE, 0);
    /* On success the record says nothing: an optional file may have been looked for in vain. */
    bool agrees = status == RW_OK || err.status == status;
    if (rw_fault_live_allocations() != 0 || open_files() != files || !agrees) {
        fprintf(stderr, "fault %d at call %ld: %ld allocations left, %ld files, status %s, %s\n",
                (int)kind, nth, rw_fault_live_allocations(), open_files() - files,
                rw_status_code(status), err.message);
    }
    rw_assert(rw_fault_live_allocations() == 0);
    rw_assert(open_files() == files);
    rw_assert(agrees);
    bool survives = !was_met || kind == RW_FAULT_READ_EINTR || kind == RW_FAULT_READ_ONE;
    if ((status == RW_OK) != survives) {
        fprintf(stderr, "fault %d at call %ld (met: %d) ends with %s: %s\n", (int)kind, nth,
                was_met, rw_status_code(status), err.message);
    }
    rw_assert((status == RW_OK) == survives);
    return was_met;
}

long rw_fault_some(enum rw_fault_kind kind, long stride, rw_fault_body body, void *ctx)
{
    long count = 0;
    rw_fault_install();
    run_once(RW_FAULT_NONE, 0, body, ctx);
    while (run_once(kind, count * stride + 1, body, ctx)) {
        count++;
        rw_assert(count < FAULTS_MAX);
    }
    run_once(RW_FAULT_NONE, 0, body, ctx);
    rw_fault_uninstall();
    return count;
}

long rw_fault_each(enum rw_fault_kind kind, rw_fault_body body, void *ctx)
{
    return rw_fault_some(kind, 1, body, ctx);
}
