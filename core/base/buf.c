#include "core/base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/assert.h"

enum {
    BUF_FIRST_BYTES = 256, /* first allocation */
};

void rw_buf_init(struct rw_buf *buf, size_t max_bytes)
{
    *buf = (struct rw_buf){.max_bytes = max_bytes};
}

void rw_buf_fini(struct rw_buf *buf)
{
    rw_free(buf->ptr);
    rw_buf_init(buf, buf->max_bytes);
}

void rw_buf_clear(struct rw_buf *buf)
{
    buf->len = 0;
    buf->failed = false;
}

static bool grow(struct rw_buf *buf, size_t need)
{
    size_t size = buf->size > 0 ? buf->size : BUF_FIRST_BYTES;
    while (size < need) {
        size += size; /* need <= max_bytes, so this cannot overflow before it is clamped */
    }
    if (size > buf->max_bytes) {
        size = buf->max_bytes;
    }
    char *ptr = rw_realloc_array(buf->ptr, size, 1);
    if (ptr == NULL) {
        return false;
    }
    buf->ptr = ptr;
    buf->size = size;
    return true;
}

char *rw_buf_reserve(struct rw_buf *buf, size_t len)
{
    if (buf->failed || buf->len > buf->max_bytes || len > buf->max_bytes - buf->len) {
        buf->failed = true;
        return NULL;
    }
    if ((buf->ptr == NULL || len > buf->size - buf->len) && !grow(buf, buf->len + len)) {
        buf->failed = true;
        return NULL;
    }
    return buf->ptr + buf->len;
}

bool rw_buf_append(struct rw_buf *buf, const void *bytes, size_t len)
{
    char *to = rw_buf_reserve(buf, len);
    if (to == NULL) {
        return false;
    }
    if (len > 0) {
        memcpy(to, bytes, len);
    }
    buf->len += len;
    return true;
}

bool rw_buf_append_str(struct rw_buf *buf, struct rw_str text)
{
    return rw_buf_append(buf, text.ptr, text.len);
}

bool rw_buf_append_char(struct rw_buf *buf, char c)
{
    return rw_buf_append(buf, &c, 1);
}

bool rw_buf_printf(struct rw_buf *buf, const char *format, ...)
{
    va_list args;
    va_list again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    rw_assert(n >= 0);
    char *to = rw_buf_reserve(buf, (size_t)n + 1);
    if (to != NULL) {
        vsnprintf(to, (size_t)n + 1, format, again);
        buf->len += (size_t)n;
    }
    va_end(again);
    return to != NULL;
}

void rw_buf_consume(struct rw_buf *buf, size_t len)
{
    rw_assert(len <= buf->len);
    buf->len -= len;
    if (buf->len > 0) {
        memmove(buf->ptr, buf->ptr + len, buf->len);
    }
}

struct rw_str rw_buf_str(const struct rw_buf *buf)
{
    return (struct rw_str){buf->ptr, buf->len};
}
