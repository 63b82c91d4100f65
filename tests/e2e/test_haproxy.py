"""Real HAProxy with our configuration before two replicas, both restarted under load: nothing is
lost, and every reward is the one a lone daemon gives."""

import concurrent.futures
import http.client
import json
import os
import shutil
import subprocess
import sys
import threading
import time
import urllib.request

import pytest
from daemon import Daemon, free_port

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(TOP, "clients", "python"))
from rewardd import Client  # noqa: E402

CONFIG = os.path.join(TOP, "deploy", "haproxy", "haproxy.cfg")
CLIENTS = 16
PROMPTS = [f"What is {a} + {a + 3}?" for a in range(24)]


def body(prompt, padding=0):
    steps = ["Add the two numbers." + " so" * padding, f"Then {prompt[8:-1]} is the sum."]
    return {"prompt": prompt, "trace": {"steps": steps}}


def rewards(reply):
    result = reply["results"][0]
    assert result["error"] is None
    return [s["reward"] for s in result["steps"]] + [
        result["process"]["reward"],
        result["outcome"]["reward"],
    ]


class Load(threading.Thread):
    """Posts in a loop on a kept connection; counts answers, keeps everything that is not one."""

    def __init__(self, port, number, expected):
        super().__init__()
        self.port, self.number, self.expected = port, number, expected
        self.ended = threading.Event()
        self.answers, self.losses, self.wrong = 0, [], []

    def run(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        turn = self.number
        while not self.ended.is_set():
            prompt = PROMPTS[turn % len(PROMPTS)]
            padding = (
                4000 if turn % 7 == 0 else 0
            )  # a body over one network segment, under the buffer
            turn += 1
            try:
                connection.request(
                    "POST",
                    "/v1/rewards",
                    json.dumps(body(prompt)) + " " * padding,
                    {"Content-Type": "application/json"},
                )
                reply = connection.getresponse()
                data = reply.read()
                if reply.status != 200:
                    self.losses.append((reply.status, data[:200]))
                elif rewards(json.loads(data)) != self.expected[prompt]:
                    self.wrong.append(prompt)
                else:
                    self.answers += 1
            except (OSError, http.client.HTTPException, ValueError) as problem:
                self.losses.append(repr(problem))
                connection.close()


@pytest.fixture
def front(models, rewardd_bin):
    if shutil.which("haproxy") is None:
        pytest.skip("haproxy is not installed")
    options = ("--drain-delay", "1s", "--threads", "1")
    replicas = [Daemon(models, *options) for _ in range(2)]
    port = free_port()
    env = dict(
        os.environ,
        REWARDD_FRONT=f"127.0.0.1:{port}",
        REWARDD_REPLICA_1=f"127.0.0.1:{replicas[0].port}",
        REWARDD_REPLICA_2=f"127.0.0.1:{replicas[1].port}",
    )
    for replica in replicas:
        replica.wait_ready()
    balancer = subprocess.Popen(
        ["haproxy", "-db", "-f", CONFIG],
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    time.sleep(1)
    assert balancer.poll() is None, "haproxy refused our configuration"
    yield port, replicas, options
    balancer.terminate()
    balancer.wait(10)
    for replica in replicas:
        replica.stop()


def test_rolling_restart_loses_nothing(front, models):
    port, replicas, options = front
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        expected = dict(
            zip(
                PROMPTS,
                pool.map(lambda p: rewards(replicas[0].post("/v1/rewards", body(p))), PROMPTS),
            )
        )
    assert len({tuple(e) for e in expected.values()}) == len(PROMPTS)  # rewards tell prompts apart
    clients = [Load(port, i, expected) for i in range(CLIENTS)]
    for client in clients:
        client.start()
    time.sleep(1.5)
    for i, old in enumerate(replicas):
        old.terminate()
        assert old.process.wait(30) == 0, old.log
        replicas[i] = Daemon(models, *options, port=old.port).wait_ready()
        time.sleep(1.5)
    for client in clients:
        client.ended.set()
    for client in clients:
        client.join(60)
    losses = [loss for client in clients for loss in client.losses]
    assert losses == []
    assert [w for client in clients for w in client.wrong] == []
    assert sum(client.answers for client in clients) > 200


def test_same_prompt_goes_to_one_replica(front):
    port, replicas, _ = front
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    for _ in range(20):
        connection.request(
            "POST",
            "/v1/rewards",
            json.dumps(body(PROMPTS[0])),
            {"Content-Type": "application/json"},
        )
        assert connection.getresponse().read()
    seen = [scored_tokens(replica) for replica in replicas]
    assert min(seen) == 0 and max(seen) > 0


def scored_tokens(replica):
    with urllib.request.urlopen(replica.url + "/metrics", timeout=30) as reply:
        lines = reply.read().decode().splitlines()
    lines = [line for line in lines if line.startswith("rewardd_scored_tokens_total")]
    assert lines
    return sum(float(line.split()[-1]) for line in lines)


def test_the_client_sends_every_form_of_a_prompt_to_one_replica(front):
    """Items and messages, which the balancer cannot read, by the client's header."""
    port, replicas, _ = front
    message = [{"role": "user", "content": PROMPTS[0]}]
    with Client(f"http://127.0.0.1:{port}") as client:
        for i in range(4):
            client.score(PROMPTS[0], text=f"It is {i}.")
            client.score(messages=message, text=f"It is {i}.")
            client.score_group(PROMPTS[0], [f"It is {i}.", "No."])
            client.score_items([{"prompt": PROMPTS[0], "traces": [f"It is {i}."]}])
            client.score_items([{"messages": message, "trace": f"It is {i}."}])
            client.score_many([{"prompt": PROMPTS[0], "text": f"It is {j}."} for j in range(i)])
        seen = [scored_tokens(replica) for replica in replicas]
        assert min(seen) == 0 and max(seen) > 0
        for prompt in PROMPTS:  # others go to others
            client.score_items([{"prompt": prompt, "traces": ["Yes."]}])
    assert min(scored_tokens(replica) for replica in replicas) > 0
