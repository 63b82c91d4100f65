/* Tests: what may stand behind "is". */
#include "core/base/util.h"
#include "core/text/jinja_parts.h"

enum test {
    TEST_DEFINED,
    TEST_UNDEFINED,
    TEST_NONE,
    TEST_STRING,
    TEST_MAPPING,
    TEST_ITERABLE,
    TEST_SEQUENCE,
    TEST_NUMBER,
    TEST_INTEGER,
    TEST_FLOAT,
    TEST_BOOLEAN,
    TEST_TRUE,
    TEST_FALSE,
    TEST_ODD,
    TEST_EVEN,
    TEST_DIVISIBLE,
    TEST_CALLABLE,
    TEST_EQUAL,
    TEST_UNEQUAL,
    TEST_LESS,
    TEST_LESS_EQUAL,
    TEST_GREATER,
    TEST_GREATER_EQUAL,
    TEST_IN,
    TEST_SAME,
};

static const struct {
    const char *name;
    enum test test;
} TEST[] = {
    {"defined", TEST_DEFINED},
    {"undefined", TEST_UNDEFINED},
    {"none", TEST_NONE},
    {"string", TEST_STRING},
    {"mapping", TEST_MAPPING},
    {"iterable", TEST_ITERABLE},
    {"sequence", TEST_SEQUENCE},
    {"number", TEST_NUMBER},
    {"integer", TEST_INTEGER},
    {"float", TEST_FLOAT},
    {"boolean", TEST_BOOLEAN},
    {"true", TEST_TRUE},
    {"false", TEST_FALSE},
    {"odd", TEST_ODD},
    {"even", TEST_EVEN},
    {"divisibleby", TEST_DIVISIBLE},
    {"callable", TEST_CALLABLE},
    {"eq", TEST_EQUAL},
    {"equalto", TEST_EQUAL},
    {"==", TEST_EQUAL},
    {"ne", TEST_UNEQUAL},
    {"!=", TEST_UNEQUAL},
    {"lt", TEST_LESS},
    {"lessthan", TEST_LESS},
    {"le", TEST_LESS_EQUAL},
    {"gt", TEST_GREATER},
    {"greaterthan", TEST_GREATER},
    {"ge", TEST_GREATER_EQUAL},
    {"in", TEST_IN},
    {"sameas", TEST_SAME},
};

static bool find_test(struct rw_str name, enum test *out)
{
    for (size_t i = 0; i < RW_COUNT(TEST); i++) {
        if (rw_str_is(name, TEST[i].name)) {
            *out = TEST[i].test;
            return true;
        }
    }
    return false;
}

bool rw_jinja_has_test(struct rw_str name)
{
    enum test unused;
    return find_test(name, &unused);
}

static bool is_iterable(enum rw_jinja_type type)
{
    return type == RW_JINJA_STR || type == RW_JINJA_LIST || type == RW_JINJA_TUPLE ||
           type == RW_JINJA_DICT || type == RW_JINJA_UNDEFINED;
}

static bool of_type(enum test test, const struct rw_jinja_value *self)
{
    enum rw_jinja_type type = self->type;
    switch (test) {
    case TEST_DEFINED:
        return type != RW_JINJA_UNDEFINED;
    case TEST_UNDEFINED:
        return type == RW_JINJA_UNDEFINED;
    case TEST_NONE:
        return type == RW_JINJA_NONE;
    case TEST_STRING:
        return type == RW_JINJA_STR;
    case TEST_MAPPING:
        return type == RW_JINJA_DICT;
    case TEST_ITERABLE:
    case TEST_SEQUENCE: /* an Undefined has a length and items for Jinja, too */
        return is_iterable(type);
    case TEST_NUMBER:
        return type == RW_JINJA_INT || type == RW_JINJA_FLOAT || type == RW_JINJA_BOOL;
    case TEST_INTEGER:
        return type == RW_JINJA_INT;
    case TEST_FLOAT:
        return type == RW_JINJA_FLOAT;
    case TEST_BOOLEAN:
        return type == RW_JINJA_BOOL;
    case TEST_TRUE:
    case TEST_FALSE:
        return type == RW_JINJA_BOOL && self->truth == (test == TEST_TRUE);
    default:
        return type == RW_JINJA_MACRO || type == RW_JINJA_FUNCTION || type == RW_JINJA_METHOD;
    }
}

static rw_status divides(struct rw_jinja_run *r, enum test test, const struct rw_jinja_value *self,
                         const struct rw_jinja_value *by, bool *out)
{
    int64_t divisor = test == TEST_DIVISIBLE && by != NULL ? by->integer : 2;
    bool numbers = self->type == RW_JINJA_INT &&
                   (test != TEST_DIVISIBLE || (by != NULL && by->type == RW_JINJA_INT));
    if (!numbers || divisor == 0 || divisor == -1) {
        *out = numbers && divisor == -1;
        return *out ? RW_OK : rw_jinja_fail(r, "whole numbers are wanted");
    }
    *out = (self->integer % divisor == 0) != (test == TEST_ODD);
    return RW_OK;
}

static bool contains(const struct rw_jinja_value *item, const struct rw_jinja_value *in)
{
    if (in->type == RW_JINJA_DICT) {
        return rw_jinja_find(in, item) != NULL;
    }
    if (in->type == RW_JINJA_STR) {
        struct rw_str text = rw_jinja_bytes(in);
        return item->type == RW_JINJA_STR &&
               (item->text.len == 0 || rw_str_find(text, rw_jinja_bytes(item), 0) < text.len);
    }
    bool list = in->type == RW_JINJA_LIST || in->type == RW_JINJA_TUPLE;
    for (size_t i = 0; list && i < in->items->n; i++) {
        if (rw_jinja_equal(&in->items->at[i], item)) {
            return true;
        }
    }
    return false;
}

rw_status rw_jinja_test(struct rw_jinja_run *r, struct rw_str name,
                        const struct rw_jinja_value *self, const struct rw_jinja_args *args,
                        bool *out)
{
    enum test test = TEST_DEFINED;
    const struct rw_jinja_value *other = rw_jinja_arg(args, 0, NULL);
    int order = 0;
    find_test(name, &test);
    if (test < TEST_ODD || test == TEST_CALLABLE) {
        *out = of_type(test, self);
        return RW_OK;
    }
    if (test <= TEST_DIVISIBLE) {
        return divides(r, test, self, other, out);
    }
    if (other == NULL) {
        return rw_jinja_fail(r, "the test %.*s takes an argument", RW_STR_ARG(name));
    }
    if (test == TEST_EQUAL || test == TEST_UNEQUAL || test == TEST_SAME) {
        *out = (self->type == other->type || test != TEST_SAME) &&
               rw_jinja_equal(self, other) == (test != TEST_UNEQUAL);
        return rw_jinja_step(r, 1);
    }
    if (test == TEST_IN) {
        *out = contains(self, other);
        return rw_jinja_step(r, 1);
    }
    rw_status status = rw_jinja_order(r, self, other, &order);
    *out = test == TEST_LESS         ? order < 0
           : test == TEST_LESS_EQUAL ? order <= 0
           : test == TEST_GREATER    ? order > 0
                                     : order >= 0;
    return status;
}
