/* The last number of a step that neither boxes nor announces its answer: with all of the formula it
 * stands in, or not at all. A part of it ("5" of 10^5, "3" of 2\sqrt{3}) is another number. */
#include "core/answer/parts.h"
#include "core/base/scan.h"
#include "core/base/util.h"

static struct rw_str none(void)
{
    return (struct rw_str){NULL, 0};
}

static bool among(char c, const char *set)
{
    return c != 0 && strchr(set, c) != NULL;
}

static char char_at(struct rw_str s, size_t at)
{
    return at < s.len ? s.ptr[at] : 0;
}

/* Bytes of the sign above ASCII at `at` that belongs to formulas: minus, times, divided, pi,
 * degree.
 */
static size_t sign_bytes(struct rw_str s, size_t at)
{
    static const char *const SIGNS[] = {"\xE2\x88\x92", "\xC3\x97", "\xC3\xB7", "\xCF\x80",
                                        "\xC2\xB0"};
    for (size_t i = 0; i < RW_COUNT(SIGNS); i++) {
        if (rw_str_starts(rw_str_slice(s, at, s.len), rw_str_from(SIGNS[i]))) {
            return strlen(SIGNS[i]);
        }
    }
    return 0;
}

/* Money signs stand beside numbers and say nothing of formulas. */
static bool currency(struct rw_str s, size_t at)
{
    struct rw_str rest = rw_str_slice(s, at, s.len);
    return rw_str_starts(rest, RW_STR("\xE2\x82\xAC")) || rw_str_starts(rest, RW_STR("\xC2\xA3"));
}

static size_t letters_end(struct rw_str s, size_t at)
{
    while (at < s.len && rw_scan_letter(s.ptr[at]) && sign_bytes(s, at) == 0 && !currency(s, at)) {
        at++;
    }
    return at;
}

/* A variable: one letter that a sign, a digit or an exponent joins to what is beside it. */
static bool variable(struct rw_str s, size_t begin, size_t end)
{
    if (end - begin != 1 || (unsigned char)s.ptr[begin] >= 0x80) {
        return false;
    }
    size_t after = end;
    while (after < s.len && s.ptr[after] == ' ') {
        after++;
    }
    size_t before = begin;
    while (before > 0 && s.ptr[before - 1] == ' ') {
        before--;
    }
    char left = before > 0 ? s.ptr[before - 1] : 0;
    return among(char_at(s, after), "=^+*/<>)}(") || among(char_at(s, end), "-\\{") ||
           among(left, "=^+-*/<>({}\\") || sign_bytes(s, after) > 0 ||
           (begin > 0 && rw_scan_digit(s.ptr[begin - 1])) || rw_scan_digit(char_at(s, end));
}

/* The end of the token of a formula at `at`; `at` itself when prose or a delimiter stands there. */
static size_t token(struct rw_str s, size_t at)
{
    char c = s.ptr[at];
    size_t sign = sign_bytes(s, at);
    if (sign > 0) {
        return at + sign;
    }
    if (c == '\\') {
        size_t end = letters_end(s, at + 1);
        bool spacing = among(char_at(s, at + 1), ",;!%{} ");
        return end > at + 1 ? end : spacing ? at + 2 : at;
    }
    if (rw_scan_letter(c)) {
        size_t end = letters_end(s, at);
        return variable(s, at, end) ? end : at;
    }
    if (c == '.' || c == ',') {
        bool inner = rw_scan_digit(char_at(s, at + 1)) || (c == ',' && char_at(s, at + 1) == ' ');
        return inner ? at + 1 : at;
    }
    return rw_scan_digit(c) || among(c, "+-*/^=()[]{}%!|<>_") ? at + 1 : at;
}

/* Behind the word, the delimiter or the byte at `at`, which is no token. */
static size_t past_prose(struct rw_str s, size_t at)
{
    bool delimiter = s.ptr[at] == '\\' && among(char_at(s, at + 1), "()[]$");
    size_t end = rw_scan_letter(s.ptr[at]) ? letters_end(s, at) : at;
    return end > at ? end : delimiter ? at + 2 : at + 1;
}

/* The last stretch of formula tokens that has a digit. */
static struct rw_str last_run(struct rw_str s)
{
    struct rw_str last = none();
    for (size_t i = 0; i < s.len;) {
        size_t begin = i;
        size_t end = i;
        bool digit = false;
        while (i < s.len && (s.ptr[i] == ' ' || token(s, i) > i)) {
            digit = digit || rw_scan_digit(s.ptr[i]);
            bool space = s.ptr[i] == ' ';
            i = space ? i + 1 : token(s, i);
            end = space ? end : i;
        }
        last = digit ? rw_str_slice(s, begin, end) : last;
        i = i > begin ? i : past_prose(s, i);
    }
    return last;
}

/* Brackets pair off, and none closes before it opens. */
static bool balanced(struct rw_str s)
{
    size_t depth = 0;
    for (size_t i = 0; i < s.len; i++) {
        depth += among(s.ptr[i], "([{");
        if (among(s.ptr[i], ")]}") && depth-- == 0) {
            return false;
        }
    }
    return depth == 0;
}

/* Without bold marks, and without brackets and marks of the sentence around. */
static struct rw_str trim_marks(struct rw_str s)
{
    for (;;) {
        s = rw_answer_tidy(s);
        if (s.len > 0 && among(*s.ptr, "*=|,)]}>")) {
            s = rw_str_slice(s, 1, s.len);
        } else if (s.len > 0 && among(s.ptr[s.len - 1], "*=|([{+-</")) {
            s.len--;
        } else if (s.len > 0 && among(s.ptr[s.len - 1], ")]}") && !balanced(s)) {
            s.len--;
        } else {
            return s;
        }
    }
}

/* "\boxed{12" that never closes, and what stands behind the last "=". */
static struct rw_str last_side(struct rw_str s)
{
    size_t box = rw_scan_find_last(s, RW_STR("\\boxed{"), s.len);
    if (box < s.len) {
        s = rw_str_slice(s, box + 7, s.len);
    }
    size_t equals = rw_scan_find_last(s, RW_STR("="), s.len);
    return equals < s.len ? rw_str_slice(s, equals + 1, s.len) : s;
}

/* A sum or a product in the middle of prose: a range, a list, steps on the way. */
static bool unfinished(struct rw_str s)
{
    for (size_t i = 1; i < s.len; i++) {
        bool minus = s.ptr[i] == '-' && !among(s.ptr[i - 1], "{(^,*/ ");
        bool spaced = s.ptr[i] == '-' && s.ptr[i - 1] == ' ' && i + 1 < s.len && i > 1 &&
                      !among(s.ptr[i - 2], "=,({");
        if (s.ptr[i] == '+' || minus || spaced) {
            return true;
        }
    }
    return false;
}

static struct rw_str word_before(struct rw_str s, size_t at)
{
    while (at > 0 && s.ptr[at - 1] == ' ') {
        at--;
    }
    size_t begin = at;
    while (begin > 0 && rw_scan_letter(s.ptr[begin - 1])) {
        begin--;
    }
    return rw_str_slice(s, begin, at);
}

static struct rw_str word_after(struct rw_str s, size_t at)
{
    while (at < s.len && s.ptr[at] == ' ') {
        at++;
    }
    return rw_str_slice(s, at, letters_end(s, at));
}

/* Do the words beside [begin, end) make it a part of another number: "5 million", "3 or 4", "5km"?
 */
static bool part_of_more(struct rw_str s, size_t begin, size_t end)
{
    struct rw_str before = word_before(s, begin);
    struct rw_str after = word_after(s, end);
    bool leads = rw_scan_equal(before, RW_STR("to")); /* "comes to 5" */
    if ((before.len > 0 && !leads && rw_answer_word_changes(before)) ||
        (after.len > 0 && rw_answer_word_changes(after)) || rw_str_is(after, "percent") ||
        rw_str_is(after, "cents")) {
        return true;
    }
    char left = begin > 0 ? s.ptr[begin - 1] : 0;
    char right = char_at(s, end);
    bool time = (left == ':' && begin > 1 && rw_scan_digit(s.ptr[begin - 2])) ||
                (right == ':' && rw_scan_digit(char_at(s, end + 1)));
    bool money = begin > 1 && left == '$' && among(s.ptr[begin - 2], "-\x92");
    bool sterling = begin > 1 && (currency(s, begin - 2) || (begin > 2 && currency(s, begin - 3)));
    return time || money || (rw_scan_word(left) && !sterling) || left == '_' ||
           (rw_scan_word(right) && !currency(s, end));
}

struct rw_str rw_answer_last_number(struct rw_str text)
{
    struct rw_str run = last_run(text);
    if (run.len == 0) {
        return none();
    }
    struct rw_str side = last_side(run);
    bool whole = side.ptr == run.ptr;
    if (side.len > RW_ANSWER_MAX) {
        return none(); /* trimming takes the square of the length */
    }
    struct rw_str s = trim_marks(side);
    if (s.len == 0 || !balanced(s)) {
        return none();
    }
    size_t begin = (size_t)(s.ptr - text.ptr);
    /* "COVID-19", "pages 3-5": no sign. */
    if (*s.ptr == '-' && begin > 0 && rw_scan_word(text.ptr[begin - 1])) {
        s = rw_str_slice(s, 1, s.len);
        begin++;
    }
    bool digit = false;
    for (size_t i = 0; i < s.len; i++) {
        digit = digit || rw_scan_digit(s.ptr[i]);
    }
    if (!digit || among(*s.ptr, "^_/!") || (whole && unfinished(s)) ||
        part_of_more(text, begin, begin + s.len)) {
        return none();
    }
    return s;
}
