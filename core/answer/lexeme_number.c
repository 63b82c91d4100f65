#include "core/answer/lexeme.h"

#include <math.h>

#include "core/answer/residue.h"
#include "core/base/scan.h"
#include "core/base/util.h"

enum {
    EXPONENT_DIGITS_MAX = 3,
    GROUP = 3, /* digits between separators */
};

static char char_at(struct rw_str s, size_t at)
{
    return at < s.len ? s.ptr[at] : 0;
}

static size_t digits(struct rw_str s, size_t at)
{
    size_t n = 0;
    while (rw_scan_digit(char_at(s, at + n))) {
        n++;
    }
    return n;
}

static size_t spaces(struct rw_str s, size_t at)
{
    size_t n = 0;
    while (rw_scan_space(char_at(s, at + n))) {
        n++;
    }
    return n;
}

/* Bytes of "{,}" with spaces wherever TeX lets them stand; 0 when it is something else. */
static size_t braced_comma(struct rw_str s, size_t at)
{
    size_t i = at + spaces(s, at);
    if (char_at(s, i++) != '{') {
        return 0;
    }
    i += spaces(s, i);
    if (char_at(s, i++) != ',') {
        return 0;
    }
    i += spaces(s, i);
    return char_at(s, i) == '}' ? i + 1 + spaces(s, i + 1) - at : 0;
}

/* Bytes of what separates groups of digits here; *flags says how sure that is. */
static size_t separator(struct rw_str s, size_t at, bool brackets, uint16_t *flags)
{
    static const char *const SURE[] = {",\\!", "\\!", "\\,", "{\\,}"};
    size_t bytes = braced_comma(s, at);
    if (bytes > 0) {
        return bytes;
    }
    for (size_t i = 0; i < RW_COUNT(SURE); i++) {
        struct rw_str mark = rw_str_from(SURE[i]);
        if (rw_str_starts(rw_str_slice(s, RW_MIN(at, s.len), s.len), mark)) {
            return mark.len + spaces(s, at + mark.len);
        }
    }
    if (brackets) {
        return 0;
    }
    if (char_at(s, at) == ',') {
        *flags |= RW_LEXEME_GROUPED;
        return 1;
    }
    if (char_at(s, at) == ' ') {
        *flags |= RW_LEXEME_LOOSE;
        return 1;
    }
    return 0;
}

/* Behind the groups of three digits that go on from `at`. Spaces separate all groups or none. */
static size_t groups(struct rw_str s, size_t at, bool brackets, uint16_t *flags)
{
    size_t begin = at;
    uint16_t first = 0;
    for (;;) {
        uint16_t now = 0;
        size_t bytes = separator(s, at, brackets, &now);
        if (bytes == 0 || digits(s, at + bytes) != GROUP || (at > begin && now != first)) {
            break;
        }
        first = now;
        at += bytes + GROUP;
    }
    bool goes_on = char_at(s, at) == ' ' && rw_scan_digit(char_at(s, at + 1));
    bool letters = rw_scan_word(char_at(s, at)) || char_at(s, at) == '/';
    if (at > begin && (first & RW_LEXEME_LOOSE) != 0 && (goes_on || letters)) {
        return begin; /* "100 200 3": a row of numbers */
    }
    *flags |= at > begin ? first : 0;
    return at;
}

/* Bytes of an exponent at `at`: "e-7"; 0 when there is none. */
static size_t exponent(struct rw_str s, size_t begin, int16_t *out)
{
    size_t at = begin;
    if (rw_scan_lower(char_at(s, at)) != 'e') {
        return 0;
    }
    at++;
    bool minus = char_at(s, at) == '-';
    at += minus || char_at(s, at) == '+';
    size_t n = digits(s, at);
    if (n == 0 || n > EXPONENT_DIGITS_MAX || rw_scan_word(char_at(s, at + n)) ||
        char_at(s, at + n) == '.') {
        return 0;
    }
    int value = 0;
    for (size_t i = 0; i < n; i++) {
        value = value * 10 + (s.ptr[at + i] - '0');
    }
    *out = (int16_t)(minus ? -value : value);
    return at + n - begin;
}

/* "\overline{36}" or "(36)" behind the point: digits that repeat. Bytes; 0 when there are none. */
static size_t repeating(struct rw_str s, size_t at, uint16_t *n)
{
    static const char *const OPEN[][2] = {{"\\overline{", "}"}, {"\\bar{", "}"}, {"\\dot{", "}"}};
    for (size_t i = 0; i < RW_COUNT(OPEN); i++) {
        struct rw_str open = rw_str_from(OPEN[i][0]);
        if (rw_str_starts(rw_str_slice(s, RW_MIN(at, s.len), s.len), open)) {
            size_t inner = digits(s, at + open.len);
            if (inner > 0 && inner < 16 && char_at(s, at + open.len + inner) == OPEN[i][1][0]) {
                *n = (uint16_t)inner;
                return open.len + inner + 1;
            }
        }
    }
    return 0;
}

void rw_lexeme_number_scan(struct rw_str text, size_t at, bool brackets, struct rw_lexeme *out)
{
    size_t lead = digits(text, at);
    size_t i = at + lead;
    if (lead > 1 && text.ptr[at] == '0') {
        out->flags |= RW_LEXEME_PADDED;
    }
    if (lead >= 1 && lead <= GROUP && text.ptr[at] != '0') {
        i = groups(text, i, brackets, &out->flags);
    }
    uint16_t repeats = 0;
    if (char_at(text, i) == '.') {
        size_t n = digits(text, i + 1);
        size_t tail = repeating(text, i + 1 + n, &repeats);
        if (n > 0 || repeats > 0) {
            i += 1 + n + tail;
            out->decimals = (uint16_t)RW_MIN(n + repeats, (size_t)UINT16_MAX);
            out->repeats = repeats;
        }
    }
    size_t e = repeats == 0 ? exponent(text, i, &out->exponent) : 0;
    out->flags |= e > 0 ? RW_LEXEME_POWERED : 0;
    out->end = (uint32_t)(i + e);
}

/* ---- values ---------------------------------------------------------------------------------- */

struct digits {
    rw_int128 exact;
    bool fits;
    uint64_t residue;
    double v;
};

static void take(struct digits *d, char c)
{
    d->fits = d->fits && !__builtin_mul_overflow(d->exact, (rw_int128)10, &d->exact) &&
              !__builtin_add_overflow(d->exact, (rw_int128)(c - '0'), &d->exact);
    d->residue = rw_residue_add(rw_residue_multiply(d->residue, 10), (uint64_t)(c - '0'));
    d->v = d->v * 10 + (c - '0');
}

/* num * 10^e, the whole of it exact. */
static void scaled(struct rw_lexeme_number *out, int e)
{
    if (e == 0) {
        return;
    }
    struct rw_rational ten = rw_rational_power(rw_rational_make(10, 1), rw_rational_make(e, 1));
    uint64_t power = rw_residue_power(10, (uint64_t)(e < 0 ? -e : e));
    out->exact = rw_rational_multiply(out->exact, ten);
    out->residue =
        e < 0 ? rw_residue_divide(out->residue, power) : rw_residue_multiply(out->residue, power);
    out->v = e < 0 ? out->v / pow(10, -e) : out->v * pow(10, e);
}

/* a / b is b times as much, less the part that does not repeat: 0.1(6) = (16 - 1) / 90. */
static void without_repeats(struct rw_lexeme_number *out, const struct digits *all,
                            const struct digits *before, unsigned repeats)
{
    struct rw_rational nines = rw_rational_add(
        rw_rational_power(rw_rational_make(10, 1), rw_rational_make((rw_int128)repeats, 1)),
        rw_rational_make(-1, 1));
    rw_int128 difference = all->exact - before->exact;
    uint64_t nine = rw_residue_add(rw_residue_power(10, repeats), RW_RESIDUE_PRIME - 1);
    out->exact = rw_rational_divide(rw_rational_make(difference, 1), nines);
    out->exact.known = out->exact.known && all->fits;
    out->residue =
        rw_residue_divide(rw_residue_add(all->residue, RW_RESIDUE_PRIME - before->residue), nine);
    out->v = (all->v - before->v) / (pow(10, repeats) - 1);
}

void rw_lexeme_number(const struct rw_lexemes *l, const struct rw_lexeme *x,
                      struct rw_lexeme_number *out)
{
    struct digits d = {.fits = true};
    struct digits before = d;
    struct rw_str s = x->kind == RW_LEXEME_NUMBER ? x->name : rw_lexeme_text(l, x);
    size_t total = 0;
    size_t end = s.len;
    for (size_t i = 0; i < s.len; i++) {
        bool e = (x->flags & RW_LEXEME_POWERED) != 0 && rw_scan_lower(s.ptr[i]) == 'e';
        if (e) {
            end = i;
            break;
        }
        total += rw_scan_digit(s.ptr[i]);
    }
    for (size_t i = 0, n = 0; i < end; i++) {
        if (rw_scan_digit(s.ptr[i])) {
            if (n == total - x->repeats) {
                before = d;
            }
            take(&d, s.ptr[i]);
            n++;
        }
    }
    *out = (struct rw_lexeme_number){rw_rational_make(d.exact, 1), d.residue, d.v};
    out->exact.known = out->exact.known && d.fits;
    int shift = (int)x->decimals - (int)x->repeats;
    if (x->repeats > 0) {
        without_repeats(out, &d, &before, x->repeats);
    }
    scaled(out, (x->repeats > 0 ? -shift : -(int)x->decimals) + x->exponent);
}
