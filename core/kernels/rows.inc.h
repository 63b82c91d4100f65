/* Everything that works on one row: norms, conversion, dot. */

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
    if (from < to) {
        memset((char *)out + from * bytes, 0, (to - from) * bytes);
    }
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

static void kernel_to_act(const float *x, uint32_t n, uint32_t n_padded, float factor,
                          enum rw_dtype dtype, void *out)
{
    struct row r = {.x = x, .factor = vf_set1(factor)};
    write_any_act(&r, n, n_padded, dtype, out);
}
