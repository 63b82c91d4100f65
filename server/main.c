/* Entry of the daemon: options in, exit code out. 0 success, 1 failure, 2 unusable options. */
#include <stdio.h>
#include <string.h>

#include "core/base/log.h"
#include "core/rw_engine.h"
#include "server/commands/command.h"
#include "server/lifecycle.h"
#include "server/options.h"
#include "server/version.h"

extern char **environ;

static int complain(const struct rw_error *err)
{
    fprintf(stderr, "rewardd: %s\n", err->message);
    if (err->hint[0] != '\0') {
        fprintf(stderr, "hint: %s\n", err->hint);
    }
    return 2;
}

static void configure_log(const struct rw_options *options)
{
    static const char *const LEVEL[] = {"debug", "info", "warn", "error", "off"};
    int level = RW_LOG_INFO;
    for (int i = 0; i <= RW_LOG_OFF; i++) {
        level = strcmp(options->log_level, LEVEL[i]) == 0 ? i : level;
    }
    rw_log_configure((enum rw_log_level)level, strcmp(options->log_format, "json") == 0);
}

static void print_version(void)
{
    printf("rewardd %s\ncommit    %s\ncompiler  %s\nkernels  ", RW_VERSION, RW_COMMIT, RW_COMPILER);
    for (size_t i = 0; rw_engine_kernel_name(i) != NULL; i++) {
        printf(" %s", rw_engine_kernel_name(i));
    }
    printf("   (what this processor runs, best first)\n");
}

static void print_presets(void)
{
    char line[160];
    for (size_t i = 0; rw_model_preset(i, line, sizeof line); i++) {
        puts(line);
    }
}

/* Every fault is said, so that one reading of the answer is enough. */
static int check_config(const struct rw_options *options)
{
    struct rw_error err = {0};
    int code = rw_lifecycle_check(options, &err) == RW_OK ? 0 : complain(&err);
    size_t faults = rw_lifecycle_check_models(options, complain);
    if (code == 0 && faults == 0) {
        puts("the configuration can be used");
        return 0;
    }
    return 2;
}

static int act(const struct rw_options *options)
{
    struct rw_error err = {0};
    switch (options->action) {
    case RW_ACTION_HELP:
        rw_options_help(stdout);
        return 0;
    case RW_ACTION_VERSION:
        print_version();
        return 0;
    case RW_ACTION_PRINT_CONFIG:
        rw_options_print(options, stdout);
        return 0;
    case RW_ACTION_PRESETS:
        print_presets();
        return 0;
    case RW_ACTION_MANUAL:
        rw_options_manual(stdout);
        return 0;
    case RW_ACTION_COMPLETION:
        rw_options_completion((enum rw_shell)options->shell, stdout);
        return 0;
    case RW_ACTION_HEALTHCHECK:
        return rw_lifecycle_healthcheck(options);
    case RW_ACTION_CHECK_CONFIG:
    case RW_ACTION_RUN:
        break;
    }
    if (options->action == RW_ACTION_CHECK_CONFIG) {
        return check_config(options);
    }
    if (rw_lifecycle_check(options, &err) != RW_OK) {
        return complain(&err);
    }
    configure_log(options);
    return rw_lifecycle_run(options);
}

int main(int argc, char **argv)
{
    const struct rw_command *command = argc > 1 ? rw_command_find(argv[1]) : NULL;
    if (command != NULL) {
        return command->run(argc - 1, argv + 1);
    }
    struct rw_options options;
    struct rw_error err = {0};
    int code = 2;
    if (rw_options_parse(&options, argc, argv, environ, &err) != RW_OK) {
        complain(&err);
    } else {
        code = act(&options);
    }
    rw_options_fini(&options);
    return code;
}
