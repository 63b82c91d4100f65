/* A JSON writer that appends to a buffer: no tree, no state but the last byte written, from which
 * it knows whether a comma is due. Errors stick to the buffer; check `failed` once at the end.
 *
 * Numbers are the shortest decimals that read back as the same value. What is not finite cannot be
 * written: that is an assertion, because the engine made it an error long before. */
#ifndef RW_PROTO_EMIT_H
#define RW_PROTO_EMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/str.h"

enum {
    RW_EMIT_FLOAT_BYTES = 32, /* room for any number, NUL included */
};

void rw_emit_open(struct rw_buf *out, char bracket);  /* '{' or '['; a comma before if due */
void rw_emit_close(struct rw_buf *out, char bracket); /* '}' or ']' */
/* "name": with a comma before if due; `name` is a literal that needs no escape. */
void rw_emit_name(struct rw_buf *out, const char *name);
void rw_emit_name_text(struct rw_buf *out, struct rw_str name); /* any text: escaped */

/* Values; each puts a comma before itself if due. */
void rw_emit_text(struct rw_buf *out, struct rw_str text);
void rw_emit_unsigned(struct rw_buf *out, uint64_t value);
void rw_emit_signed(struct rw_buf *out, int64_t value);
void rw_emit_float(struct rw_buf *out, float value);
void rw_emit_double(struct rw_buf *out, double value);
void rw_emit_bool(struct rw_buf *out, bool value);
void rw_emit_raw(struct rw_buf *out, const char *literal); /* null, or JSON made elsewhere */
void rw_emit_span(struct rw_buf *out, uint32_t begin, uint32_t end); /* [begin,end] */

/* A name and its value. */
void rw_emit_text_field(struct rw_buf *out, const char *name, const char *text); /* NULL: null */
void rw_emit_unsigned_field(struct rw_buf *out, const char *name, uint64_t value);
void rw_emit_double_field(struct rw_buf *out, const char *name, double value);
void rw_emit_float_field(struct rw_buf *out, const char *name, float value);
void rw_emit_bool_field(struct rw_buf *out, const char *name, bool value);

/* The shortest decimal that strtof gives back as `value`, with a NUL; returns its length. */
size_t rw_emit_format_float(float value, char out[RW_EMIT_FLOAT_BYTES]);

#endif
