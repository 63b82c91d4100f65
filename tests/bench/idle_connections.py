"""What a connection costs that is open and does nothing: resident bytes of the daemon.

    python tests/bench/idle_connections.py REWARDD [MODEL...] [--connections 4000]

Memory is read with no connection, with --connections open that have sent nothing, and with the same
after each has asked /livez once; half of them, so that pages in use before do not count, is the
baseline. The goal is 1,024 bytes."""

import argparse
import http.client
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

from loop_stall import MODELS, free_port

ASK = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"


def resident(pid):
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return 1024 * next(int(w.split()[1]) for w in status.splitlines() if w.startswith("VmRSS:"))


def settled(pid):
    time.sleep(1)
    return resident(pid)


def dial(port, n):
    return [socket.create_connection(("127.0.0.1", port)) for _ in range(n)]


def ask(connections):
    for s in connections:
        s.sendall(ASK)
    for s in connections:
        assert s.recv(4096).startswith(b"HTTP/1.1 200")


def wait_ready(port):
    while True:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.05)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rewardd")
    parser.add_argument("models", nargs="*")
    parser.add_argument("--connections", type=int, default=4000)
    args = parser.parse_args()
    port = free_port()
    command = [os.path.abspath(args.rewardd), "--listen", f"127.0.0.1:{port}", "--log-level", "off"]
    command += ["--idle-timeout", "3600s"]
    for model in args.models or sorted(p.parent for p in MODELS.glob("*/config.json")):
        command += ["--model", str(model)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        wait_ready(port)
        half = args.connections // 2
        first = dial(port, half)
        ask(first)
        base = settled(process.pid)
        more = dial(port, args.connections - half)
        silent = settled(process.pid) - base
        ask(more)
        asked = settled(process.pid) - base
        print(f"{args.connections} connections, of which {len(more)} are counted")
        print(f"silent           {silent / len(more):.0f} bytes each")
        print(f"after a request  {asked / len(more):.0f} bytes each")
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


if __name__ == "__main__":
    main()
