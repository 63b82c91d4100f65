#include "core/shortcut/topic.h"

#include <stdlib.h>

#include "core/base/scan.h"

static int compare_keys(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* FNV-1a of the next word of RW_TOPIC_WORD_MIN bytes or more; false at the end of the text. */
static bool next_word(struct rw_str text, size_t *at, uint64_t *key)
{
    while (*at < text.len) {
        size_t begin = *at;
        *key = UINT64_C(0xcbf29ce484222325);
        while (*at < text.len && rw_scan_letter(text.ptr[*at])) {
            *key = (*key ^ (unsigned char)rw_scan_lower(text.ptr[*at])) * UINT64_C(0x100000001b3);
            (*at)++;
        }
        if (*at - begin >= RW_TOPIC_WORD_MIN) {
            return true;
        }
        *at += *at == begin;
    }
    return false;
}

static bool has_number(struct rw_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (rw_scan_digit(text.ptr[i])) {
            return true;
        }
    }
    return false;
}

static bool has_word(struct rw_str text, const uint64_t *keys, size_t n)
{
    uint64_t key;
    for (size_t at = 0; next_word(text, &at, &key);) {
        if (bsearch(&key, keys, n, sizeof *keys, compare_keys) != NULL) {
            return true;
        }
    }
    return false;
}

rw_status rw_topic(struct rw_str prompt, const struct rw_str *steps, size_t n_steps,
                   struct rw_arena *arena, struct rw_signal *out, struct rw_error *err)
{
    *out = (struct rw_signal){.step = -1};
    uint64_t *keys = rw_arena_array(arena, RW_TOPIC_WORDS_MAX, sizeof *keys);
    if (keys == NULL) {
        return rw_fail_memory(err, "the words of a question");
    }
    size_t n = 0;
    for (size_t at = 0; n < RW_TOPIC_WORDS_MAX && next_word(prompt, &at, &keys[n]);) {
        n++;
    }
    qsort(keys, n, sizeof *keys, compare_keys); /* a hash table has inputs that are slow */
    out->known = n > 0 && n_steps > 0;
    for (size_t t = 1; out->known && t + 1 < n_steps; t++) {
        if (!has_number(steps[t]) && !has_word(steps[t], keys, n)) {
            out->step = out->step < 0 ? (int64_t)t : out->step;
            out->value++;
        }
    }
    out->value = out->value > 1 ? (out->value - 1) / (double)(n_steps - 2) : 0;
    return RW_OK;
}
