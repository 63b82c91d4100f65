#include "core/model/layout.h"

#include "core/base/assert.h"
#include "core/base/utf8.h"

const char *rw_section_name(enum rw_section_id id)
{
    static const char *const NAME[RW_SECTION_COUNT] = {
        "begin",      "system", "user",    "assistant", "prompt", "open",
        "first_step", "step",   "between", "response",  "close",
    };
    rw_assert(id < RW_SECTION_COUNT);
    return NAME[id];
}

/* str.isspace of Python, which templates and reference scripts trim with. */
static bool is_python_space(int32_t c)
{
    return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 ||
           c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 ||
           c == 0x202F || c == 0x205F || c == 0x3000;
}

static struct rw_str trim_left(struct rw_str text)
{
    size_t at = 0;
    size_t advance;
    while (at < text.len && is_python_space(rw_utf8_decode(text, at, &advance))) {
        at += advance;
    }
    return rw_str_slice(text, at, text.len);
}

static struct rw_str trim_right(struct rw_str text)
{
    while (text.len > 0) {
        size_t at = text.len - 1;
        while (at > 0 && ((unsigned char)text.ptr[at] & 0xC0) == 0x80) {
            at--; /* back to the first byte of the last character */
        }
        size_t advance;
        if (!is_python_space(rw_utf8_decode(text, at, &advance))) {
            break;
        }
        text.len = at;
    }
    return text;
}

static struct rw_str skip_newlines(struct rw_str text)
{
    size_t at = 0;
    while (at < text.len && text.ptr[at] == '\n') {
        at++;
    }
    return rw_str_slice(text, at, text.len);
}

struct rw_str rw_layout_trim(struct rw_str text, enum rw_trim trim)
{
    switch (trim) {
    case RW_TRIM_NONE:
        return text;
    case RW_TRIM_LEFT:
        return trim_left(text);
    case RW_TRIM_RIGHT:
        return trim_right(text);
    case RW_TRIM_BOTH:
        return trim_right(trim_left(text));
    case RW_TRIM_NEWLINES_LEFT:
        return skip_newlines(text);
    }
    rw_assert(false);
}

static size_t find_last(struct rw_str text, struct rw_str needle)
{
    size_t last = text.len;
    for (size_t at = rw_str_find(text, needle, 0); at < text.len;
         at = rw_str_find(text, needle, at + 1)) {
        last = at;
    }
    return last;
}

/* As Qwen3's template: reasoning is what stands before the first </think> and behind the last
 * <think> in it; the answer is what stands behind the last </think>. */
struct rw_str rw_layout_part(struct rw_str text, enum rw_part part)
{
    static const struct rw_str OPEN = {"<think>", 7};
    static const struct rw_str CLOSE = {"</think>", 8};
    size_t close = rw_str_find(text, CLOSE, 0);
    if (part == RW_PART_WHOLE) {
        return text;
    }
    if (part == RW_PART_ANSWER) {
        size_t last = find_last(text, CLOSE);
        return close == text.len ? text
                                 : skip_newlines(rw_str_slice(text, last + CLOSE.len, text.len));
    }
    if (close == text.len) {
        return rw_str_slice(text, 0, 0);
    }
    struct rw_str before = rw_str_slice(text, 0, close);
    size_t open = find_last(before, OPEN);
    if (open < before.len) {
        before = rw_str_slice(before, open + OPEN.len, before.len);
    }
    while (before.len > 0 && before.ptr[before.len - 1] == '\n') {
        before.len--;
    }
    return skip_newlines(before);
}
