/* Texts of the latest traces, so that the few that an alarm names, and a typical one of each
 * window, can be shown (--runs-keep-traces). A ring over all runs, bounded in traces and in bytes:
 * the oldest text goes first. What is worth keeping longer, runs.c puts into the store. The runs
 * thread's own. */
#ifndef RW_SERVER_RUNS_KEEP_H
#define RW_SERVER_RUNS_KEEP_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/str.h"
#include "core/run/run.h"

enum {
    RW_KEEP_TRACES_MAX = 16384,    /* in the ring */
    RW_KEEP_BYTES_MAX = 64 << 20,  /* of their texts */
    RW_KEEP_QUEUED_MAX = 16 << 20, /* bytes of texts that wait for the runs thread */
    RW_KEEP_PROMPT_MAX = 4 << 10,  /* bytes of a prompt; the rest is cut */
    RW_KEEP_TEXT_MAX = 16 << 10,   /* bytes of a trace; the rest is cut */
    RW_KEEP_STEPS_MAX = 256,       /* whose rewards are kept */
    RW_KEEP_PER_RUN_MAX = 256,     /* --runs-keep-traces */
};

struct rw_keep;

struct rw_keep_trace {
    uint64_t run; /* hash of its name */
    uint64_t at;  /* number of the trace in its run */
    double reward[RW_RUN_REWARDS];
    struct rw_run_label label;
    char *data; /* members of a JSON object */
    size_t len;
};

/* NULL = no memory. */
struct rw_keep *rw_keep_create(void);
void rw_keep_destroy(struct rw_keep *keep); /* NULL is fine */
/* Takes ownership of `trace->data`, from rw_alloc. */
void rw_keep_add(struct rw_keep *keep, const struct rw_keep_trace *trace);
/* NULL when its text is not there any more. Valid until the next add, like the next one. */
const struct rw_keep_trace *rw_keep_find(const struct rw_keep *keep, uint64_t run,
                                         const struct rw_run_label *label);
/* Of the traces behind number `from`, the one whose reward is nearest to `value`. */
const struct rw_keep_trace *rw_keep_nearest(const struct rw_keep *keep, uint64_t run, uint64_t from,
                                            enum rw_run_reward reward, double value);

#endif
