#include "core/shortcut/edit.h"

#include "core/base/scan.h"
#include "core/base/util.h"
#include "core/shortcut/edit_text.h"

static rw_status cannot(struct rw_error *err, const char *why)
{
    return rw_fail(err, RW_NOT_FOUND, "the edit cannot be made: %s", why);
}

/* splitmix64: Steele et al. 2014. */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9E3779B97F4A7C15));
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

/* The number that begins at or behind `from`: [*begin, *end). A label ("2. Then", "Step 2:") is
 * none. */
static bool next_number(struct rw_str s, size_t from, size_t *begin, size_t *end)
{
    for (size_t i = from; i < s.len; i++) {
        if (!rw_scan_digit(s.ptr[i])) {
            continue;
        }
        size_t stop = i + 1;
        while (stop < s.len && (rw_scan_digit(s.ptr[stop]) ||
                                ((s.ptr[stop] == '.' || s.ptr[stop] == ',') && stop + 1 < s.len &&
                                 rw_scan_digit(s.ptr[stop + 1])))) {
            stop++;
        }
        bool point = stop + 1 < s.len &&
                     (s.ptr[stop] == '.' || s.ptr[stop] == ')' || s.ptr[stop] == ':') &&
                     rw_scan_space(s.ptr[stop + 1]);
        bool step_word = i >= 5 && rw_scan_equal(rw_str_slice(s, i - 5, i), RW_STR("step "));
        bool name = i > 0 && rw_scan_letter(s.ptr[i - 1]); /* x1 */
        if (!(point && (i == 0 || step_word)) && !name) {
            *begin = i;
            *end = stop;
            return true;
        }
        i = stop - 1;
    }
    return false;
}

static size_t count_numbers(struct rw_str s)
{
    size_t n = 0;
    size_t begin;
    size_t end = 0;
    while (next_number(s, end, &begin, &end)) {
        n++;
    }
    return n;
}

rw_status rw_edit_number(struct rw_str text, uint64_t seed, struct rw_arena *arena,
                         struct rw_str *out, struct rw_error *err)
{
    size_t n = count_numbers(text);
    if (n == 0) {
        return cannot(err, "there is no number");
    }
    size_t pick = (size_t)(next_random(&seed) % n);
    size_t begin = 0;
    size_t end = 0;
    for (size_t i = 0; i <= pick; i++) {
        next_number(text, end, &begin, &end);
    }
    struct rw_str copy = rw_arena_copy(arena, text);
    if (copy.ptr == NULL) {
        return rw_fail_memory(err, "an edited trace");
    }
    size_t at = begin + (size_t)(next_random(&seed) % (end - begin));
    while (!rw_scan_digit(text.ptr[at])) {
        at--; /* a comma or point; a digit stands before it */
    }
    /* Another digit; the leading one of several does not become 0. */
    int low = at == begin && end - begin > 1 ? 1 : 0;
    int old = text.ptr[at] - '0';
    int digit = low + (int)(next_random(&seed) % (uint64_t)(9 - low));
    digit += digit >= old && old >= low;
    ((char *)copy.ptr)[at] = (char)('0' + digit);
    *out = copy;
    return RW_OK;
}

/* The steps with room for `extra` more. */
static struct rw_str *copy_steps(struct rw_steps in, size_t extra, struct rw_arena *arena)
{
    struct rw_str *steps = rw_arena_array(arena, in.n + extra + 1, sizeof *steps);
    if (steps != NULL && in.n > 0) {
        memcpy(steps, in.steps, in.n * sizeof *steps);
    }
    return steps;
}

rw_status rw_edit_corrupt(struct rw_steps in, size_t step, uint64_t seed, struct rw_arena *arena,
                          struct rw_steps *out, struct rw_error *err)
{
    if (step >= in.n) {
        return cannot(err, "there is no such step");
    }
    struct rw_str *steps = copy_steps(in, 0, arena);
    if (steps == NULL) {
        return rw_fail_memory(err, "an edited trace");
    }
    rw_status status = rw_edit_number(in.steps[step], seed, arena, &steps[step], err);
    if (status == RW_OK) {
        *out = (struct rw_steps){steps, in.n};
    }
    return status;
}

size_t rw_edit_corruptible(struct rw_steps in, uint64_t seed, size_t *steps, size_t max)
{
    size_t found = 0;
    size_t seen = 0;
    for (size_t i = 0; i < in.n && max > 0; i++) {
        size_t begin;
        size_t end;
        if (!next_number(in.steps[i], 0, &begin, &end)) {
            continue;
        }
        seen++;
        if (found < max) {
            steps[found++] = i;
        } else { /* reservoir sampling: every such step is as likely */
            size_t k = (size_t)(next_random(&seed) % seen);
            if (k < max) {
                steps[k] = i;
            }
        }
    }
    return found;
}

rw_status rw_edit_drop(struct rw_steps in, size_t step, struct rw_arena *arena,
                       struct rw_steps *out, struct rw_error *err)
{
    if (in.n < 2 || step >= in.n) {
        return cannot(err, "nothing would be left");
    }
    struct rw_str *steps = copy_steps(in, 0, arena);
    if (steps == NULL) {
        return rw_fail_memory(err, "an edited trace");
    }
    memmove(steps + step, steps + step + 1, (in.n - step - 1) * sizeof *steps);
    *out = (struct rw_steps){steps, in.n - 1};
    return RW_OK;
}

rw_status rw_edit_shuffle(struct rw_steps in, uint64_t seed, struct rw_arena *arena,
                          struct rw_steps *out, struct rw_error *err)
{
    if (in.n < 2) {
        return cannot(err, "one step has no order");
    }
    struct rw_str *steps = copy_steps(in, 0, arena);
    if (steps == NULL) {
        return rw_fail_memory(err, "an edited trace");
    }
    /* Sattolo's cycle: no step stays where it was. */
    for (size_t i = in.n - 1; i > 0; i--) {
        size_t j = (size_t)(next_random(&seed) % i);
        struct rw_str swap = steps[i];
        steps[i] = steps[j];
        steps[j] = swap;
    }
    *out = (struct rw_steps){steps, in.n};
    return RW_OK;
}

rw_status rw_edit_repeat(struct rw_steps in, struct rw_arena *arena, struct rw_steps *out,
                         struct rw_error *err)
{
    if (in.n == 0) {
        return cannot(err, "there is no step");
    }
    struct rw_str *steps = copy_steps(in, in.n, arena);
    if (steps == NULL) {
        return rw_fail_memory(err, "an edited trace");
    }
    size_t n = 0;
    for (size_t i = 0; i < in.n; i++) {
        steps[n++] = in.steps[i];
        if (i % 2 == 0) {
            steps[n++] = in.steps[i];
        }
    }
    *out = (struct rw_steps){steps, n};
    return RW_OK;
}

static rw_status sentence(const char *before, struct rw_str answer, const char *after,
                          struct rw_arena *arena, struct rw_str *out, struct rw_error *err)
{
    struct rw_str parts[] = {rw_str_from(before), answer, rw_str_from(after)};
    return rw_edit_join(parts, RW_COUNT(parts), arena, out)
               ? RW_OK
               : rw_fail_memory(err, "an edited trace");
}

rw_status rw_edit_answer_only(struct rw_str answer, struct rw_arena *arena, struct rw_steps *out,
                              struct rw_error *err)
{
    return rw_edit_answer_first((struct rw_steps){NULL, 0}, answer, arena, out, err);
}

rw_status rw_edit_answer_first(struct rw_steps in, struct rw_str answer, struct rw_arena *arena,
                               struct rw_steps *out, struct rw_error *err)
{
    if (answer.len == 0) {
        return cannot(err, "there is no answer");
    }
    struct rw_str *steps = rw_arena_array(arena, in.n + 1, sizeof *steps);
    if (steps == NULL) {
        return rw_fail_memory(err, "an edited trace");
    }
    rw_status status = sentence("The answer is ", answer, ".", arena, &steps[0], err);
    if (status == RW_OK) {
        if (in.n > 0) {
            memcpy(steps + 1, in.steps, in.n * sizeof *steps);
        }
        *out = (struct rw_steps){steps, in.n + 1};
    }
    return status;
}

rw_status rw_edit_hint(struct rw_str prompt, struct rw_str answer, struct rw_arena *arena,
                       struct rw_str *out_prompt, struct rw_steps *out, struct rw_error *err)
{
    if (answer.len == 0) {
        return cannot(err, "there is no answer");
    }
    struct rw_str *step = rw_arena_array(arena, 1, sizeof *step);
    struct rw_str parts[] = {prompt, RW_STR(" (Hint: the answer is "), answer, RW_STR(".)")};
    struct rw_str joined;
    if (step == NULL || !rw_edit_join(parts, RW_COUNT(parts), arena, &joined)) {
        return rw_fail_memory(err, "an edited trace");
    }
    rw_status status = sentence("As the hint says, the answer is ", answer, ".", arena, step, err);
    if (status == RW_OK) {
        *out_prompt = joined;
        *out = (struct rw_steps){step, 1};
    }
    return status;
}
