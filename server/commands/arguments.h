/* Arguments of the offline subcommands: `--name value` or `--name=value`, and a table says which
 * there are. */
#ifndef RW_SERVER_COMMANDS_ARGUMENTS_H
#define RW_SERVER_COMMANDS_ARGUMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"

enum rw_argument_type {
    RW_ARGUMENT_TEXT,   /* const char ** */
    RW_ARGUMENT_COUNT,  /* size_t * */
    RW_ARGUMENT_SWITCH, /* bool *, takes no value */
};

struct rw_argument {
    const char *name; /* without the dashes */
    enum rw_argument_type type;
    void *to;
    const char *metavar;
    const char *help;
};

/* The FILE in front of the options, which is then gone from the arguments; "-" is standard input.
 * NULL = there is none. */
const char *rw_arguments_take_file(int *argc, char ***argv);
/* CONFIG with a suggestion for what is unknown. *help is set for --help. */
rw_status rw_arguments_parse(const struct rw_argument *table, size_t n, int argc, char **argv,
                             bool *help, struct rw_error *err);
void rw_arguments_help(const struct rw_argument *table, size_t n, const char *usage,
                       const char *purpose);
/* The words of an error on standard error; returns the exit code: 2 for CONFIG, else 1. */
int rw_arguments_complain(const char *command, const struct rw_error *err);

#endif
