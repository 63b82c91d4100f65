#include "core/io/pickle.h"

#include "core/base/util.h"

enum {
    FIRST_SIZE = 64, /* of stack and memo; doubled when full */
    SHOWN = 100,     /* bytes of a name in a message */
};

enum global {
    GLOBAL_STORAGE, /* a storage class; value.type and value.width say which */
    GLOBAL_REBUILD_TENSOR,
    GLOBAL_REBUILD_PARAMETER,
    GLOBAL_ORDERED_DICT,
    GLOBAL_IGNORED, /* a dtype or a size: allowed as data, never called */
};

static const struct known_global {
    const char *name; /* "module name" */
    enum global what;
    enum rw_tensor_type type;
    uint32_t width; /* bytes of an element */
} GLOBALS[] = {
    {"torch._utils _rebuild_tensor_v2", GLOBAL_REBUILD_TENSOR, RW_TENSOR_OTHER, 0},
    {"torch._utils _rebuild_tensor", GLOBAL_REBUILD_TENSOR, RW_TENSOR_OTHER, 0},
    {"torch._utils _rebuild_parameter", GLOBAL_REBUILD_PARAMETER, RW_TENSOR_OTHER, 0},
    {"collections OrderedDict", GLOBAL_ORDERED_DICT, RW_TENSOR_OTHER, 0},
    {"torch FloatStorage", GLOBAL_STORAGE, RW_TENSOR_F32, 4},
    {"torch HalfStorage", GLOBAL_STORAGE, RW_TENSOR_F16, 2},
    {"torch BFloat16Storage", GLOBAL_STORAGE, RW_TENSOR_BF16, 2},
    {"torch DoubleStorage", GLOBAL_STORAGE, RW_TENSOR_OTHER, 8},
    {"torch LongStorage", GLOBAL_STORAGE, RW_TENSOR_OTHER, 8},
    {"torch IntStorage", GLOBAL_STORAGE, RW_TENSOR_OTHER, 4},
    {"torch ShortStorage", GLOBAL_STORAGE, RW_TENSOR_OTHER, 2},
    {"torch CharStorage", GLOBAL_STORAGE, RW_TENSOR_OTHER, 1},
    {"torch ByteStorage", GLOBAL_STORAGE, RW_TENSOR_OTHER, 1},
    {"torch BoolStorage", GLOBAL_STORAGE, RW_TENSOR_OTHER, 1},
    {"torch Size", GLOBAL_IGNORED, RW_TENSOR_OTHER, 0},
    {"torch float32", GLOBAL_IGNORED, RW_TENSOR_OTHER, 0},
    {"torch float16", GLOBAL_IGNORED, RW_TENSOR_OTHER, 0},
    {"torch bfloat16", GLOBAL_IGNORED, RW_TENSOR_OTHER, 0},
};

enum kind {
    KIND_OTHER, /* allowed as data, and of no use: None, floats, lists */
    KIND_MARK,
    KIND_INT,
    KIND_TEXT,
    KIND_TUPLE,
    KIND_DICT,
    KIND_GLOBAL,
    KIND_STORAGE,
    KIND_TENSOR,
};

struct dict;

struct value {
    enum kind kind;
    union {
        int64_t number;
        struct rw_str text;
        struct {
            const struct value *items;
            size_t count;
        } tuple;
        struct dict *dict;
        const struct known_global *global;
        const struct rw_pickle_tensor *tensor; /* also of a STORAGE: key, elements, type */
    };
};

struct entry {
    struct rw_str key;
    struct value value;
    struct entry *next;
};

struct dict {
    struct entry *first;
    struct entry *last;
};

/* A list of values that doubles inside the arena. */
struct values {
    struct value *items;
    size_t count;
    size_t size;
    size_t max;
};

struct machine {
    struct rw_str text;
    size_t at;
    const char *name;
    struct rw_arena *arena;
    struct rw_error *err;
    struct values stack;
    struct values memo;
};

static rw_status corrupt(const struct machine *m, const char *what)
{
    return rw_fail(m->err, RW_MODEL_CORRUPT, "%s: the pickle %s (byte %zu)", m->name, what, m->at);
}

static rw_status no_memory(const struct machine *m)
{
    return rw_fail(m->err, RW_NO_MEMORY, "no memory for the pickle of %s", m->name);
}

/* ---- stack and memo -------------------------------------------------------------------------- */

static rw_status reserve(struct machine *m, struct values *list, size_t count)
{
    if (count <= list->size) {
        return RW_OK;
    }
    if (count > list->max) {
        return rw_fail(m->err, RW_LIMIT_EXCEEDED, "%s: the pickle has over %zu values at once",
                       m->name, list->max);
    }
    size_t size = list->size == 0 ? FIRST_SIZE : list->size;
    while (size < count) {
        size *= 2;
    }
    struct value *items = rw_arena_array(m->arena, size, sizeof *items);
    if (items == NULL) {
        return no_memory(m);
    }
    if (list->count > 0) {
        memcpy(items, list->items, list->count * sizeof *items);
    }
    list->items = items;
    list->size = size;
    return RW_OK;
}

static rw_status push(struct machine *m, struct value value)
{
    rw_status status = reserve(m, &m->stack, m->stack.count + 1);
    if (status == RW_OK) {
        m->stack.items[m->stack.count++] = value;
    }
    return status;
}

static rw_status push_other(struct machine *m)
{
    return push(m, (struct value){.kind = KIND_OTHER});
}

static rw_status push_int(struct machine *m, int64_t number)
{
    return push(m, (struct value){.kind = KIND_INT, .number = number});
}

/* The top of the stack, or NULL (a mark is no value). */
static struct value *top(struct machine *m)
{
    struct value *value = m->stack.count > 0 ? &m->stack.items[m->stack.count - 1] : NULL;
    return value != NULL && value->kind != KIND_MARK ? value : NULL;
}

/* Index behind the last mark; 0 when there is none (a mark is never below index 1 then). */
static size_t find_mark(const struct machine *m)
{
    size_t at = m->stack.count;
    while (at > 0 && m->stack.items[at - 1].kind != KIND_MARK) {
        at--;
    }
    return at;
}

static rw_status memo_put(struct machine *m, size_t index)
{
    const struct value *value = top(m);
    if (value == NULL) {
        return corrupt(m, "remembers nothing");
    }
    rw_status status = reserve(m, &m->memo, index + 1);
    if (status == RW_OK) {
        m->memo.items[index] = *value;
        m->memo.count = RW_MAX(m->memo.count, index + 1);
    }
    return status;
}

static rw_status memo_get(struct machine *m, size_t index)
{
    return index < m->memo.count ? push(m, m->memo.items[index])
                                 : corrupt(m, "recalls what it never remembered");
}

/* ---- reading --------------------------------------------------------------------------------- */

static bool take(struct machine *m, size_t len, const unsigned char **out)
{
    if (len > m->text.len - m->at) {
        return false;
    }
    *out = (const unsigned char *)m->text.ptr + m->at;
    m->at += len;
    return true;
}

/* Little-endian, of up to 8 bytes. */
static rw_status take_number(struct machine *m, size_t len, uint64_t *out)
{
    const unsigned char *bytes;
    if (!take(m, len, &bytes)) {
        return corrupt(m, "is cut off");
    }
    *out = 0;
    for (size_t i = len; i > 0; i--) {
        *out = *out << 8 | bytes[i - 1];
    }
    return RW_OK;
}

static rw_status take_text(struct machine *m, size_t length_bytes, struct rw_str *out)
{
    uint64_t len = 0;
    const unsigned char *bytes;
    rw_status status = take_number(m, length_bytes, &len);
    if (status != RW_OK) {
        return status;
    }
    if (len > m->text.len || !take(m, (size_t)len, &bytes)) {
        return corrupt(m, "is cut off");
    }
    *out = (struct rw_str){(const char *)bytes, (size_t)len};
    return RW_OK;
}

static rw_status push_text(struct machine *m, size_t length_bytes)
{
    struct value value = {.kind = KIND_TEXT};
    rw_status status = take_text(m, length_bytes, &value.text);
    return status == RW_OK ? push(m, value) : status;
}

static rw_status push_long(struct machine *m)
{
    uint64_t len = 0, bits = 0;
    rw_status status = take_number(m, 1, &len);
    if (status == RW_OK && len > 8) {
        return corrupt(m, "has a number over 64 bits");
    }
    status = status == RW_OK ? take_number(m, (size_t)len, &bits) : status;
    if (status != RW_OK) {
        return status;
    }
    if (len > 0 && len < 8 && (bits >> (8 * len - 1) & 1) != 0) {
        bits |= UINT64_MAX << (8 * len);
    }
    return push_int(m, (int64_t)bits);
}

/* ---- what is known by name ------------------------------------------------------------------- */

static rw_status push_global(struct machine *m, struct rw_str module, struct rw_str name)
{
    for (size_t i = 0; i < RW_COUNT(GLOBALS); i++) {
        struct rw_str known = rw_str_from(GLOBALS[i].name);
        if (known.len == module.len + 1 + name.len && known.ptr[module.len] == ' ' &&
            memcmp(known.ptr, module.ptr, module.len) == 0 &&
            memcmp(known.ptr + module.len + 1, name.ptr, name.len) == 0) {
            return push(m, (struct value){.kind = KIND_GLOBAL, .global = &GLOBALS[i]});
        }
    }
    rw_fail(m->err, RW_MODEL_UNSUPPORTED, "%s: the pickle asks for %.*s.%.*s, which is no tensor",
            m->name, (int)RW_MIN(module.len, (size_t)SHOWN), module.ptr,
            (int)RW_MIN(name.len, (size_t)SHOWN), name.ptr);
    rw_error_hint(m->err, "convert it where you trust it: "
                          "safetensors.torch.save_file(torch.load(...), 'model.safetensors')");
    return RW_MODEL_UNSUPPORTED;
}

static rw_status take_line(struct machine *m, struct rw_str *out)
{
    size_t end = rw_str_find(m->text, RW_STR("\n"), m->at);
    if (end >= m->text.len) {
        return corrupt(m, "is cut off");
    }
    *out = rw_str_slice(m->text, m->at, end);
    m->at = end + 1;
    return RW_OK;
}

static rw_status op_global(struct machine *m)
{
    struct rw_str module, name;
    rw_status status = take_line(m, &module);
    status = status == RW_OK ? take_line(m, &name) : status;
    return status == RW_OK ? push_global(m, module, name) : status;
}

static rw_status op_stack_global(struct machine *m)
{
    if (m->stack.count < 2) {
        return corrupt(m, "has too few values");
    }
    const struct value *pair = m->stack.items + m->stack.count - 2;
    if (pair[0].kind != KIND_TEXT || pair[1].kind != KIND_TEXT) {
        return corrupt(m, "names something without text");
    }
    struct rw_str module = pair[0].text, name = pair[1].text;
    m->stack.count -= 2;
    return push_global(m, module, name);
}

/* ("storage", torch.FloatStorage, "0", "cpu", elements) */
static rw_status op_persistent(struct machine *m)
{
    const struct value *id = top(m);
    const struct value *part = id != NULL && id->kind == KIND_TUPLE ? id->tuple.items : NULL;
    if (part == NULL || id->tuple.count != 5 || part[0].kind != KIND_TEXT ||
        !rw_str_is(part[0].text, "storage") || part[1].kind != KIND_GLOBAL ||
        part[1].global->what != GLOBAL_STORAGE || part[2].kind != KIND_TEXT ||
        part[4].kind != KIND_INT || part[4].number < 0) {
        return corrupt(m, "refers to something that is no storage");
    }
    struct rw_pickle_tensor *storage = rw_arena_alloc(m->arena, sizeof *storage);
    if (storage == NULL) {
        return no_memory(m);
    }
    storage->tensor.type = part[1].global->type;
    storage->element_bytes = part[1].global->width;
    storage->storage = part[2].text;
    storage->storage_elements = (uint64_t)part[4].number;
    m->stack.count--;
    return push(m, (struct value){.kind = KIND_STORAGE, .tensor = storage});
}

/* ---- calls ----------------------------------------------------------------------------------- */

static bool read_shape(const struct value *size, const struct value *stride,
                       struct rw_pickle_tensor *out, bool *contiguous)
{
    struct rw_tensor *t = &out->tensor;
    uint64_t step = 1;
    *contiguous = true;
    t->dims = (uint32_t)size->tuple.count;
    for (size_t i = 0; i < RW_TENSOR_DIMS_MAX; i++) {
        t->shape[i] = 1;
    }
    for (size_t i = size->tuple.count; i > 0; i--) { /* rows last: strides grow to the front */
        const struct value *extent = &size->tuple.items[i - 1], *jump = &stride->tuple.items[i - 1];
        if (extent->kind != KIND_INT || jump->kind != KIND_INT || extent->number < 0) {
            return false;
        }
        if (extent->number != 1 && jump->number != (int64_t)step) {
            *contiguous = false;
        }
        if (__builtin_mul_overflow(step, (uint64_t)extent->number, &step) || step > INT64_MAX) {
            return false;
        }
        if (i <= RW_TENSOR_DIMS_MAX) {
            t->shape[i - 1] = (uint64_t)extent->number;
        }
    }
    t->elements = step;
    *contiguous = *contiguous || step == 0;
    if (t->dims > RW_TENSOR_DIMS_MAX || !*contiguous) {
        t->type = RW_TENSOR_OTHER;
    }
    return true;
}

/* (storage, offset, size, stride, ...) */
static rw_status rebuild_tensor(struct machine *m, const struct value *args, struct value *out)
{
    const struct value *part = args->tuple.items;
    if (args->tuple.count < 4 || part[0].kind != KIND_STORAGE || part[1].kind != KIND_INT ||
        part[1].number < 0 || part[2].kind != KIND_TUPLE || part[3].kind != KIND_TUPLE ||
        part[2].tuple.count != part[3].tuple.count) {
        return corrupt(m, "builds a tensor of something else");
    }
    struct rw_pickle_tensor *tensor = rw_arena_alloc(m->arena, sizeof *tensor);
    if (tensor == NULL) {
        return no_memory(m);
    }
    bool contiguous;
    *tensor = *part[0].tensor;
    tensor->first = (uint64_t)part[1].number;
    if (!read_shape(&part[2], &part[3], tensor, &contiguous)) {
        return corrupt(m, "has a tensor of an impossible shape");
    }
    tensor->strided = !contiguous;
    /* A strided view lies somewhere inside its storage too; it is never read. */
    if (contiguous && (tensor->first > tensor->storage_elements ||
                       tensor->tensor.elements > tensor->storage_elements - tensor->first)) {
        return corrupt(m, "has a tensor beyond the end of its storage");
    }
    *out = (struct value){.kind = KIND_TENSOR, .tensor = tensor};
    return RW_OK;
}

static rw_status new_dict(struct machine *m, struct value *out)
{
    *out = (struct value){.kind = KIND_DICT, .dict = rw_arena_alloc(m->arena, sizeof *out->dict)};
    return out->dict != NULL ? RW_OK : no_memory(m);
}

static rw_status op_reduce(struct machine *m)
{
    if (m->stack.count < 2) {
        return corrupt(m, "has too few values");
    }
    const struct value *function = &m->stack.items[m->stack.count - 2];
    const struct value *args = &m->stack.items[m->stack.count - 1];
    if (function->kind != KIND_GLOBAL || args->kind != KIND_TUPLE) {
        return corrupt(m, "calls something that is no function");
    }
    struct value result = {.kind = KIND_OTHER};
    rw_status status = RW_OK;
    switch (function->global->what) {
    case GLOBAL_REBUILD_TENSOR:
        status = rebuild_tensor(m, args, &result);
        break;
    case GLOBAL_REBUILD_PARAMETER:
        if (args->tuple.count < 1 || args->tuple.items[0].kind != KIND_TENSOR) {
            return corrupt(m, "builds a parameter of something else");
        }
        result = args->tuple.items[0];
        break;
    case GLOBAL_ORDERED_DICT:
        if (args->tuple.count != 0) {
            return corrupt(m, "fills an OrderedDict in an unknown way");
        }
        status = new_dict(m, &result);
        break;
    case GLOBAL_IGNORED:
        break;
    case GLOBAL_STORAGE:
        return corrupt(m, "calls a storage");
    }
    if (status == RW_OK) {
        m->stack.count -= 2;
        status = push(m, result);
    }
    return status;
}

/* ---- containers ------------------------------------------------------------------------------ */

static rw_status make_tuple(struct machine *m, size_t first)
{
    struct value value = {.kind = KIND_TUPLE};
    size_t count = m->stack.count - first;
    for (size_t i = first; i < m->stack.count; i++) {
        if (m->stack.items[i].kind == KIND_MARK) {
            return corrupt(m, "has too few values");
        }
    }
    struct value *items = rw_arena_array(m->arena, count, sizeof *items);
    if (items == NULL) {
        return no_memory(m);
    }
    if (count > 0) {
        memcpy(items, m->stack.items + first, count * sizeof *items);
    }
    value.tuple.items = items;
    value.tuple.count = count;
    m->stack.count = first;
    return push(m, value);
}

static rw_status op_tuple(struct machine *m)
{
    size_t first = find_mark(m);
    if (first == 0) {
        return corrupt(m, "has no mark");
    }
    memmove(m->stack.items + first - 1, m->stack.items + first,
            (m->stack.count - first) * sizeof *m->stack.items);
    m->stack.count--;
    return make_tuple(m, first - 1);
}

static rw_status tuple_of(struct machine *m, size_t count)
{
    return m->stack.count >= count ? make_tuple(m, m->stack.count - count)
                                   : corrupt(m, "has too few values");
}

static rw_status store(struct machine *m, struct dict *dict, const struct value *pair)
{
    if (pair[0].kind != KIND_TEXT) {
        return RW_OK; /* no name of a tensor: numbers of an optimiser */
    }
    struct entry *entry = rw_arena_alloc(m->arena, sizeof *entry);
    if (entry == NULL) {
        return no_memory(m);
    }
    *entry = (struct entry){pair[0].text, pair[1], NULL};
    if (dict->last != NULL) {
        dict->last->next = entry;
    } else {
        dict->first = entry;
    }
    dict->last = entry;
    return RW_OK;
}

/* Values from `first` on are pairs for the dictionary at `below`. */
static rw_status set_items(struct machine *m, size_t below, size_t first)
{
    size_t count = m->stack.count - first;
    if (count % 2 != 0 || m->stack.items[below].kind != KIND_DICT) {
        return corrupt(m, "sets items of something else");
    }
    rw_status status = RW_OK;
    for (size_t i = 0; i < count && status == RW_OK; i += 2) {
        status = store(m, m->stack.items[below].dict, m->stack.items + first + i);
    }
    m->stack.count = below + 1;
    return status;
}

static rw_status op_set_items(struct machine *m)
{
    size_t first = find_mark(m);
    return first >= 2 ? set_items(m, first - 2, first) : corrupt(m, "has no mark");
}

static rw_status op_set_item(struct machine *m)
{
    return m->stack.count >= 3 ? set_items(m, m->stack.count - 3, m->stack.count - 2)
                               : corrupt(m, "has too few values");
}

static rw_status op_appends(struct machine *m)
{
    size_t first = find_mark(m);
    if (first < 2) {
        return corrupt(m, "has no mark");
    }
    m->stack.count = first - 1;
    return RW_OK;
}

static rw_status drop(struct machine *m)
{
    if (m->stack.count < 2 || top(m) == NULL) {
        return corrupt(m, "has too few values");
    }
    m->stack.count--;
    return RW_OK;
}

/* State of an object: only the _metadata of an OrderedDict, which nobody reads. */
static rw_status op_build(struct machine *m)
{
    if (m->stack.count < 2 || m->stack.items[m->stack.count - 2].kind != KIND_DICT) {
        return corrupt(m, "gives state to something that is no dictionary");
    }
    return drop(m);
}

static rw_status push_dict(struct machine *m)
{
    struct value value;
    rw_status status = new_dict(m, &value);
    return status == RW_OK ? push(m, value) : status;
}

/* ---- the loop -------------------------------------------------------------------------------- */

static rw_status numbered(struct machine *m, size_t bytes,
                          rw_status (*then)(struct machine *m, size_t index))
{
    uint64_t number = 0;
    rw_status status = take_number(m, bytes, &number);
    return status == RW_OK ? then(m, (size_t)number) : status;
}

static rw_status skip(struct machine *m, size_t bytes)
{
    const unsigned char *ignored;
    return take(m, bytes, &ignored) ? RW_OK : corrupt(m, "is cut off");
}

static rw_status push_small(struct machine *m, size_t bytes)
{
    uint64_t number = 0;
    rw_status status = take_number(m, bytes, &number);
    return status == RW_OK ? push_int(m, bytes == 4 ? (int32_t)(uint32_t)number : (int64_t)number)
                           : status;
}

static rw_status step(struct machine *m, unsigned char op)
{
    switch (op) {
    case 0x80: /* PROTO */
        return skip(m, 1);
    case 0x95: /* FRAME */
        return skip(m, 8);
    case '(':
        return push(m, (struct value){.kind = KIND_MARK});
    case '}':
        return push_dict(m);
    case ']': /* an empty list */
        return push_other(m);
    case ')':
        return make_tuple(m, m->stack.count);
    case 't':
        return op_tuple(m);
    case 0x85: /* TUPLE1, 2, 3 */
    case 0x86:
    case 0x87:
        return tuple_of(m, op - 0x84u);
    case 'X': /* BINUNICODE */
        return push_text(m, 4);
    case 0x8c: /* SHORT_BINUNICODE */
        return push_text(m, 1);
    case 'K':
        return push_small(m, 1);
    case 'M':
        return push_small(m, 2);
    case 'J':
        return push_small(m, 4);
    case 0x8a: /* LONG1 */
        return push_long(m);
    case 'G': { /* BINFLOAT */
        rw_status status = skip(m, 8);
        return status == RW_OK ? push_other(m) : status;
    }
    case 'N':
    case 0x88: /* True, False */
    case 0x89:
        return push_other(m);
    case 'c':
        return op_global(m);
    case 0x93:
        return op_stack_global(m);
    case 'Q':
        return op_persistent(m);
    case 'R':
        return op_reduce(m);
    case 'u':
        return op_set_items(m);
    case 's':
        return op_set_item(m);
    case 'e':
        return op_appends(m);
    case 'a':
    case '0':
        return drop(m);
    case 'b':
        return op_build(m);
    case 'q':
        return numbered(m, 1, memo_put);
    case 'r':
        return numbered(m, 4, memo_put);
    case 0x94: /* MEMOIZE */
        return memo_put(m, m->memo.count);
    case 'h':
        return numbered(m, 1, memo_get);
    case 'j':
        return numbered(m, 4, memo_get);
    default:
        return rw_fail(m->err, RW_MODEL_UNSUPPORTED,
                       "%s: the pickle uses opcode 0x%02x, which no state_dict needs", m->name, op);
    }
}

static rw_status run(struct machine *m, struct value *result)
{
    rw_status status = RW_OK;
    while (status == RW_OK) {
        const unsigned char *op;
        if (!take(m, 1, &op)) {
            return corrupt(m, "is cut off");
        }
        if (*op == '.') {
            if (m->stack.count != 1 || top(m) == NULL) {
                return corrupt(m, "ends with other than one value");
            }
            *result = *top(m);
            return RW_OK;
        }
        status = step(m, *op);
    }
    return status;
}

/* ---- the result ------------------------------------------------------------------------------ */

static const struct entry *first_tensor(const struct dict *dict)
{
    const struct entry *entry = dict->first;
    while (entry != NULL && entry->value.kind != KIND_TENSOR) {
        entry = entry->next;
    }
    return entry;
}

/* A trainer's file has the weights one dictionary deeper. */
static const struct dict *choose_dict(const struct dict *root)
{
    static const char *const NAMES[] = {"state_dict", "model_state_dict", "module", "model"};
    if (first_tensor(root) != NULL) {
        return root;
    }
    for (size_t i = 0; i < RW_COUNT(NAMES); i++) {
        for (const struct entry *e = root->first; e != NULL; e = e->next) {
            if (rw_str_is(e->key, NAMES[i]) && e->value.kind == KIND_DICT &&
                first_tensor(e->value.dict) != NULL) {
                return e->value.dict;
            }
        }
    }
    return root;
}

static rw_status collect(struct machine *m, const struct dict *dict, struct rw_pickle_tensors *out)
{
    size_t count = 0;
    for (const struct entry *e = dict->first; e != NULL; e = e->next) {
        count += e->value.kind == KIND_TENSOR;
    }
    out->items = rw_arena_array(m->arena, count, sizeof *out->items);
    if (out->items == NULL) {
        return no_memory(m);
    }
    for (const struct entry *e = dict->first; e != NULL; e = e->next) {
        if (e->value.kind == KIND_TENSOR) {
            struct rw_pickle_tensor *to = &out->items[out->count++];
            *to = *e->value.tensor;
            to->tensor.name = e->key;
        }
    }
    return count > 0 ? RW_OK : corrupt(m, "holds no tensors");
}

rw_status rw_pickle_read(struct rw_str text, const char *name, struct rw_arena *arena,
                         struct rw_pickle_tensors *out, struct rw_error *err)
{
    struct machine m = {.text = text, .name = name, .arena = arena, .err = err};
    struct value root = {.kind = KIND_OTHER};
    m.stack.max = RW_PICKLE_STACK_MAX;
    m.memo.max = RW_PICKLE_MEMO_MAX;
    *out = (struct rw_pickle_tensors){0};
    rw_status status = run(&m, &root);
    if (status != RW_OK) {
        return status;
    }
    return root.kind == KIND_DICT ? collect(&m, choose_dict(root.dict), out)
                                  : corrupt(&m, "is no dictionary of tensors");
}
