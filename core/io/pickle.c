#include "core/io/pickle.h"

#include "core/base/util.h"
#include "core/io/pickle_parts.h"

/* ---- containers ------------------------------------------------------------------------------ */

static rw_status make_tuple(struct rw_pickle_machine *m, size_t first)
{
    struct rw_pickle_value value = {.kind = RW_PICKLE_TUPLE};
    size_t count = m->stack.count - first;
    for (size_t i = first; i < m->stack.count; i++) {
        if (m->stack.items[i].kind == RW_PICKLE_MARK) {
            return rw_pickle_corrupt(m, "has too few values");
        }
    }
    struct rw_pickle_value *items = rw_arena_array(m->arena, count, sizeof *items);
    if (items == NULL) {
        return rw_pickle_no_memory(m);
    }
    if (count > 0) {
        memcpy(items, m->stack.items + first, count * sizeof *items);
    }
    value.tuple.items = items;
    value.tuple.count = count;
    m->stack.count = first;
    return rw_pickle_push(m, value);
}

static rw_status op_tuple(struct rw_pickle_machine *m)
{
    size_t first = rw_pickle_find_mark(m);
    if (first == 0) {
        return rw_pickle_corrupt(m, "has no mark");
    }
    memmove(m->stack.items + first - 1, m->stack.items + first,
            (m->stack.count - first) * sizeof *m->stack.items);
    m->stack.count--;
    return make_tuple(m, first - 1);
}

static rw_status tuple_of(struct rw_pickle_machine *m, size_t count)
{
    return m->stack.count >= count ? make_tuple(m, m->stack.count - count)
                                   : rw_pickle_corrupt(m, "has too few values");
}

static rw_status store(struct rw_pickle_machine *m, struct rw_pickle_dict *dict,
                       const struct rw_pickle_value *pair)
{
    dict->items++;
    if (pair[0].kind != RW_PICKLE_TEXT) {
        return RW_OK; /* no name of a tensor: numbers of an optimiser */
    }
    struct rw_pickle_entry *entry = rw_arena_alloc(m->arena, sizeof *entry);
    if (entry == NULL) {
        return rw_pickle_no_memory(m);
    }
    *entry = (struct rw_pickle_entry){pair[0].text, pair[1], NULL};
    if (dict->last != NULL) {
        dict->last->next = entry;
    } else {
        dict->first = entry;
    }
    dict->last = entry;
    return RW_OK;
}

/* Values from `first` on are pairs for the dictionary at `below`. */
static rw_status set_items(struct rw_pickle_machine *m, size_t below, size_t first)
{
    size_t count = m->stack.count - first;
    if (count % 2 != 0 || m->stack.items[below].kind != RW_PICKLE_DICT) {
        return rw_pickle_corrupt(m, "sets items of something else");
    }
    rw_status status = RW_OK;
    for (size_t i = 0; i < count && status == RW_OK; i += 2) {
        status = store(m, m->stack.items[below].dict, m->stack.items + first + i);
    }
    m->stack.count = below + 1;
    return status;
}

static rw_status op_set_items(struct rw_pickle_machine *m)
{
    size_t first = rw_pickle_find_mark(m);
    return first >= 2 ? set_items(m, first - 2, first) : rw_pickle_corrupt(m, "has no mark");
}

static rw_status op_set_item(struct rw_pickle_machine *m)
{
    return m->stack.count >= 3 ? set_items(m, m->stack.count - 3, m->stack.count - 2)
                               : rw_pickle_corrupt(m, "has too few values");
}

static rw_status op_appends(struct rw_pickle_machine *m)
{
    size_t first = rw_pickle_find_mark(m);
    if (first < 2) {
        return rw_pickle_corrupt(m, "has no mark");
    }
    m->stack.count = first - 1;
    return RW_OK;
}

static rw_status drop(struct rw_pickle_machine *m)
{
    if (m->stack.count < 2 || rw_pickle_top(m) == NULL) {
        return rw_pickle_corrupt(m, "has too few values");
    }
    m->stack.count--;
    return RW_OK;
}

/* State of an object: only the _metadata of an OrderedDict, which nobody reads. */
static rw_status op_build(struct rw_pickle_machine *m)
{
    if (m->stack.count < 2 || m->stack.items[m->stack.count - 2].kind != RW_PICKLE_DICT) {
        return rw_pickle_corrupt(m, "gives state to something that is no dictionary");
    }
    return drop(m);
}

static rw_status push_dict(struct rw_pickle_machine *m)
{
    struct rw_pickle_value value;
    rw_status status = rw_pickle_dict_new(m, &value);
    return status == RW_OK ? rw_pickle_push(m, value) : status;
}

/* ---- the loop -------------------------------------------------------------------------------- */

static rw_status numbered(struct rw_pickle_machine *m, size_t bytes,
                          rw_status (*then)(struct rw_pickle_machine *m, size_t index))
{
    uint64_t number = 0;
    rw_status status = rw_pickle_take_number(m, bytes, &number);
    return status == RW_OK ? then(m, (size_t)number) : status;
}

static rw_status skip(struct rw_pickle_machine *m, size_t bytes)
{
    const unsigned char *ignored;
    return rw_pickle_take(m, bytes, &ignored) ? RW_OK : rw_pickle_corrupt(m, "is cut off");
}

static rw_status push_small(struct rw_pickle_machine *m, size_t bytes)
{
    uint64_t number = 0;
    rw_status status = rw_pickle_take_number(m, bytes, &number);
    return status == RW_OK
               ? rw_pickle_push_int(m, bytes == 4 ? (int32_t)(uint32_t)number : (int64_t)number)
               : status;
}

/* Opcodes that put one value on the stack; false: none of them. */
static bool step_value(struct rw_pickle_machine *m, unsigned char op, rw_status *status)
{
    switch (op) {
    case 'X': /* BINUNICODE */
        *status = rw_pickle_push_text(m, 4);
        return true;
    case 0x8c: /* SHORT_BINUNICODE */
        *status = rw_pickle_push_text(m, 1);
        return true;
    case 'K':
        *status = push_small(m, 1);
        return true;
    case 'M':
        *status = push_small(m, 2);
        return true;
    case 'J':
        *status = push_small(m, 4);
        return true;
    case 0x8a: /* LONG1 */
        *status = rw_pickle_push_long(m);
        return true;
    case 'G': /* BINFLOAT */
        *status = skip(m, 8);
        *status = *status == RW_OK ? rw_pickle_push_other(m) : *status;
        return true;
    case 'N':
    case 0x88: /* True, False */
    case 0x89:
        *status = rw_pickle_push_other(m);
        return true;
    default:
        return false;
    }
}

static rw_status step(struct rw_pickle_machine *m, unsigned char op)
{
    rw_status status;
    if (step_value(m, op, &status)) {
        return status;
    }
    switch (op) {
    case 0x80: /* PROTO */
        return skip(m, 1);
    case 0x95: /* FRAME */
        return skip(m, 8);
    case '(':
        return rw_pickle_push(m, (struct rw_pickle_value){.kind = RW_PICKLE_MARK});
    case '}':
        return push_dict(m);
    case ']': /* an empty list */
        return rw_pickle_push_other(m);
    case ')':
        return make_tuple(m, m->stack.count);
    case 't':
        return op_tuple(m);
    case 0x85: /* TUPLE1, 2, 3 */
    case 0x86:
    case 0x87:
        return tuple_of(m, op - 0x84u);
    case 'c':
        return rw_pickle_global(m);
    case 0x93:
        return rw_pickle_stack_global(m);
    case 'Q':
        return rw_pickle_persistent(m);
    case 'R':
        return rw_pickle_reduce(m);
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
        return numbered(m, 1, rw_pickle_memo_put);
    case 'r':
        return numbered(m, 4, rw_pickle_memo_put);
    case 0x94: /* MEMOIZE */
        return rw_pickle_memo_put(m, m->memo.count);
    case 'h':
        return numbered(m, 1, rw_pickle_memo_get);
    case 'j':
        return numbered(m, 4, rw_pickle_memo_get);
    default:
        rw_fail(m->err, RW_MODEL_UNSUPPORTED,
                "%s: the pickle uses opcode 0x%02x, which no state_dict needs", m->name, op);
        rw_error_hint(m->err, "convert it where you trust it: "
                              "safetensors.torch.save_file(torch.load(...), 'model.safetensors')");
        return RW_MODEL_UNSUPPORTED;
    }
}

static rw_status run(struct rw_pickle_machine *m, struct rw_pickle_value *result)
{
    rw_status status = RW_OK;
    while (status == RW_OK) {
        const unsigned char *op;
        if (!rw_pickle_take(m, 1, &op)) {
            return rw_pickle_corrupt(m, "is cut off");
        }
        if (*op == '.') {
            if (m->stack.count != 1 || rw_pickle_top(m) == NULL) {
                return rw_pickle_corrupt(m, "ends with other than one value");
            }
            *result = *rw_pickle_top(m);
            return RW_OK;
        }
        status = step(m, *op);
    }
    return status;
}

/* ---- the result ------------------------------------------------------------------------------ */

static const struct rw_pickle_entry *first_tensor(const struct rw_pickle_dict *dict)
{
    const struct rw_pickle_entry *entry = dict->first;
    while (entry != NULL && entry->value.kind != RW_PICKLE_TENSOR) {
        entry = entry->next;
    }
    return entry;
}

/* A trainer's file has the weights one dictionary deeper. */
static const struct rw_pickle_dict *choose_dict(const struct rw_pickle_dict *root)
{
    static const char *const NAMES[] = {"state_dict", "model_state_dict", "module", "model"};
    if (first_tensor(root) != NULL) {
        return root;
    }
    for (size_t i = 0; i < RW_COUNT(NAMES); i++) {
        for (const struct rw_pickle_entry *e = root->first; e != NULL; e = e->next) {
            if (rw_str_is(e->key, NAMES[i]) && e->value.kind == RW_PICKLE_DICT &&
                first_tensor(e->value.dict) != NULL) {
                return e->value.dict;
            }
        }
    }
    return root;
}

static rw_status collect(struct rw_pickle_machine *m, const struct rw_pickle_dict *dict,
                         struct rw_pickle_tensors *out)
{
    size_t count = 0;
    for (const struct rw_pickle_entry *e = dict->first; e != NULL; e = e->next) {
        count += e->value.kind == RW_PICKLE_TENSOR;
    }
    out->items = rw_arena_array(m->arena, count, sizeof *out->items);
    if (out->items == NULL) {
        return rw_pickle_no_memory(m);
    }
    for (const struct rw_pickle_entry *e = dict->first; e != NULL; e = e->next) {
        if (e->value.kind == RW_PICKLE_TENSOR) {
            struct rw_pickle_tensor *to = &out->items[out->count++];
            *to = *e->value.tensor;
            to->tensor.name = e->key;
        }
    }
    return count > 0 ? RW_OK : rw_pickle_corrupt(m, "holds no tensors");
}

rw_status rw_pickle_read(struct rw_str text, const char *name, struct rw_arena *arena,
                         struct rw_pickle_tensors *out, struct rw_error *err)
{
    struct rw_pickle_machine m = {.text = text, .name = name, .arena = arena, .err = err};
    struct rw_pickle_value root = {.kind = RW_PICKLE_OTHER};
    m.stack.max = RW_PICKLE_STACK_MAX;
    m.memo.max = RW_PICKLE_MEMO_MAX;
    *out = (struct rw_pickle_tensors){0};
    rw_status status = run(&m, &root);
    if (status != RW_OK) {
        return status;
    }
    return root.kind == RW_PICKLE_DICT ? collect(&m, choose_dict(root.dict), out)
                                       : rw_pickle_corrupt(&m, "is no dictionary of tensors");
}
