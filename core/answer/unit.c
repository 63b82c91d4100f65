/* Words behind a number: units and things counted, and the words that change what a number says. */
#include "core/answer/parts.h"
#include "core/base/scan.h"
#include "core/base/util.h"

enum {
    UNIT_WORDS_MAX = 6,
    UNIT_SHORT = 3, /* bytes; so short ones may be variables, and must be known */
};

static bool listed(struct rw_str word, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (rw_scan_equal(word, rw_str_from(list[i]))) {
            return true;
        }
    }
    return false;
}

#define LISTED(word, list) listed(word, list, sizeof(list) / sizeof *(list))

/* "12 less than", "5 or more", "2 thirds", "100 minus", "2 squared": not the number before. */
bool rw_answer_word_changes(struct rw_str word)
{
    static const char *const WORDS[] = {
        "more",        "less",      "than",    "minus",    "plus",      "times",      "over",
        "under",       "above",     "below",   "or",       "and",       "not",        "out",
        "squared",     "cubed",     "most",    "least",    "greater",   "fewer",      "divided",
        "multiplied",  "factorial", "root",    "power",    "when",      "mod",        "modulo",
        "remainder",   "except",    "but",     "without",  "to",        "half",       "halves",
        "third",       "thirds",    "quarter", "quarters", "fourth",    "fourths",    "fifth",
        "fifths",      "sixth",     "sixths",  "seventh",  "sevenths",  "eighth",     "eighths",
        "ninth",       "ninths",    "tenth",   "tenths",   "hundredth", "hundredths", "thousandth",
        "thousandths", "score",     "gross",   "pair",     "pairs",     "couple",     "couples",
        "percentage",  "choose",    "point",   "raised",   "negative",  "between",    "until",
        "through",     "double",    "twice",   "triple",   "added",     "subtracted", "increased",
        "decreased",   "if",        "unless",  "halved",   "doubled",   "tripled",    "modulus",
        "base",        "one",       "two",     "three",    "four",      "five",       "six",
        "seven",       "eight",     "nine",    "ten",      "eleven",    "twelve",     "twenty",
        "thirty",      "forty",     "fifty",   "sixty",    "seventy",   "eighty",     "ninety",
        "pi",          "sqrt"};
    return LISTED(word, WORDS) || rw_answer_scale(word) != 0;
}

/* "5 million": by how much the word multiplies; 0 for others. */
int64_t rw_answer_scale(struct rw_str word)
{
    static const struct {
        const char *name;
        int64_t scale;
    } SCALES[] = {{"hundred", 100},        {"thousand", 1000},          {"million", 1000000},
                  {"billion", 1000000000}, {"trillion", 1000000000000}, {"dozen", 12}};
    struct rw_str one = word;
    one.len -= one.len > 1 && rw_scan_lower(one.ptr[one.len - 1]) == 's';
    for (size_t i = 0; i < RW_COUNT(SCALES); i++) {
        struct rw_str name = rw_str_from(SCALES[i].name);
        if (rw_scan_equal(word, name) || rw_scan_equal(one, name)) {
            return SCALES[i].scale;
        }
    }
    return 0;
}

/* Case counts: mW and MW. */
static bool short_unit(struct rw_str word)
{
    static const char *const UNITS[] = {
        "m",   "g",   "s",   "h",   "l",   "L",   "N",   "J",   "W",   "V",   "A",   "K",
        "C",   "F",   "km",  "cm",  "mm",  "nm",  "dm",  "kg",  "mg",  "ml",  "mL",  "dl",
        "cl",  "ms",  "hr",  "min", "sec", "ft",  "in",  "yd",  "mi",  "oz",  "lb",  "mph",
        "kph", "Hz",  "Pa",  "kHz", "MHz", "GHz", "kPa", "kJ",  "kW",  "MW",  "mW",  "kWh",
        "kN",  "kV",  "mV",  "mA",  "cal", "day", "yr",  "mo",  "wk",  "sq",  "cu",  "pt",
        "qt",  "gal", "deg", "rad", "mol", "KB",  "kB",  "MB",  "GB",  "TB",  "USD", "EUR",
        "GBP", "men", "cat", "dog", "egg", "pen", "hat", "car", "bus", "cup", "box", "bag",
        "toy", "boy", "pie", "cow", "pig", "hen", "ant", "bee", "fox", "jar", "can", "kid",
        "cap", "way", "row", "set", "bar", "gem", "key", "mug", "pot", "tie", "ton", "tub",
        "van", "win", "job", "map", "net", "oak", "owl", "pin", "rod", "rug"};
    struct rw_str one = word;
    one.len -= one.len > 2 && one.ptr[one.len - 1] == 's';
    for (size_t i = 0; i < RW_COUNT(UNITS); i++) {
        if (rw_str_is(word, UNITS[i]) || rw_str_is(one, UNITS[i])) {
            return true;
        }
    }
    return false;
}

/* A word of letters, wherever it stands in a unit. */
static bool fits(struct rw_str word, bool first, bool attached)
{
    static const char *const SMALL[] = {"per", "of", "in", "a", "an", "the", "all", "her", "his"};
    if (rw_answer_word_changes(word)) {
        return false;
    }
    /* Of bytes above ASCII only what can be no sign of mathematics: not a root, a half, a Greek. */
    bool foreign = false;
    for (size_t i = 0; i < word.len; i++) {
        unsigned char c = (unsigned char)word.ptr[i];
        if (c >= 0xC0 && (c == 0xC2 || c == 0xE2 || c == 0xCE || c == 0xCF || c >= 0xF0)) {
            return false;
        }
        foreign = foreign || c >= 0x80;
    }
    if (word.len > UNIT_SHORT) {
        return !(foreign && attached);
    }
    return short_unit(word) || (!first && LISTED(word, SMALL));
}

/* `unit` begins with a letter. */
bool rw_answer_is_unit(struct rw_str unit, bool attached)
{
    size_t n = 0;
    for (size_t i = 0; i < unit.len;) {
        size_t begin = i;
        while (i < unit.len && rw_scan_letter(unit.ptr[i])) {
            i++;
        }
        if (i == begin) {
            i++;
            continue;
        }
        if (++n > UNIT_WORDS_MAX || !fits(rw_str_slice(unit, begin, i), n == 1, attached)) {
            return false;
        }
    }
    return n > 0;
}

/* 5 m^2 and 5m^2, kgs and kg, 90 degrees and 90 deg. */
static size_t plain_unit(struct rw_str unit, char out[RW_ANSWER_UNIT_MAX])
{
    size_t n = 0;
    for (size_t i = 0; i < unit.len && n < RW_ANSWER_UNIT_MAX; i++) {
        if (strchr("{} ", unit.ptr[i]) == NULL) {
            out[n++] = unit.ptr[i];
        }
    }
    n -= n > 2 && out[n - 1] == 's';
    return n == 6 && memcmp(out, "degree", 6) == 0 ? 3 : n;
}

/* Short units differ by case: mm and Mm. */
static bool same_unit(struct rw_str a, struct rw_str b)
{
    char x[RW_ANSWER_UNIT_MAX];
    char y[RW_ANSWER_UNIT_MAX];
    struct rw_str left = {x, plain_unit(a, x)};
    struct rw_str right = {y, plain_unit(b, y)};
    if (left.len == RW_ANSWER_UNIT_MAX || right.len == RW_ANSWER_UNIT_MAX) {
        return rw_str_equal(a, b);
    }
    return left.len > UNIT_SHORT ? rw_scan_equal(left, right) : rw_str_equal(left, right);
}

enum rw_verified rw_answer_equal_units(const struct rw_answer_quantity *a,
                                       const struct rw_answer_quantity *b)
{
    if (a->unit.len == 0 || b->unit.len == 0) {
        bool loose = a->loose_unit || b->loose_unit; /* 5m is perhaps five times m */
        return loose ? RW_VERIFIED_UNKNOWN : RW_VERIFIED_RIGHT;
    }
    /* 5 km and 5000 m */
    return same_unit(a->unit, b->unit) ? RW_VERIFIED_RIGHT : RW_VERIFIED_UNKNOWN;
}
