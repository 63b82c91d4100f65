/* The models of rw_engine.h without arithmetic: rewards are a hash of the token ids. What
 * fake_engine.c (a thread, real time) and the simulation's engine (no thread, virtual time) share.
 *
 * A model folder is a text instead: "process" or "outcome", then options after colons:
 *   step5000   microseconds per step (0: all at once)      load500  milliseconds to load
 *   ctx4096    context in tokens                           bad     loading fails
 * A token is four bytes of text; text is split into steps at empty lines. */
#ifndef RW_TESTS_FAKE_MODEL_H
#define RW_TESTS_FAKE_MODEL_H

#include "core/rw_engine.h"

enum {
    RW_FAKE_MODELS_MAX = 8,
};

/* In the time that its folder says. The caller frees it. */
rw_status rw_fake_model_load(const struct rw_model_options *options, struct rw_model **out,
                             struct rw_error *err);
void rw_fake_model_free(struct rw_model *model);
unsigned rw_fake_model_step_us(const struct rw_model *model);
/* Scores that a job on this model and input has. */
uint32_t rw_fake_model_scores(const struct rw_model *model, const struct rw_input *input);
struct rw_score rw_fake_model_score(const struct rw_model *model, const struct rw_input *input,
                                    uint32_t i);

#endif
