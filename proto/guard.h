/* The guard before the JSON parser: everything cJSON is lenient about is decided here.
 *
 * One pass over the bytes, no recursion: strict RFC 8259 grammar, UTF-8 as RFC 3629 defines it,
 * bounded depth, bounded and distinct names per object, no byte-order mark. What is accepted is
 * exactly one JSON value with optional white space around it.
 *
 * U+0000 and lone surrogates can only be written as escapes. Each such six-byte escape becomes
 * \ufffd in place: one code point for one, so that spans stay true, and a C parser neither cuts
 * the text at a NUL nor refuses it. Who replaced what is reported per string, in document order.
 *
 * It is not a parser: it builds nothing. Pure, any thread. */
#ifndef RW_PROTO_GUARD_H
#define RW_PROTO_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/status.h"
#include "proto/limits.h"

enum {
    RW_GUARD_NAMES_MAX = 64 /* members of one object; bounds the search for duplicates */
};

struct rw_guard_options {
    unsigned depth_max;         /* 1..RW_JSON_BODY_DEPTH_MAX */
    bool allow_duplicate_names; /* RFC 8259 only says SHOULD be unique; requests say must */
};

/* `count` replacements in the string-th string of the document, names included, from 0. */
struct rw_guard_hidden {
    uint32_t string;
    uint32_t count;
};

struct rw_guard_report {
    size_t strings;                 /* names and values */
    size_t hidden_texts;            /* replacements, over all strings */
    struct rw_guard_hidden *hidden; /* ascending by string; in the arena */
    size_t n_hidden;
    size_t number_bytes_max; /* longest number; cJSON reads no more than 63 */
    bool fractions;          /* some number has a fraction or an exponent: 1.0 is not 1 */
};

/* INVALID_JSON, INVALID_UTF8, INVALID_REQUEST (a name given twice), LIMIT_EXCEEDED (depth, names),
 * NO_MEMORY. The message names the byte; `body` may have been partly rewritten by then. */
rw_status rw_guard_check(char *body, size_t len, const struct rw_guard_options *options,
                         struct rw_arena *arena, struct rw_guard_report *out, struct rw_error *err);

#endif
