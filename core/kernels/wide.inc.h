/* Operands of a GEMM as its tile reads them. Where the instruction set has no product of a type, it
 * is widened: bfloat16 to float, bytes to int16. The tile would have to do that again and again for
 * what it loads, so a slice of a panel is widened once for all rows of a block, and a row once for
 * all panels of a call; the tile then only broadcasts and multiplies. It pays from
 * three or four rows on; one row is slower, which is the price of having no second path whose sums
 * would have to agree. */
enum {
    WIDE_PANEL_BYTES = 320 * 1024,
    WIDE_X_BYTES = 4 * 1024 * 1024, /* rows of a block, in scratch */
    WIDE_STEPS = 2,                 /* that a group becomes */
};

_Static_assert(RW_K_MAX * sizeof(float) * RW_TILE_ROWS <= WIDE_X_BYTES, "a tile of rows fits");

static bool is_widened(enum rw_dtype dtype)
{
#ifdef RW_WIDE_BF16
    if (dtype == RW_DTYPE_BF16) {
        return true;
    }
#endif
#ifdef RW_WIDE_INT8
    if (rw_dtype_is_quantised(dtype)) {
        return true;
    }
#endif
    (void)dtype;
    return false;
}

/* Scratch of it. */
struct wide {
    char *panel; /* a slice */
    char *x;     /* the rows of a block */
};

/* The rows of a block, as they came or in scratch. */
struct operand {
    const char *rows;
    size_t stride;
    size_t steps_of_group; /* steps of the tile that 4 bytes of a packed weight become */
};

static size_t wide_bytes(enum rw_dtype dtype)
{
    return is_widened(dtype) ? WIDE_PANEL_BYTES + WIDE_X_BYTES : 0;
}

static struct wide wide_at(char *memory)
{
    return (struct wide){memory, memory + WIDE_PANEL_BYTES};
}

static size_t wide_row_bytes(const struct rw_linear *l)
{
    return l->k_padded * rw_dtype_bytes(l->dtype) * WIDE_STEPS;
}

/* Rows of a block: whole tiles. */
static uint32_t wide_rows(const struct rw_linear *l)
{
    size_t fit = WIDE_X_BYTES / wide_row_bytes(l) / RW_TILE_ROWS * RW_TILE_ROWS;
    return fit < GEMM_ROWS_MAX ? (uint32_t)fit : GEMM_ROWS_MAX;
}

/* Bytes 0 and 1, or 2 and 3, of each lane as int16. */
RW_INLINE vu widen_weights(vu bytes, int half)
{
    vu low = (vu)((vi)(bytes << (half == 0 ? 24 : 8)) >> 24);
    vu high = (vu)((vi)(bytes << (half == 0 ? 16 : 0)) >> 24);
    return (low & 0xFFFFU) | (high << 16);
}

static void widen_panel(enum rw_dtype dtype, const char *packed, size_t groups, char *out)
{
    bool floats = dtype == RW_DTYPE_BF16;
    for (size_t g = 0; g < groups;
         g++, packed += RW_PANEL_STEP, out += WIDE_STEPS * RW_PANEL_STEP) {
        for (int at = 0; at < RW_PANEL_STEP; at += RW_VL * RW_GROUP_BYTES) {
            vu narrow = vu_load(packed + at);
            vu low = floats ? narrow << 16 : widen_weights(narrow, 0);
            vu high = floats ? narrow & 0xFFFF0000U : widen_weights(narrow, 1);
            vi_store(out + at, (vi)low);
            vi_store(out + RW_PANEL_STEP + at, (vi)high);
        }
    }
}

/* n <= RW_VL values. */
RW_INLINE void widen_floats(const char *x, size_t n, char *out)
{
    vh narrow = {0};
    memcpy(&narrow, x, n * sizeof(uint16_t));
    vu wide = __builtin_convertvector(narrow, vu) << 16;
    memcpy(out, &wide, n * sizeof(float));
}

/* n values; of bytes whole groups of 32. */
static void widen_row(enum rw_dtype dtype, const char *x, size_t n, char *out)
{
    if (dtype == RW_DTYPE_BF16) {
        size_t i = 0;
        for (; i + RW_VL <= n; i += RW_VL) {
            widen_floats(x + i * sizeof(uint16_t), RW_VL, out + i * sizeof(float));
        }
        widen_floats(x + i * sizeof(uint16_t), n - i, out + i * sizeof(float));
        return;
    }
    for (size_t i = 0; i < n; i += sizeof(vpair)) {
        vpair bytes;
        memcpy(&bytes, x + i, sizeof bytes);
        vshorts wide = __builtin_convertvector(bytes, vshorts);
        memcpy(out + i * sizeof(int16_t), &wide, sizeof wide);
    }
}

/* Rows [begin, end) of the activations. */
static struct operand operand_of(const struct rw_gemm *g, uint32_t begin, uint32_t end,
                                 const struct wide *scratch)
{
    const struct rw_linear *l = g->linear;
    const char *x = (const char *)g->x + begin * g->x_stride;
    if (!is_widened(l->dtype)) {
        return (struct operand){x, g->x_stride, 1};
    }
    size_t stride = wide_row_bytes(l);
    for (uint32_t row = begin; row < end; row++, x += g->x_stride) {
        widen_row(l->dtype, x, l->k_padded, scratch->x + (row - begin) * stride);
    }
    return (struct operand){scratch->x, stride, WIDE_STEPS};
}
