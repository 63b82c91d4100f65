"""The checks of uNetworking/h1spec (33 requests and the statuses a server may give), on `/` and on
others of our routes; and each request of every kind cut in two at every byte, over real sockets.

h1spec is a Deno program in no package registry; what is here is its list of requests, as facts."""

import json
import socket
import time

import pytest
from fake_daemon import TRACE, body_of, read_all, server, start, status  # noqa: F401 (fixtures)

HOST = b"Host: example.com\r\n"
PATHS = [b"/", b"/livez", b"/readyz", b"/health"]

# A beginning is no request: the server waits, and says nothing.
WAITS = [
    b"G",
    b"GET ",
    b"GET /hello",
    b"GET /hello ",
    b"GET /hello HTTP",
    b"GET /hello HTTP/1.1",
    b"GET /hello HTTP/1.1\r",
    b"GET /hello HTTP/1.1\r\n",
    b"GET /hello HTTP/1.1\r\nHos",
    b"GET /hello HTTP/1.1\r\nHost:",
    b"GET /hello HTTP/1.1\r\nHost: ",
    b"GET /hello HTTP/1.1\r\nHost: localhost",
    b"GET /hello HTTP/1.1\r\nHost: localhost\r",
    b"GET /hello HTTP/1.1\r\nHost: localhost\r\n",
    b"GET /hello HTTP/1.1\r\nHost: localhost\r\n\r",
]

OK, CLIENT, ANY = range(200, 300), range(400, 500), range(400, 600)

# {}: the path
ANSWERS = {
    "no version": (b"GET {} \r\n\r\n", [ANY]),
    "Expect": (b"GET {} HTTP/1.1\r\n" + HOST + b"Expect: 100-continue\r\n\r\n", [[100], OK]),
    "plain": (b"GET {} HTTP/1.1\r\n" + HOST + b"\r\n", [OK]),
    "edge": (b"GET {} HTTP/1.1\r\nhoSt:\texample.com\r\nempty:\r\n\r\n", [OK]),
    "field name": (b"GET {} HTTP/1.1\r\n" + HOST + b"X-Invalid[]: test\r\n\r\n", [CLIENT]),
    "no Host": (b"GET {} HTTP/1.1\r\nContent-Length: 5\r\n\r\n", [CLIENT]),
    "two Hosts": (b"GET {} HTTP/1.1\r\n" + HOST + b"Host: example.org\r\n\r\n", [CLIENT]),
    "CL below int64": (
        b"GET {} HTTP/1.1\r\n" + HOST + b"Content-Length: -123456789123456789123456789\r\n\r\n",
        [CLIENT],
    ),
    "CL negative": (b"GET {} HTTP/1.1\r\n" + HOST + b"Content-Length: -1234\r\n\r\n", [CLIENT]),
    "CL no number": (b"GET {} HTTP/1.1\r\n" + HOST + b"Content-Length: abc\r\n\r\n", [CLIENT]),
    "empty value": (b"GET {} HTTP/1.1\r\n" + HOST + b"X-Empty-Header: \r\n\r\n", [OK]),
    "control byte": (b"GET {} HTTP/1.1\r\n" + HOST + b"X-Bad: test\x07\r\n\r\n", [CLIENT]),
    "version": (b"GET {} HTTP/9.9\r\n" + HOST + b"\r\n", [ANY]),
    "prefix": (b"Extra lineGET {} HTTP/1.1\r\n" + HOST + b"\r\n", [ANY]),
    "line end": (b"GET {} HTTP/1.1\r\n" + HOST + b"\rSome-Header: Test\r\n\r\n", [CLIENT]),
    "POST": (b"POST {} HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\n\r\nhello", [OK, [404]]),
    "chunked": (
        b"POST {} HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"
        b"c\r\nHellO world1\r\n0\r\n\r\n",
        [OK],
    ),
    "TE and CL": (
        b"POST {} HTTP/1.1\r\n" + HOST + b"content-LengtH: 5\r\nTransFer-Encoding: chunked\r\n\r\n"
        b"c\r\nHellO world1\r\n0\r\n\r\n",
        [CLIENT, OK],
    ),
}
ECHOED = {"POST": b"hello", "chunked": b"HellO world1"}  # where the status is 200


def test_waits(server):
    """All at once: each is silent for as long as h1spec waits, and open afterwards."""
    open_ones = [server.connect() for _ in WAITS]
    for s, request in zip(open_ones, WAITS, strict=True):
        s.sendall(request)
    time.sleep(0.5)
    for s, request in zip(open_ones, WAITS, strict=True):
        s.setblocking(False)
        with pytest.raises(BlockingIOError):
            s.recv(1)
        s.setblocking(True)
        s.sendall((WAITS[-1] + b"\n")[len(request) :])  # the rest: it was only waiting
        assert status(s.recv(65536)) == 404
        s.close()


@pytest.mark.parametrize("name", ANSWERS)
@pytest.mark.parametrize("path", PATHS, ids=lambda p: p.decode())
def test_answers(server, name, path):
    request, allowed = ANSWERS[name]
    assert len(WAITS) + len(ANSWERS) == 33
    if name in ECHOED and path != b"/":
        allowed = [[405]]  # a probe is GET; h1spec asks at `/`
    with server.connect() as s:
        s.sendall(request.replace(b"{}", path))
        reply = s.recv(65536)
    assert any(status(reply) in range_ for range_ in allowed), reply
    if name in ECHOED and status(reply) == 200:
        assert body_of(reply) == ECHOED[name]


BODY = json.dumps(TRACE).encode()
HEAD = b"POST /v1/rewards HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
CHUNKS = HEAD + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
CUTS = {
    "chunked": (
        CHUNKS + b'4;a="\\"" ;b\r\n' + BODY[:4] + b"\r\n%X\r\n" % len(BODY[4:]) + BODY[4:] + b"\r\n"
        b"0\r\nX: y\r\n\r\n",
        200,
    ),
    "chunk end": (CHUNKS + b"4\r\n" + BODY[:4] + b"XX0\r\n\r\n", 400),
    "chunk size": (CHUNKS + b"4 \r\n" + BODY[:4] + b"\r\n0\r\n\r\n", 400),
    "trailer": (CHUNKS + b"2\r\n{}\r\n0\r\nX : y\r\n\r\n", 400),
    "absolute": (b"GET http://localhost/ HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n", 200),
    "host": (b"GET / HTTP/1.1\r\nHost: a:b\r\nConnection: close\r\n\r\n", 400),
    "fold": (b"GET / HTTP/1.1\r\nHost: a\r\n b\r\nConnection: close\r\n\r\n", 400),
    "coding": (HEAD + b"Transfer-Encoding: gzip,chunked\r\n\r\n0\r\n\r\n", 501),
    "method": (b"QUERY / HTTP/1.1\r\nHost: localhost\r\n\r\n", 501),
    "version": (b"GET / HTTP/2.0\r\nHost: localhost\r\n\r\n", 505),
    "lengths": (HEAD + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\n1", 400),
}


@pytest.mark.parametrize("name", CUTS)
def test_every_cut_has_one_verdict(server, name):
    request, expected = CUTS[name]
    for cut in range(1, len(request)):
        with server.connect() as s:
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                s.send(request[:cut])
                time.sleep(0.001)
                s.send(request[cut:])
            except (BrokenPipeError, ConnectionResetError):
                pass
            reply = read_all(s)
        assert status(reply) == expected or reply == b"<reset>", (cut, reply)
        assert expected != 200 or body_of(reply)
