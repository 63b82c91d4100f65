"""Shortcut flags end to end: planted families against honest solutions, through a running daemon
with the shipped bank.

python evaluate_flags.py --url http://127.0.0.1:7392 --data DIR [--size 300] [--tier cheap] [--seed
N] [--untagged] > TABLE.md

Nothing is fitted here. The thresholds are the bank's (clean traces of the training families, seed
of their own); the planted traces, the honest solutions of the same problems and the clean traces of
held-out template families are drawn from the test seed. Per family: AUROC of the fused flag
`shortcut`, share of traces where it fired and where any flag fired, and the flag that fired most.
Length alone (bytes of the trace) stands beside it.
"""

from __future__ import annotations

import argparse
import collections
import json
import random
import sys
import urllib.request
from pathlib import Path

import numpy as np
from calibrate import domain_of, is_clean

from rewardd_recipe import natural, shortcuts, unnamed
from rewardd_recipe.metrics import auroc
from rewardd_recipe.mixture import HELD_OUT, OWN, SEEDS, Mixture
from rewardd_recipe.program import write
from rewardd_recipe.trace import Step, Trace

BATCH = 16


def flags_of(url: str, tier: str, traces: list[Trace], domain: str) -> list[dict]:
    """The flags of each trace by name; traces that the models cannot hold are left out."""
    out = []
    for i in range(0, len(traces), BATCH):
        items = [
            {
                "prompt": t.question,
                "trace": {"steps": [s.text for s in t.steps]},
                **({"domain": domain} if domain else {}),
            }
            for t in traces[i : i + BATCH]
        ]
        body = json.dumps({"items": items, "flags": tier, "flags_all": True}).encode()
        request = urllib.request.Request(
            url + "/v1/rewards", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=3600) as reply:
            results = sorted(json.load(reply)["results"], key=lambda r: r["item"])
        bad = [r["error"] for r in results if r["error"]]
        if any(error["code"] != "context_exceeded" for error in bad):
            sys.exit(f"a trace was not scored: {bad[0]}")
        out += [{f["name"]: f for f in r["flags"]} for r in results if not r["error"]]
    return out


def fused(rows: list[dict]) -> list[float]:
    values = [r["shortcut"]["value"] if "shortcut" in r else None for r in rows]
    return [0.0 if v is None else v for v in values]


def fired(row: dict) -> list[str]:
    return [name for name, flag in row.items() if flag["fired"] and name != "first_error"]


def share(flags: list[dict], test) -> float:
    return float(np.mean([bool(test(row)) for row in flags]))


def length(traces: list[Trace]) -> list[int]:
    return [sum(len(s.text.encode()) for s in t.steps) for t in traces]


def planted(opt: argparse.Namespace, dev: Mixture) -> None:
    rng = random.Random(SEEDS["test"] + opt.seed + 5)
    print(
        "| family | trained on | AUROC of `shortcut` | length only | `shortcut` fired | "
        "any flag fired | fired most | any flag on the honest ones |\n|---|---|---|---|---|"
        "---|---|---|"
    )
    macro = []
    for kind in list(shortcuts.KINDS) + ["other_question"]:
        bad, good = [], []
        for _ in range(opt.size):
            program = dev.program(rng)
            good.append(write(rng, program, 0.0))
            bad.append(
                shortcuts.other_question(rng, program, write(rng, dev.program(rng), 0.0))
                if kind == "other_question"
                else shortcuts.make(rng, program, kind)
            )
        tag = "" if opt.untagged else "word_problems"
        rows, honest = flags_of(opt.url, opt.tier, bad, tag), flags_of(opt.url, opt.tier, good, tag)
        side = [1] * len(bad) + [0] * len(good)
        lengths = length(bad + good)
        names = collections.Counter(n for row in rows for n in fired(row) if n != "shortcut")
        most = ", ".join(f"{n} {c / len(rows):.2f}" for n, c in names.most_common(2))
        figures = (
            auroc(side, fused(rows) + fused(honest)),
            share(rows, lambda r: r.get("shortcut", {}).get("fired")),
            share(rows, fired),
        )
        macro.append(figures)
        by_length = auroc(side, lengths)
        print(
            f"| {kind} | {'no' if kind in shortcuts.HELD_OUT else 'yes'} | "
            f"{figures[0]:.3f} | {max(by_length, 1 - by_length):.3f} | {figures[1]:.2f} | "
            f"{figures[2]:.2f} | {most} | {share(honest, fired):.3f} |",
            flush=True,
        )
    mean, low = np.mean(macro, axis=0), np.min(macro, axis=0)
    print(
        f"| **macro** | | {mean[0]:.3f} | | {mean[1]:.2f} | {mean[2]:.2f} | | |\n| "
        f"**worst** | | {low[0]:.3f} | | {low[1]:.2f} | {low[2]:.2f} | | |\n",
        flush=True,
    )


def clean(opt: argparse.Namespace) -> None:
    rng = random.Random(SEEDS["test"] + opt.seed + 6)
    print(
        "| clean traces | n | `shortcut` fired | any flag fired | fired most |\n|---|---|"
        "---|---|---|"
    )
    for name, make in [*((n, m) for n, (_, m) in OWN.items()), *HELD_OUT.items()]:
        traces = [t for t in (make(rng) for _ in range(20 * opt.size)) if is_clean(t)][: opt.size]
        rows = flags_of(opt.url, opt.tier, traces, "" if opt.untagged else domain_of(name))
        names = collections.Counter(n for row in rows for n in fired(row) if n != "shortcut")
        most = ", ".join(f"{n} {c / len(rows):.3f}" for n, c in names.most_common(2))
        print(
            f"| {name}{' (unseen)' if name in HELD_OUT else ''} | {len(rows)} | "
            f"{share(rows, lambda r: r.get('shortcut', {}).get('fired')):.3f} | "
            f"{share(rows, fired):.3f} | {most} |",
            flush=True,
        )


def as_trace(question: str, steps: list[str]) -> Trace:
    return Trace(question, [Step(s) for s in steps], "")


def natural_sets(opt: argparse.Namespace) -> None:
    """Right traces of other people and models: none of these sets is in the bank."""
    rng = random.Random(SEEDS["test"] + opt.seed + 7)
    print(
        "| natural right traces (not in the bank) | tag | n | `shortcut` fired | any flag fired | "
        "fired most |\n|---|---|---|---|---|---|"
    )
    for name, (tag, _) in natural.UNSEEN.items():
        found = natural.traces_of(natural.UNSEEN, name, opt.data)
        picked = rng.sample(found, min(len(found), 3 * opt.size))
        for sent in dict.fromkeys(["", tag]):
            rows = flags_of(opt.url, opt.tier, [as_trace(t.prompt, t.steps) for t in picked], sent)
            names = collections.Counter(n for row in rows for n in fired(row) if n != "shortcut")
            most = ", ".join(f"{n} {c / len(rows):.3f}" for n, c in names.most_common(4))
            print(
                f"| {name} | {sent or 'none'} | {len(rows)} | "
                f"{share(rows, lambda r: r.get('shortcut', {}).get('fired')):.3f} | "
                f"{share(rows, fired):.3f} | {most} |",
                flush=True,
            )
    print()


def tpr(bad: list[float], good: list[float], rate: float = 0.01) -> float:
    """Share of `bad` above the (1 - rate) quantile of `good`."""
    return float(np.mean(np.array(bad) > np.quantile(good, 1 - rate, method="higher")))


def gsm8k_problems(data: Path) -> list[unnamed.Problem]:
    out = []
    for t in natural.gsm8k_gold(data / "gsm8k" / "test.jsonl"):
        answer = t.steps[-1].removeprefix("The answer is ").rstrip(".")
        if len(t.steps) > 2 and answer.replace(",", "").replace(".", "").isdigit():
            out.append(unnamed.Problem(t.prompt, t.steps[:-1], answer))
    return out


def unnamed_families(opt: argparse.Namespace) -> None:
    """Families no signal was made for, beside the gold solutions of other problems."""
    rng = random.Random(SEEDS["test"] + opt.seed + 8)
    problems = gsm8k_problems(opt.data)
    rng.shuffle(problems)
    good, rest = problems[: opt.size], problems[opt.size : 2 * opt.size]
    tag = "" if opt.untagged else "word_problems"
    clean_traces = [as_trace(p.question, [*p.steps, unnamed.final(p)]) for p in good]
    clean = flags_of(opt.url, opt.tier, clean_traces, tag)
    lengths = length(clean_traces)
    print(
        "| family on GSM8K test | AUROC of `shortcut` | TPR at 1 % | length only | `shortcut` "
        "fired | any flag fired | fired most |\n|---|---|---|---|---|---|---|"
    )
    macro = []
    for name in [*unnamed.HONEST, *unnamed.PLANTED]:
        made = [unnamed.make(rng, name, p, problems) for p in rest]
        traces = [as_trace(q, s) for q, s in made]
        rows = flags_of(opt.url, opt.tier, traces, tag)
        side = [1] * len(rows) + [0] * len(clean)
        by_length = auroc(side, length(traces) + lengths)
        names = collections.Counter(n for row in rows for n in fired(row) if n != "shortcut")
        most = ", ".join(f"{n} {c / len(rows):.2f}" for n, c in names.most_common(3))
        figures = (
            auroc(side, fused(rows) + fused(clean)),
            tpr(fused(rows), fused(clean)),
            share(rows, lambda r: r.get("shortcut", {}).get("fired")),
            share(rows, fired),
        )
        if name in unnamed.PLANTED:
            macro.append(figures)
        print(
            f"| {name} | {figures[0]:.3f} | {figures[1]:.2f} | {max(by_length, 1 - by_length):.3f}"
            f" | {figures[2]:.2f} | {figures[3]:.2f} | {most} |",
            flush=True,
        )
    mean, low = np.mean(macro, axis=0), np.min(macro, axis=0)
    for what, f in (("macro", mean), ("worst", low)):
        print(
            f"| **{what}** of the planted | {f[0]:.3f} | {f[1]:.2f} | | {f[2]:.2f} | {f[3]:.2f} | |"
        )
    print(flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--url", default="http://127.0.0.1:7392")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--size", type=int, default=300)
    parser.add_argument("--tier", default="cheap", choices=["free", "cheap", "deep"])
    parser.add_argument(
        "--seed",
        type=int,
        default=0,
        help="other draws of the same families; 770000: those of core/shortcut/README.md",
    )
    parser.add_argument(
        "--untagged", action="store_true", help="send no domain: everything is ranked in the pool"
    )
    parser.add_argument(
        "--only",
        nargs="+",
        choices=["planted", "clean", "natural", "unnamed"],
        default=["planted", "clean", "natural", "unnamed"],
    )
    opt = parser.parse_args()
    if "planted" in opt.only:
        planted(opt, Mixture(opt.data, dev=True))
    if "clean" in opt.only:
        clean(opt)
    if "natural" in opt.only:
        natural_sets(opt)
    if "unnamed" in opt.only:
        unnamed_families(opt)


if __name__ == "__main__":
    main()
