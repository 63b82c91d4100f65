#include "proto/chat_template.h"

#include "core/base/util.h"

struct family {
    struct rw_str open;   /* before the role */
    struct rw_str header; /* between role and content */
    struct rw_str close;
};

static const struct family FAMILY[] = {
    {{"<|im_start|>", 12}, {"\n", 1}, {"<|im_end|>", 10}},
    {{"<|start_header_id|>", 19}, {"<|end_header_id|>", 17}, {"<|eot_id|>", 10}},
};

static const char *const BEGIN[] = {
    "<|begin_of_text|>", "<s>",   "<bos>", "<|endoftext|>", "<|finetune_right_pad_id|>",
    "<|pad|>",           "<pad>", "[PAD]", "<unk>",         "</s>",
};

static const char *const END[] = {
    "<|im_end|>",
    "<|endoftext|>",
    "<|eot_id|>",
    "<|end_of_text|>",
    "<|eom_id|>",
    "</s>",
    "<eos>",
    "<pad>",
    "<|pad|>",
    "<|finetune_right_pad_id|>",
    "[PAD]",
    "<|end|>",
    "<end_of_turn>",
    ("<\xEF\xBD\x9C"
     "end\xE2\x96\x81of\xE2\x96\x81sentence\xEF\xBD\x9C>"),
};

struct rw_str rw_chat_skip_begin(struct rw_str text)
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

struct rw_str rw_chat_strip_end(struct rw_str text)
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

static const struct family *recognise(struct rw_str text)
{
    for (size_t i = 0; i < RW_COUNT(FAMILY); i++) {
        if (rw_str_starts(text, FAMILY[i].open)) {
            return &FAMILY[i];
        }
    }
    return NULL;
}

static enum rw_request_role role_of(struct rw_str name)
{
    if (rw_str_is(name, "assistant")) {
        return RW_REQUEST_ASSISTANT;
    }
    return rw_str_is(name, "system") ? RW_REQUEST_SYSTEM : RW_REQUEST_USER;
}

static size_t skip_newlines(struct rw_str text, size_t at)
{
    while (at < text.len && text.ptr[at] == '\n') {
        at++;
    }
    return at;
}

/* One turn at *at; false when there is none. *open tells that its end is missing. */
static bool take_turn(const struct family *family, struct rw_str text, size_t *at,
                      struct rw_request_message *out, bool *open)
{
    if (!rw_str_starts(rw_str_slice(text, *at, text.len), family->open)) {
        return false;
    }
    size_t role = *at + family->open.len;
    size_t header = rw_str_find(text, family->header, role);
    if (header == text.len) {
        return false;
    }
    out->role = role_of(rw_str_trim(rw_str_slice(text, role, header)));
    size_t begin = skip_newlines(text, header + family->header.len);
    size_t end = rw_str_find(text, family->close, begin);
    out->content = rw_str_slice(text, begin, end);
    *open = end == text.len;
    *at = *open ? end : skip_newlines(text, end + family->close.len);
    return true;
}

/* A rollout is thousands of queries: room for the turns there are, not for all there might be. */
static size_t count_turns(const struct family *family, struct rw_str text, size_t max)
{
    size_t n = 0;
    for (size_t at = rw_str_find(text, family->open, 0); at < text.len && n < max; n++) {
        at = rw_str_find(text, family->open, at + family->open.len);
    }
    return n;
}

bool rw_chat_parse(struct rw_str text, size_t messages_max, struct rw_arena *arena,
                   struct rw_chat_turns *out, bool *no_memory)
{
    *out = (struct rw_chat_turns){.answer_begin = text.len};
    *no_memory = false;
    struct rw_str body = rw_chat_skip_begin(text);
    size_t skipped = text.len - body.len;
    const struct family *family = recognise(body);
    if (family == NULL) {
        return false;
    }
    size_t room = count_turns(family, body, messages_max);
    out->messages = rw_arena_array(arena, room, sizeof *out->messages);
    *no_memory = out->messages == NULL;
    size_t at = 0;
    while (!*no_memory && at < body.len) {
        struct rw_request_message turn;
        bool open = false;
        if (out->n_messages == room || !take_turn(family, body, &at, &turn, &open)) {
            return false; /* text between the turns: not this template after all */
        }
        if (turn.role == RW_REQUEST_ASSISTANT && out->n_answers++ == 0) {
            out->answer_begin = skipped + (size_t)(turn.content.ptr - body.ptr);
            out->messages_before_answer = out->n_messages;
        }
        out->messages[out->n_messages++] = turn;
        out->open = open && turn.role == RW_REQUEST_ASSISTANT;
    }
    return !*no_memory;
}
