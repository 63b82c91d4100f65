#include "core/model/forward.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/assert.h"
#include "core/base/half.h"
#include "core/base/util.h"
#include "core/kernels/gemm_share.h"
#include "core/model/carve.h"
#include "core/model/flops.h"
#include "core/model/forward_plan.h"
#include "core/model/rope.h"

enum {
    TILE_QUERIES = 96,          /* query rows of one attention item, over the heads of a group */
    ROWS_PER_TICKET = 8,        /* of the phases that work row by row */
    APART_BYTES_MAX = 32 << 20, /* of linears that a shared cache holds */
    APART_LEAST = 64,           /* rows for each member, or all work together */
    APART_ROWS = 160,           /* of a share, about: measured best between 128 and 192 */
    QUANTISED_GAIN = 3,         /* about as much faster than attention are products of bytes */
};

/* Steps of one layer; each has its own ticket counter and ends with a barrier of those who work on
 * the share. */
enum phase {
    PHASE_ATTN_NORM,
    PHASE_QKV,
    PHASE_ROPE,
    PHASE_ATTENTION,
    PHASE_QUANTISE_O, /* of quantised models only */
    PHASE_O,
    PHASE_MLP_NORM,
    PHASE_GATE_UP,
    PHASE_QUANTISE_DOWN,
    PHASE_DOWN,
    PHASES,
};

struct rw_forward {
    const struct rw_weights *weights;
    const struct rw_kernels *kernels;
    struct rw_team *team;
    unsigned members;
    uint32_t chunk;      /* rows of the workspaces */
    uint32_t blocks_max; /* KV blocks of the longest sequence */
    uint32_t tile_rows;
    enum rw_dtype state; /* of values between GEMMs, see kernels.h */
    size_t element;      /* bytes of one */
    uint32_t group;      /* query heads per KV head */
    uint32_t head_dim_padded;
    float query_factor; /* log2(e) / sqrt(head_dim): softmax runs on exp2 */
    float frequencies[RW_HEAD_DIM_MAX / 2];

    size_t memory_bytes;
    void *memory;
    size_t x_stride;        /* floats */
    size_t qkv_stride;      /* floats */
    size_t norm_stride;     /* bytes */
    size_t attn_stride;     /* state elements */
    size_t mlp_stride;      /* state elements */
    size_t act_stride;      /* bytes */
    float *x;               /* [chunk, hidden] residual stream */
    float *y;               /* [wanted, hidden] the same in the last layer, then the result */
    unsigned char *norm;    /* act[chunk, hidden] */
    float *qkv;             /* [chunk, (heads + 2 kv_heads) * head_dim] */
    unsigned char *q;       /* state[kv_heads, chunk, group, head_dim_padded] */
    unsigned char *attn;    /* state[chunk, heads * head_dim] */
    unsigned char *mlp;     /* state[chunk, intermediate] */
    unsigned char *act;     /* of quantised models: attn, then mlp, as they enter the GEMM */
    float *cosines, *sines; /* [chunk, head_dim / 2] */
    unsigned char *scratch; /* [members] at scratch_bytes */
    size_t scratch_bytes;
    const void **block_ptrs; /* [members, 2, blocks_max] */

    /* of the pass under way */
    const struct rw_forward_batch *batch;
    struct rw_plan plan;
};

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
    double gain = rw_dtype_is_quantised(f->weights->dtype) ? QUANTISED_GAIN : 1;
    struct rw_plan_limits limits = {
        .chunk = f->chunk,
        .vocab = config->vocab,
        .blocks_max = f->blocks_max,
        .tile_rows = f->tile_rows,
        .phases = config->layers * PHASES,
        .members = f->members,
        .apart_least = bytes_of_linears(f->weights) <= APART_BYTES_MAX ? APART_LEAST : 0,
        .apart_rows = APART_ROWS,
        .key_cost = gain * rw_flops_per_key(config) / rw_flops_per_token(f->weights),
    };
    rw_plan_init(&f->plan, &limits);
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
    f->head_dim_padded = rw_head_dim_padded(config->head_dim);
    f->query_factor = (float)(1.4426950408889634 / sqrt((double)config->head_dim));
    /* A multiple of 6 queries fills the register tile of the kernels. */
    f->tile_rows = f->group < TILE_QUERIES ? TILE_QUERIES / f->group : 1;
    f->tile_rows -= f->tile_rows > 6 ? f->tile_rows % 6 : 0;
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

/* ---- phases, run by every member ----------------------------------------------------------- */

struct member {
    struct rw_forward *f;
    unsigned index;
    struct rw_plan_share *share; /* under work */
    void *scratch;
    const void **k_blocks;
    const void **v_blocks;
};

/* Next items of a phase, out of `range`; false when none is left. */
static bool take(struct member *m, uint32_t layer, enum phase phase, struct rw_plan_range range,
                 uint32_t grain, struct rw_plan_range *items)
{
    atomic_uint *ticket = &m->share->tickets[layer * PHASES + phase];
    uint32_t total = rw_plan_length(range);
    uint32_t begin = atomic_fetch_add_explicit(ticket, grain, memory_order_relaxed);
    if (begin >= total) {
        return false;
    }
    uint32_t end = total - begin < grain ? total : begin + grain;
    *items = (struct rw_plan_range){range.begin + begin, range.begin + end};
    return true;
}

static void barrier(struct member *m)
{
    if (m->share->members > 1) {
        rw_team_barrier(m->f->team, m->index);
    }
}

static void embed_row(const struct rw_forward *f, uint32_t r)
{
    const struct rw_weights *w = f->weights;
    size_t n = w->config.hidden;
    float *x = f->x + r * f->x_stride;
    if (w->embed_dtype == RW_DTYPE_F32) {
        memcpy(x, (const float *)w->embed + (size_t)f->plan.rows[r].id * n, n * sizeof *x);
        return;
    }
    const uint16_t *from = (const uint16_t *)w->embed + (size_t)f->plan.rows[r].id * n;
    for (size_t i = 0; i < n; i++) {
        x[i] = rw_bf16_to_f32(from[i]);
    }
}

/* A row of the residual stream, normed, into row r of `norm`. */
static void norm_row(const struct rw_forward *f, const float *x, const float *w, uint32_t r)
{
    const struct rw_config *c = &f->weights->config;
    f->kernels->rms_norm(x, w, c->hidden, f->weights->layers[0].qkv.k_padded, c->rms_eps,
                         f->weights->dtype, f->norm + r * f->norm_stride);
}

static void phase_attn_norm(struct member *m, uint32_t l)
{
    struct rw_forward *f = m->f;
    uint32_t half = f->weights->config.head_dim / 2;
    struct rw_plan_range items;
    while (take(m, l, PHASE_ATTN_NORM, m->share->rows, ROWS_PER_TICKET, &items)) {
        for (uint32_t r = items.begin; r < items.end; r++) {
            if (l == 0) {
                embed_row(f, r);
                rw_rope_angles(f->frequencies, half, f->plan.rows[r].position,
                               f->cosines + (size_t)r * half, f->sines + (size_t)r * half);
            }
            norm_row(f, f->x + r * f->x_stride, f->weights->layers[l].attn_norm, r);
        }
    }
    barrier(m);
}

static void phase_gemm(struct member *m, uint32_t l, enum phase phase, const struct rw_gemm *gemm)
{
    struct rw_forward *f = m->f;
    rw_gemm_share(f->kernels, gemm, &m->share->tickets[l * PHASES + phase], m->share->members,
                  m->scratch);
    barrier(m);
}

static void phase_qkv(struct member *m, uint32_t l)
{
    struct rw_forward *f = m->f;
    uint32_t first = m->share->rows.begin;
    struct rw_gemm gemm = {
        .linear = &f->weights->layers[l].qkv,
        .x = f->norm + first * f->norm_stride,
        .x_stride = f->norm_stride,
        .rows = rw_plan_length(m->share->rows),
        .epilogue = RW_EPILOGUE_STORE,
        .out = f->qkv + first * f->qkv_stride,
        .out_stride = f->qkv_stride * sizeof(float),
    };
    phase_gemm(m, l, PHASE_QKV, &gemm);
}

/* Consecutive heads of row r, q or k. */
static void turn_heads(const struct rw_forward *f, float *x, uint32_t n, const float *norm,
                       uint32_t r, float factor, enum rw_dtype dtype, void *out)
{
    const struct rw_config *c = &f->weights->config;
    size_t half = c->head_dim / 2;
    struct rw_heads heads = {
        .x = x,
        .n = n,
        .head_dim = c->head_dim,
        .norm = norm,
        .eps = c->rms_eps,
        .cos = f->cosines + r * half,
        .sin = f->sines + r * half,
        .factor = factor,
        .dtype = dtype,
        .out = out,
    };
    f->kernels->turn_heads(&heads);
}

static void store_queries(const struct rw_forward *f, const struct rw_layer *layer, uint32_t r)
{
    const struct rw_config *c = &f->weights->config;
    float *heads = f->qkv + r * f->qkv_stride;
    for (uint32_t kv_head = 0; kv_head < c->kv_heads; kv_head++) {
        size_t slot = ((size_t)kv_head * f->chunk + r) * f->group;
        turn_heads(f, heads + (size_t)kv_head * f->group * c->head_dim, f->group, layer->q_norm, r,
                   f->query_factor, f->state, f->q + slot * f->head_dim_padded * f->element);
    }
}

static void store_keys(const struct rw_forward *f, const struct rw_layer *layer, uint32_t l,
                       uint32_t r)
{
    const struct rw_config *c = &f->weights->config;
    const struct rw_plan_row *row = &f->plan.rows[r];
    uint32_t block = f->batch->seqs[row->seq].kv->blocks[row->position / RW_KV_BLOCK_POSITIONS];
    float *keys = f->qkv + r * f->qkv_stride + (size_t)c->heads * c->head_dim;
    turn_heads(f, keys, c->kv_heads, layer->k_norm, r, 1.0f, RW_DTYPE_F32, keys);
    for (uint32_t h = 0; h < c->kv_heads; h++) {
        float *k = keys + (size_t)h * c->head_dim;
        f->kernels->kv_store(k, k + (size_t)c->kv_heads * c->head_dim, c->head_dim, f->state,
                             rw_kv_block(f->batch->kv, block, l, h, false),
                             rw_kv_block(f->batch->kv, block, l, h, true),
                             row->position % RW_KV_BLOCK_POSITIONS);
    }
}

static void phase_rope(struct member *m, uint32_t l)
{
    struct rw_forward *f = m->f;
    const struct rw_layer *layer = &f->weights->layers[l];
    struct rw_plan_range items;
    while (take(m, l, PHASE_ROPE, m->share->rows, ROWS_PER_TICKET, &items)) {
        for (uint32_t r = items.begin; r < items.end; r++) {
            store_queries(f, layer, r);
            if (!f->batch->seqs[f->plan.rows[r].seq].stored) {
                store_keys(f, layer, l, r);
            }
        }
    }
    barrier(m);
    if (m->share->needed) {
        rw_team_raise(f->team, &m->share->stored);
    }
}

static void attend(struct member *m, uint32_t l, const struct rw_plan_tile *tile, uint32_t kv_head)
{
    struct rw_forward *f = m->f;
    const struct rw_config *c = &f->weights->config;
    const struct rw_kv_seq *kv = f->batch->seqs[tile->seq].kv;
    uint32_t position = f->plan.rows[tile->row].position;
    uint32_t n_blocks = rw_kv_blocks_of(position + tile->rows);
    for (uint32_t i = 0; i < n_blocks; i++) {
        m->k_blocks[i] = rw_kv_block(f->batch->kv, kv->blocks[i], l, kv_head, false);
        m->v_blocks[i] = rw_kv_block(f->batch->kv, kv->blocks[i], l, kv_head, true);
    }
    size_t q_slot = ((size_t)kv_head * f->chunk + tile->row) * f->group;
    size_t out_slot = tile->out_row * f->attn_stride + (size_t)kv_head * f->group * c->head_dim;
    struct rw_attention attention = {
        .dtype = f->state,
        .head_dim = c->head_dim,
        .group = f->group,
        .q = f->q + q_slot * f->head_dim_padded * f->element,
        .rows = tile->rows,
        .position = position,
        .k_blocks = m->k_blocks,
        .v_blocks = m->v_blocks,
        .window = l >= c->window_from_layer ? c->window : 0,
        .out = f->attn + out_slot * f->element,
        .out_stride = f->attn_stride * f->element,
    };
    f->kernels->attention(&attention, m->scratch);
}

/* Keys of the share's first sequence that others store. */
static void await_keys(struct member *m, uint32_t l)
{
    struct rw_plan *plan = &m->f->plan;
    for (struct rw_plan_share *s = &plan->shares[m->share->needs]; s < m->share; s++) {
        rw_team_await(m->f->team, &s->stored, l + 1);
    }
}

static void phase_attention(struct member *m, uint32_t l, const struct rw_plan_tile *tiles,
                            struct rw_plan_range range)
{
    uint32_t kv_heads = m->f->weights->config.kv_heads;
    struct rw_plan_range items = {range.begin * kv_heads, range.end * kv_heads}, item;
    await_keys(m, l);
    while (take(m, l, PHASE_ATTENTION, items, 1, &item)) {
        /* From the end: late tiles of a sequence see most keys, so the longest items go first. */
        uint32_t from_end = items.end - 1 - (item.begin - items.begin);
        attend(m, l, &tiles[from_end / kv_heads], from_end % kv_heads);
    }
    barrier(m);
}

/* What enters the next GEMM: rows of state as they are, or made bytes in `act`. */
struct rows {
    const unsigned char *x; /* of the first row of the chunk */
    size_t stride;          /* bytes */
};

static struct rows phase_quantise(struct member *m, uint32_t l, enum phase phase,
                                  const struct rw_linear *linear, struct rows in,
                                  struct rw_plan_range range)
{
    struct rw_forward *f = m->f;
    if (!rw_dtype_is_quantised(f->weights->dtype)) {
        return in;
    }
    struct rw_plan_range items;
    while (take(m, l, phase, range, ROWS_PER_TICKET, &items)) {
        for (uint32_t r = items.begin; r < items.end; r++) {
            f->kernels->quantise((const uint16_t *)(const void *)(in.x + r * in.stride),
                                 linear->n_in, linear->k_padded, f->act + r * f->act_stride);
        }
    }
    barrier(m);
    return (struct rows){f->act, f->act_stride};
}

/* Where the output projection and the MLP of a layer happen: the residual stream of their rows, and
 * which rows of the other buffers they use. */
struct back {
    float *x; /* of the first of the rows */
    struct rw_plan_range rows;
};

static void phase_mlp_norm(struct member *m, uint32_t l, const struct back *back)
{
    const struct rw_forward *f = m->f;
    const float *weights = f->weights->layers[l].mlp_norm;
    struct rw_plan_range items;
    while (take(m, l, PHASE_MLP_NORM, back->rows, ROWS_PER_TICKET, &items)) {
        for (uint32_t r = items.begin; r < items.end; r++) {
            norm_row(f, back->x + (r - back->rows.begin) * f->x_stride, weights, r);
        }
    }
    barrier(m);
}

/* One product of a layer's back, from rows of `in`. */
static void phase_back_gemm(struct member *m, uint32_t l, enum phase phase,
                            const struct rw_linear *linear, struct rows in,
                            struct rw_plan_range range, enum rw_epilogue epilogue, void *out,
                            size_t out_stride)
{
    struct rw_gemm gemm = {
        .linear = linear,
        .x = in.x + range.begin * in.stride,
        .x_stride = in.stride,
        .rows = rw_plan_length(range),
        .epilogue = epilogue,
        .out = out,
        .out_stride = out_stride,
    };
    phase_gemm(m, l, phase, &gemm);
}

/* Output projection and MLP, both added to the residual stream. */
static void phases_back(struct member *m, uint32_t l, const struct back *back)
{
    struct rw_forward *f = m->f;
    const struct rw_layer *layer = &f->weights->layers[l];
    size_t x_bytes = f->x_stride * sizeof(float), mlp_bytes = f->mlp_stride * f->element;
    struct rows attn = {f->attn, f->attn_stride * f->element}, mlp = {f->mlp, mlp_bytes};
    struct rows norm = {f->norm, f->norm_stride};
    attn = phase_quantise(m, l, PHASE_QUANTISE_O, &layer->o, attn, back->rows);
    phase_back_gemm(m, l, PHASE_O, &layer->o, attn, back->rows, RW_EPILOGUE_ADD, back->x, x_bytes);
    phase_mlp_norm(m, l, back);
    phase_back_gemm(m, l, PHASE_GATE_UP, &layer->gate_up, norm, back->rows, RW_EPILOGUE_SWIGLU,
                    f->mlp + back->rows.begin * mlp_bytes, mlp_bytes);
    mlp = phase_quantise(m, l, PHASE_QUANTISE_DOWN, &layer->down, mlp, back->rows);
    phase_back_gemm(m, l, PHASE_DOWN, &layer->down, mlp, back->rows, RW_EPILOGUE_ADD, back->x,
                    x_bytes);
}

/* The last layer continues with the wanted rows only, packed together in y. */
static void gather_wanted(struct member *m)
{
    struct rw_forward *f = m->f;
    struct rw_plan_range wanted = m->share->wanted;
    unsigned first = m->share->members > 1 ? m->index : 0;
    for (uint32_t i = wanted.begin + first; i < wanted.end; i += m->share->members) {
        memcpy(f->y + i * f->x_stride, f->x + f->batch->wanted[i] * f->x_stride,
               f->weights->config.hidden * sizeof(float));
    }
}

static void final_norm(struct member *m)
{
    struct rw_forward *f = m->f;
    const struct rw_config *c = &f->weights->config;
    struct rw_plan_range wanted = m->share->wanted;
    unsigned first = m->share->members > 1 ? m->index : 0;
    for (uint32_t i = wanted.begin + first; i < wanted.end; i += m->share->members) {
        f->kernels->rms_norm_f32(f->y + i * f->x_stride, f->weights->final_norm, c->hidden,
                                 c->rms_eps);
    }
}

static void run_share(struct member *m)
{
    struct rw_forward *f = m->f;
    const struct rw_plan_share *share = m->share;
    uint32_t last = f->weights->config.layers - 1;
    for (uint32_t l = 0; l <= last; l++) {
        phase_attn_norm(m, l);
        phase_qkv(m, l);
        phase_rope(m, l);
        if (l < last) {
            struct back all = {f->x + share->rows.begin * f->x_stride, share->rows};
            phase_attention(m, l, f->plan.tiles, share->tiles);
            phases_back(m, l, &all);
        }
    }
    uint32_t n = rw_plan_length(share->wanted);
    if (n > 0) {
        struct back wanted = {f->y + share->wanted.begin * f->x_stride,
                              {share->rows.begin, share->rows.begin + n}};
        gather_wanted(m);
        phase_attention(m, last, f->plan.wanted_tiles, share->wanted_tiles);
        phases_back(m, last, &wanted);
        final_norm(m);
    }
}

static void region(void *arg, unsigned index, unsigned members)
{
    struct rw_forward *f = arg;
    struct rw_plan *plan = &f->plan;
    struct member m = {.f = f, .index = index, .scratch = f->scratch + index * f->scratch_bytes};
    m.k_blocks = f->block_ptrs + (size_t)index * 2 * f->blocks_max;
    m.v_blocks = m.k_blocks + f->blocks_max;
    rw_assert(members == f->members);
    if (plan->shares[0].members > 1) {
        m.share = &plan->shares[0];
        run_share(&m);
        return;
    }
    uint32_t next;
    while ((next = atomic_fetch_add(&plan->next_share, 1)) < plan->n_shares) {
        m.share = &plan->shares[next];
        run_share(&m);
    }
}

const float *rw_forward_run(struct rw_forward *f, const struct rw_forward_batch *batch,
                            size_t *stride)
{
    rw_assert(f->batch == NULL); /* one pass at a time */
    f->batch = batch;
    rw_plan_make(&f->plan, batch);
    rw_team_run(f->team, region, f);
    f->batch = NULL;
    *stride = f->x_stride;
    return f->y;
}
