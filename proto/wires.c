/* The table of wires: their routes, and what the tests and fuzz targets walk through. */
#include "proto/wire.h"

const struct rw_wire *const RW_WIRES[] = {
#define RW_WIRE(object) &object,
#include "proto/wires.def"
#undef RW_WIRE
    NULL,
};

/* "{id}" takes one segment that is not empty. */
static bool matches(const char *pattern, struct rw_str path)
{
    struct rw_str want = rw_str_from(pattern);
    size_t hole = rw_str_find(want, RW_STR("{id}"), 0);
    if (hole == want.len) {
        return rw_str_equal(want, path);
    }
    struct rw_str tail = rw_str_slice(want, hole + sizeof "{id}" - 1, want.len);
    if (path.len <= hole + tail.len || !rw_str_starts(path, rw_str_slice(want, 0, hole)) ||
        !rw_str_ends(path, tail)) {
        return false;
    }
    struct rw_str id = rw_str_slice(path, hole, path.len - tail.len);
    return rw_str_find(id, RW_STR("/"), 0) == id.len;
}

const struct rw_wire *rw_wire_at(struct rw_str path)
{
    for (size_t i = 0; RW_WIRES[i] != NULL; i++) {
        for (int p = 0; p < RW_WIRE_PATHS_MAX && RW_WIRES[i]->path[p] != NULL; p++) {
            if (matches(RW_WIRES[i]->path[p], path)) {
                return RW_WIRES[i];
            }
        }
    }
    return NULL;
}
