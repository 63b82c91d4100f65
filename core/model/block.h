/* Parts of a text that no step may begin or end inside of: fenced code, display formulas.
 *
 *   ``` or ~~~ at the beginning of a line, to a line of the same mark (CommonMark 0.31, 4.5)
 *   $$ .. $$    \[ .. \]    \begin{NAME} .. \end{NAME}
 *
 * What is opened and never closed is no block: a policy could glue its steps together with one
 * mark. Looking at every byte of a text in order costs time linear in it, whatever it holds. */
#ifndef RW_MODEL_BLOCK_H
#define RW_MODEL_BLOCK_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/str.h"

enum rw_block_kind {
    RW_BLOCK_FENCE_BACKTICK,
    RW_BLOCK_FENCE_TILDE,
    RW_BLOCK_DOLLARS,
    RW_BLOCK_BRACKETS,
    RW_BLOCK_ENVIRONMENT,
    RW_BLOCK_KINDS,
};

/* What is known of a text while it is gone through; zero at its beginning, but for `text`. */
struct rw_block_scan {
    struct rw_str text;
    unsigned failures[RW_BLOCK_KINDS]; /* searches for an end that found none */
};

/* The end of the block that begins at `at`, or `at` when none does. Calls come with rising `at`. */
size_t rw_block_end(struct rw_block_scan *scan, size_t at);

#endif
