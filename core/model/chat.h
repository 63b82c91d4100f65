/* Chat templates without a template engine: families are recognised, and rendered as layouts.
 *
 * A family is a rewardd.json layout with its sections; what differs inside a family (the default
 * system text, a leading BOS) is read out of the folder's template. An unknown template is refused:
 * a wrong prompt gives wrong rewards without any sign of it. */
#ifndef RW_MODEL_CHAT_H
#define RW_MODEL_CHAT_H

#include "core/base/arena.h"
#include "core/base/status.h"
#include "core/base/str.h"
#include "core/io/json.h"

/* What tokenizer_config.json (or chat_template.jinja) says. */
struct rw_chat {
    struct rw_str template_text; /* empty = none */
    struct rw_str bos_token;     /* empty = none */
    struct rw_str eos_token;
    const char *missing; /* why there is no template where a folder should have one; NULL = none */
};

struct rw_chat_family {
    const char *name;   /* "chatml" */
    const char *layout; /* JSON object of sections */
    bool has_system_default;
    struct rw_str system_default;
    bool bos; /* the template begins with bos_token */
};

/* By name, or from the template when name is "auto". MODEL_UNSUPPORTED when unknown. */
rw_status rw_chat_resolve(const struct rw_chat *chat, struct rw_str name, struct rw_arena *arena,
                          struct rw_chat_family *out, struct rw_error *err);

#endif
