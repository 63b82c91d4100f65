"""The figures of the run monitor in core/run/README.md, from its C code through rw-run.

    REWARDD_BUILD=build REWARDD_DATA=../shared/data python tests/bench/run_figures.py [--runs 1000]

Real scores: Qwen2.5-Math-PRM-7B on the ProcessBench traces (prm_scores). A clean run draws problems
at random from one pool for as long as it lasts; nothing changes, so every alarm is a false one."""

import argparse
import json
import os
import sys
import time
import zlib
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "oracle"))
import run_reference as ref
import run_stories

DATA = Path(os.environ.get("REWARDD_DATA") or Path(__file__).parents[2] / "../shared/data")
WARM = 50  # --runs-warm
ALARM = {"prompt_gap": np.log(556), "min_logit": np.log(833)}  # log capital; run_change.c


def logit(p):
    p = np.clip(p, 1 / 512, 511 / 512)
    return np.log(p / (1 - p))


def redundancy(steps):
    """min over t >= 2 of (|z(prev + s)| - |z(prev)|) / |s|, zlib level 6, as in the signals."""
    least, past, size = np.nan, b"", len(zlib.compress(b"", 6))
    for step in steps:
        raw = step.encode()
        now = len(zlib.compress(past + raw, 6))
        if past and len(raw) >= 16:
            least = np.fmin(least, (now - size) / len(raw))
        past, size = past + raw, now
    return least


def surface(steps):
    text = "\n".join(steps)
    n = max(len(text), 1)
    words = text.split()[:1024] or [""]
    share = lambda f: sum(map(f, text)) / n
    return [
        np.log1p(len(steps)),
        np.log1p(n),
        np.log1p(n / len(steps)),
        max(map(len, steps)) / n,
        share(str.isdigit),
        share(str.isalpha),
        share(str.isspace),
        share(lambda c: c in "\\$*#_`{}"),
        np.log1p(text.count("=") / len(steps)),
        len(set(words)) / len(words),
    ]


def text_feature(steps, projection):
    """Hashed character trigrams, projected: crude, but a real text geometry."""
    text = " ".join(steps)
    count = np.zeros(len(projection))
    for i in range(0, len(text) - 2):
        count[zlib.crc32(text[i : i + 3].encode()) % len(projection)] += 1
    return np.sqrt(count) @ projection


def load():
    rng = np.random.default_rng(0)
    projection = rng.choice([-1, 1], (4096, ref.FEATURES)) / 8
    traces = {}
    for name in ("gsm8k", "math", "olympiadbench", "omnimath"):
        for t in json.loads((DATA / "processbench" / f"{name}.json").read_text()):
            traces[t["id"]] = t
    rows, swapped, clean, wrong_process = [], [], [], []
    for line in open(DATA / "prm_scores" / "scores.jsonl", encoding="utf-8"):
        r = json.loads(line)
        t, q = traces[r["id"]], r["qwen2.5-math-prm-7b"]
        if not q["own"]:
            continue
        n = min(len(q[k]) for k in ("own", "removed", "swapped"))
        own, removed, swap = (logit(np.array(q[k][:n])) for k in ("own", "removed", "swapped"))
        form = lambda g: g[:2].mean() + g.mean()
        row = np.full(ref.ROW, np.nan)
        row[ref.PROCESS] = min(q["own"])
        row[ref.OUTCOME] = q["own"][-1]
        row[ref.VERIFIED] = t["final_answer_correct"]
        row[ref.STEPS] = len(t["steps"])
        row[ref.BYTES] = sum(len(s.encode()) for s in t["steps"])
        row[ref.SCORE] = form(own - removed)
        row[ref.SCORE + 1] = logit(np.array(q["own"])).min()
        row[ref.SCORE + 2] = redundancy(t["steps"])
        feature = text_feature(t["steps"], projection)
        row[ref.SURFACE_AT : ref.FEATURES_AT] = surface(t["steps"])
        row[ref.FEATURES_AT : ref.PROMPT_X_AT] = feature
        rows.append(row)
        swapped.append(form(swap - removed))
        clean.append(t["label"] == -1 and t["final_answer_correct"])
        wrong_process.append(t["label"] != -1 and t["final_answer_correct"])
    rows = np.array(rows)
    x = rows[:, ref.FEATURES_AT : ref.PROMPT_X_AT]
    center = x - x.mean(0)
    # No bank here: distance to the pool's mean stands for the latent outlier score.
    inverse = np.linalg.inv(np.cov(center, rowvar=False) + 1e-6 * np.eye(x.shape[1]))
    rows[:, ref.SCORE + 3] = -np.einsum("ij,jk,ik->i", center, inverse, center)
    return rows, np.array(swapped), np.array(clean), np.array(wrong_process)


def as_run(pool, pick, rng, group=1, per_step=128):
    r = pool[pick].copy()
    n = len(r)
    i = np.arange(n)
    r[:, ref.PROMPT] = i // group
    r[:, ref.TRACE] = rng.integers(1, 2**40, n)
    r[:, ref.STEP] = i // per_step
    r[:, ref.SAMPLE] = i % per_step
    r[:, ref.GROUP] = group
    r[:, ref.ITEM] = r[:, ref.VALIDATE] = 0
    r[:, ref.HAS_FEATURES] = 1
    r[:, ref.PROMPT_X_AT : ref.PROMPT_X_AT + ref.PROMPTS] = rng.standard_normal((n, ref.PROMPTS))
    r[:, ref.FLAGS] = np.where(rng.random(n) < 0.04, 1 << rng.integers(0, 8, n), 0)
    r[:, ref.ANSWER] = r[:, ref.TRACE]
    return r


def false_alarms(driver, name, make, runs, window):
    rang, by_rule = 0, {}
    for k in range(runs):
        rows = make(np.random.default_rng(1000 + k))
        out = driver(
            f"run clean-{name.split()[0].strip(chr(44))}-{k} {window} {WARM} 256 {len(rows)}", rows
        )
        alarms = [o["alarm"] for o in out if "alarm" in o]
        rang += bool(alarms)
        for a in alarms:
            by_rule[a] = by_rule.get(a, 0) + 1
    print(
        f"| {name} | {runs} | {len(rows)} | {window} | {rang} ({rang / runs:.2%}) | "
        f"{', '.join(f'{k} {v}' for k, v in by_rule.items()) or '-'} |",
        flush=True,
    )


def delays(driver, runs, score, good, bad, rate, start, length, replace):
    out = []
    for k in range(runs):
        rng = np.random.default_rng(50000 + k)
        x = rng.choice(good, WARM + start + length, replace=replace)
        i = np.arange(len(x))
        hit = (rng.random(len(x)) < rate) & (i >= WARM + start)
        x[hit] = rng.choice(bad, hit.sum())
        (m,) = driver(f"martingale {k} {WARM} {len(x)}", x)
        capital = np.array(m["log_capital"])
        over = np.nonzero(capital >= ALARM[score])[0]
        first = over[0] if len(over) else np.inf
        out.append(first - start + 1 if first >= start else -1)
    out = np.array(out)
    late = out[out >= 0] if (out >= 0).any() else np.array([np.inf])
    print(
        f"| {score} | {rate:.0%} | {start} | {runs} | {np.mean(out == -1):.1%} | "
        f"{np.mean(np.isfinite(out) & (out >= 0)):.1%} | {np.median(late):.0f} |",
        flush=True,
    )


def coverage_section(driver, rows):
    rng = np.random.default_rng(4)
    x = rows[:, ref.FEATURES_AT : ref.PROMPT_X_AT]
    x = x / np.linalg.norm(x, axis=1, keepdims=True)
    order = rng.permutation(len(x))
    b, rest = x[order[:1024]], x[order[1024:]]

    def eta(w):
        (o,) = driver(
            f"coverage {len(b)} {len(w)} {ref.FEATURES}",
            np.arange(len(b)),
            b,
            np.arange(len(w)) + 1e6,
            w,
        )
        return o["eta_bar"], o["r95"]

    print("\n| window | eta_bar +- error | r95 |\n|---|---|---|")
    few = rest[:128]
    copies = np.repeat(few, 8, 0)
    jitter = copies + rng.normal(0, 1e-3, copies.shape)
    for name, w in (
        ("1024 traces of the same pool", rest[:1024]),
        ("128 traces", few),
        ("the 128, eight times each", copies),
        ("the same with noise of 0.001 per dimension", jitter),
        ("512 traces", rest[:512]),
    ):
        (value, error), r95 = eta(w)
        print(f"| {name} | {value:.4f} +- {error:.4f} | {r95:.3f} |")
    scale = np.arange(1, 129) ** -0.25
    print("\n| participation ratio, true 82.8 | plain | corrected |\n|---|---|---|")
    for n in (32, 128, 1024):
        plain, good = [], []
        for _ in range(100):
            y = rng.standard_normal((n, 128)) * scale
            s = np.cov(y, rowvar=False)
            plain.append(np.trace(s) ** 2 / (s * s).sum())
            good.append(driver(f"participation {n} 128", np.arange(n), y)[0]["participation"][0])
        print(f"| n = {n} | {np.mean(plain):.1f} | {np.mean(good):.1f} +- {np.std(good):.1f} |")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--delays", type=int, default=400)
    parser.add_argument("--stories", type=int, default=40)
    options = parser.parse_args()
    driver = ref.Driver()
    rows, swapped, clean, wrong_process = load()
    begin = time.time()
    print(
        f"{len(rows)} traces, {clean.sum()} clean, {wrong_process.sum()} right answer by a wrong "
        "process\n"
    )
    print("| clean runs | runs | traces each | window | with any alarm | rules |")
    print("|---|---|---|---|---|---|")

    def real(rng):
        return as_run(rows, rng.integers(0, len(rows), 2560), rng)

    def uniform(rng):  # groups of eight with a shared difficulty
        return ref.rows(
            4096, rng, group=8, per_step=512, features=rng.standard_normal((4096, ref.FEATURES))
        )

    false_alarms(driver, "real scores", real, options.runs, 512)
    false_alarms(driver, "random, groups of 8", uniform, options.runs, 1024)
    print("\n| score | contaminated | clean before | runs | alarm before | found | median delay |")
    print("|---|---|---|---|---|---|---|")
    gap, low = rows[clean, ref.SCORE], rows[clean, ref.SCORE + 1]
    natural = rows[wrong_process, ref.SCORE + 1]
    for score, good, bad in (("prompt_gap", gap, swapped[clean]), ("min_logit", low, natural)):
        for rate in (0, 0.1, 0.2, 0.5):
            delays(driver, options.delays, score, good, bad, rate, 350, 779, False)
        for start in (1000, 5000):
            for rate in (0.1, 0.2):
                delays(driver, options.delays // 4, score, good, bad, rate, start, 2000, True)
    coverage_section(driver, rows)
    run_stories.tell(driver, options.stories)
    print(f"\n{time.time() - begin:.0f} s")
    driver.close()


if __name__ == "__main__":
    main()
