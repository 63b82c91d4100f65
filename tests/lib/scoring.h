/* For tests of the engine: a model of this repository, inputs of pseudo-random ids, waiting. */
#ifndef RW_TESTS_SCORING_H
#define RW_TESTS_SCORING_H

#include "core/rw_engine.h"

#define RW_TEST_PRM "deploy/models/rewardd-prm-small"
#define RW_TEST_ORM "deploy/models/rewardd-orm-small"

struct rw_engine *rw_test_engine(const struct rw_engine_options *options);
/* The model at a path of the source tree; the test ends when it does not load. */
const struct rw_model *rw_test_model(struct rw_engine *engine, const char *path, const char *name,
                                     enum rw_weights_dtype dtype);
/* The default process model, its embedding taken for a tied language head. */
const struct rw_model *rw_test_language_model(struct rw_engine *engine,
                                              enum rw_weights_dtype dtype);
/* n_tokens ids from the seed, a step every `stride` tokens and at the last. */
void rw_test_input(struct rw_input *out, uint32_t vocab, uint32_t n_tokens, uint32_t stride,
                   uint64_t seed);
void rw_test_input_free(struct rw_input *input);
uint32_t rw_test_vocab(const struct rw_model *model);
/* Polls until n jobs have shown a final state; the test ends after a minute. */
void rw_test_await(struct rw_engine *engine, size_t n);
/* One job, submitted. */
struct rw_job *rw_test_submit(struct rw_engine *engine, const struct rw_model *model,
                              const struct rw_input *input, float stop_below, uint64_t deadline_ns);
/* The same with features; all steps, no deadline. */
struct rw_job *rw_test_submit_features(struct rw_engine *engine, const struct rw_model *model,
                                       const struct rw_input *input);

#endif
