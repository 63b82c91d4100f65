/* server/sandbox: each system call that a takeover is made of dies; what serving needs goes on.
 * Every test is a process of its own, and the sandbox holds until its end. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/util.h"
#include "server/sandbox.h"
#include "tests/lib/data.h"
#include "tests/lib/suite.h"

static struct rw_error err;

/* False where this kernel or this build has none: nothing can be shown then. */
static bool enter(enum rw_sandbox_mode mode, bool writes)
{
    struct rw_sandbox_paths nothing = {0};
    bool entered = false;
    int abi = 0;
    return rw_sandbox_files(mode, &nothing, &abi, &err) == RW_OK &&
           rw_sandbox_calls(mode, writes, &entered, &err) == RW_OK && entered;
}

/* ---- calls that kill ------------------------------------------------------------------------- */

static const struct {
    const char *name;
    long call;
    long argument[6];
} PLANTED[] = {
    {"execve", SYS_execve, {0}},
    {"execveat", SYS_execveat, {-1}},
    {"ptrace", SYS_ptrace, {0}},
    {"fork", SYS_clone, {SIGCHLD}},
    {"socket", SYS_socket, {AF_INET, SOCK_STREAM}},
    {"socket raw", SYS_socket, {AF_PACKET, SOCK_RAW}},
    {"socket netlink", SYS_socket, {AF_NETLINK, SOCK_RAW}},
    {"connect", SYS_connect, {-1}},
    {"bind", SYS_bind, {-1}},
    {"mount", SYS_mount, {0}},
    {"unshare", SYS_unshare, {0}},
    {"setns", SYS_setns, {-1}},
    {"chroot", SYS_chroot, {0}},
    {"bpf", SYS_bpf, {0}},
    {"perf", SYS_perf_event_open, {0}},
    {"io_uring", SYS_io_uring_setup, {1}},
    {"memfd", SYS_memfd_create, {0}},
    {"userfaultfd", SYS_userfaultfd, {0}},
    {"keyctl", SYS_keyctl, {0}},
    {"kill", SYS_kill, {1, 0}},
    {"tgkill of another", SYS_tgkill, {1, 1, 0}},
    {"module", SYS_init_module, {0}},
    {"setuid", SYS_setuid, {0}},
    {"process_vm_readv", SYS_process_vm_readv, {1}},
    {"executable map", SYS_mmap, {0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1}},
    {"executable pages", SYS_mprotect, {0, 4096, PROT_WRITE | PROT_EXEC}},
    {"mkdirat", SYS_mkdirat, {-1}},
    {"symlinkat", SYS_symlinkat, {0}},
};

/* How a child ends that enters and makes the call: its signal, 0 = it went on. */
static int fate(enum rw_sandbox_mode mode, bool writes, long call, const long a[6])
{
    int status = 0;
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        if (!enter(mode, writes)) {
            _exit(2);
        }
        syscall(call, a[0], a[1], a[2], a[3], a[4], a[5]);
        _exit(0);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFSIGNALED(status) || WEXITSTATUS(status) != 2);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

START_TEST(a_planted_call_dies)
{
    for (int mode = RW_SANDBOX_AUTO; mode <= RW_SANDBOX_STRICT; mode++) {
        for (int writes = 0; writes < 2; writes++) {
            int signal = fate((enum rw_sandbox_mode)mode, writes != 0, PLANTED[_i].call,
                              PLANTED[_i].argument);
            ck_assert_msg(signal == SIGSYS, "%s: signal %d", PLANTED[_i].name, signal);
        }
    }
}
END_TEST

/* A call of a kernel that is not written yet: told that there is none, or dead. */
START_TEST(an_unknown_call)
{
    static const long NONE[6] = {0};
    ck_assert_int_eq(fate(RW_SANDBOX_AUTO, false, 0x3FFF, NONE), 0);
    ck_assert_int_eq(fate(RW_SANDBOX_STRICT, false, 0x3FFF, NONE), SIGSYS);
    ck_assert_int_eq(fate(RW_SANDBOX_AUTO, true, SYS_clone3, NONE), 0);
}
END_TEST

/* Threads that were there before are bound as well. */
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

static void *older_thread(void *unused)
{
    pthread_mutex_lock(&gate);
    syscall(SYS_ptrace, 0, 0, 0, 0);
    _exit(0);
    return unused;
}

START_TEST(every_thread_is_bound)
{
    pthread_t thread;
    pthread_mutex_lock(&gate);
    ck_assert_int_eq(pthread_create(&thread, NULL, older_thread, NULL), 0);
    ck_assert(enter(RW_SANDBOX_AUTO, false));
    pthread_mutex_unlock(&gate);
    pthread_join(thread, NULL);
}
END_TEST

START_TEST(abort_is_abort)
{
    ck_assert(enter(RW_SANDBOX_STRICT, false));
    abort();
}
END_TEST

/* ---- what goes on ---------------------------------------------------------------------------- */

static void *newer_thread(void *unused)
{
    void *memory = malloc(64 << 20);
    ck_assert_ptr_nonnull(memory);
    memset(memory, 1, 64 << 20);
    free(memory);
    return unused;
}

/* What a request does to the system; false at the first thing that is refused. */
static bool serve(int to, int from)
{
    char byte;
    pthread_t thread;
    FILE *file = fopen("/proc/self/statm", "r");
    bool good = file != NULL && fgetc(file) != EOF && fclose(file) == 0;
    good = good && pthread_create(&thread, NULL, newer_thread, NULL) == 0 &&
           pthread_join(thread, NULL) == 0;
    good = good && write(to, "x", 1) == 1 && read(from, &byte, 1) == 1 && usleep(1000) == 0;
    /* no run store: nothing is written */
    return good && open("/dev/null", O_WRONLY) == -1 && errno == EACCES;
}

START_TEST(serving_goes_on)
{
    int pair[2];
    int status = 0;
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    pid_t child = fork(); /* libcheck itself needs calls that strict has not */
    if (child == 0) {
        _exit(enter(RW_SANDBOX_STRICT, false) && serve(pair[0], pair[1]) ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
}
END_TEST

/* ---- files ----------------------------------------------------------------------------------- */

static char store[RW_TEST_PATH_MAX];
static char other[RW_TEST_PATH_MAX];

static void make_folders(void)
{
    rw_test_dir_make(store);
    rw_test_dir_make(other);
    rw_test_write(other, "there", "text", 4);
}

static void remove_folders(void)
{
    rw_test_dir_remove(store);
    rw_test_dir_remove(other);
}

static int try_open(const char *folder, const char *name, int flags)
{
    char path[RW_TEST_PATH_MAX + 32];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = open(path, flags, 0600);
    int error = fd < 0 ? errno : 0;
    if (fd >= 0) {
        close(fd);
    }
    return error;
}

START_TEST(only_the_store_is_written)
{
    char db[RW_TEST_PATH_MAX + 32];
    char path[RW_TEST_PATH_MAX + 32];
    int abi = 0;
    snprintf(db, sizeof db, "%s/runs.db", store);
    struct rw_sandbox_paths paths = {.store = db};
    ck_assert_int_eq(rw_sandbox_files(RW_SANDBOX_AUTO, &paths, &abi, &err), RW_OK);
    if (abi == 0) {
        return; /* this kernel has no Landlock */
    }
    ck_assert_int_eq(try_open(store, "runs.db", O_RDWR | O_CREAT), 0);
    ck_assert_int_eq(try_open(store, "runs.db-wal", O_RDWR | O_CREAT | O_TRUNC), 0);
    snprintf(path, sizeof path, "%s/runs.db-wal", store);
    ck_assert_int_eq(unlink(path), 0);
    snprintf(path, sizeof path, "%s/set-aside", store);
    ck_assert_int_eq(rename(db, path), 0);
    ck_assert_int_eq(try_open(other, "new", O_RDWR | O_CREAT), EACCES);
    ck_assert_int_eq(try_open(other, "there", O_RDWR), EACCES);
    ck_assert_int_eq(try_open(other, "there", O_RDONLY), 0); /* a model is read again */
    snprintf(path, sizeof path, "%s/there", other);
    ck_assert_int_eq(unlink(path), -1);
    ck_assert_int_eq(truncate(path, 0), abi >= 3 ? -1 : 0);
    ck_assert_int_eq(mkdir(strcat(path, "2"), 0700), -1);
    ck_assert_int_eq(execl("/bin/true", "true", (char *)NULL), -1);
    ck_assert_int_eq(errno, EACCES);
}
END_TEST

/* A link to a file elsewhere: where the file is counts, not where the link is. */
START_TEST(a_store_behind_a_link)
{
    char link_path[RW_TEST_PATH_MAX + 32];
    char there[RW_TEST_PATH_MAX + 32];
    int abi = 0;
    snprintf(link_path, sizeof link_path, "%s/link.db", other);
    snprintf(there, sizeof there, "%s/linked.db", store);
    rw_test_write(store, "linked.db", "", 0);
    ck_assert_int_eq(symlink(there, link_path), 0);
    struct rw_sandbox_paths paths = {.store = link_path};
    ck_assert_int_eq(rw_sandbox_files(RW_SANDBOX_AUTO, &paths, &abi, &err), RW_OK);
    ck_assert_int_eq(try_open(other, "link.db", O_RDWR), 0);
    ck_assert_int_eq(try_open(store, "linked.db-wal", O_RDWR | O_CREAT), 0);
    ck_assert_int_eq(try_open(other, "link.db-wal", O_RDWR | O_CREAT), abi > 0 ? EACCES : 0);
}
END_TEST

START_TEST(modes)
{
    enum rw_sandbox_mode mode;
    ck_assert(rw_sandbox_mode("off", &mode) && mode == RW_SANDBOX_OFF);
    ck_assert(rw_sandbox_mode("auto", &mode) && mode == RW_SANDBOX_AUTO);
    ck_assert(rw_sandbox_mode("strict", &mode) && mode == RW_SANDBOX_STRICT);
    ck_assert(!rw_sandbox_mode("", &mode) && !rw_sandbox_mode("on", &mode));
    ck_assert(!enter(RW_SANDBOX_OFF, false));
    ck_assert_int_ge(syscall(SYS_socket, AF_UNIX, SOCK_STREAM, 0), 0);
}
END_TEST

/* Whether there is anything to show: a child of its own says. */
static bool kernel_can(void)
{
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        _exit(enter(RW_SANDBOX_AUTO, false) ? 0 : 1);
    }
    return waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

int main(void)
{
    Suite *suite = suite_create("sandbox");
    TCase *tc = tcase_create("sandbox");
    tcase_add_test(tc, modes);
    suite_add_tcase(suite, tc);
    tc = tcase_create("files");
    tcase_add_unchecked_fixture(tc, make_folders, remove_folders);
    tcase_add_test(tc, only_the_store_is_written);
    tcase_add_test(tc, a_store_behind_a_link);
    suite_add_tcase(suite, tc);
    if (kernel_can()) {
        tc = tcase_create("calls");
        tcase_add_loop_test(tc, a_planted_call_dies, 0, RW_COUNT(PLANTED));
        tcase_add_test(tc, an_unknown_call);
        tcase_add_test_raise_signal(tc, every_thread_is_bound, SIGSYS);
        tcase_add_test_raise_signal(tc, abort_is_abort, SIGABRT);
        tcase_add_test(tc, serving_goes_on);
        suite_add_tcase(suite, tc);
    }
    return rw_test_run(suite);
}
