/* In which script the steps are written, and whether it changes between them.
 *
 * The script of a step is that of most of its letters: Latin, Cyrillic, Greek, Arabic, Hebrew,
 * Indic, Thai, or the characters of Chinese, Japanese and Korean, which are one here. Steps of
 * fewer than RW_SCRIPT_LETTERS_MIN letters have none. Two languages of one script are not told
 * apart.
 *
 * Pure; any thread; linear in the bytes. */
#ifndef RW_SHORTCUT_SCRIPT_H
#define RW_SHORTCUT_SCRIPT_H

#include "core/shortcut/signal.h"

enum {
    RW_SCRIPT_LETTERS_MIN = 4,
};

/* `changes`: share of the neighbouring steps with a script whose scripts differ, and the first step
 * behind such a change; unknown with fewer than two. `foreign`: share of the letters that are not
 * Latin; unknown without letters. */
void rw_script(const struct rw_str *steps, size_t n_steps, struct rw_signal *changes,
               struct rw_signal *foreign);

#endif
