/* FastChat's reward workers (OpenR, compute-optimal-tts), POST /worker_reward_inference:
 *
 *     {"input_str": text | [text]}  ->  {"reward":[[per step],..]}
 *
 * and /worker_value_inference, which says "value". A text is a conversation in a known chat
 * template; where it is in none, "Question: .. Answer: .." is cut at the last "Answer:". Others are
 * refused: without a question a process model judges nothing. */
#include "core/base/util.h"
#include "proto/chat_template.h"
#include "proto/emit.h"
#include "proto/wire_item.h"

static rw_status read_text(const struct rw_wire_input *in, const cJSON *node,
                           const struct rw_path *path, struct rw_request_item *item,
                           struct rw_error *err)
{
    struct rw_str text;
    rw_status status = rw_tree_want_text(node, path, &text, err);
    if (status != RW_OK) {
        return status;
    }
    struct rw_chat_turns chat;
    bool refused;
    bool known = rw_chat_template_parse(rw_chat_template_strip_end(text), in->limits->messages_max,
                                        in->arena, &chat, &refused);
    size_t cut = text.len;
    for (size_t at = rw_str_find(text, RW_STR("Answer:"), 0); at < text.len;
         at = rw_str_find(text, RW_STR("Answer:"), at + 1)) {
        cut = at;
    }
    if (refused || known || cut == text.len) {
        return refused ? rw_wire_no_memory(in->arena, err)
                       : rw_wire_conversation_text(in, text, path, item, err);
    }
    struct rw_str question = rw_str_trim(rw_str_slice(text, 0, cut));
    if (rw_str_starts(question, RW_STR("Question:"))) {
        question = rw_str_trim(rw_str_slice(question, sizeof "Question:" - 1, question.len));
    }
    status = rw_wire_prompt_text(in, question, path, item, err);
    struct rw_str answer = rw_str_slice(text, cut + sizeof "Answer:" - 1, text.len);
    return status == RW_OK
               ? rw_wire_trace_text(in, rw_str_trim(answer), path, rw_tree_hidden(node), item, err)
               : status;
}

static rw_status read_fastchat(const struct rw_wire_input *in, struct rw_request *out, void **state,
                               struct rw_error *err)
{
    (void)state;
    cJSON *root = NULL;
    rw_wire_request_init(out);
    rw_status status = rw_wire_json(in, &root, err);
    return status == RW_OK ? rw_wire_texts(in, root, "input_str", read_text, out, err) : status;
}

static void write_steps_of(const struct rw_wire_reply *reply, const char *name, struct rw_buf *out)
{
    rw_emit_open(out, '{');
    rw_emit_name(out, name);
    rw_emit_open(out, '[');
    for (size_t i = 0; i < reply->n; i++) {
        const struct rw_wire_row *row = &reply->rows[i];
        rw_emit_open(out, '[');
        for (uint32_t s = 0; row->has_process && s < row->n_steps; s++) {
            rw_emit_float(out, row->steps[s].reward);
        }
        if (!row->has_process) {
            rw_emit_float(out, row->outcome);
        }
        rw_emit_close(out, ']');
    }
    rw_emit_close(out, ']');
    rw_emit_close(out, '}');
}

static void write_reward(const struct rw_wire_reply *reply, struct rw_buf *out)
{
    write_steps_of(reply, "reward", out);
}

static void write_value(const struct rw_wire_reply *reply, struct rw_buf *out)
{
    write_steps_of(reply, "value", out);
}

const struct rw_wire RW_WIRE_FASTCHAT = {
    .path = {"/worker_reward_inference"},
    .read = read_fastchat,
    .write = write_reward,
    .lost = RW_WIRE_LOST_FAILS,
    .hold = true,
    .reads_steps = true,
    .one_model = true,
    .counts_steps = true,
    .which = RW_WIRE_PROCESS,
};
const struct rw_wire RW_WIRE_FASTCHAT_VALUE = {
    .path = {"/worker_value_inference"},
    .read = read_fastchat,
    .write = write_value,
    .lost = RW_WIRE_LOST_FAILS,
    .hold = true,
    .reads_steps = true,
    .one_model = true,
    .counts_steps = true,
    .which = RW_WIRE_PROCESS,
};
