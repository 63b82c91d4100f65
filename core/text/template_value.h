/* Values of a chat template: Python's, as far as templates meet them. They live in the arena of a
 * render (constants in that of the template) and share their parts freely: nothing but a namespace
 * can be changed after it was made, as in Jinja's immutable sandbox. */
#ifndef RW_TEXT_TEMPLATE_VALUE_H
#define RW_TEXT_TEMPLATE_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/text/template_string.h"

enum rw_tval_type {
    RW_TVAL_UNDEFINED, /* jinja2.Undefined: prints nothing, is empty and false */
    RW_TVAL_NONE,
    RW_TVAL_BOOL,
    RW_TVAL_INT,
    RW_TVAL_FLOAT,
    RW_TVAL_STRING,
    RW_TVAL_LIST,
    RW_TVAL_TUPLE,
    RW_TVAL_DICT,
    RW_TVAL_NAMESPACE, /* the only value that `set` changes; kept as a dict */
    RW_TVAL_MACRO,
    RW_TVAL_FUNCTION, /* range, namespace, ... */
    RW_TVAL_METHOD,   /* `content.strip` before it is called */
    RW_TVAL_LOOP,
};

struct rw_tlist;
struct rw_tdict;

struct rw_tval {
    enum rw_tval_type type;
    bool safe; /* STRING: markupsafe.Markup */
    union {
        bool truth;
        int64_t number;
        double real;
        const struct rw_tstr *string;
        const struct rw_tlist *list;
        struct rw_tdict *dict;
        const void *other;         /* MACRO, LOOP, METHOD, FUNCTION: of the evaluator */
        const struct rw_str *name; /* UNDEFINED: for the message; may be NULL */
    };
};

/* Python's kinds of what is a list here; they differ in what may be done with them. */
enum rw_tlist_kind {
    RW_TLIST_PLAIN,
    RW_TLIST_LAZY, /* a generator: true, without length, read once */
    RW_TLIST_VIEW, /* of a dict: not indexed */
    RW_TLIST_RANGE,
};

struct rw_tlist {
    struct rw_tval *items;
    size_t count;
    enum rw_tlist_kind kind;
    bool *used; /* LAZY: was read */
};

struct rw_tdict {
    struct rw_tval *keys;
    struct rw_tval *values;
    size_t count;
    size_t size;
};

#define RW_TVAL_OF_BOOL(b)   ((struct rw_tval){.type = RW_TVAL_BOOL, .truth = (b)})
#define RW_TVAL_OF_INT(n)    ((struct rw_tval){.type = RW_TVAL_INT, .number = (n)})
#define RW_TVAL_OF_FLOAT(x)  ((struct rw_tval){.type = RW_TVAL_FLOAT, .real = (x)})
#define RW_TVAL_OF_NONE      ((struct rw_tval){.type = RW_TVAL_NONE})
#define RW_TVAL_OF_UNDEFINED ((struct rw_tval){.type = RW_TVAL_UNDEFINED})

/* Makers; false, and the value untouched, when the arena refuses. The text is borrowed. */
bool rw_tval_string(struct rw_arena *arena, struct rw_str text, uint32_t origin,
                    struct rw_tval *out);
bool rw_tval_list(struct rw_arena *arena, const struct rw_tval *items, size_t count,
                  struct rw_tval *out); /* copies the items */
bool rw_tval_dict(struct rw_arena *arena, struct rw_tval *out);
/* Sets or replaces. `key` is compared as Python compares. */
bool rw_tval_set(struct rw_arena *arena, struct rw_tdict *dict, struct rw_tval key,
                 struct rw_tval value);
/* With a key of the template's own text, which must outlive the dict. */
bool rw_tval_put(struct rw_arena *arena, struct rw_tval dict, const char *key,
                 struct rw_tval value);
/* NULL when absent. */
const struct rw_tval *rw_tval_get(const struct rw_tdict *dict, struct rw_tval key);
const struct rw_tval *rw_tval_get_text(const struct rw_tdict *dict, struct rw_str key);

bool rw_tval_is_number(struct rw_tval v); /* bool, int or float */
double rw_tval_real(struct rw_tval v);    /* of a number */
/* Of a number, without rounding: 64 bits of an int fit the long double of every machine we run on,
 * and Python compares ints and floats by value. */
long double rw_tval_exact(struct rw_tval v);
/* Whether Python takes it as the key of a dict. Lists and dicts it does not; of tuples inside
 * tuples and of generators we say no too, which refuses what nobody writes. */
bool rw_tval_hashable(struct rw_tval v);
bool rw_tval_truth(struct rw_tval v);
/* Python's ==. Values nested deeper than RW_TVAL_DEPTH_MAX count as different. */
bool rw_tval_equal(struct rw_tval a, struct rw_tval b);
/* 'str', 'int', ... for messages. */
const char *rw_tval_type_name(struct rw_tval v);

enum {
    RW_TVAL_DEPTH_MAX = 64, /* lists and dicts inside each other */
};

/* str(v) and json.dumps(v): what could not be written exactly is a message, else NULL. */
const char *rw_tval_str(struct rw_tbuild *b, struct rw_tval v);

struct rw_tjson {
    int indent; /* spaces of a level; -1 = all on one line */
    bool ascii; /* \uXXXX for all but ASCII */
    bool sorted;
    struct rw_str item_separator;
    struct rw_str key_separator;
};

const char *rw_tval_json(struct rw_tbuild *b, struct rw_tval v, const struct rw_tjson *how,
                         unsigned depth);
/* repr of a float64, the shortest that reads back. */
void rw_tval_format_real(double value, char out[40]);

#endif
