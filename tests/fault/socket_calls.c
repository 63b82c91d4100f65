#include "tests/fault/socket_calls.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/socket.h>
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

static bool io_strikes(int fd, enum io_fault first, enum io_fault last)
{
    int kind = atomic_load(&io_armed);
    int type;
    socklen_t len = sizeof type;
    if (kind < (int)first || kind > (int)last || !atomic_load(&strikes) ||
        !pthread_equal(pthread_self(), struck_thread) ||
        getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) != 0 ||
        atomic_fetch_sub(&io_countdown, 1) != 1) {
        return false;
    }
    atomic_store(&io_met, true);
    return true;
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
