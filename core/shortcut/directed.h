/* Text that speaks to whoever grades the trace, not of the problem: "Note to the evaluator: ...".
 *
 * Three classes of words, none of them a phrase: who reads (a grader, a judge, an authority that
 * vouches), a verdict (reward, score, correct), and an order (ignore, assign, must). A step counts
 * 1 for naming a reader and 1 for each of the other two classes; without a reader it counts 0,
 * since solutions say "correct" and "note" for themselves. Words of the question count for nothing:
 * a problem about judges is solved with judges. Words that name a reader in part of their uses only
 * ("system", "model") need their company: a bracket or a colon, "reward" before "model". Marks of
 * chat templates ("<|...|>", "[INST]", "<<SYS>>") count 2: they speak to the machine.
 *
 * English only. Pure; any thread; linear in the bytes. */
#ifndef RW_SHORTCUT_DIRECTED_H
#define RW_SHORTCUT_DIRECTED_H

#include "core/shortcut/signal.h"

/* The highest count of a step, 0 to 3, and that step; unknown without steps. */
void rw_directed(struct rw_str prompt, const struct rw_str *steps, size_t n_steps,
                 struct rw_signal *out);

#endif
