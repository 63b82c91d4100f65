/* A growable byte buffer with a maximum given at birth.
 *
 * Errors stick: after a refused append every later append is refused too, so that an encoder may
 * write a whole document and check `failed` once. */
#ifndef RW_BASE_BUF_H
#define RW_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/str.h"

struct rw_buf {
    char *ptr;
    size_t len;       /* bytes in use */
    size_t size;      /* bytes allocated */
    size_t max_bytes; /* cap on len */
    bool failed;      /* an append was refused: the content is incomplete */
};

void rw_buf_init(struct rw_buf *buf, size_t max_bytes);
void rw_buf_fini(struct rw_buf *buf);
void rw_buf_clear(struct rw_buf *buf); /* keeps the memory, forgets content and failure */

bool rw_buf_append(struct rw_buf *buf, const void *bytes, size_t len);
bool rw_buf_append_str(struct rw_buf *buf, struct rw_str text);
bool rw_buf_append_char(struct rw_buf *buf, char c);
bool rw_buf_printf(struct rw_buf *buf, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Room for `len` more bytes at ptr + len, or NULL; the caller adds what it wrote to len. */
char *rw_buf_reserve(struct rw_buf *buf, size_t len);
/* Drops the first `len` bytes. */
void rw_buf_consume(struct rw_buf *buf, size_t len);
struct rw_str rw_buf_str(const struct rw_buf *buf);

#endif
