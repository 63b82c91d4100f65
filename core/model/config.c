#include "core/model/config.h"

#include <math.h>
#include <stdio.h>
#include <strings.h>

#include "core/base/util.h"
#include "core/model/config_keys.h"
#include "core/model/config_parts.h"

/* Upper bounds that keep products of shapes far from overflow and refuse nonsense early. */
enum {
    INTERMEDIATE_MAX = RW_K_MAX,
    HEADS_MAX = 1024,
    TOKEN_ID_MAX = 0x7ffffffe,
    MISTRAL_KV_HEADS = 8, /* defaults of the reference's configuration classes */
    QWEN_KV_HEADS = 32,
    QWEN3_HEAD_DIM = 128,
    LABELS_DEFAULT = 2,
};

static const char SUPPORTED_TYPES[] =
    "supported model_type: llama, mistral, qwen2, qwen3, internlm2 (decoder-only, RMSNorm, SwiGLU)";

static const struct {
    const char *model_type;
    enum rw_backbone backbone;
} FAMILY[] = {
    {"llama", RW_BACKBONE_LLAMA},         {"mistral", RW_BACKBONE_MISTRAL},
    {"qwen2", RW_BACKBONE_QWEN2},         {"qwen3", RW_BACKBONE_QWEN3},
    {"internlm2", RW_BACKBONE_INTERNLM2},
};

const struct rw_json *rw_config_member(const struct rw_json *root, const char *key)
{
    const struct rw_json *value = rw_json_get(root, key);
    return value != NULL && value->type != RW_JSON_NULL ? value : NULL;
}

rw_status rw_config_bad(struct rw_error *err, const char *key, const char *wanted)
{
    rw_fail(err, RW_MODEL_CORRUPT, "config.json: %s is missing or not %s", key, wanted);
    rw_error_param(err, "%s", key);
    return RW_MODEL_CORRUPT;
}

rw_status rw_config_u32(const struct rw_json *root, const char *key, uint32_t min, uint32_t max,
                        uint32_t fallback, uint32_t *out, struct rw_error *err)
{
    const struct rw_json *value = rw_config_member(root, key);
    if (value == NULL && fallback != 0) {
        *out = fallback;
        return RW_OK;
    }
    uint64_t number;
    if (!rw_json_u64(value, &number) || number < min || number > max) {
        char wanted[64];
        snprintf(wanted, sizeof wanted, "an integer in %u..%u", min, max);
        return rw_config_bad(err, key, wanted);
    }
    *out = (uint32_t)number;
    return RW_OK;
}

rw_status rw_config_number(const struct rw_json *root, const char *key, double min, double max,
                           double fallback, double *out, struct rw_error *err)
{
    const struct rw_json *value = rw_config_member(root, key);
    if (value == NULL && !isnan(fallback)) {
        *out = fallback;
        return RW_OK;
    }
    if (value == NULL || value->type != RW_JSON_NUMBER || !(value->number >= min) ||
        !(value->number <= max)) {
        char wanted[64];
        snprintf(wanted, sizeof wanted, "a number in %g..%g", min, max);
        return rw_config_bad(err, key, wanted);
    }
    *out = value->number;
    return RW_OK;
}

rw_status rw_config_bool(const struct rw_json *root, const char *key, bool fallback, bool *out,
                         struct rw_error *err)
{
    const struct rw_json *value = rw_config_member(root, key);
    if (value != NULL && value->type != RW_JSON_TRUE && value->type != RW_JSON_FALSE) {
        return rw_config_bad(err, key, "true or false");
    }
    *out = value != NULL ? value->type == RW_JSON_TRUE : fallback;
    return RW_OK;
}

/* A token id, -1 when absent, null or negative; the first of a list. */
static rw_status read_id(const struct rw_json *root, const char *key, int32_t *out,
                         struct rw_error *err)
{
    const struct rw_json *value = rw_config_member(root, key);
    if (value != NULL && value->type == RW_JSON_ARRAY) {
        value = value->child;
    }
    int64_t id = -1;
    if (value != NULL && (!rw_json_i64(value, &id) || id > TOKEN_ID_MAX)) {
        return rw_config_bad(err, key, "a token id");
    }
    *out = id < 0 ? -1 : (int32_t)id;
    return RW_OK;
}

static rw_status parse_family(const struct rw_json *root, struct rw_config *out,
                              struct rw_error *err)
{
    const struct rw_json *names = rw_config_member(root, "architectures");
    const struct rw_json *name =
        names != NULL && names->type == RW_JSON_ARRAY ? names->child : NULL;
    if (name == NULL || name->type != RW_JSON_STRING || name->text.len >= RW_ARCHITECTURE_MAX) {
        return rw_config_bad(err, "architectures", "a list with one class name");
    }
    memcpy(out->architecture, name->text.ptr, name->text.len);
    out->architecture[name->text.len] = '\0';

    const struct rw_json *auto_map = rw_config_member(root, "auto_map");
    out->own_code = auto_map != NULL && auto_map->count > 0;

    const struct rw_json *type = rw_config_member(root, "model_type");
    if (type == NULL || type->type != RW_JSON_STRING) {
        return rw_config_bad(err, "model_type", "a string");
    }
    for (size_t i = 0; i < RW_COUNT(FAMILY); i++) {
        if (rw_str_is(type->text, FAMILY[i].model_type)) {
            out->backbone = FAMILY[i].backbone;
            return RW_OK;
        }
    }
    rw_fail(err, RW_MODEL_UNSUPPORTED, "model_type \"%.*s\" (%s) is not supported",
            RW_STR_ARG(type->text), out->architecture);
    rw_error_param(err, "model_type");
    rw_error_hint(err, "%s", SUPPORTED_TYPES);
    return RW_MODEL_UNSUPPORTED;
}

rw_status rw_config_unsupported(struct rw_error *err, const char *key, struct rw_str value,
                                const char *hint)
{
    rw_fail(err, RW_MODEL_UNSUPPORTED, "config.json: %s \"%.*s\" is not supported", key,
            RW_STR_ARG(value));
    rw_error_param(err, "%s", key);
    rw_error_hint(err, "%s", hint);
    return RW_MODEL_UNSUPPORTED;
}

/* An absent num_key_value_heads is the class default, an explicit null as many as heads. */
static uint32_t kv_heads_default(const struct rw_json *root, const struct rw_config *config)
{
    bool absent = rw_json_get(root, "num_key_value_heads") == NULL;
    switch (config->backbone) {
    case RW_BACKBONE_MISTRAL:
        return absent ? MISTRAL_KV_HEADS : config->heads;
    case RW_BACKBONE_QWEN2:
    case RW_BACKBONE_QWEN3:
        return absent ? QWEN_KV_HEADS : config->heads;
    case RW_BACKBONE_LLAMA:
    case RW_BACKBONE_INTERNLM2:
        break;
    }
    return config->heads;
}

static rw_status parse_heads(const struct rw_json *root, struct rw_config *out,
                             struct rw_error *err)
{
    rw_status status =
        rw_config_u32(root, "num_attention_heads", 1, HEADS_MAX, 0, &out->heads, err);
    if (status == RW_OK) {
        status = rw_config_u32(root, "num_key_value_heads", 1, HEADS_MAX,
                               kv_heads_default(root, out), &out->kv_heads, err);
    }
    if (status != RW_OK) {
        return status;
    }
    if (out->heads % out->kv_heads != 0) {
        return rw_config_bad(err, "num_key_value_heads", "a divisor of num_attention_heads");
    }
    uint32_t dim_default = out->backbone == RW_BACKBONE_QWEN3 ? QWEN3_HEAD_DIM
                           : out->hidden % out->heads == 0    ? out->hidden / out->heads
                                                              : 0;
    status = rw_config_u32(root, "head_dim", 8, RW_HEAD_DIM_MAX, dim_default, &out->head_dim, err);
    if (status != RW_OK) {
        return status;
    }
    if (out->head_dim < 8 || out->head_dim > RW_HEAD_DIM_MAX || out->head_dim % 8 != 0) {
        return rw_config_bad(err, "head_dim", "a multiple of 8 in 8..256");
    }
    if (out->heads * out->head_dim > 2 * RW_HIDDEN_MAX) {
        return rw_config_bad(err, "num_attention_heads", "in range (heads * head_dim <= 65536)");
    }
    return RW_OK;
}

static rw_status parse_shapes(const struct rw_json *root, struct rw_config *out,
                              struct rw_error *err)
{
    const struct {
        const char *key;
        uint32_t max;
        uint32_t *to;
    } FIELD[] = {
        {"hidden_size", RW_HIDDEN_MAX, &out->hidden},
        {"intermediate_size", INTERMEDIATE_MAX, &out->intermediate},
        {"num_hidden_layers", RW_LAYERS_MAX, &out->layers},
        {"vocab_size", RW_VOCAB_MAX, &out->vocab},
        {"max_position_embeddings", RW_CONFIG_CONTEXT_MAX, &out->context_max},
    };
    for (size_t i = 0; i < RW_COUNT(FIELD); i++) {
        rw_status status = rw_config_u32(root, FIELD[i].key, 1, FIELD[i].max, 0, FIELD[i].to, err);
        if (status != RW_OK) {
            return status;
        }
    }
    double eps = 0.0;
    rw_status status = rw_config_number(root, "rms_norm_eps", 1e-12, 1e-2, 1e-6, &eps, err);
    out->rms_eps = (float)eps;
    return status == RW_OK ? parse_heads(root, out, err) : status;
}

/* Llama and Qwen3 read attention_bias, Llama mlp_bias, InternLM2 bias; Qwen2 always has biases on
 * q, k and v, Mistral never has any. */
static rw_status parse_biases(const struct rw_json *root, struct rw_config *out,
                              struct rw_error *err)
{
    bool attention = false;
    rw_status status = RW_OK;
    if (out->backbone == RW_BACKBONE_INTERNLM2) {
        status = rw_config_bool(root, "bias", false, &attention, err);
    } else if (out->backbone == RW_BACKBONE_LLAMA || out->backbone == RW_BACKBONE_QWEN3) {
        status = rw_config_bool(root, "attention_bias", false, &attention, err);
    }
    if (status == RW_OK && out->backbone == RW_BACKBONE_LLAMA) {
        status = rw_config_bool(root, "mlp_bias", false, &out->mlp_bias, err);
    }
    out->qkv_bias = attention || out->backbone == RW_BACKBONE_QWEN2;
    out->o_bias = attention;
    out->qk_norm = out->backbone == RW_BACKBONE_QWEN3;
    if (status == RW_OK) {
        status = rw_config_bool(root, "tie_word_embeddings", false, &out->tied_embeddings, err);
    }
    return status;
}

/* Names that say of a class whether a reward should be high for it. "LABEL_1" says nothing. */
static enum rw_label_sense label_sense(struct rw_str name)
{
    static const struct {
        const char *word;
        enum rw_label_sense sense;
    } WORD[] = {
        {"correct", RW_LABEL_GOOD}, {"good", RW_LABEL_GOOD},     {"positive", RW_LABEL_GOOD},
        {"pos", RW_LABEL_GOOD},     {"right", RW_LABEL_GOOD},    {"true", RW_LABEL_GOOD},
        {"yes", RW_LABEL_GOOD},     {"valid", RW_LABEL_GOOD},    {"+", RW_LABEL_GOOD},
        {"chosen", RW_LABEL_GOOD},  {"incorrect", RW_LABEL_BAD}, {"bad", RW_LABEL_BAD},
        {"negative", RW_LABEL_BAD}, {"neg", RW_LABEL_BAD},       {"wrong", RW_LABEL_BAD},
        {"false", RW_LABEL_BAD},    {"no", RW_LABEL_BAD},        {"invalid", RW_LABEL_BAD},
        {"-", RW_LABEL_BAD},        {"rejected", RW_LABEL_BAD},  {"error", RW_LABEL_BAD},
        {"harmful", RW_LABEL_BAD},  {"toxic", RW_LABEL_BAD},     {"unsafe", RW_LABEL_BAD},
        {"safe", RW_LABEL_GOOD},    {"cost", RW_LABEL_BAD},
    };
    if (rw_str_starts(name, RW_STR("LABEL_"))) {
        return RW_LABEL_PLAIN;
    }
    for (size_t i = 0; i < RW_COUNT(WORD); i++) {
        size_t n = strlen(WORD[i].word);
        if (name.len == n && strncasecmp(name.ptr, WORD[i].word, n) == 0) {
            return WORD[i].sense;
        }
    }
    return RW_LABEL_OTHER;
}

static rw_status read_label_names(const struct rw_json *names, struct rw_config *out,
                                  struct rw_error *err)
{
    RW_JSON_EACH (name, names) {
        unsigned long long index;
        if (!rw_str_to_u64(name->key, &index) || index >= names->count ||
            name->type != RW_JSON_STRING) {
            return rw_config_bad(err, "id2label", "an object of names under \"0\", \"1\", ...");
        }
        out->label_sense[index] = label_sense(name->text);
    }
    return RW_OK;
}

static bool is_classifier(const struct rw_config *config)
{
    struct rw_str name = rw_str_from(config->architecture);
    return rw_str_ends(name, RW_STR("ForSequenceClassification")) ||
           rw_str_ends(name, RW_STR("ForTokenClassification"));
}

/* As transformers: the number of names in id2label, else num_labels, else two. */
static rw_status parse_labels(const struct rw_json *root, struct rw_config *out,
                              struct rw_error *err)
{
    const struct rw_json *names = rw_config_member(root, "id2label");
    const struct rw_json *number = rw_config_member(root, "num_labels");
    uint64_t labels = is_classifier(out) ? LABELS_DEFAULT : 0;
    if (names != NULL && names->type != RW_JSON_OBJECT) {
        return rw_config_bad(err, "id2label", "an object");
    }
    if (names == NULL && number != NULL && !rw_json_u64(number, &labels)) {
        return rw_config_bad(err, "num_labels", "an integer");
    }
    labels = names != NULL ? names->count : labels;
    if (labels > RW_LABELS_MAX) {
        rw_fail(err, RW_MODEL_UNSUPPORTED, "config.json: %llu labels; at most %d are supported",
                (unsigned long long)labels, RW_LABELS_MAX);
        rw_error_param(err, "id2label");
        return RW_MODEL_UNSUPPORTED;
    }
    out->labels = (uint32_t)labels;
    return read_label_names(names, out, err);
}

static rw_status parse_ids(const struct rw_json *root, struct rw_config *out, struct rw_error *err)
{
    const struct {
        const char *key;
        int32_t *to;
    } FIELD[] = {
        {"bos_token_id", &out->bos_id},
        {"eos_token_id", &out->eos_id},
        {"pad_token_id", &out->pad_id},
        {"reward_token_id", &out->reward_token_id},
    };
    for (size_t i = 0; i < RW_COUNT(FIELD); i++) {
        rw_status status = read_id(root, FIELD[i].key, FIELD[i].to, err);
        if (status != RW_OK) {
            return status;
        }
    }
    return RW_OK;
}

/* Keys that OpenRLHF adds to the configuration of its reward models. */
static rw_status parse_value_model(const struct rw_json *root, struct rw_config *out,
                                   struct rw_error *err)
{
    struct rw_str prefix = RW_STR("score");
    const struct rw_json *named = rw_config_member(root, "value_head_prefix");
    if (named != NULL) {
        if (named->type != RW_JSON_STRING || named->text.len == 0 ||
            named->text.len >= sizeof out->value_head_prefix) {
            return rw_config_bad(err, "value_head_prefix", "a string of 1..63 bytes");
        }
        prefix = named->text;
    }
    memcpy(out->value_head_prefix, prefix.ptr, prefix.len);
    out->value_head_prefix[prefix.len] = '\0';

    rw_status status = rw_config_bool(root, "normalize_reward", false, &out->normalize_reward, err);
    out->reward_std = 1.0;
    if (status == RW_OK && out->normalize_reward) {
        status = rw_config_number(root, "mean", -1e9, 1e9, NAN, &out->reward_mean, err);
        if (status == RW_OK) {
            status = rw_config_number(root, "std", 1e-9, 1e9, NAN, &out->reward_std, err);
        }
    }
    return status;
}

rw_status rw_config_parse(const struct rw_json *root, struct rw_config *out, struct rw_error *err)
{
    static rw_status (*const STEP[])(const struct rw_json *, struct rw_config *,
                                     struct rw_error *) = {
        parse_family, parse_shapes, rw_config_parse_rope, rw_config_parse_window, parse_biases,
        parse_labels, parse_ids,    parse_value_model,
    };
    *out = (struct rw_config){0};
    if (root == NULL || root->type != RW_JSON_OBJECT) {
        return rw_fail(err, RW_MODEL_CORRUPT, "config.json is not a JSON object");
    }
    for (size_t i = 0; i < RW_COUNT(STEP); i++) {
        rw_status status = STEP[i](root, out, err);
        if (status != RW_OK) {
            return status;
        }
    }
    return rw_config_keys_check(root, out->backbone, err);
}
