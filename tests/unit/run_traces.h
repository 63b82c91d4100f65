/* Traces that tests of the run monitor make up, and what they ask of every run: shared by the tests
 * of core/run. Checks of the library check are inside. */
#ifndef RW_TEST_RUN_TRACES_H
#define RW_TEST_RUN_TRACES_H

#include <stdint.h>

#include "core/run/run.h"

/* (0, 1) and N(0, 1); the seed moves on. */
double run_uniform(uint64_t *seed);
double run_normal(uint64_t *seed);
/* A plausible trace; `shift` moves its scores, features and reward. */
void run_trace(struct rw_run_trace *t, uint64_t i, double shift);
struct rw_run *run_create(uint64_t window, uint64_t warm);
/* Traces from..to - 1; returns the rules that rang, as bits. */
uint32_t run_observe(struct rw_run *run, uint64_t from, uint64_t to, double shift);
/* Both have the same bytes. */
void run_ck_same(const struct rw_run *a, const struct rw_run *b);
/* To bytes and back. */
struct rw_run *run_round_trip(const struct rw_run *run);

#endif
