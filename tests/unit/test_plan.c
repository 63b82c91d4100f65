/* The plan of a forward pass, on random batches: every row in one share and one tile, every wanted
 * row in one wanted tile, cuts only where they may be, and who must wait for whom. */
#include <check.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/model/forward_plan.h"
#include "tests/lib/suite.h"

enum {
    CHUNK = 2048,
    VOCAB = 100,
    TILE_ROWS = 12,
    PHASES = 3,
    APART_LEAST = 64,
    APART_ROWS = 160,
    BLOCKS_MAX = 100,
    SEQS_MAX = 64,
    BATCHES = 100,
    MEMBERS_MAX = 6,
};

struct world {
    struct rw_plan plan;
    void *memory;
    int32_t ids[CHUNK];
    uint32_t wanted[CHUNK];
    struct rw_kv_seq kv;
    struct rw_forward_seq seqs[SEQS_MAX];
    struct rw_forward_batch batch;
    uint32_t n_rows;
};

static void open_world(struct world *w, unsigned members, uint32_t least)
{
    const struct rw_plan_limits limits = {.chunk = CHUNK,
                                          .vocab = VOCAB,
                                          .blocks_max = BLOCKS_MAX,
                                          .tile_rows = TILE_ROWS,
                                          .phases = PHASES,
                                          .members = members,
                                          .apart_least = least,
                                          .apart_rows = APART_ROWS,
                                          .key_cost = 0.001};
    memset(w, 0, sizeof *w);
    w->kv.n_blocks = BLOCKS_MAX;
    rw_plan_init(&w->plan, &limits);
    struct rw_carve measure = {NULL, 0, false};
    rw_plan_carve(&w->plan, &measure);
    ck_assert(!measure.overflow);
    w->memory = aligned_alloc(RW_ALIGN, measure.used);
    ck_assert_ptr_nonnull(w->memory);
    struct rw_carve assign = {w->memory, 0, false};
    rw_plan_carve(&w->plan, &assign);
}

static uint32_t below(uint32_t n)
{
    return (uint32_t)rand() % n;
}

/* Some rows in some sequences, of which some go on from some position. */
static void draw(struct world *w)
{
    uint32_t rows = 1 + below(CHUNK);
    w->batch = (struct rw_forward_batch){.seqs = w->seqs, .wanted = w->wanted};
    w->n_rows = 0;
    while (w->n_rows < rows && w->batch.n_seqs < SEQS_MAX) {
        uint32_t n = 1 + below(below(2) ? 20 : 600);
        n = n < rows - w->n_rows ? n : rows - w->n_rows;
        uint32_t position = below(2) ? 0 : below(300);
        w->seqs[w->batch.n_seqs++] = (struct rw_forward_seq){&w->kv, w->ids, position, n, false};
        w->n_rows += n;
    }
    uint32_t every = 1 + below(40);
    for (uint32_t r = 0; r < w->n_rows; r++) {
        if (below(every) == 0) {
            w->wanted[w->batch.n_wanted++] = r;
        }
    }
}

static bool inside(const struct rw_plan_row *rows, uint32_t cut)
{
    return rows[cut - 1].seq == rows[cut].seq;
}

static void expect_shares(const struct world *w)
{
    const struct rw_plan *p = &w->plan;
    uint32_t row = 0, wanted = 0;
    ck_assert_uint_eq(p->n_rows, w->n_rows);
    ck_assert_uint_le(p->n_shares, p->shares_max);
    for (uint32_t s = 0; s < p->n_shares; s++) {
        const struct rw_plan_share *share = &p->shares[s];
        ck_assert_uint_eq(share->rows.begin, row);
        ck_assert_uint_gt(share->rows.end, row);
        ck_assert_uint_eq(share->members, p->n_shares > 1 ? 1 : p->limits.members);
        ck_assert_uint_eq(atomic_load(&share->stored), 0);
        uint32_t needs = s;
        if (row > 0 && inside(p->rows, row)) {
            ck_assert_uint_eq(p->rows[row].position % RW_KV_BLOCK_POSITIONS, 0);
            while (needs > 0 && inside(p->rows, p->shares[needs].rows.begin) &&
                   p->rows[p->shares[needs].rows.begin].seq == p->rows[row].seq) {
                needs--;
            }
        }
        ck_assert_uint_eq(share->needs, needs);
        for (uint32_t i = needs; i < s; i++) {
            ck_assert(p->shares[i].needed);
        }
        ck_assert_uint_eq(share->wanted.begin, wanted);
        for (; wanted < share->wanted.end; wanted++) {
            ck_assert_uint_ge(w->wanted[wanted], share->rows.begin);
            ck_assert_uint_lt(w->wanted[wanted], share->rows.end);
        }
        row = share->rows.end;
    }
    ck_assert_uint_eq(row, w->n_rows);
    ck_assert_uint_eq(wanted, w->batch.n_wanted);
}

static void expect_tile(const struct rw_plan *p, const struct rw_plan_tile *tile)
{
    ck_assert_uint_ge(tile->rows, 1);
    ck_assert_uint_le(tile->rows, TILE_ROWS);
    for (uint32_t i = 0; i < tile->rows; i++) {
        ck_assert_uint_eq(p->rows[tile->row + i].seq, tile->seq);
    }
}

static void expect_tiles(const struct world *w)
{
    const struct rw_plan *p = &w->plan;
    uint32_t tile = 0, wanted_tile = 0, row = 0, wanted = 0;
    for (uint32_t s = 0; s < p->n_shares; s++) {
        const struct rw_plan_share *share = &p->shares[s];
        ck_assert_uint_eq(share->tiles.begin, tile);
        for (; tile < share->tiles.end; tile++) {
            expect_tile(p, &p->tiles[tile]);
            ck_assert_uint_eq(p->tiles[tile].row, row);
            ck_assert_uint_eq(p->tiles[tile].out_row, row);
            row += p->tiles[tile].rows;
        }
        ck_assert_uint_eq(row, share->rows.end);
        ck_assert_uint_eq(share->wanted_tiles.begin, wanted_tile);
        for (; wanted_tile < share->wanted_tiles.end; wanted_tile++) {
            const struct rw_plan_tile *t = &p->wanted_tiles[wanted_tile];
            expect_tile(p, t);
            ck_assert_uint_eq(t->out_row, share->rows.begin + wanted - share->wanted.begin);
            for (uint32_t i = 0; i < t->rows; i++) {
                ck_assert_uint_eq(w->wanted[wanted++], t->row + i);
            }
        }
        ck_assert_uint_eq(wanted, share->wanted.end);
    }
}

static double work_of(const struct rw_plan *p, const struct rw_plan_share *share)
{
    double work = 0;
    for (uint32_t r = share->rows.begin; r < share->rows.end; r++) {
        work += 1 + p->limits.key_cost * (p->rows[r].position + 1);
    }
    return work;
}

/* Members that take the shares in order are equally busy at the end. */
static void expect_balance(const struct world *w)
{
    const struct rw_plan *p = &w->plan;
    double busy[MEMBERS_MAX] = {0}, total = 0;
    for (uint32_t s = 0; s < p->n_shares && p->n_shares > 1; s++) {
        unsigned least = 0;
        for (unsigned m = 1; m < p->limits.members; m++) {
            least = busy[m] < busy[least] ? m : least;
        }
        busy[least] += work_of(p, &p->shares[s]);
        total += work_of(p, &p->shares[s]);
    }
    for (unsigned m = 0; m < p->limits.members; m++) {
        ck_assert_double_le(busy[m], 1.1501 * total / p->limits.members);
    }
}

START_TEST(every_row_is_planned_once)
{
    static struct world w;
    unsigned members = (unsigned)_i + 1;
    uint32_t apart = 0;
    srand((unsigned)_i);
    open_world(&w, members, APART_LEAST);
    for (int i = 0; i < BATCHES; i++) {
        draw(&w);
        rw_plan_make(&w.plan, &w.batch);
        expect_shares(&w);
        expect_tiles(&w);
        expect_balance(&w);
        apart += w.plan.n_shares > 1;
        ck_assert(w.plan.n_shares == 1 || w.n_rows >= members * APART_LEAST);
        ck_assert(w.plan.n_shares == 1 || w.plan.n_shares >= members);
    }
    ck_assert(members == 1 ? apart == 0 : apart > BATCHES / 20);
    free(w.memory);
}
END_TEST

START_TEST(a_large_model_stays_together)
{
    static struct world w;
    open_world(&w, 2, 0);
    ck_assert_uint_eq(w.plan.shares_max, 1);
    for (int i = 0; i < BATCHES; i++) {
        draw(&w);
        rw_plan_make(&w.plan, &w.batch);
        ck_assert_uint_eq(w.plan.n_shares, 1);
        expect_shares(&w);
    }
    free(w.memory);
}
END_TEST

START_TEST(one_long_sequence_is_a_chain)
{
    static struct world w;
    open_world(&w, 4, APART_LEAST);
    w.seqs[0] = (struct rw_forward_seq){&w.kv, w.ids, 10, 1024, false};
    w.batch = (struct rw_forward_batch){.seqs = w.seqs, .n_seqs = 1, .wanted = w.wanted};
    w.n_rows = 1024;
    rw_plan_make(&w.plan, &w.batch);
    expect_shares(&w);
    ck_assert_uint_eq(w.plan.n_shares, 4);
    for (uint32_t s = 0; s < 4; s++) {
        ck_assert_uint_eq(w.plan.shares[s].needs, 0);
    }
    free(w.memory);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("plan");
    TCase *tc = tcase_create("plan");
    tcase_add_loop_test(tc, every_row_is_planned_once, 0, MEMBERS_MAX);
    tcase_add_test(tc, a_large_model_stays_together);
    tcase_add_test(tc, one_long_sequence_is_a_chain);
    suite_add_tcase(suite, tc);
    return rw_test_run(suite);
}
