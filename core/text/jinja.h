/* Chat templates, evaluated: the part of Jinja that chat templates are written in.
 *
 * A template is parsed once, when its model is loaded, and rendered for every input; rendering is
 * pure and may happen on any thread. What comes out equals what transformers renders
 * (ImmutableSandboxedEnvironment with trim_blocks, lstrip_blocks, loopcontrols and its own tojson,
 * raise_exception, strftime_now and generation tags).
 *
 * What is understood is listed in core/text/template.h; anything else is refused when the template
 * is parsed, with its line. What only a value shows (a sum of text and number, upper case beyond
 * ASCII, a printed function) refuses the input.
 *
 * Where text comes from. Every byte of a text carries its origin: 0 for what the template wrote,
 * else the number that the caller gave to the byte of a message, or UINT32_MAX for a character made
 * from a message's (an escape). Slices, concatenations, strip,
 * replace, split and the rest keep it. So the caller knows which bytes of the result a policy wrote
 * (special tokens in them stay plain text) and where in the result the bytes of a trace lie.
 *
 * Templates and messages are hostile: depth, steps, bytes and memory are bounded (RW_TEMPLATE_...,
 * template.h); a template that goes beyond them fails its input, never the process. */
#ifndef RW_TEXT_JINJA_H
#define RW_TEXT_JINJA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "core/base/arena.h"
#include "core/base/status.h"
#include "core/base/str.h"
#include "core/io/json.h"

struct rw_jinja;

/* `source` may be freed afterwards; all memory is the arena's. MODEL_UNSUPPORTED with the line, for
 * what is not understood; NO_MEMORY. */
rw_status rw_jinja_parse(struct rw_str source, struct rw_arena *arena, const struct rw_jinja **out,
                         struct rw_error *err);

/* Whether strftime_now occurs in it: then what it renders depends on the date. */
bool rw_jinja_uses_date(const struct rw_jinja *jinja);

/* A text and where its bytes come from. */
struct rw_jinja_text {
    const char *ptr;
    const uint32_t *origin; /* [len]; NULL = all 0 */
    size_t len;
};

struct rw_jinja_value;

/* Values for the context; each NULL without memory. */
struct rw_jinja_value *rw_jinja_none(struct rw_arena *arena);
struct rw_jinja_value *rw_jinja_bool(struct rw_arena *arena, bool value);
/* Bytes numbered from `origin` on; 0: all of them count as the template's. */
struct rw_jinja_value *rw_jinja_str(struct rw_arena *arena, struct rw_str text, uint32_t origin);
struct rw_jinja_value *rw_jinja_list(struct rw_arena *arena);
struct rw_jinja_value *rw_jinja_dict(struct rw_arena *arena);
bool rw_jinja_append(struct rw_arena *arena, struct rw_jinja_value *list,
                     const struct rw_jinja_value *item);
bool rw_jinja_put(struct rw_arena *arena, struct rw_jinja_value *dict, const char *key,
                  const struct rw_jinja_value *value);
/* All texts in it count as the template's. NULL without memory or beyond the depth. */
struct rw_jinja_value *rw_jinja_from_json(struct rw_arena *arena, const struct rw_json *json);
/* The same of what a client sent: the bytes of its texts, keys included, are numbered from *origin
 * on, which is left behind the last. */
struct rw_jinja_value *rw_jinja_from_client(struct rw_arena *arena, const struct rw_json *json,
                                            uint32_t *origin);

struct rw_jinja_context {
    const struct rw_jinja_value *globals; /* a dict: messages, tools, bos_token, ... */
    const struct tm *now;                 /* what strftime_now formats */
};

/* INVALID_REQUEST: the template raised an exception (its words are the message) or met a value it
 * cannot handle; LIMIT_EXCEEDED; NO_MEMORY. The result lives in the arena. */
rw_status rw_jinja_render(const struct rw_jinja *jinja, const struct rw_jinja_context *context,
                          struct rw_arena *arena, struct rw_jinja_text *out, struct rw_error *err);

#endif
