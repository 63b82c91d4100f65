"""Clients that vanish, stall or come all at once; load, drain, options."""

import concurrent.futures
import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import time

import pytest
from fake_daemon import (  # noqa: F401 (fixtures)
    FAKE,
    TRACE,
    Daemon,
    body_of,
    error_of,
    post,
    read_all,
    read_reply,
    server,
    start,
    status,
    wait_for,
)

LONG = {"prompt": "p", "trace": {"steps": ["a step"] * 1000}}
GET_READY = b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n"


# ---- vanished and half-closed clients ---------------------------------------


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("stream", [False, True])
def test_vanished_client_cancels(start, how, stream):
    daemon = start(models=["process:step5000"])
    s = daemon.connect()
    s.sendall(post({**LONG, "stream": stream}, close=False))
    assert wait_for(lambda: daemon.metrics()["rewardd_requests_running"] == 1)
    if how == "reset":
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    s.close()
    began = time.monotonic()
    assert wait_for(lambda: daemon.metrics()["rewardd_jobs_cancelled_total"] == 1, 3)
    assert wait_for(lambda: daemon.metrics()["rewardd_requests_in_flight"] == 0, 1)
    assert time.monotonic() - began < 3, "the trace takes five seconds"
    values = daemon.metrics()
    assert values['rewardd_http_requests_lost_total{route="/v1/rewards"}'] == 1
    assert values["rewardd_admitted_tokens"] == 0


def test_waiting_jobs_of_a_vanished_client_are_cancelled(start):
    daemon = start(models=["process:step5000"])
    s = daemon.connect()
    s.sendall(post({"prompt": "p", "traces": [{"steps": ["a"] * 400}] * 50}, close=False))
    assert wait_for(lambda: daemon.metrics()["rewardd_requests_running"] == 1)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    s.close()
    assert wait_for(lambda: daemon.metrics()["rewardd_requests_in_flight"] == 0, 3)
    assert daemon.metrics()["rewardd_jobs_cancelled_total"] == 50


@pytest.mark.parametrize("stream", [False, True])
def test_half_closed_client_gets_its_answer(start, stream):
    """shutdown(SHUT_WR) is not a hang-up: `nc` and some old clients do it."""
    daemon = start(models=["process:step5000"])
    with daemon.connect() as s:
        s.sendall(post({"prompt": "p", "trace": {"steps": ["a"] * 200}, "stream": stream}))
        s.shutdown(socket.SHUT_WR)
        reply = read_all(s)
    if not stream:
        reply = reply.replace(b"HTTP/1.1 100 Continue\r\n\r\n", b"", 1)
    assert status(reply) == 200
    assert (
        (b'"event":"done"' in reply)
        if stream
        else len(json.loads(body_of(reply))["results"][0]["steps"]) == 200
    )
    assert daemon.metrics()["rewardd_jobs_cancelled_total"] == 0


def test_half_closed_pipeline_is_answered(server):
    with server.connect() as s:
        s.sendall(post(TRACE, close=False) * 5)
        s.shutdown(socket.SHUT_WR)
        reply = read_all(s)
    assert reply.count(b"HTTP/1.1 200 OK") == 5


# ---- slow ones --------------------------------------------------------------


def test_slow_reader_costs_bounded_memory(start):
    """A reply of 19 MB waits for its reader: it must not wait in our memory. What the request
    itself costs is the same for a reader that takes everything at once."""
    body = {"prompt": "p", "traces": [{"steps": ["s"] * 100}] * 1500, "stream": True}
    peak, scored = {}, 'rewardd_traces_total{outcome="scored"}'
    for pause in (0, 2):
        daemon = start(models=["process"])
        with daemon.connect(timeout=30) as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
            s.sendall(post(body))
            time.sleep(pause)
            if pause:
                assert wait_for(lambda d=daemon: d.metrics()[scored] == 1500, 60)
            reply = read_all(s)
        assert len(reply) > 15 << 20 and b'"event":"done"' in reply
        peak[pause] = daemon.rss("VmHWM:")
    assert peak[2] < peak[0] + (4 << 20), peak


def test_reader_that_never_reads_is_cut_off(start):
    daemon = start("--write-timeout", "500ms", models=["process"])
    body = {"prompt": "p", "traces": [{"steps": ["s"] * 100}] * 1500, "stream": True}
    with daemon.connect(timeout=30) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.sendall(post(body))
        assert wait_for(
            lambda: daemon.metrics()['rewardd_http_timeouts_total{kind="write"}'] == 1, 15
        )
    assert wait_for(lambda: daemon.metrics()["rewardd_requests_in_flight"] == 0, 3)


def test_timeouts(start):
    daemon = start(
        "--idle-timeout", "400ms", "--header-timeout", "400ms", "--body-timeout", "400ms"
    )
    with daemon.connect() as s:
        assert read_all(s) == b""  # idle: closed without a word
    assert status(daemon.ask(b"GET /li")) == 408
    reply = daemon.ask(post(TRACE)[:-3])
    assert status(reply) == 408 and "--body-timeout" in error_of(reply)["message"]
    values = daemon.metrics()
    assert [
        values[f'rewardd_http_timeouts_total{{kind="{k}"}}'] for k in ("idle", "header", "body")
    ] == [1, 1, 1]


# ---- many -------------------------------------------------------------------


def test_thousand_connections_at_once(server):
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    sockets = [server.connect() for _ in range(1000)]
    try:
        for s in sockets:
            s.sendall(post(TRACE, close=False))
        for s in sockets:
            reply, rest = read_reply(s)
            assert status(reply) == 200 and rest == b""
        assert server.metrics()["rewardd_http_connections"] == 1001
    finally:
        for s in sockets:
            s.close()
    assert wait_for(lambda: server.metrics()["rewardd_http_connections"] == 1)


def test_connections_max(start):
    daemon = start("--connections-max", "3")
    held = [daemon.connect() for _ in range(3)]
    for s in held:
        s.sendall(GET_READY)
        assert status(read_reply(s)[0]) == 200
    with daemon.connect() as s:
        assert read_all(s) in (b"", b"<reset>")
    for s in held:
        s.sendall(GET_READY)
        assert status(read_reply(s)[0]) == 200
        s.close()


# ---- overload ---------------------------------------------------------------


def test_native_route_is_refused_and_trainers_wait(start):
    daemon = start("--queue-tokens", "1000", "--hold-ms", "600ms", models=["process:step5000"])
    with daemon.connect() as busy:
        busy.sendall(post(LONG, close=False))
        assert wait_for(lambda: daemon.metrics()["rewardd_requests_running"] == 1)
        reply = daemon.ask(post(TRACE))
        assert status(reply) == 429 and b"Retry-After: " in reply
        assert error_of(reply)["retryable"] is True
        began = time.monotonic()
        reply = daemon.ask(
            post({"query": ["q a"], "prompts": ["q "]}, path="/get_reward", close=False)
        )
        assert status(reply) == 503 and b"Connection: close\r\n" in reply
        assert 0.5 < time.monotonic() - began < 2
        # a trainer that waits gets in when the others are gone
        with daemon.connect() as trainer:
            trainer.sendall(post({"query": ["q a"], "prompts": ["q "]}, path="/get_reward"))
            time.sleep(0.2)
            busy.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            busy.close()
            assert status(read_all(trainer)) == 200
    values = daemon.metrics()
    assert (
        values["rewardd_overload_refused_total"] == 2 and values["rewardd_overload_held_total"] == 2
    )


# ---- start, drain, end ------------------------------------------------------


def test_loading_then_ready(start):
    # the banner with the port comes when loading is over, so listen on a chosen one
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    daemon = start(
        *("--listen", f"127.0.0.1:{port}", "--listen-when", "start"),
        models=["process:load800"],
        wait=False,
    )
    daemon.port = port

    def answers():
        try:
            return status(daemon.ask(b"GET /livez HTTP/1.0\r\n\r\n")) == 200
        except OSError:
            return False

    assert wait_for(answers)
    reply = daemon.ask(b"GET /readyz HTTP/1.0\r\n\r\n")
    assert status(reply) == 503 and error_of(reply)["code"] == "not_ready"
    assert status(daemon.ask(post(TRACE))) == 503
    daemon.wait_ready()
    assert status(daemon.ask(b"GET /readyz HTTP/1.0\r\n\r\n")) == 200
    assert status(daemon.ask(post(TRACE))) == 200


def test_drain(start):
    daemon = start("--drain-delay", "2s", models=["process:step5000"])
    idle = daemon.connect()
    idle.sendall(GET_READY)
    read_reply(idle)
    with daemon.connect() as working, daemon.connect() as streaming:
        working.sendall(post({"prompt": "p", "trace": {"steps": ["a"] * 200}}, close=False))
        streaming.sendall(
            post({"prompt": "p", "trace": {"steps": ["a"] * 200}, "stream": True}, close=False)
        )
        assert wait_for(lambda: daemon.metrics()["rewardd_requests_in_flight"] == 2)
        daemon.terminate()
        assert wait_for(lambda: status(daemon.ask(b"GET /readyz HTTP/1.0\r\n\r\n")) == 503)
        reply = daemon.ask(
            post({"prompt": "p", "trace": {"steps": ["a"]}}, close=False), timeout=20
        )
        assert status(reply) == 200 and b"Connection: close\r\n" in reply, "still accepting"
        reply = read_all(working)
        assert status(reply) == 200 and b"Connection: close\r\n" in reply
        assert b'"event":"done"' in read_all(streaming)
    assert read_all(idle) == b""
    assert daemon.wait() == 0
    with pytest.raises(ConnectionRefusedError):
        daemon.connect()


def test_second_signal_is_fast(start):
    daemon = start(models=["process:step100000"])
    with daemon.connect() as s:
        s.sendall(post(LONG, close=False))
        assert wait_for(lambda: daemon.metrics()["rewardd_requests_running"] == 1)
        daemon.terminate()
        time.sleep(0.2)
        began = time.monotonic()
        daemon.terminate()
        assert daemon.wait() == 1
        assert time.monotonic() - began < 1.5


def test_sigint_has_no_delay(start):
    daemon = start()
    began = time.monotonic()
    daemon.process.send_signal(signal.SIGINT)
    assert daemon.wait() == 0 and time.monotonic() - began < 1


def test_drain_timeout(start):
    daemon = start("--drain-delay", "0", "--drain-timeout", "300ms", models=["process:step100000"])
    with daemon.connect() as s:
        s.sendall(post(LONG, close=False))
        assert wait_for(lambda: daemon.metrics()["rewardd_requests_running"] == 1)
        daemon.terminate()
        assert daemon.wait() == 1


def test_banner(start):
    lines = start().banner
    assert lines[0].startswith("rewardd ") and "kernel fake" in lines[0]
    assert sum(line.startswith("model ") for line in lines) == 2
    assert any(line.startswith("try ") and "curl" in line for line in lines)
    assert lines[-1].startswith("ready in ") and lines[-1].endswith(" ms")


# ---- options ----------------------------------------------------------------


def run(*words, env=None):
    if not os.access(FAKE, os.X_OK):
        pytest.skip("needs rewardd-fake")
    return subprocess.run(
        [FAKE, *words],
        capture_output=True,
        text=True,
        timeout=10,
        env={**os.environ, **(env or {})},
    )


def test_precedence_and_origins(tmp_path):
    config = tmp_path / "rewardd.conf"
    config.write_text("# mine\nmodel = process\nsteps-max = 1\nitems-max = 2\ntraces-max = 3\n")
    out = run(
        "--config",
        str(config),
        "--steps-max",
        "7",
        "--print-config",
        env={"REWARDD_STEPS_MAX": "5", "REWARDD_ITEMS_MAX": "6"},
    ).stdout
    pairs = dict(zip(out.splitlines(), out.splitlines()[1:]))
    shown = out.replace("\n", "|")
    assert "# from: flag|steps-max = 7|" in shown and pairs
    assert "# from: environment|items-max = 6|" in shown
    assert "# from: file|traces-max = 3|" in shown
    assert "# from: default|body-max = 67108864|" in shown
    # what was printed can be read back
    again = tmp_path / "again.conf"
    again.write_text(out)
    assert run("--config", str(again), "--check-config").returncode == 0
    values = [line for line in out.splitlines() if not line.startswith("#")]
    second = run("--config", str(again), "--print-config").stdout
    assert [line for line in second.splitlines() if not line.startswith("#")] == values


@pytest.mark.parametrize(
    "value, ms", [("250ms", 250), ("5s", 5000), ("2m", 120000), ("1h", 3600000), ("0", 0)]
)
def test_times_have_a_unit(value, ms):
    assert f"idle-timeout = {ms}ms\n" in run("--idle-timeout", value, "--print-config").stdout


@pytest.mark.parametrize("value", ["75", "5 s", "1d", "-1s", "1.5s", "", "s"])
def test_a_time_without_a_unit_is_refused(value):
    out = run("--idle-timeout", value)
    assert out.returncode == 2 and "with its unit" in out.stderr


@pytest.mark.parametrize(
    "value, n",
    [
        ("1k", 1 << 10),
        ("1KiB", 1 << 10),
        ("2MB", 2 << 20),
        ("2MiB", 2 << 20),
        ("1G", 1 << 30),
        ("1GB", 1 << 30),
        ("1GiB", 1 << 30),
        ("65536", 65536),
    ],
)
def test_sizes(value, n):
    assert f"body-max = {n}\n" in run("--body-max", value, "--print-config").stdout


def test_check_config_looks_into_the_models(rewardd_bin, tmp_path):
    """Every part of a folder that can be wrong is named, without reading a weight."""
    source = os.path.join(
        os.path.dirname(__file__), "..", "golden", "scores", "Skywork-o1-Open-PRM-Qwen-2.5-1.5B"
    )
    folder = tmp_path / "Skywork-o1-Open-PRM-Qwen-2.5-1.5B"
    shutil.copytree(source, folder)

    def check():
        done = subprocess.run(
            [rewardd_bin, "--model", str(folder), "--check-config"],
            capture_output=True,
            text=True,
            timeout=20,
        )
        return done.returncode, done.stdout + done.stderr

    code, out = check()
    assert code == 2 and "tokenizer" in out
    tokenizer = os.path.join(source, "..", "..", "tokenizers", "qwen", "tokenizer.json")
    shutil.copy(tokenizer, folder)
    code, out = check()
    assert code == 0 and "process reward, preset skywork-o1-prm (" in out
    assert "), Qwen2ForPrmModel, " in out
    config = (folder / "config.json").read_text()
    for wrong, word in (
        (config.replace("Qwen2ForPrmModel", "BertModel"), "BertModel"),
        (config.replace('"hidden_size": 16', '"hidden_size": 32'), "v_head.summary.weight"),
        (config[:-2], "config.json"),
    ):
        (folder / "config.json").write_text(wrong)
        code, out = check()
        assert code == 2 and word in out, out
        if word == "BertModel":  # and what is supported, to the last one
            assert all(
                name in out
                for name in ("qwen2.5-math-prm", "trl-prm-nlnl", "internlm2-reward", "acemath-rm")
            )
    (folder / "config.json").write_text(config)
    weights = (folder / "model.safetensors").read_bytes()
    for bytes_, word in (
        (weights[:-1], "safetensors"),
        (b"\xff" * 100, "safetensors"),
        (weights.replace(b"v_head.summary.bias", b"v_head.summary.bIas"), "v_head.summary.bias"),
    ):
        (folder / "model.safetensors").write_bytes(bytes_)
        code, out = check()
        assert code == 2 and word in out, out


@pytest.mark.parametrize(
    "words, text",
    [
        (["--bodymax", "1"], "body-max"),
        (["--body-max", "1x"], "64k"),
        (["--threads", "-1"], "whole number"),
        (["--log-level", "inof"], "info"),
        (["--listen", "0.0.0.0:0", "--model", "process"], "--insecure"),
        (["--listen", "example.com:1", "--model", "process", "--insecure"], "numeric"),
        ([], "--model"),
        (["--model", "process,dtpye=f32"], "dtype"),
        (["--config", "/nonexistent"], "/nonexistent"),
        (["stray"], "rewardd --help lists options and commands"),
        (["./stray/model"], "--model ./stray/model"),
        (["-x"], "two hyphens"),
        (["--completion", "tcsh"], "bash, zsh and fish"),
        (["--help=yes"], "takes no value"),
        (["--model", "a=b=c"], "two names"),
        (
            ["--model", "process", "--insecure", "--listen", "192.0.2.1:0"],
            "no interface of this machine",
        ),
    ],
)
def test_unusable_options(words, text):
    out = run(*words)
    assert out.returncode in (1, 2) and text in out.stderr and out.stdout == ""


def test_unknown_key_names_its_line(tmp_path):
    config = tmp_path / "c"
    config.write_text("model = process\n\nstep-max = 3\n")
    out = run("--config", str(config))
    assert out.returncode == 2 and f"{config}:3" in out.stderr and "steps-max" in out.stderr


def test_information_actions():
    assert run("--version").stdout.startswith("rewardd ")
    assert "REWARDD_BODY_MAX" in run("--help").stdout
    told = run("--version").stdout
    assert all(word in told for word in ("commit ", "compiler ", "kernels "))
    assert run("-v").stdout == told


def test_manual_has_its_sections_and_no_roff_mistake():
    page = run("--manual").stdout
    assert page.startswith(".TH REWARDD 1")
    for section in (
        "NAME",
        "SYNOPSIS",
        "COMMANDS",
        "OPTIONS",
        "ENVIRONMENT",
        "FILES",
        "SIGNALS",
        "EXIT STATUS",
        "EXAMPLES",
    ):
        assert f"\n.SH {section}\n" in page
    for command in ("bench", "calibrate", "audit"):
        assert f"\\fB{command}\\fR" in page
    if not shutil.which("groff"):
        pytest.skip("no groff to read the page")
    read = subprocess.run(
        ["groff", "-ww", "-man", "-Tutf8"], input=page, capture_output=True, text=True, timeout=30
    )
    assert read.returncode == 0 and read.stderr == ""


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_a_script_of_its_shell(shell, tmp_path):
    script = run("--completion", shell).stdout
    assert "body-max" in script and "calibrate" in script
    assert script == run(f"--completion={shell}").stdout
    if not shutil.which(shell):
        pytest.skip(f"no {shell} to read the script")
    path = tmp_path / "completion"
    path.write_text(script)
    assert subprocess.run([shell, "-n", str(path)], capture_output=True, timeout=30).returncode == 0


def test_completion_in_bash():
    script = run("--completion").stdout
    ask = 'COMP_WORDS=(rewardd %s); COMP_CWORD=%d; _rewardd; echo "${COMPREPLY[@]}"'
    for words, at, wanted in (
        ('--dtype ""', 2, "auto f32 bf16 int8 q4"),
        ("cal", 1, "calibrate"),
        ("--body-m", 1, "--body-max"),
    ):
        told = subprocess.run(
            ["bash", "-c", script + ask % (words, at)], capture_output=True, text=True, timeout=30
        )
        assert told.stdout.strip() == wanted


def test_model_that_cannot_be_loaded():
    out = run("--model", "process:bad", "--listen", "127.0.0.1:0")
    assert out.returncode == 1 and "process:bad" in out.stderr


def test_port_in_use(start):
    daemon = start()
    out = run("--model", "process", "--listen", f"127.0.0.1:{daemon.port}")
    assert out.returncode == 1 and "--listen" in out.stderr


def test_healthcheck(start):
    daemon = start()
    assert run("--healthcheck", "--listen", f"127.0.0.1:{daemon.port}").returncode == 0
    daemon.__exit__()
    assert run("--healthcheck", "--listen", f"127.0.0.1:{daemon.port}").returncode == 1


def test_keys_are_read_again(start, tmp_path):
    keys = tmp_path / "keys"
    keys.write_text("first-secret-key\n")
    daemon = start("--api-key-file", str(keys))
    ask = lambda key: status(daemon.ask(post(TRACE, headers=[f"Authorization: Bearer {key}"])))
    assert ask("first-secret-key") == 200 and ask("other-secret-key") == 401
    keys.write_text("other-secret-key\n")
    daemon.process.send_signal(signal.SIGHUP)
    assert wait_for(lambda: ask("other-secret-key") == 200)
    assert ask("first-secret-key") == 401
    keys.write_text("short\n")
    daemon.process.send_signal(signal.SIGHUP)
    time.sleep(0.3)
    assert ask("other-secret-key") == 200, "a bad file changes nothing"


def test_requests_in_parallel_agree(server):
    """Small and large bodies (loop and prepare thread) side by side give the same bits."""
    bodies = [
        {
            "prompt": f"p{i % 7}",
            "trace": {"steps": ["s" * (1 + 997 * (i % 3 == 0)) + str(i % 7)] * 30},
        }
        for i in range(210)
    ]

    def one(body):
        return json.loads(body_of(server.ask(post(body), timeout=30)))["results"]

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        first = list(pool.map(one, bodies))
    assert first == [one(b) for b in bodies]
