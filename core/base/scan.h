/* Bytes of UTF-8 text as the detectors see them: ASCII classes, everything above is a letter.
 * For the modules that read traces: answers, equations, edits, signals. */
#ifndef RW_BASE_SCAN_H
#define RW_BASE_SCAN_H

#include <stdbool.h>

#include "core/base/str.h"

static inline bool rw_scan_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static inline bool rw_scan_digit(char c)
{
    return c >= '0' && c <= '9';
}

static inline char rw_scan_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static inline bool rw_scan_letter(char c)
{
    char low = rw_scan_lower(c);
    return (low >= 'a' && low <= 'z') || (unsigned char)c >= 0x80;
}

static inline bool rw_scan_word(char c)
{
    return rw_scan_letter(c) || rw_scan_digit(c) || c == '_';
}

/* Bytes [begin, end) are not a part of a longer word or number. */
bool rw_scan_whole(struct rw_str text, size_t begin, size_t end);
/* What stands before `at` announces an answer: "the answer is", "Answer:", "\boxed{", "result is".
 */
bool rw_scan_announced(struct rw_str text, size_t at);
/* Equal when ASCII case is ignored. */
bool rw_scan_equal(struct rw_str a, struct rw_str b);
/* Index of the word in a list that is in ascending order and in lower case, ASCII case of the word
 * ignored; -1 when it is not there. Lists are asked for every word of a trace: halving is four to
 * six times as fast as going through them. */
int rw_scan_index(struct rw_str word, const char *const *sorted, size_t n);
/* Last occurrence that ends at or before `end`, ASCII case ignored; text.len when there is none. */
size_t rw_scan_find_last(struct rw_str text, struct rw_str needle, size_t end);

#endif
