/* RLHFlow's process reward models as evaluators call them: POST /v1/chat/completions with the steps
 * as user turns and "+" as every assistant turn (ProcessBench, search-and-learn).
 *
 *     {"messages":[{"user": question and step 1},{"assistant":"+"},{"user": step 2},...],
 *      "max_tokens":1, "model"?, "logprobs"?, "temperature"?, ...}
 *     -> choices[0].message.content = "+" or "-", logprobs.content[0] of the verdict
 *
 * What is asked is the verdict on the last step: "+" where its reward is one half or more. The
 * first turn has the question, a blank line (ProcessBench) or a blank (search-and-learn) and the
 * first step; it goes to the model as it is, since these models read them so. Anything else is
 * refused: this daemon does not generate. */
#ifndef RW_PROTO_RLHFLOW_H
#define RW_PROTO_RLHFLOW_H

#include "proto/wire.h"

extern const struct rw_wire RW_WIRE_RLHFLOW;

#endif
