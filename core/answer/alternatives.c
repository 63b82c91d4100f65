#include "core/answer/alternatives.h"

#include "core/answer/answer.h"
#include "core/base/scan.h"
#include "core/base/util.h"

static rw_status no_memory(struct rw_error *err)
{
    return rw_fail(err, RW_NO_MEMORY, "no memory for other answers");
}

/* The answer with one byte changed. */
static bool add_changed(struct rw_alternatives *out, struct rw_arena *arena, size_t at, char c)
{
    struct rw_str copy = rw_arena_copy(arena, out->answer);
    if (copy.ptr == NULL) {
        return false;
    }
    ((char *)copy.ptr)[at] = c;
    out->other[out->n++] = copy;
    return true;
}

/* ---- choices --------------------------------------------------------------------------------- */

/* "B", "(B)", "b.": one letter among marks. */
static bool is_choice(struct rw_str s, size_t *at)
{
    size_t letters = 0;
    for (size_t i = 0; i < s.len; i++) {
        char low = rw_scan_lower(s.ptr[i]);
        if (low >= 'a' && low <= 'z') {
            letters++;
            *at = i;
        } else if (memchr("()[]. :", s.ptr[i], 7) == NULL) {
            return false;
        }
    }
    return letters == 1;
}

static rw_status choices(struct rw_alternatives *out, struct rw_arena *arena, size_t at,
                         struct rw_error *err)
{
    enum {
        USUAL = 5, /* A to E */
    };
    char own = out->answer.ptr[at];
    char first = own >= 'a' ? 'a' : 'A';
    char begin = own - first < USUAL ? first : (char)(own - USUAL + 1);
    for (char c = begin; c < begin + USUAL; c++) {
        if (c != own && !add_changed(out, arena, at, c)) {
            return no_memory(err);
        }
    }
    return RW_OK;
}

/* ---- words ----------------------------------------------------------------------------------- */

static rw_status opposite(struct rw_alternatives *out, struct rw_error *err)
{
    static const char *const PAIR[][2] = {
        {"yes", "no"},     {"Yes", "No"},     {"YES", "NO"},
        {"true", "false"}, {"True", "False"}, {"TRUE", "FALSE"},
    };
    for (size_t i = 0; i < RW_COUNT(PAIR); i++) {
        for (int k = 0; k < 2; k++) {
            if (rw_str_is(out->answer, PAIR[i][k])) {
                out->other[out->n++] = rw_str_from(PAIR[i][1 - k]);
                return RW_OK;
            }
        }
    }
    return rw_fail(err, RW_NOT_FOUND, "the answer is no number, no choice and not yes or no");
}

/* ---- numbers --------------------------------------------------------------------------------- */

/* The first of several digits does not become 0. */
static bool leads(struct rw_str s, size_t at)
{
    bool point =
        at > 1 && (s.ptr[at - 1] == '.' || s.ptr[at - 1] == ',') && rw_scan_digit(s.ptr[at - 2]);
    bool before = at > 0 && (rw_scan_digit(s.ptr[at - 1]) || point);
    return !before && at + 1 < s.len && rw_scan_digit(s.ptr[at + 1]);
}

static bool has(const struct rw_alternatives *out, struct rw_str text)
{
    for (size_t i = 0; i < out->n; i++) {
        if (rw_str_equal(out->other[i], text)) {
            return true;
        }
    }
    return false;
}

/* Near misses first: the last digit up and down by one, then those before it; then by two. */
static rw_status change_digits(struct rw_alternatives *out, struct rw_arena *arena,
                               enum rw_verified wanted, struct rw_error *err)
{
    static const int DELTA[] = {1, 9, 2, 8, 3, 7, 4, 6, 5};
    char text[RW_ALTERNATIVES_BYTES_MAX];
    struct rw_str answer = out->answer;
    struct rw_str candidate = {text, answer.len};
    memcpy(text, answer.ptr, answer.len);
    for (size_t d = 0; d < RW_COUNT(DELTA); d++) {
        for (size_t at = answer.len; at-- > 0;) {
            if (!rw_scan_digit(answer.ptr[at]) || out->n == RW_ALTERNATIVES_MAX) {
                continue;
            }
            text[at] = (char)('0' + (answer.ptr[at] - '0' + DELTA[d]) % 10);
            if (!(text[at] == '0' && leads(answer, at)) && !has(out, candidate) &&
                rw_answer_equal(candidate, answer) == wanted &&
                !add_changed(out, arena, at, text[at])) {
                return no_memory(err);
            }
            text[at] = answer.ptr[at];
        }
    }
    return RW_OK;
}

rw_status rw_alternatives_make(struct rw_str reference, struct rw_arena *arena,
                               struct rw_alternatives *out, struct rw_error *err)
{
    size_t at = 0;
    bool digit = false;
    *out = (struct rw_alternatives){.answer = rw_str_trim(rw_answer_reference(reference))};
    if (out->answer.len > RW_ALTERNATIVES_BYTES_MAX) {
        return rw_fail(err, RW_LIMIT_EXCEEDED, "an answer of %zu bytes; the most is %d",
                       out->answer.len, RW_ALTERNATIVES_BYTES_MAX);
    }
    for (size_t i = 0; i < out->answer.len; i++) {
        digit = digit || rw_scan_digit(out->answer.ptr[i]);
    }
    if (!digit) {
        return is_choice(out->answer, &at) ? choices(out, arena, at, err) : opposite(out, err);
    }
    rw_status status = change_digits(out, arena, RW_VERIFIED_WRONG, err);
    if (status == RW_OK && out->n == 0) { /* digits in a text that cannot be compared */
        status = change_digits(out, arena, RW_VERIFIED_UNKNOWN, err);
    }
    return status == RW_OK && out->n == 0
               ? rw_fail(err, RW_NOT_FOUND, "every other digit gives the same answer")
               : status;
}
