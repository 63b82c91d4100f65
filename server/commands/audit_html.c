/* The report as one HTML page: no script, no font, no picture from elsewhere; plots are SVG. Names
 * come from files and folders and are escaped. */
#include <math.h>
#include <string.h>

#include "core/base/util.h"
#include "server/commands/audit.h"
#include "server/version.h"

enum {
    ROW = 26,   /* px: one intervention of the plot */
    LEFT = 250, /* px: labels */
    WIDE = 560, /* px: the axis from -1 to 1 */
    TOP = 30,
    CELL_W = 210,
    CELL_H = 118,
    CELLS = 4, /* histograms in a row */
};

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
    "td:first-child{text-align:left;white-space:normal;min-width:190px}svg{max-width:100%;"
    "height:auto}svg text{fill:var(--ink);font:12px system-ui,sans-serif}svg .soft{fill:"
    "var(--soft)}.key{display:inline-block;width:11px;height:11px;border-radius:50%;margin:0 5px "
    "0 12px}</style>";

static void html_text(struct rw_buf *out, const char *text)
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

static const char *colour(int head)
{
    return head == RW_AUDIT_PROCESS ? "var(--process)" : "var(--outcome)";
}

/* ---- change of the reward, all interventions ------------------------------------------------- */

static double on_axis(double delta)
{
    return LEFT + (delta + 1) / 2 * WIDE;
}

static void draw_axis(struct rw_buf *out, int height)
{
    for (int i = -4; i <= 4; i++) {
        double x = on_axis(i / 4.0);
        rw_buf_printf(out,
                      "<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\" stroke=\"var(--line)\" "
                      "stroke-width=\"%d\"/><text class=\"soft\" x=\"%.1f\" y=\"%d\" "
                      "text-anchor=\"middle\">%s%.4g</text>",
                      x, x, TOP - 6, height - 6, i == 0 ? 2 : 1, x, TOP - 12, i > 0 ? "+" : "",
                      i / 4.0);
    }
}

static void draw_effect(struct rw_buf *out, const struct rw_audit_effect *e, int head, double y)
{
    if (e->n == 0 || !isfinite(e->delta.low)) {
        return;
    }
    rw_buf_printf(out,
                  "<g><title>%s %+.3f [%+.3f, %+.3f], %zu traces</title><line x1=\"%.1f\" "
                  "x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"%s\" stroke-width=\"3\"/><circle "
                  "cx=\"%.1f\" cy=\"%.1f\" r=\"4.5\" fill=\"%s\"/></g>",
                  rw_audit_head_name((enum rw_audit_head)head), e->delta.value, e->delta.low,
                  e->delta.high, e->n, on_axis(e->delta.low), on_axis(e->delta.high), y, y,
                  colour(head), on_axis(e->delta.value), y, colour(head));
}

static void draw_effects(struct rw_buf *out, const struct rw_audit *audit)
{
    const int height = TOP + RW_AUDIT_EDITS * ROW + 8;
    rw_buf_printf(out, "<h3>Change of the reward <span class=\"soft\">");
    for (int h = 0; h < RW_AUDIT_HEADS; h++) {
        if (audit->model[h] != NULL) {
            rw_buf_printf(out, "<i class=\"key\" style=\"background:%s\"></i>%s", colour(h),
                          rw_audit_head_name((enum rw_audit_head)h));
        }
    }
    rw_buf_printf(out,
                  "</span></h3><svg viewBox=\"0 0 %d %d\" width=\"%d\" role=\"img\" "
                  "aria-label=\"Change of the reward by intervention\">",
                  LEFT + WIDE + 30, height, LEFT + WIDE + 30);
    draw_axis(out, height);
    for (int i = 0; i < RW_AUDIT_EDITS; i++) {
        double y = TOP + i * ROW + ROW / 2.0;
        rw_buf_printf(out, "<text x=\"0\" y=\"%.1f\">", y + 4);
        html_text(out, RW_AUDIT_EDIT[i].name);
        rw_buf_append(out, "</text>", 7);
        for (int h = 0; h < RW_AUDIT_HEADS; h++) {
            if (audit->model[h] != NULL) {
                draw_effect(out, &audit->effect[i][h], h, y + (h == RW_AUDIT_PROCESS ? -4.0 : 4.0));
            }
        }
    }
    rw_buf_append(out, "</svg>", 6);
}

/* ---- distributions --------------------------------------------------------------------------- */

static uint32_t highest(const uint32_t bins[RW_AUDIT_BINS])
{
    uint32_t most = 1;
    for (int i = 0; i < RW_AUDIT_BINS; i++) {
        most = RW_MAX(bins[i], most);
    }
    return most;
}

/* Bars: after the edit. Outline: before it. Each to its own maximum. */
static void draw_histogram(struct rw_buf *out, const struct rw_audit *audit, int edit, int head)
{
    const double x0 = edit % CELLS * CELL_W;
    const double y0 = edit / CELLS * CELL_H;
    const double w = (CELL_W - 24.0) / RW_AUDIT_BINS;
    const double h = CELL_H - 52.0;
    const double base = y0 + 22 + h;
    const uint32_t *after = audit->after[edit][head];
    const uint32_t *before = audit->before[head];
    rw_buf_printf(out, "<text x=\"%.1f\" y=\"%.1f\">%s</text>", x0 + 4, y0 + 14,
                  RW_AUDIT_EDIT[edit].name);
    for (int b = 0; b < RW_AUDIT_BINS; b++) {
        double tall = h * after[b] / highest(after);
        rw_buf_printf(out,
                      "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"%s\" "
                      "opacity=\".75\"/>",
                      x0 + 4 + b * w, base - tall, w - 1.5, tall, colour(head));
    }
    rw_buf_printf(out,
                  "<path fill=\"none\" stroke=\"var(--ink)\" stroke-width=\"1.2\" d=\"M%.1f %.1f",
                  x0 + 4, base);
    for (int b = 0; b < RW_AUDIT_BINS; b++) {
        double y = base - h * before[b] / highest(before);
        rw_buf_printf(out, "V%.1fH%.1f", y, x0 + 4 + (b + 1) * w);
    }
    rw_buf_printf(out,
                  "V%.1f\"/><line x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\" "
                  "stroke=\"var(--line)\"/><text class=\"soft\" x=\"%.1f\" y=\"%.1f\">0</text>"
                  "<text class=\"soft\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">1</text>",
                  base, x0 + 4, x0 + 4 + RW_AUDIT_BINS * w, base, base, x0 + 4, base + 14,
                  x0 + 4 + RW_AUDIT_BINS * w, base + 14);
}

static void draw_histograms(struct rw_buf *out, const struct rw_audit *audit, int head)
{
    const int rows = (RW_AUDIT_EDITS + CELLS - 1) / CELLS;
    rw_buf_printf(out,
                  "<h3>Rewards after each edit (bars) and before it (outline)</h3><svg "
                  "viewBox=\"0 0 %d %d\" width=\"%d\" role=\"img\" aria-label=\"Histograms of "
                  "rewards\">",
                  CELLS * CELL_W, rows * CELL_H, CELLS * CELL_W);
    for (int i = 0; i < RW_AUDIT_EDITS; i++) {
        draw_histogram(out, audit, i, head);
    }
    rw_buf_append(out, "</svg>", 6);
}

/* ---- words and table ------------------------------------------------------------------------- */

static void write_cards(struct rw_buf *out, const struct rw_audit *audit, int head)
{
    rw_buf_printf(out, "<div class=\"cards\">");
    for (int p = 0; p < RW_AUDIT_PROPERTIES; p++) {
        const struct rw_audit_verdict *v = &audit->verdict[head][p];
        const char *grade = rw_audit_grade_name(v->grade);
        rw_buf_printf(out, "<div class=\"card %s\"><span>%s</span><b>%s</b><br>", grade, grade,
                      rw_audit_property_name((enum rw_audit_property_id)p));
        html_text(out, v->sentence);
        rw_buf_append(out, "</div>", 6);
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
        rw_buf_printf(out, "<tr><td>%s</td><td>%zu</td>", RW_AUDIT_EDIT[i].what, e->n);
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

void rw_audit_html(const struct rw_audit *audit, struct rw_buf *out)
{
    rw_buf_printf(out, "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta "
                       "name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>"
                       "Audit of a reward model</title>");
    rw_buf_append(out, STYLE, sizeof STYLE - 1);
    rw_buf_printf(out,
                  "</head><body><h1>Audit of a reward model</h1><p>%zu clean traces of %zu "
                  "questions from <code>",
                  audit->n_traces, audit->n_questions);
    html_text(out, audit->file);
    rw_buf_printf(out, "</code>, edited and scored again by rewardd %s. ", RW_VERSION);
    if (audit->n_failed > 0) {
        rw_buf_printf(out, "%zu traces could not be scored and are left out. ", audit->n_failed);
    }
    rw_buf_printf(out, "The reward of a process model is that of its worst step. Intervals: 95 %%, "
                       "bootstrap over questions.</p>");
    draw_effects(out, audit);
    for (int h = 0; h < RW_AUDIT_HEADS; h++) {
        if (audit->model[h] == NULL) {
            continue;
        }
        const struct rw_model_info *info = rw_model_info(audit->model[h]);
        rw_buf_printf(out, "<h2>%s model: ", h == RW_AUDIT_PROCESS ? "Process" : "Outcome");
        html_text(out, info->name);
        rw_buf_printf(out, "</h2><p>digest <code>%.16s</code>, %s</p>", info->digest, info->dtype);
        write_cards(out, audit, h);
        write_table(out, audit, h);
        draw_histograms(out, audit, h);
    }
    rw_buf_printf(
        out, "<h3>How to read this</h3><p><b>falls</b>: share of traces whose raw value falls, "
             "ties half; a model that does not see the edit scores 50 %%. <b>still "
             "accepted</b>: of the traces with a reward of 0.5 or more, those that keep it. "
             "<b>d</b>: mean change of the raw value over its standard deviation. Blind: the "
             "interval of <i>falls</i> ends at 60 %% or below (yes), begins at 90 %% or above "
             "(no), else partly. Loving: the mean reward moves by more than 0.02 in the "
             "unwanted direction, its whole interval (yes) or a part of it "
             "(partly).</p></body></html>\n");
}
