#include "core/model/forward.h"

#include <math.h>

#include "core/base/alloc.h"
#include "core/base/assert.h"
#include "core/base/util.h"
#include "core/model/carve.h"
#include "core/model/flops.h"
#include "core/model/forward_parts.h"
#include "core/model/rope.h"

enum {
    TILE_QUERIES = 96,    /* query rows of one attention item, over the heads of a group */
    KERNEL_TILE_ROWS = 6, /* RW_TILE_ROWS of core/kernels/tiles.inc.h; a guess costs speed only */
    APART_BYTES_MAX = 32 << 20, /* of linears that a shared cache holds */
    APART_LEAST = 64,           /* rows for each member, or all work together */
    APART_ROWS = 160,           /* of a share, about: measured best between 128 and 192 */
    QUANTISED_GAIN = 3,         /* about as much faster than attention are products of bytes */
};

/* softmax(s) = 2^(s log2 e) / sum: the factor goes into the queries once, and the kernels take
 * powers of two, which need no multiplication to split off the exponent. */
static const double LOG2_E = 1.4426950408889634;

/* ---- creation ------------------------------------------------------------------------------ */

static size_t at_least(size_t a, size_t b)
{
    return RW_MAX(a, b);
}

static size_t scratch_bytes_of(const struct rw_forward *f)
{
    size_t gemm = f->kernels->gemm_scratch_bytes(f->weights->dtype, f->chunk);
    size_t attention =
        f->kernels->attention_scratch_bytes(f->tile_rows * f->group, f->weights->config.head_dim);
    return (at_least(gemm, attention) + RW_ALIGN - 1) / RW_ALIGN * RW_ALIGN;
}

static void carve_workspace(struct rw_forward *f, struct rw_carve *c)
{
    const struct rw_config *config = &f->weights->config;
    size_t chunk = f->chunk, half = config->head_dim / 2;
    size_t q_row = (size_t)f->group * f->head_dim_padded;
    f->x = rw_carve(c, chunk * f->x_stride, sizeof(float));
    f->y = rw_carve(c, chunk * f->x_stride, sizeof(float));
    f->norm = rw_carve(c, chunk, f->norm_stride);
    f->qkv = rw_carve(c, chunk * f->qkv_stride, sizeof(float));
    f->q = rw_carve(c, config->kv_heads * chunk * q_row, f->element);
    f->attn = rw_carve(c, chunk * f->attn_stride, f->element);
    f->mlp = rw_carve(c, chunk * f->mlp_stride, f->element);
    f->act = rw_carve(c, chunk, f->act_stride);
    f->cosines = rw_carve(c, chunk * half, sizeof(float));
    f->sines = rw_carve(c, chunk * half, sizeof(float));
    f->scratch = rw_carve(c, f->members, f->scratch_bytes);
    f->block_ptrs = rw_carve(c, (size_t)f->members * 2 * f->blocks_max, sizeof(void *));
    rw_plan_carve(&f->plan, c);
}

/* What decides whether members work apart: together, a layer's weights are fetched once for all;
 * apart, each member fetches them for itself, which costs nothing only while they come from a cache
 * that all share (measured in core/kernels/README.md, "Apart or together"). */
static size_t bytes_of_linears(const struct rw_weights *weights)
{
    const struct rw_layer *layer = &weights->layers[0]; /* all are alike */
    const struct rw_linear *linears[] = {&layer->qkv, &layer->o, &layer->gate_up, &layer->down};
    size_t bytes = 0;
    for (size_t i = 0; i < RW_COUNT(linears); i++) {
        bytes += rw_linear_bytes(linears[i]->dtype, linears[i]->n_out, linears[i]->n_in);
    }
    return bytes * weights->config.layers;
}

static void init_plan(struct rw_forward *f)
{
    const struct rw_config *config = &f->weights->config;
    /* Attention runs in bfloat16 whatever the weights are, so beside products of bytes a key weighs
     * more. */
    double gain = rw_dtype_is_quantised(f->weights->dtype) ? QUANTISED_GAIN : 1;
    struct rw_plan_limits limits = {
        .chunk = f->chunk,
        .vocab = config->vocab,
        .blocks_max = f->blocks_max,
        .tile_rows = f->tile_rows,
        .phases = config->layers * RW_FORWARD_PHASES,
        .members = f->members,
        .apart_least = bytes_of_linears(f->weights) <= APART_BYTES_MAX ? APART_LEAST : 0,
        .apart_rows = APART_ROWS,
        .key_cost = gain * rw_flops_per_key(config) / rw_flops_per_token(f->weights),
    };
    rw_plan_init(&f->plan, &limits);
}

/* Rows of one item of attention work: about TILE_QUERIES queries, over the heads of a group, so
 * that their sums stay in L1 while blocks of keys pass over them, and whole register tiles of the
 * kernels, so that only the last tile of a sequence has fewer rows than the registers hold. */
static uint32_t attention_rows(uint32_t group)
{
    uint32_t rows = group < TILE_QUERIES ? TILE_QUERIES / group : 1;
    return rows > KERNEL_TILE_ROWS ? rows - rows % KERNEL_TILE_ROWS : rows;
}

static void set_shapes(struct rw_forward *f, uint32_t context_max)
{
    const struct rw_config *config = &f->weights->config;
    const struct rw_layer *layer = &f->weights->layers[0];
    f->members = rw_team_size(f->team);
    f->blocks_max = rw_kv_blocks_of(context_max);
    f->state = rw_dtype_state(f->weights->dtype);
    f->element = rw_dtype_bytes(f->state);
    f->group = config->heads / config->kv_heads;
    f->head_dim_padded = rw_kernels_head_dim_padded(config->head_dim);
    f->query_factor = (float)(LOG2_E / sqrt((double)config->head_dim));
    f->tile_rows = attention_rows(f->group);
    f->x_stride = (size_t)layer->down.panels * RW_PANEL;
    f->qkv_stride = (size_t)layer->qkv.panels * RW_PANEL;
    f->norm_stride = rw_act_bytes(f->weights->dtype, layer->qkv.k_padded);
    f->attn_stride = layer->o.k_padded;
    f->mlp_stride = at_least(layer->down.k_padded, (size_t)layer->gate_up.panels * RW_PANEL / 2);
    f->act_stride = 0;
    if (rw_dtype_is_quantised(f->weights->dtype)) {
        uint32_t widest = RW_MAX(layer->down.k_padded, layer->o.k_padded);
        f->act_stride = rw_act_bytes(f->weights->dtype, widest);
    }
    f->scratch_bytes = scratch_bytes_of(f);
    init_plan(f);
    rw_rope_frequencies(&config->rope, config->head_dim, f->frequencies);
}

rw_status rw_forward_create(const struct rw_weights *weights, const struct rw_kernels *kernels,
                            struct rw_team *team, uint32_t chunk_tokens, uint32_t context_max,
                            struct rw_forward **out, struct rw_error *err)
{
    *out = NULL;
    rw_assert(chunk_tokens > 0 && chunk_tokens <= RW_CHUNK_TOKENS_MAX && context_max > 0);
    struct rw_forward *f = rw_alloc_zero(1, sizeof *f);
    if (f == NULL) {
        return rw_fail(err, RW_NO_MEMORY, "forward pass");
    }
    f->weights = weights;
    f->kernels = kernels;
    f->team = team;
    f->chunk = chunk_tokens;
    set_shapes(f, context_max);
    struct rw_carve measure = {NULL, 0, false};
    carve_workspace(f, &measure);
    f->memory = measure.overflow ? NULL : rw_alloc_large(measure.used);
    if (f->memory == NULL) {
        rw_free(f);
        return rw_fail(err, RW_NO_MEMORY, "no memory for %zu bytes of workspace", measure.used);
    }
    f->memory_bytes = measure.used;
    struct rw_carve assign = {f->memory, 0, false};
    carve_workspace(f, &assign);
    *out = f;
    return RW_OK;
}

void rw_forward_destroy(struct rw_forward *forward)
{
    if (forward == NULL) {
        return;
    }
    rw_free_large(forward->memory, forward->memory_bytes);
    rw_free(forward);
}

/* ---- a pass --------------------------------------------------------------------------------- */

const float *rw_forward_run(struct rw_forward *f, const struct rw_forward_batch *batch,
                            size_t *stride)
{
    rw_assert(f->batch == NULL); /* one pass at a time */
    f->batch = batch;
    rw_plan_make(&f->plan, batch);
    rw_team_run(f->team, rw_forward_region, f);
    f->batch = NULL;
    *stride = f->x_stride;
    return f->y;
}
