/* The plots of an audit's page, as SVG: changes by intervention, histograms of rewards. The names
 * are those of the table. */
#include <math.h>

#include "core/base/util.h"
#include "server/commands/audit.h"

enum {
    ROW = 26,   /* px: one intervention of the plot */
    LEFT = 250, /* px: labels */
    WIDE = 560, /* px: the axis from -1 to 1 */
    TOP = 30,
    CELL_W = 210,
    CELL_H = 118,
    CELLS = 4, /* histograms in a row */
};

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

void rw_audit_draw_effects(struct rw_buf *out, const struct rw_audit *audit)
{
    const int height = TOP + RW_AUDIT_EDITS * ROW + 8;
    rw_buf_printf(out, "<h3>Change of the reward <span class=\"soft\">");
    for (int h = 0; h < RW_AUDIT_HEADS; h++) {
        if (audit->model[h].present) {
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
        rw_audit_html_text(out, RW_AUDIT_EDIT[i].name);
        rw_buf_append(out, "</text>", 7);
        for (int h = 0; h < RW_AUDIT_HEADS; h++) {
            if (audit->model[h].present) {
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

void rw_audit_draw_histograms(struct rw_buf *out, const struct rw_audit *audit, int head)
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
