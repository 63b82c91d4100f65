#include "proto/chat_template.h"

#include "core/base/util.h"

/* A role is either a word between two marks (OPEN role HEADER content CLOSE), or has a mark of its
 * own (USER content ASSISTANT content ...), whose turn ends where the next mark begins. */
struct family {
    struct rw_str open; /* before the role's word; empty: marks of their own */
    struct rw_str header;
    struct rw_str close; /* may be empty */
    struct rw_str system;
    struct rw_str user;
    struct rw_str assistant;
    bool lead_is_system; /* text before the first mark is a system turn */
    bool sys_in_user;    /* <<SYS>> ... <</SYS>> inside the first user turn */
};

#define TEXT(literal)                 \
    {                                 \
        literal, sizeof(literal) - 1, \
    }
/* U+FF5C and U+2581 of DeepSeek's marks. */
#define BAR "\xEF\xBD\x9C"
#define LOW "\xE2\x96\x81"

/* The first whose first mark fits. Phi-4 shares ChatML's opening, and is told by its header. */
static const struct family FAMILY[] = {
    {.open = TEXT("<|im_start|>"), .header = TEXT("<|im_sep|>"), .close = TEXT("<|im_end|>")},
    {.open = TEXT("<|im_start|>"), .header = TEXT("\n"), .close = TEXT("<|im_end|>")},
    {.open = TEXT("<|start_header_id|>"),
     .header = TEXT("<|end_header_id|>"),
     .close = TEXT("<|eot_id|>")},
    {.open = TEXT("<start_of_turn>"), .header = TEXT("\n"), .close = TEXT("<end_of_turn>")},
    {.user = TEXT("<" BAR "User" BAR ">"),
     .assistant = TEXT("<" BAR "Assistant" BAR ">"),
     .close = TEXT("<" BAR "end" LOW "of" LOW "sentence" BAR ">"),
     .lead_is_system = true},
    {.user = TEXT("[INST]"),
     .assistant = TEXT("[/INST]"),
     .close = TEXT("</s>"),
     .sys_in_user = true},
    {.system = TEXT("<|system|>"),
     .user = TEXT("<|user|>"),
     .assistant = TEXT("<|assistant|>"),
     .close = TEXT("<|end|>")},
    {.system = TEXT("<|system|>"),
     .user = TEXT("<|user|>"),
     .assistant = TEXT("<|assistant|>"),
     .close = TEXT("</s>")},
    {.system = TEXT("<|system|>"), .user = TEXT("<|user|>"), .assistant = TEXT("<|assistant|>")},
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
};

static const char *const END[] = {
    "<|im_end|>",    "<|endoftext|>",
    "<|eot_id|>",    "<|end_of_text|>",
    "<|eom_id|>",    "</s>",
    "<eos>",         "<pad>",
    "<|pad|>",       "<|finetune_right_pad_id|>",
    "[PAD]",         "<|end|>",
    "<end_of_turn>", "<" BAR "end" LOW "of" LOW "sentence" BAR ">",
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

/* ---- texts of other templates -----------------------------------------------------------------
 */

enum {
    MARK_BYTES_MAX = 48,
};

/* Square marks are words in capitals, of two parts: [1] and [x] are mathematics, [MATH] a label. */
static bool is_mark_byte(char c, bool upper)
{
    bool letter =
        upper ? (c >= 'A' && c <= 'Z') : ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'));
    return letter || (c >= '0' && c <= '9' && !upper) || c == '_' || c == '-' || c == '/';
}

/* <|name|>, <|name>, <name|>, <start_of_x>, the same with DeepSeek's bar, [NAME], [/NAME]. */
static bool is_mark(struct rw_str text)
{
    static const struct rw_str bar = TEXT(BAR), low = TEXT(LOW);
    bool square = text.len > 2 && text.ptr[0] == '[';
    char close = square ? ']' : '>';
    if (text.len < (square ? 5u : 3u) || (!square && text.ptr[0] != '<') ||
        text.ptr[text.len - 1] != close) {
        return false;
    }
    struct rw_str inner = rw_str_slice(text, 1, text.len - 1);
    bool barred = (square && rw_str_is(inner, "INST")) ||
                  rw_str_starts(inner, RW_STR("start_of_")) ||
                  rw_str_starts(inner, RW_STR("end_of_"));
    for (size_t i = 0; i < inner.len;) {
        struct rw_str rest = rw_str_slice(inner, i, inner.len);
        bool wide = rw_str_starts(rest, bar) || rw_str_starts(rest, low);
        bool here = rw_str_starts(rest, bar) || (inner.ptr[i] == '|' && !square);
        if (!wide && !here && !is_mark_byte(inner.ptr[i], square)) {
            return false;
        }
        barred = barred || here || (square && memchr("_/", inner.ptr[i], 2) != NULL);
        i += wide ? bar.len : 1;
    }
    return barred;
}

bool rw_chat_template_suspect(struct rw_str text)
{
    text = rw_str_trim(rw_chat_template_skip_begin(text));
    for (size_t n = 3; n <= MARK_BYTES_MAX && n <= text.len; n++) {
        if (is_mark(rw_str_slice(text, 0, n)) ||
            is_mark(rw_str_slice(text, text.len - n, text.len))) {
            return true;
        }
    }
    return false;
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

/* OPEN word HEADER at `at`; where the word ends, or 0. */
static size_t header_at(const struct family *family, struct rw_str text, size_t at)
{
    struct rw_str rest = rw_str_slice(text, at, text.len);
    if (!rw_str_starts(rest, family->open)) {
        return 0;
    }
    size_t end = rw_str_find(text, family->header, at + family->open.len);
    bool word = end < text.len && is_word(rw_str_slice(text, at + family->open.len, end));
    return word ? end : 0;
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

/* Marks of their own: the text begins with one, and where a family has an end mark it is there. */
static bool fits(const struct family *family, struct rw_str text)
{
    if (family->open.len > 0) {
        return header_at(family, text, 0) > 0;
    }
    size_t at, len = 0;
    enum mark first = next_mark(family, text, 0, &at, &len);
    bool begins = first == MARK_USER || first == MARK_SYSTEM;
    if (!begins || (at > 0 && !family->lead_is_system)) {
        return false;
    }
    return family->system.len == 0 || family->close.len == 0 ||
           rw_str_find(text, family->close, at) < text.len;
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

static enum rw_request_role role_of(struct rw_str name)
{
    if (rw_str_is(name, "assistant") || rw_str_is(name, "model")) {
        return RW_REQUEST_ASSISTANT;
    }
    return rw_str_is(name, "system") || rw_str_is(name, "developer") ? RW_REQUEST_SYSTEM
                                                                     : RW_REQUEST_USER;
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
    size_t header = header_at(family, text, *at);
    if (header == 0) {
        return false;
    }
    out->role = role_of(rw_str_slice(text, *at + family->open.len, header));
    size_t begin = skip_newlines(text, header + family->header.len);
    size_t end = rw_str_find(text, family->close, begin);
    out->content = rw_str_slice(text, begin, end);
    *open = end == text.len;
    *at = *open ? end : skip_newlines(text, end + family->close.len);
    return true;
}

/* The same where roles have marks of their own. An assistant turn is open when nothing follows it
 * and no end mark closes it; white space at the edges belongs to the template. */
static bool take_marked(const struct family *family, struct rw_str text, size_t *at,
                        struct rw_request_message *out, bool *open)
{
    size_t begin, len = 0, end, unused = 0;
    enum mark mark = next_mark(family, text, *at, &begin, &len);
    if (mark == MARK_NONE || begin != *at) {
        return false;
    }
    out->role = mark == MARK_SYSTEM ? RW_REQUEST_SYSTEM
                : mark == MARK_USER ? RW_REQUEST_USER
                                    : RW_REQUEST_ASSISTANT;
    begin += len;
    next_mark(family, text, begin, &end, &unused);
    struct rw_str content = rw_str_slice(text, begin, end);
    size_t close = family->close.len > 0 ? rw_str_find(content, family->close, 0) : content.len;
    *open = end == text.len && close == content.len;
    *at = end;
    if (!*open || mark != MARK_ASSISTANT) {
        out->content = rw_str_trim(rw_str_slice(content, 0, close));
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

bool rw_chat_template_parse(struct rw_str text, size_t messages_max, struct rw_arena *arena,
                            struct rw_chat_turns *out, bool *no_memory)
{
    *out = (struct rw_chat_turns){.answer_begin = text.len};
    *no_memory = false;
    struct rw_str body = rw_chat_template_skip_begin(text);
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
        if (turn.role == RW_REQUEST_ASSISTANT && out->n_answers++ == 0) {
            out->answer_begin = skipped + (size_t)(turn.content.ptr - body.ptr);
            out->messages_before_answer = out->n_messages;
        }
        push(out, turn.role, turn.content);
        out->open = open && turn.role == RW_REQUEST_ASSISTANT;
    }
    return true;
}
