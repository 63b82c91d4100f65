"""Table (Markdown, to stdout) and plots (PNG) from results.json.

python report.py --results results.json --plots DIR
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import t as student

COLOURS = {"outcome": "#c0504d", "process": "#1f6fb2"}


def mean_ci(values: list[float]) -> tuple[float, float]:
    """Mean and half width of the 95 % interval over seeds (Student's t); with two seeds, half their
    distance."""
    n = len(values)
    if n == 2:
        return float(np.mean(values)), float(abs(values[0] - values[1]) / 2)
    half = (
        float("nan")
        if n < 2
        else float(student.ppf(0.975, n - 1) * np.std(values, ddof=1) / n**0.5)
    )
    return float(np.mean(values)), half


def pick(runs: list[dict], figure: str, **want) -> list[float]:
    return [r[figure] for r in runs if all(r[k] == v for k, v in want.items())]


def names_of(runs: list[dict], part: str) -> list[str]:
    return list(dict.fromkeys(r["name"] for r in runs if r["part"] == part))


def cell(values: list[float]) -> str:
    if not values:
        return "-"
    mean, half = mean_ci(values)
    if len(values) < 3:  # an interval from two values says nothing: show both
        return f"{mean:.3f} ({min(values):.3f} – {max(values):.3f})"
    return f"{mean:.3f} ± {half:.3f}"


def table(runs: list[dict], part: str, columns: dict[str, str], eta: dict[str, list[float]]) -> str:
    lines = [
        "| training | scorer | "
        + " | ".join(columns.values())
        + (" | coverage η |" if eta else " |")
    ]
    lines.append("|" + "---|" * (2 + len(columns) + bool(eta)))
    for name in names_of(runs, part):
        for kind in COLOURS:
            cells = [cell(pick(runs, c, part=part, name=name, kind=kind)) for c in columns]
            tail = f" | {cell(eta[name])} |" if eta else " |"
            lines.append(f"| {name} | {kind} | " + " | ".join(cells) + tail)
    return "\n".join(lines)


def plot_screening(runs: list[dict], folder: Path) -> None:
    figures = {
        "in_distribution": "in distribution",
        "style_reversed": "style reversed (out of distribution)",
        "shortcuts_accepted": "right answer, wrong process: accepted",
    }
    fig, axes = plt.subplots(1, 3, figsize=(11, 3.4), sharey=True)
    for ax, (figure, title) in zip(axes, figures.items()):
        for kind, colour in COLOURS.items():
            names = names_of(runs, "screening")
            stats = [
                mean_ci(pick(runs, figure, part="screening", name=n, kind=kind)) for n in names
            ]
            ax.errorbar(
                range(len(names)),
                [s[0] for s in stats],
                yerr=np.nan_to_num([s[1] for s in stats]),
                color=colour,
                marker="o",
                capsize=3,
                label=kind,
            )
        ax.set_xticks(range(len(names)), names)
        ax.set_title(title, fontsize=10)
        ax.set_xlabel("probability that style agrees with the outcome")
        ax.set_ylim(-0.03, 1.03)
        ax.grid(alpha=0.3)
    axes[0].set_ylabel("share of traces")
    axes[0].legend()
    fig.tight_layout()
    fig.savefig(folder / "screening.png", dpi=90)


def plot_coverage(runs: list[dict], folder: Path) -> None:
    names = names_of(runs, "coverage")
    fig, ax = plt.subplots(figsize=(8.5, 3.4))
    for i, (kind, colour) in enumerate(COLOURS.items()):
        stats = [
            mean_ci(pick(runs, "reversed_rule", part="coverage", name=n, kind=kind)) for n in names
        ]
        where = np.arange(len(names)) + (i - 0.5) * 0.36
        ax.bar(
            where,
            [s[0] for s in stats],
            0.34,
            yerr=np.nan_to_num([s[1] for s in stats]),
            color=colour,
            capsize=3,
            label=kind,
        )
    ax.axhline(0.5, color="black", lw=0.8, ls="--")
    ax.set_xticks(range(len(names)), [n.replace(", ", ",\n") for n in names], fontsize=8)
    ax.set_ylim(0, 1.03)
    ax.set_ylabel("accuracy, all reversed operations")
    ax.legend(loc="upper left")
    fig.tight_layout()
    fig.savefig(folder / "coverage.png", dpi=90)


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--results", type=Path, default=Path("results.json"))
    p.add_argument("--plots", type=Path, default=Path("."))
    opt = p.parse_args()
    state = json.loads(opt.results.read_text())
    runs = state["runs"]
    common = {
        "in_distribution": "in distribution",
        "style_uninformative": "style says nothing",
        "style_reversed": "style reversed",
        "shortcuts_accepted": "shortcut traces accepted",
    }
    print(table(runs, "screening", common, {}))
    print()
    print(
        table(
            runs,
            "coverage",
            {"in_distribution": "in distribution", "reversed_rule": "all reversed operations"},
            state["eta"],
        )
    )
    print(f"\n{len(runs)} runs, {sum(r['seconds'] for r in runs) / 60:.1f} minutes of training")
    plot_screening(runs, opt.plots)
    plot_coverage(runs, opt.plots)


if __name__ == "__main__":
    main()
