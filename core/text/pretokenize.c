#include "core/text/pretokenize.h"

#include <stdint.h>

#include "core/base/assert.h"
#include "core/base/util.h"
#include "core/text/unicode.h"

static const struct {
    const char *regex;
    enum rw_pattern pattern;
} KNOWN[] = {
    {"'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
     RW_PATTERN_GPT2},
    {"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}|"
     " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
     RW_PATTERN_QWEN2},
    {"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}|"
     " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
     RW_PATTERN_LLAMA3},
};

bool rw_pretokenize_known(struct rw_str regex, enum rw_pattern *out)
{
    for (size_t i = 0; i < RW_COUNT(KNOWN); i++) {
        if (rw_str_is(regex, KNOWN[i].regex)) {
            *out = KNOWN[i].pattern;
            return true;
        }
    }
    return false;
}

/* A character and what the patterns ask of it. `category` is -1 behind the end of the text. */
struct look {
    uint32_t code;
    int category;
    size_t next;
};

static struct look look_at(struct rw_str text, size_t at)
{
    struct look look = {0, -1, at};
    if (at < text.len) {
        look.code = rw_unicode_at(text, at, &look.next);
        look.category = (int)(rw_unicode_flags(look.code) & RW_UNICODE_CLASS);
    }
    return look;
}

static bool is_newline(struct look look)
{
    return look.category == RW_UNICODE_SPACE && (look.code == '\r' || look.code == '\n');
}

/* End of the run of at most `max` characters of `category` that starts at `at`. */
static size_t run_of(struct rw_str text, size_t at, int category, size_t max)
{
    struct look look = look_at(text, at);
    while (max > 0 && look.category == category) {
        at = look.next;
        max--;
        look = look_at(text, at);
    }
    return at;
}

/* Lower case of an ASCII letter. U+017F folds to s as well, hence (?i:'s) matches it. */
static uint32_t fold(uint32_t code, bool ignore_case)
{
    if (!ignore_case) {
        return code;
    }
    if (code >= 'A' && code <= 'Z') {
        return code + ('a' - 'A');
    }
    return code == 0x17F ? 's' : code;
}

/* 's 't 're 've 'm 'll 'd: the end of the match at the apostrophe, or `at`. */
static size_t match_contraction(struct rw_str text, size_t at, bool ignore_case)
{
    struct look first = look_at(text, at + 1);
    if (first.category < 0) {
        return at;
    }
    uint32_t a = fold(first.code, ignore_case);
    if (a == 's' || a == 't' || a == 'm' || a == 'd') {
        return first.next;
    }
    struct look second = look_at(text, first.next);
    if (second.category < 0) {
        return at;
    }
    uint32_t b = fold(second.code, ignore_case);
    bool found = (a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l');
    return found ? second.next : at;
}

/* \s+(?!\S)|\s+ : white space keeps its last character for the next word, if there is one. */
static size_t match_space(struct rw_str text, size_t at)
{
    size_t end = run_of(text, at, RW_UNICODE_SPACE, SIZE_MAX);
    if (end == text.len) {
        return end;
    }
    size_t last = rw_unicode_before(text, end);
    return last > at ? last : end;
}

/* \s*[\r\n]+ : up to the last line end of the white space, or `at` when it holds none. */
static size_t match_line_end(struct rw_str text, size_t at)
{
    size_t end = at;
    struct look look = look_at(text, at);
    while (look.category == RW_UNICODE_SPACE) {
        if (is_newline(look)) {
            end = look.next;
        }
        look = look_at(text, look.next);
    }
    return end;
}

static size_t next_gpt2(struct rw_str text, size_t at)
{
    struct look first = look_at(text, at);
    if (first.code == '\'') {
        size_t end = match_contraction(text, at, false);
        if (end > at) {
            return end;
        }
    }
    /* " ?" before letters, numbers, or anything else that is not white space. */
    struct look head = first.code == ' ' ? look_at(text, first.next) : first;
    if (head.category >= 0 && head.category != RW_UNICODE_SPACE) {
        return run_of(text, head.next, head.category, SIZE_MAX);
    }
    return match_space(text, at);
}

static size_t next_tiktoken(struct rw_str text, size_t at, size_t digits_max)
{
    struct look first = look_at(text, at);
    if (first.category == RW_UNICODE_LETTER) {
        return run_of(text, first.next, RW_UNICODE_LETTER, SIZE_MAX);
    }
    if (first.category == RW_UNICODE_NUMBER) {
        return run_of(text, first.next, RW_UNICODE_NUMBER, digits_max - 1);
    }
    if (first.code == '\'') {
        size_t end = match_contraction(text, at, true);
        if (end > at) {
            return end;
        }
    }
    struct look second = look_at(text, first.next);
    /* [^\r\n\p{L}\p{N}]?\p{L}+ */
    if (second.category == RW_UNICODE_LETTER && !is_newline(first)) {
        return run_of(text, second.next, RW_UNICODE_LETTER, SIZE_MAX);
    }
    /*  ?[^\s\p{L}\p{N}]+[\r\n]* */
    struct look head = first.code == ' ' ? second : first;
    if (head.category == RW_UNICODE_OTHER) {
        size_t end = run_of(text, head.next, RW_UNICODE_OTHER, SIZE_MAX);
        while (end < text.len && (text.ptr[end] == '\r' || text.ptr[end] == '\n')) {
            end++;
        }
        return end;
    }
    size_t end = match_line_end(text, at);
    return end > at ? end : match_space(text, at);
}

static size_t next_metaspace(struct rw_str text, size_t at)
{
    /* A word may itself begin with the mark, so the search starts one byte later. */
    return rw_str_find(text, RW_STR("\xE2\x96\x81"), at + 1);
}

size_t rw_pretokenize_next(enum rw_pattern pattern, struct rw_str text, size_t at)
{
    rw_assert(at < text.len);
    switch (pattern) {
    case RW_PATTERN_GPT2:
        return next_gpt2(text, at);
    case RW_PATTERN_QWEN2:
        return next_tiktoken(text, at, 1);
    case RW_PATTERN_LLAMA3:
        return next_tiktoken(text, at, 3);
    case RW_PATTERN_METASPACE:
        return next_metaspace(text, at);
    case RW_PATTERN_NONE:
        break;
    }
    return text.len;
}
