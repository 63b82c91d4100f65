#include "core/model/block.h"

#include <string.h>

enum {
    FENCE_MIN = 3,  /* characters of its mark */
    INDENT_MAX = 3, /* blanks before it */
    NAME_MAX = 32,  /* bytes of an environment's name */
    /* After that many ends that were not there, none is looked for any more: every search goes to
     * the end of the text. The first failure is final for all but environments and fences, whose
     * names and lengths differ. */
    FAILURES_MAX = 16,
};

static size_t count_char(struct rw_str text, size_t at, char c)
{
    size_t n = 0;
    while (at + n < text.len && text.ptr[at + n] == c) {
        n++;
    }
    return n;
}

/* Of the line that `at` is in: where it begins with up to three blanks before `at`. */
static bool begins_line(struct rw_str text, size_t at)
{
    size_t indent = 0;
    while (at > 0 && text.ptr[at - 1] == ' ' && indent <= INDENT_MAX) {
        at--;
        indent++;
    }
    return indent <= INDENT_MAX && (at == 0 || text.ptr[at - 1] == '\n');
}

static size_t line_end(struct rw_str text, size_t at)
{
    return rw_str_find(text, RW_STR("\n"), at);
}

/* The end of the line that closes the fence opened at `at`; 0 = none. */
static size_t fence_end(struct rw_str text, size_t at, char mark)
{
    size_t length = count_char(text, at, mark);
    for (size_t line = line_end(text, at); line < text.len;) {
        size_t begin = line + 1;
        size_t end = line_end(text, begin);
        size_t first = begin + count_char(text, begin, ' ');
        size_t n = count_char(text, first, mark);
        struct rw_str rest = rw_str_slice(text, first + n, end);
        if (first - begin <= INDENT_MAX && n >= length && rw_str_trim(rest).len == 0) {
            return end;
        }
        line = end;
    }
    return 0;
}

static size_t behind(struct rw_str text, struct rw_str close, size_t from)
{
    size_t end = rw_str_find(text, close, from);
    return end < text.len ? end + close.len : 0;
}

static size_t environment_end(struct rw_str text, size_t at)
{
    const struct rw_str open = RW_STR("\\begin{");
    size_t name = at + open.len;
    size_t brace = rw_str_find(rw_str_slice(text, name, text.len), RW_STR("}"), 0);
    if (brace == 0 || brace > NAME_MAX || name + brace >= text.len) {
        return 0;
    }
    char close[NAME_MAX + sizeof "\\end{}"] = "\\end{";
    size_t n = strlen(close);
    memcpy(close + n, text.ptr + name, brace + 1);
    return behind(text, (struct rw_str){close, n + brace + 1}, name);
}

/* Which kind begins there; RW_BLOCK_KINDS = none. */
static enum rw_block_kind kind_at(struct rw_str text, size_t at)
{
    struct rw_str rest = rw_str_slice(text, at, text.len);
    char c = text.ptr[at];
    if ((c == '`' || c == '~') && begins_line(text, at) && count_char(text, at, c) >= FENCE_MIN) {
        return c == '`' ? RW_BLOCK_FENCE_BACKTICK : RW_BLOCK_FENCE_TILDE;
    }
    return rw_str_starts(rest, RW_STR("$$"))         ? RW_BLOCK_DOLLARS
           : rw_str_starts(rest, RW_STR("\\["))      ? RW_BLOCK_BRACKETS
           : rw_str_starts(rest, RW_STR("\\begin{")) ? RW_BLOCK_ENVIRONMENT
                                                     : RW_BLOCK_KINDS;
}

size_t rw_block_end(struct rw_block_scan *scan, size_t at)
{
    struct rw_str text = scan->text;
    char c = text.ptr[at];
    if (c != '`' && c != '~' && c != '$' && c != '\\') {
        return at;
    }
    enum rw_block_kind kind = kind_at(text, at);
    if (kind == RW_BLOCK_KINDS) {
        return at;
    }
    bool simple = kind == RW_BLOCK_DOLLARS || kind == RW_BLOCK_BRACKETS;
    if (scan->failures[kind] >= (simple ? 1 : FAILURES_MAX)) {
        return at;
    }
    size_t end = kind == RW_BLOCK_DOLLARS       ? behind(text, RW_STR("$$"), at + 2)
                 : kind == RW_BLOCK_BRACKETS    ? behind(text, RW_STR("\\]"), at + 2)
                 : kind == RW_BLOCK_ENVIRONMENT ? environment_end(text, at)
                                                : fence_end(text, at, c);
    scan->failures[kind] += end == 0 ? 1 : 0;
    return end > at ? end : at;
}
