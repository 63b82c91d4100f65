/* The reply to POST /v1/rewards in its five forms: one JSON document, NDJSON events, server-sent
 * events, and a table for a person's terminal (whole or streamed).
 *
 * Writers append to an rw_buf and know nothing of sockets or of the engine: the server hands them
 * these views. Numbers are written as the shortest decimal that gives the same float32 back; a
 * value that is not finite cannot be written (asserted: the engine made it an error before). */
#ifndef RW_PROTO_REPLY_H
#define RW_PROTO_REPLY_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/status.h"
#include "core/base/str.h"

enum rw_reply_format {
    RW_REPLY_JSON,
    RW_REPLY_NDJSON,
    RW_REPLY_SSE,
    RW_REPLY_TEXT,
};

struct rw_reply_model {
    const char *name; /* NULL = no such model took part */
    const char *digest;
    const char *dtype;
};

/* Spans run over the submitted text: of a trace given as a list, over its steps joined without
 * anything between. Every submitted step has one, those that stop_below or drop_steps left without
 * a reward too: a span says where the step is, not that it was read. */
struct rw_reply_step {
    uint32_t index;
    bool scored;  /* else reward and raw are null and `error` says why */
    float reward; /* probability */
    float raw;
    rw_status error; /* when not scored: STOPPED, CONTEXT_EXCEEDED, DEADLINE, ... */
    uint32_t tokens;
    uint32_t byte_begin, byte_end;
    uint32_t char_begin, char_end;
    struct rw_str text; /* for the table only */
};

struct rw_reply_flag {
    const char *name;
    uint32_t version;
    rw_status error; /* RW_OK, or why there is no value: it is null then, and `message` says more */
    double value;
    double p; /* NaN = not calibrated, written as null */
    bool fired;
    uint64_t n_cal;
    const char *severity; /* "info", "warn", "alarm" */
    int64_t step;         /* -1 = the whole trace */
    bool has_span;
    uint32_t char_begin, char_end;
    const char *message;
};

/* Whether the final answer equals the reference. */
enum rw_reply_verified {
    RW_REPLY_VERIFIED_UNKNOWN, /* no reference, or no final answer that could be read */
    RW_REPLY_VERIFIED_WRONG,
    RW_REPLY_VERIFIED_RIGHT,
};

/* How it came about; all borrowed. */
struct rw_reply_verdict {
    enum rw_reply_verified verified;
    const char *rule;     /* NULL: nothing was asked */
    const char *message;  /* the rule in words */
    const char *evidence; /* what made the text an answer: "box", ... */
    struct rw_str answer;
    struct rw_str reference;
    int64_t step;   /* -1: no answer was read */
    uint32_t begin; /* its bytes in the step */
    uint32_t end;
};

/* What the gates that the client asked for made of the trace's reward. */
struct rw_reply_gated {
    bool scored;    /* else `error` says why */
    const char *of; /* "outcome" or "process": the reward that is gated */
    float reward;   /* behind the gates */
    bool has_ungated;
    float ungated;         /* as it stands in `of` */
    const char *const *by; /* names of the gates that closed */
    size_t n_by;
    struct rw_error error;
};

/* The process reward with a 0 from the first step on that states a false equation. */
struct rw_reply_checked {
    bool scored; /* else `error` says why */
    float reward;
    int64_t step; /* of the first false equation, -1 = none */
    uint32_t char_begin, char_end;
    struct rw_error error;
};

struct rw_reply_trace {
    uint32_t item;
    uint32_t trace;
    const struct rw_error *error; /* NULL = fine; else all rewards of the trace are null */
    bool has_process;             /* a process model was asked */
    bool process_scored;          /* every submitted step has a reward, or stop_below ended it */
    bool stopped;
    float process_reward;
    const char *aggregate;
    const struct rw_reply_checked *checked; /* NULL = not asked for */
    const struct rw_error *process_error;   /* why process_scored is false */
    bool has_outcome;
    bool outcome_scored;
    float outcome_reward;
    float outcome_raw;
    const struct rw_error *outcome_error;
    bool has_reference; /* outcome is written for `verified` even without an outcome model */
    struct rw_reply_verdict verdict;
    const char *label_request; /* id of the request, where a run watches; NULL = no label */
    int64_t label_step;        /* -1 = not given, as below */
    int64_t label_sample_index;
    const struct rw_reply_gated *gated; /* NULL = no gate was asked for */
    bool split;                         /* the trace was text: the steps' spans are the split */
    struct rw_str separator;            /* that cut it; empty: a list, or a text that is one step */
    bool truncated;                     /* steps were dropped by the client's policy */
    uint32_t system_dropped;            /* system turns that no model had a place for */
    uint32_t turns_folded;              /* turns that stand as text before a later one */
    const struct rw_reply_step *steps;
    size_t n_steps;
    const struct rw_reply_flag *flags;
    size_t n_flags;
};

struct rw_reply_usage {
    uint64_t prompt_tokens;
    uint64_t scored_tokens; /* tokens that entered a forward pass */
    uint64_t cached_tokens;
    uint64_t probe_tokens; /* of the scored ones: passes for cheap and deep flags */
    double flops;
    double cpu_ms;
    double queue_ms;
    double total_ms;
};

struct rw_reply_head {
    const char *id; /* request id */
    struct rw_reply_model process;
    struct rw_reply_model outcome;
    const char *kernel;
};

/* JSON and TEXT: begin, trace..., end. NDJSON and SSE: begin writes a "start" event, then steps,
 * traces and one "done". */
void rw_reply_begin(struct rw_buf *out, enum rw_reply_format format,
                    const struct rw_reply_head *head);
/* SSE only: the id of the event that is written next. */
void rw_reply_event_id(struct rw_buf *out, const char *id);
/* NDJSON and SSE only. K steps give K events: the
 * server also sends one for each step that got no reward, before the trace's own event, which
 * carries n_steps instead of the steps. */
void rw_reply_step_event(struct rw_buf *out, enum rw_reply_format format, uint32_t item,
                         uint32_t trace, const struct rw_reply_step *step);
void rw_reply_trace(struct rw_buf *out, enum rw_reply_format format,
                    const struct rw_reply_trace *trace, bool first);
void rw_reply_end(struct rw_buf *out, enum rw_reply_format format,
                  const struct rw_reply_usage *usage);
/* After the first streamed byte the status is spent: a failure of the whole stream is an error
 * event. */
void rw_reply_error_event(struct rw_buf *out, enum rw_reply_format format,
                          const struct rw_error *error, const char *request_id);
/* An SSE comment, to keep balancers from closing an idle stream. */
void rw_reply_heartbeat(struct rw_buf *out, enum rw_reply_format format);

const char *rw_reply_content_type(enum rw_reply_format format);
/* From Accept (may be empty) and the request's "stream"; NOT_ACCEPTABLE when nothing matches. */
rw_status rw_reply_negotiate(struct rw_str accept, bool stream, enum rw_reply_format *out,
                             struct rw_error *err);
/* /metrics as application/openmetrics-text: where it is named, and text/plain is not preferred. */
bool rw_reply_wants_openmetrics(struct rw_str accept);

#endif
