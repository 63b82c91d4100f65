/* The manual page and the completions of three shells, from the tables of options, actions and
 * commands. */
#include <string.h>

#include "core/base/util.h"
#include "server/commands/command.h"
#include "server/options.h"
#include "server/version.h"

/* ---- the manual page ------------------------------------------------------------------------- */

/* Text in roff: a hyphen stays one (\-), a backslash is no escape, a leading dot is no request. */
static void roff(const char *text, FILE *to)
{
    if (text[0] == '.' || text[0] == '\'') {
        fputs("\\&", to);
    }
    for (; *text != '\0'; text++) {
        if (*text == '-') {
            fputs("\\-", to);
        } else if (*text == '\\') {
            fputs("\\e", to);
        } else {
            fputc(*text, to);
        }
    }
}

static void manual_term(const char *prefix, const char *name, const char *metavar, const char *help,
                        FILE *to)
{
    fputs(".TP\n\\fB", to);
    roff(prefix, to);
    roff(name, to);
    fputs("\\fR", to);
    if (metavar[0] != '\0') {
        fputs(" \\fI", to);
        roff(metavar, to);
        fputs("\\fR", to);
    }
    fputc('\n', to);
    roff(help, to);
    fputs(".\n", to);
}

static void manual_options(FILE *to)
{
    fputs(".SH OPTIONS\n", to);
    for (int id = 0; id < RW_OPTION_COUNT; id++) {
        const struct rw_option_entry *entry = rw_option_entry((enum rw_option_id)id);
        if (entry->group != NULL) {
            fprintf(to, ".SS %s\n", entry->group);
        }
        manual_term("--", entry->name, entry->metavar, entry->help, to);
        if (entry->preset[0] != '\0' && entry->type != RW_OPTION_SWITCH) {
            fputs("Default: ", to);
            roff(entry->preset, to);
            fputs(".\n", to);
        }
    }
    fputs(".SS Instead of serving\n", to);
    for (size_t i = 0; i < RW_ACTIONS; i++) {
        const struct rw_action_entry *action = &RW_ACTION_ENTRY[i];
        manual_term("--", action->flag, action->metavar, action->help, to);
    }
}

static void manual_commands(FILE *to)
{
    fputs(".SH COMMANDS\nEach has a help text of its own: \\fBrewardd\\fR \\fICOMMAND\\fR "
          "\\fB\\-\\-help\\fR.\n",
          to);
    for (size_t i = 0; i < RW_COMMAND_COUNT; i++) {
        manual_term("", RW_COMMAND[i].name, "", RW_COMMAND[i].help, to);
    }
}

static const char MANUAL_HEAD[] =
    ".SH NAME\nrewardd \\- score reasoning traces step by step over HTTP\n"
    ".SH SYNOPSIS\n"
    "\\fBrewardd\\fR \\fB\\-\\-model\\fR \\fIDIR\\fR [\\fIoptions\\fR]\n.br\n"
    "\\fBrewardd\\fR \\fICOMMAND\\fR [\\fIarguments\\fR]\n"
    ".SH DESCRIPTION\n"
    "\\fBrewardd\\fR loads process reward models (a reward for every step) and outcome reward "
    "models "
    "(a reward for the trace) from Hugging Face folders and scores traces that clients send to "
    "\\fIPOST /v1/rewards\\fR. It computes on the CPU and makes no outbound connection. A reward "
    "that "
    "could not be computed is null with a reason, never a number.\n";

static const char MANUAL_TAIL[] =
    ".SH ENVIRONMENT\n"
    "Every option is also a variable: \\fBREWARDD_\\fR and the name in capitals with underscores "
    "(\\fB\\-\\-body\\-max\\fR: \\fBREWARDD_BODY_MAX\\fR). A list is separated by semicolons. A "
    "flag "
    "beats the environment, which beats the configuration file, which beats the default.\n"
    ".SH FILES\n"
    ".TP\n\\fIDIR/config.json, DIR/tokenizer.json, DIR/*.safetensors\\fR\nthe model.\n"
    ".TP\n\\fIDIR/rewardd.json\\fR\nhow the model is scored, where its contents do not say it.\n"
    ".TP\n\\fIDIR/calibration.json\\fR\nthe calibration bank that \\fBrewardd calibrate\\fR wrote: "
    "what the p\\-values of flags are measured against.\n"
    ".TP\n\\fIDIR/audit.json\\fR, \\fIDIR.audit.json\\fR\nthe verdicts that \\fBrewardd audit "
    "\\-\\-save\\fR wrote, shown in /v1/models and /ui.\n"
    ".TP\nthe file of \\fB\\-\\-config\\fR\nlines `name = value'; a line that begins with # is a "
    "comment. \\fB\\-\\-print\\-config\\fR writes such a file.\n"
    ".SH SIGNALS\n"
    ".TP\n\\fBSIGTERM\\fR\ndrains: /readyz says no at once, new work is accepted for "
    "\\fB\\-\\-drain\\-delay\\fR, requests in flight are finished within "
    "\\fB\\-\\-drain\\-timeout\\fR. A second one ends at once.\n"
    ".TP\n\\fBSIGINT\\fR\nends at once.\n"
    ".TP\n\\fBSIGHUP\\fR\nreads the API keys again.\n"
    ".SH EXIT STATUS\n0 success, 1 failure, 2 unusable options, 3 a verdict that \\fBrewardd "
    "audit \\-\\-fail\\-on\\fR names.\n"
    ".SH EXAMPLES\n.nf\n"
    "rewardd \\-\\-model ./my\\-prm\n"
    "rewardd \\-\\-model ./prm=prm \\-\\-model ./orm=orm,dtype=int8 \\-\\-threads 8\n"
    "rewardd \\-\\-model ./prm \\-\\-listen 0.0.0.0:7392 \\-\\-api\\-key\\-file keys.txt\n"
    "curl \\-s http://127.0.0.1:7392/v1/rewards \\-H 'Accept: text/plain' \\e\n"
    "  \\-d '{\"prompt\":\"What is 2 + 3?\",\"trace\":[\"2 + 3 = 5.\"]}'\n"
    ".fi\n";

void rw_options_manual(FILE *to)
{
    fputs(".TH REWARDD 1 \"\" \"rewardd ", to);
    fputs(RW_VERSION, to);
    fputs("\" \"User Commands\"\n", to);
    fputs(MANUAL_HEAD, to);
    manual_commands(to);
    manual_options(to);
    fputs(MANUAL_TAIL, to);
}

/* ---- completion ------------------------------------------------------------------------------ */

/* What follows an option: a folder, a file, words of a list, or something nobody can complete. */
enum value_kind {
    VALUE_NONE,
    VALUE_DIR,
    VALUE_FILE,
    VALUE_WORDS,
    VALUE_OTHER,
};

static enum value_kind value_kind(const char *name, enum rw_option_type type, const char *metavar,
                                  const char **words)
{
    static const char *const WORDS[][2] = {
        {"dtype", "auto f32 bf16 int8 q4"}, {"log-level", "debug info warn error off"},
        {"log-format", "logfmt json"},      {"access-log", "all errors off"},
        {"completion", "bash zsh fish"},
    };
    for (size_t i = 0; i < RW_COUNT(WORDS); i++) {
        if (strcmp(name, WORDS[i][0]) == 0) {
            *words = WORDS[i][1];
            return VALUE_WORDS;
        }
    }
    if (type == RW_OPTION_SWITCH) {
        return VALUE_NONE;
    }
    return strncmp(metavar, "DIR", 3) == 0    ? VALUE_DIR
           : strncmp(metavar, "FILE", 4) == 0 ? VALUE_FILE
                                              : VALUE_OTHER;
}

/* One option or action as the completions see it. */
struct word {
    const char *name;
    const char *help;
    enum value_kind kind;
    const char *words;
};

enum {
    WORDS_ALL = RW_OPTION_COUNT + RW_ACTIONS,
};

static void word_at(size_t i, struct word *out)
{
    if (i < RW_OPTION_COUNT) {
        const struct rw_option_entry *e = rw_option_entry((enum rw_option_id)i);
        *out = (struct word){.name = e->name, .help = e->help};
        out->kind = value_kind(e->name, e->type, e->metavar, &out->words);
        return;
    }
    const struct rw_action_entry *a = &RW_ACTION_ENTRY[i - RW_OPTION_COUNT];
    *out = (struct word){.name = a->flag, .help = a->help};
    out->kind = value_kind(a->flag, a->metavar[0] != '\0' ? RW_OPTION_TEXT : RW_OPTION_SWITCH,
                           a->metavar, &out->words);
}

static void completion_bash(FILE *to)
{
    fputs("# rewardd --completion bash > /usr/share/bash-completion/completions/rewardd\n"
          "_rewardd() {\n"
          "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
          "    case $prev in\n",
          to);
    for (size_t i = 0; i < WORDS_ALL; i++) {
        struct word w;
        word_at(i, &w);
        if (w.kind == VALUE_WORDS) {
            fprintf(to, "    --%s) COMPREPLY=($(compgen -W '%s' -- \"$cur\")); return ;;\n", w.name,
                    w.words);
        } else if (w.kind == VALUE_DIR || w.kind == VALUE_FILE) {
            fprintf(to, "    --%s) COMPREPLY=($(compgen -%c -- \"$cur\")); return ;;\n", w.name,
                    w.kind == VALUE_DIR ? 'd' : 'f');
        } else if (w.kind == VALUE_OTHER) {
            fprintf(to, "    --%s) return ;;\n", w.name);
        }
    }
    fputs("    esac\n    local words='", to);
    for (size_t i = 0; i < WORDS_ALL; i++) {
        struct word w;
        word_at(i, &w);
        fprintf(to, "--%s ", w.name);
    }
    fputs("'\n    [ \"$COMP_CWORD\" -gt 1 ] || words=\"$words", to);
    for (size_t i = 0; i < RW_COMMAND_COUNT; i++) {
        fprintf(to, " %s", RW_COMMAND[i].name);
    }
    fputs("\"\n    COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n}\n"
          "complete -F _rewardd rewardd\n",
          to);
}

/* Help inside single quotes: a quote ends, is escaped and begins again; zsh also takes [ ] and :
 * for its own. */
static void quoted(const char *text, bool zsh, FILE *to)
{
    for (; *text != '\0'; text++) {
        if (*text == '\'') {
            fputs(zsh ? "'\\''" : "\\'", to);
        } else if (zsh && strchr("[]:\\", *text) != NULL) {
            fprintf(to, "\\%c", *text);
        } else if (!zsh && *text == '\\') {
            fputs("\\\\", to);
        } else {
            fputc(*text, to);
        }
    }
}

static void completion_zsh(FILE *to)
{
    fputs("#compdef rewardd\n"
          "# rewardd --completion zsh > /usr/share/zsh/vendor-completions/_rewardd\n"
          "_arguments -s \\\n",
          to);
    for (size_t i = 0; i < WORDS_ALL; i++) {
        struct word w;
        word_at(i, &w);
        fprintf(to, "  '*--%s[", w.name);
        quoted(w.help, true, to);
        fputc(']', to);
        if (w.kind == VALUE_WORDS) {
            fprintf(to, ":value:(%s)", w.words);
        } else if (w.kind != VALUE_NONE) {
            fprintf(to, ":value:%s",
                    w.kind == VALUE_DIR    ? "_files -/"
                    : w.kind == VALUE_FILE ? "_files"
                                           : " ");
        }
        fputs("' \\\n", to);
    }
    fputs("  '1:command:((", to);
    for (size_t i = 0; i < RW_COMMAND_COUNT; i++) {
        fprintf(to, "%s%s\\:\"", i > 0 ? " " : "", RW_COMMAND[i].name);
        quoted(RW_COMMAND[i].help, true, to);
        fputc('"', to);
    }
    fputs("))'\n", to);
}

static void completion_fish(FILE *to)
{
    fputs("# rewardd --completion fish > ~/.config/fish/completions/rewardd.fish\n", to);
    for (size_t i = 0; i < WORDS_ALL; i++) {
        struct word w;
        word_at(i, &w);
        fprintf(to, "complete -c rewardd -l %s -d '", w.name);
        quoted(w.help, false, to);
        fputc('\'', to);
        if (w.kind == VALUE_WORDS) {
            fprintf(to, " -xa '%s'", w.words);
        } else if (w.kind != VALUE_NONE) {
            fputs(w.kind == VALUE_DIR    ? " -xa '(__fish_complete_directories)'"
                  : w.kind == VALUE_FILE ? " -rF"
                                         : " -x",
                  to);
        }
        fputc('\n', to);
    }
    for (size_t i = 0; i < RW_COMMAND_COUNT; i++) {
        fprintf(to, "complete -c rewardd -n __fish_use_subcommand -a %s -d '", RW_COMMAND[i].name);
        quoted(RW_COMMAND[i].help, false, to);
        fputs("'\n", to);
    }
}

void rw_options_completion(enum rw_shell shell, FILE *to)
{
    switch (shell) {
    case RW_SHELL_ZSH:
        completion_zsh(to);
        break;
    case RW_SHELL_FISH:
        completion_fish(to);
        break;
    default:
        completion_bash(to);
    }
}
