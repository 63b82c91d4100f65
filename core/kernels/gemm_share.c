/* Guided self-scheduling (Polychronopoulos and Kuck, 1987): a part is a fixed share of what is
 * left, so parts shrink towards the end and members finish together, however unequal their
 * processors are at that moment. The unit is one panel times a block of rows; long parts are whole
 * panels, since a panel that two members read is fetched twice. */
#include "core/kernels/gemm_share.h"

#include <stdbool.h>

#include "core/base/assert.h"
#include "core/base/util.h"

enum {
    BLOCK_ROWS = 96,   /* about as many rows make a unit: less and reading the panel shows */
    ROWS_MULTIPLE = 6, /* fills register tiles */
    PARTS = 2,         /* a part is what is left, over members times this */
};

/* How the rows of a product are cut. */
struct cut {
    uint32_t blocks;
    uint32_t rows; /* of a block, but the last */
};

static struct cut cut_rows(uint32_t rows)
{
    uint32_t blocks = (rows + BLOCK_ROWS / 2) / BLOCK_ROWS;
    blocks = blocks > 0 ? blocks : 1;
    uint32_t each = (rows + blocks - 1) / blocks;
    each = (each + ROWS_MULTIPLE - 1) / ROWS_MULTIPLE * ROWS_MULTIPLE;
    return (struct cut){(rows + each - 1) / each, each};
}

/* Takes units [*begin, *end) of `total`; false when none is left. */
static bool take_part(atomic_uint *next, uint32_t total, uint32_t blocks, unsigned members,
                      uint32_t *begin, uint32_t *end)
{
    unsigned from = atomic_load_explicit(next, memory_order_relaxed), to;
    do {
        if (from >= total) {
            return false;
        }
        uint32_t share = members > 1 ? (total - from) / (members * PARTS) : total - from;
        to = from + (share > 0 ? share : 1);
        if (share >= blocks) {
            to -= to % blocks;
        }
    } while (!atomic_compare_exchange_weak_explicit(next, &from, to, memory_order_relaxed,
                                                    memory_order_relaxed));
    *begin = from;
    *end = to;
    return true;
}

/* Units [begin, end) as few calls: blocks of one panel, or whole panels. Returns the first unit
 * that was not done. */
static uint32_t run_units(const struct rw_kernels *kernels, const struct rw_gemm *gemm,
                          struct cut cut, uint32_t begin, uint32_t end, void *scratch)
{
    uint32_t panel = begin / cut.blocks, block = begin % cut.blocks;
    if (block == 0 && end - begin >= cut.blocks) {
        uint32_t panels = (end - begin) / cut.blocks;
        kernels->gemm(gemm, panel, panel + panels, scratch);
        return begin + panels * cut.blocks;
    }
    uint32_t left = cut.blocks - block;
    uint32_t blocks = end - begin < left ? end - begin : left;
    uint32_t row = block * cut.rows, last = (block + blocks) * cut.rows;
    struct rw_gemm part = *gemm;
    part.x = (const unsigned char *)gemm->x + row * gemm->x_stride;
    part.out = (unsigned char *)gemm->out + row * gemm->out_stride;
    part.rows = (RW_MIN(last, gemm->rows)) - row;
    kernels->gemm(&part, panel, panel + 1, scratch);
    return begin + blocks;
}

void rw_gemm_share(const struct rw_kernels *kernels, const struct rw_gemm *gemm, atomic_uint *next,
                   unsigned members, void *scratch)
{
    rw_assert(gemm->rows > 0 && members > 0);
    struct cut cut = cut_rows(gemm->rows);
    uint32_t begin, end;
    while (take_part(next, gemm->linear->panels * cut.blocks, cut.blocks, members, &begin, &end)) {
        while (begin < end) {
            begin = run_units(kernels, gemm, cut, begin, end, scratch);
        }
    }
}
