"""The Markdown tables of the model cards from evaluate.py's --json output.

python tables.py figures.json
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

TARGETS = [  # (section, set, figure, wanted, above)
    (
        "own",
        "all families, held-out seeds",
        "step AUROC",
        0.97,
        "own generator, held-out seeds: step AUROC",
    ),
    (
        "own",
        "all families, held-out seeds",
        "first-error accuracy",
        0.85,
        "… exact first-error accuracy",
    ),
    ("own", "all families, held-out seeds", "clean-trace accuracy", 0.90, "… clean-trace accuracy"),
    (
        "held-out",
        "all held-out templates, families",
        "step AUROC",
        0.85,
        "held-out templates and families: step AUROC",
    ),
    ("ProcessBench", "gsm8k", "step AUROC", 0.70, "ProcessBench-GSM8K: step AUROC"),
    ("ProcessBench", "gsm8k", "F1", 0.302, "ProcessBench-GSM8K: F1"),
    ("newcomers", "GSM8K test, gold", "right accepted", 0.90, "GSM8K test, gold: right accepted"),
    ("newcomers", "typed by hand", "right accepted", 0.95, "typed by hand: right accepted"),
    ("newcomers", "typed by hand", "wrong rejected", 0.95, "… wrong rejected"),
]


class Figures:
    def __init__(self, rows: list[dict]) -> None:
        self.rows = rows

    def get(self, section: str, name: str, figure: str) -> dict | None:
        return next(
            (
                r
                for r in self.rows
                if (r["section"], r["set"], r["figure"]) == (section, name, figure)
            ),
            None,
        )

    def sets(self, section: str, figure: str) -> list[dict]:
        return [r for r in self.rows if r["section"] == section and r["figure"] == figure]


def table(head: list[str], rows: list[list[str]]) -> str:
    return "\n".join("| " + " | ".join(r) + " |" for r in [head, ["---"] * len(head), *rows])


def shown(row: dict | None, key: str = "value") -> str:
    value = None if row is None else row.get(key)
    return (
        "–"
        if value is None
        else f"{value:.3f}"
        if isinstance(value, float)
        else str(value).strip("[]").replace(",", " – ")
    )


def targets(f: Figures) -> str:
    out = []
    for section, name, figure, wanted, words in TARGETS:
        row = f.get(section, name, figure)
        if row is not None:
            verdict = "reached" if row["value"] >= wanted else "**not reached**"
            out.append([words, f"{wanted}", f"{shown(row)} {verdict}"])
    return table(["target", "wanted", "measured"], out)


def steps(f: Figures, section: str) -> str:
    head = [
        "set",
        "n",
        "step AUROC",
        "95 %",
        "length only",
        "words only",
        "first-error acc.",
        "clean acc.",
        "F1",
        "95 %",
        "F1 length only*",
        "F1 words only*",
    ]
    out = []
    for row in f.sets(section, "step AUROC"):
        name = row["set"]
        wrong, clean, f1 = (
            f.get(section, name, k) for k in ("first-error accuracy", "clean-trace accuracy", "F1")
        )
        out.append(
            [
                name,
                str(row["n"]),
                shown(row),
                shown(row, "ci"),
                shown(row, "length"),
                shown(row, "words"),
                shown(wrong),
                shown(clean),
                shown(f1),
                shown(f1, "ci"),
                shown(f1, "length_oracle"),
                shown(f1, "words_oracle"),
            ]
        )
    return table(head, out)


def plain(f: Figures, section: str, figure: str, columns: dict[str, str]) -> str:
    rows = f.sets(section, figure)
    return table(
        ["set", figure, *columns.values()],
        [[r["set"], shown(r), *(shown(r, k) for k in columns)] for r in rows],
    )


def main() -> None:
    f = Figures(json.loads(Path(sys.argv[1]).read_text()))
    print("## Targets\n", targets(f), sep="\n")
    columns = {"ci": "95 %", "outcome": "outcome model", "n": "n"}
    for figure in ("right accepted", "wrong rejected"):
        print(f"\n## newcomers: {figure}\n", plain(f, "newcomers", figure, columns), sep="\n")
    for section in ("own", "held-out", "ProcessBench"):
        print(f"\n## {section}\n", steps(f, section), sep="\n")
    print(
        "\n",
        plain(
            f,
            "ProcessBench",
            "AUROC of the minimum",
            {"ci": "95 %", "length": "length only", "n": "n"},
        ),
        sep="",
    )
    print("\n## surface\n")
    print(
        table(
            ["set", "what", "value", "n"],
            [
                [r["set"], r["figure"], shown(r), str(r["n"])]
                for r in f.rows
                if r["section"] == "surface"
            ],
        )
    )
    print("\n## errors\n", plain(f, "errors", "AUROC against valid steps", {"n": "n"}), sep="\n")
    print(
        "\n## PRMBench\n",
        plain(
            f,
            "PRMBench",
            "PRMScore",
            {
                "ci": "95 %",
                "length": "length only",
                "words": "words only",
                "all_correct": "all correct",
                "auroc": "step AUROC",
                "auroc_length": "… length only",
                "auroc_words": "… words only",
                "n": "n",
            },
        ),
        sep="\n",
    )
    print(
        "\n## BIG-Bench Mistake\n",
        plain(
            f,
            "BIG-Bench",
            "location accuracy",
            {
                "ci": "95 %",
                "length_oracle": "length only*",
                "words_oracle": "words only*",
                "always_none": "always none",
                "step_auroc": "step AUROC",
                "auroc_length": "… length only",
                "auroc_words": "… words only",
                "n": "n",
            },
        ),
        sep="\n",
    )
    print(
        "\n## ORM\n",
        plain(
            f,
            "ORM",
            "AUROC",
            {"ci": "95 %", "length": "length only", "words": "words only", "n": "n"},
        ),
        sep="\n",
    )
    print(
        "\n## shortcuts\n",
        plain(
            f,
            "shortcuts",
            "process model rejects",
            {
                "ci": "95 %",
                "outcome_model_accepts": "outcome model accepts",
                "ci_outcome": "95 %",
                "honest_rejected": "honest ones rejected",
                "auroc_process": "AUROC against honest, process",
                "auroc_outcome": "… outcome",
                "length": "… length only",
                "words": "… words only",
                "invalid": "has a wrong step",
                "answer_right": "answer right",
                "family": "family",
            },
        ),
        sep="\n",
    )


if __name__ == "__main__":
    main()
