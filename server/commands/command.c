#include "server/commands/command.h"

#include <string.h>

#include "core/base/util.h"

const struct rw_command RW_COMMAND[] = {
#define RW_COMMAND(name, function, help) {name, function, help},
#include "server/commands/commands.def"
#undef RW_COMMAND
    {NULL, NULL, NULL},
};
const size_t RW_COMMAND_COUNT = RW_COUNT(RW_COMMAND) - 1;

const struct rw_command *rw_command_find(const char *name)
{
    for (size_t i = 0; i < RW_COMMAND_COUNT; i++) {
        if (strcmp(RW_COMMAND[i].name, name) == 0) {
            return &RW_COMMAND[i];
        }
    }
    return NULL;
}
