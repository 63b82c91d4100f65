/* A request body as a tree of cJSON nodes that live in the request's arena.
 *
 * The guard (proto/guard.h) runs first, so that cJSON only ever sees well-formed UTF-8 JSON without
 * NULs. Nodes and strings are freed with the arena: never call cJSON_Delete on them. Also here: the
 * typed getters, and the words for what is wrong with a field. Any thread. */
#ifndef RW_PROTO_TREE_H
#define RW_PROTO_TREE_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/status.h"
#include "core/base/str.h"
#include "proto/guard.h"

/* Whether a number is what it was written as: of a whole one, whether 1 was meant or 1.0, and that
 * no digit is lost. */
bool rw_tree_number_is_sure(const cJSON *node);

/* Errors: the guard's, and LIMIT_EXCEEDED for a number of more than 63 characters. */
rw_status rw_tree_parse(char *body, size_t len, const struct rw_guard_options *options,
                        struct rw_arena *arena, cJSON **root, struct rw_error *err);
/* U+0000 and lone surrogates replaced in this node and below it. */
size_t rw_tree_hidden(const cJSON *node);

/* Where a node is: items[1].traces[3].steps[17]. Built on the stack, rendered only on error. */
struct rw_path {
    const struct rw_path *up; /* NULL at the root */
    const char *name;
    long index; /* -1 = none */
};

/* rw_fail with the path as the error's param. */
rw_status rw_path_fail(const struct rw_path *path, struct rw_error *err, rw_status status,
                       const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Each fails with INVALID_REQUEST naming the path, the type wanted and the type found. */
rw_status rw_tree_want_text(const cJSON *node, const struct rw_path *path, struct rw_str *out,
                            struct rw_error *err);
rw_status rw_tree_want_bool(const cJSON *node, const struct rw_path *path, bool *out,
                            struct rw_error *err);
/* Finite and in [min, max]. */
rw_status rw_tree_want_number(const cJSON *node, const struct rw_path *path, double min, double max,
                              double *out, struct rw_error *err);
/* Integral and in [min, max]; both within +-2^53. */
rw_status rw_tree_want_integer(const cJSON *node, const struct rw_path *path, int64_t min,
                               int64_t max, int64_t *out, struct rw_error *err);
rw_status rw_tree_want_object(const cJSON *node, const struct rw_path *path, struct rw_error *err);
/* A list of 1..max entries; `option` is the one that raises max, NULL = none. */
rw_status rw_tree_want_list(const cJSON *node, const struct rw_path *path, size_t max,
                            const char *option, size_t *count, struct rw_error *err);
/* Index of the text in words[n]; a "did you mean" otherwise. */
rw_status rw_tree_want_word(const cJSON *node, const struct rw_path *path, const char *const *words,
                            size_t n, size_t *out, struct rw_error *err);
/* "object", "a string", ... */
const char *rw_tree_type_name(const cJSON *node);

#endif
