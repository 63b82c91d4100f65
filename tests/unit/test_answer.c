/* core/shortcut: answer equivalence, answer extraction, and the edits of traces. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/answer/alternatives.h"
#include "core/answer/answer.h"
#include "core/base/util.h"
#include "core/shortcut/edit.h"
#include "tests/lib/mutate.h"
#include "tests/lib/suite.h"

enum {
    ARENA_MAX = 16 << 20,
};

static const struct {
    const char *answer;
    const char *reference;
    enum rw_verified wanted;
} PAIRS[] = {
#define R RW_VERIFIED_RIGHT
#define W RW_VERIFIED_WRONG
#define U RW_VERIFIED_UNKNOWN
    {"72", "72", R},
    {"72.0", "72", R},
    {"1,234", "1234", R},
    {"1,234,567.50", "1234567.5", R},
    {"$18", "18", R},
    {"\\$18.00", "18", R},
    {"18 apples", "18", R},
    {"18 dollars", "18 dollar", R},
    {"5 km", "5000 m", U},
    {"7", "8", W},
    {"-7", "7", W},
    {"-0", "0", R},
    {"1/2", "0.5", R},
    {"\\frac{1}{2}", "1/2", R},
    {"\\dfrac12", "0.5", R},
    {"1\\frac{1}{2}", "3/2", R},
    {"1 1/2", "1.5", R},
    {"2 3", "6", U},
    {"50%", "0.5", R},
    {"50\\%", "50", R},
    {"50%", "0.6", W},
    {"0.33", "1/3", U},
    {"0.34", "1/3", W},
    {"12345678901234567890", "12345678901234567891", W},
    {"2\\sqrt{3}", "\\sqrt{12}", R},
    {"\\sqrt[3]{8}", "2", R},
    {"\\frac{\\pi}{2}", "0.5\\pi", R},
    {"x^2+2x+1", "(x+1)^2", R},
    {"x^2+2x+2", "(x+1)^2", W},
    {"x = 5", "5", R},
    {"y=2x+1", "2x + 1", R},
    {"(1, 2)", "(1,2)", R},
    {"(2, 1)", "(1,2)", W},
    {"\\{2, 1\\}", "\\{1,2\\}", R},
    {"2, 1", "1, 2", R},
    {"(1,2)", "[1,2]", U},
    {"(A)", "A", R},
    {"B", "A", W},
    {"(C) 12 apples", "C", R},
    {"yes", "Yes.", R},
    {"no", "yes", W},
    {"Monday", "monday", R},
    {"Monday", "Tuesday", U},
    {"90^\\circ", "90", R},
    {"\\text{5 cm}", "5 cm", R},
    {"5 \\text{ cm}", "5\\mathrm{cm}", R},
    {"5 m", "5", R},
    {"5x", "5", U}, /* x: a variable, or times */
    {"3.0e", "3", U},
    {"", "5", U},
    {"5", "", U},
    {"((((((((((((((((((((((((((((((((((((((((((((((((1", "1", U},
    {"1/0", "5", U},
    {"\xE2\x88\x92"
     "3",
     "-3", R},
    {"10\\text{ and }12", "10, 12", R},
#undef R
#undef W
#undef U
};

START_TEST(pairs)
{
    for (size_t i = 0; i < RW_COUNT(PAIRS); i++) {
        struct rw_str a = rw_str_from(PAIRS[i].answer);
        struct rw_str b = rw_str_from(PAIRS[i].reference);
        ck_assert_msg(rw_answer_equal(a, b) == PAIRS[i].wanted, "%s | %s: %d, wanted %d",
                      PAIRS[i].answer, PAIRS[i].reference, (int)rw_answer_equal(a, b),
                      (int)PAIRS[i].wanted);
        ck_assert_msg(rw_answer_equal(b, a) == PAIRS[i].wanted, "%s | %s turned round",
                      PAIRS[i].answer, PAIRS[i].reference);
    }
}
END_TEST

/* What a hunt for wrong verdicts found, and its like. N: not right, M: not wrong. */
enum {
    IS_RIGHT = 1 << RW_VERIFIED_RIGHT,
    IS_WRONG = 1 << RW_VERIFIED_WRONG,
    IS_UNKNOWN = 1 << RW_VERIFIED_UNKNOWN,
};

static const struct {
    const char *a;
    const char *b;
    int allowed;
} HUNTED[] = {
#define R IS_RIGHT
#define W IS_WRONG
#define U IS_UNKNOWN
#define N (IS_WRONG | IS_UNKNOWN)
#define M (IS_RIGHT | IS_UNKNOWN)
    /* spaces and braces */
    {"1 1/2", "11/2", W},
    {"2 3/4", "23/4", W},
    {"\\frac{11}{2}", "\\frac{1}{12}", W},
    {"\\frac{1}{23}", "\\frac{12}{3}", W},
    {"2^{10}", "2^{1}0", W},
    {"3 4", "34", U},
    {"M", "m", U},
    {"1 0", "10", N},
    {"{1}{0}", "10", N},
    {"1 2 3", "123", N},
    {"x_{1}2", "x_{12}", N},
    {"\\sqrt{1}2", "\\sqrt{12}", N},
    /* words that change the number */
    {"5 million", "5", N},
    {"5 thousand", "5", N},
    {"5 hundred", "5", N},
    {"3 dozen", "3", N},
    {"2 thirds", "2", N},
    {"2 squared", "2", N},
    {"3 pairs", "3", N},
    {"5 per second", "5", N},
    {"12 less than x", "12", U},
    {"12 less than 20", "12", N},
    {"12 more than x", "12", U},
    {"100 minus x", "100", U},
    {"3 times x", "3", U},
    {"10 over x", "10", N},
    {"5 or more", "5", U},
    {"2 or 3", "1 or 6", N},
    {"2 and 3", "1 and 6", N},
    {"2 out of 3", "3 out of 2", N},
    {"6 to 4", "4 to 6", N},
    {"5\xE2\x88\x9A"
     "x",
     "5", N},
    {"5\xC2\xBD", "5", N},
    {"2 ab", "2", N},
    {"5m", "5", U},
    {"5m", "5 m", R},
    {"5 m", "5 ms", U},
    {"5 MW", "5 mW", U},
    /* exactness */
    {"1.6 \\times 10^{-19}", "9.1 \\times 10^{-31}", W},
    {"10^{-13}", "0", W},
    {"10^{-13}", "3 \\times 10^{-14}", W},
    {"2^{40}", "1099511627775", W},
    {"2^{40}", "1099511627776", R},
    {"2^{40}", "2^{40}-1", W},
    {"10^{20}+1", "10^{20}", W},
    {"10^{400}", "10^{401}", N},
    {"10^{50}", "10^{50}+1", N},
    {"10000000001/10000000000", "1", W},
    {"(2,100)", "2100", N},
    {"(0,100)", "100", N},
    {"2,100", "(2,100)", U},
    {"0,100", "100", N},
    {"1,234,56", "123456", N},
    {"1.234", "1,234", W},
    {"1e3", "3e1", W},
    {"1e-7", "7e-1", W},
    {"1e400", "1e401", N},
    /* words are no products */
    {"cat", "act", U},
    {"ABC", "CAB", U},
    {"AB", "BA", U},
    {"no", "on", N},
    {"5 no", "5 on", N},
    {"xy", "yx", M},
    {"2xy", "2yx", R},
    {"xy + 1", "1 + yx", R},
    {"\\frac{ab}{2}", "0.5ba", R},
    {"(ab)^2", "a^2b^2", R},
    {"exp(0)", "0", N},
    {"f(0)", "0", N},
    /* powers, mixed numbers, equations */
    {"2**3", "23", W},
    {"2**3", "8", R},
    {"2 ** 3", "8", R},
    {"**8**", "8", R},
    {"The **8**", "The 8", R},
    {"-1 1/2", "-0.5", W},
    {"-1\\frac{1}{2}", "-1/2", W},
    {"1\\tfrac{1}{2}", "1/2", W},
    {"-x = 5", "5", N},
    {"|x| = 5", "5", N},
    {"\\sqrt{x} = 5", "5", N},
    {"x-coordinate = 5", "5", R},
    {"(A) and (C)", "(A)", N},
    {"(A)+3", "(A)", N},
    {"A.M.", "A", N},
    {"\\text{(B) }5", "B", M},
    {"(B)", "5", U},
    {"0.5%", "0.5", N},
    {"\\$5",
     "\xE2\x82\xAC"
     "5",
     N},
    {"50 cents", "\\$50", N},
    {"\\{1,2,2\\}", "\\{1,2\\}", M},
    {"\\{1,2,3\\}", "\\{1,2\\}", W},
    /* equal, and called wrong before */
    {"1e3", "1000", R},
    {"1.5e3", "1500", R},
    {"2e-3", "0.002", R},
    {"2.0e+00", "2", R},
    {"1e-05", "0.00001", R},
    {"1e+15", "1000000000000000", R},
    {"6.02 \\times 10^{23}", "6.02e23", R},
    {"-1 1/2", "-3/2", R},
    {"-7\\frac13", "-22/3", R},
    {"1\\tfrac12", "1.5", R},
    {"12 cm^2", "12", R},
    {"12 cm^{2}", "12", R},
    {"12\\text{ cm}^2", "12", R},
    {"12\\,\\text{cm}^3", "12", R},
    {"60 km/h", "60", R},
    {"10 m/s", "10", R},
    {"10 m/s^2", "10", R},
    {"5 men", "5", R},
    {"12\\pi \\text{ cm}^2", "12\\pi", R},
    {"\\frac{\\pi}{2}", "\\pi x", U},
    {"5 USD", "5", R},
    {"4 GB", "4", R},
    {"3 yrs", "3", R},
    {"8 pts", "8", R},
    {"12 sq ft", "12", R},
    {"60 miles per hour", "60", R},
    {"5 kgs", "5 kg", R},
    {"30 mph", "30 MPH", M},
    {"5 million", "5000000", R},
    {"1.5 million people", "1500000", R},
    {"3 dozen", "36", R},
    {"5 percent", "0.05", R},
    {"50 cents", "\\$0.50", M},
    {"2 hours", "120", M},
    {"cos(0)", "1", M},
    {"ln(2)", "\\ln 2", R},
    {"i^2", "-1", M},
    {"(1+i)^2", "2i", M},
    {"3+2i", "3-2i", W},
    {"e^2", "7.389", M},
    {"e^{\\ln x}", "x", M},
    {"2e-3", "2e - 3", U},
    {"90^\\circ", "\\pi/2", M},
    {"\\sin 30^\\circ", "0.5", M},
    {"\\cos(60)", "1/2", M},
    {"2 x 3", "6", M},
    {"1{,}000", "1000", R},
    {"10\\,000", "10000", R},
    {"0.333333333333", "1/3", M},
    {"k = 3", "m=3", U},
    {"x = 3", "x=3", R},
    {"x = 3", "3", R},
    {"k = 3", "m=4", W},
    {"\\text{yes}", "Yes", R},
    {"\\text{(A)}", "A", R},
    {"(x-1)^{10}", "x^{10}-10x^9+45x^8-120x^7+210x^6-252x^5+210x^4-120x^3+45x^2-10x+1", M},
#undef R
#undef W
#undef U
#undef N
#undef M
};

START_TEST(hunted)
{
    for (size_t i = 0; i < RW_COUNT(HUNTED); i++) {
        struct rw_str a = rw_str_from(HUNTED[i].a);
        struct rw_str b = rw_str_from(HUNTED[i].b);
        enum rw_verified v = rw_answer_equal(a, b);
        ck_assert_msg(HUNTED[i].allowed & 1 << v, "%s | %s: %d, wanted of %x", HUNTED[i].a,
                      HUNTED[i].b, (int)v, (unsigned)HUNTED[i].allowed);
        ck_assert_msg(rw_answer_equal(b, a) == v, "%s | %s turned round", HUNTED[i].a, HUNTED[i].b);
    }
}
END_TEST

enum {
    NOTATIONS = 9,
    NOTATION_MAX = 96,
};

/* n / 10^places in the notation `how`; false when it has none. */
static bool write_number(long n, int places, int how, char *out)
{
    long den = 1;
    for (int i = 0; i < places; i++) {
        den *= 10;
    }
    const char *sign = n < 0 ? "-" : "";
    long top = labs(n);
    long rest = top % den;
    bool mixed = top > den && rest > 0;
    switch (how) {
    case 0:
        snprintf(out, NOTATION_MAX, "%.*f", (places & 7) + 1, (double)n / (double)den);
        return true;
    case 1:
        snprintf(out, NOTATION_MAX, "%s%ld/%ld", sign, top * 7, den * 7);
        return true;
    case 2:
        snprintf(out, NOTATION_MAX, "$%s\\dfrac{%ld}{%ld}$", sign, top * 3, den * 3);
        return true;
    case 3:
        snprintf(out, NOTATION_MAX, "%s%ld %ld/%ld", sign, top / den, rest * 2, den * 2);
        return mixed;
    case 4:
        snprintf(out, NOTATION_MAX, "%s%ld\\tfrac{%ld}{%ld}", sign, top / den, rest, den);
        return mixed;
    case 5:
        snprintf(out, NOTATION_MAX, "%s%lde-%d", sign, top, places);
        return true;
    case 6:
        snprintf(out, NOTATION_MAX, "%s%ld \\times 10^{-%d}", sign, top, places);
        return true;
    case 7:
        snprintf(out, NOTATION_MAX, "%s%ld000E-%02d apples", sign, top, places + 3);
        return true;
    default:
        snprintf(out, NOTATION_MAX, "x = %s%ld \\cdot 10^{%d} \\div 10^{%d}", sign, top, 3,
                 places + 3);
        return true;
    }
}

START_TEST(rationals_in_every_notation)
{
    struct rw_mutator mutator = {20261128};
    for (int i = 0; i < 300; i++) {
        int places = 1 + (int)rw_mutator_below(&mutator, 6);
        long n = (long)rw_mutator_below(&mutator, 20000001) - 10000000;
        long near = n + 1 + (long)rw_mutator_below(&mutator, 3);
        long far = (long)rw_mutator_below(&mutator, 20000001) - 10000000;
        long m = i % 2 == 0 ? near : far;
        for (int j = 0; j < NOTATIONS * NOTATIONS; j++) {
            char a[NOTATION_MAX];
            char b[NOTATION_MAX];
            char c[NOTATION_MAX];
            if (!write_number(n, places, j % NOTATIONS, a) ||
                !write_number(n, places, j / NOTATIONS, b)) {
                continue;
            }
            ck_assert_msg(rw_answer_equal(rw_str_from(a), rw_str_from(b)) == RW_VERIFIED_RIGHT,
                          "%s = %s", a, b);
            ck_assert_msg(m == n || !write_number(m, places, j / NOTATIONS, c) ||
                              rw_answer_equal(rw_str_from(a), rw_str_from(c)) != RW_VERIFIED_RIGHT,
                          "%s != %s", a, c);
        }
    }
}
END_TEST

START_TEST(numbers_written_in_every_form)
{
    for (long n = -3000; n <= 3000; n += 7) {
        for (int d = 1; d <= 8; d *= 2) {
            char forms[5][64];
            snprintf(forms[0], 64, "%.6f", (double)n / d);
            snprintf(forms[1], 64, "%ld/%d", n, d);
            snprintf(forms[2], 64, "\\frac{%ld}{%d}", n, d);
            snprintf(forms[3], 64, "$%.3f \\text{ meters}$", (double)n / d);
            snprintf(forms[4], 64, "%.4f%%", 100.0 * (double)n / d);
            char other[64];
            snprintf(other, 64, "%ld/%d", n + 1, d);
            for (int a = 0; a < 5; a++) {
                for (int b = 0; b < 5; b++) {
                    bool mixed = a + b == 3 + 4 && a != b; /* metres beside per cent */
                    ck_assert_msg(rw_answer_equal(rw_str_from(forms[a]), rw_str_from(forms[b])) ==
                                      (mixed ? RW_VERIFIED_UNKNOWN : RW_VERIFIED_RIGHT),
                                  "%s = %s", forms[a], forms[b]);
                }
                ck_assert_msg(a == 4 || rw_answer_equal(rw_str_from(forms[a]),
                                                        rw_str_from(other)) == RW_VERIFIED_WRONG,
                              "%s != %s", forms[a], other);
            }
        }
    }
}
END_TEST

static enum rw_verified verified(const struct rw_str *steps, size_t n, struct rw_str reference)
{
    struct rw_verdict verdict;
    rw_answer_verify(steps, n, reference, NULL, &verdict);
    return verdict.verified;
}

START_TEST(extraction)
{
    static const struct {
        const char *step;
        const char *answer;
    } CASES[] = {
        {"So \\boxed{1} and then \\boxed{\\frac{1}{2}}.", "\\frac{1}{2}"},
        {"The answer is 3.5 km. Good.", "3.5 km"},
        {"Final Answer: **42**", "42"},
        {"#### 1,000", "1,000"},
        {"It costs $12 - 3 = -9$ in all", "-9"},
        {"about 12.5%", "12.5%"},
        {"unclosed \\boxed{12", "12"},
        {"nothing here", ""},
        {"So x = \\frac{3}{4}.", "\\frac{3}{4}"},
        {"So $x = \\frac{3}{4}$.", "\\frac{3}{4}"},
        {"x = 2\\sqrt{3}", "2\\sqrt{3}"},
        {"So it is 10^5", "10^5"},
        {"So it is \\(10^{5}\\).", "10^{5}"},
        {"The total is 1 1/2", "1 1/2"},
        {"so x = \xE2\x88\x92"
         "5",
         "\xE2\x88\x92"
         "5"},
        {"so x = - 5", "- 5"},
        {"The points are (1, 2)", "(1, 2)"},
        {"so the result is x^2", "x^2"},
        {"so it is 3x", "3x"},
        {"It is 3.5e4", "3.5e4"},
        {"It is 5 million.", "5 million"},
        {"So 3 or 4", "3 or 4"},
        {"It takes 5km", ""},
        {"at 3:30", "3:30"},
        {"a range of 3 - 5", ""},
        {"so it is foo^5", ""},
        {"She walks 5 km in 2 hours", "2"},
        {"It is **12**.", "12"},
        {"It costs \\$1,250.50 (see above).", "\\$1,250.50"},
        {"He has a 5", "5"},
        {"It is COVID-19", "19"},
        {"so 20 + 6 = $26.", "$26"},
        {"so x = -$26", "-$26"},
        {"", "7"}, /* the last step that has text */
    };
    for (size_t i = 0; i < RW_COUNT(CASES); i++) {
        struct rw_str steps[] = {RW_STR("First 7."), rw_str_from(CASES[i].step)};
        int64_t step;
        struct rw_str found = rw_answer_extract(steps, 2, &step);
        ck_assert_msg(rw_str_is(found, CASES[i].answer), "%s: %.*s", CASES[i].step,
                      RW_STR_ARG(found));
    }
    struct rw_str steps[] = {RW_STR("5 + 5 = 10"), RW_STR("The answer is 10.")};
    ck_assert_int_eq(verified(steps, 2, RW_STR("10")), RW_VERIFIED_RIGHT);
    ck_assert_int_eq(verified(steps, 2, RW_STR("We get 8.\n#### 11")), RW_VERIFIED_WRONG);
    ck_assert_int_eq(verified(steps, 2, RW_STR("")), RW_VERIFIED_UNKNOWN);
    struct rw_str taken_back[] = {RW_STR("\\boxed{5}"), RW_STR("Hence \\boxed{}")};
    ck_assert_int_eq(verified(taken_back, 2, RW_STR("5")), RW_VERIFIED_UNKNOWN);
    ck_assert_int_eq(verified(NULL, 0, RW_STR("1")), RW_VERIFIED_UNKNOWN);
    struct rw_str guess = RW_STR("She drove 5 km in 2 hours.");
    ck_assert_int_eq(verified(&guess, 1, RW_STR("2")), RW_VERIFIED_RIGHT);
    ck_assert_int_eq(verified(&guess, 1, RW_STR("5")), RW_VERIFIED_UNKNOWN);
    ck_assert_int_eq(verified(&guess, 1, RW_STR("7")), RW_VERIFIED_WRONG);
    struct rw_str sum = RW_STR("So the total is 3 + 4 = 8");
    ck_assert_int_eq(verified(&sum, 1, RW_STR("7")), RW_VERIFIED_WRONG);
    struct rw_str said = RW_STR("With 3 and 2 the answer is 5");
    ck_assert_int_eq(verified(&said, 1, RW_STR("3")), RW_VERIFIED_WRONG);
}
END_TEST

/* No answer is slow, reads out of bounds, or differs when the sides are exchanged. */
START_TEST(hostile_answers)
{
    struct rw_mutator mutator = {20261124};
    for (int i = 0; i < 20000; i++) {
        unsigned char a[256];
        unsigned char b[256];
        const char *from = PAIRS[(size_t)i % (RW_COUNT(PAIRS))].answer;
        const char *to = PAIRS[(size_t)i % (RW_COUNT(PAIRS))].reference;
        memcpy(a, from, strlen(from));
        memcpy(b, to, strlen(to));
        struct rw_str x = {(char *)a, rw_mutate(&mutator, a, strlen(from), sizeof a)};
        struct rw_str y = {(char *)b, rw_mutate(&mutator, b, strlen(to), sizeof b)};
        enum rw_verified v = rw_answer_equal(x, y);
        ck_assert_msg(v == rw_answer_equal(y, x), "%.*s | %.*s", RW_STR_ARG(x), RW_STR_ARG(y));
        ck_assert_int_ge(v, 0);
    }
    static char deep[100000];
    static const char *const PIECES[] = {"(",  "-",        "\\frac{", "2^", "{",
                                         "1,", "\\boxed{", "[(",      " "};
    for (size_t p = 0; p < RW_COUNT(PIECES); p++) {
        for (size_t len = 1000; len < sizeof deep; len *= 9) {
            for (size_t i = 0; i < len; i++) {
                deep[i] = PIECES[p][i % strlen(PIECES[p])];
            }
            struct rw_str s = {deep, len};
            ck_assert_int_eq(rw_answer_equal(s, RW_STR("1")), RW_VERIFIED_UNKNOWN);
            int64_t step;
            rw_answer_extract(&s, 1, &step);
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("answer");
    TCase *tc = tcase_create("answer");
    tcase_add_test(tc, pairs);
    tcase_add_test(tc, hunted);
    tcase_add_test(tc, rationals_in_every_notation);
    tcase_add_test(tc, numbers_written_in_every_form);
    tcase_add_test(tc, extraction);
    tcase_add_test(tc, hostile_answers);
    suite_add_tcase(suite, tc);
    return rw_test_run(suite);
}
