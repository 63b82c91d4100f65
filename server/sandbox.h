/* What is taken from the daemon once it no longer needs it, so that bytes that take it over can do
 * little: Linux's own seccomp and Landlock, no library.
 *
 * Files (Landlock, before threads exist): nothing can be written, made, removed or executed outside
 * the folder of the run store, and nothing be made or removed outside the folders of Unix sockets;
 * no TCP connection can be made, no process outside be signalled, where the kernel knows how
 * (ABI 4, 6). Reading stays: models, keys and certificates are read again.
 *
 * Calls (seccomp, when addresses are bound): a list of those that serving needs. Others that a
 * takeover is made of (exec, fork, ptrace, new sockets, mounts, executable memory, ...) kill the
 * process. The rest gets ENOSYS, which the C library knows how to go on without; strict: it kills
 * too.
 *
 * Builds under a sanitizer need calls of their own (threads that trace their parent, executable
 * maps) and go without. */
#ifndef RW_SERVER_SANDBOX_H
#define RW_SERVER_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/status.h"

enum rw_sandbox_mode {
    RW_SANDBOX_OFF,
    RW_SANDBOX_AUTO,   /* what this kernel has */
    RW_SANDBOX_STRICT, /* all of it, or no start */
};

/* auto, off, strict; false = another text. */
bool rw_sandbox_mode(const char *text, enum rw_sandbox_mode *out);
/* False in a build under a sanitizer. */
bool rw_sandbox_built(void);

struct rw_sandbox_paths {
    const char *store;          /* file of the run store; NULL = nothing is written */
    const char *const *sockets; /* [n_sockets] paths of Unix sockets */
    size_t n_sockets;
};

/* *abi: the kernel's Landlock, 0 = it has none. Binds this thread and those it makes later. */
rw_status rw_sandbox_files(enum rw_sandbox_mode mode, const struct rw_sandbox_paths *paths,
                           int *abi, struct rw_error *err);
/* Binds all threads of the process. `writes`: files may be opened for writing (a run store). False
 * in *entered: this kernel has no seccomp. */
rw_status rw_sandbox_calls(enum rw_sandbox_mode mode, bool writes, bool *entered,
                           struct rw_error *err);

#endif
