/* One item of a request: a prompt (text or chat messages) and its traces. Shared by request_parse.c
 * and the dialects; not for the server. */
#ifndef RW_PROTO_REQUEST_ITEM_H
#define RW_PROTO_REQUEST_ITEM_H

#include "proto/request.h"
#include "proto/tree.h"

struct rw_request_reader {
    const struct rw_limits *limits;
    struct rw_arena *arena;
    struct rw_request *request; /* n_traces grows as items are read */
    struct rw_error *err;
};

/* The members of an item as found, NULL = absent or null. */
struct rw_item_nodes {
    const cJSON *prompt;
    const cJSON *messages;
    const cJSON *tools;
    const cJSON *trace;
    const cJSON *traces;
    const cJSON *reference;
    const cJSON *domain;       /* of a listed item; the request's own is an option */
    const cJSON *sample_index; /* likewise: the request's own is in its run */
};

/* Takes `member` into `nodes`; false when it is not a member of an item. */
bool rw_request_item_take(const cJSON *member, struct rw_item_nodes *nodes);

/* `path` is NULL for the item that is the request itself. There an unusable prompt is an error of
 * the request; in a list of items it is one of each of the item's traces. */
rw_status rw_request_item_read(struct rw_request_reader *reader, const struct rw_path *path,
                               const struct rw_item_nodes *nodes, struct rw_request_item *item);

/* A domain tag: 1 to RW_DOMAIN_BYTES_MAX letters, digits, '_', '-', '.' or '/'. */
rw_status rw_request_item_domain(const cJSON *node, const struct rw_path *path, struct rw_str *out,
                                 struct rw_error *err);

/* INVALID_REQUEST for a name nobody knows, with a hint: the name other tools use for the same
 * thing, a misspelling, or the whole list. */
rw_status rw_request_item_unknown(const struct rw_path *up, const cJSON *member,
                                  const char *const *known, size_t n_known, struct rw_error *err);

/* `options` of POST /v1/verify, `verify` of POST /v1/rewards. Unknown names are errors. */
rw_status rw_request_item_verify(const cJSON *node, const struct rw_path *path,
                                 struct rw_verify_options *out, struct rw_error *err);

#endif
