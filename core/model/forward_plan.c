#include "core/model/forward_plan.h"

#include "core/base/assert.h"
#include "core/base/util.h"

/* Apart, the busiest member may have so many times its part. Chosen under what barriers were
 * measured to cost (core/kernels/README.md), not measured itself. */
static const double UNEQUAL_MAX = 1.15;

/* As many shares as make equal work for all members. */
static uint32_t count_shares(const struct rw_plan_limits *l, uint32_t rows)
{
    if (l->members == 1 || l->apart_least == 0 || rows / l->members < l->apart_least) {
        return 1;
    }
    uint32_t each = rows / l->members / l->apart_rows;
    return l->members * (each > 0 ? each : 1);
}

void rw_plan_init(struct rw_plan *p, const struct rw_plan_limits *limits)
{
    *p = (struct rw_plan){.limits = *limits, .shares_max = count_shares(limits, limits->chunk)};
}

void rw_plan_carve(struct rw_plan *p, struct rw_carve *c)
{
    p->rows = rw_carve(c, p->limits.chunk, sizeof *p->rows);
    p->tiles = rw_carve(c, p->limits.chunk, sizeof *p->tiles);
    p->wanted_tiles = rw_carve(c, p->limits.chunk, sizeof *p->wanted_tiles);
    p->shares = rw_carve(c, p->shares_max, sizeof *p->shares);
    p->tickets = rw_carve(c, (size_t)p->shares_max * p->limits.phases, sizeof *p->tickets);
}

static void list_rows(struct rw_plan *p, const struct rw_forward_batch *b)
{
    p->n_rows = 0;
    for (uint32_t s = 0; s < b->n_seqs; s++) {
        const struct rw_forward_seq *seq = &b->seqs[s];
        rw_assert(seq->n > 0 && seq->n <= p->limits.chunk - p->n_rows);
        rw_assert(rw_kv_blocks_of(seq->position + seq->n) <= seq->kv->n_blocks);
        rw_assert(seq->kv->n_blocks <= p->limits.blocks_max);
        for (uint32_t i = 0; i < seq->n; i++) {
            rw_assert(seq->ids[i] >= 0 && (uint32_t)seq->ids[i] < p->limits.vocab);
            p->rows[p->n_rows++] = (struct rw_plan_row){s, seq->position + i, seq->ids[i]};
        }
    }
}

/* ---- shares ---------------------------------------------------------------------------------- */

static double cost(const struct rw_plan *p, uint32_t row)
{
    return 1 + p->limits.key_cost * (p->rows[row].position + 1);
}

static bool may_cut_before(const struct rw_plan *p, uint32_t row)
{
    return p->rows[row].seq != p->rows[row - 1].seq ||
           p->rows[row].position % RW_KV_BLOCK_POSITIONS == 0;
}

/* The first share with rows of the sequence in which share s begins; those from it on are needed.
 * Itself where it begins with a sequence. */
static uint32_t first_needed(struct rw_plan *p, uint32_t s)
{
    uint32_t begin = p->shares[s].rows.begin;
    while (s > 0 && p->rows[p->shares[s].rows.begin - 1].seq == p->rows[begin].seq) {
        p->shares[--s].needed = true;
    }
    return s;
}

static void add_share(struct rw_plan *p, uint32_t end, unsigned members)
{
    rw_assert(p->n_shares < p->shares_max);
    struct rw_plan_share *share = &p->shares[p->n_shares];
    uint32_t begin = p->n_shares > 0 ? p->shares[p->n_shares - 1].rows.end : 0;
    rw_assert(begin < end && end <= p->n_rows);
    share->rows = (struct rw_plan_range){begin, end};
    share->members = members;
    share->needed = false;
    share->needs = first_needed(p, p->n_shares);
    share->tickets = p->tickets + (size_t)p->n_shares * p->limits.phases;
    p->n_shares++;
}

/* Each cut goes where it may, as near as can be to its part of the work. */
static void cut_shares(struct rw_plan *p, uint32_t shares)
{
    double total = 0, done = 0, done_before = 0;
    uint32_t before = 0; /* the last place where a cut may be */
    for (uint32_t row = 0; row < p->n_rows; row++) {
        total += cost(p, row);
    }
    for (uint32_t row = 1; row < p->n_rows && p->n_shares + 1 < shares; row++) {
        done += cost(p, row - 1);
        if (!may_cut_before(p, row)) {
            continue;
        }
        double target = total * (p->n_shares + 1) / shares;
        if (done >= target) {
            uint32_t last = p->n_shares > 0 ? p->shares[p->n_shares - 1].rows.end : 0;
            bool earlier = before > last && target - done_before < done - target;
            add_share(p, earlier ? before : row, 1);
        }
        before = row;
        done_before = done;
    }
    add_share(p, p->n_rows, 1);
}

static double work_of(const struct rw_plan *p, const struct rw_plan_share *share)
{
    double work = 0;
    for (uint32_t row = share->rows.begin; row < share->rows.end; row++) {
        work += cost(p, row);
    }
    return work;
}

/* Will the members be equally busy? Whoever is free first takes the next share. */
static bool is_balanced(const struct rw_plan *p)
{
    double busy[RW_TEAM_MAX] = {0}, total = 0, most = 0;
    for (uint32_t s = 0; s < p->n_shares; s++) {
        double work = work_of(p, &p->shares[s]);
        unsigned first = 0;
        for (unsigned m = 1; m < p->limits.members; m++) {
            first = busy[m] < busy[first] ? m : first;
        }
        busy[first] += work;
        total += work;
        most = RW_MAX(busy[first], most);
    }
    return most * p->limits.members <= total * UNEQUAL_MAX;
}

/* ---- tiles ----------------------------------------------------------------------------------- */

static uint32_t add_tiles(struct rw_plan *p, struct rw_plan_share *share, uint32_t n)
{
    share->tiles.begin = n;
    for (uint32_t row = share->rows.begin; row < share->rows.end; row++) {
        struct rw_plan_tile *last = &p->tiles[n > 0 ? n - 1 : 0];
        bool same = n > share->tiles.begin && last->seq == p->rows[row].seq;
        if (same && last->rows < p->limits.tile_rows) {
            last->rows++;
        } else {
            p->tiles[n++] = (struct rw_plan_tile){p->rows[row].seq, row, 1, row};
        }
    }
    share->tiles.end = n;
    return n;
}

/* Neighbouring wanted rows of one sequence share a tile. The output of attention lies in the rows
 * of the share, from its first one on: nobody else's are there. */
static uint32_t add_wanted(struct rw_plan *p, const struct rw_forward_batch *b,
                           struct rw_plan_share *share, uint32_t first, uint32_t n)
{
    uint32_t i = first;
    share->wanted_tiles.begin = n;
    for (; i < b->n_wanted && b->wanted[i] < share->rows.end; i++) {
        uint32_t row = b->wanted[i];
        struct rw_plan_tile *last = &p->wanted_tiles[n > 0 ? n - 1 : 0];
        rw_assert(i == 0 || b->wanted[i - 1] < row);
        bool next = n > share->wanted_tiles.begin && last->seq == p->rows[row].seq &&
                    last->row + last->rows == row;
        if (next && last->rows < p->limits.tile_rows) {
            last->rows++;
        } else {
            uint32_t out_row = share->rows.begin + i - first;
            p->wanted_tiles[n++] = (struct rw_plan_tile){p->rows[row].seq, row, 1, out_row};
        }
    }
    share->wanted = (struct rw_plan_range){first, i};
    share->wanted_tiles.end = n;
    return n;
}

static void reset(struct rw_plan *p)
{
    atomic_store_explicit(&p->next_share, 0, memory_order_relaxed);
    for (uint32_t s = 0; s < p->n_shares; s++) {
        atomic_store_explicit(&p->shares[s].stored, 0, memory_order_relaxed);
        for (uint32_t i = 0; i < p->limits.phases; i++) {
            atomic_store_explicit(&p->shares[s].tickets[i], 0, memory_order_relaxed);
        }
    }
}

void rw_plan_make(struct rw_plan *p, const struct rw_forward_batch *batch)
{
    list_rows(p, batch);
    rw_assert(p->n_rows > 0);
    p->n_shares = 0;
    uint32_t shares = count_shares(&p->limits, p->n_rows);
    if (shares > 1) {
        cut_shares(p, shares);
    }
    if (p->n_shares < p->limits.members || !is_balanced(p)) { /* or it could not be cut well */
        p->n_shares = 0;
        add_share(p, p->n_rows, p->limits.members);
    }
    uint32_t tiles = 0, wanted_tiles = 0, wanted = 0;
    for (uint32_t s = 0; s < p->n_shares; s++) {
        tiles = add_tiles(p, &p->shares[s], tiles);
        wanted_tiles = add_wanted(p, batch, &p->shares[s], wanted, wanted_tiles);
        wanted = p->shares[s].wanted.end;
    }
    rw_assert(wanted == batch->n_wanted);
    reset(p);
}
