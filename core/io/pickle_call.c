#include "core/io/pickle_parts.h"

#include "core/base/util.h"

enum {
    SHOWN = 100, /* bytes of a name in a message */
};

static const struct rw_pickle_global GLOBALS[] = {
    {"torch._utils _rebuild_tensor_v2", RW_PICKLE_KNOWN_REBUILD_TENSOR, RW_TENSOR_OTHER, 0},
    {"torch._utils _rebuild_tensor", RW_PICKLE_KNOWN_REBUILD_TENSOR, RW_TENSOR_OTHER, 0},
    {"torch._utils _rebuild_parameter", RW_PICKLE_KNOWN_REBUILD_PARAMETER, RW_TENSOR_OTHER, 0},
    {"collections OrderedDict", RW_PICKLE_KNOWN_ORDERED_DICT, RW_TENSOR_OTHER, 0},
    {"torch FloatStorage", RW_PICKLE_KNOWN_STORAGE, RW_TENSOR_F32, 4},
    {"torch HalfStorage", RW_PICKLE_KNOWN_STORAGE, RW_TENSOR_F16, 2},
    {"torch BFloat16Storage", RW_PICKLE_KNOWN_STORAGE, RW_TENSOR_BF16, 2},
    {"torch DoubleStorage", RW_PICKLE_KNOWN_STORAGE, RW_TENSOR_OTHER, 8},
    {"torch LongStorage", RW_PICKLE_KNOWN_STORAGE, RW_TENSOR_OTHER, 8},
    {"torch IntStorage", RW_PICKLE_KNOWN_STORAGE, RW_TENSOR_OTHER, 4},
    {"torch ShortStorage", RW_PICKLE_KNOWN_STORAGE, RW_TENSOR_OTHER, 2},
    {"torch CharStorage", RW_PICKLE_KNOWN_STORAGE, RW_TENSOR_OTHER, 1},
    {"torch ByteStorage", RW_PICKLE_KNOWN_STORAGE, RW_TENSOR_OTHER, 1},
    {"torch BoolStorage", RW_PICKLE_KNOWN_STORAGE, RW_TENSOR_OTHER, 1},
    {"torch Size", RW_PICKLE_KNOWN_IGNORED, RW_TENSOR_OTHER, 0},
    {"torch float32", RW_PICKLE_KNOWN_IGNORED, RW_TENSOR_OTHER, 0},
    {"torch float16", RW_PICKLE_KNOWN_IGNORED, RW_TENSOR_OTHER, 0},
    {"torch bfloat16", RW_PICKLE_KNOWN_IGNORED, RW_TENSOR_OTHER, 0},
};

/* ---- what is known by name ------------------------------------------------------------------- */

static rw_status push_global(struct rw_pickle_machine *m, struct rw_str module, struct rw_str name)
{
    for (size_t i = 0; i < RW_COUNT(GLOBALS); i++) {
        struct rw_str known = rw_str_from(GLOBALS[i].name);
        if (known.len == module.len + 1 + name.len && known.ptr[module.len] == ' ' &&
            memcmp(known.ptr, module.ptr, module.len) == 0 &&
            memcmp(known.ptr + module.len + 1, name.ptr, name.len) == 0) {
            return rw_pickle_push(
                m, (struct rw_pickle_value){.kind = RW_PICKLE_GLOBAL, .global = &GLOBALS[i]});
        }
    }
    rw_fail(m->err, RW_MODEL_UNSUPPORTED, "%s: the pickle asks for %.*s.%.*s, which is no tensor",
            m->name, (int)RW_MIN(module.len, (size_t)SHOWN), module.ptr,
            (int)RW_MIN(name.len, (size_t)SHOWN), name.ptr);
    rw_error_hint(m->err, "convert it where you trust it: "
                          "safetensors.torch.save_file(torch.load(...), 'model.safetensors')");
    return RW_MODEL_UNSUPPORTED;
}

static rw_status take_line(struct rw_pickle_machine *m, struct rw_str *out)
{
    size_t end = rw_str_find(m->text, RW_STR("\n"), m->at);
    if (end >= m->text.len) {
        return rw_pickle_corrupt(m, "is cut off");
    }
    *out = rw_str_slice(m->text, m->at, end);
    m->at = end + 1;
    return RW_OK;
}

rw_status rw_pickle_global(struct rw_pickle_machine *m)
{
    struct rw_str module, name;
    rw_status status = take_line(m, &module);
    status = status == RW_OK ? take_line(m, &name) : status;
    return status == RW_OK ? push_global(m, module, name) : status;
}

rw_status rw_pickle_stack_global(struct rw_pickle_machine *m)
{
    if (m->stack.count < 2) {
        return rw_pickle_corrupt(m, "has too few values");
    }
    const struct rw_pickle_value *pair = m->stack.items + m->stack.count - 2;
    if (pair[0].kind != RW_PICKLE_TEXT || pair[1].kind != RW_PICKLE_TEXT) {
        return rw_pickle_corrupt(m, "names something without text");
    }
    struct rw_str module = pair[0].text, name = pair[1].text;
    m->stack.count -= 2;
    return push_global(m, module, name);
}

/* ("storage", torch.FloatStorage, "0", "cpu", elements) */
rw_status rw_pickle_persistent(struct rw_pickle_machine *m)
{
    const struct rw_pickle_value *id = rw_pickle_top(m);
    const struct rw_pickle_value *part =
        id != NULL && id->kind == RW_PICKLE_TUPLE ? id->tuple.items : NULL;
    if (part == NULL || id->tuple.count != 5 || part[0].kind != RW_PICKLE_TEXT ||
        !rw_str_is(part[0].text, "storage") || part[1].kind != RW_PICKLE_GLOBAL ||
        part[1].global->what != RW_PICKLE_KNOWN_STORAGE || part[2].kind != RW_PICKLE_TEXT ||
        part[4].kind != RW_PICKLE_INT || part[4].number < 0) {
        return rw_pickle_corrupt(m, "refers to something that is no storage");
    }
    struct rw_pickle_tensor *storage = rw_arena_alloc(m->arena, sizeof *storage);
    if (storage == NULL) {
        return rw_pickle_no_memory(m);
    }
    storage->tensor.type = part[1].global->type;
    storage->element_bytes = part[1].global->width;
    storage->storage = part[2].text;
    storage->storage_elements = (uint64_t)part[4].number;
    m->stack.count--;
    return rw_pickle_push(m,
                          (struct rw_pickle_value){.kind = RW_PICKLE_STORAGE, .tensor = storage});
}

/* ---- calls ----------------------------------------------------------------------------------- */

static bool read_shape(const struct rw_pickle_value *size, const struct rw_pickle_value *stride,
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
        const struct rw_pickle_value *extent = &size->tuple.items[i - 1],
                                     *jump = &stride->tuple.items[i - 1];
        if (extent->kind != RW_PICKLE_INT || jump->kind != RW_PICKLE_INT || extent->number < 0) {
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
static rw_status rebuild_tensor(struct rw_pickle_machine *m, const struct rw_pickle_value *args,
                                struct rw_pickle_value *out)
{
    const struct rw_pickle_value *part = args->tuple.items;
    if (args->tuple.count < 4 || part[0].kind != RW_PICKLE_STORAGE ||
        part[1].kind != RW_PICKLE_INT || part[1].number < 0 || part[2].kind != RW_PICKLE_TUPLE ||
        part[3].kind != RW_PICKLE_TUPLE || part[2].tuple.count != part[3].tuple.count) {
        return rw_pickle_corrupt(m, "builds a tensor of something else");
    }
    /* _rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks, metadata): the last
     * one says that the values are the negative or the conjugate of those stored. */
    if (args->tuple.count > 6 && (part[6].kind != RW_PICKLE_DICT || part[6].dict->items > 0)) {
        rw_fail(m->err, RW_MODEL_UNSUPPORTED,
                "%s: a tensor is stored as the negative or conjugate of its values", m->name);
        rw_error_hint(m->err, "save it again with .resolve_neg(), or as safetensors");
        return RW_MODEL_UNSUPPORTED;
    }
    struct rw_pickle_tensor *tensor = rw_arena_alloc(m->arena, sizeof *tensor);
    if (tensor == NULL) {
        return rw_pickle_no_memory(m);
    }
    bool contiguous;
    *tensor = *part[0].tensor;
    tensor->first = (uint64_t)part[1].number;
    if (!read_shape(&part[2], &part[3], tensor, &contiguous)) {
        return rw_pickle_corrupt(m, "has a tensor of an impossible shape");
    }
    tensor->strided = !contiguous;
    /* A strided view lies somewhere inside its storage too; it is never read. */
    if (contiguous && (tensor->first > tensor->storage_elements ||
                       tensor->tensor.elements > tensor->storage_elements - tensor->first)) {
        return rw_pickle_corrupt(m, "has a tensor beyond the end of its storage");
    }
    *out = (struct rw_pickle_value){.kind = RW_PICKLE_TENSOR, .tensor = tensor};
    return RW_OK;
}

rw_status rw_pickle_dict_new(struct rw_pickle_machine *m, struct rw_pickle_value *out)
{
    *out = (struct rw_pickle_value){.kind = RW_PICKLE_DICT,
                                    .dict = rw_arena_alloc(m->arena, sizeof *out->dict)};
    return out->dict != NULL ? RW_OK : rw_pickle_no_memory(m);
}

rw_status rw_pickle_reduce(struct rw_pickle_machine *m)
{
    if (m->stack.count < 2) {
        return rw_pickle_corrupt(m, "has too few values");
    }
    const struct rw_pickle_value *function = &m->stack.items[m->stack.count - 2];
    const struct rw_pickle_value *args = &m->stack.items[m->stack.count - 1];
    if (function->kind != RW_PICKLE_GLOBAL || args->kind != RW_PICKLE_TUPLE) {
        return rw_pickle_corrupt(m, "calls something that is no function");
    }
    struct rw_pickle_value result = {.kind = RW_PICKLE_OTHER};
    rw_status status = RW_OK;
    switch (function->global->what) {
    case RW_PICKLE_KNOWN_REBUILD_TENSOR:
        status = rebuild_tensor(m, args, &result);
        break;
    case RW_PICKLE_KNOWN_REBUILD_PARAMETER:
        if (args->tuple.count < 1 || args->tuple.items[0].kind != RW_PICKLE_TENSOR) {
            return rw_pickle_corrupt(m, "builds a parameter of something else");
        }
        result = args->tuple.items[0];
        break;
    case RW_PICKLE_KNOWN_ORDERED_DICT:
        if (args->tuple.count != 0) {
            return rw_pickle_corrupt(m, "fills an OrderedDict in an unknown way");
        }
        status = rw_pickle_dict_new(m, &result);
        break;
    case RW_PICKLE_KNOWN_IGNORED:
        break;
    case RW_PICKLE_KNOWN_STORAGE:
        return rw_pickle_corrupt(m, "calls a storage");
    }
    if (status == RW_OK) {
        m->stack.count -= 2;
        status = rw_pickle_push(m, result);
    }
    return status;
}
