/* Added tokens: contents that are cut out of the text before any merging, "<|im_end|>" and the
 * like.
 *
 * Matching is leftmost-longest, as in the reference, with one addition: a special token counts only
 * where the caller allows it (trusted text). Built while a tokenizer is opened, read-only
 * afterwards; memory comes from its arena. */
#ifndef RW_TEXT_ADDED_H
#define RW_TEXT_ADDED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/str.h"
#include "core/text/piece.h"

enum {
    RW_ADDED_MAX = 1 << 16,       /* added tokens of one tokenizer */
    RW_ADDED_BYTES_MAX = 1 << 10, /* content of one */
};

struct rw_added {
    struct rw_str content; /* as written in the file */
    struct rw_str pattern; /* what is searched for: the content, normalised if `normalized` */
    int32_t id;
    bool pattern_is_final; /* not to be normalised */
    bool special;
    bool normalized;  /* searched for in normalised text */
    bool lstrip;      /* takes the white space before it */
    bool rstrip;      /* and behind it */
    bool single_word; /* not inside a word */
};

/* Tokens with equal `normalized`, sorted by pattern for matching byte by byte. */
struct rw_added_set {
    const struct rw_added **sorted; /* [count] */
    size_t count;
    uint32_t first[257]; /* sorted[first[b] .. first[b + 1]) start with byte b */
};

/* Collects the tokens of `all` whose `normalized` is the given one. False: memory refused. */
bool rw_added_set_init(struct rw_added_set *set, struct rw_arena *arena, const struct rw_added *all,
                       size_t count, bool normalized);

/* Where special tokens are recognised: sorted, disjoint, in bytes of the caller's text. */
struct rw_trust {
    const struct rw_trust_span *spans;
    size_t count;
};

struct rw_trust_span {
    uint32_t begin;
    uint32_t end;
};

struct rw_added_match {
    const struct rw_added *token; /* NULL: none */
    size_t begin;                 /* offsets in the piece, stripped white space included */
    size_t end;
    size_t resume; /* where to search on: behind the content itself */
};

/* First match at or behind `at`; white space is not taken before `floor` (<= at). */
struct rw_added_match rw_added_next(const struct rw_added_set *set, const struct rw_piece *piece,
                                    const struct rw_trust *trust, size_t at, size_t floor);

#endif
