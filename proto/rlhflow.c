/* RLHFlow's process reward models as evaluators call them: POST /v1/chat/completions with the steps
 * as user turns and "+" as every assistant turn (ProcessBench, search-and-learn).
 *
 *     {"messages":[{"user": question and step 1},{"assistant":"+"},{"user": step 2},...],
 *      "max_tokens":1, "model"?, "logprobs"?, "temperature"?, ...}
 *     -> choices[0].message.content = "+" or "-", logprobs.content[0] of the verdict
 *
 * What is asked is the verdict on the last step: "+" where its reward is one half or more. The
 * first turn has the question, a blank line (ProcessBench) or a blank (search-and-learn) and the
 * first step. They go to the model by its own recipe, which joins them by a blank for these models:
 * where a blank joined them already, it does not matter at which of them the turn is cut. Anything
 * else is refused: this daemon does not generate. */
#include <math.h>

#include "core/base/util.h"
#include "proto/emit.h"
#include "proto/wire_item.h"

static rw_status refuse(const struct rw_path *path, struct rw_error *err)
{
    rw_path_fail(path, err, RW_INVALID_REQUEST,
                 "this daemon does not generate: it takes user turns that are steps, each but the "
                 "last followed by an assistant turn \"+\", and max_tokens 1");
    rw_error_hint(err, "POST /v1/rewards scores traces");
    return RW_INVALID_REQUEST;
}

static rw_status check_max_tokens(const cJSON *root, struct rw_error *err)
{
    if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(root, "stream"))) {
        struct rw_path stream = {NULL, "stream", -1};
        return refuse(&stream, err);
    }
    static const char *const NAMES[] = {"max_tokens", "max_completion_tokens"};
    for (int i = 0; i < 2; i++) {
        struct rw_path path = {NULL, NAMES[i], -1};
        const cJSON *node = cJSON_GetObjectItemCaseSensitive(root, NAMES[i]);
        if (node != NULL && !cJSON_IsNull(node)) {
            bool one = cJSON_IsNumber(node) && node->valuedouble > 0.5 && node->valuedouble < 1.5;
            return one ? RW_OK : refuse(&path, err);
        }
    }
    struct rw_path path = {NULL, "max_tokens", -1};
    return refuse(&path, err);
}

/* Offset of the last `mark` with text before and behind it; the text's length when there is none.
 */
static size_t last_mark(struct rw_str text, struct rw_str mark)
{
    size_t found = text.len;
    for (size_t at = rw_str_find(text, mark, 1); at + mark.len < text.len;
         at = rw_str_find(text, mark, at + 1)) {
        found = at;
    }
    return found;
}

/* The question of the first turn, and its first step behind *step: they are joined by a blank line
 * (ProcessBench) or a blank (search-and-learn), which is taken where a sentence ends: a turn of one
 * sentence is a request to generate. A turn that ends in its join has an empty step, which no part
 * of the question may stand for: *step is its length. */
static size_t question_end(struct rw_str text, size_t *step)
{
    static const struct rw_str JOIN[] = {{"\n\n", 2}, {"\n", 1}, {"? ", 2}, {". ", 2}};
    bool open = text.len > 0 && strchr(" \n", text.ptr[text.len - 1]) != NULL;
    *step = text.len;
    if (rw_str_ends(text, JOIN[0])) {
        return text.len;
    }
    for (size_t i = 0; i < RW_COUNT(JOIN); i++) {
        size_t at = last_mark(text, JOIN[i]);
        if (i >= 2 && open) {
            return text.len;
        }
        if (at < text.len) {
            *step = at + JOIN[i].len;
            return JOIN[i].ptr[0] == '?' || JOIN[i].ptr[0] == '.' ? at + 1 : at;
        }
    }
    *step = 0;
    return 0;
}

static rw_status take_turns(const struct rw_wire_input *in, const struct rw_request_item *turns,
                            struct rw_request_item *item, struct rw_error *err)
{
    struct rw_path path = {NULL, "messages", -1};
    size_t n = turns->n_messages;
    struct rw_str *steps = rw_arena_array(in->arena, n / 2 + 1, sizeof *steps);
    item->messages = rw_arena_array(in->arena, 1, sizeof *item->messages);
    if (steps == NULL || item->messages == NULL) {
        return rw_wire_no_memory(in->arena, err);
    }
    for (size_t i = 0; i < n; i++) {
        const struct rw_request_message *m = &turns->messages[i];
        bool user = i % 2 == 0;
        bool fits = user ? m->role == RW_REQUEST_USER
                         : m->role == RW_REQUEST_ASSISTANT &&
                               (rw_str_is(m->content, "+") || rw_str_is(m->content, "-"));
        if (!fits || n % 2 == 0) {
            return refuse(&path, err);
        }
        if (user) {
            steps[i / 2] = m->content;
        }
    }
    size_t step = 0;
    size_t end = question_end(steps[0], &step);
    item->messages[0] =
        (struct rw_request_message){RW_REQUEST_USER, rw_str_slice(steps[0], 0, end)};
    item->n_messages = 1;
    if (step == 0) {
        return rw_path_fail(&path, err, RW_INVALID_REQUEST,
                            "the first turn must hold the question, a blank line and the first "
                            "step");
    }
    steps[0] = rw_str_slice(steps[0], step, steps[0].len);
    item->traces[0] = (struct rw_request_trace){.steps = steps, .n_steps = n / 2 + 1};
    for (size_t i = 0; i <= n / 2; i++) {
        struct rw_path turn = {NULL, "messages", (long)(2 * i)};
        if (rw_str_trim(steps[i]).len == 0) {
            return rw_path_fail(&turn, err, RW_EMPTY_TRACE, "step %zu is empty", i);
        }
    }
    return RW_OK;
}

static rw_status read_body(const struct rw_wire_input *in, struct rw_request *out, void **state,
                           struct rw_error *err)
{
    (void)state;
    struct rw_path path = {NULL, "messages", -1};
    struct rw_request_item turns = {0};
    cJSON *root = NULL;
    rw_wire_request_init(out);
    rw_status status = rw_wire_json(in, &root, err);
    if (status == RW_OK) {
        status = check_max_tokens(root, err);
    }
    const cJSON *list = status == RW_OK ? cJSON_GetObjectItemCaseSensitive(root, "messages") : NULL;
    if (status == RW_OK) {
        status = rw_wire_messages(in, list, &path, &turns, NULL, err);
    }
    if (status == RW_OK) {
        status = rw_wire_items(in, 1, out, err);
    }
    if (status != RW_OK) {
        return status;
    }
    out->no_outcome = true;
    out->items[0].traces[0].hidden_texts = 0;
    status = take_turns(in, &turns, &out->items[0], err);
    out->items[0].traces[0].hidden_texts = rw_tree_hidden(list);
    return status;
}

/* log p of the verdict; a probability of 0 has none, and the reply has to hold a number. */
static float log_of(float p)
{
    return p > 0 ? logf(p) : -9999.0F; /* what OpenAI's own API writes for it */
}

static void write_verdict(struct rw_buf *out, const char *token, float p)
{
    rw_emit_open(out, '{');
    rw_emit_text_field(out, "token", token);
    rw_emit_float_field(out, "logprob", log_of(p));
    rw_emit_name(out, "bytes");
    rw_emit_open(out, '[');
    rw_emit_unsigned(out, (unsigned char)token[0]);
    rw_emit_close(out, ']');
}

static void write_logprobs(struct rw_buf *out, float p)
{
    const char *said = p >= 0.5F ? "+" : "-";
    const char *other = p >= 0.5F ? "-" : "+";
    float likely = p >= 0.5F ? p : 1 - p;
    rw_emit_name(out, "logprobs");
    rw_emit_open(out, '{');
    rw_emit_name(out, "content");
    rw_emit_open(out, '[');
    write_verdict(out, said, likely);
    rw_emit_name(out, "top_logprobs");
    rw_emit_open(out, '[');
    write_verdict(out, said, likely);
    rw_emit_close(out, '}');
    write_verdict(out, other, 1 - likely);
    rw_emit_close(out, '}');
    rw_emit_close(out, ']');
    rw_emit_close(out, '}');
    rw_emit_close(out, ']');
    rw_emit_close(out, '}');
}

static void write_usage(const struct rw_wire_reply *reply, struct rw_buf *out)
{
    rw_emit_name(out, "usage");
    rw_emit_open(out, '{');
    rw_emit_unsigned_field(out, "prompt_tokens", reply->prompt_tokens);
    rw_emit_unsigned_field(out, "completion_tokens", 1);
    rw_emit_unsigned_field(out, "total_tokens", reply->prompt_tokens + 1);
    rw_emit_close(out, '}');
}

static void write_reply(const struct rw_wire_reply *reply, struct rw_buf *out)
{
    const struct rw_wire_row *row = &reply->rows[0];
    float p = row->steps[row->n_steps - 1].reward;
    rw_wire_write_id(reply, "chatcmpl-", out);
    rw_emit_text_field(out, "object", "chat.completion");
    rw_emit_name(out, "created");
    rw_emit_signed(out, reply->created);
    rw_emit_text_field(out, "model", rw_wire_model_name(reply));
    rw_emit_name(out, "choices");
    rw_emit_open(out, '[');
    rw_emit_open(out, '{');
    rw_emit_unsigned_field(out, "index", 0);
    rw_emit_name(out, "message");
    rw_emit_open(out, '{');
    rw_emit_text_field(out, "role", "assistant");
    rw_emit_text_field(out, "content", p >= 0.5F ? "+" : "-");
    rw_emit_close(out, '}');
    write_logprobs(out, p);
    rw_emit_text_field(out, "finish_reason", "length");
    rw_emit_close(out, '}');
    rw_emit_close(out, ']');
    write_usage(reply, out);
    rw_emit_close(out, '}');
}

const struct rw_wire RW_WIRE_RLHFLOW = {
    .path = {"/v1/chat/completions"},
    .read = read_body,
    .write = write_reply,
    .write_error = rw_wire_write_error_openai,
    .lost = RW_WIRE_LOST_FAILS,
    .hold = true,
    .reads_steps = true,
    .one_model = true,
    .counts_steps = true,
    .which = RW_WIRE_PROCESS,
};
