#include "core/model/sentence.h"

#include <stdbool.h>
#include <string.h>

#include "core/base/util.h"

static const char *const ABBREVIATION[] = {
    "e.g", "i.e", "cf",  "vs", "etc", "al",  "Dr",  "Mr",  "Mrs", "Ms",     "Prof", "St",
    "Fig", "fig", "Eq",  "eq", "Eqs", "No",  "no",  "Sec", "sec", "approx", "resp", "Thm",
    "Def", "Ch",  "Vol", "p",  "pp",  "Inc", "Ltd", "Jr",  "Sr",  "ca",     "Eqn",  "w.r.t",
};

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static size_t skip_space(struct rw_str text, size_t at)
{
    while (at < text.len && is_space(text.ptr[at])) {
        at++;
    }
    return at;
}

/* Quotes, brackets and emphasis that close behind a full stop; bytes, 0 = none. */
static size_t closer_at(struct rw_str text, size_t at)
{
    static const char *const CLOSER[] = {"\"",
                                         "'",
                                         ")",
                                         "]",
                                         "}",
                                         "*",
                                         "_",
                                         "`",
                                         "\xE2\x80\x9D",
                                         "\xE2\x80\x99",
                                         "\xC2\xBB",
                                         "\xE3\x80\x8D",
                                         "\xEF\xBC\x89"};
    for (size_t i = 0; i < RW_COUNT(CLOSER); i++) {
        if (rw_str_starts(rw_str_slice(text, at, text.len), rw_str_from(CLOSER[i]))) {
            return strlen(CLOSER[i]);
        }
    }
    return 0;
}

/* 。！？ need no white space behind them. */
static size_t wide_stop_at(struct rw_str text, size_t at)
{
    static const char *const STOP[] = {"\xE3\x80\x82", "\xEF\xBC\x81", "\xEF\xBC\x9F"};
    for (size_t i = 0; i < RW_COUNT(STOP); i++) {
        if (rw_str_starts(rw_str_slice(text, at, text.len), rw_str_from(STOP[i]))) {
            return strlen(STOP[i]);
        }
    }
    return 0;
}

/* The word before the point at `at`, which may hold points itself. */
static struct rw_str word_before(struct rw_str text, size_t begin, size_t at)
{
    size_t from = at;
    while (from > begin && !is_space(text.ptr[from - 1]) &&
           strchr("([{\"'", text.ptr[from - 1]) == NULL) {
        from--;
    }
    return rw_str_slice(text, from, at);
}

/* "12." or "a." at the beginning of a sentence is the number of an item. */
static bool is_item_number(struct rw_str text, size_t begin, struct rw_str word)
{
    bool first = word.ptr == text.ptr + skip_space(text, begin);
    for (size_t i = 0; i < word.len && first; i++) {
        first = is_digit(word.ptr[i]) || word.len == 1;
    }
    return first && word.len > 0 && word.len <= 3;
}

static bool is_abbreviation(struct rw_str word)
{
    bool initial = word.len == 1 && word.ptr[0] >= 'A' && word.ptr[0] <= 'Z';
    for (size_t i = 0; i < RW_COUNT(ABBREVIATION) && !initial; i++) {
        initial = rw_str_is(word, ABBREVIATION[i]);
    }
    return initial;
}

static bool point_ends(struct rw_str text, size_t begin, size_t at)
{
    struct rw_str word = word_before(text, begin, at);
    return !is_abbreviation(word) && !is_item_number(text, begin, word);
}

static bool is_small_letter(struct rw_str text, size_t at)
{
    return at < text.len && text.ptr[at] >= 'a' && text.ptr[at] <= 'z';
}

/* "- x", "* x", "3. x", "3) x" */
static bool item_at(struct rw_str text, size_t at)
{
    size_t n = at;
    while (n < text.len && is_digit(text.ptr[n]) && n - at < 3) {
        n++;
    }
    bool number = n > at && n < text.len && (text.ptr[n] == '.' || text.ptr[n] == ')');
    bool dash = n == at && n < text.len && strchr("-*+", text.ptr[n]) != NULL;
    return (number || dash) && n + 1 < text.len && text.ptr[n + 1] == ' ';
}

/* A line feed at `at`: the end of a paragraph, or of what stands before an item. */
static size_t line_ends(struct rw_str text, size_t at)
{
    size_t next = skip_space(text, at);
    size_t second = at + 1;
    while (second < next && text.ptr[second] != '\n') {
        second++;
    }
    return second < next || item_at(text, next) ? next : 0;
}

size_t rw_sentence_end(struct rw_str text, size_t begin, size_t at, size_t *end)
{
    char c = text.ptr[at];
    *end = at;
    if (c == '\n') {
        return line_ends(text, at);
    }
    size_t wide = (unsigned char)c >= 0xE3 ? wide_stop_at(text, at) : 0;
    if (wide == 0 && c != '.' && c != '!' && c != '?') {
        return 0;
    }
    size_t behind = at + (wide > 0 ? wide : 1);
    for (size_t n = 1; n > 0 && behind < text.len; behind += n) {
        n = strchr(".!?", text.ptr[behind]) != NULL && text.ptr[behind] != '\0'
                ? 1
                : closer_at(text, behind);
    }
    size_t next = skip_space(text, behind);
    if (wide == 0 && next == behind && behind < text.len) {
        return 0;
    }
    *end = behind;
    bool goes_on =
        is_small_letter(text, next) || (behind == at + 1 && !point_ends(text, begin, at));
    return c == '.' && goes_on ? 0 : next;
}
