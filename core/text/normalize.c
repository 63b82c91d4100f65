#include "core/text/normalize.h"

#include <string.h>

#include "core/base/alloc.h"
#include "core/base/assert.h"

enum {
    MAPPED_SIZE_FIRST = 1024, /* bytes */
};

void rw_mapped_init(struct rw_mapped *mapped)
{
    *mapped = (struct rw_mapped){0};
}

void rw_mapped_fini(struct rw_mapped *mapped)
{
    rw_free(mapped->text);
    rw_free(mapped->map);
    rw_mapped_init(mapped);
}

static bool reserve(struct rw_mapped *mapped, size_t bytes)
{
    size_t need = mapped->len + bytes;
    if (need <= mapped->size) {
        return true;
    }
    size_t size = mapped->size > 0 ? mapped->size : MAPPED_SIZE_FIRST;
    while (size < need) {
        size += size;
    }
    if (!rw_alloc_resize(&mapped->text, size, sizeof *mapped->text) ||
        !rw_alloc_resize(&mapped->map, size, sizeof *mapped->map)) {
        return false;
    }
    mapped->size = size;
    return true;
}

bool rw_mapped_add(struct rw_mapped *mapped, struct rw_str bytes, uint32_t begin, uint32_t end)
{
    if (bytes.len == 0) {
        return true;
    }
    if (!reserve(mapped, bytes.len)) {
        return false;
    }
    memcpy(mapped->text + mapped->len, bytes.ptr, bytes.len);
    for (size_t i = 0; i + 1 < bytes.len; i++) {
        mapped->map[mapped->len + i] = begin;
    }
    mapped->len += bytes.len;
    mapped->map[mapped->len - 1] = end;
    return true;
}

bool rw_mapped_copy(struct rw_mapped *mapped, const struct rw_piece *from, size_t begin, size_t end)
{
    rw_assert(begin <= end && end <= from->text.len);
    if (begin == end) {
        return true;
    }
    if (!reserve(mapped, end - begin)) {
        return false;
    }
    memcpy(mapped->text + mapped->len, from->text.ptr + begin, end - begin);
    for (size_t i = begin; i < end; i++) {
        mapped->map[mapped->len + (i - begin)] = rw_piece_end(from, i);
    }
    mapped->len += end - begin;
    return true;
}

struct rw_piece rw_mapped_piece(const struct rw_mapped *mapped, uint32_t base)
{
    return (struct rw_piece){{mapped->text, mapped->len}, mapped->map, base};
}

bool rw_normalize_prefix(struct rw_piece *piece, struct rw_str prefix, struct rw_str unless,
                         struct rw_mapped *to)
{
    bool has_it = unless.len > 0 && rw_str_starts(piece->text, unless);
    if (piece->text.len == 0 || prefix.len == 0 || has_it) {
        return true;
    }
    to->len = 0;
    if (!rw_mapped_add(to, prefix, piece->base, piece->base) ||
        !rw_mapped_copy(to, piece, 0, piece->text.len)) {
        return false;
    }
    *piece = rw_mapped_piece(to, piece->base);
    return true;
}

bool rw_normalize_replace(struct rw_piece *piece, struct rw_str from, struct rw_str with,
                          struct rw_mapped *to)
{
    rw_assert(from.len > 0);
    size_t hit = rw_str_find(piece->text, from, 0);
    if (hit == piece->text.len) {
        return true;
    }
    to->len = 0;
    size_t done = 0;
    while (hit < piece->text.len) {
        size_t behind = hit + from.len;
        if (!rw_mapped_copy(to, piece, done, hit) ||
            !rw_mapped_add(to, with, rw_piece_begin(piece, hit), rw_piece_begin(piece, behind))) {
            return false;
        }
        done = behind;
        hit = rw_str_find(piece->text, from, done);
    }
    if (!rw_mapped_copy(to, piece, done, piece->text.len)) {
        return false;
    }
    *piece = rw_mapped_piece(to, piece->base);
    return true;
}

/* SentencePiece removes spaces from the end after it has escaped them: a U+2581 that was typed goes
 * the same way. */
static size_t without_trailing_space(struct rw_str text)
{
    for (;;) {
        if (rw_str_ends(text, RW_STR(" "))) {
            text.len -= 1;
        } else if (rw_str_ends(text, RW_STR("\xE2\x96\x81"))) {
            text.len -= 3;
        } else {
            return text.len;
        }
    }
}

bool rw_normalize_squeeze(struct rw_piece *piece, struct rw_mapped *to)
{
    to->len = 0;
    bool after_space = true;
    for (size_t i = 0; i < piece->text.len; i++) {
        bool is_space = piece->text.ptr[i] == ' ';
        if (!(is_space && after_space) && !rw_mapped_copy(to, piece, i, i + 1)) {
            return false;
        }
        after_space = is_space;
    }
    to->len = without_trailing_space((struct rw_str){to->text, to->len});
    *piece = rw_mapped_piece(to, piece->base);
    return true;
}
