/* System calls of one thread of this process that fail once: those on sockets, and the looks at the
 * files of keys. Calls of other threads and on other files pass through. libuv and the server find
 * the functions of this program first. */
#ifndef RW_FAULT_SOCKET_CALLS_H
#define RW_FAULT_SOCKET_CALLS_H

#include <pthread.h>
#include <stdbool.h>

enum io_fault {
    IO_NONE,
    IO_READ_INTERRUPTED,
    IO_READ_ONE_BYTE,
    IO_READ_AGAIN,
    IO_READ_RESET,
    IO_READ_END,
    IO_WRITE_INTERRUPTED,
    IO_WRITE_ONE_BYTE,
    IO_WRITE_AGAIN,
    IO_WRITE_BROKEN,
    IO_ACCEPT_ABORTED,
    IO_ACCEPT_NO_FILES,
    IO_WAIT_INTERRUPTED, /* epoll_wait */
    IO_SHUTDOWN_LOST,    /* the peer has gone */
    IO_OPTION_REFUSED,   /* setsockopt */
    IO_PEER_UNKNOWN,     /* getpeername */
    IO_STAT_REFUSED,
    IO_FOLDER_NO_FILES, /* opendir */
    IO_FOLDER_BROKEN,   /* readdir */
    IO_FAULTS,
};

void io_fault_begin(pthread_t thread);
void io_fault_end(void);
/* The nth call of that kind, from 1, fails; IO_NONE: none does. */
void io_fault_arm(enum io_fault kind, long nth);
/* Since it was armed last. */
bool io_fault_met(void);

#endif
