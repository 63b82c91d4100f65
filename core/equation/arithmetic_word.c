#include "core/equation/arithmetic_word.h"

#include <stdbool.h>

#include "core/base/scan.h"
#include "core/base/util.h"

/* One list per set of bits; a word is in one list. */
static const char *const BINDS[] = {
    "alpha",     "am",        "and",      "april",   "august",    "beta",       "billion",
    "billions",  "by",        "choose",   "crore",   "cubed",     "december",   "delta",
    "divided",   "double",    "doubled",  "dozen",   "dozens",    "february",   "fold",
    "gamma",     "grand",     "half",     "halved",  "hundred",   "hundreds",   "january",
    "july",      "june",      "lakh",     "lambda",  "less",      "march",      "may",
    "mil",       "million",   "millions", "minus",   "more",      "multiplied", "november",
    "october",   "of",        "omega",    "over",    "percent",   "percentage", "percents",
    "permute",   "pi",        "plus",     "pm",      "power",     "quadrupled", "quarter",
    "radian",    "radians",   "raised",   "ratio",   "recurring", "remainder",  "repeating",
    "september", "sigma",     "sqrt",     "squared", "than",      "theta",      "third",
    "thousand",  "thousands", "times",    "trebled", "trillion",  "tripled",    "twice"};
static const char *const BINDS_PREFIX[] = {"factorial"};
static const char *const PREFIX[] = {
    "about",       "abs",       "absolute",  "almost",      "approx",    "arccos",     "arcsin",
    "arctan",      "around",    "average",   "away",        "cbrt",      "ceil",       "ceiling",
    "complement",  "cos",       "cosh",      "cosine",      "cot",       "csc",        "cube",
    "cubes",       "cubing",    "digit",     "digits",      "doubles",   "doubling",   "exp",
    "exponential", "floor",     "halving",   "inverse",     "lg",        "ln",         "log",
    "logarithm",   "magnitude", "max",       "maximum",     "mean",      "median",     "minimum",
    "mode",        "modulus",   "nearly",    "negation",    "negative",  "off",        "opposite",
    "predecessor", "prime",     "quadruple", "quadrupling", "quintuple", "reciprocal", "root",
    "round",       "sin",       "sine",      "sinh",        "squares",   "squaring",   "successor",
    "supplement",  "tan",       "tangent",   "tanh",        "thrice",    "treble",     "triple",
    "triples",     "tripling"};
static const char *const PREFIX_AREA[] = {"square"};
static const char *const PREFIX_TIME[] = {"min", "sec"};
static const char *const PASSED[] = {"a",     "amount", "an",      "first",    "her",   "his",
                                     "its",   "number", "numbers", "quantity", "that",  "the",
                                     "their", "these",  "this",    "those",    "value", "values"};
static const char *const JOINS[] = {"are",   "as",    "because",   "but",   "equals", "gives",
                                    "hence", "is",    "makes",     "means", "or",     "since",
                                    "so",    "then",  "therefore", "thus",  "was",    "were",
                                    "when",  "which", "while"};
static const char *const COUNT[] = {
    "couple",  "couples", "deck",     "decks",       "dime",       "dimes",     "duo",
    "duos",    "eighths", "eights",   "elevens",     "elevenths",  "fifteens",  "fifths",
    "fifties", "fives",   "forties",  "fortnight",   "fortnights", "fours",     "fourth",
    "fourths", "gross",   "halves",   "hundredths",  "nickel",     "nickels",   "nines",
    "ninths",  "ones",    "pair",     "pairs",       "quarters",   "quartet",   "quartets",
    "score",   "scores",  "sevens",   "sevenths",    "sixes",      "sixths",    "tens",
    "tenths",  "thirds",  "thirties", "thousandths", "threes",     "touchdown", "touchdowns",
    "trio",    "trios",   "triplets", "twelfths",    "twelves",    "twenties",  "twins",
    "twos"};
static const char *const MONEY[] = {"buck",      "bucks", "cent",  "cents",  "dollar", "dollars",
                                    "euro",      "euros", "franc", "francs", "pence",  "pennies",
                                    "penny",     "peso",  "pesos", "rupee",  "rupees", "shilling",
                                    "shillings", "yen",   "yuan"};
static const char *const MONEY_WEIGHT[] = {"pound", "pounds"};
static const char *const LENGTH[] = {
    "centimeter", "centimeters", "centimetre",  "centimetres", "cm",          "fathom",
    "fathoms",    "feet",        "foot",        "ft",          "furlong",     "furlongs",
    "hand",       "hands",       "inch",        "inches",      "kilometer",   "kilometers",
    "kilometre",  "kilometres",  "km",          "lap",         "laps",        "m",
    "meter",      "meters",      "metre",       "metres",      "mi",          "mile",
    "miles",      "millimeter",  "millimeters", "millimetre",  "millimetres", "mm",
    "yard",       "yards",       "yd",          "yds"};
static const char *const WEIGHT_VOLUME[] = {"ounce", "ounces", "oz"};
static const char *const WEIGHT[] = {"gm",     "gms",      "gram",      "grams",      "kg",
                                     "kilo",   "kilogram", "kilograms", "kilos",      "lb",
                                     "lbs",    "mg",       "milligram", "milligrams", "stone",
                                     "stones", "ton",      "tonne",     "tonnes",     "tons"};
static const char *const VOLUME[] = {
    "barrel", "barrels",    "bushel",      "bushels",    "cl",          "cup",        "cups",
    "dl",     "gal",        "gallon",      "gallons",    "liter",       "liters",     "litre",
    "litres", "milliliter", "milliliters", "millilitre", "millilitres", "ml",         "pint",
    "pints",  "pt",         "qt",          "quart",      "quarts",      "tablespoon", "tablespoons",
    "tbsp",   "teaspoon",   "teaspoons",   "tsp"};
static const char *const TIME[] = {
    "centuries", "century", "day",       "days",       "decade", "decades", "hour",    "hours",
    "hr",        "hrs",     "millennia", "millennium", "mins",   "minute",  "minutes", "month",
    "months",    "second",  "seconds",   "secs",       "week",   "weeks",   "year",    "years"};
static const char *const AREA[] = {"acre", "acres", "hectare", "hectares"};
static const char *const LABEL[] = {
    "age",   "aged",  "ages",   "between", "chapter",  "chapters", "from",      "game",
    "games", "grade", "grades", "item",    "items",    "level",    "levels",    "line",
    "lines", "page",  "pages",  "problem", "problems", "question", "questions", "rounds",
    "row",   "rows",  "step",   "steps",   "through"};
static const char *const NUMERAL[] = {
    "eight",    "eighteen",  "eighty",   "eleven", "fifteen",  "fifty",  "five",
    "forty",    "four",      "fourteen", "nine",   "nineteen", "ninety", "one",
    "seven",    "seventeen", "seventy",  "six",    "sixteen",  "sixty",  "ten",
    "thirteen", "thirty",    "three",    "twelve", "twenty",   "two"};
static const char *const EACH[] = {"apiece", "at", "containing", "costing", "each"};
static const char *const TO[] = {"to"};
static const char *const IF[] = {"if", "whether"};
static const char *const DENIES[] = {
    "approximate", "aren",      "aren't",     "assume",      "assuming", "can't",   "cannot",
    "did",         "didn",      "didn't",     "does",        "doesn",    "doesn't", "estimate",
    "estimated",   "false",     "incorrect",  "incorrectly", "instead",  "ish",     "isn",
    "isn't",       "mistake",   "mistakenly", "never",       "not",      "rounded", "rounding",
    "suppose",     "supposing", "untrue",     "wasn",        "wasn't",   "won't",   "wouldn't",
    "wrong",       "wrongly"};
static const char *const SPEED[] = {"kmh", "knot", "knots", "kph", "mph"};
static const char *const OTHER[] = {
    "bit",        "bits",      "byte",      "bytes",     "calorie",    "calories", "celsius",
    "fahrenheit", "gb",        "gigabyte",  "gigabytes", "joule",      "joules",   "kb",
    "kelvin",     "kilobyte",  "kilobytes", "kilojoule", "kilojoules", "kj",       "mb",
    "megabyte",   "megabytes", "tb",        "terabyte",  "terabytes"};
static const char *const NEAR[] = {"approximately", "roughly"};

static const struct {
    const char *const *words; /* in order */
    size_t n;
    uint32_t classes;
} LISTS[] = {
    {BINDS, RW_COUNT(BINDS), RW_WORD_BINDS},
    {BINDS_PREFIX, RW_COUNT(BINDS_PREFIX), RW_WORD_BINDS | RW_WORD_PREFIX},
    {PREFIX, RW_COUNT(PREFIX), RW_WORD_PREFIX},
    {PREFIX_AREA, RW_COUNT(PREFIX_AREA), RW_WORD_PREFIX | RW_WORD_AREA},
    {PREFIX_TIME, RW_COUNT(PREFIX_TIME), RW_WORD_PREFIX | RW_WORD_TIME},
    {PASSED, RW_COUNT(PASSED), RW_WORD_PASSED},
    {JOINS, RW_COUNT(JOINS), RW_WORD_JOINS},
    {COUNT, RW_COUNT(COUNT), RW_WORD_COUNT},
    {MONEY, RW_COUNT(MONEY), RW_WORD_MONEY},
    {MONEY_WEIGHT, RW_COUNT(MONEY_WEIGHT), RW_WORD_MONEY | RW_WORD_WEIGHT},
    {LENGTH, RW_COUNT(LENGTH), RW_WORD_LENGTH},
    {WEIGHT_VOLUME, RW_COUNT(WEIGHT_VOLUME), RW_WORD_WEIGHT | RW_WORD_VOLUME},
    {WEIGHT, RW_COUNT(WEIGHT), RW_WORD_WEIGHT},
    {VOLUME, RW_COUNT(VOLUME), RW_WORD_VOLUME},
    {TIME, RW_COUNT(TIME), RW_WORD_TIME},
    {AREA, RW_COUNT(AREA), RW_WORD_AREA},
    {LABEL, RW_COUNT(LABEL), RW_WORD_LABEL},
    {NUMERAL, RW_COUNT(NUMERAL), RW_WORD_NUMERAL},
    {EACH, RW_COUNT(EACH), RW_WORD_EACH},
    {TO, RW_COUNT(TO), RW_WORD_TO},
    {IF, RW_COUNT(IF), RW_WORD_JOINS | RW_WORD_DENIES},
    {DENIES, RW_COUNT(DENIES), RW_WORD_DENIES},
    {SPEED, RW_COUNT(SPEED), RW_WORD_SPEED | RW_WORD_LENGTH},
    {OTHER, RW_COUNT(OTHER), RW_WORD_OTHER},
    {NEAR, RW_COUNT(NEAR), RW_WORD_PREFIX | RW_WORD_DENIES},
};

static const struct {
    const char *word;
    int64_t num;
    int64_t den;
} NUMBERS[] = {
    {"one", 1, 1},        {"two", 2, 1},       {"three", 3, 1},       {"four", 4, 1},
    {"five", 5, 1},       {"six", 6, 1},       {"seven", 7, 1},       {"eight", 8, 1},
    {"nine", 9, 1},       {"ten", 10, 1},      {"eleven", 11, 1},     {"twelve", 12, 1},
    {"thirteen", 13, 1},  {"fourteen", 14, 1}, {"fifteen", 15, 1},    {"sixteen", 16, 1},
    {"seventeen", 17, 1}, {"eighteen", 18, 1}, {"nineteen", 19, 1},   {"twenty", 20, 1},
    {"thirty", 30, 1},    {"forty", 40, 1},    {"fifty", 50, 1},      {"sixty", 60, 1},
    {"seventy", 70, 1},   {"eighty", 80, 1},   {"ninety", 90, 1},     {"hundred", 100, 1},
    {"dozen", 12, 1},     {"dozens", 12, 1},   {"thrice", 3, 1},      {"triple", 3, 1},
    {"triples", 3, 1},    {"tripled", 3, 1},   {"third", 3, 1},       {"thirds", 3, 1},
    {"fourth", 4, 1},     {"fourths", 4, 1},   {"quarter", 4, 1},     {"quarters", 4, 1},
    {"fifth", 5, 1},      {"fifths", 5, 1},    {"sixth", 6, 1},       {"tenth", 10, 1},
    {"half", 1, 2},       {"quadruple", 4, 1}, {"thousand", 1000, 1}, {"eighth", 8, 1},
};

/* Words of two letters that are no product of variables as "xy" is. */
static const char *const PAIRS_OF_LETTERS[] = {
    "ad", "am", "an", "as", "at", "ax", "be", "by", "cm", "do", "ex", "ft", "gb", "go",
    "ha", "he", "hi", "hr", "id", "if", "in", "is", "it", "kb", "kg", "km", "lb", "mb",
    "me", "ml", "mm", "my", "nd", "no", "of", "oh", "ok", "on", "or", "ox", "oz", "rd",
    "so", "sq", "st", "tb", "th", "to", "tv", "up", "us", "vs", "we"};

uint32_t rw_arithmetic_word_class(struct rw_str word)
{
    size_t n = 0;
    while (n < word.len && (unsigned char)word.ptr[n] != 0xE2) {
        n++; /* log with a small 2 */
    }
    if (n == 0) {
        return 0;
    }
    word.len = n;
    for (size_t i = 0; i < RW_COUNT(LISTS); i++) {
        if (rw_scan_index(word, LISTS[i].words, LISTS[i].n) >= 0) {
            return LISTS[i].classes;
        }
    }
    bool plain = (unsigned char)word.ptr[0] < 0x80;
    return plain && n == 2 && rw_scan_index(word, PAIRS_OF_LETTERS, RW_COUNT(PAIRS_OF_LETTERS)) < 0
               ? RW_WORD_BINDS
               : 0;
}

bool rw_arithmetic_word_source(struct rw_str word, int64_t *num, int64_t *den)
{
    for (size_t i = 0; i < RW_COUNT(NUMBERS); i++) {
        if (NUMBERS[i].word[0] == rw_scan_lower(word.ptr[0]) &&
            rw_scan_equal(word, rw_str_from(NUMBERS[i].word))) {
            *num = NUMBERS[i].num;
            *den = NUMBERS[i].den;
            return true;
        }
    }
    return false;
}
