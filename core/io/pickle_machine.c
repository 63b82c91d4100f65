#include "core/io/pickle_parts.h"

#include "core/base/util.h"

enum {
    FIRST_SIZE = 64, /* of stack and memo; doubled when full */
};

rw_status rw_pickle_corrupt(const struct rw_pickle_machine *m, const char *what)
{
    return rw_fail(m->err, RW_MODEL_CORRUPT, "%s: the pickle %s (byte %zu)", m->name, what, m->at);
}

rw_status rw_pickle_no_memory(const struct rw_pickle_machine *m)
{
    return rw_fail(m->err, RW_NO_MEMORY, "no memory for the pickle of %s", m->name);
}

/* ---- stack and memo -------------------------------------------------------------------------- */

static rw_status reserve(struct rw_pickle_machine *m, struct rw_pickle_values *list, size_t count)
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
    struct rw_pickle_value *items = rw_arena_array(m->arena, size, sizeof *items);
    if (items == NULL) {
        return rw_pickle_no_memory(m);
    }
    if (list->count > 0) {
        memcpy(items, list->items, list->count * sizeof *items);
    }
    list->items = items;
    list->size = size;
    return RW_OK;
}

rw_status rw_pickle_push(struct rw_pickle_machine *m, struct rw_pickle_value value)
{
    rw_status status = reserve(m, &m->stack, m->stack.count + 1);
    if (status == RW_OK) {
        m->stack.items[m->stack.count++] = value;
    }
    return status;
}

rw_status rw_pickle_push_other(struct rw_pickle_machine *m)
{
    return rw_pickle_push(m, (struct rw_pickle_value){.kind = RW_PICKLE_OTHER});
}

rw_status rw_pickle_push_int(struct rw_pickle_machine *m, int64_t number)
{
    return rw_pickle_push(m, (struct rw_pickle_value){.kind = RW_PICKLE_INT, .number = number});
}

/* The top of the stack, or NULL (a mark is no value). */
struct rw_pickle_value *rw_pickle_top(struct rw_pickle_machine *m)
{
    struct rw_pickle_value *value = m->stack.count > 0 ? &m->stack.items[m->stack.count - 1] : NULL;
    return value != NULL && value->kind != RW_PICKLE_MARK ? value : NULL;
}

/* Index behind the last mark; 0 when there is none (a mark is never below index 1 then). */
size_t rw_pickle_find_mark(const struct rw_pickle_machine *m)
{
    size_t at = m->stack.count;
    while (at > 0 && m->stack.items[at - 1].kind != RW_PICKLE_MARK) {
        at--;
    }
    return at;
}

rw_status rw_pickle_memo_put(struct rw_pickle_machine *m, size_t index)
{
    const struct rw_pickle_value *value = rw_pickle_top(m);
    if (value == NULL) {
        return rw_pickle_corrupt(m, "remembers nothing");
    }
    rw_status status = reserve(m, &m->memo, index + 1);
    if (status == RW_OK) {
        m->memo.items[index] = *value;
        m->memo.count = RW_MAX(m->memo.count, index + 1);
    }
    return status;
}

rw_status rw_pickle_memo_get(struct rw_pickle_machine *m, size_t index)
{
    return index < m->memo.count ? rw_pickle_push(m, m->memo.items[index])
                                 : rw_pickle_corrupt(m, "recalls what it never remembered");
}

/* ---- reading --------------------------------------------------------------------------------- */

bool rw_pickle_take(struct rw_pickle_machine *m, size_t len, const unsigned char **out)
{
    if (len > m->text.len - m->at) {
        return false;
    }
    *out = (const unsigned char *)m->text.ptr + m->at;
    m->at += len;
    return true;
}

/* Little-endian, of up to 8 bytes. */
rw_status rw_pickle_take_number(struct rw_pickle_machine *m, size_t len, uint64_t *out)
{
    const unsigned char *bytes;
    if (!rw_pickle_take(m, len, &bytes)) {
        return rw_pickle_corrupt(m, "is cut off");
    }
    *out = 0;
    for (size_t i = len; i > 0; i--) {
        *out = *out << 8 | bytes[i - 1];
    }
    return RW_OK;
}

static rw_status take_text(struct rw_pickle_machine *m, size_t length_bytes, struct rw_str *out)
{
    uint64_t len = 0;
    const unsigned char *bytes;
    rw_status status = rw_pickle_take_number(m, length_bytes, &len);
    if (status != RW_OK) {
        return status;
    }
    if (len > m->text.len || !rw_pickle_take(m, (size_t)len, &bytes)) {
        return rw_pickle_corrupt(m, "is cut off");
    }
    *out = (struct rw_str){(const char *)bytes, (size_t)len};
    return RW_OK;
}

rw_status rw_pickle_push_text(struct rw_pickle_machine *m, size_t length_bytes)
{
    struct rw_pickle_value value = {.kind = RW_PICKLE_TEXT};
    rw_status status = take_text(m, length_bytes, &value.text);
    return status == RW_OK ? rw_pickle_push(m, value) : status;
}

rw_status rw_pickle_push_long(struct rw_pickle_machine *m)
{
    uint64_t len = 0, bits = 0;
    rw_status status = rw_pickle_take_number(m, 1, &len);
    if (status == RW_OK && len > 8) {
        return rw_pickle_corrupt(m, "has a number over 64 bits");
    }
    status = status == RW_OK ? rw_pickle_take_number(m, (size_t)len, &bits) : status;
    if (status != RW_OK) {
        return status;
    }
    if (len > 0 && len < 8 && (bits >> (8 * len - 1) & 1) != 0) {
        bits |= UINT64_MAX << (8 * len);
    }
    return rw_pickle_push_int(m, (int64_t)bits);
}
