#include "core/model/binding.h"

#include <stdio.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/kernels/kernels.h"

enum {
    BINDINGS_PER_LAYER_MAX = 20,
    BINDINGS_GLOBAL_MAX = 8,
};

struct maker {
    const struct rw_config *config;
    const struct rw_recipe *recipe;
    const struct rw_checkpoint *checkpoint;
    bool language;
    struct rw_bindings *out;
    uint32_t capacity;
    struct rw_error *err;
    uint32_t first; /* layer of the checkpoint that is layer 0 of the weights */
};

/* One tensor of a layer or of the model; `bias` is bound when `has_bias` says so. */
struct wish {
    enum rw_target target;
    enum rw_row_map map;
    uint32_t layer;
    uint32_t offset;
    uint32_t rows; /* 0: a vector of cols elements */
    uint32_t cols;
};

static rw_status check_shape(const struct maker *m, const struct rw_tensor *t, const struct wish *w)
{
    bool is_vector = w->rows == 0;
    bool fits = is_vector ? t->dims == 1 && t->shape[0] == w->cols
                          : t->dims == 2 && t->shape[0] == w->rows && t->shape[1] == w->cols;
    if (fits) {
        return RW_OK;
    }
    if (is_vector) {
        return rw_fail(m->err, RW_MODEL_CORRUPT,
                       "tensor %.*s has %u dimensions, first %llu; config.json says [%u]",
                       RW_STR_ARG(t->name), t->dims, (unsigned long long)t->shape[0], w->cols);
    }
    return rw_fail(m->err, RW_MODEL_CORRUPT,
                   "tensor %.*s has %u dimensions, [%llu, %llu]; config.json says [%u, %u]",
                   RW_STR_ARG(t->name), t->dims, (unsigned long long)t->shape[0],
                   (unsigned long long)t->shape[1], w->rows, w->cols);
}

static bool is_linear(enum rw_target target)
{
    return target == RW_TARGET_QKV || target == RW_TARGET_O || target == RW_TARGET_GATE_UP ||
           target == RW_TARGET_DOWN;
}

static rw_status bind(struct maker *m, const char *name, const struct wish *w)
{
    const struct rw_tensor *tensor = rw_checkpoint_find(m->checkpoint, name);
    if (tensor == NULL) {
        return rw_fail(m->err, RW_MODEL_CORRUPT, "tensor %s is missing", name);
    }
    if (tensor->type == RW_TENSOR_OTHER) {
        rw_fail(m->err, RW_MODEL_UNSUPPORTED, "tensor %s is stored in an unsupported type", name);
        rw_error_hint(m->err, "supported: F32, F16, BF16");
        return RW_MODEL_UNSUPPORTED;
    }
    rw_status status = check_shape(m, tensor, w);
    if (status != RW_OK) {
        return status;
    }
    rw_assert(m->out->count < m->capacity);
    m->out->items[m->out->count++] = (struct rw_binding){
        .tensor = tensor,
        .target = w->target,
        .map = w->map,
        .layer = w->layer,
        .offset = w->offset,
        .rows = w->rows > 0 ? w->rows : 1,
        .cols = w->cols,
    };
    m->out->stored_bytes += tensor->bytes;
    if (is_linear(w->target) && tensor->type != RW_TENSOR_BF16) {
        m->out->linears_bf16 = false;
    }
    if (w->target == RW_TARGET_EMBED) {
        m->out->embed_bf16 = tensor->type == RW_TENSOR_BF16;
    }
    return RW_OK;
}

/* "<prefix><layer>.<name>.weight", and its bias when the config has one. */
static rw_status bind_linear(struct maker *m, const char *name, const struct wish *w, bool bias)
{
    char full[RW_TENSOR_NAME_MAX];
    snprintf(full, sizeof full, "model.layers.%u.%s.weight", m->first + w->layer, name);
    rw_status status = bind(m, full, w);
    if (status != RW_OK || !bias) {
        return status;
    }
    struct wish of_bias = *w;
    of_bias.target = (enum rw_target)(w->target + 1);
    of_bias.rows = 0;
    of_bias.cols = w->rows;
    snprintf(full, sizeof full, "model.layers.%u.%s.bias", m->first + w->layer, name);
    return bind(m, full, &of_bias);
}

static rw_status bind_vector(struct maker *m, uint32_t layer, const char *name,
                             enum rw_target target, uint32_t n)
{
    char full[RW_TENSOR_NAME_MAX];
    snprintf(full, sizeof full, "model.layers.%u.%s.weight", m->first + layer, name);
    return bind(m, full, &(struct wish){.target = target, .layer = layer, .cols = n});
}

struct layer_names {
    const char *attn_norm, *mlp_norm, *q, *k, *v, *wqkv, *o, *gate, *up, *down;
};

static const struct layer_names NAMES_LLAMA = {
    "input_layernorm",  "post_attention_layernorm",
    "self_attn.q_proj", "self_attn.k_proj",
    "self_attn.v_proj", NULL,
    "self_attn.o_proj", "mlp.gate_proj",
    "mlp.up_proj",      "mlp.down_proj",
};

static const struct layer_names NAMES_INTERNLM2 = {
    "attention_norm",
    "ffn_norm",
    NULL,
    NULL,
    NULL,
    "attention.wqkv",
    "attention.wo",
    "feed_forward.w1",
    "feed_forward.w3",
    "feed_forward.w2",
};

static rw_status bind_attention(struct maker *m, uint32_t l, const struct layer_names *n)
{
    const struct rw_config *c = m->config;
    uint32_t q = c->heads * c->head_dim, kv = c->kv_heads * c->head_dim;
    if (n->wqkv != NULL) {
        struct wish all = {RW_TARGET_QKV, RW_ROWS_WQKV, l, 0, q + 2 * kv, c->hidden};
        return bind_linear(m, n->wqkv, &all, c->qkv_bias);
    }
    const char *names[3] = {n->q, n->k, n->v};
    const uint32_t offsets[3] = {0, q, q + kv};
    const uint32_t rows[3] = {q, kv, kv};
    rw_status status = RW_OK;
    for (int i = 0; i < 3 && status == RW_OK; i++) {
        struct wish w = {RW_TARGET_QKV, RW_ROWS_OFFSET, l, offsets[i], rows[i], c->hidden};
        status = bind_linear(m, names[i], &w, c->qkv_bias);
    }
    if (status == RW_OK && c->qk_norm) {
        status = bind_vector(m, l, "self_attn.q_norm", RW_TARGET_Q_NORM, c->head_dim);
    }
    if (status == RW_OK && c->qk_norm) {
        status = bind_vector(m, l, "self_attn.k_norm", RW_TARGET_K_NORM, c->head_dim);
    }
    return status;
}

static rw_status bind_layer(struct maker *m, uint32_t l, const struct layer_names *n)
{
    const struct rw_config *c = m->config;
    struct wish o = {RW_TARGET_O, RW_ROWS_OFFSET, l, 0, c->hidden, c->heads * c->head_dim};
    struct wish gate = {RW_TARGET_GATE_UP, RW_ROWS_GATE, l, 0, c->intermediate, c->hidden};
    struct wish up = {RW_TARGET_GATE_UP, RW_ROWS_UP, l, 0, c->intermediate, c->hidden};
    struct wish down = {RW_TARGET_DOWN, RW_ROWS_OFFSET, l, 0, c->hidden, c->intermediate};
    rw_status status = bind_vector(m, l, n->attn_norm, RW_TARGET_ATTN_NORM, c->hidden);
    if (status == RW_OK) {
        status = bind_vector(m, l, n->mlp_norm, RW_TARGET_MLP_NORM, c->hidden);
    }
    if (status == RW_OK) {
        status = bind_attention(m, l, n);
    }
    if (status == RW_OK) {
        status = bind_linear(m, n->o, &o, c->o_bias);
    }
    if (status == RW_OK) {
        status = bind_linear(m, n->gate, &gate, c->mlp_bias);
    }
    if (status == RW_OK) {
        status = bind_linear(m, n->up, &up, c->mlp_bias);
    }
    if (status == RW_OK) {
        status = bind_linear(m, n->down, &down, c->mlp_bias);
    }
    return status;
}

static const char *embedding_name(const struct rw_config *config)
{
    return config->backbone == RW_BACKBONE_INTERNLM2 ? "model.tok_embeddings.weight"
                                                     : "model.embed_tokens.weight";
}

/* The rows of the vocabulary a head reads: they must exist, the others are not touched. */
static rw_status check_lm_rows(const struct maker *m)
{
    const struct rw_head_spec *head = &m->recipe->head;
    for (uint32_t i = 0; i < head->n_out; i++) {
        if (head->rows[i] < 0 || (uint32_t)head->rows[i] >= m->config->vocab) {
            return rw_fail(m->err, RW_MODEL_CORRUPT,
                           "the head reads vocabulary row %d, the model has %u", head->rows[i],
                           m->config->vocab);
        }
    }
    return RW_OK;
}

static rw_status bind_head_vector(struct maker *m, const char *name, enum rw_target target,
                                  uint32_t n)
{
    if (name[0] == '\0') {
        return RW_OK;
    }
    return bind(m, name, &(struct wish){.target = target, .cols = n});
}

static rw_status bind_head(struct maker *m)
{
    const struct rw_head_spec *head = &m->recipe->head;
    uint32_t hidden = m->config->hidden;
    if (head->n_out == 0 || head->n_out > RW_HEAD_OUT_MAX) {
        return rw_fail(m->err, RW_MODEL_UNSUPPORTED, "a head of %u outputs (1 to %d are supported)",
                       head->n_out, RW_HEAD_OUT_MAX);
    }
    if (head->type == RW_HEAD_LM_ROWS) {
        struct wish w = {RW_TARGET_HEAD_W, RW_ROWS_PICK, 0, 0, m->config->vocab, hidden};
        rw_status status = check_lm_rows(m);
        return status != RW_OK ? status : bind(m, head->weight, &w);
    }
    bool mlp = head->type == RW_HEAD_MLP_RELU;
    uint32_t first = mlp ? hidden : head->n_out;
    struct wish w = {RW_TARGET_HEAD_W, RW_ROWS_OFFSET, 0, 0, first, hidden};
    struct wish w_out = {RW_TARGET_HEAD_W_OUT, RW_ROWS_OFFSET, 0, 0, head->n_out, hidden};
    rw_status status = bind(m, head->weight, &w);
    if (status == RW_OK) {
        status = bind_head_vector(m, head->bias, RW_TARGET_HEAD_B, first);
    }
    if (status == RW_OK && mlp) {
        status = bind(m, head->out_weight, &w_out);
    }
    if (status == RW_OK && mlp) {
        status = bind_head_vector(m, head->out_bias, RW_TARGET_HEAD_B_OUT, head->n_out);
    }
    return status;
}

const char *rw_binding_language(const struct rw_config *config, const struct rw_recipe *recipe,
                                const struct rw_checkpoint *checkpoint)
{
    bool internlm2 = config->backbone == RW_BACKBONE_INTERNLM2;
    if (recipe->head.type == RW_HEAD_LM_ROWS) {
        return recipe->head.weight;
    }
    if (config->tied_embeddings) {
        bool causal = strstr(config->architecture, "ForCausalLM") != NULL;
        return causal ? embedding_name(config) : NULL;
    }
    const char *own = internlm2 ? "output.weight" : "lm_head.weight";
    return rw_checkpoint_find(checkpoint, own) != NULL ? own : NULL;
}

static rw_status bind_language(struct maker *m)
{
    const struct rw_config *c = m->config;
    const char *name = rw_binding_language(c, m->recipe, m->checkpoint);
    if (!m->language) {
        return RW_OK;
    }
    if (name == NULL) {
        rw_fail(m->err, RW_MODEL_UNSUPPORTED, "the checkpoint has no language head");
        rw_error_hint(m->err, "language_head=true needs lm_head.weight, or the tied embeddings of "
                              "a causal language model");
        return RW_MODEL_UNSUPPORTED;
    }
    struct wish w = {RW_TARGET_LANGUAGE, RW_ROWS_OFFSET, 0, 0, c->vocab, c->hidden};
    return bind(m, name, &w);
}

static rw_status bind_all(struct maker *m)
{
    const struct rw_config *c = m->config;
    bool internlm2 = c->backbone == RW_BACKBONE_INTERNLM2;
    const struct layer_names *names = internlm2 ? &NAMES_INTERNLM2 : &NAMES_LLAMA;
    struct wish embed = {RW_TARGET_EMBED, RW_ROWS_OFFSET, 0, 0, c->vocab, c->hidden};
    rw_status status = bind(m, embedding_name(c), &embed);
    for (uint32_t l = 0; l < c->layers && status == RW_OK; l++) {
        status = bind_layer(m, l, names);
    }
    if (status == RW_OK) {
        struct wish norm = {.target = RW_TARGET_FINAL_NORM, .cols = c->hidden};
        status = bind(m, "model.norm.weight", &norm);
    }
    if (status == RW_OK) {
        status = bind_head(m);
    }
    return status == RW_OK ? bind_language(m) : status;
}

rw_status rw_bindings_make(const struct rw_config *config, const struct rw_recipe *recipe,
                           const struct rw_checkpoint *checkpoint, bool language,
                           struct rw_arena *arena, struct rw_bindings *out, struct rw_error *err)
{
    struct maker m = {config, recipe, checkpoint, language, out, 0, err, 0};
    m.capacity = config->layers * BINDINGS_PER_LAYER_MAX + BINDINGS_GLOBAL_MAX;
    *out = (struct rw_bindings){.linears_bf16 = true};
    out->items = rw_arena_array(arena, m.capacity, sizeof *out->items);
    if (out->items == NULL) {
        return rw_fail(err, RW_NO_MEMORY, "list of %u tensors", m.capacity);
    }
    return bind_all(&m);
}

rw_status rw_bindings_make_layer(const struct rw_config *config,
                                 const struct rw_checkpoint *checkpoint, uint32_t layer,
                                 struct rw_arena *arena, struct rw_bindings *out,
                                 struct rw_error *err)
{
    struct maker m = {config, NULL, checkpoint, false, out, BINDINGS_PER_LAYER_MAX, err, layer};
    bool internlm2 = config->backbone == RW_BACKBONE_INTERNLM2;
    *out = (struct rw_bindings){.linears_bf16 = true};
    out->items = rw_arena_array(arena, m.capacity, sizeof *out->items);
    if (out->items == NULL) {
        return rw_fail(err, RW_NO_MEMORY, "list of %u tensors", m.capacity);
    }
    return bind_layer(&m, 0, internlm2 ? &NAMES_INTERNLM2 : &NAMES_LLAMA);
}

const char *rw_binding_embedding(const struct rw_config *config)
{
    return embedding_name(config);
}

/* InternLM2 stores per KV head: group query heads, one key head, one value head, each head_dim
 * rows. Source: modeling_internlm2.py, the rearrange of qkv_states. */
static uint32_t wqkv_row(const struct rw_config *c, uint32_t r)
{
    uint32_t group = c->heads / c->kv_heads;
    uint32_t span = (group + 2) * c->head_dim;
    uint32_t kv = r / span, in = r % span;
    if (in < group * c->head_dim) {
        return kv * group * c->head_dim + in;
    }
    in -= group * c->head_dim;
    bool is_value = in >= c->head_dim;
    uint32_t base = (c->heads + (is_value ? c->kv_heads : 0)) * c->head_dim;
    return base + kv * c->head_dim + in % c->head_dim;
}

uint32_t rw_binding_row(const struct rw_binding *binding, const struct rw_config *config,
                        uint32_t r)
{
    switch (binding->map) {
    case RW_ROWS_GATE:
        return rw_swiglu_row(r, false);
    case RW_ROWS_UP:
        return rw_swiglu_row(r, true);
    case RW_ROWS_WQKV:
        return wqkv_row(config, r);
    case RW_ROWS_OFFSET:
    case RW_ROWS_PICK:
        break;
    }
    return binding->offset + r;
}
