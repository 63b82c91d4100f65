#include "core/model/chat.h"

#include "core/base/util.h"

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

/* Llama 3.1 and 3.2; where the template asks for today's date we take its fixed default. */
static const char LLAMA3_DATED[] =
    "{\"begin\":[{\"bos\":true}],"
    "\"system\":[" HEADER(
        "system") ",\"Cutting Knowledge Date: December 2023\\nToday Date: 26 Jul 2024\\n\\n\","
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
    {"llama3", LLAMA3}, {"llama3-dated", LLAMA3_DATED},
    {"plain", PLAIN},   {"plain-eos", PLAIN_EOS},
    {"bare", "{" BARE},
};

static bool has(struct rw_str text, const char *needle)
{
    return rw_str_find(text, rw_str_from(needle), 0) < text.len;
}

/* What a quoted literal of the template means: \n, \\, \' and \" are escapes. */
static struct rw_str unescape(struct rw_str raw, struct rw_arena *arena)
{
    struct rw_str copy = rw_arena_copy(arena, raw);
    char *to = (char *)copy.ptr;
    if (to == NULL) {
        return copy;
    }
    size_t n = 0;
    for (size_t i = 0; i < raw.len; i++) {
        char c = raw.ptr[i];
        if (c == '\\' && i + 1 < raw.len) {
            char next = raw.ptr[++i];
            c = next == 'n' ? '\n' : next == 't' ? '\t' : next;
        }
        to[n++] = c;
    }
    copy.len = n;
    return copy;
}

/* ChatML templates hold their default as a literal '<|im_start|>system\nTEXT<|im_end|>\n'. The
 * text runs to the first <|im_end|> and must not leave the literal (a quote would end it). */
static bool find_system_default(struct rw_str text, struct rw_str *out)
{
    static const struct rw_str OPEN = {"<|im_start|>system", 18};
    static const struct rw_str END = {"<|im_end|>", 10};
    for (size_t at = rw_str_find(text, OPEN, 0); at < text.len; at = rw_str_find(text, OPEN, at)) {
        char quote = at > 0 ? text.ptr[at - 1] : '\0';
        at += OPEN.len;
        size_t newline = at < text.len && text.ptr[at] == '\n' ? 1 : 2; /* raw, or \n as written */
        size_t end = rw_str_find(text, END, at);
        if (end == text.len || at + newline > end) {
            return false;
        }
        struct rw_str inside = rw_str_slice(text, at + newline, end);
        if ((quote == '\'' || quote == '"') && inside.len > 0 &&
            memchr(inside.ptr, quote, inside.len) == NULL) {
            *out = inside;
            return true;
        }
    }
    return false;
}

static rw_status unknown_template(const struct rw_chat *chat, struct rw_error *err)
{
    rw_fail(err, RW_MODEL_UNSUPPORTED,
            "the chat template of the model (%zu bytes) is of no family that we know",
            chat->template_text.len);
    rw_error_param(err, "chat_template");
    rw_error_hint(err, "known: chatml, chatml-think, llama3, llama3-dated, plain, plain-eos, bare. "
                       "Write the layout "
                       "into rewardd.json (core/MODEL.md section 4)");
    return RW_MODEL_UNSUPPORTED;
}

/* Marks of other families would be lost without a word: a template that has them is unknown. */
static const char *recognise(struct rw_str text)
{
    if (text.len == 0) {
        return "plain";
    }
    bool chatml = has(text, "<|im_start|>") && has(text, "<|im_end|>");
    bool llama = has(text, "<|start_header_id|>") && has(text, "<|eot_id|>");
    if (chatml == llama) {
        return NULL;
    }
    if (llama) {
        if (!has(text, "trim")) {
            return NULL;
        }
        return has(text, "Cutting Knowledge Date: December 2023") ? "llama3-dated"
               : has(text, "Cutting Knowledge")                   ? NULL
                                                                  : "llama3";
    }
    if (has(text, "<think>")) {
        return has(text, "reasoning_content") && has(text, "last_query_index") ? "chatml-think"
                                                                               : NULL;
    }
    return has(text, "| trim") || has(text, "|trim") ? NULL : "chatml";
}

rw_status rw_chat_resolve(const struct rw_chat *chat, struct rw_str name, struct rw_arena *arena,
                          struct rw_chat_family *out, struct rw_error *err)
{
    *out = (struct rw_chat_family){0};
    if (rw_str_is(name, "auto")) {
        const char *found = recognise(chat->template_text);
        if (found == NULL) {
            return unknown_template(chat, err);
        }
        name = rw_str_from(found);
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
    struct rw_str text = chat->template_text;
    struct rw_str raw;
    if (strcmp(out->name, "chatml") == 0 && find_system_default(text, &raw)) {
        out->has_system_default = true;
        out->system_default = unescape(raw, arena);
        if (out->system_default.ptr == NULL) {
            return rw_fail(err, RW_NO_MEMORY, "no memory for the chat template");
        }
    }
    out->bos = out->layout == CHATML && has(text, "bos_token");
    return RW_OK;
}
