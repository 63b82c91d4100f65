/* `rewardd verify-answers FILE`: answers beside references, one JSON object per line in, one out.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/util.h"
#include "proto/emit.h"
#include "server/commands/arguments.h"
#include "server/commands/command.h"
#include "server/verify/verdict.h"

enum {
    LINE_BYTES_MAX = 64 << 20, /* of a line: a trace of any length the daemon would take */
    READ_BYTES = 64 * 1024,
    REPLY_BYTES_MAX = 256 << 20, /* of the output for one line */
    ARENA_BYTES_MAX = 1 << 30,
};

struct verifying {
    const char *path; /* "-": standard input */
    const char *tolerance;
    struct rw_verify_options options; /* what the command line says */
    FILE *in;
    struct rw_buf pending; /* bytes of a line that has no end yet */
    size_t scanned;        /* of them, without a line end */
    struct rw_arena arena;
    struct rw_buf out;
    size_t line;
    size_t count[3]; /* by enum rw_reply_verified */
    size_t unreadable;
    struct rw_error err;
};

/* ---- one line -------------------------------------------------------------------------------- */

static void write_error(struct verifying *v, const struct rw_error *err)
{
    v->unreadable++;
    rw_emit_name(&v->out, "error");
    rw_emit_text(&v->out, rw_str_from(err->message));
}

static void judge(struct verifying *v, char *text, size_t len)
{
    struct rw_verify_request request;
    struct rw_error err = {0};
    struct rw_limits limits = RW_LIMITS_DEFAULT;
    limits.body_bytes_max = limits.text_bytes_max = LINE_BYTES_MAX;
    rw_arena_init(&v->arena, ARENA_BYTES_MAX);
    rw_emit_open(&v->out, '{');
    rw_emit_unsigned_field(&v->out, "line", v->line);
    if (rw_verify_parse(text, len, &limits, true, &v->arena, &request, &err) != RW_OK) {
        write_error(v, &err);
    } else {
        struct rw_reply_verdict verdict;
        rw_verdict_of(&v->options, &request.items[0], &verdict);
        v->count[verdict.verified]++;
        rw_verify_emit(&v->out, "verified", "reason", &verdict);
    }
    rw_emit_close(&v->out, '}');
    rw_buf_append_char(&v->out, '\n');
    rw_arena_fini(&v->arena);
}

static rw_status flush(struct verifying *v)
{
    if (v->out.failed) {
        return rw_fail(&v->err, RW_NO_MEMORY, "no memory for the output of line %zu", v->line);
    }
    if (fwrite(v->out.ptr, 1, v->out.len, stdout) != v->out.len) {
        return rw_fail(&v->err, RW_IO, "standard output: %s", strerror(errno));
    }
    rw_buf_clear(&v->out);
    return RW_OK;
}

/* ---- the file -------------------------------------------------------------------------------- */

static rw_status take_line(struct verifying *v, char *text, size_t len)
{
    v->line++;
    if (rw_str_trim((struct rw_str){text, len}).len == 0) {
        return RW_OK;
    }
    judge(v, text, len);
    return flush(v);
}

/* Whole lines of what is pending; the rest moves to the front once, not line by line. */
static rw_status take_lines(struct verifying *v)
{
    rw_status status = RW_OK;
    size_t begin = 0;
    while (status == RW_OK && v->scanned < v->pending.len) {
        char *from = v->pending.ptr + v->scanned;
        char *end = memchr(from, '\n', v->pending.len - v->scanned);
        if (end == NULL) {
            v->scanned = v->pending.len;
            break;
        }
        size_t at = (size_t)(end - v->pending.ptr);
        status = take_line(v, v->pending.ptr + begin, at - begin);
        begin = v->scanned = at + 1;
    }
    rw_buf_consume(&v->pending, begin);
    v->scanned -= begin;
    return status;
}

static rw_status read_all(struct verifying *v)
{
    char bytes[READ_BYTES];
    rw_status status = RW_OK;
    size_t n;
    while (status == RW_OK && (n = fread(bytes, 1, sizeof bytes, v->in)) > 0) {
        if (!rw_buf_append(&v->pending, bytes, n)) {
            return rw_fail(&v->err, RW_LIMIT_EXCEEDED, "line %zu is longer than %d bytes",
                           v->line + 1, LINE_BYTES_MAX);
        }
        status = take_lines(v);
    }
    if (status == RW_OK && ferror(v->in)) {
        return rw_fail(&v->err, RW_IO, "%s: %s", v->path, strerror(errno));
    }
    return status == RW_OK && v->pending.len > 0 ? take_line(v, v->pending.ptr, v->pending.len)
                                                 : status;
}

/* ---- the command ----------------------------------------------------------------------------- */

static rw_status read_tolerance(struct verifying *v)
{
    double value = 0;
    char behind;
    if (v->tolerance == NULL) {
        return RW_OK;
    }
    if (sscanf(v->tolerance, "%lf%c", &value, &behind) != 1 || !(value >= 0 && value <= 0.5)) {
        return rw_fail(&v->err, RW_CONFIG, "--tolerance is a number from 0 to 0.5, not \"%s\"",
                       v->tolerance);
    }
    v->options.tolerance = value;
    return RW_OK;
}

static rw_status open_and_read(struct verifying *v)
{
    bool standard = strcmp(v->path, "-") == 0;
    v->in = standard ? stdin : fopen(v->path, "rb");
    if (v->in == NULL) {
        return rw_fail(&v->err, RW_NOT_FOUND, "%s: %s", v->path, strerror(errno));
    }
    rw_buf_init(&v->pending, LINE_BYTES_MAX + READ_BYTES);
    rw_buf_init(&v->out, REPLY_BYTES_MAX);
    rw_status status = read_all(v);
    /* What is still in the buffer of stdio meets a full disk here, and not behind the exit code. */
    if (status == RW_OK && fflush(stdout) != 0) {
        status = rw_fail(&v->err, RW_IO, "standard output: %s", strerror(errno));
    }
    rw_buf_fini(&v->pending);
    rw_buf_fini(&v->out);
    if (!standard) {
        fclose(v->in);
    }
    return status;
}

int rw_command_verify(int argc, char **argv)
{
    struct verifying v = {.path = NULL};
    bool help = false;
    const struct rw_argument table[] = {
        {"tolerance", RW_ARGUMENT_TEXT, &v.tolerance, "X",
         "numbers this near, relative to the larger one, are right (0)"},
        {"rounding", RW_ARGUMENT_SWITCH, &v.options.rounding, "",
         "a correct rounding is right, not null"},
        {"ordered", RW_ARGUMENT_SWITCH, &v.options.ordered, "", "lists and sets in their order"},
        {"units", RW_ARGUMENT_SWITCH, &v.options.units, "",
         "a unit that one side lacks makes it null"},
        {"any-box", RW_ARGUMENT_SWITCH, &v.options.any_box, "", "right when any box is"},
        {"read-thinking", RW_ARGUMENT_SWITCH, &v.options.read_thinking, "",
         "text inside <think> counts"},
    };
    v.path = rw_arguments_take_file(&argc, &argv);
    rw_status status = rw_arguments_parse(table, RW_COUNT(table), argc, argv, &help, &v.err);
    if (help) {
        rw_arguments_help(table, RW_COUNT(table), "verify-answers FILE [options]",
                          "Says of each line {\"text\"|\"steps\"|\"answer\", \"reference\"} "
                          "whether the answer is right.\nFILE is - for standard input. No model "
                          "is needed.");
        return 0;
    }
    if (status == RW_OK && v.path == NULL) {
        status = rw_fail(&v.err, RW_CONFIG, "a FILE is needed, or - for standard input");
    }
    status = status == RW_OK ? read_tolerance(&v) : status;
    status = status == RW_OK ? open_and_read(&v) : status;
    if (status != RW_OK) {
        return rw_arguments_complain("verify-answers", &v.err);
    }
    fprintf(stderr, "%zu right, %zu wrong, %zu null, %zu lines that could not be read\n",
            v.count[RW_REPLY_VERIFIED_RIGHT], v.count[RW_REPLY_VERIFIED_WRONG],
            v.count[RW_REPLY_VERIFIED_UNKNOWN], v.unreadable);
    return v.unreadable > 0 ? 1 : 0;
}
