#include "core/text/template_string.h"

#include <stdarg.h>
#include <stdio.h>

#include "core/base/utf8.h"
#include "core/base/util.h"

enum {
    BUILD_FIRST = 64,   /* bytes of a new string */
    RUNS_FIRST = 4,     /* runs of a new string */
    FORMAT_BYTES = 512, /* longest formatted piece */
};

/* The run that holds byte `at`, and where it begins. */
static size_t find_run(const struct rw_tstr *s, size_t at, size_t *begin)
{
    size_t low = 0;
    size_t high = s->n_runs;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (s->runs[middle].end <= at) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    *begin = low > 0 ? s->runs[low - 1].end : 0;
    return low;
}

static uint32_t shift(uint32_t origin, size_t by)
{
    return origin == RW_ORIGIN_TEMPLATE || origin == RW_ORIGIN_CLIENT ? origin
                                                                      : origin + (uint32_t)by;
}

bool rw_tstr_slice(struct rw_arena *arena, const struct rw_tstr *s, size_t begin, size_t end,
                   struct rw_tstr *out)
{
    *out = (struct rw_tstr){.ptr = s->ptr + begin, .len = end - begin};
    if (begin == end) {
        out->ptr = "";
        return true;
    }
    if (s->n_runs == 0) {
        out->origin = shift(s->origin, begin);
        return true;
    }
    size_t at;
    size_t first = find_run(s, begin, &at);
    size_t unused;
    size_t last = find_run(s, end - 1, &unused);
    out->origin = shift(s->runs[first].origin, begin - at);
    if (first == last) {
        return true;
    }
    struct rw_tstr_run *runs = rw_arena_array(arena, last - first + 1, sizeof *runs);
    if (runs == NULL) {
        return false;
    }
    for (size_t i = first; i <= last; i++) {
        runs[i - first] =
            (struct rw_tstr_run){RW_MIN(s->runs[i].end, end) - begin, s->runs[i].origin};
    }
    runs[0].origin = out->origin;
    out->runs = runs;
    out->n_runs = last - first + 1;
    return true;
}

void rw_tbuild_init(struct rw_tbuild *b, struct rw_arena *arena)
{
    *b = (struct rw_tbuild){.arena = arena};
}

static bool reserve(struct rw_tbuild *b, size_t len)
{
    if (b->failed || len > b->arena->max_bytes) {
        b->failed = true;
        return false;
    }
    if (b->size - b->len >= len) {
        return true;
    }
    size_t size = RW_MAX(2 * b->size, b->len + len + BUILD_FIRST);
    char *more = rw_arena_alloc(b->arena, size);
    if (more == NULL) {
        b->failed = true;
        return false;
    }
    if (b->len > 0) {
        memcpy(more, b->ptr, b->len);
    }
    b->ptr = more;
    b->size = size;
    return true;
}

/* The next run, joined to the one before where its bytes follow on. */
static void add_run(struct rw_tbuild *b, size_t len, uint32_t origin)
{
    size_t end = b->len + len;
    if (b->n_runs > 0) {
        struct rw_tstr_run *last = &b->runs[b->n_runs - 1];
        size_t begin = b->n_runs > 1 ? b->runs[b->n_runs - 2].end : 0;
        if (shift(last->origin, last->end - begin) == origin) {
            last->end = end;
            return;
        }
    }
    if (b->n_runs == b->runs_size) {
        size_t size = b->runs_size == 0 ? RUNS_FIRST : 2 * b->runs_size;
        struct rw_tstr_run *more = rw_arena_array(b->arena, size, sizeof *more);
        if (more == NULL) {
            b->failed = true;
            return;
        }
        if (b->n_runs > 0) {
            memcpy(more, b->runs, b->n_runs * sizeof *more);
        }
        b->runs = more;
        b->runs_size = size;
    }
    b->runs[b->n_runs++] = (struct rw_tstr_run){end, origin};
}

void rw_tbuild_bytes(struct rw_tbuild *b, struct rw_str text, uint32_t origin)
{
    if (text.len == 0 || !reserve(b, text.len)) {
        return;
    }
    add_run(b, text.len, origin);
    memcpy(b->ptr + b->len, text.ptr, text.len);
    b->len += text.len;
}

void rw_tbuild_slice(struct rw_tbuild *b, const struct rw_tstr *s, size_t begin, size_t end)
{
    if (begin == end) {
        return;
    }
    if (s->n_runs == 0) {
        rw_tbuild_bytes(b, rw_str_slice(rw_tstr_text(s), begin, end), shift(s->origin, begin));
        return;
    }
    size_t run_begin;
    for (size_t i = find_run(s, begin, &run_begin); begin < end; i++) {
        size_t stop = RW_MIN(s->runs[i].end, end);
        rw_tbuild_bytes(b, rw_str_slice(rw_tstr_text(s), begin, stop),
                        shift(s->runs[i].origin, begin - run_begin));
        run_begin = s->runs[i].end;
        begin = stop;
    }
}

void rw_tbuild_string(struct rw_tbuild *b, const struct rw_tstr *s)
{
    rw_tbuild_slice(b, s, 0, s->len);
}

void rw_tbuild_format(struct rw_tbuild *b, const char *format, ...)
{
    char text[FORMAT_BYTES];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (n < 0 || (size_t)n >= sizeof text) {
        b->failed = true;
        return;
    }
    rw_tbuild_bytes(b, (struct rw_str){text, (size_t)n}, RW_ORIGIN_TEMPLATE);
}

uint32_t rw_tstr_trust(const struct rw_tstr *s)
{
    if (s->n_runs == 0) {
        return s->origin == RW_ORIGIN_TEMPLATE || s->len == 0 ? RW_ORIGIN_TEMPLATE
                                                              : RW_ORIGIN_CLIENT;
    }
    return RW_ORIGIN_CLIENT; /* neighbours of one origin are one run: two differ */
}

struct rw_tstr rw_tbuild_take(const struct rw_tbuild *b)
{
    if (b->len == 0) {
        return (struct rw_tstr){.ptr = ""};
    }
    struct rw_tstr out = {.ptr = b->ptr, .len = b->len, .origin = b->runs[0].origin};
    if (b->n_runs > 1) {
        out.runs = b->runs;
        out.n_runs = b->n_runs;
    }
    return out;
}

bool rw_tstr_is_space(int32_t c)
{
    return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 ||
           c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 ||
           c == 0x202F || c == 0x205F || c == 0x3000;
}

static bool strips(struct rw_str text, size_t at, size_t advance, const struct rw_str *chars)
{
    if (chars == NULL) {
        return rw_tstr_is_space(rw_utf8_decode(text, at, &advance));
    }
    size_t step;
    for (size_t i = 0; i < chars->len; i += step) {
        rw_utf8_decode(*chars, i, &step);
        if (step == advance && memcmp(chars->ptr + i, text.ptr + at, advance) == 0) {
            return true;
        }
    }
    return false;
}

void rw_tstr_strip(const struct rw_tstr *s, const struct rw_str *chars, bool left, bool right,
                   size_t *begin, size_t *end)
{
    struct rw_str text = rw_tstr_text(s);
    size_t advance;
    *begin = 0;
    *end = text.len;
    while (left && *begin < *end) {
        rw_utf8_decode(text, *begin, &advance);
        if (!strips(text, *begin, advance, chars)) {
            break;
        }
        *begin += advance;
    }
    while (right && *end > *begin) {
        size_t at = *end - 1;
        while (at > *begin && ((unsigned char)text.ptr[at] & 0xC0) == 0x80) {
            at--; /* back to the first byte of the last character */
        }
        if (!strips(text, at, *end - at, chars)) {
            break;
        }
        *end = at;
    }
}

static bool is_line_end(int32_t code)
{
    return (code >= 0x0A && code <= 0x0D) || (code >= 0x1C && code <= 0x1E) || code == 0x85 ||
           code == 0x2028 || code == 0x2029;
}

bool rw_tstr_line(struct rw_str text, size_t *at, size_t *end)
{
    bool some = *at < text.len;
    size_t advance;
    for (*end = *at; *end < text.len; *end += advance) {
        if (is_line_end(rw_utf8_decode(text, *end, &advance))) {
            bool two = text.ptr[*end] == '\r' && *end + 1 < text.len && text.ptr[*end + 1] == '\n';
            *at = *end + (two ? 2 : advance);
            return true;
        }
    }
    *at = text.len;
    return some;
}
