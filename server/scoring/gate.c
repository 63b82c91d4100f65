#include "server/scoring/gate.h"

#include "proto/suggest.h"

static const char MIN_PROCESS[] = "min_process";

static const char *gate_name(int gate)
{
    return gate == RW_GATE_MIN_PROCESS ? MIN_PROCESS : rw_flag_info((enum rw_flag_id)gate)->name;
}

static rw_status unknown_gate(struct rw_str name, struct rw_error *err)
{
    const char *word[RW_FLAGS + 1];
    word[0] = MIN_PROCESS;
    for (int id = 0; id < RW_FLAGS; id++) {
        word[id + 1] = rw_flag_info((enum rw_flag_id)id)->name;
    }
    rw_fail(err, RW_INVALID_REQUEST, "there is no gate \"%.*s\"", RW_STR_ARG(name));
    rw_suggest(name, word, RW_FLAGS + 1, err);
    return RW_INVALID_REQUEST;
}

static rw_status find_gate(struct rw_str name, int *out, struct rw_error *err)
{
    *out = RW_GATE_MIN_PROCESS;
    if (rw_str_is(name, MIN_PROCESS)) {
        return RW_OK;
    }
    for (int id = 0; id < RW_FLAGS; id++) {
        if (rw_str_is(name, rw_flag_info((enum rw_flag_id)id)->name)) {
            *out = id;
            return RW_OK;
        }
    }
    return unknown_gate(name, err);
}

static rw_status check_flag_gate(enum rw_flag_id id, enum rw_flag_tier tier, bool off,
                                 struct rw_error *err)
{
    const struct rw_flag_info *info = rw_flag_info(id);
    if (info->rule == RW_RULE_INFO) {
        return rw_fail(err, RW_INVALID_REQUEST, "%s is information and never fires: no gate",
                       info->name);
    }
    if (off || info->tier > tier) {
        rw_fail(err, RW_INVALID_REQUEST, "gate %s needs the %s flags", info->name,
                rw_flag_tier_name(info->tier));
        rw_error_hint(err, "\"flags\": \"%s\"", rw_flag_tier_name(info->tier));
        return RW_INVALID_REQUEST;
    }
    return RW_OK;
}

rw_status rw_gates_parse(const struct rw_request *request, enum rw_flag_tier tier, bool off,
                         struct rw_gates *out, struct rw_error *err)
{
    rw_status status = RW_OK;
    for (size_t i = 0; status == RW_OK && i < request->n_gates; i++) {
        int *gate = &out->gate[out->n++];
        status = find_gate(request->gates[i], gate, err);
        if (status == RW_OK && *gate != RW_GATE_MIN_PROCESS) {
            status = check_flag_gate((enum rw_flag_id) * gate, tier, off, err);
        }
        if (status != RW_OK) {
            rw_error_param(err, "gate[%zu]", i);
        }
    }
    return status;
}

/* ---- applying -------------------------------------------------------------------------------- */

static void lose(struct rw_reply_gated *out, const struct rw_error *why)
{
    out->scored = false;
    out->n_by = 0;
    if (why != NULL) {
        out->error = *why;
    } else {
        rw_fail(&out->error, RW_INTERNAL, "the reward is missing");
    }
}

static void lose_flag(struct rw_reply_gated *out, int gate, rw_status status)
{
    struct rw_error why = {0};
    rw_fail(&why, status, "gate %s cannot be decided: %s", gate_name(gate), rw_status_text(status));
    lose(out, &why);
}

/* The outcome is gated where there is one: it is what a shortcut earns. */
static bool take_reward(const struct rw_reply_trace *trace, struct rw_reply_gated *out)
{
    bool outcome = trace->has_outcome;
    out->of = outcome ? "outcome" : "process";
    out->has_ungated =
        trace->error == NULL && (outcome ? trace->outcome_scored : trace->process_scored);
    if (!out->has_ungated) {
        lose(out, trace->error != NULL ? trace->error
                  : outcome            ? trace->outcome_error
                                       : trace->process_error);
        return false;
    }
    out->ungated = outcome ? trace->outcome_reward : trace->process_reward;
    out->reward = out->ungated;
    out->scored = true;
    return true;
}

/* Gates only ever lower a reward: an outcome that is under the smallest step stays as it is. A gate
 * that could not be decided takes the gated reward away: to pass the ungated one on would be to pay
 * for what the gate was asked to catch. */
void rw_gates_apply(const struct rw_gates *gates, const struct rw_flag_states *states,
                    const struct rw_reply_trace *trace, float smallest, const char **by,
                    struct rw_reply_gated *out)
{
    *out = (struct rw_reply_gated){.by = by};
    if (!take_reward(trace, out)) {
        return;
    }
    for (size_t i = 0; i < gates->n; i++) {
        int gate = gates->gate[i];
        bool minimum = gate == RW_GATE_MIN_PROCESS;
        if (minimum && !trace->process_scored) {
            lose(out, trace->process_error);
            return;
        }
        /* What does not apply to a trace has not fired on it. */
        if (!minimum && states->status[gate] != RW_OK &&
            states->status[gate] != RW_NOT_APPLICABLE) {
            lose_flag(out, gate, states->status[gate]);
            return;
        }
        float limit = minimum ? smallest : 0;
        bool closes = (minimum || states->fired[gate]) && limit < out->reward;
        if (closes) {
            out->reward = limit;
        }
        if (closes || (!minimum && states->fired[gate])) {
            by[out->n_by++] = gate_name(gate);
        }
    }
}
