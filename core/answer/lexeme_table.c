#include "core/answer/lexeme_table.h"

#include <stddef.h>

#include "core/answer/lexeme.h"
#include "core/base/util.h"

#define SIGN(name, sign)           \
    {                              \
        name, RW_ACTION_SIGN, sign \
    }
#define DROP(name)              \
    {                           \
        name, RW_ACTION_DROP, 0 \
    }
#define SPACE(name)              \
    {                            \
        name, RW_ACTION_SPACE, 0 \
    }
#define TEXT(name)              \
    {                           \
        name, RW_ACTION_TEXT, 0 \
    }
#define FONT(name)              \
    {                           \
        name, RW_ACTION_FONT, 0 \
    }
#define COMMAND(name, which)                        \
    {                                               \
        name, RW_ACTION_COMMAND, RW_COMMAND_##which \
    }
#define LETTER(name)              \
    {                             \
        name, RW_ACTION_LETTER, 0 \
    }
#define WORD(name)              \
    {                           \
        name, RW_ACTION_WORD, 0 \
    }
#define CALL(name)              \
    {                           \
        name, RW_ACTION_CALL, 0 \
    }
#define SKIP(name)              \
    {                           \
        name, RW_ACTION_SKIP, 0 \
    }

/* Sorted by name: it is searched by halves. */
static const struct rw_lexeme_entry COMMANDS[] = {
    LETTER("Delta"),
    LETTER("Gamma"),
    LETTER("Lambda"),
    SIGN("Leftrightarrow", RW_SIGN_ARROW),
    LETTER("Omega"),
    LETTER("Phi"),
    LETTER("Pi"),
    LETTER("Psi"),
    SIGN("Rightarrow", RW_SIGN_ARROW),
    LETTER("Sigma"),
    LETTER("Theta"),
    LETTER("Xi"),
    LETTER("alpha"),
    WORD("angle"),
    SIGN("approx", RW_SIGN_ABOUT),
    COMMAND("arccos", FUNCTION),
    COMMAND("arccot", FUNCTION),
    COMMAND("arcsin", FUNCTION),
    COMMAND("arctan", FUNCTION),
    SIGN("ast", '*'),
    SIGN("backslash", RW_SIGN_WITHOUT),
    COMMAND("bar", OVERLINE),
    COMMAND("begin", BEGIN),
    LETTER("beta"),
    DROP("bf"),
    COMMAND("bigcap", BIG),
    COMMAND("bigcup", BIG),
    COMMAND("binom", BINOM),
    FONT("boldsymbol"),
    FONT("boxed"),
    SIGN("bullet", '*'),
    SIGN("cap", RW_SIGN_CAP),
    SIGN("cdot", '*'),
    SIGN("cdots", RW_SIGN_ELLIPSIS),
    COMMAND("cfrac", FRAC),
    LETTER("chi"),
    COMMAND("choose", INFIX),
    SIGN("circ", RW_SIGN_DEGREE),
    SIGN("colon", ':'),
    SKIP("color"),
    SIGN("cong", RW_SIGN_EQUIVALENT),
    COMMAND("cos", FUNCTION),
    COMMAND("cosh", FUNCTION),
    COMMAND("cot", FUNCTION),
    COMMAND("coth", FUNCTION),
    COMMAND("csc", FUNCTION),
    COMMAND("csch", FUNCTION),
    SIGN("cup", RW_SIGN_CUP),
    COMMAND("dbinom", BINOM),
    COMMAND("ddot", OVERLINE),
    SIGN("degree", RW_SIGN_DEGREE),
    LETTER("delta"),
    COMMAND("det", FUNCTION),
    COMMAND("dfrac", FRAC),
    DROP("displaystyle"),
    SIGN("div", '/'),
    COMMAND("dot", OVERLINE),
    SIGN("dots", RW_SIGN_ELLIPSIS),
    SIGN("dotsb", RW_SIGN_ELLIPSIS),
    SIGN("dotsc", RW_SIGN_ELLIPSIS),
    SIGN("dotsm", RW_SIGN_ELLIPSIS),
    LETTER("ell"),
    SIGN("emptyset", RW_SIGN_EMPTY_SET),
    COMMAND("end", END),
    FONT("ensuremath"),
    LETTER("epsilon"),
    SIGN("equiv", RW_SIGN_EQUIVALENT),
    LETTER("eta"),
    COMMAND("exp", FUNCTION),
    FONT("fbox"),
    COMMAND("frac", FRAC),
    FONT("framebox"),
    LETTER("gamma"),
    COMMAND("gcd", FUNCTION),
    SIGN("ge", RW_SIGN_GE),
    SIGN("geq", RW_SIGN_GE),
    SIGN("geqslant", RW_SIGN_GE),
    SIGN("gt", '>'),
    COMMAND("hat", OVERLINE),
    LETTER("hbar"),
    TEXT("hbox"),
    SKIP("hphantom"),
    SKIP("hspace"),
    COMMAND("iiint", BIG),
    COMMAND("iint", BIG),
    SIGN("implies", RW_SIGN_ARROW),
    SIGN("in", RW_SIGN_IN),
    SIGN("infin", RW_SIGN_INFINITY),
    SIGN("infty", RW_SIGN_INFINITY),
    COMMAND("int", BIG),
    LETTER("iota"),
    LETTER("kappa"),
    LETTER("lambda"),
    SIGN("land", '&'),
    SIGN("langle", '('),
    CALL("lceil"),
    COMMAND("lcm", FUNCTION),
    SIGN("ldots", RW_SIGN_ELLIPSIS),
    SIGN("le", RW_SIGN_LE),
    SIGN("leq", RW_SIGN_LE),
    SIGN("leqslant", RW_SIGN_LE),
    CALL("lfloor"),
    COMMAND("lg", FUNCTION),
    COMMAND("lim", BIG),
    DROP("limits"),
    COMMAND("ln", FUNCTION),
    COMMAND("log", FUNCTION),
    SIGN("lt", '<'),
    SIGN("lvert", '|'),
    {"mathbb", RW_ACTION_ALPHABET, 0},
    FONT("mathbf"),
    {"mathcal", RW_ACTION_ALPHABET, 0},
    FONT("mathit"),
    TEXT("mathrm"),
    TEXT("mathsf"),
    COMMAND("max", FUNCTION),
    TEXT("mbox"),
    WORD("measuredangle"),
    SIGN("mid", '|'),
    COMMAND("min", FUNCTION),
    SIGN("minus", '-'),
    SIGN("mp", RW_SIGN_MP),
    LETTER("mu"),
    LETTER("nabla"),
    SIGN("ne", RW_SIGN_NE),
    SIGN("neq", RW_SIGN_NE),
    LETTER("nu"),
    LETTER("odot"),
    COMMAND("oint", BIG),
    LETTER("omega"),
    TEXT("operatorname"),
    COMMAND("over", INFIX),
    COMMAND("overline", OVERLINE),
    LETTER("partial"),
    SKIP("phantom"),
    LETTER("phi"),
    SIGN("pi", RW_SIGN_PI),
    SIGN("pm", RW_SIGN_PM),
    SIGN("prime", '\''),
    COMMAND("prod", BIG),
    LETTER("psi"),
    SPACE("qquad"),
    SPACE("quad"),
    SIGN("rangle", ')'),
    SIGN("rceil", ')'),
    SIGN("rfloor", ')'),
    LETTER("rho"),
    SIGN("rightarrow", RW_SIGN_ARROW),
    DROP("rm"),
    SIGN("rvert", '|'),
    COMMAND("sec", FUNCTION),
    COMMAND("sech", FUNCTION),
    SIGN("setminus", RW_SIGN_WITHOUT),
    LETTER("sigma"),
    SIGN("sim", RW_SIGN_ABOUT),
    COMMAND("sin", FUNCTION),
    COMMAND("sinh", FUNCTION),
    COMMAND("sqrt", SQRT),
    COMMAND("sum", BIG),
    COMMAND("tan", FUNCTION),
    COMMAND("tanh", FUNCTION),
    LETTER("tau"),
    COMMAND("tbinom", BINOM),
    TEXT("text"),
    TEXT("textbf"),
    SKIP("textcolor"),
    TEXT("textit"),
    TEXT("textnormal"),
    TEXT("textrm"),
    TEXT("textsf"),
    DROP("textstyle"),
    COMMAND("tfrac", FRAC),
    LETTER("theta"),
    SPACE("thinspace"),
    SIGN("times", '*'),
    SIGN("to", RW_SIGN_ARROW),
    WORD("triangle"),
    FONT("underline"),
    LETTER("upsilon"),
    LETTER("varepsilon"),
    SIGN("varnothing", RW_SIGN_EMPTY_SET),
    LETTER("varphi"),
    COMMAND("vec", OVERLINE),
    SIGN("vert", '|'),
    SIGN("wedge", '&'),
    LETTER("xi"),
    LETTER("zeta"),
};

/* "big", "Bigg", "bigl", "left", "middle", ...: sizes of brackets. */
static bool sizes(struct rw_str name)
{
    static const char *const NAMES[] = {"left", "right", "middle", "big",   "Big",
                                        "bigg", "Bigg",  "bigl",   "bigr",  "Bigl",
                                        "Bigr", "biggl", "biggr",  "Biggl", "Biggr"};
    for (size_t i = 0; i < RW_COUNT(NAMES); i++) {
        if (rw_str_is(name, NAMES[i])) {
            return true;
        }
    }
    return false;
}

static int compare(struct rw_str name, const char *other)
{
    size_t len = strlen(other);
    int order = memcmp(name.ptr, other, RW_MIN(name.len, len));
    return order != 0 ? order : (name.len > len) - (name.len < len);
}

const struct rw_lexeme_entry *rw_lexeme_command(struct rw_str name)
{
    static const struct rw_lexeme_entry SIZE = DROP("left");
    size_t low = 0;
    size_t high = RW_COUNT(COMMANDS);
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = compare(name, COMMANDS[middle].name);
        if (order == 0) {
            return &COMMANDS[middle];
        }
        low = order > 0 ? middle + 1 : low;
        high = order < 0 ? middle : high;
    }
    return sizes(name) ? &SIZE : NULL;
}

/* ---- characters ------------------------------------------------------------------------------ */

static const struct {
    int32_t code;
    uint8_t kind;
    uint8_t value;
} CHARACTERS[] = {
    {0x00A0, RW_CHARACTER_SPACE, 0},
    {0x00A2, RW_CHARACTER_SIGN, RW_SIGN_CURRENCY},
    {0x00A3, RW_CHARACTER_SIGN, RW_SIGN_CURRENCY},
    {0x00A5, RW_CHARACTER_SIGN, RW_SIGN_CURRENCY},
    {0x00B0, RW_CHARACTER_SIGN, RW_SIGN_DEGREE},
    {0x00B1, RW_CHARACTER_SIGN, RW_SIGN_PM},
    {0x00B2, RW_CHARACTER_POWER, '2'},
    {0x00B3, RW_CHARACTER_POWER, '3'},
    {0x00B7, RW_CHARACTER_SIGN, '*'},
    {0x00B9, RW_CHARACTER_POWER, '1'},
    {0x00BC, RW_CHARACTER_VULGAR, 1 * 16 + 4},
    {0x00BD, RW_CHARACTER_VULGAR, 1 * 16 + 2},
    {0x00BE, RW_CHARACTER_VULGAR, 3 * 16 + 4},
    {0x00D7, RW_CHARACTER_SIGN, '*'},
    {0x00F7, RW_CHARACTER_SIGN, '/'},
    {0x03C0, RW_CHARACTER_SIGN, RW_SIGN_PI},
    {0x03D5, RW_CHARACTER_LETTER, 0},
    {0x2009, RW_CHARACTER_SPACE, 0},
    {0x200B, RW_CHARACTER_SPACE, 0},
    {0x2010, RW_CHARACTER_ASCII, '-'},
    {0x2011, RW_CHARACTER_ASCII, '-'},
    {0x2012, RW_CHARACTER_ASCII, '-'},
    {0x2013, RW_CHARACTER_ASCII, '-'},
    {0x2018, RW_CHARACTER_QUOTE, 0},
    {0x2019, RW_CHARACTER_ASCII, '\''},
    {0x201C, RW_CHARACTER_QUOTE, 0},
    {0x201D, RW_CHARACTER_QUOTE, 0},
    {0x2026, RW_CHARACTER_SIGN, RW_SIGN_ELLIPSIS},
    {0x202F, RW_CHARACTER_SPACE, 0},
    {0x2032, RW_CHARACTER_ASCII, '\''},
    {0x2044, RW_CHARACTER_SIGN, '/'},
    {0x207F, RW_CHARACTER_POWER, 'n'},
    {0x20AC, RW_CHARACTER_SIGN, RW_SIGN_CURRENCY},
    {0x20B9, RW_CHARACTER_SIGN, RW_SIGN_CURRENCY},
    {0x2102, RW_CHARACTER_LETTER, 0},
    {0x2115, RW_CHARACTER_LETTER, 0},
    {0x211A, RW_CHARACTER_LETTER, 0},
    {0x211D, RW_CHARACTER_LETTER, 0},
    {0x2124, RW_CHARACTER_LETTER, 0},
    {0x2150, RW_CHARACTER_VULGAR, 1 * 16 + 7},
    {0x2151, RW_CHARACTER_VULGAR, 1 * 16 + 9},
    {0x2152, RW_CHARACTER_VULGAR, 1 * 16 + 10},
    {0x2153, RW_CHARACTER_VULGAR, 1 * 16 + 3},
    {0x2154, RW_CHARACTER_VULGAR, 2 * 16 + 3},
    {0x2155, RW_CHARACTER_VULGAR, 1 * 16 + 5},
    {0x2156, RW_CHARACTER_VULGAR, 2 * 16 + 5},
    {0x2157, RW_CHARACTER_VULGAR, 3 * 16 + 5},
    {0x2158, RW_CHARACTER_VULGAR, 4 * 16 + 5},
    {0x2159, RW_CHARACTER_VULGAR, 1 * 16 + 6},
    {0x215A, RW_CHARACTER_VULGAR, 5 * 16 + 6},
    {0x215B, RW_CHARACTER_VULGAR, 1 * 16 + 8},
    {0x215C, RW_CHARACTER_VULGAR, 3 * 16 + 8},
    {0x215D, RW_CHARACTER_VULGAR, 5 * 16 + 8},
    {0x215E, RW_CHARACTER_VULGAR, 7 * 16 + 8},
    {0x2190, RW_CHARACTER_SIGN, RW_SIGN_ARROW},
    {0x2192, RW_CHARACTER_SIGN, RW_SIGN_ARROW},
    {0x21D2, RW_CHARACTER_SIGN, RW_SIGN_ARROW},
    {0x2205, RW_CHARACTER_SIGN, RW_SIGN_EMPTY_SET},
    {0x2208, RW_CHARACTER_SIGN, RW_SIGN_IN},
    {0x2212, RW_CHARACTER_ASCII, '-'},
    {0x2213, RW_CHARACTER_SIGN, RW_SIGN_MP},
    {0x2215, RW_CHARACTER_SIGN, '/'},
    {0x2216, RW_CHARACTER_SIGN, RW_SIGN_WITHOUT},
    {0x2217, RW_CHARACTER_SIGN, '*'},
    {0x2218, RW_CHARACTER_SIGN, RW_SIGN_DEGREE},
    {0x2219, RW_CHARACTER_SIGN, '*'},
    {0x221A, RW_CHARACTER_ROOT, 0},
    {0x221E, RW_CHARACTER_SIGN, RW_SIGN_INFINITY},
    {0x2223, RW_CHARACTER_ASCII, '|'},
    {0x2229, RW_CHARACTER_SIGN, RW_SIGN_CAP},
    {0x222A, RW_CHARACTER_SIGN, RW_SIGN_CUP},
    {0x2236, RW_CHARACTER_ASCII, ':'},
    {0x2248, RW_CHARACTER_SIGN, RW_SIGN_ABOUT},
    {0x2260, RW_CHARACTER_SIGN, RW_SIGN_NE},
    {0x2264, RW_CHARACTER_SIGN, RW_SIGN_LE},
    {0x2265, RW_CHARACTER_SIGN, RW_SIGN_GE},
    {0x2266, RW_CHARACTER_SIGN, RW_SIGN_LE},
    {0x2267, RW_CHARACTER_SIGN, RW_SIGN_GE},
    {0x22C5, RW_CHARACTER_SIGN, '*'},
    {0x27E8, RW_CHARACTER_SIGN, '('},
    {0x27E9, RW_CHARACTER_SIGN, ')'},
    {0x2A7D, RW_CHARACTER_SIGN, RW_SIGN_LE},
    {0x2A7E, RW_CHARACTER_SIGN, RW_SIGN_GE},
    {0x3000, RW_CHARACTER_SPACE, 0},
    {0x3001, RW_CHARACTER_ASCII, ','},
    {0x3002, RW_CHARACTER_ASCII, '.'},
    {0x3010, RW_CHARACTER_ASCII, '['},
    {0x3011, RW_CHARACTER_ASCII, ']'},
    {0xFFE5, RW_CHARACTER_SIGN, RW_SIGN_CURRENCY},
};

static struct rw_lexeme_character character(int kind, int value)
{
    return (struct rw_lexeme_character){.kind = kind, .value = (uint8_t)value};
}

static struct rw_lexeme_character ranges(int32_t code)
{
    static const struct {
        int32_t code;
        const char *command;
    } COMMANDS_OF[] = {{0x2211, "sum"},     {0x220F, "prod"},   {0x222B, "int"},
                       {0x2220, "angle"},   {0x2261, "equiv"},  {0x2308, "lceil"},
                       {0x2309, "rceil"},   {0x230A, "lfloor"}, {0x230B, "rfloor"},
                       {0x25B3, "triangle"}};
    for (size_t i = 0; i < RW_COUNT(COMMANDS_OF) && code >= 0x220F && code <= 0x25B3; i++) {
        if (COMMANDS_OF[i].code == code) {
            return (struct rw_lexeme_character){.kind = RW_CHARACTER_COMMAND,
                                                .command = COMMANDS_OF[i].command};
        }
    }
    if (code >= 0xFF01 && code <= 0xFF5E) {
        return character(RW_CHARACTER_ASCII, code - 0xFEE0);
    }
    if (code == 0x2070 || (code >= 0x2074 && code <= 0x2079)) {
        return character(RW_CHARACTER_POWER, '0' + (code - 0x2070));
    }
    if (code == 0x207B) {
        return character(RW_CHARACTER_POWER, '-');
    }
    if (code >= 0x2080 && code <= 0x2089) {
        return character(RW_CHARACTER_INDEX, '0' + (code - 0x2080));
    }
    if (code >= 0x0391 && code <= 0x03C9) {
        return character(RW_CHARACTER_LETTER, 0);
    }
    /* Party hats and ticks say nothing; crosses and thumbs down would. */
    bool cheer = (code >= 0x1F300 && code <= 0x1F64F && code != 0x1F44E) || code == 0x2705 ||
                 code == 0x2713 || code == 0x2714 || code == 0xFE0F;
    if (cheer) {
        return character(RW_CHARACTER_SPACE, 0);
    }
    /* Latin, Cyrillic, Hebrew, Arabic, Indic, ..., kana, Han, Hangul. */
    bool letters = (code >= 0xC0 && code < 0x2000) || (code >= 0x3040 && code <= 0xD7A3) ||
                   (code >= 0xF900 && code <= 0xFAFF);
    return character(letters ? RW_CHARACTER_WORD : RW_CHARACTER_OTHER, 0);
}

struct rw_lexeme_character rw_lexeme_character(int32_t code)
{
    size_t low = 0;
    size_t high = RW_COUNT(CHARACTERS);
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (CHARACTERS[middle].code == code) {
            return character(CHARACTERS[middle].kind, CHARACTERS[middle].value);
        }
        low = CHARACTERS[middle].code < code ? middle + 1 : low;
        high = CHARACTERS[middle].code > code ? middle : high;
    }
    return ranges(code);
}

struct rw_str rw_lexeme_letter(int32_t code, struct rw_str character)
{
    static const char *const GREEK[] = {
        "Alpha", "Beta",     "Gamma",  "Delta", "Epsilon", "Zeta", "Eta",     "Theta",
        "Iota",  "Kappa",    "Lambda", "Mu",    "Nu",      "Xi",   "Omicron", "Pi",
        "Rho",   NULL,       "Sigma",  "Tau",   "Upsilon", "Phi",  "Chi",     "Psi",
        "Omega", NULL,       NULL,     NULL,    NULL,      NULL,   NULL,      NULL,
        "alpha", "beta",     "gamma",  "delta", "epsilon", "zeta", "eta",     "theta",
        "iota",  "kappa",    "lambda", "mu",    "nu",      "xi",   "omicron", "pi",
        "rho",   "varsigma", "sigma",  "tau",   "upsilon", "phi",  "chi",     "psi",
        "omega"};
    static const struct {
        int32_t code;
        const char *name;
    } OTHERS[] = {{0x03D5, "phi"}, {0x2102, "~C"}, {0x2115, "~N"},
                  {0x211A, "~Q"},  {0x211D, "~R"}, {0x2124, "~Z"}};
    size_t at = code >= 0x0391 ? (size_t)(code - 0x0391) : RW_COUNT(GREEK);
    if (at < RW_COUNT(GREEK)) {
        return GREEK[at] != NULL ? rw_str_from(GREEK[at]) : character;
    }
    for (size_t i = 0; i < RW_COUNT(OTHERS); i++) {
        if (OTHERS[i].code == code) {
            return rw_str_from(OTHERS[i].name);
        }
    }
    return character;
}
