#include "core/model/weights.h"

#include <string.h>

#include "core/base/alloc.h"
#include "core/base/assert.h"
#include "core/model/binding.h"
#include "core/model/carve.h"

enum {
    BINDING_LIST_BYTES_MAX = 4 << 20, /* RW_LAYERS_MAX layers of bindings */
    READ_FLOATS = 128 * 1024,         /* converted at a time: 512 KiB stay in the L2 cache */
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

/* ---- filling ------------------------------------------------------------------------------- */

struct loader {
    const struct rw_weights_request *request;
    struct rw_weights *weights;
    float *row_buffer; /* [READ_FLOATS or one row, whichever is more] */
    uint64_t done_bytes;
    uint64_t total_bytes;
    struct rw_error *err;
};

static bool all_finite(const float *x, size_t n)
{
    uint32_t bad = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, x + i, sizeof bits);
        bad |= (bits & 0x7f800000u) == 0x7f800000u;
    }
    return bad == 0;
}

static struct rw_linear *target_linear(struct rw_layer *layer, enum rw_target target)
{
    switch (target) {
    case RW_TARGET_QKV:
    case RW_TARGET_QKV_BIAS:
        return &layer->qkv;
    case RW_TARGET_O:
    case RW_TARGET_O_BIAS:
        return &layer->o;
    case RW_TARGET_GATE_UP:
    case RW_TARGET_GATE_UP_BIAS:
        return &layer->gate_up;
    case RW_TARGET_DOWN:
    case RW_TARGET_DOWN_BIAS:
        return &layer->down;
    default:
        return NULL;
    }
}

static bool is_bias(enum rw_target target)
{
    return target == RW_TARGET_QKV_BIAS || target == RW_TARGET_O_BIAS ||
           target == RW_TARGET_GATE_UP_BIAS || target == RW_TARGET_DOWN_BIAS;
}

static float *target_floats(struct rw_weights *w, struct rw_layer *layer, enum rw_target target)
{
    switch (target) {
    case RW_TARGET_FINAL_NORM:
        return w->final_norm;
    case RW_TARGET_ATTN_NORM:
        return layer->attn_norm;
    case RW_TARGET_MLP_NORM:
        return layer->mlp_norm;
    case RW_TARGET_Q_NORM:
        return layer->q_norm;
    case RW_TARGET_K_NORM:
        return layer->k_norm;
    case RW_TARGET_HEAD_W:
        return w->head.w;
    case RW_TARGET_HEAD_B:
        return w->head.b;
    case RW_TARGET_HEAD_W_OUT:
        return w->head.w_out;
    case RW_TARGET_HEAD_B_OUT:
        return w->head.b_out;
    default:
        return NULL;
    }
}

static void store_embedding(struct rw_weights *w, uint32_t row, const float *x, uint32_t n)
{
    if (w->embed_dtype == RW_DTYPE_F32) {
        memcpy((float *)w->embed + (size_t)row * n, x, n * sizeof *x);
        return;
    }
    uint16_t *to = (uint16_t *)w->embed + (size_t)row * n;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, x + i, sizeof bits);
        to[i] = (uint16_t)(bits >> 16); /* exact: the tensor is stored as BF16 */
    }
}

/* Row r of the tensor, converted, goes where the binding says. */
static void store_row(struct rw_weights *w, const struct rw_binding *b, uint32_t r, const float *x)
{
    struct rw_layer *layer = &w->layers[b->layer];
    struct rw_linear *linear =
        b->target == RW_TARGET_LANGUAGE ? &w->language : target_linear(layer, b->target);
    if (b->target == RW_TARGET_EMBED) {
        store_embedding(w, r, x, b->cols);
        return;
    }
    if (linear == NULL) {
        float *to = target_floats(w, layer, b->target);
        rw_assert(to != NULL);
        memcpy(to + (size_t)r * b->cols, x, b->cols * sizeof *x);
        return;
    }
    if (!is_bias(b->target)) {
        rw_linear_pack_row(linear, rw_binding_row(b, &w->config, r), x);
        return;
    }
    for (uint32_t i = 0; i < b->cols; i++) {
        linear->bias[rw_binding_row(b, &w->config, i)] = x[i];
    }
}

static rw_status read_rows(struct loader *l, const struct rw_binding *b, uint64_t first,
                           uint32_t rows)
{
    uint64_t count = (uint64_t)rows * b->cols;
    rw_status status = rw_checkpoint_read_f32(l->request->checkpoint, b->tensor, first * b->cols,
                                              count, l->row_buffer, l->err);
    if (status != RW_OK) {
        rw_error_prefix(l->err, "tensor %.*s", RW_STR_ARG(b->tensor->name));
        return status;
    }
    if (!all_finite(l->row_buffer, count)) {
        return rw_fail(l->err, RW_MODEL_CORRUPT, "tensor %.*s holds NaN or infinity",
                       RW_STR_ARG(b->tensor->name));
    }
    l->weights->parameters += count;
    return RW_OK;
}

static rw_status fill_picked(struct loader *l, const struct rw_binding *b)
{
    const struct rw_head_spec *head = &l->request->recipe->head;
    for (uint32_t i = 0; i < head->n_out; i++) {
        rw_status status = read_rows(l, b, (uint64_t)head->rows[i], 1);
        if (status != RW_OK) {
            return status;
        }
        store_row(l->weights, b, i, l->row_buffer);
    }
    return RW_OK;
}

static rw_status fill(struct loader *l, const struct rw_binding *b)
{
    if (b->map == RW_ROWS_PICK) {
        return fill_picked(l, b);
    }
    uint32_t per_read = READ_FLOATS / b->cols > 0 ? READ_FLOATS / b->cols : 1;
    for (uint32_t r = 0; r < b->rows; r += per_read) {
        uint32_t n = b->rows - r < per_read ? b->rows - r : per_read;
        rw_status status = read_rows(l, b, r, n);
        if (status != RW_OK) {
            return status;
        }
        for (uint32_t i = 0; i < n; i++) {
            store_row(l->weights, b, r + i, l->row_buffer + (size_t)i * b->cols);
        }
    }
    return RW_OK;
}

static uint32_t widest_row(const struct rw_bindings *bindings)
{
    uint32_t widest = 0;
    for (uint32_t i = 0; i < bindings->count; i++) {
        widest = bindings->items[i].cols > widest ? bindings->items[i].cols : widest;
    }
    return widest;
}

static rw_status fill_all(struct loader *l, const struct rw_bindings *bindings)
{
    uint32_t widest = widest_row(bindings);
    l->row_buffer = rw_alloc_array(widest > READ_FLOATS ? widest : READ_FLOATS, sizeof(float));
    if (l->row_buffer == NULL) {
        return rw_fail(l->err, RW_NO_MEMORY, "buffer for rows of weights");
    }
    l->total_bytes = bindings->stored_bytes;
    rw_status status = RW_OK;
    for (uint32_t i = 0; i < bindings->count && status == RW_OK; i++) {
        status = fill(l, &bindings->items[i]);
        l->done_bytes += bindings->items[i].tensor->bytes;
        if (status == RW_OK && l->request->progress != NULL) {
            l->request->progress(l->request->progress_ctx, l->done_bytes, l->total_bytes);
        }
    }
    rw_free(l->row_buffer);
    return status;
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
    struct loader loader = {.request = request, .weights = w, .err = err};
    return fill_all(&loader, bindings);
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

void rw_weights_free(struct rw_weights *weights)
{
    if (weights == NULL) {
        return;
    }
    rw_free_large(weights->memory, weights->memory_bytes);
    rw_free(weights->layers);
    rw_free(weights);
}
