/* Text as pointer and length. NUL is data; nothing here expects a terminator. */
#ifndef RW_BASE_STR_H
#define RW_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct rw_str {
    const char *ptr; /* may be NULL when len is 0 */
    size_t len;      /* bytes */
};

/* For printf: printf("%.*s", RW_STR_ARG(s)). Long texts are cut at INT_MAX by printf itself. */
#define RW_STR_ARG(s)   (int)(s).len, (s).ptr != NULL ? (s).ptr : ""
#define RW_STR(literal) ((struct rw_str){literal "", sizeof(literal) - 1})

static inline struct rw_str rw_str_from(const char *text)
{
    return (struct rw_str){text, strlen(text)};
}

static inline bool rw_str_equal(struct rw_str a, struct rw_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool rw_str_is(struct rw_str a, const char *text)
{
    return rw_str_equal(a, rw_str_from(text));
}

/* Bytes [begin, end) of s; the caller guarantees begin <= end <= s.len. */
static inline struct rw_str rw_str_slice(struct rw_str s, size_t begin, size_t end)
{
    return (struct rw_str){s.ptr != NULL ? s.ptr + begin : NULL, end - begin};
}

bool rw_str_starts(struct rw_str s, struct rw_str prefix);
bool rw_str_ends(struct rw_str s, struct rw_str suffix);
/* Offset of the first occurrence at or after `from`, or s.len when there is none. An empty needle
 * is found at `from`. */
size_t rw_str_find(struct rw_str s, struct rw_str needle, size_t from);
/* Without ASCII white space (space, tab, CR, LF, VT, FF) at both ends. */
struct rw_str rw_str_trim(struct rw_str s);
/* The decimal number that is the whole of s; false on anything else or on overflow. */
bool rw_str_to_u64(struct rw_str s, unsigned long long *out);

#endif
