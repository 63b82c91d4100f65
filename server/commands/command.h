/* Subcommands of the binary: `rewardd NAME ...`, for work beside serving. commands.def is the list;
 * each is a function of a file cmd_NAME.c that reads its own arguments and returns the exit code (0
 * success, 1 failure, 2 unusable arguments). */
#ifndef RW_SERVER_COMMANDS_COMMAND_H
#define RW_SERVER_COMMANDS_COMMAND_H

#include <stddef.h>

struct rw_command {
    const char *name;
    int (*run)(int argc, char **argv); /* argv[0] is the command's name */
    const char *help;
};

extern const struct rw_command RW_COMMAND[];
extern const size_t RW_COMMAND_COUNT;

/* NULL when there is none of that name. */
const struct rw_command *rw_command_find(const char *name);

#define RW_COMMAND(name, function, help) int function(int argc, char **argv);
#include "server/commands/commands.def"
#undef RW_COMMAND

#endif
