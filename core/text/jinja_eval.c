/* Expressions. Semantics are Python's where Jinja leaves them to Python. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/base/util.h"
#include "core/text/jinja_parts.h"

typedef const struct rw_jinja_node *tree;

rw_status rw_jinja_fail(struct rw_jinja_run *r, const char *format, ...)
{
    char words[RW_ERROR_MESSAGE_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(words, sizeof words, format, args);
    va_end(args);
    return rw_fail(r->err, RW_INVALID_REQUEST, "the model's chat template, line %u: %.300s",
                   r->line, words);
}

rw_status rw_jinja_no_memory(struct rw_jinja_run *r)
{
    return rw_fail(r->err, RW_NO_MEMORY, "no memory to lay out this conversation");
}

rw_status rw_jinja_step(struct rw_jinja_run *r, size_t n)
{
    if (n >= RW_JINJA_STEPS_MAX || r->steps + n > RW_JINJA_STEPS_MAX) {
        return rw_fail(r->err, RW_LIMIT_EXCEEDED,
                       "the model's chat template takes more than %d steps for this conversation",
                       RW_JINJA_STEPS_MAX);
    }
    r->steps += (uint32_t)n;
    return RW_OK;
}

static rw_status undefined(struct rw_jinja_run *r, const struct rw_jinja_value *value)
{
    return rw_jinja_fail(r, "'%.*s' is undefined", (int)RW_MIN(value->text.len, 60),
                         value->text.ptr != NULL ? value->text.ptr : "");
}

/* ---- names, attributes, items ---------------------------------------------------------------- */

static rw_status eval_name(struct rw_jinja_run *r, tree node, struct rw_jinja_value *out)
{
    for (const struct rw_jinja_scope *s = r->scope; s != NULL; s = s->up) {
        for (const struct rw_jinja_binding *b = s->names; b != NULL; b = b->next) {
            if (rw_str_equal(b->name, node->text)) {
                *out = b->value;
                return RW_OK;
            }
        }
    }
    *out = rw_jinja_make_undefined(node->text);
    if (rw_jinja_is_function(node->text)) {
        out->type = RW_JINJA_FUNCTION;
    }
    return RW_OK;
}

static bool has_pairs(const struct rw_jinja_value *value)
{
    return value->type == RW_JINJA_DICT || value->type == RW_JINJA_NAMESPACE;
}

rw_status rw_jinja_attribute(struct rw_jinja_run *r, const struct rw_jinja_value *self,
                             struct rw_str name, struct rw_jinja_value *out)
{
    if (self->type == RW_JINJA_UNDEFINED) {
        return undefined(r, self);
    }
    if (rw_jinja_has_method(self->type, name)) {
        struct rw_jinja_value *whose = rw_arena_alloc(r->arena, sizeof *whose);
        if (whose == NULL) {
            return rw_jinja_no_memory(r);
        }
        *whose = *self;
        *out = rw_jinja_make_undefined(name);
        out->type = RW_JINJA_METHOD;
        out->self = whose;
        return RW_OK;
    }
    const struct rw_jinja_value *found = has_pairs(self) ? rw_jinja_find_text(self, name) : NULL;
    *out = found != NULL ? *found : rw_jinja_make_undefined(name);
    return has_pairs(self) ? rw_jinja_step(r, self->pairs->n) : RW_OK;
}

/* A position as Python counts it; false when there is none. */
static bool position(int64_t index, size_t n, size_t *out)
{
    int64_t at = index < 0 ? index + (int64_t)n : index;
    *out = (size_t)at;
    return at >= 0 && at < (int64_t)n;
}

rw_status rw_jinja_item(struct rw_jinja_run *r, const struct rw_jinja_value *self,
                        const struct rw_jinja_value *key, struct rw_jinja_value *out)
{
    bool index = key->type == RW_JINJA_INT || key->type == RW_JINJA_BOOL;
    int64_t number = key->type == RW_JINJA_BOOL ? key->truth : key->integer;
    size_t at = 0;
    *out = rw_jinja_make_undefined(key->type == RW_JINJA_STR ? rw_jinja_bytes(key)
                                                             : RW_STR("an item"));
    switch (self->type) {
    case RW_JINJA_UNDEFINED:
        return undefined(r, self);
    case RW_JINJA_DICT: {
        const struct rw_jinja_value *found = rw_jinja_find(self, key);
        if (found != NULL) {
            *out = *found;
            return rw_jinja_step(r, self->pairs->n);
        }
        break;
    }
    case RW_JINJA_LIST:
    case RW_JINJA_TUPLE:
        if (index && position(number, self->items->n, &at)) {
            *out = self->items->at[at];
        }
        return index || key->type != RW_JINJA_STR
                   ? RW_OK
                   : rw_jinja_attribute(r, self, rw_jinja_bytes(key), out);
    case RW_JINJA_STR:
        if (index && position(number, rw_jinja_characters(rw_jinja_bytes(self)), &at)) {
            struct rw_str plain = rw_jinja_bytes(self);
            size_t begin = rw_jinja_offset(plain, at);
            struct rw_str rest = rw_str_slice(plain, begin, plain.len);
            *out = rw_jinja_make_str(
                rw_jinja_cut(self->text, begin, begin + rw_jinja_offset(rest, 1)));
        }
        if (index) {
            return rw_jinja_step(r, self->text.len / 64);
        }
        break;
    default:
        break;
    }
    return key->type == RW_JINJA_STR ? rw_jinja_attribute(r, self, rw_jinja_bytes(key), out)
                                     : RW_OK;
}

static rw_status bound(struct rw_jinja_run *r, tree node, int64_t missing, int64_t *out)
{
    *out = missing;
    if (node == NULL) {
        return RW_OK;
    }
    struct rw_jinja_value value;
    rw_status status = rw_jinja_eval(r, node, &value);
    if (status != RW_OK || value.type == RW_JINJA_NONE) {
        return status;
    }
    if (value.type != RW_JINJA_INT) {
        return rw_jinja_fail(r, "an index is a %s", rw_jinja_type_name(value.type));
    }
    *out = value.integer;
    return RW_OK;
}

/* begin and end as Python's slice.indices clamps them. */
static int64_t clamp(int64_t at, int64_t n, int64_t step)
{
    if (at < 0) {
        at += n;
        return at < 0 ? (step < 0 ? -1 : 0) : at;
    }
    return at >= n ? (step < 0 ? n - 1 : n) : at;
}

static rw_status slice_text(struct rw_jinja_run *r, struct rw_jinja_text text, int64_t begin,
                            int64_t end, int64_t step, struct rw_jinja_value *out)
{
    struct rw_str plain = rw_jinja_plain(text);
    rw_status status = rw_jinja_step(r, text.len / 64 + 1);
    if (status != RW_OK || step == 1) {
        size_t from = begin < end ? rw_jinja_offset(plain, (size_t)begin) : 0;
        size_t to = begin < end ? rw_jinja_offset(plain, (size_t)end) : 0;
        *out = rw_jinja_make_str(rw_jinja_cut(text, from, to));
        return status;
    }
    struct rw_jinja_value letters;
    struct rw_jinja_writer w = {0};
    struct rw_jinja_value whole = rw_jinja_make_str(text);
    status = rw_jinja_iterate(r, &whole, &letters);
    for (int64_t i = begin; status == RW_OK && (step > 0 ? i < end : i > end); i += step) {
        status = rw_jinja_write(r, &w, letters.items->at[i].text);
    }
    *out = rw_jinja_make_str(rw_jinja_written(&w));
    return status;
}

static rw_status eval_slice(struct rw_jinja_run *r, tree node, struct rw_jinja_value *out)
{
    struct rw_jinja_value self;
    int64_t begin, end, step;
    size_t length = 0;
    rw_status status = rw_jinja_eval(r, node->a, &self);
    if (status == RW_OK && self.type == RW_JINJA_UNDEFINED) {
        return undefined(r, &self);
    }
    if (status == RW_OK && self.type == RW_JINJA_DICT) {
        return rw_jinja_fail(r, "a dict cannot be sliced");
    }
    status = status == RW_OK ? rw_jinja_length(r, &self, &length) : status;
    int64_t n = (int64_t)length;
    status = status == RW_OK ? bound(r, node->d, 1, &step) : status;
    if (status == RW_OK && step == 0) {
        return rw_jinja_fail(r, "slice step cannot be zero");
    }
    const int64_t none = INT64_MIN;
    status = status == RW_OK ? bound(r, node->b, none, &begin) : status;
    status = status == RW_OK ? bound(r, node->c, none, &end) : status;
    if (status != RW_OK) {
        return status;
    }
    step = RW_MAX(RW_MIN(step, n + 1), -n - 1);
    begin = begin == none ? (step < 0 ? n - 1 : 0) : clamp(begin, n, step);
    end = end == none ? (step < 0 ? -1 : n) : clamp(end, n, step);
    if (self.type == RW_JINJA_STR) {
        return slice_text(r, self.text, begin, end, step, out);
    }
    status = rw_jinja_make_items(r, self.type, 0, out);
    for (int64_t i = begin; status == RW_OK && (step > 0 ? i < end : i > end); i += step) {
        status = rw_jinja_add(r, out, &self.items->at[i]);
    }
    return status;
}

/* ---- arithmetic ------------------------------------------------------------------------------ */

static rw_status bad_operands(struct rw_jinja_run *r, char op, const struct rw_jinja_value *a,
                              const struct rw_jinja_value *b)
{
    if (a->type == RW_JINJA_UNDEFINED) {
        return undefined(r, a);
    }
    if (b->type == RW_JINJA_UNDEFINED) {
        return undefined(r, b);
    }
    return rw_jinja_fail(r, "%s and %s cannot be operands of %s", rw_jinja_type_name(a->type),
                         rw_jinja_type_name(b->type),
                         op == 'd'   ? "//"
                         : op == 'p' ? "**"
                                     : (char[]){op, '\0'});
}

static int64_t floor_division(int64_t a, int64_t b)
{
    int64_t q = a / b;
    return q - (a % b != 0 && (a < 0) != (b < 0));
}

static rw_status power(struct rw_jinja_run *r, int64_t a, int64_t b, struct rw_jinja_value *out)
{
    int64_t value = 1;
    if (b < 0) {
        *out = (struct rw_jinja_value){.type = RW_JINJA_FLOAT, .real = pow((double)a, (double)b)};
        return RW_OK;
    }
    for (int64_t i = 0; i < b; i++) {
        if (__builtin_mul_overflow(value, a, &value)) {
            return rw_jinja_fail(r, "a number that is too large");
        }
        if (value == 0 || (value == 1 && a == 1)) {
            break;
        }
        rw_status status = rw_jinja_step(r, 1);
        if (status != RW_OK) {
            return status;
        }
    }
    *out = rw_jinja_make_int(value);
    return RW_OK;
}

static rw_status whole_arithmetic(struct rw_jinja_run *r, char op, int64_t a, int64_t b,
                                  struct rw_jinja_value *out)
{
    int64_t value = 0;
    bool over = false;
    switch (op) {
    case '+':
        over = __builtin_add_overflow(a, b, &value);
        break;
    case '-':
        over = __builtin_sub_overflow(a, b, &value);
        break;
    case '*':
        over = __builtin_mul_overflow(a, b, &value);
        break;
    case 'p':
        return power(r, a, b, out);
    default:
        if (b == 0) {
            return rw_jinja_fail(r, "division by zero");
        }
        over = a == INT64_MIN && b == -1;
        if (op == '/') {
            *out = (struct rw_jinja_value){.type = RW_JINJA_FLOAT, .real = (double)a / (double)b};
            return RW_OK;
        }
        value = over ? 0 : op == 'd' ? floor_division(a, b) : a - b * floor_division(a, b);
    }
    *out = rw_jinja_make_int(value);
    return over ? rw_jinja_fail(r, "a number that is too large") : RW_OK;
}

static rw_status real_arithmetic(struct rw_jinja_run *r, char op, double a, double b,
                                 struct rw_jinja_value *out)
{
    if (strchr("/d%", op) != NULL && b == 0) {
        return rw_jinja_fail(r, "division by zero");
    }
    double value = op == '+'   ? a + b
                   : op == '-' ? a - b
                   : op == '*' ? a * b
                   : op == '/' ? a / b
                   : op == 'd' ? floor(a / b)
                   : op == '%' ? a - b * floor(a / b)
                               : pow(a, b);
    *out = (struct rw_jinja_value){.type = RW_JINJA_FLOAT, .real = value};
    return RW_OK;
}

static rw_status concatenate(struct rw_jinja_run *r, struct rw_jinja_text a, struct rw_jinja_text b,
                             struct rw_jinja_value *out)
{
    struct rw_jinja_writer w = {0};
    rw_status status = rw_jinja_write(r, &w, a);
    status = status == RW_OK ? rw_jinja_write(r, &w, b) : status;
    *out = rw_jinja_make_str(rw_jinja_written(&w));
    return status;
}

static rw_status add_lists(struct rw_jinja_run *r, const struct rw_jinja_value *a,
                           const struct rw_jinja_value *b, struct rw_jinja_value *out)
{
    const struct rw_jinja_value *const both[] = {a, b};
    rw_status status = rw_jinja_make_items(r, a->type, 0, out);
    for (int k = 0; k < 2; k++) {
        for (size_t i = 0; i < both[k]->items->n && status == RW_OK; i++) {
            status = rw_jinja_add(r, out, &both[k]->items->at[i]);
        }
    }
    return status;
}

static rw_status repeat(struct rw_jinja_run *r, const struct rw_jinja_value *what, int64_t times,
                        struct rw_jinja_value *out)
{
    struct rw_jinja_writer w = {0};
    rw_status status =
        what->type == RW_JINJA_STR ? RW_OK : rw_jinja_make_items(r, what->type, 0, out);
    for (int64_t k = 0; k < times && status == RW_OK; k++) {
        status = rw_jinja_step(r, 1);
        if (what->type == RW_JINJA_STR && status == RW_OK) {
            status = rw_jinja_write(r, &w, what->text);
            continue;
        }
        for (size_t i = 0; what->type != RW_JINJA_STR && i < what->items->n && status == RW_OK;
             i++) {
            status = rw_jinja_add(r, out, &what->items->at[i]);
        }
    }
    if (what->type == RW_JINJA_STR) {
        *out = rw_jinja_make_str(rw_jinja_written(&w));
    }
    return status;
}

static bool is_sequence(const struct rw_jinja_value *value)
{
    return value->type == RW_JINJA_STR || value->type == RW_JINJA_LIST ||
           value->type == RW_JINJA_TUPLE;
}

static rw_status arithmetic(struct rw_jinja_run *r, char op, const struct rw_jinja_value *a,
                            const struct rw_jinja_value *b, struct rw_jinja_value *out)
{
    double x, y;
    if (op == '~') {
        struct rw_jinja_text left, right;
        rw_status status = rw_jinja_to_text(r, a, &left);
        status = status == RW_OK ? rw_jinja_to_text(r, b, &right) : status;
        return status == RW_OK ? concatenate(r, left, right, out) : status;
    }
    if (rw_jinja_number(a, &x) && rw_jinja_number(b, &y)) {
        bool whole = a->type != RW_JINJA_FLOAT && b->type != RW_JINJA_FLOAT;
        int64_t i = a->type == RW_JINJA_BOOL ? a->truth : a->integer;
        int64_t j = b->type == RW_JINJA_BOOL ? b->truth : b->integer;
        return whole ? whole_arithmetic(r, op, i, j, out) : real_arithmetic(r, op, x, y, out);
    }
    if (op == '+' && a->type == RW_JINJA_STR && b->type == RW_JINJA_STR) {
        return concatenate(r, a->text, b->text, out);
    }
    if (op == '+' && a->type == b->type && is_sequence(a)) {
        return add_lists(r, a, b, out);
    }
    if (op == '*' && is_sequence(a) && b->type == RW_JINJA_INT) {
        return repeat(r, a, b->integer, out);
    }
    if (op == '*' && is_sequence(b) && a->type == RW_JINJA_INT) {
        return repeat(r, b, a->integer, out);
    }
    return bad_operands(r, op, a, b);
}

/* `and` and `or` give back an operand, and only look at the right one when they must. */
static rw_status eval_binary(struct rw_jinja_run *r, tree node, struct rw_jinja_value *out)
{
    struct rw_jinja_value left, right;
    rw_status status = rw_jinja_eval(r, node->a, &left);
    if (status != RW_OK) {
        return status;
    }
    if (node->op == '&' || node->op == '|') {
        bool done = rw_jinja_truth(&left) == (node->op == '|');
        *out = left;
        return done ? RW_OK : rw_jinja_eval(r, node->b, out);
    }
    status = rw_jinja_eval(r, node->b, &right);
    return status == RW_OK ? arithmetic(r, node->op, &left, &right, out) : status;
}

static rw_status eval_unary(struct rw_jinja_run *r, tree node, struct rw_jinja_value *out)
{
    struct rw_jinja_value value;
    rw_status status = rw_jinja_eval(r, node->a, &value);
    if (status != RW_OK) {
        return status;
    }
    if (node->op == '!') {
        *out = rw_jinja_make_bool(!rw_jinja_truth(&value));
        return RW_OK;
    }
    double unused;
    if (!rw_jinja_number(&value, &unused)) {
        return value.type == RW_JINJA_UNDEFINED
                   ? undefined(r, &value)
                   : rw_jinja_fail(r, "a %s has no sign", rw_jinja_type_name(value.type));
    }
    const struct rw_jinja_value zero = rw_jinja_make_int(0);
    return arithmetic(r, node->op == '-' ? '-' : '+', &zero, &value, out);
}

/* ---- comparisons ----------------------------------------------------------------------------- */

static rw_status contains(struct rw_jinja_run *r, const struct rw_jinja_value *item,
                          const struct rw_jinja_value *in, bool *out)
{
    *out = false;
    switch (in->type) {
    case RW_JINJA_STR:
        if (item->type == RW_JINJA_UNDEFINED) {
            return undefined(r, item);
        }
        if (item->type != RW_JINJA_STR) {
            return rw_jinja_fail(r, "'in <string>' requires string as left operand, not %s",
                                 rw_jinja_type_name(item->type));
        }
        *out = item->text.len == 0 ||
               rw_str_find(rw_jinja_bytes(in), rw_jinja_bytes(item), 0) < in->text.len;
        return rw_jinja_step(r, in->text.len / 16 + 1);
    case RW_JINJA_LIST:
    case RW_JINJA_TUPLE:
        for (size_t i = 0; i < in->items->n && !*out; i++) {
            *out = rw_jinja_equal(&in->items->at[i], item);
        }
        return rw_jinja_step(r, in->items->n);
    case RW_JINJA_DICT:
        *out = rw_jinja_find(in, item) != NULL;
        return rw_jinja_step(r, in->pairs->n);
    case RW_JINJA_UNDEFINED: /* an empty iterable */
        return RW_OK;
    default:
        return rw_jinja_fail(r, "a %s holds nothing", rw_jinja_type_name(in->type));
    }
}

static rw_status compare(struct rw_jinja_run *r, char op, const struct rw_jinja_value *a,
                         const struct rw_jinja_value *b, bool *out)
{
    int order = 0;
    rw_status status;
    switch (op) {
    case '=':
    case '!':
        *out = rw_jinja_equal(a, b) == (op == '=');
        return rw_jinja_step(r, 1);
    case 'i':
    case 'n':
        status = contains(r, a, b, out);
        *out = *out == (op == 'i');
        return status;
    default:
        if (a->type == RW_JINJA_UNDEFINED || b->type == RW_JINJA_UNDEFINED) {
            return undefined(r, a->type == RW_JINJA_UNDEFINED ? a : b);
        }
        status = rw_jinja_order(r, a, b, &order);
        *out = op == '<' ? order < 0 : op == '>' ? order > 0 : op == 'l' ? order <= 0 : order >= 0;
        return status;
    }
}

static rw_status eval_compare(struct rw_jinja_run *r, tree node, struct rw_jinja_value *out)
{
    struct rw_jinja_value left, right;
    bool holds = true;
    rw_status status = rw_jinja_eval(r, node->a, &left);
    for (tree part = node->b; part != NULL && status == RW_OK && holds; part = part->next) {
        status = rw_jinja_eval(r, part->a, &right);
        status = status == RW_OK ? compare(r, part->op, &left, &right, &holds) : status;
        left = right;
    }
    *out = rw_jinja_make_bool(holds);
    return status;
}

/* ---- collections, calls ---------------------------------------------------------------------- */

static rw_status eval_items(struct rw_jinja_run *r, tree node, struct rw_jinja_value *out)
{
    enum rw_jinja_type type = node->type == RW_TREE_LIST ? RW_JINJA_LIST : RW_JINJA_TUPLE;
    rw_status status = rw_jinja_make_items(r, type, 0, out);
    for (tree one = node->b; one != NULL && status == RW_OK; one = one->next) {
        struct rw_jinja_value item;
        status = rw_jinja_eval(r, one->a, &item);
        status = status == RW_OK ? rw_jinja_add(r, out, &item) : status;
    }
    return status;
}

static rw_status eval_dict(struct rw_jinja_run *r, tree node, struct rw_jinja_value *out)
{
    rw_status status = rw_jinja_make_pairs(r, RW_JINJA_DICT, out);
    for (tree pair = node->b; pair != NULL && status == RW_OK; pair = pair->next) {
        struct rw_jinja_value key, value;
        status = rw_jinja_eval(r, pair->a, &key);
        status = status == RW_OK ? rw_jinja_eval(r, pair->b, &value) : status;
        status = status == RW_OK ? rw_jinja_store(r, out, &key, &value) : status;
    }
    return status;
}

static rw_status eval_arguments(struct rw_jinja_run *r, tree first, struct rw_jinja_args *out)
{
    rw_status status = RW_OK;
    out->n = 0;
    for (tree one = first; one != NULL && status == RW_OK; one = one->next) {
        if (out->n == RW_JINJA_ARGS_MAX) {
            return rw_jinja_fail(r, "more than %d arguments", RW_JINJA_ARGS_MAX);
        }
        out->name[out->n] = one->text;
        status = rw_jinja_eval(r, one->a, &out->at[out->n]);
        out->n++;
    }
    return status;
}

const struct rw_jinja_value *rw_jinja_arg(const struct rw_jinja_args *args, size_t i,
                                          const char *name)
{
    size_t position = 0;
    for (size_t k = 0; k < args->n; k++) {
        if (args->name[k].ptr == NULL ? position++ == i
                                      : name != NULL && rw_str_is(args->name[k], name)) {
            return &args->at[k];
        }
    }
    return NULL;
}

static rw_status bind_parameters(struct rw_jinja_run *r, const struct rw_jinja_node *macro,
                                 const struct rw_jinja_args *args)
{
    size_t i = 0, used = 0;
    rw_status status = RW_OK;
    for (tree p = macro->c; p != NULL && status == RW_OK; p = p->next, i++) {
        char name[64];
        snprintf(name, sizeof name, "%.*s", RW_STR_ARG(p->text));
        const struct rw_jinja_value *given = rw_jinja_arg(args, i, name);
        struct rw_jinja_value value = rw_jinja_make_undefined(p->text);
        used += given != NULL;
        if (given != NULL) {
            value = *given;
        } else if (p->a != NULL) {
            status = rw_jinja_eval(r, p->a, &value);
        }
        status = status == RW_OK ? rw_jinja_bind(r, p->text, &value) : status;
    }
    if (status == RW_OK && used < args->n) {
        return rw_jinja_fail(r, "macro '%.*s' takes not so many arguments",
                             RW_STR_ARG(macro->text));
    }
    return status;
}

static rw_status call_macro(struct rw_jinja_run *r, const struct rw_jinja_value *callee,
                            const struct rw_jinja_args *args, struct rw_jinja_value *out)
{
    struct rw_jinja_scope *kept;
    rw_status status = rw_jinja_push(r, callee->macro.scope, &kept);
    status = status == RW_OK ? bind_parameters(r, callee->macro.node, args) : status;
    status = status == RW_OK ? rw_jinja_capture(r, callee->macro.node->b, out) : status;
    r->scope = kept;
    return status;
}

rw_status rw_jinja_call(struct rw_jinja_run *r, const struct rw_jinja_value *callee,
                        const struct rw_jinja_args *args, struct rw_jinja_value *out)
{
    switch (callee->type) {
    case RW_JINJA_MACRO:
        return call_macro(r, callee, args, out);
    case RW_JINJA_FUNCTION:
        return rw_jinja_function(r, rw_jinja_bytes(callee), args, out);
    case RW_JINJA_METHOD:
        return rw_jinja_method(r, rw_jinja_bytes(callee), callee->self, args, out);
    case RW_JINJA_UNDEFINED:
        return undefined(r, callee);
    default:
        return rw_jinja_fail(r, "a %s cannot be called", rw_jinja_type_name(callee->type));
    }
}

static rw_status eval_call(struct rw_jinja_run *r, tree node, struct rw_jinja_value *out)
{
    struct rw_jinja_value callee;
    struct rw_jinja_args *args = rw_arena_alloc(r->arena, sizeof *args);
    if (args == NULL) {
        return rw_jinja_no_memory(r);
    }
    rw_status status = rw_jinja_eval(r, node->a, &callee);
    status = status == RW_OK ? eval_arguments(r, node->b, args) : status;
    return status == RW_OK ? rw_jinja_call(r, &callee, args, out) : status;
}

static rw_status eval_filter_or_test(struct rw_jinja_run *r, tree node, struct rw_jinja_value *out)
{
    struct rw_jinja_value self;
    struct rw_jinja_args *args = rw_arena_alloc(r->arena, sizeof *args);
    if (args == NULL) {
        return rw_jinja_no_memory(r);
    }
    rw_status status = rw_jinja_eval(r, node->a, &self);
    status = status == RW_OK ? eval_arguments(r, node->b, args) : status;
    if (status != RW_OK || node->type == RW_TREE_FILTER) {
        return status == RW_OK ? rw_jinja_filter(r, node->text, &self, args, out) : status;
    }
    bool holds = false;
    status = rw_jinja_test(r, node->text, &self, args, &holds);
    *out = rw_jinja_make_bool(holds != node->flag);
    return status;
}

/* ---- all of them ------------------------------------------------------------------------------
 */

static rw_status eval_node(struct rw_jinja_run *r, tree node, struct rw_jinja_value *out)
{
    struct rw_jinja_value a, b;
    rw_status status;
    switch (node->type) {
    case RW_TREE_CONST:
        *out = node->value;
        return RW_OK;
    case RW_TREE_NAME:
        return eval_name(r, node, out);
    case RW_TREE_ATTRIBUTE:
        status = rw_jinja_eval(r, node->a, &a);
        return status == RW_OK ? rw_jinja_attribute(r, &a, node->text, out) : status;
    case RW_TREE_ITEM:
        status = rw_jinja_eval(r, node->a, &a);
        status = status == RW_OK ? rw_jinja_eval(r, node->b, &b) : status;
        return status == RW_OK ? rw_jinja_item(r, &a, &b, out) : status;
    case RW_TREE_SLICE:
        return eval_slice(r, node, out);
    case RW_TREE_CALL:
        return eval_call(r, node, out);
    case RW_TREE_FILTER:
    case RW_TREE_TEST:
        return eval_filter_or_test(r, node, out);
    case RW_TREE_UNARY:
        return eval_unary(r, node, out);
    case RW_TREE_BINARY:
        return eval_binary(r, node, out);
    case RW_TREE_COMPARE:
        return eval_compare(r, node, out);
    case RW_TREE_IF_ELSE:
        status = rw_jinja_eval(r, node->a, &a);
        if (status == RW_OK && !rw_jinja_truth(&a) && node->c == NULL) {
            *out = rw_jinja_make_undefined(RW_STR("a conditional without else"));
            return RW_OK;
        }
        return status == RW_OK ? rw_jinja_eval(r, rw_jinja_truth(&a) ? node->b : node->c, out)
                               : status;
    case RW_TREE_LIST:
    case RW_TREE_TUPLE:
        return eval_items(r, node, out);
    case RW_TREE_DICT:
        return eval_dict(r, node, out);
    case RW_TREE_BODY:
        *out = *r->body;
        return RW_OK;
    default:
        return rw_jinja_fail(r, "a statement where a value is wanted");
    }
}

rw_status rw_jinja_eval(struct rw_jinja_run *r, const struct rw_jinja_node *node,
                        struct rw_jinja_value *out)
{
    rw_status status = rw_jinja_step(r, 1);
    if (status == RW_OK && ++r->depth > 4 * RW_JINJA_DEPTH_MAX) {
        status =
            rw_fail(r->err, RW_LIMIT_EXCEEDED, "the model's chat template calls itself too deeply");
    }
    if (status == RW_OK) {
        r->line = node->line;
        *out = (struct rw_jinja_value){0};
        status = eval_node(r, node, out);
    }
    r->depth--;
    return status;
}
