/* Entry of the daemon: options in, exit code out. 0 success, 1 failure, 2 unusable options. */
#include <stdio.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/log.h"
#include "core/rw_engine.h"
#include "server/check.h"
#include "server/commands/command.h"
#include "server/default_models.h"
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

static bool wants_check(int argc, char *const *argv)
{
    bool found = false;
    for (int i = 1; i < argc; i++) {
        found = found || strcmp(argv[i], "--check-config") == 0;
    }
    return found;
}

/* Every fault is said, so that one reading of the answer is enough. */
static int check_config(struct rw_options *options, int argc, char *const *argv)
{
    struct rw_error err = {0};
    size_t faults = rw_options_parse_all(options, argc, argv, environ, complain);
    if (rw_default_models_add(options, &err) != RW_OK) {
        complain(&err);
        faults++;
    }
    faults += rw_check_everything(options, complain);
    if (faults == 0) {
        puts("the configuration can be used");
    }
    return faults == 0 ? 0 : 2;
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
    case RW_ACTION_CHECK_CONFIG: /* main has seen it */
    case RW_ACTION_RUN:
        break;
    }
    if (rw_check_options(options, &err) != RW_OK) {
        return complain(&err);
    }
    configure_log(options);
    rw_alloc_tune();
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
    if (wants_check(argc, argv)) {
        code = check_config(&options, argc, argv);
    } else if (rw_options_parse(&options, argc, argv, environ, &err) != RW_OK ||
               rw_default_models_add(&options, &err) != RW_OK) {
        complain(&err);
    } else {
        code = act(&options);
    }
    rw_options_fini(&options);
    return code;
}
