#include "core/shortcut/answer_value.h"

#include <math.h>
#include <stdint.h>

#include "core/shortcut/scan.h"

struct parser {
    struct rw_str text;
    size_t at;
    int depth;
    unsigned point;
    bool variable;
    bool failed;
};

static double parse_sum(struct parser *p);
static double parse_power(struct parser *p);

static double fail(struct parser *p)
{
    p->failed = true;
    return NAN;
}

static void skip_space(struct parser *p)
{
    while (p->at < p->text.len && rw_scan_space(p->text.ptr[p->at])) {
        p->at++;
    }
}

static char peek(struct parser *p)
{
    skip_space(p);
    return p->at < p->text.len ? p->text.ptr[p->at] : 0;
}

static bool take(struct parser *p, char c)
{
    if (peek(p) != c) {
        return false;
    }
    p->at++;
    return true;
}

/* Letters from `at`; the whole run. */
static struct rw_str letters(const struct parser *p, size_t at)
{
    size_t end = at;
    while (end < p->text.len && rw_scan_letter(p->text.ptr[end]) &&
           (unsigned char)p->text.ptr[end] < 0x80) {
        end++;
    }
    return rw_str_slice(p->text, at, end);
}

/* A number in (0.5, 3) that belongs to the name and the point; the same on every machine. */
static double variable(struct parser *p, struct rw_str name)
{
    uint32_t h = 2166136261u + p->point;
    for (size_t i = 0; i < name.len; i++) {
        h = (h ^ (unsigned char)name.ptr[i]) * 16777619u;
    }
    h = (h ^ (h >> 15)) * 2246822519u;
    h ^= h >> 13;
    p->variable = true;
    return 0.5 + 2.5 * ((double)(h & 0xFFFFFF) + 0.5) / (double)0x1000000;
}

/* A comma that belongs to the number: three digits follow and no fourth. */
static bool thousands(const struct parser *p, size_t at)
{
    size_t n = 0;
    while (at + 1 + n < p->text.len && n < 4 && rw_scan_digit(p->text.ptr[at + 1 + n])) {
        n++;
    }
    return n == 3;
}

static double digits(struct parser *p, size_t *count)
{
    double value = 0;
    *count = 0;
    while (p->at < p->text.len) {
        char c = p->text.ptr[p->at];
        if (rw_scan_digit(c)) {
            value = value * 10 + (c - '0');
            (*count)++;
        } else if (c != ',' || *count == 0 || !thousands(p, p->at)) {
            break;
        }
        p->at++;
    }
    return value;
}

static double number(struct parser *p)
{
    size_t whole;
    size_t fraction = 0;
    double value = digits(p, &whole);
    if (p->at < p->text.len && p->text.ptr[p->at] == '.') {
        double scale = 1;
        for (p->at++; p->at < p->text.len && rw_scan_digit(p->text.ptr[p->at]); p->at++) {
            value = value * 10 + (p->text.ptr[p->at] - '0');
            scale *= 10;
            fraction++;
        }
        value /= scale;
    }
    if (whole + fraction == 0 || whole + fraction > 300) {
        return fail(p);
    }
    return value;
}

static double group(struct parser *p)
{
    if (take(p, '{')) {
        double value = parse_sum(p);
        return take(p, '}') ? value : fail(p);
    }
    /* \frac12: one character each. */
    char c = peek(p);
    if (rw_scan_digit(c)) {
        p->at++;
        return c - '0';
    }
    if (rw_scan_letter(c) && (unsigned char)c < 0x80) {
        p->at++;
        return variable(p, rw_str_slice(p->text, p->at - 1, p->at));
    }
    return fail(p);
}

static double root(struct parser *p)
{
    double degree = 2;
    if (take(p, '[')) {
        size_t count;
        degree = digits(p, &count);
        if (count == 0 || !take(p, ']')) {
            return fail(p);
        }
    }
    double value = peek(p) == '(' ? parse_power(p) : group(p);
    return degree == 2 ? sqrt(value) : pow(value, 1 / degree);
}

static double command(struct parser *p)
{
    struct rw_str name = letters(p, p->at + 1);
    p->at += 1 + name.len;
    if (rw_str_is(name, "frac") || rw_str_is(name, "dfrac") || rw_str_is(name, "tfrac")) {
        double top = group(p);
        double bottom = group(p);
        return top / bottom;
    }
    if (rw_str_is(name, "sqrt")) {
        return root(p);
    }
    if (rw_str_is(name, "pi")) {
        return acos(-1);
    }
    if (rw_str_is(name, "sin") || rw_str_is(name, "cos") || rw_str_is(name, "tan") ||
        rw_str_is(name, "ln")) {
        double x = parse_power(p);
        return name.ptr[0] == 's'   ? sin(x)
               : name.ptr[0] == 'c' ? cos(x)
               : name.ptr[0] == 't' ? tan(x)
                                    : log(x);
    }
    static const char *const GREEK[] = {"alpha", "beta",  "gamma", "theta", "lambda",
                                        "mu",    "sigma", "phi",   "omega", "infty"};
    for (size_t i = 0; i < sizeof GREEK / sizeof *GREEK; i++) {
        if (rw_str_is(name, GREEK[i])) {
            return variable(p, name);
        }
    }
    return fail(p);
}

static double primary(struct parser *p)
{
    static const char CLOSING[] = ")]}";
    static const char OPENING[] = "([{";
    char c = peek(p);
    const char *open = c != 0 ? strchr(OPENING, c) : NULL;
    if (open != NULL) {
        p->at++;
        double value = parse_sum(p);
        return take(p, CLOSING[open - OPENING]) ? value : fail(p);
    }
    if (rw_scan_digit(c) || c == '.') {
        return number(p);
    }
    if (c == '\\') {
        return command(p);
    }
    struct rw_str word = letters(p, p->at);
    if (word.len == 0) {
        return fail(p);
    }
    if (rw_str_is(word, "sqrt") || rw_str_is(word, "pi")) {
        p->at += word.len;
        return word.ptr[0] == 's' ? root(p) : acos(-1);
    }
    if (word.len > 3) {
        return fail(p); /* a word, not a product of letters */
    }
    p->at++;
    return variable(p, rw_str_slice(word, 0, 1));
}

static double parse_power(struct parser *p)
{
    if (p->failed || p->depth >= RW_ANSWER_DEPTH_MAX) {
        return fail(p);
    }
    p->depth++;
    double value;
    if (take(p, '-')) {
        value = -parse_power(p);
    } else if (take(p, '+')) {
        value = parse_power(p);
    } else {
        value = primary(p);
        if (take(p, '^')) {
            double exponent = parse_power(p);
            value = pow(value, exponent);
        }
    }
    p->depth--;
    return value;
}

/* "1 1/2" and "1\frac{1}{2}" are one and a half; "2 3" is nothing. */
static void mixed(struct parser *p, bool space, double *value)
{
    bool latex = p->text.len - p->at > 5 && (memcmp(p->text.ptr + p->at, "\\frac", 5) == 0 ||
                                             memcmp(p->text.ptr + p->at, "\\dfrac", 5) == 0);
    if (latex) {
        *value += command(p);
    } else if (space && rw_scan_digit(peek(p))) {
        double top = number(p);
        if (take(p, '/') && rw_scan_digit(peek(p))) {
            *value += top / number(p);
        } else {
            p->failed = true;
        }
    }
}

/* Where the last token ended, before the space that was skipped. */
static size_t token_end(const struct parser *p)
{
    size_t end = p->at;
    while (end > 0 && rw_scan_space(p->text.ptr[end - 1])) {
        end--;
    }
    return end;
}

static double parse_product(struct parser *p)
{
    bool literal = rw_scan_digit(peek(p));
    double value = parse_power(p);
    size_t end = token_end(p);
    if (literal && !p->failed && end > 0 && rw_scan_digit(p->text.ptr[end - 1]) &&
        value == floor(value)) {
        mixed(p, end < p->at, &value);
    }
    while (!p->failed) {
        char c = peek(p);
        if (c == '*' || c == '/') {
            p->at++;
            double right = parse_power(p);
            value = c == '*' ? value * right : value / right;
        } else if (c == '(' || c == '{' || c == '\\' || rw_scan_letter(c) || rw_scan_digit(c)) {
            value *= parse_power(p);
        } else {
            break;
        }
    }
    return value;
}

static double parse_sum(struct parser *p)
{
    if (p->depth >= RW_ANSWER_DEPTH_MAX) {
        return fail(p);
    }
    p->depth++;
    double value = parse_product(p);
    while (!p->failed) {
        if (take(p, '+')) {
            value += parse_product(p);
        } else if (take(p, '-')) {
            value -= parse_product(p);
        } else {
            break;
        }
    }
    p->depth--;
    return value;
}

bool rw_answer_evaluate(struct rw_str text, struct rw_answer_value *out)
{
    out->variable = false;
    bool any = false;
    for (unsigned k = 0; k < RW_ANSWER_POINTS; k++) {
        struct parser p = {.text = text, .point = k};
        out->at[k] = parse_sum(&p);
        skip_space(&p);
        if (p.failed || p.at != text.len) {
            return false;
        }
        out->variable = out->variable || p.variable;
        any = any || isfinite(out->at[k]);
    }
    return any;
}
