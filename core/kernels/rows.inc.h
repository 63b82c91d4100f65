/* Everything that works on one row: norms, RoPE, conversion, stores to the KV cache, dot. */

/* For every vector of a row: BODY with `k` and the constant RW_VL as `lanes`, then once for the
 * rest. The copy for whole vectors has no partial loads and stores in it. */
#define EACH_VECTOR(n, BODY)                   \
    do {                                       \
        uint32_t k = 0;                        \
        for (; k + RW_VL <= (n); k += RW_VL) { \
            enum {                             \
                lanes = RW_VL                  \
            };                                 \
            BODY                               \
        }                                      \
        if (k < (n)) {                         \
            int lanes = (int)((n)-k);          \
            BODY                               \
        }                                      \
    } while (0)

RW_INLINE int lanes_left(uint32_t n, uint32_t at)
{
    return n - at < RW_VL ? (int)(n - at) : RW_VL;
}

static float kernel_dot(const float *x, const float *w, uint32_t n)
{
    vf sum = vf_set1(0.0f);
    EACH_VECTOR(n, sum = vf_fma(vf_load_n(x + k, lanes), vf_load_n(w + k, lanes), sum););
    return vf_sum(sum);
}

static float rms_factor(const float *x, uint32_t n, float eps)
{
    rw_assert(n > 0);
    return 1.0f / sqrtf(kernel_dot(x, x, n) / (float)n + eps);
}

static void zero_act(enum rw_dtype dtype, void *out, uint32_t from, uint32_t to)
{
    size_t bytes = rw_dtype_bytes(dtype);
    memset((char *)out + from * bytes, 0, (to - from) * bytes);
}

/* A row of floats on its way into a GEMM: x * factor (* w), or bfloat16 as it is. */
struct row {
    const float *x;
    const float *w; /* or NULL */
    vf factor;
    const uint16_t *bf16; /* instead of x */
};

RW_INLINE vf row_at(const struct row *r, uint32_t k, int lanes)
{
    if (r->bf16 != NULL) {
        vh half = {0};
        memcpy(&half, r->bf16 + k, lanes == RW_VL ? sizeof half : 2 * (size_t)lanes);
        return (vf)(__builtin_convertvector(half, vu) << 16);
    }
    vf y = vf_load_n(r->x + k, lanes) * r->factor;
    return r->w != NULL ? y * vf_load_n(r->w + k, lanes) : y;
}

/* The largest magnitude of a row, or NaN when any value is NaN or infinite. */
RW_INLINE float row_largest(const struct row *r, uint32_t n)
{
    vf top = vf_set1(0.0f), zero = vf_set1(0.0f);
    EACH_VECTOR(n, {
        vf y = row_at(r, k, lanes);
        top = vf_max(top, (vf)((vi)y & 0x7FFFFFFF));
        zero = zero + (y - y); /* NaN from then on */
    });
    return vf_highest(top) + vf_sum(zero);
}

/* q = round(127 y / largest) + 128 in bytes; largest / 127 behind them at n_padded. A row that is
 * not finite gets the scale NaN, so that whatever is computed from it is NaN. */
RW_INLINE void quantise_row(const struct row *r, uint32_t n, uint32_t n_padded, void *out)
{
    rw_assert(n > 0 && n_padded >= n && n_padded % RW_GROUP_BYTES == 0);
    uint8_t *to = out;
    float largest = row_largest(r, n);
    bool finite = largest - largest == 0.0f;
    largest = largest < 1e-30f ? 1e-30f : largest; /* keeps the inverse finite; NaN stays */
    float scale = largest / 127.0f;
    vf inverse = vf_set1(finite ? 127.0f / largest : 0.0f);
    uint32_t done = finite ? n : 0;
    EACH_VECTOR(done, {
        vf q = vf_round(row_at(r, k, lanes) * inverse) + vf_set1((float)RW_INT8_OFFSET);
        vq bytes = __builtin_convertvector(__builtin_convertvector(q, vi), vq);
        memcpy(to + k, &bytes, lanes == RW_VL ? sizeof bytes : (size_t)lanes);
    });
    memset(to + done, RW_INT8_OFFSET, n_padded - done);
    memcpy(to + n_padded, &scale, sizeof scale);
}

static void kernel_quantise(const uint16_t *x, uint32_t n, uint32_t n_padded, void *out)
{
    struct row r = {.bf16 = x};
    quantise_row(&r, n, n_padded, out);
}

/* A row to act. */
RW_INLINE void write_act(const struct row *r, uint32_t n, uint32_t n_padded, enum rw_dtype dtype,
                         void *out)
{
    rw_assert(dtype < RW_DTYPE_COUNT && n_padded >= n);
    if (rw_dtype_is_quantised(dtype)) {
        quantise_row(r, n, n_padded, out);
        return;
    }
    EACH_VECTOR(n, act_store(dtype, out, k, row_at(r, k, lanes), lanes););
    zero_act(dtype, out, n, n_padded);
}

/* The same, with a copy of the loop per type. */
RW_INLINE void write_any_act(const struct row *r, uint32_t n, uint32_t n_padded,
                             enum rw_dtype dtype, void *out)
{
    if (rw_dtype_is_quantised(dtype)) {
        write_act(r, n, n_padded, RW_DTYPE_INT8, out);
    } else if (dtype == RW_DTYPE_BF16) {
        write_act(r, n, n_padded, RW_DTYPE_BF16, out);
    } else {
        write_act(r, n, n_padded, RW_DTYPE_F32, out);
    }
}

static void kernel_rms_norm(const float *x, const float *w, uint32_t n, uint32_t n_padded,
                            float eps, enum rw_dtype dtype, void *out)
{
    struct row r = {.x = x, .w = w, .factor = vf_set1(rms_factor(x, n, eps))};
    write_any_act(&r, n, n_padded, dtype, out);
}

static void kernel_rms_norm_f32(float *x, const float *w, uint32_t n, float eps)
{
    vf factor = vf_set1(rms_factor(x, n, eps));
    for (uint32_t k = 0; k < n; k += RW_VL) {
        int lanes = lanes_left(n, k);
        vf_store_n(x + k, vf_load_n(x + k, lanes) * factor * vf_load_n(w + k, lanes), lanes);
    }
}

/* (a, b) -> (a cos - b sin, b cos + a sin), a and b being the halves of the head. */
static void kernel_rope(float *head, const float *cos, const float *sin, uint32_t head_dim)
{
    rw_assert(head_dim > 0 && head_dim % 8 == 0);
    uint32_t half = head_dim / 2;
    EACH_VECTOR(half, {
        vf a = vf_load_n(head + k, lanes);
        vf b = vf_load_n(head + half + k, lanes);
        vf c = vf_load_n(cos + k, lanes);
        vf s = vf_load_n(sin + k, lanes);
        vf_store_n(head + k, a * c - b * s, lanes);
        vf_store_n(head + half + k, b * c + a * s, lanes);
    });
}

static void kernel_to_act(const float *x, uint32_t n, uint32_t n_padded, float factor,
                          enum rw_dtype dtype, void *out)
{
    struct row r = {.x = x, .factor = vf_set1(factor)};
    write_any_act(&r, n, n_padded, dtype, out);
}

/* Inf - Inf and NaN - NaN are NaN: the sum of x - x is 0 exactly when all of x is finite. The
 * factor includes the largest floats, which rounding to bfloat16 turns into infinity. */
static bool row_is_finite(const float *v, uint32_t n)
{
    vf sum = vf_set1(0.0f);
    for (uint32_t k = 0; k < n; k += RW_VL) {
        vf x = vf_load_n(v + k, lanes_left(n, k)) * vf_set1(1.004f);
        sum = sum + (x - x);
    }
    return vf_sum(sum) == 0.0f;
}

static void kv_store_f32(const float *k, const float *v, uint32_t head_dim, float *k_block,
                         float *v_block, uint32_t slot)
{
    for (uint32_t d = 0; d < head_dim; d++) {
        k_block[(size_t)d * RW_PANEL + slot] = k[d];
        v_block[rw_v_index(RW_DTYPE_F32, d, slot)] = v[d];
    }
}

static void kv_store_bf16(const float *k, const float *v, uint32_t head_dim, uint16_t *k_block,
                          uint16_t *v_block, uint32_t slot)
{
    uint16_t halves[2][RW_HEAD_DIM_MAX];
    kernel_to_act(k, head_dim, head_dim, 1.0f, RW_DTYPE_BF16, halves[0]);
    kernel_to_act(v, head_dim, head_dim, 1.0f, RW_DTYPE_BF16, halves[1]);
    for (uint32_t d = 0; d < head_dim; d += 2) {
        memcpy(k_block + (size_t)d * RW_PANEL + (size_t)slot * 2, halves[0] + d, RW_GROUP_BYTES);
    }
    for (uint32_t d = 0; d < head_dim; d++) {
        v_block[rw_v_index(RW_DTYPE_BF16, d, slot)] = halves[1][d];
    }
}

static void kernel_kv_store(const float *k, const float *v, uint32_t head_dim, enum rw_dtype dtype,
                            void *k_block, void *v_block, uint32_t slot)
{
    rw_assert(dtype < RW_DTYPE_STATES && slot < RW_PANEL);
    rw_assert(head_dim > 0 && head_dim % 8 == 0 && head_dim <= RW_HEAD_DIM_MAX);
    if (dtype == RW_DTYPE_F32) {
        kv_store_f32(k, v, head_dim, k_block, v_block, slot);
    } else {
        kv_store_bf16(k, v, head_dim, k_block, v_block, slot);
    }
    unsigned char *flags = (unsigned char *)v_block + rw_kv_flags_offset(dtype, head_dim);
    flags[slot] = !row_is_finite(v, head_dim);
}
