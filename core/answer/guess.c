/* The last formula or number of a step that does not mark its answer: with all it stands in, or not
 * at all. A part of it ("5" of 10^5, "3" of 2\sqrt{3}, "(3,4)" of two points) is another answer. */
#include "core/answer/find.h"
#include "core/answer/lexeme.h"
#include "core/answer/parse_parts.h"
#include "core/answer/word.h"
#include "core/base/scan.h"
#include "core/base/util.h"

/* Lexemes [begin, end). */
struct run {
    size_t begin;
    size_t end;
};

static bool is_sign(const struct rw_lexeme *x, int sign)
{
    return x->kind == RW_LEXEME_SIGN && x->sign == sign;
}

static bool among(const struct rw_lexeme *x, const char *set)
{
    return x->kind == RW_LEXEME_SIGN && x->sign < 128 && x->sign != 0 &&
           strchr(set, x->sign) != NULL;
}

static bool math(const struct rw_lexeme *x)
{
    return (x->flags & RW_LEXEME_MATH) != 0;
}

static bool spaced(const struct rw_lexeme *x)
{
    return (x->flags & RW_LEXEME_SPACED) != 0;
}

/* Lexeme i, or the END on either side. */
static const struct rw_lexeme *at(const struct rw_lexemes *l, size_t i)
{
    return &l->at[i < l->n ? i : l->n];
}

static bool joins_numbers(const struct rw_lexemes *l, size_t i)
{
    return i > 0 && at(l, i - 1)->kind == RW_LEXEME_NUMBER && !spaced(at(l, i)) &&
           at(l, i + 1)->kind == RW_LEXEME_NUMBER && !spaced(at(l, i + 1));
}

/* A variable: one letter that a sign, a digit or an exponent joins to what is beside it. */
static bool variable(const struct rw_lexemes *l, size_t i)
{
    static const char SIGNS[] = "=^+*/<>)}(";
    const struct rw_lexeme *before = i > 0 ? at(l, i - 1) : at(l, l->n);
    const struct rw_lexeme *after = at(l, i + 1);
    bool tight = !spaced(at(l, i)) && before->kind == RW_LEXEME_NUMBER;
    return math(at(l, i)) || tight || among(before, "=^+-*/<>({}") || among(after, SIGNS) ||
           (after->kind == RW_LEXEME_COMMAND) ||
           (!spaced(after) && (after->kind == RW_LEXEME_NUMBER || is_sign(after, '-')));
}

static bool formula(const struct rw_lexemes *l, size_t i);

/* "and", "or" and commas go on with a list when a formula stands on both sides. */
static bool joins_list(const struct rw_lexemes *l, size_t i)
{
    const struct rw_lexeme *x = at(l, i);
    bool word = x->kind == RW_LEXEME_WORD &&
                (rw_scan_equal(x->name, RW_STR("and")) || rw_scan_equal(x->name, RW_STR("or")));
    bool comma = is_sign(x, ',') || is_sign(x, ';');
    if (!word && !comma) {
        return false;
    }
    size_t next = i + 1;
    bool after_word =
        at(l, next)->kind == RW_LEXEME_WORD && (rw_scan_equal(at(l, next)->name, RW_STR("and")) ||
                                                rw_scan_equal(at(l, next)->name, RW_STR("or")));
    next += comma && after_word;
    bool left = i > 0 && (formula(l, i - 1) || (word && is_sign(at(l, i - 1), ',')));
    bool right = next < l->n && !is_sign(at(l, next), ',') && formula(l, next);
    return left && right;
}

static bool formula(const struct rw_lexemes *l, size_t i)
{
    const struct rw_lexeme *x = at(l, i);
    switch (x->kind) {
    case RW_LEXEME_NUMBER:
    case RW_LEXEME_COMMAND:
    case RW_LEXEME_UNKNOWN:
        return true;
    case RW_LEXEME_LETTER:
        return variable(l, i);
    case RW_LEXEME_WORD:
        return math(x) || rw_parse_function_name(x) == x->name.len;
    case RW_LEXEME_SIGN:
        if (is_sign(x, ':')) {
            return joins_numbers(l, i);
        }
        return !among(x, ".?,;");
    default:
        return false;
    }
}

static bool member(const struct rw_lexemes *l, size_t i)
{
    return formula(l, i) || joins_list(l, i);
}

/* The last stretch of formula lexemes that has a number, or is a formula between dollar signs. */
static bool last_run(const struct rw_lexemes *l, struct run *out)
{
    for (size_t end = l->n; end > 0;) {
        bool counts = false;
        size_t begin = end;
        while (begin > 0 && member(l, begin - 1)) {
            begin--;
            counts = counts || at(l, begin)->kind == RW_LEXEME_NUMBER ||
                     (math(at(l, begin)) && at(l, begin)->kind != RW_LEXEME_SIGN);
        }
        if (counts) {
            *out = (struct run){begin, end};
            return true;
        }
        end = begin == end ? end - 1 : begin;
    }
    return false;
}

/* Brackets of the run pair off; *excess is the first closing one without an opening one. */
static bool balanced(const struct rw_lexemes *l, const struct run *r, size_t *excess)
{
    size_t depth = 0;
    for (size_t i = r->begin; i < r->end; i++) {
        const struct rw_lexeme *x = at(l, i);
        depth += among(x, "([{") || is_sign(x, RW_SIGN_SET);
        if ((among(x, ")]}") || is_sign(x, RW_SIGN_SET_END)) && depth-- == 0) {
            *excess = i;
            return false;
        }
    }
    *excess = r->end;
    return depth == 0;
}

/* What stands behind the last "=" outside brackets; before the rounding of it. */
static void last_side(const struct rw_lexemes *l, struct run *r, bool *whole)
{
    size_t depth = 0;
    size_t equals = r->begin;
    *whole = true;
    for (size_t i = r->begin; i < r->end; i++) {
        const struct rw_lexeme *x = at(l, i);
        depth += among(x, "([{");
        depth -= among(x, ")]}") && depth > 0;
        if (depth > 0 || (!is_sign(x, '=') && !is_sign(x, RW_SIGN_ABOUT))) {
            continue;
        }
        if (is_sign(x, RW_SIGN_ABOUT) && !*whole && i > equals) {
            r->end = i; /* x = 1/3, about 0.33 */
            break;
        }
        equals = i + 1;
        *whole = false;
    }
    r->begin = equals;
}

/* "|-5|" is whole; one bar is the edge of a table. */
static bool odd_bars(const struct rw_lexemes *l, const struct run *r)
{
    size_t n = 0;
    for (size_t i = r->begin; i < r->end; i++) {
        n += is_sign(at(l, i), '|');
    }
    return n % 2 == 1;
}

/* Without the marks of the sentence around: emphasis, a bracket that opened before. */
static void trim(const struct rw_lexemes *l, struct run *r)
{
    for (;;) {
        size_t excess;
        const struct rw_lexeme *first = at(l, r->begin);
        const struct rw_lexeme *last = at(l, r->end - 1);
        if (r->begin >= r->end) {
            return;
        }
        if (among(first, "*=,;)]}>") || (is_sign(first, '|') && odd_bars(l, r))) {
            r->begin++;
        } else if (among(last, "*=,;([{+-</") || (is_sign(last, '|') && odd_bars(l, r))) {
            r->end--;
        } else if (!balanced(l, r, &excess) && excess + 1 == r->end) {
            r->end--;
        } else if (excess == r->end && among(first, "([{") && !balanced(l, r, &excess)) {
            r->begin++;
        } else {
            return;
        }
    }
}

/* A sum in the middle of prose: a range, a step on the way. */
static bool unfinished(const struct rw_lexemes *l, const struct run *r)
{
    size_t depth = 0;
    for (size_t i = r->begin; i < r->end; i++) {
        const struct rw_lexeme *x = at(l, i);
        depth += among(x, "([{");
        depth -= among(x, ")]}") && depth > 0;
        bool first = i == r->begin || among(at(l, i - 1), "{(^,*/=") ||
                     is_sign(at(l, i - 1), RW_SIGN_CURRENCY);
        if (depth == 0 && !math(x) && !first && among(x, "+-")) {
            return true;
        }
    }
    return false;
}

/* Of the words that change a number as a unit, those that do not when they stand beside it. */
static bool changes(struct rw_str word)
{
    static const char *const NEUTRAL[] = {"is",   "are",   "was",  "equals", "equal", "at",
                                          "with", "where", "only", "some",   "every", "given",
                                          "any",  "if",    "up",   "when",   "but"};
    for (size_t i = 0; i < RW_COUNT(NEUTRAL); i++) {
        if (rw_scan_equal(word, rw_str_from(NEUTRAL[i]))) {
            return false;
        }
    }
    return rw_word_changes(word);
}

/* "3 hours 20 minutes": the second of two parts. */
static bool second_part(const struct rw_lexemes *l, const struct run *r)
{
    size_t unit = r->begin - (r->begin > 0);
    size_t joint = unit > 0 && rw_scan_equal(at(l, unit)->name, RW_STR("and")) ? unit - 1 : unit;
    return r->begin >= 2 && joint > 0 && at(l, joint)->kind == RW_LEXEME_WORD &&
           at(l, joint - 1)->kind == RW_LEXEME_NUMBER && !rw_word_clause(at(l, joint)->name) &&
           rw_word_unit(at(l, joint)->name, true);
}

static bool above_ascii(const struct rw_lexeme *x)
{
    return x->name.len > 0 && (unsigned char)x->name.ptr[0] >= 0x80;
}

/* "not", "the n-th", "times", "more than", "less than", "or", "of" in Chinese before a number. */
static bool changes_number(struct rw_str word)
{
    static const char *const WORDS[] = {
        "\xE4\xB8\x8D", "\xE7\xAC\xAC", "\xE9\x9D\x9E", "\xE8\xB6\x85", "\xE5\xA4\x9A",
        "\xE5\xB0\x91", "\xE6\x88\x96", "\xE8\xB4\x9F", "\xE5\x92\x8C", "\xE7\x82\xB9",
        "\xE4\xB9\x8B", "\xE5\x88\xB0", "\xE5\x8F\x88", "\xE6\xA0\xB9"};
    for (size_t i = 0; i < RW_COUNT(WORDS); i++) {
        if (rw_str_find(word, rw_str_from(WORDS[i]), 0) < word.len) {
            return true;
        }
    }
    return false;
}

/* "5 dollars per 3 items", "step 3": the number is no result. */
static bool refers(struct rw_str word)
{
    static const char *const WORDS[] = {"per",   "step",   "equation", "eq",      "problem",
                                        "part",  "figure", "table",    "case",    "question",
                                        "line",  "lemma",  "theorem",  "example", "method",
                                        "round", "page",   "chapter",  "section", "equations"};
    for (size_t i = 0; i < RW_COUNT(WORDS); i++) {
        if (rw_scan_equal(word, rw_str_from(WORDS[i]))) {
            return true;
        }
    }
    return false;
}

/* Do the words beside the run make it a part of something else: "5 more", "5km", "x_3"? */
static bool part_of_more(const struct rw_lexemes *l, const struct run *r)
{
    const struct rw_lexeme *before = r->begin > 0 ? at(l, r->begin - 1) : at(l, l->n);
    const struct rw_lexeme *after = at(l, r->end);
    bool words_before = before->kind == RW_LEXEME_WORD || before->kind == RW_LEXEME_LETTER;
    bool words_after = after->kind == RW_LEXEME_WORD || after->kind == RW_LEXEME_LETTER;
    bool leads = words_before && rw_scan_equal(before->name, RW_STR("to"));
    if (words_before && refers(before->name)) {
        return true;
    }
    if ((words_before && !leads && changes(before->name)) ||
        (words_after && changes(after->name))) {
        return true;
    }
    if (second_part(l, r)) {
        return true;
    }
    /* Chinese has no spaces: there the words say whether they change the number. */
    bool foreign_before = words_before && above_ascii(before);
    bool foreign_after = words_after && above_ascii(after);
    if ((foreign_before && changes_number(before->name)) ||
        (foreign_after && !rw_word_foreign_unit(after->name))) {
        return true;
    }
    bool glued =
        words_before && !foreign_before && !spaced(at(l, r->begin)) && !math(at(l, r->begin));
    bool tail =
        words_after && !foreign_after && !spaced(after) && math(after) == math(at(l, r->end - 1));
    return glued || tail || is_sign(after, '_') || is_sign(after, '\'');
}

/* "5 million", "12 percent": the words belong to the number. */
static void extend(const struct rw_lexemes *l, struct run *r)
{
    while (at(l, r->end)->kind == RW_LEXEME_WORD &&
           (rw_word_scale(at(l, r->end)->name) != 0 || rw_word_percent(at(l, r->end)->name) ||
            rw_scan_equal(at(l, r->end)->name, RW_STR("cents")))) {
        r->end++;
    }
}

/* "COVID-19", "pages 3-5", "- 5 apples": no sign. */
static bool hyphen(const struct rw_lexemes *l, const struct run *r)
{
    const struct rw_lexeme *first = at(l, r->begin);
    if (!is_sign(first, '-') || r->begin == 0) {
        return is_sign(first, '-') && r->end > 1 && spaced(at(l, r->begin + 1));
    }
    const struct rw_lexeme *before = at(l, r->begin - 1);
    bool letters = before->kind == RW_LEXEME_WORD || before->kind == RW_LEXEME_LETTER;
    return letters && !spaced(first);
}

static bool ends_clause(const struct rw_lexeme *x)
{
    static const char *const WORDS[] = {"so",  "then",    "thus", "therefore",
                                        "but", "because", "since"};
    for (size_t i = 0; i < RW_COUNT(WORDS) && x->kind == RW_LEXEME_WORD; i++) {
        if (rw_scan_equal(x->name, rw_str_from(WORDS[i]))) {
            return true;
        }
    }
    return among(x, ".?!,;");
}

/* "not", "cannot", "isn't": the lexemes of the last are "isn", a prime and "t". */
static bool negates(const struct rw_lexemes *l, size_t i)
{
    static const char *const WORDS[] = {"not",   "cannot", "never",     "neither", "nor",
                                        "wrong", "false",  "incorrect", "mistake", "impossible"};
    const struct rw_lexeme *x = at(l, i);
    if (x->kind != RW_LEXEME_WORD) {
        return false;
    }
    for (size_t k = 0; k < RW_COUNT(WORDS); k++) {
        if (rw_scan_equal(x->name, rw_str_from(WORDS[k]))) {
            return true;
        }
    }
    return x->name.len > 1 && rw_scan_lower(x->name.ptr[x->name.len - 1]) == 'n' &&
           is_sign(at(l, i + 1), '\'') && rw_str_is(at(l, i + 2)->name, "t");
}

/* "The answer isn't 8.", "Is it 8?", "8 is wrong". */
static bool denied(const struct rw_lexemes *l, const struct run *r)
{
    for (size_t i = r->begin; i > 0 && !ends_clause(at(l, i - 1)); i--) {
        if (negates(l, i - 1)) {
            return true;
        }
    }
    for (size_t i = r->end; i < l->n; i++) {
        if (is_sign(at(l, i), '?') || negates(l, i)) {
            return true;
        }
        if (ends_clause(at(l, i))) {
            break;
        }
    }
    return false;
}

static bool has_content(const struct rw_lexemes *l, const struct run *r)
{
    for (size_t i = r->begin; i < r->end; i++) {
        const struct rw_lexeme *x = at(l, i);
        if (x->kind == RW_LEXEME_UNKNOWN) {
            return false;
        }
        if (x->kind == RW_LEXEME_NUMBER || (math(x) && x->kind != RW_LEXEME_SIGN)) {
            return true;
        }
    }
    return false;
}

static struct rw_str none(void)
{
    return (struct rw_str){NULL, 0};
}

/* The end of the text, from white space on. */
static struct rw_str tail_of(struct rw_str text)
{
    if (text.len <= RW_FIND_TAIL_MAX) {
        return text;
    }
    size_t begin = text.len - RW_FIND_TAIL_MAX;
    while (begin < text.len && !rw_scan_space(text.ptr[begin])) {
        begin++;
    }
    return rw_str_slice(text, begin, text.len);
}

struct rw_str rw_find_last_formula(struct rw_str text, bool *is_math)
{
    struct rw_lexemes l;
    struct run r;
    struct rw_str tail = tail_of(text);
    *is_math = false;
    if (!rw_lexemes_read(tail, false, &l) || l.text.len != tail.len || !last_run(&l, &r)) {
        return none();
    }
    bool cut = r.begin == 0 && tail.len < text.len;
    bool whole;
    last_side(&l, &r, &whole);
    if (r.begin < r.end) {
        trim(&l, &r);
    }
    if (r.begin < r.end && hyphen(&l, &r)) {
        r.begin++;
    }
    size_t excess;
    if (r.begin >= r.end || cut || !balanced(&l, &r, &excess) || !has_content(&l, &r) ||
        among(at(&l, r.begin), "^_/!") || (whole && unfinished(&l, &r))) {
        return none();
    }
    extend(&l, &r);
    if (part_of_more(&l, &r) || denied(&l, &r)) {
        return none();
    }
    *is_math = true;
    for (size_t i = r.begin; i < r.end; i++) {
        *is_math = *is_math && math(at(&l, i));
    }
    return rw_str_slice(tail, at(&l, r.begin)->begin, at(&l, r.end - 1)->end);
}
