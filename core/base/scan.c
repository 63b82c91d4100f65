#include "core/base/scan.h"

#include "core/base/util.h"

/* text[at] is a digit's neighbour inside one number: "1,234", "0.5". */
static bool joins_digits(struct rw_str text, size_t at)
{
    return (text.ptr[at] == '.' || text.ptr[at] == ',') && at > 0 && at + 1 < text.len &&
           rw_scan_digit(text.ptr[at - 1]) && rw_scan_digit(text.ptr[at + 1]);
}

bool rw_scan_whole(struct rw_str text, size_t begin, size_t end)
{
    if (begin > 0 && rw_scan_word(text.ptr[begin]) &&
        (rw_scan_word(text.ptr[begin - 1]) || joins_digits(text, begin - 1))) {
        return false;
    }
    return !(end < text.len && end > begin && rw_scan_word(text.ptr[end - 1]) &&
             (rw_scan_word(text.ptr[end]) || joins_digits(text, end)));
}

bool rw_scan_equal(struct rw_str a, struct rw_str b)
{
    if (a.len != b.len) {
        return false;
    }
    for (size_t i = 0; i < a.len; i++) {
        if (rw_scan_lower(a.ptr[i]) != rw_scan_lower(b.ptr[i])) {
            return false;
        }
    }
    return true;
}

bool rw_scan_announced(struct rw_str text, size_t at)
{
    static const char *const WORDS[] = {"answer is", "answer", "result is", "boxed", "solution is"};
    while (at > 0 && strchr(" \t\n$*(\\:{=#", text.ptr[at - 1]) != NULL && text.ptr[at - 1] != 0) {
        at--;
    }
    for (size_t i = 0; i < RW_COUNT(WORDS); i++) {
        struct rw_str word = rw_str_from(WORDS[i]);
        if (word.len <= at && rw_scan_equal(rw_str_slice(text, at - word.len, at), word)) {
            return true;
        }
    }
    return false;
}

size_t rw_scan_find_last(struct rw_str text, struct rw_str needle, size_t end)
{
    if (needle.len > end) {
        return text.len;
    }
    for (size_t at = end - needle.len + 1; at > 0; at--) {
        if (rw_scan_equal(rw_str_slice(text, at - 1, at - 1 + needle.len), needle)) {
            return at - 1;
        }
    }
    return text.len;
}

/* As strcmp of the word in lower case and `other`. */
static int compare_lower(struct rw_str word, const char *other)
{
    for (size_t i = 0; i < word.len; i++) {
        int difference = (unsigned char)rw_scan_lower(word.ptr[i]) - (unsigned char)other[i];
        if (difference != 0 || other[i] == 0) {
            return difference;
        }
    }
    return other[word.len] == 0 ? 0 : -1;
}

int rw_scan_index(struct rw_str word, const char *const *sorted, size_t n)
{
    size_t low = 0;
    size_t high = n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare_lower(word, sorted[middle]);
        if (order == 0) {
            return (int)middle;
        }
        low = order > 0 ? middle + 1 : low;
        high = order > 0 ? high : middle;
    }
    return -1;
}
