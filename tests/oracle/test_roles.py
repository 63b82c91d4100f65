"""Turns without a place, for every named preset and every checkpoint of it: what each mode of
`roles` does to system turns and to earlier turns, by the ids that the model would read.

PLACES says by hand what the authors' recipes have a place for (core/MODEL.md); the modes follow
from it. Nothing fails under `auto` and `policy`, and what became of a turn is counted.
"""

import json
import os
import subprocess
import sys

import pytest

pytest.importorskip("numpy")
pytest.importorskip("tokenizers")
pytest.importorskip("transformers")
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import checkpoints
from tokenizers import Tokenizer

BIN = os.environ.get("REWARDD_BIN", "")
pytestmark = pytest.mark.skipif(not BIN, reason="REWARDD_BIN does not name the daemon")

PIRATE, QUESTION = "Speak like a pirate.", "How many pens are there?"
SYSTEM = {"role": "system", "content": PIRATE}
USER = {"role": "user", "content": QUESTION}
EARLIER = [
    {"role": "user", "content": "Greetings, friend."},
    {"role": "assistant", "content": "Ahoy there."},
]


SPECS = {
    **checkpoints.SPECS,
    "LLaMA-Factory": dict(
        checkpoints.SPECS["openrlhf-qwen"],
        preset="llamafactory-rm",
        architecture="Qwen2ForCausalLM",
        extra={"v_head.summary.weight": (1, "H"), "v_head.summary.bias": (1,)},
    ),
}


def write(top, name):
    """The folder, as `--model` takes it: one preset is recognised by its name alone."""
    spec, folder = SPECS[name], str(top / name)
    file = os.path.join(checkpoints.TOKENIZERS, spec["config"]["tokenizer"], "tokenizer.json")
    checkpoints.write(folder, name, Tokenizer.from_file(file), spec=spec)
    return f"{folder},preset={spec['preset']}"


def explain(model, messages, roles):
    command = [BIN, "explain", "--model", model, "--messages", json.dumps(messages)]
    command += ["--steps", '["One.", "Two."]', "--roles", roles, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return json.loads(done.stdout) if done.returncode == 0 else done.stderr


# What the authors' own code reads (core/MODEL.md). A text of the recipe's own: the references
# always send it, so that the policy's does not replace it unless asked to.
OWN = ("qwen2.5-math-prm", "reasonflux-prm", "rlhflow-prm-deepseek", "acemath-rm",
       "qwen2.5-math-rm", "worldpm")  # fmt: skip
# A question and its steps only.
NONE = ("skywork-o1-prm", "math-shepherd", "trl-prm", "trl-prm-nlnl", "pure-prm",
        "versaprm-llama", "versaprm-qwen", "math-minos")  # fmt: skip
# A conversation of any kind, the policy's system text included.
ANY = ("rlhflow-prm-mistral", "rlhflow-orm", "skywork-reward-v2", "seqcls", "openrlhf", "verl-rm",
       "internlm2-reward", "llamafactory-rm")  # fmt: skip
CASES = [pytest.param(name, id=f"{spec['preset']}:{name}") for name, spec in SPECS.items()]


def kind_of(name):
    preset = SPECS[name]["preset"]
    if preset in ANY and not SPECS[name].get("template"):
        return "none"  # a folder without a template is read as its trainer reads a question
    return "own" if preset in OWN else "none" if preset in NONE else "any"


def test_every_preset_is_tried():
    done = subprocess.run([BIN, "--presets"], capture_output=True, text=True, check=True)
    names = {line.split()[0] for line in done.stdout.splitlines()}
    assert names == {*OWN, *NONE, *ANY} == {spec["preset"] for spec in SPECS.values()}


@pytest.fixture(scope="module")
def top(tmp_path_factory):
    return tmp_path_factory.mktemp("roles")


@pytest.mark.parametrize("name", CASES)
def test_turns_of_every_preset(top, name):
    model = write(top, name)
    kind = kind_of(name)

    def of(roles, *messages):
        seen = explain(model, messages, roles)
        assert isinstance(seen, dict), (roles, messages, seen)
        return seen["ids"], seen["system_dropped"], seen["turns_folded"], seen["rendered"]

    def refused(*messages):
        seen = explain(model, messages, "error")
        assert isinstance(seen, str) and "no place" in seen, seen

    def user(*texts):
        return {"role": "user", "content": "\n\n".join(texts)}

    alone = of("auto", USER)[0]
    folded = user("Greetings, friend.", "Ahoy there.", QUESTION)
    for roles in ("policy", "error"):  # a question alone is never touched
        assert of(roles, USER)[:3] == (alone, 0, 0)
    if kind == "none":
        assert of("auto", SYSTEM, USER)[:3] == (alone, 1, 0)
        assert of("auto", *EARLIER, USER)[:3] == (of("auto", folded)[0], 0, 2)
        assert of("auto", SYSTEM, *EARLIER, USER)[:3] == (of("auto", folded)[0], 1, 2)
        assert of("policy", SYSTEM, USER)[:3] == (of("auto", user(PIRATE, QUESTION))[0], 0, 1)
        whole = user(PIRATE, "Greetings, friend.", "Ahoy there.", QUESTION)
        assert of("policy", SYSTEM, *EARLIER, USER)[:3] == (of("auto", whole)[0], 0, 3)
        refused(SYSTEM, USER)
        refused(*EARLIER, USER)
        return
    turns = of("auto", *EARLIER, USER)
    assert turns[1:3] == (0, 0) and all(m["content"] in turns[3] for m in EARLIER)
    assert of("error", *EARLIER, USER) == turns and turns[0] not in (alone, of("auto", folded)[0])
    told = of("error", SYSTEM, USER)
    assert told[1:3] == (0, 0) and told[3].count(PIRATE) == 1
    assert told[3].index(PIRATE) < told[3].index(QUESTION)
    assert of("policy", SYSTEM, USER) == told
    if kind == "own":
        assert of("auto", SYSTEM, USER)[:3] == (alone, 1, 0)
        assert of("auto", SYSTEM, *EARLIER, USER)[:3] == (turns[0], 1, 0)
    else:
        assert of("auto", SYSTEM, USER) == told
        both = of("auto", SYSTEM, *EARLIER, USER)
        assert both[1:3] == (0, 0) and PIRATE in both[3] and "Ahoy there." in both[3]


@pytest.mark.parametrize("name", CASES)
def test_turns_as_trainers_send_them(top, name):
    """A developer's turn, parts, no content, a late system turn: no preset fails on them."""
    model = write(top, name)
    parts = [{"type": "text", "text": QUESTION[:9]}, {"type": "text", "text": QUESTION[9:]}]
    late = {"role": "system", "content": "Late."}
    for messages in (
        [{"role": "developer", "content": PIRATE}, USER],
        [{"role": "system", "content": None}, USER],
        [*EARLIER, late, USER],
        [USER, USER],
    ):
        for roles in ("auto", "policy"):
            seen = explain(model, messages, roles)
            assert isinstance(seen, dict), (roles, messages, seen)
    if kind_of(name) == "none":
        whole = {"role": "user", "content": parts}
        alone = explain(model, [USER], "auto")["ids"]
        assert explain(model, [whole], "auto")["ids"] == alone
