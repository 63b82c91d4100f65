/* core/shortcut: signals on ordinary and hostile traces, flags, calibration banks. What the
 * statistics are worth is compared with numpy, scipy and scikit-learn in tests/oracle. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/util.h"
#include "core/equation/arithmetic.h"
#include "core/shortcut/bank.h"
#include "core/shortcut/flag.h"
#include "tests/lib/mutate.h"
#include "tests/lib/suite.h"

enum {
    ARENA_MAX = 64 << 20,
    ROWS = 600,
    STEPS_OF_ROW = 3,
    BANK_MUTATIONS = 3000,
};

static struct rw_arena arena;
static struct rw_error err;

static void setup(void)
{
    rw_arena_init(&arena, ARENA_MAX);
}

static void teardown(void)
{
    rw_arena_fini(&arena);
}

static double uniform(struct rw_mutator *m)
{
    return (double)rw_mutator_below(m, 1 << 30) / (double)(1 << 30);
}

static const struct rw_flag *find(const struct rw_flag *flags, size_t n, enum rw_flag_id id)
{
    for (size_t i = 0; i < n; i++) {
        if (flags[i].id == id) {
            return &flags[i];
        }
    }
    return NULL;
}

static size_t flags_of(const struct rw_signal_trace *trace, const struct rw_bank *bank,
                       struct rw_flag *flags)
{
    struct rw_signals signals;
    ck_assert_int_eq(rw_signals_compute(trace, bank, &arena, &signals, &err), RW_OK);
    for (int i = 0; i < RW_SIGNALS; i++) {
        ck_assert(!signals.of[i].known || isfinite(signals.of[i].value));
    }
    struct rw_flag_options options = {.bank = bank, .tier = RW_FLAG_DEEP};
    return rw_flags_evaluate(&signals, &options, flags);
}

START_TEST(the_table_is_sound)
{
    for (int id = 0; id < RW_FLAGS; id++) {
        const struct rw_flag_info *info = rw_flag_info((enum rw_flag_id)id);
        ck_assert(info->name != NULL && info->version >= 1);
        ck_assert(rw_flag_meaning((enum rw_flag_id)id) != NULL);
        bool calibrated = info->rule == RW_RULE_CALIBRATED || info->rule == RW_RULE_TEXT;
        ck_assert(!calibrated || info->signal[0] >= 0);
        for (int other = 0; other < id; other++) {
            ck_assert_str_ne(info->name, rw_flag_info((enum rw_flag_id)other)->name);
        }
    }
}
END_TEST

START_TEST(without_a_bank_only_text_rules_fire)
{
    static const float LOW[] = {0.9f, 0.001f, 0.8f, 0.9f};
    struct rw_str steps[] = {
        RW_STR("It is 4711, clearly."), RW_STR("We add 4700 and 11 to get the wanted number."),
        RW_STR("We add 4700 and 11 to get the wanted number."), RW_STR("The answer is 4711.")};
    struct rw_signal_trace trace = {.prompt = RW_STR("What is it?"),
                                    .steps = steps,
                                    .n_steps = 4,
                                    .own = {LOW, 4},
                                    .outcome = 0.99,
                                    .special_token_texts = 2};
    struct rw_flag flags[RW_FLAGS];
    size_t n = flags_of(&trace, NULL, flags);
    ck_assert(find(flags, n, RW_FLAG_STEP_DUPLICATE)->fired);
    ck_assert_int_eq(find(flags, n, RW_FLAG_STEP_DUPLICATE)->step, 2);
    ck_assert(find(flags, n, RW_FLAG_STEP_REDUNDANT) != NULL);
    ck_assert(find(flags, n, RW_FLAG_SPECIAL_TOKEN_TEXT)->fired);
    ck_assert(!find(flags, n, RW_FLAG_HIDDEN_TEXT)->fired);
    const struct rw_flag *early = find(flags, n, RW_FLAG_ANSWER_FIRST);
    ck_assert(early->fired && early->has_span);
    ck_assert_int_eq(early->step, 0);
    ck_assert(memcmp(steps[0].ptr + early->span_begin, "4711", 4) == 0);
    const struct rw_flag *gap = find(flags, n, RW_FLAG_PROCESS_OUTCOME_GAP);
    ck_assert(gap != NULL && !gap->fired && isnan(gap->p) && gap->n_cal == 0);
    ck_assert_int_eq(gap->step, 1);
    ck_assert_int_eq(find(flags, n, RW_FLAG_FIRST_ERROR)->step, 1);
    ck_assert(find(flags, n, RW_FLAG_SHORTCUT) == NULL);
    for (size_t i = 0; i < n; i++) {
        ck_assert(flags[i].message[0] != 0);
    }
    trace.outcome = 0.2; /* a low process reward of a rejected answer is no shortcut */
    n = flags_of(&trace, NULL, flags);
    ck_assert(find(flags, n, RW_FLAG_PROCESS_OUTCOME_GAP) == NULL);
}
END_TEST

/* What is said of a trace without scores, steps, words or sense: something bounded, never a crash.
 */
START_TEST(hostile_traces)
{
    enum {
        MANY = 10000,
        LONG = 100000
    };
    static struct rw_str steps[MANY];
    static char text[LONG];
    struct rw_flag flags[RW_FLAGS];
    struct rw_signal_trace trace = {.steps = steps, .outcome = NAN};
    flags_of(&trace, NULL, flags); /* no step */
    static const char *const ONE[] = {"", "x", "\xD7\xA9\xD7\x9C\xD7\x95\xD7\x9D", "\n\n\n", "5"};
    for (size_t i = 0; i < RW_COUNT(ONE); i++) {
        for (size_t n = 1; n <= MANY; n = n * 100 - (n == 100 ? 1 : 0)) {
            for (size_t k = 0; k < n; k++) {
                steps[k] = rw_str_from(ONE[i]);
            }
            trace.n_steps = n;
            flags_of(&trace, NULL, flags);
            rw_arena_fini(&arena);
            rw_arena_init(&arena, RW_SIGNALS_SCRATCH_MAX + 64 * MANY);
        }
    }
    for (int kind = 0; kind < 3; kind++) {
        for (size_t i = 0; i < LONG; i++) {
            text[i] = kind == 0 ? 'a' : kind == 1 ? (char)('0' + i * i % 7) : " a"[i % 2];
        }
        for (size_t k = 0; k < 8; k++) {
            steps[k] = (struct rw_str){text, LONG - k};
        }
        trace.n_steps = 8;
        trace.reference = (struct rw_str){text, 40};
        trace.prompt = RW_STR("aaaa");
        flags_of(&trace, NULL, flags);
        rw_arena_fini(&arena);
    }
    struct rw_signals signals;
    trace.n_steps = RW_SIGNALS_STEPS_MAX + 1;
    ck_assert_int_eq(rw_signals_compute(&trace, NULL, &arena, &signals, &err), RW_LIMIT_EXCEEDED);
    trace.n_steps = 8;
    struct rw_arena small;
    for (size_t bytes = 4096; bytes < (1 << 20); bytes += 40000) {
        rw_arena_init(&small, bytes);
        rw_status status = rw_signals_compute(&trace, NULL, &small, &signals, &err);
        ck_assert(status == RW_OK || status == RW_NO_MEMORY);
        rw_arena_fini(&small);
    }
}
END_TEST

/* ---- banks ----------------------------------------------------------------------------------- */

static const struct rw_bank_version VERSION = {"model", "outcome", "layout", "\n\n"};
static float features[ROWS][STEPS_OF_ROW * RW_SIGNAL_FEATURES];
static struct rw_bank_row rows[ROWS];

static void random_signals(struct rw_mutator *m, struct rw_signals *out)
{
    *out =
        (struct rw_signals){.trace_bytes = 100 + rw_mutator_below(m, 4000), .outcome_high = true};
    for (int id = 0; id < RW_SIGNAL_COMBINED; id++) {
        if (id != RW_SIGNAL_LATENT_D2 && id != RW_SIGNAL_LATENT_KNN) {
            out->of[id] = (struct rw_signal){.known = true, .value = uniform(m), .step = -1};
        }
    }
    out->of[RW_SIGNAL_BYTES].value = (double)out->trace_bytes;
}

static struct rw_bank *make_bank(uint64_t seed)
{
    struct rw_mutator m = {seed};
    for (size_t i = 0; i < ROWS; i++) {
        rows[i] = (struct rw_bank_row){.domain = i % 3 == 0 ? RW_STR("math") : RW_STR("code"),
                                       .features = features[i],
                                       .n_features = STEPS_OF_ROW};
        random_signals(&m, &rows[i].signals);
        for (size_t t = 0; t < STEPS_OF_ROW * RW_SIGNAL_FEATURES; t++) {
            features[i][t] = (float)(uniform(&m) + uniform(&m) - 1);
        }
    }
    struct rw_bank *bank;
    ck_assert_msg(rw_bank_build(&VERSION, rows, ROWS, &bank, &err) == RW_OK, "%s", err.message);
    return bank;
}

START_TEST(ranks)
{
    struct rw_bank *bank = make_bank(1);
    struct rw_bank_rank rank;
    rw_bank_rank(bank, &(struct rw_bank_place){.domain = RW_STR("code")}, 500, RW_SIGNAL_REPETITION,
                 2.0, &rank);
    ck_assert_uint_eq(rank.n_cal, ROWS / 3 * 2);
    ck_assert_double_eq(rank.p, 1.0 / (ROWS / 3 * 2 + 1));
    rw_bank_rank(bank, &(struct rw_bank_place){.domain = RW_STR("code")}, 500, RW_SIGNAL_REPETITION,
                 -1.0, &rank);
    ck_assert_double_eq(rank.p, 1.0);
    /* The low tail of REDUNDANT is the strange one. */
    rw_bank_rank(bank, &(struct rw_bank_place){.domain = RW_STR("code")}, 500, RW_SIGNAL_REDUNDANT,
                 -1.0, &rank);
    ck_assert_double_lt(rank.p, 0.01);
    /* An unknown tag is ranked in the pool. */
    rw_bank_rank(bank, &(struct rw_bank_place){.domain = RW_STR("law")}, 500, RW_SIGNAL_REDUNDANT,
                 0.5, &rank);
    ck_assert_uint_eq(rank.n_cal, ROWS);
    /* Every trace calibrates, with statistics that did not see it. */
    rw_bank_rank(bank, &(struct rw_bank_place){.domain = RW_STR("")}, 500, RW_SIGNAL_LATENT_D2, 1e9,
                 &rank);
    ck_assert_uint_eq(rank.n_cal, ROWS);
    double mean;
    double deviation;
    rw_bank_spread(1000, 0.01, &mean, &deviation);
    ck_assert_double_eq_tol(mean, 10.0 / 1001, 1e-12);
    ck_assert_double_eq_tol(deviation, 0.0031, 0.0001);
    rw_bank_free(bank);
}
END_TEST

/* Fresh clean traces are flagged about as often as stated, by each flag and by the fused one. */
START_TEST(stated_rate_is_the_realised_rate)
{
    struct rw_bank *bank = make_bank(2);
    struct rw_mutator m = {3};
    int fired[RW_FLAGS] = {0};
    enum {
        FRESH = 4000
    };
    for (int i = 0; i < FRESH; i++) {
        struct rw_signals signals;
        random_signals(&m, &signals);
        float feature[RW_SIGNAL_FEATURES];
        double d2 = 0;
        double knn = 0;
        for (size_t t = 0; t < STEPS_OF_ROW; t++) {
            double now[2];
            for (size_t j = 0; j < RW_SIGNAL_FEATURES; j++) {
                feature[j] = (float)(uniform(&m) + uniform(&m) - 1);
            }
            ck_assert(rw_bank_latent(bank, RW_STR(""), feature, &now[0], &now[1]));
            d2 = RW_MAX(now[0], d2);
            knn = RW_MAX(now[1], knn);
        }
        signals.of[RW_SIGNAL_LATENT_D2] = (struct rw_signal){.known = true, .value = d2};
        signals.of[RW_SIGNAL_LATENT_KNN] = (struct rw_signal){.known = true, .value = knn};
        struct rw_flag flags[RW_FLAGS];
        struct rw_flag_options options = {.bank = bank, .alpha = 0.05, .tier = RW_FLAG_DEEP};
        size_t n = rw_flags_evaluate(&signals, &options, flags);
        for (size_t k = 0; k < n; k++) {
            ck_assert_msg(strstr(flags[k].message, "e+") == NULL, "%s", flags[k].message);
            fired[flags[k].id] += flags[k].fired;
        }
    }
    for (int id = 0; id < RW_FLAGS; id++) {
        enum rw_flag_rule rule = rw_flag_info((enum rw_flag_id)id)->rule;
        if (id == RW_FLAG_ARITHMETIC_FALSE) {
            ck_assert_int_eq(fired[id], FRESH); /* a false equation is one, whatever its p */
        } else if (rule == RW_RULE_CALIBRATED || rule == RW_RULE_TEXT) {
            /* Beta(k, n + 1 - k) at n = 300, alpha = .05: standard deviation .0125; four of them.
             */
            ck_assert_msg(fired[id] <= FRESH / 10, "%s fires on %d of %d clean traces",
                          rw_flag_info((enum rw_flag_id)id)->name, fired[id], FRESH);
            ck_assert_int_ge(fired[id], 20);
        }
    }
    rw_bank_free(bank);
}
END_TEST

static struct rw_str written(const struct rw_bank *bank, struct rw_buf *buf)
{
    rw_buf_init(buf, RW_BANK_FILE_MAX);
    rw_bank_write(bank, buf);
    ck_assert(!buf->failed);
    return rw_buf_str(buf);
}

START_TEST(what_is_written_is_read)
{
    struct rw_bank *bank = make_bank(4);
    struct rw_bank *again;
    struct rw_buf first;
    struct rw_buf second;
    struct rw_str text = written(bank, &first);
    ck_assert_msg(rw_bank_parse(text, &again, &err) == RW_OK, "%s", err.message);
    ck_assert(rw_str_equal(text, written(again, &second)));
    bool same;
    struct rw_bank_version other = VERSION;
    ck_assert_int_eq(rw_bank_check(again, &VERSION, &same, &err), RW_OK);
    ck_assert(same);
    strcpy(other.outcome, "another");
    ck_assert_int_eq(rw_bank_check(again, &other, &same, &err), RW_OK);
    ck_assert(!same);
    other = VERSION;
    strcpy(other.model, "another");
    ck_assert_int_eq(rw_bank_check(again, &other, &same, &err), RW_CONFIG);
    other = VERSION;
    strcpy(other.splitter, "\n");
    ck_assert_int_eq(rw_bank_check(again, &other, &same, &err), RW_CONFIG);
    ck_assert_uint_eq(rw_bank_rows(again), ROWS);
    rw_bank_free(bank);
    rw_bank_free(again);
    rw_buf_fini(&first);
    rw_buf_fini(&second);
}
END_TEST

/* Under the sanitizers: a broken file is refused or makes a bank that can be asked. */
START_TEST(mutated_banks)
{
    struct rw_mutator m = {5};
    struct rw_bank_row few[4];
    for (size_t i = 0; i < 4; i++) {
        few[i] = (struct rw_bank_row){.domain = RW_STR("a")};
        random_signals(&m, &few[i].signals);
    }
    struct rw_bank *bank;
    ck_assert_int_eq(rw_bank_build(&VERSION, few, 4, &bank, &err), RW_OK);
    struct rw_buf buf;
    struct rw_str text = written(bank, &buf);
    unsigned char *bytes = malloc(2 * text.len);
    int parsed = 0;
    for (int i = 0; i < BANK_MUTATIONS; i++) {
        memcpy(bytes, text.ptr, text.len);
        struct rw_str mutated = {(char *)bytes, rw_mutate(&m, bytes, text.len, 2 * text.len)};
        struct rw_bank *made;
        if (rw_bank_parse(mutated, &made, &err) == RW_OK) {
            struct rw_bank_rank rank;
            rw_bank_rank(made, &(struct rw_bank_place){.domain = RW_STR("a")}, 100,
                         RW_SIGNAL_REDUNDANT, 0.5, &rank);
            rw_bank_free(made);
            parsed++;
        }
    }
    ck_assert_int_gt(parsed, 10);
    ck_assert_int_lt(parsed, BANK_MUTATIONS - 10);
    free(bytes);
    rw_buf_fini(&buf);
    rw_bank_free(bank);
    ck_assert_int_eq(rw_bank_build(&VERSION, few, 0, &bank, &err), RW_INVALID_REQUEST);
    ck_assert_int_eq(rw_bank_open("/nonexistent", &bank, &err), RW_NOT_FOUND);
}
END_TEST

/* IG_t = L_t - max_{u<t} L_u; the share of t >= 2 with IG_t <= 0. */
START_TEST(gain_over_a_watermark)
{
    static const struct {
        double contrast[5];
        size_t n;
        bool known;
        double value;
        int64_t step;
    } CASE[] = {
        {{0, 1, 2, 3, 4}, 5, true, 0, -1},
        {{0, 1, 1, 3, 2}, 5, true, 2.0 / 3, 1},   /* steps 2 and 4 */
        {{9, 1, 2, 3, 4}, 5, true, 1, 1},         /* the bare question is the watermark */
        {{0, -5, -4, 1, 2}, 5, true, 1.0 / 3, 1}, /* step 1 is ignored and no watermark below L_0 */
        {{0, 1}, 2, false, 0, -1},
        {{0, 1, NAN, 3, 4}, 5, false, 0, -1},
        {{NAN, 1, 2, 3, 4}, 5, false, 0, -1},
        {{0, 1, 2, 3, -INFINITY}, 5, false, 0, -1},
    };
    static const struct rw_str STEPS[] = {{"a", 1}, {"b", 1}, {"c", 1}, {"d", 1}};
    for (size_t i = 0; i < RW_COUNT(CASE); i++) {
        struct rw_answer_gain gain[5];
        struct rw_signals signals;
        for (size_t t = 0; t < CASE[i].n; t++) {
            gain[t] = (struct rw_answer_gain){t, CASE[i].contrast[t]};
        }
        struct rw_signal_trace trace = {.steps = STEPS,
                                        .n_steps = 4,
                                        .outcome = NAN,
                                        .answer_gain = gain,
                                        .n_answer_gain = CASE[i].n};
        ck_assert_int_eq(rw_signals_compute(&trace, NULL, &arena, &signals, &err), RW_OK);
        const struct rw_signal *got = &signals.of[RW_SIGNAL_INFO_GAIN];
        ck_assert_msg(got->known == CASE[i].known, "case %zu", i);
        if (got->known) {
            ck_assert_msg(got->value == CASE[i].value && got->step == CASE[i].step,
                          "case %zu: %g at %lld", i, got->value, (long long)got->step);
        }
    }
}
END_TEST

static struct rw_arithmetic checked(const char *text)
{
    struct rw_arithmetic found;
    rw_arithmetic_check(rw_str_from(text), &found);
    return found;
}

/* True, or not said as an equation of these numbers: a false alarm here costs an honest trace. */
START_TEST(equations_that_are_left_alone)
{
    static const char *const TEXT[] = {
        "triple 5 + 2 = 17",
        "Thrice 4 + 1 = 13.",
        "negative 3 + 5 = 2",
        "Then log 100 + 1 = 3",
        "ln 1 + 2 = 2",
        "sin 30 + 1 = 1.5",
        "cube root 8 + 1 = 3",
        "5 choose 2 + 1 = 11",
        "3 quarters + 2 quarters = 125 cents",
        "4 nickels + 2 nickels = 30 cents",
        "1 ton + 1 ton = 4000 pounds",
        "2 pairs * 3 = 12 shoes",
        "10 dollars 50 cents + 50 cents = 11 dollars",
        "2 tens + 3 = 23",
        "5 fives + 1 = 26",
        "the absolute value 3 + 1 = 4",
        "triple the 5 + 1 = 16",
        "10 to the 2 + 1 = 101",
        "the square of 3 + 1 = 10",
        "log\xE2\x82\x82 8 + 1 = 4",
        "3 halved + 1 = 2.5",
        "5 factorial + 1 = 121",
        "twenty 5 + 1 = 26",
        "two thirds 9 + 1 = 7",
        "2 ten dollar bills + 5 = 25",
        "10 tickets at $3 + $1 = $31",
        "5 boxes each with 3 + 2 = 17",
        "about 33 * 3 = 100",
        "4 xy + 2 = 10",
        "4 pi + 2 = 14.57",
        "0.3 repeating + 1 = 4/3",
        "1 hour 30 minutes - 30 minutes = 60 minutes",
        "5 feet 6 inches + 6 inches = 6 feet",
        "90 minutes + 45 minutes = 2 hours 15 minutes",
        "60 + 75 = 2 hours and 15 minutes",
        "1 mile + 1 mile = 3.2 km",
        "3 packs + 2 packs = 30 pencils",
        "3 * 2 = 1 pair",
        "3 * 2 + 7 = 2 sixes and 1",
        "10 + 10 = 1 score",
        "2 dozen + 1 = 25",
        "2 dozen + 1 = 26",
        "60 mph * 2 = 176 feet per second",
        "10 degrees celsius + 10 degrees celsius = 68 degrees fahrenheit",
        "because 14, 400 / 80 = 180",
        ".8 + . 84 + .82 = 2.46",
        "from weeks 1-2 = 96 - 70 = 26",
        "x = 9 because - 18/-2 = 9",
        "0900-0130 = 0730 hours",
        "\\frac{1}{2}mnp = 10.5",
        "(5 + 3 - 1) choose (3 - 1) = 21",
        "\\[ y = 3 \\] \\[ -3 + 5 = 2 \\]",
        "\\(a = 0\\) or \\(bc + 1 = 0\\)",
        "$y = 3$ $-3 + 5 = 2$",
        "It is not true that 3 + 4 = 8",
        "If 3 + 4 = 8 then",
        "Does 3 + 4 = 8?",
        "3 + 4 = 8 is wrong",
        "2 + 1 = 1 \\]\n(False)",
        "73 * 2 = 150 rounded",
        "10 / 3 \xE2\x89\x88 3.33",
        "1234 + 1 \xE2\x89\x88 1200",
        "3 * 33 \\approx 100",
        "three times two equals six",
        "The cost of the pens is 3 times $2, which equals $6.",
        "twenty-five plus seventeen is equal to forty-two",
        "the sum of 3 and 4 times 2 equals 14",
        "two more than 3 times 4 equals 14",
        "three times as many as 5 equals 15",
        "twice five plus three equals thirteen",
        "one hundred plus two equals 102",
        "one hundred five plus two equals 107",
        "two and a half plus one equals 3.5",
        "one-half plus one equals 1.5",
        "two thirds times three equals two",
        "6 is more than or equal to 3 + 4",
        "3 times 4 more equals 16",
        "if 3 plus 4 equals 8, then",
        "3 dogs plus 2 fish equals 12 legs",
        "one, two, three = 3",
        "Since 2/5 is equal to 12.8 hectares, then 1/5 is 6.4",
        "He ate one of the three plus 4 equals 8 others",
    };
    for (size_t i = 0; i < RW_COUNT(TEXT); i++) {
        ck_assert_msg(checked(TEXT[i]).wrong == 0, "fires on: %s", TEXT[i]);
    }
}
END_TEST

START_TEST(false_equations_are_found)
{
    static const char *const TEXT[] = {
        "5 + 3 = 9",
        "$5 + $3 = $9",
        "3 * 4 = 13 apples",
        "20 - 5 = 14 dollars",
        "so 3 + 4 = 8",
        "cost 3 * 4 = 13",
        "3 apples + 2 apples = 6 apples",
        "3 apples + 2 apples = 6 fruits",
        "3 pairs + 2 pairs = 6 pairs",
        "each gets $36 \\div 18 = 1$ cookies",
        "Each dose is 248 * 2 = 516 mg",
        "He earned 20 \\times 110 = $2,210 for 20 days of work.",
        "100 + 75 = $175 after 2 and a half years, 100 + 75 = 185 for 3 days",
        "20 minutes + 30 minutes = 60 total minutes",
        "3 hours * 60 miles = 190 miles",
        "He has $32 - $20 = $300 left.",
        "5 * 4 / 2 = 11 pairs",
        "the total of the week adds up to 3 + 4 = 8",
        "2 square feet + 3 square feet = 6 square feet",
        "They need 15-27 = 12 more cups, 5 - 3 = 1",
        "\\[ 3 + 4 = 8 \\] Since 8 is not 7",
        "10 / 3 \xE2\x89\x88 3.9",
        "12 * 12 \\approx 164",
        "three times two equals nine",
        "The cost of the pens is 3 times $2, which equals $9.",
        "twenty-five plus seventeen is equal to forty-three",
        "twelve multiplied by 12 equals 164",
        "That is 3 * $2, which = $9.",
        "thirty divided by five equals seven",
        "so 15 minus three equals 13",
        "three apples plus four apples equals nine apples",
        "3 + four = 9",
    };
    for (size_t i = 0; i < RW_COUNT(TEXT); i++) {
        struct rw_arithmetic found = checked(TEXT[i]);
        ck_assert_msg(found.wrong == 1 && found.begin < found.end, "silent on: %s", TEXT[i]);
    }
}
END_TEST

/* Units are told apart by their stems: two that a hash took for one made alarms by luck. */
START_TEST(unlike_units_are_undecided)
{
    static const char *const UNIT[] = {"dogs", "cats",  "fish",  "pens",    "miles", "tickets",
                                       "days", "forks", "rocks", "minutes", "books", "boxes",
                                       "eggs", "cakes", "coins", "apples",  "birds", "cups"};
    for (size_t a = 0; a < RW_COUNT(UNIT); a++) {
        for (size_t b = 0; b < RW_COUNT(UNIT); b++) {
            char text[128];
            snprintf(text, sizeof text, "3 %s + 2 %s = 12 legs.", UNIT[a], UNIT[b]);
            ck_assert_msg(a == b || checked(text).wrong == 0, "%s", text);
            snprintf(text, sizeof text, "3 %s + 2 %s = 12 %s.", UNIT[a], UNIT[a], UNIT[a]);
            ck_assert_msg(checked(text).wrong == 1, "%s", text);
        }
    }
    ck_assert_uint_eq(checked("3 hour + 2 hours = 12 hours.").wrong, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("shortcut");
    TCase *tc = tcase_create("shortcut");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, the_table_is_sound);
    tcase_add_test(tc, unlike_units_are_undecided);
    tcase_add_test(tc, without_a_bank_only_text_rules_fire);
    tcase_add_test(tc, hostile_traces);
    tcase_add_test(tc, ranks);
    tcase_add_test(tc, stated_rate_is_the_realised_rate);
    tcase_add_test(tc, what_is_written_is_read);
    tcase_add_test(tc, mutated_banks);
    tcase_add_test(tc, gain_over_a_watermark);
    tcase_add_test(tc, equations_that_are_left_alone);
    tcase_add_test(tc, false_equations_are_found);
    suite_add_tcase(suite, tc);
    return rw_test_run(suite);
}
