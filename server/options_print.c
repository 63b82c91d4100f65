/* --help and --print-config, from the option table. */
#include <string.h>

#include "core/base/util.h"
#include "server/commands/command.h"
#include "server/options.h"
#include "server/version.h"

static void help_line(FILE *to, const struct rw_option_entry *entry)
{
    char left[64];
    snprintf(left, sizeof left, "--%s %s", entry->name,
             strlen(entry->metavar) < 16 ? entry->metavar : "DIR[=NAME],...");
    fprintf(to, "  %-28s %s", left, entry->help);
    if (entry->preset[0] != '\0' && entry->type != RW_OPTION_SWITCH) {
        fprintf(to, " [%s]", entry->preset);
    }
    fputc('\n', to);
}

void rw_options_help(FILE *to)
{
    fputs("rewardd scores reasoning traces: a reward for every step, streamed over HTTP.\n\n"
          "usage: rewardd --model "
          "DIR[=NAME][,preset=P][,dtype=TYPE][,context=N][,date=YYYY-MM-DD][,language_head=true] "
          "[options]\n",
          to);
    for (int id = 0; id < RW_OPTION_COUNT; id++) {
        const struct rw_option_entry *entry = rw_option_entry((enum rw_option_id)id);
        if (entry->group != NULL) {
            fprintf(to, "\n%s\n", entry->group);
        }
        help_line(to, entry);
    }
    fputs("\nInstead of serving\n", to);
    for (size_t i = 0; i < RW_ACTIONS; i++) {
        char left[64];
        snprintf(left, sizeof left, "--%s %s", RW_ACTION_ENTRY[i].flag, RW_ACTION_ENTRY[i].metavar);
        fprintf(to, "  %-28s %s\n", left, RW_ACTION_ENTRY[i].help);
    }
    for (size_t i = 0; i < RW_COMMAND_COUNT; i++) {
        fprintf(to, "  %-28s %s\n", RW_COMMAND[i].name, RW_COMMAND[i].help);
    }
    fputs("\nEvery option is also an environment variable (--body-max: REWARDD_BODY_MAX) and a key "
          "of the\nconfiguration file (body-max = 64M). A flag beats the environment, which beats "
          "the file. Sizes are\n64k, 16M (or 16MB, 16MiB), 1G; times are 250ms, 5s, 2m, 1h. A list "
          "in the "
          "environment is separated by\nsemicolons: REWARDD_MODEL='./prm;./orm'.\n\nexamples\n"
          "  rewardd --model ./my-prm\n"
          "  rewardd --model ./prm=prm --model ./orm=orm,dtype=bf16 --threads 8\n"
          "  rewardd --model ./prm --listen 0.0.0.0:7392 --api-key-file keys.txt\n",
          to);
}

static const char *const ORIGIN[] = {"default", "file", "environment", "flag"};

/* A value that may be pasted back; keys are only ever named by their file, which is no secret. */
static void print_value(const struct rw_options *options, const struct rw_option_entry *entry,
                        FILE *to)
{
    const void *field = (const char *)options + entry->offset;
    switch (entry->type) {
    case RW_OPTION_TEXT: {
        const char *text = *(const char *const *)field;
        fputs(text != NULL ? text : "", to);
        break;
    }
    case RW_OPTION_LIST: {
        const struct rw_text_list *list = field;
        for (size_t i = 0; i < list->n; i++) {
            fprintf(to, "%s%s", i > 0 ? "; " : "", list->items[i]);
        }
        break;
    }
    case RW_OPTION_TIME:
        fprintf(to, "%llums", (unsigned long long)*(const uint64_t *)field);
        break;
    case RW_OPTION_SWITCH:
        fputs(*(const bool *)field ? "on" : "off", to);
        break;
    default:
        fprintf(to, "%llu", (unsigned long long)*(const uint64_t *)field);
    }
}

void rw_options_print(const struct rw_options *options, FILE *to)
{
    for (int id = 0; id < RW_OPTION_COUNT; id++) {
        const struct rw_option_entry *entry = rw_option_entry((enum rw_option_id)id);
        if (entry->group != NULL) {
            fprintf(to, "%s# %s\n", id > 0 ? "\n" : "", entry->group);
        }
        /* A file may not name another one, so the line for --config is only told. */
        fprintf(to, "# from: %s\n%s%s = ", ORIGIN[options->origin[id]],
                id == RW_OPTION_ID_config ? "# " : "", entry->name);
        print_value(options, entry, to);
        fputc('\n', to);
    }
}
