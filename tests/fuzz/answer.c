/* Answers: any trace and any reference give a verdict that agrees with itself.
 *
 * The input is steps and a reference between NUL bytes: the last piece is the reference. The
 * verdict must name a span of the text, comparing must not depend on the order of the sides, and an
 * answer equals itself. */
#include <stdint.h>
#include <stdlib.h>

#include "core/answer/alternatives.h"
#include "core/answer/answer.h"
#include "core/base/assert.h"
#include "core/base/util.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    PIECES_MAX = 6,
    ARENA_MAX = 1 << 20,
    ALTERNATIVES_BYTES = 4,
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

static void check_verdict(const struct rw_verdict *v, const struct rw_str *steps, size_t n_steps)
{
    rw_assert(v->rule < RW_ANSWER_RULES && v->evidence < RW_ANSWER_EVIDENCE);
    rw_assert(v->verified == RW_VERIFIED_UNKNOWN || v->step >= 0);
    if (v->step >= 0) {
        rw_assert((size_t)v->step < n_steps);
        rw_assert(v->begin <= v->end && v->end <= steps[v->step].len);
        rw_assert(v->answer.len == v->end - v->begin);
    }
}

static void check_options(const struct rw_str *steps, size_t n_steps, struct rw_str reference,
                          uint8_t bits)
{
    const struct rw_answer_options options = {.tolerance = bits & 1 ? 1e-3 : 0,
                                              .rounding = (bits & 2) != 0,
                                              .ordered = (bits & 4) != 0,
                                              .units = (bits & 8) != 0,
                                              .any_box = (bits & 16) != 0,
                                              .read_thinking = (bits & 32) != 0};
    struct rw_verdict v;
    rw_answer_verify(steps, n_steps, reference, &options, &v);
    check_verdict(&v, steps, n_steps);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rw_str piece[PIECES_MAX];
    size_t n = pieces(data, size, piece);
    struct rw_str reference = piece[n - 1];
    struct rw_verdict verdict;
    rw_answer_verify(piece, n - 1, reference, NULL, &verdict);
    check_verdict(&verdict, piece, n - 1);
    uint8_t turn = size > 0 ? data[size / 2] : 0; /* a third of the checks each: speed */
    struct rw_str other = piece[0];
    if (turn % 3 == 0) {
        check_options(piece, n - 1, reference, turn / 3);
    } else if (turn % 3 == 1) {
        enum rw_verified v = rw_answer_equal(other, reference);
        rw_assert(v == rw_answer_equal(reference, other));
    } else if (rw_str_trim(other).len > 0) {
        rw_assert(rw_answer_equal(other, other) != RW_VERIFIED_WRONG);
    }
    if (reference.len > ALTERNATIVES_BYTES) {
        return 0; /* they compare some hundred pairs */
    }
    struct rw_arena arena;
    struct rw_alternatives alternatives;
    struct rw_error err = {0};
    rw_arena_init(&arena, ARENA_MAX);
    if (rw_alternatives_make(reference, &arena, &alternatives, &err) == RW_OK) {
        rw_assert(alternatives.n <= RW_ALTERNATIVES_MAX);
    }
    rw_arena_fini(&arena);
    return 0;
}
