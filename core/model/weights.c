#include "core/model/weights.h"

#include <string.h>

#include "core/base/alloc.h"
#include "core/base/assert.h"
#include "core/model/binding.h"
#include "core/model/carve.h"
#include "core/model/weights_fill.h"

enum {
    BINDING_LIST_BYTES_MAX = 4 << 20, /* RW_LAYERS_MAX layers of bindings */
};

static float *place_floats(struct rw_carve *carve, size_t n)
{
    return rw_carve(carve, n, sizeof(float));
}

static void place_linear(struct rw_carve *carve, struct rw_linear *linear, enum rw_dtype dtype,
                         uint32_t n_out, uint32_t n_in, bool bias)
{
    linear->dtype = dtype;
    linear->n_out = n_out;
    linear->n_in = n_in;
    linear->panels = (n_out + RW_PANEL - 1) / RW_PANEL;
    linear->k_padded = (n_in + RW_K_ALIGN - 1) / RW_K_ALIGN * RW_K_ALIGN;
    linear->packed = rw_carve(carve, 1, rw_linear_bytes(dtype, n_out, n_in));
    linear->bias = bias ? place_floats(carve, (size_t)linear->panels * RW_PANEL) : NULL;
}

/* q, k and v are one product, and so are gate and up: their input is read from memory once, and
 * three short products would each end in tiles that are not full. gate and up alternate by 32 rows,
 * so that the tile which has both can apply SwiGLU before anything is stored; hence the rounding to
 * 32 of each, times two. */
static void place_layer(struct rw_carve *carve, const struct rw_config *c, enum rw_dtype dtype,
                        struct rw_layer *layer)
{
    uint32_t q = c->heads * c->head_dim, kv = c->kv_heads * c->head_dim;
    uint32_t gate_up = (c->intermediate + 31) / 32 * 64;
    layer->attn_norm = place_floats(carve, c->hidden);
    layer->mlp_norm = place_floats(carve, c->hidden);
    layer->q_norm = c->qk_norm ? place_floats(carve, c->head_dim) : NULL;
    layer->k_norm = c->qk_norm ? place_floats(carve, c->head_dim) : NULL;
    place_linear(carve, &layer->qkv, dtype, q + 2 * kv, c->hidden, c->qkv_bias);
    place_linear(carve, &layer->o, dtype, c->hidden, q, c->o_bias);
    place_linear(carve, &layer->gate_up, dtype, gate_up, c->hidden, c->mlp_bias);
    place_linear(carve, &layer->down, dtype, c->hidden, c->intermediate, c->mlp_bias);
}

static void place_head(struct rw_carve *carve, const struct rw_head_spec *spec, uint32_t hidden,
                       struct rw_head *head)
{
    bool mlp = spec->type == RW_HEAD_MLP_RELU, lm = spec->type == RW_HEAD_LM_ROWS;
    uint32_t first = mlp ? hidden : spec->n_out;
    head->type = spec->type;
    head->hidden = hidden;
    head->n_out = spec->n_out;
    head->w = place_floats(carve, (size_t)first * hidden);
    head->b = !lm && spec->bias[0] != '\0' ? place_floats(carve, first) : NULL;
    head->w_out = mlp ? place_floats(carve, (size_t)spec->n_out * hidden) : NULL;
    head->b_out = mlp && spec->out_bias[0] != '\0' ? place_floats(carve, spec->n_out) : NULL;
}

/* The order of the block is the order of a pass, so that a pass reads memory forwards. It is walked
 * twice by `allocate`: once with no memory, to learn the size, and once to hand it out. What is
 * measured and what is used can then not come apart. */
static void place_all(struct rw_carve *carve, const struct rw_recipe *recipe, bool language,
                      struct rw_weights *w)
{
    const struct rw_config *c = &w->config;
    w->embed = rw_carve(carve, (size_t)c->vocab * c->hidden, rw_dtype_bytes(w->embed_dtype));
    for (uint32_t l = 0; l < c->layers; l++) {
        place_layer(carve, c, w->dtype, &w->layers[l]);
    }
    w->final_norm = place_floats(carve, c->hidden);
    place_head(carve, &recipe->head, c->hidden, &w->head);
    /* In the type of the values between products, never quantised: info_gain is a difference of two
     * log-probabilities, often far smaller than either. */
    if (language) {
        place_linear(carve, &w->language, rw_dtype_state(w->dtype), c->vocab, c->hidden, false);
    }
}

static rw_status allocate(struct rw_weights *w, const struct rw_recipe *recipe, bool language,
                          struct rw_error *err)
{
    w->layers = rw_alloc_zero(w->config.layers, sizeof *w->layers);
    if (w->layers == NULL) {
        return rw_fail(err, RW_NO_MEMORY, "list of layers");
    }
    struct rw_carve measure = {NULL, 0, false};
    place_all(&measure, recipe, language, w);
    w->memory = measure.overflow ? NULL : rw_alloc_large(measure.used);
    if (w->memory == NULL) {
        return rw_fail(err, RW_NO_MEMORY, "no memory for %zu bytes of weights", measure.used);
    }
    w->memory_bytes = measure.used;
    w->bytes = measure.used;
    struct rw_carve assign = {w->memory, 0, false};
    place_all(&assign, recipe, language, w);
    rw_assert(assign.used == measure.used);
    return RW_OK;
}

static enum rw_dtype choose_dtype(enum rw_weights_wish wish, const struct rw_bindings *bindings)
{
    switch (wish) {
    case RW_WISH_F32:
        return RW_DTYPE_F32;
    case RW_WISH_BF16:
        return RW_DTYPE_BF16;
    case RW_WISH_INT8:
        return RW_DTYPE_INT8;
    case RW_WISH_Q4:
        return RW_DTYPE_Q4;
    case RW_WISH_STORED:
        break;
    }
    /* FP16 files become float32: bfloat16 has three bits less of mantissa, and would round them. */
    return bindings->linears_bf16 ? RW_DTYPE_BF16 : RW_DTYPE_F32;
}

static rw_status build(const struct rw_weights_request *request, const struct rw_bindings *bindings,
                       struct rw_weights *w, struct rw_error *err)
{
    w->config = *request->config;
    w->dtype = choose_dtype(request->wish, bindings);
    w->embed_dtype = bindings->embed_bf16 ? RW_DTYPE_BF16 : RW_DTYPE_F32;
    rw_status status = allocate(w, request->recipe, request->language, err);
    if (status != RW_OK) {
        return status;
    }
    return rw_weights_fill(request, bindings, w, err);
}

rw_status rw_weights_load(const struct rw_weights_request *request, struct rw_weights **out,
                          struct rw_error *err)
{
    *out = NULL;
    struct rw_arena arena;
    struct rw_bindings bindings;
    rw_arena_init(&arena, BINDING_LIST_BYTES_MAX);
    rw_status status = rw_bindings_make(request->config, request->recipe, request->checkpoint,
                                        request->language, &arena, &bindings, err);
    struct rw_weights *w = NULL;
    if (status == RW_OK) {
        w = rw_alloc_zero(1, sizeof *w);
        status = w != NULL ? build(request, &bindings, w, err)
                           : rw_fail(err, RW_NO_MEMORY, "record of the weights");
    }
    rw_arena_fini(&arena);
    if (status != RW_OK) {
        rw_weights_free(w);
        return status;
    }
    *out = w;
    return RW_OK;
}

rw_status rw_weights_open_layer(const struct rw_weights_request *request, uint32_t rows,
                                struct rw_weights **out, struct rw_error *err)
{
    *out = NULL;
    struct rw_weights *w = rw_alloc_zero(1, sizeof *w);
    if (w == NULL) {
        return rw_fail(err, RW_NO_MEMORY, "record of the weights");
    }
    w->config = *request->config;
    w->config.layers = 1;
    w->config.vocab = rows;
    w->dtype = RW_DTYPE_BF16;
    w->embed_dtype = RW_DTYPE_F32;
    rw_status status = allocate(w, request->recipe, false, err);
    if (status != RW_OK) {
        rw_weights_free(w);
        return status;
    }
    *out = w;
    return RW_OK;
}

/* The layer is number 0 of weights that have one layer, so the window, which may begin at a later
 * one, is decided here by its number in the whole model. */
rw_status rw_weights_fill_layer(const struct rw_weights_request *request, uint32_t layer,
                                struct rw_weights *w, struct rw_error *err)
{
    struct rw_arena arena;
    struct rw_bindings bindings;
    const struct rw_config *whole = request->config;
    w->config.window = layer >= whole->window_from_layer ? whole->window : 0;
    w->config.window_from_layer = 0;
    rw_arena_init(&arena, BINDING_LIST_BYTES_MAX);
    rw_status status =
        rw_bindings_make_layer(&w->config, request->checkpoint, layer, &arena, &bindings, err);
    if (status == RW_OK) {
        status = rw_weights_fill(request, &bindings, w, err);
    }
    rw_arena_fini(&arena);
    return status;
}

void rw_weights_free(struct rw_weights *weights)
{
    if (weights == NULL) {
        return;
    }
    rw_free_large(weights->memory, weights->memory_bytes);
    rw_free(weights->layers);
    rw_free(weights);
}
