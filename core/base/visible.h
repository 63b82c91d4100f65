/* Text as a reader sees it, for rules that must not be fooled by what is not seen: characters that
 * draw nothing are gone, look-alikes of ASCII are ASCII.
 *
 *   gone       default-ignorable characters, directional controls and tags (Unicode Standard,
 *              section 5.21 and UAX #9). They count as hidden where nothing needs them: emoji,
 *              scripts without spaces and scripts from right to left do, so one beside a character
 *              that is not ASCII is taken out and not counted.
 *   ASCII      full-width forms, mathematical letters and digits, other decimal digits, other
 *              spaces, signs of arithmetic with another code; Cyrillic and Greek letters that look
 *              like Latin ones, within a word that has Latin letters (UTS #39, mixed script).
 *   kept       everything else, invalid bytes too. Superscripts are kept: 2 with a raised 3 is not
 *              23.
 *
 * Not NFKC: that would turn a raised 2 into 2, and leave U+200B where it is. Pure; any thread;
 * linear in the bytes. */
#ifndef RW_BASE_VISIBLE_H
#define RW_BASE_VISIBLE_H

#include "core/base/arena.h"
#include "core/base/status.h"
#include "core/base/str.h"

struct rw_visible {
    struct rw_str text; /* the input itself when nothing was changed; else in the arena */
    size_t hidden;      /* characters that hid, and letters of another script that posed as Latin */
};

/* NO_MEMORY. */
rw_status rw_visible_text(struct rw_str text, struct rw_arena *arena, struct rw_visible *out,
                          struct rw_error *err);

/* The byte of `text` that became byte `at` of its visible form; text.len for the end. */
size_t rw_visible_source(struct rw_str text, size_t at);

#endif
