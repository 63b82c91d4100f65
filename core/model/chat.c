#include "core/model/chat.h"

#include <stdio.h>
#include <string.h>

#include "core/base/util.h"
#include "core/text/jinja.h"

enum {
    DATE_BYTES_MAX = 64, /* of a date as a template writes it */
};

/* Sections only; system_default and begin are added from the template. */
static const char CHATML[] =
    "{\"system\":[\"<|im_start|>system\\n\",{\"content\":\"system\"},\"<|im_end|>\\n\"],"
    "\"user\":[\"<|im_start|>user\\n\",{\"content\":\"user\"},\"<|im_end|>\\n\"],"
    "\"assistant\":[\"<|im_start|>assistant\\n\",{\"content\":\"assistant\"},\"<|im_end|>\\n\"],"
    "\"open\":[\"<|im_start|>assistant\\n\"],"
    "\"response\":[{\"content\":\"response\"}],"
    "\"close\":[\"<|im_end|>\\n\"]}";

/* Qwen3: the last answer always carries a <think> block, earlier ones lose theirs. */
static const char CHATML_THINK[] =
    "{\"system\":[\"<|im_start|>system\\n\",{\"content\":\"system\"},\"<|im_end|>\\n\"],"
    "\"user\":[\"<|im_start|>user\\n\",{\"content\":\"user\"},\"<|im_end|>\\n\"],"
    "\"assistant\":[\"<|im_start|>assistant\\n\",{\"content\":\"assistant\",\"part\":\"answer\"},"
    "\"<|im_end|>\\n\"],"
    "\"open\":[\"<|im_start|>assistant\\n\"],"
    "\"response\":[\"<think>\\n\",{\"content\":\"response\",\"part\":\"reasoning\"},"
    "\"\\n</think>\\n\\n\",{\"content\":\"response\",\"part\":\"answer\",\"trim\":\"newlines\"}],"
    "\"close\":[\"<|im_end|>\\n\"]}";

#define HEADER(role) "\"<|start_header_id|>" role "<|end_header_id|>\\n\\n\""
#define LLAMA3_TURNS                                                                               \
    "\"user\":[" HEADER(                                                                           \
        "user") ",{\"content\":\"user\",\"trim\":\"both\"},\"<|eot_id|>\"],"                       \
                "\"assistant\":[" HEADER(                                                          \
                    "assistant") ",{\"content\":\"assistant\",\"trim\":\"both\"},\"<|eot_id|>\"]," \
                                 "\"open\":[" HEADER(                                              \
                                     "assistant") "],"                                             \
                                                  "\"response\":[{\"content\":\"response\","       \
                                                  "\"trim\":\"both\"}],"                           \
                                                  "\"close\":[\"<|eot_id|>\"]}"

static const char LLAMA3[] =
    "{\"begin\":[{\"bos\":true}],"
    "\"system\":[" HEADER(
        "system") ",{\"content\":\"system\",\"trim\":\"both\"},\"<|eot_id|>\"]," LLAMA3_TURNS;

/* Llama 3.1 and 3.2: around the date, which is the one that the folder's template renders. */
static const char LLAMA3_DATED_HEAD[] =
    "{\"begin\":[{\"bos\":true}],"
    "\"system\":[" HEADER("system") ",\"Cutting Knowledge Date: December 2023\\nToday Date: ";
static const char LLAMA3_DATED_TAIL[] =
    "\\n\\n\","
    "{\"content\":\"system\",\"trim\":\"both\"},\"<|eot_id|>\"],\"system_default\":"
    "\"\"," LLAMA3_TURNS;

/* No template: prompt and answer as they are, inside what the tokenizer's post-processor puts
 * around a text; with the EOS token behind (TRL's RewardTrainer); or nothing but the two
 * (OpenRLHF). */
#define BARE "\"prompt\":[{\"content\":\"prompt\"}],\"response\":[{\"content\":\"response\"}]}"
static const char PLAIN[] = "{\"post_processor\":true," BARE;
static const char PLAIN_EOS[] = "{\"post_processor\":true,\"end\":\"eos\"," BARE;

static const struct {
    const char *name;
    const char *layout;
} FAMILY[] = {
    {"chatml", CHATML}, {"chatml-think", CHATML_THINK},
    {"llama3", LLAMA3}, {"llama3-dated", LLAMA3_DATED_HEAD},
    {"plain", PLAIN},   {"plain-eos", PLAIN_EOS},
    {"bare", "{" BARE},
};

/* ---- what the folder's template renders ------------------------------------------------------ */

/* The templates' date where nobody said another: a reward must not change overnight. */
const struct tm RW_CHAT_DATE = {
    .tm_year = 124, .tm_mon = 6, .tm_mday = 26, .tm_wday = 5, .tm_yday = 207};

rw_status rw_chat_evaluate(const struct rw_chat *chat, struct rw_arena *arena,
                           struct rw_layout *layout, struct rw_error *err)
{
    layout->n_special = chat->n_special;
    memcpy(layout->special, chat->special, sizeof layout->special);
    rw_status status = rw_jinja_parse(chat->template_text, arena, &layout->jinja, err);
    if (status == RW_OK && chat->tool_template_text.len > 0) {
        status = rw_jinja_parse(chat->tool_template_text, arena, &layout->jinja_tools, err);
    }
    layout->uses_date = status == RW_OK &&
                        (rw_jinja_uses_date(layout->jinja) ||
                         (layout->jinja_tools != NULL && rw_jinja_uses_date(layout->jinja_tools)));
    if (status == RW_MODEL_UNSUPPORTED) {
        rw_error_hint(err, "write the layout into rewardd.json (core/MODEL.md section 4)");
    }
    return status;
}

/* A conversation of one question "u", as the folder's template renders it; ptr NULL: not at all. */
static struct rw_str render_question(const struct rw_chat *chat, struct rw_arena *arena)
{
    struct rw_layout layout = {0};
    struct rw_error err = {0};
    struct rw_jinja_text text = {0};
    struct rw_jinja_value *globals = rw_jinja_dict(arena);
    struct rw_jinja_value *messages = rw_jinja_list(arena);
    struct rw_jinja_value *message = rw_jinja_dict(arena);
    bool good = chat->template_text.len > 0 &&
                rw_chat_evaluate(chat, arena, &layout, &err) == RW_OK &&
                rw_jinja_put(arena, message, "role", rw_jinja_str(arena, RW_STR("user"), 0)) &&
                rw_jinja_put(arena, message, "content", rw_jinja_str(arena, RW_STR("u"), 0)) &&
                rw_jinja_append(arena, messages, message) &&
                rw_jinja_put(arena, globals, "messages", messages) &&
                rw_jinja_put(arena, globals, "tools", rw_jinja_none(arena)) &&
                rw_jinja_put(arena, globals, "documents", rw_jinja_none(arena)) &&
                rw_jinja_put(arena, globals, "add_generation_prompt", rw_jinja_bool(arena, false));
    for (size_t i = 0; i < chat->n_special && good; i++) {
        good = rw_jinja_put(arena, globals, chat->special[i].name,
                            rw_jinja_str(arena, chat->special[i].text, 0));
    }
    const struct rw_jinja_context context = {globals, &chat->now};
    good = good && rw_jinja_render(layout.jinja, &context, arena, &text, &err) == RW_OK;
    return good ? (struct rw_str){text.ptr, text.len} : (struct rw_str){NULL, 0};
}

/* Without the BOS that a template may begin with. */
static struct rw_str without_bos(const struct rw_chat *chat, struct rw_str text)
{
    bool there = chat->bos_token.len > 0 && rw_str_starts(text, chat->bos_token);
    return there ? rw_str_slice(text, chat->bos_token.len, text.len) : text;
}

bool rw_chat_begins_with_bos(const struct rw_chat *chat, struct rw_arena *arena)
{
    struct rw_str text = render_question(chat, arena);
    return without_bos(chat, text).len < text.len;
}

/* The system text that a ChatML template adds by itself. */
static bool find_system_default(struct rw_str text, struct rw_str *out)
{
    const struct rw_str open = RW_STR("<|im_start|>system\n");
    const struct rw_str end = RW_STR("<|im_end|>\n<|im_start|>user\nu<|im_end|>\n");
    if (!rw_str_starts(text, open) || !rw_str_ends(text, end) || text.len < open.len + end.len) {
        return false;
    }
    *out = rw_str_slice(text, open.len, text.len - end.len);
    return true;
}

#define QUESTION "<|start_header_id|>user<|end_header_id|>\n\nu<|eot_id|>"
#define DATED                                                                               \
    "<|start_header_id|>system<|end_header_id|>\n\nCutting Knowledge Date: December 2023\n" \
    "Today Date: "

/* The date that the dated template renders; false when it renders something else. */
static bool find_date(struct rw_str text, struct rw_str *date)
{
    const struct rw_str begin = RW_STR(DATED);
    const struct rw_str end = RW_STR("\n\n<|eot_id|>" QUESTION);
    if (!rw_str_starts(text, begin) || !rw_str_ends(text, end) || text.len < begin.len + end.len ||
        text.len > begin.len + end.len + DATE_BYTES_MAX) {
        return false;
    }
    *date = rw_str_slice(text, begin.len, text.len - end.len);
    for (size_t i = 0; i < date->len; i++) {
        char c = date->ptr[i];
        bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                     c == ' ' || c == ',' || c == '-' || c == '.' || c == '/';
        if (!plain) {
            return false;
        }
    }
    return true;
}

static rw_status choose_llama3(const struct rw_chat *chat, struct rw_arena *arena,
                               struct rw_str *name, struct rw_str *date, struct rw_error *err)
{
    struct rw_str text = without_bos(chat, render_question(chat, arena));
    if (rw_str_is(text, QUESTION)) {
        *name = RW_STR("llama3");
        return RW_OK;
    }
    if (find_date(text, date)) {
        *name = RW_STR("llama3-dated");
        return RW_OK;
    }
    rw_fail(err, RW_MODEL_UNSUPPORTED,
            "this recipe is written for the chat template of Llama 3 or 3.1, and the folder's "
            "renders otherwise");
    rw_error_param(err, "chat_template");
    return RW_MODEL_UNSUPPORTED;
}

static rw_status write_dated(struct rw_str date, struct rw_arena *arena, const char **out,
                             struct rw_error *err)
{
    size_t size = sizeof LLAMA3_DATED_HEAD + DATE_BYTES_MAX + sizeof LLAMA3_DATED_TAIL;
    char *text = rw_arena_array(arena, size, 1);
    if (text == NULL) {
        return rw_fail_memory(err, "the model package");
    }
    snprintf(text, size, "%s%.*s%s", LLAMA3_DATED_HEAD, RW_STR_ARG(date), LLAMA3_DATED_TAIL);
    *out = text;
    return RW_OK;
}

static bool template_uses_date(const struct rw_chat *chat, struct rw_arena *arena)
{
    const struct rw_jinja *jinja;
    return chat->template_text.len > 0 &&
           rw_jinja_parse(chat->template_text, arena, &jinja, NULL) == RW_OK &&
           rw_jinja_uses_date(jinja);
}

rw_status rw_chat_resolve(const struct rw_chat *chat, struct rw_str name, struct rw_arena *arena,
                          struct rw_chat_family *out, struct rw_error *err)
{
    struct rw_str date = RW_STR("26 Jul 2024"); /* of a family that is asked for by its name */
    *out = (struct rw_chat_family){0};
    if (rw_str_is(name, "llama3-auto")) {
        rw_status status = choose_llama3(chat, arena, &name, &date, err);
        if (status != RW_OK) {
            return status;
        }
        out->uses_date = rw_str_is(name, "llama3-dated") && template_uses_date(chat, arena);
    }
    for (size_t i = 0; i < RW_COUNT(FAMILY); i++) {
        if (rw_str_is(name, FAMILY[i].name)) {
            out->name = FAMILY[i].name;
            out->layout = FAMILY[i].layout;
        }
    }
    if (out->name == NULL) {
        return rw_fail(err, RW_MODEL_CORRUPT, "chat family \"%.*s\" is not known",
                       RW_STR_ARG(name));
    }
    if (out->layout == LLAMA3_DATED_HEAD) {
        return write_dated(date, arena, &out->layout, err);
    }
    if (out->layout == CHATML) {
        struct rw_str text = render_question(chat, arena);
        struct rw_str bare = without_bos(chat, text);
        out->bos = bare.len < text.len;
        out->has_system_default = find_system_default(bare, &out->system_default);
        out->uses_date = out->has_system_default && template_uses_date(chat, arena);
    }
    return RW_OK;
}
