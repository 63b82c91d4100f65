#include "tests/lib/mutate.h"

#include <string.h>

#include "core/base/assert.h"
#include "core/base/util.h"

enum {
    PLACES_MAX = 4,
    RUN_MAX = 64, /* bytes removed or repeated at once */
};

/* splitmix64 (Steele, Lea, Flood 2014) */
static uint64_t next(struct rw_mutator *mutator)
{
    uint64_t z = mutator->state += 0x9E3779B97F4A7C15ULL;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ z >> 27) * 0x94D049BB133111EBULL;
    return z ^ z >> 31;
}

size_t rw_mutator_below(struct rw_mutator *mutator, size_t limit)
{
    rw_assert(limit > 0);
    return (size_t)(next(mutator) % limit);
}

/* Replaces `old_len` bytes at `at`; does nothing when the result is too long. */
static size_t splice(unsigned char *bytes, size_t len, size_t max, size_t at, size_t old_len,
                     const void *with, size_t with_len)
{
    if (len - old_len + with_len > max) {
        return len;
    }
    memmove(bytes + at + with_len, bytes + at + old_len, len - at - old_len);
    memcpy(bytes + at, with, with_len);
    return len - old_len + with_len;
}

static size_t swap_number(struct rw_mutator *m, unsigned char *bytes, size_t len, size_t max,
                          size_t at)
{
    static const char *const NUMBERS[] = {
        "0",          "1",          "-1",   "255",
        "2147483648", "4294967295", "1e9",  "4294967296",
        "1.0",        "00",         "null", "9223372036854775808",
        "[]",         "{}",         "\"\"", "18446744073709551615",
    };
    while (at < len && (bytes[at] < '0' || bytes[at] > '9')) {
        at++;
    }
    size_t end = at;
    while (end < len && bytes[end] >= '0' && bytes[end] <= '9') {
        end++;
    }
    const char *number = NUMBERS[rw_mutator_below(m, RW_COUNT(NUMBERS))];
    return splice(bytes, len, max, at, end - at, number, strlen(number));
}

static size_t mutate_place(struct rw_mutator *m, unsigned char *bytes, size_t len, size_t max)
{
    size_t at = rw_mutator_below(m, len);
    size_t run = rw_mutator_below(m, RUN_MAX) + 1;
    unsigned char copy[RUN_MAX];
    run = run < len - at ? run : len - at;
    memcpy(copy, bytes + at, run);
    switch (rw_mutator_below(m, 10)) {
    case 0:
        bytes[at] ^= (unsigned char)(1U << rw_mutator_below(m, 8));
        return len;
    case 1:
        bytes[at] = (unsigned char)next(m);
        return len;
    case 2: { /* structure of JSON and of text */
        static const char MARKS[] = "{}[]\",:\\ue-.+0\n\t\x7F\x80\xC3\xED";
        bytes[at] = (unsigned char)MARKS[rw_mutator_below(m, sizeof MARKS)];
        return len;
    }
    case 3:
        return splice(bytes, len, max, at, run, "", 0);
    case 4:
        return splice(bytes, len, max, at, 0, copy, run);
    case 5:
        return splice(bytes, len, max, rw_mutator_below(m, len), 0, copy, run);
    case 6:
        return at; /* cut the end */
    default:
        return swap_number(m, bytes, len, max, at);
    }
}

size_t rw_mutate(struct rw_mutator *mutator, unsigned char *bytes, size_t len, size_t max)
{
    size_t places = rw_mutator_below(mutator, PLACES_MAX) + 1;
    for (size_t i = 0; i < places && len > 0; i++) {
        len = mutate_place(mutator, bytes, len, max);
    }
    return len;
}
