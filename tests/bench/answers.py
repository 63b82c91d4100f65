"""Graders of final answers: speed per core, and where they agree with the labels.

    python tests/bench/answers.py --rewardd build/server/rewardd --data ../shared/data \
        [--verl verl.whl] [--trl trl.whl] [--rows 400]

Compared, each where it can be imported: Math-Verify (pip install math-verify), TRL's
accuracy_reward (the wheel, which calls Math-Verify), verl's prime_math and math_dapo (files of the
wheel; they need sympy and pylatexenc). Rows: Qwen2.5-Math's rated responses and rated GSM8K
solutions. Every grader runs in one process on one core, parsing included; CPU seconds are counted.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import zipfile
from typing import Callable

Row = tuple[str, str, bool]
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
    module = from_wheel(wheel, "verl/utils/reward_score/prime_math", "prime_math")
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


def rewardd(binary: str, rows: list[Row], repeat: int) -> tuple[list[bool | None], float]:
    lines = "".join(json.dumps({"text": t, "reference": r}) + "\n" for t, r, _ in rows) * repeat
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [binary, "verify-answers", "-"], input=lines.encode(), capture_output=True, check=False
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    verdicts = [json.loads(line)["verified"] for line in done.stdout.splitlines()[: len(rows)]]
    return verdicts, seconds / repeat


def report(name: str, rows: list[Row], verdicts: list[bool | None], seconds: float) -> float:
    right = [row[2] for row in rows]
    wrong_true = sum(v is True and not r for v, r in zip(verdicts, right))
    wrong_false = sum(v is False and r for v, r in zip(verdicts, right))
    null = sum(v is None for v in verdicts)
    each = seconds / len(rows) * 1e6
    print(f"  {name:12} {each:10.1f} us {wrong_true:6} {wrong_false:6} {null:6}")
    return each


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rewardd", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--verl", help="a wheel of verl")
    parser.add_argument("--trl", help="a wheel of trl")
    parser.add_argument("--rows", type=int, default=400)
    args = parser.parse_args()
    graders: dict[str, Callable[[], Grader]] = {"Math-Verify": math_verify}
    if args.trl:
        graders["TRL"] = lambda: trl(args.trl)
    if args.verl:
        graders["prime_math"] = lambda: prime_math(args.verl)
        graders["math_dapo"] = lambda: math_dapo(args.verl)
    for title, rows in rated(args.data, args.rows).items():
        print(f"{title}: {len(rows)} rows; CPU time a row, wrong true, wrong false, null")
        verdicts, seconds = rewardd(args.rewardd, rows, 20)
        ours = report("rewardd", rows, verdicts, seconds)
        for name, make in graders.items():
            try:
                verdicts, seconds = in_process(make(), rows)
            except ImportError as missing:
                print(f"  {name:12} not compared: {missing}")
                continue
            print(f"  {'':12} {report(name, rows, verdicts, seconds) / ours:10.0f} times ours")


if __name__ == "__main__":
    main()
