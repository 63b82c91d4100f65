#include "server/http/http_in.h"

#include <string.h>
#include <strings.h>

#include "core/base/assert.h"
#include "core/base/state.h"
#include "core/base/util.h"

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

static bool is_token_char(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
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

static const char *line_fault(const struct rw_http_in *in)
{
    const char *line = in->head.ptr + in->line_begin;
    if (in->lines == 0) {
        return line[0] == '\r' || is_token_char((unsigned char)line[0])
                   ? NULL
                   : "this is not an HTTP request";
    }
    return line[0] == ' ' || line[0] == '\t' ? "a folded header line" : NULL;
}

/* ---- llhttp callbacks ------------------------------------------------------------------------ */

static struct rw_http_in *self(llhttp_t *parser)
{
    return parser->data;
}

static int on_url(llhttp_t *parser, const char *at, size_t len)
{
    self(parser)->target = (struct rw_str){at, len};
    return 0;
}

struct known_header {
    const char *name;
    enum rw_header header;
    bool once; /* a second line makes the request ambiguous */
};

static const struct known_header KNOWN[] = {
    {"host", RW_HEADER_HOST, true},
    {"content-length", RW_HEADER_CONTENT_LENGTH, true},
    {"transfer-encoding", RW_HEADER_TRANSFER_ENCODING, true},
    {"content-type", RW_HEADER_CONTENT_TYPE, true},
    {"content-encoding", RW_HEADER_CONTENT_ENCODING, true},
    {"authorization", RW_HEADER_AUTHORIZATION, true},
    {"expect", RW_HEADER_EXPECT, true},
    {"origin", RW_HEADER_ORIGIN, true},
    {"accept", RW_HEADER_ACCEPT, false},
    {"x-request-id", RW_HEADER_X_REQUEST_ID, false},
    {"last-event-id", RW_HEADER_LAST_EVENT_ID, false},
    {"traceparent", RW_HEADER_TRACEPARENT, false},
};

enum {
    KNOWN_COUNT = RW_COUNT(KNOWN)
};

static int on_header_field(llhttp_t *parser, const char *at, size_t len)
{
    struct rw_http_in *in = self(parser);
    in->field = RW_HEADER_OTHER;
    for (size_t i = 0; i < KNOWN_COUNT; i++) {
        if (strlen(KNOWN[i].name) == len && strncasecmp(KNOWN[i].name, at, len) == 0) {
            in->field = KNOWN[i].header;
        }
    }
    return 0;
}

static int on_header_value(llhttp_t *parser, const char *at, size_t len)
{
    struct rw_http_in *in = self(parser);
    if (in->state != RW_HTTP_IN_HEAD || in->field == RW_HEADER_OTHER) {
        return 0; /* trailers are checked and dropped */
    }
    struct rw_str *slot = &in->header[in->field];
    if (slot->ptr == NULL) {
        *slot = rw_str_trim((struct rw_str){at, len});
        return 0;
    }
    for (size_t i = 0; i < KNOWN_COUNT; i++) {
        if (KNOWN[i].header == in->field && KNOWN[i].once) {
            rw_fail(in->error, RW_BAD_HTTP, "more than one %s header", KNOWN[i].name);
            return -1;
        }
    }
    return 0;
}

static int on_headers_complete(llhttp_t *parser)
{
    /* An Upgrade we do not offer is ignored (RFC 9110 section 7.8); left set, llhttp would hand us
     * the body as another protocol. */
    parser->upgrade = 0;
    return HPE_PAUSED;
}

static bool guard_framing(struct rw_http_in *in, const char *bytes, size_t len);

static int on_body(llhttp_t *parser, const char *at, size_t len)
{
    struct rw_http_in *in = self(parser);
    if (!guard_framing(in, in->span_end, (size_t)(at - in->span_end))) {
        return -1;
    }
    in->span_end = at + len;
    in->framing_bytes = 0;
    in->framing_last = '\0';
    in->framing_before = '\0';
    in->body_bytes += len;
    if (in->body_bytes > in->body_bytes_max) {
        rw_fail(in->error, RW_BODY_TOO_LARGE, "the body is over %llu bytes",
                (unsigned long long)in->body_bytes_max);
        rw_error_hint(in->error, "--body-max raises the limit");
        return -1;
    }
    if (in->body != NULL && !rw_buf_append(in->body, at, len)) {
        rw_fail(in->error, RW_NO_MEMORY, "no memory for the request body");
        return -1;
    }
    return 0;
}

static int on_message_complete(llhttp_t *parser)
{
    (void)parser;
    return HPE_PAUSED;
}

static const llhttp_settings_t *settings(void)
{
    static llhttp_settings_t table;
    table.on_url = on_url;
    table.on_header_field = on_header_field;
    table.on_header_value = on_header_value;
    table.on_headers_complete = on_headers_complete;
    table.on_body = on_body;
    table.on_message_complete = on_message_complete;
    return &table;
}

/* ---- the guard: what the head says ----------------------------------------------------------- */

static bool valid_host(struct rw_str host)
{
    /* reg-name, IPv4 or [IPv6], and a port; no userinfo, no empty name. */
    if (host.len == 0 || host.len > 255) {
        return false;
    }
    for (size_t i = 0; i < host.len; i++) {
        unsigned char c = (unsigned char)host.ptr[i];
        bool word = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        if (!word && (c == '\0' || strchr("-._~:[]%", c) == NULL)) {
            return false;
        }
    }
    return host.ptr[0] != ':';
}

/* absolute-form (RFC 9112 section 3.2.2) is read as origin-form; its authority must be a host. */
static bool to_origin_form(struct rw_str *target)
{
    if (target->len > 0 && target->ptr[0] == '/') {
        return true;
    }
    if (rw_str_is(*target, "*")) {
        return true;
    }
    static const char SCHEME[] = "http://";
    size_t scheme = sizeof SCHEME - 1;
    if (target->len <= scheme || strncasecmp(target->ptr, SCHEME, scheme) != 0) {
        return false;
    }
    size_t slash = rw_str_find(*target, RW_STR("/"), scheme);
    if (!valid_host(rw_str_slice(*target, scheme, slash))) {
        return false;
    }
    *target = slash < target->len ? rw_str_slice(*target, slash, target->len) : RW_STR("/");
    return true;
}

static rw_status check_body_headers(struct rw_http_in *in)
{
    struct rw_str te = in->header[RW_HEADER_TRANSFER_ENCODING];
    struct rw_str length = in->header[RW_HEADER_CONTENT_LENGTH];
    if (te.ptr != NULL) {
        if (in->http_minor == 0) {
            return rw_fail(in->error, RW_BAD_HTTP, "Transfer-Encoding in HTTP/1.0");
        }
        if (length.ptr != NULL) {
            return rw_fail(in->error, RW_BAD_HTTP, "Transfer-Encoding beside Content-Length");
        }
        if (te.len != 7 || strncasecmp(te.ptr, "chunked", 7) != 0) {
            return rw_fail(in->error, RW_BAD_HTTP, "Transfer-Encoding is not exactly \"chunked\"");
        }
        in->chunked = true;
    }
    if (length.ptr != NULL) {
        unsigned long long value = 0;
        if (!rw_str_to_u64(length, &value)) {
            return rw_fail(in->error, RW_BAD_HTTP, "Content-Length is not a number");
        }
        in->has_length = true;
        in->content_length = value;
    }
    return RW_OK;
}

static rw_status check_head(struct rw_http_in *in)
{
    struct rw_str host = in->header[RW_HEADER_HOST];
    if (in->parser.http_major != 1 || in->parser.http_minor > 1) {
        return rw_fail(in->error, RW_HTTP_VERSION, "only HTTP/1.0 and HTTP/1.1 are spoken here");
    }
    in->http_minor = in->parser.http_minor;
    if (host.ptr == NULL && in->http_minor == 1) {
        return rw_fail(in->error, RW_BAD_HTTP, "HTTP/1.1 without a Host header");
    }
    if (host.ptr != NULL && !valid_host(host)) {
        return rw_fail(in->error, RW_BAD_HTTP, "the Host header is not a host");
    }
    if (in->target.len > RW_TARGET_BYTES_MAX) {
        return rw_fail(in->error, RW_HEADERS_TOO_LARGE, "the request target is over %d bytes",
                       RW_TARGET_BYTES_MAX);
    }
    if (!to_origin_form(&in->target)) {
        return rw_fail(in->error, RW_BAD_HTTP, "the request target is not a path");
    }
    return check_body_headers(in);
}

/* The whole head is in the buffer and has passed the line guard. */
static void parse_head(struct rw_http_in *in)
{
    llhttp_init(&in->parser, HTTP_REQUEST, settings());
    in->parser.data = in;
    in->span_end = in->head.ptr;
    enum llhttp_errno code = llhttp_execute(&in->parser, in->head.ptr, in->head.len);
    if (code != HPE_PAUSED) {
        if (in->error->status == RW_OK) {
            rw_status status = code == HPE_INVALID_VERSION ? RW_HTTP_VERSION : RW_BAD_HTTP;
            const char *reason = llhttp_get_error_reason(&in->parser);
            rw_fail(in->error, status, "%s",
                    reason != NULL && reason[0] != '\0' ? reason : "the request head is malformed");
        }
        move_to(in, RW_HTTP_IN_BAD);
        return;
    }
    in->method = rw_str_slice((struct rw_str){in->head.ptr, in->head.len}, 0,
                              (size_t)(in->target.ptr - in->head.ptr - 1));
    in->keep_alive = llhttp_should_keep_alive(&in->parser) != 0;
    move_to(in, check_head(in) == RW_OK ? RW_HTTP_IN_HEAD_DONE : RW_HTTP_IN_BAD);
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

/* name ":" ...; llhttp 8.1 takes an empty name and white space before the colon, which RFC 9112
 * section 5.1 calls a way to smuggle. */
static bool has_name(const struct rw_http_in *in)
{
    const char *line = in->head.ptr + in->line_begin;
    size_t len = in->head.len - in->line_begin;
    size_t i = 0;
    while (i < len && is_token_char((unsigned char)line[i])) {
        i++;
    }
    return i > 0 && i < len && line[i] == ':';
}

/* head ends in CRLF: counts the line, and parses the head when the line is the empty one. */
static void end_line(struct rw_http_in *in)
{
    bool empty = in->head.len - in->line_begin == 2;
    if (empty && in->lines == 0) {
        skip_empty_line(in);
        return;
    }
    if (!empty && in->lines > 0 && !has_name(in)) {
        bad(in, RW_BAD_HTTP, "a header line is not \"name: value\"");
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

static size_t feed_head(struct rw_http_in *in, const char *bytes, size_t len)
{
    size_t taken = 0;
    while (taken < len && in->state == RW_HTTP_IN_HEAD) {
        const char *lf = memchr(bytes + taken, '\n', len - taken);
        size_t n = lf != NULL ? (size_t)(lf - (bytes + taken)) + 1 : len - taken;
        if (n > in->head.max_bytes - in->head.len) {
            head_too_large(in, "bytes", in->head.max_bytes);
            return taken;
        }
        if (!rw_buf_append(&in->head, bytes + taken, n)) {
            bad(in, RW_NO_MEMORY, "no memory for the request head");
            return taken;
        }
        taken += n;
        const char *fault = byte_fault(in);
        fault = fault != NULL ? fault : line_fault(in);
        if (fault != NULL) {
            bad(in, RW_BAD_HTTP, fault);
        } else if (lf != NULL) {
            end_line(in);
        }
    }
    return taken;
}

/* ---- receiving the body ---------------------------------------------------------------------- */

/* Chunk sizes, extensions and trailers: everything of a chunked body that is not data. */
static bool guard_framing(struct rw_http_in *in, const char *bytes, size_t len)
{
    const char *fault = NULL;
    for (size_t i = 0; i < len && fault == NULL; i++) {
        unsigned char c = (unsigned char)bytes[i];
        bool after_line = in->framing_before == '\r' && in->framing_last == '\n';
        if ((in->framing_last == '\r') != (c == '\n')) {
            fault = "a line of the chunked body does not end in CRLF";
        } else if ((c < 0x20 && c != '\t' && c != '\r' && c != '\n') || c == 0x7F) {
            fault = "a control byte in the framing of the chunked body";
        } else if (after_line && (c == ' ' || c == '\t')) {
            fault = "a folded line in the framing of the chunked body";
        }
        in->framing_before = in->framing_last;
        in->framing_last = (char)c;
    }
    in->framing_bytes += len;
    if (fault == NULL && in->framing_bytes > RW_FRAMING_BYTES_MAX) {
        fault = "chunk extensions or trailers are too long";
    }
    if (fault != NULL && in->error->status == RW_OK) {
        rw_fail(in->error, RW_BAD_HTTP, "%s", fault);
    }
    return fault == NULL;
}

static void body_failed(struct rw_http_in *in)
{
    if (in->error->status == RW_OK) {
        const char *reason = llhttp_get_error_reason(&in->parser);
        rw_fail(in->error, RW_BAD_HTTP, "%s",
                reason != NULL && reason[0] != '\0' ? reason : "the chunked body is malformed");
    }
    move_to(in, RW_HTTP_IN_BAD);
}

static size_t feed_body(struct rw_http_in *in, const char *bytes, size_t len)
{
    in->span_end = bytes;
    enum llhttp_errno code = llhttp_execute(&in->parser, bytes, len);
    size_t taken = len;
    if (code == HPE_PAUSED) {
        taken = (size_t)(llhttp_get_error_pos(&in->parser) - bytes);
    } else if (code != HPE_OK) {
        body_failed(in);
        return len;
    }
    const char *end = bytes + taken;
    if (end > in->span_end && !guard_framing(in, in->span_end, (size_t)(end - in->span_end))) {
        body_failed(in);
        return len;
    }
    if (code == HPE_PAUSED) {
        move_to(in, RW_HTTP_IN_DONE);
    }
    return taken;
}

void rw_http_in_accept_body(struct rw_http_in *in, struct rw_buf *body, uint64_t bytes_max)
{
    rw_assert(in->state == RW_HTTP_IN_HEAD_DONE);
    in->body = body;
    in->body_bytes_max = bytes_max;
    if (!in->chunked && in->content_length == 0) {
        move_to(in, RW_HTTP_IN_DONE);
        return;
    }
    move_to(in, RW_HTTP_IN_BODY);
    llhttp_resume(&in->parser);
}

size_t rw_http_in_feed(struct rw_http_in *in, const char *bytes, size_t len)
{
    switch (in->state) {
    case RW_HTTP_IN_HEAD:
        return feed_head(in, bytes, len);
    case RW_HTTP_IN_BODY:
        return len > 0 ? feed_body(in, bytes, len) : 0;
    default:
        return 0;
    }
}

void rw_http_in_init(struct rw_http_in *in, size_t head_bytes_max, struct rw_error *error)
{
    *in = (struct rw_http_in){.state = RW_HTTP_IN_HEAD, .field = RW_HEADER_OTHER, .error = error};
    rw_buf_init(&in->head, head_bytes_max);
}

void rw_http_in_fini(struct rw_http_in *in)
{
    rw_buf_fini(&in->head);
}

void rw_http_in_reset(struct rw_http_in *in)
{
    rw_http_in_fini(in);
    rw_http_in_init(in, in->head.max_bytes, in->error);
}
