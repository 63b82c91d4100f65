/* A scoring request as one plain struct, whatever wire it came on. Filled by request_parse.c for
 * the native wire and by the codecs of the dialects; read by the server. All memory is the
 * request's arena; strings live as long as it does. No sockets, no models. */
#ifndef RW_PROTO_REQUEST_H
#define RW_PROTO_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/status.h"
#include "core/base/str.h"
#include "proto/limits.h"
#include "proto/verify_options.h"

enum rw_request_role {
    RW_REQUEST_SYSTEM,
    RW_REQUEST_USER,
    RW_REQUEST_ASSISTANT
};

struct rw_request_message {
    enum rw_request_role role;
    struct rw_str content;
    struct rw_str
        whole; /* JSON of the message where it is more than a role of the three and a text:
                            chat templates read it; ptr NULL otherwise */
};

/* Input as the model itself reads it, in place of messages and steps. */
enum rw_request_raw {
    RW_RAW_NONE,
    RW_RAW_IDS,
    RW_RAW_TEXT, /* special tokens in it are meant */
};

struct rw_request_trace {
    enum rw_request_raw raw;
    const int32_t *ids; /* [n_ids], of RW_RAW_IDS */
    size_t n_ids;
    bool add_special; /* RW_RAW_TEXT: what the tokenizer puts around a text, never twice */
    bool every_token; /* a process model is read at every token, not at its markers */
    bool is_text;     /* else steps */
    bool ended;       /* the text had the policy's end token behind it, which was taken off */
    struct rw_str text;
    struct rw_str *steps;
    size_t n_steps;
    size_t hidden_texts;     /* U+0000 and lone surrogates replaced inside this trace */
    struct rw_str reference; /* its own reference answer, else the item's; ptr NULL = none */
    /* Set when this trace alone is unusable (an empty step list, a text over its limit): the others
     * of the batch go on. */
    struct rw_error error;
};

struct rw_request_item {
    struct rw_str tools;                 /* JSON of a list, for chat templates; ptr NULL = none */
    struct rw_request_message *messages; /* a bare prompt is one user message */
    size_t n_messages;
    struct rw_request_trace *traces;
    size_t n_traces;
    struct rw_str reference; /* reference answer; ptr NULL when absent */
    struct rw_str domain;    /* calibration domain, else the request's; ptr NULL when absent */
    bool has_sample_index;   /* else the request's */
    int64_t sample_index;
};

enum rw_flags_tier {
    RW_FLAGS_OFF,
    RW_FLAGS_FREE,
    RW_FLAGS_CHEAP,
    RW_FLAGS_DEEP
};
enum rw_prompt_gap_form {
    RW_PROMPT_GAP_START, /* first two steps: 0.2 to 0.4 of a pass */
    RW_PROMPT_GAP_FULL,
};
enum {
    RW_GATES_MAX = 32,        /* of a request */
    RW_DOMAIN_BYTES_MAX = 64, /* of a domain tag */
};
/* A wire with room for one value: the other kind of model takes no part where this one is loaded.
 */
enum rw_request_only {
    RW_REQUEST_ONLY_NONE,
    RW_REQUEST_ONLY_PROCESS,
    RW_REQUEST_ONLY_OUTCOME,
};

/* What becomes of turns the model has no place for. What happened is in the reply. */
enum rw_request_roles {
    /* As the references of these models do, which take a question only: the model's own system text
     * stays, another one without a place is left out, earlier turns stand before the question as
     * text. */
    RW_REQUEST_ROLES_AUTO,
    RW_REQUEST_ROLES_POLICY, /* the policy's system text goes into the prompt, as text if need be */
    RW_REQUEST_ROLES_ERROR,  /* as sent: a turn without a place is an error */
};

/* How a trace that is one text becomes steps. */
enum rw_request_split {
    RW_REQUEST_SPLIT_MODEL, /* by the model's own rule */
    RW_REQUEST_SPLIT_PARAGRAPH,
    RW_REQUEST_SPLIT_LINE,
    RW_REQUEST_SPLIT_SENTENCE,
    RW_REQUEST_SPLIT_NONE,
    RW_REQUEST_SPLIT_LIST, /* at `separators` */
};

enum {
    RW_REQUEST_ROLES_COUNT = 3,
    RW_REQUEST_SPLIT_WORDS = 5, /* all but LIST */
    RW_REQUEST_SEPARATORS_MAX = 8,
    RW_REQUEST_SEPARATOR_BYTES_MAX = 64,
};
extern const char *const RW_REQUEST_ROLES[RW_REQUEST_ROLES_COUNT]; /* their names */
extern const char *const RW_REQUEST_SPLIT[RW_REQUEST_SPLIT_WORDS];

enum rw_overlong_policy {
    RW_REQUEST_OVERLONG_ERROR,
    RW_REQUEST_OVERLONG_DROP_STEPS
};

enum {
    RW_REQUEST_RUN_ID_MAX = 128, /* bytes */
    RW_REQUEST_LABELS_MAX = 8,   /* of a run */
    RW_REQUEST_LABEL_NAME_MAX = 32,
    RW_REQUEST_LABEL_VALUE_MAX = 128,
    RW_REQUEST_LABELS_BYTES = 1024, /* of all of them as JSON, NUL included */
    RW_REQUEST_KIND_MAX = 24,       /* bytes of a kind of validation traces, NUL included */
};

/* Labels of a training run; see verl's and TRL's own names. */
struct rw_request_run {
    struct rw_str id; /* ptr NULL when absent */
    int64_t step;     /* -1 = absent */
    int64_t sample_index;
    int64_t rollout_n; /* traces of this prompt in this step */
    bool validate;
    size_t n_labels;
    char kind[RW_REQUEST_KIND_MAX]; /* of validation traces, NUL-terminated; "" = plain */
    size_t labels_len;
    char labels[RW_REQUEST_LABELS_BYTES]; /* a JSON object, as short as can be; empty = absent */
};

struct rw_request {
    struct rw_request_item *items;
    size_t n_items;
    size_t n_traces;             /* over all items */
    struct rw_str model;         /* ptr NULL = the default process model */
    struct rw_str outcome_model; /* ptr NULL = the default outcome model, if any is loaded */
    struct rw_str any_model;     /* of either kind: it alone takes part; ptr NULL when absent */
    enum rw_request_only only;
    bool no_process;         /* "model": null */
    bool no_outcome;         /* "outcome_model": null */
    struct rw_str aggregate; /* ptr NULL = the model's default; else min|product|mean|last */
    enum rw_flags_tier flags;
    bool flags_set;
    bool flags_all; /* also those that did not fire */
    enum rw_prompt_gap_form prompt_gap;
    /* Names of gates, "min_process" or a flag's; which names exist is for the server to say. */
    struct rw_str gates[RW_GATES_MAX];
    size_t n_gates;
    struct rw_str domain;            /* of all items without their own; ptr NULL when absent */
    struct rw_verify_options verify; /* how outcome.verified compares answers */
    enum rw_overlong_policy overlong;
    enum rw_request_roles roles;
    enum rw_request_split split;
    struct rw_str separators[RW_REQUEST_SEPARATORS_MAX]; /* of RW_REQUEST_SPLIT_LIST */
    size_t n_separators;
    bool checked;              /* the process reward with exact arithmetic, beside the plain one */
    bool allow_special_tokens; /* compat switch: parse special tokens in content */
    double stop_below;         /* NaN = none; in [0, 1] */
    double deadline_ms;        /* NaN = none; > 0 */
    bool stream;
    struct rw_request_run run;
};

#endif
