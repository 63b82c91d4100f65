/* A stretch of normalised text that remembers where it came from.
 *
 * Between "the caller's bytes" and "the bytes BPE sees" lie NFC, the SentencePiece space mark and
 * the dummy prefix. A piece carries, per byte of its text, the offset in the caller's bytes at
 * which a token that ends with this byte ends. Text that nothing changed carries no map. */
#ifndef RW_TEXT_PIECE_H
#define RW_TEXT_PIECE_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/str.h"

struct rw_piece {
    struct rw_str text;
    const uint32_t *map; /* [text.len], or NULL: byte i ends at base + i + 1 */
    uint32_t base;       /* offset of the first byte in the caller's bytes */
};

/* Offset in the caller's bytes just behind byte `last` of the piece. */
static inline uint32_t rw_piece_end(const struct rw_piece *piece, size_t last)
{
    return piece->map != NULL ? piece->map[last] : piece->base + (uint32_t)last + 1;
}

/* Offset in the caller's bytes at which byte `at` begins; `at` may be text.len. */
static inline uint32_t rw_piece_begin(const struct rw_piece *piece, size_t at)
{
    return at > 0 ? rw_piece_end(piece, at - 1) : piece->base;
}

/* Bytes [begin, end) of a piece as a piece of its own. */
static inline struct rw_piece rw_piece_slice(const struct rw_piece *piece, size_t begin, size_t end)
{
    return (struct rw_piece){
        .text = rw_str_slice(piece->text, begin, end),
        .map = piece->map != NULL ? piece->map + begin : NULL,
        .base = rw_piece_begin(piece, begin),
    };
}

#endif
