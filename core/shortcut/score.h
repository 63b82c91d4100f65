/* What the rewards of a trace say, alone and beside the rewards of edited copies of it.
 * Internal to core/shortcut. Every function fills its own entries of `out` and leaves unknown what
 * it has no input for. */
#ifndef RW_SHORTCUT_SCORE_H
#define RW_SHORTCUT_SCORE_H

#include "core/shortcut/signal.h"

/* MIN_LOGIT, MEAN_LOGIT, first_error, outcome_high, ENSEMBLE. */
void rw_score_own(const struct rw_signal_trace *trace, struct rw_signals *out);
/* GAP_*: g_t = logit r_t(q, s) - logit r_t(no q, s). EARLY_COMMIT. */
void rw_score_cheap(const struct rw_signal_trace *trace, struct rw_signals *out);
/* QUESTION_SWAP, CORRUPTION, ABLATION, FORMAT, INFO_GAIN. */
void rw_score_deep(const struct rw_signal_trace *trace, struct rw_signals *out);

#endif
