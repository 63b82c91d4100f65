#include "core/equation/derivation.h"

#include <math.h>

#include "core/base/scan.h"
#include "core/base/util.h"
#include "core/equation/number_role.h"

static const double BY_STEP = 1.0 / 3;    /* two numbers of the step that states it */
static const double BY_RESULTS = 2.0 / 3; /* two of the last results before it */

/* The last numbers that were put in; older ones are overwritten. */
struct recent {
    double value[RW_DERIVATION_NEAR];
    size_t n;
};

struct final {
    double value;
    double unit; /* of its last digit */
    bool percent;
};

static void put(struct recent *recent, double value)
{
    recent->value[recent->n++ % RW_DERIVATION_NEAR] = value;
}

/* Exactly, rounded to the digits shown, or a whole number just above or below. */
static bool rounds_to(double exact, const struct final *shown)
{
    double off = fabs(fabs(exact) - shown->value);
    double tiny = 1e-9 * (1 + shown->value);
    return off <= tiny || (off < shown->unit && fabs(exact - round(exact)) > tiny);
}

static bool is_final(double exact, const struct final *shown)
{
    return rounds_to(exact, shown) || (shown->percent && rounds_to(100 * exact, shown));
}

static bool combined(double a, double b, const struct final *shown)
{
    return is_final(a + b, shown) || is_final(a - b, shown) || is_final(a * b, shown) ||
           (b != 0 && is_final(a / b, shown)) || (a != 0 && is_final(b / a, shown));
}

/* Two different numbers of the list make it. A pair with 0 or 1 makes what is there already. */
static bool made_of(const struct recent *recent, const struct final *shown)
{
    size_t n = RW_MIN(recent->n, (size_t)RW_DERIVATION_NEAR);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = i + 1; j < n; j++) {
            double a = recent->value[i];
            double b = recent->value[j];
            if (a > 1 && b > 1 && a != shown->value && b != shown->value && combined(a, b, shown)) {
                return true;
            }
        }
    }
    return false;
}

/* One of each list makes it. */
static bool made_of_both(const struct recent *a, const struct recent *b, const struct final *shown)
{
    size_t n = RW_MIN(a->n, (size_t)RW_DERIVATION_NEAR);
    size_t m = RW_MIN(b->n, (size_t)RW_DERIVATION_NEAR);
    for (size_t i = 0; i < n * m; i++) {
        double x = a->value[i / m];
        double y = b->value[i % m];
        if (x > 1 && y > 1 && x != shown->value && combined(x, y, shown)) {
            return true;
        }
    }
    return false;
}

/* Twice, three times, half or a third of one of them: said in words more often than not. */
static bool multiple_of(const struct recent *recent, const struct final *shown)
{
    size_t n = RW_MIN(recent->n, (size_t)RW_DERIVATION_NEAR);
    for (size_t i = 0; i < n; i++) {
        double a = recent->value[i];
        if (a != shown->value && (is_final(2 * a, shown) || is_final(3 * a, shown) ||
                                  is_final(a / 2, shown) || is_final(a / 3, shown))) {
            return true;
        }
    }
    return false;
}

/* The last three or more together. */
static bool total_of(const struct recent *recent, const struct final *shown)
{
    size_t n = RW_MIN(recent->n, (size_t)RW_DERIVATION_NEAR);
    double sum = 0;
    for (size_t i = 1; i <= n; i++) {
        sum += recent->value[(recent->n - i) % RW_DERIVATION_NEAR];
        if (i > 2 && is_final(sum, shown)) {
            return true;
        }
    }
    return false;
}

/* The value of "a + b * c - ..." from token `i` on, signs of one rank from the left; *last is its
 * last token. With one number, or over RW_DERIVATION_NEAR of them, it is no sum. */
static bool read_sum(const struct rw_token *token, size_t n, size_t i, double *value, size_t *last)
{
    double total = 0;
    double product = rw_number_role_value(&token[i]);
    size_t at = i;
    for (int count = 1; count < RW_DERIVATION_NEAR; count++) {
        size_t sign = at + 1;
        while (sign < n && sign < at + 4 && token[sign].kind == RW_TOKEN_WORD) {
            sign++; /* the words of a unit */
        }
        if (sign + 1 >= n || !rw_number_role_operator(token[sign].kind) ||
            token[sign + 1].kind != RW_TOKEN_NUMBER) {
            *value = total + product;
            *last = at;
            return count > 1;
        }
        double next = rw_number_role_value(&token[sign + 1]);
        if (token[sign].kind == RW_TOKEN_TIMES) {
            product *= next;
        } else if (token[sign].kind == RW_TOKEN_OVER) {
            product = next != 0 ? product / next : 0;
        } else {
            total += product;
            product = token[sign].kind == RW_TOKEN_PLUS ? next : -next;
        }
        at = sign + 1;
    }
    return false;
}

/* A letter, a power or a command: the sentence is algebra. Other unknown signs are punctuation. */
static bool is_algebra(struct rw_str text, const struct rw_token *token)
{
    char c = text.ptr[token->begin];
    bool letter = rw_scan_letter(c) && token->end - token->begin == 1;
    return token->kind == RW_TOKEN_FRAC ||
           (token->kind == RW_TOKEN_BAD && (letter || c == '^' || c == '\\' || c == '_'));
}

/* Behind this byte the step gives its answer; 0 when it announces none. */
static size_t announced_at(struct rw_str step)
{
    static const char *const MARKS[] = {"answer is", "answer:", "####", "\\boxed{"};
    size_t best = 0;
    for (size_t i = 0; i < RW_COUNT(MARKS); i++) {
        struct rw_str mark = rw_str_from(MARKS[i]);
        size_t at = rw_scan_find_last(step, mark, step.len);
        best = at < step.len && at + mark.len > best ? at + mark.len : best;
    }
    return best;
}

struct found {
    bool any;
    bool result;
    struct rw_token token;
    bool percent;
};

/* The first number behind an announcement; else the last result; else the last number. */
static void look(struct rw_str step, size_t from, struct found *found)
{
    struct rw_token token[RW_TOKENS_MAX];
    for (size_t at = 0; at < step.len;) {
        size_t n = rw_tokens_read(step, &at, token);
        for (size_t i = 0; i < n; i++) {
            if (token[i].kind != RW_TOKEN_NUMBER || token[i].begin < from ||
                (from == 0 && rw_number_role_is_label(step, token, n, i)) ||
                (from > 0 && found->any)) {
                continue;
            }
            bool result = rw_number_role_is_result(token, n, i);
            if (!found->any || result || !found->result) {
                bool percent = i + 1 < n && token[i + 1].kind == RW_TOKEN_PERCENT;
                *found = (struct found){true, result, token[i], percent};
            }
        }
    }
}

static bool find_final(const struct rw_str *steps, size_t n_steps, struct final *shown,
                       struct rw_derivation *out)
{
    for (size_t t = n_steps; t > 0 && n_steps - t < RW_DERIVATION_STEPS; t--) {
        struct found found = {0};
        look(steps[t - 1], announced_at(steps[t - 1]), &found);
        if (found.any) {
            double unit = 1;
            for (int i = 0; i < found.token.decimals; i++) {
                unit /= 10;
            }
            *shown = (struct final){rw_number_role_value(&found.token), unit, found.percent};
            out->step = (int64_t)t - 1;
            out->begin = found.token.begin;
            out->end = found.token.end;
            return true;
        }
    }
    return false;
}

static bool is_given(struct rw_str prompt, const struct final *shown, struct recent *given)
{
    struct rw_token token[RW_TOKENS_MAX];
    size_t seen = 0;
    for (size_t at = 0; at < prompt.len && seen < RW_DERIVATION_GIVEN;) {
        size_t n = rw_tokens_read(prompt, &at, token);
        for (size_t i = 0; i < n && seen < RW_DERIVATION_GIVEN; i++) {
            if (token[i].kind == RW_TOKEN_NUMBER) {
                seen++;
                put(given, rw_number_role_value(&token[i]));
                if (rw_number_role_value(&token[i]) == shown->value) {
                    return true;
                }
            }
        }
    }
    return false;
}

/* A sum stands on the left of the equation that ends in token `i`: "total = 26" derives nothing. */
static bool has_operands(const struct rw_token *token, size_t i)
{
    size_t at = i;
    while (at > 0 && token[at].kind != RW_TOKEN_EQUAL) {
        at--;
    }
    for (; at > 0 && token[at - 1].kind != RW_TOKEN_BREAK; at--) {
        if (rw_number_role_operator(token[at - 1].kind)) {
            return true;
        }
    }
    return false;
}

struct walk {
    struct final shown;
    struct recent given;   /* of the question */
    struct recent results; /* of the steps so far */
    double value;          /* the best so far */
    bool algebra;
};

/* How well the numbers before it explain a number that is stated. */
static double explained(const struct walk *walk, const struct recent *here)
{
    if (made_of(here, &walk->shown)) {
        return BY_STEP;
    }
    bool results = made_of(&walk->results, &walk->shown) ||
                   total_of(&walk->results, &walk->shown) ||
                   multiple_of(&walk->results, &walk->shown) ||
                   made_of_both(&walk->results, &walk->given, &walk->shown);
    return results ? BY_RESULTS : 1;
}

static void walk_piece(struct walk *walk, struct rw_str step, const struct rw_token *token,
                       size_t n, struct recent *here)
{
    for (size_t i = 0; i < n; i++) {
        walk->algebra = walk->algebra || is_algebra(step, &token[i]);
        if (token[i].kind != RW_TOKEN_NUMBER || rw_number_role_is_label(step, token, n, i)) {
            continue;
        }
        double value = rw_number_role_value(&token[i]);
        bool result = rw_number_role_is_result(token, n, i);
        bool stated = !result && !rw_number_role_is_operand(token, n, i);
        bool same = is_final(value, &walk->shown);
        double sum;
        size_t last;
        bool summed = !(i > 0 && rw_number_role_operator(token[i - 1].kind)) &&
                      read_sum(token, n, i, &sum, &last) && is_final(sum, &walk->shown);
        if (summed || (same && result && has_operands(token, i))) {
            walk->value = 0;
        } else if (same && (result || stated)) {
            double by = explained(walk, here);
            walk->value = RW_MIN(walk->value, by);
        }
        put(here, value);
        if (result || stated) {
            put(&walk->results, value);
        }
    }
}

void rw_derivation(struct rw_str prompt, const struct rw_str *steps, size_t n_steps,
                   struct rw_derivation *out)
{
    struct walk walk = {.value = 1};
    *out = (struct rw_derivation){.step = -1};
    if (!find_final(steps, n_steps, &walk.shown, out)) {
        return;
    }
    bool given = is_given(prompt, &walk.shown, &walk.given);
    struct rw_token token[RW_TOKENS_MAX];
    for (size_t t = 0; t < n_steps && !walk.algebra; t++) {
        struct recent here = {.n = 0};
        for (size_t at = 0; at < steps[t].len;) {
            size_t n = rw_tokens_read(steps[t], &at, token);
            walk_piece(&walk, steps[t], token, n, &here);
        }
    }
    out->known = !walk.algebra;
    out->value = given ? 0 : walk.value;
}
