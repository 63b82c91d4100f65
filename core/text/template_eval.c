/* Expressions of a template: values over scopes, calls of macros, functions and methods. */
#include "core/text/template_eval.h"
#include "core/base/util.h"

/* ---- scopes ---------------------------------------------------------------------------------- */

static struct rw_tvariable *find_here(struct rw_tscope *scope, uint32_t name)
{
    struct rw_tvariable *v = scope->variables;
    while (v != NULL && v->name != name) {
        v = v->next;
    }
    return v;
}

static struct rw_tval lookup(struct rw_trender *r, struct rw_tscope *scope, uint32_t name)
{
    for (; scope != NULL; scope = scope->parent) {
        struct rw_tvariable *v = find_here(scope, name);
        if (v != NULL) {
            return v->value;
        }
    }
    return r->globals[name];
}

void rw_tscope_set(struct rw_trender *r, struct rw_tscope *scope, uint32_t name,
                   struct rw_tval value)
{
    if (scope == NULL) {
        r->globals[name] = value;
        return;
    }
    struct rw_tvariable *v = find_here(scope, name);
    if (v == NULL) {
        v = rw_arena_alloc(r->arena, sizeof *v);
        if (v == NULL) {
            rw_trender_no_memory(r);
            return;
        }
        *v = (struct rw_tvariable){.name = name, .next = scope->variables};
        scope->variables = v;
    }
    v->value = value;
}

struct rw_tscope *rw_tscope_open(struct rw_trender *r, struct rw_tscope *parent,
                                 const struct rw_tunset *unset)
{
    struct rw_tscope *scope = rw_arena_alloc(r->arena, sizeof *scope);
    if (scope == NULL) {
        rw_trender_no_memory(r);
        return NULL;
    }
    scope->parent = parent;
    for (; unset != NULL; unset = unset->next) {
        rw_tscope_set(r, scope, unset->name, RW_TVAL_OF_UNDEFINED);
    }
    return scope;
}

static void assign_several(struct rw_trender *r, struct rw_tscope *scope,
                           const struct rw_tnode *target, struct rw_tval value)
{
    const struct rw_tval *items;
    size_t count;
    if (!rw_trender_items(r, value, &items, &count)) {
        return;
    }
    size_t i = 0;
    for (const struct rw_tnode *t = target->args; t != NULL; t = t->next, i++) {
        if (i < count) {
            rw_tscope_assign(r, scope, t, items[i]);
        }
    }
    if (i != count) {
        rw_trender_fail(r, "%zu values for %zu names", count, i);
    }
}

void rw_tscope_assign(struct rw_trender *r, struct rw_tscope *scope, const struct rw_tnode *target,
                      struct rw_tval value)
{
    if (r->status != RW_OK) {
        return;
    }
    if (target->type == RW_TNODE_TUPLE) {
        assign_several(r, scope, target, value);
    } else if (target->type == RW_TNODE_NSREF) {
        struct rw_tval of = lookup(r, scope, target->name);
        struct rw_tval key;
        if (of.type != RW_TVAL_NAMESPACE) {
            rw_trender_fail(r, "an attribute is set on what is no namespace");
        } else if (!rw_tval_string(r->arena, target->text, RW_ORIGIN_TEMPLATE, &key) ||
                   !rw_tval_set(r->arena, of.dict, key, value)) {
            rw_trender_no_memory(r);
        }
    } else {
        rw_tscope_set(r, scope, target->name, value);
    }
}

/* ---- calls ----------------------------------------------------------------------------------- */

static bool eval_args(struct rw_trender *r, struct rw_tscope *scope, const struct rw_tnode *args,
                      struct rw_targs *out)
{
    out->count = 0;
    for (; args != NULL && r->status == RW_OK; args = args->next) {
        out->keyword[out->count] = args->text;
        out->value[out->count++] = rw_teval(r, scope, args->a);
    }
    return r->status == RW_OK;
}

/* The argument for parameter `index`, or NULL; false where it is given twice. */
static bool find_argument(const struct rw_targs *args, size_t index, struct rw_str name,
                          const struct rw_tval **out)
{
    *out = NULL;
    size_t position = 0;
    for (size_t i = 0; i < args->count; i++) {
        bool here =
            args->keyword[i].len == 0 ? position++ == index : rw_str_equal(args->keyword[i], name);
        if (here && *out != NULL) {
            return false;
        }
        *out = here ? &args->value[i] : *out;
    }
    return true;
}

/* What is given goes to its parameter first; defaults see all of that, and parameters without a
 * value as undefined, never a variable of the same name outside. */
static bool bind_parameters(struct rw_trender *r, struct rw_tscope *scope,
                            const struct rw_tmacro *macro, const struct rw_targs *args)
{
    bool given[RW_TARGS_MAX] = {false};
    size_t n = 0;
    size_t used = 0;
    for (const struct rw_tnode *p = macro->node->args; p != NULL; p = p->next, n++) {
        const struct rw_tval *value;
        if (!find_argument(args, n, p->text, &value)) {
            rw_trender_fail(r, "the argument %.*s is given twice", RW_STR_ARG(p->text));
            return false;
        }
        given[n] = value != NULL;
        used += given[n];
        rw_tscope_set(r, scope, p->name, given[n] ? *value : RW_TVAL_OF_UNDEFINED);
    }
    if (used != args->count) {
        rw_trender_fail(r, "arguments that the macro does not take");
        return false;
    }
    n = 0;
    for (const struct rw_tnode *p = macro->node->args; p != NULL; p = p->next, n++) {
        if (!given[n] && p->a != NULL) {
            rw_tscope_set(r, scope, p->name, rw_teval(r, scope, p->a));
        }
    }
    return r->status == RW_OK;
}

static struct rw_tval call_macro(struct rw_trender *r, const struct rw_tmacro *macro,
                                 const struct rw_targs *args)
{
    struct rw_tscope *scope = rw_tscope_open(r, macro->scope, macro->node->unset);
    if (scope == NULL || !bind_parameters(r, scope, macro, args)) {
        return RW_TVAL_OF_UNDEFINED;
    }
    struct rw_tbuild b;
    struct rw_tbuild *outer = r->out;
    rw_tbuild_init(&b, r->arena);
    r->out = &b;
    rw_trun(r, scope, macro->node->body);
    r->out = outer;
    return rw_trender_text(r, &b);
}

static struct rw_tval call_loop(struct rw_trender *r, const struct rw_tloop *loop,
                                struct rw_str method, const struct rw_targs *args)
{
    if (!rw_str_is(method, "cycle") || args->count == 0) {
        return rw_trender_fail(r, "loop.%.*s()", RW_STR_ARG(method));
    }
    return args->value[loop->index % args->count];
}

static struct rw_tval eval_call(struct rw_trender *r, struct rw_tscope *scope,
                                const struct rw_tnode *node)
{
    struct rw_targs args;
    const struct rw_tnode *callee = node->a;
    struct rw_tval of = RW_TVAL_OF_UNDEFINED;
    struct rw_tval f;
    if (callee->type == RW_TNODE_ATTR) {
        of = rw_teval(r, scope, callee->a);
        r->line = callee->line;
        f = of.type == RW_TVAL_LOOP || r->status != RW_OK ? of : rw_tattribute(r, of, callee->text);
    } else {
        f = rw_teval(r, scope, callee);
    }
    if (r->status != RW_OK || !eval_args(r, scope, node->args, &args)) {
        return RW_TVAL_OF_UNDEFINED;
    }
    r->line = node->line;
    switch (f.type) {
    case RW_TVAL_MACRO:
        return call_macro(r, f.other, &args);
    case RW_TVAL_FUNCTION:
        return rw_tfunction_call(r, f, &args);
    case RW_TVAL_METHOD: {
        const struct rw_tmethod *method = f.other;
        return rw_tmethod_call(r, method->method, method->self, &args);
    }
    case RW_TVAL_LOOP:
        if (callee->type == RW_TNODE_ATTR) {
            return call_loop(r, f.other, callee->text, &args);
        }
        break;
    default:
        break;
    }
    return rw_trender_fail(r, "'%.*s' is called and is '%s'", RW_STR_ARG(callee->text),
                           rw_tval_type_name(f));
}

/* ---- expressions ----------------------------------------------------------------------------- */

struct rw_tval rw_tloop_attribute(struct rw_trender *r, const struct rw_tloop *loop,
                                  struct rw_str name)
{
    int64_t index = (int64_t)loop->index;
    int64_t count = (int64_t)loop->count;
    const struct {
        const char *name;
        int64_t value;
    } NUMBER[] = {
        {"index", index + 1},
        {"index0", index},
        {"revindex", count - index},
        {"revindex0", count - index - 1},
        {"length", count},
        {"depth", 1}, /* of recursion */
        {"depth0", 0},
    };
    for (size_t i = 0; i < RW_COUNT(NUMBER); i++) {
        if (rw_str_is(name, NUMBER[i].name)) {
            return RW_TVAL_OF_INT(NUMBER[i].value);
        }
    }
    if (rw_str_is(name, "first") || rw_str_is(name, "last")) {
        return RW_TVAL_OF_BOOL(rw_str_is(name, "first") ? index == 0 : index == count - 1);
    }
    if (rw_str_is(name, "previtem") && index > 0) {
        return loop->items[index - 1];
    }
    if (rw_str_is(name, "nextitem") && index + 1 < count) {
        return loop->items[index + 1];
    }
    /* Methods of the loop that are not called (cycle is, in eval_call) have no form here. */
    return rw_str_is(name, "cycle") || rw_str_is(name, "changed") ||
                   rw_str_starts(name, RW_STR("_"))
               ? rw_trender_fail(r, "loop.%.*s", RW_STR_ARG(name))
               : RW_TVAL_OF_UNDEFINED;
}

static struct rw_tval eval_sequence(struct rw_trender *r, struct rw_tscope *scope,
                                    const struct rw_tnode *node)
{
    size_t count = 0;
    for (const struct rw_tnode *a = node->args; a != NULL; a = a->next) {
        count++;
    }
    struct rw_tval *items = rw_arena_array(r->arena, count + 1, sizeof *items);
    if (items == NULL) {
        return rw_trender_no_memory(r);
    }
    size_t n = 0;
    for (const struct rw_tnode *a = node->args; a != NULL && r->status == RW_OK; a = a->next) {
        items[n++] = rw_teval(r, scope, a);
    }
    struct rw_tval out = rw_trender_list(r, items, n);
    out.type = node->type == RW_TNODE_TUPLE && r->status == RW_OK ? RW_TVAL_TUPLE : out.type;
    return out;
}

static struct rw_tval eval_dict(struct rw_trender *r, struct rw_tscope *scope,
                                const struct rw_tnode *node)
{
    struct rw_tval out;
    if (!rw_tval_dict(r->arena, &out)) {
        return rw_trender_no_memory(r);
    }
    for (const struct rw_tnode *a = node->args; a != NULL && r->status == RW_OK;
         a = a->next->next) {
        struct rw_tval key = rw_teval(r, scope, a);
        struct rw_tval value = rw_teval(r, scope, a->next);
        if (key.type != RW_TVAL_STRING && !rw_tval_is_number(key) && key.type != RW_TVAL_NONE) {
            return rw_trender_fail(r, "a key of a dict of type '%s'", rw_tval_type_name(key));
        }
        if (!rw_tval_set(r->arena, out.dict, key, value)) {
            return rw_trender_no_memory(r);
        }
    }
    return out;
}

static struct rw_tval eval_concat(struct rw_trender *r, struct rw_tscope *scope,
                                  const struct rw_tnode *node)
{
    struct rw_tbuild b;
    rw_tbuild_init(&b, r->arena);
    for (const struct rw_tnode *a = node->args; a != NULL && r->status == RW_OK; a = a->next) {
        struct rw_tval v = rw_trender_string(r, rw_teval(r, scope, a));
        if (v.type == RW_TVAL_STRING) {
            rw_tbuild_string(&b, v.string);
        }
    }
    return rw_trender_text(r, &b);
}

static bool compares(struct rw_trender *r, int op, struct rw_tval a, struct rw_tval b)
{
    if (op == RW_TCOMPARE_EQ || op == RW_TCOMPARE_NE) {
        bool views = a.type == RW_TVAL_LIST && b.type == RW_TVAL_LIST &&
                     a.list->kind == RW_TLIST_VIEW && b.list->kind == RW_TLIST_VIEW;
        if (views) { /* keys are compared as sets, values are not */
            rw_trender_fail(r, "a comparison of what two dicts hold");
        }
        return rw_tval_equal(a, b) == (op == RW_TCOMPARE_EQ);
    }
    if (op == RW_TCOMPARE_IN || op == RW_TCOMPARE_NOT_IN) {
        return rw_trender_contains(r, a, b) == (op == RW_TCOMPARE_IN);
    }
    int order = rw_trender_order(r, a, b);
    return op == RW_TCOMPARE_LT   ? order < 0
           : op == RW_TCOMPARE_LE ? order <= 0
           : op == RW_TCOMPARE_GT ? order > 0
                                  : order >= 0;
}

static struct rw_tval eval_compare(struct rw_trender *r, struct rw_tscope *scope,
                                   const struct rw_tnode *node)
{
    struct rw_tval left = rw_teval(r, scope, node->a);
    bool holds = true;
    for (const struct rw_tnode *o = node->args; o != NULL && holds && r->status == RW_OK;
         o = o->next) {
        struct rw_tval right = rw_teval(r, scope, o->a);
        holds = r->status == RW_OK && compares(r, o->op, left, right);
        left = right;
    }
    return RW_TVAL_OF_BOOL(holds);
}

static struct rw_tval eval_slice(struct rw_trender *r, struct rw_tscope *scope,
                                 const struct rw_tnode *node)
{
    struct rw_tval of = rw_teval(r, scope, node->a);
    struct rw_tval part[3];
    const struct rw_tnode *a = node->args;
    for (int i = 0; i < 3; i++, a = a->next) {
        part[i] = rw_teval(r, scope, a);
    }
    return r->status == RW_OK ? rw_tslice(r, of, part) : of;
}

static struct rw_tval eval_sign(struct rw_trender *r, struct rw_tscope *scope,
                                const struct rw_tnode *node)
{
    struct rw_tval v = rw_teval(r, scope, node->a);
    if (r->status == RW_OK && !rw_tval_is_number(v)) {
        return rw_trender_fail(r, "the sign of '%s'", rw_tval_type_name(v));
    }
    int op = node->type == RW_TNODE_NEG ? '-' : '+';
    return v.type == RW_TVAL_FLOAT ? RW_TVAL_OF_FLOAT(op == '-' ? -v.real : v.real)
                                   : rw_toperator(r, op, RW_TVAL_OF_INT(0), v);
}

static struct rw_tval eval_filter(struct rw_trender *r, struct rw_tscope *scope,
                                  const struct rw_tnode *node)
{
    struct rw_targs args;
    struct rw_tval v = rw_teval(r, scope, node->a);
    if (r->status != RW_OK || !eval_args(r, scope, node->args, &args)) {
        return RW_TVAL_OF_UNDEFINED;
    }
    r->line = node->line;
    return rw_tfilter_call(r, node->op, v, &args);
}

static struct rw_tval eval_test(struct rw_trender *r, struct rw_tscope *scope,
                                const struct rw_tnode *node)
{
    struct rw_targs args;
    struct rw_tval v = rw_teval(r, scope, node->a);
    if (r->status != RW_OK || !eval_args(r, scope, node->args, &args)) {
        return RW_TVAL_OF_UNDEFINED;
    }
    r->line = node->line;
    return RW_TVAL_OF_BOOL(rw_ttest_call(r, node->op, v, &args));
}

static struct rw_tval eval_choice(struct rw_trender *r, struct rw_tscope *scope,
                                  const struct rw_tnode *node)
{
    if (node->type == RW_TNODE_COND) {
        bool yes = rw_tval_truth(rw_teval(r, scope, node->b));
        return yes               ? rw_teval(r, scope, node->a)
               : node->c != NULL ? rw_teval(r, scope, node->c)
                                 : RW_TVAL_OF_UNDEFINED;
    }
    struct rw_tval v = rw_teval(r, scope, node->a);
    if (node->type == RW_TNODE_NOT) {
        return RW_TVAL_OF_BOOL(!rw_tval_truth(v));
    }
    return rw_tval_truth(v) == (node->type == RW_TNODE_AND) ? rw_teval(r, scope, node->b) : v;
}

static struct rw_tval eval_attribute(struct rw_trender *r, struct rw_tscope *scope,
                                     const struct rw_tnode *node)
{
    struct rw_tval v = rw_teval(r, scope, node->a);
    r->line = node->line;
    if (r->status != RW_OK) {
        return v;
    }
    return rw_tattribute(r, v, node->text);
}

static struct rw_tval eval_node(struct rw_trender *r, struct rw_tscope *scope,
                                const struct rw_tnode *node)
{
    switch (node->type) {
    case RW_TNODE_CONST:
        return node->value;
    case RW_TNODE_CAPTURED:
        return r->captured;
    case RW_TNODE_NAME:
        return lookup(r, scope, node->name);
    case RW_TNODE_LIST:
    case RW_TNODE_TUPLE:
        return eval_sequence(r, scope, node);
    case RW_TNODE_DICT:
        return eval_dict(r, scope, node);
    case RW_TNODE_ATTR:
        return eval_attribute(r, scope, node);
    case RW_TNODE_ITEM: {
        struct rw_tval of = rw_teval(r, scope, node->a);
        struct rw_tval key = rw_teval(r, scope, node->b);
        r->line = node->line;
        return r->status == RW_OK ? rw_trender_item(r, of, key) : of;
    }
    case RW_TNODE_SLICE:
        return eval_slice(r, scope, node);
    case RW_TNODE_CALL:
        return eval_call(r, scope, node);
    case RW_TNODE_FILTER:
        return eval_filter(r, scope, node);
    case RW_TNODE_TEST:
        return eval_test(r, scope, node);
    case RW_TNODE_NEG:
    case RW_TNODE_POS:
        return eval_sign(r, scope, node);
    case RW_TNODE_CONCAT:
        return eval_concat(r, scope, node);
    case RW_TNODE_COMPARE:
        return eval_compare(r, scope, node);
    case RW_TNODE_BINARY: {
        struct rw_tval a = rw_teval(r, scope, node->a);
        struct rw_tval b = rw_teval(r, scope, node->b);
        r->line = node->line;
        return r->status == RW_OK ? rw_toperator(r, node->op, a, b) : a;
    }
    default:
        return eval_choice(r, scope, node);
    }
}

struct rw_tval rw_teval(struct rw_trender *r, struct rw_tscope *scope, const struct rw_tnode *node)
{
    if (!rw_trender_spend(r, 1)) {
        return RW_TVAL_OF_UNDEFINED;
    }
    if (r->depth == RW_TEMPLATE_DEPTH_MAX) {
        return rw_trender_fail_as(r, RW_LIMIT_EXCEEDED, "it is nested too deeply");
    }
    r->depth++;
    r->line = node->line;
    struct rw_tval out = eval_node(r, scope, node);
    r->depth--;
    return r->status == RW_OK ? out : RW_TVAL_OF_UNDEFINED;
}
