#include "core/run/coder.h"

#include <string.h>

void rw_coder_bytes(struct rw_coder *c, void *ptr, size_t n)
{
    if (c->out != NULL) {
        rw_buf_append(c->out, ptr, n);
    } else if (c->left < n) {
        c->bad = true;
        memset(ptr, 0, n);
    } else {
        memcpy(ptr, c->in, n);
        c->in += n;
        c->left -= n;
    }
}

void rw_coder_u64(struct rw_coder *c, uint64_t *v)
{
    unsigned char b[8];
    for (int i = 0; i < 8; i++) {
        b[i] = (unsigned char)(*v >> (8 * i));
    }
    rw_coder_bytes(c, b, sizeof b);
    *v = 0;
    for (int i = 0; i < 8; i++) {
        *v |= (uint64_t)b[i] << (8 * i);
    }
}

void rw_coder_u32(struct rw_coder *c, uint32_t *v)
{
    unsigned char b[4];
    for (int i = 0; i < 4; i++) {
        b[i] = (unsigned char)(*v >> (8 * i));
    }
    rw_coder_bytes(c, b, sizeof b);
    *v = 0;
    for (int i = 0; i < 4; i++) {
        *v |= (uint32_t)b[i] << (8 * i);
    }
}

void rw_coder_i64(struct rw_coder *c, int64_t *v)
{
    uint64_t bits = (uint64_t)*v;
    rw_coder_u64(c, &bits);
    *v = (int64_t)bits;
}

void rw_coder_f64(struct rw_coder *c, double *v)
{
    uint64_t bits;
    memcpy(&bits, v, sizeof bits);
    rw_coder_u64(c, &bits);
    memcpy(v, &bits, sizeof bits);
}

void rw_coder_f64s(struct rw_coder *c, double *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        rw_coder_f64(c, &v[i]);
    }
}

void rw_coder_f32s(struct rw_coder *c, float *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &v[i], sizeof bits);
        rw_coder_u32(c, &bits);
        memcpy(&v[i], &bits, sizeof bits);
    }
}

void rw_coder_i16s(struct rw_coder *c, int16_t *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint16_t bits = (uint16_t)v[i];
        unsigned char b[2] = {(unsigned char)bits, (unsigned char)(bits >> 8)};
        rw_coder_bytes(c, b, sizeof b);
        bits = (uint16_t)(b[0] | b[1] << 8);
        memcpy(&v[i], &bits, sizeof bits);
    }
}

void rw_coder_u32s(struct rw_coder *c, uint32_t *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        rw_coder_u32(c, &v[i]);
    }
}

void rw_coder_u64s(struct rw_coder *c, uint64_t *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        rw_coder_u64(c, &v[i]);
    }
}

void rw_coder_flag(struct rw_coder *c, bool *v)
{
    unsigned char b = *v ? 1 : 0;
    rw_coder_bytes(c, &b, 1);
    c->bad = c->bad || b > 1;
    *v = b == 1;
}

void rw_coder_count(struct rw_coder *c, uint32_t *v, uint32_t max)
{
    rw_coder_u32(c, v);
    if (*v > max) {
        c->bad = true;
        *v = 0;
    }
}

void rw_coder_text(struct rw_coder *c, char *v, size_t size)
{
    uint32_t n = (uint32_t)strnlen(v, size - 1);
    rw_coder_count(c, &n, (uint32_t)(size - 1));
    rw_coder_bytes(c, v, n);
    v[n] = '\0';
}

uint32_t rw_coder_choice(struct rw_coder *c, uint32_t v, uint32_t n)
{
    rw_coder_count(c, &v, n - 1);
    return v;
}
