/* Operators, items, attributes and slices with Python's meaning. */
#include <math.h>
#include <stdlib.h>

#include "core/base/utf8.h"
#include "core/base/util.h"
#include "core/text/template_eval.h"

#define EXACT_MAX (1LL << 53) /* whole numbers up to here are doubles */

static struct rw_tval mismatch(struct rw_trender *r, const char *what, struct rw_tval a,
                               struct rw_tval b)
{
    if (a.type == RW_TVAL_UNDEFINED || b.type == RW_TVAL_UNDEFINED) {
        return rw_trender_fail(r, "%s: a value is undefined", what);
    }
    return rw_trender_fail(r, "%s does not take '%s' and '%s'", what, rw_tval_type_name(a),
                           rw_tval_type_name(b));
}

bool rw_tval_index(struct rw_tval v, int64_t *out)
{
    *out = v.type == RW_TVAL_BOOL ? v.truth : v.number;
    return v.type == RW_TVAL_BOOL || v.type == RW_TVAL_INT;
}

/* ---- arithmetic ------------------------------------------------------------------------------ */

static struct rw_tval floor_whole(struct rw_trender *r, int op, int64_t x, int64_t y)
{
    if (y == 0 || (x == INT64_MIN && y == -1)) {
        return rw_trender_fail(r, "a division by zero, or of a number too large");
    }
    int64_t quotient = x / y;
    int64_t rest = x % y;
    if (rest != 0 && (rest < 0) != (y < 0)) { /* Python rounds down */
        quotient--;
        rest += y;
    }
    return RW_TVAL_OF_INT(op == '%' ? rest : quotient);
}

/* Python has no infinite results here, and complex ones for roots of negative numbers. */
static struct rw_tval real_power(struct rw_trender *r, double x, double y)
{
    double value = pow(x, y);
    bool known = !(x == 0 && y < 0) && !(x < 0 && floor(y) != y) &&
                 (isfinite(value) || !isfinite(x) || !isfinite(y));
    return known ? RW_TVAL_OF_FLOAT(value)
                 : rw_trender_fail(r, "a power that is no number, or too large");
}

static struct rw_tval power(struct rw_trender *r, int64_t x, int64_t y)
{
    int64_t value = 1;
    if (y < 0) {
        return real_power(r, (double)x, (double)y);
    }
    for (int64_t i = 0; i < y; i++) {
        if (!rw_trender_spend(r, 1) || __builtin_mul_overflow(value, x, &value)) {
            return rw_trender_fail(r, "a number too large");
        }
        if (value == 0 || (value == 1 && x == 1)) {
            break;
        }
    }
    return RW_TVAL_OF_INT(value);
}

static struct rw_tval whole(struct rw_trender *r, int op, int64_t x, int64_t y)
{
    int64_t value = 0;
    bool over = false;
    switch (op) {
    case '+':
        over = __builtin_add_overflow(x, y, &value);
        break;
    case '-':
        over = __builtin_sub_overflow(x, y, &value);
        break;
    case '*':
        over = __builtin_mul_overflow(x, y, &value);
        break;
    case '/': /* Python rounds once, however large the two are */
        return y == 0 || llabs(x) > EXACT_MAX || llabs(y) > EXACT_MAX
                   ? rw_trender_fail(r, "a division by zero, or of numbers too large")
                   : RW_TVAL_OF_FLOAT((double)x / (double)y);
    case RW_TOP_POW:
        return power(r, x, y);
    default:
        return floor_whole(r, op, x, y);
    }
    return over ? rw_trender_fail(r, "a number too large") : RW_TVAL_OF_INT(value);
}

static struct rw_tval real(struct rw_trender *r, int op, double x, double y)
{
    switch (op) {
    case '+':
        return RW_TVAL_OF_FLOAT(x + y);
    case '-':
        return RW_TVAL_OF_FLOAT(x - y);
    case '*':
        return RW_TVAL_OF_FLOAT(x * y);
    case RW_TOP_POW:
        return real_power(r, x, y);
    default:
        break;
    }
    if (y == 0) {
        return rw_trender_fail(r, "a division by zero");
    }
    if (op == '/') {
        return RW_TVAL_OF_FLOAT(x / y);
    }
    double rest = fmod(x, y);
    if (rest != 0 && (rest < 0) != (y < 0)) {
        rest += y;
    }
    return RW_TVAL_OF_FLOAT(op == '%' ? rest : floor((x - rest) / y + 0.5));
}

static struct rw_tval join_lists(struct rw_trender *r, struct rw_tval a, struct rw_tval b)
{
    size_t count = a.list->count + b.list->count;
    struct rw_tval *items = rw_arena_array(r->arena, count + 1, sizeof *items);
    if (items == NULL) {
        return rw_trender_no_memory(r);
    }
    for (size_t i = 0; i < count; i++) {
        items[i] = i < a.list->count ? a.list->items[i] : b.list->items[i - a.list->count];
    }
    struct rw_tval out = rw_trender_list(r, items, count);
    out.type = r->status == RW_OK ? a.type : out.type;
    return out;
}

static struct rw_tval repeat(struct rw_trender *r, struct rw_tval v, int64_t times)
{
    struct rw_tbuild b;
    rw_tbuild_init(&b, r->arena);
    struct rw_tval out = rw_trender_text(r, &b);
    if (v.type != RW_TVAL_STRING) {
        out = rw_trender_list(r, NULL, 0);
        out.type = r->status == RW_OK ? v.type : out.type;
    }
    for (int64_t i = 0; i < times && rw_trender_spend(r, 1); i++) {
        if (v.type == RW_TVAL_STRING) {
            rw_tbuild_string(&b, v.string);
        } else {
            out = join_lists(r, out, v);
        }
    }
    return v.type == RW_TVAL_STRING ? rw_trender_text(r, &b) : out;
}

static bool is_plain_list(struct rw_tval v)
{
    return (v.type == RW_TVAL_LIST || v.type == RW_TVAL_TUPLE) && v.list->kind == RW_TLIST_PLAIN;
}

struct rw_tval rw_toperator(struct rw_trender *r, int op, struct rw_tval a, struct rw_tval b)
{
    int64_t x;
    int64_t y;
    if (a.safe || b.safe) {
        return rw_trender_fail(r, "an operator on text marked safe");
    }
    if (rw_tval_is_number(a) && rw_tval_is_number(b)) {
        bool x_whole = rw_tval_index(a, &x);
        bool y_whole = rw_tval_index(b, &y);
        return x_whole && y_whole ? whole(r, op, x, y)
                                  : real(r, op, rw_tval_real(a), rw_tval_real(b));
    }
    if (op == '+' && a.type == RW_TVAL_STRING && b.type == RW_TVAL_STRING) {
        struct rw_tbuild build;
        rw_tbuild_init(&build, r->arena);
        rw_tbuild_string(&build, a.string);
        rw_tbuild_string(&build, b.string);
        return rw_trender_text(r, &build);
    }
    if (op == '+' && a.type == b.type && is_plain_list(a) && is_plain_list(b)) {
        return join_lists(r, a, b);
    }
    if (op == '*' && (a.type == RW_TVAL_STRING || is_plain_list(a)) && rw_tval_index(b, &y)) {
        return repeat(r, a, y);
    }
    if (op == '*' && (b.type == RW_TVAL_STRING || is_plain_list(b)) && rw_tval_index(a, &x)) {
        return repeat(r, b, x);
    }
    return mismatch(r, "an operator", a, b);
}

int rw_trender_order(struct rw_trender *r, struct rw_tval a, struct rw_tval b)
{
    if (rw_tval_is_number(a) && rw_tval_is_number(b)) {
        long double x = rw_tval_exact(a);
        long double y = rw_tval_exact(b);
        return (x > y) - (x < y);
    }
    if (a.type == RW_TVAL_STRING && b.type == RW_TVAL_STRING) {
        size_t n = RW_MIN(a.string->len, b.string->len);
        int order = n > 0 ? memcmp(a.string->ptr, b.string->ptr, n) : 0; /* code points, as UTF-8 */
        return order != 0 ? order
                          : (a.string->len > b.string->len) - (a.string->len < b.string->len);
    }
    if (is_plain_list(a) && is_plain_list(b) && a.type == b.type) {
        for (size_t i = 0; i < a.list->count && i < b.list->count; i++) {
            if (!rw_tval_equal(a.list->items[i], b.list->items[i])) {
                /* The parts of a list are compared once: deeper lists are not ordered here. */
                return is_plain_list(a.list->items[i])
                           ? (mismatch(r, "a comparison", a, b), 0)
                           : rw_trender_order(r, a.list->items[i], b.list->items[i]);
            }
        }
        return (a.list->count > b.list->count) - (a.list->count < b.list->count);
    }
    mismatch(r, "a comparison", a, b);
    return 0;
}

bool rw_trender_contains(struct rw_trender *r, struct rw_tval item, struct rw_tval in)
{
    if (in.type == RW_TVAL_STRING) {
        if (item.type != RW_TVAL_STRING) {
            mismatch(r, "'in'", item, in);
            return false;
        }
        rw_trender_spend(r, in.string->len / 64);
        struct rw_str text = rw_tstr_text(in.string);
        return item.string->len == 0 || rw_str_find(text, rw_tstr_text(item.string), 0) < text.len;
    }
    bool view = in.type == RW_TVAL_LIST && in.list->kind == RW_TLIST_VIEW;
    if ((in.type == RW_TVAL_DICT || view) && !rw_tval_hashable(item)) {
        mismatch(r, "'in'", item, in);
        return false;
    }
    if (in.type == RW_TVAL_DICT) {
        return rw_tval_get(in.dict, item) != NULL;
    }
    const struct rw_tval *items;
    size_t count;
    if (!rw_trender_items(r, in, &items, &count)) {
        return false;
    }
    for (size_t i = 0; i < count && rw_trender_spend(r, 1); i++) {
        if (rw_tval_equal(items[i], item)) {
            return true;
        }
    }
    return false;
}

/* ---- items and attributes -------------------------------------------------------------------- */

static struct rw_tval method_of(struct rw_trender *r, struct rw_tval v, struct rw_str name)
{
    int method = rw_tmethod_find(v, name);
    if (method == -1) {
        return RW_TVAL_OF_UNDEFINED;
    }
    if (method < 0) {
        return rw_trender_fail(r, "the method %.*s of '%s'", RW_STR_ARG(name),
                               rw_tval_type_name(v));
    }
    struct rw_tmethod *bound = rw_arena_alloc(r->arena, sizeof *bound);
    if (bound == NULL) {
        return rw_trender_no_memory(r);
    }
    *bound = (struct rw_tmethod){v, method};
    return (struct rw_tval){.type = RW_TVAL_METHOD, .other = bound};
}

struct rw_tval rw_tattribute(struct rw_trender *r, struct rw_tval v, struct rw_str name)
{
    if (v.type == RW_TVAL_UNDEFINED) {
        return rw_trender_fail(r, "'%.*s' of an undefined value", RW_STR_ARG(name));
    }
    if (v.type == RW_TVAL_LOOP) {
        return rw_tloop_attribute(r, v.other, name);
    }
    const struct rw_tval *found = NULL;
    struct rw_tval method = RW_TVAL_OF_UNDEFINED;
    if (v.type != RW_TVAL_NAMESPACE) {
        method = method_of(r, v, name);
    }
    if (method.type == RW_TVAL_UNDEFINED &&
        (v.type == RW_TVAL_NAMESPACE || v.type == RW_TVAL_DICT)) {
        found = rw_tval_get_text(v.dict, name);
    }
    return found != NULL ? *found : method;
}

/* Bytes of the code point `index` of s, counted from the end when negative. */
static bool find_char(const struct rw_tstr *s, int64_t index, size_t *begin, size_t *end)
{
    struct rw_str text = rw_tstr_text(s);
    int64_t count = (int64_t)rw_utf8_count(text);
    index += index < 0 ? count : 0;
    if (index < 0 || index >= count) {
        return false;
    }
    size_t at = 0;
    size_t advance = 0;
    for (int64_t i = 0; i <= index; i++) {
        *begin = at;
        rw_utf8_decode(text, at, &advance);
        at += advance;
    }
    *end = at;
    return true;
}

static struct rw_tval cut(struct rw_trender *r, const struct rw_tstr *s, size_t begin, size_t end)
{
    struct rw_tstr *out = rw_arena_alloc(r->arena, sizeof *out);
    if (out == NULL || !rw_tstr_slice(r->arena, s, begin, end, out)) {
        return rw_trender_no_memory(r);
    }
    return (struct rw_tval){.type = RW_TVAL_STRING, .string = out};
}

struct rw_tval rw_trender_item(struct rw_trender *r, struct rw_tval v, struct rw_tval key)
{
    int64_t index;
    if (v.type == RW_TVAL_UNDEFINED) {
        return rw_trender_fail(r, "an item of an undefined value");
    }
    if (v.type == RW_TVAL_DICT) {
        const struct rw_tval *found = rw_tval_get(v.dict, key);
        if (found != NULL) {
            return *found;
        }
    }
    if (rw_tval_index(key, &index)) {
        size_t begin;
        size_t end;
        if (v.type == RW_TVAL_STRING) {
            rw_trender_spend(r, v.string->len / 64);
            return find_char(v.string, index, &begin, &end) ? cut(r, v.string, begin, end)
                                                            : RW_TVAL_OF_UNDEFINED;
        }
        if ((v.type == RW_TVAL_LIST && v.list->kind != RW_TLIST_LAZY &&
             v.list->kind != RW_TLIST_VIEW) ||
            v.type == RW_TVAL_TUPLE) {
            index += index < 0 ? (int64_t)v.list->count : 0;
            return index >= 0 && index < (int64_t)v.list->count ? v.list->items[index]
                                                                : RW_TVAL_OF_UNDEFINED;
        }
        return RW_TVAL_OF_UNDEFINED;
    }
    return key.type == RW_TVAL_STRING ? rw_tattribute(r, v, rw_tstr_text(key.string))
                                      : RW_TVAL_OF_UNDEFINED;
}

/* ---- slices ---------------------------------------------------------------------------------- */

/* slice.indices(length) of Python. */
static bool slice_bounds(struct rw_trender *r, const struct rw_tval part[3], int64_t length,
                         int64_t *begin, int64_t *end, int64_t *step)
{
    int64_t value[3];
    for (int i = 0; i < 3; i++) {
        if (part[i].type != RW_TVAL_NONE && !rw_tval_index(part[i], &value[i])) {
            rw_trender_fail(r, "a slice from or to '%s'", rw_tval_type_name(part[i]));
            return false;
        }
    }
    *step = part[2].type == RW_TVAL_NONE ? 1 : value[2];
    if (*step == 0) {
        rw_trender_fail(r, "a slice with step 0");
        return false;
    }
    *step = RW_MAX(RW_MIN(*step, (int64_t)1 << 40), -((int64_t)1 << 40));
    int64_t low = *step < 0 ? -1 : 0;
    int64_t high = *step < 0 ? length - 1 : length;
    int64_t *bound[2] = {begin, end};
    for (int i = 0; i < 2; i++) {
        if (part[i].type == RW_TVAL_NONE) {
            *bound[i] = (*step < 0) == (i == 0) ? high : low;
        } else {
            int64_t at = value[i] < 0 ? RW_MAX(value[i], -length - 1) + length : value[i];
            *bound[i] = RW_MAX(RW_MIN(at, high), low);
        }
    }
    return true;
}

static struct rw_tval slice_string(struct rw_trender *r, const struct rw_tstr *s, int64_t begin,
                                   int64_t end, int64_t step, int64_t count)
{
    struct rw_str text = rw_tstr_text(s);
    size_t *offset = rw_arena_array(r->arena, (size_t)count + 1, sizeof *offset);
    if (offset == NULL) {
        return rw_trender_no_memory(r);
    }
    size_t advance;
    int64_t n = 0;
    for (size_t at = 0; at < text.len; at += advance) {
        offset[n++] = at;
        rw_utf8_decode(text, at, &advance);
    }
    offset[n] = text.len;
    if (step == 1) {
        return cut(r, s, offset[begin], offset[RW_MAX(begin, end)]);
    }
    struct rw_tbuild b;
    rw_tbuild_init(&b, r->arena);
    for (int64_t i = begin; step > 0 ? i < end : i > end; i += step) {
        rw_tbuild_slice(&b, s, offset[i], offset[i + 1]);
    }
    return rw_trender_text(r, &b);
}

struct rw_tval rw_tslice(struct rw_trender *r, struct rw_tval v, const struct rw_tval part[3])
{
    int64_t begin;
    int64_t end;
    int64_t step;
    bool text = v.type == RW_TVAL_STRING;
    bool list = v.type == RW_TVAL_TUPLE ||
                (v.type == RW_TVAL_LIST &&
                 (v.list->kind == RW_TLIST_PLAIN || v.list->kind == RW_TLIST_RANGE));
    if (!text && !list) {
        return rw_trender_fail(r, "a slice of '%s'", rw_tval_type_name(v));
    }
    int64_t count = (int64_t)(text ? rw_utf8_count(rw_tstr_text(v.string)) : v.list->count);
    if (!rw_trender_spend(r, (size_t)count / 16) ||
        !slice_bounds(r, part, count, &begin, &end, &step)) {
        return RW_TVAL_OF_UNDEFINED;
    }
    if (text) {
        return slice_string(r, v.string, begin, end, step, count);
    }
    struct rw_tval *items = rw_arena_array(r->arena, (size_t)count + 1, sizeof *items);
    size_t n = 0;
    for (int64_t i = begin; items != NULL && (step > 0 ? i < end : i > end); i += step) {
        items[n++] = v.list->items[i];
    }
    if (items == NULL) {
        return rw_trender_no_memory(r);
    }
    struct rw_tval out = rw_trender_list_of(r, items, n, v.list->kind);
    out.type = r->status == RW_OK ? v.type : out.type;
    return out;
}
