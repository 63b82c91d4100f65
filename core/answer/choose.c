#include "core/answer/choose.h"

#include "core/answer/parse.h"
#include "core/base/scan.h"
#include "core/base/util.h"

enum {
    JOIN_BYTES_MAX = 48, /* between two boxes that make one list */
    GIVEN_MAX = 400,     /* bytes of a trace that is an answer and nothing else */
    GIVEN_WORDS_MAX = 3, /* words of one that is no formula */
};

void rw_choose_read(struct rw_str text, bool math, struct rw_arena *arena, struct rw_reading *out)
{
    out->text = rw_find_trim(text);
    out->math = math;
    out->node = NULL;
    out->lexed = rw_lexemes_read(out->text, math, &out->lexemes);
    if (out->lexed) {
        out->node = rw_parse_answer(&out->lexemes, arena);
    }
}

/* ---- choosing ------------------------------------------------------------------------------- */

struct rw_str rw_choice_text(const struct rw_found *f, const struct rw_choice *c)
{
    return c->step < 0 ? RW_STR("") : rw_str_slice(f->steps[c->step], c->begin, c->end);
}

/* Read whole: no words, and nothing in it that could not be read. */
static bool is_whole(const struct rw_node *node)
{
    if (node->kind == RW_NODE_LIST) {
        RW_NODE_EACH (child, node) {
            if (child->kind >= RW_NODE_TEXT) {
                return false;
            }
        }
    }
    return node->kind < RW_NODE_TEXT;
}

/* A value, or a few words and nothing else: "Red". */
static bool is_answer(struct rw_str text, struct rw_arena *arena)
{
    struct rw_reading r;
    rw_choose_read(text, false, arena, &r);
    return r.node != NULL &&
           (is_whole(r.node) || (r.node->kind == RW_NODE_TEXT && r.lexemes.n <= GIVEN_WORDS_MAX));
}

static bool is_value(struct rw_str text, struct rw_arena *arena)
{
    struct rw_reading r;
    rw_choose_read(text, false, arena, &r);
    return r.node != NULL && is_whole(r.node);
}

void rw_choose_place(const struct rw_found *f, size_t at, struct rw_choice *out)
{
    const struct rw_place *p = &f->place[at];
    *out = (struct rw_choice){.evidence = p->evidence,
                              .step = (int64_t)p->step,
                              .begin = p->begin,
                              .end = p->end,
                              .math = p->evidence == RW_ANSWER_BOX,
                              .place = at,
                              .taken_back = p->evidence == RW_ANSWER_BOX && p->end == p->begin};
}

/* Only marks of a list between two boxes, or a name and "=". */
static bool joins(struct rw_str between)
{
    static const char *const WORDS[] = {"and", "or", "text", "quad", "qquad", "\xE5\x92\x8C"};
    bool separator = false;
    if (between.len > JOIN_BYTES_MAX) {
        return false;
    }
    for (size_t i = 0; i < between.len;) {
        char c = between.ptr[i];
        size_t end = i;
        while (end < between.len && rw_scan_letter(between.ptr[end])) {
            end++;
        }
        if (end > i) {
            struct rw_str word = rw_str_slice(between, i, end);
            bool known = false;
            for (size_t k = 0; k < RW_COUNT(WORDS); k++) {
                known = known || rw_str_is(word, WORDS[k]);
            }
            bool name = word.len == 1 && end < between.len &&
                        rw_str_find(rw_str_slice(between, end, between.len), RW_STR("="), 0) <
                            between.len - end;
            if (!known && !name) {
                return false;
            }
            separator = separator || rw_str_is(word, "and") || rw_str_is(word, "or");
            i = end;
            continue;
        }
        separator = separator || c == ',' || c == ';';
        if (!rw_scan_space(c) && (c == 0 || strchr(",;$=\\{}()[]&._0123456789", c) == NULL)) {
            return false;
        }
        i++;
    }
    return separator;
}

/* "x = \boxed{1}": the name belongs to it. */
static size_t with_name(struct rw_str text, size_t mark)
{
    size_t at = mark;
    while (at > 0 && (rw_scan_space(text.ptr[at - 1]) || text.ptr[at - 1] == '$')) {
        at--;
    }
    if (at == 0 || text.ptr[at - 1] != '=') {
        return mark;
    }
    at--;
    while (at > 0 && rw_scan_space(text.ptr[at - 1])) {
        at--;
    }
    size_t end = at;
    while (at > 1 && text.ptr[at - 1] != 0 && strchr("_{}0123456789", text.ptr[at - 1]) != NULL) {
        at--;
    }
    at = at < end && text.ptr[at] != '_' ? end : at;
    bool letter =
        at > 0 && rw_scan_letter(text.ptr[at - 1]) && (unsigned char)text.ptr[at - 1] < 0x80;
    bool alone =
        at == 1 || (at > 1 && (rw_scan_space(text.ptr[at - 2]) || text.ptr[at - 2] == '$'));
    return letter && alone ? at - 1 : mark;
}

/* Boxes one after the other are one list. */
static void join_boxes(const struct rw_found *f, struct rw_choice *c)
{
    const struct rw_place *last = &f->place[c->place];
    const struct rw_place *first = last;
    struct rw_str text = f->steps[last->step];
    for (size_t i = c->place; i > 0; i--) {
        const struct rw_place *p = &f->place[i - 1];
        if (p->evidence != RW_ANSWER_BOX || p->step != last->step ||
            !joins(rw_str_slice(text, p->behind, first->mark))) {
            break;
        }
        first = p;
    }
    if (first != last && last->end > last->begin) {
        c->begin = with_name(text, first->mark);
        c->end = last->behind;
        c->joined = true;
    }
}

/* "Final Answer: The volume is 120.": the last formula of the sentence. */
static bool sentence_answer(const struct rw_found *f, struct rw_choice *c)
{
    struct rw_str text = rw_choice_text(f, c);
    struct rw_str found = rw_find_last_formula(text, &c->math);
    if (found.len == 0) {
        return false;
    }
    c->begin += (size_t)(found.ptr - text.ptr);
    c->end = c->begin + found.len;
    c->guessed = true;
    return true;
}

/* The last place whose text reads as an answer; boxes and tags have the say whatever is in them. */
bool rw_choose_marked(const struct rw_found *f, struct rw_arena *arena, struct rw_choice *out)
{
    for (size_t i = f->n; i > 0; i--) {
        const struct rw_place *p = &f->place[i - 1];
        rw_choose_place(f, i - 1, out);
        if (p->evidence == RW_ANSWER_BOX || p->evidence == RW_ANSWER_TAG ||
            is_value(rw_choice_text(f, out), arena)) {
            if (p->evidence == RW_ANSWER_BOX) {
                join_boxes(f, out);
            }
            return true;
        }
        if (p->sentence && sentence_answer(f, out)) {
            return true;
        }
    }
    if (f->n > 0) {
        rw_choose_place(f, f->n - 1, out); /* words */
    }
    return f->n > 0;
}

struct rw_str rw_choose_counted(const struct rw_found *f, size_t step)
{
    struct rw_str text = f->steps[step];
    size_t end = step + 1 == f->n_steps ? RW_MIN(f->last_end, text.len) : text.len;
    size_t begin = step == f->first ? RW_MIN(f->first_begin, end) : 0;
    return rw_str_slice(text, begin, end);
}

/* Behind the thinking, the last step that has text. */
static struct rw_str last_text(const struct rw_found *f, size_t *step)
{
    for (size_t i = f->n_steps; i > f->first; i--) {
        struct rw_str text = rw_choose_counted(f, i - 1);
        if (rw_str_trim(text).len > 0) {
            *step = i - 1;
            return text;
        }
    }
    return RW_STR("");
}

static bool choose_unmarked(const struct rw_found *f, struct rw_choice *out)
{
    size_t step = 0;
    struct rw_str text = last_text(f, &step);
    struct rw_str found = rw_find_last_formula(text, &out->math);
    if (found.len == 0) {
        return false;
    }
    size_t begin = (size_t)(found.ptr - f->steps[step].ptr);
    *out = (struct rw_choice){.evidence = RW_ANSWER_UNMARKED,
                              .step = (int64_t)step,
                              .begin = begin,
                              .end = begin + found.len,
                              .guessed = true,
                              .math = out->math};
    return true;
}

/* More than one: a solution, and no answer alone. */
static bool sentences(struct rw_str text)
{
    for (size_t i = 0; i + 2 < text.len; i++) {
        if (strchr(".?!", text.ptr[i]) != NULL && text.ptr[i] != 0 &&
            rw_scan_space(text.ptr[i + 1]) && rw_scan_letter(text.ptr[i + 2])) {
            return true;
        }
    }
    return false;
}

/* The only text there is, when it is an answer and nothing else. */
static bool choose_given(const struct rw_found *f, struct rw_arena *arena, struct rw_choice *out)
{
    size_t step = 0;
    struct rw_str text = rw_find_trim(last_text(f, &step));
    for (size_t i = f->first; i < step; i++) {
        if (rw_str_trim(rw_choose_counted(f, i)).len > 0) {
            return false;
        }
    }
    if (text.len == 0 || text.len > GIVEN_MAX || sentences(text) || !is_answer(text, arena)) {
        return false;
    }
    size_t begin = (size_t)(text.ptr - f->steps[step].ptr);
    *out = (struct rw_choice){.evidence = RW_ANSWER_GIVEN,
                              .step = (int64_t)step,
                              .begin = begin,
                              .end = begin + text.len};
    return true;
}

bool rw_choose(const struct rw_found *f, struct rw_arena *arena, struct rw_choice *out)
{
    *out = (struct rw_choice){.step = -1};
    if (rw_choose_marked(f, arena, out)) {
        return true;
    }
    if (f->n == 0 && (choose_given(f, arena, out) || choose_unmarked(f, out))) {
        return true;
    }
    *out = (struct rw_choice){.step = -1};
    return false;
}
