#include "core/model/manifest.h"

#include <math.h>
#include <stdio.h>

#include "core/base/util.h"
#include "core/model/manifest_parts.h"

bool rw_manifest_is_true(const struct rw_json *value)
{
    return value != NULL && value->type == RW_JSON_TRUE;
}

rw_status rw_manifest_bad(struct rw_error *err, const char *key, const char *what)
{
    rw_fail(err, RW_MODEL_CORRUPT, "%s: %s", key, what);
    rw_error_param(err, "%s", key);
    return RW_MODEL_CORRUPT;
}

rw_status rw_manifest_no_memory(struct rw_error *err)
{
    return rw_fail_memory(err, "the model package");
}

/* Copies, because the text of an escape-free string belongs to the JSON text. */
rw_status rw_manifest_string(struct rw_arena *arena, const struct rw_json *value,
                             struct rw_str *out, struct rw_error *err)
{
    if (value->type != RW_JSON_STRING) {
        char key[RW_ERROR_PARAM_MAX];
        snprintf(key, sizeof key, "%.*s", RW_STR_ARG(value->key));
        return rw_manifest_bad(err, key, "not a string");
    }
    *out = rw_arena_copy(arena, value->text);
    return out->ptr != NULL ? RW_OK : rw_manifest_no_memory(err);
}

static rw_status token_of(const struct rw_tokenizer *tokenizer, struct rw_str text, bool last,
                          int32_t *id, struct rw_error *err)
{
    struct rw_tokens tokens;
    rw_tokens_init(&tokens, 64);
    struct rw_segment segment = {.text = text, .trusted = true};
    rw_status status = rw_tokenizer_encode(tokenizer, &segment, 1, &tokens, err);
    if (status == RW_OK && (tokens.count == 0 || (tokens.count > 1 && !last))) {
        rw_fail(err, RW_MODEL_CORRUPT, "\"%.*s\" is %zu tokens of this tokenizer, not one",
                RW_STR_ARG(text), tokens.count);
        status = RW_MODEL_CORRUPT;
    }
    if (status == RW_OK) {
        *id = tokens.ids[tokens.count - 1];
    }
    rw_tokens_fini(&tokens);
    return status;
}

rw_status rw_manifest_token(const struct rw_tokenizer *tokenizer, struct rw_str text, int32_t *id,
                            struct rw_error *err)
{
    return token_of(tokenizer, text, false, id, err);
}

/* A token by text or by id. Of a marker's text it is the last id, as the references take it. */
rw_status rw_manifest_take_token(const struct rw_manifest *m, const char *key,
                                 const struct rw_json *value, int32_t *id, struct rw_error *err)
{
    uint64_t number;
    if (value->type == RW_JSON_STRING) {
        bool last = strcmp(key, "marker") == 0;
        rw_status status = token_of(m->tokenizer, value->text, last, id, err);
        if (status == RW_OK && (uint32_t)*id >= m->config->vocab) {
            rw_fail(err, RW_MODEL_CORRUPT, "%s \"%.*s\" is id %d; the model has %u embeddings", key,
                    RW_STR_ARG(value->text), (int)*id, m->config->vocab);
            rw_error_param(err, "vocab_size");
            return RW_MODEL_CORRUPT;
        }
        return status;
    }
    if (!rw_json_u64(value, &number) || number >= m->config->vocab) {
        return rw_manifest_bad(err, key, "neither a token nor an id of the vocabulary");
    }
    *id = (int32_t)number;
    return RW_OK;
}

/* ---- head and post --------------------------------------------------------------------------- */

static rw_status take_name(const struct rw_json *value, char to[RW_TENSOR_NAME_MAX],
                           struct rw_error *err)
{
    if (value->type != RW_JSON_STRING || value->text.len >= RW_TENSOR_NAME_MAX) {
        return rw_manifest_bad(err, "head", "a tensor name is not a string of at most 95 bytes");
    }
    memcpy(to, value->text.ptr, value->text.len);
    to[value->text.len] = '\0';
    return RW_OK;
}

static rw_status take_rows(struct rw_manifest *m, const struct rw_json *rows, struct rw_error *err)
{
    struct rw_head_spec *head = &m->recipe.head;
    if (rows->type != RW_JSON_ARRAY || rows->count < 1 || rows->count > RW_HEAD_OUT_MAX) {
        return rw_manifest_bad(err, "head.rows", "not a list of 1 to 16 tokens");
    }
    head->n_out = 0;
    RW_JSON_EACH (row, rows) {
        rw_status status =
            rw_manifest_take_token(m, "head.rows", row, &head->rows[head->n_out], err);
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
        return rw_manifest_bad(err, "head.type", "not one of linear, mlp_relu, lm_rows");
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
            m->optional_bias = rw_manifest_is_true(item);
        } else if (rw_str_is(item->key, "rows") && rows) {
            status = take_rows(m, item, err);
        } else if (!rw_str_is(item->key, "type")) {
            status = rw_manifest_bad(err, "head", "has a key that this head does not know");
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
            return rw_manifest_bad(err, "post.good", "not the index of a class");
        }
        recipe->post = RW_POST_SOFTMAX;
        recipe->good = (uint32_t)good;
        known = 2;
    } else if (rw_json_is_string(type, "sigmoid")) {
        recipe->post = RW_POST_SIGMOID;
    } else if (rw_json_is_string(type, "normalized")) {
        if (mean == NULL || mean->type != RW_JSON_NUMBER || std == NULL ||
            std->type != RW_JSON_NUMBER || !(std->number > 0)) {
            return rw_manifest_bad(err, "post", "normalized needs a mean, and a std above 0");
        }
        recipe->post = RW_POST_NORMALIZED;
        recipe->mean = mean->number;
        recipe->std = std->number;
        known = 3;
    } else {
        return rw_manifest_bad(err, "post.type", "not one of softmax, sigmoid, normalized");
    }
    m->has_post = true;
    return value->count == known
               ? RW_OK
               : rw_manifest_bad(err, "post", "has a key that this post does not know");
}

/* ---- the whole ------------------------------------------------------------------------------- */

static rw_status apply_scalar(struct rw_manifest *m, const struct rw_json *item,
                              struct rw_error *err)
{
    uint64_t number;
    if (rw_str_is(item->key, "rewardd")) {
        return rw_json_u64(item, &number) && number == 1
                   ? RW_OK
                   : rw_manifest_bad(err, "rewardd", "not version 1");
    }
    if (rw_str_is(item->key, "kind")) {
        m->has_kind = true;
        m->recipe.kind = rw_json_is_string(item, "outcome") ? RW_KIND_OUTCOME : RW_KIND_PROCESS;
        return rw_json_is_string(item, "outcome") || rw_json_is_string(item, "process")
                   ? RW_OK
                   : rw_manifest_bad(err, "kind", "neither process nor outcome");
    }
    if (rw_str_is(item->key, "aggregate")) {
        return item->type == RW_JSON_STRING && rw_aggregate_parse(item->text, &m->recipe.aggregate)
                   ? RW_OK
                   : rw_manifest_bad(err, "aggregate", "not one of min, product, mean, last");
    }
    if (rw_str_is(item->key, "context_max")) {
        if (!rw_json_u64(item, &number) || number == 0 || number > UINT32_MAX) {
            return rw_manifest_bad(err, "context_max", "not a number of tokens");
        }
        m->context_max = (uint32_t)number;
        return RW_OK;
    }
    if (rw_str_is(item->key, "ignore_config") && item->type == RW_JSON_ARRAY) {
        m->ignore_config = item;
        return RW_OK;
    }
    if ((rw_str_is(item->key, "preset") || rw_str_is(item->key, "calibration")) &&
        item->type == RW_JSON_STRING) {
        return RW_OK; /* read by package_open.c, and by core/shortcut */
    }
    char key[RW_ERROR_PARAM_MAX];
    snprintf(key, sizeof key, "%.*s", RW_STR_ARG(item->key));
    return rw_manifest_bad(err, key, "unknown key, or a value of the wrong type");
}

rw_status rw_manifest_apply(struct rw_manifest *m, const struct rw_json *root, struct rw_error *err)
{
    static const struct {
        const char *key;
        rw_status (*apply)(struct rw_manifest *, const struct rw_json *, struct rw_error *);
    } PART[] = {
        {"head", apply_head},
        {"post", apply_post},
        {"layout", rw_manifest_apply_layout},
        {"golden", rw_manifest_apply_golden},
    };
    if (root->type != RW_JSON_OBJECT) {
        return rw_manifest_bad(err, "rewardd.json", "not a JSON object");
    }
    RW_JSON_EACH (item, root) {
        size_t i = 0;
        while (i < RW_COUNT(PART) && !rw_str_is(item->key, PART[i].key)) {
            i++;
        }
        rw_status status =
            i < RW_COUNT(PART) ? PART[i].apply(m, item, err) : apply_scalar(m, item, err);
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
        return rw_manifest_bad(err, "rewardd.json",
                               "needs kind, head, post and layout (or a preset)");
    }
    bool steps = layout->section[RW_SECTION_STEP].present;
    /* A template takes a whole answer as it takes any assistant's turn. */
    bool response =
        layout->section[RW_SECTION_RESPONSE].present || (layout->jinja != NULL && !steps);
    if (layout->jinja == NULL && !layout->section[RW_SECTION_PROMPT].present &&
        !layout->section[RW_SECTION_USER].present) {
        return rw_manifest_bad(err, "layout", "needs prompt or user");
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
                   : rw_manifest_bad(err, "layout", "a process model has one score mark, in step");
    }
    if (steps == response) {
        return rw_manifest_bad(err, "layout", "an outcome model has either step or response");
    }
    return in_step == 0 && in_first == 0 && elsewhere <= 1
               ? RW_OK
               : rw_manifest_bad(err, "layout",
                                 "an outcome model has at most one score mark, not in step");
}
