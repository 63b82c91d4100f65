#include "core/base/str.h"

bool rw_str_starts(struct rw_str s, struct rw_str prefix)
{
    return s.len >= prefix.len && rw_str_equal(rw_str_slice(s, 0, prefix.len), prefix);
}

bool rw_str_ends(struct rw_str s, struct rw_str suffix)
{
    return s.len >= suffix.len && rw_str_equal(rw_str_slice(s, s.len - suffix.len, s.len), suffix);
}

size_t rw_str_find(struct rw_str s, struct rw_str needle, size_t from)
{
    if (from > s.len || needle.len > s.len - from) {
        return s.len;
    }
    if (needle.len == 0) {
        return from;
    }
    const char *hit = memmem(s.ptr + from, s.len - from, needle.ptr, needle.len);
    return hit != NULL ? (size_t)(hit - s.ptr) : s.len;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

struct rw_str rw_str_trim(struct rw_str s)
{
    size_t begin = 0;
    size_t end = s.len;
    while (begin < end && is_space(s.ptr[begin])) {
        begin++;
    }
    while (end > begin && is_space(s.ptr[end - 1])) {
        end--;
    }
    return rw_str_slice(s, begin, end);
}

bool rw_str_to_u64(struct rw_str s, unsigned long long *out)
{
    unsigned long long value = 0;
    if (s.len == 0) {
        return false;
    }
    for (size_t i = 0; i < s.len; i++) {
        unsigned digit = (unsigned)(unsigned char)s.ptr[i] - '0';
        if (digit > 9 || __builtin_mul_overflow(value, 10ULL, &value) ||
            __builtin_add_overflow(value, (unsigned long long)digit, &value)) {
            return false;
        }
    }
    *out = value;
    return true;
}
