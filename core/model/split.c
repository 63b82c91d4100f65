#include "core/model/split.h"

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

rw_status rw_split_text(const struct rw_layout *layout, struct rw_str text, size_t steps_max,
                        struct rw_arena *arena, struct rw_split *out, struct rw_error *err)
{
    *out = (struct rw_split){.separator = choose_separator(layout, text)};
    if (text.len == 0) {
        return RW_OK;
    }
    size_t n = 0;
    size_t at = 0;
    struct rw_str piece;
    while (next_piece(text, out->separator, &at, &piece)) {
        n += is_step(layout, piece);
    }
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
    at = 0;
    while (next_piece(text, out->separator, &at, &piece)) {
        if (is_step(layout, piece)) {
            out->steps[out->n_steps++] = piece;
        }
    }
    return RW_OK;
}
