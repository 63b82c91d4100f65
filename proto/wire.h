/* What the wires of trainers and peers share: one wire is a reader, a writer and a few habits.
 *
 * A wire turns a body into the same struct rw_request as /v1/rewards and writes rows of results in
 * its own shape. Each has a file of its own here (openrlhf, slime, pooling, ...), which knows that
 * wire and nothing of sockets or of the engine. To add one: such a file, its lines in meson.build
 * and wires.def, its path in openapi.json; its routes and metrics follow from the table.
 *
 * Clients of these wires can often be given an address and nothing else, so options come from the
 * query string, for every wire alike; an unknown name or value is refused, or a typing error would
 * look like success. Any thread; texts are borrowed from the body or live in the request's arena.
 */
#ifndef RW_PROTO_WIRE_H
#define RW_PROTO_WIRE_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/status.h"
#include "core/base/str.h"
#include "proto/reply.h"
#include "proto/request.h"

/* Which model's value a wire with room for one number gets. */
enum rw_wire_which {
    RW_WIRE_EITHER, /* the wire's own habit */
    RW_WIRE_PROCESS,
    RW_WIRE_OUTCOME,
};

/* ?model=&outcome_model=&aggregate=&flags=&overlong=&unscorable=&roles=&split=&separator=&which=
 * &bare=, and of a training run &run=&step=&sample_index=&rollout_n=&validate=&label=NAME=VALUE */
struct rw_wire_options {
    struct rw_str model; /* ptr NULL = the default; so below */
    struct rw_str outcome_model;
    struct rw_str aggregate;
    struct rw_request_run run;
    enum rw_flags_tier flags;
    bool flags_set;
    bool drop_steps; /* overlong=drop_steps */
    enum rw_request_roles roles;
    enum rw_request_split split;
    struct rw_str separators[RW_REQUEST_SEPARATORS_MAX];
    size_t n_separators;
    bool has_unscorable; /* the user named a number for traces that cannot be scored */
    double unscorable;
    enum rw_wire_which which;
    bool bare; /* the reply is one JSON number (slime) */
};

/* Reads the query string (without its "?"), percent-decoded into the arena. */
rw_status rw_wire_options_parse(struct rw_str query, struct rw_arena *arena,
                                struct rw_wire_options *out, struct rw_error *err);
/* What the options say of a request, after a wire has read its body. */
void rw_wire_options_apply(const struct rw_wire_options *options, struct rw_request *request);

struct rw_wire_input {
    char *body; /* rewritten in place */
    size_t len;
    struct rw_str path; /* without the query */
    const struct rw_limits *limits;
    struct rw_arena *arena;
    const struct rw_wire_options *options;
    struct rw_str response_marker; /* --response-marker; may be empty */
    /* The step marker of the process model of that name (ptr NULL: the default one); empty when it
     * has none or there is no such model. */
    struct rw_str (*step_marker)(void *ctx, struct rw_str model);
    void *ctx;
};

/* One trace, scored or not. Numbers of a model that took no part are not to be read. */
struct rw_wire_row {
    const struct rw_error *error; /* NULL: every model that took part has its rewards */
    bool has_process;
    bool has_outcome;
    float process; /* aggregate over the steps */
    float mean;    /* of the step rewards */
    float outcome; /* probability */
    float outcome_raw;
    int64_t first_bad_step; /* first step under one half; -1 = none */
    const struct rw_reply_step *steps;
    uint32_t n_steps;
    enum rw_reply_verified verified;
    float shortcut_p; /* of the flag `shortcut`; NaN = not calibrated */
    const struct rw_reply_flag *flags;
    uint32_t n_flags;
    uint32_t fired;
    uint32_t tokens; /* of prompt and trace */
};

struct rw_wire_reply {
    const struct rw_wire_row *rows;
    size_t n;
    bool has_process;
    bool has_outcome;
    const char *request_id;
    const char *process_name; /* of the models that took part; NULL = none */
    const char *outcome_name;
    uint64_t prompt_tokens;
    int64_t created; /* seconds since 1970 */
    const struct rw_wire_options *options;
    const void *state; /* what the reader left */
};

/* A row's one number: the process aggregate or the outcome's, as `which` says; EITHER takes the
 * process model's when one took part. `raw`: the outcome's unactivated score. */
float rw_wire_row_value(const struct rw_wire_row *row, enum rw_wire_which which, bool raw);

/* What a trace without a score does to its reply. */
enum rw_wire_lost {
    RW_WIRE_LOST_FAILS, /* the request fails, naming all of them: the client reads numbers only */
    RW_WIRE_LOST_LEFT_OUT, /* the others are answered (rerank) */
};

enum {
    RW_WIRE_PATHS_MAX = 4,
};

struct rw_wire {
    const char *path[RW_WIRE_PATHS_MAX]; /* of its routes; a segment may be {id} */
    /* Body to request. *state (in the arena) comes back with the reply; may stay NULL. */
    rw_status (*read)(const struct rw_wire_input *in, struct rw_request *out, void **state,
                      struct rw_error *err);
    void (*write)(const struct rw_wire_reply *reply, struct rw_buf *out);
    /* NULL: the error shape of /v1/rewards. */
    void (*write_error)(const struct rw_error *error, int http_status, const char *request_id,
                        struct rw_buf *out);
    enum rw_wire_lost lost;
    bool put;                 /* PUT is POST */
    bool takes_unscorable;    /* ?unscorable=NUMBER has a place in its reply */
    bool hold;                /* its clients wait for capacity: a refusal would end their run */
    bool one_model;           /* only the model of `which` takes part, where one is loaded */
    bool one_value;           /* the same, but for a run, whose monitor compares the two */
    bool reads_steps;         /* `steps` of the rows are read */
    bool flags;               /* flags and verified answers have a place in its reply */
    bool takes_bare;          /* ?bare=1 has a meaning */
    bool counts_steps;        /* its clients do: ?overlong=drop_steps would shift them */
    int wrong_kind;           /* HTTP status of a model of the other kind; 0: that of /v1/rewards */
    enum rw_wire_which which; /* what EITHER means here */
};

#define RW_WIRE(object) extern const struct rw_wire object;
#include "proto/wires.def"
#undef RW_WIRE
/* All of them, NULL-terminated (wires.c). */
extern const struct rw_wire *const RW_WIRES[];
/* The wire at that path; NULL = none. */
const struct rw_wire *rw_wire_at(struct rw_str path);

/* The request of a wire: no labels, no thresholds, nothing asked but the scores. */
void rw_wire_request_init(struct rw_request *out);
/* Parses a JSON body under the limits; *root lives in the arena. */
rw_status rw_wire_json(const struct rw_wire_input *in, cJSON **root, struct rw_error *err);
/* {"error":{"message","type","param","code":NUMBER,...}}, as vLLM and OpenAI clients read it; our
 * own fields stand beside theirs. */
void rw_wire_write_error_openai(const struct rw_error *error, int http_status,
                                const char *request_id, struct rw_buf *out);
/* The head `{"id":"PREFIX-ID"` of a reply, open. */
void rw_wire_write_id(const struct rw_wire_reply *reply, const char *prefix, struct rw_buf *out);
/* "usage":{"prompt_tokens","total_tokens"}. */
void rw_wire_write_usage(const struct rw_wire_reply *reply, struct rw_buf *out);
/* Of the model whose value the reply has. */
const char *rw_wire_model_name(const struct rw_wire_reply *reply);

rw_status rw_wire_no_memory(const struct rw_arena *arena, struct rw_error *err);

#endif
