#include "proto/emit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/base/utf8.h"

static void comma_if_due(struct rw_buf *out)
{
    char last = out->len > 0 ? out->ptr[out->len - 1] : '\n';
    if (last != '{' && last != '[' && last != ':' && last != ',' && last != '\n' && last != ' ') {
        rw_buf_append_char(out, ',');
    }
}

void rw_emit_open(struct rw_buf *out, char bracket)
{
    comma_if_due(out);
    rw_buf_append_char(out, bracket);
}

void rw_emit_close(struct rw_buf *out, char bracket)
{
    rw_buf_append_char(out, bracket);
}

void rw_emit_name(struct rw_buf *out, const char *name)
{
    comma_if_due(out);
    rw_buf_append_char(out, '"');
    rw_buf_append(out, name, strlen(name));
    rw_buf_append(out, "\":", 2);
}

void rw_emit_name_text(struct rw_buf *out, struct rw_str name)
{
    rw_emit_text(out, name);
    rw_buf_append_char(out, ':');
}

void rw_emit_raw(struct rw_buf *out, const char *literal)
{
    comma_if_due(out);
    rw_buf_append(out, literal, strlen(literal));
}

void rw_emit_bool(struct rw_buf *out, bool value)
{
    rw_emit_raw(out, value ? "true" : "false");
}

/* ---- text ------------------------------------------------------------------------------------ */

static void append_escape(struct rw_buf *out, unsigned char c)
{
    static const char FROM[] = "\"\\\b\f\n\r\t";
    static const char TO[] = "\"\\bfnrt";
    const char *hit = c != '\0' ? strchr(FROM, c) : NULL;
    if (hit != NULL) {
        char pair[2] = {'\\', TO[hit - FROM]};
        rw_buf_append(out, pair, 2);
    } else {
        rw_buf_printf(out, "\\u%04x", c);
    }
}

static bool needs_escape(unsigned char c)
{
    return c < 0x20 || c == '"' || c == '\\' || c == 0x7F;
}

void rw_emit_text(struct rw_buf *out, struct rw_str text)
{
    comma_if_due(out);
    rw_buf_append_char(out, '"');
    size_t at = 0;
    while (at < text.len && !out->failed) {
        size_t end = at; /* a run that can be copied as it is */
        size_t advance = 1;
        while (end < text.len && !needs_escape((unsigned char)text.ptr[end]) &&
               ((unsigned char)text.ptr[end] < 0x80 || rw_utf8_decode(text, end, &advance) >= 0)) {
            end += advance;
            advance = 1;
        }
        rw_buf_append(out, text.ptr + at, end - at);
        if (end < text.len) {
            unsigned char c = (unsigned char)text.ptr[end++];
            if (c < 0x80) {
                append_escape(out, c);
            } else {
                rw_buf_append(out, "\xEF\xBF\xBD", 3);
            }
        }
        at = end;
    }
    rw_buf_append_char(out, '"');
}

/* bytes that are not UTF-8: U+FFFD */
static void emit_text_or_null(struct rw_buf *out, const char *text)
{
    if (text != NULL) {
        rw_emit_text(out, rw_str_from(text));
    } else {
        rw_emit_raw(out, "null");
    }
}

/* ---- integers -------------------------------------------------------------------------------- */

void rw_emit_unsigned(struct rw_buf *out, uint64_t value)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    comma_if_due(out);
    rw_buf_append(out, digits + at, sizeof digits - at);
}

void rw_emit_signed(struct rw_buf *out, int64_t value)
{
    if (value >= 0) {
        rw_emit_unsigned(out, (uint64_t)value);
        return;
    }
    comma_if_due(out);
    rw_buf_printf(out, "%lld", (long long)value);
}

void rw_emit_span(struct rw_buf *out, uint32_t begin, uint32_t end)
{
    rw_emit_open(out, '[');
    rw_emit_unsigned(out, begin);
    rw_emit_unsigned(out, end);
    rw_emit_close(out, ']');
}

/* ---- floating point ---------------------------------------------------------------------------
 *
 * A float32 needs at most 9 significant digits, and every decimal of up to 6 survives the way
 * through it (C11 5.2.4.2.2), so that the shortest one is found by trying 6, 7, 8, 9 digits and
 * dropping trailing zeros. The trial is exact double arithmetic where the powers of ten are exact
 * (up to 10^22), and printf with strtof elsewhere. */

enum {
    DIGITS_FIRST = 6,
    DIGITS_LAST = 9,
    EXACT_POWER_MAX = 22,
};

static const double POWER[EXACT_POWER_MAX + 1] = {
    1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
};

static double scale(double x, int power)
{
    return power >= 0 ? x * POWER[power] : x / POWER[-power];
}

/* floor(log10(x)) for x in the exact range. */
static int decimal_exponent(double x)
{
    int e = (int)floor(log10(x));
    if (scale(x, -e) >= 10) {
        e++;
    } else if (scale(x, -e) < 1) {
        e--;
    }
    return e;
}

/* Whether a reader of m * 10^-shift gets `value`, be it through float or through double. The
 * quotient is off by half an ulp of a double at most: both its neighbours must agree, so that the
 * true decimal does too. */
static bool reads_back(uint32_t m, int shift, float value)
{
    double d = scale((double)m, -shift);
    return (float)d == value && (float)(d * (1 + 0x1p-52)) == value &&
           (float)(d * (1 - 0x1p-52)) == value;
}

/* Digits of m, which has n of them, with the point after the first + `exponent` of them. */
static size_t layout(char *to, uint32_t m, int n, int exponent)
{
    char digits[DIGITS_LAST + 1];
    while (n > 1 && m % 10 == 0) {
        m /= 10;
        n--;
    }
    for (int i = n - 1; i >= 0; i--) {
        digits[i] = (char)('0' + m % 10);
        m /= 10;
    }
    size_t len = 0;
    if (exponent < 0) {
        to[len++] = '0';
        to[len++] = '.';
        for (int i = -1; i > exponent; i--) {
            to[len++] = '0';
        }
    }
    for (int i = 0; i < n || i <= exponent; i++) {
        if (i == exponent + 1 && exponent >= 0) {
            to[len++] = '.';
        }
        to[len++] = i < n ? digits[i] : '0';
    }
    to[len] = '\0';
    return len;
}

static size_t format_fast(float value, char *to)
{
    double x = value;
    int exponent = decimal_exponent(x);
    for (int n = DIGITS_FIRST; n <= DIGITS_LAST; n++) {
        int shift = n - 1 - exponent;
        if (shift > EXACT_POWER_MAX || shift < -EXACT_POWER_MAX) {
            return 0;
        }
        double m = rint(scale(x, shift));
        int carried = m >= POWER[n]; /* 9.999996 became 10.0000 */
        if (reads_back((uint32_t)m, shift, value)) {
            return layout(to, carried ? (uint32_t)(m / 10) : (uint32_t)m, n, exponent + carried);
        }
    }
    return 0;
}

static size_t format_slow(float value, char *to)
{
    int n = 0;
    for (int digits = DIGITS_FIRST; digits <= DIGITS_LAST; digits++) {
        n = snprintf(to, RW_EMIT_FLOAT_BYTES, "%.*g", digits, (double)value);
        if (strtof(to, NULL) == value) {
            break;
        }
    }
    return (size_t)n;
}

size_t rw_emit_format_float(float value, char out[RW_EMIT_FLOAT_BYTES])
{
    rw_assert(isfinite(value));
    if (value == 0) {
        memcpy(out, "0", 2);
        return 1;
    }
    size_t sign = value < 0;
    out[0] = '-';
    float size = fabsf(value);
    size_t len = 0;
    if (size >= 1e-5F && size < 1e9F) {
        len = format_fast(size, out + sign);
    }
    return sign + (len > 0 ? len : format_slow(size, out + sign));
}

void rw_emit_float(struct rw_buf *out, float value)
{
    char text[RW_EMIT_FLOAT_BYTES];
    size_t len = rw_emit_format_float(value, text);
    comma_if_due(out);
    rw_buf_append(out, text, len);
}

/* Rare in a reply (flag values, costs): printf is fast enough. */
void rw_emit_double(struct rw_buf *out, double value)
{
    rw_assert(isfinite(value));
    char text[RW_EMIT_FLOAT_BYTES];
    int n = 0;
    for (int digits = 15; digits <= 17; digits++) {
        n = snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value) {
            break;
        }
    }
    comma_if_due(out);
    rw_buf_append(out, text, (size_t)n);
}

void rw_emit_text_field(struct rw_buf *out, const char *name, const char *text)
{
    rw_emit_name(out, name);
    emit_text_or_null(out, text);
}

void rw_emit_unsigned_field(struct rw_buf *out, const char *name, uint64_t value)
{
    rw_emit_name(out, name);
    rw_emit_unsigned(out, value);
}

void rw_emit_double_field(struct rw_buf *out, const char *name, double value)
{
    rw_emit_name(out, name);
    rw_emit_double(out, value);
}

void rw_emit_float_field(struct rw_buf *out, const char *name, float value)
{
    rw_emit_name(out, name);
    rw_emit_float(out, value);
}

void rw_emit_bool_field(struct rw_buf *out, const char *name, bool value)
{
    rw_emit_name(out, name);
    rw_emit_bool(out, value);
}
