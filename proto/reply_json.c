#include <math.h>

#include "core/base/assert.h"
#include "proto/emit.h"
#include "proto/errors.h"
#include "proto/reply_internal.h"
#include "proto/verify.h"

static void write_model(struct rw_buf *out, const char *member, const struct rw_reply_model *model)
{
    rw_emit_name(out, member);
    if (model->name == NULL) {
        rw_emit_raw(out, "null");
        return;
    }
    rw_emit_open(out, '{');
    rw_emit_name(out, "name");
    rw_emit_text(out, rw_str_from(model->name));
    rw_emit_text_field(out, "digest", model->digest);
    rw_emit_text_field(out, "dtype", model->dtype);
    rw_emit_close(out, '}');
}

void rw_reply_json_head(struct rw_buf *out, const struct rw_reply_head *head)
{
    rw_emit_text_field(out, "id", head->id);
    rw_emit_name(out, "object");
    rw_emit_raw(out, "\"rewards\"");
    rw_emit_name(out, "model");
    rw_emit_open(out, '{');
    write_model(out, "process", &head->process);
    write_model(out, "outcome", &head->outcome);
    rw_emit_close(out, '}');
    rw_emit_text_field(out, "kernel", head->kernel);
}

static void write_float_or_null(struct rw_buf *out, const char *name, bool present, float value)
{
    rw_emit_name(out, name);
    if (present) {
        rw_emit_float(out, value);
    } else {
        rw_emit_raw(out, "null");
    }
}

static void write_error_or_null(struct rw_buf *out, const struct rw_error *error)
{
    rw_emit_name(out, "error");
    if (error != NULL) {
        rw_error_write_object(out, error, NULL);
    } else {
        rw_emit_raw(out, "null");
    }
}

void rw_reply_json_step(struct rw_buf *out, const struct rw_reply_step *step)
{
    rw_assert(step->scored || step->error != RW_OK);
    rw_emit_unsigned_field(out, "index", step->index);
    write_float_or_null(out, "reward", step->scored, step->reward);
    write_float_or_null(out, "raw", step->scored, step->raw);
    if (!step->scored) { /* ten thousand steps need no ten thousand sentences: the code alone */
        rw_emit_name(out, "error");
        rw_emit_text(out, rw_str_from(rw_status_code(step->error)));
    }
    rw_emit_unsigned_field(out, "tokens", step->tokens);
    rw_emit_name(out, "bytes");
    rw_emit_span(out, step->byte_begin, step->byte_end);
    rw_emit_name(out, "chars");
    rw_emit_span(out, step->char_begin, step->char_end);
}

static void write_checked(struct rw_buf *out, const struct rw_reply_checked *checked)
{
    rw_emit_name(out, "checked");
    rw_emit_open(out, '{');
    write_float_or_null(out, "reward", checked->scored, checked->reward);
    rw_emit_name(out, "step");
    if (checked->scored && checked->step >= 0) {
        rw_emit_signed(out, checked->step);
        rw_emit_name(out, "span");
        rw_emit_span(out, checked->char_begin, checked->char_end);
    } else {
        rw_emit_raw(out, "null");
        rw_emit_name(out, "span");
        rw_emit_raw(out, "null");
    }
    write_error_or_null(out, checked->scored ? NULL : &checked->error);
    rw_emit_close(out, '}');
}

static void write_process(struct rw_buf *out, const struct rw_reply_trace *trace)
{
    bool scored = trace->process_scored && trace->error == NULL;
    rw_emit_name(out, "process");
    if (!trace->has_process) {
        rw_emit_raw(out, "null");
        return;
    }
    rw_emit_open(out, '{');
    write_float_or_null(out, "reward", scored, trace->process_reward);
    rw_emit_text_field(out, "aggregate", trace->aggregate);
    rw_emit_bool_field(out, "stopped", trace->stopped);
    if (trace->checked != NULL) {
        write_checked(out, trace->checked);
    }
    write_error_or_null(out, trace->process_error);
    rw_emit_close(out, '}');
}

static void write_outcome(struct rw_buf *out, const struct rw_reply_trace *trace)
{
    static const struct rw_error NO_MODEL = {.status = RW_MODEL_NOT_FOUND,
                                             .message = "no outcome model took part"};
    bool scored = trace->has_outcome && trace->outcome_scored && trace->error == NULL;
    rw_emit_name(out, "outcome");
    if (!trace->has_outcome && !trace->has_reference) {
        rw_emit_raw(out, "null");
        return;
    }
    rw_emit_open(out, '{');
    write_float_or_null(out, "reward", scored, trace->outcome_reward);
    write_float_or_null(out, "raw", scored, trace->outcome_raw);
    rw_verify_emit(out, "verified", "verified_reason", &trace->verdict);
    write_error_or_null(out, trace->has_outcome ? trace->outcome_error : &NO_MODEL);
    rw_emit_close(out, '}');
}

static void write_gated(struct rw_buf *out, const struct rw_reply_gated *gated)
{
    rw_emit_name(out, "gated");
    rw_emit_open(out, '{');
    write_float_or_null(out, "reward", gated->scored, gated->reward);
    write_float_or_null(out, "ungated", gated->has_ungated, gated->ungated);
    rw_emit_text_field(out, "of", gated->of);
    rw_emit_name(out, "by");
    rw_emit_open(out, '[');
    for (size_t i = 0; i < gated->n_by; i++) {
        rw_emit_text(out, rw_str_from(gated->by[i]));
    }
    rw_emit_close(out, ']');
    write_error_or_null(out, gated->scored ? NULL : &gated->error);
    rw_emit_close(out, '}');
}

static void write_double_or_null(struct rw_buf *out, const char *name, bool present, double value)
{
    rw_emit_name(out, name);
    if (present) {
        rw_emit_double(out, value);
    } else {
        rw_emit_raw(out, "null");
    }
}

static void write_flag(struct rw_buf *out, const struct rw_reply_flag *flag)
{
    rw_emit_open(out, '{');
    rw_emit_name(out, "name");
    rw_emit_text(out, rw_str_from(flag->name));
    rw_emit_unsigned_field(out, "version", flag->version);
    write_double_or_null(out, "value", flag->error == RW_OK, flag->value);
    write_double_or_null(out, "p", !isnan(flag->p), flag->p);
    rw_emit_bool_field(out, "fired", flag->fired);
    rw_emit_unsigned_field(out, "n_cal", flag->n_cal);
    rw_emit_text_field(out, "severity", flag->severity);
    rw_emit_name(out, "step");
    if (flag->step >= 0) {
        rw_emit_signed(out, flag->step);
    } else {
        rw_emit_raw(out, "null");
    }
    rw_emit_name(out, "span");
    if (flag->has_span) {
        rw_emit_span(out, flag->char_begin, flag->char_end);
    } else {
        rw_emit_raw(out, "null");
    }
    rw_emit_text_field(out, "message", flag->message);
    if (flag->error != RW_OK) {
        rw_emit_name(out, "error");
        rw_emit_text(out, rw_str_from(rw_status_code(flag->error)));
    }
    rw_emit_close(out, '}');
}

static void write_steps(struct rw_buf *out, const struct rw_reply_trace *trace)
{
    rw_emit_name(out, "steps");
    rw_emit_open(out, '[');
    for (size_t i = 0; i < trace->n_steps; i++) {
        rw_emit_open(out, '{');
        rw_reply_json_step(out, &trace->steps[i]);
        rw_emit_close(out, '}');
    }
    rw_emit_close(out, ']');
}

/* Only where something became of a turn: most prompts are one question. */
static void write_roles(struct rw_buf *out, const struct rw_reply_trace *trace)
{
    if (trace->system_dropped + trace->turns_folded > 0) {
        rw_emit_name(out, "roles");
        rw_emit_open(out, '{');
        rw_emit_unsigned_field(out, "system_dropped", trace->system_dropped);
        rw_emit_unsigned_field(out, "turns_folded", trace->turns_folded);
        rw_emit_close(out, '}');
    }
}

static void write_optional(struct rw_buf *out, const char *name, int64_t value)
{
    rw_emit_name(out, name);
    if (value >= 0) {
        rw_emit_signed(out, value);
    } else {
        rw_emit_raw(out, "null");
    }
}

/* By which the alarms of its run name the trace, member by member. */
static void write_label(struct rw_buf *out, const struct rw_reply_trace *trace)
{
    rw_emit_name(out, "label");
    rw_emit_open(out, '{');
    rw_emit_text_field(out, "request_id", trace->label_request);
    rw_emit_unsigned_field(out, "item", trace->item);
    rw_emit_unsigned_field(out, "trace", trace->trace);
    write_optional(out, "step", trace->label_step);
    write_optional(out, "sample_index", trace->label_sample_index);
    rw_emit_close(out, '}');
}

void rw_reply_json_trace(struct rw_buf *out, const struct rw_reply_trace *trace, bool with_steps)
{
    rw_emit_unsigned_field(out, "item", trace->item);
    rw_emit_unsigned_field(out, "trace", trace->trace);
    if (trace->label_request != NULL) {
        write_label(out, trace);
    }
    write_error_or_null(out, trace->error);
    write_process(out, trace);
    write_outcome(out, trace);
    if (trace->gated != NULL) {
        write_gated(out, trace->gated);
    }
    rw_emit_bool_field(out, "split", trace->split);
    rw_emit_name(out, "separator");
    if (trace->separator.len > 0) {
        rw_emit_text(out, trace->separator);
    } else {
        rw_emit_raw(out, "null");
    }
    rw_emit_bool_field(out, "truncated", trace->truncated);
    write_roles(out, trace);
    if (with_steps) {
        write_steps(out, trace);
    } else {
        rw_emit_unsigned_field(out, "n_steps", trace->n_steps);
    }
    rw_emit_name(out, "flags");
    rw_emit_open(out, '[');
    for (size_t i = 0; i < trace->n_flags; i++) {
        write_flag(out, &trace->flags[i]);
    }
    rw_emit_close(out, ']');
}

/* Microseconds are as fine as our clocks deserve. */
static void write_ms(struct rw_buf *out, const char *name, double ms)
{
    rw_emit_double_field(out, name, rint(ms * 1000) / 1000);
}

void rw_reply_json_usage(struct rw_buf *out, const struct rw_reply_usage *usage)
{
    rw_emit_open(out, '{');
    rw_emit_unsigned_field(out, "prompt_tokens", usage->prompt_tokens);
    rw_emit_unsigned_field(out, "scored_tokens", usage->scored_tokens);
    rw_emit_unsigned_field(out, "cached_tokens", usage->cached_tokens);
    rw_emit_unsigned_field(out, "probe_tokens", usage->probe_tokens);
    rw_emit_double_field(out, "flops", usage->flops);
    write_ms(out, "cpu_ms", usage->cpu_ms);
    write_ms(out, "queue_ms", usage->queue_ms);
    write_ms(out, "total_ms", usage->total_ms);
    rw_emit_close(out, '}');
}
