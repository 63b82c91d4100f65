/* Where a cut stream of events goes on. The `id` of every server-sent event says what was sent up
 * to there, and a request with that id as Last-Event-ID gets the rest (HTML standard, 9.2.3); the
 * bits are the same, because a score depends on nothing but the request and the model.
 *
 *      id: TAG.BASE[.N]...    TAG of the request and of what scores it; traces before BASE are
 * told; of BASE, BASE + 1, ...: N steps are told, `x`: told to the end
 *
 * So that an id stays short, events come from RW_RESUME_WINDOW traces at a time: the first that are
 * not told to the end. What is behind them waits. Plain numbers, no call and no socket. */
#ifndef RW_SERVER_SCORING_RESUME_H
#define RW_SERVER_SCORING_RESUME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"
#include "core/base/str.h"

enum {
    RW_RESUME_WINDOW = 64,                         /* traces */
    RW_RESUME_ID_MAX = 40 + 11 * RW_RESUME_WINDOW, /* bytes, NUL included */
};

struct rw_resume {
    uint64_t tag;
    size_t traces;                    /* of the request */
    size_t base;                      /* those before it are told */
    uint32_t steps[RW_RESUME_WINDOW]; /* told of base + i */
    bool told[RW_RESUME_WINDOW];      /* base + i to the end; never true of i = 0 */
};

/* Nothing is told yet. */
void rw_resume_init(struct rw_resume *r, uint64_t tag, size_t traces);
/* INVALID_REQUEST, with Last-Event-ID as param, when the id is none of ours, or another request's,
 * or says what cannot be. The numbers of steps are as the client sends them: at most the caller's
 * business. `r` was initialised, and is not changed by a failure. */
rw_status rw_resume_read(struct rw_resume *r, struct rw_str id, struct rw_error *err);
void rw_resume_write(const struct rw_resume *r, char out[RW_RESUME_ID_MAX]);

/* Traces whose events may be sent are from `base` up to here; among them not those that are told.
 */
size_t rw_resume_end(const struct rw_resume *r);
bool rw_resume_is_told(const struct rw_resume *r, size_t trace);
/* One more step, or the end, of a trace in the window was written. */
void rw_resume_tell_step(struct rw_resume *r, size_t trace);
void rw_resume_tell_trace(struct rw_resume *r, size_t trace);

#endif
