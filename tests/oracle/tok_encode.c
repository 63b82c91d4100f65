/* Driver of tokenizer_diff.py: reads texts from standard input, writes their ids.
 *
 *     tok-encode FOLDER [untrusted]
 *
 * Input: per text its length as 32-bit little-endian, then the bytes. Output: per text the number
 * of tokens, the ids, the ends, all 32-bit little-endian. The text is one trusted segment, or one
 * untrusted. With `bench` as second argument: one text, megabytes per second of CPU time on
 * standard error. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/clock.h"
#include "core/base/util.h"
#include "core/text/tokenizer.h"

enum {
    TEXT_BYTES_MAX = 64 << 20,
    BENCH_ROUNDS = 5,
};

static uint64_t cpu_ns(void)
{
    return RW_CLOCK_SYSTEM.thread_cpu_ns(RW_CLOCK_SYSTEM.ctx);
}

static bool read_exactly(void *to, size_t len)
{
    return fread(to, 1, len, stdin) == len;
}

static int fail(const struct rw_error *err)
{
    fprintf(stderr, "tok-encode: %s: %s\n", rw_status_code(err->status), err->message);
    return 1;
}

static void write_tokens(const struct rw_tokens *tokens)
{
    uint32_t count = (uint32_t)tokens->count;
    fwrite(&count, sizeof count, 1, stdout);
    fwrite(tokens->ids, sizeof *tokens->ids, count, stdout);
    fwrite(tokens->ends, sizeof *tokens->ends, count, stdout);
}

static int bench(const struct rw_tokenizer *tokenizer, struct rw_segment segment)
{
    double best = 0;
    for (int round = 0; round < BENCH_ROUNDS; round++) {
        struct rw_tokens tokens;
        struct rw_error err = {0};
        rw_tokens_init(&tokens, TEXT_BYTES_MAX);
        uint64_t start = cpu_ns();
        if (rw_tokenizer_encode(tokenizer, &segment, 1, &tokens, &err) != RW_OK) {
            return fail(&err);
        }
        double seconds = (double)(cpu_ns() - start) / 1e9;
        double speed = (double)segment.text.len / 1e6 / seconds;
        best = RW_MAX(speed, best);
        fprintf(stderr, "%zu bytes, %zu tokens, %.1f MB/s\n", segment.text.len, tokens.count,
                speed);
        rw_tokens_fini(&tokens);
    }
    fprintf(stderr, "best %.1f MB/s\n", best);
    return 0;
}

static int encode_all(const struct rw_tokenizer *tokenizer, const char *mode)
{
    char *text = rw_alloc(TEXT_BYTES_MAX);
    struct rw_tokens tokens;
    rw_tokens_init(&tokens, TEXT_BYTES_MAX);
    uint32_t len;
    int rc = 0;
    while (rc == 0 && text != NULL && read_exactly(&len, sizeof len)) {
        struct rw_error err = {0};
        if (len > TEXT_BYTES_MAX || !read_exactly(text, len)) {
            rc = 1;
            break;
        }
        struct rw_segment segment = {{text, len}, strcmp(mode, "untrusted") != 0};
        if (strcmp(mode, "bench") == 0) {
            rc = bench(tokenizer, segment);
            continue;
        }
        tokens.count = 0;
        if (rw_tokenizer_encode(tokenizer, &segment, 1, &tokens, &err) != RW_OK) {
            rc = fail(&err);
        }
        write_tokens(&tokens);
    }
    rw_tokens_fini(&tokens);
    rw_free(text);
    return rc;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: tok-encode FOLDER [untrusted|bench]\n");
        return 2;
    }
    struct rw_tokenizer *tokenizer;
    struct rw_error err = {0};
    uint64_t start = cpu_ns();
    if (rw_tokenizer_open(argv[1], &tokenizer, &err) != RW_OK) {
        return fail(&err);
    }
    double ms = (double)(cpu_ns() - start) / 1e6;
    const char *mode = argc > 2 ? argv[2] : "trusted";
    if (strcmp(mode, "bench") == 0) {
        fprintf(stderr, "opened in %.0f ms\n", ms);
    }
    int rc = encode_all(tokenizer, mode);
    rw_tokenizer_close(tokenizer);
    return rc;
}
