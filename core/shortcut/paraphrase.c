#include "core/shortcut/paraphrase.h"

#include <string.h>

#include "core/base/mix.h"
#include "core/base/scan.h"
#include "core/base/util.h"

static const struct {
    const char *before;
    const char *after;
} FRAME[] = {
    {"Here is a question. ", ""},
    {"", "\nThat is the question to be answered."},
    {"Consider the following. ", ""},
    {"Please work this out: ", ""},
};

/* Whole words only, and only where one stands for the other in any sentence of a word problem. */
static const struct {
    const char *from;
    const char *to;
} WORD[] = {
    {"buys", "purchases"}, {"bought", "purchased"}, {"altogether", "in all"},
    {"gives", "hands"},    {"begins", "starts"},    {"began", "started"},
    {"children", "kids"},  {"large", "big"},        {"small", "little"},
    {"also", "as well"},   {"Find", "Work out"},    {"Calculate", "Compute"},
    {"Determine", "Find"}, {"Evaluate", "Compute"}, {"Suppose", "Assume"},
};

enum {
    GROWTH_MAX = 4, /* no replacement is longer than so many times what it replaces */
    FRAME_BYTES_MAX = 64,
};

static bool in_word(char c)
{
    return rw_scan_letter(c) || rw_scan_digit(c) || c == '_' || c == '\\' ||
           ((unsigned char)c & 0x80) != 0;
}

static size_t append(char *out, size_t at, struct rw_str text)
{
    memcpy(out + at, text.ptr, text.len);
    return at + text.len;
}

static struct rw_str replaced(struct rw_str word)
{
    for (size_t i = 0; i < RW_COUNT(WORD); i++) {
        if (rw_str_is(word, WORD[i].from)) {
            return rw_str_from(WORD[i].to);
        }
    }
    return word;
}

rw_status rw_paraphrase(struct rw_str text, uint64_t seed, struct rw_arena *arena,
                        struct rw_str *out, struct rw_error *err)
{
    size_t frame = rw_mix(seed, 0) % RW_COUNT(FRAME);
    if (text.len == 0) {
        return rw_fail(err, RW_NOT_FOUND, "there is no text");
    }
    if (text.len > SIZE_MAX / GROWTH_MAX - FRAME_BYTES_MAX) {
        return rw_fail_memory(err, "a paraphrase");
    }
    char *to = rw_arena_alloc(arena, GROWTH_MAX * text.len + FRAME_BYTES_MAX);
    if (to == NULL) {
        return rw_fail_memory(err, "a paraphrase");
    }
    size_t n = append(to, 0, rw_str_from(FRAME[frame].before));
    for (size_t i = 0; i < text.len;) {
        size_t from = i;
        while (i < text.len && in_word(text.ptr[i])) {
            i++;
        }
        n = append(to, n, replaced(rw_str_slice(text, from, i)));
        if (i < text.len) {
            to[n++] = text.ptr[i++];
        }
    }
    n = append(to, n, rw_str_from(FRAME[frame].after));
    *out = (struct rw_str){to, n};
    return RW_OK;
}
