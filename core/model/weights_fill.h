/* Filling weights: rows of the checkpoint, read, checked, converted and packed into their place by
 * several threads.
 *
 * Internal to weights.c. One thread converts and packs less than a disk delivers. Each takes up to
 * 256 rows of one tensor at a time and has 512 KiB of its own for them (16 rows where that is
 * more). Of several tensors that fail the first one is reported, whoever met it. */
#ifndef RW_MODEL_WEIGHTS_FILL_H
#define RW_MODEL_WEIGHTS_FILL_H

#include "core/model/binding.h"
#include "core/model/weights.h"

/* Up to eight threads, as many as there are processors to use, for as long as it takes. Progress is
 * told by any of them, one at a time. Errors of rw_weights_load. */
rw_status rw_weights_fill(const struct rw_weights_request *request,
                          const struct rw_bindings *bindings, struct rw_weights *weights,
                          struct rw_error *err);

#endif
