#include "core/bench/synthetic.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/alloc.h"
#include "core/base/buf.h"
#include "core/base/file.h"
#include "core/base/util.h"
#include "core/bench/text.h"

enum {
    TENSORS_PER_LAYER = 14,
    TENSORS_MAX = 128 * TENSORS_PER_LAYER + 3,
    NAME_BYTES = 64,
    TEXT_BYTES_MAX = 4 << 20, /* of a generated file, or of the header of the weights */
    CONTEXT_MAX = 32768,      /* tokens */
    COPY_BYTES = 1 << 20,
    WEIGHT_BYTES = 2, /* BF16 */
};

static const uint64_t WEIGHT_SEED = 20261124;

struct tensor {
    char name[NAME_BYTES];
    uint64_t begin; /* elements before it */
    uint64_t elements;
    uint32_t rows; /* 0: a vector */
    uint32_t cols;
    float scale; /* uniform in [-scale, scale); 0: all ones */
};

enum virtual_file {
    FILE_CONFIG,
    FILE_MANIFEST,
    FILE_TOKENIZER,
    FILE_WEIGHTS,
    FILE_COUNT,
};

static const char *const FILE_NAME[FILE_COUNT] = {"config.json", "rewardd.json", "tokenizer.json",
                                                  "model.safetensors"};

static struct {
    struct rw_bench_shape shape;
    struct tensor *tensors; /* [n_tensors], in the order of the file */
    size_t n_tensors;
    uint64_t elements;
    uint64_t data_offset; /* bytes of the file before the first element */
    int fd[FILE_COUNT];   /* memory files; the weights have a size and only their header */
    struct stat weights;  /* which of the descriptors are the weights */
} mounted = {.fd = {-1, -1, -1, -1}};

/* ---- tensors ------------------------------------------------------------------------------- */

static void add_tensor(const char *name, uint32_t rows, uint32_t cols, double scale)
{
    struct tensor *t = &mounted.tensors[mounted.n_tensors++];
    *t = (struct tensor){.begin = mounted.elements,
                         .elements = (uint64_t)(rows > 0 ? rows : 1) * cols,
                         .rows = rows,
                         .cols = cols,
                         .scale = (float)scale};
    snprintf(t->name, sizeof t->name, "%s", name);
    mounted.elements += t->elements;
}

static void add_in_layer(uint32_t layer, const char *name, uint32_t rows, uint32_t cols,
                         double scale)
{
    char full[NAME_BYTES];
    snprintf(full, sizeof full, "model.layers.%u.%s", layer, name);
    add_tensor(full, rows, cols, scale);
}

static double linear_scale(uint32_t n_in)
{
    return sqrt(3.0 / n_in); /* variance 1 / n_in */
}

static void add_layer(uint32_t l)
{
    const struct rw_bench_shape *s = &mounted.shape;
    uint32_t q = s->heads * s->head_dim, kv = s->kv_heads * s->head_dim;
    double in = linear_scale(s->hidden);
    add_in_layer(l, "input_layernorm.weight", 0, s->hidden, 0);
    add_in_layer(l, "self_attn.q_proj.weight", q, s->hidden, in);
    add_in_layer(l, "self_attn.k_proj.weight", kv, s->hidden, in);
    add_in_layer(l, "self_attn.v_proj.weight", kv, s->hidden, in);
    if (s->qk_norm) {
        add_in_layer(l, "self_attn.q_norm.weight", 0, s->head_dim, 0);
        add_in_layer(l, "self_attn.k_norm.weight", 0, s->head_dim, 0);
    } else {
        add_in_layer(l, "self_attn.q_proj.bias", 0, q, 0.1);
        add_in_layer(l, "self_attn.k_proj.bias", 0, kv, 0.1);
        add_in_layer(l, "self_attn.v_proj.bias", 0, kv, 0.1);
    }
    add_in_layer(l, "self_attn.o_proj.weight", s->hidden, q, linear_scale(q));
    add_in_layer(l, "post_attention_layernorm.weight", 0, s->hidden, 0);
    add_in_layer(l, "mlp.gate_proj.weight", s->intermediate, s->hidden, in);
    add_in_layer(l, "mlp.up_proj.weight", s->intermediate, s->hidden, in);
    add_in_layer(l, "mlp.down_proj.weight", s->hidden, s->intermediate,
                 linear_scale(s->intermediate));
}

static void add_tensors(void)
{
    const struct rw_bench_shape *s = &mounted.shape;
    add_tensor("model.embed_tokens.weight", RW_BENCH_VOCAB, s->hidden, sqrt(3.0));
    for (uint32_t l = 0; l < s->layers; l++) {
        add_layer(l);
    }
    add_tensor("model.norm.weight", 0, s->hidden, 0);
    add_tensor("score.weight", 2, s->hidden, linear_scale(s->hidden));
}

/* Round to nearest even; no value here is NaN. */
static uint16_t to_bf16(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return (uint16_t)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
}

/* Elements [first, first + n) of the file, all of one tensor; four from each random number. */
static void make_elements(const struct tensor *t, uint64_t first, size_t n, uint16_t *to)
{
    if (t->scale == 0) {
        for (size_t i = 0; i < n; i++) {
            to[i] = to_bf16(1.0f);
        }
        return;
    }
    float unit = t->scale / 32768.0f;
    for (size_t i = 0; i < n; i++) {
        uint64_t at = first + i;
        int16_t value = (int16_t)(rw_bench_random(WEIGHT_SEED, at / 4) >> (16 * (at % 4)));
        to[i] = to_bf16((float)value * unit);
    }
}

static const struct tensor *tensor_at(uint64_t element)
{
    size_t low = 0, high = mounted.n_tensors;
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (mounted.tensors[middle].begin <= element) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return &mounted.tensors[low];
}

/* ---- files --------------------------------------------------------------------------------- */

static void write_config(struct rw_buf *out)
{
    const struct rw_bench_shape *s = &mounted.shape;
    rw_buf_printf(out,
                  "{\"architectures\":[\"%sForTokenClassification\"],\"model_type\":\"%s\","
                  "\"hidden_size\":%u,\"intermediate_size\":%u,\"num_hidden_layers\":%u,"
                  "\"num_attention_heads\":%u,\"num_key_value_heads\":%u,\"head_dim\":%u,"
                  "\"vocab_size\":%d,\"max_position_embeddings\":%d,\"rms_norm_eps\":1e-06,"
                  "\"rope_theta\":1000000.0,\"hidden_act\":\"silu\",\"tie_word_embeddings\":false,"
                  "\"use_sliding_window\":false,\"attention_bias\":false,\"pad_token_id\":0,"
                  "\"dtype\":\"bfloat16\",\"num_labels\":2,"
                  "\"id2label\":{\"0\":\"wrong\",\"1\":\"correct\"}}\n",
                  s->qk_norm ? "Qwen3" : "Qwen2", s->qk_norm ? "qwen3" : "qwen2", s->hidden,
                  s->intermediate, s->layers, s->heads, s->kv_heads, s->head_dim, RW_BENCH_VOCAB,
                  CONTEXT_MAX);
}

static void write_manifest(struct rw_buf *out)
{
    rw_buf_printf(out,
                  "{\"rewardd\":1,\"kind\":\"process\","
                  "\"head\":{\"type\":\"linear\",\"weight\":\"score.weight\"},"
                  "\"post\":{\"type\":\"softmax\",\"good\":1},\"aggregate\":\"min\","
                  "\"layout\":{\"prompt\":[{\"content\":\"prompt\"},{\"token\":\"<|question|>\"}],"
                  "\"step\":[{\"content\":\"step\"},{\"token\":\"<|step|>\"},{\"score\":true}],"
                  "\"split\":[\"\\n\"],\"marker\":\"<|step|>\",\"count_marker\":true}}\n");
}

/* https://huggingface.co/docs/safetensors: u64 length, JSON, data; the JSON is padded to 8. */
static void write_header(struct rw_buf *out)
{
    static const char ROOM[8] = {0};
    rw_buf_append(out, ROOM, sizeof ROOM);
    rw_buf_append_char(out, '{');
    for (size_t i = 0; i < mounted.n_tensors; i++) {
        const struct tensor *t = &mounted.tensors[i];
        rw_buf_printf(out, "%s\"%s\":{\"dtype\":\"BF16\",\"shape\":[", i > 0 ? "," : "", t->name);
        if (t->rows > 0) {
            rw_buf_printf(out, "%u,", t->rows);
        }
        rw_buf_printf(out, "%u],\"data_offsets\":[%llu,%llu]}", t->cols,
                      (unsigned long long)(t->begin * WEIGHT_BYTES),
                      (unsigned long long)((t->begin + t->elements) * WEIGHT_BYTES));
    }
    rw_buf_append_char(out, '}');
    while (out->len % 8 != 0) {
        rw_buf_append_char(out, ' ');
    }
    uint64_t length = out->len - sizeof ROOM;
    for (size_t i = 0; !out->failed && i < sizeof ROOM; i++) {
        out->ptr[i] = (char)(length >> (8 * i));
    }
}

static rw_status make_file(enum virtual_file which, struct rw_buf *text, struct rw_error *err)
{
    static void (*const WRITE[FILE_COUNT])(struct rw_buf *) = {
        write_config, write_manifest, rw_bench_tokenizer_json, write_header};
    rw_buf_clear(text);
    WRITE[which](text);
    uint64_t size = text->len;
    if (which == FILE_WEIGHTS) {
        mounted.data_offset = text->len;
        size += mounted.elements * WEIGHT_BYTES;
    }
    int fd = memfd_create(FILE_NAME[which], MFD_CLOEXEC);
    mounted.fd[which] = fd;
    if (text->failed || fd < 0 || ftruncate(fd, (off_t)size) != 0 ||
        pwrite(fd, text->ptr, text->len, 0) != (ssize_t)text->len) {
        return rw_fail(err, RW_IO, "%s cannot be made in memory", FILE_NAME[which]);
    }
    return which != FILE_WEIGHTS || fstat(fd, &mounted.weights) == 0
               ? RW_OK
               : rw_fail(err, RW_IO, "no state of %s", FILE_NAME[which]);
}

/* ---- the file table ------------------------------------------------------------------------ */

static int open_path(const char *path)
{
    size_t prefix = strlen(RW_SYNTHETIC_DIR);
    if (strncmp(path, RW_SYNTHETIC_DIR, prefix) != 0) {
        return open(path, O_RDONLY | O_CLOEXEC);
    }
    for (int i = 0; i < FILE_COUNT; i++) {
        if (path[prefix] == '/' && strcmp(path + prefix + 1, FILE_NAME[i]) == 0) {
            return fcntl(mounted.fd[i], F_DUPFD_CLOEXEC, 0);
        }
    }
    errno = ENOENT;
    return -1;
}

static bool path_exists(const char *path)
{
    int fd = open_path(path);
    if (fd >= 0) {
        close(fd);
    }
    return fd >= 0;
}

static bool is_weights(int fd)
{
    struct stat info;
    return fstat(fd, &info) == 0 && info.st_ino == mounted.weights.st_ino &&
           info.st_dev == mounted.weights.st_dev;
}

/* As pread: may give less than asked. Callers ask for whole elements, but offsets may be odd. */
static long read_weights(void *to, size_t len, uint64_t offset)
{
    enum {
        PIECE = 4096
    };
    uint16_t piece[PIECE];
    uint64_t element = (offset - mounted.data_offset) / WEIGHT_BYTES;
    size_t skip = (offset - mounted.data_offset) % WEIGHT_BYTES;
    if (element >= mounted.elements) {
        return 0;
    }
    const struct tensor *t = tensor_at(element);
    uint64_t n = t->begin + t->elements - element;
    n = RW_MIN(n, PIECE);
    make_elements(t, element, (size_t)n, piece);
    size_t have = (size_t)n * WEIGHT_BYTES - skip;
    have = RW_MIN(have, len);
    memcpy(to, (const char *)piece + skip, have);
    return (long)have;
}

static long read_at(int fd, void *to, size_t len, uint64_t offset)
{
    if (!is_weights(fd)) {
        return pread(fd, to, len, (off_t)offset);
    }
    if (offset < mounted.data_offset) {
        uint64_t header = mounted.data_offset - offset;
        return pread(fd, to, len < header ? len : (size_t)header, (off_t)offset);
    }
    return read_weights(to, len, offset);
}

/* ---- life ---------------------------------------------------------------------------------- */

rw_status rw_synthetic_mount(const struct rw_bench_shape *shape, struct rw_error *err)
{
    static const struct rw_file_ops OPS = {open_path, read_at, path_exists};
    struct rw_buf text;
    mounted.shape = *shape;
    mounted.n_tensors = 0;
    mounted.elements = 0;
    mounted.tensors = rw_alloc_array(TENSORS_MAX, sizeof *mounted.tensors);
    if (mounted.tensors == NULL) {
        return rw_fail(err, RW_NO_MEMORY, "list of tensors");
    }
    add_tensors();
    rw_buf_init(&text, TEXT_BYTES_MAX);
    rw_status status = RW_OK;
    for (int i = 0; i < FILE_COUNT && status == RW_OK; i++) {
        status = make_file((enum virtual_file)i, &text, err);
    }
    rw_buf_fini(&text);
    if (status != RW_OK) {
        rw_synthetic_unmount();
        return status;
    }
    rw_file_set_ops(&OPS);
    return RW_OK;
}

void rw_synthetic_unmount(void)
{
    rw_file_set_ops(NULL);
    for (int i = 0; i < FILE_COUNT; i++) {
        if (mounted.fd[i] >= 0) {
            close(mounted.fd[i]);
        }
        mounted.fd[i] = -1;
    }
    rw_free(mounted.tensors);
    mounted.tensors = NULL;
}

static rw_status copy_file(enum virtual_file which, const char *dir, void *buffer,
                           struct rw_error *err)
{
    char path[4096];
    struct stat info;
    snprintf(path, sizeof path, "%s/%s", dir, FILE_NAME[which]);
    int to = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (to < 0 || fstat(mounted.fd[which], &info) != 0) {
        rw_fail(err, RW_IO, "cannot write %s: %s", path, strerror(errno));
        if (to >= 0) {
            close(to);
        }
        return RW_IO;
    }
    rw_status status = RW_OK;
    uint64_t at = 0;
    while (at < (uint64_t)info.st_size && status == RW_OK) {
        long n = read_at(mounted.fd[which], buffer, COPY_BYTES, at);
        if (n <= 0 || write(to, buffer, (size_t)n) != n) {
            status = rw_fail(err, RW_IO, "writing %s: %s", path, strerror(errno));
        }
        at += (uint64_t)(RW_MAX(n, 0));
    }
    if (close(to) != 0 && status == RW_OK) {
        status = rw_fail(err, RW_IO, "closing %s: %s", path, strerror(errno));
    }
    return status;
}

rw_status rw_synthetic_write(const char *dir, struct rw_error *err)
{
    void *buffer = rw_alloc(COPY_BYTES);
    if (buffer == NULL) {
        return rw_fail(err, RW_NO_MEMORY, "buffer for copying");
    }
    rw_status status = RW_OK;
    for (int i = 0; i < FILE_COUNT && status == RW_OK; i++) {
        status = copy_file((enum virtual_file)i, dir, buffer, err);
    }
    rw_free(buffer);
    return status;
}
