/* Labels of a training run, by whichever door they come: what an id, a name and a value may be.
 * They end up in lists, in files and on pages, so they are few, short and without control
 * characters. */
#ifndef RW_PROTO_RUN_LABELS_H
#define RW_PROTO_RUN_LABELS_H

#include "proto/request.h"
#include "proto/tree.h"

/* INVALID_REQUEST, saying what an id is. */
rw_status rw_run_labels_check_id(struct rw_str id, const struct rw_path *path,
                                 struct rw_error *err);
/* Adds a label to the JSON object of the run. INVALID_REQUEST: too many, too long, twice. */
rw_status rw_run_labels_add(struct rw_request_run *run, struct rw_str name, struct rw_str value,
                            const struct rw_path *path, struct rw_error *err);

#endif
