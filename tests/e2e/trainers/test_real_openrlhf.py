"""OpenRLHF's own reward clients, era by era, against /get_reward."""

import asyncio
import inspect
import json
import os
import re
import types

import pytest
import shelf
from cases import (
    ANSWERS,
    CASES,
    OVERLONG,
    QUESTIONS,
    RESPONSES,
    SYSTEM,
    chatml,
    ended,
    processes,
    single,
)
from table import note

pytest.importorskip("torch")
POSTING = ["0.4.5", "0.5.9", "0.8.5", "0.9.0"]  # the whole rollout in one call
VERSIONS = [*POSTING, "0.11.2"]
TRIES = {"0.4.5": 10}  # of one call; five in all others


class Logger:
    def info(self, *_):
        pass

    warning = info


class Letters:
    """A tokenizer of code points, as much of it as the executor uses."""

    def __call__(self, text, add_special_tokens, return_tensors):
        import torch

        return {"input_ids": torch.tensor([[ord(letter) for letter in text]])}

    def decode(self, ids, skip_special_tokens):
        return "".join(map(chr, ids))


class Engine:
    """The policy: it says what the test wants."""

    def __init__(self, response):
        self.response = response

    async def generate(self, *_, **__):
        ids = [ord(letter) for letter in self.response]
        output = types.SimpleNamespace(token_ids=ids, finish_reason="stop", logprobs=None)
        return types.SimpleNamespace(outputs=[output])


class Client:
    """One era: `rewards(urls, queries, prompts, labels)` with its own code."""

    def __init__(self, version, imports):
        base = shelf.folder("openrlhf", version) / "openrlhf"
        self.version = version
        logging = types.ModuleType("logging_utils")
        logging.init_logger = lambda name: Logger()
        imports.put("openrlhf", shelf.package(base))
        imports.put("openrlhf.utils", shelf.package(base / "utils"))
        imports.put("openrlhf.utils.logging_utils", logging)
        imports.put("ray", shelf.Ray())
        name = "remote_rm_utils" if version in POSTING else "agent"
        self.module = imports.file(f"openrlhf.utils.{name}", base / "utils" / f"{name}.py")
        self.pauses = shelf.without_waiting(
            self.module, "time" if version in POSTING else "asyncio"
        )

    def replies(self, urls, questions, responses, labels, prompts):
        queries = [prompt + response for prompt, response in zip(prompts, responses)]
        if self.version == "0.4.5":
            return self.module.remote_rm_fn(urls[0], queries).tolist()
        if self.version == "0.5.9":
            return self.module.remote_rm_fn(urls[0], queries, prompts).tolist()
        if self.version in POSTING:
            args = types.SimpleNamespace(micro_rollout_batch_size=2)
            model = self.module.RemoteRewardModel(args, urls)
            return model.get_rewards(queries, prompts, labels)
        executor = self.module.SingleTurnAgentExecutor(urls)
        sampling = types.SimpleNamespace(max_tokens=8, logprobs=None)

        async def all_of():
            calls = (
                executor.execute(prompt, label, sampling, 10**6, Letters(), Engine(response))
                for prompt, label, response in zip(prompts, labels, responses)
            )
            return await asyncio.gather(*calls)

        return asyncio.run(all_of())

    def rewards(self, urls, questions, responses, labels, prompts):
        found = self.replies(urls, questions, responses, labels, prompts)
        if self.version in ("0.4.5", "0.5.9"):
            return found
        if self.version in POSTING:  # one reply for each server
            return [reward for reply in found for reward in reply["rewards"]]
        return [one["reward"] and one["reward"][0] for one in found]


@pytest.fixture(params=VERSIONS)
def client(request):
    with shelf.importing("openrlhf") as imports:
        yield Client(request.param, imports)


def ask(client, urls, responses=RESPONSES, labels=ANSWERS, system=None):
    prompts = [chatml(question, system) for question in QUESTIONS]
    return client.rewards(urls, QUESTIONS, list(map(ended, responses)), list(labels), prompts)


@pytest.mark.parametrize("system", [None, SYSTEM])
def test_same_bits(client, small, system):
    url = small.url + "/get_reward"
    found = ask(client, [url], system=system)
    assert single(found) == single(processes(small))
    if client.version not in ("0.4.5", "0.5.9"):
        assert found == processes(small)
    note(f"openrlhf {client.version}", same_bits=f"{len(CASES)} traces, system too")


def test_two_servers_share_a_rollout(client, small, proxy):
    if client.version in ("0.4.5", "0.5.9"):
        pytest.skip("one server only")
    found = ask(client, [small.url + "/get_reward", proxy.url + "/get_reward"])
    assert found == processes(small)
    assert len(proxy.calls) > 0


def test_options_of_the_address(client, small, proxy):
    found = ask(client, [small.url + "/get_reward?aggregate=mean&run=openrlhf-e2e"])
    assert single(found) == single(processes(small, aggregate="mean"))
    assert single(found) != single(processes(small))


def test_labels_reach_the_reply(client, small):
    """26 is right for the first two; what was parsed is told."""
    if client.version not in ("0.8.5", "0.9.0", "0.11.2"):
        pytest.skip("reads the rewards only")
    prompts = [chatml(question) for question in QUESTIONS]
    labels = ["26", "27", None, "42"]
    url = small.url + "/get_reward"
    found = client.replies([url], QUESTIONS, list(map(ended, RESPONSES)), labels, prompts)
    if client.version in POSTING:
        logs = found[0]["extra_logs"]
    else:
        logs = {
            name: [one["extra_logs"][name][0] for one in found] for name in found[0]["extra_logs"]
        }
    assert logs["verified"] == [1, 0, -1, 1]
    numbers = [value for column in logs.values() for value in column]
    assert all(isinstance(value, (int, float)) for value in numbers)


def fails(client, url, **changes):
    """How the client ends when the daemon has no reward for it: never with a number."""
    if client.version in POSTING:
        with pytest.raises(Exception, match="Request error for"):
            ask(client, [url], **changes)
        return "raises"
    found = ask(client, [url], **changes)
    assert None in found
    return "reward None"


def tries(client):
    return TRIES.get(client.version, 5)


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_balancer(client, proxy, small, status):
    """Tried again, and then the same bits."""
    proxy.plan = [status] * 2
    assert single(ask(client, [proxy.url + "/get_reward"])) == single(processes(small))
    assert len(client.pauses) == 2
    note(f"openrlhf {client.version}", **{f"s{status}": "tries again"})


def test_a_wrong_option_is_refused(client, proxy):
    ends = fails(client, proxy.url + "/get_reward?modle=x")
    assert {status for status, _ in proxy.replies} == {400}
    assert all(b"modle" in body for _, body in proxy.replies)
    note(f"openrlhf {client.version}", s400=f"{ends} after {tries(client)} tries")


@pytest.mark.parametrize(("kind", "response"), [("empty", ""), ("over_long", OVERLONG)])
def test_a_trace_without_a_reward(client, proxy, small, kind, response):
    """The run ends with a reason that names it; with the user's own number it goes on, and the
    others have their own rewards."""
    responses = [RESPONSES[0], response, *RESPONSES[2:]]
    ends = fails(client, proxy.url + "/get_reward", responses=responses)
    bad = [json.loads(body) for status, body in proxy.replies if status == 422]
    assert bad and {status for status, _ in proxy.replies} <= {200, 422}
    if client.version in POSTING:
        assert all("1 of 4 traces cannot be scored, at 1;" in e["error"]["message"] for e in bad)
    else:
        assert all(e["error"]["code"] in ("empty_trace", "context_exceeded") for e in bad)
    url = proxy.url + "/get_reward?unscorable=-1"
    found = ask(client, [url], responses=responses)
    want = processes(small)
    assert single(found) == single([want[0], -1.0, *want[2:]])
    note(f"openrlhf {client.version}", **{kind: f"{ends}; or the user's number"})


def test_no_null_in_a_reply(client, proxy):
    """Labels that are null; and whatever came back held no null."""
    assert None not in ask(client, [proxy.url + "/get_reward"], labels=[None] * len(CASES))
    assert proxy.replies
    for status, body in proxy.replies:
        assert status == 200 and not re.search(rb"\bnull\b", body)
    note(f"openrlhf {client.version}", null="never in a reply")


def test_many_calls_at_once_and_one_large_body(small):
    """512 (REWARDD_LONG: 8,192) concurrent calls of 0.11.2, and the same samples in one body of
    0.9.0: equal rewards. One of them is empty, and only its own reward is the user's number."""
    count = 8192 if os.environ.get("REWARDD_LONG") else 512
    cases = [CASES[i % len(CASES)] for i in range(count)]
    prompts = [chatml(question) for question, _, _ in cases]
    responses = [
        ended(f"{response}\n\nThat was try {i}.") for i, (_, response, _) in enumerate(cases)
    ]
    responses[3] = ended("")
    labels = [answer for _, _, answer in cases]
    url = [small.url + "/get_reward?unscorable=-1"]
    found = {}
    for version in ("0.11.2", "0.9.0"):
        with shelf.importing("openrlhf") as imports:
            client = Client(version, imports)
            found[version] = client.rewards(url, None, responses, labels, prompts)
    assert found["0.11.2"] == found["0.9.0"] and len(found["0.9.0"]) == count
    assert [i for i, reward in enumerate(found["0.9.0"]) if reward == -1] == [3]
    assert len(set(found["0.9.0"])) > count / 2


def test_rewardd_openrlhf_as_a_file(small, glue):
    """0.11.2 loads `reward_func` out of our file by its path."""
    import rewardd.openrlhf

    with shelf.importing("openrlhf") as imports:
        client = Client("0.11.2", imports)
        file = inspect.getsourcefile(rewardd.openrlhf)
        found = client.replies(
            file, QUESTIONS, list(map(ended, RESPONSES)), ANSWERS, list(map(chatml, QUESTIONS))
        )
    assert [one["reward"].tolist()[0] for one in found] == single(processes(small))
