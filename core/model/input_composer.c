#include "core/model/input_composer.h"

#include "core/base/alloc.h"
#include "core/text/around.h"

enum {
    SEGMENTS_FIRST = 64,
};

rw_status rw_composer_no_memory(struct rw_composer *c)
{
    return rw_fail_memory(c->err, "the input of a trace");
}

rw_status rw_composer_mismatch(struct rw_composer *c, size_t step, const char *why)
{
    rw_fail(c->err, RW_STEP_MISMATCH, "step %zu: %s", step, why);
    rw_error_param(c->err, "steps[%zu]", step);
    rw_error_hint(c->err, "the step holds text that the model's tokenizer merges with its step "
                          "marker, or the marker itself");
    return RW_STEP_MISMATCH;
}

rw_status rw_composer_empty(struct rw_composer *c, const char *message, size_t step, bool of_step)
{
    rw_fail(c->err, RW_EMPTY_TRACE, "%s", message);
    if (of_step) {
        rw_error_param(c->err, "steps[%zu]", step);
    } else {
        rw_error_param(c->err, "%s", c->source->is_text ? "text" : "steps");
    }
    return RW_EMPTY_TRACE;
}

rw_status rw_composer_count_special(struct rw_composer *c, struct rw_str text)
{
    return rw_tokenizer_count_special(c->package->tokenizer, text, &c->out->special_token_texts,
                                      c->err);
}

/* ---- runs ------------------------------------------------------------------------------------ */

static void set_position(struct rw_composer *c, const struct rw_composer_mark *mark, size_t tokens)
{
    if (mark->is_score) {
        c->positions[mark->step] = (uint32_t)(tokens - 1);
        c->n_positions++;
    } else {
        c->out->prompt_tokens = (uint32_t)tokens;
    }
}

/* Tokens first .. count were made from the run; marks and ends both rise. A token that ends inside
 * a character counts as ending before it, so the token that reaches a mark is the first one there:
 * the next ones at the same offset are pieces of the character behind it. */
static rw_status place_marks(struct rw_composer *c, size_t first)
{
    size_t at = first;
    for (size_t i = 0; i < c->n_marks; i++) {
        const struct rw_composer_mark *mark = &c->marks[i];
        while (at < c->tokens.count && c->tokens.ends[at] < mark->offset) {
            at++;
        }
        bool reached = at < c->tokens.count && c->tokens.ends[at] == mark->offset;
        if (mark->is_score && !reached) {
            return rw_composer_mismatch(c, mark->step, "no token ends where its reward is read");
        }
        set_position(c, mark, at + reached);
    }
    return RW_OK;
}

/* Tokens from `first` on, whose ends count within the run. */
static rw_status show(struct rw_composer *c, size_t first)
{
    struct rw_input_view *view = c->source->view;
    if (view == NULL) {
        return RW_OK;
    }
    uint32_t base = (uint32_t)view->text.len;
    for (size_t i = 0; i < c->n_segments; i++) {
        rw_buf_append_str(&view->text, c->segments[i].text);
    }
    for (size_t i = first; i < c->tokens.count; i++) {
        uint32_t end = base + c->tokens.ends[i];
        rw_buf_append(&view->ends, &end, sizeof end);
    }
    return view->text.failed || view->ends.failed ? rw_composer_no_memory(c) : RW_OK;
}

rw_status rw_composer_flush(struct rw_composer *c)
{
    size_t first = c->tokens.count;
    rw_status status = RW_OK;
    if (c->run_bytes > 0) {
        status = rw_tokenizer_encode(c->package->tokenizer, c->segments, c->n_segments, &c->tokens,
                                     c->err);
        if (status == RW_OK) {
            status = place_marks(c, first);
        }
        if (status == RW_OK) {
            status = show(c, first);
        }
    }
    c->n_segments = 0;
    c->n_marks = 0;
    c->run_bytes = 0;
    return status;
}

rw_status rw_composer_text(struct rw_composer *c, struct rw_str text, bool trusted)
{
    if (text.len == 0) {
        return RW_OK;
    }
    if (c->n_segments == c->segments_size) {
        size_t size = c->segments_size == 0 ? SEGMENTS_FIRST : 2 * c->segments_size;
        struct rw_segment *more = rw_realloc_array(c->segments, size, sizeof *more);
        if (more == NULL) {
            return rw_composer_no_memory(c);
        }
        c->segments = more;
        c->segments_size = size;
    }
    c->segments[c->n_segments++] = (struct rw_segment){.text = text, .trusted = trusted};
    c->run_bytes += text.len;
    return RW_OK;
}

rw_status rw_composer_token(struct rw_composer *c, int32_t id)
{
    rw_status status = rw_composer_flush(c);
    if (status == RW_OK && !rw_tokens_push(&c->tokens, id, 0)) {
        status = rw_composer_no_memory(c);
    }
    return status == RW_OK ? show(c, c->tokens.count - 1) : status;
}

/* ---- the end --------------------------------------------------------------------------------- */

static void drop_byte(struct rw_composer *c)
{
    c->segments[c->n_segments - 1].text.len--;
    c->run_bytes--;
    if (c->segments[c->n_segments - 1].text.len == 0) {
        c->n_segments--;
    }
}

static void drop_newlines(struct rw_composer *c)
{
    while (c->n_segments > 0) {
        struct rw_str last = c->segments[c->n_segments - 1].text;
        if (last.ptr[last.len - 1] != '\n') {
            return;
        }
        drop_byte(c);
    }
}

/* The run as one text, whoever wrote its parts. */
static bool run_ends_with(const struct rw_composer *c, struct rw_str text)
{
    size_t left = text.len;
    for (size_t i = c->n_segments; i > 0 && left > 0; i--) {
        struct rw_str part = c->segments[i - 1].text;
        size_t n = part.len < left ? part.len : left;
        if (memcmp(part.ptr + part.len - n, text.ptr + left - n, n) != 0) {
            return false;
        }
        left -= n;
    }
    return left == 0;
}

/* The reference looks at the string: an EOS that a client typed at the very end is the EOS. */
static rw_status end_with_eos(struct rw_composer *c, bool spaced)
{
    struct rw_str eos = c->layout->eos_text;
    rw_status status = RW_OK;
    if (run_ends_with(c, eos)) {
        for (size_t i = 0; i < eos.len; i++) {
            drop_byte(c);
        }
    } else if (spaced && !c->source->ended) {
        status = rw_composer_text(c, RW_STR(" "), true);
    }
    return status == RW_OK ? rw_composer_text(c, eos, true) : status;
}

rw_status rw_composer_end(struct rw_composer *c)
{
    switch (c->layout->end) {
    case RW_END_AS_IS:
        return RW_OK;
    case RW_END_EOS:
        return end_with_eos(c, false);
    case RW_END_SPACED_EOS:
        drop_newlines(c);
        return end_with_eos(c, true);
    case RW_END_EOS_IF_BARE:
        return c->n_segments > 0 && !c->segments[c->n_segments - 1].trusted
                   ? rw_composer_token(c, c->layout->eos)
                   : RW_OK;
    }
    return RW_OK;
}

rw_status rw_composer_around(struct rw_composer *c, bool before)
{
    const struct rw_around *around = rw_tokenizer_around(c->package->tokenizer);
    const int32_t *ids = before ? around->begin : around->end;
    size_t n = before ? around->n_begin : around->n_end;
    rw_status status = RW_OK;
    for (size_t i = 0; c->layout->post_processor && i < n && status == RW_OK; i++) {
        status = rw_composer_token(c, ids[i]);
    }
    return status;
}

rw_status rw_composer_mark(struct rw_composer *c, bool is_score, size_t step)
{
    struct rw_composer_mark mark = {
        .offset = c->run_bytes, .step = (uint32_t)step, .is_score = is_score};
    if (c->run_bytes == 0) { /* a token or a cut came last: its index is known already */
        if (is_score && c->tokens.count == 0) {
            return rw_composer_mismatch(c, step, "there is no token before its reward");
        }
        set_position(c, &mark, c->tokens.count);
        return RW_OK;
    }
    if (c->n_marks == c->marks_size) {
        size_t size = c->marks_size == 0 ? SEGMENTS_FIRST : 2 * c->marks_size;
        struct rw_composer_mark *more = rw_realloc_array(c->marks, size, sizeof *more);
        if (more == NULL) {
            return rw_composer_no_memory(c);
        }
        c->marks = more;
        c->marks_size = size;
    }
    c->marks[c->n_marks++] = mark;
    return RW_OK;
}
