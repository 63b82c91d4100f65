#include "core/answer/answer.h"

#include "core/answer/parts.h"
#include "core/base/scan.h"
#include "core/base/util.h"

enum {
    NUMBERS_BEFORE_MAX =
        16, /* of the last step, looked at when its last number is not the answer */
};

/* ---- finding --------------------------------------------------------------------------------- */

static struct rw_str none(void)
{
    return (struct rw_str){NULL, 0};
}

struct rw_str rw_answer_boxed(struct rw_str text)
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
    return none();
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

struct rw_str rw_answer_announced(struct rw_str text)
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
    return found ? sentence(text, best) : none();
}

/* The last step with a box decides: an empty one takes earlier answers back, and one that never
 * closes leaves the step to the other rules. True when boxes have the say. */
static bool boxed_step(const struct rw_str *steps, size_t n_steps, struct rw_str *found,
                       int64_t *step)
{
    for (size_t i = n_steps; i > 0; i--) {
        struct rw_str text = steps[i - 1];
        if (rw_scan_find_last(text, RW_STR("\\boxed{"), text.len) < text.len) {
            *found = rw_answer_boxed(text);
            *step = (int64_t)i - 1;
            return found->ptr != NULL;
        }
    }
    return false;
}

/* *guessed: nothing says that this is the answer but that no number comes after it. */
static struct rw_str extract(const struct rw_str *steps, size_t n_steps, int64_t *step,
                             bool *guessed)
{
    struct rw_str found;
    *guessed = false;
    if (boxed_step(steps, n_steps, &found, step)) {
        return found;
    }
    for (size_t i = n_steps; i > 0; i--) {
        found = rw_answer_announced(steps[i - 1]);
        if (found.len > 0) {
            *step = (int64_t)i - 1;
            return found;
        }
    }
    *step = (int64_t)n_steps - 1;
    *guessed = true;
    return n_steps > 0 ? rw_answer_last_number(steps[n_steps - 1]) : none();
}

struct rw_str rw_answer_extract(const struct rw_str *steps, size_t n_steps, int64_t *step)
{
    bool guessed;
    return extract(steps, n_steps, step, &guessed);
}

/* ---- comparing ------------------------------------------------------------------------------- */

/* The currency a text names: the form drops its sign. 0 = none. */
static int currency(struct rw_str s)
{
    static const char *const SIGNS[] = {"\xE2\x82\xAC", "\xC2\xA3", "\\$"};
    for (int i = 0; i < 3; i++) {
        if (rw_str_find(s, rw_str_from(SIGNS[i]), 0) < s.len) {
            return i + 1;
        }
    }
    return rw_str_find(s, RW_STR(" cent"), 0) < s.len ? 4 : 0;
}

/* The variable of "x = 5"; 0 = none. */
static char variable_of(struct rw_str s, struct rw_str right_side)
{
    struct rw_str label = rw_str_trim(rw_str_slice(s, 0, (size_t)(right_side.ptr - s.ptr)));
    label.len -= label.len > 0 && label.ptr[label.len - 1] == '=';
    label = rw_str_trim(label);
    return label.len == 1 ? label.ptr[0] : 0;
}

enum rw_verified rw_answer_equal(struct rw_str answer, struct rw_str reference)
{
    struct rw_answer_form a;
    struct rw_answer_form b;
    answer = rw_str_trim(answer);
    reference = rw_str_trim(reference);
    if (answer.len == 0 || reference.len == 0) {
        return RW_VERIFIED_UNKNOWN;
    }
    if (rw_str_equal(answer, reference)) {
        return RW_VERIFIED_RIGHT;
    }
    if (!rw_answer_normalise(answer, &a) || !rw_answer_normalise(reference, &b)) {
        return RW_VERIFIED_UNKNOWN;
    }
    struct rw_str left = rw_answer_tidy((struct rw_str){a.text, a.len});
    struct rw_str right = rw_answer_tidy((struct rw_str){b.text, b.len});
    struct rw_str x = rw_answer_right_side(left), y = rw_answer_right_side(right);
    char of_x = variable_of(left, x), of_y = variable_of(right, y);
    enum rw_verified v = rw_answer_equal_forms(x, y, 0);
    bool exchanged = currency(answer) != 0 && currency(reference) != 0 &&
                     currency(answer) != currency(reference);
    bool other = of_x != 0 && of_y != 0 && of_x != of_y;
    return (exchanged || other) && v == RW_VERIFIED_RIGHT ? RW_VERIFIED_UNKNOWN : v;
}

/* "The answer is \boxed{5} apples": the box. "... is 5 apples, as shown": the number. */
struct rw_str rw_answer_reference(struct rw_str reference)
{
    struct rw_str boxed = rw_answer_boxed(reference);
    struct rw_str announced = boxed.len > 0 ? boxed : rw_answer_announced(reference);
    return announced.len > 0 ? announced : reference;
}

/* Does one of the numbers before `end` equal the reference? */
static bool said_before(struct rw_str text, const char *end, struct rw_str reference)
{
    for (int tries = 0; tries < NUMBERS_BEFORE_MAX; tries++) {
        struct rw_str before = {text.ptr, (size_t)(end - text.ptr)};
        struct rw_str number = rw_answer_last_number(before);
        if (number.len == 0) {
            return false;
        }
        if (rw_answer_equal(number, reference) == RW_VERIFIED_RIGHT) {
            return true;
        }
        end = number.ptr;
    }
    return false;
}

enum rw_verified rw_answer_verify(const struct rw_str *steps, size_t n_steps,
                                  struct rw_str reference)
{
    int64_t step;
    bool guessed;
    struct rw_str wanted = rw_answer_reference(reference);
    struct rw_str answer = extract(steps, n_steps, &step, &guessed);
    enum rw_verified v = rw_answer_equal(answer, wanted);
    bool doubtful =
        v == RW_VERIFIED_WRONG && guessed && said_before(steps[n_steps - 1], answer.ptr, wanted);
    return doubtful ? RW_VERIFIED_UNKNOWN : v;
}
