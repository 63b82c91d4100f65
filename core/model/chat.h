/* Chat templates: the folder's own, and families by name.
 *
 * "auto" is the folder's template, evaluated (core/text/jinja.h). A family is a rewardd.json layout
 * with its sections, for recipes whose authors wrote their own text; what differs inside a family
 * (the default system text, a leading BOS) is seen in what the folder's template renders. */
#ifndef RW_MODEL_CHAT_H
#define RW_MODEL_CHAT_H

#include <time.h>

#include "core/base/arena.h"
#include "core/base/status.h"
#include "core/base/str.h"
#include "core/io/json.h"
#include "core/model/layout.h"

/* What the folder says: chat_files.h reads it. */
struct rw_chat {
    struct rw_str template_text;      /* empty = none */
    struct rw_str tool_template_text; /* where tools are given; empty = the same */
    struct rw_str bos_token;          /* empty = none */
    struct rw_str eos_token;
    struct rw_special special[RW_SPECIALS_MAX]; /* those that are set */
    size_t n_special;
    const char *missing; /* why there is no template where a folder should have one; NULL = none */
    struct tm now;       /* what strftime_now formats */
};

/* 26 July 2024: what a template is told where nobody says another date. */
extern const struct tm RW_CHAT_DATE;

struct rw_chat_family {
    const char *name;   /* "chatml" */
    const char *layout; /* JSON object of sections */
    bool has_system_default;
    struct rw_str system_default;
    bool bos;       /* the template begins with bos_token */
    bool uses_date; /* the template asked for the date, and these sections hold it */
};

/* The folder's template and its special tokens, into the layout. MODEL_UNSUPPORTED with the line of
 * what the interpreter does not understand. */
rw_status rw_chat_evaluate(const struct rw_chat *chat, struct rw_arena *arena,
                           struct rw_layout *layout, struct rw_error *err);
/* Whether what the folder's template renders begins with its BOS token. */
bool rw_chat_begins_with_bos(const struct rw_chat *chat, struct rw_arena *arena);
/* By name; "llama3-auto" is the one of its two families that renders as the folder's template does.
 * MODEL_UNSUPPORTED when neither does. */
rw_status rw_chat_resolve(const struct rw_chat *chat, struct rw_str name, struct rw_arena *arena,
                          struct rw_chat_family *out, struct rw_error *err);

#endif
