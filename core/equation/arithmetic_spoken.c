#include "core/base/scan.h"
#include "core/base/util.h"
#include "core/equation/arithmetic_token.h"
#include "core/equation/arithmetic_word.h"

/* One pass for the signs, one for the numbers: a number word is a number only beside a sign ("two
 * apples" stays as it is), and "times" is a sign only between numbers ("three times as many"). */

enum {
    PHRASE_MAX = 3, /* words of a sign: "is equal to" */
    TENS_MIN = 20,
    TENS_MAX = 90,
};

static const struct {
    const char *word[PHRASE_MAX];
    enum rw_token_kind kind;
} PHRASES[] = {
    {{"times"}, RW_TOKEN_TIMES},
    {{"multiplied", "by"}, RW_TOKEN_TIMES},
    {{"plus"}, RW_TOKEN_PLUS},
    {{"minus"}, RW_TOKEN_MINUS},
    {{"divided", "by"}, RW_TOKEN_OVER},
    {{"equals"}, RW_TOKEN_EQUAL},
    {{"is", "equal", "to"}, RW_TOKEN_EQUAL},
    {{"are", "equal", "to"}, RW_TOKEN_EQUAL},
};

struct spoken {
    struct rw_str step;
    struct rw_token *token;
    size_t n;
};

static bool is_word(const struct spoken *s, size_t at, const char *word)
{
    return at < s->n && s->token[at].kind == RW_TOKEN_WORD &&
           rw_scan_lower(s->step.ptr[s->token[at].begin]) == word[0] &&
           rw_scan_equal(rw_str_slice(s->step, s->token[at].begin, s->token[at].end),
                         rw_str_from(word));
}

/* The whole number that word `at` alone stands for; 0 = none. "half" and "hundred" are none: they
 * change their neighbours. */
static int64_t numeral(const struct spoken *s, size_t at)
{
    int64_t num;
    int64_t den;
    if (at >= s->n || s->token[at].kind != RW_TOKEN_WORD ||
        (s->token[at].classes & RW_WORD_NUMERAL) == 0 ||
        !rw_arithmetic_word_source(rw_str_slice(s->step, s->token[at].begin, s->token[at].end),
                                   &num, &den)) {
        return 0;
    }
    return den == 1 ? num : 0;
}

static bool changes_number(const struct spoken *s, size_t at)
{
    return at < s->n && s->token[at].kind == RW_TOKEN_WORD &&
           (s->token[at].classes & (RW_WORD_NUMERAL | RW_WORD_COUNT)) != 0;
}

/* "seven", "twenty five", "twenty-five": how many tokens, 0 = none. What stands before it is token
 * `out` - 1: the list closes up as it is read. */
static size_t number_phrase(const struct spoken *s, size_t at, size_t out, int64_t *value)
{
    size_t n = 1;
    *value = numeral(s, at);
    if (*value == 0 ||
        (out > 0 && (changes_number(s, out - 1) || s->token[out - 1].kind == RW_TOKEN_NUMBER))) {
        return 0;
    }
    if (*value >= TENS_MIN && *value <= TENS_MAX) {
        bool hyphen = at + 2 < s->n && s->token[at + 1].kind == RW_TOKEN_MINUS &&
                      s->token[at].end == s->token[at + 1].begin &&
                      s->token[at + 1].end == s->token[at + 2].begin;
        int64_t one = numeral(s, at + (hyphen ? 2 : 1));
        if (one > 0 && one < 10) {
            *value += one;
            n = hyphen ? 3 : 2;
        } else if (hyphen) {
            return 0;
        }
    }
    bool more = changes_number(s, at + n) || is_word(s, at + n, "hundred") ||
                is_word(s, at + n, "thousand") || is_word(s, at + n, "million") ||
                is_word(s, at + n, "half") || is_word(s, at + n, "third") ||
                is_word(s, at + n, "dozen");
    return more ? 0 : n;
}

/* A number ends at token `at - 1`, the word of its unit aside. */
static bool number_before(const struct spoken *s, size_t at)
{
    const uint32_t other = RW_WORD_BINDS | RW_WORD_JOINS | RW_WORD_PREFIX | RW_WORD_PASSED |
                           RW_WORD_DENIES | RW_WORD_EACH | RW_WORD_TO | RW_WORD_NUMERAL;
    for (int words = 0; at > 0 && words < 2; words++, at--) {
        const struct rw_token *t = &s->token[at - 1];
        if (t->kind == RW_TOKEN_NUMBER || t->kind == RW_TOKEN_CLOSE ||
            t->kind == RW_TOKEN_PERCENT || numeral(s, at - 1) > 0) {
            return true;
        }
        if (t->kind != RW_TOKEN_WORD || (t->classes & other) != 0) {
            return false;
        }
    }
    return false;
}

static bool number_behind(const struct spoken *s, size_t at)
{
    return at < s->n &&
           (s->token[at].kind == RW_TOKEN_NUMBER || s->token[at].kind == RW_TOKEN_OPEN ||
            s->token[at].kind == RW_TOKEN_FRAC || numeral(s, at) > 0);
}

static size_t sign_phrase(const struct spoken *s, size_t at, enum rw_token_kind *kind)
{
    for (size_t i = 0; i < RW_COUNT(PHRASES); i++) {
        size_t n = 0;
        while (n < PHRASE_MAX && PHRASES[i].word[n] != NULL &&
               is_word(s, at + n, PHRASES[i].word[n])) {
            n++;
        }
        if (n > 0 && (n == PHRASE_MAX || PHRASES[i].word[n] == NULL)) {
            *kind = PHRASES[i].kind;
            return n;
        }
    }
    return 0;
}

/* ", which equals": the comma and the word that stands for the sum. */
static size_t which(const struct spoken *s, size_t at)
{
    bool comma = at + 1 < s->n && s->token[at].kind == RW_TOKEN_BREAK &&
                 s->step.ptr[s->token[at].begin] == ',';
    return comma && (is_word(s, at + 1, "which") || is_word(s, at + 1, "this") ||
                     is_word(s, at + 1, "that") || is_word(s, at + 1, "it"))
               ? 2
               : 0;
}

static size_t read_signs(struct spoken *s)
{
    size_t out = 0;
    for (size_t at = 0; at < s->n;) {
        enum rw_token_kind kind;
        size_t skip = which(s, at);
        size_t n = sign_phrase(s, at + skip, &kind);
        bool written = skip > 0 && at + skip < s->n && s->token[at + skip].kind == RW_TOKEN_EQUAL;
        bool sign = n > 0 && (skip == 0 || kind == RW_TOKEN_EQUAL) && number_before(s, out) &&
                    number_behind(s, at + skip + n);
        if (written && number_before(s, out)) {
            at += skip;
            continue;
        }
        struct rw_token token = s->token[at];
        if (sign) {
            token = (struct rw_token){.kind = kind,
                                      .begin = s->token[at + skip].begin,
                                      .end = s->token[at + skip + n - 1].end,
                                      .classes = RW_WORD_SPOKEN};
        }
        at += sign ? skip + n : 1;
        s->token[out++] = token;
    }
    return out;
}

static bool is_sign(const struct spoken *s, size_t at)
{
    return at < s->n && s->token[at].kind >= RW_TOKEN_PLUS && s->token[at].kind <= RW_TOKEN_EQUAL;
}

static size_t read_numbers(struct spoken *s)
{
    size_t out = 0;
    for (size_t at = 0; at < s->n;) {
        int64_t value;
        size_t n = number_phrase(s, at, out, &value);
        bool unit = at + n < s->n && s->token[at + n].kind == RW_TOKEN_WORD;
        bool beside = n > 0 && (is_sign(s, at + n) || (unit && is_sign(s, at + n + 1)) ||
                                (out > 0 && is_sign(s, out - 1)));
        if (beside) {
            s->token[out++] = (struct rw_token){.kind = RW_TOKEN_NUMBER,
                                                .begin = s->token[at].begin,
                                                .end = s->token[at + n - 1].end,
                                                .num = value,
                                                .den = 1};
            at += n;
            continue;
        }
        for (size_t last = at + (RW_MAX(n, 1)); at < last;) {
            s->token[out++] = s->token[at++]; /* "fifty-five cats" stays whole */
        }
    }
    return out;
}

size_t rw_tokens_spoken(struct rw_str step, struct rw_token *token, size_t n)
{
    struct spoken s = {.step = step, .token = token, .n = n};
    s.n = read_signs(&s);
    s.n = read_numbers(&s);
    return s.n;
}
