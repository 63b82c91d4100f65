/* POST /get_reward: OpenRLHF's dialect. Its clients retry any failure a few times and then end the
 * run, and they read nothing but numbers: so this route waits for capacity instead of refusing,
 * answers 503 at the very end, and one lost reward fails its whole request. It is never a zero. */
#include <stdio.h>

#include "core/base/alloc.h"
#include "proto/openrlhf.h"
#include "server/scoring/call.h"

static rw_status parse(struct rw_call *call, struct rw_error *err)
{
    static char nothing[1];
    const char *marker = call->service->options->response_marker;
    return rw_openrlhf_parse(call->body.ptr != NULL ? call->body.ptr : nothing, call->body.len,
                             rw_str_from(marker != NULL ? marker : ""), &call->service->limits,
                             &call->arena, &call->request, err);
}

/* Never a 4xx for want of room, and a connection the trainer will not reuse. */
static void fail(struct rw_call *call, const struct rw_error *err)
{
    call->ex->close_after = true;
    if (err->status == RW_OVERLOADED) {
        rw_exchange_fail_as(call->ex, err, 503, "Retry-After: 1\r\n");
    } else {
        rw_exchange_fail(call->ex, err);
    }
}

static void fill_process(struct rw_call_trace *trace, struct rw_openrlhf_row *row)
{
    const struct rw_call_part *part = &trace->part[RW_PART_PROCESS];
    const struct rw_score *scores = rw_job_scores(part->job);
    double sum = 0;
    row->n_steps = rw_call_steps_ready(trace);
    for (uint32_t i = 0; i < row->n_steps; i++) {
        sum += (double)scores[i].reward;
        if (scores[i].reward < 0.5F && row->first_bad_step < 0) {
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
        fill_process(trace, row);
    } else {
        row->reward = view.outcome_raw; /* as OpenRLHF's own server */
        row->score = view.outcome_reward;
    }
    if (view.has_outcome) {
        row->outcome = view.outcome_reward;
    }
    return NULL;
}

static void send_rows(struct rw_call *call)
{
    struct rw_openrlhf_row *rows = rw_alloc_zero(call->n_traces + 1, sizeof *rows);
    struct rw_error err = {0};
    const struct rw_error *lost = NULL;
    struct rw_buf out;
    rw_buf_init(&out, RW_OUT_BYTES_MAX);
    for (size_t i = 0; rows != NULL && lost == NULL && i < call->n_traces; i++) {
        lost = fill_row(&call->traces[i], &rows[i]);
        if (lost != NULL) {
            err = *lost;
            rw_error_param(&err, "query[%zu]", i);
        }
    }
    if (rows == NULL) {
        rw_fail(&err, RW_NO_MEMORY, "no memory for the reply");
    }
    if (err.status == RW_OK) {
        rw_openrlhf_write(&out, rows, call->n_traces, call->model[RW_PART_PROCESS] != NULL,
                          call->model[RW_PART_OUTCOME] != NULL);
        if (out.failed) { /* half a list would be read as a whole one */
            rw_fail(&err, RW_NO_MEMORY, "no memory for the reply");
        }
    }
    if (err.status == RW_OK) {
        char timing[128];
        rw_call_server_timing(call, timing, sizeof timing);
        rw_exchange_reply(call->ex, 200, "application/json", rw_buf_str(&out), timing);
    } else {
        fail(call, &err);
    }
    rw_buf_fini(&out);
    rw_free(rows);
    rw_call_end(call);
}

static void progress(struct rw_call *call)
{
    if (rw_call_complete(call)) {
        send_rows(call);
    }
}

static const struct rw_dialect OPENRLHF = {parse, progress,     progress,
                                           fail,  .hold = true, .flags = false};

void rw_handle_get_reward(struct rw_service *service, struct rw_exchange *ex)
{
    rw_call_start(service, ex, &OPENRLHF);
}
