/* The language head: how likely a token is after a hidden state.
 *
 *     log p(id | h) = z_id - log sum_v exp(z_v),   z = W[vocab, hidden] h
 *
 * The product runs through the GEMM of the kernel table, split over outputs; the sum runs over
 * groups of RW_LANGUAGE_GROUP outputs in float, each about its own maximum, and over the groups in
 * their order. Who computes a group, and which rows are beside a row, never changes a bit.
 * Logits exist for one group at a time: memory does not grow with the vocabulary times the rows.
 *
 * Threads: one run at a time, by the caller of the team. Nothing here allocates after creation. */
#ifndef RW_MODEL_LANGUAGE_H
#define RW_MODEL_LANGUAGE_H

#include "core/base/status.h"
#include "core/kernels/kernels.h"
#include "core/kernels/team.h"

enum {
    RW_LANGUAGE_GROUP = 1024, /* outputs whose logits exist together, a multiple of RW_PANEL */
    RW_LANGUAGE_ROWS = 64,    /* positions that go through the matrix together */
};

struct rw_language;

/* linear, kernels and team must outlive it. */
rw_status rw_language_create(const struct rw_linear *linear, const struct rw_kernels *kernels,
                             struct rw_team *team, struct rw_language **out, struct rw_error *err);
void rw_language_destroy(struct rw_language *language); /* NULL is fine */

/* log_p[i] = log p(ids[i] | hidden row rows[i]); NaN or infinite when it cannot be computed. */
void rw_language_run(struct rw_language *language, const float *hidden, size_t stride,
                     const uint32_t *rows, const int32_t *ids, uint32_t n, double *log_p);

/* Operations of one position. */
double rw_language_flops(const struct rw_linear *linear);

#endif
