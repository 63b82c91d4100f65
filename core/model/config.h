/* What config.json says of a backbone: shapes and switches, checked before anything is allocated.
 *
 * Keys and families: core/MODEL.md. Both spellings of transformers 4
 * and 5 are read (rope_theta/rope_scaling and rope_parameters, torch_dtype and dtype). */
#ifndef RW_MODEL_CONFIG_H
#define RW_MODEL_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/status.h"
#include "core/base/str.h"
#include "core/io/json.h"
#include "core/kernels/kernels.h" /* RW_HEAD_DIM_MAX: what the attention kernel takes */

enum {
    RW_LAYERS_MAX = 256,
    RW_HIDDEN_MAX = 32768,
    RW_VOCAB_MAX = 1 << 20,
    RW_LABELS_MAX = 16,
    RW_ARCHITECTURE_MAX = 64, /* bytes */
};

enum rw_backbone {
    RW_BACKBONE_LLAMA,
    RW_BACKBONE_MISTRAL,
    RW_BACKBONE_QWEN2,
    RW_BACKBONE_QWEN3,
    RW_BACKBONE_INTERNLM2,
};

enum rw_rope_type {
    RW_ROPE_DEFAULT,
    RW_ROPE_LINEAR,  /* positions / factor */
    RW_ROPE_DYNAMIC, /* equals default up to the original context; longer is refused */
    RW_ROPE_LLAMA3,  /* frequency-dependent scaling of Llama 3.1 */
};

/* What a class's name in id2label says of it. */
enum rw_label_sense {
    RW_LABEL_PLAIN, /* no name, or LABEL_0, LABEL_1, ... */
    RW_LABEL_GOOD,  /* "correct", "positive", ... */
    RW_LABEL_BAD,   /* "incorrect", "negative", ... */
    RW_LABEL_OTHER,
};

struct rw_rope {
    enum rw_rope_type type;
    double theta;
    double factor;
    double low_freq_factor;
    double high_freq_factor;
    uint32_t original_context; /* tokens */
};

struct rw_config {
    char architecture[RW_ARCHITECTURE_MAX]; /* architectures[0] */
    enum rw_backbone backbone;
    uint32_t hidden;
    uint32_t intermediate;
    uint32_t layers;
    uint32_t heads;    /* query heads */
    uint32_t kv_heads; /* divides heads */
    uint32_t head_dim;
    uint32_t vocab;
    uint32_t context_max; /* max_position_embeddings, tokens */
    float rms_eps;
    struct rw_rope rope;
    bool qkv_bias;
    bool o_bias;
    bool mlp_bias;
    bool qk_norm;               /* Qwen3: RMSNorm over head_dim on q and k before RoPE */
    bool tied_embeddings;       /* lm_head is embed_tokens */
    uint32_t window;            /* keys a query sees, itself included; 0 = all */
    uint32_t window_from_layer; /* layers below see all keys */
    uint32_t labels;            /* num_labels / len(id2label); 0 = not said */
    enum rw_label_sense label_sense[RW_LABELS_MAX];
    bool own_code;  /* auto_map: the folder's class is code of its own */
    int32_t bos_id; /* -1 = none */
    int32_t eos_id;
    int32_t pad_id;
    int32_t reward_token_id; /* InternLM2: -1 = none */
    /* OpenRLHF value models: (r - mean) / std when normalize_reward is set */
    bool normalize_reward;
    double reward_mean;
    double reward_std;
    char value_head_prefix[64]; /* "score" unless the config says otherwise */
};

/* MODEL_UNSUPPORTED names what is missing and what is supported; MODEL_CORRUPT names the key. */
rw_status rw_config_parse(const struct rw_json *root, struct rw_config *out, struct rw_error *err);

enum {
    RW_UNKNOWN_KEYS_MAX = 256, /* bytes of the list */
};

/* Keys that the class of `config` is not known to read or to ignore, with spaces between them; cut
 * at the end. Code that a folder brings itself (auto_map) may give any meaning to such a key: then
 * MODEL_UNSUPPORTED names it, unless `vouched` (a list of names, or NULL) has it. */
rw_status rw_config_keys_unknown(const struct rw_json *root, const struct rw_config *config,
                                 const struct rw_json *vouched, char unknown[RW_UNKNOWN_KEYS_MAX],
                                 struct rw_error *err);

#endif
