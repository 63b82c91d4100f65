/* Numbers with what stands around them: currency, scale, percent, unit, a note in brackets. */
#include "core/answer/parse_parts.h"
#include "core/answer/residue.h"
#include "core/answer/word.h"
#include "core/base/scan.h"
#include "core/base/util.h"

enum {
    UNIT_WORDS_MAX = 6,
    UNIT_BYTES_MAX = 96,
    SHORT = 3, /* bytes: longer words are compared without case */
};

/* What is found around a number. */
struct around {
    struct rw_str unit;
    bool percent;
    bool minus;
    uint16_t flags;
    struct rw_node *note;
};

static const struct rw_lexeme *peek(const struct rw_parser *p)
{
    return rw_parse_at(p, p->at);
}

static bool is_word(const struct rw_lexeme *x)
{
    return x->kind == RW_LEXEME_WORD || x->kind == RW_LEXEME_LETTER;
}

bool rw_parse_unit_follows(const struct rw_parser *p, size_t at)
{
    const struct rw_lexeme *x = rw_parse_at(p, at);
    if (x->kind == RW_LEXEME_LETTER) {
        bool power = rw_parse_is(p, at + 1, '^');
        bool alone = rw_parse_at(p, at + 1)->kind == RW_LEXEME_END || power ||
                     rw_parse_is(p, at + 1, '/') || rw_parse_is(p, at + 1, '.') ||
                     rw_parse_is(p, at + 1, '(') || rw_parse_at(p, at + 1)->kind == RW_LEXEME_WORD;
        if ((x->flags & RW_LEXEME_TEXT) != 0) {
            return rw_word_short_unit(x->name);
        }
        const struct rw_lexeme *next = rw_parse_at(p, at + 1);
        bool raised = power && next->begin < p->l->text.len &&
                      (unsigned char)p->l->text.ptr[next->begin] >= 0x80;
        if (raised && (x->flags & RW_LEXEME_MATH) == 0) {
            return rw_str_is(x->name, "m"); /* "5m\xC2\xB2" */
        }
        /* 3 s^2 is no number of seconds; 5 m^2 is an area. */
        bool spaced = (x->flags & RW_LEXEME_SPACED) != 0 && (x->flags & RW_LEXEME_MATH) == 0;
        return spaced && alone && rw_word_short_unit(x->name) &&
               (!power || rw_str_is(x->name, "m"));
    }
    if (x->kind != RW_LEXEME_WORD) {
        return false;
    }
    if ((x->flags & RW_LEXEME_TEXT) != 0) {
        return rw_word_unit(x->name, true);
    }
    return rw_parse_function_name(x) == 0 && !rw_scan_equal(x->name, RW_STR("pi")) &&
           rw_word_unit(x->name, true);
}

/* ---- units ----------------------------------------------------------------------------------- */

struct unit {
    char text[UNIT_BYTES_MAX];
    size_t len;
    size_t words;
    int pending;   /* of "square": the power of the word that follows */
    bool currency; /* one stands before the number: "$12 per hour" */
};

static bool unit_add(struct unit *u, struct rw_str s, bool lower)
{
    if (u->len + s.len > UNIT_BYTES_MAX) {
        return false;
    }
    for (size_t i = 0; i < s.len; i++) {
        u->text[u->len++] = lower ? rw_scan_lower(s.ptr[i]) : s.ptr[i];
    }
    return true;
}

static bool unit_word(struct unit *u, struct rw_str word)
{
    static const char *const SILENT[] = {"of",  "in",  "a",   "an",    "the",
                                         "all", "her", "his", "total", "altogether",
                                         "he",  "she", "we",  "for",   "each"};
    bool square = rw_scan_equal(word, RW_STR("square")) || rw_scan_equal(word, RW_STR("sq"));
    bool cubic = rw_scan_equal(word, RW_STR("cubic")) || rw_scan_equal(word, RW_STR("cu"));
    bool per = rw_scan_equal(word, RW_STR("per"));
    bool first = u->words == 0 && !(per && u->currency);
    if (++u->words > UNIT_WORDS_MAX || !rw_word_unit(word, first)) {
        return false;
    }
    if (square || cubic) {
        u->pending = square ? 2 : 3;
        return true;
    }
    for (size_t i = 0; i < RW_COUNT(SILENT) && u->words > 1; i++) {
        if (rw_scan_equal(word, rw_str_from(SILENT[i]))) {
            return true;
        }
    }
    if (per) {
        return unit_add(u, RW_STR("/"), false);
    }
    bool joined = u->len > 0 && u->text[u->len - 1] != '/' && u->text[u->len - 1] != '*';
    struct rw_str name = rw_word_unit_name(word);
    if (!(joined ? unit_add(u, RW_STR(" "), false) : true) ||
        !unit_add(u, name, name.len > SHORT)) {
        return false;
    }
    if (u->pending > 0) {
        char power[2] = {'^', (char)('0' + u->pending)};
        u->pending = 0;
        return unit_add(u, (struct rw_str){power, 2}, false);
    }
    return true;
}

/* "^2" or "^{2}" behind a unit. */
static bool unit_power(struct rw_parser *p, struct unit *u)
{
    bool braces = rw_parse_is(p, p->at + 1, '{');
    size_t at = p->at + 1 + braces;
    bool minus = rw_parse_is(p, at, '-');
    at += minus;
    const struct rw_lexeme *x = rw_parse_at(p, at);
    if (x->kind != RW_LEXEME_NUMBER || (braces && !rw_parse_is(p, at + 1, '}'))) {
        return false;
    }
    p->at = at + 1 + braces;
    return unit_add(u, minus ? RW_STR("^-") : RW_STR("^"), false) && unit_add(u, x->name, false);
}

/* The words from p->at on, as one name; false when they are no unit. */
static bool read_unit(struct rw_parser *p, struct unit *u)
{
    while (p->at < p->end) {
        const struct rw_lexeme *x = peek(p);
        if (is_word(x)) {
            if (u->words > 0 && rw_word_clause(x->name)) {
                p->at = p->end; /* "72 because ..." */
                return true;
            }
            if (!unit_word(u, x->name)) {
                return false;
            }
            p->at++;
        } else if (rw_parse_is(p, p->at, '^')) {
            if (!unit_power(p, u)) {
                return false;
            }
        } else if (rw_parse_is(p, p->at, '/') || rw_parse_is(p, p->at, '*')) {
            if (!unit_add(u, x->name, false)) {
                return false;
            }
            p->at++;
        } else if (rw_parse_is(p, p->at, '.') || rw_parse_is(p, p->at, '\'')) {
            p->at++;
        } else if (rw_parse_is(p, p->at, '{') || rw_parse_is(p, p->at, '}')) {
            p->at++;
        } else {
            return rw_parse_is(p, p->at, '(');
        }
    }
    return true;
}

static bool take_unit(struct rw_parser *p, struct around *a)
{
    struct unit u = {.len = 0, .currency = a->unit.len > 0};
    if (!read_unit(p, &u)) {
        return false;
    }
    if (u.len == 0) {
        return true;
    }
    if (a->unit.len > 0 && u.text[0] == '/') { /* "$12 per hour" */
        if (u.len + a->unit.len > UNIT_BYTES_MAX) {
            return false;
        }
        memmove(u.text + a->unit.len, u.text, u.len);
        memcpy(u.text, a->unit.ptr, a->unit.len);
        u.len += a->unit.len;
    } else if (a->unit.len > 0) {
        /* "$5 in total": the currency is the unit; "$5 dollars" too. */
        return rw_str_equal(a->unit, (struct rw_str){u.text, u.len});
    }
    a->unit = rw_arena_copy(p->arena, (struct rw_str){u.text, u.len});
    p->no_memory = p->no_memory || a->unit.ptr == NULL;
    return !p->no_memory;
}

/* ---- in front -------------------------------------------------------------------------------- */

static bool take_about(struct rw_parser *p)
{
    const struct rw_lexeme *x = peek(p);
    bool about = rw_parse_is(p, p->at, RW_SIGN_ABOUT) || rw_parse_is(p, p->at, '~') ||
                 (x->kind == RW_LEXEME_WORD && rw_word_about(x->name));
    p->at += about;
    return about;
}

/* "$", "-$", "US$", "USD", "Rs.". False: a currency nobody knows. */
static bool take_currency(struct rw_parser *p, struct around *a)
{
    bool country = peek(p)->kind == RW_LEXEME_WORD && rw_str_is(peek(p)->name, "US") &&
                   rw_parse_is(p, p->at + 1, RW_SIGN_CURRENCY);
    bool minus = rw_parse_is(p, p->at, '-') && rw_parse_is(p, p->at + 1, RW_SIGN_CURRENCY);
    p->at += country || minus;
    a->minus = minus;
    const struct rw_lexeme *x = peek(p);
    if (rw_parse_is(p, p->at, RW_SIGN_CURRENCY)) {
        const char *sign = rw_word_currency(x->name);
        a->unit = sign != NULL ? rw_str_from(sign) : a->unit;
        p->at++;
        return sign != NULL;
    }
    bool code =
        x->kind == RW_LEXEME_WORD &&
        (rw_str_is(x->name, "USD") || rw_str_is(x->name, "EUR") || rw_str_is(x->name, "GBP") ||
         rw_str_is(x->name, "Rs") || rw_str_is(x->name, "RMB") || rw_str_is(x->name, "INR") ||
         rw_str_is(x->name, "CNY"));
    if (code) {
        a->unit = rw_word_unit_name(x->name);
        p->at++;
        p->at += rw_parse_is(p, p->at, '.');
    }
    return true;
}

/* ---- behind ---------------------------------------------------------------------------------- */

static struct rw_node *product_of(struct rw_parser *p, struct rw_node *a, struct rw_node *b)
{
    struct rw_node *node = rw_parse_node(p, RW_NODE_PRODUCT);
    rw_parse_add(p, node, a);
    rw_parse_add(p, node, b);
    return node;
}

/* "5 million people" is 5000000 people. */
static struct rw_node *take_scale(struct rw_parser *p, struct rw_node *value)
{
    while (peek(p)->kind == RW_LEXEME_WORD && (value->flags & RW_NODE_CLOSED) != 0 &&
           rw_word_scale(peek(p)->name) != 0) {
        struct rw_node *scale = rw_parse_whole(p, rw_word_scale(peek(p)->name));
        p->at++;
        value = product_of(p, value, scale);
    }
    return value;
}

/* The sign of a percentage or of degrees at the end belongs to all of the number. */
static struct rw_node *hoist(struct rw_parser *p, struct rw_node *value, struct around *a)
{
    bool minus = value->kind == RW_NODE_NEGATIVE;
    struct rw_node *inner = minus ? value->first : value;
    if (inner->kind != RW_NODE_PERCENT && inner->kind != RW_NODE_DEGREE) {
        return value;
    }
    a->percent = inner->kind == RW_NODE_PERCENT;
    a->unit = inner->kind == RW_NODE_DEGREE ? RW_STR("deg") : a->unit;
    inner = inner->first;
    if (minus) {
        struct rw_node *negative = rw_parse_node(p, RW_NODE_NEGATIVE);
        rw_parse_add(p, negative, inner);
        return negative;
    }
    return inner;
}

/* What follows says something about the number, and is no part of it. */
static bool is_clause(const struct rw_lexeme *x)
{
    return x->kind == RW_LEXEME_WORD &&
           (rw_scan_equal(x->name, RW_STR("since")) || rw_scan_equal(x->name, RW_STR("because")) ||
            rw_scan_equal(x->name, RW_STR("as")) || rw_scan_equal(x->name, RW_STR("see")));
}

/* What a bracket behind a number says: the same in another form, or its unit. */
static bool take_note(struct rw_parser *p, struct around *a)
{
    size_t begin = p->at + 1;
    size_t close = p->match[p->at];
    size_t end = p->end;
    if (close == 0 || close + 1 != end) {
        return false;
    }
    for (;;) { /* "(or 0.5)", "(= 0.5)", "(i.e. 0.5)", "(about 0.5)" */
        const struct rw_lexeme *x = &p->l->at[begin];
        bool skip = begin < close &&
                    ((x->kind == RW_LEXEME_WORD &&
                      (rw_scan_equal(x->name, RW_STR("or")) || rw_word_lead(x->name) ||
                       rw_word_about(x->name) || rw_scan_equal(x->name, RW_STR("which")) ||
                       rw_scan_equal(x->name, RW_STR("in")))) ||
                     (x->kind == RW_LEXEME_SIGN && (x->sign == '=' || x->sign == RW_SIGN_ABOUT)));
        if (!skip) {
            break;
        }
        begin++;
    }
    if (begin < close && is_clause(&p->l->at[begin])) { /* "(since 3 is odd)" */
        p->at = end;
        return true;
    }
    bool words = begin < close;
    for (size_t i = begin; i < close; i++) {
        words = words && is_word(&p->l->at[i]);
    }
    if (words && rw_word_number(p->l->at[begin].name) < 0) {
        p->at = begin;
        p->end = close;
        bool unit = take_unit(p, a) && p->at == close;
        p->end = end;
        p->at = end;
        return unit;
    }
    a->note = rw_parse_item(p, begin, close);
    p->at = end;
    p->end = end;
    return a->note != NULL && (rw_node_scalar(a->note) || a->note->kind == RW_NODE_QUANTITY);
}

/* "3/4 of the pizza", "25% of the class": of words only, and no number among them. */
static bool take_whole_of(struct rw_parser *p, const struct rw_node *value, const struct around *a)
{
    bool part = value->kind == RW_NODE_QUOTIENT || a->percent;
    if (!part || !rw_scan_equal(peek(p)->name, RW_STR("of")) || p->at + 1 >= p->end) {
        return false;
    }
    for (size_t i = p->at + 1; i < p->end; i++) {
        const struct rw_lexeme *x = rw_parse_at(p, i);
        bool variable = x->kind == RW_LEXEME_LETTER && !rw_str_is(x->name, "a");
        if (!is_word(x) || variable || rw_word_changes(x->name)) {
            return false;
        }
    }
    p->at = p->end;
    return true;
}

static bool behind(struct rw_parser *p, struct rw_node **value, struct around *a)
{
    *value = take_scale(p, *value);
    *value = hoist(p, *value, a);
    const struct rw_lexeme *x = peek(p);
    if (rw_parse_is(p, p->at, RW_SIGN_ELLIPSIS) && p->at + 1 == p->end) {
        a->flags |= RW_NODE_OPEN;
        p->at++;
    }
    if (rw_parse_is(p, p->at, RW_SIGN_CURRENCY) && a->unit.len == 0) {
        const char *sign = rw_word_currency(x->name);
        a->unit = sign != NULL ? rw_str_from(sign) : a->unit;
        p->at++;
        if (sign == NULL) {
            return false;
        }
    }
    if (rw_parse_is(p, p->at, '%') && !a->percent) { /* "5 million %" */
        a->percent = true;
        p->at++;
    }
    x = peek(p);
    bool per_cent = rw_str_is(x->name, "per") && rw_str_is(rw_parse_at(p, p->at + 1)->name, "cent");
    if (per_cent || (x->kind == RW_LEXEME_WORD && rw_word_percent(x->name))) {
        a->percent = true;
        p->at += 1 + per_cent;
        x = peek(p);
        if (x->kind == RW_LEXEME_WORD && rw_str_starts(x->name, RW_STR("point"))) {
            return false; /* percentage points */
        }
    }
    bool closed = ((*value)->flags & RW_NODE_CLOSED) != 0;
    if (rw_str_is(a->unit, "deg") && x->kind == RW_LEXEME_LETTER &&
        (rw_str_is(x->name, "C") || rw_str_is(x->name, "F"))) {
        a->unit = rw_str_is(x->name, "C") ? RW_STR("degC") : RW_STR("degF");
        p->at++;
    }
    if (closed && p->at < p->end && is_clause(peek(p))) { /* "5 because 2 + 3 = 5" */
        p->at = p->end;
    }
    if (take_whole_of(p, *value, a)) {
        return true;
    }
    bool rate = a->unit.len > 0 && rw_parse_is(p, p->at, '/');
    if ((rate || is_word(peek(p))) && (!closed || !take_unit(p, a))) {
        return false;
    }
    return p->at == p->end ||
           (rw_parse_is(p, p->at, '(') && closed && take_note(p, a) && p->at == p->end);
}

static struct rw_node *finish(struct rw_parser *p, struct rw_node *value, const struct around *a)
{
    if (a->minus) {
        struct rw_node *negative = rw_parse_node(p, RW_NODE_NEGATIVE);
        rw_parse_add(p, negative, value);
        value = negative;
    }
    value->flags |= p->loose ? RW_NODE_LOOSE : 0;
    if (a->unit.len == 0 && !a->percent && a->flags == 0 && a->note == NULL) {
        return value;
    }
    struct rw_node *q = rw_parse_node(p, RW_NODE_QUANTITY);
    uint16_t flags = value->flags;
    rw_parse_add(p, q, value);
    q->name = a->unit;
    q->percent = a->percent;
    q->flags = (uint16_t)(a->flags | (flags & (RW_NODE_LOOSE | RW_NODE_GROUPED | RW_NODE_CLOSED)));
    q->key = rw_parse_mix(rw_parse_mix(q->key, rw_parse_hash(a->unit)),
                          (uint64_t)a->percent << 16 | a->flags);
    if (a->note != NULL) {
        rw_parse_add(p, q, a->note);
    }
    return q;
}

struct rw_node *rw_parse_quantity(struct rw_parser *p, size_t begin, size_t end)
{
    struct rw_parser saved = {.at = p->at, .end = p->end, .loose = p->loose, .inside = p->inside};
    struct around a = {.unit = {NULL, 0}};
    struct rw_node *node = NULL;
    p->at = begin;
    p->end = end;
    p->loose = false;
    p->inside = 0;
    p->failed = false;
    a.flags |= take_about(p) ? RW_NODE_APPROX : 0;
    if (begin < end && take_currency(p, &a)) {
        struct rw_node *value = rw_parse_number_words(p);
        value = value != NULL || p->failed ? value : rw_parse_sum(p);
        bool whole = !p->failed && p->inside == 0 && behind(p, &value, &a) && !p->failed;
        node = whole ? finish(p, value, &a) : NULL;
        node = p->failed ? NULL : node;
    }
    p->failed = false;
    p->inside = saved.inside;
    p->at = saved.at;
    p->end = saved.end;
    p->loose = saved.loose;
    return p->no_memory ? NULL : node;
}
