"""HTTP/1.1 as bytes: what must be refused, what must be taken, however it is cut."""

import json
import random
import socket

import pytest
from fake_daemon import TRACE, body_of, error_of, post, read_all, read_reply, server, start, status  # noqa: F401 (fixtures)

GET = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
POST = b"POST /v1/rewards HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"

BAD = {
    # the exact bytes that llhttp 8.1.0 takes
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
    "TE gzip, chunked": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
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


@pytest.mark.parametrize("version", [b"HTTP/1.2", b"HTTP/2.0", b"HTTP/0.9", b"HTTP/3.0"])
def test_version(server, version):
    reply = server.ask(b"GET /livez " + version + b"\r\nHost: localhost\r\n\r\n")
    assert status(reply) in (400, 505), reply


GOOD = {
    "plain": GET + b"\r\n",
    "absolute form": b"GET http://localhost/livez HTTP/1.1\r\nHost: "
    b"localhost\r\nConnection: close\r\n\r\n",
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


@pytest.mark.parametrize("extension", [b"", b";name=value", b';n="q"'])
def test_chunked_body(server, extension):
    body = json.dumps(TRACE).encode()
    rng = random.Random(5)
    sizes = iter(lambda: rng.randint(1, 9), 0)
    head = POST + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    reply = server.ask(head + chunked(body, sizes, extension))
    assert status(reply) == 200, reply
    whole = server.ask(post(TRACE))
    assert json.loads(body_of(reply))["results"] == json.loads(body_of(whole))["results"]


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
    assert status(reply) == 405 and b"Allow: POST\r\n" in reply
    reply = server.ask(b"CONNECT localhost:1 HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert status(reply) in (400, 405)


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
