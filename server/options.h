/* The daemon's options: one table (options.def), four sources. A flag beats the environment, which
 * beats the configuration file, which beats the default; a list given at a stronger place replaces
 * the weaker one as a whole.
 *
 * Parsing touches no global state and never exits: main decides what to do with the action. */
#ifndef RW_SERVER_OPTIONS_H
#define RW_SERVER_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include "core/base/arena.h"
#include "core/base/status.h"

struct rw_text_list {
    const char **items;
    size_t n;
};

enum rw_option_id {
#define RW_GROUP(heading)
#define RW_OPTION(field, name, type, preset, metavar, help) RW_OPTION_ID_##field,
#include "server/options.def"
    RW_OPTION_COUNT
};

enum rw_option_origin {
    RW_ORIGIN_DEFAULT,
    RW_ORIGIN_FILE,
    RW_ORIGIN_ENVIRONMENT,
    RW_ORIGIN_FLAG,
};

/* What the command line asked for besides options. */
enum rw_action {
    RW_ACTION_RUN,
    RW_ACTION_HELP,
    RW_ACTION_VERSION,
    RW_ACTION_CHECK_CONFIG,
    RW_ACTION_PRINT_CONFIG,
    RW_ACTION_MANUAL,
    RW_ACTION_COMPLETION,
    RW_ACTION_HEALTHCHECK,
    RW_ACTION_PRESETS,
};

typedef const char *rw_option_TEXT;
typedef struct rw_text_list rw_option_LIST;
typedef uint64_t rw_option_BYTES;
typedef uint64_t rw_option_COUNT;
typedef uint64_t rw_option_TIME; /* milliseconds */
typedef bool rw_option_SWITCH;

struct rw_option_faults {
    int (*complain)(const struct rw_error *err); /* NULL = they are not told yet */
    size_t n;
};

struct rw_options {
#define RW_GROUP(heading)
#define RW_OPTION(field, name, type, preset, metavar, help) rw_option_##type field;
#include "server/options.def"
    enum rw_option_origin origin[RW_OPTION_COUNT];
    enum rw_action action;
    int shell;                       /* enum rw_shell of --completion */
    struct rw_option_faults *faults; /* while they are read: NULL = the first fault ends it */
    struct rw_arena arena;           /* owns every text */
};

/* CONFIG with a sentence a person can act on: the first fault. `environment` is a NULL-ended list
 * of NAME=value. */
rw_status rw_options_parse(struct rw_options *options, int argc, char *const *argv,
                           char *const *environment, struct rw_error *err);
/* Every fault goes to `complain`; the options are what the others say. Returns how many. */
size_t rw_options_parse_all(struct rw_options *options, int argc, char *const *argv,
                            char *const *environment, int (*complain)(const struct rw_error *err));
void rw_options_fini(struct rw_options *options);

/* One --model value taken apart; texts live in the arena. */
struct rw_model_choice {
    const char *dir;
    const char *name;   /* NULL = base name of dir */
    const char *base;   /* of a lone LoRA adapter; NULL for others */
    const char *preset; /* NULL = recognise */
    const char *dtype;  /* NULL = as --dtype says */
    const char *date;   /* YYYY-MM-DD, NULL = as --template-date says */
    uint32_t context_max;
    bool language_head;
};

rw_status rw_options_model(const char *value, struct rw_arena *arena, struct rw_model_choice *out,
                           struct rw_error *err);
/* YYYY-MM-DD. */
rw_status rw_options_date(const char *value, struct tm *out, struct rw_error *err);
/* "host:port", "[v6]:port", ":port", "port", and "unix:/path" (the whole text is the host). */
rw_status rw_options_address(const char *value, struct rw_arena *arena, const char **host,
                             uint16_t *port, struct rw_error *err);

/* options_print.c: from the table. What print writes can be read back by --config. */
void rw_options_help(FILE *to);
void rw_options_print(const struct rw_options *options, FILE *to);

/* options_manual.c: from the table too. */
enum rw_shell {
    RW_SHELL_BASH,
    RW_SHELL_ZSH,
    RW_SHELL_FISH,
    RW_SHELLS,
};

extern const char *const RW_SHELL_NAME[RW_SHELLS];

void rw_options_manual(FILE *to);
void rw_options_completion(enum rw_shell shell, FILE *to);

/* What the command line may ask for instead of serving, and the sentence of --help for it. */
struct rw_action_entry {
    const char *flag;
    const char *metavar; /* "" = takes no value */
    const char *help;
    enum rw_action action;
};

enum {
    RW_ACTIONS = 8,
};

extern const struct rw_action_entry RW_ACTION_ENTRY[RW_ACTIONS];

/* The table, for the printers and for tests. */
enum rw_option_type {
    RW_OPTION_TEXT,
    RW_OPTION_LIST,
    RW_OPTION_BYTES,
    RW_OPTION_COUNT_,
    RW_OPTION_TIME,
    RW_OPTION_SWITCH,
};

struct rw_option_entry {
    const char *group; /* heading that starts here, or NULL */
    const char *name;
    enum rw_option_type type;
    size_t offset; /* into struct rw_options */
    const char *preset;
    const char *metavar;
    const char *help;
};

const struct rw_option_entry *rw_option_entry(enum rw_option_id id);

#endif
