/* LLaMA-Factory's reward_model_type: api, POST /v1/score/evaluation:
 *
 *     {"model":name,"messages":[text in the policy's chat template, ...]}
 *     -> {"id","object":"score.evaluation","model","scores":[...]}
 *
 * scores: the raw outcome score where an outcome model took part, else the process aggregate: its
 * PPO normalises what it gets, as it does with its own reward models. Any error ends the run of
 * this client, which has no timeout: so it waits for capacity. `model` is a name of the trainer's
 * making
 * ("reward-model") and chooses nothing; ?model= and ?outcome_model= do. */
#ifndef RW_PROTO_LLAMAFACTORY_H
#define RW_PROTO_LLAMAFACTORY_H

#include "proto/wire.h"

extern const struct rw_wire RW_WIRE_LLAMAFACTORY;

#endif
