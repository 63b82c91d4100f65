#include "core/text/protobuf.h"

#include <string.h>

static bool fail(struct rw_pb *pb)
{
    pb->malformed = true;
    return false;
}

static bool read_varint(struct rw_pb *pb, uint64_t *value)
{
    *value = 0;
    for (unsigned shift = 0; shift < 64 && pb->rest.len > 0; shift += 7) {
        unsigned char byte = (unsigned char)pb->rest.ptr[0];
        pb->rest = rw_str_slice(pb->rest, 1, pb->rest.len);
        *value |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80) {
            return true;
        }
    }
    return fail(pb);
}

static bool read_fixed(struct rw_pb *pb, size_t bytes, uint64_t *value)
{
    if (pb->rest.len < bytes) {
        return fail(pb);
    }
    *value = 0;
    for (size_t i = 0; i < bytes; i++) {
        *value |= (uint64_t)(unsigned char)pb->rest.ptr[i] << (8 * i);
    }
    pb->rest = rw_str_slice(pb->rest, bytes, pb->rest.len);
    return true;
}

static bool read_bytes(struct rw_pb *pb, struct rw_str *bytes)
{
    uint64_t len;
    if (!read_varint(pb, &len)) {
        return false;
    }
    if (len > pb->rest.len) {
        return fail(pb);
    }
    *bytes = rw_str_slice(pb->rest, 0, (size_t)len);
    pb->rest = rw_str_slice(pb->rest, (size_t)len, pb->rest.len);
    return true;
}

bool rw_pb_next(struct rw_pb *pb, struct rw_pb_field *field)
{
    uint64_t tag;
    if (pb->malformed || pb->rest.len == 0 || !read_varint(pb, &tag)) {
        return false;
    }
    *field = (struct rw_pb_field){.number = (uint32_t)(tag >> 3), .wire = tag & 7};
    if (tag >> 3 == 0 || tag >> 3 > 0x1FFFFFFF) {
        return fail(pb);
    }
    switch (field->wire) {
    case RW_PB_VARINT:
        return read_varint(pb, &field->value);
    case RW_PB_FIXED64:
        return read_fixed(pb, 8, &field->value);
    case RW_PB_FIXED32:
        return read_fixed(pb, 4, &field->value);
    case RW_PB_BYTES:
        return read_bytes(pb, &field->bytes);
    }
    return fail(pb); /* groups, and wire types that do not exist */
}

float rw_pb_float(const struct rw_pb_field *field)
{
    uint32_t bits = (uint32_t)field->value;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}
