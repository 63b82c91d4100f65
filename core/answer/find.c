#include "core/answer/find.h"

#include "core/answer/marks.h"
#include "core/answer/notes.h"
#include "core/answer/skip.h"
#include "core/base/scan.h"
#include "core/base/util.h"

enum {
    BOX_MAX = 2 * RW_ANSWER_MAX, /* bytes looked at for the closing brace */
    QUESTION_MAX = 80,           /* bytes between "answer to" and "is" */
    ABBREVIATION_MAX = 3,        /* letters: "sq.", "Rs.", "E." */
};

struct finder {
    struct rw_found *out;
    struct rw_str text; /* of the step */
    size_t step;
    size_t at;
    bool ended;    /* an end token or another question: nothing behind counts */
    bool thinking; /* inside thinking text */
    bool read_thinking;
    size_t known_begin; /* the last sentence whose end was looked for */
    size_t known_end;
    bool known_cut; /* it is longer than what is looked at */
};

static struct rw_str rest(const struct finder *f, size_t at)
{
    return rw_str_slice(f->text, RW_MIN(at, f->text.len), f->text.len);
}

struct rw_str rw_find_trim(struct rw_str s)
{
    static const char MARKS[] = " \t\r\n\v\f*_`\"";
    while (s.len > 0 && s.ptr[0] != 0 && strchr(MARKS, s.ptr[0]) != NULL) {
        s = rw_str_slice(s, 1, s.len);
    }
    while (s.len > 0 && s.ptr[s.len - 1] != 0 && strchr(MARKS, s.ptr[s.len - 1]) != NULL) {
        s.len--;
    }
    return s;
}

/* ---- places ---------------------------------------------------------------------------------- */

static void add(struct finder *f, enum rw_answer_evidence evidence, size_t mark, size_t begin,
                size_t end, size_t behind)
{
    struct rw_found *out = f->out;
    if (f->thinking && !f->read_thinking) {
        return;
    }
    if (out->n == RW_FIND_PLACES_MAX) {
        memmove(out->place, out->place + 1, (RW_FIND_PLACES_MAX - 1) * sizeof *out->place);
        out->n--;
    }
    struct rw_str s = rw_find_trim(rw_str_slice(f->text, begin, end));
    size_t from = s.len > 0 ? (size_t)(s.ptr - f->text.ptr) : begin;
    out->place[out->n++] =
        (struct rw_place){evidence, f->step, mark, from, from + s.len, behind, false};
}

/* Everything seen so far was thinking. */
static void forget(struct finder *f)
{
    f->out->n = 0;
}

/* ---- boxes ----------------------------------------------------------------------------------- */

/* Behind the brace that closes the one before `begin`; 0: it does not close. */
static size_t closing(struct rw_str s, size_t begin)
{
    size_t depth = 1;
    size_t most = RW_MIN(s.len, begin + BOX_MAX);
    for (size_t i = begin; i < most; i++) {
        bool escaped = i > begin && s.ptr[i - 1] == '\\' && (i < 2 || s.ptr[i - 2] != '\\');
        depth += s.ptr[i] == '{' && !escaped;
        depth -= s.ptr[i] == '}' && !escaped;
        if (depth == 0) {
            return i + 1;
        }
    }
    return 0;
}

/* "\boxed{\{1,2\}}" has escaped braces; where those do not pair off, all braces count. */
static size_t closing_any(struct rw_str s, size_t begin)
{
    size_t depth = 1;
    size_t most = RW_MIN(s.len, begin + BOX_MAX);
    for (size_t i = begin; i < most; i++) {
        depth += s.ptr[i] == '{';
        depth -= s.ptr[i] == '}';
        if (depth == 0) {
            return i + 1;
        }
    }
    return 0;
}

/* "\boxed 5": up to the end of the formula. */
static size_t unbraced(struct rw_str s, size_t at)
{
    while (at < s.len && !rw_scan_space(s.ptr[at]) && s.ptr[at] != '$' && s.ptr[at] != ',' &&
           !(s.ptr[at] == '.' && !rw_scan_digit(rw_marks_at(s, at + 1))) && s.ptr[at] != '}' &&
           !(s.ptr[at] == '\\' && strchr(")]", rw_marks_at(s, at + 1)) != NULL)) {
        at++;
    }
    return at;
}

static size_t box(struct finder *f, size_t mark, size_t name)
{
    size_t at = mark + name;
    size_t open = rw_marks_skip(f->text, at, " \t\n");
    if (rw_marks_at(f->text, open) != '{') {
        size_t end = unbraced(f->text, open);
        bool letters = open == at && rw_scan_letter(rw_marks_at(f->text, at));
        if (end > open && !letters) {
            add(f, RW_ANSWER_BOX, mark, open, end, end);
        }
        return RW_MAX(end, at);
    }
    size_t end = closing(f->text, open + 1);
    end = end == 0 ? closing_any(f->text, open + 1) : end;
    if (end == 0) {
        return open + 1;
    }
    add(f, RW_ANSWER_BOX, mark, open + 1, end - 1, end);
    return end;
}

/* ---- sentences ------------------------------------------------------------------------------- */

/* "E. coli", "sq. ft.": the point of an abbreviation ends no sentence. */
static bool abbreviation(struct rw_str s, size_t begin, size_t at)
{
    size_t letters = 0;
    while (at - letters > begin && rw_scan_letter(s.ptr[at - letters - 1]) &&
           (unsigned char)s.ptr[at - letters - 1] < 0x80) {
        letters++;
    }
    size_t next = at + 1;
    while (rw_marks_at(s, next) == ' ') {
        next++;
    }
    char c = rw_marks_at(s, next);
    char only = s.ptr[at > 0 ? at - 1 : 0];
    bool choice = letters == 1 && at == begin + 1 && only >= 'A' && only <= 'J' && c != 0 &&
                  c != '\n'; /* "A. Einstein" */
    bool small = (c >= 'a' && c <= 'z') || rw_scan_digit(c) || choice;
    return letters > 0 && letters <= ABBREVIATION_MAX && small && next > at + 1;
}

/* Behind the formula that a display opens here; 0: none. */
static size_t display(struct rw_str s, size_t at)
{
    static const char *const OPEN[] = {"$$", "\\["};
    static const char *const CLOSE[] = {"$$", "\\]"};
    for (size_t i = 0; i < 2; i++) {
        if (rw_marks_word(s, at, OPEN[i])) {
            struct rw_str part = rw_str_slice(s, 0, RW_MIN(s.len, at + BOX_MAX));
            size_t end = rw_str_find(part, rw_str_from(CLOSE[i]), at + 2);
            return end < part.len ? end + 2 : 0;
        }
    }
    return 0;
}

static bool ends_sentence(struct rw_str s, size_t begin, size_t at)
{
    switch (s.ptr[at]) {
    case '.': {
        bool last = at + 1 >= s.len || rw_scan_space(s.ptr[at + 1]);
        return last && !abbreviation(s, begin, at);
    }
    case '\xE3':
        return rw_marks_word(s, at, "\xE3\x80\x82");
    case '<':
        return rw_marks_word(s, at, "</") || rw_marks_end_token(s, at);
    default:
        return s.ptr[at] == '\n';
    }
}

/* Up to the end of the line or sentence. A point between digits ends nothing. Of announcements in
 * one sentence the end is looked for once; what lies beyond an answer's limit is too long anyhow.
 */
static size_t sentence_end(struct finder *f, size_t begin)
{
    struct rw_str s = f->text;
    size_t end = display(s, begin);
    if (end > 0) {
        return end;
    }
    bool known = begin >= f->known_begin && begin + 1 < f->known_end &&
                 (!f->known_cut || f->known_end - begin > RW_ANSWER_MAX);
    if (known) {
        return f->known_end;
    }
    size_t most = RW_MIN(s.len, begin + BOX_MAX);
    for (end = begin; end < most && !ends_sentence(s, begin, end); end++) {
    }
    f->known_begin = begin;
    f->known_end = end;
    f->known_cut = end == most && most < s.len;
    return end;
}

/* Where the answer behind its announcement begins: on the line, or on the next one that has text.
 */
static size_t content(struct rw_str s, size_t at)
{
    at = rw_marks_skip(s, at, " \t*:=_");
    if (rw_str_starts(rw_str_slice(s, at, s.len), RW_STR("\xEF\xBC\x9A"))) {
        at += 3; /* full-width colon */
    }
    static const char *const CLOSE[] = {"\xE3\x80\x91", "\xE3\x80\x8D", "\xE3\x80\x8F"};
    at += RW_MARKS_ONE_OF(s, at, CLOSE); /* of a heading in brackets */
    at = rw_marks_skip(s, at, " \t*:=_");
    return rw_marks_at(s, at) == '\n' || rw_marks_at(s, at) == '\r'
               ? rw_marks_skip(s, at, " \t\r\n*:#")
               : at;
}

static size_t announce(struct finder *f, enum rw_answer_evidence evidence, size_t mark, size_t at)
{
    size_t begin = content(f->text, at);
    size_t end = sentence_end(f, begin);
    size_t n = f->out->n;
    if (end > begin) {
        add(f, evidence, mark, begin, end, end);
    }
    if (f->out->n > n) { /* "Answer:", not "the answer is" */
        f->out->place[n].sentence = !rw_scan_word(rw_marks_at(f->text, at - 1));
    }
    return at; /* the sentence may hold better evidence */
}

/* ---- announcements --------------------------------------------------------------------------- */

/* "answer to the question is": bytes up to behind "is"; 0 when it is no such thing. */
static size_t to_question(struct rw_str s, size_t at)
{
    static const char *const TO[] = {" to ", " for ", " of "};
    if (RW_MARKS_ONE_OF(s, at, TO) == 0) {
        return 0;
    }
    for (size_t i = at; i < s.len && i < at + QUESTION_MAX; i++) {
        if (s.ptr[i] == '.' || s.ptr[i] == '\n') {
            return 0;
        }
        if (rw_marks_word(s, i, " is ") || rw_marks_word(s, i, " is:")) {
            return i + 3 - at;
        }
    }
    return 0;
}

/* What stands behind "answer": bytes of what makes it an announcement; 0: it is none. */
static size_t announces(struct rw_str s, size_t at, bool line_start)
{
    static const char *const IS[] = {
        " is", "s are", " would be", " will be", " should be", " must be", " =",
        ":",   " :",    "**:",       ":**",      "** is",      "=",        "* is"};
    size_t bytes = RW_MARKS_ONE_OF(s, at, IS);
    if (bytes > 0) {
        bool word = rw_scan_word(s.ptr[at + bytes - 1]);
        return word && rw_scan_word(rw_marks_at(s, at + bytes)) ? 0 : bytes;
    }
    bytes = to_question(s, at);
    if (bytes > 0) {
        return bytes;
    }
    size_t end = rw_marks_skip(s, at, " \t*#_");
    static const char *const DASH[] = {"- ", "\xE2\x80\x93 ", "\xE2\x80\x94 "};
    size_t dash = line_start && end > at ? RW_MARKS_ONE_OF(s, end, DASH) : 0; /* "Answer - 8" */
    if (dash > 0) {
        return end + dash - at;
    }
    bool alone = rw_marks_at(s, end) == '\n' || rw_marks_at(s, end) == '\r';
    bool formula = line_start && (rw_marks_at(s, end) == '$' || rw_marks_word(s, end, "\\[") ||
                                  rw_marks_word(s, end, "\\("));
    return alone || formula ? RW_MAX(end - at, (size_t)1) : 0;
}

static bool at_line_start(struct rw_str s, size_t at)
{
    while (at > 0 && strchr(" \t*#_", s.ptr[at - 1]) != NULL && s.ptr[at - 1] != 0) {
        at--;
    }
    return at == 0 || s.ptr[at - 1] == '\n';
}

static size_t english(struct finder *f, size_t at)
{
    bool word = at == 0 || !rw_scan_letter(f->text.ptr[at - 1]) ||
                (unsigned char)f->text.ptr[at - 1] >= 0x80;
    if (word && rw_marks_word(f->text, at, "answer")) {
        bool final = at >= 6 && rw_marks_word(f->text, at - 6, "final ");
        bool start = at_line_start(f->text, final ? at - 6 : at);
        size_t bytes = announces(f->text, at + 6, start);
        bool heading = bytes > 0 && start;
        if (bytes > 0 || heading) {
            return announce(f, RW_ANSWER_ANNOUNCED, at, at + 6 + bytes);
        }
    }
    /* "A: 18" ends the solutions of GSM8K; "A: 3, B: 4" is an answer. */
    bool a = f->text.ptr[at] == 'A' && rw_marks_at(f->text, at + 1) == ':' &&
             (at == 0 || f->text.ptr[at - 1] == '\n');
    if (a) {
        size_t end = at + 2;
        bool labels = false;
        while (end < f->text.len && f->text.ptr[end] != '\n') {
            labels = labels || (f->text.ptr[end] == ':' && f->text.ptr[end - 1] >= 'A' &&
                                f->text.ptr[end - 1] <= 'Z');
            end++;
        }
        if (!labels) {
            return announce(f, RW_ANSWER_ANNOUNCED, at, at + 2);
        }
    }
    return at + 1;
}

/* "the answer is" in Chinese, with its copula and colon. */
static size_t chinese(struct finder *f, size_t at)
{
    static const char *const IS[] = {"\xE5\xBA\x94\xE4\xB8\xBA",
                                     "\xE5\xB0\xB1\xE6\x98\xAF",
                                     "\xE5\xBA\x94\xE8\xAF\xA5\xE6\x98\xAF",
                                     "\xE6\x98\xAF",
                                     "\xE4\xB8\xBA",
                                     "\xE9\x80\x89"};
    if (!rw_str_starts(rest(f, at), RW_STR("\xE7\xAD\x94\xE6\xA1\x88"))) {
        return at + 1;
    }
    size_t end = at + 6;
    end += RW_MARKS_ONE_OF(f->text, end, IS);
    return announce(f, RW_ANSWER_ANNOUNCED, at, end);
}

/* ---- tags ------------------------------------------------------------------------------------ */

static size_t tag(struct finder *f, size_t at)
{
    size_t bytes = rw_marks_closes_thinking(f->text, at);
    if (bytes > 0) {
        if (!f->read_thinking) {
            forget(f);
            f->out->thought = true;
            f->out->first = f->step;
            f->out->first_begin = at + bytes;
        }
        f->thinking = false;
        return at + bytes;
    }
    bytes = rw_marks_opens_thinking(f->text, at);
    if (bytes > 0) {
        f->thinking = true;
        return at + bytes;
    }
    if (rw_marks_end_token(f->text, at) && !(f->thinking && !f->read_thinking)) {
        f->ended = f->out->n > 0 || at > 0 || f->step > f->out->first;
        return f->ended ? at : at + 1;
    }
    if (rw_marks_word(f->text, at, "<answer>")) {
        size_t begin = at + 8;
        struct rw_str part = rw_str_slice(f->text, 0, RW_MIN(f->text.len, begin + BOX_MAX));
        size_t end = rw_str_find(part, RW_STR("</answer>"), begin);
        add(f, RW_ANSWER_TAG, at, begin, end, RW_MIN(end + 9, f->text.len));
        return begin;
    }
    return at + 1;
}

/* ---- the text -------------------------------------------------------------------------------- */

/* Behind an answer: a model that runs on. */
static bool runs_on(const struct finder *f, size_t at)
{
    bool line = at == 0 || f->text.ptr[at - 1] == '\n';
    return line && f->out->n > 0 && rw_marks_next_question(f->text, at);
}

static size_t at_backslash(struct finder *f, size_t at)
{
    static const char *const BOXES[] = {"\\boxed", "\\fbox", "\\framebox"};
    size_t name = RW_MARKS_ONE_OF(f->text, at, BOXES);
    return name > 0 ? box(f, at, name) : at + 1;
}

static size_t at_hash(struct finder *f, size_t at)
{
    size_t end = rw_marks_skip(f->text, at, "#");
    return end - at == 4 ? announce(f, RW_ANSWER_HASHES, at, end) : end;
}

static void scan(struct finder *f)
{
    for (size_t at = 0; at < f->text.len && !f->ended;) {
        bool lines = f->out->n > 0;
        bool line_start = at == 0 || f->text.ptr[at - 1] == '\n';
        at = lines && line_start ? at : rw_skip(f->text, at, lines);
        if (at == f->text.len) {
            break;
        }
        char c = f->text.ptr[at];
        if (runs_on(f, at)) {
            f->ended = true;
            f->out->last_end = at;
            return;
        }
        switch (c) {
        case '\\':
            at = at_backslash(f, at);
            break;
        case '#':
            at = at_hash(f, at);
            break;
        case '<':
        case '[':
        case '\xE2':
            f->at = at;
            at = tag(f, at);
            if (f->ended) {
                f->out->last_end = at;
                return;
            }
            break;
        case 'a':
        case 'A':
            at = english(f, at);
            break;
        case '\xE7':
            at = chinese(f, at);
            break;
        default:
            at++;
        }
    }
    f->out->last_end = f->text.len;
}

/* Where nothing else is marked: options, and what is rarer. */
static void scan_announcements(struct finder *f)
{
    const struct rw_found *out = f->out;
    for (size_t i = out->first; i < out->n_steps; i++) {
        f->step = i;
        f->text = out->steps[i];
        f->known_begin = f->known_end = 0;
        size_t end = i + 1 == out->n_steps ? RW_MIN(out->last_end, f->text.len) : f->text.len;
        for (size_t at = i == out->first ? out->first_begin : 0; at < end; at++) {
            bool sentence;
            size_t bytes = rw_marks_announces(f->text, at, &sentence);
            size_t n = out->n;
            if (bytes > 0) {
                announce(f, RW_ANSWER_ANNOUNCED, at, at + bytes);
            }
            if (out->n > n) {
                f->out->place[n].sentence = sentence;
            }
        }
    }
}

bool rw_find(const struct rw_str *steps, size_t n_steps, bool read_thinking, struct rw_arena *arena,
             struct rw_found *out)
{
    bool failed = false;
    struct rw_str *copy = rw_arena_array(arena, n_steps + 1, sizeof *copy);
    *out = (struct rw_found){.steps = copy};
    if (copy == NULL) {
        return false;
    }
    struct finder f = {.out = out, .read_thinking = read_thinking};
    for (size_t i = 0; i < n_steps && !f.ended && !failed; i++) {
        copy[i] = rw_notes_blanked(steps[i], arena, &failed);
        f.step = i;
        f.text = copy[i];
        f.known_begin = f.known_end = 0;
        out->n_steps = i + 1;
        scan(&f);
    }
    out->thought = out->thought || (f.thinking && !read_thinking);
    if (f.thinking && !read_thinking) {
        out->n = 0;
        out->n_steps = 0; /* it never ends */
    }
    if (out->n == 0 && !failed) {
        scan_announcements(&f);
    }
    return !failed;
}
