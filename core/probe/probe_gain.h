/* The probes of info_gain: how likely the reference answer is after each step, beside alternatives.
 *
 * After t steps, t = 0 (the bare question) to T, the reference and up to 4 alternatives are put
 * behind the trace (core/model/suffix.h) and the language head says how likely their tokens are.
 * Over 16 steps, or on very long traces, prefixes are spread evenly, and a gain is that of the
 * steps between two of them. The probes of one prefix stand together, the reference first.
 *
 * Part of probe.c's machinery; nothing else calls it. */
#ifndef RW_PROBE_PROBE_GAIN_H
#define RW_PROBE_PROBE_GAIN_H

#include "core/probe/probe.h"

/* Behind the other probes. NO_MEMORY only; why there are none is a lack. */
rw_status rw_probe_gain_plan(const struct rw_probe_source *source, struct rw_arena *arena,
                             struct rw_probe_plan *plan, struct rw_error *err);
/* All of them were run. False when memory is out. */
bool rw_probe_gain_fill(const struct rw_probe_plan *plan, struct rw_arena *arena,
                        struct rw_signal_trace *trace);

#endif
