#include "server/options_parts.h"

#include <string.h>

#include "core/base/assert.h"
#include "core/base/date.h"
#include "core/base/file.h"
#include "core/base/utf8.h"
#include "core/base/util.h"
#include "proto/suggest.h"

enum {
    OPTIONS_MEMORY_MAX = 4 * 1024 * 1024, /* bytes of all texts together */
    CONFIG_FILE_MAX = 1024 * 1024,        /* bytes */
    LIST_MAX = 256,                       /* values of one list option */
    NAME_MAX_ = 64,                       /* bytes of an option's name */
};

static const struct rw_option_entry ENTRY[] = {
#define TYPE_TEXT         RW_OPTION_TEXT
#define TYPE_LIST         RW_OPTION_LIST
#define TYPE_BYTES        RW_OPTION_BYTES
#define TYPE_COUNT        RW_OPTION_COUNT_
#define TYPE_TIME         RW_OPTION_TIME
#define TYPE_SWITCH       RW_OPTION_SWITCH
#define RW_GROUP(heading) {.group = heading},
#define RW_OPTION(field, name, type, preset, metavar, help) \
    {NULL, name, TYPE_##type, offsetof(struct rw_options, field), preset, metavar, help},
#include "server/options.def"
};

enum {
    ENTRY_COUNT = RW_COUNT(ENTRY)
};

/* Headings sit between the options; the printers want them in front of the next one. */
const struct rw_option_entry *rw_option_entry(enum rw_option_id id)
{
    static struct rw_option_entry joined[RW_OPTION_COUNT];
    static bool made = false;
    if (!made) {
        const char *group = NULL;
        size_t n = 0;
        for (size_t i = 0; i < ENTRY_COUNT; i++) {
            if (ENTRY[i].name == NULL) {
                group = ENTRY[i].group;
                continue;
            }
            joined[n] = ENTRY[i];
            joined[n].group = group;
            group = NULL;
            n++;
        }
        made = true;
    }
    rw_assert((size_t)id < RW_OPTION_COUNT);
    return &joined[id];
}

const struct rw_action_entry RW_ACTION_ENTRY[RW_ACTIONS] = {
    {"help", "", "this text", RW_ACTION_HELP},
    {"version", "", "version, commit, compiler and the kernels of this processor",
     RW_ACTION_VERSION},
    {"check-config", "",
     "read all options and look into the model folders, say whether they can be used, and end",
     RW_ACTION_CHECK_CONFIG},
    {"print-config", "", "every value and where it came from; --config reads it back",
     RW_ACTION_PRINT_CONFIG},
    {"presets", "", "the recipes that preset= can name, a line each", RW_ACTION_PRESETS},
    {"healthcheck", "",
     "ask the daemon at the first --listen address whether it is ready; exit 0 or 1",
     RW_ACTION_HEALTHCHECK},
    {"manual", "", "the manual page, in roff", RW_ACTION_MANUAL},
    {"completion", "SHELL", "completion for bash, zsh or fish", RW_ACTION_COMPLETION},
};

const char *const RW_SHELL_NAME[RW_SHELLS] = {"bash", "zsh", "fish"};

/* ---- values ---------------------------------------------------------------------------------- */

struct unit {
    const char *suffix;
    uint64_t factor;
};

/* Bytes count in powers of two under every name: 1GB of memory is what people mean by 1G. */
static const struct unit BYTE_UNIT[] = {
    {"", 1},
    {"k", UINT64_C(1) << 10},
    {"K", UINT64_C(1) << 10},
    {"kB", UINT64_C(1) << 10},
    {"KB", UINT64_C(1) << 10},
    {"KiB", UINT64_C(1) << 10},
    {"M", UINT64_C(1) << 20},
    {"MB", UINT64_C(1) << 20},
    {"MiB", UINT64_C(1) << 20},
    {"G", UINT64_C(1) << 30},
    {"GB", UINT64_C(1) << 30},
    {"GiB", UINT64_C(1) << 30},
    {NULL, 0},
};
/* No bare number: half of the daemons take one for seconds and half for milliseconds. */
static const struct unit TIME_UNIT[] = {
    {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {NULL, 0},
};
static const struct unit COUNT_UNIT[] = {{"", 1}, {NULL, 0}};

static bool to_number(struct rw_str text, const struct unit *units, uint64_t *out)
{
    size_t digits = 0;
    while (digits < text.len && text.ptr[digits] >= '0' && text.ptr[digits] <= '9') {
        digits++;
    }
    unsigned long long value = 0;
    if (!rw_str_to_u64(rw_str_slice(text, 0, digits), &value)) {
        return false;
    }
    for (; units->suffix != NULL; units++) {
        if (rw_str_is(rw_str_slice(text, digits, text.len), units->suffix)) {
            if (value > (UINT64_C(1) << 62) / units->factor) {
                return false;
            }
            *out = (uint64_t)value * units->factor;
            return true;
        }
    }
    return false;
}

static bool to_time(struct rw_str text, uint64_t *out)
{
    *out = 0;
    return rw_str_is(text, "0") || to_number(text, TIME_UNIT, out);
}

static bool to_switch(struct rw_str text, bool *out)
{
    static const char *const YES[] = {"on", "true", "yes", "1"};
    static const char *const NO[] = {"off", "false", "no", "0"};
    for (size_t i = 0; i < 4; i++) {
        if (rw_str_is(text, YES[i]) || rw_str_is(text, NO[i])) {
            *out = rw_str_is(text, YES[i]);
            return true;
        }
    }
    return false;
}

static rw_status append_text(struct rw_options *options, struct rw_text_list *list,
                             struct rw_str text, struct rw_error *err)
{
    struct rw_str copy = rw_arena_copy(&options->arena, text);
    if (list->items == NULL) {
        list->items = rw_arena_array(&options->arena, LIST_MAX, sizeof *list->items);
    }
    if (copy.ptr == NULL || list->items == NULL) {
        return rw_fail_memory(err, "the options");
    }
    if (list->n == LIST_MAX) {
        return rw_fail(err, RW_CONFIG, "an option may be given %d times at most", LIST_MAX);
    }
    list->items[list->n++] = copy.ptr;
    return RW_OK;
}

/* In one text (environment) a list is separated by semicolons; commas belong to --model. */
static rw_status set_list(struct rw_options *options, struct rw_text_list *list, struct rw_str text,
                          struct rw_error *err)
{
    size_t at = 0;
    while (at <= text.len) {
        size_t end = rw_str_find(text, RW_STR(";"), at);
        struct rw_str part = rw_str_trim(rw_str_slice(text, at, end));
        if (part.len > 0) {
            rw_status status = append_text(options, list, part, err);
            if (status != RW_OK) {
                return status;
            }
        }
        at = end + 1;
    }
    return RW_OK;
}

static const char *type_hint(enum rw_option_type type)
{
    switch (type) {
    case RW_OPTION_BYTES:
        return "a number of bytes such as 65536, 64k, 16MB or 1GiB";
    case RW_OPTION_TIME:
        return "a time with its unit, such as 250ms, 5s, 2m or 1h";
    case RW_OPTION_COUNT_:
        return "a whole number";
    case RW_OPTION_SWITCH:
        return "on or off";
    default:
        return "text without control characters";
    }
}

static rw_status set_value(struct rw_options *options, enum rw_option_id id, struct rw_str text,
                           enum rw_option_origin origin, struct rw_error *err)
{
    const struct rw_option_entry *entry = rw_option_entry(id);
    void *field = (char *)options + entry->offset;
    bool good = rw_utf8_check(text) == text.len && memchr(text.ptr, '\n', text.len) == NULL;
    rw_status status = RW_OK;
    switch (entry->type) {
    case RW_OPTION_TEXT: {
        struct rw_str copy = rw_arena_copy(&options->arena, text);
        *(const char **)field = text.len > 0 ? copy.ptr : NULL;
        break;
    }
    case RW_OPTION_LIST: {
        struct rw_text_list *list = field;
        if (options->origin[id] != origin) {
            list->n = 0; /* a stronger place replaces the whole list */
        }
        status = good ? set_list(options, list, text, err) : RW_OK;
        break;
    }
    case RW_OPTION_BYTES:
        good = good && to_number(text, BYTE_UNIT, field);
        break;
    case RW_OPTION_TIME:
        good = good && to_time(text, field);
        break;
    case RW_OPTION_COUNT_:
        good = good && to_number(text, COUNT_UNIT, field);
        break;
    case RW_OPTION_SWITCH:
        good = good && to_switch(text, field);
        break;
    }
    if (!good) {
        return rw_fail(err, RW_CONFIG, "%s: \"%.*s\" is not %s", entry->name, RW_STR_ARG(text),
                       type_hint(entry->type));
    }
    options->origin[id] = origin;
    return status;
}

/* ---- sources --------------------------------------------------------------------------------- */

static bool find_option(struct rw_str name, enum rw_option_id *out)
{
    for (int id = 0; id < RW_OPTION_COUNT; id++) {
        if (rw_str_is(name, rw_option_entry((enum rw_option_id)id)->name)) {
            *out = (enum rw_option_id)id;
            return true;
        }
    }
    return false;
}

/* One fault: the end of reading, or one of several. */
rw_status rw_options_fault(struct rw_options *options, rw_status status, struct rw_error *err)
{
    if (status == RW_OK || options->faults == NULL) {
        return status;
    }
    options->faults->n++;
    if (options->faults->complain != NULL) {
        options->faults->complain(err);
    }
    *err = (struct rw_error){0};
    return RW_OK;
}

static rw_status unknown(struct rw_str name, const char *what, struct rw_error *err)
{
    const char *words[RW_OPTION_COUNT + RW_ACTIONS];
    for (int id = 0; id < RW_OPTION_COUNT; id++) {
        words[id] = rw_option_entry((enum rw_option_id)id)->name;
    }
    for (size_t i = 0; i < RW_ACTIONS; i++) {
        words[RW_OPTION_COUNT + i] = RW_ACTION_ENTRY[i].flag;
    }
    long near = rw_suggest_nearest(name, words, RW_OPTION_COUNT + RW_ACTIONS);
    rw_fail(err, RW_CONFIG, "unknown %s \"%.*s\"", what, RW_STR_ARG(name));
    if (near >= 0) {
        rw_error_hint(err, "did you mean \"%s\"?", words[near]);
    } else {
        rw_error_hint(err, "rewardd --help lists them");
    }
    return RW_CONFIG;
}

static bool find_action(struct rw_str name, enum rw_action *out)
{
    for (size_t i = 0; i < RW_ACTIONS; i++) {
        if (rw_str_is(name, RW_ACTION_ENTRY[i].flag)) {
            *out = RW_ACTION_ENTRY[i].action;
            return true;
        }
    }
    return false;
}

static bool short_action(struct rw_str word, enum rw_action *out)
{
    if (word.len != 2 || word.ptr[0] != '-' || strchr("hvV", word.ptr[1]) == NULL) {
        return false;
    }
    *out = word.ptr[1] == 'h' ? RW_ACTION_HELP : RW_ACTION_VERSION;
    return true;
}

/* A word that is no option: what it was probably meant for. */
static rw_status unexpected(struct rw_str word, int at, struct rw_error *err)
{
    rw_fail(err, RW_CONFIG, "unexpected argument \"%.*s\"", RW_STR_ARG(word));
    bool path = rw_str_find(word, RW_STR("/"), 0) < word.len;
    if (word.len > 0 && word.ptr[0] == '-') {
        rw_error_hint(err, "options begin with two hyphens; rewardd --help lists them");
    } else if (at == 1 && !path) {
        rw_error_hint(err,
                      "rewardd --help lists options and commands; a model is given with "
                      "--model %.*s",
                      RW_STR_ARG(word));
    } else {
        rw_error_hint(err, "a model is given with --model %.*s", RW_STR_ARG(word));
    }
    return RW_CONFIG;
}

static rw_status choose_shell(struct rw_options *options, struct rw_str name, struct rw_error *err)
{
    for (int shell = 0; shell < RW_SHELLS; shell++) {
        if (rw_str_is(name, RW_SHELL_NAME[shell])) {
            options->shell = shell;
            return RW_OK;
        }
    }
    rw_fail(err, RW_CONFIG, "completion: \"%.*s\" is not a known shell", RW_STR_ARG(name));
    rw_error_hint(err, "known are bash, zsh and fish");
    return RW_CONFIG;
}

/* --completion alone means bash; the shell may be a word of its own or stand behind "=". */
static rw_status read_action(struct rw_options *options, struct rw_str value, int argc,
                             char *const *argv, int *at, struct rw_error *err)
{
    if (options->action != RW_ACTION_COMPLETION) {
        return value.len == 0 ? RW_OK : rw_fail(err, RW_CONFIG, "%s takes no value", argv[*at]);
    }
    if (value.len == 0 && *at + 1 < argc && argv[*at + 1][0] != '-') {
        *at += 1;
        value = rw_str_from(argv[*at]);
    }
    return value.len == 0 ? RW_OK : choose_shell(options, value, err);
}

/* --name value, --name=value, --switch, --no-switch; *at is left on the last word used. */
static rw_status read_flag(struct rw_options *options, int argc, char *const *argv, int *at,
                           struct rw_error *err)
{
    struct rw_str word = rw_str_from(argv[*at]);
    if (short_action(word, &options->action)) {
        return RW_OK;
    }
    if (!rw_str_starts(word, RW_STR("--"))) {
        return unexpected(word, *at, err);
    }
    size_t equals = rw_str_find(word, RW_STR("="), 2);
    struct rw_str name = rw_str_slice(word, 2, equals);
    enum rw_option_id id;
    if (find_action(name, &options->action)) {
        size_t begin = RW_MIN(equals + 1, word.len);
        return read_action(options, rw_str_slice(word, begin, word.len), argc, argv, at, err);
    }
    bool negated = rw_str_starts(name, RW_STR("no-")) && equals == word.len;
    if (negated && find_option(rw_str_slice(name, 3, name.len), &id) &&
        rw_option_entry(id)->type == RW_OPTION_SWITCH) {
        return set_value(options, id, RW_STR("off"), RW_ORIGIN_FLAG, err);
    }
    if (!find_option(name, &id)) {
        return unknown(name, "option", err);
    }
    if (equals < word.len) {
        return set_value(options, id, rw_str_slice(word, equals + 1, word.len), RW_ORIGIN_FLAG,
                         err);
    }
    if (rw_option_entry(id)->type == RW_OPTION_SWITCH) {
        return set_value(options, id, RW_STR("on"), RW_ORIGIN_FLAG, err);
    }
    if (*at + 1 >= argc) {
        return rw_fail(err, RW_CONFIG, "--%.*s needs a value: %s", RW_STR_ARG(name),
                       rw_option_entry(id)->metavar);
    }
    *at += 1;
    return set_value(options, id, rw_str_from(argv[*at]), RW_ORIGIN_FLAG, err);
}

static rw_status read_flags(struct rw_options *options, int argc, char *const *argv,
                            struct rw_error *err)
{
    rw_status status = RW_OK;
    for (int i = 1; i < argc && status == RW_OK; i++) {
        status = rw_options_fault(options, read_flag(options, argc, argv, &i, err), err);
    }
    return status;
}

static rw_status read_line(struct rw_options *options, struct rw_str line, struct rw_error *err)
{
    line = rw_str_trim(line);
    if (line.len == 0 || line.ptr[0] == '#') {
        return RW_OK;
    }
    size_t equals = rw_str_find(line, RW_STR("="), 0);
    if (equals == line.len) {
        return rw_fail(err, RW_CONFIG, "expected `name = value`");
    }
    struct rw_str name = rw_str_trim(rw_str_slice(line, 0, equals));
    enum rw_option_id id;
    if (!find_option(name, &id) || id == RW_OPTION_ID_config) {
        return unknown(name, "key", err);
    }
    return set_value(options, id, rw_str_trim(rw_str_slice(line, equals + 1, line.len)),
                     RW_ORIGIN_FILE, err);
}

static rw_status read_file(struct rw_options *options, const char *path, struct rw_error *err)
{
    struct rw_str text;
    rw_status status = rw_file_read_all(path, CONFIG_FILE_MAX, &options->arena, &text, err);
    if (status != RW_OK) {
        rw_error_prefix(err, "--config %s", path);
        return rw_options_fault(options, status, err);
    }
    unsigned number = 1;
    for (size_t at = 0; at < text.len; number++) {
        size_t end = rw_str_find(text, RW_STR("\n"), at);
        status = read_line(options, rw_str_slice(text, at, end), err);
        if (status != RW_OK) {
            rw_error_prefix(err, "%s:%u", path, number);
        }
        status = rw_options_fault(options, status, err);
        if (status != RW_OK) {
            return status;
        }
        at = end + 1;
    }
    return RW_OK;
}

/* REWARDD_BODY_MAX for body-max. */
static void environment_name(const char *name, char out[NAME_MAX_])
{
    size_t n = 0;
    const char *prefix = "REWARDD_";
    while (prefix[n] != '\0') {
        out[n] = prefix[n];
        n++;
    }
    for (; *name != '\0' && n + 1 < NAME_MAX_; name++) {
        out[n++] = *name == '-' ? '_' : (char)(*name >= 'a' ? *name - 'a' + 'A' : *name);
    }
    out[n] = '\0';
}

static rw_status read_environment(struct rw_options *options, char *const *environment,
                                  struct rw_error *err)
{
    for (int id = 0; id < RW_OPTION_COUNT; id++) {
        char name[NAME_MAX_];
        environment_name(rw_option_entry((enum rw_option_id)id)->name, name);
        size_t len = strlen(name);
        for (char *const *e = environment; *e != NULL; e++) {
            if (strncmp(*e, name, len) != 0 || (*e)[len] != '=') {
                continue;
            }
            rw_status status = set_value(options, (enum rw_option_id)id, rw_str_from(*e + len + 1),
                                         RW_ORIGIN_ENVIRONMENT, err);
            if (status != RW_OK) {
                rw_error_prefix(err, "environment %s", name);
            }
            status = rw_options_fault(options, status, err);
            if (status != RW_OK) {
                return status;
            }
        }
    }
    return RW_OK;
}

static rw_status set_defaults(struct rw_options *options, struct rw_error *err)
{
    rw_status status = RW_OK;
    for (int id = 0; id < RW_OPTION_COUNT && status == RW_OK; id++) {
        const char *preset = rw_option_entry((enum rw_option_id)id)->preset;
        if (preset[0] != '\0') {
            status = set_value(options, (enum rw_option_id)id, rw_str_from(preset),
                               RW_ORIGIN_DEFAULT, err);
        }
    }
    return status;
}

/* In order of strength: each source overwrites the one before. */
static rw_status read_sources(struct rw_options *options, const char *config, int argc,
                              char *const *argv, char *const *environment, struct rw_error *err)
{
    *options = (struct rw_options){.action = RW_ACTION_RUN, .faults = options->faults};
    rw_arena_init(&options->arena, OPTIONS_MEMORY_MAX);
    rw_status status = set_defaults(options, err);
    if (status == RW_OK && config != NULL) {
        status = read_file(options, config, err);
    }
    if (status == RW_OK) {
        status = read_environment(options, environment, err);
    }
    return status == RW_OK ? read_flags(options, argc, argv, err) : status;
}

/* The first reading only finds --config; the second has the file in its place. */
static rw_status read_twice(struct rw_options *options, int argc, char *const *argv,
                            char *const *environment, struct rw_option_faults *faults,
                            struct rw_error *err)
{
    struct rw_option_faults untold = {0};
    options->faults = faults != NULL ? &untold : NULL;
    rw_status status = read_sources(options, NULL, argc, argv, environment, err);
    if (status == RW_OK && (options->config != NULL || untold.n > 0)) {
        struct rw_options first = *options;
        options->faults = faults;
        status = read_sources(options, first.config, argc, argv, environment, err);
        rw_options_fini(&first);
    }
    options->faults = faults;
    status = status == RW_OK ? rw_options_check_values(options, err) : status;
    options->faults = NULL;
    return status;
}

rw_status rw_options_parse(struct rw_options *options, int argc, char *const *argv,
                           char *const *environment, struct rw_error *err)
{
    return read_twice(options, argc, argv, environment, NULL, err);
}

size_t rw_options_parse_all(struct rw_options *options, int argc, char *const *argv,
                            char *const *environment, int (*complain)(const struct rw_error *err))
{
    struct rw_option_faults faults = {.complain = complain};
    struct rw_error err = {0};
    if (read_twice(options, argc, argv, environment, &faults, &err) != RW_OK) {
        complain(&err); /* no memory, which is no fault of an option */
        faults.n++;
    }
    return faults.n;
}

void rw_options_fini(struct rw_options *options)
{
    rw_arena_fini(&options->arena);
}
