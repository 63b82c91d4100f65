/* One form for equal texts: LaTeX wrappers, signs and brackets of an answer. */
#include "core/base/assert.h"
#include "core/shortcut/answer_parts.h"
#include "core/shortcut/scan.h"

static const struct {
    const char *from;
    const char *to;
} REWRITES[] = {
    {"\\left", ""},
    {"\\right", ""},
    {"\\!", ""},
    {"\\,", ""},
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
    {"^{\\circ}", ""},
    {"^\\circ", ""},
    {"\\degree", ""},
    {"\\text", ""},
    {"\\textbf", ""},
    {"\\mathrm", ""},
    {"\\mathbf", ""},
    {"\\mbox", ""},
    {"\xE2\x88\x92", "-"},
    {"\xC3\x97", "*"},
    {"\xC3\xB7", "/"},
    {"\xC2\xB0", ""},
    {"\xCF\x80", "\\pi "},
    {"\xE2\x82\xAC", ""},
    {"\xC2\xA3", ""},
    {"**", ""},
    {"\\{", "{"},
    {"\\}", "}"},
    {"~", " "},
    {"\xC2\xA0", " "},
};

/* Longest match first: "\textbf" before "\text". */
static size_t rewrite_at(struct rw_str s, size_t at)
{
    size_t best = sizeof REWRITES / sizeof *REWRITES;
    size_t best_len = 0;
    for (size_t i = 0; i < sizeof REWRITES / sizeof *REWRITES; i++) {
        size_t len = strlen(REWRITES[i].from);
        if (len > best_len && len <= s.len - at && memcmp(s.ptr + at, REWRITES[i].from, len) == 0) {
            best = i;
            best_len = len;
        }
    }
    return best;
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
        if (k < sizeof REWRITES / sizeof *REWRITES) {
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
    if (at == s.len || rw_str_find(s, RW_STR("="), at + width) < s.len) {
        return s;
    }
    for (size_t i = 0; i < at; i++) {
        if (rw_scan_digit(s.ptr[i]) || strchr("+*/^<>!", s.ptr[i]) != NULL) {
            return s;
        }
    }
    return rw_answer_tidy(rw_str_slice(s, at + width, s.len));
}
