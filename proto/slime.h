/* slime's and miles' remote reward model, POST /compat/slime (--rm-type remote_rm --rm-url ...):
 *
 *     {"prompt": text or messages, "response": text, "label": text or null, ...}
 *     -> {"reward":f,"score":f,"outcome":f,"outcome_raw":f,"n_steps":n,"first_bad_step":i,
 *         "verified":b,"steps":[{"reward":f,"chars":[a,b]}],"flags":[{"name","p"}]}
 *
 * One sample a request. --reward-key picks a member; without one the client takes the whole reply,
 * so ?bare=1 makes it the number alone. Spans run over `response`. The client takes a null for a
 * reward: a sample that cannot be scored is an error status, never 200. */
#ifndef RW_PROTO_SLIME_H
#define RW_PROTO_SLIME_H

#include "proto/wire.h"

extern const struct rw_wire RW_WIRE_SLIME;

#endif
