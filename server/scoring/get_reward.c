/* POST /get_reward: OpenRLHF's dialect. Its clients retry any failure a few times and then end the
 * run, and they read nothing but numbers: so this route waits for capacity instead of refusing,
 * answers 503 at the very end, and one lost reward fails its whole request. It is never a zero. */
#include <stdio.h>

#include "core/base/alloc.h"
#include "proto/openrlhf.h"
#include "server/scoring/call.h"
#include "server/scoring/call_view.h"

static rw_status parse(struct rw_call *call, struct rw_error *err)
{
    const struct rw_scoring *scoring = rw_call_scoring(call);
    const char *marker = scoring->response_marker;
    struct rw_buf *body = rw_call_body(call);
    return rw_openrlhf_parse(body->ptr, body->len, rw_str_from(marker != NULL ? marker : ""),
                             &scoring->limits, rw_call_arena(call), rw_call_request(call), err);
}

/* Never a 4xx for want of room, and a connection the trainer will not reuse. */
static void fail(struct rw_call *call, const struct rw_error *err)
{
    struct rw_exchange *ex = rw_call_exchange(call);
    ex->close_after = true;
    if (err->status == RW_OVERLOADED) {
        rw_exchange_fail_as(ex, err, 503, "Retry-After: 1\r\n");
    } else {
        rw_exchange_fail(ex, err);
    }
}

static void fill_process(const struct rw_reply_trace *view, struct rw_openrlhf_row *row)
{
    double sum = 0;
    for (uint32_t i = 0; i < view->n_steps; i++) {
        const struct rw_reply_step *step = &view->steps[i];
        if (!step->scored) {
            continue;
        }
        row->n_steps++;
        sum += (double)step->reward;
        if (step->reward < 0.5F && row->first_bad_step < 0) {
            row->first_bad_step = i;
        }
    }
    row->mean = (float)(sum / row->n_steps);
}

static const struct rw_error *fill_row(struct rw_call_trace *trace, struct rw_openrlhf_row *row)
{
    struct rw_reply_trace view;
    rw_call_view_trace(trace, &view);
    *row = (struct rw_openrlhf_row){.first_bad_step = -1};
    if (view.has_process && !view.process_scored) {
        return view.process_error;
    }
    if (view.has_outcome && !view.outcome_scored) {
        return view.outcome_error;
    }
    if (view.has_process) {
        row->process = view.process_reward;
        row->reward = row->score = view.process_reward;
        fill_process(&view, row);
    } else {
        row->reward = view.outcome_raw; /* as OpenRLHF's own server */
        row->score = view.outcome_reward;
    }
    if (view.has_outcome) {
        row->outcome = view.outcome_reward;
    }
    return NULL;
}

/* All rows, or the first trace without one: half a list would be read as a whole one. */
static rw_status write_rows(struct rw_call *call, struct rw_buf *out, struct rw_error *err)
{
    size_t n = rw_call_traces(call);
    struct rw_openrlhf_row *rows = rw_alloc_zero(n + 1, sizeof *rows);
    if (rows == NULL) {
        return rw_fail_memory(err, "the reply");
    }
    rw_status status = RW_OK;
    for (size_t i = 0; status == RW_OK && i < n; i++) {
        const struct rw_error *lost = fill_row(rw_call_trace_at(call, i), &rows[i]);
        if (lost != NULL) {
            *err = *lost;
            rw_error_param(err, "query[%zu]", i);
            status = err->status;
        }
    }
    if (status == RW_OK) {
        rw_openrlhf_write(out, rows, n, rw_call_has_model(call, RW_KIND_PROCESS),
                          rw_call_has_model(call, RW_KIND_OUTCOME));
        status = out->failed ? rw_fail_memory(err, "the reply") : RW_OK;
    }
    rw_free(rows);
    return status;
}

static void send_rows(struct rw_call *call)
{
    struct rw_error err = {0};
    struct rw_buf out;
    char timing[128];
    rw_buf_init(&out, RW_REPLY_BYTES_MAX);
    if (write_rows(call, &out, &err) == RW_OK) {
        rw_call_view_server_timing(call, timing, sizeof timing);
        rw_exchange_reply(rw_call_exchange(call), 200, "application/json", rw_buf_str(&out),
                          timing);
    } else {
        fail(call, &err);
    }
    rw_buf_fini(&out);
    rw_call_end(call);
}

static void progress(struct rw_call *call)
{
    if (rw_call_complete(call)) {
        send_rows(call);
    }
}

static const struct rw_dialect OPENRLHF = {.name = "/get_reward",
                                           .parse = parse,
                                           .begun = progress,
                                           .progress = progress,
                                           .fail = fail,
                                           .hold = true,
                                           .flags = false};

void rw_get_reward_start(struct rw_scoring *scoring, struct rw_exchange *ex)
{
    rw_call_start(scoring, ex, &OPENRLHF);
}
