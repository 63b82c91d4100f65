/* The mode, and Landlock. sandbox_calls.c has the other half of sandbox.h. */
#include "server/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Of later kernels than these headers: linux/landlock.h says so today. */
enum {
    ABI_REFER = 2,
    ABI_TRUNCATE = 3,
    ABI_NET = 4,
    ABI_SCOPE = 6,
};

#define ACCESS_TRUNCATE (UINT64_C(1) << 14)
#define NET_CONNECT_TCP (UINT64_C(1) << 1)
#define SCOPE_ABSTRACT  (UINT64_C(1) << 0) /* Unix sockets of others without a file */
#define SCOPE_SIGNAL    (UINT64_C(1) << 1)

#define ACCESS_STORE                                                                 \
    (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG | ACCESS_TRUNCATE | \
     LANDLOCK_ACCESS_FS_REMOVE_FILE)
#define ACCESS_SOCKET (LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_REMOVE_FILE)

/* struct landlock_ruleset_attr, as long as it has become; an older kernel is told a shorter one. */
struct ruleset {
    uint64_t files;
    uint64_t net;
    uint64_t scoped;
};

bool rw_sandbox_mode(const char *text, enum rw_sandbox_mode *out)
{
    static const char *const NAME[] = {"off", "auto", "strict"};
    for (int i = RW_SANDBOX_OFF; i <= RW_SANDBOX_STRICT; i++) {
        if (strcmp(text, NAME[i]) == 0) {
            *out = (enum rw_sandbox_mode)i;
            return true;
        }
    }
    return false;
}

bool rw_sandbox_built(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    return false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
    __has_feature(memory_sanitizer)
    return false;
#endif
#endif
    return true;
}

/* Everything that changes a file system, and running a file. */
static uint64_t handled(int abi)
{
    uint64_t files = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE;
    for (uint64_t bit = LANDLOCK_ACCESS_FS_REMOVE_DIR; bit <= LANDLOCK_ACCESS_FS_MAKE_SYM;
         bit <<= 1) {
        files |= bit;
    }
    files |= abi >= ABI_REFER ? (uint64_t)LANDLOCK_ACCESS_FS_REFER : 0;
    files |= abi >= ABI_TRUNCATE ? ACCESS_TRUNCATE : 0;
    return files;
}

static int new_ruleset(int abi)
{
    struct ruleset rules = {.files = handled(abi),
                            .net = abi >= ABI_NET ? NET_CONNECT_TCP : 0,
                            .scoped = abi >= ABI_SCOPE ? SCOPE_ABSTRACT | SCOPE_SIGNAL : 0};
    size_t size = abi >= ABI_SCOPE ? sizeof rules
                  : abi >= ABI_NET ? offsetof(struct ruleset, scoped)
                                   : offsetof(struct ruleset, net);
    return (int)syscall(SYS_landlock_create_ruleset, &rules, size, 0);
}

/* The folder that `path` lies in. One that is not there is nobody's: opening the file will say so.
 */
static int allow(int rules, const char *path, uint64_t access)
{
    char folder[PATH_MAX];
    char real[PATH_MAX]; /* SQLite follows links before it makes its journal */
    path = realpath(path, real) != NULL ? real : path;
    const char *slash = strrchr(path, '/');
    size_t len = slash == NULL ? 0 : slash == path ? 1 : (size_t)(slash - path);
    if (len >= sizeof folder) {
        errno = ENAMETOOLONG;
        return -1;
    }
    snprintf(folder, sizeof folder, "%.*s", (int)len, path);
    int fd = open(len > 0 ? folder : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOENT ? 0 : -1;
    }
    struct landlock_path_beneath_attr beneath = {.allowed_access = access, .parent_fd = fd};
    int rc = (int)syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0);
    close(fd);
    return rc;
}

static int restrict_files(int abi, const struct rw_sandbox_paths *paths)
{
    int rules = new_ruleset(abi);
    int rc = rules < 0 ? -1 : 0;
    if (rc == 0 && paths->store != NULL) {
        rc = allow(rules, paths->store, ACCESS_STORE & handled(abi));
    }
    for (size_t i = 0; i < paths->n_sockets && rc == 0; i++) {
        rc = allow(rules, paths->sockets[i], ACCESS_SOCKET);
    }
    if (rc == 0) {
        rc = (int)syscall(SYS_landlock_restrict_self, rules, 0);
    }
    if (rules >= 0) {
        close(rules);
    }
    return rc;
}

rw_status rw_sandbox_files(enum rw_sandbox_mode mode, const struct rw_sandbox_paths *paths,
                           int *abi, struct rw_error *err)
{
    *abi = 0;
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); /* no exec of ours gains anything, ever */
    if (mode == RW_SANDBOX_OFF || !rw_sandbox_built()) {
        return RW_OK;
    }
    long found = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (found > 0 && restrict_files((int)found, paths) == 0) {
        *abi = (int)found;
        return RW_OK;
    }
    if (mode != RW_SANDBOX_STRICT) {
        return RW_OK;
    }
    rw_fail(err, RW_CONFIG, "--sandbox strict: Landlock: %s", strerror(errno));
    rw_error_hint(err, "it needs Linux 5.13 with the Landlock module; --sandbox auto goes without");
    return RW_CONFIG;
}
