#include "server/http/http_in.h"

#include <string.h>

#include "core/base/assert.h"
#include "core/base/state.h"
#include "core/base/util.h"
#include "server/http/http_chars.h"

#define TO(state) RW_STATE(RW_HTTP_IN_##state)

/* The drawing in the header, as data. */
static const struct rw_state READER_STATE[] = {
    [RW_HTTP_IN_HEAD] = {"HEAD", TO(HEAD_DONE) | TO(BAD)},
    [RW_HTTP_IN_HEAD_DONE] = {"HEAD_DONE", TO(BODY) | TO(DONE)},
    [RW_HTTP_IN_BODY] = {"BODY", TO(DONE) | TO(BAD)},
    [RW_HTTP_IN_DONE] = {"DONE", 0},
    [RW_HTTP_IN_BAD] = {"BAD", 0},
};
static const struct rw_machine READER = {"http reader", READER_STATE, RW_COUNT(READER_STATE)};

static void move_to(struct rw_http_in *in, enum rw_http_in_state next)
{
    in->state = (enum rw_http_in_state)rw_machine_move(&READER, in, in->state, next);
}

/* ---- the guard: lines ------------------------------------------------------------------------ */

static void bad(struct rw_http_in *in, rw_status status, const char *text)
{
    move_to(in, RW_HTTP_IN_BAD);
    rw_fail(in->error, status, "%s", text);
}

/* Bytes of the head not looked at before. NUL, a bare CR and the other control bytes: every one of
 * them is a known way to make two readers disagree (RFC 9110 section 5.5). TAB is legal inside a
 * value. A CR at the very end may still be completed by its LF. Faults show at once: a client that
 * speaks something else (TLS, garbage) sends no line end to wait for. */
static const char *byte_fault(struct rw_http_in *in)
{
    const char *head = in->head.ptr;
    size_t i = in->checked;
    for (; i < in->head.len; i++) {
        unsigned char c = (unsigned char)head[i];
        if (c == '\r') {
            if (i + 1 == in->head.len) {
                break;
            }
            if (head[i + 1] != '\n') {
                return "a carriage return without a line feed in the request head";
            }
        } else if (c == '\n') {
            if (i == 0 || head[i - 1] != '\r') {
                return "a line feed without a carriage return in the request head";
            }
        } else if ((c < 0x20 && c != '\t') || c == 0x7F) {
            return "a control byte in the request head";
        }
    }
    in->checked = i;
    return NULL;
}

/* The first byte of a line: what is no HTTP and what is folded is told before the line ends. */
static const char *begin_fault(const struct rw_http_in *in)
{
    const char *line = in->head.ptr + in->line_begin;
    if (in->lines == 0) {
        return line[0] == '\r' || rw_http_is_token((unsigned char)line[0])
                   ? NULL
                   : "this is not an HTTP request";
    }
    return rw_http_is_blank((unsigned char)line[0]) ? "a folded header line" : NULL;
}

/* ---- receiving the head ---------------------------------------------------------------------- */

static void head_too_large(struct rw_http_in *in, const char *what, size_t limit)
{
    move_to(in, RW_HTTP_IN_BAD);
    rw_fail(in->error, RW_HEADERS_TOO_LARGE, "the request head has over %zu %s", limit, what);
    rw_error_hint(in->error, "--header-max raises the limit on bytes");
}

static void skip_empty_line(struct rw_http_in *in)
{
    in->empty_lines++;
    rw_buf_clear(&in->head);
    in->checked = 0;
    if (in->empty_lines > RW_LEADING_EMPTY_LINES_MAX) {
        bad(in, RW_BAD_HTTP, "empty lines instead of a request");
    }
}

/* The line is complete; its CRLF ends the head so far. */
static rw_status check_line(const struct rw_http_in *in)
{
    struct rw_str line = rw_str_slice(rw_buf_str(&in->head), in->line_begin, in->head.len - 2);
    if (in->lines == 0) {
        return rw_http_head_check_line(line, in->error);
    }
    return rw_http_head_is_field(line)
               ? RW_OK
               : rw_fail(in->error, RW_BAD_HTTP, "a header line is not \"name: value\"");
}

static void parse_head(struct rw_http_in *in)
{
    rw_status status = rw_http_head_parse(rw_buf_str(&in->head), &in->request, in->error);
    move_to(in, status == RW_OK ? RW_HTTP_IN_HEAD_DONE : RW_HTTP_IN_BAD);
}

/* head ends in CRLF: counts the line, and parses the head when the line is the empty one. */
static void end_line(struct rw_http_in *in)
{
    bool empty = in->head.len - in->line_begin == 2;
    if (empty && in->lines == 0) {
        skip_empty_line(in);
        return;
    }
    if (!empty && check_line(in) != RW_OK) {
        move_to(in, RW_HTTP_IN_BAD);
        return;
    }
    in->lines++;
    in->line_begin = in->head.len;
    if (empty) {
        parse_head(in);
    } else if (in->lines > RW_HEADERS_MAX + 1) {
        head_too_large(in, "header lines", RW_HEADERS_MAX);
    }
}

/* Bytes of one line, its end included if it is there. What does not fit is looked at only after
 * what does: the first fault in the bytes decides, however they were cut. */
static void feed_line(struct rw_http_in *in, const char *bytes, size_t len, bool ended)
{
    size_t room = in->head.max_bytes - in->head.len;
    size_t fits = RW_MIN(len, room);
    if (fits > 0 && !rw_buf_append(&in->head, bytes, fits)) {
        bad(in, RW_NO_MEMORY, "no memory for the request head");
        return;
    }
    const char *fault = in->head.len > in->line_begin ? begin_fault(in) : NULL;
    fault = fault != NULL ? fault : byte_fault(in);
    if (fault != NULL) {
        bad(in, RW_BAD_HTTP, fault);
    } else if (fits < len) {
        head_too_large(in, "bytes", in->head.max_bytes);
    } else if (ended) {
        end_line(in);
    }
}

static size_t feed_head(struct rw_http_in *in, const char *bytes, size_t len)
{
    size_t taken = 0;
    while (taken < len && in->state == RW_HTTP_IN_HEAD) {
        const char *lf = memchr(bytes + taken, '\n', len - taken);
        size_t n = lf != NULL ? (size_t)(lf - (bytes + taken)) + 1 : len - taken;
        feed_line(in, bytes + taken, n, lf != NULL);
        taken += n;
    }
    return taken;
}

/* ---- receiving the body ---------------------------------------------------------------------- */

static bool too_large(struct rw_http_in *in)
{
    move_to(in, RW_HTTP_IN_BAD);
    rw_fail(in->error, RW_BODY_TOO_LARGE, "the body is over %llu bytes",
            (unsigned long long)in->body_bytes_max);
    rw_error_hint(in->error, "--body-max raises the limit");
    return false;
}

/* `more` bytes of this piece are still to come. */
static bool keep(struct rw_http_in *in, struct rw_str data, uint64_t more)
{
    uint64_t room = in->body_bytes_max - in->body_bytes;
    if (data.len > room || more > room - data.len) {
        return too_large(in);
    }
    in->body_bytes += data.len;
    if (in->body != NULL && data.len > 0 && !rw_buf_append_str(in->body, data)) {
        bad(in, RW_NO_MEMORY, "no memory for the request body");
        return false;
    }
    return true;
}

static size_t feed_sized(struct rw_http_in *in, const char *bytes, size_t len)
{
    uint64_t left = in->request.content_length - in->body_bytes;
    size_t n = (size_t)(RW_MIN(left, (uint64_t)len));
    if (keep(in, (struct rw_str){bytes, n}, left - n) && n == left) {
        move_to(in, RW_HTTP_IN_DONE);
    }
    return n;
}

static size_t feed_chunked(struct rw_http_in *in, const char *bytes, size_t len)
{
    size_t taken = 0;
    while (taken < len && in->state == RW_HTTP_IN_BODY) {
        struct rw_str data;
        taken += rw_chunked_feed(&in->chunked, bytes + taken, len - taken, &data);
        bool inside = in->chunked.state == RW_CHUNKED_DATA;
        if (!keep(in, data, inside ? in->chunked.left : 0)) {
            break;
        }
        if (in->chunked.fault != NULL) {
            bad(in, RW_BAD_HTTP, in->chunked.fault);
        } else if (in->chunked.state == RW_CHUNKED_END) {
            move_to(in, RW_HTTP_IN_DONE);
        }
    }
    return taken;
}

void rw_http_in_accept_body(struct rw_http_in *in, struct rw_buf *body, uint64_t bytes_max)
{
    rw_assert(in->state == RW_HTTP_IN_HEAD_DONE);
    in->body = body;
    in->body_bytes_max = bytes_max;
    rw_chunked_init(&in->chunked);
    if (!in->request.chunked && in->request.content_length == 0) {
        move_to(in, RW_HTTP_IN_DONE);
        return;
    }
    move_to(in, RW_HTTP_IN_BODY);
}

size_t rw_http_in_feed(struct rw_http_in *in, const char *bytes, size_t len)
{
    switch (in->state) {
    case RW_HTTP_IN_HEAD:
        return feed_head(in, bytes, len);
    case RW_HTTP_IN_BODY:
        return in->request.chunked ? feed_chunked(in, bytes, len) : feed_sized(in, bytes, len);
    default:
        return 0;
    }
}

void rw_http_in_init(struct rw_http_in *in, size_t head_bytes_max, struct rw_error *error)
{
    *in = (struct rw_http_in){.state = RW_HTTP_IN_HEAD, .error = error};
    rw_buf_init(&in->head, head_bytes_max);
}

void rw_http_in_fini(struct rw_http_in *in)
{
    rw_buf_fini(&in->head);
}
