"""HTTP/1.1 as bytes: what must be refused, what must be taken, however it is cut."""

import json
import random
import socket

import pytest
from fake_daemon import (  # noqa: F401 (fixtures)
    TRACE,
    body_of,
    error_of,
    post,
    read_all,
    read_reply,
    server,
    start,
    status,
)

GET = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
POST = b"POST /v1/rewards HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"

CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"

BAD = {
    # bytes that tokenizers of HTTP are known to take
    "obs-fold": GET + b"X: 1\r\n Transfer-Encoding: chunked\r\n\r\n",
    "bare CR after an empty value": GET + b"x:\rXTransfer-Encoding: chunked\r\n\r\n",
    "fold with a tab": GET + b"X: 1\r\n\tY\r\n\r\n",
    "bare CR in a value": GET + b"X: a\rb\r\n\r\n",
    "bare LF": b"GET /livez HTTP/1.1\nHost: localhost\n\n",
    "bare LF in the middle": GET + b"X: 1\nY: 2\r\n\r\n",
    "NUL": GET + b"X: a\0b\r\n\r\n",
    "DEL": GET + b"X: a\x7fb\r\n\r\n",
    "no Host": b"GET /livez HTTP/1.1\r\n\r\n",
    "two Hosts": GET + b"Host: localhost\r\n\r\n",
    "empty Host": b"GET /livez HTTP/1.1\r\nHost:\r\n\r\n",
    "Host with a path": b"GET /livez HTTP/1.1\r\nHost: a/b\r\n\r\n",
    "Host with userinfo": b"GET /livez HTTP/1.1\r\nHost: a@b\r\n\r\n",
    "space before the colon": GET + b"X : 1\r\n\r\n",
    "no colon": GET + b"X\r\n\r\n",
    "empty name": GET + b": 1\r\n\r\n",
    "TE ,chunked": POST + b"Transfer-Encoding: ,chunked\r\n\r\n0\r\n\r\n",
    "TE identity": POST + b"Transfer-Encoding: identity\r\n\r\n",
    "TE chunked twice": POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
    "TE xchunked": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "TE in HTTP/1.0": b"POST /v1/rewards HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "TE and CL": POST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "CL and TE": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
    "two CL": POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "CL list": POST + b"Content-Length: 2, 2\r\n\r\n{}",
    "CL negative": POST + b"Content-Length: -1\r\n\r\n",
    "CL plus": POST + b"Content-Length: +2\r\n\r\n{}",
    "CL hex": POST + b"Content-Length: 0x2\r\n\r\n{}",
    "CL huge": POST + b"Content-Length: 99999999999999999999999\r\n\r\n",
    "relative target": b"GET livez HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "target with a space": b"GET /live z HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "garbage": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "chunk size is no number": POST + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n\r\n",
    "chunk size overflows": POST + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
    "chunk without CRLF": POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}0\r\n\r\n",
    "chunk line ends in LF": POST + b"Transfer-Encoding: chunked\r\n\r\n2\n{}\r\n0\r\n\r\n",
    "trailer fold": POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nA: b\r\n c\r\n\r\n",
    "trailer bare CR": POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nA:\rB\r\n\r\n",
    "long chunk extension": POST
    + b"Transfer-Encoding: chunked\r\n\r\n2;"
    + b"a" * 9000
    + b"\r\n{}",
    "long trailers": POST
    + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n"
    + b"A: b\r\n" * 2000
    + b"\r\n",
    "two bytes for the CRLF of a chunk": CHUNKED + b"2\r\n{}XX0\r\n\r\n",
    "a byte too many in a chunk": CHUNKED + b"2\r\n{}}\r\n0\r\n\r\n",
    "chunk ends in LF": CHUNKED + b"2\r\n{}\n0\r\n\r\n",
    "chunk ends in CR": CHUNKED + b"2\r\n{}\r0\r\n\r\n",
    "blank behind a chunk size": CHUNKED + b"2 \r\n{}\r\n0\r\n\r\n",
    "blank before a chunk size": CHUNKED + b" 2\r\n{}\r\n0\r\n\r\n",
    "chunk size with a prefix": CHUNKED + b"0x2\r\n{}\r\n0\r\n\r\n",
    "chunk size with a sign": CHUNKED + b"+2\r\n{}\r\n0\r\n\r\n",
    "empty chunk size": CHUNKED + b"\r\n{}\r\n0\r\n\r\n",
    "chunk size of 65 bits": CHUNKED + b"10000000000000002\r\n{}\r\n0\r\n\r\n",
    "extension without a name": CHUNKED + b"2;\r\n{}\r\n0\r\n\r\n",
    "extension without a value": CHUNKED + b"2;a=\r\n{}\r\n0\r\n\r\n",
    "extension, quote not closed": CHUNKED + b'2;a="x\r\n{}\r\n0\r\n\r\n',
    "extension, text behind the quote": CHUNKED + b'2;a="x"y\r\n{}\r\n0\r\n\r\n',
    "extension, control byte in quotes": CHUNKED + b'2;a="\x01"\r\n{}\r\n0\r\n\r\n',
    "extension, CR in quotes": CHUNKED + b'2;a="\r\n"\r\n{}\r\n0\r\n\r\n',
    "trailer, space before the colon": CHUNKED + b"2\r\n{}\r\n0\r\nX : b\r\n\r\n",
    "trailer, tab before the colon": CHUNKED + b"2\r\n{}\r\n0\r\nX\t: b\r\n\r\n",
    "trailer without a name": CHUNKED + b"2\r\n{}\r\n0\r\n: b\r\n\r\n",
    "trailer without a colon": CHUNKED + b"2\r\n{}\r\n0\r\nabc\r\n\r\n",
    "trailer name with brackets": CHUNKED + b"2\r\n{}\r\n0\r\na[]: b\r\n\r\n",
    "trailer, NUL in the value": CHUNKED + b"2\r\n{}\r\n0\r\na: \0\r\n\r\n",
    "last line ends in LF": CHUNKED + b"2\r\n{}\r\n0\r\n\n",
    "TE chunked, gzip": POST + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "TE gzip": POST + b"Transfer-Encoding: gzip\r\n\r\n",
    "TE chunked, chunked": POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "TE chunked with a parameter": POST + b"Transfer-Encoding: chunked;a=b\r\n\r\n0\r\n\r\n",
    "TE empty": POST + b"Transfer-Encoding:\r\n\r\n",
    "TE with VT": POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "CL empty": POST + b"Content-Length:\r\n\r\n",
    "CL with a blank inside": POST + b"Content-Length: 1 2\r\n\r\n{}",
    "another protocol": b"OPTIONS /livez RTSP/1.0\r\nHost: localhost\r\n\r\n",
    "protocol in lower case": b"GET /livez http/1.1\r\nHost: localhost\r\n\r\n",
    "version with two digits": b"GET /livez HTTP/1.10\r\nHost: localhost\r\n\r\n",
    "no version": b"GET /livez\r\nHost: localhost\r\n\r\n",
    "empty version": b"GET /livez \r\n\r\n",
    "two spaces before the target": b"GET  /livez HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "two spaces before the version": b"GET /livez  HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "tab in the request line": b"GET\t/livez HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "space behind the version": b"GET /livez HTTP/1.1 \r\nHost: localhost\r\n\r\n",
    "method that is no token": b"G@T /livez HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "fragment": b"GET /livez#a HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "asterisk of GET": b"GET * HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "authority form of GET": b"GET localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "CONNECT to a path": b"CONNECT /livez HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "absolute form, no host": b"GET http:///livez HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "absolute form, userinfo": b"GET http://a@localhost/livez HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "absolute form, ftp": b"GET ftp://localhost/livez HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "field name with brackets": GET + b"X[]: 1\r\n\r\n",
    "tab before the colon": GET + b"X\t: 1\r\n\r\n",
}


@pytest.mark.parametrize("name", BAD)
def test_refused(server, name):
    reply = server.ask(BAD[name])
    assert status(reply) == 400, reply
    assert error_of(reply)["code"] == "bad_http"
    assert reply.count(b"\r\nDate: ") == 1, "what follows a bad request must not be read as another"


@pytest.mark.parametrize("name", BAD)
def test_refused_byte_by_byte(server, name):
    """The verdict does not depend on how the bytes are cut."""
    with server.connect() as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            for at in range(min(len(BAD[name]), 400)):
                s.send(BAD[name][at : at + 1])
            s.sendall(BAD[name][400:])
        except (BrokenPipeError, ConnectionResetError):
            pass  # it had heard enough
        reply = read_all(s)
    assert status(reply) == 400 or reply == b"<reset>", reply


# RFC 9110 section 7.2 and RFC 3986 section 3.2.2: uri-host [":" port]
GOOD_HOSTS = [
    b"localhost",
    b"LOCALHOST",
    b"localhost:",
    b"localhost:0080",
    b"127.0.0.1:1",
    b"[::1]",
    b"[::1]:",
    b"[::ffff:127.0.0.1]:7392",
    b"[v1.a:b]",
    b"a.example",
    b"0.0.0.0=5000",
    b"a!$&'()*+,;=b",
    b"a%20b",
    b"-._~",
    b"xn--bcher-kva.example:443",
    b"999.1.1.1",
    b"[1:2:3:4:5:6:7:8]",
    b"a%2Fb",
    b"1",
]
BAD_HOSTS = [
    b":80",
    b"localhost:abc",
    b"localhost:-1",
    b"localhost:8 0",
    b"a:b:c",
    b"localhost:80:80",
    b"[::1",
    b"::1",
    b"[::1]80",
    b"[::1]x",
    b"a]b",
    b"[]",
    b"[zz]",
    b"[1:2:3:4:5:6:7]",
    b"[1::2::3]",
    b"[::1%eth0]",
    b"[v.a]",
    b"[v1.]",
    b"[127.0.0.1]",
    b"a%zz",
    b"a%",
    b"a%2",
    b"a b",
    b"a\tb",
    b"a/b",
    b"a?b",
    b"a#b",
    b"a@b",
    b"a\\b",
    b'a"b',
    b"a<b",
    b"a^b",
    b"a|b",
    b"a{b}",
    b"\xc3\xa9",
]


@pytest.mark.parametrize("host", GOOD_HOSTS + BAD_HOSTS)
def test_host_grammar(server, host):
    """A probe answers by any valid name."""
    expected = 200 if host in GOOD_HOSTS else 400
    request = b"GET /livez HTTP/1.1\r\nHost: " + host + b"\r\nConnection: close\r\n\r\n"
    assert status(server.ask(request)) == expected
    target = (
        b"GET http://" + host + b"/livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    )
    if not set(host) & set(b"/?#"):
        assert status(server.ask(target)) == expected


@pytest.mark.parametrize("version", [b"HTTP/2.0", b"HTTP/0.9", b"HTTP/3.0"])
def test_version(server, version):
    reply = server.ask(b"GET /livez " + version + b"\r\nHost: localhost\r\n\r\n")
    assert status(reply) == 505, reply


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"QUERY /livez HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n",
        b"GETX /livez HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"get /livez HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"CONNECT localhost:1 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: gzip;level=9 ,\tchunked\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: deflate\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
    ids=["QUERY", "GETX", "lower case", "CONNECT", "gzip", "with parameters", "on two lines"],
)
def test_not_implemented(server, request_bytes):
    reply = server.ask(request_bytes + GET + b"\r\n")
    assert status(reply) == 501 and error_of(reply)["code"] == "not_implemented"
    assert reply.count(b"\r\nDate: ") == 1 and b"\r\nConnection: close\r\n" in reply


@pytest.mark.parametrize("blanks", [b" ", b"\t", b" \t ", b"\t\t"])
def test_blanks_around_values(server, blanks):
    """OWS is any run of SP and HTAB (RFC 9110 section 5.6.3), in every field that frames."""
    body = json.dumps(TRACE).encode()
    two = GET.replace(b"Connection: close", b"Connection:" + blanks + b"close" + blanks) + b"\r\n"
    assert server.ask(two * 2).count(b"\r\nDate: ") == 1
    listed = GET.replace(b"Connection: close", b"Connection: x" + blanks + b"," + blanks + b"Close")
    assert server.ask((listed + b"\r\n") * 2).count(b"\r\nDate: ") == 1
    reply = server.ask(
        POST
        + b"Connection: close\r\nContent-Length:"
        + blanks
        + b"%d" % len(body)
        + blanks
        + b"\r\n\r\n"
        + body
    )
    assert status(reply) == 200
    reply = server.ask(
        POST
        + b"Connection: close\r\nTransfer-Encoding:"
        + blanks
        + b"Chunked"
        + blanks
        + b"\r\n\r\n"
        + chunked(body, iter(lambda: 9, 0))
    )
    assert status(reply) == 200


def test_close_in_the_second_of_two_lines(server):
    request = (
        b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: x\r\nConnection: close\r\n\r\n"
    )
    assert server.ask(request * 2).count(b"\r\nDate: ") == 1


def test_options(server):
    ask = b"OPTIONS %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    for target, allow in [
        (b"*", b"GET, HEAD, POST, OPTIONS"),
        (b"/v1/rewards", b"POST, OPTIONS"),
        (b"/livez", b"GET, HEAD, OPTIONS"),
    ]:
        reply = server.ask(ask % target)
        assert status(reply) == 204 and b"\r\nAllow: " + allow + b"\r\n" in reply
        assert body_of(reply) == b"" and b"Content-Length" not in reply
    assert status(server.ask(ask % b"/nope")) == 404


def test_front_page_gives_a_post_back(server):
    head = b"POST / HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n"
    for framed in [
        b"Content-Length: 5\r\n\r\nhello",
        b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    ]:
        reply = server.ask(head + framed)
        assert status(reply) == 200 and body_of(reply) == b"hello"
    assert body_of(server.ask(head + b"Content-Length: 3\r\n\r\n<b>")) == b"<b>"
    page = server.ask(head + b"Content-Type: text/html\r\nContent-Length: 3\r\n\r\n<b>")
    assert b"\r\nContent-Type: text/plain" in page and b"nosniff" in page
    reply = server.ask(head + b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
    assert status(reply) == 421 and "allow-host" in error_of(reply)["hint"]  # it asks for scores
    reply = server.ask(
        head.replace(b"example.com", b"localhost")
        + b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
    )
    assert status(reply) == 400 and error_of(reply)["param"] == "inputs"


def test_one_verdict_for_an_overlong_head_with_a_bad_byte(server):
    """The first fault decides: 431 when the head is too long before the byte, 400 when not."""
    for good, expected in [(20000, 400), (40000, 431)]:
        request = GET + b"X: " + b"a" * good + b"\x01" + b"a" * 40000 + b"\r\n\r\n"
        assert status(server.ask(request)) == expected
        with server.connect() as s:
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                for at in range(0, len(request), 1000):
                    s.sendall(request[at : at + 1000])
            except (BrokenPipeError, ConnectionResetError):
                pass
            reply = read_all(s)
        assert status(reply) == expected or reply == b"<reset>", reply[:100]


GOOD = {
    "plain": GET + b"\r\n",
    "absolute form": b"GET http://localhost/livez HTTP/1.1\r\nHost: localhost\r\n"
    b"Connection: close\r\n\r\n",
    "absolute form, https": b"GET https://localhost/livez HTTP/1.1\r\nHost: localhost\r\n"
    b"Connection: close\r\n\r\n",
    "absolute form, scheme in capitals": b"GET HTTP://localhost:1/livez?a HTTP/1.1\r\nHost: b\r\n"
    b"Connection: close\r\n\r\n",
    "HTTP/1.2": GET.replace(b"1.1", b"1.2") + b"\r\n",
    "HTTP/1.9": GET.replace(b"1.1", b"1.9") + b"\r\n",
    "value between tabs": GET + b"X:\t1\t\r\n\r\n",
    "empty value": GET + b"X:\r\n\r\n",
    "HTTP/1.0": b"GET /livez HTTP/1.0\r\n\r\n",
    "query": b"GET /livez?a=b HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    "empty lines first": b"\r\n\r\n" + GET + b"\r\n",
    "IPv6 Host": b"GET /livez HTTP/1.1\r\nHost: [::1]:7392\r\nConnection: close\r\n\r\n",
    "an upgrade nobody offers": GET.replace(b"close", b"close, Upgrade") + b"Upgrade: h2c\r\n\r\n",
    "obs-text in a value": GET + b"X: \xe9\xff\r\n\r\n",
    "a body nobody reads": GET + b"Content-Length: 3\r\n\r\nabc",
}


@pytest.mark.parametrize("name", GOOD)
def test_taken(server, name):
    reply = server.ask(GOOD[name])
    assert status(reply) == 200 and body_of(reply) == b"alive\n", reply


def chunked(body, sizes, extension=b""):
    out, at = b"", 0
    while at < len(body):
        piece = body[at : at + next(sizes)]
        out += b"%x%s\r\n%s\r\n" % (len(piece), extension, piece)
        at += len(piece)
    return out + b"0\r\n\r\n"


@pytest.mark.parametrize(
    "extension",
    [
        b"",
        b";name=value",
        b';n="q"',
        b";a",
        b";a;b;c",
        b"; a",
        b"; some; parameters=stuff",
        b";a=1;b=2",
        b';a="x\\"y"',
        b';a="\\\\"',
        b' ;\ta\t=\t"b" ;c',
        b';a="\t\xff;\x80"',
        b';a=""',
    ],
)
def test_chunked_body(server, extension):
    body = json.dumps(TRACE).encode()
    rng = random.Random(5)
    sizes = iter(lambda: rng.randint(1, 9), 0)
    head = POST + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    reply = server.ask(head + chunked(body, sizes, extension))
    assert status(reply) == 200, reply
    whole = server.ask(post(TRACE))
    assert json.loads(body_of(reply))["results"] == json.loads(body_of(whole))["results"]


@pytest.mark.parametrize(
    "trailers", [b"", b"X: b\r\n", b"Content-Length: 5\r\nHost: x\r\nempty:\r\n"]
)
def test_trailers_are_dropped(server, trailers):
    body = json.dumps(TRACE).encode()
    framed = b"%x\r\n%s\r\n000\r\n%s\r\n" % (len(body), body, trailers)
    reply = server.ask(CHUNKED + framed + GET + b"\r\n")
    assert status(reply) == 200 and reply.count(b"\r\nDate: ") == 2
    assert body_of(reply).endswith(b"alive\n")


def test_byte_by_byte(server):
    request = post(TRACE)
    with server.connect() as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(len(request)):
            s.send(request[at : at + 1])
        reply = read_all(s)
    assert status(reply) == 200
    assert json.loads(body_of(reply))["results"][0]["error"] is None


def test_every_cut(server):
    """The request in two pieces, cut at every place."""
    request = post(TRACE, close=False)
    with server.connect() as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for cut in range(1, len(request)):
            s.send(request[:cut])
            s.send(request[cut:])
            reply, rest = read_reply(s)
            assert status(reply) == 200 and rest == b""


def test_keep_alive_and_ids(server):
    with server.connect() as s:
        for i in range(20):
            s.sendall(post(TRACE, headers=[f"X-Request-Id: run-{i}"], close=False))
            reply, rest = read_reply(s)
            assert f"X-Request-Id: run-{i}\r\n".encode() in reply and rest == b""
            assert json.loads(body_of(reply))["id"] == f"run-{i}"


@pytest.mark.parametrize("bad_id", ["a b", "x" * 100, "<script>", "é"])
def test_unusable_request_id_is_replaced(server, bad_id):
    reply = server.ask(post(TRACE, headers=["X-Request-Id: " + bad_id]))
    assert bad_id.encode() not in reply.split(b"\r\n\r\n")[0]
    assert b"X-Request-Id: " in reply


def test_pipelining_keeps_order(server):
    requests = b"".join(
        post(TRACE, headers=[f"X-Request-Id: p{i}"], close=False) for i in range(50)
    )
    with server.connect() as s:
        s.sendall(requests)
        rest = b""
        for i in range(50):
            reply, rest = read_reply(s, rest)
            assert f"X-Request-Id: p{i}\r\n".encode() in reply


def test_pipelining_is_bounded(start):
    """A client that sends without reading is stopped by its own socket, not by our memory."""
    daemon = start(models=["process:step2000"])
    before = daemon.rss()
    with daemon.connect(timeout=2) as s:
        s.setblocking(False)
        request = post(TRACE, close=False) * 100
        sent = 0
        try:
            while sent < 64 << 20:
                sent += s.send(request)
        except BlockingIOError:
            pass
    assert sent < 32 << 20
    assert daemon.rss() - before < 8 << 20


def test_head_too_large(server):
    reply = server.ask(GET + b"X: " + b"a" * 40000 + b"\r\n\r\n")
    assert status(reply) == 431 and "--header-max" in error_of(reply)["hint"]


def test_too_many_headers(server):
    assert status(server.ask(GET + b"X: 1\r\n" * 101 + b"\r\n")) == 431


def test_target_too_long(server):
    reply = server.ask(b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert status(reply) == 431


def test_head_route(server):
    reply = server.ask(b"HEAD /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert status(reply) == 200 and body_of(reply) == b"" and b"Content-Length: 6\r\n" in reply


def test_unknown_route_and_method(server):
    reply = server.ask(b"GET /nope HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert status(reply) == 404 and "/v1/rewards" in error_of(reply)["hint"]
    reply = server.ask(
        b"DELETE /v1/rewards HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    )
    assert status(reply) == 405 and b"Allow: POST, OPTIONS\r\n" in reply


def test_truncated_body(server):
    with server.connect() as s:
        s.sendall(post(TRACE)[:-5])
        s.shutdown(socket.SHUT_WR)
        reply = read_all(s)
    assert status(reply) == 400 and "ended after" in error_of(reply)["message"]


def test_every_reply_names_type_and_date(server):
    for request in list(GOOD.values()) + list(BAD.values()):
        head = server.ask(request).split(b"\r\n\r\n")[0]
        assert b"\r\nContent-Type: " in head and b"\r\nDate: " in head
