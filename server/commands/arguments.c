#include "server/commands/arguments.h"

#include <stdio.h>
#include <string.h>

#include "core/base/str.h"
#include "core/base/util.h"
#include "proto/suggest.h"

enum {
    ARGUMENTS_MAX = 32,
};

const char *rw_arguments_take_file(int *argc, char ***argv)
{
    char **all = *argv;
    if (*argc < 2 || (all[1][0] == '-' && all[1][1] != '\0')) {
        return NULL;
    }
    const char *file = all[1];
    all[1] = all[0]; /* the name of the command stays in front */
    (*argc)--;
    (*argv)++;
    return file;
}

static rw_status unknown(const struct rw_argument *table, size_t n, struct rw_str name,
                         struct rw_error *err)
{
    const char *word[ARGUMENTS_MAX];
    size_t words = RW_MIN(n, ARGUMENTS_MAX);
    for (size_t i = 0; i < words; i++) {
        word[i] = table[i].name;
    }
    rw_fail(err, RW_CONFIG, "unknown option --%.*s", RW_STR_ARG(name));
    rw_suggest(name, word, words, err);
    return RW_CONFIG;
}

static rw_status set(const struct rw_argument *argument, const char *value, struct rw_error *err)
{
    unsigned long long count;
    switch (argument->type) {
    case RW_ARGUMENT_TEXT:
        *(const char **)argument->to = value;
        return RW_OK;
    case RW_ARGUMENT_COUNT:
        if (!rw_str_to_u64(rw_str_from(value), &count) || count > SIZE_MAX) {
            return rw_fail(err, RW_CONFIG, "--%s: \"%s\" is not a number", argument->name, value);
        }
        *(size_t *)argument->to = (size_t)count;
        return RW_OK;
    case RW_ARGUMENT_SWITCH:
        *(bool *)argument->to = true;
        return RW_OK;
    }
    return RW_OK;
}

rw_status rw_arguments_parse(const struct rw_argument *table, size_t n, int argc, char **argv,
                             bool *help, struct rw_error *err)
{
    for (int at = 1; at < argc; at++) {
        struct rw_str word = rw_str_from(argv[at]);
        if (rw_str_is(word, "--help") || rw_str_is(word, "-h")) {
            *help = true;
            return RW_OK;
        }
        if (!rw_str_starts(word, RW_STR("--"))) {
            return rw_fail(err, RW_CONFIG, "\"%s\" is no option", argv[at]);
        }
        size_t equals = rw_str_find(word, RW_STR("="), 0);
        struct rw_str name = rw_str_slice(word, 2, equals < 2 ? 2 : equals);
        size_t i = 0;
        while (i < n && !rw_str_is(name, table[i].name)) {
            i++;
        }
        if (i == n) {
            return unknown(table, n, name, err);
        }
        const char *value = equals < word.len ? argv[at] + equals + 1 : NULL;
        if (value == NULL && table[i].type != RW_ARGUMENT_SWITCH) {
            if (at + 1 >= argc) {
                return rw_fail(err, RW_CONFIG, "--%s needs a value", table[i].name);
            }
            value = argv[++at];
        }
        rw_status status = set(&table[i], value, err);
        if (status != RW_OK) {
            return status;
        }
    }
    return RW_OK;
}

void rw_arguments_help(const struct rw_argument *table, size_t n, const char *usage,
                       const char *purpose)
{
    printf("usage: rewardd %s\n\n%s\n\n", usage, purpose);
    for (size_t i = 0; i < n; i++) {
        char left[64];
        snprintf(left, sizeof left, "--%s %s", table[i].name, table[i].metavar);
        printf("  %-26s %s\n", left, table[i].help);
    }
}

int rw_arguments_complain(const char *command, const struct rw_error *err)
{
    fprintf(stderr, "rewardd %s: %s\n", command, err->message);
    if (err->hint[0] != '\0') {
        fprintf(stderr, "hint: %s\n", err->hint);
    }
    return err->status == RW_CONFIG ? 2 : 1;
}
