#include "core/answer/word.h"

#include "core/base/scan.h"
#include "core/base/util.h"

enum {
    SHORT = 3, /* bytes: such words may be variables, and must be known to be units */
};

static bool listed(struct rw_str word, const char *const *list, size_t n)
{
    char first = word.len > 0 ? rw_scan_lower(word.ptr[0]) : 0; /* most fail here */
    for (size_t i = 0; i < n; i++) {
        if (rw_scan_lower(list[i][0]) == first && rw_scan_equal(word, rw_str_from(list[i]))) {
            return true;
        }
    }
    return false;
}

#define LISTED(word, list) listed(word, list, RW_COUNT(list))

bool rw_word_plain(struct rw_str word)
{
    static const char *const WORDS[] = {
        "or",  "and", "to",  "of",  "in",  "no",  "on",  "is",  "at",  "by",  "as",
        "if",  "am",  "pm",  "pct", "not", "the", "out", "per", "for", "abs", "max",
        "min", "gcd", "lcm", "mod", "det", "arg", "lim", "sup", "inf", "one", "two",
        "six", "ten", "yes", "an",  "so",  "we",  "it",  "all"};
    return LISTED(word, WORDS);
}

bool rw_word_changes(struct rw_str word)
{
    static const char *const WORDS[] = {
        "more",       "less",       "than",        "minus",      "plus",      "times",
        "over",       "under",      "above",       "below",      "or",        "and",
        "not",        "out",        "squared",     "cubed",      "most",      "least",
        "greater",    "fewer",      "divided",     "multiplied", "factorial", "root",
        "power",      "when",       "mod",         "modulo",     "remainder", "except",
        "but",        "without",    "to",          "half",       "halves",    "third",
        "thirds",     "quarter",    "quarters",    "fourth",     "fourths",   "fifth",
        "fifths",     "sixth",      "sixths",      "seventh",    "sevenths",  "eighth",
        "eighths",    "ninth",      "ninths",      "tenth",      "tenths",    "hundredth",
        "hundredths", "thousandth", "thousandths", "score",      "gross",     "pair",
        "pairs",      "couple",     "couples",     "percentage", "choose",    "point",
        "raised",     "negative",   "between",     "until",      "through",   "double",
        "twice",      "triple",     "added",       "subtracted", "increased", "decreased",
        "if",         "unless",     "halved",      "doubled",    "tripled",   "modulus",
        "base",       "pi",         "sqrt",        "larger",     "smaller",   "bigger",
        "higher",     "lower",      "otherwise",   "else",       "where",     "given",
        "with",       "at",         "is",          "are",        "was",       "equals",
        "equal",      "th",         "st",          "nd",         "rd",        "never",
        "no",         "none",       "any",         "every",      "undefined", "impossible",
        "only",       "some",       "up",          "down",       "off",       "false",
        "incorrect",  "opposite",   "reciprocal",  "complement", "neither",   "nor",
        "inverse",    "provided",   "assuming",    "fails",      "fail",      "failed",
        "excluded",   "invalid",    "wrong"};
    return LISTED(word, WORDS) || rw_word_scale(word) != 0 || rw_word_number(word) >= 0;
}

int64_t rw_word_scale(struct rw_str word)
{
    static const struct {
        const char *name;
        int64_t scale;
    } SCALES[] = {{"hundred", 100},           {"thousand", 1000},          {"million", 1000000},
                  {"billion", 1000000000},    {"trillion", 1000000000000}, {"dozen", 12},
                  {"\xE4\xB8\x87", 10000},      /* wan */
                  {"\xE4\xBA\xBF", 100000000}}; /* yi */
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

static int simple_number(struct rw_str word)
{
    static const char *const SMALL[] = {"zero",    "one",     "two",       "three",    "four",
                                        "five",    "six",     "seven",     "eight",    "nine",
                                        "ten",     "eleven",  "twelve",    "thirteen", "fourteen",
                                        "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"};
    static const char *const TENS[] = {"twenty", "thirty",  "forty",  "fifty",
                                       "sixty",  "seventy", "eighty", "ninety"};
    for (size_t i = 0; i < RW_COUNT(SMALL); i++) {
        if (rw_scan_equal(word, rw_str_from(SMALL[i]))) {
            return (int)i;
        }
    }
    for (size_t i = 0; i < RW_COUNT(TENS); i++) {
        if (rw_scan_equal(word, rw_str_from(TENS[i]))) {
            return 20 + 10 * (int)i;
        }
    }
    return -1;
}

int rw_word_number(struct rw_str word)
{
    size_t hyphen = rw_str_find(word, RW_STR("-"), 0);
    if (hyphen == word.len) {
        return simple_number(word);
    }
    int tens = simple_number(rw_str_slice(word, 0, hyphen));
    int ones = simple_number(rw_str_slice(word, hyphen + 1, word.len));
    return tens >= 20 && ones >= 1 && ones <= 9 ? tens + ones : -1;
}

bool rw_word_percent(struct rw_str word)
{
    static const char *const WORDS[] = {"percent", "pct", "percentage"};
    return LISTED(word, WORDS);
}

bool rw_word_about(struct rw_str word)
{
    static const char *const WORDS[] = {"about",  "approximately", "around", "roughly",
                                        "approx", "nearly",        "almost"};
    return LISTED(word, WORDS);
}

bool rw_word_clause(struct rw_str word)
{
    static const char *const WORDS[] = {
        "which", "because",   "since", "so",    "making",   "giving",   "meaning", "representing",
        "as",    "therefore", "thus",  "hence", "obtained", "assuming", "after"};
    return LISTED(word, WORDS);
}

bool rw_word_lead(struct rw_str word)
{
    static const char *const WORDS[] = {"is",     "the",    "therefore", "thus",   "simply",
                                        "option", "choice", "indeed",    "just",   "exactly",
                                        "a",      "an",     "total",     "answer", "be",
                                        "hence",  "then",   "so",        "letter", "also"};
    return LISTED(word, WORDS);
}

/* Case counts: mW and MW. */
bool rw_word_short_unit(struct rw_str word)
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
        "van", "win", "job", "map", "net", "oak", "owl", "pin", "rod", "rug", "RMB", "CNY",
        "JPY", "INR", "Rs",  "bps", "fps", "rpm", "psi", "AM",  "PM",  "yen", "won"};
    struct rw_str one = word;
    one.len -= one.len > 2 && one.ptr[one.len - 1] == 's';
    for (size_t i = 0; i < RW_COUNT(UNITS); i++) {
        if (rw_str_is(word, UNITS[i]) || rw_str_is(one, UNITS[i])) {
            return true;
        }
    }
    return false;
}

bool rw_word_unit(struct rw_str word, bool first)
{
    static const char *const SMALL[] = {"per", "of",  "in", "a",   "an", "the", "all",
                                        "her", "his", "he", "she", "we", "for"};
    if (word.len == 0 || rw_word_changes(word)) {
        return false;
    }
    if ((unsigned char)word.ptr[0] >= 0x80) {
        return rw_word_foreign_unit(word);
    }
    if (word.len > SHORT) {
        return !(first && rw_word_clause(word));
    }
    return rw_word_short_unit(word) || (!first && LISTED(word, SMALL));
}

bool rw_word_measures(struct rw_str unit)
{
    static const char *const UNITS[] = {
        "m",   "km",           "cm",       "mm",       "nm",      "g",     "kg", "mg",
        "s",   "min",          "hr",       "day",      "ft",      "in",    "yd", "mi",
        "lb",  "oz",           "ton",      "deg",      "rad",     "yr",    "mL", "L",
        "gal", "quart",        "pint",     "cup",      "week",    "month", "ms", "dozen",
        "$",   "\xE2\x82\xAC", "\xC2\xA3", "\xC2\xA5", "\xC2\xA2"};
    for (size_t i = 0; i < unit.len; i++) {
        bool name = rw_scan_letter(unit.ptr[i]);
        if (!name && strchr("$\xC2\xE2\x82\xAC\xA2\xA3\xA5", unit.ptr[i]) == NULL) {
            return true; /* "m^2", "km/hr", two words */
        }
    }
    return LISTED(unit, UNITS) || rw_word_short_unit(unit) ||
           (unit.len > 0 && (unsigned char)unit.ptr[0] >= 0x80);
}

const char *rw_word_currency(struct rw_str sign)
{
    static const char *const SIGNS[] = {"$",        "\xE2\x82\xAC", "\xC2\xA3",
                                        "\xC2\xA5", "\xC2\xA2",     "\xE2\x82\xB9"};
    if (rw_str_is(sign, "\\$")) {
        return "$";
    }
    if (rw_str_is(sign, "\xEF\xBF\xA5")) {
        return "\xC2\xA5";
    }
    for (size_t i = 0; i < RW_COUNT(SIGNS); i++) {
        if (rw_str_is(sign, SIGNS[i])) {
            return SIGNS[i];
        }
    }
    return NULL;
}
