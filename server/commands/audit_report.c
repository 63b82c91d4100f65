/* The report as JSON and as Markdown. */
#include <math.h>
#include <string.h>

#include "proto/emit.h"
#include "server/commands/audit.h"
#include "server/version.h"

static void write_number(struct rw_buf *out, const char *name, double value)
{
    rw_emit_name(out, name);
    if (isfinite(value)) {
        rw_emit_double(out, value);
    } else {
        rw_emit_raw(out, "null");
    }
}

static void write_text(struct rw_buf *out, const char *name, const char *text)
{
    rw_emit_text_field(out, name, text);
}

static void write_interval(struct rw_buf *out, const char *name,
                           const struct rw_audit_interval *interval)
{
    rw_emit_name(out, name);
    rw_emit_open(out, '{');
    write_number(out, "value", interval->value);
    write_number(out, "low", interval->low);
    write_number(out, "high", interval->high);
    rw_emit_close(out, '}');
}

static void write_bins(struct rw_buf *out, const char *name, const uint32_t bins[RW_AUDIT_BINS])
{
    rw_emit_name(out, name);
    rw_emit_open(out, '[');
    for (int i = 0; i < RW_AUDIT_BINS; i++) {
        rw_emit_unsigned(out, bins[i]);
    }
    rw_emit_close(out, ']');
}

static void write_example(struct rw_buf *out, const struct rw_audit *audit, int edit)
{
    const struct rw_audit_example *x = &audit->example[edit];
    rw_emit_name(out, RW_AUDIT_EDIT[edit].name);
    if (!x->known) {
        rw_emit_raw(out, "null");
        return;
    }
    rw_emit_open(out, '{');
    write_text(out, "before", x->before);
    write_text(out, "after", x->after);
    for (int h = 0; h < RW_AUDIT_HEADS; h++) {
        if (audit->model[h].present && x->value[h][0].known && x->value[h][1].known) {
            rw_emit_name(out, rw_audit_head_name((enum rw_audit_head)h));
            rw_emit_open(out, '[');
            rw_emit_double(out, x->value[h][0].reward);
            rw_emit_double(out, x->value[h][1].reward);
            rw_emit_close(out, ']');
        }
    }
    rw_emit_close(out, '}');
}

static void write_effect(struct rw_buf *out, const struct rw_audit *audit, int edit, int head)
{
    const struct rw_audit_effect *e = &audit->effect[edit][head];
    rw_emit_open(out, '{');
    write_text(out, "intervention", RW_AUDIT_EDIT[edit].name);
    write_text(out, "what", RW_AUDIT_EDIT[edit].what);
    rw_emit_unsigned_field(out, "traces", e->n);
    write_interval(out, "before", &e->before);
    write_interval(out, "after", &e->after);
    write_interval(out, "delta", &e->delta);
    write_interval(out, "falls", &e->falls);
    write_interval(out, "still_accepted", &e->kept);
    rw_emit_unsigned_field(out, "accepted_before", e->n_kept);
    write_number(out, "effect_size", e->effect_size);
    write_bins(out, "rewards_after", audit->after[edit][head]);
    rw_emit_close(out, '}');
}

/* A figure with the thresholds it was held against. */
static void write_finding(struct rw_buf *out, const struct rw_audit_finding *f)
{
    double no;
    double yes;
    rw_audit_bounds(f->figure, &no, &yes);
    rw_emit_open(out, '{');
    write_text(out, "intervention", RW_AUDIT_EDIT[f->edit].name);
    write_text(out, "figure", rw_audit_figure_name(f->figure));
    write_text(out, "verdict", rw_audit_grade_name(f->grade));
    rw_emit_unsigned_field(out, "traces", f->n);
    write_number(out, "value", f->value.value);
    write_number(out, "low", f->value.low);
    write_number(out, "high", f->value.high);
    rw_emit_double_field(out, "no", no);
    rw_emit_double_field(out, "yes", yes);
    rw_emit_close(out, '}');
}

static void write_verdicts(struct rw_buf *out, const struct rw_audit *audit, int head)
{
    rw_emit_name(out, "verdicts");
    rw_emit_open(out, '[');
    for (int p = 0; p < RW_AUDIT_PROPERTIES; p++) {
        const struct rw_audit_verdict *v = &audit->verdict[head][p];
        rw_emit_open(out, '{');
        write_text(out, "property", rw_audit_property_name((enum rw_audit_property_id)p));
        write_text(out, "means", rw_audit_property_text((enum rw_audit_property_id)p));
        write_text(out, "verdict", rw_audit_grade_name(v->grade));
        write_text(out, "sentence", v->sentence);
        write_text(out, "rule", v->rule);
        rw_emit_unsigned_field(out, "decided_by", v->decided);
        rw_emit_name(out, "rules");
        rw_emit_open(out, '[');
        for (size_t i = 0; i < v->n; i++) {
            write_finding(out, &v->finding[i]);
        }
        rw_emit_close(out, ']');
        rw_emit_close(out, '}');
    }
    rw_emit_close(out, ']');
}

static void write_model(struct rw_buf *out, const struct rw_audit_model *model)
{
    write_text(out, "name", model->name);
    write_text(out, "digest", model->digest);
    write_text(out, "dtype", model->dtype);
}

static void write_head(struct rw_buf *out, const struct rw_audit *audit, int head)
{
    rw_emit_name(out, rw_audit_head_name((enum rw_audit_head)head));
    rw_emit_open(out, '{');
    write_model(out, &audit->model[head]);
    write_verdicts(out, audit, head);
    write_bins(out, "rewards_before", audit->before[head]);
    rw_emit_name(out, "interventions");
    rw_emit_open(out, '[');
    for (int i = 0; i < RW_AUDIT_EDITS; i++) {
        write_effect(out, audit, i, head);
    }
    rw_emit_close(out, ']');
    rw_emit_close(out, '}');
}

static void write_counts(struct rw_buf *out, const struct rw_audit *audit)
{
    rw_emit_unsigned_field(out, "traces", audit->n_traces);
    rw_emit_unsigned_field(out, "questions", audit->n_questions);
    rw_emit_unsigned_field(out, "traces_not_scored", audit->n_failed);
}

static void write_audit(struct rw_buf *out, const struct rw_audit *audit)
{
    write_counts(out, audit);
    for (int h = 0; h < RW_AUDIT_HEADS; h++) {
        if (audit->model[h].present) {
            write_head(out, audit, h);
        }
    }
    rw_emit_name(out, "examples");
    rw_emit_open(out, '{');
    for (int i = 0; i < RW_AUDIT_EDITS; i++) {
        write_example(out, audit, i);
    }
    rw_emit_close(out, '}');
}

void rw_audit_json(const struct rw_audit *audit, const struct rw_audit *other, struct rw_buf *out)
{
    rw_emit_open(out, '{');
    write_text(out, "object", "audit");
    write_text(out, "rewardd", RW_VERSION);
    write_text(out, "traces_file", audit->file);
    write_audit(out, audit);
    if (other != NULL) {
        rw_emit_name(out, "against");
        rw_emit_open(out, '{');
        write_audit(out, other);
        rw_emit_close(out, '}');
    }
    rw_emit_close(out, '}');
    rw_buf_append_char(out, '\n');
}

/* The file's name without its folders: the daemon tells it to whoever may ask. */
void rw_audit_note_json(const struct rw_audit *audit, enum rw_audit_head head, struct rw_buf *out)
{
    const char *slash = strrchr(audit->file, '/');
    rw_emit_open(out, '{');
    write_text(out, "object", "model_audit");
    write_text(out, "rewardd", RW_VERSION);
    write_text(out, "kind", rw_audit_head_name(head));
    write_model(out, &audit->model[head]);
    write_text(out, "traces_file", slash != NULL ? slash + 1 : audit->file);
    write_counts(out, audit);
    write_verdicts(out, audit, (int)head);
    rw_emit_close(out, '}');
    rw_buf_append_char(out, '\n');
}

/* ---- Markdown -------------------------------------------------------------------------------- */

/* File names and model names in a table or a sentence: what Markdown or HTML could read is escaped.
 */
static void markdown_text(struct rw_buf *out, const char *text)
{
    for (const char *c = text; *c != '\0'; c++) {
        if (strchr("\\`*_[]<>|#&", *c) != NULL) {
            rw_buf_append_char(out, '\\');
        }
        rw_buf_append_char(out, *c == '\n' || *c == '\r' ? ' ' : *c);
    }
}

static void markdown_interval(struct rw_buf *out, const struct rw_audit_interval *i, double scale,
                              const char *format)
{
    const double value[3] = {i->value * scale, i->low * scale, i->high * scale};
    if (!isfinite(value[0]) || !isfinite(value[1]) || !isfinite(value[2])) {
        rw_buf_append(out, "-", 1);
        return;
    }
    const bool percent = format[0] == '%';
    rw_buf_printf(out, percent ? "%.0f %% [%.0f, %.0f]" : "%+.3f [%+.3f, %+.3f]", value[0],
                  value[1], value[2]);
}

static void markdown_verdicts(struct rw_buf *out, const struct rw_audit *audit, int head)
{
    for (int p = 0; p < RW_AUDIT_PROPERTIES; p++) {
        const struct rw_audit_verdict *v = &audit->verdict[head][p];
        rw_buf_printf(out, "- **%s: %s.** ", rw_audit_property_name((enum rw_audit_property_id)p),
                      rw_audit_grade_name(v->grade));
        rw_buf_printf(out, "%s Rule: %s.\n", v->sentence, v->rule);
    }
}

static void markdown_head(struct rw_buf *out, const struct rw_audit *audit, int head)
{
    rw_buf_printf(out, "\n## %s model: ", head == RW_AUDIT_PROCESS ? "Process" : "Outcome");
    markdown_text(out, audit->model[head].name);
    rw_buf_printf(out, " (%.12s, %s)\n\n", audit->model[head].digest, audit->model[head].dtype);
    markdown_verdicts(out, audit, head);
    rw_buf_printf(out,
                  "\n| intervention | what is done | traces | reward before | after | change [95 "
                  "%%] | falls [95 %%] | still accepted [95 %%] | d |\n"
                  "|---|---|---|---|---|---|---|---|---|\n");
    for (int i = 0; i < RW_AUDIT_EDITS; i++) {
        const struct rw_audit_effect *e = &audit->effect[i][head];
        rw_buf_printf(out, "| %s | %s | %zu | ", RW_AUDIT_EDIT[i].name, RW_AUDIT_EDIT[i].what,
                      e->n);
        if (e->n == 0) {
            rw_buf_append(out, "- | - | - | - | - | - |\n", 24);
            continue;
        }
        rw_buf_printf(out, "%.3f | %.3f | ", e->before.value, e->after.value);
        markdown_interval(out, &e->delta, 1, "+");
        rw_buf_append(out, " | ", 3);
        markdown_interval(out, &e->falls, 100, "%");
        rw_buf_append(out, " | ", 3);
        markdown_interval(out, &e->kept, 100, "%");
        rw_buf_printf(out, " | %+.2f |\n", e->effect_size);
    }
}

static void markdown_examples(struct rw_buf *out, const struct rw_audit *audit)
{
    rw_buf_printf(out, "\n## One example of each edit\n\n| intervention | before | after |\n"
                       "|---|---|---|\n");
    for (int i = 0; i < RW_AUDIT_EDITS; i++) {
        const struct rw_audit_example *x = &audit->example[i];
        rw_buf_printf(out, "| %s | ", RW_AUDIT_EDIT[i].name);
        markdown_text(out, x->known ? x->before : "-");
        rw_buf_append(out, " | ", 3);
        markdown_text(out, x->known ? x->after : "-");
        rw_buf_append(out, " |\n", 3);
    }
}

static void markdown_audit(struct rw_buf *out, const struct rw_audit *audit)
{
    rw_buf_printf(out, "\n%zu clean traces of %zu questions from ", audit->n_traces,
                  audit->n_questions);
    markdown_text(out, audit->file);
    rw_buf_printf(out, ", edited and scored again by rewardd %s.\n", RW_VERSION);
    for (int h = 0; h < RW_AUDIT_HEADS; h++) {
        if (audit->model[h].present) {
            markdown_head(out, audit, h);
        }
    }
    markdown_examples(out, audit);
}

static void markdown_both(struct rw_buf *out, const struct rw_audit *const side[2], int head)
{
    rw_buf_printf(out, "\n## Side by side: %s models\n\n| verdict | ",
                  rw_audit_head_name((enum rw_audit_head)head));
    markdown_text(out, side[0]->model[head].name);
    rw_buf_append(out, " | ", 3);
    markdown_text(out, side[1]->model[head].name);
    rw_buf_printf(out, " |\n|---|---|---|\n");
    for (int p = 0; p < RW_AUDIT_PROPERTIES; p++) {
        const struct rw_audit_verdict *a = &side[0]->verdict[head][p];
        const struct rw_audit_verdict *b = &side[1]->verdict[head][p];
        rw_buf_printf(
            out, "| %s | %s. %s | %s. %s |\n", rw_audit_property_name((enum rw_audit_property_id)p),
            rw_audit_grade_name(a->grade), a->sentence, rw_audit_grade_name(b->grade), b->sentence);
    }
}

void rw_audit_markdown(const struct rw_audit *audit, const struct rw_audit *other,
                       struct rw_buf *out)
{
    const struct rw_audit *const side[2] = {audit, other};
    rw_buf_printf(out,
                  "# Audit of a reward model\n\nThe reward of a process model is that of its worst "
                  "step. Intervals: 95 %%, bootstrap over questions.\n\"Falls\": share of traces "
                  "whose raw value falls, ties half. \"Accepted\": reward at least 0.5. d: mean "
                  "change of the raw\nvalue over its standard deviation. Of several rules of one "
                  "verdict the worst decides.\n");
    for (int h = 0; other != NULL && h < RW_AUDIT_HEADS; h++) {
        if (audit->model[h].present && other->model[h].present) {
            markdown_both(out, side, h);
        }
    }
    markdown_audit(out, audit);
    if (other != NULL) {
        rw_buf_printf(out, "\n# The second audit\n");
        markdown_audit(out, other);
    }
}
