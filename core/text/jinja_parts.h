/* Inside the interpreter of chat templates: its tree, its values, and who does what.
 *
 *   jinja_lex.c     text to tokens, white space control
 *   jinja_parse.c   tokens to a tree
 *   jinja_value.c   values: making, comparing, printing
 *   jinja_text.c    texts with origins: slices, joins, strip, split, replace
 *   jinja_eval.c    expressions;  jinja_run.c  statements
 *   jinja_filter.c  filters;  jinja_test.c  tests;  jinja_method.c  methods and functions */
#ifndef RW_TEXT_JINJA_PARTS_H
#define RW_TEXT_JINJA_PARTS_H

#include "core/text/jinja.h"

/* ---- tokens ---------------------------------------------------------------------------------- */

enum rw_jinja_token_type {
    RW_JINJA_END,
    RW_JINJA_DATA,   /* text of the template */
    RW_JINJA_OPEN,   /* {{ */
    RW_JINJA_CLOSE,  /* }} */
    RW_JINJA_BEGIN,  /* {% */
    RW_JINJA_FINISH, /* %} */
    RW_JINJA_WORD,
    RW_JINJA_STRING, /* decoded */
    RW_JINJA_INTEGER,
    RW_JINJA_REAL,
    RW_JINJA_OPERATOR,
};

struct rw_jinja_token {
    enum rw_jinja_token_type type;
    uint32_t line;
    struct rw_str text;
};

struct rw_jinja_tokens {
    struct rw_jinja_token *items;
    size_t n;
    size_t size;
};

rw_status rw_jinja_lex(struct rw_str source, struct rw_arena *arena, struct rw_jinja_tokens *out,
                       struct rw_error *err);
/* MODEL_UNSUPPORTED "chat template, line N: ...". */
rw_status rw_jinja_refuse(struct rw_error *err, uint32_t line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- values ---------------------------------------------------------------------------------- */

enum rw_jinja_type {
    RW_JINJA_UNDEFINED, /* `text` is its name */
    RW_JINJA_NONE,
    RW_JINJA_BOOL,
    RW_JINJA_INT,
    RW_JINJA_FLOAT,
    RW_JINJA_STR,
    RW_JINJA_LIST,
    RW_JINJA_TUPLE,
    RW_JINJA_DICT,
    RW_JINJA_NAMESPACE,
    RW_JINJA_MACRO,
    RW_JINJA_FUNCTION, /* `text` is its name */
    RW_JINJA_METHOD,   /* `text` is its name, `self` whose */
};

struct rw_jinja_items {
    struct rw_jinja_value *at;
    size_t n;
    size_t size;
};

struct rw_jinja_pair;
struct rw_jinja_node;
struct rw_jinja_scope;

struct rw_jinja_pairs {
    struct rw_jinja_pair *at;
    size_t n;
    size_t size;
};

struct rw_jinja_value {
    enum rw_jinja_type type;
    union {
        bool truth;
        int64_t integer;
        double real;
        struct rw_jinja_text text;
        struct rw_jinja_items *items; /* LIST, TUPLE */
        struct rw_jinja_pairs *pairs; /* DICT, NAMESPACE; in order of insertion */
        struct {
            const struct rw_jinja_node *node;
            struct rw_jinja_scope *scope;
        } macro;
    };
    const struct rw_jinja_value *self; /* METHOD */
};

struct rw_jinja_pair {
    struct rw_jinja_value key;
    struct rw_jinja_value value;
};

/* ---- the tree -------------------------------------------------------------------------------- */

enum rw_jinja_node_type {
    /* expressions */
    RW_TREE_CONST,     /* value */
    RW_TREE_NAME,      /* text */
    RW_TREE_ATTRIBUTE, /* a.text */
    RW_TREE_ITEM,      /* a[b] */
    RW_TREE_SLICE,     /* a[b:c:d]; each may be NULL */
    RW_TREE_CALL,      /* a(b...) */
    RW_TREE_FILTER,    /* a|text(b...) */
    RW_TREE_TEST,      /* a is text(b...), negated by `flag` */
    RW_TREE_UNARY,     /* op a: '-' '+' '!' */
    RW_TREE_BINARY,    /* a op b: + - * / d(ouble slash) % p(ower) ~ & | */
    RW_TREE_COMPARE,   /* a, then b...: each with op and a */
    RW_TREE_IF_ELSE,   /* b if a else c (may be NULL) */
    RW_TREE_LIST,      /* b... */
    RW_TREE_TUPLE,
    RW_TREE_DICT, /* b...: each PAIR has key a and value b */
    RW_TREE_PAIR,
    RW_TREE_ARGUMENT, /* text = a, or a */
    /* statements */
    RW_TREE_TEXT,   /* text */
    RW_TREE_OUTPUT, /* a */
    RW_TREE_IF,     /* a, then b..., else c... */
    RW_TREE_FOR,    /* target d, in a, if e; b..., else c... */
    RW_TREE_SET,    /* d = a, or d = the text of b..., through the filters of a */
    RW_TREE_SET_BLOCK,
    RW_TREE_MACRO,      /* text(c...): ARGUMENTs with defaults; b... */
    RW_TREE_WITH,       /* c...: SETs; b... */
    RW_TREE_FILTERED,   /* a: filters over BODY; b... */
    RW_TREE_BODY,       /* the text of the block, inside the filters of FILTERED and SET_BLOCK */
    RW_TREE_GENERATION, /* b... */
    RW_TREE_BREAK,
    RW_TREE_CONTINUE,
};

struct rw_jinja_node {
    enum rw_jinja_node_type type;
    char op;
    bool flag;
    uint32_t line;
    struct rw_str text;
    struct rw_jinja_value value;
    const struct rw_jinja_node *a;
    const struct rw_jinja_node *b;
    const struct rw_jinja_node *c;
    const struct rw_jinja_node *d;
    const struct rw_jinja_node *e;
    const struct rw_jinja_node *next; /* of a list */
};

struct rw_jinja {
    const struct rw_jinja_node *body;
};

bool rw_jinja_has_filter(struct rw_str name);
bool rw_jinja_has_test(struct rw_str name);

/* ---- a rendering ----------------------------------------------------------------------------- */

struct rw_jinja_binding {
    struct rw_str name;
    struct rw_jinja_value value;
    struct rw_jinja_binding *next;
};

struct rw_jinja_scope {
    struct rw_jinja_scope *up;
    struct rw_jinja_binding *names;
};

/* Text that is being written. */
struct rw_jinja_writer {
    char *ptr;
    uint32_t *origin;
    size_t len;
    size_t size;
};

struct rw_jinja_run {
    struct rw_arena *arena;
    struct rw_error *err;
    const struct tm *now;
    struct rw_jinja_scope *scope;
    struct rw_jinja_writer *out;
    const struct rw_jinja_value *body; /* what BODY means now */
    uint32_t steps;
    uint32_t depth;
    uint32_t line; /* of the node under way, for errors */
    bool broke;    /* a break or continue is under way */
    bool continued;
};

/* INVALID_REQUEST, with the line. */
rw_status rw_jinja_fail(struct rw_jinja_run *r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
rw_status rw_jinja_no_memory(struct rw_jinja_run *r);
/* `n` more elements are looked at; LIMIT_EXCEEDED when it is too much. */
rw_status rw_jinja_step(struct rw_jinja_run *r, size_t n);

rw_status rw_jinja_eval(struct rw_jinja_run *r, const struct rw_jinja_node *node,
                        struct rw_jinja_value *out);
/* Statements in a row. */
rw_status rw_jinja_statements(struct rw_jinja_run *r, const struct rw_jinja_node *node);
/* The text that the statements write. */
rw_status rw_jinja_capture(struct rw_jinja_run *r, const struct rw_jinja_node *node,
                           struct rw_jinja_value *out);
rw_status rw_jinja_push(struct rw_jinja_run *r, struct rw_jinja_scope *up,
                        struct rw_jinja_scope **kept);
rw_status rw_jinja_bind(struct rw_jinja_run *r, struct rw_str name,
                        const struct rw_jinja_value *value);

/* Arguments of a call, evaluated. */
enum {
    RW_JINJA_ARGS_MAX = 32,
};

struct rw_jinja_args {
    struct rw_jinja_value at[RW_JINJA_ARGS_MAX];
    struct rw_str name[RW_JINJA_ARGS_MAX]; /* ptr NULL = by position */
    size_t n;
};

/* The i-th by position, or the one of that name; NULL when it is not given. */
const struct rw_jinja_value *rw_jinja_arg(const struct rw_jinja_args *args, size_t i,
                                          const char *name);
rw_status rw_jinja_call(struct rw_jinja_run *r, const struct rw_jinja_value *callee,
                        const struct rw_jinja_args *args, struct rw_jinja_value *out);
rw_status rw_jinja_filter(struct rw_jinja_run *r, struct rw_str name,
                          const struct rw_jinja_value *self, const struct rw_jinja_args *args,
                          struct rw_jinja_value *out);
rw_status rw_jinja_test(struct rw_jinja_run *r, struct rw_str name,
                        const struct rw_jinja_value *self, const struct rw_jinja_args *args,
                        bool *out);
/* False when values of that type have no method of that name. */
bool rw_jinja_has_method(enum rw_jinja_type type, struct rw_str name);
rw_status rw_jinja_method(struct rw_jinja_run *r, struct rw_str name,
                          const struct rw_jinja_value *self, const struct rw_jinja_args *args,
                          struct rw_jinja_value *out);
rw_status rw_jinja_function(struct rw_jinja_run *r, struct rw_str name,
                            const struct rw_jinja_args *args, struct rw_jinja_value *out);
bool rw_jinja_is_function(struct rw_str name);
/* Attribute of a value, as Jinja finds it: method, else item. UNDEFINED when there is none. */
rw_status rw_jinja_attribute(struct rw_jinja_run *r, const struct rw_jinja_value *self,
                             struct rw_str name, struct rw_jinja_value *out);
rw_status rw_jinja_item(struct rw_jinja_run *r, const struct rw_jinja_value *self,
                        const struct rw_jinja_value *key, struct rw_jinja_value *out);

/* ---- values, again --------------------------------------------------------------------------- */

struct rw_jinja_value rw_jinja_make_str(struct rw_jinja_text text);
struct rw_jinja_value rw_jinja_make_literal(const char *text);
struct rw_jinja_value rw_jinja_make_int(int64_t value);
struct rw_jinja_value rw_jinja_make_bool(bool value);
struct rw_jinja_value rw_jinja_make_undefined(struct rw_str name);
rw_status rw_jinja_make_items(struct rw_jinja_run *r, enum rw_jinja_type type, size_t room,
                              struct rw_jinja_value *out);
rw_status rw_jinja_make_pairs(struct rw_jinja_run *r, enum rw_jinja_type type,
                              struct rw_jinja_value *out);
rw_status rw_jinja_add(struct rw_jinja_run *r, struct rw_jinja_value *list,
                       const struct rw_jinja_value *item);
rw_status rw_jinja_store(struct rw_jinja_run *r, struct rw_jinja_value *dict,
                         const struct rw_jinja_value *key, const struct rw_jinja_value *value);
/* NULL when it is not there. */
const struct rw_jinja_value *rw_jinja_find(const struct rw_jinja_value *dict,
                                           const struct rw_jinja_value *key);
const struct rw_jinja_value *rw_jinja_find_text(const struct rw_jinja_value *dict,
                                                struct rw_str key);

struct rw_str rw_jinja_bytes(const struct rw_jinja_value *text); /* of a STR */
bool rw_jinja_is_text(const struct rw_jinja_value *value, const char *text);
bool rw_jinja_truth(const struct rw_jinja_value *value);
bool rw_jinja_equal(const struct rw_jinja_value *a, const struct rw_jinja_value *b);
/* -1, 0, 1 of two values that have an order. */
rw_status rw_jinja_order(struct rw_jinja_run *r, const struct rw_jinja_value *a,
                         const struct rw_jinja_value *b, int *out);
bool rw_jinja_number(const struct rw_jinja_value *value, double *out); /* BOOL too */
const char *rw_jinja_type_name(enum rw_jinja_type type);
/* Elements of a list, keys of a dict, characters of a text; an error for what cannot be iterated.
 */
rw_status rw_jinja_iterate(struct rw_jinja_run *r, const struct rw_jinja_value *value,
                           struct rw_jinja_value *out);
rw_status rw_jinja_length(struct rw_jinja_run *r, const struct rw_jinja_value *value, size_t *out);

/* ---- texts ----------------------------------------------------------------------------------- */

rw_status rw_jinja_write(struct rw_jinja_run *r, struct rw_jinja_writer *w,
                         struct rw_jinja_text text);
rw_status rw_jinja_write_literal(struct rw_jinja_run *r, struct rw_jinja_writer *w,
                                 const char *text);
struct rw_jinja_text rw_jinja_written(const struct rw_jinja_writer *w);
/* str() of a value, or repr() where `quoted`. */
rw_status rw_jinja_print(struct rw_jinja_run *r, struct rw_jinja_writer *w,
                         const struct rw_jinja_value *value, bool quoted);
/* json.dumps(ensure_ascii=False) as transformers' tojson; indent < 0: none. */
struct rw_jinja_json {
    int indent;
    bool sort_keys;
    bool ascii;
    struct rw_str item;  /* between two elements */
    struct rw_str colon; /* between key and value */
};

rw_status rw_jinja_print_json(struct rw_jinja_run *r, struct rw_jinja_writer *w,
                              const struct rw_jinja_value *value, const struct rw_jinja_json *form,
                              int level);
rw_status rw_jinja_to_text(struct rw_jinja_run *r, const struct rw_jinja_value *value,
                           struct rw_jinja_text *out);

struct rw_jinja_text rw_jinja_literal(const char *text);
struct rw_jinja_text rw_jinja_cut(struct rw_jinja_text text, size_t begin, size_t end);
struct rw_str rw_jinja_plain(struct rw_jinja_text text);
/* Without the characters of `set` (ptr NULL: white space as Python's str.strip sees it). */
struct rw_jinja_text rw_jinja_strip(struct rw_jinja_text text, struct rw_str set, bool left,
                                    bool right);
size_t rw_jinja_characters(struct rw_str text);
/* Byte offset of the i-th character; the text's length beyond the last. */
size_t rw_jinja_offset(struct rw_str text, size_t i);

#endif
