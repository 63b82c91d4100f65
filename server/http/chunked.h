/* The chunked transfer coding of a request body (RFC 9112 section 7.1), byte by byte.
 *
 *   SIZE --> EXT... --> SIZE_LF --> DATA --> DATA_CR --> DATA_LF --> SIZE          (next chunk)
 *                          '------> TRAILER... --> TRAILER_LF --> END_LF --> END   (size 0)
 *
 * Extensions and trailers are read to the letter and not used. Nothing is taken on trust: data end
 * in CRLF, lines end in CRLF, a size is hexadecimal digits and no more. The verdict depends on the
 * bytes alone, not on how they were cut. No memory, no sockets. */
#ifndef RW_SERVER_HTTP_CHUNKED_H
#define RW_SERVER_HTTP_CHUNKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/str.h"

enum {
    RW_FRAMING_BYTES_MAX = 4096, /* sizes, extensions, trailers between two pieces of body */
};

enum rw_chunked_state {
    RW_CHUNKED_SIZE,
    RW_CHUNKED_EXT_BLANK,     /* before ";" */
    RW_CHUNKED_EXT_SEMICOLON, /* behind ";", before the name */
    RW_CHUNKED_EXT_NAME,
    RW_CHUNKED_EXT_NAME_BLANK, /* before "=" or the next ";" */
    RW_CHUNKED_EXT_EQUALS,     /* behind "=", before the value */
    RW_CHUNKED_EXT_TOKEN,
    RW_CHUNKED_EXT_QUOTED,
    RW_CHUNKED_EXT_ESCAPED, /* behind a backslash */
    RW_CHUNKED_EXT_CLOSED,  /* behind the quote */
    RW_CHUNKED_SIZE_LF,
    RW_CHUNKED_DATA,
    RW_CHUNKED_DATA_CR,
    RW_CHUNKED_DATA_LF,
    RW_CHUNKED_TRAILER, /* at the begin of a line */
    RW_CHUNKED_TRAILER_NAME,
    RW_CHUNKED_TRAILER_VALUE,
    RW_CHUNKED_TRAILER_LF,
    RW_CHUNKED_END_LF,
    RW_CHUNKED_END,
    RW_CHUNKED_STATES,
};

struct rw_chunked {
    uint8_t state;  /* enum rw_chunked_state */
    bool any_digit; /* of the size was seen */
    uint16_t framing_bytes;
    uint64_t left;     /* data bytes of this chunk still to come */
    const char *fault; /* NULL = none; a sentence */
};

static inline void rw_chunked_init(struct rw_chunked *c)
{
    *c = (struct rw_chunked){.state = RW_CHUNKED_SIZE};
}

/* Takes bytes up to and including the next piece of data, the end, or a fault; *data is that piece,
 * a slice of `bytes`, empty when there is none. Returns how many bytes it took; call again with the
 * rest. */
size_t rw_chunked_feed(struct rw_chunked *c, const char *bytes, size_t len, struct rw_str *data);

#endif
