/* Just enough of the protocol buffer wire format to walk a SentencePiece model: fields in order,
 * every length checked against what is left. No schema, no memory. */
#ifndef RW_TEXT_PROTOBUF_H
#define RW_TEXT_PROTOBUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/str.h"

struct rw_pb {
    struct rw_str rest; /* not yet read */
    bool malformed;     /* sticks; nothing is read afterwards */
};

struct rw_pb_field {
    uint32_t number;
    enum rw_pb_wire {
        RW_PB_VARINT = 0,
        RW_PB_FIXED64 = 1,
        RW_PB_BYTES = 2,
        RW_PB_FIXED32 = 5,
    } wire;
    uint64_t value;      /* VARINT, FIXED32 and FIXED64 (the bits) */
    struct rw_str bytes; /* BYTES; borrowed */
};

/* False at the end, and on malformed input (then pb->malformed is set). */
bool rw_pb_next(struct rw_pb *pb, struct rw_pb_field *field);

/* The bits of a FIXED32 field as a float. */
float rw_pb_float(const struct rw_pb_field *field);

#endif
