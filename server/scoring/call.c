/* The life of a scoring request: prepare, be admitted, run one job per trace and model, be read,
 * let go. Everything that grows with the number of traces is done in slices, as the call's turn. */
#include "server/scoring/call.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/assert.h"
#include "core/base/clock.h"
#include "core/base/util.h"
#include "server/scoring/call_flags.h"
#include "server/scoring/call_prepare.h"
#include "server/scoring/call_state.h"

enum {
    /* Bytes of a body that is parsed on the loop, which is faster than waking a thread. A prompt of
     * half of it is tokenised once for each of the traces in the other half, so the work grows with
     * its square: 1 kB before 30 traces stays under 2 ms. */
    INLINE_BODY_MAX = 2048,
    /* Submitted, cancelled or released in one step. A trace weighs its tokens / 64, because the
     * engine checks every id, and 1 for each step, because its features are 256 bytes of fresh
     * pages (measured: 256 traces of 300 steps are 20 MB, and took the loop 50 to 300 ms at once).
     */
    SLICE_WEIGHT = 4096,
    SLICE_TRACES = 256,
    TRACE_WEIGHT = SLICE_WEIGHT / SLICE_TRACES, /* of a trace at least */
    SMALL_BYTES = 256 * 1024,                   /* of memory that is given back on the loop */
};

static size_t weight_of(const struct rw_call_trace *trace)
{
    size_t weight = TRACE_WEIGHT;
    for (int p = 0; p < RW_PARTS; p++) {
        weight += trace->part[p].input.n_tokens / 64 + trace->part[p].input.n_steps;
    }
    return weight;
}

/* ---- the end --------------------------------------------------------------------------------- */

static void cancel_jobs(struct rw_call *call, struct rw_call_trace *trace)
{
    struct rw_metrics *m = call->scoring->metrics;
    for (int p = 0; p < RW_PARTS; p++) {
        struct rw_call_part *part = &trace->part[p];
        if (part->job != NULL && !part->final) {
            m->jobs_cancelled++;
            rw_engine_cancel(rw_call_engine(call), part->job);
        }
    }
    if (trace->flags != NULL) {
        m->jobs_cancelled += rw_trace_flags_cancel(trace->flags);
    }
}

static void release_jobs(struct rw_call *call, struct rw_call_trace *trace)
{
    for (int p = 0; p < RW_PARTS; p++) {
        if (trace->part[p].job != NULL) {
            rw_job_release(rw_call_engine(call), trace->part[p].job);
        }
    }
    if (trace->flags != NULL) {
        rw_trace_flags_release(trace->flags);
    }
}

static void free_memory(struct rw_task *task)
{
    struct rw_call *call = RW_CONTAINER_OF(task, struct rw_call, task);
    rw_buf_fini(&call->body);
    rw_arena_fini(&call->arena);
}

static void freed(struct rw_task *task)
{
    struct rw_call *call = RW_CONTAINER_OF(task, struct rw_call, task);
    struct rw_scoring *scoring = call->scoring;
    rw_free(call);
    scoring->calls--;
}

/* Half a gigabyte of pages takes the system a tenth of a second: not on the loop. */
static void destroy(struct rw_call *call)
{
    rw_assert(call->out == 0);
    rw_call_give_tokens(call, call->tokens_held);
    rw_turns_remove(call->scoring->turns, &call->turn);
    call->task.run = free_memory;
    call->task.done = freed;
    if (call->arena.used_bytes + call->body.size > SMALL_BYTES) {
        rw_prepare_more(call->scoring->prepare, &call->lane, &call->task);
    } else {
        free_memory(&call->task);
        freed(&call->task);
    }
}

/* A step of ENDING; false when it is over, or goes on when the last job is back. */
static bool let_go(struct rw_call *call)
{
    if (call->preparing) {
        return false; /* its turn comes again with the thread's return */
    }
    size_t weight = 0;
    while (weight < SLICE_WEIGHT && call->let_go < call->n_traces) {
        weight += TRACE_WEIGHT;
        cancel_jobs(call, &call->traces[call->let_go++]);
    }
    if (call->let_go < call->n_traces) {
        return true;
    }
    if (call->out > 0) {
        return false;
    }
    while (weight < SLICE_WEIGHT && call->freed < call->n_traces) {
        weight += weight_of(&call->traces[call->freed]);
        release_jobs(call, &call->traces[call->freed++]);
    }
    if (call->freed < call->n_traces) {
        return true;
    }
    destroy(call);
    return false;
}

static void end(struct rw_call *call)
{
    rw_call_enter(call, RW_CALL_ENDING);
    rw_turns_add(call->scoring->turns, &call->turn);
}

void rw_call_end(struct rw_call *call)
{
    end(call);
}

/* The client is gone. */
static void on_gone(void *work)
{
    struct rw_call *call = work;
    rw_assert(call->phase != RW_CALL_ENDING);
    rw_admission_leave_line(&call->scoring->admission, &call->waiter);
    end(call);
}

/* Memory that our own cap refused is no passing shortage: the same request meets it again. */
static void tell_cap(const struct rw_call *call, struct rw_error *err)
{
    if (err->status == RW_NO_MEMORY && call->arena.over_cap) {
        rw_fail(err, RW_REQUEST_TOO_LARGE, "the request needs over %zu bytes of working memory",
                call->arena.max_bytes);
        rw_error_hint(err, "send fewer traces per request, or raise --request-memory");
    }
}

/* Ends the call with an error reply. */
static void fail(struct rw_call *call, const struct rw_error *err)
{
    struct rw_error copy = *err; /* it may live in the call */
    struct rw_metrics *m = call->scoring->metrics;
    tell_cap(call, &copy);
    m->errors[copy.status]++;
    m->refused_overload += copy.status == RW_OVERLOADED ? 1 : 0;
    call->dialect->fail(call, &copy);
    end(call);
}

/* ---- running --------------------------------------------------------------------------------- */

static void end_part(struct rw_call_part *part)
{
    struct rw_call_trace *trace = part->trace;
    struct rw_call *call = trace->call;
    part->final = true;
    if (part->view.state == RW_JOB_FAILED || part->view.state == RW_JOB_CANCELLED) {
        struct rw_error *copy = rw_arena_alloc(&call->arena, sizeof *copy);
        static const struct rw_error LOST = {.status = RW_INTERNAL, .message = "the job failed"};
        part->error = copy != NULL ? copy : &LOST;
        if (copy != NULL && part->view.state == RW_JOB_FAILED) {
            *copy = part->view.error;
        } else if (copy != NULL) {
            rw_fail(copy, RW_CANCELLED, "the request was cancelled");
        }
    }
    rw_call_account(call, &part->view.cost);
    rw_call_give_tokens(call, part->input.n_tokens);
    if (trace->part[RW_PART_PROCESS].final && trace->part[RW_PART_OUTCOME].final) {
        rw_call_trace_scored(trace);
    }
    rw_call_back(call);
}

static void on_news(struct rw_job_owner *owner, struct rw_job *job)
{
    struct rw_call_part *part = RW_CONTAINER_OF(owner, struct rw_call_part, owner);
    rw_assert(job == part->job);
    rw_assert(!part->final);
    rw_job_view(job, &part->view);
    rw_call_mark_fresh(part->trace);
    if (part->view.state >= RW_JOB_DONE) {
        end_part(part);
    }
}

/* Jobs of one step, and where each goes. */
struct slice {
    struct rw_job_spec spec[SLICE_TRACES * (RW_PARTS + 1)]; /* and one probe */
    struct rw_job **slot[SLICE_TRACES * (RW_PARTS + 1)];
    struct rw_job *job[SLICE_TRACES * (RW_PARTS + 1)];
    size_t n;
    size_t traces;
    size_t weight;
};

static void add_trace(struct slice *s, struct rw_call_trace *trace)
{
    struct rw_call *call = trace->call;
    for (int p = 0; p < RW_PARTS; p++) {
        struct rw_call_part *part = &trace->part[p];
        if (part->final) {
            continue;
        }
        part->owner.news = on_news;
        s->spec[s->n] = (struct rw_job_spec){
            .model = call->model[p],
            .input = &part->input,
            .stop_below = p == RW_PART_PROCESS ? (float)call->request.stop_below : NAN,
            .deadline_ns = rw_call_deadline(call),
            .want_features =
                p == RW_PART_PROCESS && (trace->flags != NULL || call->request.run.id.ptr != NULL),
            .tag = &part->owner,
            .client = call->flags.client,
        };
        s->slot[s->n++] = &part->job;
    }
    if (trace->flags != NULL) {
        s->n += rw_trace_flags_first(trace->flags, &s->spec[s->n], &s->slot[s->n]);
    }
    s->traces++;
    s->weight += weight_of(trace);
}

/* The prompt is the same for both models. */
static void count_prompt(struct rw_call_trace *trace)
{
    struct rw_call *call = trace->call;
    for (int p = 0; p < RW_PARTS; p++) {
        if (rw_call_part_runs(&trace->part[p])) {
            call->usage.prompt_tokens += trace->part[p].input.prompt_tokens;
            return;
        }
    }
}

static rw_status submit_slice(struct rw_call *call, struct rw_error *err)
{
    static struct slice s; /* loop thread; 80 kB */
    s.n = 0;
    s.traces = 0;
    s.weight = 0;
    size_t first = call->submitted;
    while (first + s.traces < call->n_traces && s.weight < SLICE_WEIGHT) {
        add_trace(&s, &call->traces[first + s.traces]);
    }
    rw_status status =
        s.n > 0 ? rw_engine_submit(rw_call_engine(call), s.spec, s.n, s.job, err) : RW_OK;
    if (status != RW_OK) {
        return status;
    }
    for (size_t i = 0; i < s.n; i++) {
        *s.slot[i] = s.job[i];
    }
    call->submitted += s.traces;
    rw_call_sent(call, s.n);
    call->scoring->metrics->jobs_submitted += s.n;
    for (size_t i = first; i < call->submitted; i++) {
        struct rw_call_trace *trace = &call->traces[i];
        count_prompt(trace);
        if (trace->part[RW_PART_PROCESS].final && trace->part[RW_PART_OUTCOME].final) {
            rw_call_trace_scored(trace); /* it failed while it was prepared */
        }
    }
    return RW_OK;
}

/* Until here the reply may still be a refusal: nothing was said yet. */
static bool submit(struct rw_call *call)
{
    struct rw_error err = {0};
    if (submit_slice(call, &err) != RW_OK) {
        fail(call, &err);
    } else if (call->submitted == call->n_traces) {
        call->scoring->metrics->prompt_tokens += call->usage.prompt_tokens;
        call->begun = true;
        call->dialect->begun(call);
    }
    return true;
}

static bool step(struct rw_turn *turn)
{
    struct rw_call *call = RW_CONTAINER_OF(turn, struct rw_call, turn);
    switch (call->phase) {
    case RW_CALL_PREPARE:
    case RW_CALL_WAIT:
        return false;
    case RW_CALL_RUN:
        if (!call->begun) {
            turn->name = "submitting jobs";
            return submit(call) && !call->begun;
        }
        turn->name = call->dialect->name;
        call->dialect->progress(call);
        return false;
    case RW_CALL_ENDING:
        turn->name = "ending a request";
        return let_go(call);
    }
    return false;
}

static void run(struct rw_call *call)
{
    rw_call_enter(call, RW_CALL_RUN);
    rw_call_hold_tokens(call);
    rw_turns_add(call->scoring->turns, &call->turn);
}

/* ---- admission ------------------------------------------------------------------------------- */

static void on_admitted(struct rw_waiter *waiter)
{
    run(RW_CONTAINER_OF(waiter, struct rw_call, waiter));
}

static void refuse(struct rw_call *call)
{
    struct rw_admission *a = &call->scoring->admission;
    struct rw_error err = {0};
    rw_fail(&err, RW_OVERLOADED, "%llu tokens are waiting to be scored",
            (unsigned long long)a->tokens.held);
    rw_error_hint(&err,
                  "try again in %u s; the limit is %llu now, of which one client gets a share "
                  "(--queue-seconds, --queue-tokens)",
                  rw_call_retry_after(call), (unsigned long long)a->tokens.max);
    fail(call, &err);
}

static void admit(struct rw_call *call)
{
    struct rw_scoring *s = call->scoring;
    if (rw_admission_enter(&s->admission, call->client, call->tokens, rw_clock_now(s->clock))) {
        run(call);
    } else if (!call->dialect->hold) {
        refuse(call);
    } else {
        s->metrics->held++;
        rw_call_enter(call, RW_CALL_WAIT);
        call->wait_until_ns = rw_clock_now(s->clock) + s->hold_ms * RW_NS_PER_MS;
        call->waiter.client = call->client;
        call->waiter.tokens = call->tokens;
        call->waiter.admitted = on_admitted;
        rw_admission_wait(&s->admission, &call->waiter);
    }
}

/* All waits are equally long, so the line is in order of its deadlines too. */
void rw_scoring_tick(struct rw_scoring *scoring, uint64_t now_ns)
{
    struct rw_admission *a = &scoring->admission;
    while (a->waiting > 0) {
        struct rw_call *call = RW_CONTAINER_OF(a->line.next, struct rw_call, waiter);
        if (call->wait_until_ns > now_ns) {
            return;
        }
        rw_admission_leave_line(a, &call->waiter);
        refuse(call);
    }
}

/* ---- preparing ------------------------------------------------------------------------------- */

static void run_prepare(struct rw_task *task)
{
    struct rw_call *call = RW_CONTAINER_OF(task, struct rw_call, task);
    uint64_t begin = rw_clock_now(call->scoring->clock);
    call->prepared = rw_call_prepare(call, &call->error);
    call->prepare_ns = rw_clock_now(call->scoring->clock) - begin;
}

static void prepared(struct rw_task *task)
{
    struct rw_call *call = RW_CONTAINER_OF(task, struct rw_call, task);
    rw_histogram_add(&call->scoring->metrics->prepare, RW_METRIC_SECONDS,
                     (double)call->prepare_ns / RW_NS_PER_S);
    call->preparing = false;
    rw_call_back(call);
    if (call->prepared == RW_OK) {
        rw_admission_learn(&call->scoring->admission, call->body.len, call->tokens);
    }
    if (call->phase == RW_CALL_ENDING) {
        return; /* the client left meanwhile; its turn frees it */
    }
    if (call->prepared != RW_OK) {
        fail(call, &call->error);
    } else {
        admit(call);
    }
}

static rw_status take_request(struct rw_call *call, struct rw_exchange *ex, struct rw_error *err)
{
    struct rw_str accept = rw_exchange_header(ex, RW_HEADER_ACCEPT);
    struct rw_str event = rw_exchange_header(ex, RW_HEADER_LAST_EVENT_ID);
    call->ex = ex;
    call->start_ns = ex->start_ns;
    call->client = ex->client;
    memcpy(call->id, ex->request_id, sizeof call->id);
    call->body = ex->body;
    rw_buf_init(&ex->body, 0);
    ex->work = call;
    ex->gone = on_gone;
    call->accept = rw_arena_copy(&call->arena, accept);
    call->target = rw_arena_copy(&call->arena, ex->in->request.target);
    call->last_event_id = rw_arena_copy(&call->arena, event);
    /* never another form or other options than were asked for, nor events twice */
    bool lost = call->accept.len != accept.len || call->last_event_id.len != event.len ||
                call->target.len == 0;
    if (call->body.ptr == NULL) { /* an empty body is parsed like any other */
        lost = rw_buf_reserve(&call->body, 1) == NULL || lost;
    }
    if (lost) {
        return rw_fail_memory(err, "the request");
    }
    return RW_OK;
}

void rw_call_start(struct rw_scoring *scoring, struct rw_exchange *ex,
                   const struct rw_dialect *dialect)
{
    struct rw_error err = {0};
    struct rw_call *call = rw_call_create(scoring);
    if (call == NULL) {
        rw_fail_memory(&err, "the request");
        rw_exchange_fail(ex, &err);
        return;
    }
    call->dialect = dialect;
    call->turn = (struct rw_turn){.step = step, .name = "submitting jobs"};
    call->task.run = run_prepare;
    call->task.done = prepared;
    if (take_request(call, ex, &err) != RW_OK) {
        fail(call, &err);
        return;
    }
    uint64_t guess = rw_admission_guess(&scoring->admission, call->body.len);
    if (!dialect->hold && rw_admission_is_full(&scoring->admission, call->client, guess)) {
        call->tokens = guess; /* what Retry-After counts with */
        refuse(call);
        return;
    }
    rw_call_sent(call, 1);
    call->preparing = true;
    if (call->body.len <= INLINE_BODY_MAX) {
        run_prepare(&call->task);
        prepared(&call->task);
    } else if (rw_prepare_body(scoring->prepare, &call->lane, &call->task, &err) != RW_OK) {
        call->preparing = false;
        rw_call_back(call);
        fail(call, &err);
    }
}
