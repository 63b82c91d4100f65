/* The table for a person's terminal.
 *
 * Step text was written by whoever is rewarded for fooling us: it is shown on one line, cut, and
 * every character that could move the cursor, recolour, reorder or hide text is replaced. The table
 * itself uses no terminal escapes. */
#include <math.h>

#include "core/base/assert.h"
#include "core/base/utf8.h"
#include "proto/reply_internal.h"

enum {
    BAR_CELLS = 10,
    BAR_EIGHTHS = 8, /* of a cell */
    TEXT_CELLS = 64, /* code points of a step that are shown */
};

/* ---- hostile text ---------------------------------------------------------------------------- */

static bool is_invisible(uint32_t c)
{
    return c < 0x20 || (c >= 0x7F && c <= 0x9F) ||   /* C0, DEL, C1: escape sequences */
           c == 0xAD || c == 0x61C || c == 0x180E || /* soft hyphen, Arabic mark, vowel sep. */
           (c >= 0x200B && c <= 0x200F) ||           /* zero width, direction marks */
           (c >= 0x2028 && c <= 0x202E) ||           /* line separators, embeddings */
           (c >= 0x2060 && c <= 0x206F) || c == 0xFEFF || (c >= 0xFFF9 && c <= 0xFFFB) ||
           (c >= 0xE0000 && c <= 0xE0FFF);
}

static bool is_line_space(uint32_t c)
{
    return c == '\n' || c == '\r' || c == '\t' || c == ' ';
}

/* Returns the code points written. Runs of white space become one space. */
static size_t write_one_line(struct rw_buf *out, struct rw_str text, size_t cells_max)
{
    text = rw_str_trim(text);
    size_t cells = 0;
    bool space = false;
    for (size_t at = 0; at < text.len;) {
        size_t advance;
        int32_t c = rw_utf8_decode(text, at, &advance);
        if (cells == cells_max) {
            rw_buf_append(out, "\xE2\x80\xA6", 3); /* ... as one character */
            return cells + 1;
        }
        bool is_space = c >= 0 && is_line_space((uint32_t)c);
        if (is_space && !space) {
            rw_buf_append_char(out, ' ');
        } else if (!is_space && (c < 0 || is_invisible((uint32_t)c))) {
            rw_buf_append(out, "\xEF\xBF\xBD", 3);
        } else if (!is_space) {
            rw_buf_append(out, text.ptr + at, advance);
        }
        cells += !(is_space && space);
        space = is_space;
        at += advance;
    }
    return cells;
}

static void write_padded(struct rw_buf *out, struct rw_str text, size_t cells)
{
    size_t used = write_one_line(out, text, cells);
    for (; used < cells + 1; used++) {
        rw_buf_append_char(out, ' ');
    }
}

/* ---- rows ------------------------------------------------------------------------------------ */

/* U+2588 is a full cell; U+258F..U+2589 are one to seven eighths of one. */
static void write_bar(struct rw_buf *out, float reward)
{
    float clamped = fminf(fmaxf(reward, 0), 1);
    unsigned eighths = (unsigned)lrintf(clamped * BAR_CELLS * BAR_EIGHTHS);
    for (unsigned cell = 0; cell < BAR_CELLS; cell++) {
        unsigned fill = eighths > BAR_EIGHTHS ? BAR_EIGHTHS : eighths;
        eighths -= fill;
        if (fill == 0) {
            rw_buf_append_char(out, ' ');
        } else {
            char block[3] = {'\xE2', '\x96', (char)(0x90 - fill)};
            rw_buf_append(out, block, sizeof block);
        }
    }
}

static void write_step_flags(struct rw_buf *out, const struct rw_reply_trace *trace, int64_t step)
{
    for (size_t i = 0; i < trace->n_flags; i++) {
        const struct rw_reply_flag *flag = &trace->flags[i];
        if (flag->fired && flag->step == step) {
            rw_buf_printf(out, "  \xE2\x9A\x91 %s", flag->name);
        }
    }
}

static bool has_step_flag(const struct rw_reply_trace *trace, int64_t step)
{
    for (size_t i = 0; i < trace->n_flags; i++) {
        if (trace->flags[i].fired && trace->flags[i].step == step) {
            return true;
        }
    }
    return false;
}

static void write_step(struct rw_buf *out, const struct rw_reply_trace *trace,
                       const struct rw_reply_step *step)
{
    rw_buf_printf(out, "%3u  ", step->index + 1);
    if (step->scored) {
        rw_buf_printf(out, "%.3f ", (double)step->reward);
        write_bar(out, step->reward);
        rw_buf_append(out, "  ", 2);
    } else {
        rw_buf_printf(out, "  -   %-*s  ", BAR_CELLS, rw_status_code(step->error));
    }
    if (has_step_flag(trace, step->index)) {
        write_padded(out, step->text, TEXT_CELLS);
        write_step_flags(out, trace, step->index);
    } else {
        write_one_line(out, step->text, TEXT_CELLS);
    }
    rw_buf_append_char(out, '\n');
}

static void write_error(struct rw_buf *out, const struct rw_error *error)
{
    rw_buf_printf(out, "%s: ", rw_status_code(error->status));
    if (error->param[0] != '\0') {
        write_one_line(out, rw_str_from(error->param), RW_ERROR_PARAM_MAX);
        rw_buf_append(out, ": ", 2);
    }
    const char *message =
        error->message[0] != '\0' ? error->message : rw_status_text(error->status);
    write_one_line(out, rw_str_from(message), RW_ERROR_MESSAGE_MAX);
    if (error->hint[0] != '\0') {
        rw_buf_append(out, " (", 2);
        write_one_line(out, rw_str_from(error->hint), RW_ERROR_HINT_MAX);
        rw_buf_append_char(out, ')');
    }
}

static void write_process_line(struct rw_buf *out, const struct rw_reply_trace *trace)
{
    rw_buf_append(out, "process  ", 9);
    if (trace->process_scored) {
        rw_buf_printf(out, "%.3f  (%s of %zu%s)", (double)trace->process_reward, trace->aggregate,
                      trace->n_steps, trace->stopped ? ", stopped early" : "");
    } else {
        rw_buf_append(out, "-  ", 3);
        if (trace->process_error != NULL) {
            write_error(out, trace->process_error);
        }
    }
    rw_buf_append_char(out, '\n');
}

static void write_checked_line(struct rw_buf *out, const struct rw_reply_checked *checked)
{
    rw_buf_append(out, "checked  ", 9);
    if (!checked->scored) {
        rw_buf_append(out, "-  ", 3);
        write_error(out, &checked->error);
    } else if (checked->step >= 0) {
        rw_buf_printf(out, "%.3f  (an equation of step %lld is false)", (double)checked->reward,
                      (long long)checked->step + 1);
    } else {
        rw_buf_printf(out, "%.3f  (no false equation)", (double)checked->reward);
    }
    rw_buf_append_char(out, '\n');
}

static void write_outcome_line(struct rw_buf *out, const struct rw_reply_trace *trace)
{
    static const char *const VERIFIED[] = {"answer not verified", "answer wrong", "answer right"};
    rw_buf_append(out, "outcome  ", 9);
    if (!trace->has_outcome) {
        rw_buf_append(out, "-  ", 3);
    } else if (trace->outcome_scored) {
        rw_buf_printf(out, "%.3f  (raw %.3f)", (double)trace->outcome_reward,
                      (double)trace->outcome_raw);
    } else {
        rw_buf_append(out, "-  ", 3);
        if (trace->outcome_error != NULL) {
            write_error(out, trace->outcome_error);
        }
    }
    if (trace->has_reference) {
        const struct rw_reply_verdict *v = &trace->verdict;
        rw_buf_printf(out, "  %s", VERIFIED[v->verified]);
        if (v->rule != NULL && v->step >= 0) {
            rw_buf_append(out, ": ", 2);
            write_one_line(out, v->answer, TEXT_CELLS);
        }
        if (v->rule != NULL) {
            rw_buf_printf(out, " (%s)", v->message);
        }
    }
    rw_buf_append_char(out, '\n');
}

static void write_gated_line(struct rw_buf *out, const struct rw_reply_gated *gated)
{
    rw_buf_append(out, "gated    ", 9);
    if (!gated->scored) {
        rw_buf_append(out, "-  ", 3);
        write_error(out, &gated->error);
    } else {
        rw_buf_printf(out, "%.3f  (%s %.3f%s", (double)gated->reward, gated->of,
                      (double)gated->ungated, gated->n_by > 0 ? ", closed by" : ", no gate closed");
        for (size_t i = 0; i < gated->n_by; i++) {
            rw_buf_printf(out, " %s", gated->by[i]);
        }
        rw_buf_append_char(out, ')');
    }
    rw_buf_append_char(out, '\n');
}

/* Flags that fired, those that failed, and whatever else was asked for. */
static void write_trace_flags(struct rw_buf *out, const struct rw_reply_trace *trace)
{
    for (size_t i = 0; i < trace->n_flags; i++) {
        const struct rw_reply_flag *flag = &trace->flags[i];
        if (flag->fired) {
            rw_buf_printf(out, "\xE2\x9A\x91 %s  ", flag->name);
        } else {
            rw_buf_printf(out, "  %s  ", flag->name);
        }
        if (flag->step >= 0) {
            rw_buf_printf(out, "step %lld  ", (long long)flag->step + 1);
        }
        if (flag->error != RW_OK) {
            rw_buf_printf(out, "%s  ", rw_status_code(flag->error));
        } else if (!flag->fired) {
            rw_buf_printf(out, "%.4g  ", flag->value);
        }
        if (flag->message != NULL) {
            write_one_line(out, rw_str_from(flag->message), RW_ERROR_MESSAGE_MAX);
        }
        if (!isnan(flag->p)) {
            rw_buf_printf(out, "  (p %.3g of %llu)", flag->p, (unsigned long long)flag->n_cal);
        }
        rw_buf_append_char(out, '\n');
    }
}

/* ---- the three parts ------------------------------------------------------------------------- */

static void write_model(struct rw_buf *out, const char *kind, const struct rw_reply_model *model)
{
    if (model->name != NULL) {
        rw_buf_printf(out, "%s %s", kind, model->name);
        if (model->digest != NULL) {
            rw_buf_printf(out, "@%.8s", model->digest);
        }
        rw_buf_append(out, "   ", 3);
    }
}

void rw_reply_text_head(struct rw_buf *out, const struct rw_reply_head *head)
{
    write_model(out, "process", &head->process);
    write_model(out, "outcome", &head->outcome);
    rw_buf_printf(out, "kernel %s\n", head->kernel != NULL ? head->kernel : "-");
}

void rw_reply_text_trace(struct rw_buf *out, const struct rw_reply_trace *trace, bool first)
{
    if (!first) {
        rw_buf_append_char(out, '\n');
    }
    if (!first || trace->item > 0 || trace->trace > 0) {
        rw_buf_printf(out, "item %u trace %u\n", trace->item, trace->trace);
    }
    if (trace->error != NULL) {
        write_error(out, trace->error);
        rw_buf_append_char(out, '\n');
        return;
    }
    for (size_t i = 0; i < trace->n_steps; i++) {
        write_step(out, trace, &trace->steps[i]);
    }
    if (trace->has_process) {
        write_process_line(out, trace);
        if (trace->checked != NULL) {
            write_checked_line(out, trace->checked);
        }
    }
    if (trace->has_outcome || trace->has_reference) {
        write_outcome_line(out, trace);
    }
    if (trace->gated != NULL) {
        write_gated_line(out, trace->gated);
    }
    write_trace_flags(out, trace);
    if (trace->truncated) {
        rw_buf_printf(out, "truncated: steps that did not fit the context were dropped\n");
    }
    if (trace->system_dropped + trace->turns_folded > 0) {
        rw_buf_printf(out, "roles: %u system turns left out, %u turns became text of a later one\n",
                      trace->system_dropped, trace->turns_folded);
    }
}

void rw_reply_text_usage(struct rw_buf *out, const struct rw_reply_usage *usage)
{
    rw_buf_printf(out,
                  "%llu prompt tokens, %llu scored, %llu cached   %.1f ms (%.1f ms CPU, %.1f ms "
                  "queued)   %.3g GFLOP\n",
                  (unsigned long long)usage->prompt_tokens,
                  (unsigned long long)usage->scored_tokens,
                  (unsigned long long)usage->cached_tokens, usage->total_ms, usage->cpu_ms,
                  usage->queue_ms, usage->flops / 1e9);
}

void rw_reply_text_error(struct rw_buf *out, const struct rw_error *error)
{
    rw_buf_append(out, "error: ", 7);
    write_error(out, error);
    rw_buf_append_char(out, '\n');
}
