#include "proto/suggest.h"

#include <stdio.h>
#include <string.h>

#include "core/base/util.h"

enum {
    WORD_MAX = 32, /* bytes; longer texts are near to nothing */
};

static unsigned least(unsigned a, unsigned b)
{
    return RW_MIN(a, b);
}

/* Optimal string alignment: Levenshtein with swaps of neighbours, over three rows. */
static unsigned distance(struct rw_str a, struct rw_str b)
{
    unsigned row[3][WORD_MAX + 1];
    for (unsigned j = 0; j <= b.len; j++) {
        row[0][j] = j;
    }
    for (unsigned i = 1; i <= a.len; i++) {
        unsigned *now = row[i % 3];
        const unsigned *last = row[(i + 2) % 3];
        const unsigned *before = row[(i + 1) % 3];
        now[0] = i;
        for (unsigned j = 1; j <= b.len; j++) {
            unsigned change = last[j - 1] + (a.ptr[i - 1] != b.ptr[j - 1]);
            now[j] = least(least(last[j] + 1, now[j - 1] + 1), change);
            if (i > 1 && j > 1 && a.ptr[i - 1] == b.ptr[j - 2] && a.ptr[i - 2] == b.ptr[j - 1]) {
                now[j] = least(now[j], before[j - 2] + 1);
            }
        }
    }
    return row[a.len % 3][b.len];
}

long rw_suggest_nearest(struct rw_str text, const char *const *words, size_t n)
{
    long best = -1;
    unsigned best_distance = WORD_MAX;
    for (size_t i = 0; i < n && text.len <= WORD_MAX; i++) {
        struct rw_str word = rw_str_from(words[i]);
        if (word.len > WORD_MAX) {
            continue;
        }
        unsigned d = distance(text, word);
        unsigned allowed = (unsigned)(RW_MAX(word.len, text.len)) / 3;
        if (d <= (allowed > 0 ? allowed : 1) && d < best_distance && d < word.len) {
            best = (long)i;
            best_distance = d;
        }
    }
    return best;
}

static void list_all(const char *const *words, size_t n, struct rw_error *err)
{
    char text[RW_ERROR_HINT_MAX] = "";
    size_t used = 0;
    for (size_t i = 0; i < n && used < sizeof text; i++) {
        used +=
            (size_t)snprintf(text + used, sizeof text - used, "%s%s", i > 0 ? ", " : "", words[i]);
    }
    rw_error_hint(err, "one of: %s", text);
}

void rw_suggest(struct rw_str text, const char *const *words, size_t n, struct rw_error *err)
{
    long nearest = rw_suggest_nearest(text, words, n);
    if (nearest >= 0) {
        rw_error_hint(err, "did you mean \"%s\"?", words[nearest]);
    } else {
        list_all(words, n, err);
    }
}
