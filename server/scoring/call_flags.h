/* The flags of a call's traces: probes ride along as jobs of the call, and when everything a trace
 * needs has been scored its flags are computed, on a prepare thread when the text is large.
 *
 *   parts scored --> probes of the second wave --> all probes final --> computed --> complete
 *
 * Loop thread, but for rw_call_flags_prepare. Part of call.c's machinery; nothing else calls it. */
#ifndef RW_SERVER_SCORING_CALL_FLAGS_H
#define RW_SERVER_SCORING_CALL_FLAGS_H

#include "core/probe/flags.h"
#include "server/scoring/call.h"

/* One probe as a job. */
struct rw_call_probe {
    struct rw_job_owner owner; /* first member: tag of the job */
    struct rw_call_trace *trace;
    struct rw_probe *probe;
    struct rw_job *job;
    struct rw_job_view view;
    bool final;
};

/* Of a trace for which anything is asked; lives in the call's arena. */
struct rw_trace_flags {
    struct rw_probe_plan plan;
    struct rw_call_probe *probe; /* [plan.n] */
    size_t open;                 /* probes submitted and not final */
    bool second_wave;            /* has been started */
    size_t answers_next;         /* first probe of kind ANSWER that was not submitted */
    size_t answers_open;         /* of them, submitted and not final */
    bool computed;
    enum rw_verified verified;
    struct rw_signals *signals; /* kept for the run monitor: NULL without a run */
    struct rw_error error;      /* the flags as a whole could not be computed */
    struct rw_flag *flag;       /* what the reply shows; in the arena */
    size_t n;
    struct rw_flag_states states;
};

/* call_prepare.c: gates, bank and tier of the call; then the probes of each trace. Any thread. */
rw_status rw_call_flags_begin(struct rw_call *call, struct rw_error *err);
void rw_call_flags_prepare(struct rw_call_trace *trace, const struct rw_message *messages);

/* Probes that go out with the trace's own jobs. Writes at most plan.n specs; returns how many. */
size_t rw_call_flags_specs(struct rw_call_trace *trace, uint64_t deadline_ns,
                           struct rw_job_spec *specs, struct rw_job ***slots);
/* Every part of the trace is final: goes on to probes, flags and rw_call_trace_complete. */
void rw_call_flags_scored(struct rw_call_trace *trace);
void rw_call_flags_cancel(struct rw_call_trace *trace);
void rw_call_flags_release(struct rw_call_trace *trace);

/* The flags of a trace for its reply. `chars` of the steps come from the view's own steps. */
void rw_call_flags_view(const struct rw_call_trace *trace, struct rw_reply_trace *out);

#endif
