/* Lexemes of an answer: the text, plain or LaTeX, as numbers, words, letters and signs.
 *
 * Spacing, size and font commands are gone; `\text{}` leaves its words behind with a mark; Unicode
 * signs and full-width forms are the signs they stand for; `^{2}` and `²` are both `^`; digits
 * that stand together are one number ("1,234.50", "9{,}500", "10\,000"). Nothing else is decided
 * here: which letters are a product, a unit or a word is the grammar's business (parse.h).
 *
 * Pure; any thread. Linear in the text; at most RW_LEXEMES_MAX lexemes, more are refused. */
#ifndef RW_ANSWER_LEXEME_H
#define RW_ANSWER_LEXEME_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/rational.h"
#include "core/base/str.h"

enum {
    RW_LEXEME_BYTES_MAX = 2048, /* of an answer */
    RW_LEXEMES_MAX = 768,       /* of an answer */
    RW_LEXEME_BRACES_MAX = 64,  /* open at a time */
};

enum rw_lexeme_kind {
    RW_LEXEME_END,
    RW_LEXEME_NUMBER,
    RW_LEXEME_LETTER,  /* a variable: one letter, a Greek one, a blackboard one */
    RW_LEXEME_WORD,    /* two letters or more, or letters of another script */
    RW_LEXEME_COMMAND, /* `sign` is an enum rw_lexeme_command */
    RW_LEXEME_SIGN,    /* `sign` is an ASCII character or an enum rw_lexeme_sign */
    RW_LEXEME_UNKNOWN, /* a command or a byte nobody knows: the answer cannot be read whole */
};

/* Signs beside the ASCII ones; "\{" is SET, "{" groups. */
enum rw_lexeme_sign {
    RW_SIGN_LE = 128,
    RW_SIGN_GE,
    RW_SIGN_NE,
    RW_SIGN_ABOUT,
    RW_SIGN_PM,
    RW_SIGN_MP,
    RW_SIGN_ELLIPSIS,
    RW_SIGN_IN,
    RW_SIGN_CUP,
    RW_SIGN_CAP,
    RW_SIGN_WITHOUT,
    RW_SIGN_ARROW,
    RW_SIGN_DEGREE,
    RW_SIGN_SET,
    RW_SIGN_SET_END,
    RW_SIGN_ROW, /* "\\" of a matrix */
    RW_SIGN_CURRENCY,
    RW_SIGN_INFINITY,
    RW_SIGN_EMPTY_SET,
    RW_SIGN_PI,
    RW_SIGN_EQUIVALENT,
    RW_SIGN_AND, /* of elements: a word is read as this by the grammar */
};

enum rw_lexeme_command {
    RW_COMMAND_FRAC,
    RW_COMMAND_SQRT,
    RW_COMMAND_BINOM,
    RW_COMMAND_FUNCTION, /* its name is the text */
    RW_COMMAND_BIG,      /* sum, product, union, limit, integral: its name is the text */
    RW_COMMAND_OVERLINE,
    RW_COMMAND_INFIX, /* between its operands: a \over b, n \choose k */
    RW_COMMAND_BEGIN, /* of a matrix; the environment is the text */
    RW_COMMAND_END,
    RW_COMMAND_VULGAR, /* one character, such as a half: `number` is it */
};

enum {
    RW_LEXEME_SPACED = 1 << 0,  /* white space before it */
    RW_LEXEME_TEXT = 1 << 1,    /* inside \text{} and its like */
    RW_LEXEME_MATH = 1 << 2,    /* inside $...$, \(...\), \[...\] or a box */
    RW_LEXEME_GROUPED = 1 << 3, /* a number with commas, which might be a list */
    RW_LEXEME_PADDED = 1 << 4,  /* a number with zeros in front: "007" */
    RW_LEXEME_LOOSE = 1 << 5, /* a number with spaces or other doubtful marks between its digits */
    RW_LEXEME_POWERED = 1 << 6, /* a number with an exponent: "1.5e3" */
    RW_LEXEME_BRACE = 1 << 7,   /* of braces: they hold an argument or a group, not a set */
};

struct rw_lexeme {
    uint8_t kind;
    uint8_t sign;
    uint16_t flags;
    uint16_t decimals; /* of a number: digits behind the point */
    uint16_t repeats;  /* of them, the last ones that repeat for ever: "0.1\overline{6}": 1 */
    int16_t exponent;  /* "1.5e3": 3 */
    uint32_t begin;    /* bytes of the text */
    uint32_t end;
    struct rw_str name; /* of a command or letter; a slice of the text or a constant */
};

/* Points into itself: it must not be copied or moved. */
struct rw_lexemes {
    struct rw_str text; /* `bytes`, with full-width forms as the ASCII ones they stand for */
    size_t n;           /* without the END behind them */
    struct rw_lexeme at[RW_LEXEMES_MAX + 1];
    char bytes[RW_LEXEME_BYTES_MAX];
};

/* False: too long, too many lexemes, or braces too deep. `math`: the text is the content of a box.
 */
bool rw_lexemes_read(struct rw_str text, bool math, struct rw_lexemes *out);

/* The text of a lexeme. */
static inline struct rw_str rw_lexeme_text(const struct rw_lexemes *l, const struct rw_lexeme *x)
{
    return rw_str_slice(l->text, x->begin, x->end);
}

/* The value of a NUMBER or VULGAR lexeme. `residue` is its value modulo RW_RESIDUE_PRIME. */
struct rw_lexeme_number {
    struct rw_rational exact; /* not known: it does not fit */
    uint64_t residue;
    double v;
};

void rw_lexeme_number(const struct rw_lexemes *l, const struct rw_lexeme *x,
                      struct rw_lexeme_number *out);

/* lexeme_number.c: the number at `at`, where a digit or a point stands: fills end, flags, decimals,
 * repeats and exponent. In brackets a comma separates elements, elsewhere it may stand between
 * thousands. */
void rw_lexeme_number_scan(struct rw_str text, size_t at, bool brackets, struct rw_lexeme *out);

/* The same signs in the same order: spaces, braces around one lexeme, and the case of words of
 * four letters and more do not count. */
bool rw_lexemes_equal(const struct rw_lexemes *a, const struct rw_lexemes *b);

#endif
