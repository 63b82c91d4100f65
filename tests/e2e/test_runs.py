"""Training runs over HTTP: figures, events, restarts, kill -9, damaged databases. Scores are those
of the engine without arithmetic; figures of real models are in test_run_collapse.py."""

import contextlib
import json
import os
import resource
import signal
import sqlite3
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import pytest
from fake_daemon import FAKE, Daemon

TOP = Path(__file__).parents[2]
sys.path.insert(0, str(TOP / "clients" / "python"))
from rewardd import Client, RewarddError  # noqa: E402

pytestmark = pytest.mark.skipif(
    not FAKE or not os.path.exists(FAKE), reason="no built daemon: set REWARDD_BUILD"
)
FLUSH_S = 0.2  # RW_RUNS_FLUSH_MS


def post(daemon, run, prompts, group=2, path="/v1/rewards"):
    body = {
        "items": [
            {
                "prompt": f"question {p:04d}",  # of one length: other prompts begin a new segment
                "reference": "7",
                "traces": [{"steps": [f"step {p} {g}", f"so {p * g}"]} for g in range(group)],
            }
            for p in prompts
        ],
        "run": run,
    }
    request = urllib.request.Request(
        daemon.url + path, json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as reply:
        return json.load(reply)


def get(daemon, path):
    with urllib.request.urlopen(daemon.url + path, timeout=30) as reply:
        return json.load(reply)


def show(daemon, run, traces=None):
    """The run, once its monitor has seen all that was sent."""
    end = time.monotonic() + 20
    path = "/v1/runs/" + urllib.parse.quote(run, safe="")
    while True:
        try:
            state = get(daemon, path)
            if traces is None or state["traces"] >= traces or time.monotonic() > end:
                return state
        except urllib.error.HTTPError as error:
            if error.code != 404 or time.monotonic() > end:
                raise
        time.sleep(0.02)


def without_times(state):
    return {k: v for k, v in state.items() if k not in ("created", "updated")}


@contextlib.contextmanager
def database(path):
    file = sqlite3.connect(path)
    with contextlib.closing(file), file:
        yield file


def schema(name):
    document = json.loads((TOP / "proto" / "openapi.json").read_text())
    return {"$ref": f"#/components/schemas/{name}", "components": document["components"]}


def check(value, name):
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.validate(value, schema(name))


def test_a_run_is_watched(tmp_path):
    with Daemon("--runs-window", "64", "--runs-warm", "10") as d:
        for step in range(4):
            post(d, {"id": "first", "step": step}, range(40 * step, 40 * step + 40))
        post(d, {"id": "first", "step": 4, "validate": True}, range(5))
        post(d, {"id": "second"}, range(3))
        state = show(d, "first", 330)
        check(state, "RunState")
        assert state["traces"] == 330 and state["validation"] == 10 and state["failed"] == 0
        assert state["step"] == 3 and not state["durable"]
        assert [w["traces"] for w in state["windows"]] == [64] * 5
        assert state["windows"][0]["prompts"] == 32
        # one trace of each of the 120 groups of steps that are over, and of the 40 complete ones
        assert state["martingales"]["min_logit"]["ranked"] == 160
        assert state["martingales"]["prompt_gap"] is None
        listing = get(d, "/v1/runs")
        check(listing, "RunList")
        assert {r["id"]: r["traces"] for r in listing["data"]} == {"first": 330, "second": 6}
        metrics = d.metrics()
        assert metrics["rewardd_run_observations_total"] == 336
        assert metrics["rewardd_runs_in_memory"] == 2


def test_kinds_segments_and_baselines():
    with Daemon("--runs-window", "128", "--runs-fast-window", "64", "--runs-warm", "10") as d:
        with Client(d.url) as client:
            for step in range(4):
                post(d, {"id": "old", "step": step}, range(40 * step, 40 * step + 40))
            post(d, {"id": "old", "step": 3, "kind": "wrong_hint"}, range(20))
            post(d, {"id": "old", "step": 4}, range(200, 204))
            post(d, {"id": "new", "step": 0}, range(300, 340))
            old = show(d, "old", 368)
            check(old, "RunState")
            assert old["validation"] == 40 and old["segment"] == 0
            assert [k["kind"] for k in old["validation_kinds"]] == ["wrong_hint"]
            assert old["validation_kinds"][0]["batches"][0]["traces"] == 40
            assert old["fast_windows"][0]["span"] == "fast" and len(old["fast_windows"]) == 5
            assert old["windows"][0]["span"] == "slow" and old["windows"][0]["traces"] == 128
            show(d, "new", 80)
            new = client.baseline_run("new", "old")
            check(new, "RunState")
            ranked = old["martingales"]["min_logit"]["ranked"]
            assert new["martingales"]["min_logit"]["ranked"] == ranked and new["segment"] == 1
            assert new["first_window"] == old["first_window"]
            assert client.reset_run("new")["first_window"] is None
            for other, status in (("none", 404), ("", 400)):
                with pytest.raises(RewarddError) as refused:
                    client.baseline_run("new", other)
                assert refused.value.status == status
            post(d, {"id": "rolled", "step": 500}, range(40))
            post(d, {"id": "rolled", "step": 100}, range(40, 120))
            assert show(d, "rolled", 240)["segment"] == 1
        with pytest.raises(urllib.error.HTTPError) as bad:
            post(d, {"id": "old", "kind": "Wrong hint"}, [1])
        assert bad.value.code == 400
        assert json.load(bad.value)["error"]["param"] == "run.kind"


def test_ids_are_any_text_without_controls():
    with Daemon() as d:
        for run in ("a/b c", "100%", "übung-1", "x" * 128, "?#&"):
            post(d, {"id": run}, [1])
            assert show(d, run)["id"] == run
        for bad in ("", "a\nb", "x" * 129, "a\0b", "a\ufffdb", "\ud800"):
            with pytest.raises(urllib.error.HTTPError) as refused:
                post(d, {"id": bad}, [1])
            assert refused.value.code == 400
            assert json.load(refused.value)["error"]["param"] == "run.id"
        for path in (
            "/v1/runs/none",
            "/v1/runs/none/events",
            "/v1/runs/%zz",
            "/v1/runs/" + "y" * 200,
            "/v1/runs/",
            "/v1/runs/a/b/c",
        ):
            with pytest.raises(urllib.error.HTTPError) as refused:
                get(d, path)
            assert refused.value.code == 404
        with pytest.raises(urllib.error.HTTPError) as refused:
            get(d, "/v1/runs/a/acknowledge")
        assert refused.value.code == 405


def test_events_resume_where_they_were_left():
    with Daemon("--runs-window", "64") as d, Client(d.url) as client:
        with pytest.raises(RewarddError):
            next(client.run_events("live"))
        post(d, {"id": "live", "step": 0}, range(64))
        show(d, "live", 128)
        stream = client.run_events("live")
        assert [next(stream)["id"] for _ in range(2)] == [1, 2]
        threading.Timer(0.2, post, (d, {"id": "live", "step": 1}, range(64, 128))).start()
        third = next(stream)  # arrives while we wait
        assert third["id"] == 3 and third["event"] == "window" and third["data"]["window"] == 2
        check(third["data"], "RunWindow")
        stream.close()
        show(d, "live", 256)  # all of it: what is acknowledged drops the window under way
        again = client.run_events("live", after=2)
        assert next(again)["id"] == 3
        show(d, "live", 256)  # a segment that is acknowledged ends, with its window
        client.acknowledge_run("live")
        kinds = [next(again)["event"] for _ in range(2)]
        assert kinds == ["window", "acknowledged"]
        d.terminate()
        assert [e["event"] for e in again] == ["end"]


def test_a_closed_event_stream_is_forgotten():
    with Daemon("--runs-window", "64") as d, Client(d.url) as client:
        post(d, {"id": "r"}, range(64))
        show(d, "r", 128)
        streams = [client.run_events("r") for _ in range(5)]
        for s in streams:
            next(s)
        assert d.metrics()["rewardd_run_event_streams"] == 5
        for s in streams:
            s.close()
        post(d, {"id": "r"}, range(200, 300))
        end = time.monotonic() + 10
        while d.metrics()["rewardd_run_event_streams"] > 0 and time.monotonic() < end:
            time.sleep(0.05)
        assert d.metrics()["rewardd_run_event_streams"] == 0


def test_a_restart_changes_nothing(tmp_path):
    db = str(tmp_path / "runs.db")
    with Daemon("--runs-db", db, "--runs-window", "64", "--drain-delay", "0") as d:
        post(d, {"id": "kept", "step": 0}, range(100))
        post(d, {"id": "kept", "step": 1}, range(100, 130))
        before = show(d, "kept", 260)
        assert before["durable"]
        d.terminate()
        assert d.wait() == 0
    # Another window size does not change a run that has begun.
    with Daemon("--runs-db", db, "--runs-window", "256") as d, Client(d.url) as client:
        assert without_times(show(d, "kept")) == without_times(before)
        assert [r["id"] for r in client.runs()] == ["kept"]
        assert next(client.run_events("kept", after=3))["id"] == 4
        post(d, {"id": "kept", "step": 2}, range(130, 162))
        assert show(d, "kept", 324)["window_traces"] == 64


def test_kill_in_the_middle_of_load(tmp_path):
    """kill -9: what was answered more than a flush ago is there, nothing is there twice, and what
    is there is what an undisturbed monitor makes of the same traces."""
    db = str(tmp_path / "runs.db")
    done = []
    with Daemon("--runs-db", db, "--runs-window", "64") as d:

        def load():
            for step in range(100000):
                try:
                    post(d, {"id": "hit", "step": step}, range(step * 8, step * 8 + 8), group=4)
                except (OSError, urllib.error.URLError):
                    return
                done.append(time.monotonic())

        worker = threading.Thread(target=load)
        worker.start()
        time.sleep(2.5)
        killed = time.monotonic()
        d.process.send_signal(signal.SIGKILL)
        d.process.wait()
        worker.join()
    safe = sum(t < killed - FLUSH_S - 0.3 for t in done) * 32
    assert safe > 200
    with Daemon("--runs-db", db) as d:
        state = show(d, "hit")
        check(state, "RunState")
        assert safe <= state["traces"] <= (len(done) + 1) * 32
        steps, _rest = divmod(state["traces"], 32)
    with Daemon("--runs-window", "64") as d:
        for step in range(steps):
            post(d, {"id": "hit", "step": step}, range(step * 8, step * 8 + 8), group=4)
        calm = show(d, "hit", steps * 32)

    def figures(run):  # the screening index depends on the order inside a request
        return {
            w["window"]: {k: v for k, v in w.items() if k != "screening_index"}
            for w in run["windows"]
        }

    killed_run, calm_run = figures(state), figures(calm)
    both = killed_run.keys() & calm_run.keys()
    assert len(both) >= min(60, steps // 2 - 1)
    assert all(killed_run[k] == calm_run[k] for k in both)
    with database(db) as file:
        assert file.execute("pragma integrity_check").fetchone() == ("ok",)


@pytest.mark.parametrize("damage", ["text", "cut", "page", "foreign", "newer"])
def test_a_damaged_database_is_refused(tmp_path, damage):
    db = tmp_path / "runs.db"
    with Daemon("--runs-db", str(db), "--runs-window", "64", "--drain-delay", "0") as d:
        post(d, {"id": "a"}, range(100))
        show(d, "a", 200)
        d.terminate()
        d.wait()
    data = bytearray(db.read_bytes())
    if damage == "text":
        db.write_text("this is not a database, however long it may be " * 100)
    elif damage == "cut":
        db.write_bytes(data[: len(data) // 2])
    elif damage == "page":
        data[4096:8192] = os.urandom(4096)
        db.write_bytes(data)
    elif damage == "foreign":
        db.unlink()
        with database(db) as file:
            file.execute("create table mine(x)")
    else:
        with database(db) as file:
            file.execute("pragma user_version = 99")
    kept = db.read_bytes()
    with Daemon("--runs-db", str(db), wait=False) as d:
        _out, err = d.process.communicate(timeout=10)
        assert d.process.returncode == 1
        assert str(db) in err and "hint:" in err
    assert db.read_bytes() == kept  # not touched


def test_two_daemons_do_not_share_a_database(tmp_path):
    db = str(tmp_path / "runs.db")
    with Daemon("--runs-db", db), Daemon("--runs-db", db, wait=False) as second:
        _, err = second.process.communicate(timeout=10)
        assert second.process.returncode == 1 and "in use" in err


def test_a_damaged_run_is_set_aside(tmp_path):
    db = tmp_path / "runs.db"
    with Daemon("--runs-db", str(db), "--runs-window", "64", "--drain-delay", "0") as d:
        for run in ("good", "bad"):
            post(d, {"id": run}, range(100))
            show(d, run, 200)
        d.terminate()
        d.wait()
    with database(db) as file:
        state = bytearray(file.execute("select state from runs where name='bad'").fetchone()[0])
        state[len(state) // 2] ^= 1
        file.execute("update runs set state=? where name='bad'", (bytes(state),))
    with Daemon("--runs-db", str(db)) as d, Client(d.url) as client:
        assert show(d, "good")["traces"] == 200
        post(d, {"id": "bad"}, range(10))
        state = show(d, "bad", 20)
        assert state["traces"] == 20
        assert next(client.run_events("bad"))["event"] == "restart"
        names = [r["id"] for r in client.runs()]
        assert len(names) == 3 and any(n.startswith("bad (damaged") for n in names)


def test_a_row_without_its_state_is_set_aside(tmp_path):
    db = tmp_path / "runs.db"
    with Daemon("--runs-db", str(db), "--runs-window", "64", "--drain-delay", "0") as d:
        post(d, {"id": "bad"}, range(100))
        show(d, "bad", 200)
        d.terminate()
        d.wait()
    with database(db) as file:
        file.execute("update runs set state=x'' where name='bad'")
        assert file.execute("select snapshot from runs").fetchone()[0] > 0
    with Daemon("--runs-db", str(db)) as d:
        assert show(d, "bad")["traces"] == 0  # begun anew, not half a history
        names = [r["id"] for r in get(d, "/v1/runs")["data"]]
        assert len(names) == 2 and any(n.startswith("bad (damaged") for n in names)
        d.terminate()
        assert d.process.communicate(timeout=20)[1].count("event=run_damaged") == 1


def test_a_clock_that_went_back_removes_nothing_new(tmp_path):
    db = tmp_path / "runs.db"
    with Daemon("--runs-db", str(db), "--drain-delay", "0") as d:
        for k in range(3):
            post(d, {"id": f"old {k}"}, range(2))
            show(d, f"old {k}", 4)
        d.terminate()
        d.wait()
    with database(db) as file:  # as if they had been written before the clock was set back
        file.execute("update runs set updated = updated + 86400 + id")
    with Daemon("--runs-db", str(db), "--runs-kept", "3", "--runs-memory", "3") as d:
        post(d, {"id": "new"}, range(2))
        show(d, "new", 4)
        assert {r["id"] for r in get(d, "/v1/runs")["data"]} == {"old 1", "old 2", "new"}


def test_memory_is_not_durable():
    with Daemon("--runs-db", ":memory:") as d:
        post(d, {"id": "a"}, range(2))
        assert show(d, "a", 4)["durable"] is False


def test_a_file_at_its_size_limit(tmp_path):
    """SIGXFSZ would end the daemon; a full disk stops the history on disk and nothing else."""
    db = tmp_path / "runs.db"
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
    with Daemon("--runs-db", str(db), "--runs-window", "64", preexec=limit) as d:
        for k in range(8):
            post(d, {"id": f"run {k % 2}"}, range(100))
        assert show(d, "run 0", 800)["durable"] is False
        listed = {r["id"]: r["traces"] for r in get(d, "/v1/runs")["data"]}
        assert listed == {"run 0": 800, "run 1": 800}
        assert d.process.poll() is None


def test_runs_leave_memory_and_come_back(tmp_path):
    db = str(tmp_path / "runs.db")
    with Daemon("--runs-db", db, "--runs-memory", "2", "--runs-kept", "4") as d:
        for k in range(4):
            post(d, {"id": f"run {k}"}, range(5 + k))
        for k in range(4):
            assert show(d, f"run {k}")["traces"] == 2 * (5 + k)
        assert d.metrics()["rewardd_runs_in_memory"] == 2
        post(d, {"id": "run 1"}, range(3))
        assert show(d, "run 1", 18)["traces"] == 18
        post(d, {"id": "run 4"}, range(1))  # the fifth: one goes for good
        show(d, "run 4")
        assert len(get(d, "/v1/runs")["data"]) == 4


def test_without_a_database_the_oldest_run_is_forgotten():
    with Daemon("--runs-memory", "2") as d:
        for k in range(3):
            post(d, {"id": f"run {k}"}, range(5))
            show(d, f"run {k}", 10)
        assert {r["id"] for r in get(d, "/v1/runs")["data"]} == {"run 1", "run 2"}


def test_options_are_checked():
    for bad in (("--runs-window", "63"), ("--runs-memory", "0"), ("--runs-kept", "3")):
        with Daemon(*bad, wait=False) as d:
            _, err = d.process.communicate(timeout=10)
            assert d.process.returncode != 0 and "--runs-window" in err
