/* The layout of rewardd.json: sections of pieces, the chat family they start from, and switches. */
#include "core/model/manifest_parts.h"

#include <stdio.h>

#include "core/base/util.h"
#include "core/model/chat.h"
#include "core/text/around.h"

static const char *section_content(enum rw_section_id id)
{
    switch (id) {
    case RW_SECTION_SYSTEM:
        return "system";
    case RW_SECTION_USER:
        return "user";
    case RW_SECTION_ASSISTANT:
        return "assistant";
    case RW_SECTION_PROMPT:
        return "prompt";
    case RW_SECTION_FIRST_STEP:
    case RW_SECTION_STEP:
        return "step";
    case RW_SECTION_RESPONSE:
        return "response";
    default:
        return NULL;
    }
}

static bool parse_trim(const struct rw_json *value, enum rw_trim *out)
{
    static const char *const NAME[] = {"none", "left", "right", "both", "newlines"};
    for (int i = 0; value != NULL && i < 5; i++) {
        if (rw_json_is_string(value, NAME[i])) {
            *out = (enum rw_trim)i;
            return true;
        }
    }
    return value == NULL;
}

static bool parse_part(const struct rw_json *value, enum rw_part *out)
{
    static const char *const NAME[] = {"whole", "reasoning", "answer"};
    for (int i = 0; value != NULL && i < 3; i++) {
        if (rw_json_is_string(value, NAME[i])) {
            *out = (enum rw_part)i;
            return true;
        }
    }
    return value == NULL;
}

static rw_status parse_content(enum rw_section_id section, const struct rw_json *value,
                               struct rw_layout_piece *piece, struct rw_error *err)
{
    const char *name = rw_section_name(section);
    const char *content = section_content(section);
    const struct rw_json *trim = rw_json_get(value, "trim");
    const struct rw_json *part = rw_json_get(value, "part");
    if (content == NULL || !rw_json_is_string(rw_json_get(value, "content"), content)) {
        return rw_manifest_bad(err, name, "this content does not belong into this section");
    }
    if (!parse_trim(trim, &piece->trim) || !parse_part(part, &piece->part) ||
        value->count != 1u + (trim != NULL) + (part != NULL)) {
        return rw_manifest_bad(err, name, "a content piece has an unknown key, trim or part");
    }
    piece->type = RW_PIECE_CONTENT;
    return RW_OK;
}

static rw_status parse_number(struct rw_manifest *m, const struct rw_json *value,
                              struct rw_layout_piece *piece, struct rw_error *err)
{
    struct rw_str text;
    rw_status status = rw_manifest_string(m->arena, value, &text, err);
    if (status != RW_OK) {
        return status;
    }
    size_t at = rw_str_find(text, RW_STR("{k}"), 0);
    if (at == text.len) {
        return rw_manifest_bad(err, "number", "has no {k}");
    }
    piece->type = RW_PIECE_NUMBER;
    piece->text = rw_str_slice(text, 0, at);
    piece->tail = rw_str_slice(text, at + 3, text.len);
    return RW_OK;
}

/* {"bos":true} of a tokenizer without BOS gives no piece at all. */
static rw_status parse_object_piece(struct rw_manifest *m, enum rw_section_id section,
                                    const struct rw_json *value, struct rw_layout_piece *piece,
                                    bool *skip, struct rw_error *err)
{
    const struct rw_json *first = value->child;
    if (rw_json_get(value, "content") != NULL) {
        return parse_content(section, value, piece, err);
    }
    if (value->count != 1) {
        return rw_manifest_bad(err, rw_section_name(section), "a piece has not exactly one key");
    }
    if (rw_str_is(first->key, "token") || rw_str_is(first->key, "id")) {
        piece->type = RW_PIECE_TOKEN;
        return rw_manifest_take_token(m, rw_section_name(section), first, &piece->id, err);
    }
    if (rw_str_is(first->key, "number")) {
        return parse_number(m, first, piece, err);
    }
    if (!rw_manifest_is_true(first)) {
        return rw_manifest_bad(err, rw_section_name(section), "a piece is of no known kind");
    }
    if (rw_str_is(first->key, "bos")) {
        piece->type = RW_PIECE_TOKEN;
        *skip = m->chat->bos_token.len == 0;
        return *skip ? RW_OK : rw_manifest_token(m->tokenizer, m->chat->bos_token, &piece->id, err);
    }
    if (rw_str_is(first->key, "reward_token")) {
        piece->type = RW_PIECE_TOKEN;
        piece->id = m->config->reward_token_id;
        return piece->id >= 0 ? RW_OK
                              : rw_manifest_bad(err, "reward_token_id", "is not in config.json");
    }
    piece->type = rw_str_is(first->key, "cut") ? RW_PIECE_CUT : RW_PIECE_SCORE;
    return rw_str_is(first->key, "cut") || rw_str_is(first->key, "score")
               ? RW_OK
               : rw_manifest_bad(err, rw_section_name(section), "a piece is of no known kind");
}

static rw_status apply_section(struct rw_manifest *m, enum rw_section_id id,
                               const struct rw_json *value, struct rw_error *err)
{
    if (value->type != RW_JSON_ARRAY || value->count > RW_PIECES_MAX) {
        return rw_manifest_bad(err, rw_section_name(id), "not a list of at most 32 pieces");
    }
    struct rw_layout_piece *pieces = rw_arena_array(m->arena, value->count + 1, sizeof *pieces);
    if (pieces == NULL) {
        return rw_manifest_no_memory(err);
    }
    size_t n = 0;
    RW_JSON_EACH (item, value) {
        rw_status status;
        bool skip = false;
        if (item->type == RW_JSON_STRING) {
            pieces[n].type = RW_PIECE_TEXT;
            status = rw_manifest_string(m->arena, item, &pieces[n].text, err);
        } else {
            status = parse_object_piece(m, id, item, &pieces[n], &skip, err);
        }
        if (status != RW_OK) {
            return status;
        }
        n += !skip;
    }
    m->layout.section[id] = (struct rw_section){.pieces = pieces, .count = n, .present = true};
    return RW_OK;
}

static rw_status apply_split(struct rw_manifest *m, const struct rw_json *value,
                             struct rw_error *err)
{
    if (value->type != RW_JSON_ARRAY || value->count > RW_SPLITS_MAX) {
        return rw_manifest_bad(err, "split", "not a list of at most 8 separators");
    }
    m->layout.n_split = 0;
    RW_JSON_EACH (item, value) {
        rw_status status =
            rw_manifest_string(m->arena, item, &m->layout.split[m->layout.n_split], err);
        if (status == RW_OK && item->text.len == 0) {
            status = rw_manifest_bad(err, "split", "a separator is empty");
        }
        if (status != RW_OK) {
            return status;
        }
        m->layout.n_split++;
    }
    return RW_OK;
}

static rw_status no_template(const struct rw_manifest *m, struct rw_error *err)
{
    rw_fail(err, RW_MODEL_UNSUPPORTED, "this recipe renders a chat template, and %s",
            m->chat->missing != NULL ? m->chat->missing : "the folder has none");
    rw_error_param(err, "chat_template");
    rw_error_hint(err,
                  "put the tokenizer's own files there, or write the layout into rewardd.json: "
                  "\"chat\":\"plain\" is no template at all");
    return RW_MODEL_UNSUPPORTED;
}

/* "auto" of a folder without a template is the family that the recipe names for that case. */
static rw_status apply_chat(struct rw_manifest *m, const struct rw_json *value,
                            const struct rw_json *bare, struct rw_error *err)
{
    struct rw_chat_family family;
    const struct rw_json *root;
    if (value->type != RW_JSON_STRING) {
        return rw_manifest_bad(err, "chat", "not a string");
    }
    struct rw_str name = value->text;
    if (rw_str_is(name, "auto") && m->chat->template_text.len == 0) {
        if (bare == NULL || bare->type != RW_JSON_STRING || m->chat->missing != NULL) {
            return no_template(m, err);
        }
        name = bare->text;
    }
    if (rw_str_is(name, "auto")) {
        return rw_chat_evaluate(m->chat, m->arena, &m->layout, err);
    }
    rw_status status = rw_chat_resolve(m->chat, name, m->arena, &family, err);
    if (status == RW_OK) {
        status = rw_json_parse(m->arena, rw_str_from(family.layout), &root, err);
    }
    if (status == RW_OK) {
        status = rw_manifest_apply_layout(m, root, err);
    }
    m->layout.uses_date |= status == RW_OK && family.uses_date;
    if (status == RW_OK && family.has_system_default) {
        m->layout.has_system_default = true;
        m->layout.system_default = family.system_default;
    }
    if (status == RW_OK && family.bos) {
        status = rw_json_parse(m->arena, RW_STR("[{\"bos\":true}]"), &root, err);
        status = status == RW_OK ? apply_section(m, RW_SECTION_BEGIN, root, err) : status;
    }
    return status;
}

static rw_status apply_end(struct rw_manifest *m, const struct rw_json *value, struct rw_error *err)
{
    static const char *const NAME[] = {"as_is", "eos", "spaced_eos", "eos_if_bare"};
    size_t i = 0;
    while (i < RW_COUNT(NAME) && !rw_json_is_string(value, NAME[i])) {
        i++;
    }
    if (i == RW_COUNT(NAME)) {
        return rw_manifest_bad(err, "end", "not one of as_is, eos, spaced_eos, eos_if_bare");
    }
    m->layout.end = (enum rw_end)i;
    m->layout.eos_text = m->chat->eos_token;
    if (m->layout.end == RW_END_AS_IS) {
        return RW_OK;
    }
    if (m->layout.eos_text.len == 0) {
        return rw_manifest_bad(err, "eos_token",
                               "tokenizer_config.json names none, and this recipe "
                               "ends its input with it");
    }
    return rw_manifest_token(m->tokenizer, m->layout.eos_text, &m->layout.eos, err);
}

/* verl renders the template and tokenises that without the tokens of the post-processor (0.6), or
 * takes a leading BOS off and has them added (0.7 and later, behind vLLM). The two agree where the
 * template writes BOS exactly if the tokenizer adds it, and nothing is added behind. */
static rw_status check_same_bos(const struct rw_manifest *m, struct rw_error *err)
{
    const struct rw_around *around = rw_tokenizer_around(m->tokenizer);
    bool written = rw_chat_begins_with_bos(m->chat, m->arena);
    if (written == (around->n_begin > 0) && around->n_end == 0) {
        return RW_OK;
    }
    rw_fail(err, RW_MODEL_UNSUPPORTED,
            "the chat template %s a BOS token and the tokenizer puts %s: versions of verl score "
            "this folder differently",
            written ? "writes" : "does not write",
            around->n_end > 0     ? "tokens behind a text"
            : around->n_begin > 0 ? "one before a text"
                                  : "nothing around a text");
    rw_error_param(err, "chat_template");
    rw_error_hint(err, "write the recipe into rewardd.json (core/MODEL.md section 4)");
    return RW_MODEL_UNSUPPORTED;
}

static rw_status apply_layout_switch(struct rw_manifest *m, const struct rw_json *item,
                                     struct rw_error *err)
{
    struct rw_layout *layout = &m->layout;
    if (rw_str_is(item->key, "split")) {
        return apply_split(m, item, err);
    }
    if (rw_str_is(item->key, "end")) {
        return apply_end(m, item, err);
    }
    if (rw_str_is(item->key, "same_bos") && rw_manifest_is_true(item)) {
        return check_same_bos(m, err);
    }
    if (rw_str_is(item->key, "no_template")) {
        return RW_OK; /* read with "chat" */
    }
    if (rw_str_is(item->key, "marker")) {
        rw_status status = rw_manifest_take_token(m, "marker", item, &layout->marker, err);
        return status == RW_OK && item->type == RW_JSON_STRING
                   ? rw_manifest_string(m->arena, item, &layout->marker_text, err)
                   : status;
    }
    if (rw_str_is(item->key, "system_default")) {
        layout->has_system_default = item->type != RW_JSON_NULL;
        return layout->has_system_default
                   ? rw_manifest_string(m->arena, item, &layout->system_default, err)
                   : RW_OK;
    }
    const struct {
        const char *key;
        bool *flag;
        struct rw_str *text;
    } FIELD[] = {
        {"count_marker", &layout->count_marker, NULL},
        {"keep_empty_steps", &layout->keep_empty_steps, NULL},
        {"last_not_pad", &layout->last_not_pad, NULL},
        {"post_processor", &layout->post_processor, NULL},
        {"cut_answer", &layout->cut_answer, NULL},
        {"drop_suffix", NULL, &layout->drop_suffix},
        {"remove", NULL, &layout->remove},
        {"join", NULL, &layout->join},
    };
    for (size_t i = 0; i < RW_COUNT(FIELD); i++) {
        if (!rw_str_is(item->key, FIELD[i].key)) {
            continue;
        }
        if (FIELD[i].text != NULL) {
            return rw_manifest_string(m->arena, item, FIELD[i].text, err);
        }
        *FIELD[i].flag = rw_manifest_is_true(item);
        return rw_manifest_is_true(item) || item->type == RW_JSON_FALSE
                   ? RW_OK
                   : rw_manifest_bad(err, FIELD[i].key, "neither true nor false");
    }
    char key[RW_ERROR_PARAM_MAX];
    snprintf(key, sizeof key, "layout.%.*s", RW_STR_ARG(item->key));
    return rw_manifest_bad(err, key, "unknown key");
}

/* A template lays out everything but what stands around the steps. */
static rw_status check_template(const struct rw_manifest *m, struct rw_error *err)
{
    for (int id = 0; m->layout.jinja != NULL && id < RW_SECTION_COUNT; id++) {
        const struct rw_section *section = &m->layout.section[id];
        bool steps =
            id == RW_SECTION_FIRST_STEP || id == RW_SECTION_STEP || id == RW_SECTION_BETWEEN;
        const char *name = rw_section_name((enum rw_section_id)id);
        if (section->present && !steps) {
            return rw_manifest_bad(err, name,
                                   "has no place beside \"chat\":\"auto\", which is the "
                                   "folder's own template");
        }
        for (size_t i = 0; i < section->count; i++) {
            enum rw_piece_type type = section->pieces[i].type;
            if (type != RW_PIECE_TEXT && type != RW_PIECE_CONTENT && type != RW_PIECE_SCORE) {
                return rw_manifest_bad(err, name,
                                       "holds a piece that a text cannot hold, beside "
                                       "\"chat\":\"auto\"");
            }
        }
    }
    return RW_OK;
}

rw_status rw_manifest_apply_layout(struct rw_manifest *m, const struct rw_json *value,
                                   struct rw_error *err)
{
    if (value->type != RW_JSON_OBJECT) {
        return rw_manifest_bad(err, "layout", "not an object");
    }
    const struct rw_json *chat = rw_json_get(value, "chat");
    const struct rw_json *bare = rw_json_get(value, "no_template");
    rw_status status = chat != NULL ? apply_chat(m, chat, bare, err) : RW_OK;
    for (const struct rw_json *item = value->child; item != NULL && status == RW_OK;
         item = item->next) {
        int id = 0;
        while (id < RW_SECTION_COUNT &&
               !rw_str_is(item->key, rw_section_name((enum rw_section_id)id))) {
            id++;
        }
        if (id < RW_SECTION_COUNT) {
            status = apply_section(m, (enum rw_section_id)id, item, err);
        } else if (item != chat) {
            status = apply_layout_switch(m, item, err);
        }
    }
    m->has_layout = true;
    return status == RW_OK ? check_template(m, err) : status;
}
