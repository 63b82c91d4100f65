/* The stored form of a training run, and the monitor itself.
 *
 * The first byte chooses. 0: the others are a run's state, 1: a trace; the version is put in front
 * and the digest behind, which no mutation would hit. What is read is sound, is written back as the
 * same bytes, and can be gone on with. Others: the bytes are traces with any numbers in them, NaN
 * and infinities too; the monitor takes them all, and is the same after its state was stored. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/base/hash.h"
#include "core/base/util.h"
#include "core/run/run.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    FRAME_MAX = 4 << 20,
    DIGEST_BYTES = 16,
    TRACES_MAX = 200,
};

static void frame(struct rw_buf *out, const char *head, const uint8_t *data, size_t size)
{
    struct rw_sha256 sha;
    unsigned char sum[RW_SHA256_BYTES];
    rw_buf_init(out, FRAME_MAX);
    rw_buf_append(out, head, 8);
    rw_buf_append(out, (const char *)data, size);
    rw_sha256_init(&sha);
    rw_sha256_update(&sha, out->ptr, out->len);
    rw_sha256_final(&sha, sum);
    rw_buf_append(out, sum, DIGEST_BYTES);
    rw_assert(!out->failed);
}

/* Bytes of the input, and zeros behind them. */
struct source {
    const uint8_t *at;
    size_t left;
};

static void take(struct source *s, void *to, size_t n)
{
    size_t have = RW_MIN(n, s->left);
    memset(to, 0, n);
    memcpy(to, s->at, have);
    s->at += have;
    s->left -= have;
}

static double number(struct source *s)
{
    static const double SOME[] = {0,         1,     0.5,    -1,  NAN,      INFINITY,
                                  -INFINITY, 1e308, 1e-308, 2e9, 1 - 1e-16};
    uint8_t kind;
    double value;
    take(s, &kind, 1);
    if (kind % 16 < RW_COUNT(SOME)) {
        return SOME[kind % 16];
    }
    take(s, &value, sizeof value);
    return value;
}

static void make_trace(struct source *s, struct rw_run_trace *t)
{
    uint8_t bits;
    memset(t, 0, sizeof *t);
    take(s, &bits, 1);
    t->validate = bits % 16 == 15;
    t->has_features = (bits & 1) != 0;
    t->prompt = bits / 16;
    t->group_size = (bits & 2) != 0 ? 4 : 0;
    t->trace = (uint64_t)s->left;
    t->label.step = (bits & 4) != 0 ? (int64_t)number(&(struct source){s->at, 0}) : bits;
    for (int i = 0; i < RW_RUN_REWARDS; i++) {
        t->reward[i] = number(s);
    }
    t->verified = number(s);
    t->steps = number(s);
    t->bytes = number(s);
    for (int i = 0; i < RW_RUN_TRACE_SCORES; i++) {
        t->score[i] = number(s);
    }
    for (int i = 0; i < RW_PROMPT_DIM; i++) {
        t->prompt_x[i] = i < 2 ? number(s) : 0.5;
    }
    t->gate = number(s);
    t->answer = bits / 32;
    t->has_flags = (bits & 8) != 0;
    t->kind[0] = (char)('a' + bits / 16 % 8);
    for (int i = 0; i < RW_SURFACE_DIM; i++) {
        t->surface[i] = (bits & 8) != 0 ? number(s) : 0.5;
    }
    take(s, &t->flags, sizeof t->flags);
    for (int i = 0; t->has_features && i < RW_RUN_FEATURES; i++) {
        t->features[i] = i < 4 ? (float)number(s) : (float)(i + bits);
    }
}

static void observe(struct rw_run *run, struct source *s)
{
    static struct rw_run_news news;
    struct rw_run_trace trace;
    struct rw_error err = {0};
    make_trace(s, &trace);
    (void)rw_run_observe(run, &trace, &news, &err);
    for (uint32_t i = 0; i < news.n_alarms; i++) {
        rw_assert(strlen(news.alarm[i].sentence) > 0);
    }
}

/* The same bytes again, by way of a second run. */
static struct rw_run *store_and_read(struct rw_run *run)
{
    struct rw_buf once;
    struct rw_buf twice;
    struct rw_run *again = NULL;
    struct rw_error err = {0};
    rw_buf_init(&once, FRAME_MAX);
    rw_buf_init(&twice, FRAME_MAX);
    rw_run_encode(run, &once);
    rw_assert(!once.failed);
    rw_assert(rw_run_decode(rw_buf_str(&once), &again, &err) == RW_OK);
    rw_run_encode(again, &twice);
    rw_assert(once.len == twice.len && memcmp(once.ptr, twice.ptr, once.len) == 0);
    rw_buf_fini(&twice);
    rw_buf_fini(&once);
    return again;
}

static void look(const struct rw_run *run)
{
    struct rw_run_view view;
    rw_run_view(run, &view);
    for (uint32_t i = 0; i < view.n_windows; i++) {
        rw_assert(rw_run_window(run, i) != NULL);
    }
    for (uint32_t i = 0; i < view.n_alarms; i++) {
        rw_assert(rw_run_alarm(run, i)->sentence[RW_RUN_SENTENCE_MAX - 1] == '\0');
    }
}

static void go_on(struct rw_run *run, struct source *s)
{
    struct rw_run *again = store_and_read(run);
    struct source copy = *s;
    for (int i = 0; i < 3; i++) {
        observe(run, s);
        observe(again, &copy);
    }
    rw_run_acknowledge(run);
    look(run);
    rw_run_destroy(store_and_read(run));
    rw_run_destroy(again);
    rw_run_destroy(run);
}

static void try_state(const uint8_t *data, size_t size, bool older)
{
    struct rw_buf bytes;
    struct rw_run *run = NULL;
    struct rw_error err = {0};
    frame(&bytes, older ? "RWRN\1\0\0\0" : "RWRN\2\0\0\0", data, size);
    rw_status status = rw_run_decode(rw_buf_str(&bytes), &run, &err);
    rw_buf_fini(&bytes);
    if (status != RW_OK) {
        rw_assert(run == NULL && err.message[0] != '\0');
        return;
    }
    look(run);
    go_on(run, &(struct source){data, size});
}

static void try_trace(const uint8_t *data, size_t size)
{
    struct rw_buf bytes;
    struct rw_buf again;
    struct rw_run_trace trace;
    struct rw_error err = {0};
    frame(&bytes, "RWRT\1\0\0\0", data, size);
    if (rw_run_trace_decode(rw_buf_str(&bytes), &trace, &err) == RW_OK) {
        rw_buf_init(&again, FRAME_MAX);
        rw_run_trace_encode(&trace, &again);
        rw_assert(again.len == bytes.len && memcmp(again.ptr, bytes.ptr, again.len) == 0);
        rw_buf_fini(&again);
    }
    rw_buf_fini(&bytes);
}

static void try_traces(const uint8_t *data, size_t size)
{
    const struct rw_run_options options = {.window = RW_RUN_WINDOW_MIN, .warm = 4};
    struct source s = {data, size};
    struct rw_run *run = rw_run_create(RW_STR("fuzz"), &options);
    rw_assert(run != NULL);
    for (int i = 0; i < TRACES_MAX && s.left > 0; i++) {
        observe(run, &s);
    }
    go_on(run, &s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > FRAME_MAX / 2) {
        return 0;
    }
    switch (data[0] % 4) {
    case 0:
        try_state(data + 1, size - 1, data[0] == 4);
        break;
    case 1:
        try_trace(data + 1, size - 1);
        break;
    default:
        try_traces(data + 1, size - 1);
    }
    return 0;
}
