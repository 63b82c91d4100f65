/* How a GEMM ends: the sums of a panel become floats or activations, and go where they belong. Both
 * ways through a panel end here: gemm_slice.inc.h with vector registers, gemm_matrix.inc.h with
 * matrix tiles. */

/* Writes n values of a row of state, from element `at` on. */
RW_INLINE void act_store(enum rw_dtype dtype, void *out, size_t at, vf v, int n)
{
    if (dtype == RW_DTYPE_F32) {
        vf_store_n((float *)out + at, v, n);
        return;
    }
    vh half = vf_round_bf16(v);
    memcpy((uint16_t *)out + at, &half, n == RW_VL ? sizeof half : 2 * (size_t)n);
}

/* How the sums of a panel become numbers. Copies of the loops are made for the usual combinations,
 * with these as constants; `full` means that all 64 columns are real. */
struct finish {
    bool quantised, biased, full;
    enum rw_epilogue epilogue;
    enum rw_dtype state;
    const float *bias;   /* of the panel */
    const float *scales; /* of the panel, quantised linears */
    float row_scale;
};

/* Columns [j, j + RW_VL) of a row of sums. Every step is rounded on its own and the same in all
 * instruction sets, so equal integers give equal floats. */
RW_INLINE vf finish_value(const struct finish *f, const float *c, int j)
{
    vf y = vf_load(c + j);
    if (f->quantised) {
        y = __builtin_convertvector((vi)y, vf) * vf_load(f->scales + j) * vf_set1(f->row_scale);
    }
    return f->biased ? y + vf_load(f->bias + j) : y;
}

/* One row of a panel to float, added to what is there when ADD. */
RW_INLINE void finish_f32(const struct finish *f, const float *c, int columns, float *out)
{
    bool add = f->epilogue == RW_EPILOGUE_ADD;
    if (f->full) {
#pragma GCC unroll 4
        for (int j = 0; j < RW_PANEL; j += RW_VL) {
            vf y = finish_value(f, c, j);
            vf_store(out + j, add ? y + vf_load(out + j) : y);
        }
        return;
    }
    for (int j = 0; j < columns; j += RW_VL) {
        vf y = finish_value(f, c, j);
        int n = columns - j < RW_VL ? columns - j : RW_VL;
        vf_store_n(out + j, add ? y + vf_load_n(out + j, n) : y, n);
    }
}

/* One row of a panel of 32 gates and 32 ups to 32 activations. */
RW_INLINE void finish_swiglu(const struct finish *f, const float *c, void *out, size_t at)
{
#pragma GCC unroll 2
    for (int j = 0; j < RW_PANEL / 2; j += RW_VL) {
        vf gate = finish_value(f, c, j);
        vf up = finish_value(f, c, j + RW_PANEL / 2);
        gate = f->state == RW_DTYPE_F32 ? vf_silu(gate) : vf_silu_coarse(gate);
        act_store(f->state, out, at + (size_t)j, gate * up, RW_VL);
    }
}

RW_INLINE void finish_rows_of(const struct rw_gemm *g, struct finish f, uint32_t column,
                              uint32_t first_row, int rows, const float *c)
{
    char *out = (char *)g->out + first_row * g->out_stride;
    const char *scale = (const char *)g->x + first_row * g->x_stride + g->linear->k_padded;
    uint32_t left = g->linear->n_out - column;
    for (int i = 0; i < rows; i++) {
        f.row_scale = f.quantised ? rw_f32_at(scale) : 0.0f;
        if (f.epilogue == RW_EPILOGUE_SWIGLU) {
            finish_swiglu(&f, c, out, column / 2);
        } else {
            finish_f32(&f, c, left < RW_PANEL ? (int)left : RW_PANEL, (float *)out + column);
        }
        c += RW_PANEL;
        out += g->out_stride;
        scale += g->x_stride;
    }
}

/* Scales of a quantised panel; its sums follow. */
static const char *panel_tail(const struct rw_linear *l, uint32_t panel)
{
    return (const char *)l->packed + panel * rw_panel_bytes(l->dtype, l->k_padded) +
           rw_panel_weight_bytes(l->dtype, l->k_padded);
}

/* A copy for each usual combination: what is compared here is a constant there. */
#define FINISH_COPY(is_quantised, is_biased, its_epilogue, its_state)                  \
    if (f.full && f.quantised == (is_quantised) && f.biased == (is_biased) &&          \
        f.epilogue == (its_epilogue) && f.state == (its_state)) {                      \
        struct finish copy = {is_quantised, is_biased, true, its_epilogue, its_state}; \
        copy.bias = f.bias;                                                            \
        copy.scales = f.scales;                                                        \
        finish_rows_of(g, copy, column, first_row, rows, c);                           \
        return;                                                                        \
    }

static void finish_rows(const struct rw_gemm *g, uint32_t panel, uint32_t first_row, int rows,
                        const float *c)
{
    const struct rw_linear *l = g->linear;
    uint32_t column = panel * RW_PANEL;
    struct finish f = {.quantised = rw_dtype_is_quantised(l->dtype),
                       .biased = l->bias != NULL,
                       .full = l->n_out - column >= RW_PANEL,
                       .epilogue = g->epilogue,
                       .state = rw_dtype_state(l->dtype)};
    f.bias = f.biased ? l->bias + column : NULL;
    f.scales = f.quantised ? (const float *)(const void *)panel_tail(l, panel) : NULL;
    FINISH_COPY(true, false, RW_EPILOGUE_SWIGLU, RW_DTYPE_BF16)
    FINISH_COPY(true, false, RW_EPILOGUE_ADD, RW_DTYPE_BF16)
    FINISH_COPY(true, true, RW_EPILOGUE_STORE, RW_DTYPE_BF16)
    FINISH_COPY(true, false, RW_EPILOGUE_STORE, RW_DTYPE_BF16)
    FINISH_COPY(false, false, RW_EPILOGUE_SWIGLU, RW_DTYPE_BF16)
    FINISH_COPY(false, false, RW_EPILOGUE_ADD, RW_DTYPE_BF16)
    FINISH_COPY(false, false, RW_EPILOGUE_SWIGLU, RW_DTYPE_F32)
    FINISH_COPY(false, false, RW_EPILOGUE_ADD, RW_DTYPE_F32)
    finish_rows_of(g, f, column, first_row, rows, c);
}

/* The output of a tile is not in the cache when its sums are done, unless asked for before. */
static void prefetch_out(const struct rw_gemm *g, uint32_t panel, uint32_t row, int rows)
{
    bool swiglu = g->epilogue == RW_EPILOGUE_SWIGLU;
    size_t element = swiglu ? rw_dtype_bytes(rw_dtype_state(g->linear->dtype)) : sizeof(float);
    size_t bytes = (swiglu ? RW_PANEL / 2 : RW_PANEL) * element;
    for (int i = 0; i < rows; i++) {
        const char *out = (const char *)g->out + (row + (size_t)i) * g->out_stride + panel * bytes;
        for (size_t at = 0; at < bytes; at += RW_ALIGN) {
            __builtin_prefetch(out + at, 1, 3);
        }
    }
}
