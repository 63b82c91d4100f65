/* The regular expressions that keys of rank_pattern and alpha_pattern are: literals, '.', escapes,
 * \d \w, simple [classes], and * + ? behind one of them. */
#include "core/io/adapter.h"

#include <ctype.h>

enum {
    STEPS_MAX = 100000, /* of one match: a hostile pattern must not hold up the load */
};

struct match {
    struct rw_str key;
    struct rw_str text;
    unsigned steps;
};

/* Length of the atom at `at`; 0 when the syntax is not ours. */
static size_t atom_length(struct rw_str key, size_t at)
{
    char c = key.ptr[at];
    if (c == '\\') {
        bool known = at + 1 < key.len && (ispunct((unsigned char)key.ptr[at + 1]) ||
                                          key.ptr[at + 1] == 'd' || key.ptr[at + 1] == 'w');
        return known ? 2 : 0;
    }
    if (c == '[') {
        size_t end = at + 1;
        while (end < key.len && key.ptr[end] != ']') {
            if (key.ptr[end] == '\\' || key.ptr[end] == '[' || key.ptr[end] == '^') {
                return 0;
            }
            end++;
        }
        return end < key.len && end > at + 1 ? end - at + 1 : 0;
    }
    return memchr("()|{}]^$*+?", c, 11) != NULL ? 0 : 1;
}

static bool in_class(struct rw_str set, unsigned char c)
{
    for (size_t i = 0; i < set.len; i++) {
        if (i + 2 < set.len && set.ptr[i + 1] == '-') {
            if (c >= (unsigned char)set.ptr[i] && c <= (unsigned char)set.ptr[i + 2]) {
                return true;
            }
            i += 2;
        } else if ((unsigned char)set.ptr[i] == c) {
            return true;
        }
    }
    return false;
}

static bool atom_takes(struct rw_str atom, unsigned char c)
{
    if (atom.ptr[0] == '[') {
        return in_class(rw_str_slice(atom, 1, atom.len - 1), c);
    }
    if (atom.ptr[0] == '\\') {
        char what = atom.ptr[1];
        return what == 'd'   ? isdigit(c) != 0
               : what == 'w' ? isalnum(c) != 0 || c == '_'
                             : c == (unsigned char)what;
    }
    return atom.ptr[0] == '.' ? c != '\n' : c == (unsigned char)atom.ptr[0];
}

/* The whole rest of the key against the whole rest of the text. */
static bool matches_here(struct match *m, size_t k, size_t t)
{
    while (k < m->key.len) {
        if (++m->steps > STEPS_MAX) {
            return false;
        }
        size_t len = atom_length(m->key, k);
        struct rw_str atom = rw_str_slice(m->key, k, k + len);
        char times = k + len < m->key.len ? m->key.ptr[k + len] : '\0';
        bool taken = t < m->text.len && atom_takes(atom, (unsigned char)m->text.ptr[t]);
        if (times != '*' && times != '+' && times != '?') {
            if (!taken) {
                return false;
            }
            k += len;
            t++;
            continue;
        }
        size_t most = times == '?' ? 1 : m->text.len;
        size_t n = 0;
        while (n < most && t + n < m->text.len &&
               atom_takes(atom, (unsigned char)m->text.ptr[t + n])) {
            n++;
        }
        for (size_t least = times == '+'; n + 1 > least; n--) {
            if (matches_here(m, k + len + 1, t + n)) {
                return true;
            }
            if (n == 0 || m->steps > STEPS_MAX) {
                break;
            }
        }
        return false;
    }
    return t == m->text.len;
}

static bool is_ours(struct rw_str key)
{
    for (size_t k = 0; k < key.len;) {
        size_t len = atom_length(key, k);
        if (len == 0) {
            return false;
        }
        k += len;
        k += k < key.len && memchr("*+?", key.ptr[k], 3) != NULL;
    }
    return key.len > 0;
}

rw_status rw_adapter_pattern(struct rw_str key, struct rw_str module, bool *matches,
                             struct rw_error *err)
{
    struct match m = {key, module, 0};
    bool anchored = key.len > 0 && key.ptr[0] == '^';
    *matches = false;
    if (anchored) {
        m.key = rw_str_slice(key, 1, key.len);
    }
    if (m.key.len > 0 && m.key.ptr[m.key.len - 1] == '$' &&
        (m.key.len < 2 || m.key.ptr[m.key.len - 2] != '\\')) {
        m.key.len--;
    }
    if (!is_ours(m.key)) {
        return rw_fail(err, RW_MODEL_UNSUPPORTED,
                       "adapter_config.json: the pattern \"%.*s\" uses syntax beyond literals, "
                       "classes and repeats",
                       (int)(key.len < 100 ? key.len : 100), key.ptr);
    }
    *matches = matches_here(&m, 0, 0);
    for (size_t t = 0; t < module.len && !anchored && !*matches; t++) {
        *matches = module.ptr[t] == '.' && matches_here(&m, 0, t + 1);
    }
    if (m.steps > STEPS_MAX) {
        return rw_fail(err, RW_MODEL_UNSUPPORTED,
                       "adapter_config.json: the pattern \"%.*s\" takes too long to match",
                       (int)(key.len < 100 ? key.len : 100), key.ptr);
    }
    return RW_OK;
}
