/* One trace, made ready for a model: token ids, and the position at which each step's reward is
 * read.
 *
 * Building is pure and thread-safe: it runs off the event loop, on the model's immutable package.
 */
#ifndef RW_MODEL_INPUT_H
#define RW_MODEL_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/status.h"
#include "core/base/str.h"
#include "core/model/split.h"

enum rw_role {
    RW_ROLE_SYSTEM,
    RW_ROLE_USER,
    RW_ROLE_ASSISTANT
};

struct rw_json; /* core/io/json.h */

struct rw_message {
    enum rw_role role;
    struct rw_str content;       /* of a list of parts: the texts of its text parts, joined */
    const struct rw_json *whole; /* the message as it was sent, where it is more than a role of the
                                    three and a text; NULL otherwise. Only templates read it */
};

enum rw_overlong {
    RW_OVERLONG_ERROR,      /* the default: nothing is truncated silently */
    RW_OVERLONG_DROP_STEPS, /* score the longest prefix of whole steps that fits; the others are
                               null with CONTEXT_EXCEEDED */
};

/* What becomes of turns that the model has no place for (core/model/places.h): a system text,
 * earlier turns. */
enum rw_roles {
    RW_ROLES_ERROR, /* as sent, or an error */
    /* As these models' own references do, which send a question only: a system text without a place
     * is left out, and so is one that would replace the recipe's own; earlier turns stand before
     * the question as text. */
    RW_ROLES_AUTO,
    /* The policy's system text takes the recipe's place, or stands before the question as text. */
    RW_ROLES_POLICY,
};

/* For people who want to see it: the text that was tokenised, and a uint32 per token with the
 * offset in it behind that token. A token that the recipe names by its id adds no text. */
struct rw_input_view {
    struct rw_buf text;
    struct rw_buf ends;
    struct rw_buf
        pieces; /* what the tokens stand for in the vocabulary, and where each ends: where */
    struct rw_buf piece_ends; /* one adds no text, or part of a character, this shows what it is */
};

/* What the client sent for one trace; all text is valid UTF-8 and borrowed for the call. */
struct rw_trace_source {
    const struct rw_message *messages; /* conversation before the trace; a bare prompt is one user
                                          message */
    size_t n_messages;
    const struct rw_json *tools; /* a list, as chat templates take it; NULL = none */
    bool is_text; /* `text` is to be split by the model's rule, else `steps` is used */
    struct rw_str text;
    struct rw_split_rule split;
    bool ended; /* the policy's end token stood directly behind `text` */
    const struct rw_str *steps;
    size_t n_steps;
    bool no_question;   /* an empty prompt is meant: the model is asked what it says without one */
    bool parse_special; /* compat: special tokens inside content are parsed as the reference does */
    enum rw_overlong overlong;
    enum rw_roles roles;
    size_t steps_max;           /* limits of the service */
    size_t tokens_max;          /* never over the model's context */
    struct rw_input_view *view; /* NULL, or filled too */
};

struct rw_input_step {
    uint32_t position;   /* token index at which the reward is read */
    uint32_t tokens;     /* tokens of the step, its marker included */
    uint32_t byte_begin; /* span in the submitted text, or in the concatenation of the steps */
    uint32_t byte_end;
    uint32_t char_begin; /* the same in code points */
    uint32_t char_end;
};

struct rw_input {
    int32_t *ids;
    uint32_t n_tokens;
    uint32_t prompt_tokens; /* tokens before the first token of the first step */
    struct rw_input_step *steps;
    uint32_t n_steps;        /* submitted */
    uint32_t n_scored_steps; /* have a position; fewer than n_steps only when steps were dropped */
    /* Outcome models: the one position the reward is read at. Process models do not use it. */
    uint32_t outcome_position;
    /* Not 0: nothing above is read. Tokens [answer_begin, n_tokens) are an answer, and the language
     * head gives the log-probability of each (core/model/suffix.h). */
    uint32_t answer_begin;
    size_t special_token_texts; /* special tokens typed inside content (reported, plain text) */
    struct rw_str
        split;      /* separator that cut `text` into steps; empty when it is one step or a list */
    bool truncated; /* steps were dropped by the client's own policy */
    uint32_t system_dropped; /* system turns left out, see enum rw_roles */
    uint32_t turns_folded;   /* turns that stand as text before a later one */
};

struct rw_package;

/* What `whole` of a message and `tools` are made of: JSON as text. INVALID_JSON, NO_MEMORY. */
rw_status rw_input_json(struct rw_str text, struct rw_arena *arena, const struct rw_json **out);

/* All arrays live in the arena. Errors: EMPTY_TRACE, STEP_MISMATCH, CONTEXT_EXCEEDED,
 * LIMIT_EXCEEDED, INVALID_REQUEST (roles the layout cannot place), NO_MEMORY. */
rw_status rw_input_build(const struct rw_package *package, const struct rw_trace_source *source,
                         struct rw_arena *arena, struct rw_input *out, struct rw_error *err);

#endif
