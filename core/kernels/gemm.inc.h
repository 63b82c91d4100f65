/* y[T, O] = x[T, I] @ W[O, I]^T: loops over rows, panels and slices of K around the tile, and the
 * epilogues that end a tile. */
enum {
    GEMM_ROWS_MAX = 512, /* rows done before the next panel: x of a block stays near */
    GEMM_SLICE_BYTES_MAX = 640 * 1024, /* of a panel, so that it stays in L2 while rows pass */
};

/* Writes n values of a row in the type that enters a GEMM, from element `at` on. */
RW_INLINE void act_store(enum rw_dtype dtype, void *out, size_t at, vf v, int n)
{
    if (dtype == RW_DTYPE_F32) {
        vf_store_n((float *)out + at, v, n);
        return;
    }
    vh half = vf_round_bf16(v);
    memcpy((uint16_t *)out + at, &half, 2 * (size_t)n);
}

RW_INLINE vf with_bias(const float *c, const float *bias)
{
    return bias != NULL ? vf_load(c) + vf_load(bias) : vf_load(c);
}

/* One row of a panel to float, added to what is there when `add`; columns of 64 are real. */
static void finish_f32(const float *c, const float *bias, bool add, int columns, float *out)
{
    for (int j = 0; j < columns; j += RW_VL) {
        vf y = with_bias(c + j, bias != NULL ? bias + j : NULL);
        int n = columns - j < RW_VL ? columns - j : RW_VL;
        if (add) {
            y = y + vf_load_n(out + j, n);
        }
        vf_store_n(out + j, y, n);
    }
}

/* One row of a panel of 32 gates and 32 ups to 32 activations. */
static void finish_swiglu(const float *c, const float *bias, enum rw_dtype dtype, void *out,
                          size_t at)
{
    for (int j = 0; j < RW_PANEL / 2; j += RW_VL) {
        int up_at = j + RW_PANEL / 2;
        vf gate = with_bias(c + j, bias != NULL ? bias + j : NULL);
        vf up = with_bias(c + up_at, bias != NULL ? bias + up_at : NULL);
        act_store(dtype, out, at + (size_t)j, vf_silu(gate) * up, RW_VL);
    }
}

static void finish_rows(const struct rw_gemm *g, uint32_t panel, uint32_t first_row, int rows,
                        const float *c)
{
    uint32_t column = panel * RW_PANEL;
    uint32_t left = g->linear->n_out - column;
    int columns = left < RW_PANEL ? (int)left : RW_PANEL;
    const float *bias = g->linear->bias != NULL ? g->linear->bias + column : NULL;
    for (int i = 0; i < rows; i++) {
        char *out = (char *)g->out + (first_row + (size_t)i) * g->out_stride;
        const float *row = c + (size_t)i * RW_PANEL;
        if (g->epilogue == RW_EPILOGUE_SWIGLU) {
            finish_swiglu(row, bias, g->linear->dtype, out, column / 2);
        } else {
            bool add = g->epilogue == RW_EPILOGUE_ADD;
            finish_f32(row, bias, add, columns, (float *)out + column);
        }
    }
}

/* Rows [begin, end) times one panel. K is cut into slices of equal size that depend on the shape
 * of the linear only; between slices the sums wait in `sums` as the floats they are. */
static void gemm_panel(const struct rw_gemm *g, uint32_t panel, uint32_t begin, uint32_t end,
                       float *sums)
{
    const struct rw_linear *l = g->linear;
    size_t groups = l->k_padded * rw_dtype_bytes(l->dtype) / RW_GROUP_BYTES;
    size_t slices = (groups * RW_PANEL_STEP + GEMM_SLICE_BYTES_MAX - 1) / GEMM_SLICE_BYTES_MAX;
    size_t slice = (groups + slices - 1) / slices;
    const char *packed = (const char *)l->packed + panel * groups * RW_PANEL_STEP;
    rw_tile_fn tile = TILES[l->dtype];
    for (size_t k = 0; k < groups; k += slice) {
        size_t count = groups - k < slice ? groups - k : slice;
        for (uint32_t row = begin; row < end; row += RW_TILE_ROWS) {
            int rows = end - row < RW_TILE_ROWS ? (int)(end - row) : RW_TILE_ROWS;
            float *c = slices > 1 ? sums + (size_t)(row - begin) * RW_PANEL : sums;
            const char *x = (const char *)g->x + row * g->x_stride + k * RW_GROUP_BYTES;
            tile(rows, (uint32_t)count, x, g->x_stride, packed + k * RW_PANEL_STEP, c, RW_PANEL,
                 k > 0);
            if (k + count == groups) {
                finish_rows(g, panel, row, rows, c);
            }
        }
    }
}

static void gemm_check(const struct rw_gemm *g, uint32_t panel_begin, uint32_t panel_end)
{
    const struct rw_linear *l = g->linear;
    size_t act = rw_dtype_bytes(l->dtype);
    rw_assert(l->dtype < RW_DTYPE_COUNT && l->packed != NULL);
    rw_assert(l->n_out > 0 && l->panels == rw_round_up(l->n_out, RW_PANEL) / RW_PANEL);
    rw_assert(l->n_in > 0 && l->k_padded == rw_round_up(l->n_in, RW_K_ALIGN));
    rw_assert(panel_begin <= panel_end && panel_end <= l->panels);
    rw_assert(g->x_stride % RW_GROUP_BYTES == 0 && g->x_stride >= l->k_padded * act);
    if (g->epilogue == RW_EPILOGUE_SWIGLU) {
        rw_assert(l->n_out % RW_PANEL == 0);
        rw_assert(g->out_stride % act == 0 && g->out_stride >= l->n_out / 2 * act);
    } else {
        rw_assert(g->out_stride % sizeof(float) == 0);
        rw_assert(g->out_stride >= l->n_out * sizeof(float));
    }
}

static size_t kernel_gemm_scratch_bytes(uint32_t rows)
{
    size_t held = rows < GEMM_ROWS_MAX ? rows : GEMM_ROWS_MAX;
    return (held + RW_TILE_ROWS) * RW_PANEL * sizeof(float);
}

static void kernel_gemm(const struct rw_gemm *g, uint32_t panel_begin, uint32_t panel_end,
                        void *scratch)
{
    gemm_check(g, panel_begin, panel_end);
    for (uint32_t begin = 0; begin < g->rows; begin += GEMM_ROWS_MAX) {
        uint32_t end = g->rows - begin < GEMM_ROWS_MAX ? g->rows : begin + GEMM_ROWS_MAX;
        for (uint32_t panel = panel_begin; panel < panel_end; panel++) {
            gemm_panel(g, panel, begin, end, scratch);
        }
    }
}
