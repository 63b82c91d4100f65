/* Inside the template interpreter: tokens (template_lex.c), syntax tree (template_parse.c,
 * template_expr.c) and the state of one render (template_eval.c and the files of functions). */
#ifndef RW_TEXT_TEMPLATE_PARTS_H
#define RW_TEXT_TEMPLATE_PARTS_H

#include "core/base/status.h"
#include "core/text/template.h"

/* ---- tokens ---------------------------------------------------------------------------------- */

enum rw_ttoken_type {
    RW_TTOKEN_DATA, /* text between tags */
    RW_TTOKEN_PRINT_BEGIN,
    RW_TTOKEN_PRINT_END,
    RW_TTOKEN_TAG_BEGIN,
    RW_TTOKEN_TAG_END,
    RW_TTOKEN_NAME,
    RW_TTOKEN_STRING, /* with its escapes resolved */
    RW_TTOKEN_INT,
    RW_TTOKEN_FLOAT,
    RW_TTOKEN_OPERATOR,
    RW_TTOKEN_END,
};

struct rw_ttoken {
    enum rw_ttoken_type type;
    unsigned line;
    struct rw_str text;
    int64_t number;
    double real;
};

/* The text with \n for every line break; tokens end with END. Texts live in `arena`. */
rw_status rw_template_lex(struct rw_str text, struct rw_arena *arena, struct rw_ttoken **tokens,
                          struct rw_error *err);
/* "chat template line N: ..." with status MODEL_UNSUPPORTED. */
rw_status rw_template_refuse(struct rw_error *err, unsigned line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- tree ------------------------------------------------------------------------------------ */

enum rw_tnode_type {
    /* statements */
    RW_TNODE_DATA,     /* value */
    RW_TNODE_PRINT,    /* a */
    RW_TNODE_IF,       /* a, body; other = elif (an IF) or else (a SCOPE without one) */
    RW_TNODE_FOR,      /* a = target, b = iterable, c = filter; body; other = else */
    RW_TNODE_SET,      /* a = target, b = value */
    RW_TNODE_CAPTURE,  /* a = target, b = filters over CAPTURED; body */
    RW_TNODE_MACRO,    /* name, args (PARAM), body */
    RW_TNODE_SCOPE,    /* body; args (SET): with, generation */
    RW_TNODE_FILTERED, /* b = filters over CAPTURED, body */
    RW_TNODE_BREAK,
    RW_TNODE_CONTINUE,
    /* targets */
    RW_TNODE_PARAM, /* name, a = default */
    RW_TNODE_NSREF, /* name . text */
    /* expressions */
    RW_TNODE_CONST,    /* value */
    RW_TNODE_CAPTURED, /* what the body of CAPTURE or FILTERED wrote */
    RW_TNODE_NAME,
    RW_TNODE_LIST, /* args */
    RW_TNODE_TUPLE,
    RW_TNODE_DICT,   /* args: key, value, key, value */
    RW_TNODE_ATTR,   /* a . text */
    RW_TNODE_ITEM,   /* a [ b ] */
    RW_TNODE_SLICE,  /* a [ args: begin, end, step ], each may be missing (CONST none) */
    RW_TNODE_CALL,   /* a ( args ) */
    RW_TNODE_ARG,    /* a; text = keyword or empty */
    RW_TNODE_FILTER, /* a | text ( args ); op = index of the filter */
    RW_TNODE_TEST,   /* a is text ( args ); op = index of the test */
    RW_TNODE_NOT,
    RW_TNODE_NEG,
    RW_TNODE_POS,
    RW_TNODE_AND,
    RW_TNODE_OR,
    RW_TNODE_COND,    /* a if b else c */
    RW_TNODE_CONCAT,  /* args joined by ~ */
    RW_TNODE_BINARY,  /* a op b */
    RW_TNODE_COMPARE, /* a, then args: each with op and a */
};

/* A name that a block sets and that is undefined where the block begins (template_names.c). */
struct rw_tunset {
    uint32_t name;
    const struct rw_tunset *next;
};

struct rw_tnode {
    enum rw_tnode_type type;
    unsigned line;
    int op;        /* BINARY: '+', '-', '*', '/', '%', RW_TOP_...; COMPARE: enum rw_tcompare */
    uint32_t name; /* number of a name */
    struct rw_str text;
    struct rw_tval value;
    struct rw_tnode *a;
    struct rw_tnode *b;
    struct rw_tnode *c;
    struct rw_tnode *args;
    struct rw_tnode *body;
    struct rw_tnode *other;
    struct rw_tnode *next;         /* in a list */
    const struct rw_tunset *unset; /* of the scope that the body is */
};

enum {
    RW_TOP_FLOORDIV = 256,
    RW_TOP_POW,
};

enum rw_tcompare {
    RW_TCOMPARE_EQ,
    RW_TCOMPARE_NE,
    RW_TCOMPARE_LT,
    RW_TCOMPARE_LE,
    RW_TCOMPARE_GT,
    RW_TCOMPARE_GE,
    RW_TCOMPARE_IN,
    RW_TCOMPARE_NOT_IN,
};

struct rw_template {
    struct rw_tnode *body;
    struct rw_str *names; /* by number */
    uint32_t n_names;
    bool uses_date;
    const struct rw_tunset *unset;
};

struct rw_tparser {
    struct rw_arena *arena;
    struct rw_error *err;
    const struct rw_ttoken *at;
    unsigned depth;
    unsigned loops; /* for bodies around this place, within one macro */
    bool failed;
    rw_status status;
    struct rw_template *out;
    uint32_t *slots; /* hash of names: number + 1 */
};

/* NULL after a failure, which is kept in the parser. */
struct rw_tnode *rw_tparse_expression(struct rw_tparser *p, bool with_condition);
struct rw_tnode *rw_tparse_tuple(struct rw_tparser *p, bool with_condition);
struct rw_tnode *rw_tparse_filters(struct rw_tparser *p, struct rw_tnode *node, bool leading);
struct rw_tnode *rw_tparse_node(struct rw_tparser *p, enum rw_tnode_type type);
void *rw_tparse_fail(struct rw_tparser *p, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* A copy in the arena of the tree. */
struct rw_str rw_tparse_keep(struct rw_tparser *p, struct rw_str text);
uint32_t rw_tparse_name(struct rw_tparser *p, struct rw_str name);
bool rw_tparse_is(const struct rw_tparser *p, enum rw_ttoken_type type, const char *text);
bool rw_tparse_skip(struct rw_tparser *p, enum rw_ttoken_type type, const char *text);
bool rw_tparse_expect(struct rw_tparser *p, enum rw_ttoken_type type, const char *text);

/* Fills every `unset` of the tree; false when the arena refuses. */
bool rw_template_resolve_names(struct rw_template *t, struct rw_arena *arena,
                               struct rw_arena *scratch);

/* ---- one render ------------------------------------------------------------------------------ */

enum {
    RW_TARGS_MAX = 32, /* of one call, positional and by keyword together */
};

struct rw_targs {
    struct rw_tval value[RW_TARGS_MAX];
    struct rw_str keyword[RW_TARGS_MAX]; /* empty = positional */
    size_t count;
};

struct rw_trender {
    const struct rw_template *template_of;
    const struct rw_template_input *input;
    struct rw_arena *arena;
    struct rw_error *err;
    rw_status status;
    size_t steps;
    unsigned depth;
    unsigned line;
    struct rw_tval *globals; /* by number of the name */
    struct rw_tval captured;
    struct rw_tbuild *out; /* what statements write into */
    int64_t loop_name;     /* number of "loop", or -1 */
};

/* Sets the failure, the first one counts; the request is refused. Returns an undefined value. */
struct rw_tval rw_trender_fail(struct rw_trender *r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
struct rw_tval rw_trender_no_memory(struct rw_trender *r);
bool rw_trender_spend(struct rw_trender *r, size_t steps); /* false when failed */
struct rw_tval rw_trender_text(struct rw_trender *r, const struct rw_tbuild *b);
struct rw_tval rw_trender_string(struct rw_trender *r, struct rw_tval v); /* str(v) */
/* Anything but PLAIN is made of a list as it is. */
struct rw_tval rw_trender_list_of(struct rw_trender *r, const struct rw_tval *items, size_t count,
                                  enum rw_tlist_kind kind);
struct rw_tval rw_trender_list(struct rw_trender *r, const struct rw_tval *items, size_t count);
/* What iter() gives: items of a list, keys, characters; false after a failure. */
bool rw_trender_items(struct rw_trender *r, struct rw_tval v, const struct rw_tval **items,
                      size_t *count);
bool rw_trender_contains(struct rw_trender *r, struct rw_tval item, struct rw_tval in);
int rw_trender_order(struct rw_trender *r, struct rw_tval a, struct rw_tval b); /* < 0, 0, > 0 */
struct rw_tval rw_trender_item(struct rw_trender *r, struct rw_tval v, struct rw_tval key);
/* Binds arguments to names; out[i].type stays UNDEFINED and given[i] false where absent. */
bool rw_targs_bind(struct rw_trender *r, const struct rw_targs *args, const char *const *names,
                   size_t n, struct rw_tval *out, bool *given);
bool rw_tval_index(struct rw_tval v, int64_t *out); /* an int or bool */

/* op as in RW_TNODE_BINARY (template_operator.c). */
struct rw_tval rw_toperator(struct rw_trender *r, int op, struct rw_tval a, struct rw_tval b);
struct rw_tval rw_tslice(struct rw_trender *r, struct rw_tval v, const struct rw_tval part[3]);
struct rw_tval rw_tattribute(struct rw_trender *r, struct rw_tval v, struct rw_str name);

struct rw_tmethod { /* behind a METHOD value */
    struct rw_tval self;
    int method;
};

int rw_tfilter_find(struct rw_str name); /* -1 = unknown */
struct rw_tval rw_tfilter_call(struct rw_trender *r, int filter, struct rw_tval v,
                               const struct rw_targs *args);
int rw_ttest_find(struct rw_str name);
bool rw_ttest_call(struct rw_trender *r, int test, struct rw_tval v, const struct rw_targs *args);
/* The method of a value; -1 = no such method, -2 = one that Python has and we do not. */
int rw_tmethod_find(struct rw_tval v, struct rw_str name);
struct rw_tval rw_tmethod_call(struct rw_trender *r, int method, struct rw_tval self,
                               const struct rw_targs *args);
/* Case of ASCII; text beyond it fails. */
struct rw_tval rw_tmethod_case(struct rw_trender *r, struct rw_tval v, char how);
struct rw_tval rw_tmethod_format(struct rw_trender *r, const struct rw_tstr *s,
                                 const struct rw_targs *args);
struct rw_tval rw_tfunction_call(struct rw_trender *r, struct rw_tval f,
                                 const struct rw_targs *args);
int rw_tfunction_find(struct rw_str name);

#endif
