#include "core/model/weights_fill.h"

#include <pthread.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/assert.h"
#include "core/base/util.h"
#include "core/kernels/team.h"

enum {
    READ_FLOATS = 128 * 1024, /* converted at a time: 512 KiB stay in the L2 cache */
    READ_ROWS = 16,           /* at least: so many share the lines of a panel */
    TASK_ROWS = 4 * RW_PANEL, /* of a tensor, done by one thread: whole panels */
    THREADS_MAX = 8,          /* more than a disk can feed */
};

/* Rows [begin, end) of a binding. */
struct task {
    const struct rw_binding *binding;
    uint32_t begin;
    uint32_t end;
    uint64_t order; /* tasks are taken in this order, counted from 0 */
};

struct fill {
    const struct rw_weights_request *request;
    const struct rw_bindings *bindings;
    struct rw_weights *weights;
    float *buffers;       /* [threads, buffer_floats] */
    size_t buffer_floats; /* READ_FLOATS or READ_ROWS of the longest, whichever is more */

    pthread_mutex_t lock; /* of all that follows, and of request->progress */
    uint32_t binding;     /* of the next task */
    uint32_t row;
    uint64_t taken;
    uint64_t done_bytes;
    rw_status status; /* of the failed task that comes first */
    uint64_t failed;
    struct rw_error *err;
};

/* ---- tasks ---------------------------------------------------------------------------------- */

static uint32_t rows_of(const struct rw_binding *b, const struct rw_recipe *recipe)
{
    return b->map == RW_ROWS_PICK ? recipe->head.n_out : b->rows;
}

/* False when all are taken, or one has failed: all that come before that one are taken too. */
static bool take(struct fill *f, struct task *task)
{
    pthread_mutex_lock(&f->lock);
    bool any = f->status == RW_OK && f->binding < f->bindings->count;
    if (any) {
        const struct rw_binding *b = &f->bindings->items[f->binding];
        uint32_t rows = rows_of(b, f->request->recipe);
        uint32_t end = rows - f->row < TASK_ROWS ? rows : f->row + TASK_ROWS;
        *task = (struct task){b, f->row, end, f->taken++};
        f->row = end;
        if (end == rows) {
            f->row = 0;
            f->binding++;
        }
    }
    pthread_mutex_unlock(&f->lock);
    return any;
}

static void finish(struct fill *f, const struct task *task)
{
    const struct rw_binding *b = task->binding;
    uint32_t rows = rows_of(b, f->request->recipe);
    uint64_t before = b->tensor->bytes / rows * task->begin;
    uint64_t after = task->end == rows ? b->tensor->bytes : b->tensor->bytes / rows * task->end;
    pthread_mutex_lock(&f->lock);
    f->weights->parameters += (uint64_t)(task->end - task->begin) * b->cols;
    f->done_bytes += after - before;
    if (f->request->progress != NULL) {
        f->request->progress(f->request->progress_ctx, f->done_bytes, f->bindings->stored_bytes);
    }
    pthread_mutex_unlock(&f->lock);
}

static void fail(struct fill *f, const struct task *task, rw_status status,
                 const struct rw_error *err)
{
    pthread_mutex_lock(&f->lock);
    if (f->status == RW_OK || task->order < f->failed) {
        f->status = status;
        f->failed = task->order;
        *f->err = *err;
    }
    pthread_mutex_unlock(&f->lock);
}

/* ---- rows ----------------------------------------------------------------------------------- */

static bool all_finite(const float *x, size_t n)
{
    uint32_t bad = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, x + i, sizeof bits);
        bad |= (bits & 0x7f800000u) == 0x7f800000u;
    }
    return bad == 0;
}

static struct rw_linear *target_linear(struct rw_layer *layer, enum rw_target target)
{
    switch (target) {
    case RW_TARGET_QKV:
    case RW_TARGET_QKV_BIAS:
        return &layer->qkv;
    case RW_TARGET_O:
    case RW_TARGET_O_BIAS:
        return &layer->o;
    case RW_TARGET_GATE_UP:
    case RW_TARGET_GATE_UP_BIAS:
        return &layer->gate_up;
    case RW_TARGET_DOWN:
    case RW_TARGET_DOWN_BIAS:
        return &layer->down;
    default:
        return NULL;
    }
}

static bool is_bias(enum rw_target target)
{
    return target == RW_TARGET_QKV_BIAS || target == RW_TARGET_O_BIAS ||
           target == RW_TARGET_GATE_UP_BIAS || target == RW_TARGET_DOWN_BIAS;
}

static float *target_floats(struct rw_weights *w, struct rw_layer *layer, enum rw_target target)
{
    switch (target) {
    case RW_TARGET_FINAL_NORM:
        return w->final_norm;
    case RW_TARGET_ATTN_NORM:
        return layer->attn_norm;
    case RW_TARGET_MLP_NORM:
        return layer->mlp_norm;
    case RW_TARGET_Q_NORM:
        return layer->q_norm;
    case RW_TARGET_K_NORM:
        return layer->k_norm;
    case RW_TARGET_HEAD_W:
        return w->head.w;
    case RW_TARGET_HEAD_B:
        return w->head.b;
    case RW_TARGET_HEAD_W_OUT:
        return w->head.w_out;
    case RW_TARGET_HEAD_B_OUT:
        return w->head.b_out;
    default:
        return NULL;
    }
}

/* n values of the embedding, from the beginning of a row on. */
static void store_embedding(struct rw_weights *w, uint32_t row, const float *x, size_t n)
{
    size_t first = (size_t)row * w->config.hidden;
    if (w->embed_dtype == RW_DTYPE_F32) {
        memcpy((float *)w->embed + first, x, n * sizeof *x);
        return;
    }
    uint16_t *to = (uint16_t *)w->embed + first;
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, x + i, sizeof bits);
        to[i] = (uint16_t)(bits >> 16); /* exact: the tensor is stored as BF16 */
    }
}

static void store_linear(struct rw_linear *linear, const struct rw_binding *b,
                         const struct rw_config *config, uint32_t first, uint32_t rows,
                         const float *x)
{
    uint32_t at[TASK_ROWS];
    for (uint32_t i = 0; i < rows; i++) {
        at[i] = rw_binding_row(b, config, first + i);
    }
    rw_linear_pack_rows(linear, at, rows, x);
}

/* Rows [first, first + rows) of the binding, converted, go where it says. */
static void store_rows(struct rw_weights *w, const struct rw_binding *b, uint32_t first,
                       uint32_t rows, const float *x)
{
    struct rw_layer *layer = &w->layers[b->layer];
    struct rw_linear *linear =
        b->target == RW_TARGET_LANGUAGE ? &w->language : target_linear(layer, b->target);
    if (linear != NULL && !is_bias(b->target)) {
        store_linear(linear, b, &w->config, first, rows, x);
    } else if (linear != NULL) { /* one row */
        for (uint32_t i = 0; i < b->cols; i++) {
            linear->bias[rw_binding_row(b, &w->config, i)] = x[i];
        }
    } else if (b->target == RW_TARGET_EMBED) {
        store_embedding(w, first, x, rows * (size_t)b->cols);
    } else {
        float *to = target_floats(w, layer, b->target);
        rw_assert(to != NULL);
        memcpy(to + (size_t)first * b->cols, x, (size_t)rows * b->cols * sizeof *x);
    }
}

/* Rows [first, first + rows) of the tensor. */
static rw_status read_rows(const struct fill *f, const struct rw_binding *b, uint64_t first,
                           uint32_t rows, float *buffer, struct rw_error *err)
{
    uint64_t count = (uint64_t)rows * b->cols;
    rw_status status = rw_checkpoint_read_f32(f->request->checkpoint, b->tensor, first * b->cols,
                                              count, buffer, err);
    if (status != RW_OK) {
        rw_error_prefix(err, "tensor %.*s", RW_STR_ARG(b->tensor->name));
        return status;
    }
    if (!all_finite(buffer, count)) {
        return rw_fail(err, RW_MODEL_CORRUPT, "tensor %.*s holds NaN or infinity",
                       RW_STR_ARG(b->tensor->name));
    }
    return RW_OK;
}

static rw_status run_task(const struct fill *f, const struct task *task, float *buffer,
                          struct rw_error *err)
{
    const struct rw_binding *b = task->binding;
    bool picked = b->map == RW_ROWS_PICK;
    uint32_t most = picked ? 1 : (uint32_t)(READ_FLOATS / b->cols / READ_ROWS * READ_ROWS);
    most = picked || most > READ_ROWS ? most : READ_ROWS;
    for (uint32_t r = task->begin, n; r < task->end; r += n) {
        n = task->end - r < most ? task->end - r : most;
        uint64_t first = picked ? (uint64_t)f->request->recipe->head.rows[r] : r;
        rw_status status = read_rows(f, b, first, n, buffer, err);
        if (status != RW_OK) {
            return status;
        }
        store_rows(f->weights, b, r, n, buffer);
    }
    return RW_OK;
}

static void work(void *arg, unsigned member, unsigned members)
{
    (void)members;
    struct fill *f = arg;
    float *buffer = f->buffers + member * f->buffer_floats;
    struct task task;
    while (take(f, &task)) {
        struct rw_error err = {0};
        rw_status status = run_task(f, &task, buffer, &err);
        if (status == RW_OK) {
            finish(f, &task);
        } else {
            fail(f, &task, status, &err);
        }
    }
}

/* ---- all ------------------------------------------------------------------------------------ */

static size_t buffer_floats(const struct rw_bindings *bindings)
{
    size_t floats = READ_FLOATS;
    for (uint32_t i = 0; i < bindings->count; i++) {
        size_t rows = (size_t)bindings->items[i].cols * READ_ROWS;
        floats = RW_MAX(rows, floats);
    }
    return floats;
}

rw_status rw_weights_fill(const struct rw_weights_request *request,
                          const struct rw_bindings *bindings, struct rw_weights *weights,
                          struct rw_error *err)
{
    unsigned threads = rw_team_processors();
    threads = RW_MIN(threads, THREADS_MAX);
    struct fill f = {.request = request, .bindings = bindings, .weights = weights, .err = err};
    f.buffer_floats = buffer_floats(bindings);
    f.buffers = rw_alloc_array(threads * f.buffer_floats, sizeof *f.buffers);
    if (f.buffers == NULL) {
        return rw_fail(err, RW_NO_MEMORY, "buffers for rows of weights");
    }
    struct rw_team *team;
    rw_status status = rw_team_create(threads, &team, err);
    if (status == RW_OK) {
        pthread_mutex_init(&f.lock, NULL);
        rw_team_run(team, work, &f);
        pthread_mutex_destroy(&f.lock);
        rw_team_destroy(team);
        status = f.status;
    }
    rw_free(f.buffers);
    return status;
}
