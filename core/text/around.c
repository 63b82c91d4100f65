#include "core/text/around.h"

static rw_status bad(struct rw_error *err, const char *what)
{
    return rw_fail(err, RW_MODEL_CORRUPT, "post_processor: %s", what);
}

static rw_status put(int32_t *list, size_t *n, const struct rw_json *id, struct rw_error *err)
{
    uint64_t number;
    if (!rw_json_u64(id, &number) || number >= RW_VOCAB_IDS_MAX) {
        return bad(err, "a token has no usable id");
    }
    if (*n == RW_AROUND_MAX) {
        return rw_fail(err, RW_MODEL_UNSUPPORTED, "post_processor: over %d tokens on one side",
                       RW_AROUND_MAX);
    }
    list[(*n)++] = (int32_t)number;
    return RW_OK;
}

/* {"single": [{"SpecialToken": {"id": "<s>"}}, {"Sequence": {...}}],
 *  "special_tokens": {"<s>": {"ids": [1]}}} */
static rw_status parse_template(const struct rw_json *value, struct rw_around *out,
                                struct rw_error *err)
{
    const struct rw_json *tokens = rw_json_get(value, "special_tokens");
    bool behind = false;
    RW_JSON_EACH (item, rw_json_get(value, "single")) {
        const struct rw_json *name = rw_json_get(rw_json_get(item, "SpecialToken"), "id");
        if (name == NULL) {
            behind = true; /* the text itself */
            continue;
        }
        const struct rw_json *ids = NULL;
        RW_JSON_EACH (token, tokens) {
            if (rw_str_equal(token->key, name->text)) {
                ids = rw_json_get(token, "ids");
            }
        }
        if (ids == NULL) {
            return bad(err, "a token of its template is not listed");
        }
        RW_JSON_EACH (id, ids) {
            rw_status status = behind ? put(out->end, &out->n_end, id, err)
                                      : put(out->begin, &out->n_begin, id, err);
            if (status != RW_OK) {
                return status;
            }
        }
    }
    return behind ? RW_OK : bad(err, "its template has no place for the text");
}

/* {"cls":["<s>",0],"sep":["</s>",2]} */
static rw_status parse_pair(const struct rw_json *value, struct rw_around *out,
                            struct rw_error *err)
{
    const struct rw_json *cls = rw_json_get(value, "cls");
    const struct rw_json *sep = rw_json_get(value, "sep");
    if (cls == NULL || cls->count != 2 || sep == NULL || sep->count != 2) {
        return bad(err, "cls or sep is not a pair of token and id");
    }
    rw_status status = put(out->begin, &out->n_begin, cls->child->next, err);
    return status == RW_OK ? put(out->end, &out->n_end, sep->child->next, err) : status;
}

/* Later ones stand outside what earlier ones put. */
static rw_status parse_sequence(const struct rw_json *value, struct rw_around *out,
                                struct rw_error *err)
{
    RW_JSON_EACH (item, rw_json_get(value, "processors")) {
        struct rw_around one = {.n_begin = 0};
        if (rw_json_is_string(rw_json_get(item, "type"), "Sequence")) {
            return bad(err, "a sequence inside a sequence");
        }
        rw_status status = rw_around_parse(item, &one, err);
        if (status != RW_OK) {
            return status;
        }
        if (one.n_begin + out->n_begin > RW_AROUND_MAX || one.n_end + out->n_end > RW_AROUND_MAX) {
            return rw_fail(err, RW_MODEL_UNSUPPORTED, "post_processor: over %d tokens on one side",
                           RW_AROUND_MAX);
        }
        for (size_t i = 0; i < out->n_begin; i++) {
            one.begin[one.n_begin++] = out->begin[i];
        }
        for (size_t i = 0; i < one.n_end; i++) {
            out->end[out->n_end++] = one.end[i];
        }
        for (size_t i = 0; i < one.n_begin; i++) {
            out->begin[i] = one.begin[i];
        }
        out->n_begin = one.n_begin;
    }
    return RW_OK;
}

rw_status rw_around_parse(const struct rw_json *post_processor, struct rw_around *out,
                          struct rw_error *err)
{
    *out = (struct rw_around){.n_begin = 0};
    if (post_processor == NULL || post_processor->type == RW_JSON_NULL) {
        return RW_OK;
    }
    const struct rw_json *type = rw_json_get(post_processor, "type");
    if (rw_json_is_string(type, "ByteLevel")) {
        return RW_OK; /* offsets only */
    }
    if (rw_json_is_string(type, "TemplateProcessing")) {
        return parse_template(post_processor, out, err);
    }
    if (rw_json_is_string(type, "BertProcessing") || rw_json_is_string(type, "RobertaProcessing")) {
        return parse_pair(post_processor, out, err);
    }
    if (rw_json_is_string(type, "Sequence")) {
        return parse_sequence(post_processor, out, err);
    }
    return rw_fail(err, RW_MODEL_UNSUPPORTED, "post_processor \"%.*s\" is not known",
                   type != NULL ? (int)type->text.len : 0, type != NULL ? type->text.ptr : "");
}
