#include "core/shortcut/text.h"

#include <stdlib.h>

#include "core/answer/answer.h"
#include "core/base/hash.h"
#include "core/base/scan.h"
#include "core/base/util.h"

enum {
    ANSWER_TRIES_MAX = 256, /* places in one step: "aaaa" in "aaaaaaaaaaaa..." is not searched on */
};

struct keyed_step {
    uint64_t key;
    uint32_t index;
};

static int compare_steps(const void *a, const void *b)
{
    const struct keyed_step *x = a;
    const struct keyed_step *y = b;
    if (x->key != y->key) {
        return x->key < y->key ? -1 : 1;
    }
    return x->index < y->index ? -1 : x->index > y->index;
}

/* FNV-1a over the letters that count; *bytes is how many. */
static uint64_t step_key(struct rw_str step, size_t *bytes)
{
    uint64_t key = UINT64_C(0xcbf29ce484222325);
    size_t end = step.len;
    while (end > 0 && (rw_scan_space(step.ptr[end - 1]) || strchr(".,;:!", step.ptr[end - 1]))) {
        end--;
    }
    bool space = false;
    *bytes = 0;
    for (size_t i = 0; i < end; i++) {
        if (rw_scan_space(step.ptr[i])) {
            space = *bytes > 0;
            continue;
        }
        if (space) {
            key = (key ^ ' ') * UINT64_C(0x100000001b3);
            space = false;
        }
        key = (key ^ (unsigned char)rw_scan_lower(step.ptr[i])) * UINT64_C(0x100000001b3);
        (*bytes)++;
    }
    return key;
}

rw_status rw_text_duplicate(const struct rw_str *steps, size_t n_steps, struct rw_arena *arena,
                            struct rw_signal *out, struct rw_error *err)
{
    *out = (struct rw_signal){.known = n_steps > 0, .step = -1};
    struct keyed_step *keys = rw_arena_array(arena, n_steps + 1, sizeof *keys);
    if (keys == NULL) {
        return rw_fail(err, RW_NO_MEMORY, "no memory to compare %zu steps", n_steps);
    }
    size_t n = 0;
    for (size_t i = 0; i < n_steps; i++) {
        size_t bytes;
        uint64_t key = step_key(steps[i], &bytes);
        if (bytes >= RW_TEXT_DUPLICATE_MIN) {
            keys[n++] = (struct keyed_step){key, (uint32_t)i};
        }
    }
    /* Equal 64-bit keys count as equal steps: sorting has no worst case a policy could write. */
    qsort(keys, n, sizeof *keys, compare_steps);
    size_t repeats = 0;
    for (size_t i = 1; i < n; i++) {
        if (keys[i].key == keys[i - 1].key) {
            repeats++;
            if (out->step < 0 || keys[i].index < out->step) {
                out->step = keys[i].index;
            }
        }
    }
    out->value = n_steps > 0 ? (double)repeats / (double)n_steps : 0;
    return RW_OK;
}

/* Hashes of the tokens of all steps, in order, at most `max`. */
static size_t tokens_of(const struct rw_str *steps, size_t n_steps, uint64_t *tokens, size_t max)
{
    size_t n = 0;
    for (size_t i = 0; i < n_steps; i++) {
        struct rw_str s = steps[i];
        for (size_t at = 0; at < s.len && n < max;) {
            size_t end = at + 1;
            if (rw_scan_space(s.ptr[at])) {
                at++;
                continue;
            }
            while (rw_scan_word(s.ptr[at]) && end < s.len && rw_scan_word(s.ptr[end])) {
                end++;
            }
            tokens[n++] = rw_hash64(s.ptr + at, end - at, 0);
            at = end;
        }
    }
    return n;
}

/* Sorts by radix, eight bits a time: no input is slow. Returns the array the result is in. */
static uint64_t *radix_sort(uint64_t *from, uint64_t *to, size_t n)
{
    for (unsigned shift = 0; shift < 64; shift += 8) {
        size_t start[257] = {0};
        for (size_t i = 0; i < n; i++) {
            start[((from[i] >> shift) & 255) + 1]++;
        }
        for (int b = 0; b < 256; b++) {
            start[b + 1] += start[b];
        }
        for (size_t i = 0; i < n; i++) {
            to[start[(from[i] >> shift) & 255]++] = from[i];
        }
        uint64_t *swap = from;
        from = to;
        to = swap;
    }
    return from;
}

rw_status rw_text_repetition(const struct rw_str *steps, size_t n_steps, struct rw_arena *arena,
                             struct rw_signal *out, struct rw_error *err)
{
    enum {
        GRAM = 4
    };
    *out = (struct rw_signal){.step = -1};
    size_t bytes = 0;
    for (size_t i = 0; i < n_steps && bytes < RW_TEXT_TOKENS_MAX; i++) {
        bytes += steps[i].len;
    }
    size_t max = RW_MIN(bytes, RW_TEXT_TOKENS_MAX);
    uint64_t *tokens = rw_arena_array(arena, max + 1, sizeof *tokens);
    uint64_t *spare = rw_arena_array(arena, max + 1, sizeof *spare);
    if (tokens == NULL || spare == NULL) {
        return rw_fail_memory(err, "the words of a trace");
    }
    size_t n = tokens_of(steps, n_steps, tokens, max);
    if (n < GRAM - 1 + RW_TEXT_GRAMS_MIN) {
        return RW_OK;
    }
    size_t grams = n - (GRAM - 1);
    for (size_t i = 0; i < grams; i++) {
        tokens[i] = rw_hash64(tokens + i, GRAM * sizeof *tokens, 1);
    }
    const uint64_t *sorted = radix_sort(tokens, spare, grams);
    size_t repeats = 0;
    for (size_t i = 1; i < grams; i++) {
        repeats += sorted[i] == sorted[i - 1];
    }
    out->known = true;
    out->value = (double)repeats / (double)grams;
    return RW_OK;
}

/* First place of the answer in the text from which it is not part of a longer word or number. */
static size_t find_answer(struct rw_str text, struct rw_str answer, bool announced)
{
    size_t at = rw_str_find(text, answer, 0);
    for (int tries = 0; at < text.len && tries < ANSWER_TRIES_MAX; tries++) {
        if (rw_scan_whole(text, at, at + answer.len) &&
            (!announced || rw_scan_announced(text, at))) {
            return at;
        }
        at = rw_str_find(text, answer, at + 1);
    }
    return text.len;
}

/* What the signal takes for the answer where there is no reference: the last \boxed{}, else what
 * follows the last announcement. These are not core/answer's rules, and must not become them: banks
 * hold the values that these rules gave. A change here is a new version of the signals. */
static struct rw_str boxed(struct rw_str text)
{
    struct rw_str mark = RW_STR("\\boxed{");
    size_t at = rw_scan_find_last(text, mark, text.len);
    size_t depth = 1;
    for (size_t i = at + mark.len; at < text.len && i < text.len; i++) {
        depth += text.ptr[i] == '{';
        depth -= text.ptr[i] == '}';
        if (depth == 0) {
            return rw_str_slice(text, at + mark.len, i);
        }
    }
    return RW_STR("");
}

/* Up to the end of the line or sentence; a point between digits ends nothing. */
static struct rw_str sentence(struct rw_str text, size_t begin)
{
    size_t end = begin;
    while (end < text.len && text.ptr[end] != '\n') {
        bool last = end + 1 >= text.len || rw_scan_space(text.ptr[end + 1]);
        if (text.ptr[end] == '.' && last) {
            break;
        }
        end++;
    }
    struct rw_str s = rw_str_slice(text, begin, end);
    while (s.len > 0 && (rw_scan_space(*s.ptr) || *s.ptr == ':' || *s.ptr == '*')) {
        s = rw_str_slice(s, 1, s.len);
    }
    while (s.len > 0 && (rw_scan_space(s.ptr[s.len - 1]) || s.ptr[s.len - 1] == '*' ||
                         s.ptr[s.len - 1] == '.')) {
        s.len--;
    }
    return s;
}

static struct rw_str announced_answer(struct rw_str text)
{
    static const char *const WORDS[] = {"answer is", "answer:", "####",
                                        "answer to the question is"};
    size_t best = 0;
    bool found = false;
    for (size_t i = 0; i < RW_COUNT(WORDS); i++) {
        struct rw_str word = rw_str_from(WORDS[i]);
        size_t at = rw_scan_find_last(text, word, text.len);
        if (at < text.len && (!found || at + word.len > best)) {
            best = at + word.len;
            found = true;
        }
    }
    return found ? sentence(text, best) : RW_STR("");
}

static struct rw_str answer_of(const struct rw_signal_trace *trace)
{
    struct rw_str reference = rw_str_trim(trace->reference);
    if (reference.len > 0) {
        return reference;
    }
    for (size_t i = trace->n_steps; i > 0; i--) {
        struct rw_str answer = boxed(trace->steps[i - 1]);
        if (answer.len > 0) {
            return rw_str_trim(answer);
        }
        answer = announced_answer(trace->steps[i - 1]);
        if (answer.len > 0) {
            return rw_str_trim(answer);
        }
    }
    return RW_STR("");
}

void rw_text_answer_first(const struct rw_signal_trace *trace, struct rw_signal *out)
{
    *out = (struct rw_signal){.step = -1};
    struct rw_str answer = answer_of(trace);
    if (answer.len == 0 || answer.len > RW_ANSWER_MAX ||
        find_answer(trace->prompt, answer, false) < trace->prompt.len) {
        return;
    }
    bool announced = answer.len < RW_TEXT_ANSWER_MIN;
    uint64_t total = 0;
    for (size_t i = 0; i < trace->n_steps; i++) {
        total += trace->steps[i].len;
    }
    uint64_t before = 0;
    for (size_t i = 0; i < trace->n_steps; i++) {
        size_t at = find_answer(trace->steps[i], answer, announced);
        if (at < trace->steps[i].len) {
            out->known = true;
            out->value = (double)(before + at) / (double)total;
            out->step = (int64_t)i;
            out->has_span = true;
            out->span_begin = (uint32_t)at;
            out->span_end = (uint32_t)(at + answer.len);
            return;
        }
        before += trace->steps[i].len;
    }
}

void rw_text_shape(const struct rw_str *steps, size_t n_steps, struct rw_signals *out)
{
    uint64_t total = 0;
    size_t largest = 0;
    for (size_t i = 0; i < n_steps; i++) {
        total += steps[i].len;
        largest = steps[i].len > steps[largest].len ? i : largest;
    }
    out->trace_bytes = total;
    out->n_steps = n_steps;
    if (n_steps == 0 || total == 0) {
        return;
    }
    out->of[RW_SIGNAL_STEPS] = (struct rw_signal){true, (double)n_steps, -1, false, 0, 0};
    out->of[RW_SIGNAL_BYTES] = (struct rw_signal){true, (double)total, -1, false, 0, 0};
    double share = (double)steps[largest].len / (double)total;
    out->of[RW_SIGNAL_STEP_SHARE] = (struct rw_signal){true, share, (int64_t)largest, false, 0, 0};
}
