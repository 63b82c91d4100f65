/* The normalisations of the supported tokenizers, each from one piece of text to another: NFC, the
 * dummy prefix, the SentencePiece space mark, removal of extra spaces.
 *
 * Each pass writes into a mapped buffer (text and its offsets); the caller chains them by using two
 * buffers in turn. */
#ifndef RW_TEXT_NORMALIZE_H
#define RW_TEXT_NORMALIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/str.h"
#include "core/text/piece.h"

/* Text under construction; owned by the caller, reused from piece to piece. */
struct rw_mapped {
    char *text;
    uint32_t *map; /* offset behind each byte, see piece.h */
    size_t len;
    size_t size;
};

void rw_mapped_init(struct rw_mapped *mapped);
void rw_mapped_fini(struct rw_mapped *mapped);
/* Adds bytes that stand for the caller's bytes [begin, end). False when memory is refused. */
bool rw_mapped_add(struct rw_mapped *mapped, struct rw_str bytes, uint32_t begin, uint32_t end);
/* Adds bytes [begin, end) of a piece as they are, with their own offsets. */
bool rw_mapped_copy(struct rw_mapped *mapped, const struct rw_piece *from, size_t begin,
                    size_t end);
/* What was added, as a piece that starts at `base`; borrowed until the buffer changes. */
struct rw_piece rw_mapped_piece(const struct rw_mapped *mapped, uint32_t base);

/* All three: `piece` is input and output; it is left alone when nothing changes, else it borrows
 * from `to`, which is cleared first and must not be the buffer behind *piece. False when memory is
 * refused. */

/* `prefix` before the text, unless the text is empty, or starts with `unless` (when not empty). */
bool rw_normalize_prefix(struct rw_piece *piece, struct rw_str prefix, struct rw_str unless,
                         struct rw_mapped *to);
/* Every occurrence of `from` becomes `with`. */
bool rw_normalize_replace(struct rw_piece *piece, struct rw_str from, struct rw_str with,
                          struct rw_mapped *to);
/* SentencePiece remove_extra_whitespaces: no spaces at the ends, single ones between. */
bool rw_normalize_squeeze(struct rw_piece *piece, struct rw_mapped *to);

#endif
