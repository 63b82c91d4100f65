/* Making every fallible call fail once. The allocator and the file calls of core/base are replaced
 * by ones that count, and that fail the n-th call. A body under test is run with n = 1, 2, 3, ...
 * until it no longer reaches the n-th call; after every run nothing may be left allocated. */
#ifndef RW_TESTS_FAULT_H
#define RW_TESTS_FAULT_H

#include "core/base/status.h"

enum rw_fault_kind {
    RW_FAULT_NONE,
    /* The body must return an error. */
    RW_FAULT_ALLOC,      /* the n-th allocation is refused */
    RW_FAULT_ALLOC_FROM, /* it and all behind it */
    RW_FAULT_OPEN,       /* the n-th open gives EMFILE */
    RW_FAULT_READ,       /* the n-th read gives EIO */
    RW_FAULT_READ_END,   /* the n-th read finds the end of the file */
    /* The body must succeed all the same. */
    RW_FAULT_READ_EINTR, /* the n-th read is interrupted */
    RW_FAULT_READ_ONE,   /* the n-th read gives one byte */
};

/* Creates, uses and destroys everything it needs. */
typedef rw_status (*rw_fault_body)(void *ctx, struct rw_error *err);

/* Runs the body without a fault, with each n, and without a fault again, and asserts on the way:
 * the clean runs succeed; a run that met its fault ends as the kind says, with an error record that
 * agrees; no run leaves an allocation or a file descriptor behind. Returns how many faults were
 * met, so that a test can tell that there were any. The calling thread may start others only
 * inside the body. */
long rw_fault_each(enum rw_fault_kind kind, rw_fault_body body, void *ctx);
/* The same with n = 1, 1 + stride, 1 + 2 stride, ...: for bodies with thousands of calls. */
long rw_fault_some(enum rw_fault_kind kind, long stride, rw_fault_body body, void *ctx);

/* The pieces, for tests that need their own loop. install: before threads exist. */
void rw_fault_install(void);
void rw_fault_uninstall(void);
void rw_fault_arm(enum rw_fault_kind kind, long nth); /* from 1; counts from now */
bool rw_fault_met(void);                              /* since arm */
long rw_fault_live_allocations(void);                 /* since install */

#endif
