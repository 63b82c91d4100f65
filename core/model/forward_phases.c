/* The phases of a layer, as every member of the team runs them. */
#include <stdatomic.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/base/half.h"
#include "core/kernels/gemm_share.h"
#include "core/model/forward_parts.h"
#include "core/model/rope.h"

enum {
    ROWS_PER_TICKET = 8, /* of the phases that work row by row */
};

struct member {
    struct rw_forward *f;
    unsigned index;
    struct rw_plan_share *share; /* under work */
    void *scratch;
    const void **k_blocks;
    const void **v_blocks;
};

/* Next items of a phase, out of `range`; false when none is left. A relaxed counter is enough:
 * whose items are whose decides nothing, and what was written in a phase is made visible by the
 * barrier (or the counter of a share) behind it. */
static bool take(struct member *m, uint32_t layer, enum rw_forward_phase phase,
                 struct rw_plan_range range, uint32_t grain, struct rw_plan_range *items)
{
    atomic_uint *ticket = &m->share->tickets[layer * RW_FORWARD_PHASES + phase];
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

static void phase_gemm(struct member *m, uint32_t l, enum rw_forward_phase phase,
                       const struct rw_gemm *gemm)
{
    struct rw_forward *f = m->f;
    rw_gemm_share(f->kernels, gemm, &m->share->tickets[l * RW_FORWARD_PHASES + phase],
                  m->share->members, m->scratch);
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

/* Queries of a row, rotated, to where attention of one KV head reads them side by side; its keys
 * and values into its block. A row that is only read again (rw_forward_seq.stored) writes none:
 * others may be reading the block in this very pass, and what it would write is there already, bit
 * for bit. */
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

/* Keys of the share's first sequence that others store: shares from `needs` on hold rows of it, and
 * each raises its counter once per layer. No circle: a share waits only for those before it, and
 * these were taken by somebody earlier, who does not wait for a later one. */
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

static struct rows phase_quantise(struct member *m, uint32_t l, enum rw_forward_phase phase,
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

/* A product that is added to the residual stream of the back's rows. */
static void phase_add(struct member *m, uint32_t l, enum rw_forward_phase phase,
                      const struct rw_linear *linear, struct rows in, const struct back *back)
{
    struct rw_gemm gemm = {
        .linear = linear,
        .x = in.x + back->rows.begin * in.stride,
        .x_stride = in.stride,
        .rows = rw_plan_length(back->rows),
        .epilogue = RW_EPILOGUE_ADD,
        .out = back->x,
        .out_stride = m->f->x_stride * sizeof(float),
    };
    phase_gemm(m, l, phase, &gemm);
}

static void phase_gate_up(struct member *m, uint32_t l, const struct back *back)
{
    struct rw_forward *f = m->f;
    size_t mlp_stride = f->mlp_stride * f->element;
    struct rw_gemm gemm = {
        .linear = &f->weights->layers[l].gate_up,
        .x = f->norm + back->rows.begin * f->norm_stride,
        .x_stride = f->norm_stride,
        .rows = rw_plan_length(back->rows),
        .epilogue = RW_EPILOGUE_SWIGLU,
        .out = f->mlp + back->rows.begin * mlp_stride,
        .out_stride = mlp_stride,
    };
    phase_gemm(m, l, PHASE_GATE_UP, &gemm);
}

/* Output projection and MLP, both added to the residual stream. */
static void phases_back(struct member *m, uint32_t l, const struct back *back)
{
    struct rw_forward *f = m->f;
    const struct rw_layer *layer = &f->weights->layers[l];
    struct rows attn = {f->attn, f->attn_stride * f->element};
    struct rows mlp = {f->mlp, f->mlp_stride * f->element};
    attn = phase_quantise(m, l, PHASE_QUANTISE_O, &layer->o, attn, back->rows);
    phase_add(m, l, PHASE_O, &layer->o, attn, back);
    phase_mlp_norm(m, l, back);
    phase_gate_up(m, l, back);
    mlp = phase_quantise(m, l, PHASE_QUANTISE_DOWN, &layer->down, mlp, back->rows);
    phase_add(m, l, PHASE_DOWN, &layer->down, mlp, back);
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
        if (!f->batch->before_norm) {
            final_norm(m);
        }
    }
}

void rw_forward_region(void *arg, unsigned index, unsigned members)
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
