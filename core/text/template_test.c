/* Tests of a template: `x is defined`. */
#include <math.h>

#include "core/base/util.h"
#include "core/text/template_parts.h"

enum test {
    DEFINED,
    UNDEFINED,
    NONE,
    STRING,
    MAPPING,
    ITERABLE,
    SEQUENCE,
    NUMBER,
    INTEGER,
    FLOAT,
    BOOLEAN,
    IS_TRUE,
    IS_FALSE,
    CALLABLE,
    EVEN,
    ODD,
    DIVISIBLE,
    EQ,
    NE,
    LT,
    LE,
    GT,
    GE,
    IN,
    SAME,
    UPPER,
    LOWER,
    FILTER,
    TEST,
};

static const struct {
    const char *name;
    enum test test;
} NAMES[] = {
    {"defined", DEFINED},
    {"undefined", UNDEFINED},
    {"none", NONE},
    {"string", STRING},
    {"mapping", MAPPING},
    {"iterable", ITERABLE},
    {"sequence", SEQUENCE},
    {"number", NUMBER},
    {"integer", INTEGER},
    {"float", FLOAT},
    {"boolean", BOOLEAN},
    {"true", IS_TRUE},
    {"false", IS_FALSE},
    {"callable", CALLABLE},
    {"even", EVEN},
    {"odd", ODD},
    {"divisibleby", DIVISIBLE},
    {"eq", EQ},
    {"equalto", EQ},
    {"==", EQ},
    {"ne", NE},
    {"!=", NE},
    {"lt", LT},
    {"lessthan", LT},
    {"<", LT},
    {"le", LE},
    {"<=", LE},
    {"gt", GT},
    {"greaterthan", GT},
    {">", GT},
    {"ge", GE},
    {">=", GE},
    {"in", IN},
    {"sameas", SAME},
    {"upper", UPPER},
    {"lower", LOWER},
    {"filter", FILTER},
    {"test", TEST},
};

int rw_ttest_find(struct rw_str name)
{
    for (size_t i = 0; i < RW_COUNT(NAMES); i++) {
        if (rw_str_is(name, NAMES[i].name)) {
            return (int)i;
        }
    }
    return -1;
}

static bool is_list(struct rw_tval v)
{
    return v.type == RW_TVAL_LIST || v.type == RW_TVAL_TUPLE;
}

static bool is_sequence(struct rw_tval v)
{
    if (is_list(v)) {
        return v.list->kind == RW_TLIST_PLAIN || v.list->kind == RW_TLIST_RANGE;
    }
    return v.type == RW_TVAL_UNDEFINED || v.type == RW_TVAL_STRING || v.type == RW_TVAL_DICT;
}

static bool of_type(enum test test, struct rw_tval v)
{
    switch (test) {
    case DEFINED:
        return v.type != RW_TVAL_UNDEFINED;
    case UNDEFINED:
        return v.type == RW_TVAL_UNDEFINED;
    case NONE:
        return v.type == RW_TVAL_NONE;
    case STRING:
        return v.type == RW_TVAL_STRING;
    case MAPPING:
        return v.type == RW_TVAL_DICT;
    case ITERABLE:
        return is_list(v) || v.type == RW_TVAL_UNDEFINED || v.type == RW_TVAL_STRING ||
               v.type == RW_TVAL_DICT || v.type == RW_TVAL_LOOP;
    case SEQUENCE:
        return is_sequence(v);
    case NUMBER:
        return rw_tval_is_number(v);
    case INTEGER:
        return v.type == RW_TVAL_INT;
    case FLOAT:
        return v.type == RW_TVAL_FLOAT;
    case BOOLEAN:
        return v.type == RW_TVAL_BOOL;
    case IS_TRUE:
        return v.type == RW_TVAL_BOOL && v.truth;
    case IS_FALSE:
        return v.type == RW_TVAL_BOOL && !v.truth;
    default: /* CALLABLE; Undefined has __call__ too */
        return v.type == RW_TVAL_MACRO || v.type == RW_TVAL_FUNCTION || v.type == RW_TVAL_METHOD ||
               v.type == RW_TVAL_UNDEFINED || v.type == RW_TVAL_LOOP;
    }
}

static bool divides(struct rw_trender *r, struct rw_tval v, struct rw_tval by, int64_t rest)
{
    struct rw_tval left = rw_toperator(r, '%', v, by);
    return r->status == RW_OK && rw_tval_equal(left, RW_TVAL_OF_INT(rest));
}

static bool same(struct rw_trender *r, struct rw_tval a, struct rw_tval b)
{
    bool known = a.type <= RW_TVAL_BOOL || b.type <= RW_TVAL_BOOL;
    if (!known) {
        rw_trender_fail(r, "sameas of anything but true, false and none");
    }
    return known && a.type == b.type && rw_tval_equal(a, b);
}

static bool has_case(struct rw_trender *r, struct rw_tval v, enum test test)
{
    struct rw_targs none = {.count = 0};
    struct rw_tval text = rw_trender_string(r, v);
    if (r->status != RW_OK) {
        return false;
    }
    text.safe = false;
    int method = rw_tmethod_find(text, test == UPPER ? RW_STR("isupper") : RW_STR("islower"));
    return rw_tval_truth(rw_tmethod_call(r, method, text, &none));
}

static bool exists(struct rw_trender *r, struct rw_tval v, enum test test)
{
    if (v.type != RW_TVAL_STRING) {
        return false;
    }
    /* One that Jinja has and we do not would be answered wrongly: asked for so, it is refused. */
    bool known = test == FILTER ? rw_tfilter_find(rw_tstr_text(v.string)) >= 0
                                : rw_ttest_find(rw_tstr_text(v.string)) >= 0;
    if (!known) {
        rw_trender_fail(r, "whether a filter or test exists");
    }
    return known;
}

static bool compare(struct rw_trender *r, enum test test, struct rw_tval v, struct rw_tval to)
{
    switch (test) {
    case EQ:
    case NE:
        return rw_tval_equal(v, to) == (test == EQ);
    case DIVISIBLE:
        return divides(r, v, to, 0);
    case IN:
        return rw_trender_contains(r, v, to);
    case SAME:
        return same(r, v, to);
    default:
        break;
    }
    int order = rw_trender_order(r, v, to);
    return test == LT ? order < 0 : test == LE ? order <= 0 : test == GT ? order > 0 : order >= 0;
}

bool rw_ttest_call(struct rw_trender *r, int test, struct rw_tval v, const struct rw_targs *args)
{
    enum test which = NAMES[test].test;
    bool wants_one = which >= DIVISIBLE && which <= SAME;
    if (args->count != (wants_one ? 1u : 0u)) {
        rw_trender_fail(r, "the test %s with %zu arguments", NAMES[test].name, args->count);
        return false;
    }
    if (which == EVEN || which == ODD) {
        return divides(r, v, RW_TVAL_OF_INT(2), which == ODD);
    }
    if (which == UPPER || which == LOWER) {
        return has_case(r, v, which);
    }
    if (which == FILTER || which == TEST) {
        return exists(r, v, which);
    }
    return wants_one ? compare(r, which, v, args->value[0]) : of_type(which, v);
}
