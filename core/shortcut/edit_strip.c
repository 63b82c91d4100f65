#include "core/base/scan.h"
#include "core/base/util.h"
#include "core/shortcut/edit.h"
#include "core/shortcut/edit_text.h"

bool rw_edit_join(const struct rw_str *parts, size_t n, struct rw_arena *arena, struct rw_str *out)
{
    size_t len = 0;
    for (size_t i = 0; i < n; i++) {
        len += parts[i].len;
    }
    char *to = rw_arena_alloc(arena, len + 1);
    if (to == NULL) {
        return false;
    }
    *out = (struct rw_str){to, len};
    for (size_t i = 0; i < n; i++) {
        if (parts[i].len > 0) {
            memcpy(to, parts[i].ptr, parts[i].len);
        }
        to += parts[i].len;
    }
    return true;
}

/* LaTeX wrappers whose braces go with them. */
static const char *const WRAPPERS[] = {"\\boxed{", "\\text{", "\\textbf{", "\\mathbf{",
                                       "\\mathrm{"};
/* Marks that simply go. */
static const char *const MARKS[] = {"**", "__", "```", "$$", "$", "\\(", "\\)", "\\[", "\\]", "`"};
/* Sentences that say nothing; up to the closing point, at the start of a sentence. */
static const char *const FILLERS[] = {
    "Let me think",
    "Let's think",
    "This is an interesting",
    "Let's double check",
    "Okay,",
    "We are making",
    "Now we continue",
    "It is important to",
    "Great,",
    "Sure,",
    "Certainly",
    "Let me",
};

enum {
    DEPTH_MAX = 64, /* open wrappers */
};

struct writer {
    struct rw_str in;
    size_t at;
    char *out;
    size_t len;
    unsigned braces;           /* open plain braces and wrappers */
    uint64_t wrapper_of_depth; /* bit d: the brace opened at depth d belongs to a wrapper */
};

static bool here(const struct writer *w, const char *text)
{
    size_t len = strlen(text);
    return len <= w->in.len - w->at && memcmp(w->in.ptr + w->at, text, len) == 0;
}

static bool line_start(const struct writer *w)
{
    return w->at == 0 || w->in.ptr[w->at - 1] == '\n';
}

/* "# ", "## ", "- ", "* " at the start of a line. */
static bool skip_line_mark(struct writer *w)
{
    if (!line_start(w)) {
        return false;
    }
    size_t at = w->at;
    while (at < w->in.len && w->in.ptr[at] == '#') {
        at++;
    }
    if (at == w->at && (w->in.ptr[at] == '-' || w->in.ptr[at] == '*')) {
        at++;
    }
    if (at == w->at || at >= w->in.len || w->in.ptr[at] != ' ') {
        return false;
    }
    w->at = at + 1;
    return true;
}

static bool skip_filler(struct writer *w)
{
    bool starts = w->at == 0 || line_start(w) ||
                  (w->at > 1 && w->in.ptr[w->at - 1] == ' ' && w->in.ptr[w->at - 2] == '.');
    for (size_t i = 0; starts && i < RW_COUNT(FILLERS); i++) {
        if (here(w, FILLERS[i])) {
            size_t end = w->at;
            while (end < w->in.len && strchr(".!\n", w->in.ptr[end]) == NULL) {
                /* A sentence with a number in it says something. */
                if (rw_scan_digit(w->in.ptr[end])) {
                    return false;
                }
                end++;
            }
            w->at = end < w->in.len ? end + 1 : end;
            while (w->at < w->in.len && w->in.ptr[w->at] == ' ') {
                w->at++;
            }
            return true;
        }
    }
    return false;
}

static bool skip_wrapper(struct writer *w)
{
    for (size_t i = 0; i < RW_COUNT(WRAPPERS); i++) {
        if (here(w, WRAPPERS[i]) && w->braces < DEPTH_MAX) {
            w->wrapper_of_depth |= UINT64_C(1) << w->braces++;
            w->at += strlen(WRAPPERS[i]);
            return true;
        }
    }
    return false;
}

static bool skip_mark(struct writer *w)
{
    for (size_t i = 0; i < RW_COUNT(MARKS); i++) {
        if (here(w, MARKS[i])) {
            w->at += strlen(MARKS[i]);
            return true;
        }
    }
    return false;
}

/* Keeps track of braces so that a wrapper's own closing brace goes with it. */
static void put(struct writer *w)
{
    char c = w->in.ptr[w->at++];
    if (c == '{' && w->braces < DEPTH_MAX) {
        w->wrapper_of_depth &= ~(UINT64_C(1) << w->braces);
        w->braces++;
    } else if (c == '}' && w->braces > 0) {
        w->braces--;
        if ((w->wrapper_of_depth >> w->braces & 1) != 0) {
            return;
        }
    }
    w->out[w->len++] = c;
}

static struct rw_str first_word(struct rw_str s)
{
    size_t end = 0;
    while (end < s.len && !rw_scan_space(s.ptr[end])) {
        end++;
    }
    return rw_str_slice(s, 0, end > 0 ? end : s.len);
}

static bool strip(struct rw_str in, struct rw_arena *arena, struct rw_str *out)
{
    struct writer w = {.in = in, .out = rw_arena_alloc(arena, in.len + 1)};
    if (w.out == NULL) {
        return false;
    }
    while (w.at < in.len) {
        if (!skip_line_mark(&w) && !skip_filler(&w) && !skip_wrapper(&w) && !skip_mark(&w)) {
            put(&w);
        }
    }
    struct rw_str text = rw_str_trim((struct rw_str){w.out, w.len});
    *out = text.len > 0 ? text : first_word(in);
    return true;
}

rw_status rw_edit_strip(struct rw_steps in, struct rw_arena *arena, struct rw_steps *out,
                        struct rw_error *err)
{
    struct rw_str *steps = rw_arena_array(arena, in.n + 1, sizeof *steps);
    bool changed = false;
    for (size_t i = 0; i < in.n; i++) {
        if (steps == NULL || !strip(in.steps[i], arena, &steps[i])) {
            return rw_fail(err, RW_NO_MEMORY, "no memory to edit a trace");
        }
        changed = changed || !rw_str_equal(rw_str_trim(in.steps[i]), steps[i]);
    }
    if (!changed) {
        return rw_fail(err, RW_NOT_FOUND, "the edit cannot be made: there is nothing to strip");
    }
    *out = (struct rw_steps){steps, in.n};
    return RW_OK;
}
