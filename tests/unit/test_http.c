/* server/http: authority, http_head, chunked and http_in, each alone. Every case is also cut: in
 * two at every byte, and into single bytes; what is read must not depend on it. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/util.h"
#include "server/http/authority.h"
#include "server/http/chunked.h"
#include "server/http/http_in.h"
#include "tests/lib/suite.h"

/* ---- authority ------------------------------------------------------------------------------- */

static const struct {
    const char *text;
    bool loopback;
    enum rw_host_kind kind;
    const char *port;
} HOST[] = {
    {"localhost", true, RW_HOST_NAME, ""},
    {"LocalHost.:080", true, RW_HOST_NAME, "080"},
    {"localhost:", true, RW_HOST_NAME, ""},
    {"localhost.evil.com", false, RW_HOST_NAME, ""},
    {"localhostx", false, RW_HOST_NAME, ""},
    {"127.0.0.1", true, RW_HOST_IPV4, ""},
    {"127.255.1.2:7392", true, RW_HOST_IPV4, "7392"},
    {"128.0.0.1", false, RW_HOST_IPV4, ""},
    {"127.evil.com", false, RW_HOST_NAME, ""},
    {"127.0.0.1.nip.io", false, RW_HOST_NAME, ""},
    {"127.1", false, RW_HOST_NAME, ""},      /* no dotted quad, so a name */
    {"0177.0.0.1", false, RW_HOST_NAME, ""}, /* octal is not read */
    {"2130706433", false, RW_HOST_NAME, ""}, /* nor are 32 bits in one */
    {"0.0.0.0", false, RW_HOST_IPV4, ""},
    {"[::1]", true, RW_HOST_IPV6, ""},
    {"[0:0:0:0:0:0:0:1]:1", true, RW_HOST_IPV6, "1"},
    {"[::ffff:127.0.0.1]", true, RW_HOST_IPV6, ""},
    {"[::ffff:10.0.0.1]", false, RW_HOST_IPV6, ""},
    {"[::]", false, RW_HOST_IPV6, ""},
    {"[v7.a:b]:9", false, RW_HOST_FUTURE, "9"},
    {"a!$&'()*+,;=_~-b%2f", false, RW_HOST_NAME, ""},
};

START_TEST(hosts_and_their_kinds)
{
    struct rw_authority a;
    ck_assert(rw_authority_parse(rw_str_from(HOST[_i].text), &a));
    ck_assert_int_eq(a.kind, HOST[_i].kind);
    ck_assert(rw_str_is(a.port, HOST[_i].port));
    ck_assert_int_eq(rw_authority_is_loopback(&a), HOST[_i].loopback);
}
END_TEST

static const char *const NO_HOST[] = {
    "",
    ":80",
    "a:b",
    "a:1:2",
    "a:-1",
    "a:+1",
    "a: 1",
    "a b",
    "a\tb",
    "a@b",
    "a/b",
    "a?b",
    "a#b",
    "a\\b",
    "a\"b",
    "a<b",
    "a>b",
    "a^b",
    "a`b",
    "a{b",
    "a|b",
    "a}b",
    "a[b",
    "a]b",
    "%",
    "a%2",
    "a%zz",
    "a%2g",
    "[",
    "[]",
    "[::1",
    "[::1]a",
    "[::1]80",
    "::1",
    "[::1%25eth0]",
    "[::1]:a",
    "[::1]]",
    "[1::2::3]",
    "[1:2:3:4:5:6:7:8:9]",
    "[12345::]",
    "[g::]",
    "[127.0.0.1]",
    "[v.a]",
    "[v1.]",
    "[vg.a]",
    "[v1a]",
    "\xC3\xA9",
    "a\x7F",
};

START_TEST(what_is_no_host)
{
    struct rw_authority a;
    ck_assert_msg(!rw_authority_parse(rw_str_from(NO_HOST[_i]), &a), "%s", NO_HOST[_i]);
}
END_TEST

START_TEST(a_host_with_nul_or_without_end)
{
    struct rw_authority a;
    char name[300];
    memset(name, 'a', sizeof name);
    ck_assert(!rw_authority_parse((struct rw_str){"a\0b", 3}, &a));
    ck_assert(!rw_authority_parse((struct rw_str){"[::1\0]", 6}, &a));
    ck_assert(rw_authority_parse((struct rw_str){name, RW_HOST_BYTES_MAX}, &a));
    ck_assert(!rw_authority_parse((struct rw_str){name, RW_HOST_BYTES_MAX + 1}, &a));
}
END_TEST

/* ---- chunked --------------------------------------------------------------------------------- */

struct decoded {
    char data[256];
    size_t n;
    size_t taken;
    bool ended;
    bool fault;
};

/* The first piece has `cut` bytes; cut 0: single bytes. */
static struct decoded decode(const char *bytes, size_t len, size_t cut)
{
    struct decoded d = {.n = 0};
    struct rw_chunked c;
    rw_chunked_init(&c);
    size_t end = cut == 0 ? 1 : cut;
    while (d.taken < len && c.fault == NULL && c.state != RW_CHUNKED_END) {
        struct rw_str data;
        size_t piece = RW_MIN(end, len) - d.taken;
        char *copy = malloc(piece); /* exact: the sanitizer sees one byte too many */
        memcpy(copy, bytes + d.taken, piece);
        d.taken += rw_chunked_feed(&c, copy, piece, &data);
        ck_assert_uint_le(d.n + data.len, sizeof d.data);
        memcpy(d.data + d.n, data.len > 0 ? data.ptr : "", data.len);
        d.n += data.len;
        free(copy);
        end = d.taken < end ? end : cut == 0 ? d.taken + 1 : len;
    }
    d.ended = c.state == RW_CHUNKED_END;
    d.fault = c.fault != NULL;
    return d;
}

static struct decoded decode_all_ways(const char *bytes, size_t len)
{
    struct decoded whole = decode(bytes, len, len);
    for (size_t cut = 0; cut < len; cut++) {
        struct decoded d = decode(bytes, len, cut);
        ck_assert(d.n == whole.n && memcmp(d.data, whole.data, d.n) == 0);
        ck_assert(d.ended == whole.ended && d.fault == whole.fault && d.taken == whole.taken);
    }
    return whole;
}

static const struct {
    const char *bytes; /* each is followed by "GET", which is not its */
    const char *data;
} CHUNKS[] = {
    {"0\r\n\r\n", ""},
    {"000000000000000000000\r\n\r\n", ""},
    {"5\r\nhello\r\n0\r\n\r\n", "hello"},
    {"00005\r\nhello\r\n0\r\n\r\n", "hello"},
    {"5\r\nhello\r\nA\r\n0123456789\r\n00\r\n\r\n", "hello0123456789"},
    {"a\r\n0123456789\r\n0\r\n\r\n", "0123456789"},
    {"2\r\n\r\n\r\n0\r\n\r\n", "\r\n"},
    {"5\r\n0\r\n\r\n\r\n0\r\n\r\n", "0\r\n\r\n"},
    {"1;a\r\nx\r\n0;b\r\n\r\n", "x"},
    {"1;a;b;c\r\nx\r\n0\r\n\r\n", "x"},
    {"1;a=b\r\nx\r\n0\r\n\r\n", "x"},
    {"1 ; a = b ; c\r\nx\r\n0\r\n\r\n", "x"},
    {"1\t;\ta\t=\t\"b\"\t;c\r\nx\r\n0\r\n\r\n", "x"},
    {"1;a=\"\"\r\nx\r\n0\r\n\r\n", "x"},
    {"1;a=\"b;c=d\\\"\\\\\t\xFF \"\r\nx\r\n0\r\n\r\n", "x"},
    {"1;!#$%&'*+-.^_`|~=!\r\nx\r\n0\r\n\r\n", "x"},
    {"1\r\nx\r\n0\r\nA:b\r\n\r\n", "x"},
    {"1\r\nx\r\n0\r\nA:\r\nB: \t \r\nC: \xFF:\r\n\r\n", "x"},
};

START_TEST(chunked_bodies)
{
    char bytes[128];
    size_t len = strlen(CHUNKS[_i].bytes);
    snprintf(bytes, sizeof bytes, "%sGET", CHUNKS[_i].bytes);
    struct decoded d = decode_all_ways(bytes, len + 3);
    ck_assert(d.ended && !d.fault);
    ck_assert_uint_eq(d.taken, len);
    ck_assert(rw_str_is((struct rw_str){d.data, d.n}, CHUNKS[_i].data));
    for (size_t cut = 0; cut < len; cut++) { /* and no beginning of one is one */
        d = decode(bytes, cut, len);
        ck_assert(!d.ended && !d.fault);
    }
}
END_TEST

static const char *const NO_CHUNKS[] = {
    "\r\n",
    " 1\r\n",
    "-1\r\n",
    "+1\r\n",
    "0x1\r\n",
    "g\r\n",
    "1 \r\n",
    "1\t\r\n",
    "1\n",
    "1\r1",
    "1\rx",
    "\n",
    ";a\r\n",
    "1;\r\n",
    "1; \r\n",
    "1;;a\r\n",
    "1;=b\r\n",
    "1;a=\r\n",
    "1;a= \r\n",
    "1;a \r\n",
    "1;a=b \r\n",
    "1;a=b=c\r\n",
    "1;a b\r\n",
    "1;a=b c\r\n",
    "1;a=\"b\r\n",
    "1;a=\"b\"c\r\n",
    "1;a=\"b\" \r\n",
    "1;a=\"\\\r\n",
    "1;a=\"\x01\"",
    "1;a=\"\x7F\"",
    "1;a[\r\n",
    "1;a,b\r\n",
    "1;a\n",
    "1;a\rb",
    "1 2\r\n",
    "1,1\r\n",
    "10000000000000000\r\n",
    "fffffffffffffffff\r\n",
    "1\r\nxy\r\n",
    "1\r\nx\n",
    "1\r\nx\r0",
    "1\r\nx0\r\n",
    "1\r\nx\r\r\n",
    "1\r\nx\r\n\r\n",
    "0\r\n\n",
    "0\r\n\r\r",
    "0\r\n \r\n",
    "0\r\n:b\r\n",
    "0\r\nA\r\n",
    "0\r\nA :b\r\n",
    "0\r\nA\t:b\r\n",
    "0\r\n A:b\r\n",
    "0\r\nA:b\n",
    "0\r\nA:b\r\n c",
    "0\r\nA:b\rc",
    "0\r\nA[:b\r\n",
    "0\r\nA:\x01",
    "0\r\nA:\x7F",
    "0\r\n\xE9:b\r\n",
};

START_TEST(what_is_no_chunked_body)
{
    struct decoded d = decode_all_ways(NO_CHUNKS[_i], strlen(NO_CHUNKS[_i]));
    ck_assert_msg(d.fault && !d.ended, "%s", NO_CHUNKS[_i]);
}
END_TEST

/* llhttp 8.1 skipped two bytes here, whatever they were. */
START_TEST(data_end_in_crlf_and_in_nothing_else)
{
    char bytes[] = "1\r\nxAB0\r\n\r\n";
    unsigned good = 0;
    for (unsigned pair = 0; pair < 1U << 16; pair++) {
        bytes[4] = (char)(pair >> 8);
        bytes[5] = (char)(pair & 0xFF);
        struct decoded d = decode(bytes, sizeof bytes - 1, sizeof bytes - 1);
        bool crlf = bytes[4] == '\r' && bytes[5] == '\n';
        good += d.ended ? 1 : 0;
        ck_assert(d.ended == crlf && d.fault == !crlf);
    }
    ck_assert_uint_eq(good, 1);
}
END_TEST

START_TEST(framing_is_bounded)
{
    struct rw_chunked c;
    struct rw_str data;
    size_t bytes = 0;
    rw_chunked_init(&c);
    rw_chunked_feed(&c, "0\r\n", 3, &data);
    while (c.fault == NULL && bytes < 10 * RW_FRAMING_BYTES_MAX) {
        bytes += rw_chunked_feed(&c, "A: b\r\n", 6, &data);
    }
    ck_assert(c.fault != NULL && bytes <= RW_FRAMING_BYTES_MAX);
}
END_TEST

/* ---- http_head and http_in ------------------------------------------------------------------- */

enum {
    HEAD_MAX = 4096,
    BODY_MAX = 64,
};

struct taken {
    enum rw_http_in_state state;
    rw_status status;
    size_t bytes;
    uint64_t body_bytes;
    bool keep_alive;
    struct rw_buf body;
};

static struct rw_request_head head; /* of the last one read */
static char text[HEAD_MAX];         /* what its slices point into */

static struct taken take(const char *bytes, size_t len, size_t cut)
{
    struct rw_error err = {0};
    struct rw_http_in in;
    struct taken t = {.bytes = 0};
    size_t end = cut == 0 ? 1 : cut;
    rw_buf_init(&t.body, BODY_MAX + 1);
    rw_http_in_init(&in, HEAD_MAX, &err);
    while (t.bytes < len && in.state < RW_HTTP_IN_DONE) {
        t.bytes += rw_http_in_feed(&in, bytes + t.bytes, RW_MIN(end, len) - t.bytes);
        if (in.state == RW_HTTP_IN_HEAD_DONE) {
            memcpy(text, in.head.ptr, in.head.len);
            ck_assert_int_eq(rw_http_head_parse((struct rw_str){text, in.head.len}, &head, &err),
                             RW_OK);
            t.keep_alive = in.request.keep_alive;
            rw_http_in_accept_body(&in, &t.body, BODY_MAX);
        }
        end = t.bytes < end ? end : cut == 0 ? t.bytes + 1 : len;
    }
    t.state = in.state;
    t.status = in.state == RW_HTTP_IN_BAD ? err.status : RW_OK;
    t.body_bytes = in.body_bytes;
    rw_http_in_fini(&in);
    return t;
}

static struct taken take_all_ways(const char *bytes, size_t len)
{
    struct taken whole = take(bytes, len, len);
    for (size_t cut = 0; cut < len; cut++) {
        struct taken t = take(bytes, len, cut);
        ck_assert_int_eq(t.state, whole.state);
        ck_assert_int_eq(t.status, whole.status);
        ck_assert(t.state == RW_HTTP_IN_BAD || t.bytes == whole.bytes);
        ck_assert(t.keep_alive == whole.keep_alive && t.body_bytes == whole.body_bytes);
        ck_assert(rw_str_equal(rw_buf_str(&t.body), rw_buf_str(&whole.body)));
        rw_buf_fini(&t.body);
    }
    return whole;
}

#define H    "Host: a\r\n"
#define POST "POST / HTTP/1.1\r\n" H

static const struct {
    const char *bytes;
    rw_status status;
    bool keep_alive;
    const char *body;
} REQUEST[] = {
    {"GET / HTTP/1.1\r\n" H "\r\n", RW_OK, true, ""},
    {"\r\n\r\nGET / HTTP/1.1\r\n" H "\r\n", RW_OK, true, ""},
    {"GET / HTTP/1.0\r\n\r\n", RW_OK, false, ""},
    {"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", RW_OK, true, ""},
    {"GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", RW_OK, false, ""},
    {"GET / HTTP/1.9\r\n" H "\r\n", RW_OK, true, ""},
    {"GET / HTTP/1.1\r\n" H "Connection: close\r\n\r\n", RW_OK, false, ""},
    {"GET / HTTP/1.1\r\n" H "Connection:\t CLOSE \t\r\n\r\n", RW_OK, false, ""},
    {"GET / HTTP/1.1\r\n" H "Connection: ,x\t,\tclose ,\r\n\r\n", RW_OK, false, ""},
    {"GET / HTTP/1.1\r\n" H "Connection: x\r\nConnection: close\r\n\r\n", RW_OK, false, ""},
    {"GET / HTTP/1.1\r\n" H "Connection: closed, xclose, clos\r\n\r\n", RW_OK, true, ""},
    {POST "Content-Length: 3\r\n\r\nabc", RW_OK, true, "abc"},
    {POST "Content-Length:\t0003\t \r\n\r\nabc", RW_OK, true, "abc"},
    {POST "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", RW_OK, true, "abc"},
    {POST "Transfer-Encoding:\tCHUNKED\t\r\n\r\n1;a\r\nb\r\n0\r\nT: u\r\n\r\n", RW_OK, true, "b"},
    {"GET http://b:1/x HTTP/1.1\r\n" H "\r\n", RW_OK, true, ""},
    {"OPTIONS * HTTP/1.1\r\n" H "\r\n", RW_OK, true, ""},
    {"CONNECT a:1 HTTP/1.1\r\n" H "\r\n", RW_OK, true, ""},
    /* refused */
    {"GET / HTTP/2.0\r\n" H "\r\n", RW_HTTP_VERSION, false, ""},
    {"GET / HTTP/0.9\r\n" H "\r\n", RW_HTTP_VERSION, false, ""},
    {"GET / HTTP/1.1\r\n\r\n", RW_BAD_HTTP, false, ""},
    {"GET / HTTP/1.1\r\n" H H "\r\n", RW_BAD_HTTP, false, ""},
    {"GET / HTTP/1.1\r\nHost: a:b\r\n\r\n", RW_BAD_HTTP, false, ""},
    {"GET http://b/ HTTP/1.1\r\nHost: a:b\r\n\r\n", RW_BAD_HTTP, false, ""},
    {"GET http://b/ HTTP/1.1\r\n\r\n", RW_BAD_HTTP, false, ""},
    {"GET http://u@b/ HTTP/1.1\r\n" H "\r\n", RW_BAD_HTTP, false, ""},
    {"GET http:///x HTTP/1.1\r\n" H "\r\n", RW_BAD_HTTP, false, ""},
    {"GET ftp://b/x HTTP/1.1\r\n" H "\r\n", RW_BAD_HTTP, false, ""},
    {"GET * HTTP/1.1\r\n" H "\r\n", RW_BAD_HTTP, false, ""},
    {"CONNECT a HTTP/1.1\r\n" H "\r\n", RW_BAD_HTTP, false, ""},
    {"GET  / HTTP/1.1\r\n" H "\r\n", RW_BAD_HTTP, false, ""},
    {"GET / HTTP/1.1 \r\n" H "\r\n", RW_BAD_HTTP, false, ""},
    {" GET / HTTP/1.1\r\n" H "\r\n", RW_BAD_HTTP, false, ""},
    {"GET\t/ HTTP/1.1\r\n" H "\r\n", RW_BAD_HTTP, false, ""},
    {"GET / XTTP/1.1\r\n" H "\r\n", RW_BAD_HTTP, false, ""},
    {"GET / HTTP/1.1\n" H "\r\n", RW_BAD_HTTP, false, ""},
    {"GET / HTTP/1.1\r\n" H "A: b\r\n c\r\n\r\n", RW_BAD_HTTP, false, ""},
    {"GET / HTTP/1.1\r\n" H "A: b\r\n\tc\r\n\r\n", RW_BAD_HTTP, false, ""},
    {"GET / HTTP/1.1\r\n" H "A: b\rc\r\n\r\n", RW_BAD_HTTP, false, ""},
    {"GET / HTTP/1.1\r\n" H "A: b\nc: d\r\n\r\n", RW_BAD_HTTP, false, ""},
    {"GET / HTTP/1.1\r\n" H "A : b\r\n\r\n", RW_BAD_HTTP, false, ""},
    {"GET / HTTP/1.1\r\n" H "A: \x0B\r\n\r\n", RW_BAD_HTTP, false, ""},
    {"GET / HTTP/1.1\r\n" H "\r\r\n", RW_BAD_HTTP, false, ""},
    {POST "Content-Length: 1\r\nContent-Length: 1\r\n\r\na", RW_BAD_HTTP, false, ""},
    {POST "Content-Length: 1, 1\r\n\r\na", RW_BAD_HTTP, false, ""},
    {POST "Content-Length: 18446744073709551616\r\n\r\n", RW_BAD_HTTP, false, ""},
    {POST "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", RW_BAD_HTTP, false, ""},
    {POST "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n", RW_BAD_HTTP, false, ""},
    {POST "Transfer-Encoding: chunked, gzip\r\n\r\n", RW_BAD_HTTP, false, ""},
    {POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", RW_BAD_HTTP, false,
     ""},
    {POST "Transfer-Encoding: \"chunked\"\r\n\r\n", RW_BAD_HTTP, false, ""},
    {POST "Transfer-Encoding: gzip, chunked\r\n\r\n", RW_NOT_IMPLEMENTED, false, ""},
    {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", RW_BAD_HTTP, false, ""},
    {POST "Content-Length: 65\r\n\r\na", RW_BODY_TOO_LARGE, true, ""},
    {POST "Transfer-Encoding: chunked\r\n\r\n41\r\n", RW_BODY_TOO_LARGE, true, ""},
    {POST "Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n", RW_BAD_HTTP, true, "a"},
};

START_TEST(requests)
{
    size_t len = strlen(REQUEST[_i].bytes);
    char bytes[512];
    snprintf(bytes, sizeof bytes, "%sGET / HTTP/1.1\r\n", REQUEST[_i].bytes);
    struct taken t = take_all_ways(bytes, len + 16);
    ck_assert_msg(t.status == REQUEST[_i].status, "%d: %s", (int)t.status, REQUEST[_i].bytes);
    ck_assert(t.status != RW_OK || (t.state == RW_HTTP_IN_DONE && t.bytes == len));
    ck_assert_int_eq(t.keep_alive, REQUEST[_i].keep_alive);
    ck_assert(t.status != RW_OK || rw_str_is(rw_buf_str(&t.body), REQUEST[_i].body));
    rw_buf_fini(&t.body);
}
END_TEST

START_TEST(the_target_and_its_authority)
{
    static const struct {
        const char *target;
        const char *path;
        const char *host;
    } CASE[] = {
        {"/", "/", "a"},          {"/x?y=http://z/", "/x?y=http://z/", "a"},
        {"http://b", "/", "b"},   {"HTTPS://b:1/x?y", "/x?y", "b:1"},
        {"http://b?y", "/", "b"}, {"http://b?y=/z", "/", "b"},
        {"//b/x", "//b/x", "a"},  {"http://[::1]:2/", "/", "[::1]:2"},
    };
    for (size_t i = 0; i < RW_COUNT(CASE); i++) {
        char bytes[128];
        int n = snprintf(bytes, sizeof bytes, "GET %s HTTP/1.1\r\n" H "\r\n", CASE[i].target);
        struct taken t = take(bytes, (size_t)n, (size_t)n);
        ck_assert_int_eq(t.status, RW_OK);
        ck_assert(rw_str_is(head.target, CASE[i].path));
        ck_assert(rw_str_is(head.header[RW_HEADER_HOST], CASE[i].host));
        rw_buf_fini(&t.body);
    }
}
END_TEST

/* One byte of a good request is another: whatever becomes of it, it is the same for every cut. */
START_TEST(one_byte_changed_is_one_verdict)
{
    static const char GOOD[] =
        POST "A:b\r\nTransfer-Encoding: chunked\r\n\r\n1;c=\"d\"\r\ne\r\n0\r\nF:g"
             "\r\n\r\n";
    static const char OTHER[] = "\0\t\n\r \":;,=0X\\\x7F\x80";
    char bytes[sizeof GOOD];
    unsigned bad = 0;
    for (size_t at = 0; at < sizeof GOOD - 1; at++) {
        for (size_t i = 0; i < sizeof OTHER - 1; i++) {
            memcpy(bytes, GOOD, sizeof GOOD);
            bytes[at] = OTHER[i];
            struct taken t = take_all_ways(bytes, sizeof GOOD - 1);
            bad += t.state == RW_HTTP_IN_BAD ? 1 : 0;
            rw_buf_fini(&t.body);
        }
    }
    ck_assert_uint_gt(bad, sizeof GOOD * (sizeof OTHER - 1) / 2);
}
END_TEST

START_TEST(a_head_is_bounded)
{
    char bytes[2 * HEAD_MAX];
    int n = snprintf(bytes, sizeof bytes, "GET / HTTP/1.1\r\n" H "A: ");
    memset(bytes + n, 'a', sizeof bytes - (size_t)n);
    ck_assert_int_eq(take(bytes, sizeof bytes, sizeof bytes).status, RW_HEADERS_TOO_LARGE);
    bytes[HEAD_MAX - 1] = '\x01'; /* the last byte that fits */
    ck_assert_int_eq(take(bytes, sizeof bytes, sizeof bytes).status, RW_BAD_HTTP);
    ck_assert_int_eq(take(bytes, sizeof bytes, HEAD_MAX - 1).status, RW_BAD_HTTP);
    bytes[HEAD_MAX - 1] = 'a';
    bytes[HEAD_MAX] = '\x01'; /* the first that does not */
    ck_assert_int_eq(take(bytes, sizeof bytes, sizeof bytes).status, RW_HEADERS_TOO_LARGE);
    ck_assert_int_eq(take(bytes, sizeof bytes, 0).status, RW_HEADERS_TOO_LARGE);
}
END_TEST

START_TEST(lines_are_bounded)
{
    struct rw_buf b;
    for (unsigned n = RW_HEADERS_MAX - 1; n <= RW_HEADERS_MAX; n++) {
        rw_buf_init(&b, HEAD_MAX);
        rw_buf_append_str(&b, RW_STR("GET / HTTP/1.1\r\n" H));
        for (unsigned i = 0; i < n; i++) {
            rw_buf_append_str(&b, RW_STR("A: b\r\n"));
        }
        rw_buf_append_str(&b, RW_STR("\r\n"));
        ck_assert_int_eq(take(b.ptr, b.len, b.len).status,
                         n < RW_HEADERS_MAX ? RW_OK : RW_HEADERS_TOO_LARGE);
        rw_buf_fini(&b);
    }
    ck_assert_int_eq(take("\r\n\r\n\r\n\r\n\r\n\r\n", 12, 12).status, RW_BAD_HTTP);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http");
    TCase *tc = tcase_create("authority");
    tcase_add_loop_test(tc, hosts_and_their_kinds, 0, RW_COUNT(HOST));
    tcase_add_loop_test(tc, what_is_no_host, 0, RW_COUNT(NO_HOST));
    tcase_add_test(tc, a_host_with_nul_or_without_end);
    suite_add_tcase(suite, tc);
    tc = tcase_create("chunked");
    tcase_add_loop_test(tc, chunked_bodies, 0, RW_COUNT(CHUNKS));
    tcase_add_loop_test(tc, what_is_no_chunked_body, 0, RW_COUNT(NO_CHUNKS));
    tcase_add_test(tc, data_end_in_crlf_and_in_nothing_else);
    tcase_add_test(tc, framing_is_bounded);
    suite_add_tcase(suite, tc);
    tc = tcase_create("requests");
    tcase_add_loop_test(tc, requests, 0, RW_COUNT(REQUEST));
    tcase_add_test(tc, the_target_and_its_authority);
    tcase_add_test(tc, one_byte_changed_is_one_verdict);
    tcase_add_test(tc, a_head_is_bounded);
    tcase_add_test(tc, lines_are_bounded);
    suite_add_tcase(suite, tc);
    return rw_test_run(suite);
}
