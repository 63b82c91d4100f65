#include "server/scoring/call_view_flags.h"

#include <math.h>

#include "core/base/utf8.h"
#include "server/scoring/call.h"
#include "server/verify/verdict.h"

static void view_flag(const struct rw_flag *flag, const struct rw_reply_trace *trace,
                      struct rw_reply_flag *out)
{
    const struct rw_flag_info *info = rw_flag_info(flag->id);
    *out = (struct rw_reply_flag){.name = info->name,
                                  .version = info->version,
                                  .value = flag->value,
                                  .p = flag->p,
                                  .fired = flag->fired,
                                  .n_cal = flag->n_cal,
                                  .severity = rw_flag_severity_name(info->severity),
                                  .step = flag->step,
                                  .message = flag->message};
    if (flag->step < 0 || (size_t)flag->step >= trace->n_steps) {
        return;
    }
    const struct rw_reply_step *step = &trace->steps[flag->step];
    out->has_span = true;
    out->char_begin = step->char_begin;
    out->char_end = step->char_end;
    if (flag->has_span && flag->span_begin <= flag->span_end && flag->span_end <= step->text.len) {
        struct rw_str before = rw_str_slice(step->text, 0, flag->span_begin);
        struct rw_str inside = rw_str_slice(step->text, flag->span_begin, flag->span_end);
        out->char_begin = step->char_begin + (uint32_t)rw_utf8_count(before);
        out->char_end = out->char_begin + (uint32_t)rw_utf8_count(inside);
    }
}

static void view_lack(const struct rw_trace_flags *of, enum rw_flag_id id, rw_status status,
                      struct rw_reply_flag *out)
{
    bool no_gain = of != NULL && id == RW_FLAG_INFO_GAIN && of->plan.why_no_gain != NULL &&
                   status == of->plan.lacks[id];
    const struct rw_flag_info *info = rw_flag_info(id);
    *out = (struct rw_reply_flag){.name = info->name,
                                  .version = info->version,
                                  .error = status,
                                  .p = NAN,
                                  .severity = rw_flag_severity_name(info->severity),
                                  .step = -1,
                                  .message =
                                      no_gain ? of->plan.why_no_gain : rw_flags_reason(id, status)};
}

/* Flags that were asked for and have no value: probes always, the free ones with flags_all or when
 * all of them failed. */
static bool lack_is_shown(const struct rw_call_trace *trace, enum rw_flag_id id)
{
    const struct rw_call *call = trace->call;
    const struct rw_flag_info *info = rw_flag_info(id);
    rw_status status = trace->flags->states.status[id];
    for (size_t i = 0; i < trace->flags->n; i++) {
        if (trace->flags->flag[i].id == id) {
            return false;
        }
    }
    if (info->tier > call->flags.tier || status == RW_OK || info->rule == RW_RULE_FACT) {
        return false;
    }
    bool probe_failed = info->tier > RW_FLAG_FREE && status != RW_NOT_APPLICABLE &&
                        status != RW_NOT_CALIBRATED && status != RW_OUTSIDE_BANK;
    /* Said once of all that is ranked, so that silence is not taken for a clean trace. */
    bool abstains = id == RW_FLAG_SHORTCUT && status == RW_OUTSIDE_BANK;
    return call->flags.all || probe_failed || abstains;
}

static void view_gates(const struct rw_call_trace *trace, struct rw_reply_trace *out)
{
    static struct rw_reply_gated gated; /* loop thread */
    static const char *by[RW_GATES_MAX];
    const struct rw_gates *gates = &trace->call->gates;
    float smallest = 1;
    for (size_t i = 0; i < out->n_steps; i++) {
        if (out->steps[i].scored && out->steps[i].reward < smallest) {
            smallest = out->steps[i].reward;
        }
    }
    struct rw_flag_states lost;
    const struct rw_trace_flags *flags = trace->flags;
    const struct rw_flag_states *states = flags != NULL ? &flags->states : &lost;
    if (flags == NULL || !flags->computed) {
        rw_status why = flags != NULL ? flags->error.status : RW_NO_MEMORY;
        for (int id = 0; id < RW_FLAGS; id++) {
            lost.status[id] = why != RW_OK ? why : RW_CANCELLED;
            lost.fired[id] = false;
        }
        states = &lost;
    }
    rw_gates_apply(gates, states, out, smallest, by, &gated);
    out->gated = &gated;
}

void rw_call_view_flags(const struct rw_call_trace *trace, struct rw_reply_trace *out)
{
    static struct rw_reply_flag flags[RW_FLAGS + 1]; /* loop thread */
    const struct rw_trace_flags *of = trace->flags;
    const struct rw_call *call = trace->call;
    out->has_reference = call->dialect->flags && trace->request->reference.ptr != NULL;
    out->flags = flags;
    if (of != NULL && out->has_reference) {
        rw_verdict_view(&of->verdict, &out->verdict);
    }
    if (trace->flags_lost && !call->flags.off) {
        view_lack(of, RW_FLAG_SHORTCUT, RW_NO_MEMORY, &flags[out->n_flags++]);
    } else if (of != NULL && !call->flags.off && of->error.status != RW_OK) {
        view_lack(of, RW_FLAG_SHORTCUT, of->error.status, &flags[out->n_flags++]);
    } else if (of != NULL && !call->flags.off) {
        for (size_t i = 0; i < of->n; i++) {
            view_flag(&of->flag[i], out, &flags[out->n_flags++]);
        }
        for (int id = 0; id < RW_FLAGS; id++) {
            if (lack_is_shown(trace, (enum rw_flag_id)id)) {
                view_lack(of, (enum rw_flag_id)id, of->states.status[id], &flags[out->n_flags++]);
            }
        }
    }
    if (call->gates.n > 0) {
        view_gates(trace, out);
    }
}
