#include "proto/chat_template.h"

#include <strings.h>

#include "core/base/util.h"

/* A role is either a word between two marks (OPEN role HEADER content CLOSE), or has a mark of its
 * own (USER content ASSISTANT content ...), whose turn ends where the next mark begins. */
struct family {
    struct rw_str open; /* before the role's word; empty: marks of their own */
    struct rw_str header;
    struct rw_str close; /* may be empty */
    struct rw_str other_close;
    struct rw_str system;
    struct rw_str system_close;
    struct rw_str user;
    struct rw_str assistant;
    struct rw_str answer_open; /* may stand behind the assistant's mark */
    bool lead_is_system;       /* text before the first mark is a system turn */
    bool sys_in_user;          /* <<SYS>> ... <</SYS>> inside the first user turn */
    bool channels;             /* more words may stand between the role and HEADER */
    bool plain; /* marks are ordinary words: only where an open answer ends the text */
};

#define TEXT(literal)                 \
    {                                 \
        literal, sizeof(literal) - 1, \
    }
/* U+FF5C and U+2581 of DeepSeek's marks. */
#define BAR    "\xEF\xBD\x9C"
#define LOW    "\xE2\x96\x81"
#define COHERE "<|START_OF_TURN_TOKEN|>"

/* The first whose first mark fits. Phi-4 shares ChatML's opening, and is told by its header. */
static const struct family FAMILY[] = {
    /* Phi-4 */
    {.open = TEXT("<|im_start|>"), .header = TEXT("<|im_sep|>"), .close = TEXT("<|im_end|>")},
    /* ChatML: Qwen, Yi, InternLM, SmolLM, LFM, Nemotron 3, ... */
    {.open = TEXT("<|im_start|>"), .header = TEXT("\n"), .close = TEXT("<|im_end|>")},
    /* Llama 3 */
    {.open = TEXT("<|start_header_id|>"),
     .header = TEXT("<|end_header_id|>"),
     .close = TEXT("<|eot_id|>"),
     .other_close = TEXT("<|eom_id|>")},
    /* Llama 4 */
    {.open = TEXT("<|header_start|>"),
     .header = TEXT("<|header_end|>"),
     .close = TEXT("<|eot|>"),
     .other_close = TEXT("<|eom|>")},
    /* Gemma 1 to 3, and 4 */
    {.open = TEXT("<start_of_turn>"), .header = TEXT("\n"), .close = TEXT("<end_of_turn>")},
    {.open = TEXT("<|turn>"), .header = TEXT("\n"), .close = TEXT("<turn|>")},
    /* Granite */
    {.open = TEXT("<|start_of_role|>"),
     .header = TEXT("<|end_of_role|>"),
     .close = TEXT("<|end_of_text|>")},
    /* gpt-oss (Harmony) and its kin */
    {.open = TEXT("<|start|>"),
     .header = TEXT("<|message|>"),
     .close = TEXT("<|end|>"),
     .other_close = TEXT("<|return|>"),
     .channels = true},
    {.open = TEXT("<|start|>"),
     .header = TEXT("<|message|>"),
     .close = TEXT("<|eot|>"),
     .channels = true},
    /* Seed */
    {.open = TEXT("<seed:bos>"), .header = TEXT("\n"), .close = TEXT("<seed:eos>")},
    /* DeepSeek */
    {.user = TEXT("<" BAR "User" BAR ">"),
     .assistant = TEXT("<" BAR "Assistant" BAR ">"),
     .close = TEXT("<" BAR "end" LOW "of" LOW "sentence" BAR ">"),
     .lead_is_system = true},
    /* Mistral and Llama 2 */
    {.system = TEXT("[SYSTEM_PROMPT]"),
     .system_close = TEXT("[/SYSTEM_PROMPT]"),
     .user = TEXT("[INST]"),
     .assistant = TEXT("[/INST]"),
     .other_close = TEXT("</s>"),
     .sys_in_user = true},
    /* Cohere */
    {.system = TEXT(COHERE "<|SYSTEM_TOKEN|>"),
     .user = TEXT(COHERE "<|USER_TOKEN|>"),
     .assistant = TEXT(COHERE "<|CHATBOT_TOKEN|>"),
     .answer_open = TEXT("<|START_RESPONSE|>"),
     .other_close = TEXT("<|END_RESPONSE|>"),
     .close = TEXT("<|END_OF_TURN_TOKEN|>")},
    /* Kimi */
    {.system = TEXT("<|im_system|>system<|im_middle|>"),
     .user = TEXT("<|im_user|>user<|im_middle|>"),
     .assistant = TEXT("<|im_assistant|>assistant<|im_middle|>"),
     .close = TEXT("<|im_end|>")},
    /* EXAONE */
    {.system = TEXT("[|system|]"),
     .user = TEXT("[|user|]"),
     .assistant = TEXT("[|assistant|]"),
     .other_close = TEXT("[|endofturn|]")},
    /* Jamba */
    {.system = TEXT("<|bom|><|system|>"),
     .user = TEXT("<|bom|><|user|>"),
     .assistant = TEXT("<|bom|><|assistant|>"),
     .close = TEXT("<|eom|>")},
    /* Phi-3; Zephyr; Tulu, OLMo, GLM-4; Pygmalion */
    {.system = TEXT("<|system|>"),
     .user = TEXT("<|user|>"),
     .assistant = TEXT("<|assistant|>"),
     .close = TEXT("<|end|>")},
    {.system = TEXT("<|system|>"),
     .user = TEXT("<|user|>"),
     .assistant = TEXT("<|assistant|>"),
     .close = TEXT("</s>")},
    {.system = TEXT("<|system|>"), .user = TEXT("<|user|>"), .assistant = TEXT("<|assistant|>")},
    {.system = TEXT("<|system|>"), .user = TEXT("<|user|>"), .assistant = TEXT("<|model|>")},
    /* OpenChat, Alpaca, Vicuna and their like */
    {.system = TEXT("GPT4 Correct System:"),
     .user = TEXT("GPT4 Correct User:"),
     .assistant = TEXT("GPT4 Correct Assistant:"),
     .other_close = TEXT("<|end_of_turn|>"),
     .plain = true},
    {.user = TEXT("### Instruction:"),
     .assistant = TEXT("### Response:"),
     .other_close = TEXT("</s>"),
     .lead_is_system = true,
     .plain = true},
    {.user = TEXT("### Human:"),
     .assistant = TEXT("### Assistant:"),
     .other_close = TEXT("</s>"),
     .lead_is_system = true,
     .plain = true},
    {.user = TEXT(">>> User:"),
     .assistant = TEXT(">>> Assistant:"),
     .other_close = TEXT("</s>"),
     .lead_is_system = true,
     .plain = true},
    {.user = TEXT("USER:"),
     .assistant = TEXT("ASSISTANT:"),
     .other_close = TEXT("</s>"),
     .lead_is_system = true,
     .plain = true},
    {.user = TEXT("User:"),
     .assistant = TEXT("Assistant:"),
     .other_close = TEXT("</s>"),
     .lead_is_system = true,
     .plain = true},
    {.user = TEXT("Human:"),
     .assistant = TEXT("Assistant:"),
     .other_close = TEXT("</s>"),
     .lead_is_system = true,
     .plain = true},
};

static const char *const BEGIN[] = {
    "<|begin_of_text|>",
    "<s>",
    "<bos>",
    "<|endoftext|>",
    "<|finetune_right_pad_id|>",
    "<|pad|>",
    "<pad>",
    "[PAD]",
    "<unk>",
    "</s>",
    "<" BAR "begin" LOW "of" LOW "sentence" BAR ">",
    "<" BAR LOW "pad" LOW BAR ">",
    "[gMASK]",
    "<sop>",
    "<|startoftext|>",
};

static const char *const END[] = {
    "<|im_end|>",    "<|endoftext|>",
    "<|eot_id|>",    "<|end_of_text|>",
    "<|eom_id|>",    "</s>",
    "<eos>",         "<pad>",
    "<|pad|>",       "<|finetune_right_pad_id|>",
    "[PAD]",         "<|end|>",
    "<end_of_turn>", "<" BAR "end" LOW "of" LOW "sentence" BAR ">",
    "<turn|>",       "<|eot|>",
    "<|return|>",    "<seed:eos>",
    "<|eom|>",       "<|END_OF_TURN_TOKEN|>",
    "[|endofturn|]", "<|end_of_turn|>",
};

struct rw_str rw_chat_template_skip_begin(struct rw_str text)
{
    for (size_t i = 0; i < RW_COUNT(BEGIN); i++) {
        struct rw_str mark = rw_str_from(BEGIN[i]);
        if (rw_str_starts(text, mark)) {
            text = rw_str_slice(text, mark.len, text.len);
            i = (size_t)-1; /* again from the first */
        }
    }
    return text;
}

struct rw_str rw_chat_template_strip_end(struct rw_str text)
{
    bool found = true;
    while (found) {
        found = false;
        struct rw_str bare = rw_str_slice(text, 0, text.len);
        while (bare.len > 0 && memchr(" \t\r\n", bare.ptr[bare.len - 1], 4) != NULL) {
            bare.len--;
        }
        for (size_t i = 0; i < RW_COUNT(END) && !found; i++) {
            struct rw_str mark = rw_str_from(END[i]);
            if (rw_str_ends(bare, mark)) {
                text = rw_str_slice(bare, 0, bare.len - mark.len);
                found = true;
            }
        }
    }
    return text;
}

/* ---- which family ---------------------------------------------------------------------------- */

static bool is_word(struct rw_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_')) {
            return false;
        }
    }
    return text.len > 0 && text.len <= 32;
}

enum {
    CHANNEL_BYTES_MAX = 64, /* between a role and its header */
};

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* OPEN role HEADER: the role's word, and where its text begins. */
struct turn_head {
    struct rw_str role;
    size_t content;
};

static bool head_at(const struct family *family, struct rw_str text, size_t at,
                    struct turn_head *out)
{
    if (!rw_str_starts(rw_str_slice(text, at, text.len), family->open)) {
        return false;
    }
    size_t begin = at + family->open.len;
    size_t end = begin;
    while (end < text.len && is_letter(text.ptr[end])) {
        end++;
    }
    out->role = rw_str_slice(text, begin, end);
    if (begin == text.len) { /* cut behind the mark, as at a response marker "assistant" */
        *out = (struct turn_head){RW_STR("assistant"), begin};
        return at > 0;
    }
    if (!is_word(out->role)) {
        return false;
    }
    size_t header = rw_str_find(text, family->header, end);
    out->content = header + family->header.len;
    if (header == end) {
        return true;
    }
    if (end == text.len) { /* the place of the answer, without its header */
        out->content = end;
        return true;
    }
    return family->channels && header < text.len && header - end <= CHANNEL_BYTES_MAX;
}

enum mark {
    MARK_SYSTEM,
    MARK_USER,
    MARK_ASSISTANT,
    MARK_NONE,
};

/* The first mark at or after `from`; *at is the text's length when there is none. */
static enum mark next_mark(const struct family *family, struct rw_str text, size_t from, size_t *at,
                           size_t *len)
{
    const struct rw_str *const marks[] = {&family->system, &family->user, &family->assistant};
    enum mark found = MARK_NONE;
    *at = text.len;
    for (int m = 0; m < MARK_NONE; m++) {
        size_t here = marks[m]->len > 0 ? rw_str_find(text, *marks[m], from) : text.len;
        if (here < *at) {
            *at = here;
            *len = marks[m]->len;
            found = (enum mark)m;
        }
    }
    return found;
}

static size_t skip_space(struct rw_str text, size_t at)
{
    while (at < text.len && memchr(" \t\r\n", text.ptr[at], 4) != NULL) {
        at++;
    }
    return at;
}

/* Nothing of the answer is there yet, or what opens a thought. */
static bool ends_unanswered(const struct family *family, struct rw_str text)
{
    const struct rw_str thought = RW_STR("<think>");
    text = rw_str_trim(text);
    if (rw_str_ends(text, thought)) {
        text = rw_str_trim(rw_str_slice(text, 0, text.len - thought.len));
    }
    return rw_str_ends(text, family->assistant);
}

/* Marks of their own: the text begins with one, and where a family is told by its end mark, that is
 * there. Cheap questions first: most prompts are in no template. */
static bool fits(const struct family *family, struct rw_str text)
{
    struct turn_head head;
    if (family->open.len > 0) {
        return head_at(family, text, 0, &head) &&
               (!family->channels || rw_str_find(text, family->close, 0) < text.len);
    }
    if (family->plain && !ends_unanswered(family, text)) {
        return false;
    }
    bool begins = rw_str_starts(text, family->user) ||
                  (family->system.len > 0 && rw_str_starts(text, family->system));
    if (!begins && family->lead_is_system) {
        size_t at, len = 0;
        begins = next_mark(family, text, 0, &at, &len) == MARK_USER;
    }
    struct rw_str told_by = family->close.len > 0 ? family->close : family->assistant;
    return begins && (family->system.len == 0 || rw_str_find(text, told_by, 0) < text.len);
}

static const struct family *recognise(struct rw_str text)
{
    for (size_t i = 0; i < RW_COUNT(FAMILY); i++) {
        if (fits(&FAMILY[i], text)) {
            return &FAMILY[i];
        }
    }
    return NULL;
}

/* ---- turns ----------------------------------------------------------------------------------- */

static bool is_one_of(struct rw_str name, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (name.len == strlen(words[i]) && strncasecmp(name.ptr, words[i], name.len) == 0) {
            return true;
        }
    }
    return false;
}

static enum rw_request_role role_of(struct rw_str name)
{
    static const char *const ANSWERS[] = {"assistant", "model", "bot", "gpt"};
    static const char *const RULES[] = {"system", "developer"};
    return is_one_of(name, ANSWERS, RW_COUNT(ANSWERS)) ? RW_REQUEST_ASSISTANT
           : is_one_of(name, RULES, RW_COUNT(RULES))   ? RW_REQUEST_SYSTEM
                                                       : RW_REQUEST_USER;
}

/* Where the turn that begins there is closed, and the mark's length. */
static size_t find_close(const struct family *family, struct rw_str text, size_t from, size_t *len)
{
    size_t end = family->close.len > 0 ? rw_str_find(text, family->close, from) : text.len;
    size_t other =
        family->other_close.len > 0 ? rw_str_find(text, family->other_close, from) : text.len;
    *len = end <= other ? family->close.len : family->other_close.len;
    return RW_MIN(end, other);
}

static size_t skip_newlines(struct rw_str text, size_t at)
{
    while (at < text.len && text.ptr[at] == '\n') {
        at++;
    }
    return at;
}

/* One turn at *at; false when there is none. *open tells that its end is missing. */
static bool take_headed(const struct family *family, struct rw_str text, size_t *at,
                        struct rw_request_message *out, bool *open)
{
    struct turn_head head;
    if (!head_at(family, text, *at, &head)) {
        return false;
    }
    size_t len = 0;
    out->role = role_of(head.role);
    size_t begin = skip_newlines(text, RW_MIN(head.content, text.len));
    size_t end = find_close(family, text, begin, &len);
    out->content = rw_str_slice(text, begin, end);
    *open = end == text.len;
    *at = *open ? end : skip_newlines(text, end + len);
    return true;
}

/* The same where roles have marks of their own. An assistant turn is open when nothing follows it
 * and no end mark closes it; white space at the edges belongs to the template. */
static bool take_marked(const struct family *family, struct rw_str text, size_t *at,
                        struct rw_request_message *out, bool *open)
{
    size_t begin, len = 0, end, unused = 0;
    *at = skip_space(text, *at);
    enum mark mark = next_mark(family, text, *at, &begin, &len);
    if (mark == MARK_NONE || begin != *at) {
        return false;
    }
    out->role = mark == MARK_SYSTEM ? RW_REQUEST_SYSTEM
                : mark == MARK_USER ? RW_REQUEST_USER
                                    : RW_REQUEST_ASSISTANT;
    begin += len;
    if (mark == MARK_ASSISTANT && family->answer_open.len > 0 &&
        rw_str_starts(rw_str_slice(text, begin, text.len), family->answer_open)) {
        begin += family->answer_open.len;
    }
    next_mark(family, text, begin, &end, &unused);
    struct rw_str content = rw_str_slice(text, begin, end);
    size_t close = find_close(family, content, 0, &unused);
    if (mark == MARK_SYSTEM && family->system_close.len > 0) {
        close = RW_MIN(close, rw_str_find(content, family->system_close, 0));
    }
    *open = end == text.len && close == content.len;
    *at = end;
    if (!*open || mark != MARK_ASSISTANT) {
        struct rw_str bare = rw_chat_template_strip_end(rw_str_slice(content, 0, close));
        out->content = rw_str_trim(bare);
        return true;
    }
    size_t skip = 0;
    while (skip < content.len && strchr(" \n", content.ptr[skip]) != NULL) {
        skip++;
    }
    out->content = rw_str_slice(content, skip, content.len);
    return true;
}

static bool take_turn(const struct family *family, struct rw_str text, size_t *at,
                      struct rw_request_message *out, bool *open)
{
    return family->open.len > 0 ? take_headed(family, text, at, out, open)
                                : take_marked(family, text, at, out, open);
}

/* A rollout is thousands of queries: room for the turns there are, not for all there might be; and
 * two for system texts that have no mark. */
static size_t count_turns(const struct family *family, struct rw_str text, size_t max)
{
    size_t n = 0, at = 0, len = 0;
    while (at < text.len && n < max) {
        if (family->open.len > 0) {
            at = rw_str_find(text, family->open, at);
            len = family->open.len;
        } else {
            next_mark(family, text, at, &at, &len);
        }
        n += at < text.len ? 1 : 0;
        at += len;
    }
    return n + 2;
}

static void push(struct rw_chat_turns *out, enum rw_request_role role, struct rw_str content)
{
    out->messages[out->n_messages++] = (struct rw_request_message){role, content};
}

/* DeepSeek writes the system text bare, before the first mark. */
static void take_lead(const struct family *family, struct rw_str body, size_t *at,
                      struct rw_chat_turns *out)
{
    size_t len = 0;
    if (family->lead_is_system && next_mark(family, body, 0, at, &len) != MARK_NONE && *at > 0) {
        struct rw_str lead = rw_str_trim(rw_str_slice(body, 0, *at));
        if (lead.len > 0) {
            push(out, RW_REQUEST_SYSTEM, lead);
        }
    }
}

/* Llama 2 writes it inside the first user turn. */
static struct rw_str take_inner_system(const struct family *family, struct rw_str content,
                                       struct rw_chat_turns *out)
{
    static const struct rw_str open = TEXT("<<SYS>>");
    static const struct rw_str close = TEXT("<</SYS>>");
    if (!family->sys_in_user || out->n_messages > 0 || !rw_str_starts(content, open)) {
        return content;
    }
    size_t end = rw_str_find(content, close, open.len);
    if (end == content.len) {
        return content;
    }
    push(out, RW_REQUEST_SYSTEM, rw_str_trim(rw_str_slice(content, open.len, end)));
    return rw_str_trim(rw_str_slice(content, end + close.len, content.len));
}

/* What templates put before an answer that had no thought, in earlier turns. */
static struct rw_str without_empty_thought(struct rw_str text)
{
    const struct rw_str open = RW_STR("<think>");
    const struct rw_str close = RW_STR("</think>");
    size_t end = rw_str_starts(text, open) ? skip_space(text, open.len) : text.len;
    if (!rw_str_starts(rw_str_slice(text, end, text.len), close)) {
        return text;
    }
    end = skip_space(text, end + close.len);
    return rw_str_slice(text, end, text.len);
}

bool rw_chat_template_parse(struct rw_str text, size_t messages_max, struct rw_arena *arena,
                            struct rw_chat_turns *out, bool *no_memory)
{
    *out = (struct rw_chat_turns){.answer_begin = text.len};
    *no_memory = false;
    struct rw_str body = rw_chat_template_skip_begin(text);
    body = rw_str_slice(body, skip_space(body, 0), body.len);
    size_t skipped = text.len - body.len;
    const struct family *family = recognise(body);
    if (family == NULL) {
        return false;
    }
    size_t room = count_turns(family, body, messages_max);
    out->messages = rw_arena_array(arena, room, sizeof *out->messages);
    *no_memory = out->messages == NULL;
    if (*no_memory) {
        return false;
    }
    size_t at = 0;
    take_lead(family, body, &at, out);
    while (at < body.len) {
        struct rw_request_message turn;
        bool open = false;
        if (out->n_messages + 2 > room || !take_turn(family, body, &at, &turn, &open)) {
            return false; /* text between the turns: not this template after all */
        }
        turn.content = take_inner_system(family, turn.content, out);
        if (turn.role == RW_REQUEST_ASSISTANT && !open && at < body.len) {
            turn.content = without_empty_thought(turn.content);
        }
        if (turn.role == RW_REQUEST_ASSISTANT && out->n_answers++ == 0) {
            out->answer_begin = skipped + (size_t)(turn.content.ptr - body.ptr);
            out->messages_before_answer = out->n_messages;
        }
        push(out, turn.role, turn.content);
        out->open = open && turn.role == RW_REQUEST_ASSISTANT;
    }
    return true;
}
