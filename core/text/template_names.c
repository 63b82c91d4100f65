/* Which names of a block are undefined where it begins, as Jinja's compiler decides it.
 *
 * A name that a block sets before it reads it, in the order of the text, is a variable of that
 * block from its first line on. A loop or macro that stands further up in the block sees that
 * variable, undefined as yet, and not one that the caller passed under the same name. A name that
 * is set in some branches of an if only keeps what it was outside. Source: idtracking of jinja2. */
#include "core/text/template_parts.h"

enum {
    ABSENT,
    PARAMETER, /* given when the block begins */
    OUTSIDE,   /* read first: what the blocks around or the caller call so */
    UNSET,
    KIND = 3,
    STORED = 4,
};

/* A byte for each name of the template. */
struct table {
    struct table *next; /* of those that are free */
    unsigned char of[];
};

struct resolver {
    const struct rw_template *t;
    struct rw_arena *arena;
    struct rw_arena *scratch;
    struct table *free;
    bool failed;
};

struct frame {
    const struct frame *parent;
    struct table *names;
};

static struct table *take(struct resolver *v, const struct table *copy_of)
{
    struct table *table = v->free;
    size_t bytes = v->t->n_names;
    if (table != NULL) {
        v->free = table->next;
    } else {
        table = rw_arena_alloc(v->scratch, sizeof *table + bytes);
        v->failed = v->failed || table == NULL;
    }
    if (table != NULL && copy_of != NULL) {
        memcpy(table->of, copy_of->of, bytes);
    } else if (table != NULL) {
        memset(table->of, ABSENT, bytes);
    }
    return table;
}

static void give(struct resolver *v, struct table *table)
{
    table->next = v->free;
    v->free = table;
}

static bool known(const struct frame *f, uint32_t name)
{
    while (f != NULL && (f->names->of[name] & KIND) == ABSENT) {
        f = f->parent;
    }
    return f != NULL;
}

static void load(struct frame *f, uint32_t name)
{
    if (!known(f, name)) {
        f->names->of[name] |= OUTSIDE;
    }
}

static void store(struct frame *f, uint32_t name)
{
    unsigned char *at = &f->names->of[name];
    if ((*at & KIND) == ABSENT) {
        *at |= known(f->parent, name) ? OUTSIDE : UNSET;
    }
    *at |= STORED;
}

/* ---- one block, without the blocks inside it ------------------------------------------------- */

/* Down the left side by a loop: chains of operators and filters may be as long as the template. */
static void visit_expression(struct frame *f, const struct rw_tnode *node)
{
    for (; node != NULL; node = node->a) {
        if (node->type == RW_TNODE_NAME) {
            load(f, node->name);
        }
        visit_expression(f, node->b);
        visit_expression(f, node->c);
        for (const struct rw_tnode *arg = node->args; arg != NULL; arg = arg->next) {
            visit_expression(f, arg);
        }
    }
}

static void visit_target(struct frame *f, const struct rw_tnode *target, bool parameter)
{
    if (target->type == RW_TNODE_TUPLE) {
        for (const struct rw_tnode *t = target->args; t != NULL; t = t->next) {
            visit_target(f, t, parameter);
        }
    } else if (parameter) {
        f->names->of[target->name] = PARAMETER;
    } else if (target->type == RW_TNODE_NSREF) {
        load(f, target->name);
    } else {
        store(f, target->name);
    }
}

static void visit_body(struct resolver *v, struct frame *f, const struct rw_tnode *node);

/* What the branches made of a name; one that not every branch sets comes from outside. */
static void join_branches(const struct resolver *v, struct frame *f, struct table *const branch[3])
{
    for (uint32_t name = 0; name < v->t->n_names; name++) {
        unsigned char *at = &f->names->of[name];
        bool stored_before = (*at & STORED) != 0;
        int stores = 0;
        for (int i = 0; i < 3; i++) {
            unsigned char now = branch[i]->of[name];
            stores += (now & STORED) != 0;
            if ((now & KIND) != ABSENT) {
                *at = (unsigned char)((*at & STORED) | now);
            }
        }
        if (!stored_before && stores > 0 && stores < 3) {
            *at = STORED | OUTSIDE;
        }
    }
}

/* Jinja's If: a body, all elifs together as a second branch, an else; what is missing is empty. */
static void visit_if(struct resolver *v, struct frame *f, const struct rw_tnode *node, bool alone)
{
    struct table *before = f->names;
    struct table *branch[3] = {take(v, before), take(v, before), take(v, before)};
    visit_expression(f, node->a);
    for (int i = 0; i < 3 && !v->failed; i++) {
        memcpy(branch[i]->of, before->of, v->t->n_names);
        f->names = branch[i];
        const struct rw_tnode *other = i == 0 || alone ? NULL : node->other;
        for (; other != NULL; other = other->other) {
            if (i == 1 && other->a != NULL) {
                visit_if(v, f, other, true);
            } else if (i == 2 && other->a == NULL) {
                visit_body(v, f, other->body);
            }
        }
        if (i == 0) {
            visit_body(v, f, node->body);
        }
    }
    f->names = before;
    if (!v->failed) {
        join_branches(v, f, branch);
    }
    for (int i = 0; i < 3; i++) {
        if (branch[i] != NULL) {
            give(v, branch[i]);
        }
    }
}

static void visit_body(struct resolver *v, struct frame *f, const struct rw_tnode *node)
{
    for (; node != NULL && !v->failed; node = node->next) {
        switch (node->type) {
        case RW_TNODE_PRINT:
            visit_expression(f, node->a);
            break;
        case RW_TNODE_IF:
            visit_if(v, f, node, false);
            break;
        case RW_TNODE_FOR:
        case RW_TNODE_FILTERED:
            visit_expression(f, node->b);
            break;
        case RW_TNODE_SET:
            visit_expression(f, node->b);
            visit_target(f, node->a, false);
            break;
        case RW_TNODE_CAPTURE:
            visit_target(f, node->a, false);
            break;
        case RW_TNODE_MACRO:
            store(f, node->name);
            break;
        case RW_TNODE_SCOPE:
            for (const struct rw_tnode *set = node->args; set != NULL; set = set->next) {
                visit_expression(f, set->b);
            }
            break;
        default:
            break;
        }
    }
}

/* ---- blocks inside blocks -------------------------------------------------------------------- */

static void descend(struct resolver *v, const struct frame *f, struct rw_tnode *node);

static const struct rw_tunset *collect(struct resolver *v, const struct frame *f)
{
    const struct rw_tunset *list = NULL;
    for (uint32_t name = 0; name < v->t->n_names && !v->failed; name++) {
        if ((f->names->of[name] & KIND) != UNSET) {
            continue;
        }
        struct rw_tunset *unset = rw_arena_alloc(v->arena, sizeof *unset);
        if (unset == NULL) {
            v->failed = true;
        } else {
            *unset = (struct rw_tunset){name, list};
            list = unset;
        }
    }
    return list;
}

/* The block of a node: its parameters, its body. */
static void resolve_block(struct resolver *v, const struct frame *outer, struct rw_tnode *node)
{
    struct frame f = {outer, take(v, NULL)};
    if (f.names == NULL) {
        return;
    }
    if (node->type == RW_TNODE_FOR) {
        visit_target(&f, node->a, true);
    }
    for (const struct rw_tnode *a = node->args; a != NULL; a = a->next) {
        if (node->type == RW_TNODE_MACRO) {
            f.names->of[a->name] = PARAMETER;
        } else {
            visit_target(&f, a->a, true);
        }
    }
    for (const struct rw_tnode *a = node->args; a != NULL; a = a->next) {
        if (node->type == RW_TNODE_MACRO) {
            visit_expression(&f, a->a);
        }
    }
    visit_body(v, &f, node->body);
    node->unset = collect(v, &f);
    descend(v, &f, node->body);
    give(v, f.names);
}

static void descend(struct resolver *v, const struct frame *f, struct rw_tnode *node)
{
    for (; node != NULL && !v->failed; node = node->next) {
        switch (node->type) {
        case RW_TNODE_IF:
            for (const struct rw_tnode *branch = node; branch != NULL; branch = branch->other) {
                descend(v, f, branch->body);
            }
            break;
        case RW_TNODE_FOR:
            resolve_block(v, f, node);
            if (node->other != NULL) {
                resolve_block(v, f, node->other);
            }
            break;
        case RW_TNODE_MACRO:
        case RW_TNODE_SCOPE:
        case RW_TNODE_CAPTURE:
        case RW_TNODE_FILTERED:
            resolve_block(v, f, node);
            break;
        default:
            break;
        }
    }
}

bool rw_template_resolve_names(struct rw_template *t, struct rw_arena *arena,
                               struct rw_arena *scratch)
{
    struct resolver v = {.t = t, .arena = arena, .scratch = scratch};
    struct frame f = {NULL, take(&v, NULL)};
    if (f.names != NULL) {
        visit_body(&v, &f, t->body);
        t->unset = collect(&v, &f);
        descend(&v, &f, t->body);
    }
    return !v.failed;
}
