#include "server/scoring/call.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/assert.h"
#include "core/base/clock.h"
#include "core/base/hash.h"
#include "core/base/util.h"
#include "server/scoring/call_flags.h"
#include "server/scoring/observe.h"

enum {
    INLINE_BODY_MAX = 16 * 1024, /* bytes; smaller ones are parsed faster than a thread is woken */
};

/* ---- the end --------------------------------------------------------------------------------- */

static void forget_dirty(struct rw_call *call)
{
    struct rw_call **at = &call->service->dirty_calls;
    while (call->dirty && *at != NULL) {
        if (*at == call) {
            *at = call->next_dirty;
            call->dirty = false;
            return;
        }
        at = &(*at)->next_dirty;
    }
}

static void destroy(struct rw_call *call)
{
    struct rw_service *s = call->service;
    struct rw_engine *engine = rw_bridge_engine(s->bridge);
    rw_assert(call->jobs_open == 0);
    forget_dirty(call);
    for (size_t i = 0; i < call->n_traces; i++) {
        for (int p = 0; p < RW_PARTS; p++) {
            if (call->traces[i].part[p].job != NULL) {
                rw_job_release(engine, call->traces[i].part[p].job);
            }
        }
        rw_call_flags_release(&call->traces[i]);
    }
    if (call->phase != RW_CALL_PREPARE && call->tokens > 0) {
        rw_admission_release(&s->admission, call->tokens, rw_clock_now(s->clock));
    }
    s->calls--;
    rw_buf_fini(&call->body);
    rw_arena_fini(&call->arena);
    rw_free(call);
}

static void cancel_jobs(struct rw_call *call)
{
    struct rw_service *s = call->service;
    for (size_t i = 0; i < call->n_traces; i++) {
        for (int p = 0; p < RW_PARTS; p++) {
            struct rw_call_part *part = &call->traces[i].part[p];
            if (part->job != NULL && !part->final) {
                s->metrics.jobs_cancelled++;
                rw_engine_cancel(rw_bridge_engine(s->bridge), part->job);
            }
        }
        rw_call_flags_cancel(&call->traces[i]);
    }
}

static void leave_line(struct rw_call *call)
{
    rw_admission_leave_line(&call->service->admission, &call->waiter);
    call->tokens = 0; /* none were taken */
}

/* The client is gone. */
static void on_gone(void *work)
{
    struct rw_call *call = work;
    enum rw_call_phase phase = call->phase;
    call->ex = NULL;
    switch (phase) {
    case RW_CALL_PREPARE:
        call->phase = RW_CALL_ABANDONED; /* the prepare thread still reads it */
        return;
    case RW_CALL_WAIT:
        leave_line(call);
        call->phase = RW_CALL_ABANDONED;
        destroy(call);
        return;
    case RW_CALL_RUN:
        call->phase = RW_CALL_ABANDONED;
        cancel_jobs(call);
        if (call->jobs_open == 0) {
            destroy(call);
        }
        return;
    case RW_CALL_ABANDONED:
        return;
    }
}

void rw_call_end(struct rw_call *call)
{
    call->ex = NULL;
    if (call->jobs_open == 0) {
        destroy(call);
        return;
    }
    call->phase = RW_CALL_ABANDONED;
    cancel_jobs(call);
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
    tell_cap(call, &copy);
    call->service->metrics.errors[copy.status]++;
    call->dialect->fail(call, &copy);
    call->ex = NULL;
    destroy(call);
}

/* ---- news ------------------------------------------------------------------------------------ */

static void mark_fresh(struct rw_call_trace *trace)
{
    struct rw_call *call = trace->call;
    if (!trace->fresh) {
        trace->fresh = true;
        trace->next_fresh = NULL;
        *call->fresh_end = trace;
        call->fresh_end = &trace->next_fresh;
    }
}

struct rw_call_trace *rw_call_take_fresh(struct rw_call *call)
{
    struct rw_call_trace *trace = call->fresh;
    if (trace != NULL) {
        call->fresh = trace->next_fresh;
        if (call->fresh == NULL) {
            call->fresh_end = &call->fresh;
        }
        trace->fresh = false;
    }
    return trace;
}

static void count_trace(struct rw_call_trace *trace)
{
    struct rw_metrics *m = &trace->call->service->metrics;
    bool failed = false;
    for (int p = 0; p < RW_PARTS; p++) {
        const struct rw_call_part *part = &trace->part[p];
        if (part->asked && part->error != NULL) {
            m->errors[part->error->status]++;
            failed = true;
        }
    }
    m->traces_scored += failed ? 0 : 1;
    m->traces_failed += failed ? 1 : 0;
    m->steps_scored += rw_call_steps_ready(trace);
    rw_runs_observe_trace(trace);
}

void rw_call_account(struct rw_call *call, const struct rw_job_cost *cost)
{
    struct rw_metrics *m = &call->service->metrics;
    call->usage.scored_tokens += cost->tokens;
    call->usage.cached_tokens += cost->cached_tokens;
    call->usage.flops += cost->flops;
    call->usage.cpu_ms += (double)cost->cpu_ns / RW_NS_PER_MS;
    call->queue_ns_max = RW_MAX(cost->queue_ns, call->queue_ns_max);
    m->scored_tokens += cost->tokens;
    m->cached_tokens += cost->cached_tokens;
    m->flops += cost->flops;
    m->cpu_seconds += (double)cost->cpu_ns / 1e9;
    rw_histogram_add(&m->queue, (double)cost->queue_ns / 1e9);
}

void rw_call_trace_complete(struct rw_call_trace *trace)
{
    rw_assert(!trace->complete);
    trace->complete = true;
    trace->call->n_complete++;
    count_trace(trace);
    mark_fresh(trace);
}

static void end_part(struct rw_call_part *part)
{
    struct rw_call_trace *trace = part->trace;
    struct rw_call *call = trace->call;
    part->final = true;
    call->jobs_open--;
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
    if (trace->part[RW_PART_PROCESS].final && trace->part[RW_PART_OUTCOME].final) {
        rw_call_flags_scored(trace);
    }
}

void rw_call_mark_dirty(struct rw_call *call)
{
    if (!call->dirty) {
        call->dirty = true;
        call->next_dirty = call->service->dirty_calls;
        call->service->dirty_calls = call;
    }
}

static void on_news(struct rw_job_owner *owner, struct rw_job *job)
{
    struct rw_call_part *part = (struct rw_call_part *)owner; /* first member */
    struct rw_call *call = part->trace->call;
    rw_assert(job == part->job && !part->final);
    rw_job_view(job, &part->view);
    if (part->view.state >= RW_JOB_DONE) {
        end_part(part);
    }
    mark_fresh(part->trace);
    rw_call_mark_dirty(call);
}

void rw_calls_progress(struct rw_service *service)
{
    while (service->dirty_calls != NULL) {
        struct rw_call *call = service->dirty_calls;
        service->dirty_calls = call->next_dirty;
        call->dirty = false;
        if (call->phase != RW_CALL_ABANDONED) {
            call->dialect->progress(call);
        } else if (call->jobs_open == 0) {
            destroy(call);
        }
    }
}

/* ---- running --------------------------------------------------------------------------------- */

uint64_t rw_call_deadline(const struct rw_call *call)
{
    return isnan(call->request.deadline_ms)
               ? 0
               : call->start_ns + (uint64_t)(call->request.deadline_ms * RW_NS_PER_MS);
}

uint64_t rw_call_client(const struct rw_call *call)
{
    struct rw_str run = call->request.run.id;
    return run.len > 0 ? rw_hash64(run.ptr, run.len, call->client) : call->client;
}

static size_t collect_specs(struct rw_call *call, struct rw_job_spec *specs, struct rw_job ***slots)
{
    uint64_t deadline = rw_call_deadline(call);
    uint64_t client = rw_call_client(call);
    size_t n = 0;
    for (size_t i = 0; i < call->n_traces; i++) {
        for (int p = 0; p < RW_PARTS; p++) {
            struct rw_call_part *part = &call->traces[i].part[p];
            if (part->final) {
                continue;
            }
            part->owner.news = on_news;
            specs[n] = (struct rw_job_spec){
                .model = call->model[p],
                .input = &part->input,
                .stop_below = p == RW_PART_PROCESS ? (float)call->request.stop_below : NAN,
                .deadline_ns = deadline,
                .want_features = p == RW_PART_PROCESS && (call->traces[i].flags != NULL ||
                                                          call->request.run.id.ptr != NULL),
                .tag = &part->owner,
                .client = client,
            };
            slots[n++] = &part->job;
        }
        n += rw_call_flags_specs(&call->traces[i], deadline, &specs[n], &slots[n]);
    }
    return n;
}

static rw_status submit(struct rw_call *call, struct rw_error *err)
{
    size_t max = call->n_traces * (RW_PARTS + 1) + 1; /* and one probe */
    struct rw_job_spec *specs = rw_arena_array(&call->arena, max, sizeof *specs);
    struct rw_job ***slots = rw_arena_array(&call->arena, max, sizeof *slots);
    struct rw_job **jobs = rw_arena_array(&call->arena, max, sizeof *jobs);
    if (specs == NULL || slots == NULL || jobs == NULL) {
        return rw_fail(err, RW_NO_MEMORY, "no memory left for this request");
    }
    size_t n = collect_specs(call, specs, slots);
    if (n > 0) {
        rw_status status =
            rw_engine_submit(rw_bridge_engine(call->service->bridge), specs, n, jobs, err);
        if (status != RW_OK) {
            return status;
        }
    }
    for (size_t i = 0; i < n; i++) {
        *slots[i] = jobs[i];
    }
    call->jobs_open = n;
    call->service->metrics.jobs_submitted += n;
    return RW_OK;
}

static void run(struct rw_call *call)
{
    struct rw_error err = {0};
    call->phase = RW_CALL_RUN;
    if (submit(call, &err) != RW_OK) {
        call->service->metrics.refused_overload += err.status == RW_OVERLOADED ? 1 : 0;
        fail(call, &err);
        return;
    }
    for (size_t i = 0; i < call->n_traces; i++) {
        struct rw_call_trace *trace = &call->traces[i];
        for (int p = 0; p < RW_PARTS; p++) {
            if (trace->part[p].asked && trace->part[p].error == NULL) {
                call->usage.prompt_tokens += trace->part[p].input.prompt_tokens;
                break; /* the prompt is the same for both models */
            }
        }
        if (trace->complete) {
            call->n_complete++;
            count_trace(trace);
            mark_fresh(trace);
        }
    }
    call->service->metrics.prompt_tokens += call->usage.prompt_tokens;
    call->dialect->begun(call);
}

/* ---- admission ------------------------------------------------------------------------------- */

static void on_admitted(struct rw_waiter *waiter)
{
    struct rw_call *call = RW_CONTAINER_OF(waiter, struct rw_call, waiter);
    run(call);
}

static void refuse(struct rw_call *call)
{
    struct rw_service *s = call->service;
    struct rw_error err = {0};
    rw_fail(&err, RW_OVERLOADED, "%llu tokens are waiting to be scored",
            (unsigned long long)s->admission.tokens);
    rw_error_hint(&err, "try again in %u s; --queue-tokens sets the limit (%llu)",
                  rw_admission_retry_after(&s->admission, call->tokens),
                  (unsigned long long)s->admission.tokens_max);
    s->metrics.refused_overload++;
    call->phase = RW_CALL_PREPARE; /* holds no tokens */
    fail(call, &err);
}

static void admit(struct rw_call *call)
{
    struct rw_service *s = call->service;
    if (rw_admission_enter(&s->admission, call->tokens)) {
        run(call);
    } else if (!call->dialect->hold) {
        refuse(call);
    } else {
        s->metrics.held++;
        call->phase = RW_CALL_WAIT;
        call->wait_until_ns = rw_clock_now(s->clock) + s->options->hold * RW_NS_PER_MS;
        call->waiter.tokens = call->tokens;
        call->waiter.admitted = on_admitted;
        rw_admission_wait(&s->admission, &call->waiter);
    }
}

/* All waits are equally long, so the line is in order of its deadlines too. */
void rw_calls_tick(struct rw_service *service, uint64_t now_ns)
{
    struct rw_admission *a = &service->admission;
    while (a->waiting > 0) {
        struct rw_call *call = RW_CONTAINER_OF(a->line.next, struct rw_call, waiter);
        if (call->wait_until_ns > now_ns) {
            return;
        }
        uint64_t tokens = call->tokens;
        leave_line(call);
        call->tokens = tokens; /* for the message */
        refuse(call);
    }
}

/* ---- preparing ------------------------------------------------------------------------------- */

static void run_prepare(struct rw_task *task)
{
    struct rw_call *call = (struct rw_call *)task; /* first member */
    uint64_t begin = rw_clock_now(call->service->clock);
    call->prepared = rw_call_prepare(call, &call->error);
    call->prepare_ns = rw_clock_now(call->service->clock) - begin;
}

static void prepared(struct rw_task *task)
{
    struct rw_call *call = (struct rw_call *)task;
    rw_histogram_add(&call->service->metrics.prepare, (double)call->prepare_ns / 1e9);
    if (call->phase == RW_CALL_ABANDONED) {
        call->phase = RW_CALL_PREPARE; /* no tokens were taken */
        destroy(call);
    } else if (call->prepared != RW_OK) {
        fail(call, &call->error);
    } else {
        admit(call);
    }
}

void rw_call_start(struct rw_service *service, struct rw_exchange *ex,
                   const struct rw_dialect *dialect)
{
    struct rw_error err = {0};
    struct rw_call *call = rw_alloc_zero(1, sizeof *call);
    if (call == NULL) {
        rw_fail(&err, RW_NO_MEMORY, "no memory for the request");
        rw_exchange_fail(ex, &err);
        return;
    }
    service->calls++;
    call->service = service;
    call->ex = ex;
    call->dialect = dialect;
    call->task.run = run_prepare;
    call->task.done = prepared;
    call->start_ns = ex->start_ns;
    call->client = rw_exchange_client(ex);
    call->fresh_end = &call->fresh;
    memcpy(call->id, ex->request_id, sizeof call->id);
    rw_arena_init(&call->arena, service->limits.arena_bytes_max);
    call->body = ex->body;
    rw_buf_init(&ex->body, 0);
    ex->work = call;
    ex->gone = on_gone;
    struct rw_str accept = rw_exchange_header(ex, RW_HEADER_ACCEPT);
    call->accept = rw_arena_copy(&call->arena, accept);
    if (accept.len > 0 && call->accept.len == 0) { /* never another form than the one asked for */
        rw_fail(&err, RW_NO_MEMORY, "no memory for the request");
        fail(call, &err);
    } else if (call->body.len <= INLINE_BODY_MAX) {
        run_prepare(&call->task);
        prepared(&call->task);
    } else if (rw_prepare_submit(service->prepare, &call->task, &err) != RW_OK) {
        service->metrics.refused_overload++;
        fail(call, &err);
    }
}
