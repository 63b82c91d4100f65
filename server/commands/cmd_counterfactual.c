/* `rewardd counterfactual FILE`: prompts whose answers tell whether a policy reads them. One JSON
 * object {"prompt", "reference"} per line in; out, for each edit that can be made, one line
 *
 *      {"line", "kind", "prompt", "reference", "stale"}
 *
 * to be answered by the policy and scored with "run": {"id", "step", "kind"}: the run monitor keeps
 * a curve and an alarm per kind (core/run/run_stream.c).
 *
 *   wrong_hint        the prompt ends in a hint that is wrong; the reference stays
 *   paraphrase        the same question in another frame and other words; the reference stays
 *   changed_number    a number is another; no reference, `stale` is what was right before
 *   question_removed  nothing is asked; no reference, and no answer deserves a reward */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/answer/answer.h"
#include "core/base/file.h"
#include "core/base/util.h"
#include "core/io/json.h"
#include "core/shortcut/edit.h"
#include "core/shortcut/paraphrase.h"
#include "proto/emit.h"
#include "server/commands/arguments.h"
#include "server/commands/command.h"

enum {
    FILE_BYTES_MAX = 1 << 30,
    LINE_BYTES_MAX = 16 << 20, /* of what is written for one line */
    ARENA_BYTES_MAX = 1 << 30, /* the file; and once more for one line */
};

struct counterfactual {
    const char *path;
    size_t seed;
    size_t line;
    size_t written;
    size_t without[4]; /* by enum kind: edits that could not be made */
    struct rw_buf out;
    struct rw_error err;
};

enum kind {
    WRONG_HINT,
    PARAPHRASE,
    CHANGED_NUMBER,
    QUESTION_REMOVED,
    KINDS
};

static const char *const NAME[KINDS] = {"wrong_hint", "paraphrase", "changed_number",
                                        "question_removed"};

struct question {
    struct rw_str prompt;
    struct rw_str reference; /* ptr NULL = none */
};

/* ---- edits ----------------------------------------------------------------------------------- */

/* A hint is wrong only when the answer check is sure of it. */
static rw_status wrong_hint(const struct question *q, uint64_t seed, struct rw_arena *arena,
                            struct rw_str *out, struct rw_error *err)
{
    struct rw_str answer;
    struct rw_steps ignored;
    struct rw_str right = rw_answer_reference(q->reference);
    rw_status status = rw_edit_number(right, seed, arena, &answer, err);
    if (status == RW_OK && rw_answer_equal(answer, right) != RW_VERIFIED_WRONG) {
        return rw_fail(err, RW_NOT_FOUND, "no answer is surely wrong");
    }
    return status == RW_OK ? rw_edit_hint(q->prompt, answer, arena, out, &ignored, err) : status;
}

static rw_status edit(enum kind kind, const struct question *q, uint64_t seed,
                      struct rw_arena *arena, struct rw_str *out, struct rw_error *err)
{
    switch (kind) {
    case WRONG_HINT:
        return q->reference.ptr != NULL ? wrong_hint(q, seed, arena, out, err) : RW_NOT_FOUND;
    case PARAPHRASE:
        return rw_paraphrase(q->prompt, seed, arena, out, err);
    case CHANGED_NUMBER:
        return rw_edit_number(q->prompt, seed, arena, out, err);
    case QUESTION_REMOVED:
    default:
        *out = RW_STR("Solve the problem.");
        return RW_OK;
    }
}

/* ---- a line ---------------------------------------------------------------------------------- */

static void text_or_null(struct rw_buf *out, const char *name, struct rw_str text)
{
    rw_emit_name(out, name);
    if (text.ptr != NULL) {
        rw_emit_text(out, text);
    } else {
        rw_emit_raw(out, "null");
    }
}

static void write_one(struct counterfactual *c, enum kind kind, const struct question *q,
                      struct rw_str prompt)
{
    const struct rw_str none = {NULL, 0};
    bool stays = kind == WRONG_HINT || kind == PARAPHRASE;
    rw_emit_open(&c->out, '{');
    rw_emit_unsigned_field(&c->out, "line", c->line);
    rw_emit_text_field(&c->out, "kind", NAME[kind]);
    text_or_null(&c->out, "prompt", prompt);
    text_or_null(&c->out, "reference", stays ? q->reference : none);
    text_or_null(&c->out, "stale", kind == CHANGED_NUMBER ? q->reference : none);
    rw_emit_close(&c->out, '}');
    rw_buf_append_char(&c->out, '\n');
    c->written++;
}

static rw_status read_question(struct counterfactual *c, struct rw_str line, struct rw_arena *arena,
                               struct question *out)
{
    const struct rw_json *root;
    rw_status status = rw_json_parse(arena, line, &root, &c->err);
    if (status != RW_OK) {
        return status;
    }
    const struct rw_json *prompt =
        root->type == RW_JSON_OBJECT ? rw_json_get(root, "prompt") : NULL;
    if (prompt == NULL || prompt->type != RW_JSON_STRING || prompt->text.len == 0) {
        return rw_fail(&c->err, RW_INVALID_REQUEST, "a line is {\"prompt\": ..., \"reference\"}");
    }
    const struct rw_json *reference = rw_json_get(root, "reference");
    *out = (struct question){.prompt = prompt->text};
    if (reference != NULL &&
        (reference->type == RW_JSON_STRING || reference->type == RW_JSON_NUMBER) &&
        reference->text.len > 0) {
        out->reference = reference->text;
    }
    return RW_OK;
}

static rw_status take_line(struct counterfactual *c, struct rw_str line)
{
    struct rw_arena arena;
    struct question q;
    rw_arena_init(&arena, ARENA_BYTES_MAX);
    rw_status status = read_question(c, line, &arena, &q);
    for (int k = 0; k < KINDS && status == RW_OK; k++) {
        struct rw_error why = {0};
        struct rw_str prompt;
        status = edit((enum kind)k, &q, c->seed + c->line, &arena, &prompt, &why);
        if (status == RW_OK) {
            write_one(c, (enum kind)k, &q, prompt);
        } else if (status == RW_NOT_FOUND) {
            c->without[k]++;
            status = RW_OK;
        } else {
            c->err = why;
        }
    }
    rw_arena_fini(&arena);
    if (status == RW_OK && c->out.failed) {
        status = rw_fail_memory(&c->err, "the output of a line");
    }
    if (status == RW_OK && fwrite(c->out.ptr, 1, c->out.len, stdout) != c->out.len) {
        status = rw_fail(&c->err, RW_IO, "standard output: %s", strerror(errno));
    }
    rw_buf_clear(&c->out);
    return status;
}

/* ---- the command ----------------------------------------------------------------------------- */

static rw_status read_all(struct counterfactual *c)
{
    struct rw_arena arena;
    struct rw_str text = {NULL, 0};
    rw_arena_init(&arena, ARENA_BYTES_MAX);
    rw_buf_init(&c->out, LINE_BYTES_MAX);
    rw_status status = rw_file_read_all(c->path, FILE_BYTES_MAX, &arena, &text, &c->err);
    for (size_t at = 0; at < text.len && status == RW_OK;) {
        size_t end = rw_str_find(text, RW_STR("\n"), at);
        struct rw_str line = rw_str_trim(rw_str_slice(text, at, end));
        at = end + 1;
        c->line++;
        if (line.len > 0) {
            status = take_line(c, line);
        }
    }
    /* What is still in the buffer of stdio meets a full disk here, and not behind the exit code. */
    if (status == RW_OK && fflush(stdout) != 0) {
        status = rw_fail(&c->err, RW_IO, "standard output: %s", strerror(errno));
    }
    if (status != RW_OK && c->line > 0) {
        rw_error_prefix(&c->err, "%s line %zu", c->path, c->line);
    }
    rw_buf_fini(&c->out);
    rw_arena_fini(&arena);
    return status;
}

int rw_command_counterfactual(int argc, char **argv)
{
    struct counterfactual c = {.seed = 1};
    bool help = false;
    const struct rw_argument table[] = {
        {"seed", RW_ARGUMENT_COUNT, &c.seed, "N", "of what is drawn at random (1)"},
    };
    c.path = rw_arguments_take_file(&argc, &argv);
    rw_status status = rw_arguments_parse(table, RW_COUNT(table), argc, argv, &help, &c.err);
    if (help) {
        rw_arguments_help(table, RW_COUNT(table), "counterfactual FILE [options]",
                          "Writes of each line {\"prompt\", \"reference\"} the prompts that tell "
                          "whether a policy reads it:\nwith a wrong hint, in other words, with "
                          "another number, without its question. No model is needed.");
        return 0;
    }
    if (status == RW_OK && c.path == NULL) {
        status = rw_fail(&c.err, RW_CONFIG, "a FILE is needed");
    }
    status = status == RW_OK ? read_all(&c) : status;
    if (status != RW_OK) {
        return rw_arguments_complain("counterfactual", &c.err);
    }
    fprintf(stderr, "%zu prompts of %zu lines; not to be made:", c.written, c.line);
    for (int k = 0; k < KINDS; k++) {
        fprintf(stderr, " %s %zu", NAME[k], c.without[k]);
    }
    fprintf(stderr, "\n");
    return 0;
}
