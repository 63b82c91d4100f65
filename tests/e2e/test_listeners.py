"""Addresses: when they accept, what they serve, what happens when no descriptor is left."""

import http.client
import os
import resource
import socket
import subprocess
import time

import pytest
from daemon import free_port
from fake_daemon import (
    FAKE,
    TRACE,
    Daemon,
    post,
    read_all,
    read_reply,
    start,  # noqa: F401 (fixture)
    status,
    wait_for,
)

GET = b"GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n"


def ask(port, request):
    with socket.create_connection(("127.0.0.1", port), timeout=10) as s:
        s.sendall(request)
        return read_all(s)


def get(port, path, host=b"localhost"):
    return status(ask(port, GET % (path.encode(), host)))


def test_accepts_when_ready_and_probes_from_the_start(start, tmp_path):
    """A balancer goes on to another replica when a connection is refused; a 503 it may pass on."""
    (tmp_path / "keys").write_text("abcdefghij\n")
    port, probes = free_port(), free_port()
    daemon = start(
        *("--listen", f"127.0.0.1:{port}", "--metrics-listen", f"127.0.0.1:{probes}"),
        *("--api-key-file", str(tmp_path / "keys")),
        models=["process:load800"],
        wait=False,
    )
    assert wait_for(lambda: socket.socket().connect_ex(("127.0.0.1", probes)) == 0)
    assert get(probes, "/livez") == 200 and get(probes, "/readyz") == 503
    with pytest.raises(ConnectionRefusedError):
        ask(port, post(TRACE))
    daemon.wait_ready()
    assert status(ask(port, post(TRACE))) == 401
    for path in ["/livez", "/readyz", "/healthz", "/health", "/metrics"]:
        assert get(probes, path) == 200
    for path in ["/", "/v1/models", "/v1/runs", "/openapi.json", "/nope"]:
        assert get(probes, path) == 404
    assert status(ask(probes, post(TRACE))) == 404
    assert get(probes, "/metrics", b"10.0.0.7:9100") == 200  # an address cannot be rebound
    assert get(probes, "/metrics", b"evil.example") == 421


def test_a_port_in_use_is_told_at_once(start):
    daemon = start()
    other = subprocess.run(
        [FAKE, "--model", "process:load60000", "--listen", f"127.0.0.1:{daemon.port}"],
        capture_output=True,
        text=True,
        timeout=10,
    )
    assert other.returncode == 1 and "address already in use" in other.stderr


def test_unix_socket(start, tmp_path):
    path = tmp_path / "rewardd.sock"
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(str(path))  # as a killed daemon leaves it
    stale.close()
    daemon = start("--listen", "127.0.0.1:0", "--listen", f"unix:{path}")
    assert any(str(path) in line for line in daemon.banner)
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(str(path))
        for host in [b"localhost", b"any.name"]:  # no browser comes this way
            s.sendall(post(TRACE, close=False).replace(b"Host: localhost", b"Host: " + host))
            reply, rest = read_reply(s)
            assert status(reply) == 200 and rest == b""
    second = Daemon("--listen", f"unix:{path}", wait=False)
    assert second.wait() == 1 and daemon.process.poll() is None
    assert second.process.communicate()[1].count("address already in use") == 1
    check = [FAKE, "--model", "process", "--listen", f"unix:{path}", "--healthcheck"]
    assert subprocess.run(check, capture_output=True).returncode == 0
    daemon.terminate()
    assert daemon.wait(20) == 0 and not path.exists()


def test_unix_client_that_vanishes(start, tmp_path):
    path = tmp_path / "rewardd.sock"
    daemon = start(
        "--listen", "127.0.0.1:0", "--listen", f"unix:{path}", models=["process:step5000"]
    )
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(str(path))
        s.sendall(post({"prompt": "p", "trace": {"steps": ["a"] * 1000}}))
        time.sleep(0.2)
    cancelled = "rewardd_jobs_cancelled_total"
    assert wait_for(lambda: daemon.metrics()[cancelled] >= 1)
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(str(path))
        s.sendall(post(TRACE))
        s.shutdown(socket.SHUT_WR)  # still waits for its answer
        assert b"200 OK" in read_all(s)


@pytest.mark.parametrize("files", [64, 256])
def test_descriptors_run_out(files):
    """Beyond what the limit of open files allows clients are closed at once, probes are answered,
    requests in progress go on, nobody spins, and it is said once."""
    probes = free_port()
    process = subprocess.Popen(
        [
            *(FAKE, "--model", "process", "--listen", "127.0.0.1:0"),
            *("--metrics-listen", f"127.0.0.1:{probes}"),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (files, files)),
    )
    port = None
    for line in process.stdout:
        if line.startswith("listen"):
            port = int(line.split()[1].rsplit(":", 1)[1])
        if line.startswith("ready in"):
            break
    held = [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(files)]
    assert read_all(held[-1]) in (b"", b"<reset>")
    for _ in range(20):
        assert get(probes, "/readyz") == 200
    assert get(probes, "/metrics") == 200
    held[0].sendall(post(TRACE, close=False))
    assert status(read_reply(held[0])[0]) == 200
    before = cpu_ticks(process)
    time.sleep(0.5)
    assert cpu_ticks(process) - before < 10
    for s in held:
        s.close()
    assert wait_for(lambda: status(ask(port, post(TRACE))) == 200)
    process.terminate()
    _, err = process.communicate(timeout=20)
    assert err.count("event=connections_full") == 1, err
    assert process.returncode == 0


def cpu_ticks(process):
    with open(f"/proc/{process.pid}/stat") as f:
        return sum(int(x) for x in f.read().split()[13:15])


def test_listen_when_start(start):
    port = free_port()
    daemon = start(
        *("--listen", f"127.0.0.1:{port}", "--listen-when", "start"),
        models=["process:load800"],
        wait=False,
    )
    assert wait_for(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0)
    assert status(ask(port, post(TRACE))) == 503
    daemon.wait_ready()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/readyz")
    assert connection.getresponse().status == 200
    assert os.path.exists(f"/proc/{daemon.process.pid}")
