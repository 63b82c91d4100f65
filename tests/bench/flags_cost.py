"""What the flags cost: CPU time of a daemon (all its threads, from /proc) per trace with flags off,
free and cheap.

    flags_cost.py REWARDD PROCESS_MODEL [OUTCOME_MODEL] --data DIR [--traces 300] [--rounds 3]
    [--pass-ms MS]

ProcessBench traces, the prefix cache as it is by default; a mark before each question keeps one
tier from finding what another left there. The three tiers in turn within each round; the least of
the rounds counts. --pass-ms: CPU time of one pass of a larger shape (`rewardd bench`), beside which
the free flags are set: they do not grow with the model.
"""

import argparse
import json
import os
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("rewardd")
parser.add_argument("models", nargs="+")
parser.add_argument("--data", type=Path, required=True)
parser.add_argument("--traces", type=int, default=300)
parser.add_argument("--rounds", type=int, default=3)
parser.add_argument("--pass-ms", type=float)
opt = parser.parse_args()
TIERS = ("off", "free", "cheap")


def cpu_ms(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return 1e3 * (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def post(port, body):
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/v1/rewards",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=600) as reply:
        return json.load(reply)


with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    port = probe.getsockname()[1]
records = [
    r
    for part in ("gsm8k", "math")
    for r in json.load(open(opt.data / "processbench" / (part + ".json")))
][: opt.traces]
command = [opt.rewardd, "--listen", f"127.0.0.1:{port}", "--threads", "1", "--log-level", "error"]
daemon = subprocess.Popen(command + [w for m in opt.models for w in ("--model", m)])
try:
    for _ in range(600):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5).close()
            break
        except OSError:
            time.sleep(0.1)
    least, tokens = {}, {}
    for turn in range(opt.rounds):
        for tier in TIERS:
            begin, used = cpu_ms(daemon.pid), 0
            for i in range(0, len(records), 16):
                items = [
                    {"prompt": f"({turn} {tier}) " + r["problem"], "trace": {"steps": r["steps"]}}
                    for r in records[i : i + 16]
                ]
                usage = post(port, {"items": items, "flags": tier})["usage"]
                used += usage["scored_tokens"] + usage.get("probe_tokens", 0)
            spent = (cpu_ms(daemon.pid) - begin) / len(records)
            least[tier], tokens[tier] = min(least.get(tier, spent), spent), used / len(records)
finally:
    daemon.terminate()
    daemon.wait()
print("| flags | CPU ms per trace | beside off | tokens per trace |\n|---|---|---|---|")
for tier in TIERS:
    print(f"| {tier} | {least[tier]:.3f} | {least[tier] / least['off']:.3f} | {tokens[tier]:.0f} |")
if opt.pass_ms:
    print(
        f"\nfree flags: {1e3 * (least['free'] - least['off']):.0f} us per trace, "
        f"{100 * (least['free'] - least['off']) / opt.pass_ms:.2f} % of a pass of "
        f"{opt.pass_ms:.0f} ms"
    )
