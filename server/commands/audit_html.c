/* The report as one HTML page: no script, no font, no picture from elsewhere; plots are SVG. Names
 * come from files and folders and are escaped. */
#include <math.h>
#include <string.h>

#include "server/commands/audit.h"
#include "server/version.h"

static const char STYLE[] =
    "<style>:root{--ink:#1c2330;--soft:#5d6779;--line:#dde2ea;--page:#fff;--card:#f6f8fb;"
    "--process:#2463b0;--outcome:#c2541b;--no:#1a7f4b;--partly:#a86b00;--yes:#b3261e;"
    "--unknown:#5d6779}"
    "@media(prefers-color-scheme:dark){:root{--ink:#e6eaf2;--soft:#9aa5b8;--line:#323a49;"
    "--page:#12161e;--card:#1a202b;--process:#6ea8f0;--outcome:#f0915a;--no:#56c98b;"
    "--partly:#e0b050;--yes:#ff7b72;--unknown:#9aa5b8}}"
    "*{box-sizing:border-box}body{margin:0 auto;max-width:980px;padding:28px 20px 60px;"
    "background:var(--page);color:var(--ink);font:15px/1.5 system-ui,sans-serif}"
    "h1{font-size:25px;margin:0 0 4px}h2{font-size:19px;margin:34px 0 8px;overflow-wrap:anywhere}"
    "h3{font-size:16px;margin:28px 0 6px}p{margin:6px 0;color:var(--soft);overflow-wrap:anywhere}"
    "code{font-size:13px}.cards{display:grid;grid-template-columns:repeat(auto-fill,"
    "minmax(290px,1fr));gap:12px;margin:12px 0}.card{background:var(--card);border:1px solid "
    "var(--line);border-left:4px solid var(--unknown);border-radius:6px;padding:10px 12px;"
    "font-size:14px}.card b{font-size:15px}.card span{float:right;font-weight:600}"
    ".no{border-left-color:var(--no)}.no span{color:var(--no)}.partly{border-left-color:"
    "var(--partly)}.partly span{color:var(--partly)}.yes{border-left-color:var(--yes)}"
    ".yes span{color:var(--yes)}.scroll{overflow-x:auto}table{border-collapse:collapse;"
    "font-size:13px;width:100%;font-variant-numeric:tabular-nums}th,td{padding:5px 8px;text-align:"
    "right;border-bottom:1px solid var(--line);white-space:nowrap}th:first-child,"
    "td:first-child{text-align:left;white-space:normal;min-width:190px}td p{margin:0;"
    "font-size:12px}.card p{margin:4px 0;font-size:13px}.examples td,.examples th{text-align:left;"
    "white-space:normal;vertical-align:top;min-width:110px;overflow-wrap:anywhere}svg{max-width:"
    "100%;"
    "height:auto}svg text{fill:var(--ink);font:12px system-ui,sans-serif}svg .soft{fill:"
    "var(--soft)}.key{display:inline-block;width:11px;height:11px;border-radius:50%;margin:0 5px "
    "0 12px}</style>";

void rw_audit_html_text(struct rw_buf *out, const char *text)
{
    for (const char *c = text; *c != '\0'; c++) {
        switch (*c) {
        case '&':
            rw_buf_append(out, "&amp;", 5);
            break;
        case '<':
            rw_buf_append(out, "&lt;", 4);
            break;
        case '>':
            rw_buf_append(out, "&gt;", 4);
            break;
        case '"':
            rw_buf_append(out, "&quot;", 6);
            break;
        case '\'':
            rw_buf_append(out, "&#39;", 5);
            break;
        default:
            if ((unsigned char)*c >= 0x20) {
                rw_buf_append_char(out, *c);
            }
        }
    }
}

/* ---- words and table ------------------------------------------------------------------------- */

static const char *grade_name(const struct rw_audit_verdict *v)
{
    return rw_audit_grade_name(v->grade);
}

static void write_cards(struct rw_buf *out, const struct rw_audit *audit, int head)
{
    rw_buf_printf(out, "<div class=\"cards\">");
    for (int p = 0; p < RW_AUDIT_PROPERTIES; p++) {
        const struct rw_audit_verdict *v = &audit->verdict[head][p];
        rw_buf_printf(out, "<div class=\"card %s\"><span>%s</span><b>%s</b><p>%s</p>",
                      grade_name(v), grade_name(v),
                      rw_audit_property_name((enum rw_audit_property_id)p),
                      rw_audit_property_text((enum rw_audit_property_id)p));
        rw_audit_html_text(out, v->sentence);
        rw_buf_printf(out, "<p>Rule: ");
        rw_audit_html_text(out, v->rule);
        rw_buf_printf(out, ".</p></div>");
    }
    rw_buf_append(out, "</div>", 6);
}

static void write_cell(struct rw_buf *out, const struct rw_audit_interval *i, const char *unit)
{
    const bool share = unit[0] == '%';
    if (!isfinite(i->value) || !isfinite(i->low)) {
        rw_buf_printf(out, "<td>&ndash;</td>");
    } else if (share) {
        rw_buf_printf(out, "<td>%.0f %% [%.0f, %.0f]</td>", 100 * i->value, 100 * i->low,
                      100 * i->high);
    } else {
        rw_buf_printf(out, "<td>%+.3f [%+.3f, %+.3f]</td>", i->value, i->low, i->high);
    }
}

static void write_table(struct rw_buf *out, const struct rw_audit *audit, int head)
{
    rw_buf_printf(out, "<div class=\"scroll\"><table><tr><th>intervention</th><th>traces</th>"
                       "<th>before</th><th>after</th><th>change</th><th>falls</th>"
                       "<th>still accepted</th><th>d</th></tr>");
    for (int i = 0; i < RW_AUDIT_EDITS; i++) {
        const struct rw_audit_effect *e = &audit->effect[i][head];
        rw_buf_printf(out, "<tr><td>%s<p>%s</p></td><td>%zu</td>", RW_AUDIT_EDIT[i].name,
                      RW_AUDIT_EDIT[i].what, e->n);
        if (e->n == 0) {
            rw_buf_printf(out, "<td colspan=\"6\">no trace could be edited this way</td></tr>");
            continue;
        }
        rw_buf_printf(out, "<td>%.3f</td><td>%.3f</td>", e->before.value, e->after.value);
        write_cell(out, &e->delta, "");
        write_cell(out, &e->falls, "%");
        write_cell(out, &e->kept, "%");
        rw_buf_printf(out, "<td>%+.2f</td></tr>", e->effect_size);
    }
    rw_buf_printf(out, "</table></div>");
}

/* ---- examples -------------------------------------------------------------------------------- */

static void write_rewards(struct rw_buf *out, const struct rw_audit *audit,
                          const struct rw_audit_example *x)
{
    for (int h = 0; h < RW_AUDIT_HEADS; h++) {
        if (audit->model[h].present && x->value[h][0].known && x->value[h][1].known) {
            rw_buf_printf(out, "%s %.3f &rarr; %.3f<br>", rw_audit_head_name((enum rw_audit_head)h),
                          x->value[h][0].reward, x->value[h][1].reward);
        }
    }
}

static void write_examples(struct rw_buf *out, const struct rw_audit *audit)
{
    rw_buf_printf(out, "<h3>One example of each edit</h3><p>What changed, before and after; "
                       "characters that nobody sees are written by their code.</p><div "
                       "class=\"scroll\"><table class=\"examples\"><tr><th>intervention</th><th>"
                       "before</th><th>after</th><th>reward</th></tr>");
    for (int i = 0; i < RW_AUDIT_EDITS; i++) {
        const struct rw_audit_example *x = &audit->example[i];
        rw_buf_printf(out, "<tr><td>%s</td>", RW_AUDIT_EDIT[i].name);
        if (!x->known) {
            rw_buf_printf(out, "<td colspan=\"3\">no trace could be edited this way</td></tr>");
            continue;
        }
        rw_buf_printf(out, "<td>");
        rw_audit_html_text(out, x->before);
        rw_buf_printf(out, "</td><td>");
        rw_audit_html_text(out, x->after);
        rw_buf_printf(out, "</td><td>");
        write_rewards(out, audit, x);
        rw_buf_printf(out, "</td></tr>");
    }
    rw_buf_printf(out, "</table></div>");
}

/* ---- two side by side ------------------------------------------------------------------------ */

static void write_verdict_row(struct rw_buf *out, const struct rw_audit *const side[2], int head,
                              int property)
{
    rw_buf_printf(out, "<tr><td>%s</td>",
                  rw_audit_property_name((enum rw_audit_property_id)property));
    for (int i = 0; i < 2; i++) {
        const struct rw_audit_verdict *v = &side[i]->verdict[head][property];
        rw_buf_printf(out, "<td class=\"%s\"><span>%s</span> ", grade_name(v), grade_name(v));
        rw_audit_html_text(out, v->sentence);
        rw_buf_printf(out, "</td>");
    }
    rw_buf_printf(out, "</tr>");
}

static void write_both(struct rw_buf *out, const struct rw_audit *const side[2], int head)
{
    rw_buf_printf(out,
                  "<h2>Side by side: %s models</h2><div class=\"scroll\"><table "
                  "class=\"examples\"><tr><th>verdict</th>",
                  rw_audit_head_name((enum rw_audit_head)head));
    for (int i = 0; i < 2; i++) {
        rw_buf_printf(out, "<th>");
        rw_audit_html_text(out, side[i]->model[head].name);
        rw_buf_printf(out, " <code>%.12s</code></th>", side[i]->model[head].digest);
    }
    rw_buf_printf(out, "</tr>");
    for (int p = 0; p < RW_AUDIT_PROPERTIES; p++) {
        write_verdict_row(out, side, head, p);
    }
    rw_buf_printf(out, "</table></div><div class=\"scroll\"><table><tr><th>intervention</th>"
                       "<th>change: first</th><th>second</th><th>still accepted: first</th>"
                       "<th>second</th></tr>");
    for (int i = 0; i < RW_AUDIT_EDITS; i++) {
        rw_buf_printf(out, "<tr><td>%s</td>", RW_AUDIT_EDIT[i].name);
        write_cell(out, &side[0]->effect[i][head].delta, "");
        write_cell(out, &side[1]->effect[i][head].delta, "");
        write_cell(out, &side[0]->effect[i][head].kept, "%");
        write_cell(out, &side[1]->effect[i][head].kept, "%");
        rw_buf_printf(out, "</tr>");
    }
    rw_buf_printf(out, "</table></div>");
}

/* ---- the page -------------------------------------------------------------------------------- */

static void write_audit(struct rw_buf *out, const struct rw_audit *audit)
{
    rw_buf_printf(out, "<p>%zu clean traces of %zu questions from <code>", audit->n_traces,
                  audit->n_questions);
    rw_audit_html_text(out, audit->file);
    rw_buf_printf(out, "</code>, edited and scored again by rewardd %s. ", RW_VERSION);
    if (audit->n_failed > 0) {
        rw_buf_printf(out, "%zu traces could not be scored and are left out. ", audit->n_failed);
    }
    rw_buf_printf(out, "The reward of a process model is that of its worst step. Intervals: 95 %%, "
                       "bootstrap over questions.</p>");
    rw_audit_draw_effects(out, audit);
    for (int h = 0; h < RW_AUDIT_HEADS; h++) {
        if (audit->model[h].present) {
            rw_buf_printf(out, "<h2>%s model: ", h == RW_AUDIT_PROCESS ? "Process" : "Outcome");
            rw_audit_html_text(out, audit->model[h].name);
            rw_buf_printf(out, "</h2><p>digest <code>%.16s</code>, %s</p>", audit->model[h].digest,
                          audit->model[h].dtype);
            write_cards(out, audit, h);
            write_table(out, audit, h);
            rw_audit_draw_histograms(out, audit, h);
        }
    }
    write_examples(out, audit);
}

void rw_audit_html(const struct rw_audit *audit, const struct rw_audit *other, struct rw_buf *out)
{
    const struct rw_audit *const side[2] = {audit, other};
    rw_buf_printf(out, "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta "
                       "name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>"
                       "Audit of a reward model</title>");
    rw_buf_append(out, STYLE, sizeof STYLE - 1);
    rw_buf_printf(out, "</head><body><h1>Audit of a reward model</h1>");
    for (int h = 0; other != NULL && h < RW_AUDIT_HEADS; h++) {
        if (audit->model[h].present && other->model[h].present) {
            write_both(out, side, h);
        }
    }
    write_audit(out, audit);
    if (other != NULL) {
        rw_buf_printf(out, "<h1>The second audit</h1>");
        write_audit(out, other);
    }
    rw_buf_printf(
        out,
        "<h3>How to read this</h3><p><b>falls</b>: share of traces whose raw value falls, "
        "ties half; a model that does not see the edit scores 50 %%. <b>still "
        "accepted</b>: of the traces with a reward of 0.5 or more, those that keep it. "
        "<b>d</b>: mean change of the raw value over its standard deviation. Each verdict "
        "says its rule; where several rules belong to one verdict the worst decides, and a "
        "rule without enough traces (%d) leaves it unknown, never \"no\".</p></body>"
        "</html>\n",
        RW_AUDIT_N_MIN);
}
