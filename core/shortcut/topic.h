/* Steps that say nothing of the question: no number, and none of its words. "Let me think about
 * this carefully." No list of phrases is kept, so none is missed; and a step that names the
 * question passes, whatever else it says.
 *
 * The first step and the last are left out: honest ones frame the others. Words are runs of letters
 * (UTF-8 above ASCII counts as letters) of RW_TOPIC_WORD_MIN bytes or more, ASCII case ignored. A
 * language without spaces has long "words": there the bank says what is usual. Pure; any thread. */
#ifndef RW_SHORTCUT_TOPIC_H
#define RW_SHORTCUT_TOPIC_H

#include "core/shortcut/signal.h"

enum {
    RW_TOPIC_WORD_MIN = 4,     /* bytes */
    RW_TOPIC_WORDS_MAX = 8192, /* of the question; later ones are not looked at */
};

/* Share of such steps among the inner ones, but for one of them, and the first; unknown when the
 * question has no word or there is no step. One is free ("Let me check that."), and it is a share:
 * honest prose has such a step now and then, and a long trace more of them. NO_MEMORY. */
rw_status rw_topic(struct rw_str prompt, const struct rw_str *steps, size_t n_steps,
                   struct rw_arena *arena, struct rw_signal *out, struct rw_error *err);

#endif
