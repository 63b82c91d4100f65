#include "core/text/nfc.h"

#include <stdint.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/assert.h"
#include "core/base/utf8.h"
#include "core/text/hangul.h"
#include "core/text/unicode.h"

enum {
    CODES_SIZE_FIRST = 64, /* code points */
    CLASSES = 256,         /* combining classes are 0..255 */
    DECOMPOSE_DEPTH = 8,   /* steps of a canonical decomposition; the longest chain has 3 */
};

/* A stretch as code points with their combining classes. */
struct codes {
    uint32_t *code;
    uint8_t *ccc;
    uint32_t *sorted; /* scratch of the sort */
    size_t count;
    size_t size;
};

static void codes_fini(struct codes *codes)
{
    rw_free(codes->code);
    rw_free(codes->ccc);
    rw_free(codes->sorted);
}

static bool codes_grow(struct codes *codes)
{
    size_t size = codes->size > 0 ? 2 * codes->size : CODES_SIZE_FIRST;
    if (!rw_alloc_resize(&codes->code, size, sizeof *codes->code) ||
        !rw_alloc_resize(&codes->ccc, size, sizeof *codes->ccc) ||
        !rw_alloc_resize(&codes->sorted, size, sizeof *codes->sorted)) {
        return false;
    }
    codes->size = size;
    return true;
}

static bool codes_push(struct codes *codes, uint32_t code)
{
    if (codes->count == codes->size && !codes_grow(codes)) {
        return false;
    }
    codes->code[codes->count] = code;
    codes->ccc[codes->count] = (uint8_t)rw_unicode_combining(code);
    codes->count++;
    return true;
}

/* Appends the full canonical decomposition. Only the first half of a pair decomposes further. */
static bool push_decomposed(struct codes *codes, uint32_t code)
{
    if (rw_hangul_is_syllable(code)) {
        uint32_t jamo[3];
        unsigned n = rw_hangul_decompose(code, jamo);
        return codes_push(codes, jamo[0]) && codes_push(codes, jamo[1]) &&
               (n < 3 || codes_push(codes, jamo[2]));
    }
    uint32_t tail[DECOMPOSE_DEPTH];
    size_t n = 0;
    for (;;) {
        const struct rw_unicode_pair *pair = rw_unicode_decomposition(code);
        if (pair == NULL) {
            break;
        }
        code = pair->a;
        if (pair->b != 0) {
            rw_assert(n < DECOMPOSE_DEPTH);
            tail[n++] = pair->b;
        }
    }
    bool done = codes_push(codes, code);
    while (done && n > 0) {
        done = codes_push(codes, tail[--n]);
    }
    return done;
}

/* Canonical ordering of one run of non-starters: stable counting sort by combining class. */
static void sort_marks(struct codes *codes, size_t begin, size_t end)
{
    size_t start[CLASSES + 1] = {0};
    for (size_t i = begin; i < end; i++) {
        start[codes->ccc[i] + 1]++;
    }
    for (size_t c = 0; c < CLASSES; c++) {
        start[c + 1] += start[c];
    }
    for (size_t i = begin; i < end; i++) {
        codes->sorted[start[codes->ccc[i]]++] = codes->code[i];
    }
    memcpy(codes->code + begin, codes->sorted, (end - begin) * sizeof *codes->code);
    for (size_t i = begin; i < end; i++) {
        codes->ccc[i] = (uint8_t)rw_unicode_combining(codes->code[i]);
    }
}

static void reorder(struct codes *codes)
{
    size_t i = 0;
    while (i < codes->count) {
        size_t end = i;
        bool sorted = true;
        while (end < codes->count && codes->ccc[end] != 0) {
            sorted = sorted && (end == i || codes->ccc[end - 1] <= codes->ccc[end]);
            end++;
        }
        if (!sorted) {
            sort_marks(codes, i, end);
        }
        i = end + 1;
    }
}

/* UAX #15 D117: each character composes with the last starter unless something blocks it. */
static void compose(struct codes *codes)
{
    size_t starter = SIZE_MAX;
    unsigned last_ccc = 0; /* of the character kept last; 0 right behind the starter */
    size_t kept = 0;
    for (size_t i = 0; i < codes->count; i++) {
        unsigned ccc = codes->ccc[i];
        bool adjacent = starter != SIZE_MAX && starter + 1 == kept;
        bool blocked = !adjacent && last_ccc >= ccc;
        uint32_t whole = starter != SIZE_MAX && !blocked
                             ? rw_unicode_composition(codes->code[starter], codes->code[i])
                             : 0;
        if (whole != 0) {
            codes->code[starter] = whole;
            continue;
        }
        if (ccc == 0) {
            starter = kept;
        }
        last_ccc = ccc;
        codes->code[kept] = codes->code[i];
        codes->ccc[kept] = (uint8_t)ccc;
        kept++;
    }
    codes->count = kept;
}

static bool emit(const struct codes *codes, const struct rw_piece *from, size_t begin, size_t end,
                 struct rw_mapped *to)
{
    size_t first = to->len;
    for (size_t i = 0; i < codes->count; i++) {
        char bytes[RW_UTF8_MAX_BYTES];
        size_t n = rw_utf8_encode(codes->code[i], bytes);
        uint32_t at = rw_piece_begin(from, begin);
        if (!rw_mapped_add(to, (struct rw_str){bytes, n}, at, at)) {
            return false;
        }
    }
    struct rw_str was = rw_str_slice(from->text, begin, end);
    if (rw_str_equal(was, (struct rw_str){to->text + first, to->len - first})) {
        to->len = first; /* already NFC: every character keeps its own offset */
        return rw_mapped_copy(to, from, begin, end);
    }
    to->map[to->len - 1] = rw_piece_end(from, end - 1);
    return true;
}

static bool rewrite(struct codes *codes, const struct rw_piece *from, size_t begin, size_t end,
                    struct rw_mapped *to)
{
    codes->count = 0;
    size_t at = begin;
    while (at < end) {
        uint32_t code = rw_unicode_at(from->text, at, &at);
        if (!push_decomposed(codes, code)) {
            return false;
        }
    }
    reorder(codes);
    compose(codes);
    return emit(codes, from, begin, end, to);
}

/* The next stretch at or after `at` that may change: from the character before the first suspect
 * one to the next character that is none. *begin == text.len when there is no more. */
static void next_suspects(struct rw_str text, size_t at, size_t *begin, size_t *end)
{
    size_t floor = at;
    size_t next = at;
    *begin = text.len;
    *end = text.len;
    while (at < text.len) {
        unsigned flags = rw_unicode_flags(rw_unicode_at(text, at, &next));
        if ((flags & RW_UNICODE_NFC_CHECK) != 0 && *begin == text.len) {
            *begin = at > floor ? rw_unicode_before(text, at) : at;
        }
        if ((flags & RW_UNICODE_NFC_CHECK) == 0 && *begin < text.len) {
            *end = at;
            return;
        }
        at = next;
    }
}

bool rw_nfc(struct rw_piece *piece, struct rw_mapped *to)
{
    size_t begin;
    size_t end;
    next_suspects(piece->text, 0, &begin, &end);
    if (begin == piece->text.len) {
        return true;
    }
    struct codes codes = {0};
    bool done = true;
    size_t copied = 0;
    to->len = 0;
    while (done && begin < piece->text.len) {
        done = rw_mapped_copy(to, piece, copied, begin) && rewrite(&codes, piece, begin, end, to);
        copied = end;
        next_suspects(piece->text, end, &begin, &end);
    }
    done = done && rw_mapped_copy(to, piece, copied, piece->text.len);
    codes_fini(&codes);
    if (done) {
        *piece = rw_mapped_piece(to, piece->base);
    }
    return done;
}
