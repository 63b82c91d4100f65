#include "core/probe/audit_note.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/base/file.h"
#include "core/io/json.h"

enum {
    TREE_BYTES_MAX = 16 << 20, /* file and tree */
    PATH_BYTES_MAX = RW_MODEL_DIR_MAX + 32,
};

static const char FILE_NAME[] = "audit.json";

const char *rw_audit_note_state_name(enum rw_audit_note_state state)
{
    static const char *const NAME[] = {
        [RW_AUDIT_NOTE_NONE] = "none",
        [RW_AUDIT_NOTE_UNREADABLE] = "unreadable",
        [RW_AUDIT_NOTE_OTHER_WEIGHTS] = "other_weights",
        [RW_AUDIT_NOTE_CURRENT] = "current",
    };
    return NAME[state];
}

rw_status rw_audit_note_path(const char *dir, bool beside, char *out, size_t size,
                             struct rw_error *err)
{
    size_t n = strlen(dir);
    while (n > 1 && dir[n - 1] == '/') {
        n--;
    }
    int len = snprintf(out, size, "%.*s%c%s", (int)n, dir, beside ? '.' : '/', FILE_NAME);
    return len > 0 && (size_t)len < size
               ? RW_OK
               : rw_fail(err, RW_LIMIT_EXCEEDED, "the path of %s is too long", FILE_NAME);
}

/* ---- reading --------------------------------------------------------------------------------- */

static bool read_text(const struct rw_json *object, const char *key, char *to, size_t size)
{
    const struct rw_json *value = rw_json_get(object, key);
    if (value == NULL || value->type != RW_JSON_STRING || value->text.len >= size) {
        return false;
    }
    memcpy(to, value->text.ptr, value->text.len);
    to[value->text.len] = '\0';
    return true;
}

static double read_number(const struct rw_json *object, const char *key)
{
    const struct rw_json *value = rw_json_get(object, key);
    return value != NULL && value->type == RW_JSON_NUMBER ? value->number : NAN;
}

static bool is_verdict(const char *word)
{
    static const char *const WORDS[] = {"no", "partly", "yes", "unknown"};
    for (size_t i = 0; i < sizeof WORDS / sizeof WORDS[0]; i++) {
        if (strcmp(word, WORDS[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* The rule at index decided_by of "rules". */
static const struct rw_json *deciding(const struct rw_json *verdict)
{
    uint64_t at;
    const struct rw_json *rules = rw_json_get(verdict, "rules");
    if (rules == NULL || rules->type != RW_JSON_ARRAY ||
        !rw_json_u64(rw_json_get(verdict, "decided_by"), &at)) {
        return NULL;
    }
    RW_JSON_EACH (rule, rules) {
        if (at-- == 0) {
            return rule->type == RW_JSON_OBJECT ? rule : NULL;
        }
    }
    return NULL;
}

static bool read_verdict(const struct rw_json *v, struct rw_audit_note_verdict *out)
{
    const struct rw_json *rule = deciding(v);
    bool whole = rule != NULL && read_text(v, "property", out->property, sizeof out->property) &&
                 read_text(v, "means", out->means, sizeof out->means) &&
                 read_text(v, "verdict", out->verdict, sizeof out->verdict) &&
                 read_text(v, "sentence", out->sentence, sizeof out->sentence) &&
                 read_text(v, "rule", out->rule, sizeof out->rule) &&
                 read_text(rule, "intervention", out->intervention, sizeof out->intervention) &&
                 read_text(rule, "figure", out->figure, sizeof out->figure) &&
                 rw_json_u64(rw_json_get(rule, "traces"), &out->traces) && is_verdict(out->verdict);
    if (whole) {
        out->value = read_number(rule, "value");
        out->low = read_number(rule, "low");
        out->high = read_number(rule, "high");
        out->no = read_number(rule, "no");
        out->yes = read_number(rule, "yes");
    }
    return whole;
}

static rw_status read_note(struct rw_audit_note *note, const struct rw_json *root,
                           struct rw_error *err)
{
    const struct rw_json *verdicts = rw_json_get(root, "verdicts");
    if (!rw_json_is_string(rw_json_get(root, "object"), "model_audit") ||
        !read_text(root, "digest", note->digest, sizeof note->digest) ||
        !read_text(root, "dtype", note->dtype, sizeof note->dtype) ||
        !read_text(root, "rewardd", note->rewardd, sizeof note->rewardd) ||
        !read_text(root, "traces_file", note->traces_file, sizeof note->traces_file) ||
        !rw_json_u64(rw_json_get(root, "traces"), &note->traces) ||
        !rw_json_u64(rw_json_get(root, "questions"), &note->questions) || verdicts == NULL ||
        verdicts->type != RW_JSON_ARRAY || verdicts->count > RW_AUDIT_NOTE_VERDICTS_MAX) {
        return rw_fail(err, RW_MODEL_CORRUPT,
                       "%s is no audit of one model; rewardd audit --save "
                       "writes one",
                       FILE_NAME);
    }
    RW_JSON_EACH (verdict, verdicts) {
        if (!read_verdict(verdict, &note->verdict[note->n])) {
            return rw_fail(err, RW_MODEL_CORRUPT, "%s: verdicts[%zu] has another form", FILE_NAME,
                           note->n);
        }
        note->n++;
    }
    return RW_OK;
}

static void settle(struct rw_audit_note *note, rw_status status, const char *digest)
{
    if (status != RW_OK) {
        struct rw_error why = note->error;
        memset(note, 0, sizeof *note);
        note->error = why;
        note->state = RW_AUDIT_NOTE_UNREADABLE;
        return;
    }
    note->state =
        strcmp(note->digest, digest) == 0 ? RW_AUDIT_NOTE_CURRENT : RW_AUDIT_NOTE_OTHER_WEIGHTS;
}

static rw_status parse(struct rw_audit_note *note, struct rw_str text, struct rw_arena *arena)
{
    const struct rw_json *root;
    rw_status status = rw_json_parse_file(arena, text, FILE_NAME, &root, &note->error);
    return status == RW_OK ? read_note(note, root, &note->error) : status;
}

void rw_audit_note_parse(struct rw_audit_note *note, struct rw_str text, const char *digest)
{
    struct rw_arena arena;
    memset(note, 0, sizeof *note);
    rw_arena_init(&arena, TREE_BYTES_MAX);
    settle(note, parse(note, text, &arena), digest);
    rw_arena_fini(&arena);
}

void rw_audit_note_open(struct rw_audit_note *note, const char *dir, const char *digest)
{
    char path[PATH_BYTES_MAX];
    struct rw_str text;
    memset(note, 0, sizeof *note);
    for (int beside = 0; beside < 2; beside++) {
        if (rw_audit_note_path(dir, beside != 0, path, sizeof path, &note->error) != RW_OK ||
            !rw_file_exists(path)) {
            continue;
        }
        struct rw_arena arena;
        rw_arena_init(&arena, TREE_BYTES_MAX);
        rw_status status =
            rw_file_read_all(path, RW_AUDIT_NOTE_FILE_MAX, &arena, &text, &note->error);
        settle(note, status == RW_OK ? parse(note, text, &arena) : status, digest);
        rw_arena_fini(&arena);
        return;
    }
}
