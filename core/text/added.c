#include "core/text/added.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/util.h"
#include "core/text/unicode.h"

static int by_pattern(const void *left, const void *right)
{
    struct rw_str a = (*(const struct rw_added *const *)left)->pattern;
    struct rw_str b = (*(const struct rw_added *const *)right)->pattern;
    int order = memcmp(a.ptr, b.ptr, RW_MIN(a.len, b.len));
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

bool rw_added_set_init(struct rw_added_set *set, struct rw_arena *arena, const struct rw_added *all,
                       size_t count, bool normalized)
{
    set->sorted = rw_arena_array(arena, count, sizeof(struct rw_added *));
    if (set->sorted == NULL) {
        return false;
    }
    set->count = 0;
    for (size_t i = 0; i < count; i++) {
        if (all[i].normalized == normalized && all[i].pattern.len > 0) {
            set->sorted[set->count++] = &all[i];
        }
    }
    qsort(set->sorted, set->count, sizeof(struct rw_added *), by_pattern);
    size_t at = 0;
    for (unsigned byte = 0; byte < 256; byte++) {
        set->first[byte] = (uint32_t)at;
        while (at < set->count && (unsigned char)set->sorted[at]->pattern.ptr[0] == byte) {
            at++;
        }
    }
    set->first[256] = (uint32_t)at;
    return true;
}

static bool is_trusted(const struct rw_trust *trust, uint32_t begin, uint32_t end)
{
    size_t low = 0;
    size_t high = trust->count;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (trust->spans[mid].end < end) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low < trust->count && trust->spans[low].begin <= begin;
}

/* First of sorted[low..high) whose byte at `depth` is >= byte; all are longer than depth and agree
 * before it. */
static size_t lower_bound(const struct rw_added_set *set, size_t low, size_t high, size_t depth,
                          unsigned byte)
{
    while (low < high) {
        size_t mid = (low + high) / 2;
        if ((unsigned char)set->sorted[mid]->pattern.ptr[depth] < byte) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low;
}

/* The longest admissible token whose pattern starts at `at`, or NULL. */
static const struct rw_added *longest_at(const struct rw_added_set *set,
                                         const struct rw_piece *piece, const struct rw_trust *trust,
                                         size_t at)
{
    struct rw_str text = piece->text;
    unsigned byte = (unsigned char)text.ptr[at];
    size_t low = set->first[byte];
    size_t high = set->first[byte + 1];
    const struct rw_added *found = NULL;
    size_t depth = 1;
    while (low < high) {
        /* A pattern that ends here sorts before those it is a prefix of. */
        while (low < high && set->sorted[low]->pattern.len == depth) {
            const struct rw_added *token = set->sorted[low];
            if (!token->special ||
                is_trusted(trust, rw_piece_begin(piece, at), rw_piece_begin(piece, at + depth))) {
                found = token;
            }
            low++;
        }
        if (at + depth >= text.len) {
            break;
        }
        byte = (unsigned char)text.ptr[at + depth];
        low = lower_bound(set, low, high, depth, byte);
        high = lower_bound(set, low, high, depth, byte + 1);
        depth++;
    }
    return found;
}

static bool has_flag(struct rw_str text, size_t at, unsigned flag)
{
    size_t next;
    return (rw_unicode_flags(rw_unicode_at(text, at, &next)) & flag) != 0;
}

static bool is_single_word(struct rw_str text, size_t begin, size_t end)
{
    bool left = begin > 0 && has_flag(text, rw_unicode_before(text, begin), RW_UNICODE_WORD);
    bool right = end < text.len && has_flag(text, end, RW_UNICODE_WORD);
    return !left && !right;
}

static bool is_space(struct rw_str text, size_t at)
{
    size_t next;
    unsigned flags = rw_unicode_flags(rw_unicode_at(text, at, &next));
    return (flags & RW_UNICODE_CLASS) == RW_UNICODE_SPACE;
}

static void take_space(struct rw_added_match *match, struct rw_str text, size_t floor)
{
    while (match->token->lstrip && match->begin > floor) {
        size_t before = rw_unicode_before(text, match->begin);
        if (before < floor || !is_space(text, before)) {
            break;
        }
        match->begin = before;
    }
    while (match->token->rstrip && match->end < text.len && is_space(text, match->end)) {
        (void)rw_unicode_at(text, match->end, &match->end);
    }
}

struct rw_added_match rw_added_next(const struct rw_added_set *set, const struct rw_piece *piece,
                                    const struct rw_trust *trust, size_t at, size_t floor)
{
    struct rw_str text = piece->text;
    while (set->count > 0 && at < text.len) {
        unsigned byte = (unsigned char)text.ptr[at];
        const struct rw_added *token =
            set->first[byte] < set->first[byte + 1] ? longest_at(set, piece, trust, at) : NULL;
        if (token == NULL) {
            at++;
            continue;
        }
        size_t end = at + token->pattern.len;
        if (token->single_word && !is_single_word(text, at, end)) {
            at = end; /* the reference does not look inside a match it discards, either */
            continue;
        }
        struct rw_added_match match = {token, at, end, end};
        take_space(&match, text, floor);
        return match;
    }
    return (struct rw_added_match){NULL, text.len, text.len, text.len};
}
