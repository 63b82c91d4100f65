/* Plan of a forward pass: its rows, the tiles of its attention, and its shares.
 *
 * A share is a range of rows that goes through the layers by itself. Together: a pass is one share
 * on which all members work, with a barrier behind every phase. Apart: it is cut into shares of one
 * member each. Whoever has a share needs no barrier, and its rows stay in the cache of one
 * processor; only where a share begins inside a sequence must it wait, in each layer, for the keys
 * of the rows before. Cuts inside a sequence lie between KV blocks, so that nobody reads a block
 * that another one is still writing. A cut that would leave the members unequal work is not made.
 * How a pass is cut decides nothing about the bits of a result.
 *
 * Apart, every share fetches all weights: this pays where those come from a cache. */
#ifndef RW_MODEL_FORWARD_PLAN_H
#define RW_MODEL_FORWARD_PLAN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/model/carve.h"
#include "core/model/forward.h"

struct rw_plan_row {
    uint32_t seq;
    uint32_t position;
    int32_t id;
};

/* Consecutive queries of one sequence: an item of attention work, times KV heads. */
struct rw_plan_tile {
    uint32_t seq;
    uint32_t row; /* of the chunk */
    uint32_t rows;
    uint32_t out_row; /* of the attention output */
};

struct rw_plan_range {
    uint32_t begin;
    uint32_t end;
};

struct rw_plan_share {
    struct rw_plan_range rows;         /* of the chunk */
    struct rw_plan_range tiles;        /* of all of its rows */
    struct rw_plan_range wanted;       /* of batch->wanted */
    struct rw_plan_range wanted_tiles; /* their queries */
    uint32_t needs;                    /* first share with rows of its first sequence */
    bool needed;                       /* a later one awaits its keys */
    unsigned members;                  /* that work on it */
    atomic_uint stored;                /* layers whose keys are in the KV cache */
    atomic_uint *tickets;              /* [phases of all layers] work that has been taken */
};

/* What stays the same from pass to pass. */
struct rw_plan_limits {
    uint32_t chunk;       /* rows at most */
    uint32_t vocab;       /* ids are below it */
    uint32_t blocks_max;  /* KV blocks of a sequence */
    uint32_t tile_rows;   /* of attention, at most */
    uint32_t phases;      /* tickets of a share */
    unsigned members;     /* of the team */
    uint32_t apart_least; /* rows for each member, or the pass stays together; 0: it always does */
    uint32_t apart_rows;  /* of a share of one member, about */
    double key_cost; /* of one key that a row sees (windows are not looked at), beside 1 for all
                        else */
};

struct rw_plan {
    struct rw_plan_limits limits;
    uint32_t shares_max;
    struct rw_plan_row *rows;          /* [chunk] */
    struct rw_plan_tile *tiles;        /* [chunk] */
    struct rw_plan_tile *wanted_tiles; /* [chunk] */
    struct rw_plan_share *shares;      /* [shares_max] */
    atomic_uint *tickets;              /* [shares_max, phases] */
    uint32_t n_rows;
    uint32_t n_shares;
    atomic_uint next_share;
};

/* Once, then carve twice, to measure and to assign. */
void rw_plan_init(struct rw_plan *plan, const struct rw_plan_limits *limits);
void rw_plan_carve(struct rw_plan *plan, struct rw_carve *carve);
/* Before the region of each pass, by one thread; the batch must outlive the pass. */
void rw_plan_make(struct rw_plan *plan, const struct rw_forward_batch *batch);

static inline uint32_t rw_plan_length(struct rw_plan_range range)
{
    return range.end - range.begin;
}

#endif
