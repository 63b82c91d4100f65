#include "tests/fault/socket_calls.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

static pthread_t struck_thread;
static atomic_bool strikes;
static atomic_int io_armed;
static atomic_long io_countdown;
static atomic_bool io_met;

void io_fault_begin(pthread_t thread)
{
    struck_thread = thread;
    atomic_store(&strikes, true);
}

void io_fault_end(void)
{
    atomic_store(&strikes, false);
}

void io_fault_arm(enum io_fault kind, long nth)
{
    atomic_store(&io_armed, IO_NONE);
    atomic_store(&io_countdown, nth);
    atomic_store(&io_met, false);
    atomic_store(&io_armed, (int)kind);
}

bool io_fault_met(void)
{
    return atomic_load(&io_met);
}

/* Whatever it is made on. */
static bool strikes_here(enum io_fault first, enum io_fault last)
{
    int kind = atomic_load(&io_armed);
    if (kind < (int)first || kind > (int)last || !atomic_load(&strikes) ||
        !pthread_equal(pthread_self(), struck_thread) || atomic_fetch_sub(&io_countdown, 1) != 1) {
        return false;
    }
    atomic_store(&io_met, true);
    return true;
}

static bool io_strikes(int fd, enum io_fault first, enum io_fault last)
{
    int type;
    socklen_t len = sizeof type;
    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && strikes_here(first, last);
}

static int refused(int number)
{
    errno = number;
    return -1;
}

EXPORT ssize_t read(int fd, void *to, size_t len)
{
    if (io_strikes(fd, IO_READ_INTERRUPTED, IO_READ_END)) {
        switch (atomic_load(&io_armed)) {
        case IO_READ_ONE_BYTE:
            len = 1;
            break;
        case IO_READ_END:
            return 0;
        default:
            errno = atomic_load(&io_armed) == IO_READ_INTERRUPTED ? EINTR
                    : atomic_load(&io_armed) == IO_READ_AGAIN     ? EAGAIN
                                                                  : ECONNRESET;
            return -1;
        }
    }
    return syscall(SYS_read, fd, to, len);
}

EXPORT ssize_t write(int fd, const void *from, size_t len)
{
    if (io_strikes(fd, IO_WRITE_INTERRUPTED, IO_WRITE_BROKEN)) {
        if (atomic_load(&io_armed) != IO_WRITE_ONE_BYTE) {
            errno = atomic_load(&io_armed) == IO_WRITE_INTERRUPTED ? EINTR
                    : atomic_load(&io_armed) == IO_WRITE_AGAIN     ? EAGAIN
                                                                   : EPIPE;
            return -1;
        }
        len = 1;
    }
    return syscall(SYS_write, fd, from, len);
}

EXPORT int accept4(int fd, struct sockaddr *address, socklen_t *len, int flags)
{
    if (io_strikes(fd, IO_ACCEPT_ABORTED, IO_ACCEPT_NO_FILES)) {
        errno = atomic_load(&io_armed) == IO_ACCEPT_ABORTED ? ECONNABORTED : EMFILE;
        return -1;
    }
    return (int)syscall(SYS_accept4, fd, address, len, flags);
}

EXPORT int epoll_pwait(int fd, struct epoll_event *events, int max, int ms, const sigset_t *mask)
{
    if (strikes_here(IO_WAIT_INTERRUPTED, IO_WAIT_INTERRUPTED)) {
        return refused(EINTR);
    }
    return (int)syscall(SYS_epoll_pwait, fd, events, max, ms, mask, (size_t)(_NSIG / 8));
}

EXPORT int epoll_wait(int fd, struct epoll_event *events, int max, int ms)
{
    return epoll_pwait(fd, events, max, ms, NULL);
}

EXPORT int shutdown(int fd, int how)
{
    return io_strikes(fd, IO_SHUTDOWN_LOST, IO_SHUTDOWN_LOST) ? refused(ENOTCONN)
                                                              : (int)syscall(SYS_shutdown, fd, how);
}

EXPORT int setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
    return io_strikes(fd, IO_OPTION_REFUSED, IO_OPTION_REFUSED)
               ? refused(ENOBUFS)
               : (int)syscall(SYS_setsockopt, fd, level, name, value, len);
}

EXPORT int getpeername(int fd, struct sockaddr *address, socklen_t *len)
{
    return io_strikes(fd, IO_PEER_UNKNOWN, IO_PEER_UNKNOWN)
               ? refused(ENOTCONN)
               : (int)syscall(SYS_getpeername, fd, address, len);
}

/* Files of keys and certificates. */
EXPORT int stat(const char *path, struct stat *to)
{
    return strikes_here(IO_STAT_REFUSED, IO_STAT_REFUSED) ? refused(EACCES)
                                                          : fstatat(AT_FDCWD, path, to, 0);
}

/* The C library's own, behind ours. */
static void *behind(const char *name)
{
    return dlsym(RTLD_NEXT, name);
}

EXPORT DIR *opendir(const char *path)
{
    if (strikes_here(IO_FOLDER_NO_FILES, IO_FOLDER_NO_FILES)) {
        errno = EMFILE;
        return NULL;
    }
    DIR *(*real)(const char *) = NULL;
    *(void **)&real = behind("opendir");
    return real(path);
}

EXPORT struct dirent *readdir(DIR *folder)
{
    if (strikes_here(IO_FOLDER_BROKEN, IO_FOLDER_BROKEN)) {
        errno = EIO;
        return NULL;
    }
    struct dirent *(*real)(DIR *) = NULL;
    *(void **)&real = behind("readdir");
    return real(folder);
}
