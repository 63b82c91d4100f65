/* What config.json says of positions: rotary frequencies, and which keys a query sees. */
#include <math.h>

#include "core/base/util.h"
#include "core/model/config_parts.h"

enum {
    MISTRAL_WINDOW = 4096, /* defaults of the reference's configuration classes */
    QWEN_FULL_LAYERS = 28,
};

/* ---- rotary frequencies ---------------------------------------------------------------------- */

/* The original context may stand outside, where it wins, and is the context when it stands nowhere
 * (transformers 5, standardize_rope_params). */
static rw_status parse_llama3(const struct rw_json *root, const struct rw_json *scaling,
                              struct rw_config *out, struct rw_error *err)
{
    static const char ORIGINAL[] = "original_max_position_embeddings";
    struct rw_rope *rope = &out->rope;
    const struct rw_json *at = rw_config_member(root, ORIGINAL) != NULL ? root : scaling;
    rw_status status =
        rw_config_number(scaling, "low_freq_factor", 1e-3, 1e6, NAN, &rope->low_freq_factor, err);
    if (status == RW_OK) {
        status = rw_config_number(scaling, "high_freq_factor", 1e-3, 1e6, NAN,
                                  &rope->high_freq_factor, err);
    }
    if (status == RW_OK) {
        status = rw_config_u32(at, ORIGINAL, 1, RW_CONFIG_CONTEXT_MAX, out->context_max,
                               &rope->original_context, err);
    }
    if (status == RW_OK && !(rope->high_freq_factor > rope->low_freq_factor)) {
        status = rw_config_bad(err, "high_freq_factor", "greater than low_freq_factor");
    }
    return status;
}

static rw_status parse_scaling(const struct rw_json *root, const struct rw_json *scaling,
                               struct rw_config *out, struct rw_error *err)
{
    static const char *const NAME[] = {"default", "linear", "dynamic", "llama3"};
    const struct rw_json *type = rw_config_member(scaling, "rope_type");
    type = type != NULL ? type : rw_config_member(scaling, "type");
    if (type == NULL) {
        return RW_OK;
    }
    size_t i = 0;
    while (i < RW_COUNT(NAME) && !rw_json_is_string(type, NAME[i])) {
        i++;
    }
    if (i == RW_COUNT(NAME)) {
        bool v4 = scaling == rw_config_member(root, "rope_scaling");
        return rw_config_unsupported(err, v4 ? "rope_scaling" : "rope_parameters", type->text,
                                     "supported: default, linear, dynamic (inside the original "
                                     "context), llama3");
    }
    struct rw_rope *rope = &out->rope;
    rope->type = (enum rw_rope_type)i;
    if (rope->type == RW_ROPE_DEFAULT) {
        return RW_OK;
    }
    rw_status status = rw_config_number(scaling, "factor", 1.0, 1e6, NAN, &rope->factor, err);
    if (status == RW_OK && rope->type == RW_ROPE_LLAMA3) {
        status = parse_llama3(root, scaling, out, err);
    }
    if (status == RW_OK && rope->type == RW_ROPE_DYNAMIC) {
        status =
            rw_config_u32(scaling, "original_max_position_embeddings", 1, RW_CONFIG_CONTEXT_MAX,
                          out->context_max, &rope->original_context, err);
        out->context_max = RW_MIN(rope->original_context, out->context_max);
    }
    return status;
}

/* Frequencies of their own for each layer type are another model. */
static rw_status refuse_nested(const struct rw_json *parameters, const char *name,
                               struct rw_error *err)
{
    RW_JSON_EACH (item, parameters) {
        if (item->type == RW_JSON_OBJECT) {
            return rw_config_unsupported(err, name, item->key,
                                         "supported: the same frequencies in all layers");
        }
    }
    return RW_OK;
}

/* transformers 4: rope_theta and rope_scaling; transformers 5: both inside rope_parameters. Where
 * both stand, transformers 5 takes rope_scaling whole, and rope_theta only from it or from outside:
 * modeling_rope_utils.py, convert_rope_params_to_dict. */
rw_status rw_config_parse_rope(const struct rw_json *root, struct rw_config *out,
                               struct rw_error *err)
{
    out->rope.type = RW_ROPE_DEFAULT;
    out->rope.factor = 1.0;
    const struct rw_json *scaling = rw_config_member(root, "rope_scaling");
    const struct rw_json *parameters = rw_config_member(root, "rope_parameters");
    bool own_code = out->backbone == RW_BACKBONE_INTERNLM2; /* knows rope_scaling only */
    if (own_code || (scaling != NULL && scaling->count > 0)) {
        parameters = scaling;
    }
    const char *name = parameters == scaling ? "rope_scaling" : "rope_parameters";
    if (parameters != NULL && parameters->type != RW_JSON_OBJECT) {
        return rw_config_bad(err, name, "an object");
    }
    const struct rw_json *theta_of =
        rw_config_member(parameters, "rope_theta") != NULL && !own_code ? parameters : root;
    rw_status status =
        rw_config_number(theta_of, "rope_theta", 1.0, 1e12, 10000.0, &out->rope.theta, err);
    if (status == RW_OK) {
        status = refuse_nested(parameters, name, err);
    }
    if (status != RW_OK) {
        return status;
    }
    const struct rw_json *partial = rw_config_member(parameters, "partial_rotary_factor");
    if (partial != NULL && partial->number != 1.0) {
        return rw_config_unsupported(err, "partial_rotary_factor", partial->text, "supported: 1");
    }
    return parse_scaling(root, parameters, out, err);
}

/* ---- windows --------------------------------------------------------------------------------- */

/* Layers that see everything first, then sliding ones: what a window with a first layer says. */
static rw_status parse_layer_types(const struct rw_json *types, struct rw_config *out,
                                   struct rw_error *err)
{
    uint32_t layer = 0;
    uint32_t full = 0;
    RW_JSON_EACH (item, types) {
        if (rw_json_is_string(item, "full_attention") && full == layer) {
            full++;
        } else if (!rw_json_is_string(item, "sliding_attention")) {
            return rw_config_unsupported(
                err, "layer_types", item->text,
                "supported: full_attention layers, then sliding_attention layers");
        }
        layer++;
    }
    if (layer != out->layers) {
        return rw_config_bad(err, "layer_types", "as long as num_hidden_layers");
    }
    if (full < layer && out->window == 0) {
        return rw_config_bad(err, "sliding_window", "set, while layer_types has sliding layers");
    }
    out->window_from_layer = full;
    return RW_OK;
}

/* Mistral slides in every layer, and its class does not read layer_types; AutoModel makes another
 * class of a folder that has them. Both agree only when the types say what the window says. */
static rw_status check_mistral_types(const struct rw_config *config, struct rw_error *err)
{
    if (config->window != 0 && config->window_from_layer != 0) {
        return rw_config_unsupported(
            err, "layer_types", RW_STR("full_attention"),
            "a Mistral with sliding_window slides in every layer, whatever "
            "layer_types says; set sliding_window to null, or remove "
            "layer_types");
    }
    return RW_OK;
}

static rw_status read_window(const struct rw_json *root, bool qwen, struct rw_config *out,
                             struct rw_error *err)
{
    bool use = true;
    rw_status status = qwen ? rw_config_bool(root, "use_sliding_window", false, &use, err) : RW_OK;
    /* An absent key is the class default, an explicit null means no window. */
    const struct rw_json *value = rw_json_get(root, "sliding_window");
    use = use && (value == NULL || value->type != RW_JSON_NULL);
    if (status != RW_OK || !use) {
        return status;
    }
    status = rw_config_u32(root, "sliding_window", 1, RW_CONFIG_CONTEXT_MAX, MISTRAL_WINDOW,
                           &out->window, err);
    uint64_t full = 0;
    const struct rw_json *layers = qwen ? rw_config_member(root, "max_window_layers") : NULL;
    if (status == RW_OK && layers != NULL && !rw_json_u64(layers, &full)) {
        return rw_config_bad(err, "max_window_layers", "an integer");
    }
    full = qwen && layers == NULL ? QWEN_FULL_LAYERS : full;
    out->window_from_layer = full < out->layers ? (uint32_t)full : out->layers;
    return status;
}

rw_status rw_config_parse_window(const struct rw_json *root, struct rw_config *out,
                                 struct rw_error *err)
{
    bool qwen = out->backbone == RW_BACKBONE_QWEN2 || out->backbone == RW_BACKBONE_QWEN3;
    if (!qwen && out->backbone != RW_BACKBONE_MISTRAL) {
        return RW_OK;
    }
    rw_status status = read_window(root, qwen, out, err);
    const struct rw_json *types = rw_config_member(root, "layer_types");
    if (status == RW_OK && types != NULL) {
        status = parse_layer_types(types, out, err);
        if (status == RW_OK && !qwen) {
            status = check_mistral_types(out, err);
        }
    }
    if (status == RW_OK && out->window_from_layer == out->layers) {
        out->window = 0;
    }
    return status;
}
