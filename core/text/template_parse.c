/* Statements of a template, and the names its variables are known by. */
#include <stdarg.h>
#include <stdio.h>

#include "core/base/util.h"
#include "core/text/template_parts.h"

enum {
    SLOTS = 2 * RW_TEMPLATE_NAMES_MAX, /* of the hash of names; a power of two */
    PARSE_ARENA_BYTES = 512 << 20,     /* tokens of a template of the largest size */
};

static struct rw_tnode *parse_body(struct rw_tparser *p, const char *const *ends);

/* ---- tools ----------------------------------------------------------------------------------- */

void *rw_tparse_fail(struct rw_tparser *p, const char *format, ...)
{
    char text[256];
    if (!p->failed) {
        va_list args;
        va_start(args, format);
        vsnprintf(text, sizeof text, format, args);
        va_end(args);
        p->failed = true;
        p->status = rw_template_refuse(p->err, p->at->line, "%s", text);
    }
    return NULL;
}

struct rw_tnode *rw_tparse_node(struct rw_tparser *p, enum rw_tnode_type type)
{
    struct rw_tnode *node = rw_arena_alloc(p->arena, sizeof *node);
    if (node == NULL) {
        p->failed = true;
        p->status = rw_fail_memory(p->err, "the chat template");
        return NULL;
    }
    node->type = type;
    node->line = p->at->line;
    return node;
}

bool rw_tparse_is(const struct rw_tparser *p, enum rw_ttoken_type type, const char *text)
{
    return p->at->type == type && (text == NULL || rw_str_is(p->at->text, text));
}

bool rw_tparse_skip(struct rw_tparser *p, enum rw_ttoken_type type, const char *text)
{
    if (p->failed || !rw_tparse_is(p, type, text)) {
        return false;
    }
    p->at++;
    return true;
}

bool rw_tparse_expect(struct rw_tparser *p, enum rw_ttoken_type type, const char *text)
{
    if (rw_tparse_skip(p, type, text)) {
        return true;
    }
    if (text != NULL) {
        rw_tparse_fail(p, "'%s' is expected", text);
    } else {
        rw_tparse_fail(p, "the end of the tag is expected, not '%.*s'", RW_STR_ARG(p->at->text));
    }
    return false;
}

uint32_t rw_tparse_name(struct rw_tparser *p, struct rw_str name)
{
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (size_t i = 0; i < name.len; i++) {
        hash = (hash ^ (unsigned char)name.ptr[i]) * 16777619u;
    }
    uint32_t slot = hash % SLOTS;
    while (p->slots[slot] != 0) {
        if (rw_str_equal(p->out->names[p->slots[slot] - 1], name)) {
            return p->slots[slot] - 1;
        }
        slot = (slot + 1) % SLOTS;
    }
    if (p->out->n_names == RW_TEMPLATE_NAMES_MAX) {
        rw_tparse_fail(p, "over %d different names", RW_TEMPLATE_NAMES_MAX);
        return 0;
    }
    struct rw_str copy = rw_arena_copy(p->arena, name);
    if (copy.ptr == NULL) {
        p->failed = true;
        p->status = rw_fail_memory(p->err, "the chat template");
        return 0;
    }
    p->out->names[p->out->n_names] = copy;
    p->slots[slot] = ++p->out->n_names;
    return p->slots[slot] - 1;
}

/* Token texts live in the arena of the tokens; those that the tree keeps are copied. */
struct rw_str rw_tparse_keep(struct rw_tparser *p, struct rw_str text)
{
    struct rw_str copy = rw_arena_copy(p->arena, text);
    if (copy.ptr == NULL) {
        p->failed = true;
        p->status = rw_fail_memory(p->err, "the chat template");
    }
    return copy;
}

/* ---- statements ------------------------------------------------------------------------------ */

/* A name, name.attribute where allowed, or several of them. */
static struct rw_tnode *parse_target_one(struct rw_tparser *p, bool with_attribute)
{
    static const char *const CONSTANT[] = {"true", "false", "none", "True", "False", "None"};
    bool parentheses = rw_tparse_skip(p, RW_TTOKEN_OPERATOR, "(");
    for (size_t i = 0; i < RW_COUNT(CONSTANT); i++) {
        if (rw_tparse_is(p, RW_TTOKEN_NAME, CONSTANT[i])) {
            return rw_tparse_fail(p, "an assignment to a constant");
        }
    }
    if (parentheses || p->at->type != RW_TTOKEN_NAME) {
        return rw_tparse_fail(p, "a name to assign to is expected");
    }
    if (p->loops > 0 && rw_tparse_is(p, RW_TTOKEN_NAME, "loop")) {
        return rw_tparse_fail(p, "an assignment to loop inside a loop");
    }
    struct rw_tnode *node = rw_tparse_node(p, RW_TNODE_NAME);
    if (node == NULL) {
        return NULL;
    }
    node->text = rw_tparse_keep(p, p->at->text);
    node->name = rw_tparse_name(p, p->at->text);
    p->at++;
    if (with_attribute && rw_tparse_skip(p, RW_TTOKEN_OPERATOR, ".")) {
        if (p->at->type != RW_TTOKEN_NAME || p->at->text.ptr[0] == '_') {
            return rw_tparse_fail(p, "such an attribute of a namespace");
        }
        node->type = RW_TNODE_NSREF;
        node->text = rw_tparse_keep(p, (p->at++)->text);
    }
    return p->failed ? NULL : node;
}

static struct rw_tnode *parse_target(struct rw_tparser *p, bool with_attribute, const char *end)
{
    struct rw_tnode *first = parse_target_one(p, with_attribute);
    if (first == NULL || !rw_tparse_is(p, RW_TTOKEN_OPERATOR, ",")) {
        return first;
    }
    struct rw_tnode *node = rw_tparse_node(p, RW_TNODE_TUPLE);
    struct rw_tnode *last = first;
    while (last != NULL && rw_tparse_skip(p, RW_TTOKEN_OPERATOR, ",")) {
        if (rw_tparse_is(p, RW_TTOKEN_OPERATOR, end)) {
            break; /* "a, = x"; Jinja takes no "for a, in x" */
        }
        last->next = parse_target_one(p, with_attribute);
        last = last->next;
    }
    if (node != NULL) {
        node->args = first;
    }
    return p->failed ? NULL : node;
}

static bool end_tag(struct rw_tparser *p)
{
    return rw_tparse_expect(p, RW_TTOKEN_TAG_END, NULL);
}

/* The end of the opening tag (a colon may stand before it), and what follows up to one of `ends`,
 * which becomes the current token. */
static struct rw_tnode *parse_block(struct rw_tparser *p, const char *const *ends)
{
    rw_tparse_skip(p, RW_TTOKEN_OPERATOR, ":");
    return end_tag(p) ? parse_body(p, ends) : NULL;
}

static struct rw_tnode *parse_if(struct rw_tparser *p, struct rw_tnode *node)
{
    static const char *const ENDS[] = {"elif", "else", "endif", NULL};
    static const char *const LAST[] = {"endif", NULL};
    struct rw_tnode *first = node;
    for (;;) {
        node->a = rw_tparse_tuple(p, false);
        node->body = node->a != NULL ? parse_block(p, ENDS) : NULL;
        if (p->failed) {
            return NULL;
        }
        if (!rw_tparse_skip(p, RW_TTOKEN_NAME, "elif")) {
            break;
        }
        node->other = rw_tparse_node(p, RW_TNODE_IF);
        node = node->other;
        if (node == NULL) {
            return NULL;
        }
    }
    if (rw_tparse_skip(p, RW_TTOKEN_NAME, "else")) {
        node->other = rw_tparse_node(p, RW_TNODE_IF); /* without a condition */
        if (node->other != NULL) {
            node->other->body = parse_block(p, LAST);
        }
    }
    return rw_tparse_expect(p, RW_TTOKEN_NAME, "endif") ? first : NULL;
}

static struct rw_tnode *parse_for(struct rw_tparser *p, struct rw_tnode *node)
{
    static const char *const ENDS[] = {"endfor", "else", NULL};
    static const char *const LAST[] = {"endfor", NULL};
    p->loops++; /* its own target must not be called loop either */
    node->a = parse_target(p, false, "in");
    p->loops--;
    if (node->a == NULL || !rw_tparse_expect(p, RW_TTOKEN_NAME, "in")) {
        return NULL;
    }
    node->b = rw_tparse_tuple(p, false);
    if (rw_tparse_skip(p, RW_TTOKEN_NAME, "if")) {
        node->c = rw_tparse_expression(p, true);
    }
    if (rw_tparse_is(p, RW_TTOKEN_NAME, "recursive")) {
        return rw_tparse_fail(p, "a recursive loop");
    }
    p->loops++;
    node->body = p->failed ? NULL : parse_block(p, ENDS);
    p->loops--;
    if (rw_tparse_skip(p, RW_TTOKEN_NAME, "else")) {
        node->other = rw_tparse_node(p, RW_TNODE_SCOPE);
        if (node->other != NULL) {
            node->other->body = parse_block(p, LAST);
        }
    }
    return rw_tparse_expect(p, RW_TTOKEN_NAME, "endfor") ? node : NULL;
}

static struct rw_tnode *captured(struct rw_tparser *p)
{
    return rw_tparse_node(p, RW_TNODE_CAPTURED);
}

static struct rw_tnode *parse_set(struct rw_tparser *p, struct rw_tnode *node)
{
    static const char *const ENDS[] = {"endset", NULL};
    node->a = parse_target(p, true, "=");
    if (node->a == NULL) {
        return NULL;
    }
    if (rw_tparse_skip(p, RW_TTOKEN_OPERATOR, "=")) {
        node->b = rw_tparse_tuple(p, true);
        return p->failed ? NULL : node;
    }
    node->type = RW_TNODE_CAPTURE;
    node->b = captured(p);
    if (node->b != NULL && rw_tparse_skip(p, RW_TTOKEN_OPERATOR, "|")) {
        node->b = rw_tparse_filters(p, node->b, true);
    }
    node->body = p->failed ? NULL : parse_block(p, ENDS);
    return rw_tparse_expect(p, RW_TTOKEN_NAME, "endset") ? node : NULL;
}

/* The body of a function in Jinja's own code: break and continue of a loop outside do not reach. */
static struct rw_tnode *parse_apart(struct rw_tparser *p, const char *end)
{
    const char *const ends[] = {end, NULL};
    unsigned loops = p->loops;
    p->loops = 0;
    struct rw_tnode *body = parse_block(p, ends);
    p->loops = loops;
    rw_tparse_expect(p, RW_TTOKEN_NAME, end);
    return body;
}

static struct rw_tnode *parse_macro(struct rw_tparser *p, struct rw_tnode *node)
{
    if (p->at->type != RW_TTOKEN_NAME) {
        return rw_tparse_fail(p, "the name of the macro is expected");
    }
    node->text = rw_tparse_keep(p, p->at->text);
    node->name = rw_tparse_name(p, (p->at++)->text);
    struct rw_tnode **tail = &node->args;
    size_t n = 0;
    if (!rw_tparse_expect(p, RW_TTOKEN_OPERATOR, "(")) {
        return NULL;
    }
    while (!p->failed && !rw_tparse_is(p, RW_TTOKEN_OPERATOR, ")")) {
        if (n++ > 0 && !rw_tparse_expect(p, RW_TTOKEN_OPERATOR, ",")) {
            return NULL;
        }
        struct rw_tnode *param = parse_target_one(p, false);
        if (param == NULL || n > RW_TARGS_MAX) {
            return rw_tparse_fail(p, "such parameters of a macro");
        }
        for (const struct rw_tnode *other = node->args; other != NULL; other = other->next) {
            if (other->name == param->name) {
                return rw_tparse_fail(p, "two parameters of one name");
            }
        }
        param->type = RW_TNODE_PARAM;
        if (rw_tparse_skip(p, RW_TTOKEN_OPERATOR, "=")) {
            param->a = rw_tparse_expression(p, true);
        } else if (node->op != 0) {
            return rw_tparse_fail(p, "a parameter without default behind one with");
        }
        node->op = param->a != NULL; /* the last one had a default */
        *tail = param;
        tail = &param->next;
    }
    rw_tparse_skip(p, RW_TTOKEN_OPERATOR, ")");
    node->body = p->failed ? NULL : parse_apart(p, "endmacro");
    return p->failed ? NULL : node;
}

static struct rw_tnode *parse_with(struct rw_tparser *p, struct rw_tnode *node)
{
    static const char *const ENDS[] = {"endwith", NULL};
    struct rw_tnode **tail = &node->args;
    while (!p->failed && p->at->type != RW_TTOKEN_TAG_END) {
        if (node->args != NULL && !rw_tparse_expect(p, RW_TTOKEN_OPERATOR, ",")) {
            return NULL;
        }
        struct rw_tnode *set = rw_tparse_node(p, RW_TNODE_SET);
        if (set == NULL) {
            return NULL;
        }
        set->a = parse_target_one(p, false);
        if (set->a == NULL || !rw_tparse_expect(p, RW_TTOKEN_OPERATOR, "=")) {
            return NULL;
        }
        set->b = rw_tparse_expression(p, true);
        *tail = set;
        tail = &set->next;
    }
    node->type = RW_TNODE_SCOPE;
    node->body = p->failed ? NULL : parse_block(p, ENDS);
    return rw_tparse_expect(p, RW_TTOKEN_NAME, "endwith") ? node : NULL;
}

static struct rw_tnode *parse_statement(struct rw_tparser *p)
{
    static const struct {
        const char *tag;
        enum rw_tnode_type type;
        struct rw_tnode *(*parse)(struct rw_tparser *p, struct rw_tnode *node);
    } TAG[] = {
        {"if", RW_TNODE_IF, parse_if},         {"for", RW_TNODE_FOR, parse_for},
        {"set", RW_TNODE_SET, parse_set},      {"macro", RW_TNODE_MACRO, parse_macro},
        {"with", RW_TNODE_SCOPE, parse_with},  {"break", RW_TNODE_BREAK, NULL},
        {"continue", RW_TNODE_CONTINUE, NULL}, {"generation", RW_TNODE_SCOPE, NULL},
        {"filter", RW_TNODE_FILTERED, NULL},
    };
    size_t i = 0;
    while (i < RW_COUNT(TAG) && !rw_tparse_is(p, RW_TTOKEN_NAME, TAG[i].tag)) {
        i++;
    }
    if (i == RW_COUNT(TAG)) {
        return rw_tparse_fail(p, "the tag '%.*s'", RW_STR_ARG(p->at->text));
    }
    struct rw_tnode *node = rw_tparse_node(p, TAG[i].type);
    p->at++;
    if (node == NULL || TAG[i].parse != NULL) {
        return node != NULL ? TAG[i].parse(p, node) : NULL;
    }
    if (node->type == RW_TNODE_SCOPE) {
        node->body = parse_apart(p, "endgeneration");
    } else if (node->type == RW_TNODE_FILTERED) {
        node->b = rw_tparse_filters(p, captured(p), true);
        node->body = p->failed ? NULL : parse_apart(p, "endfilter");
    } else if (p->loops == 0) {
        return rw_tparse_fail(p, "break or continue outside a loop");
    }
    return p->failed ? NULL : node;
}

static struct rw_tnode *parse_data(struct rw_tparser *p)
{
    struct rw_tnode *node = rw_tparse_node(p, RW_TNODE_DATA);
    struct rw_str copy = rw_tparse_keep(p, p->at->text);
    p->at++;
    if (p->failed || !rw_tval_string(p->arena, copy, RW_ORIGIN_TEMPLATE, &node->value)) {
        return rw_tparse_fail(p, "no memory");
    }
    return node;
}

static bool at_end(const struct rw_tparser *p, const char *const *ends)
{
    for (; ends != NULL && *ends != NULL; ends++) {
        if (rw_tparse_is(p, RW_TTOKEN_NAME, *ends)) {
            return true;
        }
    }
    return false;
}

static struct rw_tnode *parse_body(struct rw_tparser *p, const char *const *ends)
{
    struct rw_tnode *first = NULL;
    struct rw_tnode **tail = &first;
    if (++p->depth > RW_TEMPLATE_NEST_MAX) {
        return rw_tparse_fail(p, "statements nested too deeply");
    }
    while (!p->failed && p->at->type != RW_TTOKEN_END) {
        struct rw_tnode *node = NULL;
        if (p->at->type == RW_TTOKEN_DATA) {
            node = parse_data(p);
        } else if (rw_tparse_skip(p, RW_TTOKEN_PRINT_BEGIN, NULL)) {
            node = rw_tparse_node(p, RW_TNODE_PRINT);
            if (node != NULL) {
                node->a = rw_tparse_tuple(p, true);
                rw_tparse_expect(p, RW_TTOKEN_PRINT_END, NULL);
            }
        } else if (rw_tparse_skip(p, RW_TTOKEN_TAG_BEGIN, NULL)) {
            if (at_end(p, ends)) {
                p->depth--;
                return first;
            }
            node = parse_statement(p);
            if (node != NULL) {
                end_tag(p);
            }
        } else {
            return rw_tparse_fail(p, "unexpected '%.*s'", RW_STR_ARG(p->at->text));
        }
        *tail = node;
        tail = node != NULL ? &node->next : tail;
    }
    if (!p->failed && ends != NULL) {
        rw_tparse_fail(p, "the template ends where '%s' is expected", ends[0]);
    }
    p->depth--;
    return p->failed ? NULL : first;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static rw_status parse_all(struct rw_tparser *p, struct rw_arena *scratch)
{
    p->out = rw_arena_alloc(p->arena, sizeof *p->out);
    struct rw_str *names = rw_arena_array(p->arena, RW_TEMPLATE_NAMES_MAX, sizeof *names);
    if (p->out == NULL || names == NULL || p->slots == NULL) {
        return rw_fail_memory(p->err, "the chat template");
    }
    p->out->names = names;
    p->out->body = parse_body(p, NULL);
    if (p->failed) {
        return p->status;
    }
    if (!rw_template_resolve_names(p->out, p->arena, scratch)) {
        return rw_fail_memory(p->err, "the chat template");
    }
    for (uint32_t i = 0; i < p->out->n_names; i++) {
        p->out->uses_date |= rw_str_is(names[i], "strftime_now");
    }
    return RW_OK;
}

rw_status rw_template_parse(struct rw_str text, struct rw_arena *arena, struct rw_template **out,
                            struct rw_error *err)
{
    struct rw_arena scratch;
    struct rw_ttoken *tokens = NULL;
    struct rw_tparser p = {.arena = arena, .err = err};
    *out = NULL;
    rw_arena_init(&scratch, PARSE_ARENA_BYTES);
    rw_status status = rw_template_lex(text, &scratch, &tokens, err);
    if (status == RW_OK) {
        p.at = tokens;
        p.slots = rw_arena_array(&scratch, SLOTS, sizeof *p.slots);
        status = parse_all(&p, &scratch);
    }
    rw_arena_fini(&scratch);
    *out = status == RW_OK ? p.out : NULL;
    return status;
}

bool rw_template_uses_date(const struct rw_template *template_of)
{
    return template_of->uses_date;
}
