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
    "thousand",  "thousands", "times",    "trebled", "trillion",  "tripled",    "twice",
    NULL};
static const char *const BINDS_PREFIX[] = {"factorial", NULL};
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
    "triples",     "tripling",  NULL};
static const char *const PREFIX_AREA[] = {"square", NULL};
static const char *const PREFIX_TIME[] = {"min", "sec", NULL};
static const char *const PASSED[] = {
    "a",    "amount", "an",    "first", "her",  "his",   "its",   "number", "numbers", "quantity",
    "that", "the",    "their", "these", "this", "those", "value", "values", NULL};
static const char *const JOINS[] = {"are",   "as",    "because",   "but",   "equals", "gives",
                                    "hence", "is",    "makes",     "means", "or",     "since",
                                    "so",    "then",  "therefore", "thus",  "was",    "were",
                                    "when",  "which", "while",     NULL};
static const char *const COUNT[] = {
    "couple",  "couples", "deck",     "decks",       "dime",       "dimes",     "duo",
    "duos",    "eighths", "eights",   "elevens",     "elevenths",  "fifteens",  "fifths",
    "fifties", "fives",   "forties",  "fortnight",   "fortnights", "fours",     "fourth",
    "fourths", "gross",   "halves",   "hundredths",  "nickel",     "nickels",   "nines",
    "ninths",  "ones",    "pair",     "pairs",       "quarters",   "quartet",   "quartets",
    "score",   "scores",  "sevens",   "sevenths",    "sixes",      "sixths",    "tens",
    "tenths",  "thirds",  "thirties", "thousandths", "threes",     "touchdown", "touchdowns",
    "trio",    "trios",   "triplets", "twelfths",    "twelves",    "twenties",  "twins",
    "twos",    NULL};
static const char *const MONEY[] = {"buck",      "bucks", "cent",  "cents",  "dollar", "dollars",
                                    "euro",      "euros", "franc", "francs", "pence",  "pennies",
                                    "penny",     "peso",  "pesos", "rupee",  "rupees", "shilling",
                                    "shillings", "yen",   "yuan",  NULL};
static const char *const MONEY_WEIGHT[] = {"pound", "pounds", NULL};
static const char *const LENGTH[] = {
    "centimeter", "centimeters", "centimetre",  "centimetres", "cm",          "fathom",
    "fathoms",    "feet",        "foot",        "ft",          "furlong",     "furlongs",
    "hand",       "hands",       "inch",        "inches",      "kilometer",   "kilometers",
    "kilometre",  "kilometres",  "km",          "lap",         "laps",        "m",
    "meter",      "meters",      "metre",       "metres",      "mi",          "mile",
    "miles",      "millimeter",  "millimeters", "millimetre",  "millimetres", "mm",
    "yard",       "yards",       "yd",          "yds",         NULL};
static const char *const WEIGHT_VOLUME[] = {"ounce", "ounces", "oz", NULL};
static const char *const WEIGHT[] = {"gm",        "gms",        "gram",  "grams",  "kg",  "kilo",
                                     "kilogram",  "kilograms",  "kilos", "lb",     "lbs", "mg",
                                     "milligram", "milligrams", "stone", "stones", "ton", "tonne",
                                     "tonnes",    "tons",       NULL};
static const char *const VOLUME[] = {
    "barrel", "barrels",    "bushel",      "bushels",    "cl",          "cup",        "cups",
    "dl",     "gal",        "gallon",      "gallons",    "liter",       "liters",     "litre",
    "litres", "milliliter", "milliliters", "millilitre", "millilitres", "ml",         "pint",
    "pints",  "pt",         "qt",          "quart",      "quarts",      "tablespoon", "tablespoons",
    "tbsp",   "teaspoon",   "teaspoons",   "tsp",        NULL};
static const char *const TIME[] = {"centuries", "century",    "day",    "days",    "decade",
                                   "decades",   "hour",       "hours",  "hr",      "hrs",
                                   "millennia", "millennium", "mins",   "minute",  "minutes",
                                   "month",     "months",     "second", "seconds", "secs",
                                   "week",      "weeks",      "year",   "years",   NULL};
static const char *const AREA[] = {"acre", "acres", "hectare", "hectares", NULL};
static const char *const LABEL[] = {
    "age",   "aged",  "ages",   "between", "chapter",  "chapters", "from",      "game",
    "games", "grade", "grades", "item",    "items",    "level",    "levels",    "line",
    "lines", "page",  "pages",  "problem", "problems", "question", "questions", "rounds",
    "row",   "rows",  "step",   "steps",   "through",  NULL};
static const char *const NUMERAL[] = {
    "eight",    "eighteen",  "eighty",   "eleven", "fifteen",  "fifty",  "five",
    "forty",    "four",      "fourteen", "nine",   "nineteen", "ninety", "one",
    "seven",    "seventeen", "seventy",  "six",    "sixteen",  "sixty",  "ten",
    "thirteen", "thirty",    "three",    "twelve", "twenty",   "two",    NULL};
static const char *const EACH[] = {"apiece", "at", "containing", "costing", "each", NULL};
static const char *const TO[] = {"to", NULL};
static const char *const IF[] = {"if", "whether", NULL};
static const char *const DENIES[] = {
    "approximate", "aren",      "aren't",     "assume",      "assuming", "can't",   "cannot",
    "did",         "didn",      "didn't",     "does",        "doesn",    "doesn't", "estimate",
    "estimated",   "false",     "incorrect",  "incorrectly", "instead",  "ish",     "isn",
    "isn't",       "mistake",   "mistakenly", "never",       "not",      "rounded", "rounding",
    "suppose",     "supposing", "untrue",     "wasn",        "wasn't",   "won't",   "wouldn't",
    "wrong",       "wrongly",   NULL};
static const char *const SPEED[] = {"kmh", "knot", "knots", "kph", "mph", NULL};
static const char *const OTHER[] = {
    "bit",        "bits",      "byte",      "bytes",     "calorie",    "calories", "celsius",
    "fahrenheit", "gb",        "gigabyte",  "gigabytes", "joule",      "joules",   "kb",
    "kelvin",     "kilobyte",  "kilobytes", "kilojoule", "kilojoules", "kj",       "mb",
    "megabyte",   "megabytes", "tb",        "terabyte",  "terabytes",  NULL};
static const char *const NEAR[] = {"approximately", "roughly", NULL};

static const struct {
    const char *const *words;
    uint32_t classes;
} LISTS[] = {
    {BINDS, RW_WORD_BINDS},
    {BINDS_PREFIX, RW_WORD_BINDS | RW_WORD_PREFIX},
    {PREFIX, RW_WORD_PREFIX},
    {PREFIX_AREA, RW_WORD_PREFIX | RW_WORD_AREA},
    {PREFIX_TIME, RW_WORD_PREFIX | RW_WORD_TIME},
    {PASSED, RW_WORD_PASSED},
    {JOINS, RW_WORD_JOINS},
    {COUNT, RW_WORD_COUNT},
    {MONEY, RW_WORD_MONEY},
    {MONEY_WEIGHT, RW_WORD_MONEY | RW_WORD_WEIGHT},
    {LENGTH, RW_WORD_LENGTH},
    {WEIGHT_VOLUME, RW_WORD_WEIGHT | RW_WORD_VOLUME},
    {WEIGHT, RW_WORD_WEIGHT},
    {VOLUME, RW_WORD_VOLUME},
    {TIME, RW_WORD_TIME},
    {AREA, RW_WORD_AREA},
    {LABEL, RW_WORD_LABEL},
    {NUMERAL, RW_WORD_NUMERAL},
    {EACH, RW_WORD_EACH},
    {TO, RW_WORD_TO},
    {IF, RW_WORD_JOINS | RW_WORD_DENIES},
    {DENIES, RW_WORD_DENIES},
    {SPEED, RW_WORD_SPEED | RW_WORD_LENGTH},
    {OTHER, RW_WORD_OTHER},
    {NEAR, RW_WORD_PREFIX | RW_WORD_DENIES},
};

/* Words of two letters that are no product of variables as "xy" is. */
static const char *const PAIRS_OF_LETTERS[] = {
    "ad", "am", "an", "as", "at", "ax", "be", "by", "cm", "do", "ex", "ft", "gb", "go",
    "ha", "he", "hi", "hr", "id", "if", "in", "is", "it", "kb", "kg", "km", "lb", "mb",
    "me", "ml", "mm", "my", "nd", "no", "of", "oh", "ok", "on", "or", "ox", "oz", "rd",
    "so", "sq", "st", "tb", "th", "to", "tv", "up", "us", "vs", "we", NULL};

static bool listed(struct rw_str word, const char *const *list)
{
    char first = rw_scan_lower(word.ptr[0]);
    for (; *list != NULL; list++) {
        if ((*list)[0] == first && rw_scan_equal(word, rw_str_from(*list))) {
            return true;
        }
    }
    return false;
}

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
        if (listed(word, LISTS[i].words)) {
            return LISTS[i].classes;
        }
    }
    bool plain = (unsigned char)word.ptr[0] < 0x80;
    return plain && n == 2 && !listed(word, PAIRS_OF_LETTERS) ? RW_WORD_BINDS : 0;
}
