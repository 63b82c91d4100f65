#include "core/shortcut/redundancy.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#define ZLIB_CONST
#include <zlib.h>

#include "core/base/assert.h"
#include "core/base/util.h"

enum {
    LEVEL = 6,
    MEMORY_LEVEL = 8, /* zlib's default: other values give other lengths */
    WINDOW_BITS_MAX = 15,
    WINDOW_BITS_MIN = 9,
    LOOKAHEAD = 262, /* MIN_LOOKAHEAD of deflate: a match reaches back window - 262 */
    OUT_BYTES = 4096,
};

/* zlib's memory out of one slab that is handed out from the start again for every copy. */
struct slab {
    unsigned char *bytes;
    size_t size;
    size_t used;
};

static voidpf slab_alloc(voidpf ctx, uInt items, uInt size)
{
    struct slab *slab = ctx;
    size_t bytes = ((size_t)items * size + 15) / 16 * 16;
    if (bytes > slab->size - slab->used) {
        return Z_NULL;
    }
    void *ptr = slab->bytes + slab->used;
    slab->used += bytes;
    return ptr;
}

static void slab_free(voidpf ctx, voidpf ptr)
{
    (void)ctx;
    (void)ptr;
}

/* The smallest window in which every match of the trace stays in reach, so that lengths are those
 * of the full 32 KiB window while less state is copied at each step. */
static int window_bits(const struct rw_str *steps, size_t n_steps)
{
    uint64_t total = LOOKAHEAD;
    for (size_t i = 0; i < n_steps && total < RW_REDUNDANCY_BYTES_MAX; i++) {
        total += steps[i].len + 1;
    }
    int bits = WINDOW_BITS_MIN;
    while (bits < WINDOW_BITS_MAX && total > (UINT64_C(1) << bits)) {
        bits++;
    }
    return bits;
}

static void feed(z_stream *z, const char *bytes, size_t len, int flush)
{
    unsigned char out[OUT_BYTES];
    z->next_in = (const Bytef *)bytes;
    z->avail_in = (uInt)len; /* under RW_REDUNDANCY_BYTES_MAX */
    int rc;
    do {
        z->next_out = out;
        z->avail_out = sizeof out;
        rc = deflate(z, flush);
        rw_assert(rc == Z_OK || rc == Z_STREAM_END || rc == Z_BUF_ERROR);
    } while (z->avail_out == 0 && rc != Z_STREAM_END);
}

/* |z(all fed so far)|: a copy of the state is finished. */
static uint64_t length_now(z_stream *z, struct slab *copies)
{
    z_stream copy;
    copies->used = 0;
    void *own = z->opaque;
    z->opaque = copies;
    int rc = deflateCopy(&copy, z);
    z->opaque = own;
    rw_assert(rc == Z_OK); /* the slab is as large as the first state's */
    feed(&copy, NULL, 0, Z_FINISH);
    return copy.total_out;
}

static void walk(z_stream *z, struct slab *copies, const struct rw_str *steps, size_t n_steps,
                 double *value)
{
    size_t total = 0;
    bool started = false;
    bool known = false; /* `before` is the length up to here */
    uint64_t before = 0;
    for (size_t i = 0; i < n_steps; i++) {
        value[i] = NAN;
        if (steps[i].len == 0 || steps[i].len >= RW_REDUNDANCY_BYTES_MAX - total) {
            total = steps[i].len == 0 ? total : RW_REDUNDANCY_BYTES_MAX;
            continue;
        }
        total += steps[i].len + 1;
        bool wanted = started && steps[i].len >= RW_REDUNDANCY_STEP_MIN;
        if (wanted && !known) {
            before = length_now(z, copies);
        }
        if (started) {
            feed(z, "\n", 1, Z_NO_FLUSH);
        }
        feed(z, steps[i].ptr, steps[i].len, Z_NO_FLUSH);
        started = true;
        known = wanted;
        if (wanted) {
            uint64_t after = length_now(z, copies);
            value[i] = ((double)after - (double)before) / (double)steps[i].len;
            before = after;
        }
    }
}

rw_status rw_redundancy(const struct rw_str *steps, size_t n_steps, struct rw_arena *arena,
                        double *value, struct rw_error *err)
{
    enum {
        STATE_MAX = RW_REDUNDANCY_SCRATCH_MAX / 2 - 4096
    };
    struct slab slabs[2];
    int bits = window_bits(steps, n_steps);
    /* zconf.h: deflate needs (1 << (windowBits + 2)) + (1 << (memLevel + 9)) and a few KB. */
    size_t state = ((size_t)1 << (bits + 2)) + ((size_t)1 << (MEMORY_LEVEL + 9)) + 65536;
    state = RW_MIN(state, STATE_MAX);
    for (int i = 0; i < 2; i++) {
        slabs[i] = (struct slab){rw_arena_alloc(arena, state), state, 0};
        if (slabs[i].bytes == NULL) {
            return rw_fail_memory(err, "the compression of a trace");
        }
    }
    z_stream z = {.zalloc = slab_alloc, .zfree = slab_free, .opaque = &slabs[0]};
    int rc = deflateInit2(&z, LEVEL, Z_DEFLATED, bits, MEMORY_LEVEL, Z_DEFAULT_STRATEGY);
    if (rc != Z_OK) {
        return rw_fail(err, RW_INTERNAL, "deflate refused its parameters (%d)", rc);
    }
    walk(&z, &slabs[1], steps, n_steps, value);
    return RW_OK; /* deflateEnd would only give the slabs back */
}
