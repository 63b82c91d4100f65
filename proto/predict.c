/* Hugging Face's text classification (huggingface_hub's text_classification(model=URL), TEI),
 * POST /predict and, since that client posts to the address it was given, POST /:
 *
 *     {"inputs": text | [text]}  ->  [[{"label":"LABEL_0","score":p}]]
 *
 * nested for one text too: the client takes the first element of the list as its list. A text is a
 * conversation in a known chat template that ends in an assistant turn; others are refused: without
 * a question nothing can be judged. */
#include "proto/emit.h"
#include "proto/wire_item.h"

static rw_status read_predict(const struct rw_wire_input *in, struct rw_request *out, void **state,
                              struct rw_error *err)
{
    (void)state;
    cJSON *root = NULL;
    rw_wire_request_init(out);
    rw_status status = rw_wire_json(in, &root, err);
    return status == RW_OK ? rw_wire_texts(in, root, "inputs", rw_wire_conversation_node, out, err)
                           : status;
}

static void write_predict(const struct rw_wire_reply *reply, struct rw_buf *out)
{
    rw_emit_open(out, '[');
    for (size_t i = 0; i < reply->n; i++) {
        rw_emit_open(out, '[');
        rw_emit_open(out, '{');
        rw_emit_text_field(out, "label", "LABEL_0");
        rw_emit_float_field(out, "score",
                            rw_wire_row_value(&reply->rows[i], reply->options->which, false));
        rw_emit_close(out, '}');
        rw_emit_close(out, ']');
    }
    rw_emit_close(out, ']');
}

const struct rw_wire RW_WIRE_PREDICT = {
    .path = {"/predict", "/"},
    .read = read_predict,
    .write = write_predict,
    .lost = RW_WIRE_LOST_FAILS,
    .hold = true,
    .one_value = true,
    .which = RW_WIRE_OUTCOME,
};
