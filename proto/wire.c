#include "proto/wire.h"

#include <math.h>

#include "proto/emit.h"
#include "proto/errors.h"
#include "proto/tree.h"

/* ---- bodies and rows ------------------------------------------------------------------------- */

void rw_wire_request_init(struct rw_request *out)
{
    *out = (struct rw_request){
        .stop_below = NAN,
        .deadline_ms = NAN,
        .run = {.step = -1, .sample_index = -1, .rollout_n = -1},
    };
}

rw_status rw_wire_no_memory(const struct rw_arena *arena, struct rw_error *err)
{
    rw_fail(err, RW_NO_MEMORY, "the request does not fit its memory of %zu bytes",
            arena->max_bytes);
    rw_error_hint(err, "raise --request-memory");
    return RW_NO_MEMORY;
}

rw_status rw_wire_json(const struct rw_wire_input *in, cJSON **root, struct rw_error *err)
{
    const struct rw_guard_options options = {.depth_max = RW_JSON_BODY_DEPTH_MAX};
    if (in->len > in->limits->body_bytes_max) {
        rw_fail(err, RW_BODY_TOO_LARGE, "the body has %zu bytes; the limit is %zu", in->len,
                in->limits->body_bytes_max);
        rw_error_hint(err, "raise --body-max");
        return RW_BODY_TOO_LARGE;
    }
    rw_status status = rw_tree_parse(in->body, in->len, &options, in->arena, root, err);
    return status == RW_OK ? rw_tree_want_object(*root, NULL, err) : status;
}

float rw_wire_row_value(const struct rw_wire_row *row, enum rw_wire_which which, bool raw)
{
    bool process = which == RW_WIRE_OUTCOME ? !row->has_outcome : row->has_process;
    if (process) {
        return row->process;
    }
    return raw ? row->outcome_raw : row->outcome;
}

const char *rw_wire_model_name(const struct rw_wire_reply *reply)
{
    bool process = reply->options->which != RW_WIRE_OUTCOME || reply->outcome_name == NULL;
    return process && reply->process_name != NULL ? reply->process_name : reply->outcome_name;
}

void rw_wire_write_id(const struct rw_wire_reply *reply, const char *prefix, struct rw_buf *out)
{
    rw_emit_open(out, '{');
    rw_emit_name(out, "id");
    rw_buf_append_str(out, RW_STR("\""));
    rw_buf_append_str(out, rw_str_from(prefix));
    rw_buf_append_str(out, rw_str_from(reply->request_id));
    rw_buf_append_str(out, RW_STR("\""));
}

void rw_wire_write_usage(const struct rw_wire_reply *reply, struct rw_buf *out)
{
    rw_emit_name(out, "usage");
    rw_emit_open(out, '{');
    rw_emit_unsigned_field(out, "prompt_tokens", reply->prompt_tokens);
    rw_emit_unsigned_field(out, "total_tokens", reply->prompt_tokens);
    rw_emit_close(out, '}');
}

void rw_wire_write_error_openai(const struct rw_error *error, int http_status,
                                const char *request_id, struct rw_buf *out)
{
    rw_emit_open(out, '{');
    rw_emit_name(out, "error");
    rw_emit_open(out, '{');
    rw_emit_text_field(out, "message", error->message);
    rw_emit_text_field(out, "type", rw_error_entry(error->status)->type);
    rw_emit_text_field(out, "param", error->param[0] != '\0' ? error->param : NULL);
    rw_emit_unsigned_field(out, "code", (uint64_t)http_status);
    rw_emit_text_field(out, "reason", rw_status_code(error->status));
    rw_emit_text_field(out, "hint", error->hint[0] != '\0' ? error->hint : NULL);
    rw_emit_bool_field(out, "retryable", rw_error_entry(error->status)->retryable);
    rw_emit_text_field(out, "request_id", request_id);
    rw_emit_close(out, '}');
    rw_emit_close(out, '}');
}
