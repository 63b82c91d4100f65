/* The other half of sandbox.h: the list of system calls, as a program for seccomp (seccomp(2)).
 *
 * One load and compare per call, in a line: the kernel keeps the verdict on calls whose arguments
 * are not looked at in a bitmap, so the line is walked for the few others only. */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#include "core/base/assert.h"
#include "core/base/util.h"
#include "server/sandbox.h"

enum {
    PROGRAM_MAX = 1024, /* instructions */
    NOT_X32 = 0x40000000,
};

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#else
#define ARCH 0
#endif

/* What serving needs, whatever the arguments. Measured with strace over the whole of tests/e2e, and
 * what C libraries use in place of what was seen. */
static const int SERVING[] = {
    /* sockets and events */
    SYS_read,
    SYS_write,
    SYS_readv,
    SYS_writev,
    SYS_accept4,
    SYS_listen,
    SYS_shutdown,
    SYS_close,
    SYS_getsockname,
    SYS_getpeername,
    SYS_getsockopt,
    SYS_setsockopt,
    SYS_recvmsg,
    SYS_sendmsg,
    SYS_recvfrom,
    SYS_sendto,
    SYS_epoll_ctl,
    SYS_epoll_pwait,
    SYS_ppoll,
    SYS_eventfd2,
    SYS_fcntl,
    /* files */
    SYS_pread64,
    SYS_preadv,
    SYS_lseek,
    SYS_fstat,
    SYS_newfstatat,
    SYS_statx,
    SYS_faccessat,
    SYS_getdents64,
    SYS_readlinkat,
    SYS_getcwd,
    SYS_fstatfs,
    SYS_statfs,
    SYS_fadvise64,
    SYS_unlinkat, /* Landlock says where */
    /* memory */
    SYS_brk,
    SYS_munmap,
    SYS_mremap,
    SYS_madvise,
    SYS_membarrier,
    /* threads and time */
    SYS_futex,
    SYS_set_robust_list,
    SYS_get_robust_list,
    SYS_set_tid_address,
    SYS_rseq,
    SYS_sched_yield,
    SYS_sched_getaffinity,
    SYS_sched_setaffinity,
    SYS_sched_getparam,
    SYS_sched_getscheduler,
    SYS_getcpu,
    SYS_gettid,
    SYS_getpid,
    SYS_getppid,
    SYS_exit,
    SYS_exit_group,
    SYS_clock_gettime,
    SYS_clock_getres,
    SYS_clock_nanosleep,
    SYS_nanosleep,
    SYS_gettimeofday,
    SYS_restart_syscall,
    /* signals */
    SYS_rt_sigaction,
    SYS_rt_sigprocmask,
    SYS_rt_sigreturn,
    SYS_sigaltstack,
    SYS_rt_sigtimedwait,
    /* about us and the machine */
    SYS_getrandom,
    SYS_getuid,
    SYS_geteuid,
    SYS_getgid,
    SYS_getegid,
    SYS_getrusage,
    SYS_sysinfo,
    SYS_uname,
#ifdef __x86_64__
    SYS_epoll_wait,
    SYS_poll,
    SYS_stat,
    SYS_lstat,
    SYS_access,
    SYS_readlink,
    SYS_unlink,
    SYS_time,
    SYS_arch_prctl, /* AMX asks for its state when the first tile is used */
#endif
#ifdef SYS_faccessat2
    SYS_faccessat2,
#endif
#ifdef SYS_epoll_pwait2
    SYS_epoll_pwait2,
#endif
#ifdef SYS_futex_waitv
    SYS_futex_waitv,
#endif
};

/* SQLite's, where there is a run store. */
static const int STORING[] = {
    SYS_pwrite64,  SYS_pwritev,  SYS_fsync,     SYS_fdatasync, SYS_ftruncate,
    SYS_fallocate, SYS_renameat, SYS_renameat2, SYS_fchmod,    SYS_fchown,
#ifdef __x86_64__
    SYS_rename,
#endif
};

/* Allowed where (argument & mask) == value; several rows for one call are alternatives. */
struct condition {
    int call;
    int argument;
    uint32_t mask;
    uint32_t value;
};

static const struct condition CONDITION[] = {
    {SYS_clone, 0, CLONE_THREAD, CLONE_THREAD}, /* threads, and no process */
    {SYS_mmap, 2, PROT_EXEC, 0},
    {SYS_mprotect, 2, PROT_EXEC, 0},
    {SYS_ioctl, 1, UINT32_MAX, FIONBIO},
    {SYS_ioctl, 1, UINT32_MAX, FIONREAD},
    {SYS_ioctl, 1, UINT32_MAX, TCGETS},
    {SYS_ioctl, 1, UINT32_MAX, TIOCGWINSZ},
    {SYS_prctl, 0, UINT32_MAX, PR_SET_NAME},
    {SYS_sched_setscheduler, 1, UINT32_MAX, SCHED_BATCH}, /* core/base/thread.h */
    {SYS_prlimit64, 2, UINT32_MAX, 0},                    /* reading it */
};

/* What a takeover is made of: no reason of ours can lead there. */
static const int DEADLY[] = {
    SYS_execve,
    SYS_execveat,
    SYS_clone,
    SYS_ptrace,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_mmap,
    SYS_mprotect,
    SYS_pkey_mprotect,
    SYS_remap_file_pages,
    SYS_memfd_create,
    SYS_userfaultfd,
    SYS_socket,
    SYS_socketpair,
    SYS_connect,
    SYS_bind,
    SYS_kill,
    SYS_tkill,
    SYS_tgkill,
    SYS_rt_sigqueueinfo,
    SYS_rt_tgsigqueueinfo,
    SYS_pidfd_open,
    SYS_pidfd_send_signal,
    SYS_mount,
    SYS_umount2,
    SYS_pivot_root,
    SYS_chroot,
    SYS_unshare,
    SYS_setns,
    SYS_open_tree,
    SYS_move_mount,
    SYS_fsopen,
    SYS_fsconfig,
    SYS_fsmount,
    SYS_open_by_handle_at,
    SYS_name_to_handle_at,
    SYS_setuid,
    SYS_setgid,
    SYS_setreuid,
    SYS_setregid,
    SYS_setresuid,
    SYS_setresgid,
    SYS_setgroups,
    SYS_setfsuid,
    SYS_setfsgid,
    SYS_capset,
    SYS_setsid,
    SYS_setpgid,
    SYS_seccomp,
    SYS_personality,
    SYS_bpf,
    SYS_perf_event_open,
    SYS_io_uring_setup,
    SYS_io_uring_enter,
    SYS_io_uring_register,
    SYS_add_key,
    SYS_request_key,
    SYS_keyctl,
    SYS_init_module,
    SYS_finit_module,
    SYS_delete_module,
    SYS_kexec_load,
    SYS_reboot,
    SYS_swapon,
    SYS_swapoff,
    SYS_sethostname,
    SYS_setdomainname,
    SYS_settimeofday,
    SYS_clock_settime,
    SYS_clock_adjtime,
    SYS_adjtimex,
    SYS_acct,
    SYS_quotactl,
    SYS_syslog,
    SYS_vhangup,
    SYS_mkdirat,
    SYS_mknodat,
    SYS_symlinkat,
    SYS_linkat,
    SYS_fchmodat,
    SYS_fchownat,
    SYS_truncate,
    SYS_setxattr,
    SYS_fsetxattr,
    SYS_lsetxattr,
    SYS_migrate_pages,
    SYS_move_pages,
    SYS_kcmp,
#ifdef __x86_64__
    SYS_fork,
    SYS_vfork,
    SYS_ioperm,
    SYS_iopl,
    SYS_modify_ldt,
    SYS_creat,
    SYS_mkdir,
    SYS_rmdir,
    SYS_mknod,
    SYS_symlink,
    SYS_link,
    SYS_chmod,
    SYS_chown,
    SYS_lchown,
    SYS_uselib,
#endif
#ifdef SYS_pidfd_getfd
    SYS_pidfd_getfd,
#endif
#ifdef SYS_memfd_secret
    SYS_memfd_secret,
#endif
#ifdef SYS_mount_setattr
    SYS_mount_setattr,
#endif
#ifdef SYS_kexec_file_load
    SYS_kexec_file_load,
#endif
};

struct program {
    struct sock_filter code[PROGRAM_MAX];
    size_t n;
};

static void add(struct program *p, uint16_t code, uint8_t yes, uint8_t no, uint32_t k)
{
    rw_assert(p->n < PROGRAM_MAX);
    p->code[p->n++] = (struct sock_filter){code, yes, no, k};
}

static void load(struct program *p, size_t offset)
{
    add(p, BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t)offset);
}

static void end(struct program *p, uint32_t action)
{
    add(p, BPF_RET | BPF_K, 0, 0, action);
}

/* The number of the call is loaded. */
static void verdict(struct program *p, const int *calls, size_t n, uint32_t action)
{
    for (size_t i = 0; i < n; i++) {
        add(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, (uint32_t)calls[i]);
        end(p, action);
    }
}

/* The low half of an argument is all that the calls above look at; words are in the order of bytes
 * of the machine, which is the small end first on both. */
static void condition(struct program *p, const struct condition *c)
{
    size_t argument = offsetof(struct seccomp_data, args) + sizeof(uint64_t) * (size_t)c->argument;
    add(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 5, (uint32_t)c->call);
    load(p, argument);
    add(p, BPF_ALU | BPF_AND | BPF_K, 0, 0, c->mask);
    add(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, c->value);
    end(p, SECCOMP_RET_ALLOW);
    load(p, offsetof(struct seccomp_data, nr));
}

/* abort() signals the thread itself; nobody else may be. */
static void own_signals(struct program *p)
{
    condition(p, &(struct condition){SYS_tgkill, 0, UINT32_MAX, (uint32_t)getpid()});
}

static void opening(struct program *p, bool writes)
{
    static const int OPEN[] = {SYS_openat};
    const uint32_t WRITING = O_ACCMODE | O_CREAT | O_TRUNC;
    if (writes) {
        verdict(p, OPEN, RW_COUNT(OPEN), SECCOMP_RET_ALLOW);
        return;
    }
    condition(p, &(struct condition){SYS_openat, 2, WRITING, O_RDONLY});
    verdict(p, OPEN, RW_COUNT(OPEN), SECCOMP_RET_ERRNO | EACCES);
}

static void write_program(struct program *p, bool strict, bool writes)
{
    static const int CLONE3[] = {SYS_clone3};
    load(p, offsetof(struct seccomp_data, arch));
    add(p, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, ARCH);
    end(p, SECCOMP_RET_KILL_PROCESS);
    load(p, offsetof(struct seccomp_data, nr));
    add(p, BPF_JMP | BPF_JGE | BPF_K, 0, 1, NOT_X32);
    end(p, SECCOMP_RET_KILL_PROCESS);
    verdict(p, SERVING, RW_COUNT(SERVING), SECCOMP_RET_ALLOW);
    opening(p, writes);
    if (writes) {
        verdict(p, STORING, RW_COUNT(STORING), SECCOMP_RET_ALLOW);
    }
    for (size_t i = 0; i < RW_COUNT(CONDITION); i++) {
        condition(p, &CONDITION[i]);
    }
    own_signals(p);
    /* Its flags lie in memory, where no filter can look: the C library then takes clone. */
    verdict(p, CLONE3, RW_COUNT(CLONE3), SECCOMP_RET_ERRNO | ENOSYS);
    verdict(p, DEADLY, RW_COUNT(DEADLY), SECCOMP_RET_KILL_PROCESS);
    end(p, strict ? SECCOMP_RET_KILL_PROCESS : SECCOMP_RET_ERRNO | ENOSYS);
}

rw_status rw_sandbox_calls(enum rw_sandbox_mode mode, bool writes, bool *entered,
                           struct rw_error *err)
{
    struct program p = {.n = 0};
    *entered = false;
    if (mode == RW_SANDBOX_OFF || !rw_sandbox_built()) {
        return RW_OK;
    }
    write_program(&p, mode == RW_SANDBOX_STRICT, writes);
    struct sock_fprog filter = {(unsigned short)p.n, p.code};
    long rc = ARCH == 0 ? -1
                        : syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC,
                                  &filter);
    *entered = rc == 0; /* above 0: a thread that has other rules */
    if (*entered || mode != RW_SANDBOX_STRICT) {
        return RW_OK;
    }
    rw_fail(err, RW_CONFIG, "--sandbox strict: seccomp: %s",
            rc > 0 ? "a thread has rules of its own" : strerror(errno));
    rw_error_hint(err, "the kernel needs CONFIG_SECCOMP_FILTER; --sandbox auto goes without");
    return RW_CONFIG;
}
