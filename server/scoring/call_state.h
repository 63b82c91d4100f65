/* The struct of a scoring request and everything that changes it by itself: phases, tokens held,
 * what is still out, which traces have news, what it cost. Private to server/scoring/call*.c and
 * observe.c; others see server/scoring/call.h.
 *
 *      PREPARE --> WAIT --> RUN --> ENDING --> (freed when nothing is out any more)
 *         |  |       |      ^ |        ^
 *         |  '-------|------' |        |
 *         '----------'--------'--------'   the reply is over, or nobody reads it
 *
 * PREPARE  its body is parsed and tokenised: on the loop when it is tiny, else on a prepare thread
 * WAIT     its tokens do not fit now, and its dialect waits for room
 * RUN      its tokens are taken; jobs, probes and flags are out
 * ENDING   `ex` is gone; what is out is cancelled, in slices, and so is the memory given back
 *
 * `tokens_held` says whether tokens of admission are held, whatever the phase. Everything that may
 * still write here, jobs in the engine and tasks on threads, is counted in `out`. */
#ifndef RW_SERVER_SCORING_CALL_STATE_H
#define RW_SERVER_SCORING_CALL_STATE_H

#include "core/rw_engine.h"
#include "proto/reply.h"
#include "proto/request.h"
#include "server/http/exchange.h"
#include "server/scoring/gate.h"
#include "server/scoring/scoring.h"
#include "server/scoring/trace_flags.h"

struct rw_dialect;

enum rw_call_phase {
    RW_CALL_PREPARE,
    RW_CALL_WAIT,
    RW_CALL_RUN,
    RW_CALL_ENDING,
};

enum {
    RW_PART_PROCESS,
    RW_PART_OUTCOME,
    RW_PARTS,
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

/* What the run monitor wants of a trace's text; made on a prepare thread. */
struct rw_call_text {
    bool known;
    uint64_t prompt; /* hash */
    uint64_t hash;   /* of the steps */
    double steps;
    double bytes;
    double surface[RW_SURFACE_DIM];
    double prompt_x[RW_PROMPT_DIM];
    uint64_t answer; /* hash of the final answer; 0 = none */
};

struct rw_call_trace {
    struct rw_call *call;
    uint32_t item;
    uint32_t index;
    const struct rw_request_item *request_item;
    const struct rw_json *tools; /* of the item, in the core's words; NULL = none */
    const struct rw_request_trace *request;
    struct rw_call_part part[RW_PARTS];
    struct rw_str question;       /* the user's messages, for the flags */
    struct rw_trace_flags *flags; /* NULL = nothing asked */
    bool flags_lost;              /* no memory for them */
    struct rw_call_text *text;    /* NULL = no run, or no memory */
    uint32_t steps_told;          /* of a stream */
    bool complete;                /* every part asked for is final, and so are its flags */
    bool fresh;                   /* in the call's list of traces with news */
    struct rw_call_trace *next_fresh;
};

struct rw_call {
    struct rw_task task; /* parsing; at the end, giving memory back */
    struct rw_turn turn; /* telling the dialect; at the end, letting go */
    struct rw_lane lane; /* of the prepare threads */
    struct rw_scoring *scoring;
    struct rw_exchange *ex; /* NULL in ENDING */
    const struct rw_dialect *dialect;
    enum rw_call_phase phase;
    bool begun; /* the dialect was told that it runs */
    size_t out; /* jobs and tasks that may still write here */
    /* A thread has the request and how it is scored (all below but ex's affairs, the tokens held
     * and flags.gone): the loop does not even look, not when the client leaves meanwhile. */
    bool preparing;
    /* the request */
    struct rw_buf body;
    struct rw_arena arena;
    struct rw_request request;
    struct rw_str accept; /* headers of the request, in the arena */
    struct rw_str last_event_id;
    struct rw_str target; /* path and query, likewise */
    char id[RW_REQUEST_ID_MAX];
    uint64_t client; /* who asks; with the run, the engine's unit of fairness */
    uint64_t start_ns;
    rw_status prepared;
    struct rw_error error;
    uint64_t prepare_ns;
    /* how it is scored */
    const struct rw_model *model[RW_PARTS]; /* NULL = not asked */
    enum rw_aggregate aggregate;
    struct rw_gates gates;
    struct rw_flags_host flags;
    struct rw_call_trace *traces;
    size_t n_traces;
    size_t n_complete;
    size_t n_failed;             /* complete without all rewards */
    struct rw_call_trace *fresh; /* traces with news, first to last */
    struct rw_call_trace **fresh_end;
    /* admission */
    uint64_t tokens;      /* of all its jobs */
    uint64_t tokens_held; /* taken from admission and not given back; 0 = none */
    struct rw_waiter waiter;
    uint64_t wait_until_ns;
    /* the reply */
    struct rw_reply_usage usage;
    uint64_t queue_ns_max;
    struct rw_reply_step *steps; /* scratch of the writers */
    size_t steps_max;
    void *kept; /* the dialect's */
    /* Of the traces, how many are done with: */
    size_t submitted; /* RUN, before `begun` */
    size_t let_go;    /* ENDING: cancelled */
    size_t freed;     /* ENDING: released */
};

/* In PREPARE, in the account of the service. The rest of it is zero. NULL = no memory. */
struct rw_call *rw_call_create(struct rw_scoring *scoring);
void rw_call_enter(struct rw_call *call, enum rw_call_phase next);

/* One more job or task is out, n of them are back. */
void rw_call_sent(struct rw_call *call, size_t n);
void rw_call_back(struct rw_call *call);

/* Tokens of admission: taken for the whole call by whoever let it in, given back piece by piece as
 * jobs end, and the rest at the end. */
void rw_call_hold_tokens(struct rw_call *call);
void rw_call_give_tokens(struct rw_call *call, uint64_t tokens);

/* Jobs cost this, for the reply and the metrics. */
void rw_call_account(struct rw_call *call, const struct rw_job_cost *cost);
/* The trace has something new to say, and the call's turn comes. */
void rw_call_mark_fresh(struct rw_call_trace *trace);
/* Nothing about the trace changes any more: counts it, and it is news. */
void rw_call_end_trace(struct rw_call_trace *trace);

uint64_t rw_call_deadline(const struct rw_call *call); /* engine's clock; 0 = none */
uint64_t rw_call_client(const struct rw_call *call);   /* of its jobs: who asks, and the run */
/* How texts are cut; borrows the request's separators. */
struct rw_split_rule rw_call_split(const struct rw_call *call);
enum rw_roles rw_call_roles(const struct rw_call *call); /* asked for, in the core's words */
struct rw_engine *rw_call_engine(const struct rw_call *call);

/* Of the item, else of the request; -1 = not given. */
int64_t rw_call_sample_index(const struct rw_call_trace *trace);
/* Steps that have a reward now. */
uint32_t rw_call_steps_ready(const struct rw_call_trace *trace);
static inline bool rw_call_part_runs(const struct rw_call_part *part)
{
    return part->asked && part->error == NULL;
}
/* Why a part has no scores; RW_OK when it has, or will have. */
rw_status rw_call_part_status(const struct rw_call_part *part);
/* The input that knows where the steps are: of the process model, else of the outcome model when it
 * cut the text too; NULL = none. */
const struct rw_input *rw_call_stepped_input(const struct rw_call_trace *trace);
/* The trace's steps as text; a text that no model cut is one step. NULL = no memory. */
const struct rw_str *rw_call_step_texts(const struct rw_call_trace *trace, struct rw_arena *arena,
                                        size_t *n);

#endif
