/* slime's and miles' remote reward model, POST /compat/slime (--rm-type remote_rm --rm-url ...):
 *
 *     {"prompt": text or messages, "response": text, "label": text or null, ...}
 *     -> {"reward":f,"score":f,"outcome":f,"outcome_raw":f,"n_steps":n,"first_bad_step":i,
 *         "verified":b,"steps":[{"reward":f,"chars":[a,b]}],"flags":[{"name","p"}]}
 *
 * One sample a request. --reward-key picks a member; without one the client takes the whole reply,
 * so ?bare=1 makes it the number alone. Spans run over `response`. The client takes a null for a
 * reward: a sample that cannot be scored is an error status, never 200. */
#include <math.h>

#include "proto/emit.h"
#include "proto/wire_item.h"

static rw_status read_prompt(const struct rw_wire_input *in, const cJSON *node,
                             struct rw_request_item *item, struct rw_error *err)
{
    struct rw_path path = {NULL, "prompt", -1};
    if (cJSON_IsArray(node)) {
        return rw_wire_messages(in, node, &path, item, NULL, err);
    }
    struct rw_str text;
    rw_status status = rw_tree_want_text(node, &path, &text, err);
    return status == RW_OK ? rw_wire_prompt_text(in, text, &path, item, err) : status;
}

static rw_status read_body(const struct rw_wire_input *in, struct rw_request *out, void **state,
                           struct rw_error *err)
{
    (void)state;
    struct rw_path path = {NULL, "response", -1};
    cJSON *root = NULL;
    struct rw_str response;
    rw_wire_request_init(out);
    rw_status status = rw_wire_json(in, &root, err);
    if (status == RW_OK) {
        status = rw_wire_items(in, 1, out, err);
    }
    if (status == RW_OK) {
        status =
            read_prompt(in, cJSON_GetObjectItemCaseSensitive(root, "prompt"), &out->items[0], err);
    }
    const cJSON *node = status == RW_OK ? cJSON_GetObjectItemCaseSensitive(root, "response") : NULL;
    if (status == RW_OK) {
        status = rw_tree_want_text(node, &path, &response, err);
    }
    if (status == RW_OK) {
        status = rw_wire_trace_text(in, response, &path, rw_tree_hidden(node), &out->items[0], err);
    }
    return status == RW_OK ? rw_wire_reference(in, cJSON_GetObjectItemCaseSensitive(root, "label"),
                                               &out->items[0], err)
                           : status;
}

static void write_steps(const struct rw_wire_row *row, struct rw_buf *out)
{
    rw_emit_name(out, "steps");
    rw_emit_open(out, '[');
    for (uint32_t i = 0; i < row->n_steps; i++) {
        rw_emit_open(out, '{');
        rw_emit_float_field(out, "reward", row->steps[i].reward);
        rw_emit_name(out, "chars");
        rw_emit_span(out, row->steps[i].char_begin, row->steps[i].char_end);
        rw_emit_close(out, '}');
    }
    rw_emit_close(out, ']');
}

static void write_flags(const struct rw_wire_row *row, struct rw_buf *out)
{
    rw_emit_name(out, "flags");
    rw_emit_open(out, '[');
    for (uint32_t i = 0; i < row->n_flags; i++) {
        const struct rw_reply_flag *flag = &row->flags[i];
        if (flag->fired) {
            rw_emit_open(out, '{');
            rw_emit_text_field(out, "name", flag->name);
            rw_emit_name(out, "p");
            if (isnan(flag->p)) {
                rw_emit_raw(out, "null");
            } else {
                rw_emit_double(out, flag->p);
            }
            rw_emit_close(out, '}');
        }
    }
    rw_emit_close(out, ']');
}

static void write_verified(const struct rw_wire_row *row, struct rw_buf *out)
{
    rw_emit_name(out, "verified");
    rw_emit_raw(out, row->verified == RW_REPLY_VERIFIED_RIGHT   ? "true"
                     : row->verified == RW_REPLY_VERIFIED_WRONG ? "false"
                                                                : "null");
}

static void write_reply(const struct rw_wire_reply *reply, struct rw_buf *out)
{
    const struct rw_wire_row *row = &reply->rows[0];
    bool scored = row->error == NULL;
    enum rw_wire_which which = reply->options->which;
    float reward = scored ? rw_wire_row_value(row, which, true) : (float)reply->options->unscorable;
    if (reply->options->bare) {
        rw_emit_float(out, reward);
        return;
    }
    rw_emit_open(out, '{');
    rw_emit_float_field(out, "reward", reward);
    rw_emit_bool_field(out, "scored", scored);
    if (scored) {
        rw_emit_float_field(out, "score", rw_wire_row_value(row, which, false));
    }
    if (scored && row->has_outcome) {
        rw_emit_float_field(out, "outcome", row->outcome);
        rw_emit_float_field(out, "outcome_raw", row->outcome_raw);
    }
    if (scored && row->has_process) {
        rw_emit_unsigned_field(out, "n_steps", row->n_steps);
        rw_emit_name(out, "first_bad_step");
        rw_emit_signed(out, row->first_bad_step);
        write_steps(row, out);
    }
    write_verified(row, out);
    write_flags(row, out);
    rw_emit_close(out, '}');
}

const struct rw_wire RW_WIRE_SLIME = {
    .path = {"/compat/slime"},
    .read = read_body,
    .write = write_reply,
    .lost = RW_WIRE_LOST_FAILS,
    .takes_unscorable = true,
    .hold = true,
    .reads_steps = true,
    .flags = true,
    .takes_bare = true,
};
