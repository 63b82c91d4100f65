/* The wires of trainers and peers (proto/wire.h) as dialects of a scoring request. */
#ifndef RW_SERVER_SCORING_WIRES_H
#define RW_SERVER_SCORING_WIRES_H

#include "server/scoring/scoring.h"

/* POST to the path of one of RW_WIRES. */
void rw_wires_start(struct rw_scoring *scoring, struct rw_exchange *ex);

#endif
