#include "server/scoring/trace_flags.h"

#include <math.h>

#include "core/base/alloc.h"
#include "core/base/assert.h"
#include "core/base/state.h"
#include "core/base/util.h"

/* One probe as a job. */
struct rw_flag_probe {
    struct rw_job_owner owner; /* tag of the job */
    struct rw_trace_flags *flags;
    struct rw_probe *probe;
    struct rw_job *job;
    struct rw_job_view view;
    bool final;
};

/* Alone with its memory, which it has only while it is computed and handed back: several may run at
 * once, and the thousands that wait cost nothing. */
struct rw_flags_work {
    struct rw_arena arena;
    struct rw_flag_result result;
    struct rw_first_false first_false;
};

#define TO(phase) RW_STATE(RW_FLAGS_##phase)

/* The drawing in the header, as data. */
static const struct rw_state FLAGS_PHASE[] = {
    [RW_FLAGS_PLANNED] = {"PLANNED", TO(PROBING) | TO(ENDED)},
    [RW_FLAGS_PROBING] = {"PROBING", TO(COMPUTING) | TO(ENDED)},
    [RW_FLAGS_COMPUTING] = {"COMPUTING", TO(ENDED)},
    [RW_FLAGS_ENDED] = {"ENDED", 0},
};
static const struct rw_machine FLAGS = {"flags", FLAGS_PHASE, RW_COUNT(FLAGS_PHASE)};

static void check_flags(const struct rw_trace_flags *flags)
{
    rw_assert(flags->answers_open <= flags->open);
    rw_assert(flags->open <= flags->plan.n);
    rw_assert(flags->phase != RW_FLAGS_COMPUTING || flags->open == 0);
}

static void enter_phase(struct rw_trace_flags *flags, enum rw_flags_phase next)
{
    flags->phase = (enum rw_flags_phase)rw_machine_move(&FLAGS, flags, flags->phase, next);
    check_flags(flags);
}

static void end(struct rw_trace_flags *flags, bool computed)
{
    enter_phase(flags, RW_FLAGS_ENDED);
    flags->host->ops->ended(flags->trace, computed);
}

/* ---- planning -------------------------------------------------------------------------------- */

struct rw_trace_flags *rw_trace_flags_new(struct rw_flags_host *host, void *trace)
{
    struct rw_trace_flags *flags = rw_arena_alloc(host->arena, sizeof *flags);
    if (flags != NULL) {
        flags->host = host;
        flags->trace = trace;
    }
    return flags;
}

static bool plan(struct rw_trace_flags *flags, const struct rw_probe_source *source)
{
    struct rw_error ignored = {0};
    struct rw_arena *arena = flags->host->arena;
    if (rw_probe_plan(source, arena, &flags->plan, &ignored) != RW_OK) {
        return false;
    }
    flags->probe = rw_arena_array(arena, flags->plan.n + 1, sizeof *flags->probe);
    for (size_t i = 0; flags->probe != NULL && i < flags->plan.n; i++) {
        flags->probe[i].flags = flags;
        flags->probe[i].probe = &flags->plan.probe[i];
    }
    return flags->probe != NULL;
}

uint64_t rw_trace_flags_plan(struct rw_trace_flags *flags, struct rw_probe_source *source)
{
    source->tier = flags->host->tier;
    source->others = flags->host->others;
    source->n_others = flags->host->n_others;
    if (source->steps == NULL || source->step_end == NULL || !plan(flags, source)) {
        flags->plan.n = 0;
        flags->plan.tokens = 0;
        for (int id = 0; id < RW_FLAGS; id++) {
            if (rw_flag_info((enum rw_flag_id)id)->tier > RW_FLAG_FREE) {
                flags->plan.lacks[id] = RW_NO_MEMORY;
            }
        }
    }
    return flags->plan.tokens;
}

/* ---- probes ---------------------------------------------------------------------------------- */

/* The one probe that does not begin with the trace's own prefix: waiting for it gains nothing. */
static bool is_first(const struct rw_flag_probe *probe)
{
    return probe->probe->kind == RW_PROBE_NO_PROMPT;
}

static void go_on(struct rw_trace_flags *flags, rw_status answers);

static void probe_final(struct rw_flag_probe *probe)
{
    struct rw_trace_flags *flags = probe->flags;
    struct rw_flags_host *host = flags->host;
    rw_assert(!probe->final);
    rw_assert(flags->open > 0);
    probe->final = true;
    flags->open--;
    probe->probe->status = probe->view.state == RW_JOB_DONE     ? RW_OK
                           : probe->view.state == RW_JOB_FAILED ? probe->view.error.status
                                                                : RW_CANCELLED;
    if (probe->probe->status == RW_OK) {
        rw_probe_done(probe->probe, rw_job_scores(probe->job), probe->view.scores_ready);
    }
    rw_status answers = RW_OK;
    if (probe->probe->kind == RW_PROBE_ANSWER) { /* many: each leaves the engine when it is done */
        rw_job_release(host->engine, probe->job);
        probe->job = NULL;
        flags->answers_open--;
        answers = probe->probe->status;
    }
    host->ops->probed(host, &probe->view.cost);
    if (flags->phase == RW_FLAGS_PROBING) {
        go_on(flags, answers);
    }
}

static void on_news(struct rw_job_owner *owner, struct rw_job *job)
{
    struct rw_flag_probe *probe = RW_CONTAINER_OF(owner, struct rw_flag_probe, owner);
    rw_assert(job == probe->job);
    rw_assert(!probe->final);
    rw_job_view(job, &probe->view);
    if (probe->view.state >= RW_JOB_DONE) {
        probe_final(probe);
    }
}

static void fill_spec(struct rw_flag_probe *probe, struct rw_job_spec *spec)
{
    const struct rw_flags_host *host = probe->flags->host;
    enum rw_flag_id flag = rw_probe_flag(probe->probe->kind);
    bool deep = rw_flag_info(flag)->tier == RW_FLAG_DEEP || flag == RW_FLAG_ENSEMBLE_SPREAD;
    probe->owner.news = on_news;
    *spec = (struct rw_job_spec){
        .model = probe->probe->model,
        .input = &probe->probe->input,
        .stop_below = NAN,
        .deadline_ns = host->deadline_ns,
        .client = host->client,
        .priority = deep ? RW_PRIORITY_LOW : RW_PRIORITY_NORMAL,
        .tag = &probe->owner,
    };
}

size_t rw_trace_flags_first(struct rw_trace_flags *flags, struct rw_job_spec *specs,
                            struct rw_job ***slots)
{
    size_t n = 0;
    for (size_t i = 0; i < flags->plan.n; i++) {
        if (is_first(&flags->probe[i])) {
            fill_spec(&flags->probe[i], &specs[n]);
            slots[n++] = &flags->probe[i].job;
            flags->open++;
        }
    }
    rw_assert(n <= 1);
    return n;
}

/* Probes [begin, end) that have no job will not have one. */
static void fail_probes(struct rw_trace_flags *flags, size_t begin, size_t end, rw_status status)
{
    for (size_t i = begin; i < end; i++) {
        struct rw_flag_probe *probe = &flags->probe[i];
        if (probe->job == NULL && !probe->final) {
            probe->final = true;
            probe->probe->status = status;
        }
    }
}

/* All of the probes [begin, end) or none; the first one is out already. */
static rw_status submit_probes(struct rw_trace_flags *flags, size_t begin, size_t end)
{
    struct rw_job_spec specs[RW_PROBES_MAX];
    struct rw_job *jobs[RW_PROBES_MAX];
    size_t n = 0;
    rw_assert(end - begin <= RW_PROBES_MAX);
    for (size_t i = begin; i < end; i++) {
        if (!is_first(&flags->probe[i])) {
            fill_spec(&flags->probe[i], &specs[n++]);
        }
    }
    rw_status status = n > 0 ? flags->host->ops->submit(flags->host, specs, n, jobs) : RW_OK;
    n = 0;
    for (size_t i = begin; status == RW_OK && i < end; i++) {
        if (!is_first(&flags->probe[i])) {
            flags->probe[i].job = jobs[n++];
            flags->open++;
        }
    }
    return status;
}

/* One prefix after the other, so that a trace never has more than a handful of jobs waiting: what
 * the answers behind a prefix share is computed by the first of them. */
static rw_status submit_answers(struct rw_trace_flags *flags)
{
    size_t begin = flags->answers_next, end = begin;
    while (end < flags->plan.n && flags->plan.probe[end].step == flags->plan.probe[begin].step) {
        end++;
    }
    if (begin == end) {
        return RW_OK;
    }
    rw_status status = submit_probes(flags, begin, end);
    if (status == RW_OK) {
        flags->answers_next = end;
        flags->answers_open = end - begin;
    }
    return status;
}

static void compute(struct rw_trace_flags *flags);

/* After every probe: the next answers, and when nothing is out any more the flags. */
static void go_on(struct rw_trace_flags *flags, rw_status answers)
{
    if (answers == RW_OK && atomic_load(&flags->host->gone)) {
        answers = RW_CANCELLED;
    }
    if (answers == RW_OK && flags->answers_open == 0) {
        answers = submit_answers(flags);
    }
    if (answers != RW_OK) {
        fail_probes(flags, flags->answers_next, flags->plan.n, answers);
        flags->answers_next = flags->plan.n;
    }
    check_flags(flags);
    if (flags->open == 0) {
        compute(flags);
    }
}

/* Forks of the trace come after it, so that its prefix is in the cache. */
void rw_trace_flags_scored(struct rw_trace_flags *flags, rw_status status)
{
    if (atomic_load(&flags->host->gone)) {
        end(flags, false);
        return;
    }
    size_t edits = 0;
    while (edits < flags->plan.n && flags->plan.probe[edits].kind != RW_PROBE_ANSWER) {
        edits++;
    }
    enter_phase(flags, RW_FLAGS_PROBING);
    flags->answers_next = edits;
    rw_status refused = status == RW_OK ? submit_probes(flags, 0, edits) : status;
    if (refused != RW_OK) {
        fail_probes(flags, 0, edits, refused);
    }
    go_on(flags, status);
}

size_t rw_trace_flags_cancel(struct rw_trace_flags *flags)
{
    size_t n = 0;
    for (size_t i = 0; i < flags->plan.n; i++) {
        if (flags->probe[i].job != NULL && !flags->probe[i].final) {
            rw_engine_cancel(flags->host->engine, flags->probe[i].job);
            n++;
        }
    }
    return n;
}

void rw_trace_flags_release(struct rw_trace_flags *flags)
{
    for (size_t i = 0; i < flags->plan.n; i++) {
        if (flags->probe[i].job != NULL) {
            rw_job_release(flags->host->engine, flags->probe[i].job);
            flags->probe[i].job = NULL;
        }
    }
}

/* ---- computing ------------------------------------------------------------------------------- */

/* Prepare thread: reads what is final, writes the work only. */
static void run_work(struct rw_task *task)
{
    struct rw_trace_flags *flags = RW_CONTAINER_OF(task, struct rw_trace_flags, task);
    const struct rw_flags_host_ops *ops = flags->host->ops;
    struct rw_flags_work *work =
        atomic_load(&flags->host->gone) ? NULL : rw_alloc_zero(1, sizeof *work);
    flags->work = work;
    if (work == NULL) {
        return;
    }
    rw_arena_init(&work->arena, RW_FLAGS_SCRATCH_MAX);
    struct rw_flag_trace input = {.probes = &flags->plan,
                                  .bank = flags->host->bank,
                                  .other_outcome = flags->host->other_outcome,
                                  .tier = flags->host->tier};
    if (!ops->describe(flags->trace, &work->arena, &input)) {
        work->result.status = rw_fail_memory(&work->result.error, "the flags of this trace");
    } else {
        rw_flags_compute(&input, &work->arena, &work->result);
        if (flags->host->check && work->result.status == RW_OK) {
            work->result.status =
                rw_first_false(input.prompt, input.steps, input.n_steps, &work->arena,
                               &work->first_false, &work->result.error);
        }
        ops->read_text(flags->trace, input.steps, input.n_steps);
    }
    rw_arena_fini(&work->arena);
}

static bool is_shown(const struct rw_flags_host *host, const struct rw_flag *flag)
{
    return !host->off && (flag->fired || host->all);
}

static void keep_shown(struct rw_trace_flags *flags, const struct rw_flag_result *result)
{
    size_t n = 0;
    for (size_t i = 0; i < result->n; i++) {
        n += is_shown(flags->host, &result->flag[i]) ? 1 : 0;
    }
    if (n == 0) {
        return;
    }
    flags->flag = rw_arena_array(flags->host->arena, n, sizeof *flags->flag);
    if (flags->flag == NULL) {
        rw_fail(&flags->error, RW_NO_MEMORY, "no memory left for the flags of this request");
        return;
    }
    for (size_t i = 0; i < result->n; i++) {
        if (is_shown(flags->host, &result->flag[i])) {
            flags->flag[flags->n++] = result->flag[i];
        }
    }
}

/* Loop thread: what the reply and the run need moves into the request's arena. */
static void keep(struct rw_trace_flags *flags, const struct rw_flag_result *result)
{
    flags->verified = result->verified;
    flags->verdict = result->verdict;
    flags->states = result->states;
    flags->error = result->error;
    flags->computed = true;
    if (flags->host->keep_signals && result->status == RW_OK) {
        flags->signals = rw_arena_alloc(flags->host->arena, sizeof *flags->signals);
        if (flags->signals != NULL) {
            *flags->signals = result->signals;
        }
    }
    keep_shown(flags, result);
    for (int id = 0; id < RW_FLAGS && !flags->host->off; id++) {
        flags->host->fired[id] += result->states.fired[id] ? 1 : 0;
    }
}

static void on_work_done(struct rw_task *task)
{
    struct rw_trace_flags *flags = RW_CONTAINER_OF(task, struct rw_trace_flags, task);
    if (flags->work != NULL) {
        flags->first_false = flags->work->first_false;
        keep(flags, &flags->work->result);
    } else {
        rw_fail_memory(&flags->error, "the flags of this trace");
    }
    rw_free(flags->work);
    flags->work = NULL;
    end(flags, true);
}

/* Always on a thread, however short the text: a group of copies is scored in one pass, and then all
 * of its traces come here at once. 1.3 ms for one of ten steps was 2.5 s of loop for 2,000. */
static void compute(struct rw_trace_flags *flags)
{
    if (atomic_load(&flags->host->gone)) {
        end(flags, false);
        return;
    }
    enter_phase(flags, RW_FLAGS_COMPUTING);
    flags->task.run = run_work;
    flags->task.done = on_work_done;
    flags->host->ops->computing(flags->host, &flags->task);
}
