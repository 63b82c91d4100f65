"""Graders of final answers: speed per core, and where they agree with the labels.

    python tests/bench/answers.py --rewardd build/server/rewardd --data ../shared/data \
        [--core build/tests/bench/bench_answers] [--verl verl.whl] [--trl trl.whl] [--rows 400]

Compared, each where it can be imported: Math-Verify (pip install math-verify), TRL's
accuracy_reward (the wheel, which calls Math-Verify), verl's prime_math and math_dapo (files of the
wheel; they need sympy, pylatexenc, and torch, which a file beside them imports). Rows:
Qwen2.5-Math's rated responses and rated GSM8K solutions. Every grader runs in one process on one
core, parsing included; CPU seconds are counted.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import types
import zipfile
from collections.abc import Callable

Row = tuple[str, str, bool]
BLOCK = 40  # rows
REPEAT = 100
Grader = Callable[[str, str], "bool | None"]


def read(*parts: str) -> list[dict]:
    with open(os.path.join(*parts), encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def rated(data: str, rows: int) -> dict[str, list[Row]]:
    math = [
        (response, problem["reference"], right)
        for problem in read(data, "answers", "real_math_800.jsonl")
        for response, right in zip(problem["responses"], problem["right"])
    ]
    gsm = [
        (rated["solution"], problem["ground_truth"].split("A:")[-1].strip(), rated["is_correct"])
        for problem in read(data, "gsm8k", "example_model_solutions.jsonl")
        for rated in problem.values()
        if isinstance(rated, dict)
    ]
    spread = max(1, len(gsm) // rows)
    return {"Qwen2.5-Math responses": math[:rows], "GSM8K solutions": gsm[::spread][:rows]}


def from_wheel(wheel: str, folder: str, name: str):
    """A package or module of a wheel, without the package around it."""
    target = tempfile.mkdtemp()
    with zipfile.ZipFile(wheel) as file:
        file.extractall(target, [m for m in file.namelist() if m.startswith(folder)])
    path = os.path.join(target, folder)
    if os.path.isdir(path):
        path = os.path.join(path, "__init__.py")
    spec = importlib.util.spec_from_file_location(
        name, path, submodule_search_locations=[os.path.dirname(path)]
    )
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def math_verify() -> Grader:
    from math_verify import parse, verify

    return lambda text, reference: bool(verify(parse(f"${reference}$"), parse(text)))


def trl(wheel: str) -> Grader:
    sys.path.insert(0, wheel)
    from trl.rewards.accuracy_rewards import accuracy_reward

    def grade(text: str, reference: str) -> bool | None:
        (reward,) = accuracy_reward([[{"content": text}]], [f"${reference}$"])
        return None if reward is None else reward == 1.0

    return grade


def prime_math(wheel: str) -> Grader:
    """Its own files only: the package around them would import all of a trainer."""
    target = tempfile.mkdtemp()
    with zipfile.ZipFile(wheel) as file:
        file.extractall(target, [m for m in file.namelist() if m.startswith("verl/utils/")])
    for name in ("verl", "verl.utils", "verl.utils.reward_score"):
        package = types.ModuleType(name)
        package.__path__ = [os.path.join(target, *name.split("."))]
        sys.modules[name] = package
    module = importlib.import_module("verl.utils.reward_score.prime_math")
    return lambda text, reference: bool(module.compute_score(text, reference)[0])


def math_dapo(wheel: str) -> Grader:
    module = from_wheel(wheel, "verl/utils/reward_score/math_dapo.py", "math_dapo")
    return lambda text, reference: module.compute_score(text, reference)["acc"] is True


def in_process(grade: Grader, rows: list[Row]) -> tuple[list[bool | None], float]:
    verdicts: list[bool | None] = []
    begin = time.process_time()
    for text, reference, _ in rows:
        try:
            verdicts.append(grade(text, reference))
        except Exception:  # a grader that throws has given no verdict
            verdicts.append(None)
    return verdicts, time.process_time() - begin


def command(arguments: list[str], data: bytes) -> tuple[list[str], float]:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(arguments, input=data, capture_output=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return done.stdout.decode().splitlines(), seconds


def json_lines(rows: list[Row]) -> bytes:
    return "".join(json.dumps({"text": t, "reference": r}) + "\n" for t, r, _ in rows).encode()


def rewardd(binary: str, rows: list[Row]) -> tuple[list[bool | None], float]:
    """With JSON in and out; the start of the process is spread over REPEAT rounds."""
    lines, seconds = command([binary, "verify-answers", "-"], json_lines(rows) * REPEAT)
    return [json.loads(line)["verified"] for line in lines[: len(rows)]], seconds / REPEAT


def core_alone(binary: str, rows: list[Row]) -> float:
    """Seconds of core/answer alone, as the others are measured: without JSON."""
    with tempfile.NamedTemporaryFile("wb", suffix=".jsonl") as file:
        file.write(json_lines(rows))
        file.flush()
        lines, _ = command([binary, file.name], b"")
    return float(lines[0].split(", ")[1].split(" us")[0]) * 1e-6 * len(rows)


def compare(rows: list[Row], graders: dict[str, Grader], args: argparse.Namespace) -> None:
    """In turn, a block of rows at a time, so that what else runs here meets all alike."""
    found: dict[str, list[bool | None]] = {name: [] for name in ["rewardd", *graders]}
    seconds: dict[str, float] = dict.fromkeys([*found, "core"], 0.0)
    for at in range(0, len(rows), BLOCK):
        block = rows[at : at + BLOCK]
        for name in found:
            run = graders.get(name)
            verdicts, now = in_process(run, block) if run else rewardd(args.rewardd, block)
            found[name] += verdicts
            seconds[name] += now
        if args.core:
            seconds["core"] += core_alone(args.core, block)
    right = [row[2] for row in rows]
    base = seconds["core"] if args.core else seconds["rewardd"]
    for name, verdicts in found.items():
        wrong_true = sum(v is True and not r for v, r in zip(verdicts, right))
        wrong_false = sum(v is False and r for v, r in zip(verdicts, right))
        agree = sum(v is w for v, w in zip(verdicts, found["rewardd"]))
        print(
            f"  {name:12} {seconds[name] / len(rows) * 1e6:10.2f} us  {seconds[name] / base:8.0f} x"
            f"  wrong true {wrong_true}, false {wrong_false}, null {verdicts.count(None)},"
            f" as ours {agree / len(rows):.1%}"
        )
    if args.core:
        print(f"  {'core alone':12} {seconds['core'] / len(rows) * 1e6:10.2f} us         1 x")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rewardd", required=True)
    parser.add_argument("--core", help="bench_answers: also without JSON")
    parser.add_argument("--data", required=True)
    parser.add_argument("--verl", help="a wheel of verl")
    parser.add_argument("--trl", help="a wheel of trl")
    parser.add_argument("--rows", type=int, default=400)
    args = parser.parse_args()
    makers: dict[str, Callable[[], Grader]] = {"Math-Verify": math_verify}
    if args.trl:
        makers["TRL"] = lambda: trl(args.trl)
    if args.verl:
        makers["prime_math"] = lambda: prime_math(args.verl)
        makers["math_dapo"] = lambda: math_dapo(args.verl)
    graders: dict[str, Grader] = {}
    for name, make in makers.items():
        try:
            graders[name] = make()
        except ImportError as missing:
            print(f"{name} is not compared: {missing}")
    for title, rows in rated(args.data, args.rows).items():
        print(f"{title}: {len(rows)} rows; CPU time a row, times ours, wrong verdicts")
        compare(rows, graders, args)


if __name__ == "__main__":
    main()
