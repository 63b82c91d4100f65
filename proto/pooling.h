/* The reward wires of vLLM and SGLang: reward_hub, xtuner, POLAR's client, verl's reward model
 * worker, prm-toolkit and everybody's requests.post scripts.
 *
 *   POST /pooling   {"messages":[..]} or {"input":text|[text]|[id]|[[id]]}, "model"?, ...
 *     ->
 * {"id","object":"list","created","model","data":[{"index","object":"pooling","data"}],"usage"}
 *        data of a process model: a row [1-p, p] for every step marker; of an outcome model:
 * [[raw]]. POST /classify  vLLM: {"input"|"messages"} -> data[i] =
 * {"index","label","probs","num_classes"} SGLang: {"text"|"input_ids"} ->
 * {"embedding":[raw],"meta_info"}, or a list POST /v1/embeddings  {"input":..} ->
 * data[i].embedding: [raw] of an outcome model, or the raw score at every token of a process model
 * (the client picks its own)
 *
 * A text is tokenised as it is, special tokens included: these clients template themselves.
 * Messages are laid out by the model's own recipe; the last one is the assistant's, and the steps
 * of a process model are what stands between the model's own markers in it. `model` names a loaded
 * model of either kind; ?model= in the address beats it. Nothing here answers with an invented
 * number: one input that cannot be scored fails its request. */
#ifndef RW_PROTO_POOLING_H
#define RW_PROTO_POOLING_H

#include "proto/wire.h"

extern const struct rw_wire RW_WIRE_POOLING;
extern const struct rw_wire RW_WIRE_CLASSIFY;
extern const struct rw_wire RW_WIRE_EMBEDDINGS;

#endif
