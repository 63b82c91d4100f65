"""Who may ask: names, origins, keys."""

import json
import re

import pytest
from fake_daemon import (
    TRACE,
    error_of,
    post,
    server,  # noqa: F401 (fixture)
    start,  # noqa: F401 (fixture)
    status,
)


def get(path, host, *headers):
    lines = [f"GET {path} HTTP/1.1", f"Host: {host}", "Connection: close", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


OWN = ["localhost", "LOCALHOST:1", "localhost.", "127.0.0.1", "127.8.9.10:7392", "[::1]", "[::1]:5"]
FOREIGN = [
    "evil.com",
    "127.evil.com",
    "127.0.0.1.evil.com",
    "127.0.0.1.",
    "localhost.evil.com",
    "localhost..",
    "notlocalhost",
    "127.1",
    "127.0.0.256",
    "0.0.0.0",
    "10.0.0.1",
    "[::2]",
    "[::ffff:10.0.0.1]",
    "loc%61lhost",
    "2130706433",
]
CLOSED = ["/metrics", "/v1/models", "/v1/runs", "/v1/runs/a", "/openapi.json", "/nope"]


@pytest.mark.parametrize("host", OWN + FOREIGN)
def test_host_without_keys(server, host):
    """DNS rebinding: a page renamed us, its GET carries no Origin, Host is all there is to see."""
    own = host in OWN
    for path in CLOSED:
        reply = server.ask(get(path, host))
        if own:
            assert status(reply) == (404 if path in ("/nope", "/v1/runs/a") else 200)
        else:
            assert status(reply) == 421 and error_of(reply)["code"] == "misdirected"
            assert "--allow-host" in error_of(reply)["hint"]
    for path in ["/", "/livez", "/readyz", "/health", "/healthz"]:
        assert status(server.ask(get(path, host))) == 200  # probes call by addresses of their own
    body = post(TRACE).replace(b"Host: localhost", b"Host: " + host.encode())
    assert status(server.ask(body)) == (200 if own else 421)
    target = post(TRACE, path=f"http://{host}/v1/rewards")  # the target's authority replaces Host
    assert status(server.ask(target)) == (200 if own else 421)


def test_allow_host(start):
    daemon = start("--allow-host", "scorer.lab", "--allow-host", "10.1.2.3")
    for host, expected in [
        ("scorer.lab", 200),
        ("Scorer.Lab:7392", 200),
        ("10.1.2.3", 200),
        ("localhost", 200),
        ("scorer.lab.evil.com", 421),
        ("a.scorer.lab", 421),
        ("10.1.2.4", 421),
    ]:
        assert status(daemon.ask(get("/v1/models", host))) == expected, host
    page = get("/v1/models", "scorer.lab", "Origin: http://scorer.lab")
    assert status(daemon.ask(page)) == 200
    assert status(start("--allow-host", "*").ask(get("/v1/models", "any.thing"))) == 200


def test_any_host_with_keys(start, tmp_path):
    keys = tmp_path / "keys"
    keys.write_text("abcdefghij\n")
    daemon = start("--api-key-file", str(keys))
    key = "Authorization: Bearer abcdefghij"
    assert status(daemon.ask(get("/v1/models", "behind.a.balancer", key))) == 200
    own = "Origin: https://behind.a.balancer"
    assert status(daemon.ask(get("/v1/models", "behind.a.balancer", key, own))) == 200
    other = "Origin: https://evil.example"
    assert status(daemon.ask(get("/v1/models", "behind.a.balancer", key, other))) == 403
    assert status(daemon.ask(get("/v1/models", "evil.com"))) == 401


def preflight(origin, path="/v1/rewards", host="127.0.0.1"):
    return (
        f"OPTIONS {path} HTTP/1.1\r\nHost: {host}\r\nOrigin: {origin}\r\nConnection: close\r\n"
        "Access-Control-Request-Method: POST\r\n"
        "Access-Control-Request-Headers: content-type,authorization\r\n\r\n"
    ).encode()


def header(reply, name):
    found = re.search(rb"\r\n" + name + rb": ([^\r]*)\r\n", reply.split(b"\r\n\r\n")[0] + b"\r\n")
    return found and found.group(1).decode()


@pytest.mark.parametrize("keyed", [False, True])
def test_cors(start, tmp_path, keyed):
    """What a browser does for a page of another origin: it asks first, without a key; then it sends
    the request; then it shows the reply to the page only if the reply names the page's origin."""
    options, headers = ["--allow-origin", "http://lab:8080"], ["Origin: http://lab:8080"]
    if keyed:
        (tmp_path / "keys").write_text("abcdefghij\n")
        options += ["--api-key-file", str(tmp_path / "keys")]
    daemon = start(*options)
    reply = daemon.ask(preflight("http://lab:8080"))
    assert status(reply) == 204
    assert header(reply, b"Access-Control-Allow-Origin") == "http://lab:8080"
    assert "POST" in header(reply, b"Access-Control-Allow-Methods")
    allowed = header(reply, b"Access-Control-Allow-Headers").lower().split(", ")
    assert {"content-type", "authorization"} <= set(allowed)
    if keyed:
        reply = daemon.ask(post(TRACE, headers=headers))
        assert status(reply) == 401
        headers.append("Authorization: Bearer abcdefghij")
    reply = daemon.ask(post(TRACE, headers=headers))
    assert status(reply) == 200
    assert header(reply, b"Access-Control-Allow-Origin") == "http://lab:8080"
    assert "Origin" in header(reply, b"Vary")
    reply = daemon.ask(post({"nonsense": 1}, headers=headers))  # a page may read what went wrong
    assert status(reply) == 400 and header(reply, b"Access-Control-Allow-Origin")
    stream = post({**TRACE, "stream": True}, headers=headers)
    assert header(daemon.ask(stream), b"Access-Control-Allow-Origin") == "http://lab:8080"
    for other in ["http://lab:8081", "https://lab:8080", "http://lab", "null"]:
        reply = daemon.ask(preflight(other))
        assert status(reply) == (401 if keyed else 403)
        assert b"Access-Control" not in reply
        assert status(daemon.ask(post(TRACE, headers=[f"Origin: {other}", *headers[1:]]))) == 403


def test_root_shows_no_name_that_would_run(server):
    """`/` offers a command line with our name in it; a Host may hold quotes and dollar signs."""
    reply = server.ask(get("/", "a';id;'"))
    assert status(reply) == 200 and b"id;" not in reply
    assert b"http://127.0.0.1:1/v1" in server.ask(get("/", "127.0.0.1:1"))


def test_allowed_origin_may_be_any(start):
    reply = start("--allow-origin", "*").ask(post(TRACE, headers=["Origin: https://a.example"]))
    assert status(reply) == 200
    assert header(reply, b"Access-Control-Allow-Origin") == "https://a.example"
    assert json.loads(reply.split(b"\r\n\r\n", 1)[1])["results"]
