/* The life of one scoring request, whatever dialect it came in: parse, build inputs, be admitted,
 * run one job per trace and model, and be read by a dialect's writer.
 *
 *      PREPARE --> WAIT --> RUN --> (destroyed when the reply is over and no job is left)
 *         |          |       |
 *         '----------'-------'--> ABANDONED: the client is gone; jobs are cancelled, and the call
 *                                 goes when the last of them has ended.
 *
 * PREPARE runs on the loop for small bodies and on a prepare thread for large ones; everything else
 * is on the loop. The call owns the body, the arena and the jobs. */
#ifndef RW_SERVER_SCORING_CALL_H
#define RW_SERVER_SCORING_CALL_H

#include "core/rw_engine.h"
#include "proto/reply.h"
#include "proto/request.h"
#include "server/scoring/gate.h"
#include "server/service.h"

enum rw_call_phase {
    RW_CALL_PREPARE,
    RW_CALL_WAIT,
    RW_CALL_RUN,
    RW_CALL_ABANDONED,
};

enum {
    RW_CALL_OTHERS_MAX = 3,
};

struct rw_call;
struct rw_call_trace;
struct rw_trace_flags;

/* What tells dialects apart. */
struct rw_dialect {
    /* Body to request; may run on a prepare thread, may keep things in call->dialect_data. */
    rw_status (*parse)(struct rw_call *call, struct rw_error *err);
    /* All jobs are submitted. Streams begin here. */
    void (*begun)(struct rw_call *call);
    /* A trace got a step or its end; called once per poll, with call->fresh set. */
    void (*progress)(struct rw_call *call);
    /* The request as a whole failed. */
    void (*fail)(struct rw_call *call, const struct rw_error *err);
    bool hold;  /* wait for capacity instead of 429 */
    bool flags; /* its replies have room for flags, verified answers and gates */
};

/* One trace on one model. */
struct rw_call_part {
    struct rw_job_owner owner; /* tag of the job */
    struct rw_call_trace *trace;
    bool asked;
    bool final;
    struct rw_input input;
    struct rw_job *job;
    struct rw_job_view view;
    const struct rw_error *error; /* NULL = fine so far */
};

enum {
    RW_PART_PROCESS,
    RW_PART_OUTCOME,
    RW_PARTS,
};

struct rw_call_trace {
    struct rw_call *call;
    uint32_t item;
    uint32_t index;
    const struct rw_request_item *request_item;
    const struct rw_request_trace *request;
    struct rw_call_part part[RW_PARTS];
    struct rw_str question;       /* the user's messages, for the flags */
    struct rw_trace_flags *flags; /* NULL = nothing asked; server/scoring/call_flags.h */
    bool flags_lost;              /* no memory for them */
    uint32_t steps_written;
    bool complete; /* every part asked for is final, and so are its flags */
    bool fresh;    /* in the call's list of traces with news */
    struct rw_call_trace *next_fresh;
};

struct rw_call {
    struct rw_task task; /* first member: prepare */
    struct rw_service *service;
    struct rw_exchange *ex; /* NULL once replied to or abandoned */
    const struct rw_dialect *dialect;
    enum rw_call_phase phase;
    struct rw_buf body;
    struct rw_arena arena;
    struct rw_request request;
    rw_status prepared;
    struct rw_error error;
    uint64_t prepare_ns;
    uint64_t start_ns;
    uint64_t client; /* who asks; with the run, the engine's unit of fairness */
    char id[RW_REQUEST_ID_MAX];
    struct rw_str accept;                   /* header of the request, in the arena */
    const struct rw_model *model[RW_PARTS]; /* NULL = not asked */
    enum rw_aggregate aggregate;
    enum rw_flag_tier tier;
    bool flags_off;
    struct rw_gates gates;
    const struct rw_bank *bank; /* NULL = uncalibrated */
    bool other_outcome;         /* the bank was made beside another outcome model */
    const struct rw_model *others[RW_CALL_OTHERS_MAX]; /* more process models, for deep flags */
    size_t n_others;
    struct rw_call_trace *traces;
    size_t n_traces;
    size_t n_complete;
    struct rw_call_trace *fresh; /* traces with news, first to last */
    struct rw_call_trace **fresh_end;
    uint64_t tokens; /* admitted */
    size_t jobs_open;
    struct rw_waiter waiter;
    struct rw_call *next_dirty;
    bool dirty;
    uint64_t wait_until_ns;
    struct rw_call *next_waiting; /* calls in WAIT, for the tick */
    struct rw_reply_usage usage;
    uint64_t queue_ns_max;
    struct rw_reply_step *steps; /* scratch of the writers */
    size_t steps_max;
    void *dialect_data;
};

/* Takes the body of the exchange. Everything after this happens through the dialect. */
void rw_call_start(struct rw_service *service, struct rw_exchange *ex,
                   const struct rw_dialect *dialect);
/* The dialect has sent its last byte, or handed it over: the call ends. */
void rw_call_end(struct rw_call *call);
static inline bool rw_call_complete(const struct rw_call *call)
{
    return call->n_complete == call->n_traces;
}
/* Next trace with news, taken off the list; NULL = none. */
struct rw_call_trace *rw_call_take_fresh(struct rw_call *call);

/* call.c, for server/scoring/call_flags.c: */
void rw_call_account(struct rw_call *call, const struct rw_job_cost *cost);
/* Everything a trace needs is there: it is news, and the call may be over. */
void rw_call_trace_complete(struct rw_call_trace *trace);
void rw_call_mark_dirty(struct rw_call *call);
uint64_t rw_call_deadline(const struct rw_call *call); /* engine's clock; 0 = none */
uint64_t rw_call_client(const struct rw_call *call);   /* of its jobs: who asks, and the run */
/* Step-boundary features of a part that is final; NULL = none. */
static inline const float *rw_call_features(const struct rw_call_part *part)
{
    return part->job != NULL ? rw_job_features(part->job) : NULL;
}

/* call_view.c: the reply's view of a trace; arrays stay valid until the next call of it. */
void rw_call_view_step(const struct rw_call_trace *trace, uint32_t index,
                       struct rw_reply_step *out);
void rw_call_view_trace(struct rw_call_trace *trace, struct rw_reply_trace *out);
void rw_call_view_head(const struct rw_call *call, struct rw_reply_head *out);
void rw_call_view_usage(struct rw_call *call, struct rw_reply_usage *out);
/* The header line, for replies whose costs are known when the head is written. */
void rw_call_server_timing(struct rw_call *call, char *out, size_t size);
/* Steps that have a reward now. */
uint32_t rw_call_steps_ready(const struct rw_call_trace *trace);

/* call_prepare.c: any thread. */
rw_status rw_call_prepare(struct rw_call *call, struct rw_error *err);

#endif
