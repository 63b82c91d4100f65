#include "server/scoring/resume.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/base/util.h"

enum {
    TAG_DIGITS = 16, /* hexadecimal */
};

void rw_resume_init(struct rw_resume *r, uint64_t tag, size_t traces)
{
    *r = (struct rw_resume){.tag = tag, .traces = traces};
}

size_t rw_resume_end(const struct rw_resume *r)
{
    return RW_MIN(r->traces, r->base + RW_RESUME_WINDOW);
}

static size_t slot(const struct rw_resume *r, size_t trace)
{
    rw_assert(trace >= r->base && trace < rw_resume_end(r));
    return trace - r->base;
}

bool rw_resume_is_told(const struct rw_resume *r, size_t trace)
{
    return trace < r->base || r->told[slot(r, trace)];
}

void rw_resume_tell_step(struct rw_resume *r, size_t trace)
{
    rw_assert(!rw_resume_is_told(r, trace));
    r->steps[slot(r, trace)]++;
}

/* The window moves on over what is told at its front. */
static void settle(struct rw_resume *r)
{
    size_t done = 0;
    while (done < RW_RESUME_WINDOW && r->told[done]) {
        done++;
    }
    size_t left = RW_RESUME_WINDOW - done;
    memmove(r->steps, r->steps + done, left * sizeof r->steps[0]);
    memmove(r->told, r->told + done, left * sizeof r->told[0]);
    memset(r->steps + left, 0, done * sizeof r->steps[0]);
    memset(r->told + left, 0, done * sizeof r->told[0]);
    r->base += done;
}

void rw_resume_tell_trace(struct rw_resume *r, size_t trace)
{
    rw_assert(!rw_resume_is_told(r, trace));
    r->told[slot(r, trace)] = true;
    settle(r);
}

void rw_resume_write(const struct rw_resume *r, char out[RW_RESUME_ID_MAX])
{
    size_t n = rw_resume_end(r) - r->base;
    while (n > 0 && !r->told[n - 1] && r->steps[n - 1] == 0) {
        n--;
    }
    size_t at = (size_t)snprintf(out, RW_RESUME_ID_MAX, "%016" PRIx64 ".%zu", r->tag, r->base);
    for (size_t i = 0; i < n; i++) {
        int more = r->told[i] ? snprintf(out + at, RW_RESUME_ID_MAX - at, ".x")
                              : snprintf(out + at, RW_RESUME_ID_MAX - at, ".%" PRIu32, r->steps[i]);
        at += (size_t)more;
        rw_assert(at < RW_RESUME_ID_MAX);
    }
}

/* ---- reading --------------------------------------------------------------------------------- */

/* The part before the next dot, which is taken off. */
static struct rw_str next_part(struct rw_str *rest)
{
    size_t dot = rw_str_find(*rest, RW_STR("."), 0);
    struct rw_str part = rw_str_slice(*rest, 0, dot);
    *rest = dot < rest->len ? rw_str_slice(*rest, dot + 1, rest->len) : (struct rw_str){NULL, 0};
    return part;
}

/* Digits as rw_resume_write makes them, and nothing else. */
static bool read_number(struct rw_str part, uint64_t max, uint64_t *out)
{
    uint64_t value = 0;
    if (part.len == 0 || (part.len > 1 && part.ptr[0] == '0')) {
        return false;
    }
    for (size_t i = 0; i < part.len; i++) {
        unsigned digit = (unsigned)part.ptr[i] - '0';
        if (digit > 9 || digit > max || value > (max - digit) / 10) {
            return false;
        }
        value = 10 * value + digit;
    }
    *out = value;
    return true;
}

static bool read_slots(struct rw_resume *r, struct rw_str rest)
{
    size_t n = rw_resume_end(r) - r->base;
    for (size_t i = 0; rest.ptr != NULL; i++) {
        struct rw_str part = next_part(&rest);
        uint64_t steps = 0;
        bool told = rw_str_is(part, "x");
        if (i >= n || (!told && !read_number(part, UINT32_MAX, &steps))) {
            return false;
        }
        r->told[i] = told;
        r->steps[i] = (uint32_t)steps;
    }
    return true;
}

rw_status rw_resume_read(struct rw_resume *r, struct rw_str id, struct rw_error *err)
{
    char tag[TAG_DIGITS + 1];
    struct rw_resume read;
    struct rw_str rest = id;
    uint64_t base;
    snprintf(tag, sizeof tag, "%016" PRIx64, r->tag);
    rw_resume_init(&read, r->tag, r->traces);
    if (!rw_str_is(next_part(&rest), tag)) {
        rw_fail(err, RW_INVALID_REQUEST,
                "the event was of another request, or another model or build scores here");
        rw_error_param(err, "Last-Event-ID");
        rw_error_hint(err, "send the request again without Last-Event-ID; all events come again");
        return RW_INVALID_REQUEST;
    }
    bool good = rest.ptr != NULL && read_number(next_part(&rest), r->traces, &base);
    if (good) {
        read.base = (size_t)base;
        good = read_slots(&read, rest);
    }
    if (!good) {
        rw_fail(err, RW_INVALID_REQUEST, "no event of this request has that id");
        rw_error_param(err, "Last-Event-ID");
        return RW_INVALID_REQUEST;
    }
    settle(&read);
    *r = read;
    return RW_OK;
}
