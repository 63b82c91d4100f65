/* The forward pass by itself, on a tiny model of random weights: what it writes into the KV cache
 * and what it leaves alone. Its numbers are held by tests/golden, its bits by tests/invariance. */
#include <stdlib.h>
#include <string.h>

#include "core/base/util.h"
#include "core/kernels/team.h"
#include "core/model/forward.h"
#include "core/model/kv.h"
#include "tests/kernels/support.h"
#include "tests/lib/suite.h"

enum {
    LAYERS = 2,
    HIDDEN = 64,
    INTERMEDIATE = 96,
    HEADS = 4,
    KV_HEADS = 2,
    HEAD_DIM = 16,
    VOCAB = 50,
    TOKENS = 70, /* a block and a bit */
    CHUNK = 80,
    BLOCKS = 2,
};

struct world {
    struct rw_weights weights;
    struct rw_layer layers[LAYERS];
    float embed[VOCAB * HIDDEN];
    float norm[HIDDEN];
    struct rw_kv_budget budget;
    struct rw_kv_pool *pool;
    struct rw_team *team;
    struct rw_forward *forward;
    struct rw_kv_seq kv;
    uint32_t blocks[BLOCKS];
    int32_t ids[TOKENS];
    size_t block_bytes; /* of one layer and head */
};

static struct rw_linear random_linear(enum rw_dtype dtype, uint32_t n_out, uint32_t n_in)
{
    float *values = malloc((size_t)n_out * n_in * sizeof *values);
    ck_assert_ptr_nonnull(values);
    struct rw_linear linear = linear_random(dtype, n_out, n_in, false, values);
    free(values);
    return linear;
}

static void make_weights(struct world *w, enum rw_dtype dtype)
{
    uint32_t q = HEADS * HEAD_DIM;
    random_fill(w->embed, VOCAB * HIDDEN);
    for (size_t i = 0; i < HIDDEN; i++) {
        w->norm[i] = 1.0f;
    }
    for (size_t l = 0; l < LAYERS; l++) {
        w->layers[l] = (struct rw_layer){
            .attn_norm = w->norm,
            .mlp_norm = w->norm,
            .q_norm = w->norm,
            .k_norm = w->norm,
            .qkv = random_linear(dtype, q + 2 * KV_HEADS * HEAD_DIM, HIDDEN),
            .o = random_linear(dtype, HIDDEN, q),
            .gate_up = random_linear(dtype, 2 * INTERMEDIATE, HIDDEN),
            .down = random_linear(dtype, HIDDEN, INTERMEDIATE),
        };
    }
    w->weights = (struct rw_weights){
        .config = {.backbone = RW_BACKBONE_QWEN3,
                   .hidden = HIDDEN,
                   .intermediate = INTERMEDIATE,
                   .layers = LAYERS,
                   .heads = HEADS,
                   .kv_heads = KV_HEADS,
                   .head_dim = HEAD_DIM,
                   .vocab = VOCAB,
                   .context_max = CHUNK,
                   .rms_eps = 1e-6f,
                   .rope = {.type = RW_ROPE_DEFAULT, .theta = 1e4, .factor = 1}},
        .dtype = dtype,
        .layers = w->layers,
        .embed = w->embed,
        .embed_dtype = RW_DTYPE_F32,
        .final_norm = w->norm,
    };
}

static void open_world(struct world *w, const struct rw_kernels *kernels, enum rw_dtype dtype,
                       unsigned threads)
{
    struct rw_error err = {0};
    *w = (struct world){.kv = {.max_blocks = BLOCKS}};
    w->kv.blocks = w->blocks;
    random_seed(11);
    make_weights(w, dtype);
    for (size_t i = 0; i < TOKENS; i++) {
        w->ids[i] = (int32_t)(i * 7 % VOCAB);
    }
    w->block_bytes = rw_kernels_kv_block_bytes(rw_dtype_state(dtype), HEAD_DIM);
    w->budget.max_bytes = BLOCKS * rw_kv_pool_block_bytes(&w->weights.config, dtype);
    ck_assert_int_eq(rw_kv_pool_create(&w->budget, &w->weights.config, dtype, &w->pool, &err),
                     RW_OK);
    ck_assert_int_eq(rw_team_create(threads, &w->team, &err), RW_OK);
    ck_assert_int_eq(
        rw_forward_create(&w->weights, kernels, w->team, CHUNK, CHUNK, &w->forward, &err), RW_OK);
    ck_assert(rw_kv_reserve(w->pool, &w->kv, BLOCKS));
    rw_kv_grow(w->pool, &w->kv, TOKENS);
}

static void close_world(struct world *w)
{
    rw_kv_release(w->pool, &w->kv);
    rw_forward_destroy(w->forward);
    rw_team_destroy(w->team);
    rw_kv_pool_destroy(w->pool);
    for (size_t l = 0; l < LAYERS; l++) {
        struct rw_linear *linears[] = {&w->layers[l].qkv, &w->layers[l].o, &w->layers[l].gate_up,
                                       &w->layers[l].down};
        for (size_t i = 0; i < RW_COUNT(linears); i++) {
            linear_free(linears[i]);
        }
    }
}

/* Tokens [position, position + n) of the one sequence; the hidden state of the last one. */
static void pass(struct world *w, const int32_t *ids, uint32_t position, uint32_t n, bool stored,
                 float *hidden)
{
    struct rw_forward_seq seq = {&w->kv, ids, position, n, stored};
    uint32_t wanted = n - 1;
    struct rw_forward_batch batch = {
        .kv = w->pool, .seqs = &seq, .n_seqs = 1, .wanted = &wanted, .n_wanted = 1};
    size_t stride;
    memcpy(hidden, rw_forward_run(w->forward, &batch, &stride), HIDDEN * sizeof *hidden);
}

/* All that the sequence has in the KV cache; free() it. */
static unsigned char *copy_of_cache(const struct world *w)
{
    unsigned char *copy = malloc(BLOCKS * LAYERS * KV_HEADS * 2 * w->block_bytes), *to = copy;
    ck_assert_ptr_nonnull(copy);
    for (uint32_t b = 0; b < BLOCKS; b++) {
        for (uint32_t l = 0; l < LAYERS; l++) {
            for (uint32_t h = 0; h < KV_HEADS * 2; h++, to += w->block_bytes) {
                memcpy(to, rw_kv_block(w->pool, w->blocks[b], l, h / 2, h % 2 == 1),
                       w->block_bytes);
            }
        }
    }
    return copy;
}

static bool cache_is(const struct world *w, const unsigned char *copy)
{
    unsigned char *now = copy_of_cache(w);
    bool same = memcmp(now, copy, BLOCKS * LAYERS * KV_HEADS * 2 * w->block_bytes) == 0;
    free(now);
    return same;
}

/* A token that is read again because its hidden state is wanted leaves the cache as it is: others
 * may be reading it at that moment. The same pass without `stored` writes, so this can fail. */
static void check_stored(const struct rw_kernels *kernels, enum rw_dtype dtype)
{
    struct world w;
    float first[HIDDEN], again[HIDDEN];
    const int32_t other = VOCAB - 1;
    open_world(&w, kernels, dtype, 1);
    pass(&w, w.ids, 0, TOKENS, false, first);
    unsigned char *copy = copy_of_cache(&w);
    pass(&w, &w.ids[TOKENS - 1], TOKENS - 1, 1, true, again);
    ck_assert_mem_eq(first, again, sizeof first);
    ck_assert(cache_is(&w, copy));
    pass(&w, &other, TOKENS - 1, 1, true, again);
    ck_assert(memcmp(first, again, sizeof first) != 0);
    ck_assert_msg(cache_is(&w, copy), "%s %s: written", kernels->name, rw_dtype_name(dtype));
    pass(&w, &other, TOKENS - 1, 1, false, again);
    ck_assert(!cache_is(&w, copy));
    free(copy);
    close_world(&w);
}

START_TEST(a_stored_token_is_not_written)
{
    FOR_EACH_TABLE(table)
    {
        FOR_EACH_DTYPE(dtype)
        {
            check_stored(*table, dtype);
        }
    }
}
END_TEST

/* Chunks of any size and any team leave the same cache and the same hidden state. */
static void check_chunks(const struct rw_kernels *kernels, enum rw_dtype dtype)
{
    static const uint32_t CHUNKS[] = {1, 7, 64, 69};
    struct world w;
    float whole[HIDDEN], hidden[HIDDEN];
    open_world(&w, kernels, dtype, 1);
    pass(&w, w.ids, 0, TOKENS, false, whole);
    unsigned char *copy = copy_of_cache(&w);
    close_world(&w);
    for (size_t c = 0; c < RW_COUNT(CHUNKS); c++) {
        open_world(&w, kernels, dtype, c % 2 == 0 ? 2 : 1);
        for (uint32_t at = 0, n; at < TOKENS; at += n) {
            n = TOKENS - at < CHUNKS[c] ? TOKENS - at : CHUNKS[c];
            pass(&w, w.ids + at, at, n, false, hidden);
        }
        ck_assert_msg(memcmp(whole, hidden, sizeof whole) == 0, "%s %s, chunks of %u",
                      kernels->name, rw_dtype_name(dtype), CHUNKS[c]);
        ck_assert(cache_is(&w, copy));
        close_world(&w);
    }
    free(copy);
}

START_TEST(chunks_leave_the_same_cache)
{
    FOR_EACH_TABLE(table)
    {
        FOR_EACH_DTYPE(dtype)
        {
            check_chunks(*table, dtype);
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("forward");
    TCase *tc = tcase_create("forward");
    tcase_add_test(tc, a_stored_token_is_not_written);
    tcase_add_test(tc, chunks_leave_the_same_cache);
    suite_add_tcase(suite, tc);
    return rw_test_run(suite);
}
