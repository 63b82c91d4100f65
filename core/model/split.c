#include "core/model/split.h"

#include "core/model/block.h"
#include "core/model/sentence.h"

/* ---- the model's rule ------------------------------------------------------------------------ */

static struct rw_str choose_separator(const struct rw_layout *layout, struct rw_str text)
{
    for (size_t i = 0; i < layout->n_split; i++) {
        if (rw_str_find(text, layout->split[i], 0) < text.len) {
            return layout->split[i];
        }
    }
    return (struct rw_str){0};
}

/* The piece that begins at *at; *at moves behind its separator. False behind the last piece. */
static bool next_piece(struct rw_str text, struct rw_str separator, size_t *at,
                       struct rw_str *piece)
{
    if (*at > text.len) {
        return false;
    }
    size_t end = separator.len > 0 ? rw_str_find(text, separator, *at) : text.len;
    *piece = rw_str_slice(text, *at, end);
    *at = end < text.len ? end + separator.len : text.len + 1;
    return true;
}

/* Pieces of white space are no steps, unless the reference scores them. */
static bool is_step(const struct rw_layout *layout, struct rw_str piece)
{
    return layout->keep_empty_steps || rw_layout_trim(piece, RW_TRIM_BOTH).len > 0;
}

/* ---- the client's rule ----------------------------------------------------------------------- */

/* A text gone through by a rule of the client's. */
struct cutter {
    struct rw_str text;
    const struct rw_split_rule *rule;
    struct rw_block_scan blocks;
    size_t at; /* nothing before it is cut any more */
};

/* A blank line, and all of them in a row; 0 = none at `at`. */
static size_t blank_lines(struct rw_str text, size_t at)
{
    size_t end = 0;
    for (size_t i = at + 1; text.ptr[at] == '\n' && i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '\n') {
            end = i + 1;
        } else if (c != ' ' && c != '\t' && c != '\r') {
            break;
        }
    }
    return end;
}

/* The longest of the separators that stand at `at`. */
static size_t listed(const struct rw_split_rule *rule, struct rw_str text, size_t at)
{
    size_t longest = 0;
    struct rw_str rest = rw_str_slice(text, at, text.len);
    for (size_t i = 0; i < rule->n_list; i++) {
        if (rule->list[i].len > longest && rw_str_starts(rest, rule->list[i])) {
            longest = rule->list[i].len;
        }
    }
    return longest > 0 ? at + longest : 0;
}

/* Where the next step begins, when one that began at `begin` ends at *end; 0 = it goes on. */
static size_t next_step(const struct cutter *c, size_t begin, size_t at, size_t *end)
{
    *end = at;
    switch (c->rule->kind) {
    case RW_SPLIT_PARAGRAPH:
        return blank_lines(c->text, at);
    case RW_SPLIT_LINE:
        return c->text.ptr[at] == '\n' ? at + 1 : 0;
    case RW_SPLIT_SENTENCE:
        return rw_sentence_end(c->text, begin, at, end);
    case RW_SPLIT_LIST:
        return listed(c->rule, c->text, at);
    case RW_SPLIT_MODEL:
    case RW_SPLIT_NONE:
        return 0;
    }
    return 0;
}

/* The piece that begins where the cutter stands; false behind the last. */
static bool cut(struct cutter *c, struct rw_str *piece)
{
    size_t begin = c->at;
    if (begin >= c->text.len) {
        return false;
    }
    for (size_t at = begin; at < c->text.len;) {
        size_t behind = rw_block_end(&c->blocks, at);
        size_t end = at;
        size_t next = behind == at ? next_step(c, begin, at, &end) : 0;
        if (next > 0) {
            *piece = rw_str_slice(c->text, begin, end);
            c->at = next;
            return true;
        }
        at = behind > at ? behind : at + 1;
    }
    *piece = rw_str_slice(c->text, begin, c->text.len);
    c->at = c->text.len;
    return true;
}

/* ---- both ------------------------------------------------------------------------------------ */

static struct rw_str separator_of(const struct rw_split_rule *rule)
{
    return rule->kind == RW_SPLIT_PARAGRAPH                   ? RW_STR("\n\n")
           : rule->kind == RW_SPLIT_LINE                      ? RW_STR("\n")
           : rule->kind == RW_SPLIT_LIST && rule->n_list == 1 ? rule->list[0]
                                                              : (struct rw_str){NULL, 0};
}

/* Steps into `out`, which may be NULL; returns how many. */
static size_t take_steps(const struct rw_layout *layout, const struct rw_split_rule *rule,
                         struct rw_str text, struct rw_str separator, struct rw_str *out)
{
    struct cutter cutter = {.text = text, .rule = rule, .blocks = {.text = text}};
    struct rw_str piece;
    size_t n = 0;
    size_t at = 0;
    bool model = rule->kind == RW_SPLIT_MODEL;
    while (model ? next_piece(text, separator, &at, &piece) : cut(&cutter, &piece)) {
        if (model ? !is_step(layout, piece) : rw_layout_trim(piece, RW_TRIM_BOTH).len == 0) {
            continue;
        }
        if (out != NULL) {
            out[n] = piece;
        }
        n++;
    }
    return n;
}

rw_status rw_split_text(const struct rw_layout *layout, const struct rw_split_rule *rule,
                        struct rw_str text, size_t steps_max, struct rw_arena *arena,
                        struct rw_split *out, struct rw_error *err)
{
    bool model = rule->kind == RW_SPLIT_MODEL;
    *out =
        (struct rw_split){.separator = model ? choose_separator(layout, text) : separator_of(rule)};
    if (text.len == 0) {
        return RW_OK;
    }
    size_t n = take_steps(layout, rule, text, out->separator, NULL);
    if (n > steps_max) {
        rw_fail(err, RW_LIMIT_EXCEEDED, "the text has %zu steps, over the limit of %zu", n,
                steps_max);
        rw_error_param(err, "text");
        return RW_LIMIT_EXCEEDED;
    }
    out->steps = rw_arena_array(arena, n, sizeof *out->steps);
    if (out->steps == NULL) {
        return rw_fail(err, RW_NO_MEMORY, "no memory for %zu steps", n);
    }
    out->n_steps = take_steps(layout, rule, text, out->separator, out->steps);
    if (!model && n < 2) {
        out->separator = (struct rw_str){NULL, 0}; /* nothing was cut */
    }
    return RW_OK;
}
