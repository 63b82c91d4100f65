/* LLaMA-Factory's reward_model_type: api, POST /v1/score/evaluation:
 *
 *     {"model":name,"messages":[text in the policy's chat template, ...]}
 *     -> {"id","object":"score.evaluation","model","scores":[...]}
 *
 * scores: the raw outcome score where an outcome model took part, else the process aggregate: its
 * PPO normalises what it gets, as it does with its own reward models. Any error ends the run of
 * this client, which has no timeout: so it waits for capacity. `model` is a name of the trainer's
 * making ("reward-model") and chooses nothing; ?model= and ?outcome_model= do. */
#include "proto/emit.h"
#include "proto/wire_item.h"

static rw_status read_body(const struct rw_wire_input *in, struct rw_request *out, void **state,
                           struct rw_error *err)
{
    (void)state;
    struct rw_path path = {NULL, "messages", -1};
    cJSON *root = NULL;
    size_t n = 0;
    rw_wire_request_init(out);
    rw_status status = rw_wire_json(in, &root, err);
    const cJSON *list = status == RW_OK ? cJSON_GetObjectItemCaseSensitive(root, "messages") : NULL;
    if (status == RW_OK) {
        status = rw_tree_want_list(list, &path, in->limits->traces_max, "--traces-max", &n, err);
    }
    if (status == RW_OK) {
        status = rw_wire_items(in, n, out, err);
    }
    const cJSON *node = status == RW_OK ? list->child : NULL;
    for (size_t i = 0; i < n && status == RW_OK; i++, node = node->next) {
        struct rw_path here = {NULL, "messages", (long)i};
        struct rw_str text;
        status = rw_tree_want_text(node, &here, &text, err);
        if (status == RW_OK) {
            status = rw_wire_conversation_text(in, text, &here, &out->items[i], err);
        }
    }
    return status;
}

static void write_reply(const struct rw_wire_reply *reply, struct rw_buf *out)
{
    rw_wire_write_id(reply, "scoreval-", out);
    rw_emit_text_field(out, "object", "score.evaluation");
    rw_emit_text_field(out, "model", rw_wire_model_name(reply));
    rw_emit_name(out, "scores");
    rw_emit_open(out, '[');
    for (size_t i = 0; i < reply->n; i++) {
        const struct rw_wire_row *row = &reply->rows[i];
        rw_emit_float(out, row->error == NULL ? rw_wire_row_value(row, reply->options->which, true)
                                              : (float)reply->options->unscorable);
    }
    rw_emit_close(out, ']');
    rw_emit_close(out, '}');
}

const struct rw_wire RW_WIRE_LLAMAFACTORY = {
    .path = {"/v1/score/evaluation"},
    .read = read_body,
    .write = write_reply,
    .lost = RW_WIRE_LOST_FAILS,
    .takes_unscorable = true,
    .hold = true,
    .one_value = true,
    .wrong_kind = 405,
    .which = RW_WIRE_OUTCOME,
};
