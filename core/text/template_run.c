/* Statements of a template. */
#include "core/base/util.h"
#include "core/text/template_eval.h"

/* ---- statements ------------------------------------------------------------------------------ */

static void print(struct rw_trender *r, struct rw_tval v)
{
    const char *why = r->status == RW_OK ? rw_tval_str(r->out, v) : NULL;
    if (why != NULL) {
        rw_trender_fail(r, "%s", why);
    } else if (r->out->failed || r->out->len > RW_TEMPLATE_OUTPUT_MAX) {
        rw_trender_no_memory(r);
    }
}

static enum rw_tflow run_if(struct rw_trender *r, struct rw_tscope *scope,
                            const struct rw_tnode *node)
{
    for (; node != NULL && r->status == RW_OK; node = node->other) {
        if (node->a == NULL || rw_tval_truth(rw_teval(r, scope, node->a))) {
            return rw_trun(r, scope, node->body);
        }
    }
    return RW_TFLOW_ON;
}

/* Items that the loop's own condition lets through. */
static bool filter_items(struct rw_trender *r, struct rw_tscope *scope, const struct rw_tnode *node,
                         const struct rw_tval **items, size_t *count)
{
    struct rw_tval *kept = rw_arena_array(r->arena, *count + 1, sizeof *kept);
    size_t n = 0;
    for (size_t i = 0; i < *count && kept != NULL && r->status == RW_OK; i++) {
        struct rw_tscope *inner = rw_tscope_open(r, scope, NULL);
        if (inner != NULL) {
            rw_tscope_assign(r, inner, node->a, (*items)[i]);
            kept[n] = (*items)[i];
            n += rw_tval_truth(rw_teval(r, inner, node->c));
        }
    }
    if (kept == NULL) {
        rw_trender_no_memory(r);
    }
    *items = kept;
    *count = n;
    return r->status == RW_OK;
}

static enum rw_tflow run_for(struct rw_trender *r, struct rw_tscope *scope,
                             const struct rw_tnode *node)
{
    struct rw_tloop *loop = rw_arena_alloc(r->arena, sizeof *loop);
    struct rw_tval over = rw_teval(r, scope, node->b);
    if (loop == NULL) {
        rw_trender_no_memory(r);
    }
    if (r->status != RW_OK || !rw_trender_items(r, over, &loop->items, &loop->count) ||
        (node->c != NULL && !filter_items(r, scope, node, &loop->items, &loop->count))) {
        return RW_TFLOW_ON;
    }
    enum rw_tflow flow = RW_TFLOW_ON;
    bool completed = false; /* one pass to its end, which is what Jinja's else asks for */
    for (; loop->index < loop->count && flow != RW_TFLOW_BREAK && r->status == RW_OK;
         loop->index++) {
        struct rw_tscope *inner = rw_tscope_open(r, scope, node->unset);
        if (inner == NULL) {
            break;
        }
        rw_tscope_assign(r, inner, node->a, loop->items[loop->index]);
        if (r->loop_name >= 0) {
            rw_tscope_set(r, inner, (uint32_t)r->loop_name,
                          (struct rw_tval){.type = RW_TVAL_LOOP, .other = loop});
        }
        flow = rw_trun(r, inner, node->body);
        completed = completed || flow == RW_TFLOW_ON;
    }
    if (!completed && node->other != NULL && r->status == RW_OK) {
        return rw_trun(r, scope, node->other);
    }
    return RW_TFLOW_ON;
}

/* What the body writes, in a scope of its own. */
static struct rw_tval capture(struct rw_trender *r, struct rw_tscope *scope,
                              const struct rw_tnode *node)
{
    struct rw_tbuild b;
    struct rw_tbuild *outer = r->out;
    struct rw_tscope *inner = rw_tscope_open(r, scope, node->unset);
    rw_tbuild_init(&b, r->arena);
    r->out = &b;
    if (inner != NULL) {
        rw_trun(r, inner, node->body);
    }
    r->out = outer;
    return rw_trender_text(r, &b);
}

static struct rw_tval captured_and_filtered(struct rw_trender *r, struct rw_tscope *scope,
                                            const struct rw_tnode *node)
{
    struct rw_tval text = capture(r, scope, node);
    r->captured = text;
    return rw_teval(r, scope, node->b);
}

static void define_macro(struct rw_trender *r, struct rw_tscope *scope, const struct rw_tnode *node)
{
    struct rw_tmacro *macro = rw_arena_alloc(r->arena, sizeof *macro);
    if (macro == NULL) {
        rw_trender_no_memory(r);
        return;
    }
    *macro = (struct rw_tmacro){node, scope};
    rw_tscope_set(r, scope, node->name, (struct rw_tval){.type = RW_TVAL_MACRO, .other = macro});
}

static enum rw_tflow run_scope(struct rw_trender *r, struct rw_tscope *scope,
                               const struct rw_tnode *node)
{
    struct rw_tscope *inner = rw_tscope_open(r, scope, node->unset);
    for (const struct rw_tnode *set = node->args; set != NULL && inner != NULL; set = set->next) {
        rw_tscope_assign(r, inner, set->a, rw_teval(r, scope, set->b)); /* values see the outside */
    }
    return inner != NULL && r->status == RW_OK ? rw_trun(r, inner, node->body) : RW_TFLOW_ON;
}

static enum rw_tflow run_one(struct rw_trender *r, struct rw_tscope *scope,
                             const struct rw_tnode *node)
{
    switch (node->type) {
    case RW_TNODE_DATA:
        print(r, node->value);
        return RW_TFLOW_ON;
    case RW_TNODE_PRINT:
        print(r, rw_teval(r, scope, node->a));
        return RW_TFLOW_ON;
    case RW_TNODE_IF:
        return run_if(r, scope, node);
    case RW_TNODE_FOR:
        return run_for(r, scope, node);
    case RW_TNODE_SET:
        rw_tscope_assign(r, scope, node->a, rw_teval(r, scope, node->b));
        return RW_TFLOW_ON;
    case RW_TNODE_CAPTURE:
        rw_tscope_assign(r, scope, node->a, captured_and_filtered(r, scope, node));
        return RW_TFLOW_ON;
    case RW_TNODE_FILTERED: {
        struct rw_tval v = captured_and_filtered(r, scope, node);
        if (r->status == RW_OK && v.type != RW_TVAL_STRING) { /* Jinja joins it as it is */
            rw_trender_fail(r, "a filtered block that gives '%s'", rw_tval_type_name(v));
        }
        print(r, v);
        return RW_TFLOW_ON;
    }
    case RW_TNODE_MACRO:
        define_macro(r, scope, node);
        return RW_TFLOW_ON;
    case RW_TNODE_SCOPE:
        return run_scope(r, scope, node);
    default:
        return node->type == RW_TNODE_BREAK ? RW_TFLOW_BREAK : RW_TFLOW_CONTINUE;
    }
}

enum rw_tflow rw_trun(struct rw_trender *r, struct rw_tscope *scope, const struct rw_tnode *node)
{
    enum rw_tflow flow = RW_TFLOW_ON;
    if (r->depth == RW_TEMPLATE_DEPTH_MAX) {
        rw_trender_fail_as(r, RW_LIMIT_EXCEEDED, "it is nested too deeply");
        return flow;
    }
    r->depth++;
    for (; node != NULL && flow == RW_TFLOW_ON && rw_trender_spend(r, 1); node = node->next) {
        r->line = node->line;
        flow = run_one(r, scope, node);
    }
    r->depth--;
    return flow;
}
