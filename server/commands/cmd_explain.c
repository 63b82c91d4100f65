/* `rewardd explain`: what a model would read for one trace, and where its rewards are read; weights
 * are not loaded. */
#include <stdio.h>
#include <string.h>

#include "core/base/buf.h"
#include "core/base/utf8.h"
#include "core/base/util.h"
#include "core/io/json.h"
#include "core/rw_engine.h"
#include "proto/emit.h"
#include "proto/message.h"
#include "proto/request.h"
#include "server/commands/arguments.h"
#include "server/commands/command.h"
#include "server/model_choice.h"

enum {
    MEMORY_BYTES = 512 << 20,
    OUTPUT_BYTES = 256 << 20,
    MESSAGES_MAX = 1024,
    STEPS_MAX = 10000,
    TOKENS_MAX = 131072,
};

struct explain {
    const char *model;
    const char *prompt;
    const char *messages; /* JSON */
    const char *tools;    /* JSON */
    const char *trace;
    const char *steps; /* JSON */
    const char *roles;
    bool json;
    struct rw_arena arena;
    struct rw_message message[MESSAGES_MAX];
    struct rw_str step[STEPS_MAX];
    struct rw_trace_source source;
    struct rw_input_view view;
    struct rw_input input;
    struct rw_model_outline outline;
    struct rw_error err;
};

/* ---- arguments ------------------------------------------------------------------------------- */

static rw_status parse_list(struct explain *e, const char *name, const char *text, size_t max,
                            const struct rw_json **out)
{
    rw_status status = rw_json_parse(&e->arena, rw_str_from(text), out, &e->err);
    if (status != RW_OK) {
        rw_error_prefix(&e->err, "--%s", name);
        return status;
    }
    if ((*out)->type != RW_JSON_ARRAY || (*out)->count > max) {
        return rw_fail(&e->err, RW_CONFIG, "--%s is a JSON list of at most %zu entries", name, max);
    }
    return RW_OK;
}

/* The request's messages in the core's words. */
static rw_status take_messages(struct explain *e, const struct rw_request_item *item)
{
    static const enum rw_role ROLE[] = {
        [RW_REQUEST_SYSTEM] = RW_ROLE_SYSTEM,
        [RW_REQUEST_USER] = RW_ROLE_USER,
        [RW_REQUEST_ASSISTANT] = RW_ROLE_ASSISTANT,
    };
    rw_status status = RW_OK;
    for (size_t i = 0; i < item->n_messages && status == RW_OK; i++) {
        const struct rw_request_message *m = &item->messages[i];
        e->message[i] = (struct rw_message){.role = ROLE[m->role], .content = m->content};
        if (m->whole.ptr != NULL) {
            status = rw_input_json(m->whole, &e->arena, &e->message[i].whole);
        }
    }
    e->source.n_messages = item->n_messages;
    return status == RW_OK ? RW_OK : rw_fail_memory(&e->err, "the messages");
}

/* By the daemon's own reader: parts, a developer's and tools' turns. */
static rw_status parse_messages(struct explain *e, struct rw_request_item *item)
{
    const struct rw_guard_options options = {.depth_max = RW_JSON_BODY_DEPTH_MAX};
    struct rw_path path = {NULL, "--messages", -1};
    struct rw_str text = rw_arena_copy(&e->arena, rw_str_from(e->messages));
    cJSON *list = NULL;
    size_t n = 0;
    if (text.ptr == NULL) {
        return rw_fail_memory(&e->err, "the messages");
    }
    rw_status status =
        rw_tree_parse((char *)(uintptr_t)text.ptr, text.len, &options, &e->arena, &list, &e->err);
    if (status != RW_OK) {
        rw_error_prefix(&e->err, "--messages");
        return status;
    }
    status = rw_tree_want_list(list, &path, MESSAGES_MAX, NULL, &n, &e->err);
    item->messages = rw_arena_array(&e->arena, n + 1, sizeof *item->messages);
    if (status == RW_OK && item->messages == NULL) {
        return rw_fail_memory(&e->err, "the messages");
    }
    for (const cJSON *m = list->child; m != NULL && status == RW_OK; m = m->next) {
        struct rw_path here = {NULL, "--messages", (long)item->n_messages};
        status = rw_message_read(m, &here, true, &e->arena, &item->messages[item->n_messages++],
                                 &e->err);
    }
    return status;
}

static rw_status read_messages(struct explain *e)
{
    struct rw_path path = {NULL, "--prompt", -1};
    struct rw_request_item item = {0};
    rw_status status = e->messages != NULL
                           ? parse_messages(e, &item)
                           : rw_message_from_prompt(rw_str_from(e->prompt), &path, MESSAGES_MAX,
                                                    &e->arena, &item, &e->err);
    if (status == RW_OK) {
        status = take_messages(e, &item);
    }
    if (status == RW_OK && e->tools != NULL) {
        status = parse_list(e, "tools", e->tools, MESSAGES_MAX, &e->source.tools);
    }
    return status;
}

static rw_status read_roles(struct explain *e)
{
    static const enum rw_roles ROLES[RW_REQUEST_ROLES_COUNT] = {
        [RW_REQUEST_ROLES_AUTO] = RW_ROLES_AUTO,
        [RW_REQUEST_ROLES_POLICY] = RW_ROLES_POLICY,
        [RW_REQUEST_ROLES_ERROR] = RW_ROLES_ERROR,
    };
    e->source.roles = RW_ROLES_AUTO; /* as the daemon */
    for (size_t i = 0; e->roles != NULL; i++) {
        if (i == RW_COUNT(ROLES)) {
            return rw_fail(&e->err, RW_CONFIG, "--roles is auto, policy or error, not \"%s\"",
                           e->roles);
        }
        if (strcmp(e->roles, RW_REQUEST_ROLES[i]) == 0) {
            e->source.roles = ROLES[i];
            return RW_OK;
        }
    }
    return RW_OK;
}

static rw_status read_steps(struct explain *e)
{
    const struct rw_json *list;
    if (e->steps == NULL) {
        e->source.is_text = true;
        e->source.text = rw_str_from(e->trace);
        return RW_OK;
    }
    rw_status status = parse_list(e, "steps", e->steps, STEPS_MAX, &list);
    if (status != RW_OK) {
        return status;
    }
    RW_JSON_EACH (item, list) {
        if (item->type != RW_JSON_STRING) {
            return rw_fail(&e->err, RW_CONFIG, "--steps is a JSON list of texts");
        }
        e->step[e->source.n_steps++] = item->text;
    }
    e->source.steps = e->step;
    return RW_OK;
}

static rw_status build(struct explain *e)
{
    struct rw_model_choice choice;
    if (e->model == NULL || (e->prompt == NULL) == (e->messages == NULL) ||
        (e->trace == NULL) == (e->steps == NULL)) {
        return rw_fail(&e->err, RW_CONFIG,
                       "--model, one of --prompt and --messages, and one of --trace and --steps "
                       "are needed");
    }
    struct rw_model_options options;
    rw_status status = rw_model_choice_read(e->model, NULL, &e->arena, &choice, &options, &e->err);
    if (status == RW_OK) {
        status = read_messages(e);
    }
    if (status == RW_OK) {
        status = read_steps(e);
    }
    if (status == RW_OK) {
        status = read_roles(e);
    }
    if (status != RW_OK) {
        return status;
    }
    e->source.messages = e->message;
    e->source.steps_max = STEPS_MAX;
    e->source.tokens_max = TOKENS_MAX;
    e->source.view = &e->view;
    return rw_model_explain(&options, &e->source, &e->arena, &e->input, &e->outline, &e->err);
}

/* ---- answers --------------------------------------------------------------------------------- */

static struct rw_str part(const struct rw_buf *text, const struct rw_buf *ends_of, uint32_t i)
{
    const uint32_t *ends = (const uint32_t *)(const void *)ends_of->ptr;
    uint32_t begin = i > 0 ? ends[i - 1] : 0;
    return rw_str_slice(rw_buf_str(text), begin, ends[i]);
}

/* Text of a token; empty for one that the recipe names by its id, and for all but one of the tokens
 * that share a character. */
static struct rw_str token_text(const struct explain *e, uint32_t i)
{
    return part(&e->view.text, &e->view.ends, i);
}

/* What it is in the vocabulary: "<|step|>", " pens", a byte. */
static struct rw_str token_piece(const struct explain *e, uint32_t i)
{
    return part(&e->view.pieces, &e->view.piece_ends, i);
}

/* As C writes them: line feeds, control characters, and bytes that are no whole character. A token
 * is one line, and JSON is UTF-8. */
static void write_escaped(struct rw_str text, struct rw_buf *out)
{
    for (size_t i = 0; i < text.len;) {
        unsigned char c = (unsigned char)text.ptr[i];
        size_t whole = 0;
        whole = rw_utf8_decode(text, i, &whole) >= 0 ? whole : 0;
        if (c == '\n' || c == '\\') {
            rw_buf_append(out, c == '\n' ? "\\n" : "\\\\", 2);
        } else if (whole == 0 || c < 0x20 || c == 0x7f) {
            rw_buf_printf(out, "\\x%02x", c);
        } else {
            rw_buf_append(out, text.ptr + i, whole);
        }
        i += whole > 0 ? whole : 1;
    }
}

/* Number of the step whose reward is read at a token; 0 for none. */
static uint32_t read_at(const struct explain *e, uint32_t token)
{
    if (e->outline.kind == RW_KIND_OUTCOME) {
        return e->input.outcome_position == token;
    }
    for (uint32_t s = 0; s < e->input.n_scored_steps; s++) {
        if (e->input.steps[s].position == token) {
            return s + 1;
        }
    }
    return 0;
}

static void write_json(const struct explain *e, struct rw_buf *out)
{
    rw_emit_open(out, '{');
    rw_emit_text_field(out, "preset", e->outline.preset);
    rw_emit_text_field(out, "evidence", e->outline.evidence);
    rw_emit_text_field(out, "architecture", e->outline.architecture);
    rw_emit_text_field(out, "template_date",
                       e->outline.template_date[0] != '\0' ? e->outline.template_date : NULL);
    rw_emit_text_field(out, "digest", e->outline.digest);
    rw_emit_text_field(out, "kind", e->outline.kind == RW_KIND_PROCESS ? "process" : "outcome");
    rw_emit_unsigned_field(out, "system_dropped", e->input.system_dropped);
    rw_emit_unsigned_field(out, "turns_folded", e->input.turns_folded);
    rw_emit_name(out, "rendered");
    rw_emit_text(out, rw_buf_str(&e->view.text));
    rw_emit_name(out, "ids");
    rw_emit_open(out, '[');
    for (uint32_t i = 0; i < e->input.n_tokens; i++) {
        rw_emit_signed(out, e->input.ids[i]);
    }
    rw_emit_close(out, ']');
    rw_emit_name(out, "tokens");
    rw_emit_open(out, '[');
    for (uint32_t i = 0; i < e->input.n_tokens; i++) {
        rw_emit_text(out, token_text(e, i));
    }
    rw_emit_close(out, ']');
    rw_emit_name(out, "pieces");
    rw_emit_open(out, '[');
    for (uint32_t i = 0; i < e->input.n_tokens; i++) {
        struct rw_buf piece;
        rw_buf_init(&piece, OUTPUT_BYTES);
        write_escaped(token_piece(e, i), &piece);
        rw_emit_text(out, rw_buf_str(&piece));
        out->failed = out->failed || piece.failed;
        rw_buf_fini(&piece);
    }
    rw_emit_close(out, ']');
    rw_emit_name(out, "read_at");
    rw_emit_open(out, '[');
    for (uint32_t i = 0; i < e->input.n_tokens; i++) {
        if (read_at(e, i) > 0) {
            rw_emit_unsigned(out, i);
        }
    }
    rw_emit_close(out, ']');
    rw_emit_close(out, '}');
    rw_buf_append_char(out, '\n');
}

static void write_text(const struct explain *e, struct rw_buf *out)
{
    bool process = e->outline.kind == RW_KIND_PROCESS;
    rw_buf_printf(out, "recipe   %s (%s), class %s, %s reward\n", e->outline.preset,
                  e->outline.evidence, e->outline.architecture, process ? "process" : "outcome");
    if (e->outline.template_date[0] != '\0') {
        rw_buf_printf(out, "date     the chat template is told %s (date=)\n",
                      e->outline.template_date);
    }
    if (e->input.system_dropped + e->input.turns_folded > 0) {
        rw_buf_printf(out,
                      "roles    %u system turns have no place and are left out, %u turns stand as "
                      "text before a later one (--roles)\n",
                      e->input.system_dropped, e->input.turns_folded);
    }
    rw_buf_printf(out, "tokens   %u, of which %u before the first step\n\n", e->input.n_tokens,
                  e->input.prompt_tokens);
    for (uint32_t i = 0; i < e->input.n_tokens; i++) {
        struct rw_str text = token_text(e, i);
        uint32_t step = read_at(e, i);
        for (size_t k = 0; k < text.len; k++) {
            unsigned char c = (unsigned char)text.ptr[k];
            rw_buf_append_char(out, c < 0x20 && c != '\n' && c != '\t' ? '?' : (char)c);
        }
        if (text.len == 0) { /* the recipe's own token; bytes of a character come with its text */
            struct rw_str piece = token_piece(e, i);
            bool byte = piece.len == 1 && (unsigned char)piece.ptr[0] >= 0x80;
            write_escaped(byte ? (struct rw_str){NULL, 0} : piece, out);
        }
        if (step > 0 && process) {
            rw_buf_printf(out, "[[reward %u]]", step);
        } else if (step > 0) {
            rw_buf_append_str(out, RW_STR("[[reward]]"));
        }
    }
    rw_buf_append_str(out, RW_STR("\n\n   place       id  text\n"));
    for (uint32_t i = 0; i < e->input.n_tokens; i++) {
        rw_buf_printf(out, "%8u %8d  ", i, e->input.ids[i]);
        write_escaped(token_piece(e, i), out);
        if (token_text(e, i).len == 0) {
            rw_buf_append_str(out, RW_STR("   (no text of its own)"));
        }
        if (read_at(e, i) > 0) {
            rw_buf_printf(out, "   <- reward %u", read_at(e, i));
        }
        rw_buf_append_char(out, '\n');
    }
}

static rw_status explain(struct explain *e)
{
    struct rw_buf out;
    rw_buf_init(&e->view.text, OUTPUT_BYTES);
    rw_buf_init(&e->view.ends, OUTPUT_BYTES);
    rw_buf_init(&e->view.pieces, OUTPUT_BYTES);
    rw_buf_init(&e->view.piece_ends, OUTPUT_BYTES);
    rw_buf_init(&out, OUTPUT_BYTES);
    rw_status status = build(e);
    if (status == RW_OK && e->json) {
        write_json(e, &out);
    } else if (status == RW_OK) {
        write_text(e, &out);
    }
    if (status == RW_OK && out.failed) {
        status = rw_fail_memory(&e->err, "the answer");
    }
    if (status == RW_OK) {
        fwrite(out.ptr, 1, out.len, stdout);
    }
    rw_buf_fini(&out);
    rw_buf_fini(&e->view.text);
    rw_buf_fini(&e->view.ends);
    rw_buf_fini(&e->view.pieces);
    rw_buf_fini(&e->view.piece_ends);
    return status;
}

int rw_command_explain(int argc, char **argv)
{
    static struct explain e; /* one thread; too large for a stack frame */
    bool help = false;
    const struct rw_argument table[] = {
        {"model", RW_ARGUMENT_TEXT, &e.model, "DIR", "as of the daemon: DIR[,base=DIR][,preset=P]"},
        {"prompt", RW_ARGUMENT_TEXT, &e.prompt, "TEXT", "the question, or"},
        {"messages", RW_ARGUMENT_TEXT, &e.messages, "JSON", "a list of {role, content}"},
        {"tools", RW_ARGUMENT_TEXT, &e.tools, "JSON",
         "a list of tools, for templates that take them"},
        {"trace", RW_ARGUMENT_TEXT, &e.trace, "TEXT", "the answer as one text, or"},
        {"steps", RW_ARGUMENT_TEXT, &e.steps, "JSON", "a list of its steps"},
        {"roles", RW_ARGUMENT_TEXT, &e.roles, "WORD",
         "turns the model has no place for: auto (default), policy or error"},
        {"json", RW_ARGUMENT_SWITCH, &e.json, "", "one JSON object"},
    };
    rw_arena_init(&e.arena, MEMORY_BYTES);
    rw_status status = rw_arguments_parse(table, RW_COUNT(table), argc, argv, &help, &e.err);
    if (status == RW_OK && help) {
        rw_arguments_help(table, RW_COUNT(table), "explain --model DIR --prompt TEXT --trace TEXT",
                          "Shows what the model reads for one trace: the rendered text, its "
                          "tokens, where each reward is read,\nand what decided the recipe. "
                          "Weights are not loaded.");
    } else if (status == RW_OK) {
        status = explain(&e);
    }
    rw_arena_fini(&e.arena);
    return status == RW_OK ? 0 : rw_arguments_complain("explain", &e.err);
}
