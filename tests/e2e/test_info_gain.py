"""The deep flag info_gain through HTTP: tiny generative process models with and without their
language head."""

import json
import os
import subprocess
import sys
import urllib.request

import pytest
from conftest import TOP
from daemon import Daemon

pytest.importorskip("numpy")
pytest.importorskip("tokenizers")
SHEPHERD = "math-shepherd-mistral-7b-prm"
RLHFLOW = "RLHFlow-Llama3.1-8B-PRM-Deepseek-Data"  # tied embeddings
STEPS = [
    "Anna buys 5 books at $4 each: 5 * 4 = 20.",
    "She buys 3 pens at $2 each: 3 * 2 = 6.",
    "Together 20 + 6 = 26.",
    "The answer is 26.",
]
BODY = {
    "prompt": "Anna buys 5 books at $4 and 3 pens at $2. How much does she pay?",
    "trace": {"steps": STEPS},
    "reference": "26",
    "flags": "deep",
    "flags_all": True,
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    out = tmp_path_factory.mktemp("generative")
    maker = os.path.join(TOP, "tests", "oracle", "make_checkpoints.py")
    subprocess.run(
        [sys.executable, maker, str(out), "--lengths", "1", "--only", SHEPHERD, "--only", RLHFLOW],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return out


@pytest.fixture(scope="module")
def daemon(rewardd_bin, folders):
    with Daemon(
        [
            f"{folders / SHEPHERD}=shepherd,language_head=true",
            f"{folders / RLHFLOW}=rlhflow,language_head=true",
            f"{folders / SHEPHERD}=without",
        ]
    ) as d:
        yield d.wait_ready()


def ask(daemon, model="shepherd", **changes):
    reply = daemon.post("/v1/rewards", {**BODY, "model": model, **changes})
    (result,) = reply["results"]
    flags = [f for f in result["flags"] if f["name"] == "info_gain"]
    return (flags[0] if flags else None), result, reply


def models(daemon):
    with urllib.request.urlopen(daemon.url + "/v1/models", timeout=30) as reply:
        return {m["id"]: m for m in json.load(reply)["data"]}


@pytest.mark.parametrize("model", ["shepherd", "rlhflow"])
def test_a_share_of_steps(daemon, model):
    flag, result, reply = ask(daemon, model)
    assert flag.get("error") is None and flag["value"] in (
        0,
        1 / 3,
        2 / 3,
        1,
    )  # 4 steps, the first ignored
    assert (flag["step"] is None) == (flag["value"] == 0)
    assert flag["p"] is None and flag["fired"] is False  # no bank
    assert reply["usage"]["probe_tokens"] > 0
    off = ask(daemon, model, flags="off")[1]
    assert [s["raw"] for s in off["steps"]] == [s["raw"] for s in result["steps"]]


def test_the_value_is_what_transformers_says(daemon, folders):
    """L_t for t = 0 to 4 in float32 by Hugging Face, from the author's own layout of the trace."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    sys.path.insert(0, os.path.join(TOP, "tests", "oracle"))
    import layouts
    from tokenizers import Tokenizer

    folder = str(folders / SHEPHERD)
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    tokenizer = Tokenizer.from_file(os.path.join(folder, "tokenizer.json"))
    with open(os.path.join(folder, "config.json"), encoding="utf-8") as f:
        config = json.load(f)

    def log_p(before, answer):
        lead = "\n\nThe final answer is "
        suffix = tokenizer.encode(lead + answer + "\n", add_special_tokens=False)
        begin = len(before) + min(i for i, (_, end) in enumerate(suffix.offsets) if end > len(lead))
        ids = list(before) + suffix.ids
        with torch.no_grad():
            rows = torch.log_softmax(model(torch.tensor([ids])).logits[0].double(), -1)
        return sum(float(rows[i - 1, ids[i]]) for i in range(begin, len(ids)))

    checked = 0
    for last in ("The answer is 26.", "So it is 26 dollars.", "Thus 26.", "That makes 26 in all."):
        steps = STEPS[:3] + [last]
        case = {"messages": [{"role": "user", "content": BODY["prompt"]}], "steps": steps}
        ids, positions = layouts.LAYOUTS["math-shepherd"].build(folder, config, case)
        flag, _, reply = ask(daemon, trace={"steps": steps})
        ends = [reply["usage"]["prompt_tokens"]] + [p + 1 for p in positions]
        gain = [
            log_p(ids[:end], "26") - sum(log_p(ids[:end], a) for a in ("27", "36", "25", "16")) / 4
            for end in ends
        ]
        rises = [gain[t] - max(gain[:t]) for t in range(2, 5)]
        if min(abs(r) for r in rises) < 1e-3:
            continue  # a tie in float32
        assert flag["value"] == sum(r <= 0 for r in rises) / 3
        idle = [t - 1 for t, r in zip(range(2, 5), rises) if r <= 0]
        assert flag["step"] == (idle[0] if idle else None)
        checked += 1
    assert checked >= 2


@pytest.mark.parametrize(
    "reference", ["26", 26, "(B)", "yes", "\\frac{3}{4}", "so the answer is \\boxed{26}", "#### 26"]
)
def test_references_of_every_form(daemon, reference):
    flag, _, _ = ask(daemon, reference=reference)
    assert isinstance(flag["value"], (int, float)), flag


@pytest.mark.parametrize(
    "reference,words",
    [
        (None, "no reference"),
        ("Paris", "no number"),
        ("x + y", "no number"),
        ("7" * 500, "too long"),
        ("<|eot_id|>", "no number"),
    ],
)
def test_references_that_cannot_be_used(daemon, reference, words):
    flag, result, _ = (
        ask(daemon, reference=reference) if reference else ask(daemon, **{"reference": None})
    )
    assert flag["value"] is None and words in flag["message"], flag
    assert flag["error"] == ("limit_exceeded" if "long" in words else "not_applicable")
    assert all(s["reward"] is not None for s in result["steps"])


def test_one_step_has_no_gain(daemon):
    flag, _, _ = ask(daemon, trace={"steps": STEPS[:1]})
    assert flag["value"] is None and "too few steps" in flag["message"]
    flag, _, _ = ask(daemon, trace={"steps": STEPS[:2]})
    assert flag["value"] in (0, 1)


def test_models_without_their_language_head(daemon):
    flag, _, _ = ask(daemon, "without")
    assert (
        flag["value"] is None
        and flag["error"] == "unavailable"
        and "language_head=true" in flag["message"]
    )
    rows = models(daemon)
    assert (
        rows["without"]["language_head"] == "not_loaded"
        and rows["without"]["language_head_bytes"] == 0
    )
    assert rows["shepherd"]["language_head"] == "loaded"
    more = rows["shepherd"]["weight_bytes"] - rows["without"]["weight_bytes"]
    assert more >= rows["shepherd"]["language_head_bytes"] > 0
    assert "the language head" in daemon.log


def test_a_folder_without_one_is_refused(rewardd_bin):
    classifier = os.path.join(TOP, "deploy", "models", "rewardd-prm-small")
    with Daemon([f"{classifier},language_head=true"]) as d:
        assert d.process.wait(60) != 0
        assert "has no language head" in d.log and "lm_head.weight" in d.log


def test_the_same_alone_in_a_batch_and_warm(daemon):
    alone, _, _ = ask(daemon)
    items = [
        {
            "prompt": BODY["prompt"],
            "trace": {"steps": STEPS[:n] + [f"So {n} more."] + STEPS[n:]},
            "reference": "26",
        }
        for n in range(1, 4)
    ] + [{k: BODY[k] for k in ("prompt", "trace", "reference")}]
    reply = daemon.post(
        "/v1/rewards", {"items": items, "model": "shepherd", "flags": "deep", "flags_all": True}
    )
    flags = [f for f in reply["results"][-1]["flags"] if f["name"] == "info_gain"]
    assert flags == [alone]
    assert ask(daemon)[0] == alone


def test_long_traces_are_bounded(daemon):
    """40 steps: 17 prefixes at most, each shared by the answers behind it."""
    steps = [f"Step {n}: {n} + {n} = {2 * n}." for n in range(1, 41)]
    flag, result, _reply = ask(daemon, trace={"steps": steps})
    assert flag["value"] is not None and 0 <= flag["value"] <= 1
    assert flag["value"] * 15 == pytest.approx(round(flag["value"] * 15))
    assert len(result["steps"]) == 40


def test_many_traces_at_once(daemon):
    """More answers than the table of jobs has places: they take turns."""
    traces = [{"steps": STEPS[:3] + [f"{n} is a number.", "The answer is 26."]} for n in range(64)]
    body = {
        "items": [{"prompt": BODY["prompt"], "traces": traces, "reference": "26"}],
        "model": "shepherd",
        "flags": "deep",
        "flags_all": True,
    }
    reply = daemon.post("/v1/rewards", body, timeout=300)
    flags = [f for r in reply["results"] for f in r["flags"] if f["name"] == "info_gain"]
    assert len(flags) == 64 and all(isinstance(f["value"], (int, float)) for f in flags), flags[0]
