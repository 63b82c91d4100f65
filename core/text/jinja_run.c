/* Statements, and a rendering as a whole. */
#include <string.h>

#include "core/base/util.h"
#include "core/text/jinja_parts.h"

typedef const struct rw_jinja_node *tree;

/* ---- scopes ---------------------------------------------------------------------------------- */

rw_status rw_jinja_push(struct rw_jinja_run *r, struct rw_jinja_scope *up,
                        struct rw_jinja_scope **kept)
{
    struct rw_jinja_scope *scope = rw_arena_alloc(r->arena, sizeof *scope);
    *kept = r->scope;
    if (scope == NULL) {
        return rw_jinja_no_memory(r);
    }
    scope->up = up;
    r->scope = scope;
    return RW_OK;
}

rw_status rw_jinja_bind(struct rw_jinja_run *r, struct rw_str name,
                        const struct rw_jinja_value *value)
{
    for (struct rw_jinja_binding *b = r->scope->names; b != NULL; b = b->next) {
        if (rw_str_equal(b->name, name)) {
            b->value = *value;
            return RW_OK;
        }
    }
    struct rw_jinja_binding *made = rw_arena_alloc(r->arena, sizeof *made);
    if (made == NULL) {
        return rw_jinja_no_memory(r);
    }
    *made = (struct rw_jinja_binding){name, *value, r->scope->names};
    r->scope->names = made;
    return RW_OK;
}

static rw_status unpack(struct rw_jinja_run *r, tree target, const struct rw_jinja_value *value);

static rw_status set_attribute(struct rw_jinja_run *r, tree target,
                               const struct rw_jinja_value *value)
{
    struct rw_jinja_value self;
    rw_status status = rw_jinja_eval(r, target->a, &self);
    if (status != RW_OK) {
        return status;
    }
    if (self.type != RW_JINJA_NAMESPACE) {
        return rw_jinja_fail(r, "cannot assign attribute on non-namespace object");
    }
    struct rw_jinja_value key =
        rw_jinja_make_str((struct rw_jinja_text){target->text.ptr, NULL, target->text.len});
    return rw_jinja_store(r, &self, &key, value);
}

static rw_status assign(struct rw_jinja_run *r, tree target, const struct rw_jinja_value *value)
{
    if (target->type == RW_TREE_NAME) {
        return rw_jinja_bind(r, target->text, value);
    }
    return target->type == RW_TREE_TUPLE ? unpack(r, target, value)
                                         : set_attribute(r, target, value);
}

static rw_status unpack(struct rw_jinja_run *r, tree target, const struct rw_jinja_value *value)
{
    struct rw_jinja_value items;
    size_t i = 0;
    rw_status status = rw_jinja_iterate(r, value, &items);
    for (tree one = target->b; one != NULL && status == RW_OK; one = one->next, i++) {
        if (i == items.items->n) {
            return rw_jinja_fail(r, "not enough values to unpack");
        }
        status = assign(r, one->a, &items.items->at[i]);
    }
    return status == RW_OK && i < items.items->n ? rw_jinja_fail(r, "too many values to unpack")
                                                 : status;
}

/* ---- loops ----------------------------------------------------------------------------------- */

/* The elements for which the loop's own condition holds. */
static rw_status filter_items(struct rw_jinja_run *r, tree node, struct rw_jinja_value *items)
{
    struct rw_jinja_value kept;
    rw_status status = rw_jinja_make_items(r, RW_JINJA_LIST, 0, &kept);
    for (size_t i = 0; i < items->items->n && status == RW_OK; i++) {
        struct rw_jinja_scope *outer;
        struct rw_jinja_value holds = {0};
        status = rw_jinja_push(r, r->scope, &outer);
        status = status == RW_OK ? assign(r, node->d, &items->items->at[i]) : status;
        status = status == RW_OK ? rw_jinja_eval(r, node->e, &holds) : status;
        if (status == RW_OK && rw_jinja_truth(&holds)) {
            status = rw_jinja_add(r, &kept, &items->items->at[i]);
        }
        r->scope = outer;
    }
    *items = kept;
    return status;
}

static rw_status put(struct rw_jinja_run *r, struct rw_jinja_value *dict, const char *name,
                     struct rw_jinja_value value)
{
    const struct rw_jinja_value key = rw_jinja_make_literal(name);
    return rw_jinja_store(r, dict, &key, &value);
}

/* `loop` of element i: a namespace, so that its attributes are no keys. */
static rw_status bind_loop(struct rw_jinja_run *r, const struct rw_jinja_items *items, size_t i,
                           unsigned depth)
{
    struct rw_jinja_value loop;
    size_t n = items->n;
    const struct rw_jinja_value none = rw_jinja_make_undefined(RW_STR("a neighbour of the loop"));
    const struct {
        const char *name;
        struct rw_jinja_value value;
    } FIELD[] = {
        {"index", rw_jinja_make_int((int64_t)i + 1)},
        {"index0", rw_jinja_make_int((int64_t)i)},
        {"revindex", rw_jinja_make_int((int64_t)(n - i))},
        {"revindex0", rw_jinja_make_int((int64_t)(n - i - 1))},
        {"first", rw_jinja_make_bool(i == 0)},
        {"last", rw_jinja_make_bool(i + 1 == n)},
        {"length", rw_jinja_make_int((int64_t)n)},
        {"depth", rw_jinja_make_int((int64_t)depth)},
        {"depth0", rw_jinja_make_int((int64_t)depth - 1)},
        {"previtem", i > 0 ? items->at[i - 1] : none},
        {"nextitem", i + 1 < n ? items->at[i + 1] : none},
    };
    rw_status status = rw_jinja_make_pairs(r, RW_JINJA_NAMESPACE, &loop);
    for (size_t f = 0; f < RW_COUNT(FIELD) && status == RW_OK; f++) {
        status = put(r, &loop, FIELD[f].name, FIELD[f].value);
    }
    return status == RW_OK ? rw_jinja_bind(r, RW_STR("loop"), &loop) : status;
}

static rw_status run_for(struct rw_jinja_run *r, tree node)
{
    struct rw_jinja_value items;
    rw_status status = rw_jinja_eval(r, node->a, &items);
    struct rw_jinja_value given = items;
    status = status == RW_OK ? rw_jinja_iterate(r, &given, &items) : status;
    status = status == RW_OK && node->e != NULL ? filter_items(r, node, &items) : status;
    if (status != RW_OK) {
        return status;
    }
    struct rw_jinja_scope *outer;
    if (items.items->n == 0) {
        status = rw_jinja_push(r, r->scope, &outer);
        status = status == RW_OK ? rw_jinja_statements(r, node->c) : status;
        r->scope = outer;
        return status;
    }
    for (size_t i = 0; i < items.items->n && status == RW_OK; i++) {
        status = rw_jinja_push(r, r->scope, &outer);
        status = status == RW_OK ? bind_loop(r, items.items, i, 1) : status;
        status = status == RW_OK ? assign(r, node->d, &items.items->at[i]) : status;
        status = status == RW_OK ? rw_jinja_statements(r, node->b) : status;
        r->scope = outer;
        bool broke = r->broke;
        r->broke = r->continued = false;
        if (broke) {
            break;
        }
    }
    return status;
}

/* ---- the others ------------------------------------------------------------------------------ */

rw_status rw_jinja_capture(struct rw_jinja_run *r, const struct rw_jinja_node *node,
                           struct rw_jinja_value *out)
{
    struct rw_jinja_writer *outer = r->out;
    struct rw_jinja_writer *inner = rw_arena_alloc(r->arena, sizeof *inner);
    if (inner == NULL) {
        return rw_jinja_no_memory(r);
    }
    r->out = inner;
    rw_status status = rw_jinja_statements(r, node);
    r->out = outer;
    *out = rw_jinja_make_str(rw_jinja_written(inner));
    return status;
}

static rw_status run_if(struct rw_jinja_run *r, tree node)
{
    for (; node != NULL && node->type == RW_TREE_IF; node = node->c) {
        struct rw_jinja_value holds;
        rw_status status = rw_jinja_eval(r, node->a, &holds);
        if (status != RW_OK || rw_jinja_truth(&holds)) {
            return status == RW_OK ? rw_jinja_statements(r, node->b) : status;
        }
        if (node->c == NULL || node->c->type != RW_TREE_IF || !node->c->flag) {
            return rw_jinja_statements(r, node->c);
        }
    }
    return RW_OK;
}

/* The text of a block, through its filters. */
static rw_status filtered(struct rw_jinja_run *r, tree node, struct rw_jinja_value *out)
{
    struct rw_jinja_value text;
    struct rw_jinja_scope *outer;
    const struct rw_jinja_value *kept = r->body;
    rw_status status = rw_jinja_push(r, r->scope, &outer);
    status = status == RW_OK ? rw_jinja_capture(r, node->b, &text) : status;
    r->scope = outer;
    r->body = &text;
    status = status == RW_OK ? rw_jinja_eval(r, node->a, out) : status;
    r->body = kept;
    return status;
}

static rw_status run_set(struct rw_jinja_run *r, tree node)
{
    struct rw_jinja_value value;
    rw_status status =
        node->type == RW_TREE_SET ? rw_jinja_eval(r, node->a, &value) : filtered(r, node, &value);
    return status == RW_OK ? assign(r, node->d, &value) : status;
}

static rw_status run_with(struct rw_jinja_run *r, tree node)
{
    struct rw_jinja_scope *outer;
    rw_status status = rw_jinja_push(r, r->scope, &outer);
    for (tree set = node->c; set != NULL && status == RW_OK; set = set->next) {
        status = run_set(r, set);
    }
    status = status == RW_OK ? rw_jinja_statements(r, node->b) : status;
    r->scope = outer;
    return status;
}

static rw_status write_value(struct rw_jinja_run *r, const struct rw_jinja_value *value)
{
    struct rw_jinja_text text;
    rw_status status = rw_jinja_to_text(r, value, &text);
    return status == RW_OK ? rw_jinja_write(r, r->out, text) : status;
}

static rw_status run_generation(struct rw_jinja_run *r, tree node)
{
    struct rw_jinja_scope *outer;
    rw_status status = rw_jinja_push(r, r->scope, &outer);
    status = status == RW_OK ? rw_jinja_statements(r, node->b) : status;
    r->scope = outer;
    return status;
}

static rw_status run_statement(struct rw_jinja_run *r, tree node)
{
    struct rw_jinja_value value = {0};
    rw_status status;
    switch (node->type) {
    case RW_TREE_TEXT:
        return rw_jinja_write(r, r->out,
                              (struct rw_jinja_text){node->text.ptr, NULL, node->text.len});
    case RW_TREE_OUTPUT:
        status = rw_jinja_eval(r, node->a, &value);
        return status == RW_OK ? write_value(r, &value) : status;
    case RW_TREE_IF:
        return run_if(r, node);
    case RW_TREE_FOR:
        return run_for(r, node);
    case RW_TREE_SET:
    case RW_TREE_SET_BLOCK:
        return run_set(r, node);
    case RW_TREE_MACRO:
        value.type = RW_JINJA_MACRO;
        value.macro.node = node;
        value.macro.scope = r->scope;
        return rw_jinja_bind(r, node->text, &value);
    case RW_TREE_WITH:
        return run_with(r, node);
    case RW_TREE_FILTERED:
        status = filtered(r, node, &value);
        return status == RW_OK ? write_value(r, &value) : status;
    case RW_TREE_GENERATION:
        return run_generation(r, node);
    case RW_TREE_BREAK:
        r->broke = true;
        return RW_OK;
    case RW_TREE_CONTINUE:
        r->continued = true;
        return RW_OK;
    default:
        return rw_jinja_fail(r, "a value where a statement is wanted");
    }
}

rw_status rw_jinja_statements(struct rw_jinja_run *r, const struct rw_jinja_node *node)
{
    rw_status status = RW_OK;
    if (++r->depth > 4 * RW_JINJA_DEPTH_MAX) {
        status =
            rw_fail(r->err, RW_LIMIT_EXCEEDED, "the model's chat template calls itself too deeply");
    }
    for (; node != NULL && status == RW_OK && !r->broke && !r->continued; node = node->next) {
        r->line = node->line;
        status = rw_jinja_step(r, 1);
        status = status == RW_OK ? run_statement(r, node) : status;
    }
    r->depth--;
    return status;
}

rw_status rw_jinja_render(const struct rw_jinja *jinja, const struct rw_jinja_context *context,
                          struct rw_arena *arena, struct rw_jinja_text *out, struct rw_error *err)
{
    struct rw_jinja_writer w = {0};
    struct rw_jinja_scope globals = {0};
    struct rw_jinja_scope top = {.up = &globals};
    struct rw_jinja_run r = {
        .arena = arena, .err = err, .now = context->now, .scope = &globals, .out = &w};
    rw_status status = RW_OK;
    const struct rw_jinja_pairs *given = context->globals->pairs;
    for (size_t i = 0; i < given->n && status == RW_OK; i++) {
        status = rw_jinja_bind(&r, rw_jinja_bytes(&given->at[i].key), &given->at[i].value);
    }
    r.scope = &top;
    status = status == RW_OK ? rw_jinja_statements(&r, jinja->body) : status;
    *out = rw_jinja_written(&w);
    return status;
}
