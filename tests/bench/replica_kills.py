"""What clients notice when replicas behind a balancer are killed with SIGKILL under load.

    python tests/bench/replica_kills.py REWARDD [MODEL...] [--balancer haproxy|nginx|envoy]
        [--mode one|turns|together] [--kills 20] [--clients 16]

Two replicas stand behind the balancer with the configuration we ship. Clients post scoring requests
in a loop, with bodies from 100 bytes to --body-max, on kept connections. A replica is killed, and
started again --down seconds later as a supervisor would; the next kill comes when it answers. `one`
kills always the same, `turns` one after the other, `together` both at once. Counted are replies
that are not 200, connections that end without one, and rewards that are not those of a lone daemon,
bit for bit. The exit status is 1 when there are any.

HAProxy and nginx are Debian's; Envoy is the program of that name in PATH, in $ENVOY, or where
`sh deploy/deps.sh envoy` puts it."""

import argparse
import http.client
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
DEPLOY = TOP / "deploy"
CACHE = os.environ.get("REWARDD_CACHE", os.path.expanduser("~/.cache/rewardd"))
PROMPTS = [f"What is {a} + {a + 3}?" for a in range(24)]
# The addresses in the configurations we ship, which a user edits and we replace.
FRONT, REPLICAS = 7390, (7393, 7394)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def body(prompt):
    steps = ["Add the two numbers.", f"Then {prompt[8:-1]} is the sum."]
    return {"prompt": prompt, "trace": {"steps": steps}}


def rewards(reply):
    result = reply["results"][0]
    if result["error"] is not None:
        raise ValueError(result["error"])
    parts = [result[part]["reward"] for part in ("process", "outcome") if result[part] is not None]
    return [step["reward"] for step in result["steps"]] + parts


class Replica:
    """A daemon on a port of its own that comes back there after every kill."""

    def __init__(self, rewardd, models, options):
        self.port = free_port()
        self.command = [rewardd, "--listen", f"127.0.0.1:{self.port}", "--threads", "1"]
        for model in models:
            self.command += ["--model", str(model)]
        self.command += options
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            self.command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def kill(self):
        self.process.kill()
        self.process.wait()

    def wait_ready(self, seconds=60):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise RuntimeError(f"a replica ended with {self.process.returncode}")
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
                connection.request("GET", "/readyz")
                if connection.getresponse().status == 200:
                    return self
            except OSError:
                time.sleep(0.02)
            finally:
                connection.close()
        raise RuntimeError("a replica is not ready")


def program(balancer):
    if balancer == "envoy":
        kept = os.path.join(CACHE, "envoy", "envoy", "_bin", "envoy")
        return os.environ.get("ENVOY") or shutil.which("envoy") or shutil.which(kept)
    return shutil.which(balancer) or shutil.which(balancer, path="/usr/sbin")


class Balancer:
    """The shipped configuration, with ports of ours in place of its own."""

    def __init__(self, name, ports, folder):
        self.port = free_port()
        path = program(name)
        self.log = open(os.path.join(folder, "balancer.log"), "w+", encoding="utf-8")
        env = dict(
            os.environ,
            REWARDD_FRONT=f"127.0.0.1:{self.port}",
            REWARDD_REPLICA_1=f"127.0.0.1:{ports[0]}",
            REWARDD_REPLICA_2=f"127.0.0.1:{ports[1]}",
        )
        if name == "haproxy":
            command = [path, "-db", "-f", str(DEPLOY / "haproxy" / "haproxy.cfg")]
        elif name == "nginx":
            config = self.edited(DEPLOY / "nginx" / "nginx.conf", ports, folder)
            command = [path, "-p", folder, "-c", config, "-g", "daemon off;"]
        else:
            config = self.edited(DEPLOY / "envoy" / "envoy.yaml", ports, folder)
            command = [path, "-c", config, "-l", "error", "--disable-hot-restart"]
            command += ["--concurrency", "2"]
        self.process = subprocess.Popen(
            command, env=env, cwd=folder, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log
        )
        self.wait_answers()

    def edited(self, config, ports, folder):
        text = config.read_text(encoding="utf-8")
        for old, new in zip((FRONT, *REPLICAS), (self.port, *ports)):
            text, n = re.subn(rf"\b{old}\b", str(new), text)
            if n == 0:
                raise RuntimeError(f"{config} does not name the port {old}")
        path = os.path.join(folder, config.name)
        pathlib.Path(path).write_text(text, encoding="utf-8")
        return path

    def wait_answers(self):
        end = time.monotonic() + 20
        while time.monotonic() < end:
            if self.process.poll() is not None:
                self.log.seek(0)
                raise RuntimeError(f"the balancer refused our configuration:\n{self.log.read()}")
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
                connection.request("GET", "/readyz")
                if connection.getresponse().status == 200:
                    return
            except (OSError, http.client.HTTPException):
                pass
            finally:
                connection.close()
            time.sleep(0.1)
        raise RuntimeError("the balancer passes nothing on")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


class Client(threading.Thread):
    """Posts in a loop on a kept connection; keeps everything that is not the right answer."""

    def __init__(self, port, number, expected, body_max, ended):
        super().__init__()
        self.port, self.expected, self.body_max, self.ended = port, expected, body_max, ended
        self.random = random.Random(number)
        self.answers, self.slowest, self.losses = 0, 0.0, []

    def payload(self, prompt):
        """White space is a body like any other to a balancer, and costs a model nothing."""
        text = json.dumps(body(prompt))
        if self.random.random() < 0.25:
            text += " " * int(self.body_max ** self.random.random())
        return text

    def run(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        while not self.ended.is_set():
            prompt = self.random.choice(PROMPTS)
            text = self.payload(prompt)
            begin = time.monotonic()
            try:
                connection.request(
                    "POST", "/v1/rewards", text, {"Content-Type": "application/json"}
                )
                reply = connection.getresponse()
                data = reply.read()
                if reply.status != 200:
                    self.lose(begin, len(text), f"{reply.status} {data[:120]!r}")
                elif rewards(json.loads(data)) != self.expected[prompt]:
                    self.lose(begin, len(text), f"other rewards for {prompt!r}")
                else:
                    self.answers += 1
                    self.slowest = max(self.slowest, time.monotonic() - begin)
            except (OSError, http.client.HTTPException, ValueError) as problem:
                self.lose(begin, len(text), repr(problem))
                connection.close()

    def lose(self, begin, size, what):
        self.losses.append((begin, time.monotonic() - begin, size, what))


def ask_alone(replica):
    connection = http.client.HTTPConnection("127.0.0.1", replica.port, timeout=60)
    expected = {}
    for prompt in PROMPTS:
        text = json.dumps(body(prompt))
        connection.request("POST", "/v1/rewards", text, {"Content-Type": "application/json"})
        expected[prompt] = rewards(json.loads(connection.getresponse().read()))
    connection.close()
    assert len({tuple(e) for e in expected.values()}) == len(PROMPTS)  # they tell prompts apart
    return expected


def kill_all(replicas, args, begin):
    """When each kill was, since `begin`."""
    times = []
    for i in range(args.kills):
        victims = replicas if args.mode == "together" else [replicas[i % 2]]
        if args.mode == "one":
            victims = [replicas[0]]
        times.append(time.monotonic() - begin)
        for victim in victims:
            victim.kill()
        time.sleep(args.down)
        for victim in victims:
            victim.start()
        for victim in victims:
            victim.wait_ready()
        time.sleep(args.between)
    return times


def measure(args):
    """Answers, losses, seconds of the slowest answer."""
    folder = tempfile.mkdtemp(prefix="rewardd-kills-")
    replicas = [Replica(args.rewardd, args.models, args.options) for _ in range(2)]
    balancer = None
    try:
        for replica in replicas:
            replica.wait_ready()
        expected = ask_alone(replicas[0])
        balancer = Balancer(args.balancer, [r.port for r in replicas], folder)
        ended = threading.Event()
        clients = [
            Client(balancer.port, i, expected, args.body_max, ended) for i in range(args.clients)
        ]
        begin = time.monotonic()
        for client in clients:
            client.start()
        time.sleep(1)
        times = kill_all(replicas, args, begin)
        ended.set()
        for client in clients:
            client.join()
    finally:
        if balancer is not None:
            balancer.stop()
        for replica in replicas:
            replica.kill()
        shutil.rmtree(folder, ignore_errors=True)
    losses = sorted((at - begin, *rest) for c in clients for at, *rest in c.losses)
    for at, took, size, what in losses[:40]:
        after = max((at - t for t in times if t <= at + took), default=0)
        print(f"lost at {at:.2f} s (kill {after:+.2f} s), {took:.3f} s, {size} bytes: {what}")
    return sum(c.answers for c in clients), losses, max(c.slowest for c in clients)


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rewardd")
    parser.add_argument("models", nargs="*")
    parser.add_argument("--balancer", choices=["haproxy", "nginx", "envoy"], default="haproxy")
    parser.add_argument("--mode", choices=["one", "turns", "together"], default="turns")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--body-max", type=int, default=400_000, help="bytes")
    parser.add_argument("--down", type=float, default=0.3, help="seconds until it is started again")
    parser.add_argument("--between", type=float, default=1, help="seconds from ready to the next")
    parser.add_argument("--options", nargs="*", default=[], help="of the daemon, without --")
    args = parser.parse_args(arguments)
    args.rewardd = os.path.abspath(args.rewardd)
    args.models = args.models or sorted(
        p for p in (DEPLOY / "models").iterdir() if (p / "config.json").exists()
    )
    args.options = [f"--{o}" for o in args.options]
    return args


def main(arguments):
    args = parse(arguments)
    if program(args.balancer) is None:
        print(f"{args.balancer} is not installed")
        return 77
    begin = time.monotonic()
    answers, losses, slowest = measure(args)
    print(
        f"{args.balancer}, {args.mode}: {args.kills} kills in {time.monotonic() - begin:.0f} s, "
        f"{args.clients} clients, {answers} answered, {len(losses)} lost, slowest {slowest:.2f} s"
    )
    return 1 if losses or answers == 0 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
