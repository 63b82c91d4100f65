#include "core/model/config.h"

#include <math.h>
#include <stdio.h>

#include "core/base/util.h"

/* Upper bounds that keep products of shapes far from overflow and refuse nonsense early. */
enum {
    INTERMEDIATE_MAX = RW_K_MAX,
    HEADS_MAX = 1024,
    CONTEXT_MAX = 1 << 24, /* tokens */
    TOKEN_ID_MAX = 0x7ffffffe,
    MISTRAL_WINDOW = 4096, /* defaults of the reference's configuration classes */
    MISTRAL_KV_HEADS = 8,
    QWEN_FULL_LAYERS = 28,
    QWEN3_HEAD_DIM = 128,
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

/* A member that is present and not null. */
static const struct rw_json *member(const struct rw_json *root, const char *key)
{
    const struct rw_json *value = rw_json_get(root, key);
    return value != NULL && value->type != RW_JSON_NULL ? value : NULL;
}

static rw_status bad_value(struct rw_error *err, const char *key, const char *wanted)
{
    rw_fail(err, RW_MODEL_CORRUPT, "config.json: %s is missing or not %s", key, wanted);
    rw_error_param(err, "%s", key);
    return RW_MODEL_CORRUPT;
}

/* An integer in [min, max]; `fallback` when absent, and required when fallback is 0. */
static rw_status read_u32(const struct rw_json *root, const char *key, uint32_t min, uint32_t max,
                          uint32_t fallback, uint32_t *out, struct rw_error *err)
{
    const struct rw_json *value = member(root, key);
    if (value == NULL && fallback != 0) {
        *out = fallback;
        return RW_OK;
    }
    uint64_t number;
    if (!rw_json_u64(value, &number) || number < min || number > max) {
        char wanted[64];
        snprintf(wanted, sizeof wanted, "an integer in %u..%u", min, max);
        return bad_value(err, key, wanted);
    }
    *out = (uint32_t)number;
    return RW_OK;
}

static rw_status read_number(const struct rw_json *root, const char *key, double min, double max,
                             double fallback, double *out, struct rw_error *err)
{
    const struct rw_json *value = member(root, key);
    if (value == NULL && !isnan(fallback)) {
        *out = fallback;
        return RW_OK;
    }
    if (value == NULL || value->type != RW_JSON_NUMBER || !(value->number >= min) ||
        !(value->number <= max)) {
        char wanted[64];
        snprintf(wanted, sizeof wanted, "a number in %g..%g", min, max);
        return bad_value(err, key, wanted);
    }
    *out = value->number;
    return RW_OK;
}

static rw_status read_bool(const struct rw_json *root, const char *key, bool fallback, bool *out,
                           struct rw_error *err)
{
    const struct rw_json *value = member(root, key);
    if (value != NULL && value->type != RW_JSON_TRUE && value->type != RW_JSON_FALSE) {
        return bad_value(err, key, "true or false");
    }
    *out = value != NULL ? value->type == RW_JSON_TRUE : fallback;
    return RW_OK;
}

/* A token id, -1 when absent, null or negative; the first of a list. */
static rw_status read_id(const struct rw_json *root, const char *key, int32_t *out,
                         struct rw_error *err)
{
    const struct rw_json *value = member(root, key);
    if (value != NULL && value->type == RW_JSON_ARRAY) {
        value = value->child;
    }
    int64_t id = -1;
    if (value != NULL && (!rw_json_i64(value, &id) || id > TOKEN_ID_MAX)) {
        return bad_value(err, key, "a token id");
    }
    *out = id < 0 ? -1 : (int32_t)id;
    return RW_OK;
}

static rw_status parse_family(const struct rw_json *root, struct rw_config *out,
                              struct rw_error *err)
{
    const struct rw_json *names = member(root, "architectures");
    const struct rw_json *name =
        names != NULL && names->type == RW_JSON_ARRAY ? names->child : NULL;
    if (name == NULL || name->type != RW_JSON_STRING || name->text.len >= RW_ARCHITECTURE_MAX) {
        return bad_value(err, "architectures", "a list with one class name");
    }
    memcpy(out->architecture, name->text.ptr, name->text.len);
    out->architecture[name->text.len] = '\0';

    const struct rw_json *type = member(root, "model_type");
    if (type == NULL || type->type != RW_JSON_STRING) {
        return bad_value(err, "model_type", "a string");
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

static rw_status unsupported(struct rw_error *err, const char *key, struct rw_str value,
                             const char *hint)
{
    rw_fail(err, RW_MODEL_UNSUPPORTED, "config.json: %s \"%.*s\" is not supported", key,
            RW_STR_ARG(value));
    rw_error_param(err, "%s", key);
    rw_error_hint(err, "%s", hint);
    return RW_MODEL_UNSUPPORTED;
}

/* What would change the arithmetic and is not implemented must not be ignored. */
static rw_status check_switches(const struct rw_json *root, struct rw_error *err)
{
    const struct rw_json *act = member(root, "hidden_act");
    if (act != NULL && !rw_json_is_string(act, "silu") && !rw_json_is_string(act, "swish")) {
        return unsupported(err, "hidden_act", act->text, "supported: silu");
    }
    const struct rw_json *quantised = member(root, "quantization_config");
    if (quantised != NULL) {
        const struct rw_json *method = member(quantised, "quant_method");
        return unsupported(err, "quantization_config",
                           method != NULL ? method->text : RW_STR("unknown"),
                           "supported: BF16, F16 and F32 safetensors; convert the weights first");
    }
    const struct rw_json *partial = member(root, "partial_rotary_factor");
    if (partial != NULL && partial->number != 1.0) {
        return unsupported(err, "partial_rotary_factor", partial->text, "supported: 1");
    }
    return RW_OK;
}

static rw_status parse_heads(const struct rw_json *root, struct rw_config *out,
                             struct rw_error *err)
{
    rw_status status = read_u32(root, "num_attention_heads", 1, HEADS_MAX, 0, &out->heads, err);
    if (status != RW_OK) {
        return status;
    }
    bool heads_default =
        out->backbone == RW_BACKBONE_LLAMA || out->backbone == RW_BACKBONE_INTERNLM2;
    uint32_t kv_default = heads_default                          ? out->heads
                          : out->backbone == RW_BACKBONE_MISTRAL ? MISTRAL_KV_HEADS
                                                                 : 0;
    status = read_u32(root, "num_key_value_heads", 1, HEADS_MAX, kv_default, &out->kv_heads, err);
    if (status != RW_OK) {
        return status;
    }
    if (out->heads % out->kv_heads != 0) {
        return bad_value(err, "num_key_value_heads", "a divisor of num_attention_heads");
    }
    uint32_t dim_default = out->backbone == RW_BACKBONE_QWEN3 ? QWEN3_HEAD_DIM
                           : out->hidden % out->heads == 0    ? out->hidden / out->heads
                                                              : 0;
    status = read_u32(root, "head_dim", 8, RW_HEAD_DIM_MAX, dim_default, &out->head_dim, err);
    if (status != RW_OK) {
        return status;
    }
    if (out->head_dim < 8 || out->head_dim > RW_HEAD_DIM_MAX || out->head_dim % 8 != 0) {
        return bad_value(err, "head_dim", "a multiple of 8 in 8..256");
    }
    if (out->heads * out->head_dim > 2 * RW_HIDDEN_MAX) {
        return bad_value(err, "num_attention_heads", "in range (heads * head_dim <= 65536)");
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
        {"max_position_embeddings", CONTEXT_MAX, &out->context_max},
    };
    for (size_t i = 0; i < RW_COUNT(FIELD); i++) {
        rw_status status = read_u32(root, FIELD[i].key, 1, FIELD[i].max, 0, FIELD[i].to, err);
        if (status != RW_OK) {
            return status;
        }
    }
    double eps = 0.0;
    rw_status status = read_number(root, "rms_norm_eps", 1e-12, 1e-2, 1e-6, &eps, err);
    out->rms_eps = (float)eps;
    return status == RW_OK ? parse_heads(root, out, err) : status;
}

static rw_status parse_llama3_rope(const struct rw_json *scaling, struct rw_rope *rope,
                                   struct rw_error *err)
{
    rw_status status =
        read_number(scaling, "low_freq_factor", 1e-3, 1e6, NAN, &rope->low_freq_factor, err);
    if (status == RW_OK) {
        status =
            read_number(scaling, "high_freq_factor", 1e-3, 1e6, NAN, &rope->high_freq_factor, err);
    }
    if (status == RW_OK) {
        status = read_u32(scaling, "original_max_position_embeddings", 1, CONTEXT_MAX, 0,
                          &rope->original_context, err);
    }
    if (status == RW_OK && !(rope->high_freq_factor > rope->low_freq_factor)) {
        status = bad_value(err, "high_freq_factor", "greater than low_freq_factor");
    }
    return status;
}

static rw_status parse_scaling(const struct rw_json *scaling, struct rw_config *out,
                               struct rw_error *err)
{
    static const char *const NAME[] = {"default", "linear", "dynamic", "llama3"};
    const struct rw_json *type = member(scaling, "rope_type");
    type = type != NULL ? type : member(scaling, "type");
    if (type == NULL) {
        return RW_OK;
    }
    size_t i = 0;
    while (i < RW_COUNT(NAME) && !rw_json_is_string(type, NAME[i])) {
        i++;
    }
    if (i == RW_COUNT(NAME)) {
        return unsupported(err, "rope_scaling", type->text,
                           "supported: default, linear, dynamic (inside the original context), "
                           "llama3");
    }
    struct rw_rope *rope = &out->rope;
    rope->type = (enum rw_rope_type)i;
    if (rope->type == RW_ROPE_DEFAULT) {
        return RW_OK;
    }
    rw_status status = read_number(scaling, "factor", 1.0, 1e6, NAN, &rope->factor, err);
    if (status == RW_OK && rope->type == RW_ROPE_LLAMA3) {
        status = parse_llama3_rope(scaling, rope, err);
    }
    if (status == RW_OK && rope->type == RW_ROPE_DYNAMIC) {
        status = read_u32(scaling, "original_max_position_embeddings", 1, CONTEXT_MAX,
                          out->context_max, &rope->original_context, err);
        if (rope->original_context < out->context_max) {
            out->context_max = rope->original_context;
        }
    }
    return status;
}

/* transformers 4: rope_theta and rope_scaling; transformers 5: both inside rope_parameters. */
static rw_status parse_rope(const struct rw_json *root, struct rw_config *out, struct rw_error *err)
{
    out->rope.type = RW_ROPE_DEFAULT;
    out->rope.factor = 1.0;
    const struct rw_json *parameters = member(root, "rope_parameters");
    const struct rw_json *scaling = member(root, "rope_scaling");
    const struct rw_json *theta_of = member(parameters, "rope_theta") != NULL ? parameters : root;
    rw_status status =
        read_number(theta_of, "rope_theta", 1.0, 1e12, 10000.0, &out->rope.theta, err);
    if (status != RW_OK) {
        return status;
    }
    const struct rw_json *partial = member(parameters, "partial_rotary_factor");
    if (partial != NULL && partial->number != 1.0) {
        return unsupported(err, "partial_rotary_factor", partial->text, "supported: 1");
    }
    return parse_scaling(parameters != NULL ? parameters : scaling, out, err);
}

/* layer_types of transformers 5: full layers first, then sliding ones, as we can express. */
static rw_status parse_layer_types(const struct rw_json *types, struct rw_config *out,
                                   struct rw_error *err)
{
    uint32_t layer = 0;
    uint32_t full = 0;
    RW_JSON_EACH (item, types) {
        if (rw_json_is_string(item, "full_attention") && full == layer) {
            full++;
        } else if (!rw_json_is_string(item, "sliding_attention")) {
            return unsupported(err, "layer_types", item->text,
                               "supported: full_attention layers, then sliding_attention layers");
        }
        layer++;
    }
    if (layer != out->layers) {
        return bad_value(err, "layer_types", "as long as num_hidden_layers");
    }
    out->window_from_layer = full;
    if (full == layer) {
        out->window = 0;
        return RW_OK;
    }
    return out->window != 0 ? RW_OK : bad_value(err, "sliding_window", "set for layer_types");
}

static rw_status parse_window(const struct rw_json *root, struct rw_config *out,
                              struct rw_error *err)
{
    bool qwen = out->backbone == RW_BACKBONE_QWEN2 || out->backbone == RW_BACKBONE_QWEN3;
    if (!qwen && out->backbone != RW_BACKBONE_MISTRAL) {
        return RW_OK;
    }
    bool use = true;
    rw_status status = qwen ? read_bool(root, "use_sliding_window", false, &use, err) : RW_OK;
    /* An absent key is the class default, an explicit null means no window. */
    const struct rw_json *value = rw_json_get(root, "sliding_window");
    use = use && (value == NULL || value->type != RW_JSON_NULL);
    if (status != RW_OK || !use) {
        return status;
    }
    status = read_u32(root, "sliding_window", 1, CONTEXT_MAX, MISTRAL_WINDOW, &out->window, err);
    if (status == RW_OK && qwen) {
        uint64_t full = QWEN_FULL_LAYERS;
        const struct rw_json *layers = member(root, "max_window_layers");
        if (layers != NULL && !rw_json_u64(layers, &full)) {
            return bad_value(err, "max_window_layers", "an integer");
        }
        out->window_from_layer = full < out->layers ? (uint32_t)full : out->layers;
    }
    const struct rw_json *types = member(root, "layer_types");
    if (status == RW_OK && types != NULL) {
        status = parse_layer_types(types, out, err);
    }
    if (status == RW_OK && out->window_from_layer == out->layers) {
        out->window = 0;
    }
    return status;
}

static rw_status parse_biases(const struct rw_json *root, struct rw_config *out,
                              struct rw_error *err)
{
    bool fused = out->backbone == RW_BACKBONE_INTERNLM2;
    bool attention = false;
    rw_status status = read_bool(root, fused ? "bias" : "attention_bias", false, &attention, err);
    if (status == RW_OK) {
        status = read_bool(root, "mlp_bias", false, &out->mlp_bias, err);
    }
    out->qkv_bias = attention || out->backbone == RW_BACKBONE_QWEN2;
    out->o_bias = attention && out->backbone != RW_BACKBONE_QWEN2;
    out->qk_norm = out->backbone == RW_BACKBONE_QWEN3;
    if (status == RW_OK) {
        status = read_bool(root, "tie_word_embeddings", false, &out->tied_embeddings, err);
    }
    return status;
}

static rw_status parse_labels(const struct rw_json *root, struct rw_config *out,
                              struct rw_error *err)
{
    const struct rw_json *names = member(root, "id2label");
    uint64_t labels = names != NULL ? names->count : 0;
    if (names == NULL && member(root, "num_labels") != NULL &&
        !rw_json_u64(member(root, "num_labels"), &labels)) {
        return bad_value(err, "num_labels", "an integer");
    }
    if (labels > RW_LABELS_MAX) {
        rw_fail(err, RW_MODEL_UNSUPPORTED, "config.json: %llu labels; at most %d are supported",
                (unsigned long long)labels, RW_LABELS_MAX);
        return RW_MODEL_UNSUPPORTED;
    }
    out->labels = (uint32_t)labels;
    return RW_OK;
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
    const struct rw_json *named = member(root, "value_head_prefix");
    if (named != NULL) {
        if (named->type != RW_JSON_STRING || named->text.len == 0 ||
            named->text.len >= sizeof out->value_head_prefix) {
            return bad_value(err, "value_head_prefix", "a string of 1..63 bytes");
        }
        prefix = named->text;
    }
    memcpy(out->value_head_prefix, prefix.ptr, prefix.len);
    out->value_head_prefix[prefix.len] = '\0';

    rw_status status = read_bool(root, "normalize_reward", false, &out->normalize_reward, err);
    out->reward_std = 1.0;
    if (status == RW_OK && out->normalize_reward) {
        status = read_number(root, "mean", -1e9, 1e9, NAN, &out->reward_mean, err);
        if (status == RW_OK) {
            status = read_number(root, "std", 1e-9, 1e9, NAN, &out->reward_std, err);
        }
    }
    return status;
}

rw_status rw_config_parse(const struct rw_json *root, struct rw_config *out, struct rw_error *err)
{
    static rw_status (*const STEP[])(const struct rw_json *, struct rw_config *,
                                     struct rw_error *) = {
        parse_family, parse_shapes, parse_rope, parse_window,
        parse_biases, parse_labels, parse_ids,  parse_value_model,
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
    return check_switches(root, err);
}
