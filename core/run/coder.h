/* Little-endian fields, written or read by one and the same function, so that both are of one form.
 * What does not fit is marked, and reads as zero. Inside core/run only. */
#ifndef RW_RUN_CODER_H
#define RW_RUN_CODER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/buf.h"

/* Writes into `out`, or reads from `in` when `out` is NULL. */
struct rw_coder {
    struct rw_buf *out;
    const char *in;
    size_t left;
    bool bad;
};

void rw_coder_bytes(struct rw_coder *c, void *ptr, size_t n);
void rw_coder_u64(struct rw_coder *c, uint64_t *v);
void rw_coder_u32(struct rw_coder *c, uint32_t *v);
void rw_coder_i64(struct rw_coder *c, int64_t *v);
void rw_coder_f64(struct rw_coder *c, double *v);
void rw_coder_f64s(struct rw_coder *c, double *v, size_t n);
void rw_coder_f32s(struct rw_coder *c, float *v, size_t n);
void rw_coder_i16s(struct rw_coder *c, int16_t *v, size_t n);
void rw_coder_u32s(struct rw_coder *c, uint32_t *v, size_t n);
void rw_coder_u64s(struct rw_coder *c, uint64_t *v, size_t n);
void rw_coder_flag(struct rw_coder *c, bool *v);
/* A count that indexes an array of `max`. */
void rw_coder_count(struct rw_coder *c, uint32_t *v, uint32_t max);
/* A text in a fixed array, with its NUL. */
void rw_coder_text(struct rw_coder *c, char *v, size_t size);
/* A value of an enumeration with `n` of them. */
uint32_t rw_coder_choice(struct rw_coder *c, uint32_t v, uint32_t n);

#endif
