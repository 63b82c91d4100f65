/* Three small wires of inference servers.
 *
 * Hugging Face (huggingface_hub's text_classification(model=URL), TEI), POST /predict:
 *     {"inputs":text or [text],"parameters"?} -> [[{"label":"LABEL_0","score":p}]]
 *   nested also for one text: the client takes the first element of the list as its list.
 * KServe / Triton, POST /v2/models/{id}/infer:
 *     {"inputs":[{"name":..,"datatype":"BYTES","shape":[n] or [n,1],"data":[text,..]}],"id"?}
 *     ->
 * {"model_name","id"?,"outputs":[{"name":"reward","datatype":"FP32","shape":[n],"data":[..]}]} two
 * inputs named "prompt" and "response" of the same length are pairs; one input is texts in the
 *   policy's chat template.
 * FastChat workers (OpenR, compute-optimal-tts), POST /worker_reward_inference:
 *     {"input_str":[text,..] or text} -> {"reward":[[per step]..],"text":..};
 * /worker_value_inference answers the same under "value". "Question: .. Answer: .." is split at the
 * last "Answer:" when no template is known.
 *
 * A text in a known chat template ending in an assistant turn is a prompt and its trace; another
 * text is a trace without a question, which only KServe pairs and FastChat can mend. */
#ifndef RW_PROTO_PREDICT_H
#define RW_PROTO_PREDICT_H

#include "proto/wire.h"

extern const struct rw_wire RW_WIRE_PREDICT;
extern const struct rw_wire RW_WIRE_KSERVE;
extern const struct rw_wire RW_WIRE_FASTCHAT;
extern const struct rw_wire RW_WIRE_FASTCHAT_VALUE;

#endif
