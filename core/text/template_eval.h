/* Between the files that render: scopes, loops and macros, and who calls whom. */
#ifndef RW_TEXT_TEMPLATE_EVAL_H
#define RW_TEXT_TEMPLATE_EVAL_H

#include "core/text/template_parts.h"

struct rw_tvariable {
    uint32_t name;
    struct rw_tval value;
    struct rw_tvariable *next;
};

/* A block that `set` does not leave: a loop's body, a macro, with, generation. The outermost one is
 * the array of globals. */
struct rw_tscope {
    struct rw_tscope *parent;
    struct rw_tvariable *variables;
};

struct rw_tmacro {
    const struct rw_tnode *node;
    struct rw_tscope *scope; /* where it was defined; read when it is called */
};

struct rw_tloop {
    const struct rw_tval *items;
    size_t count;
    size_t index;
};

enum rw_tflow {
    RW_TFLOW_ON,
    RW_TFLOW_BREAK,
    RW_TFLOW_CONTINUE,
};

struct rw_tval rw_teval(struct rw_trender *r, struct rw_tscope *scope, const struct rw_tnode *node);
enum rw_tflow rw_trun(struct rw_trender *r, struct rw_tscope *scope, const struct rw_tnode *node);

void rw_tscope_set(struct rw_trender *r, struct rw_tscope *scope, uint32_t name,
                   struct rw_tval value);
/* To a name, several names, or the attribute of a namespace. */
void rw_tscope_assign(struct rw_trender *r, struct rw_tscope *scope, const struct rw_tnode *target,
                      struct rw_tval value);
/* NULL after a failure. */
struct rw_tscope *rw_tscope_open(struct rw_trender *r, struct rw_tscope *parent,
                                 const struct rw_tunset *unset);
struct rw_tval rw_tloop_attribute(struct rw_trender *r, const struct rw_tloop *loop,
                                  struct rw_str name);
struct rw_tval rw_trender_fail_as(struct rw_trender *r, rw_status status, const char *text);

#endif
