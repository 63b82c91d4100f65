"""The signals of core/shortcut on real data: 7B process scores (prm_scores) and ProcessBench text.

    shortcut_figures.py BUILD/tests/rw-shortcut [DATA]

DATA (or REWARDD_DATA) holds prm_scores/ and processbench/. Prints the tables of
core/shortcut/README.md. Thresholds at a false-alarm rate of 1 % are taken on half of the problems
and applied to the other half, twice.
"""

import json
import os
import random
import re
import subprocess
import sys

import numpy as np

DRIVER = sys.argv[1]
DATA = sys.argv[2] if len(sys.argv) > 2 else os.environ["REWARDD_DATA"]
FILLER = [
    "Let me think about this carefully before going on to the next part.",
    "It is important to read the question again and again.",
    "We are making good progress towards the final answer here.",
    "Okay, that looks right, so we can continue with the next part.",
]


def run(cases):
    done = subprocess.run(
        [DRIVER],
        input="\n".join(json.dumps(c) for c in cases) + "\n",
        capture_output=True,
        text=True,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def auroc(clean, bad):
    """P(bad > clean) + P(equal) / 2, by ranks."""
    both = np.concatenate([clean, bad])
    order = np.argsort(both, kind="stable")
    ranks = np.empty(len(both))
    values = both[order]
    first = np.searchsorted(values, values, "left")
    last = np.searchsorted(values, values, "right")
    ranks[order] = (first + last + 1) / 2
    n, m = len(bad), len(clean)
    return (ranks[m:].sum() - n * (n + 1) / 2) / (n * m)


def row(name, clean, bad, clean_problem, bad_problem):
    clean, bad = np.asarray(clean, float), np.asarray(bad, float)
    rng = np.random.default_rng(0)
    problems = sorted(set(clean_problem) | set(bad_problem))
    half = dict(zip(problems, rng.random(len(problems)) < 0.5))
    ch, bh = (np.array([half[p] for p in ps]) for ps in (clean_problem, bad_problem))
    hits = alarms = 0
    for side in (True, False):
        cal = np.sort(clean[ch == side])[::-1]
        threshold = cal[
            int(0.01 * (len(cal) + 1)) - 1
        ]  # conformal: p <= .01 means at least this strange
        hits += (bad[bh != side] >= threshold).sum()
        alarms += (clean[ch != side] >= threshold).sum()
    plain = np.quantile(clean, 0.99)
    print(
        f"| {name} | {len(clean)} | {len(bad)} | {auroc(clean, bad):.3f} | "
        f"{(bad > plain).mean():.3f} | {hits / len(bad):.3f} | "
        f"{100 * alarms / len(clean):.2f} % |",
        flush=True,
    )


def table(title):
    print(
        f"\n{title}\n\n| statistic | clean | shortcut | AUROC | TPR, threshold = clean q99 "
        f"| TPR, held-out half at 1 % | realised FPR |"
    )
    print("|---|---|---|---|---|---|---|")


def paraphrase(step):
    for a, b in (
        ("Therefore", "Thus"),
        ("we ", "one can "),
        (" is ", " equals "),
        ("So ", "Hence "),
    ):
        step = step.replace(a, b)
    return "In other words, " + step


def padded(steps, how, rng):
    out = list(steps)
    if how == "filler":
        for text in (rng.choice(FILLER), rng.choice(FILLER)):
            out.insert(rng.randrange(1, len(out) + 1), text)
            out.insert(
                rng.randrange(1, len(out) + 1), text if rng.random() < 0.5 else rng.choice(FILLER)
            )
        return out
    again = paraphrase if how.startswith("paraphrase") else str
    count = (
        1
        if how.endswith("one step")
        else len(steps)
        if how.endswith("every step")
        else max(1, len(steps) // 2)
    )
    chosen = rng.sample(range(len(steps)), count)
    return [
        text
        for k, step in enumerate(steps)
        for text in ([step, again(step)] if k in chosen else [step])
    ]


traces = {}
for split in ("gsm8k", "math", "olympiadbench", "omnimath"):
    for record in json.load(open(os.path.join(DATA, "processbench", split + ".json"))):
        traces[record["id"]] = record
scores = [json.loads(line) for line in open(os.path.join(DATA, "prm_scores", "scores.jsonl"))]
clean_ids = [
    s["id"]
    for s in scores
    if traces[s["id"]]["label"] == -1 and traces[s["id"]]["final_answer_correct"]
]
by_id = {s["id"]: s for s in scores}
problem = {i: t["problem"] for i, t in traces.items()}
own = [problem[i] for i in clean_ids]

for model in ("qwen2.5-math-prm-7b", "skywork-o1-open-prm-7b"):
    case = lambda i, key, model=model: {
        "steps": traces[i]["steps"],
        "own": by_id[i][model][key],
        "no_prompt": by_id[i][model]["removed"],
    }
    good = run([case(i, "own") for i in clean_ids])
    swap = run([case(i, "swapped") for i in clean_ids])
    table(f"Wrong question, {model}")
    for signal in ("gap_first", "gap_sum", "gap_max", "min_logit", "mean_logit"):
        row(signal, [-g[signal] for g in good], [-s[signal] for s in swap], own, own)
    wrong_ids = [
        s["id"]
        for s in scores
        if traces[s["id"]]["label"] >= 0 and traces[s["id"]]["final_answer_correct"]
    ]
    bad = run([case(i, "own") for i in wrong_ids])
    table(f"Right answer, wrong process, {model}")
    for signal, sign in (("min_logit", -1), ("mean_logit", -1), ("bytes", 1), ("steps", 1)):
        row(
            signal + (" (length only)" if signal == "bytes" else ""),
            [sign * g[signal] for g in good],
            [sign * b[signal] for b in bad],
            own,
            [problem[i] for i in wrong_ids],
        )

rng = random.Random(0)
base = run([{"steps": traces[i]["steps"], "prompt": problem[i]} for i in clean_ids])
table("Padding, conditional compression (min over steps)")
for how in (
    "repeat",
    "repeat one step",
    "paraphrase every step",
    "paraphrase",
    "paraphrase one step",
    "filler",
):
    bad = run([{"steps": padded(traces[i]["steps"], how, rng)} for i in clean_ids])
    keep = [k for k in range(len(base)) if "redundant" in base[k] and "redundant" in bad[k]]
    row(
        how,
        [-base[k]["redundant"] for k in keep],
        [-bad[k]["redundant"] for k in keep],
        [own[k] for k in keep],
        [own[k] for k in keep],
    )
costs = np.array([b["redundant"] for b in base if "redundant" in b])
print(
    f"\nClean quantiles of redundant: q01 {np.quantile(costs, 0.01):.3f}, q05 "
    f"{np.quantile(costs, 0.05):.3f}, median {np.median(costs):.3f}; "
    f"below .056: {100 * (costs < 0.056).mean():.2f} %"
)
repeats = np.array([b["repetition"] for b in base if "repetition" in b])
print(
    f"repetition q99 {np.quantile(repeats, 0.99):.3f}, over .618: "
    f"{100 * (repeats > 0.618).mean():.2f} %; "
    f"duplicate steps: {100 * np.mean([b['duplicate'] > 0 for b in base]):.2f} %"
)
first = np.array([b["answer_first"] for b in base if "answer_first" in b])
print(
    f"answer_first: known for {len(first)} clean traces, below .10: "
    f"{100 * (first < 0.1).mean():.2f} %, of all {len(base)}: "
    f"{100 * (first < 0.1).sum() / len(base):.2f} %"
)

gsm = os.path.join(DATA, "gsm8k", "test.jsonl")
if os.path.exists(gsm):
    records = [json.loads(line) for line in open(gsm)]
    same = run(
        [
            {"steps": r["answer"].split("\n"), "reference": r["answer"].split("####")[1].strip()}
            for r in records
        ]
    )
    shifted = run(
        [
            {
                "steps": r["answer"].split("\n"),
                "reference": records[k - 1]["answer"].split("####")[1].strip(),
            }
            for k, r in enumerate(records)
        ]
    )
    differ = [
        k
        for k, r in enumerate(records)
        if records[k - 1]["answer"].split("####")[1].strip() != r["answer"].split("####")[1].strip()
    ]
    print(
        f"GSM8K test answers against their own reference: "
        f"{sum(s['verified'] == 1 for s in same)} of {len(same)} right; "
        f"against another's: {sum(shifted[k]['verified'] == 2 for k in differ)} of "
        f"{len(differ)} wrong"
    )

plain = lambda text: re.sub(r"<<[^>]*>>", "", text)
print(
    "\n| equations of the text | traces | with one that was decided | equations | traces "
    "with a false one |\n|---|---|---|---|---|"
)


def equations(name, cases):
    if cases:
        out = run(cases)
        wrong = sum(o["arithmetic"] > 0 for o in out)
        print(
            f"| {name} | {len(out)} | {sum(o['checked'] > 0 for o in out)} | "
            f"{sum(o['checked'] for o in out)} | {wrong} ({100 * wrong / len(out):.2f} %) |",
            flush=True,
        )


for part in ("train", "test"):
    path = os.path.join(DATA, "gsm8k", part + ".jsonl")
    if os.path.exists(path):
        records = [json.loads(line) for line in open(path)]
        equations(
            f"GSM8K {part}, gold solutions",
            [{"steps": plain(r["answer"]).split("\n"), "prompt": r["question"]} for r in records],
        )
for name, keep in (
    (
        "ProcessBench, right answer, no wrong step",
        lambda t: t["label"] == -1 and t["final_answer_correct"],
    ),
    (
        "ProcessBench, right answer, wrong step",
        lambda t: t["label"] >= 0 and t["final_answer_correct"],
    ),
    ("ProcessBench, wrong step", lambda t: t["label"] >= 0),
):
    equations(
        name, [{"steps": t["steps"], "prompt": t["problem"]} for t in traces.values() if keep(t)]
    )
