/* `rewardd audit`: edits clean traces, scores them again, and says how the rewards moved. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/util.h"
#include "core/probe/audit_note.h"
#include "server/commands/arguments.h"
#include "server/commands/audit.h"
#include "server/commands/audit_fail.h"
#include "server/commands/command.h"

enum {
    TRACES_DEFAULT = 400,
    REPORT_BYTES_MAX = 8 << 20,
    VALUES_BYTES_MAX = 512 << 20,
    PATH_BYTES_MAX = RW_MODEL_DIR_MAX + 64,
    EXIT_FLAWED = 3, /* a verdict that --fail-on names */
};

struct auditing {
    struct rw_offline_set set; /* what was asked; each audit reads into a copy of it */
    const char *against;       /* a second process model */
    const char *against_outcome;
    const char *fail_on;
    const char *save;
    struct rw_audit_fail fail;
    struct rw_audit audit[2];
    size_t n; /* audits */
    struct rw_error err;
};

static rw_status no_memory(struct auditing *a)
{
    return rw_fail(&a->err, RW_NO_MEMORY, "no memory left; use --max");
}

/* ---- files ----------------------------------------------------------------------------------- */

static rw_status write_file(struct auditing *a, const char *dir, const char *name,
                            const struct rw_buf *text)
{
    char path[PATH_BYTES_MAX];
    if ((size_t)snprintf(path, sizeof path, "%s%s", dir, name) >= sizeof path) {
        return rw_fail(&a->err, RW_LIMIT_EXCEEDED, "the path is too long");
    }
    return text->failed ? no_memory(a) : rw_offline_write(path, rw_buf_str(text), &a->err);
}

static rw_status write_report(struct auditing *a, const char *name,
                              void (*writer)(const struct rw_audit *, const struct rw_audit *,
                                             struct rw_buf *))
{
    struct rw_buf out;
    rw_buf_init(&out, REPORT_BYTES_MAX);
    writer(&a->audit[0], a->n > 1 ? &a->audit[1] : NULL, &out);
    rw_status status = write_file(a, a->set.out, name, &out);
    rw_buf_fini(&out);
    return status;
}

/* In the model's folder, or beside it where the folder is not to be written to. */
static rw_status save_notes(struct auditing *a, const struct rw_audit *audit)
{
    char path[PATH_BYTES_MAX];
    bool beside = strcmp(a->save, "beside") == 0;
    rw_status status = RW_OK;
    for (int h = 0; status == RW_OK && h < RW_AUDIT_HEADS; h++) {
        if (audit->model[h].present) {
            struct rw_buf out;
            rw_buf_init(&out, REPORT_BYTES_MAX);
            rw_audit_note_json(audit, (enum rw_audit_head)h, &out);
            status = rw_audit_note_path(audit->model[h].dir, beside, path, sizeof path, &a->err);
            status = status == RW_OK ? write_file(a, path, "", &out) : status;
            if (status == RW_OK) {
                printf("saved: %s\n", path);
            }
            rw_buf_fini(&out);
        }
    }
    return status;
}

/* ---- the audits ------------------------------------------------------------------------------ */

static rw_status audit_one(struct auditing *a, const char *model, const char *outcome)
{
    static const char *const VALUES[] = {"/values.jsonl", "/values-against.jsonl"};
    struct rw_offline_set set = a->set;
    struct rw_audit *audit = &a->audit[a->n];
    struct rw_buf values;
    set.model = model;
    set.outcome = outcome;
    rw_arena_init(&set.arena, INT_MAX);
    rw_buf_init(&values, VALUES_BYTES_MAX);
    rw_status status = rw_offline_begin(&set, &a->err);
    audit->file = a->set.traces;
    if (status == RW_OK) {
        status = rw_audit_run(&set, audit, &values, &a->err);
    }
    if (status == RW_OK) {
        status = write_file(a, a->set.out, VALUES[a->n], &values);
        a->n++;
    }
    rw_buf_fini(&values);
    rw_offline_end(&set);
    return status;
}

static void print_verdicts(const struct rw_audit *audit)
{
    for (int h = 0; h < RW_AUDIT_HEADS; h++) {
        for (int p = 0; audit->model[h].present && p < RW_AUDIT_PROPERTIES; p++) {
            const struct rw_audit_verdict *v = &audit->verdict[h][p];
            printf("%s  %-15s %-8s %s\n%*sRule: %s.\n", audit->model[h].name,
                   rw_audit_property_name((enum rw_audit_property_id)p),
                   rw_audit_grade_name(v->grade), v->sentence,
                   (int)strlen(audit->model[h].name) + 27, "", v->rule);
        }
    }
}

static rw_status report(struct auditing *a)
{
    rw_status status = write_report(a, "/audit.json", rw_audit_json);
    if (status == RW_OK) {
        status = write_report(a, "/audit.md", rw_audit_markdown);
    }
    if (status == RW_OK) {
        status = write_report(a, "/audit.html", rw_audit_html);
    }
    for (size_t i = 0; status == RW_OK && i < a->n; i++) {
        print_verdicts(&a->audit[i]);
        if (a->save != NULL) {
            status = save_notes(a, &a->audit[i]);
        }
    }
    if (status == RW_OK) {
        printf("report: %s/audit.html, audit.md, audit.json, values.jsonl\n", a->set.out);
    }
    return status;
}

static rw_status check(struct auditing *a)
{
    if ((a->set.model == NULL && a->set.outcome == NULL) || a->set.traces == NULL ||
        a->set.out == NULL) {
        return rw_fail(&a->err, RW_CONFIG, "--model or --outcome, --traces and --out are needed");
    }
    if (a->save != NULL && strcmp(a->save, "folder") != 0 && strcmp(a->save, "beside") != 0) {
        return rw_fail(&a->err, RW_CONFIG, "--save: \"%s\" is neither folder nor beside", a->save);
    }
    rw_status status = rw_audit_fail_parse(a->fail_on, &a->fail, &a->err);
    if (status == RW_OK && mkdir(a->set.out, 0777) != 0 && errno != EEXIST) {
        return rw_fail(&a->err, RW_IO, "%s: %s", a->set.out, strerror(errno));
    }
    return status;
}

static rw_status audit(struct auditing *a)
{
    rw_status status = check(a);
    if (status == RW_OK) {
        status = audit_one(a, a->set.model, a->set.outcome);
    }
    if (status == RW_OK && (a->against != NULL || a->against_outcome != NULL)) {
        status = audit_one(a, a->against, a->against_outcome);
    }
    return status == RW_OK ? report(a) : status;
}

/* How many verdicts --fail-on names; each is printed. */
static size_t count_flaws(const struct auditing *a)
{
    size_t flaws = 0;
    for (size_t i = 0; i < a->n; i++) {
        for (int h = 0; h < RW_AUDIT_HEADS; h++) {
            for (int p = 0; a->audit[i].model[h].present && p < RW_AUDIT_PROPERTIES; p++) {
                enum rw_audit_grade grade = a->audit[i].verdict[h][p].grade;
                if (rw_audit_fail_matches(&a->fail, (enum rw_audit_property_id)p, grade)) {
                    fprintf(stderr, "fails: %s is %s: %s\n", a->audit[i].model[h].name,
                            rw_audit_property_name((enum rw_audit_property_id)p),
                            rw_audit_grade_name(grade));
                    flaws++;
                }
            }
        }
    }
    return flaws;
}

static const char PURPOSE[] =
    "Edits clean traces (other questions, wrong numbers, bare answers, wrong hints, prose without\n"
    "a reason, words to the grader, filler, ...), scores them again and reports how the rewards\n"
    "move. Each verdict names its rule: the figure and the thresholds that decided. To be run\n"
    "before a training run. Exit status: 0; 1 failure; 2 unusable options; 3 a verdict that\n"
    "--fail-on names.\n\n"
    "--fail-on takes a list of verdicts, each for all properties or for one: \"yes\",\n"
    "\"partly\" (yes too), \"unknown\", \"number-blind=partly,prose-trusting=yes\".";

int rw_command_audit(int argc, char **argv)
{
    static struct auditing a; /* large, used once */
    a = (struct auditing){.set.max = TRACES_DEFAULT};
    bool help = false;
    const struct rw_argument table[] = {
        {"model", RW_ARGUMENT_TEXT, &a.set.model, "DIR", "process model to audit"},
        {"outcome", RW_ARGUMENT_TEXT, &a.set.outcome, "DIR", "outcome model to audit"},
        {"against", RW_ARGUMENT_TEXT, &a.against, "DIR", "a second process model, side by side"},
        {"against-outcome", RW_ARGUMENT_TEXT, &a.against_outcome, "DIR",
         "a second outcome model, side by side"},
        {"traces", RW_ARGUMENT_TEXT, &a.set.traces, "FILE",
         "clean traces, one JSON object per line: prompt, steps or text"},
        {"out", RW_ARGUMENT_TEXT, &a.set.out, "DIR", "audit.json, audit.md and audit.html go here"},
        {"save", RW_ARGUMENT_TEXT, &a.save, "WHERE",
         "for the daemon to show: folder writes DIR/audit.json of each model, beside "
         "DIR.audit.json"},
        {"fail-on", RW_ARGUMENT_TEXT, &a.fail_on, "LIST",
         "exit with 3 on these verdicts, see above"},
        {"max", RW_ARGUMENT_COUNT, &a.set.max, "N", "read at most N traces (400)"},
        {"threads", RW_ARGUMENT_COUNT, &a.set.threads, "N", "compute threads; 0 = all"},
        {"skip-self-test", RW_ARGUMENT_SWITCH, &a.set.skip_self_test, "", "as of the daemon"},
    };
    size_t n = RW_COUNT(table);
    rw_status status = rw_arguments_parse(table, n, argc, argv, &help, &a.err);
    if (status == RW_OK && help) {
        rw_arguments_help(table, n, "audit --model DIR --outcome DIR --traces FILE --out DIR",
                          PURPOSE);
        return 0;
    }
    status = status == RW_OK ? audit(&a) : status;
    if (status != RW_OK) {
        return rw_arguments_complain("audit", &a.err);
    }
    return count_flaws(&a) > 0 ? EXIT_FLAWED : 0;
}
