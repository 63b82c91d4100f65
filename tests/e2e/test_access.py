"""Who may ask: names, origins, keys."""

import base64
import json
import os
import re
import time

import pytest
from fake_daemon import (
    TRACE,
    error_of,
    post,
    server,  # noqa: F401 (fixture)
    start,  # noqa: F401 (fixture)
    status,
    wait_for,
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


# ---- keys -------------------------------------------------------------------


def with_key(daemon, key, body=TRACE):
    return status(daemon.ask(post(body, headers=[f"Authorization: Bearer {key}"])))


def test_named_keys_and_their_figures(start, tmp_path):
    keys = tmp_path / "keys"
    keys.write_text(
        "\ufeff# who\n\nalice:alice-key-1\nalice:alice-key-2\nbob  bob-key-12345\nnameless-key\n"
    )
    daemon = start("--api-key-file", str(keys))
    for key in ["alice-key-1", "alice-key-2", "bob-key-12345", "nameless-key"]:
        assert with_key(daemon, key) == 200
    assert with_key(daemon, "alice:alice-key-1") == 401
    basic = base64.b64encode(b"any:bob-key-12345").decode()
    assert status(daemon.ask(post(TRACE, headers=[f"Authorization: Basic {basic}"]))) == 200
    page = daemon.ask(get("/metrics", "x", "Authorization: Bearer bob-key-12345")).decode()
    for name, n in [("alice", 2), ("bob", 2), ("key-4", 1)]:
        assert f'rewardd_key_requests_total{{key="{name}"}} {n}\n' in page
        tokens = re.search(rf'rewardd_key_tokens_total{{key="{name}"}} (\d+)', page)
        assert int(tokens.group(1)) > 0
    assert "alice-key" not in page and "nameless" not in page


def test_folder_of_keys(start, tmp_path):
    """As Kubernetes mounts a Secret: a link to a folder of links, replaced as a whole."""
    secret = tmp_path / "secret"
    secret.mkdir()

    def fill(version, keys):
        (secret / version).mkdir()
        for name, key in keys.items():
            (secret / version / name).write_text(key)
            if not (secret / name).is_symlink():
                (secret / name).symlink_to(f"..data/{name}")
        (secret / "..new").symlink_to(version)
        os.rename(secret / "..new", secret / "..data")

    fill("..1", {"carol": "carol-key-1", "dave": "dave-key-1\n"})
    daemon = start("--api-key-file", str(secret))
    assert with_key(daemon, "carol-key-1") == 200 and with_key(daemon, "dave-key-1") == 200
    fill("..2", {"carol": "carol-key-2", "dave": "dave-key-1\n"})
    assert wait_for(lambda: with_key(daemon, "carol-key-2") == 200)  # without a signal
    assert with_key(daemon, "carol-key-1") == 401 and with_key(daemon, "dave-key-1") == 200
    page = daemon.ask(get("/metrics", "x", "Authorization: Bearer carol-key-2")).decode()
    assert 'rewardd_key_requests_total{key="carol"} 2' in page


@pytest.mark.parametrize(
    "content",
    [
        bytes(range(256)) * 4,
        b"good-key-1\nbad\x00key-12\n",
        b"bad\xc3\xa9key-12\n",
        b"bad\x7fkey-1234\n",
        b"\xff\xfeb\x00a\x00d\x00",
        b"na\x01me:good-key-1\n",
        b"",
    ],
)
def test_a_file_that_holds_no_keys_changes_nothing(start, tmp_path, content):
    keys = tmp_path / "keys"
    keys.write_text("good-key-0\n")
    daemon = start("--api-key-file", str(keys))
    keys.write_bytes(content)
    time.sleep(1.5)
    assert with_key(daemon, "good-key-0") == 200 and with_key(daemon, "good-key-1") == 401
    daemon.terminate()
    assert daemon.process.communicate(timeout=20)[1].count("keys_kept") == 1


def test_limits_of_a_key(start, tmp_path):
    keys = tmp_path / "keys"
    keys.write_text(
        "few:few-key-12345 concurrency=2\nmany:many-key-1234\npoor:poor-key-1234 tokens=20\n"
    )
    daemon = start("--api-key-file", str(keys), models=["process:step5000"])
    long = {"prompt": "p", "trace": {"steps": ["a"] * 300}}
    held = []
    for _ in range(2):
        held.append(daemon.connect())
        held[-1].sendall(post(long, headers=["Authorization: Bearer few-key-12345"]))
    time.sleep(0.3)
    reply = daemon.ask(post(TRACE, headers=["Authorization: Bearer few-key-12345"]))
    assert status(reply) == 429 and '"few"' in error_of(reply)["message"]
    assert with_key(daemon, "many-key-1234") == 200  # its own account
    for s in held:
        s.close()
    assert wait_for(lambda: with_key(daemon, "few-key-12345") == 200)
    answers = [
        daemon.ask(post(TRACE, headers=["Authorization: Bearer poor-key-1234"])) for _ in range(4)
    ]
    assert status(answers[0]) == 200 and status(answers[-1]) == 429
    wait = int(header(answers[-1], b"Retry-After"))
    assert 1 <= wait <= 120 and "tokens per minute" in error_of(answers[-1])["message"]
