/* What is longest about text methods: format, and upper and lower case. */
#include "core/text/template_parts.h"

/* str.format with fields that are {} or the number of an argument; {{ and }} are braces. */
struct rw_tval rw_tmethod_format(struct rw_trender *r, const struct rw_tstr *s,
                                 const struct rw_targs *args)
{
    struct rw_tbuild b;
    size_t next = 0;
    bool by_number = false;
    rw_tbuild_init(&b, r->arena);
    for (size_t at = 0; at < s->len && !b.failed; at++) {
        char c = s->ptr[at];
        char behind = at + 1 < s->len ? s->ptr[at + 1] : '\0';
        if ((c != '{' && c != '}') || behind == c) {
            rw_tbuild_slice(&b, s, at, at + 1);
            at += c == '{' || c == '}';
            continue;
        }
        bool numbered = behind >= '0' && behind <= '9';
        size_t index = numbered ? (size_t)(behind - '0') : next++;
        at += numbered ? 2 : 1;
        by_number = by_number || numbered;
        if ((by_number && next > 0) || c == '}' || at >= s->len || s->ptr[at] != '}' ||
            index >= args->count || args->keyword[index].len > 0) {
            return rw_trender_fail(r, "format with such a field");
        }
        const char *why = rw_tval_str(&b, args->value[index]);
        if (why != NULL) {
            return rw_trender_fail(r, "%s", why);
        }
    }
    return rw_trender_text(r, &b);
}

static char cased(char c, char how, bool word_begin)
{
    bool upper = how == 'u' || ((how == 't' || how == 'c') && word_begin);
    if (upper) {
        return c >= 'a' && c <= 'z' ? (char)(c - 32) : c;
    }
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

struct rw_tval rw_tmethod_case(struct rw_trender *r, struct rw_tval v, char how)
{
    struct rw_tbuild b;
    rw_tbuild_init(&b, r->arena);
    rw_tbuild_string(&b, v.string);
    if (b.failed) {
        return rw_trender_no_memory(r);
    }
    bool letter_before = false; /* str.title: a letter behind anything but a letter */
    for (size_t i = 0; i < b.len; i++) {
        char c = b.ptr[i];
        if ((unsigned char)c >= 0x80) {
            return rw_trender_fail(r, "upper and lower case beyond ASCII");
        }
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        b.ptr[i] = cased(c, how, how == 'c' ? i == 0 : !letter_before);
        letter_before = letter;
    }
    return rw_trender_text(r, &b);
}
