#include "core/base/visible.h"

#include "core/base/scan.h"
#include "core/base/utf8.h"
#include "core/base/util.h"

enum {
    WORD_MAX = 24, /* characters looked at for the script of a word */
    RUN_MAX = 16,  /* characters that draw nothing, looked over for their neighbours */
    GONE = 0,      /* as a character to write: none */
};

/* Sorted. `to` is the ASCII character the first of them becomes; the others follow it when `step`
 * is 1, and all become the same when it is 0. */
static const struct range {
    int32_t first;
    int32_t last;
    char to;
    int step;
} RANGES[] = {
    {0x00A0, 0x00A0, ' ', 0},    {0x00AD, 0x00AD, GONE, 0},   {0x034F, 0x034F, GONE, 0},
    {0x061C, 0x061C, GONE, 0},   {0x0660, 0x0669, '0', 1},    {0x06F0, 0x06F9, '0', 1},
    {0x07C0, 0x07C9, '0', 1},    {0x0966, 0x096F, '0', 1},    {0x09E6, 0x09EF, '0', 1},
    {0x0A66, 0x0A6F, '0', 1},    {0x0AE6, 0x0AEF, '0', 1},    {0x0B66, 0x0B6F, '0', 1},
    {0x0BE6, 0x0BEF, '0', 1},    {0x0C66, 0x0C6F, '0', 1},    {0x0CE6, 0x0CEF, '0', 1},
    {0x0D66, 0x0D6F, '0', 1},    {0x0E50, 0x0E59, '0', 1},    {0x0ED0, 0x0ED9, '0', 1},
    {0x0F20, 0x0F29, '0', 1},    {0x1040, 0x1049, '0', 1},    {0x115F, 0x1160, GONE, 0},
    {0x1680, 0x1680, ' ', 0},    {0x17B4, 0x17B5, GONE, 0},   {0x17E0, 0x17E9, '0', 1},
    {0x180B, 0x180F, GONE, 0},   {0x1810, 0x1819, '0', 1},    {0x2000, 0x200A, ' ', 0},
    {0x200B, 0x200F, GONE, 0},   {0x2010, 0x2012, '-', 0},    {0x2028, 0x2029, '\n', 0},
    {0x202A, 0x202E, GONE, 0},   {0x202F, 0x202F, ' ', 0},    {0x2044, 0x2044, '/', 0},
    {0x204E, 0x204E, '*', 0},    {0x205F, 0x205F, ' ', 0},    {0x2060, 0x206F, GONE, 0},
    {0x2212, 0x2212, '-', 0},    {0x2215, 0x2215, '/', 0},    {0x2217, 0x2217, '*', 0},
    {0x2219, 0x2219, '*', 0},    {0x2715, 0x2716, '*', 0},    {0x2795, 0x2795, '+', 0},
    {0x2796, 0x2796, '-', 0},    {0x2797, 0x2797, '/', 0},    {0x3000, 0x3000, ' ', 0},
    {0x3164, 0x3164, GONE, 0},   {0xA78A, 0xA78A, '=', 0},    {0xFE00, 0xFE0F, GONE, 0},
    {0xFE62, 0xFE62, '+', 0},    {0xFE63, 0xFE63, '-', 0},    {0xFE66, 0xFE66, '=', 0},
    {0xFE6A, 0xFE6A, '%', 0},    {0xFEFF, 0xFEFF, GONE, 0},   {0xFF01, 0xFF5E, '!', 1},
    {0xFFA0, 0xFFA0, GONE, 0},   {0xFFE5, 0xFFE5, '$', 0},    {0x1BCA0, 0x1BCA3, GONE, 0},
    {0x1D173, 0x1D17A, GONE, 0}, {0xE0000, 0xE0FFF, GONE, 0},
};

/* Letters drawn as Latin ones. Greek small letters other than omicron are left: formulas use them
 * for themselves. */
static const struct {
    int32_t code;
    char latin;
} LOOK_ALIKES[] = {
    {0x0391, 'A'}, {0x0392, 'B'}, {0x0395, 'E'}, {0x0396, 'Z'}, {0x0397, 'H'}, {0x0399, 'I'},
    {0x039A, 'K'}, {0x039C, 'M'}, {0x039D, 'N'}, {0x039F, 'O'}, {0x03A1, 'P'}, {0x03A4, 'T'},
    {0x03A5, 'Y'}, {0x03A7, 'X'}, {0x03BF, 'o'}, {0x0405, 'S'}, {0x0406, 'I'}, {0x0408, 'J'},
    {0x0410, 'A'}, {0x0412, 'B'}, {0x0415, 'E'}, {0x041A, 'K'}, {0x041C, 'M'}, {0x041D, 'H'},
    {0x041E, 'O'}, {0x0420, 'P'}, {0x0421, 'C'}, {0x0422, 'T'}, {0x0423, 'Y'}, {0x0425, 'X'},
    {0x0430, 'a'}, {0x0435, 'e'}, {0x043E, 'o'}, {0x0440, 'p'}, {0x0441, 'c'}, {0x0443, 'y'},
    {0x0445, 'x'}, {0x0455, 's'}, {0x0456, 'i'}, {0x0458, 'j'}, {0x04BB, 'h'}, {0x0501, 'd'},
    {0x051B, 'q'}, {0x051D, 'w'},
};

static char look_alike(int32_t code)
{
    for (size_t i = 0; code >= 0x0391 && i < RW_COUNT(LOOK_ALIKES); i++) {
        if (LOOK_ALIKES[i].code == code) {
            return LOOK_ALIKES[i].latin;
        }
    }
    return 0;
}

static const struct range *range_of(int32_t code)
{
    size_t low = 0;
    size_t high = RW_COUNT(RANGES);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (RANGES[middle].last < code) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < RW_COUNT(RANGES) && RANGES[low].first <= code ? &RANGES[low] : NULL;
}

/* Mathematical letters and digits, U+1D400 to 1D7FF: alphabets of 52, then of 10. */
static char mathematical(int32_t code)
{
    if (code >= 0x1D400 && code <= 0x1D6A3) {
        int32_t letter = (code - 0x1D400) % 52;
        return (char)(letter < 26 ? 'A' + letter : 'a' + letter - 26);
    }
    return (char)(code >= 0x1D7CE && code <= 0x1D7FF ? '0' + (code - 0x1D7CE) % 10 : 0);
}

static bool is_ascii(struct rw_str text, size_t at)
{
    return at < text.len && (unsigned char)text.ptr[at] < 0x80;
}

static bool is_gone(int32_t code)
{
    const struct range *range = range_of(code);
    return range != NULL && range->to == GONE;
}

/* Past characters that draw nothing, at most RUN_MAX of them: what a reader sees next. */
static bool ascii_behind(struct rw_str text, size_t at)
{
    for (int i = 0; i < RUN_MAX && at < text.len; i++) {
        size_t advance;
        if (is_ascii(text, at) || !is_gone(rw_utf8_decode(text, at, &advance))) {
            return is_ascii(text, at);
        }
        at += advance;
    }
    return true; /* the end, or a long run: nothing needs that */
}

static bool ascii_before(struct rw_str text, size_t at)
{
    for (int i = 0; i < RUN_MAX && at > 0; i++) {
        size_t advance;
        at--;
        while (at > 0 && ((unsigned char)text.ptr[at] & 0xC0) == 0x80) {
            at--;
        }
        if (is_ascii(text, at) || !is_gone(rw_utf8_decode(text, at, &advance))) {
            return is_ascii(text, at);
        }
    }
    return true;
}

/* The word around byte `at` has a Latin letter. */
static bool in_latin_word(struct rw_str text, size_t at)
{
    size_t advance;
    size_t begin = at;
    for (int i = 0; i < WORD_MAX * RW_UTF8_MAX_BYTES && begin > 0; i++) {
        if (!rw_scan_letter(text.ptr[begin - 1])) {
            break;
        }
        begin--;
        if (is_ascii(text, begin)) {
            return true;
        }
    }
    for (int i = 0; i < WORD_MAX && at < text.len && rw_scan_letter(text.ptr[at]); i++) {
        if (is_ascii(text, at)) {
            return true;
        }
        rw_utf8_decode(text, at, &advance);
        at += advance;
    }
    return false;
}

/* What the character at *at becomes: an ASCII character, GONE, or -1 for what it is. *at moves
 * behind it. */
static int next_visible(struct rw_str text, size_t *at, bool *hidden)
{
    size_t advance;
    size_t here = *at;
    *hidden = false;
    if (is_ascii(text, here)) {
        *at += 1;
        return -1;
    }
    int32_t code = rw_utf8_decode(text, here, &advance);
    *at += advance;
    char letter = look_alike(code);
    if (letter != 0) {
        *hidden = in_latin_word(text, here);
        return *hidden ? letter : -1;
    }
    letter = mathematical(code);
    const struct range *range = range_of(code);
    if (letter != 0 || range == NULL) {
        return letter != 0 ? letter : -1;
    }
    if (range->to == GONE) {
        bool byte_order = code == 0xFEFF && here == 0; /* files begin with it */
        *hidden = !byte_order && ascii_before(text, here) && ascii_behind(text, *at);
        return GONE;
    }
    return range->to + range->step * (int)(code - range->first);
}

static bool all_ascii(struct rw_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.ptr[i] >= 0x80) {
            return false;
        }
    }
    return true;
}

rw_status rw_visible_text(struct rw_str text, struct rw_arena *arena, struct rw_visible *out,
                          struct rw_error *err)
{
    *out = (struct rw_visible){.text = text};
    if (all_ascii(text)) {
        return RW_OK;
    }
    char *bytes = rw_arena_alloc(arena, text.len); /* no character becomes longer */
    if (bytes == NULL) {
        return rw_fail(err, RW_NO_MEMORY, "no memory for %zu bytes of text", text.len);
    }
    size_t n = 0;
    for (size_t at = 0; at < text.len;) {
        size_t from = at;
        bool hidden;
        int now = next_visible(text, &at, &hidden);
        out->hidden += hidden ? 1 : 0;
        if (now < 0) {
            memcpy(bytes + n, text.ptr + from, at - from);
            n += at - from;
        } else if (now != GONE) {
            bytes[n++] = (char)now;
        }
    }
    out->text = (struct rw_str){bytes, n};
    return RW_OK;
}

size_t rw_visible_source(struct rw_str text, size_t at)
{
    size_t n = 0;
    for (size_t from = 0; from < text.len;) {
        size_t next = from;
        bool hidden;
        int now = next_visible(text, &next, &hidden);
        size_t wide = now < 0 ? next - from : now != GONE ? 1 : 0;
        if (n + wide > at) {
            return now < 0 ? from + (at - n) : from;
        }
        n += wide;
        from = next;
    }
    return text.len;
}
