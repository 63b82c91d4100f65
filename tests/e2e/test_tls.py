"""TLS on the daemon's own sockets: curl, openssl s_client and Python's ssl as peers; certificates
that change, handshakes that are cut, slow, in the clear; large replies to slow readers."""

import http.client
import json
import os
import random
import signal
import socket
import ssl
import subprocess
import threading
import time
from pathlib import Path

import pytest
from daemon import free_port
from fake_daemon import FAKE, TRACE, body_of, post, read_all, start, status, wait_for  # noqa: F401

GET = b"GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


def make_certificate(
    folder, name="localhost", kind=("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")
):
    """A certificate that is its own authority, and its key; put in place as a renewal does."""
    words = ["openssl", "req", "-x509", *kind, "-nodes", "-days", "2", "-subj", f"/CN={name}"]
    words += ["-addext", f"subjectAltName=DNS:{name},IP:127.0.0.1"]
    words += ["-keyout", str(folder / "key.new"), "-out", str(folder / "cert.new")]
    subprocess.run(words, check=True, capture_output=True)
    os.rename(folder / "key.new", folder / "key.pem")
    os.rename(folder / "cert.new", folder / "cert.pem")
    return folder / "cert.pem", folder / "key.pem"


@pytest.fixture
def secure(start, tmp_path):
    if b"was built without TLS" in Path(FAKE).read_bytes():
        pytest.skip("built without TLS")
    cert, key = make_certificate(tmp_path)

    def make(*options, **named):
        words = ("--tls-cert", str(cert), "--tls-key", str(key), *options)
        daemon = start(*words, wait=False, **named)
        for line in daemon.process.stdout:
            daemon.banner.append(line.rstrip("\n"))
            if line.startswith("listen") and "https://127.0.0.1:" in line:
                daemon.port = int(line.split("https://127.0.0.1:")[1].split()[0])
            if line.startswith("ready in "):
                return daemon
        raise RuntimeError(daemon.process.stderr.read())

    make.folder = tmp_path
    return make


def context_of(folder, **settings):
    context = ssl.create_default_context(cafile=str(folder / "cert.pem"))
    for name, value in settings.items():
        setattr(context, name, value)
    return context


def wrap(daemon, folder, timeout=20, **settings):
    raw = daemon.connect(timeout)
    return context_of(folder, **settings).wrap_socket(raw, server_hostname="localhost")


def ask(daemon, folder, request, **settings):
    with wrap(daemon, folder, **settings) as s:
        s.sendall(request)
        return read_all(s)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_versions(secure, version):
    daemon = secure()
    settings = {"maximum_version": version, "minimum_version": version}
    reply = ask(daemon, secure.folder, post(TRACE), **settings)
    assert status(reply) == 200 and json.loads(body_of(reply))["results"][0]["error"] is None
    with wrap(daemon, secure.folder, **settings) as s:
        assert s.version() == version.name.replace("v1_", "v1.")
        assert "GCM" in s.cipher()[0] or "CHACHA20" in s.cipher()[0]
        assert s.compression() is None


def test_nothing_older(secure):
    daemon = secure()
    context = context_of(secure.folder)
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    with daemon.connect() as raw, pytest.raises(ssl.SSLError):
        context.wrap_socket(raw, server_hostname="localhost")


def test_alpn(secure):
    """A client that speaks HTTP/2 and 1.1 gets 1.1; one that wants HTTP/2 alone is refused."""
    daemon = secure()
    context = context_of(secure.folder)
    context.set_alpn_protocols(["h2", "http/1.1"])
    with daemon.connect() as raw, context.wrap_socket(raw, server_hostname="localhost") as s:
        assert s.selected_alpn_protocol() == "http/1.1"
    context.set_alpn_protocols(["h2"])
    with daemon.connect() as raw, pytest.raises(ssl.SSLError):
        context.wrap_socket(raw, server_hostname="localhost")


def test_curl_and_its_stream(secure):
    daemon = secure(models=["process:step2000"])
    url = f"https://localhost:{daemon.port}"
    words = ["curl", "-sS", "--cacert", str(secure.folder / "cert.pem")]
    page = subprocess.run([*words, url + "/livez"], capture_output=True, timeout=20, check=True)
    assert page.stdout == b"alive\n"
    body = json.dumps({**TRACE, "stream": True})
    stream = subprocess.run(
        [*words, "-N", url + "/v1/rewards", "-d", body], capture_output=True, timeout=20, check=True
    )
    assert b'"done"' in stream.stdout
    untrusting = subprocess.run(["curl", "-sS", url + "/livez"], capture_output=True, timeout=20)
    assert untrusting.returncode == 60  # a certificate nobody vouches for


def test_keep_alive_and_every_cut(secure):
    """Records end anywhere: inside the head, inside the body; many requests on one connection."""
    daemon = secure()
    request = post(TRACE, close=False)
    with wrap(daemon, secure.folder) as s:
        for cut in range(1, len(request), 7):
            s.sendall(request[:cut])
            s.sendall(request[cut:])
            reply = b""
            while b"\r\n\r\n" not in reply or b"usage" not in reply:
                reply += s.recv(65536)
            assert status(reply) == 200


def test_large_replies_to_slow_readers(secure):
    """Megabytes to a reader that sleeps: nothing is lost, little is kept for it."""
    daemon = secure(models=["process"])
    big = {"prompt": "p", "traces": [{"steps": ["a b"] * 100}] * 1000}
    plain = ask(daemon, secure.folder, post(big))
    before = daemon.rss()
    with wrap(daemon, secure.folder, timeout=60) as s:
        s.sendall(post(big))
        time.sleep(1)
        grown = daemon.rss() - before
        slow = []
        while piece := s.recv(200_000):
            slow.append(piece)
            time.sleep(0.002)
    slow = b"".join(slow)
    assert status(slow) == 200 and len(slow) > 4 << 20 and abs(len(slow) - len(plain)) < 4096
    assert slow.endswith(b"0\r\n\r\n") and grown < 200 << 20


def test_large_body(secure):
    daemon = secure()
    body = json.dumps({"prompt": "p" * 3_000_000, **TRACE} | {"prompt": "p " * 1_000_000})
    reply = ask(daemon, secure.folder, post(body.encode()))
    assert status(reply) in (200, 413, 422), reply[
        :200
    ]  # read to its end, whatever is thought of it


def test_plain_http_is_told(secure):
    daemon = secure()
    reply = daemon.ask(GET % b"/livez")
    assert reply.startswith(b"HTTP/1.1 400 ") and b"https://" in reply
    for garbage in [
        b"\0" * 100,
        b"\x80\x2e\x01\x00\x02",
        b"SSH-2.0-x\r\n",
        b"\x17\x03\x03\x00\x10",
    ]:
        with daemon.connect(5) as s:
            s.sendall(garbage)
            assert b" 200 " not in read_all(s)  # closed, and soon
    assert status(ask(daemon, secure.folder, GET % b"/livez")) == 200
    page = ask(daemon, secure.folder, GET % b"/metrics").decode()
    assert 'rewardd_tls_handshakes_total{result="plain"} 5' in page


def client_hello(folder):
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = context_of(folder).wrap_bio(incoming, outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        session.do_handshake()
    return outgoing.read()


def test_cut_handshakes(secure):
    """A hello that ends at every byte; then bytes that are bent: closed, and it serves on."""
    daemon = secure("--header-timeout", "2s")
    hello = client_hello(secure.folder)
    for cut in range(1, len(hello), 3):
        with daemon.connect(5) as s:
            s.sendall(hello[:cut])
            s.shutdown(socket.SHUT_WR)
            read_all(s)
    for at in range(0, min(len(hello), 200), 2):
        with daemon.connect(5) as s:
            bent = bytearray(hello)
            bent[at] ^= 0xFF
            s.sendall(bytes(bent))
            s.shutdown(socket.SHUT_WR)
            read_all(s)
    assert status(ask(daemon, secure.folder, GET % b"/livez")) == 200
    assert wait_for(lambda: daemon_connections(daemon, secure.folder) == 1)


def daemon_connections(daemon, folder):
    page = ask(daemon, folder, GET % b"/metrics").decode()
    return int(page.split("\nrewardd_http_connections ")[1].split("\n")[0])


def test_slow_handshakes(secure):
    """A byte now and then does not keep a handshake alive; nobody else waits meanwhile."""
    daemon = secure("--header-timeout", "1s")
    hello = client_hello(secure.folder)
    slow = [daemon.connect(10) for _ in range(50)]
    begun = time.monotonic()
    for i in range(6):
        for s in slow:
            try:
                s.sendall(hello[i : i + 1])
            except OSError:
                pass
        assert status(ask(daemon, secure.folder, GET % b"/livez")) == 200
        time.sleep(0.25)
    for s in slow:
        assert read_all(s) in (b"", b"<reset>")
        s.close()
    assert time.monotonic() - begun < 5
    page = ask(daemon, secure.folder, GET % b"/metrics").decode()
    assert 'rewardd_tls_handshakes_total{result="late"} 50' in page


def test_renegotiation_is_refused(secure):
    daemon = secure()
    words = ["openssl", "s_client", "-connect", f"127.0.0.1:{daemon.port}", "-tls1_2"]
    client = subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    time.sleep(0.5)
    client.stdin.write(b"R\n")
    client.stdin.flush()
    time.sleep(0.5)
    out = client.communicate(timeout=10)[0]
    assert b"RENEGOTIATING" in out and b"no renegotiation" in out
    page = ask(daemon, secure.folder, GET % b"/metrics").decode()
    assert 'rewardd_tls_handshakes_total{result="done"} 2' in page


def common_name(daemon):
    raw = daemon.connect()
    context = ssl._create_unverified_context()
    with context.wrap_socket(raw, server_hostname="localhost") as s:
        return s.getpeercert(binary_form=True)


@pytest.mark.parametrize("by", ["itself", "SIGHUP"])
def test_a_new_certificate(secure, by):
    """Connections go on under the old one, new ones get the new; half a renewal changes nothing."""
    daemon = secure("--log-level", "info")
    old = common_name(daemon)
    with wrap(daemon, secure.folder) as s:
        (secure.folder / "key.pem").write_text("garbage\n")
        if by == "SIGHUP":
            daemon.process.send_signal(signal.SIGHUP)
        time.sleep(1.5)
        assert common_name(daemon) == old
        make_certificate(secure.folder)
        if by == "SIGHUP":
            daemon.process.send_signal(signal.SIGHUP)
        assert wait_for(lambda: common_name(daemon) != old)
        s.sendall(GET % b"/livez")
        assert status(read_all(s)) == 200
    assert status(ask(daemon, secure.folder, GET % b"/livez")) == 200
    daemon.terminate()
    log = daemon.process.communicate(timeout=20)[1]
    assert "certificate_kept" in log and "certificate_loaded" in log and "key.pem" in log


@pytest.mark.parametrize("kind", [("-newkey", "rsa:2048"), ("-newkey", "ed25519")])
def test_other_kinds_of_key(secure, kind):
    make_certificate(secure.folder, kind=kind)
    daemon = secure()
    assert status(ask(daemon, secure.folder, GET % b"/livez")) == 200


def refusal(*options):
    words = [FAKE, "--model", "process", "--listen", "127.0.0.1:0", *map(str, options)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=20)
    assert done.returncode in (1, 2)
    checked = subprocess.run([*words, "--check-config"], capture_output=True, text=True, timeout=20)
    assert (
        checked.returncode in (1, 2)
        and done.stderr.split("\n")[0] in checked.stdout + checked.stderr
    )
    return done.stderr


def test_what_does_not_fit_is_refused(secure):
    folder = secure.folder
    cert, key = folder / "cert.pem", folder / "key.pem"
    other = folder / "other"
    other.mkdir()
    make_certificate(other)
    assert "go together" in refusal("--tls-cert", cert)
    assert "go together" in refusal("--tls-key", key)
    assert "key.pem" in refusal("--tls-cert", cert, "--tls-key", other / "key.pem")
    assert "missing.pem" in refusal("--tls-cert", folder / "missing.pem", "--tls-key", key)
    assert "no certificate" in refusal("--tls-cert", key, "--tls-key", key)
    words = ["openssl", "pkey", "-in", str(key), "-aes256", "-passout", "pass:secret"]
    locked = subprocess.run(words, capture_output=True, check=True).stdout
    (folder / "locked.pem").write_bytes(locked)
    assert "pass phrase" in refusal("--tls-cert", cert, "--tls-key", folder / "locked.pem")


def test_metrics_listener_and_health_check(secure):
    probes = free_port()
    port = free_port()
    options = ("--metrics-listen", f"127.0.0.1:{probes}", "--listen", f"127.0.0.1:{port}")
    daemon = secure(*options)
    context = context_of(secure.folder)
    client = http.client.HTTPSConnection("localhost", probes, context=context, timeout=10)
    client.request("GET", "/metrics")
    page = client.getresponse().read().decode()
    client.close()
    end = int(page.split("\nrewardd_tls_certificate_end_seconds ")[1].split("\n")[0])
    assert 0 < end - time.time() < 3 * 86400
    cert, key = str(secure.folder / "cert.pem"), str(secure.folder / "key.pem")
    words = [FAKE, "--healthcheck", "--tls-cert", cert, "--tls-key", key, *options]
    assert subprocess.run(words, capture_output=True, timeout=20).returncode == 0
    daemon.terminate()
    assert daemon.wait(20) == 0


def test_many_at_once(secure):
    """200 clients, each a handshake and a request: all answered."""
    daemon = secure()
    failed = []

    def one():
        if status(ask(daemon, secure.folder, GET % b"/livez")) != 200:
            failed.append(1)

    threads = [threading.Thread(target=one) for _ in range(200)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not failed


def test_unix_socket_stays_plain(secure, tmp_path):
    """Nobody listens in on a file; TLS there would only cost."""
    path = tmp_path / "s"
    secure("--listen", "127.0.0.1:0", "--listen", f"unix:{path}")
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(10)
        s.connect(str(path))
        s.sendall(GET % b"/livez")
        assert status(read_all(s)) == 200


def session_to(daemon, folder):
    """A socket, and a session over it whose records are in our hands."""
    raw, incoming, outgoing = daemon.connect(10), ssl.MemoryBIO(), ssl.MemoryBIO()
    session = context_of(folder).wrap_bio(incoming, outgoing, server_hostname="localhost")
    while True:
        try:
            session.do_handshake()
            raw.sendall(outgoing.read())
            return raw, session, outgoing
        except ssl.SSLWantReadError:
            raw.sendall(outgoing.read())
            incoming.write(raw.recv(65536))


def damaged(bytes_, chance):
    """Flipped, cut, doubled, or with bytes of anything in between."""
    text = bytearray(bytes_)
    for _ in range(chance.randrange(1, 5)):
        at = chance.randrange(len(text))
        kind = chance.randrange(4)
        if kind == 0:
            text[at] ^= 1 << chance.randrange(8)
        elif kind == 1:
            text[at:at] = chance.randbytes(chance.randrange(1, 20))
        elif kind == 2:
            text[at:at] = text[at : at + chance.randrange(1, 40)]
        else:
            del text[max(1, at) :]
    return bytes(text)


def test_damaged_records(secure):
    """Handshakes and records with bent bytes end their connection, and nothing else."""
    daemon = secure("--header-timeout", "2s", "--body-timeout", "2s", "--idle-timeout", "2s")
    chance, hello = random.Random(1), client_hello(secure.folder)
    held = []
    for _ in range(300):
        s = daemon.connect(10)
        s.sendall(damaged(hello, chance))
        held.append(s)
    for _ in range(60):
        raw, session, outgoing = session_to(daemon, secure.folder)
        session.write(post(TRACE))
        record = outgoing.read()
        raw.sendall(record[:5] + damaged(record[5:], chance))
        held.append(raw)
    for s in held:
        s.settimeout(10)
        try:
            assert b"HTTP/1.1 200" not in read_all(s)
        except OSError:
            pass
    assert status(ask(daemon, secure.folder, post(TRACE))) == 200
    assert wait_for(lambda: len(os.listdir(f"/proc/{daemon.process.pid}/fd")) < 30, 10)
