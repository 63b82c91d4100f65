#include "core/answer/said.h"

#include <math.h>

#include "core/answer/word.h"
#include "core/base/scan.h"
#include "core/base/util.h"

enum {
    SEARCHED_STEPS = 2, /* the last ones */
};

/* A step without the answer, which lies in [begin, end) of it. */
struct around {
    struct rw_str text;
    size_t begin;
    size_t end;
};

static char char_at(struct rw_str s, size_t at)
{
    return at < s.len ? s.ptr[at] : 0;
}

/* Is the number at `at` the reference? *end is behind it. */
static bool number_is(struct rw_str text, size_t at, double wanted, size_t *end)
{
    struct rw_lexeme x = {.kind = RW_LEXEME_NUMBER, .begin = (uint32_t)at};
    struct rw_lexemes unused = {.n = 0};
    struct rw_lexeme_number value;
    rw_lexeme_number_scan(text, at, false, &x);
    x.name = rw_str_slice(text, at, x.end);
    rw_lexeme_number(&unused, &x, &value);
    *end = RW_MAX((size_t)x.end, at + 1);
    double near = 1e-9 * RW_MAX(wanted, 1);
    bool percent = char_at(text, *end) == '%' ||
                   (char_at(text, *end) == '\\' && char_at(text, *end + 1) == '%');
    return fabs(value.v - wanted) <= near || (percent && fabs(value.v - 100 * wanted) <= near);
}

/* A number in words, or "dozen" and its like behind another number. */
static bool word_is(struct rw_str word, double wanted, bool behind_number)
{
    int value = rw_word_number(word);
    return (value >= 0 && value == wanted) || (behind_number && rw_word_scale(word) > 0);
}

static char beside(struct rw_str s, size_t at, int step)
{
    do {
        at = step > 0 ? at + 1 : at - 1; /* past the end it wraps, and is no byte of the text */
    } while (rw_scan_space(char_at(s, at)) || char_at(s, at) == '$');
    return char_at(s, at);
}

/* A sign between two numbers, or what LaTeX has for one: bytes, 0 when it is none. */
static size_t operation(struct rw_str s, size_t at)
{
    static const char *const SIGNS[] = {"\\times", "\\cdot", "\\frac",   "\\dfrac",
                                        "\\div",   "\\sqrt", "\xC3\x97", "\xC3\xB7"};
    char c = s.ptr[at];
    if (c != '\\' && c != '\xC3') {
        if (c == 0 || strchr("+-*/^x", c) == NULL) {
            return 0;
        }
        char left = beside(s, at, -1);
        char right = beside(s, at, 1);
        return (rw_scan_digit(left) || left == ')' || left == '%') &&
               (rw_scan_digit(right) || right == '(' || right == '.');
    }
    for (size_t i = 0; i < RW_COUNT(SIGNS); i++) {
        if (rw_str_starts(rw_str_slice(s, at, s.len), rw_str_from(SIGNS[i]))) {
            return strlen(SIGNS[i]);
        }
    }
    return 0;
}

/* "12, 15", "2024. Then": the end of a formula that was not worked out. */
static bool ends(struct rw_str s, size_t at)
{
    char c = s.ptr[at];
    char next = char_at(s, at + 1);
    return c == '\n' || ((c == '.' || c == ',' || c == ';' || c == '?') && !rw_scan_digit(next));
}

/* Could the text state the reference: the number itself, or a formula without a result? */
static bool states(const struct around *a, double wanted)
{
    struct rw_str text = a->text;
    bool open = false; /* a formula whose result does not follow yet */
    bool number = false;
    for (size_t at = 0; at < text.len;) {
        char c = text.ptr[at];
        size_t end = at + 1;
        if (at >= a->begin && at < a->end) {
            at = a->end;
            continue;
        }
        size_t bytes = operation(text, at);
        if (bytes > 0) {
            open = true;
            end = at + bytes;
        } else if (rw_scan_digit(c) || (c == '.' && rw_scan_digit(char_at(text, at + 1)))) {
            if (number_is(text, at, wanted, &end)) {
                return true;
            }
            number = true;
        } else if (rw_scan_letter(c)) {
            while (end < text.len && rw_scan_letter(text.ptr[end])) {
                end++;
            }
            struct rw_str word = rw_str_slice(text, at, end);
            if (word_is(word, wanted, number)) {
                return true;
            }
            number = rw_word_number(word) >= 0 || rw_str_is(word, "a");
        } else if (c == '=' || ends(text, at)) {
            if (open && c != '=') {
                return true;
            }
            open = false;
        }
        at = end;
    }
    return open;
}

/* Is there another formula than the answer? */
static bool formulas(const struct around *a)
{
    for (size_t at = 0; at < a->text.len; at++) {
        bool answer = at >= a->begin && at < a->end;
        char x = a->text.ptr[at];
        if (!answer && (rw_scan_digit(x) || strchr("\\=<>|^_", x) != NULL)) {
            return true;
        }
    }
    return false;
}

static bool words_of_parts(struct rw_str text)
{
    static const char *const PARTS[] = {"half", "third", "quarter", "fifth"};
    for (size_t i = 0; i < RW_COUNT(PARTS); i++) {
        if (rw_str_find(text, rw_str_from(PARTS[i]), 0) < text.len) {
            return true;
        }
    }
    return false;
}

bool rw_said_before(const struct rw_found *f, const struct rw_choice *c,
                    const struct rw_reading *reference)
{
    const struct rw_node *node = reference->node;
    bool percent = false;
    while (node != NULL && (node->kind == RW_NODE_QUANTITY || node->kind == RW_NODE_NEGATIVE)) {
        percent = percent || node->percent;
        node = node->first;
    }
    bool whole = node != NULL && node->kind == RW_NODE_NUMBER && node->v == rint(node->v);
    size_t last = (size_t)c->step;
    for (size_t i = 0; i < SEARCHED_STEPS && i <= last; i++) {
        struct rw_str text = rw_choose_counted(f, last - i);
        size_t from = (size_t)(text.ptr - f->steps[last - i].ptr);
        struct around a = {.text = text};
        if (i == 0 && c->end >= from) {
            a.begin = RW_MAX(c->begin, from) - from;
            a.end = c->end - from;
        }
        bool said = whole && !percent ? states(&a, node->v) : formulas(&a) || words_of_parts(text);
        if (said) {
            return true;
        }
    }
    return false;
}
