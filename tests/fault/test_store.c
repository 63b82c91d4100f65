/* The store of runs and the file of keys: every allocation, SQLite's own too, and every system call
 * that SQLite makes fails once. Whatever fails, the database then holds all of a transaction or
 * nothing of it, and keys that were read before stay. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <sqlite3.h>

#include "core/base/assert.h"
#include "core/base/log.h"
#include "core/base/util.h"
#include "server/auth.h"
#include "server/runs/store.h"
#include "tests/lib/fault.h"
#include "tests/lib/suite.h"

enum {
    TRACES = 3,
    FAULTS_MAX = 20000, /* a body that meets more does not end */
};

static char folder[] = "/dev/shm/rewardd-store-XXXXXX"; /* hundreds of files, each synced */
static char path[64];

/* ---- SQLite's allocator and system calls ----------------------------------------------------- */

static long countdown; /* to the call that fails; 0 = none does */
static bool met;
static int with_errno;
static const char *struck; /* name of the system call; NULL = allocations */

static bool strikes(const char *name)
{
    bool mine = name == NULL ? struck == NULL : struck != NULL && strcmp(name, struck) == 0;
    if (!mine || countdown == 0 || --countdown > 0) {
        return false;
    }
    met = true;
    errno = with_errno;
    return true;
}

static sqlite3_mem_methods real_memory;

static void *sql_malloc(int n)
{
    return strikes(NULL) ? NULL : real_memory.xMalloc(n);
}

static void *sql_realloc(void *old, int n)
{
    return strikes(NULL) ? NULL : real_memory.xRealloc(old, n);
}

static int failing_open(const char *file, int flags, mode_t mode)
{
    return strikes("open") ? -1 : open(file, flags, mode);
}

static int failing_fstat(int fd, struct stat *to)
{
    return strikes("fstat") ? -1 : fstat(fd, to);
}

static int failing_stat(const char *file, struct stat *to)
{
    return strikes("stat") ? -1 : stat(file, to);
}

static int failing_ftruncate(int fd, off_t len)
{
    return strikes("ftruncate") ? -1 : ftruncate(fd, len);
}

static int failing_fcntl(int fd, int command, ...)
{
    va_list args;
    va_start(args, command);
    void *argument = va_arg(args, void *);
    va_end(args);
    return strikes("fcntl") ? -1 : fcntl(fd, command, argument);
}

static ssize_t failing_pread(int fd, void *to, size_t n, off_t at)
{
    return strikes("pread") ? -1 : pread(fd, to, n, at);
}

static ssize_t failing_pwrite(int fd, const void *from, size_t n, off_t at)
{
    return strikes("pwrite") ? -1 : pwrite(fd, from, n, at);
}

static int failing_unlink(const char *file)
{
    return strikes("unlink") ? -1 : unlink(file);
}

/* These two SQLite calls by their names: it finds those of this program first. */
__attribute__((visibility("default"))) int fsync(int fd)
{
    return strikes("fsync") ? -1 : (int)syscall(SYS_fsync, fd);
}

__attribute__((visibility("default"))) int fdatasync(int fd)
{
    return strikes("fsync") ? -1 : (int)syscall(SYS_fdatasync, fd);
}

static void replace_calls(void)
{
    static const struct {
        const char *name;
        sqlite3_syscall_ptr call;
    } CALL[] = {
        {"open", (sqlite3_syscall_ptr)failing_open},
        {"fstat", (sqlite3_syscall_ptr)failing_fstat},
        {"stat", (sqlite3_syscall_ptr)failing_stat},
        {"ftruncate", (sqlite3_syscall_ptr)failing_ftruncate},
        {"fcntl", (sqlite3_syscall_ptr)failing_fcntl},
        {"pread", (sqlite3_syscall_ptr)failing_pread},
        {"pread64", (sqlite3_syscall_ptr)failing_pread},
        {"pwrite", (sqlite3_syscall_ptr)failing_pwrite},
        {"pwrite64", (sqlite3_syscall_ptr)failing_pwrite},
        {"unlink", (sqlite3_syscall_ptr)failing_unlink},
    };
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
    for (size_t i = 0; i < RW_COUNT(CALL); i++) {
        (void)vfs->xSetSystemCall(vfs, CALL[i].name, CALL[i].call); /* a build has one of a pair */
    }
}

/* ---- a day of the store ---------------------------------------------------------------------- */

static rw_status write_run(struct rw_store *store, struct rw_error *err)
{
    struct rw_store_run run;
    rw_status status = rw_store_insert(store, RW_STR("run"), 1, &run, err);
    for (uint64_t i = 1; status == RW_OK && i <= TRACES; i++) {
        status = rw_store_append(store, run.row, i, RW_STORE_TRACE, RW_STR("trace"), err);
    }
    if (status == RW_OK) {
        status = rw_store_event(store, run.row, 1, "window", RW_STR("{}"), err);
    }
    run.traces = TRACES;
    run.events = 1;
    if (status == RW_OK) {
        status = rw_store_touch(store, &run, err);
    }
    if (status == RW_OK) {
        status = rw_store_snapshot(store, run.row, 1, RW_STR("state"), err);
    }
    if (status == RW_OK) {
        status = rw_store_commit(store, err);
    } else {
        rw_store_rollback(store);
    }
    return status;
}

static void see(void *ctx, struct rw_str name, const struct rw_store_run *run)
{
    (void)name;
    (void)run;
    (*(int *)ctx)++;
}

static rw_status day(void *ctx, struct rw_error *err)
{
    (void)ctx;
    struct rw_store *store = NULL;
    int seen = 0;
    rw_status status = rw_store_open(path, &store, err);
    if (status == RW_OK) {
        status = write_run(store, err);
    }
    if (status == RW_OK) {
        status = rw_store_list(store, 10, NULL, see, &seen, err);
    }
    rw_store_close(store);
    return status;
}

static rw_status count_trace(void *ctx, enum rw_store_kind kind, struct rw_str data,
                             struct rw_error *err)
{
    (void)err;
    ck_assert(kind == RW_STORE_TRACE && rw_str_is(data, "trace"));
    (*(uint64_t *)ctx)++;
    return RW_OK;
}

/* All of it or nothing; and nothing only when somebody was told. */
static void check_file(rw_status told)
{
    struct rw_store *store = NULL;
    struct rw_store_run run;
    struct rw_error err = {0};
    struct rw_str state;
    uint64_t replayed = 0;
    ck_assert_msg(rw_store_open(path, &store, &err) == RW_OK, "%s", err.message);
    rw_status status = rw_store_find(store, RW_STR("run"), &run, &err);
    ck_assert(status == RW_OK || (status == RW_NOT_FOUND && told != RW_OK));
    if (status == RW_OK) {
        ck_assert_uint_eq(run.traces, TRACES);
        ck_assert_uint_eq(run.snapshot, 1);
        ck_assert_int_eq(rw_store_state(store, run.row, &state, &err), RW_OK);
        ck_assert(rw_str_is(state, "state"));
        ck_assert_int_eq(rw_store_replay(store, &run, count_trace, &replayed, &err), RW_OK);
        ck_assert_uint_eq(replayed, TRACES - 1);
    }
    rw_store_close(store);
}

static void remove_file(void)
{
    char other[80];
    unlink(path);
    snprintf(other, sizeof other, "%s-wal", path);
    unlink(other);
    snprintf(other, sizeof other, "%s-shm", path);
    unlink(other);
}

static long each(const char *name, int number)
{
    long faults = 0;
    bool more = true;
    struck = name;
    with_errno = number;
    while (more) {
        struct rw_error err = {0};
        remove_file();
        met = false;
        countdown = faults + 1;
        rw_status told = day(NULL, &err);
        countdown = 0;
        more = met;
        faults += more ? 1 : 0;
        ck_assert(told == RW_OK || err.message[0] != '\0');
        ck_assert(more || told == RW_OK);
        check_file(told);
        ck_assert_int_lt(faults, FAULTS_MAX);
    }
    printf("%-10s errno %d: %ld failed once each\n", name != NULL ? name : "memory", number,
           faults);
    return faults;
}

START_TEST(each_allocation_of_sqlite_fails_once)
{
    ck_assert_int_gt(each(NULL, ENOMEM), 50);
}
END_TEST

START_TEST(each_system_call_of_sqlite_fails_once)
{
    static const char *const NAME[] = {"open",  "fstat",  "stat",   "ftruncate", "fcntl",
                                       "pread", "pwrite", "unlink", "fsync"};
    long faults = 0;
    for (size_t i = 0; i < RW_COUNT(NAME); i++) {
        faults += each(NAME[i], EIO);
    }
    ck_assert_int_gt(each("fsync", EIO), 0);
    faults += each("fsync", ENOSPC);
    faults += each("pwrite", EDQUOT);
    faults += each("pwrite", EFBIG); /* the process's own limit of a file's size */
    faults += each("pwrite", ENOSPC);
    faults += each("open", EMFILE);
    faults += each("pread", EINTR);
    faults += each("pwrite", EINTR);
    ck_assert_int_gt(faults, 50);
}
END_TEST

/* Our own allocations. */
static rw_status own_day(void *ctx, struct rw_error *err)
{
    remove_file();
    return day(ctx, err);
}

START_TEST(each_allocation_of_ours_fails_once)
{
    ck_assert_int_gt(rw_fault_each(RW_FAULT_ALLOC, own_day, NULL), 0);
}
END_TEST

/* ---- keys ------------------------------------------------------------------------------------ */

static char keys[64];

/* A file that was read well is read again, and that may fail. */
static rw_status reload(void *ctx, struct rw_error *err)
{
    static struct rw_auth auth;
    (void)ctx;
    memset(&auth, 0, sizeof auth);
    rw_status status = rw_auth_load(&auth, keys, err);
    if (status != RW_OK) {
        ck_assert_uint_eq(auth.n, 0);
        return status;
    }
    status = rw_auth_load(&auth, keys, err);
    ck_assert_uint_eq(auth.n, 2);
    return status;
}

START_TEST(keys_that_cannot_be_read_again_stay)
{
    static const enum rw_fault_kind KIND[] = {RW_FAULT_ALLOC, RW_FAULT_OPEN, RW_FAULT_READ};
    FILE *file = fopen(keys, "w");
    ck_assert_ptr_nonnull(file);
    fputs("one:0123456789abcdef0123456789abcdef\ntwo:fedcba9876543210fedcba9876543210\n", file);
    fclose(file);
    long faults = 0;
    for (size_t i = 0; i < RW_COUNT(KIND); i++) {
        faults += rw_fault_each(KIND[i], reload, NULL);
    }
    faults += rw_fault_each(RW_FAULT_READ_EINTR, reload, NULL);
    faults += rw_fault_each(RW_FAULT_READ_ONE, reload, NULL);
    ck_assert_int_gt(faults, 4);
}
END_TEST

int main(void)
{
    if (mkdtemp(folder) == NULL) {
        strcpy(folder, "/tmp/rewardd-store-XXXXXX");
        rw_assert(mkdtemp(folder) != NULL);
    }
    snprintf(path, sizeof path, "%s/runs", folder);
    snprintf(keys, sizeof keys, "%s/keys", folder);
    rw_log_configure(RW_LOG_OFF, false);
    sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real_memory);
    sqlite3_mem_methods memory = real_memory;
    memory.xMalloc = sql_malloc;
    memory.xRealloc = sql_realloc;
    sqlite3_config(SQLITE_CONFIG_MALLOC, &memory);
    sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0); /* every allocation is one of ours */
    replace_calls();
    Suite *suite = suite_create("store faults");
    TCase *tc = tcase_create("store faults");
    tcase_add_test(tc, each_allocation_of_sqlite_fails_once);
    tcase_add_test(tc, each_system_call_of_sqlite_fails_once);
    tcase_add_test(tc, each_allocation_of_ours_fails_once);
    tcase_add_test(tc, keys_that_cannot_be_read_again_stay);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    remove_file();
    unlink(keys);
    rmdir(folder);
    return failed == 0 ? 0 : 1;
}
