#include "tests/lib/crash.h"

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

void rw_test_last_words(void (*die)(void *ctx), void *ctx, char *out, size_t size)
{
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        die(ctx);
        _exit(0);
    }
    close(ends[1]);
    size_t len = 0;
    ssize_t n;
    while (len + 1 < size && (n = read(ends[0], out + len, size - 1 - len)) > 0) {
        len += (size_t)n;
    }
    out[len] = '\0';
    close(ends[0]);
    int status = 0;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT) {
        ck_abort_msg("no abort: %s", out);
    }
}

void rw_test_dies_in(const char *function, void (*die)(void *ctx), void *ctx)
{
    char words[4096];
    char place[128];
    rw_test_last_words(die, ctx, words, sizeof words);
    snprintf(place, sizeof place, " in %s\n", function);
    if (strstr(words, place) == NULL) {
        ck_abort_msg("no assertion of %s failed, but: %s", function, words);
    }
}
