"""core/shortcut against implementations no one here wrote: zlib of Python, scikit-learn, numpy."""

import json
import os
import random
import re
import subprocess
import zlib
from fractions import Fraction
from pathlib import Path

import pytest

np = pytest.importorskip("numpy")
BUILD = Path(os.environ.get("REWARDD_BUILD", Path(__file__).resolve().parents[2] / "build"))
DRIVER = os.environ.get("RW_SHORTCUT", str(BUILD / "tests" / "rw-shortcut"))
pytestmark = pytest.mark.skipif(not os.path.exists(DRIVER), reason="rw-shortcut is not built")


def run(*cases):
    done = subprocess.run(
        [DRIVER],
        input="".join(json.dumps(c) + "\n" for c in cases),
        capture_output=True,
        text=True,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def words(rng, n):
    return " ".join(
        rng.choice(["so", "add", "the", "12", "7", "books", "cost", "=", "+", "é", "total"], n)
    )


def conditional(steps):
    """The definition, word for word: every prefix compressed anew."""
    size = lambda text: len(zlib.compress(text.encode(), 6))
    out, past = [], None
    for step in steps:
        cost = None
        if past is not None and len(step.encode()) >= 16:
            cost = (size(past + "\n" + step) - size(past)) / len(step.encode())
        out.append(cost)
        if step:
            past = step if past is None else past + "\n" + step
    return out


def test_conditional_compression():
    rng = np.random.default_rng(0)
    cases = [
        [words(rng, rng.integers(0, 60)) for _ in range(rng.integers(1, 40))] for _ in range(100)
    ]
    cases += [
        [words(rng, 4000) for _ in range(6)],
        ["x" * 40000, "y" * 100, "x" * 40000],
        ["", "a", "", words(rng, 50)],
        [bytes(rng.integers(32, 127, 30000).astype("uint8")).decode() for _ in range(3)],
    ]
    for steps, got in zip(cases, run(*({"steps": s} for s in cases))):
        assert got["costs"] == conditional(steps)


def test_repetition_and_gap():
    rng = np.random.default_rng(1)
    logit = lambda p: np.log(np.clip(p, 1 / 512, 511 / 512) / (1 - np.clip(p, 1 / 512, 511 / 512)))
    for _ in range(100):
        n = int(rng.integers(1, 12))
        steps = [words(rng, 20) for _ in range(n)]
        own, bare = (np.float32(rng.random(n)) ** 4 for _ in range(2))
        got = run(
            {"steps": steps, "own": [float(x) for x in own], "no_prompt": [float(x) for x in bare]}
        )[0]
        gap = logit(own.astype(float)) - logit(bare.astype(float))
        assert got["gap_first"] == pytest.approx(gap[:2].mean(), abs=1e-9)
        assert got["gap_sum"] == pytest.approx(gap[0] + gap.mean(), abs=1e-9)
        assert got["gap_max"] == pytest.approx(gap.max(), abs=1e-9)
        tokens = " ".join(steps).split()
        grams = [tuple(tokens[i : i + 4]) for i in range(len(tokens) - 3)]
        assert got["repetition"] == pytest.approx(1 - len(set(grams)) / len(grams), abs=1e-12)


def test_shrunk_covariance_and_distance():
    covariance = pytest.importorskip("sklearn.covariance")
    rng = np.random.default_rng(2)
    for n, d in ((20, 8), (200, 64), (50, 64), (4, 3)):
        x = (rng.standard_normal((n, d)) @ rng.standard_normal((d, d))).astype("float32")
        z = rng.standard_normal(d).astype("float32")
        got = run({"rows": [float(v) for v in x.ravel()], "z": [float(v) for v in z]})[0]
        want, shrinkage = covariance.ledoit_wolf(x.astype(float))
        assert got["shrinkage"] == pytest.approx(shrinkage, abs=1e-9)
        assert np.allclose(np.array(got["covariance"]).reshape(d, d), want, rtol=1e-9, atol=1e-9)
        diff = z.astype(float) - x.astype(float).mean(0)
        assert got["d2"] == pytest.approx(diff @ np.linalg.solve(want, diff), rel=1e-6)


class Latent:
    """Mean, shrunk covariance and at most 512 neighbours of features [n, 64]."""

    def __init__(self, x):
        x = x.astype(float)
        self.mean, self.cov = x.mean(0), pytest.importorskip("sklearn.covariance").ledoit_wolf(x)[0]
        near = x[np.arange(min(len(x), 512)) * len(x) // min(len(x), 512)]
        self.near = near / np.linalg.norm(near, axis=1, keepdims=True)

    def largest(self, x):
        z = x.astype(float) - self.mean
        unit = x / np.linalg.norm(x, axis=1, keepdims=True)
        far = np.sort(np.linalg.norm(unit[:, None] - self.near[None], axis=2), axis=1)[
            :, min(10, len(self.near)) - 1
        ]
        return (z * np.linalg.solve(self.cov, z.T).T).sum(1).max(), far.max()


def left_out(traces, tag, i):
    """Indices of the traces of the tag whose statistics rank trace i: without its group, or without
    its fold."""
    of_tag = [k for k, t in enumerate(traces) if not tag or t["domain"] == tag]
    group = traces[i]["group"]
    others = [k for k in of_tag if traces[k]["group"] != group]
    if group and sum(len(traces[k]["x"]) for k in others) >= 20 * 64:
        return others
    return [k for k in of_tag if traces[k]["group"] != group or k % 5 != i % 5]


def test_latent_distances_are_those_of_a_group_that_was_not_seen():
    rng = np.random.default_rng(12)
    traces = []
    for _ in range(480):
        domain = ["math", "math", "math", "code", "few"][int(rng.integers(0, 5))]
        group = {"math": ["", "one", "two"], "code": ["", "one"], "few": ["", "three"]}[domain][
            int(rng.integers(0, 100)) % (2 if domain != "math" else 3)
        ]
        x = rng.standard_normal((int(rng.integers(1, 13)), 64)) + (group != "") * (
            2 + len(group)
        ) * (np.arange(64) % 7 == len(group))
        traces.append({"domain": domain, "group": group, "x": x.astype("float32")})
    bank = run(
        {
            "traces": [
                {
                    "domain": t["domain"],
                    "group": t["group"],
                    "features": [float(v) for v in t["x"].ravel()],
                }
                for t in traces
            ]
        }
    )[0]
    own = {latent["tag"] for latent in bank["latent"]}
    assert own == {"", "math"}, "code and few have too few features for statistics of their own"
    for latent in bank["latent"]:
        want = Latent(
            np.concatenate([t["x"] for t in traces if latent["tag"] in ("", t["domain"])])
        )
        assert np.allclose(latent["mean"], want.mean, atol=1e-9)
        factor = np.zeros((64, 64))
        factor[np.tril_indices(64)] = latent["factor"]
        assert np.allclose(factor @ factor.T, want.cov, rtol=1e-8, atol=1e-9)
    for domain in bank["domains"]:
        tag = domain["tag"]
        rows = [
            i
            for i, t in enumerate(traces)
            if tag in ("", t["domain"]) and t["group"] == domain["group"]
        ]
        parts = {}
        for i in rows:
            parts.setdefault(tuple(left_out(traces, tag if tag in own else "", i)), []).append(i)
        want = []
        for fitted, inside in parts.items():
            latent = Latent(np.concatenate([traces[k]["x"] for k in fitted]))
            want += [latent.largest(traces[i]["x"]) for i in inside]
        got = domain["bins"][0]["signals"]
        for k, name in enumerate(("latent_d2", "latent_knn")):
            assert np.allclose(got[name], np.sort([w[k] for w in want]), rtol=1e-4), (
                tag,
                domain["group"],
                name,
            )


SIGNS = {
    "+": ["+"],
    "-": ["-", "\u2212"],
    "*": ["*", "x", "\u00d7", "\\times", "\\cdot"],
    "/": ["/", "\u00f7", "\\div"],
}


def expression(rng, depth=2):
    """A random sum as (text, exact value); None where it divides by zero."""
    if depth == 0 or rng.random() < 0.3:
        n = rng.randint(1, 400)
        return rng.choice(
            [
                (str(n), Fraction(n)),
                (f"${n}", Fraction(n)),
                (f"{n * 1000:,}", Fraction(n * 1000)),
                (f"{n / 4}", Fraction(n, 4)),
                (rf"\frac{{{n}}}{{8}}", Fraction(n, 8)),
            ]
        )
    (a, x), (b, y) = expression(rng, depth - 1), expression(rng, depth - 1)
    op = rng.choice("+-*/")
    if x is None or y is None or (op == "/" and y == 0):
        return "0", None
    value = {"+": x + y, "-": x - y, "*": x * y, "/": x / y if y else x}[op]
    return f"({a}) {rng.choice(SIGNS[op])} ({b})", value


def shown(value):
    """As a decimal, cut or rounded, and how far from it a number is another one."""
    digits = 2 if value.denominator > 1 else 0
    return (f"{float(value):.{digits}f}" if digits else str(value.numerator)), Fraction(
        1, 10**digits
    )


def test_equations_are_decided_by_exact_arithmetic():
    rng, cases, want = random.Random(7), [], []
    while len(cases) < 2000:
        text, value = expression(rng)
        if (
            value is None
            or "(" not in text
            or abs(value) > 10**9
            or value.denominator > 10**6
            or abs(value) < 1
        ):
            continue
        number, unit = shown(value)
        off = rng.choice([0, 0, 1, -1]) * rng.choice([1, 7]) * unit * (2 if unit < 1 else 1)
        said = Fraction(number) + off
        said_text = f"{float(said):.2f}" if unit < 1 else str(said)
        cases.append(
            {
                "steps": [
                    rng.choice(["", "So we get ", "The total is ", "\\[ "])
                    + f"{text} = {said_text}"
                    + rng.choice(["", ".", " apples.", " \\]"])
                ]
            }
        )
        want.append(off != 0)
    for case, false, got in zip(cases, want, run(*cases)):
        assert got["checked"] == 1 and (got["arithmetic"] > 0) == false, (case, got)


TRUE_OR_NOTHING = [
    "20% of 50 = 10",
    "50 * 20% = 10",
    "3 x $4 = $12",
    "1/3 = 0.33",
    "10 / 3 = 3",
    "10/3 = 4",
    "5/20 = 25%",
    "5/20*100 = 25%",
    "2 1/2 + 3 = 5.5",
    "5 * 4 = 20 / 2 = 10",
    "2x + 3 = 13",
    "4a + 1 = 9",
    "after week 1 = 19 + 4 = 23",
    "23 + 4 = 3 (mod 24)",
    "8 feet + 2 inches = 98 inches",
    "2 * 30 minutes = 1 hour",
    "3 * 25 cents = $0.75",
    "the 3 (4 + 5 = 9)",
    "5! = 120",
    "2^3 + 1 = 9",
    "f(2) = 3 + 4 = 7",
    "1. 2 + 3 = 5",
    "- 2 + 3 = 5",
    "x = 40/4 = 10",
    "24 / 4 / 2 = 12",
    "3:4 = 6:8",
    "11 + 3 = 2 pm",
    "12 = 3 + 4 + 5",
    "half of 10 + 4 = 9",
    "2 times 3 + 4 = 10",
    "17 + 5 \u2248 20",
    "3 + 4 \u2260 8",
    "3 million / 2 = 1,500,000",
    "**8 + 3 = 11**",
    "48/2 = <<48/2=24>>24",
    "7 - 3 = 4 - 1 = 3",
    "A + 3 = 5",
    "100% - 20% = 80%",
    "16,0000/10=16000",
    "1/0 = 5",
    "99999999999999999999 + 1 = 3",
    "9" * 15 + " * " + "9" * 15 + " = 5",
]
FALSE = [
    "3 + 4 = 8",
    "17 muffins * 3 = 54 muffins",
    "$189 \\times 5 \\div 100 = 945 \\div 100 = $9.55",
    "so 2 * (3 + 4) = 15.",
    "= 8 * 12 = 46 inches",
    "10 / 4 = 2.6",
    "1/3 = 0.35",
    "\\( 3 + 4 = \\boxed{8} \\)",
    "\\frac{1}{2} + \\frac{1}{2} = 2",
    "1,000 + 1 = 1,002",
    "4x = 40 / 4 = 11",
    "2(3 + 4) = 15",
    "5 - 8 = 3",
]


def test_what_is_and_what_is_no_false_equation():
    for text, got in zip(TRUE_OR_NOTHING, run(*({"steps": [text]} for text in TRUE_OR_NOTHING))):
        assert got["arithmetic"] == 0, text
    for text, got in zip(FALSE, run(*({"steps": ["So.", text]} for text in FALSE))):
        assert got["arithmetic"] == 1 and got["false"][0] == 1, text
        assert "=" in text.encode()[got["false"][1] : got["false"][2]].decode(), text


def test_equations_in_any_text():
    """Long, hostile and foreign text: an answer, in time that grows with the bytes."""
    rng = random.Random(8)
    pieces = [
        "=",
        "(",
        ")",
        "+",
        "-",
        "12",
        "x",
        "\\frac{",
        "{",
        "}",
        "%",
        " ",
        "\n",
        "\u00d7",
        "\u0645",
        "\u4e2d",
        "$",
        "\\",
        ".",
        ",",
        "apples",
        "9" * 30,
    ]
    cases = [
        {"steps": ["".join(rng.choice(pieces) for _ in range(rng.randint(1, 400)))]}
        for _ in range(500)
    ]
    cases += [
        {"steps": ["(" * 50000]},
        {"steps": ["1+" * 50000 + "1=3"]},
        {"steps": ["1=" * 50000]},
        {"steps": ["1 + 1 = 2. " * 10000]},
        {"steps": ["\\frac{1" * 10000]},
    ]
    out = run(*cases)
    assert len(out) == len(cases) and out[-2]["arithmetic"] == 0 and out[-2]["checked"] == 10000


def rank_in(group, v, total):
    """p and rarity of one group, as core/shortcut/bank.h says it; total: values of all groups."""
    group = np.sort(np.float32(group)).astype(float)
    n = len(group)
    p = (1 + (group >= v).sum()) / (n + 1)
    rarity = -np.log10(p if (group >= v).any() else 1 / (total + 1))
    tail = group[(n - 1) * 95 // 100]
    excess = group[group > tail] - tail
    if len(excess) >= 4 and v > tail:
        rarity = max(rarity, -np.log10(len(excess) / n) + (v - tail) / excess.mean() / np.log(10))
    return p, min(rarity, 8), n


def test_rank_and_rarity_over_groups():
    rng = np.random.default_rng(9)
    for round in range(20):
        groups = [
            np.float32(rng.gamma(rng.integers(1, 5), 1, rng.integers(99, 900)) + rng.random())
            for _ in range(rng.integers(1, 5))
        ]
        if round % 2:
            groups[0] = np.zeros(300, "float32")  # nothing to fit a tail to
            groups.append(np.float32(rng.random(50) + 100))  # too small to count
        values = [
            float(np.float32(v))
            for v in np.concatenate([rng.gamma(2, 2, 60), [0, 1e3, float(groups[0][7])]])
        ]
        got = run({"groups": [[float(v) for v in g] for g in groups], "values": values})[0]["ranks"]
        total = sum(len(g) for g in groups if len(g) >= 99)
        for v, (p, rarity, n) in zip(values, got):
            each = [rank_in(g, v, total) for g in groups if len(g) >= 99]
            assert p == pytest.approx(max(e[0] for e in each), abs=1e-12)
            assert rarity == pytest.approx(min(e[1] for e in each), abs=1e-5)
            assert any(e[0] == pytest.approx(p, abs=1e-12) and e[2] == n for e in each)


def test_distances_are_ranked_as_of_a_group_that_is_not_there():
    """Divided by the prediction limit of a new group's 99 % quantile over the largest one; the
    first group has no name."""
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(10)
    widened = 0
    for round in range(30):
        named = int(rng.integers(0, 11))
        groups = [
            np.float32(rng.gamma(30, 3 * np.exp(rng.normal(0, 0.3)), rng.integers(99, 399)))
            for _ in range(1 + named)
        ]
        if round % 3 == 0:
            groups.append(np.float32(rng.random(50) + 1e4))  # too small to count
        values = [
            float(np.float32(v))
            for v in np.concatenate([rng.gamma(30, 4, 40), rng.uniform(100, 2000, 40), [0]])
        ]
        got = run(
            {"groups": [[float(v) for v in g] for g in groups], "values": values, "distances": True}
        )[0]["ranks"]
        total = sum(len(g) for g in groups if len(g) >= 99)
        high = [np.sort(g)[(len(g) - 1) * 99 // 100] for g in groups if len(g) >= 99]
        wider = 1.0
        if named >= 2:
            logs = np.log(np.float64(high[1:]))
            limit = np.exp(
                logs.mean()
                + stats.t.ppf(0.95, named - 1) * logs.std(ddof=1) * np.sqrt(1 + 1 / named)
            )
            wider = max(1.0, limit / max(high))
        widened += wider > 1
        for v, (p, rarity, _n) in zip(values, got):
            each = [rank_in(g, v, total) for g in groups if len(g) >= 99]
            near = [
                max(rank_in(g, v / wider * (1 + e), total)[0] for g in groups if len(g) >= 99)
                for e in (5e-4, -5e-4)
            ]
            assert near[0] - 1e-12 <= p <= near[1] + 1e-12  # the table has four digits
            assert rarity == pytest.approx(min(e[1] for e in each), abs=1e-5)
    assert widened > 10


def test_numbers_from_nowhere():
    rng, cases, want = random.Random(11), [], []
    for _ in range(500):
        given = rng.sample(range(401, 900), 3)
        known, operands, foreign, steps = set(given), 0, 0, []
        for k in range(rng.randint(1, 6)):
            a, b = (
                rng.choice(sorted(known)) if rng.random() < 0.7 else rng.randint(6001, 9999)
                for _ in range(2)
            )
            steps.append(
                rng.choice(["", f"Step {k + 1}: ", f"{k + 1}. "])
                + rng.choice(
                    [
                        "{a} + {b} = {c}",
                        "The sum = {a} + {b} = {c}.",
                        "${a} + ${b} = ${c}",
                        "{a} apples + {b} pears = {c}",
                    ]
                ).format(a=a, b=b, c=a + b)
            )
            operands, foreign = operands + 2, foreign + (a not in known) + (b not in known)
            known.add(a + b)
            if rng.random() < 0.3:
                said = rng.randint(10001, 20000)
                known.add(said)
                steps.append(f"They cost {said} dollars.")
        cases.append({"prompt": "Tom has {}, Ann {} and Bo {}.".format(*given), "steps": steps})
        want.append(foreign / operands)
    for case, share, got in zip(cases, want, run(*cases)):
        assert got["foreign"] == pytest.approx(share, abs=1e-12), case
    assert (
        run(
            {
                "prompt": "A dozen eggs, 20% off, fifty-five cats",
                "steps": ["12 * 0.2 = 2.4, 55 * 60 = 3300"],
            }
        )[0]["foreign"]
        == 0
    )
    assert "foreign" not in run({"prompt": "Add 13 and 14 in base 5.", "steps": ["3 + 4 = 12"]})[0]


def test_numbers_of_the_question_that_nothing_uses():
    rng, cases, want = random.Random(13), [], []
    for _ in range(400):
        asked = rng.sample(range(13, 900), rng.randint(1, 6))
        used = [n for n in asked if rng.random() < 0.6]
        steps = [
            rng.choice(
                ["There are {} of them.", "{} + 1000 = 5", "So: ${}.", "Step 1001: {} apples"]
            ).format(n)
            for n in used
        ] or ["None."]
        cases.append(
            {
                "prompt": rng.choice(["Tom has {}.", "Add {}!", "Is it ${}?"]).format(
                    ", ".join(map(str, asked + asked[:1]))
                ),
                "steps": steps,
            }
        )
        want.append(1 - len(used) / len(asked))
    for case, share, got in zip(cases, want, run(*cases)):
        assert got["unused"] == pytest.approx(share, abs=1e-12), case
    assert (
        run(
            {
                "prompt": "20% of 50, then 3 more",
                "steps": ["0.2 * 50 = 10", "Ten and three are 13."],
            }
        )[0]["unused"]
        == 0
    )
    for case in (
        {"prompt": "Add 13 and 14 in base 5.", "steps": ["3 + 4 = 12"]},
        {"prompt": "Which one?", "steps": ["7"]},
        {"prompt": "7", "steps": []},
    ):
        assert "unused" not in run(case)[0], case


def test_steps_that_say_nothing_of_the_question():
    letters = re.compile(r"[A-Za-z\u0080-\U0010ffff]+")
    rng, cases, want = random.Random(14), [], []
    vocabulary = [
        "box",
        "apple",
        "Apples",
        "of",
        "green",
        "caf\u00e9",
        "\u4e2d\u6587",
        "the",
        "carefully",
        "think",
        "a",
        "tree",
        "7",
        "1,000",
        "--",
    ]

    def words_of(text):
        fold = "".join(c.lower() if c.isascii() else c for c in text)
        return {w for w in letters.findall(fold) if len(w.encode()) >= 4}

    for _ in range(600):
        prompt = " ".join(rng.choices(vocabulary, k=rng.randint(1, 6)))
        steps = [
            " ".join(rng.choices(vocabulary, k=rng.randint(1, 4))) for _ in range(rng.randint(1, 7))
        ]
        asked = words_of(prompt)
        cases.append({"prompt": prompt, "steps": steps})
        want.append(
            None
            if not asked
            else max(
                0,
                sum(not re.search("[0-9]", s) and not words_of(s) & asked for s in steps[1:-1]) - 1,
            )
            / max(1, len(steps) - 2)
        )
    for case, count, got in zip(cases, want, run(*cases)):
        assert got.get("off_topic") == pytest.approx(count, abs=1e-12), case
    long = {
        "prompt": " ".join(
            f"word{chr(97 + i % 26)}{chr(97 + i // 26 % 26)}{chr(97 + i // 676 % 26)}"
            for i in range(20000)
        ),
        "steps": ["x"] + ["zzzz " * 20000] * 3 + ["y"],
    }
    assert run(long)[0]["off_topic"] == pytest.approx(2 / 3)


def test_the_same_bits_in_any_batch():
    rng = np.random.default_rng(3)
    cases = [{"steps": [words(rng, 30) for _ in range(8)]} for _ in range(20)]
    assert run(*cases) == [run(c)[0] for c in cases]
