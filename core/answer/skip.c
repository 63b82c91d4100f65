#include "core/answer/skip.h"

#include <stdint.h>
#include <string.h>

/* Vectors of the compiler: SSE2, NEON, or what there is. */
typedef unsigned char block __attribute__((vector_size(16)));

/* 255 where c may begin something because d follows it. */
static inline block begins(block c, block d, unsigned char line_end)
{
    block low_c = c | 0x20;
    block low_d = d | 0x20;
    block box = (block)(c == '\\') & ((block)(d == 'b') | (block)(d == 'f'));
    block word = (block)(low_c == 'a') & ((block)(low_d == 'n') | (block)(d == ':'));
    block mark = (block)(c == '#') | (block)(c == '<') | (block)(c == '[');
    block other = (block)(c == 0xE7) | (block)(c == 0xE2) | ((block)(c == '\n') & line_end);
    return box | word | mark | other;
}

static bool block_begins(const char *text, unsigned char line_end)
{
    block c;
    block d;
    uint64_t half[2];
    memcpy(&c, text, sizeof c);
    memcpy(&d, text + 1, sizeof d);
    block any = begins(c, d, line_end);
    memcpy(half, &any, sizeof half);
    return (half[0] | half[1]) != 0;
}

static bool byte_begins(char c, char d, bool lines)
{
    char low = d | 0x20;
    switch (c) {
    case '\\':
        return d == 'b' || d == 'f';
    case 'a':
    case 'A':
        return low == 'n' || d == ':';
    case '#':
    case '<':
    case '[':
    case '\xE7':
    case '\xE2':
        return true;
    default:
        return lines && c == '\n';
    }
}

size_t rw_skip(struct rw_str s, size_t at, bool lines)
{
    unsigned char line_end = lines ? 0xFF : 0;
    while (at + sizeof(block) < s.len && !block_begins(s.ptr + at, line_end)) {
        at += sizeof(block);
    }
    while (at < s.len && !byte_begins(s.ptr[at], at + 1 < s.len ? s.ptr[at + 1] : 0, lines)) {
        at++;
    }
    return at;
}
