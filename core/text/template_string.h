/* Text inside a template that remembers where each byte came from: the template, the client, or a
 * known byte of the client's text. Joining, cutting and replacing keep that; so the rendered prompt
 * says which of its bytes may hold special tokens (DESIGN contract 7), and where every step went.
 *
 * Strings are immutable and live in the arena of the render. */
#ifndef RW_TEXT_TEMPLATE_STRING_H
#define RW_TEXT_TEMPLATE_STRING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/str.h"

/* Origin of a byte: from 1 on, the number that the caller gave to a byte of a client's text. */
enum {
    RW_ORIGIN_TEMPLATE = 0,
};
/* A client's, whose place is not known: an escaped character. */
#define RW_ORIGIN_CLIENT UINT32_MAX

/* Bytes up to `end` from the end of the run before; `origin` is that of the first. */
struct rw_tstr_run {
    size_t end;
    uint32_t origin;
};

struct rw_tstr {
    const char *ptr;
    size_t len;
    uint32_t origin; /* of the first byte, when there are no runs */
    const struct rw_tstr_run *runs;
    size_t n_runs;
};

/* A string being built; `failed` sticks when the arena refused memory. */
struct rw_tbuild {
    struct rw_arena *arena;
    char *ptr;
    size_t len;
    size_t size;
    struct rw_tstr_run *runs;
    size_t n_runs;
    size_t runs_size;
    bool failed;
};

static inline struct rw_str rw_tstr_text(const struct rw_tstr *s)
{
    return (struct rw_str){s->ptr, s->len};
}

/* Bytes [begin, end); false when there is no memory. */
bool rw_tstr_slice(struct rw_arena *arena, const struct rw_tstr *s, size_t begin, size_t end,
                   struct rw_tstr *out);

void rw_tbuild_init(struct rw_tbuild *b, struct rw_arena *arena);
void rw_tbuild_slice(struct rw_tbuild *b, const struct rw_tstr *s, size_t begin, size_t end);
void rw_tbuild_string(struct rw_tbuild *b, const struct rw_tstr *s);
void rw_tbuild_bytes(struct rw_tbuild *b, struct rw_str text, uint32_t origin);
void rw_tbuild_format(struct rw_tbuild *b, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Origin TEMPLATE where all of s is the template's, else CLIENT: for characters made from it. */
uint32_t rw_tstr_trust(const struct rw_tstr *s);
/* The text so far; shares the builder's memory. */
struct rw_tstr rw_tbuild_take(const struct rw_tbuild *b);

/* str.isspace of Python. */
bool rw_tstr_is_space(int32_t c);
/* Offsets of what str.strip() leaves; `chars` NULL = white space. */
void rw_tstr_strip(const struct rw_tstr *s, const struct rw_str *chars, bool left, bool right,
                   size_t *begin, size_t *end);
/* The next line of str.splitlines() from *at on: it ends at *end, and *at moves behind its line
 * break. False: there is none. */
bool rw_tstr_line(struct rw_str text, size_t *at, size_t *end);

#endif
