/* Heads between the product that made them and attention: norm, rotation, the KV cache. */

/* (a, b) -> (a cos - b sin, b cos + a sin), a and b being the halves of the head: "rotate half" as
 * Hugging Face writes rotary embeddings (Su et al., arXiv 2104.09864). The paper pairs neighbours
 * instead; checkpoints are permuted for the halves. Products are rounded before the sum, as the
 * reference does it in float32 (no vf_fma). */
RW_INLINE void rotate(vf *a, vf *b, vf cos, vf sin)
{
    vf turned = *a * cos - *b * sin;
    *b = *b * cos + *a * sin;
    *a = turned;
}

/* One head whose halves are VECS whole vectors: it stays in registers from load to store. The norm
 * does the same operations in the same order as kernel_rms_norm_f32. */
RW_INLINE void turn_whole(const struct rw_heads *h, const float *x, const int vecs,
                          enum rw_dtype dtype, char *out)
{
    vf v[8]; /* [2 vecs] */
#pragma GCC unroll 8
    for (int i = 0; i < 2 * vecs; i++) {
        v[i] = vf_load(x + i * RW_VL);
    }
    if (h->norm != NULL) {
        vf sum = vf_set1(0.0f);
#pragma GCC unroll 8
        for (int i = 0; i < 2 * vecs; i++) {
            sum = vf_fma(v[i], v[i], sum);
        }
        vf factor = vf_set1(1.0f / sqrtf(vf_sum(sum) / (float)h->head_dim + h->eps));
#pragma GCC unroll 8
        for (int i = 0; i < 2 * vecs; i++) {
            v[i] = v[i] * factor * vf_load(h->norm + i * RW_VL);
        }
    }
#pragma GCC unroll 4
    for (int i = 0; i < vecs; i++) {
        rotate(&v[i], &v[vecs + i], vf_load(h->cos + i * RW_VL), vf_load(h->sin + i * RW_VL));
    }
#pragma GCC unroll 8
    for (int i = 0; i < 2 * vecs; i++) {
        act_store(dtype, out, (size_t)i * RW_VL, v[i] * vf_set1(h->factor), RW_VL);
    }
}

/* One head of any size. */
static void turn_any(const struct rw_heads *h, const float *x, enum rw_dtype dtype, char *out)
{
    float head[RW_HEAD_DIM_MAX];
    uint32_t half = h->head_dim / 2;
    memcpy(head, x, h->head_dim * sizeof *head);
    if (h->norm != NULL) {
        kernel_rms_norm_f32(head, h->norm, h->head_dim, h->eps);
    }
    EACH_VECTOR(half, {
        vf a = vf_load_n(head + k, lanes);
        vf b = vf_load_n(head + half + k, lanes);
        rotate(&a, &b, vf_load_n(h->cos + k, lanes), vf_load_n(h->sin + k, lanes));
        vf_store_n(head + k, a, lanes);
        vf_store_n(head + half + k, b, lanes);
    });
    kernel_to_act(head, h->head_dim, h->head_dim, h->factor, dtype, out);
}

/* A copy of the loop for each usual size. */
RW_INLINE void turn_all(const struct rw_heads *h, enum rw_dtype dtype)
{
    const float *x = h->x;
    char *out = h->out;
    size_t bytes = rw_kernels_head_dim_padded(h->head_dim) * rw_dtype_bytes(dtype);
    for (uint32_t i = 0; i < h->n; i++, x += h->head_dim, out += bytes) {
        switch (h->head_dim) {
        case 2 * RW_VL:
            turn_whole(h, x, 1, dtype, out);
            break;
        case 4 * RW_VL:
            turn_whole(h, x, 2, dtype, out);
            break;
        case 8 * RW_VL:
            turn_whole(h, x, 4, dtype, out);
            break;
        default:
            turn_any(h, x, dtype, out);
            break;
        }
    }
}

/* One kernel for norm, rotation and factor, since a head is 64 or 128 floats: kept in registers it
 * is read and written once instead of three times. */
static void kernel_turn_heads(const struct rw_heads *h)
{
    rw_assert(h->head_dim > 0 && h->head_dim % 8 == 0 && h->head_dim <= RW_HEAD_DIM_MAX);
    rw_assert(h->dtype < RW_DTYPE_STATES);
    if (h->dtype == RW_DTYPE_BF16) {
        turn_all(h, RW_DTYPE_BF16);
    } else {
        turn_all(h, RW_DTYPE_F32);
    }
}

/* Is the value safe to meet a weight of zero? Inf - Inf and NaN - NaN are NaN: the sum of x - x is
 * 0 exactly when all of x is finite. The factor includes the largest floats, which rounding to
 * bfloat16 turns into infinity. */
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

/* A column of a panel of K and V each: two elements of a key are a group, an element of a value is
 * half of the group that it shares with the neighbouring slot. */
static void kv_store_bf16(const float *key, const float *value, uint32_t head_dim,
                          uint16_t *k_block, uint16_t *v_block, uint32_t slot)
{
    uint16_t halves[2][RW_PANEL];
    for (uint32_t d = 0; d < head_dim; d += RW_PANEL) {
        uint32_t n = head_dim - d < RW_PANEL ? head_dim - d : RW_PANEL;
        uint16_t *k_to = k_block + (size_t)d * RW_PANEL + (size_t)slot * 2;
        uint16_t *v_to = v_block + rw_v_index(RW_DTYPE_BF16, d, slot);
        kernel_to_act(key + d, n, n, 1.0f, RW_DTYPE_BF16, halves[0]);
        kernel_to_act(value + d, n, n, 1.0f, RW_DTYPE_BF16, halves[1]);
        for (uint32_t g = 0; g < n / 2; g++) {
            memcpy(k_to + (size_t)g * 2 * RW_PANEL, halves[0] + 2 * g, RW_GROUP_BYTES);
            v_to[4 * g] = halves[1][2 * g];
            v_to[4 * g + 2] = halves[1][2 * g + 1];
        }
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
