#include "core/answer/notes.h"

#include "core/base/scan.h"
#include "core/base/util.h"

enum {
    NOTE_MAX = 200, /* bytes of a calculator note */
};

static char char_at(struct rw_str s, size_t at)
{
    return at < s.len ? s.ptr[at] : 0;
}

/* Blanks <<30+20=50>> out; its result moves to its end when nothing is written behind. */
static void blank(char *text, size_t begin, size_t end, char next)
{
    size_t equals = end - 2;
    while (equals > begin && text[equals - 1] != '=') {
        equals--;
    }
    size_t len = end - 2 - equals;
    bool keep = !rw_scan_digit(next) && next != '-' && next != '.' && next != '$' && len > 0 &&
                equals > begin;
    if (keep) {
        memmove(text + end - len, text + equals, len);
        end -= len;
    }
    memset(text + begin, ' ', end - begin);
}

/* Where "<<" stands; s.len: nowhere. Faster than memmem, which sets up tables. */
static size_t find_note(struct rw_str s, size_t at)
{
    while (at < s.len) {
        const char *hit = memchr(s.ptr + at, '<', s.len - at);
        if (hit == NULL) {
            break;
        }
        at = (size_t)(hit - s.ptr);
        if (char_at(s, at + 1) == '<') {
            return at;
        }
        at++;
    }
    return s.len;
}

struct rw_str rw_notes_blanked(struct rw_str s, struct rw_arena *arena, bool *failed)
{
    size_t at = find_note(s, 0);
    if (at == s.len) {
        return s;
    }
    struct rw_str copy = rw_arena_copy(arena, s);
    if (copy.ptr == NULL) {
        *failed = true;
        return s;
    }
    char *text = (char *)(uintptr_t)copy.ptr;
    while (at < s.len) {
        struct rw_str part = rw_str_slice(s, 0, RW_MIN(s.len, at + NOTE_MAX));
        size_t end = rw_str_find(part, RW_STR(">>"), at);
        bool note = end < part.len && memchr(s.ptr + at, '\n', end - at) == NULL &&
                    memchr(s.ptr + at, '=', end - at) != NULL;
        if (note) {
            blank(text, at, end + 2, char_at(s, end + 2));
        }
        at = find_note(s, note ? end + 2 : at + 2);
    }
    return copy;
}
