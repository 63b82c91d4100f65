"""The authors' input recipes, written again from their published descriptions, over Hugging Face
tokenizers.

Nothing here knows our layout format: each function builds ids and score positions the way the
reference code of that model does. C and this must agree on every id and position.
"""

import json
import os

from tokenizers import Tokenizer

Q = "A box holds 12 pens.  Tom buys 3 boxes and gives away 7 pens. How many pens does he keep?"
S = [
    "Each box has 12 pens, so 3 boxes hold 3 \\times 12 = 36 pens.",
    "He gives away 7 pens: 36 - 7 = 29.",
    "So the answer is \\boxed{29}.",
]
TEXTS = [
    {"messages": [{"role": "user", "content": Q}], "steps": S},
    {
        "messages": [{"role": "user", "content": " Анна has 5 cafe\u0301s "}],
        "steps": ["  x = 5 \n", "+ or -", "李雷: 漢字 \u00a0"],
    },
    {"messages": [{"role": "user", "content": Q}], "steps": [S[i % 3] for i in range(40)]},
]


def load(folder):
    tok = Tokenizer.from_file(os.path.join(folder, "tokenizer.json"))
    with open(os.path.join(folder, "tokenizer_config.json"), encoding="utf-8") as f:
        return tok, json.load(f)


def enc(tok, text):
    return tok.encode(text, add_special_tokens=False).ids


def render(meta, messages):
    from transformers.utils.chat_template_utils import render_jinja_template

    out = render_jinja_template(
        conversations=[messages],
        chat_template=meta["chat_template"],
        bos_token=meta["bos_token"] or "",
        eos_token=meta.get("eos_token") or "",
        add_generation_prompt=False,
    )
    return out[0][0]


def question(case):
    return case["messages"][-1]["content"]


def answer(case, sep="\n\n"):
    return case["text"] if "text" in case else sep.join(case["steps"])


class Layout:
    def __init__(self, kind, build):
        self.kind, self.build = kind, build


def qwen_prm(system):
    def build(folder, _config, case):
        tok, meta = load(folder)
        messages = [{"role": "system", "content": system}] if system else []
        messages = (
            messages + case["messages"]
            if case["messages"][0]["role"] != "system"
            else case["messages"]
        )
        text = render(
            meta,
            messages
            + [{"role": "assistant", "content": "".join(s + "<extra_0>" for s in case["steps"])}],
        )
        ids = enc(tok, text)
        marker = tok.token_to_id("<extra_0>")
        return ids, [i for i, t in enumerate(ids) if t == marker]

    return build


def skywork(folder, _config, case):
    tok, _ = load(folder)
    ids, positions = enc(tok, "<|im_start|>" + question(case) + "\n"), []
    for step in "\n".join(case["steps"]).split("\n") if "text" in case else case["steps"]:
        ids += (enc(tok, step) if step else []) + [enc(tok, "\n")[-1]]
        positions.append(len(ids) - 1)
    return ids, positions


def rlhflow(folder, _config, case):
    """One pass over the whole dialogue; the verdict is read before each '+' (author's -3 of each
    prefix)."""
    tok, meta = load(folder)
    turns, positions = list(case["messages"][:-1]), []
    for k, step in enumerate(case["steps"]):
        step = step.removesuffix(" ки").strip()
        turns.append({"role": "user", "content": question(case) + " " + step if k == 0 else step})
        turns.append({"role": "assistant", "content": "+"})
        positions.append(len(enc(tok, render(meta, turns))) - 3)
    return enc(tok, render(meta, turns)), positions


def rlhflow_orm(folder, _config, case):
    tok, meta = load(folder)
    text = question(case) + " " + answer(case).replace(" ки", "")
    ids = enc(
        tok,
        render(
            meta,
            case["messages"][:-1]
            + [{"role": "user", "content": text}, {"role": "assistant", "content": "+"}],
        ),
    )
    return ids, [len(ids) - 3]


def math_shepherd(folder, _config, case):
    tok, _ = load(folder)
    # A step may bring its own number or its own marker: neither is written twice.
    steps = [s.removesuffix(" ки") for s in case["steps"]]
    steps = [
        s if s.startswith(f"Step {k + 1}: ") else f"Step {k + 1}: {s}" for k, s in enumerate(steps)
    ]
    output = "\n".join(s + " ки" for s in steps)
    ids = tok.encode(f"{question(case)} {output}").ids  # adds BOS
    marker = enc(tok, "ки")[-1]
    return ids, [i for i, t in enumerate(ids) if t == marker]


def trl(separator):
    def build(folder, _config, case):
        tok, meta = load(folder)
        ids = [tok.token_to_id(meta["bos_token"])] if meta["bos_token"] else []
        ids += enc(tok, question(case))
        positions = []
        for step in case["steps"]:
            ids += enc(tok, step) + enc(tok, separator)
            positions.append(len(ids) - 1)
        return ids, positions

    return build


def versa(folder, _config, case):
    tok, meta = load(folder)
    text = question(case) + " \n\n" + " \n\n\n\n".join(case["steps"]) + " \n\n\n\n"
    ids = ([tok.token_to_id(meta["bos_token"])] if meta["bos_token"] else []) + enc(tok, text)
    marker = enc(tok, " \n\n\n\n")[-1]
    return ids, [i for i, t in enumerate(ids) if t == marker]


def chat_last(system=None, suffix=None):
    """Sequence classifiers: whole conversation, one position: the last token that is not
    padding."""

    def build(folder, config, case):
        tok, meta = load(folder)
        messages = ([{"role": "system", "content": system}] if system else []) + case["messages"]
        text = render(meta, messages + [{"role": "assistant", "content": answer(case)}])
        if meta["bos_token"] and text.startswith(
            meta["bos_token"]
        ):  # strip, then let the tokenizer add it
            text = text[len(meta["bos_token"]) :]
            ids = [tok.token_to_id(meta["bos_token"])] + enc(tok, text)
        else:
            ids = enc(tok, text)
        if suffix:
            ids = ids + [config[suffix]]
        last = len(ids) - 1
        if (
            "SequenceClassification" in config["architectures"][0]
            and config.get("pad_token_id") is not None
        ):
            last = max(i for i, t in enumerate(ids) if t != config["pad_token_id"])
        return ids, [last]

    return build


def openrlhf(folder, _config, case):
    """RewardDataset.__getitem__ of OpenRLHF 0.11: no newline at the end, EOS behind, the last id
    is EOS."""
    tok, meta = load(folder)
    if meta.get("chat_template"):
        text = render(meta, case["messages"] + [{"role": "assistant", "content": answer(case)}])
    else:
        text = question(case) + answer(case)
    text = text.rstrip("\n")
    if not text.endswith(meta["eos_token"]):
        text += " " + meta["eos_token"]
    ids = enc(tok, text)
    ids[-1] = tok.token_to_id(meta["eos_token"])
    return ids, [len(ids) - 1]


def seqcls(folder, config, case):
    """With a template as chat_last; without one as the RewardTrainer of TRL: EOS behind, and what
    the tokenizer adds."""
    tok, meta = load(folder)
    if meta.get("chat_template"):
        return chat_last()(folder, config, case)
    text = question(case) + answer(case)
    text += "" if text.endswith(meta["eos_token"]) else meta["eos_token"]
    ids = tok.encode(text).ids
    return ids, [max(i for i, t in enumerate(ids) if t != config.get("pad_token_id"))]


def minos(folder, _config, case):
    tok, _ = load(folder)
    steps = [s.removesuffix(" и") for s in case["steps"]]
    steps = [
        s if s.startswith(f"Step {k + 1}: ") else f"Step {k + 1}: {s}" for k, s in enumerate(steps)
    ]
    ids = tok.encode(
        f"Human: {question(case)}\n\nAssistant:" + "\n".join(s + " и" for s in steps)
    ).ids  # adds BOS
    marker = enc(tok, "и")[-1]
    return ids, [i for i, t in enumerate(ids) if t == marker]


def worldpm(folder, config, case):
    case = dict(
        case,
        messages=[{"role": "system", "content": ""}] + case["messages"]
        if case["messages"][0]["role"] != "system"
        else case["messages"],
    )
    return chat_last()(folder, config, case)


MATH_SYSTEM = "Please reason step by step, and put your final answer within \\boxed{}."
LAYOUTS = {
    "qwen2.5-math-prm": Layout("process", qwen_prm(MATH_SYSTEM)),
    "reasonflux-prm": Layout("process", qwen_prm(None)),
    "skywork-o1-prm": Layout("process", skywork),
    "rlhflow-prm-mistral": Layout("process", rlhflow),
    "rlhflow-prm-deepseek": Layout("process", rlhflow),
    "rlhflow-orm": Layout("outcome", rlhflow_orm),
    "math-shepherd": Layout("process", math_shepherd),
    "trl-prm": Layout("process", trl("\n")),
    "trl-prm-nlnl": Layout("process", trl("\n\n")),
    "pure-prm": Layout("process", trl("\n")),
    "versaprm-llama": Layout("process", versa),
    "versaprm-qwen": Layout("process", versa),
    "skywork-reward-v2": Layout("outcome", chat_last()),
    "seqcls": Layout("outcome", seqcls),
    "worldpm": Layout("outcome", worldpm),
    "math-minos": Layout("process", minos),
    "acemath-rm": Layout(
        "outcome",
        chat_last("Please reason step by step, and check your final answer within \\boxed{}."),
    ),
    "qwen2.5-math-rm": Layout("outcome", chat_last(MATH_SYSTEM)),
    "openrlhf": Layout("outcome", openrlhf),
    "verl-rm": Layout("outcome", chat_last()),
    "internlm2-reward": Layout("outcome", chat_last(suffix="reward_token_id")),
}
