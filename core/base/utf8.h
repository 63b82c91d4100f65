/* UTF-8 as RFC 3629 defines it: no overlong forms, no surrogates, nothing above U+10FFFF. */
#ifndef RW_BASE_UTF8_H
#define RW_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/str.h"

enum {
    RW_UTF8_MAX_BYTES = 4,
};

/* Offset of the first byte that is not part of a valid sequence, or text.len when all is valid. */
size_t rw_utf8_check(struct rw_str text);
/* Decodes the character at `at` of text that may be invalid; *advance is 1..4. An invalid byte
 * gives -1 and advance 1. The caller guarantees at < text.len. */
int32_t rw_utf8_decode(struct rw_str text, size_t at, size_t *advance);
/* Writes 1..4 bytes, returns how many; code must be a Unicode scalar value. */
size_t rw_utf8_encode(uint32_t code, char out[RW_UTF8_MAX_BYTES]);
/* Number of code points of valid text. */
size_t rw_utf8_count(struct rw_str text);

#endif
