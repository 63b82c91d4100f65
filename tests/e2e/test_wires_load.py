"""A rollout in one body, and the same samples in 512 requests at once: equal rewards.

OpenRLHF up to 0.9 posts the whole rollout, later versions post sample by sample. The full size,
8,192 samples, is for REWARDD_LONG=1 (sh tests/run.sh --long); else a sixteenth of it."""

import asyncio
import json
import os
import time
from pathlib import Path

import pytest
from daemon import Daemon

TOP = Path(__file__).resolve().parents[2]
MODELS = [TOP / "deploy" / "models" / name for name in ("rewardd-prm-small", "rewardd-orm-small")]
CONCURRENT = 512
SAMPLES = 8192 if os.environ.get("REWARDD_LONG") == "1" else 512
SECONDS = 600


def chatml(question):
    return f"<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n"


def sample(i):
    a, b = i % 97, i % 89
    prompt = chatml(f"What is {a}+{b}?")
    return prompt, prompt + f"{a}+{b}={a + b + i % 2}\n\nIt is {a + b + i % 2}.<|im_end|>"


@pytest.fixture(scope="module")
def server(rewardd_bin):
    with Daemon(MODELS, "--hold-ms", f"{SECONDS}s") as d:
        yield d.wait_ready()


async def post(server, path, body):
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    data = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    writer.write(f"{head}Content-Length: {len(data)}\r\nConnection: close\r\n\r\n".encode() + data)
    reply = await asyncio.wait_for(reader.read(), SECONDS)
    writer.close()
    top, _, text = reply.partition(b"\r\n\r\n")
    return int(top.split()[1]), json.loads(text)


async def all_at_once(server, bodies):
    return await asyncio.gather(*(post(server, "/get_reward?flags=off", body) for body in bodies))


def body_of(samples):
    return {"query": [query for _, query in samples], "prompts": [prompt for prompt, _ in samples]}


def test_one_body_and_many_calls_get_equal_rewards(server, capsys):
    samples = [sample(i) for i in range(SAMPLES)]
    begin = time.monotonic()
    [(status, whole)] = asyncio.run(all_at_once(server, [body_of(samples)]))
    middle = time.monotonic()
    assert status == 200 and len(whole["rewards"]) == SAMPLES
    size = SAMPLES // CONCURRENT
    parts = [body_of(samples[i : i + size]) for i in range(0, SAMPLES, size)]
    replies = asyncio.run(all_at_once(server, parts))
    end = time.monotonic()
    assert [status for status, _ in replies] == [200] * CONCURRENT
    assert [reward for _, reply in replies for reward in reply["rewards"]] == whole["rewards"]
    assert len(set(whole["rewards"])) > SAMPLES // 4  # not one number for all
    with capsys.disabled():
        print(
            f"\n{SAMPLES} samples: one body {middle - begin:.1f} s, "
            f"{CONCURRENT} calls at once {end - middle:.1f} s"
        )


def test_one_empty_response_among_many(server):
    samples = [sample(i) for i in range(256)]
    samples[100] = (samples[100][0], samples[100][0])
    good = samples[:100] + samples[101:]
    [(status, refused)] = asyncio.run(all_at_once(server, [body_of(samples)]))
    assert status == 422 and "at 100;" in refused["error"]["message"]
    path = "/get_reward?flags=off&unscorable=-1"
    status, kept = asyncio.run(post(server, path, body_of(samples)))
    rewards = kept["rewards"]
    [(_, alone)] = asyncio.run(all_at_once(server, [body_of(good)]))
    assert status == 200 and rewards[100] == -1
    assert rewards[:100] + rewards[101:] == alone["rewards"]
