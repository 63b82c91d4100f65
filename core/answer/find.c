#include "core/answer/find.h"

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

static char char_at(struct rw_str s, size_t at)
{
    return at < s.len ? s.ptr[at] : 0;
}

static struct rw_str rest(const struct finder *f, size_t at)
{
    return rw_str_slice(f->text, RW_MIN(at, f->text.len), f->text.len);
}

/* Does the text go on so, whatever the case? */
static bool word_at(struct rw_str s, size_t at, const char *word)
{
    struct rw_str w = rw_str_from(word);
    return at <= s.len && w.len <= s.len - at && rw_scan_equal(rw_str_slice(s, at, at + w.len), w);
}

/* The first of the list that stands here; 0 bytes when none does. */
static size_t one_of(struct rw_str s, size_t at, const char *const *list, size_t n)
{
    char first = rw_scan_lower(char_at(s, at)); /* most fail here */
    for (size_t i = 0; i < n; i++) {
        if (rw_scan_lower(list[i][0]) == first && word_at(s, at, list[i])) {
            return strlen(list[i]);
        }
    }
    return 0;
}

#define ONE_OF(s, at, list) one_of(s, at, list, RW_COUNT(list))

static size_t skip_any(struct rw_str s, size_t at, const char *set)
{
    while (at < s.len && s.ptr[at] != 0 && strchr(set, s.ptr[at]) != NULL) {
        at++;
    }
    return at;
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
           !(s.ptr[at] == '.' && !rw_scan_digit(char_at(s, at + 1))) && s.ptr[at] != '}' &&
           !(s.ptr[at] == '\\' && strchr(")]", char_at(s, at + 1)) != NULL)) {
        at++;
    }
    return at;
}

static size_t box(struct finder *f, size_t mark, size_t name)
{
    size_t at = mark + name;
    size_t open = skip_any(f->text, at, " \t\n");
    if (char_at(f->text, open) != '{') {
        size_t end = unbraced(f->text, open);
        bool letters = open == at && rw_scan_letter(char_at(f->text, at));
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

static bool is_end_token(struct rw_str s, size_t at)
{
    static const char DEEPSEEK_END[] = "<\xEF\xBD\x9C" /* else the e would be of the byte */
                                       "end";
    static const char *const END[] = {
        "<|im_end|>", "<|endoftext|>", "<|eot_id|>", "</s>",         "<|end_of_text|>", "<eos>",
        "<|end|>",    "<end_of_turn>", "<|EOT|>",    "<|im_start|>", DEEPSEEK_END};
    return ONE_OF(s, at, END) > 0;
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
    while (char_at(s, next) == ' ') {
        next++;
    }
    char c = char_at(s, next);
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
        if (word_at(s, at, OPEN[i])) {
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
        return word_at(s, at, "\xE3\x80\x82");
    case '<':
        return word_at(s, at, "</") || is_end_token(s, at);
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
    at = skip_any(s, at, " \t*:=_");
    if (rw_str_starts(rw_str_slice(s, at, s.len), RW_STR("\xEF\xBC\x9A"))) {
        at += 3; /* full-width colon */
    }
    at = skip_any(s, at, " \t*:=_");
    return char_at(s, at) == '\n' || char_at(s, at) == '\r' ? skip_any(s, at, " \t\r\n*:#") : at;
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
        f->out->place[n].sentence = !rw_scan_word(char_at(f->text, at - 1));
    }
    return at; /* the sentence may hold better evidence */
}

/* ---- announcements --------------------------------------------------------------------------- */

/* "answer to the question is": bytes up to behind "is"; 0 when it is no such thing. */
static size_t to_question(struct rw_str s, size_t at)
{
    static const char *const TO[] = {" to ", " for ", " of "};
    if (ONE_OF(s, at, TO) == 0) {
        return 0;
    }
    for (size_t i = at; i < s.len && i < at + QUESTION_MAX; i++) {
        if (s.ptr[i] == '.' || s.ptr[i] == '\n') {
            return 0;
        }
        if (word_at(s, i, " is ") || word_at(s, i, " is:")) {
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
    size_t bytes = ONE_OF(s, at, IS);
    if (bytes > 0) {
        bool word = rw_scan_word(s.ptr[at + bytes - 1]);
        return word && rw_scan_word(char_at(s, at + bytes)) ? 0 : bytes;
    }
    bytes = to_question(s, at);
    if (bytes > 0) {
        return bytes;
    }
    size_t end = skip_any(s, at, " \t*#_");
    bool alone = char_at(s, end) == '\n' || char_at(s, end) == '\r';
    bool formula =
        line_start && (char_at(s, end) == '$' || word_at(s, end, "\\[") || word_at(s, end, "\\("));
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
    if (word && word_at(f->text, at, "answer")) {
        bool final = at >= 6 && word_at(f->text, at - 6, "final ");
        bool start = at_line_start(f->text, final ? at - 6 : at);
        size_t bytes = announces(f->text, at + 6, start);
        bool heading = bytes > 0 && start;
        if (bytes > 0 || heading) {
            return announce(f, RW_ANSWER_ANNOUNCED, at, at + 6 + bytes);
        }
    }
    /* "A: 18" ends the solutions of GSM8K; "A: 3, B: 4" is an answer. */
    bool a = f->text.ptr[at] == 'A' && char_at(f->text, at + 1) == ':' &&
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
    end += ONE_OF(f->text, end, IS);
    return announce(f, RW_ANSWER_ANNOUNCED, at, end);
}

/* ---- tags ------------------------------------------------------------------------------------ */

static bool closes_thinking(struct rw_str s, size_t at, size_t *bytes)
{
    static const char *const CLOSE[] = {"</think>",           "</thinking>",
                                        "</thought>",         "</reasoning>",
                                        "<|end_of_thought|>", "</reason>",
                                        "[/THINK]",           "</seed:think>",
                                        "<|channel|>final",   "\xE2\x97\x81/think\xE2\x96\xB7"};
    *bytes = ONE_OF(s, at, CLOSE);
    return *bytes > 0;
}

static bool opens_thinking(struct rw_str s, size_t at, size_t *bytes)
{
    static const char *const OPEN[] = {"<think>",
                                       "<thinking>",
                                       "<thought>",
                                       "<reasoning>",
                                       "<|begin_of_thought|>",
                                       "<reason>",
                                       "[THINK]",
                                       "<seed:think>",
                                       "<|channel|>analysis",
                                       "<|channel|>commentary",
                                       "\xE2\x97\x81think\xE2\x96\xB7"};
    *bytes = ONE_OF(s, at, OPEN);
    return *bytes > 0;
}

static size_t tag(struct finder *f, size_t at)
{
    size_t bytes;
    if (closes_thinking(f->text, at, &bytes)) {
        if (!f->read_thinking) {
            forget(f);
            f->out->thought = true;
            f->out->first = f->step;
            f->out->first_begin = at + bytes;
        }
        f->thinking = false;
        return at + bytes;
    }
    if (opens_thinking(f->text, at, &bytes)) {
        f->thinking = true;
        return at + bytes;
    }
    if (is_end_token(f->text, at) && !(f->thinking && !f->read_thinking)) {
        f->ended = f->out->n > 0 || at > 0 || f->step > f->out->first;
        return f->ended ? at : at + 1;
    }
    if (word_at(f->text, at, "<answer>")) {
        size_t begin = at + 8;
        struct rw_str part = rw_str_slice(f->text, 0, RW_MIN(f->text.len, begin + BOX_MAX));
        size_t end = rw_str_find(part, RW_STR("</answer>"), begin);
        add(f, RW_ANSWER_TAG, at, begin, end, RW_MIN(end + 9, f->text.len));
        return begin;
    }
    return at + 1;
}

/* ---- the text -------------------------------------------------------------------------------- */

/* "**", "###", "[", "> " in front of a heading. */
static size_t heading(struct rw_str s, size_t at)
{
    return skip_any(s, at, "*#[>_ ");
}

/* Another question begins at this line, behind an answer: a model that runs on. "Problem:",
 * "Question 2.", "### Exercise", "Next problem: ...". */
static bool runs_on(const struct finder *f, size_t at)
{
    static const char *const SURE[] = {"<|user|>", "<|start_header_id|>", "[INST]"};
    static const char *const OTHER[] = {"next ", "new ", "another "};
    static const char *const MARKS[] = {"question",
                                        "problem",
                                        "exercise",
                                        "example",
                                        "task",
                                        "human",
                                        "user",
                                        "instruction",
                                        "input",
                                        "prompt",
                                        "q",
                                        "\xE9\x97\xAE\xE9\xA2\x98",
                                        "\xE9\xA2\x98\xE7\x9B\xAE",
                                        "\xE4\xBE\x8B\xE9\xA2\x98"};
    bool line = at == 0 || f->text.ptr[at - 1] == '\n';
    if (!line || f->out->n == 0) {
        return false;
    }
    if (ONE_OF(f->text, at, SURE) > 0) {
        return true;
    }
    size_t begin = heading(f->text, at);
    size_t other = ONE_OF(f->text, begin, OTHER);
    size_t name = ONE_OF(f->text, begin + other, MARKS);
    size_t end = begin + other + name;
    size_t number = skip_any(f->text, end, " 0123456789");
    size_t behind = skip_any(f->text, number, "*_ ");
    bool colon = memchr(":.]", char_at(f->text, behind), 3) != NULL ||
                 word_at(f->text, behind, "\xEF\xBC\x9A");
    bool alone = begin > at && (char_at(f->text, behind) == '\n' || behind >= f->text.len);
    bool said = char_at(f->text, number) != '.' || number > end + 1; /* "Question 2." */
    return name > 0 && ((colon && said) || alone || (other > 0 && colon));
}

static size_t at_backslash(struct finder *f, size_t at)
{
    static const char *const BOXES[] = {"\\boxed", "\\fbox"};
    size_t name = ONE_OF(f->text, at, BOXES);
    return name > 0 ? box(f, at, name) : at + 1;
}

static size_t at_hash(struct finder *f, size_t at)
{
    size_t end = skip_any(f->text, at, "#");
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
    return !failed;
}
