/* The tree of an answer. Nodes lie in an arena; children are a list.
 *
 * A scalar node (up to RW_NODE_OPAQUE) is an expression: it may be evaluated (evaluate.h). The
 * others are values: what kind of answer it is. `key` hashes the structure: equal keys are the same
 * expression, written the same way but for LaTeX's dress. */
#ifndef RW_ANSWER_NODE_H
#define RW_ANSWER_NODE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/rational.h"
#include "core/base/str.h"

enum rw_node_kind {
    RW_NODE_NUMBER,
    RW_NODE_SYMBOL, /* a variable, or e or i */
    RW_NODE_PI,
    RW_NODE_INFINITY,
    RW_NODE_SUM,
    RW_NODE_PRODUCT,
    RW_NODE_QUOTIENT,
    RW_NODE_POWER,
    RW_NODE_NEGATIVE,
    RW_NODE_ROOT,     /* radicand, index */
    RW_NODE_FUNCTION, /* name; argument; for a logarithm perhaps its base */
    RW_NODE_ABSOLUTE,
    RW_NODE_FACTORIAL,
    RW_NODE_BINOMIAL,
    RW_NODE_PLUS_MINUS, /* its child with either sign; `sign` -1: with the other one */
    RW_NODE_DEGREE,     /* of an angle */
    RW_NODE_PERCENT,
    RW_NODE_ELLIPSIS, /* "..." in a sum, a product or a list */
    RW_NODE_OPAQUE,   /* f(0), a big sum, a number in another base: known by its signs only */

    RW_NODE_QUANTITY, /* an expression with a unit, a percent sign, a precision of its own */
    RW_NODE_LIST,     /* elements without brackets */
    RW_NODE_BRACKETS, /* (a, b, ...) or [a, b, ...] or [a, b): tuple, vector or interval */
    RW_NODE_SET,
    RW_NODE_MATRIX,   /* rows, each a LIST */
    RW_NODE_UNION,    /* operands joined by `sign`: CUP, CAP or WITHOUT */
    RW_NODE_RELATION, /* sides; the sign before each is its `sign` */
    RW_NODE_ASSIGN,   /* label, value */
    RW_NODE_CHOICE,   /* `sign` is the letter; perhaps the text of the choice */
    RW_NODE_TRUTH,    /* `sign`: 1 yes, 0 no */
    RW_NODE_RATIO,    /* 3:4, 3:4:5, a time of day */
    RW_NODE_DATE,     /* year, month, day; 0: not said */
    RW_NODE_LITERAL,  /* digits that are no number: a telephone number */
    RW_NODE_TEXT,     /* words */
    RW_NODE_UNREAD,   /* what the grammar does not read whole */
};

enum {
    RW_NODE_LOOSE = 1 << 0,  /* may be read in another way: nothing that differs from it is wrong */
    RW_NODE_APPROX = 1 << 1, /* "about" */
    RW_NODE_OPEN = 1 << 2,   /* 0.333...: more digits follow */
    RW_NODE_GROUPED = 1 << 4, /* a number with commas, which may be a list */
    RW_NODE_EITHER = 1 << 5,  /* a list whose elements are joined by "or" */
    RW_NODE_CLOSED = 1 << 6,  /* scalar without symbols */
};

struct rw_node {
    uint8_t kind;
    uint8_t sign;  /* see the kinds */
    uint8_t open;  /* of BRACKETS: '(' or '[' */
    uint8_t close; /* ')' or ']' */
    uint16_t flags;
    uint16_t decimals; /* of a number written with a point */
    int16_t exponent;  /* and with a power of ten */
    bool powered;      /* "1e3" */
    bool percent;      /* of a QUANTITY */
    uint32_t n;        /* children */
    struct rw_node *first;
    struct rw_node *last;
    struct rw_node *next;
    struct rw_str name; /* of a symbol, function, unit, text */
    uint64_t key;
    struct rw_rational exact; /* of a NUMBER */
    uint64_t residue; /* of a NUMBER, modulo RW_RESIDUE_PRIME; of a call: key without arguments */
    double v;
};

static inline bool rw_node_scalar(const struct rw_node *node)
{
    return node->kind <= RW_NODE_OPAQUE;
}

#define RW_NODE_EACH(child, node) \
    for (const struct rw_node *child = (node)->first; child != NULL; child = child->next)

#endif
