/* The text of a trace: any steps give signals that are finite, that point into the text, and that
 * are the same a second time; its equations, its numbers and its edits lie inside it too.
 *
 * The input is pieces between NUL bytes: the question, the steps, and last a reference answer. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/base/utf8.h"
#include "core/base/util.h"
#include "core/equation/arithmetic.h"
#include "core/equation/arithmetic_plain.h"
#include "core/equation/provenance.h"
#include "core/shortcut/bluff.h"
#include "core/shortcut/edit.h"
#include "core/shortcut/signal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    PIECES_MAX = 12,
    TEXT_MAX = 8192, /* bytes; longer ones find nothing new and cost time */
    EDIT_BYTES = 1 << 20,
};

static size_t pieces(const uint8_t *data, size_t size, struct rw_str out[PIECES_MAX])
{
    size_t n = 0;
    size_t begin = 0;
    for (size_t i = 0; i <= size && n < PIECES_MAX; i++) {
        if (i == size || (data[i] == 0 && n + 1 < PIECES_MAX)) {
            out[n++] = (struct rw_str){(const char *)data + begin, i - begin};
            begin = i + 1;
        }
    }
    return n;
}

static void check_equations(struct rw_str prompt, const struct rw_str *steps, size_t n)
{
    struct rw_provenance from;
    for (size_t i = 0; i < n; i++) {
        struct rw_arithmetic found = {0};
        rw_arithmetic_check(steps[i], &found);
        rw_assert(found.wrong <= found.checked);
        rw_assert(found.wrong == 0 || (found.begin < found.end && found.end <= steps[i].len));
        (void)rw_arithmetic_plain(steps[i]);
    }
    rw_provenance(prompt, steps, n, &from);
    rw_assert(from.foreign <= from.operands && from.unused <= from.asked);
    if (from.step >= 0) {
        rw_assert((size_t)from.step < n);
        rw_assert(from.begin < from.end && from.end <= steps[from.step].len);
    }
}

static void check_signals(const struct rw_signals *s, const struct rw_str *steps, size_t n)
{
    for (int i = 0; i < RW_SIGNALS; i++) {
        const struct rw_signal *one = &s->of[i];
        if (!one->known) {
            continue;
        }
        rw_assert(isfinite(one->value));
        rw_assert(one->step >= -1 && one->step < (int64_t)n);
        if (one->has_span) {
            rw_assert(one->step >= 0 && one->span_begin <= one->span_end);
            rw_assert(one->span_end <= steps[one->step].len);
        }
    }
}

static void compute(struct rw_str prompt, const struct rw_str *steps, size_t n,
                    struct rw_str reference, struct rw_signals *out)
{
    static const float PROBABILITY[PIECES_MAX] = {.9F, .1F, .5F, 1, 0, .7F, .2F};
    const struct rw_signal_trace trace = {.prompt = prompt,
                                          .steps = steps,
                                          .n_steps = n,
                                          .own = {PROBABILITY, n},
                                          .outcome = 0.75,
                                          .reference = reference};
    struct rw_arena arena;
    struct rw_error err = {0};
    rw_arena_init(&arena, RW_SIGNALS_SCRATCH_MAX + 64 * PIECES_MAX);
    memset(out, 0, sizeof *out);
    rw_assert(rw_signals_compute(&trace, NULL, &arena, out, &err) == RW_OK);
    rw_arena_fini(&arena);
}

/* Texts come out as valid as they went in. */
static void check_edit(rw_status status, const struct rw_steps *out, bool valid)
{
    if (status != RW_OK) {
        rw_assert(status == RW_NOT_FOUND);
        return;
    }
    rw_assert(out->n > 0);
    for (size_t i = 0; i < out->n; i++) {
        rw_assert(!valid || rw_utf8_check(out->steps[i]) == out->steps[i].len);
    }
}

static void check_edits(struct rw_steps in, struct rw_str answer, uint64_t seed, bool valid)
{
    struct rw_arena arena;
    struct rw_error err = {0};
    struct rw_steps out = {0};
    struct rw_str text = {NULL, 0};
    size_t where[PIECES_MAX];
    rw_arena_init(&arena, EDIT_BYTES);
    size_t n = rw_edit_corruptible(in, seed, where, PIECES_MAX);
    for (size_t i = 0; i < n; i++) {
        rw_status status = rw_edit_corrupt(in, where[i], seed, &arena, &out, &err);
        rw_assert(status == RW_OK && out.n == in.n); /* it said so */
        check_edit(status, &out, valid);
        rw_assert(!rw_str_equal(out.steps[where[i]], in.steps[where[i]]));
    }
    check_edit(rw_edit_drop(in, seed % in.n, &arena, &out, &err), &out, valid);
    check_edit(rw_edit_shuffle(in, seed, &arena, &out, &err), &out, valid);
    check_edit(rw_edit_repeat(in, &arena, &out, &err), &out, valid);
    check_edit(rw_bluff_fill(in, seed % RW_BLUFF_FILLERS, &arena, &out, &err), &out, valid);
    check_edit(rw_bluff_address(in, seed, &arena, &out, &err), &out, valid);
    check_edit(rw_bluff_prose(in.steps[0], answer, seed, &arena, &out, &err), &out, valid);
    check_edit(rw_bluff_disguise(in, seed, &arena, &out, &err), &out, valid);
    const struct rw_bluff_source a = {in.steps[0], in};
    const struct rw_bluff_source b = {in.steps[in.n - 1], in};
    check_edit(rw_bluff_copy(&a, &b, answer, &arena, &out, &err), &out, valid);
    check_edit(rw_edit_strip(in, &arena, &out, &err), &out, valid);
    check_edit(rw_edit_answer_first(in, answer, &arena, &out, &err), &out, valid);
    check_edit(rw_edit_hint(in.steps[0], answer, &arena, &text, &out, &err), &out, valid);
    rw_arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct rw_signals once;
    static struct rw_signals twice;
    struct rw_str piece[PIECES_MAX];
    if (size > TEXT_MAX) {
        return 0;
    }
    size_t n = pieces(data, size, piece);
    if (n < 3) {
        return 0; /* a question, a step and a reference */
    }
    const struct rw_str *steps = piece + 1;
    bool valid = rw_utf8_check((struct rw_str){(const char *)data, size}) == size;
    check_equations(piece[0], steps, n - 2);
    compute(piece[0], steps, n - 2, piece[n - 1], &once);
    check_signals(&once, steps, n - 2);
    compute(piece[0], steps, n - 2, piece[n - 1], &twice);
    rw_assert(memcmp(&once, &twice, sizeof once) == 0);
    check_edits((struct rw_steps){steps, n - 2}, piece[n - 1], size, valid);
    return 0;
}
