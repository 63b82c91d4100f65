/* Names of units: one for all that mean the same. */
#include "core/answer/word.h"
#include "core/base/scan.h"
#include "core/base/util.h"

enum {
    SHORT = 3, /* bytes: of such names case counts */
};

struct name {
    const char *word;
    const char *unit;
};

static struct rw_str find(struct rw_str word, const struct name *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct rw_str name = rw_str_from(list[i].word);
        if (name.len > SHORT ? rw_scan_equal(word, name) : rw_str_equal(word, name)) {
            return rw_str_from(list[i].unit);
        }
    }
    return (struct rw_str){NULL, 0};
}

/* "kilometres", "millilitre", "kilowatt": a prefix and a unit of the SI. */
static struct rw_str si(struct rw_str word)
{
    static const struct name PREFIXES[] = {{"kilo", "k"}, {"centi", "c"}, {"milli", "m"},
                                           {"deci", "d"}, {"nano", "n"},  {"mega", "M"},
                                           {"giga", "G"}, {"", ""}};
    static const struct name UNITS[] = {
        {"meter", "m"},  {"metre", "m"},   {"gram", "g"},  {"gramme", "g"}, {"liter", "L"},
        {"litre", "L"},  {"watt", "W"},    {"joule", "J"}, {"newton", "N"}, {"volt", "V"},
        {"hertz", "Hz"}, {"pascal", "Pa"}, {"ampere", "A"}};
    static const char *const NAMES[] = {"km",  "cm",  "mm",  "dm", "nm",  "m",  "kg",  "mg", "g",
                                        "mL",  "cL",  "dL",  "L",  "kL",  "kW", "MW",  "GW", "mW",
                                        "W",   "kJ",  "MJ",  "J",  "kN",  "N",  "kV",  "mV", "V",
                                        "kHz", "MHz", "GHz", "Hz", "kPa", "Pa", "MPa", "mA", "A"};
    for (size_t i = 0; i < RW_COUNT(PREFIXES); i++) {
        size_t prefix = strlen(PREFIXES[i].word);
        if (prefix > word.len ||
            !rw_scan_equal(rw_str_slice(word, 0, prefix), rw_str_from(PREFIXES[i].word))) {
            continue;
        }
        struct rw_str unit = find(rw_str_slice(word, prefix, word.len), UNITS, RW_COUNT(UNITS));
        size_t letters = strlen(PREFIXES[i].unit);
        for (size_t k = 0; k < RW_COUNT(NAMES) && unit.len > 0; k++) {
            struct rw_str name = rw_str_from(NAMES[k]);
            if (name.len == letters + unit.len &&
                rw_str_starts(name, rw_str_from(PREFIXES[i].unit)) &&
                rw_str_equal(rw_str_slice(name, letters, name.len), unit)) {
                return name;
            }
        }
    }
    return (struct rw_str){NULL, 0};
}

struct rw_str rw_word_unit_name(struct rw_str word)
{
    static const struct name NAMES[] = {{"dollar", "$"},
                                        {"USD", "$"},
                                        {"buck", "$"},
                                        {"euro", "\xE2\x82\xAC"},
                                        {"EUR", "\xE2\x82\xAC"},
                                        {"GBP", "\xC2\xA3"},
                                        {"cent", "\xC2\xA2"},
                                        {"yen", "\xC2\xA5"},
                                        {"rupee", "\xE2\x82\xB9"},
                                        {"INR", "\xE2\x82\xB9"},
                                        {"Rs", "\xE2\x82\xB9"},
                                        {"yuan", "\xE5\x85\x83"},
                                        {"RMB", "\xE5\x85\x83"},
                                        {"CNY", "\xE5\x85\x83"},
                                        {"hour", "hr"},
                                        {"h", "hr"},
                                        {"minute", "min"},
                                        {"second", "s"},
                                        {"sec", "s"},
                                        {"feet", "ft"},
                                        {"foot", "ft"},
                                        {"inche", "in"},
                                        {"inch", "in"},
                                        {"yard", "yd"},
                                        {"mile", "mi"},
                                        {"pound", "lb"},
                                        {"ounce", "oz"},
                                        {"degree", "deg"},
                                        {"year", "yr"},
                                        {"ml", "mL"},
                                        {"l", "L"},
                                        {"MPH", "mph"},
                                        {"\xE5\x8D\x83\xE7\xB1\xB3", "km"},
                                        {"\xE5\x85\xAC\xE9\x87\x8C", "km"},
                                        {"\xE5\x8E\x98\xE7\xB1\xB3", "cm"},
                                        {"\xE6\xAF\xAB\xE7\xB1\xB3", "mm"},
                                        {"\xE7\xB1\xB3", "m"},
                                        {"\xE5\x8D\x83\xE5\x85\x8B", "kg"},
                                        {"\xE5\x85\xAC\xE6\x96\xA4", "kg"},
                                        {"\xE5\x85\x8B", "g"},
                                        {"\xE5\xB0\x8F\xE6\x97\xB6", "hr"},
                                        {"\xE5\x88\x86\xE9\x92\x9F", "min"},
                                        {"\xE7\xA7\x92", "s"},
                                        {"\xE5\xBA\xA6", "deg"}};
    struct rw_str one = word;
    one.len -= one.len > 2 && one.ptr[one.len - 1] == 's' && one.ptr[one.len - 2] != 's';
    struct rw_str unit = find(one, NAMES, RW_COUNT(NAMES));
    unit = unit.len == 0 && one.len > SHORT ? si(one) : unit;
    return unit.len > 0 ? unit : one;
}

/* A word of it that is part of a longer one that says something else: "thousand" of "kilometre". */
static bool within(struct rw_str word, size_t at, const char *longer)
{
    return rw_str_starts(rw_str_slice(word, at, word.len), rw_str_from(longer));
}

bool rw_word_foreign_unit(struct rw_str word)
{
    static const char *const CHANGE[] = {"\xE5\x8D\x8A", "\xE5\x88\x86\xE4\xB9\x8B",
                                         "\xE5\x80\x8D", "\xE4\xBD\x99",
                                         "\xE5\xA4\x9A", "\xE5\x8D\x83",
                                         "\xE7\x99\xBE", "\xE4\xB8\x87",
                                         "\xE4\xBA\xBF", "\xE7\x82\xB9",
                                         "\xE6\x88\x96", "\xE5\x92\x8C",
                                         "\xE5\x88\xB0", "\xE4\xB8\x8D",
                                         "\xE5\xAF\xB9"};
    static const char *const HARMLESS[] = {"\xE5\x8D\x83\xE7\xB1\xB3",  /* km */
                                           "\xE5\x8D\x83\xE5\x85\x8B",  /* kg */
                                           "\xE4\xB8\x8D\xE5\x90\x8C"}; /* different */
    for (size_t i = 0; i < RW_COUNT(CHANGE); i++) {
        size_t at = rw_str_find(word, rw_str_from(CHANGE[i]), 0);
        bool harmless = false;
        for (size_t k = 0; k < RW_COUNT(HARMLESS) && at < word.len; k++) {
            harmless = harmless || within(word, at, HARMLESS[k]);
        }
        if (at < word.len && !harmless) {
            return false;
        }
    }
    unsigned char c = (unsigned char)word.ptr[0];
    return c >= 0xE3 && c <= 0xED; /* kana, Han, Hangul */
}
