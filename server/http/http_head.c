#include "server/http/http_head.h"

#include <strings.h>

#include "core/base/util.h"
#include "server/http/authority.h"
#include "server/http/http_chars.h"

static bool is_word(struct rw_str s, const char *word)
{
    return s.len == strlen(word) && strncasecmp(s.ptr, word, s.len) == 0;
}

/* ---- the request line ------------------------------------------------------------------------ */

struct line {
    struct rw_str method;
    struct rw_str target;
    struct rw_str version;
};

/* method SP request-target SP HTTP-version, with exactly one space each (section 3). */
static bool split_line(struct rw_str line, struct line *out)
{
    size_t first = rw_str_find(line, RW_STR(" "), 0);
    if (first == line.len) {
        return false;
    }
    size_t second = rw_str_find(line, RW_STR(" "), first + 1);
    if (second == line.len) {
        return false;
    }
    out->method = rw_str_slice(line, 0, first);
    out->target = rw_str_slice(line, first + 1, second);
    out->version = rw_str_slice(line, second + 1, line.len);
    return true;
}

/* No fragment, no white space, ASCII. The characters that a URI must escape but browsers do not
 * are let through: no route and no framing depends on them. */
static bool is_target(struct rw_str target)
{
    for (size_t i = 0; i < target.len; i++) {
        unsigned char c = (unsigned char)target.ptr[i];
        if (c <= 0x20 || c >= 0x7F || c == '#') {
            return false;
        }
    }
    return target.len > 0;
}

/* "HTTP/" DIGIT "." DIGIT, case and all (section 2.3). */
static bool is_version(struct rw_str v)
{
    return v.len == 8 && memcmp(v.ptr, "HTTP/", 5) == 0 && v.ptr[5] >= '0' && v.ptr[5] <= '9' &&
           v.ptr[6] == '.' && v.ptr[7] >= '0' && v.ptr[7] <= '9';
}

static rw_status read_line(struct rw_str text, struct line *out, struct rw_error *err)
{
    if (!split_line(text, out) || !rw_http_all_token(out->method) || !is_target(out->target) ||
        !is_version(out->version)) {
        return rw_fail(err, RW_BAD_HTTP, "the first line is not \"METHOD /path HTTP/1.1\"");
    }
    if (out->version.ptr[5] != '1') {
        return rw_fail(err, RW_HTTP_VERSION, "only HTTP/1.0 and HTTP/1.1 are spoken here");
    }
    if (out->target.len > RW_TARGET_BYTES_MAX) {
        return rw_fail(err, RW_HEADERS_TOO_LARGE, "the request target is over %d bytes",
                       RW_TARGET_BYTES_MAX);
    }
    return RW_OK;
}

rw_status rw_http_head_check_line(struct rw_str line, struct rw_error *err)
{
    struct line parts;
    return read_line(line, &parts, err);
}

/* ---- fields ---------------------------------------------------------------------------------- */

struct known_header {
    const char *name;
    enum rw_header header;
    bool once; /* a second line makes the request ambiguous */
};

static const struct known_header KNOWN[] = {
    {"host", RW_HEADER_HOST, true},
    {"content-length", RW_HEADER_CONTENT_LENGTH, true},
    {"transfer-encoding", RW_HEADER_TRANSFER_ENCODING, false},
    {"content-type", RW_HEADER_CONTENT_TYPE, true},
    {"content-encoding", RW_HEADER_CONTENT_ENCODING, true},
    {"authorization", RW_HEADER_AUTHORIZATION, true},
    {"expect", RW_HEADER_EXPECT, true},
    {"origin", RW_HEADER_ORIGIN, true},
    {"accept", RW_HEADER_ACCEPT, false},
    {"x-request-id", RW_HEADER_X_REQUEST_ID, false},
    {"last-event-id", RW_HEADER_LAST_EVENT_ID, false},
    {"traceparent", RW_HEADER_TRACEPARENT, false},
    {"access-control-request-method", RW_HEADER_PREFLIGHT_METHOD, false},
    {"if-none-match", RW_HEADER_IF_NONE_MATCH, false},
    {"connection", RW_HEADER_CONNECTION, false},
};

/* Sums over the lines of fields that are lists. */
struct lists {
    bool close;
    bool keep_alive;
    unsigned chunked;   /* how often the coding is named */
    unsigned unknown;   /* codings that are not spoken here */
    bool chunked_last;  /* the last coding named */
    bool coding_broken; /* an empty one, no token, or chunked with parameters */
};

static const struct known_header *known(struct rw_str name)
{
    for (size_t i = 0; i < RW_COUNT(KNOWN); i++) {
        if (is_word(name, KNOWN[i].name)) {
            return &KNOWN[i];
        }
    }
    return NULL;
}

bool rw_http_head_is_field(struct rw_str line)
{
    return rw_http_all_token(rw_str_slice(line, 0, rw_str_find(line, RW_STR(":"), 0))) &&
           rw_str_find(line, RW_STR(":"), 0) < line.len;
}

/* The next element of a comma-separated list, trimmed; moves *at behind its comma. */
static struct rw_str next_element(struct rw_str list, size_t *at)
{
    size_t comma = rw_str_find(list, RW_STR(","), *at);
    struct rw_str element = rw_http_trim(rw_str_slice(list, *at, comma));
    *at = comma + 1;
    return element;
}

static void read_connection(struct rw_str value, struct lists *lists)
{
    for (size_t at = 0; at < value.len;) {
        struct rw_str option = next_element(value, &at);
        lists->close = lists->close || is_word(option, "close");
        lists->keep_alive = lists->keep_alive || is_word(option, "keep-alive");
    }
}

static void read_coding(struct rw_str value, struct lists *lists)
{
    size_t at = 0;
    do {
        struct rw_str coding = next_element(value, &at);
        size_t semicolon = rw_str_find(coding, RW_STR(";"), 0);
        struct rw_str name = rw_http_trim(rw_str_slice(coding, 0, semicolon));
        bool is_chunked = is_word(name, "chunked");
        lists->coding_broken = lists->coding_broken || !rw_http_all_token(name) ||
                               (is_chunked && semicolon < coding.len);
        lists->chunked += is_chunked ? 1 : 0;
        lists->unknown += is_chunked ? 0 : 1;
        lists->chunked_last = is_chunked;
    } while (at <= value.len);
}

static rw_status read_field(struct rw_str line, struct rw_request_head *out, struct lists *lists,
                            struct rw_error *err)
{
    size_t colon = rw_str_find(line, RW_STR(":"), 0);
    const struct known_header *entry = known(rw_str_slice(line, 0, colon));
    if (entry == NULL) {
        return RW_OK;
    }
    struct rw_str value = rw_http_trim(rw_str_slice(line, colon + 1, line.len));
    struct rw_str *slot = &out->header[entry->header];
    if (slot->ptr != NULL && entry->once) {
        return rw_fail(err, RW_BAD_HTTP, "more than one %s header", entry->name);
    }
    if (slot->ptr == NULL) {
        *slot = value;
    }
    if (entry->header == RW_HEADER_CONNECTION) {
        read_connection(value, lists);
    } else if (entry->header == RW_HEADER_TRANSFER_ENCODING) {
        read_coding(value, lists);
    }
    return RW_OK;
}

/* ---- what they say --------------------------------------------------------------------------- */

/* absolute-form (section 3.2.2) becomes origin-form, and its authority replaces Host. The query of
 * a target without a path ("http://host?query") is dropped: nothing at "/" reads one. */
static bool from_absolute(struct rw_request_head *out)
{
    static const char *const SCHEME[] = {"http://", "https://"};
    struct rw_str target = out->target;
    for (size_t i = 0; i < RW_COUNT(SCHEME); i++) {
        size_t begin = strlen(SCHEME[i]);
        if (target.len <= begin || strncasecmp(target.ptr, SCHEME[i], begin) != 0) {
            continue;
        }
        size_t slash = rw_str_find(target, RW_STR("/"), begin);
        size_t end = RW_MIN(slash, rw_str_find(target, RW_STR("?"), begin));
        struct rw_authority authority;
        out->header[RW_HEADER_HOST] = rw_str_slice(target, begin, end);
        out->target = slash == end && slash < target.len ? rw_str_slice(target, slash, target.len)
                                                         : RW_STR("/");
        return rw_authority_parse(out->header[RW_HEADER_HOST], &authority);
    }
    return false;
}

/* The four forms of section 3.2, each only where it may stand. */
static rw_status check_target(struct rw_request_head *out, struct rw_error *err)
{
    struct rw_authority authority;
    bool valid;
    if (rw_str_is(out->method, "CONNECT")) {
        valid = rw_authority_parse(out->target, &authority) && authority.port.len > 0;
    } else if (rw_str_is(out->target, "*")) {
        valid = rw_str_is(out->method, "OPTIONS");
    } else {
        valid = out->target.ptr[0] == '/' || from_absolute(out);
    }
    return valid ? RW_OK : rw_fail(err, RW_BAD_HTTP, "the request target is not a path");
}

static rw_status check_host(const struct rw_request_head *out, struct rw_error *err)
{
    struct rw_str host = out->header[RW_HEADER_HOST];
    struct rw_authority authority;
    if (host.ptr == NULL) {
        return out->minor == 0 ? RW_OK
                               : rw_fail(err, RW_BAD_HTTP, "HTTP/1.1 without a Host header");
    }
    return rw_authority_parse(host, &authority)
               ? RW_OK
               : rw_fail(err, RW_BAD_HTTP, "the Host header is not a host");
}

/* Section 6.3: without chunked at the end nobody knows where the body ends, which is 400; what is
 * well framed and coded in a way we do not speak is 501 (section 6.1). */
static rw_status check_coding(const struct rw_request_head *out, const struct lists *lists,
                              struct rw_error *err)
{
    if (out->minor == 0) {
        return rw_fail(err, RW_BAD_HTTP, "Transfer-Encoding in HTTP/1.0");
    }
    if (out->header[RW_HEADER_CONTENT_LENGTH].ptr != NULL) {
        return rw_fail(err, RW_BAD_HTTP, "Transfer-Encoding beside Content-Length");
    }
    if (lists->coding_broken || lists->chunked != 1 || !lists->chunked_last) {
        return rw_fail(err, RW_BAD_HTTP, "Transfer-Encoding does not end in one \"chunked\"");
    }
    if (lists->unknown > 0) {
        rw_fail(err, RW_NOT_IMPLEMENTED, "the transfer coding is not implemented");
        rw_error_hint(err, "send the body with Content-Length, or chunked and nothing else");
        return RW_NOT_IMPLEMENTED;
    }
    return RW_OK;
}

static rw_status check_body(struct rw_request_head *out, const struct lists *lists,
                            struct rw_error *err)
{
    struct rw_str length = out->header[RW_HEADER_CONTENT_LENGTH];
    if (out->header[RW_HEADER_TRANSFER_ENCODING].ptr != NULL) {
        out->chunked = true;
        return check_coding(out, lists, err);
    }
    if (length.ptr != NULL) {
        unsigned long long value = 0;
        if (!rw_str_to_u64(length, &value)) {
            return rw_fail(err, RW_BAD_HTTP, "Content-Length is not a number");
        }
        out->has_length = true;
        out->content_length = value;
    }
    return RW_OK;
}

rw_status rw_http_head_parse(struct rw_str head, struct rw_request_head *out, struct rw_error *err)
{
    struct lists lists = {0};
    struct line line;
    *out = (struct rw_request_head){.minor = 0};
    size_t end = rw_str_find(head, RW_STR("\r\n"), 0);
    rw_status status = read_line(rw_str_slice(head, 0, end), &line, err);
    if (status != RW_OK) {
        return status;
    }
    out->method = line.method;
    out->target = line.target;
    out->minor = line.version.ptr[7] == '0' ? 0 : 1;
    for (size_t at = end + 2; at < head.len && status == RW_OK; at = end + 2) {
        end = rw_str_find(head, RW_STR("\r\n"), at);
        status = end > at ? read_field(rw_str_slice(head, at, end), out, &lists, err) : RW_OK;
    }
    out->keep_alive = !lists.close && (out->minor == 1 || lists.keep_alive);
    status = status == RW_OK ? check_host(out, err) : status;
    status = status == RW_OK ? check_target(out, err) : status;
    return status == RW_OK ? check_body(out, &lists, err) : status;
}
