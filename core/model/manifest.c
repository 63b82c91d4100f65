#include "core/model/manifest.h"

#include <math.h>
#include <stdio.h>

#include "core/base/file.h"

enum {
    GOLDEN_FILE_MAX = 16 << 20, /* bytes */
    PATH_BYTES_MAX = 4096,
};

static bool is_true(const struct rw_json *value)
{
    return value != NULL && value->type == RW_JSON_TRUE;
}

static rw_status bad(struct rw_error *err, const char *key, const char *what)
{
    rw_fail(err, RW_MODEL_CORRUPT, "%s: %s", key, what);
    rw_error_param(err, "%s", key);
    return RW_MODEL_CORRUPT;
}

static rw_status no_memory(struct rw_error *err)
{
    return rw_fail(err, RW_NO_MEMORY, "no memory for the model package");
}

/* Copies, because the text of an escape-free string belongs to the JSON text. */
static rw_status take_string(struct rw_arena *arena, const struct rw_json *value,
                             struct rw_str *out, struct rw_error *err)
{
    if (value->type != RW_JSON_STRING) {
        char key[RW_ERROR_PARAM_MAX];
        snprintf(key, sizeof key, "%.*s", RW_STR_ARG(value->key));
        return bad(err, key, "not a string");
    }
    *out = rw_arena_copy(arena, value->text);
    return out->ptr != NULL ? RW_OK : no_memory(err);
}

rw_status rw_manifest_token(const struct rw_tokenizer *tokenizer, struct rw_str text, int32_t *id,
                            struct rw_error *err)
{
    struct rw_tokens tokens;
    rw_tokens_init(&tokens, 64);
    struct rw_segment segment = {.text = text, .trusted = true};
    rw_status status = rw_tokenizer_encode(tokenizer, &segment, 1, &tokens, err);
    if (status == RW_OK && tokens.count != 1) {
        rw_fail(err, RW_MODEL_CORRUPT, "\"%.*s\" is %zu tokens of this tokenizer, not one",
                RW_STR_ARG(text), tokens.count);
        status = RW_MODEL_CORRUPT;
    }
    if (status == RW_OK) {
        *id = tokens.ids[0];
    }
    rw_tokens_fini(&tokens);
    return status;
}

/* A token by text or by id. */
static rw_status take_token(const struct rw_manifest *m, const char *key,
                            const struct rw_json *value, int32_t *id, struct rw_error *err)
{
    uint64_t number;
    if (value->type == RW_JSON_STRING) {
        return rw_manifest_token(m->tokenizer, value->text, id, err);
    }
    if (!rw_json_u64(value, &number) || number >= m->config->vocab) {
        return bad(err, key, "neither a token nor an id of the vocabulary");
    }
    *id = (int32_t)number;
    return RW_OK;
}

/* ---- head and post --------------------------------------------------------------------------- */

static rw_status take_name(const struct rw_json *value, char to[RW_TENSOR_NAME_MAX],
                           struct rw_error *err)
{
    if (value->type != RW_JSON_STRING || value->text.len >= RW_TENSOR_NAME_MAX) {
        return bad(err, "head", "a tensor name is not a string of at most 95 bytes");
    }
    memcpy(to, value->text.ptr, value->text.len);
    to[value->text.len] = '\0';
    return RW_OK;
}

static rw_status take_rows(struct rw_manifest *m, const struct rw_json *rows, struct rw_error *err)
{
    struct rw_head_spec *head = &m->recipe.head;
    if (rows->type != RW_JSON_ARRAY || rows->count < 1 || rows->count > RW_HEAD_OUT_MAX) {
        return bad(err, "head.rows", "not a list of 1 to 16 tokens");
    }
    head->n_out = 0;
    RW_JSON_EACH (row, rows) {
        rw_status status = take_token(m, "head.rows", row, &head->rows[head->n_out], err);
        if (status != RW_OK) {
            return status;
        }
        head->n_out++;
    }
    return RW_OK;
}

static rw_status apply_head(struct rw_manifest *m, const struct rw_json *value,
                            struct rw_error *err)
{
    struct rw_head_spec *head = &m->recipe.head;
    *head = (struct rw_head_spec){0};
    m->optional_bias = false;
    const struct rw_json *type = rw_json_get(value, "type");
    if (rw_json_is_string(type, "linear")) {
        head->type = RW_HEAD_LINEAR;
    } else if (rw_json_is_string(type, "mlp_relu")) {
        head->type = RW_HEAD_MLP_RELU;
    } else if (rw_json_is_string(type, "lm_rows")) {
        head->type = RW_HEAD_LM_ROWS;
    } else {
        return bad(err, "head.type", "not one of linear, mlp_relu, lm_rows");
    }
    RW_JSON_EACH (item, value) {
        rw_status status = RW_OK;
        bool mlp = head->type == RW_HEAD_MLP_RELU;
        bool rows = head->type == RW_HEAD_LM_ROWS;
        if (rw_str_is(item->key, "weight")) {
            status = take_name(item, head->weight, err);
        } else if (rw_str_is(item->key, "bias") && !rows) {
            status = take_name(item, head->bias, err);
        } else if (rw_str_is(item->key, "out_weight") && mlp) {
            status = take_name(item, head->out_weight, err);
        } else if (rw_str_is(item->key, "out_bias") && mlp) {
            status = take_name(item, head->out_bias, err);
        } else if (rw_str_is(item->key, "optional_bias") && !rows) {
            m->optional_bias = is_true(item);
        } else if (rw_str_is(item->key, "rows") && rows) {
            status = take_rows(m, item, err);
        } else if (!rw_str_is(item->key, "type")) {
            status = bad(err, "head", "has a key that this head does not know");
        }
        if (status != RW_OK) {
            return status;
        }
    }
    m->has_head = true;
    return RW_OK;
}

static rw_status apply_post(struct rw_manifest *m, const struct rw_json *value,
                            struct rw_error *err)
{
    struct rw_recipe *recipe = &m->recipe;
    const struct rw_json *type = rw_json_get(value, "type");
    const struct rw_json *mean = rw_json_get(value, "mean");
    const struct rw_json *std = rw_json_get(value, "std");
    uint64_t good = 0;
    size_t known = 1;
    if (rw_json_is_string(type, "softmax")) {
        if (!rw_json_u64(rw_json_get(value, "good"), &good) || good >= RW_HEAD_OUT_MAX) {
            return bad(err, "post.good", "not the index of a class");
        }
        recipe->post = RW_POST_SOFTMAX;
        recipe->good = (uint32_t)good;
        known = 2;
    } else if (rw_json_is_string(type, "sigmoid")) {
        recipe->post = RW_POST_SIGMOID;
    } else if (rw_json_is_string(type, "normalized")) {
        if (mean == NULL || mean->type != RW_JSON_NUMBER || std == NULL ||
            std->type != RW_JSON_NUMBER || !(std->number > 0)) {
            return bad(err, "post", "normalized needs a mean, and a std above 0");
        }
        recipe->post = RW_POST_NORMALIZED;
        recipe->mean = mean->number;
        recipe->std = std->number;
        known = 3;
    } else {
        return bad(err, "post.type", "not one of softmax, sigmoid, normalized");
    }
    m->has_post = true;
    return value->count == known ? RW_OK
                                 : bad(err, "post", "has a key that this post does not know");
}

/* ---- layout ---------------------------------------------------------------------------------- */

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
                               struct rw_piece *piece, struct rw_error *err)
{
    const char *name = rw_section_name(section);
    const char *content = section_content(section);
    const struct rw_json *trim = rw_json_get(value, "trim");
    const struct rw_json *part = rw_json_get(value, "part");
    if (content == NULL || !rw_json_is_string(rw_json_get(value, "content"), content)) {
        return bad(err, name, "this content does not belong into this section");
    }
    if (!parse_trim(trim, &piece->trim) || !parse_part(part, &piece->part) ||
        value->count != 1u + (trim != NULL) + (part != NULL)) {
        return bad(err, name, "a content piece has an unknown key, trim or part");
    }
    piece->type = RW_PIECE_CONTENT;
    return RW_OK;
}

static rw_status parse_number(struct rw_manifest *m, const struct rw_json *value,
                              struct rw_piece *piece, struct rw_error *err)
{
    struct rw_str text;
    rw_status status = take_string(m->arena, value, &text, err);
    if (status != RW_OK) {
        return status;
    }
    size_t at = rw_str_find(text, RW_STR("{k}"), 0);
    if (at == text.len) {
        return bad(err, "number", "has no {k}");
    }
    piece->type = RW_PIECE_NUMBER;
    piece->text = rw_str_slice(text, 0, at);
    piece->tail = rw_str_slice(text, at + 3, text.len);
    return RW_OK;
}

/* {"bos":true} of a tokenizer without BOS gives no piece at all. */
static rw_status parse_object_piece(struct rw_manifest *m, enum rw_section_id section,
                                    const struct rw_json *value, struct rw_piece *piece, bool *skip,
                                    struct rw_error *err)
{
    const struct rw_json *first = value->child;
    if (rw_json_get(value, "content") != NULL) {
        return parse_content(section, value, piece, err);
    }
    if (value->count != 1) {
        return bad(err, rw_section_name(section), "a piece has not exactly one key");
    }
    if (rw_str_is(first->key, "token") || rw_str_is(first->key, "id")) {
        piece->type = RW_PIECE_TOKEN;
        return take_token(m, rw_section_name(section), first, &piece->id, err);
    }
    if (rw_str_is(first->key, "number")) {
        return parse_number(m, first, piece, err);
    }
    if (!is_true(first)) {
        return bad(err, rw_section_name(section), "a piece is of no known kind");
    }
    if (rw_str_is(first->key, "bos")) {
        piece->type = RW_PIECE_TOKEN;
        *skip = m->chat->bos_token.len == 0;
        return *skip ? RW_OK : rw_manifest_token(m->tokenizer, m->chat->bos_token, &piece->id, err);
    }
    if (rw_str_is(first->key, "reward_token")) {
        piece->type = RW_PIECE_TOKEN;
        piece->id = m->config->reward_token_id;
        return piece->id >= 0 ? RW_OK : bad(err, "reward_token_id", "is not in config.json");
    }
    piece->type = rw_str_is(first->key, "cut") ? RW_PIECE_CUT : RW_PIECE_SCORE;
    return rw_str_is(first->key, "cut") || rw_str_is(first->key, "score")
               ? RW_OK
               : bad(err, rw_section_name(section), "a piece is of no known kind");
}

static rw_status apply_section(struct rw_manifest *m, enum rw_section_id id,
                               const struct rw_json *value, struct rw_error *err)
{
    if (value->type != RW_JSON_ARRAY || value->count > RW_PIECES_MAX) {
        return bad(err, rw_section_name(id), "not a list of at most 32 pieces");
    }
    struct rw_piece *pieces = rw_arena_array(m->arena, value->count + 1, sizeof *pieces);
    if (pieces == NULL) {
        return no_memory(err);
    }
    size_t n = 0;
    RW_JSON_EACH (item, value) {
        rw_status status;
        bool skip = false;
        if (item->type == RW_JSON_STRING) {
            pieces[n].type = RW_PIECE_TEXT;
            status = take_string(m->arena, item, &pieces[n].text, err);
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
        return bad(err, "split", "not a list of at most 8 separators");
    }
    m->layout.n_split = 0;
    RW_JSON_EACH (item, value) {
        rw_status status = take_string(m->arena, item, &m->layout.split[m->layout.n_split], err);
        if (status == RW_OK && item->text.len == 0) {
            status = bad(err, "split", "a separator is empty");
        }
        if (status != RW_OK) {
            return status;
        }
        m->layout.n_split++;
    }
    return RW_OK;
}

static rw_status apply_layout(struct rw_manifest *m, const struct rw_json *value,
                              struct rw_error *err);

static rw_status apply_chat(struct rw_manifest *m, const struct rw_json *value,
                            struct rw_error *err)
{
    struct rw_chat_family family;
    const struct rw_json *root;
    if (value->type != RW_JSON_STRING) {
        return bad(err, "chat", "not a string");
    }
    rw_status status = rw_chat_resolve(m->chat, value->text, m->arena, &family, err);
    if (status == RW_OK) {
        status = rw_json_parse(m->arena, rw_str_from(family.layout), &root, err);
    }
    if (status == RW_OK) {
        status = apply_layout(m, root, err);
    }
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

static rw_status apply_layout_switch(struct rw_manifest *m, const struct rw_json *item,
                                     struct rw_error *err)
{
    struct rw_layout *layout = &m->layout;
    if (rw_str_is(item->key, "split")) {
        return apply_split(m, item, err);
    }
    if (rw_str_is(item->key, "marker")) {
        return take_token(m, "marker", item, &layout->marker, err);
    }
    if (rw_str_is(item->key, "system_default")) {
        layout->has_system_default = item->type != RW_JSON_NULL;
        return layout->has_system_default
                   ? take_string(m->arena, item, &layout->system_default, err)
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
        {"drop_suffix", NULL, &layout->drop_suffix},
        {"remove", NULL, &layout->remove},
        {"join", NULL, &layout->join},
    };
    for (size_t i = 0; i < sizeof FIELD / sizeof FIELD[0]; i++) {
        if (!rw_str_is(item->key, FIELD[i].key)) {
            continue;
        }
        if (FIELD[i].text != NULL) {
            return take_string(m->arena, item, FIELD[i].text, err);
        }
        *FIELD[i].flag = is_true(item);
        return is_true(item) || item->type == RW_JSON_FALSE
                   ? RW_OK
                   : bad(err, FIELD[i].key, "neither true nor false");
    }
    char key[RW_ERROR_PARAM_MAX];
    snprintf(key, sizeof key, "layout.%.*s", RW_STR_ARG(item->key));
    return bad(err, key, "unknown key");
}

static rw_status apply_layout(struct rw_manifest *m, const struct rw_json *value,
                              struct rw_error *err)
{
    if (value->type != RW_JSON_OBJECT) {
        return bad(err, "layout", "not an object");
    }
    const struct rw_json *chat = rw_json_get(value, "chat");
    rw_status status = chat != NULL ? apply_chat(m, chat, err) : RW_OK;
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
    return status;
}

/* ---- golden vectors -------------------------------------------------------------------------- */

static rw_status take_golden(struct rw_manifest *m, const struct rw_json *value,
                             struct rw_golden *out, struct rw_error *err)
{
    const struct rw_json *ids = rw_json_get(value, "ids");
    const struct rw_json *positions = rw_json_get(value, "positions");
    const struct rw_json *raw = rw_json_get(value, "raw");
    if (ids == NULL || positions == NULL || raw == NULL || ids->type != RW_JSON_ARRAY ||
        positions->type != RW_JSON_ARRAY || raw->type != RW_JSON_ARRAY || ids->count == 0 ||
        ids->count > m->config->context_max || positions->count == 0 ||
        positions->count != raw->count || positions->count > ids->count) {
        return bad(err, "golden", "a vector needs ids, positions and raw of fitting lengths");
    }
    int32_t *to_ids = rw_arena_array(m->arena, ids->count, sizeof *to_ids);
    uint32_t *to_positions = rw_arena_array(m->arena, raw->count, sizeof *to_positions);
    float *to_raw = rw_arena_array(m->arena, raw->count, sizeof *to_raw);
    if (to_ids == NULL || to_positions == NULL || to_raw == NULL) {
        return no_memory(err);
    }
    size_t n = 0;
    uint64_t number;
    RW_JSON_EACH (item, ids) {
        if (!rw_json_u64(item, &number) || number >= m->config->vocab) {
            return bad(err, "golden.ids", "not an id of the vocabulary");
        }
        to_ids[n++] = (int32_t)number;
    }
    n = 0;
    const struct rw_json *value_of = raw->child;
    RW_JSON_EACH (item, positions) {
        if (!rw_json_u64(item, &number) || number >= ids->count ||
            (n > 0 && number <= to_positions[n - 1]) || value_of->type != RW_JSON_NUMBER) {
            return bad(err, "golden.positions", "not rising positions of the vector");
        }
        to_raw[n] = (float)value_of->number;
        to_positions[n++] = (uint32_t)number;
        value_of = value_of->next;
    }
    *out = (struct rw_golden){to_ids, (uint32_t)ids->count, to_positions, to_raw, (uint32_t)n};
    return RW_OK;
}

static rw_status take_vectors(struct rw_manifest *m, const struct rw_json *vectors,
                              struct rw_error *err)
{
    if (vectors == NULL || vectors->type != RW_JSON_ARRAY || vectors->count == 0 ||
        vectors->count > RW_GOLDEN_MAX) {
        return bad(err, "golden.vectors", "not a list of 1 to 256 vectors");
    }
    struct rw_golden *golden = rw_arena_array(m->arena, vectors->count, sizeof *golden);
    if (golden == NULL) {
        return no_memory(err);
    }
    size_t n = 0;
    RW_JSON_EACH (item, vectors) {
        rw_status status = take_golden(m, item, &golden[n++], err);
        if (status != RW_OK) {
            return status;
        }
    }
    m->golden = golden;
    m->n_golden = n;
    return RW_OK;
}

/* A file name inside the package, never a path out of it. */
static rw_status read_golden_file(struct rw_manifest *m, const struct rw_json *file,
                                  const struct rw_json **root, struct rw_error *err)
{
    char path[PATH_BYTES_MAX];
    struct rw_str text;
    if (file->type != RW_JSON_STRING || file->text.len == 0 || file->text.ptr[0] == '.' ||
        memchr(file->text.ptr, '/', file->text.len) != NULL ||
        (size_t)snprintf(path, sizeof path, "%s/%.*s", m->dir, RW_STR_ARG(file->text)) >=
            sizeof path) {
        return bad(err, "golden.file", "not the name of a file in the package");
    }
    rw_status status = rw_file_read_all(path, GOLDEN_FILE_MAX, m->arena, &text, err);
    if (status == RW_OK) {
        status = rw_json_parse(m->arena, text, root, err);
    }
    return status;
}

static rw_status apply_golden(struct rw_manifest *m, const struct rw_json *value,
                              struct rw_error *err)
{
    const struct rw_json *tolerance = rw_json_get(value, "tolerance");
    const struct rw_json *file = rw_json_get(value, "file");
    const struct rw_json *vectors = rw_json_get(value, "vectors");
    if (tolerance == NULL || tolerance->type != RW_JSON_NUMBER || !(tolerance->number > 0) ||
        (file == NULL) == (vectors == NULL) || value->count != 2) {
        return bad(err, "golden", "needs a tolerance, and either file or vectors");
    }
    m->golden_tolerance = (float)tolerance->number;
    if (file == NULL) {
        return take_vectors(m, vectors, err);
    }
    const struct rw_json *root;
    rw_status status = read_golden_file(m, file, &root, err);
    return status == RW_OK ? take_vectors(m, rw_json_get(root, "vectors"), err) : status;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static rw_status apply_scalar(struct rw_manifest *m, const struct rw_json *item,
                              struct rw_error *err)
{
    uint64_t number;
    if (rw_str_is(item->key, "rewardd")) {
        return rw_json_u64(item, &number) && number == 1 ? RW_OK
                                                         : bad(err, "rewardd", "not version 1");
    }
    if (rw_str_is(item->key, "kind")) {
        m->has_kind = true;
        m->recipe.kind = rw_json_is_string(item, "outcome") ? RW_KIND_OUTCOME : RW_KIND_PROCESS;
        return rw_json_is_string(item, "outcome") || rw_json_is_string(item, "process")
                   ? RW_OK
                   : bad(err, "kind", "neither process nor outcome");
    }
    if (rw_str_is(item->key, "aggregate")) {
        return item->type == RW_JSON_STRING && rw_aggregate_parse(item->text, &m->recipe.aggregate)
                   ? RW_OK
                   : bad(err, "aggregate", "not one of min, product, mean, last");
    }
    if (rw_str_is(item->key, "context_max")) {
        if (!rw_json_u64(item, &number) || number == 0 || number > UINT32_MAX) {
            return bad(err, "context_max", "not a number of tokens");
        }
        m->context_max = (uint32_t)number;
        return RW_OK;
    }
    if ((rw_str_is(item->key, "preset") || rw_str_is(item->key, "calibration")) &&
        item->type == RW_JSON_STRING) {
        return RW_OK; /* read by package.c, and by core/shortcut */
    }
    char key[RW_ERROR_PARAM_MAX];
    snprintf(key, sizeof key, "%.*s", RW_STR_ARG(item->key));
    return bad(err, key, "unknown key, or a value of the wrong type");
}

rw_status rw_manifest_apply(struct rw_manifest *m, const struct rw_json *root, struct rw_error *err)
{
    static const struct {
        const char *key;
        rw_status (*apply)(struct rw_manifest *, const struct rw_json *, struct rw_error *);
    } PART[] = {
        {"head", apply_head},
        {"post", apply_post},
        {"layout", apply_layout},
        {"golden", apply_golden},
    };
    if (root->type != RW_JSON_OBJECT) {
        return bad(err, "rewardd.json", "not a JSON object");
    }
    RW_JSON_EACH (item, root) {
        size_t i = 0;
        while (i < sizeof PART / sizeof PART[0] && !rw_str_is(item->key, PART[i].key)) {
            i++;
        }
        rw_status status = i < sizeof PART / sizeof PART[0] ? PART[i].apply(m, item, err)
                                                            : apply_scalar(m, item, err);
        if (status != RW_OK) {
            return status;
        }
    }
    return RW_OK;
}

static size_t count_scores(const struct rw_layout *layout, enum rw_section_id id)
{
    size_t n = 0;
    for (size_t i = 0; i < layout->section[id].count; i++) {
        n += layout->section[id].pieces[i].type == RW_PIECE_SCORE;
    }
    return n;
}

rw_status rw_manifest_check(const struct rw_manifest *m, struct rw_error *err)
{
    const struct rw_layout *layout = &m->layout;
    if (!m->has_kind || !m->has_head || !m->has_post || !m->has_layout) {
        return bad(err, "rewardd.json", "needs kind, head, post and layout (or a preset)");
    }
    bool steps = layout->section[RW_SECTION_STEP].present;
    bool response = layout->section[RW_SECTION_RESPONSE].present;
    if (!layout->section[RW_SECTION_PROMPT].present && !layout->section[RW_SECTION_USER].present) {
        return bad(err, "layout", "needs prompt or user");
    }
    size_t in_step = count_scores(layout, RW_SECTION_STEP);
    size_t in_first = layout->section[RW_SECTION_FIRST_STEP].present
                          ? count_scores(layout, RW_SECTION_FIRST_STEP)
                          : in_step;
    size_t elsewhere = 0;
    for (int i = 0; i < RW_SECTION_COUNT; i++) {
        if (i != RW_SECTION_STEP && i != RW_SECTION_FIRST_STEP) {
            elsewhere += count_scores(layout, (enum rw_section_id)i);
        }
    }
    if (m->recipe.kind == RW_KIND_PROCESS) {
        return steps && in_step == 1 && in_first == 1 && elsewhere == 0
                   ? RW_OK
                   : bad(err, "layout", "a process model has one score mark, in step");
    }
    if (steps == response) {
        return bad(err, "layout", "an outcome model has either step or response");
    }
    return in_step == 0 && in_first == 0 && elsewhere <= 1
               ? RW_OK
               : bad(err, "layout", "an outcome model has at most one score mark, not in step");
}
