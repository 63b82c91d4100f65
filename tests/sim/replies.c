#include "tests/sim/replies.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/base/util.h"

static bool has(struct rw_str text, const char *what)
{
    return rw_str_find(text, rw_str_from(what), 0) < text.len;
}

static size_t number_behind(struct rw_str head, const char *name)
{
    size_t at = rw_str_find(head, rw_str_from(name), 0) + strlen(name);
    size_t value = 0;
    rw_assert(at < head.len);
    for (; at < head.len && head.ptr[at] >= '0' && head.ptr[at] <= '9'; at++) {
        value = 10 * value + (size_t)(head.ptr[at] - '0');
    }
    return value;
}

/* RFC 9112, 7.1, as this server writes it: no extensions, no trailers. */
static void read_chunks(struct rw_str *rest, struct rw_arena *arena, struct sim_reply *out)
{
    char *body = rw_arena_alloc(arena, rest->len + 1);
    size_t at = 0;
    rw_assert(body != NULL);
    out->body = (struct rw_str){body, 0};
    while (at < rest->len) {
        size_t line = rw_str_find(*rest, RW_STR("\r\n"), at);
        if (line == rest->len) {
            break;
        }
        size_t size = strtoul(rest->ptr + at, NULL, 16);
        at = line + 2;
        size_t have = RW_MIN(size, rest->len - at);
        memcpy(body + out->body.len, rest->ptr + at, have);
        out->body.len += have;
        at += have;
        if (rest->len - at < 2) {
            break;
        }
        rw_assert(memcmp(rest->ptr + at, "\r\n", 2) == 0);
        at += 2;
        if (size == 0) {
            out->whole = true;
            *rest = rw_str_slice(*rest, at, rest->len);
            return;
        }
    }
    *rest = rw_str_slice(*rest, rest->len, rest->len);
}

static void read_body(struct rw_str *rest, struct rw_arena *arena, struct sim_reply *out)
{
    if (has(out->head, "\r\nTransfer-Encoding: chunked\r\n")) {
        read_chunks(rest, arena, out);
        return;
    }
    size_t size = out->status == 204 ? 0 : number_behind(out->head, "\r\nContent-Length: ");
    size_t have = RW_MIN(size, rest->len);
    out->whole = have == size;
    out->body = rw_str_slice(*rest, 0, have);
    *rest = rw_str_slice(*rest, have, rest->len);
}

bool sim_reply_next(struct rw_str *rest, struct rw_arena *arena, struct sim_reply *out)
{
    while (rest->len > 0) {
        *out = (struct sim_reply){0};
        size_t end = rw_str_find(*rest, RW_STR("\r\n\r\n"), 0);
        if (end == rest->len) {
            *rest = rw_str_slice(*rest, rest->len, rest->len);
            return true; /* cut inside a head: status 0 */
        }
        rw_assert(rw_str_starts(*rest, RW_STR("HTTP/1.1 ")));
        out->head = rw_str_slice(*rest, 0, end + 4);
        out->status = atoi(rest->ptr + 9);
        out->closes = has(out->head, "\r\nConnection: close\r\n");
        *rest = rw_str_slice(*rest, end + 4, rest->len);
        if (out->status != 100) {
            read_body(rest, arena, out);
            return true;
        }
    }
    return false;
}
