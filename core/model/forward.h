/* The forward pass: one ragged chunk of tokens of many sequences through all layers.
 *
 * A pass takes, per sequence, the next `n` tokens from `position` on, writes their keys and values
 * into the sequence's KV blocks, and returns the hidden state (after the final norm) of the
 * positions that a head reads. One parallel region per pass; the members of the team work on all
 * rows together or each on rows of its own (forward_plan.h), GEMMs are split over outputs and rows,
 * never over K: who computes a value never changes its bits. In the last layer only the rows that
 * are read go through attention, the output projection and the MLP.
 *
 * Mathematics and tensor names: core/MODEL.md. Nothing here allocates after creation.
 * Threads: one pass at a time per rw_forward and per team. */
#ifndef RW_MODEL_FORWARD_H
#define RW_MODEL_FORWARD_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/status.h"
#include "core/kernels/kernels.h"
#include "core/kernels/team.h"
#include "core/model/kv.h"
#include "core/model/weights.h"

enum {
    RW_CHUNK_TOKENS_MAX = 8192,
    RW_CHUNK_TOKENS_DEFAULT = 512,
};

struct rw_forward;

struct rw_forward_seq {
    const struct rw_kv_seq *kv; /* blocks cover position + n */
    const int32_t *ids;         /* of the n tokens; each below vocab */
    uint32_t position;          /* of the first; all before it have been through a pass */
    uint32_t n;
    bool stored; /* keys and values are there already, and others may be reading them */
};

struct rw_forward_batch {
    const struct rw_kv_pool *kv;
    const struct rw_forward_seq *seqs;
    uint32_t n_seqs;
    /* Rows (tokens of the chunk, counted through all sequences) whose hidden state is wanted, in
     * rising order. */
    const uint32_t *wanted;
    uint32_t n_wanted;
    bool before_norm; /* the wanted states are those before the last norm */
};

/* weights, kernels and team must outlive it. context_max: tokens of the longest sequence. */
rw_status rw_forward_create(const struct rw_weights *weights, const struct rw_kernels *kernels,
                            struct rw_team *team, uint32_t chunk_tokens, uint32_t context_max,
                            struct rw_forward **out, struct rw_error *err);
void rw_forward_destroy(struct rw_forward *forward); /* NULL is fine */

/* hidden[n_wanted] at `stride` floats, valid until the next pass. */
const float *rw_forward_run(struct rw_forward *forward, const struct rw_forward_batch *batch,
                            size_t *stride);

#endif
