#include "server/runs/run_text.h"

#include <math.h>
#include <stdio.h>

enum {
    WINDOWS_SHOWN = 20, /* the latest */
    FAST_SHOWN = 8,
    BAR_CELLS = 10,
};

static void cell(struct rw_buf *out, double value)
{
    if (isfinite(value)) {
        rw_buf_printf(out, " %9.3f", value);
    } else {
        rw_buf_append_str(out, RW_STR("         –"));
    }
}

/* Rewards lie in 0..1 almost always; another one shows an empty or a full bar. */
static void bar(struct rw_buf *out, double value)
{
    double cells = isfinite(value) ? value * BAR_CELLS + 0.5 : 0;
    rw_buf_append_str(out, RW_STR("  "));
    for (int i = 1; i <= BAR_CELLS; i++) {
        rw_buf_append_str(out, cells >= i ? RW_STR("█") : RW_STR("·"));
    }
}

static void window(struct rw_buf *out, const struct rw_run_window *w)
{
    rw_buf_printf(out, "%6llu %9llu", (unsigned long long)w->index, (unsigned long long)w->end);
    cell(out, w->reward[RW_RUN_PROCESS].value);
    cell(out, w->reward[RW_RUN_OUTCOME].value);
    cell(out, w->accuracy.value);
    cell(out, w->gap.value);
    cell(out, w->coverage.eta_bar.value);
    cell(out, w->participation.value);
    cell(out, w->steps.value);
    bar(out, isfinite(w->reward[RW_RUN_OUTCOME].value) ? w->reward[RW_RUN_OUTCOME].value
                                                       : w->reward[RW_RUN_PROCESS].value);
    rw_buf_append_char(out, '\n');
}

static const char HEAD[] = "window  to trace   process   outcome  accuracy       gap       "
                           "eta   partic.     steps\n";

static void windows(struct rw_buf *out, const struct rw_run *run, const struct rw_run_view *v)
{
    if (v->first == NULL) {
        rw_buf_printf(out, "\nno slow window is complete yet: %llu of %llu traces\n",
                      (unsigned long long)v->in_window, (unsigned long long)v->options.window);
        return;
    }
    rw_buf_printf(out, "\nslow windows, %llu traces each\n%s",
                  (unsigned long long)v->options.window, HEAD);
    uint32_t from = v->n_windows > WINDOWS_SHOWN ? v->n_windows - WINDOWS_SHOWN : 0;
    if (v->n_windows == 0 || v->first->index < rw_run_window(run, from)->index) {
        window(out, v->first);
    }
    for (uint32_t i = from; i < v->n_windows; i++) {
        window(out, rw_run_window(run, i));
    }
    if (rw_run_window(run, v->n_windows - 1)->participation_missing == RW_RUN_NO_SPREAD) {
        rw_buf_append_str(out, RW_STR("no participation ratio: all traces of the window are "
                                      "alike\n"));
    }
    rw_buf_append_str(out,
                      RW_STR("\nbad signs: the outcome reward rises and accuracy does not; the gap "
                             "(outcome - process) grows;\neta (share of the first traces' region "
                             "still visited) or the participation ratio falls\n"));
}

static void fast_windows(struct rw_buf *out, const struct rw_run *run, const struct rw_run_view *v)
{
    if (v->n_fast == 0) {
        return;
    }
    rw_buf_printf(out, "\nfast windows, %llu traces each: no eta, no participation ratio\n%s",
                  (unsigned long long)v->options.fast, HEAD);
    for (uint32_t i = v->n_fast > FAST_SHOWN ? v->n_fast - FAST_SHOWN : 0; i < v->n_fast; i++) {
        window(out, rw_run_fast(run, i));
    }
}

static void streams(struct rw_buf *out, const struct rw_run *run, const struct rw_run_view *v)
{
    for (uint32_t i = 0; i < v->n_streams; i++) {
        const struct rw_run_stream *s = rw_run_stream(run, i);
        rw_buf_printf(
            out, "\nvalidation traces, %s: %llu\n  step   process   outcome  accuracy       lag\n",
            s->kind[0] != '\0' ? s->kind : "plain", (unsigned long long)s->traces);
        for (uint32_t k = 0; k < s->batches && k < RW_RUN_BATCHES; k++) {
            const struct rw_run_batch *b = rw_run_batch(s, k);
            rw_buf_printf(out, "%6lld", (long long)b->step);
            cell(out, b->reward[RW_RUN_PROCESS].value);
            cell(out, b->reward[RW_RUN_OUTCOME].value);
            cell(out, b->accuracy.value);
            cell(out, b->lag.value);
            rw_buf_append_char(out, '\n');
        }
    }
}

static void alarm(struct rw_buf *out, const struct rw_run_alarm *a)
{
    const struct rw_run_rule_info *info = rw_run_rule_info(a->rule);
    const char *span = !a->has_span ? "" : a->span == RW_RUN_FAST ? "fast " : "slow ";
    rw_buf_printf(out, "\n%s %s  at trace %llu, %swindow %llu%s\n  %s\n  what to do: %s\n",
                  a->acknowledged ? "  " : "▲ ", info->name, (unsigned long long)a->at, span,
                  (unsigned long long)a->window, a->acknowledged ? ", acknowledged" : "",
                  a->sentence, info->advice);
    for (uint32_t i = 0; i < a->n_suspects; i++) {
        const struct rw_run_label *l = &a->suspect[i];
        rw_buf_printf(out, "  trace: request %s item %u trace %u", l->request, l->item, l->trace);
        if (l->step >= 0) {
            rw_buf_printf(out, " step %lld", (long long)l->step);
        }
        if (l->sample_index >= 0) {
            rw_buf_printf(out, " sample %lld", (long long)l->sample_index);
        }
        rw_buf_append_char(out, '\n');
    }
}

void rw_run_text(struct rw_buf *out, const struct rw_run *run, const struct rw_store_run *row,
                 bool durable)
{
    struct rw_run_view v;
    rw_run_view(run, &v);
    rw_buf_printf(out, "run %.*s\n%llu traces, %llu failed, %llu open alarms, %s", RW_STR_ARG(v.id),
                  (unsigned long long)v.traces, (unsigned long long)v.failed,
                  (unsigned long long)row->alarms, durable ? "in the database" : "in memory only");
    if (v.step >= 0) {
        rw_buf_printf(out, ", training step %lld", (long long)v.step);
    }
    if (row->labels[0] != '\0') {
        rw_buf_printf(out, "\nlabels %s", row->labels);
    }
    rw_buf_append_char(out, '\n');
    windows(out, run, &v);
    fast_windows(out, run, &v);
    streams(out, run, &v);
    for (uint32_t i = 0; i < v.n_alarms; i++) {
        alarm(out, rw_run_alarm(run, i));
    }
    if (v.n_alarms == 0) {
        rw_buf_append_str(out, RW_STR("\nno alarm\n"));
    }
}
