#include "core/model/config_keys.h"

#include <stdio.h>

#include "core/base/util.h"

enum {
    LLAMA = 1 << RW_BACKBONE_LLAMA,
    MISTRAL = 1 << RW_BACKBONE_MISTRAL,
    QWEN2 = 1 << RW_BACKBONE_QWEN2,
    QWEN3 = 1 << RW_BACKBONE_QWEN3,
    INTERNLM2 = 1 << RW_BACKBONE_INTERNLM2,
    QWEN = QWEN2 | QWEN3,
    ALL = LLAMA | MISTRAL | QWEN | INTERNLM2,
    STOCK = LLAMA | MISTRAL | QWEN, /* classes inside transformers */
};

/* Values that change nothing, written as in JSON with '|' between them; absence always is one.
 * READ: config.c implements every value, or refuses it itself. */
#define READ NULL

struct key {
    const char *name;
    const char *neutral;
    unsigned classes; /* that read it; the others ignore it */
};

static const struct key KEY[] = {
    /* shapes */
    {"architectures", READ, ALL},
    {"model_type", READ, ALL},
    {"hidden_size", READ, ALL},
    {"intermediate_size", READ, ALL},
    {"num_hidden_layers", READ, ALL},
    {"num_attention_heads", READ, ALL},
    {"num_key_value_heads", READ, ALL},
    {"head_dim", READ, STOCK},
    {"vocab_size", READ, ALL},
    {"max_position_embeddings", READ, ALL},
    {"rms_norm_eps", READ, ALL},
    {"tie_word_embeddings", READ, ALL},
    /* position codes; core/model/config_position.c */
    {"rope_theta", READ, ALL},
    {"rope_scaling", READ, ALL},
    {"rope_parameters", READ, STOCK},
    {"original_max_position_embeddings", READ, STOCK},
    {"partial_rotary_factor", "1|1.0|null", STOCK},
    /* attention */
    {"sliding_window", READ, MISTRAL | QWEN},
    {"layer_types", READ, MISTRAL | QWEN},
    {"use_sliding_window", READ, QWEN},
    {"max_window_layers", READ, QWEN},
    {"attention_bias", READ, LLAMA | QWEN3},
    {"mlp_bias", READ, LLAMA},
    {"bias", READ, INTERNLM2},
    {"is_causal", "true", STOCK},           /* null counts as false */
    {"per_layer_config", "{}|null", STOCK}, /* layers that differ from the others */
    /* arithmetic */
    {"hidden_act", "\"silu\"|\"swish\"|null", ALL},
    {"quantization_config", "null", ALL},
    {"quantization", "null", ALL}, /* MLX */
    {"pruned_heads", "{}|null", STOCK},
    /* heads */
    {"id2label", READ, ALL},
    {"num_labels", READ, ALL},
    {"token_classification_bias", "true", STOCK},
    {"value_head_prefix", READ, ALL},
    {"normalize_reward", READ, ALL},
    {"mean", READ, ALL},
    {"std", READ, ALL},
    /* tokens */
    {"bos_token_id", READ, ALL},
    {"eos_token_id", READ, ALL},
    {"pad_token_id", READ, ALL},
    {"reward_token_id", READ, ALL},
};

/* Read by no forward pass of a prefill: training, generation, saving, book-keeping, and switches of
 * other families that the stock classes carry along unread. */
static const char *const INERT[] = {
    "_attn_implementation",
    "_attn_implementation_autoset",
    "_attn_implementation_internal",
    "_commit_hash",
    "_experts_implementation_internal",
    "_flash_attn_2_enabled",
    "_name_or_path",
    "add_cross_attention",
    "attention_dropout",
    "attn_implementation",
    "attn_pdrop",
    "auto_map",
    "bad_words_ids",
    "begin_suppress_tokens",
    "chunk_size_feed_forward",
    "classifier_dropout",
    "cross_attention_hidden_size",
    "decoder_start_token_id",
    "diversity_penalty",
    "do_sample",
    "dtype",
    "early_stopping",
    "embd_pdrop",
    "encoder_no_repeat_ngram_size",
    "experts_implementation",
    "exponential_decay_length_penalty",
    "finetuning_task",
    "forced_bos_token_id",
    "forced_eos_token_id",
    "gradient_checkpointing",
    "hidden_dropout",
    "initializer_range",
    "is_decoder",
    "is_encoder_decoder",
    "label2id",
    "length_penalty",
    "max_length",
    "min_length",
    "name_or_path",
    "no_repeat_ngram_size",
    "num_beam_groups",
    "num_beams",
    "num_return_sequences",
    "output_attentions",
    "output_hidden_states",
    "output_scores",
    "prefix",
    "pretraining_tp",
    "problem_type",
    "remove_invalid_values",
    "repetition_penalty",
    "resid_pdrop",
    "return_dict",
    "return_dict_in_generate",
    "sep_token_id",
    "suppress_tokens",
    "task_specific_params",
    "temperature",
    "tf_legacy_loss",
    "tie_encoder_decoder",
    "tie_last_hidden_states",
    "tokenizer_class",
    "top_k",
    "top_p",
    "torch_dtype",
    "torchscript",
    "transformers_version",
    "typical_p",
    "unsloth_fixed",
    "unsloth_version",
    "use_bfloat16",
    "use_cache",
};

static const struct key *find(struct rw_str name)
{
    for (size_t i = 0; i < RW_COUNT(KEY); i++) {
        if (rw_str_is(name, KEY[i].name)) {
            return &KEY[i];
        }
    }
    return NULL;
}

static bool is_known(enum rw_backbone backbone, bool own_code, struct rw_str key)
{
    const struct key *found = find(key);
    if (found != NULL) {
        return (found->classes & (1u << backbone)) != 0 || !own_code;
    }
    for (size_t i = 0; i < RW_COUNT(INERT); i++) {
        if (rw_str_is(key, INERT[i])) {
            return true;
        }
    }
    return false;
}

/* The literal of a scalar as it is written in the table; "{}" of an empty object. */
static bool is_literal(const struct rw_json *value, struct rw_str literal)
{
    switch (value->type) {
    case RW_JSON_TRUE:
        return rw_str_is(literal, "true");
    case RW_JSON_FALSE:
        return rw_str_is(literal, "false");
    case RW_JSON_NUMBER:
        return rw_str_equal(value->text, literal);
    case RW_JSON_STRING:
        return literal.len == value->text.len + 2 && literal.ptr[0] == '"' &&
               rw_str_equal(value->text, rw_str_slice(literal, 1, literal.len - 1));
    case RW_JSON_OBJECT:
        return value->count == 0 && rw_str_is(literal, "{}");
    case RW_JSON_NULL:
        return rw_str_is(literal, "null");
    case RW_JSON_ARRAY:
        break;
    }
    return false;
}

static bool is_neutral(const struct rw_json *value, const char *neutral)
{
    struct rw_str all = rw_str_from(neutral);
    for (size_t at = 0; at <= all.len;) {
        size_t end = rw_str_find(all, RW_STR("|"), at);
        if (is_literal(value, rw_str_slice(all, at, end))) {
            return true;
        }
        at = end + 1;
    }
    return false;
}

static rw_status refuse_quantised(const struct rw_json *item, struct rw_error *err)
{
    static const struct {
        const char *method; /* quant_method */
        const char *name;
    } NAME[] = {{"fp8", "FP8"},         {"fbgemm_fp8", "FP8"},
                {"gptq", "GPTQ"},       {"awq", "AWQ"},
                {"mxfp4", "MXFP4"},     {"hqq", "HQQ"},
                {"aqlm", "AQLM"},       {"gguf", "GGUF"},
                {"torchao", "torchao"}, {"compressed-tensors", "compressed (compressed-tensors)"},
                {"quanto", "quanto"},   {"bitsandbytes", "bitsandbytes"}};
    const struct rw_json *method = rw_json_get(item, "quant_method");
    bool said = method != NULL && method->type == RW_JSON_STRING;
    bool mlx =
        !said && rw_json_get(item, "group_size") != NULL && rw_json_get(item, "bits") != NULL;
    struct rw_str name = said ? method->text : mlx ? RW_STR("MLX") : RW_STR("quantised");
    for (size_t i = 0; said && i < RW_COUNT(NAME); i++) {
        if (rw_str_is(method->text, NAME[i].method)) {
            name = rw_str_from(NAME[i].name);
        }
    }
    rw_fail(err, RW_MODEL_UNSUPPORTED, "config.json: %.*s says that the weights are %.*s",
            RW_STR_ARG(item->key), (int)RW_MIN(name.len, (size_t)60), name.ptr);
    rw_error_param(err, "%.*s", RW_STR_ARG(item->key));
    rw_error_hint(err,
                  "use the original checkpoint (BF16, F16 or F32); dtype=int8 or dtype=q4 makes "
                  "a smaller copy of it in memory");
    return RW_MODEL_UNSUPPORTED;
}

static rw_status refuse(const struct rw_json *item, const struct key *key, struct rw_error *err)
{
    if (rw_str_starts(item->key, RW_STR("quantization"))) {
        return refuse_quantised(item, err);
    }
    struct rw_str text = item->type == RW_JSON_STRING   ? item->text
                         : item->type == RW_JSON_NUMBER ? item->text
                         : item->type == RW_JSON_TRUE   ? RW_STR("true")
                         : item->type == RW_JSON_FALSE  ? RW_STR("false")
                         : item->type == RW_JSON_NULL   ? RW_STR("null")
                                                        : RW_STR("an object or a list");
    rw_fail(err, RW_MODEL_UNSUPPORTED, "config.json: %s \"%.*s\" is not supported", key->name,
            RW_STR_ARG(text));
    rw_error_param(err, "%s", key->name);
    rw_error_hint(err, "supported: %s", key->neutral);
    return RW_MODEL_UNSUPPORTED;
}

rw_status rw_config_keys_check(const struct rw_json *root, enum rw_backbone backbone,
                               struct rw_error *err)
{
    RW_JSON_EACH (item, root) {
        const struct key *key = find(item->key);
        if (key != NULL && key->neutral != READ && (key->classes & (1u << backbone)) != 0 &&
            !is_neutral(item, key->neutral)) {
            return refuse(item, key, err);
        }
    }
    return RW_OK;
}

static bool is_vouched(const struct rw_json *vouched, struct rw_str key)
{
    RW_JSON_EACH (item, vouched) {
        if (item->type == RW_JSON_STRING && rw_str_equal(item->text, key)) {
            return true;
        }
    }
    return false;
}

rw_status rw_config_keys_unknown(const struct rw_json *root, const struct rw_config *config,
                                 const struct rw_json *vouched, char unknown[RW_UNKNOWN_KEYS_MAX],
                                 struct rw_error *err)
{
    size_t used = 0;
    unknown[0] = '\0';
    RW_JSON_EACH (item, root) {
        if (is_known(config->backbone, config->own_code, item->key) ||
            is_vouched(vouched, item->key)) {
            continue;
        }
        if (config->own_code) {
            rw_fail(
                err, RW_MODEL_UNSUPPORTED,
                "config.json: the folder's own code (auto_map) may compute with \"%.*s\", which is "
                "not known to us",
                RW_STR_ARG(item->key));
            rw_error_param(err, "%.*s", RW_STR_ARG(item->key));
            rw_error_hint(err, "if it changes no score, say so in rewardd.json: "
                               "{\"rewardd\":1,\"ignore_config\":[\"...\"]}");
            return RW_MODEL_UNSUPPORTED;
        }
        int n = snprintf(unknown + used, RW_UNKNOWN_KEYS_MAX - used, "%s%.*s", used > 0 ? " " : "",
                         RW_STR_ARG(item->key));
        used = RW_MIN(used + (n > 0 ? (size_t)n : 0), (size_t)RW_UNKNOWN_KEYS_MAX - 1);
    }
    return RW_OK;
}
