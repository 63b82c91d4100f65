#include "core/equation/provenance.h"

#include "core/base/hash.h"
#include "core/base/scan.h"
#include "core/base/util.h"
#include "core/equation/arithmetic_token.h"
#include "core/equation/arithmetic_word.h"
#include "core/equation/number_role.h"

enum {
    SMALL_MAX = 12, /* sides, legs, months: whole numbers that need no source */
    PERCENT_DEN_MAX = 1000000,
    SLOTS = 2 * RW_PROVENANCE_NUMBERS_MAX, /* a power of two */
};

/* A set of positive fractions, num == 0 marks a free slot (zero itself is always known). */
struct known {
    int64_t num[SLOTS];
    int64_t den[SLOTS];
    size_t n;
};

static const int64_t COMMON[] = {16,  24,  30,  31,  36,  50,   52,   60,   90,
                                 100, 144, 180, 360, 365, 1000, 2000, 3600, 5280};

/* Lowest terms: den is a power of ten, so only its factors matter. */
static void reduce(int64_t *num, int64_t *den)
{
    for (int64_t k = 2; k <= 5; k += 3) {
        while (*num % k == 0 && *den % k == 0) {
            *num /= k;
            *den /= k;
        }
    }
}

/* The place of a number in lowest terms, or the free one where it would be. */
static size_t slot_of(const struct known *known, int64_t num, int64_t den)
{
    const int64_t key[2] = {num, den};
    size_t slot = (size_t)rw_hash64(key, sizeof key, 0) & (SLOTS - 1);
    while (known->num[slot] != 0 && (known->num[slot] != num || known->den[slot] != den)) {
        slot = (slot + 1) & (SLOTS - 1);
    }
    return slot;
}

/* True when it was there, or when the set is full; else it is there now, if `add`. */
static bool seen(struct known *known, int64_t num, int64_t den, bool add)
{
    if (num == 0) {
        return true;
    }
    reduce(&num, &den);
    size_t slot = slot_of(known, num, den);
    if (known->num[slot] != 0 || known->n == RW_PROVENANCE_NUMBERS_MAX) {
        return true;
    }
    if (add) {
        known->num[slot] = num;
        known->den[slot] = den;
        known->n++;
    }
    return false;
}

/* p % is also p / 100. */
static void learn(struct known *known, const struct rw_token *token, bool percent)
{
    seen(known, token->num, token->den, true);
    if (percent && token->den <= PERCENT_DEN_MAX) {
        seen(known, token->num, 100 * token->den, true);
    }
}

/* Returns the number the word stands for when it is whole, else 0. "fifty-five" is 50, 5 and 55. */
static int64_t learn_word(struct known *known, struct rw_str word, int64_t before)
{
    int64_t num;
    int64_t den;
    if (!rw_arithmetic_word_source(word, &num, &den)) {
        return 0;
    }
    seen(known, num, den, true);
    if (before >= 20 && before <= 90 && num < 10 && den == 1) {
        seen(known, before + num, 1, true);
    }
    return den == 1 ? num : 0;
}

static void learn_text(struct known *known, struct rw_str text)
{
    struct rw_token token[RW_TOKENS_MAX];
    for (size_t at = 0; at < text.len;) {
        size_t n = rw_tokens_read(text, &at, token);
        int64_t word = 0;
        for (size_t i = 0; i < n; i++) {
            if (token[i].kind == RW_TOKEN_NUMBER) {
                learn(known, &token[i], i + 1 < n && token[i + 1].kind == RW_TOKEN_PERCENT);
            } else if (token[i].kind == RW_TOKEN_WORD) {
                word = learn_word(known, rw_str_slice(text, token[i].begin, token[i].end), word);
            }
        }
    }
}

static void read_step(struct known *known, struct rw_str text, int64_t step,
                      struct rw_provenance *out)
{
    struct rw_token token[RW_TOKENS_MAX];
    for (size_t at = 0; at < text.len;) {
        size_t n = rw_tokens_read(text, &at, token);
        for (size_t i = 0; i < n; i++) {
            const struct rw_token *t = &token[i];
            if (t->kind != RW_TOKEN_NUMBER || rw_number_role_is_label(text, token, n, i)) {
                continue;
            }
            if (rw_number_role_is_result(token, n, i) || !rw_number_role_is_operand(token, n, i)) {
                learn(known, t, i + 1 < n && token[i + 1].kind == RW_TOKEN_PERCENT);
                continue;
            }
            out->operands++;
            if (!seen(known, t->num, t->den, false) && out->foreign++ == 0) {
                out->step = step;
                out->begin = t->begin;
                out->end = t->end;
            }
        }
    }
}

/* Different numbers of the question in digits; a percentage may be used as a fraction. */
static void count_unused(struct rw_str prompt, struct known *used, struct rw_provenance *out)
{
    struct rw_token token[RW_TOKENS_MAX];
    struct known asked = {.n = 0};
    for (size_t at = 0; at < prompt.len;) {
        size_t n = rw_tokens_read(prompt, &at, token);
        for (size_t i = 0; i < n; i++) {
            const struct rw_token *t = &token[i];
            if (t->kind != RW_TOKEN_NUMBER || seen(&asked, t->num, t->den, true)) {
                continue;
            }
            bool percent = i + 1 < n && token[i + 1].kind == RW_TOKEN_PERCENT;
            out->asked++;
            if (!seen(used, t->num, t->den, false) && !(percent && t->den <= PERCENT_DEN_MAX &&
                                                        seen(used, t->num, 100 * t->den, false))) {
                out->unused++;
            }
        }
    }
}

void rw_provenance(struct rw_str prompt, const struct rw_str *steps, size_t n_steps,
                   struct rw_provenance *out)
{
    struct known known = {.n = 0};
    *out = (struct rw_provenance){.step = -1};
    for (size_t i = 0; i < RW_COUNT(COMMON); i++) {
        seen(&known, COMMON[i], 1, true);
    }
    for (int64_t n = 1; n <= SMALL_MAX; n++) {
        seen(&known, n, 1, true);
    }
    learn_text(&known, prompt);
    for (size_t t = 0; t < n_steps; t++) {
        read_step(&known, steps[t], (int64_t)t, out);
    }
    struct known used = {.n = 0};
    for (size_t t = 0; t < n_steps; t++) {
        learn_text(&used, steps[t]);
    }
    count_unused(prompt, &used, out);
}
