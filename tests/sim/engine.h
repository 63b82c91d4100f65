/* The simulation's side of its engine and of its prepare threads: nothing moves by itself. */
#ifndef RW_SIM_ENGINE_H
#define RW_SIM_ENGINE_H

#include "core/rw_engine.h"
#include "server/scoring/prepare.h"

/* Jobs that are not final, and jobs that were not released. */
size_t sim_engine_live(const struct rw_engine *e);
size_t sim_engine_unreleased(const struct rw_engine *e);
/* It has news, and its owner has not asked for them yet. */
bool sim_engine_notified(const struct rw_engine *e);
/* The i-th live job computes one score, or fails, or notices that it was cancelled or is late. */
void sim_engine_step(struct rw_engine *e, size_t i, rw_status failure);

/* Tasks that wait for a thread; one of them, the first of its lane, is run and done with. */
size_t sim_prepare_waiting(const struct rw_prepare *p);
void sim_prepare_step(struct rw_prepare *p, size_t i);

#endif
