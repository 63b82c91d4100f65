/* One forward pass over slices of jobs of one model, and what it means for each of them. Internal
 * to core/engine; engine thread only, outside the engine's lock. */
#ifndef RW_ENGINE_PASS_H
#define RW_ENGINE_PASS_H

#include "core/engine/model.h"
#include "core/engine/scheduler.h"

/* What a pass did for one slice; the engine publishes it under its lock. */
struct rw_outcome {
    bool finished;    /* no more to compute, or stopped */
    rw_status status; /* NOT_FINITE: the job fails */
};

struct rw_pass {
    uint32_t chunk_tokens;
    struct rw_slice *slices;     /* [chunk_tokens], filled by the scheduler */
    struct rw_outcome *outcomes; /* [chunk_tokens] */
    uint32_t n_slices;
    double flops; /* of the last pass */
    uint64_t tokens;
    uint64_t cpu_ns;

    struct rw_forward_seq *seqs; /* [chunk_tokens] */
    uint32_t *wanted;            /* [chunk_tokens] */
    uint32_t *wanted_of;         /* [chunk_tokens] wanted rows of each slice */
    struct rw_score *scores;     /* [chunk_tokens] */
    rw_status *statuses;         /* [chunk_tokens] */
    float *values;               /* [chunk_tokens, RW_HEAD_OUT_MAX] */
    uint32_t *answer_rows; /* [chunk_tokens] of the wanted rows: those before an answer's token */
    int32_t *answer_ids;   /* [chunk_tokens] the tokens */
    double *answer_log_p;  /* [chunk_tokens] */
};

rw_status rw_pass_init(struct rw_pass *pass, uint32_t chunk_tokens, struct rw_error *err);
void rw_pass_fini(struct rw_pass *pass);

/* KV blocks for the slices. Before any job ends that took part in the same fill: blocks may be
 * copied from its own. */
void rw_pass_prepare(struct rw_pass *pass);
/* Runs the slices and raises tokens_done, scores_done and spent of their jobs. */
void rw_pass_run(struct rw_pass *pass, const struct rw_model_host *host);

#endif
