/* Final answers: what a verdict costs without JSON, and whether long texts cost what they should.
 *
 *     bench_answers FILE        lines {"text", "reference"} of rewardd verify-answers; CPU time a
 * row bench_answers             texts of 50 and 100 kB of adversarial pieces; their times, and
 * ratio
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/answer/answer.h"
#include "core/base/util.h"
#include "proto/verify.h"

enum {
    ROWS_MAX = 100000,
    LINE_MAX_BYTES = 1 << 20,
    ROUNDS = 5,
    LONG = 100000, /* bytes */
    REPEATS = 20,
};

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- rows ------------------------------------------------------------------------------------ */

static size_t read_rows(const char *path, struct rw_arena *arena, struct rw_verify_item *rows)
{
    static char line[LINE_MAX_BYTES];
    struct rw_limits limits = RW_LIMITS_DEFAULT;
    FILE *file = fopen(path, "rb");
    size_t n = 0;
    while (file != NULL && n < ROWS_MAX && fgets(line, sizeof line, file) != NULL) {
        struct rw_str copy = rw_arena_copy(arena, (struct rw_str){line, strlen(line)});
        struct rw_verify_request request;
        struct rw_error err = {0};
        rw_status status = rw_verify_parse((char *)(uintptr_t)copy.ptr, copy.len, &limits, true,
                                           arena, &request, &err);
        if (status == RW_OK) {
            rows[n++] = request.items[0];
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    return n;
}

static int judge_rows(const char *path)
{
    static struct rw_verify_item rows[ROWS_MAX];
    struct rw_arena arena;
    size_t count[3] = {0};
    rw_arena_init(&arena, (size_t)1 << 31);
    size_t n = read_rows(path, &arena, rows);
    double best = 0;
    for (int round = 0; round < ROUNDS && n > 0; round++) {
        double begin = cpu_seconds();
        for (size_t i = 0; i < n; i++) {
            struct rw_verdict v;
            rw_answer_verify(rows[i].steps, rows[i].n_steps, rows[i].reference, NULL, &v);
            count[v.verified] += round == 0;
        }
        double now = cpu_seconds() - begin;
        best = round == 0 ? now : RW_MIN(best, now);
    }
    rw_arena_fini(&arena);
    if (n == 0) {
        fprintf(stderr, "%s: no rows\n", path);
        return 1;
    }
    printf("%zu rows, %.3f us each: %zu right, %zu wrong, %zu null\n", n, best / (double)n * 1e6,
           count[RW_VERIFIED_RIGHT], count[RW_VERIFIED_WRONG], count[RW_VERIFIED_UNKNOWN]);
    return 0;
}

/* ---- long texts ------------------------------------------------------------------------------ */

static double judge_long(const char *text, size_t len)
{
    struct rw_str s = {text, len};
    double best = 0;
    for (int i = 0; i < REPEATS; i++) {
        struct rw_verdict v;
        double begin = cpu_seconds();
        rw_answer_verify(&s, 1, RW_STR("1"), NULL, &v);
        double now = cpu_seconds() - begin;
        best = i == 0 ? now : RW_MIN(best, now);
    }
    return best;
}

static int long_texts(void)
{
    static const char *const PIECES[] = {
        "the answer is ", "\\boxed{1} ", "<answer>",    "<<1=", "1,",   "#### ", "$5 ",
        "A: 3\n",         "</think>",    "\\boxed{",    "(",    "1 + ", "{",     "<think>",
        "\\frac{",        "$",           "an answer: ", "\\[",  "$$",   "\n",    "<<>>",
        "Question",       "a ",          "\\\\"};
    static char text[LONG];
    printf("%-16s %10s %10s %8s\n", "piece", "50 kB", "100 kB", "ratio");
    for (size_t p = 0; p < RW_COUNT(PIECES); p++) {
        size_t len = strlen(PIECES[p]);
        for (size_t i = 0; i < LONG; i++) {
            text[i] = PIECES[p][i % len];
        }
        double half = judge_long(text, LONG / 2);
        double whole = judge_long(text, LONG);
        printf("%-16.*s %8.0fus %8.0fus %8.2f\n", (int)strcspn(PIECES[p], "\n"), PIECES[p],
               half * 1e6, whole * 1e6, whole / half);
    }
    return 0;
}

int main(int argc, char **argv)
{
    return argc > 1 ? judge_rows(argv[1]) : long_texts();
}
