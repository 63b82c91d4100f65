/* One form for equal texts: LaTeX wrappers, signs and brackets of an answer. */
#include "core/answer/parts.h"
#include "core/base/assert.h"
#include "core/base/scan.h"
#include "core/base/util.h"

static const struct {
    const char *from;
    const char *to;
} REWRITES[] = {
    {"\\left", ""},
    {"\\right", ""},
    {"\\!", " "},
    {"\\,", " "},
    {",\\!", ","},
    {"{,}", ","},
    {"\\;", " "},
    {"\\ ", " "},
    {"\\displaystyle", ""},
    {"\\$", ""},
    {"$", ""},
    {"\\(", ""},
    {"\\)", ""},
    {"\\[", ""},
    {"\\]", ""},
    {"\\%", "%"},
    {"\\cdot", "*"},
    {"\\times", "*"},
    {"\\div", "/"},
    {"^{\\circ}", " deg"},
    {"^\\circ", " deg"},
    {"^{\\degree}", " deg"},
    {"\\degree", " deg"},
    {"\\text", ""},
    {"\\textbf", ""},
    {"\\mathrm", ""},
    {"\\mathbf", ""},
    {"\\mbox", ""},
    {"\xE2\x88\x92", "-"},
    {"\xC3\x97", "*"},
    {"\xC3\xB7", "/"},
    {"\xC2\xB0", " deg"},
    {"\xCF\x80", "\\pi "},
    {"\xE2\x82\xAC", ""},
    {"\xC2\xA3", ""},
    {"**", ""},
    {"\\{", "{"},
    {"\\}", "}"},
    {"~", " "},
    {"\xC2\xA0", " "},
};

/* "\left" is not the beginning of "\leftarrow". */
static bool whole_command(struct rw_str s, size_t at, size_t len)
{
    size_t end = at + len;
    return !rw_scan_letter(s.ptr[end - 1]) || s.ptr[at] != '\\' || end >= s.len ||
           !rw_scan_letter(s.ptr[end]) || (unsigned char)s.ptr[end] >= 0x80;
}

/* Longest match first: "\textbf" before "\text". */
static size_t rewrite_at(struct rw_str s, size_t at)
{
    size_t best = RW_COUNT(REWRITES);
    size_t best_len = 0;
    for (size_t i = 0; i < RW_COUNT(REWRITES); i++) {
        size_t len = strlen(REWRITES[i].from);
        if (len > best_len && len <= s.len - at && memcmp(s.ptr + at, REWRITES[i].from, len) == 0 &&
            whole_command(s, at, len)) {
            best = i;
            best_len = len;
        }
    }
    return best;
}

/* "2**3" and "2 ** 3" are powers; other pairs of stars make letters bold. */
static bool is_power(struct rw_str s, size_t at)
{
    size_t end = at + 2;
    if (at == 0 || end >= s.len || memcmp(s.ptr + at, "**", 2) != 0) {
        return false;
    }
    if (rw_scan_space(s.ptr[at - 1]) && rw_scan_space(s.ptr[end])) {
        return true;
    }
    return (rw_scan_word(s.ptr[at - 1]) || strchr(")}]", s.ptr[at - 1]) != NULL) &&
           (rw_scan_word(s.ptr[end]) || strchr("({-", s.ptr[end]) != NULL);
}

/* "10\,000": a thin space before a group of three digits is a thousands separator. */
static bool is_thousands(struct rw_str s, size_t at)
{
    if (at == 0 || s.len - at < 5 || memcmp(s.ptr + at, "\\,", 2) != 0 ||
        !rw_scan_digit(s.ptr[at - 1])) {
        return false;
    }
    size_t n = 0;
    while (at + 2 + n < s.len && rw_scan_digit(s.ptr[at + 2 + n])) {
        n++;
    }
    return n == 3;
}

/* Braces of a wrapper that went are left: "{5}" is a group to the evaluator. */
bool rw_answer_normalise(struct rw_str s, struct rw_answer_form *out)
{
    out->len = 0;
    s = rw_str_trim(s);
    if (s.len > RW_ANSWER_MAX / 2) {
        return false;
    }
    for (size_t i = 0; i < s.len;) {
        size_t k = rewrite_at(s, i);
        if (is_power(s, i)) {
            out->text[out->len++] = '^';
            i += 2;
        } else if (is_thousands(s, i)) {
            i += 2;
        } else if (k < RW_COUNT(REWRITES)) {
            size_t len = strlen(REWRITES[k].to);
            memcpy(out->text + out->len, REWRITES[k].to, len);
            out->len += len;
            i += strlen(REWRITES[k].from);
            if (REWRITES[k].from[0] == '\\' && len == 0 && out->len > 0 && i < s.len &&
                rw_scan_word(s.ptr[i]) && rw_scan_word(out->text[out->len - 1])) {
                out->text[out->len++] = ' ';
            }
        } else {
            out->text[out->len++] = s.ptr[i++];
        }
        rw_assert(out->len < sizeof out->text);
    }
    return true;
}

struct rw_str rw_answer_tidy(struct rw_str s)
{
    for (;;) {
        s = rw_str_trim(s);
        if (s.len > 0 && strchr(".,;:", s.ptr[s.len - 1]) != NULL && s.ptr[s.len - 1] != 0) {
            s.len--;
        } else {
            return s;
        }
    }
}

/* s is one pair of brackets with all of the rest inside. */
bool rw_answer_enclosed(struct rw_str s, char *kind)
{
    if (s.len < 2 || strchr("([{", s.ptr[0]) == NULL || strchr(")]}", s.ptr[s.len - 1]) == NULL) {
        return false;
    }
    size_t depth = 0;
    for (size_t i = 0; i < s.len; i++) {
        depth += s.ptr[i] == '(' || s.ptr[i] == '[' || s.ptr[i] == '{';
        if (s.ptr[i] == ')' || s.ptr[i] == ']' || s.ptr[i] == '}') {
            if (depth == 0 || (--depth == 0 && i + 1 < s.len)) {
                return false;
            }
        }
    }
    *kind = s.ptr[0];
    return depth == 0;
}

/* A hyphen in a name, not a minus: "x-coordinate". */
static bool hyphen(struct rw_str s, size_t at)
{
    return at > 0 && at + 2 < s.len && rw_scan_letter(s.ptr[at - 1]) &&
           rw_scan_letter(s.ptr[at + 1]) && rw_scan_letter(s.ptr[at + 2]);
}

/* Does the left side compute something? "-x", "|x|", "\sqrt{x}", "2x" are not names of the answer.
 */
static bool computes(struct rw_str left)
{
    static const char *const COMMANDS[] = {"\\frac", "\\sqrt", "\\sin", "\\cos",
                                           "\\tan",  "\\log",  "\\ln",  "sqrt("};
    for (size_t i = 0; i < left.len; i++) {
        char c = left.ptr[i];
        if (rw_scan_digit(c) || strchr("+*/^<>!|", c) != NULL || (c == '-' && !hyphen(left, i))) {
            return true;
        }
    }
    for (size_t i = 0; i < RW_COUNT(COMMANDS); i++) {
        if (rw_str_find(left, rw_str_from(COMMANDS[i]), 0) < left.len) {
            return true;
        }
    }
    return false;
}

/* "x = 5", "total cost = 5", "x \in (1, 2)": what stands behind, when nothing is computed before.
 */
struct rw_str rw_answer_right_side(struct rw_str s)
{
    size_t at = rw_str_find(s, RW_STR("="), 0);
    size_t width = 1;
    if (at == s.len) {
        at = rw_str_find(s, RW_STR("\\in "), 0);
        width = 4;
    }
    if (at == s.len || rw_str_find(s, RW_STR("="), at + width) < s.len ||
        computes(rw_str_slice(s, 0, at))) {
        return s;
    }
    return rw_answer_tidy(rw_str_slice(s, at + width, s.len));
}
