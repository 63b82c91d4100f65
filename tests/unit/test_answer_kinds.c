/* core/answer: pairs of every kind that verdicts were once wrong for, in both directions, and what
 * rewriting an answer may not change. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/answer/answer.h"
#include "core/base/util.h"
#include "tests/lib/mutate.h"
#include "tests/lib/suite.h"

enum {
    NOT_TRUE = 1 << RW_VERIFIED_WRONG | 1 << RW_VERIFIED_UNKNOWN,
    NOT_FALSE = 1 << RW_VERIFIED_RIGHT | 1 << RW_VERIFIED_UNKNOWN,
    IS_NULL = 1 << RW_VERIFIED_UNKNOWN,
    IS_TRUE = 1 << RW_VERIFIED_RIGHT,
};

static const struct {
    const char *step;
    const char *reference;
    int allowed;
} PAIRS[] = {
    {"\\boxed{\\{\\}}", "5", NOT_TRUE},
    {"The answer is 3!!.", "720", NOT_TRUE},
    {"The answer is 2 x 10^3.", "2000", IS_TRUE},
    {"\\boxed{yes}", "no", NOT_TRUE},
    {"\\boxed{{2}:AB = 5}", "5", NOT_FALSE}, /* looked before the first lexeme */
    {"\\boxed{5}", "\\{\\}", NOT_TRUE},
    {"\\boxed{\\emptyset}", "1,000", NOT_TRUE},
    {"The answer is 3/4 (0.75).", "0.75", NOT_FALSE},
    {"The answer is $\\frac{3}{4}$ (0.75).", "3/4", NOT_FALSE},
    {"The answer is 10 (10).", "100", NOT_TRUE},
    {"Final answer: 27 (3^3)", "27", NOT_FALSE},
    {"The answer is 0.5 (1/2).", "1/2", NOT_FALSE},
    {"The answer is 5 (five).", "5", NOT_FALSE},
    {"The answer is 25% (1/4).", "1/4", NOT_FALSE},
    {"The answer is 2 (3).", "6", NOT_TRUE},
    {"The answer is 1/4 (0.25).", "1/16", NOT_TRUE},
    {"\\boxed{\\frac{1}{2} (0.5)}", "0.25", NOT_TRUE},
    {"The answer is 1/3 (approximately 0.333).", "1/3", NOT_FALSE},
    {"The answer is 7 (mod 11).", "7", NOT_TRUE},
    {"The answer is \\(4\\) (2^2).", "16", NOT_TRUE},
    {"The answer is $\\cos 3x$.", "x\\cos 3", NOT_TRUE},
    {"The answer is $\\tan 2x$.", "\\tan(2x)", NOT_FALSE},
    {"The answer is $2\\sin 3t$.", "2\\sin(3t)", NOT_FALSE},
    {"The answer is $\\ln 5x$.", "\\ln(5x)", NOT_FALSE},
    {"The answer is $\\log_2 4x$.", "x\\log_2 4", NOT_TRUE},
    {"The answer is $e^{\\sin 2x}$.", "e^{\\sin(2x)}", NOT_FALSE},
    {"The answer is $\\sin x\\cos x$.", "\\frac{1}{2}\\sin 2x", NOT_FALSE},
    {"The answer is sin 2x.", "x sin 2", NOT_TRUE},
    {"The answer is $\\sin 2\\theta$.", "\\sin(2\\theta)", NOT_FALSE},
    {"The answer is $\\sec 2x$.", "x \\sec 2", NOT_TRUE},
    {"The answer is $\\cos 2x + C$.", "\\cos(2x)+C", NOT_FALSE},
    {"The answer is $\\sin^2 3x$.", "(\\sin 3x)^2", NOT_FALSE},
    {"The answer is $\\ln 2x$.", "\\ln 2 + \\ln x", NOT_FALSE},
    {"The answer is $N(0)e^{kt}$.", "N(0)e^{-kt}", NOT_TRUE},
    {"The answer is $x(0)$.", "0", NOT_TRUE},
    {"The answer is $P(0)(1+r)^t$.", "P(0)(1-r)^t", NOT_TRUE},
    {"The answer is $y(0)+1$.", "1", NOT_TRUE},
    {"The answer is $u(0)$.", "0", NOT_TRUE},
    {"The answer is $f(2)+3$.", "2f+3", NOT_TRUE},
    {"The answer is $[3,4)$.", "3,4", NOT_TRUE},
    {"The answer is $(3,4]$.", "3,4", NOT_TRUE},
    {"The answer is $[-1,1]$.", "-1,1", NOT_TRUE},
    {"The answer is -1, 1.", "[-1,1]", NOT_TRUE},
    {"The answer is $(2,5)$.", "2,5", NOT_TRUE},
    {"The answer is $\\prod_{i=1}^{n} i$.", "\\sum_{i=1}^{n} i", NOT_TRUE},
    {"The answer is $\\sum_{k=1}^{n} k$.", "\\sum_{k=0}^{n} k", NOT_TRUE},
    {"The answer is $\\bigcap_{i=1}^{n} B_i$.", "\\bigcup_{i=1}^{n} B_i", NOT_TRUE},
    {"The answer is $\\sum_{k=1}^{n} k^2$.", "\\sum_{k=1}^{n} k^3", NOT_TRUE},
    {"The answer is $\\sum_{n=1}^\\infty \\frac{1}{n^2}$.", "\\sum_{n=1}^{\\infty} \\dfrac{1}{n^2}",
     NOT_FALSE},
    {"The answer is $\\lim_{x\\to 0} f(x)$.", "\\lim_{x\\to 1} f(x)", NOT_TRUE},
    {"The answer is $\\int_0^1 x dx$.", "\\int_0^2 x dx", NOT_TRUE},
    {"The answer is any number except y = 2.", "y = 2", NOT_TRUE},
    {"The answer is height = 3.", "width = 3", NOT_TRUE},
    {"The answer is $f' = 2x$.", "f = 2x", NOT_TRUE},
    {"The answer is maximum at x = 2.", "x = 2", NOT_TRUE},
    {"The answer is x is not = 5.", "x = 5", NOT_TRUE},
    {"The answer is all reals except x = 1.", "1", NOT_TRUE},
    {"The answer is area = 12.", "perimeter = 12", NOT_TRUE},
    {"The answer is no solution if k = 3.", "k = 3", NOT_TRUE},
    {"The answer is $a = 5$.", "$b = 5$", NOT_TRUE},
    {"The answer is B: 2, C: 5.", "B: 3, C: 6", NOT_TRUE},
    {"The answer is S. aureus.", "S. pyogenes", NOT_TRUE},
    {"The answer is B. subtilis.", "B. cereus", NOT_TRUE},
    {"The answer is D: 4 hr.", "D: 5 hr", NOT_TRUE},
    {"The answer is J: 4 hr, S: 14 hr.", "J: 4 hr, S: 15 hr", NOT_TRUE},
    {"The answer is A: 3, B: 4.", "A: 3, B: 4", NOT_FALSE},
    {"The answer is A. Einstein.", "A. Newton", NOT_TRUE},
    {"The answer is $5x^2$.", "5", NOT_TRUE},
    {"The answer is $2t^2$.", "2", NOT_TRUE},
    {"The answer is $4m^2$.", "4", NOT_TRUE},
    {"The answer is $7h^3$.", "7", NOT_TRUE},
    {"The answer is $9g^2$.", "9", NOT_TRUE},
    {"\\boxed{3s^2}", "3", NOT_TRUE},
    {"The answer is $7.",
     "\xE2\x82\xAC"
     "7",
     NOT_TRUE},
    {"The answer is \xC2\xA3"
     "7.",
     "\xE2\x82\xAC"
     "7",
     NOT_TRUE},
    {"The answer is 7 cents.", "$7", NOT_TRUE},
    {"The answer is $7.", "7%", NOT_TRUE},
    {"The answer is \xC2\xA5"
     "100.",
     "$100", NOT_TRUE},
    {"The answer is \xE2\x82\xAC"
     "5.",
     "5 cents", NOT_TRUE},
    {"The answer is $0.50.", "50 cents", NOT_FALSE},
    {"The answer is 5 euros.", "$5", NOT_TRUE},
    {"The answer is 5 dollars.", "$5", NOT_FALSE},
    {"The answer is $\\sqrt{x^2}$.", "x", NOT_TRUE},
    {"The answer is $\\sqrt{x^2}$.", "-x", NOT_TRUE},
    {"The answer is $\\sqrt[4]{(a-3)^4}$.", "3-a", NOT_TRUE},
    {"The answer is $\\sqrt{(x-5)^2}$.", "|x-5|", NOT_FALSE},
    {"The answer is $\\sqrt{x^2-6x+9}$.", "3-x", NOT_TRUE},
    {"The answer is $\\sqrt{(2-y)^2}$.", "2-y", NOT_TRUE},
    {"The answer is $\\sqrt{x^2}$.", "|x|", NOT_FALSE},
    {"The answer is $|x|$.", "x", NOT_TRUE},
    {"The answer is 2023-12-25.", "1986", NOT_TRUE},
    {"\\boxed{555-0199}", "356", NOT_TRUE},
    {"The answer is 800-555-1234.", "-989", NOT_TRUE},
    {"The answer is 12/25/2023.", "0.000237", NOT_TRUE},
    {"The answer is 1999-2003.", "-4", NOT_TRUE},
    {"\\boxed{01-02-2003}", "-2004", NOT_TRUE},
    {"\\boxed{0.666...}", "0.666", NOT_TRUE},
    {"\\boxed{0.142857...}", "0.142857", NOT_TRUE},
    {"\\boxed{2,4,6,\\ldots}", "2,4,6,...", NOT_FALSE},
    {"\\boxed{1,2,3,...}", "1,2,3", NOT_TRUE},
    {"The answer is 3.14159....", "3.14159", NOT_TRUE},
    {"\\boxed{0.\\overline{3}}", "1/3", NOT_FALSE},
    {"\\boxed{0.333\\ldots}", "1/3", NOT_FALSE},
    {"\\boxed{1.414\\dots}", "1.414", NOT_TRUE},
    {"\\boxed{1, 4, 9, \\dots}", "1, 4, 9", NOT_TRUE},
    {"The answer is 16.7\\%.", "1/6", NOT_FALSE},
    {"The answer is 14.3%.", "1/7", NOT_FALSE},
    {"The answer is $6.67\\times 10^{-1}$.", "2/3", NOT_FALSE},
    {"The answer is $1.41 \\times 10^0$.", "\\sqrt{2}", NOT_FALSE},
    {"The answer is 83.33%.", "5/6", NOT_FALSE},
    {"The answer is 66.7%.", "3/4", NOT_TRUE},
    {"The answer is 3.33e-1.", "1/3", NOT_FALSE},
    {"\\boxed{\\pm 2, \\pm 3}", "2,-2,3,-3", NOT_FALSE},
    {"\\boxed{1, \\pm i}", "1, i, -i", NOT_FALSE},
    {"\\boxed{\\pm\\sqrt{3}, 0}", "0, \\sqrt{3}, -\\sqrt{3}", NOT_FALSE},
    {"\\boxed{2 \\pm \\sqrt{5}}", "2+\\sqrt{5}, 2-\\sqrt{5}", NOT_FALSE},
    {"\\boxed{\\pm 4}", "4, -4", NOT_FALSE},
    {"\\boxed{\\pm 4}", "4", NOT_TRUE},
    {"\\boxed{x = \\pm 3}", "3,-3", NOT_FALSE},
    {"\\boxed{\\pm 1, \\pm 2}", "1,-1,2,-3", NOT_TRUE},
    {"He earned $12{,}750.", "12750", NOT_FALSE},
    {"He earned $12{,}750.", "750", NOT_TRUE},
    {"So the value is $3,\\!456$.", "3456", NOT_FALSE},
    {"So the value is $3,\\!456$.", "456", NOT_TRUE},
    {"So the vertices are (0,0),(4,0),(0,3).", "(0,3)", NOT_TRUE},
    {"So the point is (2,-3,5).", "(2,-3,5)", NOT_FALSE},
    {"So the point is (2,-3,5).", "(-3,5)", NOT_TRUE},
    {"She loses -\\$3.25.", "3.25", NOT_TRUE},
    {"The change is -$4.", "4", NOT_TRUE},
    {"So it is $b \\sqrt[3]{b}$.", "\\sqrt[3]{b}", NOT_TRUE},
    {"So it is $b \\sqrt[3]{b}$.", "b \\sqrt[3]{b}", NOT_FALSE},
    {"So it is $4x \\sqrt{2y}$.", "4x\\sqrt{2y}", NOT_FALSE},
    {"So it is $4x \\sqrt{2y}$.", "\\sqrt{2y}", NOT_TRUE},
    {"Hence the sum is $2^{10}-1$.", "1", NOT_TRUE},
    {"Hence the sum is $2^{10}-1$.", "1023", NOT_FALSE},
    {"We get \\frac{3}{4}.", "4", NOT_TRUE},
    {"The roots are 1, 2 and 3.", "3", NOT_TRUE},
    {"The roots are 1, 2 and 3.", "1,2,3", NOT_FALSE},
    {"The interval is [0, 5).", "5", NOT_TRUE},
    {"Sam has 9 coins. Check: 9 + 1 = 10.", "9", IS_NULL},
    {"x = 4. Verify: 2*4 = 8.", "4", IS_NULL},
    {"So 50 - 30 = 20 more pages to finish the 50 pages.", "20", IS_NULL},
    {"The sum is 15. (Indeed 15/3 = 5.)", "15", IS_NULL},
    {"She needs 18 more to reach 72", "18", IS_NULL},
    {"The result is two, since 4/2 = 2 and 6/2 = 3.", "2", IS_NULL},
    {"First \\boxed{10}. Final Answer: The final answer is $20$.", "20", NOT_FALSE},
    {"<think>I guess \\boxed{3}</think> The answer is 9.", "9", NOT_FALSE},
    {"<think>\\boxed{3}</think>\n\n\\boxed{9}", "3", NOT_TRUE},
    {"So \\boxed{12}. Wait, the answer is 13.", "13", NOT_FALSE},
    {"<thinking>the answer is 4</thinking>\nFinal answer: 5", "5", NOT_FALSE},
    {"<think>so \\boxed{5}</think> The answer is 7.", "5", NOT_TRUE},
    {"solutions: \\boxed{(1,3)}, \\boxed{(3,1)}", "(3,1),(1,3)", NOT_FALSE},
    {"x = \\boxed{2} and x = \\boxed{5}", "2,5", NOT_FALSE},
    {"\\boxed{1}, \\boxed{2} and \\boxed{3}", "{1,2,3}", NOT_FALSE},
    {"$\\boxed{(1, 2)}$ and $\\boxed{(2, 1)}$", "(1,2),(2,1)", NOT_FALSE},
    {"First part: \\boxed{3}. Second part: \\boxed{4}", "(3,4)", NOT_FALSE},
    {"$x=\\boxed{1}$, $y=\\boxed{2}$", "(1,2)", NOT_FALSE},
    {"#### 25\n\nQuestion: Another one\nAnswer: 3\n#### 3", "25", NOT_FALSE},
    {"#### 25\n\nQ: Another one\nA: 3", "25", NOT_FALSE},
    {"The answer is 6.\n\nHuman: and 2+2?\nThe answer is 4.", "6", NOT_FALSE},
    {"#### 8\n\nProblem: x\n#### 9", "8", NOT_FALSE},
    {"\\boxed{(3,2),(5,2)}", "p=3,q=2;p=5,q=2", NOT_FALSE},
    {"\\boxed{4, 5 and 6}", "4,5,6", NOT_FALSE},
    {"\\boxed{8,9 or 10}", "8,9,10", NOT_FALSE},
    {"\\boxed{x=1, y=2}", "(1,2)", NOT_FALSE},
    {"\\boxed{1 \\text{ or } 2}", "1,2", NOT_FALSE},
    {"\\boxed{4, 5 and 6}", "4,5,7", NOT_TRUE},
    {"\\boxed{x=1,y=2}", "x=2,y=1", NOT_TRUE},
    {"\\boxed{2 and 3}", "2,3", NOT_FALSE},
    {"The answer is 3, 5, and 7.", "3,5,7", NOT_FALSE},
    {"She has 10 + 15 = <<10+15=25>>25 apples for 5 days.", "25", NOT_FALSE},
    {"Total: 4*6=<<4*6=24>>24", "24", NOT_FALSE},
    {"He pays 3*5 = $<<3*5=15>>15.", "15", NOT_FALSE},
    {"So 7+8=<<7+8=15>>15 in all.", "15", NOT_FALSE},
    {"#### <<1+1=2>>2", "2", NOT_FALSE},
    {"The answer is 3 + 4 = 7.", "7", IS_TRUE},
    {"Answer:\n7", "7", IS_TRUE},
    {"**Final Answer**\n\n42", "42", IS_TRUE},
    {"<answer>7</answer>", "7", IS_TRUE},
    {"\\boxed {5}", "5", IS_TRUE},
    {"\\fbox{5}", "5", IS_TRUE},
    {"The answer is 12<|im_end|>", "12", IS_TRUE},
    {"The answer is 12</s>", "12", IS_TRUE},
    {"The answer is 72, which is the total.", "72", IS_TRUE},
    {"\\boxed{[2,\\infty)}", "x \\geq 2", IS_TRUE},
    {"\\boxed{(-\\infty,1)\\cup(3,\\infty)}", "x<1 or x>3", IS_TRUE},
    {"\\boxed{x \\geq 3}", "x >= 3", IS_TRUE},
    {"\\boxed{\\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}}",
     "\\begin{bmatrix}1 & 2\\\\ 3 & 4\\end{bmatrix}", IS_TRUE},
    {"\\boxed{\\dfrac{x}{y}}", "\\frac{x}{y}", IS_TRUE},
    {"\\boxed{y = x^2+1}", "y=x^{2}+1", IS_TRUE},
    {"\\boxed{5\\textnormal{ cm}}", "5 cm", IS_TRUE},
    {"\\boxed{1, \\quad 2}", "1,2", IS_TRUE},
    {"\\boxed{11,\\! 111}", "11111", IS_TRUE},
    {"\\boxed{2^6 * 3^5}", "2^6 3^5", IS_TRUE},
    {"\xE7\xAD\x94\xE6\xA1\x88\xE6\x98\xAF\xEF\xBC\x88"
     "1\xEF\xBC\x8C"
     "2\xEF\xBC\x89\xE3\x80\x82",
     "(1,2)", IS_TRUE},
    {"\xE7\xAD\x94\xE6\xA1\x88\xE6\x98\xAF 7\xE3\x80\x82", "7", IS_TRUE},
    {"\xE7\xAD\x94\xE6\xA1\x88\xEF\xBC\x9A"
     "13\xE5\x8F\xAA",
     "13", IS_TRUE},
    {"The answer is 7 (seven).", "7", IS_TRUE},
    {"The answer is \"42\".", "42", IS_TRUE},
    {"The answer is `42`.", "42", IS_TRUE},
    {"1 + 1 = 2\nA: 3000", "A: 3000", IS_TRUE},
    {"\xE6\x9C\x80\xE7\xBB\x88\xE7\xAD\x94\xE6\xA1\x88\xE4\xB8\xBA\xEF\xBC\x9A\\boxed{"
     "\xEF\xBC\x93\xEF\xBC\x8E\xEF\xBC\x95}",
     "3.5", IS_TRUE},
};

static struct rw_verdict verdict(const char *step, const char *reference)
{
    struct rw_verdict v;
    struct rw_str text = rw_str_from(step);
    rw_answer_verify(&text, 1, rw_str_from(reference), NULL, &v);
    return v;
}

START_TEST(kinds)
{
    for (size_t i = 0; i < RW_COUNT(PAIRS); i++) {
        struct rw_verdict v = verdict(PAIRS[i].step, PAIRS[i].reference);
        ck_assert_msg(PAIRS[i].allowed & 1 << v.verified, "%s | %s: %s, %s", PAIRS[i].step,
                      PAIRS[i].reference, rw_verified_name(v.verified),
                      rw_answer_rule_name(v.rule));
        /* The reference in a box is that answer, and the order of the sides says nothing. */
        char box[256];
        snprintf(box, sizeof box, "\\boxed{%s}", PAIRS[i].reference);
        struct rw_verdict same = verdict(box, PAIRS[i].reference);
        ck_assert_msg(same.verified != RW_VERIFIED_WRONG, "%s", PAIRS[i].reference);
        ck_assert_int_eq(rw_answer_equal(v.answer, v.reference),
                         rw_answer_equal(v.reference, v.answer));
    }
}
END_TEST

/* ---- rewriting ------------------------------------------------------------------------------- */

enum {
    TEXT_MAX = 160,
    GOLDS = 24,
    FORMS = 6,
    DEFAULT_PAIRS = 20000,
};

/* The g-th gold answer with two numbers, in the form `how`; all forms say the same. */
static void write_gold(int g, int a, int b, int how, char *out)
{
    static const char *const FORM[GOLDS][3] = {
        {"%d", "$%d$", "%d.0"},
        {"\\frac{%d}{%d}", "$\\dfrac{%d}{%d}$", "%d/%d"},
        {"(%d, %d)", "\\left(%d,%d\\right)", "$(%d,\\ %d)$"},
        {"[%d, %d)", "\\left[ %d, %d \\right)", "$[%d,%d)$"},
        {"\\{%d, %d\\}", "\\left\\{%d,%d\\right\\}", "$\\{%d, %d\\}$"},
        {"%d\\sqrt{%d}", "$%d \\sqrt{%d}$", "%d*\\sqrt{%d}"},
        {"x = %d", "$x=%d$", "x  =  %d"},
        {"x^2 + %dx - %d", "$x^{2}+%d x-%d$", "x^2 + %d*x - %d"},
        {"\\sin %dx", "$\\sin(%dx)$", "\\sin{%dx}"},
        {"%d\\pi", "$%d \\pi$", "\\pi * %d"},
        {"%d cm", "$%d\\text{ cm}$", "%d\\,\\mathrm{cm}"},
        {"\\$%d", "$%d", "%d dollars"},
        {"%d apples", "%d\\text{ apples}", "%d apple"},
        {"x \\geq %d", "$x \\ge %d$", "x >= %d"},
        {"(-\\infty, %d)", "x < %d", "$\\left(-\\infty,%d\\right)$"},
        {"%d, %d", "$%d,\\, %d$", "%d and %d"},
        {"%d \\pm \\sqrt{%d}", "$%d\\pm\\sqrt{%d}$", "%d + \\sqrt{%d}, %1$d - \\sqrt{%2$d}"},
        {"2^{%d} \\cdot 3^{%d}", "$2^{%d} 3^{%d}$", "2^%d * 3^%d"},
        {"%d:%d", "$%d : %d$", "%d:%d"},
        {"f(%d)", "$f(%d)$", "f( %d )"},
        {"\\sum_{k=1}^{%d} k", "$\\sum_{k=1}^{%d}{k}$", "\\sum\\limits_{k=1}^{%d} k"},
        {"\\begin{pmatrix} %d \\\\ %d \\end{pmatrix}", "\\begin{bmatrix}%d\\\\%d\\end{bmatrix}",
         "$\\begin{pmatrix}%d\\\\ %d\\end{pmatrix}$"},
        {"\\binom{%d}{%d}", "$\\dbinom{%d}{%d}$", "\\tbinom{%d}{%d}"},
        {"e^{%d} + %d", "$e^{%d}+%d$", "%2$d + e^{%1$d}"},
    };
    char text[TEXT_MAX - 8];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-security"
    snprintf(text, sizeof text, FORM[g][how % 3], a, b);
#pragma GCC diagnostic pop
    snprintf(out, TEXT_MAX, how < 3 ? "%s" : "  %s .", text);
}

static long wanted_pairs(void)
{
    const char *text = getenv("REWARDD_ANSWER_PAIRS");
    return text != NULL ? strtol(text, NULL, 10) : DEFAULT_PAIRS;
}

/* A rewriting is never WRONG, equality is symmetric, and what equals one thing twice is not WRONG.
 */
START_TEST(rewritings)
{
    struct rw_mutator mutator = {20261129};
    long right = 0;
    long same = 0;
    long pairs = wanted_pairs();
    for (long i = 0; i < pairs; i++) {
        char text[3][TEXT_MAX];
        struct rw_str s[3];
        int g = (int)rw_mutator_below(&mutator, GOLDS);
        int a = 2 + (int)rw_mutator_below(&mutator, 9);
        int b = a + 1 + (int)rw_mutator_below(&mutator, 5);
        bool other = rw_mutator_below(&mutator, 2) == 1; /* the third is another answer */
        for (int k = 0; k < 3; k++) {
            bool differs = other && k == 2;
            int h = differs ? (int)rw_mutator_below(&mutator, GOLDS) : g;
            write_gold(h, a + differs, b + differs, (int)rw_mutator_below(&mutator, FORMS),
                       text[k]);
            s[k] = rw_str_from(text[k]);
        }
        enum rw_verified ab = rw_answer_equal(s[0], s[1]);
        enum rw_verified bc = rw_answer_equal(s[1], s[2]);
        enum rw_verified ac = rw_answer_equal(s[0], s[2]);
        ck_assert_msg(ab != RW_VERIFIED_WRONG, "%s | %s", text[0], text[1]);
        ck_assert_msg(bc == rw_answer_equal(s[2], s[1]), "%s | %s", text[1], text[2]);
        ck_assert_msg(
            !(ab == RW_VERIFIED_RIGHT && bc == RW_VERIFIED_RIGHT && ac == RW_VERIFIED_WRONG),
            "%s | %s | %s", text[0], text[1], text[2]);
        ck_assert_msg(
            !(ab == RW_VERIFIED_RIGHT && ac == RW_VERIFIED_RIGHT && bc == RW_VERIFIED_WRONG),
            "%s | %s | %s", text[0], text[1], text[2]);
        right += ab == RW_VERIFIED_RIGHT;
        same++;
    }
    ck_assert_msg(right >= same * 99 / 100, "%ld of %ld rewritings are right", right, same);
}
END_TEST

/* An answer of any length is looked at once: what doubles doubles, within what a clock can tell. */
START_TEST(long_texts)
{
    static char text[100001];
    static const char *const PIECES[] = {"the answer is ",
                                         "\\boxed{1} ",
                                         "<answer>",
                                         "<<1=",
                                         "1,",
                                         "#### ",
                                         "$5 ",
                                         "A: 3\n",
                                         "</think>",
                                         "\\boxed{",
                                         "(",
                                         "1 + ",
                                         "\xE7\xAD\x94\xE6\xA1\x88",
                                         "<think>"};
    for (size_t p = 0; p < RW_COUNT(PIECES); p++) {
        size_t len = strlen(PIECES[p]);
        for (size_t i = 0; i + 1 < sizeof text; i++) {
            text[i] = PIECES[p][i % len];
        }
        struct rw_str s = {text, sizeof text - 1};
        struct rw_verdict v;
        rw_answer_verify(&s, 1, RW_STR("1"), NULL, &v);
        ck_assert_int_ge(v.verified, 0);
        rw_answer_verify(&s, 1, s, NULL, &v);
        ck_assert_int_ne(v.verified, RW_VERIFIED_WRONG);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("answer_kinds");
    TCase *tc = tcase_create("answer_kinds");
    tcase_add_test(tc, kinds);
    tcase_add_test(tc, rewritings);
    tcase_add_test(tc, long_texts);
    suite_add_tcase(suite, tc);
    return rw_test_run(suite);
}
